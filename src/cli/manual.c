/* connect-migrate-manual: the manual's pages from the program's own tables. Not installed; it writes to standard output what is kept in
 * doc/, and tests/lint/manual_test.py holds that the two agree.
 *
 * The prose stands in doc/NAME.in. A line there that is one word between two @ is replaced by a table: @commands@, @walk-options@,
 * @options@, @exit-status@ (cli/options.c, include/cm/err.h), @keys@ (plan/table.c), @action-list@, @actions@ (actions/registry.c).
 * Does not: know a command, an option, a key or an action by name. */
#include <config.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cm/err.h>
#include <cm/str.h>

#include "actions/registry.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/options.h"
#include "plan/schema.h"

enum { PAGE_MAX = 1 << 20 };

/* ---- mdoc(7) ---- */

/* One character of text. A minus that people type, in an option or in code, must stay one when it is copied. */
static void mdoc_char(const char *p, const char *begin, bool code)
{
    if (*p == '\\')
        fputs("\\e", stdout);
    else if (*p == '-' && (code || p[1] == '-' || (p > begin && p[-1] == '-')))
        fputs("\\-", stdout);
    else
        putchar(*p);
}

/* Sentences, each on a line of its own; `code` between backticks in bold. */
static void mdoc_text(const char *text)
{
    bool code = false, line_begin = true;
    for (const char *p = text; *p; p++) {
        if (line_begin && (*p == '.' || *p == '\''))
            fputs("\\&", stdout);
        line_begin = false;
        if (*p == '`') {
            code = !code;
            fputs(code ? "\\fB" : "\\fR", stdout);
        } else if (!code && p[0] == ' ' && p > text && p[-1] == '.' && (isupper((unsigned char)p[1]) || p[1] == '`')) {
            putchar('\n');
            line_begin = true;
        } else {
            mdoc_char(p, text, code);
        }
    }
    putchar('\n');
}

/* A word behind a macro. */
static void mdoc_word(const char *text)
{
    for (const char *p = text; *p; p++)
        mdoc_char(p, text, true);
}

/* ---- commands and options ---- */

static void options_that(bool (*wanted)(const struct cm_option *, const struct cm_command *), const struct cm_command *c)
{
    bool any = false;
    for (size_t i = 0; i < CM_OPTION_COUNT; i++) {
        const struct cm_option *o = &cm_options[i];
        if (!wanted(o, c))
            continue;
        if (!any)
            puts(".Bl -tag -width Ds");
        any = true;
        fputs(".It ", stdout);
        if (o->letter)
            printf("Fl %c , ", o->letter);
        fputs("Fl \\-", stdout);
        mdoc_word(o->name);
        printf("%s%s\n", o->word ? " Ar " : "", o->word ? o->word : "");
        cm_autofree char *help = cm_option_help(o, c);
        mdoc_text(help);
    }
    if (any)
        puts(".El");
}

static bool of_a_walk(const struct cm_option *o, const struct cm_command *c)
{
    (void)c;
    return *o->commands && cm_option_fits(o, &cm_commands[0]);
}

static bool of_all(const struct cm_option *o, const struct cm_command *c)
{
    (void)c;
    return !*o->commands;
}

static bool of_one(const struct cm_option *o, const struct cm_command *c)
{
    return *o->commands && cm_option_fits(o, c) && !of_a_walk(o, NULL);
}

static void command_head(const struct cm_command *c)
{
    bool maybe = *c->words == '[';
    if (c == cm_commands)
        printf(".It Ar %s\n", c->words); /* running a plan needs no word */
    else if (maybe)
        printf(".It Cm %s Op Ar %.*s\n", c->name, (int)strlen(c->words) - 2, c->words + 1);
    else
        printf(".It Cm %s%s%s\n", c->name, *c->words ? " Ar " : "", c->words);
}

static void commands(void)
{
    puts(".Bl -tag -width Ds");
    for (const struct cm_command *c = cm_commands; c->name; c++) {
        command_head(c);
        mdoc_text(c->help);
        options_that(of_one, c);
    }
    puts(".El");
}

static void walk_options(void) { options_that(of_a_walk, NULL); }
static void options(void) { options_that(of_all, NULL); }

static void exit_status(void)
{
    static const struct {
        int status;
        const char *word;
    } codes[] = {
#define X(id, status, word, meaning) {status, word},
        CM_CODES(X)
#undef X
    };
    puts(".Bl -tag -width Ds");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        printf(".It %d Pq %s\n", codes[i].status, codes[i].word);
        mdoc_text(cm_code_meaning(codes[i].status));
    }
    puts(".El");
}

