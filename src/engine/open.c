/* Beginning a run or going on with one: the run directory, the plan against the one on record, which direction is open. */
#include <config.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pid.h"
#include "base/text.h"
#include "engine/internal.h"

static json_t *target_of(const struct cm_plan *p)
{
    json_t *t = json_object();
    static const char *const paths[] = {"source.hosts", "target.context", "target.namespace", "target.release", NULL};
    for (size_t i = 0; paths[i]; i++) {
        const json_t *v = cm_plan_get(p, paths[i]);
        if (v)
            json_object_set_new(t, paths[i], json_deep_copy(v));
    }
    return t;
}

static char *new_run_id(void)
{
    unsigned char sum[32];
    char hex[65];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    cm_autofree char *seed = cm_fmt("%s %ld %ld.%09ld", cm_boot_id(), (long)getpid(), (long)now.tv_sec, now.tv_nsec);
    cm_sha256(seed, strlen(seed), sum);
    cm_hex(sum, 6, hex);
    return cm_strdup(hex);
}

static void begin_attempt(struct cm_engine *e, int number)
{
    cm_record_add(e->record, json_pack("{s:s, s:i, s:s, s:O}", "type", "attempt.begin", "attempt", number, "direction",
                                       cm_direction_word(e->direction), "runbook", e->resolved->normal));
}

static int begin_new(struct cm_engine *e, const char *path, struct cm_err **err)
{
    if (e->direction != CM_FORWARD) {
        cm_fail(err, CM_E_USAGE, "nothing was begun yet in %s", e->s->run_dir);
        cm_hint(err, "Begin with `connect-migrate-run %s`.", cm_plan_file(e->s->plan));
        return -1;
    }
    struct cm_journal *j = cm_journal_create(path, cm_loop_clock(e->s->loop), err);
    if (!j)
        return -1;
    e->record = cm_record_journal(j);
    cm_autofree char *id = new_run_id();
    cm_autofree char *digest = cm_plan_digest(cm_plan_normal(e->s->plan));
    json_t *ev =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:O, s:s, s:O}", "type", "run.begin", "format", CM_JOURNAL_FORMAT, "program",
                  e->s->program_version, "run", id, "boot", cm_boot_id(), "plan_file", cm_plan_file(e->s->plan), "plan",
                  cm_json_loose(cm_plan_normal(e->s->plan)), "plan_digest", digest, "runbook", e->resolved->normal);
    cm_record_add(e->record, ev);
    begin_attempt(e, 1);
    cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:o}", "type", "fact", "step", "run", "name", "target", "value",
                                       target_of(e->s->plan)));
    if (e->s->event)
        cm_journal_watch(j, e->s->event, e->s->event_ctx);
    return cm_engine_sync(e, err);
}

/* ---- the record and the plan ---- */

static int same_place(struct cm_engine *e, struct cm_err **err)
{
    cm_autojson now = target_of(e->s->plan);
    const json_t *then = json_object_get(CM_MODEL(e)->facts, "target");
    const char *key;
    json_t *value;
    json_object_foreach(cm_json_loose(now), key, value)
    {
        const json_t *old = json_object_get(then, key);
        if (!old || json_equal(old, value))
            continue;
        cm_autofree char *was = json_dumps(old, JSON_ENCODE_ANY), *is = json_dumps(value, JSON_ENCODE_ANY);
        cm_fail(err, CM_E_CHANGED, "%s was %s when this run began, and is %s in the plan now", key, was, is);
        cm_hint(err,
                "Nodes, cluster and release are fixed at first sight. Put the plan back, or begin another run with --run-dir DIR.");
        return -1;
    }
    return 0;
}

static int accept_changes(struct cm_engine *e, struct cm_err **err)
{
    const struct cm_model *m = CM_MODEL(e);
    const json_t *book = m->now && m->now->direction == e->direction && !m->now->ended ? m->now->runbook : NULL;
    cm_autofree char *diff = cm_plan_diff(m->plan, cm_plan_normal(e->s->plan));
    bool same_book = !book || json_equal(book, e->resolved->normal);
    cm_autofree char *book_diff = same_book ? cm_strdup("") : cm_plan_diff(book, e->resolved->normal);
    if (!*diff && same_book)
        return 0;
    cm_autofree char *all = cm_fmt("%s%s", diff, book_diff);
    if (!e->s->accept_plan_changes) {
        cm_fail(err, CM_E_CHANGED, "the plan is not the one on record; nothing is running now");
        cm_evidence(err, all);
        cm_hint(err, "If this is meant, run the same command with --accept-plan-changes; else put the plan back.");
        return -1;
    }
    cm_log(CM_NORMAL, "plan changes accepted:\n%s", all);
    cm_autofree char *digest = cm_plan_digest(cm_plan_normal(e->s->plan));
    cm_record_add(e->record, json_pack("{s:s, s:O, s:s, s:s}", "type", "plan.accepted", "plan",
                                       cm_json_loose(cm_plan_normal(e->s->plan)), "plan_digest", digest, "diff", all));
    if (!same_book) {
        cm_record_add(e->record, json_pack("{s:s, s:O, s:O, s:s, s:s}", "type", "plan.accepted", "plan",
                                           cm_json_loose(cm_plan_normal(e->s->plan)), "runbook", e->resolved->normal, "plan_digest",
                                           digest, "diff", book_diff));
    }
    return cm_engine_sync(e, err);
}

