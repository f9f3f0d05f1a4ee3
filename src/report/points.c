/* report/points.c: what somebody still has to look at when the run has ended, or has stopped: first what may keep people from working
 * (settings that the new server does not have), then what nobody confirmed, then what is not done, in doubt or still in force. */
#include <config.h>

#include <stdarg.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "report/parts.h"

const struct cm_m_step *cm_part_failing(const struct cm_model *m)
{
    for (size_t i = 0; m->now != NULL && i < m->now->step_count; i++)
        if (m->now->steps[i].state == CM_S_FAILED)
            return &m->now->steps[i];
    return NULL;
}

static bool was_said(const struct cm_model *m, const char *id)
{
    return cm_model_said(m->answers, m->answer_count, id) != NULL || cm_model_said(m->waivers, m->waiver_count, id) != NULL;
}

/* The way back was walked to its end: what was wrong with the new server is of no concern any more. */
static bool is_back(const struct cm_source_of_report *s)
{
    const struct cm_m_attempt *a = s->m->now;
    return a != NULL && a->direction == CM_BACKWARD && (a->ended || s->as_finished);
}

/* ---- settings that the new server's values lack ---- */

/* The conversion leaves these out of the values, by the first words of its findings' ids; the rest of the id is the setting. */
static const char *const left_out_ids[] = {"config.secret-in-subsection.", "config.secret-in-list."};

/* What does not work without a setting, by the section it stands in: Posit's configuration reference, "Configuration". */
static const struct {
    const char *section, *effect;
} effects[] = {
    {"LDAP", "logins may fail"},
    {"OAuth2", "logins may fail"},
    {"OpenIDConnect", "logins may fail"},
    {"SAML", "logins may fail"},
    {"PAM", "logins may fail"},
    {"ProxiedAuth", "logins may fail"},
    {"Authentication", "logins may fail"},
    {"Postgres", "the server may not reach its database"},
    {"SMTP", "mails may not be sent"},
    {"Git", "content may not be fetched from Git"},
    {"GitCredential", "content may not be fetched from Git"},
    {"RPackageRepository", "packages may not be installed"},
    {"Packages", "packages may not be installed"},
    {"Python", "packages may not be installed"},
    {"OAuthIntegrations", "content may not reach the services that it signs in to"},
};

static const char *effect_of(const char *setting)
{
    size_t n = strcspn(setting, ".");
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++)
        if (strncmp(effects[i].section, setting, n) == 0 && effects[i].section[n] == '\0')
            return effects[i].effect;
    return "what it does is missing";
}

/* NULL: the finding is of something else. */
static const char *setting_left_out(const char *id)
{
    for (size_t i = 0; i < sizeof left_out_ids / sizeof left_out_ids[0]; i++)
        if (cm_starts(id, left_out_ids[i]))
            return id + strlen(left_out_ids[i]);
    return NULL;
}

/* 'LDAP "Example".BindPassword', as the file has it: the finding's text begins with it. */
static char *name_of(const struct cm_m_finding *f, const char *setting)
{
    const char *end = strstr(f->seen, " holds ");
    return end == NULL ? cm_strdup(setting) : cm_fmt("%.*s", (int)(end - f->seen), f->seen);
}

/* Once somebody has waived it, it is their decision and no open point. */
json_t *cm_part_left_out(const struct cm_source_of_report *s)
{
    json_t *list = json_array();
    for (size_t i = 0; !is_back(s) && i < s->m->finding_count; i++) {
        const struct cm_m_finding *f = &s->m->findings[i];
        const char *setting = f->verdict == CM_OK ? NULL : setting_left_out(f->id);
        if (setting == NULL || was_said(s->m, f->id))
            continue;
        cm_autofree char *name = name_of(f, setting);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "setting", name, "effect", effect_of(setting), "finding",
                                              f->id, "remedy", cm_word_text(f->remedy)));
    }
    return list;
}

/* ---- the points ---- */

static void point(json_t *list, const char *fmt, ...) CM_PRINTF(2, 3);
static void point(json_t *list, const char *fmt, ...)
{
    va_list ap;
    cm_autostr s = CM_STR(CM_STR_PAGE);
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    json_array_append_new(list, json_string(cm_str_text(&s)));
}

static void open_settings(json_t *list, const struct cm_source_of_report *s)
{
    cm_autojson all = cm_part_left_out(s);
    size_t i;
    json_t *one;
    json_array_foreach(all, i, one)
    {
        const char *remedy = cm_json_text(one, "remedy", NULL);
        point(list, "%s is not in the new server's values: %s%s%s", cm_json_text(one, "setting", ""),
              cm_json_text(one, "effect", ""), remedy != NULL ? ". " : "", remedy != NULL ? remedy : "");
    }
}

