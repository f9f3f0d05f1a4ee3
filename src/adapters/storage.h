/* adapters/storage.h: what a folder lies on: findmnt, or /proc/self/mountinfo where it is missing. Only parsing and judging;
 * the text is fetched by the caller. */
#ifndef CM_ADAPTERS_STORAGE_H
#define CM_ADAPTERS_STORAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/err.h>

enum cm_mount_class { CM_MOUNT_NETWORK, CM_MOUNT_LOCAL, CM_MOUNT_UNKNOWN };

struct cm_mount {
    char *target, *source, *fstype, *options;     /* owned; source "nfs.example.com:/export/connect" */
    enum cm_mount_class kind;
    const char *why;                              /* one clause on the class; static */
    char *server, *export_path;                   /* of an NFS-like source; NULL else; owned */
};

/* Output of `findmnt -J -T PATH -o TARGET,SOURCE,FSTYPE,OPTIONS`. */
int cm_mount_from_findmnt(const char *json, size_t n, struct cm_mount *out, struct cm_err **err);
/* /proc/self/mountinfo: the mount that `path` (absolute, resolved) lies on; the last of equal targets wins. */
int cm_mount_from_mountinfo(const char *text, const char *path, struct cm_mount *out, struct cm_err **err);
/* What its type and options mean for Connect's files, each a phrase, parted by "; "; "" when nothing is to be said. Caller frees. */
char *cm_mount_risks(const struct cm_mount *m);
void cm_mount_fini(struct cm_mount *m);
/* The value of a mount option ("vers" of "rw,vers=4.2,hard" → "4.2"; "" for one without a value); caller frees. NULL: not set. */
char *cm_mount_option(const struct cm_mount *m, const char *name);

#endif
