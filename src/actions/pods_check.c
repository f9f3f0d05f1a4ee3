/* actions/pods_check.c: pods.check: what only a pod can tell, tried by a short-lived Job for each content image, made of the chart's own
 * job.yaml: is it admitted, scheduled and pulled, does the storage mount and hold the server's secret.key, do the hosts of the
 * configuration answer, are the runtimes at their paths.
 *
 * Only with the plan's leave (allow: [pods]). Without it, and where nothing may be changed, the Job is only shown to the API server (dry
 * run), and what stays unknown is said. The key is compared by a hash over the run's id and the key, taken on both sides. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actions/evening.h"
#include "actions/job_pods.h"
#include "actions/look.h"
#include "actions/pods_check.h"
#include "actions/source.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/host.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"
#include "plan/plan.h"

#define JOB_PREFIX "connect-migrate-check-"
enum { STUCK_MS = 60000 };

/* ---- the Job ---- */

static json_t *job_for(struct trial *t, const char *image, const char *name)
{
    struct cm_trial_wish w = {.name = name,
                              .image = image,
                              .claim = t->claim,
                              .mount_path = t->mount_path,
                              .sub_path = t->sub_path,
                              .nonce = t->nonce,
                              .hosts = cm_str_text(&t->hosts),
                              .paths = json_string_value(json_object_get(t->images, image)),
                              .user = t->user,
                              .token = t->token,
                              .patience_s = t->patience_s};
    return cm_trial_job(t->base, &w);
}

static const char *job_name(struct trial *t, const char *image)
{
    unsigned char sum[32];
    char hex[65];
    cm_autofree char *both = cm_fmt("%s %s", t->token ? t->token : t->nonce, image);
    cm_sha256(both, strlen(both), sum);
    cm_hex(sum, 5, hex);
    return cm_arena_fmt(cm_step_arena(t->step), JOB_PREFIX "%s", hex);
}

/* RBAC's words; admission and quota say "forbidden" too, and mean the Job. */
static bool lacks_right(const char *words)
{
    return strstr(words, "cannot create resource") || strstr(words, "cannot patch resource") ||
           strstr(words, "cannot get resource");
}

/* The API server's refusal, not kubectl's own trouble. */
static bool from_the_server(const char *words)
{
    return strstr(words, "from server") || strstr(words, "denied the request") || strstr(words, "is invalid") ||
           strstr(words, "is forbidden");
}

/* ---- without leave: only shown to the API server ---- */

static void note_refusal(struct trial *t, const char *words)
{
    if (lacks_right(words))
        cm_pods_add(&t->rights, words);
    else if (cm_job_passes(words))
        cm_pods_add(&t->waiting, words);
    else
        cm_pods_refused(t, words);
}

