/* actions/release_fence.c: a fence around a release that was scaled to zero.
 *
 * Looking whether somebody brings the pods back cannot keep him from doing it a moment later, beside the old server. What the Deployment
 * controller does (pkg/controller/deployment, sync.go): of a paused Deployment it makes no ReplicaSet; it only scales those that are
 * there, and deletes those beyond revisionHistoryLimit. So a paused Deployment without any ReplicaSet gets no pod, whatever replicas and
 * template are applied to it: `paused` is in nobody's manifests, and an apply leaves alone what it does not name. A mark in the pods'
 * template makes every ReplicaSet one of an older revision; the limit is zero until they are gone, then what it was. All of it are
 * patches of the Deployment: no right beyond helm's own.
 *
 * Who deletes the Deployment and makes it anew (`kubectl replace --force`, Argo CD's Replace=true) gets round it, and only rights that a
 * migration does not have could keep him from it. So the object's uid is on record: another Deployment is known as such, named, and
 * stopped at once when the old server runs already. */
#include <config.h>

#include "actions/release_fence.h"

#include <inttypes.h>
#include <string.h>

#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/release_heal.h"
#include "actions/service.h"
#include "actions/target.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"

#define MARK "connect-migrate/paused"
#define PAUSE "deployment.pause"
#define RESUME "deployment.resume"
#define FACT "release.fence" /* {"uid": of the Deployment behind which it stands}; null: it was taken down */

enum { GONE_MS = 20000, LOOK_MS = 250, ANEW_MS = 3000 };

/* ---- what is there ---- */

static int deployment(struct cm_step *step, json_t **d, struct cm_err **err)
{
    enum cm_seen seen;
    return cm_kube_get(step, "deployments", cm_target_fullname(step), NULL, d, &seen, err);
}

static bool is_marked(const json_t *d) { return json_object_get(cm_json_at(d, "metadata.annotations"), MARK) != NULL; }

static bool owned(const json_t *set, const char *name)
{
    size_t i;
    const json_t *o;
    json_array_foreach(cm_json_at(set, "metadata.ownerReferences"), i, o)
    {
        if (strcmp(cm_json_text(o, "kind", ""), "Deployment") == 0 && strcmp(cm_json_text(o, "name", ""), name) == 0)
            return true;
    }
    return false;
}

/* Where ReplicaSets may not be listed, the controller's own word counts: it has seen this Deployment. */
static int no_sets(struct cm_step *step, const json_t *d, bool *none, struct cm_err **err)
{
    cm_autojson sets = NULL;
    enum cm_seen seen;
    size_t i;
    const json_t *set;
    if (cm_kube_get(step, "replicasets", NULL, cm_target_selector(step), &sets, &seen, err) < 0)
        return -1;
    *none = cm_json_int(d, "status.observedGeneration", 0) >= cm_json_int(d, "metadata.generation", 0);
    json_array_foreach(json_object_get(sets, "items"), i, set) { *none = *none && !owned(set, cm_target_fullname(step)); }
    return 0;
}

static const char *uid(const json_t *d) { return cm_json_text(d, "metadata.uid", ""); }

static const char *fenced(struct cm_step *step) { return cm_json_text(cm_fact(step, FACT), "uid", NULL); }

static bool is_another(struct cm_step *step, const json_t *d)
{
    return fenced(step) != NULL && d != NULL && strcmp(uid(d), fenced(step)) != 0;
}

static int remember(struct cm_step *step, const char *uid_, struct cm_err **err)
{
    const char *known = fenced(step);
    if (known != NULL && strcmp(known, uid_) == 0)
        return 0;
    return cm_fact_set(step, FACT, json_pack("{s:s}", "uid", uid_), err);
}

static int is_up(struct cm_step *step, const json_t *d, bool *up, struct cm_err **err)
{
    bool none = true;
    *up = false;
    if (!is_marked(d) || !cm_json_bool(d, "spec.paused", false))
        return 0;
    if (no_sets(step, d, &none, err) < 0)
        return -1;
    *up = none;
    return 0;
}

/* ---- putting it up ---- */

/* To zero as well, where somebody made the Deployment anew: of its pods nobody is asked. */
static int pause(struct cm_intent *i, struct cm_err **err)
{
    struct cm_step *step = cm_intent_step(i);
    cm_autofree char *mark = cm_fmt("%s.%" PRIu64, cm_run_id(step), cm_intent_id(i));
    cm_autojson patch = json_pack("{s:{s:{s:s}}, s:{s:b, s:i, s:{s:{s:{s:s}}}}}", "metadata", "annotations", MARK, mark, "spec",
                                  "paused", 1, "revisionHistoryLimit", 0, "template", "metadata", "annotations", MARK, mark);
    if (cm_json_bool(cm_intent_detail(i), "zero", false))
        (void)json_object_set_new(json_object_get(patch, "spec"), "replicas", json_integer(0));
    return cm_kube_patch(i, NULL, "deployments", cm_target_fullname(step), patch, err);
}

