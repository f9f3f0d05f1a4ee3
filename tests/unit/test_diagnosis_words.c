/* actions: the words by which a cause is known: those of kubelets, container runtimes, schedulers and of Connect, in plain text, logfmt and
 * JSON; and words that look like a cause and are none. Each row of the table is staged here by at least one line. */
#include <config.h>

#include "diagnosis_stage.h"

#include <stdlib.h>

#include "actions/target.h"
#include "actions/target_causes.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"

#define DATA "/var/lib/rstudio-connect"
#define DB "Unable to initialize the database: "

/* One thing that is seen, and a part of the cause that must be told, the only one; NULL: none. */
struct words {
    enum cm_sight of;
    const char *text; /* a log, or "REASON: message" */
    const char *cause;
};

static const struct words logs[] = {
    {CM_SIGHT_LOG, "2026-11-29T21:00:01Z ERROR " DB "Secret key mismatch: the stored key hash differs", "not the old server's"},
    {CM_SIGHT_LOG,
     "time=\"2026-11-29T21:00:01Z\" level=fatal msg=\"" DB "pq: password authentication failed for user \\\"rsc\\\"\"",
     "refuses the password"},
    {CM_SIGHT_LOG, "{\"level\":\"error\",\"msg\":\"" DB "FATAL: password authentication failed for role \\\"rsc\\\"\"}",
     "refuses the password"},
    {CM_SIGHT_LOG,
     "Error: cannot begin: pq: no pg_hba.conf entry for host \"10.42.1.7\", user \"rsc\", database \"rsc\", no encryption",
     "does not let the pod's address in"},
    {CM_SIGHT_LOG, "Error: " DB "FATAL: pg_hba.conf rejects connection for host \"10.42.1.7\"",
     "does not let the pod's address in"},
    {CM_SIGHT_LOG, "Error: cannot begin: pq: SSL is not enabled on the server", "speaks no TLS"},
    {CM_SIGHT_LOG, "Error: " DB "tls error: server refused TLS connection", "speaks no TLS"},
    {CM_SIGHT_LOG, "Error: " DB "x509: certificate signed by unknown authority", "does not trust the database's certificate"},
    {CM_SIGHT_LOG, "Error: " DB "pq: sorry, too many clients already", "takes no more connections"},
    {CM_SIGHT_LOG, "Error: " DB "pq: database \"rsc\" does not exist", "or its role, is not there"},
    {CM_SIGHT_LOG, "{\"level\":\"error\",\"msg\":\"" DB "dial tcp: lookup pg.corp on 10.96.0.10:53: no such host\"}",
     "cannot be resolved"},
    {CM_SIGHT_LOG, "Error: " DB "dial tcp: lookup pg.corp on 10.96.0.10:53: read udp 10.42.0.3: i/o timeout", "cannot be resolved"},
    {CM_SIGHT_LOG, "Error: " DB "\n  cause: dial tcp 10.9.8.7:6432: connect: connection timed out", "the database is not reached"},
    {CM_SIGHT_LOG, "ERROR: failed to connect: dial tcp 10.9.8.7:5432: connect: connection refused", "the database is not reached"},
    {CM_SIGHT_LOG, "Error: Unable to configure execution environments: unable to initialize local environment: no R",
     "not in the image"},
    {CM_SIGHT_LOG, "Error: Python.Executable \"/opt/py/bin/python\" cannot be analyzed", "names a path that is not in the image"},
    {CM_SIGHT_LOG, "{\"level\":\"fatal\",\"msg\":\"can't store data at section \\\"Serverr\\\"\"}", "is misspelt"},
    {CM_SIGHT_LOG, "Error: cannot store data at section \"Serverr\", variable \"Adress\"", "is misspelt"},
    {CM_SIGHT_LOG, "Error: Unknown setting \"Jobs.MaxCompletedd\"", "does not know a setting"},
    {CM_SIGHT_LOG,
     "#----> prestart.bash 2026-11-29T21:00:00: Checking kubernetes health via https://10.96.0.1:443\n    curl: (60) SSL certificate problem",
     "cannot reach the cluster's API"},
    {CM_SIGHT_LOG, "cat: /var/run/secrets/kubernetes.io/serviceaccount/token: No such file or directory",
     "no token of its service account"},
    {CM_SIGHT_LOG, "chown: changing ownership of '" DATA "/apps': Operation not permitted", "forbids changing owners"},
    {CM_SIGHT_LOG, "Error: mkdir " DATA "/db: read-only file system", "for reading only"},
    {CM_SIGHT_LOG, "Error: write " DATA "/x: no space left on device", "is full"},
    {CM_SIGHT_LOG, "{\"level\":\"error\",\"error\":\"open " DATA "/db/secret.key: permission denied\"}", "may not read or write"},
    {CM_SIGHT_LOG, "{\"result\": 20, \"action\": \"activating product key\", \"message\": \"no connection\"}",
     "cannot be activated"},
    {CM_SIGHT_LOG, "Error activating product key: (13) the activations are used up", "cannot be activated"},
    {CM_SIGHT_LOG, "/usr/local/bin/startup.sh: line 9: /opt/rstudio-connect/bin/license-manager: No such file or directory",
     "hides /opt/rstudio-connect"},
    {CM_SIGHT_LOG,
     "{\"level\":\"error\",\"msg\":\"pods is forbidden: User \\\"system:serviceaccount:posit:connect\\\" cannot list resource \\\"pods\\\"\"}",
     "lacks a right"},
    {CM_SIGHT_LOG,
     "E1129 21:00:00.000001 7 x.go:1] jobs.batch is forbidden: User \"system:serviceaccount:posit:connect\" cannot create",
     "lacks a right"},
    {CM_SIGHT_LOG, "Error: job 4: serviceaccount r-jobs must carry connect.posit.co/service-account=true",
     "does not carry the label"},
    {CM_SIGHT_LOG, "Error: job 4: service account \"r-jobs\" is not allowed to run content", "does not carry the label"},
    {CM_SIGHT_LOG, "Error: job 4: serviceaccounts \"r-jobs\" not found", "does not carry the label"},
    {CM_SIGHT_LOG, "ERROR chronicle: dial unix /run/chronicle.sock: connect: no such file or directory",
     "Chronicle agent that is not there"},
    {CM_SIGHT_LOG, "exec /usr/local/bin/startup.sh: exec format error", "another processor"},
    {CM_SIGHT_LOG, "exec /usr/local/bin/startup.sh: no such file or directory", "a program is not in the container"},
};

