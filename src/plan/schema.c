/* plan/schema.c: the table of keys as a JSON Schema, draft 2020-12 (json-schema.org/draft/2020-12), for editors and for tools that
 * write plans. It accepts what the reader accepts and refuses what it refuses, but for what a schema cannot say: times that do
 * not exist, values derived from the environment, a file that is not there. */
#include <config.h>

#include "plan/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"

#define DURATION_PATTERN "^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$|^[0-9]+$"
#define TIME_PATTERN "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$"
#define URL_PATTERN "^https?://[^/:@?#\\s][^/@?#\\s]*(/[^?#\\s]*)?$"
#define NAME_PATTERN "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

static json_t *pattern_text(const char *pattern) { return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern); }
static json_t *any_text(void) { return json_pack("{s:s, s:i}", "type", "string", "minLength", 1); }

static json_t *words(const char *values)
{
    json_t *list = json_array();
    for (const char *v = values; v; v = strchr(v, '|'), v = v ? v + 1 : NULL)
        json_array_append_new(list, json_stringn(v, strcspn(v, "|")));
    return list;
}

static json_t *list_of(const struct cm_plan_key *k, json_t *items)
{
    json_t *out = json_pack("{s:s, s:o}", "type", "array", "items", items);
    if (k->min)
        json_object_set_new(out, "minItems", json_integer(k->min));
    if (k->max)
        json_object_set_new(out, "maxItems", json_integer(k->max));
    if (k->type == CM_P_HOSTS || k->type == CM_P_LIST_ENUM)
        json_object_set_new(out, "uniqueItems", json_true());
    return out;
}

static json_t *duration(void)
{
    return json_pack("{s:[{s:s, s:s}, {s:s, s:i}]}", "anyOf", "type", "string", "pattern", DURATION_PATTERN, "type", "integer",
                     "minimum", 0);
}

static json_t *secret(void)
{
    return json_pack("{s:s, s:{s:{s:s, s:s}, s:{s:s, s:i}, s:{s:s, s:i, s:i, s:{s:s, s:i}}}, s:b, s:i, s:i}", "type", "object",
                     "properties", "env", "type", "string", "pattern", "^[A-Za-z0-9_]+$", "file", "type", "string", "minLength", 1,
                     "command", "type", "array", "minItems", 1, "maxItems", 256, "items", "type", "string", "minLength", 1,
                     "additionalProperties", 0, "minProperties", 1, "maxProperties", 1);
}

static json_t *url(const struct cm_plan_key *k)
{
    json_t *address = pattern_text(URL_PATTERN);
    if (!k->values)
        return address;
    return json_pack("{s:[{s:o}, o]}", "anyOf", "enum", words(k->values), address);
}

static json_t *value_schema(const struct cm_plan_key *k)
{
    switch (k->type) {
    case CM_P_BOOL: return json_pack("{s:s}", "type", "boolean");
    case CM_P_INT: {
        json_t *out = json_pack("{s:s}", "type", "integer");
        if (k->min || k->max) {
            json_object_set_new(out, "minimum", json_integer(k->min));
            json_object_set_new(out, "maximum", json_integer(k->max));
        }
        return out;
    }
    case CM_P_DURATION: return duration();
    case CM_P_SECRET: return secret();
    case CM_P_ENUM: return json_pack("{s:o}", "enum", words(k->values));
    case CM_P_URL: return url(k);
    case CM_P_TIME: return pattern_text(TIME_PATTERN);
    case CM_P_REMOTE_PATH: return pattern_text("^/");
    case CM_P_NAME: {
        json_t *out = pattern_text(NAME_PATTERN);
        json_object_set_new(out, "maxLength", json_integer(k->max));
        return out;
    }
    case CM_P_LIST_STRING:
    case CM_P_LIST_PATH:
    case CM_P_COMMAND: return list_of(k, any_text());
    case CM_P_LIST_DURATION: return list_of(k, duration());
    case CM_P_LIST_ENUM: return list_of(k, json_pack("{s:o}", "enum", words(k->values)));
    case CM_P_HOSTS: return list_of(k, pattern_text("^[^-/\\s][^/\\s]*$"));
    case CM_P_STRING_OR_LIST: return json_pack("{s:[o, o]}", "anyOf", pattern_text("^[^ \\t]+$"), list_of(k, any_text()));
    case CM_P_SCALAR: return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
    case CM_P_FREE_MAP:
    case CM_P_MAP: return json_pack("{s:s}", "type", "object");
    case CM_P_STRING:
    case CM_P_PATH:
    case CM_P_PROGRAM:
    case CM_P_CHART: break;
    }
    return any_text();
}

