/* report/next.c: the commands that are safe now, with what each does. They stand under every failure, so the first one is what most
 * people should type. Never a command that would lose something; each can be typed as it stands. */
#include <config.h>

#include "report/report.h"

#include <stdarg.h>
#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/json.h"
#include "base/text.h"
#include "journal/situation.h"
#include "report/parts.h"
#include "report/progress.h"

struct next {
    json_t *list;
    char *plan;    /* quoted */
    char *run_dir; /* " --run-dir DIR"; "": the plan's own */
};

static char *quoted(const char *word)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    cm_shell_quote(&s, word);
    return cm_str_take(&s);
}

/* The plan's own run directory lies beside it and need not be named. */
static char *run_dir_words(const char *plan_file, const char *run_dir)
{
    if (run_dir == NULL || plan_file == NULL)
        return cm_strdup("");
    cm_autofree char *plan = cm_path_absolute(plan_file), *given = cm_path_absolute(run_dir);
    size_t n = strlen(plan) - (cm_ends(plan, ".yaml") ? 5 : cm_ends(plan, ".yml") ? 4 : 0);
    cm_autofree char *own = cm_fmt("%.*s.run", (int)n, plan);
    cm_autofree char *word = quoted(run_dir);
    return strcmp(own, given) == 0 ? cm_strdup("") : cm_fmt(" --run-dir %s", word);
}

static struct next next_new(const char *plan_file, const char *run_dir)
{
    return (struct next){json_array(), quoted(plan_file == NULL ? "PLAN" : plan_file), run_dir_words(plan_file, run_dir)};
}

static void next_fini(struct next *n)
{
    free(n->plan);
    free(n->run_dir);
}

static char *command(const struct next *n, const char *before, const char *after)
{
    return cm_fmt("connect-migrate-run %s%s%s%s%s%s", before, *before != '\0' ? " " : "", n->plan, *after != '\0' ? " " : "", after,
                  n->run_dir);
}

/* `before` stands in front of the plan, `after` behind it, both may be "". */
static void add(struct next *n, const char *before, const char *after, const char *does)
{
    cm_autofree char *words = command(n, before, after);
    json_array_append_new(n->list, json_pack("{s:s, s:s}", "command", words, "does", does));
}

/* Has this run changed anything outside that a way back would take back? */
static bool something_to_take_back(const struct cm_model *m)
{
    return m->now != NULL && m->now->direction == CM_FORWARD && cm_model_open_changes(m, false) > 0;
}

static void add_back(struct next *n, const struct cm_model *m)
{
    if (!something_to_take_back(m))
        return;
    cm_autofree char *takes = cm_way_back_length(m);
    cm_autofree char *does = takes != NULL ? cm_fmt("gives up for now: takes all back, starts the old server; %s", takes)
                                           : cm_strdup("gives up for now: takes every change back and starts the old server");
    add(n, "rollback", "", does);
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
    return m == NULL || m->now == NULL || m->now->direction == CM_FORWARD ? ""
           : m->now->direction == CM_BACKWARD                             ? "rollback"
                                                                          : "finish";
}

/* On record, or in the plan, whose answer is taken when the run comes to ask. */
static bool is_answered(const struct cm_model *m, const char *id)
{
    return cm_model_said(m->answers, m->answer_count, id) != NULL || json_object_get(json_object_get(m->plan, "gates"), id) != NULL;
}

/* One command is shown, for the first; the others are asked for once it is answered. */
static void add_unanswered(struct next *n, const struct cm_model *m)
{
    const struct cm_m_finding *first = NULL;
    size_t more = 0;
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        if (f->verdict != CM_UNKNOWN || is_answered(m, f->id))
            continue;
        more += first != NULL;
        first = first == NULL ? f : first;
    }
    if (first == NULL)
        return;
    cm_autofree char *id = quoted(first->id);
    cm_autofree char *after = cm_fmt("%s --note TEXT", id);
    cm_autofree char *does = more == 0
                                 ? cm_strdup("answers what could not be found out; TEXT says how you know")
                                 : cm_fmt("answers what could not be found out (%zu more after it); TEXT: how you know", more);
    add(n, "approve", after, does);
}

