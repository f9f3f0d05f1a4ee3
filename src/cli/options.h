/* cli/options.h: the command line as two tables, commands and options. They feed the parser, --help, the nearest-name errors and the
 * manual; nothing of the command line is written down twice. Does not: run anything. */
#ifndef CM_CLI_OPTIONS_H
#define CM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cm/err.h>

struct cm_invocation;

struct cm_command {
    const char *name;             /* "check", "convert config" */
    const char *words;            /* its arguments, for people: "PLAN GATE", "[ACTION]" */
    size_t least, most;           /* how many of them */
    const char *summary;          /* one line */
    const char *help;             /* some sentences */
    int (*run)(const struct cm_invocation *in, struct cm_err **err);      /* exit status; -1: the error's code */
};
extern const struct cm_command cm_commands[];        /* ended by name NULL; the first is `run` */

enum cm_option_id {
    CM_O_YES, CM_O_UNTIL, CM_O_SKIP, CM_O_REASON, CM_O_REDO, CM_O_AGAIN, CM_O_WAIVE, CM_O_ACCEPT, CM_O_FRESH, CM_O_NOTE, CM_O_FORMAT, CM_O_OUTPUT,
    CM_O_MIGRATION, CM_O_ENVIRONMENT, CM_O_MERGE, CM_O_SECRETS, CM_O_CHART_VERSION, CM_O_IN_PLACE, CM_O_DIFF, CM_O_STRICT, CM_O_WATCH,
    CM_O_DIR, CM_O_CONTENT, CM_O_NODES, CM_O_BUILD_MS, CM_O_POD_MS, CM_O_SEED, CM_O_DRILL, CM_O_SERVE,
    CM_O_HOST, CM_O_CONFIG,
    CM_O_RUN_DIR, CM_O_JSON, CM_O_COLOR, CM_O_PLAIN, CM_O_VERBOSE, CM_O_QUIET, CM_O_HELP, CM_O_VERSION,
    CM_OPTION_COUNT
};
struct cm_option {
    enum cm_option_id id;
    const char *name;             /* without the dashes */
    char letter;                  /* '\0': none */
    const char *word;             /* its argument, for people; NULL: none */
    const char *commands;         /* " run rollback "; "" = everywhere */
    const char *help;
};
extern const struct cm_option cm_options[CM_OPTION_COUNT];

struct cm_given { enum cm_option_id id; const char *value; };
struct cm_invocation {
    const struct cm_command *command;
    const char *args[4]; size_t arg_count;
    struct cm_given *given; size_t given_count;       /* in the order of the command line */
    const char *half;                                 /* first word of a command of two words, while the second is not read */
    bool help, version;
};

/* Options may stand anywhere; `--` ends them. A first word that has '/' or '.' or names a file is a plan. CM_E_USAGE with the nearest
 * known name. Strings are borrowed from argv. */
int cm_parse(int argc, char **argv, struct cm_invocation *out, struct cm_err **err);
void cm_invocation_fini(struct cm_invocation *in);
const char *cm_given_value(const struct cm_invocation *in, enum cm_option_id id);      /* the last; NULL: not given */
size_t cm_given_times(const struct cm_invocation *in, enum cm_option_id id);
/* The --reason that belongs to the nth given option, a --skip or --waive; NULL: none. */
const char *cm_given_reason(const struct cm_invocation *in, size_t nth);
bool cm_option_fits(const struct cm_option *o, const struct cm_command *c);
/* Its help for this command: of "check: text; preview: html" the command's own part, else all of it. Caller frees. */
char *cm_option_help(const struct cm_option *o, const struct cm_command *c);
void cm_print_help(FILE *out, const struct cm_command *c);                             /* NULL: the whole program */

#endif
