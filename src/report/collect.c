/* report/collect.c: the report as one JSON document, from which every format is written. Its shape is documented in report.h. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "journal/situation.h"
#include "report/items.h"
#include "report/parts.h"
#include "report/report.h"

/* ---- the verdict ---- */

static const char *state_of(const struct cm_source_of_report *s)
{
    if (!s->as_finished)
        return cm_run_state(s->m, false);
    return s->m->now->direction == CM_BACKWARD ? "rolled-back" : s->m->now->direction == CM_FINISH ? "final" : "done";
}

/* The exit status that goes with the verdict; null: the run was killed or still goes on. */
static json_t *status_of(const struct cm_source_of_report *s)
{
    const struct cm_model *m = s->m;
    if (!s->as_finished && (m->now == NULL || !m->now->ended))
        return m->last_status < 0 ? json_null() : json_integer(m->last_status);
    return json_integer(cm_model_open_changes(m, true) > 0 ? CM_E_UNSETTLED : m->partly > 0 ? CM_E_PARTLY : CM_E_OK);
}

static char *finished_text(const struct cm_model *m, const char *state, size_t left_out)
{
    size_t open = cm_model_open_changes(m, true);
    if (open > 0)
        return cm_fmt("Finished, but %zu temporary %s not been taken back.", open, open == 1 ? "change has" : "changes have");
    if (strcmp(state, "rolled-back") == 0)
        return cm_strdup("Taken back: Connect runs on its old server again, and that was verified.");
    if (strcmp(state, "final") == 0)
        return cm_strdup("Declared final: there is no way back from here.");
    if (m->partly > 0)
        return cm_fmt("Done, but not all content is as before: %s.", m->partly_last);
    if (left_out > 0)
        return cm_fmt("Done and verified, but %zu %s of the old server %s not in the new server's values: see Open points.",
                      left_out, left_out == 1 ? "setting" : "settings", left_out == 1 ? "is" : "are");
    return cm_strdup("Done and verified.");
}

/* One line; what stopped the run comes with it. */
static char *verdict_text(const struct cm_source_of_report *s, const char *state)
{
    const struct cm_model *m = s->m;
    const struct cm_m_step *step = cm_part_failing(m);
    const struct cm_m_gate *gate = cm_model_waiting_gate(m);
    cm_autojson left_out = cm_part_left_out(s);
    if (strcmp(state, "done") == 0 || strcmp(state, "rolled-back") == 0 || strcmp(state, "final") == 0)
        return finished_text(m, state, json_array_size(left_out));
    if (strcmp(state, "failed") == 0 && step != NULL)
        return cm_fmt("Stopped: step %s failed: %s.", step->id, step->message != NULL ? step->message : "no cause on record");
    if (strcmp(state, "waiting") == 0 && gate != NULL)
        return cm_fmt("Not done: it waits for %s (%s).", gate->id, gate->title != NULL ? gate->title : "");
    if (strcmp(state, "interrupted") == 0)
        return m->running && m->last_status < 0 ? cm_strdup("Not done: no end of the run is on record; it runs, or was killed.")
                                                : cm_strdup("Not done: it was interrupted and can go on.");
    return cm_fmt("Not done: %s%s%s.", state, m->last_message != NULL ? ": " : "", m->last_message != NULL ? m->last_message : "");
}

/* ---- clocks and window ---- */

static bool window_edge(const struct cm_model *m, const char *path, const char *zone, int64_t *ms)
{
    const char *text = cm_json_text(m->plan, path, NULL);
    return text != NULL && (cm_time_parse(text, ms) || cm_time_in_zone(text, zone, ms, NULL) == 0);
}

/* null: there is no window, or it was not begun. */
static json_t *within(bool has_window, int64_t start, int64_t end, int64_t from, int64_t to, int64_t now)
{
    if (!has_window || from == 0)
        return json_null();
    return json_boolean(from >= start && (to != 0 ? to : now) <= end);
}

static json_t *one_clock(int64_t total, int64_t from, int64_t to, bool open, json_t *inside)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:o}", "seconds", cm_word_seconds(total), "from", cm_word_time(from), "to",
                     cm_word_time(to), "open", (int)open, "within_window", inside);
}

