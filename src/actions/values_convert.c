/* values.convert: Launcher values to the direct Kubernetes runner's: each of the plan's files that has something to convert is written,
 * converted, into the run directory (0600); helm is given that copy in its place. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/target.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/launcher.h"

static int convert_one(struct cm_step *step, const char *path, size_t n, json_t *files, json_t *account, struct cm_err **err)
{
    cm_autofree char *text = NULL, *name = cm_fmt("values.%zu.%s", n, cm_path_base(path));
    size_t bytes = 0, i;
    struct cm_launcher_result r = {0};
    json_t *f;
    FILE *out = NULL;
    if (cm_file_read(path, 64u << 20, &text, &bytes, err) < 0)
        return -1;
    struct cm_launcher_wish w = {.text = text, .bytes = bytes, .name = path, .chart_version = cm_plan_text(cm_step_plan(step), "target.chart_version")};
    int rc = cm_launcher_convert(&w, &r, err);
    if (rc == 0 && r.changed) {
        rc = cm_artifact_begin(step, name, &out, err);
        if (rc == 0 && fwrite(r.text, 1, r.bytes, out) != r.bytes)
            cm_say(step, "%s could not be written whole", name);
        if (rc == 0)
            rc = cm_artifact_keep(step, out, err);
    }
    if (rc == 0) {
        json_array_append_new(files, json_string(r.changed ? cm_artifact_path(step, name) : path));
        json_array_extend(account, r.account);
        json_array_foreach(r.findings, i, f)
            cm_finding(step, strcmp(cm_json_text(f, "verdict", ""), "blocker") == 0 ? CM_BLOCKER
                       : strcmp(cm_json_text(f, "verdict", ""), "ok") == 0          ? CM_OK : CM_WARNING,
                       cm_json_text(f, "id", "values.convert"), cm_json_text(f, "remedy", ""), "%s", cm_json_text(f, "seen", ""));
    }
    cm_launcher_result_fini(&r);
    return rc;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autojson files = json_array();
    cm_autojson account = json_array();
    size_t i;
    json_t *path;
    FILE *f = NULL;
    json_array_foreach(cm_json_loose(cm_plan_get(cm_step_plan(step), "target.values")), i, path)
        if (convert_one(step, json_string_value(path), i, files, account, err) < 0)
            return -1;
    if (cm_artifact_begin(step, "config.account.json", &f, err) < 0)
        return -1;
    json_dumpf(account, f, JSON_INDENT(1));
    if (cm_artifact_keep(step, f, err) < 0 || cm_fact_set(step, "values.files", json_incref(files), err) < 0)
        return -1;
    return cm_fact_set(step, "config.values", json_pack("{s:i}", "files", (int)json_array_size(files)), err);
}

static const char *const gives[] = {"config.values", "values.files", NULL};

const struct cm_action cm_action_values_convert = {
    .name = "values.convert",
    .summary = "convert Launcher values to the direct Kubernetes runner's",
    .kind = CM_COMPUTE,
    .gives = gives,
    .apply = apply,
    .reads = "The plan's values files.",
    .does = "Writes a converted copy of each that needs it into the run directory, readable for its owner only, and the account.",
    .proves = "Each copy is parsed again and compared with the old tree plus the edits.",
    .undoes = "Nothing: your own files are not changed.",
    .rights = "None.",
};