/* ---- directions ---- */

static int other_direction(const struct cm_engine *e, const char *what, const char *command, struct cm_err **err)
{
    cm_fail(err, CM_E_CHANGED, "%s", what);
    cm_hint(err, "Go on with `connect-migrate-run %s%s`.", command, cm_plan_file(e->s->plan));
    return -1;
}

/* Both ends: nothing goes on in this run directory. */
static int ended(struct cm_err **err, const char *what)
{
    cm_fail(err, CM_E_CHANGED, "%s", what);
    cm_hint(err, "Its report stays where it is; another migration needs a plan, or a --run-dir DIR, of its own.");
    return -1;
}

/* What only asks has done nothing, and whoever typed it may think again. */
static int withdraw(struct cm_engine *e, struct cm_err **err)
{
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    cm_log(CM_NORMAL, "the %s that waited for its go is given up: nothing of it was done",
           a->direction == CM_FINISH ? "finish" : "rollback");
    cm_record_add(e->record, json_pack("{s:s, s:i, s:s}", "type", "attempt.end", "attempt", a->number, "result", CM_WITHDRAWN));
    return cm_engine_sync(e, err);
}

/* An open way back or finish: it is gone on with, or --again gives it up while it has not begun. */
static int stands_in_the_way(const struct cm_engine *e, const char *what, const char *command, struct cm_err **err)
{
    const char *plan = cm_plan_file(e->s->plan);
    if (!cm_model_only_asked(CM_MODEL(e)))
        return other_direction(e, what, command, err);
    cm_fail(err, CM_E_CHANGED, "%s", what);
    cm_hint(err,
            "Go on with `connect-migrate-run %s%s`. Nothing of it is done yet: to give it up, type `connect-migrate-run %s --again`.",
            command, plan, plan);
    return -1;
}

static int go_forward(struct cm_engine *e, bool *nothing, struct cm_err **err)
{
    bool again = e->s->again;
    if (again && cm_model_only_asked(CM_MODEL(e))) {
        if (withdraw(e, err) < 0)
            return -1;
        again = false;
    }
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    if (a->direction == CM_FINISH)
        return a->ended ? ended(err, "this migration was declared final") : stands_in_the_way(e, "a finish is open", "finish ", err);
    if (a->direction == CM_FORWARD) {
        *nothing = a->ended && !e->s->redo_count;
        return 0;
    }
    if (!a->ended)
        return stands_in_the_way(e, "a rollback is open; going forward is refused until it has ended", "rollback ", err);
    if (!again) {
        cm_fail(err, CM_E_CHANGED, "this migration was rolled back");
        cm_hint(err, "To try it again from the beginning, type `connect-migrate-run %s --again`.", cm_plan_file(e->s->plan));
        return -1;
    }
    begin_attempt(e, a->number + 1);
    return cm_engine_sync(e, err);
}

static int go_back(struct cm_engine *e, bool *nothing, struct cm_err **err)
{
    if (CM_MODEL(e)->now->direction == CM_FINISH && cm_model_only_asked(CM_MODEL(e)) && withdraw(e, err) < 0)
        return -1;
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    if (a->direction == CM_FINISH)
        return a->ended ? ended(err, "this migration was declared final; there is no way back any more")
                        : other_direction(e, "a finish is open; there is no way back any more", "finish ", err);
    if (a->direction == CM_BACKWARD) {
        *nothing = a->ended;
        return 0;
    }
    begin_attempt(e, a->number + 1);
    return cm_engine_sync(e, err);
}

static int go_finish(struct cm_engine *e, bool *nothing, struct cm_err **err)
{
    if (CM_MODEL(e)->now->direction == CM_BACKWARD && cm_model_only_asked(CM_MODEL(e)) && withdraw(e, err) < 0)
        return -1;
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    if (a->direction == CM_BACKWARD)
        return a->ended ? ended(err, "this migration was rolled back; there is nothing to finish")
                        : other_direction(e, "a rollback is open", "rollback ", err);
    if (a->direction == CM_FINISH) {
        *nothing = a->ended;
        return 0;
    }
    if (!a->ended && !cm_model_only_report_open(CM_MODEL(e)))
        return other_direction(e, "the migration is not done yet", "", err);
    begin_attempt(e, a->number + 1);
    return cm_engine_sync(e, err);
}

