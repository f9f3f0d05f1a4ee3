/* values/launcher_profiles.c: launcherKubernetesProfilesConf to the job base, as far as it can be said there: the overrides of "*", by
 * their JSON pointers (RFC 6901; "-" appends) into the Job, whose first container is the content's. Per-user and per-group profiles,
 * and limits, have no equivalent there: they stay and are told. Source: the chart's docs/customize.md and templates/_profiles.tpl. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

/* The next step of a pointer, decoded (~1 is '/', ~0 is '~'); caller frees; *pointer moves on. */
static char *next_token(const char **pointer)
{
    const char *p = *pointer + 1;
    size_t n = strcspn(p, "/");
    char *token = cm_strndup(p, n), *to = token;
    for (const char *from = token; *from; from++, to++) {
        bool escaped = from[0] == '~' && (from[1] == '0' || from[1] == '1');
        *to = escaped ? (from[1] == '0' ? '~' : '/') : *from;
        from += escaped;
    }
    *to = '\0';
    *pointer = p + n;
    return token;
}

static bool is_index(const char *token) { return *token && token[strspn(token, "0123456789")] == '\0'; }

/* Can the pointer be followed into our base? A number is an index into a list that the Launcher had entries of its own in, but for the
 * first container, which is the content's; "-" stands at the end. */
static bool can_follow(const char *pointer)
{
    cm_autofree char *before = NULL;
    size_t steps = 0;
    for (; *pointer == '/'; steps++) {
        cm_autofree char *token = next_token(&pointer);
        bool containers = before && strcmp(before, "containers") == 0;
        bool index = is_index(token) && !(containers && strcmp(token, "0") == 0);
        if (index || (strcmp(token, "-") == 0 && (*pointer || !before)) || (containers && strcmp(token, "0") == 0 && !*pointer))
            return false;
        free(before);
        before = cm_strdup(token);
    }
    return steps > 0 && !*pointer && strcmp(before, "containers") != 0;
}

/* Put a value at the rest of a pointer in a copy of what is there; NULL: the pointer does not lead anywhere. New reference. */
static json_t *put_at(const json_t *there, const char *pointer, const json_t *value)
{
    if (!*pointer)
        return json_deep_copy(value);
    const char *rest = pointer;
    cm_autofree char *token = next_token(&rest);
    bool append = strcmp(token, "-") == 0, list = append || (is_index(token) && json_is_array(there));
    if (there && !(list ? json_is_array(there) : json_is_object(there)))
        return NULL;
    cm_autojson copy = there ? json_deep_copy(there) : list ? json_array() : json_object();
    size_t at = list && !append ? (size_t)strtoull(token, NULL, 10) : 0;
    const json_t *below = append ? NULL : list ? json_array_get(copy, at) : json_object_get(copy, token);
    json_t *made = put_at(below, rest, value);
    if (!made || (list && !append && at >= json_array_size(copy))) {
        json_decref(made);
        return NULL;
    }
    if (append)
        json_array_append_new(copy, made);
    else if (list)
        json_array_set_new(copy, at, made);
    else
        json_object_set_new(copy, token, made);
    return json_incref(copy);
}

static bool is_structure(const char *token)
{
    return !strcmp(token, "metadata") || !strcmp(token, "spec") || !strcmp(token, "template");
}

/* Follow the pointer through the maps that we make; from where they end, values are put together anew. */
static bool put(struct cm_launcher_work *w, struct cm_piece *in, const char *pointer, const json_t *value)
{
    const char *rest = pointer;
    cm_autofree char *token = next_token(&rest);
    if (strcmp(token, "containers") == 0 && strncmp(rest, "/0/", 3) == 0)
        return put(w, cm_piece_content(w, in), rest + 2, value);
    struct cm_piece *kid = NULL;
    for (size_t i = 0; i < in->count; i++)
        if (in->kids[i]->key && strcmp(in->kids[i]->key, token) == 0)
            kid = in->kids[i];
    if (!kid && *rest && is_structure(token))
        kid = cm_piece_map(w, in, token);
    if (kid && kid->kind == CM_PIECE_MAP && *rest)
        return put(w, kid, rest, value);
    struct cm_piece *list = strcmp(rest, "/-") == 0 ? cm_piece_open_list(w, in, token) : NULL;
    if (list) {
        cm_piece_value(w, list, NULL, json_deep_copy(value));
        return true;
    }
    cm_autojson there = kid ? cm_piece_json(w, kid) : NULL;
    json_t *made = put_at(there, rest, value);
    if (!made)
        return false;
    cm_piece_value(w, in, token, made);
    return true;
}

