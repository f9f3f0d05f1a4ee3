/* actions/target_diagnosis.c: why pods do not become ready, in words: container states, events, last log lines, matched against
 * what is known of Connect and its chart. The table's sources: the chart's issues, Connect's documents on PostgreSQL, NFS and
 * licensing, and Kubernetes' own reasons. Does not: mend anything. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "actions/target.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"

enum { EVENTS_SHOWN = 8, LOG_LINES = 15 };

struct cause {
    const char *sign, *means;
};

static const struct cause causes[] = {
    {"Secret key mismatch", "the data folder in the pod is not the old server's (another or an empty one), or Database.Dir was "
                            "elsewhere. Mount the right PVC or sub-path; never run reset-secret-key."},
    {"password authentication failed", "the database refuses the password that the pod has. Look at the Secret behind "
                                       "CONNECT_POSTGRES_PASSWORD."},
    {"no pg_hba.conf entry", "the database does not let this pod's address in. Ask for a pg_hba.conf entry for the cluster's "
                             "network."},
    {"SSL is not enabled", "the database speaks no TLS, and Connect expects it. Add ?sslmode=disable to Postgres.URL if that is "
                           "meant."},
    {"no such host", "a name cannot be resolved in the pod. Look at the host names in the values and at the cluster's DNS."},
    {"i/o timeout", "a host is not reached from the pod. Look at network policies and firewalls between cluster and database."},
    {"Checking kubernetes health", "the start script cannot reach the cluster's API from the pod: network policy, proxy without "
                                   "NO_PROXY, or no service account token."},
    {"Unable to configure execution environments", "a runtime's path of the configuration is not in the image. Drop the "
                                                   "Executable settings of the old server."},
    {"cannot be analyzed", "an Executable of the configuration is not in the image. Drop that setting."},
    {"unknown setting", "this version of Connect does not know a setting of the values. Remove it."},
    {"can't store data", "a section or key of the values is misspelt or not known to this version. Remove it."},
    {"Operation not permitted", "the storage forbids changing owners (root_squash). Export it with no_root_squash."},
    {"permission denied", "Connect in the pod may not read or write its data folder. Compare owners and ids with the old server."},
    {"activating product key", "the license cannot be activated from the pod. Use a license file, or open the way out."},
    {"license-manager: No such file", "a volume hides /opt/rstudio-connect in the pod. Remove that mount."},
    {"ErrImagePull", "an image cannot be pulled. Look at its name, the pull secret and the registry."},
    {"ImagePullBackOff", "an image cannot be pulled. Look at its name, the pull secret and the registry."},
    {"InvalidImageName", "the name of an image is not valid. Look at image.repository and image.tag."},
    {"CreateContainerConfigError", "a Secret or ConfigMap that the pod names is missing, or lacks the key."},
    {"FailedScheduling", "no node can take the pod: resources, selectors, taints, or an unbound PVC."},
    {"unbound immediate PersistentVolumeClaims", "the PVC is not bound. Look at `kubectl get pvc,pv`."},
    {"FailedMount", "a volume cannot be mounted: NFS not reached, export rules, or a path that is not there."},
    {"exceeded quota", "the namespace's quota is used up."},
    {"violates PodSecurity", "the namespace's pod security level refuses the pod."},
    {"402", "the server answers 402: no license, an expired one, or one it cannot read."},
    {NULL, NULL},
};

static void add_states(struct cm_str *out, const json_t *pod, const char *which)
{
    const json_t *list = cm_json_at(pod, which), *c;
    size_t i;
    json_array_foreach(list, i, c)
    {
        const char *reason = cm_json_text(c, "state.waiting.reason", NULL);
        const char *message = cm_json_text(c, "state.waiting.message", "");
        if (reason == NULL) {
            reason = cm_json_text(c, "state.terminated.reason", NULL);
            message = cm_json_text(c, "state.terminated.message", "");
        }
        if (reason != NULL)
            cm_str_addf(out, "  container %s: %s%s%s\n", cm_json_text(c, "name", "?"), reason, *message ? ": " : "", message);
        int64_t restarts = cm_json_int(c, "restartCount", 0);
        if (restarts > 0)
            cm_str_addf(out, "  container %s: restarted %d times\n", cm_json_text(c, "name", "?"), (int)restarts);
    }
}

static void add_log(struct cm_step *step, struct cm_str *out, const char *pod)
{
    cm_autofree char *log = NULL;
    if (cm_kube_logs(step, pod, "connect", LOG_LINES, &log, NULL) < 0 || log == NULL || *log == '\0')
        return;
    cm_str_addf(out, "  last lines of its log:\n");
    for (const char *line = log; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        cm_str_addf(out, "    %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static void add_events(struct cm_step *step, struct cm_str *out, const char *fullname)
{
    cm_autojson list = NULL;
    enum cm_seen seen;
    if (cm_kube_get(step, "events", NULL, NULL, &list, &seen, NULL) < 0 || seen != CM_SEEN)
        return;
    const json_t *items = json_object_get(list, "items");
    size_t shown = 0;
    for (size_t i = json_array_size(items); i-- > 0 && shown < EVENTS_SHOWN;) {
        const json_t *e = json_array_get(items, i);
        if (!cm_starts(cm_json_text(e, "involvedObject.name", ""), fullname) || strcmp(cm_json_text(e, "type", ""), "Normal") == 0)
            continue;
        cm_str_addf(out, "  event %s: %s\n", cm_json_text(e, "reason", "?"), cm_json_text(e, "message", ""));
        shown++;
    }
}

static void add_causes(struct cm_str *out, const char *seen)
{
    const char *said = NULL;
    for (const struct cause *c = causes; c->sign != NULL; c++) {
        if (strstr(seen, c->sign) == NULL || (said != NULL && strcmp(said, c->means) == 0))
            continue;
        cm_str_addf(out, "likely cause: %s\n", c->means);
        said = c->means;
    }
}

char *cm_target_diagnosis(struct cm_step *step)
{
    cm_autostr seen = CM_STR(CM_STR_PAGE);
    cm_autojson pods = NULL;
    cm_autoerr why = NULL;
    size_t i;
    json_t *pod;
    if (cm_target_pods(step, &pods, &why) < 0)
        cm_str_addf(&seen, "the pods could not be looked at: %s\n", cm_err_message(why));
    else if (json_array_size(pods) == 0)
        cm_str_addf(&seen, "there is no pod of the release yet\n");
    json_array_foreach(pods, i, pod)
    {
        const char *name = cm_json_text(pod, "metadata.name", "?");
        cm_str_addf(&seen, "pod %s: %s\n", name, cm_json_text(pod, "status.phase", "unknown"));
        add_states(&seen, pod, "status.initContainerStatuses");
        add_states(&seen, pod, "status.containerStatuses");
        add_log(step, &seen, name);
    }
    add_events(step, &seen, cm_target_fullname(step));
    cm_autostr out = CM_STR(CM_STR_PAGE);
    add_causes(&out, cm_str_text(&seen));
    cm_str_add(&out, cm_str_text(&seen));
    return cm_mask(cm_str_text(&out));
}

/* ---- what will not pass by itself ---- */

