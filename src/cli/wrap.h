/* cli/wrap.h: text for people in lines of at most 79 columns, or as wide as is asked for. A column is a cell of the terminal. */
#ifndef CM_CLI_WRAP_H
#define CM_CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>

enum { CM_WIDTH = 79 };

/* Write `text`, the first line from column `at` on, the others from column `indent`; a word that is longer than a line stands as it
 * is; line breaks in the text stay. A newline at the end. */
void cm_print_wrapped(FILE *out, const char *text, size_t at, size_t indent);
void cm_print_wrapped_to(FILE *out, const char *text, size_t at, size_t indent, size_t width);
/* "  name      text …" in two columns, the second at `column`; a long name gets a line of its own. */
void cm_print_entry(FILE *out, size_t indent, const char *name, size_t column, const char *text);

#endif
