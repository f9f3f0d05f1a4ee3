/* adapters/process_effect.c: an effect's child (include/cm/runner.h): on record before it does anything, and it outlives us.
 *
 * It has its own session, no death signal, and its output goes to files without a name: whatever becomes of us, it meets no
 * closed pipe and ends as it would have. At its limit: SIGTERM, 30 s, SIGKILL, to its group. */
#include <config.h>

#include "adapters/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cm/action.h>
#include <cm/str.h>

#include "adapters/process_run.h"
#include "base/mem.h"
#include "base/pid.h"
#include "base/time.h"

enum { GRACE_MS = 30000 };

struct effect {
    struct effect *outer; /* a tick may run an effect of its own while this one runs */
    struct cm_spawn child;
    int out, errout;
    bool ended;
    int status;
};

/* Those that run, for cm_run_escalate, which is called where no context is at hand. */
static struct effect *running;

void cm_run_escalate(int nth_signal)
{
    if (nth_signal < 2)
        return;
    for (const struct effect *e = running; e != NULL; e = e->outer)
        if (!e->ended)
            kill(-e->child.pid, nth_signal == 2 ? SIGTERM : SIGKILL);
}

/* A file without a name; memory where no folder can be written to. */
static int open_nameless(void)
{
    const char *dir = getenv("TMPDIR");
    if (dir == NULL || *dir == '\0')
        dir = "/tmp";
    int fd = -1;
#ifdef O_TMPFILE
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_APPEND, 0600);
#endif
    if (fd < 0) {
        cm_autofree char *path = cm_fmt("%s/connect-migrate.XXXXXX", dir);
        fd = mkostemp(path, O_CLOEXEC | O_APPEND);
        if (fd >= 0)
            unlink(path);
    }
    return fd >= 0 ? fd : memfd_create("output", MFD_CLOEXEC);
}

static void child_ended(void *ctx, pid_t pid, int status)
{
    struct effect *e = ctx;
    (void)pid;
    e->ended = true;
    e->status = status;
}

static bool has_ended(void *ctx) { return ((struct effect *)ctx)->ended; }

static int start_held(struct effect *e, const struct cm_cmd *cmd, struct cm_err **err)
{
    e->out = open_nameless();
    e->errout = open_nameless();
    if (e->out < 0 || e->errout < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot make a file for the output of %s", cmd->argv[0]);
    int in = cm_spawn_input(cmd, err);
    if (in < 0)
        return -1;
    e->child = (struct cm_spawn){.in = in, .out = e->out, .errout = e->errout, .held = true};
    int result = cm_spawn(&e->child, cmd, err);
    close(in);
    return result;
}

/* On record, then let go. When that fails the child ends without having done anything. */
static int put_on_record(struct cm_intent *intent, struct effect *e, struct cm_err **err)
{
    json_t *note = json_pack("{s:{s:I, s:I, s:s}}", "child", "pid", (json_int_t)e->child.pid, "start",
                             (json_int_t)cm_pid_start(e->child.pid), "boot", cm_boot_id());
    if (cm_intent_note(intent, note, err) == 0) {
        cm_spawn_go(&e->child);
        return 0;
    }
    cm_spawn_close(&e->child);
    while (waitpid(e->child.pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return -1;
}

static void wait_to_the_end(struct cm_loop *loop, struct effect *e, const struct cm_cmd *cmd, int64_t deadline, struct cm_out *out,
                            struct cm_err **tick_err)
{
    if (cm_process_wait(loop, cmd, has_ended, e, deadline, false, tick_err) == CM_WAIT_READY)
        return;
    out->timed_out = true;
    kill(-e->child.pid, SIGTERM);
    if (cm_process_wait(loop, cmd, has_ended, e, cm_loop_now_ms(loop) + GRACE_MS, false, tick_err) == CM_WAIT_READY)
        return;
    kill(-e->child.pid, SIGKILL);
    cm_process_wait(loop, cmd, has_ended, e, CM_NEVER, false, tick_err);
}

static void read_back(int fd, size_t limit, char **text, size_t *bytes, bool *truncated)
{
    struct cm_str s = CM_STR(limit);
    off_t at = 0;
    char piece[65536];
    ssize_t n;
    while (!s.full && ((n = pread(fd, piece, sizeof piece, at)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0) {
            cm_str_add_bytes(&s, piece, (size_t)n);
            at += n;
        }
    *truncated = *truncated || s.full;
    *bytes = s.len;
    free(*text);
    *text = cm_str_take(&s);
}

/* The child runs: to its end. */
static int follow(struct cm_loop *loop, struct effect *e, const struct cm_cmd *cmd, int64_t deadline, struct cm_out *out,
                  struct cm_err **err)
{
    int64_t began = cm_loop_now_ms(loop);
    cm_autoerr tick_err = NULL;
    e->outer = running;
    running = e;
    cm_loop_child(loop, e->child.pid, child_ended, e);
    wait_to_the_end(loop, e, cmd, deadline, out, &tick_err);
    running = e->outer;
    size_t limit = cm_process_output_limit(cmd);
    out->took_ms = cm_loop_now_ms(loop) - began;
    out->status = cm_spawn_status(e->status);
    read_back(e->out, limit, &out->out, &out->out_bytes, &out->truncated);
    read_back(e->errout, limit, &out->errout, &out->errout_bytes, &out->truncated);
    int result = cm_spawn_started(&e->child, cmd, err);
    if (result == 0 && out->timed_out)
        result = cm_process_late(cmd, out, err);
    if (result == 0 && tick_err != NULL) {
        result = cm_err_move(err, tick_err);
        tick_err = NULL;
    }
    return result;
}

static const char *status_path(struct cm_intent *intent)
{
    struct cm_step *step = cm_intent_step(intent);
    const char *dir = cm_step_log_dir(step);
    return dir == NULL ? NULL
                       : cm_arena_fmt(cm_step_arena(step), "%s/intent-%llu.status", dir, (unsigned long long)cm_intent_id(intent));
}

bool cm_run_effect_left(struct cm_intent *intent, int *status)
{
    const char *path = status_path(intent);
    char text[8] = "";
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    *status = n == 4 ? (int)strtol(text, NULL, 10) : -1;
    return n == 4;
}

int cm_run_effect(struct cm_intent *intent, const struct cm_cmd *given, struct cm_out *out, struct cm_err **err)
{
    struct cm_cmd own = *given;
    const struct cm_cmd *cmd = &own;
    own.status_path = given->keep_status ? status_path(intent) : NULL;
    if (own.status_path != NULL)
        unlink(own.status_path);
    struct cm_step *step = cm_intent_step(intent);
    struct cm_loop *loop = cm_step_loop(step);
    struct effect e = {.out = -1, .errout = -1, .child = {.hold_fd = -1, .failed_fd = -1}};
    cm_process_begin_out(out);
    if (cm_loop_cancelled(loop))
        return cm_fail(err, CM_E_INTERRUPTED, "%s was not started: interrupted", cmd->argv[0]);
    int64_t deadline = cm_process_deadline(loop, cmd, cm_step_deadline(step));
    int result = start_held(&e, cmd, err);
    if (result == 0)
        result = put_on_record(intent, &e, err);
    if (result == 0)
        result = follow(loop, &e, cmd, deadline, out, err);
    cm_spawn_close(&e.child);
    if (e.out >= 0)
        close(e.out);
    if (e.errout >= 0)
        close(e.errout);
    cm_process_log(step, cmd, out, ", an effect");
    cm_process_log_lines(step, "1>", out->out, 20);
    cm_process_log_lines(step, "2>", out->errout, 20);
    return result;
}
