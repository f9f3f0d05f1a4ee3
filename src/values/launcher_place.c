/* values/launcher_place.c: puts pieces into the user's file and takes pairs out, as byte edits, and does the same to the value that the
 * proof expects. What stands in the file already wins over what is put there, and is said. Does not: know the Launcher. */
#include <config.h>

#include <string.h>

#include "values/index.h"
#include "values/launcher_work.h"
#include "values/quote.h"

/* ---- in ---- */

static int append_to(struct cm_launcher_work *w, const struct cm_piece *p, const struct cm_yaml *collection)
{
    size_t at, bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    if (cm_edit_end(w->doc, collection, &at, w->err) != 0)
        return -1;
    bool map = collection->type == CM_YAML_MAP; /* of a list the last item's dash is on its line, as cm_edit_end has seen */
    const struct cm_yaml *beside = map ? collection->keys[0] : collection->items[collection->count - 1];
    size_t line = cm_edit_line_begin(w->doc, beside->begin), indent = beside->begin - line;
    if (collection->type == CM_YAML_LIST)
        for (indent = 0; s[line + indent] == ' ';)
            indent++;
    struct cm_str lines = CM_STR(CM_STR_BIG);
    cm_piece_write(w, p, (long)indent, &lines);
    cm_edit_insert_lines(w->edits, at, (long)indent * 2 + (collection->type == CM_YAML_LIST), cm_str_text(&lines));
    cm_str_fini(&lines);
    return 0;
}

/* An empty or flow value gives way to lines below its key. */
static int rewrite_value(struct cm_launcher_work *w, const struct cm_piece *p, const struct cm_yaml *key,
                         const struct cm_yaml *value, const char *path)
{
    size_t line = cm_edit_line_begin(w->doc, key->begin), bytes, from = value->begin;
    const char *s = cm_yaml_source(w->doc, &bytes);
    long indent = (long)(key->begin - line);
    while (from > key->end && s[from - 1] == ' ')
        from--;
    cm_edit_replace(w->edits, from, value->end, value->end < bytes && s[value->end] == '#' ? " " : "");
    struct cm_str lines = CM_STR(CM_STR_BIG);
    if (value->count)
        cm_launcher_row(w, key, path, path, CM_CHANGE, "it was written in flow style and had to be written anew");
    long step = p->kind == CM_PIECE_MAP ? cm_launcher_step(w) : cm_launcher_lists_indented(w) ? 2 : 0;
    for (size_t i = 0; i < p->count; i++)
        cm_piece_write(w, p->kids[i], indent + step, &lines);
    cm_edit_insert_lines(w->edits, cm_edit_line_end(w->doc, value->end), indent * 2 + 1, cm_str_text(&lines));
    cm_str_fini(&lines);
    return 0;
}

static void index_names(struct cm_index *names, const struct cm_yaml *list)
{
    size_t at;
    for (size_t i = 0; i < list->count; i++) {
        const struct cm_yaml *n = cm_yaml_get(list->items[i], "name");
        if (n && n->type == CM_YAML_SCALAR && !cm_index_get(names, n->text, &at))
            cm_index_put(names, n->text, i);
    }
}

void cm_place_conflict(struct cm_launcher_work *w, const struct cm_yaml *there, const char *path)
{
    cm_launcher_finding(
        w, there, "warning", "values.conflict",
        cm_arena_fmt(w->arena, "%s is there already and says something else; it stays, the Launcher's is left out", path),
        "Compare both, and keep what you want.");
}

static int place_items(struct cm_launcher_work *w, struct cm_piece *p, struct cm_yaml *list, json_t *json, const char *path,
                       const struct cm_index *names)
{
    for (size_t i = 0; i < p->count; i++) {
        cm_autojson value = cm_piece_json(w, p->kids[i]);
        const char *name = json_string_value(json_object_get(value, "name"));
        size_t at;
        struct cm_yaml *there = name && cm_index_get(names, name, &at) ? list->items[at] : NULL;
        if (there && p->kids[i]->kind == CM_PIECE_MAP) {
            if (cm_place(w, p->kids[i], there, cm_edit_open_item(json, at, there), path) != 0)
                return -1;
        } else if (there) {
            cm_launcher_finding(
                w, there, "warning", "values.conflict",
                cm_arena_fmt(w->arena, "%s has an entry %s already; it stays, the Launcher's is left out", path, name),
                "Compare both, and keep what you want.");
        } else {
            if (append_to(w, p->kids[i], list) != 0)
                return -1;
            json_array_append_new(json, cm_piece_expected(w, p->kids[i]));
        }
    }
    return 0;
}

