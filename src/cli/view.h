/* cli/view.h: what people see of a run, on stderr: lines as things happen, and on a terminal the live block below them (live.h); without
 * one, or with --plain, a line every 30 s that says what is still at work. Gates are asked here, Ctrl-C is answered here, and the last
 * screen is printed. Fills the engine's struct cm_view. Does not decide anything. */
#ifndef CM_CLI_VIEW_H
#define CM_CLI_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/engine.h"

struct cm_screen;

struct cm_screen_options {
    const char *plan_file, *run_dir;
    bool json;               /* the end as one JSON object on stdout */
    bool plain;              /* whole sentences, no colour, nothing drawn in place */
    const char *color;       /* "auto" "always" "never"; NULL: auto */
    bool quiet;              /* gates, failures and the end only */
};

struct cm_screen *cm_screen_new(struct cm_loop *loop, const struct cm_screen_options *o);
const struct cm_view *cm_screen_view(struct cm_screen *s);
void cm_screen_free(struct cm_screen *s);
/* A run that was refused before it began, while another one is on record (alive: and at work): its last screen. */
void cm_screen_refused(struct cm_screen *s, int status, const struct cm_err *err, const struct cm_model *model, bool alive);
/* May colour be used on this descriptor? By --color, NO_COLOR (no-color.org), TERM and whether it is a terminal. */
bool cm_wants_colour(int fd, const char *color, bool plain);
/* Can a block be drawn in place on it? */
bool cm_can_draw(int fd, bool plain);

#endif
