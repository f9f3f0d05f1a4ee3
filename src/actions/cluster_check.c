/* actions/cluster_check.c: cluster.check: the cluster that the plan means, and what must stand in it before helm is called.
 *
 * A cluster that is not reached is one finding, and nothing else is asked. What may not be looked at is unknown. Rights:
 * cluster_rights.c; what the chart needs to find: cluster_objects.c; machines and Pod Security: cluster_room.c; release and other deployers: cluster_release.c. */
#include <config.h>

#include <string.h>

#include "actions/cluster_check.h"
#include "actions/look.h"
#include "actions/target.h"
#include "adapters/argv.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

#define HELM_SINCE "3.13" /* `helm upgrade --labels` */

static const char *context_of(struct cm_step *step)
{
    const char *context = cm_plan_text(cm_step_plan(step), "target.context");
    return context ? context : "(current)";
}

/* ---- which cluster ---- */

static const json_t *named(const json_t *list, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        if (strcmp(cm_json_text(one, "name", ""), name) == 0)
            return one;
    }
    return NULL;
}

/* The server's address by the kubeconfig, so that nobody migrates into the wrong cluster; NULL: not known. Arena. */
static const char *server_of(struct cm_step *step, const char **name)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_argv_add_tool(&a, cm_plan_get(plan, "tools.kubectl"), "kubectl");
    cm_argv_add2(&a, "--kubeconfig", cm_plan_text(plan, "target.kubeconfig"));
    cm_argv_add2(&a, "config", "view");
    cm_argv_add2(&a, "-o", "json");
    struct cm_cmd cmd = {.argv = a.list};
    if (cm_run(step, &cmd, &out, NULL) < 0 || out.status != 0)
        return NULL;
    cm_autojson view = cm_json_parse(out.out, out.out_bytes, "kubectl config view", NULL);
    const char *context = cm_plan_text(plan, "target.context");
    if (!context)
        context = cm_json_text(view, "current-context", "");
    const char *cluster = cm_json_text(named(json_object_get(view, "contexts"), context), "context.cluster", "");
    const char *server = cm_json_text(named(json_object_get(view, "clusters"), cluster), "cluster.server", NULL);
    if (*cluster)
        *name = cm_arena_strdup(cm_step_arena(step), cluster);
    return server ? cm_arena_strdup(cm_step_arena(step), server) : NULL;
}

static int judge_helm(struct cm_step *step, struct cm_err **err)
{
    cm_autoerr seen = NULL;
    cm_autofree char *version = cm_helm_version(step, &seen);
    if (!version)
        return cm_look_failed(step, "cluster.helm", "helm does not answer",
                              "Install helm 3.13 or later, or name it under tools.helm in the plan.", &seen, err);
    const char *number = *version == 'v' ? version + 1 : version;
    if (cm_version_compare(number, HELM_SINCE) < 0)
        cm_finding(step, CM_BLOCKER, "cluster.helm",
                   "Install helm 3.13 or later, or name another one under tools.helm in the plan.",
                   "helm is %s; its releases carry labels only since %s", version, HELM_SINCE);
    return 0;
}

static bool is_exact(const char *version)
{
    size_t dots = 0, n = strcspn(version, "-+");
    for (size_t i = 0; i < n; i++)
        dots += version[i] == '.';
    return strspn(version, "v0123456789.") == n && dots == 2;
}

static bool same_version(const char *has, const char *wanted)
{
    wanted += *wanted == 'v';
    has += *has == 'v';
    size_t n = strcspn(wanted, "+");
    return n == strcspn(has, "+") && strncmp(wanted, has, n) == 0;
}

/* A folder or archive has one version, and helm takes it whatever --version says. Of a chart that has Connect's as a dependency either
 * version may be meant. */
static bool is_as_pinned(const json_t *chart, const char *wanted)
{
    const json_t *one;
    size_t i;
    if (wanted == NULL || !is_exact(wanted) || same_version(cm_json_text(chart, "version", ""), wanted))
        return true;
    json_array_foreach(json_object_get(chart, "dependencies"), i, one)
    {
        if (strcmp(cm_json_text(one, "name", ""), "rstudio-connect") == 0 && same_version(cm_json_text(one, "version", ""), wanted))
            return true;
    }
    return false;
}

static void say_chart(struct cm_step *step, const json_t *chart)
{
    const char *below = cm_plan_values_key(cm_step_plan(step)), *name = cm_json_text(chart, "name", "?"),
               *version = cm_json_text(chart, "version", "?"), *wanted = cm_plan_text(cm_step_plan(step), "target.chart_version");
    if (!is_as_pinned(chart, wanted))
        cm_finding(step, CM_BLOCKER, "cluster.chart",
                   "Correct target.chart_version, or name the folder or archive of that version in target.chart.",
                   "target.chart_version is %s, but %s is version %s, and helm takes it as it is", wanted,
                   cm_plan_text(cm_step_plan(step), "target.chart"), version);
    else if (below != NULL)
        cm_finding(step, CM_OK, "cluster.chart", NULL,
                   "chart %s %s is to be had, with Connect's as its dependency (values below %s)", name, version, below);
    else
        cm_finding(step, CM_OK, "cluster.chart", NULL, "chart %s %s is to be had, for Connect %s", name, version,
                   cm_json_text(chart, "appVersion", "?"));
}

