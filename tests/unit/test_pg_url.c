/* Connect's database URL taken apart, and the reasons of PostgreSQL understood, without a server. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/pg_why.h"
#include "adapters/postgres.h"
#include "base/json.h"
#include "base/mem.h"

static void assert_url(const char *url, const char *host, const char *port, const char *user, const char *database,
                       const char *password, const char *sslmode)
{
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u;
    cm_autoerr err = NULL;

    if (cm_pg_url_parse(url, &u, &err) != 0)
        fail_msg("%s: %s", url, cm_err_message(err));
    assert_string_equal(u.host, host);
    assert_string_equal(u.port, port);
    assert_string_equal(u.user, user);
    assert_string_equal(u.database, database);
    assert_int_equal(u.password != NULL, password != NULL);
    if (password != NULL)
        assert_string_equal(cm_secret_reveal(u.password), password);
    assert_int_equal(u.sslmode != NULL, sslmode != NULL);
    if (sslmode != NULL)
        assert_string_equal(u.sslmode, sslmode);
}

static void takes_urls_apart(void **state)
{
    (void)state;
    assert_url("postgres://connect@db.example.com/connect", "db.example.com", "5432", "connect", "connect", NULL, NULL);
    assert_url("postgresql://u:p%40ss%2F%3a@db:6432/d%20b?sslmode=disable", "db", "6432", "u", "d b", "p@ss/:", "disable");
    assert_url("POSTGRES://u:secret@db", "db", "5432", "u", "u", "secret", NULL);
    assert_url("postgres://u:a@b@db/x", "db", "5432", "u", "x", "a@b", NULL);
    assert_url("postgres://u@[fd00::7]:5433/x", "fd00::7", "5433", "u", "x", NULL, NULL);
    assert_url("postgres://u@a:1,b:2,c/x", "a,b,c", "1,2,5432", "u", "x", NULL, NULL);
    assert_url("postgres:///x?host=/run/postgresql&user=u&password=geheim", "/run/postgresql", "5432", "u", "x", "geheim", NULL);
}

static void takes_pairs_apart(void **state)
{
    (void)state;
    assert_url("host=db port=6432 user=u dbname=d password=plain", "db", "6432", "u", "d", "plain", NULL);
    assert_url(" user = u  host='my host' password='a\\'b\\\\c' sslmode=require", "my host", "5432", "u", "u", "a'b\\c", "require");
}

static void keeps_parameters_that_are_only_connects(void **state)
{
    CM_CLEANUP(cm_pg_url_fini) struct cm_pg_url u;
    (void)state;

    assert_int_equal(cm_pg_url_parse("postgres://u@h/d?search_path=a%2Cb&binary_parameters=yes&options=-c%20x%3D1", &u, NULL), 0);

    assert_string_equal(cm_json_text(u.parameters, "search_path", ""), "a,b");
    assert_string_equal(cm_json_text(u.parameters, "binary_parameters", ""), "yes");
    assert_string_equal(u.options, "-c x=1");
}

static void refuses_faulty_urls_without_quoting_them(void **state)
{
    static const char *const faulty[] = {
        "postgres://CANARY:CANARY%4@h/d",
        "postgres://CANARY:CANARY%zz@h/d",
        "postgres://u:CANARY%00@h/d",
        "postgres://u:CANARY@h:99999/d",
        "postgres://u:CANARY@h:5x/d",
        "postgres://u:CANARY@[::1/d",
        "postgres://h/CANARY",
        "CANARY",
        "host=h password='CANARY",
        "mysql://u:CANARY@h/d",
        "",
        "postgres://u:CANARY@h/d?a=%2",
    };
    (void)state;

    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        struct cm_pg_url u;
        cm_autoerr err = NULL;
        if (cm_pg_url_parse(faulty[i], &u, &err) == 0)
            fail_msg("%s was taken", faulty[i]);
        assert_null(strstr(cm_err_message(err), "CANARY"));
        assert_null(u.host);
    }
}

static void knows_hosts_that_no_pod_can_resolve(void **state)
{
    static const char *const local[] = {"",
                                        "localhost",
                                        "LOCALHOST",
                                        "127.0.0.1",
                                        "127.1.2.3",
                                        "::1",
                                        "/var/run/postgresql",
                                        "0.0.0.0",
                                        "db.example.com,localhost",
                                        "::ffff:127.0.0.1",
                                        "x.localhost"};
    static const char *const far[] = {"db.example.com", "10.0.0.1", "fd00::1", "localhost.example.com", "128.0.0.1"};
    (void)state;

    assert_true(cm_pg_host_is_local(NULL));
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        assert_true(cm_pg_host_is_local(local[i]));
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        assert_false(cm_pg_host_is_local(far[i]));
}

static void understands_reasons_in_any_language(void **state)
{
    static const struct {
        const char *message;
        enum cm_pg_why why;
    } cases[] = {
        {"connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password authentication failed for user \"u\"\n",
         CM_PG_PASSWORD},
        {"connection to server at \"db\" failed: SCHWERWIEGEND:  28P01: Passwort-Authentifizierung fuer Benutzer fehlgeschlagen\n",
         CM_PG_PASSWORD},
        {"FATAL:  28000: no pg_hba.conf entry for host \"10.0.0.9\", user \"u\"\n", CM_PG_HBA},
        {"FATAL:  28000: role \"u\" does not exist\n", CM_PG_NO_ROLE},
        {"FATAL:  3D000: Datenbank \"x\" existiert nicht\n", CM_PG_NO_DATABASE},
        {"FATAL:  53300: sorry, too many clients already\n", CM_PG_FULL},
        {"FATAL:  57P03: the database system is starting up\n", CM_PG_SILENT},
        {"could not translate host name \"db\" to address: Name or service not known\n", CM_PG_UNREACHABLE},
        {"connection to server at \"db\", port 1 failed: Connection refused\n", CM_PG_UNREACHABLE},
        {"server does not support SSL, but SSL was required\n", CM_PG_TLS},
        {"fe_sendauth: no password supplied\n", CM_PG_PASSWORD},
        {"server closed the connection unexpectedly\n", CM_PG_LOST},
        {"something new\n", CM_PG_OTHER},
        {"", CM_PG_OTHER},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (cm_pg_why_connect(cases[i].message) != cases[i].why)
            fail_msg("%s was taken for %d", cases[i].message, (int)cm_pg_why_connect(cases[i].message));
}

static void words_for_people_have_no_codes_and_no_source_lines(void **state)
{
    (void)state;
    cm_autofree char *words = cm_pg_words("x failed: FATAL:  28P01: password authentication failed for user \"u\"\nLOCATION:  "
                                          "auth_failed, auth.c:330\n");
    cm_autofree char *plain = cm_pg_words("Connection refused\n\tIs the server running?\n");
    cm_autofree char *none = cm_pg_words("");

    assert_string_equal(words, "password authentication failed for user \"u\"");
    assert_string_equal(plain, "Connection refused");
    assert_string_equal(none, "no reason given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_urls_apart),
        cmocka_unit_test(takes_pairs_apart),
        cmocka_unit_test(keeps_parameters_that_are_only_connects),
        cmocka_unit_test(refuses_faulty_urls_without_quoting_them),
        cmocka_unit_test(knows_hosts_that_no_pod_can_resolve),
        cmocka_unit_test(understands_reasons_in_any_language),
        cmocka_unit_test(words_for_people_have_no_codes_and_no_source_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
