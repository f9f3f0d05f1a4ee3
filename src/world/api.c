/* world/api.c: Connect's HTTP: who may ask what, health, server settings, runtimes, users. One implementation for the VM, the pods and
 * the public name; r->pod says which Connect answers. Shapes: Posit's API reference and public clients' fixtures. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "world/world.h"

/* A setting in force: of the pod's rendered file, or of the VM's. Caller frees; NULL: absent. */
static char *setting(const struct request *r, const char *key)
{
    if (r->pod != NULL)
        return cm_strdup(gcfg_last(r->pod->settings, key));
    cm_autojson gcfg = vm_gcfg(r->w);
    return cm_strdup(gcfg_last(gcfg, key));
}

long setting_int(const struct request *r, const char *key, long otherwise)
{
    cm_autofree char *text = setting(r, key);
    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static const char *version_of(const struct request *r)
{
    return r->pod == NULL && drill_is(r->w, "versions-differ") ? "2026.07.0" : WORLD_CONNECT_VERSION;
}

static bool off_host(const struct request *r)
{
    cm_autofree char *enabled = r->pod != NULL ? setting(r, "kubernetes.enabled") : NULL;
    cm_autofree char *launcher = r->pod != NULL ? setting(r, "launcher.enabled") : NULL;
    return (enabled != NULL && strcmp(enabled, "true") == 0) || (launcher != NULL && strcmp(launcher, "true") == 0);
}

static json_t *license(const struct request *r)
{
    bool allowed = !drill_is(r->w, "license-no-offhost");
    return json_pack("{s:I, s:s, s:I, s:i, s:b, s:b, s:s, s:s, s:s, s:s, s:b, s:b}", "ts",
                     (json_int_t)cm_clock_wall(&cm_clock_system), "status", "activated", "expiration", (json_int_t)2064960000000,
                     "days-left", 550, "has-key", 1, "has-trial", 0, "tier", "advanced", "sku-year", "2026", "edition", "", "type",
                     "local", "allow-apis", 1, "enable-launcher", allowed);
}

static int server_settings(struct request *r)
{
    cm_autofree char *about = cm_fmt("Posit Connect v%s", version_of(r));
    cm_autofree char *public_warning = setting(r, "server.publicwarning");
    cm_autofree char *logged_in = setting(r, "server.loggedinwarning");
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:{s:b, s:b, s:s}, s:s, s:s, s:s, s:s}", "hostname",
                  r->pod != NULL ? r->pod->name : "connect1", "version", version_of(r), "build", "v2026.08.0-0-g0000000", "about",
                  about, "authentication", "handles_credentials", 1, "handles_login", 1, "name", "LDAP", "dashboard_path",
                  "/connect", "public_warning", public_warning != NULL ? public_warning : "", "logged_in_warning",
                  logged_in != NULL ? logged_in : "", "execution_type", off_host(r) ? "kubernetes" : "native");
    if (!r->admin && !r->publisher) {
        static const char *const hidden[] = {"hostname", "version", "build", "execution_type"};
        for (size_t i = 0; drill_is(r->w, "settings-reduced") && i < sizeof hidden / sizeof *hidden; i++)
            json_object_del(o, hidden[i]);
        if (!drill_is(r->w, "settings-need-key"))
            return answer_json(r, 200, o);
        json_decref(o);
        return answer_error(r, 401, 30, "We cannot authenticate you, please log in");
    }
    json_object_update_new(o, json_pack("{s:o, s:b, s:b, s:b, s:b, s:b, s:[s,s,s], s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "license",
                                        license(r), "license_expiration_ui_warning", 1, "deprecated_settings", 0,
                                        "deprecated_settings_ui_warning", 0, "mail_configured", 1, "metrics_instrumentation", 1,
                                        "runtimes", "R", "Python", "Quarto", "queue_ui", 1, "git_enabled", 1, "self_test_enabled",
                                        1, "enable_runtime_constraints", off_host(r), "enable_image_management", off_host(r),
                                        "enable_runtime_cache_management", 1, "default_image_selection_enabled", 1));
    return answer_json(r, 200, o);
}

static int scheduler_settings(struct request *r)
{
    return answer_json(r, 200,
                       json_pack("{s:i, s:i, s:i, s:f, s:i, s:i, s:I, s:i, s:i, s:i, s:i, s:i}", "min_processes", 0,
                                 "max_processes", 3, "max_conns_per_process", 20, "load_factor", 0.5, "init_timeout", 60,
                                 "idle_timeout", 5, "min_processes_limit",
                                 (json_int_t)setting_int(r, "scheduler.minprocesseslimit", 10), "max_processes_limit",
                                 (int)setting_int(r, "scheduler.maxprocesseslimit", 20), "connection_timeout", 3600, "read_timeout",
                                 3600, "cpu_request", 0, "cpu_limit", 0));
}

static void add_runtime(json_t *list, const char *version, const char *cluster, const char *image)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "version", version, "cluster_name", cluster, "image_name", image));
}

