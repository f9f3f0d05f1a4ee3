/* values/index.c: an open-addressed table of names; nothing is ever taken out. */
#include <config.h>

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "values/index.h"

struct cm_index {
    char **slots; /* each the number and then the name; NULL: free */
    size_t count, size;
    struct cm_arena *names;
};

struct cm_index *cm_index_new_for(size_t names)
{
    struct cm_index *x = cm_alloc(sizeof *x);
    x->size = 64;
    while (x->size / 4 * 3 <= names)
        x->size *= 2;
    x->slots = cm_alloc(x->size * sizeof *x->slots);
    x->names = cm_arena_new();
    return x;
}

struct cm_index *cm_index_new(void) { return cm_index_new_for(0); }

void cm_index_free(struct cm_index *x)
{
    if (!x)
        return;
    cm_arena_free(x->names);
    free(x->slots);
    free(x);
}

/* FNV-1a, 64 bits. */
static size_t hash(const char *name)
{
    uint64_t h = 1469598103934665603u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(h ^ h >> 29);
}

static const char *name_in(const char *slot) { return slot + sizeof(uint32_t); }

static char **find(const struct cm_index *x, const char *name)
{
    for (size_t i = hash(name) % x->size;; i = (i + 1) % x->size)
        if (!x->slots[i] || strcmp(name_in(x->slots[i]), name) == 0)
            return &x->slots[i];
}

bool cm_index_get(const struct cm_index *x, const char *name, size_t *number)
{
    const char *slot = *find(x, name);
    uint32_t found = 0;
    if (!slot)
        return false;
    memcpy(&found, slot, sizeof found);
    *number = found;
    return true;
}

static void grow(struct cm_index *x)
{
    char **old = x->slots;
    size_t n = x->size;
    x->size *= 2;
    x->slots = cm_alloc(x->size * sizeof *x->slots);
    for (size_t i = 0; i < n; i++)
        if (old[i])
            *find(x, name_in(old[i])) = old[i];
    free(old);
}

void cm_index_put(struct cm_index *x, const char *name, size_t number)
{
    char **slot = find(x, name);
    uint32_t kept = (uint32_t)number;
    if (!*slot) {
        if (x->count * 4 >= x->size * 3) {
            grow(x);
            slot = find(x, name);
        }
        size_t n = sizeof kept + strlen(name);
        cm_autofree char *both = cm_alloc(n + 1);
        memcpy(both + sizeof kept, name, n - sizeof kept);
        *slot = cm_arena_text(x->names, both, n);
        x->count++;
    }
    memcpy(*slot, &kept, sizeof kept);
}

static char *lower(char *to, const char *text)
{
    while (*text)
        *to++ = (char)tolower((unsigned char)*text++);
    return to;
}

char *cm_setting_name(const char *section, const char *sub, const char *key)
{
    char *name = cm_alloc(strlen(section) + (sub ? strlen(sub) : 0) + strlen(key) + 4), *p = lower(name, section);
    if (sub) {
        *p++ = '\x1e'; /* [S ""] cannot be written, but [S] and [S "x"] must never meet */
        p = memcpy(p, sub, strlen(sub));
        p += strlen(sub);
    }
    *p++ = '\x1f';
    lower(p, key);
    return name;
}
