/* actions/target.c: the new server: its names by the chart's rules, its values, and a client of it.
 *
 * The names are those of the chart's templates/_helpers.tpl. What was read of the values files and the port-forward live with
 * the outside, so that each is made once per process. Does not: deploy (release.c), explain failures (target_diagnosis.c). */
#include <config.h>

#include "actions/target.h"

#include <string.h>
#include <unistd.h>

#include "actions/manifests.h"
#include "actions/values_given.h"
#include "adapters/helm.h"
#include "adapters/outside.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"
#include "values/below.h"

#define CHART_NAME "rstudio-connect"
enum { NAME_MAX_CHARS = 63 }; /* of a DNS label; the chart's trunc 63 */

struct slot {
    struct cm_yaml_doc **docs; /* NULL-ended */
    const char **names;
    unsigned char sum[32]; /* of which files they are, as helm is given them, and of what is in them */
    size_t count;
    json_t *merged;
    struct cm_forward *forward;
    struct cm_connect *connect;
    pid_t client_of; /* a client belongs to one process */
    char *pod, *gcfg; /* what was just seen of it (cm_target_saw) */
};

static void drop_client(struct slot *s)
{
    if (s->client_of == getpid()) {
        cm_connect_free(s->connect);
        cm_forward_stop(s->forward);
    }
    s->connect = NULL;
    s->forward = NULL;
}

static void forget_bases(struct slot *s)
{
    for (size_t i = 0; i < s->count; i++)
        cm_yaml_free(s->docs[i]);
    free(s->docs);
    free(s->names);
    json_decref(s->merged);
    s->docs = NULL;
    s->names = NULL;
    s->merged = NULL;
    s->count = 0;
}

static void slot_free(void *p)
{
    struct slot *s = p;
    drop_client(s);
    forget_bases(s);
    free(s->pod);
    free(s->gcfg);
    free(s);
}

static struct slot *slot_of(struct cm_step *step)
{
    static const char key[] = "target";
    struct cm_outside *o = cm_step_outside(step);
    struct slot *s = cm_outside_slot(o, key);
    if (s == NULL) {
        s = cm_alloc(sizeof *s);
        cm_outside_slot_set(o, key, s, slot_free);
    }
    return s;
}

/* ---- values ---- */

enum { FILE_MAX = 64 << 20 };

/* Read again once helm would be given others, or one was changed. */
static void sum_of(const char *const *files, unsigned char sum[32])
{
    struct cm_sha *sha = cm_sha_new();
    unsigned char one[32];
    for (size_t i = 0; files[i] != NULL; i++) {
        bool there = cm_sha256_file(files[i], one, NULL) == 0;
        cm_sha_add(sha, files[i], strlen(files[i]) + 1);
        cm_sha_add(sha, one, there ? sizeof one : 0);
    }
    cm_sha_end(sha, sum);
}

static struct cm_yaml_doc *load(struct cm_step *step, const char *path, const char *name, struct cm_err **err)
{
    const char *below = cm_plan_values_key(cm_step_plan(step));
    cm_autofree char *text = NULL;
    size_t bytes = 0;
    if (cm_file_read(path, FILE_MAX, &text, &bytes, err) < 0)
        return NULL;
    struct cm_yaml_doc *doc = cm_yaml_parse(text, bytes, name, err);
    if (doc != NULL && below != NULL)
        cm_yaml_begin_at(doc, below);
    return doc;
}

/* The plan's files, since what they are converted to rests on them. */
static void rest_on_files(struct cm_step *step)
{
    const json_t *file;
    unsigned char sum[32];
    size_t i;
    json_array_foreach(cm_plan_get(cm_step_plan(step), "target.values"), i, file)
    {
        if (cm_sha256_file(json_string_value(file), sum, NULL) == 0)
            cm_rests_on(step, json_string_value(file), sum);
    }
}

static int read_bases(struct cm_step *step, struct slot *s, struct cm_err **err)
{
    const char *const *files = cm_helm_files(step);
    unsigned char sum[32];
    size_t n = 0;
    rest_on_files(step);
    sum_of(files, sum);
    if (s->docs != NULL && memcmp(sum, s->sum, sizeof sum) == 0)
        return 0;
    forget_bases(s);
    while (files[n] != NULL)
        n++;
    s->docs = cm_alloc((n + 1) * sizeof(struct cm_yaml_doc *));
    s->names = cm_alloc((n + 1) * sizeof(char *));
    memcpy(s->sum, sum, sizeof sum);
    for (; s->count < n; s->count++) {
        const char *name = cm_values_given_name(step, s->count, files[s->count]);
        struct cm_yaml_doc *doc = load(step, files[s->count], name, err);
        if (doc == NULL) {
            forget_bases(s);
            return cm_wrap(err, "values");
        }
        s->docs[s->count] = doc;
        s->names[s->count] = cm_yaml_name(doc);
    }
    return 0;
}

