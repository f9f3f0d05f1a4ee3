/* values/launcher_piece.c: the tree of what is put into the file, as lines and as a value. Does not: know the Launcher. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"
#include "values/quote.h"

enum { MANY_KIDS = 16 };

static size_t slot_of(const struct cm_piece *in, const char *key)
{
    size_t h = 5381;
    while (*key)
        h = h * 33 + (unsigned char)*key++;
    return (h ^ h >> 15) % in->named_size;
}

/* Numbers are kept plus one, 0 is a free place. Of kids with one key the first is found. */
static void remember_name(struct cm_piece *in, size_t number)
{
    const char *key = in->kids[number]->key;
    if (!key)
        return;
    for (size_t i = slot_of(in, key);; i = (i + 1) % in->named_size) {
        if (in->named[i] && strcmp(in->kids[in->named[i] - 1]->key, key) == 0)
            return;
        if (!in->named[i]) {
            in->named[i] = (uint32_t)number + 1;
            return;
        }
    }
}

static void make_names(struct cm_launcher_work *w, struct cm_piece *in)
{
    in->named_size = in->cap * 2;
    in->named = cm_arena_alloc(w->pieces, in->named_size * sizeof *in->named);
    for (size_t i = 0; i < in->count; i++)
        remember_name(in, i);
}

void cm_piece_adopt(struct cm_launcher_work *w, struct cm_piece *in, struct cm_piece *p)
{
    if (in->count == in->cap) {
        struct cm_piece **more = cm_arena_alloc(w->pieces, (in->cap * 2 + 8) * sizeof *more);
        if (in->count)
            memcpy(more, in->kids, in->count * sizeof *more);
        in->kids = more;
        in->cap = in->cap * 2 + 8;
        if (in->cap > MANY_KIDS && p->key)
            make_names(w, in);
    }
    in->kids[in->count++] = p;
    if (in->named)
        remember_name(in, in->count - 1);
}

static struct cm_piece *add(struct cm_launcher_work *w, struct cm_piece *in, enum cm_piece_kind kind, const char *key)
{
    struct cm_piece *p = cm_arena_alloc(w->pieces, sizeof *p);
    *p = (struct cm_piece){.kind = kind, .key = cm_arena_strdup(w->pieces, key), .comment = w->pending};
    w->pending = NULL;
    cm_piece_adopt(w, in, p);
    return p;
}

struct cm_piece *cm_piece_kid(const struct cm_piece *in, const char *key)
{
    if (in->named) {
        for (size_t i = slot_of(in, key); in->named[i]; i = (i + 1) % in->named_size)
            if (strcmp(in->kids[in->named[i] - 1]->key, key) == 0)
                return in->kids[in->named[i] - 1];
        return NULL;
    }
    for (size_t i = 0; i < in->count; i++)
        if (in->kids[i]->key && strcmp(in->kids[i]->key, key) == 0)
            return in->kids[i];
    return NULL;
}

bool cm_piece_has(const struct cm_piece *in, const char *key) { return cm_piece_kid(in, key) != NULL; }

struct cm_piece *cm_piece_map(struct cm_launcher_work *w, struct cm_piece *in, const char *key)
{
    struct cm_piece *p = cm_piece_kid(in, key);
    if (p)
        return p;
    const char *pending = w->pending; /* a comment belongs to what was moved, not to the maps that we make above it */
    w->pending = NULL;
    p = add(w, in, CM_PIECE_MAP, key);
    w->pending = pending;
    return p;
}

struct cm_piece *cm_piece_list(struct cm_launcher_work *w, struct cm_piece *in, const char *key)
{
    struct cm_piece *p = cm_piece_kid(in, key);
    return p ? p : add(w, in, CM_PIECE_LIST, key);
}

struct cm_piece *cm_piece_path(struct cm_launcher_work *w, struct cm_piece *in, const char *dotted)
{
    while (*dotted) {
        size_t n = strcspn(dotted, ".");
        cm_autofree char *key = cm_strndup(dotted, n);
        in = cm_piece_map(w, in, key);
        dotted += n + (dotted[n] ? 1 : 0);
    }
    return in;
}

