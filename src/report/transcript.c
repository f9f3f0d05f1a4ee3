/* report/transcript.c: everything in the order of time: the record told line by line (what was done when, and by whom), between it what
 * each step asked and did (report/logs.c). Builds of single items stand in the content table instead, and what only the machine needs
 * (facts, notes, digests of inputs) is left out. On the way the digests of the plan are picked up: which one was approved, which one ran. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "journal/journal.h"
#include "report/parts.h"

struct telling {
    const struct cm_model *m;
    json_t *lines, *digests;
};

const char *cm_word_signal(const char *signal)
{
    static const struct {
        const char *number, *name;
    } known[] = {
        {"1", "SIGHUP"},
        {"2", "SIGINT"},
        {"9", "SIGKILL"},
        {"15", "SIGTERM"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].number, signal) == 0)
            return known[i].name;
    return signal;
}

static const char *text(const json_t *e, const char *member) { return cm_json_text(e, member, ""); }

/* ": text", or nothing where there is none */
static void tail(struct cm_str *s, const json_t *e, const char *member)
{
    if (*text(e, member) != '\0')
        cm_str_addf(s, ": %s", text(e, member));
}

static void tell_run(struct cm_str *s, const char *type, const json_t *e)
{
    if (strcmp(type, "run.begin") == 0)
        cm_str_addf(s, "run %s begun by connect-migrate %s with plan %s", text(e, "run"), text(e, "program"), text(e, "plan_file"));
    else if (strcmp(type, "run.resume") == 0)
        cm_str_addf(s, "taken up again by %s (connect-migrate %s)", text(e, "who"), text(e, "program"));
    else if (strcmp(type, "run.end") == 0)
        cm_str_addf(s, "stopped with exit status %" PRId64, cm_json_int(e, "status", 0));
    else if (strcmp(type, "attempt.begin") == 0)
        cm_str_addf(s, "attempt %" PRId64 " begun: %s, runbook %s", cm_json_int(e, "attempt", 0), text(e, "direction"),
                    text(e, "runbook.id"));
    else if (strcmp(type, "attempt.end") == 0)
        cm_str_addf(s, "attempt ended: %s", text(e, "result"));
    else if (strcmp(type, "plan.accepted") == 0)
        cm_str_addf(s, "changes of the plan accepted: %s", text(e, "diff"));
    if (strcmp(type, "run.end") == 0)
        tail(s, e, "message");
}

static void tell_step(struct cm_str *s, const char *type, const json_t *e)
{
    cm_autofree char *took = cm_duration_text(cm_json_int(e, "took_ms", 0));
    if (strcmp(type, "step.begin") == 0) {
        cm_str_addf(s, "%s begun", text(e, "step"));
        if (cm_json_int(e, "try", 1) > 1)
            cm_str_addf(s, ", try %" PRId64, cm_json_int(e, "try", 1));
    } else if (strcmp(type, "step.end") == 0 && strcmp(text(e, "state"), "pending") == 0) {
        cm_str_addf(s, "%s is open again", text(e, "step"));
        tail(s, e, "message");
    } else if (strcmp(type, "step.end") == 0) {
        cm_str_addf(s, "%s %s after %s", text(e, "step"), text(e, "state"), took);
        tail(s, e, "message");
    } else if (strcmp(type, "step.skip") == 0) {
        cm_str_addf(s, "%s skipped by the %s", text(e, "step"), cm_json_text(e, "by", "user"));
        tail(s, e, "reason");
    }
}

static void tell_effect(struct cm_str *s, const struct cm_model *m, const char *type, const json_t *e)
{
    bool begins = strcmp(type, "intent") == 0;
    int64_t id = cm_json_int(e, begins ? "id" : "intent", 0);
    const struct cm_m_intent *i = id > 0 ? cm_model_intent(m, (uint64_t)id) : NULL;
    if (i == NULL || strcmp(i->effect, "content.build") == 0)
        return;
    cm_str_addf(s, "%s %s: %s", i->effect, i->key, begins ? "begins" : text(e, "life"));
}

static void tell_said(struct cm_str *s, const char *type, const json_t *e)
{
    if (strcmp(type, "gate.wait") == 0)
        cm_str_addf(s, "waits for %s: %s", text(e, "gate"), text(e, "title"));
    else if (strcmp(type, "gate.open") == 0)
        cm_str_addf(s, "%s answered by %s (%s)", text(e, "gate"), text(e, "who"), text(e, "how"));
    else if (strcmp(type, "answer") == 0 || strcmp(type, "waiver") == 0)
        cm_str_addf(s, "%s %s by %s", text(e, "id"), *type == 'a' ? "answered" : "waived", text(e, "who"));
    tail(s, e, strcmp(type, "waiver") == 0 ? "reason" : "note");
}

