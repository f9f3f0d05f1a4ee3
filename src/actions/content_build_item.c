/* actions/content_build_item.c: one item from its intent to its end: POST v1/content/GUID/build, then its task by long polls.
 *
 * Each try has an intent of its own. A failed try that is repeated is closed as given up; the last one as happened, with
 * {"state", "error", "log"}. What was sent and not answered by Connect itself goes to content_build_doubt.c. Codes: Posit's API
 * reference (4 no such object, 28 nothing to build, 100 is being processed, 141 unknown task). */
#include <config.h>

#include "actions/content_build.h"

#include <string.h>

#include <cm/str.h>

#include "actions/build_jobs.h"
#include "adapters/http.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    POST_MS = 60000,
    WAIT_S = 10,
    ANSWER_MS = 30000,
    TAIL_LINES = 20,
    QUICK_MS = 50,
    PAUSE_FIRST_MS = 10,
    PAUSE_MAX_MS = 5000,
    POLL_PAUSE_MAX_MS = 1000,
    CODE_NO_SUCH = 4,
    CODE_NO_BUNDLE = 28,
    CODE_BUSY = 100
};

/* ---- ends ---- */

static const char *word(enum cm_build_outcome o)
{
    return o == CM_B_BUILT ? "built" : o == CM_B_GONE ? "gone" : o == CM_B_SKIPPED ? "skipped" : "failed";
}

static json_t *result(const struct cm_build_item *i, enum cm_build_outcome outcome, const char *error)
{
    json_t *j = json_pack("{s:s, s:i}", "state", word(outcome), "try", i->tries);

    if (error != NULL) {
        cm_autofree char *masked = cm_mask(error);
        (void)json_object_set_new(j, "error", json_string(masked));
    }
    if (outcome == CM_B_FAILED && json_array_size(i->tail) > 0)
        (void)json_object_set(j, "log", i->tail);
    return j;
}

void cm_build_close(struct cm_build_item *i, enum cm_build_outcome outcome, const char *error)
{
    (void)cm_intent_close_soon(i->intent, CM_HAPPENED, result(i, outcome, error));
    cm_build_end(i, outcome, error);
}

/* An environment that no image offers will not be there the next time either. */
static bool is_hopeless(const char *error)
{
    return strstr(error, "compatible environment") != NULL || strstr(error, "build-failed-error") != NULL;
}

static void start_due(void *item)
{
    struct cm_build_item *i = item;

    i->timer = NULL;
    cm_build_start(i);
}

static int64_t first_doubt(const struct cm_build *b) { return b->doubts > 0 ? b->doubt_ms[0] : PAUSE_MAX_MS; }

void cm_build_fail(struct cm_build_item *i, const char *error, bool may_pass)
{
    struct cm_build *b = i->build;

    if (!may_pass || i->tries > b->retries || is_hopeless(error)) {
        cm_build_close(i, CM_B_FAILED, error);
        return;
    }
    cm_step_log(b->step, "%s: try %d failed, and is repeated: %s", i->guid, i->tries, error);
    (void)cm_intent_close_soon(i->intent, CM_GIVEN_UP, result(i, CM_B_FAILED, error));
    i->tries++;
    i->began_ms = 0;
    cm_build_after(i, first_doubt(b), start_due);
}

void cm_build_again(struct cm_build_item *i, const char *why)
{
    cm_step_log(i->build->step, "%s: %s; sent again", i->guid, why);
    (void)cm_intent_close_soon(i->intent, CM_NOT_HAPPENED, json_pack("{s:s}", "why", why));
    cm_build_after(i, cm_build_pause(i, PAUSE_MAX_MS), start_due);
}

int64_t cm_build_pause(struct cm_build_item *i, int64_t most_ms)
{
    int64_t now = i->pause_ms < PAUSE_FIRST_MS ? PAUSE_FIRST_MS : i->pause_ms;

    i->pause_ms = now * 2;
    return now < most_ms ? now : most_ms;
}

bool cm_build_late(struct cm_build_item *i)
{
    int64_t now = cm_loop_now_ms(i->build->loop);

    if (i->began_ms == 0 || now - i->began_ms < i->build->timeout_ms)
        return false;
    cm_build_close(i, CM_B_FAILED, "it did not end within content.build.timeout");
    return true;
}

/* ---- the task ---- */