int cm_target_bases(struct cm_step *step, const struct cm_yaml_doc *const **docs, const char *const **names, struct cm_err **err)
{
    struct slot *s = slot_of(step);
    if (read_bases(step, s, err) < 0)
        return -1;
    *docs = (const struct cm_yaml_doc *const *)s->docs;
    if (names != NULL)
        *names = s->names;
    return 0;
}

static void add_doc(json_t *merged, const struct cm_yaml_doc *doc)
{
    const struct cm_yaml *root = cm_yaml_root(doc);
    cm_autojson j = root == NULL ? NULL : cm_yaml_json(doc, root);
    if (json_is_object(j))
        cm_values_merge(merged, j);
}

int cm_target_base_json(struct cm_step *step, const json_t **merged, struct cm_err **err)
{
    struct slot *s = slot_of(step);
    *merged = NULL;
    if (read_bases(step, s, err) < 0)
        return -1;
    if (s->merged == NULL) {
        s->merged = json_object();
        for (size_t i = 0; i < s->count; i++)
            add_doc(s->merged, s->docs[i]);
    }
    *merged = s->merged;
    return 0;
}

/* A value of the base as text; NULL: none, or the files cannot be read (which values.check says). */
static const char *base_text(struct cm_step *step, const char *path)
{
    const json_t *merged;
    if (cm_target_base_json(step, &merged, NULL) < 0)
        return NULL;
    const char *text = cm_json_text(merged, path, NULL);
    return text == NULL || *text == '\0' ? NULL : text;
}

char *cm_target_values_text(struct cm_step *step, char *taken)
{
    char *text = cm_values_put_below(taken, cm_plan_values_key(cm_step_plan(step)));
    free(taken);
    return text;
}

const char *const *cm_target_values(struct cm_step *step, bool with_temporary)
{
    const char **list = cm_arena_alloc(cm_step_arena(step), 3 * sizeof *list);
    size_t n = 0;
    const char *config = cm_artifact_path(step, "values.config.yaml");
    const char *temporary = with_temporary ? cm_artifact_path(step, "values.temporary.yaml") : NULL;
    if (config != NULL)
        list[n++] = config;
    if (temporary != NULL)
        list[n++] = temporary;
    return list;
}

/* ---- names ---- */

static char *label(const char *text)
{
    size_t n = strnlen(text, NAME_MAX_CHARS);
    while (n > 0 && text[n - 1] == '-')
        n--;
    return cm_strndup(text, n);
}

char *cm_target_name(const char *release, const char *fullname_override, const char *name_override)
{
    if (fullname_override != NULL && *fullname_override != '\0')
        return label(fullname_override);
    const char *name = name_override != NULL && *name_override != '\0' ? name_override : CHART_NAME;
    if (strstr(release, name) != NULL)
        return label(release);
    cm_autofree char *both = cm_fmt("%s-%s", release, name);
    return label(both);
}

/* helm gives a subchart its alias as a name, which is the last of the keys that its values stand below. */
static const char *chart_name(struct cm_step *step)
{
    const char *below = cm_plan_values_key(cm_step_plan(step)), *dot = below == NULL ? NULL : strrchr(below, '.');
    return dot != NULL ? dot + 1 : below != NULL ? below : CHART_NAME;
}

static const char *short_name(struct cm_step *step)
{
    const char *said = base_text(step, "nameOverride");
    return said != NULL ? said : chart_name(step);
}

const char *cm_target_fullname(struct cm_step *step)
{
    cm_autofree char *name =
        cm_target_name(cm_plan_text(cm_step_plan(step), "target.release"), base_text(step, "fullnameOverride"), short_name(step));
    return cm_arena_strdup(cm_step_arena(step), name);
}

const char *cm_target_selector(struct cm_step *step)
{
    cm_autofree char *name = label(short_name(step));
    return cm_arena_fmt(cm_step_arena(step), "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s", name,
                        cm_plan_text(cm_step_plan(step), "target.release"));
}

const char *cm_target_pvc(struct cm_step *step)
{
    const char *name = base_text(step, "sharedStorage.name");
    if (name != NULL)
        return cm_arena_strdup(cm_step_arena(step), name);
    return cm_arena_fmt(cm_step_arena(step), "%s-shared-storage", cm_target_fullname(step));
}

