/* adapters: kubectl, scripted: what its words mean, and that it is always told where. */
#include <config.h>

#include "fake_step.h"

#include "adapters/kubectl.h"
#include "base/json.h"

static int begin(void **state)
{
    struct cm_step *st = scene_new();
    scene_plan(st, "{hosts: [a]}", "");
    *state = st;
    return 0;
}

static int end(void **state)
{
    scene_free(*state);
    return 0;
}

static enum cm_seen get(struct cm_step *st, const char *name, json_t **object)
{
    enum cm_seen seen = CM_ABSENT;
    cm_autoerr err = NULL;
    if (cm_kube_get(st, "pods", name, NULL, object, &seen, &err) < 0)
        fail_msg("%s", cm_err_message(err));
    return seen;
}

static void always_says_context_and_namespace(void **state)
{
    struct cm_step *st = *state;
    cm_autojson list = NULL;
    scene_tool(st, "kubectl", "echo '{\"items\": []}'");

    assert_int_equal(get(st, NULL, &list), CM_SEEN);

    cm_autofree char *calls = scene_read(st, "calls");
    assert_string_equal(calls, "kubectl --context prod --namespace posit get pods -o json\n");
    assert_true(json_is_array(json_object_get(list, "items")));
}

static void another_namespace_takes_the_place_of_the_plans(void **state)
{
    struct cm_step *st = *state;
    cm_autojson list = NULL;
    enum cm_seen seen;
    scene_tool(st, "kubectl", "echo '{}'");

    assert_int_equal(cm_kube_get_in(st, "", "nodes", NULL, "a=b", &list, &seen, NULL), 0);

    cm_autofree char *calls = scene_read(st, "calls");
    assert_string_equal(calls, "kubectl --context prod get nodes -l a=b -o json\n");
}

static void tells_absent_from_forbidden(void **state)
{
    struct cm_step *st = *state;
    json_t *object = NULL;
    scene_tool(st, "kubectl",
               "case \"$*\" in *none*) echo 'Error from server (NotFound): pods \"none\" not found' >&2;; "
               "*) echo 'Error from server (Forbidden): pods is forbidden: User \"u\" cannot list resource' >&2;; esac; exit 1");

    assert_int_equal(get(st, "none", &object), CM_ABSENT);
    assert_null(object);
    assert_int_equal(get(st, NULL, &object), CM_FORBIDDEN);
    assert_null(object);
}

static void a_kind_that_the_cluster_does_not_know_is_absent(void **state)
{
    struct cm_step *st = *state;
    json_t *object = NULL;
    scene_tool(st, "kubectl", "echo 'error: the server doesn'\\''t have a resource type \"applications\"' >&2; exit 1");

    assert_int_equal(get(st, "x", &object), CM_ABSENT);
}

static void a_cluster_that_is_not_reached_may_pass(void **state)
{
    struct cm_step *st = *state;
    json_t *object = NULL;
    enum cm_seen seen;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl",
               "echo 'The connection to the server 10.0.0.1:6443 was refused - did you specify the right host?' >&2; exit 1");

    assert_int_equal(cm_kube_get(st, "pods", NULL, NULL, &object, &seen, &err), -1);

    assert_true(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_evidence(err), "10.0.0.1:6443"));
}

static void an_expired_login_does_not_pass_by_itself(void **state)
{
    struct cm_step *st = *state;
    json_t *object = NULL;
    enum cm_seen seen;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl", "echo 'error: You must be logged in to the server (Unauthorized)' >&2; exit 1");

    assert_int_equal(cm_kube_get(st, "pods", NULL, NULL, &object, &seen, &err), -1);

    assert_false(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_message(err), "login"));
}

