/* values/edit_prove.c: the proof of an edit: the new text, read event by event, is the old tree with the changed parts as they should be.
 *
 * Nothing is built from the new text, so that a large file costs no second tree. What base/yaml.h refuses is refused here as well: a
 * result that our own reader would not take is no result. Does not: edit. */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include <yaml.h>

#include "base/mem.h"
#include "values/edit.h"
#include "values/edit_work.h"

enum { DEEPEST = 64 };

struct proof {
    yaml_parser_t parser;
    yaml_event_t event;
    bool have; /* `event` holds one */
    const struct cm_yaml_doc *old;
    size_t depth;
    json_t *anchors; /* the names of those that came; NULL: none */
    struct cm_edits_failure *why;
};

/* libyaml's events do not say that an alias comes before its anchor. */
static bool anchors_stand(struct proof *p)
{
    const yaml_event_t *e = &p->event;
    const yaml_char_t *name = e->type == YAML_SCALAR_EVENT           ? e->data.scalar.anchor
                              : e->type == YAML_MAPPING_START_EVENT  ? e->data.mapping_start.anchor
                              : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.anchor
                                                                     : NULL;
    if (name && !p->anchors)
        p->anchors = json_object();
    if (name)
        json_object_set_new(p->anchors, (const char *)name, json_true());
    if (e->type != YAML_ALIAS_EVENT || json_object_get(p->anchors, (const char *)e->data.alias.anchor))
        return true;
    p->why->alias = cm_strdup((const char *)e->data.alias.anchor);
    return false;
}

static bool next(struct proof *p)
{
    if (p->have)
        yaml_event_delete(&p->event);
    p->have = yaml_parser_parse(&p->parser, &p->event) != 0;
    p->why->point = p->have ? p->event.start_mark.index : p->parser.problem_mark.index;
    if (!p->have && !p->why->problem)
        p->why->problem = cm_strdup(p->parser.problem ? p->parser.problem : "no YAML");
    return p->have && anchors_stand(p);
}

static bool same_name(const char *a, const yaml_char_t *b) { return a && b ? strcmp(a, (const char *)b) == 0 : !a && !b; }

/* ---- against the old tree ---- */

static bool same_node(struct proof *p, const struct cm_yaml *n);

static bool same_collection(struct proof *p, const struct cm_yaml *n, yaml_event_type_t end)
{
    if (++p->depth > DEEPEST)
        return false;
    for (size_t i = 0; i < n->count; i++)
        if (!next(p) || (n->keys && (!same_node(p, n->keys[i]) || !next(p))) || !same_node(p, n->items[i]))
            return false;
    p->depth--;
    return next(p) && p->event.type == end;
}

/* The event at hand begins what this node is. */
static bool same_node(struct proof *p, const struct cm_yaml *n)
{
    const yaml_event_t *e = &p->event;
    switch (n->type) {
    case CM_YAML_SCALAR:
        return e->type == YAML_SCALAR_EVENT && e->data.scalar.length == n->text_bytes &&
               memcmp(e->data.scalar.value, n->text, n->text_bytes) == 0 &&
               (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) == n->plain &&
               same_name(cm_yaml_anchor(n), e->data.scalar.anchor) && same_name(cm_yaml_tag(n), e->data.scalar.tag);
    case CM_YAML_MAP:
        return e->type == YAML_MAPPING_START_EVENT && same_name(cm_yaml_anchor(n), e->data.mapping_start.anchor) &&
               same_name(cm_yaml_tag(n), e->data.mapping_start.tag) && same_collection(p, n, YAML_MAPPING_END_EVENT);
    case CM_YAML_LIST:
        return e->type == YAML_SEQUENCE_START_EVENT && same_name(cm_yaml_anchor(n), e->data.sequence_start.anchor) &&
               same_name(cm_yaml_tag(n), e->data.sequence_start.tag) && same_collection(p, n, YAML_SEQUENCE_END_EVENT);
    case CM_YAML_ALIAS: return e->type == YAML_ALIAS_EVENT && same_name(n->text, e->data.alias.anchor);
    }
    return false;
}

/* ---- against a value ---- */

static bool same_value(struct proof *p, const json_t *want);

static bool same_scalar(struct proof *p, const json_t *want)
{
    const yaml_event_t *e = &p->event;
    const struct cm_yaml_properties properties = {.tag = (const char *)e->data.scalar.tag};
    struct cm_yaml n = {.type = CM_YAML_SCALAR,
                        .text = (char *)e->data.scalar.value,
                        .text_bytes = (uint32_t)e->data.scalar.length,
                        .plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
                        .properties = &properties};
    cm_autojson is = cm_yaml_json(p->old, &n);
    return json_equal(is, want);
}

/* ---- against what a node reads as ---- */

static bool reads_alike(struct proof *p, const struct cm_yaml *node);

