/* actions/release_states.c: the states that a release can be in, and what may follow which.
 *
 * helm's own rules (pkg/action, 3.13 to 4): an upgrade follows a deployed, failed or superseded revision; `upgrade --install` also one that
 * was uninstalled with its history kept; it refuses pending-* and uninstalling ones. When helm dies between its last two writes no
 * revision is deployed and the newest is superseded: the next upgrade works. Labels are handed down to later revisions and prove nothing
 * by themselves. */
#include <config.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions/evening.h"
#include "actions/release_work.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

const char *cm_release_name(struct cm_step *step) { return cm_plan_text(cm_step_plan(step), "target.release"); }

const struct cm_helm_revision *cm_history_last(const struct cm_history *h) { return h->n == 0 ? NULL : &h->list[h->n - 1]; }

const struct cm_helm_revision *cm_history_find(const struct cm_history *h, int64_t revision)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].revision == revision)
            return &h->list[i];
    return NULL;
}

bool cm_revision_is(const struct cm_helm_revision *r, const char *status) { return strcmp(r->status, status) == 0; }

/* ---- whose is it ---- */

bool cm_revision_of(struct cm_step *step, const struct cm_helm_revision *r, uint64_t intent, const json_t *detail)
{
    cm_autofree char *id = cm_fmt("%" PRIu64, intent);
    return strcmp(r->intent, id) == 0 && strcmp(r->run, cm_run_id(step)) == 0 && cm_json_int(detail, "base", -1) + 1 == r->revision;
}

bool cm_revision_ours(struct cm_step *step, const struct cm_helm_revision *r, const json_t **note)
{
    struct cm_change c;
    if (note != NULL)
        *note = NULL;
    for (struct cm_intent *i = cm_intent_next(step, CM_UPGRADE, NULL); i != NULL; i = cm_intent_next(step, CM_UPGRADE, i))
        if (cm_revision_of(step, r, cm_intent_id(i), cm_intent_detail(i)))
            return true;
    for (uint64_t after = 0; cm_ledger_next(step, CM_UPGRADE, after, &c); after = c.intent) {
        if (!cm_revision_of(step, r, c.intent, c.detail))
            continue;
        if (note != NULL)
            *note = c.note;
        return true;
    }
    return false;
}

bool cm_release_touched(struct cm_step *step)
{
    struct cm_change c;
    return cm_intent_newest(step, CM_UPGRADE) != NULL || cm_ledger_next(step, CM_UPGRADE, 0, &c);
}

/* An upgrade of ours that ended as deployed: the release was there. */
static bool was_deployed(struct cm_step *step)
{
    struct cm_change c;
    const struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    if (own != NULL && cm_intent_life(own) == CM_HAPPENED)
        return true;
    for (uint64_t after = 0; cm_ledger_next(step, CM_UPGRADE, after, &c); after = c.intent) {
        const char *status = cm_json_text(c.result, "status", "");
        if (strcmp(status, "deployed") == 0 || strcmp(status, "superseded") == 0)
            return true;
    }
    return false;
}

/* The revision that was the newest when our first upgrade was meant, and nothing of ours was deployed since: no news. */
static bool is_where_we_began(struct cm_step *step, const struct cm_helm_revision *last)
{
    struct cm_change c;
    const struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    bool meant = own != NULL && last->revision <= cm_json_int(cm_intent_detail(own), "base", -1);
    for (uint64_t after = 0; !meant && cm_ledger_next(step, CM_UPGRADE, after, &c); after = c.intent)
        meant = last->revision <= cm_json_int(c.detail, "base", -1);
    return meant && !was_deployed(step);
}

static bool is_foreign(struct cm_step *step, const struct cm_helm_revision *last)
{
    return !cm_revision_ours(step, last, NULL) && cm_release_touched(step) && !is_where_we_began(step, last);
}

/* ---- refusals, each with who, when and what to type ---- */

static const char *who(const struct cm_helm_revision *r) { return *r->manager ? r->manager : "somebody"; }
static const char *when(const struct cm_helm_revision *r) { return *r->modified ? r->modified : "an unknown time"; }

/* On record, so that the last screen and `status` tell whose revision is there. Without one of ours there is nothing to tell. */
static void remember(struct cm_step *step, int revision)
{
    struct cm_change c;
    const struct cm_intent *own = cm_intent_newest(step, CM_UPGRADE);
    uint64_t after = own != NULL ? cm_intent_id(own) : 0;
    if (cm_ledger_next(step, CM_UPGRADE, 0, &c) && c.intent > after)
        after = c.intent;
    if (after != 0 && !cm_reading(step))
        (void)cm_fact_set(step, "release.foreign", json_pack("{s:I, s:i}", "after", (json_int_t)after, "revision", revision), NULL);
}

/* How a person agrees that our values follow: by the revision's number, so that it is no leave for the next one. */
static const char *how_to_agree(struct cm_step *step, const char *word)
{
    return cm_arena_fmt(cm_step_arena(step),
                        "put `gates: {release.foreign: {note: \"%s: agreed by NAME\"}}` into the plan and run again with "
                        "--accept-plan-changes",
                        word);
}

