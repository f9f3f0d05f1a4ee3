/* values/launcher.h on files as people write them: what one file gives, in whole, for each form of YAML and each way the Launcher's values
 * meet what stands there already. */
#include "values_helpers.h"

#include "values/launcher.h"

static void assert_converts(const char *before, const char *after, struct cm_launcher_result *r)
{
    struct cm_launcher_result again;
    cm_autoerr err = NULL;
    struct cm_launcher_wish w = {.text = before, .bytes = strlen(before), .name = "values.yaml"};
    if (cm_launcher_convert(&w, r, &err) != 0)
        fail_msg("%s", cm_err_message(err));
    assert_string_equal(r->text, after);
    struct cm_launcher_wish second = {.text = r->text, .bytes = r->bytes, .name = "values.yaml"};
    assert_int_equal(cm_launcher_convert(&second, &again, NULL), 0);
    assert_string_equal(again.text, after);
    cm_launcher_result_fini(&again);
}

static void converts(const char *before, const char *after)
{
    struct cm_launcher_result r;
    assert_converts(before, after, &r);
    cm_launcher_result_fini(&r);
}

static const json_t *row_of(const struct cm_launcher_result *r, const char *setting)
{
    for (size_t i = 0; i < json_array_size(r->account); i++)
        if (strcmp(cm_json_text(json_array_get(r->account, i), "setting", ""), setting) == 0)
            return json_array_get(r->account, i);
    fail_msg("no row for %s", setting);
    return NULL;
}

static void assert_row(const struct cm_launcher_result *r, const char *setting, const char *disposition, int line)
{
    const json_t *row = row_of(r, setting);
    assert_string_equal(cm_json_text(row, "disposition", ""), disposition);
    assert_int_equal(cm_json_int(row, "line", 0), line);
}

/* ---- two values for one place ---- */

static void the_setting_of_connect_beats_the_value_of_the_chart(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts(
        "launcher:\n  namespace: a\n  enabled: true\n  templateValues:\n    pod:\n      serviceAccountName: x\n"
        "config:\n  Launcher:\n    KubernetesNamespace: b\n    KubernetesDefaultServiceAccount: y\n",
        "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    namespace: b\n"
        "    defaultResourceJobBase:\n      spec:\n        template:\n          spec:\n            serviceAccountName: y\n",
        &r);
    assert_row(&r, "launcher.namespace", "drop", 2);
    assert_row(&r, "config.Launcher.KubernetesNamespace", "change", 9);
    assert_string_equal(json_string_value(json_array_get(r.commands, 0)),
                        "kubectl label sa y connect.posit.co/service-account=true -n b");
    cm_launcher_result_fini(&r);
}

static void both_names_of_the_init_container_are_one(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts(
        "launcher:\n  enabled: true\n  defaultInitContainer:\n    tag: a\n  contentInitContainer:\n    tag: b\n    repository: c\n",
        "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultInitContainer:\n      tag: a\n"
        "      repository: c\n",
        &r);
    assert_row(&r, "launcher.contentInitContainer.tag", "drop", 6);
    cm_launcher_result_fini(&r);
}

/* ---- flow style ---- */

static void a_backend_that_was_off_in_flow_style_is_on(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: true\nbackends: {kubernetes: {enabled: false, namespace: n}}\n",
             "launcher:\n  enabled: false\nbackends:\n  kubernetes:\n    enabled: true\n    namespace: n\n");
    converts("launcher:\n  enabled: true\nbackends:\n  kubernetes: {enabled: false}\n",
             "launcher:\n  enabled: false\nbackends:\n  kubernetes:\n    enabled: true\n");
    converts("launcher:\n  enabled: true\nbackends:\n  kubernetes:\n    enabled: no\n",
             "launcher:\n  enabled: false\nbackends:\n  kubernetes:\n    enabled: true\n");
}

static void a_job_base_in_flow_style_is_joined_by_names(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: true\n  templateValues:\n    pod:\n      env: [{name: A, value: '1'}]\n      labels: {l: m}\n"
             "backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: side, image: 'x:1'}, "
             "{name: connect-content, tty: yes}]}}}}}}\n",
             "launcher:\n  enabled: false\nbackends:\n  kubernetes:\n    defaultResourceJobBase:\n      spec:\n        template:\n"
             "          spec:\n            containers:\n              - name: side\n                image: 'x:1'\n"
             "              - name: connect-content\n                tty: yes\n                env: [{name: A, value: '1'}]\n"
             "          metadata:\n            labels: {l: m}\n    enabled: true\n");
}

