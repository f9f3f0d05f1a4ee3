/* world/pods.c: Deployments and their pods: a changed template makes a new pod, which becomes ready after --pod-ms, and only then the
 * old one ends (RollingUpdate, maxSurge 100 %, maxUnavailable 0, the chart's default). A pod with Connect in it holds database
 * sessions, listens, and has its own memory of tasks. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

enum { TRY_AGAIN_MS = 40 };

static json_t *object_of(const struct pod *p) { return object_find(p->w, "Pod", p->ns, p->name); }

void pod_say(struct pod *p, const char *fmt, ...)
{
    cm_autofree char *now = world_now();
    va_list ap;
    cm_str_addf(&p->log, "time=\"%s\" level=info msg=\"", now);
    va_start(ap, fmt);
    cm_str_vaddf(&p->log, fmt, ap);
    va_end(ap);
    cm_str_add(&p->log, "\"\n");
}

static json_t *condition(const char *type, bool yes)
{
    cm_autofree char *now = world_now_s();
    return json_pack("{s:s, s:s, s:s}", "type", type, "status", yes ? "True" : "False", "lastTransitionTime", now);
}

/* A registry's name with the digest of what was pulled, as the node reports it. */
static char *pulled_id(const char *image)
{
    unsigned char sum[32];
    char hex[65];
    size_t name = strcspn(image, "@");
    const char *tag = strrchr(image, ':');
    cm_sha256(image, strlen(image), sum);
    cm_hex(sum, sizeof sum, hex);
    if (tag != NULL && strchr(tag, '/') == NULL)
        name = (size_t)(tag - image);
    return cm_fmt("%.*s@sha256:%s", (int)name, image, hex);
}

/* The pod's status as the API shows it. waiting: reason of a container that does not run. */
static void show(struct pod *p, const char *phase, const char *waiting, const char *message)
{
    json_t *o = object_of(p), *state;
    cm_autofree char *now = world_now_s();
    const json_t *box = json_array_get(cm_json_at(o, "spec.containers"), 0);
    if (o == NULL)
        return;
    if (waiting != NULL)
        state = json_pack("{s:{s:s, s:s}}", "waiting", "reason", waiting, "message", message != NULL ? message : "");
    else
        state = json_pack("{s:{s:s}}", "running", "startedAt", now);
    cm_autofree char *image_id = pulled_id(cm_json_text(box, "image", ""));
    json_t *container = json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:o}", "name", cm_json_text(box, "name", ""), "image",
                                  cm_json_text(box, "image", ""), "imageID", waiting == NULL ? image_id : "", "ready", p->ready,
                                  "started", waiting == NULL, "restartCount", p->restarts, "state", state);
    if (waiting != NULL && strcmp(waiting, "CrashLoopBackOff") == 0)
        json_object_set_new(container, "lastState",
                            json_pack("{s:{s:i, s:s, s:s}}", "terminated", "exitCode", 1, "reason", "Error", "finishedAt", now));
    json_object_set_new(o, "status",
                        json_pack("{s:s, s:s, s:s, s:s, s:[o, o, o], s:[o]}", "phase", phase, "podIP", "10.42.0.17", "hostIP",
                                  "10.0.0.5", "startTime", cm_json_text(o, "metadata.creationTimestamp", ""), "conditions",
                                  condition("PodScheduled", true), condition("Ready", p->ready),
                                  condition("ContainersReady", p->ready), "containerStatuses", container));
    state_changed(p->w, STATE_OBJECTS);
}

static void stop_connect(struct pod *p)
{
    cm_autofree char *owner = cm_fmt("pod:%s", p->name);
    sessions_close(p->w, owner);
    tasks_forget(p->w, p->name);
    listener_close(p->listener);
    p->listener = NULL;
    p->started = p->ready = false;
}

static void pod_free(struct pod *p)
{
    struct pod **at = &p->w->pods;
    while (*at != NULL && *at != p)
        at = &(*at)->next;
    if (*at == p)
        *at = p->next;
    cm_timer_drop(p->timer);
    json_decref(p->settings);
    cm_str_fini(&p->log);
    char *owned[] = {p->name, p->ns, p->release, p->deployment, p->hash, p->gcfg};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(p);
}

