/* The user's choices in the world's plan: see rehearsal_plan.h. JSON is YAML, so the plan is written as JSON; values are written as people
 * write them, since they may have to be converted. */
#include <config.h>

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/rehearsal_plan.h"
#include "plan/plan.h"
#include "values/quote.h"

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

/* As a values file of its own in the world's folder, as people write them. */
static int put_values(const json_t *values, const char *path, struct cm_err **err)
{
    cm_autostr text = CM_STR(CM_STR_BIG);
    cm_yaml_add_value(&text, values, 0);
    return cm_file_write(path, cm_str_text(&text), text.len, 0600, err);
}

/* The world deploys Connect's chart itself: of a file for a chart that has it as a dependency it gets what stands below that key. */
static int take_below(json_t *values, const json_t *below, const char *file, const char *dir, struct cm_err **err)
{
    cm_autofree char *name = cm_fmt("values.%zu.%s", json_array_size(values), cm_path_base(file));
    cm_autofree char *path = cm_path_join(dir, name);
    json_array_append_new(values, json_string(path));
    return put_values(below, path, err);
}

/* Somebody who writes for the Launcher has a job base of his own in it: the world's would be one list with what it is converted to. */
static int leave_out_the_runner(json_t *values, const char *dir, struct cm_err **err)
{
    cm_autofree char *worlds = cm_path_join(dir, json_string_value(json_array_get(values, 0)));
    cm_autojson own = raw(worlds, err);
    cm_autofree char *path = cm_path_join(dir, "values.world.yaml");
    if (!own)
        return -1;
    json_object_del(own, "backends");
    json_object_del(own, "launcher");
    json_array_set_new(values, 0, json_string(path));
    return put_values(own, path, err);
}

static int take_values(json_t *out, const struct cm_plan *user, const char *dir, struct cm_err **err)
{
    json_t *target = json_object_get(out, "target"), *values = json_object_get(target, "values"), *file;
    size_t i;
    const char *key = cm_plan_values_key(user);
    bool launcher = false;
    if (!json_is_array(values))
        return 0;
    json_array_foreach(cm_json_loose(cm_plan_get(user, "target.values")), i, file)
    {
        cm_autoyaml doc = cm_yaml_load(json_string_value(file), err);
        if (!doc)
            return -1;
        if (key)
            cm_yaml_begin_at(doc, key);
        cm_autojson said = cm_yaml_root(doc) ? cm_yaml_json(doc, cm_yaml_root(doc)) : json_object();
        launcher = launcher || cm_json_at(said, "launcher.enabled") || cm_json_at(said, "launcher.templateValues");
        if (!key)
            json_array_append(values, file);
        else if (take_below(values, said, json_string_value(file), dir, err) < 0)
            return -1;
    }
    return launcher ? leave_out_the_runner(values, dir, err) : 0;
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
