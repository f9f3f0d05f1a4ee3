/* cli/preview.h: what preview shows, collected from the engine's view, then written whole: as text for the terminal, as Markdown or HTML for
 * a change board, or as JSON. Does not: look at the outside (engine/look.c). */
#ifndef CM_CLI_PREVIEW_H
#define CM_CLI_PREVIEW_H

#include <stdio.h>

#include <jansson.h>

#include "engine/engine.h"

enum cm_preview_format { CM_PREVIEW_TEXT, CM_PREVIEW_MARKDOWN, CM_PREVIEW_HTML, CM_PREVIEW_JSON };
struct cm_preview;

struct cm_preview *cm_preview_new(enum cm_preview_format format, const struct cm_plan *plan);
const struct cm_view *cm_preview_view(struct cm_preview *p);
void cm_preview_print(struct cm_preview *p, FILE *out);
void cm_preview_free(struct cm_preview *p);

/* The same for a change board, cli/preview_board.c: [blocks] of report/parts.h from the collected document:
 * {"plan", "plan_digest", "runbook", "ticket", "contact", "window": {start, end, zone}, "target": text, "source": [host],
 *  "approve": [{"gate", "attest", "title", "shown", "digest", "command"}],
 *  "stages": [{"id", "title", "steps": [{"id", "summary", "state", "reason", "action", "kind", "by", "limit_ms", "reversal", "cost",
 *              "took_ms", "does": [{"kind", "text"}]}]}]} */
json_t *cm_preview_blocks(const json_t *all);

#endif