static int limit_back(struct cm_intent *i, struct cm_err **err)
{
    const json_t *was = cm_json_at(cm_intent_detail(i), "history");
    cm_autojson patch = json_pack("{s:{s:O}}", "spec", "revisionHistoryLimit", cm_json_loose(was));
    return cm_kube_patch(i, NULL, "deployments", cm_target_fullname(cm_intent_step(i)), patch, err);
}

struct putting {
    struct cm_intent *intent;
    const char *uid; /* of the Deployment as last seen; arena */
    struct cm_heal heal;
};

static int are_gone(void *ctx, struct cm_err **err)
{
    struct putting *p = ctx;
    struct cm_step *step = p->heal.step;
    cm_autojson d = NULL;
    bool none = false;
    if (deployment(step, &d, err) < 0)
        return -1;
    if (d == NULL)
        return 1;
    p->uid = cm_arena_strdup(cm_step_arena(step), uid(d));
    if (cm_heal_scaled(&p->heal, cm_json_int(d, "spec.replicas", 1), err) < 0 || no_sets(step, d, &none, err) < 0)
        return -1;
    if (none)
        return 1;
    /* somebody applied his own limit meanwhile */
    bool other = !cm_json_bool(d, "spec.paused", false) || cm_json_int(d, "spec.revisionHistoryLimit", 10) != 0;
    return other && pause(p->intent, err) < 0 ? -1 : 0;
}

/* Not allowed, or refused by a policy: then only looking is left. */
static int without(struct cm_step *step, struct cm_intent *i, struct cm_err *taken_why, struct cm_err **err)
{
    cm_autoerr why = taken_why;
    cm_say(
        step,
        "the Deployment %s could not be paused: %s. Nobody may scale it up or deploy it again while the old server runs: that would be "
        "two Connects on one database",
        cm_target_fullname(step), cm_err_message(why));
    return cm_intent_close(i, CM_GIVEN_UP, NULL, err);
}