static void scalars_in_flow_style_stay_as_they_are_written(void **state)
{
    (void)state;
    converts(
        "launcher: {enabled: true, templateValues: {pod: {resources: {limits: {cpu: 0.2, memory: 1.10}}, "
        "volumes: [{secret: {defaultMode: 0644, secretName: \"a\\tb\"}}]}}}\n",
        "launcher: {enabled: false}\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n      spec:\n"
        "        template:\n          spec:\n            volumes:\n              - secret:\n                  defaultMode: 0644\n"
        "                  secretName: \"a\\tb\"\n            containers:\n              - name: connect-content\n"
        "                resources:\n                  limits:\n                    cpu: 0.2\n                    memory: 1.10\n");
    converts(
        "launcher: {useTemplates: true, enabled: on, extra: 0x1F, templateValues: {pod: {odd: 1.10}}}\n",
        "launcher: {enabled: false, extra: 0x1F, templateValues: {pod: {odd: 1.10}}}\n\nbackends:\n  kubernetes:\n    enabled: true\n");
}

/* ---- anchors ---- */

static void what_moves_whole_may_hold_aliases(void **state)
{
    (void)state;
    converts(
        "x-mounts: &mounts\n  - {name: a, mountPath: /a}\nlauncher:\n  enabled: true\n  templateValues:\n    pod:\n"
        "      volumeMounts: *mounts\n      nodeSelector: &nodes {pool: content}\nnodeSelector: *nodes\n",
        "x-mounts: &mounts\n  - {name: a, mountPath: /a}\nlauncher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n"
        "    defaultResourceJobBase:\n      spec:\n        template:\n          spec:\n            nodeSelector: &nodes {pool: content}\n"
        "            containers:\n              - name: connect-content\n                volumeMounts: *mounts\nnodeSelector: *nodes\n");
}

static void an_alias_that_would_come_before_its_anchor_is_refused(void **state)
{
    static const char text[] =
        "backends:\n  kubernetes: {}\nx: &n {a: b}\nlauncher:\n  enabled: true\n  templateValues:\n    pod:\n"
        "      nodeSelector: *n\n";
    struct cm_launcher_wish w = {.text = text, .bytes = sizeof text - 1, .name = "values.yaml"};
    struct cm_launcher_result r;
    cm_autoerr err = NULL;
    (void)state;
    assert_int_equal(cm_launcher_convert(&w, &r, &err), -1);
    assert_string_equal(cm_err_message(err), "values.yaml:8:21: the alias *n would come before its anchor");
}

/* ---- a chart that has Connect's as a dependency ---- */

static void values_of_a_dependency_are_converted_below_its_key(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts(
        "# our platform\nglobal: {}\nrstudio-connect:\n  image: {tagPrefix: jammy-, tag: x}\n  launcher:\n    enabled: true # on\n"
        "    namespace: jobs\n  config:\n    Launcher: {Enabled: true}\n  # the end\npostgresql:\n  enabled: false\n",
        "# our platform\nglobal: {}\nrstudio-connect:\n  image: {tag: x}\n  launcher:\n    enabled: false # on\n\n  backends:\n"
        "    kubernetes:\n      enabled: true\n      namespace: jobs\n  # the end\npostgresql:\n  enabled: false\n",
        &r);
    assert_row(&r, "rstudio-connect", "keep", 3);
    cm_launcher_result_fini(&r);
}

static struct cm_launcher_result convert_at(const char *text, const char *at)
{
    struct cm_launcher_result r;
    cm_autoerr err = NULL;
    struct cm_launcher_wish w = {.text = text, .bytes = strlen(text), .name = "values.yaml", .at = at};
    if (cm_launcher_convert(&w, &r, &err) != 0)
        fail_msg("%s", cm_err_message(err));
    return r;
}

static void the_key_that_was_said_decides_which_values_are_converted(void **state)
{
    (void)state;
    struct cm_launcher_result r = convert_at("launcher: {enabled: true}\nconnect-a:\n  launcher: {enabled: true}\n"
                                             "all:\n  hub:\n    launcher:\n      enabled: true\n      namespace: jobs\n",
                                             "all.hub");

    assert_string_equal(
        r.text, "launcher: {enabled: true}\nconnect-a:\n  launcher: {enabled: true}\n"
                "all:\n  hub:\n    launcher:\n      enabled: false\n\n    backends:\n      kubernetes:\n        enabled: true\n"
                "        namespace: jobs\n");
    cm_launcher_result_fini(&r);
}

