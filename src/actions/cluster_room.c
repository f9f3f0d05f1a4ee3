/* actions/cluster_room.c: the part of cluster.check on the machines: are some ready, and is there room on one of them for what the rendered
 * Deployment asks for; and does the namespace's Pod Security level admit that pod.
 *
 * An autoscaler may add machines, so want of room is a warning. Pod Security is enforced on pods, not on what makes them (Kubernetes,
 * Pod Security Admission): a dry run of the Deployment passes and its pods never come. So the pod itself is tried, as a dry run. */
#include <config.h>

#include <stdlib.h>
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

/* ---- amounts ---- */

struct amount {
    double cpu, memory; /* cores, bytes */
};

/* "500m" "2" "16Gi" "1e9" (Kubernetes API, Quantity); 0 for what is no quantity. */
static double quantity(const json_t *value)
{
    static const struct {
        const char *suffix;
        double times;
    } units[] = {{"m", 1e-3}, {"", 1},        {"k", 1e3},        {"M", 1e6},           {"G", 1e9},
                 {"T", 1e12}, {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0}};
    char *end = NULL;
    if (json_is_number(value))
        return json_number_value(value);
    if (!json_is_string(value))
        return 0;
    double n = strtod(json_string_value(value), &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].suffix) == 0)
            return n * units[i].times;
    return 0;
}

static struct amount amount_of(const json_t *resources)
{
    return (struct amount){quantity(json_object_get(resources, "cpu")), quantity(json_object_get(resources, "memory"))};
}

/* All containers together; an init container runs alone, before them. */
static struct amount asked_by(const json_t *spec)
{
    struct amount sum = {0, 0};
    const json_t *box;
    size_t i;
    json_array_foreach(json_object_get(spec, "containers"), i, box)
    {
        struct amount one = amount_of(cm_json_at(box, "resources.requests"));
        sum.cpu += one.cpu;
        sum.memory += one.memory;
    }
    json_array_foreach(json_object_get(spec, "initContainers"), i, box)
    {
        struct amount one = amount_of(cm_json_at(box, "resources.requests"));
        sum.cpu = one.cpu > sum.cpu ? one.cpu : sum.cpu;
        sum.memory = one.memory > sum.memory ? one.memory : sum.memory;
    }
    return sum;
}

static char *in_words(struct amount a) { return cm_fmt("%.4g cores and %.4g GiB of memory", a.cpu, a.memory / 1073741824.0); }

/* ---- machines ---- */

struct room {
    struct cm_step *step;
    json_t *pod; /* spec of the rendered Deployment's pod; NULL: not known */
    struct amount asked, largest, freest;
    size_t all, ready, chosen; /* chosen: ready, with the labels that the pod wants */
    bool used_known, fits, fits_now;
};

static bool ready(const json_t *node)
{
    const json_t *condition;
    size_t i;
    if (cm_json_bool(node, "spec.unschedulable", false))
        return false;
    json_array_foreach(cm_json_at(node, "status.conditions"), i, condition)
    {
        if (strcmp(cm_json_text(condition, "type", ""), "Ready") == 0)
            return strcmp(cm_json_text(condition, "status", ""), "True") == 0;
    }
    return false;
}

static bool has_labels(const json_t *node, const json_t *wanted)
{
    const char *key;
    json_t *value;
    json_object_foreach(cm_json_loose(wanted), key, value)
    {
        if (!json_equal(json_object_get(cm_json_at(node, "metadata.labels"), key), value))
            return false;
    }
    return true;
}

