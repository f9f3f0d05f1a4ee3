/* What an item's jobs say about a build whose answer was lost. Times are the server's. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "actions/build_jobs.h"
#include "base/mem.h"
#include "base/time.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;

    assert_true(cm_time_parse(text, &ms));
    return ms;
}

static struct cm_jobs_answer judge(const char *jobs_text, struct cm_jobs_question q)
{
    static json_t *kept;

    json_decref(kept); /* the answer borrows from it until the next call */
    kept = json_loads(jobs_text, 0, NULL);
    assert_non_null(kept);
    return cm_build_jobs(kept, &q);
}

#define JOB(key, tag, start, more) "{\"key\":\"" key "\",\"tag\":\"" tag "\",\"start_time\":\"" start "\"," more "}"
#define RUNS "\"status\":0,\"exit_code\":null"
#define ENDED(code) "\"status\":2,\"exit_code\":" code

static void no_job_is_none(void **state)
{
    (void)state;
    struct cm_jobs_answer a = judge("[]", (struct cm_jobs_question){.since_ms = 0});

    assert_int_equal(a.say, CM_JOBS_NONE);
    assert_null(a.job);
}

/* A 200 of a proxy or a login page in front of Connect: taken for "no job", the build would be sent a second time. */
static void what_is_no_list_says_nothing(void **state)
{
    (void)state;
    struct cm_jobs_question q = {.since_ms = 0};

    assert_int_equal(judge("{\"error\": \"x\"}", q).say, CM_JOBS_UNREAD);
    assert_int_equal(cm_build_jobs(NULL, &q).say, CM_JOBS_UNREAD);
}

static void a_job_of_before_is_somebody_elses(void **state)
{
    (void)state;
    struct cm_jobs_answer a = judge("[" JOB("a", "python_restore", "2026-12-05T21:59:58Z", ENDED("0")) "]",
                                    (struct cm_jobs_question){.since_ms = at("2026-12-05T22:00:00.500Z")});

    assert_int_equal(a.say, CM_JOBS_NONE);
}

/* A start without fractions was cut to its second: 22:00:00 may mean 22:00:00.900. */
static void a_job_of_the_same_second_is_ours(void **state)
{
    (void)state;
    struct cm_jobs_answer a = judge("[" JOB("a", "python_restore", "2026-12-05T22:00:00Z", ENDED("0")) "]",
                                    (struct cm_jobs_question){.since_ms = at("2026-12-05T22:00:00.500Z")});

    assert_int_equal(a.say, CM_JOBS_BUILT);
}

static void with_fractions_the_moment_counts(void **state)
{
    (void)state;
    struct cm_jobs_question q = {.since_ms = at("2026-12-05T22:00:00.500Z")};

    assert_int_equal(judge("[" JOB("a", "python_restore", "2026-12-05T22:00:00.499Z", ENDED("0")) "]", q).say, CM_JOBS_NONE);
    assert_int_equal(judge("[" JOB("a", "python_restore", "2026-12-05T22:00:00.500Z", ENDED("0")) "]", q).say, CM_JOBS_BUILT);
}

static void other_jobs_say_nothing(void **state)
{
    (void)state;
    struct cm_jobs_answer a = judge(
        "[" JOB("a", "run_app", "2026-12-05T22:00:01Z", RUNS) "," JOB("b", "build_report", "2026-12-05T22:00:01Z", ENDED("0")) "]",
        (struct cm_jobs_question){.since_ms = at("2026-12-05T22:00:00Z")});

    assert_int_equal(a.say, CM_JOBS_NONE);
}

static void a_known_job_is_left_out(void **state)
{
    (void)state;
    cm_autojson known = json_pack("[s]", "old");
    struct cm_jobs_question q = {.since_ms = at("2026-12-05T22:00:00Z"), .known = known};

    assert_int_equal(judge("[" JOB("old", "packrat_restore", "2026-12-05T22:00:00Z", ENDED("1")) "]", q).say, CM_JOBS_NONE);
    assert_int_equal(judge("[" JOB("new", "packrat_restore", "2026-12-05T22:00:00Z", ENDED("1")) "]", q).say, CM_JOBS_FAILED);
}

static void an_adopted_job_stays_ours(void **state)
{
    (void)state;
    cm_autojson ours = json_pack("[s]", "a");
    struct cm_jobs_answer a = judge("[" JOB("a", "packrat_restore", "2026-12-05T20:00:00Z", ENDED("0")) "]",
                                    (struct cm_jobs_question){.since_ms = at("2026-12-05T22:00:00Z"), .ours = ours});

    assert_int_equal(a.say, CM_JOBS_BUILT);
}

