/* actions: the interlock, against a real PostgreSQL and a node and a cluster of the test's own. Skipped aloud (77) where PostgreSQL is
 * not installed. */
#include <config.h>

#include "fake_step.h"

#include <stdio.h>

#include "actions/evening.h"
#include "actions/interlock.h"
#include "adapters/postgres.h"
#include "base/hooks.h"
#include "base/json.h"
#include "private_postgres.h"

static struct private_postgres server;

/* ---- the scene: one node whose unit's state stands in the file `unit` ("ACTIVE ENABLED PROCESSES") ---- */

static const char node[] = "PATH=$DIR/bin:$PATH; export PATH; sh -c \"$2\"";
static const char systemctl[] =
    "read active enabled n <$DIR/unit; case $1 in\n"
    "show) echo \"LoadState=loaded\"; echo \"ActiveState=$active\"; echo \"UnitFileState=$enabled\"; echo DropInPaths=; echo Environment=;;\n"
    "mask) echo \"$active masked $n\" >$DIR/unit;;\n"
    "stop) echo \"inactive $enabled 0\" >$DIR/unit;;\n"
    "*) exit 1;; esac\n";
static const char pgrep[] = "read active enabled n <$DIR/unit; [ \"$n\" -gt 0 ] || exit 1; echo 4711";
static const char kubectl[] =
    "case \"$*\" in *'get pods'*) cat $DIR/pods;; *'get jobs'*) cat $DIR/jobs;; *) echo '{\"items\":[]}';; esac\n";

static void unit(struct cm_step *st, const char *text) { scene_put(st, "unit", text, 0600); }

static struct cm_step *scene(const char *role)
{
    struct cm_step *st = scene_new();
    cm_autofree char *bin = cm_path_join(st->dir, "bin");
    assert_int_equal(cm_dir_make(bin, 0700, NULL), 0);
    scene_tool(st, "node", node);
    scene_tool(st, "bin/systemctl", systemctl);
    scene_tool(st, "bin/pgrep", pgrep);
    scene_tool(st, "kubectl", kubectl);
    scene_put(st, "pods", "{\"items\":[]}", 0600);
    scene_put(st, "jobs", "{\"items\":[]}", 0600);
    unit(st, "inactive masked 0\n");
    cm_autofree char *gcfg =
        cm_fmt("[Database]\nProvider = Postgres\n[Postgres]\nURL = postgres://%s@db.example.com/connect?sslmode=disable\n"
               "Password = connect\n",
               role);
    scene_put(st, "rstudio-connect.gcfg", gcfg, 0600);
    cm_autofree char *source =
        cm_fmt("{hosts: [a], shell: [%s/node, \"{host}\"], become: [], config: %s/rstudio-connect.gcfg}", st->dir, st->dir);
    cm_autofree char *more = cm_fmt("database: {hostaddr: 127.0.0.1, port: %s, ignore_sessions: [pgwatch]}\n", server.port);
    scene_plan(st, source, more);
    return st;
}

static int begin(void **state)
{
    struct cm_step *st = scene("connect");
    /* sessions of the test before may still be on their way out */
    assert_int_equal(cm_interlock_settle(st, 5000, NULL), 0);
    scene_put(st, "calls", "", 0600);
    *state = st;
    return 0;
}

static int end(void **state)
{
    scene_free(*state);
    return 0;
}

static struct cm_pg *session(struct cm_step *st, const char *user, const char *application)
{
    struct cm_pg_url u;
    cm_autoerr err = NULL;
    cm_autofree char *text = cm_fmt("postgres://%s:%s@127.0.0.1:%s/connect?sslmode=disable", user, user, server.port);
    assert_int_equal(cm_pg_url_parse(text, &u, NULL), 0);
    struct cm_pg_target t = {.url = &u, .role = "test", .timeout_ms = 5000};
    struct cm_pg *p = cm_pg_open(st->loop, &t, NULL, &err);
    if (!p)
        fail_msg("%s", cm_err_message(err));
    /* ours begin with connect-migrate; this one is somebody else's */
    cm_autofree char *sql = cm_fmt("SET application_name = '%s'", application);
    assert_int_equal(cm_pg_query(p, sql, NULL, NULL, &err), 0);
    cm_pg_url_fini(&u);
    return p;
}

static void a_pod(struct cm_step *st, const char *created)
{
    cm_autofree char *text = cm_fmt(
        "{\"items\":[{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"%s\"},\"status\":{\"phase\":\"Running\"}}]}", created);
    scene_put(st, "pods", text, 0600);
}

