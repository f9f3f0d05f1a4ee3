/* cli/preview.h: what preview shows, collected from the engine's view, then written whole as text, Markdown, HTML or JSON. */
#ifndef CM_CLI_PREVIEW_H
#define CM_CLI_PREVIEW_H

#include <stdio.h>

#include "engine/engine.h"

enum cm_preview_format { CM_PREVIEW_TEXT, CM_PREVIEW_MARKDOWN, CM_PREVIEW_HTML, CM_PREVIEW_JSON };
struct cm_preview;

struct cm_preview *cm_preview_new(enum cm_preview_format format, const char *plan);
const struct cm_view *cm_preview_view(struct cm_preview *p);
void cm_preview_print(struct cm_preview *p, FILE *out);
void cm_preview_free(struct cm_preview *p);

#endif