static int redo(struct cm_engine *e, struct cm_err **err)
{
    for (size_t n = 0; n < e->s->redo_count; n++) {
        const struct cm_m_step *st = cm_model_step(CM_MODEL(e), e->s->redo[n]);
        if (!st)
            return cm_fail(err, CM_E_USAGE, "--redo %s: this walk knows no such step", e->s->redo[n]);
        cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:s, s:i}", "type", "step.end", "step", st->id, "state", "pending",
                                           "message", "to be done again (--redo)", "took_ms", 0));
        /* What can be taken back stays on record as it is; what cannot is done anew, by new intents. */
        for (size_t i = 0; i < CM_MODEL(e)->intent_count; i++) {
            const struct cm_m_intent *in = &CM_MODEL(e)->intents[i];
            if (in->attempt == CM_MODEL(e)->now->number && strcmp(in->step, st->id) == 0 && !in->original &&
                in->life == CM_HAPPENED)
                cm_record_add(e->record,
                              json_pack("{s:s, s:I, s:s}", "type", "close", "intent", (json_int_t)in->id, "life", "given-up"));
        }
    }
    return cm_engine_sync(e, err);
}

static int go_on(struct cm_engine *e, const char *path, bool *nothing, struct cm_err **err)
{
    size_t cut = 0;
    struct cm_journal *j = cm_journal_open(path, cm_loop_clock(e->s->loop), &cut, err);
    if (!j)
        return -1;
    if (cut)
        cm_log(CM_NORMAL, "the state file ended in the middle of a line (%zu bytes): that line was never in force and is cut off",
               cut);
    /* Killed within the very first line: nothing was ever in force, so this is a beginning. */
    if (cm_journal_model(j)->seq == 0) {
        cm_journal_close(j);
        if (unlink(path) < 0)
            return cm_fail_errno(err, CM_E_FAILED, "%s", path);
        return begin_new(e, path, err);
    }
    e->record = cm_record_journal(j);
    if (!CM_MODEL(e)->now) {
        cm_fail(err, CM_E_CHANGED, "%s: holds no attempt", path);
        cm_hint(err, "Keep this run directory as it is, and begin another run with --run-dir DIR.");
        return -1;
    }
    if (same_place(e, err) < 0)
        return -1;
    if (e->s->event)
        cm_journal_watch(j, e->s->event, e->s->event_ctx);
    if (e->direction != CM_BACKWARD && accept_changes(e, err) < 0)
        return -1;
    int rc = e->direction == CM_FORWARD    ? go_forward(e, nothing, err)
             : e->direction == CM_BACKWARD ? go_back(e, nothing, err)
                                           : go_finish(e, nothing, err);
    if (rc < 0 || *nothing)
        return rc;
    cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:i, s:s}", "type", "run.resume", "program", e->s->program_version, "boot",
                                       cm_boot_id(), "pid", (int)getpid(), "who", cm_who()));
    return redo(e, err);
}

int cm_open_run(struct cm_engine *e, bool *nothing_to_do, struct cm_err **err)
{
    cm_autofree char *path = cm_run_path(e->s, "state.jsonl");
    *nothing_to_do = false;
    return cm_file_exists(path) ? go_on(e, path, nothing_to_do, err) : begin_new(e, path, err);
}

/* ---- what `check` and `approve` left in check.json ---- */

static void take_over(struct cm_engine *e, const json_t *list, const char *type, const char *text)
{
    const struct cm_model *m = CM_MODEL(e);
    bool waiver = strcmp(type, "waiver") == 0;
    size_t i;
    json_t *said;
    json_array_foreach(list, i, said)
    {
        const char *id = cm_json_text(said, "id", "");
        if (cm_model_said(waiver ? m->waivers : m->answers, waiver ? m->waiver_count : m->answer_count, id))
            continue;
        cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:s}", "type", type, "id", id, "who", cm_json_text(said, "who", ""),
                                           text, cm_json_text(said, text, "")));
    }
}

int cm_take_over_check(struct cm_engine *e, struct cm_err **err)
{
    cm_autofree char *path = cm_run_path(e->s, "check.json");
    cm_autofree char *text = NULL;
    size_t n = 0;
    if (cm_file_exists(path)) {
        if (cm_file_read(path, 64u << 20, &text, &n, err) < 0)
            return -1;
        json_t *check = e->last_check = cm_json_parse(text, n, path, err);
        if (!check) {
            cm_hint(err, "Remove it and run `connect-migrate-run check %s` again.", cm_plan_file(e->s->plan));
            return -1;
        }
        take_over(e, json_object_get(check, "answers"), "answer", "note");
        take_over(e, json_object_get(check, "waivers"), "waiver", "reason");
    }
    for (size_t i = 0; i < e->s->waive_count; i++)
        cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:s}", "type", "waiver", "id", e->s->waives[i].id, "who", cm_who(),
                                           "reason", e->s->waives[i].reason));
    return cm_engine_sync(e, err);
}