static const struct words states[] = {
    {CM_SIGHT_STATE, "CreateContainerConfigError: container has runAsNonRoot and image will run as root (container: connect)",
     "may not be root"},
    {CM_SIGHT_STATE, "CreateContainerConfigError: secret \"pg\" not found", "a Secret that the pod names is not there"},
    {CM_SIGHT_STATE, "CreateContainerConfigError: configmap \"odbc\" not found", "a ConfigMap that the pod names is not there"},
    {CM_SIGHT_STATE, "CreateContainerConfigError: couldn't find key pw in Secret posit/pg", "lacks the key"},
    {CM_SIGHT_STATE,
     "CreateContainerConfigError: failed to prepare subPath for volumeMount \"rsc-volume\" of container \"connect\"",
     "sub-path of the volume"},
    {CM_SIGHT_STATE, "CreateContainerConfigError: services have not yet been read", "is missing, or lacks the key"},
    {CM_SIGHT_STATE,
     "RunContainerError: failed to create containerd task: exec: \"/start\": stat /start: no such file or directory: unknown",
     "a program is not in the container"},
    {CM_SIGHT_STATE, "CreateContainerError: executable file `start` not found: No such file or directory",
     "a program is not in the container"},
    {CM_SIGHT_STATE, "InvalidImageName: couldn't parse image name \"posit/Connect:\"", "the name of an image is not valid"},
    {CM_SIGHT_STATE, "ErrImagePull: reading manifest 9 in reg.corp/connect: unauthorized: authentication required",
     "does not let the node in"},
    {CM_SIGHT_STATE, "ErrImagePull: reading manifest 9 in reg.corp/connect: manifest unknown", "none of this name and tag"},
    {CM_SIGHT_STATE,
     "ErrImagePull: pinging container registry reg.corp: Get \"https://reg.corp/v2/\": x509: certificate signed by unknown authority",
     "do not trust the registry's certificate"},
    {CM_SIGHT_STATE,
     "ErrImagePull: pinging container registry reg.corp: Get \"https://reg.corp/v2/\": dial tcp: lookup reg.corp: no such host",
     "registry's name cannot be resolved"},
    {CM_SIGHT_STATE, "ErrImagePull: failed to do request: Head \"https://reg.corp/v2/x\": dial tcp 10.0.0.4:443: i/o timeout",
     "the registry is not reached"},
    {CM_SIGHT_STATE, "ErrImagePull: toomanyrequests: You have reached your unauthenticated pull rate limit", "too many requests"},
    {CM_SIGHT_STATE, "ErrImagePull: no match for platform in manifest sha256:4299: not found", "not made for the node's processor"},
    {CM_SIGHT_STATE, "ErrImagePull: failed to extract layer: write /var/lib/containerd/x: no space left on device",
     "the node's disk is full"},
    {CM_SIGHT_STATE, "ErrImageNeverPull: Container image \"connect:9\" is not present with pull policy of Never",
     "pull policy Never"},
    {CM_SIGHT_STATE, "ErrImagePull: rpc error: code = Unknown desc = something odd", "an image cannot be pulled: its name or tag"},
    {CM_SIGHT_STATE, "ImagePullBackOff: Back-off pulling image \"reg.corp/connect:9\"",
     "an image cannot be pulled: its name or tag"},
};

