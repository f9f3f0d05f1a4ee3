/* plan/kubeconfig.h: the contexts of a kubeconfig, by kubectl's rules: KUBECONFIG may name several files, the first that has a value
 * wins; without it ~/.kube/config. A file that cannot be read gives nothing. Names only: users, certificates and tokens are not kept.
 * Does not: ask the cluster. */
#ifndef CM_PLAN_KUBECONFIG_H
#define CM_PLAN_KUBECONFIG_H

#include <stddef.h>

#include <cm/err.h>

struct cm_kube_context { char *name, *namespace, *file; };      /* namespace NULL: the context names none */
struct cm_kubeconfig {
    char *files;                             /* where it was looked, parted by ':'; "" when there is nowhere to look */
    char *current, *current_file;            /* NULL: no current context */
    struct cm_kube_context *contexts;        /* each name once */
    size_t count, cap;
};

/* files NULL: where kubectl would look. Never fails; _fini frees what is in it. */
void cm_kubeconfig_read(struct cm_kubeconfig *k, const char *files);
void cm_kubeconfig_fini(struct cm_kubeconfig *k);
const struct cm_kube_context *cm_kubeconfig_context(const struct cm_kubeconfig *k, const char *name);      /* NULL: unknown */

#define cm_autokubeconfig CM_CLEANUP(cm_kubeconfig_fini) struct cm_kubeconfig

#endif