static void an_alias_where_the_values_are_to_be_is_told(void **state)
{
    static const char text[] = "a: &x {launcher: {enabled: true}}\nhub: *x\n";
    (void)state;
    struct cm_launcher_result r = convert_at(text, "hub");

    assert_string_equal(r.text, text);
    helper_assert_finding(r.findings, "values.alias", "unknown", "values.yaml:2:1: ");
    cm_launcher_result_fini(&r);
}

static void values_of_two_dependencies_are_left_alone_and_told(void **state)
{
    static const char text[] = "connect-a:\n  launcher: {enabled: true}\nconnect-b:\n  launcher: {enabled: true}\n";
    struct cm_launcher_result r;
    (void)state;
    assert_converts(text, text, &r);
    helper_assert_finding(r.findings, "values.several", "unknown", "values.yaml:3:1: connect-b");
    cm_launcher_result_fini(&r);
}

static void another_products_launcher_is_not_connects(void **state)
{
    static const char text[] = "rstudio-workbench:\n  launcher:\n    enabled: true\n";
    (void)state;
    converts(text, text);
}

/* ---- images ---- */

static void versions_in_a_text_stay_text(void **state)
{
    (void)state;
    converts(
        "launcher:\n  enabled: true\n  additionalRuntimeImages: |\n    - name: i\n      python:\n        installations:\n"
        "          - {path: /p, version: 3.10}\n",
        "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n\nexecutionEnvironments:\n  - name: i\n    python:\n"
        "      installations:\n        - path: '/p'\n          version: '3.10'\n");
}

static void an_empty_list_of_images_leaves_nothing(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts("launcher:\n  customRuntimeYaml: |\n    images: []\n",
                    "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n", &r);
    assert_row(&r, "launcher.customRuntimeYaml", "drop", 2);
    cm_launcher_result_fini(&r);
    converts("launcher:\n  customRuntimeYaml: |\n    name: Kubernetes\n    images: []\nexecutionEnvironments:\n  - name: a\n",
             "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\nexecutionEnvironments:\n  - name: a\n");
    converts("launcher:\n  enabled: true\n  customRuntimeYaml: {name: Kubernetes, images: []}\n",
             "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n");
}

/* ---- comments ---- */

static void comments_of_maps_that_dissolve_come_along_and_others_stay(void **state)
{
    (void)state;
    converts("launcher: # ours\n  # on\n  enabled: true\n\n  # a remark\n\n  # content pods\n  templateValues: # see wiki\n    pod: # pods\n\n"
             "      # by itself\n\n      # names\n      labels: # of teams\n        a: b\n      # not used\n      env: []\n      # last\n\n"
             "  # more\n  namespace: n # here\n  # end\n",
             "launcher: # ours\n  # on\n  enabled: false\n\n  # a remark\n\n  # by itself\n  # last\n\n  # end\n\nbackends:\n  kubernetes:\n"
             "    enabled: true\n    defaultResourceJobBase:\n      spec:\n        template:\n          metadata:\n"
             "            # content pods\n            # see wiki\n            # pods\n            # names\n            labels: # of teams\n"
             "              a: b\n    # more\n    namespace: n # here\n");
}

static void what_moves_whole_keeps_its_lines_and_joins_what_comes_after_it(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: true\n  # one\n  additionalRuntimeImages: # two\n  - name: a\n  # three\n  customRuntimeYaml:\n"
             "    images:\n    - name: b\n",
             "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n\n# one\nexecutionEnvironments: # two\n- name: a\n"
             "# three\n- name: b\n");
    converts("launcher:\n  defaultInitContainer:\n    tagPrefix: x\n", "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n");
    converts("launcher:\n  templateValues:\n    pod:\n      # why\n      containerSecurityContext: # here\n        # and\n        privileged: false\n",
             "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n      spec:\n"
             "        template:\n          spec:\n            containers:\n              - name: connect-content\n"
             "                # why\n                securityContext: # here\n                  # and\n                  privileged: false\n");
    converts("executionEnvironments:\n  - name: a\nlauncher:\n  additionalRuntimeImages:\n    - name: b\n",
             "executionEnvironments:\n  - name: a\n  - name: b\nlauncher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n");
}

static void comments_of_overrides_and_images_are_not_lost(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: true\n  # runtimes\n  customRuntimeYaml: # ours\n    # which\n    images: # these\n      # one\n"
             "      - name: a # A\n  launcherKubernetesProfilesConf:\n    \"*\":\n      # on the host's network\n      job-json-overrides:\n"
             "        # because of ticket 7\n        - {name: n, target: /spec/template/spec/hostNetwork, json: true}\n",
             "launcher:\n  enabled: false\n  # on the host's network\n  # because of ticket 7\n\nbackends:\n  kubernetes:\n    enabled: true\n"
             "    defaultResourceJobBase:\n      spec:\n        template:\n          spec:\n            hostNetwork: true\n\n# runtimes\n# ours\n"
             "# which\nexecutionEnvironments: # these\n  # one\n  - name: a # A\n");
}

