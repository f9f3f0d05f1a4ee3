/* approve: an answer given from elsewhere: go at a gate, an attestation, the answer to an open question. */
#include <config.h>

#include <stdio.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/session.h"

int cm_cmd_approve(const struct cm_invocation *in, struct cm_err **err)
{
    struct cm_session s;
    if (cm_session_open(&s, in, err) < 0)
        return -1;
    int status = cm_engine_approve(&s.setup, in->args[1], cm_given_value(in, CM_O_NOTE), err);
    if (status == CM_E_OK)
        cm_log(CM_NORMAL, "%s is answered, on record; go on with `connect-migrate-run %s`", in->args[1], in->args[0]);
    cm_session_close(&s);
    return status;
}
