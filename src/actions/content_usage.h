/* actions/content_usage.h: how often content was visited, by Connect's instrumentation. For content.prioritize. */
#ifndef CM_ACTIONS_CONTENT_USAGE_H
#define CM_ACTIONS_CONTENT_USAGE_H

#include <cm/action.h>

#include "adapters/connect.h"

/* Visits since a wall time, {guid: count}; new reference in *visits. *available false: instrumentation is off, or the server has
 * no such endpoint. */
int cm_usage_get(struct cm_step *step, struct cm_connect *c, int64_t since_ms, json_t **visits, bool *available,
                 struct cm_err **err);

#endif
