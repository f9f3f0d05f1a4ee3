/* values/launcher_files.h: the files of one release: who decides whether the Launcher is on, and that nothing is lost in silence when what
 * they say is moved from several of them. */
#include <config.h>

#include "values/launcher_files.h"
#include "values_helpers.h"

enum { MOST = 3 };
struct set {
    struct cm_launcher_file files[MOST];
    struct cm_launcher_all all;
};

static void convert(struct set *s, const char *const *texts, const char *at, bool may_keep)
{
    static const char *const names[MOST] = {"a.yaml", "b.yaml", "c.yaml"};
    cm_autoerr err = NULL;
    *s = (struct set){.all = {.at = at, .was = CM_LAUNCHER_MEANT, .may_keep = may_keep}};
    s->all.files = s->files;
    for (size_t i = 0; i < MOST && texts[i]; i++)
        s->files[s->all.count++] = (struct cm_launcher_file){.name = names[i], .text = texts[i], .bytes = strlen(texts[i])};
    if (cm_launcher_convert_all(&s->all, &err) < 0)
        fail_msg("%s", cm_err_message(err));
}

static void two(struct set *s, const char *a, const char *b)
{
    const char *const texts[] = {a, b, NULL};
    convert(s, texts, NULL, true);
}

/* What helm makes of the converted files. */
static json_t *merged(const struct set *s)
{
    json_t *all = json_object();
    for (size_t i = 0; i < s->all.count; i++) {
        cm_autojson one = helper_data(s->files[i].result.text);
        cm_values_merge(all, one);
    }
    return all;
}

static void maps_merge_and_the_rest_replaces(void **state)
{
    (void)state;
    cm_autojson into = json_loads("{\"a\":{\"x\":1,\"l\":[1,2]},\"b\":1,\"c\":{\"k\":1}}", 0, NULL);
    cm_autojson from = json_loads("{\"a\":{\"y\":2,\"l\":[3]},\"b\":{\"m\":1},\"c\":null}", 0, NULL);
    cm_autojson want = json_loads("{\"a\":{\"x\":1,\"y\":2,\"l\":[3]},\"b\":{\"m\":1},\"c\":null}", 0, NULL);

    cm_values_merge(into, from);

    assert_true(json_equal(into, want));
}

#define VALUES "launcher:\n  templateValues:\n    pod:\n      nodeSelector: {workload: content}\n"

