/* The old server's configuration read through a shell, as a node would answer: here sh itself, with a systemctl of the test's own. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actions/look.h"
#include "actions/source.h"
#include "adapters/outside.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "engine/engine.h"
#include "plan/plan.h"

struct server {
    char *dir, *config, *old_path;
    struct cm_loop *loop;
    struct cm_plan *plan;
    struct cm_outside *outside;
    struct cm_step *step;
};

static void put(const struct server *s, const char *name, const char *text, mode_t mode)
{
    struct cm_err *err = NULL;
    char *path = cm_path_join(s->dir, name);
    if (cm_file_write(path, text, strlen(text), mode, &err) < 0)
        fail_msg("%s", cm_err_message(err));
    free(path);
}

static int begin(void **state)
{
    struct server *s = cm_alloc(sizeof *s);
    char folder[] = "/tmp/cm-source-XXXXXX";
    if (mkdtemp(folder) == NULL)
        return -1;
    unsetenv("CONNECT_SERVER");
    s->dir = cm_strdup(folder);
    s->config = cm_path_join(folder, "rstudio-connect.gcfg");
    s->old_path = cm_strdup(getenv("PATH"));
    char *path = cm_fmt("%s:%s", folder, s->old_path);
    setenv("PATH", path, 1);
    free(path);
    put(s, "systemctl", "#!/bin/sh\nexit 1\n", 0700);
    put(s, "values.yaml", "{}\n", 0600);
    s->loop = cm_loop_new(&cm_clock_system);
    *state = s;
    return 0;
}

static void forget(struct server *s)
{
    if (s->step != NULL)
        cm_step_for_reading_free(s->step);
    if (s->outside != NULL)
        cm_outside_free(s->outside);
    if (s->plan != NULL)
        cm_plan_free(s->plan);
    s->step = NULL;
    s->outside = NULL;
    s->plan = NULL;
}

static int end(void **state)
{
    struct server *s = *state;
    forget(s);
    cm_loop_free(s->loop);
    setenv("PATH", s->old_path, 1);
    char *command = cm_fmt("rm -rf '%s'", s->dir);
    if (system(command) != 0)
        return -1;
    free(command);
    free(s->old_path);
    free(s->config);
    free(s->dir);
    free(s);
    return 0;
}

/* A plan whose nodes are reached by `shell` ("[sh, -c]": here); `more` is added to it. */
static void plan(struct server *s, const char *hosts, const char *shell, const char *more)
{
    struct cm_err *err = NULL;
    char *text = cm_fmt("source: {hosts: %s, shell: %s, become: [], config: %s/rstudio-connect.gcfg}\n"
                        "target: {context: c, namespace: ns, release: rel, values: [values.yaml]}\n%s",
                        hosts, shell, s->dir, more);
    put(s, "plan.yaml", text, 0600);
    free(text);
    char *path = cm_path_join(s->dir, "plan.yaml");
    s->plan = cm_plan_load(path, &err);
    free(path);
    if (s->plan == NULL)
        fail_msg("%s", cm_err_message(err));
    s->outside = cm_outside_new(s->loop, s->plan, &err);
    if (s->outside == NULL)
        fail_msg("%s", cm_err_message(err));
    s->step = cm_step_for_reading(s->loop, s->plan, s->outside, 20000);
}

static const struct cm_source *read_it(struct server *s)
{
    struct cm_err *err = NULL;
    const struct cm_source *source = NULL;
    if (cm_source_read(s->step, &source, &err) < 0)
        fail_msg("%s", cm_err_message(err));
    return source;
}

static struct cm_err *fail_to_read(struct server *s)
{
    struct cm_err *err = NULL;
    const struct cm_source *source = NULL;
    assert_int_equal(cm_source_read(s->step, &source, &err), -1);
    assert_non_null(err);
    return err;
}

#define HERE "[sh, -c]"

static void takes_connects_own_defaults_for_what_is_not_set(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Server]\n", 0600);
    plan(s, "[a]", HERE, "");

    const struct cm_source *source = read_it(s);

    assert_string_equal(source->data_dir, "/var/lib/rstudio-connect");
    assert_string_equal(source->database_dir, "/var/lib/rstudio-connect/db");
    assert_string_equal(source->provider, "sqlite");
    assert_null(source->address);
    assert_false(source->has_core);
    assert_false(source->has_migration_file);
    assert_null(source->unit_environment[0]);
}

