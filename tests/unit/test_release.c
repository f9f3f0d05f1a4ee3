/* actions: one upgrade of the release from whatever an earlier run left, against a helm and a kubectl of the test's own that keep the
 * release's records as files. What helm does is set by the file `helm-does`: deploys, fails, dies, nothing. */
#include <config.h>

#include <sys/stat.h>

#include "fake_step.h"

#include "actions/evening.h"
#include "actions/release.h"
#include "base/file.h"
#include "base/json.h"

/* Records lie in revs/N as "STATUS LABELS"; labels are handed down as helm does. */
static const char helm[] =
    "mkdir -p $DIR/revs; n=$(ls $DIR/revs | sort -n | tail -n 1); n=$((${n:-0} + 1)); labels=\n"
    "while [ $# -gt 0 ]; do [ \"$1\" = --labels ] && labels=$2; shift; done\n"
    "does=$(cat $DIR/helm-does 2>/dev/null || echo deploys)\n"
    "case $does in nothing) echo 'Error: cannot render' >&2; exit 1;; esac\n"
    "echo \"pending-upgrade $labels\" >$DIR/revs/$n\n"
    "case $does in dies) rm $DIR/helm-does; kill -9 $$;; always-dies) kill -9 $$;;\n"
    "fails) echo \"failed $labels\" >$DIR/revs/$n; echo 'Error: UPGRADE FAILED: quota' >&2; exit 1;;\n"
    "raced) echo pending-upgrade >$DIR/revs/$n; echo 'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) "
    "is in progress' >&2; exit 1;;\n"
    "slow) trap 'echo \"failed $labels\" >$DIR/revs/$n; echo context canceled >&2; exit 1' TERM; sleep 100 & wait;; "
    "esac\n"
    "echo \"deployed $labels\" >$DIR/revs/$n\n";

static const char kubectl[] =
    "case \"$*\" in\n"
    "*'delete secrets'*) for w in \"$@\"; do case $w in sh.helm*) rm -f $DIR/revs/${w##*.v};; esac; done; exit 0;;\n"
    "*'get secrets'*) ;; *) echo '{\"items\":[]}'; exit 0;; esac\n"
    "printf '{\"items\":['; comma=\n"
    "for f in $DIR/revs/*; do [ -f $f ] || continue; read status labels <$f; n=${f##*/}\n"
    "printf '%s{\"metadata\":{\"name\":\"sh.helm.release.v1.connect.v%s\",\"labels\":{\"status\":\"%s\",\"version\":\"%s\"' \"$comma\" $n $status $n\n"
    "for l in $(echo $labels | tr , ' '); do printf ',\"%s\":\"%s\"' ${l%%=*} ${l#*=}; done; printf '}}}'; comma=,; done; echo ']}'\n";

static int begin(void **state)
{
    struct cm_step *st = scene_new();
    scene_tool(st, "helm", helm);
    scene_tool(st, "kubectl", kubectl);
    cm_autofree char *revs = cm_path_join(st->dir, "revs");
    assert_int_equal(cm_dir_make(revs, 0700, NULL), 0);
    scene_plan(st, "{hosts: [a]}", "");
    *state = st;
    return 0;
}

static int end(void **state)
{
    scene_free(*state);
    return 0;
}

static const struct cm_release_wish deploy = {.purpose = "deploy"};

static int send(struct cm_step *st, struct cm_err **err) { return cm_release_send(st, &deploy, err); }

static enum cm_answer probe(struct cm_step *st, struct cm_err **err)
{
    enum cm_answer answer = CM_UNDECIDED;
    cm_release_probe(st, &deploy, &answer, err);
    return answer;
}

static void an_absent_release_is_installed_once(void **state)
{
    struct cm_step *st = *state;
    int revision = 0;

    assert_int_equal(probe(st, NULL), CM_NEEDED);
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 1);
    assert_int_equal(cm_intent_life(st->intents[0]), CM_HAPPENED);
    assert_int_equal(cm_json_int(cm_intent_original(st->intents[0]), "revision", -1), 0);
    assert_int_equal(probe(st, NULL), CM_DONE);
    assert_int_equal(send(st, NULL), 0);
    assert_int_equal(scene_count(st, "helm upgrade"), 1);
}

