/* adapters: helm, scripted: its command lines hold what they must and never what they must not; a release is read from its records. */
#include <config.h>

#include "fake_step.h"

#include "adapters/helm.h"
#include "base/json.h"

static int begin(void **state)
{
    struct cm_step *st = scene_new();
    scene_plan(st, "{hosts: [a]}", "");
    unsetenv("HELM_DRIVER");
    *state = st;
    return 0;
}

static int end(void **state)
{
    unsetenv("HELM_DRIVER");
    scene_free(*state);
    return 0;
}

#define RECORD(version, status, more)                                                                                              \
    "{\"metadata\":{\"name\":\"sh.helm.release.v1.connect.v" version                                                               \
    "\",\"labels\":{\"owner\":\"helm\",\"name\":\"connect\",\"status\":\"" status "\",\"version\":\"" version "\"" more "}}}"

static void reads_the_revisions_oldest_first(void **state)
{
    struct cm_step *st = *state;
    struct cm_helm_revision *list = NULL;
    size_t n = 0;
    scene_tool(st, "kubectl", "cat $DIR/records");
    scene_put(st, "records",
              "{\"items\":[" RECORD("10", "pending-upgrade",
                                    ",\"connect-migrate/intent\":\"7\",\"connect-migrate/purpose\":\"deploy\","
                                    "\"connect-migrate/run\":\"run-1\",\"modifiedAt\":\"1700000000\"") "," RECORD("9", "deployed",
                                                                                                                  "") "]}",
              0600);

    assert_int_equal(cm_helm_revisions(st, &list, &n, NULL), 0);

    assert_int_equal(n, 2);
    assert_int_equal(list[0].revision, 9);
    assert_string_equal(list[0].intent, "");
    assert_int_equal(list[1].revision, 10);
    assert_true(cm_helm_pending(&list[1]));
    assert_string_equal(list[1].intent, "7");
    assert_string_equal(list[1].purpose, "deploy");
    assert_string_equal(list[1].run, "run-1");
    assert_string_equal(list[1].secret, "sh.helm.release.v1.connect.v10");
    assert_string_equal(list[1].modified, "2023-11-14T22:13:20.000Z");
    assert_int_equal(scene_count(st, "get secrets -l owner=helm,name=connect -o json"), 1);
    free(list);
}

static void follows_the_driver_that_the_administrator_set(void **state)
{
    struct cm_step *st = *state;
    struct cm_helm_revision *list = NULL;
    size_t n = 1;
    setenv("HELM_DRIVER", "configmap", 1);
    scene_tool(st, "kubectl", "echo '{\"items\":[]}'");

    assert_int_equal(cm_helm_revisions(st, &list, &n, NULL), 0);

    assert_int_equal(n, 0);
    assert_int_equal(scene_count(st, "get configmaps -l owner=helm"), 1);
}

static void records_that_may_not_be_read_are_no_absent_release(void **state)
{
    struct cm_step *st = *state;
    struct cm_helm_revision *list = NULL;
    size_t n = 0;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl", "echo 'Error from server (Forbidden): secrets is forbidden' >&2; exit 1");

    assert_int_equal(cm_helm_revisions(st, &list, &n, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "may not be read"));
}

static void an_upgrade_carries_its_labels_and_the_files_in_order(void **state)
{
    struct cm_step *st = *state;
    struct cm_intent *i = NULL;
    cm_autoout out = {0};
    const char *const more[] = {"/x/values.config.yaml", "/x/values.temporary.yaml", NULL};
    scene_tool(st, "helm", "exit 0");
    assert_int_equal(cm_intend(st, &(struct cm_intent_spec){.effect = "helm.upgrade", .key = "connect"}, &i, NULL), 0);

    assert_int_equal(cm_helm_upgrade(i, "deploy", more, false, NULL, NULL, &out, NULL), 0);

    cm_autofree char *calls = scene_read(st, "calls");
    cm_autofree char *want = cm_fmt("helm upgrade --install connect rstudio/rstudio-connect --kube-context prod --namespace posit "
                                    "--values %s/values.yaml --values /x/values.config.yaml --values /x/values.temporary.yaml "
                                    "--labels connect-migrate/intent=1,connect-migrate/purpose=deploy,connect-migrate/run=run-1\n",
                                    st->dir);
    assert_string_equal(calls, want);
    static const char *const never[] = {"--wait", "--atomic", "--reuse-values", "--set", "rollback"};
    for (size_t k = 0; k < sizeof never / sizeof *never; k++)
        assert_null(strstr(calls, never[k]));
}

