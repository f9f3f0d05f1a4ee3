/* report/markdown.c: the blocks as Markdown (GitHub's tables). Texts come from outside: what Markdown or HTML would take for marks is
 * escaped, so that a title of content cannot change the report. */
#include <config.h>

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "report/parts.h"

static bool word(char c) { return isalnum((unsigned char)c) || (unsigned char)c >= 0x80; }

/* Only where it means something, so that the file reads well as text, too. */
static bool special(const char *begin, const char *s)
{
    bool line_begins = s == begin || s[-1] == '\n';
    if (*s == '_')
        return line_begins || !word(s[-1]) || !word(s[1]);
    if (strchr("#>+-", *s) != NULL)
        return line_begins;
    return strchr("\\`*[]<|~&", *s) != NULL;
}

/* In a table cell a line cannot end and | would begin the next one. */
static void text(FILE *out, const char *s, bool cell)
{
    for (const char *p = s; *p != '\0'; p++) {
        if (special(s, p))
            fputc('\\', out);
        if (*p == '\n')
            fputs(cell ? "<br>" : "\n", out);
        else if (*p != '\r')
            fputc(*p, out);
    }
}

static void cells(FILE *out, const json_t *row)
{
    size_t i;
    json_t *cell;
    fputc('|', out);
    json_array_foreach(row, i, cell)
    {
        fputc(' ', out);
        text(out, json_string_value(cell), true);
        fputs(" |", out);
    }
    fputc('\n', out);
}

/* Nobody reads more rows as text; they stand in the other formats. */
enum { ROWS_MAX = 1000 };

static void table(FILE *out, const json_t *t)
{
    const json_t *head = json_object_get(t, "head"), *rows = json_object_get(t, "rows");
    size_t i, n = json_array_size(rows), shown = n > ROWS_MAX ? ROWS_MAX : n;
    cells(out, head);
    fputc('|', out);
    for (i = 0; i < json_array_size(head); i++)
        fputs(" --- |", out);
    fputc('\n', out);
    for (i = 0; i < shown; i++)
        cells(out, json_array_get(rows, i));
    fputc('\n', out);
    if (shown < n)
        fprintf(out, "The first %zu of %zu rows; all of them stand in report.html and report.json.\n\n", shown, n);
}

/* A fence longer than any run of backquotes in the text. */
static void pre(FILE *out, const char *s)
{
    size_t longest = 0, now = 0;
    for (const char *p = s; *p != '\0'; p++) {
        now = *p == '`' ? now + 1 : 0;
        longest = now > longest ? now : longest;
    }
    size_t n = longest < 3 ? 3 : longest + 1;
    for (size_t i = 0; i < n; i++)
        fputc('`', out);
    fprintf(out, "\n%s\n", s);
    for (size_t i = 0; i < n; i++)
        fputc('`', out);
    fputs("\n\n", out);
}

static void paragraph(FILE *out, const char *before, const char *s, const char *after)
{
    fputs(before, out);
    text(out, s, false);
    fprintf(out, "%s\n\n", after);
}

static void list(FILE *out, const json_t *items)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        fputs("- ", out);
        text(out, json_string_value(item), true);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void files(FILE *out, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name) fprintf(out, "%s`%s`", i > 0 ? ", " : "", json_string_value(name));
    fputc('\n', out);
}

void cm_report_markdown(const json_t *blocks, FILE *out)
{
    size_t i;
    json_t *b, *value;
    const char *kind;
    json_array_foreach(blocks, i, b) json_object_foreach(b, kind, value)
    {
        const char *s = json_string_value(value);
        if (strcmp(kind, "table") == 0)
            table(out, value);
        else if (strcmp(kind, "list") == 0)
            list(out, value);
        else if (strcmp(kind, "files") == 0)
            files(out, value);
        else if (strcmp(kind, "pre") == 0)
            pre(out, s);
        else if (strcmp(kind, "title") == 0)
            paragraph(out, "# ", s, "");
        else if (strcmp(kind, "part") == 0)
            paragraph(out, "## ", s, "");
        else if (strcmp(kind, "heading") == 0)
            paragraph(out, "### ", s, "");
        else if (strcmp(kind, "subheading") == 0)
            paragraph(out, "#### ", s, "");
        else if (strcmp(kind, "lead") == 0)
            paragraph(out, "**", s, "**");
        else if (strcmp(kind, "text") == 0)
            paragraph(out, "", s, "");
    }
}
