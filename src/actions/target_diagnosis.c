/* actions/target_diagnosis.c: why pods do not become ready, in words: container states, events, last log lines, each matched against
 * the table of what is known (target_causes.c), then shown as they are. What is past counts for nothing, since it would name the cause of
 * another hour: events of pods that are gone, those from before our last upgrade, those about a part of a pod that has come up since; and
 * pods that end, or are of an older revision, are shown only. Does not: mend anything, guess. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "actions/evening.h"
#include "actions/target.h"
#include "actions/target_causes.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"

enum { EVENTS_SHOWN = 12, SAME_REASON = 3, LOG_LINES = 200, LOG_SHOWN = 15, FOUND_MOST = 8, EVIDENCE_MOST = 600, CONTENT_PODS = 3 };
enum { SLACK_MS = 10 * 60 * 1000 }; /* between our clock and the cluster's */
enum { SILENT_MS = 60 * 1000 };

/* What of a pod has not come up: an event about anything else is of the past. Bits, in a pod's entry of `names`. */
enum { LACKS_NODE = 1, LACKS_CONTENT = 2, LACKS_IMAGE = 4, LACKS_VOLUMES = 8, SHOWN_ONLY = 16 };

struct found {
    const struct cm_cause *cause;
    const char *where, *line;
};

struct diagnosis {
    struct cm_step *step;
    struct cm_arena *arena;
    struct cm_str seen; /* all of it, as it is */
    struct found found[FOUND_MOST];
    size_t count;
    const char *data_dir;
    json_t *said;      /* what was said of events, and how often; the same is not shown over and over */
    json_t *names;     /* living pods, and what else events may be about: {NAME: of enum LACKS_*} */
    bool shown_only;   /* what is looked at now is not what is waited for */
    int64_t since_ms;  /* events of objects that outlive an upgrade count from here on; 0: all */
    bool lacks_pods;   /* events of the ReplicaSet are of now, and not of a fault that was mended */
    const char *quiet; /* a pod that runs and says nothing; NULL: none */
};

/* ---- causes ---- */

/* Masked before it is cut: half of a secret is known to nobody. */
static const char *kept(struct diagnosis *d, const char *line, size_t bytes)
{
    while (bytes > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        bytes--;
    }
    cm_autofree char *plain = cm_strndup(line, bytes);
    cm_autofree char *masked = cm_mask(plain);
    size_t n = strlen(masked);
    if (n > EVIDENCE_MOST)
        n = cm_utf8_span(masked, EVIDENCE_MOST);
    return cm_arena_fmt(d->arena, "%.*s%s", (int)n, masked, masked[n] != '\0' ? " ..." : "");
}

static void remember(struct diagnosis *d, const struct cm_cause *c, const char *where, const char *line, size_t bytes)
{
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->found[i].cause->cause, c->cause) == 0)
            return;
    if (d->count < FOUND_MOST && !d->shown_only)
        d->found[d->count++] = (struct found){c, cm_arena_strdup(d->arena, where), kept(d, line, bytes)};
}

/* A row about a part of a pod that has come up since is of the past. */
static bool is_past(const struct cm_cause *c, int lacks)
{
    return (c->part == CM_PART_NODE && (lacks & LACKS_NODE) == 0) || (c->part == CM_PART_CONTENT && (lacks & LACKS_CONTENT) == 0) ||
           (c->part == CM_PART_IMAGE && (lacks & LACKS_IMAGE) == 0);
}

static void judge(struct diagnosis *d, enum cm_sight of, const char *where, const char *text, int lacks)
{
    for (const char *line = text; *line != '\0';) {
        const char *evidence;
        size_t bytes, n = strcspn(line, "\n");
        const struct cm_cause *c = cm_cause_of(of, line, d->data_dir, &evidence, &bytes);
        if (c != NULL && !is_past(c, lacks))
            remember(d, c, where, evidence, bytes);
        line += n + (line[n] == '\n');
    }
}

