/* `approve`: an answer given from elsewhere, written to the record under the run directory's lock: to the gate that waits (with the
 * digest of what it showed), or to an unknown finding. Before a run has begun it goes into check.json, which a run takes over. */
#include <config.h>

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/pid.h"
#include "base/text.h"
#include "engine/internal.h"

static const struct cm_m_finding *unknown_finding(const struct cm_model *m, const char *id)
{
    for (size_t i = 0; i < m->finding_count; i++)
        if (m->findings[i].verdict == CM_UNKNOWN && strcmp(m->findings[i].id, id) == 0)
            return &m->findings[i];
    return NULL;
}

static int no_such(const struct cm_engine_setup *s, const struct cm_model *m, const char *id, struct cm_err **err)
{
    cm_autostr open = CM_STR(CM_STR_LINE);
    const char *names[64] = {0};
    size_t n = 0;
    for (size_t i = 0; i < m->gate_count && n < 63; i++)
        if (!m->gates[i].open)
            names[n++] = m->gates[i].id;
    for (size_t i = 0; i < m->finding_count && n < 63; i++)
        if (m->findings[i].verdict == CM_UNKNOWN && !cm_model_said(m->answers, m->answer_count, m->findings[i].id))
            names[n++] = m->findings[i].id;
    for (size_t i = 0; i < n; i++)
        cm_str_addf(&open, "%s%s", i ? ", " : "", names[i]);
    const char *near = cm_nearest(id, names);
    cm_fail(err, CM_E_USAGE, "%s does not wait for an answer%s%s", id, near ? "; did you mean " : "", near ? near : "");
    if (n)
        cm_hint(err, "What waits: %s.", cm_str_text(&open));
    else
        cm_hint(err, "Nothing waits. See `connect-migrate-run status %s`.", cm_plan_file(s->plan));
    return -1;
}

static int need_note(const char *id, const char *note, struct cm_err **err)
{
    if (note && *note)
        return 0;
    cm_fail(err, CM_E_USAGE, "%s is an attestation and needs --note TEXT", id);
    cm_hint(err, "Say what was done or seen, when and by whom: it stands in the report.");
    return -1;
}

static int into_journal(const struct cm_engine_setup *s, const char *path, const char *id, const char *note, struct cm_err **err)
{
    size_t cut = 0;
    struct cm_journal *j = cm_journal_open(path, cm_loop_clock(s->loop), &cut, err);
    if (!j)
        return -1;
    const struct cm_model *m = cm_journal_model(j);
    const struct cm_m_gate *g = cm_model_gate(m, id);
    int rc = -1;
    if (g && g->open) {
        rc = 0;
        cm_log(CM_NORMAL, "%s was answered already by %s", id, g->who ? g->who : "somebody");
    } else if (g && (strcmp(g->kind, "attest") != 0 || need_note(id, note, err) == 0)) {
        cm_journal_add(j, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "gate.open", "gate", id, "digest", g->digest, "who",
                                    cm_who(), "note", note ? note : "", "how", "approve"));
        rc = cm_journal_sync(j, err);
    } else if (!g && unknown_finding(m, id)) {
        if (need_note(id, note, err) == 0) {
            cm_journal_add(j, json_pack("{s:s, s:s, s:s, s:s}", "type", "answer", "id", id, "who", cm_who(), "note", note));
            rc = cm_journal_sync(j, err);
        }
    } else if (!g) {
        no_such(s, m, id, err);
    }
    cm_journal_close(j);
    return rc;
}

static int into_check(const struct cm_engine_setup *s, const char *path, const char *id, const char *note, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0, i;
    json_t *f;
    if (cm_file_read(path, 64u << 20, &text, &n, err) < 0)
        return -1;
    cm_autojson check = cm_json_parse(text, n, path, err);
    if (!check)
        return -1;
    bool found = false;
    json_array_foreach(json_object_get(check, "findings"), i, f) found =
        found || (strcmp(cm_json_text(f, "id", ""), id) == 0 && strcmp(cm_json_text(f, "verdict", ""), "unknown") == 0);
    if (!found) {
        cm_fail(err, CM_E_USAGE, "%s is not an open question of the last check", id);
        cm_hint(err, "See what is open with `connect-migrate-run check %s`.", cm_plan_file(s->plan));
        return -1;
    }
    if (need_note(id, note, err) < 0)
        return -1;
    json_t *answers = json_object_get(check, "answers");
    if (!json_is_array(answers)) {
        answers = json_array();
        json_object_set_new(check, "answers", answers);
    }
    json_array_append_new(answers, json_pack("{s:s, s:s, s:s, s:I}", "id", id, "who", cm_who(), "note", note, "at",
                                             (json_int_t)cm_clock_wall(cm_loop_clock(s->loop))));
    cm_autofree char *out = json_dumps(check, JSON_INDENT(2));
    return cm_file_write(path, out, strlen(out), 0600, err);
}

int cm_engine_approve(const struct cm_engine_setup *s, const char *id, const char *note, struct cm_err **err)
{
    cm_autofree char *state = cm_run_path(s, "state.jsonl");
    cm_autofree char *check = cm_run_path(s, "check.json");
    if (!cm_file_exists(state) && !cm_file_exists(check)) {
        cm_fail(err, CM_E_USAGE, "nothing waits: %s has neither a run nor a check", s->run_dir);
        cm_hint(err, "Begin with `connect-migrate-run check %s`.", cm_plan_file(s->plan));
        return CM_E_USAGE;
    }
    /* The first lock is the run directory's: a live run must not find its record changed by another hand. */
    if (s->lock_count && s->locks[0].take(s->locks[0].ctx, false, err) < 0)
        return (int)cm_err_code(err ? *err : NULL);
    int rc = cm_file_exists(state) ? into_journal(s, state, id, note, err) : into_check(s, check, id, note, err);
    if (s->lock_count)
        s->locks[0].give(s->locks[0].ctx);
    return rc < 0 ? (int)cm_err_code(err ? *err : NULL) : CM_E_OK;
}
