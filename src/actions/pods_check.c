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
#include "actions/look.h"
#include "actions/pods_trial.h"
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

enum { IMAGES_MOST = 5, HOSTS_MOST = 20, STUCK_MS = 60000 };

struct trial {
    struct cm_step *step;
    json_t *base;                   /* job.yaml of the rendered ConfigMap; NULL: none */
    json_t *images;                 /* {image: "paths"} */
    struct cm_str hosts, databases; /* "host:port" each, parted by blanks; databases are among the hosts */
    const char *claim, *mount_path, *sub_path, *nonce;
    char *key; /* the server's, hashed; NULL: not known */
    struct cm_str started, refused, rights, stuck, waiting, ids, no_network, database_network, missing, keys;
    bool key_other, key_same, key_unreadable;
};

/* ---- what is to be tried ---- */

static void take_config_map(void *ctx, const json_t *object)
{
    struct trial *t = ctx;
    const char *text = json_string_value(json_object_get(json_object_get(object, "data"), "job.yaml"));
    if (!text || t->base || strcmp(cm_json_text(object, "kind", ""), "ConfigMap") != 0)
        return;
    cm_autoyaml doc = cm_yaml_parse(text, strlen(text), "job.yaml", NULL);
    if (doc && cm_yaml_root(doc))
        t->base = cm_yaml_json(doc, cm_yaml_root(doc));
}

static void add_paths(struct cm_str *paths, const json_t *environment)
{
    static const char *const languages[] = {"r", "python", "quarto", "tensorflow", "nodejs"};
    const json_t *one;
    size_t i;
    for (size_t k = 0; k < sizeof languages / sizeof *languages; k++) {
        json_array_foreach(json_object_get(json_object_get(environment, languages[k]), "installations"), i, one)
        {
            const char *path = cm_json_text(one, "path", "");
            if (*path == '/' && strcmp(languages[k], "tensorflow") != 0)
                cm_str_addf(paths, "%s%s", paths->len ? " " : "", path);
        }
    }
}

static void read_images(struct trial *t, const json_t *values)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(values, "executionEnvironments"), i, one)
    {
        const char *image = cm_json_text(one, "name", "");
        cm_autostr paths = CM_STR(CM_STR_LINE);
        if (!*image || json_object_size(t->images) >= IMAGES_MOST)
            continue;
        add_paths(&paths, one);
        json_object_set_new(t->images, image, json_string(cm_str_text(&paths)));
    }
}

static void add_host(struct trial *t, const char *host, const char *port, bool database)
{
    cm_autofree char *word = cm_fmt("%s:%s", host, port);
    for (const char *p = word; *p; p++)
        if (strchr(" \t'\"`$\\", *p))
            return;
    if (strstr(cm_str_text(&t->hosts), word))
        return;
    cm_str_addf(&t->hosts, "%s%s", t->hosts.len ? " " : "", word);
    if (database)
        cm_str_addf(&t->databases, " %s ", word);
}

/* "https://sso.example.com/realm" → host and port; other texts are left out. */
static void add_url(struct trial *t, const char *url)
{
    static const struct {
        const char *scheme, *port;
    } known[] = {{"https://", "443"}, {"http://", "80"}, {"ldaps://", "636"}, {"ldap://", "389"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!cm_starts(url, known[i].scheme))
            continue;
        cm_autofree char *host = cm_look_url_host(url);
        const char *authority = url + strlen(known[i].scheme), *end = authority + strcspn(authority, "/?#");
        const char *colon = memchr(authority, ':', (size_t)(end - authority));
        cm_autofree char *port = colon ? cm_strndup(colon + 1, (size_t)(end - colon - 1)) : cm_strdup(known[i].port);
        if (host && !cm_pg_host_is_local(host))
            add_host(t, host, port, false);
        return;
    }
}

