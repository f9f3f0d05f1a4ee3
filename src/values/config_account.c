/* values/config_account.c: what the conversion says of itself: a row for every setting of the source, findings for people, and the
 * values that the chart adds by itself. Does not: decide. */
#include <config.h>

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "values/config_work.h"

const char *cm_fate_word(enum cm_fate fate)
{
    static const char *const words[] = {"keep", "drop", "change", "secret", "ask", "block"};
    return words[fate];
}

const char *cm_config_row_word(const struct cm_config_row *row) { return row->from_chart ? "chart" : cm_fate_word(row->fate); }

json_t *cm_config_row_json(const struct cm_config_row *row)
{
    cm_autofree char *source = row->line ? cm_fmt("%s:%zu", row->file, row->line) : cm_strdup(row->file);
    return json_pack("{s:s, s:o, s:s, s:s?, s:s, s:s}", "source", source, "line",
                     row->line ? json_integer((json_int_t)row->line) : json_null(), "setting", row->setting, "target", row->target,
                     "disposition", cm_config_row_word(row), "reason", row->reason ? row->reason : "");
}

enum { FINDINGS_TOLD = 1000 }; /* nobody reads more; a file of a hundred thousand lines must not fill the memory */

static void count_row(struct cm_config_result *out, enum cm_fate fate)
{
    size_t *const counts[] = {&out->kept, &out->dropped, &out->changed, &out->secret, &out->asked, &out->blocked};
    ++*counts[fate];
}

void cm_config_add_row(struct cm_config_work *w, const struct cm_config_row *row)
{
    struct cm_config_more *m = w->m;
    m->rows = cm_grow(m->rows, &m->row_cap, m->row_count + 1, sizeof *m->rows);
    m->rows[m->row_count++] = *row;
    if (!row->from_chart)
        count_row(w->out, row->fate);
}

/* ---- the rows of settings: made when asked for ---- */

const char *cm_config_key(const struct cm_config_more *m, const struct cm_config_group *g)
{
    return g->exact ? g->known->key : m->gcfg->list[g->first].key;
}

static void add_label(struct cm_str *out, const struct cm_config_more *m, const struct cm_config_group *g)
{
    const struct cm_config_section *s = &m->sections[g->section];
    if (s->sub)
        cm_str_addf(out, "%s \"%s\".%s", s->name, s->sub, cm_config_key(m, g));
    else
        cm_str_addf(out, "%s.%s", s->name, cm_config_key(m, g));
}

const char *cm_config_label(const struct cm_config_more *m, const struct cm_config_group *g)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    add_label(&s, m, g);
    const char *label = cm_arena_strdup(m->arena, cm_str_text(&s));
    cm_str_fini(&s);
    return label;
}

static void row_of_setting(struct cm_config_more *m, size_t i, struct cm_config_row *out)
{
    const struct cm_config_group *g = &m->groups[m->group_of[i]];
    const struct cm_gcfg_setting *s = &m->gcfg->list[i], *by = &m->gcfg->list[g->live];
    cm_str_reset(&m->name);
    cm_str_reset(&m->said);
    cm_str_add(&m->name, "config.");
    add_label(&m->name, m, g);
    *out = (struct cm_config_row){.file = s->in->file,
                                  .line = s->line,
                                  .setting = cm_str_text(&m->name) + 7,
                                  .target = g->target,
                                  .reason = g->reason,
                                  .fate = (enum cm_fate)g->fate};
    if (!g->target && g->where == CM_TO_CONFIG)
        out->target = cm_str_text(&m->name);
    if (i < g->live) {
        cm_str_addf(&m->said, by->line ? "replaced by %s:%u" : "replaced by %s", by->in->file, by->line);
        out->fate = CM_DROP;
        out->target = NULL;
        out->reason = cm_str_text(&m->said);
    }
}

bool cm_config_row(const struct cm_config_result *r, size_t i, struct cm_config_row *out)
{
    struct cm_config_more *m = r->more;
    if (i < m->gcfg->count)
        row_of_setting(m, i, out);
    else if (i - m->gcfg->count < m->row_count)
        *out = m->rows[i - m->gcfg->count];
    else
        return false;
    return true;
}

void cm_config_count_rows(struct cm_config_work *w)
{
    struct cm_config_row row;
    for (size_t i = 0; i < w->m->gcfg->count; i++) {
        row_of_setting(w->m, i, &row);
        count_row(w->out, row.fate);
    }
}

