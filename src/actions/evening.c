/* actions/evening.c: small things that the actions of the evening share. */
#include <config.h>

#include "actions/evening.h"

#include <string.h>

#include "base/mem.h"

bool cm_effect_open(struct cm_step *step, const char *effect)
{
    for (struct cm_intent *i = cm_intent_next(step, effect, NULL); i != NULL; i = cm_intent_next(step, effect, i))
        if (cm_intent_is_open(i))
            return true;
    return false;
}

int cm_intend_again(struct cm_step *step, const struct cm_intent_spec *spec, struct cm_intent **out, struct cm_err **err)
{
    struct cm_intent_spec again = *spec;
    for (int n = 2;; n++) {
        struct cm_intent *old = cm_intent_find(step, again.effect, again.key);
        if (old == NULL ||
            (cm_intent_life(old) != CM_HAPPENED && cm_intent_life(old) != CM_BACK && cm_intent_life(old) != CM_FINAL))
            return cm_intend(step, &again, out, err);
        again.key = cm_arena_fmt(cm_step_arena(step), "%s (%d)", spec->key, n);
    }
}

struct cm_intent *cm_intent_newest(struct cm_step *step, const char *effect)
{
    struct cm_intent *newest = NULL;
    for (struct cm_intent *i = cm_intent_next(step, effect, NULL); i != NULL; i = cm_intent_next(step, effect, i))
        newest = i;
    return newest;
}

int cm_intent_happened(struct cm_intent *intent, json_t *taken, struct cm_err **err)
{
    if (cm_intent_is_open(intent))
        return cm_intent_close(intent, CM_HAPPENED, taken, err);
    json_decref(taken);
    return 0;
}

int cm_ledger_back_all(struct cm_step *step, const char *effect, const char *key, struct cm_err **err)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(step, effect, after, &c);) {
        after = c.intent;
        if ((key == NULL || strcmp(c.key, key) == 0) && cm_ledger_back(step, c.intent, err) < 0)
            return -1;
    }
    return 0;
}

int cm_pause(struct cm_step *step, int64_t ms, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(step);
    if (cm_loop_until(loop, NULL, NULL, cm_loop_now_ms(loop) + ms) != CM_WAIT_CANCELLED)
        return 0;
    return cm_fail(err, CM_E_INTERRUPTED, "interrupted while waiting");
}

int64_t cm_wall_now(struct cm_step *step) { return cm_clock_wall(cm_loop_clock(cm_step_loop(step))); }

int cm_wait_until(struct cm_step *step, int (*ready)(void *ctx, struct cm_err **err), void *ctx, int64_t limit, int64_t first_ms,
                  int64_t most_ms, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(step);
    bool answered = false; /* what is not ready is known: a look that the limit cut off says less than that */
    for (int64_t pause = first_ms;; pause = pause * 2 > most_ms ? most_ms : pause * 2) {
        cm_autoerr why = NULL;
        int rc = ready(ctx, &why);
        if (rc > 0)
            return 1;
        bool over = cm_loop_now_ms(loop) >= limit;
        if (rc < 0 && over && answered && cm_err_is_passing(why) && !cm_cancelled(step))
            return 0;
        answered |= rc == 0;
        if (rc < 0 && (!cm_err_is_passing(why) || over)) {
            struct cm_err *moved = why;
            why = NULL;
            return cm_err_move(err, moved);
        }
        if (over)
            return 0;
        int64_t left = limit - cm_loop_now_ms(loop);
        if (cm_pause(step, pause < left ? pause : left, err) < 0)
            return -1;
    }
}
