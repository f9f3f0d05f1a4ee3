/* `check` and `preview`: the same walk order and the same actions, over a record in memory. Intents refuse; artifacts go to a folder
 * that is removed again. `check` writes check.json, by rename, and nothing else. */
#include <config.h>

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/pid.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/internal.h"

/* ---- beginning and ending a look ---- */

static int feed(struct cm_engine *e, json_t *taken, struct cm_err **err)
{
    cm_record_add(e->record, taken);
    return cm_record_sync(e->record, err);
}

static int fresh_record(struct cm_engine *e, struct cm_err **err)
{
    const struct cm_engine_setup *s = e->s;
    e->record = cm_record_memory(cm_model_new(), cm_loop_clock(s->loop));
    cm_autofree char *digest = cm_plan_digest(cm_plan_normal(s->plan));
    if (feed(e,
             json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:O, s:s, s:O}", "type", "run.begin", "format", CM_JOURNAL_FORMAT, "program",
                       s->program_version, "run", "look", "boot", cm_boot_id(), "plan_file", cm_plan_file(s->plan), "plan",
                       cm_json_loose(cm_plan_normal(s->plan)), "plan_digest", digest, "runbook", e->resolved->normal),
             err) < 0)
        return -1;
    return feed(e,
                json_pack("{s:s, s:i, s:s, s:O}", "type", "attempt.begin", "attempt", 1, "direction",
                          cm_direction_word(e->direction), "runbook", e->resolved->normal),
                err);
}

/* preview goes on from what is on disk, read without a lock. */
static int record_from_disk(struct cm_engine *e, struct cm_err **err)
{
    cm_autofree char *path = cm_run_path(e->s, "state.jsonl");
    bool absent = false;
    struct cm_model *m = cm_journal_read(path, &absent, err);
    if (!m && !absent)
        return -1;
    if (!m || !m->now || m->now->direction != e->direction || m->now->ended) {
        json_t *facts = m ? json_deep_copy(m->facts) : NULL;
        cm_model_free(m);
        int rc = fresh_record(e, err);
        const char *name;
        json_t *value;
        json_object_foreach(facts, name, value) if (rc == 0 && strcmp(name, "partly") != 0) rc =
            feed(e, json_pack("{s:s, s:s, s:s, s:O}", "type", "fact", "step", "run", "name", name, "value", value), err);
        json_decref(facts);
        return rc;
    }
    e->record = cm_record_memory(m, cm_loop_clock(e->s->loop));
    return 0;
}

static int look_begin(struct cm_engine *e, struct cm_err **err)
{
    const char *tmp = getenv("TMPDIR");
    e->resolved = cm_resolve(e->s->plan, e->direction, e->s->plans_dir, e->s->actions, err);
    if (!e->resolved)
        return -1;
    e->artifacts_dir = cm_fmt("%s/connect-migrate-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(e->artifacts_dir)) {
        cm_fail_errno(err, CM_E_FAILED, "cannot make a temporary folder %s", e->artifacts_dir);
        free(e->artifacts_dir);
        e->artifacts_dir = NULL;
        return -1;
    }
    e->artifacts_are_temporary = true;
    return e->mode == CM_MODE_PREVIEW ? record_from_disk(e, err) : fresh_record(e, err);
}

static void look_end(struct cm_engine *e)
{
    DIR *d = e->artifacts_dir ? opendir(e->artifacts_dir) : NULL;
    struct dirent *f;
    while (d && (f = readdir(d)))
        if (f->d_name[0] != '.' || f->d_name[1] != '\0')
            unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
    if (e->artifacts_dir)
        rmdir(e->artifacts_dir);
    free(e->artifacts_dir);
    cm_record_free(e->record);
    cm_resolved_free(e->resolved);
    cm_err_free(e->broken);
    json_decref(e->last_check);
    json_decref(e->reused);
}

