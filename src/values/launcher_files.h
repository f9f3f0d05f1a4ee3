/* values/launcher_files.h: the values files of one release, converted one by one for the direct runner, as what they are together: helm
 * merges them, so whether the Launcher is on is what all of them say, and what one of them moves must not hide what another one moved.
 * Does not: read or write files, know a plan. */
#ifndef CM_VALUES_LAUNCHER_FILES_H
#define CM_VALUES_LAUNCHER_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <cm/err.h>

#include "values/launcher.h"

struct cm_launcher_file {
    const char *name, *text;             /* borrowed */
    size_t bytes;
    struct cm_launcher_result result;    /* owned */
};
struct cm_launcher_all {
    struct cm_launcher_file *files;      /* in helm's order; the caller's */
    size_t count;
    const char *at;                      /* as for cm_values_check */
    enum cm_launcher_was was;            /* where none of the files says launcher.enabled */
    bool may_keep;                       /* a Launcher that is on while backends.kubernetes.enabled is false is meant: nothing is converted */
    /* out */
    bool changed;                        /* any of them */
    json_t *findings;                    /* of the files, then of them together; owned */
};
/* helm's merge of values files: maps merge, everything else replaces. Changes `into`. */
void cm_values_merge(json_t *into, const json_t *from);
/* Do the files together say launcher.enabled? *on: what they say. */
int cm_launcher_said(const struct cm_launcher_all *all, bool *said, bool *on, struct cm_err **err);
/* -1: one of them cannot be read, or not be converted safely (CM_E_USAGE, with its place). */
int cm_launcher_convert_all(struct cm_launcher_all *all, struct cm_err **err);
void cm_launcher_all_fini(struct cm_launcher_all *all);

#endif
