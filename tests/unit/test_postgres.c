/* libpq on the loop, against a real private PostgreSQL. Skipped aloud (77) where none is installed. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cm/clock.h>
#include <cm/loop.h>
#include <cm/str.h>

#include "adapters/postgres.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "private_postgres.h"

struct world {
    struct private_postgres server;
    struct cm_loop *loop;
};

/* ---- small helpers ---- */

static struct cm_pg_url url_of(const struct world *w, const char *user, const char *password, const char *database,
                               const char *more)
{
    struct cm_pg_url u;
    cm_autofree char *text = cm_fmt("postgres://%s:%s@127.0.0.1:%s/%s%s", user, password, w->server.port, database, more);

    assert_int_equal(cm_pg_url_parse(text, &u, NULL), 0);
    return u;
}

static struct cm_pg *open_as(const struct world *w, const char *user, const char *role, enum cm_pg_why *why, struct cm_err **err)
{
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, user, user, "connect", "");
    struct cm_pg_target t = {.url = &u, .role = role, .timeout_ms = 5000};

    return cm_pg_open(w->loop, &t, why, err);
}

static struct cm_pg *must_open(const struct world *w, const char *user, const char *role)
{
    cm_autoerr err = NULL;
    struct cm_pg *p = open_as(w, user, role, NULL, &err);

    if (p == NULL)
        fail_msg("%s", cm_err_message(err));
    return p;
}

static char *one(struct cm_pg *p, const char *sql)
{
    cm_autojson rows = NULL;
    cm_autoerr err = NULL;

    if (cm_pg_query(p, sql, NULL, &rows, &err) != 0)
        fail_msg("%s: %s", sql, cm_err_message(err));
    return cm_strdup(json_string_value(json_object_get(json_array_get(rows, 0), "x")));
}

/* Another program's session: no application_name of ours. */
static struct cm_pg *stranger(const struct world *w, const char *user)
{
    struct cm_pg *p = must_open(w, user, "x");

    assert_int_equal(cm_pg_query(p, "SET application_name = ''", NULL, NULL, NULL), 0);
    return p;
}

static void terminate(const struct world *w, int pid)
{
    struct cm_pg *boss = must_open(w, "boss", "killer");
    cm_autofree char *number = cm_fmt("%d", pid);
    const char *const params[] = {number, NULL};

    assert_int_equal(cm_pg_query(boss, "SELECT pg_terminate_backend($1::int)", params, NULL, NULL), 0);
    cm_pg_close(boss);
}

static void assert_why(const struct world *w, struct cm_pg_target t, enum cm_pg_why want, bool passing)
{
    enum cm_pg_why why = CM_PG_OK;
    cm_autoerr err = NULL;

    assert_null(cm_pg_open(w->loop, &t, &why, &err));
    if (why != want)
        fail_msg("why is %d, not %d: %s", (int)why, (int)want, cm_err_message(err));
    assert_int_equal(cm_err_is_passing(err), passing);
    assert_null(strstr(cm_err_message(err), "CANARY"));
    assert_non_null(cm_err_hint(err));
}

/* ---- connecting ---- */

static void connects_and_reads_rows(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "check");
    const char *const params[] = {"two", NULL};
    cm_autojson rows = NULL;
    cm_autojson want = json_pack("[{s:s, s:s, s:n}]", "a", "1", "b", "two", "c");

    assert_int_equal(cm_pg_query(p, "SELECT 1 AS a, $1::text AS b, NULL AS c", params, &rows, NULL), 0);

    assert_true(json_equal(rows, want));
    assert_true(cm_pg_alive(p));
    assert_true(cm_pg_backend(p) > 0);
    cm_pg_close(p);
}

static void our_sessions_bear_our_name(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "lock a-very-long-run-identifier-that-goes-on ann@laptop.example.com 4711");

    cm_autofree char *name = one(p, "SELECT application_name AS x FROM pg_stat_activity WHERE pid = pg_backend_pid()");

    assert_memory_equal(name, "connect-migrate lock ", 21);
    assert_int_equal(strlen(name), 63);
    cm_pg_close(p);
}

