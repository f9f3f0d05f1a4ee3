/* journal/intents.c: the events of outside effects: intent, note, close; and from which intent on an attempt is frozen. */
#include <config.h>

#include "journal/events.h"

#include <string.h>

#include "base/json.h"

/* Where a step stands in the attempt's runbook; -1: not in it. */
static long position(const struct cm_m_attempt *a, const char *step)
{
    for (size_t i = 0; i < a->step_count; i++)
        if (strcmp(a->steps[i].id, step) == 0)
            return (long)i;
    return -1;
}

/* DESIGN: checks run again, and what stages 1 to 5 computed may be made anew, until the first effect behind gate.downtime. */
static void mark_attempt(struct cm_m_attempt *a, const struct cm_m_intent *i)
{
    long gate = position(a, "gate.downtime");
    if (a->first_intent == 0)
        a->first_intent = i->id;
    if (a->freeze == 0 && (gate < 0 || position(a, i->step) > gate))
        a->freeze = i->id;
}

/* Given up and made again, with the first original carried over: one change, one entry in the ledger. */
static void supersede(struct cm_model *m, const struct cm_m_intent *fresh)
{
    for (size_t k = 0; k + 1 < m->intent_count; k++) {
        struct cm_m_intent *i = &m->intents[k];
        if (i->life == CM_GIVEN_UP && i->original != NULL && strcmp(i->effect, fresh->effect) == 0 &&
            strcmp(i->key, fresh->key) == 0 && strcmp(i->step, fresh->step) == 0)
            i->superseded = true;
    }
}

int cm_apply_intent(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    int64_t id = cm_json_int(e, "id", 0);
    uint64_t last = m->intent_count == 0 ? 0 : m->intents[m->intent_count - 1].id;
    if (m->now == NULL)
        return cm_fail(err, CM_E_CHANGED, "intent: no attempt has begun");
    if (id <= 0 || (uint64_t)id <= last)
        return cm_fail(err, CM_E_CHANGED, "intent: ids must rise");
    struct cm_m_intent *i = cm_add_item(&m->intents, &m->intent_count, sizeof *i);
    i->id = (uint64_t)id;
    i->attempt = m->now->number;
    cm_set_text(&i->step, cm_json_text(e, "step", ""));
    cm_set_text(&i->effect, cm_json_text(e, "effect", ""));
    cm_set_text(&i->key, cm_json_text(e, "key", ""));
    cm_set_json(&i->detail, json_object_get(e, "detail"));
    /* null with a class is an original too: "there was nothing" must be taken back to nothing */
    json_t *original = json_object_get(e, "original");
    if (original != NULL && (!json_is_null(original) || json_is_string(json_object_get(e, "class"))))
        i->original = json_incref(original);
    i->settle = strcmp(cm_json_text(e, "class", "keep"), "settle") == 0;
    i->life = CM_NEW;
    i->at_ms = p->at_ms;
    mark_attempt(m->now, i);
    if (i->original != NULL)
        supersede(m, i);
    return 0;
}

static struct cm_m_intent *intent_of(struct cm_model *m, const json_t *e, struct cm_err **err)
{
    int64_t id = cm_json_int(e, "intent", 0);
    struct cm_m_intent *i = id > 0 ? cm_model_intent(m, (uint64_t)id) : NULL;
    if (i == NULL)
        cm_fail(err, CM_E_CHANGED, "%s: no intent %lld", cm_json_text(e, "type", ""), (long long)id);
    return i;
}

/* A note names what can be followed (a task, a pid): from then on there is no doubt whether it was sent. */
int cm_apply_note(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)p;
    struct cm_m_intent *i = intent_of(m, e, err);
    if (i == NULL)
        return -1;
    if (i->note == NULL)
        i->note = json_object();
    json_object_update(i->note, json_object_get(e, "note"));
    if (i->life == CM_NEW || i->life == CM_IN_DOUBT)
        i->life = CM_NOTED;
    return 0;
}

int cm_life_parse(const char *word, enum cm_life *life)
{
    for (int i = CM_NEW; i <= CM_FINAL; i++) {
        *life = (enum cm_life)i;
        if (strcmp(cm_life_word(*life), word) == 0)
            return *life == CM_NEW || *life == CM_NOTED ? -1 : 0;
    }
    return -1;
}

int cm_apply_close(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    enum cm_life life;
    struct cm_m_intent *i = intent_of(m, e, err);
    if (i == NULL)
        return -1;
    if (cm_life_parse(cm_json_text(e, "life", ""), &life) != 0)
        return cm_fail(err, CM_E_CHANGED, "close: unknown life '%s'", cm_json_text(e, "life", ""));
    i->life = life;
    if (life == CM_BACK || life == CM_FINAL)
        i->settled_ms = p->at_ms;
    else
        i->closed_ms = p->at_ms;
    const json_t *result = json_object_get(e, "result");
    if (result != NULL && !json_is_null(result))
        cm_set_json(&i->result, result);
    return 0;
}
