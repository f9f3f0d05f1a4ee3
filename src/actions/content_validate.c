/* actions/content_validate.c: each priority item against its baseline, and where its newest job ran, into validation.json.
 *
 * "Same" means: same status, same redirect, same page title, asked with the same key. That says that the page came, no more. A 401
 * or 403 before and after is "not visible to this key", neither same nor worse. A rendered document serves its old rendering and
 * proves nothing about the image, so nothing is rendered unless the plan names it (content_render.c). */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/content.h"
#include "actions/content_render.h"
#include "actions/target.h"
#include "adapters/http.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

enum result { SAME, DIFFERS, GONE, NOT_VISIBLE, RESULTS };
static const char *const words[RESULTS] = {"same", "differs", "gone", "not-visible"};

struct validation {
    struct cm_step *step;
    struct cm_connect *connect;
    json_t *baseline, *results;
    size_t count[RESULTS];
    size_t on_kubernetes, elsewhere;
};

static int read_baseline(struct cm_step *step, json_t **out, struct cm_err **err)
{
    const char *path = cm_artifact_path(step, "baseline.json");
    json_error_t fault;

    *out = path != NULL ? json_load_file(path, 0, &fault) : NULL;
    if (*out != NULL)
        return 0;
    if (path == NULL)
        cm_fail(err, CM_E_FAILED, "there is no baseline to compare with");
    else
        cm_fail(err, CM_E_FAILED, "%s cannot be read: %s", path, fault.text);
    cm_hint(err, "The step content.baseline makes it, before the change.");
    return -1;
}

static bool hidden(int64_t status) { return status == 401 || status == 403; }

/* Redirects are compared by their path: the host may differ between the old server and a port-forward. */
static const char *path_part(const char *location)
{
    const char *host = location != NULL ? strstr(location, "://") : NULL;
    const char *path = host != NULL ? strchr(host + 3, '/') : location;

    return path != NULL ? path : "";
}

/* How they differ, for people; caller frees; NULL: they do not. */
static char *difference(const json_t *before, const struct cm_page *now)
{
    int64_t status = cm_json_int(before, "status", 0);
    const char *title = cm_json_text(before, "page_title", ""), *to = cm_json_text(before, "location", "");

    if (now->status == 0)
        return status == 0 ? NULL : cm_fmt("answered %lld before, no answer now: %s", (long long)status, now->problem);
    if (now->status != status && status == 0)
        return cm_fmt("no answer before, %ld now", now->status);
    if (now->status != status)
        return cm_fmt("status %lld before, %ld now", (long long)status, now->status);
    if (strcmp(path_part(to), path_part(now->location)) != 0)
        return cm_fmt("led to %s before, to %s now", path_part(to), path_part(now->location));
    if (now->status == 200 && strcmp(title, now->title != NULL ? now->title : "") != 0)
        return cm_fmt("page title \"%s\" before, \"%s\" now", title, now->title != NULL ? now->title : "");
    return NULL;
}

/* ---- where its newest job ran ---- */

static const json_t *newest_job(const json_t *jobs)
{
    const json_t *newest = NULL;

    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        if (newest == NULL || strcmp(cm_json_text(job, "start_time", ""), cm_json_text(newest, "start_time", "")) > 0)
            newest = job;
    }
    return newest;
}

/* {"cluster", "image", "tag"} of the newest job, or null; -1 when the server could not be asked. *gone: it has no such content. */
static int look_at_jobs(struct validation *v, const char *guid, json_t **out, bool *gone, struct cm_err **err)
{
    cm_autofree char *escaped = cm_http_escape(guid);
    cm_autofree char *path = cm_fmt("v1/content/%s/jobs", escaped);
    cm_autoreply r;

    *gone = false;
    *out = NULL;
    if (cm_connect_get(v->step, v->connect, path, &r, err) < 0)
        return -1;
    *gone = r.status == 404 && r.code >= 0;
    const json_t *job = r.status == 200 ? newest_job(r.body) : NULL;
    if (job == NULL) {
        *out = json_null();
        return 0;
    }
    const char *cluster = cm_json_text(job, "cluster", "");
    *out = json_pack("{s:s, s:s, s:s, s:s}", "cluster", cluster, "image", cm_json_text(job, "image", ""), "tag",
                     cm_json_text(job, "tag", ""), "start_time", cm_json_text(job, "start_time", ""));
    v->on_kubernetes += strcmp(cluster, "Kubernetes") == 0;
    v->elsewhere += strcmp(cluster, "Kubernetes") != 0;
    return 0;
}

static enum result judge(const json_t *before, const struct cm_page *now, bool gone, char **how)
{
    int64_t status = cm_json_int(before, "status", 0);

    *how = NULL;
    if (gone)
        return GONE;
    if (hidden(status) && hidden(now->status))
        return NOT_VISIBLE;
    *how = difference(before, now);
    return *how != NULL ? DIFFERS : SAME;
}

