/* world/api_usage.c: v1/instrumentation: visits, Shiny usage, hits. Events are spread over the 90 days before the world was made, few
 * items have most of them; pages by cursor, newest first unless asked. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "world/world.h"

enum { MOST_EVENTS = 5000 };
#define NINETY_DAYS_MS (90LL * 24 * 3600 * 1000)

struct event {
    size_t item;
    int64_t at;
};

static bool is_shiny(const struct item *i)
{
    return strcmp(i->mode, "shiny") == 0 || strcmp(i->mode, "rmd-shiny") == 0 || strcmp(i->mode, "quarto-shiny") == 0;
}

static long events_in_all(const struct world *w)
{
    long n = 100 + 20 * (long)w->item_count;
    return n > MOST_EVENTS ? MOST_EVENTS : n;
}

/* The k-th event, oldest first. */
static struct event event_at(const struct world *w, long k, long all, long weights)
{
    int64_t made = 0;
    struct event e = {0, 0};
    cm_time_parse(info_text(w, "made"), &made);
    long hit = (long)(world_hash(w->options.seed, (uint64_t)k + 50000) % (uint64_t)weights);
    while (e.item + 1 < w->item_count && hit >= w->items[e.item].weight)
        hit -= w->items[e.item++].weight;
    e.at = made - NINETY_DAYS_MS + (NINETY_DAYS_MS - 3600000) / all * k;
    return e;
}

static bool listed_guid(const char *list, const char *guid) { return list == NULL || strstr(list, guid) != NULL; }

struct wanted {
    const char *guids;
    int64_t from, to;
    int shiny;
    bool ascending;
}; /* shiny: 1 only, 0 none of it, -1 all */

static struct wanted wanted_of(const struct request *r, int shiny)
{
    struct wanted q = {request_arg(r, "content_guid"), INT64_MIN, INT64_MAX, shiny, false};
    const char *from = request_arg(r, "from"), *to = request_arg(r, "to"), *order = request_arg(r, "asc_order");
    if (from != NULL)
        cm_time_parse(from, &q.from);
    if (to != NULL)
        cm_time_parse(to, &q.to);
    q.ascending = order != NULL && strcmp(order, "true") == 0;
    return q;
}

static bool fits(const struct request *r, const struct wanted *q, const struct event *e)
{
    const struct item *i = &r->w->items[e->item];
    return i->published && (q->shiny < 0 || is_shiny(i) == (q->shiny == 1)) && e->at >= q->from && e->at <= q->to &&
           listed_guid(q->guids, i->guid);
}

static long all_weights(const struct world *w)
{
    long sum = 0;
    for (size_t i = 0; i < w->item_count; i++)
        sum += w->items[i].weight;
    return sum > 0 ? sum : 1;
}

static json_t *event_json(const struct request *r, const struct event *e, int shiny)
{
    const struct item *i = &r->w->items[e->item];
    cm_autofree char *at = cm_time_text(e->at);
    cm_autofree char *ended = cm_time_text(e->at + 600000);
    cm_autofree char *bundle = cm_fmt("%zu", 100 + i->index * 3);
    char guid[40];
    owner_guid(r->w, (int)(e->at / 1000 % 3), guid);
    if (shiny == 1)
        return json_pack("{s:s, s:s, s:s, s:s, s:i}", "content_guid", i->guid, "user_guid", guid, "started", at, "ended", ended,
                         "data_version", 1);
    if (shiny == 0)
        return json_pack("{s:s, s:s, s:n, s:n, s:s, s:s, s:i, s:s}", "content_guid", i->guid, "user_guid", guid, "variant_key",
                         "rendering_id", "bundle_id", bundle, "time", at, "data_version", 3, "path", "/");
    return json_pack("{s:I, s:s, s:s, s:s, s:{s:s, s:s}}", "id", (json_int_t)(e->at / 1000), "user_guid", guid, "content_guid",
                     i->guid, "timestamp", at, "data", "path", "/", "user_agent", "Mozilla/5.0");
}

/* A cursor is the number of events already looked at. */
static int paged(struct request *r, int shiny)
{
    struct wanted q = wanted_of(r, shiny);
    long limit = request_arg_int(r, "limit", 20), all = events_in_all(r->w), weights = all_weights(r->w),
         k = request_arg_int(r, "next", 0);
    json_t *results = json_array();
    if (limit < 1 || limit > 500) {
        json_decref(results);
        return answer_error(r, 400, 25, "limit must be between 1 and 500");
    }
    for (; k < all && (long)json_array_size(results) < limit && r->w->item_count > 0; k++) {
        struct event e = event_at(r->w, q.ascending ? k : all - 1 - k, all, weights);
        if (fits(r, &q, &e))
            json_array_append_new(results, event_json(r, &e, shiny));
    }
    cm_autofree char *next = k < all ? cm_fmt("%ld", k) : NULL;
    cm_autofree char *url = cm_fmt("https://connect.example.com%s?limit=%ld&next=%s", r->path, limit, next != NULL ? next : "");
    return answer_json(r, 200,
                       json_pack("{s:{s:{s:n, s:s?}, s:s, s:n, s:s?, s:n}, s:o}", "paging", "cursors", "previous", "next", next,
                                 "first", r->path, "previous", "next", next != NULL ? url : NULL, "last", "results", results));
}

static int hits(struct request *r)
{
    struct wanted q = wanted_of(r, -1);
    long all = events_in_all(r->w), weights = all_weights(r->w);
    json_t *results = json_array();
    for (long k = 0; k < all && r->w->item_count > 0; k++) {
        struct event e = event_at(r->w, k, all, weights);
        if (fits(r, &q, &e))
            json_array_append_new(results, event_json(r, &e, -1));
    }
    return answer_json(r, 200, results);
}

int api_usage(struct request *r, const char *rest)
{
    if (strcmp(rest, "content/visits") == 0)
        return paged(r, 0);
    if (strcmp(rest, "shiny/usage") == 0)
        return paged(r, 1);
    if (strcmp(rest, "content/hits") == 0)
        return hits(r);
    return answer_json(r, 404, json_pack("{s:s}", "error", "not found"));
}
