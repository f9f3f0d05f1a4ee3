/* actions/release_hand.c: the release where somebody else deploys it.
 *
 * The chart hashes its ConfigMap into the annotation checksum/config of the pods (templates/deployment.yaml), so that a configuration
 * that was synchronised but not rolled out is told apart. */
#include <config.h>

#include "actions/release_hand.h"

#include <string.h>

#include "actions/interlock.h"
#include "actions/manifests.h"
#include "actions/target.h"
#include "actions/values_copies.h"
#include "adapters/helm.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/overlay.h"

enum { LOOK_MS = 1000 };

struct wanted {
    struct cm_step *step;
    char *gcfg, *checksum;
    struct cm_str differs; /* of the last look */
};

static void wanted_fini(struct wanted *w)
{
    free(w->gcfg);
    free(w->checksum);
    cm_str_fini(&w->differs);
}

bool cm_release_by_others(struct cm_step *step) { return strcmp(cm_step_by(step), "tool") != 0; }

static int wanted_of(struct cm_step *step, const char *const *more, struct wanted *w, struct cm_err **err)
{
    cm_autofree char *rendered = NULL, *name = cm_fmt("Deployment %s", cm_target_fullname(step));
    struct cm_manifests m = {0};
    *w = (struct wanted){.step = step, .differs = CM_STR(CM_STR_PAGE)};
    if (cm_helm_template(step, more, &rendered, err) < 0)
        return -1;
    cm_manifests_read(&m, rendered);
    const struct cm_manifest *deployment = cm_manifests_find(&m, name);
    w->checksum = cm_strdup(deployment == NULL ? NULL : cm_manifest_checksum(deployment->json));
    cm_manifests_fini(&m);
    w->gcfg = cm_manifest_gcfg(rendered, err);
    return w->gcfg != NULL ? 0 : cm_fail(err, CM_E_FAILED, "the files give no rstudio-connect.gcfg");
}

/* 1: it is in force. 0: not, see w->differs. */
static int in_force(void *ctx, struct cm_err **err)
{
    struct wanted *w = ctx;
    cm_autofree char *now = NULL;
    cm_autojson deployment = NULL;
    enum cm_seen seen;
    w->differs.len = 0;
    if (cm_target_gcfg(w->step, &now, err) < 0 ||
        cm_kube_get(w->step, "deployments", cm_target_fullname(w->step), NULL, &deployment, &seen, err) < 0)
        return -1;
    if (now == NULL || deployment == NULL) {
        cm_str_addf(&w->differs, "there is no %s yet\n", now == NULL ? "ConfigMap" : "Deployment");
        return 0;
    }
    if (!cm_manifests_gcfg_same(now, w->gcfg, &w->differs))
        return 0;
    const char *has = cm_manifest_checksum(deployment);
    if (w->checksum == NULL || (has != NULL && strcmp(has, w->checksum) == 0))
        return 1;
    cm_str_addf(
        &w->differs,
        "the Deployment carries the checksum %.12s of another configuration, and the files give %.12s: it was not rolled out, or "
        "another version of the chart made it\n",
        has == NULL ? "(none)" : has, w->checksum);
    return 0;
}

int cm_release_hand_probe(struct cm_step *step, const char *const *more, enum cm_answer *answer, struct cm_err **err)
{
    CM_CLEANUP(wanted_fini) struct wanted w = {0};
    *answer = CM_NEEDED;
    if (wanted_of(step, more, &w, err) < 0)
        return -1;
    int rc = in_force(&w, err);
    if (rc > 0)
        *answer = CM_DONE;
    return rc < 0 ? -1 : 0;
}

int cm_release_hand_wait(struct cm_step *step, const char *const *more, struct cm_err **err)
{
    CM_CLEANUP(wanted_fini) struct wanted w = {0};
    if (wanted_of(step, more, &w, err) < 0 || cm_interlock_forward(step, err) < 0)
        return -1;
    int rc = cm_interlock_wait(step, in_force, &w, LOOK_MS, err);
    if (rc <= 0)
        return rc;
    cm_fail(err, CM_E_FAILED, "what the files give is not in force in namespace %s",
            cm_plan_text(cm_step_plan(step), "target.namespace"));
    cm_evidence(err, cm_str_text(&w.differs));
    cm_hint(err, "Look whether the files were committed in their order and synchronised, then run the same command again.");
    return -1;
}

void cm_release_hand_show(struct cm_step *step, const char *what, const char *const *more, struct cm_str *shown)
{
    const char *name = cm_target_fullname(step);
    const char *kept_at = cm_plan_text(cm_step_plan(step), "target.values_at");
    cm_str_addf(shown, "%s\n", what);
    if (kept_at != NULL && cm_plan_values_key(cm_step_plan(step)) == NULL)
        cm_str_addf(shown, "Your values files are kept at %s.\n", kept_at);
    cm_autofree char *copies = cm_values_copies_words(step, "  ");
    cm_str_add(shown, copies);
    for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
        unsigned char sum[32];
        char hex[65] = "?";
        if (cm_sha256_file(more[i], sum, NULL) == 0)
            cm_hex(sum, 32, hex);
        cm_str_addf(shown, "  %s  sha256 %.12s\n", more[i], hex);
    }
    cm_str_addf(
        shown,
        "%s Deploy them once, and leave automatic synchronisation off until the "
        "migration is done.\nIt is seen to be done when ConfigMap %s-config holds these settings and the pods of Deployment %s carry "
        "its checksum.\n",
        *copies ? "A converted file takes the place of your own; the others stand behind your values files, in this order."
                : "They stand behind your own values files, in this order.",
        name, name);
}

int cm_release_replicas(struct cm_step *step, int64_t *n, struct cm_err **err)
{
    cm_autojson d = NULL;
    enum cm_seen seen;
    if (cm_kube_get(step, "deployments", cm_target_fullname(step), NULL, &d, &seen, err) < 0)
        return -1;
    if (seen == CM_FORBIDDEN) {
        cm_fail(err, CM_E_FAILED, "the Deployment %s may not be read", cm_target_fullname(step));
        cm_hint(err, "Ask for the right to get deployments in namespace %s.", cm_plan_text(cm_step_plan(step), "target.namespace"));
        return -1;
    }
    *n = seen == CM_SEEN ? cm_json_int(d, "spec.replicas", 1) : -1;
    return 0;
}
