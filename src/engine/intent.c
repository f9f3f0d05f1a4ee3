/* Intents: the durable record made before an outside effect. Nobody else makes one, so an adapter call that changes the outside
 * cannot be reached without it. An intent of the same step, effect and key that is on record is handed back as it is: that is
 * all there is to resuming. */
#include <config.h>

#include <string.h>

#include "base/hooks.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pid.h"
#include "base/time.h"
#include "engine/internal.h"

static const struct cm_m_intent *row(const struct cm_intent *i)
{
    return i->queued ? NULL : cm_model_intent(CM_MODEL(i->step->e), i->id);
}

/* The newest; NULL: none. */
static struct cm_m_intent *on_record(const struct cm_step *st, const char *effect, const char *key)
{
    if (!st->e)
        return NULL;
    const struct cm_model *m = CM_MODEL(st->e);
    for (size_t n = m->intent_count; n-- > 0;) {
        struct cm_m_intent *i = &m->intents[n];
        if (i->attempt == cm_attempt(st) && strcmp(i->step, cm_step_id(st)) == 0 && strcmp(i->effect, effect) == 0 &&
            strcmp(i->key, key) == 0)
            return i;
    }
    return NULL;
}

static struct cm_intent *handle(struct cm_step *st, uint64_t id)
{
    for (struct cm_intent *i = st->intents; i; i = i->next)
        if (i->id == id)
            return i;
    struct cm_intent *i = cm_alloc(sizeof *i);
    i->step = st;
    i->id = id;
    i->next = st->intents;
    st->intents = i;
    return i;
}

static uint64_t next_id(const struct cm_step *st)
{
    uint64_t id = CM_MODEL(st->e)->intent_count + 1;
    for (const struct cm_intent *i = st->intents; i; i = i->next)
        if (i->queued && i->id >= id)
            id = i->id + 1;
    return id;
}

static bool live(enum cm_life l) { return l != CM_NOT_HAPPENED && l != CM_GIVEN_UP; }

/* The intent on record that stands for this one, or a new one that is queued. NULL: refused. */
static struct cm_intent *intend(struct cm_step *st, const struct cm_intent_spec *spec, struct cm_err **err)
{
    if (cm_reading(st)) {
        cm_fail(err, CM_E_INTERNAL, "%s would change %s %s, and only reading is allowed here", cm_step_id(st), spec->effect,
                spec->key);
        return NULL;
    }
    const struct cm_m_intent *old = on_record(st, spec->effect, spec->key);
    if (old && live(old->life) && !cm_fault("original-read-twice"))
        return handle(st, old->id);
    if (st->e->broken) {
        cm_engine_broken(st->e, err);
        return NULL;
    }
    if (cm_locks_held(st->e, err) < 0)
        return NULL;
    const json_t *original = old && old->original && !cm_fault("original-read-twice") ? old->original : spec->original;
    struct cm_intent *i = handle(st, next_id(st));
    i->queued = true;
    json_t *ev = json_pack("{s:s, s:I, s:s, s:s, s:s}", "type", "intent", "id", (json_int_t)i->id, "step", cm_step_id(st), "effect",
                           spec->effect, "key", spec->key);
    if (spec->detail)
        json_object_set_new(ev, "detail", json_deep_copy(spec->detail));
    if (original) {
        json_object_set_new(ev, "original", json_deep_copy(original));
        json_object_set_new(ev, "class", json_string(spec->settle ? "settle" : "keep"));
    }
    cm_record_add(st->e->record, ev);
    return i;
}

static void settled(struct cm_engine *e, struct cm_step *st)
{
    for (struct cm_intent *i = st ? st->intents : NULL; i; i = i->next)
        if (i->queued && cm_model_intent(CM_MODEL(e), i->id))
            i->queued = false;
}

int cm_intend(struct cm_step *st, const struct cm_intent_spec *spec, struct cm_intent **out, struct cm_err **err)
{
    struct cm_intent *i = intend(st, spec, err);
    if (!i)
        return -1;
    *out = i;
    if (i->queued && cm_engine_sync(st->e, err) < 0)
        return -1;
    settled(st->e, st);
    return 0;
}

