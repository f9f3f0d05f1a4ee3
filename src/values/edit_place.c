/* values/edit_place.c: where pairs and items of a YAML file lie in whole lines, with the comments that belong to them. Sources:
 * YAML 1.2, 6.7 (comments) and 8.2 (block collections). Does not: change anything. */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "values/edit.h"

size_t cm_edit_line_begin(const struct cm_yaml_doc *doc, size_t at)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    while (at > 0 && s[at - 1] != '\n')
        at--;
    return at == 0 && bytes >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0 ? 3 : at;
}

size_t cm_edit_line_end(const struct cm_yaml_doc *doc, size_t at)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    const char *nl = at < bytes ? memchr(s + at, '\n', bytes - at) : NULL;
    return nl ? (size_t)(nl - s) + 1 : bytes;
}

static int refuse(const struct cm_yaml_doc *doc, const struct cm_yaml *node, const char *what, struct cm_err **err)
{
    cm_fail(err, CM_E_USAGE, "%s:%u:%u: %s cannot be edited safely", cm_yaml_name(doc), node->line, node->column, what);
    cm_hint(err, "Write this part in block style and in full, then start again. Nothing was changed.");
    return -1;
}

int cm_edit_safe(const struct cm_yaml_doc *doc, const struct cm_yaml *node, struct cm_err **err)
{
    if (node->type == CM_YAML_ALIAS)
        return refuse(doc, node, "an alias", err);
    if (cm_yaml_anchor(node))
        return refuse(doc, node, "a value with an anchor", err);
    if (cm_yaml_tag(node))
        return refuse(doc, node, "a value with a tag", err);
    for (size_t i = 0; i < node->count; i++)
        if ((node->keys && cm_edit_safe(doc, node->keys[i], err) != 0) || cm_edit_safe(doc, node->items[i], err) != 0)
            return -1;
    return 0;
}

static bool has_alias(const struct cm_yaml *node, const char *anchor)
{
    if (node->type == CM_YAML_ALIAS)
        return strcmp(node->text, anchor) == 0;
    for (size_t i = 0; i < node->count; i++)
        if ((node->keys && has_alias(node->keys[i], anchor)) || has_alias(node->items[i], anchor))
            return true;
    return false;
}

int cm_edit_unshared(const struct cm_yaml_doc *doc, const struct cm_yaml *node, struct cm_err **err)
{
    const char *anchor = cm_yaml_anchor(node);
    return anchor && has_alias(cm_yaml_root(doc), anchor) ? refuse(doc, node, "a value that an alias elsewhere means too", err) : 0;
}

/* Blanks from the line's beginning, and a dash for each list that begins on this line. */
static bool only_indent(const char *s, size_t from, size_t to, bool dashes)
{
    for (; from < to; from++)
        if (s[from] != ' ' && !(dashes && s[from] == '-'))
            return false;
    return true;
}

/* The indent of a line that holds only a comment; -1: it is no such line. */
static long comment_indent(const char *s, size_t from, size_t end)
{
    size_t p = from;
    while (p < end && s[p] == ' ')
        p++;
    return p < end && s[p] == '#' ? (long)(p - from) : -1;
}

static bool is_blank(const char *s, size_t from, size_t end)
{
    for (; from < end; from++)
        if (!strchr(" \t\r\n", s[from]))
            return false;
    return true;
}

/* Comment lines right above, as far indented as the key; not above `floor`, where what stands before ends (a line of a quoted text may
 * look like a comment). */
static size_t with_comments_above(const struct cm_yaml_doc *doc, size_t line, size_t floor, long indent)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    while (line > floor) {
        size_t above = cm_edit_line_begin(doc, line - 1);
        if (above >= line || above < floor || comment_indent(s, above, line) != indent)
            break;
        line = above;
    }
    return line;
}

/* Comment lines below that are deeper than the key belong into its value; blank lines only in between. */
static size_t with_comments_below(const struct cm_yaml_doc *doc, size_t end, long indent)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    for (size_t p = end; p < bytes;) {
        size_t next = cm_edit_line_end(doc, p);
        if (comment_indent(s, p, next) > indent)
            end = next;
        else if (!is_blank(s, p, next))
            break;
        p = next;
    }
    return end;
}

static size_t last_line_end(const struct cm_yaml_doc *doc, const struct cm_yaml *key, const struct cm_yaml *value)
{
    size_t bytes, end = value->end > key->end ? value->end : key->end;
    const char *s = cm_yaml_source(doc, &bytes);
    return end > 0 && end <= bytes && s[end - 1] == '\n' ? end : cm_edit_line_end(doc, end);
}

static int extent(const struct cm_yaml_doc *doc, const struct cm_yaml *head, const struct cm_yaml *value,
                  const struct cm_yaml *before, long indent, struct cm_extent *out)
{
    out->line = (uint32_t)cm_edit_line_begin(doc, head->begin);
    out->begin = (uint32_t)with_comments_above(doc, out->line, before ? before->end : 0, indent);
    out->end = (uint32_t)with_comments_below(doc, last_line_end(doc, head, value), indent);
    return 0;
}

/* Does a "?" stand on a line above, with nothing but comments between it and the key? Not above `floor`: there it is text. */
static bool question_mark_above(const struct cm_yaml_doc *doc, size_t line, size_t floor)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    while (line > floor) {
        size_t end = line, p;
        line = cm_edit_line_begin(doc, line - 1);
        if (line >= end)
            return false;
        for (p = line; p < end && (s[p] == ' ' || s[p] == '-'); p++)
            ;
        if (s[p] == '#' || is_blank(s, p, end))
            continue;
        return p >= floor && s[p] == '?' && strchr(" \t\r\n", s[p + 1]);
    }
    return false;
}

