/* actions/cluster_rights.c: the part of cluster.check on rights, as `kubectl auth can-i` says them: of this login, and of Connect's service
 * account where the chart does not give it its Role (rbac.create: false).
 *
 * A right that the migration itself needs and that is denied is a blocker, unless the step is done by hand or by a command. The rights
 * of the Role are those of the chart's templates/rbac.yaml; who creates a Role must hold them or may `escalate` (Kubernetes, RBAC
 * good practices). Being forbidden to ask for somebody else is unknown. */
#include <config.h>

#include <string.h>

#include "actions/cluster_check.h"
#include "actions/look.h"
#include "actions/target.h"
#include "adapters/argv.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

/* ---- this login ---- */

struct right {
    const char *verb, *resource;
    const char *step; /* the step that needs it */
    const char *when; /* "create": with sharedStorage.create … ; NULL: always */
    bool content;     /* in the namespace that content runs in */
};

static const struct right rights[] = {
    {"list", "pods", NULL, NULL, false},
    {"get", "pods/log", NULL, NULL, false},
    {"list", "secrets", NULL, NULL, false},
    {"create", "pods/exec", "storage.prove", NULL, false},
    {"create", "pods/portforward", "connect.verify", "forward", false},
    {"patch", "serviceaccounts", "serviceaccounts.label", NULL, true},
    {"create", "secrets", "helm.deploy", NULL, false},
    {"update", "secrets", "helm.deploy", NULL, false},
    {"delete", "secrets", "helm.deploy", NULL, false},
    {"create", "configmaps", "helm.deploy", NULL, false},
    {"create", "deployments.apps", "helm.deploy", NULL, false},
    {"patch", "deployments.apps", "helm.deploy", NULL, false},
    {"create", "services", "helm.deploy", NULL, false},
    {"create", "roles.rbac.authorization.k8s.io", "helm.deploy", "rbac", true},
    {"create", "persistentvolumeclaims", "helm.deploy", "claim", false},
    {"create", "ingresses.networking.k8s.io", "helm.deploy", "ingress", false},
};

static bool applies(struct cm_step *step, const struct right *r)
{
    const json_t *values = cm_look_values(step);
    const json_t *settings = r->step ? cm_plan_step(cm_step_plan(step), r->step) : NULL;
    const char *by = cm_json_text(settings, "by", "tool"), *url = cm_plan_text(cm_step_plan(step), "target.url");
    if (strcmp(by, "tool") != 0 || json_object_get(settings, "skip"))
        return false;
    if (!r->when)
        return true;
    if (strcmp(r->when, "forward") == 0)
        return !url || strcmp(url, "port-forward") == 0;
    if (strcmp(r->when, "rbac") == 0)
        return cm_json_bool(values, "rbac.create", true);
    if (strcmp(r->when, "claim") == 0)
        return cm_json_bool(values, "sharedStorage.create", false);
    return cm_json_bool(values, "ingress.enabled", false);
}

/* ---- asking ---- */

/* What is to be known, all of it asked at once where the cluster answers so. */
struct asked {
    struct cm_kube_right list[sizeof rights / sizeof *rights + 16];
    size_t n;
    bool known;
};

static void ask_for(struct asked *q, const char *ns, const char *verb, const char *resource)
{
    q->list[q->n++] = (struct cm_kube_right){.ns = ns, .verb = verb, .resource = resource};
}

/* The answer that is there already, or one asked for by itself. */
static int may(struct cm_step *step, const struct asked *q, const char *ns, const char *verb, const char *resource, bool *allowed,
               struct cm_err **err)
{
    for (size_t i = 0; i < q->n && q->known; i++) {
        const struct cm_kube_right *r = &q->list[i];
        if (strcmp(r->verb, verb) != 0 || strcmp(r->resource, resource) != 0 || r->ns != ns)
            continue;
        *allowed = r->allowed;
        return 0;
    }
    return cm_kube_can_i(step, ns, verb, resource, allowed, err);
}

/* A step that shows a person the command when this login may not. */
static bool has_other_hands(const struct right *r) { return r->step && strcmp(r->step, "serviceaccounts.label") == 0; }