static void got_signal(void *ctx, int signo)
{
    struct cm_engine *e = ctx;
    if (signo == SIGHUP)
        return;
    e->signo = signo;
    cm_loop_cancel(e->s->loop);
}

static int interrupted(struct cm_engine *e, struct cm_err **err)
{
    return cm_fail(err, e->signo == SIGTERM ? CM_E_TERMINATED : CM_E_INTERRUPTED, "interrupted; nothing was changed");
}

/* ---- the work of both ---- */

static bool skipped(const struct cm_rstep *r) { return r->skip != NULL; }

static bool behind_gate(const struct cm_engine *e, size_t i) { return e->resolved->gate != SIZE_MAX && i > e->resolved->gate; }

static void done(struct cm_step *st, int64_t took_ms)
{
    struct cm_record *record = st->e->record;
    const char *label;
    json_t *sum;
    json_object_foreach(st->inputs, label, sum) cm_record_add(
        record, json_pack("{s:s, s:s, s:s, s:O}", "type", "input", "step", cm_step_id(st), "label", label, "sha256", sum));
    cm_record_add(record, json_pack("{s:s, s:s, s:s, s:I}", "type", "step.end", "step", cm_step_id(st), "state", "done", "took_ms",
                                    (json_int_t)took_ms));
}

/* One compute (or a trial with leave). Its failure is a finding, and what rests on it is not tried: no stack of follow-ups. */
static int run_one(struct cm_engine *e, const struct cm_rstep *r, bool *failed, struct cm_err **err)
{
    struct cm_step st;
    struct cm_err *why = NULL;
    int64_t began = cm_loop_now_ms(e->s->loop);
    bool check = e->mode == CM_MODE_CHECK;
    cm_step_begin(&st, e, r);
    if (check)
        cm_record_add(e->record, json_pack("{s:s, s:s, s:i}", "type", "step.begin", "step", r->id, "try", 1));
    int rc = r->action->apply ? r->action->apply(&st, &why) : 0;
    if (rc == 0 && check)
        done(&st, cm_loop_now_ms(e->s->loop) - began);
    if (rc < 0 && !cm_loop_cancelled(e->s->loop)) {
        *failed = true;
        cm_autofree char *id = cm_fmt("%s.failed", r->id);
        if (e->mode == CM_MODE_CHECK)
            cm_finding(&st, CM_UNKNOWN, id, cm_err_hint(why) ? cm_err_hint(why) : "Mend what is named, then run the check again.",
                       "%s could not be done ahead: %s", r->id, cm_err_message(why));
    }
    cm_step_fini(&st);
    cm_err_free(why);
    if (cm_loop_cancelled(e->s->loop))
        return interrupted(e, err);
    return cm_record_sync(e->record, err);
}

/* Computes of this kind that are ahead of the gate, one after the other; one that fails ends it. */
static int run_computes(struct cm_engine *e, bool resting_on_checks, bool *failed, struct cm_err **err)
{
    for (size_t i = 0; i < e->resolved->step_count && !*failed; i++) {
        const struct cm_rstep *r = &e->resolved->steps[i];
        if (r->action->kind != CM_COMPUTE || behind_gate(e, i) || skipped(r) || r->action->rests_on_checks != resting_on_checks)
            continue;
        const struct cm_m_step *m = cm_model_step(CM_MODEL(e), r->id);
        if (e->mode == CM_MODE_PREVIEW && m && m->state == CM_S_DONE)
            continue;
        if (run_one(e, r, failed, err) < 0)
            return -1;
    }
    return 0;
}

/* In a worker beside the checks. */
static int chain(struct cm_engine *e, struct cm_err **err)
{
    bool failed = false;
    return run_computes(e, false, &failed, err);
}

/* ---- the checks, and beside them what is computed ---- */

struct beside {
    struct cm_rstep *checks;
    size_t count;
    const struct cm_rstep *first; /* compute; NULL: none */
    int64_t limit_ms;             /* of all computes together */
};

