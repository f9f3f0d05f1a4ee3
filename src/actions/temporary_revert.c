/* temporary.revert: the temporary settings come back: helm upgrade without the overlay. Before it, the rendered configurations with and
 * without the overlay are compared: they may differ in those settings and in nothing else. The new pod comes up before the old one ends,
 * but tasks and sessions of the old one are gone with it: counted as an interruption. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release.h"
#include "actions/release_hand.h"
#include "actions/release_heal.h"
#include "actions/target.h"
#include "actions/temporary.h"
#include "actions/values_fit.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"
#include "values/gcfg.h"
#include "values/overlay.h"

static struct cm_release_wish wish(struct cm_step *step)
{
    return (struct cm_release_wish){.purpose = "revert", .more = cm_target_values(step, false), .interlock = true};
}

static const json_t *originals(struct cm_step *step) { return cm_json_at(cm_fact(step, "temporary.values"), "originals"); }

/* ---- the rendered configuration ---- */

static struct cm_gcfg *parse(char *text, struct cm_err **err)
{
    struct cm_gcfg *g = cm_gcfg_new();
    if (!text || cm_gcfg_add(g, text, strlen(text), "the rendered configuration", err) < 0) {
        if (!text)
            cm_fail(err, CM_E_FAILED, "the rendered manifests hold no rstudio-connect.gcfg");
        cm_gcfg_free(g);
        return NULL;
    }
    return g;
}

static struct cm_gcfg *rendered(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *manifests = NULL;
    if (cm_helm_template(step, cm_target_values(step, false), &manifests, err) < 0)
        return NULL;
    cm_autofree char *text = cm_manifest_gcfg(manifests, err);
    return parse(text, err);
}

/* *none: there is no ConfigMap, so nothing is in force. */
static struct cm_gcfg *in_force(struct cm_step *step, bool *none, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    *none = false;
    if (cm_target_gcfg(step, &text, err) < 0)
        return NULL;
    *none = text == NULL;
    return text == NULL ? NULL : parse(text, err);
}

static int compare(const json_t *names, const struct cm_gcfg *now, const struct cm_gcfg *want, struct cm_err **err)
{
    const char *name;
    json_t *original;
    json_object_foreach(cm_json_loose(names), name, original)
    {
        cm_autofree char *section = cm_strndup(name, strcspn(name, "."));
        const char *key = name + strlen(section) + (name[strlen(section)] == '.');
        const char *is = cm_gcfg_get(now, section, NULL, key), *should = cm_gcfg_get(want, section, NULL, key);
        if ((is == NULL) != (should == NULL) || (is && strcmp(is, should) != 0))
            return cm_fail(err, CM_E_FAILED, "%s is %s in the cluster's configuration, and should be %s", name, is ? is : "absent",
                           should ? should : "absent");
    }
    return 0;
}

/* names: an object whose keys are "Section.Key"; NULL: those that temporary.prepare found. 0: each is in the ConfigMap as the chart
 * renders it without values.temporary.yaml (absent keys absent), or there is no ConfigMap at all. */
static int settings_are_back(struct cm_step *step, const json_t *names, struct cm_err **err)
{
    bool none;
    struct cm_gcfg *now = in_force(step, &none, err), *want = now ? rendered(step, err) : NULL;
    int rc = none ? 0 : want ? compare(names ? names : originals(step), now, want, err) : -1;
    cm_gcfg_free(now);
    cm_gcfg_free(want);
    return rc;
}

/* Somebody brought his own version back behind our newest revision. */
static int was_healed(struct cm_step *step, struct cm_heal *h, bool *healed, struct cm_err **err)
{
    if (cm_heal_begin(step, h, err) < 0)
        return -1;
    int rc = cm_heal_stands(h, NULL, NULL, NULL, err);
    *healed = rc == 0;
    return rc < 0 ? -1 : 0;
}

int cm_temporary_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    cm_autojson names = json_pack("{s:b}", change->key, 1);
    if (settings_are_back(step, names, err) == 0)
        return 0;
    cm_hint(err,
            "It is taken back by an upgrade without values.temporary.yaml: temporary.revert, or release.scale on the way back.");
    return cm_heal_blame(step, err);
}