static int own_rights(struct cm_step *step, const struct asked *q, const char *content, struct cm_err **err)
{
    cm_autostr missing = CM_STR(1024), unknown = CM_STR(1024), by_hand = CM_STR(1024);
    size_t asked = 0;
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        bool allowed = false;
        cm_autoerr seen = NULL;
        if (!applies(step, &rights[i]))
            continue;
        asked++;
        if (may(step, q, rights[i].content ? content : NULL, rights[i].verb, rights[i].resource, &allowed, &seen) < 0) {
            if (cm_look_ends(&seen, err))
                return -1;
            cm_look_list(&unknown, "%s %s (%s)", rights[i].verb, rights[i].resource, cm_err_message(seen));
            break; /* the next question would fail alike */
        }
        if (!allowed)
            cm_look_list(has_other_hands(&rights[i]) ? &by_hand : &missing, "%s %s", rights[i].verb, rights[i].resource);
    }
    const char *ns = cm_plan_text(cm_step_plan(step), "target.namespace");
    if (missing.len)
        cm_finding(
            step, CM_BLOCKER, "cluster.rights",
            cm_arena_fmt(cm_step_arena(step),
                         "Ask for these rights in namespace %s, or put `steps: {STEP: {by: hand}}` into the plan for "
                         "each step that needs them; `connect-migrate-run explain` says which.%s",
                         ns,
                         strstr(cm_str_text(&missing), "pods/portforward") == NULL
                             ? ""
                             : " Where port-forward stays forbidden, let target.url be Connect's public name (https://...) and "
                               "target.resolve the address of its ingress."),
            "in namespace %s this login may not: %s", ns, cm_str_text(&missing));
    if (by_hand.len)
        cm_finding(
            step, CM_WARNING, "cluster.rights-by-hand",
            "Have somebody at hand who may: the run shows the command and waits for it while users are out. Or ask for the right.",
            "in namespace %s this login may not: %s", ns, cm_str_text(&by_hand));
    if (unknown.len)
        cm_finding(step, CM_UNKNOWN, "cluster.rights-unknown",
                   "Ask who runs the cluster whether this login may run `helm upgrade` there.",
                   "kubectl could not say whether this login may: %s", cm_str_text(&unknown));
    if (!missing.len && !unknown.len && !by_hand.len)
        cm_finding(step, CM_OK, "cluster.rights", NULL, "the %zu rights that this migration needs in namespace %s are there", asked,
                   ns);
    return 0;
}

/* ---- what the chart's Role gives to Connect ---- */

static const struct {
    const char *verb, *resource;
} role[] = {
    {"create", "jobs.batch"}, {"delete", "jobs.batch"}, {"watch", "pods"},           {"create", "pods/attach"},
    {"get", "pods/log"},      {"create", "services"},   {"list", "serviceaccounts"}, {"watch", "endpointslices.discovery.k8s.io"},
};
enum { ROLE_RIGHTS = sizeof role / sizeof *role };

static const char escalate[] = "escalate", roles[] = "roles.rbac.authorization.k8s.io";