static void a_context_that_is_not_there_is_a_fault_of_the_plan(void **state)
{
    struct cm_step *st = *state;
    json_t *object = NULL;
    enum cm_seen seen;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl", "echo 'error: context \"prod\" does not exist' >&2; exit 1");

    assert_int_equal(cm_kube_get(st, "pods", NULL, NULL, &object, &seen, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_USAGE);
}

static void a_right_is_asked_for_and_no_is_an_answer(void **state)
{
    struct cm_step *st = *state;
    bool allowed = false;
    scene_tool(st, "kubectl", "case \"$*\" in *'can-i get pods') echo yes;; *) echo 'no - nobody said so'; exit 1;; esac");

    assert_int_equal(cm_kube_can_i(st, NULL, "get", "pods", &allowed, NULL), 0);
    assert_true(allowed);
    assert_int_equal(cm_kube_can_i(st, NULL, "delete", "pods", &allowed, NULL), 0);
    assert_false(allowed);
}

static void rights_are_asked_for_all_at_once(void **state)
{
    struct cm_step *st = *state;
    struct cm_kube_right list[] = {{.verb = "create", .resource = "roles.rbac.authorization.k8s.io"},
                                   {.verb = "get", .resource = "pods/log", .ns = "other"}};
    scene_tool(st, "kubectl",
               "echo \"$*\" >>$DIR/asked; cat >$DIR/input; "
               "jq -c '.items[0] + {status: {allowed: true}}, .items[1] + {status: {allowed: false}}' $DIR/input");

    assert_true(cm_kube_can_all(st, "ann", list, 2));
    assert_true(list[0].allowed);
    assert_false(list[1].allowed);
    cm_autofree char *asked = scene_read(st, "asked"), *input = scene_read(st, "input");
    assert_non_null(strstr(asked, "create -f - -o json --validate=false --as ann"));
    assert_non_null(strstr(input, "\"verb\":\"create\",\"group\":\"rbac.authorization.k8s.io\",\"resource\":\"roles\"}"));
    assert_non_null(strstr(input, "\"namespace\":\"other\",\"verb\":\"get\",\"group\":\"\",\"resource\":\"pods\",\"subresource\":\"log\"}"));
}

static void what_is_not_answered_of_all_rights_is_of_none(void **state)
{
    struct cm_step *st = *state;
    struct cm_kube_right list[] = {{.verb = "get", .resource = "pods"}, {.verb = "get", .resource = "secrets"}};
    static const char *const tools[] = {
        "cat >/dev/null; echo 'Error from server (Forbidden)' >&2; exit 1",
        "jq -c '.items[0] + {status: {allowed: true}}'",                                                  /* one is missing */
        "jq -c '.items[1] + {status: {allowed: true}}, .items[0] + {status: {allowed: true}}'",           /* in another order */
        "jq -c '.items[0] + {status: {allowed: true}}, .items[1] + {status: {evaluationError: \"no\"}}'", /* undecided */
        "cat >/dev/null; echo yes",
        "cat >/dev/null",
    };
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        scene_tool(st, "kubectl", tools[i]);
        assert_false(cm_kube_can_all(st, NULL, list, 2));
    }
}

static struct cm_kube_one two[2];

static void ask_for_two(void)
{
    two[0] = (struct cm_kube_one){.kind = "deployments", .name = "d"};
    two[1] = (struct cm_kube_one){.kind = "configmaps", .name = "c"};
}

static void several_objects_are_got_by_one_kubectl(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl",
               "echo \"$*\" >>$DIR/asked; echo '{\"kind\":\"List\",\"items\":[{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}},"
               "{\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"}}]}'");
    ask_for_two();

    assert_int_equal(cm_kube_get_several(st, NULL, two, 2, NULL), 0);
    assert_string_equal(cm_json_text(two[0].object, "kind", ""), "Deployment");
    assert_string_equal(cm_json_text(two[1].object, "kind", ""), "ConfigMap");
    assert_true(two[0].seen == CM_SEEN && two[1].seen == CM_SEEN);
    cm_autofree char *asked = scene_read(st, "asked");
    assert_non_null(strstr(asked, "get deployments/d configmaps/c -o json --show-managed-fields --ignore-not-found\n"));
    assert_null(strstr(strchr(asked, '\n') + 1, "get"));
    cm_kube_several_fini(two, 2);
}

static void a_missing_object_hides_no_other(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl", "echo '{\"kind\":\"List\",\"items\":[{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}}]}'");
    ask_for_two();
    assert_int_equal(cm_kube_get_several(st, NULL, two, 2, NULL), 0);
    assert_true(two[0].seen == CM_ABSENT && two[0].object == NULL && two[1].seen == CM_SEEN);
    cm_kube_several_fini(two, 2);

    scene_tool(st, "kubectl", "exit 0"); /* with --ignore-not-found nothing is printed of nothing */
    ask_for_two();
    assert_int_equal(cm_kube_get_several(st, NULL, two, 2, NULL), 0);
    assert_true(two[0].seen == CM_ABSENT && two[1].seen == CM_ABSENT);
}

