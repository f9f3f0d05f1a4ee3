/* adapters: the runner of commands and where secrets come from. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/process.h"
#include "adapters/secrets.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pid.h"
#include "base/text.h"
#include "fake_engine.h"

static struct cm_step step;
static struct cm_intent intent;
static char dir[64];

static int set_up(void **state)
{
    (void)state;
    step = (struct cm_step){.loop = cm_loop_new(&cm_clock_system), .deadline = CM_NEVER, .log = CM_STR(CM_STR_PAGE)};
    intent = (struct cm_intent){.step = &step};
    snprintf(dir, sizeof dir, "/tmp/cm-test-process.XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    cm_loop_free(step.loop);
    cm_str_fini(&step.log);
    json_decref(intent.note);
    cm_autofree char *command = cm_fmt("rm -rf %s", dir);
    return system(command);
}

/* sh -c SCRIPT, with `$1` = the test's folder */
#define SH(name, text)                                                                                                             \
    const char *const name##_argv[] = {"sh", "-c", text, "sh", dir, NULL};                                                         \
    struct cm_cmd name = {.argv = name##_argv}

/* Run it; 0: it ran and ended with status 0. */
static int run_well(const struct cm_cmd *cmd, struct cm_out *out)
{
    return cm_run(&step, cmd, out, NULL) == 0 && out->status == 0 ? 0 : -1;
}

static void gives_status_and_both_streams(void **state)
{
    (void)state;
    SH(cmd, "echo out; echo err >&2; exit 3");
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_run(&step, &cmd, &out, NULL), 0);
    assert_int_equal(out.status, 3);
    assert_string_equal(out.out, "out\n");
    assert_string_equal(out.errout, "err\n");
    assert_non_null(strstr(cm_str_text(&step.log), "status 3"));
    assert_non_null(strstr(cm_str_text(&step.log), "2> err"));
    assert_null(strstr(cm_str_text(&step.log), "> out")); /* what it printed may be anything */
}

static void tells_a_missing_program_from_status_127(void **state)
{
    (void)state;
    const char *const argv[] = {"no-such-program-here", "x", NULL};
    const struct cm_cmd missing = {.argv = argv};
    SH(status, "exit 127");
    cm_autoout out = {.status = -1}, out2 = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &missing, &out, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "no-such-program-here: there is no such program in PATH"));
    assert_non_null(cm_err_hint(err));
    assert_int_equal(cm_run(&step, &status, &out2, NULL), 0);
    assert_int_equal(out2.status, 127);
}

static void names_a_folder_it_cannot_enter(void **state)
{
    (void)state;
    SH(cmd, "true");
    cmd.cwd = "/no/such/folder";
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &cmd, &out, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "/no/such/folder"));
}

static void hands_over_input_of_any_size(void **state)
{
    (void)state;
    size_t n = 3000000;
    cm_autofree char *input = cm_alloc(n);
    memset(input, 'x', n);
    SH(cmd, "wc -c");
    cmd.input = input;
    cmd.input_bytes = n;
    cm_autoout out = {.status = -1};
    assert_int_equal(run_well(&cmd, &out), 0);
    assert_int_equal(strtol(out.out, NULL, 10), 3000000);
}

static void caps_output_and_says_so(void **state)
{
    (void)state;
    SH(cmd, "head -c 1000000 /dev/zero; echo done >&2");
    cmd.output_max_bytes = 1000;
    cm_autoout out = {.status = -1};
    assert_int_equal(run_well(&cmd, &out), 0);
    assert_int_equal(out.out_bytes, 1000);
    assert_true(out.truncated);
    assert_string_equal(out.errout, "done\n");
}

static void puts_its_environment_over_ours(void **state)
{
    (void)state;
    setenv("CM_TEST_A", "ours", 1);
    setenv("CM_TEST_AB", "kept", 1);
    const char *const env[] = {"CM_TEST_A=theirs", NULL};
    SH(cmd, "echo $CM_TEST_A $CM_TEST_AB; env | grep -c '^CM_TEST_A='");
    cmd.env = env;
    cm_autoout out = {.status = -1};
    assert_int_equal(run_well(&cmd, &out), 0);
    assert_string_equal(out.out, "theirs kept\n1\n");
}

