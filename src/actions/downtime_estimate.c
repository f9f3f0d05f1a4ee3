/* actions/downtime_estimate.c: downtime.estimate: how long the downtime will be and when a way back must begin at the latest, against the
 * plan's window. Gathers the numbers that were seen (facts of earlier steps, the last build of each priority item, an earlier run's
 * record beside this one); estimate.c makes ranges of them.
 *
 * A range that is still near the one on record is left as it is, so that an approval which showed it stays good while files come and
 * go. Does not: look at the storage itself (storage.check counts files). */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/content.h"
#include "actions/estimate.h"
#include "actions/downtime_estimate.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"

enum { ASKED_MOST = 60, ASKING_MS = 10000 };

struct builds {
    int64_t ms[ASKED_MOST];
    size_t count;
};

/* ---- the last build of each priority item ---- */

/* The newest job that restored packages and ended well; 0: none. Jobs come newest first, or not: the start decides. */
static int64_t last_build(const json_t *jobs)
{
    int64_t newest = 0, took = 0;
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        int64_t from, to;
        if (!cm_ends(cm_json_text(job, "tag", ""), "_restore") || cm_json_int(job, "exit_code", -1) != 0 ||
            !cm_time_parse(cm_json_text(job, "start_time", ""), &from) || !cm_time_parse(cm_json_text(job, "end_time", ""), &to))
            continue;
        if (from > newest && to > from) {
            newest = from;
            took = to - from;
        }
    }
    return took;
}

static int ask_jobs(struct cm_step *step, struct builds *out, struct cm_err **err)
{
    CM_CLEANUP(cm_items_fini) struct cm_items items = {0};
    struct cm_loop *loop = cm_step_loop(step);
    int64_t until = cm_loop_now_ms(loop) + ASKING_MS;
    struct cm_connect *c;
    if (!cm_fact(step, "content.priority") || !cm_artifact_path(step, "priority.csv"))
        return 0;
    if (cm_items_read(step, &items, err) < 0 || cm_content_server(step, &c, err) < 0)
        return -1;
    for (size_t i = 0; i < items.count && i < ASKED_MOST && cm_loop_now_ms(loop) < until; i++) {
        cm_autofree char *path = cm_fmt("v1/content/%s/jobs", items.list[i].guid);
        cm_autoreply r = {0};
        if (cm_connect_get(step, c, path, &r, err) < 0)
            return -1;
        int64_t took = r.status == 200 ? last_build(r.body) : 0;
        if (took > 0)
            out->ms[out->count++] = took;
    }
    return 0;
}

/* ---- what goes in ---- */

static bool pulls_ahead(const struct cm_plan *plan)
{
    const json_t *one;
    size_t i;
    json_array_foreach(cm_json_loose(cm_plan_get(plan, "allow")), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), "images") == 0)
            return true;
    }
    return false;
}

static void gather(struct cm_step *step, const struct builds *builds, struct cm_estimate_in *in)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const json_t *size = cm_fact(step, "storage.size"), *backup = cm_plan_step(plan, "backup.take");
    in->files = cm_json_int(size, "files", -1);
    in->files_at_least = cm_json_bool(size, "at_least", false);
    in->other_owners = cm_json_int(size, "other_owners", -1);
    in->bundles = cm_json_int(size, "bundles", cm_json_int(cm_fact(step, "content.inventory"), "published", -1));
    in->used_bytes = cm_json_int(size, "used_bytes", -1);
    in->has_server = json_array_size(cm_plan_get(plan, "source.hosts")) > 0;
    in->backup = in->has_server && json_object_get(backup, "skip") == NULL;
    in->images_ahead = pulls_ahead(plan);
    in->priority = (size_t)cm_json_int(cm_fact(step, "content.priority"), "selected", 0);
    in->parallel = (size_t)cm_plan_int(plan, "content.build.parallel", 3);
    in->runtimes = json_object_size(json_object_get(cm_fact(step, "runtimes.compare"), "runtimes"));
    in->build_ms = builds->ms;
    in->builds = builds->count;
    in->now_ms = cm_clock_wall(cm_loop_clock(cm_step_loop(step)));
    in->earlier = cm_fact(step, "run.earlier");
    if (!cm_plan_time(plan, "content.build.revert_by", &in->revert_by_ms))
        in->revert_by_ms = 0;
    if (!cm_plan_time(plan, "window.start", &in->window_start_ms))
        in->window_start_ms = 0;
    if (!cm_plan_time(plan, "window.end", &in->window_end_ms))
        in->window_end_ms = 0;
}

/* ---- the fact ---- */

static json_t *span_json(struct cm_span s)
{
    return json_pack("{s:I, s:I}", "low_ms", (json_int_t)s.low_ms, "high_ms", (json_int_t)s.high_ms);
}

static struct cm_span span_of(const json_t *fact, const char *name)
{
    const json_t *s = json_object_get(fact, name);
    return (struct cm_span){cm_json_int(s, "low_ms", 0), cm_json_int(s, "high_ms", 0)};
}

static json_t *to_json(const struct cm_estimate *e)
{
    json_t *basis = json_array();
    for (const char *at = e->basis; *at;) {
        size_t n = strcspn(at, "\n");
        json_array_append_new(basis, json_stringn(at, n));
        at += n + (at[n] ? 1 : 0);
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "service", span_json(e->service), "users", span_json(e->users), "build",
                     span_json(e->build), "back", span_json(e->back), "back_by_ms", (json_int_t)e->back_by_ms, "basis", basis);
}