int cm_release_foreign(struct cm_step *step, const struct cm_helm_revision *r, struct cm_err **err)
{
    const char *release = cm_release_name(step), *word = cm_arena_fmt(cm_step_arena(step), "revision %d", r->revision);
    cm_autofree char *number = cm_fmt("%d", r->revision);
    const char *const history_argv[] = {"history", release, NULL};
    const char *const values_argv[] = {"get", "values", release, "--revision", number, NULL};
    const char *const describe_argv[] = {"describe", cm_helm_record_kind(), r->secret, NULL};
    cm_autofree char *history = cm_helm_by_hand(step, history_argv), *values = cm_helm_by_hand(step, values_argv);
    const char *const delete_argv[] = {"delete", cm_helm_record_kind(), r->secret, NULL};
    cm_autofree char *describe = cm_kube_by_hand(step, describe_argv), *free_it = cm_kube_by_hand(step, delete_argv);
    cm_autofree char *commands =
        cm_helm_pending(r) ? cm_fmt("look: %s\n      %s\nfree it, when their helm is dead: %s\n", history, describe, free_it)
                           : cm_fmt("look: %s\n      %s\n", history, values);
    if (!cm_helm_pending(r))
        remember(step, r->revision);
    cm_fail(err, CM_E_CHANGED, "revision %d of release %s is %s and not ours: written by %s at %s", r->revision, release, r->status,
            who(r), when(r));
    cm_evidence(err, commands);
    if (cm_helm_pending(r))
        cm_hint(err, "Ask who works on the release and let them finish, then run the same command again.");
    else
        cm_hint(err, "Our next upgrade replaces its values: copy what must stay into your values files, then %s.",
                how_to_agree(step, word));
    return -1;
}

static int uninstalling(struct cm_step *step, const struct cm_helm_revision *r, struct cm_err **err)
{
    const char *const uninstall_argv[] = {"uninstall", cm_release_name(step), NULL};
    cm_autofree char *uninstall = cm_helm_by_hand(step, uninstall_argv);
    cm_fail(err, CM_E_CHANGED, "release %s is being uninstalled: revision %d is %s since %s, by %s", cm_release_name(step),
            r->revision, r->status, when(r), who(r));
    cm_hint(
        err,
        "When no helm is running, end it with `%s` (claims with the policy `keep` stay; look at yours first), then run the same "
        "command again: the release is installed anew.",
        uninstall);
    return -1;
}

static int is_gone(struct cm_step *step, const struct cm_helm_revision *last, struct cm_err **err)
{
    const char *release = cm_release_name(step);
    remember(step, 0);
    if (last == NULL)
        cm_fail(err, CM_E_CHANGED, "release %s was deployed by this run and is gone: somebody uninstalled it", release);
    else
        cm_fail(err, CM_E_CHANGED, "release %s was deployed by this run and was uninstalled by %s at %s; its history is kept",
                release, who(last), when(last));
    cm_hint(err, "Ask who did it, and whether the claim of the data folder is still there. To install it anew, %s.",
            how_to_agree(step, "uninstalled"));
    return -1;
}

/* ---- agreed ---- */

/* The word "revision N" with that number and no longer one. */
static bool names(const char *note, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = note; (at = strstr(at, word)) != NULL; at++)
        if (!isdigit((unsigned char)at[n]))
            return true;
    return false;
}

static const char *agreement(struct cm_step *step, const struct cm_helm_revision *last)
{
    const char *note = cm_plan_gate_note(cm_step_plan(step), "release.foreign");
    bool gone = last == NULL || cm_revision_is(last, "uninstalled");
    cm_autofree char *word = gone ? cm_strdup("uninstalled") : cm_fmt("revision %d", last->revision);
    return note != NULL && names(note, word) ? note : NULL;
}

bool cm_release_refused(struct cm_step *step, const struct cm_helm_revision *last, struct cm_err **err)
{
    if (last != NULL && cm_revision_is(last, "uninstalling"))
        return uninstalling(step, last, err) < 0;
    if (last == NULL || cm_revision_is(last, "uninstalled"))
        return was_deployed(step) && agreement(step, last) == NULL && is_gone(step, last, err) < 0;
    if (cm_revision_ours(step, last, NULL))
        return false;
    if (cm_helm_pending(last) || (is_foreign(step, last) && agreement(step, last) == NULL))
        return cm_release_foreign(step, last, err) < 0;
    return false;
}

static void say_what_follows(struct cm_step *step, const struct cm_helm_revision *last)
{
    if (cm_revision_is(last, "superseded"))
        cm_say(step, "no revision of release %s is deployed: a helm died in the middle of revision %d; the next one follows it",
               cm_release_name(step), last->revision + 1);
    else if (cm_revision_is(last, "uninstalled"))
        cm_say(step, "release %s was uninstalled with its history kept; it is installed anew as revision %d", cm_release_name(step),
               last->revision + 1);
}

int cm_release_may_follow(struct cm_step *step, const struct cm_helm_revision *last, struct cm_err **err)
{
    if (cm_release_refused(step, last, err))
        return -1;
    if (last != NULL)
        say_what_follows(step, last);
    bool foreign = last == NULL || cm_revision_is(last, "uninstalled") ? was_deployed(step) : is_foreign(step, last);
    if (!foreign)
        return 0;
    struct cm_gate_spec gate = {
        .id = "release.foreign",
        .attest = true,
        .title = "the release was changed by somebody else, and our values may follow",
        .shown = last == NULL ? cm_arena_fmt(cm_step_arena(step), "release %s was uninstalled\n", cm_release_name(step))
                              : cm_arena_fmt(cm_step_arena(step), "release %s, revision %d, %s, by %s at %s\n",
                                             cm_release_name(step), last->revision, last->status, who(last), when(last)),
    };
    return cm_gate_pass(step, &gate, err);
}
