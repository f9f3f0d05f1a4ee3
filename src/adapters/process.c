/* adapters/process.c: reading children (include/cm/runner.h, adapters/process.h): they die with us, are killed with their
 * group on a cancel and at their limit, and their output is capped. Effects' children stand in process_effect.c.
 *
 * A child's end is its own end, not that of its pipes: what it leaves behind (ssh's shared connection) may hold them open. */
#include <config.h>

#include "adapters/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cm/action.h>
#include <cm/str.h>

#include "adapters/process_run.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"

void cm_out_fini(struct cm_out *out)
{
    free(out->out);
    free(out->errout);
    out->out = out->errout = NULL;
}

void cm_process_begin_out(struct cm_out *out)
{
    *out = (struct cm_out){.status = -1};
    out->out = cm_strdup("");
    out->errout = cm_strdup("");
}

size_t cm_process_output_limit(const struct cm_cmd *cmd)
{
    return cmd->output_max_bytes > 0 ? cmd->output_max_bytes : (size_t)16 << 20;
}

/* ---- waiting with a tick ---- */

enum cm_wait cm_process_wait(struct cm_loop *loop, const struct cm_cmd *cmd, bool (*ready)(void *), void *ctx, int64_t deadline,
                             bool heed_cancel, struct cm_err **tick_err)
{
    enum cm_wait (*wait)(struct cm_loop *, bool (*)(void *), void *, int64_t) = heed_cancel ? cm_loop_until : cm_loop_drain;
    int64_t next = CM_NEVER;
    if (cmd->tick != NULL)
        next = cm_loop_now_ms(loop) + cmd->tick_ms;
    for (;;) {
        enum cm_wait w = wait(loop, ready, ctx, next < deadline ? next : deadline);
        if (w != CM_WAIT_DEADLINE || cm_loop_now_ms(loop) >= deadline)
            return w;
        /* The tick itself may wait for the loop, so it is called from here and not from a timer. After a failure it goes
         * on: what it guards still needs guarding. A cancelled loop lets nothing of it succeed. */
        if (!cm_loop_cancelled(loop)) {
            struct cm_err *e = NULL;
            if (cmd->tick(cmd->tick_ctx, &e) != 0)
                cm_err_move(tick_err, e);
        }
        next = cm_loop_now_ms(loop) + cmd->tick_ms;
    }
}

/* ---- one stream of a reading child ---- */

struct stream {
    struct cm_watch *watch;
    int fd; /* -1: at its end */
    struct cm_str text;
};

