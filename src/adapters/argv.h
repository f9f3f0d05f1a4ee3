/* adapters/argv.h: an argument vector that is put together piece by piece. The words are borrowed or lie in an arena.
 * Does not: run anything (cm/runner.h), quote for a shell (base/text.h). */
#ifndef CM_ADAPTERS_ARGV_H
#define CM_ADAPTERS_ARGV_H

#include <stddef.h>

#include <jansson.h>

#include <cm/err.h>

struct cm_argv { const char **list; size_t n, cap; };      /* begin with {0}; list is NULL-ended once a word is in it */

void cm_argv_add(struct cm_argv *a, const char *word);                       /* borrowed */
void cm_argv_add2(struct cm_argv *a, const char *flag, const char *value);   /* nothing when value is NULL or empty */
void cm_argv_add_list(struct cm_argv *a, const char *const *words);          /* NULL-ended; NULL is fine */
/* A tool as the plan names it: a string, or a list of strings; `otherwise` when it says nothing. */
void cm_argv_add_tool(struct cm_argv *a, const json_t *tool, const char *otherwise);
void cm_argv_fini(struct cm_argv *a);                                        /* the vector, not the words */

#define cm_autoargv CM_CLEANUP(cm_argv_fini) struct cm_argv

#endif