static void collect(struct cm_engine *e, struct beside *b, struct cm_err **err)
{
    for (size_t i = 0; i < e->resolved->step_count; i++) {
        const struct cm_rstep *r = &e->resolved->steps[i];
        enum cm_kind kind = r->action->kind;
        if (behind_gate(e, i) || skipped(r))
            continue;
        if ((kind == CM_CHECK || kind == CM_TRIAL) && !cm_fresh_reuse(e, r, err))
            b->checks[b->count++] = *r;
        if (kind != CM_COMPUTE || r->action->rests_on_checks)
            continue;
        b->first = b->first ? b->first : r;
        b->limit_ms += r->timeout_ms;
    }
}

/* All parts side by side, so that the whole takes no longer than its slowest part; then what rests on them. */
static int run_all(struct cm_engine *e, struct cm_err **err)
{
    struct beside b = {.checks = cm_alloc((e->resolved->step_count + 1) * sizeof *b.checks)};
    bool failed = false;
    collect(e, &b, err);
    int rc = cm_workers_and(e, b.checks, b.count, b.first ? chain : NULL, b.first, b.limit_ms, err);
    free(b.checks);
    if (rc == 0 && cm_loop_cancelled(e->s->loop))
        return interrupted(e, err);
    for (size_t i = 0; i < e->resolved->step_count; i++) {
        const struct cm_rstep *r = &e->resolved->steps[i];
        const struct cm_m_step *m = cm_model_step(CM_MODEL(e), r->id);
        if (r->action->kind == CM_COMPUTE && !r->action->rests_on_checks && !behind_gate(e, i) && !skipped(r))
            failed |= !m || m->state != CM_S_DONE;
    }
    return rc < 0 ? -1 : run_computes(e, true, &failed, err);
}

/* ---- check ---- */

static json_t *said_list(const struct cm_m_said *list, size_t n, const char *text)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I}", "id", list[i].id, "who", list[i].who ? list[i].who : "", text,
                                             list[i].note ? list[i].note : "", "at", (json_int_t)list[i].at_ms));
    return out;
}

static json_t *check_result(struct cm_engine *e)
{
    const struct cm_model *m = CM_MODEL(e);
    json_t *out = cm_fresh_picture(e), *findings = json_object_get(out, "findings");
    int worst = 0;
    static const char *const verdicts[] = {"ok", "warning", "unknown", "blocked"};
    for (size_t i = 0; i < m->finding_count; i++) {
        const struct cm_m_finding *f = &m->findings[i];
        const struct cm_m_said *answer = cm_model_said(m->answers, m->answer_count, f->id);
        const struct cm_m_said *waiver = cm_model_said(m->waivers, m->waiver_count, f->id);
        const char *ahead = cm_plan_gate_note(e->s->plan, f->id);
        int level = f->verdict == CM_BLOCKER   ? 3
                    : f->verdict == CM_UNKNOWN ? (answer || ahead ? 0 : 2)
                                               : f->verdict == CM_WARNING && !waiver;
        worst = level > worst ? level : worst;
        json_t *o = json_array_get(findings, i);
        if (answer || ahead)
            json_object_set_new(o, "answer", json_string(answer ? answer->note : ahead));
        if (waiver)
            json_object_set_new(o, "waiver", json_string(waiver->note));
    }
    cm_autofree char *at = cm_time_text(cm_clock_wall(cm_loop_clock(e->s->loop)));
    cm_autojson head =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "format", 1, "at", at, "program", e->s->program_version, "plan",
                  cm_plan_file(e->s->plan), "plan_digest", m->plan_digest, "verdict", verdicts[worst], "answers",
                  said_list(m->answers, m->answer_count, "note"), "waivers", said_list(m->waivers, m->waiver_count, "reason"));
    if (json_is_array(json_object_get(e->last_check, "steps")))
        json_object_set_new(
            head, "since",
            json_pack("{s:s, s:o}", "at", cm_json_text(e->last_check, "at", ""), "changes", cm_fresh_changes(e->last_check, out)));
    json_object_update(head, out);
    json_decref(out);
    return json_incref(head);
}

