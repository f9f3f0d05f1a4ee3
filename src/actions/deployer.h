/* actions/deployer.h: another deployer of the release, Argo CD or Flux: found by its marks on the release's objects, or by its own object
 * that names the release; whether it synchronises by itself; whether it is suspended. Does not: change it (deployer_suspend.c). */
#ifndef CM_ACTIONS_DEPLOYER_H
#define CM_ACTIONS_DEPLOYER_H

#include <stdbool.h>

#include <cm/action.h>

#include "adapters/kubectl.h"

struct cm_deployer {
    const char *name;             /* for people: "Argo CD"; NULL: none found. All strings live with the step's arena. */
    const char *kind, *object;    /* kind NULL: known by its mark only (Rancher Fleet) */
    const char *ns;               /* NULL: the plan's */
    const char *mark;             /* "deployment NAME carries KEY=VALUE", or how else it was found */
    const char *annotation;       /* "key=value" that suspends it; NULL: spec.suspend */
    const char *how;              /* what switches its automatic synchronisation off, for people */
};

/* 0 also when none is found. */
int cm_deployer_find(struct cm_step *step, struct cm_deployer *out, struct cm_err **err);
/* Its object; *seen as cm_kube_get says. New reference. */
int cm_deployer_object(struct cm_step *step, const struct cm_deployer *d, json_t **object, enum cm_seen *seen, struct cm_err **err);
bool cm_deployer_suspended(const struct cm_deployer *d, const json_t *object);
/* Would it bring back by itself what somebody changes? */
bool cm_deployer_automatic(const struct cm_deployer *d, const json_t *object);

#endif
