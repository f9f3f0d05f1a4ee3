/* actions/cluster_release.c: the part of cluster.check on the release: its state by its records, pods of it that run already, and
 * whether somebody else deploys it (Argo CD, Flux), who would undo what the migration does.
 *
 * A deployer that synchronises by itself is a blocker: it would act in the middle of the downtime. Where its object may not be looked
 * at, a person says. */
#include <config.h>

#include <string.h>

#include "actions/cluster_check.h"
#include "actions/deployer.h"
#include "actions/look.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

static const char *delete_command(struct cm_step *step, const char *secret)
{
    const char *const argv[] = {"delete", cm_helm_record_kind(), secret, NULL};
    cm_autofree char *line = cm_kube_by_hand(step, argv);
    return cm_arena_strdup(cm_step_arena(step), line);
}

static const char *uninstall_command(struct cm_step *step)
{
    const char *const argv[] = {"uninstall", cm_plan_text(cm_step_plan(step), "target.release"), NULL};
    cm_autofree char *line = cm_helm_by_hand(step, argv);
    return cm_arena_strdup(cm_step_arena(step), line);
}

/* helm's states, and what an upgrade can follow (pkg/action, 3.13 to 4). */
static void judge_newest(struct cm_step *step, const struct cm_helm_revision *r)
{
    const char *release = cm_plan_text(cm_step_plan(step), "target.release");
    const char *who = *r->manager ? cm_arena_fmt(cm_step_arena(step), " by %s", r->manager) : "";
    if (cm_helm_pending(r))
        cm_finding(step, CM_BLOCKER, "cluster.pending",
                   cm_arena_fmt(cm_step_arena(step), "Make sure that no helm is running; then `%s` frees the release.",
                                delete_command(step, r->secret)),
                   "release %s is %s since %s (revision %d%s): helm refuses every other change", release, r->status, r->modified,
                   r->revision, who);
    else if (strcmp(r->status, "uninstalling") == 0)
        cm_finding(step, CM_BLOCKER, "cluster.pending",
                   cm_arena_fmt(cm_step_arena(step),
                                "Make sure that no helm is running; then `%s` ends it. Look first what becomes of its claims.",
                                uninstall_command(step)),
                   "release %s is being uninstalled since %s (revision %d%s): helm refuses every other change", release,
                   r->modified, r->revision, who);
    else if (strcmp(r->status, "failed") == 0)
        cm_finding(step, CM_WARNING, "cluster.release", "Look at `helm history` for why; the deployment will be its next revision.",
                   "revision %d of release %s failed at %s%s", r->revision, release, r->modified, who);
    else if (strcmp(r->status, "superseded") == 0)
        cm_finding(
            step, CM_WARNING, "cluster.release",
            "A helm died in the middle of an upgrade. Look with `helm history` and `kubectl get pods` what runs; the deployment will "
            "be its next revision.",
            "no revision of release %s is deployed: the newest, revision %d of %s, is superseded", release, r->revision,
            r->modified);
    else if (strcmp(r->status, "uninstalled") == 0)
        cm_finding(step, CM_OK, "cluster.release", NULL,
                   "release %s was uninstalled at %s with its history kept; it is installed anew as revision %d", release,
                   r->modified, r->revision + 1);
    else
        cm_finding(step, CM_OK, "cluster.release", NULL, "release %s is %s, revision %d of %s", release, r->status, r->revision,
                   r->modified);
}

/* Pods of the release beside the old server: an earlier trial, on a database of its own or on this one. */
static int judge_pods(struct cm_step *step, struct cm_err **err)
{
    cm_autojson pods = NULL;
    cm_autoerr seen = NULL;
    if (cm_target_pods(step, &pods, &seen) < 0)
        return cm_look_failed(step, "cluster.running", "pods of the release", "Check again when the cluster answers.", &seen, err);
    const json_t *pod;
    size_t i, running = 0;
    cm_autostr names = CM_STR(1024);
    json_array_foreach(pods, i, pod)
    {
        const char *phase = cm_json_text(pod, "status.phase", "");
        if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
            continue;
        running++;
        cm_look_list(&names, "%s", cm_json_text(pod, "metadata.name", "?"));
    }
    if (running)
        cm_finding(step, CM_WARNING, "cluster.running",
                   cm_arena_fmt(cm_step_arena(step),
                                "If it uses this database, stop it at once: helm upgrade with `replicas: 0`. An "
                                "earlier trial on a database of its own is replaced by the deployment of %s.",
                                cm_plan_text(cm_step_plan(step), "target.release")),
                   "a Connect of this release runs in the cluster while the old server is in service: %s", cm_str_text(&names));
    return 0;
}