static void converted_values_take_the_place_of_the_plans(void **state)
{
    struct cm_step *st = *state;
    const char *own = json_string_value(json_array_get(cm_plan_get(cm_step_plan(st), "target.values"), 0));
    json_object_set_new(st->facts, "values.files",
                        json_pack("{s:{s:s}, s:{s:s}}", own, "given", "/run/values.converted.yaml", "/not/in/the/plan.yaml",
                                  "given", "/run/of-before.yaml"));

    cm_autofree char *line = cm_helm_upgrade_by_hand(st, NULL);

    assert_non_null(strstr(line, "--values /run/values.converted.yaml"));
    assert_null(strstr(line, "/values.yaml"));
    assert_null(strstr(line, "of-before"));
}

static void any_status_of_an_upgrade_is_left_to_the_caller(void **state)
{
    struct cm_step *st = *state;
    struct cm_intent *i = NULL;
    cm_autoout out = {0};
    scene_tool(st, "helm", "echo 'Error: UPGRADE FAILED' >&2; exit 1");
    assert_int_equal(cm_intend(st, &(struct cm_intent_spec){.effect = "helm.upgrade", .key = "connect"}, &i, NULL), 0);

    assert_int_equal(cm_helm_upgrade(i, "deploy", NULL, false, NULL, NULL, &out, NULL), 0);

    assert_int_equal(out.status, 1);
    assert_int_equal(cm_intent_life(i), CM_NOTED);
}

static void reads_the_charts_description(void **state)
{
    struct cm_step *st = *state;
    json_t *chart = NULL;
    scene_tool(st, "helm", "printf 'name: rstudio-connect\\nversion: 0.21.0\\nappVersion: 2026.08.0\\n'");

    assert_int_equal(cm_helm_chart(st, &chart, NULL), 0);

    cm_autojson c = chart;
    assert_string_equal(cm_json_text(c, "appVersion", ""), "2026.08.0");
}

static void a_missing_repository_has_a_hint_to_type(void **state)
{
    struct cm_step *st = *state;
    json_t *chart = NULL;
    cm_autoerr err = NULL;
    scene_tool(st, "helm", "echo 'Error: repo rstudio not found' >&2; exit 1");

    assert_int_equal(cm_helm_chart(st, &chart, &err), -1);

    assert_non_null(strstr(cm_err_hint(err), "helm repo add rstudio"));
}

static void what_a_registry_was_asked_for_is_no_part_of_the_answer(void **state)
{
    struct cm_step *st = *state;
    json_t *chart = NULL;
    char *text = NULL;
    scene_tool(st, "helm",
               "printf 'Pulled: registry.example.com/charts/rstudio-connect:0.21.0\\nDigest: sha256:81ce\\n'\n"
               "[ $1 = show ] && printf 'name: rstudio-connect\\nversion: 0.21.0\\n' || printf -- '---\\nkind: Service\\n'");

    assert_int_equal(cm_helm_chart(st, &chart, NULL), 0);
    assert_int_equal(cm_helm_template(st, NULL, &text, NULL), 0);

    cm_autojson c = chart;
    cm_autofree char *manifests = text;
    assert_string_equal(manifests, "---\nkind: Service\n");
    assert_null(json_object_get(c, "Pulled"));
}

