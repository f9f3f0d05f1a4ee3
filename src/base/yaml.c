/* base/yaml.c: a YAML file as a tree with places (base/yaml.h), from libyaml's events.
 *
 * libyaml is a locator only. Its mark.index counts code points and not bytes, so each is mapped; it reports no duplicate
 * keys, takes any depth and several documents, and lets aliases grow without end: all that is refused here, with its
 * place. Work is linear in the source but for the sorting of keys. */
#include <config.h>

#include "base/yaml.h"

#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

enum { DEEPEST = 64, MARK_STRIDE = 64, MANY_KEYS = 16 };
enum { MOST_ITEMS = (1 << 28) - 1 }; /* more than most_bytes can hold */
static const size_t most_bytes = (size_t)64 << 20;
static const size_t most_repeated = 1000000; /* nodes that aliases add when they are written out */

/* A map or list, and what only the parser needs of it. Scalars and aliases, which are the most, are a struct cm_yaml alone. */
struct node {
    struct cm_yaml y;  /* first: a struct cm_yaml * of a map or list is a struct node * too */
    uint32_t *sorted;  /* map of many keys: the numbers of its pairs, in the order of their keys */
    uint32_t expanded; /* nodes below and with it, aliases written out */
    uint16_t height;   /* levels of collections below and with it, aliases written out */
    bool open;         /* its end has not been seen */
};

struct cm_yaml_doc {
    struct cm_arena *arena, *texts; /* apart, so that texts leave no gaps before nodes */
    char *name, *owned;             /* owned: a copy of the source; NULL: it is somebody else's */
    const char *source;
    size_t bytes;
    bool crlf;
    struct cm_yaml *root;
};

struct frame { /* an open collection */
    struct node *node;
    struct cm_yaml **keys, **items;
    size_t key_cap, item_cap, count;
    struct cm_yaml *key; /* map: read, its value is still to come */
};

struct anchor {
    const char *name;
    struct cm_yaml *node;
};

struct parse {
    struct cm_yaml_doc *doc;
    yaml_parser_t parser;
    size_t skip; /* bytes of a byte order mark */
    bool ascii;
    size_t *marks; /* byte offset of every MARK_STRIDE-th code point */
    size_t mark_count, points;
    struct frame frames[DEEPEST];
    size_t depth, nodes;
    void *anchors; /* tsearch(3) tree */
    struct cm_err **err;
};

/* ---- places ---- */

static int fault(struct parse *p, size_t line, size_t column, const char *fmt, ...) CM_PRINTF(4, 5);

static int fault(struct parse *p, size_t line, size_t column, const char *fmt, ...)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    cm_fail(p->err, CM_E_USAGE, "%s:%zu:%zu: %s", p->doc->name, line, column, cm_str_text(&s));
    cm_str_fini(&s);
    return -1;
}

