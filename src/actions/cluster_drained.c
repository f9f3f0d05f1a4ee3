/* actions/cluster_drained.c: cluster.drained: nothing of Connect lives in the cluster any more, and it stays so.
 *
 * It is a hold: looked at again at each start of the way back, because somebody may scale the release up, or apply his own manifests,
 * while nobody looks. Then it is scaled to zero once more, not again and again: who changes it a second time is named. What keeps pods
 * away once the old server runs is the fence (release_fence.c). */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/cluster_drained.h"
#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release.h"
#include "actions/release_fence.h"
#include "actions/release_hand.h"
#include "actions/release_heal.h"
#include "actions/service.h"
#include "actions/target.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

/* The old server may run still, when the way back begins before it was stopped: its sessions are its own. */
static int nothing_left(struct cm_step *step, struct cm_err **err)
{
    bool runs;
    if (cm_service_runs_somewhere(step, &runs, NULL) < 0)
        runs = false; /* not reached: the interlock says what that means */
    return runs ? cm_interlock_reverse_pods(step, err) : cm_interlock_reverse(step, err);
}

/* Pods that live because somebody scaled the Deployment up are that somebody's doing. */
static int blame(struct cm_step *step, struct cm_err *why, struct cm_err **err)
{
    int64_t n;
    if (cm_release_replicas(step, &n, NULL) < 0 || n <= 0)
        return cm_err_move(err, why);
    cm_err_free(why);
    return cm_heal_fail(step, NULL, "it was scaled to zero and has replicas again", err);
}

static int left_empty(struct cm_step *step, struct cm_err **err)
{
    struct cm_err *why = NULL;
    return nothing_left(step, &why) == 0 ? 0 : blame(step, why, err);
}

int cm_cluster_has_no_pods(struct cm_step *step, struct cm_err **err)
{
    struct cm_err *why = NULL;
    return cm_interlock_reverse_pods(step, &why) == 0 ? 0 : blame(step, why, err);
}

static int gone(void *ctx, struct cm_err **err)
{
    struct cm_heal *h = ctx;
    struct cm_err *why = NULL;
    int64_t n;
    if (cm_release_replicas(h->step, &n, err) < 0 || cm_heal_scaled(h, n, err) < 0)
        return -1;
    if (nothing_left(h->step, &why) == 0)
        return 1;
    if (cm_err_code(why) == CM_E_FAILED) {
        cm_err_free(why);
        return 0;
    }
    return cm_err_move(err, why);
}

/* Who scales it to zero: helm for us, or somebody else (steps.release.scale.by, or that of helm.deploy). */
static bool ours_to_scale(struct cm_step *step)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const char *by = cm_json_text(cm_plan_step(plan, "release.scale"), "by", NULL);
    if (by == NULL)
        by = cm_json_text(cm_plan_step(plan, "helm.deploy"), "by", "tool");
    return strcmp(by, "tool") == 0;
}

/* What the newest revision says is judged only where it is ours. *ours: it can be sent again. */
static int begin(struct cm_step *step, struct cm_heal *h, bool *ours, struct cm_err **err)
{
    *h = (struct cm_heal){.step = step, .at_zero = true};
    *ours = false;
    if (ours_to_scale(step) && cm_release_is_there(step, ours, err) < 0)
        return -1;
    return *ours ? cm_heal_begin(step, h, err) : 0;
}

