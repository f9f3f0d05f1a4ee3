/* base/loop.c: the one event loop, poll(2) (include/cm/loop.h).
 *
 * The only mutable globals are the signal pipe and its flags, since a signal handler can reach nothing else. What is
 * dropped inside a callback is marked and freed at the start of the next turn, so that a turn never touches freed
 * memory. Children are waited for by their own pid only: nobody else's child is ever reaped here. */
#include <config.h>

#include <cm/loop.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

struct cm_watch {
    struct cm_watch *next;
    int fd;
    short events;
    bool dropped;
    void (*ready)(void *ctx, int fd, short revents);
    void *ctx;
};

struct cm_timer {
    struct cm_timer *next;
    int64_t at_ms, period_ms;
    bool dropped;
    void (*due)(void *ctx);
    void *ctx;
};

struct child {
    struct child *next;
    pid_t pid;
    bool dropped;
    void (*ended)(void *ctx, pid_t pid, int status);
    void *ctx;
};

struct turn_hook {
    void (*fn)(void *ctx);
    void *ctx;
};

struct cm_loop {
    const struct cm_clock *clock;
    struct cm_watch *watches;
    struct cm_timer *timers;
    struct child *children;
    struct turn_hook *hooks;
    size_t hook_count, hook_cap;
    struct pollfd *polled;
    struct cm_watch **polled_watch;
    size_t polled_cap, polled_watch_cap;
    void (*got)(void *ctx, int signo);
    void *got_ctx;
    bool look_at_children; /* one was added or SIGCHLD came */
    bool cancelled;
    bool serving; /* inside callbacks: sleeping again is an error */
};

/* ---- the signal pipe ---- */

static struct {
    int read_fd, write_fd;
    pid_t owner;
    unsigned users;
    volatile sig_atomic_t child_pending;
} sig = {.read_fd = -1, .write_fd = -1};

static void handle(int signo)
{
    int saved = errno;
    unsigned char byte = (unsigned char)signo;
    /* A child between fork and exec still has this handler and this pipe, but must not speak for us. */
    if (getpid() == sig.owner && (signo != SIGCHLD || !sig.child_pending)) {
        if (signo == SIGCHLD)
            sig.child_pending = 1;
        ssize_t ignored = write(sig.write_fd, &byte, 1);
        (void)ignored;
    }
    errno = saved;
}

static void route(int signo, void (*handler)(int))
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sa.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigemptyset(&sa.sa_mask);
    sigaction(signo, &sa, NULL);
}

static void open_signal_pipe(void)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        perror("connect-migrate-run: cannot make a pipe");
        abort();
    }
    sig.read_fd = fds[0];
    sig.write_fd = fds[1];
    sig.owner = getpid();
    sig.child_pending = 0;
    route(SIGCHLD, handle);
}

static void close_signal_pipe(void)
{
    sig.owner = 0;
    close(sig.read_fd);
    close(sig.write_fd);
    sig.read_fd = sig.write_fd = -1;
}

/* ---- the loop ---- */

struct cm_loop *cm_loop_new(const struct cm_clock *clock)
{
    struct cm_loop *loop = cm_alloc(sizeof *loop);
    loop->clock = clock;
    if (sig.users++ == 0)
        open_signal_pipe();
    return loop;
}

