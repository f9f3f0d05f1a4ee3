/* journal/state.c: the one word for where a run stands, for `status` and for scripts. */
#include <config.h>

#include <string.h>

#include "journal/situation.h"

static const char *ended_word(const struct cm_model *m)
{
    const char *result = m->now->result;
    if (result != NULL && strcmp(result, "failed") == 0)
        return "failed";
    return m->now->direction == CM_BACKWARD ? "rolled-back" : m->now->direction == CM_FINISH ? "final" : "done";
}

static const char *stopped_word(const struct cm_model *m)
{
    if (m->running)
        return "interrupted"; /* begun, not ended, and nobody holds the lock: it was killed */
    switch (m->last_status) {
    case CM_E_WAITING:
    case CM_E_OK: /* --until was reached: it waits for the next command */ return "waiting";
    case CM_E_BLOCKED: return "blocked";
    case CM_E_INTERRUPTED:
    case CM_E_TERMINATED: return "interrupted";
    default: return "failed";
    }
}

const char *cm_run_state(const struct cm_model *m, bool alive)
{
    if (m == NULL || m->run_id == NULL)
        return "new";
    if (m->now != NULL && m->now->ended)
        return ended_word(m);
    if (alive)
        return m->now != NULL && m->now->direction == CM_BACKWARD ? "rolling-back"
               : cm_model_waiting_gate(m) != NULL                 ? "waiting"
                                                                  : "running";
    /* Killed while it wrote the report: everything that counts is done and verified, and the report may say so already. */
    return cm_model_only_report_open(m) ? ended_word(m) : stopped_word(m);
}