static void poll_due(void *item)
{
    struct cm_build_item *i = item;

    i->timer = NULL;
    cm_build_poll(i);
}

static void keep_tail(struct cm_build_item *i, const json_t *output)
{
    for (size_t n = 0; n < json_array_size(output); n++) {
        const char *line = json_string_value(json_array_get(output, n));
        if (line == NULL || *line == '\0')
            continue;
        cm_autofree char *masked = cm_mask(line);
        if (json_array_size(i->tail) == TAIL_LINES)
            (void)json_array_remove(i->tail, 0);
        (void)json_array_append_new(i->tail, json_string(masked));
    }
}

static void task_ended(struct cm_build_item *i, const json_t *task)
{
    const char *error = cm_json_text(task, "error", "");

    if (cm_json_int(task, "code", 1) == 0) {
        cm_build_close(i, CM_B_BUILT, NULL);
        return;
    }
    if (*error == '\0')
        error = cm_json_text(task, "result.type", "the build failed and gives no reason");
    cm_build_fail(i, error, true);
}

/* A server that holds no requests open is asked with growing pauses. */
static void task_goes_on(struct cm_build_item *i, const json_t *task)
{
    int64_t last = cm_json_int(task, "last", i->first);
    bool moved = last != i->first;

    i->first = last;
    if (moved)
        i->pause_ms = 0;
    cm_build_after(i, cm_build_pause(i, POLL_PAUSE_MAX_MS), poll_due);
}

static void refuse_all(struct cm_build_item *i, const struct cm_reply *r, const char *what)
{
    struct cm_err *fault = NULL;

    cm_reply_fail(r, i->build->connect, what, &fault);
    cm_build_stop(i->build, fault);
}

static bool is_refusal(const struct cm_reply *r)
{
    return r->status == 401 || r->status == 402 || r->status == 403 || (r->status == 404 && r->code < 0);
}

static void polled(void *ctx, struct cm_reply *r)
{
    struct cm_build_item *i = ctx;

    cm_build_clock(i->build, r);
    if (r->status == 200 && json_is_object(r->body)) {
        keep_tail(i, json_object_get(r->body, "output"));
        if (cm_json_bool(r->body, "finished", false)) {
            task_ended(i, r->body);
            return;
        }
        if (!cm_build_late(i))
            task_goes_on(i, r->body);
        return;
    }
    if (r->answered && r->status == 404 && r->code >= 0) {
        cm_build_doubt(i, "the server has forgotten the task");
        return;
    }
    if (r->answered && is_refusal(r)) {
        refuse_all(i, r, "following a build");
        return;
    }
    if (!cm_build_late(i))
        cm_build_after(i, cm_build_pause(i, PAUSE_MAX_MS), poll_due);
}

static int64_t left_of(const struct cm_build_item *i)
{
    int64_t left = i->began_ms + i->build->timeout_ms - cm_loop_now_ms(i->build->loop);

    return left > 0 ? left : 0;
}

void cm_build_poll(struct cm_build_item *i)
{
    int64_t wait_s = left_of(i) / 1000 < WAIT_S ? left_of(i) / 1000 : WAIT_S;
    cm_autofree char *task = cm_http_escape(i->task);
    cm_autofree char *path = cm_fmt("v1/tasks/%s?first=%lld&wait=%lld", task, (long long)i->first, (long long)wait_s);

    if (cm_build_late(i))
        return;
    cm_connect_get_soon(i->build->connect, path, wait_s * 1000 + ANSWER_MS, polled, i);
}

/* ---- the request ---- */

static void accepted(struct cm_build_item *i, const char *task)
{
    (void)cm_intent_note_soon(i->intent, json_pack("{s:s}", "task", task));
    free(i->task);
    i->task = cm_strdup(task);
    i->first = 0;
    i->pause_ms = 0;
    cm_build_poll(i);
}