/* Connect's own word: the limit is in force again. Only what its API shows can be asked for. */
static int api_shows_it(struct cm_step *step, struct cm_err **err)
{
    const json_t *original = json_object_get(originals(step), "Scheduler.MinProcessesLimit");
    struct cm_connect *c = NULL;
    cm_autojson body = NULL;
    if (original == NULL)
        return 0;
    if (cm_target_connect(step, &c, err) < 0 || cm_connect_get_ok(step, c, "server_settings/scheduler", &body, err) < 0)
        return -1;
    int64_t is = cm_json_int(body, "min_processes_limit", -1);
    const char *value = cm_json_text(original, "value", NULL);
    int64_t should = value ? strtoll(value, NULL, 10) : cm_json_int(original, "api", -1);
    if (is == -1 || should == -1 || is == should)
        return 0;
    return cm_fail_passing(err, "the new server says that min_processes_limit is %lld, and it should be %lld", (long long)is,
                           (long long)should);
}

/* ---- the step ---- */

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct cm_release_wish w = wish(step);
    struct cm_heal h = {0};
    bool healed = false;
    if (cm_release_by_others(step))
        return cm_release_hand_probe(step, w.more, answer, err);
    if (cm_release_probe(step, &w, answer, err) < 0 || (*answer == CM_DONE && was_healed(step, &h, &healed, err) < 0))
        return -1;
    if (healed)
        *answer = CM_NEEDED;
    return 0;
}

struct waiting {
    struct cm_step *step;
    int64_t until;
    struct cm_heal heal;
};

static int not_replaced(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *diagnosis = cm_target_diagnosis(step);
    cm_fail(err, CM_E_FAILED, "the new pod is not ready, or the old one has not ended, within the step's limit");
    cm_evidence(err, diagnosis);
    cm_hint(err, "Mend what is named, then run the same command again.");
    return -1;
}

static int one_new_pod(void *ctx, struct cm_err **err)
{
    struct waiting *w = ctx;
    struct cm_step *step = w->step;
    cm_autojson d = NULL;
    enum cm_seen seen;
    json_t *list = NULL;
    if (cm_kube_get(step, "deployments", cm_target_fullname(step), NULL, &d, &seen, err) < 0 ||
        cm_target_pods(step, &list, err) < 0)
        return -1;
    cm_autojson pods = list;
    if (cm_heal_look(&w->heal, d, err) < 0)
        return -1;
    int64_t want = cm_json_int(d, "spec.replicas", 1);
    if (seen == CM_SEEN && cm_json_int(d, "status.observedGeneration", 0) >= cm_json_int(d, "metadata.generation", 0) &&
        cm_json_int(d, "status.updatedReplicas", 0) >= want && cm_json_int(d, "status.availableReplicas", 0) >= want &&
        (int64_t)json_array_size(pods) == want && !cm_heal_differs(&w->heal, d))
        return 1;
    return cm_loop_now_ms(cm_step_loop(step)) >= w->until ? not_replaced(step, err) : 0;
}

static int wait_for_pod(struct cm_step *step, struct cm_err **err)
{
    struct waiting w = {.step = step, .until = cm_target_waits_until(step), .heal = {.step = step}};
    if (!cm_release_by_others(step) && cm_heal_begin(step, &w.heal, err) < 0)
        return -1;
    int rc = cm_interlock_wait(step, one_new_pod, &w, 500, err);
    return rc == 1 ? not_replaced(step, err) : rc < 0 ? -1 : cm_heal_stays(&w.heal, NULL, err);
}

/* Taking the settings back is not held up by it. */
static void say_what_does_not_reach_helm(struct cm_step *step)
{
    cm_autofree char *words = cm_values_misfit(step, NULL);
    if (words && *words)
        cm_say(step, "this stays as it was deployed: %s", words);
}

