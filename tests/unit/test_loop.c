/* base: the event loop. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <cm/loop.h>

static struct cm_loop *loop;

static int make_loop(void **state)
{
    (void)state;
    loop = cm_loop_new(&cm_clock_system);
    return 0;
}

static int free_loop(void **state)
{
    (void)state;
    cm_loop_free(loop);
    return 0;
}

static int64_t in_ms(int64_t ms) { return cm_loop_now_ms(loop) + ms; }

static bool is_set(void *ctx) { return *(int *)ctx > 0; }

static void count(void *ctx) { ++*(int *)ctx; }

static void asks_before_it_sleeps(void **state)
{
    (void)state;
    int one = 1;
    assert_int_equal(cm_loop_until(loop, is_set, &one, 0), CM_WAIT_READY);
    cm_loop_cancel(loop);
    assert_int_equal(cm_loop_until(loop, is_set, &one, CM_NEVER), CM_WAIT_READY);
}

static void a_deadline_ends_the_wait(void **state)
{
    (void)state;
    int64_t began = cm_loop_now_ms(loop);
    assert_int_equal(cm_loop_until(loop, NULL, NULL, in_ms(30)), CM_WAIT_DEADLINE);
    assert_true(cm_loop_now_ms(loop) - began >= 30);
}

static void serves_timers_once_and_again(void **state)
{
    (void)state;
    int once = 0, often = 0;
    cm_loop_timer(loop, in_ms(5), 0, count, &once);
    struct cm_timer *t = cm_loop_timer(loop, in_ms(5), 5, count, &often);
    cm_loop_until(loop, NULL, NULL, in_ms(60));
    assert_int_equal(once, 1);
    assert_true(often >= 3);
    cm_timer_drop(t);
    int before = often;
    cm_loop_until(loop, NULL, NULL, in_ms(20));
    assert_int_equal(often, before);
}

struct dropper {
    struct cm_timer *self, *other;
    int calls;
};

static void drop_both(void *ctx)
{
    struct dropper *d = ctx;
    d->calls++;
    cm_timer_drop(d->self);
    cm_timer_drop(d->other);
}

static void a_callback_may_drop_itself_and_others(void **state)
{
    (void)state;
    struct dropper a = {0}, b = {0};
    a.self = b.other = cm_loop_timer(loop, in_ms(1), 1, drop_both, &a);
    b.self = a.other = cm_loop_timer(loop, in_ms(1), 1, drop_both, &b);
    cm_loop_until(loop, NULL, NULL, in_ms(20));
    assert_int_equal(a.calls + b.calls, 1);
}

struct pipe_end {
    struct cm_watch *watch;
    char text[64];
    size_t len;
    int ended;
};

static void take(void *ctx, int fd, short revents)
{
    struct pipe_end *p = ctx;
    (void)revents;
    ssize_t n = read(fd, p->text + p->len, sizeof p->text - p->len);
    if (n > 0)
        p->len += (size_t)n;
    if (n == 0) {
        p->ended = 1;
        cm_watch_drop(p->watch);
    }
}

static bool pipe_ended(void *ctx) { return ((struct pipe_end *)ctx)->ended > 0; }

static void reads_a_pipe_to_its_end(void **state)
{
    (void)state;
    int fds[2];
    struct pipe_end p = {0};
    assert_int_equal(pipe(fds), 0);
    p.watch = cm_loop_fd(loop, fds[0], POLLIN, take, &p);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    close(fds[1]);
    assert_int_equal(cm_loop_until(loop, pipe_ended, &p, in_ms(2000)), CM_WAIT_READY);
    assert_int_equal(p.len, 5);
    close(fds[0]);
}

static void a_watch_that_wants_nothing_does_not_spin(void **state)
{
    (void)state;
    int fds[2];
    struct pipe_end p = {0};
    struct rusage before, after;
    assert_int_equal(pipe(fds), 0);
    p.watch = cm_loop_fd(loop, fds[0], 0, take, &p);
    close(fds[1]); /* a hang-up, which poll reports whether wanted or not */
    getrusage(RUSAGE_SELF, &before);
    cm_loop_until(loop, NULL, NULL, in_ms(200));
    getrusage(RUSAGE_SELF, &after);
    long busy_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                   (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    assert_true(busy_us < 100000);
    assert_int_equal(p.ended, 0);
    cm_watch_events(p.watch, POLLIN);
    assert_int_equal(cm_loop_until(loop, pipe_ended, &p, in_ms(2000)), CM_WAIT_READY);
    close(fds[0]);
}