int cm_intend_then(struct cm_step *st, const struct cm_intent_spec *spec, void (*go)(struct cm_intent *, void *), void *ctx,
                   struct cm_err **err)
{
    struct cm_intent *i = intend(st, spec, err);
    if (!i)
        return -1;
    i->go = go;
    i->go_ctx = ctx;
    struct cm_intent **p = &st->e->soon;
    while (*p)
        p = &(*p)->next_soon;
    *p = i;
    i->next_soon = NULL;
    return 0;
}

int cm_engine_broken(const struct cm_engine *e, struct cm_err **err)
{
    cm_fail(err, cm_err_code(e->broken), "%s", cm_err_message(e->broken));
    if (cm_err_hint(e->broken))
        cm_hint(err, "%s", cm_err_hint(e->broken));
    return -1;
}

int cm_engine_sync(struct cm_engine *e, struct cm_err **err)
{
    if (cm_fault("intent-not-synced") && e->inside_step)
        return 0;
    if (e->broken)
        return cm_engine_broken(e, err);
    if (cm_record_sync(e->record, &e->broken) < 0) {
        if (cm_err_code(e->broken) != CM_E_INTERNAL)
            cm_hint(&e->broken, "Make room or mend the disk, then run the same command again: what is on record is whole.");
        return cm_engine_broken(e, err);
    }
    return 0;
}

/* The end of a turn: everything that became ready becomes durable in one line, then what it permits is let go. */
void cm_engine_turn(void *engine)
{
    struct cm_engine *e = engine;
    if (e->in_turn)
        return;
    e->in_turn = true;
    while (!e->broken && (e->soon || cm_record_pending(e->record))) {
        if (cm_fault("intent-not-synced") && e->inside_step && !e->soon)
            break;
        struct cm_intent *now = e->soon;
        e->soon = NULL;
        if (cm_engine_sync(e, NULL) < 0) {
            cm_loop_cancel(e->s->loop);
            break;
        }
        while (now) {
            struct cm_intent *i = now;
            now = i->next_soon;
            i->next_soon = NULL;
            settled(e, i->step);
            void (*go)(struct cm_intent *, void *) = i->go;
            i->go = NULL;
            go(i, i->go_ctx);
        }
    }
    e->in_turn = false;
}

struct cm_intent *cm_intent_find(struct cm_step *st, const char *effect, const char *key)
{
    const struct cm_m_intent *m = on_record(st, effect, key);
    return m ? handle(st, m->id) : NULL;
}

/* The newest record of each key, oldest key first. */
struct cm_intent *cm_intent_next(struct cm_step *st, const char *effect, struct cm_intent *after)
{
    if (!st->e)
        return NULL;
    const struct cm_model *m = CM_MODEL(st->e);
    uint64_t from = after ? after->id : 0;
    for (size_t n = 0; n < m->intent_count; n++) {
        const struct cm_m_intent *i = &m->intents[n];
        if (i->id <= from || i->attempt != cm_attempt(st) || strcmp(i->step, cm_step_id(st)) != 0)
            continue;
        if (strcmp(i->effect, effect) == 0 && on_record(st, effect, i->key) == i)
            return handle(st, i->id);
    }
    return NULL;
}

uint64_t cm_intent_id(const struct cm_intent *i) { return i->id; }
struct cm_step *cm_intent_step(struct cm_intent *i) { return i->step; }
/* While its record is queued an intent reads as new, with nothing in it. */
static const struct cm_m_intent *seen(const struct cm_intent *i)
{
    static const struct cm_m_intent nothing = {.life = CM_NEW};
    const struct cm_m_intent *m = row(i);
    return m ? m : &nothing;
}

