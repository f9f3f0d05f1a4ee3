/* actions/manifests.c: what helm rendered, object by object. helm's own output is compared as text, since the same program made both
 * sides; the question whether only some settings change is asked of the objects.
 *
 * Names of settings and of environment variables tell what is secret (values/settings.h); every value of a Secret is. */
#include <config.h>

#include "actions/manifests.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/text_diff.h"
#include "base/yaml.h"
#include "values/gcfg.h"
#include "values/settings.h"

#define GCFG "rstudio-connect.gcfg"
enum { DEEPEST = 40, PATHS_MOST = 20 };

/* ---- reading ---- */

static int by_name(const void *a, const void *b)
{
    const struct cm_manifest *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void add(struct cm_manifests *m, const char *text, size_t bytes)
{
    cm_autoyaml doc = cm_yaml_parse(text, bytes, "manifest", NULL);
    cm_autojson json = doc == NULL || cm_yaml_root(doc) == NULL ? NULL : cm_yaml_json(doc, cm_yaml_root(doc));
    const char *kind = cm_json_text(json, "kind", NULL);
    if (kind == NULL)
        return;
    struct cm_manifest *list = realloc(m->list, (m->count + 1) * sizeof *list);
    if (list == NULL)
        return;
    m->list = list;
    m->list[m->count++] = (struct cm_manifest){.name = cm_fmt("%s %s", kind, cm_json_text(json, "metadata.name", "?")),
                                               .text = cm_strndup(text, bytes),
                                               .json = json_incref(json)};
}

static bool is_separator(const char *line) { return strncmp(line, "---", 3) == 0 && strchr(" \t\r\n", line[3]) != NULL; }

void cm_manifests_read(struct cm_manifests *m, const char *stream)
{
    *m = (struct cm_manifests){0};
    for (const char *from = stream; *from != '\0';) {
        const char *line = from + (is_separator(from) ? strcspn(from, "\n") : 0), *begin = line + (*line == '\n');
        for (line = begin; *line != '\0' && !is_separator(line);) {
            line += strcspn(line, "\n");
            line += *line == '\n';
        }
        add(m, begin, (size_t)(line - begin));
        from = line;
    }
    if (m->count > 0)
        qsort(m->list, m->count, sizeof *m->list, by_name);
}

void cm_manifests_fini(struct cm_manifests *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->list[i].name);
        free(m->list[i].text);
        json_decref(m->list[i].json);
    }
    free(m->list);
    *m = (struct cm_manifests){0};
}

const struct cm_manifest *cm_manifests_find(const struct cm_manifests *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->list[i].name, name) == 0)
            return &m->list[i];
    return NULL;
}

/* ---- masking ---- */

struct masker {
    json_t *numbers;      /* {VALUE: number}; both sides share it */
    bool name_was_secret; /* "- name: DB_PASSWORD": the next value: is one */
};

static void put_masked(struct masker *m, struct cm_str *out, const char *value, size_t bytes)
{
    cm_autofree char *key = cm_strndup(value, bytes);
    json_t *number = json_object_get(m->numbers, key);
    if (number == NULL) {
        json_object_set_new(m->numbers, key, json_integer((json_int_t)json_object_size(m->numbers) + 1));
        number = json_object_get(m->numbers, key);
    }
    cm_str_addf(out, "***%d", (int)json_integer_value(number));
}

static bool name_is_secret(const char *name, size_t n)
{
    cm_autofree char *plain = cm_alloc(n + 1);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) /* DB_PASSWORD, db-password */
        if (name[i] != '_' && name[i] != '-' && name[i] != '"' && name[i] != '\'')
            plain[k++] = name[i];
    return k > 0 && cm_setting_sounds_secret(plain);
}

/* A line `key: value` or `key = value`: where its value begins; 0: it is none, or has no value of its own. */
static size_t value_at(const char *line, size_t n, size_t *key_from, size_t *key_to)
{
    size_t from = 0, at;
    while (from < n && strchr(" \t-", line[from]) != NULL)
        from++;
    for (at = from; at < n && strchr(":=\t ", line[at]) == NULL;)
        at++;
    *key_from = from;
    *key_to = at;
    while (at < n && line[at] == ' ')
        at++;
    if (at == n || (line[at] != ':' && line[at] != '='))
        return 0;
    for (at++; at < n && line[at] == ' ';)
        at++;
    return at < n ? at : 0;
}