/* The chart, from where the plan says, in the version that it names. */
static int judge_chart(struct cm_step *step, struct cm_err **err)
{
    cm_autojson chart = NULL;
    cm_autoerr seen = NULL;
    const char *name = cm_plan_text(cm_step_plan(step), "target.chart"),
               *wanted = cm_plan_text(cm_step_plan(step), "target.chart_version");
    if (cm_helm_chart(step, &chart, &seen) == 0) {
        say_chart(step, chart);
        return 0;
    }
    if (cm_look_ends(&seen, err))
        return -1;
    cm_autofree char *words = cm_look_words(seen);
    bool absent = cm_helm_chart_is_absent(seen);
    cm_autofree char *instead = absent ? cm_helm_instead(step) : cm_strdup("");
    cm_finding(step, absent ? CM_BLOCKER : CM_UNKNOWN, "cluster.chart", cm_err_hint(seen) ? cm_err_hint(seen) : "Check again.",
               "chart %s%s%s cannot be had: %s%s%s", name, wanted ? " " : "", wanted ? wanted : "", words, *instead ? "; " : "",
               instead);
    return 0;
}

static int judge_namespace(struct cm_step *step, struct cm_err **err)
{
    const char *ns = cm_plan_text(cm_step_plan(step), "target.namespace");
    const char *content = cm_target_content_namespace(step);
    const char *const names[] = {ns, content && strcmp(content, ns) != 0 ? content : NULL};
    for (size_t i = 0; i < 2 && names[i]; i++) {
        cm_autojson found = NULL;
        cm_autoerr seen = NULL;
        enum cm_seen what = CM_ABSENT;
        if (cm_kube_get_in(step, "", "namespace", names[i], NULL, &found, &what, &seen) < 0)
            return cm_look_failed(step, "cluster.namespace", "namespace", "Check again when the cluster answers.", &seen, err);
        if (what == CM_ABSENT)
            cm_finding(step, CM_BLOCKER, "cluster.namespace",
                       cm_arena_fmt(cm_step_arena(step), "Create it: kubectl --context %s create namespace %s", context_of(step),
                                    names[i]),
                       "there is no namespace %s in this cluster%s", names[i], i ? " (backends.kubernetes.namespace)" : "");
    }
    return 0;
}

/* ---- the whole ---- */

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autojson version = NULL;
    cm_autoerr seen = NULL;
    if (judge_helm(step, err) < 0)
        return -1;
    if (cm_kube_version(step, &version, &seen) < 0)
        return cm_look_failed(step, "cluster.unreachable", cm_arena_fmt(cm_step_arena(step), "context %s", context_of(step)),
                              cm_arena_fmt(cm_step_arena(step), "Make `kubectl --context %s get pods` work here, then check again.",
                                           context_of(step)),
                              &seen, err);
    const char *cluster = NULL, *server = server_of(step, &cluster);
    cm_finding(step, CM_OK, "cluster.reached", NULL, "context %s%s%s%s is Kubernetes %s%s%s, namespace %s, release %s",
               context_of(step), cluster ? " (cluster " : "", cluster ? cluster : "", cluster ? ")" : "",
               cm_json_text(version, "server", "?"), server ? " at " : "", server ? server : "",
               cm_plan_text(cm_step_plan(step), "target.namespace"), cm_plan_text(cm_step_plan(step), "target.release"));
    if (server && cm_fact_set(step, "cluster.server", json_string(server), err) < 0)
        return -1;
    int (*const looks[])(struct cm_step *, struct cm_err **) = {judge_chart,         judge_namespace,    cm_cluster_rights,
                                                                cm_cluster_claim,    cm_cluster_secrets, cm_cluster_release,
                                                                cm_cluster_deployer, cm_cluster_nodes};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i](step, err) < 0)
            return -1;
    return 0;
}

static const char *const gives[] = {"cluster.release", "cluster.server", NULL};

const struct cm_action cm_action_cluster_check = {
    .name = "cluster.check",
    .summary = "Look at the cluster: context, rights, claim, Secrets, release",
    .page = "https://docs.posit.co/connect/admin/getting-started/off-host-install/",
    .kind = CM_CHECK,
    .gives = gives,
    .apply = apply,
    .reads =
        "kubectl: version, config view, namespaces, auth can-i, the claim of the shared storage, the Secrets that the values name "
        "(their keys, never their values), the release's records, labels of other deployers, nodes.",
    .does = "Nothing.",
    .proves = "That helm can be called there, and that what the values name exists; not that a pod starts (pods.check does).",
    .rights =
        "get and list in the namespace on pods, secrets, deployments, persistentvolumeclaims; list on nodes where it is allowed.",
};
