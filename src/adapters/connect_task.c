/* adapters/connect_task.c: following a task of Connect to its end (GET v1/tasks/ID?first=N&wait=S, Posit's API reference).
 *
 * Does not: start tasks. A server that was restarted has forgotten its tasks (404 with a code, usually 141): that is told, and
 * never taken for success. */
#include <config.h>

#include "adapters/connect.h"

#include <string.h>

#include <cm/str.h>

#include "adapters/http.h"
#include "base/json.h"
#include "base/mem.h"

enum { WAIT_S = 10, QUICK_MS = 50, PAUSE_FIRST_MS = 10, PAUSE_MAX_MS = 1000, OUTPUT_LINES_MAX = 2000 };

static void add_output(json_t *all, const json_t *task)
{
    const json_t *more = json_object_get(task, "output");

    for (size_t i = 0; i < json_array_size(more); i++) {
        if (json_array_size(all) >= OUTPUT_LINES_MAX)
            (void)json_array_remove(all, 0);
        (void)json_array_append(all, json_array_get(more, i));
    }
}

/* One look. 1: not finished, *first moved on; 0: finished or forgotten; -1. */
static int look(struct cm_step *step, struct cm_connect *c, const char *id, int64_t *first, json_t *output, json_t **task,
                bool *forgotten, struct cm_err **err)
{
    cm_autofree char *escaped = cm_http_escape(id);
    cm_autofree char *path = cm_fmt("v1/tasks/%s?first=%lld&wait=%d", escaped, (long long)*first, WAIT_S);
    cm_autoreply r;

    if (cm_connect_get(step, c, path, &r, err) != 0)
        return -1;
    if (r.status == 404 && r.code >= 0) {
        *forgotten = true;
        return 0;
    }
    if (r.status != 200)
        return cm_reply_fail(&r, c, "following a task", err);
    if (!json_is_object(r.body))
        return cm_fail(err, CM_E_FAILED, "a task of %s is not answered with a JSON object", cm_connect_url(c));
    add_output(output, r.body);
    *first = cm_json_int(r.body, "last", *first);
    if (!cm_json_bool(r.body, "finished", false))
        return 1;
    *task = json_incref(r.body);
    (void)json_object_set(*task, "output", output);
    return 0;
}

int cm_connect_task(struct cm_step *step, struct cm_connect *c, const char *id, json_t **task, bool *forgotten, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(step);
    cm_autojson output = json_array();
    int64_t first = 0, pause_ms = PAUSE_FIRST_MS;

    *task = NULL;
    *forgotten = false;
    for (;;) {
        int64_t began = cm_loop_now_ms(loop), before = first;
        int got = look(step, c, id, &first, output, task, forgotten, err);
        if (got <= 0)
            return got;
        if (cm_loop_now_ms(loop) >= cm_step_deadline(step))
            return cm_fail_passing(err, "task %s of %s did not end within the step's limit", id, cm_connect_url(c));
        if (first != before || cm_loop_now_ms(loop) - began > QUICK_MS) {
            pause_ms = PAUSE_FIRST_MS;
            continue;
        }
        /* a server that does not hold the request open is asked with growing pauses */
        if (cm_loop_until(loop, NULL, NULL, cm_loop_now_ms(loop) + pause_ms) == CM_WAIT_CANCELLED)
            return cm_fail(err, CM_E_INTERRUPTED, "interrupted while following a task of %s", cm_connect_url(c));
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}