/* 1: there is no dry run here (noted). *words: the API server's refusal; NULL: accepted. */
static int show_it(struct trial *t, const json_t *object, char **words, struct cm_err **err)
{
    cm_autojson there = json_deep_copy(object);
    json_object_set_new(json_object_get(there, "metadata"), "namespace", json_string(t->ns));
    cm_autofree char *text = json_dumps(there, JSON_COMPACT);
    cm_autoerr seen = NULL;
    if (cm_kube_dry_run(t->step, text, words, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        cm_step_log(t->step, "no dry run: %s", cm_err_message(seen)); /* cluster.check says so */
        return 1;
    }
    if (*words == NULL || from_the_server(*words))
        return 0;
    cm_step_log(t->step, "no dry run: %s", *words);
    free(*words);
    *words = NULL;
    return 1;
}

/* Pod Security, quotas and limits speak against a Job's pod and not against the Job, which would stand there without one. */
static int show_pod(struct trial *t, const json_t *job, struct cm_err **err)
{
    cm_autojson pod = cm_trial_pod(job);
    cm_autofree char *words = NULL;
    if (show_it(t, pod, &words, err) < 0)
        return -1;
    if (words && !lacks_right(words))
        note_refusal(t, words);
    return 0;
}

static int dry_run(struct trial *t, const char *why, struct cm_err **err)
{
    const char *image;
    json_t *paths;
    json_object_foreach(t->images, image, paths)
    {
        cm_autojson job = job_for(t, image, job_name(t, image));
        cm_autofree char *words = NULL;
        int rc = show_it(t, job, &words, err);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (words)
            note_refusal(t, words);
        else if (show_pod(t, job, err) < 0)
            return -1;
    }
    if (t->refused.len)
        return cm_pods_say_refused(t, "the cluster would refuse the Jobs that content runs in", err);
    if (t->waiting.len)
        cm_finding(t->step, CM_UNKNOWN, "pods.waiting",
                   "Look at the quota of the namespace (`kubectl describe quota`), and check again.",
                   "content's pods would not be made now: %s", cm_str_text(&t->waiting));
    else if (t->rights.len)
        cm_pods_say_rights(t);
    else
        cm_finding(
            t->step, CM_UNKNOWN, "pods.not-tried",
            "Give leave for a short-lived Job an image (`allow: [pods]` in the plan) and check again; or try by other means, and "
            "attest it.",
            "the content's Job was accepted in a dry run; %s, so whether the images can be pulled, the storage mounts, hosts "
            "are reached from pods and runtimes are in the images is not known",
            why);
    return 0;
}

/* ---- with leave ---- */

struct waiting {
    struct trial *t;
    const char *job;
    json_t *pod;
    char *why;
    bool lasting, ended, refused; /* refused: no pod is made of it, and none will be */
    int64_t stuck_since;
};

static int look_at_job(void *ctx, struct cm_err **err)
{
    struct waiting *w = ctx;
    struct cm_step *step = w->t->step;
    cm_autofree char *selector = cm_fmt("job-name=%s", w->job);
    cm_autojson job = NULL;
    cm_autojson pods = NULL;
    enum cm_seen seen = CM_ABSENT;
    if (cm_kube_get_in(step, w->t->ns, "jobs", w->job, NULL, &job, &seen, err) < 0 ||
        cm_kube_get_in(step, w->t->ns, "pods", NULL, selector, &pods, &seen, err) < 0)
        return -1;
    json_decref(w->pod);
    w->pod = json_incref(json_array_get(json_object_get(pods, "items"), 0));
    free(w->why);
    w->why = w->pod ? cm_trial_stuck(w->pod, &w->lasting) : cm_job_without_pod(step, w->t->ns, w->job, &w->refused);
    w->ended = cm_json_int(job, "status.succeeded", 0) > 0 || cm_json_int(job, "status.failed", 0) > 0;
    if (w->ended || w->refused)
        return 1;
    int64_t now = cm_loop_now_ms(cm_step_loop(step));
    if (!w->why)
        w->stuck_since = 0;
    else if (w->stuck_since == 0)
        w->stuck_since = now;
    return w->stuck_since && now - w->stuck_since > STUCK_MS;
}

/* The Job is there, made now or by an earlier start. 1: the API server refused it (noted). */
static int make(struct trial *t, const char *image, const char *name, struct cm_err **err)
{
    struct cm_intent *i = NULL;
    cm_autojson detail = json_pack("{s:s, s:s}", "job", name, "image", image);
    cm_autojson job = job_for(t, image, name);
    cm_autojson old = NULL;
    cm_autoerr seen = NULL;
    enum cm_seen there = CM_ABSENT;
    struct cm_intent_spec spec = {.effect = "job.create", .key = image, .detail = detail};
    if (cm_kube_get_in(t->step, t->ns, "jobs", name, NULL, &old, &there, err) < 0)
        return -1;
    if (there == CM_SEEN) {
        i = cm_intent_newest(t->step, "job.create");
        return cm_intent_is_open(i) ? cm_intent_happened(i, NULL, err) : 0;
    }
    if (cm_intend_again(t->step, &spec, &i, err) < 0)
        return -1;
    if (cm_kube_create(i, t->ns, job, &seen) == 0)
        return cm_intent_happened(i, NULL, err);
    if (cm_look_ends(&seen, err))
        return -1;
    if (cm_err_is_passing(seen)) {
        struct cm_err *passing = seen;
        seen = NULL;
        return cm_err_move(err, passing);
    }
    cm_autofree char *words = cm_look_words(seen);
    note_refusal(t, words);
    return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err) < 0 ? -1 : 1;
}

