/* actions/cluster_release.c: the part of cluster.check on the release: its state by its records, pods of it that run already, and
 * whether somebody else deploys it (Argo CD, Flux), who would undo what the migration does.
 *
 * Labels and annotations are those that Argo CD (tracking by label or annotation) and Flux (kustomize- and helm-controller) put on
 * what they manage. Whether their automation is on cannot be told from there: a person says. */
#include <config.h>

#include <string.h>

#include "actions/cluster_check.h"
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

struct mark {
    const char *key, *who;
};

static const char *deployer_in(const json_t *map, const char **value)
{
    static const struct mark marks[] = {
        {"argocd.argoproj.io/instance", "Argo CD"},
        {"argocd.argoproj.io/tracking-id", "Argo CD"},
        {"kustomize.toolkit.fluxcd.io/name", "Flux (kustomization)"},
        {"helm.toolkit.fluxcd.io/name", "Flux (helm release)"},
        {"fleet.cattle.io/bundle-id", "Rancher Fleet"},
        {"objectset.rio.cattle.io/id", "Rancher Fleet"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        *value = json_string_value(json_object_get(map, marks[i].key));
        if (*value)
            return marks[i].who;
    }
    return NULL;
}

int cm_cluster_deployer(struct cm_step *step, struct cm_err **err)
{
    static const char *const kinds[] = {"deployment", "service", "serviceaccount"};
    const char *name = cm_target_fullname(step);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cm_autojson object = NULL;
        cm_autoerr seen = NULL;
        enum cm_seen what = CM_ABSENT;
        const char *value = NULL;
        if (cm_kube_get(step, kinds[i], name, NULL, &object, &what, &seen) < 0)
            return cm_look_failed(step, "cluster.other-deployer", kinds[i], "Check again when the cluster answers.", &seen, err);
        const char *who = deployer_in(cm_json_at(object, "metadata.labels"), &value);
        if (!who)
            who = deployer_in(cm_json_at(object, "metadata.annotations"), &value);
        if (!who)
            continue;
        cm_finding(
            step, CM_UNKNOWN, "cluster.other-deployer",
            "Switch its automatic synchronisation off for the migration, or let it deploy: `steps: {helm.deploy: {by: command, "
            "command: […]}}`; then attest which of both.",
            "%s %s is deployed by %s (%s), which may take back what this program changes", kinds[i], name, who, value);
        return 0;
    }
    return 0;
}
