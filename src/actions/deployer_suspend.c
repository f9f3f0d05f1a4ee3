/* actions/deployer_suspend.c: deployer.suspend: another deployer (Argo CD, Flux) would bring the pods back that are about to be scaled to zero.
 * How it is found and what suspends it: deployer.c. Where this kubeconfig may, it is suspended in the deployer's own way; else a person
 * does it and attests it. Nothing found is nothing to do. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/deployer.h"
#include "actions/evening.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"

#define EFFECT "deployer.suspend"

/* Its state: suspended already, and what is there now (for the ledger). *seen CM_SEEN only when this kubeconfig may look. */
static int state(struct cm_step *step, const struct cm_deployer *p, bool *suspended, json_t **original, enum cm_seen *seen,
                 struct cm_err **err)
{
    cm_autojson o = NULL;
    *suspended = false;
    *original = NULL;
    if (cm_deployer_object(step, p, &o, seen, err) < 0)
        return -1;
    if (*seen != CM_SEEN)
        return 0;
    *suspended = !cm_deployer_automatic(p, o);
    if (p->annotation == NULL) {
        *original = json_pack("{s:b}", "suspend", *suspended);
        return 0;
    }
    cm_autofree char *key = cm_strndup(p->annotation, strcspn(p->annotation, "="));
    *original = json_pack("{s:s?}", key, json_string_value(json_object_get(cm_json_at(o, "metadata.annotations"), key)));
    return 0;
}

static int by_a_person(struct cm_step *step, const struct cm_deployer *p, struct cm_err **err)
{
    const char *shown = cm_arena_fmt(cm_step_arena(step),
                                     "The release is managed by %s (%s).\nSuspend it, for instance: %s\n"
                                     "Otherwise it brings the pods back while the old server starts.\n",
                                     p->name, p->mark, p->how);
    struct cm_gate_spec g = {.id = "deployer.suspend", .attest = true, .title = "the other deployer is suspended", .shown = shown};
    return cm_gate_pass(step, &g, err);
}

static int suspend(struct cm_step *step, const struct cm_deployer *p, const json_t *original, struct cm_err **err)
{
    struct cm_intent *i = NULL;
    cm_autojson detail = json_pack("{s:s, s:s?}", "kind", p->kind, "namespace", p->ns);
    struct cm_intent_spec spec = {.effect = EFFECT, .key = p->object, .detail = detail, .original = original};
    cm_autojson patch = json_pack("{s:{s:b}}", "spec", "suspend", 1);
    if (cm_intend_again(step, &spec, &i, err) < 0)
        return -1;
    return p->annotation ? cm_kube_annotate_in(i, p->ns, p->kind, p->object, p->annotation, err)
                         : cm_kube_patch(i, p->ns, p->kind, p->object, patch, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_deployer p;
    bool suspended;
    enum cm_seen seen;
    json_t *was = NULL;
    if (cm_deployer_find(step, &p, err) < 0)
        return -1;
    if (!p.name) {
        cm_say(step, "no other deployer of the release is found: nothing to suspend");
        return 0;
    }
    if (state(step, &p, &suspended, &was, &seen, err) < 0)
        return -1;
    cm_autojson original = was;
    if (seen != CM_SEEN)
        return by_a_person(step, &p, err);
    cm_autoerr why = NULL;
    if (suspended || suspend(step, &p, original, &why) == 0)
        return 0;
    if (cm_err_code(why) != CM_E_FAILED || cm_err_is_passing(why)) {
        struct cm_err *moved = why;
        why = NULL;
        return cm_err_move(err, moved);
    }
    cm_say(step, "%s could not be suspended from here: %s", p.object, cm_err_message(why));
    return by_a_person(step, &p, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_deployer p;
    bool suspended;
    enum cm_seen seen;
    json_t *now = NULL;
    if (cm_deployer_find(step, &p, err) < 0)
        return -1;
    if (!p.name)
        return 0;
    if (state(step, &p, &suspended, &now, &seen, err) < 0)
        return -1;
    json_decref(now);
    if (suspended) {
        struct cm_intent *i = cm_intent_newest(step, EFFECT);
        return i ? cm_intent_happened(i, NULL, err) : 0;
    }
    /* what this kubeconfig may not see, a person has attested; the reverse interlock sees whether the pods come back */
    return cm_reading(step) || cm_gate_answer(step, "deployer.suspend")
               ? 0
               : cm_fail(err, CM_E_FAILED, "%s is not suspended: %s", p.name, p.mark);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    struct cm_deployer p;
    if (cm_deployer_find(step, &p, err) < 0)
        return -1;
    if (p.name)
        cm_will(step, "command", "suspend %s: %s", p.name, p.how);
    else
        cm_will(step, "note", "nothing: no other deployer of the release is found");
    return 0;
}

/* Resumed, it would bring Connect back beside the old server: that is its owner's, once the values in its repository say so. */
static int undo(struct cm_step *step, const struct cm_change *c, struct cm_err **err)
{
    (void)err;
    cm_say(step, "%s stays suspended; its owner resumes it once the repository says what is meant to run", c->key);
    return 1;
}

const struct cm_action cm_action_deployer_suspend = {
    .name = "deployer.suspend",
    .summary = "Suspend another deployer of the release",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "Labels and annotations of the Deployment: Argo CD's, Flux's; the object that they name.",
    .does = "When one is found: suspends it by its own annotation or spec.suspend; where that is not allowed, asks a person to.",
    .proves = "The object is read back; or the statement is on record, and the reverse interlock sees it if it is not so.",
    .undoes = "Nothing: resuming it is its owner's.",
    .rights = "To read the Deployment; to get and patch the Application or HelmRelease, where it is not left to a person.",
};
