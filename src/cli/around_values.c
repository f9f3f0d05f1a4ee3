/* cli/around_values.c: the values files of this folder, and what they tell: the license, the Launcher, the key that Connect's values
 * stand below (cli/around.h). */
#include <config.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"
#include "cli/around.h"
#include "plan/plan.h"
#include "values/config.h"

enum { FILES_MAX = 16 };

static const struct cm_yaml *at(const struct cm_yaml *node, const char *path)
{
    while (node && *path) {
        size_t n = strcspn(path, ".");
        cm_autofree char *key = cm_strndup(path, n);
        node = cm_yaml_get(node, key);
        node = node && node->type == CM_YAML_ALIAS ? node->target : node;
        path += n + (path[n] == '.');
    }
    return node;
}

/* Said and not false, null, "" or empty, as the chart's templates see it. */
static bool is_given(const struct cm_yaml_doc *doc, const struct cm_yaml *n)
{
    if (!n)
        return false;
    cm_autojson value = cm_yaml_json(doc, n);
    return json_is_string(value)       ? *json_string_value(value) != '\0'
           : n->type != CM_YAML_SCALAR ? n->count > 0
                                       : json_is_true(value);
}

/* ---- the license ---- */

static void look_license(struct cm_around *a, const struct cm_yaml_doc *doc, const char *file)
{
    static const struct {
        const char *path, *mode;
    } ways[] = {
        {"license.server", "server"}, {"license.key", "key"}, {"license.file.secret", "file"}, {"license.file.contents", "file"}};
    const struct cm_yaml *root = cm_yaml_root(doc);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (is_given(doc, at(root, ways[i].path)))
            cm_around_say(a, "license.mode", ways[i].mode, "%s is set in %s", ways[i].path, file);
}

/* ---- the Launcher ---- */

/* Until chart 0.20.0 a launcher section without `enabled` was in force (the chart's NEWS). NULL: no Launcher here. */
static const struct cm_yaml *launcher_in(const struct cm_yaml_doc *doc, const char **how)
{
    const struct cm_yaml *root = cm_yaml_root(doc), *section = at(root, "launcher"), *enabled = at(root, "launcher.enabled");
    *how = "launcher.enabled is true";
    if (enabled)
        return is_given(doc, enabled) ? enabled : NULL;
    *how = "Launcher.Enabled is true";
    if (is_given(doc, at(root, "config.Launcher.Enabled")))
        return at(root, "config.Launcher.Enabled");
    *how = "a launcher section; before chart 0.20.1 it was in force without launcher.enabled";
    return is_given(doc, section) && !is_given(doc, at(root, "backends.kubernetes.enabled")) ? section : NULL;
}

static void look_launcher(struct cm_around *a, const struct cm_yaml_doc *doc, const char *file)
{
    const char *how = NULL;
    const struct cm_yaml *n = launcher_in(doc, &how);
    if (!n)
        return;
    if (cm_around_value(a, "source.hosts"))
        cm_around_remark(a, "target.values", "%s:%u:%u: %s; the migration converts it for the direct runner on the way, in a copy",
                         file, n->line, n->column, how);
    else
        cm_around_say(a, "runbook", "launcher-to-kubernetes-runner", "%s:%u:%u: %s", file, n->line, n->column, how);
}

/* ---- a chart of their own, that has Connect's as a dependency ---- */

/* Of a folder that is such a chart: its values stand below the dependency's alias, or its name. That key; caller frees; NULL: none. */
static char *look_chart(struct cm_around *a)
{
    size_t several = 0;
    char *key = cm_plan_folder_key(".", &several);
    cm_autofree char *scalar = key ? cm_around_scalar(key) : NULL;
    if (several == 0)
        return NULL;
    cm_around_say(a, "target.chart", "./.", "the Chart.yaml of this folder has rstudio-connect as a dependency");
    if (scalar)
        cm_around_say(a, "target.values_at", scalar, "the dependency's alias in the Chart.yaml, or its name");
    else
        cm_around_remark(
            a, "target.values_at",
            "the Chart.yaml has rstudio-connect as a dependency more than once: say the alias of the one that is meant");
    return key;
}

/* Connect's values below a key of the file, which is the chart's where there is one: from now on that is its root. A key with a dot cannot be
 * said in the plan. */
static void look_below(struct cm_around *a, struct cm_yaml_doc *doc, const char *file, const char *of_the_chart)
{
    const char *key = NULL;
    if (of_the_chart) {
        cm_yaml_begin_below(doc, of_the_chart);
        return;
    }
    if (cm_config_merge_at(doc, NULL, &key, NULL) < 0 || !key)
        return;
    cm_autofree char *scalar = strchr(key, '.') ? NULL : cm_around_scalar(key);
    if (scalar)
        cm_around_say(a, "target.values_at", scalar, "Connect's values stand below this key in %s", file);
    if (!cm_around_value(a, "target.chart"))
        cm_around_remark(
            a, "target.chart",
            "the values in %s are for a chart that has rstudio-connect as a dependency: which one? A folder (./platform), REPO/NAME, or oci://",
            file);
}

/* ---- the files ---- */

static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

/* values.yaml, values.prod.yaml, connect-values.yml; not what a run writes. */
static bool is_values_file(const char *name)
{
    bool yaml = cm_ends(name, ".yaml") || cm_ends(name, ".yml");
    bool ours = strcmp(name, "values.config.yaml") == 0 || strcmp(name, "values.temporary.yaml") == 0;
    return yaml && !ours && *name != '.' && (cm_starts(name, "values") || strstr(name, "-values.") || strstr(name, ".values."));
}

static size_t find_files(char **files)
{
    DIR *d = opendir(".");
    size_t n = 0;
    for (struct dirent *e; d && n < FILES_MAX && (e = readdir(d));)
        if (is_values_file(e->d_name))
            files[n++] = cm_strdup(e->d_name);
    if (d)
        closedir(d);
    if (n)
        qsort(files, n, sizeof *files, by_name);
    return n;
}

static void look_into(struct cm_around *a, const char *file, const char *of_the_chart)
{
    cm_autoerr why = NULL;
    cm_autoyaml doc = cm_yaml_load(file, &why);
    if (!doc) {
        cm_around_remark(a, "target.values", "%s", cm_err_message(why));
        return;
    }
    look_below(a, doc, file, of_the_chart);
    look_launcher(a, doc, file);
    look_license(a, doc, file);
}

void cm_around_values(struct cm_around *a)
{
    char *files[FILES_MAX] = {NULL};
    size_t n = find_files(files), first = n;
    cm_autofree char *of_the_chart = look_chart(a);
    for (size_t i = 0; i < n; i++)
        if (strcmp(files[i], "values.yaml") == 0 || n == 1)
            first = i;
    if (first < n) {
        const char *const list[] = {files[first], NULL};
        cm_autofree char *text = cm_around_list(list);
        cm_around_say(a, "target.values", text, "it lies in this folder, and so must the plan");
    }
    for (size_t i = 0; i < n; i++) {
        if (i != first)
            cm_around_remark(a, "target.values", "%s lies here too: is helm given it, and in which order?", files[i]);
        look_into(a, files[i], of_the_chart);
        free(files[i]);
    }
}
