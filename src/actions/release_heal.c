/* actions/release_heal.c: somebody else brings back what we changed: a deployer that heals, an operator, a colleague with kubectl. It is
 * told by what the cluster holds: the checksum of the configuration that the Deployment's pods carry and the configuration itself are
 * those of our revision, or they are not. We do not fight: one upgrade a start, then a message that names who wrote last.
 *
 * Who applies his manifests every few seconds leaves moments in which everything is ours. The API server keeps who wrote an object
 * (metadata.managedFields): where there is somebody beside helm and us, a single look proves nothing. */
#include <config.h>

#include "actions/release_heal.h"

#include <string.h>

#include "actions/deployer.h"
#include "actions/evening.h"
#include "actions/manifests.h"
#include "actions/release_fence.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "values/overlay.h"

enum { LOOKS = 2 }; /* that must agree: a look may fall between two writes of helm */
enum { WATCHED_MS = 6000, LOOK_MS = 200 };

int cm_heal_begin(struct cm_step *step, struct cm_heal *h, struct cm_err **err)
{
    cm_autofree char *text = NULL, *name = cm_fmt("Deployment %s", cm_target_fullname(step));
    struct cm_manifests m = {0};
    *h = (struct cm_heal){.step = step, .at_zero = h->at_zero};
    if (cm_helm_manifest(step, &text, err) < 0)
        return -1;
    cm_manifests_read(&m, text);
    const struct cm_manifest *d = cm_manifests_find(&m, name);
    h->checksum = d == NULL ? NULL : cm_arena_strdup(cm_step_arena(step), cm_manifest_checksum(d->json));
    cm_manifests_fini(&m);
    cm_autofree char *gcfg = cm_manifest_gcfg(text, NULL);
    h->gcfg = gcfg == NULL ? NULL : cm_arena_strdup(cm_step_arena(step), gcfg);
    return 0;
}

bool cm_heal_differs(const struct cm_heal *h, const json_t *deployment)
{
    const char *has = cm_manifest_checksum(deployment);
    return deployment != NULL && h->checksum != NULL && (has == NULL || strcmp(has, h->checksum) != 0);
}

static const char scaled_up[] = "it was scaled to zero and has replicas again";
static const char other_pods[] = "its pods are not those of the revision that was deployed";
static const char other_configuration[] = "it does not hold the configuration of the revision that was deployed";

/* The ConfigMap of rstudio-connect.gcfg, or the Deployment. */
static const char *name_of(struct cm_step *step, const char *kind)
{
    const char *name = cm_target_fullname(step);
    return strcmp(kind, "configmaps") == 0 ? cm_arena_fmt(cm_step_arena(step), "%s-config", name) : name;
}

void cm_held_fini(struct cm_held *held) { cm_kube_several_fini(held->list, held->n); }

int cm_held_look(struct cm_step *step, const char *const *pods, size_t n, struct cm_held *held, struct cm_err **err)
{
    cm_held_fini(held);
    *held = (struct cm_held){.list = {[CM_HELD_DEPLOYMENT] = {.kind = "deployments", .name = name_of(step, "deployments")},
                                      [CM_HELD_CONFIG] = {.kind = "configmaps", .name = name_of(step, "configmaps")}},
                             .n = CM_HELD_PODS};
    for (size_t i = 0; i < n && i < CM_HELD_PODS_MOST; i++)
        held->list[held->n++] = (struct cm_kube_one){.kind = "pods", .name = pods[i]};
    if (cm_kube_get_several(step, NULL, held->list, held->n, err) == 0)
        return 0;
    held->n = 0;
    return -1;
}

/* NULL: as deployed. *kind: of what is another's. */
static int differs(const struct cm_heal *h, const struct cm_held *held, const char **what, const char **kind, struct cm_err **err)
{
    const json_t *d = cm_held_deployment(held);
    const struct cm_kube_one *map = &held->list[CM_HELD_CONFIG];
    cm_autofree char *gcfg = NULL;
    cm_autostr lines = CM_STR(CM_STR_PAGE);
    *kind = "deployments";
    bool up = h->at_zero && d != NULL && cm_json_int(d, "spec.replicas", 1) > 0;
    *what = up ? scaled_up : cm_heal_differs(h, d) ? other_pods : NULL;
    if (*what != NULL || h->gcfg == NULL)
        return 0;
    if (cm_target_gcfg_of(h->step, map, &gcfg, err) < 0)
        return -1;
    if (gcfg == NULL || cm_manifests_gcfg_same(gcfg, h->gcfg, &lines))
        return 0;
    *what = other_configuration;
    *kind = map->kind;
    return 0;
}

