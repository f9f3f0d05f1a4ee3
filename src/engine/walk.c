/* The walk over the stages: which steps stand, which are looked at again, which are run. */
#include <config.h>

#include <string.h>

#include "base/log.h"
#include "engine/internal.h"

/* Has an effect behind gate.downtime begun? Checks and computes of what came before are frozen from then on. */
bool cm_frozen(const struct cm_engine *e)
{
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    return a && a->freeze != 0;
}

static void show(struct cm_engine *e, const struct cm_rstep *r, enum cm_moment moment, const char *message)
{
    const struct cm_view *v = e->s->view;
    if (v && v->step)
        v->step(v->ctx, r->id, r->action->summary, moment, message, 0);
}

/* ---- does a finished step still stand? ---- */

static bool before_gate(const struct cm_engine *e, const struct cm_rstep *r)
{
    return e->resolved->gate == SIZE_MAX || (size_t)(r - e->resolved->steps) < e->resolved->gate;
}

static bool behind_gate(const struct cm_engine *e, const struct cm_rstep *r)
{
    return e->resolved->gate != SIZE_MAX && (size_t)(r - e->resolved->steps) > e->resolved->gate;
}

static int reopen(struct cm_engine *e, const struct cm_rstep *r, const char *why, struct cm_err **err)
{
    cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:s, s:i}", "type", "step.end", "step", r->id, "state", "pending",
                                       "message", why, "took_ms", 0));
    return cm_engine_sync(e, err);
}

static bool hold_stands(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err)
{
    struct cm_step st;
    struct cm_err *why = NULL;
    cm_step_begin(&st, e, r);
    int rc = r->action->verify ? r->action->verify(&st, &why) : 0;
    cm_step_fini(&st);
    if (rc == 0)
        return true;
    cm_autofree char *message = cm_fmt("no longer holds: %s", cm_err_message(why));
    cm_err_free(why);
    cm_log(CM_NORMAL, "  %s %s", r->id, message);
    reopen(e, r, message, err);
    return false;
}

static bool compute_stands(struct cm_engine *e, const struct cm_rstep *r)
{
    if (cm_frozen(e) && before_gate(e, r))
        return true;
    if (!r->action->probe)
        return !before_gate(e, r);
    struct cm_step st;
    enum cm_answer answer = CM_NEEDED;
    struct cm_err *why = NULL;
    cm_step_begin(&st, e, r);
    int rc = r->action->probe(&st, &answer, &why);
    cm_step_fini(&st);
    cm_err_free(why);
    return rc == 0 && answer == CM_DONE;
}

/* A blocker, or a question that nobody has answered: a trial that found one is tried again. */
static bool found_something(const struct cm_engine *e, const struct cm_rstep *r)
{
    const struct cm_model *m = CM_MODEL(e);
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        bool open = f->verdict == CM_BLOCKER || (f->verdict == CM_UNKNOWN && !cm_model_said(m->answers, m->answer_count, f->id));
        if (open && strcmp(f->step, r->id) == 0)
            return true;
    }
    return false;
}

static bool stands(struct cm_engine *e, const struct cm_rstep *r, const struct cm_m_step *m, struct cm_err **err)
{
    if (m->state == CM_S_SKIPPED)
        return true;
    if (m->state != CM_S_DONE)
        return false;
    switch (r->action->kind) {
    case CM_CHECK: return cm_frozen(e) && before_gate(e, r);
    case CM_COMPUTE: return compute_stands(e, r);
    case CM_HOLD: return hold_stands(e, r, err);
    case CM_TRIAL: return cm_frozen(e) || !found_something(e, r);
    case CM_GATE: return cm_frozen(e) || behind_gate(e, r); /* until an effect is on record an approval can become void */
    default: return true;
    }
}

/* ---- skips ---- */

static const char *asked_to_skip(const struct cm_engine *e, const struct cm_rstep *r, const char **by)
{
    for (size_t i = 0; i < e->s->skip_count; i++)
        if (strcmp(e->s->skips[i].id, r->id) == 0) {
            *by = "user";
            return e->s->skips[i].reason;
        }
    *by = "plan";
    return r->skip;
}

static int skip(struct cm_engine *e, const struct cm_rstep *r, const char *reason, const char *by, struct cm_err **err)
{
    cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:s}", "type", "step.skip", "step", r->id, "reason", reason, "by", by));
    show(e, r, CM_ENDS_SKIPPED, reason);
    return cm_engine_sync(e, err);
}

/* ---- stages ---- */

static void stage_begins(struct cm_engine *e, size_t n)
{
    const struct cm_view *v = e->s->view;
    const struct cm_rstage *s = &e->resolved->stages[n];
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    if (v && v->stage)
        v->stage(v->ctx, n, s->id, s->title);
    for (size_t i = 0; i < a->stage_count; i++)
        if (strcmp(a->stages[i].id, s->id) == 0 && !a->stages[i].began_ms)
            cm_record_add(e->record, json_pack("{s:s, s:s}", "type", "stage.begin", "stage", s->id));
}

static int stage_ends(struct cm_engine *e, size_t n, struct cm_err **err)
{
    const struct cm_rstage *s = &e->resolved->stages[n];
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    for (size_t i = 0; i < a->stage_count; i++)
        if (strcmp(a->stages[i].id, s->id) == 0 && a->stages[i].ended_ms)
            return 0;
    cm_record_add(e->record, json_pack("{s:s, s:s}", "type", "stage.end", "stage", s->id));
    return cm_engine_sync(e, err);
}

