/* actions/deployer.c: another deployer of the release.
 *
 * Sources: Argo CD's tracking by label or annotation (APP:GROUP/KIND:NAMESPACE/NAME; with applications in any namespace the id begins
 * with "NAMESPACE_"), its spec.syncPolicy.automated (with `enabled` since 3.0) and argocd.argoproj.io/skip-reconcile; Flux's labels
 * helm.toolkit.fluxcd.io/name and kustomize.toolkit.fluxcd.io/name with /namespace, spec.suspend, kustomize.toolkit.fluxcd.io/reconcile;
 * Fleet's labels. */
#include <config.h>

#include "actions/deployer.h"

#include <string.h>

#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

#define APPLICATIONS "applications.argoproj.io"
#define HELM_RELEASES "helmreleases.helm.toolkit.fluxcd.io"
#define KUSTOMIZATIONS "kustomizations.kustomize.toolkit.fluxcd.io"

/* ---- what each is ---- */

static void argo(struct cm_step *step, const char *ns, const char *name, struct cm_deployer *out)
{
    struct cm_arena *arena = cm_step_arena(step);
    *out = (struct cm_deployer){.name = "Argo CD",
                                .kind = APPLICATIONS,
                                .object = cm_arena_strdup(arena, name),
                                .ns = cm_arena_strdup(arena, ns),
                                .mark = out->mark,
                                .annotation = "argocd.argoproj.io/skip-reconcile=true",
                                .how = cm_arena_fmt(arena, "argocd app set %s --sync-policy none", name)};
}

static void flux_helm(struct cm_step *step, const char *ns, const char *name, struct cm_deployer *out)
{
    struct cm_arena *arena = cm_step_arena(step);
    *out = (struct cm_deployer){
        .name = "Flux",
        .kind = HELM_RELEASES,
        .object = cm_arena_strdup(arena, name),
        .ns = cm_arena_strdup(arena, ns),
        .mark = out->mark,
        .how = cm_arena_fmt(arena, "flux suspend helmrelease %s -n %s", name, ns != NULL ? ns : "flux-system")};
}

static void flux_kustomize(struct cm_step *step, const char *ns, const char *name, struct cm_deployer *out)
{
    struct cm_arena *arena = cm_step_arena(step);
    *out = (struct cm_deployer){
        .name = "Flux",
        .kind = KUSTOMIZATIONS,
        .object = cm_arena_strdup(arena, name),
        .ns = cm_arena_strdup(arena, ns),
        .mark = out->mark,
        .how = cm_arena_fmt(arena, "flux suspend kustomization %s -n %s", name, ns != NULL ? ns : "flux-system")};
}

/* The tracking id's or instance label's application. */
static void argo_id(struct cm_step *step, const char *id, struct cm_deployer *out)
{
    char *name = cm_arena_strdup(cm_step_arena(step), id);
    name[strcspn(name, ":")] = '\0';
    char *bar = strchr(name, '_');
    if (bar != NULL)
        *bar = '\0';
    argo(step, bar != NULL ? name : "argocd", bar != NULL ? bar + 1 : name, out);
}

/* ---- by its marks ---- */

static const char *value_of(const json_t *object, const char *key)
{
    const char *label = json_string_value(json_object_get(cm_json_at(object, "metadata.labels"), key));
    return label != NULL ? label : json_string_value(json_object_get(cm_json_at(object, "metadata.annotations"), key));
}

static bool by_marks(struct cm_step *step, const char *kind, const json_t *object, struct cm_deployer *out)
{
    static const char *const keys[] = {"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance",
                                       "helm.toolkit.fluxcd.io/name",    "kustomize.toolkit.fluxcd.io/name",
                                       "fleet.cattle.io/bundle-id",      "objectset.rio.cattle.io/id"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = value_of(object, keys[i]);
        if (value == NULL)
            continue;
        out->mark = cm_arena_fmt(cm_step_arena(step), "%s %s carries %s=%s", kind, cm_json_text(object, "metadata.name", "?"),
                                 keys[i], value);
        if (i < 2)
            argo_id(step, value, out);
        else if (i == 2)
            flux_helm(step, value_of(object, "helm.toolkit.fluxcd.io/namespace"), value, out);
        else if (i == 3)
            flux_kustomize(step, value_of(object, "kustomize.toolkit.fluxcd.io/namespace"), value, out);
        else
            *out = (struct cm_deployer){.name = "Rancher Fleet", .mark = out->mark, .how = "pause the bundle in Fleet"};
        return true;
    }
    return false;
}

