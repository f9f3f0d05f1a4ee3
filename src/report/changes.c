/* report/changes.c: what was changed and what became of it: the ledger with original and present values, the temporary settings with
 * the proof that they are back, and who said what. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/parts.h"

/* "unit_file: enabled, active: active" */
static char *members(const json_t *v)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)v, name, value)
    {
        cm_autofree char *text = cm_word_value(value);
        cm_str_addf(&s, "%s%s: %s", s.len > 0 ? ", " : "", name, text);
    }
    return cm_str_take(&s);
}

char *cm_word_value(const json_t *v)
{
    if (v == NULL || json_is_null(v) || cm_json_bool(v, "absent", false))
        return cm_strdup("(absent)");
    if (json_is_string(v))
        return cm_strdup(json_string_value(v));
    if (json_is_object(v) && json_object_get(v, "value") != NULL) {
        cm_autofree char *value = cm_word_value(json_object_get(v, "value"));
        const char *place = cm_json_text(v, "place", NULL);
        return place == NULL ? cm_strdup(value) : cm_fmt("%s (%s)", value, place);
    }
    if (json_is_object(v))
        return members(v);
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    return text != NULL ? text : cm_strdup("");
}

/* What a change is called while it is in force; the effects are contract. */
static const struct {
    const char *effect, *present;
} in_force[] = {
    {"service.stop", "stopped"},           {"service.mask", "masked"},
    {"marker.write", "written"},           {"serviceaccount.label", "labelled"},
    {"serviceaccounts.label", "labelled"}, {"access.close", "closed"},
    {"release.scale", "scaled to zero"},   {"deployer.suspend", "suspended"},
};

static char *present(const struct cm_m_intent *i)
{
    if (i->life == CM_BACK)
        return cm_strdup("as it was");
    if (i->life == CM_NEW || i->life == CM_IN_DOUBT || i->life == CM_NOTED)
        return cm_strdup("not known yet: begun, no outcome on record");
    if (i->life == CM_GIVEN_UP)
        return cm_strdup("not known: given up");
    if (strcmp(i->effect, "helm.upgrade") == 0)
        return cm_fmt("revision %lld", (long long)cm_json_int(i->result, "revision", 0));
    for (size_t k = 0; k < sizeof in_force / sizeof in_force[0]; k++)
        if (strcmp(in_force[k].effect, i->effect) == 0)
            return cm_strdup(in_force[k].present);
    const json_t *v = cm_json_at(i->result, "value");
    if (v == NULL)
        v = cm_json_at(i->detail, "value");
    return v == NULL ? cm_strdup("changed") : cm_word_value(v);
}

static bool is_change(const struct cm_m_intent *i) { return i->original != NULL && !i->superseded && i->life != CM_NOT_HAPPENED; }

static const char *change_state(const struct cm_m_intent *i)
{
    return i->life == CM_BACK ? "back" : i->life == CM_FINAL ? "final" : "open";
}

json_t *cm_part_changes(const struct cm_source_of_report *s)
{
    json_t *list = json_array();
    for (size_t k = 0; k < s->m->intent_count; k++) {
        const struct cm_m_intent *i = &s->m->intents[k];
        if (!is_change(i))
            continue;
        cm_autofree char *now = present(i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:O, s:s, s:o}", "effect", i->effect, "key", i->key,
                                              "class", i->settle ? "settle" : "keep", "state", change_state(i), "step", i->step,
                                              "at", cm_word_time(i->at_ms), "original", i->original, "present", now, "settled",
                                              cm_word_time(i->settled_ms)));
    }
    return list;
}

/* What the plan sets it to; keys are compared as Connect does, without case. */
static json_t *set_to(const struct cm_model *m, const char *setting)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(m->plan, "temporary"), name,
                        value) if (strcasecmp(name, setting) == 0) return json_incref(value);
    return json_null();
}

json_t *cm_part_temporary(const struct cm_source_of_report *s)
{
    json_t *list = json_array();
    for (size_t k = 0; k < s->m->intent_count; k++) {
        const struct cm_m_intent *i = &s->m->intents[k];
        if (strcmp(i->effect, "temporary.setting") != 0 || !is_change(i))
            continue;
        cm_autofree char *setting = cm_key_plain(i->key);
        const char *proof = i->life == CM_BACK    ? "proved to be as it was"
                            : i->life == CM_FINAL ? "declared to stay"
                                                  : "still in force";
        json_array_append_new(list, json_pack("{s:s, s:O, s:o, s:s, s:s, s:o, s:o}", "setting", setting, "original", i->original,
                                              "set_to", set_to(s->m, setting), "state", change_state(i), "proof", proof, "at",
                                              cm_word_time(i->at_ms), "settled", cm_word_time(i->settled_ms)));
    }
    return list;
}

/* ---- what was done and is not taken back ---- */

/* The effects are contract. many: of these there may be thousands, they are counted. What stands in no row is no change of the world
 * (a proof, an answer), or takes back what the ledger tells of. */
static const struct {
    const char *effect, *words, *after;
    bool many;
} lasting[] = {
    {"cache.delete", "runtime cache deleted", "cannot be taken back; it is built again when content needs it", false},
    {"webhook", "message to the users by notify.webhook", "a message that was sent stays sent", false},
    {"backup.take", "restore point made", "it stays until somebody removes it", false},
    {"helm.unlock", "lock of a broken-off helm operation removed", "cannot be taken back, and need not be", false},
    {"deployment.pause", "Deployment paused, its ReplicaSets ended",
     "so that no pod comes up beside the old server; going forward resumes it, or `kubectl rollout resume`", false},
    {"deployment.resume", "Deployment resumed", "as a Deployment is; a way back had paused it", false},
    {"job.create", "short-lived Job made in the cluster", "it is deleted by this run", false},
    {"job.delete", "short-lived Job deleted", "nothing is left of it", false},
    {"trial.write", "trial file written into the data folder", "it is removed by this run", false},
    {"trial.remove", "trial file removed", "nothing is left of it", false},
    {"content.build", "content built on the new server", "stays; the old server does not use it", true},
    {"content.render", "document rendered on the new server", "stays, as one more version of its output", true},
};
enum { LASTING = sizeof lasting / sizeof lasting[0] };