static bool begins_point(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static int fault_at_byte(struct parse *p, size_t at, const char *what)
{
    const char *s = p->doc->source;
    size_t line = 1, column = 1;
    for (size_t i = p->skip; i < at && i < p->doc->bytes; i++) {
        if (s[i] == '\n') {
            line++;
            column = 1;
        } else if (begins_point(s[i])) {
            column++;
        }
    }
    return fault(p, line, column, "%s", what);
}

static void index_points(struct parse *p)
{
    const char *s = p->doc->source;
    size_t n = p->doc->bytes;
    p->ascii = true;
    for (size_t i = p->skip; i < n && p->ascii; i++)
        p->ascii = (unsigned char)s[i] < 0x80;
    if (p->ascii)
        return;
    p->marks = cm_alloc((n / MARK_STRIDE + 2) * sizeof *p->marks);
    for (size_t i = p->skip; i < n; i++) {
        if (!begins_point(s[i]))
            continue;
        if (p->points % MARK_STRIDE == 0)
            p->marks[p->mark_count++] = i;
        p->points++;
    }
}

static uint32_t byte_of(const struct parse *p, const yaml_mark_t *m)
{
    size_t n = p->doc->bytes;
    if (p->ascii)
        return (uint32_t)(m->index + p->skip < n ? m->index + p->skip : n);
    if (m->index >= p->points)
        return (uint32_t)n;
    size_t i = p->marks[m->index / MARK_STRIDE];
    for (size_t left = m->index % MARK_STRIDE; left > 0; left--)
        do
            i++;
        while (i < n && !begins_point(p->doc->source[i]));
    return (uint32_t)i;
}

/* The first byte behind anchor and tag. */
static uint32_t behind_properties(const char *s, size_t from, size_t end)
{
    while (from < end && (s[from] == '&' || s[from] == '!')) {
        bool verbatim = s[from] == '!' && from + 1 < end && s[from + 1] == '<';
        while (from < end && (verbatim ? s[from] != '>' : strchr(" \t\r\n,[]{}", s[from]) == NULL))
            from++;
        if (verbatim && from < end)
            from++;
        for (;;) {
            while (from < end && strchr(" \t\r\n", s[from]) != NULL)
                from++;
            if (from == end || s[from] != '#')
                break;
            while (from < end && s[from] != '\n')
                from++;
        }
    }
    return (uint32_t)from;
}

/* ---- building the tree ---- */

static bool is_collection(enum cm_yaml_type type) { return type == CM_YAML_MAP || type == CM_YAML_LIST; }

static uint32_t expanded_of(const struct cm_yaml *y)
{
    if (y->type == CM_YAML_ALIAS)
        y = y->target;
    return is_collection(y->type) ? ((const struct node *)y)->expanded : 1;
}

static uint16_t height_of(const struct cm_yaml *y)
{
    if (y->type == CM_YAML_ALIAS)
        y = y->target;
    return is_collection(y->type) ? ((const struct node *)y)->height : 0;
}

static struct cm_yaml *new_node(struct parse *p, enum cm_yaml_type type, const yaml_event_t *e)
{
    size_t short_of_items = offsetof(struct cm_yaml, items);
    struct cm_yaml *y = cm_arena_alloc(p->doc->arena, is_collection(type)      ? sizeof(struct node)
                                                      : type == CM_YAML_SCALAR ? short_of_items
                                                                               : sizeof *y);
    y->type = type;
    y->line = (uint32_t)e->start_mark.line + 1;
    y->column = (uint32_t)e->start_mark.column + 1;
    y->begin = byte_of(p, &e->start_mark);
    y->end = byte_of(p, &e->end_mark);
    p->nodes++;
    if (p->depth > 0)
        y->parent = &p->frames[p->depth - 1].node->y;
    return y;
}

static int by_anchor(const void *a, const void *b)
{
    return strcmp(((const struct anchor *)a)->name, ((const struct anchor *)b)->name);
}

static void remember_anchor(struct parse *p, struct cm_yaml *n)
{
    struct anchor *a = cm_arena_alloc(p->doc->arena, sizeof *a);
    a->name = n->properties->anchor;
    a->node = n;
    struct anchor **slot = tsearch(a, &p->anchors, by_anchor);
    if (slot == NULL)
        abort();       /* out of memory inside tsearch; nothing of ours can go on either */
    (*slot)->node = n; /* a later anchor of the same name wins (YAML 1.1, 3.2.2.2) */
}

static void give_properties(struct parse *p, struct cm_yaml *n, const yaml_char_t *anchor, const yaml_char_t *tag, size_t end)
{
    if (anchor == NULL && tag == NULL)
        return;
    struct cm_yaml_properties *own = cm_arena_alloc(p->doc->arena, sizeof *own);
    own->anchor = cm_arena_strdup(p->doc->texts, (const char *)anchor);
    own->tag = cm_arena_strdup(p->doc->texts, (const char *)tag);
    own->body = behind_properties(p->doc->source, n->begin, end);
    n->properties = own;
    if (anchor != NULL)
        remember_anchor(p, n);
}

/* "? key" without a ": ": libyaml puts its empty value before whatever comes next, lines away. */
static void stay_with_key(const char *source, struct cm_yaml *value, const struct cm_yaml *key)
{
    if (value->type != CM_YAML_SCALAR || value->begin != value->end || value->line == key->line || source[value->begin - 1] == ':')
        return;
    value->begin = value->end = key->end;
    value->line = key->line;
    value->column = key->column + (uint32_t)(key->end - key->begin);
}

static int add_to_parent(struct parse *p, struct cm_yaml *n)
{
    if (p->depth == 0) {
        p->doc->root = n;
        return 0;
    }
    struct frame *f = &p->frames[p->depth - 1];
    if (f->node->y.type == CM_YAML_MAP && f->key == NULL) {
        if (n->type == CM_YAML_MAP && n->begin > 0 && strncmp(p->doc->source + n->begin - 1, "{{", 2) == 0)
            return fault(p, n->line, n->column - 1,
                         "a template ({{ … }}) is no YAML; write it in quotes, or its value in its place");
        if (n->type != CM_YAML_SCALAR)
            return fault(p, n->line, n->column, "a key must be a single word or text, not a list, map or alias");
        if (memchr(n->text, '\0', n->text_bytes) != NULL)
            return fault(p, n->line, n->column, "a key with a NUL character");
        f->key = n;
        return 0;
    }
    if (f->node->y.type == CM_YAML_MAP) {
        f->keys = cm_grow(f->keys, &f->key_cap, f->count + 1, sizeof *f->keys);
        f->keys[f->count] = f->key;
        stay_with_key(p->doc->source, n, f->key);
        f->key = NULL;
    }
    f->items = cm_grow(f->items, &f->item_cap, f->count + 1, sizeof *f->items);
    f->items[f->count++] = n;
    f->node->expanded += expanded_of(n);
    if (f->node->height < height_of(n) + 1)
        f->node->height = (uint16_t)(height_of(n) + 1);
    return 0;
}

static int add_scalar(struct parse *p, const yaml_event_t *e)
{
    struct cm_yaml *n = new_node(p, CM_YAML_SCALAR, e);
    n->text_bytes = (uint32_t)e->data.scalar.length;
    n->text = cm_arena_text(p->doc->texts, (const char *)e->data.scalar.value, n->text_bytes);
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    give_properties(p, n, e->data.scalar.anchor, e->data.scalar.tag, n->end);
    return add_to_parent(p, n);
}

static int add_alias(struct parse *p, const yaml_event_t *e)
{
    struct cm_yaml *n = new_node(p, CM_YAML_ALIAS, e);
    n->text = cm_arena_strdup(p->doc->texts, (const char *)e->data.alias.anchor);
    n->text_bytes = (uint32_t)strlen(n->text);
    struct anchor wanted = {n->text, NULL};
    struct anchor **slot = tfind(&wanted, &p->anchors, by_anchor);
    if (slot == NULL)
        return fault(p, n->line, n->column, "the alias *%s has no anchor before it", n->text);
    n->target = (*slot)->node;
    if (is_collection(n->target->type) && ((const struct node *)n->target)->open)
        return fault(p, n->line, n->column, "the alias *%s stands inside what it stands for", n->text);
    if (p->depth + height_of(n) > DEEPEST)
        return fault(p, n->line, n->column, "nested deeper than %d levels through the alias *%s", DEEPEST, n->text);
    size_t sum = expanded_of(n);
    for (size_t i = 0; i < p->depth; i++)
        sum += p->frames[i].node->expanded;
    if (sum > p->nodes + most_repeated)
        return fault(p, n->line, n->column, "the aliases repeat too much (*%s)", n->text);
    return add_to_parent(p, n);
}

static int begin_collection(struct parse *p, const yaml_event_t *e)
{
    bool map = e->type == YAML_MAPPING_START_EVENT;
    struct cm_yaml *n = new_node(p, map ? CM_YAML_MAP : CM_YAML_LIST, e);
    n->flow =
        map ? e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE : e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    if (p->depth == DEEPEST)
        return fault(p, n->line, n->column, "nested deeper than %d levels", DEEPEST);
    struct node *opened = (struct node *)n;
    opened->open = true;
    opened->expanded = opened->height = 1;
    give_properties(p, n, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor,
                    map ? e->data.mapping_start.tag : e->data.sequence_start.tag, p->doc->bytes);
    p->frames[p->depth++] = (struct frame){.node = opened};
    return 0;
}

static int by_text(const void *a, const void *b)
{
    const struct cm_yaml *x = *(struct cm_yaml *const *)a, *y = *(struct cm_yaml *const *)b;
    int d = strcmp(x->text, y->text);
    return d != 0 ? d : x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Pairs stand in the order of their places. */
static size_t number_of(const struct cm_yaml *map, const struct cm_yaml *key)
{
    size_t low = 0, high = map->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (map->keys[middle]->begin <= key->begin)
            low = middle;
        else
            high = middle;
    }
    while (low > 0 && map->keys[low] != key) /* keys of nothing may share a place */
        low--;
    return low;
}

static void remember_order(struct parse *p, struct cm_yaml *map, struct cm_yaml *const *sorted)
{
    uint32_t *order = cm_arena_alloc(p->doc->arena, map->count * sizeof *order);
    for (size_t i = 0; i < map->count; i++)
        order[i] = (uint32_t)number_of(map, sorted[i]);
    ((struct node *)map)->sorted = order;
}

static int refuse_duplicates(struct parse *p, struct cm_yaml *map)
{
    if (map->count < 2)
        return 0;
    cm_autofree struct cm_yaml **sorted = cm_alloc(map->count * sizeof *sorted);
    memcpy(sorted, map->keys, map->count * sizeof *sorted);
    qsort(sorted, map->count, sizeof *sorted, by_text);
    for (size_t i = 1; i < map->count; i++)
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0) {
            fault(p, sorted[i]->line, sorted[i]->column, "the key \"%s\" stands here a second time; the first is at line %u",
                  sorted[i]->text, sorted[i - 1]->line);
            cm_hint(p->err, "Keep one of the two: which one a reader takes is not the same everywhere.");
            return -1;
        }
    if (map->count >= MANY_KEYS)
        remember_order(p, map, sorted);
    return 0;
}

