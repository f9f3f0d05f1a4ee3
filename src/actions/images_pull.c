/* images.pull: the server's and the content's images onto a node before the downtime, by a short-lived Job each. Only with the plan's
 * leave (allow: [images]); without rights it says so and is done: it only makes the downtime shorter, nothing rests on it. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/evening.h"
#include "actions/job_pods.h"
#include "actions/manifests.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"
#include "plan/plan.h"

static bool has_leave(struct cm_step *step)
{
    size_t i;
    json_t *what;
    json_array_foreach(cm_json_loose(cm_plan_get(cm_step_plan(step), "allow")), i,
                       what) if (json_is_string(what) && strcmp(json_string_value(what), "images") == 0) return true;
    return false;
}

/* What is pulled, and how its pods are like the server's: where they may run, with which pull secrets and security. */
struct images {
    json_t *names; /* {IMAGE: true} */
    json_t *pod;   /* of the rendered Deployment: spec.template.spec; NULL: not rendered */
};

static void images_fini(struct images *i)
{
    json_decref(i->names);
    json_decref(i->pod);
}

static void add_containers(json_t *names, const json_t *pod)
{
    static const char *const lists[] = {"initContainers", "containers"};
    size_t i;
    const json_t *c;
    for (size_t l = 0; l < 2; l++) {
        json_array_foreach(json_object_get(pod, lists[l]), i, c)
        {
            const char *image = cm_json_text(c, "image", "");
            if (*image != '\0')
                json_object_set_new(names, image, json_true());
        }
    }
}

/* The base of content's Jobs stands as text in the chart's ConfigMap: its init container brings Connect's runtime. */
static void add_job_base(json_t *names, const json_t *config_map)
{
    const char *text = json_string_value(json_object_get(json_object_get(config_map, "data"), "job.yaml"));
    cm_autoyaml doc = text == NULL ? NULL : cm_yaml_parse(text, strlen(text), "job.yaml", NULL);
    cm_autojson job = doc == NULL || cm_yaml_root(doc) == NULL ? NULL : cm_yaml_json(doc, cm_yaml_root(doc));
    add_containers(names, cm_json_at(job, "spec.template.spec"));
}

static void add_environments(struct cm_step *step, json_t *names)
{
    const json_t *values = NULL, *env;
    size_t i;
    if (cm_target_base_json(step, &values, NULL) < 0)
        return;
    json_array_foreach(cm_json_at(values, "executionEnvironments"), i, env)
    {
        if (*cm_json_text(env, "name", "") != '\0')
            json_object_set_new(names, cm_json_text(env, "name", ""), json_true());
    }
}

/* Of what helm renders, since the chart makes the server's tag of its appVersion; and of the execution environments. */
static void images_of(struct cm_step *step, struct images *out)
{
    cm_autofree char *rendered = NULL;
    struct cm_manifests m = {0};
    *out = (struct images){.names = json_object()};
    add_environments(step, out->names);
    if (cm_helm_template(step, cm_target_values(step, true), &rendered, NULL) < 0)
        return;
    cm_manifests_read(&m, rendered);
    const char *ours = cm_target_fullname(step);
    for (size_t i = 0; i < m.count; i++) {
        if (cm_starts(m.list[i].name, "ConfigMap "))
            add_job_base(out->names, m.list[i].json);
        if (!cm_starts(m.list[i].name, "Deployment ") || strcmp(m.list[i].name + strlen("Deployment "), ours) != 0)
            continue;
        add_containers(out->names, cm_json_at(m.list[i].json, "spec.template.spec"));
        if (out->pod == NULL)
            out->pod = json_deep_copy(cm_json_at(m.list[i].json, "spec.template.spec"));
    }
    cm_manifests_fini(&m);
}

static char *job_name(struct cm_step *step, const char *image)
{
    unsigned char sum[32];
    char hex[65];
    cm_sha256(image, strlen(image), sum);
    cm_hex(sum, 5, hex);
    return cm_arena_fmt(cm_step_arena(step), "connect-migrate-pull-%s", hex);
}

static json_t *job_for(const char *name, const char *image, const json_t *like)
{
    static const char *const kept[] = {"imagePullSecrets", "nodeSelector", "tolerations", "securityContext", NULL};
    json_t *box = json_pack("{s:s, s:s, s:[s]}", "name", "pull", "image", image, "command", "true");
    json_t *pod = json_pack("{s:s, s:b, s:[o]}", "restartPolicy", "Never", "automountServiceAccountToken", 0, "containers", box);
    json_t *security = json_object_get(json_array_get(json_object_get(like, "containers"), 0), "securityContext");
    for (size_t i = 0; kept[i] != NULL; i++)
        if (json_object_get(like, kept[i]) != NULL)
            json_object_set(pod, kept[i], json_object_get(like, kept[i]));
    if (security != NULL)
        json_object_set(box, "securityContext", security);
    return json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:i, s:i, s:i, s:{s:o}}}", "apiVersion", "batch/v1", "kind", "Job",
                     "metadata", "name", name, "labels", "app.kubernetes.io/managed-by", "connect-migrate", "spec", "backoffLimit",
                     0, "activeDeadlineSeconds", 3600, "ttlSecondsAfterFinished", 600, "template", "spec", pod);
}

struct pulling {
    struct cm_step *step;
    const char *job;
    int64_t stuck_since;
    const char *stuck; /* what does not pass by itself; arena; NULL */
};

