/* values/launcher_safe.c: can these values be moved as they stand? What we look into must be in plain sight: no anchor, alias, tag or merge
 * key. What moves whole may hold aliases and anchors, as long as their names are unique in the file: they then mean the same in another
 * place (one that comes too early is no YAML, and the proof refuses it). Does not: change anything. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

static int refuse(struct cm_launcher_work *w, const struct cm_yaml *at, const char *what)
{
    cm_fail(w->err, CM_E_USAGE, "%s:%u:%u: %s cannot be edited safely", w->wish->name, at->line, at->column, what);
    cm_hint(w->err, "Write this part in block style and in full, then start again. Nothing was changed.");
    return -1;
}

/* Does an explicit key's question mark stand before it? */
static bool is_explicit(const struct cm_launcher_work *w, const struct cm_yaml *key)
{
    size_t bytes, i = key->begin;
    const char *s = cm_yaml_source(w->doc, &bytes);
    while (i > 0 && (s[i - 1] == ' ' || s[i - 1] == '\n'))
        i--;
    return (i > 0 && s[i - 1] == '?') || (key->begin < bytes && s[key->begin] == '?');
}

/* A key of nothing that no colon follows: "?" alone on its line; what comes next seems to be where it is. */
static bool is_nowhere(const struct cm_launcher_work *w, const struct cm_yaml *key)
{
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    return key->begin == key->end && (key->begin == bytes || s[key->begin] != ':');
}

/* `{&a : 1}`, `{? , b: 1}`: where such a key begins and ends is not told. */
static int check_keys_of_nothing(struct cm_launcher_work *w, const struct cm_yaml *n)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct cm_yaml *key = n->keys ? n->keys[i] : NULL;
        bool nothing = key && key->type == CM_YAML_SCALAR && !key->text_bytes;
        if (nothing && (n->flow ? cm_yaml_anchor(key) || cm_yaml_tag(key) || is_explicit(w, key) : is_nowhere(w, key)))
            return refuse(w, key, "a key that is nothing but an anchor, a tag or a question mark");
        if ((key && check_keys_of_nothing(w, key) != 0) || check_keys_of_nothing(w, n->items[i]) != 0)
            return -1;
    }
    return 0;
}

static void count_anchors(const struct cm_yaml *n, json_t *counts)
{
    const char *anchor = cm_yaml_anchor(n);
    if (anchor)
        json_object_set_new(counts, anchor, json_integer(json_integer_value(json_object_get(counts, anchor)) + 1));
    for (size_t i = 0; i < n->count; i++) {
        if (n->keys)
            count_anchors(n->keys[i], counts);
        count_anchors(n->items[i], counts);
    }
}

/* Does this name stand for one value in the whole file? */
static bool is_unique(struct cm_launcher_work *w, const char *name)
{
    if (!w->anchors) {
        w->anchors = cm_arena_json(w->arena, json_object());
        count_anchors(cm_yaml_root(w->doc), w->anchors);
    }
    return json_integer_value(json_object_get(w->anchors, name)) <= 1;
}

/* "? key" without a value: elsewhere its place would say something else. */
static bool lacks_its_value(const struct cm_yaml *key, const struct cm_yaml *value)
{
    return value->type == CM_YAML_SCALAR && value->begin == value->end && value->begin == key->end;
}

/* It moves whole. What keeps the blank lines behind it says something else where others, or none, stand there. */
static int check_movable(struct cm_launcher_work *w, const struct cm_yaml *n)
{
    if (cm_edit_keeps_breaks(w->doc, n))
        return refuse(w, n, "a text that keeps the blank lines behind it (|+)");
    const char *name = n->type == CM_YAML_ALIAS ? n->text : cm_yaml_anchor(n);
    if (name && !is_unique(w, name))
        return refuse(w, n, "an alias or anchor whose name stands for more than one value");
    if (cm_yaml_tag(n) && n->type != CM_YAML_SCALAR)
        return refuse(w, n, "a map or list with a tag");
    for (size_t i = 0; n->keys && !n->flow && i < n->count; i++)
        if (lacks_its_value(n->keys[i], n->items[i]))
            return refuse(w, n->keys[i], "a key behind a question mark that has no value");
    for (size_t i = 0; i < n->count; i++)
        if ((n->keys && check_movable(w, n->keys[i]) != 0) || check_movable(w, n->items[i]) != 0)
            return -1;
    return 0;
}

static bool one_of(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(key, *keys) == 0)
            return true;
    return false;
}

/* It moves, and we look into it. */
static int check_looked_at(struct cm_launcher_work *w, const struct cm_yaml *n)
{
    return cm_edit_safe(w->doc, n, w->err) != 0 ? -1 : check_movable(w, n);
}

