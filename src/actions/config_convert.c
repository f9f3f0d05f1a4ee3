/* config.convert: the old server's configuration becomes values.config.yaml, with an account of every setting. The rules stand in
 * values/; here they are given what they read, and their findings are handed on. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/source.h"
#include "actions/target.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/config.h"

static enum cm_verdict verdict_of(const char *word)
{
    for (int v = CM_OK; v <= CM_UNKNOWN; v++)
        if (strcmp(cm_verdict_word((enum cm_verdict)v), word) == 0)
            return (enum cm_verdict)v;
    return CM_UNKNOWN;
}

static int convert(struct cm_step *step, struct cm_config_result *r, struct cm_err **err)
{
    const struct cm_source *source = NULL;
    const struct cm_yaml_doc *const *bases = NULL;
    const char *const *names = NULL;
    if (cm_source_read(step, &source, err) < 0 || cm_target_bases(step, &bases, &names, err) < 0)
        return -1;
    union { char **plain; const char *const *read; } environment = {source->unit_environment};
    struct cm_config_wish w = {.gcfg = source->gcfg, .base = bases, .base_names = names,
                               .release = cm_plan_text(cm_step_plan(step), "target.release"), .unit_environment = environment.read};
    return cm_config_convert(&w, r, err);
}

static int keep(struct cm_step *step, const char *name, const char *text, struct cm_err **err)
{
    FILE *f = NULL;
    if (!text)
        return 0;
    if (cm_artifact_begin(step, name, &f, err) < 0)
        return -1;
    fputs(text, f);
    return cm_artifact_keep(step, f, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_config_result r = {0};
    unsigned char sum[32];
    size_t i;
    json_t *f;
    int rc = convert(step, &r, err);
    if (rc == 0) {
        cm_sha256(r.values, strlen(r.values), sum);
        cm_input(step, "values.config.yaml", sum);
        json_array_foreach(r.findings, i, f)
            cm_finding(step, verdict_of(cm_json_text(f, "verdict", "")), cm_json_text(f, "id", "config.finding"), cm_json_text(f, "remedy", ""), "%s",
                       cm_json_text(f, "seen", ""));
        cm_autofree char *account = json_dumps(r.account, JSON_INDENT(1));
        rc = keep(step, "values.config.yaml", r.values, err);
        if (rc == 0)
            rc = keep(step, "config.account.json", account, err);
        if (rc == 0)
            rc = keep(step, "secrets.template.yaml", r.secrets, err);
    }
    if (rc == 0)
        rc = cm_fact_set(step, "config.values", json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "file", "values.config.yaml", "kept",
                                                          (json_int_t)r.kept, "dropped", (json_int_t)r.dropped, "changed",
                                                          (json_int_t)r.changed, "secret", (json_int_t)r.secret, "asked", (json_int_t)r.asked,
                                                          "blocked", (json_int_t)r.blocked), err);
    cm_config_result_fini(&r);
    return rc;
}

static const char *const gives[] = {"config.values", NULL};

const struct cm_action cm_action_config_convert = {
    .name = "config.convert",
    .summary = "move the configuration into Helm values",
    .kind = CM_COMPUTE,
    .gives = gives,
    .apply = apply,
    .reads = "The server's configuration files, the unit's environment, the plan's values files.",
    .does = "Writes values.config.yaml (only what is added to the base), config.account.json (every setting and what became of it) and, where "
            "there are secrets, a Secret manifest's template without values.",
    .proves = "Every setting of the source ends in exactly one row of the account.",
    .undoes = "Nothing: it changes nothing outside of the run directory.",
    .rights = "To read the configuration on the server (source.become).",
};
