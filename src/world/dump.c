/* world/dump.c: the state of a world as one canonical JSON: sorted, without times, ids, ports and names of pods, so that two runs can be
 * compared. Reads DIR only; the world may run or not. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

static void set(json_t *o, const char *key, json_t *taken) { json_object_set_new(o, key, taken); }

static json_t *units(const struct world *w)
{
    json_t *out = json_object(), *unit;
    const char *host;
    json_object_foreach(json_object_get(w->state[STATE_VM], "units"), host, unit)
        set(out, host,
            json_pack("{s:s, s:s}", "active", cm_json_text(unit, "active", ""), "enabled", cm_json_text(unit, "enabled", "")));
    return out;
}

static json_t *temporary_settings(const char *gcfg)
{
    static const char *const keys[] = {"scheduler.minprocesseslimit", "applications.scheduleconcurrency",
                                       "applications.pythonenvironmentreaping"};
    char *problem = NULL;
    cm_autojson read = gcfg_read(gcfg, &problem);
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = read != NULL ? gcfg_last(read, keys[i]) : NULL;
        set(out, keys[i], value != NULL ? json_string(value) : json_null());
    }
    free(problem);
    return out;
}

static json_t *releases(const struct world *w)
{
    json_t *out = json_array(), *r;
    size_t i;
    json_array_foreach(w->releases, i, r)
    {
        const char *purpose = json_string_value(json_object_get(json_object_get(r, "labels"), "connect-migrate/purpose"));
        json_array_append_new(out, json_pack("{s:s, s:I, s:s, s:s, s:o}", "name", cm_json_text(r, "name", ""), "revision",
                                             (json_int_t)cm_json_int(r, "revision", 0), "status", cm_json_text(r, "status", ""),
                                             "purpose", purpose != NULL ? purpose : "", "temporary",
                                             temporary_settings(chart_gcfg(json_object_get(r, "manifests")))));
    }
    return out;
}

static json_t *pods(const struct world *w)
{
    json_t *out = json_array(), *o;
    size_t i;
    json_array_foreach(w->state[STATE_OBJECTS], i, o)
    {
        if (strcmp(cm_json_text(o, "kind", ""), "Pod") != 0)
            continue;
        const char *release = json_string_value(json_object_get(cm_json_at(o, "metadata.labels"), "app.kubernetes.io/instance"));
        const json_t *box = json_array_get(cm_json_at(o, "status.containerStatuses"), 0);
        json_array_append_new(out, json_pack("{s:s, s:s, s:b}", "release", release != NULL ? release : "", "phase",
                                             cm_json_text(o, "status.phase", ""), "ready", cm_json_bool(box, "ready", false)));
    }
    return out;
}

static json_t *labels(const struct world *w)
{
    json_t *out = json_object(), *o;
    size_t i;
    json_array_foreach(w->state[STATE_OBJECTS], i, o)
    {
        const json_t *all = cm_json_at(o, "metadata.labels");
        if (strcmp(cm_json_text(o, "kind", ""), "ServiceAccount") == 0)
            set(out, object_name(o), all != NULL ? json_deep_copy(all) : json_object());
    }
    return out;
}

static json_t *others(const struct world *w)
{
    json_t *out = json_object(), *o;
    size_t i;
    json_array_foreach(w->state[STATE_OBJECTS], i, o)
    {
        const char *kind = cm_json_text(o, "kind", "");
        if (strcmp(kind, "Pod") != 0 && strcmp(kind, "Event") != 0 && strcmp(kind, "ServiceAccount") != 0) {
            json_t *list = json_object_get(out, kind);
            if (list == NULL) {
                list = json_array();
                set(out, kind, list);
            }
            json_array_append_new(list, json_string(object_name(o)));
        }
    }
    return out;
}

static json_t *built(const struct world *w)
{
    json_t *out = json_object(), *job;
    size_t i;
    json_array_foreach(w->jobs, i, job)
    {
        const char *guid = cm_json_text(job, "content_guid", "");
        if (cm_json_int(job, "exit_code", -1) == 0)
            set(out, guid, json_integer(json_integer_value(json_object_get(out, guid)) + 1));
    }
    return out;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static json_t *sorted(json_t *list_taken)
{
    size_t n = json_array_size(list_taken);
    char **texts = cm_alloc((n + 1) * sizeof *texts);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        texts[i] = json_dumps(json_array_get(list_taken, i), JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    qsort(texts, n, sizeof *texts, by_text);
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(out, json_loads(texts[i], JSON_DECODE_ANY, NULL));
        free(texts[i]);
    }
    free(texts);
    json_decref(list_taken);
    return out;
}

static json_t *in_force(struct world *w)
{
    const json_t *map = NULL;
    size_t i;
    json_t *o;
    json_array_foreach(w->state[STATE_OBJECTS], i,
                       o) if (strcmp(cm_json_text(o, "kind", ""), "ConfigMap") == 0 &&
                              json_object_get(json_object_get(o, "data"), "rstudio-connect.gcfg") != NULL) map = o;
    const char *gcfg = json_string_value(json_object_get(json_object_get(map, "data"), "rstudio-connect.gcfg"));
    return map != NULL ? temporary_settings(gcfg != NULL ? gcfg : "") : json_null();
}

int world_dump(const char *dir, struct cm_err **err)
{
    struct world w = {.dir = cm_path_absolute(dir)};
    cm_autofree char *info = world_path(&w, "world.json");
    cm_autofree char *marker = world_path(&w, "vm" WORLD_DATA_DIR "/.connect-migrate");
    if (!cm_file_exists(info))
        return cm_fail(err, CM_E_USAGE, "there is no world in %s", dir);
    if (state_load(&w, err) != 0 || builds_open(&w, err) != 0)
        return -1;
    cm_autojson out = json_pack(
        "{s:o, s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "nodes", units(&w), "marker", cm_file_exists(marker), "access",
        cm_json_text(w.state[STATE_VM], "access", ""), "backup", cm_json_text(w.state[STATE_VM], "backup", NULL) != NULL,
        "releases", releases(&w), "pods", sorted(pods(&w)), "serviceaccounts", labels(&w), "objects", others(&w), "caches",
        sorted(json_incref(json_object_get(w.state[STATE_CONNECT], "caches"))), "built", built(&w), "settings", in_force(&w));
    json_t *list;
    const char *kind;
    json_object_foreach(json_object_get(out, "objects"), kind, list)
        json_object_set_new(json_object_get(out, "objects"), kind, sorted(json_incref(list)));
    cm_autofree char *text = json_dumps(out, JSON_INDENT(1) | JSON_SORT_KEYS);
    printf("%s\n", text);
    for (int i = 0; i < STATE_COUNT; i++)
        json_decref(w.state[i]);
    json_decref(w.releases);
    json_decref(w.jobs);
    json_decref(w.job_index);
    free(w.dir);
    return 0;
}
