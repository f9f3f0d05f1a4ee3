/* Any bytes as a user's values file: every scalar set to itself changes no byte; a conversion is refused or proved (the proof is part of
 * it), keeps what it does not convert, and changes nothing the second time; a merge is refused or proved. */
#include <config.h>

#include "base/yaml.h"
#include "replay.h"
#include "values/config.h"
#include "values/edit.h"
#include "values/launcher.h"

#define must(good) ((good) ? (void)0 : abort())

static void set_all(struct cm_edits *e, const struct cm_yaml *n)
{
    if (n->type == CM_YAML_SCALAR && strlen(n->text) == n->text_bytes) /* "\\0" can be read, and not be said to cm_edit_set */
        cm_edit_set(e, n, n->text);
    for (size_t i = 0; i < n->count; i++) {
        if (n->keys)
            set_all(e, n->keys[i]);
        set_all(e, n->items[i]);
    }
}

static void set_to_itself(const char *data, size_t size)
{
    struct cm_yaml_doc *doc = cm_yaml_parse(data, size, "f", NULL);
    if (!doc)
        return;
    if (cm_yaml_root(doc) && !memchr(data, '\0', size)) {
        struct cm_edits *e = cm_edits_new(doc);
        char *text = NULL;
        size_t bytes = 0;
        set_all(e, cm_yaml_root(doc));
        must(cm_edits_apply(e, NULL, &text, &bytes, NULL) == 0);
        must(bytes == size && memcmp(text, data, size) == 0);
        free(text);
        cm_edits_free(e);
    }
    cm_yaml_free(doc);
}

/* With its place, before anything was edited: an edit that overlaps or does not read as it should is a fault of ours. An alias that came
 * before its anchor is found by the proof only. */
static void must_be_a_refusal(const struct cm_err *err)
{
    bool unproved = strncmp(cm_err_message(err), "f cannot be edited safely", 25) == 0; /* all others begin with their place */
    must(cm_err_code(err) == CM_E_USAGE && (!unproved || strstr(cm_err_message(err), "comes before its anchor")));
}

static void convert(const char *data, size_t size)
{
    struct cm_launcher_result r, again;
    struct cm_launcher_wish w = {.text = data, .bytes = size, .name = "f"};
    cm_autoerr err = NULL;
    if (cm_launcher_convert(&w, &r, &err) != 0) {
        must_be_a_refusal(err);
        return;
    }
    must(r.changed || (r.bytes == size && memcmp(r.text, data, size) == 0));
    struct cm_launcher_wish second = {.text = r.text, .bytes = r.bytes, .name = "f"};
    must(cm_launcher_convert(&second, &again, NULL) == 0);
    must(again.bytes == r.bytes && memcmp(again.text, r.text, r.bytes) == 0);
    cm_launcher_result_fini(&r);
    cm_launcher_result_fini(&again);
}

static void merge(const char *data, size_t size)
{
    static const char setting[] = "[Server]\nSenderEmail = a@b\n[Foo]\nA = \"x; y\"\n[SMTP]\nPassword = p\n";
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_yaml_doc *doc = cm_yaml_parse(data, size, "f", NULL);
    if (doc && cm_gcfg_add(g, setting, strlen(setting), "g", NULL) == 0) {
        const struct cm_yaml_doc *const bases[] = {doc, NULL};
        struct cm_config_wish w = {.gcfg = g, .base = bases, .release = "r"};
        struct cm_config_result r;
        char *merged = NULL;
        size_t bytes = 0;
        cm_autoerr err = NULL;
        must(cm_config_convert(&w, &r, NULL) == 0);
        if (cm_config_merge(&r, data, size, "f", &merged, &bytes, &err) != 0)
            must_be_a_refusal(err);
        free(merged);
        cm_config_result_fini(&r);
    }
    cm_yaml_free(doc);
    cm_gcfg_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_to_itself((const char *)data, size);
    convert((const char *)data, size);
    merge((const char *)data, size);
    return 0;
}

CM_FUZZ_MAIN("edit")
