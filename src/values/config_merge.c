/* values/config_merge.c: the result of a conversion put into the user's own values file: new settings below their sections, new
 * sections below `config`, new variables below pod.env; every other byte stays (values/edit.h proves it). Where the file is of a chart that
 * has Connect's as a dependency, all of that below its key. Does not: change what is there. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "values/check_work.h"
#include "values/config_work.h"
#include "values/edit.h"
#include "values/quote.h"

struct merge {
    const struct cm_config_more *m;
    struct cm_yaml_doc *doc;
    struct cm_yaml *root; /* the map with Connect's values; NULL: an empty file */
    struct cm_edits *edits;
    json_t *expected;           /* of that map */
    char **kept;                /* lines that are expected, until all is proved */
    size_t kept_count, kept_cap;
    struct cm_err **err;
};

/* What is to take lines of ours must be a map (or the list of pod.env), or nothing yet. */
static int check_shape(struct merge *g, const struct cm_yaml *value, bool list)
{
    size_t bytes;
    const char *s = cm_yaml_source(g->doc, &bytes);
    if (!value || (list ? value->type == CM_YAML_LIST : value->type == CM_YAML_MAP))
        return value ? cm_edit_keys(g->doc, value, g->err) : 0;
    bool nothing = value->type == CM_YAML_SCALAR ? !value->text_bytes : !value->count;
    if (nothing && !memchr(s + value->begin, '\n', value->end - value->begin))
        return 0;
    cm_fail(g->err, CM_E_USAGE, "%s:%u:%u: expected a %s", cm_yaml_name(g->doc), value->line, value->column, list ? "list" : "map");
    cm_hint(g->err, "Mend the values file, then start again. Nothing was changed.");
    return -1;
}

/* Where lines go below this key: behind its last pair; or behind its own line, when it has nothing yet (its {} goes). */
static int room_below(struct merge *g, const struct cm_yaml *key, const struct cm_yaml *value, bool list, size_t *at, int *indent)
{
    int own = (int)(key->begin - cm_edit_line_begin(g->doc, key->begin));
    *indent = own + 2;
    if (check_shape(g, value, list) != 0)
        return -1;
    if (cm_edit_safe(g->doc, value, g->err) != 0)
        return -1;
    if (value->count) {
        const struct cm_yaml *beside = value->type == CM_YAML_MAP ? value->keys[0] : value->items[value->count - 1];
        size_t line = cm_edit_line_begin(g->doc, beside->begin), bytes,
               p = line; /* cm_edit_end sees to it that its dash is there */
        const char *s = cm_yaml_source(g->doc, &bytes);
        while (s[p] == ' ')
            p++;
        *indent = (int)(p - line);
        return cm_edit_end(g->doc, value, at, g->err);
    }
    size_t from = value->begin, bytes;
    const char *s = cm_yaml_source(g->doc, &bytes);
    while (from > key->end && s[from - 1] == ' ')
        from--;
    if (value->end > from)
        cm_edit_replace(g->edits, from, value->end, value->end < bytes && s[value->end] == '#' ? " " : "");
    *at = cm_edit_line_end(g->doc, value->end > key->end ? value->end : key->end);
    return 0;
}

/* Lines of ours, which are taken, are expected in this map. */
static void expect(struct merge *g, json_t *into, char *lines)
{
    g->kept = cm_grow(g->kept, &g->kept_cap, g->kept_count + 1, sizeof *g->kept);
    g->kept[g->kept_count++] = lines;
    cm_edit_expect_lines(into, lines);
}

/* The same for items of a list, by what they read as. */
static int expect_items(struct merge *g, json_t *into, const char *lines)
{
    cm_autoyaml doc = cm_yaml_parse(lines, strlen(lines), "converted settings", g->err);
    cm_autojson value = doc ? cm_yaml_json(doc, cm_yaml_root(doc)) : NULL;
    return doc ? json_array_extend(into, value) : -1;
}

