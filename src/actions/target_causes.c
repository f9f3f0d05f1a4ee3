/* actions/target_causes.c: the table of what keeps a Connect in a cluster from working, and how a line is matched with it.
 *
 * Rows that say more stand before those that say less: what the program itself logs, then what Kubernetes says of its pods. Two signs
 * in a row keep a common word ("permission denied", "i/o timeout") from being taken for a cause that it is not. */
#include <config.h>

#include "actions/target_causes.h"

#include <stdbool.h>
#include <string.h>

enum { LINES_BEHIND = 4 }; /* prestart.bash announces a check and curl's words follow; Connect wraps its errors */

#define LOG CM_SIGHT_LOG
#define STATE CM_SIGHT_STATE
#define EVENT CM_SIGHT_EVENT
#define SHAPE CM_SIGHT_SHAPE
#define HELM CM_SIGHT_HELM

#define NO_CHOWN                                                                                                                   \
    "the storage forbids changing owners (root_squash), or the container is not root",                                             \
        .remedy =                                                                                                                  \
            "Export the volume with no_root_squash, or give {data} its new owners on the file server before the start; look at "   \
            "runAsNonRoot in the values."
#define MISSING_PROGRAM                                                                                                            \
    "a program is not in the container: the image does not fit this version of Connect, or a volume hides it (in pods of "         \
    "content: a mount at /opt/rstudio-connect)",                                                                                   \
        .remedy = "Let the versions of server and content-init image agree (versionOverride sets both), and take mounts at "       \
                  "/opt/rstudio-connect out of the content's job base."
#define NO_IMAGE                                                                                                                   \
    "an image cannot be pulled: its name or tag, the pull secret, or the way to the registry",                                     \
        .remedy =                                                                                                                  \
            "Correct image.tag or image.imagePullSecrets in the values; `{kubectl} describe pods` shows the registry's answer."