static size_t kind_of(const char *effect)
{
    size_t k = 0;
    while (k < LASTING && strcmp(lasting[k].effect, effect) != 0)
        k++;
    return k;
}

/* The backup's reference, as its command or a person gave it; NULL: none. */
static const char *restore_point_of(const struct cm_m_intent *i)
{
    return cm_json_text(i->result, "reference", cm_json_text(i->result, "said", cm_json_text(i->result, "note", NULL)));
}

/* "deleted", "answer 200", "restore-point-1" */
static char *outcome(const struct cm_m_intent *i)
{
    if (i->life == CM_GIVEN_UP)
        return cm_strdup("not known: given up");
    if (i->life != CM_HAPPENED && i->life != CM_BACK && i->life != CM_FINAL)
        return cm_strdup("not known yet: begun, no outcome on record");
    int64_t status = cm_json_int(i->result, "status", 0);
    if (strcmp(i->effect, "webhook") == 0 && status > 0)
        return cm_fmt("answer %lld", (long long)status);
    const char *reference = strcmp(i->effect, "backup.take") == 0 ? restore_point_of(i) : NULL;
    return cm_strdup(reference != NULL ? reference : cm_json_text(i->result, "state", "done"));
}

static void add_lasting(json_t *list, const struct cm_m_intent *i, size_t kind, size_t count)
{
    cm_autofree char *now = outcome(i), *items = cm_fmt("%zu %s", count, count == 1 ? "item" : "items");
    bool many = lasting[kind].many;
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "effect", i->effect, "words", lasting[kind].words,
                                          "key", many ? items : i->key, "step", i->step, "at", cm_word_time(i->at_ms), "outcome",
                                          many ? "done, see Content" : now, "after", lasting[kind].after));
}

json_t *cm_part_lasting(const struct cm_source_of_report *s)
{
    json_t *list = json_array();
    const struct cm_m_intent *last[LASTING] = {NULL};
    size_t counts[LASTING] = {0};
    for (size_t k = 0; k < s->m->intent_count; k++) {
        const struct cm_m_intent *i = &s->m->intents[k];
        size_t kind = kind_of(i->effect);
        if (kind == LASTING || i->original != NULL || i->superseded || i->life == CM_NOT_HAPPENED)
            continue;
        if (!lasting[kind].many)
            add_lasting(list, i, kind, 1);
        last[kind] = i;
        counts[kind]++;
    }
    for (size_t kind = 0; kind < LASTING; kind++)
        if (lasting[kind].many && counts[kind] > 0)
            add_lasting(list, last[kind], kind, counts[kind]);
    return list;
}

/* ---- who said what ---- */

static json_t *said(const char *what, const char *id, const char *who, int64_t at_ms, const char *note, const char *how,
                    const char *title)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:n, s:n}", "what", what, "id", id, "who", cm_word_text(who), "at",
                     cm_word_time(at_ms), "note", cm_word_text(note), "how", cm_word_text(how), "title", cm_word_text(title),
                     "digest", "shown");
}

static json_t *gate_said(const struct cm_m_gate *g)
{
    bool attested = g->kind != NULL && strcmp(g->kind, "attest") == 0;
    json_t *out = said(attested ? "attested" : "approved", g->id, g->who, g->opened_ms, g->note, g->how, g->title);
    json_object_set_new(out, "digest", cm_word_text(g->digest));
    json_object_set_new(out, "shown", cm_word_text(g->shown != NULL && *g->shown != '\0' ? g->shown : NULL));
    return out;
}

static void restore_points(json_t *list, const struct cm_model *m)
{
    for (size_t k = 0; k < m->intent_count; k++) {
        const struct cm_m_intent *i = &m->intents[k];
        if (strcmp(i->effect, "backup.take") != 0 || i->life != CM_HAPPENED)
            continue;
        json_array_append_new(list, said("restore point", i->step, cm_json_text(i->result, "who", NULL), i->closed_ms,
                                         restore_point_of(i), i->key, NULL));
    }
}

/* The very words of the plan were taken over from it. */
static bool ahead(const struct cm_model *m, const struct cm_m_said *a)
{
    const char *note = cm_json_text(json_object_get(json_object_get(m->plan, "gates"), a->id), "note", NULL);
    return note != NULL && a->note != NULL && strcmp(note, a->note) == 0;
}

json_t *cm_part_said(const struct cm_source_of_report *s)
{
    const struct cm_model *m = s->m;
    json_t *list = json_array();
    for (size_t i = 0; i < m->gate_count; i++) {
        if (m->gates[i].open)
            json_array_append_new(list, gate_said(&m->gates[i]));
    }
    restore_points(list, m);
    for (size_t i = 0; i < m->answer_count; i++) {
        const struct cm_m_said *a = &m->answers[i];
        json_array_append_new(list, said("answered", a->id, a->who, a->at_ms, a->note, ahead(m, a) ? "plan" : NULL, NULL));
    }
    for (size_t i = 0; i < m->waiver_count; i++)
        json_array_append_new(
            list, said("waived", m->waivers[i].id, m->waivers[i].who, m->waivers[i].at_ms, m->waivers[i].note, NULL, NULL));
    return list;
}
