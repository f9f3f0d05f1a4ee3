/* adapters/kube_refusal.c: which of kubectl's words on a server-side dry run are a refusal of the manifests. A dry run makes nothing, so
 * what refers to something of the same manifests can fail in it alone; and what this login may not look at says nothing about them. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "adapters/kube_internal.h"
#include "base/mem.h"
#include "base/text.h"

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

static void judge(const char *message, struct cm_str *refused, bool *no_right)
{
    if (message[0] == '\0' || cm_starts(message, "Warning:") || role_of_the_same_manifests(message))
        return;
    if (right_missing(message))
        *no_right = true;
    else
        cm_str_add(refused, message);
}

char *cm_kube_refusal(const char *errout, bool *no_right)
{
    struct cm_str refused = CM_STR(CM_STR_PAGE);
    cm_autofree char *copy = cm_strdup(errout);
    cm_autostr message = CM_STR(CM_STR_PAGE);
    char *rest = copy;
    *no_right = false;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (begins(line)) {
            judge(cm_str_text(&message), &refused, no_right);
            cm_str_reset(&message);
        }
        if (line[0] != '\0')
            cm_str_addf(&message, "%s\n", line);
    }
    judge(cm_str_text(&message), &refused, no_right);
    return cm_str_take(&refused);
}