static int unmake(struct trial *t, const char *image, const char *name, struct cm_err **err)
{
    struct cm_intent *i = NULL;
    cm_autojson detail = json_pack("{s:s}", "job", name);
    struct cm_intent_spec spec = {.effect = "job.delete", .key = image, .detail = detail};
    if (cm_intend_again(t->step, &spec, &i, err) < 0 || cm_kube_delete(i, t->ns, "jobs", name, err) < 0)
        return -1;
    return cm_intent_happened(i, NULL, err);
}

/* $1 folder, $2 token, $3 seconds: the pod's file as the server sees it; its owner and after how many seconds. */
static const char back_script[] = CM_LOOK_SHELL
    "f=$1/" CM_TRIAL_FILE_BACK "; i=0\n"
    "until [ \"$(cat \"$f\" 2>/dev/null)\" = \"$2\" ] || [ $i -ge \"$3\" ]; do ls \"$1\" >/dev/null 2>&1; sleep 1; i=$((i+1)); done\n"
    "[ \"$(cat \"$f\" 2>/dev/null)\" = \"$2\" ] && text owner \"$(stat -c '%u:%g' \"$f\")\"; text waited $i\n";

static struct cm_host *server(struct trial *t) { return cm_outside_host(cm_step_outside(t->step), 0); }

static int look_back(struct trial *t, const char *image, const struct cm_trial_seen *s, struct cm_err **err)
{
    cm_autofree char *patience = cm_fmt("%d", t->patience_s);
    const char *const argv[] = {"sh", "-c", back_script, "sh", t->source->data_dir, t->token, patience, NULL};
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    if (cm_host_run(t->step, server(t), true, argv, &out, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    cm_autofree char *owner = cm_part_text(out.out, out.out_bytes, "owner"),
                     *waited = cm_part_text(out.out, out.out_bytes, "waited");
    if (waited)
        cm_pods_judge_back(t, image, s, owner, strtol(waited, NULL, 10));
    return 0;
}

static int take_output(struct trial *t, const char *image, const struct waiting *w, struct cm_err **err)
{
    cm_autofree char *log = NULL;
    struct cm_trial_seen s;
    if (cm_kube_logs(t->step, t->ns, cm_json_text(w->pod, "metadata.name", ""), "connect-content", 200, &log, err) < 0)
        return -1;
    cm_trial_read(log, &s);
    if (s.whole) {
        cm_pods_judge(t, image, &s);
        if (s.made && look_back(t, image, &s, err) < 0) {
            cm_trial_fini(&s);
            return -1;
        }
    } else {
        cm_autofree char *last = cm_last_lines(log, 2);
        cm_look_list(&t->stuck, "%s ended without an answer: %.300s", image, last);
    }
    cm_trial_fini(&s);
    return 0;
}

/* What is left of the step's time behind it is for taking everything away again. */
static int64_t waits_until(struct cm_step *step)
{
    enum { RESERVE_MS = 30000 };
    int64_t deadline = cm_step_deadline(step), left = deadline - cm_loop_now_ms(cm_step_loop(step));
    return deadline == CM_NEVER ? CM_NEVER : deadline - (left > 2 * RESERVE_MS ? RESERVE_MS : left / 2);
}

static int try_image(struct trial *t, const char *image, int64_t until, struct cm_err **err)
{
    const char *name = job_name(t, image);
    struct waiting w = {.t = t, .job = name};
    int made = make(t, image, name, err), rc = made < 0 ? -1 : 0;
    if (made == 0) {
        rc = cm_wait_until(t->step, look_at_job, &w, until, 5, 2000, err) < 0 ? -1 : 0;
        if (rc == 0 && w.ended && w.pod && !w.why)
            rc = take_output(t, image, &w, err);
        else if (rc == 0 && w.refused)
            cm_pods_refused(t, w.why);
        else if (rc == 0)
            cm_look_list(w.lasting ? &t->stuck : &t->waiting, "%s: %s", image, w.why ? w.why : "its pod did not end in time");
        if (rc == 0)
            rc = unmake(t, image, name, err);
    }
    json_decref(w.pod);
    free(w.why);
    return rc;
}

static bool has_leave(struct cm_step *step)
{
    const json_t *one;
    size_t i;
    json_array_foreach(cm_plan_get(cm_step_plan(step), "allow"), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), "pods") == 0)
            return true;
    }
    return false;
}

