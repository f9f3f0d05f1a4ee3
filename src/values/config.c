/* values/config.c: gcfg to the chart's `config` section: puts the settings of the source in groups, lets each be decided
 * (config_rules.c), compares with what the user's values say, and writes rows, text and findings.
 *
 * The base wins: a setting that the user's values give is never written again; a difference is a finding. Does not: read files. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "values/config_work.h"
#include "values/quote.h"

/* ---- groups and sections ---- */

static cm_config_at section_of(struct cm_config_work *w, const char *section, const char *sub)
{
    struct cm_config_more *m = w->m;
    cm_autofree char *name = cm_setting_name(section, sub, "");
    size_t at;
    if (cm_index_get(w->section_index, name, &at))
        return (cm_config_at)at;
    m->sections = cm_grow(m->sections, &m->section_cap, m->section_count + 1, sizeof *m->sections);
    at = m->section_count++;
    struct cm_config_section *s = &m->sections[at];
    *s = (struct cm_config_section){.name = section, .sub = sub, .first = CM_NO_SETTING, .last = CM_NO_SETTING};
    const char *based = cm_config_base_section(w, section, sub);
    if (based) {
        s->title = cm_arena_strdup(m->arena, based); /* helm merges by spelling: one section, not two */
    } else if (sub) {
        struct cm_str quoted = CM_STR(CM_STR_PAGE);
        for (const char *p = sub; *p; p++)
            cm_str_addf(&quoted, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
        s->title = cm_arena_fmt(m->arena, "%s \"%s\"", section, cm_str_text(&quoted));
        cm_str_fini(&quoted);
    } else {
        s->title = section;
    }
    cm_index_put(w->section_index, name, at);
    return (cm_config_at)at;
}

static size_t new_group(struct cm_config_work *w, const struct cm_gcfg_setting *s, const char *section, const char *key)
{
    struct cm_config_more *m = w->m;
    size_t at = m->group_count++;
    struct cm_config_group *g = &m->groups[at];
    bool exact;
    *g = (struct cm_config_group){
        .section = section_of(w, section, s->in->sub), .first = CM_NO_SETTING, .next_in_section = CM_NO_SETTING};
    g->known = cm_setting_find(section, key, &exact);
    g->exact = exact;
    struct cm_config_section *in = &m->sections[g->section];
    if (in->first == CM_NO_SETTING)
        in->first = (cm_config_at)at;
    else
        m->groups[in->last].next_in_section = (cm_config_at)at;
    in->last = (cm_config_at)at;
    return at;
}

static void put_in_groups(struct cm_config_work *w)
{
    const struct cm_gcfg *gcfg = w->wish->gcfg;
    struct cm_config_more *m = w->m;
    m->next = cm_alloc((gcfg->count + 1) * sizeof *m->next);
    m->group_of = cm_alloc((gcfg->count + 1) * sizeof *m->group_of);
    m->groups = cm_alloc((gcfg->count + 1) * sizeof *m->groups); /* the most there can be; untouched pages cost nothing */
    for (size_t i = 0; i < gcfg->count; i++) {
        const struct cm_gcfg_setting *s = &gcfg->list[i];
        const char *section, *key;
        cm_setting_spelling(s->in->section, s->key, &section, &key);
        cm_autofree char *name = cm_setting_name(section, s->in->sub, key);
        size_t at;
        if (!cm_index_get(w->group_index, name, &at)) {
            at = new_group(w, s, section, key);
            cm_index_put(w->group_index, name, at);
        }
        struct cm_config_group *g = &m->groups[at];
        if (g->first == CM_NO_SETTING)
            g->first = (cm_config_at)i;
        else
            m->next[g->last] = (cm_config_at)i;
        m->next[i] = CM_NO_SETTING;
        m->group_of[i] = (cm_config_at)at;
        g->last = (cm_config_at)i;
    }
}

/* Which of the settings of one name count, and whether they are one value or a list (gcfg: a bare key resets a list and is true
 * for a boolean; a scalar takes the last). A variable of the environment replaces what files say. */
static void find_live(struct cm_config_work *w, struct cm_config_group *g)
{
    const struct cm_gcfg_setting *list = w->wish->gcfg->list;
    bool known_list = g->exact && g->known->list;
    cm_config_at live = g->first;
    size_t members = 0;
    for (cm_config_at i = g->first; i != CM_NO_SETTING; i = w->m->next[i]) {
        bool resets = list[i].from_environment || (!list[i].value && (!g->exact || known_list));
        if (resets || (g->exact && !known_list)) {
            live = i;
            members = 0;
        }
        members++;
    }
    if (!list[live].value && live != g->last) { /* a bare key with values behind it: those count */
        live = w->m->next[live];
        members--;
    }
    g->live = live;
    g->as_list = members > 1;
    g->empty_list = known_list && !list[g->last].value;
    g->value = g->as_list || g->empty_list ? NULL : list[live].value ? list[live].value : "true";
}

static json_t *live_values(const struct cm_config_work *w, const struct cm_config_group *g)
{
    json_t *values = json_array();
    if (g->value)
        json_array_append_new(values, json_string(g->value));
    for (cm_config_at i = g->live; !g->value && !g->empty_list && i != CM_NO_SETTING; i = w->m->next[i])
        json_array_append_new(values, json_string(w->wish->gcfg->list[i].value));
    return values;
}

/* ---- the base ---- */

static const char *source_place(struct cm_config_work *w, const struct cm_gcfg_setting *s)
{
    return s->line ? cm_arena_fmt(w->m->arena, "%s:%u", s->in->file, s->line) : s->in->file;
}

static bool same_url(const char *a, const char *b)
{
    struct cm_url_seen x, y;
    bool urls = cm_url_look(a, &x), both = cm_url_look(b, &y) && urls;
    bool same = both ? strcmp(x.stripped, y.stripped) == 0 : strcmp(a, b) == 0;
    cm_url_seen_fini(&x);
    cm_url_seen_fini(&y);
    return same;
}

static bool same_text(const struct cm_config_group *g, const char *a, const char *b)
{
    bool x, y;
    if (!g->exact)
        return strcmp(a, b) == 0;
    if (g->known->type == CM_V_BOOL && cm_gcfg_bool_word(a, &x) && cm_gcfg_bool_word(b, &y))
        return x == y;
    if (g->known->rule == CM_RULE_DATABASE_URL)
        return same_url(a, b); /* a password in one of them is told elsewhere */
    bool word = g->known->rule == CM_RULE_DATABASE_PROVIDER || g->known->rule == CM_RULE_AUTHENTICATION;
    return word ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static bool same_values(const struct cm_config_group *g, const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!same_text(g, json_string_value(json_array_get(a, i)), json_string_value(json_array_get(b, i))))
            return false;
    return true;
}

static char *shown(const json_t *values)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < json_array_size(values); i++) {
        struct cm_url_seen u;
        const char *text = json_string_value(json_array_get(values, i));
        bool url = cm_url_look(text, &u);
        cm_str_addf(&s, "%s%s", i ? ", " : "", url ? u.stripped : text);
        cm_url_seen_fini(&u);
    }
    return cm_str_take(&s);
}

