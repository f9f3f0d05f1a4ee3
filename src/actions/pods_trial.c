/* actions/pods_trial.c: see the header. The script needs sh, and uses sha256sum, getent, timeout and bash where the image has them;
 * what it could not try is not reported as missing. */
#include <config.h>

#include "actions/pods_trial.h"

#include <string.h>

#include "actions/look.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

enum { TRIAL_LIMIT_S = 600, KEPT_S = 600 };
#define CONTENT_CONTAINER "connect-content"
#define VOLUME "connect-migrate-data"

/* $1 nonce, $2 folder of the storage or "", $3 hosts, $4 paths, $5 user, $6 token, $7 seconds. bash knows /dev/tcp; without it no host is
 * tried. curl's statuses are those of a failed handshake or a certificate that is not accepted (curl(1), EXIT CODES). */
static const char script[] = CM_LOOK_SHELL
    "text ids \"$(id -u):$(id -g)\"\n"
    "if [ -n \"$2\" ]; then k=$2/db/secret.key\n"
    " if [ ! -d \"$2\" ]; then text key no-folder; elif [ -r \"$k\" ]; then\n"
    "  text key \"$({ printf '%s\\n' \"$1\"; cat \"$k\"; } | sha256sum | cut -c 1-64)\"\n"
    " elif [ -e \"$k\" ] || { [ -d \"$2/db\" ] && [ ! -x \"$2/db\" ]; }; then text key unreadable; else text key absent; fi\n"
    " [ -w \"$2\" ] && text writable yes\n"
    "fi\n"
    "n=; a=; c=\n"
    "if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then for x in $3; do\n"
    " t=; case $x in *:tls) t=1; x=${x%:tls};; esac; h=${x%:*}; p=${x##*:}\n"
    " if command -v getent >/dev/null 2>&1 && ! getent hosts \"$h\" >/dev/null 2>&1; then n=\"$n $x\"\n"
    " elif ! timeout 5 bash -c 'exec 3<>\"/dev/tcp/$0/$1\"' \"$h\" \"$p\" 2>/dev/null; then a=\"$a $x\"\n"
    " elif [ -n \"$t\" ] && command -v curl >/dev/null 2>&1; then\n"
    "  timeout 10 curl -s -o /dev/null \"https://$h:$p/\" 2>/dev/null; case $? in 35|51|58|60|77|83) c=\"$c $x\";; esac\n"
    " elif [ -n \"$t\" ] && command -v openssl >/dev/null 2>&1; then\n"
    "  timeout 10 openssl s_client -connect \"$h:$p\" -servername \"$h\" -verify_hostname \"$h\" -verify_return_error "
    "</dev/null >/dev/null 2>&1 || c=\"$c $x\"\n"
    " fi\n"
    "done; fi\n"
    "text noname \"$n\"; text noanswer \"$a\"; text notrust \"$c\"\n"
    "[ -n \"$5\" ] && text user \"$(id -u \"$5\" 2>/dev/null)\"\n"
    "text drivers \"$(sed -n 's/^\\[\\(.*\\)\\][[:space:]]*$/\\1/p' /etc/odbcinst.ini /opt/rstudio-drivers/odbcinst.ini 2>/dev/null | "
    "grep -v '^ODBC' | sort -u)\"\n"
    "if [ -n \"$6\" ] && [ -n \"$2\" ]; then f=$2/" CM_TRIAL_FILE "; i=0\n"
    " if [ ! -x \"$2\" ]; then text seen closed; else\n"
    "  until [ \"$(cat \"$f\" 2>/dev/null)\" = \"$6\" ] || [ $i -ge \"$7\" ]; do ls \"$2\" >/dev/null 2>&1; sleep 1; i=$((i+1)); done\n"
    "  if [ \"$(cat \"$f\" 2>/dev/null)\" = \"$6\" ]; then text seen $i; else text seen never; fi\n"
    " fi\n"
    " [ -w \"$2\" ] && rm -f \"$2/" CM_TRIAL_FILE_BACK "\" && printf '%s\\n' \"$6\" >\"$2/" CM_TRIAL_FILE_BACK "\" && text made "
    "\"$(stat -c '%u:%g' \"$2/" CM_TRIAL_FILE_BACK "\" 2>/dev/null)\"\n"
    "fi\n"
    "m=; for x in $4; do [ -x \"$x\" ] || m=\"$m $x\"; done; text missing \"$m\"\n"
    "text end ''\n";

/* ---- the Job ---- */

static json_t *object_in(json_t *parent, const char *name)
{
    json_t *child = json_object_get(parent, name);
    if (json_is_object(child))
        return child;
    child = json_object();
    json_object_set_new(parent, name, child);
    return child;
}

static json_t *array_in(json_t *parent, const char *name)
{
    json_t *child = json_object_get(parent, name);
    if (json_is_array(child))
        return child;
    child = json_array();
    json_object_set_new(parent, name, child);
    return child;
}

/* Connect runs the content in the container of this name; sidecars would keep the Job from ending and are left out. */
static json_t *content_container(json_t *spec)
{
    json_t *all = array_in(spec, "containers"), *one, *found = NULL;
    size_t i;
    json_array_foreach(all, i, one)
    {
        if (strcmp(cm_json_text(one, "name", ""), CONTENT_CONTAINER) == 0)
            found = one;
    }
    found = found ? json_incref(found) : json_pack("{s:s}", "name", CONTENT_CONTAINER);
    json_array_clear(all);
    json_array_append_new(all, found);
    return found;
}

