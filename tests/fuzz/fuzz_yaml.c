/* Any bytes as a YAML file: a tree or a refusal with its place; the tree's spans lie in the source and in each other; the checks of values
 * run over whatever it is. */
#include <config.h>

#include "base/yaml.h"
#include "refusal.h"
#include "replay.h"
#include "values/launcher.h"

static const char *const lines[] = { "config:", "Server:", "Address: a", "- a", "- - b", "- # c", "? a", "? - b", ": b", "&a b: *a", "<<: *a", "<<: [*a, {b: c}]",
    "base: &a {b: c}", "list: [a, b, {c: d}]", "a: \"b", " c\"", "text: |2-", "text: >+", "a line", "---", "...", "%YAML 1.1", "%TAG ! tag:x,2000:", "# c", "",
    "1: 0x1F", "on: off", "n: 1_000", "f: .5e-3", "big: 18446744073709551616", "pod:", "env:", "- name: A", "value: \"\\u0007\"", "backends:", "kubernetes:",
    "executionEnvironments:", "installations: [{version: 3.10}]", NULL };

static void look(const struct cm_yaml *n, size_t begin, size_t end)
{
    must(n->begin >= begin && n->end <= end && n->begin <= n->end && cm_yaml_body(n) >= n->begin);
    for (size_t i = 0; i < n->count; i++) {
        if (n->keys)
            look(n->keys[i], n->begin, n->end);
        look(n->items[i], n->begin, n->end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cm_autoerr err = NULL;
    struct cm_yaml_doc *doc = cm_yaml_parse((const char *)data, size, "f", &err);
    if (!doc) {
        must_be_a_refusal(err);
        return 0;
    }
    if (cm_yaml_root(doc)) {
        look(cm_yaml_root(doc), 0, size);
        json_decref(cm_yaml_json(doc, cm_yaml_root(doc)));
    }
    cm_yaml_free(doc);
    char *text = cm_strndup((const char *)data, size);
    const char *const names[] = {"f", NULL}, *const texts[] = {text, NULL};
    json_decref(cm_values_check(names, texts, NULL, "2026.08.0", NULL));
    free(text);
    return 0;
}

CM_FUZZ_MAIN("yaml", lines)
