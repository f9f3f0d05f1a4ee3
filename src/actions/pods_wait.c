/* pods.wait: the deployment, by name, has its pods ready. What keeps them from it is told with its evidence; the interlock is looked at
 * meanwhile. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release.h"
#include "actions/release_heal.h"
#include "actions/target.h"
#include "actions/values_fit.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"

enum { LOOK_MS = 500 }; /* reached by doubling from 10 ms, unless a watch rings */

/* What one try knows: verify rests on the look that ended the waiting, or on the probe's that found all done. */
struct known {
    struct cm_held held;
    struct cm_heal heal;
    bool begun; /* heal is that of the newest revision */
};

struct waiting {
    struct cm_step *step;
    struct known *known;
    struct cm_held held;                 /* the last look */
    const char *pods[CM_HELD_PODS_MOST]; /* those that were there; arena */
    size_t pod_count;
    int64_t stuck_since;
    int64_t patience_ms;
    int64_t look_at_events;
    int64_t until;
    const char *said; /* the condition that was shown last; arena */
};

static struct known *known_of(struct cm_step *step)
{
    void **memo = cm_step_memo(step);
    if (*memo == NULL)
        *memo = cm_arena_alloc(cm_step_arena(step), sizeof(struct known));
    return *memo;
}

/* A look that is rested on: its objects are the arena's from now on. */
static void keep(struct cm_step *step, struct known *known, struct cm_held *taken)
{
    known->held = *taken;
    for (size_t i = 0; i < taken->n; i++)
        cm_arena_json(cm_step_arena(step), taken->list[i].object);
    taken->n = 0;
}

static int look(struct cm_step *step, struct known *known, struct cm_err **err)
{
    struct cm_held held = {.n = 0};
    if (cm_held_look(step, NULL, 0, &held, err) < 0)
        return -1;
    keep(step, known, &held);
    return 0;
}

static bool rolled_out(const json_t *d)
{
    int64_t want = cm_json_int(d, "spec.replicas", 1);
    return want > 0 && cm_json_int(d, "status.observedGeneration", 0) >= cm_json_int(d, "metadata.generation", 0) &&
           cm_json_int(d, "status.updatedReplicas", 0) >= want && cm_json_int(d, "status.availableReplicas", 0) >= want &&
           cm_json_int(d, "status.replicas", 0) == cm_json_int(d, "status.updatedReplicas", 0);
}

/* ---- progress ---- */

static const char *container_state(struct cm_step *step, const json_t *pod)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    size_t i;
    const json_t *c;
    for (size_t l = 0; l < 2; l++) {
        json_array_foreach(cm_json_at(pod, lists[l]), i, c)
        {
            const char *name = cm_json_text(c, "name", "?"), *reason = cm_json_text(c, "state.waiting.reason", NULL);
            bool ended_well = cm_json_at(c, "state.terminated") != NULL && cm_json_int(c, "state.terminated.exitCode", 0) == 0;
            if (cm_json_bool(c, "ready", false) || (l == 0 && ended_well))
                continue;
            if (reason != NULL)
                return cm_arena_fmt(cm_step_arena(step), "container %s waits: %s", name, reason);
            if (cm_json_at(c, "state.running") != NULL)
                return cm_arena_fmt(cm_step_arena(step), "container %s runs, %s", name,
                                    l == 0 ? "before Connect's" : "not ready yet");
            return cm_arena_fmt(cm_step_arena(step), "container %s ended: %s", name,
                                cm_json_text(c, "state.terminated.reason", "?"));
        }
    }
    return NULL;
}

/* Where a pod stands, in the order in which Kubernetes brings it up. */
static const char *pod_state(struct cm_step *step, const json_t *pod)
{
    const char *name = cm_json_text(pod, "metadata.name", "?"), *phase = cm_json_text(pod, "status.phase", "Unknown");
    struct cm_arena *arena = cm_step_arena(step);
    if (cm_json_at(pod, "metadata.deletionTimestamp") != NULL)
        return cm_arena_fmt(arena, "pod %s of the older revision is ending", name);
    const char *container = container_state(step, pod);
    if (container != NULL)
        return cm_arena_fmt(arena, "pod %s: %s", name, container);
    if (strcmp(phase, "Pending") == 0)
        return cm_arena_fmt(arena, "pod %s waits for %s", name,
                            cm_json_text(pod, "spec.nodeName", NULL) != NULL ? "its volumes and images" : "a node");
    return NULL;
}

/* A line each time that the condition changes, so that waiting is not silence. */
static void show(struct waiting *w, const json_t *deployment, const json_t *pods)
{
    int64_t want = cm_json_int(deployment, "spec.replicas", 1), ready = cm_json_int(deployment, "status.availableReplicas", 0);
    const char *now = NULL;
    size_t i;
    const json_t *pod;
    json_array_foreach(pods, i, pod) { now = now != NULL ? now : pod_state(w->step, pod); }
    if (deployment == NULL)
        now = "there is no Deployment yet";
    else if (cm_json_bool(deployment, "spec.paused", false))
        now = "the Deployment is paused: `kubectl rollout resume` lets it make pods";
    else if (json_array_size(pods) == 0)
        now = "the Deployment has no pod yet";
    cm_progress(w->step, ready > 0 ? (uint64_t)ready : 0, want > 0 ? (uint64_t)want : 0, "pods ready");
    if (now == NULL || (w->said != NULL && strcmp(now, w->said) == 0))
        return;
    w->said = now;
    cm_say(w->step, "%s", now);
}

/* ---- what does not pass by itself ---- */

/* Connect answers 402 to everything, its readiness probe too, while it has no license that it accepts: waiting does not mend that. */
static bool without_license(struct cm_step *step, const json_t *pods)
{
    cm_autojson events = NULL;
    enum cm_seen seen;
    return cm_kube_get(step, "events", NULL, NULL, &events, &seen, NULL) == 0 &&
           cm_target_unlicensed(pods, json_object_get(events, "items"));
}

/* Events are many: they are asked for no oftener than the patience says. */
static bool license_refused(struct waiting *w, const json_t *pods, int64_t now)
{
    if (w->look_at_events == 0)
        w->look_at_events = now + w->patience_ms;
    if (now < w->look_at_events)
        return false;
    w->look_at_events = now + w->patience_ms;
    return without_license(w->step, pods);
}

static int failed(struct cm_step *step, const char *what, struct cm_err **err)
{
    cm_autofree char *diagnosis = cm_target_diagnosis(step);
    cm_fail(err, CM_E_FAILED, "%s", what);
    cm_evidence(err, diagnosis);
    cm_hint(err, "Mend what is named, then run the same command again; a values file that you change meanwhile is deployed first.");
    return -1;
}

/* Asked for by name at the next look, so that what runs is seen together with what is deployed. */
static void remember_pods(struct waiting *w, const json_t *list)
{
    size_t n = json_array_size(list);
    w->pod_count = n > CM_HELD_PODS_MOST ? 0 : n;
    for (size_t i = 0; i < w->pod_count; i++) {
        const char *name = cm_json_text(json_array_get(list, i), "metadata.name", "");
        if (w->pods[i] == NULL || strcmp(w->pods[i], name) != 0)
            w->pods[i] = cm_arena_strdup(cm_step_arena(w->step), name);
    }
}

static int ready(void *ctx, struct cm_err **err)
{
    struct waiting *w = ctx;
    struct cm_heal *heal = &w->known->heal;
    json_t *pods = NULL;
    if (cm_held_look(w->step, w->pods, w->pod_count, &w->held, err) < 0)
        return -1;
    const json_t *d = cm_held_deployment(&w->held);
    if (cm_heal_look(heal, d, err) < 0)
        return -1;
    if (d != NULL && rolled_out(d) && !cm_heal_differs(heal, d))
        return 1;
    if (cm_target_pods(w->step, &pods, err) < 0)
        return -1;
    cm_autojson list = pods;
    int64_t now = cm_loop_now_ms(cm_step_loop(w->step));
    remember_pods(w, list);
    show(w, d, list);
    if (license_refused(w, list, now))
        return failed(w->step, "Connect in the pod has no license that it accepts (it answers 402)", err);
    cm_autofree char *stuck = cm_target_stuck(list, now, w->patience_ms, &w->stuck_since);
    if (stuck == NULL && now >= w->until)
        return failed(w->step, "the new server's pod is not ready within the step's limit", err);
    if (stuck == NULL)
        return 0;
    cm_autofree char *what = cm_fmt("the new server's pod cannot start: %s", stuck);
    return failed(w->step, what, err);
}

/* Somebody changed the Deployment or its ConfigMap behind our last upgrade. */
static int was_healed(struct cm_step *step, struct known *k, bool *healed, struct cm_err **err)
{
    if ((k->held.n == 0 && look(step, k, err) < 0) || (!k->begun && cm_heal_begin(step, &k->heal, err) < 0))
        return -1;
    k->begun = true;
    int rc = cm_heal_stands(&k->heal, &k->held, NULL, NULL, err);
    *healed = rc == 0;
    return rc < 0 ? -1 : 0;
}

/* Somebody mended the values behind our last upgrade, whether they reach helm as they are or not (deploy_again says so). */
static int was_mended(struct cm_step *step, bool *mended, struct cm_err **err)
{
    struct cm_change ours;
    if (!cm_ledger_next(step, "helm.upgrade", 0, &ours))
        return 0; /* somebody else deploys */
    cm_autofree char *misfit = cm_values_misfit(step, err);
    if (misfit == NULL || cm_release_values_changed(step, cm_target_values(step, true), mended, err) < 0)
        return -1;
    *mended = *mended || *misfit != '\0';
    return 0;
}

/* The pods did not come up, and somebody mended the values meanwhile: they are deployed, no flag needed. Where somebody brought his own
 * version back, ours is deployed once more, not again and again. */
static int deploy_again(struct cm_step *step, struct known *k, struct cm_err **err)
{
    struct cm_release_wish w = {.purpose = "deploy", .more = cm_target_values(step, true), .interlock = true};
    struct cm_change c;
    bool changed, healed = false;
    if (was_healed(step, k, &healed, err) < 0)
        return -1;
    if (!cm_ledger_next(step, "helm.upgrade", 0, &c) && !cm_effect_open(step, "helm.upgrade"))
        return 0; /* somebody else deploys */
    if (cm_values_fit(step, err) < 0 || cm_release_values_changed(step, w.more, &changed, err) < 0)
        return -1;
    if (!changed && !healed && !cm_effect_open(step, "helm.upgrade"))
        return 0;
    if (healed && cm_outside_hosts(cm_step_outside(step)) == 0) /* ours over theirs would be both modes at once: launcher.drain first */
        return cm_heal_fail(step, NULL, "its pods are not those of the revision that was deployed", err);
    if (changed)
        cm_say(step, "the values have changed since the last upgrade: they are deployed");
    else if (healed)
        cm_say(step, "the Deployment was changed by somebody else since the last upgrade: ours is deployed again, once");
    w.anew = healed;
    return cm_release_send(step, &w, err) < 0 ? -1 : cm_heal_begin(step, &k->heal, err);
}

static int wait_for_pods(struct waiting *w, struct cm_err **err)
{
    struct cm_step *step = w->step;
    struct cm_kube_watch *bell = cm_kube_watch(step, "deployments", cm_target_fullname(step), rolled_out);
    int rc = deploy_again(step, w->known, err);
    if (rc == 0)
        rc = cm_interlock_wait_ring(step, ready, w, LOOK_MS, bell, err);
    cm_kube_watch_stop(bell);
    return rc == 1 ? failed(step, "the new server's pod is not ready within the step's limit", err) : rc;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct waiting w = {.step = step,
                        .known = known_of(step),
                        .patience_ms = cm_target_patience(step),
                        .until = cm_target_waits_until(step)};
    int rc = wait_for_pods(&w, err);
    if (rc == 0) {
        cm_target_connect_soon(step); /* what comes next asks Connect */
        rc = cm_heal_stays(&w.known->heal, &w.held, err);
    }
    if (rc == 0)
        keep(step, w.known, &w.held);
    cm_held_fini(&w.held);
    return rc;
}

/* The pods that were seen by their names, when they are all that there are; NULL: they have to be listed. New reference. */
static json_t *pods_seen(const struct cm_held *held)
{
    json_t *pods = json_array();
    bool all = held->n > CM_HELD_PODS &&
               cm_json_int(cm_held_deployment(held), "status.replicas", -1) == (int64_t)(held->n - CM_HELD_PODS);
    for (size_t i = CM_HELD_PODS; i < held->n && all; i++) {
        all = held->list[i].object != NULL && cm_json_at(held->list[i].object, "metadata.deletionTimestamp") == NULL;
        json_array_append(pods, held->list[i].object);
    }
    if (all)
        return pods;
    json_decref(pods);
    return NULL;
}