static const struct words events[] = {
    {CM_SIGHT_EVENT,
     "Failed: Failed to pull image \"reg.corp/connect:9\": failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
     "does not let the node in"},
    {CM_SIGHT_EVENT, "Failed: Failed to pull image \"reg.corp/connect:9\": it did not work",
     "an image cannot be pulled: its name or tag"},
    {CM_SIGHT_EVENT,
     "FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (reg); attempting to pull may not succeed",
     "a pull secret that the pod names is not there"},
    {CM_SIGHT_EVENT, "FailedMount: MountVolume.SetUp failed for volume \"lic\" : references non-existent secret key: rsc.lic",
     "lacks the key"},
    {CM_SIGHT_EVENT,
     "FailedMount: MountVolume.SetUp failed for volume \"d\" : mount failed: exit status 32 mount.nfs: access denied by server while mounting nas:/images",
     "export does not let the node in"},
    {CM_SIGHT_EVENT, "FailedMount: mount.nfs: Operation not permitted", "export does not let the node in"},
    {CM_SIGHT_EVENT, "FailedMount: mounting nas:/x failed, reason given by server: No such file or directory",
     "its path is not there"},
    {CM_SIGHT_EVENT, "FailedMount: mount.nfs: Protocol not supported", "does not speak the version"},
    {CM_SIGHT_EVENT,
     "FailedMount: mount: /x: bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.",
     "lacks the programs or the driver"},
    {CM_SIGHT_EVENT, "FailedMount: driver name nfs.csi.k8s.io not found in the list of registered CSI drivers",
     "lacks the programs or the driver"},
    {CM_SIGHT_EVENT, "FailedMount: mount.nfs: Connection timed out for nas:/x", "the file server is not reached"},
    {CM_SIGHT_EVENT, "FailedMount: mount.nfs: Failed to resolve server nas.corp: Name or service not known",
     "file server's name cannot be resolved"},
    {CM_SIGHT_EVENT, "FailedMount: applyFSGroup failed for vol d: lchown /x: operation not permitted", "forbids changing owners"},
    {CM_SIGHT_EVENT, "FailedMount: Unable to attach or mount volumes: unmounted volumes=[d]: timed out waiting for the condition",
     "a volume cannot be mounted: the file server is not reached, its export"},
    {CM_SIGHT_EVENT, "FailedAttachVolume: AttachVolume.Attach failed for volume \"d\" : rpc error", "a volume cannot be mounted"},
    {CM_SIGHT_EVENT, "FailedAttachVolume: Multi-Attach error for volume \"d\" Volume is already used by pod(s) x", "one at a time"},
    {CM_SIGHT_EVENT, "FailedScheduling: 0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {gpu: yes}.",
     "no node can take"},
    {CM_SIGHT_EVENT, "FailedScheduling: 0/4 nodes are available: 4 node(s) had taint {a: b}, that the pod didn't tolerate.",
     "no node can take"},
    {CM_SIGHT_EVENT, "FailedScheduling: 0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector.",
     "no node can take"},
    {CM_SIGHT_EVENT, "FailedScheduling: no nodes available to schedule pods", "no node can take"},
    {CM_SIGHT_EVENT,
     "FailedScheduling: 0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/4 nodes are available",
     "a claim is not bound"},
    {CM_SIGHT_EVENT, "FailedScheduling: 0/4 nodes are available: persistentvolumeclaim \"d\" not found.",
     "names a claim that is not there"},
    {CM_SIGHT_EVENT, "FailedScheduling: 0/4 nodes are available: 4 node(s) didn't find available persistent volumes to bind.",
     "no volume fits the claim"},
    {CM_SIGHT_EVENT, "FailedScheduling: 0/4 nodes are available: 4 node(s) had volume node affinity conflict.",
     "no node is that can take the pod"},
    {CM_SIGHT_EVENT, "Unhealthy: Startup probe failed: HTTP probe failed with statuscode: 402", "no license that it accepts"},
    {CM_SIGHT_EVENT, "Failed: Error: exec: \"start.sh\": executable file not found in $PATH: unknown",
     "a program is not in the container"},
};