static void reads_the_migration_file_behind_the_main_one(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Server]\nDataDir = /data/connect/\nAddress = https://old\n[Database]\nProvider = Postgres\n",
        0600);
    put(s, "rstudio-connect-migration.gcfg", "[server]\naddress = https://connect.example.com\n", 0600);
    plan(s, "[a]", HERE, "");

    const struct cm_source *source = read_it(s);

    assert_true(source->has_migration_file);
    assert_string_equal(source->address, "https://connect.example.com");
    assert_string_equal(source->data_dir, "/data/connect");
    assert_string_equal(source->database_dir, "/data/connect/db");
    assert_string_equal(source->provider, "postgres");
}

static void is_not_misled_by_what_stands_in_a_file_or_by_a_banner(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg",
        "#\n# a multi-line\n[Server]\nAddress = https://connect.example.com\nLoggedInWarning = \\\n@@ end 0\n[Database]\nProvider = Postgres",
        0600);
    put(s, "noisy", "#!/bin/sh\necho 'Welcome to this server'\necho '@@ not a part'\nsh -c \"$1\"\n", 0700);
    plan(s, "[a]", "[noisy]", "");

    const struct cm_source *source = read_it(s);

    assert_string_equal(source->address, "https://connect.example.com");
    assert_string_equal(source->provider, "postgres");
}

static void variables_of_the_unit_win_over_the_file(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Database]\nProvider = Postgres\n[Postgres]\nURL = postgres://connect@db.example.com/connect\n",
        0600);
    put(s, "environment", "# comment\nHTTPS_PROXY=\"http://proxy:3128\"\nCONNECT_POSTGRES_PASSWORD='from a file'\n", 0600);
    char *script =
        cm_fmt("#!/bin/sh\necho \"Environment=CONNECT_POSTGRES_PASSWORD=plain \\\"NAME=with blank\\\" \\$'OTHER=it\\\\'s'\"\n"
               "echo 'EnvironmentFiles=%s/environment (ignore_errors=no)'\n",
               s->dir);
    put(s, "systemctl", script, 0700);
    free(script);
    plan(s, "[a]", HERE, "");

    const struct cm_source *source = read_it(s);

    assert_string_equal(source->unit_environment[0], "CONNECT_POSTGRES_PASSWORD=plain");
    assert_string_equal(source->unit_environment[1], "NAME=with blank");
    assert_string_equal(source->unit_environment[2], "OTHER=it's");
    assert_string_equal(source->unit_environment[3], "HTTPS_PROXY=http://proxy:3128");
    assert_string_equal(source->unit_environment[4], "CONNECT_POSTGRES_PASSWORD=from a file");
    assert_null(source->unit_environment[5]);
    assert_string_equal(cm_secret_reveal(source->core.password), "from a file");
}

static void a_password_of_its_own_belongs_to_the_url(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg",
        "[Postgres]\nURL = postgres://connect@db.example.com/connect\nPassword = \"a;b\"\n"
        "InstrumentationURL = postgres://connect@db.example.com/metrics\n",
        0600);
    plan(s, "[a]", HERE, "");

    const struct cm_source *source = read_it(s);

    assert_true(source->has_core && source->has_instrumentation);
    assert_string_equal(cm_secret_reveal(source->core.password), "a;b");
    assert_string_equal(cm_secret_reveal(source->instrumentation.password), "a;b");
}

static void a_password_in_the_url_stays(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg",
        "[Postgres]\nURL = \"postgres://connect:in%20url@db.example.com/connect\"\nPassword = other\n"
        "InstrumentationURL = postgres://metrics@db.example.com/metrics\n",
        0600);
    plan(s, "[a]", HERE, "");

    const struct cm_source *source = read_it(s);

    assert_string_equal(cm_secret_reveal(source->core.password), "in url");
    assert_null(source->instrumentation.password);
}

static void says_where_the_file_is_wrong(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Server]\nAddress = \"no end\n", 0600);
    plan(s, "[a]", HERE, "");

    struct cm_err *err = fail_to_read(s);

    assert_non_null(strstr(cm_err_message(err), "rstudio-connect.gcfg:2:"));
    cm_err_free(err);
}

