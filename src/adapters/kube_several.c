/* adapters/kube_several.c: several objects in one kubectl. Starting it costs a multiple of what it asks for (its login, the API's
 * discovery), and where a server is down that counts. */
#include <config.h>

#include "adapters/kubectl.h"

#include <string.h>
#include <strings.h>

#include <cm/runner.h>

#include "adapters/argv.h"
#include "adapters/kube_internal.h"
#include "base/json.h"
#include "base/mem.h"

void cm_kube_several_fini(struct cm_kube_one *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_decref(list[i].object);
        list[i].object = NULL;
    }
}

/* "deployments" is the plural of the kind "Deployment". */
static bool is_one(const struct cm_kube_one *one, const json_t *object)
{
    const char *kind = cm_json_text(object, "kind", "");
    size_t n = strlen(kind);
    return n > 0 && strncasecmp(one->kind, kind, n) == 0 && strcmp(one->kind + n, "s") == 0 &&
           strcmp(one->name, cm_json_text(object, "metadata.name", "")) == 0;
}

static void take(struct cm_kube_one *list, size_t n, const json_t *object)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].object != NULL || !is_one(&list[i], object))
            continue;
        list[i].object = json_incref(cm_json_loose(object));
        list[i].seen = CM_SEEN;
    }
}

/* One object is printed as it is, several as a List, none as nothing. */
static int take_all(struct cm_kube_one *list, size_t n, const struct cm_out *out, struct cm_err **err)
{
    const json_t *item;
    size_t i;
    if (out->out[strspn(out->out, " \r\n")] == '\0')
        return 0;
    cm_autojson said = cm_json_parse(out->out, out->out_bytes, "what kubectl said of several objects", err);
    if (said == NULL)
        return -1;
    if (strcmp(cm_json_text(said, "kind", ""), "List") != 0)
        take(list, n, said);
    json_array_foreach(json_object_get(said, "items"), i, item) { take(list, n, item); }
    return 0;
}

static int one_by_one(struct cm_step *step, const char *ns, struct cm_kube_one *list, size_t n, struct cm_err **err)
{
    for (size_t i = 0; i < n; i++) {
        if (cm_kube_get_managed_in(step, ns, list[i].kind, list[i].name, &list[i].object, &list[i].seen, err) == 0)
            continue;
        cm_kube_several_fini(list, n);
        return -1;
    }
    return 0;
}

int cm_kube_get_several(struct cm_step *step, const char *ns, struct cm_kube_one *list, size_t n, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    for (size_t i = 0; i < n; i++) {
        list[i].object = NULL;
        list[i].seen = CM_ABSENT;
    }
    if (n < 2)
        return one_by_one(step, ns, list, n, err);
    cm_kube_argv(step, &a, ns);
    cm_argv_add(&a, "get");
    for (size_t i = 0; i < n; i++)
        cm_argv_add(&a, cm_arena_fmt(cm_step_arena(step), "%s/%s", list[i].kind, list[i].name));
    cm_argv_add2(&a, "-o", "json");
    cm_argv_add(&a, "--show-managed-fields");
    cm_argv_add(&a, "--ignore-not-found");
    if (cm_kube_read(step, &a, NULL, &out, err) < 0)
        return cm_wrap(err, "looking at %s %s", list[0].kind, list[0].name);
    enum cm_kube_trouble t = out.status == 0 ? CM_KT_OTHER : cm_kube_trouble(out.errout);
    if (t == CM_KT_PASSING || t == CM_KT_LOGIN || t == CM_KT_CONTEXT)
        return cm_kube_fail(step, &out, "looking at the cluster", err);
    if (out.status != 0 || out.truncated) /* which of them is forbidden? */
        return one_by_one(step, ns, list, n, err);
    if (take_all(list, n, &out, err) == 0)
        return 0;
    cm_kube_several_fini(list, n);
    return -1;
}
