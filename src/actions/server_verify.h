/* actions/server_verify.h: what connect.verify (the new server) and source.verify (the old one, on the way back) have in common. All
 * of it reads. */
#ifndef CM_ACTIONS_SERVER_VERIFY_H
#define CM_ACTIONS_SERVER_VERIFY_H

#include <stdbool.h>

#include <cm/action.h>

#include "adapters/connect.h"

/* __ping__ answers 200: within the step's limit, or an error that says what it answers instead. `guarded`: under the interlock. */
int cm_verify_ping(struct cm_step *step, struct cm_connect *c, bool guarded, struct cm_err **err);
/* The key is an administrator's there. */
int cm_verify_key(struct cm_step *step, struct cm_connect *c, struct cm_err **err);
/* The same content as the baseline. Items that are missing, but few, are a question to a person (finding content.missing): they may
 * have been deleted since. All of them missing is another database. *total: items seen. */
int cm_verify_guids(struct cm_step *step, struct cm_connect *c, size_t *total, struct cm_err **err);
/* The version equals the baseline's, where both are known and the baseline is of the old server. */
int cm_verify_version(struct cm_step *step, struct cm_connect *c, const json_t *settings, struct cm_err **err);

#endif
