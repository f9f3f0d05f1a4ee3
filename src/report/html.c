/* report/html.c: blocks as one HTML file: see html.h. */
#include <config.h>

#include "report/html.h"

#include <ctype.h>
#include <string.h>

#include <cm/str.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/parts.h"

/* Rows of a big table that stand in the page itself; texts longer than this are folded. */
enum { FIRST_ROWS = 100, LONG_TEXT = 400, SUMMARY = 120 };

void cm_html_text(FILE *out, const char *s)
{
    for (; *s != '\0'; s++)
        switch (*s) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        case '\n':
        case '\t': fputc(*s, out); break;
        default:
            if ((unsigned char)*s < 0x20 || *s == 0x7f)
                fputs("\xEF\xBF\xBD", out);
            else
                fputc(*s, out);
        }
}

static void element(FILE *out, const char *open, const char *s, const char *close)
{
    fputs(open, out);
    cm_html_text(out, s);
    fprintf(out, "%s\n", close);
}

/* "Who said what" as an anchor: who-said-what */
static void anchor(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fputc(isalnum((unsigned char)*text) ? tolower((unsigned char)*text) : '-', out);
}

/* ---- cells ---- */

/* The mark of a state's word; the word itself always stands beside it. */
static const char *state_class(const char *word)
{
    static const struct {
        const char *word, *name;
    } known[] = {
        {"done", "good-word"},    {"ok", "good-word"},      {"failed", "bad-word"},       {"blocker", "bad-word"},
        {"act", "bad-word"},      {"warning", "care-word"}, {"unknown", "care-word"},     {"look", "care-word"},
        {"skipped", "care-word"}, {"waiting", "care-word"}, {"interrupted", "care-word"}, {"rolled-back", "care-word"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].word, word) == 0)
            return known[i].name;
    return "";
}

struct shape {
    const json_t *table;
    unsigned long numbers; /* a bit a column */
    int64_t state;
    bool facts;
};

static struct shape shape_of(const json_t *table)
{
    struct shape s = {table, 0, cm_json_int(table, "state", -1), cm_json_bool(table, "facts", false)};
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(table, "numbers"), i, n) s.numbers |= 1UL << json_integer_value(n);
    return s;
}

static bool is_number(const struct shape *s, size_t column) { return column < 64 && (s->numbers >> column & 1) != 0; }

/* Long texts (a script that was sent to a server) are folded to their beginning. */
static void cell_text(FILE *out, const char *text)
{
    if (strlen(text) <= LONG_TEXT) {
        cm_html_text(out, text);
        return;
    }
    size_t n = strcspn(text, "\n");
    n = n < SUMMARY ? n : SUMMARY;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--; /* not within a character */
    cm_autofree char *beginning = cm_strndup(text, n);
    fputs("<details><summary>", out);
    cm_html_text(out, beginning);
    fputs(" …</summary><pre>", out);
    cm_html_text(out, text);
    fputs("</pre></details>", out);
}

static void cell(FILE *out, const struct shape *s, size_t column, const char *text, const char *url)
{
    const char *mark = s->state == (int64_t)column ? state_class(text) : is_number(s, column) ? "n" : "";
    if (s->facts && column == 0) {
        fputs("<th scope=\"row\">", out);
        cm_html_text(out, text);
        fputs("</th>", out);
        return;
    }
    fprintf(out, *mark != '\0' ? "<td class=\"%s\">" : "<td>", mark);
    if (url != NULL) {
        fputs("<a rel=\"noreferrer\" href=\"", out);
        cm_html_text(out, url);
        fputs("\">", out);
        cm_html_text(out, text);
        fputs("</a>", out);
    } else if (s->facts) {
        cm_html_text(out, text);
    } else {
        cell_text(out, text);
    }
    fputs("</td>", out);
}

/* ---- tables ---- */

static void rows(FILE *out, const struct shape *s, size_t from, size_t to)
{
    const json_t *all = json_object_get(s->table, "rows"), *urls = json_object_get(s->table, "urls");
    int64_t linked = cm_json_int(s->table, "link", -1);
    fputs("<tbody>\n", out);
    for (size_t i = from; i < to; i++) {
        const json_t *row = json_array_get(all, i);
        fputs("<tr>", out);
        for (size_t k = 0; k < json_array_size(row); k++)
            cell(out, s, k, json_string_value(json_array_get(row, k)),
                 linked == (int64_t)k ? json_string_value(json_array_get(urls, i)) : NULL);
        fputs("</tr>\n", out);
    }
    fputs("</tbody>", out);
}