int cm_cluster_release(struct cm_step *step, struct cm_err **err)
{
    struct cm_helm_revision *list = NULL;
    size_t n = 0;
    cm_autoerr seen = NULL;
    if (cm_helm_revisions(step, &list, &n, &seen) < 0)
        return cm_look_failed(step, "cluster.release", "the release's records", "Let this login list Secrets in the namespace.",
                              &seen, err);
    const struct cm_helm_revision *newest = n ? &list[n - 1] : NULL;
    if (newest)
        judge_newest(step, newest);
    else
        cm_finding(step, CM_OK, "cluster.release", NULL, "there is no release %s yet",
                   cm_plan_text(cm_step_plan(step), "target.release"));
    json_t *fact = json_object();
    json_object_set_new(fact, "revision", json_integer(newest ? newest->revision : 0));
    json_object_set_new(fact, "status", json_string(newest ? newest->status : "absent"));
    free(list);
    if (cm_fact_set(step, "cluster.release", fact, err) < 0)
        return -1;
    /* without an old server the release itself is what is migrated: its pods run, as they should */
    return newest && cm_outside_hosts(cm_step_outside(step)) > 0 ? judge_pods(step, err) : 0;
}

/* ---- other deployers ---- */

static bool deployed_by_tool(struct cm_step *step)
{
    return strcmp(cm_json_text(cm_plan_step(cm_step_plan(step), "helm.deploy"), "by", "tool"), "tool") == 0;
}

/* helm refuses to take over objects that carry no mark of its release (pkg/action/validate.go). */
static int judge_ownership(struct cm_step *step, struct cm_err **err)
{
    cm_autojson d = NULL;
    cm_autoerr why = NULL;
    enum cm_seen seen;
    const char *name = cm_target_fullname(step), *release = cm_plan_text(cm_step_plan(step), "target.release");
    if (!deployed_by_tool(step))
        return 0;
    if (cm_kube_get(step, "deployment", name, NULL, &d, &seen, &why) < 0)
        return cm_look_failed(step, "cluster.ownership", name, "Check again when the cluster answers.", &why, err);
    const char *owner = json_string_value(json_object_get(cm_json_at(d, "metadata.annotations"), "meta.helm.sh/release-name"));
    if (d == NULL || (owner != NULL && strcmp(owner, release) == 0))
        return 0;
    cm_finding(
        step, CM_BLOCKER, "cluster.ownership",
        "Let its deployer do the deployment: `steps: {helm.deploy: {by: hand}}` shows what to commit. Or take the name of its release.",
        "Deployment %s is there already and not made by helm's release %s: helm refuses to take it over", name, release);
    return 0;
}

static void judge_deployer(struct cm_step *step, const struct cm_deployer *d, enum cm_seen seen, const json_t *object)
{
    const char *off = cm_arena_fmt(cm_step_arena(step),
                                   "Switch its automatic synchronisation off until the migration is done (%s), and let it deploy "
                                   "(`steps: {helm.deploy: {by: hand}}`) or not at all.",
                                   d->how);
    if (seen != CM_SEEN)
        cm_finding(
            step, CM_UNKNOWN, "cluster.other-deployer", cm_arena_fmt(cm_step_arena(step), "%s Then attest that it is off.", off),
            "%s deploys this release (%s) and may take back what this program changes; whether it does so by itself could not be "
            "seen",
            d->name, d->mark);
    else if (cm_deployer_automatic(d, object))
        cm_finding(
            step, CM_BLOCKER, "cluster.auto-sync", off,
            "%s synchronises this release by itself (%s %s; %s): it would bring a second Connect up, or take back what is deployed",
            d->name, d->kind, d->object, d->mark);
    else
        cm_finding(step, CM_OK, "cluster.other-deployer", NULL, "%s deploys this release (%s), and does nothing by itself", d->name,
                   d->mark);
}

int cm_cluster_deployer(struct cm_step *step, struct cm_err **err)
{
    struct cm_deployer d;
    cm_autoerr why = NULL;
    cm_autojson object = NULL;
    enum cm_seen seen = CM_ABSENT;
    if (cm_deployer_find(step, &d, &why) < 0)
        return cm_look_failed(step, "cluster.other-deployer", "marks of other deployers", "Check again when the cluster answers.",
                              &why, err);
    if (d.name == NULL)
        return judge_ownership(step, err);
    if (cm_deployer_object(step, &d, &object, &seen, &why) < 0)
        return cm_look_failed(step, "cluster.other-deployer", d.object, "Check again when the cluster answers.", &why, err);
    judge_deployer(step, &d, seen, object);
    return judge_ownership(step, err);
}