/* Running pods of all namespaces; NULL: they may not be looked at, or are too many. */
static json_t *all_pods(struct cm_step *step)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_argv_add_tool(&a, cm_plan_get(plan, "tools.kubectl"), "kubectl");
    cm_argv_add2(&a, "--kubeconfig", cm_plan_text(plan, "target.kubeconfig"));
    cm_argv_add2(&a, "--context", cm_plan_text(plan, "target.context"));
    cm_argv_add2(&a, "get", "pods");
    cm_argv_add(&a, "--all-namespaces");
    cm_argv_add2(&a, "--field-selector", "status.phase=Running");
    cm_argv_add2(&a, "-o", "json");
    struct cm_cmd cmd = {.argv = a.list};
    if (cm_run(step, &cmd, &out, NULL) < 0 || out.status != 0 || out.truncated)
        return NULL;
    return cm_json_parse(out.out, out.out_bytes, "kubectl get pods", NULL);
}

static struct amount used_on(const json_t *pods, const char *node)
{
    struct amount sum = {0, 0};
    const json_t *pod;
    size_t i;
    json_array_foreach(json_object_get(pods, "items"), i, pod)
    {
        if (strcmp(cm_json_text(pod, "spec.nodeName", ""), node) != 0)
            continue;
        struct amount one = asked_by(json_object_get(pod, "spec"));
        sum.cpu += one.cpu;
        sum.memory += one.memory;
    }
    return sum;
}

static bool within(struct amount a, struct amount b) { return a.cpu <= b.cpu && a.memory <= b.memory; }

static void measure(struct room *r, const json_t *nodes, const json_t *pods)
{
    const json_t *node;
    size_t i;
    json_array_foreach(nodes, i, node)
    {
        r->all++;
        if (!ready(node))
            continue;
        r->ready++;
        if (!has_labels(node, json_object_get(r->pod, "nodeSelector")))
            continue;
        r->chosen++;
        struct amount whole = amount_of(cm_json_at(node, "status.allocatable"));
        struct amount used = used_on(pods, cm_json_text(node, "metadata.name", ""));
        struct amount left = {whole.cpu - used.cpu, whole.memory - used.memory};
        r->fits |= within(r->asked, whole);
        r->fits_now |= within(r->asked, left);
        if (whole.memory >= r->largest.memory)
            r->largest = whole;
        if (left.memory >= r->freest.memory)
            r->freest = left;
    }
}

static void judge(const struct room *r)
{
    cm_autofree char *asked = in_words(r->asked), *largest = in_words(r->largest), *freest = in_words(r->freest);
    bool asks = r->asked.cpu > 0 || r->asked.memory > 0;
    if (r->all > 0 && r->ready == 0)
        cm_finding(r->step, CM_BLOCKER, "cluster.nodes", "Look at `kubectl get nodes`.", "none of %zu nodes is ready for new pods",
                   r->all);
    else if (r->ready > 0 && r->chosen == 0)
        cm_finding(r->step, CM_WARNING, "cluster.nodes",
                   "Correct nodeSelector in the values, unless an autoscaler makes such nodes.",
                   "%zu of %zu nodes are ready, and none has the labels of the pod's nodeSelector", r->ready, r->all);
    else if (asks && r->chosen > 0 && !r->fits)
        cm_finding(r->step, CM_WARNING, "cluster.room",
                   "Lower resources.requests in the values, or add a larger node, unless an autoscaler does.",
                   "Connect's pod asks for %s, and the largest node that is ready has %s", asked, largest);
    else if (asks && r->chosen > 0 && r->used_known && !r->fits_now)
        cm_finding(r->step, CM_WARNING, "cluster.room", "Make room before the evening, unless an autoscaler adds a node.",
                   "Connect's pod asks for %s, and no ready node has that much left; the freest has %s", asked, freest);
    else
        cm_finding(r->step, CM_OK, "cluster.nodes", NULL, "%zu of %zu nodes are ready%s%s%s", r->ready, r->all,
                   asks ? ", with room for " : "", asks ? asked : "",
                   asks && !r->used_known ? " if nothing else ran there, which may not be looked at" : "");
}

/* ---- the rendered pod ---- */

static void take_deployment(void *ctx, const json_t *object)
{
    struct room *r = ctx;
    if (strcmp(cm_json_text(object, "kind", ""), "Deployment") == 0 && !r->pod &&
        strcmp(cm_json_text(object, "metadata.name", ""), cm_target_fullname(r->step)) == 0)
        r->pod = json_deep_copy(cm_json_at(object, "spec.template.spec"));
}