/* A file in the data folder of the server for pods to see. Without rights to write there it is left out, and said in the log. */
static int write_token(struct trial *t, struct cm_err **err)
{
    static const char command[] = "rm -f \"$1/" CM_TRIAL_FILE_BACK "\"; umask 022; printf '%s\\n' \"$2\" >\"$1/" CM_TRIAL_FILE "\"";
    if (!t->source || !t->claim)
        return 0;
    struct cm_intent *i = NULL;
    cm_autofree char *path = cm_fmt("%s/%s", t->source->data_dir, CM_TRIAL_FILE);
    const char *token = cm_arena_fmt(cm_step_arena(t->step), "%s-%lld", t->nonce, (long long)cm_wall_now(t->step));
    cm_autojson detail = json_pack("{s:s}", "path", path);
    struct cm_intent_spec spec = {.effect = "trial.write", .key = path, .detail = detail};
    const char *const argv[] = {"sh", "-c", command, "sh", t->source->data_dir, token, NULL};
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    if (cm_intend_again(t->step, &spec, &i, err) < 0)
        return -1;
    if (cm_host_run_effect(i, server(t), argv, &out, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        cm_step_log(t->step, "%s could not be written: %s", path, cm_err_message(seen));
        return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err);
    }
    t->token = token;
    t->patience_s = (int)((cm_target_patience(t->step) + 999) / 1000);
    return cm_intent_happened(i, NULL, err);
}

static int remove_token(struct trial *t, struct cm_err **err)
{
    struct cm_intent *i = NULL;
    if (!t->token)
        return 0;
    cm_autofree char *path = cm_fmt("%s/%s", t->source->data_dir, CM_TRIAL_FILE);
    cm_autofree char *back = cm_fmt("%s/%s", t->source->data_dir, CM_TRIAL_FILE_BACK);
    cm_autojson detail = json_pack("{s:s}", "path", path);
    struct cm_intent_spec spec = {.effect = "trial.remove", .key = path, .detail = detail};
    const char *const argv[] = {"rm", "-f", path, back, NULL};
    cm_autoout out = {0};
    if (cm_intend_again(t->step, &spec, &i, err) < 0 || cm_host_run_effect(i, server(t), argv, &out, err) < 0)
        return -1;
    return cm_intent_happened(i, NULL, err);
}

/* Jobs of a trial that was killed: what they would say is old. */
static int sweep(struct trial *t, struct cm_err **err)
{
    cm_autojson jobs = NULL;
    enum cm_seen seen = CM_ABSENT;
    size_t i;
    json_t *job;
    if (cm_kube_get_in(t->step, t->ns, "jobs", NULL, "app.kubernetes.io/managed-by=connect-migrate", &jobs, &seen, err) < 0)
        return -1;
    json_array_foreach(json_object_get(jobs, "items"), i, job)
    {
        const char *name = cm_json_text(job, "metadata.name", "");
        if (cm_starts(name, JOB_PREFIX) && unmake(t, name, name, err) < 0)
            return -1;
    }
    return 0;
}

