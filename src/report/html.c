/* report/html.c: the blocks as one HTML file that needs nothing else: no script, no font, no request; light, dark and on paper. */
#include <config.h>

#include <string.h>

#include "base/json.h"
#include "report/parts.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--ground:#fff;--shade:#f6f8fa;--good:#1a7f37;"
    "--bad:#cf222e;--care:#9a6700}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--ground:#0d1117;--shade:#151b23;"
    "--good:#3fb950;--bad:#f85149;--care:#d29922}}\n"
    "body{margin:0 auto;max-width:75rem;padding:1.5rem;background:var(--ground);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem}h2{margin-top:2rem;border-bottom:1px solid var(--line);font-size:1.2rem}h3{font-size:1rem}\n"
    ".verdict{border-left:.4rem solid var(--care);padding:.5rem 1rem;background:var(--shade);font-weight:600;font-size:1.1rem}\n"
    ".verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}\n"
    "th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\n"
    "th{background:var(--shade);white-space:nowrap}td{white-space:pre-line}\n"
    "pre{background:var(--shade);padding:.75rem;overflow-x:auto}\n"
    "@media print{:root{--ink:#000;--ground:#fff;--shade:#fff;--line:#999}body{max-width:none;padding:0;font-size:10pt}"
    "h2,h3{break-after:avoid}tr{break-inside:avoid}.wide{overflow:visible}}\n";

static void text(FILE *out, const char *s)
{
    for (; *s != '\0'; s++)
        switch (*s) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        default: fputc(*s, out);
        }
}

static void element(FILE *out, const char *open, const char *s, const char *close)
{
    fputs(open, out);
    text(out, s);
    fprintf(out, "%s\n", close);
}

static void cells(FILE *out, const json_t *row, const char *open, const char *close)
{
    size_t i;
    json_t *cell;
    fputs("<tr>", out);
    json_array_foreach(row, i, cell)
    {
        fputs(open, out);
        text(out, json_string_value(cell));
        fputs(close, out);
    }
    fputs("</tr>\n", out);
}

static void table(FILE *out, const json_t *t)
{
    size_t i;
    json_t *row;
    fputs("<div class=\"wide\"><table><thead>", out);
    cells(out, json_object_get(t, "head"), "<th scope=\"col\">", "</th>");
    fputs("</thead><tbody>\n", out);
    json_array_foreach(json_object_get(t, "rows"), i, row) cells(out, row, "<td>", "</td>");
    fputs("</tbody></table></div>\n", out);
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

/* Green only for what ended with nothing left to do. */
static const char *verdict_open(const json_t *report)
{
    const char *state = cm_json_text(report, "state", "");
    bool ended = strcmp(state, "done") == 0 || strcmp(state, "rolled-back") == 0 || strcmp(state, "final") == 0;
    bool clean = cm_json_int(report, "status", -1) == CM_E_OK;
    if (strcmp(state, "failed") == 0 || strcmp(state, "blocked") == 0)
        return "<p class=\"verdict bad\">";
    return ended && clean ? "<p class=\"verdict good\">" : "<p class=\"verdict\">";
}

static void one(FILE *out, const json_t *report, const char *kind, const json_t *value)
{
    const char *s = json_string_value(value);
    if (strcmp(kind, "table") == 0)
        table(out, value);
    else if (strcmp(kind, "list") == 0)
        list(out, value);
    else if (strcmp(kind, "files") == 0)
        files(out, value);
    else if (strcmp(kind, "pre") == 0)
        element(out, "<pre>", s, "</pre>");
    else if (strcmp(kind, "title") == 0)
        element(out, "<h1>", s, "</h1>");
    else if (strcmp(kind, "heading") == 0)
        element(out, "<h2>", s, "</h2>");
    else if (strcmp(kind, "subheading") == 0)
        element(out, "<h3>", s, "</h3>");
    else if (strcmp(kind, "lead") == 0)
        element(out, verdict_open(report), s, "</p>");
    else
        element(out, "<p>", s, "</p>");
}

void cm_report_html(const json_t *blocks, const json_t *report, FILE *out)
{
    size_t i;
    json_t *b, *value;
    const char *kind;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
          out);
    element(out, "<title>Migration report: ", cm_json_text(report, "plan", ""), "</title>");
    fprintf(out, "<style>\n%s</style>\n</head>\n<body>\n", style);
    json_array_foreach(blocks, i, b) json_object_foreach(b, kind, value) one(out, report, kind, value);
    fputs("</body>\n</html>\n", out);
}