/* Enforced level of the namespace; NULL: none, or it may not be read. */
static char *level_of(struct cm_step *step, const char *ns)
{
    cm_autojson found = NULL;
    enum cm_seen what = CM_ABSENT;
    if (cm_kube_get_in(step, "", "namespace", ns, NULL, &found, &what, NULL) < 0 || what != CM_SEEN)
        return NULL;
    const char *level =
        json_string_value(json_object_get(cm_json_at(found, "metadata.labels"), "pod-security.kubernetes.io/enforce"));
    return level && strcmp(level, "privileged") != 0 ? cm_strdup(level) : NULL;
}

static int judge_level(struct room *r, struct cm_err **err)
{
    const char *ns = cm_plan_text(cm_step_plan(r->step), "target.namespace");
    cm_autofree char *level = level_of(r->step, ns), *refused = NULL;
    cm_autoerr seen = NULL;
    if (!level)
        return 0;
    const char *remedy =
        "Set pod.securityContext, securityContext and those of the content's job base in the values as that level asks.";
    cm_autojson pod = r->pod ? json_pack("{s:s, s:s, s:{s:s}, s:O}", "apiVersion", "v1", "kind", "Pod", "metadata", "name",
                                         "connect-migrate-check", "spec", r->pod)
                             : NULL;
    cm_autofree char *text = pod ? json_dumps(pod, JSON_COMPACT) : NULL;
    if (!text || cm_kube_dry_run(r->step, text, &refused, &seen) < 0) {
        if (seen && cm_look_ends(&seen, err))
            return -1;
        cm_finding(r->step, CM_UNKNOWN, "cluster.pod-security", remedy,
                   "namespace %s admits only pods of level '%s', and whether Connect's fits could not be tried", ns, level);
    } else if (refused && strstr(refused, "violates PodSecurity")) {
        cm_finding(r->step, CM_BLOCKER, "cluster.pod-security", remedy, "namespace %s would refuse Connect's pod: %s", ns, refused);
    } else if (refused) {
        cm_finding(r->step, CM_UNKNOWN, "cluster.pod-security", remedy,
                   "namespace %s admits only pods of level '%s', and a dry run of Connect's pod was refused: %s", ns, level,
                   refused);
    } else {
        cm_finding(r->step, CM_OK, "cluster.pod-security", NULL, "namespace %s (level '%s') admits Connect's pod", ns, level);
    }
    return 0;
}

int cm_cluster_nodes(struct cm_step *step, struct cm_err **err)
{
    cm_autojson list = NULL;
    cm_autoerr seen = NULL;
    cm_autoerr unrendered = NULL;
    cm_autofree char *manifests = NULL;
    enum cm_seen what = CM_ABSENT;
    struct room r = {.step = step};
    if (cm_helm_template(step, NULL, &manifests, &unrendered) == 0)
        cm_look_manifests(manifests, take_deployment, &r);
    else if (cm_look_ends(&unrendered, err))
        return -1;
    r.asked = asked_by(r.pod);
    int rc = judge_level(&r, err);
    if (rc == 0 && cm_kube_get_in(step, "", "nodes", NULL, NULL, &list, &what, &seen) < 0) {
        rc = cm_look_failed(step, "cluster.nodes", "nodes", "Check again when the cluster answers.", &seen, err);
    } else if (rc == 0 && what == CM_FORBIDDEN) {
        cm_finding(step, CM_UNKNOWN, "cluster.nodes",
                   "Ask who runs the cluster whether it has room for Connect and its content, and attest it.",
                   "the cluster's nodes may not be listed with these rights");
    } else if (rc == 0) {
        cm_autojson pods = all_pods(step);
        r.used_known = pods != NULL;
        measure(&r, json_object_get(list, "items"), pods);
        judge(&r);
    }
    json_decref(r.pod);
    return rc;
}