static void gone(void *ctx)
{
    struct pod *p = ctx;
    struct world *w = p->w;
    cm_autofree char *ns = cm_strdup(p->ns);
    cm_autofree char *deployment = cm_strdup(p->deployment);
    p->timer = NULL;
    calls_lose_pod(w, p->name);
    stop_connect(p);
    object_delete(w, "Pod", p->ns, p->name);
    effect(w, "pod.end", json_pack("{s:s, s:s}", "pod", p->name, "release", p->release));
    pod_free(p);
    reconcile(w, ns, deployment);
    launcher_look(w);
    violation_check(w);
    state_flush(w);
}

static void later(struct pod *p, int64_t ms, void (*then)(void *ctx))
{
    cm_timer_drop(p->timer);
    p->timer = cm_loop_timer(p->w->loop, cm_loop_now_ms(p->w->loop) + ms, 0, then, p);
}

void pod_delete(struct world *w, struct pod *p)
{
    if (p->ending)
        return;
    cm_autofree char *now = world_now_s();
    p->ending = true;
    p->ready = false;
    json_object_set_new(json_object_get(object_of(p), "metadata"), "deletionTimestamp", json_string(now));
    show(p, "Running", p->started ? NULL : "ContainerCreating", NULL);
    object_event(w, "Pod", p->ns, p->name, "Normal", "Killing", "Stopping container connect");
    later(p, w->options.pod_ms / 4, gone);
}

static void begin(void *ctx);

static void ready(void *ctx)
{
    struct pod *p = ctx;
    struct world *w = p->w;
    const char *listen = gcfg_last(p->settings, "http.listen");
    p->timer = NULL;
    if (listen == NULL || strcmp(listen, ":3939") != 0 || drill_is(w, "license-expired")) {
        object_event(
            w, "Pod", p->ns, p->name, "Warning", "Unhealthy",
            drill_is(w, "license-expired")
                ? "Readiness probe failed: HTTP probe failed with statuscode: 402"
                : "Readiness probe failed: Get \"http://10.42.0.17:3939/__ping__\": dial tcp 10.42.0.17:3939: connect: connection refused");
        later(p, TRY_AGAIN_MS, ready);
        state_flush(w);
        return;
    }
    p->ready = true;
    show(p, "Running", NULL, NULL);
    if (!p->was_ready)
        effect(w, "pod.ready", json_pack("{s:s, s:s}", "pod", p->name, "release", p->release));
    p->was_ready = true;
    object_meta(object_of(p), "annotations");
    json_object_set_new(object_meta(object_of(p), "annotations"), "world/was-ready", json_string("true"));
    reconcile(w, p->ns, p->deployment);
    violation_check(w);
    state_flush(w);
}

static bool kept_from_starting(struct pod *p)
{
    struct world *w = p->w;
    if (!drill_is(w, "pod-never-ready"))
        return false;
    const json_t *box = json_array_get(cm_json_at(object_of(p), "spec.containers"), 0);
    cm_autofree char *why = cm_fmt("Back-off pulling image \"%s\"", cm_json_text(box, "image", ""));
    show(p, "Pending", "ImagePullBackOff", why);
    cm_autofree char *event =
        cm_fmt("Failed to pull image \"%s\": rpc error: code = NotFound desc = failed to pull and unpack image: not found",
               cm_json_text(box, "image", ""));
    object_event(w, "Pod", p->ns, p->name, "Warning", "Failed", event);
    later(p, TRY_AGAIN_MS, begin);
    return true;
}