static void a_child_gets_no_descriptor_but_its_three(void **state)
{
    (void)state;
    int leak = open("/dev/null", O_RDONLY); /* without close-on-exec, as a library may leave it */
    SH(cmd, "ls /proc/self/fd");
    cm_autoout out = {.status = -1};
    assert_int_equal(run_well(&cmd, &out), 0);
    close(leak);
    assert_string_equal(out.out, "0\n1\n2\n3\n"); /* 3: ls reading the folder */
}

static void a_child_has_its_own_session_and_default_signals(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_DFL); /* under nohup it stays ignored, for children too */
    SH(cmd, "cut -d' ' -f6 /proc/$$/stat; echo $$; sed -n 's/^Sig[BI][lg][kn]:[[:space:]]*//p' /proc/self/status");
    cm_autoout out = {.status = -1};
    assert_int_equal(run_well(&cmd, &out), 0);
    signal(SIGPIPE, SIG_DFL);
    char *end;
    long sid = strtol(out.out, &end, 10), pid = strtol(end, &end, 10);
    assert_int_equal(sid, pid);
    assert_int_not_equal(sid, getsid(0));
    /* 32 and 33 are the C library's own: whoever started us may have left them ignored, and nobody can change them. */
    unsigned long long blocked = strtoull(end, &end, 16), ignored = strtoull(end, &end, 16) & ~(3ULL << 31);
    assert_int_equal(blocked, 0);
    assert_int_equal(ignored, 0);
}

/* Something of that group still lives. */
static bool file_appears(const char *name, int within_ms)
{
    cm_autofree char *path = cm_path_join(dir, name);
    for (int waited = 0; waited <= within_ms; waited += 10) {
        if (cm_file_exists(path))
            return true;
        usleep(10000);
    }
    return false;
}

/* Somebody holds Ctrl-C down while commands are started: none of them may get it, whenever in its beginning it comes. */
static void a_child_that_begins_gets_no_signal_of_the_terminal(void **state)
{
    (void)state;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, was;
    const char *const argv[] = {"true", NULL};
    const struct cm_cmd cmd = {.argv = argv};
    pid_t group = getpgrp(), terminal;
    assert_int_equal(setpgid(0, 0), 0);
    sigaction(SIGINT, &ignore, &was);
    terminal = fork();
    if (terminal == 0) {
        pid_t whom = getppid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (setpgid(0, 0) == 0 && kill(-whom, SIGINT) == 0)
            continue;
        _exit(0);
    }
    int ended_well = 0;
    for (int i = 0; i < 100; i++) {
        cm_autoout out = {.status = -1};
        ended_well += run_well(&cmd, &out) == 0;
    }
    kill(terminal, SIGKILL);
    waitpid(terminal, NULL, 0);
    sigaction(SIGINT, &was, NULL);
    assert_int_equal(setpgid(0, group), 0);
    assert_int_equal(ended_well, 100);
}

static void at_its_limit_the_whole_group_is_killed_and_the_error_passes(void **state)
{
    (void)state;
    SH(cmd, "(sleep 0.4; touch $1/late) & echo started >&2; sleep 5");
    cmd.timeout_ms = 100;
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &cmd, &out, &err), -1);
    assert_true(out.timed_out);
    assert_true(cm_err_is_passing(err));
    assert_string_equal(cm_err_evidence(err), "started");
    assert_null(strstr(cm_err_message(err), "of the step's limit"));
    assert_true(out.took_ms >= 100 && out.took_ms < 3000);
    assert_false(file_appears("late", 600));
}