static bool scalar_reads_alike(struct proof *p, const struct cm_yaml *n)
{
    const yaml_event_t *e = &p->event;
    if (e->type != YAML_SCALAR_EVENT || (e->data.scalar.anchor && !same_name(cm_yaml_anchor(n), e->data.scalar.anchor)))
        return false;
    cm_autojson want = cm_yaml_json(p->old, n);
    return same_node(p, n) || same_scalar(p, want);
}

/* The text of a key, whether in quotes or not; a key of nothing is null. */
static bool key_reads_alike(struct proof *p, const struct cm_yaml *key)
{
    const yaml_event_t *e = &p->event;
    bool same = e->type == YAML_SCALAR_EVENT && e->data.scalar.length == key->text_bytes &&
                memcmp(e->data.scalar.value, key->text, key->text_bytes) == 0;
    return same || scalar_reads_alike(p, key);
}

static bool members_read_alike(struct proof *p, const struct cm_yaml *n)
{
    yaml_event_type_t end = n->type == CM_YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    if (++p->depth > DEEPEST)
        return false;
    for (size_t i = 0; i < n->count; i++)
        if (!next(p) || (n->keys && (!key_reads_alike(p, n->keys[i]) || !next(p))) || !reads_alike(p, n->items[i]))
            return false;
    p->depth--;
    return next(p) && p->event.type == end;
}

/* The event at hand begins this value. */
static bool reads_alike(struct proof *p, const struct cm_yaml *node)
{
    if (p->event.type == YAML_ALIAS_EVENT)
        return same_node(p, node);
    const struct cm_yaml *n = node->type == CM_YAML_ALIAS ? node->target : node;
    if (n->type == CM_YAML_SCALAR)
        return scalar_reads_alike(p, n);
    return p->event.type == (n->type == CM_YAML_MAP ? YAML_MAPPING_START_EVENT : YAML_SEQUENCE_START_EVENT) &&
           members_read_alike(p, n);
}

static bool same_list(struct proof *p, const json_t *want)
{
    size_t n = 0;
    if (!json_is_array(want))
        return false;
    for (; next(p) && p->event.type != YAML_SEQUENCE_END_EVENT; n++)
        if (n >= json_array_size(want) || !same_value(p, json_array_get(want, n)))
            return false;
    return p->have && n == json_array_size(want);
}