/* LDAP.ServerAddress is "host:port", with a name of the server between the section's brackets; URLs stand in many settings. */
static void add_setting(struct trial *t, const struct cm_gcfg_setting *one)
{
    const char *value = one->value, *colon = value ? strrchr(value, ':') : NULL;
    if (!value || t->hosts.len > HOSTS_MOST * 40)
        return;
    if (strcasecmp(one->section, "LDAP") == 0 && strcasecmp(one->key, "ServerAddress") == 0 && colon && !strstr(value, "://")) {
        cm_autofree char *host = cm_strndup(value, (size_t)(colon - value));
        add_host(t, host, colon + 1, false);
    } else {
        add_url(t, value);
    }
}

static void read_hosts(struct trial *t, const struct cm_source *s)
{
    const struct cm_pg_url *urls[] = {s->has_core ? &s->core : NULL, s->has_instrumentation ? &s->instrumentation : NULL};
    const char *smtp = cm_gcfg_get(s->gcfg, "SMTP", NULL, "Host"), *port = cm_gcfg_get(s->gcfg, "SMTP", NULL, "Port");
    for (size_t i = 0; i < 2; i++)
        if (urls[i] && !cm_pg_host_is_local(urls[i]->host))
            add_host(t, urls[i]->host, urls[i]->port && *urls[i]->port ? urls[i]->port : "5432", true);
    if (smtp && *smtp && !cm_pg_host_is_local(smtp))
        add_host(t, smtp, port && *port ? port : "25", false);
    for (size_t i = 0; i < s->gcfg->count; i++)
        add_setting(t, &s->gcfg->list[i]);
}