static json_t *interruptions(const struct cm_model *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->interruption_count; i++) {
        const struct cm_m_interruption *n = &m->interruptions[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "what", n->what, "why", n->why, "signal",
                                              cm_word_text(n->signal == NULL ? NULL : cm_word_signal(n->signal)), "from",
                                              cm_word_time(n->from_ms), "to", cm_word_time(n->to_ms), "seconds",
                                              cm_word_seconds(n->to_ms - n->from_ms)));
    }
    return list;
}

static void add_clocks(json_t *report, const struct cm_source_of_report *s, const struct cm_situation *now)
{
    int64_t start = 0, end = 0;
    bool has = window_edge(s->m, "window.start", s->zone, &start);
    has = window_edge(s->m, "window.end", s->zone, &end) && has;
    json_object_set_new(
        report, "window",
        has ? json_pack("{s:o, s:o, s:o}", "start", cm_word_time(start), "end", cm_word_time(end), "zone", cm_word_text(s->zone))
            : json_null());
    json_t *service = one_clock(now->service_down_ms, now->service_from_ms, now->service_to_ms, now->service_is_down,
                                within(has, start, end, now->service_from_ms, now->service_to_ms, s->now_ms));
    json_t *users = one_clock(now->users_out_ms, now->users_from_ms, now->users_to_ms, now->users_are_out,
                              within(has, start, end, now->users_from_ms, now->users_to_ms, s->now_ms));
    json_object_set_new(report, "downtime",
                        json_pack("{s:o, s:o, s:o}", "service", service, "users", users, "interruptions", interruptions(s->m)));
}

/* ---- versions ---- */

static void version(json_t *list, const char *what, const json_t *value)
{
    cm_autofree char *text = cm_word_value(value);
    if (value != NULL && *text != '\0')
        json_array_append_new(list, json_pack("{s:s, s:s}", "what", what, "value", text));
}

/* Taken back or declared final later, it happened all the same. */
static bool happened(const struct cm_m_intent *n) { return n->life == CM_HAPPENED || n->life == CM_BACK || n->life == CM_FINAL; }

/* What was newest of the release: the revert's revision, else the deployment's. */
static const json_t *newest_revision(const struct cm_model *m)
{
    const json_t *newest = NULL;
    for (size_t i = 0; i < m->intent_count; i++)
        if (strcmp(m->intents[i].effect, "helm.upgrade") == 0 && happened(&m->intents[i])) {
            const json_t *revision = json_object_get(m->intents[i].result, "revision");
            newest = revision != NULL ? revision : newest;
        }
    return newest;
}

static json_t *versions(const struct cm_model *m)
{
    static const struct {
        const char *what, *fact, *member;
    } known[] = {
        {"Connect, old server", "source.version", NULL},
        {"Connect, new server", "connect.verified", "version"},
        {"Helm revision deployed", "deploy.revision", NULL},
    };
    json_t *list = json_array();
    json_array_append_new(list, json_pack("{s:s, s:s}", "what", "connect-migrate", "value", m->program));
    if (cm_json_at(m->plan, "target.chart_version") != NULL)
        version(list, "Helm chart (plan)", cm_json_at(m->plan, "target.chart_version"));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const json_t *value = json_object_get(m->facts, known[i].fact);
        version(list, known[i].what, known[i].member == NULL ? value : json_object_get(value, known[i].member));
    }
    version(list, "Helm revision now", newest_revision(m));
    return list;
}

/* The images that the pods run, with the digests that the nodes report. */
static json_t *images(const struct cm_model *m)
{
    json_t *list = json_object_get(m->facts, "deploy.images");
    return json_is_array(list) ? json_incref(list) : json_array();
}

/* ---- lists ---- */

/* Of every walk: what was left out on the way there is not forgotten on the way back. */
static json_t *skipped(const struct cm_model *m)
{
    json_t *list = json_array();
    for (size_t k = 0; k < m->attempt_count; k++)
        for (size_t i = 0; i < m->attempts[k].step_count; i++) {
            const struct cm_m_step *s = &m->attempts[k].steps[i];
            if (s->state == CM_S_SKIPPED)
                json_array_append_new(list, json_pack("{s:s, s:o, s:i}", "step", s->id, "reason", cm_word_text(s->message),
                                                      "attempt", m->attempts[k].number));
        }
    return list;
}