static void while_running(struct next *n, const struct cm_model *m)
{
    const struct cm_m_gate *g = cm_model_waiting_gate(m);
    add(n, "status", "--watch",
        g != NULL ? "shows where it stands; the run asks for an answer on its terminal"
                  : "shows where it stands, without disturbing the run");
}

/* Steps that ended with content that failed or differs: done stays done, so only --redo does them again. */
static void add_redo_of_content(struct next *n, const struct cm_model *m)
{
    cm_autostr after = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < m->now->step_count; i++)
        if (m->now->steps[i].partly > 0)
            cm_str_addf(&after, "%s--redo %s", after.len > 0 ? " " : "", m->now->steps[i].id);
    if (after.len > 0)
        add(n, "", cm_str_text(&after), "tries those again with the usual settings; users stay in; optional");
}

static void when_ended(struct next *n, const struct cm_model *m, bool unwritten, int status)
{
    if (status == CM_E_CHANGED && m->now->direction == CM_FORWARD)
        add(n, "", "--accept-plan-changes", "takes the plan as it is now; the difference goes on record");
    if (unwritten)
        add(n, word_of(m), "", "writes the report, the only thing that is left to do");
    if (m->now->direction == CM_BACKWARD) {
        add(n, "", "--again", "begins the migration anew");
    } else if (m->now->direction == CM_FORWARD) {
        if (cm_model_open_changes(m, true) > 0 && cm_model_step(m, "temporary.revert") != NULL)
            add(n, "", "--redo temporary.revert", "takes the temporary settings back: some are still in force");
        if (m->partly > 0)
            add_redo_of_content(n, m);
        add(n, "finish", "", "declares the migration final: from then on there is no way back");
        if (something_to_take_back(m))
            add(n, "rollback", "", "takes Connect back to the old server; users are out meanwhile");
    } else if (cm_model_open_changes(m, true) > 0) {
        add(n, "status", "", "names the temporary changes that are still in force");
    }
    add(n, "report", "", "writes the report again");
}

/* The step of the walk forward that this start failed in; NULL: none. */
static const struct cm_m_step *failed_step(const struct cm_model *m)
{
    for (size_t i = 0; m->now != NULL && m->now->direction == CM_FORWARD && i < m->now->step_count; i++)
        if (m->now->steps[i].state == CM_S_FAILED)
            return &m->now->steps[i];
    return NULL;
}

static bool does(const struct cm_m_step *s, const char *action) { return s != NULL && strcmp(s->action, action) == 0; }

/* These look at what helm deployed: mended values come into force only when it deploys again. It does so only where they have changed, so
 * that the one command is right for a mended volume, too. */
static bool add_deploy_again(struct next *n, const struct cm_model *m, const struct cm_m_step *failed)
{
    cm_autostr after = CM_STR(CM_STR_LINE);
    if (!does(failed, "storage.prove") && !does(failed, "connect.verify"))
        return false;
    for (size_t i = 0; i < m->now->step_count; i++)
        if (does(&m->now->steps[i], "helm.deploy") || does(&m->now->steps[i], "pods.wait"))
            cm_str_addf(&after, "%s--redo %s", after.len > 0 ? " " : "", m->now->steps[i].id);
    if (after.len == 0)
        return false;
    if (failed->passing) /* the cluster was away, for one: then there is nothing to deploy */
        add(n, "", "", "goes on where it stopped, once what is named above answers");
    add(n, "", cm_str_text(&after),
        failed->passing ? "should values need mending: deploys changed files, then looks again"
                        : "once that is mended: deploys changed values files, then looks again");
    return true;
}

/* A values file was changed, and what was made of it before the downtime hides that (actions/values_fit.h). */
static bool add_made_anew(struct next *n, const struct cm_model *m, const struct cm_m_step *failed)
{
    const char *step = cm_json_text(json_object_get(m->facts, "values.stale"), "step", NULL);
    if (step == NULL || (!does(failed, "helm.deploy") && !does(failed, "pods.wait")))
        return false;
    cm_autofree char *options = cm_fmt("--redo %s", step);
    add(n, "", options, "makes anew what helm is given behind your values files, so that they win; then goes on");
    return true;
}

