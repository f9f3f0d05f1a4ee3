/* values/variables.h: environment variables as systemd gives them to a unit: the words of `Environment=`, the lines of an
 * EnvironmentFile. Does not: read files, or know which variables mean something. */
#ifndef CM_VALUES_VARIABLES_H
#define CM_VALUES_VARIABLES_H

#include <stddef.h>

#include <cm/err.h>

struct cm_variables {
    char **items;          /* "NAME=value", NULL-ended; NULL: none yet */
    size_t count, cap;
};

/* The words of `Environment=` (behind the sign), as a unit file or `systemctl show` has them: parted by blanks; "…" with backslashes, '…',
 * or $'…' around a word that needs it. What is no NAME=value is passed over. */
void cm_variables_words(struct cm_variables *v, const char *text);
/* The lines of an EnvironmentFile (systemd.exec(5)): NAME=value, '#' and ';' comments, quotes, a backslash at a line's end. What is no
 * variable is passed over, as systemd does; with `name` it is an error with its place (CM_E_USAGE), `Environment=` lines are taken
 * as words, and "export " may stand before a name. */
int cm_variables_file(struct cm_variables *v, const char *text, const char *name, struct cm_err **err);
/* Of both: what is not valid UTF-8 is passed over, as systemd does. Wiped: they may hold secrets. */
void cm_variables_fini(struct cm_variables *v);

#endif