void cm_config_finding(struct cm_config_work *w, const char *verdict, const char *id, const char *remedy, const char *fmt, ...)
{
    struct cm_str seen = CM_STR(CM_STR_PAGE);
    va_list ap;
    va_start(ap, fmt);
    cm_str_vaddf(&seen, fmt, ap);
    va_end(ap);
    if (json_array_size(w->out->findings) >= FINDINGS_TOLD && strcmp(verdict, "blocker") != 0) {
        w->untold++; /* the account has a row for each */
        cm_str_fini(&seen);
        return;
    }
    json_array_append_new(w->out->findings, json_pack("{s:s, s:s, s:s, s:s}", "id", id, "verdict", verdict, "seen",
                                                      cm_str_text(&seen), "remedy", remedy));
    cm_str_fini(&seen);
}

void cm_config_untold(struct cm_config_work *w)
{
    if (w->untold)
        json_array_append_new(w->out->findings, json_pack("{s:s, s:s, s:o, s:s}", "id", "config.more", "verdict", "warning", "seen",
                                                          json_sprintf("%zu more settings need a look", w->untold), "remedy",
                                                          "Look at the account: it has a row for each."));
}

const char *cm_config_id(struct cm_config_work *w, const char *word, const struct cm_config_group *g)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    const struct cm_config_section *in = &w->m->sections[g->section];
    cm_str_addf(&s, "config.%s.%s", word, in->name);
    if (in->sub) {
        cm_str_add(&s, ".");
        for (const char *p = in->sub; *p; p++) { /* ids are typed on a command line */
            char c = isalnum((unsigned char)*p) ? *p : '-';
            cm_str_add_bytes(&s, &c, 1);
        }
    }
    cm_str_addf(&s, ".%s", cm_config_key(w->m, g));
    const char *id = cm_arena_strdup(w->m->arena, cm_str_text(&s));
    cm_str_fini(&s);
    return id;
}

/* Does the source, or the base, say anything of a package repository? Then the chart's two stay in the way of nobody's wish. */
static bool names_a_repository(const struct cm_config_work *w)
{
    for (size_t i = 0; i < w->m->section_count; i++)
        if (cm_gcfg_same_name(w->m->sections[i].name, "RPackageRepository"))
            return true;
    return cm_config_base_section(w, "RPackageRepository", "CRAN") || cm_config_base_section(w, "RPackageRepository", "RSPM");
}

static bool decided_elsewhere(const struct cm_config_work *w, const struct cm_chart_default *d)
{
    cm_autofree char *name = cm_setting_name(d->section, d->sub, d->key);
    size_t at;
    if (cm_index_get(w->group_index, name, &at) && w->m->groups[at].where == CM_TO_CONFIG)
        return true;
    return cm_config_base_find(w, d->section, d->sub, d->key) != NULL;
}

/* Values that the chart gives because neither the source nor the base does: each is decided and said. */
void cm_config_chart_rows(struct cm_config_work *w)
{
    bool repositories = names_a_repository(w);
    for (const struct cm_chart_default *d = cm_chart_defaults; d->section; d++) {
        if (decided_elsewhere(w, d))
            continue;
        const char *label = d->sub ? cm_arena_fmt(w->m->arena, "%s \"%s\".%s", d->section, d->sub, d->key)
                                   : cm_arena_fmt(w->m->arena, "%s.%s", d->section, d->key);
        struct cm_config_row row = {.file = "the chart",
                                    .setting = label,
                                    .reason = d->said,
                                    .from_chart = true,
                                    .target = cm_arena_fmt(w->m->arena, "config.%s = %s", label, d->value)};
        if (d->sub && repositories)
            row.reason = cm_arena_fmt(w->m->arena,
                                      "the chart adds this repository beside the source's; to leave it out, write "
                                      "'RPackageRepository \"%s\"': null under config in your values",
                                      d->sub);
        cm_config_add_row(w, &row);
        if (d->sub)
            cm_config_finding(w, "warning", cm_arena_fmt(w->m->arena, "config.chart-repository.%s", d->sub),
                              cm_arena_fmt(w->m->arena,
                                           "Leave it if it suits you, else write 'RPackageRepository \"%s\"': null "
                                           "under config in your values file.",
                                           d->sub),
                              "the chart adds the package repository %s (%s), which the old server does not name", d->sub,
                              d->value);
        else if (strcmp(d->key, "Address") == 0)
            cm_config_finding(
                w, "warning", "config.address", "Set config.Server.Address in your values to the public URL of Connect.",
                "neither the old server's configuration nor your values say Server.Address; the chart's default is %s, "
                "and links in mails would lead there",
                d->value);
    }
}
