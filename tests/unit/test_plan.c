/* The plan file: reading, problems with their places, defaults and derived values, secrets, short forms, difference. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/mem.h"
#include "plan/kubeconfig.h"
#include "plan/plan.h"
#include "plan/schema.h"

#define SOURCE "source: {hosts: [connect1]}\n"
#define TARGET "target: {context: prod, namespace: posit-connect, release: rsc, values: [values.yaml]}\n"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_plan.XXXXXX");
    unsetenv("KUBECONFIG");
    unsetenv("CONNECT_SERVER");
    unsetenv("CONNECT_API_KEY");
    setenv("HOME", "/nonexistent", 1);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    cm_autofree char *command = cm_fmt("rm -r %s", folder);
    return system(command);
}

static char *in_folder(const char *name) { return cm_path_join(folder, name); }

static void write_file(const char *name, const char *text)
{
    cm_autofree char *path = in_folder(name);
    assert_int_equal(cm_file_write(path, text, strlen(text), 0600, NULL), 0);
}

static struct cm_plan *load(const char *text, struct cm_err **err)
{
    cm_autofree char *path = in_folder("prod.yaml");
    write_file("prod.yaml", text);
    return cm_plan_load(path, err);
}

static struct cm_plan *load_good(const char *text)
{
    cm_autoerr err = NULL;
    struct cm_plan *p = load(text, &err);
    if (!p)
        print_error("%s\n", cm_err_message(err));
    assert_non_null(p);
    return p;
}

static void refuses(const char *text, const char *with)
{
    cm_autoerr err = NULL;
    struct cm_plan *p = load(text, &err);
    assert_null(p);
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    if (!strstr(cm_err_message(err), with))
        print_error("expected: %s\ngot: %s\n", with, cm_err_message(err));
    assert_non_null(strstr(cm_err_message(err), with));
}

/* ---- what is read ---- */

static void reads_the_least_plan_and_fills_in_defaults(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET);
    assert_string_equal(cm_plan_text(p, "runbook"), "vm-to-kubernetes");
    assert_string_equal(cm_plan_text(p, "target.chart"), "rstudio/rstudio-connect");
    assert_int_equal(cm_plan_int(p, "content.build.timeout", 0), 30 * 60 * 1000);
    assert_int_equal(cm_plan_int(p, "content.priority.since", 0), INT64_C(90) * 86400 * 1000);
    assert_int_equal(cm_plan_int(p, "content.priority.top", 0), 50);
    assert_string_equal(cm_plan_text(p, "content.caches.clear"), "kubernetes");
    assert_string_equal(cm_plan_text(p, "database.via"), "direct");
    assert_int_equal(json_array_size(cm_plan_get(p, "connect.doubt")), 3);
    assert_int_equal(json_integer_value(json_array_get(cm_plan_get(p, "connect.doubt"), 2)), 10000);
    assert_string_equal(cm_plan_text(p, "connect.api_key.env"), "CONNECT_API_KEY");
    assert_int_equal(json_object_size(cm_plan_get(p, "temporary")), 3);
    assert_string_equal(cm_plan_origin(p, "content.build.timeout"), "default");
    assert_null(cm_plan_get(p, "window"));
    assert_null(cm_plan_get(p, "license.activations"));
    cm_plan_free(p);
}

static void every_default_of_the_table_is_of_its_own_type(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET);
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        bool moved = strncmp(k->path, "backup", 6) == 0 || strncmp(k->path, "access", 6) == 0;
        if (k->def && !strchr(k->path, '*') && !moved && !cm_plan_get(p, k->path))
            fail_msg("%s has no value", k->path);
    }
    cm_plan_free(p);
}

static void says_where_each_value_came_from(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET);
    cm_autofree char *place = cm_fmt("%s/prod.yaml:2:19", folder);
    assert_string_equal(cm_plan_origin(p, "target.context"), place);
    cm_plan_free(p);
}

