/* values/launcher_account.c: what became of each Launcher value, a row each; and what a person has to look at. Rows are kept as their
 * texts: as JSON they would be many times larger than what they are about. Does not: decide anything. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

/* So many of one kind are named one by one; the others are counted. */
enum { MOST_OF_A_KIND = 1000, KINDS = 32 };

struct saying { /* many rows may say the same of their keys */
    const char *setting, *target, *reason;
    enum cm_fate fate;
};
struct row {         /* there may be one for each line of a file: small on purpose */
    const char *key; /* setting and target go on with it; NULL: they are whole */
    uint32_t line, saying;
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
    struct saying *sayings;
    size_t saying_count, saying_cap;
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

/* One of the last that says this, by the addresses of its texts; or a new one. */
static uint32_t saying_of(struct cm_launcher_more *m, const struct saying *s)
{
    enum { LOOK_BACK = 8 };
    for (size_t i = m->saying_count; i > 0 && m->saying_count - i < LOOK_BACK; i--) {
        const struct saying *one = &m->sayings[i - 1];
        if (one->setting == s->setting && one->target == s->target && one->reason == s->reason && one->fate == s->fate)
            return (uint32_t)(i - 1);
    }
    m->sayings = cm_grow(m->sayings, &m->saying_cap, m->saying_count + 1, sizeof *m->sayings);
    m->sayings[m->saying_count] = *s;
    return (uint32_t)m->saying_count++;
}

void cm_launcher_row_below(struct cm_launcher_work *w, const struct cm_yaml *at, const char *setting, const char *target,
                           const char *key, enum cm_fate fate, const char *reason)
{
    struct cm_launcher_more *m = w->out->more;
    const struct saying s = {setting, target, reason, fate};
    m->rows = cm_grow(m->rows, &m->cap, m->count + 1, sizeof *m->rows);
    m->rows[m->count++] = (struct row){cm_arena_strdup(m->arena, key), at->line, saying_of(m, &s)};
}

void cm_launcher_row(struct cm_launcher_work *w, const struct cm_yaml *at, const char *setting, const char *target,
                     enum cm_fate fate, const char *reason)
{
    cm_launcher_row_below(w, at, setting, target, NULL, fate, reason);
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
    const struct saying *s = &r->more->sayings[one->saying];
    cm_autofree char *source = cm_fmt("%s:%u", r->more->name, one->line);
    cm_autofree char *setting = one->key ? cm_fmt("%s.%s", s->setting, one->key) : cm_strdup(s->setting);
    cm_autofree char *target = one->key && s->target ? cm_fmt("%s.%s", s->target, one->key) : cm_strdup(s->target);
    return json_pack("{s:s, s:I, s:s, s:s?, s:s, s:s}", "source", source, "line", (json_int_t)one->line, "setting", setting,
                     "target", target, "disposition", cm_fate_word(s->fate), "reason", s->reason);
}

bool cm_launcher_needs_a_person(const struct cm_launcher_result *r)
{
    for (size_t i = 0; i < r->more->saying_count; i++)
        if (r->more->sayings[i].fate == CM_ASK || r->more->sayings[i].fate == CM_BLOCK)
            return true;
    return false;
}

void cm_launcher_more_free(struct cm_launcher_more *m)
{
    if (!m)
        return;
    cm_arena_free(m->arena);
    free(m->rows);
    free(m->sayings);
    free(m);
}
