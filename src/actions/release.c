/* actions/release.c: one upgrade of the Helm release, from whatever an earlier run left.
 *
 * What helm does when it is killed (pkg/action, 3.13 to 4): after SIGTERM the revision is "failed", after SIGKILL it stays
 * "pending-*" and every later upgrade is refused until that revision's record is deleted. A failed revision is simply
 * followed by the next one. */
#include <config.h>

#include "actions/release.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions/evening.h"
#include "actions/interlock.h"
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

#define EFFECT "helm.upgrade"
enum { MOST_TURNS = 6 }; /* unlock, resend, look again; more means somebody works against us */

struct history {
    struct cm_helm_revision *list;
    size_t n;
};

static void history_fini(struct history *h) { free(h->list); }

static const char *release(struct cm_step *step) { return cm_plan_text(cm_step_plan(step), "target.release"); }

static const struct cm_helm_revision *last_of(const struct history *h) { return h->n == 0 ? NULL : &h->list[h->n - 1]; }

static const struct cm_helm_revision *find(const struct history *h, int64_t revision)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].revision == revision)
            return &h->list[i];
    return NULL;
}

static bool is(const struct cm_helm_revision *r, const char *status) { return strcmp(r->status, status) == 0; }

/* ---- whose is it ---- */

static bool matches(struct cm_step *step, const struct cm_helm_revision *r, uint64_t intent, const json_t *detail)
{
    cm_autofree char *id = cm_fmt("%" PRIu64, intent);
    return strcmp(r->intent, id) == 0 && strcmp(r->run, cm_run_id(step)) == 0 && cm_json_int(detail, "base", -1) + 1 == r->revision;
}

/* Of any step and attempt of this run. *note: where the child that made it is named; NULL. */
static bool ours(struct cm_step *step, const struct cm_helm_revision *r, const json_t **note)
{
    struct cm_change c;
    if (note != NULL)
        *note = NULL;
    for (struct cm_intent *i = cm_intent_next(step, EFFECT, NULL); i != NULL; i = cm_intent_next(step, EFFECT, i))
        if (matches(step, r, cm_intent_id(i), cm_intent_detail(i)))
            return true;
    for (uint64_t after = 0; cm_ledger_next(step, EFFECT, after, &c); after = c.intent) {
        if (!matches(step, r, c.intent, c.detail))
            continue;
        if (note != NULL)
            *note = c.note;
        return true;
    }
    return false;
}

static bool any_of_ours(struct cm_step *step)
{
    struct cm_change c;
    return cm_intent_newest(step, EFFECT) != NULL || cm_ledger_next(step, EFFECT, 0, &c);
}

static int foreign(struct cm_step *step, const struct cm_helm_revision *r, struct cm_err **err)
{
    cm_autofree char *number = cm_fmt("%d", r->revision);
    const char *const history_argv[] = {"history", release(step), NULL};
    const char *const values_argv[] = {"get", "values", release(step), "--revision", number, NULL};
    const char *const describe_argv[] = {"describe", cm_helm_record_kind(), r->secret, NULL};
    cm_autofree char *history = cm_helm_by_hand(step, history_argv), *values = cm_helm_by_hand(step, values_argv);
    cm_autofree char *describe = cm_kube_by_hand(step, describe_argv);
    cm_fail(err, CM_E_CHANGED, "revision %d of release %s is %s and not ours: written by %s at %s", r->revision, release(step),
            r->status, *r->manager ? r->manager : "somebody", *r->modified ? r->modified : "an unknown time");
    if (cm_helm_pending(r))
        cm_hint(err, "Ask who works on the release and let them finish; look with `%s` and `%s`, then run the same command again.",
                history, describe);
    else
        cm_hint(err,
                "Look at what it holds with `%s` and `%s`. If our values may follow it, put "
                "`gates: {release.foreign: {note: \"who agreed\"}}` into the plan and run again with --accept-plan-changes.",
                history, values);
    return -1;
}

