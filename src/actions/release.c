/* actions/release.c: one upgrade of the Helm release, from whatever an earlier run left.
 *
 * What helm does when it is killed (pkg/action, 3.13 to 4): after SIGTERM the revision is "failed", after SIGKILL it stays
 * "pending-*" and every later upgrade is refused until that revision's record is deleted. A failed revision is simply
 * followed by the next one. Which state may be followed: release_states.c. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "actions/evening.h"
#include "actions/interlock.h"
#include "actions/manifests.h"
#include "actions/release_hand.h"
#include "actions/release_heal.h"
#include "actions/release_work.h"
#include "actions/target.h"
#include "adapters/kubectl.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pid.h"
#include "base/text.h"
#include "plan/plan.h"

enum { SETTLE_MS = 3000 }; /* sessions of a pod that has just ended */
enum { MOST_TURNS = 6 };   /* unlock, resend, look again; more means somebody works against us */

/* ---- values ---- */

/* By the file's name; two of one name by their paths. */
static int add_digest(json_t *to, const char *path, struct cm_err **err)
{
    unsigned char sum[32];
    char hex[65];
    const char *name = cm_path_base(path);
    if (cm_sha256_file(path, sum, err) < 0) {
        cm_hint(err, "Put the file back as it was, or correct target.values in the plan.");
        return -1;
    }
    cm_hex(sum, 32, hex);
    json_object_set_new(to, json_object_get(to, name) == NULL ? name : path, json_string(hex));
    return 0;
}

int cm_release_digests(struct cm_step *step, const char *const *more, json_t **digests, struct cm_err **err)
{
    const char *const *lists[] = {cm_helm_files(step), more};
    cm_autojson all = json_object();
    *digests = NULL;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; lists[k] != NULL && lists[k][i] != NULL; i++)
            if (add_digest(all, lists[k][i], err) < 0)
                return -1;
    *digests = json_incref(all);
    return 0;
}

/* The order counts: of two files that say the same key, helm takes the later one's word. */
static bool same_values(const json_t *a, const json_t *b)
{
    void *x = json_object_iter(cm_json_loose(a)), *y = json_object_iter(cm_json_loose(b));
    for (; x != NULL && y != NULL; x = json_object_iter_next(cm_json_loose(a), x), y = json_object_iter_next(cm_json_loose(b), y))
        if (strcmp(json_object_iter_key(x), json_object_iter_key(y)) != 0 ||
            !json_equal(json_object_iter_value(x), json_object_iter_value(y)))
            return false;
    return x == NULL && y == NULL;
}

/* The newest upgrade that happened, of any step: its values. */
static const json_t *used_digests(struct cm_step *step)
{
    struct cm_change c;
    struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    if (own != NULL)
        return cm_json_at(cm_intent_detail(own), "values");
    return cm_ledger_next(step, CM_UPGRADE, 0, &c) ? cm_json_at(c.detail, "values") : NULL;
}

int cm_release_values_changed(struct cm_step *step, const char *const *more, bool *changed, struct cm_err **err)
{
    cm_autojson now = NULL;
    const json_t *used = used_digests(step);
    *changed = false;
    if (used == NULL)
        return 0;
    if (cm_release_digests(step, more, &now, err) < 0)
        return -1;
    *changed = !same_values(now, used);
    return 0;
}

static bool own_values_stand(struct cm_step *step, const struct cm_intent *own, const char *const *more)
{
    cm_autojson now = NULL;
    if (cm_release_digests(step, more, &now, NULL) < 0)
        return true;
    return same_values(now, cm_json_at(cm_intent_detail(own), "values"));
}

/* ---- freeing a release that helm died in ---- */

struct child {
    pid_t pid;
    int64_t start;
    const char *boot;
};

static int child_gone(void *ctx, struct cm_err **err)
{
    const struct child *c = ctx;
    (void)err;
    return cm_pid_alive(c->pid, c->start, c->boot) ? 0 : 1;
}

/* A helm of an earlier step may still live; the engine waits only for those of this step. */
static int wait_for_helm(struct cm_step *step, const json_t *note, struct cm_err **err)
{
    const json_t *child = cm_json_at(note, "child");
    struct child c = {(pid_t)cm_json_int(child, "pid", 0), cm_json_int(child, "start", -1), cm_json_text(child, "boot", "")};
    if (child == NULL || c.pid <= 0)
        return 0;
    int rc = cm_wait_until(step, child_gone, &c, cm_step_deadline(step), 5, 500, err);
    if (rc == 0)
        return cm_fail(err, CM_E_FAILED, "helm (process %ld) of an earlier step still runs", (long)c.pid);
    return rc < 0 ? -1 : 0;
}

