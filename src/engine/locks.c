/* The locks of a run: taken in order, asked before each intent and every 15 s, given back in reverse. A lock that is lost lets no
 * new intent through; it is taken again and that is journalled, or the run stops. */
#include <config.h>

#include "engine/internal.h"

enum { ASK_MS = 15 * 1000 };

static void say(struct cm_engine *e, const char *type, const char *lock)
{
    cm_record_add(e->record, json_pack("{s:s, s:s}", "type", type, "lock", lock));
}

int cm_locks_take(struct cm_engine *e, struct cm_err **err)
{
    for (size_t i = 0; i < e->s->lock_count; i++)
        if (e->s->locks[i].take(e->s->locks[i].ctx, true, err) < 0) {
            while (i-- > 0)
                e->s->locks[i].give(e->s->locks[i].ctx);
            return -1;
        }
    return 0;
}

/* A finish starts no Connect, and may come when the old server, through which the database is known, is gone: the run directory's
 * lock is enough where the database cannot be asked. A lock that was lost is another matter. */
static bool enough(const struct cm_engine *e, size_t lock, enum cm_held held)
{
    return held == CM_HELD || (lock > 0 && held == CM_NOT_YET && e->direction == CM_FINISH);
}

int cm_locks_held(struct cm_engine *e, struct cm_err **err)
{
    if (e->mode != CM_MODE_RUN)
        return 0; /* `check` takes no lock */
    for (size_t i = 0; i < e->s->lock_count; i++)
        if (!enough(e, i, e->s->locks[i].held(e->s->locks[i].ctx))) {
            cm_fail(err, CM_E_LOCKED, "the lock of the %s is not held: nothing may be changed", e->s->locks[i].name);
            cm_hint(err, "See that nobody else runs this migration, then type the same command again.");
            return -1;
        }
    return 0;
}

int cm_locks_insist(struct cm_engine *e, struct cm_err **err)
{
    for (size_t i = 0; i < e->s->lock_count; i++) {
        const struct cm_lock *l = &e->s->locks[i];
        enum cm_held h = l->held(l->ctx);
        if (enough(e, i, h))
            continue;
        if (h == CM_LOST)
            say(e, "lock.lost", l->name);
        if (l->take(l->ctx, false, err) < 0)
            return cm_wrap(
                err, h == CM_LOST ? "the lock of the %s was lost and cannot be taken again" : "the lock of the %s cannot be taken",
                l->name);
        if (h == CM_LOST) {
            say(e, "lock.regained", l->name);
            if (cm_engine_sync(e, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* In a callback nothing may sleep: a lost lock cancels the waiting, and the walk insists or stops. */
static void ask(void *engine)
{
    struct cm_engine *e = engine;
    struct cm_err *err = NULL;
    if (cm_locks_held(e, &err) == 0 || e->why_cancelled || !CM_MODEL(e)->intent_count) {
        cm_err_free(err);
        return;
    }
    e->why_cancelled = err;
    cm_loop_cancel(e->s->loop);
}

void cm_locks_watch(struct cm_engine *e)
{
    e->keepalive = cm_loop_timer(e->s->loop, cm_loop_now_ms(e->s->loop) + ASK_MS, ASK_MS, ask, e);
}

void cm_locks_give(struct cm_engine *e)
{
    cm_timer_drop(e->keepalive);
    e->keepalive = NULL;
    for (size_t i = e->s->lock_count; i-- > 0;)
        e->s->locks[i].give(e->s->locks[i].ctx);
}
