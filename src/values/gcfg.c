/* values/gcfg.c: the reader of Connect's configuration file format.
 *
 * The grammar is that of the gcfg library, as measured (gopkg.in/gcfg.v1 1.2.3): names begin with a letter; comments begin with ';'
 * or '#' anywhere outside quotes; double quotes open and close anywhere in a value; a backslash is an escape inside quotes and, outside
 * of them, only before a quote or a line end. Does not: judge settings (values/settings.c), write files. */
#include <config.h>

#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <wctype.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "values/gcfg.h"

struct cm_gcfg_more {
    struct cm_arena *arena; /* every text of every setting */
    struct cm_arena *headers;
    size_t cap;
    char *tail;
    locale_t letters; /* knows what a letter is beyond ASCII; 0: nobody does, and then none is */
};

/* Where the reader stands. Names of the current section are shared by its settings. */
struct reader {
    struct cm_gcfg *g;
    const char *p, *end, *name, *line_start;
    size_t line;
    struct cm_gcfg_header *in;
    struct cm_str comment; /* lines waiting for their setting */
    char *header_comment;
    struct cm_str value;
    struct cm_err **err;
};

struct cm_gcfg *cm_gcfg_new(void)
{
    struct cm_gcfg *g = cm_alloc(sizeof *g);
    g->more = cm_alloc(sizeof *g->more);
    g->more->arena = cm_arena_new();
    g->more->headers = cm_arena_new();
    g->more->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return g;
}

void cm_gcfg_free(struct cm_gcfg *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        if (g->list[i].value)
            explicit_bzero(g->list[i].value, g->list[i].value_bytes); /* may be a password */
    cm_arena_free(g->more->arena);
    cm_arena_free(g->more->headers);
    if (g->more->letters)
        freelocale(g->more->letters);
    free(g->more);
    free(g->list);
    free(g->names);
    free(g);
}

const char *cm_gcfg_tail(const struct cm_gcfg *g) { return g->more->tail; }

const char *cm_gcfg_header_comment(const struct cm_gcfg *g, size_t i)
{
    return i == 0 || g->list[i - 1].in != g->list[i].in ? g->list[i].in->comment : NULL;
}

bool cm_gcfg_same_name(const char *a, const char *b) { return strcasecmp(a, b) == 0; }

/* The code point here, which is beyond ASCII, and its bytes; the text is valid UTF-8. */
static uint32_t point_at(const char *at, size_t *n)
{
    const unsigned char *s = (const unsigned char *)at;
    *n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t c = s[0] & (0xffu >> (*n + 1));
    for (size_t i = 1; i < *n; i++)
        c = c << 6 | (s[i] & 0x3fu);
    return c;
}

static size_t column_of(const struct reader *r, const char *at)
{
    size_t column = 1;
    for (const char *c = r->line_start; c < at; c++)
        if (((unsigned char)*c & 0xc0) != 0x80)
            column++;
    return column;
}

/* What is on the line here, or in it: a template that nobody rendered; a character that looks like a blank or a quote and is none. */
static void hint_at(struct reader *r, const char *at)
{
    static const char *const marks[] = {"{{", "{%", "{#", "<%", NULL};
    const char *nl = memchr(r->line_start, '\n', (size_t)(r->end - r->line_start));
    size_t line_bytes = (size_t)((nl ? nl : r->end) - r->line_start), n;
    for (const char *const *m = marks; *m; m++)
        if (memmem(r->line_start, line_bytes, *m, 2))
            cm_hint(r->err, "This is a template (Jinja, ERB): convert the file that is made of it, as it stands on the server.");
    uint32_t c = at < r->end && (unsigned char)*at >= 0x80 ? point_at(at, &n) : 0;
    if (c)
        cm_hint(r->err, "The character there is U+%04X. If it came along from a web page, type it anew.", (unsigned)c);
}

static int fault(struct reader *r, const char *at, const char *what)
{
    cm_fail(r->err, CM_E_USAGE, "%s:%zu:%zu: %s", r->name, r->line, column_of(r, at), what);
    hint_at(r, at);
    return -1;
}

