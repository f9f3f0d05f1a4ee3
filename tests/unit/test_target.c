/* actions: the new server's names by the chart's rules, helm's merge, and what pods show. */
#include <config.h>

#include "fake_step.h"

#include "actions/target.h"
#include "base/json.h"

static int begin(void **state)
{
    *state = scene_new();
    return 0;
}

static int end(void **state)
{
    scene_free(*state);
    return 0;
}

static void the_name_follows_the_charts_rule(void **state)
{
    (void)state;
    static const struct {
        const char *release, *full, *name, *want;
    } rows[] = {
        {"rstudio-connect-prod", NULL, NULL, "rstudio-connect-prod"},
        {"connect", NULL, NULL, "connect-rstudio-connect"},
        {"connect", "", "", "connect-rstudio-connect"},
        {"connect", "given", NULL, "given"},
        {"connect", NULL, "pct", "connect-pct"},
        {"my-pct-x", NULL, "pct", "my-pct-x"},
        {"connect", "given-", "pct", "given"},
        {"a23456789-b23456789-c23456789-d23456789-e234", NULL, NULL,
         "a23456789-b23456789-c23456789-d23456789-e234-rstudio-connect"},
        {"a23456789-b23456789-c23456789-d23456789-e23456789-f2", NULL, NULL,
         "a23456789-b23456789-c23456789-d23456789-e23456789-f2-rstudio-co"},
        {"a23456789-b23456789-c23456789-d23456789-e23456789-", "a23456789-b23456789-c23456789-d23456789-e23456789-f2345678901-3-x",
         NULL, "a23456789-b23456789-c23456789-d23456789-e23456789-f2345678901-3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cm_autofree char *is = cm_target_name(rows[i].release, rows[i].full, rows[i].name);
        assert_string_equal(is, rows[i].want);
        assert_true(strlen(is) <= 63);
    }
}

static void a_cut_name_does_not_end_in_a_dash(void **state)
{
    (void)state;
    char release[80];
    memset(release, 'a', 62);
    memcpy(release + 62, "-rstudio-connect", 17);

    cm_autofree char *is = cm_target_name(release, NULL, NULL);

    assert_int_equal(strlen(is), 62);
}

static void names_come_from_the_merged_files(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "values.yaml", "nameOverride: one\nsharedStorage: {name: claim}\n", 0600);
    scene_plan(st, "{hosts: [a]}", "");

    assert_string_equal(cm_target_fullname(st), "connect-one");
    assert_string_equal(cm_target_selector(st), "app.kubernetes.io/name=one,app.kubernetes.io/instance=connect");
    assert_string_equal(cm_target_pvc(st), "claim");
    assert_string_equal(cm_target_content_namespace(st), "posit");
}

static const char CONNECTS[] = "platform:\n  hub:\n    sharedStorage: {path: /data}\nsharedStorage: {name: claim, path: /other}\n"
                               "nameOverride: one\n";

static void values_of_a_dependency_are_those_below_its_key_and_name_it(void **state)
{
    struct cm_step *st = *state;
    const json_t *values = NULL;
    scene_put(st, "values.yaml", CONNECTS, 0600);
    scene_plan_target(st, "{hosts: [a]}", ", values_at: platform.hub", "");

    assert_int_equal(cm_target_base_json(st, &values, NULL), 0);
    cm_autofree char *ours = cm_target_values_text(st, cm_strdup("replicas: 0\n"));

    assert_string_equal(cm_target_data_dir(st), "/data");
    assert_null(json_object_get(values, "nameOverride"));
    assert_string_equal(cm_target_fullname(st), "connect-hub");
    assert_string_equal(cm_target_selector(st), "app.kubernetes.io/name=hub,app.kubernetes.io/instance=connect");
    assert_string_equal(cm_target_pvc(st), "connect-hub-shared-storage");
    assert_string_equal(ours, "platform:\n  hub:\n    replicas: 0\n");
}

static void an_address_where_files_are_kept_is_no_key(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "values.yaml", CONNECTS, 0600);
    scene_plan_target(st, "{hosts: [a]}", ", values_at: \"git@git.example.com:platform/hub.git\"", "");

    assert_string_equal(cm_target_data_dir(st), "/other");
    assert_string_equal(cm_target_fullname(st), "connect-one");
}

static const char RENDERED[] =
    "---\nkind: Service\nmetadata:\n  name: other\n  labels: {helm.sh/chart: other-9.9.9, app.kubernetes.io/version: 9.9.9}\n"
    "---\nkind: Service\nmetadata:\n  name: connect-hub\n  labels:\n    helm.sh/chart: hub-0.21.0\n    app.kubernetes.io/version: \"2026.08.0\"\n";