static int unlock(struct cm_step *step, const struct cm_helm_revision *r, const json_t *note, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autofree char *key = cm_fmt("%s.v%d", cm_release_name(step), r->revision);
    cm_autojson detail = json_pack("{s:s, s:i, s:s}", "record", r->secret, "revision", r->revision, "status", r->status);
    struct cm_intent_spec spec = {.effect = "helm.unlock", .key = key, .detail = detail};
    if (wait_for_helm(step, note, err) < 0 || cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    cm_say(step, "revision %d of release %s is %s, ours, and no helm works on it any more: its record is deleted", r->revision,
           cm_release_name(step), r->status);
    if (cm_kube_delete(intent, NULL, cm_helm_record_kind(), r->secret, err) < 0)
        return -1;
    return cm_intent_happened(intent, NULL, err);
}

/* ---- the upgrade ---- */

/* What became of the upgrade on record: settled by this look, or refused because of somebody else. */
static int settle(struct cm_step *step, struct cm_intent *i, const struct cm_history *h, struct cm_err **err)
{
    int64_t base = cm_json_int(cm_intent_detail(i), "base", 0);
    const struct cm_helm_revision *r = cm_history_find(h, base + 1), *last = cm_history_last(h);
    if (r == NULL && (last == NULL || last->revision <= base))
        return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err);
    if (r == NULL || !cm_revision_of(step, r, cm_intent_id(i), cm_intent_detail(i))) {
        if (cm_release_may_follow(step, r == NULL ? last : r, err) < 0)
            return -1;
        return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err);
    }
    if (cm_helm_pending(r))
        return unlock(step, r, NULL, err) < 0 ? -1 : cm_intent_close(i, CM_NOT_HAPPENED, NULL, err);
    bool well = cm_revision_is(r, "deployed") || cm_revision_is(r, "superseded") || cm_revision_is(r, "uninstalled");
    return cm_intent_close(i, well ? CM_HAPPENED : CM_GIVEN_UP,
                           json_pack("{s:i, s:s}", "revision", r->revision, "status", r->status), err);
}

/* helm 4 applies on the server, and is refused a field that somebody else has set to another value; helm 3 simply set it. */
static bool conflicts(const struct cm_out *out)
{
    return out->errout != NULL && strstr(out->errout, "Apply failed with ") != NULL && strstr(out->errout, " conflict") != NULL;
}

/* Apply failed with 2 conflicts: conflicts with "argocd-controller": …; helm's log quotes it, \" then. */
static void say_conflict(struct cm_step *step, const struct cm_out *out)
{
    const char *from = strstr(strstr(out->errout, "Apply failed with "), " with ");
    from = strstr(from + 1, " with ");
    from = from == NULL ? "somebody" : from + strlen(" with ") + strspn(from + strlen(" with "), "\\\"");
    cm_autofree char *who = cm_strndup(from, strcspn(from, "\\\""));
    cm_say(step, "fields of release %s were set by somebody else too (%s): the upgrade is sent again with --force-conflicts",
           cm_release_name(step), who);
    (void)cm_fact_set(step, "release.forced", json_string(who), NULL);
}

static int send(struct cm_step *step, const struct cm_release_wish *w, const struct cm_helm_revision *last, struct cm_out *out,
                struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autojson digests = NULL;
    int base = last == NULL ? 0 : last->revision;
    if (w->interlock && cm_interlock_settle(step, SETTLE_MS, err) < 0)
        return -1;
    if (cm_release_digests(step, w->more, &digests, err) < 0)
        return -1;
    cm_autojson detail = json_pack("{s:i, s:s, s:O}", "base", base, "purpose", w->purpose, "values", digests);
    cm_autojson original = json_pack("{s:i}", "revision", base);
    struct cm_intent_spec spec = {.effect = CM_UPGRADE, .key = cm_release_name(step), .detail = detail, .original = original};
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    return cm_helm_upgrade(intent, w->purpose, w->more, w->force, w->interlock ? cm_interlock_tick : NULL, step, out, err);
}

static int failed(struct cm_step *step, const struct cm_helm_revision *r, const struct cm_out *out, struct cm_err **err)
{
    if (out->status == 0)
        return cm_fail(err, CM_E_FAILED, "helm upgrade of %s ended well, but no revision of ours is there", cm_release_name(step));
    cm_autofree char *what = cm_fmt("helm upgrade of %s", cm_release_name(step));
    cm_autofree char *cause = cm_target_helm_cause(step, out->errout);
    cm_helm_failed(step, out, what, err);
    if (*cause != '\0')
        cm_evidence(err, cause);
    cm_hint(err, "Mend what helm names (values may be changed), then run the same command again: %s.",
            r != NULL ? "the next revision is made" : "it is sent again");
    return -1;
}