static bool read_some(struct stream *s)
{
    char piece[65536];
    ssize_t n = read(s->fd, piece, sizeof piece);
    if (n > 0) {
        cm_str_add_bytes(&s->text, piece, (size_t)n);
        return true;
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return errno == EINTR;
    cm_watch_drop(s->watch);
    s->watch = NULL;
    close(s->fd);
    s->fd = -1;
    return false;
}

static void readable(void *ctx, int fd, short revents)
{
    (void)fd;
    (void)revents;
    read_some(ctx);
}

/* A pipe whose reading end is ours and does not block. */
static int open_pipe(int fds[2], const struct cm_cmd *cmd, struct cm_err **err)
{
    if (pipe2(fds, O_CLOEXEC) != 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot make a pipe for %s", cmd->argv[0]);
    return 0;
}

static void close_fds(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* ---- a reading child run to its end ---- */

struct reading {
    struct cm_spawn child;
    struct stream out, errout;
    bool ended;
    int status;
};

static void child_ended(void *ctx, pid_t pid, int status)
{
    struct reading *r = ctx;
    (void)pid;
    r->ended = true;
    r->status = status;
}

static bool has_ended(void *ctx) { return ((struct reading *)ctx)->ended; }

static int start_reading(struct reading *r, const struct cm_cmd *cmd, struct cm_err **err)
{
    int in = cm_spawn_input(cmd, err), out[2] = {-1, -1}, errout[2] = {-1, -1};
    if (in < 0)
        return -1;
    int result = open_pipe(out, cmd, err);
    if (result == 0)
        result = open_pipe(errout, cmd, err);
    if (result == 0) {
        r->child = (struct cm_spawn){.in = in, .out = out[1], .errout = errout[1], .dies_with_us = true};
        result = cm_spawn(&r->child, cmd, err);
    }
    close_fds((const int[]){in, out[1], errout[1]}, 3);
    if (result != 0) {
        close_fds((const int[]){out[0], errout[0]}, 2);
        return -1;
    }
    r->out.fd = out[0];
    r->errout.fd = errout[0];
    return 0;
}

static void watch_stream(struct cm_loop *loop, struct stream *s) { s->watch = cm_loop_fd(loop, s->fd, POLLIN, readable, s); }

/* Take what is still in the pipe, and let it go: what the child left behind may write without end. */
static void end_stream(struct stream *s)
{
    while (s->fd >= 0 && !s->text.full && read_some(s))
        continue;
    cm_watch_drop(s->watch);
    s->watch = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static void kill_reading(struct cm_loop *loop, struct reading *r)
{
    kill(-r->child.pid, SIGKILL);
    kill(r->child.pid, SIGKILL); /* it may not have come to its setsid */
    if (cm_loop_drain(loop, has_ended, r, cm_loop_now_ms(loop) + 5000) != CM_WAIT_READY)
        cm_loop_child_forget(loop, r->child.pid); /* stuck in the kernel; the death signal is on its way */
}

static void hand_over(struct stream *s, char **text, size_t *bytes, bool *truncated)
{
    end_stream(s);
    free(*text);
    *bytes = s->text.len;
    *truncated = *truncated || s->text.full;
    *text = cm_str_take(&s->text);
}

/* The end of a command in words. 0: it ran and ended. */
static int judge(enum cm_wait w, const struct cm_cmd *cmd, struct cm_out *out, struct cm_err **err)
{
    if (w == CM_WAIT_CANCELLED)
        return cm_fail(err, CM_E_INTERRUPTED, "%s was interrupted", cmd->argv[0]);
    if (w == CM_WAIT_READY)
        return 0;
    out->timed_out = true;
    return cm_process_late(cmd, out, err);
}

int cm_process_late(const struct cm_cmd *cmd, const struct cm_out *out, struct cm_err **err)
{
    cm_autofree char *took = cm_duration_text(out->took_ms);
    cm_autofree char *last = cm_last_lines(out->errout, 10);
    /* Clearly earlier than at its own limit it was the step's: a slow login may have used that up, and "within 61 ms" alone would blame
     * the wrong one. */
    enum { ABOUT_MS = 10 };
    if (cmd->timeout_ms > 0 && out->took_ms + ABOUT_MS >= cmd->timeout_ms)
        cm_fail_passing(err, "%s did not end within %s", cmd->argv[0], took);
    else
        cm_fail_passing(err, "%s did not end within the %s that were left of the step's limit", cmd->argv[0], took);
    cm_evidence(err, last);
    return -1;
}

static int run_reading(struct cm_loop *loop, const struct cm_cmd *cmd, int64_t deadline, struct cm_out *out, struct cm_err **err)
{
    size_t limit = cm_process_output_limit(cmd);
    struct reading r = {.out = {.fd = -1, .text = CM_STR(limit)}, .errout = {.fd = -1, .text = CM_STR(limit)}};
    cm_process_begin_out(out);
    if (cm_loop_cancelled(loop))
        return cm_fail(err, CM_E_INTERRUPTED, "%s was not started: interrupted", cmd->argv[0]);
    int64_t began = cm_loop_now_ms(loop);
    if (start_reading(&r, cmd, err) != 0)
        return -1;
    watch_stream(loop, &r.out);
    watch_stream(loop, &r.errout);
    cm_loop_child(loop, r.child.pid, child_ended, &r);
    cm_autoerr tick_err = NULL;
    enum cm_wait w = cm_process_wait(loop, cmd, has_ended, &r, deadline, true, &tick_err);
    if (w != CM_WAIT_READY)
        kill_reading(loop, &r);
    out->took_ms = cm_loop_now_ms(loop) - began;
    hand_over(&r.out, &out->out, &out->out_bytes, &out->truncated);
    hand_over(&r.errout, &out->errout, &out->errout_bytes, &out->truncated);
    out->status = r.ended ? cm_spawn_status(r.status) : 128 + SIGKILL;
    int result = r.ended ? cm_spawn_started(&r.child, cmd, err) : 0;
    cm_spawn_close(&r.child);
    if (result == 0)
        result = judge(w, cmd, out, err);
    if (result == 0 && tick_err != NULL) {
        result = cm_err_move(err, tick_err);
        tick_err = NULL;
    }
    return result;
}

/* ---- the runner ---- */

/* With less left of the step's time, a question is not begun: "did not end within 2 ms" would blame who was never heard. */
#define LEAST_MS 20

void cm_process_log(struct cm_step *step, const struct cm_cmd *cmd, const struct cm_out *out, const char *note)
{
    cm_autofree char *line = cm_shell_join(cmd->argv);
    if (out->status < 0)
        cm_step_log(step, "%s: not started", line);
    else
        cm_step_log(step, "%s: status %d%s%s, %lld ms", line, out->status, out->timed_out ? ", ran into its limit" : "", note,
                    (long long)out->took_ms);
}

/* Its lines, each with a mark, so that a log shows what is the tool's own. */
void cm_process_log_lines(struct cm_step *step, const char *mark, const char *text, int n)
{
    cm_autofree char *last = cm_last_lines(text, n);
    for (char *line = last, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        cm_step_log(step, "%s %s", mark, line);
    }
}

int64_t cm_process_deadline(struct cm_loop *loop, const struct cm_cmd *cmd, int64_t outer)
{
    if (cmd->timeout_ms <= 0)
        return outer;
    int64_t own = cm_loop_now_ms(loop) + cmd->timeout_ms;
    return own < outer ? own : outer;
}

int cm_run(struct cm_step *step, const struct cm_cmd *cmd, struct cm_out *out, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(step);
    int64_t until = cm_step_deadline(step);
    if (until != CM_NEVER && until - cm_loop_now_ms(loop) < LEAST_MS) {
        cm_process_begin_out(out);
        cm_fail_passing(err, "%s was not asked: what came before it had used up the time of this step", cmd->argv[0]);
        cm_hint(err, "Type the same command again. " CM_GIVE_LONGER, cm_step_id(step));
        return -1;
    }
    int result = run_reading(loop, cmd, cm_process_deadline(loop, cmd, cm_step_deadline(step)), out, err);
    cm_process_log(step, cmd, out, "");
    /* What it printed is an answer for us and may hold anything; what it complained of is for the log. */
    if (out->status != 0)
        cm_process_log_lines(step, "2>", out->errout, 20);
    return result;
}

int cm_proc_run(struct cm_loop *loop, const struct cm_cmd *cmd, struct cm_out *out, struct cm_err **err)
{
    return run_reading(loop, cmd, cm_process_deadline(loop, cmd, CM_NEVER), out, err);
}
