/* leftovers.settle: what the migration made for a moment and left behind is taken away, with proof: our short-lived Jobs, the marker of this
 * run and files of a trial in the data folder. What cannot be looked at, or is another run's, is attested by a person.
 *
 * Caches of the old mode are caches.clear's, the license license.release's, the old server's unit source.retire's. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/evening.h"
#include "actions/pods_trial.h"
#include "actions/source.h"
#include "actions/source_retire.h"
#include "actions/target.h"
#include "adapters/host.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

#define OURS "app.kubernetes.io/managed-by=connect-migrate"
#define MARKER ".connect-migrate"

static int attest(struct cm_step *step, const char *id, const char *title, const char *shown, struct cm_err **err)
{
    struct cm_gate_spec g = {.id = id, .attest = true, .title = title, .shown = shown};
    return cm_gate_pass(step, &g, err);
}

static bool interrupted(struct cm_step *step, struct cm_err **why, struct cm_err **err)
{
    if (!cm_cancelled(step))
        return false;
    struct cm_err *moved = *why;
    *why = NULL;
    cm_err_move(err, moved);
    return true;
}

/* ---- Jobs ---- */

static int add_jobs(struct cm_step *step, const char *ns, json_t *all, struct cm_err **why)
{
    cm_autojson list = NULL;
    enum cm_seen seen = CM_ABSENT;
    if (cm_kube_get_in(step, ns, "jobs", NULL, OURS, &list, &seen, why) < 0)
        return -1;
    if (seen == CM_FORBIDDEN)
        return cm_fail(why, CM_E_FAILED, "Jobs may not be listed with these rights");
    json_array_extend(all, json_object_get(list, "items"));
    return 0;
}

/* Of the release's namespace and the content's. NULL with *why: could not be looked at. New reference. */
static json_t *our_jobs(struct cm_step *step, struct cm_err **why)
{
    const char *content = cm_target_content_namespace(step);
    bool one = strcmp(content, cm_plan_text(cm_step_plan(step), "target.namespace")) == 0;
    json_t *all = json_array();
    if (add_jobs(step, NULL, all, why) == 0 && (one || add_jobs(step, content, all, why) == 0))
        return all;
    json_decref(all);
    return NULL;
}

static int settle_jobs(struct cm_step *step, struct cm_err **err)
{
    cm_autoerr why = NULL;
    cm_autojson jobs = our_jobs(step, &why);
    size_t i;
    json_t *job;
    if (!jobs) {
        if (interrupted(step, &why, err))
            return -1;
        cm_autofree char *shown = cm_fmt("%s\nLook with: kubectl get jobs -l " OURS "\n", cm_err_message(why));
        return attest(step, "leftovers.jobs", "no Job of the migration is left in the cluster", shown, err);
    }
    json_array_foreach(jobs, i, job)
    {
        const char *name = cm_json_text(job, "metadata.name", "");
        struct cm_intent *intent = NULL;
        cm_autojson detail = json_pack("{s:s}", "job", name);
        struct cm_intent_spec spec = {.effect = "job.delete", .key = name, .detail = detail};
        if (cm_intend_again(step, &spec, &intent, err) < 0 ||
            cm_kube_delete(intent, cm_json_text(job, "metadata.namespace", NULL), "jobs", name, err) < 0 ||
            cm_intent_happened(intent, NULL, err) < 0)
            return -1;
        cm_say(step, "Job %s was deleted", name);
    }
    return 0;
}

/* ---- files in the data folder ---- */

struct files {
    const char *folder; /* arena */
    char *marker;       /* its text; NULL: there is none */
    bool ours;          /* the marker is this run's */
};

/* -1 with *why: could not be looked at. */
static int look_at_files(struct cm_step *step, struct files *f, struct cm_err **why)
{
    const struct cm_source *source;
    size_t n = 0;
    bool absent = false;
    *f = (struct files){0};
    if (cm_source_read(step, &source, why) < 0)
        return -1;
    f->folder = cm_arena_strdup(cm_step_arena(step), source->data_dir);
    const char *path = cm_arena_fmt(cm_step_arena(step), "%s/" MARKER, f->folder);
    if (cm_host_read_file(step, cm_outside_host(cm_step_outside(step), 0), path, 65536, &f->marker, &n, &absent, why) < 0)
        return -1;
    cm_autojson marker = f->marker ? cm_json_parse(f->marker, n, path, NULL) : NULL;
    f->ours = !f->marker || strcmp(cm_json_text(marker, "run", ""), cm_run_id(step)) == 0;
    return 0;
}