/* Settings that the values have as the old server had them, although the conversion asks somebody to decide: a few by name. */
static const char asked_id[] = "config.ask.";

static void open_questions(json_t *list, const struct cm_model *m)
{
    enum { NAMED = 10 };
    size_t n = 0;
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        if (f->verdict == CM_OK || !cm_starts(f->id, asked_id) || was_said(m, f->id))
            continue;
        const char *remedy = f->remedy != NULL ? f->remedy : "";
        if (n++ < NAMED)
            point(list, "nobody decided about %s%s%s", f->seen, *remedy != '\0' ? ". " : "", remedy);
    }
    if (n > NAMED)
        point(list, "nobody decided about %zu more %s, see Findings", n - NAMED, n - NAMED == 1 ? "setting" : "settings");
}

/* A statement that was written into the plan beforehand was made before the fact; one that was left out was not made. */
static void open_statements(json_t *list, const struct cm_model *m)
{
    for (size_t i = 0; i < m->gate_count; i++) {
        const struct cm_m_gate *g = &m->gates[i];
        bool attest = g->kind != NULL && strcmp(g->kind, "attest") == 0;
        if (!g->open || !attest || g->how == NULL || strcmp(g->how, "plan") != 0)
            continue;
        if (strcmp(g->id, "gate.login") == 0)
            point(list, "nobody confirmed a login after the move: %s was answered beforehand in the plan. Log in and open an item",
                  g->id);
        else
            point(list, "nobody confirmed after the fact: %s (%s was answered beforehand in the plan)",
                  g->title != NULL ? g->title : "", g->id);
    }
    const struct cm_m_step *login = cm_model_step(m, "gate.login");
    if (login != NULL && login->state == CM_S_SKIPPED)
        point(list, "nobody confirmed a login after the move: %s was left out. Log in and open an item", login->id);
}

static void open_steps(json_t *list, const struct cm_source_of_report *s)
{
    const struct cm_m_step *first = NULL;
    size_t n = 0;
    const struct cm_m_attempt *a = s->m->now;
    for (size_t i = 0; !s->as_finished && a != NULL && !a->ended && i < a->step_count; i++)
        if (a->steps[i].state != CM_S_DONE && a->steps[i].state != CM_S_SKIPPED && a->steps[i].state != CM_S_FAILED) {
            first = first == NULL ? &a->steps[i] : first;
            n++;
        }
    if (first != NULL)
        point(list, "not done: %zu %s, the first is %s", n, n == 1 ? "step" : "steps", first->id);
}

/* Warnings are counted: they stand among the findings, with what to do. */
static void open_findings(json_t *list, const struct cm_model *m)
{
    size_t warnings = 0;
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        if (f->verdict == CM_OK || was_said(m, f->id) || setting_left_out(f->id) != NULL || cm_starts(f->id, asked_id))
            continue;
        if (f->verdict == CM_WARNING)
            warnings++;
        else
            point(list, "%s %s: %s", cm_finding_word(f->verdict), f->id, f->seen);
    }
    if (warnings > 0)
        point(list, "%zu %s, see Findings", warnings, warnings == 1 ? "warning that nobody waived" : "warnings that nobody waived");
}

/* Whoever signs the change looks for these two. */
static void open_agreement(json_t *list, const struct cm_model *m)
{
    bool ticket = cm_json_text(m->plan, "ticket", NULL) != NULL, window = cm_json_at(m->plan, "window.start") != NULL;
    if (!ticket || !window)
        point(list, "the plan names %s%s%s: what was agreed is not on record", ticket ? "" : "no ticket",
              ticket || window ? "" : " and ", window ? "" : "no maintenance window");
}

json_t *cm_part_open_points(const struct cm_source_of_report *s)
{
    const struct cm_model *m = s->m;
    json_t *list = json_array();
    const struct cm_m_step *step = cm_part_failing(m);
    if (step != NULL)
        point(list, "step %s failed: %s", step->id, step->message != NULL ? step->message : "");
    open_settings(list, s);
    if (!is_back(s)) {
        open_questions(list, m);
        open_statements(list, m);
    }
    open_steps(list, s);
    for (size_t i = 0; i < m->intent_count; i++) {
        const struct cm_m_intent *n = &m->intents[i];
        if (n->life == CM_IN_DOUBT)
            point(list, "in doubt whether it happened: %s %s", n->effect, n->key);
        if (cm_model_open_change(n) && n->settle)
            point(list, "still in force: %s %s", n->effect, n->key);
    }
    if (m->partly > 0 && !is_back(s))
        point(list, "%s; see Failures by cause", m->partly_last);
    if (!is_back(s)) {
        open_findings(list, m);
        open_agreement(list, m);
    }
    return list;
}