static void the_version_of_a_dependency_is_told_by_what_it_renders(void **state)
{
    struct cm_step *st = *state;
    cm_autojson chart = NULL;
    scene_put(st, "rendered", RENDERED, 0600);
    scene_tool(st, "helm", "case $1 in template) cat $DIR/rendered;; *) exit 1;; esac");
    scene_plan_target(st, "{hosts: [a]}", ", values_at: platform.hub", "");

    assert_int_equal(cm_target_chart(st, &chart, NULL), 0);

    assert_string_equal(cm_json_text(chart, "appVersion", ""), "2026.08.0");
    assert_string_equal(cm_json_text(chart, "version", ""), "0.21.0");
}

static void without_a_key_the_plans_chart_is_asked(void **state)
{
    struct cm_step *st = *state;
    cm_autojson chart = NULL;
    scene_tool(st, "helm", "case $1 in show) echo 'name: rstudio-connect'; echo 'appVersion: 2026.07.0';; *) exit 1;; esac");
    scene_plan(st, "{hosts: [a]}", "");

    assert_int_equal(cm_target_chart(st, &chart, NULL), 0);

    assert_string_equal(cm_json_text(chart, "appVersion", ""), "2026.07.0");
}

static void without_a_name_the_claim_is_the_charts(void **state)
{
    struct cm_step *st = *state;
    scene_plan(st, "{hosts: [a]}", "");

    assert_string_equal(cm_target_pvc(st), "connect-rstudio-connect-shared-storage");
}

static void the_oldest_living_pod_counts(void **state)
{
    struct cm_step *st = *state;
    int64_t at = 0;
    scene_plan(st, "{hosts: [a]}", "");
    scene_tool(st, "kubectl", "cat $DIR/pods");
    scene_put(st, "pods",
              "{\"items\":[{\"metadata\":{\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"status\":{\"phase\":\"Failed\"}},"
              "{\"metadata\":{\"creationTimestamp\":\"1970-01-01T00:00:09Z\"},\"status\":{\"phase\":\"Running\"}},"
              "{\"metadata\":{\"creationTimestamp\":\"1970-01-01T00:00:05Z\"},\"status\":{\"phase\":\"Pending\"}}]}",
              0600);

    assert_int_equal(cm_target_first_pod(st, &at, NULL), 0);

    assert_int_equal(at, 5000);
}

static void a_container_is_stuck_only_when_it_lasts(void **state)
{
    (void)state;
    cm_autojson pods = json_loads(
        "[{\"metadata\":{\"name\":\"p\"},\"status\":{\"containerStatuses\":[{\"name\":\"connect\",\"state\":{\"waiting\":"
        "{\"reason\":\"ImagePullBackOff\"}}}]}}]",
        0, NULL);
    cm_autojson fine = json_loads(
        "[{\"metadata\":{\"name\":\"p\"},\"status\":{\"containerStatuses\":[{\"name\":\"connect\",\"state\":{\"waiting\":"
        "{\"reason\":\"ContainerCreating\"}}}]}}]",
        0, NULL);
    int64_t since = 0;

    assert_null(cm_target_stuck(pods, 1000, 500, &since));
    assert_null(cm_target_stuck(pods, 1400, 500, &since));
    cm_autofree char *said = cm_target_stuck(pods, 1500, 500, &since);
    assert_non_null(strstr(said, "ImagePullBackOff"));
    assert_null(cm_target_stuck(fine, 1600, 500, &since));
    assert_int_equal(since, 0);
}

static void the_diagnosis_names_the_likely_cause_first(void **state)
{
    struct cm_step *st = *state;
    scene_plan(st, "{hosts: [a]}", "");
    scene_put(
        st, "pods",
        "{\"items\":[{\"metadata\":{\"name\":\"connect-x\"},\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":"
        "\"connect\",\"restartCount\":3,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}}]}",
        0600);
    scene_tool(st, "kubectl",
               "case \"$*\" in *'get pods'*) cat $DIR/pods;; *logs*) echo 'Error: Secret key mismatch between database and file';; "
               "*) echo '{\"items\":[]}';; esac");

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_int_equal(strncmp(text, "likely cause: the data folder in the pod is not the old server's", 60), 0);
    assert_non_null(strstr(text, "CrashLoopBackOff"));
    assert_non_null(strstr(text, "restarted 3 times"));
    assert_non_null(strstr(text, "Secret key mismatch"));
}