static void an_upgrade_that_ended_while_we_were_dead_is_recognised(void **state)
{
    struct cm_step *st = *state;
    assert_int_equal(send(st, NULL), 0);
    st->intents[0]->life = CM_NOTED; /* killed between helm's end and its record */

    assert_int_equal(probe(st, NULL), CM_NEEDED);
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(st->count, 1);
    assert_int_equal(cm_intent_life(st->intents[0]), CM_HAPPENED);
    assert_int_equal(scene_count(st, "helm upgrade"), 1);
}

static void an_intent_whose_helm_never_began_is_sent_again(void **state)
{
    struct cm_step *st = *state;
    struct cm_intent *i = NULL;
    cm_autojson detail = json_pack("{s:i}", "base", 0);
    cm_autojson original = json_pack("{s:i}", "revision", 0);
    struct cm_intent_spec spec = {.effect = "helm.upgrade", .key = "connect", .detail = detail, .original = original};
    assert_int_equal(cm_intend(st, &spec, &i, NULL), 0);

    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_intent_life(i), CM_NOT_HAPPENED);
    assert_int_equal(scene_count(st, "helm upgrade"), 1);
    assert_int_equal(cm_intent_life(st->intents[1]), CM_HAPPENED);
}

static void a_release_that_helm_died_in_is_freed_and_upgraded(void **state)
{
    struct cm_step *st = *state;
    int revision = 0;
    scene_put(st, "helm-does", "dies", 0600);

    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 1);
    assert_int_equal(scene_count(st, "helm upgrade"), 2);
    assert_int_equal(scene_count(st, "delete secrets sh.helm.release.v1.connect.v1"), 1);
    struct cm_intent *unlock = cm_intent_find(st, "helm.unlock", "connect.v1");
    assert_non_null(unlock);
    assert_int_equal(cm_intent_life(unlock), CM_HAPPENED);
}

static void what_kills_helm_each_time_is_given_up(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_put(st, "helm-does", "always-dies", 0600);

    assert_int_equal(send(st, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_FAILED);
    assert_true(scene_count(st, "helm upgrade") < 10);
}

static void a_failed_revision_is_followed_by_the_next(void **state)
{
    struct cm_step *st = *state;
    int revision = 0;
    cm_autoerr err = NULL;
    scene_put(st, "helm-does", "fails", 0600);

    assert_int_equal(send(st, &err), -1);
    assert_non_null(strstr(cm_err_evidence(err), "quota"));
    assert_int_equal(cm_intent_life(st->intents[0]), CM_GIVEN_UP);
    scene_put(st, "helm-does", "deploys", 0600);
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 2);
    assert_int_equal(cm_json_int(cm_intent_original(st->intents[1]), "revision", -1), 0); /* the first one */
}

static void a_chart_that_does_not_render_leaves_nothing_open(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_put(st, "helm-does", "nothing", 0600);

    assert_int_equal(send(st, &err), -1);

    assert_non_null(strstr(cm_err_evidence(err), "cannot render"));
    assert_int_equal(cm_intent_life(st->intents[0]), CM_NOT_HAPPENED);
    struct cm_change c;
    assert_false(cm_ledger_next(st, "helm.upgrade", 0, &c));
}

static void a_finished_revision_of_somebody_before_us_is_the_base(void **state)
{
    struct cm_step *st = *state;
    int revision = 0;
    scene_put(st, "revs/4", "deployed\n", 0600);

    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 5);
    assert_int_equal(cm_json_int(cm_intent_original(st->intents[0]), "revision", -1), 4);
}

