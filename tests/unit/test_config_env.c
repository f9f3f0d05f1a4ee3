/* values/config_env.c: what the conversion puts into pod.env and a Secret: secrets, and the unit's environment. */
#include <config.h>

#include "config_fixture.h"

/* ---- secrets ---- */

static void no_secret_stands_in_anything_that_is_written(void **state)
{
    static const char *const unit[] = {"https_proxy=http://u:CANARY-proxy@p:1", "MY_TOKEN=CANARY-token", NULL};
    struct conversion c;
    (void)state;
    convert_full(&c,
                 "; the old password: CANARY-old\n[Postgres]\n;Password = CANARY-out\n# see CANARY-db1\nPassword = \"CANARY-db1\"\n"
                 "URL = \"postgres://u:CANARY-url@db/c?sslmode=require&password=CANARY-q\"\n"
                 "InstrumentationURL = postgres://u:CANARY/slash@db/m\n; https://a:CANARY-c@h/\n[SMTP]\nPassword = CANARY-smtp\n"
                 "[LDAP \"x\"]\nBindPassword = CANARY-ldap\n[Foo]\nA = https://u:CANARY-l@h\nA = b\n; password=CANARY-tail\n",
                 NULL, unit);
    cm_autofree char *account = json_dumps(c.r.account, 0);
    cm_autofree char *findings = json_dumps(c.r.findings, 0);
    assert_null(strstr(c.r.values, "CANARY"));
    assert_null(strstr(c.r.secrets, "CANARY"));
    assert_null(strstr(account, "CANARY"));
    assert_null(strstr(findings, "CANARY"));
    assert_string_equal(value(&c, "Postgres", "URL"), "postgres://u@db/c?sslmode=require");
    assert_string_equal(value(&c, "Postgres", "InstrumentationURL"), "postgres://u@db/m");
    finish(&c);
}

/* A blank ends the URL to whoever reads only the comment. */
static void the_password_of_a_url_stands_in_no_comment(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[Postgres]\n; it was postgres://u:word one@h/d, or word one alone\n; kept\nURL = \"postgres://u:word one@h/d\"\n"
                     "[Foo]\n; second word\nURL = http://h/?password=second word\n", NULL, NULL);
    assert_null(strstr(c.r.values, "word one"));
    assert_null(strstr(c.r.values, "second word"));
    assert_non_null(strstr(c.r.values, "# kept\n"));
    finish(&c);
}

static void secrets_leave_as_a_template_and_variables(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Postgres]\nPassword = x\n");
    cm_autojson secret = helper_data(c.r.secrets);
    const json_t *env = json_array_get(cm_json_at(c.data, "pod.env"), 0);
    assert_string_equal(cm_json_text(secret, "kind", ""), "Secret");
    assert_string_equal(cm_json_text(secret, "metadata.name", ""), "rel-config");
    assert_string_equal(cm_json_text(secret, "stringData.postgres-password", "?"), "");
    assert_string_equal(cm_json_text(env, "name", ""), "CONNECT_POSTGRES_PASSWORD");
    assert_string_equal(cm_json_text(env, "valueFrom.secretKeyRef.name", ""), "rel-config");
    assert_string_equal(cm_json_text(env, "valueFrom.secretKeyRef.key", ""), "postgres-password");
    assert_string_equal(cm_json_text(json_array_get(cm_config_secrets(&c.r), 0), "key", ""), "postgres-password");
    finish(&c);
}

static void a_secret_that_the_base_gives_needs_nothing(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[Postgres]\nPassword = x\n",
                 "pod:\n  env:\n    - name: CONNECT_POSTGRES_PASSWORD\n      valueFrom: {secretKeyRef: {name: a, key: b}}\n", NULL);
    assert_null(c.r.secrets);
    assert_null(cm_json_at(c.data, "pod"));
    assert_fate(&c, "Postgres.Password", "secret", "pod.env CONNECT_POSTGRES_PASSWORD");
    assert_null(helper_finding(c.r.findings, "config.secret.Postgres.Password"));
    finish(&c);
}

static void pod_env_is_written_whole_with_the_bases_entries_first(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[SMTP]\nPassword = x\n",
                 "pod: {env: [{name: A, value: \"0644\"}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]}\n", NULL);
    const json_t *env = cm_json_at(c.data, "pod.env");
    assert_int_equal(json_array_size(env), 3);
    assert_string_equal(cm_json_text(json_array_get(env, 0), "value", ""), "0644");
    assert_string_equal(cm_json_text(json_array_get(env, 1), "valueFrom.secretKeyRef.key", ""), "k");
    assert_string_equal(cm_json_text(json_array_get(env, 2), "name", ""), "CONNECT_SMTP_PASSWORD");
    finish(&c);
}

