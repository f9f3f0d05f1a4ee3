/* The difference of two texts by lines: see text_diff.h. Lines that stand once in each text and in the same order are common (the idea of
 * Bram Cohen's patience diff); between two of them the same is done again, and small pieces are compared in full. The work is that of
 * sorting, not of comparing each line with each. */
#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text_diff.h"

enum { AROUND = 3, DEEPEST = 12 };
/* Two pieces of this many lines (multiplied) are compared line by line. */
#define TABLE_MAX ((size_t)1 << 16)

struct lines {
    const char **begin;
    size_t *bytes, count;
    uint32_t *id; /* equal lines of both texts have the same */
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
    struct lines l = {NULL, NULL, 0, NULL};
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

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j) { return a->id[i] == b->id[j]; }

/* ---- equal lines, by numbers ---- */

struct names {
    uint32_t *slot; /* id + 1; 0: free */
    const char **text;
    size_t *bytes, size, count;
};

static size_t hash(const char *text, size_t bytes)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static uint32_t id_of(struct names *n, const char *text, size_t bytes)
{
    size_t at = hash(text, bytes) & (n->size - 1);
    for (; n->slot[at]; at = (at + 1) & (n->size - 1)) {
        uint32_t id = n->slot[at] - 1;
        if (n->bytes[id] == bytes && memcmp(n->text[id], text, bytes) == 0)
            return id;
    }
    n->text[n->count] = text;
    n->bytes[n->count] = bytes;
    n->slot[at] = (uint32_t)++n->count;
    return n->slot[at] - 1;
}

static size_t number(struct lines *a, struct lines *b)
{
    struct lines *const both[] = {a, b};
    size_t all = a->count + b->count;
    struct names n = {.size = 16};
    while (n.size < all * 2)
        n.size *= 2;
    n.slot = cm_alloc(n.size * sizeof *n.slot);
    n.text = cm_alloc((all + 1) * sizeof *n.text);
    n.bytes = cm_alloc((all + 1) * sizeof *n.bytes);
    for (int k = 0; k < 2; k++) {
        both[k]->id = cm_alloc((both[k]->count + 1) * sizeof *both[k]->id);
        for (size_t i = 0; i < both[k]->count; i++)
            both[k]->id[i] = id_of(&n, both[k]->begin[i], both[k]->bytes[i]);
    }
    free(n.slot);
    free(n.text);
    free(n.bytes);
    return n.count;
}

/* ---- matching ---- */

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

struct match {
    const struct lines *a, *b;
    struct changes *out;
    uint32_t *in_a, *in_b, *where; /* by id: how often in the piece of a, of b; where in b */
};
struct piece {
    size_t a, a_end, b, b_end;
};

/* By the table of common lengths. */
static void compare_small(const struct match *m, const struct piece *p)
{
    size_t n = p->a_end - p->a, o = p->b_end - p->b, i = 0, j = 0;
    cm_autofree uint32_t *common = cm_alloc((n + 1) * (o + 1) * sizeof *common);
    for (size_t x = n; x-- > 0;)
        for (size_t y = o; y-- > 0;) {
            uint32_t down = common[(x + 1) * (o + 1) + y], right = common[x * (o + 1) + y + 1];
            common[x * (o + 1) + y] = same(m->a, p->a + x, m->b, p->b + y) ? common[(x + 1) * (o + 1) + y + 1] + 1
                                      : down > right                       ? down
                                                                           : right;
        }
    while (i < n || j < o) {
        if (i < n && j < o && same(m->a, p->a + i, m->b, p->b + j)) {
            i++;
            j++;
        } else if (i < n && (j == o || common[(i + 1) * (o + 1) + j] >= common[i * (o + 1) + j + 1])) {
            add(m->out, p->a + i++, 1, p->b + j, 0);
        } else {
            add(m->out, p->a + i, 0, p->b + j++, 1);
        }
    }
}

