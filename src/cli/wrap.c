/* Text in lines for people: see wrap.h. */
#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "base/columns.h"
#include "cli/wrap.h"

void cm_print_wrapped_to(FILE *out, const char *text, size_t at, size_t indent, size_t most)
{
    bool first = true;
    while (*text) {
        size_t bytes = strcspn(text, " \n"), width = cm_columns(text, bytes);
        if (!first && at + 1 + width > most) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)bytes, text);
        at += width;
        first = false;
        text += bytes;
        if (*text == '\n' && text[1]) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

void cm_print_wrapped(FILE *out, const char *text, size_t at, size_t indent)
{
    cm_print_wrapped_to(out, text, at, indent, CM_WIDTH);
}

void cm_print_entry(FILE *out, size_t indent, const char *name, size_t column, const char *text)
{
    size_t at = indent + cm_columns(name, strlen(name));
    fprintf(out, "%*s%s", (int)indent, "", name);
    if (!*text) {
        fputc('\n', out);
        return;
    }
    if (at + 1 > column) {
        fputc('\n', out);
        at = 0;
    }
    fprintf(out, "%*s", (int)(column - at), "");
    cm_print_wrapped(out, text, column, column);
}