/* Nothing of this step is open; `fresh`: its newest upgrade was settled by this call. 0: done already. 1: an upgrade is to be sent after the newest revision. 2: look again. */
static int may_send(struct cm_step *step, const struct cm_release_wish *w, const struct cm_history *h, bool fresh,
                    struct cm_err **err)
{
    const struct cm_helm_revision *last = cm_history_last(h);
    struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    const json_t *note = NULL;
    if (last != NULL && cm_helm_pending(last) && cm_revision_ours(step, last, &note))
        return unlock(step, last, note, err) < 0 ? -1 : 2;
    if (cm_release_may_follow(step, last, err) < 0)
        return -1;
    bool is_own = last != NULL && own != NULL && cm_intent_life(own) == CM_HAPPENED &&
                  cm_revision_of(step, last, cm_intent_id(own), cm_intent_detail(own));
    return is_own && cm_revision_is(last, "deployed") && own_values_stand(step, own, w->more) && (fresh || !w->anew) ? 0 : 1;
}

/* helm was ended at its limit: what it left is looked at now, so that nobody finds a release that refuses every change. */
static int late(struct cm_step *step, struct cm_err *taken_why, struct cm_err **err)
{
    cm_autohistory h = {0};
    cm_autoerr why = taken_why;
    struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    const char *left = "nothing of it is on record";
    if (cm_helm_revisions(step, &h.list, &h.n, err) < 0 || (cm_intent_is_open(own) && settle(step, own, &h, err) < 0))
        return cm_wrap(err, "%s; then", cm_err_message(why));
    if (cm_intent_life(own) == CM_GIVEN_UP)
        left = cm_arena_fmt(cm_step_arena(step), "revision %d is failed, the next one can follow it",
                            (int)cm_json_int(cm_intent_result(own), "revision", 0));
    else if (cm_intent_life(own) == CM_HAPPENED)
        left = "its revision is deployed all the same";
    cm_fail_passing(err, "helm upgrade of %s did not end within its limit and was ended; %s", cm_release_name(step), left);
    cm_evidence(err, cm_err_message(why));
    cm_hint(err,
            "Look what helm waited for (a webhook, a slow API server), or give it longer with target.timeout; then run the same "
            "command again.");
    return -1;
}

/* The history, as it was just seen or as it is now. */
static int history(struct cm_step *step, const struct cm_release_wish *w, struct cm_history *h, struct cm_err **err)
{
    struct cm_release_seen *seen = w->seen;
    if (seen == NULL || !seen->fresh)
        return cm_helm_revisions(step, &h->list, &h->n, err);
    seen->fresh = false;
    h->n = seen->n;
    h->list = cm_alloc((seen->n + 1) * sizeof *h->list);
    if (seen->n > 0)
        memcpy(h->list, seen->list, seen->n * sizeof *h->list);
    return 0;
}

static void remember(struct cm_step *step, struct cm_release_seen *seen, const struct cm_history *h)
{
    seen->list = cm_arena_alloc(cm_step_arena(step), (h->n + 1) * sizeof *h->list);
    if (h->n > 0)
        memcpy(seen->list, h->list, h->n * sizeof *h->list);
    seen->n = h->n;
    seen->fresh = true;
}

int cm_release_send(struct cm_step *step, const struct cm_release_wish *w, struct cm_err **err)
{
    CM_CLEANUP(cm_out_fini) struct cm_out out = {0};
    struct cm_release_wish forced = *w;
    forced.force = cm_fact(step, "release.forced") != NULL;
    bool sent = false, fresh = false;
    for (int turn = 0; turn < MOST_TURNS; turn++) {
        cm_autohistory h = {0};
        cm_autoerr why = NULL;
        if (history(step, w, &h, err) < 0)
            return -1;
        struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
        if (cm_intent_is_open(own)) {
            if (settle(step, own, &h, err) < 0)
                return -1;
            enum cm_life life = cm_intent_life(own);
            fresh = life == CM_HAPPENED;
            if (sent && life == CM_GIVEN_UP && !forced.force && conflicts(&out)) {
                say_conflict(step, &out);
                forced.force = true;
                continue;
            }
            if (sent && life == CM_GIVEN_UP)
                return failed(step, cm_history_last(&h), &out, err);
            if (sent && life == CM_NOT_HAPPENED && out.status != 128 + 9)
                return failed(step, NULL, &out, err);
            if (!fresh)
                continue;
        }
        int rc = may_send(step, w, &h, fresh, err);
        if (rc == 0 && w->seen != NULL)
            w->seen->deployed = cm_history_last(&h)->revision;
        if (rc <= 0)
            return rc;
        if (rc == 2)
            continue;
        cm_out_fini(&out);
        out = (struct cm_out){0};
        sent = true;
        if (send(step, &forced, cm_history_last(&h), &out, &why) == 0)
            continue;
        struct cm_err *moved = why;
        why = NULL;
        return out.timed_out ? late(step, moved, err) : cm_err_move(err, moved);
    }
    cm_fail(err, CM_E_FAILED, "helm upgrade of %s was ended %d times without a result", cm_release_name(step), MOST_TURNS);
    cm_hint(err, "Look for what kills helm on this machine (memory, a supervisor), then run the same command again.");
    return -1;
}

