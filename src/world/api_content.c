/* world/api_content.c: v1/content, v1/content/{guid}/… and v1/search/content. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "world/world.h"

static bool sees(const struct request *r, const struct item *i) { return r->admin || i->owner == 1 || !i->acl; }

static json_t *all_items(const struct request *r)
{
    const char *owner = request_arg(r, "owner_guid"), *name = request_arg(r, "name"), *include = request_arg(r, "include");
    json_t *list = json_array();
    char guid[40];
    for (size_t i = 0; i < r->w->item_count; i++) {
        const struct item *one = &r->w->items[i];
        if (!sees(r, one) || (owner != NULL && strcmp(owner, owner_guid(r->w, one->owner, guid)) != 0) ||
            (name != NULL && strcmp(name, one->name) != 0))
            continue;
        json_array_append_new(list, item_json(r, one, include));
    }
    return list;
}

static int search(struct request *r)
{
    long number = request_arg_int(r, "page_number", 1), size = request_arg_int(r, "page_size", 10);
    json_t *all = all_items(r), *page = json_array();
    size_t from = (size_t)(number > 0 ? number - 1 : 0) * (size_t)(size > 0 ? size : 10);
    for (size_t i = from; i < json_array_size(all) && i < from + (size_t)(size > 0 ? size : 10); i++)
        json_array_append(page, json_array_get(all, i));
    json_int_t total = (json_int_t)json_array_size(all);
    json_decref(all);
    return answer_json(r, 200, json_pack("{s:I, s:I, s:o}", "total", total, "current_page", (json_int_t)number, "results", page));
}

static int bundles(struct request *r, const struct item *i)
{
    cm_autofree char *id = cm_fmt("%zu", 100 + i->index * 3);
    json_t *list = json_array();
    if (i->published)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:i, s:s, s:s, s:s?, s:s?, s:s?}", "id", id, "content_guid",
                                              i->guid, "created_time", "2026-08-01T09:30:00Z", "active", 1, "size", 4096,
                                              "cluster_name", "Local", "image_name", "Local", "r_version", i->r_version,
                                              "py_version", i->py_version, "quarto_version", i->quarto_version));
    return answer_json(r, 200, list);
}

static int one_job(struct request *r, const struct item *i, const char *rest)
{
    cm_autojson all = item_jobs(r->w, i->guid);
    size_t n = strcspn(rest, "/"), k;
    json_t *job;
    json_array_foreach(all, k, job)
    {
        const char *key = cm_json_text(job, "key", "");
        if (strlen(key) != n || strncmp(key, rest, n) != 0)
            continue;
        if (rest[n] == '\0')
            return answer_json(r, 200, json_incref(job));
        return answer_json(r, 200,
                           json_pack("{s:[{s:s, s:s, s:s}]}", "entries", "source", "stdout", "timestamp",
                                     cm_json_text(job, "start_time", ""), "data", "Restoring environment"));
    }
    return answer_error(r, 404, 4, "The requested object does not exist.");
}

static int part(struct request *r, const struct item *i, const char *what)
{
    if (strcmp(what, "build") == 0)
        return strcmp(r->method, "POST") == 0 ? api_build(r, i) : answer_error(r, 404, 2, "The requested method is not supported.");
    if (strcmp(what, "jobs") == 0)
        return answer_json(r, 200, item_jobs(r->w, i->guid));
    if (cm_starts(what, "jobs/"))
        return one_job(r, i, what + 5);
    if (strcmp(what, "bundles") == 0)
        return bundles(r, i);
    if (strcmp(what, "environment") == 0)
        return answer_json(r, 200, i->index % 2 == 0 ? json_pack("[s]", "API_TOKEN") : json_array());
    if (strcmp(what, "vanity") == 0 && i->vanity[0] != '\0')
        return answer_json(
            r, 200,
            json_pack("{s:s, s:s, s:s}", "content_guid", i->guid, "path", i->vanity, "created_time", "2026-01-01T00:00:00Z"));
    if (strcmp(what, "repository") == 0 && i->index % 10 == 7)
        return answer_json(r, 200,
                           json_pack("{s:s, s:s, s:s, s:b, s:s}", "repository", "https://git.example.com/team/report", "branch",
                                     "main", "directory", ".", "polling", 1, "last_error", ""));
    if (strcmp(what, "permissions") == 0 || strcmp(what, "tags") == 0 || strcmp(what, "oauth/integrations/associations") == 0)
        return answer_json(r, 200, json_array());
    if (strcmp(what, "vanity") == 0 || strcmp(what, "repository") == 0)
        return answer_error(r, 404, 4, "The requested object does not exist.");
    return answer_json(r, 404, json_pack("{s:s}", "error", "not found"));
}

/* rest: "content", "content/GUID…", "search/content" */
int api_content(struct request *r, const char *rest)
{
    char guid[40];
    if (strcmp(rest, "content") == 0)
        return answer_json(r, 200, all_items(r));
    if (strcmp(rest, "search/content") == 0)
        return search(r);
    rest += 8;
    size_t n = strcspn(rest, "/");
    snprintf(guid, sizeof guid, "%.*s", (int)(n < sizeof guid ? n : sizeof guid - 1), rest);
    const struct item *i = item_find(r->w, guid);
    if (i == NULL)
        return answer_error(r, 404, 4, "The requested object does not exist.");
    if (!sees(r, i))
        return answer_error(r, 403, 19, "You do not have permission to perform this operation.");
    if (rest[n] == '\0')
        return answer_json(r, 200, item_json(r, i, request_arg(r, "include")));
    return part(r, i, rest + n + 1);
}