/* What is expected of a key of the file, opened; a map or list where there is nothing yet (`[]` is nothing, too, where a map is to be). */
static json_t *expected_at(json_t *in, const char *key, const struct cm_yaml *value, bool list)
{
    json_t *there = json_object_get(in, key);
    if (value && value->count)
        return cm_edit_open_key(in, key, value);
    if (!there || cm_edit_placeheld(there) || json_is_array(there) != list)
        json_object_set_new(in, key, list ? json_array() : json_object());
    return json_object_get(in, key);
}

static int add_section(struct merge *g, const struct cm_config_section *s, const struct cm_yaml *config,
                       struct cm_str *new_sections)
{
    struct cm_str lines = CM_STR(CM_STR_BIG);
    const struct cm_yaml *key = config ? cm_yaml_key(config, s->title) : NULL;
    size_t at;
    int indent, rc = 0;
    if (!key) {
        cm_config_write_section(g->m, s, new_sections, 0, true);
        return 0;
    }
    cm_config_write_section(g->m, s, &lines, 0, false);
    if (lines.len) {
        struct cm_yaml *value = cm_yaml_get(config, s->title);
        json_t *all = expected_at(g->expected, "config", config, false);
        cm_str_reset(&lines);
        rc = room_below(g, key, value, false, &at, &indent);
        if (rc == 0) {
            cm_config_write_section(g->m, s, &lines, indent - 2, false);
            cm_edit_insert_lines(g->edits, at, indent * 2L, cm_str_text(&lines));
            expect(g, expected_at(all, s->title, value, false), cm_str_take(&lines));
        }
    }
    cm_str_fini(&lines);
    return rc;
}

static char *indented(const char *lines, int by)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        cm_str_addf(&s, "%*s", n ? by : 0, "");
        cm_str_add_bytes(&s, lines, n + (lines[n] ? 1 : 0));
        lines += n + (lines[n] ? 1 : 0);
    }
    return cm_str_take(&s);
}

/* Lines, which are freed, below a key of the root, which is made at the file's end when it is missing. */
static int add_below_root(struct merge *g, const char *name, struct cm_str *lines)
{
    struct cm_yaml *key = g->root ? cm_yaml_key(g->root, name) : NULL;
    size_t at = 0;
    int base = g->root && g->root->count ? (int)g->root->keys[0]->column - 1 : 0, indent = base + 2;
    json_t *there = expected_at(g->expected, name, key ? cm_yaml_get(g->root, name) : NULL, false);
    if (key && room_below(g, key, cm_yaml_get(g->root, name), false, &at, &indent) != 0)
        return -1;
    if (!key && g->root && cm_edit_end(g->doc, g->root, &at, g->err) != 0)
        return -1;
    if (!key && !g->root)
        cm_yaml_source(g->doc, &at);
    char *below = indented(cm_str_text(lines), indent);
    cm_str_fini(lines); /* one copy of many lines less */
    cm_autofree char *whole = key ? NULL : cm_fmt("%s%*s%s:\n%s", g->root ? "\n" : "", base, "", name, below);
    cm_edit_insert_lines(g->edits, at, (key ? indent : base) * 2L, whole ? whole : below);
    expect(g, there, below);
    return 0;
}

static int merge_config(struct merge *g)
{
    const struct cm_yaml *config = g->root ? cm_yaml_get(g->root, "config") : NULL;
    struct cm_str sections = CM_STR(CM_STR_BIG);
    int rc = 0;
    if (check_shape(g, config, false) != 0)
        return -1;
    if (config && !config->count)
        config = NULL;
    for (size_t i = 0; rc == 0 && i < g->m->section_count; i++)
        rc = add_section(g, &g->m->sections[i], config, &sections);
    if (g->m->tail && (sections.len || !cm_edits_none(g->edits))) /* not by themselves: a second time nothing is added */
        cm_yaml_add_comment(&sections, g->m->tail, 0);
    if (rc == 0 && sections.len)
        rc = add_below_root(g, "config", &sections);
    cm_str_fini(&sections);
    return rc;
}