static void head(FILE *out, const struct shape *s)
{
    const json_t *names = json_object_get(s->table, "head");
    fputs("<caption>", out);
    cm_html_text(out, cm_json_text(s->table, "caption", ""));
    fputs("</caption><thead><tr>", out);
    for (size_t k = 0; k < json_array_size(names); k++) {
        fprintf(out, "<th scope=\"col\"%s>", is_number(s, k) ? " class=\"n\"" : "");
        cm_html_text(out, json_string_value(json_array_get(names, k)));
        fputs("</th>", out);
    }
    fputs("</tr></thead>", out);
}

/* The words that the state's column has, each once. */
static void state_words(FILE *out, const struct shape *s)
{
    cm_autojson seen = json_object();
    const json_t *all = json_object_get(s->table, "rows");
    for (size_t i = 0; s->state >= 0 && i < json_array_size(all); i++) {
        const char *word = json_string_value(json_array_get(json_array_get(all, i), (size_t)s->state));
        if (word == NULL || json_object_get(seen, word) != NULL)
            continue;
        fprintf(out, "%s", json_object_size(seen) > 0 ? " " : "");
        cm_html_text(out, word);
        json_object_set_new(seen, word, json_true());
    }
}

static void table(FILE *out, const json_t *t, size_t number)
{
    struct shape s = shape_of(t);
    size_t n = json_array_size(json_object_get(t, "rows")), first = n;
    bool big = cm_json_bool(t, "big", false);
    if (big && n > FIRST_ROWS)
        first = FIRST_ROWS;
    if (big) {
        fprintf(out, "<div class=\"big\" data-rows=\"%zu\" data-state=\"%lld\" data-words=\"", n, (long long)s.state);
        state_words(out, &s);
        fprintf(out, "\">\n<p class=\"count\">%zu rows%s.</p>\n", n,
                first < n ? "; a browser without scripts shows them in two tables" : "");
    }
    fprintf(out, "<div class=\"wide%s\"><table id=\"table-%zu\">", s.facts ? " facts" : "", number);
    head(out, &s);
    rows(out, &s, 0, first);
    fputs("</table></div>\n", out);
    if (first < n) {
        fputs("<noscript><div class=\"wide\"><table>", out);
        head(out, &s);
        rows(out, &s, first, n);
        fputs("</table></div></noscript>\n", out);
    }
    if (big)
        fputs("</div>\n", out);
}

static void list(FILE *out, const json_t *items)
{
    size_t i;
    json_t *item;
    fputs("<ul>\n", out);
    json_array_foreach(items, i, item) element(out, "<li>", json_string_value(item), "</li>");
    fputs("</ul>\n", out);
}

static void files(FILE *out, const json_t *names)
{
    size_t i;
    json_t *name;
    fputs("<p>", out);
    json_array_foreach(names, i, name) element(out, i > 0 ? ", <code>" : "<code>", json_string_value(name), "</code>");
    fputs("</p>\n", out);
}

/* ---- the document ---- */

struct document {
    FILE *out;
    const char *verdict;
    const json_t *report;
    size_t tables;
    bool in_section;
};

static void anchored(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s id=\"", tag);
    anchor(out, text);
    fputs("\">", out);
    cm_html_text(out, text);
    fprintf(out, "</%s>\n", tag);
}

static void part(struct document *d, const char *text)
{
    fprintf(d->out, "%s<section>\n", d->in_section ? "</section>\n" : "");
    d->in_section = true;
    anchored(d->out, "h2", text);
}

