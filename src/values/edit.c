/* values/edit.c: byte ranges to replace, put together and proved. Where things lie is values/edit_place.c. */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "values/config.h"
#include "values/edit.h"
#include "values/edit_work.h"
#include "values/quote.h"

struct edit {
    size_t begin, end, order;
    long depth;
    char *text;
    size_t bytes;
};
struct cm_edits {
    const struct cm_yaml_doc *doc;
    struct edit *list;
    size_t count, cap;
    struct cm_edit_placeholders placeholders;
};

struct cm_edits *cm_edits_new(const struct cm_yaml_doc *doc)
{
    struct cm_edits *e = cm_alloc(sizeof *e);
    e->doc = doc;
    return e;
}

void cm_edits_free(struct cm_edits *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->count; i++)
        free(e->list[i].text);
    free(e->list);
    free(e->placeholders.nodes);
    free(e);
}

bool cm_edits_none(const struct cm_edits *e) { return e->count == 0; }

void cm_edit_replace(struct cm_edits *e, size_t begin, size_t end, const char *text)
{
    e->list = cm_grow(e->list, &e->cap, e->count + 1, sizeof *e->list);
    e->list[e->count] =
        (struct edit){.begin = begin, .end = end, .order = e->count, .text = cm_strdup(text), .bytes = strlen(text)};
    e->count++;
}

void cm_edit_insert(struct cm_edits *e, size_t at, long depth, const char *lines)
{
    cm_edit_replace(e, at, at, lines);
    e->list[e->count - 1].depth = depth;
}

static char *with_crlf(const char *text)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    for (const char *p = text; *p; p++)
        if (*p == '\n' && (p == text || p[-1] != '\r'))
            cm_str_add(&s, "\r\n");
        else
            cm_str_add_bytes(&s, p, 1);
    return cm_str_take(&s);
}

void cm_edit_insert_lines(struct cm_edits *e, size_t at, long depth, const char *lines)
{
    size_t bytes;
    const char *s = cm_yaml_source(e->doc, &bytes);
    bool open = at > 0 && s[at - 1] != '\n' && !(at == 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0);
    cm_autofree char *whole = open ? cm_fmt("\n%s", lines) : NULL;
    cm_autofree char *text = cm_edit_crlf(e->doc) ? with_crlf(whole ? whole : lines) : NULL;
    cm_edit_insert(e, at, depth, text ? text : whole ? whole : lines);
}

/* Plain text that stays this text for YAML 1.1 readers may stay without quotes; in doubt it gets them. */
void cm_edit_set(struct cm_edits *e, const struct cm_yaml *scalar, const char *text)
{
    if (strlen(text) == scalar->text_bytes && memcmp(text, scalar->text, scalar->text_bytes) == 0) {
        size_t bytes;
        const char *source = cm_yaml_source(e->doc, &bytes);
        cm_autofree char *same = cm_strndup(source + scalar->begin, scalar->end - scalar->begin);
        cm_edit_replace(e, scalar->begin, scalar->end, same);
        return;
    }
    cm_autofree char *quoted = scalar->plain && cm_yaml_plain_safe(text) ? cm_strdup(text) : cm_yaml_quote(text);
    cm_edit_replace(e, scalar->body, scalar->end, quoted);
}

void cm_edit_value(struct cm_edits *e, const struct cm_yaml *value, const char *yaml)
{
    size_t bytes;
    const char *s = cm_yaml_source(e->doc, &bytes);
    bool bare = value->begin == value->end && value->begin > 0 && s[value->begin - 1] == ':';
    cm_autofree char *spaced = bare ? cm_fmt(" %s", yaml) : NULL;
    cm_edit_replace(e, value->begin, value->end, spaced ? spaced : yaml);
}

