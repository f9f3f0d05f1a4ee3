/* values/config.h: the result of a conversion put into a file of the user's, at its top or below the key of a dependency. */
#include <config.h>

#include "values_helpers.h"

struct conversion {
    struct cm_gcfg *gcfg;
    struct cm_config_result r;
    struct cm_yaml_doc *base;
    const char *key;
};

static void convert(struct conversion *c, const char *gcfg, const char *base)
{
    const struct cm_yaml_doc *docs[2] = {NULL, NULL};
    *c = (struct conversion){.gcfg = helper_gcfg(gcfg)};
    docs[0] = c->base = base ? helper_yaml(base) : NULL;
    if (base)
        assert_int_equal(cm_config_merge_at(c->base, NULL, &c->key, NULL), 0);
    struct cm_config_wish w = {.gcfg = c->gcfg, .base = docs, .release = "rel"};
    assert_int_equal(cm_config_convert(&w, &c->r, NULL), 0);
}

static void finish(struct conversion *c)
{
    cm_config_result_fini(&c->r);
    cm_gcfg_free(c->gcfg);
    cm_yaml_free(c->base);
}

static char *merge(struct conversion *c, const char *base)
{
    char *merged = NULL;
    size_t bytes = 0;
    struct cm_err *err = NULL;
    if (cm_config_merge(&c->r, base, strlen(base), "values.yaml", NULL, &merged, &bytes, &err) != 0)
        fail_msg("%s", cm_err_message(err));
    assert_int_equal(strlen(merged), bytes);
    return merged;
}

static void merges_into_a_users_file_and_keeps_the_rest(void **state)
{
    static const char base[] =
        "# mine\nreplicas:   2 # two\n\nconfig: # here\n  Server:\n    Address: https://c # public\n\n  # database\n"
        "  Database: {Provider: Postgres}\n\npod:\n  env:\n  - name: A\n    value: b\n# the end\n";
    struct conversion c;
    (void)state;
    convert(&c, "[Server]\nAddress = https://c\n; who writes\nSenderEmail = x@y\n[Foo]\nA = 1\n[SMTP]\nPassword = p\n",
            base);
    cm_autofree char *merged = merge(&c, base);
    assert_string_equal(merged,
                        "# mine\nreplicas:   2 # two\n\nconfig: # here\n  Server:\n    Address: https://c # public\n"
                        "    # who writes\n    SenderEmail: 'x@y'\n\n  # database\n  Database: {Provider: Postgres}\n  Foo:\n"
                        "    A: '1'\n\npod:\n  env:\n  - name: A\n    value: b\n  - name: CONNECT_SMTP_PASSWORD\n    valueFrom:\n"
                        "      secretKeyRef:\n        name: rel-config\n        key: smtp-password\n# the end\n");
    finish(&c);
}

