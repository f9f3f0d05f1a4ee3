/* cli/rows.h: text for the last screen, made row by row, so that rows can be counted and left out. */
#ifndef CM_CLI_ROWS_H
#define CM_CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/str.h>

struct cm_rows { char **list; size_t count, cap; };

void cm_rows_fini(struct cm_rows *r);
void cm_rows_add(struct cm_rows *r, const char *text);                 /* one row as it is */
void cm_rows_addf(struct cm_rows *r, const char *fmt, ...) CM_PRINTF(2, 3);
/* Wrapped at `width`: the first row begins with `first`, the others with `rest`. A word that is longer is cut into rows; line breaks in
 * the text stay. */
void cm_rows_wrap(struct cm_rows *r, const char *first, const char *rest, const char *text, size_t width);
/* How many rows of a terminal this many columns wide they take. */
size_t cm_rows_shown(const struct cm_rows *r, size_t columns);
void cm_rows_print(const struct cm_rows *r, struct cm_str *out);       /* each with a newline */

#define CM_ROWS CM_CLEANUP(cm_rows_fini) struct cm_rows

#endif