/* A finding of a step that the walk has not come to again is an earlier start's, and says nothing yet. */
bool cm_found_by(const struct cm_engine *e, const struct cm_m_finding *f, size_t stage)
{
    for (size_t i = 0; i < e->resolved->step_count; i++)
        if (strcmp(e->resolved->steps[i].id, f->step) == 0)
            return e->resolved->steps[i].stage <= stage;
    return false;
}

/* Blockers and unanswered unknowns stop the run where the stage that found them ends. */
static int judge(struct cm_engine *e, size_t stage, struct cm_err **err)
{
    if (e->mode != CM_MODE_RUN || e->direction == CM_BACKWARD || cm_frozen(e))
        return 0;
    const struct cm_model *m = CM_MODEL(e);
    size_t n = 0;
    const struct cm_m_finding *first = NULL;
    cm_autostr all = CM_STR(CM_STR_PAGE);
    for (size_t i = 0; i < m->finding_count; i++)
        if (m->findings[i].verdict == CM_BLOCKER && cm_found_by(e, &m->findings[i], stage)) {
            first = first ? first : &m->findings[i];
            n++;
            cm_str_addf(&all, "%s: %s\n", m->findings[i].id, m->findings[i].seen);
        }
    if (!n)
        return cm_answer_unknowns(e, stage, err);
    size_t open = cm_open_questions(e, stage, &all);
    cm_autofree char *questions = open == 0 ? cm_strdup("") : cm_fmt(" and %zu open question%s", open, open == 1 ? "" : "s");
    cm_fail(err, m->intent_count ? CM_E_FAILED : CM_E_BLOCKED, "%zu blocker%s%s %s in the way of the migration", n,
            n == 1 ? "" : "s", questions, n + open == 1 ? "stands" : "stand");
    cm_evidence(err, cm_str_text(&all));
    cm_hint(err, "%s Then run the same command again.", *first->remedy ? first->remedy : "Mend what is named above.");
    return -1;
}

static int interrupted(struct cm_engine *e, struct cm_err **err)
{
    if (e->broken)
        return cm_engine_broken(e, err);
    if (e->why_cancelled && !e->signals) {
        struct cm_err *why = e->why_cancelled;
        e->why_cancelled = NULL;
        return cm_err_move(err, why);
    }
    return cm_fail(err, e->signo == 15 ? CM_E_TERMINATED : CM_E_INTERRUPTED, "interrupted; everything so far is on record");
}

static bool is_check_to_run(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err)
{
    const char *by;
    const struct cm_m_step *m = cm_model_step(CM_MODEL(e), r->id);
    return r->action->kind == CM_CHECK && !asked_to_skip(e, r, &by) && m && !stands(e, r, m, err);
}

/* The step at i, or a group of checks that stand side by side. *used: how many steps were looked at. */
static int step_or_group(struct cm_engine *e, size_t i, size_t *used, struct cm_err **err)
{
    const struct cm_resolved *rb = e->resolved;
    const struct cm_rstep *r = &rb->steps[i];
    const struct cm_m_step *m = cm_model_step(CM_MODEL(e), r->id);
    const char *by, *reason = asked_to_skip(e, r, &by);
    *used = 1;
    if (!m)
        return cm_fail(err, CM_E_INTERNAL, "step %s is not on record", r->id);
    if (stands(e, r, m, err)) {
        show(e, r, CM_STANDS, m->state == CM_S_SKIPPED ? m->message : NULL);
        return 0;
    }
    if (e->broken)
        return interrupted(e, err);
    if (reason)
        return skip(e, r, reason, by, err);
    if (r->action->kind == CM_CHECK) {
        while (i + *used < rb->step_count && rb->steps[i + *used].stage == r->stage &&
               is_check_to_run(e, &rb->steps[i + *used], err))
            (*used)++;
        return cm_workers(e, r, *used, err);
    }
    if (i == rb->gate && !cm_frozen(e) && cm_fresh_at_gate(e, err) < 0)
        return -1;
    int rc = cm_step_walk(e, r, err);
    if (rc < 0 && r->warn_only && err && *err && cm_err_code(*err) == CM_E_FAILED) {
        cm_autofree char *why = cm_fmt("failed, and the plan says to go on: %s", cm_err_message(*err));
        cm_err_clear(err);
        rc = skip(e, r, why, "plan", err);
    }
    return rc;
}

int cm_walk(struct cm_engine *e, struct cm_err **err)
{
    const struct cm_resolved *rb = e->resolved;
    size_t stage = SIZE_MAX;
    for (size_t i = 0; i < rb->step_count;) {
        if (rb->steps[i].stage != stage) {
            stage = rb->steps[i].stage;
            stage_begins(e, stage);
        }
        size_t used = 1;
        if (cm_loop_cancelled(e->s->loop))
            return interrupted(e, err);
        if (step_or_group(e, i, &used, err) < 0)
            return -1;
        if (cm_loop_cancelled(e->s->loop))
            return interrupted(e, err);
        i += used;
        if (i < rb->step_count && rb->steps[i].stage == stage)
            continue;
        if (judge(e, stage, err) < 0 || stage_ends(e, stage, err) < 0)
            return -1;
        if (e->s->until && strcmp(rb->stages[stage].id, e->s->until) == 0)
            return 1;
    }
    return 0;
}