static void reached_by_another_address(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u;
    assert_int_equal(cm_pg_url_parse("postgres://connect:connect@db.invalid:1/connect", &u, NULL), 0);
    struct cm_pg_target t = {.url = &u, .hostaddr = "127.0.0.1", .port = w->server.port, .role = "check", .timeout_ms = 5000};

    struct cm_pg *p = cm_pg_open(w->loop, &t, NULL, NULL);

    assert_non_null(p);
    cm_pg_close(p);
}

static void says_that_the_password_is_wrong(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "CANARY", "connect", "");

    assert_why(w, (struct cm_pg_target){.url = &u, .timeout_ms = 5000}, CM_PG_PASSWORD, false);
}

static void the_plans_password_goes_before_the_urls(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "CANARY", "connect", "");
    struct cm_secret *right = cm_secret_new("connect");
    struct cm_pg_target t = {.url = &u, .password = right, .timeout_ms = 5000};

    struct cm_pg *p = cm_pg_open(w->loop, &t, NULL, NULL);

    assert_non_null(p);
    cm_pg_close(p);
    cm_secret_free(right);
}

static void says_that_the_database_does_not_exist(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "connect", "nowhere", "");

    assert_why(w, (struct cm_pg_target){.url = &u, .timeout_ms = 5000}, CM_PG_NO_DATABASE, false);
}

static void says_that_the_server_lets_nobody_in_from_here(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "rejected", "rejected", "connect", "");

    assert_why(w, (struct cm_pg_target){.url = &u, .timeout_ms = 5000}, CM_PG_HBA, false);
}

static void says_that_tls_is_wanted_and_not_had(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "connect", "connect", "?sslmode=require");

    assert_why(w, (struct cm_pg_target){.url = &u, .timeout_ms = 5000}, CM_PG_TLS, false);
}

static void says_that_nobody_listens(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "connect", "connect", "");

    assert_why(w, (struct cm_pg_target){.url = &u, .port = "1", .timeout_ms = 5000}, CM_PG_UNREACHABLE, true);
}

static void says_that_somebody_listens_and_is_silent(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "connect", "connect", "");
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, n), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &n), 0);
    cm_autofree char *port = cm_fmt("%u", (unsigned)ntohs(here.sin_port));
    int64_t began = cm_loop_now_ms(w->loop);

    assert_why(w, (struct cm_pg_target){.url = &u, .port = port, .timeout_ms = 200}, CM_PG_SILENT, true);

    assert_in_range(cm_loop_now_ms(w->loop) - began, 190, 1500);
    close(fd);
}

/* ---- queries ---- */

static void a_query_over_its_limit_is_ended_by_the_server(void **state)
{
    struct world *w = *state;
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "connect", "connect", "connect", "");
    struct cm_pg_target t = {.url = &u, .timeout_ms = 300};
    struct cm_pg *p = cm_pg_open(w->loop, &t, NULL, NULL);
    cm_autoerr err = NULL;
    int64_t began = cm_loop_now_ms(w->loop);
    assert_non_null(p);

    assert_int_equal(cm_pg_query(p, "SELECT pg_sleep(20)", NULL, NULL, &err), -1);

    assert_in_range(cm_loop_now_ms(w->loop) - began, 250, 1250);
    assert_true(cm_err_is_passing(err));
    assert_true(cm_pg_alive(p));
    cm_pg_close(p);
}

static void a_faulty_query_names_the_servers_words_and_state(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "check");
    cm_autoerr err = NULL;

    assert_int_equal(cm_pg_query(p, "SELECT * FROM nowhere", NULL, NULL, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "relation \"nowhere\" does not exist (42P01)"));
    assert_false(cm_err_is_passing(err));
    cm_pg_close(p);
}

