/* Text by rows: see rows.h. */
#include <config.h>

#include "cli/rows.h"

#include <stdarg.h>
#include <string.h>

#include "base/columns.h"
#include "base/mem.h"

void cm_rows_fini(struct cm_rows *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->list[i]);
    free(r->list);
    *r = (struct cm_rows){0};
}

static void take(struct cm_rows *r, char *taken)
{
    r->list = cm_grow(r->list, &r->cap, r->count + 1, sizeof *r->list);
    r->list[r->count++] = taken;
}

void cm_rows_add(struct cm_rows *r, const char *text) { take(r, cm_strdup(text)); }

void cm_rows_addf(struct cm_rows *r, const char *fmt, ...)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    take(r, cm_str_take(&s));
}

/* The longest beginning that fits, up to a blank where there is one. */
static size_t fitting(const char *text, size_t line, size_t room)
{
    size_t n = cm_columns_span(text, room);
    if (n >= line)
        return line;
    size_t blank = n;
    while (blank > 0 && text[blank] != ' ')
        blank--;
    return blank > 0 ? blank : n > 0 ? n : 1;
}

void cm_rows_wrap(struct cm_rows *r, const char *first, const char *rest, const char *text, size_t width)
{
    const char *prefix = first;
    do {
        size_t line = strcspn(text, "\n"), used = cm_columns(prefix, strlen(prefix));
        size_t n = fitting(text, line, width > used ? width - used : 1);
        cm_rows_addf(r, "%s%.*s", prefix, (int)n, text);
        text += n;
        while (*text == ' ')
            text++;
        text += *text == '\n';
        prefix = rest;
    } while (*text != '\0');
}

size_t cm_rows_shown(const struct cm_rows *r, size_t columns)
{
    size_t rows = 0;
    for (size_t i = 0; i < r->count; i++) {
        size_t wide = cm_columns(r->list[i], strlen(r->list[i]));
        rows += wide == 0 ? 1 : (wide + columns - 1) / columns;
    }
    return rows;
}

void cm_rows_print(const struct cm_rows *r, struct cm_str *out)
{
    for (size_t i = 0; i < r->count; i++)
        cm_str_addf(out, "%s\n", r->list[i]);
}