static struct cm_yaml **settle_array(struct parse *p, struct cm_yaml **from, size_t count)
{
    if (from == NULL)
        return NULL;
    struct cm_yaml **to = cm_arena_alloc(p->doc->arena, count * sizeof *to);
    memcpy(to, from, count * sizeof *to);
    free(from);
    return to;
}

static int end_collection(struct parse *p, const yaml_event_t *e)
{
    struct frame *f = &p->frames[--p->depth];
    struct cm_yaml *y = &f->node->y;
    y->count = (uint32_t)f->count & MOST_ITEMS;
    y->keys = settle_array(p, f->keys, f->count);
    y->items = settle_array(p, f->items, f->count);
    f->keys = f->items = NULL;
    f->node->open = false;
    /* A bracket has a width. A block's end mark lies behind trailing comments, and so does that of a pair in a flow list. */
    if (y->flow && e->start_mark.index != e->end_mark.index)
        y->end = byte_of(p, &e->end_mark);
    else if (y->count > 0) {
        const struct cm_yaml *last = y->items[y->count - 1], *key = y->keys == NULL ? last : y->keys[y->count - 1];
        y->end = last->end > key->end ? last->end : key->end;
    }
    if (y->type == CM_YAML_MAP && refuse_duplicates(p, y) != 0)
        return -1;
    return add_to_parent(p, y);
}