static json_t *attempts(const struct cm_source_of_report *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->m->attempt_count; i++) {
        const struct cm_m_attempt *a = &s->m->attempts[i];
        const char *result = s->as_finished && a == s->m->now ? "done" : a->result;
        struct cm_model then = *s->m; /* the same record, seen from that walk */
        then.now = &s->m->attempts[i];
        json_t *stages = a == s->m->now ? json_null() : cm_part_stages(&then, false);
        json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "attempt", a->number, "direction",
                                              cm_direction_word(a->direction), "runbook", cm_json_text(a->runbook, "id", ""),
                                              "result", cm_word_text(result), "began", cm_word_time(a->began_ms), "ended",
                                              cm_word_time(a->ended_ms), "stages", stages));
    }
    return list;
}

static json_t *artifacts(const struct cm_model *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->artifact_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "name", m->artifacts[i].name, "sha256", m->artifacts[i].sha256,
                                              "bytes", (json_int_t)m->artifacts[i].bytes));
    return list;
}

/* The fact values.final; empty while nothing is decided, and when Connect went back to its old server. */
static json_t *values_files(const struct cm_model *m)
{
    json_t *final = json_object_get(m->facts, "values.final");
    bool back = m->now != NULL && m->now->direction == CM_BACKWARD;
    return json_is_array(final) && !back ? json_incref(final) : json_array();
}

/* The converted copies among the files of values_files: each stands in place of one of the plan's. */
static json_t *values_converted(const struct cm_model *m)
{
    cm_autojson files = values_files(m);
    json_t *list = json_array(), *copy;
    const char *file;
    json_object_foreach(json_object_get(m->facts, "values.files"), file, copy)
    {
        const char *given = cm_json_text(copy, "given", file);
        if (json_array_size(files) > 0 && strcmp(given, file) != 0)
            json_array_append_new(list, json_pack("{s:s, s:s}", "file", file, "copy", given));
    }
    return list;
}

/* The command that upgrades from now on, with every values file in its order; null: not decided, or there is no new server. */
static json_t *helm_upgrade(const struct cm_model *m)
{
    static const struct {
        const char *option, *key;
    } parts[] = {{"", "release"},
                 {"", "chart"},
                 {"--namespace ", "namespace"},
                 {"--kube-context ", "context"},
                 {"--version ", "chart_version"}};
    cm_autojson files = values_files(m);
    cm_autostr s = CM_STR(CM_STR_PAGE);
    size_t i;
    json_t *file;
    if (json_array_size(files) == 0)
        return json_null();
    cm_str_add(&s, "helm upgrade");
    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *value = cm_json_text(json_object_get(m->plan, "target"), parts[i].key, NULL);
        if (value != NULL) {
            cm_str_addf(&s, " %s", parts[i].option);
            cm_shell_quote(&s, value);
        }
    }
    const json_t *deployed = json_object_get(m->facts, "deploy.chart"); /* where the plan pins none */
    if (!cm_json_text(json_object_get(m->plan, "target"), "chart_version", NULL) && cm_json_text(deployed, "version", NULL))
        cm_str_addf(&s, " --version %s", cm_json_text(deployed, "version", ""));
    json_array_foreach(files, i, file)
    {
        cm_str_add(&s, " \\\n  -f ");
        cm_shell_quote(&s, json_string_value(file));
    }
    return json_string(cm_str_text(&s));
}

static json_t *five_lines(const struct cm_situation *now)
{
    json_t *list = json_array();
    for (int i = 0; i < CM_SITUATION_LINES; i++)
        json_array_append_new(list, json_string(now->line[i]));
    return list;
}

static void set(json_t *report, const char *name, json_t *taken)
{
    json_object_set_new(report, name, taken != NULL ? taken : json_null());
}

static void add_head(json_t *report, const struct cm_source_of_report *s)
{
    const char *state = state_of(s);
    cm_autofree char *text = verdict_text(s, state);
    set(report, "report", json_integer(1));
    set(report, "written", cm_word_time(s->now_ms));
    set(report, "zone", cm_word_text(s->zone));
    set(report, "run_id", cm_word_text(s->m->run_id));
    set(report, "plan", cm_word_text(s->m->plan_file));
    set(report, "address", cm_word_text(cm_json_text(s->m->plan, "connect.url", NULL)));
    set(report, "contact", cm_word_text(cm_json_text(s->m->plan, "contact", NULL)));
    set(report, "ticket", cm_word_text(cm_json_text(s->m->plan, "ticket", NULL)));
    set(report, "runbook", cm_word_text(s->m->now == NULL ? NULL : cm_json_text(s->m->now->runbook, "id", NULL)));
    set(report, "state", json_string(state));
    set(report, "status", status_of(s));
    set(report, "verdict", json_string(text));
    set(report, "began", cm_word_time(s->m->began_ms));
    set(report, "resumed", json_integer(s->m->resumes));
}