static bool hopeless(const char *reason)
{
    static const char *const reasons[] = {
        "ImagePullBackOff",           "ErrImagePull",         "InvalidImageName",  "CrashLoopBackOff",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", NULL};
    for (size_t i = 0; reasons[i] != NULL; i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

static const json_t *hopeless_container(const json_t *pods, const char **pod_name)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses", NULL};
    size_t i, k;
    const json_t *pod, *c;
    json_array_foreach(pods, i, pod)
    {
        for (size_t l = 0; lists[l] != NULL; l++) {
            json_array_foreach(cm_json_at(pod, lists[l]), k, c)
            {
                if (!hopeless(cm_json_text(c, "state.waiting.reason", "")))
                    continue;
                *pod_name = cm_json_text(pod, "metadata.name", "?");
                return c;
            }
        }
    }
    return NULL;
}

char *cm_target_stuck(const json_t *pods, int64_t now_wall_ms, int64_t lasting_ms, int64_t *since)
{
    const char *pod = NULL;
    const json_t *c = hopeless_container(pods, &pod);
    if (c == NULL) {
        *since = 0;
        return NULL;
    }
    if (*since == 0)
        *since = now_wall_ms;
    if (now_wall_ms - *since < lasting_ms)
        return NULL;
    return cm_fmt("container %s of pod %s: %s", cm_json_text(c, "name", "?"), pod, cm_json_text(c, "state.waiting.reason", "?"));
}