/* A finished revision of somebody else may be followed only when a person said so in the plan. */
static int foreign_or_agreed(struct cm_step *step, const struct cm_helm_revision *r, struct cm_err **err)
{
    if (cm_helm_pending(r) || cm_plan_gate_note(cm_step_plan(step), "release.foreign") == NULL)
        return foreign(step, r, err);
    struct cm_gate_spec gate = {
        .id = "release.foreign",
        .attest = true,
        .title = "the release was changed by somebody else, and our values may follow",
        .shown = cm_arena_fmt(cm_step_arena(step), "release %s, revision %d, %s, by %s at %s\n", release(step), r->revision,
                              r->status, r->manager, r->modified),
    };
    return cm_gate_pass(step, &gate, err);
}

/* ---- values ---- */

static int add_digest(json_t *to, const char *path, struct cm_err **err)
{
    unsigned char sum[32];
    char hex[65];
    if (cm_sha256_file(path, sum, err) < 0)
        return -1;
    cm_hex(sum, 32, hex);
    json_object_set_new(to, cm_path_base(path), json_string(hex));
    return 0;
}

int cm_release_digests(struct cm_step *step, const char *const *more, json_t **digests, struct cm_err **err)
{
    const json_t *files = cm_fact(step, "values.files"), *file;
    cm_autojson all = json_object();
    size_t i;
    *digests = NULL;
    if (json_array_size(files) == 0)
        files = cm_plan_get(cm_step_plan(step), "target.values");
    json_array_foreach(files, i, file)
    {
        if (add_digest(all, json_string_value(file), err) < 0)
            return -1;
    }
    for (i = 0; more != NULL && more[i] != NULL; i++)
        if (add_digest(all, more[i], err) < 0)
            return -1;
    *digests = json_incref(all);
    return 0;
}

/* The newest upgrade that happened, of any step: its values. */
static const json_t *used_digests(struct cm_step *step)
{
    struct cm_change c;
    struct cm_intent *own = cm_intent_newest(step, EFFECT);
    if (own != NULL)
        return cm_json_at(cm_intent_detail(own), "values");
    return cm_ledger_next(step, EFFECT, 0, &c) ? cm_json_at(c.detail, "values") : NULL;
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
    *changed = !json_equal(now, used);
    return 0;
}

static bool own_values_stand(struct cm_step *step, const struct cm_intent *own, const char *const *more)
{
    cm_autojson now = NULL;
    if (cm_release_digests(step, more, &now, NULL) < 0)
        return true;
    return json_equal(now, cm_json_at(cm_intent_detail(own), "values")) != 0;
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
    cm_autofree char *key = cm_fmt("%s.v%d", release(step), r->revision);
    cm_autojson detail = json_pack("{s:s, s:i, s:s}", "record", r->secret, "revision", r->revision, "status", r->status);
    struct cm_intent_spec spec = {.effect = "helm.unlock", .key = key, .detail = detail};
    if (wait_for_helm(step, note, err) < 0 || cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    cm_say(step, "revision %d of release %s is %s, ours, and no helm works on it any more: its record is deleted", r->revision,
           release(step), r->status);
    if (cm_kube_delete(intent, cm_helm_record_kind(), r->secret, err) < 0)
        return -1;
    return cm_intent_happened(intent, NULL, err);
}

/* ---- the upgrade ---- */

static int give_up(struct cm_intent *i, const struct cm_helm_revision *r, struct cm_err **err)
{
    return cm_intent_close(i, CM_GIVEN_UP, json_pack("{s:i, s:s}", "revision", r->revision, "status", r->status), err);
}

/* What became of the upgrade on record. 1: look at the history again. 0: settled by this look. -1. */
static int settle(struct cm_step *step, struct cm_intent *i, const struct history *h, struct cm_err **err)
{
    int64_t base = cm_json_int(cm_intent_detail(i), "base", 0);
    const struct cm_helm_revision *r = find(h, base + 1), *last = last_of(h);
    if (r == NULL && (last == NULL || last->revision <= base))
        return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err);
    if (r == NULL || !matches(step, r, cm_intent_id(i), cm_intent_detail(i))) {
        if (foreign_or_agreed(step, r == NULL ? last : r, err) < 0)
            return -1;
        return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err);
    }
    if (cm_helm_pending(r)) {
        if (unlock(step, r, NULL, err) < 0 || cm_intent_close(i, CM_NOT_HAPPENED, NULL, err) < 0)
            return -1;
        return 1;
    }
    if (is(r, "deployed") || is(r, "superseded"))
        return cm_intent_close(i, CM_HAPPENED, json_pack("{s:i, s:s}", "revision", r->revision, "status", r->status), err);
    return give_up(i, r, err);
}

