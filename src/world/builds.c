/* world/builds.c: environments built, as tasks that only the server that began them knows, and as jobs that are kept; runtime caches
 * and their deletion. A build on Kubernetes goes on when the pod that asked for it is gone; one on the VM ends with it. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "world/world.h"

static void add_job(struct world *w, json_t *job)
{
    const char *guid = cm_json_text(job, "content_guid", "");
    json_t *list = json_object_get(w->job_index, guid);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(w->job_index, guid, list);
    }
    json_array_append(list, job);
    json_object_set(w->job_index, cm_json_text(job, "key", ""), job);
    json_array_append(w->jobs, job);
}

int builds_open(struct world *w, struct cm_err **err)
{
    cm_autofree char *path = world_path(w, "cluster/jobs.jsonl");
    FILE *f = fopen(path, "re");
    json_t *job;
    w->jobs = json_array();
    w->job_index = json_object();
    while (f != NULL && (job = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        json_t *known = json_object_get(w->job_index, cm_json_text(job, "key", ""));
        if (known != NULL)
            json_object_update(known, job);
        else
            add_job(w, job);
        json_decref(job);
    }
    if (f != NULL)
        fclose(f);
    w->jobs_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (w->jobs_fd < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot open %s", path);
    return 0;
}

static void keep_job(struct world *w, const json_t *job)
{
    cm_autofree char *text = json_dumps(job, JSON_COMPACT);
    cm_autofree char *line = cm_fmt("%s\n", text);
    if (write(w->jobs_fd, line, strlen(line)) < 0)
        fprintf(stderr, "connect-migrate-world: cluster/jobs.jsonl: %s\n", strerror(errno));
}

static json_t *job_of(struct world *w, const char *key) { return json_object_get(w->job_index, key); }

/* One of long ago, when the item ran on the old server. */
static json_t *old_job(const struct item *i)
{
    cm_autofree char *key = cm_fmt("old%013zu", i->index);
    cm_autofree char *id = cm_fmt("%zu", 1 + i->index);
    cm_autofree char *bundle = cm_fmt("%zu", 100 + i->index * 3);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:s}", "id", id, "ppid", "1", "pid", "4711",
                     "key", key, "content_guid", i->guid, "bundle_id", bundle, "start_time", "2026-08-30T07:00:00Z", "end_time",
                     "2026-08-30T07:00:41Z", "status", 2, "exit_code", 0, "tag",
                     i->r_version != NULL ? "packrat_restore" : "python_restore", "cluster", "Local", "image", "Local", "hostname",
                     "connect1");
}

json_t *item_jobs(struct world *w, const char *guid)
{
    json_t *all = json_array();
    const struct item *item = item_find(w, guid);
    const json_t *own = json_object_get(w->job_index, guid);
    for (size_t i = json_array_size(own); i-- > 0;)
        json_array_append_new(all, json_deep_copy(json_array_get(own, i)));
    if (item != NULL && item_builds(item))
        json_array_append_new(all, old_job(item));
    return all;
}

static void task_free(struct task *t)
{
    struct task **at = &t->w->tasks;
    while (*at != NULL && *at != t)
        at = &(*at)->next;
    if (*at == t)
        *at = t->next;
    cm_timer_drop(t->timer);
    json_decref(t->cache);
    json_decref(t->output);
    free(t->server);
    free(t->job);
    free(t->error);
    free(t);
}

static void say(struct task *t, const char *text) { json_array_append_new(t->output, json_string(text)); }

static void add_cache(struct world *w, const char *language, const char *version, const char *image)
{
    json_t *caches = json_object_get(w->state[STATE_CONNECT], "caches"), *one;
    size_t i;
    if (version == NULL || image == NULL)
        return;
    json_array_foreach(caches, i, one) if (strcasecmp(cm_json_text(one, "language", ""), language) == 0 &&
                                           strcmp(cm_json_text(one, "version", ""), version) == 0 &&
                                           strcmp(cm_json_text(one, "image_name", ""), image) == 0) return;
    json_array_append_new(caches, json_pack("{s:s, s:s, s:s}", "language", language, "version", version, "image_name", image));
    state_changed(w, STATE_CONNECT);
}

