/* values.check: every rule by which the chart fails, told with file:line:column before helm is called; then helm template and a server-side
 * dry run. Of files that will be converted it judges what they are converted to. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/look.h"
#include "actions/manifests.h"
#include "actions/target.h"
#include "actions/values_given.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"
#include "plan/plan.h"
#include "values/launcher.h"

/* The rules of the chart, on the files themselves: with the place, and all at once, where helm names the first without one. True: one of
 * them stands in the way. */
static bool look_at_files(struct cm_step *step, const struct cm_yaml_doc *const *docs, const char *const *names)
{
    size_t n = 0, bytes, i;
    json_t *f;
    cm_autojson chart = NULL;
    cm_autoerr why = NULL;
    while (docs[n])
        n++;
    const char **texts = cm_arena_alloc(cm_step_arena(step), (n + 1) * sizeof *texts);
    for (size_t k = 0; k < n; k++)
        texts[k] = cm_yaml_source(docs[k], &bytes);
    if (cm_target_chart(step, &chart, NULL) < 0)
        chart = NULL;
    cm_autojson findings = cm_values_check(names, texts, cm_plan_values_key(cm_step_plan(step)),
                                           chart ? cm_json_text(chart, "appVersion", NULL) : NULL, &why);
    if (!findings)
        cm_finding(step, CM_BLOCKER, "values.unreadable", "Mend the file, then check again.", "%s", cm_err_message(why));
    bool stands = !findings;
    json_array_foreach(findings, i, f)
    {
        enum cm_verdict v = cm_verdict_of(cm_json_text(f, "verdict", ""));
        stands = stands || v == CM_BLOCKER;
        cm_finding(step, v, cm_json_text(f, "id", ""), cm_json_text(f, "remedy", ""), "%s", cm_json_text(f, "seen", ""));
    }
    if (findings && !json_array_size(findings))
        cm_finding(step, CM_OK, "values.rules", NULL, "no rule of the chart speaks against these values");
    return stands;
}

/* Connect's chart as a dependency of somebody's own: are its values where the plan says, and does helm make anything of it? */
static void judge_umbrella(struct cm_step *step, const json_t *chart, const char *manifests)
{
    const char *key = cm_plan_values_key(cm_step_plan(step)), *name = cm_json_text(chart, "name", "?");
    struct cm_manifests m = {0};
    size_t several = 0;
    cm_autofree char *found = cm_plan_dependency_key(chart, &several);
    cm_autofree char *deployment = cm_fmt("Deployment %s", cm_target_fullname(step));
    cm_autofree char *say = cm_fmt("Say `target: {values_at: %s}` in the plan%s.", found != NULL ? found : "KEY",
                                   found != NULL ? "" : ", with the alias of the one that is meant");
    if (key == NULL && several == 0)
        return;
    if (key == NULL) {
        cm_finding(step, CM_BLOCKER, "values.umbrella", say,
                   "chart %s has rstudio-connect as %s: values at the top of the files are not Connect's", name,
                   several > 1 ? "a dependency more than once" : "its dependency");
        return;
    }
    cm_manifests_read(&m, manifests);
    if (cm_manifests_find(&m, deployment) != NULL)
        cm_finding(step, CM_OK, "values.umbrella", NULL, "Connect is a dependency of chart %s; its values stand below %s", name,
                   key);
    else
        cm_finding(
            step, CM_BLOCKER, "values.umbrella",
            "See in the Chart.yaml that target.values_at is the alias of the dependency rstudio-connect, or its name where it has "
            "none, and that its condition is true.",
            "Connect's values are to stand below %s, but helm renders no %s of chart %s", key, deployment, name);
    cm_manifests_fini(&m);
}