/* One line of what was seen: shown as it is, and matched. */
static void sight(struct diagnosis *d, enum cm_sight of, const char *where, const char *text)
{
    cm_str_addf(&d->seen, "  %s: %s\n", where, text);
    judge(d, of, where, text, LACKS_NODE | LACKS_CONTENT | LACKS_IMAGE);
}

static const char *placeholder(struct diagnosis *d, const char *name, size_t n)
{
    static const char *const none[] = {NULL};
    if (strncmp(name, "kubectl", n) == 0) {
        cm_autofree char *line = cm_kube_by_hand(d->step, none);
        return cm_arena_strdup(d->arena, line);
    }
    return strncmp(name, "claim", n) == 0        ? cm_target_pvc(d->step)
           : strncmp(name, "data", n) == 0       ? d->data_dir
           : strncmp(name, "deployment", n) == 0 ? cm_target_fullname(d->step)
                                                 : cm_plan_text(cm_step_plan(d->step), "target.namespace");
}

static void add_remedy(struct diagnosis *d, struct cm_str *out, const char *remedy)
{
    for (const char *at; (at = strchr(remedy, '{')) != NULL;) {
        const char *end = strchr(at, '}');
        if (end == NULL)
            break;
        cm_str_add_bytes(out, remedy, (size_t)(at - remedy));
        cm_str_add(out, placeholder(d, at + 1, (size_t)(end - at - 1)));
        remedy = end + 1;
    }
    cm_str_addf(out, "%s\n", remedy);
}

/* "FailedMount: timed out" says less than the Secret that is missing, and is of the same fault. */
static bool says_less(const struct diagnosis *d, const struct cm_cause *c)
{
    for (size_t i = 0; c->vague > 0 && i < d->count; i++)
        if (d->found[i].cause->part == c->part && d->found[i].cause->vague < c->vague)
            return true;
    return false;
}

/* In the table's order: what the program says of itself before what Kubernetes says of its pods. */
static void add_causes(struct diagnosis *d, struct cm_str *out)
{
    for (const struct cm_cause *c = cm_causes; c->id != NULL; c++)
        for (size_t i = 0; i < d->count; i++) {
            if (d->found[i].cause != c || says_less(d, c))
                continue;
            cm_str_addf(out, "likely cause: %s\n  seen in %s: %s\n  what to do: ", c->cause, d->found[i].where, d->found[i].line);
            add_remedy(d, out, c->remedy);
        }
    if (d->count == 0)
        cm_str_add(out, "no cause that is known fits what was seen; here it is as it stands\n");
}

/* ---- containers ---- */

/* The last lines without the times that were asked for; *last_ms: when the last one was written, 0: not known. */
static char *without_times(const char *log, int64_t *last_ms)
{
    struct cm_str out = CM_STR(CM_STR_PAGE);
    *last_ms = 0;
    for (const char *line = log; *line != '\0';) {
        size_t n = strcspn(line, "\n"), word = strcspn(line, " \n");
        cm_autofree char *time = cm_strndup(line, word);
        int64_t at;
        size_t skip = word > 18 && word < n + 1 && cm_time_parse(time, &at) ? word + (line[word] == ' ') : 0;
        if (skip > 0)
            *last_ms = at;
        cm_str_add_bytes(&out, line + skip, n - skip);
        cm_str_add(&out, "\n");
        line += n + (line[n] == '\n');
    }
    return cm_str_take(&out);
}

struct told {
    struct diagnosis *d;
    const char *where;
};

static void tell(void *ctx, const struct cm_cause *c, const char *line, size_t bytes)
{
    struct told *t = ctx;
    remember(t->d, c, t->where, line, bytes);
}

