/* actions/target_diagnosis.c: why pods do not become ready, in words: container states, events, last log lines, each matched against
 * the table of what is known (target_causes.c), then shown as they are. Events of pods that are gone, and those from before our last
 * upgrade, count for nothing: they would name the cause of another evening. Does not: mend anything, guess. */
#include <config.h>

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

enum { EVENTS_SHOWN = 12, LOG_LINES = 40, LOG_SHOWN = 15, FOUND_MOST = 8, CONTENT_PODS = 3 };
enum { SLACK_MS = 10 * 60 * 1000 }; /* between our clock and the cluster's */
enum { SILENT_MS = 60 * 1000 };

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
    json_t *said;      /* {"event of NAME REASON": true}; the same is not shown over and over */
    json_t *names;     /* living pods and what else events may be about: {NAME: true} */
    int64_t since_ms;  /* events of objects that outlive an upgrade count from here on; 0: all */
    bool lacks_pods;   /* events of the ReplicaSet are of now, and not of a fault that was mended */
    const char *quiet; /* a pod that runs and says nothing; NULL: none */
};

/* ---- causes ---- */

static void remember(struct diagnosis *d, const struct cm_cause *c, const char *where, const char *line, size_t bytes)
{
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->found[i].cause->cause, c->cause) == 0)
            return;
    if (d->count == FOUND_MOST)
        return;
    while (bytes > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        bytes--;
    }
    const char *kept = cm_arena_fmt(d->arena, "%.*s", (int)(bytes > 600 ? 600 : bytes), line);
    d->found[d->count++] = (struct found){c, cm_arena_strdup(d->arena, where), kept};
}

static void judge(struct diagnosis *d, enum cm_sight of, const char *where, const char *text)
{
    for (const char *line = text; *line != '\0';) {
        const char *evidence;
        size_t bytes, n = strcspn(line, "\n");
        const struct cm_cause *c = cm_cause_of(of, line, d->data_dir, &evidence, &bytes);
        if (c != NULL)
            remember(d, c, where, evidence, bytes);
        line += n + (line[n] == '\n');
    }
}