static void mask_line(struct masker *m, struct cm_str *out, const char *line, size_t n)
{
    size_t from, to, at = value_at(line, n, &from, &to);
    const char *key = line + from;
    size_t key_bytes = to - from;
    bool is_value = key_bytes == 5 && strncmp(key, "value", 5) == 0;
    if (at > 0 && (name_is_secret(key, key_bytes) || (is_value && m->name_was_secret))) {
        cm_str_add_bytes(out, line, at);
        put_masked(m, out, line + at, n - at);
    } else {
        cm_str_add_bytes(out, line, n);
    }
    cm_str_add(out, "\n");
    if (key_bytes == 4 && strncmp(key, "name", 4) == 0)
        m->name_was_secret = at > 0 && name_is_secret(line + at, n - at);
    else if (is_value)
        m->name_was_secret = false;
}

static void mask_text(struct masker *m, struct cm_str *out, const char *text)
{
    m->name_was_secret = false;
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        mask_line(m, out, line, n);
        line += n + (line[n] == '\n');
    }
}

/* Of a Secret only the names of its keys, and which values are the same; never a byte of them, however it was written. */
static void secret_text(struct masker *m, struct cm_str *out, const json_t *secret)
{
    static const char *const parts[] = {"data", "stringData"};
    const char *key;
    json_t *value;
    for (size_t i = 0; i < 2; i++) {
        if (json_object_get(secret, parts[i]) != NULL)
            cm_str_addf(out, "%s:\n", parts[i]);
        json_object_foreach(json_object_get(secret, parts[i]), key, value)
        {
            cm_autofree char *text = cm_json_canonical(value);
            cm_str_addf(out, "  %s: ", key);
            put_masked(m, out, text, strlen(text));
            cm_str_add(out, "\n");
        }
    }
}

static char *as_text(struct masker *m, const struct cm_manifests *all)
{
    cm_autostr out = CM_STR(CM_STR_BIG);
    for (size_t i = 0; i < all->count; i++) {
        cm_str_addf(&out, "# %s\n", all->list[i].name);
        if (cm_starts(all->list[i].name, "Secret "))
            secret_text(m, &out, all->list[i].json);
        else
            mask_text(m, &out, all->list[i].text);
    }
    return cm_mask(cm_str_text(&out));
}

char *cm_manifests_diff(const char *before_name, const struct cm_manifests *before, const char *after_name,
                        const struct cm_manifests *after)
{
    cm_autojson numbers = json_object();
    struct masker m = {.numbers = numbers};
    cm_autofree char *a = as_text(&m, before), *b = as_text(&m, after);
    return cm_text_diff(before_name, a, after_name, b);
}

char *cm_manifests_gcfg_diff(const char *before_name, const char *before, const char *after_name, const char *after)
{
    cm_autojson numbers = json_object();
    struct masker m = {.numbers = numbers};
    cm_autostr a = CM_STR(CM_STR_BIG), b = CM_STR(CM_STR_BIG);
    mask_text(&m, &a, before);
    mask_text(&m, &b, after);
    cm_autofree char *masked_a = cm_mask(cm_str_text(&a)), *masked_b = cm_mask(cm_str_text(&b));
    return cm_text_diff(before_name, masked_a, after_name, masked_b);
}

/* ---- does anything else change? ---- */