/* How many bytes the letter here has; 0: there is none. A no-break space or a curly quote, as pasted from a web page, is none. */
static size_t letter_bytes(const struct reader *r)
{
    if (r->p >= r->end)
        return 0;
    const unsigned char *s = (const unsigned char *)r->p;
    if (s[0] < 0x80)
        return (s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z');
    size_t n;
    uint32_t c = point_at(r->p, &n);
    return r->g->more->letters && iswalpha_l((wint_t)c, r->g->more->letters) ? n : 0;
}

static bool at_letter(const struct reader *r) { return letter_bytes(r) > 0; }

static size_t name_bytes(const struct reader *r)
{
    bool other = r->p < r->end && ((*r->p >= '0' && *r->p <= '9') || *r->p == '-');
    return other ? 1 : letter_bytes(r);
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

static bool at_line_end(const struct reader *r) { return r->p >= r->end || *r->p == '\n'; }

static void next_line(struct reader *r)
{
    if (r->p < r->end)
        r->p++;
    r->line++;
    r->line_start = r->p;
}

/* A comment up to the line's end waits for the next setting. */
static void take_comment(struct reader *r)
{
    const char *from = r->p, *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
    r->p = nl ? nl : r->end;
    const char *to = r->p;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    if (r->comment.len)
        cm_str_add(&r->comment, "\n");
    cm_str_add_bytes(&r->comment, from, (size_t)(to - from));
}

static char *given_comment(struct reader *r, char *otherwise)
{
    if (!r->comment.len)
        return otherwise;
    char *text = cm_arena_strdup(r->g->more->arena, cm_str_text(&r->comment));
    cm_str_reset(&r->comment);
    return text;
}

static char *read_name(struct reader *r)
{
    const char *from = r->p;
    for (size_t n; (n = name_bytes(r)) > 0;)
        r->p += n;
    cm_autofree char *name = cm_strndup(from, (size_t)(r->p - from));
    return cm_arena_strdup(r->g->more->arena, name);
}

/* A sub-section's name: in quotes, with \\ and \" as its only escapes. */
static int read_sub(struct reader *r)
{
    const char *open = r->p++;
    cm_str_reset(&r->value);
    for (;; r->p++) {
        if (at_line_end(r))
            return fault(r, open, "the quote of the sub-section's name is never closed");
        if (*r->p == '"')
            break;
        if (*r->p == '\\') {
            if (r->p + 1 >= r->end || (r->p[1] != '\\' && r->p[1] != '"'))
                return fault(r, r->p, "in a sub-section's name a backslash stands only before a quote or a backslash");
            r->p++;
        }
        if (*r->p != '\r')
            cm_str_add_bytes(&r->value, r->p, 1);
    }
    r->p++;
    if (!r->value.len)
        return fault(r, open, "the sub-section's name is empty");
    r->in->sub = cm_arena_strdup(r->g->more->arena, cm_str_text(&r->value));
    return 0;
}

static int read_header(struct reader *r)
{
    r->p++;
    skip_blanks(r);
    if (!at_letter(r))
        return fault(r, r->p, "expected the name of a section: a letter, then letters, digits and '-'");
    r->in = cm_arena_alloc(r->g->more->headers, sizeof *r->in);
    r->in->section = read_name(r);
    r->in->file = r->name;
    skip_blanks(r);
    if (r->p < r->end && *r->p == '"' && read_sub(r) != 0)
        return -1;
    skip_blanks(r);
    if (r->p >= r->end || *r->p != ']')
        return fault(r, r->p, "expected ']' or a sub-section's name in quotes; names have letters, digits and '-' only");
    r->p++;
    r->header_comment = given_comment(r, r->header_comment);
    return 0;
}

static int escape_in_quotes(struct reader *r)
{
    char c = r->p + 1 < r->end ? r->p[1] : '\0';
    const char *put = c == 'n' ? "\n" : c == 't' ? "\t" : c == '"' ? "\"" : c == '\\' ? "\\" : NULL;
    if (!put) {
        fault(r, r->p, "inside quotes a backslash stands only before n, t, a quote or a backslash");
        cm_hint(r->err, "Write a backslash inside quotes as two: \\\\.");
        return -1;
    }
    cm_str_add_bytes(&r->value, put, 1);
    r->p += 2;
    return 0;
}

static int escape_bare(struct reader *r)
{
    const char *after = r->p + 1;
    if (after < r->end && *after == '\r')
        after++;
    if (after < r->end && *after == '\n') { /* the value goes on, the next line's leading blanks included */
        r->p = after;
        next_line(r);
        return 0;
    }
    if (after < r->end && *after == '"') {
        cm_str_add(&r->value, "\"");
        r->p = after + 1;
        return 0;
    }
    fault(r, r->p, "outside quotes a backslash stands only before a quote or at a line's end");
    cm_hint(r->err, "Put the value in quotes and write each backslash as two: \"C:\\\\x\".");
    return -1;
}

/* The value up to the line's end or a comment; blanks at both ends that no quotes hold are no part of it. */
static int read_value(struct reader *r)
{
    const char *open = NULL;
    size_t keep = 0, open_line = 0;
    cm_str_reset(&r->value);
    while (r->p < r->end) {
        char c = *r->p;
        if (!open && (c == '\n' || c == ';' || c == '#'))
            break;
        if (c == '\n')
            break;
        if (c == '\\') {
            if ((open ? escape_in_quotes(r) : escape_bare(r)) != 0)
                return -1;
            keep = r->value.len;
            continue;
        }
        if (c == '"') {
            open = open ? NULL : r->p;
            open_line = r->line;
            keep = r->value.len;
        } else if (c != '\r') {
            cm_str_add_bytes(&r->value, &c, 1);
            if (open || (c != ' ' && c != '\t'))
                keep = r->value.len;
        }
        r->p++;
    }
    if (open && open_line == r->line)
        return fault(r, open, "the quote is never closed");
    if (open)
        return fault(r, r->line_start, "a quote of this value is never closed");
    r->value.len = keep;
    if (r->value.data)
        r->value.data[keep] = '\0';
    return 0;
}

/* Room for as many settings as the text has lines: untouched memory costs nothing, doubling would. */
static void make_room(struct cm_gcfg *g, const char *text, size_t bytes)
{
    size_t lines = 1;
    for (const char *p = text, *end = text + bytes; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    if (g->count + lines > g->more->cap) {
        g->more->cap = g->count + lines;
        g->list = cm_realloc(g->list, g->more->cap * sizeof *g->list);
    }
}

static struct cm_gcfg_setting *add(struct cm_gcfg *g)
{
    if (g->count == g->more->cap)
        g->list = cm_grow(g->list, &g->more->cap, g->count + 1, sizeof *g->list);
    struct cm_gcfg_setting *s = &g->list[g->count++];
    memset(s, 0, sizeof *s);
    return s;
}

/* "p@ss;word": the sign touches the value and the text behind it. Perhaps it was meant to be part of the value. */
static char cut_at(const struct reader *r)
{
    bool sign = r->p + 1 < r->end && (*r->p == ';' || *r->p == '#');
    return sign && r->value.len && !strchr(" \t\"", r->p[-1]) && !strchr(" \t\r\n", r->p[1]) ? *r->p : '\0';
}

static int read_setting(struct reader *r)
{
    if (!r->in) {
        fault(r, r->p, "a setting before the first section header");
        cm_hint(r->err, "Write a line like [Server] above it.");
        return -1;
    }
    const char *at = r->p;
    size_t line = r->line, column = column_of(r, at);
    char *key = read_name(r);
    skip_blanks(r);
    bool bare = at_line_end(r) || *r->p == ';' || *r->p == '#';
    if (!bare) {
        if (*r->p != '=')
            return fault(r, r->p, "expected '=' behind the setting's name; names have letters, digits and '-' only");
        r->p++;
        skip_blanks(r);
        if (read_value(r) != 0)
            return -1;
    }
    struct cm_gcfg_setting *s = add(r->g);
    s->in = r->in;
    s->key = key;
    s->value = bare ? NULL : cm_arena_text(r->g->more->arena, cm_str_text(&r->value), r->value.len);
    s->value_bytes = bare ? 0 : (uint32_t)r->value.len;
    s->cut_at = bare ? '\0' : cut_at(r);
    s->line = (uint32_t)line;
    s->column = (uint32_t)column;
    if (r->p < r->end && (*r->p == ';' || *r->p == '#'))
        take_comment(r); /* a comment behind it belongs to it as well */
    s->comment = given_comment(r, NULL);
    if (r->header_comment)
        r->in->comment = r->header_comment;
    r->header_comment = NULL;
    return 0;
}

static int read_line(struct reader *r)
{
    skip_blanks(r);
    bool header = false;
    if (r->p < r->end && *r->p == '[') {
        header = true;
        if (read_header(r) != 0)
            return -1;
    } else if (at_letter(r)) {
        if (read_setting(r) != 0)
            return -1;
    } else if (!at_line_end(r) && *r->p != ';' && *r->p != '#') {
        return fault(r, r->p, "expected a section header like [Server], a setting or a comment");
    }
    skip_blanks(r);
    if (r->p < r->end && (*r->p == ';' || *r->p == '#'))
        take_comment(r);
    if (!at_line_end(r))
        return fault(r, r->p, header ? "expected the line's end behind the section header" : "expected the line's end");
    next_line(r);
    return 0;
}

/* gcfg refuses what is no text, before anything else. */
static int check_text(struct reader *r)
{
    const char *nul = memchr(r->p, '\0', (size_t)(r->end - r->p));
    if (!nul && cm_utf8_valid(r->p, (size_t)(r->end - r->p)))
        return 0;
    for (;; next_line(r)) {
        const char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
        size_t n = (size_t)((nl ? nl : r->end) - r->p);
        const char *zero = memchr(r->p, '\0', n);
        if (zero)
            return fault(r, zero, "a NUL byte; this is no text");
        if (!cm_utf8_valid(r->p, n)) {
            cm_fail(r->err, CM_E_USAGE, "%s:%zu:1: this line is not valid UTF-8", r->name, r->line);
            cm_hint(r->err, "Convert the file, for instance with iconv -f latin1 -t utf-8.");
            return -1;
        }
        if (!nl)
            return 0;
        r->p = nl;
    }
}

static const char *own_name(struct cm_gcfg *g, const char *name)
{
    g->names = cm_realloc(g->names, (g->name_count + 1) * sizeof *g->names);
    g->names[g->name_count] = cm_arena_strdup(g->more->arena, name);
    return g->names[g->name_count++];
}

int cm_gcfg_add(struct cm_gcfg *g, const char *text, size_t bytes, const char *name, struct cm_err **err)
{
    struct reader r = {.g = g,
                       .p = text,
                       .end = text + bytes,
                       .name = own_name(g, name),
                       .line_start = text,
                       .line = 1,
                       .comment = CM_STR(CM_STR_BIG),
                       .value = CM_STR(CM_STR_BIG),
                       .err = err};
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r.p = r.line_start = text + 3;
    const char *start = r.p;
    int rc = check_text(&r);
    r.p = r.line_start = start;
    r.line = 1;
    make_room(g, text, bytes);
    while (rc == 0 && r.p < r.end)
        rc = read_line(&r);
    if (rc == 0) {
        char *last = given_comment(&r, NULL);
        g->more->tail = r.header_comment && last ? cm_arena_fmt(g->more->arena, "%s\n%s", r.header_comment, last)
                        : last                   ? last
                                                 : r.header_comment;
    }
    cm_str_fini(&r.comment);
    cm_wipe(r.value.data, r.value.cap);
    cm_str_fini(&r.value);
    return rc;
}

const struct cm_gcfg_setting *cm_gcfg_find(const struct cm_gcfg *g, const char *section, const char *sub, const char *key)
{
    for (size_t i = g->count; i > 0; i--) {
        const struct cm_gcfg_setting *s = &g->list[i - 1];
        if (cm_gcfg_same_name(s->in->section, section) && cm_gcfg_same_name(s->key, key) &&
            (s->in->sub ? sub && strcmp(s->in->sub, sub) == 0 : !sub))
            return s;
    }
    return NULL;
}

const char *cm_gcfg_get(const struct cm_gcfg *g, const char *section, const char *sub, const char *key)
{
    const struct cm_gcfg_setting *s = cm_gcfg_find(g, section, sub, key);
    return !s ? NULL : s->value ? s->value : "true";
}

bool cm_gcfg_bool_word(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *value = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

bool cm_gcfg_bool(const struct cm_gcfg *g, const char *section, const char *key, bool otherwise)
{
    const char *text = cm_gcfg_get(g, section, NULL, key);
    bool value = otherwise;
    return text && cm_gcfg_bool_word(text, &value) ? value : otherwise;
}

/* "CONNECT_SERVER_ADDRESS=x" → section SERVER, key ADDRESS. Names of sections and settings have no '_', so two parts it must be. */
static bool split_variable(struct cm_gcfg *g, const char *variable, struct cm_gcfg_setting *out, struct cm_gcfg_header *in)
{
    const char *equals = strchr(variable, '='), *section = variable + 8;
    if (!equals || strncmp(variable, "CONNECT_", 8) != 0 || strncmp(section, "API_KEY=", 8) == 0)
        return false;
    const char *middle = memchr(section, '_', (size_t)(equals - section));
    if (!middle || middle == section || middle + 1 == equals || memchr(middle + 1, '_', (size_t)(equals - middle - 1)))
        return false;
    struct cm_arena *a = g->more->arena;
    in->section = cm_arena_text(a, section, (size_t)(middle - section));
    out->in = in;
    out->key = cm_arena_text(a, middle + 1, (size_t)(equals - middle - 1));
    out->value = cm_arena_strdup(a, equals + 1);
    out->value_bytes = (uint32_t)strlen(equals + 1);
    return true;
}

int cm_gcfg_add_environment(struct cm_gcfg *g, const char *const *variables, struct cm_err **err)
{
    for (; variables && *variables; variables++) {
        struct cm_gcfg_setting s = {.from_environment = true};
        struct cm_gcfg_header *in = cm_arena_alloc(g->more->headers, sizeof *in);
        if (!split_variable(g, *variables, &s, in))
            continue;
        if (!cm_utf8_valid(s.value, s.value_bytes))
            return cm_fail(err, CM_E_USAGE, "the environment variable CONNECT_%s_%s: expected text in UTF-8", in->section, s.key);
        cm_autofree char *name = cm_fmt("environment CONNECT_%s_%s", in->section, s.key);
        in->file = own_name(g, name);
        *add(g) = s;
    }
    return 0;
}
