/* cli/completion.c: where the cursor is, by the tables of commands and options (cli/completion.h). What an argument stands for is told
 * by its word for people: STAGE, FILE; tests/cli/completion_test.py holds that every such word has its line below. */
#include <config.h>

#include "cli/completion.h"

#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text.h"

struct line {
    struct cm_completion c;
    const char *half;                /* first word of a command of two words */
    const struct cm_option *waiting; /* the option whose value is being typed */
    size_t args;
    bool ended; /* behind "--" */
};

void cm_complete_one(const struct cm_completion *c, const char *word, const char *about)
{
    if (cm_starts(word, c->typed))
        fprintf(c->out, "%s%s\t%.*s\n", c->before, word, (int)strcspn(about, "\t\r\n"), about);
}

/* ---- the values of arguments ---- */

static void ask_shell(const struct cm_completion *c, const char *what) { fprintf(c->out, ":%s\n", what); }
static void files(const struct cm_completion *c) { ask_shell(c, "files"); }
static void plans(const struct cm_completion *c) { ask_shell(c, "plans"); }
static void dirs(const struct cm_completion *c) { ask_shell(c, "dirs"); }
static void nothing(const struct cm_completion *c) { (void)c; }

static void when(const struct cm_completion *c)
{
    cm_complete_one(c, "auto", "colour on a terminal");
    cm_complete_one(c, "always", "colour also into a file");
    cm_complete_one(c, "never", "no colour");
}

/* The option's help is the list: "preview: text, html, markdown; report: …". */
static void formats(const struct cm_completion *c)
{
    cm_autofree char *head = cm_fmt("%s: ", c->command ? c->command->name : "");
    const char *list = strstr(cm_options[CM_O_FORMAT].help, head), *p = list ? list + strlen(head) : "";
    while (*p && *p != ';') {
        size_t n = strcspn(p, ",;");
        cm_autofree char *word = cm_strndup(p, n);
        cm_complete_one(c, word, "");
        p += n + (p[n] == ',') + strspn(p + n + (p[n] == ','), " ");
    }
}

static const struct {
    const char *word;
    void (*offer)(const struct cm_completion *c);
} kinds[] = {
    {"PLAN", plans},
    {"GATE", cm_complete_open},
    {"FILE", files},
    {"VALUES", files},
    {"DIR", dirs},
    {"ACTION", cm_complete_explained},
    {"STAGE", cm_complete_stages},
    {"STEP", cm_complete_steps},
    {"ID", cm_complete_warnings},
    {"FORMAT", formats},
    {"WHEN", when},
    {"NAME", cm_complete_drills},
    {"TEXT", nothing},
    {"N", nothing},
    {"MS", nothing},
    {"V", nothing},
    {"HOST", nothing},
};

static void offer(const struct cm_completion *c, const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].word) == n && strncmp(kinds[i].word, word, n) == 0)
            kinds[i].offer(c);
}

/* The nth word of "PLAN GATE" or "[ACTION]". */
static void offer_argument(const struct cm_completion *c, const char *words, size_t nth)
{
    const char *p = words;
    for (size_t i = 0;; i++) {
        p += strspn(p, " []");
        size_t n = strcspn(p, " []");
        if (i == nth)
            offer(c, p, n);
        if (i == nth || !n)
            return;
        p += n;
    }
}

/* ---- the words before ---- */

static const struct cm_option *option_of(const char *word)
{
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < CM_OPTION_COUNT; i++) {
        const struct cm_option *o = &cm_options[i];
        bool is_long = n > 2 && cm_starts(word, "--") && strlen(o->name) == n - 2 && strncmp(o->name, word + 2, n - 2) == 0;
        if (is_long || (o->letter && word[0] == '-' && word[1] == o->letter && !word[2]))
            return o;
    }
    return NULL;
}

static const struct cm_command *command_of(const char *name)
{
    for (const struct cm_command *k = cm_commands + 1; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static bool is_half(const char *word)
{
    for (const struct cm_command *k = cm_commands + 1; k->name; k++)
        if (*word && cm_starts(k->name, word) && k->name[strlen(word)] == ' ')
            return true;
    return false;
}

static void take_word(struct line *l, const char *word)
{
    if (!l->c.command) {
        cm_autofree char *name = l->half ? cm_fmt("%s %s", l->half, word) : cm_strdup(word);
        l->c.command = command_of(name);
        if (l->c.command)
            return;
        if (!l->half && is_half(word)) {
            l->half = word;
            return;
        }
        l->c.command = cm_commands; /* the word is the plan to run */
    }
    if (l->args++ == 0 && cm_starts(l->c.command->words, "PLAN"))
        l->c.plan = word;
}

static void take(struct line *l, const char *word)
{
    const struct cm_option *o = l->ended || *word != '-' ? NULL : option_of(word);
    if (l->waiting) {
        if (l->waiting->id == CM_O_RUN_DIR)
            l->c.run_dir = word;
        l->waiting = NULL;
    } else if (!l->ended && strcmp(word, "--") == 0) {
        l->ended = true;
    } else if (o && o->word && !strchr(word, '=')) {
        l->waiting = o;
    } else if (o && o->id == CM_O_RUN_DIR) {
        l->c.run_dir = strchr(word, '=') + 1;
    } else if (l->ended || *word != '-') {
        take_word(l, word);
    }
}

/* ---- the word that is typed ---- */

static void offer_options(const struct line *l)
{
    const struct cm_command *command = l->c.command ? l->c.command : cm_commands;
    for (size_t i = 0; i < CM_OPTION_COUNT; i++) {
        cm_autofree char *name = cm_fmt("--%s", cm_options[i].name);
        cm_autofree char *help = cm_option_help(&cm_options[i], command);
        if (cm_option_fits(&cm_options[i], command))
            cm_complete_one(&l->c, name, help);
    }
}

static void offer_commands(const struct line *l)
{
    for (const struct cm_command *k = cm_commands + 1; k->name; k++) {
        const char *space = strchr(k->name, ' ');
        if (l->half && (!space || strncmp(k->name, l->half, strlen(l->half)) != 0 || k->name[strlen(l->half)] != ' '))
            continue;
        cm_autofree char *first = space ? cm_strndup(k->name, (size_t)(space - k->name)) : cm_strdup(k->name);
        bool again = !l->half && k > cm_commands + 1 && space && cm_starts(k[-1].name, first);
        if (!again)
            cm_complete_one(&l->c, l->half ? space + 1 : first, k->summary);
    }
}

void cm_complete(FILE *out, const char *const *words, size_t count)
{
    struct line l = {.c = {.out = out, .typed = count ? words[count - 1] : "", .before = ""}};
    for (size_t i = 0; i + 1 < count; i++)
        take(&l, words[i]);
    const char *typed = l.c.typed, *eq = strchr(typed, '=');
    const struct cm_option *o = !l.waiting && !l.ended && eq && cm_starts(typed, "--") ? option_of(typed) : l.waiting;
    cm_autofree char *before = eq && !l.waiting ? cm_strndup(typed, (size_t)(eq - typed) + 1) : cm_strdup("");
    if (o && o->word) {
        l.c.before = before;
        l.c.typed = l.waiting ? typed : eq + 1;
        offer(&l.c, o->word, strlen(o->word));
    } else if (!l.ended && *typed == '-') {
        offer_options(&l);
    } else if (!l.c.command) {
        offer_commands(&l);
        if (!l.half)
            plans(&l.c);
    } else {
        offer_argument(&l.c, l.c.command->words, l.args);
    }
}
