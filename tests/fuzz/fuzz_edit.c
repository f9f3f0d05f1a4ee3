/* Any bytes as a user's values file: every scalar set to itself changes no byte; a pair, an item or a value that may be edited is taken
 * out, put in or set with proof; a merge is refused with its place or proved, and the second one changes nothing. */
#include <config.h>

#include <ctype.h>

#include "base/yaml.h"
#include "replay.h"
#include "refusal.h"
#include "values/config.h"
#include "values/edit.h"

static const char *const lines[] = { "config:", "Server:", "Address: https://c.example.com", "Foo:", "A: 1", "SMTP:", "Host: 'h'", "Kubernetes: {}",
    "RPackageRepository:", "CRAN:", "URL: u", "pod:", "env:", "- name: A", "value: \"b\"", "- {name: A, value: b}", "valueFrom:", "env: []", "config: {}",
    "config: {Server: {Address: a}}", "labels: {a: b}", "# a comment", "", "---", "...", "text: |", "text: >-", "a line of text", "replicas: 1",
    "- a", "- - b", "- # c", "? a", ": b", "\"two words\": x", "<<: *a", "base: &a {b: c}", "list: [a, b]", "a: \"b", " c\"", "%YAML 1.1", NULL };

static void set_all(struct cm_edits *e, const struct cm_yaml *n)
{
    if (n->type == CM_YAML_SCALAR && strlen(n->text) == n->text_bytes) /* "\\0" can be read, and not be said to cm_edit_set */
        cm_edit_set(e, n, n->text);
    for (size_t i = 0; i < n->count; i++) {
        if (n->keys)
            set_all(e, n->keys[i]);
        set_all(e, n->items[i]);
    }
}

static void set_to_itself(const struct cm_yaml_doc *doc, const char *data, size_t size)
{
    struct cm_edits *e = cm_edits_new(doc);
    char *text = NULL;
    size_t bytes = 0;
    set_all(e, cm_yaml_root(doc));
    must(cm_edits_apply(e, NULL, &text, &bytes, NULL) == 0);
    must(bytes == size && memcmp(text, data, size) == 0);
    free(text);
    cm_edits_free(e);
}

/* Nobody looked at the rest of the file before: what the proof finds is told with its place. */
static void apply(struct cm_edits *e, const json_t *changed)
{
    char *text = NULL;
    size_t bytes = 0;
    cm_autoerr err = NULL;
    if (cm_edits_apply(e, changed, &text, &bytes, &err) != 0)
        must_be_placed(err);
    free(text);
}

/* One edit of one node somewhere in the file, chosen by its bytes: what `edit.h` gives a place for can be edited there. */
static void edit_one(const struct cm_yaml_doc *doc)
{
    struct cm_yaml *map = cm_yaml_root(doc);
    struct cm_edits *e = cm_edits_new(doc);
    cm_autojson changed = json_object();
    json_t *in = changed;
    struct cm_extent at;
    while (map->type == CM_YAML_MAP && map->count && !map->flow) {
        size_t i = mutate_chance((uint32_t)map->count);
        struct cm_yaml *value = map->items[i], *key = map->keys[i];
        size_t end;
        bool down = value->type == CM_YAML_MAP && value->count && !value->flow && !cm_yaml_anchor(value) && !cm_yaml_tag(value) && mutate_chance(3);
        if (cm_edit_pair(doc, map, i, &at, NULL) != 0 || cm_edit_safe(doc, key, NULL) != 0)
            break;
        if (down) {
            in = cm_edit_open_key(in, key->text, value);
            map = value;
            continue;
        }
        if (cm_edit_safe(doc, value, NULL) != 0)
            break;
        if (mutate_chance(2) && map->count > 1) {
            cm_edit_replace(e, at.begin, at.end, "");
            if (in == changed)
                json_object_set_new(in, key->text, json_null());
            else
                cm_edit_drop_key(in, key->text);
            apply(e, changed);
        } else if (value->type == CM_YAML_SCALAR && value->end > value->begin) {
            cm_edit_set(e, value, "another: 'value' # of text");
            json_object_set_new(in, key->text, json_string("another: 'value' # of text"));
            apply(e, changed);
        } else if (cm_edit_keys(doc, map, NULL) == 0 && cm_edit_end(doc, map, &end, NULL) == 0 && !cm_yaml_get(map, "a-new-key")) {
            size_t indent = map->keys[0]->begin - cm_edit_line_begin(doc, map->keys[0]->begin);
            cm_autofree char *line = cm_fmt("%*sa-new-key: 1\n", (int)indent, "");
            cm_edit_insert_lines(e, end, (long)indent * 2, line);
            json_object_set_new(in, "a-new-key", json_integer(1));
            apply(e, changed);
        }
        break;
    }
    cm_edits_free(e);
}