/* Those of the old server, and those that a trial left, in the cluster's images: stale. */
void caches_make(struct world *w)
{
    json_object_set_new(w->state[STATE_CONNECT], "caches", json_array());
    add_cache(w, "R", "4.4.3", "Local");
    add_cache(w, "R", "4.5.1", "Local");
    add_cache(w, "Python", "3.12.11", "Local");
    add_cache(w, "R", "4.4.3", "ghcr.io/example/connect-content:r4.4-py3.12");
    add_cache(w, "Python", "3.12.11", "ghcr.io/example/connect-content:r4.4-py3.12");
}

/* On Kubernetes each build is a Job in the cluster, made by Connect itself. */
static void put_cluster_job(struct world *w, const char *key, const char *image)
{
    cm_autofree char *name = cm_fmt("restore-%s", key);
    object_put(w,
               json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:{s:{s:s, s:[{s:s, s:s}]}}}, s:{s:i}}", "apiVersion", "batch/v1", "kind",
                         "Job", "metadata", "name", name, "namespace", WORLD_NAMESPACE, "spec", "template", "spec", "restartPolicy",
                         "Never", "containers", "name", "connect-content", "image", image, "status", "active", 1));
}

static void end_job(struct world *w, json_t *job, int code)
{
    cm_autofree char *now = world_now();
    cm_autofree char *name = cm_fmt("restore-%s", cm_json_text(job, "key", ""));
    json_object_set_new(job, "end_time", json_string(now));
    json_object_set_new(job, "status", json_integer(2));
    json_object_set_new(job, "exit_code", json_integer(code));
    keep_job(w, job);
    object_delete(w, "Job", WORLD_NAMESPACE, name);
}

/* After a stop of the world: a Job in the cluster came to its end meanwhile, a process on the VM died. */
void builds_take_up(struct world *w)
{
    size_t i;
    json_t *job;
    json_array_foreach(w->jobs, i, job) if (cm_json_int(job, "status", 2) == 0)
        end_job(w, job, strcmp(cm_json_text(job, "cluster", ""), "Kubernetes") == 0 ? 0 : 1);
}

static void finish(struct task *t)
{
    struct world *w = t->w;
    t->timer = NULL;
    t->finished = true;
    if (t->item != NULL) {
        t->item->building = false;
        json_t *job = job_of(w, t->job);
        if (t->code == 0) {
            add_cache(w, "R", t->item->r_version, cm_json_text(job, "image", NULL));
            add_cache(w, "Python", t->item->py_version, cm_json_text(job, "image", NULL));
        }
        if (job != NULL)
            end_job(w, job, t->code);
    }
    requests_wake(w, t);
    if (t->forgotten)
        task_free(t);
    state_flush(w);
}

static void build_done(void *ctx)
{
    struct task *t = ctx;
    if (drill_is(t->w, "build-fails") && strcmp(t->item->guid, t->w->items[0].guid) == 0) {
        t->code = 1;
        t->error = cm_strdup("Error code: packrat-package-install-failed");
        say(t, "Installing curl (5.2.1) ... FAILED");
    }
    say(t, t->code == 0 ? "Completed environment restore" : "Build failed");
    finish(t);
}

static void cache_gone(void *ctx)
{
    struct task *t = ctx;
    json_t *caches = json_object_get(t->w->state[STATE_CONNECT], "caches");
    if (drill_is(t->w, "cache-delete-fails")) {
        t->code = 1;
        t->error = cm_strdup("unable to delete runtime cache: directory not empty");
        finish(t);
        return;
    }
    for (size_t i = json_array_size(caches); i-- > 0;) {
        if (!json_equal(json_array_get(caches, i), t->cache))
            continue;
        json_array_remove(caches, i);
        effect(t->w, "cache.delete", json_deep_copy(t->cache));
        state_changed(t->w, STATE_CONNECT);
    }
    say(t, "Successfully deleted runtime cache");
    finish(t);
}

