/* journal/apply.c: the table of all events, with the members each must have, and what those of the run, of findings, facts, gates
 * and locks do to the model. The contract stands in doc/connect-migrate-state.5. */
#include <config.h>

#include "journal/model.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "journal/events.h"
#include "journal/journal.h"

void cm_set_text(char **where, const char *text)
{
    char *copy = cm_strdup(text); /* first: text may lie in *where */
    free(*where);
    *where = copy;
}

void cm_set_json(json_t **where, const json_t *j)
{
    json_t *was = *where;
    *where = j == NULL || json_is_null(j) ? NULL : json_incref((json_t *)(uintptr_t)j);
    json_decref(was);
}

void *cm_add_item(void *list, size_t *count, size_t item_bytes)
{
    void *data;
    memcpy(&data, list, sizeof data);
    /* capacities are powers of two, so they need not be kept */
    if ((*count & (*count - 1)) == 0) {
        size_t want = *count == 0 ? 1 : *count * 2;
        data = cm_realloc(data, want * item_bytes);
        memcpy(list, &data, sizeof data);
    }
    void *item = (char *)data + *count * item_bytes;
    memset(item, 0, item_bytes);
    (*count)++;
    return item;
}

static int run_begin(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    int64_t format = cm_json_int(e, "format", 0);
    if (m->run_id != NULL)
        return cm_fail(err, CM_E_CHANGED, "a second run.begin");
    if (format != CM_JOURNAL_FORMAT) {
        cm_fail(err, CM_E_CHANGED, "format %lld of the record was written by connect-migrate %s; this one knows format %d",
                (long long)format, cm_json_text(e, "program", "?"), CM_JOURNAL_FORMAT);
        cm_hint(err, "Go on with the version of connect-migrate that began this run.");
        return -1;
    }
    cm_set_text(&m->run_id, cm_json_text(e, "run", ""));
    cm_set_text(&m->program, cm_json_text(e, "program", ""));
    cm_set_text(&m->boot, cm_json_text(e, "boot", ""));
    cm_set_text(&m->plan_file, cm_json_text(e, "plan_file", ""));
    cm_set_text(&m->plan_digest, cm_json_text(e, "plan_digest", NULL));
    cm_set_json(&m->plan, json_object_get(e, "plan"));
    m->began_ms = p->at_ms;
    m->running = true;
    return 0;
}

static int run_resume(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)p;
    (void)err;
    cm_set_text(&m->program, cm_json_text(e, "program", m->program));
    cm_set_text(&m->boot, cm_json_text(e, "boot", m->boot));
    m->running = true;
    m->resumes++;
    m->last_status = -1;
    cm_set_text(&m->last_message, NULL);
    return 0;
}

static int run_end(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)p;
    (void)err;
    m->running = false;
    m->last_status = (int)cm_json_int(e, "status", 0);
    cm_set_text(&m->last_message, cm_json_text(e, "message", NULL));
    return 0;
}

static int finding(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    const char *id = cm_json_text(e, "id", ""), *word = cm_json_text(e, "verdict", "");
    int verdict = CM_OK;
    while (verdict <= CM_UNKNOWN && strcmp(cm_finding_word((enum cm_verdict)verdict), word) != 0)
        verdict++;
    if (verdict > CM_UNKNOWN)
        return cm_fail(err, CM_E_CHANGED, "finding: unknown verdict '%s'", word);
    struct cm_m_finding *f = NULL;
    for (size_t i = 0; i < m->finding_count && f == NULL; i++)
        if (strcmp(m->findings[i].id, id) == 0)
            f = &m->findings[i];
    if (f == NULL)
        f = cm_add_item(&m->findings, &m->finding_count, sizeof *f);
    cm_set_text(&f->id, id);
    cm_set_text(&f->step, cm_json_text(e, "step", ""));
    cm_set_text(&f->seen, cm_json_text(e, "seen", ""));
    cm_set_text(&f->remedy, cm_json_text(e, "remedy", NULL));
    f->verdict = (enum cm_verdict)verdict;
    f->at_ms = p->at_ms;
    return 0;
}