static void forget_everything(struct cm_loop *loop)
{
    for (struct cm_watch *w = loop->watches, *next; w != NULL; w = next) {
        next = w->next;
        free(w);
    }
    for (struct cm_timer *t = loop->timers, *next; t != NULL; t = next) {
        next = t->next;
        free(t);
    }
    for (struct child *c = loop->children, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    loop->watches = NULL;
    loop->timers = NULL;
    loop->children = NULL;
    loop->hook_count = 0;
}

void cm_loop_free(struct cm_loop *loop)
{
    if (loop == NULL)
        return;
    forget_everything(loop);
    if (loop->got != NULL) {
        route(SIGINT, SIG_DFL);
        route(SIGTERM, SIG_DFL);
        route(SIGHUP, SIG_DFL);
    }
    if (--sig.users == 0) {
        route(SIGCHLD, SIG_DFL);
        close_signal_pipe();
    }
    free(loop->hooks);
    free(loop->polled);
    free(loop->polled_watch);
    free(loop);
}

int64_t cm_loop_now_ms(const struct cm_loop *loop) { return cm_clock_boot(loop->clock); }

const struct cm_clock *cm_loop_clock(const struct cm_loop *loop) { return loop->clock; }

struct cm_watch *cm_loop_fd(struct cm_loop *loop, int fd, short events, void (*ready)(void *ctx, int fd, short revents), void *ctx)
{
    struct cm_watch *w = cm_alloc(sizeof *w);
    w->fd = fd;
    w->events = events;
    w->ready = ready;
    w->ctx = ctx;
    w->next = loop->watches;
    loop->watches = w;
    return w;
}

void cm_watch_events(struct cm_watch *w, short events) { w->events = events; }

void cm_watch_drop(struct cm_watch *w)
{
    if (w != NULL)
        w->dropped = true;
}

struct cm_timer *cm_loop_timer(struct cm_loop *loop, int64_t at_ms, int64_t period_ms, void (*due)(void *ctx), void *ctx)
{
    struct cm_timer *t = cm_alloc(sizeof *t);
    t->at_ms = at_ms;
    t->period_ms = period_ms;
    t->due = due;
    t->ctx = ctx;
    t->next = loop->timers;
    loop->timers = t;
    return t;
}

void cm_timer_drop(struct cm_timer *t)
{
    if (t != NULL)
        t->dropped = true;
}

void cm_loop_child(struct cm_loop *loop, pid_t pid, void (*ended)(void *ctx, pid_t pid, int status), void *ctx)
{
    struct child *c = cm_alloc(sizeof *c);
    c->pid = pid;
    c->ended = ended;
    c->ctx = ctx;
    c->next = loop->children;
    loop->children = c;
    loop->look_at_children = true; /* it may have ended already, and its SIGCHLD been read */
}

void cm_loop_child_forget(struct cm_loop *loop, pid_t pid)
{
    for (struct child *c = loop->children; c != NULL; c = c->next)
        if (c->pid == pid)
            c->dropped = true;
}

void cm_loop_each_turn(struct cm_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    loop->hooks = cm_grow(loop->hooks, &loop->hook_cap, loop->hook_count + 1, sizeof *loop->hooks);
    loop->hooks[loop->hook_count++] = (struct turn_hook){fn, ctx};
}

void cm_loop_each_turn_drop(struct cm_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    for (size_t i = 0; i < loop->hook_count; i++)
        if (loop->hooks[i].fn == fn && loop->hooks[i].ctx == ctx)
            loop->hooks[i].fn = NULL;
}

void cm_loop_signals(struct cm_loop *loop, void (*got)(void *ctx, int signo), void *ctx)
{
    loop->got = got;
    loop->got_ctx = ctx;
    route(SIGINT, handle);
    route(SIGTERM, handle);
    /* Under nohup the hang-up stays ignored, for us and for our children. */
    struct sigaction old;
    if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        route(SIGHUP, handle);
}

void cm_loop_after_fork(struct cm_loop *loop)
{
    bool had_signals = loop->got != NULL;
    close_signal_pipe();
    forget_everything(loop);
    loop->got = NULL;
    loop->cancelled = false;
    loop->serving = false;
    loop->look_at_children = false;
    if (had_signals) {
        route(SIGINT, SIG_DFL);
        route(SIGTERM, SIG_DFL);
        struct sigaction old;
        if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            route(SIGHUP, SIG_DFL);
    }
    open_signal_pipe();
}

void cm_loop_cancel(struct cm_loop *loop) { loop->cancelled = true; }

void cm_loop_resume(struct cm_loop *loop) { loop->cancelled = false; }

bool cm_loop_cancelled(const struct cm_loop *loop) { return loop->cancelled; }

/* ---- a turn ---- */

static void sweep(struct cm_loop *loop)
{
    for (struct cm_watch **p = &loop->watches; *p != NULL;) {
        struct cm_watch *w = *p;
        if (!w->dropped) {
            p = &w->next;
            continue;
        }
        *p = w->next;
        free(w);
    }
    for (struct cm_timer **p = &loop->timers; *p != NULL;) {
        struct cm_timer *t = *p;
        if (!t->dropped) {
            p = &t->next;
            continue;
        }
        *p = t->next;
        free(t);
    }
    for (struct child **p = &loop->children; *p != NULL;) {
        struct child *c = *p;
        if (!c->dropped) {
            p = &c->next;
            continue;
        }
        *p = c->next;
        free(c);
    }
    size_t kept = 0;
    for (size_t i = 0; i < loop->hook_count; i++)
        if (loop->hooks[i].fn != NULL)
            loop->hooks[kept++] = loop->hooks[i];
    loop->hook_count = kept;
}

/* Milliseconds for poll until the nearest timer or the deadline; -1: nothing is due. */
static int sleep_ms(const struct cm_loop *loop, int64_t deadline_ms)
{
    if (loop->look_at_children)
        return 0;
    int64_t at = deadline_ms;
    for (const struct cm_timer *t = loop->timers; t != NULL; t = t->next)
        if (!t->dropped && t->at_ms < at)
            at = t->at_ms;
    if (at == CM_NEVER)
        return -1;
    int64_t now = cm_loop_now_ms(loop);
    if (at <= now)
        return 0;
    return at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static size_t fill_polled(struct cm_loop *loop)
{
    size_t n = 1;
    for (const struct cm_watch *w = loop->watches; w != NULL; w = w->next)
        n++;
    loop->polled = cm_grow(loop->polled, &loop->polled_cap, n, sizeof *loop->polled);
    loop->polled_watch = cm_grow(loop->polled_watch, &loop->polled_watch_cap, n, sizeof *loop->polled_watch);
    loop->polled[0] = (struct pollfd){.fd = sig.read_fd, .events = POLLIN};
    size_t i = 1;
    for (struct cm_watch *w = loop->watches; w != NULL; w = w->next, i++) {
        /* With no events wanted poll would still report a hang-up, over and over. */
        loop->polled[i] = (struct pollfd){.fd = w->events == 0 ? -1 : w->fd, .events = w->events};
        loop->polled_watch[i] = w;
    }
    return n;
}

static void serve_signals(struct cm_loop *loop)
{
    unsigned char bytes[256];
    ssize_t n;
    while ((n = read(sig.read_fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == SIGCHLD) {
                sig.child_pending = 0; /* before waitpid looks: a later one writes again */
                loop->look_at_children = true;
            } else if (loop->got != NULL) {
                loop->got(loop->got_ctx, bytes[i]);
            }
        }
    }
}

static void serve_children(struct cm_loop *loop)
{
    if (!loop->look_at_children)
        return;
    loop->look_at_children = false;
    for (struct child *c = loop->children; c != NULL; c = c->next) {
        if (c->dropped)
            continue;
        int status = 0;
        pid_t got = waitpid(c->pid, &status, WNOHANG);
        if (got == 0 || (got < 0 && errno != ECHILD))
            continue;
        c->dropped = true;
        /* ECHILD: somebody else waited for it; as if killed, since nothing is known of its end. */
        c->ended(c->ctx, c->pid, got < 0 ? SIGKILL : status);
    }
}

static void serve_timers(struct cm_loop *loop)
{
    int64_t now = cm_loop_now_ms(loop);
    for (struct cm_timer *t = loop->timers; t != NULL; t = t->next) {
        if (t->dropped || t->at_ms > now)
            continue;
        if (t->period_ms > 0)
            t->at_ms = now + t->period_ms; /* after a long turn: once, not once for each period missed */
        else
            t->dropped = true;
        t->due(t->ctx);
    }
}

static void run_hooks(struct cm_loop *loop)
{
    loop->serving = true;
    for (size_t i = 0; i < loop->hook_count; i++)
        if (loop->hooks[i].fn != NULL)
            loop->hooks[i].fn(loop->hooks[i].ctx);
    loop->serving = false;
}

static void turn(struct cm_loop *loop, int64_t deadline_ms)
{
    sweep(loop);
    size_t n = fill_polled(loop);
    int ready = poll(loop->polled, (nfds_t)n, sleep_ms(loop, deadline_ms));
    loop->serving = true;
    if (ready > 0) {
        if (loop->polled[0].revents != 0)
            serve_signals(loop);
        for (size_t i = 1; i < n; i++) {
            struct cm_watch *w = loop->polled_watch[i];
            short revents = loop->polled[i].revents;
            if (w->dropped)
                continue;
            revents = (short)(revents & (w->events | POLLERR | POLLHUP | POLLNVAL));
            if (revents != 0)
                w->ready(w->ctx, w->fd, revents);
        }
    }
    serve_children(loop);
    serve_timers(loop);
    run_hooks(loop);
    loop->serving = false;
}

static bool ask(struct cm_loop *loop, bool (*ready)(void *ctx), void *ctx)
{
    if (ready == NULL)
        return false;
    loop->serving = true;
    bool answer = ready(ctx);
    loop->serving = false;
    return answer;
}

/* The one function that sleeps. */
static enum cm_wait wait_for(struct cm_loop *loop, bool (*ready)(void *ctx), void *ctx, int64_t deadline_ms, bool heed_cancel)
{
    if (loop->serving) {
        fputs("connect-migrate-run: internal error: a callback of the loop waits for the loop\n", stderr);
        abort();
    }
    if (ask(loop, ready, ctx))
        return CM_WAIT_READY;
    if (heed_cancel && loop->cancelled)
        return CM_WAIT_CANCELLED;
    /* What was queued outside of a turn (journal events) goes out before the first sleep. */
    run_hooks(loop);
    for (;;) {
        if (ask(loop, ready, ctx))
            return CM_WAIT_READY;
        if (heed_cancel && loop->cancelled)
            return CM_WAIT_CANCELLED;
        if (deadline_ms != CM_NEVER && cm_loop_now_ms(loop) >= deadline_ms)
            return CM_WAIT_DEADLINE;
        turn(loop, deadline_ms);
    }
}

enum cm_wait cm_loop_until(struct cm_loop *loop, bool (*ready)(void *ctx), void *ctx, int64_t deadline_ms)
{
    return wait_for(loop, ready, ctx, deadline_ms, true);
}

enum cm_wait cm_loop_drain(struct cm_loop *loop, bool (*ready)(void *ctx), void *ctx, int64_t deadline_ms)
{
    return wait_for(loop, ready, ctx, deadline_ms, false);
}
