/* plan/plan.c: a plan from its file to normal form, and the questions asked of it. */
#include <config.h>

#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/internal.h"

void cm_plan_put(struct cm_plan *p, const char *path, json_t *value, const char *origin)
{
    json_t *map = p->normal;
    const char *rest = path;
    for (const char *dot; (dot = strchr(rest, '.')); rest = dot + 1) {
        cm_autofree char *name = cm_strndup(rest, (size_t)(dot - rest));
        json_t *next = json_object_get(map, name);
        if (!json_is_object(next)) {
            next = json_object();
            json_object_set_new(map, name, next);
        }
        map = next;
    }
    json_object_set_new(map, rest, value);
    if (origin)
        json_object_set_new(p->origins, path, json_string(origin));
}

const struct cm_yaml *cm_plan_node(const struct cm_reading *r, const char *path)
{
    const struct cm_yaml *n = r->root;
    for (const char *rest = path; n && *rest;) {
        size_t len = strcspn(rest, ".");
        cm_autofree char *name = cm_strndup(rest, len);
        n = cm_yaml_get(n, name);
        rest += len + (rest[len] == '.');
    }
    return n;
}

static int read_into(struct cm_plan *p, struct cm_yaml_doc *doc, struct cm_err **err)
{
    struct cm_problems problems = CM_PROBLEMS;
    struct cm_yaml *root = cm_yaml_root(doc);
    struct cm_reading r = {.doc = doc, .root = root, .problems = &problems, .plan = p, .origin = NULL};
    if (!root || root->type != CM_YAML_MAP) {
        cm_problem(&problems, doc, root, root ? "a plan is a mapping of keys like `source:` and `target:`" : "the plan is empty");
    } else if (cm_yaml_get(root, "stages") && cm_yaml_get(root, "stages")->type == CM_YAML_LIST) {
        cm_problem(&problems, doc, cm_yaml_key(root, "stages"), "this is a runbook, not a plan; a plan names it: `runbook: %s`",
                   cm_path_base(p->file));
    } else {
        cm_plan_walk(&r, root, "", "", p->normal);
        cm_plan_derive(&r);
        cm_plan_check_whole(&r);
    }
    return cm_problems_end(&problems, err);
}

struct cm_plan *cm_plan_load(const char *path, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_load(path, err);
    if (!doc)
        return NULL;
    struct cm_plan *p = cm_alloc(sizeof *p);
    cm_autofree char *whole = cm_path_absolute(path);
    p->file = cm_strdup(path);
    p->dir = cm_path_dir(whole);
    p->normal = json_object();
    p->origins = json_object();
    p->places = json_object();
    p->by_hand = json_object();
    if (read_into(p, doc, err) < 0) {
        cm_hint(err, "`connect-migrate-run schema` prints all keys; an editor can check a plan against it.");
        cm_plan_free(p);
        return NULL;
    }
    return p;
}

void cm_plan_free(struct cm_plan *p)
{
    if (!p)
        return;
    free(p->file);
    free(p->dir);
    json_decref(p->normal);
    json_decref(p->origins);
    json_decref(p->places);
    json_decref(p->by_hand);
    free(p);
}

const char *cm_plan_file(const struct cm_plan *p) { return p->file; }
const char *cm_plan_dir(const struct cm_plan *p) { return p->dir; }
const json_t *cm_plan_normal(const struct cm_plan *p) { return p->normal; }

char *cm_plan_run_dir(const struct cm_plan *p)
{
    const char *base = cm_path_base(p->file);
    size_t n = strlen(base);
    if (cm_ends(base, ".yaml"))
        n -= 5;
    else if (cm_ends(base, ".yml"))
        n -= 4;
    return cm_fmt("%s%s%.*s.run", p->dir, cm_ends(p->dir, "/") ? "" : "/", (int)n, base);
}

const json_t *cm_plan_get(const struct cm_plan *p, const char *path) { return cm_json_at(p->normal, path); }
const char *cm_plan_text(const struct cm_plan *p, const char *path) { return json_string_value(cm_plan_get(p, path)); }

int64_t cm_plan_int(const struct cm_plan *p, const char *path, int64_t otherwise)
{
    const json_t *j = cm_plan_get(p, path);
    return json_is_integer(j) ? (int64_t)json_integer_value(j) : otherwise;
}

bool cm_plan_time(const struct cm_plan *p, const char *path, int64_t *wall_ms)
{
    const char *text = cm_plan_text(p, path);
    if (!text)
        return false;
    return cm_time_parse(text, wall_ms) || cm_time_in_zone(text, cm_plan_text(p, "window.zone"), wall_ms, NULL) == 0;
}

const char *cm_plan_origin(const struct cm_plan *p, const char *path)
{
    return json_string_value(json_object_get(p->origins, path));
}

const json_t *cm_plan_step(const struct cm_plan *p, const char *step_id)
{
    const json_t *said = json_object_get(json_object_get(p->normal, "steps"), step_id);
    return said ? said : json_object_get(p->by_hand, step_id);
}

const char *cm_plan_step_place(const struct cm_plan *p, const char *step_id)
{
    const char *place = json_string_value(json_object_get(p->places, step_id));
    return place ? place : "";
}

static const char *entry_text(const struct cm_plan *p, const char *map, const char *id, const char *member)
{
    const json_t *entry = json_object_get(json_object_get(p->normal, map), id);
    return json_string_value(json_object_get(entry, member));
}

const char *cm_plan_stage_skip(const struct cm_plan *p, const char *stage_id) { return entry_text(p, "stages", stage_id, "skip"); }
const char *cm_plan_gate_note(const struct cm_plan *p, const char *gate_id) { return entry_text(p, "gates", gate_id, "note"); }

static const struct cm_plan_key *key_of(const char *path)
{
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++)
        if (strcmp(k->path, path) == 0)
            return k;
    return NULL;
}

bool cm_plan_fits(const char *path, const char *yaml)
{
    const struct cm_plan_key *k = key_of(path);
    cm_autoyaml doc = cm_yaml_parse(yaml, strlen(yaml), "value", NULL);
    const struct cm_yaml *n = doc ? cm_yaml_root(doc) : NULL;
    if (!k || !n)
        return false;
    struct cm_problems problems = CM_PROBLEMS;
    struct cm_plan nobody = {.dir = (char[]){"/"}};
    struct cm_reading r = {.doc = doc, .root = n, .problems = &problems, .plan = &nobody, .origin = "value"};
    cm_autojson value = k->type == CM_P_MAP ? NULL : cm_plan_value(&r, k, path, n);
    return cm_problems_end(&problems, NULL) == 0 && value;
}

char *cm_plan_digest(const json_t *normal)
{
    unsigned char sum[32];
    char *hex = cm_alloc(65);
    cm_sha256_json(normal, sum);
    cm_hex(sum, sizeof sum, hex);
    return hex;
}
