/* report/status.c: where a run stands, as JSON: the contract of `status --json`, and the parts of it that the report shares. */
#include <config.h>

#include "report/report.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "journal/situation.h"
#include "report/parts.h"

json_t *cm_word_time(int64_t ms)
{
    if (ms == 0)
        return json_null();
    cm_autofree char *text = cm_time_text(ms);
    return json_string(text);
}

json_t *cm_word_seconds(int64_t ms) { return json_real((double)ms / 1000.0); }

json_t *cm_word_text(const char *text) { return text == NULL ? json_null() : json_string(text); }

/* The report's own step is open while the report is written. */
static bool own_step(const struct cm_m_step *s) { return strcmp(s->action, "report.write") == 0; }

static json_t *step_json(const struct cm_m_step *s, bool as_finished)
{
    enum cm_step_state state = as_finished && own_step(s) ? CM_S_DONE : s->state;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o}", "id", s->id, "action", s->action, "kind", s->kind, "by",
                     s->by, "state", cm_step_state_word(state), "started", cm_word_time(s->began_ms), "ended",
                     cm_word_time(s->ended_ms), "seconds", cm_word_seconds(s->took_ms), "attempts", s->tries, "message",
                     cm_word_text(s->message));
}

json_t *cm_part_stages(const struct cm_model *m, bool as_finished)
{
    json_t *stages = json_array();
    const struct cm_m_attempt *a = m == NULL ? NULL : m->now;
    for (size_t g = 0; a != NULL && g < a->stage_count; g++) {
        json_t *steps = json_array();
        const char *id = a->stages[g].id;
        bool only_own = true;
        for (size_t i = 0; i < a->step_count; i++)
            if (strcmp(a->steps[i].stage, id) == 0) {
                json_array_append_new(steps, step_json(&a->steps[i], as_finished));
                only_own &= own_step(&a->steps[i]);
            }
        enum cm_step_state state = as_finished && only_own ? CM_S_DONE : cm_model_stage_state(a, id);
        json_array_append_new(stages, json_pack("{s:s, s:s, s:s, s:o}", "id", id, "title", a->stages[g].title, "state",
                                                cm_step_state_word(state), "steps", steps));
    }
    return stages;
}

json_t *cm_part_findings(const struct cm_model *m)
{
    json_t *list = json_array();
    for (size_t i = 0; m != NULL && i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "id", f->id, "verdict", cm_finding_word(f->verdict), "seen",
                                              f->seen, "remedy", cm_word_text(f->remedy)));
    }
    return list;
}

static json_t *ledger(const struct cm_model *m)
{
    json_t *list = json_array();
    for (size_t k = 0; m != NULL && k < m->intent_count; k++) {
        const struct cm_m_intent *i = &m->intents[k];
        const char *state = i->life == CM_BACK ? "back" : i->life == CM_FINAL ? "final" : "open";
        if (i->original == NULL || i->superseded || i->life == CM_NOT_HAPPENED)
            continue;
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "effect", i->effect, "key", i->key, "class",
                                              i->settle ? "settle" : "keep", "state", state));
    }
    return list;
}

/* ---- content ---- */

static json_int_t count_state(const json_t *built, const char *state)
{
    const char *guid;
    json_t *item;
    json_int_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)built, guid, item) n += strcmp(cm_json_text(item, "state", ""), state) == 0;
    return n;
}

json_t *cm_part_content_counts(const struct cm_model *m)
{
    cm_autojson built = cm_part_builds(m);
    const json_t *fact = m == NULL ? NULL : json_object_get(m->facts, "content.build");
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I}", "selected", (json_int_t)cm_json_int(fact, "selected", (int64_t)json_object_size(built)),
        "built", count_state(built, "built"), "failed", count_state(built, "failed"), "skipped",
        (json_int_t)cm_json_int(fact, "skipped", (int64_t)count_state(built, "skipped")), "gone", count_state(built, "gone"));
}

/* ---- the contract ---- */

json_t *cm_status_json(const struct cm_model *m, const char *plan_file, const char *run_dir, bool alive, int64_t now_wall_ms)
{
    struct cm_situation s = {0};
    const struct cm_m_gate *gate = m == NULL ? NULL : cm_model_waiting_gate(m);
    const char *state = cm_run_state(m, alive);
    const struct cm_standing standing = {.plan_file = plan_file, .run_dir = run_dir, .alive = alive, .status = -1};
    bool asks = gate != NULL && !(m->now != NULL && m->now->ended);
    if (m != NULL)
        cm_situation(m, now_wall_ms, &s);
    json_t *status =
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "run_id", cm_word_text(m == NULL ? NULL : m->run_id),
                  "plan", cm_word_text(plan_file), "state", state, "stages", cm_part_stages(m, false), "ledger", ledger(m), "gate",
                  cm_word_text(asks ? gate->id : NULL), "findings", cm_part_findings(m), "next_steps",
                  cm_next_steps_of(m, &standing), "content", cm_part_content_counts(m), "downtime_seconds",
                  cm_word_seconds(s.service_down_ms), "users_out_seconds", cm_word_seconds(s.users_out_ms));
    cm_situation_fini(&s);
    return status;
}