static void makes_paths_absolute_against_the_folder_of_the_plan(void **state)
{
    (void)state;
    struct cm_plan *p =
        load_good(SOURCE TARGET "connect: {ca_file: /etc/ca.pem, api_key: {file: key}}\ntools: {helm: ./bin/helm}\n");
    cm_autofree char *values = in_folder("values.yaml");
    cm_autofree char *key = in_folder("key");
    assert_string_equal(json_string_value(json_array_get(cm_plan_get(p, "target.values"), 0)), values);
    assert_string_equal(cm_plan_text(p, "connect.api_key.file"), key);
    assert_string_equal(cm_plan_text(p, "connect.ca_file"), "/etc/ca.pem");
    assert_int_equal(cm_plan_text(p, "tools.helm")[0], '/');
    assert_string_equal(cm_plan_text(p, "tools.kubectl"), "kubectl");
    cm_plan_free(p);
}

static void names_the_run_directory_after_the_plan(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET);
    cm_autofree char *dir = cm_plan_run_dir(p);
    cm_autofree char *expected = in_folder("prod.run");
    assert_string_equal(dir, expected);
    assert_string_equal(cm_plan_dir(p), folder);
    cm_plan_free(p);
}

static void said_temporary_settings_replace_the_defaults(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET "temporary: {Scheduler.MinProcessesLimit: 0}\n");
    const json_t *t = cm_plan_get(p, "temporary");
    assert_int_equal(json_object_size(t), 1);
    assert_true(json_is_integer(json_object_get(t, "Scheduler.MinProcessesLimit")));
    cm_plan_free(p);
}

static void a_launcher_plan_needs_no_old_server(void **state)
{
    (void)state;
    struct cm_plan *p = load_good("runbook: launcher-to-kubernetes-runner\n" TARGET);
    assert_null(cm_plan_get(p, "source.hosts"));
    cm_plan_free(p);
}

static void times_of_the_window_are_in_its_zone(void **state)
{
    (void)state;
    int64_t start = 0, end = 0;
    struct cm_plan *p =
        load_good(SOURCE TARGET "window: {start: \"2026-12-05 22:00\", end: \"2026-12-06T02:00:00Z\", zone: Europe/Berlin}\n");
    assert_true(cm_plan_time(p, "window.start", &start));
    assert_true(cm_plan_time(p, "window.end", &end));
    assert_int_equal(end - start, 5 * 3600 * 1000);
    cm_plan_free(p);
}

/* ---- steps ---- */

static void three_steps_are_done_by_hand_unless_the_plan_says_otherwise(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET "access: {open: {command: [./open]}}\n");
    assert_string_equal(json_string_value(json_object_get(cm_plan_step(p, "backup.take"), "by")), "hand");
    assert_string_equal(json_string_value(json_object_get(cm_plan_step(p, "access.close"), "by")), "hand");
    assert_string_equal(json_string_value(json_object_get(cm_plan_step(p, "access.open"), "by")), "command");
    assert_null(cm_plan_step(p, "helm.deploy"));
    assert_null(json_object_get(cm_plan_get(p, "steps"), "backup.take"));
    assert_null(cm_plan_get(p, "access"));
    cm_plan_free(p);
}

static void short_forms_become_steps(void **state)
{
    (void)state;
    struct cm_plan *p = load_good(SOURCE TARGET "backup: {by: command, command: [snap, --all], note: both}\n");
    const json_t *step = json_object_get(cm_plan_get(p, "steps"), "backup.take");
    cm_autofree char *place = cm_fmt("%s/prod.yaml:3:9", folder);
    assert_int_equal(json_array_size(json_object_get(step, "command")), 2);
    assert_string_equal(cm_plan_step_place(p, "backup.take"), place);
    assert_non_null(cm_plan_origin(p, "steps.backup.take.note"));
    cm_plan_free(p);
}

static void refuses_a_short_form_beside_its_long_one(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "backup: {by: hand}\nsteps: {backup.take: {timeout: 1h}}\n",
            "prod.yaml:4:9: steps.backup.take and backup");
    refuses(SOURCE TARGET "access: {open: {by: hand}}\nsteps: {access.open: {note: x}}\n", "steps.access.open and access.open");
}

