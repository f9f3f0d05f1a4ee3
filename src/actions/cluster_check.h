/* actions/cluster_check.h: what the files of cluster.check share. Nobody else includes it. */
#ifndef CM_ACTIONS_CLUSTER_CHECK_H
#define CM_ACTIONS_CLUSTER_CHECK_H

#include <cm/action.h>

/* Each looks at one thing and emits its findings; -1 only when the step must end. */
int cm_cluster_rights(struct cm_step *step, struct cm_err **err);
int cm_cluster_claim(struct cm_step *step, struct cm_err **err);
int cm_cluster_secrets(struct cm_step *step, struct cm_err **err);
int cm_cluster_release(struct cm_step *step, struct cm_err **err);
int cm_cluster_deployer(struct cm_step *step, struct cm_err **err);
int cm_cluster_nodes(struct cm_step *step, struct cm_err **err);

#endif