static void said(struct cm_m_said **list, size_t *n, const json_t *e, const char *note, int64_t at_ms)
{
    struct cm_m_said *s = cm_add_item(list, n, sizeof *s);
    s->id = cm_strdup(cm_json_text(e, "id", ""));
    s->who = cm_strdup(cm_json_text(e, "who", ""));
    s->note = cm_strdup(cm_json_text(e, note, ""));
    s->at_ms = at_ms;
}

static int answer(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)err;
    said(&m->answers, &m->answer_count, e, "note", p->at_ms);
    return 0;
}

static int waiver(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)err;
    said(&m->waivers, &m->waiver_count, e, "reason", p->at_ms);
    return 0;
}

/* cm_partly: counted for the newest walk forward; a step that is tried again starts from none. */
static void partly(struct cm_model *m, const json_t *e)
{
    struct cm_m_step *s = cm_model_step(m, cm_json_text(e, "step", cm_json_text(e, "value.step", "")));
    if (m->now == NULL || m->now->direction != CM_FORWARD)
        return;
    m->partly++;
    if (s != NULL)
        s->partly++;
    cm_set_text(&m->partly_last, cm_json_text(e, "value.message", ""));
}

static int fact(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    const char *name = cm_json_text(e, "name", "");
    json_t *value = json_object_get(e, "value");
    if (strcmp(name, "partly") == 0) {
        partly(m, e);
        return 0;
    }
    if (strcmp(name, "target") == 0 && json_is_object(value)) {
        /* what was seen first stays; parts that could not be seen then are filled in */
        if (m->target == NULL)
            m->target = json_object();
        json_object_update_missing(m->target, value);
        value = m->target;
    }
    json_object_set_new(m->fact_meta, name,
                        json_pack("{s:s, s:I}", "step", cm_json_text(e, "step", ""), "at_ms", (json_int_t)p->at_ms));
    return json_object_set(m->facts, name, value) == 0 ? 0 : cm_fail(err, CM_E_CHANGED, "fact: a name that is no text");
}

static int artifact(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)p;
    (void)err;
    const char *name = cm_json_text(e, "name", "");
    struct cm_m_artifact *a = NULL;
    for (size_t i = 0; i < m->artifact_count && a == NULL; i++)
        if (strcmp(m->artifacts[i].name, name) == 0)
            a = &m->artifacts[i];
    if (a == NULL)
        a = cm_add_item(&m->artifacts, &m->artifact_count, sizeof *a);
    cm_set_text(&a->name, name);
    cm_set_text(&a->sha256, cm_json_text(e, "sha256", ""));
    cm_set_text(&a->step, cm_json_text(e, "step", ""));
    a->bytes = cm_json_int(e, "bytes", 0);
    return 0;
}

static struct cm_m_gate *gate_of(struct cm_model *m, const char *id)
{
    struct cm_m_gate *g = cm_model_gate(m, id);
    if (g != NULL)
        return g;
    g = cm_add_item(&m->gates, &m->gate_count, sizeof *g);
    g->id = cm_strdup(id);
    g->attempt = m->now == NULL ? 0 : m->now->number;
    return g;
}

/* Asked: whatever was answered before is void, since the engine asks again only when what it shows has changed. */
static int gate_wait(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)err;
    struct cm_m_gate *g = gate_of(m, cm_json_text(e, "gate", ""));
    const char *digest = cm_json_text(e, "digest", "");
    if (g->asked_ms == 0 || g->open || g->digest == NULL || strcmp(g->digest, digest) != 0)
        g->asked_ms = p->at_ms;
    cm_set_text(&g->kind, cm_json_text(e, "kind", "go"));
    cm_set_text(&g->step, cm_json_text(e, "step", ""));
    cm_set_text(&g->title, cm_json_text(e, "title", ""));
    cm_set_text(&g->shown, cm_json_text(e, "shown", ""));
    cm_set_text(&g->digest, digest);
    g->open = false;
    g->opened_ms = 0;
    cm_set_text(&g->who, NULL);
    cm_set_text(&g->note, NULL);
    cm_set_text(&g->how, NULL);
    return 0;
}

