/* plan/runbook.c: the runbook file: found, read, its shape checked. All problems are said, each with its place. Actions are not
 * known here (engine/resolve.c checks that they exist, their parameters and the order of facts). */
#include <config.h>

#include "plan/runbook.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "base/yaml.h"

enum { FORMAT = 1, RETRIES_MAX = 100, NAMES_MAX = 256 };

static const char *const top_keys[] = {"runbook", "id", "back", "stages", NULL};
static const char *const stage_keys[] = {"id", "title", "steps", NULL};
static const char *const step_keys[] = {"uses", "id", "with", "timeout", "retries", "by", NULL};

struct reader {
    const struct cm_yaml_doc *doc;
    struct cm_problems *problems;
};

static void only_keys(struct reader *r, const struct cm_yaml *map, const char *const *known, const char *where)
{
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->keys[i]->type == CM_YAML_SCALAR ? map->keys[i]->text : "";
        bool is_known = false;
        for (const char *const *k = known; *k; k++)
            is_known = is_known || strcmp(*k, name) == 0;
        if (is_known)
            continue;
        const char *near = cm_nearest(name, known);
        cm_problem(r->problems, r->doc, map->keys[i], "unknown key \"%s\" in %s%s%s%s", name, where,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
}

static bool id_ok(const char *id)
{
    return *id >= 'a' && *id <= 'z' && id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-_")] == '\0';
}

/* The text of a key; NULL when absent (a problem if `why` is given) or wrong. Caller frees. */
static char *text_at(struct reader *r, const struct cm_yaml *map, const char *key, const char *why)
{
    const struct cm_yaml *n = cm_yaml_get(map, key);
    if (!n) {
        if (why)
            cm_problem(r->problems, r->doc, map, "%s is missing: %s", key, why);
        return NULL;
    }
    cm_autojson typed = n->type == CM_YAML_SCALAR ? cm_yaml_json(r->doc, n) : NULL;
    const char *text = json_string_value(typed);
    if (!text || !*text || strlen(text) != n->text_bytes) {
        cm_problem(r->problems, r->doc, n, "%s: expected a text", key);
        return NULL;
    }
    return cm_strdup(text);
}

static char *id_at(struct reader *r, const struct cm_yaml *map, const char *key, const char *why)
{
    char *id = text_at(r, map, key, why);
    if (id && !id_ok(id))
        cm_problem(r->problems, r->doc, cm_yaml_get(map, key), "%s: \"%s\" is not an id: lower case letters, digits, '.', '-', '_'",
                   key, id);
    return id;
}

static void read_limits(struct reader *r, const struct cm_yaml *n, struct cm_rb_step *s)
{
    const struct cm_yaml *timeout = cm_yaml_get(n, "timeout"), *retries = cm_yaml_get(n, "retries"), *by = cm_yaml_get(n, "by");
    s->timeout_ms = s->retries = -1;
    if (timeout && (timeout->type != CM_YAML_SCALAR || !cm_duration_parse(timeout->text, &s->timeout_ms))) {
        cm_problem(r->problems, r->doc, timeout, "timeout: expected a duration like 90s, 10m or 2h30m");
        s->timeout_ms = -1;
    }
    if (retries) {
        cm_autojson typed = cm_yaml_json(r->doc, retries);
        json_int_t v = json_is_integer(typed) ? json_integer_value(typed) : -1;
        if (v < 0 || v > RETRIES_MAX)
            cm_problem(r->problems, r->doc, retries, "retries: expected a whole number from 0 to %d", RETRIES_MAX);
        else
            s->retries = (int)v;
    }
    if (by) {
        s->by = text_at(r, n, "by", NULL);
        if (s->by && strcmp(s->by, "tool") != 0 && strcmp(s->by, "hand") != 0)
            cm_problem(r->problems, r->doc, by, "by: expected tool or hand, found \"%s\"%s", s->by,
                       strcmp(s->by, "command") == 0 ? "; a command is given in the plan, under steps" : "");
    }
}

static void read_step(struct reader *r, const struct cm_yaml *n, struct cm_rb_step *s)
{
    s->place = cm_fmt("%s:%u:%u", cm_yaml_name(r->doc), n->line, n->column);
    if (n->type != CM_YAML_MAP) {
        cm_problem(r->problems, r->doc, n, "a step is a mapping like {uses: helm.deploy, timeout: 10m}");
        return;
    }
    only_keys(r, n, step_keys, "a step");
    s->uses = text_at(r, n, "uses", "the action of this step; `connect-migrate-run explain` lists them");
    s->id = cm_yaml_get(n, "id") ? id_at(r, n, "id", NULL) : cm_strdup(s->uses);
    read_limits(r, n, s);
    const struct cm_yaml *with = cm_yaml_get(n, "with");
    if (with && with->type != CM_YAML_MAP)
        cm_problem(r->problems, r->doc, with, "with: expected a mapping of parameters");
    else if (with)
        s->with = cm_yaml_json(r->doc, with);
}

static void read_stage(struct reader *r, const struct cm_yaml *n, struct cm_rb_stage *stage)
{
    if (n->type != CM_YAML_MAP) {
        cm_problem(r->problems, r->doc, n, "a stage is a mapping of id, title and steps");
        return;
    }
    only_keys(r, n, stage_keys, "a stage");
    stage->id = id_at(r, n, "id", "the stage's name, like deploy");
    stage->title = cm_yaml_get(n, "title") ? text_at(r, n, "title", NULL) : cm_strdup(stage->id);
    const struct cm_yaml *steps = cm_yaml_get(n, "steps");
    if (!steps || steps->type != CM_YAML_LIST || steps->count == 0) {
        cm_problem(r->problems, r->doc, steps ? steps : n, "steps: expected a list with at least one step");
        return;
    }
    stage->steps = cm_alloc(steps->count * sizeof *stage->steps);
    stage->count = steps->count;
    for (size_t i = 0; i < steps->count; i++)
        read_step(r, steps->items[i], &stage->steps[i]);
}

static void check_unique_steps(struct reader *r, const struct cm_runbook *b, const struct cm_yaml *stages)
{
    cm_autojson seen = json_object();
    for (size_t i = 0; i < b->count; i++) {
        for (size_t j = 0; j < b->stages[i].count; j++) {
            const struct cm_rb_step *s = &b->stages[i].steps[j];
            const char *first = s->id ? json_string_value(json_object_get(seen, s->id)) : NULL;
            const struct cm_yaml *n = cm_yaml_get(stages->items[i], "steps")->items[j];
            if (first)
                cm_problem(r->problems, r->doc, n, "the step id \"%s\" is taken already at %s; give this step an `id`", s->id,
                           first);
            else if (s->id)
                json_object_set_new(seen, s->id, json_string(s->place));
        }
    }
}

static void check_unique_stages(struct reader *r, const struct cm_runbook *b, const struct cm_yaml *stages)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t j = 0; j < i; j++)
            if (b->stages[i].id && b->stages[j].id && strcmp(b->stages[i].id, b->stages[j].id) == 0)
                cm_problem(r->problems, r->doc, stages->items[i], "there are two stages with the id \"%s\"", b->stages[i].id);
}