/* Lines that stand once in each piece, as pairs in the order of a. Their number. */
static size_t find_unique(struct match *m, const struct piece *p, size_t (*pairs)[2])
{
    size_t count = 0;
    for (size_t i = p->a; i < p->a_end; i++)
        m->in_a[m->a->id[i]]++;
    for (size_t j = p->b; j < p->b_end; j++) {
        m->in_b[m->b->id[j]]++;
        m->where[m->b->id[j]] = (uint32_t)j;
    }
    for (size_t i = p->a; i < p->a_end; i++) {
        uint32_t id = m->a->id[i];
        if (m->in_a[id] == 1 && m->in_b[id] == 1) {
            pairs[count][0] = i;
            pairs[count++][1] = m->where[id];
        }
    }
    for (size_t i = p->a; i < p->a_end; i++)
        m->in_a[m->a->id[i]] = 0;
    for (size_t j = p->b; j < p->b_end; j++)
        m->in_b[m->b->id[j]] = 0;
    return count;
}

/* The longest run of pairs that goes up in b as well, kept at the beginning of the array. Its length. */
static size_t keep_rising(size_t (*pairs)[2], size_t count)
{
    cm_autofree size_t *top = cm_alloc((count + 1) * sizeof *top), *before = cm_alloc((count + 1) * sizeof *before);
    size_t piles = 0;
    for (size_t i = 0; i < count; i++) {
        size_t low = 0, high = piles;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (pairs[top[middle]][1] < pairs[i][1])
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low ? top[low - 1] : 0;
        top[low] = i;
        piles += low == piles;
    }
    size_t at = piles ? top[piles - 1] : 0;
    for (size_t k = piles; k-- > 0; at = before[at])
        top[k] = at;
    for (size_t k = 0; k < piles; k++)
        memmove(pairs[k], pairs[top[k]], sizeof *pairs);
    return piles;
}

static void compare(struct match *m, struct piece p, int depth)
{
    while (p.a < p.a_end && p.b < p.b_end && same(m->a, p.a, m->b, p.b)) {
        p.a++;
        p.b++;
    }
    while (p.a < p.a_end && p.b < p.b_end && same(m->a, p.a_end - 1, m->b, p.b_end - 1)) {
        p.a_end--;
        p.b_end--;
    }
    size_t n = p.a_end - p.a, o = p.b_end - p.b;
    if (!n || !o) {
        add(m->out, p.a, n, p.b, o);
        return;
    }
    if (n <= TABLE_MAX / o) {
        compare_small(m, &p);
        return;
    }
    cm_autofree size_t(*pairs)[2] = cm_alloc((n + 1) * sizeof *pairs);
    size_t count = depth < DEEPEST ? keep_rising(pairs, find_unique(m, &p, pairs)) : 0;
    if (!count)
        add(m->out, p.a, n, p.b, o);
    for (size_t k = 0; count && k <= count; k++) {
        size_t a = k < count ? pairs[k][0] : p.a_end, b = k < count ? pairs[k][1] : p.b_end;
        compare(m, (struct piece){p.a, a, p.b, b}, depth + 1);
        p.a = a + 1;
        p.b = b + 1;
    }
}

/* ---- printing ---- */

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

static void free_lines(struct lines *l)
{
    free(l->begin);
    free(l->bytes);
    free(l->id);
}

char *cm_text_diff(const char *before_name, const char *before, const char *after_name, const char *after)
{
    struct lines a = split(before), b = split(after);
    struct changes c = {NULL, 0, 0};
    cm_autostr out = CM_STR(CM_STR_BIG);
    size_t names = number(&a, &b) + 1;
    struct match m = {&a, &b, &c, NULL, NULL, NULL};
    m.in_a = cm_alloc(names * 3 * sizeof *m.in_a);
    m.in_b = m.in_a + names;
    m.where = m.in_b + names;
    compare(&m, (struct piece){0, a.count, 0, b.count}, 0);
    if (c.count)
        cm_str_addf(&out, "--- %s\n+++ %s\n", before_name, after_name);
    put_all(&out, &a, &b, &c);
    free(m.in_a);
    free(c.list);
    free_lines(&a);
    free_lines(&b);
    return cm_str_take(&out);
}
