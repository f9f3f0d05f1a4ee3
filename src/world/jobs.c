/* world/jobs.c: Jobs that kubectl creates (trials): the first container's command runs here, with the claims' folders in place of their
 * mount paths; its output is the pod's log, its status the Job's. */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "world/world.h"

struct running {
    struct world *w;
    char *ns, *job, *pod;
};

static json_t *conditions(const char *type) { return json_pack("[{s:s, s:s}]", "type", type, "status", "True"); }

static void ended(void *ctx, pid_t pid, int status)
{
    struct running *r = ctx;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    json_t *pod = object_find(r->w, "Pod", r->ns, r->pod), *job = object_find(r->w, "Job", r->ns, r->job);
    const json_t *box = json_array_get(cm_json_at(pod, "spec.containers"), 0);
    (void)pid;
    if (pod != NULL)
        json_object_set_new(pod, "status",
                            json_pack("{s:s, s:[{s:s, s:b, s:{s:{s:i, s:s}}}]}", "phase", code == 0 ? "Succeeded" : "Failed",
                                      "containerStatuses", "name", cm_json_text(box, "name", ""), "ready", 0, "state", "terminated",
                                      "exitCode", code, "reason", code == 0 ? "Completed" : "Error"));
    if (job != NULL)
        json_object_set_new(job, "status",
                            code == 0 ? json_pack("{s:i, s:o}", "succeeded", 1, "conditions", conditions("Complete"))
                                      : json_pack("{s:i, s:o}", "failed", 1, "conditions", conditions("Failed")));
    state_changed(r->w, STATE_OBJECTS);
    state_flush(r->w);
    free(r->ns);
    free(r->job);
    free(r->pod);
    free(r);
}

static char *replaced(char *text_taken, const char *from, const char *to)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    const char *at = text_taken;
    for (const char *hit; (hit = strstr(at, from)) != NULL; at = hit + strlen(from)) {
        cm_str_add_bytes(&s, at, (size_t)(hit - at));
        cm_str_add(&s, to);
    }
    cm_str_add(&s, at);
    free(text_taken);
    return cm_str_take(&s);
}

/* The argument with the image's /opt, and each mount path of a claim, as they lie here. */
static char *mapped(struct world *w, const json_t *pod, const json_t *box, const char *text)
{
    cm_autofree char *opt = world_path(w, "cluster/image/opt/");
    char *now = replaced(cm_strdup(text), "/opt/", opt);
    size_t i, k;
    json_t *mount, *volume;
    json_array_foreach(json_object_get(box, "volumeMounts"), i, mount)
    {
        json_array_foreach(cm_json_at(pod, "spec.volumes"), k, volume)
        {
            const char *claim = cm_json_text(volume, "persistentVolumeClaim.claimName", NULL),
                       *path = cm_json_text(mount, "mountPath", "");
            if (claim == NULL || path[0] == '\0' || strcmp(cm_json_text(volume, "name", ""), cm_json_text(mount, "name", "?")) != 0)
                continue;
            cm_autofree char *folder = claim_folder(w, object_ns(pod), claim);
            if (folder != NULL)
                now = replaced(now, path, folder);
        }
    }
    return now;
}

static pid_t launch(struct world *w, const json_t *pod, const char *log)
{
    const json_t *box = json_array_get(cm_json_at(pod, "spec.containers"), 0);
    char *argv[64];
    size_t n = 0, i;
    json_t *word;
    static const char *const lists[] = {"command", "args"};
    for (size_t k = 0; k < 2; k++)
        json_array_foreach(json_object_get(box, lists[k]), i, word) if (n + 1 < sizeof argv / sizeof *argv) argv[n++] =
            mapped(w, pod, box, json_string_value(word));
    argv[n] = NULL;
    pid_t pid = n > 0 ? fork() : -1;
    if (pid == 0) {
        int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600), in = open("/dev/null", O_RDONLY);
        if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
            _exit(126);
        cm_autofree char *path = cm_fmt("%s/bin/pod:/usr/local/bin:/usr/bin:/bin", w->dir);
        setenv("PATH", path, 1);
        setenv("CONNECT_MIGRATE_POD", object_name(pod), 1);
        json_array_foreach(json_object_get(box, "env"), i, word) if (cm_json_text(word, "value", NULL) != NULL)
            setenv(cm_json_text(word, "name", "_"), cm_json_text(word, "value", ""), 1);
        execvp(argv[0], argv);
        _exit(127);
    }
    while (n > 0)
        free(argv[--n]);
    return pid;
}

static void pull(struct world *w, const json_t *pod)
{
    json_t *images = json_object_get(w->state[STATE_CONNECT], "images"), *box;
    size_t i;
    if (images == NULL) {
        images = json_object();
        json_object_set_new(w->state[STATE_CONNECT], "images", images);
    }
    json_array_foreach(cm_json_at(pod, "spec.containers"), i, box)
    {
        const char *image = cm_json_text(box, "image", "");
        if (image[0] == '\0' || json_object_get(images, image) != NULL)
            continue;
        json_object_set_new(images, image, json_true());
        state_changed(w, STATE_CONNECT);
        effect(w, "image.pull", json_pack("{s:s}", "image", image));
    }
}

void pod_command(struct world *w, const json_t *pod, const char *job)
{
    pull(w, pod);
    cm_autofree char *log = world_path(w, "cluster/pods/%s.log", object_name(pod));
    struct running *r = cm_alloc(sizeof *r);
    *r = (struct running){w, cm_strdup(object_ns(pod)), cm_strdup(job), cm_strdup(object_name(pod))};
    pid_t pid = launch(w, pod, log);
    if (pid > 0)
        cm_loop_child(w->loop, pid, ended, r);
    else
        ended(r, 0, 0);
}

void job_started(struct world *w, json_t *job)
{
    const json_t *template = cm_json_at(job, "spec.template");
    cm_autofree char *name = cm_fmt("%s-%05lx", object_name(job),
                                    (unsigned long)(world_hash(w->options.seed, (uint64_t)world_count(w, "jobpod")) & 0xfffff));
    json_t *pod = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s}}", "apiVersion", "v1", "kind", "Pod", "metadata", "name", name,
                            "namespace", object_ns(job), "status", "phase", "Running");
    json_object_set_new(pod, "spec", json_deep_copy(json_object_get(template, "spec")));
    json_object_update(object_meta(pod, "labels"), (json_t *)(uintptr_t)cm_json_at(template, "metadata.labels"));
    json_object_set_new(object_meta(pod, "labels"), "job-name", json_string(object_name(job)));
    json_object_set_new(object_meta(pod, "labels"), "batch.kubernetes.io/job-name", json_string(object_name(job)));
    json_object_set_new(job, "status", json_pack("{s:i}", "active", 1));
    pod_command(w, object_put(w, pod), object_name(job));
}
