/* values/launcher_flow.c: maps and lists of the user's file that are written in flow style ({…}, […]). They have no lines of their own to
 * move, so what stays of them is written again: scalars as the user wrote them (0644 and 1.10 stay that), comments between them go.
 * Does not: touch what is in block style. */
#include <config.h>

#include <string.h>

#include "values/index.h"
#include "values/launcher_work.h"
#include "values/quote.h"

/* ---- as lines in block style ---- */

static void add_scalar(struct cm_launcher_work *w, struct cm_str *out, const struct cm_yaml *n)
{
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    bool one_line = n->type == CM_YAML_SCALAR && n->end > n->begin && !memchr(s + n->begin, '\n', n->end - n->begin);
    if (one_line && !cm_yaml_anchor(n)) {
        cm_str_add_bytes(out, s + n->begin, n->end - n->begin);
        return;
    }
    cm_autojson value = cm_yaml_json(w->doc, n);
    struct cm_str text = CM_STR(CM_STR_BIG);
    if (json_is_string(value)) {
        cm_autofree char *quoted = cm_yaml_quote(json_string_value(value));
        cm_str_add(out, quoted);
    } else {
        cm_yaml_add_value(&text, value, 0); /* " null\n", " {}\n" */
        cm_str_add_bytes(out, cm_str_text(&text) + 1, text.len - 2);
    }
    cm_str_fini(&text);
}

/* "? key" and keys of several lines or of nothing become a quoted key on one line. */
static void add_key(struct cm_launcher_work *w, struct cm_str *out, const struct cm_yaml *key)
{
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    if (key->end > key->begin && !memchr(s + key->begin, '\n', key->end - key->begin)) {
        add_scalar(w, out, key);
        return;
    }
    cm_autofree char *quoted = cm_yaml_quote(key->text);
    cm_str_add(out, quoted);
}

static bool opens(const struct cm_yaml *n) { return (n->type == CM_YAML_MAP || n->type == CM_YAML_LIST) && n->count; }

/* What is written again is written in full. */
static const struct cm_yaml *in_full(const struct cm_yaml *n) { return n->type == CM_YAML_ALIAS ? n->target : n; }

static void add_pairs(struct cm_launcher_work *w, struct cm_str *out, const struct cm_yaml *map, long indent, bool first_inline)
{
    for (size_t i = 0; i < map->count; i++) {
        cm_str_addf(out, "%*s", i == 0 && first_inline ? 0 : (int)indent, "");
        if (map->keys[i]->plain && !map->keys[i]->text_bytes)
            cm_str_add(out, "null"); /* what "{? : x}" says */
        else
            add_key(w, out, map->keys[i]);
        cm_str_add(out, ":");
        cm_flow_write(w, map->items[i], indent + cm_launcher_step(w), out);
    }
}

void cm_flow_write(struct cm_launcher_work *w, const struct cm_yaml *node, long indent, struct cm_str *out)
{
    const struct cm_yaml *n = in_full(node);
    if (!opens(n)) {
        cm_str_add(out, " ");
        add_scalar(w, out, n);
        cm_str_add(out, "\n");
        return;
    }
    cm_str_add(out, "\n");
    if (n->type == CM_YAML_MAP)
        add_pairs(w, out, n, indent, false);
    for (size_t i = 0; n->type == CM_YAML_LIST && i < n->count; i++)
        cm_flow_write_item(w, n->items[i], indent, out);
}

void cm_flow_write_item(struct cm_launcher_work *w, const struct cm_yaml *node, long indent, struct cm_str *out)
{
    const struct cm_yaml *item = in_full(node);
    cm_str_addf(out, "%*s- ", (int)indent, "");
    if (opens(item) && item->type == CM_YAML_MAP) {
        add_pairs(w, out, item, indent + 2, true);
    } else if (opens(item)) { /* a list in a list: flow style again */
        cm_autojson value = cm_yaml_json(w->doc, item);
        cm_yaml_add_flow(out, value);
        cm_str_add(out, "\n");
    } else {
        add_scalar(w, out, item);
        cm_str_add(out, "\n");
    }
}

/* ---- what stays of a map, in flow style ---- */

static void add_source(struct cm_launcher_work *w, struct cm_str *out, const struct cm_yaml *n)
{
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    cm_str_add_bytes(out, s + n->begin, n->end - n->begin);
}

void cm_flow_pruned(struct cm_launcher_work *w, const struct cm_yaml *map, const char *name, const char *value, struct cm_str *out)
{
    bool said = name == NULL;
    size_t n = 0;
    cm_str_add(out, "{");
    for (size_t i = 0; i < map->count; i++) {
        const struct cm_yaml *key = map->keys[i], *item = map->items[i];
        bool ours = name && strcmp(key->text, name) == 0;
        if (!ours && cm_goes(w, map, i))
            continue;
        cm_str_add(out, n++ ? ", " : "");
        if (key->text == w->renamed)
            cm_str_add(out, "Kubernetes");
        else
            add_key(w, out, key);
        cm_str_add(out, ": ");
        if (ours)
            cm_str_add(out, value);
        else if (item->type == CM_YAML_MAP && cm_something_gone(w, item))
            cm_flow_pruned(w, item, NULL, NULL, out);
        else
            add_source(w, out, item);
        said |= ours;
    }
    if (!said)
        cm_str_addf(out, "%s%s: %s", n ? ", " : "", name, value);
    cm_str_add(out, "}");
}