static void a_diagnosis_without_a_cluster_says_so(void **state)
{
    struct cm_step *st = *state;
    scene_plan(st, "{hosts: [a]}", "");
    scene_tool(st, "kubectl", "echo 'Unable to connect to the server: no route' >&2; exit 1");

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_non_null(strstr(text, "could not be looked at"));
}

static void the_configuration_in_force_is_the_config_maps(void **state)
{
    struct cm_step *st = *state;
    char *text = NULL;
    scene_plan(st, "{hosts: [a]}", "");
    scene_put(st, "map", "{\"data\":{\"rstudio-connect.gcfg\":\"[Server]\\n\"}}", 0600);
    scene_tool(st, "kubectl", "case \"$*\" in *'configmaps connect-rstudio-connect-config'*) cat $DIR/map;; *) exit 9;; esac");

    assert_int_equal(cm_target_gcfg(st, &text, NULL), 0);

    cm_autofree char *gcfg = text;
    assert_string_equal(gcfg, "[Server]\n");
}

static void what_was_just_seen_is_handed_over_once(void **state)
{
    struct cm_step *st = *state;
    scene_plan(st, "{hosts: [a]}", "");
    assert_null(cm_target_seen_pod(st));
    cm_target_saw(st, "pod-1", "[Server]\n");
    cm_target_saw(st, "pod-2", NULL);

    assert_string_equal(cm_target_seen_pod(st), "pod-2");
    assert_null(cm_target_seen_pod(st));
    assert_null(cm_target_seen_gcfg(st));
}

static void a_forward_that_was_begun_ahead_is_the_clients(void **state)
{
    struct cm_step *st = *state;
    struct cm_connect *c = NULL;
    scene_plan(st, "{hosts: [a]}", "");
    scene_tool(st, "kubectl", "sleep 0.1; echo 'Forwarding from 127.0.0.1:40125 -> 3939'; exec sleep 30");
    cm_target_connect_soon(st);
    cm_target_connect_soon(st);

    assert_int_equal(cm_target_connect(st, &c, NULL), 0);

    assert_string_equal(cm_connect_url(c), "http://127.0.0.1:40125");
    assert_int_equal(scene_count(st, "port-forward"), 1);
}

/* The pod that it led to may have gone since. */
static void a_forward_that_came_to_nothing_is_begun_again_when_it_is_needed(void **state)
{
    struct cm_step *st = *state;
    struct cm_connect *c = NULL;
    cm_autoerr err = NULL;
    scene_plan(st, "{hosts: [a]}", "");
    scene_tool(st, "kubectl",
               "[ -f $DIR/once ] || { touch $DIR/once; echo 'error: pod is not running' >&2; exit 1; }; "
               "echo 'Forwarding from 127.0.0.1:40126 -> 3939'; exec sleep 30");
    cm_target_connect_soon(st);

    assert_int_equal(cm_target_connect(st, &c, NULL), 0);
    assert_string_equal(cm_connect_url(c), "http://127.0.0.1:40126");
    cm_target_reconnect(st);

    scene_tool(st, "kubectl", "echo 'error: pod is not running' >&2; exit 1");
    cm_target_connect_soon(st);
    assert_int_equal(cm_target_connect(st, &c, &err), -1);
    assert_non_null(strstr(cm_err_evidence(err), "pod is not running"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

/* A scene without a plan is never asked for its outside. */
static int begin_planned(void **state)
{
    begin(state);
    scene_plan(*state, "{hosts: [a]}", "");
    return 0;
}
#define P(f) cmocka_unit_test_setup_teardown(f, begin_planned, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(the_name_follows_the_charts_rule),
        P(a_cut_name_does_not_end_in_a_dash),
        T(names_come_from_the_merged_files),
        T(without_a_name_the_claim_is_the_charts),
        T(the_oldest_living_pod_counts),
        P(a_container_is_stuck_only_when_it_lasts),
        T(the_diagnosis_names_the_likely_cause_first),
        T(values_of_a_dependency_are_those_below_its_key_and_name_it),
        T(an_address_where_files_are_kept_is_no_key),
        T(the_version_of_a_dependency_is_told_by_what_it_renders),
        T(without_a_key_the_plans_chart_is_asked),
        T(a_diagnosis_without_a_cluster_says_so),
        T(the_configuration_in_force_is_the_config_maps),
        T(what_was_just_seen_is_handed_over_once),
        T(a_forward_that_was_begun_ahead_is_the_clients),
        T(a_forward_that_came_to_nothing_is_begun_again_when_it_is_needed),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