static int send(struct cm_step *step, const struct cm_release_wish *w, const struct cm_helm_revision *last, struct cm_out *out,
                struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autojson digests = NULL;
    int base = last == NULL ? 0 : last->revision;
    if (w->interlock && cm_interlock_forward(step, err) < 0)
        return -1;
    if (cm_release_digests(step, w->more, &digests, err) < 0)
        return -1;
    cm_autojson detail = json_pack("{s:i, s:s, s:O}", "base", base, "purpose", w->purpose, "values", digests);
    cm_autojson original = json_pack("{s:i}", "revision", base);
    struct cm_intent_spec spec = {.effect = EFFECT, .key = release(step), .detail = detail, .original = original};
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    return cm_helm_upgrade(intent, w->purpose, w->more, w->interlock ? cm_interlock_tick : NULL, step, out, err);
}

static int failed(struct cm_step *step, const struct cm_helm_revision *r, const struct cm_out *out, struct cm_err **err)
{
    if (out->status == 0)
        return cm_fail(err, CM_E_FAILED, "helm upgrade of %s ended well, but no revision of ours is there", release(step));
    cm_autofree char *what = cm_fmt("helm upgrade of %s", release(step));
    cm_autofree char *cause = cm_target_helm_cause(step, out->errout);
    cm_helm_failed(step, out, what, err);
    if (*cause != '\0')
        cm_evidence(err, cause);
    cm_hint(err, "Mend what helm names below (values may be changed), then run the same command again: %s.",
            r != NULL ? "the next revision is made" : "it is sent again");
    return -1;
}

/* Nothing of this step is open. 0: done already. 1: an upgrade is to be sent after `last`. */
static int may_send(struct cm_step *step, const struct cm_release_wish *w, const struct history *h, struct cm_err **err)
{
    const struct cm_helm_revision *last = last_of(h);
    struct cm_intent *own = cm_intent_newest(step, EFFECT);
    const json_t *note = NULL;
    if (last == NULL)
        return 1;
    bool mine = ours(step, last, &note);
    if (cm_helm_pending(last))
        return mine ? (unlock(step, last, note, err) < 0 ? -1 : 2) : foreign(step, last, err);
    if (!mine && any_of_ours(step) && foreign_or_agreed(step, last, err) < 0)
        return -1;
    bool is_own =
        own != NULL && cm_intent_life(own) == CM_HAPPENED && matches(step, last, cm_intent_id(own), cm_intent_detail(own));
    return is_own && is(last, "deployed") && own_values_stand(step, own, w->more) ? 0 : 1;
}