static const struct words claims[] = {
    {CM_SIGHT_EVENT, "FailedBinding: no persistent volumes available for this claim and no storage class is set",
     "no volume fits the claim"},
    {CM_SIGHT_EVENT, "VolumeMismatch: Cannot bind to requested volume \"d\": requested PV is too small",
     "no volume fits the claim"},
    {CM_SIGHT_EVENT, "ProvisioningFailed: storageclass.storage.k8s.io \"efs\" not found", "a storage class that is not there"},
    {CM_SIGHT_EVENT, "ProvisioningFailed: failed to provision volume: rpc error: code = Internal", "cannot make a volume"},
};

static const struct words sets[] = {
    {CM_SIGHT_EVENT, "FailedCreate: Error creating: pods \"c-1\" is forbidden: exceeded quota: q, requested: limits.cpu=2",
     "quota is used up"},
    {CM_SIGHT_EVENT,
     "FailedCreate: Error creating: pods \"c-1\" is forbidden: failed quota: q: must specify limits.memory for: connect",
     "quota is used up"},
    {CM_SIGHT_EVENT,
     "FailedCreate: Error creating: pods \"c-1\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi",
     "limit range refuses"},
    {CM_SIGHT_EVENT, "FailedCreate: Error creating: pods \"c-1\" is forbidden: violates PodSecurity \"restricted:latest\"",
     "pod security level"},
    {CM_SIGHT_EVENT, "FailedCreate: pods \"c-1\" is forbidden: unable to validate against any security context constraint: [x]",
     "pod security level"},
    {CM_SIGHT_EVENT, "FailedCreate: admission webhook \"rules.corp\" denied the request: no owner label",
     "admission rule of the cluster refuses"},
    {CM_SIGHT_EVENT, "FailedCreate: pods \"c-1\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
     "admission rule of the cluster refuses"},
    {CM_SIGHT_EVENT, "FailedCreate: Internal error occurred: failed calling webhook \"inject.corp\": connect: connection refused",
     "webhook of the cluster does not answer"},
    {CM_SIGHT_EVENT,
     "FailedCreate: pods \"c-1\" is forbidden: error looking up service account posit/c: serviceaccount \"c\" not found",
     "service account that a pod names is not there"},
};

static const struct words helm[] = {
    {CM_SIGHT_HELM, "Error: execution error at (x/templates/y.yaml:1:2): choose one", "the chart refuses the values"},
    {CM_SIGHT_HELM, "Error: YAML parse error on x/templates/y.yaml", "is no YAML"},
    {CM_SIGHT_HELM, "coalesce.go:286: warning: cannot overwrite table with non table for x", "has a section"},
    {CM_SIGHT_HELM, "Error: values don't meet the specifications of the schema(s) in the following chart(s)", "schema refuses"},
    {CM_SIGHT_HELM, "Error: admission webhook \"rules.corp\" denied the request: no", "admission rule of the cluster refuses"},
    {CM_SIGHT_HELM, "Error: ValidatingAdmissionPolicy 'p' denied request", "admission rule of the cluster refuses"},
    {CM_SIGHT_HELM, "Error: services \"x\" is forbidden: exceeded quota: q", "quota is used up"},
};

