/* values.convert: Launcher values to the direct Kubernetes runner's: each of the plan's files that has something to convert is written,
 * converted, into the run directory (0600); helm is given that copy in its place. Whether the Launcher is on where no file says it is asked
 * of the running release's own configuration. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/target.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/gcfg.h"
#include "values/launcher.h"

enum { FILE_MAX = 64 << 20 };

struct conversion {
    struct cm_step *step;
    json_t *files, *account, *commands, *findings;
    enum cm_launcher_was was;
};

/* What the plan's own files say together; NULL: nothing. */
static int says(struct cm_step *step, bool *on, bool *said, struct cm_err **err)
{
    cm_autojson merged = json_object();
    size_t i;
    json_t *path;
    json_array_foreach(cm_json_loose(cm_plan_get(cm_step_plan(step), "target.values")), i, path)
    {
        if (cm_target_file_json(step, json_string_value(path), merged, err) < 0)
            return -1;
    }
    const json_t *enabled = cm_json_at(merged, "launcher.enabled");
    *said = enabled != NULL;
    *on = json_is_true(enabled);
    return 0;
}

/* What the files say together, else what Connect in the cluster was started with. Once this run has deployed, that is our own doing, and
 * what was seen before counts. */
static int find_was(struct conversion *c, struct cm_err **err)
{
    bool on = false, said = false;
    struct cm_change ours;
    const char *before = cm_json_text(cm_fact(c->step, "config.values"), "launcher", NULL);
    if (says(c->step, &on, &said, err) < 0)
        return -1;
    if (said) {
        c->was = on ? CM_LAUNCHER_WAS_ON : CM_LAUNCHER_WAS_OFF;
        return 0;
    }
    if (before && cm_ledger_next(c->step, "helm.upgrade", 0, &ours)) {
        c->was = strcmp(before, "on") == 0    ? CM_LAUNCHER_WAS_ON
                 : strcmp(before, "off") == 0 ? CM_LAUNCHER_WAS_OFF
                                              : CM_LAUNCHER_NOT_KNOWN;
        return 0;
    }
    cm_autofree char *text = NULL;
    struct cm_gcfg *g = cm_gcfg_new();
    if (cm_target_gcfg(c->step, &text, NULL) == 0 && text && cm_gcfg_add(g, text, strlen(text), "rstudio-connect.gcfg", NULL) == 0)
        c->was = cm_gcfg_bool(g, "Launcher", "Enabled", false) ? CM_LAUNCHER_WAS_ON : CM_LAUNCHER_WAS_OFF;
    cm_gcfg_free(g);
    return 0;
}

static const char *was_word(const struct conversion *c)
{
    return c->was == CM_LAUNCHER_WAS_ON ? "on" : c->was == CM_LAUNCHER_WAS_OFF ? "off" : "not known";
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

static int convert_one(struct conversion *c, const char *path, size_t n, bool write, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    cm_autofree char *name = cm_fmt("values.%zu.%s", n, cm_path_base(path));
    size_t bytes = 0;
    struct cm_launcher_result r = {0};
    unsigned char sum[32];
    char hex[65];
    if (cm_file_read(path, FILE_MAX, &text, &bytes, err) < 0)
        return -1;
    cm_sha256(text, bytes, sum);
    cm_input(c->step, path, sum);
    struct cm_launcher_wish w = {
        .text = text, .bytes = bytes, .name = path, .was = c->was, .at = cm_plan_values_key(cm_step_plan(c->step))};
    int rc = cm_launcher_convert(&w, &r, err);
    if (rc == 0 && r.changed && write)
        rc = write_copy(c->step, name, &r, err);
    if (rc == 0) {
        const char *copy = r.changed ? cm_artifact_path(c->step, name) : NULL;
        cm_hex(sum, 32, hex);
        json_object_set_new(c->files, path, json_pack("{s:s, s:s}", "given", copy ? copy : path, "sha256", hex));
        json_array_extend(c->account, r.account);
        json_array_extend(c->findings, r.findings);
        json_array_extend(c->commands, r.commands);
        if (r.changed && write)
            cm_say(c->step, "%s is converted; the copy is %s (0600)", path, copy ? copy : name);
    }
    cm_launcher_result_fini(&r);
    return rc;
}

static int convert_all(struct conversion *c, bool write, struct cm_err **err)
{
    size_t i;
    json_t *path;
    unsigned char sum[32];
    if (find_was(c, err) < 0)
        return -1;
    cm_sha256(was_word(c), strlen(was_word(c)), sum);
    cm_input(c->step, "launcher", sum);
    cm_sha256_json(cm_plan_get(cm_step_plan(c->step), "target.values"), sum);
    cm_input(c->step, "target.values", sum);
    json_array_foreach(cm_json_loose(cm_plan_get(cm_step_plan(c->step), "target.values")), i,
                       path) if (convert_one(c, json_string_value(path), i, write, err) < 0) return -1;
    return 0;
}

static void conversion_fini(struct conversion *c)
{
    json_decref(c->files);
    json_decref(c->account);
    json_decref(c->commands);
    json_decref(c->findings);
}

static struct conversion conversion_of(struct cm_step *step)
{
    return (struct conversion){step, json_object(), json_array(), json_array(), json_array(), CM_LAUNCHER_NOT_KNOWN};
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    CM_CLEANUP(conversion_fini) struct conversion c = conversion_of(step);
    if (convert_all(&c, false, err) < 0)
        return -1;
    *answer = cm_inputs_stand(step) ? CM_DONE : CM_NEEDED;
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    CM_CLEANUP(conversion_fini) struct conversion c = conversion_of(step);
    size_t i;
    json_t *f;
    FILE *out = NULL;
    if (convert_all(&c, true, err) < 0)
        return -1;
    json_array_foreach(c.findings, i, f)
    {
        const char *verdict = cm_json_text(f, "verdict", "");
        cm_finding(step,
                   strcmp(verdict, "blocker") == 0   ? CM_BLOCKER
                   : strcmp(verdict, "unknown") == 0 ? CM_UNKNOWN
                                                     : CM_WARNING,
                   cm_json_text(f, "id", "values.convert"), cm_json_text(f, "remedy", ""), "%s", cm_json_text(f, "seen", ""));
    }
    if (cm_artifact_begin(step, "config.account.json", &out, err) < 0)
        return -1;
    json_dumpf(c.account, out, JSON_INDENT(1));
    if (cm_artifact_keep(step, out, err) < 0 || cm_fact_set(step, "values.files", json_incref(c.files), err) < 0)
        return -1;
    return cm_fact_set(step, "config.values",
                       json_pack("{s:s, s:s, s:i, s:O}", "step", cm_step_id(step), "launcher", was_word(&c), "files",
                                 (int)json_object_size(c.files), "commands", c.commands),
                       err);
}

static const char *const gives[] = {"config.values", "values.files", NULL};

const struct cm_action cm_action_values_convert = {
    .name = "values.convert",
    .summary = "Convert Launcher values to the direct Kubernetes runner's",
    .page = "https://docs.posit.co/connect/admin/appendix/off-host/helm-reference/",
    .kind = CM_COMPUTE,
    .gives = gives,
    .probe = probe,
    .apply = apply,
    .reads = "The plan's values files; where none says launcher.enabled, the ConfigMap that the running Connect has.",
    .does = "Writes a converted copy of each that needs it into the run directory, readable for its owner only, and the account.",
    .proves = "Each copy is parsed again and compared with the old tree plus the edits.",
    .undoes = "Nothing: your own files are not changed.",
    .rights = "To get the release's ConfigMap.",
};
