/* The world's chart: values as helm reads and merges them, gcfg as the chart's template prints it (rstudio-library "config.gcfg"), the
 * chart's own settings and refusals, and the world's own reader of gcfg. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "world/world.h"

static json_t *parse(const char *yaml)
{
    json_t *j = yaml_value(yaml, strlen(yaml), "values.yaml", NULL);
    assert_non_null(j);
    return j;
}

/* The gcfg text of a `config` section given as YAML. */
static char *print(const char *yaml)
{
    cm_autojson config = parse(yaml);
    char *text = gcfg_print(config, NULL);
    assert_non_null(text);
    return text;
}

static void assert_prints(const char *yaml_scalar, const char *printed)
{
    cm_autofree char *yaml = cm_fmt("S: {V: %s}\n", yaml_scalar);
    cm_autofree char *wanted = cm_fmt("[S]\nV = %s\n\n", printed);
    cm_autofree char *text = print(yaml);
    assert_string_equal(text, wanted);
}

static json_t *render(const char *yaml, struct cm_err **err)
{
    cm_autojson chart = values_defaults();
    cm_autojson values = values_coalesce(parse(yaml), chart);
    return chart_render("rstudio-connect-prod", "posit-connect", values, err);
}

static char *rendered_gcfg(const char *yaml)
{
    cm_autoerr err = NULL;
    cm_autojson manifests = render(yaml, &err);
    if (manifests == NULL)
        fail_msg("%s", cm_err_message(err));
    return cm_strdup(chart_gcfg(manifests));
}

static void prints_booleans_of_yaml_1_1_as_words(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "y", "True"}, *const no[] = {"false", "no", "off", "n", "False"};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_prints(yes[i], "true");
        assert_prints(no[i], "false");
    }
    assert_prints("\"true\"", "true");
    assert_prints("\"yes\"", "yes");
}

