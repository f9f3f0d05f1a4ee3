/* adapters/helm.c: the administrator's own helm.
 *
 * A release's state is read from its records in the cluster, where helm keeps status, revision and labels also while an upgrade
 * is pending (helm pkg/storage/driver: labels owner, name, status, version, modifiedAt). helm itself is run for what only it
 * can do. Does not: decide whether an upgrade is ours (actions/release.c), parse manifests. */
#include <config.h>

#include "adapters/helm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/argv.h"
#include "adapters/helm_internal.h"
#include "adapters/kube_internal.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"

enum { TICK_MS = 2000 }; /* how often the interlock is looked at while helm runs */
static const size_t OUTPUT_MAX = (size_t)64 << 20;

static void set(char *to, size_t bytes, const char *from)
{
    size_t n = strnlen(from, bytes - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}
#define SET(member, text) set((member), sizeof(member), (text))

/* ---- command lines ---- */

static void helm_argv(struct cm_step *step, struct cm_argv *a)
{
    cm_argv_add_tool(a, cm_plan_get(cm_step_plan(step), "tools.helm"), "helm");
}

static void where(struct cm_step *step, struct cm_argv *a)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_argv_add2(a, "--kubeconfig", cm_plan_text(plan, "target.kubeconfig"));
    cm_argv_add2(a, "--kube-context", cm_plan_text(plan, "target.context"));
    cm_argv_add2(a, "--namespace", cm_plan_text(plan, "target.namespace"));
}

static const char given_slot[] = "helm.given";
struct given {
    cm_helm_given *by;
};

void cm_helm_given_by(struct cm_outside *o, cm_helm_given *by)
{
    struct given *g = cm_alloc(sizeof *g);
    g->by = by;
    cm_outside_slot_set(o, given_slot, g, free);
}

const char *const *cm_helm_files(struct cm_step *step)
{
    const struct given *g = cm_outside_slot(cm_step_outside(step), given_slot);
    const char *const *now = g == NULL ? NULL : g->by(step);
    if (now != NULL)
        return now;
    const json_t *own = cm_plan_get(cm_step_plan(step), "target.values"), *file;
    const json_t *converted = cm_fact(step, "values.files");
    const char **list = cm_arena_alloc(cm_step_arena(step), (json_array_size(own) + 1) * sizeof *list);
    size_t i, n = 0;
    json_array_foreach(own, i, file)
    {
        const json_t *copy = json_object_get(converted, json_string_value(file));
        list[n++] = cm_json_text(copy, "given", json_string_value(file));
    }
    return list;
}

static void add_files(struct cm_step *step, struct cm_argv *a, const char *const *more)
{
    const char *const *own = cm_helm_files(step);
    for (size_t i = 0; own[i] != NULL; i++)
        cm_argv_add2(a, "--values", own[i]);
    for (size_t i = 0; more != NULL && more[i] != NULL; i++)
        cm_argv_add2(a, "--values", more[i]);
}

static void upgrade_argv(struct cm_step *step, struct cm_argv *a, const char *const *more, const char *labels)
{
    const struct cm_plan *plan = cm_step_plan(step);
    helm_argv(step, a);
    cm_argv_add(a, "upgrade");
    cm_argv_add(a, "--install");
    cm_argv_add(a, cm_plan_text(plan, "target.release"));
    cm_helm_add_chart(step, a);
    where(step, a);
    cm_helm_add_version(step, a);
    add_files(step, a, more);
    cm_argv_add2(a, "--labels", labels);
}

/* ---- errors ---- */

int cm_helm_failed(struct cm_step *step, const struct cm_out *out, const char *what, struct cm_err **err)
{
    const char *hint;
    enum cm_helm_trouble chart = cm_helm_chart_trouble(out->errout, &hint);
    enum cm_kube_trouble t = cm_kube_trouble(out->errout);
    if (chart == CM_HT_NONE && t != CM_KT_OTHER && t != CM_KT_ABSENT)
        return cm_kube_fail(step, out, what, err);
    cm_autofree char *last = cm_last_lines(out->errout, 10);
    cm_autofree char *masked = cm_mask(last);
    if (chart == CM_HT_PASSING)
        cm_fail_passing(err, "%s: the chart was not reached", what);
    else if (chart != CM_HT_NONE)
        cm_fail(err, CM_E_FAILED, "%s: helm cannot get the chart", what);
    else
        cm_fail(err, CM_E_FAILED, "%s: helm ended with status %d", what, out->status);
    if (hint != NULL)
        cm_hint(err, "%s", hint);
    cm_evidence(err, masked);
    return -1;
}

