/* base/json.h: reading jansson values without ceremony. "path" is dotted: "metadata.labels" (a key that itself has dots
 * cannot be reached that way; use json_object_get). */
#ifndef CM_BASE_JSON_H
#define CM_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/err.h>

const json_t *cm_json_at(const json_t *j, const char *path);                       /* NULL: not there */
const char *cm_json_text(const json_t *j, const char *path, const char *otherwise);
int64_t cm_json_int(const json_t *j, const char *path, int64_t otherwise);
bool cm_json_bool(const json_t *j, const char *path, bool otherwise);             /* true also for "1" and "true" */
char *cm_json_canonical(const json_t *j);                                          /* sorted, compact; caller frees */
json_t *cm_json_parse(const char *text, size_t n, const char *what, struct cm_err **err);   /* new reference */
/* For jansson's macros and packing, which take json_t * where they only read: the same value without const. */
static inline json_t *cm_json_loose(const json_t *j)
{
    union { const json_t *read; json_t *plain; } u = {j};
    return u.plain;
}
json_t *cm_json_strings(const char *const *list);                                  /* array of strings; NULL-ended */

#endif
