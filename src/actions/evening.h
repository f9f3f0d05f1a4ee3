/* actions/evening.h: small things that the actions of the evening share. Does not: decide anything for them. */
#ifndef CM_ACTIONS_EVENING_H
#define CM_ACTIONS_EVENING_H

#include <stdbool.h>
#include <stdint.h>

#include <cm/action.h>

/* Is an intent of this effect and step still without an end? Then apply has to look at it, even when all seems done. */
bool cm_effect_open(struct cm_step *step, const char *effect);
/* As cm_intend, for an effect that may be needed again: while the last one of this key happened, "KEY (2)", "KEY (3)" … is used. */
int cm_intend_again(struct cm_step *step, const struct cm_intent_spec *spec, struct cm_intent **out, struct cm_err **err);
/* The newest intent of an effect in this step, whatever its key; NULL: none. */
struct cm_intent *cm_intent_newest(struct cm_step *step, const char *effect);
static inline bool cm_intent_is_open(const struct cm_intent *i)
{
    return i != NULL && cm_intent_life(i) < CM_HAPPENED;
}
/* Close an open intent as happened; one that has its end stays as it is. `taken` may be NULL. */
int cm_intent_happened(struct cm_intent *intent, json_t *taken, struct cm_err **err);
/* Take all ledger entries of an effect (and key, when not NULL) as back: what they changed was seen to be as it was. */
int cm_ledger_back_all(struct cm_step *step, const char *effect, const char *key, struct cm_err **err);
/* Sleep and serve. -1: cancelled, with CM_E_INTERRUPTED. */
int cm_pause(struct cm_step *step, int64_t ms, struct cm_err **err);
int64_t cm_wall_now(struct cm_step *step);
/* Wait until ready(ctx) says 1 (0: not yet, -1: error; passing errors are waited over), the limit (boot ms), or a cancel. Asks at
 * once, then in growing pauses from first_ms to most_ms. 1 ready, 0 limit, -1. */
int cm_wait_until(struct cm_step *step, int (*ready)(void *ctx, struct cm_err **err), void *ctx, int64_t limit, int64_t first_ms,
                  int64_t most_ms, struct cm_err **err);

#endif
