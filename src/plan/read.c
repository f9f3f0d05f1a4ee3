/* plan/read.c: the walk of the plan's YAML tree against the table of keys: every problem is said, each with its place; an
 * unknown key names the nearest known one, or the map in which a key of that name stands. */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "plan/internal.h"

enum { SIBLINGS = 64 };

/* Is k directly below pattern? Its own name, or NULL. */
static const char *own_name(const struct cm_plan_key *k, const char *pattern)
{
    size_t below = strlen(pattern);
    const char *rest = k->path;
    if (below) {
        if (strncmp(rest, pattern, below) != 0 || rest[below] != '.')
            return NULL;
        rest += below + 1;
    }
    return strchr(rest, '.') ? NULL : rest;
}

static void unknown_key(struct cm_reading *r, const char *pattern, const char *path, const struct cm_yaml *key)
{
    const char *siblings[SIBLINGS] = {NULL};
    const char *elsewhere = NULL;
    size_t n = 0;
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        const char *name = own_name(k, pattern);
        if (name && n + 1 < SIBLINGS)
            siblings[n++] = name;
        const char *last = strrchr(k->path, '.');
        if (last && !elsewhere && !strchr(k->path, '*') && strcmp(last + 1, key->text) == 0)
            elsewhere = k->path;
    }
    const char *near = cm_nearest(key->text, siblings);
    const char *where = *path ? path : "the plan";
    if (near)
        cm_problem(r->problems, r->doc, key, "unknown key \"%s\" in %s; did you mean \"%s\"?", key->text, where, near);
    else if (elsewhere)
        cm_problem(r->problems, r->doc, key, "unknown key \"%s\" in %s; there is %s", key->text, where, elsewhere);
    else
        cm_problem(r->problems, r->doc, key, "unknown key \"%s\" in %s; it knows %s%s%s%s", key->text, where, siblings[0],
                   siblings[1] ? ", " : "", siblings[1] ? siblings[1] : "", siblings[1] && siblings[2] ? " …" : "");
}

/* Connect's configuration has sections and keys; a sub-section does not occur among what a migration changes. */
static bool setting_name_ok(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot && dot != name && dot[1] && !strchr(dot + 1, '.') && !strpbrk(name, " \t\"[]=");
}

static void walk_pair(struct cm_reading *r, const struct cm_yaml *key, const struct cm_yaml *value, const char *pattern,
                      const char *path, json_t *out)
{
    if (key->type != CM_YAML_SCALAR || !key->text_bytes || strlen(key->text) != key->text_bytes) {
        cm_problem(r->problems, r->doc, key, "expected the name of a key");
        return;
    }
    const struct cm_plan_key *k = cm_plan_key_under(pattern, key->text);
    if (!k) {
        unknown_key(r, pattern, path, key);
        return;
    }
    cm_autofree char *full = *path ? cm_fmt("%s.%s", path, key->text) : cm_strdup(key->text);
    if (strcmp(k->path, "temporary.*") == 0 && !setting_name_ok(key->text)) {
        cm_problem(r->problems, r->doc, key, "temporary: \"%s\" is not of the form Section.Key, like Scheduler.MinProcessesLimit",
                   key->text);
        return;
    }
    json_t *made;
    if (k->type == CM_P_MAP && value->type == CM_YAML_MAP) {
        made = json_object();
        cm_plan_walk(r, value, k->path, full, made);
    } else {
        made = cm_plan_value(r, k, full, value);
    }
    if (!made)
        return;
    json_object_set_new(out, key->text, made);
    cm_autofree char *place =
        r->origin ? cm_strdup(r->origin) : cm_fmt("%s:%u:%u", cm_yaml_name(r->doc), value->line, value->column);
    json_object_set_new(r->plan->origins, full, json_string(place));
    if (!r->origin && strcmp(k->path, "steps.*") == 0) {
        cm_autofree char *at = cm_fmt("%s:%u:%u", cm_yaml_name(r->doc), key->line, key->column);
        json_object_set_new(r->plan->places, key->text, json_string(at));
    }
}

void cm_plan_walk(struct cm_reading *r, const struct cm_yaml *map, const char *pattern, const char *path, json_t *out)
{
    for (size_t i = 0; i < map->count; i++)
        walk_pair(r, map->keys[i], map->items[i], pattern, path, out);
}
