/* cli/live.h: the block that stands at the bottom of a terminal while a run is at work: stages, the step running now, the window, the
 * downtime, what is in force, and the builds with their rate and what is left. A pure function of the record's model and a time, so
 * that the run itself and `status --watch` show the same. Does not: write to a terminal (terminal.h does). */
#ifndef CM_CLI_LIVE_H
#define CM_CLI_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cm/str.h>

#include "journal/model.h"

struct cm_live_look {
    size_t columns, rows;                /* of the terminal; the block stays one column and some rows below */
    bool colour, utf8;                   /* utf8 false: marks and bar in ASCII */
    const char *plan_file;
    const char *doing;                   /* more of the step running now, which is not on record: "120 of 800 items"; NULL */
};

/* Lines, each ended by a newline but the last; no line is wider than columns - 1. "" when there is no room or nothing to show. */
void cm_live_text(const struct cm_live_look *look, const struct cm_model *m, int64_t now_wall_ms, struct cm_str *out);
/* The same in one sentence, for readers who get no block: "helm.deploy has been running for 1 min 30 s; users out for 4 min; …".
 * "" when no step is at work. Caller frees. */
char *cm_live_sentence(const struct cm_model *m, int64_t now_wall_ms);
/* "2 h 10 min left, ends at 03:00 CET"; NULL: the plan has no window, or all is over. *late: its end is near or past. Caller frees. */
char *cm_live_window(const struct cm_model *m, int64_t now_wall_ms, bool *late);

#endif