/* ---- plan keys ---- */

static char *words_of(const char *values)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    for (const char *v = values; *v; v++)
        cm_str_add_bytes(&out, *v == '|' ? ", " : v, *v == '|' ? 2 : 1);
    return cm_str_take(&out);
}

static const char *type_name(enum cm_plan_type type)
{
    switch (type) {
    case CM_P_MAP:
    case CM_P_FREE_MAP: return "mapping";
    case CM_P_STRING: return "text";
    case CM_P_PATH: return "path";
    case CM_P_BOOL: return "true or false";
    case CM_P_INT: return "number";
    case CM_P_DURATION: return "duration";
    case CM_P_LIST_STRING: return "list of texts";
    case CM_P_LIST_PATH: return "list of paths";
    case CM_P_LIST_DURATION: return "list of durations";
    case CM_P_SECRET: return "secret";
    case CM_P_COMMAND: return "command";
    case CM_P_TIME: return "time";
    case CM_P_ENUM: return "one of";
    case CM_P_STRING_OR_LIST: return "word or list of words";
    case CM_P_SCALAR: return "text, number, true or false";
    case CM_P_LIST_ENUM: return "list of";
    case CM_P_URL: return "address";
    case CM_P_NAME: return "name";
    case CM_P_PROGRAM: return "program";
    case CM_P_REMOTE_PATH: return "absolute path";
    case CM_P_CHART: return "chart";
    case CM_P_HOSTS: return "list of hosts";
    }
    return "";
}

static char *type_of(const struct cm_plan_key *k)
{
    cm_autofree char *values = k->values ? words_of(k->values) : NULL;
    cm_autostr out = CM_STR(CM_STR_LINE);
    bool single = k->type == CM_P_ENUM && !strchr(k->values, '|');
    cm_str_add(&out, single ? "the word" : type_name(k->type));
    if (values)
        cm_str_addf(&out, "%s%s", k->type == CM_P_URL ? ", or " : " ", values);
    if (k->type == CM_P_INT && (k->min || k->max))
        cm_str_addf(&out, ", %" PRId64 " to %" PRId64, k->min, k->max);
    else if (k->type == CM_P_NAME)
        cm_str_addf(&out, " of at most %" PRId64 " characters", k->max);
    return cm_str_take(&out);
}

static void key_entry(const struct cm_plan_key *k, bool head)
{
    cm_autofree char *type = type_of(k);
    if (head) {
        fputs(".It Cm ", stdout);
        mdoc_word(k->path);
        printf(" Pq \"%s\"\n", type);
    }
    mdoc_text(k->help);
    if (!head && k->type != CM_P_MAP)
        printf("Type: %s.\n", type);
    if (k->def) {
        fputs("Default: ", stdout);
        cm_autofree char *code = cm_fmt("`%s`.", k->def);
        mdoc_text(code);
    }
    if (k->derived) {
        cm_autofree char *text = cm_fmt("When not said: %s.", k->derived);
        mdoc_text(text);
    }
    if (k->required)
        puts(k->derived ? "Required where it cannot be found so." : "Required.");
}

/* A section for each key of the top, with all that is below it. */
static void keys(void)
{
    bool list = false;
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        bool top = !strchr(k->path, '.');
        if (top && list)
            puts(".El");
        if (top)
            printf(".Ss %s\n", k->path);
        else if (!list)
            puts(".Bl -tag -width Ds");
        list = !top;
        key_entry(k, !top);
    }
    if (list)
        puts(".El");
}

/* ---- actions, in Markdown ---- */

/* As it is between backticks; what Markdown would take for markup is escaped elsewhere. */
static void markdown_text(const char *text)
{
    bool code = false;
    for (const char *p = text; *p; p++) {
        code = code != (*p == '`');
        if (!code && (strchr("*<|", *p) || (*p == '_' && (p[1] == '_' || (p > text && p[-1] == '_')))))
            putchar('\\');
        putchar(*p);
    }
}

static void action_list(void)
{
    puts("| action | kind | what it is for |\n|---|---|---|");
    for (const struct cm_action *const *a = cm_actions; *a; a++) {
        printf("| `%s` | %s | ", (*a)->name, cm_kind_word((*a)->kind));
        markdown_text((*a)->summary);
        puts(" |");
    }
}