/* One line of what was seen: shown as it is, and matched. */
static void sight(struct diagnosis *d, enum cm_sight of, const char *where, const char *text)
{
    cm_str_addf(&d->seen, "  %s: %s\n", where, text);
    judge(d, of, where, text);
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

/* In the table's order: what the program says of itself before what Kubernetes says of its pods. */
static void add_causes(struct diagnosis *d, struct cm_str *out)
{
    for (const struct cm_cause *c = cm_causes; c->id != NULL; c++)
        for (size_t i = 0; i < d->count; i++) {
            if (d->found[i].cause != c)
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

static void show_log(struct diagnosis *d, const char *pod, const char *container, bool before, const char *log)
{
    cm_autofree char *where = cm_fmt("the log of %s, container %s%s", pod, container, before ? ", before its restart" : "");
    cm_autofree char *last = cm_last_lines(log, LOG_SHOWN);
    judge(d, CM_SIGHT_LOG, where, log);
    cm_str_addf(&d->seen, "  last lines of the log of container %s%s:\n", container, before ? " before its restart" : "");
    for (const char *line = last; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        cm_str_addf(&d->seen, "    %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

/* A container that was started again says little yet: what its last instance said is what ended it. */
static void add_log(struct diagnosis *d, const char *ns, const char *pod, const char *container, bool restarted, bool up)
{
    size_t had = d->count;
    for (int before = 0; before <= (restarted ? 1 : 0) && d->count == had; before++) {
        cm_autofree char *raw = NULL;
        int64_t last_ms = 0;
        if (cm_kube_logs_in(d->step, ns, pod, container, LOG_LINES, before == 1, &raw, NULL) < 0)
            return;
        cm_autofree char *log = without_times(raw == NULL ? "" : raw, &last_ms);
        if (up && (*log == '\0' || (last_ms > 0 && cm_wall_now(d->step) - last_ms > SILENT_MS)))
            d->quiet = cm_arena_strdup(d->arena, pod);
        if (*log != '\0')
            show_log(d, pod, container, before == 1, log);
    }
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
    const char *last = cm_json_text(c, "lastState.terminated.reason", NULL),
               *words = cm_json_text(c, "lastState.terminated.message", "");
    if (last != NULL) {
        cm_autofree char *text = cm_fmt("ended before: %s, exit code %d%s%s", last,
                                        (int)cm_json_int(c, "lastState.terminated.exitCode", 0), *words ? ": " : "", words);
        sight(d, CM_SIGHT_STATE, where, text);
    }
    if (restarts > 0)
        cm_str_addf(&d->seen, "  %s: restarted %d times\n", where, (int)restarts);
    bool running = cm_json_at(c, "state.running") != NULL, ready = cm_json_bool(c, "ready", false);
    if (!ready && (running || restarts > 0 || cm_json_at(c, "state.terminated") != NULL))
        add_log(d, ns, pod, name, restarts > 0, running && restarts == 0 && !init);
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

static void add_pod(struct diagnosis *d, const char *ns, const json_t *pod)
{
    const char *name = cm_json_text(pod, "metadata.name", "?"), *reason = cm_json_text(pod, "status.reason", "");
    static const struct {
        const char *path;
        bool init;
    } lists[] = {{"status.initContainerStatuses", true}, {"status.containerStatuses", false}};
    size_t i;
    const json_t *c;
    cm_str_addf(&d->seen, "pod %s: %s%s%s%s\n", name, cm_json_text(pod, "status.phase", "unknown"), *reason ? ", " : "", reason,
                cm_json_at(pod, "metadata.deletionTimestamp") != NULL ? ", is ending" : "");
    json_object_set_new(d->names, name, json_true());
    add_conditions(d, name, cm_json_at(pod, "status.conditions"), false);
    for (size_t l = 0; l < 2; l++) {
        json_array_foreach(cm_json_at(pod, lists[l].path), i, c) { add_container(d, ns, name, c, lists[l].init); }
    }
}

/* ---- the release's objects ---- */

static const char *revision_of(const json_t *pod)
{
    const char *hash = json_string_value(json_object_get(cm_json_at(pod, "metadata.labels"), "pod-template-hash"));
    return hash == NULL ? "" : hash;
}

static void add_pods(struct diagnosis *d)
{
    cm_autojson pods = NULL;
    cm_autoerr why = NULL;
    size_t i;
    const json_t *pod, *first = NULL, *other = NULL;
    if (cm_target_pods(d->step, &pods, &why) < 0)
        cm_str_addf(&d->seen, "the pods could not be looked at: %s\n", cm_err_message(why));
    else if (json_array_size(pods) == 0)
        cm_str_addf(&d->seen, "there is no pod of the release yet\n");
    d->lacks_pods = d->lacks_pods || json_array_size(pods) == 0;
    json_array_foreach(pods, i, pod)
    {
        const char *phase = cm_json_text(pod, "status.phase", "");
        add_pod(d, NULL, pod);
        if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
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
        json_array_foreach(cm_json_at(pod, "spec.containers"), k, c)
        {
            content = content || strcmp(cm_json_text(c, "name", ""), "connect-content") == 0;
        }
        if (content && shown < CONTENT_PODS && (strcmp(phase, "Pending") == 0 || strcmp(phase, "Failed") == 0)) {
            shown++;
            add_pod(d, ns, pod);
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
    json_object_set_new(d->names, claim, json_true());
    json_object_set_new(d->names, name, json_true());
    if (cm_ledger_next(d->step, "helm.upgrade", 0, &c) && c.at_ms > SLACK_MS)
        d->since_ms = c.at_ms - SLACK_MS;
    if (cm_kube_get(d->step, "deployments", name, NULL, &deployment, &seen, NULL) == 0 && deployment != NULL)
        add_conditions(d, name, cm_json_at(deployment, "status.conditions"), true);
    if (cm_kube_get(d->step, "pvc", claim, NULL, &pvc, &seen, NULL) == 0 && pvc != NULL &&
        strcmp(cm_json_text(pvc, "status.phase", "Bound"), "Bound") != 0)
        cm_str_addf(&d->seen, "claim %s: %s\n", claim, cm_json_text(pvc, "status.phase", "?"));
}

/* ---- events ---- */

static int64_t time_of(const json_t *event)
{
    static const char *const paths[] = {"series.lastObservedTime", "lastTimestamp", "eventTime", "metadata.creationTimestamp"};
    int64_t at;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (cm_time_parse(cm_json_text(event, paths[i], ""), &at))
            return at;
    return 0;
}

static bool of_ours(const struct diagnosis *d, const json_t *event)
{
    const char *name = cm_json_text(event, "involvedObject.name", ""), *kind = cm_json_text(event, "involvedObject.kind", "Pod");
    cm_autofree char *prefix = cm_fmt("%s-", cm_target_fullname(d->step));
    int64_t at = time_of(event);
    if (strcmp(kind, "Pod") == 0)
        return json_object_get(d->names, name) != NULL;
    if (at > 0 && at < d->since_ms)
        return false;
    return json_object_get(d->names, name) != NULL || (d->lacks_pods && strcmp(kind, "ReplicaSet") == 0 && cm_starts(name, prefix));
}

static void add_events(struct diagnosis *d, const char *ns)
{
    cm_autojson list = NULL;
    enum cm_seen seen;
    size_t shown = 0;
    if (cm_kube_get_in(d->step, ns, "events", NULL, NULL, &list, &seen, NULL) < 0)
        return;
    if (seen == CM_FORBIDDEN)
        cm_str_add(&d->seen, "  the events may not be read with these rights: what they would say is not known\n");
    const json_t *items = json_object_get(list, "items");
    for (size_t i = json_array_size(items); i-- > 0 && shown < EVENTS_SHOWN;) {
        const json_t *e = json_array_get(items, i);
        if (strcmp(cm_json_text(e, "type", ""), "Normal") == 0 || !of_ours(d, e))
            continue;
        cm_autofree char *where = cm_fmt("event of %s", cm_json_text(e, "involvedObject.name", "?"));
        cm_autofree char *again = cm_fmt("%s %s", where, cm_json_text(e, "reason", "?"));
        if (json_object_get(d->said, again) != NULL && shown > 2)
            continue;
        json_object_set_new(d->said, again, json_true());
        cm_autofree char *text = cm_fmt("%s: %s", cm_json_text(e, "reason", "?"), cm_json_text(e, "message", ""));
        sight(d, CM_SIGHT_EVENT, where, text);
        shown++;
    }
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
    judge(&d, CM_SIGHT_HELM, "helm's words", words == NULL ? "" : words);
    if (d.count > 0)
        add_causes(&d, &out);
    return cm_mask(cm_str_text(&out));
}

/* ---- what will not pass by itself ---- */

static bool hopeless(const char *reason)
{
    static const char *const reasons[] = {
        "ImagePullBackOff",           "ErrImagePull",         "InvalidImageName",  "CrashLoopBackOff",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", NULL};
    for (size_t i = 0; reasons[i] != NULL; i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

static const json_t *hopeless_container(const json_t *pods, const char **pod_name)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses", NULL};
    size_t i, k;
    const json_t *pod, *c;
    json_array_foreach(pods, i, pod)
    {
        for (size_t l = 0; lists[l] != NULL; l++) {
            json_array_foreach(cm_json_at(pod, lists[l]), k, c)
            {
                if (!hopeless(cm_json_text(c, "state.waiting.reason", "")))
                    continue;
                *pod_name = cm_json_text(pod, "metadata.name", "?");
                return c;
            }
        }
    }
    return NULL;
}

char *cm_target_stuck(const json_t *pods, int64_t now_wall_ms, int64_t lasting_ms, int64_t *since)
{
    const char *pod = NULL;
    const json_t *c = hopeless_container(pods, &pod);
    if (c == NULL) {
        *since = 0;
        return NULL;
    }
    if (*since == 0)
        *since = now_wall_ms;
    if (now_wall_ms - *since < lasting_ms)
        return NULL;
    return cm_fmt("container %s of pod %s: %s", cm_json_text(c, "name", "?"), pod, cm_json_text(c, "state.waiting.reason", "?"));
}