static void tell_rest(struct cm_str *s, const char *type, const json_t *e)
{
    cm_autofree char *signal = cm_word_value(json_object_get(e, "signal"));
    if (strcmp(type, "finding") == 0 && strcmp(text(e, "verdict"), "ok") != 0)
        cm_str_addf(s, "%s %s: %s", text(e, "verdict"), text(e, "id"), text(e, "seen"));
    else if (strcmp(type, "artifact") == 0)
        cm_str_addf(s, "written: artifacts/%s", text(e, "name"));
    else if (strcmp(type, "fact") == 0 && strcmp(text(e, "name"), "partly") == 0)
        cm_str_addf(s, "not all of it: %s", text(e, "value.message"));
    else if (strcmp(type, "lock.lost") == 0 || strcmp(type, "lock.regained") == 0)
        cm_str_addf(s, "lock %s: %s", type + strlen("lock."), text(e, "lock"));
    else if (strcmp(type, "interruption") == 0 && json_object_get(e, "signal") != NULL)
        cm_str_addf(s, "interrupted by %s", cm_word_signal(signal));
    else if (strcmp(type, "interruption") == 0)
        cm_str_addf(s, "interruption of %s: %s", text(e, "what"), text(e, "why"));
}

/* The plan of the beginning, the one in force when somebody said go, and the one accepted last. */
static void follow_plan(struct telling *t, const char *type, const json_t *e)
{
    const char *digest = cm_json_text(e, "plan_digest", NULL);
    if (digest != NULL && (strcmp(type, "run.begin") == 0 || strcmp(type, "plan.accepted") == 0)) {
        if (strcmp(type, "run.begin") == 0)
            json_object_set_new(t->digests, "begun", json_string(digest));
        json_object_set_new(t->digests, "ran", json_string(digest));
    }
    if (strcmp(type, "gate.open") == 0 && strcmp(text(e, "gate"), "gate.downtime") == 0) {
        json_object_set(t->digests, "approved", json_object_get(t->digests, "ran"));
        json_object_set_new(t->digests, "shown", cm_word_text(cm_json_text(e, "digest", NULL)));
    }
}

static void each(void *ctx, const json_t *event, uint64_t seq, int64_t at_ms)
{
    struct telling *t = ctx;
    const char *type = text(event, "type");
    cm_autostr s = CM_STR(CM_STR_PAGE);
    if (strncmp(type, "run.", 4) == 0 || strncmp(type, "attempt.", 8) == 0 || strcmp(type, "plan.accepted") == 0)
        tell_run(&s, type, event);
    else if (strncmp(type, "step.", 5) == 0)
        tell_step(&s, type, event);
    else if (strcmp(type, "intent") == 0 || strcmp(type, "close") == 0)
        tell_effect(&s, t->m, type, event);
    else if (strncmp(type, "gate.", 5) == 0 || strcmp(type, "answer") == 0 || strcmp(type, "waiver") == 0)
        tell_said(&s, type, event);
    else
        tell_rest(&s, type, event);
    follow_plan(t, type, event);
    if (s.len > 0)
        json_array_append_new(t->lines, json_pack("{s:o, s:o, s:s, s:s, s:n, s:n, s:n, s:I}", "at", cm_word_time(at_ms), "step",
                                                  cm_word_text(cm_json_text(event, "step", NULL)), "kind", "record", "text",
                                                  cm_str_text(&s), "result", "seconds", "output", "line", (json_int_t)seq));
}

/* ---- in the order of time ---- */

struct dated {
    const char *at;
    size_t order;
    json_t *line;
};

static int by_time(const void *a, const void *b)
{
    const struct dated *l = a, *r = b;
    int c = strcmp(l->at, r->at);
    return c != 0 ? c : l->order < r->order ? -1 : 1;
}

static json_t *in_order(json_t *taken_lines)
{
    size_t n = json_array_size(taken_lines), i;
    struct dated *list = cm_alloc((n + 1) * sizeof *list);
    json_t *line, *out = json_array();
    json_array_foreach(taken_lines, i, line) list[i] = (struct dated){cm_json_text(line, "at", ""), i, line};
    qsort(list, n, sizeof *list, by_time);
    for (i = 0; i < n; i++)
        json_array_append(out, list[i].line);
    free(list);
    json_decref(taken_lines);
    return out;
}

json_t *cm_part_transcript(const struct cm_source_of_report *s, json_t **digests, struct cm_err **err)
{
    struct telling t = {s->m, json_array(), json_pack("{s:n, s:n, s:n, s:n}", "begun", "approved", "ran", "shown")};
    struct cm_err *why = NULL;
    bool absent;
    *digests = t.digests;
    if (s->run_dir == NULL)
        return t.lines;
    cm_autofree char *path = cm_path_join(s->run_dir, "state.jsonl");
    cm_model_free(cm_journal_read_each(path, &absent, each, &t, &why));
    if (why == NULL) {
        cm_part_commands(s, t.lines);
        return in_order(t.lines);
    }
    json_decref(t.lines);
    json_decref(t.digests);
    *digests = NULL;
    cm_err_move(err, why);
    return NULL;
}
