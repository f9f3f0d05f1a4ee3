/* The plan's table of keys and the JSON Schema made from it. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan/schema.h"

/* The schema of a key, following "*" into additionalProperties. */
static const json_t *schema_of(const json_t *schema, const char *path)
{
    for (const char *rest = path; schema && *rest;) {
        size_t n = strcspn(rest, ".");
        cm_autofree char *name = cm_strndup(rest, n);
        schema = strcmp(name, "*") == 0 ? json_object_get(schema, "additionalProperties")
                                        : json_object_get(json_object_get(schema, "properties"), name);
        rest += n + (rest[n] == '.');
    }
    return schema;
}

static void every_key_of_the_table_is_in_the_schema_with_its_help(void **state)
{
    (void)state;
    cm_autojson schema = cm_plan_schema();
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        const char *text = json_string_value(json_object_get(schema_of(schema, k->path), "description"));
        if (!text || strncmp(text, k->help, strlen(k->help)) != 0)
            fail_msg("%s is not in the schema", k->path);
        if (k->def && !json_object_get(schema_of(schema, k->path), "default"))
            fail_msg("%s has no default in the schema", k->path);
    }
}

static size_t closed_maps(const json_t *schema)
{
    size_t n = 0;
    const char *name;
    json_t *sub;
    if (json_object_get(schema, "properties") && !json_object_get(schema, "additionalProperties"))
        fail_msg("a map of the schema takes any key");
    json_object_foreach(json_object_get(schema, "properties"), name, sub) n += closed_maps(sub);
    if (json_is_object(json_object_get(schema, "additionalProperties")))
        n += closed_maps(json_object_get(schema, "additionalProperties"));
    return n + (json_is_false(json_object_get(schema, "additionalProperties")) ? 1 : 0);
}

static void no_map_takes_unknown_keys(void **state)
{
    (void)state;
    cm_autojson schema = cm_plan_schema();
    assert_true(closed_maps(schema) > 15);
    assert_string_equal(json_string_value(json_object_get(schema, "$schema")), "https://json-schema.org/draft/2020-12/schema");
}

static void finds_keys_and_names_with_dots(void **state)
{
    (void)state;
    assert_string_equal(cm_plan_key_under("", "source")->path, "source");
    assert_string_equal(cm_plan_key_under("source", "hosts")->path, "source.hosts");
    assert_string_equal(cm_plan_key_under("steps", "backup.take")->path, "steps.*");
    assert_string_equal(cm_plan_key_under("steps.*", "by")->path, "steps.*.by");
    assert_string_equal(cm_plan_key_under("temporary", "Scheduler.MinProcessesLimit")->path, "temporary.*");
    assert_null(cm_plan_key_under("", "source.hosts"));
    assert_null(cm_plan_key_under("", "sour"));
    assert_null(cm_plan_key_under("target", "hosts"));
}

static void every_help_is_a_sentence_and_every_parent_stands_before(void **state)
{
    (void)state;
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        size_t n = strlen(k->help);
        if (n == 0 || k->help[n - 1] != '.')
            fail_msg("%s: %s", k->path, k->help);
        const char *dot = strrchr(k->path, '.');
        bool found = !dot;
        for (const struct cm_plan_key *up = cm_plan_keys; dot && up != k; up++)
            found = found || (strlen(up->path) == (size_t)(dot - k->path) && strncmp(up->path, k->path, strlen(up->path)) == 0);
        if (!found)
            fail_msg("%s has no parent", k->path);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_the_table_is_in_the_schema_with_its_help),
        cmocka_unit_test(no_map_takes_unknown_keys),
        cmocka_unit_test(finds_keys_and_names_with_dots),
        cmocka_unit_test(every_help_is_a_sentence_and_every_parent_stands_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
