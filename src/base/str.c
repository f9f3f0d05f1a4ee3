/* base/str.c: the growable string with a bound (include/cm/str.h). */
#include <config.h>

#include <cm/str.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Room for n more bytes and the NUL; returns how many of the n may be added. */
static size_t room(struct cm_str *s, size_t n)
{
    size_t left = s->max > s->len ? s->max - s->len : 0;
    if (n > left) {
        s->full = true;
        n = left;
    }
    if (s->len + n + 1 > s->cap) {
        size_t cap = s->cap < 64 ? 64 : s->cap * 2;
        if (cap < s->len + n + 1)
            cap = s->len + n + 1;
        s->data = cm_realloc(s->data, cap);
        s->cap = cap;
    }
    return n;
}

bool cm_str_add_bytes(struct cm_str *s, const void *bytes, size_t n)
{
    size_t fits = room(s, n);
    if (fits > 0)
        memcpy(s->data + s->len, bytes, fits);
    s->len += fits;
    s->data[s->len] = '\0';
    return fits == n;
}

bool cm_str_add(struct cm_str *s, const char *text) { return cm_str_add_bytes(s, text, strlen(text)); }

bool cm_str_vaddf(struct cm_str *s, const char *fmt, va_list ap)
{
    char small[512];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    bool fits = false;
    if (n >= 0 && (size_t)n < sizeof small) {
        fits = cm_str_add_bytes(s, small, (size_t)n);
    } else if (n >= 0) {
        cm_autofree char *big = cm_alloc((size_t)n + 1);
        vsnprintf(big, (size_t)n + 1, fmt, again);
        fits = cm_str_add_bytes(s, big, (size_t)n);
    } else {
        s->full = true; /* an encoding error in a %ls: nothing of ours */
    }
    va_end(again);
    return fits;
}

bool cm_str_addf(struct cm_str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool fits = cm_str_vaddf(s, fmt, ap);
    va_end(ap);
    return fits;
}

void cm_str_reset(struct cm_str *s)
{
    s->len = 0;
    s->full = false;
    if (s->data != NULL)
        s->data[0] = '\0';
}

const char *cm_str_text(const struct cm_str *s) { return s->data == NULL ? "" : s->data; }

char *cm_str_take(struct cm_str *s)
{
    char *text = s->data == NULL ? cm_strdup("") : s->data;
    s->data = NULL;
    s->len = s->cap = 0;
    s->full = false;
    return text;
}

void cm_str_fini(struct cm_str *s)
{
    free(s->data);
    s->data = NULL;
    s->len = s->cap = 0;
}

char *cm_fmt(const char *fmt, ...)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    return cm_str_take(&s);
}
