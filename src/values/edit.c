/* values/edit.c: byte ranges to replace, put together and proved. Where things lie is values/edit_place.c. */
#include <config.h>

#include <stdint.h>
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "values/config.h"
#include "values/edit.h"
#include "values/edit_work.h"
#include "values/quote.h"

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
    free(e);
}

bool cm_edits_none(const struct cm_edits *e) { return e->count == 0; }

void cm_edit_replace(struct cm_edits *e, size_t begin, size_t end, const char *text)
{
    e->list = cm_grow(e->list, &e->cap, e->count + 1, sizeof *e->list);
    e->list[e->count] =
        (struct cm_edit){.begin = begin, .end = end, .order = e->count, .text = cm_strdup(text), .bytes = strlen(text)};
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
    cm_autofree char *text = cm_yaml_crlf(e->doc) ? with_crlf(whole ? whole : lines) : NULL;
    cm_edit_insert(e, at, depth, text ? text : whole ? whole : lines);
}

/* The last line break of such a text ends the line that takes its place. Its sign may stand on a line of its own no deeper than its key,
 * which other texts must not. */
static void replace_block_text(struct cm_edits *e, const struct cm_yaml *scalar, const char *with)
{
    const char *s = cm_yaml_source(e->doc, NULL);
    const struct cm_yaml *in = scalar->parent;
    size_t end = scalar->end, column = in && in->keys ? in->keys[0]->column : in ? in->column : 0;
    while (end > cm_yaml_body(scalar) && strchr("\r\n", s[end - 1]))
        end--;
    bool shallow = cm_yaml_body(scalar) == scalar->begin && scalar->column <= column;
    cm_autofree char *text = cm_fmt("%*s%s", shallow ? (int)(column + 1 - scalar->column) : 0, "", with);
    cm_edit_replace(e, cm_yaml_body(scalar), end, text);
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
    if (cm_edit_is_block_text(e->doc, scalar))
        replace_block_text(e, scalar, quoted);
    else
        cm_edit_replace(e, cm_yaml_body(scalar), scalar->end, quoted);
}

void cm_edit_value(struct cm_edits *e, const struct cm_yaml *value, const char *yaml)
{
    size_t bytes;
    const char *s = cm_yaml_source(e->doc, &bytes);
    bool bare = value->begin == value->end && value->begin > 0 && s[value->begin - 1] == ':';
    bool comment = value->end < bytes && s[value->end] == '#'; /* it may touch a quote or bracket, and nothing else */
    cm_autofree char *spaced = cm_fmt("%s%s%s", bare ? " " : "", yaml, comment ? " " : "");
    cm_edit_replace(e, value->begin, value->end, spaced);
    e->list[e->count - 1].depth = LONG_MAX; /* at the file's end before the lines that are put there */
}

static int by_place(const void *a, const void *b)
{
    const struct cm_edit *x = a, *y = b;
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
        const struct cm_edit *a = &e->list[i];
        if (a->begin > a->end || a->end > bytes)
            return cm_fail(err, CM_E_INTERNAL, "%s: a change lies outside of the file", cm_yaml_name(e->doc));
        if (i && e->list[i - 1].end > a->begin)
            return cm_fail(err, CM_E_INTERNAL, "%s: two changes overlap at byte %zu", cm_yaml_name(e->doc), a->begin);
    }
    return 0;
}

static bool is_blank_line(const char *s, size_t at, size_t end)
{
    while (at < end && strchr(" \t\r", s[at]))
        at++;
    return at < end && s[at] == '\n';
}

/* Would a blank line come to stand right behind a text that ends here? */
static bool brings_blank_line(const struct cm_edits *e, size_t end)
{
    size_t bytes, low = 0, high = e->count, at = end;
    const char *s = cm_yaml_source(e->doc, &bytes);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->list[middle].begin < end)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < e->count && e->list[low].begin == at; at = e->list[low++].end)
        if (e->list[low].bytes)
            return is_blank_line(e->list[low].text, 0, e->list[low].bytes);
    return at != end && is_blank_line(s, at, bytes);
}

/* Blank lines behind "|+" are part of the text. */
static int check_kept_breaks(const struct cm_edits *e, const struct cm_yaml *n, struct cm_err **err)
{
    if (cm_edit_keeps_breaks(e->doc, n) && brings_blank_line(e, n->end)) {
        cm_fail(err, CM_E_USAGE, "%s:%u:%u: a text that keeps the blank lines behind it (|+) cannot be edited safely",
                cm_yaml_name(e->doc), n->line, n->column);
        cm_hint(err, "Write | in place of |+, or let something else stand behind it, then start again. Nothing was changed.");
        return -1;
    }
    for (size_t i = 0; i < n->count; i++)
        if ((n->keys && check_kept_breaks(e, n->keys[i], err) != 0) || check_kept_breaks(e, n->items[i], err) != 0)
            return -1;
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

static int prove(const struct cm_edits *e, const json_t *changed, const char *text, size_t bytes, struct cm_err **err)
{
    size_t old_bytes;
    const char *old = cm_yaml_source(e->doc, &old_bytes);
    struct cm_edits_failure why = {0};
    bool good = others_stand(e, old, old_bytes, text, bytes) && cm_edits_prove(e->doc, changed, text, bytes, &why);
    if (!good)
        cm_edits_explain(e, &why, text, bytes, err);
    free(why.alias);
    free(why.problem);
    return good ? 0 : -1;
}

int cm_edits_apply(struct cm_edits *e, const json_t *changed, char **text, size_t *bytes, struct cm_err **err)
{
    size_t old_bytes, from = 0, room = 1;
    const char *old = cm_yaml_source(e->doc, &old_bytes);
    if (e->count)
        qsort(e->list, e->count, sizeof *e->list, by_place);
    if (check_overlaps(e, old_bytes, err) != 0 || (cm_yaml_root(e->doc) && check_kept_breaks(e, cm_yaml_root(e->doc), err) != 0))
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
            free(e->list[i].text); /* the proof has the whole, and is the more memory */
            e->list[i].text = NULL;
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