static int one(struct validation *v, const json_t *before, const struct cm_page *now, struct cm_err **err)
{
    const char *guid = cm_json_text(before, "guid", ""), *render_error;
    const char *rendered = cm_render_state(v->step, guid, &render_error);
    cm_autojson job = NULL;
    bool gone;

    if (look_at_jobs(v, guid, &job, &gone, err) < 0)
        return -1;
    cm_autofree char *how = NULL;
    enum result r = judge(before, now, gone, &how);
    if (r == SAME && rendered != NULL && strcmp(rendered, "rendered") != 0) {
        r = DIFFERS;
        how = cm_fmt("rendering: %s%s%s", rendered, *render_error != '\0' ? ": " : "", render_error);
    }
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:O}", "guid", guid, "title", cm_json_text(before, "title", ""), "path",
                          cm_json_text(before, "path", ""), "result", words[r], "before",
                          (json_int_t)cm_json_int(before, "status", 0), "now", (json_int_t)now->status, "job", job);
    if (how != NULL)
        (void)json_object_set_new(j, "how", json_string(how));
    if (rendered != NULL)
        (void)json_object_set_new(j, "rendered", json_string(rendered));
    (void)json_array_append_new(v->results, j);
    v->count[r]++;
    return 0;
}

/* ---- the end ---- */

static int write_results(struct validation *v, struct cm_err **err)
{
    cm_autojson whole = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "same", (json_int_t)v->count[SAME], "differs",
                                  (json_int_t)v->count[DIFFERS], "gone", (json_int_t)v->count[GONE], "not_visible",
                                  (json_int_t)v->count[NOT_VISIBLE], "on_kubernetes", (json_int_t)v->on_kubernetes, "elsewhere",
                                  (json_int_t)v->elsewhere, "items", v->results);
    FILE *f;

    if (cm_artifact_begin(v->step, "validation.json", &f, err) < 0)
        return -1;
    if (json_dumpf(whole, f, JSON_INDENT(1)) != 0) {
        cm_artifact_drop(v->step, f);
        return cm_fail_errno(err, CM_E_FAILED, "validation.json");
    }
    return cm_artifact_keep(v->step, f, err);
}

static int tell(struct validation *v, struct cm_err **err)
{
    size_t total = json_array_size(v->results);

    cm_say(v->step, "%zu of %zu items answer as before, %zu differ, %zu are gone, %zu are not visible to this key", v->count[SAME],
           total, v->count[DIFFERS], v->count[GONE], v->count[NOT_VISIBLE]);
    if (v->count[DIFFERS] + v->count[GONE] > 0)
        cm_partly(v->step, "%zu of %zu priority items differ from before or are gone (artifacts/validation.json)",
                  v->count[DIFFERS] + v->count[GONE], total);
    return cm_fact_set(v->step, "content.validation",
                       json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "items", (json_int_t)total, "same", (json_int_t)v->count[SAME],
                                 "differs", (json_int_t)v->count[DIFFERS], "gone", (json_int_t)v->count[GONE], "not_visible",
                                 (json_int_t)v->count[NOT_VISIBLE], "on_kubernetes", (json_int_t)v->on_kubernetes),
                       err);
}

static void items_of(const json_t *list, struct cm_items *items)
{
    items->list = cm_alloc((json_array_size(list) + 1) * sizeof *items->list);
    for (size_t i = 0; i < json_array_size(list); i++)
        items->list[items->count++].guid = cm_strdup(cm_json_text(json_array_get(list, i), "guid", ""));
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autojson baseline = NULL;
    cm_autojson results = json_array();
    CM_CLEANUP(cm_items_fini) struct cm_items items = {0};
    struct validation v = {.step = step, .results = results};
    struct cm_page *pages = NULL;
    int got = 0;

    if (read_baseline(step, &baseline, err) < 0 || cm_target_connect(step, &v.connect, err) < 0 ||
        cm_render_all(step, v.connect, err) < 0)
        return -1;
    const json_t *list = json_object_get(baseline, "items");
    items_of(list, &items);
    if (cm_pages_get(step, v.connect, &items, &pages, err) < 0)
        return -1;
    for (size_t i = 0; i < items.count && got == 0; i++)
        got = one(&v, json_array_get(list, i), &pages[i], err);
    cm_pages_free(pages, items.count);
    if (got < 0 || write_results(&v, err) < 0)
        return -1;
    return tell(&v, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    const json_t *render = cm_plan_get(cm_step_plan(step), "content.render");

    (void)err;
    cm_will(step, "request", "GET content/GUID/ and v1/content/GUID/jobs of each priority item, on the new server");
    for (size_t i = 0; i < json_array_size(render); i++)
        cm_will(step, "request", "POST variants/ID/render of content %s, as the plan says",
                json_string_value(json_array_get(render, i)));
    cm_will(step, "write", "artifacts/validation.json");
    return 0;
}

static const char *const facts_needed[] = {"content.baseline", NULL};
static const char *const facts_given[] = {"content.validation", NULL};

const struct cm_action cm_action_content_validate = {
    .name = "content.validate",
    .summary = "Compare priority content with its baseline",
    .kind = CM_COMPUTE,
    .needs = facts_needed,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .reads = "baseline.json; each priority item's page and jobs on the new server.",
    .does = "Writes validation.json; renders what content.render of the plan names, nothing else.",
    .proves = "Status, redirect and page title are as before, and where the newest job ran; not what a person sees behind it.",
    .rights = "An administrator's API key; items open to listed people only may stay invisible to it.",
};