/* The server's key, hashed as the pod will; without it the comparison is left out. */
static int read_key(struct trial *t, const struct cm_source *s, struct cm_err **err)
{
    static const char command[] =
        "[ -r \"$2/secret.key\" ] && { printf '%s\\n' \"$1\"; cat \"$2/secret.key\"; } | sha256sum | cut -c 1-64";
    const char *const argv[] = {"sh", "-c", command, "sh", t->nonce, s->database_dir, NULL};
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    if (cm_host_run(t->step, cm_outside_host(cm_step_outside(t->step), 0), true, argv, &out, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (out.status == 0 && out.out_bytes >= 64)
        t->key = cm_strndup(out.out, 64);
    return 0;
}

/* 0 ready, 1 there is nothing to try (said), -1. */
static int prepare(struct trial *t, struct cm_err **err)
{
    const json_t *values = cm_look_values(t->step);
    const struct cm_source *s;
    cm_autofree char *manifests = NULL;
    cm_autoerr seen = NULL;
    const char *run = cm_run_id(t->step), *path = json_string_value(cm_look_config(values, "Server", "DataDir"));
    t->nonce = run && *run ? run : "connect-migrate";
    if (cm_helm_template(t->step, NULL, &manifests, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        cm_step_log(t->step, "no trial: %s", cm_err_message(seen)); /* values.check says why the chart does not render */
        return 1;
    }
    cm_look_manifests(manifests, take_config_map, t);
    read_images(t, values);
    if (!t->base || json_object_size(t->images) == 0) {
        cm_finding(t->step, CM_OK, "pods.not-tried", NULL,
                   "nothing to try: the values name no execution environment for the direct runner");
        return 1;
    }
    bool mounted = cm_json_bool(values, "sharedStorage.create", false) || cm_json_bool(values, "sharedStorage.mount", false);
    t->claim = mounted ? cm_target_pvc(t->step) : NULL;
    t->mount_path = path && *path == '/' ? path : "/var/lib/rstudio-connect";
    t->sub_path = cm_json_text(values, "sharedStorage.subPath", NULL);
    if (cm_outside_hosts(cm_step_outside(t->step)) == 0)
        return 0;
    if (cm_source_read(t->step, &s, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    read_hosts(t, s);
    return read_key(t, s, err);
}

static json_t *job_for(struct trial *t, const char *image, const char *name)
{
    struct cm_trial_wish w = {.name = name,
                              .image = image,
                              .claim = t->claim,
                              .mount_path = t->mount_path,
                              .sub_path = t->sub_path,
                              .nonce = t->nonce,
                              .hosts = cm_str_text(&t->hosts),
                              .paths = json_string_value(json_object_get(t->images, image))};
    return cm_trial_job(t->base, &w);
}

static const char *job_name(struct trial *t, const char *image)
{
    unsigned char sum[32];
    char hex[65];
    cm_autofree char *both = cm_fmt("%s %s", t->nonce, image);
    cm_sha256(both, strlen(both), sum);
    cm_hex(sum, 5, hex);
    return cm_arena_fmt(cm_step_arena(t->step), "connect-migrate-check-%s", hex);
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

/* The same words for several images are said once. */
static void add_words(struct cm_str *list, const char *words)
{
    if (!strstr(cm_str_text(list), words))
        cm_look_list(list, "%s", words);
}

static void say_rights(struct trial *t)
{
    if (t->rights.len)
        cm_finding(t->step, CM_UNKNOWN, "pods.rights",
                   "Ask for the right to create Jobs in the namespace, or for somebody who tries it; then "
                   "attest that pods start.",
                   "this login may not try it: %s", cm_str_text(&t->rights));
}

/* ---- without leave: only shown to the API server ---- */

static int dry_run(struct trial *t, const char *why, struct cm_err **err)
{
    const char *image;
    json_t *paths;
    cm_autostr refused = CM_STR(2048);
    json_object_foreach(t->images, image, paths)
    {
        cm_autojson job = job_for(t, image, job_name(t, image));
        cm_autofree char *text = json_dumps(job, JSON_COMPACT), *words = NULL;
        cm_autoerr seen = NULL;
        if (cm_kube_dry_run(t->step, text, &words, &seen) < 0) {
            if (cm_look_ends(&seen, err))
                return -1;
            cm_step_log(t->step, "no dry run: %s", cm_err_message(seen)); /* cluster.check says so */
            return 0;
        }
        if (words && !from_the_server(words)) {
            cm_step_log(t->step, "no dry run: %s", words);
            return 0;
        }
        if (words)
            add_words(lacks_right(words) ? &t->rights : &refused, words);
    }
    if (refused.len)
        cm_finding(t->step, CM_BLOCKER, "pods.admission",
                   "Change backends.kubernetes.defaultResourceJobBase in the values as these words "
                   "ask (security context, resources), or ask who runs the cluster.",
                   "the cluster would refuse the Jobs that content runs in: %s", cm_str_text(&refused));
    else if (t->rights.len)
        say_rights(t);
    else
        cm_finding(t->step, CM_OK, "pods.not-tried", NULL,
                   "the content's Job was accepted in a dry run; %s, so pulling the images, mounting, "
                   "network from pods and runtimes in the images were not tried",
                   why);
    return 0;
}

/* ---- with leave ---- */

struct waiting {
    struct trial *t;
    const char *job;
    json_t *pod;
    char *why;
    bool lasting, ended;
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
    if (cm_kube_get(step, "jobs", w->job, NULL, &job, &seen, err) < 0 ||
        cm_kube_get(step, "pods", NULL, selector, &pods, &seen, err) < 0)
        return -1;
    json_decref(w->pod);
    w->pod = json_incref(json_array_get(json_object_get(pods, "items"), 0));
    free(w->why);
    w->why = w->pod ? cm_trial_stuck(w->pod, &w->lasting) : cm_strdup("no pod was made for it");
    w->ended = cm_json_int(job, "status.succeeded", 0) > 0 || cm_json_int(job, "status.failed", 0) > 0;
    if (w->ended)
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
    if (cm_kube_get(t->step, "jobs", name, NULL, &old, &there, err) < 0)
        return -1;
    if (there == CM_SEEN) {
        i = cm_intent_newest(t->step, "job.create");
        return cm_intent_is_open(i) ? cm_intent_happened(i, NULL, err) : 0;
    }
    if (cm_intend_again(t->step, &spec, &i, err) < 0)
        return -1;
    if (cm_kube_create(i, job, &seen) == 0)
        return cm_intent_happened(i, NULL, err);
    if (cm_look_ends(&seen, err))
        return -1;
    if (cm_err_is_passing(seen)) {
        struct cm_err *passing = seen;
        seen = NULL;
        return cm_err_move(err, passing);
    }
    cm_autofree char *words = cm_look_words(seen);
    add_words(lacks_right(words) ? &t->rights : &t->refused, words);
    return cm_intent_close(i, CM_NOT_HAPPENED, NULL, err) < 0 ? -1 : 1;
}

static int unmake(struct trial *t, const char *image, const char *name, struct cm_err **err)
{
    struct cm_intent *i = NULL;
    cm_autojson detail = json_pack("{s:s}", "job", name);
    struct cm_intent_spec spec = {.effect = "job.delete", .key = image, .detail = detail};
    if (cm_intend_again(t->step, &spec, &i, err) < 0 || cm_kube_delete(i, "jobs", name, err) < 0)
        return -1;
    return cm_intent_happened(i, NULL, err);
}

static void judge_key(struct trial *t, const char *image, const struct cm_trial_seen *s)
{
    if (!s->key)
        return;
    bool hash = strlen(s->key) == 64;
    if (hash && t->key && strcmp(s->key, t->key) == 0)
        t->key_same = true;
    else if (strcmp(s->key, "unreadable") == 0)
        t->key_unreadable = true;
    else if (!hash || t->key) {
        t->key_other = true;
        cm_look_list(&t->keys, "%s: %s", image,
                     hash                            ? "another secret.key"
                     : strcmp(s->key, "absent") == 0 ? "no secret.key"
                                                     : "no folder");
    }
}

/* A host that several images do not reach is said once. */
static void judge_hosts(struct trial *t, const char *hosts, const char *what)
{
    for (const char *at = hosts; at && *at;) {
        size_t n = strcspn(at, " ");
        cm_autofree char *word = cm_fmt(" %.*s ", (int)n, at), *said = cm_fmt("%.*s (%s)", (int)n, at, what);
        bool database = strstr(cm_str_text(&t->databases), word) != NULL;
        if (n)
            add_words(database ? &t->database_network : &t->no_network, said);
        at += n + (at[n] ? 1 : 0);
    }
}

static int take_output(struct trial *t, const char *image, const struct waiting *w, struct cm_err **err)
{
    cm_autofree char *log = NULL;
    struct cm_trial_seen s;
    if (cm_kube_logs(t->step, cm_json_text(w->pod, "metadata.name", ""), "connect-content", 200, &log, err) < 0)
        return -1;
    cm_trial_read(log, &s);
    if (s.whole) {
        cm_look_list(&t->started, "%s", image);
        cm_look_list(&t->ids, "%s", s.ids ? s.ids : "?");
        judge_key(t, image, &s);
        judge_hosts(t, s.no_name, "no address");
        judge_hosts(t, s.no_answer, "no answer");
        if (s.missing && *s.missing)
            cm_look_list(&t->missing, "%s: %s", image, s.missing);
    } else {
        cm_autofree char *last = cm_last_lines(log, 2);
        cm_look_list(&t->stuck, "%s ended without an answer: %.300s", image, last);
    }
    cm_trial_fini(&s);
    return 0;
}

static int try_image(struct trial *t, const char *image, struct cm_err **err)
{
    const char *name = job_name(t, image);
    struct waiting w = {.t = t, .job = name};
    int made = make(t, image, name, err), rc = made < 0 ? -1 : 0;
    if (made == 0) {
        rc = cm_wait_until(t->step, look_at_job, &w, cm_step_deadline(t->step) - 10000, 5, 2000, err) < 0 ? -1 : 0;
        if (rc == 0 && w.ended && w.pod && !w.why)
            rc = take_output(t, image, &w, err);
        else if (rc == 0)
            cm_look_list(w.lasting ? &t->stuck : &t->waiting, "%s: %s", image, w.why ? w.why : "its pod did not end in time");
        if (rc == 0)
            rc = unmake(t, image, name, err);
    }
    json_decref(w.pod);
    free(w.why);
    return rc;
}

/* ---- verdicts ---- */

static void say_storage(struct trial *t)
{
    if (t->key_other)
        cm_finding(
            t->step, CM_BLOCKER, "pods.storage",
            "Correct the volume or sharedStorage.subPath: with another key the new server refuses the database. Do not reset the key.",
            "what pods mount by claim %s is not the server's folder: %s", t->claim, cm_str_text(&t->keys));
    else if (t->key_same)
        cm_finding(t->step, CM_OK, "pods.storage", NULL, "pods mount the folder with the server's secret.key by claim %s",
                   t->claim);
    else if (t->key_unreadable)
        cm_finding(
            t->step, CM_UNKNOWN, "pods.storage",
            "secret.key is for Connect alone, and content's user may not read it: compare the folder's files by hand, or attest it.",
            "pods mount claim %s, and their user (%s) may not look into its db folder", t->claim, cm_str_text(&t->ids));
}

static void say(struct trial *t)
{
    if (t->refused.len)
        cm_finding(
            t->step, CM_BLOCKER, "pods.admission",
            "Change backends.kubernetes.defaultResourceJobBase in the values as these words ask, or ask for the right they name.",
            "the cluster refused the Job: %s", cm_str_text(&t->refused));
    say_rights(t);
    if (t->stuck.len)
        cm_finding(t->step, CM_BLOCKER, "pods.start",
                   "Correct the image's name, its pull secret, or what the words name, in the values.",
                   "content would not start: %s", cm_str_text(&t->stuck));
    if (t->waiting.len)
        cm_finding(t->step, CM_UNKNOWN, "pods.waiting",
                   "Look at `kubectl describe pod` and at the cluster's room, and check again.",
                   "the trial's pods did not start in time: %s", cm_str_text(&t->waiting));
    if (t->started.len)
        cm_finding(t->step, CM_OK, "pods.start", NULL, "pods start with %s, as %s", cm_str_text(&t->started), cm_str_text(&t->ids));
    say_storage(t);
    if (t->database_network.len)
        cm_finding(
            t->step, CM_UNKNOWN, "pods.database",
            "Open the way from the cluster to the database (DNS, firewall, NetworkPolicy); if only Connect's own pod may reach it, attest "
            "that.",
            "content's pods do not reach the database: %s", cm_str_text(&t->database_network));
    if (t->no_network.len)
        cm_finding(t->step, CM_WARNING, "pods.network", "Open the way from the cluster, or drop what is no longer used.",
                   "pods do not reach hosts of the configuration: %s", cm_str_text(&t->no_network));
    if (t->missing.len)
        cm_finding(t->step, CM_WARNING, "pods.runtimes",
                   "Correct the paths under executionEnvironments in the values, or use the image that has them.",
                   "runtimes are not where the values say: %s", cm_str_text(&t->missing));
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

static int look(struct trial *t, struct cm_err **err)
{
    const char *image;
    json_t *paths;
    int rc = prepare(t, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (!has_leave(t->step))
        return dry_run(t, "the plan gives no leave (allow: [pods])", err);
    if (cm_reading(t->step))
        return dry_run(t, "nothing may be made here", err);
    json_object_foreach(t->images, image, paths)
    {
        if (try_image(t, image, err) < 0)
            return -1;
    }
    say(t);
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct trial t = {.step = step,
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
                      .keys = CM_STR(1024)};
    struct cm_str *all[] = {&t.hosts,   &t.databases, &t.started,    &t.refused,          &t.rights,  &t.stuck,
                            &t.waiting, &t.ids,       &t.no_network, &t.database_network, &t.missing, &t.keys};
    int rc = look(&t, err);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cm_str_fini(all[i]);
    json_decref(t.base);
    json_decref(t.images);
    free(t.key);
    return rc;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    if (!has_leave(step))
        cm_will(step, "note", "a dry run of the content's Job; nothing is made without `allow: [pods]`");
    else
        cm_will(step, "command", "kubectl create -f - (a Job for each content image, at most %d), its log, and kubectl delete",
                IMAGES_MOST);
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
