/* run, rollback, finish: the three walks. */
#include <config.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/locks.h"
#include "cli/session.h"
#include "journal/journal.h"

/* Refused before anything began, over a run that is on record: its state of the world is what the reader needs next. The error is
 * printed and taken then; without a record that can be read it is left as it is. */
static void refused(struct cm_session *s, int status, struct cm_err **err)
{
    cm_autofree char *path = cm_path_join(s->run_dir, "state.jsonl");
    bool absent = false;
    struct cm_model *m = cm_journal_read(path, &absent, NULL);
    if (m == NULL)
        return;
    cm_screen_refused(s->screen, status, *err, m, cm_run_is_live(s->run_dir));
    cm_err_clear(err);
    cm_model_free(m);
}

static int walk(const struct cm_invocation *in, enum cm_direction direction, struct cm_err **err)
{
    struct cm_session s;
    if (cm_session_open(&s, in, err) < 0)
        return -1;
    int status = cm_engine_run(&s.setup, direction, err);
    if (err != NULL && *err != NULL && (status == CM_E_LOCKED || status == CM_E_CHANGED))
        refused(&s, status, err);
    cm_session_close(&s);
    return status;
}

int cm_cmd_run(const struct cm_invocation *in, struct cm_err **err) { return walk(in, CM_FORWARD, err); }
int cm_cmd_rollback(const struct cm_invocation *in, struct cm_err **err) { return walk(in, CM_BACKWARD, err); }
int cm_cmd_finish(const struct cm_invocation *in, struct cm_err **err) { return walk(in, CM_FINISH, err); }
