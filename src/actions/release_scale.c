/* release.scale: the way back begins by scaling the release to zero through its values: a `kubectl scale` would be undone by the next upgrade
 * and fights with server-side apply. That its pods are gone and stay gone is cluster.drained's. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/evening.h"
#include "actions/release.h"
#include "actions/release_hand.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "plan/plan.h"
#include "base/mem.h"

#define SCALE_FILE "values.scale.yaml"

/* The user's values, values.config.yaml, and replicas: 0 behind them. */
int cm_release_none(struct cm_step *step, struct cm_release_wish *w, struct cm_err **err)
{
    const char *const *more = cm_target_values(step, false);
    size_t n = 0;
    while (more && more[n])
        n++;
    if (!cm_artifact_path(step, SCALE_FILE) && !cm_reading(step)) {
        FILE *f = NULL;
        if (cm_artifact_begin(step, SCALE_FILE, &f, err) < 0)
            return -1;
        cm_autofree char *text = cm_target_values_text(
            step, cm_strdup("# Written by connect-migrate: no pod of Connect, while the old server runs.\nreplicas: 0\n"));
        fputs(text, f);
        if (cm_artifact_keep(step, f, err) < 0)
            return -1;
    }
    const char **list = cm_arena_alloc(cm_step_arena(step), (n + 2) * sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = more[i];
    list[n] = cm_artifact_path(step, SCALE_FILE);
    *w = (struct cm_release_wish){.purpose = "scale", .more = list};
    return 0;
}

int cm_release_is_there(struct cm_step *step, bool *deployed, struct cm_err **err)
{
    struct cm_helm_revision *list = NULL;
    size_t n = 0;
    if (cm_helm_revisions(step, &list, &n, err) < 0)
        return -1;
    free(list);
    *deployed = n > 0;
    return 0;
}

static const char *scale_command(struct cm_step *step)
{
    const char *const argv[] = {"scale", "deployment", cm_target_fullname(step), "--replicas=0", NULL};
    cm_autofree char *line = cm_kube_by_hand(step, argv);
    return cm_arena_strdup(cm_step_arena(step), line);
}

/* helm knows no release: there is nothing to scale, or somebody else deploys it. */
static int without_record(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    int64_t n;
    *answer = CM_DONE;
    if (cm_release_replicas(step, &n, err) < 0)
        return -1;
    if (n <= 0)
        return 0;
    *answer = CM_FOREIGN;
    cm_fail(err, CM_E_CHANGED, "helm has no release %s, and its Deployment runs with %lld replicas: somebody else deploys it",
            cm_plan_text(cm_step_plan(step), "target.release"), (long long)n);
    cm_hint(
        err,
        "Scale it to zero by its deployer, or with `%s` once that is suspended; put `steps: {release.scale: {by: hand}}` into the plan "
        "and run again with --accept-plan-changes.",
        scale_command(step));
    return -1;
}

static int hand(struct cm_step *step, struct cm_str *shown, struct cm_err **err)
{
    struct cm_release_wish w;
    if (cm_release_none(step, &w, err) < 0)
        return -1;
    cm_str_addf(
        shown,
        "Scale Connect to zero. Where its deployer is suspended by now: %s\n"
        "Also put `replicas: 0` behind your values files (%s holds it), so that the deployer does not bring the pods back when it "
        "is resumed.\nIt is seen to be done when the Deployment %s has no replicas.\n",
        scale_command(step), SCALE_FILE, cm_target_fullname(step));
    return 0;
}

static int scaled_by_others(void *ctx, struct cm_err **err)
{
    int64_t n;
    return cm_release_replicas(ctx, &n, err) < 0 ? -1 : n <= 0;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct cm_release_wish w;
    bool deployed = false;
    int64_t n;
    if (cm_release_by_others(step)) {
        *answer = CM_NEEDED;
        if (cm_release_replicas(step, &n, err) < 0)
            return -1;
        *answer = n <= 0 ? CM_DONE : CM_NEEDED;
        return 0;
    }
    if (cm_release_is_there(step, &deployed, err) < 0)
        return -1;
    if (!deployed)
        return without_record(step, answer, err);
    return cm_release_none(step, &w, err) < 0 ? -1 : cm_release_probe(step, &w, answer, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_release_wish w;
    return cm_release_none(step, &w, err) < 0 ? -1 : cm_release_send(step, &w, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_release_wish w;
    bool deployed = false;
    if (cm_release_by_others(step)) {
        int rc = cm_wait_until(step, scaled_by_others, step, cm_target_limit(step, 60000), 20, 1000, err);
        return rc == 0  ? cm_fail(err, CM_E_FAILED, "the Deployment %s still has replicas", cm_target_fullname(step))
               : rc < 0 ? -1
                        : 0;
    }
    if (cm_release_is_there(step, &deployed, err) < 0)
        return -1;
    if (!deployed)
        return 0;
    return cm_release_none(step, &w, err) < 0 ? -1 : cm_release_verify(step, &w, NULL, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_autofree char *line = cm_helm_upgrade_by_hand(step, cm_target_values(step, false));
    cm_will(step, "command", "%s -f " SCALE_FILE " (replicas: 0)", line);
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err) { return cm_release_undo(step, c, err); }

const struct cm_action cm_action_release_scale = {
    .name = "release.scale",
    .summary = "Scale the release to zero",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "The new server is down until it is scaled up again.",
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .hand = hand,
    .by_as = "helm.deploy",
    .reads = "The release's records.",
    .does = "helm upgrade with the release's own values and replicas: 0 behind them.",
    .proves = "The newest revision is ours, of this purpose, and deployed.",
    .undoes = "Nothing: going forward again deploys anew.",
    .rights = "As for helm.deploy.",
};