/* Only a warning of this check can be waived: a slip of the pen must not look like a decision. It is said, and not kept. */
static void drop_waivers(struct cm_engine *e, json_t *waivers)
{
    const struct cm_model *m = CM_MODEL(e);
    const char *warnings[64] = {0};
    size_t n = 0;
    for (size_t i = 0; i < m->finding_count && n < 63; i++)
        if (m->findings[i].verdict == CM_WARNING)
            warnings[n++] = m->findings[i].id;
    for (size_t k = 0; k < e->s->waive_count; k++) {
        const char *id = e->s->waives[k].id, *near = cm_nearest(id, warnings);
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= strcmp(warnings[i], id) == 0;
        if (found)
            continue;
        cm_log(CM_NORMAL, "--waive %s: not kept, since this check has no such warning%s%s", id, near ? "; did you mean " : "",
               near ? near : "");
        for (size_t i = json_array_size(waivers); i-- > 0;)
            if (strcmp(cm_json_text(json_array_get(waivers, i), "id", ""), id) == 0)
                json_array_remove(waivers, i);
    }
}

int cm_engine_check(const struct cm_engine_setup *s, json_t **result, struct cm_err **err)
{
    struct cm_engine e = {.s = s, .mode = CM_MODE_CHECK, .direction = CM_FORWARD};
    *result = NULL;
    int rc = look_begin(&e, err);
    cm_loop_signals(s->loop, got_signal, &e);
    if (rc == 0)
        rc = cm_take_over_check(&e, err);
    if (rc == 0)
        rc = cm_learn_from_earlier(&e, err);
    if (rc == 0)
        rc = run_all(&e, err);
    if (rc == 0) {
        *result = check_result(&e);
        drop_waivers(&e, json_object_get(*result, "waivers"));
        cm_autofree char *text = json_dumps(*result, JSON_INDENT(2));
        cm_autofree char *path = cm_run_path(s, "check.json");
        if (cm_dir_make(s->run_dir, 0700, err) < 0 || cm_file_write(path, text, strlen(text), 0600, err) < 0)
            rc = -1;
    }
    cm_loop_signals(s->loop, NULL, NULL);
    const char *verdict = cm_json_text(*result, "verdict", "");
    look_end(&e);
    if (rc < 0)
        return (int)cm_err_code(err ? *err : NULL);
    return strcmp(verdict, "blocked") == 0 || strcmp(verdict, "unknown") == 0 ? CM_E_BLOCKED : CM_E_OK;
}

/* ---- preview ---- */

/* How long it took the newest time it was done, in any direction; 0: never. */
static int64_t took_last(const struct cm_model *m, const char *step)
{
    int64_t took = 0;
    for (size_t k = 0; k < m->attempt_count; k++)
        for (size_t i = 0; i < m->attempts[k].step_count; i++)
            if (m->attempts[k].steps[i].done_ms > 0 && strcmp(m->attempts[k].steps[i].id, step) == 0)
                took = m->attempts[k].steps[i].took_ms;
    return took;
}

static void tell_detail(struct cm_engine *e, const struct cm_rstep *r)
{
    const struct cm_view *v = e->s->view;
    int64_t took = took_last(CM_MODEL(e), r->id);
    if (!v->detail)
        return;
    cm_autojson detail =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s?, s:o}", "action", r->action->name, "kind", cm_kind_word(r->action->kind), "by",
                  cm_by_word(r->by), "limit_ms", (json_int_t)r->timeout_ms, "reversal", cm_reversal_word(cm_reversal_of(r->action)),
                  "cost", r->action->cost, "took_ms", took > 0 ? json_integer(took) : json_null());
    v->detail(v->ctx, r->id, detail);
}