const char *cm_target_content_namespace(struct cm_step *step)
{
    const char *ns = base_text(step, "backends.kubernetes.namespace");
    if (ns == NULL)
        ns = base_text(step, "launcher.namespace");
    return cm_arena_strdup(cm_step_arena(step), ns == NULL ? cm_plan_text(cm_step_plan(step), "target.namespace") : ns);
}

/* ---- the chart ---- */

/* Of an object that the chart made: helm.sh/chart is NAME-VERSION with '+' as '_' (helm's docs, labels). */
static json_t *chart_by_labels(const json_t *object, const char *name)
{
    const json_t *labels = cm_json_at(object, "metadata.labels");
    const char *chart = json_string_value(json_object_get(labels, "helm.sh/chart"));
    const char *app = json_string_value(json_object_get(labels, "app.kubernetes.io/version"));
    json_t *found = json_pack("{s:s}", "name", name);
    if (chart != NULL && cm_starts(chart, name) && chart[strlen(name)] == '-')
        json_object_set_new(found, "version", json_string(chart + strlen(name) + 1));
    if (app != NULL)
        json_object_set_new(found, "appVersion", json_string(app));
    return found;
}

int cm_target_chart(struct cm_step *step, json_t **chart, struct cm_err **err)
{
    cm_autofree char *rendered = NULL;
    struct cm_manifests m = {0};
    *chart = NULL;
    if (cm_plan_values_key(cm_step_plan(step)) == NULL)
        return cm_helm_chart(step, chart, err);
    if (cm_helm_template(step, NULL, &rendered, err) < 0)
        return -1;
    cm_autofree char *service = cm_fmt("Service %s", cm_target_fullname(step));
    cm_manifests_read(&m, rendered);
    const struct cm_manifest *one = cm_manifests_find(&m, service);
    *chart = chart_by_labels(one == NULL ? NULL : one->json, chart_name(step));
    cm_manifests_fini(&m);
    return 0;
}

/* ---- what runs ---- */

int cm_target_pods(struct cm_step *step, json_t **pods, struct cm_err **err)
{
    cm_autojson list = NULL;
    enum cm_seen seen;
    *pods = NULL;
    if (cm_kube_get(step, "pods", NULL, cm_target_selector(step), &list, &seen, err) < 0)
        return -1;
    if (seen == CM_FORBIDDEN) {
        cm_fail(err, CM_E_FAILED, "the pods of namespace %s may not be listed",
                cm_plan_text(cm_step_plan(step), "target.namespace"));
        cm_hint(err, "Ask for the right to get and list pods in this namespace.");
        return -1;
    }
    json_t *items = json_object_get(list, "items");
    *pods = json_is_array(items) ? json_incref(items) : json_array();
    return 0;
}

bool cm_target_pod_ready(const json_t *pod)
{
    size_t i;
    const json_t *c;
    if (cm_json_at(pod, "metadata.deletionTimestamp") != NULL || strcmp(cm_json_text(pod, "status.phase", ""), "Running") != 0)
        return false;
    json_array_foreach(cm_json_at(pod, "status.containerStatuses"), i, c)
    {
        if (strcmp(cm_json_text(c, "name", ""), "connect") == 0)
            return cm_json_bool(c, "ready", false);
    }
    return false;
}

int cm_target_first_pod(struct cm_step *step, int64_t *created_ms, struct cm_err **err)
{
    cm_autojson pods = NULL;
    size_t i;
    json_t *pod;
    *created_ms = 0;
    if (cm_target_pods(step, &pods, err) < 0)
        return -1;
    json_array_foreach(pods, i, pod)
    {
        const char *phase = cm_json_text(pod, "status.phase", "");
        int64_t at;
        if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0 ||
            !cm_time_parse(cm_json_text(pod, "metadata.creationTimestamp", ""), &at))
            continue;
        if (*created_ms == 0 || at < *created_ms)
            *created_ms = at;
    }
    return 0;
}

int cm_target_gcfg_of(struct cm_step *step, const struct cm_kube_one *map, char **text, struct cm_err **err)
{
    *text = NULL;
    if (map->seen == CM_FORBIDDEN) {
        cm_fail(err, CM_E_FAILED, "the ConfigMap %s may not be read", map->name);
        cm_hint(err, "Ask for the right to get configmaps in namespace %s.", cm_plan_text(cm_step_plan(step), "target.namespace"));
        return -1;
    }
    *text = cm_strdup(json_string_value(json_object_get(json_object_get(map->object, "data"), "rstudio-connect.gcfg")));
    return 0;
}

