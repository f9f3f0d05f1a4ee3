/* adapters/helm.h: the administrator's own helm (3.13 or later; 4).
 *
 * No --wait, --atomic, --reuse-values, --set, ever. Files are handed over in order; secrets never in argv. What the release
 * is, is read from its Secrets (labels owner=helm, name=RELEASE) by kubectl: status, revision and our labels stand there also
 * while pending. What helm prints of manifests may hold secrets: it is never logged. */
#ifndef CM_ADAPTERS_HELM_H
#define CM_ADAPTERS_HELM_H

#include <stdbool.h>

#include <jansson.h>

#include <cm/action.h>
#include <cm/runner.h>

struct cm_helm_revision {
    int revision;              /* 0: there is no release */
    char status[32];           /* "deployed" "failed" "pending-upgrade" "pending-install" "superseded" "uninstalling" */
    char intent[48];           /* label connect-migrate/intent; "" */
    char purpose[24];          /* label connect-migrate/purpose; "" */
    char secret[256];          /* name of the Secret */
    char modified[40];         /* label modifiedAt or creationTimestamp, as text */
    char run[48];              /* label connect-migrate/run; "": written by somebody else (labels are handed down, see the intent) */
    char manager[64];          /* who wrote the record, by its managedFields: "helm", "argocd"; "" */
};
/* All revisions, oldest first; *n may be 0. Caller frees *list. */
int cm_helm_revisions(struct cm_step *step, struct cm_helm_revision **list, size_t *n, struct cm_err **err);
static inline bool cm_helm_pending(const struct cm_helm_revision *r) { return r->status[0] == 'p'; }   /* pending-* */

/* "v3.15.2"; caller frees. */
char *cm_helm_version(struct cm_step *step, struct cm_err **err);
/* The values files of the plan as helm is given them, in the plan's order: a converted copy in place of its file, by the fact values.files
 * ({FILE: {"given", "sha256"}}), or as `given` says. NULL-ended; arena. */
const char *const *cm_helm_files(struct cm_step *step);
/* From now on this is asked first (actions/values_given.c): the same list, or NULL where the fact is right. */
typedef const char *const *cm_helm_given(struct cm_step *step);
void cm_helm_given_by(struct cm_outside *o, cm_helm_given *given);
/* cm_helm_files, then `more` (NULL-ended paths, may be NULL). */
int cm_helm_template(struct cm_step *step, const char *const *more, char **manifests, struct cm_err **err);
/* `helm show chart`: {"name","version","appVersion"}; new reference. */
int cm_helm_chart(struct cm_step *step, json_t **chart, struct cm_err **err);
/* Does helm look at --version for this chart? Not where it is a path or an address of an archive. */
bool cm_helm_takes_version(struct cm_step *step);
/* Did helm see that there is no such chart, or version of it? */
bool cm_helm_chart_is_absent(const struct cm_err *why);
/* What there is in place of a chart or version that is not: "the index has 0.21.0, 0.20.12"; "": not known. Caller frees. */
char *cm_helm_instead(struct cm_step *step);
/* Is the chart neither a folder nor an archive on this machine? */
bool cm_helm_is_elsewhere(struct cm_step *step);
/* helm pull: the archive of the plan's chart into a folder. */
int cm_helm_pull(struct cm_step *step, const char *folder, struct cm_err **err);
/* What was agreed to at the gate, and is helm's chart from then on: {"chart", "version", "wanted", "file"}; file: an artifact. */
#define CM_FACT_CHART "deploy.chart"
/* `helm get manifest`: what the newest revision deployed; an absent release: "". It may hold secrets. Caller frees. */
int cm_helm_manifest(struct cm_step *step, char **manifests, struct cm_err **err);
/* helm upgrade --install with labels connect-migrate/intent=ID, /purpose=PURPOSE, /run=RUN. `more` as for cm_helm_template. force: --force-conflicts, which
 * only helm 4 knows. 0 with any status: what became of it is read from the revisions. */
int cm_helm_upgrade(struct cm_intent *intent, const char *purpose, const char *const *more, bool force,
                    int (*tick)(void *ctx, struct cm_err **err), void *tick_ctx, struct cm_out *out, struct cm_err **err);
/* What helm's words on stderr mean, as an error (passing when the cluster or the chart was not reached); returns -1. */
int cm_helm_failed(struct cm_step *step, const struct cm_out *out, const char *what, struct cm_err **err);
/* The kind that helm keeps its records in, by HELM_DRIVER: "secrets" or "configmaps". */
const char *cm_helm_record_kind(void);
/* helm uninstall RELEASE, by a person; caller frees. */
char *cm_helm_by_hand(struct cm_step *step, const char *const *argv);
/* The same command line for people and previews; caller frees. */
char *cm_helm_upgrade_by_hand(struct cm_step *step, const char *const *more);

#endif
