/* A conversion of gcfg to values, its result read, for the tests of it. */
#ifndef CM_TESTS_CONFIG_FIXTURE_H
#define CM_TESTS_CONFIG_FIXTURE_H

#include "values_helpers.h"

struct conversion {
    struct cm_gcfg *gcfg;
    struct cm_config_result r;
    json_t *data;
    struct cm_yaml_doc *base;
};

static inline void convert_full(struct conversion *c, const char *gcfg, const char *base, const char *const *unit)
{
    const struct cm_yaml_doc *docs[2] = {NULL, NULL};
    const char *const names[] = {"values.yaml", NULL};
    c->gcfg = helper_gcfg(gcfg);
    assert_int_equal(cm_gcfg_add_environment(c->gcfg, unit, NULL), 0);
    docs[0] = c->base = base ? helper_yaml(base) : NULL;
    struct cm_config_wish w = {.gcfg = c->gcfg, .base = docs, .base_names = names, .release = "rel", .unit_environment = unit};
    assert_int_equal(cm_config_convert(&w, &c->r, NULL), 0);
    c->data = helper_data(c->r.values);
}

static inline void convert(struct conversion *c, const char *gcfg) { convert_full(c, gcfg, NULL, NULL); }

static inline void finish(struct conversion *c)
{
    cm_config_result_fini(&c->r);
    cm_gcfg_free(c->gcfg);
    cm_yaml_free(c->base);
    json_decref(c->data);
}

/* The rendered text of config.SECTION.KEY; NULL: it is not there. */
static inline const char *value(const struct conversion *c, const char *section, const char *key)
{
    return json_string_value(json_object_get(json_object_get(json_object_get(c->data, "config"), section), key));
}

static inline const json_t *row(const struct conversion *c, const char *setting)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(c->r.account); i++) {
        const json_t *one = json_array_get(c->r.account, i);
        if (strcmp(cm_json_text(one, "setting", ""), setting) == 0 && strcmp(cm_json_text(one, "disposition", ""), "chart") != 0) {
            assert_null(found); /* exactly one */
            found = one;
        }
    }
    assert_non_null(found);
    return found;
}

static inline void assert_fate(const struct conversion *c, const char *setting, const char *fate, const char *target)
{
    const json_t *one = row(c, setting);
    assert_string_equal(cm_json_text(one, "disposition", ""), fate);
    assert_string_equal(cm_json_text(one, "target", "-"), target);
}

#endif