static int remove_files(struct cm_step *step, const struct files *f, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autofree char *marker = cm_fmt("%s/" MARKER, f->folder), *trial = cm_fmt("%s/" CM_TRIAL_FILE, f->folder);
    cm_autofree char *back = cm_fmt("%s/" CM_TRIAL_FILE_BACK, f->folder);
    cm_autojson detail = json_pack("{s:s}", "folder", f->folder);
    struct cm_intent_spec spec = {.effect = "marker.remove", .key = f->folder, .detail = detail};
    const char *const argv[] = {"rm", "-f", trial, back, f->ours ? marker : trial, NULL};
    cm_autoout out = {0};
    if (cm_intend_again(step, &spec, &intent, err) < 0 ||
        cm_host_run_effect(intent, cm_outside_host(cm_step_outside(step), 0), argv, &out, err) < 0)
        return -1;
    return cm_intent_happened(intent, NULL, err);
}

static int settle_files(struct cm_step *step, struct cm_err **err)
{
    struct files f;
    cm_autoerr why = NULL;
    if (cm_outside_hosts(cm_step_outside(step)) == 0 || cm_source_is_gone(step))
        return 0;
    if (look_at_files(step, &f, &why) < 0) {
        if (interrupted(step, &why, err))
            return -1;
        cm_autofree char *shown =
            cm_fmt("%s\nLook for " MARKER " and " CM_TRIAL_FILE " in the data folder, and remove them.\n", cm_err_message(why));
        return attest(step, "leftovers.marker", "no file of the migration is left in the data folder", shown, err);
    }
    cm_autofree char *marker = f.marker;
    if (remove_files(step, &f, err) < 0)
        return -1;
    if (f.ours)
        return 0;
    cm_autofree char *shown = cm_fmt("%s/" MARKER " is another run's:\n%s\n", f.folder, marker);
    return attest(step, "leftovers.marker", "the other run's marker may stay, or was removed", shown, err);
}

/* ---- the action ---- */

static int apply(struct cm_step *step, struct cm_err **err)
{
    if (settle_jobs(step, err) < 0)
        return -1;
    return settle_files(step, err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    cm_autoerr why = NULL;
    cm_autojson jobs = cm_gate_answer(step, "leftovers.jobs") ? json_array() : our_jobs(step, &why);
    struct files f;
    if (!jobs && interrupted(step, &why, err))
        return -1;
    if (!jobs) {
        cm_fail(err, CM_E_WAITING, "nobody has attested that no Job is left");
        cm_hint(err,
                "Look with `kubectl get jobs -l " OURS "`, then `connect-migrate-run approve PLAN leftovers.jobs --note \"…\"`.");
        return -1;
    }
    if (json_array_size(jobs) > 0)
        return cm_fail_passing(err, "%zu Jobs of ours are still there", json_array_size(jobs));
    if (cm_outside_hosts(cm_step_outside(step)) == 0 || cm_source_is_gone(step) || cm_gate_answer(step, "leftovers.marker"))
        return 0;
    if (look_at_files(step, &f, err) < 0)
        return -1;
    cm_autofree char *marker = f.marker;
    if (marker)
        return cm_fail(err, CM_E_FAILED, "%s/" MARKER " is still there", f.folder);
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "command", "kubectl delete jobs -l " OURS);
    cm_will(step, "write", "remove this run's " MARKER " and " CM_TRIAL_FILE " from the data folder, where they are left");
    return 0;
}

const struct cm_action cm_action_leftovers_settle = {
    .name = "leftovers.settle",
    .summary = "What was made for a moment and is left is taken away, or attested",
    .kind = CM_EFFECT,
    .reversal = CM_NOT_REVERSIBLE,
    .cost = "What is taken away is gone; only this program made it, for a moment, and nothing needs it.",
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "Jobs with our label in the namespace; the marker in the data folder.",
    .does =
        "Deletes our Jobs and this run's marker and trial files; asks a person about what cannot be looked at, or is another run's.",
    .proves = "None of them is there any more, or a person has attested it.",
    .undoes = "Nothing.",
    .rights = "list and delete on jobs in the namespace; on the first node: to write in the data folder.",
};
