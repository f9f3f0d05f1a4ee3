/* actions/release_render.c: what an upgrade would change, by what helm renders: shown ahead as a difference, and the proof that taking
 * the temporary settings back changes nothing else. */
#include <config.h>

#include <string.h>

#include "actions/manifests.h"
#include "actions/release.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "base/json.h"
#include "base/mem.h"
#include "values/overlay.h"

static void fini(struct cm_manifests *m) { cm_manifests_fini(m); }
#define cm_automanifests CM_CLEANUP(fini) struct cm_manifests

static char *difference(const char *before_name, const char *before, const char *after_name, const char *after)
{
    cm_automanifests a = {0};
    cm_automanifests b = {0};
    cm_manifests_read(&a, before);
    cm_manifests_read(&b, after);
    return cm_manifests_diff(*before == '\0' ? "/dev/null" : before_name, &a, after_name, &b);
}

/* What could not be looked at is said: a preview goes on. */
static void not_seen(struct cm_step *step, const char *what, const struct cm_err *why)
{
    cm_will(step, "note", "%s could not be looked at: %s", what, cm_err_message(why));
}

/* The configuration in the cluster may be another than the release's: somebody edited the ConfigMap. */
static void preview_gcfg(struct cm_step *step, const char *after)
{
    cm_autoerr why = NULL;
    cm_autofree char *now = NULL, *new = cm_manifest_gcfg(after, NULL);
    if (new == NULL)
        return;
    if (cm_target_gcfg(step, &now, &why) < 0) {
        not_seen(step, "the configuration in the cluster", why);
        return;
    }
    cm_autofree char *diff = cm_manifests_gcfg_diff(now == NULL ? "/dev/null" : "rstudio-connect.gcfg in the cluster",
                                                    now == NULL ? "" : now, "rstudio-connect.gcfg as it would be", new);
    if (*diff != '\0')
        cm_will(step, "diff", "%s", diff);
    else
        cm_will(step, "note", "rstudio-connect.gcfg stays as it is");
}

void cm_release_preview(struct cm_step *step, const char *const *more)
{
    cm_autofree char *deployed = NULL, *rendered = NULL;
    cm_autoerr why = NULL;
    if (cm_helm_template(step, more, &rendered, &why) < 0) {
        not_seen(step, "what helm would render", why);
        return;
    }
    if (cm_helm_manifest(step, &deployed, &why) < 0)
        not_seen(step, "what is deployed", why);
    cm_autofree char *diff = difference("what is deployed", deployed == NULL ? "" : deployed, "what would be deployed", rendered);
    if (*diff != '\0')
        cm_will(step, "diff", "%s", diff);
    else
        cm_will(step, "note", "the rendered objects are those that are deployed");
    preview_gcfg(step, rendered);
}

void cm_release_preview_between(struct cm_step *step, const char *const *with, const char *const *without)
{
    cm_autofree char *one = NULL, *other = NULL;
    cm_autoerr why = NULL;
    if (cm_helm_template(step, with, &one, &why) < 0 || cm_helm_template(step, without, &other, &why) < 0) {
        not_seen(step, "what helm would render", why);
        return;
    }
    cm_autofree char *diff = difference("with the temporary settings", one, "without them", other);
    if (*diff != '\0')
        cm_will(step, "diff", "%s", diff);
    else
        cm_will(step, "note", "the rendered objects do not differ");
}

/* ---- nothing but the settings ---- */

int cm_release_only_settings(struct cm_step *step, const char *const *with, const char *const *without, const json_t *settings,
                             struct cm_err **err)
{
    cm_automanifests a = {0};
    cm_automanifests b = {0};
    cm_autofree char *one = NULL, *other = NULL;
    cm_autostr differs = CM_STR(CM_STR_PAGE);
    if (cm_helm_template(step, with, &one, err) < 0 || cm_helm_template(step, without, &other, err) < 0)
        return -1;
    cm_manifests_read(&a, one);
    cm_manifests_read(&b, other);
    if (cm_manifests_same_but(&a, &b, settings, &differs))
        return 0;
    cm_finding(step, CM_BLOCKER, "temporary.more",
               "Look whether values.config.yaml or values.temporary.yaml in the run directory were edited.",
               "taking the overlay away would change more than the temporary settings: %s", cm_str_text(&differs));
    cm_fail(err, CM_E_FAILED, "taking the overlay away would change more than the temporary settings");
    cm_evidence(err, cm_str_text(&differs));
    cm_hint(err, "Look whether values.config.yaml or values.temporary.yaml in the run directory were edited.");
    return -1;
}

int cm_release_drift(struct cm_step *step, const char *const *as_deployed, struct cm_err **err)
{
    cm_automanifests a = {0};
    cm_automanifests b = {0};
    cm_autofree char *deployed = NULL, *now = NULL;
    cm_autostr differs = CM_STR(CM_STR_PAGE);
    if (cm_helm_manifest(step, &deployed, err) < 0 || cm_helm_template(step, as_deployed, &now, err) < 0)
        return -1;
    cm_manifests_read(&a, deployed);
    cm_manifests_read(&b, now);
    if (a.count == 0 || cm_manifests_same_but(&a, &b, NULL, &differs))
        return 0;
    cm_finding(
        step, CM_WARNING, "temporary.drift",
        "Values files or the chart have changed since the deployment; pin the chart with target.chart_version. The next upgrade "
        "brings these changes too.",
        "beside the temporary settings the next upgrade changes: %s", cm_str_text(&differs));
    cm_say(step, "beside the temporary settings this upgrade changes what was changed in values or chart since the deployment: %s",
           cm_str_text(&differs));
    return 0;
}