static void fail_to_start(struct pod *p, const char *waiting, const char *why)
{
    bool crash = strcmp(waiting, "CrashLoopBackOff") == 0;
    stop_connect(p);
    if (crash) {
        pod_say(p, "Starting Posit Connect v" WORLD_CONNECT_VERSION);
        cm_str_addf(&p->log, "%s\n", why);
        p->restarts++;
        show(p, "Running", waiting, "back-off 10s restarting failed container=connect");
    } else {
        show(p, "Pending", waiting, why);
    }
    object_event(p->w, "Pod", p->ns, p->name, "Warning",
                 crash                                       ? "BackOff"
                 : strcmp(waiting, "ContainerCreating") == 0 ? "FailedMount"
                                                             : "Failed",
                 crash ? "Back-off restarting failed container connect" : why);
    later(p, TRY_AGAIN_MS, begin);
}

static void begin(void *ctx)
{
    struct pod *p = ctx;
    struct world *w = p->w;
    const char *waiting = NULL;
    cm_autoerr err = NULL;
    int port = 0;
    p->timer = NULL;
    if (kept_from_starting(p)) {
        state_flush(w);
        return;
    }
    cm_autofree char *why = connect_start(p, &waiting);
    if (why != NULL) {
        fail_to_start(p, waiting, why);
        state_flush(w);
        return;
    }
    p->listener = listener_open(w, FACE_POD, p, &port, &err);
    if (p->listener == NULL)
        fprintf(stderr, "connect-migrate-world: %s\n", cm_err_message(err));
    p->started = true;
    pod_say(p, "Starting Posit Connect v" WORLD_CONNECT_VERSION);
    pod_say(p, "Using database provider postgres");
    pod_say(p, "HTTP listener starting: [::]:3939");
    show(p, "Running", NULL, NULL);
    later(p, drill_is(w, "pod-slow") ? w->options.pod_ms * 20 + 1000 : w->options.pod_ms / 2, ready);
    state_flush(w);
}

static struct pod *new_pod(struct world *w, const char *ns, const char *name, const char *release, const char *deployment,
                           const char *hash)
{
    struct pod *p = cm_alloc(sizeof *p);
    *p = (struct pod){.w = w,
                      .name = cm_strdup(name),
                      .ns = cm_strdup(ns),
                      .release = cm_strdup(release),
                      .deployment = cm_strdup(deployment),
                      .hash = cm_strdup(hash),
                      .log = CM_STR(CM_STR_PAGE)};
    struct pod **at = &w->pods;
    while (*at != NULL)
        at = &(*at)->next;
    *at = p;
    return p;
}

static void create(struct world *w, const json_t *deployment, const char *hash)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    const char *ns = object_ns(deployment), *owner = object_name(deployment);
    uint64_t h = world_hash(w->options.seed, (uint64_t)world_count(w, "pod") + 99);
    char tail[6];
    for (size_t i = 0; i < 5; i++, h >>= 8)
        tail[i] = letters[h % (sizeof letters - 1)];
    tail[5] = '\0';
    cm_autofree char *name = cm_fmt("%s-%s-%s", owner, hash, tail);
    cm_autofree char *set = cm_fmt("%s-%s", owner, hash);
    const json_t *template = cm_json_at(deployment, "spec.template");
    const char *release = json_string_value(json_object_get(cm_json_at(template, "metadata.labels"), "app.kubernetes.io/instance"));
    json_t *o =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:[{s:s, s:s, s:s, s:b}]}}", "apiVersion", "v1", "kind", "Pod", "metadata", "name", name,
                  "namespace", ns, "ownerReferences", "apiVersion", "apps/v1", "kind", "ReplicaSet", "name", set, "controller", 1);
    json_object_set_new(o, "spec", json_deep_copy(json_object_get(template, "spec")));
    json_object_update(object_meta(o, "labels"), (json_t *)(uintptr_t)cm_json_at(template, "metadata.labels"));
    json_object_set_new(object_meta(o, "labels"), "pod-template-hash", json_string(hash));
    json_object_update(object_meta(o, "annotations"), (json_t *)(uintptr_t)cm_json_at(template, "metadata.annotations"));
    json_object_set_new(object_meta(o, "annotations"), "world/deployment", json_string(owner));
    json_object_set_new(json_object_get(o, "spec"), "nodeName", json_string("worker-1"));
    object_put(w, o);
    struct pod *p = new_pod(w, ns, name, release != NULL ? release : owner, owner, hash);
    show(p, "Pending", "ContainerCreating", NULL);
    object_event(w, "Pod", ns, name, "Normal", "Scheduled", "Successfully assigned the pod to worker-1");
    effect(w, "pod.create", json_pack("{s:s, s:s}", "pod", name, "release", p->release));
    later(p, w->options.pod_ms / 2, begin);
}