struct cm_piece *cm_piece_value(struct cm_launcher_work *w, struct cm_piece *in, const char *key, json_t *taken)
{
    struct cm_piece *p = key ? cm_piece_kid(in, key) : NULL;
    if (!p)
        p = add(w, in, CM_PIECE_VALUE, key);
    p->kind = CM_PIECE_VALUE;
    p->value = cm_arena_json(w->pieces, taken);
    p->node = NULL;
    p->texts = false;
    return p;
}

struct cm_piece *cm_piece_texts(struct cm_launcher_work *w, struct cm_piece *in, const char *key, const struct cm_yaml *node)
{
    struct cm_piece *p = add(w, in, CM_PIECE_VALUE, key);
    p->node = node;
    p->texts = true;
    return p;
}

/* What is in flow style has no lines of its own. A map or list is a value only when somebody asks. */
static void becomes_value(struct cm_launcher_work *w, struct cm_piece *p)
{
    bool many = (p->node->type == CM_YAML_MAP || p->node->type == CM_YAML_LIST) && p->node->count;
    p->kind = CM_PIECE_VALUE;
    p->value = many ? NULL : cm_arena_json(w->pieces, cm_yaml_json(w->doc, p->node));
}

struct cm_piece *cm_piece_pair(struct cm_launcher_work *w, struct cm_piece *in, const char *key, const struct cm_yaml *map,
                               size_t i)
{
    struct cm_piece *p = add(w, in, CM_PIECE_LINES, key);
    p->node = map->items[i];
    if (!map->flow && cm_edit_pair(w->doc, map, i, &p->at, NULL) == 0) {
        p->head = map->keys[i]->end;
        p->indent = (int32_t)(map->keys[i]->begin - p->at.line);
        cm_comments_move(w, p->at.begin, p->at.end);
    } else {
        cm_comments_move(w, map->keys[i]->begin, map->keys[i]->begin);
        becomes_value(w, p);
    }
    return p;
}

struct cm_piece *cm_piece_item(struct cm_launcher_work *w, struct cm_piece *in, const struct cm_yaml *list, size_t i)
{
    struct cm_piece *p = add(w, in, CM_PIECE_LINES, NULL);
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    p->node = list->items[i];
    if (!list->flow && cm_edit_item(w->doc, list, i, &p->at, NULL) == 0) {
        while (s[p->at.line + (size_t)p->indent] == ' ')
            p->indent++;
        cm_comments_move(w, p->at.begin, p->at.end);
    } else {
        becomes_value(w, p);
    }
    return p;
}

struct cm_piece *cm_piece_content(struct cm_launcher_work *w, struct cm_piece *pod_spec)
{
    const char *pending = w->pending;
    w->pending = NULL;
    struct cm_piece *list = cm_piece_list(w, pod_spec, "containers"), *p = NULL;
    for (size_t i = 0; i < list->count && !p; i++)
        if (list->kids[i]->kind == CM_PIECE_MAP)
            p = list->kids[i];
    if (!p) {
        p = add(w, list, CM_PIECE_MAP, NULL);
        cm_piece_value(w, p, "name", json_string("connect-content"));
    }
    w->pending = pending;
    return p;
}

/* Its pairs or items one by one; comments of its own come along. */
static void open_node(struct cm_launcher_work *w, struct cm_piece *p)
{
    struct cm_str above = CM_STR(CM_STR_PAGE);
    const char *pending = w->pending; /* of what comes next */
    w->pending = NULL;
    if (p->kind == CM_PIECE_LINES)
        cm_edit_shifted(w->doc, p->at.begin, p->at.line, -p->indent, &above);
    if (p->kind == CM_PIECE_LINES && p->key) {
        const struct cm_yaml key = {.begin = p->at.line + (uint32_t)p->indent, .end = p->head};
        p->behind = cm_comment_behind(w, &key, p->node);
    }
    if (above.len)
        p->comment = cm_arena_fmt(w->pieces, "%s%s", p->comment ? p->comment : "", cm_str_text(&above));
    cm_str_fini(&above);
    bool list = p->node->type == CM_YAML_LIST;
    p->kind = list ? CM_PIECE_LIST : CM_PIECE_MAP;
    for (size_t i = 0; i < p->node->count; i++)
        list ? cm_piece_item(w, p, p->node, i) : cm_piece_pair(w, p, p->node->keys[i]->text, p->node, i);
    w->pending = pending;
}