static bool apply_override(struct cm_launcher_work *w, struct cm_yaml *one, const char *setting)
{
    const struct cm_yaml *target = cm_yaml_get(one, "target"), *json = cm_yaml_get(one, "json");
    if (!target || target->type != CM_YAML_SCALAR || !can_follow(target->text) || !json)
        return false;
    cm_autojson value = cm_yaml_json(w->doc, json);
    if (!put(w, cm_launcher_job(w), target->text, value))
        return false;
    cm_launcher_row(w, one, cm_arena_fmt(w->arena, "%s %s", setting, target->text),
                    cm_arena_fmt(w->arena, "backends.kubernetes.defaultResourceJobBase%s", target->text), CM_CHANGE,
                    "applied by its JSON pointer");
    return true;
}

static void take_overrides(struct cm_launcher_work *w, struct cm_yaml *profile, size_t i)
{
    struct cm_yaml *list = profile->items[i];
    const char *setting = "launcher.launcherKubernetesProfilesConf.*.job-json-overrides";
    bool all = list->type == CM_YAML_LIST;
    for (size_t k = 0; list->type == CM_YAML_LIST && k < list->count; k++) {
        if (apply_override(w, list->items[k], setting))
            continue;
        all = false;
        cm_launcher_row(w, list->items[k], setting, NULL, CM_ASK, "its target cannot be followed into the job base");
        cm_launcher_finding(w, list->items[k], "warning", "values.override",
                            "a job-json-override of \"*\" cannot be converted by itself",
                            "Write what it did into backends.kubernetes.defaultResourceJobBase.");
    }
    if (all) {
        cm_take_out(w, profile, i);
        cm_comments_move(w, profile->keys[i]->begin, profile->keys[i]->begin);
    }
}

static void take_profile(struct cm_launcher_work *w, const struct cm_yaml *name, struct cm_yaml *profile)
{
    bool everybody = strcmp(name->text, "*") == 0;
    for (size_t i = 0; profile->type == CM_YAML_MAP && i < profile->count; i++) {
        const struct cm_yaml *key = profile->keys[i];
        if (everybody && strcmp(key->text, "job-json-overrides") == 0) {
            take_overrides(w, profile, i);
            continue;
        }
        const char *setting = cm_arena_fmt(w->arena, "launcher.launcherKubernetesProfilesConf.%s.%s", name->text, key->text);
        bool nodes = strcmp(key->text, "placement-constraints") == 0;
        cm_launcher_row(w, key, setting, NULL, CM_ASK,
                        !everybody ? "the direct runner has no profiles for users or groups"
                        : nodes    ? "the direct runner has no profiles; nodes for all content are chosen in the job base"
                                   : "the direct runner has no profiles; limits and requests for all are settings of config.Scheduler");
        cm_launcher_finding(
            w, key, "warning", "values.profile", cm_arena_fmt(w->arena, "%s has no equivalent; it stays and does nothing", setting),
            !everybody ? "Give the content itself its own limits and service account in Connect."
            : nodes    ? "Write it as spec.template.spec.nodeSelector (or affinity) of backends.kubernetes.defaultResourceJobBase."
                       : "Use config.Scheduler (CPURequest, CPULimit, MaxCPULimit; the same for Memory) or defaultResourceJobBase.");
    }
}

int cm_launcher_profiles(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    struct cm_yaml *conf = launcher->items[i];
    if (cm_yaml_is_empty(conf)) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, launcher->keys[i], "launcher.launcherKubernetesProfilesConf", NULL, CM_DROP, "empty");
        return 0;
    }
    for (size_t k = 0; conf->type == CM_YAML_MAP && k < conf->count; k++)
        take_profile(w, conf->keys[k], conf->items[k]);
    return 0;
}
