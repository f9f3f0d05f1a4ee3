/* cm/runner.h: running commands. argv arrays, never a shell; own session; a time limit; capped output.
 *
 * Two kinds. Reading children (cm_run) die with us and are killed on cancel and at their limit. An effect's child
 * (cm_run_effect) is forked, held at a pipe until its pid, start time and boot id are on record as a note of the
 * intent, then let go; it outlives us, and its output goes to an unlinked file, so that it never meets a closed pipe.
 * At its limit an effect's child gets SIGTERM, 30 s later SIGKILL.
 *
 * Does not: interpret an exit status, know hosts (adapters/host.h). */
#ifndef CM_RUNNER_H
#define CM_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cm/err.h>

struct cm_step;
struct cm_intent;

struct cm_cmd {
    const char *const *argv;        /* NULL-ended; argv[0] is looked up in PATH */
    const char *const *env;         /* NULL-ended "NAME=value", added to ours; may be NULL; may hold secrets */
    const char *cwd;                /* NULL: ours */
    const void *input;              /* stdin; NULL: /dev/null; may hold secrets */
    size_t input_bytes;
    int64_t timeout_ms;             /* 0: what is left of the step's limit */
    size_t output_max_bytes;        /* of each stream; 0: 16 MiB; more is read and dropped, `truncated` is set */
    /* An effect's child: a process of ours stands between, outlives us, and leaves the command's exit status on disk, so that a
     * later start knows how it ended (cm_run_effect_left). For commands whose effect nothing else shows. */
    bool keep_status;
    const char *status_path;        /* filled by cm_run_effect */
    /* Called about every tick_ms while the command runs, when tick is set: what must be watched meanwhile. A failing
     * tick does not end the command; its error is returned once the command has ended. */
    int (*tick)(void *ctx, struct cm_err **err);
    void *tick_ctx;
    int64_t tick_ms;
};

struct cm_out {
    int status;                     /* exit status, or 128 + signal */
    bool timed_out;
    bool truncated;
    char *out;                      /* NUL-terminated, owned; NULL only before the run */
    size_t out_bytes;
    char *errout;                   /* stderr, the same */
    size_t errout_bytes;
    int64_t took_ms;
};

void cm_out_fini(struct cm_out *out);                /* frees the texts */
#define cm_autoout CM_CLEANUP(cm_out_fini) struct cm_out

/* Run a reading child to its end. 0: it ran and ended (any status, see out->status). -1: it could not be started, ran
 * into its limit (passing), or was cancelled (CM_E_INTERRUPTED). Writes one line to the step's log. */
int cm_run(struct cm_step *step, const struct cm_cmd *cmd, struct cm_out *out, struct cm_err **err);
/* Run an effect's child to its end; the rules stand above. 0 and -1 as cm_run. A first SIGINT lets it end; a second
 * sends it SIGTERM; a third SIGKILL (counted by cm_run_escalate). */
int cm_run_effect(struct cm_intent *intent, const struct cm_cmd *cmd, struct cm_out *out, struct cm_err **err);

/* How a child of this intent ended that was run with keep_status by an earlier start. false: not known (it was never let go, or was
 * killed together with its keeper). */
bool cm_run_effect_left(struct cm_intent *intent, int *status);

#endif
