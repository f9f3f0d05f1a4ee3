/* values/config_base.c: what the user's own values say already: settings under `config`, pod.env, pod.volumeMounts, sharedStorage.
 *
 * helm merges maps over files and replaces lists, the later file wins (helm's coalesce rules). Section and setting names are
 * compared as Connect does, without case. Does not: change anything. */
#include <config.h>

#include <string.h>

#include "values/config_work.h"
#include "values/rendered.h"

/* Split 'RPackageRepository "CRAN"' as a gcfg header would be. *sub is freed by the caller; NULL: none. */
static char *split_title(const char *title, char **sub)
{
    cm_autofree char *line = cm_fmt("[%s]\nx\n", title);
    struct cm_gcfg *g = cm_gcfg_new();
    char *section = NULL;
    *sub = NULL;
    if (!strchr(title, '\n') && cm_gcfg_add(g, line, strlen(line), "", NULL) == 0 && g->count == 1) {
        section = cm_strdup(g->list[0].in->section);
        *sub = cm_strdup(g->list[0].in->sub);
    }
    cm_gcfg_free(g);
    return section ? section : cm_strdup(title);
}

/* ---- through aliases and merge keys (<<), as YAML's readers see it ---- */

static const struct cm_yaml *followed(const struct cm_yaml *n) { return n && n->type == CM_YAML_ALIAS ? n->target : n; }

enum { MERGES_DEEP = 16 };

typedef void (*take_pair)(struct cm_config_work *w, struct cm_base_value v, const struct cm_yaml *key, const struct cm_yaml *value,
                          const void *more);

/* Those that are merged in first, so that what comes later replaces them. */
static void each_pair(struct cm_config_work *w, struct cm_base_value v, const struct cm_yaml *map, take_pair take, const void *more,
                      int depth)
{
    map = followed(map);
    const struct cm_yaml *merged = map ? followed(cm_yaml_get(map, "<<")) : NULL;
    if (!map || map->type != CM_YAML_MAP || depth > MERGES_DEEP)
        return;
    if (merged && merged->type == CM_YAML_MAP)
        each_pair(w, v, merged, take, more, depth + 1);
    for (size_t i = merged && merged->type == CM_YAML_LIST ? merged->count : 0; i > 0; i--)
        each_pair(w, v, merged->items[i - 1], take, more, depth + 1);
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i]->text, "<<") != 0)
            take(w, v, map->keys[i], followed(map->items[i]), more);
}

static void remember(struct cm_config_work *w, const char *name, const struct cm_base_value *v)
{
    size_t at;
    if (!cm_index_get(w->base_index, name, &at)) {
        w->base = cm_grow(w->base, &w->base_cap, w->base_count + 1, sizeof *w->base);
        at = w->base_count++;
        cm_index_put(w->base_index, name, at);
    }
    w->base[at] = *v;
}

struct title { const char *section, *sub; };

static void read_setting(struct cm_config_work *w, struct cm_base_value v, const struct cm_yaml *key, const struct cm_yaml *value,
                         const void *more)
{
    const struct title *in = more;
    cm_autofree char *name = cm_setting_name(in->section, in->sub, key->text);
    v.node = value;
    remember(w, name, &v);
}

static void read_section(struct cm_config_work *w, struct cm_base_value v, const struct cm_yaml *title, const struct cm_yaml *keys,
                         const void *more)
{
    (void)more;
    cm_autofree char *sub = NULL;
    cm_autofree char *section = split_title(title->text, &sub);
    v.section = title;
    cm_autofree char *section_name = cm_setting_name(section, sub, "");
    v.node = keys;
    remember(w, section_name, &v);
    each_pair(w, v, keys, read_setting, &(struct title){section, sub}, 0);
}

static const struct cm_yaml *resolve_path(const struct cm_yaml_doc *doc, const char *a, const char *b)
{
    const struct cm_yaml *n = cm_yaml_reach(cm_yaml_root(doc), a);
    return n && b ? cm_yaml_reach(n, b) : n;
}

