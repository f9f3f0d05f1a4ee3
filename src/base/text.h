/* base/text.h: small work on text: nearest names, shell quoting, lines. */
#ifndef CM_BASE_TEXT_H
#define CM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/str.h>

/* The known name nearest to `name` (Damerau-Levenshtein, case ignored, at most a third of its length wrong); NULL: none
 * near. `known` is NULL-ended. */
const char *cm_nearest(const char *name, const char *const *known);
/* Quote one word for POSIX sh (as it is when nothing in it is special). */
void cm_shell_quote(struct cm_str *out, const char *word);
char *cm_shell_join(const char *const *argv);          /* a command line for people and for sh; caller frees */
char *cm_last_lines(const char *text, int n);          /* the last n lines that are not empty; caller frees */
bool cm_starts(const char *text, const char *prefix);
bool cm_ends(const char *text, const char *suffix);
/* Compare versions "2026.04.0" by their numbers; text behind the numbers is ignored. <0 0 >0. */
int cm_version_compare(const char *a, const char *b);
/* Find the first YYYY.MM.P in text; caller frees; NULL: none. */
char *cm_version_find(const char *text);
/* Would a spreadsheet take a field of this text for a formula (OWASP, "CSV Injection": =, +, -, @, TAB, CR, and the wide forms), or be told
 * by an apostrophe that it is none? Such a text is written with one more apostrophe, and read without it. */
bool cm_csv_formula(const char *text);
bool cm_utf8_valid(const char *text, size_t n);
size_t cm_utf8_span(const char *text, size_t n);       /* bytes of the longest valid beginning; n: all of it */
void cm_utf8_add(struct cm_str *out, const char *text, size_t n);   /* what is no UTF-8 as U+FFFD, a byte each */

#endif
