/* report/next.c: the commands that are safe now, with what each does. They stand under every failure, so the first one is what most
 * people should type. Never a command that would lose something. */
#include <config.h>

#include "report/report.h"

#include <stdarg.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text.h"
#include "journal/situation.h"
#include "report/parts.h"

struct next {
    json_t *list;
    char *plan;
};

static char *quoted(const char *word)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    cm_shell_quote(&s, word);
    return cm_str_take(&s);
}

/* `before` stands in front of the plan, `after` behind it, both may be "". */
static void add(struct next *n, const char *before, const char *after, const char *does)
{
    cm_autofree char *command =
        cm_fmt("connect-migrate-run %s%s%s%s%s", before, *before != '\0' ? " " : "", n->plan, *after != '\0' ? " " : "", after);
    json_array_append_new(n->list, json_pack("{s:s, s:s}", "command", command, "does", does));
}

/* Has this run changed anything outside that a way back would take back? */
static bool something_to_take_back(const struct cm_model *m)
{
    return m->now != NULL && m->now->direction == CM_FORWARD && cm_model_open_changes(m, false) > 0;
}

static void add_back(struct next *n, const struct cm_model *m)
{
    if (something_to_take_back(m))
        add(n, "rollback", "",
            "takes Connect back to where it was: every change is undone, newest first, and the old server started");
}

static void add_gate(struct next *n, const struct cm_m_gate *g)
{
    cm_autofree char *id = quoted(g->id);
    if (g->kind != NULL && strcmp(g->kind, "attest") == 0) {
        cm_autofree char *after = cm_fmt("%s --note TEXT", id);
        cm_autofree char *does = cm_fmt("states that it is so: %s", g->title);
        add(n, "approve", after, does);
    } else {
        cm_autofree char *does = cm_fmt("says go: %s", g->title);
        add(n, "approve", id, does);
    }
}

static const char *word_of(const struct cm_model *m)
{
    return m->now == NULL || m->now->direction == CM_FORWARD ? "" : m->now->direction == CM_BACKWARD ? "rollback" : "finish";
}

static void add_unanswered(struct next *n, const struct cm_model *m)
{
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        if (f->verdict != CM_UNKNOWN || cm_model_said(m->answers, m->answer_count, f->id) != NULL)
            continue;
        cm_autofree char *id = quoted(f->id);
        cm_autofree char *after = cm_fmt("%s --note TEXT", id);
        add(n, "approve", after, "answers what could not be found out: the note says how you know");
    }
}

static void while_running(struct next *n, const struct cm_model *m)
{
    const struct cm_m_gate *g = cm_model_waiting_gate(m);
    add(n, "status", "--watch",
        g != NULL ? "shows where it stands; the run asks for an answer on its terminal"
                  : "shows where it stands, without disturbing the run");
}

static void when_ended(struct next *n, const struct cm_model *m)
{
    if (m->now->direction == CM_BACKWARD) {
        add(n, "", "--again", "begins the migration anew");
    } else if (m->now->direction == CM_FORWARD) {
        if (cm_model_open_changes(m, true) > 0 && cm_model_step(m, "temporary.revert") != NULL)
            add(n, "", "--redo temporary.revert", "reverts the temporary settings again: some are still in force");
        add(n, "finish", "", "declares the migration final: from then on there is no way back");
        add_back(n, m);
    } else if (cm_model_open_changes(m, true) > 0) {
        add(n, "status", "", "names the temporary changes that are still in force");
    }
    add(n, "report", "", "writes the report again");
}

static void when_stopped(struct next *n, const struct cm_model *m)
{
    const struct cm_m_gate *g = cm_model_waiting_gate(m);
    const char *word = word_of(m);
    if (g != NULL)
        add_gate(n, g);
    if (m->last_status == CM_E_BLOCKED)
        add_unanswered(n, m);
    if (m->last_status == CM_E_BLOCKED)
        add(n, word, "", "checks again, and goes on when nothing blocks any more");
    else if (g != NULL)
        add(n, word, "", "goes on behind the gate once it is answered, or asks again on a terminal");
    else
        add(n, word, "", "goes on where it stopped; what is done is not done again");
    add_back(n, m);
    add(n, "status", "", "shows where it stands");
    add(n, "report", "", "writes the report of what was done so far");
}

json_t *cm_next_steps_now(const struct cm_model *m, const char *plan_file, bool alive, bool ended)
{
    struct next n = {json_array(), quoted(plan_file == NULL ? "PLAN" : plan_file)};
    if (m == NULL || m->run_id == NULL) {
        add(&n, "check", "", "finds out everything that can be found out before the downtime; changes nothing");
        add(&n, "preview", "", "shows what each step would do; changes nothing");
        add(&n, "", "", "runs the plan");
    } else if (m->now != NULL && (ended || m->now->ended)) {
        when_ended(&n, m);
    } else if (alive) {
        while_running(&n, m);
    } else {
        when_stopped(&n, m);
    }
    free(n.plan);
    return n.list;
}

json_t *cm_next_steps(const struct cm_model *m, const char *plan_file) { return cm_next_steps_now(m, plan_file, false, false); }
