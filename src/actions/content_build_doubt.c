/* actions/content_build_doubt.c: an item whose request was sent and not answered by Connect itself, or whose task the server has
 * forgotten, is never simply sent again: its jobs are looked at, at once when an earlier run left it so, and again after each
 * pause of connect.doubt. A build job that started behind the intent, by the server's clock, is adopted and watched to its end;
 * when the last look found none, the request is on record as not happened and is sent again. */
#include <config.h>

#include "actions/content_build.h"

#include <string.h>

#include <cm/str.h>

#include "actions/build_jobs.h"
#include "adapters/http.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

enum { LOOK_MS = 30000, WATCH_PAUSE_MAX_MS = 2000, RELOOK_PAUSE_MAX_MS = 5000, LOG_LINES = 20 };

static void look_due(void *item);

static struct cm_jobs_question question(const struct cm_build_item *i)
{
    const struct cm_build *b = i->build;
    int64_t at = cm_intent_at_ms(i->intent);

    return (struct cm_jobs_question){
        /* without a Date header the clocks are taken to agree to a minute */
        .since_ms = at + (b->offset_ms != INT64_MIN ? b->offset_ms : -60000),
        .known = i->known_jobs,
        .ours = i->our_jobs,
        .any_active = i->any_active,
    };
}

/* ---- the end of adopted jobs ---- */

static void log_came(void *ctx, struct cm_reply *r)
{
    struct cm_build_item *i = ctx;
    const json_t *entries = json_is_array(r->body) ? r->body : json_object_get(r->body, "entries");

    (void)json_array_clear(i->tail);
    for (size_t n = 0; n < json_array_size(entries); n++) {
        const json_t *e = json_array_get(entries, n);
        const char *line = json_is_string(e) ? json_string_value(e) : cm_json_text(e, "data", NULL);
        if (line == NULL || *line == '\0')
            continue;
        cm_autofree char *masked = cm_mask(line);
        if (json_array_size(i->tail) == LOG_LINES)
            (void)json_array_remove(i->tail, 0);
        (void)json_array_append_new(i->tail, json_string(masked));
    }
    cm_build_fail(i, i->error != NULL ? i->error : "the build job failed", true);
}

static void job_failed(struct cm_build_item *i, const json_t *job)
{
    cm_autofree char *guid = cm_http_escape(i->guid), *key = cm_http_escape(cm_json_text(job, "key", ""));
    cm_autofree char *path = cm_fmt("v1/content/%s/jobs/%s/log", guid, key);

    free(i->error);
    i->error = cm_fmt("the build job %s ended with exit code %lld", cm_json_text(job, "tag", ""),
                      (long long)cm_json_int(job, "exit_code", -1));
    cm_connect_get_soon(i->build->connect, path, LOOK_MS, log_came, i);
}

static size_t expected_jobs(const struct cm_build_item *i)
{
    size_t n = (size_t)(i->runtime[0] != NULL) + (size_t)(i->runtime[1] != NULL);

    return n > 0 ? n : 1;
}

/* One look less than there are pauses is still to come: a second job (Python behind R) may begin a little later. */
static bool next_look(struct cm_build_item *i)
{
    if (i->look >= i->build->doubts)
        return false;
    cm_build_after(i, i->build->doubt_ms[i->look++], look_due);
    return true;
}

static void adopt(struct cm_build_item *i, const json_t *jobs, const struct cm_jobs_question *q)
{
    json_t *keys = cm_build_job_keys(jobs, q);

    if (i->our_jobs != NULL && json_equal(keys, i->our_jobs)) {
        json_decref(keys);
        return;
    }
    json_decref(i->our_jobs);
    i->our_jobs = keys;
    cm_step_log(i->build->step, "%s: %zu build jobs adopted", i->guid, json_array_size(keys));
    (void)cm_intent_note_soon(i->intent, json_pack("{s:O}", "jobs", keys));
}

/* Connect did not answer: this look does not count. */
static void look_again(struct cm_build_item *i)
{
    if (!cm_build_late(i))
        cm_build_after(i, cm_build_pause(i, RELOOK_PAUSE_MAX_MS), look_due);
}

static void judge(struct cm_build_item *i, const json_t *jobs)
{
    struct cm_jobs_question q = question(i);
    struct cm_jobs_answer a = cm_build_jobs(jobs, &q);

    if (a.say == CM_JOBS_ACTIVE || a.say == CM_JOBS_BUILT || a.say == CM_JOBS_FAILED)
        adopt(i, jobs, &q);
    switch (a.say) {
    case CM_JOBS_ACTIVE:
        if (!cm_build_late(i))
            cm_build_after(i, cm_build_pause(i, WATCH_PAUSE_MAX_MS), look_due);
        return;
    case CM_JOBS_BUILT:
        if (a.count >= expected_jobs(i) || !next_look(i))
            cm_build_close(i, CM_B_BUILT, NULL);
        return;
    case CM_JOBS_FAILED: job_failed(i, a.job); return;
    case CM_JOBS_UNREAD: look_again(i); return;
    default:
        if (!next_look(i) && !cm_build_late(i))
            cm_build_again(i, a.say == CM_JOBS_NONE ? "no build job was seen" : "how its build job ended is not known");
    }
}

/* ---- looking ---- */

static void looked(void *ctx, struct cm_reply *r)
{
    struct cm_build_item *i = ctx;

    cm_build_clock(i->build, r);
    if (r->status == 200) {
        judge(i, r->body);
        return;
    }
    if (r->answered && r->status == 404 && r->code >= 0) {
        cm_build_close(i, CM_B_GONE, "it was deleted");
        return;
    }
    if (r->answered && r->status >= 400 && r->status < 500) {
        struct cm_err *fault = NULL;
        cm_reply_fail(r, i->build->connect, "looking for build jobs", &fault);
        cm_build_stop(i->build, fault);
        return;
    }
    look_again(i);
}

static void look_due(void *item)
{
    struct cm_build_item *i = item;
    cm_autofree char *guid = cm_http_escape(i->guid);
    cm_autofree char *path = cm_fmt("v1/content/%s/jobs", guid);

    i->timer = NULL;
    cm_connect_get_soon(i->build->connect, path, LOOK_MS, looked, i);
}

void cm_build_doubt(struct cm_build_item *i, const char *why)
{
    if (cm_build_late(i))
        return;
    cm_step_log(i->build->step, "%s: in doubt: %s", i->guid, why);
    i->look = 0;
    i->pause_ms = 0;
    if (i->resumed || i->any_active || !next_look(i))
        cm_build_after(i, 0, look_due);
}

void cm_build_watch(struct cm_build_item *i)
{
    i->look = 0;
    i->pause_ms = 0;
    cm_build_after(i, 0, look_due);
}
