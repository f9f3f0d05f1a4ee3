/* world/content.c: the content that was published on the old server, made anew from the seed at each start: the same seed and count
 * give the same items. Shapes are those of the Connect Server API (v1/content). */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "world/world.h"

enum { R = 1, PY = 2, QUARTO = 4 };

static const struct {
    const char *mode, *what;
    int uses;
} modes[] = {
    {"shiny", "Dashboard", R},
    {"python-fastapi", "Scoring API", PY},
    {"quarto-static", "Weekly report", QUARTO | PY},
    {"rmd-static", "Quality report", R},
    {"static", "Handbook", 0},
    {"python-streamlit", "Explorer", PY},
    {"api", "Plumber API", R},
    {"python-dash", "Sales board", PY},
    {"jupyter-static", "Notebook", PY},
    {"quarto-shiny", "Planner", QUARTO | R},
    {"python-shiny", "Simulator", PY},
    {"rmd-shiny", "Survey", R},
};
static const char *const r_versions[] = {"4.4.3", "4.5.1", "4.4.1"};
static const char *const py_versions[] = {"3.12.11", "3.13.5", "3.12.4"};
static const char *const fields[] = {"Finance", "Logistics", "Clinical", "Marketing", "Forecasting", "Research", "Safety"};

static void make_guid(char out[40], uint64_t a, uint64_t b)
{
    snprintf(out, 40, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffffu, (unsigned)a & 0xfffu,
             0x8000u | ((unsigned)(b >> 48) & 0x3fffu), (unsigned long long)(b & 0xffffffffffffu));
}

static void make_item(const struct world *w, struct item *i, size_t index)
{
    uint64_t h = world_hash(w->options.seed, index + 1000);
    size_t m = index < 6 ? index : (size_t)(h % (sizeof modes / sizeof *modes));
    *i = (struct item){.index = index,
                       .mode = modes[m].mode,
                       .published = index % 17 != 5,
                       .acl = index % 11 == 3,
                       .owner = (int)(index % 3),
                       .min_processes = index % 13 == 0 ? 2 : 0};
    make_guid(i->guid, h, world_hash(h, 3));
    size_t v = index < 6 ? index % 2 : (size_t)((h >> 8) % 3);
    i->r_version = (modes[m].uses & R) != 0 ? r_versions[v] : NULL;
    i->py_version = (modes[m].uses & PY) != 0 ? py_versions[v] : NULL;
    i->quarto_version = (modes[m].uses & QUARTO) != 0 ? "1.6.42" : NULL;
    i->weight = (int)(1000 / (1 + (world_hash(h, 9) % 40)));
    if (index == 0)
        i->weight = 4000;
    snprintf(i->title, sizeof i->title, "%s %s %zu", fields[(h >> 16) % (sizeof fields / sizeof *fields)], modes[m].what,
             index + 1);
    snprintf(i->name, sizeof i->name, "item-%zu", index + 1);
    if (index % 9 == 1)
        snprintf(i->vanity, sizeof i->vanity, "/team-%zu/", index + 1);
    if (!i->published)
        i->mode = "unknown";
}

void content_make(struct world *w)
{
    w->item_count = (size_t)w->options.content;
    w->items = cm_alloc((w->item_count + 1) * sizeof *w->items);
    w->item_index = json_object();
    for (size_t i = 0; i < w->item_count; i++) {
        make_item(w, &w->items[i], i);
        json_object_set_new(w->item_index, w->items[i].guid, json_integer((json_int_t)i));
    }
}

struct item *item_find(struct world *w, const char *guid)
{
    const json_t *at = json_object_get(w->item_index, guid);
    return at != NULL ? &w->items[json_integer_value(at)] : NULL;
}

bool item_builds(const struct item *i)
{
    return i->published && (i->r_version != NULL || i->py_version != NULL || i->quarto_version != NULL);
}