static void refuses_by_and_command_that_contradict(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "backup: {by: command}\n", "no `command` is given");
    refuses(SOURCE TARGET "backup: {by: hand, command: [x]}\n", "says `by: hand`");
    refuses(SOURCE TARGET "steps: {backup.take: {by: tool}}\n", "cannot be done by the tool");
}

static void reads_skips_and_answers_ahead(void **state)
{
    (void)state;
    struct cm_plan *p =
        load_good(SOURCE TARGET "stages: {optimize: {skip: later}}\ngates: {gate.login: {note: ann saw it}}\n"
                                "steps: {pager: {with: {a: [1, x]}, retries: 3, timeout: 90s, on_failure: warn}}\n");
    const json_t *pager = cm_plan_step(p, "pager");
    assert_string_equal(cm_plan_stage_skip(p, "optimize"), "later");
    assert_null(cm_plan_stage_skip(p, "deploy"));
    assert_string_equal(cm_plan_gate_note(p, "gate.login"), "ann saw it");
    assert_int_equal(json_integer_value(json_object_get(pager, "timeout")), 90000);
    assert_int_equal(json_array_size(json_object_get(json_object_get(pager, "with"), "a")), 2);
    cm_plan_free(p);
}

/* ---- what is refused ---- */

static void says_all_problems_at_once(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    assert_null(load("sorce: {hosts: [a]}\ntarget: {context: prod, release: Not Good}\ncontent: {build: {parallel: 0}}\n", &err));
    const char *m = cm_err_message(err);
    assert_non_null(strstr(m, "prod.yaml:1:1: unknown key \"sorce\" in the plan; did you mean \"source\"?"));
    assert_non_null(strstr(m, "target.release: \"Not Good\" is no name"));
    assert_non_null(strstr(m, "content.build.parallel: 0 is not between 1 and 64"));
    assert_non_null(strstr(m, "target.namespace is missing"));
    assert_non_null(strstr(m, "source.hosts is missing"));
    assert_null(strstr(m, "target.release is missing"));
}

static void an_unknown_key_names_the_place_where_it_belongs(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "namespace: x\n", "there is target.namespace");
    refuses(SOURCE TARGET "content: {bulid: {}}\n", "prod.yaml:3:11: unknown key \"bulid\" in content; did you mean \"build\"?");
}

static void a_wrong_word_names_the_nearest(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "content: {caches: {clear: kubernets}}\n", "did you mean kubernetes?");
    refuses(SOURCE TARGET "allow: [pod]\n", "allow: expected one of pods or images, found \"pod\"; did you mean pods?");
}

static void refuses_a_secret_without_showing_it(void **state)
{
    (void)state;
    static const char *const plans[] = {
        SOURCE TARGET "connect: {api_key: hunter2hunter2}\n",
        SOURCE TARGET "connect: {api_key: {env: hunter2hunter2-}}\n",
        SOURCE TARGET "database: {password: hunter2hunter2}\n",
        SOURCE TARGET "notify: {webhook: \"https://hooks/hunter2hunter2\"}\n",
        SOURCE TARGET "connect: {url: \"https://ann:hunter2hunter2@connect\"}\n",
        SOURCE TARGET "connect: {api_key: {value: hunter2hunter2}}\n",
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        cm_autoerr err = NULL;
        assert_null(load(plans[i], &err));
        assert_int_equal(cm_err_code(err), CM_E_USAGE);
        assert_null(strstr(cm_err_message(err), "hunter2"));
        assert_true(!cm_err_evidence(err) || !strstr(cm_err_evidence(err), "hunter2"));
    }
}

#define CHART(text) SOURCE "target: {context: prod, namespace: a, release: b, values: [v], chart: \"" text "\"}\n"