/* The estimate on record still holds: the same words are shown again, and an approval of them stays good. */
static bool holds(const json_t *before, const struct cm_estimate *e)
{
    static const char *const names[] = {"service", "users", "build", "back"};
    const struct cm_span now[] = {e->service, e->users, e->build, e->back};
    int64_t by = cm_json_int(before, "back_by_ms", -1);
    if (!before || (by == 0) != (e->back_by_ms == 0))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!cm_span_near(span_of(before, names[i]), now[i]))
            return false;
    return by == 0 || by + span_of(before, "back").high_ms == e->back_by_ms + e->back.high_ms;
}

char *cm_estimate_words(const json_t *fact, const char *zone)
{
    cm_autofree char *service = cm_span_text(span_of(fact, "service")), *users = cm_span_text(span_of(fact, "users"));
    cm_autofree char *build = cm_span_text(span_of(fact, "build"));
    struct cm_span back = span_of(fact, "back");
    int64_t by = cm_json_int(fact, "back_by_ms", 0);
    cm_autostr out = CM_STR(CM_STR_LINE);
    cm_str_addf(&out, "service down %s, users out %s", service, users);
    if (span_of(fact, "build").high_ms > 0)
        cm_str_addf(&out, " (of it building content %s)", build);
    if (back.high_ms > 0) {
        cm_autofree char *words = cm_span_text(back);
        cm_str_addf(&out, "; a way back takes %s", words);
    }
    if (by != 0 && back.high_ms > 0) {
        cm_autofree char *at = cm_time_for_people(by, zone);
        cm_str_addf(&out, ", begin it by %s at the latest", at);
    }
    return cm_str_take(&out);
}

/* ---- the action ---- */

static void report(struct cm_step *step, const struct cm_estimate *e, const json_t *fact)
{
    const char *zone = cm_plan_text(cm_step_plan(step), "window.zone");
    cm_autofree char *words = cm_estimate_words(fact, zone), *users = cm_span_text(span_of(fact, "users"));
    cm_autofree char *room = cm_duration_text(e->room_ms / 60000 * 60000);
    cm_finding(step, CM_OK, "downtime.estimate", NULL, "%s", words);
    if (e->fit == CM_FIT_NO)
        cm_finding(step, CM_WARNING, "downtime.window",
                   "Ask for a longer window, or shorten the evening: `allow: [images]`, fewer priority items, "
                   "`content: {build: {revert_by: …}}`.",
                   "the window is too short: it leaves %s, and users will be out %s", room, users);
    else if (e->fit == CM_FIT_MAYBE_NOT)
        cm_finding(step, CM_WARNING, "downtime.window",
                   "Ask for a longer window, pull the images ahead (`allow: [images]`), build fewer priority items, or say when "
                   "building has to end: `content: {build: {revert_by: …}}`.",
                   "the window may be too short: it leaves %s, and users will be out %s", room, users);
    for (size_t i = 0; i < json_array_size(json_object_get(fact, "basis")); i++)
        cm_step_log(step, "basis: %s", json_string_value(json_array_get(json_object_get(fact, "basis"), i)));
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct builds builds = {.count = 0};
    struct cm_estimate_in in = {0};
    struct cm_estimate e;
    cm_autoerr seen = NULL;
    if (ask_jobs(step, &builds, &seen) < 0) {
        if (cm_cancelled(step)) {
            struct cm_err *moved = seen;
            seen = NULL;
            return cm_err_move(err, moved);
        }
        cm_step_log(step, "the items' last builds are not known: %s", cm_err_message(seen));
    }
    gather(step, &builds, &in);
    cm_estimate(&in, &e);
    const json_t *before = cm_fact(step, "downtime.estimate");
    bool same = holds(before, &e);
    json_t *fact = same ? json_deep_copy(before) : to_json(&e);
    report(step, &e, fact);
    cm_estimate_fini(&e);
    return cm_fact_set(step, "downtime.estimate", fact, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    const json_t *fact = cm_fact(step, "downtime.estimate"), *basis = json_object_get(fact, "basis");
    (void)err;
    if (!fact) {
        cm_will(step, "note", "an estimate of the downtime, once content and storage could be looked at");
        return 0;
    }
    cm_autofree char *words = cm_estimate_words(fact, cm_plan_text(cm_step_plan(step), "window.zone"));
    cm_will(step, "note", "%s", words);
    for (size_t i = 0; i < json_array_size(basis); i++)
        cm_will(step, "note", "%s", json_string_value(json_array_get(basis, i)));
    return 0;
}

static const struct cm_param params[] = {CM_PARAM_SERVER("source"), {NULL, CM_T_ANY, NULL, NULL}};
static const char *const gives[] = {"downtime.estimate", NULL};

const struct cm_action cm_action_downtime_estimate = {
    .name = "downtime.estimate",
    .summary = "Estimate the downtime, the building and the way back",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_COMPUTE,
    .rests_on_checks = true,
    .params = params,
    .gives = gives,
    .preview = preview,
    .apply = apply,
    .reads =
        "What storage.check counted, the content and its last builds by the API, times of an earlier run in this folder or beside it.",
    .does =
        "Makes ranges for the service's downtime, the users', the building and a way back; warns when the plan's window is too short.",
    .proves = "Nothing: it is an estimate, and says what it rests on.",
    .undoes = "Nothing.",
    .rights = "An administrator's API key.",
};