const struct cm_cause cm_causes[] = {
    /* what Connect, its license manager and its start script say */
    {"secret-key",
     LOG,
     "Secret key mismatch",
     {NULL},
     "the data folder in the pod is not the old server's (another one, or an empty one), or its secret.key lay elsewhere by "
     "Database.Dir",
     .remedy =
         "Mount the claim and sub-path that hold the old data folder ({claim} at {data}), or copy the old secret.key to {data}/db. Never "
         "run reset-secret-key: it makes every stored secret unreadable."},
    {"database-password",
     LOG,
     "Unable to initialize the database",
     {"password authentication failed", NULL},
     "the database refuses the password that the pod has",
     .remedy =
         "Put the right password into the Secret behind CONNECT_POSTGRES_PASSWORD; `{kubectl} get deployment {deployment} -o yaml` names it.",
     .behind = LINES_BEHIND},
    {"database-hba",
     LOG,
     "Unable to initialize the database",
     {"no pg_hba.conf entry", NULL},
     "the database does not let the pod's address in",
     .remedy = "Ask who runs the database for a pg_hba.conf entry for the addresses of the cluster's nodes.",
     .behind = LINES_BEHIND},
    {"database-tls",
     LOG,
     "Unable to initialize the database",
     {"SSL is not enabled", NULL},
     "the database speaks no TLS, and the pod's Connect asks for it",
     .remedy = "Let the database speak TLS, or add ?sslmode=disable to Postgres.URL if that is what the old server used.",
     .behind = LINES_BEHIND},
    {"database-network",
     LOG,
     "Unable to initialize the database",
     {"i/o timeout", "connection refused", "no route to host", NULL},
     "the database is not reached from the pod",
     .remedy =
         "Try `nc -vz HOST 5432` in a pod of namespace {namespace}; look at network policies and at firewalls between cluster and database.",
     .behind = LINES_BEHIND},
    {"database-name",
     LOG,
     "Unable to initialize the database",
     {"no such host", NULL},
     "the database's host name cannot be resolved in the pod",
     .remedy =
         "Write a name into Postgres.URL that the cluster's DNS knows; try it with `nslookup HOST` in a pod of namespace {namespace}.",
     .behind = LINES_BEHIND},
    {"executable",
     LOG,
     "Unable to configure execution environments",
     {NULL},
     "a runtime's path in the configuration (an Executable setting of the old server) is not in the image",
     .remedy = "Take the Executable settings out of the values' config section, so that the chart's own paths are used."},
    {"executable-one",
     LOG,
     "cannot be analyzed",
     {"Executable", NULL},
     "an Executable setting names a path that is not in the image",
     .remedy = "Take that setting out of the values' config section, so that the chart's own path is used."},
    {"setting",
     LOG,
     "can't store data",
     {NULL},
     "a section or key of the values' config is misspelt, or this version of Connect does not know it",
     .remedy = "Take the section or key that the line names out of the values' config section, or correct it."},
    {"setting-unknown",
     LOG,
     "unknown setting",
     {NULL},
     "this version of Connect does not know a setting of the values",
     .remedy = "Take the setting that the line names out of the values' config section."},
    {"prestart",
     LOG,
     "Checking kubernetes health",
     {"curl: (", NULL},
     "the start script in the pod cannot reach the cluster's API: a network policy, a proxy without NO_PROXY, or no service account token",
     .remedy =
         "Allow the way from namespace {namespace} to the API server, put the cluster's addresses into NO_PROXY (pod.env), and let the service "
         "account mount its token (automountServiceAccountToken).",
     .behind = LINES_BEHIND},
    {"chown", LOG, "chown", {"Operation not permitted", "operation not permitted", NULL}, NO_CHOWN},
    {"owners",
     LOG,
     "{data}",
     {"permission denied", "Permission denied", NULL},
     "Connect in the pod may not read or write its data folder: owners or ids differ from the old server's, or root is squashed",
     .remedy =
         "Compare `ls -ln` of the folder on the old server with the ids in the pod (`{kubectl} exec deploy/{deployment} -- id rstudio-connect`); "
         "correct the owners or export the volume with no_root_squash."},
    {"license-activation",
     LOG,
     "activating product key",
     {"\"result\":", NULL},
     "the license key cannot be activated from the pod: no way out, a proxy, TLS, or no activation left",
     .remedy =
         "Use a license file (license.file in the values), or open the way to the license server; free an activation on the old server.",
     .unless = "\"result\":0"},
    {"license-manager",
     LOG,
     "license-manager: No such file",
     {NULL},
     "a volume of the values hides /opt/rstudio-connect in the pod",
     .remedy = "Take the mount at /opt/rstudio-connect out of the values (pod.volumeMounts)."},
    {"role",
     LOG,
     "is forbidden: User \"system:serviceaccount:",
     {NULL},
     "Connect's service account lacks a right that running content needs: its Role is incomplete, or in another namespace",
     .remedy =
         "Let the chart make the Role (rbac.create: true), or add the right that the line names; ask with `{kubectl} auth can-i --list "
         "--as=system:serviceaccount:{namespace}:{deployment}`."},
    {"service-account",
     LOG | EVENT,
     "service account",
     {"connect.posit.co/service-account", "not labeled", "not labelled", "not permitted", "not allowed", NULL},
     "the service account that content runs under does not carry the label connect.posit.co/service-account=true, or is in another "
     "namespace",
     .remedy = "Type `{kubectl} label serviceaccount NAME connect.posit.co/service-account=true` in the namespace of content."},
    {"chronicle",
     LOG,
     "hronicle",
     {"socket", "timeout", "timed out", NULL},
     "Connect waits for a Chronicle agent that is not there",
     .remedy = "Set config.Chronicle.Enabled to false, or add the agent as a sidecar."},

    /* what Kubernetes says of the pods */
    {"content-init", LOG | STATE | EVENT, "exec: \"", {"no such file", NULL}, MISSING_PROGRAM},
    {"content-init", LOG | STATE | EVENT, "exec /", {"no such file", NULL}, MISSING_PROGRAM},
    {"image-name",
     STATE | EVENT,
     "InvalidImageName",
     {NULL},
     "the name of an image is not valid",
     .remedy = "Correct image.repository, image.tag and the image of the line in the values."},
    {"image", STATE | EVENT, "ImagePullBackOff", {NULL}, NO_IMAGE},
    {"image", STATE | EVENT, "ErrImagePull", {NULL}, NO_IMAGE},
    {"image", EVENT, "Failed to pull image", {NULL}, NO_IMAGE},
    {"claim",
     EVENT,
     "unbound immediate PersistentVolumeClaims",
     {NULL},
     "a claim is not bound: no volume fits it (size, selector, access mode), or no class makes one for many writers (RWX)",
     .remedy = "Look at `{kubectl} get pvc,pv`; create a volume for claim {claim} with reclaim policy Retain."},
    {"claim",
     EVENT,
     "persistentvolumeclaim \"",
     {"not found", NULL},
     "the pod names a claim that is not there",
     .remedy =
         "Create the claim that the line names, or correct sharedStorage.name in the values; `{kubectl} get pvc,pv` shows what is there."},
    {"claim",
     EVENT,
     "no persistent volumes available for this claim",
     {NULL},
     "no volume fits the claim (size, selector, access mode, class)",
     .remedy = "Look at `{kubectl} get pvc,pv`; create a volume for claim {claim} with reclaim policy Retain."},
    {"scheduling",
     EVENT,
     "nodes are available",
     {"Insufficient", "didn't match", "untolerated taint", "were unschedulable", NULL},
     "no node can take the pod: resources, selectors, or taints",
     .remedy = "Compare resources, nodeSelector and tolerations of the values with `{kubectl} get nodes`."},
    {"secret",
     EVENT | STATE,
     "secret \"",
     {"not found", NULL},
     "a Secret that the pod names is not there (license, database password, TLS)",
     .remedy = "Create the Secret that the line names in namespace {namespace}, with the key that the values name."},
    {"secret",
     EVENT | STATE,
     "configmap \"",
     {"not found", NULL},
     "a ConfigMap that the pod names is not there",
     .remedy = "Create the ConfigMap that the line names in namespace {namespace}, or correct the values."},
    {"secret",
     EVENT | STATE,
     "CreateContainerConfigError",
     {NULL},
     "a Secret or ConfigMap that the pod names is missing, or lacks the key",
     .remedy = "Create it in namespace {namespace}, with the key that the values name; the line says which."},
    {"secret",
     EVENT | STATE,
     "couldn't find key",
     {NULL},
     "a Secret or ConfigMap of the pod lacks a key",
     .remedy = "Add the key that the line names, or correct the key's name in the values."},
    {"mount",
     EVENT,
     "FailedMount",
     {"timed out", "access denied by server", "No such file", "Connection refused", "No route to host", NULL},
     "a volume cannot be mounted: the file server is not reached, its export does not let the node in, or the path is not there",
     .remedy =
         "Try `nc -vz FILESERVER 2049` in a pod; compare the export's rules and path with the volume's (`{kubectl} get pv -o yaml`)."},
    {"license",
     EVENT,
     "statuscode: 402",
     {NULL},
     "Connect has no license that it accepts: none, an expired one, or a file that it cannot read (CRLF)",
     .remedy =
         "Look at `{kubectl} exec deploy/{deployment} -- /opt/rstudio-connect/bin/license-manager status`, then correct the license of the values."},
    {"quota",
     EVENT | LOG,
     "exceeded quota",
     {NULL},
     "the namespace's quota is used up",
     .remedy = "Raise it, or lower the requests of the values; see `{kubectl} get resourcequota`."},
    {"pod-security",
     EVENT,
     "violates PodSecurity",
     {NULL},
     "the namespace's pod security level refuses the pod",
     .remedy =
         "Set pod.securityContext and securityContext in the values as that level asks, or let the namespace have another level."},

    /* how the pods stand */
    {"slow-start",
     SHAPE,
     CM_SHAPE_SILENT,
     {NULL},
     "Connect has started and is not ready: with a large data folder, or owner ids that differ from the old server's, the first start takes "
     "long",
     .remedy =
         "Wait; a longer limit is `steps: {pods.wait: {timeout: 1h}}`. Look meanwhile with `{kubectl} logs deploy/{deployment} -f`."},
    {"two-pods",
     SHAPE,
     CM_SHAPE_TWO,
     {NULL},
     "the old pod of a rolling update has not ended yet (the chart's maxSurge lets both run)",
     .remedy =
         "Wait for it; when it stays, `{kubectl} describe pod` says what holds it (grace period, finalizers, a node that is gone)."},

    /* what helm says */
    {"values",
     HELM,
     "execution error at (",
     {NULL},
     "the chart refuses the values: they contradict each other",
     .remedy = "Change the values as the line says, then run the same command again."},
    {"values",
     HELM,
     "YAML parse error",
     {NULL},
     "the chart's output is no YAML with these values",
     .remedy = "Look at the value that the line's template uses."},
    {"values",
     HELM,
     "cannot overwrite table with non table",
     {NULL},
     "a value is given as text or list where the chart has a section",
     .remedy = "Correct that key in the values."},
    {.id = NULL},
};

