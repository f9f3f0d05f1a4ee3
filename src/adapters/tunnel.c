/* adapters/tunnel.c: see the header. The tunnel has a connection of its own (ControlPath=none): a forward asked of a shared one would
 * stay with that one after us. ssh opens the listener once it is let in, so a listener that accepts means that it is. */
#include <config.h>

#include "adapters/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cm/str.h>

#include "adapters/argv.h"
#include "adapters/host_shell.h"
#include "adapters/process.h"
#include "base/mem.h"

enum { LOOK_EVERY_MS = 50 };

struct cm_tunnel {
    struct cm_loop *loop;
    struct cm_proc *ssh;
    int port;
    char text[8];
    bool ended;
    int status;
};

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

/* Taken and given back: ssh takes it next, and ends when somebody else was faster (ExitOnForwardFailure). */
static int free_port(struct cm_err **err)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0)
        port = ntohs(a.sin_port);
    if (port < 0)
        cm_fail_errno(err, CM_E_FAILED, "no free port on loopback");
    if (fd >= 0)
        close(fd);
    return port;
}

static bool listens(const struct cm_tunnel *t)
{
    struct sockaddr_in a = loopback(t->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static void ended(void *ctx, int status)
{
    struct cm_tunnel *t = ctx;
    t->ended = true;
    t->status = status;
}

static void line(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static bool over(void *ctx) { return ((struct cm_tunnel *)ctx)->ended; }

static int start(struct cm_tunnel *t, struct cm_host *node, const char *host, const char *port, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autofree char *forward =
        strchr(host, ':') ? cm_fmt("127.0.0.1:%d:[%s]:%s", t->port, host, port) : cm_fmt("127.0.0.1:%d:%s:%s", t->port, host, port);
    struct cm_cmd cmd = {0};
    cm_host_ssh_begin(&a, &cmd, node);
    cm_argv_add(&a, "-N");
    cm_argv_add2(&a, "-o", "ControlPath=none");
    cm_argv_add2(&a, "-o", "ExitOnForwardFailure=yes");
    cm_argv_add2(&a, "-L", forward);
    cm_argv_add(&a, node->name);
    cmd.argv = a.list;
    t->ssh = cm_proc_start(t->loop, &cmd, line, ended, t, err);
    return t->ssh ? 0 : -1;
}

static int wait_for_it(struct cm_tunnel *t, struct cm_host *node, int64_t timeout_ms, struct cm_err **err)
{
    int64_t until = cm_loop_now_ms(t->loop) + timeout_ms;
    while (!t->ended && !listens(t)) {
        int64_t now = cm_loop_now_ms(t->loop), next = now + LOOK_EVERY_MS < until ? now + LOOK_EVERY_MS : until;
        if (now >= until)
            return cm_fail_passing(err, "%s: ssh was not let in within %lld s", node->name, (long long)(timeout_ms / 1000));
        if (cm_loop_until(t->loop, over, t, next) == CM_WAIT_CANCELLED)
            return cm_fail(err, CM_E_INTERRUPTED, "cancelled");
    }
    if (!t->ended)
        return 0;
    cm_autofree char *words = cm_strdup(cm_proc_errout(t->ssh));
    struct cm_out out = {.status = 255, .out = NULL, .errout = words};
    return cm_host_classify(node, false, &out, err);
}

struct cm_tunnel *cm_tunnel_open(struct cm_loop *loop, struct cm_host *node, const char *host, const char *port, int64_t timeout_ms,
                                 struct cm_err **err)
{
    if (node->way != CM_HOST_SSH) {
        cm_fail(err, CM_E_USAGE, "database.via: source needs a server that is reached by ssh");
        cm_hint(err, "Give the database's address from here instead: `database: {hostaddr: ADDRESS}` in the plan.");
        return NULL;
    }
    int free_one = free_port(err);
    if (free_one < 0)
        return NULL;
    struct cm_tunnel *t = cm_alloc(sizeof *t);
    t->loop = loop;
    t->port = free_one;
    snprintf(t->text, sizeof t->text, "%d", t->port);
    if (start(t, node, host, port, err) == 0 && wait_for_it(t, node, timeout_ms, err) == 0)
        return t;
    cm_tunnel_close(t);
    return NULL;
}

const char *cm_tunnel_port(const struct cm_tunnel *t) { return t->text; }

bool cm_tunnel_alive(const struct cm_tunnel *t) { return !t->ended; }

void cm_tunnel_close(struct cm_tunnel *t)
{
    if (!t)
        return;
    if (t->ssh)
        cm_proc_stop(t->ssh);
    free(t);
}
