/* leftovers.check: what the migration left behind that somebody should know of: the marker, our short-lived Jobs, caches of the old
 * mode. Findings only. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "actions/source.h"
#include "actions/target.h"
#include "adapters/host.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"

static void look_for_jobs(struct cm_step *step)
{
    cm_autojson jobs = NULL;
    enum cm_seen seen;
    cm_autoerr why = NULL;
    if (cm_kube_get(step, "jobs", NULL, "app.kubernetes.io/managed-by=connect-migrate", &jobs, &seen, &why) < 0 ||
        seen == CM_FORBIDDEN)
        cm_finding(step, CM_WARNING, "leftovers.jobs",
                   "Look with `kubectl get jobs -l app.kubernetes.io/managed-by=connect-migrate`.",
                   "could not look for Jobs of ours: %s", why ? cm_err_message(why) : "forbidden");
    else if (json_array_size(json_object_get(jobs, "items")))
        cm_finding(step, CM_WARNING, "leftovers.jobs",
                   "Delete them with `kubectl delete jobs -l app.kubernetes.io/managed-by=connect-migrate`.",
                   "%zu Jobs of ours are still there", json_array_size(json_object_get(jobs, "items")));
    else
        cm_finding(step, CM_OK, "leftovers.jobs", NULL, "no Job of ours is left in the cluster");
}

/* Content that the Launcher began carries on in its own Jobs; none of them can be seen or stopped from Connect any more. */
static void look_for_launcher_jobs(struct cm_step *step)
{
    cm_autojson jobs = NULL;
    enum cm_seen seen;
    cm_autoerr why = NULL;
    size_t i, running = 0, all = 0;
    const json_t *job;
    const char *ns = cm_target_content_namespace(step), *name = "";
    if (cm_kube_get_in(step, ns, "jobs", NULL, NULL, &jobs, &seen, &why) < 0 || seen == CM_FORBIDDEN) {
        cm_finding(step, CM_WARNING, "leftovers.launcher", "Look with `kubectl get jobs` in the namespace of content.",
                   "could not look for Jobs of the Launcher: %s", why ? cm_err_message(why) : "forbidden");
        return;
    }
    json_array_foreach(json_object_get(jobs, "items"), i, job)
    {
        const json_t *first = json_array_get(cm_json_at(job, "spec.template.spec.containers"), 0);
        if (strcmp(cm_json_text(first, "name", ""), "rs-launcher-container") != 0)
            continue;
        all++;
        if (cm_json_int(job, "status.active", 0) > 0) {
            running++;
            name = cm_json_text(job, "metadata.name", "?");
        }
    }
    if (running)
        cm_finding(step, CM_WARNING, "leftovers.launcher",
                   cm_arena_fmt(cm_step_arena(step), "Connect does not know them any more: `kubectl -n %s delete job %s` ends one.",
                                ns, name),
                   "%zu Jobs of the Launcher still run in namespace %s, %s among them", running, ns, name);
    else
        cm_finding(step, CM_OK, "leftovers.launcher", NULL,
                   "no Job of the Launcher runs; %zu that ended are still listed in namespace %s", all, ns);
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
    json_array_foreach(json_object_get(body, "caches"), i, cache) local +=
        strcmp(cm_json_text(cache, "image_name", ""), "Local") == 0;
    if (local)
        cm_finding(step, CM_WARNING, "leftovers.caches", "They only serve a way back to the server; `finish` deletes them.",
                   "%zu runtime caches of the old server are still on the storage", local);
    else
        cm_finding(step, CM_OK, "leftovers.caches", NULL, "no runtime cache of the old server is left");
}

/* The marker is taken away when it has proved its point; a run that was given up may have left it. */
static void look_for_marker(struct cm_step *step)
{
    const struct cm_source *source = NULL;
    struct cm_host *h = cm_outside_host(cm_step_outside(step), 0);
    cm_autofree char *text = NULL;
    cm_autoerr why = NULL;
    size_t n = 0;
    bool absent = false;
    if (!h)
        return;
    if (cm_source_read(step, &source, &why) < 0) {
        cm_finding(step, CM_WARNING, "leftovers.marker", "Look for .connect-migrate in the data folder.",
                   "could not look for the marker: %s", cm_err_message(why));
        return;
    }
    cm_autofree char *path = cm_fmt("%s/.connect-migrate", source->data_dir);
    if (cm_host_read_file(step, h, path, 65536, &text, &n, &absent, &why) < 0)
        cm_finding(step, CM_WARNING, "leftovers.marker", "Look for .connect-migrate in the data folder.",
                   "could not look for the marker: %s", cm_err_message(why));
    else if (!absent)
        cm_finding(step, CM_WARNING, "leftovers.marker", "Remove it when no migration is under way.", "%s is still there", path);
    else
        cm_finding(step, CM_OK, "leftovers.marker", NULL, "no marker is left in the data folder");
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    look_for_marker(step);
    look_for_jobs(step);
    if (cm_outside_hosts(cm_step_outside(step)) == 0)
        look_for_launcher_jobs(step);
    look_for_caches(step);
    return 0;
}

const struct cm_action cm_action_leftovers_check = {
    .name = "leftovers.check",
    .summary = "Look for what the migration left behind",
    .page = "https://docs.posit.co/connect/admin/server-management/runtime-caches/",
    .kind = CM_CHECK,
    .apply = apply,
    .reads = "The marker in the data folder, Jobs of ours in the cluster, and the runtime caches by the API.",
    .does = "Nothing: it reads.",
    .proves = "Each kind of leftover is named with its number, or seen to be absent.",
    .undoes = "Nothing.",
    .rights = "To list Jobs in the namespace; the administrator's key.",
};
