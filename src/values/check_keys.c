/* values/check_keys.c: keys that the chart does not know. It has no schema: a typing error does nothing, silently. Source: chart 0.21.0,
 * values.yaml, and what its templates read beside it. Does not: look below keys that take anything ("*"). */
#include <config.h>

#include <string.h>

#include "base/text.h"
#include "values/check_work.h"

/* Each map of the chart with a fixed set of keys. */
struct shape {
    const char *path;
    const char *const *keys;
};

#define KEYS(...)                                                                                                                  \
    (const char *const[]) { __VA_ARGS__, NULL }
#define INIT_KEYS KEYS("enabled", "repository", "tag", "imagePullPolicy", "resources", "securityContext", "tagPrefix")

static const struct shape shapes[] = {
    {"", KEYS("nameOverride", "fullnameOverride", "versionOverride", "sharedStorage", "rbac", "extraObjects", "affinity",
              "nodeSelector", "topologySpreadConstraints", "tolerations", "priorityClassName", "podDisruptionBudget",
              "revisionHistoryLimit", "image", "strategy", "deployment", "service", "pod", "command", "args", "replicas", "license",
              "securityContext", "prometheus", "serviceMonitor", "resources", "livenessProbe", "startupProbe", "readinessProbe",
              "initContainers", "ingress", "chronicle", "chronicleAgent", "backends", "launcher", "executionEnvironments",
              "nameservice", "config", "global")},
    {"sharedStorage", KEYS("create", "name", "mount", "path", "mountContent", "storageClassName", "accessModes", "requests",
                           "annotations", "selector", "volumeName", "subPath")},
    {"rbac", KEYS("create", "clusterRoleCreate", "serviceAccount")},
    {"rbac.serviceAccount", KEYS("create", "name", "annotations", "labels")},
    {"image", KEYS("repository", "os", "tag", "imagePullPolicy", "imagePullSecrets", "tagPrefix")},
    {"service", KEYS("annotations", "type", "clusterIP", "loadBalancerIP", "nodePort", "port", "targetPort")},
    {"pod", KEYS("haste", "env", "volumes", "volumeMounts", "annotations", "labels", "sidecar", "affinity", "securityContext",
                 "port", "terminationGracePeriodSeconds", "hostAliases", "serviceAccountName", "nodeSelector")},
    {"license", KEYS("key", "server", "file")},
    {"license.file", KEYS("contents", "mountPath", "mountSubPath", "secretKey", "secret")},
    {"prometheus", KEYS("enabled", "port")},
    {"ingress", KEYS("enabled", "ingressClassName", "annotations", "hosts", "tls")},
    {"nameservice", KEYS("enabled", "apiKey", "server", "secretName")},
    {"backends", KEYS("kubernetes")},
    {"backends.kubernetes",
     KEYS("enabled", "namespace", "defaultInitContainer", "defaultResourceJobBase", "defaultResourceServiceBase")},
    {"backends.kubernetes.defaultInitContainer", INIT_KEYS},
    {"launcher", KEYS("enabled", "namespace", "launcherKubernetesProfilesConf", "useTemplates", "extraTemplates",
                      "includeDefaultTemplates", "includeTemplateValues", "templateValues", "defaultInitContainer",
                      "customRuntimeYaml", "additionalRuntimeImages", "contentInitContainer")},
    {"launcher.defaultInitContainer", INIT_KEYS},
    {"launcher.templateValues", KEYS("service", "pod", "job", "sharedStorage")},
    {"launcher.templateValues.service", KEYS("type", "annotations", "labels")},
    {"launcher.templateValues.job", KEYS("annotations", "labels", "ttlSecondsAfterFinished")},
    {"launcher.templateValues.pod",
     KEYS("annotations", "labels", "serviceAccountName", "volumes", "volumeMounts", "env", "imagePullPolicy", "imagePullSecrets",
          "resources", "initContainers", "extraContainers", "containerSecurityContext", "defaultSecurityContext", "securityContext",
          "tolerations", "affinity", "nodeSelector", "hostAliases", "priorityClassName", "command", "enableServiceLinks")},
};

