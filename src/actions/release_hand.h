/* actions/release_hand.h: the release where somebody else deploys it: Argo CD, Flux, Terraform, a person. What is to be committed is
 * shown; what is done is read from the cluster, since there may be no record of helm's: the ConfigMap's settings and the checksum that
 * the Deployment's pods carry must be those of the files. Does not: deploy. */
#ifndef CM_ACTIONS_RELEASE_HAND_H
#define CM_ACTIONS_RELEASE_HAND_H

#include <stdbool.h>

#include <cm/action.h>

/* Is this step of the release done by hand, or by the plan's command? */
bool cm_release_by_others(struct cm_step *step);
/* CM_DONE when what the files give is in force; else CM_NEEDED. */
int cm_release_hand_probe(struct cm_step *step, const char *const *more, enum cm_answer *answer, struct cm_err **err);
/* Wait until it is, guarding the interlock; at the limit: what differs. */
int cm_release_hand_wait(struct cm_step *step, const char *const *more, struct cm_err **err);
/* For cm_action.hand: `what` to do (a sentence), the files with their digests, and by what it is seen to be done. */
void cm_release_hand_show(struct cm_step *step, const char *what, const char *const *more, struct cm_str *shown);
/* spec.replicas of the Deployment; *n -1: there is none. */
int cm_release_replicas(struct cm_step *step, int64_t *n, struct cm_err **err);

#endif