static void what_has_no_time_left_is_not_begun_and_not_blamed(void **state)
{
    (void)state;
    SH(cmd, "touch $1/begun");
    step.deadline = cm_loop_now_ms(step.loop) + 1;
    cm_autoout out = {.status = 4};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &cmd, &out, &err), -1);
    assert_int_equal(out.status, -1);
    assert_true(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_message(err), "was not asked"));
    assert_non_null(strstr(cm_err_hint(err), "`steps: {a.step: {timeout: 5m}}`"));
    assert_false(file_appears("begun", 50));
}

static void the_steps_limit_holds_where_the_command_has_none(void **state)
{
    (void)state;
    SH(cmd, "sleep 5");
    step.deadline = cm_loop_now_ms(step.loop) + 200;
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &cmd, &out, &err), -1);
    assert_true(out.timed_out);
    assert_non_null(strstr(cm_err_message(err), "left of the step's limit"));
}

static void cancel(void *ctx) { cm_loop_cancel(ctx); }

static void a_cancel_ends_a_reading_child_at_once(void **state)
{
    (void)state;
    SH(cmd, "sleep 5");
    cm_loop_timer(step.loop, cm_loop_now_ms(step.loop) + 50, 0, cancel, step.loop);
    cm_autoout out = {.status = -1}, never = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &cmd, &out, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_INTERRUPTED);
    assert_true(out.took_ms < 2000);
    SH(next, "touch $1/next");
    assert_int_equal(cm_run(&step, &next, &never, NULL), -1);
    assert_false(file_appears("next", 50));
}

static void ends_with_the_child_not_with_its_pipes(void **state)
{
    (void)state;
    SH(cmd, "setsid sleep 3 & echo here; exit 0");
    cm_autoout out = {.status = -1};
    assert_int_equal(run_well(&cmd, &out), 0);
    assert_string_equal(out.out, "here\n");
    assert_true(out.took_ms < 2000);
}

static void a_reading_child_dies_with_us(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        cm_loop_after_fork(step.loop);
        SH(cmd, "echo $$ >$1/pid.new; mv $1/pid.new $1/pid; sleep 1; touch $1/late");
        struct cm_out out;
        cm_run(&step, &cmd, &out, NULL);
        _exit(0);
    }
    assert_true(file_appears("pid", 3000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(file_appears("late", 1200));
}

/* ---- tick ---- */

struct ticks {
    int count, fail_at;
};

static int tick(void *ctx, struct cm_err **err)
{
    struct ticks *t = ctx;
    cm_loop_until(step.loop, NULL, NULL, cm_loop_now_ms(step.loop) + 1); /* a tick may wait itself */
    return ++t->count == t->fail_at ? cm_fail(err, CM_E_FAILED, "the guard saw it") : 0;
}

static void calls_the_tick_meanwhile_and_returns_its_failure_at_the_end(void **state)
{
    (void)state;
    struct ticks t = {0, 2};
    SH(cmd, "sleep 0.3; echo whole");
    cmd.tick = tick;
    cmd.tick_ctx = &t;
    cmd.tick_ms = 20;
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run(&step, &cmd, &out, &err), -1);
    assert_string_equal(cm_err_message(err), "the guard saw it");
    assert_string_equal(out.out, "whole\n");
    assert_true(t.count >= 4);
}

/* ---- effects ---- */

static void look_at_held_child(void *ctx)
{
    usleep(100000); /* time to run ahead, if it could */
    *(bool *)ctx = file_appears("effect", 0);
}

static void an_effect_does_nothing_before_it_is_on_record(void **state)
{
    (void)state;
    bool ran_ahead = true;
    intent.noted = look_at_held_child;
    intent.ctx = &ran_ahead;
    SH(cmd, "echo $$; touch $1/effect; echo done >&2; exit 7");
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, NULL), 0);
    assert_false(ran_ahead);
    assert_true(file_appears("effect", 0));
    assert_int_equal(out.status, 7);
    assert_int_equal(cm_json_int(intent.note, "child.pid", 0), strtol(out.out, NULL, 10));
    assert_true(cm_json_int(intent.note, "child.start", -1) > 0);
    assert_string_equal(cm_json_text(intent.note, "child.boot", ""), cm_boot_id());
    assert_non_null(strstr(cm_str_text(&step.log), "2> done"));
}

