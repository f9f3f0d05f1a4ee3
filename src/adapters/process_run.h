/* adapters/process_run.h: what the parts of the runner share: process.c (reading children), process_effect.c (effects'
 * children), process_stay.c (children that stay). For nobody else. */
#ifndef CM_ADAPTERS_PROCESS_RUN_H
#define CM_ADAPTERS_PROCESS_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <cm/loop.h>
#include <cm/runner.h>

#include "adapters/spawn.h"

void cm_process_begin_out(struct cm_out *out);               /* status -1, empty texts */
size_t cm_process_output_limit(const struct cm_cmd *cmd);
int64_t cm_process_deadline(struct cm_loop *loop, const struct cm_cmd *cmd, int64_t outer);
/* Wait for ready() with cmd->tick called meanwhile. *tick_err: its first failure. */
enum cm_wait cm_process_wait(struct cm_loop *loop, const struct cm_cmd *cmd, bool (*ready)(void *), void *ctx, int64_t deadline,
                             bool heed_cancel, struct cm_err **tick_err);
int cm_process_late(const struct cm_cmd *cmd, const struct cm_out *out, struct cm_err **err);       /* -1, passing */
void cm_process_log(struct cm_step *step, const struct cm_cmd *cmd, const struct cm_out *out, const char *note);
void cm_process_log_lines(struct cm_step *step, const char *mark, const char *text, int n);

#endif
