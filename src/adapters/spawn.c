/* adapters/spawn.c: fork and exec (adapters/spawn.h). Between fork and exec only async-signal-safe calls are made, since a
 * resolver thread may hold any lock at the fork. */
#include <config.h>

#include "adapters/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

extern char **environ;

enum stage { AT_NONE, AT_SETUP, AT_FOLDER, AT_EXEC };
struct failure {
    enum stage stage;
    int error;
};

/* Descriptors that the child keeps for itself until exec. */
enum { FAILED_FD = 3, HOLD_FD = 4, FIRST_OTHER_FD = 5 };

/* Our environment with cmd->env put over it. The strings stay where they are: they may be secrets. */
static char **merged_environment(const struct cm_cmd *cmd)
{
    size_t ours = 0, added = 0, n = 0;
    while (environ[ours] != NULL)
        ours++;
    while (cmd->env != NULL && cmd->env[added] != NULL)
        added++;
    const char **merged = cm_alloc((ours + added + 1) * sizeof *merged);
    for (size_t i = 0; i < ours; i++) {
        size_t name = strcspn(environ[i], "=");
        bool replaced = false;
        for (size_t k = 0; k < added && !replaced; k++)
            replaced = strncmp(cmd->env[k], environ[i], name) == 0 && cmd->env[k][name] == '=';
        if (!replaced)
            merged[n++] = environ[i];
    }
    for (size_t k = 0; k < added; k++)
        merged[n++] = cmd->env[k];
    return (char **)(void *)merged;
}

static _Noreturn void give_up(enum stage stage)
{
    struct failure f = {stage, errno};
    ssize_t ignored = write(FAILED_FD, &f, sizeof f);
    (void)ignored;
    _exit(127);
}

/* Put the five descriptors where they belong, whatever numbers they have now; close all others. */
static void arrange_descriptors(const struct cm_spawn *s, int failed_fd, int hold_fd)
{
    int high[5] = {s->in, s->out, s->errout, failed_fd, hold_fd};
    for (int i = 0; i < 5; i++)
        if (high[i] >= 0)
            high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, 16);
    for (int i = 0; i < 3; i++)
        if (dup2(high[i], i) < 0)
            _exit(127);
    if (dup3(high[3], FAILED_FD, O_CLOEXEC) < 0 || (high[4] >= 0 && dup3(high[4], HOLD_FD, O_CLOEXEC) < 0))
        _exit(127);
#ifdef SYS_close_range
    /* Without it (an old kernel) close-on-exec does the same at exec. */
    syscall(SYS_close_range, (unsigned)(high[4] >= 0 ? FIRST_OTHER_FD : HOLD_FD), ~0U, 0U);
#endif
}

/* Between fork and setsid the child is still of the terminal's group, and a Ctrl-C of that moment waits for it: it was not meant for it.
 * Ignoring a signal drops one that waits (POSIX, sigaction). */
static void drop_signals_of_the_terminal(void)
{
    static const int of_the_terminal[] = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP};
    for (size_t i = 0; i < sizeof of_the_terminal / sizeof *of_the_terminal; i++) {
        struct sigaction was, ignore;
        memset(&ignore, 0, sizeof ignore);
        ignore.sa_handler = SIG_IGN;
        if (sigaction(of_the_terminal[i], &ignore, &was) == 0)
            sigaction(of_the_terminal[i], &was, NULL);
    }
}

static void default_signals(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = SIG_DFL;
    for (int signo = 1; signo < NSIG; signo++)
        if (signo != SIGHUP)
            sigaction(signo, &sa, NULL); /* fails for SIGKILL and SIGSTOP, which cannot be ignored */
    struct sigaction hup;
    if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN) /* nohup is for the children too */
        sigaction(SIGHUP, &sa, NULL);
}

static void wait_for_go(void)
{
    char byte;
    ssize_t n;
    do
        n = read(HOLD_FD, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(126); /* nobody let it go: it is not on record and must do nothing */
}

/* Leave the status where a later start finds it; only calls that are safe after fork. */
static void leave_status(const char *path, int status)
{
    char text[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10), '\n'};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (write(fd, text, sizeof text) == (ssize_t)sizeof text)
        fdatasync(fd);
    close(fd);
}

/* Returns in the process that becomes the command; the other one waits for it. */
static void stand_between(const struct cm_cmd *cmd)
{
    pid_t pid = fork();
    if (pid == 0)
        return;
    if (pid < 0)
        give_up(AT_SETUP);
    signal(SIGTERM, SIG_IGN); /* it is for the command, which is in the same group; we must live to see how it ends */
    close(FAILED_FD);
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    leave_status(cmd->status_path, code);
    _exit(code);
}