static int place_in_list(struct cm_launcher_work *w, struct cm_piece *p, struct cm_yaml *list, json_t *json, const char *path)
{
    struct cm_index *names = cm_index_new();
    index_names(names, list);
    int rc = place_items(w, p, list, json, path, names);
    cm_index_free(names);
    return rc;
}

/* What was written in flow style, with ours put in, is written anew. */
static int rewrite_flow(struct cm_launcher_work *w, struct cm_piece *p, const struct cm_yaml *map, size_t i, json_t *json,
                        const char *path)
{
    struct cm_piece in = {.kind = CM_PIECE_MAP};
    struct cm_piece *both = cm_flow_join(w, &in, p, map->items[i], path);
    json_object_set_new(json, p->key, cm_piece_expected(w, both));
    return rewrite_value(w, both, map->keys[i], map->items[i], path);
}

int cm_place_fits(struct cm_launcher_work *w, const struct cm_piece *p, const struct cm_yaml *there, const char *path)
{
    bool map = p->kind == CM_PIECE_MAP, list = p->kind == CM_PIECE_LIST;
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    if (!there || !(map || list))
        return 0;
    if (cm_yaml_is_empty(there) &&
        !memchr(s + there->begin, '\n', there->end - there->begin)) /* a block of text may be empty, too */
        return 0;
    if (there->type != (map ? CM_YAML_MAP : CM_YAML_LIST)) {
        cm_fail(w->err, CM_E_USAGE, "%s:%u:%u: %s: expected a %s", w->wish->name, there->line, there->column, path,
                map ? "map" : "list");
        cm_hint(w->err, "Mend the values file, then start again. Nothing was changed.");
        return -1;
    }
    if (map && cm_edit_keys(w->doc, there, w->err) != 0)
        return -1;
    for (size_t i = 0; map && i < p->count; i++) {
        const char *key = p->kids[i]->key;
        if (cm_place_fits(w, p->kids[i], cm_yaml_get(there, key), cm_arena_fmt(w->arena, "%s.%s", path, key)) != 0)
            return -1;
    }
    return 0;
}

static int place_on(struct cm_launcher_work *w, struct cm_piece *p, struct cm_yaml *map, size_t i, json_t *json, const char *path)
{
    struct cm_yaml *there = map->items[i];
    if (cm_edit_safe(w->doc, there, w->err) != 0)
        return -1;
    if (there->type != CM_YAML_SCALAR)
        cm_piece_open(w, p);
    bool both_maps = p->kind == CM_PIECE_MAP && there->type == CM_YAML_MAP;
    bool both_lists = p->kind == CM_PIECE_LIST && there->type == CM_YAML_LIST;
    if (cm_yaml_is_empty(there) && (p->kind == CM_PIECE_MAP || p->kind == CM_PIECE_LIST)) {
        json_object_set_new(json, p->key, cm_piece_expected(w, p));
        return rewrite_value(w, p, map->keys[i], there, path);
    }
    if ((both_maps || both_lists) && there->flow)
        return rewrite_flow(w, p, map, i, json, path);
    if (both_maps)
        return cm_place(w, p, there, cm_edit_open_key(json, p->key, there), path);
    if (both_lists)
        return place_in_list(w, p, there, cm_edit_open_key(json, p->key, there), path);
    cm_autojson ours = cm_piece_json(w, p);
    cm_autojson theirs = cm_yaml_json(w->doc, there);
    if (json_equal(theirs, ours))
        return 0;
    if (p->wins && there->type == CM_YAML_SCALAR) {
        cm_autofree char *text = json_dumps(ours, JSON_ENCODE_ANY);
        cm_edit_value(w->edits, there, text);
        json_object_set(json, p->key, ours);
        return 0;
    }
    cm_place_conflict(w, there, path);
    return 0;
}

