/* cli/view.h: what people see of a run, on stderr: plain lines, a line that is rewritten for progress on a terminal only, gates and
 * the end. Fills the engine's struct cm_view. Does not decide anything. */
#ifndef CM_CLI_VIEW_H
#define CM_CLI_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/engine.h"

struct cm_screen;

struct cm_screen_options {
    const char *plan_file, *run_dir;
    bool json;               /* the end as one JSON object on stdout */
    bool plain;              /* no colour, nothing rewritten */
    const char *color;       /* "auto" "always" "never"; NULL: auto */
    bool quiet;              /* gates, failures and the end only */
};

struct cm_screen *cm_screen_new(const struct cm_loop *loop, const struct cm_screen_options *o);
const struct cm_view *cm_screen_view(struct cm_screen *s);
void cm_screen_free(struct cm_screen *s);
/* One error with its evidence and hint, as it stands at the end of every command; to stderr. */
void cm_print_error(const struct cm_err *err);
/* The five lines and the next commands; to `out`. */
void cm_print_situation(FILE *out, const struct cm_model *model, const char *plan_file, int64_t now_wall_ms);

#endif
