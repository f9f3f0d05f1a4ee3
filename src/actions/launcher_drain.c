/* launcher.drain: before a running Connect changes from the Launcher to the direct runner, jobs that the Launcher started are waited for:
 * the new server would not know them. The service stays up meanwhile; no job is ended. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/evening.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"

/* Jobs in the namespace that still have an active pod and are not ours. */
static int idle(void *ctx, struct cm_err **err)
{
    struct cm_step *step = ctx;
    cm_autojson jobs = NULL;
    enum cm_seen seen;
    size_t i, active = 0;
    json_t *job;
    if (cm_kube_get(step, "jobs", NULL, NULL, &jobs, &seen, err) < 0)
        return -1;
    if (seen == CM_FORBIDDEN)
        return cm_fail(err, CM_E_FAILED, "Jobs may not be listed with this kubeconfig");
    json_array_foreach(json_object_get(jobs, "items"), i, job)
        active += cm_json_int(job, "status.active", 0) > 0;
    return active == 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    int rc = cm_wait_until(step, idle, step, cm_step_deadline(step), 5, 5000, err);
    if (rc == 0) {
        cm_fail(err, CM_E_FAILED, "Jobs of the Launcher still run at the step's limit");
        cm_hint(err, "See them with `kubectl get jobs`; wait or end them, then run the same command again.");
    }
    return rc > 0 ? 0 : -1;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    int rc = idle(step, err);
    if (rc == 0)
        return cm_fail_passing(err, "a Job of the Launcher was started meanwhile");
    return rc < 0 ? -1 : 0;
}

const struct cm_action cm_action_launcher_drain = {
    .name = "launcher.drain",
    .summary = "wait until no Job of the Launcher runs",
    .kind = CM_EFFECT,
    .apply = apply,
    .verify = verify,
    .reads = "Jobs in the namespace.",
    .does = "Waits for the active ones to end. It ends none itself.",
    .proves = "No Job has an active pod.",
    .undoes = "Nothing.",
    .rights = "To list Jobs in the namespace.",
};
