/* cli/commands.h: the commands, a file each (cmd_NAME.c). Each returns the exit status, or -1 with an error whose code it is. */
#ifndef CM_CLI_COMMANDS_H
#define CM_CLI_COMMANDS_H

#include <cm/err.h>

struct cm_invocation;

int cm_cmd_run(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_rollback(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_finish(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_check(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_preview(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_status(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_approve(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_report(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_convert_config(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_convert_values(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_init(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_explain(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_schema(const struct cm_invocation *in, struct cm_err **err);
int cm_cmd_rehearse(const struct cm_invocation *in, struct cm_err **err);

#endif