/* What a later start asks, after a kill that hid the end from us. */
static void an_effect_leaves_its_status_for_a_later_start(void **state)
{
    (void)state;
    struct cm_arena *arena = cm_arena_new();
    step.arena = arena;
    step.log_dir = dir;
    int left = -1;
    assert_false(cm_run_effect_left(&intent, &left));
    SH(cmd, "exit 7");
    cmd.keep_status = true;
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, NULL), 0);
    assert_int_equal(out.status, 7);
    assert_true(cm_run_effect_left(&intent, &left));
    assert_int_equal(left, 7);
    step.log_dir = NULL;
    step.arena = NULL;
    cm_arena_free(arena);
}

static void an_effect_that_cannot_be_recorded_never_happens(void **state)
{
    (void)state;
    intent.note_fails = true;
    SH(cmd, "touch $1/effect");
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, &err), -1);
    assert_string_equal(cm_err_message(err), "the disk is full");
    assert_false(file_appears("effect", 200));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and nothing of it is left */
}

static void die(void *ctx)
{
    (void)ctx;
    kill(getpid(), SIGKILL);
}

static void an_effect_ends_unborn_when_we_die_before_it_is_on_record(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        cm_loop_after_fork(step.loop);
        intent.noted = die;
        SH(cmd, "touch $1/effect");
        struct cm_out out;
        cm_run_effect(&intent, &cmd, &out, NULL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    assert_false(file_appears("effect", 300));
}

static void an_effect_outlives_us(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        cm_loop_after_fork(step.loop);
        SH(cmd, "touch $1/begun; sleep 0.3; echo output; echo more >&2; touch $1/effect");
        struct cm_out out;
        cm_run_effect(&intent, &cmd, &out, NULL);
        _exit(0);
    }
    assert_true(file_appears("begun", 3000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(file_appears("effect", 3000));
}

static void a_first_signal_lets_an_effect_end(void **state)
{
    (void)state;
    SH(cmd, "sleep 0.2; touch $1/effect");
    cm_loop_timer(step.loop, cm_loop_now_ms(step.loop) + 30, 0, cancel, step.loop);
    cm_autoout out = {.status = -1};
    cm_run_escalate(1);
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, NULL), 0);
    assert_int_equal(out.status, 0);
    assert_true(file_appears("effect", 0));
}

static void second_signal(void *ctx)
{
    (void)ctx;
    cm_run_escalate(2);
}

static void third_signal(void *ctx)
{
    (void)ctx;
    cm_run_escalate(3);
}

static void a_second_signal_terminates_it_and_a_third_kills(void **state)
{
    (void)state;
    SH(cmd, "trap 'echo asked; exit 9' TERM; sleep 0.1; sleep 5 & wait");
    cm_autoout out = {.status = -1}, out2 = {.status = -1};
    cm_loop_timer(step.loop, cm_loop_now_ms(step.loop) + 200, 0, second_signal, NULL);
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, NULL), 0);
    assert_int_equal(out.status, 9);
    assert_string_equal(out.out, "asked\n");
    SH(stubborn, "trap '' TERM; while :; do sleep 0.05; done");
    cm_loop_timer(step.loop, cm_loop_now_ms(step.loop) + 100, 0, second_signal, NULL);
    cm_loop_timer(step.loop, cm_loop_now_ms(step.loop) + 200, 0, third_signal, NULL);
    assert_int_equal(cm_run_effect(&intent, &stubborn, &out2, NULL), 0);
    assert_int_equal(out2.status, 128 + SIGKILL);
}

static void at_its_limit_an_effect_is_asked_to_end_first(void **state)
{
    (void)state;
    SH(cmd, "trap 'echo asked; exit 9' TERM; while :; do sleep 0.02; done");
    cmd.timeout_ms = 100;
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, &err), -1);
    assert_true(out.timed_out);
    assert_true(cm_err_is_passing(err));
    assert_int_equal(out.status, 9);
    assert_string_equal(out.out, "asked\n");
}