/* A password in the source's URL goes to the Secret also where the base gives the URL. */
static void take_url_password(struct cm_config_work *w, struct cm_config_group *g)
{
    struct cm_url_seen u;
    if (cm_url_look(g->value, &u)) {
        g->value = cm_arena_strdup(w->m->arena, u.stripped);
        if (u.had_password)
            cm_config_env_secret(w, g,
                                 cm_gcfg_same_name(cm_config_key(w->m, g), "URL") ? "CONNECT_POSTGRES_PASSWORD"
                                                                                  : "CONNECT_POSTGRES_INSTRUMENTATIONPASSWORD");
    }
    cm_url_seen_fini(&u);
}

static bool is_secret(const struct cm_config_work *w, const struct cm_config_group *g)
{
    return g->exact ? g->known->type == CM_V_SECRET : cm_setting_sounds_secret(cm_config_key(w->m, g));
}

/* The base says this setting as well: nothing is written, a difference is told. */
static void settle_with_base(struct cm_config_work *w, struct cm_config_group *g, const struct cm_base_value *v)
{
    const char *place = cm_config_place(w, v);
    g->where = CM_TO_NOWHERE;
    g->based = true;
    g->target = cm_arena_fmt(w->m->arena, "config.%s (%s)", cm_config_label(w->m, g), place);
    if (is_secret(w, g)) {
        g->fate = CM_CHANGE;
        g->reason = cm_arena_fmt(w->m->arena, "%s gives it in clear; it ends in a ConfigMap there", place);
        cm_config_finding(w, "warning", cm_config_id(w, "secret-in-values", g),
                          "Move it to a Secret and give it by pod.env with valueFrom.secretKeyRef.", "%s stands in clear at %s",
                          cm_config_label(w->m, g), place);
        return;
    }
    if (g->value && g->exact && g->known->rule == CM_RULE_DATABASE_URL)
        take_url_password(w, g);
    cm_autojson theirs = cm_config_base_values(v);
    cm_autojson ours = live_values(w, g);
    if (same_values(g, ours, theirs)) {
        g->fate = CM_KEEP;
        g->reason = cm_arena_fmt(w->m->arena, "%s says the same", place);
        return;
    }
    cm_autofree char *a = shown(ours), *b = shown(theirs);
    g->fate = CM_CHANGE;
    g->reason = cm_arena_fmt(w->m->arena, "%s says %s, and wins", place, b);
    cm_config_finding(w, "warning", cm_config_id(w, "differs", g),
                      "Keep it, or change your values file to what the old server has.",
                      "%s is %s on the old server (%s) and %s in your values (%s); your values win", cm_config_label(w->m, g), a,
                      source_place(w, &w->wish->gcfg->list[g->last]), b, place);
}