static int by_place(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    bool x_inserts = x->begin == x->end, y_inserts = y->begin == y->end;
    if (x_inserts != y_inserts)
        return x_inserts ? -1 : 1;
    if (x_inserts && x->depth != y->depth)
        return x->depth > y->depth ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int check_overlaps(const struct cm_edits *e, size_t bytes, struct cm_err **err)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct edit *a = &e->list[i];
        if (a->begin > a->end || a->end > bytes)
            return cm_fail(err, CM_E_INTERNAL, "%s: a change lies outside of the file", cm_yaml_name(e->doc));
        if (i && e->list[i - 1].end > a->begin)
            return cm_fail(err, CM_E_INTERNAL, "%s: two changes overlap at byte %zu", cm_yaml_name(e->doc), a->begin);
    }
    return 0;
}

/* All bytes between the changes are the old ones, in their order. */
static bool others_stand(const struct cm_edits *e, const char *old, size_t old_bytes, const char *new, size_t new_bytes)
{
    size_t from = 0, at = 0;
    for (size_t i = 0; i <= e->count; i++) {
        size_t to = i < e->count ? e->list[i].begin : old_bytes;
        if (at + (to - from) > new_bytes || memcmp(old + from, new + at, to - from) != 0)
            return false;
        at += to - from;
        if (i < e->count) {
            at += e->list[i].bytes;
            from = e->list[i].end;
        }
    }
    return at == new_bytes;
}

/* A block of text (| or >) at the file's end without a line break: one behind it becomes part of the text. NULL: there is none. */
static const struct cm_yaml *unended_text(const struct cm_yaml_doc *doc)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    const struct cm_yaml *n = cm_yaml_root(doc);
    while (n && n->count)
        n = n->items[n->count - 1];
    bool block = n && n->type == CM_YAML_SCALAR && !n->plain && n->end == bytes && (s[n->body] == '|' || s[n->body] == '>');
    return block && s[bytes - 1] != '\n' ? n : NULL;
}

/* Line breaks of YAML 1.1 that no editor shows as such: a lone CR, U+0085, U+2028, U+2029. 0: there is none; else its line. */
static size_t odd_break(const struct cm_yaml_doc *doc)
{
    size_t bytes, line = 1;
    const char *s = cm_yaml_source(doc, &bytes);
    for (size_t i = 0; i < bytes; i++) {
        bool lone = s[i] == '\r' && (i + 1 == bytes || s[i + 1] != '\n');
        if (lone || strncmp(s + i, "\xc2\x85", 2) == 0 || strncmp(s + i, "\xe2\x80\xa8", 3) == 0 ||
            strncmp(s + i, "\xe2\x80\xa9", 3) == 0 || (i && strncmp(s + i, "\xef\xbb\xbf", 3) == 0))
            return line;
        line += s[i] == '\n';
    }
    return 0;
}

/* The proof failed: what about the file explains it? */
static void explain(const struct cm_yaml_doc *doc, const char *problem, struct cm_err **err)
{
    const struct cm_yaml *unended = unended_text(doc);
    size_t odd = odd_break(doc);
    if (unended) {
        cm_fail(err, CM_E_USAGE, "%s:%zu:%zu: the file ends within this text, and its last line has no line break",
                cm_yaml_name(doc), unended->line, unended->column);
        cm_hint(err, "End the file's last line with a line break, then start again. Nothing was changed.");
    } else if (odd) {
        cm_fail(err, CM_E_USAGE,
                "%s:%zu: a lone carriage return, a Unicode line break or a byte order mark; the file cannot be edited safely",
                cm_yaml_name(doc), odd);
        cm_hint(err, "Save the file with ordinary line breaks, and without such a mark, then start again. Nothing was changed.");
    } else {
        cm_fail(err, CM_E_USAGE, "%s cannot be edited safely: the changed text does not read as it should%s%s", cm_yaml_name(doc),
                problem ? ": " : "", problem ? problem : "");
        cm_hint(err, "Nothing was written. Make this change by hand.");
    }
}

