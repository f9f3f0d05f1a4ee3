/* actions/values_fit.c: see the header. Two ways in which a changed file does not reach helm: a converted copy is given in its place, or
 * values.config.yaml, which stands behind it, says another value at the same place (a list is replaced whole). And one in which it reaches
 * helm as nobody wants it: with values of the Launcher that were not there when the others were converted. */
#include <config.h>

#include "actions/values_fit.h"

#include <string.h>

#include <cm/str.h>

#include "actions/look.h"
#include "actions/target.h"
#include "actions/values_given.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "plan/plan.h"

enum { DIGITS = 16 };

static void short_digest(const json_t *value, char hex[65])
{
    unsigned char sum[32];
    cm_sha256_json(value, sum);
    cm_hex(sum, 32, hex);
    hex[DIGITS] = '\0';
}

/* Sections and keys of the configuration are found in any case, as Connect finds them. */
static json_t *base_of(const json_t *ours, const json_t *base)
{
    const char *key;
    json_t *value, *out;
    char hex[65];
    if (!json_is_object(ours)) {
        if (base == NULL)
            return json_null();
        short_digest(base, hex);
        return json_string(hex);
    }
    out = json_object();
    json_object_foreach(cm_json_loose(ours), key, value) json_object_set_new(out, key, base_of(value, cm_look_member(base, key)));
    return out;
}

static json_t *read_text(struct cm_step *step, const char *text, struct cm_err **err)
{
    const char *below = cm_plan_values_key(cm_step_plan(step));
    cm_autoyaml doc = cm_yaml_parse(text, strlen(text), "values.config.yaml", err);
    if (doc == NULL)
        return NULL;
    if (below != NULL)
        cm_yaml_begin_at(doc, below);
    const struct cm_yaml *root = cm_yaml_root(doc);
    json_t *values = root == NULL ? NULL : cm_yaml_json(doc, root);
    return values == NULL ? json_object() : values;
}

json_t *cm_values_fit_base(struct cm_step *step, const char *text, struct cm_err **err)
{
    const json_t *base = NULL;
    cm_autojson ours = read_text(step, text, err);
    if (ours == NULL || cm_target_base_json(step, &base, err) < 0)
        return NULL;
    return base_of(ours, base);
}

/* ---- does it fit? ---- */

/* `was`: by base_of, when `ours` was made. */
static void compare(const json_t *ours, const json_t *was, const json_t *now, const char *path, struct cm_str *out)
{
    const char *key;
    json_t *value;
    char hex[65];
    if (json_is_object(ours)) {
        json_object_foreach(cm_json_loose(ours), key, value)
        {
            cm_autofree char *below = cm_fmt("%s%s%s", path, *path ? "." : "", key);
            compare(value, json_object_get(was, key), cm_look_member(now, key), below, out);
        }
        return;
    }
    if (now == NULL || json_equal(now, ours))
        return;
    short_digest(now, hex);
    if (!json_is_string(was) || strcmp(json_string_value(was), hex) != 0)
        cm_look_list(out, "%s", path);
}

/* Is the file another than the one that was converted? Then helm would be given the copy of before. */
static bool is_another(const char *path, const json_t *copy)
{
    unsigned char sum[32];
    char hex[65];
    if (cm_sha256_file(path, sum, NULL) < 0)
        return true;
    cm_hex(sum, 32, hex);
    return strcmp(hex, cm_json_text(copy, "sha256", "")) != 0;
}

/* Helm is given the file itself, since nothing in it was to be converted, or nobody had named it then. What if there is now? Words, or NULL;
 * caller frees. */
static char *not_yet(struct cm_step *step, const char *path, size_t i, const json_t *copy)
{
    const struct cm_values_set *set;
    cm_autoerr why = NULL;
    if (!cm_walk_has(step, "config.convert"))
        return copy != NULL || json_object_size(cm_fact(step, "values.files")) == 0
                   ? NULL
                   : cm_fmt("%s is not the file that was converted, and helm is given the copy of before", path);
    if (cm_values_given(step, &set, &why) < 0)
        return cm_fmt("the Launcher's values cannot be converted: %s", cm_err_message(why));
    return i < set->all.count && set->all.files[i].result.changed
               ? cm_fmt("%s has values of the Launcher, and helm would be given them as they are", path)
               : NULL;
}

/* The converted copies: of the first file that does not fit; NULL: all do. Caller frees. */
static char *unconverted(struct cm_step *step)
{
    const json_t *converted = cm_fact(step, "values.files"), *file;
    size_t i;
    json_array_foreach(cm_plan_get(cm_step_plan(step), "target.values"), i, file)
    {
        const char *path = json_string_value(file);
        const json_t *copy = json_object_get(converted, path);
        bool has_copy = strcmp(cm_json_text(copy, "given", path), path) != 0;
        char *words = has_copy ? NULL : not_yet(step, path, i, copy);
        if (has_copy && is_another(path, copy))
            words = cm_fmt("%s is not the file that was converted, and helm is given the copy of before", path);
        if (words != NULL)
            return words;
    }
    return NULL;
}

/* Values of values.config.yaml that hide others of the plan's files. */
static int hidden(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    enum { MOST_BYTES = 16 << 20 };
    const json_t *was = json_object_get(cm_fact(step, "config.values"), "base"), *base = NULL;
    const char *path = cm_artifact_path(step, "values.config.yaml");
    cm_autofree char *text = NULL;
    size_t bytes;
    if (was == NULL || path == NULL)
        return 0;
    if (cm_file_read(path, MOST_BYTES, &text, &bytes, err) < 0 || cm_target_base_json(step, &base, err) < 0)
        return -1;
    cm_autojson ours = read_text(step, text, err);
    if (ours == NULL)
        return -1;
    compare(ours, was, base, "", out);
    return 0;
}

static int remember(struct cm_step *step, const char *again, struct cm_err **err)
{
    json_t *fact = again == NULL ? json_null() : json_pack("{s:s}", "step", again);
    bool is = json_is_object(cm_fact(step, CM_FACT_STALE));
    if (cm_reading(step) || (again == NULL && !is)) {
        json_decref(fact);
        return 0;
    }
    return cm_fact_set(step, CM_FACT_STALE, fact, err);
}

char *cm_values_misfit(struct cm_step *step, struct cm_err **err)
{
    cm_autostr names = CM_STR(1024);
    char *file = unconverted(step);
    if (file != NULL)
        return file;
    if (hidden(step, &names, err) < 0)
        return NULL;
    return names.len == 0
               ? cm_strdup("")
               : cm_fmt(
                     "the values files were changed, and values.config.yaml, which helm is given behind them, says something else: %s",
                     cm_str_text(&names));
}

int cm_values_fit(struct cm_step *step, struct cm_err **err)
{
    const char *again = cm_json_text(cm_fact(step, "config.values"), "step", "config.convert");
    cm_autofree char *words = cm_values_misfit(step, err);
    if (words == NULL)
        return -1;
    if (*words == '\0')
        return remember(step, NULL, err);
    if (remember(step, again, err) < 0)
        return -1;
    cm_fail(err, CM_E_FAILED, "%s", words);
    cm_hint(err, "Nothing was deployed. Run the same command again with --redo %s: it is made anew, and what your files say wins.",
            again);
    return -1;
}