/* Its Deployment is not ours to reconcile: "". */
void pod_begin(struct world *w, const json_t *o)
{
    const char *release = json_string_value(json_object_get(cm_json_at(o, "metadata.labels"), "app.kubernetes.io/instance"));
    struct pod *p = new_pod(w, object_ns(o), object_name(o), release != NULL ? release : "", "", "");
    show(p, "Pending", "ContainerCreating", NULL);
    effect(w, "pod.create", json_pack("{s:s, s:s}", "pod", p->name, "release", p->release));
    later(p, w->options.pod_ms / 2, begin);
}

static void template_hash(const json_t *deployment, char hash[11])
{
    unsigned char sum[32];
    char hex[65];
    cm_sha256_json(cm_json_at(deployment, "spec.template"), sum);
    cm_hex(sum, sizeof sum, hex);
    memcpy(hash, hex, 10);
    hash[10] = '\0';
}

static void show_deployment(struct world *w, json_t *d, long replicas, long updated, long is_ready, long all)
{
    long generation = (long)cm_json_int(d, "metadata.generation", 1);
    bool available = is_ready >= replicas;
    json_object_set_new(d, "status",
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:[o, o]}", "observedGeneration", (json_int_t)generation,
                                  "replicas", (json_int_t)all, "updatedReplicas", (json_int_t)updated, "readyReplicas",
                                  (json_int_t)is_ready, "availableReplicas", (json_int_t)is_ready, "unavailableReplicas",
                                  (json_int_t)(replicas > is_ready ? replicas - is_ready : 0), "conditions",
                                  condition("Available", available), condition("Progressing", true)));
    state_changed(w, STATE_OBJECTS);
}

static bool of(const struct pod *p, const char *ns, const char *deployment)
{
    return strcmp(p->ns, ns) == 0 && strcmp(p->deployment, deployment) == 0;
}

void reconcile(struct world *w, const char *ns, const char *deployment)
{
    if (deployment[0] == '\0')
        return;
    json_t *d = object_find(w, "Deployment", ns, deployment);
    long replicas = d != NULL ? (long)cm_json_int(d, "spec.replicas", 1) : 0, now = 0, now_ready = 0, all = 0, all_ready = 0;
    char hash[11] = "";
    if (d != NULL)
        template_hash(d, hash);
    for (struct pod *p = w->pods; p != NULL; p = p->next) {
        if (!of(p, ns, deployment) || p->ending)
            continue;
        bool current = strcmp(p->hash, hash) == 0;
        if (current && now >= replicas) {
            pod_delete(w, p);
            continue;
        }
        all++;
        all_ready += p->ready;
        now += current;
        now_ready += current && p->ready;
    }
    for (; now < replicas && !cm_json_bool(d, "spec.paused", false); now++, all++)
        create(w, d, hash);
    if (now_ready >= replicas)
        for (struct pod *p = w->pods; p != NULL; p = p->next)
            if (of(p, ns, deployment) && strcmp(p->hash, hash) != 0 && !p->ending) {
                all--;
                all_ready -= p->ready;
                pod_delete(w, p);
            }
    if (d != NULL)
        show_deployment(w, d, replicas, now, all_ready, all);
    violation_check(w);
}

void reconcile_all(struct world *w)
{
    cm_autojson objects = json_copy(w->state[STATE_OBJECTS]);
    size_t i;
    json_t *o;
    json_array_foreach(objects, i, o) if (strcmp(cm_json_text(o, "kind", ""), "Deployment") == 0)
        reconcile(w, object_ns(o), object_name(o));
}