int cm_heal_stands(const struct cm_heal *h, const struct cm_held *held, const char **what, const char **kind, struct cm_err **err)
{
    cm_autoheld own = {.n = 0};
    const char *is, *of;
    if (held == NULL && cm_held_look(h->step, NULL, 0, &own, err) < 0)
        return -1;
    if (differs(h, held == NULL ? &own : held, &is, &of, err) < 0)
        return -1;
    if (what != NULL)
        *what = is;
    if (kind != NULL)
        *kind = is == NULL ? NULL : of;
    return is == NULL;
}

int cm_heal_fail(struct cm_step *step, const char *kind, const char *what, struct cm_err **err)
{
    struct cm_deployer d = {0};
    bool map = kind != NULL && strcmp(kind, "configmaps") == 0;
    const char *name = name_of(step, map ? kind : "deployments");
    bool anew = !map && cm_fence_is_another(step);
    if (anew && strstr(what, cm_fence_made_anew) == NULL)
        what = cm_arena_fmt(cm_step_arena(step), "%s (%s)", cm_fence_made_anew, what);
    cm_autofree char *who = cm_kube_other_writer(step, map ? kind : "deployments", name);
    cm_fail(err, CM_E_CHANGED, "somebody else changes the %s %s: %s (last written by %s)", map ? "ConfigMap" : "Deployment", name,
            what, who != NULL ? who : "somebody who cannot be told from helm");
    if (anew)
        cm_hint(err,
                "Find who makes it anew (`kubectl replace --force`, Argo CD's Replace=true, a pipeline) and suspend that, then run "
                "the same command again.");
    else if (cm_deployer_find(step, &d, NULL) == 0 && d.name != NULL)
        cm_hint(err, "%s deploys this release too (%s). Suspend it, for instance `%s`, then run the same command again.", d.name,
                d.mark, d.how);
    else
        cm_hint(err,
                "Find who applies it (Argo CD, Flux, an operator, a pipeline) and suspend that, then run the same command again.");
    return -1;
}

int cm_heal_look(struct cm_heal *h, const json_t *deployment, struct cm_err **err)
{
    h->seen = cm_heal_differs(h, deployment) ? h->seen + 1 : 0;
    return h->seen < LOOKS ? 0 : cm_heal_fail(h->step, NULL, other_pods, err);
}

int cm_heal_scaled(struct cm_heal *h, int64_t replicas, struct cm_err **err)
{
    h->seen = replicas > 0 ? h->seen + 1 : 0;
    return h->seen < LOOKS ? 0 : cm_heal_fail(h->step, NULL, scaled_up, err);
}

static bool others_write(struct cm_step *step, const struct cm_held *held)
{
    for (size_t i = 0; i < CM_HELD_PODS && i < held->n; i++) {
        cm_autofree char *who = cm_kube_writer_of(held->list[i].object);
        if (who == NULL)
            continue;
        cm_say(step, "%s %s is written by others too (%s): it is watched for %d s whether they change it again",
               i == CM_HELD_DEPLOYMENT ? "Deployment" : "ConfigMap", held->list[i].name, who, WATCHED_MS / 1000);
        return true;
    }
    return false;
}

static int stays(const struct cm_heal *h, struct cm_held *held, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(h->step);
    const char *what, *kind;
    int64_t end = cm_loop_now_ms(loop) + (others_write(h->step, held) ? WATCHED_MS : 0);
    for (;;) {
        int rc = cm_heal_stands(h, held, &what, &kind, err);
        if (rc <= 0)
            return rc < 0 ? -1 : cm_heal_fail(h->step, kind, what, err);
        if (cm_loop_now_ms(loop) >= end)
            return 0;
        if (cm_pause(h->step, LOOK_MS, err) < 0 || cm_held_look(h->step, NULL, 0, held, err) < 0)
            return -1;
    }
}

int cm_heal_stays(const struct cm_heal *h, struct cm_held *held, struct cm_err **err)
{
    cm_autoheld own = {.n = 0};
    if (held != NULL && held->n > 0)
        return stays(h, held, err);
    return cm_held_look(h->step, NULL, 0, &own, err) < 0 ? -1 : stays(h, &own, err);
}

int cm_heal_blame(struct cm_step *step, struct cm_err **err)
{
    struct cm_heal h = {0};
    const char *what, *kind;
    if (cm_heal_begin(step, &h, NULL) < 0 || cm_heal_stands(&h, NULL, &what, &kind, NULL) != 0)
        return -1;
    cm_err_clear(err);
    return cm_heal_fail(step, kind, what, err);
}