int cm_helm_read(struct cm_step *step, const struct cm_argv *a, struct cm_out *out, const char *what, struct cm_err **err)
{
    struct cm_cmd cmd = {.argv = a->list, .output_max_bytes = OUTPUT_MAX};
    if (cm_run(step, &cmd, out, err) < 0)
        return cm_wrap(err, "%s", what);
    if (out->truncated)
        return cm_fail(err, CM_E_FAILED, "%s: the answer is larger than 64 MiB", what);
    return 0;
}

/* ---- the release's records ---- */

const char *cm_helm_record_kind(void)
{
    const char *driver = getenv("HELM_DRIVER");
    return driver != NULL && cm_starts(driver, "configmap") ? "configmaps" : "secrets";
}

static void fill(struct cm_helm_revision *r, const json_t *record)
{
    const json_t *labels = cm_json_at(record, "metadata.labels");
    const char *modified = json_string_value(json_object_get(labels, "modifiedAt"));
    r->revision = (int)strtol(cm_json_text(labels, "version", "0"), NULL, 10);
    SET(r->status, cm_json_text(labels, "status", "unknown"));
    const char *intent = json_string_value(json_object_get(labels, "connect-migrate/intent"));
    const char *purpose = json_string_value(json_object_get(labels, "connect-migrate/purpose"));
    const char *run = json_string_value(json_object_get(labels, "connect-migrate/run"));
    SET(r->intent, intent == NULL ? "" : intent);
    SET(r->purpose, purpose == NULL ? "" : purpose);
    SET(r->run, run == NULL ? "" : run);
    SET(r->secret, cm_json_text(record, "metadata.name", ""));
    if (modified != NULL && strtoll(modified, NULL, 10) > 0) {
        cm_autofree char *text = cm_time_text(strtoll(modified, NULL, 10) * 1000);
        SET(r->modified, text);
    } else {
        SET(r->modified, cm_json_text(record, "metadata.creationTimestamp", ""));
    }
    const json_t *fields = cm_json_at(record, "metadata.managedFields");
    SET(r->manager,
        cm_json_text(json_array_get(fields, json_array_size(fields) > 0 ? json_array_size(fields) - 1 : 0), "manager", ""));
}

static int by_revision(const void *a, const void *b)
{
    const struct cm_helm_revision *x = a, *y = b;
    return (x->revision > y->revision) - (x->revision < y->revision);
}

int cm_helm_revisions(struct cm_step *step, struct cm_helm_revision **list, size_t *n, struct cm_err **err)
{
    const char *release = cm_plan_text(cm_step_plan(step), "target.release");
    cm_autofree char *selector = cm_fmt("owner=helm,name=%s", release);
    cm_autojson records = NULL;
    enum cm_seen seen;
    *list = NULL;
    *n = 0;
    if (cm_kube_get_managed(step, cm_helm_record_kind(), NULL, selector, &records, &seen, err) < 0)
        return cm_wrap(err, "reading the revisions of release %s", release);
    if (seen == CM_FORBIDDEN) {
        cm_fail(err, CM_E_FAILED, "the revisions of release %s may not be read: %s of the namespace are forbidden", release,
                cm_helm_record_kind());
        cm_hint(err, "helm itself needs to get, list, create, update and delete %s in this namespace; ask for these rights.",
                cm_helm_record_kind());
        return -1;
    }
    const json_t *items = json_object_get(records, "items"), *item;
    size_t i, count = json_array_size(items);
    if (count == 0)
        return 0;
    *list = cm_alloc(count * sizeof **list);
    json_array_foreach(items, i, item) { fill(&(*list)[i], item); }
    *n = count;
    qsort(*list, *n, sizeof **list, by_revision);
    return 0;
}

/* ---- reading by helm ---- */