static int gate_open(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)err;
    struct cm_m_gate *g = gate_of(m, cm_json_text(e, "gate", ""));
    cm_set_text(&g->digest, cm_json_text(e, "digest", g->digest));
    cm_set_text(&g->who, cm_json_text(e, "who", ""));
    cm_set_text(&g->note, cm_json_text(e, "note", NULL));
    cm_set_text(&g->how, cm_json_text(e, "how", ""));
    g->open = true;
    g->opened_ms = p->at_ms;
    return 0;
}

static int nothing(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)m;
    (void)p;
    (void)e;
    (void)err;
    return 0;
}

static int64_t time_of(const json_t *e, const char *member, int64_t otherwise)
{
    int64_t ms;
    if (cm_time_parse(cm_json_text(e, member, ""), &ms))
        return ms;
    return cm_json_int(e, member, otherwise);
}

static int interruption(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err)
{
    (void)err;
    struct cm_m_interruption *i = cm_add_item(&m->interruptions, &m->interruption_count, sizeof *i);
    const json_t *signal = json_object_get(e, "signal");
    if (json_is_string(signal))
        i->signal = cm_strdup(json_string_value(signal));
    else if (json_is_integer(signal))
        i->signal = cm_fmt("%lld", (long long)json_integer_value(signal));
    i->what = cm_strdup(cm_json_text(e, "what", ""));
    i->why = cm_strdup(cm_json_text(e, "why", ""));
    i->from_ms = time_of(e, "from", p->at_ms);
    i->to_ms = time_of(e, "to", p->at_ms);
    return 0;
}

/* Members: s text, i integer, o object, a anything. Those not listed may be left out; more than these is no fault. */
struct want {
    const char *name;
    char type;
};
struct event {
    const char *type;
    int (*apply)(struct cm_model *m, const struct cm_place *p, const json_t *e, struct cm_err **err);
    struct want wants[6];
};

static const struct event events[] = {
    {"run.begin", run_begin, {{"format", 'i'}, {"run", 's'}, {"plan", 'o'}}},
    {"run.resume", run_resume, {{NULL, 0}}},
    {"run.end", run_end, {{"status", 'i'}}},
    {"attempt.begin", cm_apply_attempt_begin, {{"attempt", 'i'}, {"direction", 's'}, {"runbook", 'o'}}},
    {"attempt.end", cm_apply_attempt_end, {{"result", 's'}}},
    {"plan.accepted", cm_apply_plan_accepted, {{"plan", 'o'}}},
    {"stage.begin", cm_apply_stage_begin, {{"stage", 's'}}},
    {"stage.end", cm_apply_stage_end, {{"stage", 's'}}},
    {"step.begin", cm_apply_step_begin, {{"step", 's'}}},
    {"step.end", cm_apply_step_end, {{"step", 's'}, {"state", 's'}}},
    {"step.skip", cm_apply_step_skip, {{"step", 's'}}},
    {"finding", finding, {{"step", 's'}, {"id", 's'}, {"verdict", 's'}}},
    {"answer", answer, {{"id", 's'}}},
    {"waiver", waiver, {{"id", 's'}}},
    {"fact", fact, {{"name", 's'}, {"value", 'a'}}},
    {"artifact", artifact, {{"name", 's'}, {"sha256", 's'}}},
    {"input", cm_apply_input, {{"step", 's'}, {"label", 's'}, {"sha256", 's'}}},
    {"intent", cm_apply_intent, {{"id", 'i'}, {"step", 's'}, {"effect", 's'}, {"key", 's'}}},
    {"note", cm_apply_note, {{"intent", 'i'}, {"note", 'o'}}},
    {"close", cm_apply_close, {{"intent", 'i'}, {"life", 's'}}},
    {"gate.wait", gate_wait, {{"gate", 's'}}},
    {"gate.open", gate_open, {{"gate", 's'}}},
    {"lock.lost", nothing, {{"lock", 's'}}},
    {"lock.regained", nothing, {{"lock", 's'}}},
    {"interruption", interruption, {{NULL, 0}}},
};
enum { EVENTS = sizeof events / sizeof events[0] };

