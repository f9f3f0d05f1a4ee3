/* adapters/secrets.h: where secrets come from: {env: NAME}, {file: PATH}, {command: [argv]}. The error names the plan key and the
 * source, never the value. */
#ifndef CM_ADAPTERS_SECRETS_H
#define CM_ADAPTERS_SECRETS_H

#include <jansson.h>

#include <cm/err.h>
#include <cm/loop.h>

#include "base/secret.h"

/* `what`: the plan's key, for errors. NULL ref: *out NULL and 0. Caller frees *out. A command runs at most 30 s. */
int cm_secret_resolve(struct cm_loop *loop, const json_t *ref, const char *what, struct cm_secret **out, struct cm_err **err);

#endif
