/* world/control.c: the socket on which DIR/bin's clients (client.c) come: one request each, frames back: O stdout, E stderr, P pause
 * and say C (or T, after SIGTERM), R run this here, F forward a port, X the exit status. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "world/world.h"

static const struct {
    const char *name;
    tool run;
} tools[] = {
    {"systemctl", tool_systemctl}, {"pgrep", tool_pgrep},
    {"findmnt", tool_findmnt},     {"license-manager", tool_license_manager},
    {"connect", tool_connect},     {"rstudio-connect", tool_connect},
    {"access", tool_access},       {"backup", tool_backup},
    {"helm", tool_helm},           {"kubectl", tool_kubectl},
    {"kubelet", tool_kubelet},
};

static void call_free(struct call *c)
{
    struct call **at = &c->w->calls;
    while (*at != NULL && *at != c)
        at = &(*at)->next;
    if (*at == c)
        *at = c->next;
    cm_watch_drop(c->watch);
    close(c->fd);
    cm_str_fini(&c->in);
    cm_str_fini(&c->sending);
    cm_str_fini(&c->out);
    cm_str_fini(&c->errout);
    free(c->argv);
    free(c->pod);
    free(c);
}

/* false: the client is gone. */
static bool push(struct call *c)
{
    while (c->sent < c->sending.len) {
        ssize_t n = send(c->fd, c->sending.data + c->sent, c->sending.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        c->sent += (size_t)n;
    }
    return true;
}

void call_frame(struct call *c, char type, const void *data, size_t n)
{
    uint32_t length = (uint32_t)n;
    cm_str_add_bytes(&c->sending, &type, 1);
    cm_str_add_bytes(&c->sending, &length, sizeof length);
    cm_str_add_bytes(&c->sending, data, n);
}

static void frame_status(struct call *c, int status)
{
    uint32_t value = (uint32_t)status;
    cm_str_add(&c->sending, "X");
    cm_str_add_bytes(&c->sending, &value, sizeof value);
}

void call_done(struct call *c, int status)
{
    if (c->answered)
        return;
    c->answered = true;
    state_flush(c->w); /* what was done is kept before anyone hears of it */
    if (c->orphan) {
        call_free(c);
        return;
    }
    if (c->out.len > 0)
        call_frame(c, 'O', c->out.data, c->out.len);
    if (c->errout.len > 0)
        call_frame(c, 'E', c->errout.data, c->errout.len);
    frame_status(c, status);
    if (!push(c))
        c->sent = c->sending.len;
    cm_watch_events(c->watch, c->sent < c->sending.len ? POLLIN | POLLOUT : POLLIN);
}

int call_fail(struct call *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&c->errout, fmt, ap);
    va_end(ap);
    cm_str_add(&c->errout, "\n");
    return 1;
}

void calls_lose_pod(struct world *w, const char *pod)
{
    for (struct call *c = w->calls; c != NULL; c = c->next) {
        if (c->pod != NULL && !c->answered && strcmp(c->pod, pod) == 0) {
            call_fail(c, "error: lost connection to pod");
            call_done(c, 1);
        }
    }
}

static bool parse(struct call *c)
{
    char *p = c->in.data + sizeof(uint32_t), *end = c->in.data + c->in.len;
    const char *fields[4];
    for (int i = 0; i < 4; i++) {
        size_t n = strnlen(p, (size_t)(end - p));
        if (p + n >= end)
            return false;
        fields[i] = p;
        p += n + 1;
    }
    c->name = fields[0];
    c->host = fields[1];
    c->cwd = fields[2];
    c->argc = (int)strtol(fields[3], NULL, 10);
    if (c->argc < 0 || c->argc > 4096)
        return false;
    c->argv = cm_alloc(((size_t)c->argc + 1) * sizeof *c->argv);
    for (int i = 0; i < c->argc; i++) {
        size_t n = strnlen(p, (size_t)(end - p));
        if (p + n >= end)
            return false;
        c->argv[i] = p;
        p += n + 1;
    }
    c->input = p;
    c->input_bytes = (size_t)(end - p);
    return true;
}

