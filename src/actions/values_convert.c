/* values.convert: Launcher values to the direct Kubernetes runner's: each of the plan's files that has something to convert is written,
 * converted, into the run directory (0600); helm is given that copy in its place. Whether the Launcher is on where no file says it is asked
 * of the running release's own configuration. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/target.h"
#include "actions/values_copies.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/gcfg.h"
#include "values/launcher_files.h"

struct conversion {
    struct cm_step *step;
    struct cm_values_set set;
    json_t *files, *account, *commands;
    enum cm_launcher_was was;
};

/* What the files say together, else what Connect in the cluster was started with. Once this run has deployed, that is our own doing, and
 * what was seen before counts. */
static int find_was(struct conversion *c, struct cm_err **err)
{
    bool on = false, said = false;
    struct cm_change ours;
    const char *before = cm_json_text(cm_fact(c->step, "config.values"), "launcher", NULL);
    if (cm_launcher_said(&c->set.all, &said, &on, err) < 0)
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

static int convert_all(struct conversion *c, bool write, struct cm_err **err)
{
    unsigned char sum[32];
    if (cm_values_set_read(c->step, &c->set, err) < 0 || find_was(c, err) < 0)
        return -1;
    cm_sha256(was_word(c), strlen(was_word(c)), sum);
    cm_input(c->step, "launcher", sum);
    cm_sha256_json(cm_plan_get(cm_step_plan(c->step), "target.values"), sum);
    cm_input(c->step, "target.values", sum);
    for (size_t i = 0; i < c->set.all.count; i++) {
        cm_sha256(c->set.all.files[i].text, c->set.all.files[i].bytes, sum);
        cm_input(c->step, c->set.all.files[i].name, sum);
    }
    c->set.all.was = c->was;
    if (cm_launcher_convert_all(&c->set.all, err) < 0)
        return -1;
    for (size_t i = 0; i < c->set.all.count; i++) {
        json_array_extend(c->account, c->set.all.files[i].result.account);
        json_array_extend(c->commands, c->set.all.files[i].result.commands);
    }
    return cm_values_copies(c->step, &c->set, write, &c->files, err);
}

static void conversion_fini(struct conversion *c)
{
    cm_values_set_fini(&c->set);
    json_decref(c->files);
    json_decref(c->account);
    json_decref(c->commands);
}

static struct conversion conversion_of(struct cm_step *step)
{
    return (struct conversion){.step = step, .account = json_array(), .commands = json_array()};
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
    FILE *out = NULL;
    if (convert_all(&c, true, err) < 0)
        return -1;
    cm_values_copies_tell(step, &c.set);
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
    .proves =
        "Each copy is parsed again and compared with the old tree plus the edits; of several files, what helm merges is compared with the "
        "conversion of all of them together.",
    .undoes = "Nothing: your own files are not changed.",
    .rights = "To get the release's ConfigMap.",
};
