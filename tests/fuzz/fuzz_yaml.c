/* Any bytes as a YAML file: a tree or a refusal with its place; the tree's spans lie in the source and in each other; the checks of values
 * run over whatever it is. */
#include <config.h>

#include "base/yaml.h"
#include "replay.h"
#include "values/launcher.h"

#define must(good) ((good) ? (void)0 : abort())

static void look(const struct cm_yaml *n, size_t begin, size_t end)
{
    must(n->begin >= begin && n->end <= end && n->begin <= n->end && n->body >= n->begin);
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
        must(cm_err_code(err) == CM_E_USAGE);
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

CM_FUZZ_MAIN("yaml")