static void add_go_on_failed(struct next *n, const struct cm_model *m)
{
    const struct cm_m_step *failed = failed_step(m);
    if (add_deploy_again(n, m, failed))
        return;
    if (add_made_anew(n, m, failed))
        return;
    add(n, word_of(m), "",
        does(failed, "pods.wait")     ? "waits again; where a values file has changed, helm deploys it first"
        : does(failed, "helm.deploy") ? "lets helm deploy again, with the values files as they are then"
                                      : "goes on where it stopped; what is done is not done again");
}

/* Somebody else's revision is followed only where the plan agrees, on the way back too. */
static void add_over_foreign(struct next *n, const struct cm_model *m)
{
    if (m->now->direction != CM_FORWARD) {
        add(n, word_of(m), "", "goes on once the plan agrees, as said above");
        return;
    }
    add(n, "", "--accept-plan-changes", "once the plan agrees, as said above: our values replace theirs");
    if (something_to_take_back(m))
        add(n, "rollback", "", "gives up for now; needs that line in the plan too; ends their pods");
}

static void add_go_on(struct next *n, const struct cm_model *m, int status, bool gate)
{
    const char *word = word_of(m);
    switch (status) {
    case CM_E_BLOCKED: add(n, word, "", "checks again; after a change of the plan add --accept-plan-changes"); break;
    case CM_E_CHANGED:
        if (cm_foreign_release(m)) {
            add_over_foreign(n, m);
            break;
        }
        add(n, word, "", "goes on once what is named above is put right");
        add_back(n, m);
        if (m->now->direction != CM_BACKWARD)
            add(n, word, "--accept-plan-changes", "goes on with the plan as it is now; the difference goes on record");
        break;
    case CM_E_LOCKED: add(n, word, "", "goes on once the other run has ended; what is done is not done again"); break;
    case CM_E_WAITING:
        add(n, word, "",
            gate ? "goes on behind the gate once it is answered, or asks again on a terminal"
                 : "goes on where it stopped; what is done is not done again");
        break;
    case CM_E_OK: add(n, word, "", "goes on with the next stage"); break;
    default: add_go_on_failed(n, m);
    }
}

static bool has_blocker(const struct cm_model *m)
{
    for (size_t i = 0; i < m->finding_count; i++)
        if (m->findings[i].verdict == CM_BLOCKER)
            return true;
    return false;
}

static void when_stopped(struct next *n, const struct cm_model *m, int status)
{
    const struct cm_m_gate *g = cm_model_waiting_gate(m);
    if (g != NULL)
        add_gate(n, g);
    bool blocked = status == CM_E_BLOCKED && has_blocker(m), asks = status == CM_E_BLOCKED || (status == CM_E_WAITING && g == NULL);
    if (asks && !blocked)
        add_unanswered(n, m);
    add_go_on(n, m, status, g != NULL);
    if (asks && blocked)
        add_unanswered(n, m);
    if (cm_model_only_asked(m))
        add(n, "", "--again", "gives this up: nothing of it is done yet");
    if (status != CM_E_CHANGED)
        add_back(n, m);
    add(n, "status", "", "shows where it stands; changes nothing");
    add(n, "report", "", "writes the report of what was done so far");
}

json_t *cm_next_steps_of(const struct cm_model *m, const struct cm_standing *s)
{
    struct next n = next_new(s->plan_file, s->run_dir);
    int status = m == NULL ? -1 : s->status >= 0 ? s->status : m->running ? CM_E_INTERRUPTED : m->last_status;
    if (m == NULL || m->run_id == NULL) {
        add(&n, "check", "", "finds out everything that can be found out before the downtime; changes nothing");
        add(&n, "preview", "", "shows what each step would do; changes nothing");
        add(&n, "", "", "runs the plan");
    } else if (m->now != NULL && (s->ended || m->now->ended)) {
        when_ended(&n, m, false, s->status);
    } else if (s->alive) {
        while_running(&n, m);
    } else if (cm_model_only_report_open(m)) {
        when_ended(&n, m, true, s->status);
    } else {
        when_stopped(&n, m, status);
    }
    next_fini(&n);
    return n.list;
}

char *cm_again_command(const struct cm_model *m, const char *plan_file, const char *run_dir)
{
    struct next n = next_new(plan_file, run_dir);
    char *text = command(&n, word_of(m), "");
    json_decref(n.list);
    next_fini(&n);
    return text;
}