static void an_effects_missing_program_is_an_error(void **state)
{
    (void)state;
    const char *const argv[] = {"no-such-program-here", NULL};
    const struct cm_cmd cmd = {.argv = argv};
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "no-such-program-here"));
}

static void an_effect_gets_its_input(void **state)
{
    (void)state;
    SH(cmd, "cat >$1/effect; exec cat $1/effect");
    cmd.input = "a\0b";
    cmd.input_bytes = 3;
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_run_effect(&intent, &cmd, &out, NULL), 0);
    assert_int_equal(out.out_bytes, 3);
    assert_memory_equal(out.out, "a\0b", 3);
}

/* ---- children that stay ---- */

struct lines {
    struct cm_proc *proc;
    char text[256];
    int count, ended, status;
    bool stop_at_first;
};

static void take_line(void *ctx, const char *text)
{
    struct lines *l = ctx;
    size_t n = strlen(l->text);
    snprintf(l->text + n, sizeof l->text - n, "<%s>", text);
    l->count++;
    if (l->stop_at_first)
        cm_proc_stop(l->proc);
}

static void line_ended(void *ctx, int status)
{
    struct lines *l = ctx;
    l->ended++;
    l->status = status;
}

static bool has_line(void *ctx) { return ((struct lines *)ctx)->count > 0; }

static bool lines_ended(void *ctx) { return ((struct lines *)ctx)->ended > 0; }

static void gives_lines_as_they_come_and_the_end(void **state)
{
    (void)state;
    SH(cmd, "echo one; sleep 0.2; printf 'two\\nthree'; echo oops >&2; exit 5");
    struct lines l = {0};
    l.proc = cm_proc_start(step.loop, &cmd, take_line, line_ended, &l, NULL);
    assert_non_null(l.proc);
    assert_int_equal(cm_loop_until(step.loop, has_line, &l, cm_loop_now_ms(step.loop) + 3000), CM_WAIT_READY);
    assert_string_equal(l.text, "<one>");
    assert_int_equal(cm_loop_until(step.loop, lines_ended, &l, cm_loop_now_ms(step.loop) + 3000), CM_WAIT_READY);
    assert_string_equal(l.text, "<one><two><three>");
    assert_int_equal(l.status, 5);
    assert_string_equal(cm_proc_errout(l.proc), "oops\n");
    cm_proc_stop(l.proc);
    assert_int_equal(l.ended, 1);
}