static void read_all(struct reader *r, const struct cm_yaml *root, struct cm_runbook *b)
{
    const struct cm_yaml *format = cm_yaml_get(root, "runbook"), *stages = cm_yaml_get(root, "stages");
    cm_autojson number = format ? cm_yaml_json(r->doc, format) : NULL;
    if (!format || !json_is_integer(number)) {
        cm_problem(r->problems, r->doc, format ? format : root, "%s",
                   format ? "this is no runbook: in a runbook `runbook:` is the number of its format, 1"
                          : "runbook is missing: the number of the file's format, 1");
        if (format)
            return;
    } else if (json_integer_value(number) != FORMAT) {
        cm_problem(r->problems, r->doc, format, "format %lld of runbooks is not known to this version, which reads format %d",
                   (long long)json_integer_value(number), FORMAT);
        return;
    }
    only_keys(r, root, top_keys, "a runbook");
    b->id = id_at(r, root, "id", "the runbook's name");
    b->back = cm_yaml_get(root, "back") ? text_at(r, root, "back", NULL) : NULL; /* an id, or a file like `runbook` */
    if (!stages || stages->type != CM_YAML_LIST || stages->count == 0) {
        cm_problem(r->problems, r->doc, stages ? stages : root, "stages: expected a list with at least one stage");
        return;
    }
    b->stages = cm_alloc(stages->count * sizeof *b->stages);
    b->count = stages->count;
    for (size_t i = 0; i < stages->count; i++)
        read_stage(r, stages->items[i], &b->stages[i]);
    check_unique_stages(r, b, stages);
    check_unique_steps(r, b, stages);
}

