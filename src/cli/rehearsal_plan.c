/* The user's choices in the world's plan: see rehearsal_plan.h. JSON is YAML, so the result is written as JSON. */
#include <config.h>

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/rehearsal_plan.h"
#include "plan/plan.h"

static const char *const taken[] = {"content", "temporary", "license", "stages", NULL};

static json_t *raw(const char *path, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_load(path, err);
    if (!doc)
        return NULL;
    return cm_yaml_root(doc) ? cm_yaml_json(doc, cm_yaml_root(doc)) : json_object();
}

/* What the world must do itself stays the world's. */
static void take_steps(json_t *out, const json_t *user)
{
    json_t *steps = json_object_get(out, "steps"), *value;
    const char *id;
    if (!steps) {
        steps = json_object();
        json_object_set_new(out, "steps", steps);
    }
    json_object_foreach(cm_json_loose(json_object_get(user, "steps")), id,
                        value) if (strncmp(id, "access.", 7) != 0 && strcmp(id, "backup.take") != 0)
        json_object_set(steps, id, value);
}

static void take_gates(json_t *out, const json_t *user)
{
    json_t *gates = json_object_get(out, "gates");
    if (!gates) {
        gates = json_object();
        json_object_set_new(out, "gates", gates);
    }
    json_object_update(gates, cm_json_loose(json_object_get(user, "gates")));
}

/* The world deploys Connect's chart itself: of a file for a chart that has it as a dependency it gets what stands below that key. */
static int take_below(json_t *values, const char *file, const char *key, const char *dir, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_load(file, err);
    if (!doc)
        return -1;
    cm_yaml_begin_at(doc, key);
    cm_autojson below = cm_yaml_root(doc) ? cm_yaml_json(doc, cm_yaml_root(doc)) : json_object();
    cm_autofree char *text = json_dumps(below, JSON_INDENT(2));
    cm_autofree char *name = cm_fmt("values.%zu.%s", json_array_size(values), cm_path_base(file));
    cm_autofree char *path = cm_path_join(dir, name);
    json_array_append_new(values, json_string(path));
    return cm_file_write(path, text, strlen(text), 0600, err);
}

static int take_values(json_t *out, const struct cm_plan *user, const char *dir, struct cm_err **err)
{
    json_t *target = json_object_get(out, "target"), *values = json_object_get(target, "values"), *file;
    size_t i;
    const char *key = cm_plan_values_key(user);
    if (!json_is_array(values))
        return 0;
    json_array_foreach(cm_json_loose(cm_plan_get(user, "target.values")), i, file)
    {
        if (key == NULL)
            json_array_append(values, file);
        else if (take_below(values, json_string_value(file), key, dir, err) < 0)
            return -1;
    }
    return 0;
}

int cm_rehearsal_plan(const char *user_plan, const char *dir, struct cm_err **err)
{
    cm_autofree char *path = cm_path_join(dir, "plan.yaml");
    struct cm_plan *plan = cm_plan_load(user_plan, err);
    cm_autojson user = plan ? raw(user_plan, err) : NULL;
    cm_autojson kept = user ? raw(path, err) : NULL;
    int rc = -1;
    if (kept) {
        for (size_t i = 0; taken[i]; i++)
            if (json_object_get(user, taken[i]))
                json_object_set(kept, taken[i], json_object_get(user, taken[i]));
        take_steps(kept, user);
        take_gates(kept, user);
        rc = take_values(kept, plan, dir, err);
        if (json_object_size(json_object_get(kept, "steps")) == 0)
            json_object_del(kept, "steps");
        cm_autofree char *text = json_dumps(kept, JSON_INDENT(2));
        if (rc == 0)
            rc = cm_file_write(path, text, strlen(text), 0600, err);
    }
    cm_plan_free(plan);
    return rc;
}
