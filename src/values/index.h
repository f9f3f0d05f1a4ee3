/* values/index.h: names to numbers, in constant time each. Names are compared byte by byte: the caller folds their case. */
#ifndef CM_VALUES_INDEX_H
#define CM_VALUES_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct cm_index;

struct cm_index *cm_index_new(void);
/* With room for as many names as there may be: untouched memory costs nothing, growing would. */
struct cm_index *cm_index_new_for(size_t names);
void cm_index_free(struct cm_index *x);
/* The number of a name; false: it has none. */
bool cm_index_get(const struct cm_index *x, const char *name, size_t *number);
/* Give a name a number below 2^32, or another one. The name is copied. */
void cm_index_put(struct cm_index *x, const char *name, size_t number);

/* "section\x1fsub\x1fkey" with section and key in lower case; sub NULL: none. Caller frees. */
char *cm_setting_name(const char *section, const char *sub, const char *key);

#endif