/* A Role can only be created by who holds what it gives, or may escalate. */
static int rights_to_grant(struct cm_step *step, const struct asked *q, const char *content, struct cm_err **err)
{
    cm_autostr missing = CM_STR(1024);
    cm_autoerr seen = NULL;
    bool allowed = false;
    for (size_t i = 0; i < ROLE_RIGHTS; i++) {
        if (may(step, q, content, role[i].verb, role[i].resource, &allowed, &seen) < 0)
            return cm_look_ends(&seen, err) ? -1 : 0;
        if (!allowed)
            cm_look_list(&missing, "%s %s", role[i].verb, role[i].resource);
    }
    if (!missing.len)
        return 0;
    if (may(step, q, content, escalate, roles, &allowed, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (!allowed)
        cm_finding(
            step, CM_BLOCKER, "cluster.rights-to-grant",
            "Ask for these rights too, or let somebody create Role and RoleBinding once and say `rbac: {create: false}` in the values.",
            "helm would be refused the chart's Role, which gives Connect rights that this login has not: %s",
            cm_str_text(&missing));
    return 0;
}

/* 1 yes, 0 no, -1 could not be asked (words in *why, arena). */
static int account_can(struct cm_step *step, const char *account, const char *verb, const char *resource, const char **why)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_autofree char *as = cm_fmt("--as=%s", account);
    const char *slash = strchr(resource, '/');
    cm_autofree char *kind = cm_strndup(resource, slash ? (size_t)(slash - resource) : strlen(resource));
    cm_argv_add_tool(&a, cm_plan_get(plan, "tools.kubectl"), "kubectl");
    cm_argv_add2(&a, "--kubeconfig", cm_plan_text(plan, "target.kubeconfig"));
    cm_argv_add2(&a, "--context", cm_plan_text(plan, "target.context"));
    cm_argv_add2(&a, "--namespace", cm_target_content_namespace(step));
    cm_argv_add2(&a, "auth", "can-i");
    cm_argv_add2(&a, verb, kind);
    cm_argv_add2(&a, "--subresource", slash ? slash + 1 : NULL);
    cm_argv_add(&a, as);
    struct cm_cmd cmd = {.argv = a.list};
    if (cm_run(step, &cmd, &out, NULL) == 0 && cm_starts(out.out, "yes"))
        return 1;
    if (out.out && cm_starts(out.out, "no"))
        return 0;
    cm_autofree char *last = cm_last_lines(out.errout ? out.errout : "", 1);
    *why = cm_arena_strdup(cm_step_arena(step), *last ? last : "kubectl gave no answer");
    return -1;
}

static void account_rights(struct cm_step *step, const json_t *values)
{
    const char *name = cm_json_text(values, "rbac.serviceAccount.name", ""), *why = NULL;
    const char *account =
        cm_arena_fmt(cm_step_arena(step), "system:serviceaccount:%s:%s", cm_plan_text(cm_step_plan(step), "target.namespace"),
                     *name ? name : cm_target_fullname(step));
    cm_autostr missing = CM_STR(1024);
    struct asked q = {.n = 0};
    for (size_t i = 0; i < ROLE_RIGHTS; i++)
        ask_for(&q, cm_target_content_namespace(step), role[i].verb, role[i].resource);
    q.known = cm_kube_can_all(step, account, q.list, q.n);
    for (size_t i = 0; i < ROLE_RIGHTS && q.known; i++)
        if (!q.list[i].allowed)
            cm_look_list(&missing, "%s %s", role[i].verb, role[i].resource);
    for (size_t i = 0; i < ROLE_RIGHTS && !q.known && !why; i++)
        if (account_can(step, account, role[i].verb, role[i].resource, &why) == 0)
            cm_look_list(&missing, "%s %s", role[i].verb, role[i].resource);
    if (why)
        cm_finding(step, CM_UNKNOWN, "cluster.account-rights",
                   "Ask who made the Role whether it has what the chart's templates/rbac.yaml gives, and attest it.",
                   "rbac.create is false, and it could not be asked what %s may: %s", account, why);
    else if (missing.len)
        cm_finding(step, CM_BLOCKER, "cluster.account-rights", "Add them to its Role; without them no content starts.",
                   "rbac.create is false, and %s may not: %s", account, cm_str_text(&missing));
    else
        cm_finding(step, CM_OK, "cluster.account-rights", NULL, "%s has the rights to run content", account);
}

int cm_cluster_rights(struct cm_step *step, struct cm_err **err)
{
    const json_t *values = cm_look_values(step), *deploy = cm_plan_step(cm_step_plan(step), "helm.deploy");
    const char *content = cm_target_content_namespace(step);
    bool role_by_chart = cm_json_bool(values, "rbac.create", true);
    bool grants = role_by_chart && strcmp(cm_json_text(deploy, "by", "tool"), "tool") == 0;
    struct asked q = {.n = 0};
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
        if (applies(step, &rights[i]))
            ask_for(&q, rights[i].content ? content : NULL, rights[i].verb, rights[i].resource);
    for (size_t i = 0; i < ROLE_RIGHTS && grants; i++)
        ask_for(&q, content, role[i].verb, role[i].resource);
    if (grants)
        ask_for(&q, content, escalate, roles);
    q.known = cm_kube_can_all(step, NULL, q.list, q.n);
    if (own_rights(step, &q, content, err) < 0)
        return -1;
    if (!role_by_chart)
        account_rights(step, values);
    return grants ? rights_to_grant(step, &q, content, err) : 0;
}
