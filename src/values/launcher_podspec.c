/* values/launcher_podspec.c: templateValues.pod to the pod template of the job base. Sources: Posit's guide "Upgrading to the direct
 * Kubernetes runner"; the chart's files/job.tpl (the pod's security context is its default with the other merged over it). What
 * Connect itself decides for each job is left out and said: runAsUser, runAsGroup, supplementalGroups, command. */
#include <config.h>

#include <string.h>

#include "base/text.h"
#include "values/launcher_work.h"

static const char JOB[] = "backends.kubernetes.defaultResourceJobBase";

static struct cm_piece *pod_spec(struct cm_launcher_work *w) { return cm_piece_path(w, cm_launcher_job(w), "spec.template.spec"); }

static const char POD[] = "launcher.templateValues.pod";

static const char *setting_name(struct cm_launcher_work *w, const char *key) { return cm_arena_fmt(w->arena, "%s.%s", POD, key); }

static size_t index_of(const struct cm_yaml *map, const char *key)
{
    size_t i = 0;
    while (i < map->count && strcmp(map->keys[i]->text, key) != 0)
        i++;
    return i;
}

/* ---- security contexts ---- */

static bool decided_by_connect(const char *key, bool pod)
{
    return !strcmp(key, "runAsUser") || !strcmp(key, "runAsGroup") || (pod && !strcmp(key, "supplementalGroups"));
}

static void drop_decided(struct cm_launcher_work *w, const char *of, const struct cm_yaml *key)
{
    cm_launcher_row(w, key, cm_arena_fmt(w->arena, "%s.%s", setting_name(w, of), key->text), NULL, CM_DROP,
                    "Connect decides it for each job (Applications.RunAs and the content's own user)");
}

static bool has_something(const struct cm_yaml *context, bool pod)
{
    for (size_t i = 0; context && context->type == CM_YAML_MAP && i < context->count; i++)
        if (!decided_by_connect(context->keys[i]->text, pod))
            return true;
    return false;
}

/* Has the other map all its keys, so that it stays as it stands when it is merged over this one? */
static bool is_covered(const struct cm_yaml *map, const struct cm_yaml *over)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct cm_yaml *other = cm_yaml_get(over, map->keys[i]->text);
        if (!other || (other->type == CM_YAML_MAP && map->items[i]->type == CM_YAML_MAP))
            return false;
    }
    return true;
}

/* Pairs of one context that nothing in `over` replaces; a map in both is put together anew. */
static void take_context(struct cm_launcher_work *w, struct cm_piece *in, const char *of, const struct cm_yaml *context,
                         const struct cm_yaml *over, bool pod)
{
    for (size_t i = 0; context && context->type == CM_YAML_MAP && i < context->count; i++) {
        const struct cm_yaml *key = context->keys[i], *other = over ? cm_yaml_get(over, key->text) : NULL;
        if (decided_by_connect(key->text, pod))
            drop_decided(w, of, key);
        else if (!other)
            cm_piece_pair(w, in, key->text, context, i);
        else if (other->type == CM_YAML_MAP && context->items[i]->type == CM_YAML_MAP && is_covered(context->items[i], other))
            cm_piece_pair(w, in, key->text, over, cm_yaml_index(over, key->text));
        else if (other->type == CM_YAML_MAP && context->items[i]->type == CM_YAML_MAP) {
            json_t *both = cm_yaml_json(w->doc, context->items[i]);
            cm_autojson winning = cm_yaml_json(w->doc, other);
            json_object_update_recursive(both, winning);
            cm_piece_value(w, in, key->text, both);
        }
    }
}

static void head_of(struct cm_launcher_work *w, struct cm_piece *p, const struct cm_yaml *map, size_t i)
{
    if (i >= map->count || map->flow)
        return;
    const char *above = cm_comments_above(w, map, i);
    if (above)
        p->comment = p->comment ? cm_arena_fmt(w->arena, "%s%s", p->comment, above) : above;
    if (!p->behind)
        p->behind = cm_comment_behind(w, map->keys[i], map->items[i]);
}