/* ---- reading ---- */

/* Does a line up to this byte's begin as one of a template does? */
static bool has_template_line(const char *source, size_t bytes, size_t at)
{
    for (size_t line = 0; line <= at && line < bytes;) {
        size_t from = line + strspn(source + line, " -");
        if (strncmp(source + from, "{{", 2) == 0 || strncmp(source + from, "{%", 2) == 0 || strncmp(source + from, "<%", 2) == 0)
            return true;
        const char *nl = memchr(source + line, '\n', bytes - line);
        line = nl == NULL ? bytes : (size_t)(nl - source) + 1;
    }
    return false;
}

static int libyaml_fault(struct parse *p)
{
    const yaml_parser_t *y = &p->parser;
    const char *what = y->problem == NULL ? "not YAML" : y->problem;
    if (y->error == YAML_READER_ERROR)
        return fault_at_byte(p, y->problem_offset + p->skip, what);
    if (y->context != NULL)
        fault(p, y->problem_mark.line + 1, y->problem_mark.column + 1, "%s (%s that begins at line %zu)", what, y->context,
              y->context_mark.line + 1);
    else
        fault(p, y->problem_mark.line + 1, y->problem_mark.column + 1, "%s", what);
    size_t at = byte_of(p, &y->problem_mark);
    if (at < p->doc->bytes && p->doc->source[at] == '\t')
        cm_hint(p->err, "There is a tab here; YAML wants spaces for indentation.");
    if (has_template_line(p->doc->source, p->doc->bytes, at))
        cm_hint(p->err, "This seems to be a template: give the file that is made of it.");
    return -1;
}

