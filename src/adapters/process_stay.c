/* adapters/process_stay.c: a reading child that stays (adapters/process.h): its stdout comes line by line, as for
 * `kubectl port-forward`. It dies with us and with cm_proc_stop. */
#include <config.h>

#include "adapters/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cm/str.h>

#include "adapters/process_run.h"
#include "base/mem.h"

enum { LONGEST_LINE = 65536, ERROUT_MAX = 65536 };

struct cm_proc {
    struct cm_loop *loop;
    pid_t owner; /* a forked worker that inherits this must not end its parent's child */
    struct cm_spawn child;
    int out, errout;
    struct cm_watch *out_watch, *errout_watch;
    struct cm_str line, errors;
    void (*on_line)(void *ctx, const char *text);
    void (*on_end)(void *ctx, int status);
    void *ctx;
    bool ended, calling, stopped;
};

static void end_watch(struct cm_watch **w, int *fd)
{
    cm_watch_drop(*w);
    *w = NULL;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void free_proc(struct cm_proc *p)
{
    end_watch(&p->out_watch, &p->out);
    end_watch(&p->errout_watch, &p->errout);
    cm_spawn_close(&p->child);
    cm_str_fini(&p->line);
    cm_str_fini(&p->errors);
    free(p);
}

/* Hand out the lines of these bytes. A longer line than LONGEST_LINE is handed out cut. */
static void take_lines(struct cm_proc *p, const char *bytes, size_t n)
{
    const char *end = bytes + n;
    while (bytes < end && !p->stopped) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        cm_str_add_bytes(&p->line, bytes, (size_t)((stop == NULL ? end : stop) - bytes));
        if (stop == NULL)
            return;
        bytes = stop + 1;
        if (p->on_line != NULL)
            p->on_line(p->ctx, cm_str_text(&p->line));
        cm_str_reset(&p->line);
    }
}

/* True: there may be more. */
static bool read_out(struct cm_proc *p)
{
    char piece[16384];
    ssize_t n = read(p->out, piece, sizeof piece);
    if (n > 0)
        take_lines(p, piece, (size_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        end_watch(&p->out_watch, &p->out);
    return n > 0;
}

static bool read_errout(struct cm_proc *p)
{
    char piece[16384];
    ssize_t n = read(p->errout, piece, sizeof piece);
    if (n > 0)
        cm_str_add_bytes(&p->errors, piece, (size_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        end_watch(&p->errout_watch, &p->errout);
    return n > 0;
}

/* Callbacks may stop the process; it is freed when they are through. */
static void leave(struct cm_proc *p)
{
    p->calling = false;
    if (p->stopped)
        free_proc(p);
}

static void readable(void *ctx, int fd, short revents)
{
    struct cm_proc *p = ctx;
    (void)revents;
    p->calling = true;
    if (fd == p->out)
        read_out(p);
    else
        read_errout(p);
    leave(p);
}

static void child_ended(void *ctx, pid_t pid, int status)
{
    struct cm_proc *p = ctx;
    (void)pid;
    p->ended = true;
    p->calling = true;
    while (!p->stopped && p->errout >= 0 && read_errout(p))
        continue;
    while (!p->stopped && p->out >= 0 && read_out(p))
        continue;
    if (!p->stopped && p->line.len > 0 && p->on_line != NULL)
        p->on_line(p->ctx, cm_str_text(&p->line));
    cm_str_reset(&p->line);
    if (!p->stopped && p->on_end != NULL)
        p->on_end(p->ctx, cm_spawn_status(status));
    leave(p);
}

static int start(struct cm_proc *p, const struct cm_cmd *cmd, struct cm_err **err)
{
    int out[2] = {-1, -1}, errout[2] = {-1, -1}, result = -1;
    int in = cm_spawn_input(cmd, err);
    if (in < 0)
        return -1;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errout, O_CLOEXEC) != 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(errout[0], F_SETFL, O_NONBLOCK) != 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot make a pipe for %s", cmd->argv[0]);
    } else {
        p->child = (struct cm_spawn){.in = in, .out = out[1], .errout = errout[1], .dies_with_us = true};
        result = cm_spawn(&p->child, cmd, err);
    }
    const int theirs[] = {in, out[1], errout[1]};
    for (size_t i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    p->out = out[0];
    p->errout = errout[0];
    if (result != 0)
        return -1;
    if (cm_spawn_started(&p->child, cmd, err) != 0) {
        while (waitpid(p->child.pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return -1;
    }
    return 0;
}

struct cm_proc *cm_proc_start(struct cm_loop *loop, const struct cm_cmd *cmd, void (*line)(void *ctx, const char *text),
                              void (*ended)(void *ctx, int status), void *ctx, struct cm_err **err)
{
    struct cm_proc *p = cm_alloc(sizeof *p);
    *p = (struct cm_proc){.loop = loop,
                          .owner = getpid(),
                          .out = -1,
                          .errout = -1,
                          .line = CM_STR(LONGEST_LINE),
                          .errors = CM_STR(ERROUT_MAX),
                          .on_line = line,
                          .on_end = ended,
                          .ctx = ctx,
                          .child = {.hold_fd = -1, .failed_fd = -1}};
    if (start(p, cmd, err) != 0) {
        free_proc(p);
        return NULL;
    }
    p->out_watch = cm_loop_fd(loop, p->out, POLLIN, readable, p);
    p->errout_watch = cm_loop_fd(loop, p->errout, POLLIN, readable, p);
    cm_loop_child(loop, p->child.pid, child_ended, p);
    return p;
}

void cm_proc_stop(struct cm_proc *taken)
{
    struct cm_proc *p = taken;
    if (p == NULL || p->stopped)
        return;
    p->stopped = true;
    if (getpid() != p->owner) {
        p->out_watch = p->errout_watch = NULL; /* the worker's loop has forgotten them */
    } else if (!p->ended) {
        cm_loop_child_forget(p->loop, p->child.pid);
        kill(-p->child.pid, SIGKILL);
        while (waitpid(p->child.pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        p->ended = true;
    }
    if (!p->calling)
        free_proc(p);
}

const char *cm_proc_errout(const struct cm_proc *p) { return cm_str_text(&p->errors); }