/* ---- by its own object, when nothing is deployed yet ---- */

static bool names_release(struct cm_step *step, bool is_argo, const json_t *o)
{
    const char *release = cm_plan_text(cm_step_plan(step), "target.release"),
               *ns = cm_plan_text(cm_step_plan(step), "target.namespace");
    const char *name = cm_json_text(o, "metadata.name", ""), *own_ns = cm_json_text(o, "metadata.namespace", "");
    if (is_argo) {
        const json_t *first = json_array_get(cm_json_at(o, "spec.sources"), 0);
        const char *said = cm_json_text(o, "spec.source.helm.releaseName", cm_json_text(first, "helm.releaseName", name));
        return strcmp(cm_json_text(o, "spec.destination.namespace", ""), ns) == 0 && strcmp(said, release) == 0;
    }
    const char *target = cm_json_text(o, "spec.targetNamespace", own_ns);
    cm_autofree char *made = cm_json_at(o, "spec.targetNamespace") != NULL ? cm_fmt("%s-%s", target, name) : cm_strdup(name);
    return strcmp(target, ns) == 0 && strcmp(cm_json_text(o, "spec.releaseName", made), release) == 0;
}

/* Who may not look there, or has no such deployer, finds nothing: the marks remain. */
static void by_objects(struct cm_step *step, bool is_argo, struct cm_deployer *out)
{
    cm_autojson list = NULL;
    enum cm_seen seen;
    size_t i;
    const json_t *o;
    if (cm_kube_get_in(step, "*", is_argo ? APPLICATIONS : HELM_RELEASES, NULL, NULL, &list, &seen, NULL) < 0)
        return;
    json_array_foreach(json_object_get(list, "items"), i, o)
    {
        const char *name = cm_json_text(o, "metadata.name", "?"), *ns = cm_json_text(o, "metadata.namespace", NULL);
        if (out->name != NULL || !names_release(step, is_argo, o))
            continue;
        out->mark = cm_arena_fmt(cm_step_arena(step), "%s %s names this release", is_argo ? "Application" : "HelmRelease", name);
        if (is_argo)
            argo(step, ns, name, out);
        else
            flux_helm(step, ns, name, out);
    }
}

int cm_deployer_find(struct cm_step *step, struct cm_deployer *out, struct cm_err **err)
{
    static const char *const kinds[] = {"deployment", "service", "serviceaccount"};
    *out = (struct cm_deployer){0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cm_autojson object = NULL;
        enum cm_seen seen;
        if (cm_kube_get(step, kinds[i], cm_target_fullname(step), NULL, &object, &seen, err) < 0)
            return -1;
        if (by_marks(step, kinds[i], object, out))
            return 0;
    }
    by_objects(step, true, out);
    if (out->name == NULL)
        by_objects(step, false, out);
    return 0;
}

/* ---- its state ---- */

int cm_deployer_object(struct cm_step *step, const struct cm_deployer *d, json_t **object, enum cm_seen *seen, struct cm_err **err)
{
    *object = NULL;
    *seen = CM_ABSENT;
    return d->kind == NULL ? 0 : cm_kube_get_in(step, d->ns, d->kind, d->object, NULL, object, seen, err);
}

bool cm_deployer_suspended(const struct cm_deployer *d, const json_t *object)
{
    if (d->annotation == NULL)
        return cm_json_bool(object, "spec.suspend", false);
    size_t n = strcspn(d->annotation, "=");
    cm_autofree char *key = cm_strndup(d->annotation, n);
    const char *now = json_string_value(json_object_get(cm_json_at(object, "metadata.annotations"), key));
    return now != NULL && strcmp(now, d->annotation + n + 1) == 0;
}

bool cm_deployer_automatic(const struct cm_deployer *d, const json_t *object)
{
    if (cm_deployer_suspended(d, object))
        return false;
    if (strcmp(d->kind, APPLICATIONS) != 0)
        return true; /* Flux reconciles unless it is suspended */
    const json_t *automated = cm_json_at(object, "spec.syncPolicy.automated");
    return json_is_object(automated) && cm_json_bool(automated, "enabled", true);
}