static int prove(const struct cm_edits *e, const json_t *changed, const char *text, size_t bytes, struct cm_err **err)
{
    size_t old_bytes;
    const char *old = cm_yaml_source(e->doc, &old_bytes);
    const struct cm_edits_prover with = {e->doc, &e->placeholders};
    cm_autofree char *problem = NULL;
    if (others_stand(e, old, old_bytes, text, bytes) && cm_edits_prove(&with, changed, text, bytes, &problem))
        return 0;
    explain(e->doc, problem, err);
    return -1;
}

/* ---- place holders ---- */

static const char holder[] = "\x01 a node of the old tree";

json_t *cm_edit_placeholder(struct cm_edits *e, const struct cm_yaml *node)
{
    struct cm_edit_placeholders *h = &e->placeholders;
    h->nodes = cm_grow(h->nodes, &h->cap, h->count + 1, sizeof *h->nodes);
    h->nodes[h->count] = node;
    return json_pack("[s, I]", holder, (json_int_t)h->count++);
}

const struct cm_yaml *cm_edit_placeheld(const struct cm_edits *e, const json_t *value)
{
    return cm_edit_placeholder_node(&e->placeholders, value);
}

const struct cm_yaml *cm_edit_placeholder_node(const struct cm_edit_placeholders *h, const json_t *value)
{
    const char *word = json_array_size(value) == 2 ? json_string_value(json_array_get(value, 0)) : NULL;
    json_int_t at = word && strcmp(word, holder) == 0 ? json_integer_value(json_array_get(value, 1)) : -1;
    return at >= 0 && (size_t)at < h->count ? h->nodes[at] : NULL;
}

json_t *cm_edit_opened(struct cm_edits *e, const struct cm_yaml *node)
{
    if (node->type != CM_YAML_MAP && node->type != CM_YAML_LIST)
        return cm_edit_placeholder(e, node);
    json_t *j = node->type == CM_YAML_MAP ? json_object() : json_array();
    for (size_t i = 0; i < node->count; i++) {
        if (node->type == CM_YAML_MAP)
            json_object_set_new(j, node->keys[i]->text, cm_edit_placeholder(e, node->items[i]));
        else
            json_array_append_new(j, cm_edit_placeholder(e, node->items[i]));
    }
    return j;
}

json_t *cm_edit_open_key(struct cm_edits *e, json_t *in, const char *key, const struct cm_yaml *node)
{
    json_t *value = json_object_get(in, key);
    if (!value || cm_edit_placeheld(e, value))
        json_object_set_new(in, key, cm_edit_opened(e, node));
    return json_object_get(in, key);
}

json_t *cm_edit_open_item(struct cm_edits *e, json_t *in, size_t i, const struct cm_yaml *node)
{
    if (cm_edit_placeheld(e, json_array_get(in, i)))
        json_array_set_new(in, i, cm_edit_opened(e, node));
    return json_array_get(in, i);
}

int cm_edits_apply(struct cm_edits *e, const json_t *changed, char **text, size_t *bytes, struct cm_err **err)
{
    size_t old_bytes, from = 0, room = 1;
    const char *old = cm_yaml_source(e->doc, &old_bytes);
    if (e->count)
        qsort(e->list, e->count, sizeof *e->list, by_place);
    if (check_overlaps(e, old_bytes, err) != 0)
        return -1;
    for (size_t i = 0; i < e->count; i++)
        room += e->list[i].bytes;
    cm_autofree char *out = cm_alloc(old_bytes + room);
    size_t n = 0;
    for (size_t i = 0; i <= e->count; i++) {
        size_t to = i < e->count ? e->list[i].begin : old_bytes;
        memcpy(out + n, old + from, to - from);
        n += to - from;
        if (i < e->count) {
            if (e->list[i].bytes)
                memcpy(out + n, e->list[i].text, e->list[i].bytes);
            n += e->list[i].bytes;
            from = e->list[i].end;
        }
    }
    if (prove(e, changed, out, n, err) != 0)
        return -1;
    *text = out;
    *bytes = n;
    out = NULL;
    return 0;
}