/* ---- deciding ---- */

/* What a line of the ConfigMap cannot carry may still be an environment variable. */
static void route_unprintable(struct cm_config_work *w, struct cm_config_group *g)
{
    const struct cm_config_section *in = &w->m->sections[g->section];
    bool fits = g->value ? cm_manifest_safe(g->value) : true;
    for (cm_config_at i = g->live; !g->value && !g->empty_list && i != CM_NO_SETTING; i = w->m->next[i])
        fits &= cm_manifest_safe(w->wish->gcfg->list[i].value);
    fits &= !in->sub || cm_manifest_safe(in->sub);
    if (fits)
        return;
    if (g->value && !in->sub && cm_env_safe(g->value)) {
        const char *name = cm_config_env_name(w, g);
        g->where = CM_TO_ENV;
        if (g->fate == CM_KEEP)
            g->fate = CM_CHANGE;
        g->target = cm_arena_fmt(w->m->arena, "pod.env %s", name);
        g->reason = "a character in it cannot stand in a ConfigMap of the chart; an environment variable carries it";
        if (!cm_config_base_has_env(w, name))
            cm_config_env_add(w, name, g->value, NULL, NULL);
        return;
    }
    g->where = CM_TO_NOWHERE;
    g->fate = CM_BLOCK;
    g->reason = "a character in it can stand neither in a ConfigMap of the chart nor in its pod.env";
    cm_config_finding(w, "blocker", cm_config_id(w, "character", g), "Take the control character or Unicode line break out of it.",
                      "%s holds a character that cannot stand in a ConfigMap of the chart", cm_config_label(w->m, g));
}

/* A list may hold a URL with a password; a list has no variable. */
static void guard_list(struct cm_config_work *w, struct cm_config_group *g)
{
    for (cm_config_at i = g->live; !g->value && !g->empty_list && i != CM_NO_SETTING; i = w->m->next[i]) {
        struct cm_url_seen u;
        bool secret = cm_url_look(w->wish->gcfg->list[i].value, &u) && u.had_password;
        cm_url_seen_fini(&u);
        if (secret && g->where == CM_TO_CONFIG) {
            g->where = CM_TO_NOWHERE;
            g->fate = CM_ASK;
            g->reason = "a URL in this list holds a password; no ConfigMap should";
            cm_config_finding(w, "warning", cm_config_id(w, "secret-in-list", g),
                              "Write the list under config yourself, without the password.",
                              "%s holds a URL with a password; it is left out of the values", cm_config_label(w->m, g));
        }
    }
}

/* What Connect reads is what moves; that it is less than what stands there may be news. */
static void tell_cut_off(struct cm_config_work *w, struct cm_config_group *g)
{
    for (cm_config_at i = g->live; g->where != CM_TO_NOWHERE && i != CM_NO_SETTING; i = w->m->next[i]) {
        const struct cm_gcfg_setting *s = &w->wish->gcfg->list[i];
        if (s->cut_at)
            cm_config_finding(w, "warning", cm_config_id(w, "cut-off", g),
                              "If it belongs to the value, put the whole value in double quotes in the file and convert again.",
                              "%s (%s): a comment begins at the '%c' inside of the value; Connect reads only what stands before it",
                              cm_config_label(w->m, g), source_place(w, s), s->cut_at);
    }
}