int cm_release_probe(struct cm_step *step, const struct cm_release_wish *w, enum cm_answer *answer, struct cm_err **err)
{
    cm_autohistory h = {0};
    struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    *answer = CM_NEEDED;
    if (cm_helm_revisions(step, &h.list, &h.n, err) < 0)
        return -1;
    if (w->seen != NULL)
        remember(step, w->seen, &h);
    const struct cm_helm_revision *last = cm_history_last(&h);
    bool newer = last == NULL || !cm_intent_is_open(own) || last->revision > cm_json_int(cm_intent_detail(own), "base", 0);
    if (newer && cm_release_refused(step, last, err)) {
        *answer = CM_FOREIGN;
        return -1;
    }
    if (last != NULL && own != NULL && cm_intent_life(own) == CM_HAPPENED && cm_revision_is(last, "deployed") &&
        cm_revision_of(step, last, cm_intent_id(own), cm_intent_detail(own)) && own_values_stand(step, own, w->more))
        *answer = CM_DONE;
    return 0;
}

int cm_release_verify(struct cm_step *step, const struct cm_release_wish *w, int *revision, struct cm_err **err)
{
    cm_autohistory h = {0};
    struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    if (w->seen != NULL && w->seen->deployed > 0) {
        if (revision != NULL)
            *revision = w->seen->deployed;
        return 0;
    }
    if (history(step, w, &h, err) < 0)
        return -1;
    const struct cm_helm_revision *last = cm_history_last(&h);
    if (last == NULL)
        return cm_fail(err, CM_E_FAILED, "there is no release %s", cm_release_name(step));
    if (own == NULL || !cm_revision_of(step, last, cm_intent_id(own), cm_intent_detail(own)))
        return cm_release_foreign(step, last, err);
    if (!cm_revision_is(last, "deployed"))
        return cm_fail(err, CM_E_FAILED, "revision %d of release %s is %s, not deployed", last->revision, cm_release_name(step),
                       last->status);
    if (revision != NULL)
        *revision = last->revision;
    return 0;
}

/* ---- taking it back ---- */

int cm_release_is_restored(struct cm_step *step, bool *restored, struct cm_err **err)
{
    cm_autohistory h = {0};
    if (cm_helm_revisions(step, &h.list, &h.n, err) < 0)
        return -1;
    const struct cm_helm_revision *last = cm_history_last(&h);
    *restored = last != NULL && strcmp(last->purpose, "restore") == 0 && strcmp(last->run, cm_run_id(step)) == 0;
    return 0;
}

/* "ConfigMap a, Deployment b": what helm keeps of the release. Caller frees; "" when it cannot be read. */
static char *what_stays(struct cm_step *step)
{
    cm_autofree char *text = NULL;
    struct cm_manifests m = {0};
    struct cm_str all = CM_STR(CM_STR_PAGE);
    if (cm_helm_manifest(step, &text, NULL) == 0)
        cm_manifests_read(&m, text);
    for (size_t i = 0; i < m.count; i++)
        cm_str_addf(&all, "%s%s", i > 0 ? ", " : "", m.list[i].name);
    cm_manifests_fini(&m);
    return cm_str_take(&all);
}

int cm_release_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    cm_autojson pods = NULL;
    bool restored = false;
    if (cm_release_is_restored(step, &restored, err) < 0)
        return -1;
    if (restored)
        return 0;
    if (cm_target_pods(step, &pods, err) < 0)
        return -1;
    int64_t replicas;
    if (json_array_size(pods) > 0 && cm_release_replicas(step, &replicas, NULL) == 0 && replicas > 0)
        return cm_heal_fail(step, NULL, "it was scaled to zero and has replicas again", err);
    if (json_array_size(pods) > 0) {
        cm_fail(err, CM_E_FAILED, "release %s still has %zu pods", change->key, json_array_size(pods));
        cm_hint(err, "It is scaled to zero by `connect-migrate-run rollback PLAN`.");
        return -1;
    }
    struct cm_change older;
    if (cm_ledger_next(step, CM_UPGRADE, change->intent, &older))
        return 0; /* said once, for the first of them */
    const char *const uninstall[] = {"uninstall", cm_release_name(step), NULL};
    cm_autofree char *command = cm_helm_by_hand(step, uninstall), *objects = what_stays(step);
    cm_say(step, "release %s stays installed with no pods (%s); `%s` removes it, after a look at what becomes of its volumes",
           cm_release_name(step), objects, command);
    return 0;
}
