/* temporary.verify: what was reverted is still so when users are let in, and when a migration is declared final. Between the revert and
 * that a person logs in, and weeks may pass: a deployer that brings its own version back in the meantime brings the temporary settings
 * with it (no warm processes, no scheduled content), and nobody would notice for days. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include <cm/action.h>

#include "actions/release.h"
#include "actions/release_heal.h"
#include "actions/target.h"
#include "actions/temporary.h"
#include "adapters/helm.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/gcfg.h"

static const struct cm_param params[] = {
    {"final", CM_T_BOOL, "false", "true: nothing is deployed any more by this runbook; what to type is shown"},
    {NULL, CM_T_ANY, NULL, NULL},
};

/* As the chart renders a value of the overlay. Caller frees; NULL: none. */
static char *as_rendered(const json_t *value)
{
    if (json_is_string(value))
        return cm_strdup(json_string_value(value));
    return value == NULL || json_is_null(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
}

/* Is it what the migration set for a while, and was it something else before? */
static bool is_temporary(const struct cm_step *step, const struct cm_gcfg *now, const char *name, const json_t *original)
{
    cm_autofree char *section = cm_strndup(name, strcspn(name, "."));
    const char *key = name + strlen(section) + (name[strlen(section)] == '.');
    const char *is = cm_gcfg_get(now, section, NULL, key), *was = cm_json_text(original, "value", NULL);
    cm_autofree char *set = as_rendered(json_object_get(cm_plan_get(cm_step_plan(step), "temporary"), name));
    return is != NULL && set != NULL && strcasecmp(is, set) == 0 && (was == NULL || strcasecmp(was, set) != 0);
}

static int settings(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    const char *name;
    json_t *original;
    if (cm_target_gcfg(step, &text, err) < 0)
        return -1;
    if (text == NULL)
        return 0;
    struct cm_gcfg *now = cm_gcfg_new();
    int rc = cm_gcfg_add(now, text, strlen(text), "rstudio-connect.gcfg of the ConfigMap", err);
    json_object_foreach(cm_json_loose(cm_json_at(cm_fact(step, "temporary.values"), "originals")), name, original)
    {
        if (rc < 0 || !is_temporary(step, now, name, original))
            continue;
        rc = cm_fail(err, CM_E_CHANGED, "the temporary setting %s is in force again", name);
        cm_hint(err, "Find who deploys the release besides this run and suspend that, then run the same command again.");
    }
    cm_gcfg_free(now);
    return rc;
}

static bool others_deploy(const struct cm_step *step)
{
    return strcmp(cm_json_text(cm_plan_step(cm_step_plan(step), "helm.deploy"), "by", "tool"), "tool") != 0;
}

/* By what the cluster holds against helm's newest record, whoever made that: an upgrade of the administrator's own since then is theirs. */
static int as_deployed(struct cm_step *step, struct cm_err **err)
{
    struct cm_heal h = {.step = step};
    const char *what, *kind;
    bool there = false;
    if (others_deploy(step))
        return 0;
    if (cm_release_is_there(step, &there, err) < 0 || (there && cm_heal_begin(step, &h, err) < 0))
        return -1;
    int rc = there ? cm_heal_stands(&h, NULL, &what, &kind, err) : 1;
    return rc < 0 ? -1 : rc > 0 ? 0 : cm_heal_fail(step, kind, what, err);
}

int cm_temporary_stays_back(struct cm_step *step, struct cm_err **err)
{
    struct cm_err *in_force = NULL, *by_whom = NULL;
    int rc = settings(step, &in_force);
    if (rc < 0 && cm_err_code(in_force) != CM_E_CHANGED)
        return cm_err_move(err, in_force);
    if (as_deployed(step, &by_whom) < 0) {
        if (rc < 0)
            cm_wrap(&by_whom, "%s", cm_err_message(in_force));
        cm_err_free(in_force);
        return cm_err_move(err, by_whom);
    }
    return rc == 0 ? 0 : cm_err_move(err, in_force);
}

static int look(struct cm_step *step, struct cm_err **err)
{
    struct cm_err *why = NULL;
    if (cm_temporary_stays_back(step, &why) == 0)
        return 0;
    if (cm_err_code(why) != CM_E_CHANGED || !json_is_true(cm_step_param(step, "final")))
        return cm_err_move(err, why);
    cm_autofree char *line = cm_helm_upgrade_by_hand(step, cm_target_values(step, false));
    cm_say(step, "to deploy what was verified: `%s`", line);
    cm_fail(err, CM_E_CHANGED, "%s", cm_err_message(why));
    cm_err_free(why);
    cm_hint(
        err,
        "Find who applies it and suspend that, deploy once more (the command stands above, and in the report), then run the same command again.");
    return -1;
}

const struct cm_action cm_action_temporary_verify = {
    .name = "temporary.verify",
    .summary = "The temporary settings are still reverted",
    .kind = CM_HOLD,
    .reversal = CM_CHANGES_NOTHING,
    .params = params,
    .verify = look,
    .reads = "The Deployment and its ConfigMap against helm's newest record; the temporary settings in the ConfigMap.",
    .does = "Nothing: it reads.",
    .proves = "The cluster holds what was deployed last, and none of the temporary settings.",
    .undoes = "Nothing.",
    .rights = "To read the release's records, Deployments and ConfigMaps in the namespace.",
};
