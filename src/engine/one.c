/* One step from its beginning to its end: wait for what an earlier run left running, probe, apply, verify. Only verify leads to
 * done. Tries repeat from the probe, only after errors marked as passing. A step may also be done by hand or by the plan's own
 * command: probe, verify, record and report are the same. */
#include <config.h>

#include <string.h>

#include "base/hooks.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/internal.h"

static void show(struct cm_engine *e, const struct cm_rstep *r, enum cm_moment moment, const char *message, int64_t took_ms)
{
    const struct cm_view *v = e->s->view;
    if (v && v->step)
        v->step(v->ctx, r->id, r->action->summary, moment, message, took_ms);
}

static void record_begin(struct cm_engine *e, const struct cm_rstep *r)
{
    const struct cm_m_step *m = cm_model_step(CM_MODEL(e), r->id);
    cm_record_add(e->record, json_pack("{s:s, s:s, s:i}", "type", "step.begin", "step", r->id, "try", m ? m->tries + 1 : 1));
}

static void record_inputs(struct cm_step *st)
{
    const char *label;
    json_t *hex;
    json_object_foreach(st->inputs, label, hex) cm_record_add(
        st->e->record, json_pack("{s:s, s:s, s:s, s:O}", "type", "input", "step", cm_step_id(st), "label", label, "sha256", hex));
}

static int record_end(struct cm_engine *e, const struct cm_rstep *r, enum cm_step_state state, const struct cm_err *why,
                      int64_t took, struct cm_err **err)
{
    json_t *ev = json_pack("{s:s, s:s, s:s, s:I}", "type", "step.end", "step", r->id, "state", cm_step_state_word(state), "took_ms",
                           (json_int_t)took);
    if (why) {
        cm_autofree char *message = cm_mask(cm_err_message(why));
        cm_autofree char *hint = cm_mask(cm_err_hint(why));
        json_object_set_new(ev, "message", json_string(message));
        if (*hint)
            json_object_set_new(ev, "hint", json_string(hint));
        if (cm_err_is_passing(why))
            json_object_set_new(ev, "passing", json_true());
    }
    cm_record_add(e->record, ev);
    return cm_engine_sync(e, err);
}

/* ---- by the tool ---- */

static int look(struct cm_step *st, enum cm_answer *answer, struct cm_err **err)
{
    const struct cm_action *a = st->r->action;
    *answer = CM_NEEDED;
    const struct cm_m_step *m = cm_model_step(CM_MODEL(st->e), cm_step_id(st));
    if (cm_fault("no-probe-on-resume") && m && m->tries > 0)
        return 0;
    if (!a->probe)
        return 0;
    if (a->probe(st, answer, err) < 0 && *answer != CM_BLOCKED && *answer != CM_FOREIGN && *answer != CM_UNDECIDED)
        return -1;
    cm_step_log(st, "probe: %s", cm_answer_word(*answer));
    switch (*answer) {
    case CM_BLOCKED: cm_fail(err, CM_E_FAILED, "%s is blocked", st->r->id); break;
    case CM_FOREIGN: cm_fail(err, CM_E_CHANGED, "%s was changed by somebody else", st->r->id); break;
    case CM_UNDECIDED: cm_fail(err, CM_E_WAITING, "it cannot be told from here whether %s is done", st->r->id); break;
    default: return 0;
    }
    cm_hint(err, "`connect-migrate-run explain %s` says what it looks at; mend that, then type the same command again.", a->name);
    return -1;
}

static int verify(struct cm_step *st, struct cm_err **err)
{
    const struct cm_action *a = st->r->action;
    return a->verify ? a->verify(st, err) : 0;
}

/* Behind what somebody else did, which may have taken hours: what the probe saw is of the past. */
static int verify_anew(struct cm_step *st, struct cm_err **err)
{
    st->memo = NULL;
    return verify(st, err);
}

static int by_tool(struct cm_step *st, struct cm_err **err)
{
    enum cm_answer answer;
    if (look(st, &answer, err) < 0)
        return -1;
    if (answer != CM_DONE && st->r->action->apply && st->r->action->apply(st, err) < 0)
        return -1;
    return verify(st, err);
}

/* ---- by hand, by command: the effect is the person's or the plan's, the proof is ours ---- */

static int own_intent(struct cm_step *st, const char *key, const json_t *detail, struct cm_intent **i, struct cm_err **err)
{
    cm_autojson original = st->r->action->undo ? json_pack("{s:s}", "by", key) : NULL;
    struct cm_intent_spec spec = {.effect = st->r->action->name, .key = key, .detail = detail, .original = original};
    return cm_intend(st, &spec, i, err);
}