static int nothing_else_changes(struct cm_step *step, struct cm_err **err)
{
    const char *const *with = cm_target_values(step, true), *const *without = cm_target_values(step, false);
    say_what_does_not_reach_helm(step);
    if (cm_release_only_settings(step, with, without, originals(step), err) < 0)
        return -1;
    /* once the upgrade was sent, what is deployed is without the overlay already */
    return cm_effect_open(step, "helm.upgrade") || cm_intent_newest(step, "helm.upgrade") != NULL
               ? 0
               : cm_release_drift(step, with, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_release_wish w = wish(step);
    int64_t from = cm_wall_now(step);
    struct cm_heal h = {0};
    if (nothing_else_changes(step, err) < 0)
        return -1;
    if (cm_intent_newest(step, "helm.upgrade") != NULL && was_healed(step, &h, &w.anew, err) < 0)
        return -1;
    if (w.anew && cm_outside_hosts(cm_step_outside(step)) == 0) /* as in pods.wait: launcher.drain first */
        return cm_heal_fail(step, NULL, "its pods are not those of the revision that was deployed", err);
    if (w.anew)
        cm_say(step, "somebody else changed the release since the last upgrade: ours is deployed again, once");
    if (cm_release_send(step, &w, err) < 0 || wait_for_pod(step, err) < 0)
        return -1;
    cm_interruption(step, "service", from, cm_wall_now(step), "the temporary settings were taken back: the pod was replaced");
    return 0;
}

static int hand(struct cm_step *step, struct cm_str *shown, struct cm_err **err)
{
    const char *const *with = cm_target_values(step, true), *const *without = cm_target_values(step, false);
    cm_release_hand_show(
        step, "Take values.temporary.yaml out again and deploy; of the migration's files only this stays:", without, shown);
    return cm_reading(step) ? 0 : cm_release_only_settings(step, with, without, originals(step), err);
}

static int final_values(struct cm_step *step, struct cm_err **err)
{
    const char *const *lists[] = {cm_helm_files(step), cm_target_values(step, false)};
    json_t *files = json_array();
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; lists[k] && lists[k][i]; i++)
            json_array_append_new(files, json_string(lists[k][i]));
    return cm_fact_set(step, "values.final", files, err);
}

/* A hold: proved once, it is looked at again at each start, since users are let in only later. */
static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_release_wish w = wish(step);
    struct cm_change open;
    if (cm_fact(step, "values.final") != NULL && !cm_ledger_next(step, "temporary.setting", 0, &open) &&
        !cm_effect_open(step, "helm.upgrade"))
        return cm_temporary_stays_back(step, err);
    if ((cm_release_by_others(step) ? cm_release_hand_wait(step, w.more, err) : cm_release_verify(step, &w, NULL, err)) < 0 ||
        wait_for_pod(step, err) < 0)
        return -1;
    cm_target_reconnect(step);
    if (settings_are_back(step, NULL, err) < 0 || api_shows_it(step, err) < 0)
        return cm_heal_blame(step, err);
    if (cm_ledger_back_all(step, "temporary.setting", NULL, err) < 0)
        return -1;
    return final_values(step, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    const char *name;
    json_t *original;
    (void)err;
    cm_autofree char *line = cm_helm_upgrade_by_hand(step, cm_target_values(step, false));
    cm_will(step, "command", "%s", line);
    json_object_foreach(cm_json_loose(originals(step)), name, original)
        cm_will(step, "note", "%s comes back: %s", name,
                json_is_true(json_object_get(original, "absent")) ? "absent" : cm_json_text(original, "value", "its original"));
    if (cm_fact(step, "deploy.revision") != NULL)
        cm_release_preview(step, cm_target_values(step, false));
    else
        cm_release_preview_between(step, cm_target_values(step, true), cm_target_values(step, false));
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err) { return cm_release_undo(step, c, err); }

static const char *const needs[] = {"config.values", "temporary.values", "deploy.revision", NULL};
static const char *const gives[] = {"values.final", NULL};

const struct cm_action cm_action_temporary_revert = {
    .name = "temporary.revert",
    .summary = "Take the temporary settings back",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "One more interruption of the service while the pod is replaced.",
    .needs = needs,
    .gives = gives,
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .hand = hand,
    .by_as = "helm.deploy",
    .reads = "helm template with and without the overlay; the ConfigMap, the deployment, the pods.",
    .does = "helm upgrade without values.temporary.yaml, then waits for the old pod to end.",
    .proves =
        "The rendered difference is those settings and nothing else, in any object; the cluster's configuration shows the originals, absent keys absent.",
    .undoes = "release.scale brings the release to zero on the way back.",
    .rights = "As for helm.deploy; to read ConfigMaps.",
};