/* ReplicaSets end, whatever somebody applies meanwhile. */
static int wait_for_sets(struct putting *p, struct cm_err **err)
{
    struct cm_step *step = p->heal.step;
    int64_t limit = cm_loop_now_ms(cm_step_loop(step)) + GONE_MS, deadline = cm_step_deadline(step);
    int rc = cm_wait_until(step, are_gone, p, limit < deadline ? limit : deadline, 10, LOOK_MS, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (limit_back(p->intent, err) < 0)
        return -1;
    cm_fail_passing(err, "ReplicaSets of the Deployment %s stay, although it is paused and keeps none", cm_target_fullname(step));
    cm_hint(err, "Look whether the cluster's Deployment controller works, then run the same command again.");
    return -1;
}

/* `zero`: a Deployment that may have pods. */
static int put(struct cm_step *step, const json_t *d, bool up, bool zero, struct cm_err **err)
{
    struct putting p = {.heal = {.step = step}, .uid = uid(d)};
    struct cm_err *why = NULL;
    const json_t *was = cm_json_at(d, "spec.revisionHistoryLimit");
    cm_autojson detail = json_pack("{s:O, s:b}", "history", was != NULL ? cm_json_loose(was) : json_null(), "zero", zero);
    struct cm_intent_spec spec = {.effect = PAUSE, .key = cm_target_fullname(step), .detail = detail};
    if (cm_intend_again(step, &spec, &p.intent, err) < 0)
        return -1;
    if (!up && pause(p.intent, &why) < 0)
        return cm_err_code(why) != CM_E_FAILED || cm_err_is_passing(why) ? cm_err_move(err, why)
                                                                         : without(step, p.intent, why, err);
    if ((!up && wait_for_sets(&p, err) < 0) || limit_back(p.intent, err) < 0 || remember(step, p.uid, err) < 0)
        return -1;
    cm_say(
        step,
        "the Deployment %s is paused and has no ReplicaSet: nobody brings a pod back by scaling it or applying it again, only by "
        "deleting it and making it anew",
        cm_target_fullname(step));
    return cm_intent_happened(p.intent, NULL, err);
}

int cm_fence_put(struct cm_step *step, struct cm_err **err)
{
    cm_autojson d = NULL;
    bool up = false;
    if (deployment(step, &d, err) < 0)
        return -1;
    if (d == NULL)
        return 0;
    if (is_up(step, d, &up, err) < 0)
        return -1;
    return up && !cm_effect_open(step, PAUSE) ? remember(step, uid(d), err) : put(step, d, up, false, err);
}

/* ---- looking after it ---- */

const char cm_fence_made_anew[] = "it was deleted and made anew";
static const char not_paused[] = "it was paused, and is not any more";

static int stands(struct cm_step *step, json_t **d, const char **fallen, struct cm_err **err)
{
    bool up = true;
    *fallen = NULL;
    *d = NULL;
    if (fenced(step) == NULL)
        return 0;
    if (deployment(step, d, err) < 0 || (*d != NULL && is_up(step, *d, &up, err) < 0))
        return -1;
    *fallen = is_another(step, *d) ? cm_fence_made_anew : up ? NULL : not_paused;
    return 0;
}

int cm_fence_stands(struct cm_step *step, const char **fallen, struct cm_err **err)
{
    json_t *d;
    int rc = stands(step, &d, fallen, err);
    json_decref(d);
    return rc;
}

bool cm_fence_is_another(struct cm_step *step)
{
    cm_autojson d = NULL;
    return fenced(step) != NULL && deployment(step, &d, NULL) == 0 && is_another(step, d);
}

static const char *a_pod(struct cm_step *step)
{
    cm_autojson pods = NULL;
    if (cm_target_pods(step, &pods, NULL) < 0)
        return NULL;
    const char *name = cm_json_text(json_array_get(pods, 0), "metadata.name", NULL);
    return name == NULL ? NULL : cm_arena_strdup(cm_step_arena(step), name);
}

static int lived_beside(struct cm_step *step, const char *pod, const char *fallen, struct cm_err **err)
{
    cm_autofree char *who = cm_kube_other_writer(step, "deployments", cm_target_fullname(step));
    cm_fail(err, CM_E_CHANGED,
            "the Deployment %s: %s while the old server ran (last written by %s); pod %s of it was up beside that "
            "server, on one database",
            cm_target_fullname(step), fallen, who == NULL ? "somebody who cannot be told from helm" : who, pod);
    cm_hint(
        err,
        "It is scaled to zero and paused again. Find who did that (`kubectl replace --force`, Argo CD's Replace=true, a pipeline) "
        "and suspend it, look at the old server's log since then, and run the same command again.");
    return -1;
}

/* One that is deleted may be half of being made anew. */
static int stands_or_made_anew(struct cm_step *step, json_t **d, const char **fallen, struct cm_err **err)
{
    int64_t end = cm_loop_now_ms(cm_step_loop(step)) + ANEW_MS;
    for (;;) {
        if (stands(step, d, fallen, err) < 0)
            return -1;
        if (fenced(step) == NULL || *d != NULL || cm_loop_now_ms(cm_step_loop(step)) >= end)
            return 0;
        if (cm_pause(step, LOOK_MS, err) < 0)
            return -1;
    }
}

int cm_fence_keep(struct cm_step *step, struct cm_err **err)
{
    json_t *seen = NULL;
    const char *fallen = NULL;
    bool runs = false;
    int rc = stands_or_made_anew(step, &seen, &fallen, err);
    cm_autojson d = seen;
    if (rc < 0 || fallen == NULL)
        return rc;
    if (cm_service_runs_somewhere(step, &runs, NULL) < 0 || !runs)
        return 0; /* the interlock says what that means, before it is started */
    const char *pod = a_pod(step);
    cm_say(step, "the Deployment %s: %s while the old server runs; it is scaled to zero and paused at once",
           cm_target_fullname(step), fallen);
    if (put(step, d, false, true, err) < 0)
        return -1;
    pod = pod == NULL ? a_pod(step) : pod;
    return pod == NULL ? 0 : lived_beside(step, pod, fallen, err);
}

/* ---- taking it down ---- */

int cm_fence_take(struct cm_step *step, bool *was_up, struct cm_err **err)
{
    cm_autojson d = NULL;
    struct cm_intent *i = NULL;
    if (deployment(step, &d, err) < 0 || (fenced(step) != NULL && cm_fact_set(step, FACT, json_null(), err) < 0))
        return -1;
    bool stands = is_marked(d) || cm_effect_open(step, RESUME);
    if (was_up != NULL)
        *was_up = stands;
    if (!stands)
        return 0;
    struct cm_intent_spec spec = {.effect = RESUME, .key = cm_target_fullname(step)};
    cm_autojson patch = json_pack("{s:{s:{s:n}}, s:{s:n, s:{s:{s:{s:n}}}}}", "metadata", "annotations", MARK, "spec", "paused",
                                  "template", "metadata", "annotations", MARK);
    if (cm_interlock_forward(step, err) < 0 || cm_intend_again(step, &spec, &i, err) < 0 ||
        (is_marked(d) && cm_kube_patch(i, NULL, "deployments", cm_target_fullname(step), patch, err) < 0))
        return -1;
    cm_say(step, "the Deployment %s is resumed: an earlier way back had paused it", cm_target_fullname(step));
    return cm_intent_happened(i, NULL, err);
}