bool cm_piece_open(struct cm_launcher_work *w, struct cm_piece *p)
{
    const char *key;
    json_t *value;
    size_t i;
    if (p->kind == CM_PIECE_MAP || p->kind == CM_PIECE_LIST)
        return true;
    if (p->texts && p->node->type == CM_YAML_LIST) {
        p->kind = CM_PIECE_LIST;
        for (i = 0; i < p->node->count; i++)
            cm_piece_texts(w, p, NULL, p->node->items[i]);
        p->texts = false;
        return true;
    }
    if (p->texts) {
        p->value = cm_arena_json(w->pieces, cm_yaml_texts(p->node));
        p->node = NULL;
        p->texts = false;
    }
    if (p->node && p->node->count) {
        open_node(w, p);
        return true;
    }
    if (!json_is_object(p->value) && !json_is_array(p->value))
        return false;
    p->kind = json_is_object(p->value) ? CM_PIECE_MAP : CM_PIECE_LIST;
    json_object_foreach(p->value, key, value) cm_piece_value(w, p, key, json_incref(value));
    json_array_foreach(p->value, i, value) cm_piece_value(w, p, NULL, json_incref(value));
    return true;
}

struct cm_piece *cm_piece_open_list(struct cm_launcher_work *w, struct cm_piece *in, const char *key)
{
    struct cm_piece *p = cm_piece_kid(in, key);
    if (!p)
        return cm_piece_list(w, in, key);
    return cm_piece_open(w, p) && p->kind == CM_PIECE_LIST ? p : NULL;
}

/* The user's map or list of which these are all pairs or items, moved one by one in their order; NULL: there is none. */
static const struct cm_yaml *moved_whole(const struct cm_piece *p)
{
    const struct cm_yaml *in = p->count && p->kids[0]->kind == CM_PIECE_LINES ? p->kids[0]->node->parent : NULL;
    if (!in || in->count != p->count || (in->type == CM_YAML_MAP) != (p->kind == CM_PIECE_MAP))
        return NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct cm_piece *kid = p->kids[i];
        if (kid->kind != CM_PIECE_LINES || kid->node != in->items[i] || (kid->key && strcmp(kid->key, in->keys[i]->text) != 0))
            return NULL;
    }
    return in;
}

/* real: as a value through and through; else what the user wrote is a place holder, which costs nothing. */
static json_t *as_value(struct cm_launcher_work *w, const struct cm_piece *p, bool real)
{
    if (p->kind == CM_PIECE_LINES)
        return real ? cm_yaml_json(w->doc, p->node) : cm_edit_placeholder(p->node);
    if (p->kind == CM_PIECE_VALUE && p->texts)
        return real ? cm_yaml_texts(p->node) : cm_edit_texts(p->node);
    if (p->kind == CM_PIECE_VALUE && p->value)
        return json_incref(p->value);
    const struct cm_yaml *written = p->kind == CM_PIECE_VALUE ? p->node : moved_whole(p);
    if (written && (p->kind == CM_PIECE_VALUE || !real))
        return real ? cm_yaml_json(w->doc, written) : cm_edit_reading(written);
    json_t *j = p->kind == CM_PIECE_MAP ? json_object() : json_array();
    for (size_t i = 0; i < p->count; i++) {
        if (p->kind == CM_PIECE_MAP)
            json_object_set_new(j, p->kids[i]->key, as_value(w, p->kids[i], real));
        else
            json_array_append_new(j, as_value(w, p->kids[i], real));
    }
    return j;
}

json_t *cm_piece_json(struct cm_launcher_work *w, const struct cm_piece *p) { return as_value(w, p, true); }
json_t *cm_piece_expected(struct cm_launcher_work *w, const struct cm_piece *p) { return as_value(w, p, false); }

/* ---- as lines ---- */

int cm_launcher_step(struct cm_launcher_work *w)
{
    if (!w->step)
        w->step = cm_edit_step(w->doc);
    return w->step;
}

bool cm_launcher_lists_indented(struct cm_launcher_work *w)
{
    if (!w->lists)
        w->lists = cm_edit_lists_indented(w->doc) + 1;
    return w->lists == 2;
}

