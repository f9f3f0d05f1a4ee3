/* helm.deploy: the new server is made: helm upgrade --install, with the interlock inside. The three temporary settings come into force
 * with it, so their originals go on record before it. How an upgrade is sent, recognised and freed stands in release.c. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/cluster_drained.h"
#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release.h"
#include "actions/release_fence.h"
#include "actions/release_hand.h"
#include "actions/target.h"
#include "actions/temporary.h"
#include "actions/values_fit.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"

static struct cm_release_wish wish(struct cm_step *step)
{
    void **memo = cm_step_memo(step);
    if (*memo == NULL)
        *memo = cm_arena_alloc(cm_step_arena(step), sizeof(struct cm_release_seen));
    return (struct cm_release_wish){.purpose = "deploy", .more = cm_target_values(step, true), .interlock = true, .seen = *memo};
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct cm_release_wish w = wish(step);
    return cm_release_by_others(step) ? cm_release_hand_probe(step, w.more, answer, err) : cm_release_probe(step, &w, answer, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_autofree char *line = cm_helm_upgrade_by_hand(step, cm_target_values(step, true));
    cm_will(step, "command", "%s", line);
    const char *setting;
    json_t *original;
    json_object_foreach(cm_json_loose(cm_json_at(cm_fact(step, "temporary.values"), "originals")), setting, original)
        cm_will(step, "note", "%s is set for a while; taken back by temporary.revert", setting);
    cm_release_preview(step, cm_target_values(step, true));
    return 0;
}

static int temporary_on_record(struct cm_step *step, struct cm_err **err)
{
    const char *setting;
    json_t *original;
    json_object_foreach(cm_json_loose(cm_json_at(cm_fact(step, "temporary.values"), "originals")), setting, original)
    {
        struct cm_intent *i = NULL;
        struct cm_intent_spec spec = {.effect = "temporary.setting", .key = setting, .original = original, .settle = true};
        if (cm_intend(step, &spec, &i, err) < 0)
            return -1;
    }
    return 0;
}

static int temporary_in_force(struct cm_step *step, struct cm_err **err)
{
    for (struct cm_intent *i = cm_intent_next(step, "temporary.setting", NULL); i; i = cm_intent_next(step, "temporary.setting", i))
        if (cm_intent_is_open(i) && cm_intent_close_soon(i, CM_HAPPENED, NULL) < 0)
            return -1;
    (void)err;
    return 0;
}

/* Where launcher.drain ended the old mode, none of its pods may live when the new one begins: somebody may have brought them back. */
static int old_mode_is_gone(struct cm_step *step, struct cm_err **err)
{
    struct cm_change c;
    return cm_ledger_next(step, "release.scale", 0, &c) && cm_intent_newest(step, "helm.upgrade") == NULL
               ? cm_cluster_has_no_pods(step, err)
               : 0;
}

/* Where helm has no record of the release there is no Deployment of it that a way back could have paused. */
static int fence_is_down(struct cm_step *step, struct cm_release_seen *seen, struct cm_err **err)
{
    bool was_up = false;
    if (seen->fresh && seen->n == 0 && cm_intent_newest(step, "helm.upgrade") == NULL)
        return 0;
    if (cm_fence_take(step, &was_up, err) < 0)
        return -1;
    if (was_up) /* a change, and the interlock before it: the records are looked at again */
        seen->fresh = false;
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_release_wish w = wish(step);
    if (cm_values_fit(step, err) < 0 || old_mode_is_gone(step, err) < 0 || temporary_on_record(step, err) < 0 ||
        fence_is_down(step, w.seen, err) < 0 || cm_release_send(step, &w, err) < 0)
        return -1;
    return temporary_in_force(step, err);
}

/* Somebody else deploys: no other Connect may live then either, and the originals are on record before. */
static int hand(struct cm_step *step, struct cm_str *shown, struct cm_err **err)
{
    cm_release_hand_show(step, "Commit these files where your deployer reads its values, and deploy:", cm_target_values(step, true),
                         shown);
    if (cm_reading(step))
        return 0;
    if (cm_values_fit(step, err) < 0 || cm_interlock_forward(step, err) < 0 || cm_fence_take(step, NULL, err) < 0)
        return -1;
    return temporary_on_record(step, err);
}

/* What was deployed by others is seen to be in force; *revision: helm's, 0 where they keep none. */
static int verify_others(struct cm_step *step, int *revision, struct cm_err **err)
{
    struct cm_helm_revision *list = NULL;
    size_t n = 0;
    if (cm_release_hand_wait(step, cm_target_values(step, true), err) < 0 || temporary_on_record(step, err) < 0 ||
        temporary_in_force(step, err) < 0)
        return -1;
    if (cm_helm_revisions(step, &list, &n, NULL) == 0 && n > 0)
        *revision = list[n - 1].revision;
    free(list);
    return 0;
}

/* What launcher.drain scaled to zero has its replicas again. */
static int replicas_are_back(struct cm_step *step, struct cm_err **err)
{
    struct cm_change c;
    cm_autojson d = NULL;
    enum cm_seen seen;
    if (!cm_ledger_next(step, "release.scale", 0, &c))
        return 0;
    if (cm_kube_get(step, "deployments", cm_target_fullname(step), NULL, &d, &seen, err) < 0)
        return -1;
    if (cm_json_int(d, "spec.replicas", 0) == 0)
        return cm_fail(err, CM_E_FAILED, "the Deployment %s has no replicas", cm_target_fullname(step));
    return cm_ledger_back_all(step, "release.scale", NULL, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_release_wish w = wish(step);
    int revision = 0;
    if ((cm_release_by_others(step) ? verify_others(step, &revision, err) : cm_release_verify(step, &w, &revision, err)) < 0)
        return -1;
    if (replicas_are_back(step, err) < 0)
        return -1;
    return cm_fact_set(step, "deploy.revision", json_integer(revision), err);
}

static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err)
{
    return strcmp(c->effect, "temporary.setting") == 0 ? cm_temporary_undo(step, c, err) : cm_release_undo(step, c, err);
}

static const char *const needs[] = {"config.values", "temporary.values", NULL};
static const char *const gives[] = {"deploy.revision", NULL};

const struct cm_action cm_action_helm_deploy = {
    .name = "helm.deploy",
    .summary = "Deploy Connect to the cluster",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost =
        "A way back scales the new server to zero and starts the old one: a second downtime. What the new server wrote to database and data folder stays.",
    .needs = needs,
    .gives = gives,
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .hand = hand,
    .reads = "The release's records; nodes, processes and database sessions (the interlock).",
    .does =
        "helm upgrade --install with the plan's values, values.config.yaml and values.temporary.yaml; never --wait, --atomic, --set.",
    .proves = "The newest revision is base + 1, carries our label, and is deployed.",
    .undoes = "release.scale brings it to zero; the release and its storage stay. A temporary setting is proved to be back.",
    .rights = "In the namespace: what the chart creates, and Secrets of the release.",
};
