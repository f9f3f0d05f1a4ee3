/* base/mem.h: memory. Allocation never returns NULL: out of memory has one path, a message on stderr and _exit(6);
 * what is on record is safe then, and the same command goes on. cm_mem_init makes jansson use it too. */
#ifndef CM_BASE_MEM_H
#define CM_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#include <jansson.h>

#include <cm/err.h>

void cm_mem_init(void);
void *cm_alloc(size_t n);                       /* zeroed */
void *cm_realloc(void *p, size_t n);
void *cm_grow(void *array, size_t *cap, size_t want, size_t item_bytes);   /* at least `want` items, half as many more; new zeroed */
char *cm_strdup(const char *s);                 /* NULL stays NULL */
char *cm_strndup(const char *s, size_t n);

/* An arena: everything given out lives until the arena is freed. */
struct cm_arena *cm_arena_new(void);
void cm_arena_free(struct cm_arena *a);
void *cm_arena_alloc(struct cm_arena *a, size_t n);                       /* zeroed */
/* A copy with a NUL behind it, at any address: texts lie close. */
char *cm_arena_text(struct cm_arena *a, const char *bytes, size_t n);
char *cm_arena_strdup(struct cm_arena *a, const char *s);
char *cm_arena_fmt(struct cm_arena *a, const char *fmt, ...) CM_PRINTF(2, 3);
json_t *cm_arena_json(struct cm_arena *a, json_t *taken);                 /* decref'd with the arena; returns it */

static inline void cm_free_cleanup(void *p) { free(*(void **)p); }
static inline void cm_json_cleanup(json_t **j) { json_decref(*j); }
static inline void cm_arena_cleanup(struct cm_arena **a) { cm_arena_free(*a); }
#define cm_autofree CM_CLEANUP(cm_free_cleanup)             /* cm_autofree char *x = …; */
#define cm_autojson CM_CLEANUP(cm_json_cleanup) json_t *    /* cm_autojson x = …; */
#define cm_autoarena CM_CLEANUP(cm_arena_cleanup) struct cm_arena *

#endif
