/* base/text.c: small work on text (base/text.h). */
#include <config.h>

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static bool same_letter(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

/* Edits (insert, delete, replace, swap of neighbours) from a to b: Damerau-Levenshtein, restricted form. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), w = m + 1;
    cm_autofree size_t *d = cm_alloc(3 * w * sizeof *d);
    size_t *before = d, *last = d + w, *row = d + 2 * w;
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
            row[j] = smaller(smaller(last[j] + 1, row[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *t = before;
        before = last;
        last = row;
        row = t;
    }
    return last[m];
}

const char *cm_nearest(const char *name, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = 0, n = strlen(name);
    if (n > 256)
        return NULL;
    for (size_t i = 0; known[i] != NULL; i++) {
        size_t m = strlen(known[i]), longer = n > m ? n : m;
        if (longer - smaller(n, m) > longer / 3)
            continue;
        size_t d = distance(name, known[i]);
        if (d <= longer / 3 && (best == NULL || d < best_distance)) {
            best = known[i];
            best_distance = d;
        }
    }
    return best;
}

void cm_shell_quote(struct cm_str *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        cm_str_add(out, word);
        return;
    }
    cm_str_add(out, "'");
    for (;;) {
        size_t n = strcspn(word, "'");
        cm_str_add_bytes(out, word, n);
        word += n;
        if (*word == '\0')
            break;
        cm_str_add(out, "'\\''");
        word++;
    }
    cm_str_add(out, "'");
}

char *cm_shell_join(const char *const *argv)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
        if (i > 0)
            cm_str_add(&s, " ");
        cm_shell_quote(&s, argv[i]);
    }
    return cm_str_take(&s);
}

static bool blank(const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    return from == to;
}

char *cm_last_lines(const char *text, int n)
{
    if (text == NULL)
        return cm_strdup("");
    struct cm_str s = CM_STR(CM_STR_PAGE);
    const char *end = text + strlen(text), *from = end;
    for (int lines = 0; from > text && lines < n;) {
        const char *to = from;
        if (to[-1] == '\n')
            to--;
        from = to;
        while (from > text && from[-1] != '\n')
            from--;
        if (!blank(from, to))
            lines++;
    }
    while (from < end) {
        const char *to = memchr(from, '\n', (size_t)(end - from));
        if (to == NULL)
            to = end;
        const char *stop = to > from && to[-1] == '\r' ? to - 1 : to;
        if (!blank(from, to)) {
            if (s.len > 0)
                cm_str_add(&s, "\n");
            cm_str_add_bytes(&s, from, (size_t)(stop - from));
        }
        from = to < end ? to + 1 : end;
    }
    return cm_str_take(&s);
}

bool cm_starts(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

bool cm_ends(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* The next number of a version; advances over it and over one dot that a digit follows. False: no more. */
static bool next_number(const char **p, unsigned long *value)
{
    const char *s = *p;
    if (!isdigit((unsigned char)*s))
        return false;
    *value = 0;
    for (; isdigit((unsigned char)*s); s++)
        if (*value < 100000000)
            *value = *value * 10 + (unsigned long)(*s - '0');
    if (*s == '.' && isdigit((unsigned char)s[1]))
        *p = s + 1;
    else
        *p = "";
    return true;
}

int cm_version_compare(const char *a, const char *b)
{
    if (*a == 'v' || *a == 'V')
        a++;
    if (*b == 'v' || *b == 'V')
        b++;
    for (;;) {
        unsigned long x = 0, y = 0;
        bool more_a = next_number(&a, &x), more_b = next_number(&b, &y);
        if (!more_a && !more_b)
            return 0;
        if (x != y)
            return x < y ? -1 : 1;
    }
}

static size_t digits(const char *s)
{
    size_t n = 0;
    while (isdigit((unsigned char)s[n]))
        n++;
    return n;
}

char *cm_version_find(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (!isdigit((unsigned char)*p) || (p > text && (isdigit((unsigned char)p[-1]) || p[-1] == '.')))
            continue;
        if (digits(p) == 4 && p[4] == '.' && digits(p + 5) == 2 && p[7] == '.' && digits(p + 8) > 0)
            return cm_strndup(p, 8 + digits(p + 8));
    }
    return NULL;
}

size_t cm_utf8_span(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0;
    while (i < n) {
        unsigned char c = s[i];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 9;
        if (more == 9 || more > n - i - 1)
            return i;
        for (size_t k = 1; k <= more; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return i;
        /* overlong forms, surrogates, above U+10FFFF (RFC 3629) */
        if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) || (c == 0xf0 && s[i + 1] < 0x90) ||
            (c == 0xf4 && s[i + 1] > 0x8f))
            return i;
        i += more + 1;
    }
    return n;
}

void cm_utf8_add(struct cm_str *out, const char *text, size_t n)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    for (size_t i = 0; i < n; i++) {
        size_t valid = cm_utf8_span(text + i, n - i);
        cm_str_add_bytes(out, text + i, valid);
        i += valid;
        if (i < n)
            cm_str_add(out, replacement);
    }
}

bool cm_csv_formula(const char *text)
{
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}; /* = + - @, U+FF1D … */
    text += strspn(text, "'");
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (cm_starts(text, wide[i]))
            return true;
    return *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
}

bool cm_utf8_valid(const char *text, size_t n) { return cm_utf8_span(text, n) == n; }
