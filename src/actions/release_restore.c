/* actions/release_restore.c: the way back of a Connect that changed its runner in place: the release gets the user's own values again, as
 * they were before the conversion, and is proved to have the configuration that the running Connect had (launcher.before).
 *
 * No pod of the new mode may live when it is sent: both modes at once on one database are what the vendor's documents exclude. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release.h"
#include "actions/release_heal.h"
#include "actions/server_verify.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static const struct cm_release_wish wish = {.purpose = "restore"};

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    return cm_release_probe(step, &wish, answer, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "command", "helm upgrade with your own values files, as they are, in place of the converted ones");
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    if (cm_intent_newest(step, "helm.upgrade") == NULL && cm_interlock_reverse_pods(step, err) < 0)
        return -1;
    if (cm_fact_set(step, "values.files", json_object(), err) < 0)
        return -1;
    return cm_release_send(step, &wish, err);
}

int cm_release_as_before(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *now = NULL;
    unsigned char sum[32];
    char hex[65] = "";
    const json_t *before = cm_fact(step, "launcher.before");
    const char *was = cm_json_text(before, "gcfg_sha256", "");
    if (*was == '\0') {
        cm_say(step, "there was no ConfigMap of Connect before the change, so its configuration is not compared");
        return 0;
    }
    if (cm_target_gcfg(step, &now, err) < 0)
        return -1;
    if (now != NULL) {
        cm_sha256(now, strlen(now), sum);
        cm_hex(sum, sizeof sum, hex);
    }
    if (strcmp(hex, was) == 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "the configuration that release %s has now is another one than before the change",
            cm_plan_text(cm_step_plan(step), "target.release"));
    cm_hint(
        err,
        "Compare your values files with `helm get values %s --revision %d`: put them back as they were, and target.chart_version too, "
        "then run the same command again.",
        cm_plan_text(cm_step_plan(step), "target.release"), (int)cm_json_int(before, "revision", 0));
    return -1;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    if (cm_release_verify(step, &wish, NULL, err) < 0)
        return -1;
    if (cm_release_as_before(step, err) < 0)
        return cm_heal_blame(step, err);
    return cm_ledger_back_all(step, "release.scale", NULL, err);
}

static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err) { return cm_release_undo(step, c, err); }

const struct cm_action cm_action_release_restore = {
    .name = "release.restore",
    .summary = "Give the release its own values back",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "Going forward again has the downtime again.",
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "The release's records, its pods and content Jobs, the rendered configuration in the cluster.",
    .does = "helm upgrade with the plan's own values files in place of the converted ones, once no pod of Connect lives.",
    .proves =
        "The newest revision is ours and deployed, and the ConfigMap holds the configuration that was there before the change.",
    .undoes = "Nothing: going forward again drains and deploys anew.",
    .rights = "As for helm.deploy.",
};

/* ---- the server that came back ---- */

static const char verified[] = "release.verified";

static int look(struct cm_step *step, json_t **found, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autojson settings = NULL;
    size_t total = 0;
    if (cm_target_connect(step, &c, err) < 0 || cm_verify_ping(step, c, false, err) < 0 || cm_verify_key(step, c, err) < 0 ||
        cm_connect_get_ok(step, c, "server_settings", &settings, err) < 0 || cm_verify_guids(step, c, &total, err) < 0)
        return -1;
    *found = json_pack("{s:s, s:I}", "version", cm_json_text(settings, "version", ""), "items", (json_int_t)total);
    return 0;
}

static int is_up(void *ctx, struct cm_err **err)
{
    struct cm_heal *h = ctx;
    struct cm_step *step = h->step;
    cm_autojson d = NULL;
    enum cm_seen seen;
    if (cm_kube_get(step, "deployments", cm_target_fullname(step), NULL, &d, &seen, err) < 0)
        return -1;
    if (cm_heal_look(h, d, err) < 0)
        return -1;
    int64_t want = cm_json_int(d, "spec.replicas", 0);
    return want > 0 && !cm_heal_differs(h, d) && cm_json_int(d, "status.observedGeneration", 0) >= cm_json_int(d, "metadata.generation", 0) &&
           cm_json_int(d, "status.availableReplicas", 0) >= want;
}

/* Longer than a pod takes to be ready it is waited for nothing: what keeps it is said. */
static int wait_up(struct cm_step *step, struct cm_err **err)
{
    int64_t now = cm_loop_now_ms(cm_step_loop(step)), deadline = cm_step_deadline(step);
    struct cm_heal h = {.step = step};
    if (cm_heal_begin(step, &h, err) < 0)
        return -1;
    int rc = cm_wait_until(step, is_up, &h, deadline == CM_NEVER ? CM_NEVER : deadline - (deadline - now) / 10, 10, 1000, err);
    cm_target_reconnect(step);
    if (rc != 0)
        return rc < 0 ? -1 : cm_heal_stays(&h, NULL, err);
    cm_autofree char *why = cm_target_diagnosis(step);
    cm_fail_passing(err, "no pod of release %s is ready", cm_plan_text(cm_step_plan(step), "target.release"));
    cm_hint(err, "Mend what is named here, then type the same command again.");
    cm_evidence(err, why);
    return -1;
}

static int look_apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_intent_spec spec = {.effect = verified, .key = "target"};
    struct cm_intent *i;
    cm_autojson found = NULL;
    if (wait_up(step, err) < 0 || look(step, &found, err) < 0 || cm_intend(step, &spec, &i, err) < 0)
        return -1;
    cm_say(step, "Connect is up again as it was: %s, %lld items", cm_json_text(found, "version", "(version hidden)"),
           (long long)cm_json_int(found, "items", 0));
    return cm_intent_happened(i, json_incref(found), err);
}

static int look_verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *c;
    return cm_target_connect(step, &c, err) < 0 ? -1 : cm_verify_ping(step, c, false, err);
}

const struct cm_action cm_action_release_verify = {
    .name = "release.verify",
    .summary = "Verify the Connect that has its own values again",
    .kind = CM_EFFECT,
    .reversal = CM_CHANGES_NOTHING,
    .apply = look_apply,
    .verify = look_verify,
    .reads = "Ping, the key's user, server_settings and all GUIDs of Connect in the cluster; baseline.json.",
    .does = "Nothing outside.",
    .proves = "Connect answers, and has the content that was counted before the change.",
    .undoes = "Nothing.",
    .rights = "An administrator's API key; port-forward, or target.url.",
};
