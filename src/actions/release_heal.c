/* actions/release_heal.c: somebody else brings back what we changed: a deployer that heals, an operator, a colleague with kubectl. It is
 * told by the checksum of the configuration that the Deployment's pods carry: it is our revision's, or it is not. We do not fight: one
 * upgrade a start, then a message that names who wrote last. */
#include <config.h>

#include "actions/release_heal.h"

#include <string.h>

#include "actions/deployer.h"
#include "actions/manifests.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "base/json.h"
#include "base/mem.h"

enum { LOOKS = 2 }; /* that must agree: a look may fall between two writes of helm */

int cm_heal_begin(struct cm_step *step, struct cm_heal *h, struct cm_err **err)
{
    cm_autofree char *text = NULL, *name = cm_fmt("Deployment %s", cm_target_fullname(step));
    struct cm_manifests m = {0};
    *h = (struct cm_heal){.step = step};
    if (cm_helm_manifest(step, &text, err) < 0)
        return -1;
    cm_manifests_read(&m, text);
    const struct cm_manifest *d = cm_manifests_find(&m, name);
    h->checksum = d == NULL ? NULL : cm_arena_strdup(cm_step_arena(step), cm_manifest_checksum(d->json));
    cm_manifests_fini(&m);
    return 0;
}

bool cm_heal_differs(const struct cm_heal *h, const json_t *deployment)
{
    const char *has = cm_manifest_checksum(deployment);
    return deployment != NULL && h->checksum != NULL && (has == NULL || strcmp(has, h->checksum) != 0);
}

int cm_heal_fail(struct cm_step *step, const char *what, struct cm_err **err)
{
    struct cm_deployer d = {0};
    cm_autofree char *who = cm_kube_last_writer(step, "deployments", cm_target_fullname(step));
    cm_fail(err, CM_E_CHANGED, "somebody else changes the Deployment %s: %s (last written by %s)", cm_target_fullname(step), what,
            who);
    if (cm_deployer_find(step, &d, NULL) == 0 && d.name != NULL)
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
    return h->seen < LOOKS ? 0 : cm_heal_fail(h->step, "its pods are not those of the revision that was deployed", err);
}

int cm_heal_scaled(struct cm_heal *h, int64_t replicas, struct cm_err **err)
{
    h->seen = replicas > 0 ? h->seen + 1 : 0;
    return h->seen < LOOKS ? 0 : cm_heal_fail(h->step, "it was scaled to zero and has replicas again", err);
}
