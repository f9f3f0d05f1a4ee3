/* values/overlay.h: the temporary settings, their originals, and the gcfg found in what helm rendered. */
#include <config.h>

#include "values/overlay.h"
#include "values_helpers.h"

struct made {
    char *text;
    json_t *originals, *data;
};

static struct made make(const char *settings, const char *const *bases)
{
    struct made m = {NULL, NULL, NULL};
    const struct cm_yaml_doc *docs[4] = {NULL};
    struct cm_err *err = NULL;
    cm_autojson wanted = json_loads(settings, 0, NULL);
    for (size_t i = 0; bases[i]; i++)
        docs[i] = helper_yaml(bases[i]);
    if (cm_overlay_make(wanted, docs, &m.text, &m.originals, &err) != 0)
        fail_msg("%s", cm_err_message(err));
    m.data = helper_data(m.text);
    for (size_t i = 0; docs[i]; i++)
        cm_yaml_free((struct cm_yaml_doc *)(uintptr_t)docs[i]);
    return m;
}

static void made_fini(struct made *m)
{
    free(m->text);
    json_decref(m->originals);
    json_decref(m->data);
}

static const char THREE[] = "{\"Scheduler.MinProcessesLimit\": 0, \"Applications.ScheduleConcurrency\": 0, "
                            "\"Applications.PythonEnvironmentReaping\": false}";

static void uses_the_documents_spelling_where_the_base_says_nothing(void **state)
{
    static const char *const bases[] = {"config: {Server: {Address: x}}\n", NULL};
    struct made m = make("{\"scheduler.minprocesseslimit\": 0, \"Applications.ScheduleConcurrency\": 0}", bases);
    (void)state;
    assert_string_equal(cm_json_text(m.data, "config.Scheduler.MinProcessesLimit", "?"), "0");
    assert_string_equal(cm_json_text(m.data, "config.Applications.ScheduleConcurrency", "?"), "0");
    assert_true(json_is_true(json_object_get(json_object_get(m.originals, "scheduler.minprocesseslimit"), "absent")));
    made_fini(&m);
}

static void uses_the_spelling_of_the_base(void **state)
{
    static const char *const bases[] = {"config:\n  scheduler:\n    minprocesseslimit: 5\n", NULL};
    struct made m = make(THREE, bases);
    (void)state;
    assert_string_equal(cm_json_text(m.data, "config.scheduler.minprocesseslimit", "?"), "0");
    assert_null(cm_json_at(m.data, "config.Scheduler"));
    const json_t *o = json_object_get(m.originals, "Scheduler.MinProcessesLimit");
    assert_string_equal(cm_json_text(o, "value", ""), "5");
    assert_string_equal(cm_json_text(o, "place", ""), "values.yaml:3:24");
    assert_true(json_is_true(json_object_get(json_object_get(m.originals, "Applications.ScheduleConcurrency"), "absent")));
    made_fini(&m);
}

static void the_later_file_has_the_original(void **state)
{
    static const char *const bases[] = {"config: {Scheduler: {MinProcessesLimit: 5}}\n",
                                        "config: {Scheduler: {MinProcessesLimit: \"7\"}}\n", NULL};
    struct made m = make(THREE, bases);
    (void)state;
    assert_string_equal(cm_json_text(json_object_get(m.originals, "Scheduler.MinProcessesLimit"), "value", ""), "7");
    made_fini(&m);
}

/* Both spellings are rendered, and the last in byte order wins: the overlay has to be there. */
static void beats_a_second_spelling_in_the_same_file(void **state)
{
    static const char *const bases[] = {"config:\n  scheduler: {MinProcessesLimit: 5}\n  Scheduler: {MinProcessesLimit: 6}\n",
                                        NULL};
    struct made m = make(THREE, bases);
    (void)state;
    assert_string_equal(cm_json_text(m.data, "config.scheduler.MinProcessesLimit", "?"), "0");
    assert_string_equal(cm_json_text(json_object_get(m.originals, "Scheduler.MinProcessesLimit"), "value", ""), "5");
    made_fini(&m);
}

static void writes_every_value_as_a_string(void **state)
{
    static const char *const none[] = {NULL};
    struct made m = make("{\"A.B\": 1000000, \"A.C\": true, \"A.D\": \"x; y\"}", none);
    (void)state;
    assert_string_equal(cm_json_text(m.data, "config.A.B", "?"), "1000000");
    assert_string_equal(cm_json_text(m.data, "config.A.C", "?"), "true");
    assert_string_equal(cm_json_text(m.data, "config.A.D", "?"), "\"x; y\"");
    made_fini(&m);
}

static void refuses_null_lists_and_what_no_configmap_can_hold(void **state)
{
    static const char *const bad[] = {"{\"A.B\": null}", "{\"A.B\": [1]}", "{\"AB\": 1}", "{\".B\": 1}", "{\"A.\": 1}",
                                      "{\"A.B\": \"a\\u0007\"}", "{\"A.B\": \"a\\u2028\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cm_autojson wanted = json_loads(bad[i], 0, NULL);
        char *text = NULL;
        json_t *originals = NULL;
        cm_autoerr err = NULL;
        assert_int_equal(cm_overlay_make(wanted, NULL, &text, &originals, &err), -1);
        assert_int_equal(cm_err_code(err), CM_E_USAGE);
        assert_null(text);
    }
}

static void finds_the_configuration_in_what_helm_rendered(void **state)
{
    static const char manifests[] =
        "---\n# Source: a\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\n# Source: b\nkind: ConfigMap\ndata:\n"
        "  other: |\n    rstudio-connect.gcfg: not here\n---\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  rstudio-connect.gcfg: |\n"
        "    [Server]\n    Address = x\n    \n    [T]\n---\nkind: Deployment\n";
    cm_autofree char *gcfg = cm_manifest_gcfg(manifests, NULL);
    (void)state;
    assert_string_equal(gcfg, "[Server]\nAddress = x\n\n[T]\n");
    assert_null(cm_manifest_gcfg("kind: ConfigMap\ndata: {a: b}\n", NULL));
    assert_null(cm_manifest_gcfg("", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_the_documents_spelling_where_the_base_says_nothing),
        cmocka_unit_test(uses_the_spelling_of_the_base),
        cmocka_unit_test(the_later_file_has_the_original),
        cmocka_unit_test(beats_a_second_spelling_in_the_same_file),
        cmocka_unit_test(writes_every_value_as_a_string),
        cmocka_unit_test(refuses_null_lists_and_what_no_configmap_can_hold),
        cmocka_unit_test(finds_the_configuration_in_what_helm_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
