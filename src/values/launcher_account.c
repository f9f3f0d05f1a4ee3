/* values/launcher_account.c: what became of each Launcher value, a row each; and what a person has to look at. Rows are kept as their
 * texts: as JSON they would be many times larger than what they are about. Does not: decide anything. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

/* So many of one kind are named one by one; the others are counted. */
enum { MOST_OF_A_KIND = 1000, KINDS = 32 };

struct row {
    const char *setting, *target, *reason;
    uint32_t line;
    enum cm_fate fate;
};
struct kind {
    const char *id, *verdict, *remedy;
    size_t count;
};
struct cm_launcher_more {
    struct cm_arena *arena; /* of the whole conversion: the rows' texts live in it */
    char *name;
    struct row *rows;
    size_t count, cap;
    struct kind kinds[KINDS];
};

struct cm_launcher_more *cm_launcher_more_new(const char *name)
{
    struct cm_launcher_more *m = cm_alloc(sizeof *m);
    m->arena = cm_arena_new();
    m->name = cm_arena_strdup(m->arena, name);
    return m;
}

struct cm_arena *cm_launcher_arena(const struct cm_launcher_more *m) { return m->arena; }

const char *cm_launcher_name(const struct cm_yaml *value)
{
    return value->type == CM_YAML_SCALAR && *value->text ? value->text : NULL;
}

void cm_launcher_row(struct cm_launcher_work *w, const struct cm_yaml *at, const char *setting, const char *target,
                     enum cm_fate fate, const char *reason)
{
    struct cm_launcher_more *m = w->out->more;
    m->rows = cm_grow(m->rows, &m->cap, m->count + 1, sizeof *m->rows);
    m->rows[m->count++] =
        (struct row){.setting = setting, .target = target, .reason = reason, .line = (uint32_t)at->line, .fate = fate};
}

static struct kind *kind_of(struct cm_launcher_more *m, const char *id)
{
    size_t i = 0;
    while (i + 1 < KINDS && m->kinds[i].id && strcmp(m->kinds[i].id, id) != 0)
        i++;
    return &m->kinds[i];
}

void cm_launcher_finding(struct cm_launcher_work *w, const struct cm_yaml *at, const char *verdict, const char *id,
                         const char *seen, const char *remedy)
{
    struct kind *k = kind_of(w->out->more, id);
    *k = (struct kind){.id = id, .verdict = verdict, .remedy = remedy, .count = k->count + 1};
    if (k->count > MOST_OF_A_KIND)
        return;
    cm_autofree char *text = cm_fmt("%s:%u:%u: %s", w->wish->name, at->line, at->column, seen);
    json_array_append_new(w->out->findings,
                          json_pack("{s:s, s:s, s:s, s:s}", "id", id, "verdict", verdict, "seen", text, "remedy", remedy));
}

void cm_launcher_account(struct cm_launcher_result *r, bool rows_only)
{
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &r->more->kinds[i];
        if (k->count <= MOST_OF_A_KIND)
            continue;
        cm_autofree char *text = cm_fmt("%s: %zu more of this kind; the first %d are named one by one", r->more->name,
                                        k->count - MOST_OF_A_KIND, MOST_OF_A_KIND);
        json_array_append_new(
            r->findings, json_pack("{s:s, s:s, s:s, s:s}", "id", k->id, "verdict", k->verdict, "seen", text, "remedy", k->remedy));
    }
    for (size_t i = 0; !rows_only && i < r->more->count; i++)
        json_array_append_new(r->account, cm_launcher_row_json(r, i));
}

size_t cm_launcher_rows(const struct cm_launcher_result *r) { return r->more->count; }

json_t *cm_launcher_row_json(const struct cm_launcher_result *r, size_t i)
{
    const struct row *one = &r->more->rows[i];
    cm_autofree char *source = cm_fmt("%s:%u", r->more->name, one->line);
    return json_pack("{s:s, s:I, s:s, s:s?, s:s, s:s}", "source", source, "line", (json_int_t)one->line, "setting", one->setting,
                     "target", one->target, "disposition", cm_fate_word(one->fate), "reason", one->reason);
}

bool cm_launcher_needs_a_person(const struct cm_launcher_result *r)
{
    for (size_t i = 0; i < r->more->count; i++)
        if (r->more->rows[i].fate == CM_ASK || r->more->rows[i].fate == CM_BLOCK)
            return true;
    return false;
}

void cm_launcher_more_free(struct cm_launcher_more *m)
{
    if (!m)
        return;
    cm_arena_free(m->arena);
    free(m->rows);
    free(m);
}
