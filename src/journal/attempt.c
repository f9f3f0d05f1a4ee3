/* journal/attempt.c: the events of the walk: attempts, stages, steps, and a plan accepted anew. */
#include <config.h>

#include "journal/events.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static void build_step(struct cm_m_step *s, const json_t *stage, const json_t *step)
{
    s->id = cm_strdup(cm_json_text(step, "id", ""));
    s->action = cm_strdup(cm_json_text(step, "action", cm_json_text(step, "uses", s->id)));
    s->kind = cm_strdup(cm_json_text(step, "kind", ""));
    s->by = cm_strdup(cm_json_text(step, "by", "tool"));
    s->stage = cm_strdup(cm_json_text(stage, "id", ""));
}

/* The steps of a runbook in normal form, all pending. */
static void build(struct cm_m_attempt *a, const json_t *runbook)
{
    size_t i, k;
    json_t *stage, *step;
    cm_set_json(&a->runbook, runbook);
    json_array_foreach(json_object_get(runbook, "stages"), i, stage)
    {
        struct cm_m_stage *g = cm_add_item(&a->stages, &a->stage_count, sizeof *g);
        g->id = cm_strdup(cm_json_text(stage, "id", ""));
        g->title = cm_strdup(cm_json_text(stage, "title", g->id));
        json_array_foreach(json_object_get(stage, "steps"), k, step)
            build_step(cm_add_item(&a->steps, &a->step_count, sizeof *a->steps), stage, step);
    }
}

void cm_attempt_drop(struct cm_m_attempt *a)
{
    for (size_t i = 0; i < a->step_count; i++) {
        struct cm_m_step *s = &a->steps[i];
        free(s->id);
        free(s->action);
        free(s->stage);
        free(s->kind);
        free(s->by);
        free(s->message);
        free(s->hint);
        json_decref(s->inputs);
    }
    for (size_t i = 0; i < a->stage_count; i++) {
        free(a->stages[i].id);
        free(a->stages[i].title);
    }
    free(a->steps);
    free(a->stages);
    json_decref(a->runbook);
}

static int direction_of(const json_t *e, enum cm_direction *d)
{
    const char *word = cm_json_text(e, "direction", "");
    for (int i = CM_FORWARD; i <= CM_FINISH; i++) {
        *d = (enum cm_direction)i;
        if (strcmp(cm_direction_word(*d), word) == 0)
            return 0;
    }
    return -1;
}

int cm_apply_attempt_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    enum cm_direction d;
    if (direction_of(e, &d) != 0)
        return cm_fail(err, CM_E_CHANGED, "attempt.begin: unknown direction '%s'", cm_json_text(e, "direction", ""));
    struct cm_m_attempt *a = cm_add_item(&m->attempts, &m->attempt_count, sizeof *a);
    m->now = a;
    a->direction = d;
    a->number = (int)cm_json_int(e, "attempt", (int64_t)m->attempt_count);
    a->began_ms = p->at_ms;
    build(a, json_object_get(e, "runbook"));
    if (d == CM_FORWARD) {
        m->partly = 0;
        cm_set_text(&m->partly_last, NULL);
    }
    return 0;
}

int cm_apply_attempt_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    if (m->now == NULL)
        return cm_fail(err, CM_E_CHANGED, "attempt.end: no attempt has begun");
    if (strcmp(cm_json_text(e, "result", ""), CM_WITHDRAWN) == 0) {
        if (!cm_model_only_asked(m))
            return cm_fail(err, CM_E_CHANGED, "attempt.end: what has begun to change things cannot be withdrawn");
        cm_model_withdraw(m);
        return 0;
    }
    m->now->ended = true;
    m->now->ended_ms = p->at_ms;
    cm_set_text(&m->now->result, cm_json_text(e, "result", "done"));
    return 0;
}

static void move_step(struct cm_m_step *to, struct cm_m_step *from)
{
    struct cm_m_step kept = *from;
    kept.id = to->id;
    kept.action = to->action;
    kept.stage = to->stage;
    kept.kind = to->kind;
    kept.by = to->by;
    free(from->id);
    free(from->action);
    free(from->stage);
    free(from->kind);
    free(from->by);
    *to = kept;
    memset(from, 0, sizeof *from);
}

/* A step keeps its state when its id and its action stayed. */
static void carry_over(struct cm_m_attempt *to, struct cm_m_attempt *from)
{
    for (size_t i = 0; i < to->step_count; i++)
        for (size_t k = 0; k < from->step_count; k++)
            if (from->steps[k].id != NULL && strcmp(to->steps[i].id, from->steps[k].id) == 0 &&
                strcmp(to->steps[i].action, from->steps[k].action) == 0) {
                move_step(&to->steps[i], &from->steps[k]);
                break;
            }
    for (size_t i = 0; i < to->stage_count; i++)
        for (size_t k = 0; k < from->stage_count; k++)
            if (strcmp(to->stages[i].id, from->stages[k].id) == 0) {
                to->stages[i].began_ms = from->stages[k].began_ms;
                to->stages[i].ended_ms = from->stages[k].ended_ms;
            }
}