/* {"section.key": [values in order]}, names in lower case, without the settings that may change. */
static json_t *settings_of(const char *gcfg, const json_t *but)
{
    struct cm_gcfg *g = cm_gcfg_new();
    json_t *all = json_object(), *ignored;
    const char *name;
    if (cm_gcfg_add(g, gcfg, strlen(gcfg), GCFG, NULL) < 0) {
        json_object_set_new(all, "(cannot be read)", json_string(gcfg));
        cm_gcfg_free(g);
        return all;
    }
    for (size_t i = 0; i < g->count; i++) {
        const struct cm_gcfg_setting *s = &g->list[i];
        cm_autofree char *full =
            cm_fmt("%s%s%s.%s", s->in->section, s->in->sub != NULL ? "." : "", s->in->sub != NULL ? s->in->sub : "", s->key);
        bool may = false;
        for (char *c = full; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        json_object_foreach(cm_json_loose(but), name, ignored) may = may || strcasecmp(name, full) == 0;
        if (may)
            continue;
        json_t *list = json_object_get(all, full);
        if (list == NULL)
            json_object_set_new(all, full, list = json_array());
        json_array_append_new(list, s->value == NULL ? json_true() : json_string(s->value));
    }
    cm_gcfg_free(g);
    return all;
}

/* The object without what may change; new reference. */
static json_t *normal(const json_t *object, const json_t *but)
{
    json_t *copy = json_deep_copy(object);
    json_t *data = json_object_get(copy, "data");
    json_t *notes = cm_json_loose(cm_json_at(copy, "spec.template.metadata.annotations"));
    const char *gcfg = json_string_value(json_object_get(data, GCFG));
    void *at = json_object_iter(notes);
    if (gcfg != NULL && strcmp(cm_json_text(copy, "kind", ""), "ConfigMap") == 0)
        json_object_set_new(data, GCFG, settings_of(gcfg, but));
    while (at != NULL) {
        const char *key = json_object_iter_key(at);
        void *next = json_object_iter_next(notes, at);
        if (cm_starts(key, "checksum/"))
            json_object_del(notes, key);
        at = next;
    }
    return copy;
}

struct differing {
    struct cm_str *out;
    const char *object;
    size_t shown;
};

static void say(struct differing *d, const char *path)
{
    if (d->shown++ < PATHS_MOST)
        cm_str_addf(d->out, "%s: %s\n", d->object, path);
}

static void compare(struct differing *d, const json_t *a, const json_t *b, const char *path, int depth)
{
    const char *key;
    json_t *value;
    if (json_equal(a, b))
        return;
    if (!json_is_object(a) || !json_is_object(b) || depth == DEEPEST) {
        say(d, path);
        return;
    }
    json_object_foreach(cm_json_loose(a), key, value)
    {
        cm_autofree char *deeper = cm_fmt("%s%s%s", path, *path != '\0' ? "." : "", key);
        compare(d, value, json_object_get(b, key), deeper, depth + 1);
    }
    json_object_foreach(cm_json_loose(b), key, value)
    {
        cm_autofree char *deeper = cm_fmt("%s%s%s", path, *path != '\0' ? "." : "", key);
        if (json_object_get(a, key) == NULL)
            say(d, deeper);
    }
}

bool cm_manifests_same_but(const struct cm_manifests *a, const struct cm_manifests *b, const json_t *settings,
                           struct cm_str *differs)
{
    struct differing d = {.out = differs};
    for (size_t i = 0; i < a->count; i++) {
        const struct cm_manifest *other = cm_manifests_find(b, a->list[i].name);
        d.object = a->list[i].name;
        if (other == NULL) {
            say(&d, "is gone");
            continue;
        }
        cm_autojson x = normal(a->list[i].json, settings);
        cm_autojson y = normal(other->json, settings);
        compare(&d, x, y, "", 0);
    }
    for (size_t i = 0; i < b->count; i++) {
        d.object = b->list[i].name;
        if (cm_manifests_find(a, d.object) == NULL)
            say(&d, "is new");
    }
    return d.shown == 0;
}

bool cm_manifests_gcfg_same(const char *a, const char *b, struct cm_str *differs)
{
    struct differing d = {.out = differs, .object = GCFG};
    cm_autojson x = settings_of(a, NULL);
    cm_autojson y = settings_of(b, NULL);
    compare(&d, x, y, "", 0);
    return d.shown == 0;
}

const char *cm_manifest_checksum(const json_t *deployment)
{
    return json_string_value(json_object_get(cm_json_at(deployment, "spec.template.metadata.annotations"), "checksum/config"));
}
