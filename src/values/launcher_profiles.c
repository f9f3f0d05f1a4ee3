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

static bool is_append(const char *token) { return strcmp(token, "-") == 0; }

/* Does the rest of a pointer lead somewhere from here? there NULL: nothing yet, which will be made. */
static bool can_put(const json_t *there, const char *pointer)
{
    if (!there || !*pointer)
        return true;
    cm_autofree char *token = next_token(&pointer);
    if (is_append(token))
        return json_is_array(there);
    if (json_is_array(there)) {
        size_t at = is_index(token) ? (size_t)strtoull(token, NULL, 10) : json_array_size(there);
        return at < json_array_size(there) && can_put(json_array_get(there, at), pointer);
    }
    return json_is_object(there) && can_put(json_object_get(there, token), pointer);
}

static json_t *made_for(const char *rest) { return strcmp(rest, "/-") == 0 ? json_array() : json_object(); }

static void put_at(json_t *there, const char *pointer, const json_t *value)
{
    cm_autofree char *token = next_token(&pointer);
    json_t *below;
    if (is_append(token)) {
        json_array_append_new(there, json_deep_copy(value));
    } else if (json_is_array(there)) {
        size_t at = (size_t)strtoull(token, NULL, 10);
        if (*pointer)
            put_at(json_array_get(there, at), pointer, value);
        else
            json_array_set_new(there, at, json_deep_copy(value));
    } else if (*pointer) {
        if (!(below = json_object_get(there, token)))
            json_object_set_new(there, token, below = made_for(pointer));
        put_at(below, pointer, value);
    } else {
        json_object_set_new(there, token, json_deep_copy(value));
    }
}

static bool is_structure(const char *token)
{
    return !strcmp(token, "metadata") || !strcmp(token, "spec") || !strcmp(token, "template");
}

/* A value of ours, made from what is there (ours, or a user's lines) with something put into it. */
static bool put_value(struct cm_launcher_work *w, struct cm_piece *in, const char *token, const char *rest, const json_t *value)
{
    struct cm_piece *kid = cm_piece_kid(in, token);
    bool ours = kid && kid->kind == CM_PIECE_VALUE && !kid->node;
    json_t *there = ours ? json_incref(kid->value) : kid ? cm_piece_json(w, kid) : NULL;
    if (!can_put(there, rest)) {
        json_decref(there);
        return false;
    }
    if (!*rest) {
        json_decref(there);
        there = json_deep_copy(value);
    } else {
        there = there ? there : made_for(rest);
        put_at(there, rest, value);
    }
    if (ours && *rest)
        json_decref(there); /* put into where it is */
    else
        cm_piece_value(w, in, token, there);
    return true;
}

/* Follow the pointer through the maps that we make and those that moved; from where they end, values are put together anew. */
static bool put(struct cm_launcher_work *w, struct cm_piece *in, const char *pointer, const json_t *value)
{
    const char *rest = pointer;
    cm_autofree char *token = next_token(&rest);
    if (strcmp(token, "containers") == 0 && strncmp(rest, "/0/", 3) == 0)
        return put(w, cm_piece_content(w, in), rest + 2, value);
    struct cm_piece *kid = cm_piece_kid(in, token);
    if (!kid && *rest && is_structure(token))
        kid = cm_piece_map(w, in, token);
    if (kid && *rest && kid->node && kid->node->type == CM_YAML_MAP)
        cm_piece_open(w, kid);
    if (kid && kid->kind == CM_PIECE_MAP && *rest)
        return put(w, kid, rest, value);
    struct cm_piece *list = strcmp(rest, "/-") == 0 ? cm_piece_open_list(w, in, token) : NULL;
    if (list) {
        cm_piece_value(w, list, NULL, json_deep_copy(value));
        return true;
    }
    return put_value(w, in, token, rest, value);
}

/* What is said of overrides of one target: the same texts, however many there are. */
struct said {
    const char *pointer, *setting, *target;
};

static bool apply_override(struct cm_launcher_work *w, struct cm_yaml *one, const char *setting, struct said *said)
{
    const struct cm_yaml *target = cm_yaml_get(one, "target"), *json = cm_yaml_get(one, "json");
    if (!target || target->type != CM_YAML_SCALAR || !can_follow(target->text) || !json)
        return false;
    cm_autojson value = cm_yaml_json(w->doc, json);
    if (!put(w, cm_launcher_job(w), target->text, value))
        return false;
    if (!said->pointer || strcmp(said->pointer, target->text) != 0)
        *said = (struct said){.pointer = target->text,
                              .setting = cm_arena_fmt(w->arena, "%s %s", setting, target->text),
                              .target = cm_arena_fmt(w->arena, "backends.kubernetes.defaultResourceJobBase%s", target->text)};
    cm_launcher_row(w, one, said->setting, said->target, CM_CHANGE, "applied by its JSON pointer");
    return true;
}

static void take_overrides(struct cm_launcher_work *w, struct cm_yaml *profile, size_t i)
{
    struct cm_yaml *list = profile->items[i];
    const char *setting = "launcher.launcherKubernetesProfilesConf.*.job-json-overrides";
    struct said said = {0};
    bool all = list->type == CM_YAML_LIST;
    for (size_t k = 0; list->type == CM_YAML_LIST && k < list->count; k++) {
        if (apply_override(w, list->items[k], setting, &said))
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
