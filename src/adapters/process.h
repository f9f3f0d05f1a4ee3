/* adapters/process.h: the one runner of commands (include/cm/runner.h holds the rules), for callers without a step, and
 * long-lived reading children (port-forward). */
#ifndef CM_ADAPTERS_PROCESS_H
#define CM_ADAPTERS_PROCESS_H

#include <cm/loop.h>
#include <cm/runner.h>

/* As cm_run, with an own limit (cmd->timeout_ms > 0) and no step's log. */
int cm_proc_run(struct cm_loop *loop, const struct cm_cmd *cmd, struct cm_out *out, struct cm_err **err);

/* A reading child that stays: its stdout is handed out line by line. It dies with us (PR_SET_PDEATHSIG) and with cm_proc_stop. */
struct cm_proc;
struct cm_proc *cm_proc_start(struct cm_loop *loop, const struct cm_cmd *cmd, void (*line)(void *ctx, const char *text),
                              void (*ended)(void *ctx, int status), void *ctx, struct cm_err **err);
void cm_proc_stop(struct cm_proc *taken);
const char *cm_proc_errout(const struct cm_proc *p);     /* what it wrote to stderr so far, capped */

/* A further SIGINT or SIGTERM while an effect's child runs: the first lets it end, the second sends SIGTERM, the third
 * SIGKILL. Called by the engine's signal handler; does nothing while none runs. */
void cm_run_escalate(int nth_signal);

#endif