/* An upgrade of ours is on record in this attempt. */
static void our_upgrade(struct cm_step *st)
{
    struct cm_intent *i;
    cm_autojson original = json_pack("{s:i}", "revision", 0);
    const struct cm_intent_spec spec = {.effect = "helm.upgrade", .key = "prod", .original = original};
    assert_int_equal(cm_intend(st, &spec, &i, NULL), 0);
}

static void held(struct cm_step *st)
{
    cm_autoerr err = NULL;
    if (cm_interlock_forward(st, &err) < 0)
        fail_msg("%s", cm_err_message(err));
}

static void broken(struct cm_step *st, const char *word)
{
    cm_autoerr err = NULL;
    assert_int_equal(cm_interlock_forward(st, &err), -1);
    if (!strstr(cm_err_message(err), word))
        fail_msg("%s is not in: %s", word, cm_err_message(err));
    assert_non_null(cm_err_hint(err));
}

/* ---- forward ---- */

static void holds_when_the_node_is_down_and_no_session_is_left(void **state) { held(*state); }

static void a_session_of_connects_role_breaks_it(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");

    broken(st, "role connect");
    assert_int_equal(json_array_size(cm_json_at(cm_interlock_seen(st), "blocking")), 1);

    cm_pg_close(p);
    assert_int_equal(cm_interlock_settle(st, 5000, NULL), 0);
}

static void our_own_sessions_do_not_count(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "connect-migrate lock run-1");

    held(st);
    cm_pg_close(p);
}

static void another_roles_session_is_named_and_not_counted(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "boss", "psql");

    held(st);

    const json_t *named = cm_json_at(cm_interlock_seen(st), "named");
    assert_int_equal(json_array_size(named), 1);
    assert_string_equal(cm_json_text(json_array_get(named, 0), "role", ""), "boss");
    cm_pg_close(p);
}

static void a_session_that_the_plan_knows_is_not_counted(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "pgwatch");

    held(st);
    assert_int_equal(json_array_size(cm_json_at(cm_interlock_seen(st), "named")), 1);
    cm_pg_close(p);
}

static void sessions_of_our_own_pod_do_not_count(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");

    our_upgrade(st);
    a_pod(st, "2020-01-01T00:00:00Z");
    held(st);
    cm_pg_close(p);
}

static void sessions_of_a_pod_that_was_there_before_our_deployment_count(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");

    a_pod(st, "2020-01-01T00:00:00Z");
    broken(st, "role connect");
    cm_pg_close(p);
}

static void a_session_older_than_our_pod_counts(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");

    our_upgrade(st);
    a_pod(st, "2090-01-01T00:00:00Z");
    broken(st, "role connect");
    cm_pg_close(p);
}

static void a_session_whose_pod_cannot_be_asked_for_is_not_guessed(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");
    cm_autoerr err = NULL;

    our_upgrade(st);
    scene_tool(st, "kubectl", "echo 'Unable to connect to the server: timeout' >&2; exit 1");

    assert_int_equal(cm_interlock_forward(st, &err), -1);
    assert_true(cm_err_is_passing(err));
    cm_pg_close(p);
}

static void a_unit_that_runs_is_stopped_again_and_the_step_fails(void **state)
{
    struct cm_step *st = *state;
    unit(st, "active enabled 1\n");

    broken(st, "came back on a");

    assert_int_equal(scene_count(st, "bin/systemctl mask rstudio-connect"), 1);
    assert_int_equal(scene_count(st, "bin/systemctl stop rstudio-connect"), 1);
    assert_int_equal(cm_intent_life(cm_intent_find(st, "service.stop", "a")), CM_HAPPENED);
    assert_null(cm_intent_original(cm_intent_find(st, "service.stop", "a"))); /* the automation's state is no original */
    held(st);
}

static void a_unit_that_was_unmasked_is_masked_again(void **state)
{
    struct cm_step *st = *state;
    unit(st, "inactive enabled 0\n");

    broken(st, "was unmasked on a");

    assert_int_equal(scene_count(st, "bin/systemctl mask rstudio-connect"), 1);
    assert_int_equal(scene_count(st, "bin/systemctl stop rstudio-connect"), 0);
}

static void a_look_stops_nothing(void **state)
{
    struct cm_step *st = *state;
    unit(st, "active enabled 1\n");
    st->reading = true;

    broken(st, "Connect runs on a");

    assert_int_equal(scene_count(st, "bin/systemctl stop"), 0);
}