static bool is_a(const json_t *j, char type)
{
    return j != NULL && (type == 'a' || (type == 's' && json_is_string(j)) || (type == 'i' && json_is_integer(j)) ||
                         (type == 'o' && json_is_object(j)));
}

static const struct event *known(const json_t *e, enum cm_code code, struct cm_err **err)
{
    const char *type = json_string_value(json_object_get(e, "type"));
    const struct event *found = NULL;
    for (size_t i = 0; type != NULL && i < EVENTS; i++)
        if (strcmp(events[i].type, type) == 0)
            found = &events[i];
    if (found == NULL) {
        cm_fail(err, code, "unknown event '%s'", type == NULL ? "" : type);
        cm_hint(err, "A newer connect-migrate may have written this record: go on with that version.");
        return NULL;
    }
    for (const struct want *w = found->wants; w < found->wants + 6 && w->name != NULL; w++)
        if (!is_a(json_object_get(e, w->name), w->type)) {
            cm_fail(err, code, "%s: '%s' is missing or of the wrong type", type, w->name);
            return NULL;
        }
    return found;
}

int cm_model_apply(struct cm_model *m, const json_t *event, uint64_t seq, int64_t at_ms, int64_t up_ms, struct cm_err **err)
{
    const struct event *e = known(event, CM_E_CHANGED, err);
    const struct cm_place p = {seq, at_ms, up_ms};
    if (e == NULL || e->apply(m, &p, event, err) != 0)
        return -1;
    m->seq = seq;
    m->last_ms = at_ms;
    m->last_up = up_ms;
    return 0;
}

/* Does an event before `i` in the group make what this one names? */
static bool made_before(const json_t *group, size_t i, int64_t intent)
{
    for (size_t k = 0; k < i; k++) {
        const json_t *e = json_array_get(group, k);
        const char *type = cm_json_text(e, "type", "");
        if (intent != 0 ? strcmp(type, "intent") == 0 && cm_json_int(e, "id", 0) == intent
                        : strcmp(type, "attempt.begin") == 0 || strcmp(type, "plan.accepted") == 0)
            return true;
    }
    return false;
}

static bool names_step(const char *type) { return cm_starts(type, "step.") || strcmp(type, "input") == 0; }

int cm_model_admit(const struct cm_model *m, const json_t *group, size_t i, struct cm_err **err)
{
    const json_t *e = json_array_get(group, i);
    enum cm_life life;
    if (known(e, CM_E_INTERNAL, err) == NULL)
        return -1;
    const char *type = cm_json_text(e, "type", ""), *step = cm_json_text(e, "step", "");
    if (strcmp(type, "run.begin") == 0 && (m->seq != 0 || i != 0))
        return cm_fail(err, CM_E_INTERNAL, "a second run.begin");
    if (names_step(type) && cm_model_step(m, step) == NULL && !made_before(group, i, 0))
        return cm_fail(err, CM_E_INTERNAL, "%s: no step '%s' in this attempt", type, step);
    if (strcmp(type, "note") == 0 || strcmp(type, "close") == 0) {
        int64_t id = cm_json_int(e, "intent", 0);
        if (id <= 0 || (cm_model_intent(m, (uint64_t)id) == NULL && !made_before(group, i, id)))
            return cm_fail(err, CM_E_INTERNAL, "%s: no intent %lld", type, (long long)id);
    }
    if (strcmp(type, "close") == 0 && cm_life_parse(cm_json_text(e, "life", ""), &life) != 0)
        return cm_fail(err, CM_E_INTERNAL, "close: unknown life '%s'", cm_json_text(e, "life", ""));
    return 0;
}
