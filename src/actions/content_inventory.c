/* actions/content_inventory.c: all content of the old server, streamed into inventory.jsonl: one item a line, reduced to what later
 * steps read. Ten thousand items are never held at once; what is counted stays small.
 *
 * Findings name what the move to another host changes for content: Unix users, PAM, own package management, models, warm
 * processes. Does not: judge versions (runtimes_compare.c). */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/content.h"
#include "base/json.h"
#include "base/mem.h"

/* Members kept as they are (Posit's API reference, Content). */
static const char *const kept[] = {
    "guid",
    "name",
    "title",
    "access_type",
    "app_mode",
    "content_category",
    "bundle_id",
    "cluster_name",
    "image_name",
    "default_image_name",
    "environment_guid",
    "r_version",
    "py_version",
    "quarto_version",
    "r_environment_management",
    "py_environment_management",
    "run_as",
    "run_as_current_user",
    "service_account_name",
    "min_processes",
    "init_timeout",
    "parameterized",
    "locked",
    "owner_guid",
    "last_deployed_time",
    "content_url",
    "vanity_url",
    NULL,
};

struct counts {
    FILE *out;
    struct cm_step *step;
    uint64_t total, published, fixed;
    uint64_t run_as, current_user, r_unmanaged, py_unmanaged, models, warm, service_account;
    json_t *by_mode, *users;
};

/* Nothing of a static item is built or run: HTML, pins, plots, sites. */
static bool is_fixed(const json_t *item) { return strcmp(cm_json_text(item, "app_mode", ""), "static") == 0; }

static bool says_no(const json_t *item, const char *member) { return json_is_false(json_object_get(item, member)); }

static void count_one(struct counts *c, const json_t *item)
{
    const char *mode = cm_json_text(item, "app_mode", "unknown"), *run_as = cm_json_text(item, "run_as", NULL);
    json_t *before = json_object_get(c->by_mode, mode);

    c->total++;
    (void)json_object_set_new(c->by_mode, mode, json_integer(json_integer_value(before) + 1));
    if (!json_is_string(json_object_get(item, "bundle_id")))
        return;
    c->published++;
    c->fixed += is_fixed(item);
    if (run_as != NULL && *run_as != '\0') {
        c->run_as++;
        if (json_object_size(c->users) < 20)
            (void)json_object_set_new(c->users, run_as, json_true());
    }
    c->current_user += cm_json_bool(item, "run_as_current_user", false);
    c->r_unmanaged += says_no(item, "r_environment_management");
    c->py_unmanaged += says_no(item, "py_environment_management");
    c->models += strcmp(mode, "tensorflow-saved-model") == 0;
    c->warm += cm_json_int(item, "min_processes", 0) > 0;
    c->service_account += *cm_json_text(item, "service_account_name", "") != '\0';
}

static json_t *reduce(const json_t *item)
{
    json_t *out = json_object(), *tags = json_array();
    const json_t *all = json_object_get(item, "tags");

    for (size_t i = 0; kept[i] != NULL; i++) {
        json_t *value = json_object_get(item, kept[i]);
        if (value != NULL && !json_is_null(value))
            (void)json_object_set(out, kept[i], value);
    }
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *name = cm_json_text(json_array_get(all, i), "name", NULL);
        if (name != NULL)
            (void)json_array_append_new(tags, json_string(name));
    }
    if (json_array_size(tags) > 0)
        (void)json_object_set(out, "tags", tags);
    json_decref(tags);
    const char *owner = cm_json_text(item, "owner.username", NULL);
    if (owner != NULL)
        (void)json_object_set_new(out, "owner", json_string(owner));
    return out;
}

static int take(void *ctx, const json_t *item, struct cm_err **err)
{
    struct counts *c = ctx;

    if (cm_json_text(item, "guid", NULL) == NULL)
        return cm_fail(err, CM_E_FAILED, "an item of the content list has no GUID");
    count_one(c, item);
    cm_autojson line = reduce(item);
    if (json_dumpf(line, c->out, JSON_COMPACT | JSON_SORT_KEYS) != 0 || fputc('\n', c->out) == EOF)
        return cm_fail_errno(err, CM_E_FAILED, "inventory.jsonl");
    if (c->total % 100 == 0)
        cm_progress(c->step, c->total, 0, "items");
    return 0;
}

/* ---- what the move changes for content ---- */