static void prints_numbers_as_go_prints_doubles(void **state)
{
    static const char *const table[][2] = {
        {"0", "0"},
        {"5", "5"},
        {"123456", "123456"},
        {"100000", "100000"},
        {"999999", "999999"},
        {"1000000", "1e+06"},
        {"1234567", "1.234567e+06"},
        {"10485760", "1.048576e+07"},
        {"20971520", "2.097152e+07"},
        {"21474836480", "2.147483648e+10"},
        {"12345678901234567890", "1.2345678901234567e+19"},
        {"-1000000", "-1e+06"},
        {"-12", "-12"},
        {"999999.5", "999999.5"},
        {"1234567.5", "1.2345675e+06"},
        {"5.0", "5"},
        {"3.10", "3.1"},
        {"100.0", "100"},
        {"0.00001", "1e-05"},
        {"0.00012", "0.00012"},
        {"0.5", "0.5"},
        {"0644", "420"},
        {"0o17", "15"},
        {"0x1F", "31"},
        {"0b11", "3"},
        {"1_000", "1000"},
        {"+5", "5"},
        {"08", "8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_prints(table[i][0], table[i][1]);
}

static void leaves_what_looks_like_times_and_quoted_numbers_alone(void **state)
{
    static const char *const same[] = {"5m", "1:30", "12:30:45", "2024-01-02", "2024-01-02T03:04:05Z"};
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_prints(same[i], same[i]);
    assert_prints("\"10485760\"", "10485760");
    assert_prints("'1e6'", "1e6");
}

static void prints_null_and_empty_text_as_an_empty_value(void **state)
{
    (void)state;
    assert_prints("null", "");
    assert_prints("~", "");
    assert_prints("\"\"", "");
    assert_prints("'<no value>'", "");
}

static void prints_text_verbatim_and_maps_as_go_does(void **state)
{
    (void)state;
    assert_prints("'say \"hi\" # ; \\x {{ .Values }}'", "say \"hi\" # ; \\x {{ .Values }}");
    assert_prints("{b: x, a: 1}", "map[a:1 b:x]");
}

static void sorts_by_bytes_and_prints_a_line_for_each_list_item(void **state)
{
    (void)state;
    cm_autofree char *text = print("b: {z: 1, A: [x, w], m: []}\nB: {}\n'RPackageRepository \"CRAN\"': {URL: u}\nC:\n");
    assert_string_equal(text, "[B]\n\n[C]\n\n[RPackageRepository \"CRAN\"]\nURL = u\n\n[b]\nA = x\nA = w\nz = 1\n\n");
}

static void types_the_keys_as_well(void **state)
{
    (void)state;
    cm_autofree char *text = print("S: {on: 1}\n");
    assert_string_equal(text, "[S]\ntrue = 1\n\n");
}

static void refuses_a_section_that_is_no_map(void **state)
{
    cm_autoerr err = NULL;
    cm_autojson config = parse("Server: foo\n");
    (void)state;
    assert_null(gcfg_print(config, &err));
    assert_non_null(strstr(cm_err_message(err), "range can't iterate over foo"));
}

static void a_null_takes_away_only_what_the_chart_has(void **state)
{
    cm_autojson chart = parse("config: {Scheduler: {InitTimeout: 5m}, HTTP: {Listen: ':3939'}}\n");
    cm_autojson merged =
        values_coalesce(parse("config: {Scheduler: {InitTimeout: null, MinProcessesLimit: null}, HTTP: null, New: null}\n"), chart);
    cm_autofree char *text = gcfg_print(json_object_get(merged, "config"), NULL);
    (void)state;
    assert_string_equal(text, "[New]\n\n[Scheduler]\nMinProcessesLimit = \n\n");
}

static void a_list_replaces_and_a_map_merges(void **state)
{
    cm_autojson chart = parse("a: {list: [1, 2], map: {x: 1, y: 2}}\n");
    cm_autojson merged = values_coalesce(parse("a: {list: [3], map: {y: 5}}\n"), chart);
    cm_autojson wanted = parse("a: {list: [3], map: {x: 1, y: 5}}\n");
    (void)state;
    assert_true(json_equal(merged, wanted));
}

#define STORAGE "sharedStorage: {mount: true, name: my-pvc}\n"

static void the_chart_adds_its_own_settings_under_the_users(void **state)
{
    (void)state;
    cm_autofree char *text =
        rendered_gcfg(STORAGE "executionEnvironments: [{name: img}]\nconfig: {Kubernetes: {DataDirPVCName: other}}\n");
    assert_non_null(strstr(text,
                           "[Kubernetes]\nConnectRuntimeDir = /opt/rstudio-connect-runtime\nDataDirPVCName = other\n"
                           "DefaultResourceJobBase = /etc/rstudio-connect/job.yaml\nEnabled = true\nNamespace = posit-connect\n"));
    assert_non_null(
        strstr(text, "[ExecutionEnvironments]\nConfigFilePath = /etc/rstudio-connect/execution-environments/environments.yaml\n"));
    assert_non_null(strstr(text, "[Metrics]\nPrometheusListen = :3232\n"));
    assert_non_null(strstr(text, "[Authentication]\nProvider = password\n"));
}

static void a_section_in_other_case_is_rendered_beside_the_charts(void **state)
{
    (void)state;
    cm_autofree char *text = rendered_gcfg(STORAGE "config: {scheduler: {inittimeout: 9m}}\n");
    cm_autojson read = gcfg_read(text, NULL);
    assert_non_null(strstr(text, "[Scheduler]\nInitTimeout = 5m\n"));
    assert_non_null(strstr(text, "[scheduler]\ninittimeout = 9m\n"));
    assert_string_equal(gcfg_last(read, "scheduler.inittimeout"), "9m");
}

static void a_changed_setting_changes_the_pod_template(void **state)
{
    cm_autojson one = render(STORAGE "config: {Scheduler: {MinProcessesLimit: 0}}\n", NULL);
    cm_autojson two = render(STORAGE, NULL);
    const json_t *before = json_object_get(json_array_get(one, json_array_size(one) - 1), "object");
    const json_t *after = json_object_get(json_array_get(two, json_array_size(two) - 1), "object");
    (void)state;
    assert_string_equal(cm_json_text(before, "kind", ""), "Deployment");
    assert_false(json_equal(cm_json_at(before, "spec.template"), cm_json_at(after, "spec.template")));
}

static void refuses_what_the_chart_refuses(void **state)
{
    static const char *const table[][2] = {
        {"config: {}\n", "persistent storage"},
        {STORAGE "launcher: {enabled: true}\n", "cannot both be true"},
        {STORAGE "config: {Kubernetes: {Enabled: false}}\n", "must not be false"},
        {STORAGE "config: {Kubernetes: {Enabled: 'false'}}\n", "must not be false"},
        {STORAGE "config: {Kubernetes: {Namespace: other}}\n", "conflicts"},
        {STORAGE "config: {Launcher: {DataDir: 'a:b'}}\n", "must not contain ':'"},
        {STORAGE "launcher: {customRuntimeYaml: base}\n", "executionEnvironments"},
        {STORAGE "image: {tagPrefix: x}\n", "image.os"},
        {STORAGE "pod: {serviceAccountName: x}\n", "rbac.serviceAccount.name"},
        {STORAGE "pod: {nodeSelector: {a: b}}\n", "nodeSelector"},
        {STORAGE "executionEnvironments: [{title: x}]\n", "`executionEnvironments[].name` is required"},
        {STORAGE "backends: {kubernetes: {defaultResourceJobBase: {kind: Pod}}}\n", "must be Job"},
        {"sharedStorage: {mount: true, name: p, subPath: a, mountContent: false}\n", "mountContent"},
        {"sharedStorage: {mount: true, name: p, subPath: a}\nversionOverride: 2026.07.0\n", "2026.08.0"},
        {"sharedStorage: {mount: true, name: p, subPath: ../a}\n", "relative path"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cm_autoerr err = NULL;
        cm_autojson manifests = render(table[i][0], &err);
        assert_null(manifests);
        if (strstr(cm_err_message(err), table[i][1]) == NULL)
            fail_msg("%s: %s", table[i][0], cm_err_message(err));
    }
}

static void names_the_release_as_the_chart_does(void **state)
{
    cm_autojson none = json_object();
    cm_autojson named = parse("nameOverride: abc\n");
    cm_autojson full = parse("fullnameOverride: xyz\n");
    cm_autofree char *a = chart_fullname("rstudio-connect-prod", none);
    cm_autofree char *b = chart_fullname("connect", none);
    cm_autofree char *c = chart_fullname("connect", named);
    cm_autofree char *d = chart_fullname("connect", full);
    (void)state;
    assert_string_equal(a, "rstudio-connect-prod");
    assert_string_equal(b, "connect-rstudio-connect");
    assert_string_equal(c, "connect-abc");
    assert_string_equal(d, "xyz");
}

static void printed_yaml_reads_back_equal(void **state)
{
    cm_autojson before = json_loads(
        "{\"a\":[1,\"yes\",\"0644\",\"a: b\",\"x\\ny\\n\",\"x\\n y\",\"\",null,{},[]],\"b\":{\"c\":[{\"d\":1,\"e\":[2]}],\"on\":true},"
        "\"t\":\"tab\\there\",\"q\":\"it's \\\"quoted\\\" # no\",\"l\":\" lead\\nx\",\"e\":\"x\\n\\n\"}",
        0, NULL);
    cm_autostr text = CM_STR(CM_STR_PAGE);
    (void)state;
    yaml_print(&text, before, 0);
    cm_autojson after = parse(cm_str_text(&text));
    if (!json_equal(before, after))
        fail_msg("%s", cm_str_text(&text));
}

static void reads_gcfg_as_connect_does(void **state)
{
    char *problem = NULL;
    cm_autojson read = gcfg_read(
        "; c\n[A]\nX = down; back\nY = \"a;b \" # c\n x = 2\nL = 1\n[a]\nL = 2\nB\n[S \"Sub;x\"]\nv = pre\"; x\"post\nc = ab\\\n  cd\n",
        &problem);
    (void)state;
    assert_null(problem);
    assert_string_equal(gcfg_last(read, "a.x"), "2");
    assert_string_equal(gcfg_last(read, "a.y"), "a;b ");
    assert_int_equal(json_array_size(json_object_get(read, "a.l")), 2);
    assert_string_equal(gcfg_last(read, "a.b"), "true");
    assert_string_equal(gcfg_last(read, "s \"Sub;x\".v"), "pre; xpost");
    assert_string_equal(gcfg_last(read, "s \"Sub;x\".c"), "ab  cd");
}

static void refuses_gcfg_that_connect_refuses(void **state)
{
    static const char *const bad[] = {"[A]\nX = \"open\n", "[A]\nX = a\\b\n",    "[A] X = 1\n",
                                      "X = 1\n",           "[A]\nFoo_Bar = 1\n", "[A.b]\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *problem = NULL;
        json_t *read = gcfg_read(bad[i], &problem);
        if (read != NULL)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(problem);
        free(problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_booleans_of_yaml_1_1_as_words),
        cmocka_unit_test(prints_numbers_as_go_prints_doubles),
        cmocka_unit_test(leaves_what_looks_like_times_and_quoted_numbers_alone),
        cmocka_unit_test(prints_null_and_empty_text_as_an_empty_value),
        cmocka_unit_test(prints_text_verbatim_and_maps_as_go_does),
        cmocka_unit_test(sorts_by_bytes_and_prints_a_line_for_each_list_item),
        cmocka_unit_test(types_the_keys_as_well),
        cmocka_unit_test(refuses_a_section_that_is_no_map),
        cmocka_unit_test(a_null_takes_away_only_what_the_chart_has),
        cmocka_unit_test(a_list_replaces_and_a_map_merges),
        cmocka_unit_test(the_chart_adds_its_own_settings_under_the_users),
        cmocka_unit_test(a_section_in_other_case_is_rendered_beside_the_charts),
        cmocka_unit_test(a_changed_setting_changes_the_pod_template),
        cmocka_unit_test(refuses_what_the_chart_refuses),
        cmocka_unit_test(names_the_release_as_the_chart_does),
        cmocka_unit_test(printed_yaml_reads_back_equal),
        cmocka_unit_test(reads_gcfg_as_connect_does),
        cmocka_unit_test(refuses_gcfg_that_connect_refuses),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
