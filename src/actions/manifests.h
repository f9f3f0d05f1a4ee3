/* actions/manifests.h: what helm rendered, object by object, to be compared: as a difference for people, with secrets masked, and as an
 * answer to "does anything change but these settings?". Does not: run helm, read the cluster. */
#ifndef CM_ACTIONS_MANIFESTS_H
#define CM_ACTIONS_MANIFESTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <cm/err.h>
#include <cm/str.h>

/* One object of a stream of manifests. */
struct cm_manifest {
    char *name;   /* "ConfigMap connect-config" */
    char *text;   /* as rendered, without the "---" before it */
    json_t *json; /* NULL: it is no YAML that can be read */
};
struct cm_manifests { struct cm_manifest *list; size_t count; };     /* sorted by name */

/* "" gives none. Objects whose text says no kind are left out. */
void cm_manifests_read(struct cm_manifests *m, const char *stream);
void cm_manifests_fini(struct cm_manifests *m);

/* The unified difference, object by object; values of Secrets, and values whose name sounds secret, are "***1", "***2": the same number
 * is the same value. "" when nothing differs; caller frees. */
char *cm_manifests_diff(const char *before_name, const struct cm_manifests *before, const char *after_name,
                        const struct cm_manifests *after);
/* The same of two texts of rstudio-connect.gcfg. */
char *cm_manifests_gcfg_diff(const char *before_name, const char *before, const char *after_name, const char *after);

/* Do the two differ in nothing but `settings` ({"Section.Key": …}) of rstudio-connect.gcfg, and in the checksums that the chart makes of
 * it? What else differs is added to `differs`, a line each: "Deployment connect: spec.replicas". */
bool cm_manifests_same_but(const struct cm_manifests *a, const struct cm_manifests *b, const json_t *settings, struct cm_str *differs);

/* The same of two texts of rstudio-connect.gcfg: the names of the settings that differ, a line each. */
bool cm_manifests_gcfg_same(const char *a, const char *b, struct cm_str *differs);
/* The annotation checksum/config of a Deployment's pods; NULL: none. */
const char *cm_manifest_checksum(const json_t *deployment);
const struct cm_manifest *cm_manifests_find(const struct cm_manifests *m, const char *name);     /* "Deployment connect"; NULL */

#endif
