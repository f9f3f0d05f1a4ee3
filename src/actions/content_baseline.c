/* actions/content_baseline.c: what is there before the move: every GUID, and how each priority item answers, into baseline.json.
 * connect.verify and content.validate compare with it.
 *
 * Without a priority list (a runbook without that step) the items are those the plan names, else the first of the published
 * ones. Does not: judge answers; an item that fails today is recorded as such. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/content.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "plan/plan.h"

struct pick {
    struct cm_items *items;
    const json_t *guids;
    size_t cap, most;
};

static int pick_one(void *ctx, const json_t *item, struct cm_err **err)
{
    struct pick *p = ctx;
    const char *guid = cm_json_text(item, "guid", "");
    bool named = false;

    (void)err;
    for (size_t i = 0; i < json_array_size(p->guids) && !named; i++)
        named = strcmp(guid, json_string_value(json_array_get(p->guids, i))) == 0;
    if (json_array_size(p->guids) > 0 ? !named : p->items->count >= p->most || !json_is_string(json_object_get(item, "bundle_id")))
        return 0;
    p->items->list = cm_grow(p->items->list, &p->cap, p->items->count + 1, sizeof *p->items->list);
    p->items->list[p->items->count++] =
        (struct cm_item){.guid = cm_strdup(guid),
                         .path = cm_fmt("/content/%s/", guid),
                         .title = cm_strdup(cm_json_text(item, "title", cm_json_text(item, "name", ""))),
                         .why = cm_strdup(named ? "named in the plan" : "published")};
    return 0;
}

static int items_of(struct cm_step *step, struct cm_connect *connect, struct cm_items *items, struct cm_err **err)
{
    struct pick p = {.items = items};

    if (cm_artifact_path(step, "priority.csv") != NULL && cm_fact(step, "content.priority") != NULL)
        return cm_items_read(step, items, err);
    memset(items, 0, sizeof *items);
    p.guids = cm_plan_get(cm_step_plan(step), "content.priority.guids");
    p.most = (size_t)cm_plan_int(cm_step_plan(step), "content.priority.top", 50);
    return cm_connect_each(step, connect, "v1/content", pick_one, &p, err);
}

static json_t *page_json(const struct cm_item *item, const struct cm_page *page)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "guid", item->guid, "title", item->title, "path", item->path, "status",
                          (json_int_t)page->status, "bytes", (json_int_t)page->bytes, "took_ms", (json_int_t)page->took_ms);

    if (page->title != NULL)
        (void)json_object_set_new(j, "page_title", json_string(page->title));
    if (page->location != NULL)
        (void)json_object_set_new(j, "location", json_string(page->location));
    if (page->problem != NULL)
        (void)json_object_set_new(j, "problem", json_string(page->problem));
    return j;
}

static int write_baseline(struct cm_step *step, const struct cm_guids *guids, const struct cm_items *items,
                          const struct cm_page *pages, const char *server, struct cm_err **err)
{
    cm_autofree char *at = cm_time_text(cm_clock_wall(cm_loop_clock(cm_step_loop(step))));
    cm_autojson list = json_array();
    cm_autojson all = json_array();
    FILE *f;

    for (size_t i = 0; i < items->count; i++)
        (void)json_array_append_new(list, page_json(&items->list[i], &pages[i]));
    for (size_t i = 0; i < guids->count; i++)
        (void)json_array_append_new(all, json_string(guids->list[i]));
    cm_autojson whole = json_pack("{s:s, s:s, s:I, s:s, s:O, s:O}", "at", at, "server", server, "total", (json_int_t)guids->count,
                                  "guids_sha256", guids->sha256, "items", list, "guids", all);
    if (cm_artifact_begin(step, "baseline.json", &f, err) < 0)
        return -1;
    if (json_dumpf(whole, f, JSON_INDENT(1)) != 0) {
        cm_artifact_drop(step, f);
        return cm_fail_errno(err, CM_E_FAILED, "baseline.json");
    }
    return cm_artifact_keep(step, f, err);
}

/* Items that fail already say so now, so that nobody looks for the cause in the move. */
static void report(struct cm_step *step, const struct cm_items *items, const struct cm_page *pages)
{
    size_t failing = 0, hidden = 0;

    for (size_t i = 0; i < items->count; i++) {
        failing += pages[i].status == 0 || pages[i].status >= 500;
        hidden += pages[i].status == 401 || pages[i].status == 403;
    }
    if (failing > 0)
        cm_finding(step, CM_WARNING, "content.failing-before", "Nothing for the move; baseline.json names them.",
                   "priority items that do not answer well today already: %zu of %zu", failing, items->count);
    if (hidden > 0)
        cm_finding(step, CM_WARNING, "content.not-visible",
                   "Add the key's user to these items, or look at them yourself afterwards.",
                   "priority items that are not visible to this key, before and after: %zu of %zu", hidden, items->count);
}

static int look(struct cm_step *step, struct cm_connect *connect, struct cm_guids *guids, struct cm_items *items,
                struct cm_page **pages, json_t **settings, struct cm_err **err)
{
    if (cm_connect_get_ok(step, connect, "server_settings", settings, err) < 0 || cm_guids_get(step, connect, guids, err) < 0 ||
        items_of(step, connect, items, err) < 0)
        return -1;
    return cm_pages_get(step, connect, items, pages, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const char *server = json_string_value(cm_step_param(step, "server"));
    CM_CLEANUP(cm_guids_fini) struct cm_guids guids = {0};
    CM_CLEANUP(cm_items_fini) struct cm_items items = {0};
    struct cm_connect *connect;
    struct cm_page *pages = NULL;
    cm_autojson settings = NULL;

    server = server != NULL ? server : "source";
    if (cm_content_server(step, &connect, err) < 0 || look(step, connect, &guids, &items, &pages, &settings, err) < 0)
        return -1;
    report(step, &items, pages);
    int got = write_baseline(step, &guids, &items, pages, server, err);
    cm_pages_free(pages, items.count);
    if (got < 0)
        return -1;
    return cm_fact_set(step, "content.baseline",
                       json_pack("{s:s, s:I, s:s, s:I, s:s}", "server", server, "total", (json_int_t)guids.count, "guids_sha256",
                                 guids.sha256, "items", (json_int_t)items.count, "version", cm_json_text(settings, "version", "")),
                       err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "request", "GET v1/content, and content/GUID/ of each priority item (a visit; it may start a process)");
    cm_will(step, "write", "artifacts/baseline.json");
    return 0;
}

static const struct cm_param params[] = {CM_PARAM_SERVER("source"), {NULL, CM_T_ANY, NULL, NULL}};
static const char *const facts_given[] = {"content.baseline", NULL};

const struct cm_action cm_action_content_baseline = {
    .name = "content.baseline",
    .summary = "Record how content answers before the change",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_COMPUTE,
    .params = params,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .reads = "All GUIDs; the page of each priority item (counts as a visit, may start a process of it).",
    .does = "Writes baseline.json: the GUIDs and their digest, and each priority item's status, redirect and page title.",
    .rights = "An administrator's API key; items open to listed people only may stay invisible to it.",
};
