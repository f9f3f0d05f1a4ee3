/* Text on a terminal: see columns.h. wcwidth(3) knows the widths; in a locale that is not UTF-8 it knows only ASCII, and every other
 * character is taken to be one column wide. */
#include <config.h>

#include "base/columns.h"

#include <langinfo.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

/* The character at text[0], which has `n` bytes at least one. Returns its bytes; *cp: -1 where it is no UTF-8. */
static size_t decode(const char *text, size_t n, int32_t *cp)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t bytes = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
    *cp = -1;
    if (bytes == 0 || bytes > n)
        return 1;
    int32_t c = bytes == 1 ? p[0] : p[0] & (0x3f >> (bytes - 1));
    for (size_t i = 1; i < bytes; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (p[i] & 0x3f);
    }
    *cp = c;
    return bytes;
}

static size_t width(int32_t cp)
{
    if (cp < 0)
        return 1;
    int w = wcwidth((wchar_t)cp);
    return w < 0 ? 1 : (size_t)w;
}

size_t cm_columns(const char *text, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes;) {
        int32_t cp;
        i += decode(text + i, bytes - i, &cp);
        n += width(cp);
    }
    return n;
}

size_t cm_columns_span(const char *text, size_t columns)
{
    size_t bytes = strlen(text), at = 0, used = 0;
    while (at < bytes) {
        int32_t cp;
        size_t step = decode(text + at, bytes - at, &cp);
        if (used + width(cp) > columns)
            break;
        used += width(cp);
        at += step;
    }
    return at;
}

void cm_columns_clip(struct cm_str *out, const char *text, size_t columns)
{
    static const char dots[] = "...";
    size_t bytes = strlen(text);
    if (cm_columns(text, bytes) <= columns) {
        cm_str_add(out, text);
        return;
    }
    size_t tail = columns < sizeof dots - 1 ? columns : sizeof dots - 1;
    cm_str_add_bytes(out, text, cm_columns_span(text, columns - tail));
    cm_str_add_bytes(out, dots, tail);
}

char *cm_printable(const char *text, bool utf8)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes;) {
        int32_t cp;
        size_t step = decode(text + i, bytes - i, &cp);
        bool control = cp < 0 || (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0);
        if (control || (!utf8 && cp >= 0x80))
            cm_str_add(&s, "?");
        else
            cm_str_add_bytes(&s, text + i, step);
        i += step;
    }
    return cm_str_take(&s);
}

bool cm_locale_is_utf8(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }
