/* actions/launcher_drain.c: launcher.drain: before a Connect in the cluster changes from the Launcher to the direct runner, the old one ends:
 * both modes at once on one database are what the vendor's documents exclude, and a rolling update would do just that.
 *
 * It is scaled to zero by its values, then its pods and the Jobs of its content are waited for. No Job is ended here. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/cluster_drained.h"
#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release.h"
#include "actions/release_hand.h"
#include "actions/release_heal.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static const char *release(struct cm_step *step) { return cm_plan_text(cm_step_plan(step), "target.release"); }

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    int64_t n;
    *answer = CM_NEEDED;
    if (cm_release_replicas(step, &n, err) < 0)
        return -1;
    if (n <= 0 && !cm_effect_open(step, "helm.upgrade") && !cm_effect_open(step, "release.scale") &&
        cm_interlock_reverse_pods(step, NULL) == 0)
        *answer = CM_DONE;
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_autofree char *line = cm_helm_upgrade_by_hand(step, cm_target_values(step, false));
    cm_will(step, "command", "%s -f values.scale.yaml (replicas: 0)", line);
    cm_will(step, "note", "wait until the pods and the Jobs of content have ended");
    return 0;
}

/* What the running Connect reads, and which revision that was: the way back is proved by it. Read once. */
static int remember(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    unsigned char sum[32];
    char hex[65] = "";
    struct cm_helm_revision *list = NULL;
    size_t count = 0;
    if (cm_fact(step, "launcher.before") != NULL)
        return 0;
    if (cm_target_gcfg(step, &text, err) < 0 || cm_helm_revisions(step, &list, &count, err) < 0)
        return -1;
    if (text != NULL) {
        cm_sha256(text, strlen(text), sum);
        cm_hex(sum, sizeof sum, hex);
    }
    int revision = count > 0 ? list[count - 1].revision : 0;
    free(list);
    return cm_fact_set(step, "launcher.before", json_pack("{s:s, s:i}", "gcfg_sha256", hex, "revision", revision), err);
}

/* It was scaled to zero by an earlier start, and somebody brought it back since. */
static int brought_back(struct cm_step *step, bool *back, struct cm_err **err)
{
    const struct cm_intent *sent = cm_intent_newest(step, "helm.upgrade");
    struct cm_heal h = {.at_zero = true};
    *back = false;
    if (sent == NULL || cm_intent_life(sent) != CM_HAPPENED)
        return 0;
    int rc = cm_heal_begin(step, &h, err) < 0 ? -1 : cm_heal_stands(&h, NULL, NULL, NULL, err);
    *back = rc == 0;
    return rc < 0 ? -1 : 0;
}

static int scale(struct cm_step *step, struct cm_heal *h, struct cm_err **err)
{
    struct cm_release_wish w;
    struct cm_intent *intent = NULL;
    int64_t n;
    bool back;
    *h = (struct cm_heal){.step = step, .at_zero = true};
    if (cm_release_replicas(step, &n, err) < 0 || brought_back(step, &back, err) < 0)
        return -1;
    if (n <= 0 && cm_intent_find(step, "release.scale", release(step)) == NULL)
        return 0;
    if (remember(step, err) < 0)
        return -1;
    cm_autojson original = json_pack("{s:I}", "replicas", (json_int_t)n);
    struct cm_intent_spec spec = {.effect = "release.scale", .key = release(step), .original = original, .settle = true};
    if (cm_intend(step, &spec, &intent, err) < 0 || cm_release_none(step, &w, err) < 0)
        return -1;
    w.anew = back;
    if (back)
        cm_say(step, "release %s was changed by somebody else since: it is scaled to zero once more", release(step));
    if (cm_release_send(step, &w, err) < 0 || cm_heal_begin(step, h, err) < 0)
        return -1;
    return cm_intent_happened(intent, NULL, err);
}

struct draining {
    struct cm_step *step;
    struct cm_heal heal;
    struct cm_err *last; /* what was still there at the last look */
};

static int gone(void *ctx, struct cm_err **err)
{
    struct draining *d = ctx;
    struct cm_err *why = NULL;
    int64_t n;
    if (cm_release_replicas(d->step, &n, err) < 0 || cm_heal_scaled(&d->heal, n, err) < 0)
        return -1;
    if (cm_interlock_reverse_pods(d->step, &why) == 0)
        return 1;
    if (cm_err_code(why) != CM_E_FAILED)
        return cm_err_move(err, why);
    if (d->last != NULL && cm_err_is_passing(why)) { /* a look for which no time was left tells less than the one before */
        cm_err_free(why);
        return 0;
    }
    cm_err_clear(&d->last);
    d->last = why;
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct draining d = {.step = step};
    if (scale(step, &d.heal, err) < 0)
        return -1;
    int rc = cm_wait_until(step, gone, &d, cm_step_deadline(step), 5, 5000, err);
    cm_target_reconnect(step);
    if (rc != 0) {
        cm_err_clear(&d.last);
        return rc < 0 ? -1 : cm_heal_stays(&d.heal, NULL, err);
    }
    const char *const jobs[] = {"get", "jobs", NULL};
    cm_autofree char *line = cm_kube_by_hand(step, jobs);
    cm_fail_passing(err, "the step's limit is over, and %s",
                    d.last ? cm_err_message(d.last) : "nothing could be seen of the cluster");
    cm_err_clear(&d.last);
    cm_hint(err, "See them with `%s`; wait for them or end them, then run the same command again.", line);
    return -1;
}

static bool new_mode_is_deployed(struct cm_step *step)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(step, "helm.upgrade", after, &c); after = c.intent)
        if (strcmp(cm_json_text(c.detail, "purpose", "scale"), "scale") != 0)
            return true;
    return false;
}

/* A hold until the new mode is deployed: from then on pods are meant to live, but those of the old mode. Where somebody brought these back,
 * an upgrade would roll from one mode to the other with both alive: then it is drained once more. */
static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_heal h = {0};
    if (!new_mode_is_deployed(step))
        return cm_cluster_has_no_pods(step, err);
    int rc = cm_heal_begin(step, &h, err) < 0 ? -1 : cm_heal_stands(&h, NULL, NULL, NULL, err);
    return rc != 0 ? (rc < 0 ? -1 : 0) : cm_cluster_has_no_pods(step, err);
}

/* Taken back is what was there: as many replicas, and with the configuration that they had. The same number alone would be true of the
 * other mode too. That they serve is release.verify's to prove. */
static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err)
{
    int64_t n, was = cm_json_int(c->original, "replicas", 1);
    if (strcmp(c->effect, "helm.upgrade") == 0)
        return cm_release_undo(step, c, err);
    if (cm_release_replicas(step, &n, err) < 0)
        return -1;
    if (n == was)
        return cm_release_as_before(step, err);
    cm_autofree char *line = cm_helm_upgrade_by_hand(step, NULL);
    if (n < 0)
        cm_fail(err, CM_E_FAILED, "release %s has no Deployment, and had one with %lld replicas", c->key, (long long)was);
    else
        cm_fail(err, CM_E_FAILED, "release %s has %lld replicas, and had %lld", c->key, (long long)n, (long long)was);
    cm_hint(err, "Bring the old configuration back with your own values, `%s`, then run the same command again.", line);
    return -1;
}

static const char *const gives[] = {"launcher.before", NULL};

const struct cm_action cm_action_launcher_drain = {
    .name = "launcher.drain",
    .gives = gives,
    .summary = "End the Connect that runs with the Launcher, and wait for its Jobs",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "The service is down until the deployment; sessions and jobs that still run under the Launcher end.",
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "The Deployment's replicas, the pods of the release, the Jobs of content.",
    .does =
        "helm upgrade with the release's own values and replicas: 0 behind them; then waits for pods and Jobs. It ends no Job itself.",
    .proves = "No pod of the release and no Job of content is left.",
    .undoes =
        "helm.deploy brings the replicas back, on the way back release.restore; there the replicas and rstudio-connect.gcfg are compared "
        "with what they were.",
    .rights = "As for helm.deploy; to list pods and Jobs.",
};