static struct task *new_task(const struct request *r, const char *kind)
{
    struct task *t = cm_alloc(sizeof *t);
    uint64_t n = (uint64_t)world_count(r->w, "task");
    *t = (struct task){.w = r->w,
                       .kind = kind,
                       .server = cm_strdup(r->pod != NULL ? r->pod->name : "vm"),
                       .output = json_array(),
                       .next = r->w->tasks};
    snprintf(t->id, sizeof t->id, "%08x%08x", (unsigned)world_hash(r->w->options.seed, n), (unsigned)n);
    r->w->tasks = t;
    return t;
}

void tasks_free(struct world *w)
{
    while (w->tasks != NULL)
        task_free(w->tasks);
}

/* The server that knew these tasks is gone. */
void tasks_forget(struct world *w, const char *server)
{
    for (struct task *t = w->tasks, *next; t != NULL; t = next) {
        next = t->next;
        if (strcmp(t->server, server) != 0)
            continue;
        if (strcmp(server, "vm") == 0 && !t->finished) {
            t->code = 1;
            t->error = cm_strdup("signal: terminated");
            cm_timer_drop(t->timer);
            t->forgotten = false;
            finish(t);
        }
        if (t->finished)
            task_free(t);
        else
            t->forgotten = true;
    }
}

static char *new_job(const struct request *r, struct item *i, const char *image)
{
    long n = world_count(r->w, "job");
    cm_autofree char *now = world_now();
    char *key = cm_fmt("%08x%08lx", (unsigned)world_hash(r->w->options.seed, (uint64_t)n + 31), n);
    cm_autofree char *id = cm_fmt("%ld", 9000 + n);
    cm_autofree char *bundle = cm_fmt("%zu", 100 + i->index * 3);
    json_t *job = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:i, s:n, s:s, s:s, s:s, s:s, s:s}", "id", id, "ppid", "1", "pid",
                            "1", "key", key, "content_guid", i->guid, "start_time", now, "end_time", "status", 0, "exit_code",
                            "tag", i->r_version != NULL ? "packrat_restore" : "python_restore", "cluster",
                            r->pod != NULL ? "Kubernetes" : "Local", "image", image != NULL ? image : "Local", "hostname",
                            r->pod != NULL ? r->pod->name : "connect1", "bundle_id", bundle);
    add_job(r->w, job);
    json_decref(job);
    keep_job(r->w, job);
    if (r->pod != NULL && image != NULL)
        put_cluster_job(r->w, key, image);
    return key;
}

static struct task *start_build(struct request *r, struct item *i)
{
    struct world *w = r->w;
    struct task *t = new_task(r, "build");
    char *why = NULL;
    cm_autofree char *image = r->pod != NULL && item_builds(i) ? item_image(w, i, &why) : NULL;
    t->item = i;
    i->building = true;
    effect(w, "content.build", json_pack("{s:s, s:s}", "guid", i->guid, "task_id", t->id));
    say(t, "Building bundle environment...");
    if (why != NULL) {
        t->code = 1;
        t->error = why;
        say(t, why);
    } else if (item_builds(i)) {
        t->job = new_job(r, i, image);
    }
    if (t->job == NULL)
        t->job = cm_strdup("");
    t->timer = cm_loop_timer(w->loop, cm_loop_now_ms(w->loop) + (item_builds(i) ? w->options.build_ms : 1), 0, build_done, t);
    return t;
}

static int bad_gateway(struct request *r)
{
    return answer_text(r, 502, "text/html", "balancer", "<html><body><h1>502 Bad Gateway</h1></body></html>\n");
}

int api_build(struct request *r, const struct item *asked)
{
    struct world *w = r->w;
    struct item *i = &w->items[asked->index];
    const char *bundle = cm_json_text(r->json, "bundle_id", "");
    cm_autofree char *own = cm_fmt("%zu", 100 + i->index * 3);
    if (!r->admin && !(r->publisher && i->owner == 1))
        return answer_error(r, 403, 22, "You do not have permission to perform this operation.");
    if (!i->published)
        return answer_error(r, 404, 28, "There is no bundle to deploy");
    if (bundle[0] != '\0' && strcmp(bundle, own) != 0)
        return answer_error(r, 400, 82, "The bundle does not belong to this content");
    if (i->building)
        return answer_error(r, 400, 100, "The content item is being processed. Please try again later.");
    bool disturbed = r->pod != NULL && drill_once(w, "api-502", i->guid);
    if (disturbed && i->index % 2 == 1)
        return bad_gateway(r); /* nothing happened */
    struct task *t = start_build(r, i);
    if (disturbed)
        return bad_gateway(r); /* it happened */
    int status = answer_json(r, 200, json_pack("{s:s}", "task_id", t->id));
    if (r->pod != NULL && drill_once(w, "build-forgotten", "first"))
        t->forgotten = true;
    return status;
}