static void read_document(struct cm_config_work *w, const struct cm_yaml_doc *doc, const char *file)
{
    const struct cm_yaml *config = resolve_path(doc, "config", NULL), *n;
    struct cm_base_value v = {.doc = doc, .file = file};
    each_pair(w, v, config, read_section, NULL, 0);
    if ((n = resolve_path(doc, "pod", "env"))) {
        w->base_env = n;
        w->env_doc = doc;
        w->env_file = file;
    }
    if ((n = resolve_path(doc, "pod", "volumeMounts"))) {
        w->base_mounts = n;
        w->mounts_doc = doc;
        w->mounts_file = file;
    }
    if ((n = resolve_path(doc, "sharedStorage", "path")) && n->type == CM_YAML_SCALAR && *n->text)
        w->data_path = n->text;
}

void cm_config_base_read(struct cm_config_work *w)
{
    w->data_path = "/var/lib/rstudio-connect";
    for (size_t i = 0; w->wish->base && w->wish->base[i]; i++)
        read_document(w, w->wish->base[i], w->wish->base_names ? w->wish->base_names[i] : cm_yaml_name(w->wish->base[i]));
}

const struct cm_base_value *cm_config_base_find(const struct cm_config_work *w, const char *section, const char *sub,
                                                const char *key)
{
    if (!w->base_count)
        return NULL;
    cm_autofree char *name = cm_setting_name(section, sub, key);
    size_t at;
    return cm_index_get(w->base_index, name, &at) ? &w->base[at] : NULL;
}

const char *cm_config_base_section(const struct cm_config_work *w, const char *section, const char *sub)
{
    const struct cm_base_value *v = cm_config_base_find(w, section, sub, "");
    return v ? v->section->text : NULL;
}

bool cm_config_base_has_env(const struct cm_config_work *w, const char *variable)
{
    for (size_t i = 0; w->base_env && w->base_env->type == CM_YAML_LIST && i < w->base_env->count; i++) {
        const struct cm_yaml *name = cm_yaml_get(w->base_env->items[i], "name");
        if (name && name->type == CM_YAML_SCALAR && strcmp(name->text, variable) == 0)
            return true;
    }
    return false;
}

const char *cm_config_base_mount(const struct cm_config_work *w, const char *path)
{
    for (size_t i = 0; w->base_mounts && w->base_mounts->type == CM_YAML_LIST && i < w->base_mounts->count; i++) {
        const struct cm_yaml *mount = cm_yaml_get(w->base_mounts->items[i], "mountPath");
        if (!mount || mount->type != CM_YAML_SCALAR)
            continue;
        size_t n = strlen(mount->text);
        while (n > 1 && mount->text[n - 1] == '/')
            n--;
        if (strncmp(path, mount->text, n) == 0 && (path[n] == '\0' || path[n] == '/'))
            return cm_arena_fmt(w->m->arena, "%s:%u:%u", w->mounts_file, mount->line, mount->column);
    }
    return NULL;
}

char *cm_config_place(struct cm_config_work *w, const struct cm_base_value *v)
{
    return cm_arena_fmt(w->m->arena, "%s:%u:%u", v->file, v->node->line, v->node->column);
}

/* Print the value as the chart does, then read that as Connect does. */
json_t *cm_config_base_values(const struct cm_base_value *v)
{
    cm_autojson value = cm_yaml_json(v->doc, v->node);
    json_t *values = json_array();
    struct cm_str lines = CM_STR(CM_STR_BIG);
    cm_str_add(&lines, "[S]\n");
    for (size_t i = 0; i < (json_is_array(value) ? json_array_size(value) : 1); i++) {
        cm_autofree char *text = cm_rendered_text(json_is_array(value) ? json_array_get(value, i) : value);
        cm_str_addf(&lines, "K = %s\n", text ? text : "");
    }
    struct cm_gcfg *g = cm_gcfg_new();
    if (cm_gcfg_add(g, cm_str_text(&lines), lines.len, "", NULL) == 0)
        for (size_t i = 0; i < g->count; i++)
            json_array_append_new(values, json_string(g->list[i].value ? g->list[i].value : "true"));
    cm_gcfg_free(g);
    cm_str_fini(&lines);
    return values;
}