/* "{{ x }}", "<%= x %>": perhaps a template that nobody rendered. Connect would have read it as it stands. */
static void tell_placeholder(struct cm_config_work *w, struct cm_config_group *g)
{
    static const char *const marks[][2] = {{"{{", "}}"}, {"{%", "%}"}, {"<%", "%>"}};
    for (cm_config_at i = g->live; i != CM_NO_SETTING; i = w->m->next[i]) {
        const struct cm_gcfg_setting *s = &w->wish->gcfg->list[i];
        bool found = false;
        for (size_t m = 0; s->value && m < sizeof marks / sizeof *marks; m++) {
            const char *open = strstr(s->value, marks[m][0]);
            found |= open && strstr(open + 2, marks[m][1]);
        }
        if (found)
            cm_config_finding(w, "warning", cm_config_id(w, "placeholder", g),
                              "If it is one, convert the file that is made of the template, as it stands on the server.",
                              "%s (%s) holds what looks like a placeholder of a template",
                              cm_config_label(w->m, g), source_place(w, s));
    }
}

static void decide_group(struct cm_config_work *w, struct cm_config_group *g)
{
    find_live(w, g);
    bool dropped = g->known && g->known->fate == CM_DROP && g->known->rule == CM_RULE_NONE;
    const struct cm_config_section *in = &w->m->sections[g->section];
    const struct cm_base_value *v = dropped ? NULL : cm_config_base_find(w, in->name, in->sub, cm_config_key(w->m, g));
    if (v) {
        settle_with_base(w, g, v);
        return;
    }
    cm_config_judge(w, g);
    guard_list(w, g);
    if (g->where == CM_TO_CONFIG)
        route_unprintable(w, g);
    tell_cut_off(w, g);
    if (g->where != CM_TO_NOWHERE)
        tell_placeholder(w, g);
}

/* Comments of what is not written stand above what is written next, below the name of what they were about. */
struct comments {
    struct cm_config_work *w;
    struct cm_config_scrubber *scrub;
    char *waiting;
};

/* Behind a secret that a comment sign cuts off, the comment is the rest of it. */
static bool may_show(const struct cm_config_work *w, const struct cm_config_group *g, const struct cm_gcfg_setting *s)
{
    bool url = g->exact && g->known->type == CM_V_URL;
    return g->where == CM_TO_CONFIG ? !(s->cut_at && url) : g->fate != CM_TO_SECRET && g->fate != CM_ASK && !is_secret(w, g);
}

static void take_group_comments(struct comments *c, struct cm_config_group *g)
{
    const struct cm_config_more *m = c->w->m;
    const struct cm_gcfg_setting *list = c->w->wish->gcfg->list;
    char *own = NULL;
    for (cm_config_at i = g->first; !g->based && i != CM_NO_SETTING; i = m->next[i])
        if (may_show(c->w, g, &list[i]))
            own = cm_config_comment_add(c->w, c->scrub, own, list[i].comment);
    if (g->where == CM_TO_CONFIG) {
        g->comment = c->waiting && own ? cm_arena_fmt(m->arena, "%s\n%s", c->waiting, own) : c->waiting ? c->waiting : own;
        c->waiting = NULL;
    } else if (own) {
        c->waiting = cm_arena_fmt(m->arena, "%s%s# %s (not in config): %s", c->waiting ? c->waiting : "", c->waiting ? "\n" : "",
                                  cm_config_label(m, g), own + strspn(own, ";# \t"));
    }
}

/* The lines above a section's header stand above its key; where nothing of it is written, above the next one's. */
static void take_section_comments(struct comments *c, struct cm_config_section *s)
{
    struct cm_config_more *m = c->w->m;
    bool written = false;
    char *header = c->waiting;
    for (cm_config_at j = s->first; j != CM_NO_SETTING; j = m->groups[j].next_in_section) {
        const struct cm_config_group *g = &m->groups[j];
        written |= g->where == CM_TO_CONFIG;
        for (cm_config_at i = g->first; i != CM_NO_SETTING; i = m->next[i])
            header = cm_config_comment_add(c->w, c->scrub, header, cm_gcfg_header_comment(c->w->wish->gcfg, i));
    }
    s->comment = written ? header : NULL;
    c->waiting = written ? NULL : header;
    for (cm_config_at j = s->first; j != CM_NO_SETTING; j = m->groups[j].next_in_section)
        take_group_comments(c, &m->groups[j]);
}

static void take_comments(struct cm_config_work *w)
{
    struct cm_config_more *m = w->m;
    struct comments c = {.w = w, .scrub = cm_config_scrubber_new(w)};
    for (size_t at = 0; at < m->section_count; at++)
        take_section_comments(&c, &m->sections[at]);
    m->tail = cm_config_comment_add(w, c.scrub, c.waiting, cm_gcfg_tail(w->wish->gcfg));
}

