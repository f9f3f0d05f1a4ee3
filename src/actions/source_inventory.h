/* actions/source_inventory.h: what both files of source.inventory share, and pods.check with them. */
#ifndef CM_ACTIONS_SOURCE_INVENTORY_H
#define CM_ACTIONS_SOURCE_INVENTORY_H

#include <cm/action.h>

#include "actions/source.h"

/* Users that content runs as, and items fed from Git, by the server's API; nothing when it does not answer. */
int cm_inventory_content(struct cm_step *step, const struct cm_source *s, struct cm_err **err);

/* The folder that holds the configuration's /etc: "/srv/chroot" of "/srv/chroot/etc/rstudio-connect/rstudio-connect.gcfg"; "" usually.
 * Caller frees. */
char *cm_inventory_root(const char *config_file);

#endif