static int pulled(void *ctx, struct cm_err **err)
{
    struct pulling *p = ctx;
    cm_autojson job = NULL;
    enum cm_seen seen;
    if (cm_kube_get(p->step, "jobs", p->job, NULL, &job, &seen, err) < 0)
        return -1;
    if (seen != CM_SEEN || cm_json_int(job, "status.succeeded", 0) > 0 || cm_json_int(job, "status.failed", 0) > 0)
        return 1;
    cm_autojson pods = NULL;
    cm_autofree char *selector = cm_fmt("job-name=%s", p->job);
    if (cm_kube_get(p->step, "pods", NULL, selector, &pods, &seen, err) < 0)
        return -1;
    cm_autofree char *stuck = cm_target_stuck(json_object_get(pods, "items"), cm_loop_now_ms(cm_step_loop(p->step)),
                                              cm_target_patience(p->step), &p->stuck_since);
    bool refused = false;
    cm_autofree char *why =
        json_array_size(json_object_get(pods, "items")) > 0 ? NULL : cm_job_without_pod(p->step, NULL, p->job, &refused);
    if (refused)
        stuck = why, why = NULL;
    p->stuck = stuck == NULL ? NULL : cm_arena_strdup(cm_step_arena(p->step), stuck);
    return stuck != NULL;
}

static int begin(struct cm_step *step, const char *name, const char *image, const json_t *like, struct cm_intent *make,
                 struct cm_err **err)
{
    cm_autojson job = job_for(name, image, like);
    cm_autojson old = NULL;
    enum cm_seen seen = CM_ABSENT;
    if (cm_kube_get(step, "jobs", name, NULL, &old, &seen, err) < 0)
        return -1;
    if (seen == CM_ABSENT && cm_kube_create(make, NULL, job, err) < 0) {
        cm_intent_close(make, CM_NOT_HAPPENED, NULL, NULL);
        return -1;
    }
    return cm_intent_close(make, CM_HAPPENED, NULL, err);
}

static int remove_job(struct cm_step *step, const char *name, struct cm_err **err)
{
    struct cm_intent *unmake = NULL;
    cm_autofree char *gone = cm_fmt("%s removed", name);
    if (cm_intend(step, &(struct cm_intent_spec){.effect = "job.delete", .key = gone}, &unmake, err) < 0)
        return -1;
    if (cm_intent_life(unmake) == CM_HAPPENED)
        return 0;
    return cm_kube_delete(unmake, NULL, "jobs", name, err) < 0 ? -1 : cm_intent_close(unmake, CM_HAPPENED, NULL, err);
}

static int pull(struct cm_step *step, const char *image, const json_t *like, struct cm_err **err)
{
    const char *name = job_name(step, image);
    struct cm_intent *make = NULL;
    cm_autojson detail = json_pack("{s:s}", "image", image);
    if (cm_intend(step, &(struct cm_intent_spec){.effect = "job.create", .key = name, .detail = detail}, &make, err) < 0)
        return -1;
    if (cm_intent_life(make) != CM_HAPPENED && begin(step, name, image, like, make, err) < 0)
        return -1;
    struct pulling p = {.step = step, .job = name};
    int rc = cm_wait_until(step, pulled, &p, cm_target_waits_until(step), 5, 2000, err);
    if (rc < 0)
        return -1;
    if (rc == 0)
        cm_say(step, "%s is still being pulled, or waits for a node; it is not waited for any longer", image);
    if (p.stuck != NULL)
        cm_say(step, "%s cannot be pulled: %s", image, p.stuck);
    return remove_job(step, name, err);
}

/* Jobs of a start that was killed and does not come to them any more: the leave was taken back, or the images are others now. */
static int sweep(struct cm_step *step, const json_t *wanted, struct cm_err **err)
{
    for (struct cm_intent *i = cm_intent_next(step, "job.create", NULL); i != NULL; i = cm_intent_next(step, "job.create", i)) {
        const char *image = cm_json_text(cm_intent_detail(i), "image", "");
        if (json_object_get(wanted, image) == NULL && remove_job(step, cm_intent_key(i), err) < 0)
            return -1;
    }
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    if (!has_leave(step)) {
        if (sweep(step, NULL, err) < 0)
            return -1;
        cm_say(step, "images are not pulled ahead: the plan gives no leave (allow: [images])");
        return 0;
    }
    CM_CLEANUP(images_fini) struct images images;
    const char *image;
    json_t *on;
    images_of(step, &images);
    if (sweep(step, images.names, err) < 0)
        return -1;
    json_object_foreach(images.names, image, on)
    {
        struct cm_err *why = NULL;
        if (pull(step, image, images.pod, &why) == 0)
            continue;
        if (cm_cancelled(step) || cm_err_code(why) == CM_E_LOCKED || cm_err_code(why) == CM_E_INTERNAL)
            return cm_err_move(err, why);
        cm_say(step, "%s is not pulled ahead, the downtime may be longer: %s", image, cm_err_message(why));
        cm_err_free(why);
    }
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    CM_CLEANUP(images_fini) struct images images = {0};
    const char *image;
    json_t *on;
    (void)err;
    if (has_leave(step))
        images_of(step, &images);
    else
        cm_will(step, "note", "nothing: the plan gives no leave (allow: [images])");
    json_object_foreach(images.names, image, on)
        cm_will(step, "command", "kubectl create job %s --image=%s; deleted when it has ended", job_name(step, image), image);
    return 0;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    (void)step;
    (void)err;
    return 0; /* nothing rests on it */
}

const struct cm_action cm_action_images_pull = {
    .name = "images.pull",
    .summary = "Pull the images ahead of the downtime",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "What helm renders: the images of the server, of its init containers and of content.",
    .does = "With allow: [images], one short-lived Job an image, deleted again. Without rights or leave: nothing, and it says so.",
    .proves = "Nothing rests on it: it only shortens the downtime.",
    .undoes = "The Jobs are deleted at once.",
    .rights = "To create, read and delete Jobs in the namespace.",
};
