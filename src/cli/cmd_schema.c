/* schema: the plan's JSON Schema on stdout, made of the plan's key table, with the parameters of every action under `with` of the
 * step that has its name. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "actions/registry.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "plan/schema.h"

static json_t *typed(enum cm_type type)
{
    static const char *const schemas[] = {
#define X(id, word, words, schema) schema,
        CM_TYPES(X)
#undef X
    };
    return json_loads(schemas[type], 0, NULL);
}

static json_t *param_schema(const struct cm_param *p)
{
    json_t *out = typed(p->type), *def = p->def ? json_loads(p->def, JSON_DECODE_ANY, NULL) : NULL;
    json_object_set_new(out, "description", json_string(p->help));
    if (def)
        json_object_set_new(out, "default", def);
    return out;
}

/* The step as any step, and its `with` by the action's table. */
static json_t *step_of(const struct cm_action *a)
{
    json_t *params = json_object();
    for (const struct cm_param *p = a->params; p && p->name; p++)
        json_object_set_new(params, p->name, param_schema(p));
    return json_pack("{s:s, s:s, s:{s:{s:s, s:o, s:b}}}", "$ref", "#/$defs/step", "description", a->summary, "properties", "with",
                     "type", "object", "properties", params, "additionalProperties", 0);
}

int cm_cmd_schema(const struct cm_invocation *in, struct cm_err **err)
{
    (void)in;
    (void)err;
    cm_autojson schema = cm_plan_schema();
    json_t *steps = json_object_get(json_object_get(schema, "properties"), "steps"), *known = json_object_get(steps, "properties");
    json_object_set_new(schema, "$defs", json_pack("{s:O}", "step", json_object_get(steps, "additionalProperties")));
    json_object_set_new(steps, "additionalProperties", json_pack("{s:s}", "$ref", "#/$defs/step"));
    for (size_t i = 0; cm_actions[i]; i++)
        json_object_set_new(known, cm_actions[i]->name, step_of(cm_actions[i]));
    cm_autofree char *text = json_dumps(schema, JSON_INDENT(2));
    printf("%s\n", text);
    return 0;
}
