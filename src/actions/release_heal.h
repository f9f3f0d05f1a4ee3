/* actions/release_heal.h: is what was deployed still what the cluster holds, or does somebody else bring his own version back? Does not:
 * deploy again. */
#ifndef CM_ACTIONS_RELEASE_HEAL_H
#define CM_ACTIONS_RELEASE_HEAL_H

#include <stdbool.h>
#include <stdint.h>

#include <cm/action.h>

struct cm_heal {
    struct cm_step *step;
    const char *checksum; /* of our newest revision's Deployment; NULL: not known, nothing is judged */
    int seen;             /* looks in a row that differed */
};

int cm_heal_begin(struct cm_step *step, struct cm_heal *h, struct cm_err **err);
bool cm_heal_differs(const struct cm_heal *h, const json_t *deployment);
/* For each look while waiting. -1: somebody else changes it (CM_E_CHANGED): who, when, what to type. */
int cm_heal_look(struct cm_heal *h, const json_t *deployment, struct cm_err **err);
/* The same for a Deployment that was scaled to zero. */
int cm_heal_scaled(struct cm_heal *h, int64_t replicas, struct cm_err **err);
int cm_heal_fail(struct cm_step *step, const char *what, struct cm_err **err);

#endif
