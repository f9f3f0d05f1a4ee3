/* run, rollback, finish: the three walks. */
#include <config.h>

#include "cli/commands.h"
#include "cli/session.h"

static int walk(const struct cm_invocation *in, enum cm_direction direction, struct cm_err **err)
{
    struct cm_session s;
    if (cm_session_open(&s, in, err) < 0)
        return -1;
    int status = cm_engine_run(&s.setup, direction, err);
    cm_session_close(&s);
    return status;
}

int cm_cmd_run(const struct cm_invocation *in, struct cm_err **err) { return walk(in, CM_FORWARD, err); }
int cm_cmd_rollback(const struct cm_invocation *in, struct cm_err **err) { return walk(in, CM_BACKWARD, err); }
int cm_cmd_finish(const struct cm_invocation *in, struct cm_err **err) { return walk(in, CM_FINISH, err); }