/* A value that came from cm_yaml_json names a key by what YAML 1.1 makes of it: `n` is "false". */
static const json_t *value_of_key(struct proof *p, const json_t *want, char **name)
{
    const yaml_event_t *e = &p->event;
    *name = cm_strdup((const char *)e->data.scalar.value);
    const json_t *value = json_object_get(want, *name);
    if (value || e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return value;
    struct cm_yaml key = {.type = CM_YAML_SCALAR, .text = *name, .text_bytes = (uint32_t)strlen(*name), .plain = true};
    struct cm_yaml *keys[] = {&key}, *items[] = {&key};
    struct cm_yaml map = {.type = CM_YAML_MAP, .count = 1, .keys = keys, .items = items};
    cm_autojson typed = cm_yaml_json(p->old, &map);
    char *text = cm_strdup(json_object_iter_key(json_object_iter(typed)));
    free(*name);
    *name = text;
    return json_object_get(want, text);
}

/* A map as it comes: pairs of the old one in their order, those that were changed or added, and lines of ours. */
struct coming {
    const struct cm_yaml *base;    /* NULL: it is new */
    size_t from;                   /* of its pairs, the next that was not changed */
    const json_t *want;            /* the changed ones by name, and what is to be gone */
    json_t *seen;                  /* of those */
    struct cm_edit_reader *lines;  /* NULL: none */
    bool root;                     /* null says that a key is gone */
};

static bool is_gone(const struct coming *c, const json_t *value)
{
    return cm_edit_is_gone(value) || (c->root && json_is_null(value));
}

static const struct cm_yaml *next_unchanged(struct coming *c)
{
    while (c->base && c->from < c->base->count && json_object_get(c->want, c->base->keys[c->from]->text))
        c->from++;
    return c->base && c->from < c->base->count ? c->base->keys[c->from] : NULL;
}

/* The key at hand is one of ours, and the map has no other of that name. */
static bool same_lines(struct proof *p, struct coming *c)
{
    const char *name = (const char *)p->event.data.scalar.value;
    const json_t *said = json_object_get(c->want, name);
    if ((said && !is_gone(c, said)) || (!said && c->base && cm_yaml_get(c->base, name)) || !cm_edit_reader_take(c->lines, &p->event))
        return false;
    while (cm_edit_reader_inside(c->lines))
        if (!next(p) || !cm_edit_reader_take(c->lines, &p->event))
            return false;
    return true;
}

static bool same_pair(struct proof *p, struct coming *c)
{
    if (p->event.type != YAML_SCALAR_EVENT)
        return false;
    const struct cm_yaml *key = next_unchanged(c);
    if (key && same_node(p, key))
        return next(p) && same_node(p, c->base->items[c->from++]);
    if (memchr(p->event.data.scalar.value, '\0', p->event.data.scalar.length))
        return false;
    cm_autofree char *name = NULL;
    const json_t *value = value_of_key(p, c->want, &name);
    if (!value || is_gone(c, value))
        return c->lines && same_lines(p, c);
    if (json_object_get(c->seen, name) || !next(p) || !same_value(p, value))
        return false;
    json_object_set_new(c->seen, name, json_true());
    return true;
}

static size_t wanted(const struct coming *c)
{
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(cm_edit_loose(c->want), key, value) n += cm_edit_names_pair(key) && !is_gone(c, value);
    return n;
}

static bool same_pairs(struct proof *p, struct coming *c)
{
    while (next(p) && p->event.type != YAML_MAPPING_END_EVENT)
        if (!same_pair(p, c))
            return false;
    return p->have && !next_unchanged(c) && json_object_size(c->seen) == wanted(c) && (!c->lines || cm_edit_reader_ends(c->lines));
}

static bool same_map(struct proof *p, const struct cm_yaml *base, const json_t *want, bool root)
{
    if (!json_is_object(want))
        return false;
    const char *lines = cm_edit_lines(want);
    struct coming c = {.base = base, .want = want, .root = root, .seen = json_object()};
    c.lines = lines ? cm_edit_reader_new(lines) : NULL;
    bool same = same_pairs(p, &c);
    json_decref(c.seen);
    cm_edit_reader_free(c.lines);
    return same;
}

/* The event at hand begins what this node reads as by cm_yaml_texts, of which no more is made at a time than an item of a list. */
static bool same_texts(struct proof *p, const struct cm_yaml *node)
{
    if (node->type != CM_YAML_LIST) {
        cm_autojson want = cm_yaml_texts(node);
        return same_value(p, want);
    }
    if (p->event.type != YAML_SEQUENCE_START_EVENT || ++p->depth > DEEPEST)
        return false;
    for (size_t i = 0; i < node->count; i++)
        if (!next(p) || !same_texts(p, node->items[i]))
            return false;
    p->depth--;
    return next(p) && p->event.type == YAML_SEQUENCE_END_EVENT;
}

/* The event at hand begins this value; a place holder stands for a node of the old tree. */
static bool same_value(struct proof *p, const json_t *want)
{
    const struct cm_yaml *moved = cm_edit_placeheld(want), *texts = cm_edit_held_texts(want);
    bool same = false;
    if (texts)
        return same_texts(p, texts);
    if (moved)
        return cm_edit_held_reading(want) ? reads_alike(p, moved) : same_node(p, moved);
    if (p->event.type == YAML_SCALAR_EVENT)
        return same_scalar(p, want);
    if (++p->depth > DEEPEST)
        return false;
    if (p->event.type == YAML_MAPPING_START_EVENT)
        same = same_map(p, cm_edit_base(want), want, false);
    else if (p->event.type == YAML_SEQUENCE_START_EVENT)
        same = same_list(p, want);
    p->depth--;
    return same;
}

/* ---- the root ---- */

static bool same_root(struct proof *p, const json_t *changed)
{
    const struct cm_yaml *root = cm_yaml_root(p->old);
    bool map = p->event.type == YAML_MAPPING_START_EVENT && (!root || root->type == CM_YAML_MAP || !root->text_bytes);
    if (map && json_object_size(changed)) {
        p->depth++;
        return same_map(p, root && root->type == CM_YAML_MAP ? root : NULL, changed, true);
    }
    return root && same_node(p, root);
}

static bool read_all(struct proof *p, const json_t *changed)
{
    const struct cm_yaml *root = cm_yaml_root(p->old);
    if (!next(p) || p->event.type != YAML_STREAM_START_EVENT || !next(p))
        return false;
    if (p->event.type == YAML_STREAM_END_EVENT)
        return !root;
    if (p->event.type != YAML_DOCUMENT_START_EVENT || !next(p) || !same_root(p, changed))
        return false;
    return next(p) && p->event.type == YAML_DOCUMENT_END_EVENT && next(p) && p->event.type == YAML_STREAM_END_EVENT;
}

bool cm_edits_prove(const struct cm_yaml_doc *old, const json_t *changed, const char *text, size_t bytes, struct cm_edits_failure *why)
{
    struct proof p = {.old = old, .why = why};
    if (!yaml_parser_initialize(&p.parser))
        return false;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark is no part of the text */
        text += 3;
        bytes -= 3;
    }
    yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, bytes);
    yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
    bool good = read_all(&p, changed);
    if (p.have)
        yaml_event_delete(&p.event);
    yaml_parser_delete(&p.parser);
    json_decref(p.anchors);
    return good;
}
