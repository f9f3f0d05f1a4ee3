/* cm_values_check: every rule by which the chart fails or prints what nobody meant, each told with its place. */
#include <config.h>

#include "values/launcher.h"
#include "values_helpers.h"

static const char GOOD[] = "sharedStorage: {mount: true, name: data}\nexecutionEnvironments: [{name: image}]\n";

static json_t *check_files(const char *const *texts, const char *version)
{
    static const char *const names[] = {"values.yaml", "more.yaml", NULL};
    struct cm_err *err = NULL;
    json_t *findings = cm_values_check(names, texts, NULL, version, &err);
    if (!findings)
        fail_msg("%s", cm_err_message(err));
    return findings;
}

static void a_good_file_has_no_finding(void **state)
{
    const char *const texts[] = {
        GOOD, "config:\n  Server: {Address: \"https://c\"}\n  Foo: {Bar: '\"a; b\"', Number: 999999, Yes: true}\n", NULL};
    cm_autojson findings = check_files(texts, "2026.08.0");
    (void)state;
    if (json_array_size(findings) != 0)
        fail_msg("%s", json_dumps(findings, JSON_INDENT(1)));
}

struct rule {
    const char *text, *id, *verdict, *seen;
};

static void tells_each_rule_with_its_place(void **state)
{
    static const struct rule rules[] = {
        /* the chart's own refusals */
        {"config: {Launcher: {DataDir: \"nfs:/x\"}}", "values.launcher-data-dir", "blocker", "values.yaml:3:30: "},
        {"launcher: {enabled: true}", "values.both-runners", "blocker", "values.yaml:3:21: "},
        {"config: {Kubernetes: {Enabled: \"false\"}}", "values.kubernetes-enabled", "blocker", "values.yaml:3:32: "},
        {"config: {Kubernetes: {Enabled: 0}}", "values.kubernetes-enabled", "blocker", "values.yaml:3:32: "},
        {"backends: {kubernetes: {namespace: a}}\nconfig: {Kubernetes: {Namespace: b}}", "values.kubernetes-namespace", "blocker",
         "values.yaml:4:34: "},
        {"config: {Kubernetes: {Namespace: b}}", "values.kubernetes-namespace", "warning", "values.yaml:3:34: "},
        {"backends: {kubernetes: {enabled: false}}\nlauncher:\n  enabled: true\n  launcherKubernetesProfilesConf:\n    \"*\": {job-json-overrides: []}",
         "values.overrides", "blocker", "values.yaml:7:11: "},
        {"launcher: {contentInitContainer: {x: y}}", "values.content-init-container", "blocker", "values.yaml:3:34: "},
        {"launcher: {customRuntimeYaml: base}", "values.custom-runtime", "blocker", "values.yaml:3:31: "},
        {"launcher: {additionalRuntimeImages: [{name: a}]}", "values.additional-images", "blocker", "values.yaml:3:37: "},
        {"image: {tagPrefix: jammy-}", "values.tag-prefix", "blocker", "values.yaml:3:20: "},
        {"launcher: {defaultInitContainer: {tagPrefix: x}}", "values.init-tag-prefix", "blocker", "values.yaml:3:46: "},
        {"backends: {kubernetes: {defaultInitContainer: {tagPrefix: x}}}", "values.init-tag-prefix", "blocker",
         "values.yaml:3:59: "},
        {"pod: {serviceAccountName: x}", "values.service-account", "blocker", "values.yaml:3:27: "},
        {"pod: {nodeSelector: {a: b}}", "values.node-selector", "blocker", "values.yaml:3:21: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {kind: CronJob}}}", "values.base-kind", "blocker", "values.yaml:3:56: "},
        {"backends: {kubernetes: {defaultResourceServiceBase: {kind: X}}}", "values.base-kind", "blocker", "values.yaml:3:60: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: null}}}}", "values.job-template", "blocker",
         "values.yaml:3:67: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {initContainers: [{name: connect-content-init,\n"
         " volumeMounts: [{name: x, mountPath: /mnt/rstudio-connect-runtime/}]}]}}}}}}",
         "values.reserved-mount", "blocker", "values.yaml:4:17: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content,\n"
         " volumeMounts: [{name: x, mountPath: /opt/rstudio-connect-runtime}]}]}}}}}}",
         "values.reserved-mount", "blocker", "values.yaml:4:17: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content,\n"
         " volumeMounts: [{name: rsc-volume, mountPath: /opt/rstudio-connect}]}]}}}}}}",
         "values.connect-mount", "blocker", "values.yaml:4:17: "},
        {"nameservice: {enabled: true, apiKey: x}", "values.nameservice-provider", "blocker", "values.yaml:3:24: "},
        {"nameservice: {enabled: true, apiKey: x, secretName: y}\nconfig: {Authentication: {Provider: ldap}}",
         "values.nameservice-key", "blocker", "both"},
        {"nameservice: {enabled: true}\nconfig: {Authentication: {Provider: ldap}}", "values.nameservice-key", "blocker", "needs"},
        {"chronicle: {localConfig: {a: b}}\npod: {securityContext: {runAsNonRoot: true}}", "values.chronicle", "blocker",
         "values.yaml:3:26: "},
        {"chronicleAgent: {enabled: true, image: {registry: \"\"}}", "values.chronicle-agent", "blocker", "values.yaml:3:40: "},
        {"chronicleAgent: {enabled: true, autoDiscovery: false}", "values.chronicle-server", "blocker", "values.yaml:3:48: "},
        {"rbac: {serviceAccount: {create: \"true\"}}", "values.rbac-create", "blocker", "values.yaml:3:33: "},
        {"config:\n  Server: x", "values.section.Server", "blocker", "values.yaml:4:3: "},
        {"config:\n", "values.config", "blocker", "values.yaml:3:"},
        {"pod: {env: [{name: A, value: \"x\\x7F\"}]}", "values.env-character", "blocker", "values.yaml:3:30: "},
        /* what it prints that nobody meant */
        {"config: {Scheduler: {MaxProcesses: 1000000}}", "values.number.Scheduler.MaxProcesses", "blocker", "1e+06"},
        {"config: {Foo: {Version: 3.10}}", "values.number.Foo.Version", "warning", "3.10 is printed as 3.1"},
        {"config: {Foo: {Mode: 0644}}", "values.number.Foo.Mode", "warning", "420"},
        {"config: {Foo: {A: {b: c}}}", "values.map.Foo.A", "blocker", "values.yaml:3:19: "},
        {"config: {Foo: {A: null}}", "values.empty.Foo.A", "warning", "values.yaml:3:19: "},
        {"config: {Foo: {A: \"x; y\"}}", "values.cut-off.Foo.A", "warning", "values.yaml:3:19: "},
        {"config: {Foo: {A: [x, \"y # z\"]}}", "values.cut-off.Foo.A", "warning", "values.yaml:3:23: "},
        {"config: {Foo: {A: 'C:\\x'}}", "values.unreadable.Foo.A", "blocker", "values.yaml:3:19: "},
        {"config: {Foo: {A: \"a\\nb\"}}", "values.line-break.Foo.A", "blocker", "values.yaml:3:19: "},
        {"config: {scheduler: {MaxProcesses: 1}}", "values.spelling.scheduler", "warning", "values.yaml:3:10: "},
        {"config: {Server: {address: \"https://c\"}}", "values.spelling.Server.address", "warning", "values.yaml:3:19: "},
        {"config: {Postgres: {Password: hunter2}}", "values.secret.Postgres.Password", "warning", "values.yaml:3:31: "},
        {"config: {Postgres: {URL: \"postgres://u:hunter2@h/d\"}}", "values.secret.Postgres.URL", "warning", "values.yaml:3:26: "},
        {"config: {Launcher: {Enabled: true}}", "values.launcher-settings", "warning", "values.yaml:3:20: "},
        {"launcher: {enabled: false, templateValues: {pod: {serviceAccountName: sa}}}", "values.launcher-ignored", "warning",
         "values.yaml:3:"},
        {"launcher: {launcherKubernetesProfilesConf: {\"*\": {default-cpus: 1}}}", "values.launcher-ignored", "warning",
         "values.yaml:3:"},
        {"affinity: {nodeAffinity: {}}", "values.affinity", "warning", "values.yaml:3:11: "},
        {"executionEnvironment: []", "values.unknown-key.executionEnvironment", "warning", "values.yaml:3:1: "},
        {"sharedStorage2: {}", "values.unknown-key.sharedStorage2", "warning", "values.yaml:3:1: "},
        {"backends: {kubernetes: {defaultInitContainer: {os: x}}}",
         "values.unknown-key.backends.kubernetes.defaultInitContainer.os", "warning", "values.yaml:3:48: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: rs-launcher-container}]}}}}}}",
         "values.launcher-container", "warning", "values.yaml:3:88: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {volumes: [{name: rsc-volume, nfs: {}}]}}}}}}",
         "values.runtime-volume", "warning", "values.yaml:3:85: "},
        {"backends: {kubernetes: {defaultResourceJobBase: {spec: {template: {spec: {containers: [{name: connect-content, "
         "volumeMounts: [{name: a, mountPath: /opt/rstudio-connect/}]}]}}}}}}",
         "values.connect-mount", "warning", "values.yaml:3:"},
        {"image: {tag: jammy-2025.04.0}", "values.version", "warning", "values.yaml:3:14: image.tag is jammy-2025.04.0"},
        {"versionOverride: 2026.03.1", "values.version", "warning", "values.yaml:3:18: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        cm_autofree char *text = cm_fmt("%s%s\n", GOOD, rules[i].text);
        const char *const texts[] = {text, NULL};
        cm_autojson findings = check_files(texts, "2026.08.0");
        helper_assert_finding(findings, rules[i].id, rules[i].verdict, rules[i].seen);
        cm_autofree char *all = json_dumps(findings, 0);
        assert_null(strstr(all, "hunter2"));
    }
}

static void storage_and_environments_must_come_from_somewhere(void **state)
{
    const char *const texts[] = {"replicas: 1\n", NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    helper_assert_finding(findings, "values.storage", "blocker", "direct runner");
    helper_assert_finding(findings, "values.environments", "warning", NULL);
}

static void a_merge_key_brings_values_as_helm_reads_them(void **state)
{
    const char *const texts[] = {"x-a: &a\n  sharedStorage: {mount: true}\nx-b: &b\n  nodeSelector: {c: d}\n<<: *a\npod:\n  <<: *b\n", NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    assert_null(helper_finding(findings, "values.storage"));
    helper_assert_finding(findings, "values.node-selector", "blocker", "values.yaml:4:17");
}

static void an_environment_needs_a_name(void **state)
{
    const char *const texts[] = {"sharedStorage: {create: true}\nexecutionEnvironments:\n  - name: a\n  - title: b\n", NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    helper_assert_finding(findings, "values.environment-name", "blocker", "values.yaml:4:5: executionEnvironments[1]");
}

static void a_version_without_quotes_may_be_a_number(void **state)
{
    const char *const texts[] = {
        "sharedStorage: {create: true}\nexecutionEnvironments:\n  - name: a\n    python:\n      installations:\n"
        "        - {path: /p, version: 3.10}\n        - {path: /q, version: \"3.10\"}\n        - {path: /r, version: 3.12.1}\n",
        NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    helper_assert_finding(findings, "values.environment-version", "warning", "values.yaml:6:31: 3.10 is a number");
    assert_int_equal(json_array_size(findings), 1);
}

static void values_of_a_dependency_are_checked_below_its_key(void **state)
{
    const char *const texts[] = {
        "rstudio-connect:\n  sharedStorage: {create: true}\n  executionEnvironments: [{title: a}]\npostgresql: {}\n", NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    helper_assert_finding(findings, "values.environment-name", "blocker", "values.yaml:3:27: ");
    assert_int_equal(json_array_size(findings), 1);
}

static void sub_path_has_its_rules(void **state)
{
    static const struct {
        const char *more, *version, *id;
    } cases[] = {
        {"subPath: a, mountContent: false", "2026.08.0", "values.sub-path"},
        {"subPath: a", "2026.07.0", "values.sub-path-version"},
        {"subPath: /a", "2026.08.0", "values.sub-path-form"},
        {"subPath: a/../b", "2026.08.0", "values.sub-path-form"},
        {"subPath: a", "2026.08.0", NULL},
        {"subPath: a", "2026.10.0", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cm_autofree char *text = cm_fmt("sharedStorage: {mount: true, %s}\nexecutionEnvironments: [{name: a}]\n", cases[i].more);
        const char *const texts[] = {text, NULL};
        cm_autojson findings = check_files(texts, cases[i].version);
        assert_int_equal(json_array_size(findings), cases[i].id ? 1 : 0);
        if (cases[i].id)
            helper_assert_finding(findings, cases[i].id, "blocker", "values.yaml:1:");
    }
}

static void the_later_file_decides(void **state)
{
    const char *const texts[] = {"launcher: {enabled: true}\nsharedStorage: {mount: true}\nexecutionEnvironments: [{name: a}]\n",
                                 "launcher: {enabled: false}\n", NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    assert_null(helper_finding(findings, "values.both-runners"));
}

static void what_a_launcher_that_is_off_would_have_read_is_told_only_where_something_stands(void **state)
{
    static const char *const quiet[] = {
        "launcher: {templateValues: {pod: {}, job: {annotations: {}}, service: {type: ClusterIP}}}\n",
        "launcher: {enabled: false, extraTemplates: {}, launcherKubernetesProfilesConf: null}\n",
        "launcher: {enabled: true, templateValues: {pod: {serviceAccountName: sa}}}\nbackends: {kubernetes: {enabled: false}}\n"};
    (void)state;
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) {
        const char *const texts[] = {"sharedStorage: {mount: true}\nexecutionEnvironments: [{name: a}]\n", quiet[i], NULL};
        cm_autojson findings = check_files(texts, NULL);
        assert_null(helper_finding(findings, "values.launcher-ignored"));
    }
}

static void names_the_nearest_known_key(void **state)
{
    const char *const texts[] = {"sharedStorage: {mount: true}\nexecutionEnvironments: [{name: a}]\npod: {volumeMount: []}\n",
                                 NULL};
    cm_autojson findings = check_files(texts, NULL);
    (void)state;
    assert_string_equal(cm_json_text(helper_finding(findings, "values.unknown-key.pod.volumeMount"), "remedy", ""),
                        "Did you mean volumeMounts?");
}

/* What the conversion makes has none of the faults that the file had. */
static void a_converted_file_has_no_blocker(void **state)
{
    static const char *const files[] = {"minimal", "everything", "beside", "flow"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        cm_autofree char *name = cm_fmt("%s.after.yaml", files[i]);
        cm_autofree char *text = helper_file(name);
        const char *const texts[] = {text, NULL};
        cm_autojson findings = check_files(texts, "2026.08.0");
        for (size_t k = 0; k < json_array_size(findings); k++)
            if (strcmp(cm_json_text(json_array_get(findings, k), "verdict", ""), "blocker") == 0)
                fail_msg("%s: %s", name, cm_json_text(json_array_get(findings, k), "seen", ""));
    }
}

static void what_is_said_to_stand_below_a_key_is_checked_there_alone(void **state)
{
    static const char *const names[] = {"values.yaml", NULL};
    static const char *const texts[] = {
        "image: {tagPrefix: x}\nhub:\n  sharedStorage: {mount: true}\n  pod: {nodeSelector: {a: b}}\n", NULL};
    (void)state;
    cm_autojson findings = cm_values_check(names, texts, "hub", NULL, NULL);

    helper_assert_finding(findings, "values.node-selector", "blocker", "values.yaml:4:");
    for (size_t i = 0; i < json_array_size(findings); i++)
        assert_string_not_equal(cm_json_text(json_array_get(findings, i), "id", ""), "values.tag-prefix");
}

static void refuses_a_file_that_is_no_yaml(void **state)
{
    static const char *const names[] = {"values.yaml", NULL}, *const texts[] = {"a: [\n", NULL};
    cm_autoerr err = NULL;
    (void)state;
    assert_null(cm_values_check(names, texts, NULL, NULL, &err));
    assert_int_equal(strncmp(cm_err_message(err), "values.yaml:", 12), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_has_no_finding),
        cmocka_unit_test(tells_each_rule_with_its_place),
        cmocka_unit_test(storage_and_environments_must_come_from_somewhere),
        cmocka_unit_test(a_merge_key_brings_values_as_helm_reads_them),
        cmocka_unit_test(an_environment_needs_a_name),
        cmocka_unit_test(a_version_without_quotes_may_be_a_number),
        cmocka_unit_test(values_of_a_dependency_are_checked_below_its_key),
        cmocka_unit_test(what_is_said_to_stand_below_a_key_is_checked_there_alone),
        cmocka_unit_test(sub_path_has_its_rules),
        cmocka_unit_test(the_later_file_decides),
        cmocka_unit_test(what_a_launcher_that_is_off_would_have_read_is_told_only_where_something_stands),
        cmocka_unit_test(names_the_nearest_known_key),
        cmocka_unit_test(a_converted_file_has_no_blocker),
        cmocka_unit_test(refuses_a_file_that_is_no_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