/* ---- what the Launcher's template made of a value ---- */

static void a_number_keeps_its_kind_where_security_contexts_are_merged(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: true\n  templateValues:\n    pod:\n      defaultSecurityContext:\n        windowsOptions: {a: 1}\n"
             "      securityContext:\n        windowsOptions: {b: 1e6, c: 5.0, d: 0.2}\n",
             "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n      spec:\n"
             "        template:\n          spec:\n            securityContext:\n              windowsOptions:\n                a: 1\n"
             "                b: 1000000.0\n                c: 5.0\n                d: 0.2\n");
}

static void a_time_to_live_of_nought_said_nothing(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts("launcher:\n  enabled: true\n  templateValues:\n    job:\n      ttlSecondsAfterFinished: 0\n      labels: {a: b}\n",
                    "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n"
                    "      metadata:\n        labels: {a: b}\n",
                    &r);
    assert_row(&r, "launcher.templateValues.job.ttlSecondsAfterFinished", "drop", 5);
    cm_launcher_result_fini(&r);
}

static void an_expression_that_the_launcher_evaluated_is_told(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts("launcher:\n  enabled: true\n  templateValues:\n    pod:\n      annotations:\n        at: \"{{ now }}\"\n",
                    "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n"
                    "      spec:\n        template:\n          metadata:\n            annotations:\n              at: \"{{ now }}\"\n",
                    &r);
    helper_assert_finding(r.findings, "values.expression", "warning", "values.yaml:6:13: ");
    cm_launcher_result_fini(&r);
}

static void values_that_no_template_read_are_told(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts("launcher:\n  enabled: true\n  useTemplates: false\n  templateValues:\n    job:\n      labels: {a: b}\n",
                    "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n"
                    "      metadata:\n        labels: {a: b}\n",
                    &r);
    helper_assert_finding(r.findings, "values.templates-off", "warning", "values.yaml:3:3: ");
    cm_launcher_result_fini(&r);
}

static void nodes_of_a_profile_are_told_where_they_go(void **state)
{
    static const char *const kept = "launcher:\n  enabled: false\n  launcherKubernetesProfilesConf:\n    \"*\":\n"
                                    "      placement-constraints: disk:ssd\n\nbackends:\n  kubernetes:\n    enabled: true\n";
    struct cm_launcher_result r;
    (void)state;
    assert_converts("launcher:\n  enabled: true\n  launcherKubernetesProfilesConf:\n    \"*\":\n      placement-constraints: disk:ssd\n",
                    kept, &r);
    const json_t *found = helper_finding(r.findings, "values.profile");
    assert_non_null(strstr(cm_json_text(found, "remedy", ""), "nodeSelector"));
    cm_launcher_result_fini(&r);
}

/* ---- what was off ---- */

static void content_that_ran_in_the_servers_pod_is_told(void **state)
{
    static const char text[] = "launcher:\n  enabled: false\n";
    struct cm_launcher_result r;
    (void)state;
    assert_converts(text, text, &r);
    helper_assert_finding(r.findings, "values.local", "warning", "values.yaml:2:12:");
    cm_launcher_result_fini(&r);
}

static void an_account_that_is_no_text_is_moved_as_it_is(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: true\n  templateValues:\n    pod:\n      serviceAccountName:\n        a: b\n",
             "launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n      spec:\n        template:\n"
             "          spec:\n            serviceAccountName:\n              a: b\n");
}

/* The second one of a key would be lost, and what is written would not read as it should. */
static void an_account_of_the_settings_goes_first_whatever_it_is(void **state)
{
    static const char *const accounts[] = {"{c: d, ? e}", "[c]"};
    (void)state;
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        cm_autofree char *before = cm_fmt("launcher:\n  enabled: true\n  templateValues:\n    pod:\n      serviceAccountName: a\nconfig:\n"
                                          "  Launcher:\n    KubernetesDefaultServiceAccount: %s\n", accounts[i]);
        cm_autofree char *after = cm_fmt("launcher:\n  enabled: false\n\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n"
                                         "      spec:\n        template:\n          spec:\n            serviceAccountName: %s\n", accounts[i]);
        converts(before, after);
    }
}