static void serve(struct call *c)
{
    struct world *w = c->w;
    int status = 127;
    bool found = false;
    marker_look(w); /* what was done to files before this call stands before it */
    drill_look(w);
    w->acting = c->pid;
    for (size_t i = 0; i < sizeof tools / sizeof *tools && !found; i++) {
        if (strcmp(c->name, tools[i].name) == 0) {
            found = true;
            status = tools[i].run(c);
        }
    }
    if (!found)
        call_fail(c, "%s: command not found", c->name);
    violation_check(w);
    w->acting = 0;
    if (!c->deferred)
        call_done(c, status);
    else if (!push(c))
        c->sent = c->sending.len;
    if (c->deferred && !c->answered)
        cm_watch_events(c->watch, c->sent < c->sending.len ? POLLIN | POLLOUT : POLLIN);
}

static void more(struct call *c, const char *bytes, size_t n)
{
    uint32_t length = 0;
    if (c->argv != NULL) { /* served already: a byte of a client that pauses */
        if (c->on_byte != NULL && n > 0) {
            void (*then)(struct call *, char) = c->on_byte;
            c->on_byte = NULL;
            c->w->acting = c->pid;
            then(c, bytes[0]);
            violation_check(c->w);
            c->w->acting = 0;
            state_flush(c->w);
        }
        return;
    }
    cm_str_add_bytes(&c->in, bytes, n);
    if (c->in.len < sizeof length)
        return;
    memcpy(&length, c->in.data, sizeof length);
    if (c->in.len < sizeof length + length)
        return;
    if (parse(c)) {
        serve(c);
    } else {
        c->argc = 0;
        call_fail(c, "the request was not understood");
        call_done(c, 1);
    }
}

static void gone(struct call *c)
{
    if (c->on_byte != NULL) {
        void (*then)(struct call *, char) = c->on_byte;
        c->on_byte = NULL;
        then(c, 0);
        violation_check(c->w);
        state_flush(c->w);
    }
    if (c->deferred && !c->answered && c->pod == NULL) { /* what it began goes on without it, as systemd's jobs do */
        cm_watch_drop(c->watch);
        c->watch = NULL;
        c->orphan = true;
        return;
    }
    call_free(c);
}

static void call_ready(void *ctx, int fd, short revents)
{
    struct call *c = ctx;
    char bytes[65536];
    bool over = false;
    if ((revents & POLLOUT) != 0) {
        over = !push(c);
        if (c->sent == c->sending.len)
            cm_watch_events(c->watch, POLLIN);
    }
    if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            more(c, bytes, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            over = true;
    }
    if (over)
        gone(c);
}

static void accepted(void *ctx, int fd, short revents)
{
    struct world *w = ctx;
    struct ucred who = {0};
    socklen_t n = sizeof who;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    (void)revents;
    if (client < 0)
        return;
    struct call *c = cm_alloc(sizeof *c);
    *c = (struct call){.w = w,
                       .fd = client,
                       .in = CM_STR(CM_STR_BIG),
                       .sending = CM_STR(CM_STR_BIG),
                       .out = CM_STR(CM_STR_BIG),
                       .errout = CM_STR(CM_STR_PAGE),
                       .next = w->calls};
    w->calls = c;
    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0)
        c->pid = who.pid;
    c->watch = cm_loop_fd(w->loop, client, POLLIN, call_ready, c);
    call_ready(c, client, POLLIN); /* the request is mostly there already */
}

/* The name is bound as a short relative one: a socket's path has 108 bytes, a DIR may have more. */
int control_open(struct world *w, struct cm_err **err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "control.sock");
    bool bound = back >= 0 && fd >= 0 && chdir(w->dir) == 0;
    if (bound) {
        unlink(a.sun_path);
        bound = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 128) == 0 && chmod(a.sun_path, 0600) == 0;
        bound = fchdir(back) == 0 && bound;
    }
    if (back >= 0)
        close(back);
    if (!bound)
        return cm_fail_errno(err, CM_E_FAILED, "cannot listen on %s/control.sock", w->dir);
    cm_loop_fd(w->loop, fd, POLLIN, accepted, w);
    return 0;
}

void control_close(struct world *w)
{
    cm_autofree char *path = world_path(w, "control.sock");
    while (w->calls != NULL)
        call_free(w->calls);
    unlink(path);
}
