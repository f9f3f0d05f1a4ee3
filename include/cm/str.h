/* cm/str.h: one growable string with a bound given at creation.
 *
 * Growing past the bound adds nothing more and sets `full`: callers that build what must be whole look at it,
 * callers that collect output for people need not. Always NUL-terminated once something was added; use
 * cm_str_text to read. Does not: hold secrets (base/secret.h). */
#ifndef CM_STR_H
#define CM_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cm/err.h>

struct cm_str {
    char *data;
    size_t len;        /* bytes, without the NUL */
    size_t cap;
    size_t max;        /* most bytes it may hold */
    bool full;         /* something was left out */
};

#define CM_STR(max_bytes) { .data = NULL, .len = 0, .cap = 0, .max = (max_bytes), .full = false }
enum { CM_STR_LINE = 8192, CM_STR_PAGE = 1 << 20, CM_STR_BIG = 1 << 28 };    /* usual bounds */

bool cm_str_add(struct cm_str *s, const char *text);                    /* false: full */
bool cm_str_add_bytes(struct cm_str *s, const void *bytes, size_t n);   /* adds as much as fits */
bool cm_str_addf(struct cm_str *s, const char *fmt, ...) CM_PRINTF(2, 3);
bool cm_str_vaddf(struct cm_str *s, const char *fmt, va_list ap) CM_PRINTF(2, 0);
void cm_str_reset(struct cm_str *s);                                    /* empty again, keeps memory and bound */
const char *cm_str_text(const struct cm_str *s);                        /* "" when empty */
char *cm_str_take(struct cm_str *s);                                    /* caller frees; s is empty; never NULL */
void cm_str_fini(struct cm_str *s);

/* A freshly allocated formatted string; caller frees. Never NULL. */
char *cm_fmt(const char *fmt, ...) CM_PRINTF(1, 2);

#define cm_autostr CM_CLEANUP(cm_str_fini) struct cm_str

#endif