static void write_comment(const char *comment, long indent, struct cm_str *out)
{
    while (comment && *comment) {
        size_t n = strcspn(comment, "\n");
        cm_str_addf(out, "%*s%.*s\n", (int)indent, "", (int)n, comment);
        comment += n + (comment[n] ? 1 : 0);
    }
}

/* The user's own lines, shifted; the key may have another name now. */
static void write_lines(struct cm_launcher_work *w, const struct cm_piece *p, long indent, struct cm_str *out)
{
    long by = indent - p->indent;
    if (!p->key) {
        cm_edit_shifted(w->doc, p->at.begin, p->at.end, by, out);
        return;
    }
    size_t first = cm_edit_line_end(w->doc, p->at.line), bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    cm_edit_shifted(w->doc, p->at.begin, p->at.line, by, out);
    cm_str_addf(out, "%*s", (int)indent, "");
    cm_yaml_add_key(out, p->key);
    size_t to = first < p->at.end ? first : p->at.end;
    cm_str_add_bytes(out, s + p->head, to - p->head);
    if (s[to - 1] != '\n')
        cm_str_add(out, "\n");
    cm_edit_shifted(w->doc, to, p->at.end, by, out);
}

static void write_kids(struct cm_launcher_work *w, const struct cm_piece *p, long indent, struct cm_str *out)
{
    for (size_t i = 0; i < p->count; i++)
        cm_piece_write(w, p->kids[i], indent, out);
}

static void write_made_item(json_t *value, long indent, struct cm_str *out)
{
    cm_autostr lines = CM_STR(CM_STR_BIG);
    cm_autojson list = json_array();
    json_array_append(list, value);
    cm_yaml_add_value(&lines, list, (int)indent);
    cm_str_add(out, cm_str_text(&lines) + 1);
}

static void write_texts_item(const struct cm_yaml *node, long indent, struct cm_str *out)
{
    cm_autojson value = cm_yaml_texts(node);
    write_made_item(value, indent, out);
}

static void write_item(struct cm_launcher_work *w, const struct cm_piece *p, long indent, struct cm_str *out)
{
    size_t dash = out->len + (size_t)indent;
    if (p->kind == CM_PIECE_MAP) {
        write_kids(w, p, indent + 2, out);
        if (out->len > dash)
            out->data[dash] = '-';
    } else if (p->texts) {
        write_texts_item(p->node, indent, out);
    } else if (p->node) {
        cm_flow_write_item(w, p->node, indent, out);
    } else {
        write_made_item(p->value, indent, out);
    }
}

static long list_step(struct cm_launcher_work *w) { return cm_launcher_lists_indented(w) ? 2 : 0; }

void cm_piece_write(struct cm_launcher_work *w, const struct cm_piece *p, long indent, struct cm_str *out)
{
    write_comment(p->comment, indent, out);
    if (p->kind == CM_PIECE_LINES) {
        write_lines(w, p, indent, out);
    } else if (!p->key) {
        write_item(w, p, indent, out);
    } else {
        cm_str_addf(out, "%*s", (int)indent, "");
        cm_yaml_add_key(out, p->key);
        cm_str_add(out, ":");
        if (p->kind == CM_PIECE_VALUE && p->texts) {
            cm_str_add(out, "\n");
            for (size_t i = 0; i < p->node->count; i++)
                write_texts_item(p->node->items[i], indent + list_step(w), out);
        } else if (p->kind == CM_PIECE_VALUE && p->node) {
            cm_flow_write(w, p->node, indent + cm_launcher_step(w), out);
        } else if (p->kind == CM_PIECE_VALUE) {
            cm_yaml_add_value(out, p->value, (int)indent + 2);
        } else if (!p->count) {
            cm_str_addf(out, " %s\n", p->kind == CM_PIECE_MAP ? "{}" : "[]");
        } else {
            cm_str_addf(out, "%s%s\n", p->behind ? " " : "", p->behind ? p->behind : "");
            long step = p->kind == CM_PIECE_MAP ? cm_launcher_step(w) : list_step(w);
            write_kids(w, p, indent + step, out);
        }
    }
}