static void a_forbidden_object_hides_no_other(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl",
               "case \"$*\" in *'get deployments d '*) echo '{\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"}}'; exit;; esac\n"
               "echo 'Error from server (Forbidden): configmaps \"c\" is forbidden: User \"ann\"' >&2; exit 1");
    ask_for_two();

    assert_int_equal(cm_kube_get_several(st, NULL, two, 2, NULL), 0);
    assert_true(two[0].seen == CM_SEEN && two[0].object != NULL && two[1].seen == CM_FORBIDDEN && two[1].object == NULL);
    cm_kube_several_fini(two, 2);
}

static void several_objects_of_a_cluster_that_is_not_reached_are_an_error_that_may_pass(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl", "echo x >>$DIR/asked; echo 'Unable to connect to the server: dial tcp' >&2; exit 1");
    ask_for_two();

    assert_int_equal(cm_kube_get_several(st, NULL, two, 2, &err), -1);
    assert_true(cm_err_is_passing(err));
    cm_autofree char *asked = scene_read(st, "asked");
    assert_string_equal(asked, "x\n"); /* not once more for each */
}

static bool has_two(const json_t *o) { return cm_json_int(o, "status.replicas", 0) == 2; }

static bool it_rang(void *w) { return cm_kube_watch_rang(w); }

static void a_watch_rings_when_the_object_is_as_wanted(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl",
               "echo \"$*\" >>$DIR/asked; printf '{\n    \"status\": {\n        \"replicas\": 1\n    }\n}\n'; sleep 0.2; "
               "printf '{\n    \"status\": {\n        \"replicas\": 2\n    }\n}\n'; exec sleep 60");
    struct cm_kube_watch *w = cm_kube_watch(st, "deployments", "d", has_two);

    int64_t now = cm_loop_now_ms(st->loop);
    assert_int_equal(cm_loop_until(st->loop, it_rang, w, now + 100), CM_WAIT_DEADLINE);
    assert_int_equal(cm_loop_until(st->loop, it_rang, w, now + 20000), CM_WAIT_READY);
    assert_true(cm_kube_watch_alive(w));
    assert_false(cm_kube_watch_rang(w)); /* once */
    cm_kube_watch_stop(w);
    cm_autofree char *asked = scene_read(st, "asked");
    assert_non_null(strstr(asked, "get deployments d -o json --watch\n"));
}

static void a_watch_that_ends_rings_once_and_is_not_alive(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl", "echo 'Error from server (Forbidden): cannot watch' >&2; exit 1");
    struct cm_kube_watch *w = cm_kube_watch(st, "deployments", "d", has_two);

    assert_int_equal(cm_loop_until(st->loop, it_rang, w, cm_loop_now_ms(st->loop) + 20000), CM_WAIT_READY);
    assert_false(cm_kube_watch_alive(w));
    assert_false(cm_kube_watch_rang(w));
    cm_kube_watch_stop(w);
    cm_kube_watch_stop(NULL);
    assert_false(cm_kube_watch_rang(NULL));
}

static void a_refused_dry_run_is_an_answer_and_not_an_error(void **state)
{
    struct cm_step *st = *state;
    char *refused = NULL;
    scene_tool(
        st, "kubectl",
        "cat >$DIR/input; grep -q bad $DIR/input && { echo 'Error from server: admission webhook denied' >&2; exit 1; }; exit 0");

    assert_int_equal(cm_kube_dry_run(st, "kind: Good", &refused, NULL), 0);
    assert_null(refused);
    assert_int_equal(cm_kube_dry_run(st, "kind: bad", &refused, NULL), 0);
    cm_autofree char *text = refused;
    assert_non_null(strstr(text, "webhook"));
}