static void refused(struct cm_build_item *i, const struct cm_reply *r)
{
    const char *problem = r->problem != NULL ? r->problem : "an unexpected answer";

    if (r->code == CODE_BUSY) {
        i->any_active = true;
        cm_build_doubt(i, "the server says that the item is being processed already");
    } else if (r->status == 404 && r->code == CODE_NO_SUCH) {
        cm_build_close(i, CM_B_GONE, "it was deleted");
    } else if (r->code == CODE_NO_BUNDLE) {
        cm_build_close(i, CM_B_SKIPPED, "never published");
    } else if (is_refusal(r)) {
        (void)cm_intent_close_soon(i->intent, CM_NOT_HAPPENED, json_pack("{s:s}", "why", problem));
        refuse_all(i, r, "POST v1/content/GUID/build");
    } else if (r->status >= 500) {
        cm_build_doubt(i, problem);
    } else {
        cm_build_fail(i, problem, false);
    }
}

static void posted(void *ctx, struct cm_reply *r)
{
    struct cm_build_item *i = ctx;
    const char *task = r->status == 200 ? cm_json_text(r->body, "task_id", NULL) : NULL;

    i->build->asking--;
    cm_build_clock(i->build, r);
    if (task != NULL) {
        accepted(i, task);
    } else if (r->answered && r->status != 200) {
        refused(i, r);
    } else if (r->sent) {
        const char *problem = r->problem != NULL ? r->problem : "an answer without a task";
        (void)cm_intent_close_soon(i->intent, CM_IN_DOUBT, json_pack("{s:s}", "problem", problem));
        cm_build_doubt(i, problem);
    } else if (!cm_build_late(i)) {
        cm_build_again(i, r->problem != NULL ? r->problem : "not sent");
    }
}

static void durable(struct cm_intent *intent, void *item)
{
    struct cm_build_item *i = item;
    cm_autofree char *guid = cm_http_escape(i->guid);
    cm_autofree char *path = cm_fmt("v1/content/%s/build", guid);
    cm_autojson body = json_object();

    i->intent = intent;
    if (i->build->stop) {
        i->build->asking--;
        (void)cm_intent_close_soon(intent, CM_NOT_HAPPENED, json_pack("{s:s}", "why", "the step was stopped before it was sent"));
        return;
    }
    cm_connect_change_soon(intent, i->build->connect, "POST", path, body, POST_MS, posted, i);
}

static void intend(struct cm_build_item *i)
{
    struct cm_build *b = i->build;
    struct cm_err *fault = NULL;
    cm_autojson detail = json_pack("{s:s, s:i}", "title", i->title, "try", i->tries);

    if (json_array_size(i->known_jobs) > 0)
        (void)json_object_set(detail, "known", i->known_jobs);
    struct cm_intent_spec spec = {.effect = CM_BUILD_EFFECT, .key = i->guid, .detail = detail};
    i->intent = NULL;
    i->look = 0;
    i->resumed = false;
    i->any_active = false;
    json_decref(i->our_jobs);
    i->our_jobs = NULL;
    b->asking++;
    if (cm_intend_then(b->step, &spec, durable, i, &fault) < 0) {
        b->asking--;
        cm_build_stop(b, fault);
    }
}

/* Before a repeated try, the jobs that are there are noted: their times alone could not tell them from the new one's. */
static void jobs_known(void *ctx, struct cm_reply *r)
{
    struct cm_build_item *i = ctx;

    cm_build_clock(i->build, r);
    if (r->status == 200) {
        json_decref(i->known_jobs);
        i->known_jobs = cm_build_job_keys(r->body, NULL);
    }
    if (i->build->stop)
        return;
    intend(i);
}

/* A new intent of this key is made only once the old one's end is on record. */
static bool old_one_is_open(const struct cm_build_item *i)
{
    enum cm_life life = i->intent != NULL ? cm_intent_life(i->intent) : CM_NOT_HAPPENED;

    return life != CM_NOT_HAPPENED && life != CM_GIVEN_UP;
}

void cm_build_start(struct cm_build_item *i)
{
    struct cm_build *b = i->build;

    if (b->stop)
        return;
    if (old_one_is_open(i)) {
        cm_build_after(i, 1, start_due);
        return;
    }
    if (i->began_ms == 0)
        i->began_ms = cm_loop_now_ms(b->loop);
    if (cm_build_late(i))
        return;
    (void)json_array_clear(i->tail);
    if (i->tries == 1) {
        intend(i);
        return;
    }
    cm_autofree char *guid = cm_http_escape(i->guid);
    cm_autofree char *path = cm_fmt("v1/content/%s/jobs", guid);
    cm_connect_get_soon(b->connect, path, ANSWER_MS, jobs_known, i);
}
