/* rehearse: the world's program is started beside us, then our own program is run on the plan that the world wrote. Two processes of our
 * own, each ended by us; nothing is simulated in here. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/find.h"
#include "cli/options.h"
#include "cli/rehearsal_plan.h"
#include "plan/plan.h"

enum { WORDS = 32, READY_MS = 60 * 1000 };

static volatile sig_atomic_t asked_to_end;
static void on_signal(int signo) { asked_to_end = signo; }

static pid_t start(const char *const *argv, int out)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (out >= 0) {
        setpgid(0, 0); /* Ctrl-C is for the run; the world is ended by us, after it */
        dup2(out, STDOUT_FILENO);
    }
    union {
        const char *const *read;
        char *const *plain;
    } u = {argv};
    execv(argv[0], u.plain);
    fprintf(stderr, "connect-migrate-run: cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return CM_E_INTERNAL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the world ---- */

/* A plan of that runbook has no old server: the world begins with a Connect that runs in the cluster. */
static bool wants_launcher(const struct cm_invocation *in)
{
    struct cm_plan *plan = in->arg_count ? cm_plan_load(in->args[0], NULL) : NULL; /* its faults are told later */
    bool yes = plan && strcmp(cm_plan_text(plan, "runbook"), "launcher-to-kubernetes-runner") == 0;
    cm_plan_free(plan);
    return yes;
}

static void world_words(const struct cm_invocation *in, const char *program, const char *dir, const char **argv)
{
    static const enum cm_option_id handed[] = {CM_O_CONTENT, CM_O_NODES, CM_O_BUILD_MS, CM_O_POD_MS, CM_O_SEED, CM_O_DRILL};
    static const char *const names[] = {"--content", "--nodes", "--build-ms", "--pod-ms", "--seed", "--drill"};
    size_t n = 0;
    argv[n++] = program;
    argv[n++] = "serve";
    argv[n++] = "--dir";
    argv[n++] = dir;
    for (size_t i = 0; i < sizeof handed / sizeof *handed; i++)
        if (cm_given_value(in, handed[i])) {
            argv[n++] = names[i];
            argv[n++] = cm_given_value(in, handed[i]);
        }
    if (wants_launcher(in))
        argv[n++] = "--launcher";
    argv[n] = NULL;
}

static int wait_ready(int fd, struct cm_err **err)
{
    cm_autostr said = CM_STR(CM_STR_LINE);
    char c;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int got = poll(&p, 1, READY_MS);
        if (asked_to_end)
            return cm_fail(err, asked_to_end == SIGTERM ? CM_E_TERMINATED : CM_E_INTERRUPTED, "interrupted");
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || read(fd, &c, 1) != 1)
            return cm_fail(err, CM_E_FAILED, "the rehearsal's world did not come up");
        if (c == '\n' && strcmp(cm_str_text(&said), "ready") == 0)
            return 0;
        if (c == '\n')
            cm_str_reset(&said);
        else
            cm_str_add_bytes(&said, &c, 1);
    }
}

static pid_t world_up(const struct cm_invocation *in, const char *dir, struct cm_err **err)
{
    cm_autofree char *program = cm_find_program("connect-migrate-world");
    const char *argv[WORDS];
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return cm_fail_errno(err, CM_E_INTERNAL, "pipe");
    world_words(in, program, dir, argv);
    pid_t pid = start(argv, p[1]);
    close(p[1]);
    int rc = pid < 0 ? cm_fail_errno(err, CM_E_INTERNAL, "fork") : wait_ready(p[0], err);
    close(p[0]);
    if (rc == 0)
        return pid;
    if (pid > 0) {
        kill(pid, SIGTERM);
        wait_for(pid);
    }
    return -1;
}

static void world_down(pid_t pid)
{
    kill(pid, SIGTERM);
    wait_for(pid);
}

/* ---- the command ---- */

static int list_drills(void)
{
    cm_autofree char *program = cm_find_program("connect-migrate-world");
    const char *const argv[] = {program, "drills", NULL};
    fflush(stdout);
    return wait_for(start(argv, -1));
}

static void remove_tree(const char *dir)
{
    const char *const argv[] = {"/bin/rm", "-rf", "--", dir, NULL};
    wait_for(start(argv, -1));
}

static int serve(pid_t world, const char *dir)
{
    printf("ready\n");
    fflush(stdout);
    cm_log(CM_NORMAL,
           "the world is up in %s: run `connect-migrate-run %s/plan.yaml --yes` in another terminal; Ctrl-C ends the world", dir,
           dir);
    while (!asked_to_end) {
        int status;
        pid_t ended = waitpid(world, &status, WNOHANG);
        if (ended == world)
            return CM_E_FAILED;
        poll(NULL, 0, 200);
    }
    world_down(world);
    return CM_E_OK;
}

/* How it is shown is handed on; what is done is the plan's. */
static int run_in(const struct cm_invocation *in, const char *dir)
{
    cm_autofree char *self = cm_find_self(), *plan = cm_path_join(dir, "plan.yaml");
    static const enum cm_option_id handed[] = {CM_O_JSON, CM_O_PLAIN, CM_O_VERBOSE, CM_O_QUIET};
    static const char *const names[] = {"--json", "--plain", "-v", "-q"};
    const char *argv[WORDS] = {self, plan, "--yes"}, *color = cm_given_value(in, CM_O_COLOR);
    size_t n = 3;
    for (size_t i = 0; i < sizeof handed / sizeof *handed; i++)
        for (size_t k = 0; k < cm_given_times(in, handed[i]) && k < 2; k++)
            argv[n++] = names[i];
    if (color) {
        argv[n++] = "--color";
        argv[n++] = color;
    }
    argv[n] = NULL;
    fflush(stdout);
    return wait_for(start(argv, -1));
}

static void catch_signals(void)
{
    struct sigaction a = {.sa_handler = on_signal};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

int cm_cmd_rehearse(const struct cm_invocation *in, struct cm_err **err)
{
    const char *given = cm_given_value(in, CM_O_DIR), *drill = cm_given_value(in, CM_O_DRILL), *tmp = getenv("TMPDIR");
    if (drill && strcmp(drill, "list") == 0)
        return list_drills();
    cm_autofree char *dir =
        given ? cm_path_absolute(given) : cm_fmt("%s/connect-migrate-rehearsal-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!given && !mkdtemp(dir))
        return cm_fail_errno(err, CM_E_FAILED, "cannot make a folder for the world: %s", dir);
    if (given && cm_dir_make(dir, 0755, err) < 0)
        return -1;
    catch_signals();
    pid_t world = world_up(in, dir, err);
    if (world < 0)
        return -1;
    if (in->arg_count && cm_rehearsal_plan(in->args[0], dir, err) < 0) {
        world_down(world);
        return -1;
    }
    if (cm_given_times(in, CM_O_SERVE))
        return serve(world, dir);
    int status = run_in(in, dir);
    world_down(world);
    FILE *out = cm_given_times(in, CM_O_JSON) ? stderr : stdout;
    fprintf(out, "\nThe rehearsal ended with status %d (%s).\nreport: %s/plan.run/report.html\n", status,
            cm_code_word(status) ? cm_code_word(status) : "?", dir);
    if (!given && asked_to_end)
        remove_tree(dir);
    return status;
}