/* Settings that meet what the file has: a new one in each of its sections. */
static char *settings_for(const struct cm_yaml_doc *doc)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    const struct cm_yaml *config = cm_yaml_get(cm_yaml_root(doc), "config");
    cm_str_add(&s, "[Server]\nSenderEmail = a@b\n[Foo]\n; why\nA = \"x; y\"\n[SMTP]\nPassword = p\n[RPackageRepository \"CRAN\"]\nURL = u\n");
    for (size_t i = 0; config && config->type == CM_YAML_MAP && i < config->count; i++) {
        const char *title = config->keys[i]->text;
        size_t n = strspn(title, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (n && !title[n] && isalpha((unsigned char)*title))
            cm_str_addf(&s, "[%s]\nAdded = a\nAdded = b\n", title);
    }
    return cm_str_take(&s);
}

/* false: refused. */
static bool merge_once(const char *setting, const char *data, size_t size, char **merged, size_t *bytes)
{
    struct cm_gcfg *g = cm_gcfg_new();
    cm_autoyaml doc = cm_yaml_parse(data, size, "f", NULL);
    must(doc && cm_gcfg_add(g, setting, strlen(setting), "g", NULL) == 0);
    const struct cm_yaml_doc *const bases[] = {doc, NULL};
    struct cm_config_wish w = {.gcfg = g, .base = bases, .release = "r"};
    struct cm_config_result r = {0};
    const char *key;
    cm_autoerr err = NULL;
    bool good = cm_config_merge_at(doc, NULL, &key, &err) == 0;
    if (good) {
        must(cm_config_convert(&w, &r, NULL) == 0);
        good = cm_config_merge(&r, data, size, "f", NULL, merged, bytes, &err) == 0;
    }
    if (!good)
        must_be_a_refusal(err);
    cm_config_result_fini(&r);
    cm_gcfg_free(g);
    return good;
}

static void merge(const struct cm_yaml_doc *doc, const char *data, size_t size)
{
    cm_autofree char *setting = settings_for(doc), *merged = NULL, *again = NULL;
    size_t bytes = 0, more = 0;
    if (!merge_once(setting, data, size, &merged, &bytes))
        return;
    must(merge_once(setting, merged, bytes, &again, &more));
    must(more == bytes && memcmp(again, merged, more) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *data = (const char *)bytes;
    cm_autoyaml doc = cm_yaml_parse(data, size, "f", NULL);
    if (!doc || memchr(data, '\0', size))
        return 0;
    uint32_t seed = mutate_seed; /* the edit depends on the input alone */
    mutate_seed = (uint32_t)size;
    for (size_t i = 0; i < size; i++)
        mutate_seed = mutate_seed * 31 + bytes[i];
    if (cm_yaml_root(doc)) {
        set_to_itself(doc, data, size);
        for (int i = 0; i < 4; i++)
            edit_one(doc);
    }
    mutate_seed = seed;
    merge(doc, data, size);
    return 0;
}

CM_FUZZ_MAIN("edit", lines)
