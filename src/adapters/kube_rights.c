/* adapters/kube_rights.c: what a login may do. `kubectl auth can-i` sends the API server one SelfSubjectAccessReview (authorization.k8s.io/v1)
 * and prints its answer; several of them fit into one `kubectl create`, which prints each as the server answered it. They are questions:
 * nothing is stored. */
#include <config.h>

#include "adapters/kubectl.h"

#include <string.h>

#include <cm/runner.h>

#include "adapters/argv.h"
#include "adapters/kube_internal.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

int cm_kube_can_i(struct cm_step *step, const char *ns, const char *verb, const char *resource, bool *allowed, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    *allowed = false;
    cm_kube_argv(step, &a, ns);
    cm_argv_add(&a, "auth");
    cm_argv_add(&a, "can-i");
    /* "pods/exec" would be a pod named exec: kubectl wants the subresource as an option */
    const char *slash = strchr(resource, '/');
    cm_autofree char *kind = cm_strndup(resource, slash ? (size_t)(slash - resource) : strlen(resource));
    cm_argv_add2(&a, verb, kind);
    cm_argv_add2(&a, "--subresource", slash ? slash + 1 : NULL);
    if (cm_kube_read(step, &a, NULL, &out, err) < 0)
        return cm_wrap(err, "asking for the right to %s %s", verb, resource);
    if (cm_starts(out.out, "yes")) {
        *allowed = true;
        return 0;
    }
    if (cm_starts(out.out, "no"))
        return 0;
    cm_autofree char *what = cm_fmt("asking for the right to %s %s", verb, resource);
    return cm_kube_fail(step, &out, what, err);
}

/* "roles.rbac.authorization.k8s.io", "pods/exec" */
static json_t *review(struct cm_step *step, const struct cm_kube_right *r)
{
    const char *ns = r->ns == NULL ? cm_plan_text(cm_step_plan(step), "target.namespace") : r->ns;
    const char *slash = strchr(r->resource, '/');
    size_t whole = slash == NULL ? strlen(r->resource) : (size_t)(slash - r->resource), n = strcspn(r->resource, "./");
    cm_autofree char *resource = cm_strndup(r->resource, n), *group = cm_strndup(r->resource + n, whole - n);
    return json_pack("{s:s, s:s, s:{s:{s:s*, s:s, s:s, s:s, s:s*}}}", "apiVersion", "authorization.k8s.io/v1", "kind",
                     "SelfSubjectAccessReview", "spec", "resourceAttributes", "namespace", ns, "verb", r->verb, "group",
                     *group == '.' ? group + 1 : "", "resource", resource, "subresource", slash == NULL ? NULL : slash + 1);
}

static bool same(const json_t *asked, const json_t *answered, const char *member)
{
    return strcmp(cm_json_text(asked, member, ""), cm_json_text(answered, member, "")) == 0;
}

/* One document behind the other, in the order of the questions. */
static bool take_answers(const json_t *asked, const char *text, size_t bytes, struct cm_kube_right *list, size_t n)
{
    static const char *const members[] = {"namespace", "verb", "group", "resource", "subresource"};
    for (size_t i = 0; i < n; i++) {
        json_error_t end;
        cm_autojson answer = json_loadb(text, bytes, JSON_DISABLE_EOF_CHECK, &end);
        const json_t *is = cm_json_at(answer, "spec.resourceAttributes"), *allowed = cm_json_at(answer, "status.allowed"),
                     *was = cm_json_at(json_array_get(asked, i), "spec.resourceAttributes");
        for (size_t k = 0; k < sizeof members / sizeof *members; k++)
            if (!same(was, is, members[k]))
                return false;
        if (!json_is_boolean(allowed))
            return false;
        list[i].allowed = json_is_true(allowed);
        text += end.position;
        bytes -= (size_t)end.position;
    }
    return true;
}

bool cm_kube_can_all(struct cm_step *step, const char *as, struct cm_kube_right *list, size_t n)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_autojson asked = json_array(), *all = json_pack("{s:s, s:s, s:O}", "apiVersion", "v1", "kind", "List", "items", asked);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(asked, review(step, &list[i]));
    cm_autofree char *text = json_dumps(all, JSON_COMPACT);
    cm_kube_argv(step, &a, NULL);
    cm_argv_add(&a, "create");
    cm_argv_add2(&a, "-f", "-");
    cm_argv_add2(&a, "-o", "json");
    cm_argv_add(&a, "--validate=false"); /* else the API's whole description is fetched first */
    cm_argv_add2(&a, "--as", as);
    return text != NULL && cm_kube_read(step, &a, text, &out, NULL) == 0 && out.status == 0 && !out.truncated &&
           take_answers(asked, out.out, out.out_bytes, list, n);
}
