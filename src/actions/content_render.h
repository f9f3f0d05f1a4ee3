/* actions/content_render.h: rendering documents that the plan names, as part of content.validate. */
#ifndef CM_ACTIONS_CONTENT_RENDER_H
#define CM_ACTIONS_CONTENT_RENDER_H

#include <cm/action.h>

#include "adapters/connect.h"

/* Render each GUID of content.render once (effect "content.render", key GUID). A failed rendering is a result of its intent, {"state":
 * "rendered" | "failed" | "gone" | "unknown", "error"}, no error. */
int cm_render_all(struct cm_step *step, struct cm_connect *c, struct cm_err **err);
/* The result's state and error of one item, borrowed; NULL: it was not to be rendered. */
const char *cm_render_state(struct cm_step *step, const char *guid, const char **error);

#endif