static int merge_env(struct merge *g)
{
    struct cm_yaml *pod = g->root ? cm_yaml_get(g->root, "pod") : NULL, *env = pod ? cm_yaml_get(pod, "env") : NULL;
    struct cm_str lines = CM_STR(CM_STR_BIG);
    size_t at;
    int indent, rc = 0;
    if (!g->m->env_count)
        return 0;
    if (check_shape(g, pod, false) != 0 || check_shape(g, env, true) != 0)
        return -1;
    if (env && (env->type == CM_YAML_LIST || !env->text_bytes)) {
        json_t *list = expected_at(expected_at(g->expected, "pod", pod, false), "env", env, true);
        rc = room_below(g, cm_yaml_key(pod, "env"), env, true, &at, &indent);
        cm_config_write_env(g->m, &lines, rc == 0 ? indent : 0);
        if (rc == 0)
            rc = expect_items(g, list, cm_str_text(&lines));
        if (rc == 0)
            cm_edit_insert_lines(g->edits, at, indent * 2L, cm_str_text(&lines));
    } else {
        cm_str_add(&lines, "env:\n");
        cm_config_write_env(g->m, &lines, 2);
        rc = add_below_root(g, "pod", &lines);
    }
    cm_str_fini(&lines);
    return rc;
}

static bool nothing_below(const struct cm_yaml *value)
{
    if (value->type == CM_YAML_MAP)
        return value->count == 0;
    return value->type == CM_YAML_SCALAR && value->plain &&
           (!*value->text || !strcmp(value->text, "~") || !strcasecmp(value->text, "null"));
}

/* The map with Connect's values, and the key it stands below. */
static int find_root(const struct cm_yaml_doc *doc, const char *known, struct cm_yaml **root, const char **key, struct cm_err **err)
{
    const struct cm_yaml *several = NULL;
    *key = NULL;
    *root = cm_yaml_root(doc);
    if (!*root || (*root)->type != CM_YAML_MAP || !(*root)->count)
        return 0;
    size_t at = known ? cm_yaml_index(*root, known) : SIZE_MAX;
    bool said = at != SIZE_MAX;
    at = said ? at : cm_values_below(*root, &several);
    if (several) {
        cm_fail(err, CM_E_USAGE, "%s:%u:%u: %s is the second key here with values of Connect's chart", cm_yaml_name(doc),
                several->line, several->column, several->text);
        cm_hint(err, "Put what is below the key that is meant into a file of its own, then start again. Nothing was changed.");
        return -1;
    }
    const struct cm_yaml *empty = said && nothing_below((*root)->items[at]) ? (*root)->keys[at]
                                  : at == (*root)->count                    ? cm_values_to_come(*root)
                                                                            : NULL;
    if (empty) { /* the file's top would be the place of another chart's values */
        cm_fail(err, CM_E_USAGE, "%s:%u:%u: nothing stands below %s yet", cm_yaml_name(doc), empty->line, empty->column,
                empty->text);
        cm_hint(err, "Write \"config: {}\" below it, on a line of its own and indented, then start again. Nothing was changed.");
        return -1;
    }
    if (at == (*root)->count && cm_values_foreign(*root)) {
        cm_fail(err, CM_E_USAGE, "%s:%u:%u: no key here is one of Connect's chart", cm_yaml_name(doc), (*root)->line,
                (*root)->column);
        cm_hint(err,
                "Where Connect's chart is a dependency, write its key (rstudio-connect:, or its alias) with \"config: {}\" below "
                "it, then start again; or leave out --merge and put the result below that key. Nothing was changed.");
        return -1;
    }
    if (at < (*root)->count) {
        *key = (*root)->keys[at]->text;
        *root = (*root)->items[at];
    }
    return 0;
}