static void a_job_that_runs_is_ours_when_the_server_says_that_one_runs(void **state)
{
    static const char jobs[] = "[" JOB("a", "packrat_restore", "2026-12-05T20:00:00Z",
                                       RUNS) "," JOB("b", "packrat_restore", "2026-12-05T19:00:00Z", ENDED("0")) "]";
    struct cm_jobs_question q = {.since_ms = at("2026-12-05T22:00:00Z")};
    (void)state;

    assert_int_equal(judge(jobs, q).say, CM_JOBS_NONE);
    q.any_active = true;
    assert_int_equal(judge(jobs, q).say, CM_JOBS_ACTIVE);
    assert_int_equal(judge(jobs, q).count, 1);
}

static void of_two_jobs_the_one_that_decides_is_told(void **state)
{
    struct cm_jobs_question q = {.since_ms = at("2026-12-05T22:00:00Z")};
    (void)state;

    struct cm_jobs_answer a = judge("[" JOB("r", "packrat_restore", "2026-12-05T22:00:01Z",
                                            ENDED("0")) "," JOB("py", "python_restore", "2026-12-05T22:00:02Z", RUNS) "]",
                                    q);
    assert_int_equal(a.say, CM_JOBS_ACTIVE);
    assert_int_equal(a.count, 2);

    a = judge("[" JOB("py", "python_restore", "2026-12-05T22:00:02Z", RUNS) "," JOB("r", "packrat_restore", "2026-12-05T22:00:01Z",
                                                                                    ENDED("1")) "]",
              q);
    assert_int_equal(a.say, CM_JOBS_FAILED);
    assert_string_equal(json_string_value(json_object_get(a.job, "key")), "r");

    a = judge("[" JOB("r", "packrat_restore", "2026-12-05T22:00:01Z", ENDED("0")) "," JOB("py", "python_restore",
                                                                                          "2026-12-05T22:00:02Z", ENDED("0")) "]",
              q);
    assert_int_equal(a.say, CM_JOBS_BUILT);
}

/* Never taken for success. */
static void an_end_without_exit_code_is_unclear(void **state)
{
    (void)state;
    struct cm_jobs_answer a = judge("[" JOB("a", "packrat_restore", "2026-12-05T22:00:01Z", ENDED("null")) "]",
                                    (struct cm_jobs_question){.since_ms = at("2026-12-05T22:00:00Z")});

    assert_int_equal(a.say, CM_JOBS_UNCLEAR);
}

static void hostile_jobs_are_survived(void **state)
{
    struct cm_jobs_question q = {.since_ms = 0, .any_active = true};
    (void)state;

    assert_int_equal(
        judge("[null, 1, {}, [], {\"tag\": 7}, {\"tag\": \"x_restore\", \"start_time\": 9, \"status\": \"0\"}]", q).say,
        CM_JOBS_ACTIVE);
}

static void keys_are_those_of_build_jobs(void **state)
{
    (void)state;
    cm_autojson jobs = json_loads(
        "[" JOB("a", "packrat_restore", "2026-12-05T22:00:01Z", RUNS) "," JOB("b", "run_app", "2026-12-05T22:00:01Z", RUNS) "," JOB(
            "c", "python_restore", "2026-12-05T20:00:01Z", ENDED("0")) "]",
        0, NULL);
    struct cm_jobs_question q = {.since_ms = at("2026-12-05T22:00:00Z")};
    cm_autojson all = cm_build_job_keys(jobs, NULL);
    cm_autojson ours = cm_build_job_keys(jobs, &q);
    cm_autojson all_wanted = json_pack("[s,s]", "a", "c");
    cm_autojson ours_wanted = json_pack("[s]", "a");

    assert_true(json_equal(all, all_wanted));
    assert_true(json_equal(ours, ours_wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_job_is_none),
        cmocka_unit_test(what_is_no_list_says_nothing),
        cmocka_unit_test(a_job_of_before_is_somebody_elses),
        cmocka_unit_test(a_job_of_the_same_second_is_ours),
        cmocka_unit_test(with_fractions_the_moment_counts),
        cmocka_unit_test(other_jobs_say_nothing),
        cmocka_unit_test(a_known_job_is_left_out),
        cmocka_unit_test(an_adopted_job_stays_ours),
        cmocka_unit_test(a_job_that_runs_is_ours_when_the_server_says_that_one_runs),
        cmocka_unit_test(of_two_jobs_the_one_that_decides_is_told),
        cmocka_unit_test(an_end_without_exit_code_is_unclear),
        cmocka_unit_test(hostile_jobs_are_survived),
        cmocka_unit_test(keys_are_those_of_build_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