static void move_contexts(struct cm_launcher_work *w, struct cm_yaml *pod)
{
    size_t d = index_of(pod, "defaultSecurityContext"), s = index_of(pod, "securityContext");
    struct cm_yaml *usual = d < pod->count ? pod->items[d] : NULL, *over = s < pod->count ? pod->items[s] : NULL;
    bool any = has_something(usual, true) || has_something(over, true);
    const size_t both[] = {d, s};
    struct cm_piece *in = NULL;
    if (any) {
        const char *pending = w->pending;
        w->pending = NULL;
        in = cm_piece_map(w, pod_spec(w), "securityContext");
        in->comment = pending;
        head_of(w, in, pod, s);
        head_of(w, in, pod, d);
    } else {
        in = cm_arena_alloc(w->pieces, sizeof *in);
    }
    take_context(w, in, "defaultSecurityContext", usual, over, true);
    if (over && over->type == CM_YAML_MAP)
        for (size_t i = 0; i < over->count; i++) {
            const struct cm_yaml *was = usual ? cm_yaml_get(usual, over->keys[i]->text) : NULL;
            bool merged = was && was->type == CM_YAML_MAP && over->items[i]->type == CM_YAML_MAP;
            if (decided_by_connect(over->keys[i]->text, true))
                drop_decided(w, "securityContext", over->keys[i]);
            else if (!merged)
                cm_piece_pair(w, in, over->keys[i]->text, over, i);
        }
    for (size_t k = 0; k < 2; k++)
        if (both[k] < pod->count) {
            const struct cm_yaml *key = pod->keys[both[k]];
            bool some = has_something(pod->items[both[k]], true);
            cm_take_out(w, pod, both[k]);
            cm_launcher_row(w, key, setting_name(w, key->text),
                            some ? cm_arena_fmt(w->arena, "%s.spec.template.spec.securityContext", JOB) : NULL,
                            some ? CM_CHANGE : CM_DROP,
                            some ? "merged as the Launcher merged them" : "nothing in it that is yours to decide");
        }
}

static void move_container_context(struct cm_launcher_work *w, struct cm_yaml *pod, size_t i)
{
    const struct cm_yaml *context = pod->items[i];
    bool some = has_something(context, false);
    cm_take_out(w, pod, i);
    if (some && !pod->flow && !cm_yaml_get(context, "runAsUser") && !cm_yaml_get(context, "runAsGroup")) {
        cm_piece_pair(w, cm_piece_content(w, pod_spec(w)), "securityContext", pod, i);
    } else if (some) {
        struct cm_piece *in = cm_piece_map(w, cm_piece_content(w, pod_spec(w)), "securityContext");
        head_of(w, in, pod, i);
        take_context(w, in, "containerSecurityContext", pod->items[i], NULL, false);
    } else if (pod->items[i]->type == CM_YAML_MAP) {
        for (size_t k = 0; k < pod->items[i]->count; k++)
            drop_decided(w, "containerSecurityContext", pod->items[i]->keys[k]);
    }
    cm_launcher_row(w, pod->keys[i], setting_name(w, pod->keys[i]->text),
                    some ? cm_arena_fmt(w->arena, "%s.spec.template.spec.containers[name=connect-content].securityContext", JOB)
                         : NULL,
                    some ? CM_CHANGE : CM_DROP, some ? "moved" : "nothing in it that is yours to decide");
}

/* ---- the other fields ---- */

enum place { IN_META, IN_SPEC, IN_CONTENT, IN_CONTAINERS };

static bool place_of(const char *key, enum place *place)
{
    static const char *const meta[] = {"labels", "annotations", NULL};
    static const char *const spec[] = {"nodeSelector",     "tolerations",        "affinity",    "serviceAccountName",
                                       "imagePullSecrets", "priorityClassName",  "hostAliases", "volumes",
                                       "initContainers",   "enableServiceLinks", NULL};
    static const char *const content[] = {"env", "resources", "imagePullPolicy", "volumeMounts", NULL};
    const char *const *const lists[] = {meta, spec, content};
    for (int l = 0; l < 3; l++)
        for (const char *const *k = lists[l]; *k; k++)
            if (strcmp(*k, key) == 0) {
                *place = (enum place)l;
                return true;
            }
    *place = IN_CONTAINERS;
    return strcmp(key, "extraContainers") == 0;
}

static void move_field(struct cm_launcher_work *w, struct cm_yaml *pod, size_t i, enum place place)
{
    static const char *const paths[] = {"metadata", "spec", "spec.containers[name=connect-content]", "spec.containers"};
    const char *key = pod->keys[i]->text;
    const char *target = place == IN_CONTAINERS ? cm_arena_fmt(w->arena, "%s.spec.template.%s", JOB, paths[place])
                                                : cm_arena_fmt(w->arena, "%s.spec.template.%s.%s", JOB, paths[place], key);
    struct cm_yaml *value = pod->items[i];
    cm_take_out(w, pod, i);
    if (cm_yaml_is_empty(value) && !(value->type == CM_YAML_SCALAR && !value->plain)) {
        cm_launcher_row(w, pod->keys[i], setting_name(w, key), NULL, CM_DROP, "empty");
        return;
    }
    if (place == IN_CONTAINERS && value->type == CM_YAML_LIST) {
        struct cm_piece *list = cm_piece_list(w, pod_spec(w), "containers");
        head_of(w, list, pod, i);
        for (size_t k = 0; k < value->count; k++)
            cm_piece_item(w, list, value, k);
    } else if (place == IN_META) {
        cm_piece_pair(w, cm_piece_path(w, cm_launcher_job(w), "spec.template.metadata"), key, pod, i);
    } else {
        cm_piece_pair(w, place == IN_CONTENT ? cm_piece_content(w, pod_spec(w)) : pod_spec(w), key, pod, i);
    }
    if (strcmp(key, "serviceAccountName") == 0)
        w->service_account = cm_launcher_name(value);
    cm_launcher_row(w, pod->keys[i], setting_name(w, key), target, CM_CHANGE, "moved");
}

