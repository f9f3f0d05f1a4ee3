/* base/columns.h: how wide text stands on a terminal, and text made safe to be shown there. Text is UTF-8; a column is a cell of the
 * terminal: wide characters (CJK, emoji) take two, combining ones none, as wcwidth(3) says in the locale at hand. */
#ifndef CM_BASE_COLUMNS_H
#define CM_BASE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/str.h>

/* Of the first `bytes` bytes. A byte that is no UTF-8 counts as one column. */
size_t cm_columns(const char *text, size_t bytes);
/* Bytes of the longest beginning that is no wider than `columns`; never cuts a character or what combines with it. */
size_t cm_columns_span(const char *text, size_t columns);
/* Append text, cut to at most `columns` with "..." at its end where something was left out. */
void cm_columns_clip(struct cm_str *out, const char *text, size_t columns);
/* What other people wrote (a content's title, a server's answer) may hold control characters, and those move a cursor or recolour a
 * terminal: each is replaced by "?", but for line feed and tab. utf8 false: so is what is not ASCII. Caller frees. */
char *cm_printable(const char *text, bool utf8);
/* Does the locale's character set hold everything? (setlocale was called.) */
bool cm_locale_is_utf8(void);

#endif
