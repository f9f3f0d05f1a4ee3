/* plan/umbrella.c: a chart that has Connect's as a dependency: below which key of the values files Connect's values stand. Rule (helm,
 * pkg/chartutil/dependencies.go): the dependency's alias, else its name; a subchart of a subchart stands a key deeper. Does not: read
 * values files (actions/target.c). */
#include <config.h>

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/internal.h"

#define CONNECT_CHART "rstudio-connect"
enum { CHART_FILE_MAX = 1 << 20 };

/* "connect", "platform.connect"; a repository's address has '/', ':' or '@' in it. */
static bool is_key(const char *text)
{
    size_t n = strlen(text);
    bool letters = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
    return n > 0 && letters && *text != '.' && text[n - 1] != '.' && !strstr(text, "..");
}

const char *cm_plan_values_key(const struct cm_plan *p)
{
    const char *text = cm_plan_text(p, "target.values_at");
    return text && is_key(text) ? text : NULL;
}

char *cm_plan_dependency_key(const json_t *chart, size_t *several)
{
    const json_t *one;
    const char *found = NULL;
    size_t i, n = 0;
    json_array_foreach(json_object_get(chart, "dependencies"), i, one)
    {
        if (strcmp(cm_json_text(one, "name", ""), CONNECT_CHART) != 0)
            continue;
        const char *alias = cm_json_text(one, "alias", "");
        found = *alias ? alias : CONNECT_CHART;
        n++;
    }
    if (several)
        *several = n;
    return n == 1 ? cm_strdup(found) : NULL;
}

char *cm_plan_folder_key(const char *folder, size_t *several)
{
    cm_autofree char *path = cm_path_join(folder, "Chart.yaml");
    cm_autofree char *text = NULL;
    size_t bytes = 0;
    if (several)
        *several = 0;
    if (cm_file_read(path, CHART_FILE_MAX, &text, &bytes, NULL) < 0)
        return NULL;
    cm_autoyaml doc = cm_yaml_parse(text, bytes, path, NULL);
    cm_autojson described = doc && cm_yaml_root(doc) ? cm_yaml_json(doc, cm_yaml_root(doc)) : NULL;
    return cm_plan_dependency_key(described, several);
}

/* Of a chart in a folder; one in a repository is asked for by values.check. */
void cm_plan_derive_values_key(struct cm_reading *r)
{
    const char *chart = cm_plan_text(r->plan, "target.chart");
    if (!chart || *chart != '/' || cm_plan_node(r, "target.values_at"))
        return;
    cm_autofree char *key = cm_plan_folder_key(chart, NULL);
    cm_autofree char *path = cm_path_join(chart, "Chart.yaml");
    cm_autofree char *origin = cm_fmt("derived: the dependency " CONNECT_CHART " of %s", path);
    if (key && is_key(key))
        cm_plan_put(r->plan, "target.values_at", json_string(key), origin);
}
