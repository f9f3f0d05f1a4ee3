/* actions/volume.h: is a PersistentVolume the folder that the old server uses? Compared by what both say, without touching
 * either. Texts that differ prove nothing (aliases, EFS over TLS, access points): only a volume that can hold no shared folder
 * at all is certainly another one. The marker file proves it later. */
#ifndef CM_ACTIONS_VOLUME_H
#define CM_ACTIONS_VOLUME_H

#include <jansson.h>

#include "adapters/storage.h"

enum cm_volume_match {
    CM_VOLUME_SAME,              /* both name the same export and folder */
    CM_VOLUME_UNSURE,            /* the texts differ, or one of them does not say */
    CM_VOLUME_OTHER              /* a disk of one machine: never a share */
};

struct cm_volume_view {
    enum cm_volume_match match;
    char *pv;                    /* what the volume names: "NFS nfs.example.com:/export/connect"; owned */
    char *mount;                 /* the same of the server: "nfs.example.com:/export/connect"; owned */
    const char *why;             /* a clause on the match; static */
};

/* pv: a PersistentVolume. below: DataDir under the mount's target ("" or "sub/dir"). sub_path: of the values; may be NULL. */
void cm_volume_compare(const json_t *pv, const struct cm_mount *mount, const char *below, const char *sub_path,
                       struct cm_volume_view *out);
void cm_volume_view_fini(struct cm_volume_view *v);

#endif