struct cm_runbook *cm_runbook_parse(const char *text, size_t bytes, const char *name, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_parse(text, bytes, name, err);
    if (!doc)
        return NULL;
    struct cm_problems problems = CM_PROBLEMS;
    struct reader r = {doc, &problems};
    struct cm_runbook *b = cm_alloc(sizeof *b);
    b->file = cm_strdup(name);
    const struct cm_yaml *root = cm_yaml_root(doc);
    if (!root || root->type != CM_YAML_MAP)
        cm_problem(&problems, doc, root, "a runbook is a mapping of runbook, id and stages");
    else
        read_all(&r, root, b);
    if (cm_problems_end(&problems, err) < 0) {
        cm_runbook_free(b);
        return NULL;
    }
    return b;
}

void cm_runbook_free(struct cm_runbook *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++) {
        for (size_t j = 0; j < b->stages[i].count; j++) {
            struct cm_rb_step *s = &b->stages[i].steps[j];
            free(s->id);
            free(s->uses);
            free(s->place);
            free(s->by);
            json_decref(s->with);
        }
        free(b->stages[i].id);
        free(b->stages[i].title);
        free(b->stages[i].steps);
    }
    free(b->stages);
    free(b->file);
    free(b->id);
    free(b->back);
    free(b);
}

/* ---- finding it ---- */

static int not_found(const char *name, const char *plans_dir, struct cm_err **err)
{
    char *names[NAMES_MAX] = {NULL};
    size_t n = 0;
    DIR *d = opendir(plans_dir);
    for (struct dirent *e; d && n + 1 < NAMES_MAX && (e = readdir(d));)
        if (cm_ends(e->d_name, ".yaml") && !cm_starts(e->d_name, "example"))
            names[n++] = cm_strndup(e->d_name, strlen(e->d_name) - 5);
    if (d)
        closedir(d);
    const char *const *known = (const char *const *)names;
    const char *near = cm_nearest(name, known);
    cm_fail(err, CM_E_USAGE, "there is no runbook \"%s\" in %s%s%s%s", name, plans_dir, near ? "; did you mean \"" : "",
            near ? near : "", near ? "\"?" : "");
    cm_hint(err, "A runbook is named by its id, or by a path to your own file (with a / or ending in .yaml).");
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    return -1;
}

struct cm_runbook *cm_runbook_load(const char *name, const char *plan_dir, const char *plans_dir, struct cm_err **err)
{
    bool is_path = strchr(name, '/') || cm_ends(name, ".yaml") || cm_ends(name, ".yml");
    cm_autofree char *file = is_path ? NULL : cm_fmt("%s.yaml", name);
    cm_autofree char *path = is_path ? cm_path_join(plan_dir, name) : cm_path_join(plans_dir, file);
    if (!is_path && !cm_file_exists(path)) {
        not_found(name, plans_dir, err);
        return NULL;
    }
    char *text = NULL;
    size_t bytes = 0;
    if (cm_file_read(path, 1 << 20, &text, &bytes, err) < 0) {
        cm_wrap(err, "runbook %s", name);
        return NULL;
    }
    struct cm_runbook *b = cm_runbook_parse(text, bytes, is_path ? name : file, err);
    free(text);
    return b;
}
