/* adapters/kube_refusal.c: which of kubectl's words on a server-side dry run are a refusal of the manifests. A dry run makes nothing, so
 * what refers to something of the same manifests can fail in it alone; and what this login may not look at says nothing about them. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "adapters/kube_internal.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"

/* kubectl's messages may have several lines; each begins with one of these. */
static bool begins(const char *line)
{
    return cm_starts(line, "Error from server") || cm_starts(line, "The ") || cm_starts(line, "error:") ||
           cm_starts(line, "Error:") || cm_starts(line, "Warning:");
}

/* A login that may not `bind` any Role is asked for the rights in the Role of a new RoleBinding, and that Role is not there yet. */
static bool role_of_the_same_manifests(const char *message)
{
    return cm_starts(message, "Error from server (NotFound)") && strstr(message, "rolebindings.rbac.authorization.k8s.io") &&
           strstr(message, "not found");
}

/* A right is missing (RBAC's words); other words of a 403 are refusals: admission, quota, rights that would be handed on. */
static bool right_missing(const char *message) { return strstr(message, "is forbidden: User \"") && strstr(message, " cannot "); }

/* kubectl's own trouble (a kubeconfig that is not there, a file that is full) says nothing about the manifests; what it reads in them does. */
static bool own_trouble(const char *message)
{
    static const char *const about_manifests[] = {"validating data",
                                                  "unable to recognize",
                                                  "no matches for",
                                                  "unable to decode",
                                                  "resource mapping not found",
                                                  "error parsing",
                                                  "not set",
                                                  "from server"};
    if (!cm_starts(message, "error:") && !cm_starts(message, "Error:"))
        return false;
    for (size_t i = 0; i < sizeof about_manifests / sizeof *about_manifests; i++)
        if (strstr(message, about_manifests[i]))
            return false;
    return true;
}

static void judge(const char *message, struct cm_str *refused, bool *no_right, bool *not_tried)
{
    if (own_trouble(message)) {
        *not_tried = true;
        return;
    }
    if (message[0] == '\0' || cm_starts(message, "Warning:") || role_of_the_same_manifests(message))
        return;
    if (right_missing(message))
        *no_right = true;
    else
        cm_str_add(refused, message);
}

char *cm_kube_refusal(const char *errout, bool *no_right, bool *not_tried)
{
    struct cm_str refused = CM_STR(CM_STR_PAGE);
    cm_autofree char *copy = cm_strdup(errout);
    cm_autostr message = CM_STR(CM_STR_PAGE);
    char *rest = copy;
    *no_right = *not_tried = false;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (begins(line)) {
            judge(cm_str_text(&message), &refused, no_right, not_tried);
            cm_str_reset(&message);
        }
        if (line[0] != '\0')
            cm_str_addf(&message, "%s\n", line);
    }
    judge(cm_str_text(&message), &refused, no_right, not_tried);
    return cm_str_take(&refused);
}

static char *namespace_of(const char *text, size_t n)
{
    cm_autoyaml doc = cm_yaml_parse(text, n, "manifest", NULL);
    const struct cm_yaml *root = doc ? cm_yaml_root(doc) : NULL, *meta = root ? cm_yaml_get(root, "metadata") : NULL;
    const struct cm_yaml *ns = meta ? cm_yaml_get(meta, "namespace") : NULL;
    return ns && ns->type == CM_YAML_SCALAR && ns->text_bytes ? cm_strdup(ns->text) : NULL;
}

json_t *cm_kube_by_namespace(const char *manifests, const char *otherwise)
{
    json_t *parts = json_pack("{s:s}", otherwise, "");
    for (const char *at = manifests; *at;) {
        const char *next = strstr(at, "\n---");
        size_t n = next ? (size_t)(next - at + 1) : strlen(at);
        size_t head = cm_starts(at, "---") ? strcspn(at, "\n") : 0;
        cm_autofree char *ns = namespace_of(at + head, n - head);
        const char *key = ns ? ns : otherwise;
        const char *before = json_string_value(json_object_get(parts, key));
        cm_autofree char *text = cm_fmt("%s%.*s", before ? before : "", (int)n, at);
        json_object_set_new(parts, key, json_string(text));
        at += n;
    }
    return parts;
}