static void describe(json_t *out, const struct cm_plan_key *k)
{
    cm_autofree char *text = k->derived ? cm_fmt("%s When not said: %s.", k->help, k->derived) : cm_strdup(k->help);
    json_object_set_new(out, "description", json_string(text));
    cm_autoyaml doc = k->def ? cm_yaml_parse(k->def, strlen(k->def), "default", NULL) : NULL;
    if (doc && cm_yaml_root(doc))
        json_object_set_new(out, "default", cm_yaml_json(doc, cm_yaml_root(doc)));
}

static json_t *map_schema(const char *pattern);

static json_t *key_schema(const struct cm_plan_key *k)
{
    json_t *out = k->type == CM_P_MAP ? map_schema(k->path) : value_schema(k);
    describe(out, k);
    if (strcmp(k->path, "temporary") == 0)
        json_object_set_new(out, "propertyNames", json_pack("{s:s}", "pattern", "^[^. \\t\"=\\[\\]]+\\.[^. \\t\"=\\[\\]]+$"));
    return out;
}

/* `command` is what a command-step runs, and nobody else has one. */
static void command_goes_with_by(json_t *out, bool hands)
{
    json_t *hand_or_tool = hands ? json_pack("[s, s]", "hand", "tool") : json_pack("[s, s]", "tool", "hand");
    json_object_set_new(out, "allOf",
                        json_pack("[{s:{s:{s:{s:s}}, s:[s]}, s:{s:[s]}}, {s:{s:{s:{s:o}}, s:[s]}, s:{s:{s:b}}}]", "if",
                                  "properties", "by", "const", "command", "required", "by", "then", "required", "command", "if",
                                  "properties", "by", "enum", hand_or_tool, "required", "by", "then", "properties", "command", 0));
}

static json_t *map_schema(const char *pattern)
{
    size_t below = strlen(pattern);
    json_t *out = json_pack("{s:s}", "type", "object"), *properties = json_object(), *required = json_array(),
           *others = json_false();
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        const char *name =
            below ? (strncmp(k->path, pattern, below) == 0 && k->path[below] == '.' ? k->path + below + 1 : NULL) : k->path;
        if (!name || strchr(name, '.'))
            continue;
        json_t *schema = key_schema(k);
        if (strcmp(name, "*") == 0)
            others = schema;
        else
            json_object_set_new(properties, name, schema);
        bool only_by_runbook = strcmp(k->path, "source.hosts") == 0;
        if (k->required && !k->derived && !only_by_runbook)
            json_array_append_new(required, json_string(name));
    }
    json_object_set_new(out, "properties", properties);
    json_object_set_new(out, "additionalProperties", others);
    if (json_array_size(required))
        json_object_set_new(out, "required", json_incref(required));
    json_decref(required);
    if (json_object_get(properties, "by") && json_object_get(properties, "command"))
        command_goes_with_by(out, !json_object_get(properties, "timeout"));
    return out;
}

/* One of a step's long and short form, not both; and hosts by runbook. */
static json_t *across_keys(void)
{
    json_t *out = json_array();
    static const char *const steps[] = {"backup.take", "access.close", "access.open"};
    for (size_t i = 0; i < 3; i++) {
        json_t *short_form = i == 0 ? json_pack("{s:[s]}", "required", "backup")
                                    : json_pack("{s:[s], s:{s:{s:[s]}}}", "required", "access", "properties", "access", "required",
                                                steps[i] + strlen("access."));
        json_array_append_new(out, json_pack("{s:{s:[o, {s:[s], s:{s:{s:[s]}}}]}}", "not", "allOf", short_form, "required", "steps",
                                             "properties", "steps", "required", steps[i]));
        json_array_append_new(out, json_pack("{s:{s:{s:{s:{s:{s:{s:{s:s}}}}}}}}", "properties", "steps", "properties", steps[i],
                                             "properties", "by", "not", "const", "tool"));
    }
    json_t *without =
        json_pack("{s:{s:{s:s}}, s:[s]}", "properties", "runbook", "const", "launcher-to-kubernetes-runner", "required", "runbook");
    json_t *hosts = json_pack("{s:[s], s:{s:{s:[s]}}}", "required", "source", "properties", "source", "required", "hosts");
    json_array_append_new(out, json_pack("{s:o, s:b, s:o}", "if", without, "then", 1, "else", hosts));
    json_t *some = json_pack("{s:{s:{s:{s:{s:i}}}}}", "properties", "source", "properties", "hosts", "minItems", 1);
    json_array_append_new(
        out, json_pack("{s:{s:{s:{s:s}}}, s:o}", "if", "properties", "runbook", "const", "vm-to-kubernetes", "then", some));
    return out;
}

json_t *cm_plan_schema(void)
{
    json_t *out =
        json_pack("{s:s, s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title", "connect-migrate plan",
                  "description", "Where an installation of Posit Connect is, where it goes, and the choices of its migration.");
    cm_autojson map = map_schema("");
    json_object_update(out, map);
    json_object_set_new(out, "required", json_pack("[s]", "target"));
    json_object_set_new(out, "allOf", across_keys());
    return out;
}