static int try_all(struct trial *t, struct cm_err **err)
{
    const char *image;
    json_t *paths;
    if (sweep(t, err) < 0 || write_token(t, err) < 0)
        return -1;
    int64_t until = waits_until(t->step);
    json_object_foreach(t->images, image, paths)
    {
        if (cm_loop_now_ms(cm_step_loop(t->step)) >= until) {
            cm_look_list(&t->waiting, "%s: not tried, no time was left", image);
            continue;
        }
        if (try_image(t, image, until, err) < 0) {
            (void)remove_token(t, NULL);
            return -1;
        }
    }
    return remove_token(t, err);
}

static int look(struct trial *t, struct cm_err **err)
{
    int rc = cm_pods_prepare(t, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (!has_leave(t->step))
        return dry_run(t, "the plan gives no leave (allow: [pods])", err);
    if (cm_reading(t->step))
        return dry_run(t, "nothing may be made here", err);
    return try_all(t, err) < 0 || cm_pods_say(t, err) < 0 ? -1 : 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct trial t = {.step = step,
                      .ns = cm_target_content_namespace(step),
                      .images = json_object(),
                      .hosts = CM_STR(CM_STR_LINE),
                      .databases = CM_STR(1024),
                      .started = CM_STR(2048),
                      .refused = CM_STR(2048),
                      .rights = CM_STR(2048),
                      .stuck = CM_STR(2048),
                      .waiting = CM_STR(2048),
                      .ids = CM_STR(256),
                      .no_network = CM_STR(2048),
                      .database_network = CM_STR(1024),
                      .missing = CM_STR(2048),
                      .no_trust = CM_STR(2048),
                      .seen_late = CM_STR(1024),
                      .not_seen = CM_STR(1024),
                      .not_seen_back = CM_STR(1024),
                      .squashed = CM_STR(1024),
                      .no_drivers = CM_STR(2048),
                      .no_user = CM_STR(1024),
                      .keys = CM_STR(1024)};
    struct cm_str *all[] = {&t.hosts,      &t.databases,        &t.started,  &t.refused, &t.rights,       &t.stuck,     &t.waiting,
                            &t.ids,        &t.no_network,       &t.missing,  &t.keys,    &t.no_trust,     &t.seen_late, &t.not_seen,
                            &t.no_drivers, &t.database_network, &t.squashed, &t.no_user, &t.not_seen_back};
    int rc = look(&t, err);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cm_str_fini(all[i]);
    json_decref(t.base);
    json_decref(t.images);
    free(t.key);
    free(t.drivers);
    free(t.user);
    free(t.user_id);
    return rc;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    if (!has_leave(step))
        cm_will(step, "note", "a dry run of the content's Job; nothing is made without `allow: [pods]`");
    else
        cm_will(step, "command", "kubectl create -f - (a Job for each content image, at most %d), its log, and kubectl delete",
                CM_PODS_IMAGES_MOST);
    return 0;
}

/* The Jobs are gone, and what they showed is in the findings. */
static int verify(struct cm_step *step, struct cm_err **err)
{
    (void)step;
    (void)err;
    return 0;
}

const struct cm_action cm_action_pods_check = {
    .name = "pods.check",
    .summary = "Try from a short-lived pod what only a pod can tell",
    .page = "https://docs.posit.co/connect/admin/appendix/off-host/execution-environments/",
    .kind = CM_TRIAL,
    .reversal = CM_REVERSIBLE,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads =
        "The chart's rendered job.yaml and the execution environments of the values; the hosts that the server's configuration names; a "
        "hash of secret.key on both sides.",
    .does =
        "With `allow: [pods]`: makes a Job for each content image (at most five), reads its log and deletes it. Without: a server-side "
        "dry run of the same Job.",
    .proves =
        "That content is admitted, pulled and started, that pods mount the server's folder, reach the hosts and have the runtimes at "
        "their paths.",
    .undoes = "Each Job is deleted at once, and ends itself after ten minutes.",
    .rights = "create, get and delete on jobs, get on pods and pods/log in the namespace.",
};
