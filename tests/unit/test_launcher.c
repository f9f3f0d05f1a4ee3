/* values/launcher.h: Launcher values to the direct runner's: the guide's own example, files of ours with all forms, refusals, and what must
 * stay byte for byte. */
#include <config.h>

#include <unistd.h>

#include "values/launcher.h"
#include "values_helpers.h"

static int convert_as(const char *text, const char *version, enum cm_launcher_was was, struct cm_launcher_result *r,
                      struct cm_err **err)
{
    struct cm_launcher_wish w = {.text = text, .bytes = strlen(text), .name = "values.yaml", .chart_version = version, .was = was};
    return cm_launcher_convert(&w, r, err);
}

static void convert(const char *text, struct cm_launcher_result *r)
{
    struct cm_err *err = NULL;
    if (convert_as(text, NULL, CM_LAUNCHER_NOT_KNOWN, r, &err) != 0)
        fail_msg("%s", cm_err_message(err));
}

static void assert_same_data(const char *got, const char *want)
{
    cm_autojson a = helper_data(got);
    cm_autojson b = helper_data(want);
    if (json_equal(a, b))
        return;
    cm_autofree char *x = json_dumps(a, JSON_INDENT(1) | JSON_SORT_KEYS);
    cm_autofree char *y = json_dumps(b, JSON_INDENT(1) | JSON_SORT_KEYS);
    fail_msg("got\n%s\nwanted\n%s", x, y);
}

/* Each comment of the one text stands in the other. */
static void assert_comments_kept(const char *before, const char *after)
{
    for (const char *p = before; (p = strchr(p, '#')); p++) {
        if (p != before && !strchr(" \t\n", p[-1]))
            continue;
        cm_autofree char *comment = cm_strndup(p, strcspn(p, "\n"));
        if (!strstr(after, comment))
            fail_msg("the comment '%s' is lost", comment);
    }
}

static void assert_nothing_changes(const char *text)
{
    struct cm_launcher_result r;
    convert(text, &r);
    if (r.changed || strcmp(r.text, text) != 0)
        fail_msg("converting again changes\n%s\nto\n%s", text, r.text);
    cm_launcher_result_fini(&r);
}

/* ---- the guide ---- */

static char *guide_part(const char *guide, const char *from, const char *to)
{
    const char *begin = strstr(guide, from), *end;
    if (!begin)
        fail_msg("the guide has no '%s'", from);
    begin += strlen(from);
    end = to ? strstr(begin, to) : NULL;
    return cm_strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
}

/* NULL: not here. */
static char *read_guide(void)
{
    const char *seeds = getenv("CM_SEEDS"), *src = getenv("CM_SRC");
    cm_autofree char *folder = seeds ? cm_strdup(seeds) : cm_fmt("%s/../shared/seeds", src ? src : ".");
    cm_autofree char *path = cm_path_join(folder, "upgrade-to-direct-kubernetes-runner.txt");
    char *guide = NULL;
    size_t n;
    if (access(path, R_OK) != 0)
        print_message("skipped: %s is not there; CM_SEEDS names its folder\n", path);
    else
        assert_int_equal(cm_file_read(path, 1 << 20, &guide, &n, NULL), 0);
    return guide;
}

static void converts_the_guides_example_as_the_guide_does(void **state)
{
    cm_autofree char *guide = read_guide();
    (void)state;
    if (guide == NULL)
        skip();
    cm_autofree char *before = guide_part(guide, "values.yaml (launcher)\n", "\nAfter (direct Kubernetes runner):");
    cm_autofree char *after = guide_part(guide, "values.yaml (kubernetes)\n", NULL);
    struct cm_launcher_result r;
    convert(before, &r);
    assert_same_data(r.text, after);
    assert_comments_kept(before, r.text);
    assert_nothing_changes(r.text);
    assert_string_equal(json_string_value(json_array_get(r.commands, 0)),
                        "kubectl label sa connect-content-sa connect.posit.co/service-account=true -n <namespace>");
    cm_launcher_result_fini(&r);
}