static void a_chart_is_a_name_an_address_or_a_path_beside_the_plan(void **state)
{
    static const char *const as_they_are[] = {CHART("hub/rstudio-connect"),
                                              CHART("oci://registry.example.com/charts/rstudio-connect"),
                                              CHART("https://charts.example.com/rstudio-connect-0.21.0.tgz")};
    static const char *const paths[] = {CHART("./hub"), CHART("rstudio-connect-0.21.0.tgz"),
                                        CHART("charts/rstudio-connect-0.21.0.tgz")};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct cm_plan *p = load_good(as_they_are[i]);
        assert_true(*cm_plan_text(p, "target.chart") != '/');
        cm_plan_free(p);
        p = load_good(paths[i]);
        assert_true(*cm_plan_text(p, "target.chart") == '/');
        cm_plan_free(p);
    }
}

static void refuses_a_login_in_the_charts_address_without_showing_it(void **state)
{
    static const char *const plans[] = {CHART("https://ann:hunter2@charts.example.com/x.tgz"),
                                        CHART("oci://hunter2@registry.example.com/x")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cm_autoerr err = NULL;
        assert_null(load(plans[i], &err));
        assert_non_null(strstr(cm_err_message(err), "helm registry login"));
        assert_null(strstr(cm_err_message(err), "hunter2"));
    }
}

static void refuses_numbers_where_text_is_meant(void **state)
{
    (void)state;
    refuses(SOURCE "target: {context: prod, namespace: a, release: b, values: [v], chart_version: 0.8}\n", "write \"0.8\"");
    refuses(SOURCE TARGET "ticket: 4711\n", "write \"4711\"");
}

static void refuses_a_host_name_that_ssh_would_take_for_an_option(void **state)
{
    (void)state;
    refuses("source: {hosts: [-oProxyCommand=x]}\n" TARGET, "expected a host name");
    refuses("source: {hosts: [a, a]}\n" TARGET, "named twice");
    refuses("source: {hosts: []}\n" TARGET, "at least one machine");
}

static void refuses_a_shell_that_cannot_tell_hosts_apart(void **state)
{
    (void)state;
    refuses("source: {hosts: [a, b], shell: [docker, exec, c]}\n" TARGET, "holds {host}");
    refuses("source: {hosts: [a], shell: ssh -F x}\n" TARGET, "written as a list");
    cm_plan_free(load_good("source: {hosts: [a], shell: [docker, exec, c]}\n" TARGET));
}

static void refuses_a_window_that_is_none(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "window: {start: \"2026-12-05 22:00\", end: \"2026-12-05 21:00\"}\n", "ends before it begins");
    refuses(SOURCE TARGET "window: {start: \"tomorrow\"}\n", "expected a time like");
    refuses(SOURCE TARGET "window: {zone: Europe/Atlantis}\n", "window.zone");
}

static void refuses_entries_without_their_reason(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "gates: {gate.login: {}}\n", "gates.gate.login.note is missing");
    refuses(SOURCE TARGET "stages: {optimize: {}}\n", "stages.optimize.skip is missing");
}

static void refuses_a_runbook_given_as_a_plan(void **state)
{
    (void)state;
    refuses("runbook: 1\nid: x\nstages: []\n", "this is a runbook, not a plan");
    refuses("", "empty");
    refuses("[1]\n", "a plan is a mapping");
}

static void refuses_settings_that_are_not_section_and_key(void **state)
{
    (void)state;
    refuses(SOURCE TARGET "temporary: {MinProcessesLimit: 0}\n", "Section.Key");
    refuses(SOURCE TARGET "temporary: {Scheduler.MinProcessesLimit: }\n", "expected a number, a text, true or false");
}

/* ---- what is derived ---- */

static void takes_context_and_namespace_from_the_kubeconfig(void **state)
{
    (void)state;
    write_file("kube", "current-context: prod\ncontexts:\n- {name: test, context: {namespace: no}}\n"
                       "- {name: prod, context: {cluster: c, namespace: posit}}\n");
    cm_autofree char *kube = in_folder("kube");
    setenv("KUBECONFIG", kube, 1);
    struct cm_plan *p = load_good(SOURCE "target: {release: rsc, values: [v]}\n");
    unsetenv("KUBECONFIG");
    assert_string_equal(cm_plan_text(p, "target.context"), "prod");
    assert_string_equal(cm_plan_text(p, "target.namespace"), "posit");
    assert_string_equal(cm_plan_text(p, "target.kubeconfig"), kube);
    assert_string_equal(cm_plan_origin(p, "target.kubeconfig"), "derived: KUBECONFIG");
    cm_plan_free(p);
}