static void all_files_together_say_whether_the_launcher_is_on(void **state)
{
    static const struct {
        const char *a, *b;
        bool a_changed, b_changed;
    } cases[] = {
        {"launcher:\n  enabled: true\n", VALUES, true, true},
        {VALUES, "launcher:\n  enabled: true\n", true, true},
        {"launcher:\n  enabled: false\n", VALUES, false, false},
        {VALUES, "launcher:\n  enabled: false\n", false, false},
        {"launcher:\n  enabled: true\n  namespace: x\n", "launcher:\n  enabled: false\n", false, false},
        {"launcher:\n  enabled: false\n  namespace: x\n", "launcher:\n  enabled: true\n", true, true},
        {"replicas: 1\n", VALUES, false, true},
        {"replicas: 1\n", "replicas: 2\n", false, false},
        {VALUES, "backends:\n  kubernetes:\n    enabled: true\n", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct set s;
        two(&s, cases[i].a, cases[i].b);
        assert_int_equal(s.files[0].result.changed, cases[i].a_changed);
        assert_int_equal(s.files[1].result.changed, cases[i].b_changed);
        assert_int_equal(s.all.changed, cases[i].a_changed || cases[i].b_changed);
        assert_null(helper_finding(s.all.findings, "values.launcher-spread"));
        cm_launcher_all_fini(&s.all);
    }
}

static void a_switch_in_one_file_and_the_values_in_another_are_put_together(void **state)
{
    struct set s;
    (void)state;
    two(&s, "launcher:\n  enabled: true\nreplicas: 1\n", "# prod\n" VALUES);
    cm_autojson is = merged(&s);
    assert_string_equal(cm_json_text(is, "backends.kubernetes.defaultResourceJobBase.spec.template.spec.nodeSelector.workload", ""), "content");
    assert_true(json_is_true(cm_json_at(is, "backends.kubernetes.enabled")));
    assert_true(json_is_false(cm_json_at(is, "launcher.enabled")));
    assert_int_equal(json_array_size(s.all.findings), 0);
    cm_launcher_all_fini(&s.all);
}

static void parts_of_one_list_in_two_files_are_refused_with_both_places(void **state)
{
    struct set s;
    (void)state;
    two(&s, "replicas: 1\nlauncher:\n  enabled: true\n  templateValues:\n    pod:\n      env: [{name: A, value: b}]\n",
        "launcher:\n  templateValues:\n    pod:\n      volumeMounts: [{name: x, mountPath: /x}]\n");
    const json_t *f = helper_finding(s.all.findings, "values.launcher-spread");
    assert_non_null(f);
    assert_string_equal(cm_json_text(f, "verdict", ""), "blocker");
    assert_non_null(strstr(cm_json_text(f, "seen", ""), "a.yaml:2:1 and b.yaml:1:1: "));
    assert_non_null(strstr(cm_json_text(f, "seen", ""), "backends.kubernetes.defaultResourceJobBase"));
    cm_launcher_all_fini(&s.all);
}

/* Another file than the Launcher's would hide what is moved: its list, its switch. */
static void what_another_file_says_already_hides_nothing_in_silence(void **state)
{
    static const char *const others[] = {
        "backends:\n  kubernetes:\n    defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content}]}}}}\n",
        "launcher: {templateValues: {pod: {env: []}}}\nbackends: {kubernetes: {enabled: false}}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const char *const texts[] = {"launcher:\n  enabled: true\n  templateValues:\n    pod:\n      env: [{name: A, value: b}]\n", others[i], NULL};
        struct set s;
        convert(&s, texts, NULL, false);
        assert_non_null(helper_finding(s.all.findings, "values.launcher-spread"));
        cm_launcher_all_fini(&s.all);
    }
}

/* The files as others wrote them, with one more that has nothing to do with it: one by one they are what they are together. */
static void a_second_file_that_speaks_of_else_disturbs_no_form(void **state)
{
    static const char *const names[] = {"everything.before.yaml", "flow.before.yaml", "beside.before.yaml", "minimal.before.yaml"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cm_autofree char *text = helper_file(names[i]);
        const char *const texts[] = {text, "podDisruptionBudget: {minAvailable: 1}\n", NULL};
        struct set s;
        convert(&s, texts, NULL, false);
        assert_true(s.all.changed);
        const json_t *f = helper_finding(s.all.findings, "values.launcher-spread");
        if (f)
            fail_msg("%s: %s", names[i], cm_json_text(f, "seen", ""));
        cm_launcher_all_fini(&s.all);
    }
}

static void values_of_a_dependency_are_those_below_its_key(void **state)
{
    static const char *const texts[] = {"platform:\n  hub:\n    launcher:\n      enabled: true\n",
                                        "launcher:\n  enabled: false\nplatform:\n  hub:\n    launcher:\n      namespace: x\n", NULL};
    struct set s;
    (void)state;
    convert(&s, texts, "platform.hub", true);
    cm_autojson is = merged(&s);
    assert_string_equal(cm_json_text(is, "platform.hub.backends.kubernetes.namespace", ""), "x");
    assert_true(json_is_true(cm_json_at(is, "platform.hub.backends.kubernetes.enabled")));
    assert_int_equal(json_array_size(s.all.findings), 0);
    cm_launcher_all_fini(&s.all);
}

static void a_launcher_that_is_to_stay_stays_and_is_told_with_its_place(void **state)
{
    static const char *const texts[] = {VALUES "  enabled: true\n", "backends:\n  kubernetes:\n    enabled: false\n", NULL};
    struct set s;
    (void)state;
    convert(&s, texts, NULL, true);
    assert_false(s.all.changed);
    assert_string_equal(s.files[0].result.text, texts[0]);
    const json_t *f = helper_finding(s.all.findings, "values.launcher-kept");
    assert_non_null(strstr(cm_json_text(f, "seen", ""), "b.yaml:3:5: "));
    cm_launcher_all_fini(&s.all);
}

static void values_without_a_switch_are_converted_as_they_are_meant(void **state)
{
    struct set s;
    (void)state;
    two(&s, VALUES, "replicas: 2\n");
    assert_true(s.files[0].result.changed);
    const json_t *f = helper_finding(s.all.findings, "values.launcher-meant");
    assert_string_equal(cm_json_text(f, "verdict", ""), "warning");
    assert_non_null(strstr(cm_json_text(f, "seen", ""), "a.yaml:1:1: "));
    cm_launcher_all_fini(&s.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_merge_and_the_rest_replaces),
        cmocka_unit_test(all_files_together_say_whether_the_launcher_is_on),
        cmocka_unit_test(a_switch_in_one_file_and_the_values_in_another_are_put_together),
        cmocka_unit_test(parts_of_one_list_in_two_files_are_refused_with_both_places),
        cmocka_unit_test(what_another_file_says_already_hides_nothing_in_silence),
        cmocka_unit_test(a_second_file_that_speaks_of_else_disturbs_no_form),
        cmocka_unit_test(values_of_a_dependency_are_those_below_its_key),
        cmocka_unit_test(a_launcher_that_is_to_stay_stays_and_is_told_with_its_place),
        cmocka_unit_test(values_without_a_switch_are_converted_as_they_are_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
