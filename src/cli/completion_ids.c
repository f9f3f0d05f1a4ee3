/* cli/completion_ids.c: names of stages, steps, gates, findings, actions and drills for completion (cli/completion.h): of the plan that
 * stands on the command line where there is one, else of the usual migration. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "actions/findings.h"
#include "actions/registry.h"
#include "adapters/process.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/completion.h"
#include "cli/find.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "plan/runbook.h"

enum { CHECK_MAX = 16 << 20, LIMIT_MS = 2000 };

/* ---- the runbook ---- */

static struct cm_runbook *the_runbook(const struct cm_completion *c)
{
    cm_autofree char *plans = cm_find_plans();
    struct cm_plan *plan = c->plan ? cm_plan_load(c->plan, NULL) : NULL;
    const char *name = plan ? cm_plan_text(plan, "runbook") : NULL, *dir = plan ? cm_plan_dir(plan) : ".";
    struct cm_runbook *r = cm_runbook_load(name ? name : "vm-to-kubernetes", dir, plans, NULL);
    const char *command = c->command ? c->command->name : "";
    const char *other = strcmp(command, "finish") == 0 ? "finish" : strcmp(command, "rollback") == 0 && r ? r->back : NULL;
    if (other) {
        struct cm_runbook *walked = cm_runbook_load(other, dir, plans, NULL);
        cm_runbook_free(r);
        r = walked;
    }
    cm_plan_free(plan);
    return r;
}

void cm_complete_stages(const struct cm_completion *c)
{
    struct cm_runbook *r = the_runbook(c);
    for (size_t i = 0; r && i < r->count; i++)
        cm_complete_one(c, r->stages[i].id, r->stages[i].title);
    cm_runbook_free(r);
}

static const char *summary_of(const char *action)
{
    for (size_t i = 0; cm_actions[i]; i++)
        if (strcmp(cm_actions[i]->name, action) == 0)
            return cm_actions[i]->summary;
    return "";
}

void cm_complete_steps(const struct cm_completion *c)
{
    struct cm_runbook *r = the_runbook(c);
    for (size_t i = 0; r && i < r->count; i++)
        for (size_t k = 0; k < r->stages[i].count; k++)
            cm_complete_one(c, r->stages[i].steps[k].id, summary_of(r->stages[i].steps[k].uses));
    cm_runbook_free(r);
}

/* ---- the record, or the last check ---- */

static char *run_file(const struct cm_completion *c, const char *name)
{
    if (c->run_dir)
        return cm_path_join(c->run_dir, name);
    int n = (int)strlen(c->plan) - (cm_ends(c->plan, ".yaml") ? 5 : cm_ends(c->plan, ".yml") ? 4 : 0);
    return cm_fmt("%.*s.run/%s", n, c->plan, name);
}

static bool answered(const json_t *check, const char *id)
{
    size_t i;
    const json_t *a;
    json_array_foreach(json_object_get(check, "answers"), i, a)
    {
        if (strcmp(cm_json_text(a, "id", ""), id) == 0)
            return true;
    }
    return false;
}

static void of_the_check(const struct cm_completion *c, const char *verdict)
{
    cm_autofree char *path = run_file(c, "check.json"), *text = NULL;
    size_t n = 0, i;
    const json_t *f;
    cm_autojson check = cm_file_read(path, CHECK_MAX, &text, &n, NULL) == 0 ? cm_json_parse(text, n, path, NULL) : NULL;
    json_array_foreach(json_object_get(check, "findings"), i, f)
    {
        const char *id = cm_json_text(f, "id", "");
        if (strcmp(cm_json_text(f, "verdict", ""), verdict) == 0 && !answered(check, id))
            cm_complete_one(c, id, cm_json_text(f, "seen", ""));
    }
}

static void of_the_record(const struct cm_completion *c, const struct cm_model *m, enum cm_verdict verdict)
{
    for (size_t i = 0; verdict == CM_UNKNOWN && i < m->gate_count; i++)
        if (!m->gates[i].open && m->now && m->gates[i].attempt == m->now->number)
            cm_complete_one(c, m->gates[i].id, m->gates[i].title);
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        if (f->verdict == verdict && !cm_model_said(m->answers, m->answer_count, f->id) &&
            !cm_model_said(m->waivers, m->waiver_count, f->id))
            cm_complete_one(c, f->id, f->seen);
    }
}

static void findings(const struct cm_completion *c, enum cm_verdict verdict)
{
    if (!c->plan)
        return;
    cm_autofree char *path = run_file(c, "state.jsonl");
    bool absent = false;
    struct cm_model *m = cm_journal_read(path, &absent, NULL);
    if (m)
        of_the_record(c, m, verdict);
    else
        of_the_check(c, cm_verdict_word(verdict));
    cm_model_free(m);
}

void cm_complete_open(const struct cm_completion *c) { findings(c, CM_UNKNOWN); }
void cm_complete_warnings(const struct cm_completion *c) { findings(c, CM_WARNING); }

/* ---- actions and drills ---- */

void cm_complete_explained(const struct cm_completion *c)
{
    for (size_t i = 0; cm_actions[i]; i++)
        cm_complete_one(c, cm_actions[i]->name, cm_actions[i]->summary);
    for (const struct cm_finding_family *f = cm_finding_families; f->name; f++)
        for (const struct cm_finding_text *t = f->rows; t->id; t++)
            if (!strchr(t->id, '*'))
                cm_complete_one(c, t->id, t->title);
    cm_complete_one(c, "findings", "lists all findings");
}

/* The world names its own accidents: NAME, a tab, what happens. */
void cm_complete_drills(const struct cm_completion *c)
{
    cm_autofree char *program = cm_find_program("connect-migrate-world");
    const char *const argv[] = {program, "drills", NULL};
    const struct cm_cmd cmd = {.argv = argv, .timeout_ms = LIMIT_MS};
    struct cm_loop *loop = cm_loop_new(&cm_clock_system);
    cm_autoout out = {.status = -1};
    cm_complete_one(c, "list", "names them all");
    if (cm_proc_run(loop, &cmd, &out, NULL) == 0 && out.status == 0)
        for (char *line = out.out, *next; *line; line = next) {
            char *tab = strchr(line, '\t');
            next = line + strcspn(line, "\n");
            next += *next ? (*next = '\0', 1) : 0;
            if (tab)
                *tab = '\0';
            cm_complete_one(c, line, tab ? tab + 1 : "");
        }
    cm_loop_free(loop);
}