static void what_only_a_dry_run_lacks_is_no_refusal(void **state)
{
    struct cm_step *st = *state;
    char *refused = NULL;
    cm_autoerr err = NULL;
    scene_tool(
        st, "kubectl",
        "cat >$DIR/input\n"
        "role() { echo 'Error from server (NotFound): error when creating \"STDIN\": rolebindings.rbac.authorization.k8s.io "
        "\"connect\" not found' >&2; }\n"
        "case $(cat $DIR/input) in\n"
        "binding) role; exit 1;;\n"
        "quota) role; echo 'Error from server (Forbidden): error when creating \"STDIN\": pods \"a\" is forbidden: exceeded quota: "
        "small' >&2; role; exit 1;;\n"
        "invalid) role; echo 'The Deployment \"connect\" is invalid: ' >&2; echo '* spec.selector: Required value' >&2; exit 1;;\n"
        "rights) role; echo 'Error from server (Forbidden): error when retrieving current configuration of:' >&2; echo 'Name: "
        "\"connect\", Namespace: \"posit\"' >&2; echo 'from server for: \"STDIN\": deployments.apps \"connect\" is forbidden: User "
        "\"ann\" cannot get resource \"deployments\" in API group \"apps\" in the namespace \"posit\"' >&2; exit 1;;\n"
        "esac\n");

    assert_int_equal(cm_kube_dry_run(st, "binding", &refused, NULL), 0);
    assert_null(refused);
    assert_int_equal(cm_kube_dry_run(st, "quota", &refused, NULL), 0);
    assert_non_null(strstr(refused, "exceeded quota"));
    assert_null(strstr(refused, "rolebindings"));
    free(refused);
    assert_int_equal(cm_kube_dry_run(st, "invalid", &refused, NULL), 0);
    assert_non_null(strstr(refused, "spec.selector: Required value"));
    assert_null(strstr(refused, "rolebindings"));
    free(refused);
    assert_int_equal(cm_kube_dry_run(st, "rights", &refused, &err), -1);
    assert_null(refused);
    assert_non_null(strstr(cm_err_message(err), "forbids"));
}

static void the_commands_own_status_is_told_apart_from_kubectls(void **state)
{
    struct cm_step *st = *state;
    const char *const argv[] = {"cat", "/nothing", NULL};
    cm_autoout out = {0};
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl",
               "case \"$*\" in *pod-1*) echo 'command terminated with exit code 3' >&2; exit 3;; "
               "*) echo 'Error from server (NotFound): pods \"pod-2\" not found' >&2; exit 1;; esac");

    assert_int_equal(cm_kube_exec(st, "pod-1", "connect", argv, &out, NULL), 0);
    assert_int_equal(out.status, 3);
    cm_out_fini(&out);
    out = (struct cm_out){0};
    assert_int_equal(cm_kube_exec(st, "pod-2", "connect", argv, &out, &err), -1);
}

static void a_container_that_waits_has_an_empty_log(void **state)
{
    struct cm_step *st = *state;
    char *text = NULL;
    scene_tool(st, "kubectl",
               "echo 'Error from server (BadRequest): container \"connect\" in pod \"p\" is waiting to start' >&2; exit 1");

    assert_int_equal(cm_kube_logs(st, NULL, "p", "connect", 10, &text, NULL), 0);

    cm_autofree char *log = text;
    assert_string_equal(log, "");
}

static void an_effect_has_its_child_on_record(void **state)
{
    struct cm_step *st = *state;
    struct cm_intent *i = NULL;
    scene_tool(st, "kubectl", "exit 0");
    assert_int_equal(cm_intend(st, &(struct cm_intent_spec){.effect = "serviceaccount.label", .key = "default"}, &i, NULL), 0);

    assert_int_equal(cm_kube_label_in(i, NULL, "serviceaccount", "default", "a=true", NULL), 0);
    assert_int_equal(cm_kube_label_in(i, NULL, "serviceaccount", "default", "a-", NULL), 0);

    assert_true(cm_json_int(i->note, "child.pid", 0) > 0);
    cm_autofree char *calls = scene_read(st, "calls");
    assert_non_null(strstr(calls, "label serviceaccount default a=true --overwrite\n"));
    assert_non_null(strstr(calls, "label serviceaccount default a-\n"));
}

static void what_is_created_goes_in_by_standard_input(void **state)
{
    struct cm_step *st = *state;
    struct cm_intent *i = NULL;
    cm_autojson job = json_pack("{s:s, s:{s:s}}", "kind", "Job", "metadata", "name", "j");
    scene_tool(st, "kubectl", "cat >$DIR/input");
    assert_int_equal(cm_intend(st, &(struct cm_intent_spec){.effect = "job.create", .key = "j"}, &i, NULL), 0);

    assert_int_equal(cm_kube_create(i, NULL, job, NULL), 0);

    cm_autofree char *input = scene_read(st, "input"), *calls = scene_read(st, "calls");
    assert_non_null(strstr(input, "\"kind\":\"Job\""));
    assert_null(strstr(calls, "Job"));
}

