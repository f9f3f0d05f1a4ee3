/* values/launcher_comments.c: the comments of what leaves. Those of a moved pair stand in its lines; those of a map that dissolves go to the
 * first piece that comes out of it; lines that belong to nothing in particular stay where they are. Comments of what is dropped go with
 * it. Does not: look into values. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

/* ---- taken along ---- */

static unsigned char *bits_of(struct cm_launcher_work *w)
{
    size_t bytes;
    cm_yaml_source(w->doc, &bytes);
    if (!w->taken)
        w->taken = cm_alloc(bytes / 8 + 1);
    return w->taken;
}

static void add_comment(struct cm_launcher_work *w, struct cm_str *out, size_t from, size_t to)
{
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    while (from < to && strchr(" \t", s[from]))
        from++;
    while (to > from && strchr(" \t\r\n", s[to - 1]))
        to--;
    if (from < to && s[from] == '#') {
        cm_str_add_bytes(out, s + from, to - from);
        cm_str_add(out, "\n");
        bits_of(w)[from / 8] |= (unsigned char)(1u << from % 8);
    }
}

const char *cm_comment_behind(struct cm_launcher_work *w, const struct cm_yaml *key, const struct cm_yaml *value)
{
    size_t bytes, from = key->end;
    const char *s = cm_yaml_source(w->doc, &bytes);
    struct cm_str out = CM_STR(CM_STR_LINE);
    bool on_its_line = cm_edit_line_begin(w->doc, value->begin) == cm_edit_line_begin(w->doc, key->begin);
    if (on_its_line && value->end > from) /* behind the sign of a block of text, which goes on below */
        from = !value->plain && cm_yaml_body(value) < bytes && strchr("|>", s[cm_yaml_body(value)])
                   ? cm_yaml_body(value) + strspn(s + cm_yaml_body(value), "|>+-0123456789")
                   : value->end;
    while (from < bytes && strchr(": \t", s[from]))
        from++;
    add_comment(w, &out, from, cm_edit_line_end(w->doc, from));
    char *text = out.len ? cm_arena_strdup(w->arena, cm_str_text(&out)) : NULL;
    if (text)
        text[strlen(text) - 1] = '\0';
    cm_str_fini(&out);
    return text;
}

const char *cm_comments_above(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i)
{
    struct cm_extent at;
    if (map->flow || cm_edit_pair(w->doc, map, i, &at, NULL) != 0)
        return w->pending;
    struct cm_str out = CM_STR(CM_STR_PAGE);
    cm_str_add(&out, w->pending ? w->pending : "");
    for (size_t p = at.begin; p < at.line; p = cm_edit_line_end(w->doc, p))
        add_comment(w, &out, p, cm_edit_line_end(w->doc, p));
    const char *text = out.len ? cm_arena_strdup(w->arena, cm_str_text(&out)) : NULL;
    cm_str_fini(&out);
    return text;
}

const char *cm_comments_of(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i)
{
    const char *above = cm_comments_above(w, map, i);
    const char *behind = map->flow ? NULL : cm_comment_behind(w, map->keys[i], map->items[i]);
    return behind ? cm_arena_fmt(w->arena, "%s%s\n", above ? above : "", behind) : above;
}

/* ---- left ---- */

void cm_comments_move(struct cm_launcher_work *w, size_t begin, size_t end)
{
    w->moved = cm_grow(w->moved, &w->moved_cap, w->moved_count + 1, sizeof *w->moved);
    w->moved[w->moved_count++] = (struct cm_span){(uint32_t)begin, (uint32_t)end};
    w->moved_sorted = false;
}

static int by_begin(const void *a, const void *b)
{
    const struct cm_span *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* The first of what was moved that does not begin before this byte. */
static size_t first_moved(struct cm_launcher_work *w, size_t begin)
{
    size_t low = 0, high = w->moved_count;
    if (!w->moved_sorted && w->moved_count)
        qsort(w->moved, w->moved_count, sizeof *w->moved, by_begin);
    w->moved_sorted = true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->moved[middle].begin < begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool something_moved(struct cm_launcher_work *w, size_t begin, size_t end)
{
    size_t at = first_moved(w, begin);
    return at < w->moved_count && w->moved[at].begin < end;
}

struct spans { struct cm_span *list; size_t count, cap; };

static void skip(struct spans *s, size_t begin, size_t end)
{
    s->list = cm_grow(s->list, &s->cap, s->count + 1, sizeof *s->list);
    s->list[s->count++] = (struct cm_span){(uint32_t)begin, (uint32_t)end};
}

/* Where no comment is looked for: in texts of several lines, and in what is dropped. */
static void find_skipped(struct cm_launcher_work *w, const struct cm_yaml *n, struct spans *s)
{
    if (n->type == CM_YAML_SCALAR || n->flow) {
        if (memchr(cm_yaml_source(w->doc, NULL) + n->begin, '\n', n->end - n->begin))
            skip(s, n->begin, n->end);
        return;
    }
    for (size_t i = 0; n->type != CM_YAML_ALIAS && i < n->count; i++) {
        struct cm_extent at;
        bool dropped = n->keys && cm_is_gone(w, n->keys[i]) && cm_edit_pair(w->doc, n, i, &at, NULL) == 0 &&
                       !something_moved(w, at.begin, at.end);
        if (dropped)
            skip(s, at.begin, at.end);
        else
            find_skipped(w, n->items[i], s);
    }
}

/* The comment line at this byte, when nobody took it along. */
static void add_left(struct cm_launcher_work *w, struct cm_str *out, size_t line, size_t next, long indent)
{
    size_t bytes, hash = line;
    const char *s = cm_yaml_source(w->doc, &bytes);
    while (hash < next && s[hash] == ' ')
        hash++;
    if (hash == next || s[hash] != '#' || (bits_of(w)[hash / 8] >> hash % 8 & 1u))
        return;
    cm_edit_shifted(w->doc, line, next, indent - (long)(hash - line), out);
}

const char *cm_comments_left(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i, const struct cm_extent *at)
{
    if (!something_moved(w, at->begin, at->end))
        return "";
    struct spans s = {0};
    struct cm_str out = CM_STR(CM_STR_BIG);
    find_skipped(w, map->items[i], &s); /* in the order of their places */
    size_t k = 0, moved = first_moved(w, at->begin), covered = 0;
    for (size_t line = at->begin, next; line < at->end; line = next) {
        next = cm_edit_line_end(w->doc, line);
        for (; k < s.count && s.list[k].begin <= line; k++)
            covered = s.list[k].end > covered ? s.list[k].end : covered;
        for (; moved < w->moved_count && w->moved[moved].begin <= line; moved++)
            covered = w->moved[moved].end > covered ? w->moved[moved].end : covered;
        if (line >= covered)
            add_left(w, &out, line, next < at->end ? next : at->end, (long)(map->keys[i]->begin - at->line));
    }
    free(s.list);
    const char *text = out.len ? cm_arena_strdup(w->arena, cm_str_text(&out)) : "";
    cm_str_fini(&out);
    return text;
}