/* What helm 3.21 and 4.2 say. */
static void a_chart_that_is_not_reached_is_not_the_cluster(void **state)
{
    static const struct {
        const char *words, *message, *hint;
        bool passing, absent;
    } said[] = {
        {"Get \\\"https://charts.example.com/rstudio-connect-0.21.0.tgz\\\": dial tcp 192.0.2.1:443: connect: connection refused",
         "the chart was not reached", "helm pull", true, false},
        {"Get \\\"https://charts.example.com/x-1.tgz\\\": dial tcp: lookup charts.example.com: no such host",
         "the chart was not reached", "HTTPS_PROXY", true, false},
        {"failed to fetch https://charts.example.com/x-1.tgz : 404 Not Found", "cannot get the chart", "target.chart", false, true},
        {"failed to fetch https://charts.example.com/x-1.tgz : 401 Unauthorized", "cannot get the chart", "helm repo add", false,
         false},
        {"chart \\\"x\\\" matching 1.0.0 not found in a index. (try 'helm repo update'): no chart version found for x-1.0.0",
         "cannot get the chart", "helm search repo", false, true},
        {"failed to perform \\\"FetchReference\\\" on source: registry.example.com/x:1.0.0: not found", "cannot get the chart",
         "target.chart_version", false, true},
        {"failed to perform \\\"FetchReference\\\" on source: GET \\\"https://registry.example.com/v2/x/manifests/1\\\": basic credential "
         "not found",
         "cannot get the chart", "helm registry login", false, false},
        {"Kubernetes cluster unreachable: Get \\\"https://192.0.2.1:6443/version\\\": dial tcp 192.0.2.1:6443: i/o timeout",
         "the cluster was not reached", "kubectl", true, false},
    };
    struct cm_step *st = *state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        cm_autoerr err = NULL;
        char *text = NULL;
        cm_autofree char *body = cm_fmt("printf 'Error: %%s\\n' \"%s\" >&2; exit 1", said[i].words);
        scene_tool(st, "helm", body);

        assert_int_equal(cm_helm_template(st, NULL, &text, &err), -1);

        if (strstr(cm_err_message(err), said[i].message) == NULL || strstr(cm_err_hint(err), said[i].hint) == NULL ||
            cm_err_is_passing(err) != said[i].passing || cm_helm_chart_is_absent(err) != said[i].absent)
            fail_msg("%s: %s | %s", said[i].words, cm_err_message(err), cm_err_hint(err));
    }
}

static void the_chart_that_was_agreed_to_stays(void **state)
{
    struct cm_step *st = *state;
    json_object_set_new(st->facts, CM_FACT_CHART,
                        json_pack("{s:s, s:s, s:s}", "chart", "rstudio/rstudio-connect", "version", "0.20.7", "wanted", ""));

    cm_autofree char *as_agreed = cm_helm_upgrade_by_hand(st, NULL);
    scene_plan_target(st, "{hosts: [a]}", ", chart_version: \"0.21.0\"", "");
    cm_autofree char *pinned_since = cm_helm_upgrade_by_hand(st, NULL);

    assert_non_null(strstr(as_agreed, "--version 0.20.7"));
    assert_non_null(strstr(pinned_since, "--version 0.21.0"));
}

static void what_is_rendered_is_handed_over_and_not_logged(void **state)
{
    struct cm_step *st = *state;
    char *text = NULL;
    scene_tool(st, "helm", "echo 'kind: Secret'; echo 'data: c2VjcmV0'");

    assert_int_equal(cm_helm_template(st, NULL, &text, NULL), 0);

    cm_autofree char *manifests = text;
    assert_non_null(strstr(manifests, "kind: Secret"));
    assert_null(strstr(cm_str_text(&st->log), "c2VjcmV0"));
}

static void a_version_is_one_line(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "helm", "echo v3.15.2");

    cm_autofree char *version = cm_helm_version(st, NULL);

    assert_string_equal(version, "v3.15.2");
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(reads_the_revisions_oldest_first),
        T(follows_the_driver_that_the_administrator_set),
        T(records_that_may_not_be_read_are_no_absent_release),
        T(an_upgrade_carries_its_labels_and_the_files_in_order),
        T(converted_values_take_the_place_of_the_plans),
        T(what_a_registry_was_asked_for_is_no_part_of_the_answer),
        T(a_chart_that_is_not_reached_is_not_the_cluster),
        T(the_chart_that_was_agreed_to_stays),
        T(any_status_of_an_upgrade_is_left_to_the_caller),
        T(reads_the_charts_description),
        T(a_missing_repository_has_a_hint_to_type),
        T(what_is_rendered_is_handed_over_and_not_logged),
        T(a_version_is_one_line),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