static void of_two_spellings_of_the_account_the_one_that_is_moved_is_labelled(void **state)
{
    struct cm_launcher_result r;
    (void)state;
    assert_converts("config:\n  Launcher:\n    KubernetesDefaultServiceAccount: first\n    kubernetesDefaultServiceAccount: second\n",
                    "\nbackends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n      spec:\n        template:\n"
                    "          spec:\n            serviceAccountName: first\n\nlauncher:\n  enabled: false\n",
                    &r);
    assert_non_null(strstr(json_string_value(json_array_get(r.commands, 0)), "kubectl label sa first "));
    cm_launcher_result_fini(&r);
}

static void a_comment_that_touches_the_switchs_quotes_stays_one(void **state)
{
    (void)state;
    converts("launcher:\n  enabled: \"\"# c\n  namespace: n\n", "launcher:\n  enabled: false # c\n\nbackends:\n  kubernetes:\n    enabled: true\n    namespace: n\n");
}

/* Null would take away what the outer chart gives below that key. */
static void a_key_below_which_nothing_stays_is_left_with_an_empty_map(void **state)
{
    static const char text[] = "# c\r\nconnect: # d\r\n  config: {Launcher: {Enabled: true}}\r\nx: 1\r\n", odd[] = "connect: &a\n  config: {Launcher: {Enabled: true}}\n";
    struct cm_launcher_wish w = {.text = text, .bytes = strlen(text), .name = "values.yaml", .at = "connect", .was = CM_LAUNCHER_WAS_OFF};
    struct cm_launcher_result r;
    cm_autoerr err = NULL;
    (void)state;
    assert_int_equal(cm_launcher_convert(&w, &r, NULL), 0);
    assert_string_equal(r.text, "# c\r\nconnect: {} # d\r\nx: 1\r\n");
    cm_launcher_result_fini(&r);
    w.text = odd;
    w.bytes = strlen(odd);
    assert_int_equal(cm_launcher_convert(&w, &r, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "values.yaml:1:1: none of the values below connect would stay"));
}

static void a_switch_without_a_value_may_end_an_indented_file(void **state)
{
    (void)state;
    converts("  launcher:\n   enabled:", "  launcher:\n   enabled: false\n\n  backends:\n   kubernetes:\n    enabled: true\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_of_connect_beats_the_value_of_the_chart),
        cmocka_unit_test(both_names_of_the_init_container_are_one),
        cmocka_unit_test(a_backend_that_was_off_in_flow_style_is_on),
        cmocka_unit_test(a_job_base_in_flow_style_is_joined_by_names),
        cmocka_unit_test(scalars_in_flow_style_stay_as_they_are_written),
        cmocka_unit_test(what_moves_whole_may_hold_aliases),
        cmocka_unit_test(an_alias_that_would_come_before_its_anchor_is_refused),
        cmocka_unit_test(values_of_a_dependency_are_converted_below_its_key),
        cmocka_unit_test(the_key_that_was_said_decides_which_values_are_converted),
        cmocka_unit_test(an_alias_where_the_values_are_to_be_is_told),
        cmocka_unit_test(values_of_two_dependencies_are_left_alone_and_told),
        cmocka_unit_test(another_products_launcher_is_not_connects),
        cmocka_unit_test(versions_in_a_text_stay_text),
        cmocka_unit_test(an_empty_list_of_images_leaves_nothing),
        cmocka_unit_test(comments_of_maps_that_dissolve_come_along_and_others_stay),
        cmocka_unit_test(what_moves_whole_keeps_its_lines_and_joins_what_comes_after_it),
        cmocka_unit_test(comments_of_overrides_and_images_are_not_lost),
        cmocka_unit_test(a_number_keeps_its_kind_where_security_contexts_are_merged),
        cmocka_unit_test(a_time_to_live_of_nought_said_nothing),
        cmocka_unit_test(an_expression_that_the_launcher_evaluated_is_told),
        cmocka_unit_test(values_that_no_template_read_are_told),
        cmocka_unit_test(nodes_of_a_profile_are_told_where_they_go),
        cmocka_unit_test(content_that_ran_in_the_servers_pod_is_told),
        cmocka_unit_test(an_account_that_is_no_text_is_moved_as_it_is),
        cmocka_unit_test(an_account_of_the_settings_goes_first_whatever_it_is),
        cmocka_unit_test(a_comment_that_touches_the_switchs_quotes_stays_one),
        cmocka_unit_test(a_key_below_which_nothing_stays_is_left_with_an_empty_map),
        cmocka_unit_test(a_switch_without_a_value_may_end_an_indented_file),
        cmocka_unit_test(of_two_spellings_of_the_account_the_one_that_is_moved_is_labelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