static bool is_known(const struct shape *s, const char *key)
{
    for (const char *const *k = s->keys; *k; k++)
        if (strcmp(*k, key) == 0)
            return true;
    return false;
}

static bool is_own(const char *key) { return strncmp(key, "x-", 2) == 0 || key[0] == '.'; } /* anchors people keep for themselves */

static void check_map(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *map, const struct shape *s)
{
    for (size_t i = 0; map->type == CM_YAML_MAP && i < map->count; i++) {
        const char *key = map->keys[i]->text;
        if (is_known(s, key) || strcmp(key, "<<") == 0 || is_own(key))
            continue;
        const char *near = cm_nearest(key, s->keys), *dot = *s->path ? "." : "";
        cm_autofree char *id = cm_fmt("values.unknown-key.%s%s%s", s->path, dot, key);
        cm_autofree char *remedy = near ? cm_fmt("Did you mean %s?", near) : cm_strdup("Remove it, if nothing else reads it.");
        cm_look_finding(l, doc, map->keys[i], "warning", id, remedy, "%s%s%s is no value of the chart; it does nothing", s->path,
                        dot, key);
    }
}

/* Has it one of the keys by which Connect's chart is told from others? */
static bool is_connects(const struct cm_yaml *map)
{
    static const char *const decisive[] = {"launcher",      "backends", "config", "executionEnvironments",
                                           "sharedStorage", "license",  "pod",    NULL};
    for (const char *const *d = decisive; *d; d++)
        if (cm_yaml_get(map, *d))
            return true;
    return false;
}

static bool like_connect(const struct cm_yaml *key) { return strcasestr(key->text, "connect") != NULL; }

const struct cm_yaml *cm_values_to_come(const struct cm_yaml *root)
{
    for (size_t i = 0; root->type == CM_YAML_MAP && !is_connects(root) && i < root->count; i++) {
        const struct cm_yaml *value = root->items[i];
        bool nothing = value->type == CM_YAML_SCALAR
                           ? value->plain && (!*value->text || !strcmp(value->text, "~") || !strcasecmp(value->text, "null"))
                           : value->type == CM_YAML_MAP && !value->count;
        if (like_connect(root->keys[i]) && nothing)
            return root->keys[i];
    }
    return NULL;
}

size_t cm_values_below(const struct cm_yaml *root, const struct cm_yaml **several)
{
    size_t found = root->count;
    if (root->type != CM_YAML_MAP || is_connects(root))
        return root->count;
    for (size_t i = 0; i < root->count; i++) {
        bool ours = like_connect(root->keys[i]) && is_connects(root->items[i]);
        if (ours && found != root->count) {
            if (several)
                *several = root->keys[i];
            return root->count;
        }
        if (ours)
            found = i;
    }
    return found;
}

bool cm_values_foreign(const struct cm_yaml *root)
{
    bool others = false;
    for (size_t i = 0; root->type == CM_YAML_MAP && i < root->count; i++) {
        const char *key = root->keys[i]->text;
        bool global = strcmp(key, "global") == 0; /* every chart has it */
        if ((is_known(&shapes[0], key) && !global) || strcmp(key, "<<") == 0)
            return false;
        others |= !is_own(key);
    }
    return others;
}

const struct cm_yaml *cm_values_root(const struct cm_yaml_doc *doc)
{
    const struct cm_yaml *root = cm_yaml_root(doc);
    size_t at = root ? cm_values_below(root, NULL) : 0;
    return root && root->type == CM_YAML_MAP && at < root->count ? root->items[at] : root;
}

static const struct cm_yaml *at_path(const struct cm_yaml *node, const char *path)
{
    while (node && *path) {
        size_t n = strcspn(path, ".");
        cm_autofree char *key = cm_strndup(path, n);
        node = node->type == CM_YAML_ALIAS ? node->target : node;
        node = cm_yaml_get(node, key);
        path += n + (path[n] ? 1 : 0);
    }
    return node;
}

void cm_check_keys(struct cm_values_look *l)
{
    for (size_t d = 0; d < l->count; d++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const struct cm_yaml *root = cm_values_root(l->docs[d]), *map = root ? at_path(root, shapes[i].path) : NULL;
            if (map)
                check_map(l, l->docs[d], map, &shapes[i]);
        }
}