/* ---- our own files ---- */

static void converts_file(const char *name, bool comments)
{
    cm_autofree char *from = cm_fmt("%s.before.yaml", name);
    cm_autofree char *to = cm_fmt("%s.after.yaml", name);
    cm_autofree char *before = helper_file(from);
    cm_autofree char *after = helper_file(to);
    struct cm_launcher_result r;
    convert(before, &r);
    assert_string_equal(r.text, after);
    if (comments)
        assert_comments_kept(before, r.text);
    assert_nothing_changes(r.text);
    cm_launcher_result_fini(&r);
}

static void the_minimal_case_is_two_switches(void **state)
{
    (void)state;
    converts_file("minimal", true);
}
static void converts_everything_that_launcher_values_can_say(void **state)
{
    (void)state;
    converts_file("everything", true);
}
static void what_is_there_already_stays_and_is_joined(void **state)
{
    (void)state;
    converts_file("beside", true);
}
static void converts_flow_style_by_writing_it_anew(void **state)
{
    (void)state;
    converts_file("flow", true);
}

static void keeps_line_ends_and_indentation_of_the_file(void **state)
{
    static const char before[] =
        "\xef\xbb\xbfreplicas: 1\r\nlauncher:\r\n    enabled: true\r\n    templateValues:\r\n        pod:\r\n"
        "            env:\r\n            - name: A\r\n              value: |\r\n                x\r\n\r\n                y\r\n"
        "image: {}   \t# odd blanks\r\n";
    static const char after[] =
        "\xef\xbb\xbfreplicas: 1\r\nlauncher:\r\n    enabled: false\r\n\r\nbackends:\r\n    kubernetes:\r\n        enabled: true\r\n"
        "        defaultResourceJobBase:\r\n            spec:\r\n                template:\r\n                    spec:\r\n"
        "                        containers:\r\n                        - name: connect-content\r\n                          env:\r\n"
        "                          - name: A\r\n                            value: |\r\n                              x\r\n\r\n"
        "                              y\r\nimage: {}   \t# odd blanks\r\n";
    struct cm_launcher_result r;
    (void)state;
    convert(before, &r);
    assert_string_equal(r.text, after);
    cm_launcher_result_fini(&r);
}

static void a_file_without_a_last_line_end_is_fine(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert("config: {}\nlauncher:\n  enabled: true", &r);
    assert_string_equal(r.text, "config: {}\nlauncher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n");
    cm_launcher_result_fini(&r);
}

/* helm takes every setting of the chart away when `config` is null. */
static void a_config_of_which_nothing_stays_goes_whole(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert("launcher:\n  enabled: true\nconfig:\n  Launcher:\n    Enabled: true\nreplicas: 1\n", &r);
    assert_string_equal(r.text, "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\nreplicas: 1\n");
    cm_launcher_result_fini(&r);
}