/* A field that leaves takes no comment with it into nothing: its comments stand above what comes next. */
static void keep_comments(struct cm_launcher_work *w, const struct cm_yaml *pod, size_t i)
{
    const char *before = w->pending, *above = cm_comments_above(w, pod, i);
    const char *behind = pod->flow ? NULL : cm_comment_behind(w, pod->keys[i], pod->items[i]);
    if (above != before || behind)
        w->pending = cm_arena_fmt(w->arena, "%s# %s (left out):\n%s%s%s", before ? before : "", pod->keys[i]->text,
                                  above && above != before ? above + (before ? strlen(before) : 0) : "", behind ? behind : "",
                                  behind ? "\n" : "");
}

static void drop_command(struct cm_launcher_work *w, struct cm_yaml *pod, size_t i)
{
    bool empty = cm_yaml_is_empty(pod->items[i]);
    cm_take_out(w, pod, i);
    keep_comments(w, pod, i);
    cm_launcher_row(w, pod->keys[i], setting_name(w, "command"), NULL, empty ? CM_DROP : CM_ASK,
                    "Connect decides the command of the content's container");
    if (!empty)
        cm_launcher_finding(w, pod->keys[i], "warning", "values.command",
                            "templateValues.pod.command has no equivalent; it is left out",
                            "Put what it did into the content images, or an init container.");
}

static const char *const fields[] = {"labels",
                                     "annotations",
                                     "nodeSelector",
                                     "tolerations",
                                     "affinity",
                                     "serviceAccountName",
                                     "imagePullSecrets",
                                     "priorityClassName",
                                     "hostAliases",
                                     "volumes",
                                     "initContainers",
                                     "enableServiceLinks",
                                     "env",
                                     "resources",
                                     "imagePullPolicy",
                                     "volumeMounts",
                                     "extraContainers",
                                     "securityContext",
                                     "defaultSecurityContext",
                                     "containerSecurityContext",
                                     "command",
                                     NULL};

static void tell_unknown(struct cm_launcher_work *w, struct cm_yaml *pod, size_t i)
{
    cm_launcher_row_below(w, pod->keys[i], POD, NULL, pod->keys[i]->text, CM_ASK,
                          "not a field that the chart's templates know; it stays and does nothing");
    cm_autofree char *seen = cm_fmt("%s.%s is no field of the chart's job template", POD, pod->keys[i]->text);
    const char *near = cm_nearest(pod->keys[i]->text, fields);
    cm_launcher_finding(w, pod->keys[i], "warning", "values.unknown-field", seen,
                        near ? cm_arena_fmt(w->arena, "Did you mean %s? Correct it and convert again.", near)
                             : "Look for a typing error; the job base takes any field of a Kubernetes pod.");
}

/* The parts of the job base come in the order of the guide's example: metadata, the pod's fields, other containers, the content's. */
static bool belongs_to(const char *key, enum place pass, bool *known)
{
    static const struct {
        const char *key;
        enum place place;
    } others[] = {
        {"securityContext", IN_SPEC},
        {"defaultSecurityContext", IN_SPEC},
        {"containerSecurityContext", IN_CONTENT},
        {"command", IN_CONTENT},
    };
    enum place place = IN_CONTENT;
    *known = place_of(key, &place);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(key, others[i].key) == 0) {
            place = others[i].place;
            *known = true;
        }
    return (*known ? place : IN_CONTENT) == pass;
}

static void map_field(struct cm_launcher_work *w, struct cm_yaml *pod, size_t i, enum place place, bool *contexts)
{
    const char *key = pod->keys[i]->text;
    if (strcmp(key, "command") == 0) {
        drop_command(w, pod, i);
    } else if (strcmp(key, "securityContext") == 0 || strcmp(key, "defaultSecurityContext") == 0) {
        if (!*contexts)
            move_contexts(w, pod);
        *contexts = true;
    } else if (strcmp(key, "containerSecurityContext") == 0) {
        move_container_context(w, pod, i);
    } else if (strcmp(key, "serviceAccountName") == 0 && w->account_moved) {
        cm_take_out(w, pod, i);
        cm_launcher_row(w, pod->keys[i], setting_name(w, key), NULL, CM_DROP,
                        "config.Launcher.KubernetesDefaultServiceAccount had precedence, and still has");
    } else {
        move_field(w, pod, i, place);
    }
}

int cm_launcher_pod(struct cm_launcher_work *w, struct cm_yaml *pod)
{
    static const enum place order[] = {IN_META, IN_SPEC, IN_CONTAINERS, IN_CONTENT};
    bool contexts = false, known;
    for (size_t pass = 0; pass < sizeof order / sizeof *order; pass++)
        for (size_t i = 0; i < pod->count; i++) {
            if (!belongs_to(pod->keys[i]->text, order[pass], &known))
                continue;
            if (known)
                map_field(w, pod, i, order[pass], &contexts);
            else
                tell_unknown(w, pod, i);
        }
    return 0;
}
