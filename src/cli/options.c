/* The tables of commands and options, and their reader: see options.h. */
#include <config.h>

#include <string.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/wrap.h"

#define WALK " run rollback finish "

const struct cm_command cm_commands[] = {
    {"run", "PLAN", 1, 1, "run the plan, or go on where it stopped",
     "Walks the stages of the plan's runbook. It can be killed at any moment: the same command goes on from what is on record in the "
     "run directory, looks at the outside first, and does nothing twice. It asks at gates, on a terminal; --yes says go, but never attests.",
     cm_cmd_run},
    {"check", "PLAN", 1, 1, "the checks and all that can be made ready before the downtime",
     "Finds out everything at once that can be found out before the downtime, and says what to do about it. Writes check.json into the run "
     "directory and changes nothing else, but for the short-lived objects that `allow` in the plan permits. Takes no lock. What has "
     "changed since the last check is shown; a check that took long and passed is good for an hour (--fresh looks again). A warning is "
     "waived with --waive ID --reason TEXT, an open question answered with `approve`.",
     cm_cmd_check},
    {"preview", "PLAN", 1, 1, "what each step would do: commands, requests, differences",
     "Goes through the steps that are still open and shows each command, request and difference. Changes nothing and writes nothing.",
     cm_cmd_preview},
    {"status", "PLAN", 1, 1, "where it stands, and what to type",
     "Shows stages and steps, the state of the world in five lines, and the commands that are safe now with what each does. Reads the "
     "record only; takes no lock.",
     cm_cmd_status},
    {"approve", "PLAN GATE", 2, 2, "say go, or attest something (--note TEXT)",
     "Answers the gate that waits, or an unknown finding by its id, from another terminal or ahead of the run. An attestation needs --note.",
     cm_cmd_approve},
    {"rollback", "PLAN", 1, 1, "take Connect back to the server",
     "Walks the way back: users out, the release scaled to zero, every change taken back with its proof, the old server started. Nothing "
     "rolls back by itself; once begun it is finished before anything goes forward again.",
     cm_cmd_rollback},
    {"finish", "PLAN", 1, 1, "declare the migration final",
     "Settles what was kept for a way back: the old server's unit, license and caches. After it there is no rollback.",
     cm_cmd_finish},
    {"report", "PLAN", 1, 1, "write the report again",
     "Writes the report from the record: all formats into the run directory, or one --format to standard output or --output FILE.",
     cm_cmd_report},
    {"convert config", "FILE", 1, 1, "a gcfg file to the config section of values.yaml",
     "Converts Connect's configuration file to the chart's `config` section, and says of every setting what became of it. Secrets become a "
     "Secret manifest's template without values.",
     cm_cmd_convert_config},
    {"convert values", "FILE", 1, 1, "Launcher values to the direct Kubernetes runner's",
     "Converts a values file that was written for the Launcher. What is not converted stays byte for byte, with its comments.",
     cm_cmd_convert_values},
    {"init", "", 0, 0, "write a commented plan from what is found here",
     "Prints a plan with what is found: the server's configuration (here, or with --host by ssh), the environment, the kubeconfig, "
     "helm's releases, the values files of this folder. Each value says where it came from; what was not found is a question in a "
     "comment. Writes nothing.",
     cm_cmd_init},
    {"explain", "[ACTION]", 0, 1, "what an action does, or what a finding means",
     "Shows an action's parameters, what it reads, does, proves and undoes, and the least rights it needs; without ACTION, the list. The "
     "id of a finding is explained too; `explain findings` lists them.",
     cm_cmd_explain},
    {"schema", "", 0, 0, "the plan's JSON Schema, for editors",
     "Prints the JSON Schema (draft 2020-12) of plans: keys, types, defaults, help, and the parameters of every action.",
     cm_cmd_schema},
    {"rehearse", "[PLAN]", 0, 1, "the whole migration in a world of stand-ins",
     "Makes a world of stand-ins (an old server, a cluster, a Connect, a real PostgreSQL) and runs the real program against it. Of a PLAN "
     "of yours it takes content, temporary, gates, license, stages, steps and values.",
     cm_cmd_rehearse},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

#define BOTH " convert config convert values "
#define CONFIG " convert config "
#define VALUES " convert values "

const struct cm_option cm_options[CM_OPTION_COUNT] = {
    {CM_O_YES, "yes", 'y', NULL, WALK, "say go at every gate that is not an attestation"},
    {CM_O_UNTIL, "until", 0, "STAGE", WALK, "stop when this stage is done"},
    {CM_O_SKIP, "skip", 0, "STEP", WALK, "leave a step out; needs --reason"},
    {CM_O_REASON, "reason", 0, "TEXT", WALK "check ", "why: for what is left out or waived by the option before it"},
    {CM_O_REDO, "redo", 0, "STEP", WALK, "do a finished step again"},
    {CM_O_AGAIN, "again", 0, NULL, " run ", "begin anew after a rollback; or give up one that only waits for its go"},
    {CM_O_WAIVE, "waive", 0, "ID", WALK "check ", "go on in spite of a warning; needs --reason"},
    {CM_O_ACCEPT, "accept-plan-changes", 0, NULL, WALK, "go on with a plan that differs from the one on record"},
    {CM_O_FRESH, "fresh", 0, NULL, " check ", "look again at what passed slowly within the last hour"},
    {CM_O_NOTE, "note", 0, "TEXT", " approve ", "what was done or seen, when and by whom"},
    {CM_O_FORMAT, "format", 0, "FORMAT", " check preview report ",
     "check: text, json, junit; preview: text, html, markdown; report: html, markdown, json, junit"},
    {CM_O_OUTPUT, "output", 'o', "FILE", " report" BOTH, "write there instead of standard output"},
    {CM_O_MIGRATION, "migration", 0, "FILE", CONFIG, "the rstudio-connect-migration.gcfg that is read after the main file"},
    {CM_O_ENVIRONMENT, "environment", 0, "FILE", CONFIG, "NAME=value lines of the unit: CONNECT_* settings, proxies"},
    {CM_O_MERGE, "merge", 0, "VALUES", CONFIG, "put the result into this values file, every other byte kept"},
    {CM_O_SECRETS, "secrets", 0, "FILE", CONFIG, "write the Secret manifest's template there"},
    {CM_O_CHART_VERSION, "chart-version", 0, "V", VALUES, "the chart that the values were written for"},
    {CM_O_IN_PLACE, "in-place", 'i', NULL, VALUES, "change the file itself; the old one is kept beside it"},
    {CM_O_DIFF, "diff", 0, NULL, VALUES, "show the difference instead of the result"},
    {CM_O_STRICT, "strict", 0, NULL, BOTH, "exit 1 when something needs a person"},
    {CM_O_WATCH, "watch", 'w', NULL, " status ", "go on showing it until the run has ended; Ctrl-C ends only the watching"},
    {CM_O_DIR, "dir", 0, "DIR", " rehearse ", "make the world there and keep it; one that is there is taken up"},
    {CM_O_CONTENT, "content", 0, "N", " rehearse ", "how many content items (6)"},
    {CM_O_NODES, "nodes", 0, "N", " rehearse ", "how many nodes the old server has (1)"},
    {CM_O_BUILD_MS, "build-ms", 0, "MS", " rehearse ", "how long a build takes (10)"},
    {CM_O_POD_MS, "pod-ms", 0, "MS", " rehearse ", "how long a pod takes to become ready (20)"},
    {CM_O_SEED, "seed", 0, "N", " rehearse ", "another world of the same kind"},
    {CM_O_DRILL, "drill", 0, "NAME", " rehearse ", "stage an accident; `list` names them"},
    {CM_O_SERVE, "serve", 0, NULL, " rehearse ", "only bring the world up, until SIGTERM"},
    {CM_O_HOST, "host", 0, "HOST", " init ", "a machine of the old server, asked by ssh; once for each"},
    {CM_O_CONFIG, "config", 0, "FILE", " init ", "the server's gcfg, when it is not at its usual place"},
    {CM_O_RUN_DIR, "run-dir", 0, "DIR", "", "where the run keeps its state (PLAN without .yaml, with .run)"},
    {CM_O_JSON, "json", 0, NULL, "", "for scripts: JSON on standard output"},
    {CM_O_COLOR, "color", 0, "WHEN", "", "auto, always, never; NO_COLOR is respected"},
    {CM_O_PLAIN, "plain", 0, NULL, "", "whole sentences for screen readers and logs: no colour, no bar, nothing drawn in place"},
    {CM_O_VERBOSE, "verbose", 'v', NULL, "", "say more; twice: every command"},
    {CM_O_QUIET, "quiet", 'q', NULL, "", "say less"},
    {CM_O_HELP, "help", 'h', NULL, "", "this text, or a command's"},
    {CM_O_VERSION, "version", 0, NULL, "", "the program's version"},
};

bool cm_option_fits(const struct cm_option *o, const struct cm_command *c)
{
    if (!*o->commands || !c)
        return true;
    cm_autofree char *name = cm_fmt(" %s ", c->name);
    return strstr(o->commands, name) != NULL;
}

char *cm_option_help(const struct cm_option *o, const struct cm_command *c)
{
    cm_autofree char *mark = cm_fmt("%s: ", c ? c->name : "");
    const char *own = strstr(o->help, mark);
    if (!c || !own || (own > o->help && !cm_starts(own - 2, "; ")))
        return cm_strdup(o->help);
    own += strlen(mark);
    return cm_strndup(own, strcspn(own, ";"));
}

/* ---- reading ---- */

static const struct cm_command *find_command(const char *name)
{
    for (const struct cm_command *c = cm_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const struct cm_option *find_option(const char *name, size_t n)
{
    for (size_t i = 0; i < CM_OPTION_COUNT; i++)
        if (strlen(cm_options[i].name) == n && strncmp(cm_options[i].name, name, n) == 0)
            return &cm_options[i];
    return NULL;
}

static const struct cm_option *find_letter(char letter)
{
    for (size_t i = 0; i < CM_OPTION_COUNT; i++)
        if (cm_options[i].letter == letter && letter)
            return &cm_options[i];
    return NULL;
}

static int unknown_option(const char *name, struct cm_err **err)
{
    const char *names[CM_OPTION_COUNT + 1] = {0};
    for (size_t i = 0; i < CM_OPTION_COUNT; i++)
        names[i] = cm_options[i].name;
    const char *near = cm_nearest(name, names);
    cm_fail(err, CM_E_USAGE, "there is no option --%s", name);
    if (near)
        cm_hint(err, "Did you mean --%s? `connect-migrate-run --help` shows all.", near);
    else
        cm_hint(err, "`connect-migrate-run --help` shows all.");
    return -1;
}

static void give(struct cm_invocation *in, enum cm_option_id id, const char *value)
{
    in->given[in->given_count++] = (struct cm_given){id, value};
    in->help = in->help || id == CM_O_HELP;
    in->version = in->version || id == CM_O_VERSION;
}

static int long_option(struct cm_invocation *in, char **argv, int argc, int *at, struct cm_err **err)
{
    const char *text = argv[*at] + 2, *eq = strchr(text, '=');
    size_t n = eq ? (size_t)(eq - text) : strlen(text);
    const struct cm_option *o = find_option(text, n);
    if (!o) {
        cm_autofree char *name = cm_strndup(text, n);
        return unknown_option(name, err);
    }
    if (!o->word && eq)
        return cm_fail(err, CM_E_USAGE, "--%s takes no value", o->name);
    if (o->word && !eq && *at + 1 >= argc)
        return cm_fail(err, CM_E_USAGE, "--%s needs %s", o->name, o->word);
    give(in, o->id, !o->word ? NULL : eq ? eq + 1 : argv[++*at]);
    return 0;
}

static int letters(struct cm_invocation *in, char **argv, int argc, int *at, struct cm_err **err)
{
    for (const char *p = argv[*at] + 1; *p; p++) {
        const struct cm_option *o = find_letter(*p);
        if (!o) {
            cm_fail(err, CM_E_USAGE, "there is no option -%c", *p);
            cm_hint(err, "`connect-migrate-run --help` shows all.");
            return -1;
        }
        if (!o->word) {
            give(in, o->id, NULL);
            continue;
        }
        if (!p[1] && *at + 1 >= argc)
            return cm_fail(err, CM_E_USAGE, "-%c needs %s", *p, o->word);
        give(in, o->id, p[1] ? p + 1 : argv[++*at]);
        return 0;
    }
    return 0;
}

static int unknown_word(const char *text, struct cm_err **err)
{
    const char *names[32] = {0};
    for (size_t i = 0; cm_commands[i].name && i < 31; i++)
        names[i] = cm_commands[i].name;
    const char *near = cm_nearest(text, names);
    cm_fail(err, CM_E_USAGE, "\"%s\" is neither a command nor a plan that is there", text);
    if (near && near != cm_commands[0].name)
        cm_hint(err, "Did you mean `%s`? `connect-migrate-run --help` shows all commands.", near);
    else
        cm_hint(err, "A plan is run by `connect-migrate-run PLAN`; `connect-migrate-run --help` shows the commands.");
    return -1;
}

/* "convert" is the first word of two commands. */
static bool begins_command(const char *text)
{
    size_t n = strlen(text);
    for (const struct cm_command *c = cm_commands; c->name; c++)
        if (n && strncmp(c->name, text, n) == 0 && c->name[n] == ' ')
            return true;
    return false;
}

static int second_word(struct cm_invocation *in, const char *text, struct cm_err **err)
{
    cm_autofree char *name = cm_fmt("%s %s", in->half, text);
    in->command = find_command(name);
    if (in->command)
        return 0;
    cm_fail(err, CM_E_USAGE, "`%s` knows config and values, not \"%s\"", in->half, text);
    cm_hint(err, "`connect-migrate-run %s config FILE`, or `connect-migrate-run %s values FILE`.", in->half, in->half);
    return -1;
}

static int word(struct cm_invocation *in, const char *text, struct cm_err **err)
{
    if (!in->command && in->half)
        return second_word(in, text, err);
    if (!in->command) {
        in->command = in->arg_count || strcmp(text, "run") == 0 ? NULL : find_command(text);
        if (in->command)
            return 0;
        if (begins_command(text)) {
            in->half = text;
            return 0;
        }
        if (!strchr(text, '/') && !strchr(text, '.') && access(text, F_OK) != 0)
            return unknown_word(text, err);
        in->command = &cm_commands[0];
    }
    if (in->arg_count >= in->command->most)
        return cm_fail(err, CM_E_USAGE, "`%s` takes %s; \"%s\" is one too many", in->command->name,
                       *in->command->words ? in->command->words : "no argument", text);
    in->args[in->arg_count++] = text;
    return 0;
}

const char *cm_given_reason(const struct cm_invocation *in, size_t nth)
{
    for (size_t i = nth + 1; i < in->given_count; i++) {
        if (in->given[i].id == CM_O_REASON)
            return in->given[i].value;
        if (in->given[i].id == CM_O_SKIP || in->given[i].id == CM_O_WAIVE)
            return NULL;
    }
    return NULL;
}

static int check_reasons(const struct cm_invocation *in, struct cm_err **err)
{
    size_t asked = 0, given = 0;
    for (size_t i = 0; i < in->given_count; i++) {
        bool asks = in->given[i].id == CM_O_SKIP || in->given[i].id == CM_O_WAIVE;
        asked += asks;
        given += in->given[i].id == CM_O_REASON;
        const char *reason = asks ? cm_given_reason(in, i) : NULL;
        if (asks && (!reason || !*reason))
            return cm_fail(err, CM_E_USAGE, "--%s %s needs --reason TEXT behind it", cm_options[in->given[i].id].name,
                           in->given[i].value);
    }
    if (given > asked)
        return cm_fail(err, CM_E_USAGE, "--reason belongs behind one --skip or --waive");
    return 0;
}

static int check_fit(const struct cm_invocation *in, struct cm_err **err)
{
    for (size_t i = 0; i < in->given_count; i++) {
        const struct cm_option *o = &cm_options[in->given[i].id];
        if (cm_option_fits(o, in->command))
            continue;
        cm_fail(err, CM_E_USAGE, "--%s does not belong to `%s`", o->name, in->command->name);
        if (in->command == cm_commands)
            cm_hint(err, "`connect-migrate-run PLAN --help` shows what does.");
        else
            cm_hint(err, "`connect-migrate-run %s --help` shows what does.", in->command->name);
        return -1;
    }
    const char *color = cm_given_value(in, CM_O_COLOR);
    if (color && strcmp(color, "auto") != 0 && strcmp(color, "always") != 0 && strcmp(color, "never") != 0)
        return cm_fail(err, CM_E_USAGE, "--color %s: it knows auto, always and never", color);
    if (in->arg_count < in->command->least) {
        cm_fail(err, CM_E_USAGE, "`%s` needs %s", in->command->name, in->command->words);
        cm_hint(err, "connect-migrate-run %s %s", in->command->name, in->command->words);
        return -1;
    }
    return check_reasons(in, err);
}

static int parse(int argc, char **argv, struct cm_invocation *out, struct cm_err **err)
{
    bool ended = false;
    *out = (struct cm_invocation){.given = cm_alloc((size_t)(argc + 1) * 8 * sizeof *out->given)};
    for (int i = 1; i < argc; i++) {
        int rc;
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (!ended && strncmp(argv[i], "--", 2) == 0)
            rc = long_option(out, argv, argc, &i, err);
        else if (!ended && argv[i][0] == '-' && argv[i][1])
            rc = letters(out, argv, argc, &i, err);
        else
            rc = word(out, argv[i], err);
        if (rc < 0)
            return -1;
    }
    if (out->help || out->version)
        return 0;
    if (!out->command && out->half) {
        cm_fail(err, CM_E_USAGE, "`%s` needs config or values", out->half);
        cm_hint(err, "`connect-migrate-run %s config FILE`, or `connect-migrate-run %s values FILE`.", out->half, out->half);
        return -1;
    }
    if (!out->command) {
        cm_fail(err, CM_E_USAGE, "a plan or a command is needed");
        cm_hint(err, "`connect-migrate-run --help` shows the commands; `connect-migrate-run init` writes a first plan.");
        return -1;
    }
    return check_fit(out, err);
}

int cm_parse(int argc, char **argv, struct cm_invocation *out, struct cm_err **err)
{
    if (parse(argc, argv, out, err) == 0)
        return 0;
    const struct cm_command *c = out->command;
    const char *name = !c ? "" : c == cm_commands ? "PLAN " : c->name;
    cm_hint(err, "`connect-migrate-run %s%s--help` shows how it is typed.", name, !c || c == cm_commands ? "" : " ");
    return -1;
}

void cm_invocation_fini(struct cm_invocation *in) { free(in->given); }

const char *cm_given_value(const struct cm_invocation *in, enum cm_option_id id)
{
    const char *value = NULL;
    for (size_t i = 0; i < in->given_count; i++)
        if (in->given[i].id == id)
            value = in->given[i].value;
    return value;
}

size_t cm_given_times(const struct cm_invocation *in, enum cm_option_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < in->given_count; i++)
        n += in->given[i].id == id;
    return n;
}

/* ---- help ---- */

enum { NAME_COLUMN = 2, TEXT_COLUMN = 32 };

static void print_options(FILE *out, const struct cm_command *c, bool own)
{
    for (size_t i = 0; i < CM_OPTION_COUNT; i++) {
        const struct cm_option *o = &cm_options[i];
        if (!cm_option_fits(o, c) || own != (*o->commands != '\0'))
            continue;
        cm_autofree char *name = cm_fmt("%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
                                        o->letter ? ", " : "  ", o->name, o->word ? " " : "", o->word ? o->word : "");
        cm_autofree char *help = cm_option_help(o, c);
        cm_print_entry(out, NAME_COLUMN, name, TEXT_COLUMN, help);
    }
}

static bool has_own_options(const struct cm_command *c)
{
    for (size_t i = 0; i < CM_OPTION_COUNT; i++)
        if (*cm_options[i].commands && cm_option_fits(&cm_options[i], c))
            return true;
    return false;
}

static void print_command_help(FILE *out, const struct cm_command *c)
{
    bool first = c == cm_commands;
    fprintf(out, "connect-migrate-run%s%s [OPTION...]%s%s\n\n", first ? "" : " ", first ? "" : c->name, *c->words ? " " : "",
            c->words);
    cm_print_wrapped(out, c->help, 0, 0);
    fputs("\n", out);
    print_options(out, c, true);
    fprintf(out, "%sEverywhere:\n", has_own_options(c) ? "\n" : "");
    print_options(out, c, false);
}

void cm_print_help(FILE *out, const struct cm_command *c)
{
    if (c) {
        print_command_help(out, c);
        return;
    }
    fputs("Takes a Posit Connect installation from a server to Kubernetes; can be killed\nand typed again at any moment.\n\n"
          "  connect-migrate-run check prod.yaml   what can be found out beforehand\n"
          "  connect-migrate-run prod.yaml         the migration; goes on after any stop\n\n"
          "connect-migrate-run [OPTION...] PLAN\nconnect-migrate-run COMMAND [OPTION...] [ARG]\n\n",
          out);
    for (c = cm_commands + 1; c->name; c++) {
        cm_autofree char *name = cm_fmt("%s%s%s", c->name, *c->words ? " " : "", c->words);
        cm_print_entry(out, NAME_COLUMN, name, TEXT_COLUMN, c->summary);
    }
    fputs("\nEverywhere:\n", out);
    print_options(out, NULL, false);
    fputs("\nOf run, rollback and finish:\n", out);
    print_options(out, cm_commands, true);
    fputs("\n`connect-migrate-run COMMAND --help` shows a command's own options.\n", out);
}