/* Which images run, by their digest: a tag may mean another image tomorrow. What cannot be read is left out. */
static int learn_images(struct cm_step *step, json_t *pods, struct cm_err **err)
{
    json_t *pod, *box;
    size_t i, k;
    cm_autojson images = json_array(), *known = json_object();
    json_array_foreach(pods, i, pod)
    {
        json_array_foreach(cm_json_loose(cm_json_at(pod, "status.containerStatuses")), k, box)
        {
            const char *image = cm_json_text(box, "image", ""), *id = cm_json_text(box, "imageID", ""),
                       *digest = strstr(id, "sha256:");
            if (digest == NULL || json_object_get(known, id) != NULL)
                continue;
            (void)json_object_set_new(known, id, json_true());
            (void)json_array_append_new(
                images, json_pack("{s:s, s:s, s:s}", "container", cm_json_text(box, "name", ""), "image", image, "digest", digest));
        }
    }
    return json_array_size(images) == 0 ? 0 : cm_fact_set(step, "deploy.images", json_incref(images), err);
}

/* For storage.prove, which follows: in which pod to look, and what that pod was configured by. */
static void hand_over(struct cm_step *step, const struct cm_held *held, const json_t *pods)
{
    const char *name = NULL;
    const json_t *pod;
    size_t i;
    cm_autofree char *gcfg = NULL;
    json_array_foreach(pods, i, pod)
    {
        if (name == NULL && cm_target_pod_ready(pod))
            name = cm_json_text(pod, "metadata.name", NULL);
    }
    (void)cm_target_gcfg_of(step, &held->list[CM_HELD_CONFIG], &gcfg, NULL);
    cm_target_saw(step, name, gcfg);
}

static int learn(struct cm_step *step, const struct cm_held *held, struct cm_err **err)
{
    json_t *pods = pods_seen(held);
    if (pods == NULL)
        (void)cm_target_pods(step, &pods, NULL);
    cm_autojson list = pods;
    hand_over(step, held, list);
    return learn_images(step, list, err);
}

static bool reverted(struct cm_step *step)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(step, "helm.upgrade", after, &c); after = c.intent)
        if (strcmp(cm_json_text(c.detail, "purpose", ""), "revert") == 0)
            return true;
    return false;
}

/* A hold until the revert begins: somebody may bring another version of the release while nobody looks, and what follows here builds
 * content with the settings of ours. From the revert on, the pods are temporary.revert's. */
static int verify(struct cm_step *step, struct cm_err **err)
{
    struct known *k = known_of(step);
    bool healed = false;
    if (reverted(step))
        return 0;
    if (was_healed(step, k, &healed, err) < 0)
        return -1;
    if (healed)
        return cm_heal_fail(step, NULL, "its pods are not those of the revision that was deployed", err);
    const json_t *d = cm_held_deployment(&k->held);
    if (d == NULL || !rolled_out(d))
        return failed(step, "the new server's pod is not ready", err);
    return learn(step, &k->held, err);
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct known *k = known_of(step);
    bool healed = false, mended = false;
    if (look(step, k, err) < 0)
        return -1;
    const json_t *d = cm_held_deployment(&k->held);
    *answer = d != NULL && rolled_out(d) && !cm_effect_open(step, "helm.upgrade") ? CM_DONE : CM_UNDER_WAY;
    if (*answer == CM_DONE && (was_healed(step, k, &healed, err) < 0 || was_mended(step, &mended, err) < 0))
        return -1;
    *answer = healed || mended ? CM_NEEDED : *answer;
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err) { return cm_release_undo(step, c, err); }

static const char *const needs[] = {"deploy.revision", NULL};
static const char *const gives[] = {"deploy.images", NULL};

const struct cm_action cm_action_pods_wait = {
    .name = "pods.wait",
    .summary = "Wait until the new server's pods are ready",
    .kind = CM_HOLD,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "As the deployment: where values were changed meanwhile they are deployed here.",
    .needs = needs,
    .gives = gives,
    .probe = probe,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "The deployment by its name, its pods by both labels; events and logs when they do not come up.",
    .does = "Waits, and looks at the interlock every 2 s. Values that were changed since the last upgrade are deployed first.",
    .proves = "All replicas are updated and available, and no older pod is left.",
    .undoes = "release.scale brings the release to zero.",
    .rights = "To read deployments, configmaps, pods, events and pod logs in the namespace; where deployments may be watched, a pod that "
              "is ready is seen at once.",
};