int cm_edit_pair(const struct cm_yaml_doc *doc, const struct cm_yaml *map, size_t i, struct cm_extent *out, struct cm_err **err)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    const struct cm_yaml *key = map->keys[i];
    size_t line = cm_edit_line_begin(doc, key->begin);
    if (map->flow)
        return refuse(doc, key, "a map in flow style ({…})", err);
    if (question_mark_above(doc, line, i ? map->items[i - 1]->end : map->begin) || !only_indent(s, line, key->begin, i == 0))
        return refuse(doc, key, "a key that does not begin its line", err);
    return extent(doc, key, map->items[i], i ? map->items[i - 1] : NULL, (long)(key->begin - line), out);
}

int cm_edit_keys(const struct cm_yaml_doc *doc, const struct cm_yaml *map, struct cm_err **err)
{
    struct cm_extent at;
    for (size_t i = 0; map->type == CM_YAML_MAP && !map->flow && i < map->count; i++)
        if (cm_edit_pair(doc, map, i, &at, err) != 0)
            return -1;
    return 0;
}

int cm_edit_item(const struct cm_yaml_doc *doc, const struct cm_yaml *list, size_t i, struct cm_extent *out, struct cm_err **err)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    const struct cm_yaml *item = list->items[i];
    size_t line = cm_edit_line_begin(doc, item->begin);
    size_t dash = line;
    while (dash < item->begin && s[dash] == ' ')
        dash++;
    if (list->flow || dash == item->begin || s[dash] != '-' || !only_indent(s, line, item->begin, true) ||
        memchr(s + dash + 1, '-', item->begin - dash - 1))
        return refuse(doc, item, "an item that does not stand behind a dash of its own line", err);
    return extent(doc, item, item, i ? list->items[i - 1] : NULL, (long)(dash - line), out);
}

int cm_edit_end(const struct cm_yaml_doc *doc, const struct cm_yaml *collection, size_t *at, struct cm_err **err)
{
    struct cm_extent last;
    if (!collection->count || collection->flow)
        return refuse(doc, collection, "a collection in flow style", err);
    size_t i = collection->count - 1;
    if ((collection->type == CM_YAML_MAP ? cm_edit_pair : cm_edit_item)(doc, collection, i, &last, err) != 0)
        return -1;
    *at = last.end;
    return 0;
}

void cm_edit_shifted(const struct cm_yaml_doc *doc, size_t begin, size_t end, long by, struct cm_str *out)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    bool crlf = cm_yaml_crlf(doc);
    if (end > bytes)
        end = bytes;
    while (begin < end) {
        size_t next = cm_edit_line_end(doc, begin), from = begin;
        if (next > end)
            next = end;
        if (by > 0 && !(next - from <= 2 && is_blank(s, from, next)))
            cm_str_addf(out, "%*s", (int)by, "");
        for (long n = by; n < 0 && from < next && s[from] == ' '; n++)
            from++;
        cm_str_add_bytes(out, s + from, next - from);
        if (s[next - 1] != '\n')
            cm_str_add(out, crlf ? "\r\n" : "\n");
        begin = next;
    }
}

bool cm_edit_is_block_text(const struct cm_yaml_doc *doc, const struct cm_yaml *node)
{
    const char *s = cm_yaml_source(doc, NULL);
    return node->type == CM_YAML_SCALAR && !node->plain && cm_yaml_body(node) < node->end &&
           (s[cm_yaml_body(node)] == '|' || s[cm_yaml_body(node)] == '>');
}

bool cm_edit_keeps_breaks(const struct cm_yaml_doc *doc, const struct cm_yaml *node)
{
    const char *s = cm_yaml_source(doc, NULL) + cm_yaml_body(node);
    return cm_edit_is_block_text(doc, node) && s[1 + strspn(s + 1, "0123456789")] == '+';
}

/* The first map in block style below another shows the step. */
static int step_below(const struct cm_yaml *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct cm_yaml *value = map->items[i];
        if (value->type == CM_YAML_MAP && !value->flow && value->count && map->keys &&
            value->keys[0]->column > map->keys[i]->column)
            return (int)(value->keys[0]->column - map->keys[i]->column);
        int below = value->count ? step_below(value) : 0;
        if (below)
            return below;
    }
    return 0;
}

int cm_edit_step(const struct cm_yaml_doc *doc)
{
    const struct cm_yaml *root = cm_yaml_root(doc);
    int step = root ? step_below(root) : 0;
    return step >= 1 && step <= 8 ? step : 2;
}

/* -1: no list in block style shows it. */
static int lists_below(const struct cm_yaml_doc *doc, const struct cm_yaml *map)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    for (size_t i = 0; i < map->count; i++) {
        const struct cm_yaml *value = map->items[i];
        if (value->type == CM_YAML_LIST && !value->flow && value->count && map->keys) {
            size_t line = cm_edit_line_begin(doc, value->items[0]->begin), key_line = cm_edit_line_begin(doc, map->keys[i]->begin);
            size_t dash = line;
            while (s[dash] == ' ')
                dash++;
            return dash - line > map->keys[i]->begin - key_line;
        }
        int below = value->count ? lists_below(doc, value) : -1;
        if (below >= 0)
            return below;
    }
    return -1;
}

bool cm_edit_lists_indented(const struct cm_yaml_doc *doc)
{
    const struct cm_yaml *root = cm_yaml_root(doc);
    return !root || lists_below(doc, root) != 0;
}
