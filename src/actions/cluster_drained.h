/* actions/cluster_drained.h: nothing of Connect lives in the cluster, and nobody is about to bring it back. */
#ifndef CM_ACTIONS_CLUSTER_DRAINED_H
#define CM_ACTIONS_CLUSTER_DRAINED_H

#include <cm/action.h>

/* One look before the old server is started. -1: something lives (CM_E_FAILED), or somebody scales it up (CM_E_CHANGED: who, what to type). */
int cm_cluster_drained(struct cm_step *step, struct cm_err **err);
/* The same of pods and content Jobs only. */
int cm_cluster_has_no_pods(struct cm_step *step, struct cm_err **err);

#endif
