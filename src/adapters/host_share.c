/* adapters/host_share.c: one connection to a node for all commands of ours, by ssh's own sharing (ssh_config(5), ControlMaster).
 *
 * Checks run side by side in processes of their own: the first one opens the connection under a lock and the others wait for it,
 * or each would log in by itself. Where the user's configuration shares a connection already nothing of this is done: that one
 * may have been opened with a second factor, and ours would stand in its way. It closes itself a minute after its last command. */
#include <config.h>

#include "adapters/host_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/process.h"
#include "base/text.h"

enum { ASK_MS = 5000, LOGIN_MS = 20000, OTHERS_MS = 25000, LOOK_EVERY_MS = 20, FRESH_MS = 45000 };

/* A folder of our own for the sockets: theirs are names of at most 108 bytes (unix(7)), so it must be short. NULL: none. */
static char *control_folder(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path = runtime != NULL && runtime[0] == '/' && strlen(runtime) < 32
                     ? cm_fmt("%s/connect-migrate", runtime)
                     : cm_fmt("/tmp/connect-migrate-%lu", (unsigned long)geteuid());
    struct stat st;
    if ((mkdir(path, 0700) == 0 || errno == EEXIST) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & 077) == 0)
        return path;
    free(path);
    return NULL;
}

/* The value of a line "keyword value" of `ssh -G`, which prints them in lower case; NULL: no such line. */
static const char *said(const char *printed, const char *keyword)
{
    size_t n = strlen(keyword);
    for (const char *at = printed; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, keyword, n) == 0 && at[n] == ' ')
            return at + n + 1;
    }
    return NULL;
}

static bool proxy(const char *printed, const char *keyword)
{
    const char *value = said(printed, keyword);
    return value != NULL && !cm_starts(value, "none\n");
}

/* `ssh -G` prints the configuration that would be used, without connecting (ssh(1)). */
static void ask_configuration(struct cm_host *h, struct cm_loop *loop)
{
    const char *const argv[] = {h->ssh, "-G", h->name, NULL};
    const struct cm_cmd cmd = {.argv = argv, .timeout_ms = ASK_MS};
    cm_autoout out = {.status = -1};
    h->asked = true;
    bool known = cm_proc_run(loop, &cmd, &out, NULL) == 0 && out.status == 0;
    const char *path = known ? said(out.out, "controlpath") : NULL, *alive = known ? said(out.out, "serveraliveinterval") : NULL;
    h->keeps_alive = alive != NULL && *alive != '0';
    h->proxied = known && (proxy(out.out, "proxyjump") || proxy(out.out, "proxycommand"));
    if (path != NULL && !cm_starts(path, "none\n"))
        return;
    cm_autofree char *folder = control_folder();
    if (folder == NULL)
        return;
    h->control = cm_fmt("ControlPath=%s/%%C", folder);
    if (strchr(h->name, '/') == NULL)
        h->lock = cm_fmt("%s/%s.lock", folder, h->name);
}

void cm_host_share_options(struct cm_argv *argv, const struct cm_host *h)
{
    if (h->control == NULL)
        return;
    cm_argv_add2(argv, "-o", "ControlMaster=auto");
    cm_argv_add2(argv, "-o", h->control);
    cm_argv_add2(argv, "-o", "ControlPersist=60");
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

/* The lock, -1 where it cannot be had, -2 when cancelled. *waited: somebody else had it, and tried before us. */
static int take_lock(const struct cm_host *h, struct cm_loop *loop, bool *waited)
{
    int64_t until = cm_loop_now_ms(loop) + OTHERS_MS;
    int fd = open(h->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    *waited = false;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool busy = errno == EWOULDBLOCK || errno == EINTR; /* the wait below has errors of its own */
        int64_t now = cm_loop_now_ms(loop);
        bool cancelled = now < until && cm_loop_until(loop, never, NULL, now + LOOK_EVERY_MS) == CM_WAIT_CANCELLED;
        *waited = true;
        if (cancelled || now >= until || !busy) {
            close(fd);
            return cancelled ? -2 : -1;
        }
    }
    return fd;
}

static bool stands(const struct cm_host *h, struct cm_loop *loop)
{
    const char *const argv[] = {h->ssh, "-o", h->control, "-O", "check", h->name, NULL};
    const struct cm_cmd cmd = {.argv = argv, .timeout_ms = ASK_MS};
    cm_autoout out = {.status = -1};
    return cm_proc_run(loop, &cmd, &out, NULL) == 0 && out.status == 0;
}

/* 0: it ran, its status is in *out. */
static int run_true(const struct cm_host *h, struct cm_loop *loop, bool share, struct cm_out *out, struct cm_err **err)
{
    cm_autoargv argv = {0};
    struct cm_cmd cmd = {.timeout_ms = LOGIN_MS};
    cm_autoerr failed = NULL;
    cm_host_ssh_begin(&argv, &cmd, h);
    if (share)
        cm_host_share_options(&argv, h);
    else
        cm_argv_add2(&argv, "-o", "ControlPath=none");
    cm_argv_add2(&argv, h->name, "true");
    cmd.argv = argv.list;
    if (cm_proc_run(loop, &cmd, out, &failed) == 0)
        return 0;
    if (out->timed_out) {
        cm_fail_passing(err, "%s: cannot be reached by ssh: no login within %d s", h->name, LOGIN_MS / 1000);
        cm_hint(err, "See what takes so long: %s -v %s true", h->ssh, h->name);
        return -1;
    }
    struct cm_err *moved = failed;
    failed = NULL;
    cm_err_move(err, moved);
    return cm_wrap(err, "%s", h->name);
}

/* Log in; the connection stays behind. A status of `true` that is not 0 is no matter of the way there. */
static int log_in(const struct cm_host *h, struct cm_loop *loop, struct cm_err **err)
{
    cm_autoout out = {.status = -1};
    if (run_true(h, loop, true, &out, err) != 0)
        return -1;
    if (out.status == 255 && h->proxied) {
        /* With ControlPersist ssh keeps a jump host's words to itself (sshconnect.c): without it they are heard. */
        cm_out_fini(&out);
        if (run_true(h, loop, false, &out, err) != 0)
            return -1;
    }
    return out.status == 255 ? cm_host_classify(h, false, &out, err) : 0;
}

int cm_host_share(struct cm_host *h, struct cm_loop *loop, struct cm_err **err)
{
    if (h->way != CM_HOST_SSH)
        return 0;
    if (!h->asked)
        ask_configuration(h, loop);
    int64_t now = cm_loop_now_ms(loop);
    bool fresh = h->shared_ms != 0 && now - h->shared_ms < FRESH_MS, waited = false;
    if (h->lock == NULL || fresh) {
        h->shared_ms = now;
        return 0;
    }
    int fd = take_lock(h, loop, &waited), rc = 0;
    if (fd == -2)
        return cm_fail(err, CM_E_INTERRUPTED, "interrupted on the way to %s", h->name);
    bool there = fd >= 0 && stands(h, loop);
    if (fd >= 0 && waited && !there) {
        close(fd); /* the one before us did not get in: all others try at the same time, or each would wait for each */
        fd = -1;
    }
    if (!there)
        rc = log_in(h, loop, err);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        h->shared_ms = cm_loop_now_ms(loop);
    return rc;
}