int cm_apply_plan_accepted(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)p;
    const json_t *runbook = json_object_get(e, "runbook");
    cm_set_json(&m->plan, json_object_get(e, "plan"));
    cm_set_text(&m->plan_digest, cm_json_text(e, "plan_digest", NULL));
    if (!json_is_object(runbook))
        return 0;
    if (m->now == NULL)
        return cm_fail(err, CM_E_CHANGED, "plan.accepted: a runbook, but no attempt has begun");
    struct cm_m_attempt fresh = *m->now, old = *m->now;
    fresh.runbook = NULL;
    fresh.stages = NULL;
    fresh.steps = NULL;
    fresh.stage_count = fresh.step_count = 0;
    build(&fresh, runbook);
    carry_over(&fresh, &old);
    cm_attempt_drop(&old);
    *m->now = fresh;
    return 0;
}

static struct cm_m_stage *stage_of(struct cm_model *m, const json_t *e, struct cm_err **err)
{
    const char *id = cm_json_text(e, "stage", "");
    for (size_t i = 0; m->now != NULL && i < m->now->stage_count; i++)
        if (strcmp(m->now->stages[i].id, id) == 0)
            return &m->now->stages[i];
    cm_fail(err, CM_E_CHANGED, "%s: no stage '%s' in this attempt", cm_json_text(e, "type", ""), id);
    return NULL;
}

static struct cm_m_step *step_of(struct cm_model *m, const json_t *e, struct cm_err **err)
{
    const char *id = cm_json_text(e, "step", "");
    struct cm_m_step *s = cm_model_step(m, id);
    if (s == NULL)
        cm_fail(err, CM_E_CHANGED, "%s: no step '%s' in this attempt", cm_json_text(e, "type", ""), id);
    return s;
}

int cm_apply_stage_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    struct cm_m_stage *g = stage_of(m, e, err);
    if (g == NULL)
        return -1;
    if (g->began_ms == 0)
        g->began_ms = p->at_ms;
    g->ended_ms = 0;
    return 0;
}

int cm_apply_stage_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    struct cm_m_stage *g = stage_of(m, e, err);
    if (g == NULL)
        return -1;
    g->ended_ms = p->at_ms;
    return 0;
}

static void forget_findings(struct cm_model *m, const char *step)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->finding_count; i++) {
        struct cm_m_finding *f = &m->findings[i];
        if (strcmp(f->step, step) == 0) {
            free(f->id);
            free(f->step);
            free(f->seen);
            free(f->remedy);
        } else {
            m->findings[kept++] = *f;
        }
    }
    m->finding_count = kept;
}

/* A step that opens again (--redo) opens its walk again. */
static void reopen(struct cm_m_attempt *a)
{
    a->ended = false;
    a->ended_ms = 0;
    cm_set_text(&a->result, NULL);
}

/* A new try says everything anew: what the last one found, read and complained of is gone. */
int cm_apply_step_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    struct cm_m_step *s = step_of(m, e, err);
    if (s == NULL)
        return -1;
    reopen(m->now);
    forget_findings(m, s->id);
    cm_set_json(&s->inputs, NULL);
    cm_set_text(&s->message, NULL);
    cm_set_text(&s->hint, NULL);
    if (m->now->direction == CM_FORWARD) {
        m->partly -= s->partly < m->partly ? s->partly : m->partly;
        if (m->partly == 0)
            cm_set_text(&m->partly_last, NULL);
    }
    s->partly = 0;
    if (s->tries == 0) {
        s->began_ms = p->at_ms;
        s->first_seq = p->seq;
    }
    s->ended_ms = 0;
    s->tries++;
    s->state = CM_S_RUNNING;
    return 0;
}

int cm_apply_step_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    struct cm_m_step *s = step_of(m, e, err);
    if (s == NULL)
        return -1;
    const char *word = cm_json_text(e, "state", "");
    int state = CM_S_PENDING;
    while (state <= CM_S_FAILED && strcmp(cm_step_state_word((enum cm_step_state)state), word) != 0)
        state++;
    if (state > CM_S_FAILED || state == CM_S_RUNNING || state == CM_S_SKIPPED)
        return cm_fail(err, CM_E_CHANGED, "step.end: unknown state '%s'", word);
    if (state == CM_S_PENDING)
        reopen(m->now);
    s->state = (enum cm_step_state)state;
    s->ended_ms = state == CM_S_PENDING ? 0 : p->at_ms;
    s->took_ms += cm_json_int(e, "took_ms", 0);
    if (state == CM_S_DONE && s->done_ms == 0)
        s->done_ms = p->at_ms;
    cm_set_text(&s->message, cm_json_text(e, "message", NULL));
    cm_set_text(&s->hint, cm_json_text(e, "hint", NULL));
    s->passing = cm_json_bool(e, "passing", false);
    return 0;
}

int cm_apply_step_skip(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    struct cm_m_step *s = step_of(m, e, err);
    if (s == NULL)
        return -1;
    s->state = CM_S_SKIPPED;
    s->ended_ms = p->at_ms;
    cm_set_text(&s->message, cm_json_text(e, "reason", NULL));
    cm_set_text(&s->hint, NULL);
    return 0;
}

int cm_apply_input(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)p;
    struct cm_m_step *s = step_of(m, e, err);
    if (s == NULL)
        return -1;
    if (s->inputs == NULL)
        s->inputs = json_object();
    json_object_set_new(s->inputs, cm_json_text(e, "label", ""), json_string(cm_json_text(e, "sha256", "")));
    return 0;
}
