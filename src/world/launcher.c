/* world/launcher.c: a world without an old server: Connect runs in the cluster already, with the Launcher, and is to change to the direct
 * Kubernetes runner in place (`serve --launcher`). At its beginning revision 1 is deployed, its pod is up, and two Jobs of content
 * run. They end a moment after Connect is gone, as renders do that were begun; what the drill job-never-ends holds does not. */
#include <config.h>

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

#define RELEASE "rstudio-connect-prod"
#define MADE_BY "world/launcher"

enum { READY_MS = 30000 };

bool launcher_world(const struct world *w) { return cm_json_bool(w->state[STATE_INFO], "launcher", false); }

/* What an administrator of the Launcher wrote: some of each kind that the vendor's upgrade guide moves. */
static const char section[] = "backends:\n"
                              "  kubernetes:\n"
                              "    enabled: false\n\n"
                              "launcher:\n"
                              "  enabled: true   # since 2024\n"
                              "  templateValues:\n"
                              "    job:\n"
                              "      annotations:\n"
                              "        example.com/owner: data-science   # asked for by finance\n"
                              "    pod:\n"
                              "      labels:\n"
                              "        example.com/content: \"true\"\n"
                              "      env:\n"
                              "        - name: HTTPS_PROXY\n"
                              "          value: http://proxy.example.com:3128\n"
                              "      resources:\n"
                              "        requests:\n"
                              "          cpu: 500m\n"
                              "          memory: 1Gi\n"
                              "      nodeSelector:\n"
                              "        workload: content\n\n";

char *launcher_values(const char *direct)
{
    const char *from = strstr(direct, "backends:\n"), *to = strstr(direct, "executionEnvironments:\n");
    return cm_fmt("%.*s%s%s", (int)(from - direct), direct, section, to);
}

/* ---- the beginning ---- */

static void put_job(struct world *w, const char *name, const char *image)
{
    object_put(w, json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}, s:{s:{s:{s:s, s:[{s:s, s:s}]}}}, s:{s:i}}", "apiVersion", "batch/v1",
                            "kind", "Job", "metadata", "name", name, "namespace", WORLD_NAMESPACE, "labels", MADE_BY, "content",
                            "spec", "template", "spec", "restartPolicy", "Never", "containers", "name", "rs-launcher-container",
                            "image", image, "status", "active", 1));
}

static json_t *first_revision(struct world *w, json_t *values, const json_t *manifests)
{
    cm_autofree char *now = world_now();
    cm_autofree char *created = world_now_s();
    json_t *r = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:{}, s:O, s:O}", "name", RELEASE, "namespace", WORLD_NAMESPACE,
                          "revision", 1, "status", "deployed", "description", "Install complete", "modified", now, "created",
                          created, "first_deployed", now, "labels", "values", values, "manifests", manifests);
    json_array_append_new(w->releases, r);
    release_save(w, r);
    return r;
}

static bool is_serving(void *ctx) { return pod_serving(ctx) != NULL; }

int launcher_start(struct world *w, struct cm_err **err)
{
    cm_autofree char *path = world_path(w, "values.yaml");
    const char *const paths[] = {path};
    if (!launcher_world(w) || json_array_size(w->releases) > 0)
        return 0;
    cm_autojson chart = values_defaults();
    cm_autojson given = values_files(paths, 1, err);
    if (given == NULL)
        return -1;
    cm_autojson values = values_coalesce(json_deep_copy(given), chart);
    cm_autojson manifests = chart_render(RELEASE, WORLD_NAMESPACE, values, err);
    if (manifests == NULL)
        return -1;
    kube_apply(w, first_revision(w, given, manifests), NULL, manifests);
    put_job(w, "rs-launcher-render-4711", "ghcr.io/example/connect-content:r4.5-py3.13");
    put_job(w, "rs-launcher-app-4712", "ghcr.io/example/connect-content:r4.4-py3.12");
    if (cm_loop_until(w->loop, is_serving, w, cm_loop_now_ms(w->loop) + READY_MS) != CM_WAIT_READY)
        return cm_fail(err, CM_E_FAILED, "Connect with the Launcher did not come up");
    return 0;
}

/* ---- its Jobs ---- */

static void end_jobs(void *ctx)
{
    struct world *w = ctx;
    size_t i;
    json_t *o;
    w->launcher_timer = NULL;
    if (w->pods != NULL || drill_is(w, "job-never-ends"))
        return;
    json_array_foreach(w->state[STATE_OBJECTS], i, o)
    {
        bool ours =
            json_object_get(cm_json_at(o, "metadata.labels"), MADE_BY) != NULL && strcmp(cm_json_text(o, "kind", ""), "Job") == 0;
        if (!ours || cm_json_int(o, "status.active", 0) == 0)
            continue;
        json_object_set_new(o, "status",
                            json_pack("{s:i, s:[{s:s, s:s}]}", "succeeded", 1, "conditions", "type", "Complete", "status", "True"));
        state_changed(w, STATE_OBJECTS);
    }
    state_flush(w);
}

void launcher_look(struct world *w)
{
    if (launcher_world(w) && w->pods == NULL && w->launcher_timer == NULL)
        w->launcher_timer = cm_loop_timer(w->loop, cm_loop_now_ms(w->loop) + w->options.pod_ms, 0, end_jobs, w);
}

/* A pod of the Launcher and one of the direct runner at a time: what the vendor's guide excludes by stopping in between. */
bool launcher_mixed(const struct world *w)
{
    bool launcher = false, direct = false;
    for (const struct pod *p = w->pods; p != NULL; p = p->next) {
        const char *l = p->started ? gcfg_last(p->settings, "launcher.enabled") : NULL,
                   *k = p->started ? gcfg_last(p->settings, "kubernetes.enabled") : NULL;
        launcher = launcher || (l != NULL && strcmp(l, "true") == 0);
        direct = direct || (k != NULL && strcmp(k, "true") == 0);
    }
    return launcher && direct;
}