/* True: the log says why, or ends with words that are in no row. */
static bool show_log(struct diagnosis *d, const char *pod, const char *container, bool before, bool ended, const char *log)
{
    cm_autofree char *where = cm_fmt("the log of %s, container %s%s", pod, container, before ? ", before its restart" : "");
    cm_autofree char *last = cm_last_lines(log, LOG_SHOWN);
    struct told t = {d, where};
    size_t had = d->count;
    bool over = cm_log_causes(log, d->data_dir, ended, tell, &t);
    cm_str_addf(&d->seen, "  last lines of the log of container %s%s:\n", container, before ? " before its restart" : "");
    for (const char *line = last; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        cm_str_addf(&d->seen, "    %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    return d->count > had || over;
}

struct box {
    const char *pod, *name;
    bool restarted, running, ended;
    bool silence_counts; /* it is Connect, on its first start */
};

/* False: it has no log, or it may not be read (*err). */
static bool one_log(struct diagnosis *d, const char *ns, const struct box *b, bool before, bool *telling, struct cm_err **err)
{
    cm_autofree char *raw = NULL;
    int64_t last_ms = 0;
    if (cm_kube_logs_in(d->step, ns, b->pod, b->name, LOG_LINES, before, &raw, err) < 0)
        return false;
    cm_autofree char *log = without_times(raw == NULL ? "" : raw, &last_ms);
    if (b->silence_counts && (*log == '\0' || (last_ms > 0 && cm_wall_now(d->step) - last_ms > SILENT_MS)))
        d->quiet = cm_arena_strdup(d->arena, b->pod);
    *telling = *log != '\0' && show_log(d, b->pod, b->name, before, before || b->ended, log);
    return *log != '\0';
}

/* A container that was started again says little yet: what its last instance said is what ended it. While it waits to be started again,
 * its log is that of its last instance. */
static void add_log(struct diagnosis *d, const char *ns, const struct box *b)
{
    bool telling = false, before = b->restarted && b->running;
    cm_autoerr why = NULL;
    cm_autoerr again = NULL;
    bool read = one_log(d, ns, b, before, &telling, &why);
    if (!telling && b->restarted)
        read = one_log(d, ns, b, !before, &telling, &again) || read;
    if (!read && why != NULL)
        cm_str_addf(&d->seen, "  the log of container %s cannot be read: %s\n", b->name, cm_err_message(why));
}

/* It ran, and ended. */
static bool was_over(const json_t *c)
{
    return cm_json_int(c, "restartCount", 0) > 0 || cm_json_at(c, "state.terminated") != NULL ||
           cm_json_at(c, "lastState.terminated") != NULL;
}

/* It has been started, so that its image and what it mounts are there. */
static bool was_started(const json_t *c) { return cm_json_at(c, "state.running") != NULL || was_over(c); }

static void add_last_end(struct diagnosis *d, const char *where, const json_t *c)
{
    const char *last = cm_json_text(c, "lastState.terminated.reason", NULL),
               *words = cm_json_text(c, "lastState.terminated.message", "");
    if (last == NULL)
        return;
    cm_autofree char *text = cm_fmt("ended before: %s, exit code %d%s%s", last,
                                    (int)cm_json_int(c, "lastState.terminated.exitCode", 0), *words ? ": " : "", words);
    sight(d, CM_SIGHT_STATE, where, text);
}

static void add_container(struct diagnosis *d, const char *ns, const char *pod, const json_t *c, bool init)
{
    static const char *const states[] = {"waiting", "terminated"};
    const char *name = cm_json_text(c, "name", "?");
    cm_autofree char *where = cm_fmt("container %s of %s", name, pod);
    int64_t restarts = cm_json_int(c, "restartCount", 0);
    for (size_t i = 0; i < 2; i++) {
        const json_t *state = json_object_get(json_object_get(c, "state"), states[i]);
        const char *message = cm_json_text(state, "message", "");
        if (!json_is_object(state) || (init && i == 1 && cm_json_int(state, "exitCode", 0) == 0))
            continue;
        cm_autofree char *text = cm_fmt("%s%s%s", cm_json_text(state, "reason", states[i]), *message ? ": " : "", message);
        sight(d, CM_SIGHT_STATE, where, text);
    }
    bool running = cm_json_at(c, "state.running") != NULL, ready = cm_json_bool(c, "ready", false), over = was_over(c);
    if (ready)
        return;
    add_last_end(d, where, c);
    if (restarts > 0)
        cm_str_addf(&d->seen, "  %s: restarted %d times\n", where, (int)restarts);
    struct box b = {.pod = pod,
                    .name = name,
                    .restarted = restarts > 0,
                    .running = running,
                    .ended = !running,
                    .silence_counts = running && restarts == 0 && !init};
    if (running || over)
        add_log(d, ns, &b);
}

static void add_conditions(struct diagnosis *d, const char *of, const json_t *conditions, bool bad_when_true)
{
    size_t i;
    const json_t *c;
    json_array_foreach(conditions, i, c)
    {
        const char *message = cm_json_text(c, "message", ""), *type = cm_json_text(c, "type", "?");
        bool is_true = strcmp(cm_json_text(c, "status", ""), "True") == 0;
        bool of_interest = bad_when_true ? strcmp(type, "ReplicaFailure") == 0 : strcmp(type, "PodScheduled") == 0;
        if (!of_interest || is_true != bad_when_true)
            continue;
        d->lacks_pods = d->lacks_pods || bad_when_true;
        cm_autofree char *where = cm_fmt("condition %s of %s", type, of);
        cm_autofree char *text = cm_fmt("%s: %s", cm_json_text(c, "reason", "?"), message);
        sight(d, CM_SIGHT_EVENT, where, text);
    }
}

static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};

/* What of the pod has not come up. */
static int lacking(const json_t *pod)
{
    size_t i;
    const json_t *c;
    int started = 0, waiting = 0;
    for (size_t l = 0; l < 2; l++) {
        json_array_foreach(cm_json_at(pod, lists[l]), i, c)
        {
            started += was_started(c);
            waiting += !was_started(c);
        }
    }
    bool placed = cm_json_text(pod, "spec.nodeName", NULL) != NULL || started + waiting > 0;
    return (placed ? 0 : LACKS_NODE) | (started > 0 && waiting == 0 ? 0 : LACKS_CONTENT | LACKS_IMAGE) |
           (started > 0 ? 0 : LACKS_VOLUMES);
}

static bool is_over(const json_t *pod)
{
    const char *phase = cm_json_text(pod, "status.phase", "");
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

/* Why a pod as a whole is no more: the node's words (eviction). */
static void add_own_reason(struct diagnosis *d, const char *name, const json_t *pod)
{
    const char *reason = cm_json_text(pod, "status.reason", ""), *message = cm_json_text(pod, "status.message", "");
    cm_autofree char *where = cm_fmt("pod %s", name);
    cm_autofree char *text = cm_fmt("%s: %s", reason, message);
    if (*reason != '\0' && *message != '\0')
        sight(d, CM_SIGHT_STATE, where, text);
}

static void add_pod(struct diagnosis *d, const char *ns, const json_t *pod, bool shown_only)
{
    const char *name = cm_json_text(pod, "metadata.name", "?"), *reason = cm_json_text(pod, "status.reason", "");
    bool ending = cm_json_at(pod, "metadata.deletionTimestamp") != NULL;
    int64_t began = 0;
    size_t i;
    const json_t *c;
    cm_str_addf(&d->seen, "pod %s: %s%s%s%s\n", name, cm_json_text(pod, "status.phase", "unknown"), *reason ? ", " : "", reason,
                ending                        ? ", is ending"
                : shown_only && !is_over(pod) ? ", of an older revision"
                                              : "");
    /* a pod that was ended since our upgrade says why, though another stands in its place */
    d->shown_only =
        shown_only && (!is_over(pod) || !cm_time_parse(cm_json_text(pod, "status.startTime", ""), &began) || began < d->since_ms);
    add_own_reason(d, name, pod);
    d->shown_only = shown_only;
    json_object_set_new(d->names, name, json_integer(shown_only ? SHOWN_ONLY : lacking(pod)));
    add_conditions(d, name, cm_json_at(pod, "status.conditions"), false);
    json_array_foreach(cm_json_at(pod, "spec.volumes"), i, c)
    {
        const char *claim = cm_json_text(c, "persistentVolumeClaim.claimName", NULL);
        if (claim != NULL && json_object_get(d->names, claim) == NULL)
            json_object_set_new(d->names, claim, json_integer(lacking(pod) & LACKS_NODE));
    }
    for (size_t l = 0; l < 2 && !ending; l++) {
        json_array_foreach(cm_json_at(pod, lists[l]), i, c) { add_container(d, ns, name, c, l == 0); }
    }
    d->shown_only = false;
}

/* ---- the release's objects ---- */

static const char *revision_of(const json_t *pod)
{
    const char *hash = json_string_value(json_object_get(cm_json_at(pod, "metadata.labels"), "pod-template-hash"));
    return hash == NULL ? "" : hash;
}

/* The pod that is waited for: the newest of those that live. */
static const json_t *newest_of(const json_t *pods)
{
    const json_t *newest = NULL, *pod;
    int64_t best = -1, at;
    size_t i;
    json_array_foreach(pods, i, pod)
    {
        if (is_over(pod) || cm_json_at(pod, "metadata.deletionTimestamp") != NULL)
            continue;
        if (!cm_time_parse(cm_json_text(pod, "metadata.creationTimestamp", ""), &at))
            at = 0;
        if (at > best) {
            best = at;
            newest = pod;
        }
    }
    return newest;
}

/* Pods of two revisions that live side by side, without those that are over. */
static void compare_revisions(struct diagnosis *d, const json_t *pods)
{
    size_t i;
    const json_t *pod, *first = NULL, *other = NULL;
    json_array_foreach(pods, i, pod)
    {
        if (is_over(pod))
            continue;
        if (first == NULL)
            first = pod;
        else if (other == NULL && strcmp(revision_of(pod), revision_of(first)) != 0)
            other = pod;
    }
    if (other != NULL) {
        cm_autofree char *text = cm_fmt(CM_SHAPE_TWO ": %s and %s", cm_json_text(first, "metadata.name", "?"),
                                        cm_json_text(other, "metadata.name", "?"));
        sight(d, CM_SIGHT_SHAPE, "the pods", text);
    }
}

static void add_pods(struct diagnosis *d)
{
    cm_autojson pods = NULL;
    cm_autoerr why = NULL;
    size_t i;
    const json_t *pod;
    if (cm_target_pods(d->step, &pods, &why) < 0)
        cm_str_addf(&d->seen, "the pods could not be looked at: %s\n", cm_err_message(why));
    else if (json_array_size(pods) == 0)
        cm_str_addf(&d->seen, "there is no pod of the release yet\n");
    d->lacks_pods = d->lacks_pods || (why == NULL && json_array_size(pods) == 0);
    const json_t *newest = newest_of(pods);
    json_array_foreach(pods, i, pod)
    {
        add_pod(d, NULL, pod, newest != NULL && (is_over(pod) || strcmp(revision_of(pod), revision_of(newest)) != 0));
    }
    compare_revisions(d, pods);
}

/* Connect is up and its content is not: the pods of its Jobs, those that are in trouble. */
static void add_content(struct diagnosis *d)
{
    const char *ns = cm_target_content_namespace(d->step);
    cm_autojson pods = NULL;
    enum cm_seen seen;
    size_t i, k, shown = 0;
    const json_t *pod, *c;
    if (cm_kube_get_in(d->step, ns, "pods", NULL, NULL, &pods, &seen, NULL) < 0)
        return;
    json_array_foreach(json_object_get(pods, "items"), i, pod)
    {
        const char *phase = cm_json_text(pod, "status.phase", "");
        bool content = false;
        int64_t at;
        if (cm_time_parse(cm_json_text(pod, "metadata.creationTimestamp", ""), &at) && at < d->since_ms)
            continue; /* of another evening */
        json_array_foreach(cm_json_at(pod, "spec.containers"), k, c)
        {
            content = content || strcmp(cm_json_text(c, "name", ""), "connect-content") == 0;
        }
        if (content && shown < CONTENT_PODS && (strcmp(phase, "Pending") == 0 || strcmp(phase, "Failed") == 0)) {
            shown++;
            add_pod(d, ns, pod, false);
        }
    }
}

static void add_deployment(struct diagnosis *d)
{
    const char *name = cm_target_fullname(d->step), *claim = cm_target_pvc(d->step);
    cm_autojson deployment = NULL;
    cm_autojson pvc = NULL;
    enum cm_seen seen;
    struct cm_change c;
    json_object_set_new(d->names, name, json_integer(0));
    if (cm_ledger_next(d->step, "helm.upgrade", 0, &c) && c.at_ms > SLACK_MS)
        d->since_ms = c.at_ms - SLACK_MS;
    if (cm_kube_get(d->step, "deployments", name, NULL, &deployment, &seen, NULL) == 0 && deployment != NULL)
        add_conditions(d, name, cm_json_at(deployment, "status.conditions"), true);
    bool known = cm_kube_get(d->step, "pvc", claim, NULL, &pvc, &seen, NULL) == 0 && pvc != NULL;
    bool bound = known && strcmp(cm_json_text(pvc, "status.phase", "Bound"), "Bound") == 0;
    json_object_set_new(d->names, claim, json_integer(bound ? 0 : LACKS_NODE));
    if (known && !bound)
        cm_str_addf(&d->seen, "claim %s: %s\n", claim, cm_json_text(pvc, "status.phase", "?"));
}

/* ---- events ---- */

static bool of_ours(const struct diagnosis *d, const json_t *event)
{
    const char *name = cm_json_text(event, "involvedObject.name", ""), *kind = cm_json_text(event, "involvedObject.kind", "Pod");
    cm_autofree char *prefix = cm_fmt("%s-", cm_target_fullname(d->step));
    int64_t at = cm_target_event_ms(event);
    if (strcmp(kind, "Pod") == 0)
        return json_object_get(d->names, name) != NULL;
    if (at > 0 && at < d->since_ms)
        return false;
    return json_object_get(d->names, name) != NULL || (d->lacks_pods && strcmp(kind, "ReplicaSet") == 0 && cm_starts(name, prefix));
}

struct event {
    const json_t *e;
    int64_t at;
    const char *name, *reason;
};

static int newer_first(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return (x->at < y->at) - (x->at > y->at);
}

/* The API server lists them by name. A probe's newest answer is the one that counts, and of ReplicaSets the one that tries now. */
static bool is_superseded(const struct event *all, size_t i)
{
    bool probe = strcmp(all[i].reason, "Unhealthy") == 0,
         set = strcmp(cm_json_text(all[i].e, "involvedObject.kind", ""), "ReplicaSet") == 0;
    for (size_t k = 0; k < i && (probe || set); k++) {
        bool same = strcmp(all[k].name, all[i].name) == 0;
        if (all[k].at > all[i].at &&
            ((probe && same && strcmp(all[k].reason, all[i].reason) == 0) ||
             (set && !same && strcmp(cm_json_text(all[k].e, "involvedObject.kind", ""), "ReplicaSet") == 0)))
            return true;
    }
    return false;
}

static int lacks_of(const struct diagnosis *d, const struct event *e)
{
    const json_t *of = json_object_get(d->names, e->name);
    int lacks = of == NULL ? LACKS_NODE | LACKS_CONTENT | LACKS_IMAGE | LACKS_VOLUMES : (int)json_integer_value(of);
    bool volume = cm_starts(e->reason, "FailedMount") || cm_starts(e->reason, "FailedAttach") || cm_starts(e->reason, "FailedMap");
    return volume && (lacks & LACKS_VOLUMES) == 0 ? lacks & ~LACKS_CONTENT : lacks;
}

static void add_event(struct diagnosis *d, const struct event *e, size_t *shown)
{
    const char *message = cm_json_text(e->e, "message", ""), *evidence;
    size_t bytes;
    cm_autofree char *where = cm_fmt("event of %s", e->name);
    cm_autofree char *text = cm_fmt("%s: %s", e->reason, message);
    cm_autofree char *again = cm_fmt("%s %s", where, text);
    int lacks = lacks_of(d, e);
    const struct cm_cause *c = cm_cause_of(CM_SIGHT_EVENT, text, d->data_dir, &evidence, &bytes);
    if (json_object_get(d->said, again) != NULL || (lacks & SHOWN_ONLY) != 0 || (c != NULL && is_past(c, lacks)))
        return;
    json_object_set_new(d->said, again, json_true());
    size_t had = d->count;
    judge(d, CM_SIGHT_EVENT, where, text, lacks);
    /* the same reason again says much the same, with another pod's name in it */
    cm_autofree char *kind = cm_fmt("%s %s", where, e->reason);
    int64_t times = json_integer_value(json_object_get(d->said, kind));
    json_object_set_new(d->said, kind, json_integer(times + 1));
    if ((times < SAME_REASON || d->count > had) && ++*shown <= EVENTS_SHOWN)
        cm_str_addf(&d->seen, "  %s: %s\n", where, text);
}

static void add_events(struct diagnosis *d, const char *ns)
{
    cm_autojson list = NULL;
    enum cm_seen seen;
    size_t count = 0, shown = 0, i;
    json_t *item;
    if (cm_kube_get_in(d->step, ns, "events", NULL, NULL, &list, &seen, NULL) < 0)
        return;
    if (seen == CM_FORBIDDEN)
        cm_str_add(&d->seen, "  the events may not be read with these rights: what they would say is not known\n");
    json_t *items = json_object_get(list, "items");
    cm_autofree struct event *all = cm_alloc((json_array_size(items) + 1) * sizeof *all);
    json_array_foreach(items, i, item)
    {
        bool fault = strcmp(cm_json_text(item, "type", ""), "Normal") != 0 ||
                     strcmp(cm_json_text(item, "reason", ""), "FailedBinding") == 0; /* "Normal", says the volume controller */
        if (fault && of_ours(d, item))
            all[count++] = (struct event){item, cm_target_event_ms(item), cm_json_text(item, "involvedObject.name", "?"),
                                          cm_json_text(item, "reason", "?")};
    }
    qsort(all, count, sizeof *all, newer_first);
    for (i = 0; i < count; i++)
        if (!is_superseded(all, i))
            add_event(d, &all[i], &shown);
}

/* ---- the whole ---- */

char *cm_target_diagnosis(struct cm_step *step)
{
    cm_autojson names = json_object();
    cm_autojson said = json_object();
    struct diagnosis d = {.step = step,
                          .arena = cm_step_arena(step),
                          .seen = CM_STR(CM_STR_PAGE),
                          .data_dir = cm_target_data_dir(step),
                          .said = said,
                          .names = names};
    const char *content = cm_target_content_namespace(step), *ns = cm_plan_text(cm_step_plan(step), "target.namespace");
    add_deployment(&d);
    add_pods(&d);
    add_content(&d);
    add_events(&d, NULL);
    if (strcmp(content, ns) != 0)
        add_events(&d, content);
    if (d.count == 0 && d.quiet != NULL) {
        cm_autofree char *where = cm_fmt("pod %s", d.quiet);
        sight(&d, CM_SIGHT_SHAPE, where, CM_SHAPE_SILENT);
    }
    cm_autostr out = CM_STR(CM_STR_PAGE);
    add_causes(&d, &out);
    cm_str_add(&out, cm_str_text(&d.seen));
    cm_str_fini(&d.seen);
    return cm_mask(cm_str_text(&out));
}

char *cm_target_helm_cause(struct cm_step *step, const char *words)
{
    struct diagnosis d = {.step = step, .arena = cm_step_arena(step), .data_dir = cm_target_data_dir(step)};
    cm_autostr out = CM_STR(CM_STR_PAGE);
    judge(&d, CM_SIGHT_HELM, "helm's words", words == NULL ? "" : words, 0);
    if (d.count > 0)
        add_causes(&d, &out);
    return cm_mask(cm_str_text(&out));
}
