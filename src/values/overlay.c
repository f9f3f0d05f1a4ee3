/* values/overlay.c: the temporary settings as one more values file, and what they were before. Does not: apply it.
 *
 * helm merges sections and settings by their exact spelling, Connect reads them without case: the overlay has to use the spelling of
 * the user's own values, or both would be rendered and the later of the two, in byte order, would win. */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "values/config.h"
#include "values/overlay.h"
#include "values/quote.h"
#include "values/rendered.h"

struct found {
    const char *section, *key;  /* spelling to use */
    const struct cm_yaml *node; /* the value in force; NULL: absent */
    const struct cm_yaml_doc *doc;
};

static void search_section(struct found *f, const struct cm_yaml_doc *doc, const struct cm_yaml *keys, const char *key)
{
    for (size_t i = 0; keys->type == CM_YAML_MAP && i < keys->count; i++) {
        const char *spelled = keys->keys[i]->text;
        if (!cm_gcfg_same_name(spelled, key) || (f->node && strcmp(spelled, f->key) < 0))
            continue;
        f->key = spelled;
        f->node = keys->items[i];
        f->doc = doc;
    }
}

/* Later files win over earlier ones; within one file the spelling that is rendered last does, which is the last in byte order. */
static struct found search(const struct cm_yaml_doc *const *bases, const char *section, const char *key)
{
    struct found f = {0};
    cm_setting_spelling(section, key, &f.section, &f.key);
    const char *spelling = NULL;
    for (; bases && *bases; bases++) {
        const struct cm_yaml *config = cm_yaml_get(cm_yaml_root(*bases), "config");
        for (size_t i = 0; config && config->type == CM_YAML_MAP && i < config->count; i++) {
            const char *title = config->keys[i]->text;
            if (!cm_gcfg_same_name(title, section) || (spelling && strcmp(title, spelling) < 0))
                continue;
            spelling = title;
            f.section = title;
            search_section(&f, *bases, config->items[i], key);
        }
    }
    return f;
}

static json_t *original_of(const struct found *f)
{
    if (!f->node)
        return json_pack("{s:b}", "absent", 1);
    cm_autojson value = cm_yaml_json(f->doc, f->node);
    cm_autofree char *text = cm_rendered_text(value);
    cm_autofree char *list = text ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    cm_autofree char *place = cm_fmt("%s:%u:%u", cm_yaml_name(f->doc), f->node->line, f->node->column);
    return json_pack("{s:s, s:s}", "value", text ? text : list, "place", place);
}

/* One setting's line, in the text of its section: sections are put together by spelling. */
static int add_setting(json_t *sections, const struct found *f, const char *name, const json_t *value, struct cm_err **err)
{
    cm_autofree char *text = cm_rendered_text(value);
    if (!text || json_is_null(value)) {
        cm_fail(err, CM_E_USAGE, "temporary setting %s: a list, a map or null cannot be given for a while", name);
        cm_hint(err, "Write one value, for instance `%s: 0`.", name);
        return -1;
    }
    if (!cm_manifest_safe(text)) {
        cm_fail(err, CM_E_USAGE, "temporary setting %s: a character in its value cannot stand in a ConfigMap of the chart", name);
        cm_hint(err, "Take the control character or Unicode line break out of it.");
        return -1;
    }
    json_t *keys = json_object_get(sections, f->section);
    if (!keys) {
        keys = json_object();
        json_object_set_new(sections, f->section, keys);
    }
    cm_autofree char *exact = json_is_integer(value) ? cm_fmt("%lld", (long long)json_integer_value(value)) : NULL;
    cm_autofree char *quoted = cm_gcfg_quote(exact ? exact : text);
    json_object_set_new(keys, f->key, json_string(quoted));
    return 0;
}

static char *write_overlay(json_t *sections)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    const char *section, *key;
    json_t *keys, *value;
    cm_str_add(&s, "# Temporary settings for the migration. They are taken back at its end; do not keep this file.\nconfig:");
    cm_str_add(&s, json_object_size(sections) ? "\n" : " {}\n");
    json_object_foreach(sections, section, keys)
    {
        cm_str_add(&s, "  ");
        cm_yaml_add_key(&s, section);
        cm_str_add(&s, ":\n");
        json_object_foreach(keys, key, value)
        {
            cm_autofree char *text = cm_yaml_quote(json_string_value(value));
            cm_str_add(&s, "    ");
            cm_yaml_add_key(&s, key);
            cm_str_addf(&s, ": %s\n", text);
        }
    }
    return cm_str_take(&s);
}

int cm_overlay_make(const json_t *settings, const struct cm_yaml_doc *const *bases, char **text, json_t **originals,
                    struct cm_err **err)
{
    cm_autojson sections = json_object();
    cm_autojson before = json_object();
    cm_autojson own = json_deep_copy(settings);
    const char *name;
    json_t *value;
    json_object_foreach(own, name, value)
    {
        const char *dot = strrchr(name, '.');
        if (!dot || dot == name || !dot[1])
            return cm_fail(err, CM_E_USAGE, "temporary setting %s: expected SECTION.SETTING", name);
        cm_autofree char *section = cm_strndup(name, (size_t)(dot - name));
        struct found f = search(bases, section, dot + 1);
        if (add_setting(sections, &f, name, value, err) != 0)
            return -1;
        json_object_set_new(before, name, original_of(&f));
    }
    *text = write_overlay(sections);
    *originals = json_incref(before);
    return 0;
}

/* ---- what helm rendered ---- */

/* The documents of a stream: each begins behind a line "---". libyaml reads one at a time, so cut them here. */
static const char *next_document(const char *from, size_t *bytes)
{
    const char *p = from;
    while (*p) {
        const char *nl = strchr(p, '\n'), *next = nl ? nl + 1 : p + strlen(p);
        if (strncmp(p, "---", 3) == 0 && (p[3] == '\0' || strchr(" \t\r\n", p[3])) && p != from)
            break;
        p = next;
    }
    *bytes = (size_t)(p - from);
    return *p ? p : NULL;
}

static bool has_gcfg(const char *text, size_t bytes)
{
    static const char name[] = "rstudio-connect.gcfg:";
    return memmem(text, bytes, name, sizeof name - 1) != NULL;
}

char *cm_manifest_gcfg(const char *manifests, struct cm_err **err)
{
    for (const char *at = manifests, *next; at; at = next) {
        size_t bytes;
        next = next_document(at, &bytes);
        if (!has_gcfg(at, bytes))
            continue;
        cm_autoyaml doc = cm_yaml_parse(at, bytes, "rendered manifest", err);
        if (!doc)
            return NULL;
        const struct cm_yaml *root = cm_yaml_root(doc), *kind = cm_yaml_get(root, "kind"), *data = cm_yaml_get(root, "data");
        const struct cm_yaml *file = cm_yaml_get(data, "rstudio-connect.gcfg");
        if (kind && kind->type == CM_YAML_SCALAR && strcmp(kind->text, "ConfigMap") == 0 && file && file->type == CM_YAML_SCALAR)
            return cm_strdup(file->text);
    }
    return NULL;
}