struct pod *pod_find(struct world *w, const char *ns, const char *name)
{
    for (struct pod *p = w->pods; p != NULL; p = p->next)
        if (strcmp(p->name, name) == 0 && strcmp(p->ns, ns) == 0)
            return p;
    return NULL;
}

struct pod *pod_serving(struct world *w)
{
    struct pod *newest = NULL;
    for (struct pod *p = w->pods; p != NULL; p = p->next)
        if (p->ready)
            newest = p;
    return newest;
}

/* An accident began or ended: what waits tries again now. */
void pods_drill_changed(struct world *w)
{
    for (struct pod *p = w->pods; p != NULL; p = p->next)
        if (!p->ending && !p->ready && !p->was_ready && p->timer != NULL)
            later(p, 1, p->started ? ready : begin);
}

/* After a stop of the world: the same pods, their containers started again. */
void pods_take_up(struct world *w)
{
    cm_autojson objects = json_copy(w->state[STATE_OBJECTS]);
    size_t i;
    json_t *o;
    json_array_foreach(objects, i, o)
    {
        const json_t *annotations = cm_json_at(o, "metadata.annotations"), *labels = cm_json_at(o, "metadata.labels");
        const char *owner = json_string_value(json_object_get(annotations, "world/deployment"));
        const char *hash = json_string_value(json_object_get(labels, "pod-template-hash"));
        const char *release = json_string_value(json_object_get(labels, "app.kubernetes.io/instance"));
        if (strcmp(cm_json_text(o, "kind", ""), "Pod") != 0 || owner == NULL)
            continue;
        struct pod *p =
            new_pod(w, object_ns(o), object_name(o), release != NULL ? release : owner, owner, hash != NULL ? hash : "");
        p->was_ready = json_object_get(annotations, "world/was-ready") != NULL;
        p->ending = cm_json_at(o, "metadata.deletionTimestamp") != NULL;
        p->restarts = 1;
        if (p->ending)
            later(p, w->options.pod_ms / 4, gone);
        else
            begin(p);
        if (p->was_ready && p->started)
            ready(p);
    }
    reconcile_all(w);
}

void pods_close(struct world *w)
{
    while (w->pods != NULL) {
        stop_connect(w->pods);
        pod_free(w->pods);
    }
}

/* The real folder behind a claim: the old server's export, or a folder of the cluster's own; NULL: no such claim. */
char *claim_folder(struct world *w, const char *ns, const char *claim)
{
    const json_t *pvc = object_find(w, "PersistentVolumeClaim", ns, claim);
    if (pvc == NULL)
        return NULL;
    const char *volume = cm_json_text(pvc, "spec.volumeName", "");
    const json_t *pv = volume[0] != '\0' ? object_find(w, "PersistentVolume", NULL, volume) : NULL;
    if (pv != NULL && strcmp(cm_json_text(pv, "spec.nfs.path", ""), WORLD_EXPORT) == 0)
        return drill_is(w, "wrong-storage") ? world_path(w, "vm/export-copy") : world_path(w, "vm" WORLD_DATA_DIR);
    char *own = world_path(w, "cluster/volumes/%s.%s", ns, claim);
    cm_dir_make(own, 0755, NULL);
    return own;
}

char *pod_folder(struct world *w, const struct pod *p)
{
    const json_t *spec = cm_json_at(object_of(p), "spec"), *box = json_array_get(json_object_get(spec, "containers"), 0);
    const char *sub = "";
    char *folder = NULL;
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(spec, "volumes"), i, v) if (strcmp(cm_json_text(v, "name", ""), "rstudio-connect-data") == 0)
        folder = claim_folder(w, p->ns, cm_json_text(v, "persistentVolumeClaim.claimName", ""));
    json_array_foreach(json_object_get(box, "volumeMounts"), i,
                       v) if (strcmp(cm_json_text(v, "name", ""), "rstudio-connect-data") == 0) sub =
        cm_json_text(v, "subPath", "");
    if (folder == NULL || sub[0] == '\0')
        return folder;
    char *deeper = cm_path_join(folder, sub);
    free(folder);
    return deeper;
}