static void says_which_url_is_wrong(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Postgres]\nURL = mysql://connect@db/x\n", 0600);
    plan(s, "[a]", HERE, "");

    struct cm_err *err = fail_to_read(s);

    assert_non_null(strstr(cm_err_message(err), "rstudio-connect.gcfg:2:"));
    assert_non_null(strstr(cm_err_message(err), "Postgres.URL"));
    cm_err_free(err);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct server *s = *state;
    plan(s, "[a]", HERE, "");

    struct cm_err *err = fail_to_read(s);

    assert_non_null(strstr(cm_err_message(err), "there is no"));
    assert_non_null(strstr(cm_err_message(err), "rstudio-connect.gcfg"));
    assert_non_null(strstr(cm_err_hint(err), "source.config"));
    cm_err_free(err);
}

static void the_second_node_is_asked_when_the_first_is_not_reached(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Server]\nAddress = https://connect.example.com\n", 0600);
    put(s, "way", "#!/bin/sh\n[ \"$1\" = b ] || { echo 'no route to host' >&2; exit 255; }\nsh -c \"$2\"\n", 0700);
    plan(s, "[a, b]", "[way, \"{host}\"]", "");

    assert_string_equal(read_it(s)->address, "https://connect.example.com");
}

static void without_any_node_the_first_ones_error_is_kept(void **state)
{
    struct server *s = *state;
    put(s, "way", "#!/bin/sh\necho \"no route to $1\" >&2; exit 255\n", 0700);
    plan(s, "[a, b]", "[way, \"{host}\"]", "");

    struct cm_err *err = fail_to_read(s);

    assert_int_equal(strncmp(cm_err_message(err), "a:", 2), 0);
    cm_err_free(err);
}

static void is_read_once(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Server]\nAddress = https://one\n", 0600);
    plan(s, "[a]", HERE, "");
    const struct cm_source *first = read_it(s);
    put(s, "rstudio-connect.gcfg", "[Server]\nAddress = https://two\n", 0600);

    const struct cm_source *second = read_it(s);

    assert_ptr_equal(first, second);
    assert_string_equal(second->address, "https://one");
}

static void the_digest_changes_with_every_part(void **state)
{
    struct server *s = *state;
    unsigned char one[32], two[32];
    put(s, "rstudio-connect.gcfg", "[Server]\n", 0600);
    plan(s, "[a]", HERE, "");
    memcpy(one, read_it(s)->sha256, 32);
    forget(s);
    put(s, "rstudio-connect-migration.gcfg", "", 0600);
    put(s, "systemctl", "#!/bin/sh\necho Environment=A=b\n", 0700);
    plan(s, "[a]", HERE, "");
    memcpy(two, read_it(s)->sha256, 32);

    assert_memory_not_equal(one, two, 32);
}

static void the_plans_way_to_the_database_is_taken_for_its_own_server_only(void **state)
{
    struct server *s = *state;
    struct cm_err *err = NULL;
    struct cm_pg_target core, metrics;
    bool none = true;
    put(s, "rstudio-connect.gcfg",
        "[Postgres]\nURL = postgres://connect:a1b2c3d4@db.example.com/connect\n"
        "InstrumentationURL = postgres://connect:a1b2c3d4@metrics.example.com/metrics\n",
        0600);
    put(s, "password", "of the plan\n", 0600);
    plan(s, "[a]", HERE, "database: {hostaddr: 127.0.0.1, port: 6000, password: {file: password}}\n");

    assert_int_equal(cm_source_database(s->step, 0, "check", &core, &none, &err), 0);
    assert_false(none);
    assert_int_equal(cm_source_database(s->step, 1, "check", &metrics, &none, &err), 0);
    assert_false(none);

    assert_string_equal(core.hostaddr, "127.0.0.1");
    assert_string_equal(core.port, "6000");
    assert_string_equal(cm_secret_reveal(core.password), "of the plan");
    assert_null(metrics.hostaddr);
    assert_null(metrics.port);
    assert_null(metrics.password);
}

static void without_a_url_there_is_no_database(void **state)
{
    struct server *s = *state;
    struct cm_pg_target t;
    bool none = false;
    put(s, "rstudio-connect.gcfg", "[Database]\nProvider = sqlite\n", 0600);
    plan(s, "[a]", HERE, "");

    assert_int_equal(cm_source_database(s->step, 0, "check", &t, &none, NULL), 0);

    assert_true(none);
}