/* What helm was given, newest upgrade last: the values files with their digests. */
static json_t *values_given(const struct cm_model *m)
{
    json_t *list = json_array(), *sum;
    const char *file;
    for (size_t i = 0; i < m->intent_count; i++) {
        const struct cm_m_intent *n = &m->intents[i];
        if (strcmp(n->effect, "helm.upgrade") != 0 || !happened(n))
            continue;
        json_object_foreach(cm_json_loose(cm_json_at(n->detail, "values")), file, sum) if (json_is_string(sum))
            json_array_append_new(list,
                                  json_pack("{s:I, s:s, s:s, s:O}", "revision", (json_int_t)cm_json_int(n->result, "revision", 0),
                                            "purpose", cm_json_text(n->detail, "purpose", ""), "file", file, "sha256", sum));
    }
    return list;
}

/* Whether and how users were told; null: not on record. */
static json_t *announced(const struct cm_model *m)
{
    const json_t *fact = json_object_get(m->facts, "downtime.announced");
    if (!json_is_object(fact))
        return json_null();
    return json_pack("{s:b, s:b, s:o}", "webhook", (int)cm_json_bool(fact, "webhook", false), "banner",
                     (int)cm_json_bool(fact, "banner", false), "text", cm_word_text(cm_json_text(fact, "text", NULL)));
}

/* What the estimate before the downtime said: for comparison with the clocks, and how long a way back takes. */
static json_t *estimate(const struct cm_model *m)
{
    const json_t *fact = json_object_get(m->facts, "downtime.estimate");
    static const char *const names[] = {"service", "users", "back"};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *span = json_object_get(fact, names[i]);
        json_object_set_new(out, names[i],
                            span == NULL ? json_null()
                                         : json_pack("{s:o, s:o}", "from", cm_word_seconds(cm_json_int(span, "low_ms", 0)), "to",
                                                     cm_word_seconds(cm_json_int(span, "high_ms", 0))));
    }
    return out;
}

static void add_content(json_t *report, const struct cm_source_of_report *s)
{
    json_t *items = cm_part_content_items(s);
    set(report, "content", cm_part_content_counts(s->m));
    set(report, "items", items);
    set(report, "content_images", cm_part_content_images(s->m));
    set(report, "build_times", cm_items_build_times(items));
    set(report, "failures", cm_items_failures(items));
    set(report, "owners", cm_items_owners(items));
}

json_t *cm_report_collect(const struct cm_source_of_report *s, struct cm_err **err)
{
    json_t *digests, *transcript = cm_part_transcript(s, &digests, err);
    if (transcript == NULL)
        return NULL;
    const struct cm_standing standing = {
        .plan_file = s->m->plan_file, .run_dir = s->run_dir, .ended = s->as_finished, .status = -1};
    struct cm_situation now;
    json_t *report = json_object();
    cm_situation(s->m, s->now_ms, &now);
    add_head(report, s);
    set(report, "plan_digests", digests);
    add_clocks(report, s, &now);
    set(report, "situation", five_lines(&now));
    set(report, "versions", versions(s->m));
    set(report, "images", images(s->m));
    set(report, "values_given", values_given(s->m));
    set(report, "estimate", estimate(s->m));
    set(report, "announced", announced(s->m));
    set(report, "said", cm_part_said(s));
    set(report, "changes", cm_part_changes(s));
    set(report, "temporary", cm_part_temporary(s));
    set(report, "skipped", skipped(s->m));
    set(report, "left_out", cm_part_left_out(s));
    set(report, "open_points", cm_part_open_points(s));
    set(report, "lasting", cm_part_lasting(s));
    set(report, "attempts", attempts(s));
    set(report, "stages", cm_part_stages(s->m, s->as_finished));
    set(report, "findings", cm_part_findings(s->m));
    set(report, "configuration", cm_part_artifact_json(s, "config.account.json"));
    add_content(report, s);
    set(report, "artifacts", artifacts(s->m));
    set(report, "transcript", transcript);
    set(report, "next_steps", cm_next_steps_of(s->m, &standing));
    set(report, "values_files", values_files(s->m));
    set(report, "values_converted", values_converted(s->m));
    set(report, "helm_upgrade", helm_upgrade(s->m));
    cm_situation_fini(&now);
    return report;
}