static void the_forward_says_the_port_that_kubectl_chose(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl", "echo 'Forwarding from 127.0.0.1:40123 -> 3939'; exec sleep 30");

    struct cm_forward *f = cm_kube_forward(st, "connect-rstudio-connect", &err);

    assert_non_null(f);
    assert_string_equal(cm_forward_url(f), "http://127.0.0.1:40123");
    cm_forward_stop(f);
    assert_int_equal(scene_count(st, "port-forward svc/connect-rstudio-connect :80 --address 127.0.0.1"), 1);
}

static bool twice(void *ctx) { return scene_count(ctx, "port-forward") == 2; }

static void a_forward_whose_pod_went_is_opened_again_at_the_same_port(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl",
               "echo 'Forwarding from 127.0.0.1:40124 -> 3939'; [ -f $DIR/once ] && exec sleep 30; touch $DIR/once; "
               "sleep 0.5; echo 'error: lost connection to pod' >&2; exit 1");
    struct cm_forward *f = cm_kube_forward(st, "s", NULL);
    assert_non_null(f);

    enum cm_wait w = cm_loop_until(st->loop, twice, st, cm_loop_now_ms(st->loop) + 5000);

    assert_int_equal(w, CM_WAIT_READY);
    assert_int_equal(scene_count(st, "40124:80"), 1);
    assert_string_equal(cm_forward_url(f), "http://127.0.0.1:40124");
    cm_forward_stop(f);
}

static void a_forward_behind_which_nobody_answers_is_opened_again(void **state)
{
    struct cm_step *st = *state;
    scene_tool(st, "kubectl", "echo 'Forwarding from 127.0.0.1:9 -> 3939'; exec sleep 30");
    struct cm_forward *f = cm_kube_forward(st, "s", NULL);
    assert_non_null(f);

    enum cm_wait w = cm_loop_until(st->loop, twice, st, cm_loop_now_ms(st->loop) + 20000);

    assert_int_equal(w, CM_WAIT_READY);
    cm_forward_stop(f);
}

static void a_forward_that_cannot_begin_says_kubectls_words(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_tool(st, "kubectl",
               "echo 'error: unable to forward port because pod is not running. Current status=Pending' >&2; exit 1");

    assert_null(cm_kube_forward(st, "s", &err));

    assert_true(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_evidence(err), "Current status=Pending"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(always_says_context_and_namespace),
        T(another_namespace_takes_the_place_of_the_plans),
        T(tells_absent_from_forbidden),
        T(a_kind_that_the_cluster_does_not_know_is_absent),
        T(a_cluster_that_is_not_reached_may_pass),
        T(an_expired_login_does_not_pass_by_itself),
        T(a_context_that_is_not_there_is_a_fault_of_the_plan),
        T(a_right_is_asked_for_and_no_is_an_answer),
        T(rights_are_asked_for_all_at_once),
        T(what_is_not_answered_of_all_rights_is_of_none),
        T(several_objects_are_got_by_one_kubectl),
        T(a_missing_object_hides_no_other),
        T(a_forbidden_object_hides_no_other),
        T(several_objects_of_a_cluster_that_is_not_reached_are_an_error_that_may_pass),
        T(a_watch_rings_when_the_object_is_as_wanted),
        T(a_watch_that_ends_rings_once_and_is_not_alive),
        T(a_refused_dry_run_is_an_answer_and_not_an_error),
        T(what_only_a_dry_run_lacks_is_no_refusal),
        T(the_commands_own_status_is_told_apart_from_kubectls),
        T(a_container_that_waits_has_an_empty_log),
        T(an_effect_has_its_child_on_record),
        T(what_is_created_goes_in_by_standard_input),
        T(the_forward_says_the_port_that_kubectl_chose),
        T(a_forward_whose_pod_went_is_opened_again_at_the_same_port),
        T(a_forward_behind_which_nobody_answers_is_opened_again),
        T(a_forward_that_cannot_begin_says_kubectls_words),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
