/* base/mem.c: allocation with one path for out of memory, and arenas (base/mem.h). */
#include <config.h>

#include "base/mem.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cm/str.h>

static _Noreturn void out_of_memory(void)
{
    static const char text[] =
        "connect-migrate-run: out of memory; what is on record is safe, run the same command again to go on\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(CM_E_INTERNAL);
}

static void *json_alloc(size_t n)
{
    void *p = malloc(n == 0 ? 1 : n);
    if (p == NULL)
        out_of_memory();
    return p;
}

void cm_mem_init(void) { json_set_alloc_funcs(json_alloc, free); }

void *cm_alloc(size_t n)
{
    void *p = calloc(1, n == 0 ? 1 : n);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *cm_realloc(void *p, size_t n)
{
    void *q = realloc(p, n == 0 ? 1 : n);
    if (q == NULL)
        out_of_memory();
    return q;
}

void *cm_grow(void *array, size_t *cap, size_t want, size_t item_bytes)
{
    if (want <= *cap)
        return array;
    if (*cap > SIZE_MAX / 2)
        out_of_memory();
    size_t more = *cap < 8 ? 8 : *cap + *cap / 2;
    if (more < want)
        more = want;
    if (item_bytes != 0 && more > SIZE_MAX / item_bytes)
        out_of_memory();
    char *p = cm_realloc(array, more * item_bytes);
    memset(p + *cap * item_bytes, 0, (more - *cap) * item_bytes);
    *cap = more;
    return p;
}

char *cm_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = cm_alloc(len + 1);
    memcpy(copy, s, len);
    return copy;
}

char *cm_strdup(const char *s) { return s == NULL ? NULL : cm_strndup(s, strlen(s)); }

/* ---- arenas ---- */

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct cm_arena {
    struct chunk *chunks;
    json_t **values;
    size_t count, cap;
};

struct cm_arena *cm_arena_new(void) { return cm_alloc(sizeof(struct cm_arena)); }

void cm_arena_free(struct cm_arena *a)
{
    if (a == NULL)
        return;
    for (struct chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    for (size_t i = a->count; i-- > 0;)
        json_decref(a->values[i]);
    free(a->values);
    free(a);
}

static void *take(struct cm_arena *a, size_t n, size_t align)
{
    if (n > SIZE_MAX / 2)
        out_of_memory();
    struct chunk *c = a->chunks;
    if (c != NULL)
        c->used += (align - c->used % align) % align;
    if (c == NULL || c->used > c->size || c->size - c->used < n) {
        size_t size = n > 16384 ? n : 16384;
        c = cm_alloc(sizeof *c + size);
        c->size = size;
        c->next = a->chunks;
        a->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += n;
    return p;
}

/* The size of a structure, and of an array of them, is a multiple of what it must be aligned to. */
void *cm_arena_alloc(struct cm_arena *a, size_t n)
{
    size_t align = alignof(max_align_t);
    while (n % align != 0)
        align /= 2;
    return take(a, n, align);
}

char *cm_arena_text(struct cm_arena *a, const char *bytes, size_t n)
{
    char *text = take(a, n + 1, 1);
    if (n > 0)
        memcpy(text, bytes, n);
    return text;
}

char *cm_arena_strdup(struct cm_arena *a, const char *s) { return s == NULL ? NULL : cm_arena_text(a, s, strlen(s)); }

char *cm_arena_fmt(struct cm_arena *a, const char *fmt, ...)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    char *text = cm_arena_strdup(a, cm_str_text(&s));
    cm_str_fini(&s);
    return text;
}

json_t *cm_arena_json(struct cm_arena *a, json_t *taken)
{
    if (taken == NULL)
        return NULL;
    a->values = cm_grow(a->values, &a->cap, a->count + 1, sizeof *a->values);
    a->values[a->count++] = taken;
    return taken;
}