/* What looks like a cause, and the program lived on, or somebody else is meant. */
static const char *const harmless[] = {
    "time=\"2026-11-29T21:00:01Z\" level=info msg=\"GET /content/x open " DATA
    "/apps/9: permission denied\"\npanic: index out of range",
    "10.0.0.1 - - \"GET /__api__/v1/pods is forbidden: User \"system:serviceaccount:x\" HTTP/1.1\" 403 12",
    "2026/11/29 21:00:01 WARN " DB
    "dial tcp 10.0.0.9:5432: i/o timeout\n2026/11/29 21:00:09 INFO database is ready\nERROR bad day: code 77",
    DB "dial tcp 10.0.0.9:5432: i/o timeout; will retry in 5s\nstarting HTTP listener\npanic: runtime error: nil pointer",
    "level=warning msg=\"unknown setting Server.Old is ignored\"\nlevel=error msg=\"code 77\"",
    "level=debug msg=\"chronicle: socket timeout is 30 s\"",
    "Chronicle agent listens on a socket, timeout=30s",
    "watching service accounts by label connect.posit.co/service-account=true",
    "{\"result\": 0, \"action\": \"activating product key\"}",
    "Checking kubernetes health via https://10.96.0.1:443\n    ok\n\n#----> prestart.bash: Replacing process with startup.sh\ncurl: (6) hook",
    "Error: mail relay refused: dial tcp 10.0.0.9:25: connect: connection refused\nError: /etc/motd: permission denied",
    "E1129 21:00:00.000001 7 x.go:1] the lease was lost",
};

/* ---- staging ---- */

static json_t *message_of(const char *text, char **reason)
{
    const char *colon = strstr(text, ": ");
    *reason = cm_strndup(text, colon == NULL ? strlen(text) : (size_t)(colon - text));
    return json_string(colon == NULL ? "" : colon + 2);
}

static void put_json(struct cm_step *st, const char *name, json_t *item)
{
    cm_autojson list = json_pack("{s:[o]}", "items", item);
    char *text = json_dumps(list, 0);
    scene_put(st, name, text, 0600);
    free(text);
}

static json_t *container(const char *reason, json_t *message, int restarts)
{
    return json_pack("{s:s, s:b, s:i, s:{s:{s:s, s:o}}}", "name", "connect", "ready", 0, "restartCount", restarts, "state",
                     "waiting", "reason", reason, "message", message);
}

static void put_pod(struct cm_step *st, json_t *box)
{
    json_t *boxes = box == NULL ? json_array() : json_pack("[o]", box);
    put_json(
        st, "pods",
        json_pack("{s:{s:s}, s:{s:s, s:o}}", "metadata", "name", POD, "status", "phase", "Pending", "containerStatuses", boxes));
}

static json_t *event(const char *kind, const char *name, const char *text, const char *at)
{
    cm_autofree char *reason = NULL;
    json_t *message = message_of(text, &reason);
    return json_pack("{s:s, s:s, s:o, s:s, s:{s:s, s:s}}", "type", strcmp(reason, "FailedBinding") == 0 ? "Normal" : "Warning",
                     "reason", reason, "message", message, "lastTimestamp", at, "involvedObject", "kind", kind, "name", name);
}

static char *told(struct cm_step *st, const struct words *w, const char *kind, const char *name)
{
    cm_autofree char *reason = NULL;
    json_t *message = message_of(w->text, &reason);
    bool probe = cm_starts(w->text, "Unhealthy");
    if (w->of == CM_SIGHT_LOG) {
        put_pod(st, container("CrashLoopBackOff", json_string("back-off"), 2));
        scene_put(st, "log", w->text, 0600);
    } else if (w->of == CM_SIGHT_STATE) {
        put_pod(st, container(reason, json_incref(message), 0));
    } else if (strcmp(kind, "ReplicaSet") != 0) {
        put_pod(st, probe ? container("CrashLoopBackOff", json_string("x"), 1) : NULL);
    }
    if (strcmp(kind, "PersistentVolumeClaim") == 0)
        scene_put(st, "pvc", "{\"status\":{\"phase\":\"Pending\"}}", 0600);
    if (w->of == CM_SIGHT_EVENT)
        put_json(st, "events", event(kind, name, w->text, "2026-01-01T00:00:00Z"));
    json_decref(message);
    return cm_target_diagnosis(st);
}

static void each(const struct words *list, size_t count, const char *kind, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        void *own = NULL;
        begin(&own);
        cm_autofree char *text = told(own, &list[i], kind, name);
        if (causes_in(text) != 1 || strstr(text, list[i].cause) == NULL)
            fail_msg("%s\n---\n%s", list[i].text, text);
        end(&own);
    }
}