static void mount_storage(json_t *spec, json_t *box, const struct cm_trial_wish *w)
{
    json_t *mount = json_pack("{s:s, s:s}", "name", VOLUME, "mountPath", w->mount_path);
    if (w->sub_path && *w->sub_path)
        json_object_set_new(mount, "subPath", json_string(w->sub_path));
    json_array_append_new(array_in(box, "volumeMounts"), mount);
    json_array_append_new(array_in(spec, "volumes"),
                          json_pack("{s:s, s:{s:s}}", "name", VOLUME, "persistentVolumeClaim", "claimName", w->claim));
}

json_t *cm_trial_job(const json_t *base, const struct cm_trial_wish *w)
{
    json_t *job = json_is_object(base) ? json_deep_copy(base) : json_object();
    cm_autofree char *patience = cm_fmt("%d", w->patience_s);
    json_object_set_new(job, "apiVersion", json_string("batch/v1"));
    json_object_set_new(job, "kind", json_string("Job"));
    json_t *meta = object_in(job, "metadata"), *spec = object_in(job, "spec"), *template = object_in(spec, "template");
    json_t *pod = object_in(template, "spec"), *box = content_container(pod);
    json_object_set_new(meta, "name", json_string(w->name));
    json_object_del(meta, "namespace");
    json_object_set_new(object_in(meta, "labels"), "app.kubernetes.io/managed-by", json_string("connect-migrate"));
    json_object_set_new(spec, "backoffLimit", json_integer(0));
    json_object_set_new(spec, "activeDeadlineSeconds", json_integer(TRIAL_LIMIT_S));
    json_object_set_new(spec, "ttlSecondsAfterFinished", json_integer(KEPT_S));
    json_object_set_new(pod, "restartPolicy", json_string("Never"));
    json_object_set_new(box, "image", json_string(w->image));
    json_object_del(box, "args");
    json_object_set_new(box, "command",
                        json_pack("[s, s, s, s, s, s, s, s, s, s, s]", "sh", "-c", script, "sh", w->nonce,
                                  w->claim ? w->mount_path : "", w->hosts, w->paths, w->user ? w->user : "",
                                  w->token ? w->token : "", patience));
    if (w->claim)
        mount_storage(pod, box, w);
    return job;
}

json_t *cm_trial_pod(const json_t *job)
{
    const json_t *template = cm_json_at(job, "spec.template");
    json_t *pod = json_is_object(template) ? json_deep_copy(template) : json_object();
    json_object_set_new(pod, "apiVersion", json_string("v1"));
    json_object_set_new(pod, "kind", json_string("Pod"));
    json_object_set(object_in(pod, "metadata"), "name", json_object_get(json_object_get(job, "metadata"), "name"));
    return pod;
}

/* ---- what it said ---- */

static char *part(const char *log, const char *name)
{
    char *text = cm_part_text(log, strlen(log), name);
    if (text && *text == ' ')
        memmove(text, text + 1, strlen(text));
    return text;
}

void cm_trial_read(const char *log, struct cm_trial_seen *out)
{
    memset(out, 0, sizeof *out);
    cm_autofree char *end = part(log, "end"), *writable = part(log, "writable");
    out->whole = end != NULL;
    out->writable = writable != NULL;
    out->ids = part(log, "ids");
    out->key = part(log, "key");
    out->no_name = part(log, "noname");
    out->no_answer = part(log, "noanswer");
    out->no_trust = part(log, "notrust");
    out->user_id = part(log, "user");
    out->drivers = part(log, "drivers");
    out->seen_after = part(log, "seen");
    out->made = part(log, "made");
    out->missing = part(log, "missing");
}

void cm_trial_fini(struct cm_trial_seen *s)
{
    free(s->ids);
    free(s->key);
    free(s->no_name);
    free(s->no_answer);
    free(s->missing);
    free(s->no_trust);
    free(s->user_id);
    free(s->drivers);
    free(s->seen_after);
    free(s->made);
    memset(s, 0, sizeof *s);
}

/* Reasons as the kubelet and the scheduler give them. */
static bool will_not_pass(const char *reason)
{
    static const char *const reasons[] = {"ErrImagePull",
                                          "ImagePullBackOff",
                                          "InvalidImageName",
                                          "ErrImageNeverPull",
                                          "CreateContainerConfigError",
                                          "CreateContainerError",
                                          "RunContainerError",
                                          NULL};
    for (size_t i = 0; reasons[i]; i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

char *cm_trial_stuck(const json_t *pod, bool *lasting)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    const json_t *one;
    size_t i;
    *lasting = false;
    for (size_t k = 0; k < 2; k++) {
        json_array_foreach(cm_json_at(pod, lists[k]), i, one)
        {
            const char *reason = cm_json_text(one, "state.waiting.reason", "");
            if (!will_not_pass(reason))
                continue;
            *lasting = true;
            return cm_fmt("%s: %.300s", reason, cm_json_text(one, "state.waiting.message", ""));
        }
    }
    json_array_foreach(cm_json_at(pod, "status.conditions"), i, one)
    {
        if (strcmp(cm_json_text(one, "type", ""), "PodScheduled") == 0 && strcmp(cm_json_text(one, "status", ""), "False") == 0)
            return cm_fmt("%s: %.300s", cm_json_text(one, "reason", "Unschedulable"), cm_json_text(one, "message", ""));
    }
    return NULL;
}