char *cm_helm_version(struct cm_step *step, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    helm_argv(step, &a);
    cm_argv_add(&a, "version");
    cm_argv_add2(&a, "--template", "{{.Version}}");
    if (cm_helm_read(step, &a, &out, "asking helm for its version", err) < 0)
        return NULL;
    if (out.status != 0) {
        cm_helm_failed(step, &out, "asking helm for its version", err);
        return NULL;
    }
    return cm_strndup(out.out, strcspn(out.out, "\r\n"));
}

int cm_helm_template(struct cm_step *step, const char *const *more, char **manifests, struct cm_err **err)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_autoargv a = {0};
    cm_autoout out = {0};
    *manifests = NULL;
    helm_argv(step, &a);
    cm_argv_add(&a, "template");
    cm_argv_add(&a, cm_plan_text(plan, "target.release"));
    cm_helm_add_chart(step, &a);
    where(step, &a);
    cm_helm_add_version(step, &a);
    add_files(step, &a, more);
    if (cm_helm_read(step, &a, &out, "rendering the chart", err) < 0)
        return -1;
    if (out.status != 0)
        return cm_helm_failed(step, &out, "rendering the chart", err);
    *manifests = cm_strdup(cm_helm_answer(out.out));
    return 0;
}

int cm_helm_manifest(struct cm_step *step, char **manifests, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    *manifests = NULL;
    helm_argv(step, &a);
    cm_argv_add(&a, "get");
    cm_argv_add(&a, "manifest");
    cm_argv_add(&a, cm_plan_text(cm_step_plan(step), "target.release"));
    where(step, &a);
    if (cm_helm_read(step, &a, &out, "asking for what is deployed", err) < 0)
        return -1;
    if (out.status != 0 && strstr(out.errout, "not found") != NULL) {
        *manifests = cm_strdup("");
        return 0;
    }
    if (out.status != 0)
        return cm_helm_failed(step, &out, "asking for what is deployed", err);
    *manifests = out.out;
    out.out = NULL;
    return 0;
}

/* ---- the upgrade ---- */

/* Something is left of the step's time for the end of a helm that ran late (SIGTERM, 30 s, SIGKILL) and for a look at what it left. */
static int64_t upgrade_limit(struct cm_step *step)
{
    enum { RESERVE_MS = 45000 };
    int64_t limit = cm_plan_int(cm_step_plan(step), "target.timeout", 0), deadline = cm_step_deadline(step);
    if (deadline == CM_NEVER)
        return limit;
    int64_t left = deadline - cm_loop_now_ms(cm_step_loop(step));
    left -= left > 4 * RESERVE_MS ? RESERVE_MS : left / 4;
    return limit > 0 && limit < left ? limit : left > 0 ? left : 1;
}

int cm_helm_upgrade(struct cm_intent *intent, const char *purpose, const char *const *more, bool force,
                    int (*tick)(void *ctx, struct cm_err **err), void *tick_ctx, struct cm_out *out, struct cm_err **err)
{
    struct cm_step *step = cm_intent_step(intent);
    cm_autoargv a = {0};
    cm_autofree char *labels = cm_fmt("connect-migrate/intent=%" PRIu64 ",connect-migrate/purpose=%s,connect-migrate/run=%s",
                                      cm_intent_id(intent), purpose, cm_run_id(step));
    upgrade_argv(step, &a, more, labels);
    if (force)
        cm_argv_add(&a, "--force-conflicts");
    struct cm_cmd cmd = {.argv = a.list, .timeout_ms = upgrade_limit(step), .tick = tick, .tick_ctx = tick_ctx, .tick_ms = TICK_MS};
    if (cm_run_effect(intent, &cmd, out, err) < 0)
        return cm_wrap(err, "helm upgrade");
    return 0;
}

char *cm_helm_by_hand(struct cm_step *step, const char *const *argv)
{
    cm_autoargv a = {0};
    helm_argv(step, &a);
    cm_argv_add_list(&a, argv);
    where(step, &a);
    return cm_shell_join(a.list);
}

char *cm_helm_upgrade_by_hand(struct cm_step *step, const char *const *more)
{
    cm_autoargv a = {0};
    upgrade_argv(step, &a, more, NULL);
    return cm_shell_join(a.list);
}
