/* adapters/kube_internal.h: what the files that speak to the cluster share. Nobody else includes it. */
#ifndef CM_ADAPTERS_KUBE_INTERNAL_H
#define CM_ADAPTERS_KUBE_INTERNAL_H

#include <stdbool.h>

#include <cm/action.h>
#include <cm/runner.h>

#include "adapters/argv.h"
#include "adapters/kubectl.h"

enum cm_kube_trouble { CM_KT_OTHER, CM_KT_ABSENT, CM_KT_FORBIDDEN, CM_KT_LOGIN, CM_KT_CONTEXT, CM_KT_PASSING };

/* kubectl with the plan's context, kubeconfig and namespace (NULL: the plan's; "": none). */
void cm_kube_argv(struct cm_step *step, struct cm_argv *a, const char *ns);
/* A reading call with the limit of a look; any status is 0. input NULL: none. */
int cm_kube_read(struct cm_step *step, const struct cm_argv *a, const char *input, struct cm_out *out, struct cm_err **err);
/* As cm_kube_get_managed, in another namespace. */
int cm_kube_get_managed_in(struct cm_step *step, const char *ns, const char *kind, const char *name, json_t **object,
                           enum cm_seen *seen, struct cm_err **err);
/* What kubectl's or helm's words on stderr mean. */
enum cm_kube_trouble cm_kube_trouble(const char *errout);
/* An error of the cluster in words, with kubectl's last lines as evidence; returns -1. */
int cm_kube_fail(struct cm_step *step, const struct cm_out *out, const char *what, struct cm_err **err);

/* {NAMESPACE: its documents}; what names none belongs to `otherwise`, which is always there. New reference. */
json_t *cm_kube_by_namespace(const char *manifests, const char *otherwise);
/* What in kubectl's words on a dry run is a refusal of the manifests; "" when nothing is. *no_right: some of it could not be tried, a
 * right is missing. *not_tried: kubectl did not come to ask. Caller frees. */
char *cm_kube_refusal(const char *errout, bool *no_right, bool *not_tried);

#endif