static void merges_into_files_that_lack_the_place(void **state)
{
    static const struct {
        const char *base, *merged;
    } cases[] = {
        {"", "config:\n  Foo:\n    A: '1'\n"},
        {"# only this\n", "# only this\nconfig:\n  Foo:\n    A: '1'\n"},
        {"replicas: 1", "replicas: 1\n\nconfig:\n  Foo:\n    A: '1'\n"},
        {"config:\nreplicas: 1\n", "config:\n  Foo:\n    A: '1'\nreplicas: 1\n"},
        {"config: {} # none\n", "config: # none\n  Foo:\n    A: '1'\n"},
        {"config:\n  Foo: {}\n", "config:\n  Foo:\n    A: '1'\n"},
        {"config:\n    Foo:\n        B: 2\n", "config:\n    Foo:\n        B: 2\n        A: '1'\n"},
        {"args: 1\r\nconfig:\r\n  Bar: {x: y}\r\n", "args: 1\r\nconfig:\r\n  Bar: {x: y}\r\n  Foo:\r\n    A: '1'\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conversion c;
        convert(&c, "[Foo]\nA = 1\n", cases[i].base);
        cm_autofree char *merged = merge(&c, cases[i].base);
        assert_string_equal(merged, cases[i].merged);
        finish(&c);
    }
}

static void refuses_to_merge_where_it_is_not_safe(void **state)
{
    static const char *const bases[] = {"config: {Foo: {B: 1}}\n",
                                        "{config: {}}\n",
                                        "config:\n  Foo: &a\n    B: 1\n",
                                        "config: *x\n",
                                        "config:\n- 0\n",
                                        "config: 1\n",
                                        "config:\n  Foo: 1\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        struct conversion c;
        char *merged = NULL;
        size_t bytes;
        cm_autoerr err = NULL;
        convert(&c, "[Foo]\nA = 1\n", NULL);
        assert_int_equal(cm_config_merge(&c.r, bases[i], strlen(bases[i]), "v.yaml", NULL, &merged, &bytes, &err), -1);
        assert_int_equal(strncmp(cm_err_message(err), "v.yaml:", 7), 0);
        assert_null(merged);
        finish(&c);
    }
}

/* The chart itself says it: a key of any name, and no other than that. */
static void a_key_that_the_chart_names_is_the_place(void **state)
{
    static const struct {
        const char *base, *known, *merged;
    } rows[] = {
        {"hub:\n  replicas: 1\nlab:\n  config: {}\n", "hub", "hub:\n  replicas: 1\n"},
        {"my-connect:\n  config: {}\n", "hub", "my-connect:\n  config:\n"}, /* the file is not of that chart */
        {"connect:\n  license: {}\nhub:\n  config:\n    Foo:\n      B: 1\n", "hub", "hub:\n  config:\n    Foo:\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conversion c;
        char *merged = NULL;
        size_t bytes;
        convert(&c, "[Foo]\nA = 1\n", NULL);
        assert_int_equal(cm_config_merge(&c.r, rows[i].base, strlen(rows[i].base), "v.yaml", rows[i].known, &merged, &bytes, NULL), 0);
        if (!strstr(merged, rows[i].merged))
            fail_msg("not in it: %s\n%s", rows[i].merged, merged);
        cm_autoyaml doc = helper_yaml(merged);
        cm_autojson all = cm_yaml_json(doc, cm_yaml_root(doc));
        const char *key = i == 1 ? "my-connect.config.Foo.A" : "hub.config.Foo.A";
        assert_non_null(cm_json_at(all, key));
        free(merged);
        finish(&c);
    }
    struct conversion c;
    char *merged = NULL;
    size_t bytes;
    cm_autoerr err = NULL;
    convert(&c, "[Foo]\nA = 1\n", NULL);
    assert_int_equal(cm_config_merge(&c.r, "a: 1\nhub:\n", 10, "v.yaml", "hub", &merged, &bytes, &err), -1);
    assert_string_equal(cm_err_message(err), "v.yaml:2:1: nothing stands below hub yet");
    finish(&c);
}

/* ---- comments ---- */

static void the_sources_comments_come_along_into_a_section_that_is_there(void **state)
{
    static const char base[] = "config:\n  Server:\n    Address: https://x\n  Foo:\n    A: 1\nreplicas: 1\n";
    static const char gcfg[] = "; about the server\n[Server]\nAddress = https://x\n; name\nServerName = n\n; mails\n[SMTP]\n"
                               "Host = h\n\n; old\n; Foo = 1\n";
    struct conversion c;
    (void)state;
    convert(&c, gcfg, base);
    cm_autofree char *merged = merge(&c, base);
    assert_string_equal(merged, "config:\n  Server:\n    Address: https://x\n    # about the server\n    # name\n    ServerName: 'n'\n"
                                "  Foo:\n    A: 1\n  # mails\n  SMTP:\n    Host: 'h'\n  # old\n  # Foo = 1\nreplicas: 1\n");
    finish(&c);
    convert(&c, gcfg, merged);
    cm_autofree char *again = merge(&c, merged);
    assert_string_equal(again, merged);
    finish(&c);
}

/* ---- a chart that has Connect's as a dependency ---- */

static void merges_below_the_key_of_a_dependency(void **state)
{
    static const char base[] =
        "redis:\n  enabled: true\nrstudio-connect: # the server\n  sharedStorage: {mount: true}\n  config:\n    Server:\n"
        "      Address: https://x\n  pod:\n    env: []\n# the end\nmonitoring: {}\n";
    struct conversion c;
    (void)state;
    convert(&c, "[Server]\nAddress = https://y\nServerName = n\n[Foo]\nA = 1\n[SMTP]\nPassword = p\n", base);
    assert_string_equal(c.key, "rstudio-connect");
    helper_assert_finding(c.r.findings, "config.differs.Server.Address", "warning", "values.yaml:7:16");
    cm_autofree char *merged = merge(&c, base);
    assert_string_equal(merged,
                        "redis:\n  enabled: true\nrstudio-connect: # the server\n  sharedStorage: {mount: true}\n  config:\n    Server:\n"
                        "      Address: https://x\n      ServerName: 'n'\n    Foo:\n      A: '1'\n  pod:\n    env:\n"
                        "      - name: CONNECT_SMTP_PASSWORD\n        valueFrom:\n          secretKeyRef:\n            name: rel-config\n"
                        "            key: smtp-password\n# the end\nmonitoring: {}\n");
    finish(&c);
}

static void the_key_of_a_dependency_may_hold_a_dot(void **state)
{
    static const char base[] = "my.rstudio-connect:\n  config:\n    Server:\n      Address: https://c\n";
    struct conversion c;
    (void)state;
    convert(&c, "[Server]\nAddress = https://c\n[Foo]\nA = 1\n", base);
    cm_autofree char *merged = merge(&c, base);
    finish(&c);
    convert(&c, "[Server]\nAddress = https://c\n[Foo]\nA = 1\n", merged);
    cm_autofree char *again = merge(&c, merged);
    assert_string_equal(again, merged);
    finish(&c);
}

static void makes_config_and_pod_below_the_key_where_they_are_not(void **state)
{
    static const char base[] = "my-connect:\n    license:\n        file: {secret: s}\nredis:\n    enabled: true\n";
    struct conversion c;
    (void)state;
    convert(&c, "[Foo]\nA = 1\n[SMTP]\nPassword = p\n", base);
    cm_autofree char *merged = merge(&c, base);
    cm_autojson data = helper_data(merged);
    assert_string_equal(cm_json_text(cm_json_at(data, "my-connect.config.Foo"), "A", ""), "1");
    assert_int_equal(json_array_size(cm_json_at(data, "my-connect.pod.env")), 1);
    assert_true(json_is_true(cm_json_at(data, "redis.enabled")));
    assert_null(json_object_get(data, "config"));
    assert_null(strstr(merged, "\nconfig:"));
    finish(&c);
}

static void fills_a_config_section_and_env_that_have_nothing_below_them(void **state)
{
    static const char *const bases[] = {"rstudio-connect:\n  config:\nredis: {}\n", "rstudio-connect:\n  config: {} # here\n",
                                        "rstudio-connect:\n  pod:\n  config:\n    Foo:\n",
                                        "rstudio-connect:\n  config:\n    Foo: []\n  pod:\n    env:\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        struct conversion c;
        convert(&c, "[Foo]\nA = 1\n[SMTP]\nPassword = p\n", bases[i]);
        cm_autofree char *merged = merge(&c, bases[i]);
        cm_autojson data = helper_data(merged);
        assert_string_equal(cm_json_text(cm_json_at(data, "rstudio-connect.config.Foo"), "A", ""), "1");
        assert_int_equal(json_array_size(cm_json_at(data, "rstudio-connect.pod.env")), 1);
        assert_null(json_object_get(data, "config"));
        assert_null(json_object_get(data, "pod"));
        finish(&c);
    }
}

/* ---- findings of the fuzzers ---- */

static void refuses_what_no_line_can_be_put_into(void **state)
{
    static const struct {
        const char *base, *place;
    } cases[] = {
        {"---\n# nothing\n...\n", "v.yaml:3:1: expected a map in block style"},
        {"--- # nothing\n  ...\n", "v.yaml:2:3: expected a map in block style"},
        {"config:\n  ?\n    Foo\n  : B: 1\n", "v.yaml:3:5: a key that does not begin its line"},
        {"config:\n  ? Bar\n", "v.yaml:2:5: a key that does not begin its line"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conversion c;
        char *merged = NULL;
        size_t bytes;
        cm_autoerr err = NULL;
        convert(&c, "[Foo]\nA = 1\n", NULL);
        assert_int_equal(cm_config_merge(&c.r, cases[i].base, strlen(cases[i].base), "v.yaml", NULL, &merged, &bytes, &err), -1);
        if (strncmp(cm_err_message(err), cases[i].place, strlen(cases[i].place)) != 0)
            fail_msg("%s for %s", cm_err_message(err), cases[i].base);
        assert_null(merged);
        finish(&c);
    }
}

/* The inner list's dash begins its line, the outer one's stands above: there is nothing between the line's dash and the item to look at. */
static void refuses_a_list_behind_a_dash_of_another_line(void **state)
{
    static const char base[] = "pod:\n    env:\n     - # c\n      - {a}\n";
    struct conversion c;
    char *merged = NULL;
    size_t bytes;
    cm_autoerr err = NULL;
    (void)state;
    convert(&c, "[SMTP]\nPassword = x\n", NULL);
    assert_int_equal(cm_config_merge(&c.r, base, strlen(base), "v.yaml", NULL, &merged, &bytes, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "v.yaml:4:7: an item that does not stand behind a dash of its own line"));
    finish(&c);
}

static void goes_by_the_last_items_dash(void **state)
{
    static const char base[] = "pod:\n  env:\n   -\n      - a\n   - {name: B}\n";
    struct conversion c;
    cm_autofree char *merged = NULL;
    size_t bytes;
    (void)state;
    convert(&c, "[SMTP]\nPassword = x\n", NULL);
    assert_int_equal(cm_config_merge(&c.r, base, strlen(base), "v.yaml", NULL, &merged, &bytes, NULL), 0);
    assert_non_null(strstr(merged, "   - {name: B}\n   - name: CONNECT_SMTP_PASSWORD\n"));
    finish(&c);
}

static void refuses_a_file_where_nobody_can_tell_where_connects_values_are(void **state)
{
    static const struct {
        const char *base, *place, *hint;
    } cases[] = {
        {"a-connect: {config: {}}\nb-connect: {config: {}}\n", "v.yaml:2:1: b-connect is the second key", "a file of its own"},
        {"redis: {enabled: true}\ndashboards:\n  config: {}\n", "v.yaml:1:1: no key here", "its alias"},
        {"global: {a: b}\nredis: {enabled: true}\n", "v.yaml:1:1: no key here", "its alias"},
        {"x-connect: &x\n  config: {}\nother: *x\n", "v.yaml:1:12: expected a map in block style, without an anchor", "--merge"},
        {"x-c: &c {config: {Foo: {A: 2}}}\n<<: *c\nargs: []\n", "v.yaml:2:1: a merge key", "in full"},
        {"a-connect: {config: {}}\n", "v.yaml:1:12: expected a map in block style", "--merge"},
        {"# mine\nrstudio-connect:\n", "v.yaml:2:1: nothing stands below rstudio-connect yet", "config: {}"},
        {"redis: {a: b}\nrstudio-connect: {} # later\n", "v.yaml:2:1: nothing stands below", "config: {}"},
        {"rstudio-connect: ~\nglobal: {a: b}\n", "v.yaml:1:1: nothing stands below", "config: {}"},
        {"replicas: 1\nimage: {a: b}\nour-Connect: null\n", "v.yaml:3:1: nothing stands below our-Connect yet", "config: {}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conversion c;
        char *merged = NULL;
        size_t bytes;
        cm_autoerr err = NULL;
        convert(&c, "[Foo]\nA = 1\n", NULL);
        assert_int_equal(cm_config_merge(&c.r, cases[i].base, strlen(cases[i].base), "v.yaml", NULL, &merged, &bytes, &err), -1);
        if (strncmp(cm_err_message(err), cases[i].place, strlen(cases[i].place)) != 0 || !strstr(cm_err_hint(err), cases[i].hint))
            fail_msg("%s\n%s\nfor %s", cm_err_message(err), cm_err_hint(err), cases[i].base);
        assert_null(merged);
        finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_into_a_users_file_and_keeps_the_rest),
        cmocka_unit_test(merges_into_files_that_lack_the_place),
        cmocka_unit_test(refuses_to_merge_where_it_is_not_safe),
        cmocka_unit_test(a_key_that_the_chart_names_is_the_place),
        cmocka_unit_test(the_sources_comments_come_along_into_a_section_that_is_there),
        cmocka_unit_test(merges_below_the_key_of_a_dependency),
        cmocka_unit_test(the_key_of_a_dependency_may_hold_a_dot),
        cmocka_unit_test(makes_config_and_pod_below_the_key_where_they_are_not),
        cmocka_unit_test(fills_a_config_section_and_env_that_have_nothing_below_them),
        cmocka_unit_test(refuses_what_no_line_can_be_put_into),
        cmocka_unit_test(refuses_a_list_behind_a_dash_of_another_line),
        cmocka_unit_test(goes_by_the_last_items_dash),
        cmocka_unit_test(refuses_a_file_where_nobody_can_tell_where_connects_values_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