static void one(struct document *d, const char *kind, const json_t *value)
{
    const char *s = json_string_value(value);
    if (strcmp(kind, "table") == 0)
        table(d->out, value, ++d->tables);
    else if (strcmp(kind, "list") == 0)
        list(d->out, value);
    else if (strcmp(kind, "files") == 0)
        files(d->out, value);
    else if (strcmp(kind, "picture") == 0 && d->report != NULL)
        (strcmp(s, "stages") == 0 ? cm_picture_stages : cm_picture_builds)(d->out, d->report);
    else if (strcmp(kind, "pre") == 0)
        element(d->out, "<pre>", s, "</pre>");
    else if (strcmp(kind, "part") == 0)
        part(d, s);
    else if (strcmp(kind, "heading") == 0)
        anchored(d->out, d->in_section ? "h3" : "h2", s);
    else if (strcmp(kind, "subheading") == 0)
        element(d->out, d->in_section ? "<h4>" : "<h3>", s, d->in_section ? "</h4>" : "</h3>");
    else if (strcmp(kind, "lead") == 0) {
        fprintf(d->out, "<p class=\"verdict%s%s\">", *d->verdict != '\0' ? " " : "", d->verdict);
        element(d->out, "", s, "</p>");
    } else if (strcmp(kind, "text") == 0)
        element(d->out, "<p>", s, "</p>");
}

static void contents(FILE *out, const json_t *blocks)
{
    size_t i;
    json_t *b;
    bool open = false;
    fputs("<nav aria-label=\"Contents\">\n", out);
    json_array_foreach(blocks, i, b)
    {
        const char *top = cm_json_text(b, "part", NULL), *heading = cm_json_text(b, "heading", top);
        if (heading == NULL)
            continue;
        fprintf(out, "%s", top == NULL ? "<li>" : open ? "</ul>\n<p>" : "<p>");
        fputs("<a href=\"#", out);
        anchor(out, heading);
        fputs("\">", out);
        cm_html_text(out, heading);
        fputs(top == NULL ? "</a></li>\n" : "</a></p>\n<ul>\n", out);
        open = true;
    }
    fputs(open ? "</ul>\n</nav>\n" : "</nav>\n", out);
}

/* The script with its digest in base64, as a policy names it (CSP Level 2, hash-source). */
static char *script_digest(const char *script)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char sum[33] = {0};
    char out[45];
    cm_sha256(script, strlen(script), sum);
    for (size_t i = 0, k = 0; i < 33; i += 3, k += 4) {
        unsigned bits = (unsigned)sum[i] << 16 | (unsigned)sum[i + 1] << 8 | sum[i + 2];
        for (size_t n = 0; n < 4; n++)
            out[k + n] = digits[bits >> (18 - 6 * n) & 63];
    }
    memcpy(out + 43, "=", 2);
    return cm_strdup(out);
}

static char *whole_script(void)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (size_t i = 0; cm_html_script[i] != NULL; i++)
        cm_str_add(&s, cm_html_script[i]);
    return cm_str_take(&s);
}

void cm_html_document(FILE *out, const char *title, const json_t *blocks, const char *verdict, bool with_contents,
                      const json_t *report)
{
    struct document d = {.out = out, .verdict = verdict, .report = report};
    cm_autofree char *script = whole_script(), *digest = script_digest(script);
    size_t i;
    json_t *b, *value;
    const char *kind;
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            "script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
            digest);
    element(out, "<title>", title, "</title>");
    fputs("<style>\n", out);
    for (i = 0; cm_html_style[i] != NULL; i++)
        fputs(cm_html_style[i], out);
    fputs("</style>\n</head>\n<body>\n", out);
    element(out, "<header><h1>", title, "</h1></header>");
    if (with_contents)
        contents(out, blocks);
    fputs("<main>\n", out);
    json_array_foreach(blocks, i, b) json_object_foreach(b, kind, value) one(&d, kind, value);
    fprintf(out, "%s</main>\n<script>%s</script>\n</body>\n</html>\n", d.in_section ? "</section>\n" : "", script);
}

/* ---- the report ---- */

/* Green only for what ended with nothing left to do. */
static const char *verdict_of(const json_t *report)
{
    const char *state = cm_json_text(report, "state", "");
    bool ended = strcmp(state, "done") == 0 || strcmp(state, "rolled-back") == 0 || strcmp(state, "final") == 0;
    if (strcmp(state, "failed") == 0 || strcmp(state, "blocked") == 0)
        return "bad";
    bool whole = json_array_size(json_object_get(report, "left_out")) == 0;
    return ended && whole && cm_json_int(report, "status", -1) == CM_E_OK ? "good" : "";
}

void cm_report_html(const json_t *blocks, const json_t *report, FILE *out)
{
    cm_autofree char *title = cm_fmt("Migration report: %s", cm_json_text(report, "plan", ""));
    cm_html_document(out, title, blocks, verdict_of(report), true, report);
}
