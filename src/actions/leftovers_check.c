/* leftovers.check: what the migration left behind that somebody should know of: the marker, our short-lived Jobs, caches of the old
 * mode. Findings only. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/target.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"

static void look_for_jobs(struct cm_step *step)
{
    cm_autojson jobs = NULL;
    enum cm_seen seen;
    cm_autoerr why = NULL;
    if (cm_kube_get(step, "jobs", NULL, "app.kubernetes.io/managed-by=connect-migrate", &jobs, &seen, &why) < 0 || seen == CM_FORBIDDEN)
        cm_finding(step, CM_WARNING, "leftovers.jobs", "Look with `kubectl get jobs -l app.kubernetes.io/managed-by=connect-migrate`.",
                   "could not look for Jobs of ours: %s", why ? cm_err_message(why) : "forbidden");
    else if (json_array_size(json_object_get(jobs, "items")))
        cm_finding(step, CM_WARNING, "leftovers.jobs", "Delete them with `kubectl delete jobs -l app.kubernetes.io/managed-by=connect-migrate`.",
                   "%zu Jobs of ours are still there", json_array_size(json_object_get(jobs, "items")));
    else
        cm_finding(step, CM_OK, "leftovers.jobs", NULL, "no Job of ours is left in the cluster");
}

static void look_for_caches(struct cm_step *step)
{
    struct cm_connect *c = NULL;
    cm_autoerr why = NULL;
    cm_autojson body = NULL;
    size_t i, local = 0;
    json_t *cache;
    if (cm_target_connect(step, &c, &why) < 0 || cm_connect_get_ok(step, c, "v1/system/caches/runtime", &body, &why) < 0) {
        cm_finding(step, CM_WARNING, "leftovers.caches", "Look at the runtime caches in Connect's API when it answers.",
                   "could not look at the runtime caches: %s", cm_err_message(why));
        return;
    }
    json_array_foreach(json_object_get(body, "caches"), i, cache)
        local += strcmp(cm_json_text(cache, "image_name", ""), "Local") == 0;
    if (local)
        cm_finding(step, CM_WARNING, "leftovers.caches", "They only serve a way back to the server; `finish` deletes them.",
                   "%zu runtime caches of the old server are still on the storage", local);
    else
        cm_finding(step, CM_OK, "leftovers.caches", NULL, "no runtime cache of the old server is left");
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    look_for_jobs(step);
    look_for_caches(step);
    return 0;
}

const struct cm_action cm_action_leftovers_check = {
    .name = "leftovers.check",
    .summary = "look for what the migration left behind",
    .kind = CM_CHECK,
    .apply = apply,
    .reads = "Jobs of ours in the cluster, and the runtime caches by the API.",
    .does = "Nothing: it reads.",
    .proves = "Each kind of leftover is named with its number, or seen to be absent.",
    .undoes = "Nothing.",
    .rights = "To list Jobs in the namespace; the administrator's key.",
};