static void the_first_of_several_kubeconfigs_wins(void **state)
{
    (void)state;
    write_file("kube1", "contexts:\n- {name: prod, context: {namespace: one}}\n");
    write_file("kube2", "current-context: prod\ncontexts:\n- {name: prod, context: {namespace: two}}\n");
    cm_autofree char *both = cm_fmt("%s/kube1:%s/missing:%s/kube2", folder, folder, folder);
    setenv("KUBECONFIG", both, 1);
    struct cm_plan *p = load_good(SOURCE "target: {release: rsc, values: [v]}\n");
    unsetenv("KUBECONFIG");
    assert_string_equal(cm_plan_text(p, "target.context"), "prod");
    assert_string_equal(cm_plan_text(p, "target.namespace"), "one");
    assert_null(cm_plan_get(p, "target.kubeconfig"));
    cm_plan_free(p);
}

static void says_what_a_missing_context_was_looked_for_in(void **state)
{
    (void)state;
    refuses(SOURCE "target: {release: rsc, values: [v]}\n", "target.context is missing: the kubeconfig's context of the cluster");
    refuses(SOURCE "target: {release: rsc, values: [v]}\n", "it was not found in the kubeconfig's current context");
}

static struct cm_plan *load_umbrella(const char *dependencies, const char *more)
{
    cm_autofree char *chart = cm_fmt("apiVersion: v2\nname: platform\ndependencies: %s\n", dependencies);
    cm_autofree char *dir = in_folder("umbrella");
    cm_autofree char *plan =
        cm_fmt(SOURCE "target: {context: prod, namespace: posit, release: rsc, values: [v], chart: ./umbrella%s}\n", more);
    cm_dir_make(dir, 0700, NULL);
    write_file("umbrella/Chart.yaml", chart);
    return load_good(plan);
}

