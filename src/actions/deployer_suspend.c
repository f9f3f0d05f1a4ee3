/* deployer.suspend: another deployer (Argo CD, Flux) would heal the release that is about to be scaled to zero. Its marks on the Deployment
 * are looked for; suspending it is its owner's: a person attests that it is done. Nothing found is nothing to do. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/target.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"

static const struct { const char *mark, *name, *how; } deployers[] = {
    {"argocd.argoproj.io/instance", "Argo CD", "argocd app set APP --sync-policy none"},
    {"argocd.argoproj.io/tracking-id", "Argo CD", "argocd app set APP --sync-policy none"},
    {"helm.toolkit.fluxcd.io/name", "Flux", "flux suspend helmrelease NAME"},
    {"kustomize.toolkit.fluxcd.io/name", "Flux", "flux suspend kustomization NAME"},
};

/* The index of the deployer found, -1: none. -2: could not look. */
static int found(struct cm_step *step, struct cm_err **err)
{
    cm_autojson d = NULL;
    enum cm_seen seen;
    if (cm_kube_get(step, "deployments", cm_target_fullname(step), NULL, &d, &seen, err) < 0)
        return -2;
    for (size_t i = 0; i < sizeof deployers / sizeof *deployers; i++)
        if (json_object_get(cm_json_at(d, "metadata.labels"), deployers[i].mark) ||
            json_object_get(cm_json_at(d, "metadata.annotations"), deployers[i].mark))
            return (int)i;
    return -1;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    int i = found(step, err);
    if (i == -2)
        return -1;
    if (i < 0) {
        cm_say(step, "no other deployer's marks on the Deployment: nothing to suspend");
        return 0;
    }
    const char *shown = cm_arena_fmt(cm_step_arena(step), "The Deployment is managed by %s (%s).\nSuspend it, for instance: %s\n"
                                     "Otherwise it brings the pods back while the old server starts.\n",
                                     deployers[i].name, deployers[i].mark, deployers[i].how);
    struct cm_gate_spec g = {.id = "deployer.suspend", .attest = true, .title = "the other deployer is suspended", .shown = shown};
    return cm_gate_pass(step, &g, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    (void)step;
    (void)err;
    return 0;       /* the reverse interlock of service.start is the proof that it does not heal */
}

const struct cm_action cm_action_deployer_suspend = {
    .name = "deployer.suspend",
    .summary = "another deployer of the release is suspended",
    .kind = CM_EFFECT,
    .apply = apply,
    .verify = verify,
    .reads = "Labels and annotations of the Deployment: Argo CD's, Flux's.",
    .does = "When one is found: asks a person to suspend it.",
    .proves = "The statement is on record; the reverse interlock sees it if it is not so.",
    .undoes = "Nothing: resuming it is its owner's.",
    .rights = "To read the Deployment.",
};