enum cm_life cm_intent_life(const struct cm_intent *i) { return seen(i)->life; }
const char *cm_intent_key(const struct cm_intent *i) { return seen(i)->key ? seen(i)->key : ""; }
const json_t *cm_intent_detail(const struct cm_intent *i) { return seen(i)->detail; }
const json_t *cm_intent_original(const struct cm_intent *i) { return seen(i)->original; }
const json_t *cm_intent_noted(const struct cm_intent *i) { return seen(i)->note; }
const json_t *cm_intent_result(const struct cm_intent *i) { return seen(i)->result; }
int64_t cm_intent_at_ms(const struct cm_intent *i) { return seen(i)->at_ms; }

int cm_intent_note_soon(struct cm_intent *i, json_t *taken)
{
    cm_record_add(i->step->e->record, json_pack("{s:s, s:I, s:o}", "type", "note", "intent", (json_int_t)i->id, "note", taken));
    return 0;
}

int cm_intent_note(struct cm_intent *i, json_t *taken, struct cm_err **err)
{
    cm_intent_note_soon(i, taken);
    if (cm_engine_sync(i->step->e, err) < 0)
        return -1;
    settled(i->step->e, i->step);
    return 0;
}

int cm_intent_close_soon(struct cm_intent *i, enum cm_life life, json_t *taken_result)
{
    json_t *ev = json_pack("{s:s, s:I, s:s}", "type", "close", "intent", (json_int_t)i->id, "life", cm_life_word(life));
    if (taken_result)
        json_object_set_new(ev, "result", taken_result);
    cm_record_add(i->step->e->record, ev);
    return 0;
}

int cm_intent_close(struct cm_intent *i, enum cm_life life, json_t *taken_result, struct cm_err **err)
{
    cm_intent_close_soon(i, life, taken_result);
    if (cm_engine_sync(i->step->e, err) < 0)
        return -1;
    settled(i->step->e, i->step);
    return 0;
}

/* ---- children that outlived us ---- */

struct orphan {
    pid_t pid;
    int64_t start;
    const char *boot;
};

static bool gone(void *ctx)
{
    const struct orphan *o = ctx;
    return !cm_pid_alive(o->pid, o->start, o->boot);
}

static void nudge(void *ctx) { (void)ctx; }

static int wait_for(struct cm_step *st, struct orphan *o, const char *effect, struct cm_err **err)
{
    if (gone(o))
        return 0;
    cm_say(st, "waiting for process %ld, which an earlier run started for %s and which still runs", (long)o->pid, effect);
    struct cm_timer *t = cm_loop_timer(st->e->s->loop, cm_loop_now_ms(st->e->s->loop) + 5, 20, nudge, NULL);
    enum cm_wait w = cm_loop_until(st->e->s->loop, gone, o, st->deadline);
    cm_timer_drop(t);
    if (w == CM_WAIT_READY)
        return 0;
    if (w == CM_WAIT_CANCELLED)
        return cm_fail(err, CM_E_INTERRUPTED, "interrupted while waiting for process %ld", (long)o->pid);
    cm_fail(err, CM_E_FAILED, "process %ld, started by an earlier run for %s, still runs at the step's limit", (long)o->pid,
            effect);
    cm_hint(err, "Look at it with `ps -fp %ld`; end it if it hangs, then run the same command again.", (long)o->pid);
    return -1;
}

int cm_wait_for_orphans(struct cm_step *st, struct cm_err **err)
{
    const struct cm_model *m = CM_MODEL(st->e);
    if (cm_fault("orphan-not-waited-for"))
        return 0;
    for (size_t n = 0; n < m->intent_count; n++) {
        const struct cm_m_intent *i = &m->intents[n];
        if (i->attempt != cm_attempt(st) || strcmp(i->step, cm_step_id(st)) != 0 || i->life > CM_NOTED)
            continue;
        const json_t *child = cm_json_at(i->note, "child");
        struct orphan o = {(pid_t)cm_json_int(child, "pid", 0), cm_json_int(child, "start", -1), cm_json_text(child, "boot", "")};
        if (child && o.pid > 0 && wait_for(st, &o, i->effect, err) < 0)
            return -1;
    }
    return 0;
}