/* JSON is no flow style for these: a line break of Unicode would be folded, DEL cannot be read. */
static void a_list_in_a_list_of_the_base_keeps_its_characters(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[SMTP]\nPassword = x\n", "pod: {env: [[a, [\"b\\u2028\\u0085\\x7f\", {\"c\": 0, d e: 1.5}]]]}\n", NULL);
    cm_autojson wanted = json_loads("[\"a\", [\"b\\u2028\\u0085\\u007f\", {\"c\": 0, \"d e\": 1.5}]]", 0, NULL);
    assert_true(json_equal(json_array_get(cm_json_at(c.data, "pod.env"), 0), wanted));
    finish(&c);
}

/* ---- the unit's environment ---- */

static void variables_of_the_unit_move_and_no_proxy_grows(void **state)
{
    static const char *const unit[] = {"PATH=/bin",
                                       "TZ=UTC",
                                       "http_proxy=http://p:3128",
                                       "NO_PROXY=localhost,.svc",
                                       "ODBCSYSINI=/etc/odbc",
                                       "BAD=a\xe2\x80\xa8z",
                                       "CONNECT_SERVER_HIDEVERSION=true",
                                       NULL};
    struct conversion c;
    (void)state;
    convert_full(&c, "[Foo]\nA = 1\n", NULL, unit);
    const json_t *env = cm_json_at(c.data, "pod.env");
    assert_int_equal(json_array_size(env), 4);
    assert_string_equal(cm_json_text(json_array_get(env, 2), "value", ""), "localhost,.svc,.cluster.local");
    assert_fate(&c, "PATH", "drop", "-");
    assert_fate(&c, "ODBCSYSINI", "ask", "pod.env ODBCSYSINI");
    assert_fate(&c, "BAD", "ask", "-");
    assert_string_equal(value(&c, "Server", "HideVersion"), "true");
    finish(&c);
}

static void secrets_whose_names_differ_in_case_alone_have_keys_of_their_own(void **state)
{
    static const char *const unit[] = {"APP_TOKEN=x", "App_Token=y", NULL};
    struct conversion c;
    (void)state;
    convert_full(&c, "[Foo]\nA = 1\n", NULL, unit);
    cm_autoyaml doc = cm_yaml_parse(c.r.secrets, strlen(c.r.secrets), "secrets", NULL);
    assert_non_null(doc);
    assert_non_null(cm_yaml_get(cm_yaml_get(cm_yaml_root(doc), "stringData"), "app-token"));
    assert_non_null(cm_yaml_get(cm_yaml_get(cm_yaml_root(doc), "stringData"), "app-token.2"));
    finish(&c);
}

/* The unit's own come first, then those of its files, which win. */
static void of_a_variable_given_twice_the_last_counts(void **state)
{
    static const char *const unit[] = {"http_proxy=http://old:1", "no_proxy=.svc,localhost,.cluster.local", "http_proxy=http://new:2", NULL};
    struct conversion c;
    (void)state;
    convert_full(&c, "[Foo]\nA = 1\n", NULL, unit);
    const json_t *env = cm_json_at(c.data, "pod.env");
    assert_int_equal(json_array_size(env), 2);
    assert_string_equal(cm_json_text(json_array_get(env, 1), "value", ""), "http://new:2");
    assert_string_equal(cm_json_text(json_array_get(c.r.account, 1), "disposition", ""), "drop");
    finish(&c);
}

static void a_variable_replaces_a_list_of_the_file(void **state)
{
    static const char *const unit[] = {"CONNECT_AUTHORIZATION_VIEWERROLEMAPPING=b", NULL};
    struct conversion c;
    (void)state;
    convert_full(&c, "[Authorization]\nViewerRoleMapping = a\n[Foo]\nX = 1\n", NULL, unit);
    assert_string_equal(value(&c, "Authorization", "ViewerRoleMapping"), "b");
    assert_int_equal(c.r.dropped, 1);
    finish(&c);
}

static void a_proxy_without_no_proxy_gets_one(void **state)
{
    static const char *const unit[] = {"HTTPS_PROXY=http://p:3128", NULL};
    struct conversion c;
    (void)state;
    convert_full(&c, "[Foo]\nA = 1\n", NULL, unit);
    assert_string_equal(cm_json_text(json_array_get(cm_json_at(c.data, "pod.env"), 1), "name", ""), "NO_PROXY");
    assert_non_null(helper_finding(c.r.findings, "config.no-proxy"));
    finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_secret_stands_in_anything_that_is_written),
        cmocka_unit_test(the_password_of_a_url_stands_in_no_comment),
        cmocka_unit_test(secrets_leave_as_a_template_and_variables),
        cmocka_unit_test(a_secret_that_the_base_gives_needs_nothing),
        cmocka_unit_test(pod_env_is_written_whole_with_the_bases_entries_first),
        cmocka_unit_test(a_list_in_a_list_of_the_base_keeps_its_characters),
        cmocka_unit_test(variables_of_the_unit_move_and_no_proxy_grows),
        cmocka_unit_test(secrets_whose_names_differ_in_case_alone_have_keys_of_their_own),
        cmocka_unit_test(of_a_variable_given_twice_the_last_counts),
        cmocka_unit_test(a_variable_replaces_a_list_of_the_file),
        cmocka_unit_test(a_proxy_without_no_proxy_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