static void preview_step(struct cm_engine *e, const struct cm_rstep *r)
{
    const struct cm_view *v = e->s->view;
    const struct cm_m_step *m = cm_model_step(CM_MODEL(e), r->id);
    if (m && (m->state == CM_S_DONE || m->state == CM_S_SKIPPED) && r->action->kind != CM_CHECK && r->action->kind != CM_COMPUTE) {
        v->step(v->ctx, r->id, r->action->summary, CM_STANDS, NULL, 0);
        tell_detail(e, r);
        return;
    }
    v->step(v->ctx, r->id, r->action->summary, r->skip ? CM_ENDS_SKIPPED : CM_BEGINS, r->skip, 0);
    tell_detail(e, r);
    if (r->skip)
        return;
    struct cm_step st;
    struct cm_err *why = NULL;
    cm_step_begin(&st, e, r);
    if (r->by != CM_BY_TOOL)
        cm_will(&st, "note", "done %s", r->by == CM_BY_HAND ? "by hand; the run waits until it is seen" : "by the plan's command:");
    cm_autostr shown = CM_STR(CM_STR_PAGE);
    if (r->by == CM_BY_COMMAND) {
        cm_autofree char *argv = json_dumps(r->command, JSON_COMPACT);
        cm_will(&st, "command", "%s", argv);
    } else if (r->by == CM_BY_HAND && r->action->hand) {
        if (r->action->hand(&st, &shown, &why) < 0)
            cm_will(&st, "note", "cannot be shown yet: %s", cm_err_message(why));
        else
            cm_will(&st, "gate", "%s", cm_str_text(&shown));
    } else if (r->action->preview && r->action->preview(&st, &why) < 0) {
        cm_will(&st, "note", "cannot be shown yet: %s", cm_err_message(why));
    } else if (!r->action->preview) {
        cm_will(&st, "note", "%s", r->action->does ? r->action->does : r->action->summary);
    }
    cm_err_free(why);
    cm_step_fini(&st);
}

/* The checks are not run for a preview: what the last one learnt (how many files there are) is shown as it was. */
static int last_facts(struct cm_engine *e, struct cm_err **err)
{
    cm_autofree char *path = cm_run_path(e->s, "check.json"), *text = NULL;
    size_t n = 0;
    cm_autoerr unread = NULL;
    if (!cm_file_exists(path) || cm_file_read(path, 64u << 20, &text, &n, &unread) < 0)
        return 0;
    e->last_check = cm_json_parse(text, n, path, &unread);
    return e->last_check ? cm_fresh_facts(e, err) : 0;
}

int cm_engine_preview(const struct cm_engine_setup *s, enum cm_direction direction, struct cm_err **err)
{
    struct cm_engine e = {.s = s, .mode = CM_MODE_PREVIEW, .direction = direction};
    cm_loop_signals(s->loop, got_signal, &e);
    int rc = look_begin(&e, err);
    if (rc == 0)
        rc = cm_learn_from_earlier(&e, err);
    if (rc == 0 && direction == CM_FORWARD)
        rc = last_facts(&e, err);
    bool failed = false;
    if (rc == 0 && direction == CM_FORWARD)
        rc = run_computes(&e, false, &failed, err);
    if (rc == 0 && direction == CM_FORWARD)
        rc = run_computes(&e, true, &failed, err);
    for (size_t i = 0, stage = SIZE_MAX; rc == 0 && i < e.resolved->step_count; i++) {
        const struct cm_rstep *r = &e.resolved->steps[i];
        if (r->stage != stage && s->view->stage)
            s->view->stage(s->view->ctx, r->stage, e.resolved->stages[r->stage].id, e.resolved->stages[r->stage].title);
        stage = r->stage;
        if (cm_loop_cancelled(s->loop))
            rc = interrupted(&e, err);
        else
            preview_step(&e, r);
    }
    cm_loop_signals(s->loop, NULL, NULL);
    look_end(&e);
    return rc < 0 ? (int)cm_err_code(err ? *err : NULL) : CM_E_OK;
}
