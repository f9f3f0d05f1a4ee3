/* actions/content_usage.c: visits per item. content/hits (2025.04 and later) covers all types and streams as one array; older
 * servers have content/visits and shiny/usage in pages, followed by their cursors and never by the absolute URLs beside them,
 * which name the server as it sees itself. Shapes: Posit's API reference, Instrumentation. */
#include <config.h>

#include "actions/content_usage.h"

#include <string.h>

#include <cm/str.h>

#include "adapters/http.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

enum { PAGE_ITEMS = 500, PAGES_MAX = 100000 };

struct usage {
    struct cm_step *step;
    json_t *visits;
    uint64_t seen;
};

static void count(struct usage *u, const json_t *row)
{
    const char *guid = cm_json_text(row, "content_guid", NULL);

    u->seen++;
    if (guid == NULL)
        return;
    (void)json_object_set_new(u->visits, guid, json_integer(json_integer_value(json_object_get(u->visits, guid)) + 1));
    if (u->seen % 1000 == 0)
        cm_progress(u->step, u->seen, 0, "visits");
}

static int take_hit(void *ctx, const json_t *row, struct cm_err **err)
{
    (void)err;
    count(ctx, row);
    return 0;
}

/* The endpoint is asked for an empty span first: a 404 without a code says that this version does not have it. */
static int has_hits(struct cm_step *step, struct cm_connect *c, const char *now, bool *has, struct cm_err **err)
{
    cm_autofree char *path = cm_fmt("v1/instrumentation/content/hits?from=%s&to=%s", now, now);
    cm_autoreply r;

    if (cm_connect_get(step, c, path, &r, err) < 0)
        return -1;
    *has = r.status == 200;
    if (r.status == 200 || r.status == 404 || r.status == 400)
        return 0;
    return cm_reply_fail(&r, c, "the usage of content", err);
}

static int paged(struct usage *u, struct cm_connect *c, const char *endpoint, const char *from, bool *has, struct cm_err **err)
{
    cm_autofree char *next = NULL;

    for (int page = 0; page < PAGES_MAX; page++) {
        cm_autofree char *cursor = next != NULL ? cm_http_escape(next) : NULL;
        cm_autofree char *path = cm_fmt("v1/instrumentation/%s?limit=%d&from=%s%s%s", endpoint, PAGE_ITEMS, from,
                                        cursor != NULL ? "&next=" : "", cursor != NULL ? cursor : "");
        cm_autoreply r;
        if (cm_connect_get(u->step, c, path, &r, err) < 0)
            return -1;
        if (r.status == 404) {
            *has = false;
            return 0;
        }
        if (r.status != 200)
            return cm_reply_fail(&r, c, "the usage of content", err);
        const json_t *rows = json_object_get(r.body, "results");
        for (size_t i = 0; i < json_array_size(rows); i++)
            count(u, json_array_get(rows, i));
        char *further = cm_strdup(cm_json_text(r.body, "paging.cursors.next", NULL));
        free(next);
        next = further;
        if (next == NULL || json_array_size(rows) == 0)
            return 0;
    }
    return 0;
}

static int from_pages(struct usage *u, struct cm_connect *c, const char *from, bool *available, struct cm_err **err)
{
    bool visits = true, shiny = true;

    if (paged(u, c, "content/visits", from, &visits, err) < 0 || paged(u, c, "shiny/usage", from, &shiny, err) < 0)
        return -1;
    *available = visits || shiny;
    return 0;
}

int cm_usage_get(struct cm_step *step, struct cm_connect *c, int64_t since_ms, json_t **visits, bool *available,
                 struct cm_err **err)
{
    cm_autojson settings = NULL;
    cm_autojson counted = json_object();
    struct usage u = {.step = step, .visits = counted};
    cm_autofree char *since = cm_time_text(since_ms);
    cm_autofree char *now = cm_time_text(cm_clock_wall(cm_loop_clock(cm_step_loop(step))));
    cm_autofree char *from = cm_http_escape(since), *to = cm_http_escape(now);
    bool hits = false;

    *available = true;
    *visits = NULL;
    if (cm_connect_get_ok(step, c, "server_settings", &settings, err) < 0)
        return -1;
    if (json_is_false(json_object_get(settings, "metrics_instrumentation"))) {
        *available = false;
    } else {
        if (has_hits(step, c, to, &hits, err) < 0)
            return -1;
        cm_autofree char *path = cm_fmt("v1/instrumentation/content/hits?from=%s&to=%s", from, to);
        int got = hits ? cm_connect_each(step, c, path, take_hit, &u, err) : from_pages(&u, c, from, available, err);
        if (got < 0)
            return cm_wrap(err, "the usage of content");
    }
    *visits = json_incref(counted);
    return 0;
}