static int runtimes(struct request *r, const char *language)
{
    static const struct {
        const char *language, *versions[3];
    } local[] = {
        {"r", {"4.4.1", "4.4.3", "4.5.1"}},
        {"python", {"3.12.4", "3.12.11", "3.13.5"}},
        {"quarto", {"1.6.42", NULL, NULL}},
        {"tensorflow", {NULL}},
        {"nodejs", {NULL}},
    };
    json_t *list = json_array(), *image, *one;
    size_t i, k;
    bool known = false;
    for (i = 0; i < sizeof local / sizeof *local; i++) {
        if (strcmp(language, local[i].language) != 0)
            continue;
        known = true;
        for (k = 0; r->pod == NULL && k < 3 && local[i].versions[k] != NULL; k++)
            add_runtime(list, local[i].versions[k], "Local", "Local");
    }
    if (!known) {
        json_decref(list);
        return answer_json(r, 404, json_pack("{s:s}", "error", "not found"));
    }
    if (r->pod != NULL) {
        cm_autojson images = content_images(r->w);
        json_array_foreach(images, i, image)
            json_array_foreach(json_object_get(json_object_get(image, language), "installations"), k, one)
                add_runtime(list, cm_json_text(one, "version", ""), "Kubernetes", cm_json_text(image, "name", ""));
    }
    json_t *o = json_pack("{s:o}", "installations", list);
    if (strcmp(language, "python") == 0)
        json_object_set_new(o, "api_enabled", json_true());
    if (strcmp(language, "nodejs") == 0)
        json_object_set_new(o, "enabled", json_false());
    return answer_json(r, 200, o);
}

static const char *role_of(int owner) { return owner == 0 ? "administrator" : "publisher"; }

static json_t *user(const struct request *r, int owner)
{
    json_t *u = owner_json(r->w, owner);
    cm_autofree char *mail = cm_fmt("%s@example.com", cm_json_text(u, "username", ""));
    json_object_update_new(u, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "email", mail, "user_role", role_of(owner),
                                        "created_time", "2024-01-02T03:04:05Z", "updated_time", "2026-08-01T00:00:00Z",
                                        "active_time", "2026-08-30T08:00:00Z", "confirmed", 1, "locked", 0));
    return u;
}

static int me(struct request *r) { return answer_json(r, 200, user(r, r->admin ? 0 : 1)); }

static int one_user(struct request *r, const char *guid)
{
    char own[40];
    for (int i = 0; i < 3; i++)
        if (strcmp(owner_guid(r->w, i, own), guid) == 0)
            return answer_json(r, 200, user(r, i));
    return answer_error(r, 404, 4, "The requested object does not exist.");
}

static int page_of(struct request *r, json_t *results)
{
    json_int_t total = (json_int_t)json_array_size(results);
    return answer_json(r, 200,
                       json_pack("{s:o, s:i, s:I}", "results",
                                 request_arg_int(r, "page_number", 1) > 1 ? (json_decref(results), json_array()) : results,
                                 "current_page", (int)request_arg_int(r, "page_number", 1), "total", total));
}

static int environments(struct request *r)
{
    cm_autojson images = content_images(r->w);
    json_t *list = json_array(), *image;
    size_t i;
    json_array_foreach(images, i, image)
    {
        if (r->pod == NULL)
            break;
        cm_autofree char *id = cm_fmt("%zu", i + 1);
        char guid[40];
        json_t *e = json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "guid", owner_guid(r->w, 40 + (int)i, guid), "title",
            cm_json_text(image, "title", cm_json_text(image, "name", "")), "description", "", "cluster_name", "Kubernetes", "name",
            cm_json_text(image, "name", ""), "environment_type", "Kubernetes", "matching", cm_json_text(image, "matching", "any"),
            "created_time", "2026-08-30T08:00:00Z", "updated_time", "2026-08-30T08:00:00Z");
        static const char *const languages[] = {"r", "python", "quarto", "tensorflow"};
        for (size_t k = 0; k < 4; k++) {
            json_t *has = json_object_get(image, languages[k]);
            json_object_set_new(e, languages[k], has != NULL ? json_incref(has) : json_null());
        }
        json_array_append_new(list, e);
    }
    return answer_json(r, 200, list);
}

static int vanities(struct request *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->w->item_count; i++)
        if (r->w->items[i].vanity[0] != '\0')
            json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "content_guid", r->w->items[i].guid, "path",
                                                  r->w->items[i].vanity, "created_time", "2026-01-01T00:00:00Z"));
    return answer_json(r, 200, list);
}

