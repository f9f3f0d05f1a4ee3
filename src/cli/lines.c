/* What happens in a run, as lines: see lines.h. The reader is tired: what is, how long it took, and what to do. */
#include <config.h>

#include "cli/lines.h"

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "base/columns.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/wrap.h"

enum { STEP_COLUMN = 22, TEXT_COLUMN = 4 + 8 + 1 + STEP_COLUMN + 1, GATE_COLUMN = 13 };

/* ---- small ---- */

struct page {
    FILE *f;
    char *text;
    size_t n;
};

static void begin(struct page *p)
{
    p->text = NULL;
    p->f = open_memstream(&p->text, &p->n);
    if (p->f == NULL)
        abort();
}

static char *end(struct page *p)
{
    fclose(p->f);
    return p->text;
}

static char *safe(const struct cm_lines *l, const char *text)
{
    cm_autofree char *masked = cm_mask(text != NULL ? text : "");
    return cm_printable(masked, l->utf8);
}

/* Colour is never the only signal. */
static const char *paint(const struct cm_lines *l, const char *word)
{
    static const struct {
        const char *word, *sgr;
    } table[] = {
        {"done", "\033[32m"},    {"ok", "\033[32m"},     {"warning", "\033[33m"}, {"unknown", "\033[33m"},
        {"waiting", "\033[33m"}, {"failed", "\033[31m"}, {"blocker", "\033[31m"},
    };
    for (size_t i = 0; l->colour && i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].word, word) == 0)
            return table[i].sgr;
    return "";
}

/* A sentence for a reader's ear: one line, ended by a full stop. */
static void sentence(FILE *f, const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    for (size_t i = 0; i < n; i++)
        fputc(text[i] == '\n' ? ' ' : text[i], f);
    if (n > 0 && strchr(".?!:", text[n - 1]) == NULL)
        fputc('.', f);
}

/* A name that is longer than its column gets a line of its own. */
static void in_columns(const struct cm_lines *l, FILE *f, const char *word, const char *what, const char *text)
{
    size_t wide = cm_columns(what, strlen(what));
    const char *sgr = paint(l, word);
    fprintf(f, "    %s%-8s%s %s", sgr, word, *sgr != '\0' ? "\033[0m" : "", what);
    if (wide > STEP_COLUMN)
        fprintf(f, "\n%*s", TEXT_COLUMN, "");
    else
        fprintf(f, "%*s", (int)(STEP_COLUMN - wide + 1), "");
    cm_print_wrapped_to(f, text, TEXT_COLUMN, TEXT_COLUMN, l->width);
}

/* ---- what happens ---- */

char *cm_line_stage(const struct cm_lines *l, size_t number, const char *id, const char *title)
{
    cm_autofree char *name = safe(l, id), *words = safe(l, title);
    return l->plain ? cm_fmt("Stage %zu, %s: %s.\n", number, name, words) : cm_fmt("%2zu  %s  (%s)\n", number, words, name);
}

char *cm_line_step(const struct cm_lines *l, const char *state, const char *step, const char *text)
{
    cm_autofree char *name = safe(l, step), *words = safe(l, text);
    struct page p;
    begin(&p);
    if (!l->plain) {
        in_columns(l, p.f, state, name, words);
        return end(&p);
    }
    if (strcmp(state, "done") == 0)
        fprintf(p.f, "Step %s is done after %s.", name, words);
    else {
        fprintf(p.f, "Step %s %s", name,
                strcmp(state, "waiting") == 0   ? "waits"
                : strcmp(state, "skipped") == 0 ? "is skipped"
                                                : state);
        fputs(*words != '\0' ? ": " : ".", p.f);
        sentence(p.f, words);
    }
    fputc('\n', p.f);
    return end(&p);
}

char *cm_line_said(const struct cm_lines *l, const char *step, const char *text)
{
    cm_autofree char *name = safe(l, step), *words = safe(l, text);
    struct page p;
    begin(&p);
    if (l->plain) {
        fprintf(p.f, "%s: ", name);
        sentence(p.f, words);
        fputc('\n', p.f);
    } else {
        in_columns(l, p.f, "", name, words);
    }
    return end(&p);
}

char *cm_line_finding(const struct cm_lines *l, enum cm_verdict verdict, const char *id, const char *seen, const char *remedy)
{
    cm_autofree char *name = safe(l, id), *words = safe(l, seen), *what = safe(l, remedy);
    const char *word = cm_verdict_word(verdict);
    struct page p;
    begin(&p);
    if (l->plain) {
        fprintf(p.f, "Finding %s, %s: ", name, word);
        sentence(p.f, words);
        if (verdict != CM_OK && *what != '\0') {
            fputs(" What to do: ", p.f);
            sentence(p.f, what);
        }
        fputc('\n', p.f);
        return end(&p);
    }
    in_columns(l, p.f, word, name, words);
    if (verdict != CM_OK && *what != '\0') {
        fprintf(p.f, "%*s", TEXT_COLUMN, "");
        cm_print_wrapped_to(p.f, what, TEXT_COLUMN, TEXT_COLUMN, l->width);
    }
    return end(&p);
}

char *cm_line_gate(const struct cm_lines *l, const char *id, const char *title, const char *shown)
{
    cm_autofree char *name = safe(l, id), *words = safe(l, title), *all = safe(l, shown);
    size_t n = strlen(all);
    if (n > 0 && all[n - 1] == '\n')
        all[n - 1] = '\0';
    struct page p;
    begin(&p);
    if (l->plain) {
        fprintf(p.f, "Question %s: ", name);
        sentence(p.f, words);
        fprintf(p.f, "\n%s%s", all, *all != '\0' ? "\n" : "");
        return end(&p);
    }
    in_columns(l, p.f, "gate", name, words);
    fprintf(p.f, "%*s", GATE_COLUMN, "");
    cm_print_wrapped_to(p.f, all, GATE_COLUMN, GATE_COLUMN, l->width);
    return end(&p);
}

char *cm_line_still(const struct cm_lines *l, const char *text)
{
    cm_autofree char *words = safe(l, text);
    struct page p;
    begin(&p);
    if (l->plain) {
        fputs("Still at work: ", p.f);
        sentence(p.f, words);
        fputc('\n', p.f);
    } else {
        fprintf(p.f, "    %-8s ", "running");
        cm_print_wrapped_to(p.f, words, GATE_COLUMN, GATE_COLUMN, l->width);
    }
    return end(&p);
}

char *cm_line_note(const struct cm_lines *l, const char *text)
{
    cm_autofree char *words = safe(l, text);
    struct page p;
    begin(&p);
    if (l->plain)
        fprintf(p.f, "%s\n", words);
    else
        cm_print_wrapped_to(p.f, words, 0, 0, l->width);
    return end(&p);
}
