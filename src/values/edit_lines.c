/* values/edit_lines.c: lines of ours, read event by event beside the new text that has them. That no key comes twice in a map is looked after
 * here, since libyaml does not. Does not: know what stands around them. */
#include <config.h>

#include <string.h>

#include <yaml.h>

#include "base/mem.h"
#include "values/edit_work.h"

enum { DEEPEST = 64 };

struct level {
    bool map, at_key;
    size_t first; /* of its keys */
};
struct cm_edit_reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool have;
    struct level levels[DEEPEST];
    size_t depth;
    struct cm_arena *texts;
    const char **keys; /* of all maps that are open */
    size_t count, cap;
};

static bool next(struct cm_edit_reader *r)
{
    if (r->have)
        yaml_event_delete(&r->event);
    r->have = yaml_parser_parse(&r->parser, &r->event) != 0;
    return r->have;
}

static bool open_level(struct cm_edit_reader *r, bool map)
{
    if (r->depth == DEEPEST)
        return false;
    r->levels[r->depth++] = (struct level){.map = map, .at_key = map, .first = r->count};
    return true;
}

struct cm_edit_reader *cm_edit_reader_new(const char *lines)
{
    struct cm_edit_reader *r = cm_alloc(sizeof *r);
    r->texts = cm_arena_new();
    if (!yaml_parser_initialize(&r->parser))
        abort(); /* out of memory inside of libyaml */
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)lines, strlen(lines));
    bool begins = next(r) && next(r) && r->event.type == YAML_DOCUMENT_START_EVENT && next(r);
    if (begins && r->event.type == YAML_MAPPING_START_EVENT)
        open_level(r, true);
    return r;
}

void cm_edit_reader_free(struct cm_edit_reader *r)
{
    if (!r)
        return;
    if (r->have)
        yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    cm_arena_free(r->texts);
    free(r->keys);
    free(r);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool close_level(struct cm_edit_reader *r)
{
    const struct level *l = &r->levels[--r->depth];
    if (r->count > l->first)
        qsort(r->keys + l->first, r->count - l->first, sizeof *r->keys, by_text);
    for (size_t i = l->first + 1; i < r->count; i++)
        if (strcmp(r->keys[i - 1], r->keys[i]) == 0)
            return false;
    r->count = l->first;
    return true;
}

static bool same_scalar(const yaml_event_t *a, const yaml_event_t *b)
{
    return a->data.scalar.length == b->data.scalar.length &&
           memcmp(a->data.scalar.value, b->data.scalar.value, a->data.scalar.length) == 0 &&
           (a->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) == (b->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) &&
           !a->data.scalar.anchor && !b->data.scalar.anchor && !a->data.scalar.tag && !b->data.scalar.tag;
}

/* We write neither anchors nor tags nor aliases. */
static bool same_event(const yaml_event_t *a, const yaml_event_t *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case YAML_SCALAR_EVENT: return same_scalar(a, b);
    case YAML_MAPPING_START_EVENT: return !a->data.mapping_start.anchor && !a->data.mapping_start.tag;
    case YAML_SEQUENCE_START_EVENT: return !a->data.sequence_start.anchor && !a->data.sequence_start.tag;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: return true;
    default: return false;
    }
}

static bool remember_key(struct cm_edit_reader *r)
{
    const char *text = (const char *)r->event.data.scalar.value;
    if (r->event.type != YAML_SCALAR_EVENT || strlen(text) != r->event.data.scalar.length)
        return false;
    r->keys = cm_grow(r->keys, &r->cap, r->count + 1, sizeof *r->keys);
    r->keys[r->count++] = cm_arena_strdup(r->texts, text);
    return true;
}

bool cm_edit_reader_take(struct cm_edit_reader *r, const struct yaml_event_s *e)
{
    if (!r->depth || !next(r) || !same_event(&r->event, e))
        return false;
    if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT)
        return close_level(r);
    struct level *l = &r->levels[r->depth - 1];
    if (l->map && l->at_key && !remember_key(r))
        return false;
    l->at_key = l->map && !l->at_key;
    return e->type == YAML_SCALAR_EVENT || open_level(r, e->type == YAML_MAPPING_START_EVENT);
}

bool cm_edit_reader_inside(const struct cm_edit_reader *r) { return r->depth > 1 || !r->levels[0].at_key; }

bool cm_edit_reader_ends(struct cm_edit_reader *r)
{
    if (!r->have)
        return false;
    return !r->depth ? r->event.type == YAML_STREAM_END_EVENT
                     : next(r) && r->event.type == YAML_MAPPING_END_EVENT && close_level(r) && !r->depth;
}