static void a_terminated_session_is_known_to_be_lost(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "check");
    cm_autoerr err = NULL;
    assert_false(cm_pg_lost(p));

    terminate(w, cm_pg_backend(p));
    for (int i = 0; i < 200 && !cm_pg_lost(p); i++)
        usleep(10000);

    assert_true(cm_pg_lost(p));
    assert_int_equal(cm_pg_query(p, "SELECT 1", NULL, NULL, &err), -1);
    assert_true(cm_err_is_passing(err));
    assert_false(cm_pg_alive(p));
    cm_pg_close(p);
}

/* ---- sessions ---- */

static const struct cm_pg_session *session(const struct cm_pg_sessions *s, int pid)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].pid == pid)
            return &s->list[i];
    return NULL;
}

static void sees_sessions_of_its_own_role(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "check"), *other = stranger(w, "connect");
    CM_CLEANUP(cm_pg_sessions_fini) struct cm_pg_sessions s;
    int64_t started;

    assert_int_equal(cm_pg_sessions(p, &s, NULL), 0);

    const struct cm_pg_session *it = session(&s, cm_pg_backend(other));
    assert_non_null(it);
    assert_string_equal(it->user, "connect");
    assert_string_equal(it->address, "127.0.0.1");
    assert_string_equal(it->state, "idle");
    assert_false(it->hidden);
    assert_false(it->ours);
    assert_true(cm_time_parse(it->started, &started));
    assert_in_range(cm_clock_wall(&cm_clock_system) - started + 10000, 0, 120000);
    assert_true(s.all_visible);
    assert_null(session(&s, cm_pg_backend(p)));
    cm_pg_close(other);
    cm_pg_close(p);
}

/* PostgreSQL hides backend_type, address and state of others' sessions: they must not vanish. */
static void hidden_sessions_of_other_roles_still_count(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "weak", "check"), *other = stranger(w, "connect");
    CM_CLEANUP(cm_pg_sessions_fini) struct cm_pg_sessions s;

    assert_int_equal(cm_pg_sessions(p, &s, NULL), 0);

    const struct cm_pg_session *it = session(&s, cm_pg_backend(other));
    assert_non_null(it);
    assert_true(it->hidden);
    assert_string_equal(it->user, "connect");
    assert_null(it->address);
    assert_null(it->started);
    cm_pg_close(other);
    cm_pg_close(p);
}

static void our_other_sessions_are_ours(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "check"), *lock = must_open(w, "connect", "lock R ann@laptop 1");
    CM_CLEANUP(cm_pg_sessions_fini) struct cm_pg_sessions s;

    assert_int_equal(cm_pg_sessions(p, &s, NULL), 0);

    assert_non_null(session(&s, cm_pg_backend(lock)));
    assert_true(session(&s, cm_pg_backend(lock))->ours);
    cm_pg_close(lock);
    cm_pg_close(p);
}

static void a_role_that_became_another_does_not_see_its_own_sessions(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "check");
    CM_CLEANUP(cm_pg_sessions_fini) struct cm_pg_sessions s;
    struct cm_pg *boss = must_open(w, "boss", "grant");
    assert_int_equal(cm_pg_query(boss, "GRANT weak TO connect", NULL, NULL, NULL), 0);
    assert_int_equal(cm_pg_query(p, "SET ROLE weak", NULL, NULL, NULL), 0);

    assert_int_equal(cm_pg_sessions(p, &s, NULL), 0);

    assert_false(s.all_visible);
    assert_int_equal(cm_pg_query(boss, "REVOKE weak FROM connect", NULL, NULL, NULL), 0);
    cm_pg_close(boss);
    cm_pg_close(p);
}

static void a_role_that_is_not_connects_does_not_see_connects_sessions(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "boss", "check");
    CM_CLEANUP(cm_pg_sessions_fini) struct cm_pg_sessions before, after;
    assert_int_equal(cm_pg_sessions(p, &before, NULL), 0);
    assert_int_equal(cm_pg_query(p, "SET SESSION AUTHORIZATION weak", NULL, NULL, NULL), 0); /* as a pooler's map does */

    assert_int_equal(cm_pg_sessions(p, &after, NULL), 0);

    assert_true(before.all_visible);
    assert_false(after.all_visible);
    cm_pg_close(p);
}