/* ---- matching ---- */

static const char *end_of(const char *line) { return line + strcspn(line, "\n"); }

/* `sign` in the bytes at..end; a sign of "{data}" is that folder. */
static bool stands(const char *at, const char *end, const char *sign, const char *data_dir)
{
    if (strcmp(sign, "{data}") == 0)
        sign = data_dir;
    size_t n = strlen(sign);
    for (; n > 0 && at + n <= end; at++)
        if (memcmp(at, sign, n) == 0)
            return true;
    return false;
}

static bool one_of(const struct cm_cause *c, const char *at, const char *end)
{
    for (size_t i = 0; c->also[i] != NULL; i++)
        if (stands(at, end, c->also[i], ""))
            return true;
    return false;
}

static bool fits(const struct cm_cause *c, enum cm_sight of, const char *line, const char *data_dir, const char **evidence,
                 size_t *bytes)
{
    const char *end = end_of(line);
    if ((c->seen_in & of) == 0 || !stands(line, end, c->sign, data_dir) ||
        (c->unless != NULL && stands(line, end, c->unless, data_dir)))
        return false;
    for (int n = 0; c->also[0] != NULL && !one_of(c, line, end); n++) {
        if (n == c->behind || *end == '\0')
            return false;
        line = end + 1;
        end = end_of(line);
    }
    *evidence = line;
    *bytes = (size_t)(end - line);
    return true;
}

const struct cm_cause *cm_cause_of(enum cm_sight of, const char *line, const char *data_dir, const char **evidence, size_t *bytes)
{
    for (const struct cm_cause *c = cm_causes; c->id != NULL; c++)
        if (fits(c, of, line, data_dir, evidence, bytes))
            return c;
    return NULL;
}
