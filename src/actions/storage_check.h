/* actions/storage_check.h: what both files of storage.check share. Nobody else includes it. */
#ifndef CM_ACTIONS_STORAGE_CHECK_H
#define CM_ACTIONS_STORAGE_CHECK_H

#include <stdbool.h>

#include <cm/action.h>

#include "actions/source.h"
#include "adapters/storage.h"

struct cm_storage_node {                 /* DataDir as one node sees it */
    const char *name;
    bool reached, absent, closed;
    struct cm_mount mount;
    bool has_mount;
    char *resolved;                      /* DataDir without symbolic links */
    char *names;                         /* what the node calls itself: host names and addresses, parted by blanks */
    char *output;                        /* of the script, for what only one node is asked */
    size_t output_bytes;
};

/* DataDir below the mount's target; points into node->resolved. */
const char *cm_storage_below(const struct cm_storage_node *node);
/* Compare the cluster's volume with what the first node has mounted. *exported_here: the volume is an NFS share of a node of the
 * old server itself, so that a local disk there is no local disk for the cluster. */
int cm_storage_volume(struct cm_step *step, const struct cm_storage_node *node, bool *exported_here, struct cm_err **err);

#endif