#define EACH(list, kind, name) each(list, sizeof list / sizeof *list, kind, name)

static void what_connect_logs_is_known_in_each_form(void **state)
{
    (void)state;
    EACH(logs, "Pod", POD);
}

static void what_kubelets_and_runtimes_say_is_known(void **state)
{
    (void)state;
    EACH(states, "Pod", POD);
    EACH(events, "Pod", POD);
}

static void what_is_said_of_claims_and_sets_is_known(void **state)
{
    (void)state;
    EACH(claims, "PersistentVolumeClaim", "data-claim");
    EACH(sets, "ReplicaSet", "connect-rstudio-connect-abc");
}

static void what_looks_like_a_cause_and_ended_well_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        void *own = NULL;
        begin(&own);
        const struct words w = {CM_SIGHT_LOG, harmless[i], NULL};
        cm_autofree char *text = told(own, &w, "Pod", POD);
        if (causes_in(text) != 0)
            fail_msg("%s\n---\n%s", harmless[i], text);
        end(&own);
    }
}

static bool hits(const struct cm_cause *c, const struct words *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *evidence;
        size_t bytes;
        if (cm_cause_of(list[i].of, list[i].text, DATA, &evidence, &bytes) == c)
            return true;
    }
    return false;
}

static void no_row_of_the_table_is_without_a_stage(void **state)
{
    (void)state;
    static const struct words others[] = {{CM_SIGHT_SHAPE, CM_SHAPE_SILENT, ""},
                                          {CM_SIGHT_SHAPE, CM_SHAPE_TWO, ""},
                                          {CM_SIGHT_STATE, "ended before: OOMKilled, exit code 137", ""},
                                          {CM_SIGHT_STATE, "Evicted: The node was low on resource: memory", ""},
                                          {CM_SIGHT_EVENT, "Failed: serviceaccounts \"c\" not found", ""}};
#define HITS(list) hits(c, list, sizeof list / sizeof *list)
    for (const struct cm_cause *c = cm_causes; c->id != NULL; c++) {
        if (!HITS(logs) && !HITS(states) && !HITS(events) && !HITS(claims) && !HITS(sets) && !HITS(helm) && !HITS(others))
            fail_msg("nothing stages %s: %s", c->id, c->sign);
        assert_non_null(c->remedy);
    }
}

/* ---- what is past, and what says more ---- */

static void a_missing_secret_is_told_and_not_the_time_that_ran_out_for_it(void **state)
{
    struct cm_step *st = *state;
    put_pod(st, NULL);
    cm_autojson list = json_pack(
        "{s:[o,o,o]}", "items",
        event("Pod", POD, "FailedMount: MountVolume.SetUp failed for volume \"lic\" : secret \"lic\" not found",
              "2026-01-01T00:00:00Z"),
        event("Pod", POD,
              "FailedMount: Unable to attach or mount volumes: unmounted volumes=[lic]: timed out waiting for the condition",
              "2026-01-01T00:02:00Z"),
        event("Pod", POD, "FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu", "2026-01-01T00:00:00Z"));
    char *text = json_dumps(list, 0);
    scene_put(st, "events", text, 0600);
    free(text);

    put_pod(st, container("ContainerCreating", json_string(""), 0));
    cm_autofree char *told_text = cm_target_diagnosis(st);

    assert_int_equal(causes_in(told_text), 1);
    assert_non_null(strstr(told_text, "a Secret that the pod names is not there"));
    assert_null(strstr(told_text, "Insufficient")); /* it has a node since */
}

static void what_a_container_has_overcome_is_no_cause(void **state)
{
    static const char *const overcome[] = {"Failed: Failed to pull image \"x\": dial tcp: i/o timeout",
                                           "Failed: Error: secret \"pg\" not found", "FailedMount: mount.nfs: Connection refused",
                                           "FailedScheduling: no nodes available to schedule pods"};
    (void)state;
    for (size_t i = 0; i < sizeof overcome / sizeof *overcome; i++) {
        void *own = NULL;
        begin(&own);
        put_pod(own, container("CrashLoopBackOff", json_string("back-off"), 2));
        put_json(own, "events", event("Pod", POD, overcome[i], "2026-01-01T00:00:00Z"));
        scene_put(own, "log", "panic: index out of range\n", 0600);
        cm_autofree char *text = cm_target_diagnosis(own);
        if (causes_in(text) != 0)
            fail_msg("%s", text);
        end(&own);
    }
}