int cm_target_gcfg(struct cm_step *step, char **text, struct cm_err **err)
{
    cm_autofree char *name = cm_fmt("%s-config", cm_target_fullname(step));
    struct cm_kube_one map = {.kind = "configmaps", .name = name};
    *text = NULL;
    if (cm_kube_get(step, map.kind, name, NULL, &map.object, &map.seen, err) < 0)
        return -1;
    int rc = cm_target_gcfg_of(step, &map, text, err);
    cm_kube_several_fini(&map, 1);
    return rc;
}

/* ---- what was just seen ---- */

void cm_target_saw(struct cm_step *step, const char *pod, const char *gcfg)
{
    struct slot *s = slot_of(step);
    free(s->pod);
    free(s->gcfg);
    s->pod = cm_strdup(pod);
    s->gcfg = cm_strdup(gcfg);
}

static const char *handed_over(struct cm_step *step, char **taken)
{
    const char *text = cm_arena_strdup(cm_step_arena(step), *taken);
    free(*taken);
    *taken = NULL;
    return text;
}

const char *cm_target_seen_pod(struct cm_step *step) { return handed_over(step, &slot_of(step)->pod); }
const char *cm_target_seen_gcfg(struct cm_step *step) { return handed_over(step, &slot_of(step)->gcfg); }

/* ---- a client ---- */

static bool by_forward(struct cm_step *step)
{
    const char *url = cm_plan_text(cm_step_plan(step), "target.url");
    return url == NULL || strcmp(url, "port-forward") == 0;
}

void cm_target_connect_soon(struct cm_step *step)
{
    struct slot *s = slot_of(step);
    if (!by_forward(step) || s->forward != NULL || s->connect != NULL)
        return;
    s->client_of = getpid();
    s->forward = cm_kube_forward_begin(step, cm_target_fullname(step), NULL);
}

/* One that was begun earlier may have come to nothing since; why is seen when it is begun now. */
static int forward_is_ready(struct cm_step *step, struct slot *s, struct cm_err **err)
{
    if (s->forward != NULL && cm_kube_forward_ready(step, s->forward, NULL) < 0) {
        cm_forward_stop(s->forward);
        s->forward = NULL;
    }
    if (s->forward == NULL)
        s->forward = cm_kube_forward(step, cm_target_fullname(step), err);
    return s->forward == NULL ? -1 : 0;
}

int cm_target_connect(struct cm_step *step, struct cm_connect **out, struct cm_err **err)
{
    struct slot *s = slot_of(step);
    *out = NULL;
    if ((s->connect != NULL || s->forward != NULL) && s->client_of != getpid())
        drop_client(s);
    if (s->connect == NULL) {
        bool forward = by_forward(step);
        s->client_of = getpid();
        if (forward && forward_is_ready(step, s, err) < 0)
            return -1;
        s->connect = cm_connect_new(cm_step_outside(step),
                                    forward ? cm_forward_url(s->forward) : cm_plan_text(cm_step_plan(step), "target.url"), forward);
    }
    *out = s->connect;
    return 0;
}

void cm_target_reconnect(struct cm_step *step) { drop_client(slot_of(step)); }

const char *cm_target_data_dir(struct cm_step *step)
{
    const json_t *values = NULL;
    if (cm_target_base_json(step, &values, NULL) < 0)
        values = NULL;
    return cm_arena_strdup(cm_step_arena(step), cm_json_text(values, "sharedStorage.path", "/var/lib/rstudio-connect"));
}

int64_t cm_target_patience(struct cm_step *step)
{
    enum { MOST_MS = 90 * 1000, TIMES = 9 }; /* with the default of 2, 5 and 10 s: 90 s */
    const json_t *doubt = cm_plan_get(cm_step_plan(step), "connect.doubt");
    int64_t last = json_integer_value(json_array_get(doubt, json_array_size(doubt) ? json_array_size(doubt) - 1 : 0));
    return last > 0 && last * TIMES < MOST_MS ? last * TIMES : MOST_MS;
}

int64_t cm_target_limit(struct cm_step *step, int64_t wait_ms)
{
    int64_t patience = cm_target_patience(step), deadline = cm_step_deadline(step);
    int64_t limit = cm_loop_now_ms(cm_step_loop(step)) + (wait_ms < patience ? wait_ms : patience);
    return limit < deadline ? limit : deadline;
}

int64_t cm_target_waits_until(struct cm_step *step)
{
    enum { RESERVE_MS = 20000 };
    int64_t deadline = cm_step_deadline(step), left = deadline - cm_loop_now_ms(cm_step_loop(step));
    return deadline == CM_NEVER ? CM_NEVER : deadline - (left > 2 * RESERVE_MS ? RESERVE_MS : left / 2);
}