static _Noreturn void child_main(const struct cm_spawn *s, const struct cm_cmd *cmd, int failed_fd, int hold_fd, pid_t parent,
                                 char **env)
{
    if (s->hold_fd >= 0)
        close(s->hold_fd); /* or its own copy would keep the pipe from ever ending */
    arrange_descriptors(s, failed_fd, hold_fd);
    if (setsid() < 0)
        give_up(AT_SETUP);
    if (s->dies_with_us && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        _exit(126);
    drop_signals_of_the_terminal();
    default_signals();
    if (s->held)
        wait_for_go();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (cmd->status_path != NULL)
        stand_between(cmd);
    if (cmd->cwd != NULL && chdir(cmd->cwd) != 0)
        give_up(AT_FOLDER);
    execvpe(cmd->argv[0], (char *const *)(const void *)cmd->argv, env);
    give_up(AT_EXEC);
}

static void close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int cm_spawn(struct cm_spawn *s, const struct cm_cmd *cmd, struct cm_err **err)
{
    int failed[2] = {-1, -1}, hold[2] = {-1, -1};
    s->hold_fd = s->failed_fd = -1;
    if (pipe2(failed, O_CLOEXEC) != 0 || (s->held && pipe2(hold, O_CLOEXEC) != 0)) {
        cm_fail_errno(err, CM_E_FAILED, "cannot make a pipe for %s", cmd->argv[0]);
        close_pair(failed);
        return -1;
    }
    s->failed_fd = failed[0];
    s->hold_fd = hold[1];
    char **env = merged_environment(cmd);
    pid_t parent = getpid();
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* our handlers must not run in the child */
    s->pid = fork();
    if (s->pid == 0)
        child_main(s, cmd, failed[1], hold[0], parent, env);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    free(env);
    close(failed[1]);
    if (hold[0] >= 0)
        close(hold[0]);
    if (s->pid < 0) {
        cm_spawn_close(s);
        errno = saved;
        return cm_fail_errno(err, CM_E_FAILED, "cannot start %s", cmd->argv[0]);
    }
    return 0;
}

void cm_spawn_go(struct cm_spawn *s)
{
    ssize_t n;
    do
        n = write(s->hold_fd, "g", 1);
    while (n < 0 && errno == EINTR);
    close(s->hold_fd);
    s->hold_fd = -1;
}

void cm_spawn_close(struct cm_spawn *s)
{
    if (s->hold_fd >= 0)
        close(s->hold_fd);
    if (s->failed_fd >= 0)
        close(s->failed_fd);
    s->hold_fd = s->failed_fd = -1;
}

static int explain(const struct failure *f, const struct cm_cmd *cmd, struct cm_err **err)
{
    errno = f->error;
    if (f->stage == AT_FOLDER)
        return cm_fail_errno(err, CM_E_FAILED, "cannot run %s in the folder %s", cmd->argv[0], cmd->cwd);
    if (f->stage == AT_SETUP)
        return cm_fail_errno(err, CM_E_FAILED, "cannot start %s", cmd->argv[0]);
    if (f->error == ENOENT && strchr(cmd->argv[0], '/') == NULL) {
        cm_fail(err, CM_E_FAILED, "cannot run %s: there is no such program in PATH", cmd->argv[0]);
        cm_hint(err, "Install %s, or give its whole path in the plan; PATH is %s.", cmd->argv[0],
                getenv("PATH") == NULL ? "not set" : getenv("PATH"));
        return -1;
    }
    return cm_fail_errno(err, CM_E_FAILED, "cannot run %s", cmd->argv[0]);
}

int cm_spawn_started(struct cm_spawn *s, const struct cm_cmd *cmd, struct cm_err **err)
{
    if (s->failed_fd < 0)
        return 0;
    struct failure f = {AT_NONE, 0};
    ssize_t n;
    do
        n = read(s->failed_fd, &f, sizeof f);
    while (n < 0 && errno == EINTR);
    close(s->failed_fd);
    s->failed_fd = -1;
    return n == (ssize_t)sizeof f ? explain(&f, cmd, err) : 0;
}

int cm_spawn_input(const struct cm_cmd *cmd, struct cm_err **err)
{
    if (cmd->input == NULL) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return null >= 0 ? null : cm_fail_errno(err, CM_E_FAILED, "cannot open /dev/null");
    }
    /* Memory, not a disk: it may be a secret. A whole file, so that a child that outlives us still can read all of it. */
    int fd = memfd_create("input", MFD_CLOEXEC);
    const char *p = cmd->input;
    size_t left = cmd->input_bytes;
    while (fd >= 0 && left > 0) {
        ssize_t n = write(fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        p += n;
        left -= (size_t)n;
    }
    if (fd < 0 || left > 0 || lseek(fd, 0, SEEK_SET) != 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot hand input to %s", cmd->argv[0]);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

int cm_spawn_status(int wait_status) { return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status); }