static char *user_names(const json_t *users)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    const char *name;
    json_t *unused;

    json_object_foreach((json_t *)(uintptr_t)users, name, unused) cm_str_addf(&out, "%s%s", out.len > 0 ? ", " : "", name);
    return cm_str_take(&out);
}

static void report_host_bound(struct cm_step *step, const struct counts *c)
{
    cm_autofree char *users = user_names(c->users);

    if (c->run_as > 0)
        cm_finding(step, CM_WARNING, "content.run-as", "Have these users in the content images, or clear RunAs of the items.",
                   "items that run as a Unix user of their own: %llu (%s); the user must exist in the image",
                   (unsigned long long)c->run_as, users);
    if (c->current_user > 0)
        cm_finding(step, CM_WARNING, "content.run-as-current-user",
                   "Turn it off for these items before the move, or plan how users are known in the images.",
                   "items that run as the user who looks at them, which needs PAM on the host: %llu",
                   (unsigned long long)c->current_user);
    if (c->service_account > 0)
        cm_finding(step, CM_WARNING, "content.service-account",
                   "Make these service accounts in the content namespace; they get the label the runner needs.",
                   "items that name a service account: %llu", (unsigned long long)c->service_account);
}

static void report_images(struct cm_step *step, const struct counts *c)
{
    if (c->r_unmanaged + c->py_unmanaged > 0)
        cm_finding(
            step, CM_WARNING, "content.own-packages", "Install these packages into the images of the items.",
            "items that do not let Connect restore their packages, which must be in the image: %llu with R, %llu with Python",
            (unsigned long long)c->r_unmanaged, (unsigned long long)c->py_unmanaged);
    if (c->models > 0)
        cm_finding(step, CM_WARNING, "content.tensorflow",
                   "Have an image with TensorFlow Serving among the execution environments.", "TensorFlow models: %llu",
                   (unsigned long long)c->models);
    if (c->warm > 0)
        cm_finding(step, CM_WARNING, "content.warm-processes",
                   "Nothing to do; nobody can save a minimum above 0 until the settings are reverted (API error 45).",
                   "items with warm processes, which start again only once the temporary settings are reverted: %llu",
                   (unsigned long long)c->warm);
}

static int report(struct cm_step *step, struct cm_connect *connect, struct counts *c, struct cm_err **err)
{
    cm_autojson settings = NULL;

    if (c->total == 0)
        cm_finding(step, CM_WARNING, "content.none", "Is the API key an administrator's, and the server the right one?",
                   "the server shows no content at all");
    report_host_bound(step, c);
    report_images(step, c);
    if (cm_connect_get_ok(step, connect, "server_settings", &settings, err) < 0)
        return -1;
    return cm_fact_set(step, "content.inventory",
                       json_pack("{s:I, s:I, s:I, s:I, s:O, s:s}", "total", (json_int_t)c->total, "published",
                                 (json_int_t)c->published, "unpublished", (json_int_t)(c->total - c->published), "static",
                                 (json_int_t)c->fixed, "by_mode", c->by_mode, "version", cm_json_text(settings, "version", "")),
                       err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *connect;
    cm_autojson by_mode = json_object();
    cm_autojson users = json_object();
    struct counts c = {.step = step, .by_mode = by_mode, .users = users};

    if (cm_content_server(step, &connect, err) < 0 || cm_artifact_begin(step, "inventory.jsonl", &c.out, err) < 0)
        return -1;
    if (cm_connect_each(step, connect, "v1/content?include=owner,tags,vanity_url", take, &c, err) < 0) {
        cm_artifact_drop(step, c.out);
        return cm_wrap(err, "the list of content");
    }
    if (cm_artifact_keep(step, c.out, err) < 0)
        return -1;
    cm_progress(step, c.total, c.total, "items");
    return report(step, connect, &c, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "request", "GET v1/content?include=owner,tags,vanity_url");
    cm_will(step, "write", "artifacts/inventory.jsonl");
    return 0;
}

static const struct cm_param params[] = {CM_PARAM_SERVER("source"), {NULL, CM_T_ANY, NULL, NULL}};
static const char *const gives[] = {"content.inventory", NULL};

const struct cm_action cm_action_content_inventory = {
    .name = "content.inventory",
    .summary = "List all content",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_COMPUTE,
    .params = params,
    .gives = gives,
    .preview = preview,
    .apply = apply,
    .reads = "All content of the server, with owners, tags and vanity paths, by the Connect API.",
    .does = "Writes inventory.jsonl, one item a line; warns of what is bound to the host.",
    .rights = "An administrator's API key.",
};
