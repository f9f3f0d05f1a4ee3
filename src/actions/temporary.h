/* actions/temporary.h: are the temporary settings taken back? Looked for in the cluster's own configuration, compared with what the
 * chart renders without the overlay. Does not: change anything. */
#ifndef CM_ACTIONS_TEMPORARY_H
#define CM_ACTIONS_TEMPORARY_H

#include <cm/action.h>

/* The undo of a temporary.setting entry: proved where the ConfigMap is as the chart renders it without values.temporary.yaml (absent
 * keys absent), or is gone; the upgrade that took it back was release.scale's or a revert's. */
int cm_temporary_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err);
/* After a revert: does the cluster hold what was deployed last, and none of the temporary settings? -1: CM_E_CHANGED, which and by whom. */
int cm_temporary_stays_back(struct cm_step *step, struct cm_err **err);

#endif