static void may_be_stopped_from_its_own_callback(void **state)
{
    (void)state;
    SH(cmd, "echo one; echo two; sleep 5");
    struct lines l = {.stop_at_first = true};
    l.proc = cm_proc_start(step.loop, &cmd, take_line, line_ended, &l, NULL);
    assert_int_equal(cm_loop_until(step.loop, has_line, &l, cm_loop_now_ms(step.loop) + 3000), CM_WAIT_READY);
    assert_string_equal(l.text, "<one>");
    assert_int_equal(l.ended, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void a_program_that_stays_and_is_missing_is_an_error(void **state)
{
    (void)state;
    const char *const argv[] = {"no-such-program-here", NULL};
    const struct cm_cmd cmd = {.argv = argv};
    cm_autoerr err = NULL;
    assert_null(cm_proc_start(step.loop, &cmd, NULL, NULL, NULL, &err));
    assert_non_null(strstr(cm_err_message(err), "no-such-program-here"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- secrets ---- */

static void assert_secret(json_t *taken_ref, const char *expected)
{
    cm_autojson ref = taken_ref;
    struct cm_secret *s = NULL;
    cm_autoerr err = NULL;
    if (cm_secret_resolve(step.loop, ref, "connect.api_key", &s, &err) != 0)
        fail_msg("%s", cm_err_message(err));
    assert_string_equal(cm_secret_reveal(s), expected);
    cm_secret_free(s);
}

static void assert_no_secret(json_t *taken_ref, const char *says)
{
    cm_autojson ref = taken_ref;
    struct cm_secret *s = NULL;
    cm_autoerr err = NULL;
    assert_int_equal(cm_secret_resolve(step.loop, ref, "connect.api_key", &s, &err), -1);
    assert_null(s);
    assert_true(cm_starts(cm_err_message(err), "connect.api_key: "));
    assert_non_null(strstr(cm_err_message(err), says));
}

static void finds_secrets_where_the_plan_says(void **state)
{
    (void)state;
    cm_autofree char *path = cm_path_join(dir, "key");
    cm_file_write(path, "from a file\n", 12, 0600, NULL);
    setenv("CM_TEST_SECRET", "from the environment", 1);
    assert_secret(json_pack("{s:s}", "env", "CM_TEST_SECRET"), "from the environment");
    assert_secret(json_pack("{s:s}", "file", path), "from a file");
    assert_secret(json_pack("{s:[s,s]}", "command", "echo", "from a command"), "from a command");
    struct cm_secret *none = NULL;
    assert_int_equal(cm_secret_resolve(step.loop, NULL, "x", &none, NULL), 0);
    assert_null(none);
}

static void says_which_key_and_source_fail_and_never_the_value(void **state)
{
    (void)state;
    cm_autofree char *path = cm_path_join(dir, "empty");
    cm_file_write(path, "\n", 1, 0600, NULL);
    assert_no_secret(json_pack("{s:s}", "env", "CM_TEST_UNSET"), "CM_TEST_UNSET is not set");
    assert_no_secret(json_pack("{s:s}", "file", path), "is empty");
    assert_no_secret(json_pack("{s:s}", "file", "/no/such/file"), "/no/such/file");
    assert_no_secret(json_pack("{s:[s,s,s]}", "command", "sh", "-c", "echo hidden; exit 2"), "status 2");
    assert_no_secret(json_object(), "expected {env: NAME}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_status_and_both_streams),
        TEST(tells_a_missing_program_from_status_127),
        TEST(names_a_folder_it_cannot_enter),
        TEST(hands_over_input_of_any_size),
        TEST(caps_output_and_says_so),
        TEST(puts_its_environment_over_ours),
        TEST(a_child_gets_no_descriptor_but_its_three),
        TEST(a_child_has_its_own_session_and_default_signals),
        TEST(a_child_that_begins_gets_no_signal_of_the_terminal),
        TEST(at_its_limit_the_whole_group_is_killed_and_the_error_passes),
        TEST(what_has_no_time_left_is_not_begun_and_not_blamed),
        TEST(what_has_no_time_left_is_not_begun_and_not_blamed),
        TEST(the_steps_limit_holds_where_the_command_has_none),
        TEST(a_cancel_ends_a_reading_child_at_once),
        TEST(ends_with_the_child_not_with_its_pipes),
        TEST(a_reading_child_dies_with_us),
        TEST(calls_the_tick_meanwhile_and_returns_its_failure_at_the_end),
        TEST(an_effect_does_nothing_before_it_is_on_record),
        TEST(an_effect_leaves_its_status_for_a_later_start),
        TEST(an_effect_that_cannot_be_recorded_never_happens),
        TEST(an_effect_ends_unborn_when_we_die_before_it_is_on_record),
        TEST(an_effect_outlives_us),
        TEST(a_first_signal_lets_an_effect_end),
        TEST(a_second_signal_terminates_it_and_a_third_kills),
        TEST(at_its_limit_an_effect_is_asked_to_end_first),
        TEST(an_effects_missing_program_is_an_error),
        TEST(an_effect_gets_its_input),
        TEST(gives_lines_as_they_come_and_the_end),
        TEST(may_be_stopped_from_its_own_callback),
        TEST(a_program_that_stays_and_is_missing_is_an_error),
        TEST(finds_secrets_where_the_plan_says),
        TEST(says_which_key_and_source_fail_and_never_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