static void look_for_database(struct cm_config_work *w)
{
    if (cm_gcfg_find(w->wish->gcfg, "Database", NULL, "Provider") || cm_config_base_find(w, "Database", NULL, "Provider"))
        return;
    cm_config_finding(w, "blocker", "config.database",
                      "Migrate the database to PostgreSQL first, or say Database.Provider in your values.",
                      "nothing says Database.Provider: Connect then uses SQLite, and a server on Kubernetes needs PostgreSQL");
}

static void begin(struct cm_config_work *w)
{
    struct cm_config_more *m = w->m;
    const struct cm_gcfg *gcfg = w->wish->gcfg;
    m->arena = cm_arena_new();
    m->gcfg = gcfg;
    m->secrets = json_array();
    m->secret_name = cm_arena_fmt(m->arena, "%s-config", w->wish->release ? w->wish->release : "rstudio-connect");
    m->name = (struct cm_str)CM_STR(CM_STR_PAGE);
    m->said = (struct cm_str)CM_STR(CM_STR_PAGE);
    w->group_index = cm_index_new_for(gcfg->count);
    w->section_index = cm_index_new();
    w->base_index = cm_index_new();
    w->env_index = cm_index_new();
    w->old_data_dir = cm_gcfg_get(gcfg, "Server", NULL, "DataDir");
    if (!w->old_data_dir)
        w->old_data_dir = "/var/lib/rstudio-connect";
    cm_config_base_read(w);
}

static void end(struct cm_config_work *w)
{
    cm_index_free(w->group_index);
    cm_index_free(w->section_index);
    cm_index_free(w->base_index);
    cm_index_free(w->env_index);
    w->group_index = w->section_index = w->base_index = w->env_index = NULL;
    free(w->base);
    w->base = NULL;
}

static json_t *account(const struct cm_config_result *r)
{
    json_t *rows = json_array();
    struct cm_config_row row;
    for (size_t i = 0; cm_config_row(r, i, &row); i++)
        json_array_append_new(rows, cm_config_row_json(&row));
    return rows;
}

int cm_config_convert(const struct cm_config_wish *wish, struct cm_config_result *out, struct cm_err **err)
{
    *out = (struct cm_config_result){.findings = json_array(), .more = cm_alloc(sizeof *out->more)};
    struct cm_config_more *m = out->more;
    struct cm_config_work w = {.wish = wish, .out = out, .m = m};
    begin(&w);
    if (wish->gcfg->count >= CM_NO_SETTING) {
        end(&w);
        cm_config_result_fini(out);
        return cm_fail(err, CM_E_USAGE, "more than 4 thousand million settings; fewer are expected");
    }
    put_in_groups(&w);
    for (size_t i = 0; i < m->group_count; i++)
        decide_group(&w, &m->groups[i]);
    cm_config_count_rows(&w);
    cm_config_env_unit(&w);
    cm_config_chart_rows(&w);
    look_for_database(&w);
    cm_config_untold(&w);
    take_comments(&w);
    end(&w);
    cm_config_write(&w);
    if (!wish->rows_only)
        out->account = account(out);
    return 0;
}

void cm_config_result_fini(struct cm_config_result *r)
{
    free(r->values);
    free(r->secrets);
    json_decref(r->account);
    json_decref(r->findings);
    if (r->more) {
        json_decref(r->more->secrets);
        free(r->more->rows);
        free(r->more->sections);
        free(r->more->groups);
        free(r->more->env);
        free(r->more->next);
        free(r->more->group_of);
        cm_str_fini(&r->more->name);
        cm_str_fini(&r->more->said);
        cm_arena_free(r->more->arena);
        free(r->more);
    }
    *r = (struct cm_config_result){0};
}

/* A value that the chart gives by itself is decided and said; everything else that was found is somebody's to look at. */
bool cm_config_needs_a_person(const struct cm_config_result *r)
{
    static const char said[] = "config.chart-repository.";
    for (size_t i = 0; i < json_array_size(r->findings); i++)
        if (strncmp(json_string_value(json_object_get(json_array_get(r->findings, i), "id")), said, sizeof said - 1) != 0)
            return true;
    return r->asked > 0 || r->blocked > 0;
}

const json_t *cm_config_secrets(const struct cm_config_result *r) { return r->more->secrets; }