int cm_release_send(struct cm_step *step, const struct cm_release_wish *w, struct cm_err **err)
{
    CM_CLEANUP(cm_out_fini) struct cm_out out = {0};
    bool sent = false;
    for (int turn = 0; turn < MOST_TURNS; turn++) {
        CM_CLEANUP(history_fini) struct history h = {0};
        if (cm_helm_revisions(step, &h.list, &h.n, err) < 0)
            return -1;
        struct cm_intent *own = cm_intent_newest(step, EFFECT);
        if (cm_intent_is_open(own)) {
            if (settle(step, own, &h, err) < 0)
                return -1;
            enum cm_life life = cm_intent_life(own);
            if (sent && life == CM_GIVEN_UP)
                return failed(step, last_of(&h), &out, err);
            if (sent && life == CM_NOT_HAPPENED && out.status != 128 + 9)
                return failed(step, NULL, &out, err);
            continue;
        }
        int rc = may_send(step, w, &h, err);
        if (rc <= 0)
            return rc;
        if (rc == 2)
            continue;
        cm_out_fini(&out);
        out = (struct cm_out){0};
        sent = true;
        if (send(step, w, last_of(&h), &out, err) < 0)
            return -1;
    }
    cm_fail(err, CM_E_FAILED, "helm upgrade of %s was ended %d times without a result", release(step), MOST_TURNS);
    cm_hint(err, "Look for what kills helm on this machine (memory, a supervisor), then run the same command again.");
    return -1;
}

int cm_release_probe(struct cm_step *step, const struct cm_release_wish *w, enum cm_answer *answer, struct cm_err **err)
{
    CM_CLEANUP(history_fini) struct history h = {0};
    struct cm_intent *own = cm_intent_newest(step, EFFECT);
    *answer = CM_NEEDED;
    if (cm_helm_revisions(step, &h.list, &h.n, err) < 0)
        return -1;
    const struct cm_helm_revision *last = last_of(&h);
    if (last == NULL)
        return 0;
    bool agreed = cm_plan_gate_note(cm_step_plan(step), "release.foreign") != NULL && !cm_helm_pending(last);
    if (!ours(step, last, NULL) && !agreed && (cm_helm_pending(last) || any_of_ours(step)) &&
        (!cm_intent_is_open(own) || last->revision > cm_json_int(cm_intent_detail(own), "base", 0))) {
        *answer = CM_FOREIGN;
        return foreign(step, last, err);
    }
    if (own != NULL && cm_intent_life(own) == CM_HAPPENED && is(last, "deployed") &&
        matches(step, last, cm_intent_id(own), cm_intent_detail(own)) && own_values_stand(step, own, w->more))
        *answer = CM_DONE;
    return 0;
}

int cm_release_verify(struct cm_step *step, const struct cm_release_wish *w, int *revision, struct cm_err **err)
{
    CM_CLEANUP(history_fini) struct history h = {0};
    struct cm_intent *own = cm_intent_newest(step, EFFECT);
    (void)w;
    if (cm_helm_revisions(step, &h.list, &h.n, err) < 0)
        return -1;
    const struct cm_helm_revision *last = last_of(&h);
    if (last == NULL)
        return cm_fail(err, CM_E_FAILED, "there is no release %s", release(step));
    if (own == NULL || !matches(step, last, cm_intent_id(own), cm_intent_detail(own)))
        return foreign(step, last, err);
    if (!is(last, "deployed"))
        return cm_fail(err, CM_E_FAILED, "revision %d of release %s is %s, not deployed", last->revision, release(step),
                       last->status);
    if (revision != NULL)
        *revision = last->revision;
    return 0;
}

/* ---- taking it back ---- */

int cm_release_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    cm_autojson pods = NULL;
    if (cm_target_pods(step, &pods, err) < 0)
        return -1;
    if (json_array_size(pods) > 0) {
        cm_fail(err, CM_E_FAILED, "release %s still has %zu pods", change->key, json_array_size(pods));
        cm_hint(err, "It is scaled to zero by `connect-migrate-run rollback PLAN`.");
        return -1;
    }
    struct cm_change older;
    if (cm_ledger_next(step, EFFECT, change->intent, &older))
        return 0; /* said once, for the first of them */
    const char *const uninstall[] = {"uninstall", release(step), NULL};
    cm_autofree char *command = cm_helm_by_hand(step, uninstall);
    cm_say(step, "release %s stays installed with no pods; `%s` removes it, after a look at what becomes of its volumes",
           release(step), command);
    return 0;
}