static void leaves_files_alone_that_have_nothing_to_convert(void **state)
{
    static const char *const texts[] = {"",
                                        "# only a comment\n",
                                        "replicas: 1\n",
                                        "launcher:\n  enabled: false\n",
                                        "launcher: {}\n",
                                        "launcher:\n",
                                        "launcher:\n  enabled: false\nconfig:\n  Launcher: {}\n",
                                        "- a\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_nothing_changes(texts[i]);
}

static void tells_values_below_a_launcher_that_is_off(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert("launcher:\n  enabled: false\n  namespace: x\n", &r);
    assert_false(r.changed);
    helper_assert_finding(r.findings, "values.launcher-off", "warning", "values.yaml:2:3");
    cm_launcher_result_fini(&r);
}

/* ---- an absent launcher.enabled ---- */

static void asks_for_the_charts_version_where_it_matters(void **state)
{
    static const char text[] = "launcher:\n  namespace: x\n";
    static const struct {
        const char *version;
        enum cm_launcher_was was;
        const char *finding;
        bool changed;
    } cases[] = {
        {NULL, CM_LAUNCHER_NOT_KNOWN, "values.chart-version", true},
        {"0.8.0", CM_LAUNCHER_NOT_KNOWN, NULL, true},
        {"0.20.0", CM_LAUNCHER_NOT_KNOWN, NULL, true},
        {"0.20.1", CM_LAUNCHER_NOT_KNOWN, "values.launcher-off", true},
        {"0.7.9", CM_LAUNCHER_NOT_KNOWN, "values.launcher-off", true},
        {NULL, CM_LAUNCHER_WAS_ON, NULL, true},
        {NULL, CM_LAUNCHER_WAS_OFF, "values.launcher-off", false},
        {NULL, CM_LAUNCHER_MEANT, "values.launcher-meant", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_launcher_result r;
        assert_int_equal(convert_as(text, cases[i].version, cases[i].was, &r, NULL), 0);
        assert_int_equal(r.changed, cases[i].changed);
        assert_int_equal(json_array_size(r.findings), cases[i].finding ? 1 : 0);
        if (cases[i].finding)
            assert_non_null(helper_finding(r.findings, cases[i].finding));
        cm_launcher_result_fini(&r);
    }
}

/* ---- single rules ---- */

static const json_t *account_row(const json_t *account, const char *setting)
{
    for (size_t i = 0; i < json_array_size(account); i++)
        if (strcmp(cm_json_text(json_array_get(account, i), "setting", ""), setting) == 0)
            return json_array_get(account, i);
    fail_msg("no row for %s", setting);
    return NULL;
}

static void drops_and_tells_what_connect_decides(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert(
        "launcher:\n  enabled: true\n  templateValues:\n    pod:\n      command: [sh]\n      securityContext:\n        runAsUser: 1\n"
        "        supplementalGroups: [1]\n      containerSecurityContext:\n        runAsGroup: 2\n        privileged: false\n",
        &r);
    cm_autojson data = helper_data(r.text);
    const json_t *spec = cm_json_at(data, "backends.kubernetes.defaultResourceJobBase.spec.template.spec");
    assert_null(json_object_get(spec, "securityContext"));
    const json_t *content = json_array_get(json_object_get(spec, "containers"), 0);
    assert_int_equal(json_object_size(json_object_get(content, "securityContext")), 1);
    assert_string_equal(
        cm_json_text(account_row(r.account, "launcher.templateValues.pod.securityContext.runAsUser"), "disposition", ""), "drop");
    assert_string_equal(cm_json_text(account_row(r.account, "launcher.templateValues.pod.command"), "disposition", ""), "ask");
    helper_assert_finding(r.findings, "values.command", "warning", "values.yaml:5:7");
    cm_launcher_result_fini(&r);
}

static void only_defaults_need_no_job_base(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert(
        "launcher:\n  enabled: true\n  templateValues:\n    service: {type: ClusterIP, labels: {}}\n    pod:\n      volumes: []\n"
        "      serviceAccountName: \"\"\n      resources: {limits: {}, requests: {}}\n",
        &r);
    assert_string_equal(r.text, "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n");
    cm_launcher_result_fini(&r);
}

static void images_come_in_four_forms(void **state)
{
    static const struct {
        const char *text;
        int count;
        const char *finding;
    } cases[] = {
        {"customRuntimeYaml: base", 0, "values.preset"},
        {"customRuntimeYaml: false", 0, NULL},
        {"customRuntimeYaml: |\n    name: K\n    images:\n      - name: a\n", 1, NULL},
        {"customRuntimeYaml:\n    images:\n      - name: a\n      - name: b\n", 2, NULL},
        {"additionalRuntimeImages:\n    - name: a\n", 1, NULL},
        {"additionalRuntimeImages: \"[{name: a}]\"", 1, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_launcher_result r;
        cm_autofree char *text = cm_fmt("launcher:\n  enabled: true\n  %s\n", cases[i].text);
        convert(text, &r);
        cm_autojson data = helper_data(r.text);
        assert_int_equal(json_array_size(cm_json_at(data, "executionEnvironments")), cases[i].count);
        assert_int_equal(json_object_size(cm_json_at(data, "launcher")), 1);
        if (cases[i].finding)
            assert_non_null(helper_finding(r.findings, cases[i].finding));
        cm_launcher_result_fini(&r);
    }
}

static void an_override_that_leads_nowhere_stays_and_is_told(void **state)
{
    static const char *const targets[] = {"/spec/template/spec/volumes/0/name", "/spec/template/spec/containers/1/image", "nowhere",
                                          "/-"};
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct cm_launcher_result r;
        cm_autofree char *text =
            cm_fmt("launcher:\n  enabled: true\n  launcherKubernetesProfilesConf:\n    \"*\":\n      job-json-overrides:\n"
                   "        - {name: a, target: \"%s\", json: x}\n",
                   targets[i]);
        convert(text, &r);
        assert_non_null(strstr(r.text, targets[i]));
        helper_assert_finding(r.findings, "values.override", "warning", "values.yaml:6:11");
        cm_launcher_result_fini(&r);
    }
}

static void an_override_alone_finds_the_contents_container(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert("launcher:\n  enabled: true\n  launcherKubernetesProfilesConf:\n    \"*\":\n      job-json-overrides:\n"
            "        - {name: a, target: /spec/template/spec/containers/0/env/-, json: {name: A, value: b}}\n"
            "        - {name: b, target: /spec/template/spec/containers/0/env/-, json: {name: C, value: d}}\n",
            &r);
    cm_autojson data = helper_data(r.text);
    const json_t *list = cm_json_at(data, "backends.kubernetes.defaultResourceJobBase.spec.template.spec.containers");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(cm_json_text(json_array_get(list, 0), "name", ""), "connect-content");
    assert_int_equal(json_array_size(cm_json_at(json_array_get(list, 0), "env")), 2);
    assert_null(cm_json_at(data, "launcher.launcherKubernetesProfilesConf"));
    cm_launcher_result_fini(&r);
}

static void templates_of_ones_own_need_a_person(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert("launcher:\n  enabled: true\n  extraTemplates:\n    a.tpl: x\n  includeDefaultTemplates: false\n", &r);
    assert_non_null(strstr(r.text, "a.tpl: x"));
    helper_assert_finding(r.findings, "values.templates", "warning", "values.yaml:3:3");
    cm_launcher_result_fini(&r);
}

/* ---- refusals ---- */

static void refuses_with_its_place_what_cannot_be_edited_safely(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"launcher: &a\n  enabled: true\n", "values.yaml:1:"},
        {"x: &p {a: 1}\nlauncher:\n  enabled: true\n  templateValues:\n    pod: *p\n", "values.yaml:5:10: an alias"},
        {"x: &p {a: 1}\nlauncher:\n  templateValues:\n    pod:\n      <<: *p\n", "values.yaml:5:7: a merge key"},
        {"x: &p {a: 1}\nlauncher:\n  templateValues:\n    pod:\n      securityContext: *p\n", "values.yaml:5:24: an alias"},
        {"x: &p {a: 1}\nlauncher:\n  templateValues:\n    pod:\n      labels: *p\ny: &p {b: 2}\n",
         "values.yaml:5:15: an alias or anchor whose name stands for more than one value"},
        {"x: &p ns\nlauncher:\n  namespace: *p\n", "values.yaml:3:14: an alias"},
        {"rstudio-connect: &c\n  launcher:\n    enabled: true\nb: *c\n",
         "values.yaml:1:18: a value that an alias elsewhere means too"},
        {"executionEnvironments: []\nlauncher:\n\tenabled: true\n", "values.yaml:3:1:"},
        {"launcher:\n  enabled: !!bool true\n", "values.yaml:2:"},
        {"{launcher: {enabled: true}}\n", "values.yaml:1:1: a file whose values are all in flow style"},
        {"launcher:\n  enabled: true\n  additionalRuntimeImages: {a: b}\n",
         "values.yaml:3:3: launcher.additionalRuntimeImages: expected a list"},
        {"a: 1\n---\nlauncher: {}\n", "values.yaml:2:"},
        {"launcher: {{ .Values.x }}\n", "values.yaml:1:11: a template"},
        {"launcher:\n  enabled: true\n  enabled: false\n", "values.yaml:3:3:"},
        {"launcher:\n  templateValues:\n    pod:\n      containerSecurityContext:\n        ? \n      tolerations: [{key: a}]\n",
         "values.yaml:5:10: a key that is nothing but an anchor, a tag or a question mark"},
        {"launcher:\n  templateValues:\n    pod:\n      containerSecurityContext:\n        ? a b\n      tolerations: [{key: a}]\n",
         "values.yaml:5:11: a key behind a question mark that has no value"},
        {"launcher:\n  templateValues:\n    pod:\n      labels:\n        ? a\n      tolerations: [{key: a}]\n",
         "values.yaml:5:11: a key behind a question mark that has no value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_launcher_result r;
        cm_autoerr err = NULL;
        if (convert_as(cases[i].text, NULL, CM_LAUNCHER_NOT_KNOWN, &r, &err) == 0)
            fail_msg("accepted: %s → %s", cases[i].text, r.text);
        if (strncmp(cm_err_message(err), cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("'%s' is no '%s…'", cm_err_message(err), cases[i].message);
        assert_null(r.text);
    }
}

static void an_anchor_elsewhere_disturbs_nobody(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    convert("x-common: &c {a: 1}\npod:\n  labels: *c\nlauncher:\n  enabled: true\n", &r);
    assert_non_null(strstr(r.text, "x-common: &c {a: 1}\npod:\n  labels: *c\nlauncher:\n  enabled: false\n"));
    cm_launcher_result_fini(&r);
    convert("rstudio-connect: &c\n  launcher:\n    enabled: true\n", &r); /* and one that nobody uses */
    assert_non_null(strstr(r.text, "rstudio-connect: &c\n  launcher:\n    enabled: false\n"));
    cm_launcher_result_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_the_guides_example_as_the_guide_does),
        cmocka_unit_test(the_minimal_case_is_two_switches),
        cmocka_unit_test(converts_everything_that_launcher_values_can_say),
        cmocka_unit_test(what_is_there_already_stays_and_is_joined),
        cmocka_unit_test(converts_flow_style_by_writing_it_anew),
        cmocka_unit_test(keeps_line_ends_and_indentation_of_the_file),
        cmocka_unit_test(a_file_without_a_last_line_end_is_fine),
        cmocka_unit_test(a_config_of_which_nothing_stays_goes_whole),
        cmocka_unit_test(leaves_files_alone_that_have_nothing_to_convert),
        cmocka_unit_test(tells_values_below_a_launcher_that_is_off),
        cmocka_unit_test(asks_for_the_charts_version_where_it_matters),
        cmocka_unit_test(drops_and_tells_what_connect_decides),
        cmocka_unit_test(only_defaults_need_no_job_base),
        cmocka_unit_test(images_come_in_four_forms),
        cmocka_unit_test(an_override_that_leads_nowhere_stays_and_is_told),
        cmocka_unit_test(an_override_alone_finds_the_contents_container),
        cmocka_unit_test(templates_of_ones_own_need_a_person),
        cmocka_unit_test(refuses_with_its_place_what_cannot_be_edited_safely),
        cmocka_unit_test(an_anchor_elsewhere_disturbs_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