static void a_revision_of_somebody_after_us_is_foreign(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    cm_autoerr again = NULL;
    assert_int_equal(send(st, NULL), 0);
    /* helm hands our labels down to it: they prove nothing */
    scene_put(st, "revs/2", "deployed connect-migrate/intent=1,connect-migrate/run=run-1\n", 0600);

    assert_int_equal(probe(st, &err), CM_FOREIGN);
    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    assert_non_null(strstr(cm_err_evidence(err), "helm history connect"));
    assert_int_equal(send(st, &again), -1);

    assert_int_equal(cm_err_code(again), CM_E_CHANGED);
    assert_int_equal(scene_count(st, "helm upgrade"), 1);
}

static void somebody_elses_pending_revision_is_not_touched(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_put(st, "revs/1", "pending-install\n", 0600);

    assert_int_equal(send(st, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    assert_int_equal(scene_count(st, "delete"), 0);
    assert_int_equal(scene_count(st, "helm upgrade"), 0);
}

static void another_runs_label_is_not_ours(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    assert_int_equal(send(st, NULL), 0);
    st->intents[0]->life = CM_NOTED;
    scene_put(st, "revs/1", "deployed connect-migrate/intent=1,connect-migrate/run=run-2\n", 0600);

    assert_int_equal(send(st, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
}

/* ---- every state of a release ---- */

static void agree(struct cm_step *st, const char *note)
{
    cm_autofree char *gates = cm_fmt("gates: {release.foreign: {note: \"%s\"}}\n", note);
    scene_plan(st, "{hosts: [a]}", gates);
    json_object_set_new(st->gates, "release.foreign", json_true());
}

static void each_pending_state_of_ours_is_freed(void **state)
{
    (void)state;
    static const char *const states[] = {"pending-install", "pending-upgrade", "pending-rollback"};
    for (size_t n = 0; n < 3; n++) {
        void *own = NULL;
        begin(&own);
        struct cm_step *st = own;
        assert_int_equal(send(st, NULL), 0);
        st->intents[0]->life = CM_NOTED;
        cm_autofree char *record = cm_fmt("%s connect-migrate/intent=1,connect-migrate/run=run-1\n", states[n]);
        scene_put(st, "revs/1", record, 0600);

        assert_int_equal(send(st, NULL), 0);

        assert_int_equal(scene_count(st, "delete secrets sh.helm.release.v1.connect.v1"), 1);
        assert_int_equal(probe(st, NULL), CM_DONE);
        end(&own);
    }
}

static void each_pending_state_of_somebody_else_is_left_alone_and_named(void **state)
{
    (void)state;
    static const char *const states[] = {"pending-install", "pending-upgrade", "pending-rollback"};
    for (size_t n = 0; n < 3; n++) {
        void *own = NULL;
        begin(&own);
        struct cm_step *st = own;
        cm_autoerr err = NULL;
        scene_put(st, "revs/7", states[n], 0600);
        agree(st, "revision 7: agreed"); /* nobody can agree to a helm that is at work */

        assert_int_equal(send(st, &err), -1);

        assert_int_equal(cm_err_code(err), CM_E_CHANGED);
        assert_non_null(strstr(cm_err_message(err), states[n]));
        assert_non_null(strstr(cm_err_evidence(err), "delete secrets sh.helm.release.v1.connect.v7"));
        assert_int_equal(scene_count(st, "kubectl --context prod --namespace posit delete"), 0);
        end(&own);
    }
}

static void without_a_deployed_revision_the_next_follows_the_superseded_one(void **state)
{
    struct cm_step *st = *state;
    int revision = 0;
    scene_put(st, "revs/3", "superseded\n", 0600); /* a helm was killed between its last two writes, and its record deleted */

    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 4);
    assert_non_null(strstr(cm_str_text(&st->said), "no revision of release connect is deployed"));
}

static void a_release_uninstalled_before_us_with_its_history_is_installed_anew(void **state)
{
    struct cm_step *st = *state;
    int revision = 0;
    scene_put(st, "revs/5", "uninstalled\n", 0600);

    assert_int_equal(probe(st, NULL), CM_NEEDED);
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 6);
    assert_non_null(strstr(cm_str_text(&st->said), "history kept"));
}

static void a_release_that_is_being_uninstalled_is_left_alone(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    scene_put(st, "revs/5", "uninstalling\n", 0600);

    assert_int_equal(send(st, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    assert_non_null(strstr(cm_err_hint(err), "helm uninstall connect"));
    assert_int_equal(scene_count(st, "helm upgrade"), 0);
}

static void a_release_that_is_gone_after_our_deployment_is_not_made_again_unasked(void **state)
{
    (void)state;
    static const char *const left[] = {NULL, "uninstalled connect-migrate/intent=1,connect-migrate/run=run-1\n"};
    for (size_t n = 0; n < 2; n++) {
        void *own = NULL;
        begin(&own);
        struct cm_step *st = own;
        cm_autoerr err = NULL;
        cm_autofree char *record = cm_path_join(st->dir, "revs/1");
        assert_int_equal(send(st, NULL), 0);
        assert_int_equal(unlink(record), 0);
        if (left[n] != NULL)
            scene_put(st, "revs/1", left[n], 0600);

        assert_int_equal(probe(st, &err), CM_FOREIGN);
        assert_non_null(strstr(cm_err_message(err), "uninstalled"));
        assert_int_equal(send(st, NULL), -1);
        assert_int_equal(scene_count(st, "helm upgrade"), 1);
        agree(st, "uninstalled: by mistake, agreed by A. Meier");
        assert_int_equal(send(st, NULL), 0);

        assert_int_equal(scene_count(st, "helm upgrade"), 2);
        end(&own);
    }
}

static void leave_is_given_for_one_revision_and_not_for_the_next(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    cm_autoerr later = NULL;
    assert_int_equal(send(st, NULL), 0);
    scene_put(st, "revs/2", "deployed\n", 0600);

    agree(st, "revision 24: agreed");
    assert_int_equal(send(st, &err), -1);
    assert_non_null(strstr(cm_err_hint(err), "note: \"revision 2: agreed by NAME\""));
    agree(st, "revision 2: agreed by A. Meier");
    assert_int_equal(probe(st, NULL), CM_NEEDED);
    assert_int_equal(send(st, NULL), 0);
    scene_put(st, "revs/4", "deployed\n", 0600);

    assert_int_equal(probe(st, &later), CM_FOREIGN);
    assert_non_null(strstr(cm_err_message(later), "revision 4"));
}

static void two_helms_at_once_leave_the_others_to_end(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    int revision = 0;
    scene_put(st, "revs/1", "deployed\n", 0600);
    scene_put(st, "helm-does", "raced", 0600);

    assert_int_equal(send(st, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_CHANGED);
    assert_non_null(strstr(cm_err_message(err), "revision 2 of release connect is pending-upgrade and not ours"));
    scene_put(st, "helm-does", "deploys", 0600);
    scene_put(st, "revs/2", "deployed\n", 0600); /* theirs has ended */
    agree(st, "revision 2: seen");
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 3);
}

static void a_helm_that_runs_late_leaves_a_state_that_is_known(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    int revision = 0;
    scene_plan_target(st, "{hosts: [a]}", ", timeout: 400ms", "");
    scene_put(st, "helm-does", "slow", 0600);

    assert_int_equal(send(st, &err), -1);
    assert_true(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_message(err), "did not end within its limit"));
    assert_non_null(strstr(cm_err_message(err), "revision 1 is failed, the next one can follow it"));
    assert_non_null(strstr(cm_err_hint(err), "target.timeout"));
    scene_put(st, "helm-does", "deploys", 0600);
    scene_plan(st, "{hosts: [a]}", "");
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_verify(st, &deploy, &revision, NULL), 0);
    assert_int_equal(revision, 2);
}

static void changed_values_are_seen(void **state)
{
    struct cm_step *st = *state;
    bool changed = true;
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_values_changed(st, NULL, &changed, NULL), 0);
    assert_false(changed);
    scene_put(st, "values.yaml", "replicas: 1\n", 0600);
    assert_int_equal(cm_release_values_changed(st, NULL, &changed, NULL), 0);
    assert_true(changed);

    assert_int_equal(send(st, NULL), 0);
    assert_int_equal(scene_count(st, "helm upgrade"), 2);
}

static void another_order_of_files_is_another_set_of_values_and_one_name_may_stand_twice(void **state)
{
    struct cm_step *st = *state;
    cm_autofree char *one = cm_path_join(st->dir, "a.yaml"), *other = cm_path_join(st->dir, "below/a.yaml");
    const char *const before[] = {one, other, NULL}, *const after[] = {other, one, NULL};
    const struct cm_release_wish w = {.purpose = "deploy", .more = before};
    cm_autofree char *below = cm_path_join(st->dir, "below");
    json_t *digests = NULL;
    bool changed = true;
    assert_int_equal(mkdir(below, 0700), 0);
    scene_put(st, "a.yaml", "replicas: 1\n", 0600);
    scene_put(st, "below/a.yaml", "replicas: 2\n", 0600);

    assert_int_equal(cm_release_digests(st, before, &digests, NULL), 0);
    assert_int_equal(cm_release_send(st, &w, NULL), 0);

    assert_int_equal(json_object_size(digests), 3);
    json_decref(digests);
    assert_int_equal(cm_release_values_changed(st, before, &changed, NULL), 0);
    assert_false(changed);
    assert_int_equal(cm_release_values_changed(st, after, &changed, NULL), 0);
    assert_true(changed);
}

static void what_somebody_changed_behind_our_revision_is_deployed_anew_once(void **state)
{
    struct cm_step *st = *state;
    const struct cm_release_wish anew = {.purpose = "deploy", .anew = true};
    assert_int_equal(send(st, NULL), 0);

    assert_int_equal(cm_release_send(st, &anew, NULL), 0);

    assert_int_equal(scene_count(st, "helm upgrade"), 2);
    st->intents[1]->life = CM_NOTED; /* killed behind it */
    assert_int_equal(cm_release_send(st, &anew, NULL), 0);
    assert_int_equal(scene_count(st, "helm upgrade"), 2);
}

static void in_a_look_nothing_is_sent(void **state)
{
    struct cm_step *st = *state;
    cm_autoerr err = NULL;
    st->reading = true;

    assert_int_equal(send(st, &err), -1);

    assert_int_equal(cm_err_code(err), CM_E_INTERNAL);
    assert_int_equal(scene_count(st, "helm upgrade"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_absent_release_is_installed_once),
        T(an_upgrade_that_ended_while_we_were_dead_is_recognised),
        T(an_intent_whose_helm_never_began_is_sent_again),
        T(a_release_that_helm_died_in_is_freed_and_upgraded),
        T(what_kills_helm_each_time_is_given_up),
        T(a_failed_revision_is_followed_by_the_next),
        T(a_chart_that_does_not_render_leaves_nothing_open),
        T(a_finished_revision_of_somebody_before_us_is_the_base),
        T(a_revision_of_somebody_after_us_is_foreign),
        T(somebody_elses_pending_revision_is_not_touched),
        T(another_runs_label_is_not_ours),
        cmocka_unit_test(each_pending_state_of_ours_is_freed),
        cmocka_unit_test(each_pending_state_of_somebody_else_is_left_alone_and_named),
        T(without_a_deployed_revision_the_next_follows_the_superseded_one),
        T(a_release_uninstalled_before_us_with_its_history_is_installed_anew),
        T(a_release_that_is_being_uninstalled_is_left_alone),
        cmocka_unit_test(a_release_that_is_gone_after_our_deployment_is_not_made_again_unasked),
        T(leave_is_given_for_one_revision_and_not_for_the_next),
        T(two_helms_at_once_leave_the_others_to_end),
        T(a_helm_that_runs_late_leaves_a_state_that_is_known),
        T(changed_values_are_seen),
        T(another_order_of_files_is_another_set_of_values_and_one_name_may_stand_twice),
        T(what_somebody_changed_behind_our_revision_is_deployed_anew_once),
        T(in_a_look_nothing_is_sent),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
