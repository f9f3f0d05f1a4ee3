/* actions: what helm rendered, compared object by object: the difference shows no secret, and "nothing but these settings" is proved. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "actions/manifests.h"
#include "base/json.h"
#include "base/mem.h"

#define MAP(gcfg)                                                                                                                  \
    "---\n# Source: chart/templates/configmap.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: connect-config\ndata:\n"   \
    "  rstudio-connect.gcfg: |\n" gcfg
#define DEPLOYMENT(sum, replicas)                                                                                                  \
    "---\nkind: Deployment\nmetadata:\n  name: connect\nspec:\n  replicas: " replicas "\n  template:\n    metadata:\n"             \
    "      annotations:\n        checksum/config: " sum "\n    spec:\n      containers:\n      - name: connect\n        env:\n"    \
    "        - name: CONNECT_POSTGRES_PASSWORD\n          value: \"hunter2\"\n        - name: TZ\n          value: UTC\n"
#define SECRET(value)                                                                                                              \
    "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: connect-license\ntype: Opaque\ndata:\n  license.lic: " value            \
    "\nstringData:\n  a: |\n    line one: key\n"

static const char server[] = "    [Server]\n    Address = https://x\n    [OAuth2]\n    ClientSecret = s3cr3t-value\n";

static char *diff(const char *a, const char *b)
{
    struct cm_manifests x, y;
    cm_manifests_read(&x, a);
    cm_manifests_read(&y, b);
    char *text = cm_manifests_diff("deployed", &x, "new", &y);
    cm_manifests_fini(&x);
    cm_manifests_fini(&y);
    return text;
}

/* What else differs, or "" when the two are the same but for `settings` (JSON). */
static char *else_differs(const char *a, const char *b, const char *settings)
{
    struct cm_manifests x, y;
    struct cm_str out = CM_STR(CM_STR_PAGE);
    cm_autojson names = json_loads(settings, 0, NULL);
    cm_manifests_read(&x, a);
    cm_manifests_read(&y, b);
    bool same = cm_manifests_same_but(&x, &y, names, &out);
    assert_int_equal(same, out.len == 0);
    cm_manifests_fini(&x);
    cm_manifests_fini(&y);
    return cm_str_take(&out);
}

static void a_changed_line_is_shown_with_its_object(void **state)
{
    (void)state;
    cm_autofree char *text =
        diff(MAP("    [Server]\n    Address = https://old\n"), MAP("    [Server]\n    Address = https://new\n"));

    assert_non_null(strstr(text, "-    Address = https://old"));
    assert_non_null(strstr(text, "+    Address = https://new"));
    assert_int_equal(strncmp(text, "--- deployed\n+++ new\n", 21), 0);
}

static void equal_manifests_in_another_order_do_not_differ(void **state)
{
    (void)state;
    cm_autofree char *text = diff(MAP("    [Server]\n") DEPLOYMENT("1", "1"), DEPLOYMENT("1", "1") MAP("    [Server]\n"));

    assert_string_equal(text, "");
}

static void no_secret_stands_in_a_difference(void **state)
{
    (void)state;
    cm_autofree char *before = cm_fmt(SECRET("QUFBQQ==") DEPLOYMENT("1", "1") MAP("%s"), server);
    cm_autofree char *text = diff("", before);
    cm_autofree char *changed = diff(SECRET("QUFBQQ=="), SECRET("QkJCQg=="));
    cm_autofree char *same = diff(SECRET("QUFBQQ=="), SECRET("QUFBQQ=="));

    static const char *const secrets[] = {"QUFBQQ", "QkJCQg", "hunter2", "s3cr3t", "line one"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        assert_null(strstr(text, secrets[i]));
        assert_null(strstr(changed, secrets[i]));
    }
    assert_non_null(strstr(text, "value: UTC"));
    assert_non_null(strstr(text, "Address = https://x"));
    assert_non_null(strstr(changed, "-  license.lic: ***1")); /* that it changes is seen */
    assert_non_null(strstr(changed, "+  license.lic: ***3"));
    assert_string_equal(same, "");
}

static void the_settings_that_come_back_are_no_other_change(void **state)
{
    (void)state;
    static const char with[] = MAP("    [Scheduler]\n    MinProcessesLimit = 0\n    InitTimeout = 5m\n") DEPLOYMENT("aa", "1");
    static const char without[] = MAP("    [scheduler]\n    InitTimeout = 5m\n") DEPLOYMENT("bb", "1");

    cm_autofree char *told = else_differs(with, without, "{\"Scheduler.MinProcessesLimit\":1}");
    cm_autofree char *untold = else_differs(with, without, "{}");

    assert_string_equal(told, "");
    assert_non_null(strstr(untold, "ConfigMap connect-config: data.rstudio-connect.gcfg"));
}

static void every_other_change_is_named_with_its_place(void **state)
{
    (void)state;
    cm_autofree char *replicas = else_differs(DEPLOYMENT("a", "1"), DEPLOYMENT("a", "2"), "{}");
    cm_autofree char *gone = else_differs(DEPLOYMENT("a", "1") SECRET("QQ=="), DEPLOYMENT("a", "1"), "{}");
    cm_autofree char *fresh = else_differs("", SECRET("QQ=="), "{}");
    cm_autofree char *list = else_differs(MAP("    [Python]\n    Executable = a\n    Executable = b\n"),
                                          MAP("    [Python]\n    Executable = b\n    Executable = a\n"), "{}");

    assert_string_equal(replicas, "Deployment connect: spec.replicas\n");
    assert_string_equal(gone, "Secret connect-license: is gone\n");
    assert_string_equal(fresh, "Secret connect-license: is new\n");
    assert_non_null(strstr(list, "python.executable")); /* the order of a list is part of it */
}

static void what_is_no_object_is_left_out(void **state)
{
    (void)state;
    struct cm_manifests m;
    cm_manifests_read(&m, "---\n# only a comment\n---\nkind: [broken\n---\nkind: Service\nmetadata: {name: s}\n");

    assert_int_equal(m.count, 1);
    assert_string_equal(m.list[0].name, "Service s");
    cm_manifests_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_line_is_shown_with_its_object),
        cmocka_unit_test(equal_manifests_in_another_order_do_not_differ),
        cmocka_unit_test(no_secret_stands_in_a_difference),
        cmocka_unit_test(the_settings_that_come_back_are_no_other_change),
        cmocka_unit_test(every_other_change_is_named_with_its_place),
        cmocka_unit_test(what_is_no_object_is_left_out),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