const char *owner_guid(const struct world *w, int owner, char out[40])
{
    make_guid(out, world_hash(w->options.seed, 500 + (uint64_t)owner), world_hash(77, (uint64_t)owner));
    return out;
}

json_t *owner_json(const struct world *w, int owner)
{
    static const char *const names[][3] = {{"ann", "Ann", "Arbor"}, {"bob", "Bob", "Bergen"}, {"carol", "Carol", "Cordoba"}};
    char guid[40];
    return json_pack("{s:s, s:s, s:s, s:s}", "guid", owner_guid(w, owner, guid), "username", names[owner][0], "first_name",
                     names[owner][1], "last_name", names[owner][2]);
}

/* What a pod of a real cluster reads of them: the chart's ConfigMap. */
static json_t *images_of_config_map(struct world *w)
{
    size_t i;
    json_t *o, *found = NULL;
    json_array_foreach(w->state[STATE_OBJECTS], i, o)
    {
        const char *text = json_string_value(json_object_get(json_object_get(o, "data"), "environments.yaml"));
        if (strcmp(cm_json_text(o, "kind", ""), "ConfigMap") != 0 || text == NULL)
            continue;
        json_decref(found);
        found = yaml_value(text, strlen(text), "environments.yaml", NULL);
    }
    return found;
}

/* What content runs in: the deployed release's executionEnvironments. New reference. */
json_t *content_images(struct world *w)
{
    size_t i;
    json_t *r, *found = NULL;
    json_array_foreach(w->releases, i, r) if (strcmp(cm_json_text(r, "status", ""), "deployed") == 0) found =
        json_object_get(json_object_get(r, "values"), "executionEnvironments");
    found = found != NULL ? json_incref(found) : images_of_config_map(w);
    if (json_is_array(found))
        return found;
    json_decref(found);
    return json_array();
}

static bool has_version(const json_t *image, const char *language, const char *wanted, int exactness)
{
    size_t i;
    json_t *one;
    size_t n = exactness == 0 ? strlen(wanted) + 1 : strcspn(wanted, ".");
    if (exactness == 1)
        n += 1 + strcspn(wanted + n + 1, ".");
    json_array_foreach(json_object_get(json_object_get(image, language), "installations"), i, one)
    {
        const char *version = cm_json_text(one, "version", "");
        if (exactness == 3 || strncmp(version, wanted, n) == 0)
            return true;
    }
    return false;
}

/* R: nearest; Python: any of the same major; Quarto: any (Connect's defaults for matching). */
static bool fits(const json_t *image, const struct item *i, int exactness)
{
    if (i->r_version != NULL && !has_version(image, "r", i->r_version, exactness == 2 ? 3 : exactness))
        return false;
    if (i->py_version != NULL && !has_version(image, "python", i->py_version, exactness))
        return false;
    return i->quarto_version == NULL || has_version(image, "quarto", i->quarto_version, 3);
}

char *item_image(struct world *w, const struct item *i, char **why)
{
    cm_autojson images = content_images(w);
    size_t k;
    json_t *image;
    for (int exactness = 0; exactness < 3; exactness++)
        json_array_foreach(images, k, image) if (fits(image, i, exactness)) return cm_strdup(cm_json_text(image, "name", ""));
    *why = cm_fmt("Cannot find compatible environment: no compatible Kubernetes environment with %s version %s",
                  i->py_version != NULL  ? "Python"
                  : i->r_version != NULL ? "R"
                                         : "Quarto",
                  i->py_version != NULL  ? i->py_version
                  : i->r_version != NULL ? i->r_version
                                         : i->quarto_version);
    return NULL;
}

static json_t *text_or_null(const char *text) { return text != NULL && text[0] != '\0' ? json_string(text) : json_null(); }

static void set_nulls(json_t *o, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        json_object_set_new(o, *keys, json_null());
}