int cm_place(struct cm_launcher_work *w, struct cm_piece *kids_of, struct cm_yaml *map, json_t *json, const char *path)
{
    for (size_t k = 0; k < kids_of->count; k++) {
        struct cm_piece *p = kids_of->kids[k];
        const char *here = cm_arena_fmt(w->arena, "%s%s%s", path, *path ? "." : "", p->key);
        size_t i = cm_yaml_index(map, p->key);
        if (i != SIZE_MAX) {
            if (place_on(w, p, map, i, json, here) != 0)
                return -1;
        } else {
            if (append_to(w, p, map) != 0)
                return -1;
            json_object_set_new(json, p->key, cm_piece_expected(w, p));
        }
    }
    return 0;
}

/* ---- out ---- */

void cm_take_out(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i)
{
    size_t bytes, at = map->keys[i]->begin;
    cm_yaml_source(w->doc, &bytes);
    if (!w->gone)
        w->gone = cm_alloc(bytes / 8 + 1);
    w->gone[at / 8] |= (unsigned char)(1u << at % 8);
}

bool cm_is_gone(const struct cm_launcher_work *w, const struct cm_yaml *key)
{
    return w->gone && ((unsigned)w->gone[key->begin / 8] >> key->begin % 8 & 1u);
}

bool cm_all_gone(const struct cm_launcher_work *w, const struct cm_yaml *map)
{
    for (size_t i = 0; i < map->count; i++)
        if (!cm_is_gone(w, map->keys[i]) &&
            !(map->items[i]->type == CM_YAML_MAP && map->items[i]->count && cm_all_gone(w, map->items[i])))
            return false;
    return true;
}

bool cm_something_gone(const struct cm_launcher_work *w, const struct cm_yaml *map)
{
    for (size_t i = 0; i < map->count; i++)
        if (cm_is_gone(w, map->keys[i]) || (map->items[i]->type == CM_YAML_MAP && cm_something_gone(w, map->items[i])))
            return true;
    return false;
}

bool cm_goes(const struct cm_launcher_work *w, const struct cm_yaml *map, size_t i)
{
    const struct cm_yaml *value = map->items[i];
    return cm_is_gone(w, map->keys[i]) || (value->type == CM_YAML_MAP && value->count && cm_all_gone(w, value));
}

json_t *cm_pruned(struct cm_launcher_work *w, const struct cm_yaml *map)
{
    json_t *stays = json_object();
    for (size_t i = 0; i < map->count; i++) {
        const struct cm_yaml *value = map->items[i];
        if (!cm_goes(w, map, i))
            json_object_set_new(stays, map->keys[i]->text,
                                value->type == CM_YAML_MAP && cm_something_gone(w, value) ? cm_pruned(w, value)
                                                                                          : cm_edit_placeholder(value));
    }
    return stays;
}

int cm_remove(struct cm_launcher_work *w, struct cm_yaml *map, json_t *in, const char *key)
{
    if (!cm_something_gone(w, map))
        return 0;
    if (map->flow) {
        json_t *stays = cm_pruned(w, map);
        cm_autostr rest = CM_STR(CM_STR_BIG);
        cm_flow_pruned(w, map, NULL, NULL, &rest);
        cm_edit_replace(w->edits, cm_yaml_body(map), map->end, cm_str_text(&rest));
        json_object_set_new(in, key, stays);
        return 0;
    }
    json_t *json = cm_edit_open_key(in, key, map);
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->keys[i]->text;
        struct cm_yaml *value = map->items[i];
        struct cm_extent at;
        if (!cm_goes(w, map, i)) {
            if (value->type == CM_YAML_MAP && cm_remove(w, value, json, name) != 0)
                return -1;
            continue;
        }
        if (cm_edit_pair(w->doc, map, i, &at, w->err) != 0)
            return -1;
        cm_edit_replace(w->edits, at.begin, at.end, cm_comments_left(w, map, i, &at));
        cm_edit_drop_key(json, name);
    }
    return 0;
}
