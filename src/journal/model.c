/* journal/model.c: the model's life, its look-ups and its words. How events change it stands in apply.c. */
#include <config.h>

#include "journal/model.h"

#include <string.h>

#include "base/mem.h"
#include "journal/events.h"

struct cm_model *cm_model_new(void)
{
    struct cm_model *m = cm_alloc(sizeof *m);
    m->facts = json_object();
    m->fact_meta = json_object();
    m->last_status = -1;
    return m;
}

static void free_intent(struct cm_m_intent *i)
{
    free(i->step);
    free(i->effect);
    free(i->key);
    json_decref(i->detail);
    json_decref(i->original);
    json_decref(i->note);
    json_decref(i->result);
}

static void free_gate(struct cm_m_gate *g)
{
    free(g->id);
    free(g->kind);
    free(g->step);
    free(g->title);
    free(g->shown);
    free(g->digest);
    free(g->who);
    free(g->note);
    free(g->how);
}

static void free_said(struct cm_m_said *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].id);
        free(list[i].who);
        free(list[i].note);
    }
    free(list);
}

static void free_found(struct cm_model *m)
{
    for (size_t i = 0; i < m->finding_count; i++) {
        free(m->findings[i].id);
        free(m->findings[i].step);
        free(m->findings[i].seen);
        free(m->findings[i].remedy);
    }
    free(m->findings);
    for (size_t i = 0; i < m->artifact_count; i++) {
        free(m->artifacts[i].name);
        free(m->artifacts[i].sha256);
        free(m->artifacts[i].step);
    }
    free(m->artifacts);
    for (size_t i = 0; i < m->interruption_count; i++) {
        free(m->interruptions[i].what);
        free(m->interruptions[i].why);
        free(m->interruptions[i].signal);
    }
    free(m->interruptions);
}

void cm_model_free(struct cm_model *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->attempt_count; i++) {
        cm_attempt_drop(&m->attempts[i]);
        free(m->attempts[i].result);
    }
    free(m->attempts);
    for (size_t i = 0; i < m->intent_count; i++)
        free_intent(&m->intents[i]);
    free(m->intents);
    for (size_t i = 0; i < m->gate_count; i++)
        free_gate(&m->gates[i]);
    free(m->gates);
    free_said(m->answers, m->answer_count);
    free_said(m->waivers, m->waiver_count);
    free_found(m);
    free(m->run_id);
    free(m->program);
    free(m->boot);
    free(m->plan_file);
    free(m->plan_digest);
    free(m->last_message);
    free(m->partly_last);
    json_decref(m->plan);
    json_decref(m->target);
    json_decref(m->facts);
    json_decref(m->fact_meta);
    free(m);
}

struct cm_m_step *cm_model_step(const struct cm_model *m, const char *id)
{
    for (size_t i = 0; m->now != NULL && i < m->now->step_count; i++)
        if (strcmp(m->now->steps[i].id, id) == 0)
            return &m->now->steps[i];
    return NULL;
}

/* Ids rise from record to record (apply.c refuses others). */
struct cm_m_intent *cm_model_intent(const struct cm_model *m, uint64_t id)
{
    size_t low = 0, high = m->intent_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->intents[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < m->intent_count && m->intents[low].id == id ? &m->intents[low] : NULL;
}

struct cm_m_gate *cm_model_gate(const struct cm_model *m, const char *id)
{
    int attempt = m->now == NULL ? 0 : m->now->number;
    for (size_t i = m->gate_count; i-- > 0;)
        if (m->gates[i].attempt == attempt && strcmp(m->gates[i].id, id) == 0)
            return &m->gates[i];
    return NULL;
}

bool cm_model_only_asked(const struct cm_model *m)
{
    if (m->now == NULL || m->now->direction == CM_FORWARD || m->now->ended || m->now->first_intent != 0 || m->attempt_count < 2)
        return false;
    for (size_t i = 0; i < m->gate_count; i++)
        if (m->gates[i].attempt == m->now->number && m->gates[i].open)
            return false;
    return true;
}

void cm_model_withdraw(struct cm_model *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->gate_count; i++) {
        if (m->gates[i].attempt == m->now->number)
            free_gate(&m->gates[i]);
        else
            m->gates[kept++] = m->gates[i];
    }
    m->gate_count = kept;
    cm_attempt_drop(m->now);
    free(m->now->result);
    m->attempt_count--;
    m->now = &m->attempts[m->attempt_count - 1];
}