/* ---- children ---- */

struct child {
    int ended, status;
};

static void child_ended(void *ctx, pid_t pid, int status)
{
    struct child *c = ctx;
    (void)pid;
    c->ended++;
    c->status = status;
}

static pid_t exit_with(int status, int after_ms)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (after_ms > 0)
            usleep((useconds_t)after_ms * 1000);
        _exit(status);
    }
    return pid;
}

static void reports_a_child_once_with_its_status(void **state)
{
    (void)state;
    struct child c = {0, 0};
    cm_loop_child(loop, exit_with(3, 10), child_ended, &c);
    assert_int_equal(cm_loop_until(loop, is_set, &c.ended, in_ms(2000)), CM_WAIT_READY);
    cm_loop_until(loop, NULL, NULL, in_ms(5));
    assert_int_equal(c.ended, 1);
    assert_int_equal(WEXITSTATUS(c.status), 3);
}

static void reports_a_child_that_ended_before_it_was_watched(void **state)
{
    (void)state;
    struct child c = {0, 0};
    pid_t pid = exit_with(4, 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cm_loop_until(loop, NULL, NULL, in_ms(5)); /* its SIGCHLD is taken before anybody asks */
    cm_loop_child(loop, pid, child_ended, &c);
    assert_int_equal(cm_loop_until(loop, is_set, &c.ended, in_ms(2000)), CM_WAIT_READY);
    assert_int_equal(WEXITSTATUS(c.status), 4);
}

static void reaps_only_children_that_are_watched(void **state)
{
    (void)state;
    struct child c = {0, 0};
    pid_t other = exit_with(5, 0);
    cm_loop_child(loop, exit_with(0, 10), child_ended, &c);
    cm_loop_until(loop, is_set, &c.ended, in_ms(2000));
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 5);
}

static void loses_none_of_many_children(void **state)
{
    (void)state;
    struct child c = {0, 0};
    for (int i = 0; i < 50; i++)
        cm_loop_child(loop, exit_with(0, i % 3), child_ended, &c);
    int64_t deadline = in_ms(5000);
    while (c.ended < 50 && cm_loop_now_ms(loop) < deadline)
        cm_loop_until(loop, NULL, NULL, in_ms(10));
    assert_int_equal(c.ended, 50);
}

/* ---- turns, signals, cancel ---- */

static void hooks_run_in_order_before_the_question(void **state)
{
    (void)state;
    int first = 0, second = 0;
    cm_loop_each_turn(loop, count, &first);
    cm_loop_each_turn(loop, count, &second);
    assert_int_equal(cm_loop_until(loop, is_set, &second, CM_NEVER), CM_WAIT_READY); /* before the first sleep */
    cm_loop_each_turn_drop(loop, count, &first);
    int before = first;
    cm_loop_until(loop, NULL, NULL, in_ms(5));
    assert_int_equal(first, before);
    assert_true(second > 1);
}

static int signals[4], signal_count;

static void got_signal(void *ctx, int signo)
{
    (void)ctx;
    signals[signal_count++] = signo;
    if (signo == SIGINT)
        cm_loop_cancel(loop);
}

static void a_signal_wakes_the_loop_and_a_cancel_ends_it(void **state)
{
    (void)state;
    signal_count = 0;
    signal(SIGHUP, SIG_DFL); /* nohup may have started the tests, and what was ignored then stays so */
    cm_loop_signals(loop, got_signal, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(20000);
        kill(getppid(), SIGHUP);
        usleep(20000);
        kill(getppid(), SIGINT);
        _exit(0);
    }
    assert_int_equal(cm_loop_until(loop, NULL, NULL, in_ms(5000)), CM_WAIT_CANCELLED);
    assert_int_equal(signal_count, 2);
    assert_int_equal(signals[0], SIGHUP);
    assert_int_equal(signals[1], SIGINT);
    assert_true(cm_loop_cancelled(loop));
    assert_int_equal(cm_loop_drain(loop, NULL, NULL, in_ms(5)), CM_WAIT_DEADLINE);
    waitpid(pid, NULL, 0);
}

