/* The longest common subsequence of lines, after what both begin and end with is set aside: see text_diff.h. */
#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text_diff.h"

enum { AROUND = 3 };
/* Two files that differ in more lines than this (squared) are shown as one block taken out and one put in. */
#define TABLE_MAX ((size_t)16 << 20)

struct lines {
    const char **begin;
    size_t *bytes, count;
};
struct change {
    size_t a, a_count, b, b_count;
}; /* lines a.. are replaced by lines b.. */
struct changes {
    struct change *list;
    size_t count, cap;
};

static struct lines split(const char *text)
{
    struct lines l = {NULL, NULL, 0};
    size_t cap = 0, cap2 = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        n += text[n] == '\n';
        l.begin = cm_grow(l.begin, &cap, l.count + 1, sizeof *l.begin);
        l.bytes = cm_grow(l.bytes, &cap2, l.count + 1, sizeof *l.bytes);
        l.begin[l.count] = text;
        l.bytes[l.count++] = n;
        text += n;
    }
    return l;
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
    return a->bytes[i] == b->bytes[j] && memcmp(a->begin[i], b->begin[j], a->bytes[i]) == 0;
}

static void add(struct changes *c, size_t a, size_t a_count, size_t b, size_t b_count)
{
    struct change *last = c->count ? &c->list[c->count - 1] : NULL;
    if (!a_count && !b_count)
        return;
    if (last && last->a + last->a_count == a && last->b + last->b_count == b) {
        last->a_count += a_count;
        last->b_count += b_count;
        return;
    }
    c->list = cm_grow(c->list, &c->cap, c->count + 1, sizeof *c->list);
    c->list[c->count++] = (struct change){a, a_count, b, b_count};
}

/* Lines from..from+n of a against from..from+m of b, by the table of common lengths. */
static void compare(const struct lines *a, const struct lines *b, size_t from, size_t n, size_t m, struct changes *out)
{
    if (!n || !m || n > TABLE_MAX / m) {
        add(out, from, n, from, m);
        return;
    }
    cm_autofree uint32_t *common = cm_alloc((n + 1) * (m + 1) * sizeof *common);
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            uint32_t down = common[(i + 1) * (m + 1) + j], right = common[i * (m + 1) + j + 1];
            common[i * (m + 1) + j] = same(a, from + i, b, from + j) ? common[(i + 1) * (m + 1) + j + 1] + 1
                                      : down > right                 ? down
                                                                     : right;
        }
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        if (i < n && j < m && same(a, from + i, b, from + j)) {
            i++;
            j++;
        } else if (i < n && (j == m || common[(i + 1) * (m + 1) + j] >= common[i * (m + 1) + j + 1])) {
            add(out, from + i++, 1, from + j, 0);
        } else {
            add(out, from + i, 0, from + j++, 1);
        }
    }
}

static void put_lines(struct cm_str *out, char mark, const struct lines *l, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        cm_str_addf(out, "%c%.*s", mark, (int)l->bytes[i], l->begin[i]);
        if (l->begin[i][l->bytes[i] - 1] != '\n')
            cm_str_add(out, "\n\\ No newline at end of file\n");
    }
}

/* GNU's rule: an empty range names the line before it. */
static void put_range(struct cm_str *out, char mark, size_t from, size_t count)
{
    size_t first = count ? from + 1 : from;
    if (count == 1)
        cm_str_addf(out, "%c%zu", mark, first);
    else
        cm_str_addf(out, "%c%zu,%zu", mark, first, count);
}

/* Changes first..last (exclusive) in one hunk. */
static void put_hunk(struct cm_str *out, const struct lines *a, const struct lines *b, const struct change *first,
                     const struct change *last)
{
    const struct change *end = last - 1;
    size_t before = first->a < AROUND ? first->a : AROUND;
    size_t rest = a->count - (end->a + end->a_count), after = rest < AROUND ? rest : AROUND;
    size_t a_from = first->a - before, a_to = end->a + end->a_count + after, b_from = first->b - before,
           b_to = end->b + end->b_count + after;
    cm_str_add(out, "@@ ");
    put_range(out, '-', a_from, a_to - a_from);
    cm_str_add(out, " ");
    put_range(out, '+', b_from, b_to - b_from);
    cm_str_add(out, " @@\n");
    size_t at = a_from;
    for (const struct change *c = first; c < last; c++) {
        put_lines(out, ' ', a, at, c->a);
        put_lines(out, '-', a, c->a, c->a + c->a_count);
        put_lines(out, '+', b, c->b, c->b + c->b_count);
        at = c->a + c->a_count;
    }
    put_lines(out, ' ', a, at, a_to);
}

static void put_all(struct cm_str *out, const struct lines *a, const struct lines *b, const struct changes *c)
{
    for (size_t i = 0, j; i < c->count; i = j) {
        for (j = i + 1; j < c->count && c->list[j].a - (c->list[j - 1].a + c->list[j - 1].a_count) <= 2 * AROUND; j++)
            continue;
        put_hunk(out, a, b, &c->list[i], &c->list[j]);
    }
}

char *cm_text_diff(const char *before_name, const char *before, const char *after_name, const char *after)
{
    struct lines a = split(before), b = split(after);
    struct changes c = {NULL, 0, 0};
    cm_autostr out = CM_STR(CM_STR_BIG);
    size_t head = 0, tail = 0;
    while (head < a.count && head < b.count && same(&a, head, &b, head))
        head++;
    while (tail < a.count - head && tail < b.count - head && same(&a, a.count - 1 - tail, &b, b.count - 1 - tail))
        tail++;
    compare(&a, &b, head, a.count - head - tail, b.count - head - tail, &c);
    if (c.count)
        cm_str_addf(&out, "--- %s\n+++ %s\n", before_name, after_name);
    put_all(&out, &a, &b, &c);
    free(c.list);
    free(a.begin);
    free(a.bytes);
    free(b.begin);
    free(b.bytes);
    return cm_str_take(&out);
}