static void a_process_without_a_unit_breaks_it(void **state)
{
    struct cm_step *st = *state;
    unit(st, "inactive masked 1\n");
    st->reading = true;

    broken(st, "1 processes");
}

static void what_cannot_be_seen_is_unknown_and_may_be_attested_by_name(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_tool(st, "bin/pgrep", "echo 'pgrep: cannot open /proc' >&2; exit 3");

    assert_int_equal(cm_interlock_forward(st, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_WAITING);
    assert_non_null(strstr(cm_err_message(err), "interlock.unknown"));

    json_object_set_new(st->gates, "interlock.unknown", json_true());
    held(st);
}

static void an_attestation_does_not_cover_what_was_seen(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");
    json_object_set_new(st->gates, "interlock.unknown", json_true());

    broken(st, "role connect");
    cm_pg_close(p);
}

static void a_database_that_is_not_reached_is_not_taken_for_empty(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;

    assert_int_equal(cm_interlock_forward(st, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "could not be decided"));
}

static int begin_as_nobody(void **state)
{
    *state = scene("nobody");
    return 0;
}

/* ---- waiting ---- */

struct later {
    struct cm_step *st;
    struct cm_pg *p;
};

static void end_session(void *ctx)
{
    struct later *l = ctx;
    cm_pg_close(l->p);
    l->p = NULL;
}

static void sessions_that_end_late_are_waited_for(void **state)
{
    struct cm_step *st = *state;
    struct later l = {st, session(st, "connect", "")};
    cm_autoerr err = NULL;
    cm_loop_timer(st->loop, cm_loop_now_ms(st->loop) + 60, 0, end_session, &l);

    assert_int_equal(cm_interlock_settle(st, 5000, &err), 0);
    assert_null(l.p);
}

static void sessions_that_stay_are_named_at_the_limit(void **state)
{
    struct cm_step *st = *state;
    struct cm_pg *p = session(st, "connect", "");
    cm_autoerr err = NULL;

    assert_int_equal(cm_interlock_settle(st, 50, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "role connect"));
    cm_pg_close(p);
}

static int never(void *ctx, struct cm_err **err)
{
    (void)ctx;
    (void)err;
    return 0;
}

static int at_once(void *ctx, struct cm_err **err)
{
    (void)err;
    ++*(int *)ctx;
    return 1;
}

static void waiting_ends_when_it_is_ready(void **state)
{
    int asked = 0;
    assert_int_equal(cm_interlock_wait(*state, at_once, &asked, 10, NULL), 0);
    assert_int_equal(asked, 1);
}

static void waiting_ends_at_the_steps_limit(void **state)
{
    struct cm_step *st = *state;
    st->deadline = cm_loop_now_ms(st->loop) + 50;
    assert_int_equal(cm_interlock_wait(st, never, NULL, 10, NULL), 1);
}

static void start_unit(void *ctx) { unit(ctx, "active enabled 1\n"); }

static void waiting_puts_a_unit_that_comes_back_down(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    cm_loop_timer(st->loop, cm_loop_now_ms(st->loop) + 100, 0, start_unit, st);

    assert_int_equal(cm_interlock_wait(st, never, NULL, 10, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "came back on a"));
    assert_non_null(strstr(cm_err_hint(err), "automation"));
    cm_autofree char *now = scene_read(st, "unit");
    assert_string_equal(now, "inactive masked 0\n");
}

static void the_tick_looks_no_oftener_than_every_two_seconds(void **state)
{
    struct cm_step *st = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(cm_interlock_tick(st, NULL), 0);
    assert_int_equal(scene_count(st, "bin/systemctl show"), 0); /* there was a look when the scene was made */
}

/* ---- reverse ---- */

static void reverse_wants_no_pod_no_job_and_no_session(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr pod = NULL;
    cm_autoerr job = NULL;
    cm_autoerr last = NULL;
    assert_int_equal(cm_interlock_reverse(st, NULL), 0);

    a_pod(st, "2020-01-01T00:00:00Z");
    assert_int_equal(cm_interlock_reverse(st, &pod), -1);
    assert_non_null(strstr(cm_err_message(pod), "1 pods of the release"));
    scene_put(st, "pods", "{\"items\":[]}", 0600);

    scene_put(
        st, "jobs",
        "{\"items\":[{\"status\":{\"active\":1},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"connect-content\"}]}}}},"
        "{\"status\":{\"active\":1},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"other\"}]}}}}]}",
        0600);
    assert_int_equal(cm_interlock_reverse(st, &job), -1);
    assert_non_null(strstr(cm_err_message(job), "1 content Jobs"));
    scene_put(st, "jobs", "{\"items\":[]}", 0600);

    struct cm_pg *p = session(st, "connect", "");
    assert_int_equal(cm_interlock_reverse(st, &last), -1);
    assert_non_null(strstr(cm_err_message(last), "role connect"));
    cm_pg_close(p);
}

static void reverse_counts_sessions_of_our_pod_too(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    struct cm_pg *p = session(st, "connect", "");
    scene_put(st, "pods",
              "{\"items\":[{\"metadata\":{\"creationTimestamp\":\"2020-01-01T00:00:00Z\"},\"status\":{\"phase\":\"Succeeded\"}}]}",
              0600);

    assert_int_equal(cm_interlock_reverse(st, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "role connect"));
    cm_pg_close(p);
}

#ifdef CM_TEST_HOOKS
static void the_fault_switches_it_off(void **state)
{
    struct cm_step *st = *state;
    unit(st, "active enabled 1\n");
    setenv("CM_FAULT", "interlock-left-out", 1);
    int forward = cm_interlock_forward(st, NULL), reverse = cm_interlock_reverse(st, NULL),
        settle = cm_interlock_settle(st, 10, NULL);
    unsetenv("CM_FAULT");

    assert_int_equal(forward, 0);
    assert_int_equal(reverse, 0);
    assert_int_equal(settle, 0);
}
#endif

/* ---- the server ---- */

static int start(void **state)
{
    (void)state;
    int started = pg_start(&server, "host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n");
    if (started <= 0)
        return -1;
    static const char *const sql[] = {"CREATE ROLE connect LOGIN PASSWORD 'connect'", "CREATE DATABASE connect OWNER connect",
                                      NULL};
    struct cm_loop *loop = cm_loop_new(&cm_clock_system);
    struct cm_pg_url u;
    cm_autofree char *text = cm_fmt("postgres://boss:boss@127.0.0.1:%s/postgres?sslmode=disable", server.port);
    if (cm_pg_url_parse(text, &u, NULL) < 0)
        return -1;
    struct cm_pg_target t = {.url = &u, .role = "test", .timeout_ms = 10000};
    struct cm_pg *p = NULL;
    for (int i = 0; i < 200 && !p; i++) { /* it listens before it lets anybody in */
        p = cm_pg_open(loop, &t, NULL, NULL);
        if (!p)
            usleep(25000);
    }
    for (size_t i = 0; p && sql[i]; i++)
        if (cm_pg_query(p, sql[i], NULL, NULL, NULL) < 0)
            return -1;
    cm_pg_close(p);
    cm_pg_url_fini(&u);
    cm_loop_free(loop);
    return p ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    return pg_stop(&server) ? 0 : -1;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    struct private_postgres looked_for = {0};
    const struct CMUnitTest tests[] = {
        T(holds_when_the_node_is_down_and_no_session_is_left),
        T(a_session_of_connects_role_breaks_it),
        T(our_own_sessions_do_not_count),
        T(another_roles_session_is_named_and_not_counted),
        T(a_session_that_the_plan_knows_is_not_counted),
        T(sessions_of_our_own_pod_do_not_count),
        T(sessions_of_a_pod_that_was_there_before_our_deployment_count),
        T(a_session_older_than_our_pod_counts),
        T(a_session_whose_pod_cannot_be_asked_for_is_not_guessed),
        T(a_unit_that_runs_is_stopped_again_and_the_step_fails),
        T(a_unit_that_was_unmasked_is_masked_again),
        T(a_look_stops_nothing),
        T(a_process_without_a_unit_breaks_it),
        T(what_cannot_be_seen_is_unknown_and_may_be_attested_by_name),
        T(an_attestation_does_not_cover_what_was_seen),
        cmocka_unit_test_setup_teardown(a_database_that_is_not_reached_is_not_taken_for_empty, begin_as_nobody, end),
        T(sessions_that_end_late_are_waited_for),
        T(sessions_that_stay_are_named_at_the_limit),
        T(waiting_ends_when_it_is_ready),
        T(waiting_ends_at_the_steps_limit),
        T(waiting_puts_a_unit_that_comes_back_down),
        T(the_tick_looks_no_oftener_than_every_two_seconds),
        T(reverse_wants_no_pod_no_job_and_no_session),
        T(reverse_counts_sessions_of_our_pod_too),
#ifdef CM_TEST_HOOKS
        T(the_fault_switches_it_off),
#endif
    };
    cm_mem_init();
    if (!pg_find(&looked_for)) {
        puts("1..0 # SKIP PostgreSQL is not installed");
        return 77;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
