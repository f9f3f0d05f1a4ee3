/* actions/release_heal.h: is what was deployed still what the cluster holds, or does somebody else bring his own version back? Does not:
 * deploy again. */
#ifndef CM_ACTIONS_RELEASE_HEAL_H
#define CM_ACTIONS_RELEASE_HEAL_H

#include <stdbool.h>
#include <stdint.h>

#include <cm/action.h>

#include "adapters/kubectl.h"

/* One look, in one call: the Deployment, its ConfigMap, and pods by their names, with who wrote them. */
enum { CM_HELD_DEPLOYMENT, CM_HELD_CONFIG, CM_HELD_PODS, CM_HELD_PODS_MOST = 4, CM_HELD_MOST = CM_HELD_PODS + CM_HELD_PODS_MOST };
struct cm_held {
    struct cm_kube_one list[CM_HELD_MOST];
    size_t n; /* 0: nothing was looked at */
};
#define cm_autoheld CM_CLEANUP(cm_held_fini) struct cm_held
void cm_held_fini(struct cm_held *held);
/* pods: their names, arena; as many as CM_HELD_PODS_MOST. -1: nothing was seen. */
int cm_held_look(struct cm_step *step, const char *const *pods, size_t n, struct cm_held *held, struct cm_err **err);
static inline const json_t *cm_held_deployment(const struct cm_held *held) { return held->list[CM_HELD_DEPLOYMENT].object; }

struct cm_heal {
    struct cm_step *step;
    const char *checksum; /* of our newest revision's Deployment, arena; NULL: not known, nothing is judged */
    const char *gcfg;     /* of our newest revision's ConfigMap, arena; NULL as well */
    bool at_zero;         /* it was scaled to zero, and has to stay so */
    int seen;             /* looks in a row that differed */
};

/* {.step = step} alone is one that knows no revision: then only the replicas are judged. */
int cm_heal_begin(struct cm_step *step, struct cm_heal *h, struct cm_err **err);
bool cm_heal_differs(const struct cm_heal *h, const json_t *deployment);
/* One look at Deployment and ConfigMap. 1: as deployed. 0: not, and somebody else did it. *what (static; NULL when it is as deployed) and
 * *kind say what is another's; both may be NULL. held: what was just seen; NULL: it is looked at here. */
int cm_heal_stands(const struct cm_heal *h, const struct cm_held *held, const char **what, const char **kind, struct cm_err **err);
/* For each look while waiting. -1: somebody else changes it (CM_E_CHANGED): who, when, what to type. */
int cm_heal_look(struct cm_heal *h, const json_t *deployment, struct cm_err **err);
/* The same for a Deployment that was scaled to zero. */
int cm_heal_scaled(struct cm_heal *h, int64_t replicas, struct cm_err **err);
/* Before what was deployed is taken as proved: where somebody beside helm and us has ever written the objects, they are watched for some
 * seconds; where nobody has, one look is enough. held: that look, when it was just taken, and then the last one; NULL: it is taken here. -1:
 * it does not stay, or CM_E_INTERRUPTED. */
int cm_heal_stays(const struct cm_heal *h, struct cm_held *held, struct cm_err **err);
/* *err says that something is not as it should be: if that is because the cluster does not hold what was deployed, *err becomes who changes
 * it. Returns -1. */
int cm_heal_blame(struct cm_step *step, struct cm_err **err);
/* kind: "deployments" (NULL too) or "configmaps". */
int cm_heal_fail(struct cm_step *step, const char *kind, const char *what, struct cm_err **err);

#endif