static void the_key_of_connects_values_is_the_alias_or_name_of_the_dependency(void **state)
{
    static const struct {
        const char *dependencies, *more, *key;
    } cases[] = {
        {"[{name: postgresql}, {name: rstudio-connect, alias: connect}]", "", "connect"},
        {"[{name: rstudio-connect}]", "", "rstudio-connect"},
        {"[{name: rstudio-connect, alias: connect}]", ", values_at: platform.connect", "platform.connect"},
        {"[{name: rstudio-connect, alias: a}, {name: rstudio-connect, alias: b}]", "", NULL},
        {"[{name: rstudio-library}]", "", NULL},
        {"[]", ", values_at: \"https://git.example.com/values\"", NULL},
        {"[]", ", values_at: \"git@git.example.com:connect.git\"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_plan *p = load_umbrella(cases[i].dependencies, cases[i].more);
        if (cases[i].key != NULL)
            assert_string_equal(cm_plan_values_key(p), cases[i].key);
        else
            assert_null(cm_plan_values_key(p));
        cm_plan_free(p);
    }
}

static void the_key_says_which_chart_it_comes_from(void **state)
{
    (void)state;
    struct cm_plan *p = load_umbrella("[{name: rstudio-connect, alias: connect}]", "");

    assert_non_null(strstr(cm_plan_origin(p, "target.values_at"), "umbrella/Chart.yaml"));

    cm_plan_free(p);
}

static void takes_the_public_address_from_connect_server(void **state)
{
    (void)state;
    setenv("CONNECT_SERVER", "https://connect.example.com/", 1);
    struct cm_plan *p = load_good(SOURCE TARGET);
    struct cm_plan *said = load_good(SOURCE TARGET "connect: {url: http://other}\n");
    unsetenv("CONNECT_SERVER");
    assert_string_equal(cm_plan_text(p, "connect.url"), "https://connect.example.com");
    assert_string_equal(cm_plan_origin(p, "connect.url"), "derived: CONNECT_SERVER");
    assert_string_equal(cm_plan_text(said, "connect.url"), "http://other");
    cm_plan_free(p);
    cm_plan_free(said);
}

/* ---- comparing ---- */

static void the_difference_says_each_changed_value(void **state)
{
    (void)state;
    struct cm_plan *a = load_good(SOURCE TARGET "content: {build: {timeout: 30m}}\n");
    struct cm_plan *b = load_good("source: {hosts: [connect1, connect2]}\n"
                                  "target: {context: prod, namespace: connect, release: rsc, values: [values.yaml]}\n"
                                  "content: {build: {timeout: 45m}}\nsteps: {pods.wait: {timeout: 20m}}\n");
    cm_autofree char *diff = cm_plan_diff(cm_plan_normal(a), cm_plan_normal(b));
    cm_autofree char *none = cm_plan_diff(cm_plan_normal(a), cm_plan_normal(a));
    cm_autofree char *one = cm_plan_digest(cm_plan_normal(a)), *two = cm_plan_digest(cm_plan_normal(b));
    assert_non_null(strstr(diff, "target.namespace: posit-connect → connect\n"));
    assert_non_null(strstr(diff, "source.hosts: [connect1] → [connect1, connect2]\n"));
    assert_non_null(strstr(diff, "content.build.timeout: 30m 00s → 45m 00s\n"));
    assert_non_null(strstr(diff, "steps.pods.wait.timeout: (not said) → 20m 00s\n"));
    assert_string_equal(none, "");
    assert_int_equal(strlen(one), 64);
    assert_string_not_equal(one, two);
    cm_plan_free(a);
    cm_plan_free(b);
}

static void the_difference_of_runbooks_is_by_step(void **state)
{
    (void)state;
    cm_autojson a =
        json_loads("{\"id\":\"r\",\"stages\":[{\"id\":\"s\",\"steps\":[{\"id\":\"x\",\"retries\":0},{\"id\":\"y\"}]}]}", 0, NULL);
    cm_autojson b =
        json_loads("{\"id\":\"r\",\"stages\":[{\"id\":\"s\",\"steps\":[{\"id\":\"z\"},{\"id\":\"x\",\"retries\":2}]}]}", 0, NULL);
    cm_autofree char *diff = cm_plan_diff(a, b);
    assert_string_equal(diff, "stages.s.steps.x.retries: 0 → 2\nstages.s.steps.y: taken out\nstages.s.steps.z: put in\n"
                              "stages.s.steps.x: at another place\n");
}

static void the_digest_does_not_depend_on_the_order_of_keys(void **state)
{
    (void)state;
    struct cm_plan *a = load_good(SOURCE TARGET), *b = load_good(TARGET "# a comment\n" SOURCE);
    cm_autofree char *one = cm_plan_digest(cm_plan_normal(a)), *two = cm_plan_digest(cm_plan_normal(b));
    assert_string_equal(one, two);
    cm_plan_free(a);
    cm_plan_free(b);
}

static void a_value_fits_when_the_table_takes_it(void **state)
{
    (void)state;
    assert_false(cm_plan_fits("source.hosts", "[connect1, 'a b']"));
    assert_true(cm_plan_fits("source.hosts", "[connect1]"));
    assert_false(cm_plan_fits("source.hosts", "[-oProxyCommand=x]"));
    assert_true(cm_plan_fits("connect.url", "'https://connect.example.com'"));
    assert_false(cm_plan_fits("connect.url", "'https://ann:secret@connect.example.com'"));
    assert_true(cm_plan_fits("target.namespace", "posit-connect"));
    assert_false(cm_plan_fits("target.namespace", "Posit Connect"));
    assert_false(cm_plan_fits("target.context", "yes"));
    assert_true(cm_plan_fits("target.context", "'yes'"));
    assert_false(cm_plan_fits("target.no-such-key", "x"));
    assert_false(cm_plan_fits("target", "{}"));
    assert_false(cm_plan_fits("target.context", ""));
}

static void all_contexts_of_several_kubeconfigs_are_known_once(void **state)
{
    (void)state;
    cm_autofree char *one = in_folder("kube1"), *two = in_folder("kube2"), *none = in_folder("kube0"),
                     *files = cm_fmt("%s:%s:%s", none, one, two);
    cm_autokubeconfig k = {0};
    write_file("kube1", "contexts: [{name: a, context: {}}, {name: b, context: {namespace: first}}]\n");
    write_file(
        "kube2",
        "current-context: b\ncontexts: [{name: b, context: {namespace: second}}, {name: a, context: {namespace: late}}, {}]\n");
    cm_kubeconfig_read(&k, files);
    assert_string_equal(k.current, "b");
    assert_string_equal(k.current_file, two);
    assert_int_equal(k.count, 2);
    assert_string_equal(cm_kubeconfig_context(&k, "b")->namespace, "first");
    assert_string_equal(cm_kubeconfig_context(&k, "a")->namespace, "late");
    assert_string_equal(cm_kubeconfig_context(&k, "a")->file, one);
    assert_null(cm_kubeconfig_context(&k, "c"));
    assert_null(cm_kubeconfig_context(&k, NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_least_plan_and_fills_in_defaults),
        cmocka_unit_test(every_default_of_the_table_is_of_its_own_type),
        cmocka_unit_test(says_where_each_value_came_from),
        cmocka_unit_test(makes_paths_absolute_against_the_folder_of_the_plan),
        cmocka_unit_test(names_the_run_directory_after_the_plan),
        cmocka_unit_test(said_temporary_settings_replace_the_defaults),
        cmocka_unit_test(a_launcher_plan_needs_no_old_server),
        cmocka_unit_test(times_of_the_window_are_in_its_zone),
        cmocka_unit_test(three_steps_are_done_by_hand_unless_the_plan_says_otherwise),
        cmocka_unit_test(short_forms_become_steps),
        cmocka_unit_test(refuses_a_short_form_beside_its_long_one),
        cmocka_unit_test(refuses_by_and_command_that_contradict),
        cmocka_unit_test(reads_skips_and_answers_ahead),
        cmocka_unit_test(says_all_problems_at_once),
        cmocka_unit_test(an_unknown_key_names_the_place_where_it_belongs),
        cmocka_unit_test(a_wrong_word_names_the_nearest),
        cmocka_unit_test(refuses_a_secret_without_showing_it),
        cmocka_unit_test(a_chart_is_a_name_an_address_or_a_path_beside_the_plan),
        cmocka_unit_test(refuses_a_login_in_the_charts_address_without_showing_it),
        cmocka_unit_test(refuses_numbers_where_text_is_meant),
        cmocka_unit_test(refuses_a_host_name_that_ssh_would_take_for_an_option),
        cmocka_unit_test(refuses_a_shell_that_cannot_tell_hosts_apart),
        cmocka_unit_test(refuses_a_window_that_is_none),
        cmocka_unit_test(refuses_entries_without_their_reason),
        cmocka_unit_test(refuses_a_runbook_given_as_a_plan),
        cmocka_unit_test(refuses_settings_that_are_not_section_and_key),
        cmocka_unit_test(takes_context_and_namespace_from_the_kubeconfig),
        cmocka_unit_test(the_first_of_several_kubeconfigs_wins),
        cmocka_unit_test(says_what_a_missing_context_was_looked_for_in),
        cmocka_unit_test(the_key_of_connects_values_is_the_alias_or_name_of_the_dependency),
        cmocka_unit_test(the_key_says_which_chart_it_comes_from),
        cmocka_unit_test(takes_the_public_address_from_connect_server),
        cmocka_unit_test(the_difference_says_each_changed_value),
        cmocka_unit_test(the_difference_of_runbooks_is_by_step),
        cmocka_unit_test(the_digest_does_not_depend_on_the_order_of_keys),
        cmocka_unit_test(a_value_fits_when_the_table_takes_it),
        cmocka_unit_test(all_contexts_of_several_kubeconfigs_are_known_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