/* 1: the stream has ended. */
static int take_event(struct parse *p, const yaml_event_t *e, size_t *documents)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++*documents > 1) {
            fault(p, e->start_mark.line + 1, e->start_mark.column + 1, "a second document begins here");
            cm_hint(p->err, "Keep one document in the file: remove the line \"---\" and what does not belong to it.");
            return -1;
        }
        return 0;
    case YAML_SCALAR_EVENT: return add_scalar(p, e);
    case YAML_ALIAS_EVENT: return add_alias(p, e);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return begin_collection(p, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return end_collection(p, e);
    case YAML_STREAM_END_EVENT: return 1;
    default: return 0;
    }
}

static int read_events(struct parse *p)
{
    size_t documents = 0;
    int result = 0;
    while (result == 0) {
        yaml_event_t e;
        if (!yaml_parser_parse(&p->parser, &e))
            return libyaml_fault(p);
        result = take_event(p, &e, &documents);
        yaml_event_delete(&e);
    }
    return result < 0 ? -1 : 0;
}

static void nothing(void *p) { (void)p; }

static int parse_source(struct cm_yaml_doc *doc, struct cm_err **err)
{
    cm_autofree struct parse *p = cm_alloc(sizeof *p);
    p->doc = doc;
    p->err = err;
    if (doc->bytes >= 3 && memcmp(doc->source, "\xef\xbb\xbf", 3) == 0)
        p->skip = 3;
    if (doc->bytes > most_bytes)
        return cm_fail(err, CM_E_USAGE, "%s:1:1: larger than %zu MiB", doc->name, most_bytes >> 20);
    size_t valid = cm_utf8_span(doc->source, doc->bytes);
    if (valid < doc->bytes)
        return fault_at_byte(p, valid, "not valid UTF-8");
    index_points(p);
    if (!yaml_parser_initialize(&p->parser)) {
        free(p->marks);
        return cm_fail(err, CM_E_INTERNAL, "libyaml does not start");
    }
    yaml_parser_set_encoding(&p->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p->parser, (const unsigned char *)doc->source + p->skip, doc->bytes - p->skip);
    int result = read_events(p);
    yaml_parser_delete(&p->parser);
    for (size_t i = 0; i < DEEPEST; i++) {
        free(p->frames[i].keys);
        free(p->frames[i].items);
    }
    tdestroy(p->anchors, nothing);
    free(p->marks);
    const struct cm_yaml *root = doc->root;
    if (root != NULL && root->type == CM_YAML_SCALAR && root->plain && root->text_bytes == 0 && cm_yaml_tag(root) == NULL)
        doc->root = NULL;
    return result;
}

static struct cm_yaml_doc *parse(const char *source, char *owned, size_t bytes, const char *name, struct cm_err **err)
{
    struct cm_yaml_doc *doc = cm_alloc(sizeof *doc);
    doc->arena = cm_arena_new();
    doc->texts = cm_arena_new();
    doc->name = cm_strdup(name);
    doc->source = source;
    doc->owned = owned;
    doc->bytes = bytes;
    const char *nl = memchr(doc->source, '\n', bytes);
    doc->crlf = nl != NULL && nl > doc->source && nl[-1] == '\r';
    if (parse_source(doc, err) == 0)
        return doc;
    cm_yaml_free(doc);
    return NULL;
}

struct cm_yaml_doc *cm_yaml_parse(const char *text, size_t bytes, const char *name, struct cm_err **err)
{
    char *copy = cm_alloc(bytes + 1);
    if (bytes > 0)
        memcpy(copy, text, bytes);
    return parse(copy, copy, bytes, name, err);
}

struct cm_yaml_doc *cm_yaml_parse_in_place(const char *text, size_t bytes, const char *name, struct cm_err **err)
{
    return parse(text, NULL, bytes, name, err);
}

struct cm_yaml_doc *cm_yaml_load(const char *path, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t bytes = 0;
    struct cm_err *reason = NULL;
    if (cm_file_read(path, most_bytes, &text, &bytes, &reason) != 0) {
        cm_fail(err, CM_E_USAGE, "%s", cm_err_message(reason));
        cm_err_free(reason);
        return NULL;
    }
    char *owned = text;
    text = NULL;
    return parse(owned, owned, bytes, path, err);
}

