/* cli/completion.h: what may stand where the cursor is, for the shells. The scripts in completion/ hand over the words of the command line
 * and print what comes back; what is known is known here, from the tables of commands, options and actions, the plan's runbook and the
 * run's record.
 *
 * Reads only, asks nothing outside, and says nothing on stderr: a completion that cannot be made is none. */
#ifndef CM_CLI_COMPLETION_H
#define CM_CLI_COMPLETION_H

#include <stddef.h>
#include <stdio.h>

#include "cli/options.h"

#define CM_COMPLETION_WORD "__complete"      /* connect-migrate-run __complete WORD... : the last is the one being typed, maybe "" */

/* Prints a line for each word that fits: WORD, a tab, what it is. A line that begins with ':' asks the shell for names of files:
 * ":files", ":plans" (folders, *.yaml, *.yml), ":dirs". */
void cm_complete(FILE *out, const char *const *words, size_t count);

/* completion_ids.c, for completion.c. */
struct cm_completion {
    FILE *out;
    const char *typed;                       /* what the word begins with */
    const char *before;                      /* put before each word: "--color=" */
    const struct cm_command *command;        /* NULL: not said yet */
    const char *plan, *run_dir;              /* NULL: not said */
};
void cm_complete_one(const struct cm_completion *c, const char *word, const char *about);      /* when it begins with what is typed */
void cm_complete_stages(const struct cm_completion *c);
void cm_complete_steps(const struct cm_completion *c);
void cm_complete_open(const struct cm_completion *c);           /* gates and questions that wait for an answer */
void cm_complete_warnings(const struct cm_completion *c);       /* that can be waived */
void cm_complete_explained(const struct cm_completion *c);      /* what `explain` explains */
void cm_complete_drills(const struct cm_completion *c);

#endif