static int small(struct request *r, const char *path)
{
    if (strcmp(path, "v1/users") == 0)
        return page_of(r, json_pack("[o, o, o]", user(r, 0), user(r, 1), user(r, 2)));
    if (cm_starts(path, "v1/users/"))
        return one_user(r, path + 9);
    if (strcmp(path, "v1/groups") == 0)
        return page_of(r, json_array());
    if (strcmp(path, "v1/environments") == 0)
        return environments(r);
    if (strcmp(path, "v1/tags") == 0)
        return answer_json(r, 200,
                           json_pack("[{s:s, s:s, s:n, s:s, s:s}]", "id", "1", "name", "Critical", "parent_id", "created_time",
                                     "2025-01-01T00:00:00Z", "updated_time", "2025-01-01T00:00:00Z"));
    if (strcmp(path, "v1/vanities") == 0)
        return vanities(r);
    if (strcmp(path, "v1/experimental/schedules") == 0)
        return answer_json(r, 200, json_pack("{s:[]}", "schedules"));
    if (strcmp(path, "v1/audit_logs") == 0)
        return answer_json(r, 200, json_pack("{s:{s:{s:n, s:n}}, s:[]}", "paging", "cursors", "previous", "next", "results"));
    return answer_json(r, 404,
                       json_pack("{s:s}", "error",
                                 "The requested method or endpoint does not exist or you do not have permission to perform this "
                                 "operation."));
}

static int api(struct request *r, const char *path)
{
    if (strcmp(path, "server_settings") == 0)
        return server_settings(r);
    if (!r->admin && !r->publisher)
        return answer_error(r, 401, 30, "We cannot authenticate you, please log in");
    if (cm_starts(path, "server_settings/scheduler"))
        return scheduler_settings(r);
    if (strcmp(path, "server_settings/applications") == 0)
        return answer_json(r, 200,
                           json_pack("{s:[s,s,s], s:s, s:s, s:b}", "access_types", "all", "logged_in", "acl", "run_as",
                                     "rstudio-connect", "run_as_group", "rstudio-connect", "run_as_current_user", 0));
    if (cm_starts(path, "v1/server_settings/"))
        return runtimes(r, path + 19);
    if (cm_starts(path, "server_settings/"))
        return runtimes(r, path + 16);
    if (strcmp(path, "v1/user") == 0 || strcmp(path, "me") == 0)
        return me(r);
    if (cm_starts(path, "v1/tasks/"))
        return api_task(r, path + 9);
    if (strcmp(path, "v1/system/caches/runtime") == 0)
        return api_caches(r);
    if (cm_starts(path, "v1/instrumentation/"))
        return api_usage(r, path + 19);
    if (strcmp(path, "v1/content") == 0 || cm_starts(path, "v1/content/") || strcmp(path, "v1/search/content") == 0)
        return api_content(r, path + 3);
    return small(r, path);
}

static int page(struct request *r, const struct item *i)
{
    if (!r->admin && !r->publisher) {
        if (i == NULL || !(i->index % 5 == 2 && !i->acl))
            return answer_text(r, 401, "text/html; charset=utf-8", "Posit Connect",
                               "<html><head><title>Log in</title></head></html>\n");
    }
    if (i == NULL || !i->published)
        return answer_text(r, 404, "text/html; charset=utf-8", "Posit Connect",
                           "<html><head><title>Not found</title></head></html>\n");
    if (i->acl)
        return answer_text(r, 403, "text/html; charset=utf-8", "Posit Connect",
                           "<html><head><title>Not authorized</title></head></html>\n");
    cm_autofree char *text =
        cm_fmt("<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n", i->title, i->title);
    return answer_text(r, 200, "text/html; charset=utf-8", "Posit Connect", text);
}

static int content_page(struct request *r)
{
    char guid[40];
    const char *from = r->path + 9;
    snprintf(guid, sizeof guid, "%.*s", (int)strcspn(from, "/"), from);
    return page(r, item_find(r->w, guid));
}

int api_serve(struct request *r)
{
    const char *path = r->path;
    if (drill_is(r->w, "api-slow") && !r->slowed) {
        r->slowed = true;
        request_suspend(r, cm_loop_now_ms(r->w->loop) + 150);
        return 1;
    }
    if (r->slowed && r->waits == NULL)
        r->resumed = false;
    if (drill_is(r->w, "license-expired") && r->pod != NULL)
        return answer_text(r, 402, "text/html", "Posit Connect", "<html><head><title>License expired</title></head></html>\n");
    if (strcmp(path, "/__ping__") == 0)
        return answer_json(r, 200, json_object());
    if (cm_starts(path, "/__api__/"))
        return api(r, path + 9);
    if (cm_starts(path, "/content/"))
        return content_page(r);
    for (size_t i = 0; i < r->w->item_count; i++)
        if (r->w->items[i].vanity[0] != '\0' && cm_starts(path, r->w->items[i].vanity))
            return page(r, &r->w->items[i]);
    if (strcmp(path, "/") == 0 || cm_starts(path, "/connect"))
        return answer_text(r, 200, "text/html; charset=utf-8", "Posit Connect",
                           "<!DOCTYPE html>\n<html><head><title>Posit Connect</title></head></html>\n");
    return answer_text(r, 404, "text/html; charset=utf-8", "Posit Connect", "<html><head><title>Not found</title></head></html>\n");
}