void cm_yaml_free(struct cm_yaml_doc *doc)
{
    if (doc == NULL)
        return;
    cm_arena_free(doc->arena);
    cm_arena_free(doc->texts);
    free(doc->name);
    free(doc->owned);
    free(doc);
}

/* ---- looking at it ---- */

const char *cm_yaml_name(const struct cm_yaml_doc *doc) { return doc->name; }

const char *cm_yaml_source(const struct cm_yaml_doc *doc, size_t *bytes)
{
    if (bytes != NULL)
        *bytes = doc->bytes;
    return doc->source;
}

bool cm_yaml_crlf(const struct cm_yaml_doc *doc) { return doc->crlf; }

struct cm_yaml *cm_yaml_root(const struct cm_yaml_doc *doc) { return doc->root; }

static size_t find_among_many(const struct cm_yaml *map, const char *key)
{
    const uint32_t *sorted = ((const struct node *)map)->sorted;
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int d = strcmp(map->keys[sorted[middle]]->text, key);
        if (d == 0)
            return sorted[middle];
        if (d < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

size_t cm_yaml_index(const struct cm_yaml *map, const char *key)
{
    if (map == NULL || map->type != CM_YAML_MAP)
        return SIZE_MAX;
    if (map->count >= MANY_KEYS)
        return find_among_many(map, key);
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return i;
    return SIZE_MAX;
}

struct cm_yaml *cm_yaml_get(const struct cm_yaml *map, const char *key)
{
    size_t i = cm_yaml_index(map, key);
    return i == SIZE_MAX ? NULL : map->items[i];
}

static const struct cm_yaml *reach(const struct cm_yaml *map, const char *key, int depth)
{
    map = map != NULL && map->type == CM_YAML_ALIAS ? map->target : map;
    const struct cm_yaml *found = cm_yaml_get(map, key), *merged = cm_yaml_get(map, "<<");
    if (merged != NULL && merged->type == CM_YAML_ALIAS)
        merged = merged->target;
    if (found == NULL && merged != NULL && depth < DEEPEST) {
        found = merged->type == CM_YAML_MAP ? reach(merged, key, depth + 1) : NULL;
        for (size_t i = 0; merged->type == CM_YAML_LIST && found == NULL && i < merged->count; i++) /* the first wins */
            found = reach(merged->items[i], key, depth + 1);
    }
    return found != NULL && found->type == CM_YAML_ALIAS ? found->target : found;
}

const struct cm_yaml *cm_yaml_reach(const struct cm_yaml *map, const char *key) { return reach(map, key, 0); }

struct cm_yaml *cm_yaml_key(const struct cm_yaml *map, const char *key)
{
    size_t i = cm_yaml_index(map, key);
    return i == SIZE_MAX ? NULL : map->keys[i];
}

void cm_yaml_begin_below(struct cm_yaml_doc *doc, const char *key)
{
    struct cm_yaml *next = doc->root == NULL ? NULL : cm_yaml_get(doc->root, key);
    if (next != NULL && next->type == CM_YAML_ALIAS)
        next = next->target;
    doc->root = next != NULL && next->type == CM_YAML_MAP ? next : NULL;
}

void cm_yaml_begin_at(struct cm_yaml_doc *doc, const char *path)
{
    while (doc->root != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");
        cm_autofree char *key = cm_strndup(path, n);
        cm_yaml_begin_below(doc, key);
        path += n + (path[n] == '.');
    }
}

void cm_problem(struct cm_problems *p, const struct cm_yaml_doc *doc, const struct cm_yaml *node, const char *fmt, ...)
{
    if (p->count++ > 0)
        cm_str_add(&p->text, "\n");
    if (doc != NULL && node != NULL)
        cm_str_addf(&p->text, "%s:%u:%u: ", doc->name, node->line, node->column);
    else if (doc != NULL)
        cm_str_addf(&p->text, "%s: ", doc->name);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&p->text, fmt, ap);
    va_end(ap);
}

int cm_problems_end(struct cm_problems *p, struct cm_err **err)
{
    int result = p->count == 0 ? 0 : cm_fail(err, CM_E_USAGE, "%s", cm_str_text(&p->text));
    cm_str_fini(&p->text);
    p->count = 0;
    return result;
}