static struct task *task_find(const struct request *r, const char *id)
{
    const char *server = r->pod != NULL ? r->pod->name : "vm";
    for (struct task *t = r->w->tasks; t != NULL; t = t->next)
        if (strcmp(t->id, id) == 0 && strcmp(t->server, server) == 0 && !t->forgotten)
            return t;
    return NULL;
}

int api_task(struct request *r, const char *id)
{
    struct task *t = task_find(r, id);
    long first = request_arg_int(r, "first", 0), wait = request_arg_int(r, "wait", 0);
    if (t == NULL)
        return answer_error(r, 404, 141, "Task lookup failures may be caused by a load balancer that is not sticky");
    if (r->pod != NULL && drill_is(r->w, "api-502") && !r->resumed && world_count(r->w, "poll") % 3 == 1)
        return bad_gateway(r);
    if (!t->finished && wait > 0 && !r->resumed) {
        r->waits = t;
        request_suspend(r, cm_loop_now_ms(r->w->loop) + (wait > 20 ? 20 : wait) * 1000);
        return 1;
    }
    json_t *lines = json_array();
    size_t all = json_array_size(t->output);
    for (size_t i = first > 0 ? (size_t)first : 0; i < all; i++)
        json_array_append(lines, json_array_get(t->output, i));
    return answer_json(r, 200,
                       json_pack("{s:s, s:o, s:n, s:b, s:i, s:s, s:I}", "id", t->id, "output", lines, "result", "finished",
                                 t->finished, "code", t->code, "error", t->error != NULL ? t->error : "", "last", (json_int_t)all));
}

static struct task *deletion_under_way(const struct request *r, const json_t *cache)
{
    for (struct task *t = r->w->tasks; t != NULL; t = t->next)
        if (t->cache != NULL && !t->finished && json_equal(t->cache, cache))
            return t;
    return NULL;
}

int api_caches(struct request *r)
{
    struct world *w = r->w;
    json_t *caches = json_object_get(w->state[STATE_CONNECT], "caches"), *one, *found = NULL;
    size_t i;
    if (!r->admin)
        return answer_error(r, 403, 22, "You do not have permission to perform this operation.");
    if (strcmp(r->method, "GET") == 0)
        return answer_json(r, 200, json_pack("{s:O}", "caches", caches));
    json_array_foreach(caches, i,
                       one) if (strcasecmp(cm_json_text(one, "language", ""), cm_json_text(r->json, "language", "?")) == 0 &&
                                strcmp(cm_json_text(one, "version", ""), cm_json_text(r->json, "version", "?")) == 0 &&
                                strcmp(cm_json_text(one, "image_name", ""), cm_json_text(r->json, "image_name", "Local")) == 0)
        found = one;
    if (found == NULL) {
        effect_noop(w, "cache.delete", NULL);
        return answer_error(r, 404, 4, "Cache does not exist");
    }
    json_t *body = json_deep_copy(found);
    if (cm_json_bool(r->json, "dry_run", false)) {
        json_object_set_new(body, "task_id", json_null());
        return answer_json(r, 200, body);
    }
    struct task *t = deletion_under_way(r, found);
    if (t == NULL) {
        t = new_task(r, "cache");
        t->cache = json_deep_copy(found);
        say(t, "Deleting runtime cache...");
        t->timer = cm_loop_timer(w->loop, cm_loop_now_ms(w->loop) + 1 + w->options.build_ms / 4, 0, cache_gone, t);
    }
    json_object_set_new(body, "task_id", json_string(t->id));
    return answer_json(r, 200, body);
}
