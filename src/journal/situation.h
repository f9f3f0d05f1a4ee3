/* journal/situation.h: the state of the world as the record has it, in the five lines that stand under every failure, in
 * `status` and in the report: old server, new server, database, users, changes in force. And the two clocks. It knows
 * effects by their names (contract), not actions. */
#ifndef CM_JOURNAL_SITUATION_H
#define CM_JOURNAL_SITUATION_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/model.h"

enum { CM_SITUATION_LINES = 5, CM_SITUATION_LABEL = 14 };          /* columns of a line that its label takes */

struct cm_situation {
    char *line[CM_SITUATION_LINES];      /* "old server    stopped and masked on connect1 since 22:04" … */
    int64_t service_down_ms;             /* first stop to connect.verify done (or now), a way back (scale to zero to
                                            source.verify) counted too; 0: not begun */
    int64_t users_out_ms;                /* access.close to access.open done (or now) */
    bool service_is_down, users_are_out;
    int64_t service_from_ms, service_to_ms;      /* wall, first beginning and last end; 0: not yet */
    int64_t users_from_ms, users_to_ms;
};

/* The state word of `status --json`: new running waiting blocked failed interrupted done rolling-back rolled-back final.
 * `alive`: a process holds the run directory's lock. m NULL: "new". */
const char *cm_run_state(const struct cm_model *m, bool alive);
/* Did this run find that somebody else has changed the release, or taken it away, since its own newest upgrade? */
bool cm_foreign_release(const struct cm_model *m);
void cm_situation(const struct cm_model *m, int64_t now_wall_ms, struct cm_situation *out);
void cm_situation_fini(struct cm_situation *s);

#endif