static int refuse_root(struct merge *g, size_t line, size_t column, const char *how)
{
    cm_fail(g->err, CM_E_USAGE, "%s:%zu:%zu: expected a map in block style%s", cm_yaml_name(g->doc), line, column, how);
    cm_hint(g->err, "Write the values file in block style, or convert without --merge. Nothing was changed.");
    return -1;
}

/* A file of no values may have comments and the line "---"; behind its end ("...") nothing of it can come, and an anchor is an anchor. */
static int check_nothing(struct merge *g)
{
    size_t bytes, line = 1;
    const char *s = cm_yaml_source(g->doc, &bytes);
    size_t odd = cm_edit_odd_break(g->doc);
    for (size_t at = cm_edit_line_begin(g->doc, 0); at < bytes; at = cm_edit_line_end(g->doc, at), line++) {
        if (odd < cm_edit_line_end(g->doc, at))
            return refuse_root(g, line, odd - at + 1, ", with ordinary line breaks");
        size_t n = strspn(s + at, " \t\r");
        bool mark = strncmp(s + at, "---", 3) == 0 && strchr(" \t\r\n#", s[at + 3 + strspn(s + at + 3, " \t\r")]);
        if (at + n < bytes && !strchr("\n#%", s[at + n]) && !mark)
            return refuse_root(g, line, n + 1, "");
    }
    return 0;
}

int cm_config_merge_at(struct cm_yaml_doc *doc, const char *known, const char **key, struct cm_err **err)
{
    struct cm_yaml *root;
    if (find_root(doc, known, &root, key, err) != 0)
        return -1;
    if (*key)
        cm_yaml_begin_below(doc, *key);
    return 0;
}

/* Lines of ours can be put into it. */
static int check_root(struct merge *g, const char *name)
{
    if (!g->root)
        return check_nothing(g);
    if (g->root->type != CM_YAML_MAP || g->root->flow || cm_yaml_anchor(g->root) || cm_yaml_tag(g->root))
        return refuse_root(g, g->root->line, g->root->column,
                           cm_yaml_anchor(g->root) || cm_yaml_tag(g->root) ? ", without an anchor or a tag" : "");
    const struct cm_yaml *merged = cm_yaml_key(g->root, "<<");
    if (merged) { /* a key of ours would hide what comes in by it */
        cm_fail(g->err, CM_E_USAGE, "%s:%u:%u: a merge key (<<) beside the keys that are to be added", name, merged->line,
                merged->column);
        cm_hint(g->err, "Write what it brings in full, or convert without --merge. Nothing was changed.");
        return -1;
    }
    return cm_edit_keys(g->doc, g->root, g->err);
}

int cm_config_merge(const struct cm_config_result *r, const char *text, size_t bytes, const char *name, const char *known,
                    char **merged, size_t *merged_bytes, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_parse(text, bytes, name, err);
    if (!doc)
        return -1;
    struct merge g = {.m = r->more, .doc = doc, .err = err};
    const char *key;
    if (find_root(doc, known, &g.root, &key, err) != 0)
        return -1;
    if (g.root && g.root->type == CM_YAML_SCALAR && g.root->begin == g.root->end)
        g.root = NULL;
    if (check_root(&g, name) != 0)
        return -1;
    g.edits = cm_edits_new(doc);
    json_t *whole = json_object();
    g.expected = key ? cm_edit_open_key(whole, key, g.root) : whole;
    int rc = merge_config(&g);
    if (rc == 0)
        rc = merge_env(&g);
    if (rc == 0)
        rc = cm_edits_apply(g.edits, whole, merged, merged_bytes, err);
    cm_edits_free(g.edits);
    json_decref(whole);
    for (size_t i = 0; i < g.kept_count; i++)
        free(g.kept[i]);
    free(g.kept);
    return rc;
}
