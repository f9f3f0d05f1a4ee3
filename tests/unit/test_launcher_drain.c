/* actions: launcher.drain on the way back: what was scaled to zero counts as taken back when the Deployment has its replicas and Connect
 * its configuration again, asked of a kubectl of the test's own that answers from files. */
#include <config.h>

#include "fake_step.h"

#include "actions/registry.h"
#include "base/digest.h"
#include "base/json.h"

#define BEFORE "[Launcher]\nEnabled = true\n"
#define CONVERTED "[Kubernetes]\nEnabled = true\n"

extern const struct cm_action cm_action_launcher_drain;

static const char kubectl[] = "case \"$*\" in\n"
                              "*'get deployments '*) f=deployment;;\n"
                              "*'get configmaps '*) f=configmap;;\n"
                              "*) echo '{\"items\":[]}'; exit 0;; esac\n"
                              "[ -f $DIR/$f ] && exec cat $DIR/$f\n"
                              "echo 'Error from server (NotFound): not found' >&2; exit 1\n";

static int begin(void **state)
{
    struct cm_step *st = scene_new();
    unsigned char sum[32];
    char hex[65];
    scene_tool(st, "helm", "exit 1");
    scene_tool(st, "kubectl", kubectl);
    scene_plan(st, "{hosts: [a]}", "");
    cm_sha256(BEFORE, strlen(BEFORE), sum);
    cm_hex(sum, sizeof sum, hex);
    cm_fact_set(st, "launcher.before", json_pack("{s:s, s:i}", "gcfg_sha256", hex, "revision", 4), NULL);
    *state = st;
    return 0;
}

static int end(void **state)
{
    scene_free(*state);
    return 0;
}

static void deployed(struct cm_step *st, int replicas, const char *gcfg)
{
    cm_autofree char *deployment = cm_fmt("{\"kind\":\"Deployment\",\"spec\":{\"replicas\":%d}}", replicas);
    cm_autojson map = json_pack("{s:s, s:{s:s}}", "kind", "ConfigMap", "data", "rstudio-connect.gcfg", gcfg);
    cm_autofree char *text = json_dumps(map, 0);
    scene_put(st, "deployment", deployment, 0600);
    scene_put(st, "configmap", text, 0600);
}

static int undo(struct cm_step *st, struct cm_err **err)
{
    cm_autojson original = json_pack("{s:i}", "replicas", 2);
    const struct cm_change change = {
        .intent = 1, .effect = "release.scale", .key = "connect", .original = original, .settle = true};
    return cm_action_launcher_drain.undo(st, &change, err);
}

static void the_replicas_with_the_configuration_they_had_are_taken_back(void **state)
{
    cm_autoerr err = NULL;
    deployed(*state, 2, BEFORE);

    assert_int_equal(undo(*state, &err), 0);

    assert_null(err);
}

static void as_many_replicas_of_the_other_mode_are_not_taken_back(void **state)
{
    cm_autoerr err = NULL;
    deployed(*state, 2, CONVERTED);

    assert_int_equal(undo(*state, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "another one than before"));
    assert_non_null(strstr(cm_err_hint(err), "--revision 4"));
}

static void a_configuration_that_is_gone_is_not_taken_back(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    cm_autofree char *map = cm_path_join(st->dir, "configmap");
    deployed(st, 2, BEFORE);
    unlink(map);

    assert_int_equal(undo(st, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "another one than before"));
}

static void other_replicas_are_not_taken_back_and_helm_is_named(void **state)
{
    cm_autoerr err = NULL;
    deployed(*state, 1, BEFORE);

    assert_int_equal(undo(*state, &err), -1);

    assert_string_equal(cm_err_message(err), "release connect has 1 replicas, and had 2");
    assert_non_null(strstr(cm_err_hint(err), "helm upgrade --install connect"));
}

static void a_deployment_that_is_gone_is_said_so(void **state)
{
    cm_autoerr err = NULL;

    assert_int_equal(undo(*state, &err), -1);

    assert_string_equal(cm_err_message(err), "release connect has no Deployment, and had one with 2 replicas");
}

static void what_had_no_configmap_is_not_compared_and_that_is_said(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    deployed(st, 2, CONVERTED);
    cm_fact_set(st, "launcher.before", json_pack("{s:s, s:i}", "gcfg_sha256", "", "revision", 4), NULL);

    assert_int_equal(undo(st, &err), 0);

    assert_non_null(strstr(cm_str_text(&st->said), "not compared"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_replicas_with_the_configuration_they_had_are_taken_back),
        T(as_many_replicas_of_the_other_mode_are_not_taken_back),
        T(a_configuration_that_is_gone_is_not_taken_back),
        T(other_replicas_are_not_taken_back_and_helm_is_named),
        T(a_deployment_that_is_gone_is_said_so),
        T(what_had_no_configmap_is_not_compared_and_that_is_said),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