static void the_newest_answer_of_a_probe_counts(void **state)
{
    struct cm_step *st = *state;
    put_pod(st, container("CrashLoopBackOff", json_string("x"), 1));
    cm_autojson list = json_pack("{s:[o,o]}", "items",
                                 event("Pod", POD, "Unhealthy: HTTP probe failed with statuscode: 402", "2026-01-01T00:00:00Z"),
                                 event("Pod", POD, "Unhealthy: HTTP probe failed with statuscode: 503", "2026-01-01T00:00:09Z"));
    char *text = json_dumps(list, 0);
    scene_put(st, "events", text, 0600);
    free(text);

    cm_autofree char *told_text = cm_target_diagnosis(st);

    assert_int_equal(causes_in(told_text), 0);
    assert_non_null(strstr(told_text, "statuscode: 503"));
}

static void a_pod_of_the_older_revision_is_shown_and_explains_nothing(void **state)
{
    struct cm_step *st = *state;
    cm_autojson pods = json_loads(
        "{\"items\":[{\"metadata\":{\"name\":\"old-1\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"labels\":{\"pod-template-hash\":\"a\"}},"
        "\"status\":{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"connect\",\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\"}}}]}},"
        "{\"metadata\":{\"name\":\"new-1\",\"creationTimestamp\":\"2026-01-01T00:05:00Z\",\"labels\":{\"pod-template-hash\":\"b\"}},"
        "\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"connect\",\"restartCount\":2,"
        "\"lastState\":{\"terminated\":{\"reason\":\"OOMKilled\",\"exitCode\":137}},\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}}]}",
        0, NULL);
    char *text = json_dumps(pods, 0);
    scene_put(st, "pods", text, 0600);
    free(text);

    cm_autofree char *told_text = cm_target_diagnosis(st);

    assert_non_null(strstr(told_text, "likely cause: the container was ended because it used more memory than its limit"));
    assert_null(strstr(told_text, "likely cause: an image cannot be pulled"));
    assert_non_null(strstr(told_text, "pod old-1: Pending, of an older revision"));
}

static void a_container_that_runs_again_is_judged_by_how_it_ended_before(void **state)
{
    struct cm_step *st = *state;
    put_json(st, "pods",
             json_pack("{s:{s:s}, s:{s:s, s:[{s:s, s:b, s:i, s:{s:{}}}]}}", "metadata", "name", POD, "status", "phase", "Running",
                       "containerStatuses", "name", "connect", "ready", 0, "restartCount", 1, "state", "running"));
    scene_put(st, "log", "Error: " DB "dial tcp 10.0.0.9:5432: i/o timeout\n", 0600);
    scene_put(st, "log.before", "panic: index out of range\n", 0600);

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_int_equal(causes_in(text), 0);
    assert_non_null(strstr(text, "panic: index out of range"));
}

static void half_of_a_secret_is_not_shown_where_a_line_is_cut(void **state)
{
    struct cm_step *st = *state;
    cm_mask_add("CANARY-that-is-long-0123456789");
    cm_autofree char *line =
        cm_fmt("Error: " DB "password authentication failed for user \"%0560d\" CANARY-that-is-long-0123456789", 7);
    scene_put(st, "log", line, 0600);
    put_pod(st, container("CrashLoopBackOff", json_string("x"), 1));

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_null(strstr(text, "CANARY"));
    assert_int_equal(causes_in(text), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_connect_logs_is_known_in_each_form),
        cmocka_unit_test(what_kubelets_and_runtimes_say_is_known),
        cmocka_unit_test(what_is_said_of_claims_and_sets_is_known),
        cmocka_unit_test(what_looks_like_a_cause_and_ended_well_is_none),
        cmocka_unit_test(no_row_of_the_table_is_without_a_stage),
        T(a_missing_secret_is_told_and_not_the_time_that_ran_out_for_it),
        cmocka_unit_test(what_a_container_has_overcome_is_no_cause),
        T(the_newest_answer_of_a_probe_counts),
        T(a_pod_of_the_older_revision_is_shown_and_explains_nothing),
        T(a_container_that_runs_again_is_judged_by_how_it_ended_before),
        T(half_of_a_secret_is_not_shown_where_a_line_is_cut),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