static void sleep_again(void *ctx)
{
    (void)ctx;
    cm_loop_until(loop, NULL, NULL, in_ms(1));
}

static void sleeping_inside_a_callback_aborts(void **state)
{
    (void)state;
    int fds[2];
    char text[256] = "";
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], 2);
        cm_loop_after_fork(loop);
        cm_loop_timer(loop, in_ms(1), 0, sleep_again, NULL);
        cm_loop_until(loop, NULL, NULL, in_ms(1000));
        _exit(0);
    }
    close(fds[1]);
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    close(fds[0]);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "a callback of the loop waits for the loop"));
}

static void a_forked_worker_has_a_loop_of_its_own(void **state)
{
    (void)state;
    int calls = 0;
    cm_loop_signals(loop, got_signal, NULL);
    signal_count = 0;
    cm_loop_timer(loop, in_ms(5), 0, count, &calls);
    pid_t pid = fork();
    if (pid == 0) {
        cm_loop_after_fork(loop);
        struct child c = {0, 0};
        cm_loop_child(loop, exit_with(0, 5), child_ended, &c);
        enum cm_wait w = cm_loop_until(loop, is_set, &c.ended, in_ms(2000));
        struct sigaction now;
        sigaction(SIGINT, NULL, &now);
        _exit(w == CM_WAIT_READY && calls == 0 && now.sa_handler == SIG_DFL ? 0 : 1);
    }
    struct child worker = {0, 0};
    cm_loop_child(loop, pid, child_ended, &worker);
    assert_int_equal(cm_loop_until(loop, is_set, &worker.ended, in_ms(3000)), CM_WAIT_READY);
    assert_int_equal(worker.status, 0);
    assert_int_equal(calls, 1);
    assert_int_equal(signal_count, 0);
}

/* ---- a clock of one's own ---- */

static int64_t fed;

static int64_t feed(void *ctx)
{
    (void)ctx;
    return fed;
}

static void measures_limits_by_the_clock_it_is_given(void **state)
{
    (void)state;
    const struct cm_clock clock = {feed, feed, NULL};
    fed = 1000;
    struct cm_loop *own = cm_loop_new(&clock);
    int calls = 0;
    cm_loop_timer(own, 5000, 0, count, &calls);
    assert_int_equal(cm_loop_until(own, NULL, NULL, 1000), CM_WAIT_DEADLINE);
    assert_int_equal(calls, 0);
    fed = 6000;
    assert_int_equal(cm_loop_until(own, is_set, &calls, CM_NEVER), CM_WAIT_READY);
    cm_loop_free(own);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, make_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(asks_before_it_sleeps),
        LOOP_TEST(a_deadline_ends_the_wait),
        LOOP_TEST(serves_timers_once_and_again),
        LOOP_TEST(a_callback_may_drop_itself_and_others),
        LOOP_TEST(reads_a_pipe_to_its_end),
        LOOP_TEST(a_watch_that_wants_nothing_does_not_spin),
        LOOP_TEST(reports_a_child_once_with_its_status),
        LOOP_TEST(reports_a_child_that_ended_before_it_was_watched),
        LOOP_TEST(reaps_only_children_that_are_watched),
        LOOP_TEST(loses_none_of_many_children),
        LOOP_TEST(hooks_run_in_order_before_the_question),
        LOOP_TEST(a_signal_wakes_the_loop_and_a_cancel_ends_it),
        LOOP_TEST(sleeping_inside_a_callback_aborts),
        LOOP_TEST(a_forked_worker_has_a_loop_of_its_own),
        LOOP_TEST(measures_limits_by_the_clock_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
