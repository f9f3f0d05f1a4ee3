/* images.pull: the server's and the content's images onto a node before the downtime, by a short-lived Job each. Only with the plan's
 * leave (allow: [images]); without rights it says so and is done: it only makes the downtime shorter, nothing rests on it. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/evening.h"
#include "actions/target.h"
#include "adapters/kubectl.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static bool has_leave(struct cm_step *step)
{
    size_t i;
    json_t *what;
    json_array_foreach(cm_json_loose(cm_plan_get(cm_step_plan(step), "allow")), i,
                       what) if (json_is_string(what) && strcmp(json_string_value(what), "images") == 0) return true;
    return false;
}

/* The images of the merged values: the execution environments' and the server's, where it is named whole. */
static json_t *images_of(struct cm_step *step)
{
    const json_t *values = NULL;
    json_t *out = json_object(), *env;
    size_t i;
    if (cm_target_base_json(step, &values, NULL) < 0)
        return out;
    json_array_foreach(cm_json_loose(cm_json_at(values, "executionEnvironments")), i, env) if (*cm_json_text(env, "name", ""))
        json_object_set_new(out, cm_json_text(env, "name", ""), json_true());
    if (*cm_json_text(values, "image.tag", "")) {
        cm_autofree char *server =
            cm_fmt("%s:%s", cm_json_text(values, "image.repository", "posit/connect"), cm_json_text(values, "image.tag", ""));
        json_object_set_new(out, server, json_true());
    }
    return out;
}

static char *job_name(struct cm_step *step, const char *image)
{
    unsigned char sum[32];
    char hex[65];
    cm_sha256(image, strlen(image), sum);
    cm_hex(sum, 5, hex);
    return cm_arena_fmt(cm_step_arena(step), "connect-migrate-pull-%s", hex);
}

static json_t *job_for(const char *name, const char *image)
{
    return json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:i, s:i, s:{s:{s:s, s:[{s:s, s:s, s:[s]}]}}}}", "apiVersion", "batch/v1",
                     "kind", "Job", "metadata", "name", name, "labels", "app.kubernetes.io/managed-by", "connect-migrate", "spec",
                     "backoffLimit", 0, "ttlSecondsAfterFinished", 600, "template", "spec", "restartPolicy", "Never", "containers",
                     "name", "pull", "image", image, "command", "true");
}

struct pulling {
    struct cm_step *step;
    const char *job;
};

static int pulled(void *ctx, struct cm_err **err)
{
    struct pulling *p = ctx;
    cm_autojson job = NULL;
    enum cm_seen seen;
    if (cm_kube_get(p->step, "jobs", p->job, NULL, &job, &seen, err) < 0)
        return -1;
    return seen != CM_SEEN || cm_json_int(job, "status.succeeded", 0) > 0 || cm_json_int(job, "status.failed", 0) > 0;
}

static int pull(struct cm_step *step, const char *image, struct cm_err **err)
{
    const char *name = job_name(step, image);
    struct cm_intent *make = NULL, *unmake = NULL;
    cm_autojson detail = json_pack("{s:s}", "image", image);
    cm_autofree char *gone = cm_fmt("%s removed", name);
    if (cm_intend(step, &(struct cm_intent_spec){.effect = "job.create", .key = name, .detail = detail}, &make, err) < 0)
        return -1;
    if (cm_intent_life(make) != CM_HAPPENED) {
        cm_autojson job = job_for(name, image), *old = NULL;
        enum cm_seen seen = CM_ABSENT;
        if (cm_kube_get(step, "jobs", name, NULL, &old, &seen, err) < 0 ||
            (seen == CM_ABSENT && cm_kube_create(make, job, err) < 0) || cm_intent_close(make, CM_HAPPENED, NULL, err) < 0)
            return -1;
    }
    if (cm_wait_until(step, pulled, &(struct pulling){step, name}, cm_step_deadline(step), 5, 2000, err) < 0)
        return -1;
    if (cm_intend(step, &(struct cm_intent_spec){.effect = "job.delete", .key = gone}, &unmake, err) < 0)
        return -1;
    if (cm_intent_life(unmake) == CM_HAPPENED)
        return 0;
    return cm_kube_delete(unmake, "jobs", name, err) < 0 ? -1 : cm_intent_close(unmake, CM_HAPPENED, NULL, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    if (!has_leave(step)) {
        cm_say(step, "images are not pulled ahead: the plan gives no leave (allow: [images])");
        return 0;
    }
    cm_autojson images = images_of(step);
    const char *image;
    json_t *on;
    json_object_foreach(images, image, on)
    {
        struct cm_err *why = NULL;
        if (pull(step, image, &why) == 0)
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
    cm_autojson images = images_of(step);
    const char *image;
    json_t *on;
    (void)err;
    if (!has_leave(step))
        cm_will(step, "note", "nothing: the plan gives no leave (allow: [images])");
    else
        json_object_foreach(images, image, on)
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
    .reads = "The images that the values name.",
    .does = "With allow: [images], one short-lived Job an image, deleted again. Without rights or leave: nothing, and it says so.",
    .proves = "Nothing rests on it: it only shortens the downtime.",
    .undoes = "The Jobs are deleted at once.",
    .rights = "To create, read and delete Jobs in the namespace.",
};
