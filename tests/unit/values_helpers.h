/* What the tests of src/values share: files, findings, an own printer of values as the chart prints them, written from the chart's rule and
 * not from our code. */
#ifndef CM_TESTS_VALUES_HELPERS_H
#define CM_TESTS_VALUES_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "values/config.h"
#include "values/gcfg.h"

static inline char *helper_file(const char *name)
{
    const char *src = getenv("CM_SRC");
    cm_autofree char *path = cm_fmt("%s/tests/data/values/%s", src ? src : ".", name);
    struct cm_err *err = NULL;
    char *text = NULL;
    size_t n;
    if (cm_file_read(path, 1 << 24, &text, &n, &err) < 0)
        fail_msg("%s (CM_SRC names the source tree)", cm_err_message(err));
    return text;
}

static inline struct cm_gcfg *helper_gcfg(const char *text)
{
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_err *err = NULL;
    if (cm_gcfg_add(g, text, strlen(text), "a.gcfg", &err) < 0)
        fail_msg("%s", cm_err_message(err));
    return g;
}

static inline struct cm_yaml_doc *helper_yaml(const char *text)
{
    struct cm_err *err = NULL;
    struct cm_yaml_doc *doc = cm_yaml_parse(text, strlen(text), "values.yaml", &err);
    if (!doc)
        fail_msg("%s in\n%s", cm_err_message(err), text);
    return doc;
}

static inline json_t *helper_data(const char *text)
{
    cm_autoyaml doc = helper_yaml(text);
    return cm_yaml_root(doc) ? cm_yaml_json(doc, cm_yaml_root(doc)) : json_null();
}

/* The finding of this id; NULL: none. */
static inline const json_t *helper_finding(const json_t *findings, const char *id)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        if (strcmp(cm_json_text(f, "id", ""), id) == 0)
            return f;
    }
    return NULL;
}

static inline void helper_assert_finding(const json_t *findings, const char *id, const char *verdict, const char *seen_has)
{
    const json_t *f = helper_finding(findings, id);
    if (!f) {
        cm_autofree char *all = json_dumps(findings, JSON_INDENT(1));
        fail_msg("no finding %s in %s", id, all);
    }
    assert_string_equal(cm_json_text(f, "verdict", ""), verdict);
    if (seen_has && !strstr(cm_json_text(f, "seen", ""), seen_has))
        fail_msg("%s does not say '%s': %s", id, seen_has, cm_json_text(f, "seen", ""));
}

#endif
