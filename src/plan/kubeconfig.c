/* plan/kubeconfig.c: see kubeconfig.h. The rules are those of `kubectl config --help`, "loading order". */
#include <config.h>

#include "plan/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml.h"

static const char *scalar_at(const struct cm_yaml *map, const char *key)
{
    const struct cm_yaml *n = map ? cm_yaml_get(map, key) : NULL;
    return n && n->type == CM_YAML_SCALAR && n->text_bytes ? n->text : NULL;
}

static struct cm_kube_context *find(const struct cm_kubeconfig *k, const char *name)
{
    for (size_t i = 0; name && i < k->count; i++)
        if (strcmp(k->contexts[i].name, name) == 0)
            return &k->contexts[i];
    return NULL;
}

static void take_context(struct cm_kubeconfig *k, const struct cm_yaml *entry, const char *file)
{
    const char *name = scalar_at(entry, "name"), *ns = name ? scalar_at(cm_yaml_get(entry, "context"), "namespace") : NULL;
    struct cm_kube_context *known = find(k, name);
    if (!name || (known && known->namespace))
        return;
    if (!known) {
        k->contexts = cm_grow(k->contexts, &k->cap, k->count + 1, sizeof *k->contexts);
        known = &k->contexts[k->count++];
        known->name = cm_strdup(name);
        known->file = cm_strdup(file);
    }
    known->namespace = cm_strdup(ns);
}

static void read_file(struct cm_kubeconfig *k, const char *path)
{
    cm_autoyaml doc = *path ? cm_yaml_load(path, NULL) : NULL;
    const struct cm_yaml *root = doc ? cm_yaml_root(doc) : NULL;
    const char *current = scalar_at(root, "current-context");
    if (current && !k->current) {
        k->current = cm_strdup(current);
        k->current_file = cm_strdup(path);
    }
    const struct cm_yaml *list = root ? cm_yaml_get(root, "contexts") : NULL;
    for (size_t i = 0; list && list->type == CM_YAML_LIST && i < list->count; i++)
        take_context(k, list->items[i], path);
}

void cm_kubeconfig_read(struct cm_kubeconfig *k, const char *files)
{
    const char *several = getenv("KUBECONFIG"), *home = getenv("HOME");
    *k = (struct cm_kubeconfig){0};
    k->files = files                 ? cm_strdup(files)
               : several && *several ? cm_strdup(several)
               : home                ? cm_path_join(home, ".kube/config")
                                     : cm_strdup("");
    for (const char *p = k->files; *p;) {
        size_t n = strcspn(p, ":");
        cm_autofree char *path = cm_strndup(p, n);
        read_file(k, path);
        p += n + (p[n] == ':');
    }
}

void cm_kubeconfig_fini(struct cm_kubeconfig *k)
{
    for (size_t i = 0; i < k->count; i++) {
        free(k->contexts[i].name);
        free(k->contexts[i].namespace);
        free(k->contexts[i].file);
    }
    free(k->contexts);
    free(k->files);
    free(k->current);
    free(k->current_file);
}

const struct cm_kube_context *cm_kubeconfig_context(const struct cm_kubeconfig *k, const char *name) { return find(k, name); }