/* What the action wants to hold before somebody else does it; *text: what it shows, arena, NULL: nothing of its own. */
static int prepared(struct cm_step *st, const char **text, struct cm_err **err)
{
    cm_autostr shown = CM_STR(CM_STR_PAGE);
    if (st->r->action->hand && st->r->action->hand(st, &shown, err) < 0)
        return -1;
    if (text)
        *text = shown.len ? cm_arena_strdup(st->arena, cm_str_text(&shown)) : NULL;
    return 0;
}

static int by_command(struct cm_step *st, struct cm_err **err)
{
    enum cm_answer answer;
    if (look(st, &answer, err) < 0)
        return -1;
    struct cm_intent *i = NULL;
    cm_autojson detail = json_pack("{s:O}", "argv", cm_json_loose(st->r->command));
    if (answer == CM_DONE && !cm_intent_find(st, st->r->action->name, "command"))
        return verify_anew(st, err);
    if (prepared(st, NULL, err) < 0)
        return -1;
    if (own_intent(st, "command", detail, &i, err) < 0)
        return -1;
    /* The command of an earlier start may have ended well without our seeing it. */
    int left = -1;
    if (cm_intent_life(i) == CM_NOTED && cm_run_effect_left(i, &left) && left == 0)
        answer = CM_DONE;
    if (answer != CM_DONE && cm_intent_life(i) != CM_HAPPENED) {
        size_t n = json_array_size(st->r->command), k;
        const char **argv = cm_arena_alloc(st->arena, (n + 1) * sizeof *argv);
        json_t *word;
        json_array_foreach(st->r->command, k, word) argv[k] = json_string_value(word);
        cm_autoout out = {0};
        if (cm_run_effect(i, &(struct cm_cmd){.argv = argv, .keep_status = true}, &out, err) < 0)
            return -1;
        if (out.status != 0) {
            cm_autofree char *tail = cm_last_lines(out.errout && *out.errout ? out.errout : out.out, 10);
            cm_fail(err, CM_E_FAILED, "the plan's command for %s ended with status %d", st->r->id, out.status);
            cm_evidence(err, tail);
            cm_intent_close(i, CM_GIVEN_UP, json_pack("{s:i}", "status", out.status), NULL);
            return -1;
        }
        cm_autofree char *words = cm_last_lines(out.out, 5);
        cm_autofree char *said = cm_mask(words);
        if (cm_intent_close(i, CM_HAPPENED, json_pack("{s:i, s:s}", "status", 0, "said", said), err) < 0)
            return -1;
    } else if (cm_intent_life(i) != CM_HAPPENED && cm_intent_close(i, CM_HAPPENED, NULL, err) < 0) {
        return -1;
    }
    return verify_anew(st, err);
}

static int by_hand(struct cm_step *st, struct cm_err **err)
{
    enum cm_answer answer;
    if (look(st, &answer, err) < 0)
        return -1;
    if (answer == CM_DONE)
        return verify_anew(st, err);
    const struct cm_action *a = st->r->action;
    const char *own = NULL;
    if (prepared(st, &own, err) < 0)
        return -1;
    const char *shown =
        cm_arena_fmt(st->arena, "%s\n%s%s%s",
                     own       ? own
                     : a->does ? a->does
                               : a->summary,
                     st->r->note ? "Note of the plan: " : "", st->r->note ? st->r->note : "", st->r->note ? "\n" : "");
    struct cm_gate_spec gate = {
        .id = st->r->id, .attest = true, .shown = shown, .title = cm_arena_fmt(st->arena, "done by hand: %s", a->summary)};
    if (cm_gate_pass(st, &gate, err) < 0)
        return -1;
    struct cm_intent *i = NULL;
    const json_t *said = cm_gate_answer(st, st->r->id);
    if (own_intent(st, "hand", said, &i, err) < 0)
        return -1;
    if (cm_intent_life(i) != CM_HAPPENED && cm_intent_close(i, CM_HAPPENED, json_deep_copy(said), err) < 0)
        return -1;
    if (verify_anew(st, err) < 0) {
        cm_wrap(err, "%s was said to be done by hand, but is not seen yet", st->r->id);
        return -1;
    }
    return 0;
}

/* ---- tries ---- */

static bool effectful(const struct cm_rstep *r)
{
    return r->action->kind == CM_EFFECT || r->action->kind == CM_HOLD || r->action->kind == CM_TRIAL;
}