/* A map that we look into: its own fields may move whole, but for those whose value we read (looked_at). */
static int check_fields(struct cm_launcher_work *w, const struct cm_yaml *map, const char *const *looked_at)
{
    if (map->type != CM_YAML_MAP || cm_yaml_anchor(map) || cm_yaml_tag(map))
        return cm_edit_safe(w->doc, map, w->err);
    if (cm_edit_keys(w->doc, map, w->err) != 0)
        return -1;
    for (size_t i = 0; i < map->count; i++) {
        const struct cm_yaml *key = map->keys[i], *value = map->items[i];
        bool merge = strcmp(key->text, "<<") == 0;
        if (merge)
            return refuse(w, key, "a merge key (<<)");
        if (cm_edit_safe(w->doc, key, w->err) != 0)
            return -1;
        if ((one_of(key->text, looked_at) ? check_looked_at(w, value) : check_movable(w, value)) != 0)
            return -1;
    }
    return 0;
}

static int check_template_values(struct cm_launcher_work *w, const struct cm_yaml *values)
{
    static const char *const in_pod[] = {"securityContext",
                                         "defaultSecurityContext",
                                         "containerSecurityContext",
                                         "extraContainers",
                                         "serviceAccountName",
                                         "command",
                                         NULL};
    static const char *const none[] = {NULL};
    if (values->type != CM_YAML_MAP || cm_yaml_anchor(values) || cm_yaml_tag(values))
        return cm_edit_safe(w->doc, values, w->err);
    if (cm_edit_keys(w->doc, values, w->err) != 0)
        return -1;
    for (size_t i = 0; i < values->count; i++) {
        if (strcmp(values->keys[i]->text, "<<") == 0)
            return refuse(w, values->keys[i], "a merge key (<<)");
        if (check_fields(w, values->items[i], strcmp(values->keys[i]->text, "pod") == 0 ? in_pod : none) != 0)
            return -1;
    }
    return 0;
}

static int check_launcher(struct cm_launcher_work *w, const struct cm_yaml *launcher)
{
    static const char *const moved[] = {"defaultInitContainer", "contentInitContainer", NULL}, *const none[] = {NULL};
    if (cm_yaml_anchor(launcher) || cm_yaml_tag(launcher))
        return cm_edit_safe(w->doc, launcher, w->err);
    if (cm_edit_keys(w->doc, launcher, w->err) != 0)
        return -1;
    for (size_t i = 0; i < launcher->count; i++) {
        const char *key = launcher->keys[i]->text;
        const struct cm_yaml *value = launcher->items[i];
        bool is_read = strcmp(key, "customRuntimeYaml") == 0 && value->type == CM_YAML_SCALAR; /* and what it says is written anew */
        int rc = strcmp(key, "templateValues") == 0 ? check_template_values(w, value)
                 : one_of(key, moved)               ? check_fields(w, value, none)
                 : is_read                          ? cm_edit_safe(w->doc, value, w->err)
                                                    : check_looked_at(w, value);
        if (rc != 0 || cm_edit_safe(w->doc, launcher->keys[i], w->err) != 0)
            return -1;
    }
    return 0;
}

/* true or false on one line, or nothing; it is going to be replaced. */
static int check_switch(struct cm_launcher_work *w, const struct cm_yaml *map)
{
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    const struct cm_yaml *n = map ? cm_yaml_get(map, "enabled") : NULL;
    if (!n || (n->type == CM_YAML_SCALAR && !memchr(s + n->begin, '\n', n->end - n->begin)))
        return 0;
    cm_fail(w->err, CM_E_USAGE, "%s:%u:%u: expected true or false", w->wish->name, n->line, n->column);
    cm_hint(w->err, "Mend the values file, then start again. Nothing was changed.");
    return -1;
}

int cm_launcher_safe(struct cm_launcher_work *w, const struct cm_yaml *launcher, const struct cm_yaml *settings)
{
    const struct cm_yaml *backends = cm_yaml_get(w->root, "backends");
    if (w->root->flow)
        return refuse(w, w->root, "a file whose values are all in flow style");
    if (check_keys_of_nothing(w, cm_yaml_root(w->doc)) != 0 || cm_edit_unshared(w->doc, w->root, w->err) != 0)
        return -1;
    if (cm_edit_keys(w->doc, w->root, w->err) != 0 || (settings && cm_edit_keys(w->doc, settings->parent, w->err) != 0))
        return -1;
    if ((launcher && check_launcher(w, launcher) != 0) || (settings && check_looked_at(w, settings) != 0))
        return -1;
    if (backends && cm_edit_safe(w->doc, backends, w->err) != 0)
        return -1;
    return check_switch(w, launcher) != 0 ? -1 : check_switch(w, backends ? cm_yaml_get(backends, "kubernetes") : NULL);
}