struct cm_m_gate *cm_model_waiting_gate(const struct cm_model *m)
{
    int attempt = m->now == NULL ? 0 : m->now->number;
    for (size_t i = m->gate_count; i-- > 0;)
        if (m->gates[i].attempt == attempt && !m->gates[i].open)
            return &m->gates[i];
    return NULL;
}

const struct cm_m_said *cm_model_said(const struct cm_m_said *list, size_t n, const char *id)
{
    for (size_t i = n; i-- > 0;)
        if (strcmp(list[i].id, id) == 0)
            return &list[i];
    return NULL;
}

bool cm_model_open_change(const struct cm_m_intent *i)
{
    return i->original != NULL && !i->superseded && i->life != CM_NOT_HAPPENED && i->life != CM_BACK && i->life != CM_FINAL;
}

size_t cm_model_open_changes(const struct cm_model *m, bool settle_only)
{
    size_t n = 0;
    for (size_t i = 0; i < m->intent_count; i++)
        if (cm_model_open_change(&m->intents[i]) && (!settle_only || m->intents[i].settle))
            n++;
    return n;
}

char *cm_key_plain(const char *key)
{
    const char *mark = strrchr(key, '(');
    if (mark == NULL || mark < key + 2 || mark[-1] != ' ')
        return cm_strdup(key);
    size_t digits = strspn(mark + 1, "0123456789");
    bool again = digits > 0 && strcmp(mark + 1 + digits, ")") == 0;
    return again ? cm_strndup(key, (size_t)(mark - 1 - key)) : cm_strdup(key);
}

struct cm_m_attempt *cm_model_forward(const struct cm_model *m)
{
    for (size_t i = m->attempt_count; i-- > 0;)
        if (m->attempts[i].direction == CM_FORWARD)
            return &m->attempts[i];
    return NULL;
}

enum cm_step_state cm_model_stage_state(const struct cm_m_attempt *a, const char *stage)
{
    bool open = false, begun = false;
    for (size_t i = 0; i < a->step_count; i++) {
        const struct cm_m_step *s = &a->steps[i];
        if (strcmp(s->stage, stage) != 0)
            continue;
        open |= s->state != CM_S_DONE && s->state != CM_S_SKIPPED;
        begun |= s->tries > 0;
    }
    return !open ? CM_S_DONE : begun ? CM_S_RUNNING : CM_S_PENDING;
}

bool cm_model_only_report_open(const struct cm_model *m)
{
    bool own = false;
    if (m->now == NULL || m->now->ended || !m->running)
        return false;
    for (size_t i = 0; i < m->now->step_count; i++) {
        const struct cm_m_step *s = &m->now->steps[i];
        bool report = strcmp(s->action, "report.write") == 0;
        if (s->state != CM_S_DONE && s->state != CM_S_SKIPPED && !report)
            return false;
        own |= report && s->state != CM_S_SKIPPED;
    }
    return own;
}

const char *cm_step_state_word(enum cm_step_state state)
{
    static const char *const word[] = {"pending", "running", "waiting", "done", "skipped", "failed"};
    return word[state];
}

const char *cm_life_word(enum cm_life life)
{
    static const char *const word[] = {"new", "in-doubt", "noted", "happened", "not-happened", "given-up", "back", "final"};
    return word[life];
}

const char *cm_direction_word(enum cm_direction direction)
{
    static const char *const word[] = {"forward", "back", "finish"};
    return word[direction];
}

const char *cm_finding_word(enum cm_verdict verdict)
{
    static const char *const word[] = {"ok", "warning", "blocker", "unknown"};
    return word[verdict];
}