/* ---- the lock ---- */

static void the_lock_is_one_runs_and_names_its_holder(void **state)
{
    struct world *w = *state;
    struct cm_pg *first = must_open(w, "connect", "lock RUN-1 ann@laptop 11"),
                 *second = must_open(w, "weak", "lock RUN-2 bob@desk 12");
    bool got = false;
    cm_autofree char *holder = NULL;

    assert_int_equal(cm_pg_lock(first, &got, &holder, NULL), 0);
    assert_true(got);
    assert_null(holder);
    assert_int_equal(cm_pg_lock(second, &got, &holder, NULL), 0);

    assert_false(got);
    assert_string_equal(holder, "connect-migrate lock RUN-1 ann@laptop 11");
    assert_true(cm_pg_lock_held(first));
    assert_false(cm_pg_lock_held(second));
    cm_pg_close(first);
    cm_pg_close(second);
}

static void taking_a_held_lock_again_is_fine_and_counts_once(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "lock R");
    bool got = false;
    char *holder = NULL;

    assert_int_equal(cm_pg_lock(p, &got, &holder, NULL), 0);
    assert_int_equal(cm_pg_lock(p, &got, &holder, NULL), 0);

    assert_true(got);
    cm_autofree char *unlocked = one(p, "SELECT (SELECT bool_and(pg_advisory_unlock(classid::int, objid::int)) FROM pg_locks WHERE "
                                        "locktype = 'advisory' AND pid = pg_backend_pid())::text AS x");
    assert_string_equal(unlocked, "true");
    assert_false(cm_pg_lock_held(p));
    cm_pg_close(p);
}

static void a_lock_goes_with_its_session(void **state)
{
    struct world *w = *state;
    struct cm_pg *first = must_open(w, "connect", "lock R"), *second = must_open(w, "connect", "lock S");
    bool got = false;
    char *holder = NULL;
    assert_int_equal(cm_pg_lock(first, &got, &holder, NULL), 0);

    terminate(w, cm_pg_backend(first));
    for (int i = 0; i < 200 && !cm_pg_lost(first); i++)
        usleep(10000);

    assert_false(cm_pg_lock_held(first));
    assert_int_equal(cm_pg_lock(second, &got, &holder, NULL), 0);
    assert_true(got);
    cm_pg_close(first);
    cm_pg_close(second);
}

struct told {
    int times;
    bool held;
};

static void tell(void *ctx, bool held)
{
    struct told *t = ctx;

    t->times++;
    t->held = held;
}

static bool was_told(void *ctx) { return ((struct told *)ctx)->times > 0; }

static bool ask_soon(struct world *w, struct cm_pg *p)
{
    struct told t = {0, false};

    cm_pg_lock_held_soon(p, tell, &t);
    assert_int_equal(t.times, 0);
    (void)cm_loop_until(w->loop, was_told, &t, cm_loop_now_ms(w->loop) + 5000);
    assert_int_equal(t.times, 1);
    return t.held;
}

static void the_lock_can_be_asked_for_without_waiting(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "lock R");
    bool got;
    char *holder;

    assert_false(ask_soon(w, p));
    assert_int_equal(cm_pg_lock(p, &got, &holder, NULL), 0);
    assert_true(ask_soon(w, p));
    terminate(w, cm_pg_backend(p));
    for (int i = 0; i < 200 && !cm_pg_lost(p); i++)
        usleep(10000);
    assert_false(ask_soon(w, p));
    cm_pg_close(p);
}