/* Somebody changed it behind release.scale, and may have been stopped since: to zero once more. */
static int scale_again(struct cm_step *step, struct cm_heal *h, struct cm_err **err)
{
    struct cm_release_wish w;
    const char *what = NULL;
    int rc = cm_heal_stands(h, NULL, &what, NULL, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    cm_say(step, "release %s was changed by somebody else (%s): it is scaled to zero once more",
           cm_plan_text(cm_step_plan(step), "target.release"), what);
    if (cm_release_none(step, &w, err) < 0)
        return -1;
    w.anew = true;
    return cm_release_send(step, &w, err) < 0 ? -1 : cm_heal_begin(step, h, err);
}

/* Only where there is an old server that must not have a second Connect beside it. */
static bool has_old_server(struct cm_step *step) { return cm_outside_hosts(cm_step_outside(step)) > 0; }

static int drain(struct cm_step *step, struct cm_err **err)
{
    enum { TO_SAY_WHAT_STAYS_MS = 2000 };
    struct cm_heal h;
    bool ours;
    if (cm_fence_keep(step, err) < 0 || begin(step, &h, &ours, err) < 0 || (ours && scale_again(step, &h, err) < 0))
        return -1;
    int64_t limit = cm_step_deadline(step);
    int rc = cm_wait_until(step, gone, &h, limit == CM_NEVER ? limit : limit - TO_SAY_WHAT_STAYS_MS, 5, 2000, err);
    if (rc == 0)
        return left_empty(step, err);
    cm_target_reconnect(step);
    if (rc < 0 || (has_old_server(step) && cm_fence_put(step, err) < 0))
        return -1;
    return cm_heal_stays(&h, NULL, err);
}

int cm_cluster_drained(struct cm_step *step, struct cm_err **err)
{
    struct cm_heal h;
    const char *what, *kind, *fallen;
    bool ours;
    if (left_empty(step, err) < 0 || begin(step, &h, &ours, err) < 0)
        return -1;
    int rc = cm_heal_stands(&h, NULL, &what, &kind, err);
    if (rc <= 0)
        return rc < 0 ? -1 : cm_heal_fail(step, kind, what, err);
    if (cm_fence_stands(step, &fallen, err) < 0)
        return -1;
    return fallen == NULL ? 0 : cm_heal_fail(step, NULL, fallen, err);
}

/* On the way back of a change in place the release is started again with its own values: until then it has to hold, and once more when
 * somebody brought the other mode back behind that. */
static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_heal h = {0};
    bool restored = false;
    if (!has_old_server(step) && cm_release_is_restored(step, &restored, err) < 0)
        return -1;
    if (!restored)
        return cm_cluster_drained(step, err);
    int rc = cm_heal_begin(step, &h, err) < 0 ? -1 : cm_heal_stands(&h, NULL, NULL, NULL, err);
    return rc < 0 ? -1 : rc > 0 ? 0 : cm_cluster_drained(step, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    if (has_old_server(step))
        cm_will(step, "command", "pause the Deployment %s, so that nobody brings a pod back beside the old server",
                cm_target_fullname(step));
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err) { return cm_release_undo(step, c, err); }

const struct cm_action cm_action_cluster_drained = {
    .name = "cluster.drained",
    .summary = "Nothing of Connect lives in the cluster any more",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE,
    .preview = preview,
    .apply = drain,
    .verify = verify,
    .undo = undo,
    .reads = "Pods of the release, content Jobs, sessions in both databases; who wrote the Deployment and its ConfigMap.",
    .does =
        "Waits until they are gone. It ends none of them itself; a release that somebody changed meanwhile is scaled to zero once more. Then "
        "the Deployment is paused and its ReplicaSets go, so that no pod comes up, whoever scales it or applies it again; going forward "
        "resumes it. One that somebody deletes and makes anew is told by its uid.",
    .proves =
        "No pod of the release, no content Job, and, unless the old server runs still, no session of Connect's roles; where others "
        "write the Deployment too, it stays as it is for 6 s.",
    .undoes = "Nothing.",
    .rights = "To read pods, Jobs and ReplicaSets, to patch the Deployment; Connect's own role in the database.",
};

/* ---- cluster.stays ---- */

const struct cm_action cm_action_cluster_stays = {
    .name = "cluster.stays",
    .summary = "The release is still scaled to zero and paused",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .apply = cm_fence_keep,
    .reads = "The Deployment and its ReplicaSets; when they are not as cluster.drained left them: the old server's unit, and pods.",
    .does =
        "Looks once more, when the old server serves again. A Deployment that somebody deleted and made anew, or resumed, is scaled to "
        "zero and paused at once; where it had a pod beside the old server the way back stops and says so.",
    .proves = "It is the Deployment that was paused, and it has no ReplicaSet.",
    .undoes = "Nothing.",
    .rights = "To read pods and ReplicaSets, to patch the Deployment.",
};