static void action_line(const char *title, const char *text)
{
    if (!text || !*text)
        return;
    printf("* **%s:** ", title);
    markdown_text(text);
    puts(cm_ends(text, ".") ? "" : ".");
}

static void facts(const char *title, const char *const *names)
{
    for (const char *const *n = names; n && *n; n++)
        printf("%s%s`%s`", n == names ? title : "", n == names ? "" : ", ", *n);
    if (names && *names)
        puts(".");
}

/* The table has defaults as JSON; people write YAML, where a text needs no quotes. */
static void param_default(const char *def)
{
    size_t n = def ? strlen(def) : 0;
    if (!def || strcmp(def, "null") == 0)
        fputs(def ? "none" : "required", stdout);
    else if (n > 1 && def[0] == '"')
        printf("`%.*s`", (int)n - 2, def + 1);
    else
        printf("`%s`", def);
}

static void params(const struct cm_param *p)
{
    if (!p || !p->name)
        return;
    puts("\n| parameter | type | default | |\n|---|---|---|---|");
    for (; p->name; p++) {
        printf("| `%s` | %s | ", p->name, cm_type_word(p->type));
        param_default(p->def);
        fputs(" | ", stdout);
        markdown_text(p->help);
        puts(" |");
    }
}

static void actions(void)
{
    for (const struct cm_action *const *at = cm_actions; *at; at++) {
        const struct cm_action *a = *at;
        printf("%s## %s\n\n*%s.* ", at == cm_actions ? "" : "\n", a->name, cm_kind_word(a->kind));
        markdown_text(a->summary);
        puts(".\n");
        action_line("reads", a->reads);
        action_line("does", a->does);
        action_line("proves", a->proves);
        bool changes = a->kind == CM_TRIAL || a->kind == CM_EFFECT || a->kind == CM_HOLD;
        action_line("undoes", a->undoes || !changes ? a->undoes : "Nothing.");
        cm_autofree char *back =
            changes ? cm_fmt("%s%s%s", cm_reversal_word(cm_reversal_of(a)), a->cost ? ". " : "", a->cost ? a->cost : "") : NULL;
        action_line("can it be taken back", back);
        action_line("least rights", a->rights);
        facts("* **needs from earlier steps:** ", a->needs);
        facts("* **gives to later steps:** ", a->gives);
        params(a->params);
    }
}

/* ---- a page ---- */

static const struct {
    const char *name;
    void (*print)(void);
} tables[] = {
    {"@commands@", commands}, {"@walk-options@", walk_options}, {"@options@", options}, {"@exit-status@", exit_status},
    {"@keys@", keys},         {"@action-list@", action_list},   {"@actions@", actions},
};

static int one_line(const char *line, struct cm_err **err)
{
    size_t n = strlen(line);
    if (n < 3 || line[0] != '@' || line[n - 1] != '@') {
        puts(line);
        return 0;
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].name, line) == 0) {
            tables[i].print();
            return 0;
        }
    return cm_fail(err, CM_E_USAGE, "there is no table %s", line);
}

static int page(const char *path, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0;
    if (cm_file_read(path, PAGE_MAX, &text, &n, err) < 0)
        return -1;
    for (char *at = text, *end; *at; at = end) {
        end = at + strcspn(at, "\n");
        end += *end ? (*end = '\0', 1) : 0;
        if (one_line(at, err) < 0)
            return cm_wrap(err, "%s", path);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *prose;
    } pages[] = {
        {"run.1", "connect-migrate-run.1.in"},
        {"plan.5", "connect-migrate-plan.5.in"},
        {"reference.md", "reference.md.in"},
    };
    cm_autoerr err = NULL;
    cm_mem_init();
    for (size_t i = 0; argc > 1 && argc < 4 && i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(argv[1], pages[i].name) != 0)
            continue;
        cm_autofree char *path = cm_path_join(argc > 2 ? argv[2] : "doc", pages[i].prose);
        int rc = page(path, &err);
        if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
            rc = cm_fail(&err, CM_E_FAILED, "standard output cannot be written");
        if (rc < 0)
            fprintf(stderr, "connect-migrate-manual: %s\n", cm_err_message(err));
        return rc < 0 ? (int)cm_err_code(err) : CM_E_OK;
    }
    fputs("usage: connect-migrate-manual run.1|plan.5|reference.md [FOLDER OF THE .in FILES]\n", stderr);
    return CM_E_USAGE;
}