static void a_question_and_a_query_do_not_disturb_each_other(void **state)
{
    struct world *w = *state;
    struct cm_pg *p = must_open(w, "connect", "lock R");
    struct told t = {0, false};
    bool got;
    char *holder;
    assert_int_equal(cm_pg_lock(p, &got, &holder, NULL), 0);

    cm_pg_lock_held_soon(p, tell, &t);
    cm_autofree char *x = one(p, "SELECT 'y' AS x");

    assert_string_equal(x, "y");
    assert_int_equal(t.times, 1);
    assert_true(t.held);
    cm_pg_close(p);
}

/* ---- the server ---- */

static int set_up(void **state)
{
    static const char hba[] = "host all rejected 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n";
    static const char *const sql[] = {
        "CREATE ROLE connect LOGIN PASSWORD 'connect'",
        "CREATE ROLE weak LOGIN PASSWORD 'weak'",
        "CREATE ROLE rejected LOGIN PASSWORD 'rejected'",
        "CREATE DATABASE connect OWNER connect",
        NULL,
    };
    struct world *w = calloc(1, sizeof *w);
    cm_autoerr err = NULL;

    if (w == NULL || pg_start(&w->server, hba) != 1)
        return -1;
    w->loop = cm_loop_new(&cm_clock_system);
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u = url_of(w, "boss", "boss", "postgres", "");
    struct cm_pg_target t = {.url = &u, .timeout_ms = 10000};
    struct cm_pg *p = NULL;
    for (int i = 0; i < 100 && p == NULL; i++) { /* "the database system is starting up" */
        cm_err_clear(&err);
        p = cm_pg_open(w->loop, &t, NULL, &err);
        if (p == NULL)
            usleep(20000);
    }
    for (size_t i = 0; p != NULL && sql[i] != NULL; i++)
        if (cm_pg_query(p, sql[i], NULL, NULL, &err) != 0)
            print_message("%s\n", cm_err_message(err));
    cm_pg_close(p);
    *state = w;
    return p != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    if (w == NULL)
        return 0;
    (void)pg_stop(&w->server);
    cm_loop_free(w->loop);
    free(w);
    return 0;
}

int main(void)
{
    struct private_postgres probe = {0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_and_reads_rows),
        cmocka_unit_test(our_sessions_bear_our_name),
        cmocka_unit_test(reached_by_another_address),
        cmocka_unit_test(says_that_the_password_is_wrong),
        cmocka_unit_test(the_plans_password_goes_before_the_urls),
        cmocka_unit_test(says_that_the_database_does_not_exist),
        cmocka_unit_test(says_that_the_server_lets_nobody_in_from_here),
        cmocka_unit_test(says_that_tls_is_wanted_and_not_had),
        cmocka_unit_test(says_that_nobody_listens),
        cmocka_unit_test(says_that_somebody_listens_and_is_silent),
        cmocka_unit_test(a_query_over_its_limit_is_ended_by_the_server),
        cmocka_unit_test(a_faulty_query_names_the_servers_words_and_state),
        cmocka_unit_test(a_terminated_session_is_known_to_be_lost),
        cmocka_unit_test(sees_sessions_of_its_own_role),
        cmocka_unit_test(hidden_sessions_of_other_roles_still_count),
        cmocka_unit_test(our_other_sessions_are_ours),
        cmocka_unit_test(a_role_that_became_another_does_not_see_its_own_sessions),
        cmocka_unit_test(a_role_that_is_not_connects_does_not_see_connects_sessions),
        cmocka_unit_test(the_lock_is_one_runs_and_names_its_holder),
        cmocka_unit_test(taking_a_held_lock_again_is_fine_and_counts_once),
        cmocka_unit_test(a_lock_goes_with_its_session),
        cmocka_unit_test(the_lock_can_be_asked_for_without_waiting),
        cmocka_unit_test(a_question_and_a_query_do_not_disturb_each_other),
    };
    if (!pg_find(&probe) || (geteuid() == 0 && getpwnam("postgres") == NULL)) {
        (void)fprintf(stderr, "skipped: PostgreSQL's server programs are not installed\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