static void set_includes(const struct request *r, const struct item *i, const char *include, json_t *o)
{
    cm_autofree char *copy = cm_strdup(include != NULL ? include : "");
    char *rest = copy;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        if (strcmp(word, "owner") == 0)
            json_object_set_new(o, "owner", owner_json(r->w, i->owner));
        else if (strcmp(word, "tags") == 0)
            json_object_set_new(o, "tags",
                                i->index % 4 == 0 ? json_pack("[{s:s, s:s, s:n}]", "id", "1", "name", "Critical", "parent_id")
                                                  : json_array());
        else if (strcmp(word, "vanity_url") == 0)
            json_object_set_new(o, "vanity_url", i->vanity[0] != '\0' ? json_string(i->vanity) : json_null());
    }
}

json_t *item_json(const struct request *r, const struct item *i, const char *include)
{
    static const char *const nulls[] = {"connection_timeout",
                                        "read_timeout",
                                        "init_timeout",
                                        "idle_timeout",
                                        "max_processes",
                                        "max_conns_per_process",
                                        "load_factor",
                                        "cpu_request",
                                        "cpu_limit",
                                        "memory_request",
                                        "memory_limit",
                                        "amd_gpu_limit",
                                        "nvidia_gpu_limit",
                                        "service_account_name",
                                        "default_image_name",
                                        "default_environment_guid",
                                        "environment_guid",
                                        "node_version",
                                        "r_environment_management",
                                        "default_r_environment_management",
                                        "py_environment_management",
                                        "default_py_environment_management",
                                        "run_as",
                                        NULL};
    const char *host = "https://connect.example.com";
    char guid[40], created[32], deployed[32];
    cm_autofree char *bundle = cm_fmt("%zu", 100 + i->index * 3);
    cm_autofree char *id = cm_fmt("%zu", 10 + i->index);
    cm_autofree char *url = cm_fmt("%s/content/%s/", host, i->guid);
    cm_autofree char *dashboard = cm_fmt("%s/connect/#/apps/%s", host, i->guid);
    snprintf(created, sizeof created, "2025-%02zu-%02zuT08:00:00Z", 1 + i->index % 12, 1 + i->index % 28);
    snprintf(deployed, sizeof deployed, "2026-%02zu-%02zuT09:30:00Z", 1 + i->index % 8, 1 + i->index % 27);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:b, s:s, s:s, s:s, s:s, s:s}", "guid",
                          i->guid, "name", i->name, "title", i->title, "description", "", "access_type",
                          i->acl              ? "acl"
                          : i->index % 5 == 2 ? "all"
                                              : "logged_in",
                          "locked", i->locked, "locked_message", "", "created_time", created, "last_deployed_time", deployed,
                          "app_mode", i->mode, "content_category", "", "parameterized", 0, "bundle_id",
                          i->published ? json_string(bundle) : json_null(), "run_as_current_user", 0, "owner_guid",
                          owner_guid(r->w, i->owner, guid), "content_url", url, "dashboard_url", dashboard, "app_role",
                          i->acl ? "viewer" : "editor", "id", id);
    set_nulls(o, nulls);
    json_object_set_new(o, "min_processes", i->min_processes > 0 ? json_integer(i->min_processes) : json_null());
    json_object_set_new(o, "r_version", text_or_null(i->r_version));
    json_object_set_new(o, "py_version", text_or_null(i->py_version));
    json_object_set_new(o, "quarto_version", text_or_null(i->quarto_version));
    json_object_set_new(o, "extension", json_false());
    char *why = NULL;
    cm_autofree char *image = r->pod != NULL && item_builds(i) ? item_image(r->w, i, &why) : NULL;
    free(why);
    json_object_set_new(o, "cluster_name", !i->published ? json_null() : json_string(r->pod != NULL ? "Kubernetes" : "Local"));
    json_object_set_new(o, "image_name", r->pod != NULL ? text_or_null(image) : i->published ? json_string("Local") : json_null());
    set_includes(r, i, include, o);
    return o;
}
