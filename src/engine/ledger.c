/* The ledger: the set of intents with an original that has not been taken back. It is no store of its own: it is read from the
 * model, so it cannot disagree with the journal. */
#include <config.h>

#include <string.h>

#include "engine/internal.h"

static const struct cm_action *action_of(const struct cm_engine *e, const struct cm_m_intent *i)
{
    const struct cm_model *m = CM_MODEL(e);
    for (size_t a = 0; a < m->attempt_count; a++) {
        if (m->attempts[a].number != i->attempt)
            continue;
        for (size_t s = 0; s < m->attempts[a].step_count; s++) {
            const struct cm_m_step *step = &m->attempts[a].steps[s];
            if (strcmp(step->id, i->step) != 0)
                continue;
            for (const struct cm_action *const *t = e->s->actions; *t; t++)
                if (strcmp((*t)->name, step->action) == 0)
                    return *t;
        }
    }
    return NULL;
}

bool cm_ledger_next(struct cm_step *st, const char *effect, uint64_t after, struct cm_change *out)
{
    if (!st->e)
        return false;
    const struct cm_model *m = CM_MODEL(st->e);
    for (size_t n = m->intent_count; n-- > 0;) {
        const struct cm_m_intent *i = &m->intents[n];
        if ((after && i->id >= after) || !cm_model_open_change(i) || (effect && strcmp(i->effect, effect) != 0))
            continue;
        *out =
            (struct cm_change){i->id, i->step, i->effect, i->key, i->detail, i->original, i->note, i->result, i->settle, i->at_ms};
        return true;
    }
    return false;
}

static int close_entry(struct cm_step *st, uint64_t intent, enum cm_life life, struct cm_err **err)
{
    if (cm_reading(st))
        return cm_fail(err, CM_E_INTERNAL, "the ledger cannot be changed here");
    const struct cm_m_intent *i = cm_model_intent(CM_MODEL(st->e), intent);
    if (!i || !cm_model_open_change(i))
        return 0;
    cm_record_add(st->e->record,
                  json_pack("{s:s, s:I, s:s}", "type", "close", "intent", (json_int_t)intent, "life", cm_life_word(life)));
    return cm_engine_sync(st->e, err);
}

int cm_ledger_back(struct cm_step *st, uint64_t intent, struct cm_err **err) { return close_entry(st, intent, CM_BACK, err); }
int cm_ledger_final(struct cm_step *st, uint64_t intent, struct cm_err **err) { return close_entry(st, intent, CM_FINAL, err); }

int cm_ledger_undo(struct cm_step *st, const struct cm_change *change, struct cm_err **err)
{
    const struct cm_m_intent *i = cm_model_intent(CM_MODEL(st->e), change->intent);
    const struct cm_action *a = i ? action_of(st->e, i) : NULL;
    if (!a || !a->undo) {
        cm_fail(err, CM_E_FAILED, "%s %s cannot be taken back by the tool", change->effect, change->key);
        cm_hint(err, "Take it back by hand, then run the same command again.");
        return -1;
    }
    int rc = a->undo(st, change, err);
    if (rc < 0)
        return cm_wrap(err, "taking back %s %s", change->effect, change->key);
    if (rc == 0 && cm_ledger_back(st, change->intent, err) < 0)
        return -1;
    return rc;
}