static void the_old_server_is_asked_where_it_listens(void **state)
{
    struct server *s = *state;
    static const struct {
        const char *file, *hosts, *want;
    } cases[] = {
        {"[Server]\n", "[connect1]", "http://connect1:3939"},
        {"[HTTP]\nListen = :80\n", "[ann@connect1]", "http://connect1:80"},
        {"[HTTP]\nListen = \"[::]:8080\"\n", "[connect1]", "http://connect1:8080"},
        {"[HTTPS]\nListen = :443\n", "[connect1]", "https://connect1:443"},
        {"[HTTPS]\nListen = :443\n[HTTP]\nListen = 0.0.0.0:3939\n", "[connect1]", "http://connect1:3939"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_err *err = NULL;
        put(s, "rstudio-connect.gcfg", cases[i].file, 0600);
        plan(s, cases[i].hosts, HERE, "");

        char *url = cm_source_url(s->step, &err);

        assert_non_null(url);
        assert_string_equal(url, cases[i].want);
        free(url);
        forget(s);
    }
}

static void the_public_address_is_the_plans_or_the_servers(void **state)
{
    struct server *s = *state;
    put(s, "rstudio-connect.gcfg", "[Server]\nAddress = https://connect.example.com/\n", 0600);
    plan(s, "[a]", HERE, "");
    char *servers = cm_source_public_url(s->step, NULL);
    forget(s);
    plan(s, "[a]", HERE, "connect: {url: \"https://other.example.com\"}\n");
    char *plans = cm_source_public_url(s->step, NULL);

    assert_string_equal(servers, "https://connect.example.com");
    assert_string_equal(plans, "https://other.example.com");
    free(servers);
    free(plans);
}

static void parts_are_taken_by_their_length(void **state)
{
    (void)state;
    static const char out[] = "motd\n@@ a 5\n1\n@@ \n@@ b 0\n\n@@ c 3\nxyz\n@@ d 99\nshort\n";
    char *a = cm_part_text(out, sizeof out - 1, "a"), *b = cm_part_text(out, sizeof out - 1, "b"),
         *c = cm_part_text(out, sizeof out - 1, "c");

    assert_string_equal(a, "1\n@@ ");
    assert_string_equal(b, "");
    assert_string_equal(c, "xyz");
    assert_null(cm_part_text(out, sizeof out - 1, "d"));
    free(a);
    free(b);
    free(c);
}

static void the_host_of_a_url_is_bare(void **state)
{
    (void)state;
    static const struct {
        const char *url, *want;
    } cases[] = {
        {"https://Connect.Example.com:3939/path", "connect.example.com"},
        {"postgres://a:b@db/x", "db"},
        {"http://[fd00::1]:80/", "fd00::1"},
        {"connect.example.com", "connect.example.com"},
        {"https://user@host?x=@y", "host"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *host = cm_look_url_host(cases[i].url);
        assert_non_null(host);
        assert_string_equal(host, cases[i].want);
        free(host);
    }
    assert_null(cm_look_url_host("https://"));
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(takes_connects_own_defaults_for_what_is_not_set),
        WITH(reads_the_migration_file_behind_the_main_one),
        WITH(is_not_misled_by_what_stands_in_a_file_or_by_a_banner),
        WITH(variables_of_the_unit_win_over_the_file),
        WITH(a_password_of_its_own_belongs_to_the_url),
        WITH(a_password_in_the_url_stays),
        WITH(says_where_the_file_is_wrong),
        WITH(says_which_url_is_wrong),
        WITH(a_file_that_is_not_there_is_named),
        WITH(the_second_node_is_asked_when_the_first_is_not_reached),
        WITH(without_any_node_the_first_ones_error_is_kept),
        WITH(is_read_once),
        WITH(the_digest_changes_with_every_part),
        WITH(the_plans_way_to_the_database_is_taken_for_its_own_server_only),
        WITH(without_a_url_there_is_no_database),
        WITH(the_old_server_is_asked_where_it_listens),
        WITH(the_public_address_is_the_plans_or_the_servers),
        cmocka_unit_test(parts_are_taken_by_their_length),
        cmocka_unit_test(the_host_of_a_url_is_bare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
