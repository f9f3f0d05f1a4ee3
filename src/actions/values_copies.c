/* actions/values_copies.c: see the header. A copy holds what the user's file holds, so it is its owner's alone, as the run directory is. */
#include <config.h>

#include "actions/values_copies.h"

#include <string.h>

#include <cm/str.h>

#include "adapters/helm.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

enum { FILE_MAX = 64 << 20 };

int cm_values_set_read(struct cm_step *step, struct cm_values_set *set, struct cm_err **err)
{
    const json_t *paths = cm_plan_get(cm_step_plan(step), "target.values"), *path;
    size_t n = json_array_size(paths), i;
    *set = (struct cm_values_set){.all = {.at = cm_plan_values_key(cm_step_plan(step)), .count = n}};
    set->texts = cm_alloc((n + 1) * sizeof *set->texts);
    set->all.files = cm_alloc((n + 1) * sizeof *set->all.files);
    json_array_foreach(paths, i, path)
    {
        struct cm_launcher_file *f = &set->all.files[i];
        if (cm_file_read(json_string_value(path), FILE_MAX, &set->texts[i], &f->bytes, err) < 0)
            return -1;
        f->name = json_string_value(path);
        f->text = set->texts[i];
    }
    return 0;
}

void cm_values_set_fini(struct cm_values_set *set)
{
    if (set->all.files != NULL)
        cm_launcher_all_fini(&set->all);
    for (size_t i = 0; set->texts != NULL && i < set->all.count; i++)
        free(set->texts[i]);
    free(set->texts);
    free(set->all.files);
    *set = (struct cm_values_set){0};
}

static int write_copy(struct cm_step *step, const char *name, const struct cm_launcher_result *r, struct cm_err **err)
{
    FILE *out = NULL;
    if (cm_artifact_begin(step, name, &out, err) < 0)
        return -1;
    if (fwrite(r->text, 1, r->bytes, out) != r->bytes) {
        cm_artifact_drop(step, out);
        return cm_fail_errno(err, CM_E_FAILED, "%s could not be written", name);
    }
    return cm_artifact_keep(step, out, err);
}

/* What check and preview write is gone again with them. */
static void say_copy(struct cm_step *step, const char *file, const char *name, const char *copy)
{
    if (cm_reading(step))
        cm_say(
            step,
            "%s is converted for the direct runner; a run keeps the copy as artifacts/%s (0600), and gives it to helm in its place",
            file, name);
    else
        cm_say(
            step,
            "%s is converted for the direct runner; the copy is %s (0600), and helm is given it in place of yours. Commit it to your "
            "repository instead of the old one when the migration is done.",
            file, copy != NULL ? copy : name);
}

int cm_values_copies(struct cm_step *step, const struct cm_values_set *set, bool write, json_t **files, struct cm_err **err)
{
    cm_autojson found = json_object();
    unsigned char sum[32];
    char hex[65];
    *files = NULL;
    for (size_t i = 0; i < set->all.count; i++) {
        const struct cm_launcher_file *f = &set->all.files[i];
        cm_autofree char *name = cm_fmt("values.%zu.%s", i, cm_path_base(f->name));
        const char *copy = NULL;
        if (f->result.changed && write && write_copy(step, name, &f->result, err) < 0)
            return -1;
        if (f->result.changed)
            copy = cm_artifact_path(step, name);
        if (f->result.changed && write)
            say_copy(step, f->name, name, copy);
        cm_sha256(f->text, f->bytes, sum);
        cm_hex(sum, 32, hex);
        json_object_set_new(found, f->name, json_pack("{s:s, s:s}", "given", copy != NULL ? copy : f->name, "sha256", hex));
    }
    *files = json_incref(found);
    return 0;
}

void cm_values_copies_tell(struct cm_step *step, const struct cm_values_set *set)
{
    size_t i;
    json_t *f;
    json_array_foreach(set->all.findings, i, f)
    {
        const char *id = cm_json_text(f, "id", "values.convert");
        if (strcmp(id, "values.launcher-off") == 0 && cm_walk_has(step, "values.check"))
            continue; /* which says it itself (values.launcher-ignored) */
        cm_finding(step, cm_verdict_of(cm_json_text(f, "verdict", "")), id, cm_json_text(f, "remedy", ""), "%s",
                   cm_json_text(f, "seen", ""));
    }
}

char *cm_values_copies_words(struct cm_step *step, const char *indent)
{
    const json_t *own = cm_plan_get(cm_step_plan(step), "target.values"), *file;
    const char *const *given = cm_helm_files(step);
    struct cm_str out = CM_STR(CM_STR_PAGE);
    unsigned char sum[32];
    char hex[65] = "?";
    size_t i;
    json_array_foreach(own, i, file)
    {
        if (strcmp(given[i], json_string_value(file)) == 0)
            continue;
        if (cm_sha256_file(given[i], sum, NULL) == 0)
            cm_hex(sum, sizeof sum, hex);
        cm_str_addf(&out, "%s%s  sha256 %.12s, in place of %s\n", indent, given[i], hex, json_string_value(file));
    }
    return cm_str_take(&out);
}