/* What a rule has said already is one thing to mend, and counted once: helm only confirms it. */
static void try_helm(struct cm_step *step, bool ruled)
{
    cm_autofree char *manifests = NULL, *refused = NULL;
    cm_autoerr why = NULL;
    const char *const none[] = {NULL};
    cm_autojson chart = NULL;
    if (cm_helm_chart(step, &chart, &why) < 0) {
        cm_step_log(step, "nothing is rendered: %s", cm_err_message(why)); /* cluster.check says that there is no chart */
        return;
    }
    if (cm_helm_template(step, none, &manifests, &why) < 0) {
        cm_autofree char *tail = cm_last_lines(cm_err_evidence(why) ? cm_err_evidence(why) : "", 2);
        cm_finding(step,
                   cm_err_is_passing(why) ? CM_UNKNOWN
                   : ruled                ? CM_WARNING
                                          : CM_BLOCKER,
                   "values.template", "Mend the values that helm names; try with `helm template`.",
                   "helm cannot render the chart with these values%s: %s %s", ruled ? " either" : "", cm_err_message(why), tail);
        return;
    }
    cm_finding(step, CM_OK, "values.template", NULL, "helm renders the chart with these values");
    judge_umbrella(step, chart, manifests);
    if (cm_kube_dry_run(step, manifests, &refused, &why) < 0)
        cm_finding(step, CM_WARNING, "values.dry-run", "Have somebody with the rights try `kubectl apply --dry-run=server`.",
                   "a server-side dry run was not possible: %s", cm_err_message(why));
    else if (refused)
        cm_finding(step, CM_BLOCKER, "values.dry-run", "Set in the values what the API server asks for.",
                   "the API server refuses the manifests: %s", refused);
    else
        cm_finding(step, CM_OK, "values.dry-run", NULL, "the API server accepts the manifests (dry run)");
}

/* What helm would lose of several files is said here already: it stands in the way before any content is counted. */
static bool stands_apart(struct cm_step *step, const json_t *findings)
{
    bool found = false;
    size_t i;
    json_t *f;
    json_array_foreach(cm_json_loose(findings), i, f)
    {
        if (strcmp(cm_json_text(f, "verdict", ""), "blocker") != 0)
            continue;
        cm_finding(step, CM_BLOCKER, cm_json_text(f, "id", ""), cm_json_text(f, "remedy", ""), "%s", cm_json_text(f, "seen", ""));
        found = true;
    }
    return found;
}

/* What is judged is what config.convert will make of the files. False: it cannot, and of the files as they are nothing true could be said. */
static bool look_at_conversion(struct cm_step *step)
{
    const struct cm_values_set *set;
    cm_autoerr why = NULL;
    cm_autostr names = CM_STR(CM_STR_PAGE);
    if (!cm_values_given_counts(step))
        return true;
    if (cm_values_given(step, &set, &why) < 0) {
        if (!cm_cancelled(step))
            cm_values_given_refused(step, why);
        return false;
    }
    for (size_t i = 0; i < set->all.count; i++)
        if (set->all.files[i].result.changed)
            cm_look_list(&names, "%s", set->all.files[i].name);
    if (names.len)
        cm_finding(
            step, CM_OK, "values.converted", NULL,
            "config.convert converts the Launcher's values in %s for the direct runner; places in a file \"(converted)\" are of the "
            "text that `connect-migrate-run convert values FILE` prints",
            cm_str_text(&names));
    return !stands_apart(step, set->all.findings);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const struct cm_yaml_doc *const *docs = NULL;
    const char *const *names = NULL;
    struct cm_err *why = NULL;
    if (cm_target_bases(step, &docs, &names, &why) < 0) {
        if (cm_cancelled(step))
            return cm_err_move(err, why);
        cm_finding(step, CM_BLOCKER, "values.unreadable", "Mend the file, then check again.", "%s", cm_err_message(why));
        cm_err_free(why);
        return 0;
    }
    if (!look_at_conversion(step))
        return 0;
    bool ruled = look_at_files(step, docs, names);
    if (cm_cancelled(step))
        return 0;
    try_helm(step, ruled);
    return 0;
}

const struct cm_action cm_action_values_check = {
    .name = "values.check",
    .summary = "The chart accepts the values",
    .page = "https://docs.posit.co/connect/admin/getting-started/off-host-install/",
    .kind = CM_CHECK,
    .apply = apply,
    .reads = "The plan's values files, the chart (helm template), the API server (dry run).",
    .does = "Nothing: it reads.",
    .proves = "helm renders the chart, and the API server accepts the manifests.",
    .undoes = "Nothing.",
    .rights = "To reach the chart's repository; for the dry run those of helm.deploy.",
};
