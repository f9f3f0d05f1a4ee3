/* values/edit_explain.c: a proof that failed, told with what in the user's file explains it, and where. Does not: prove (edit_prove.c). */
#include <config.h>

#include <string.h>

#include "values/edit_work.h"

/* A block of text (| or >) at the file's end without a line break: one behind it becomes part of the text. NULL: there is none. */
static const struct cm_yaml *unended_text(const struct cm_yaml_doc *doc)
{
    size_t bytes;
    const char *s = cm_yaml_source(doc, &bytes);
    const struct cm_yaml *n = cm_yaml_root(doc);
    while (n && n->count)
        n = n->items[n->count - 1];
    return n && cm_edit_is_block_text(doc, n) && n->end == bytes && s[bytes - 1] != '\n' ? n : NULL;
}

/* Line breaks of YAML 1.1 that no editor shows as such: a lone CR, U+0085, U+2028, U+2029; and a byte order mark inside of the file. */
static bool is_odd(const char *s, size_t i, size_t bytes)
{
    bool lone = s[i] == '\r' && (i + 1 == bytes || s[i + 1] != '\n');
    return lone || strncmp(s + i, "\xc2\x85", 2) == 0 || strncmp(s + i, "\xe2\x80\xa8", 3) == 0 ||
           strncmp(s + i, "\xe2\x80\xa9", 3) == 0 || strncmp(s + i, "\xef\xbb\xbf", 3) == 0;
}

size_t cm_edit_odd_break(const struct cm_yaml_doc *doc)
{
    size_t bytes, i = cm_edit_line_begin(doc, 0);
    const char *s = cm_yaml_source(doc, &bytes);
    while (i < bytes && !is_odd(s, i, bytes))
        i++;
    return i;
}

static void place_of(const struct cm_yaml_doc *doc, size_t at, size_t *line, size_t *column)
{
    const char *s = cm_yaml_source(doc, NULL);
    *line = *column = 1;
    for (size_t i = cm_edit_line_begin(doc, 0); i < at; i++) {
        *column = s[i] == '\n' ? 1 : *column + (((unsigned char)s[i] & 0xc0) != 0x80);
        *line += s[i] == '\n';
    }
}

static const struct cm_yaml *alias_of(const struct cm_yaml *n, const char *name)
{
    const struct cm_yaml *found = n && n->type == CM_YAML_ALIAS && strcmp(n->text, name) == 0 ? n : NULL;
    for (size_t i = 0; n && !found && i < n->count; i++)
        found = alias_of(n->items[i], name);
    return found;
}

/* The byte of the new text at a code point. */
static size_t byte_at(const char *text, size_t bytes, size_t points)
{
    size_t at = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < bytes && points > 0)
        for (points--, at++; at < bytes && ((unsigned char)text[at] & 0xc0) == 0x80;)
            at++;
    return at;
}

/* Where this byte of the new text was in the old one; of a change, where it begins. */
static size_t in_old_text(const struct cm_edits *e, size_t at)
{
    size_t in_new = 0, from = 0;
    for (size_t i = 0; i < e->count; i++) {
        const struct cm_edit *one = &e->list[i];
        if (in_new + (one->begin - from) > at)
            break;
        in_new += one->begin - from + one->bytes;
        from = one->end;
        if (in_new > at)
            return one->begin;
    }
    return from + (at - in_new);
}

void cm_edits_explain(const struct cm_edits *e, const struct cm_edits_failure *why, const char *text, size_t bytes,
                      struct cm_err **err)
{
    const char *name = cm_yaml_name(e->doc);
    const struct cm_yaml *unended = unended_text(e->doc);
    const struct cm_yaml *alias = why->alias ? alias_of(cm_yaml_root(e->doc), why->alias) : NULL;
    size_t line, column, all, odd = cm_edit_odd_break(e->doc), at = byte_at(text, bytes, why->point);
    cm_yaml_source(e->doc, &all);
    place_of(e->doc, odd < all ? odd : in_old_text(e, at), &line, &column);
    if (unended) {
        cm_fail(err, CM_E_USAGE, "%s:%u:%u: the file ends within this text, and its last line has no line break", name,
                unended->line, unended->column);
        cm_hint(err, "End the file's last line with a line break, then start again. Nothing was changed.");
    } else if (odd < all) {
        cm_fail(err, CM_E_USAGE,
                "%s:%zu:%zu: a lone carriage return, a Unicode line break or a byte order mark; the file cannot be edited safely",
                name, line, column);
        cm_hint(err, "Save the file with ordinary line breaks, and without such a mark, then start again. Nothing was changed.");
    } else if (alias) {
        cm_fail(err, CM_E_USAGE, "%s:%u:%u: the alias *%s would come before its anchor", name, alias->line, alias->column,
                alias->text);
        cm_hint(err, "Write out what it stands for in its place, then start again. Nothing was changed.");
    } else if (why->problem && at < bytes && text[at] == '\t') {
        cm_fail(err, CM_E_USAGE, "%s:%zu:%zu: a tab before a comment; the file cannot be edited safely", name, line, column);
        cm_hint(err, "Write spaces in its place, then start again. Nothing was changed.");
    } else {
        cm_fail(err, CM_E_USAGE, "%s:%zu:%zu: cannot be edited safely: the changed text does not read as it should%s%s", name, line,
                column, why->problem ? ": " : "", why->problem ? why->problem : "");
        cm_hint(err, "Nothing was written. Make this change by hand.");
    }
}