static int once(struct cm_engine *e, const struct cm_rstep *r, struct cm_step *st, int64_t began, struct cm_err **err)
{
    if (effectful(r) && cm_record_durable(e->record) && cm_locks_insist(e, err) < 0)
        return -1;
    if (cm_fault("done-before-verify") && record_end(e, r, CM_S_DONE, NULL, 0, err) < 0)
        return -1;
    if (cm_wait_for_orphans(st, err) < 0)
        return -1;
    int rc = r->by == CM_BY_HAND ? by_hand(st, err) : r->by == CM_BY_COMMAND ? by_command(st, err) : by_tool(st, err);
    if (rc == 0 && e->broken)
        rc = cm_engine_broken(e, err);
    if (rc < 0)
        return -1;
    record_inputs(st);
    e->inside_step = false;
    return record_end(e, r, CM_S_DONE, NULL, cm_loop_now_ms(e->s->loop) - began, err);
}

static void pause_before(struct cm_engine *e, int try)
{
    int64_t ms = 100;
    while (--try > 0 && ms < 3200)
        ms *= 2;
    cm_loop_until(e->s->loop, NULL, NULL, cm_loop_now_ms(e->s->loop) + ms);
}

/* A lost lock that could be taken again is no failure of the step. One that cannot is what the step failed of, however it put it:
 * that it was interrupted would be taken for a person's doing. */
static bool lock_is_back(struct cm_engine *e, struct cm_err **why)
{
    struct cm_err *held_by = NULL;
    if (e->why_cancelled && !e->signals) {
        cm_err_clear(&e->why_cancelled);
        cm_loop_resume(e->s->loop);
    } else if (cm_err_code(*why) != CM_E_LOCKED) {
        return false;
    }
    if (cm_locks_insist(e, &held_by) == 0)
        return true;
    cm_err_free(*why);
    *why = held_by;
    return false;
}

/* How long somebody who is not reached is waited for: 60 s with the usual connect.doubt. */
static int64_t patience_ms(const struct cm_engine *e)
{
    enum { TIMES = 6 };
    const json_t *doubt = cm_plan_get(e->s->plan, "connect.doubt");
    return json_integer_value(json_array_get(doubt, json_array_size(doubt) ? json_array_size(doubt) - 1 : 0)) * TIMES;
}

struct tries {
    int count, all;        /* all: also those where nobody was reached */
    int64_t away_since_ms; /* since when nobody is reached; 0: they are */
};

/* Is it to be tried again? Says so. */
static bool tries_again(struct cm_engine *e, const struct cm_rstep *r, const struct cm_err *why, struct tries *t)
{
    int64_t now = cm_loop_now_ms(e->s->loop), patience = patience_ms(e);
    bool away = cm_err_is_unreached(why) && effectful(r), first = away && t->away_since_ms == 0;
    t->away_since_ms = !away ? 0 : first ? now : t->away_since_ms;
    bool waits = away && now - t->away_since_ms < patience;
    t->all++;
    t->count += !waits;
    if (waits) {
        if (first)
            cm_log(CM_NORMAL, "  %s: %s; it is tried again for up to %lld s", r->id, cm_err_message(why),
                   (long long)((patience + 999) / 1000));
        return true;
    }
    if (!cm_err_is_passing(why) || t->count > r->retries)
        return false;
    cm_log(CM_NORMAL, "  %s: %s; try %d of %d follows", r->id, cm_err_message(why), t->count + 1, r->retries + 1);
    return true;
}

int cm_step_walk(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err)
{
    int64_t began = cm_loop_now_ms(e->s->loop);
    int relocked = 0;
    struct tries tries = {0};
    show(e, r, CM_BEGINS, NULL, 0);
    for (;;) {
        struct cm_step st;
        struct cm_err *why = NULL;
        record_begin(e, r);
        cm_step_begin(&st, e, r);
        e->inside_step = true;
        int rc = once(e, r, &st, began, &why);
        e->inside_step = false;
        cm_engine_turn(e);
        cm_step_fini(&st);
        int64_t took = cm_loop_now_ms(e->s->loop) - began;
        if (rc == 0) {
            show(e, r, CM_ENDS_DONE, NULL, took);
            return 0;
        }
        if (e->broken) { /* whatever the step made of it: its waiting was cancelled, for one */
            cm_err_free(why);
            return cm_engine_broken(e, err);
        }
        if (e->signals && cm_loop_cancelled(e->s->loop))
            return cm_err_move(err, why);
        if (relocked++ < 3 && lock_is_back(e, &why)) {
            cm_err_free(why);
            continue;
        }
        bool waiting = cm_err_code(why) == CM_E_WAITING;
        record_end(e, r, waiting ? CM_S_WAITING : CM_S_FAILED, why, took, NULL);
        if (!tries_again(e, r, why, &tries)) {
            show(e, r, waiting ? CM_ENDS_WAITING : CM_ENDS_FAILED, cm_err_message(why), took);
            return cm_err_move(err, why);
        }
        cm_err_free(why);
        pause_before(e, tries.all);
    }
}