/* ---- ours put together with a user's map or list ---- */

static void conflict(struct cm_launcher_work *w, const struct cm_piece *ours, const struct cm_yaml *theirs, const char *path)
{
    cm_autojson a = cm_piece_json(w, ours);
    cm_autojson b = cm_yaml_json(w->doc, theirs);
    if (!json_equal(a, b))
        cm_place_conflict(w, theirs, path);
}

static void join_pair(struct cm_launcher_work *w, struct cm_piece *in, struct cm_piece *ours, const struct cm_yaml *map, size_t i,
                      const char *path)
{
    const struct cm_yaml *theirs = map->items[i];
    if (!cm_yaml_is_empty(theirs))
        cm_piece_open(w, ours);
    bool maps = ours->kind == CM_PIECE_MAP && theirs->type == CM_YAML_MAP;
    bool lists = ours->kind == CM_PIECE_LIST && theirs->type == CM_YAML_LIST;
    if ((maps || lists) && theirs->count) {
        cm_flow_join(w, in, ours, theirs, path);
    } else if (ours->wins || cm_yaml_is_empty(theirs)) {
        cm_piece_adopt(w, in, ours);
    } else {
        conflict(w, ours, theirs, path);
        cm_piece_pair(w, in, map->keys[i]->text, map, i);
    }
}

static const char *name_of_item(const struct cm_yaml *item)
{
    const struct cm_yaml *n = cm_yaml_get(item, "name");
    return n && n->type == CM_YAML_SCALAR ? n->text : NULL;
}

/* Of ours that have a name of their own: the last of each. */
static void index_ours(struct cm_index *names, const struct cm_piece *ours)
{
    for (size_t k = 0; k < ours->count; k++) {
        const struct cm_piece *said = ours->kids[k]->kind == CM_PIECE_MAP ? cm_piece_kid(ours->kids[k], "name") : NULL;
        if (said && json_is_string(said->value))
            cm_index_put(names, json_string_value(said->value), k);
    }
}

static void join_lists(struct cm_launcher_work *w, struct cm_piece *both, struct cm_piece *ours, const struct cm_yaml *theirs,
                       const char *path)
{
    struct cm_index *mine = cm_index_new(), *there = cm_index_new();
    size_t at;
    index_ours(mine, ours);
    for (size_t i = 0; i < theirs->count; i++) {
        const char *name = name_of_item(theirs->items[i]);
        if (name)
            cm_index_put(there, name, i);
        if (name && cm_index_get(mine, name, &at))
            cm_flow_join(w, both, ours->kids[at], theirs->items[i], path);
        else
            cm_piece_item(w, both, theirs, i);
    }
    for (size_t k = 0; k < ours->count; k++) {
        cm_autojson value = cm_piece_json(w, ours->kids[k]);
        const char *name = json_string_value(json_object_get(value, "name"));
        if (!name || !cm_index_get(there, name, &at))
            cm_piece_adopt(w, both, ours->kids[k]);
        else if (ours->kids[k]->kind != CM_PIECE_MAP)
            cm_place_conflict(w, theirs, cm_arena_fmt(w->arena, "%s[name=%s]", path, name));
    }
    cm_index_free(mine);
    cm_index_free(there);
}

struct cm_piece *cm_flow_join(struct cm_launcher_work *w, struct cm_piece *in, struct cm_piece *ours, const struct cm_yaml *theirs,
                              const char *path)
{
    struct cm_piece *both = cm_arena_alloc(w->pieces, sizeof *both);
    *both = (struct cm_piece){.kind = ours->kind, .key = ours->key, .comment = ours->comment, .behind = ours->behind};
    cm_piece_adopt(w, in, both);
    if (ours->kind == CM_PIECE_LIST) {
        join_lists(w, both, ours, theirs, path);
        return both;
    }
    for (size_t i = 0; i < theirs->count; i++) {
        const char *key = theirs->keys[i]->text;
        struct cm_piece *mine = cm_piece_kid(ours, key);
        if (mine)
            join_pair(w, both, mine, theirs, i, cm_arena_fmt(w->arena, "%s.%s", path, key));
        else
            cm_piece_pair(w, both, key, theirs, i);
    }
    for (size_t k = 0; k < ours->count; k++)
        if (!cm_yaml_get(theirs, ours->kids[k]->key))
            cm_piece_adopt(w, both, ours->kids[k]);
    return both;
}
