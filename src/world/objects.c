/* world/objects.c: the cluster's objects: a list kept in cluster/objects.json, kinds by all their names, label selectors, and the
 * Secrets that helm keeps a release in (made from the revisions, never stored twice). */
#include <config.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/time.h"
#include "world/world.h"

static const struct kind kinds[] = {
    {"Pod", "pods", "po", "v1", true},
    {"Secret", "secrets", "", "v1", true},
    {"ConfigMap", "configmaps", "cm", "v1", true},
    {"Service", "services", "svc", "v1", true},
    {"ServiceAccount", "serviceaccounts", "sa", "v1", true},
    {"PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "v1", true},
    {"PersistentVolume", "persistentvolumes", "pv", "v1", false},
    {"Event", "events", "ev", "v1", true},
    {"Node", "nodes", "no", "v1", false},
    {"Namespace", "namespaces", "ns", "v1", false},
    {"Deployment", "deployments", "deploy", "apps/v1", true},
    {"ReplicaSet", "replicasets", "rs", "apps/v1", true},
    {"DaemonSet", "daemonsets", "ds", "apps/v1", true},
    {"StatefulSet", "statefulsets", "sts", "apps/v1", true},
    {"Job", "jobs", "", "batch/v1", true},
    {"CronJob", "cronjobs", "cj", "batch/v1", true},
    {"Ingress", "ingresses", "ing", "networking.k8s.io/v1", true},
    {"IngressClass", "ingressclasses", "", "networking.k8s.io/v1", false},
    {"NetworkPolicy", "networkpolicies", "netpol", "networking.k8s.io/v1", true},
    {"StorageClass", "storageclasses", "sc", "storage.k8s.io/v1", false},
    {"Role", "roles", "", "rbac.authorization.k8s.io/v1", true},
    {"RoleBinding", "rolebindings", "", "rbac.authorization.k8s.io/v1", true},
    {"ClusterRole", "clusterroles", "", "rbac.authorization.k8s.io/v1", false},
    {"ClusterRoleBinding", "clusterrolebindings", "", "rbac.authorization.k8s.io/v1", false},
    {"EndpointSlice", "endpointslices", "", "discovery.k8s.io/v1", true},
    {"PodDisruptionBudget", "poddisruptionbudgets", "pdb", "policy/v1", true},
    {"ResourceQuota", "resourcequotas", "quota", "v1", true},
    {"LimitRange", "limitranges", "limits", "v1", true},
};

const struct kind *kind_named(const char *name)
{
    char word[64];
    size_t n = strcspn(name, "."); /* "deployments.apps", "applications.argoproj.io" */
    if (n >= sizeof word)
        return NULL;
    memcpy(word, name, n);
    word[n] = '\0';
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        if (strcasecmp(word, k->kind) == 0 || strcasecmp(word, k->plural) == 0 ||
            (k->shorts[0] != '\0' && strcmp(word, k->shorts) == 0))
            return k;
    }
    return NULL;
}

const char *object_name(const json_t *o) { return cm_json_text(o, "metadata.name", ""); }

const char *object_ns(const json_t *o) { return cm_json_text(o, "metadata.namespace", ""); }

json_t *object_meta(json_t *o, const char *member)
{
    json_t *meta = json_object_get(o, "metadata"), *m;
    if (meta == NULL) {
        meta = json_object();
        json_object_set_new(o, "metadata", meta);
    }
    m = json_object_get(meta, member);
    if (!json_is_object(m)) {
        m = json_object();
        json_object_set_new(meta, member, m);
    }
    return m;
}

static size_t place(struct world *w, const char *kind, const char *ns, const char *name)
{
    size_t i;
    json_t *o;
    json_array_foreach(w->state[STATE_OBJECTS], i,
                       o) if (strcmp(cm_json_text(o, "kind", ""), kind) == 0 && strcmp(object_name(o), name) == 0 &&
                              (ns == NULL || object_ns(o)[0] == '\0' || strcmp(object_ns(o), ns) == 0)) return i;
    return SIZE_MAX;
}

json_t *object_find(struct world *w, const char *kind, const char *ns, const char *name)
{
    size_t i = place(w, kind, ns, name);
    return i != SIZE_MAX ? json_array_get(w->state[STATE_OBJECTS], i) : NULL;
}

json_t *object_put(struct world *w, json_t *taken)
{
    json_t *meta = json_object_get(taken, "metadata");
    size_t i = place(w, cm_json_text(taken, "kind", ""), object_ns(taken), object_name(taken));
    if (meta == NULL) {
        json_decref(taken);
        return NULL;
    }
    long version = world_count(w, "resourceVersion");
    cm_autofree char *text = cm_fmt("%ld", version);
    json_object_set_new(meta, "resourceVersion", json_string(text));
    state_changed(w, STATE_OBJECTS);
    if (i != SIZE_MAX) {
        const json_t *old = json_object_get(json_array_get(w->state[STATE_OBJECTS], i), "metadata");
        json_object_set(meta, "uid", json_object_get(old, "uid"));
        json_object_set(meta, "creationTimestamp", json_object_get(old, "creationTimestamp"));
        json_array_set_new(w->state[STATE_OBJECTS], i, taken);
        return taken;
    }
    uint64_t a = world_hash(w->options.seed, (uint64_t)version), b = world_hash(a, 7);
    cm_autofree char *uid = cm_fmt("%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffffu,
                                   (unsigned)a & 0xfffu, (unsigned)(b >> 52), (unsigned long long)(b & 0xffffffffffffu));
    cm_autofree char *now = world_now_s();
    json_object_set_new(meta, "uid", json_string(uid));
    json_object_set_new(meta, "creationTimestamp", json_string(now));
    json_array_append_new(w->state[STATE_OBJECTS], taken);
    return taken;
}

bool object_delete(struct world *w, const char *kind, const char *ns, const char *name)
{
    size_t i = place(w, kind, ns, name);
    if (i == SIZE_MAX)
        return false;
    json_array_remove(w->state[STATE_OBJECTS], i);
    state_changed(w, STATE_OBJECTS);
    return true;
}

/* "a=b,c!=d,e,!f" */
bool selector_matches(const char *selector, const json_t *labels)
{
    cm_autofree char *copy = cm_strdup(selector);
    char *rest = copy;
    for (char *term; (term = strsep(&rest, ",")) != NULL;) {
        bool negative = term[0] == '!';
        char *equals = strchr(term, '=');
        if (term[0] == '\0')
            continue;
        if (equals == NULL) {
            if ((json_object_get(labels, term + negative) != NULL) == negative)
                return false;
            continue;
        }
        char *value = equals + 1 + (equals[1] == '=');
        negative = equals > term && equals[-1] == '!';
        equals[negative ? -1 : 0] = '\0';
        const char *has = json_string_value(json_object_get(labels, term));
        if ((has != NULL && strcmp(has, value) == 0) == negative)
            return false;
    }
    return true;
}

void object_event(struct world *w, const char *kind, const char *ns, const char *name, const char *type, const char *reason,
                  const char *message)
{
    cm_autofree char *now = world_now_s();
    size_t i;
    json_t *old;
    json_array_foreach(w->state[STATE_OBJECTS], i, old) /* the same again is counted, as the API server does */
        if (strcmp(cm_json_text(old, "kind", ""), "Event") == 0 &&
            strcmp(cm_json_text(old, "involvedObject.name", ""), name) == 0 &&
            strcmp(cm_json_text(old, "reason", ""), reason) == 0 && strcmp(cm_json_text(old, "message", ""), message) == 0)
    {
        json_object_set_new(old, "count", json_integer(cm_json_int(old, "count", 1) + 1));
        json_object_set_new(old, "lastTimestamp", json_string(now));
        state_changed(w, STATE_OBJECTS);
        return;
    }
    cm_autofree char *event = cm_fmt("%s.%lx", name, (unsigned long)(0x17f0000 + world_count(w, "event")));
    object_put(w, json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:i, s:{s:s}}", "apiVersion",
                            "v1", "kind", "Event", "metadata", "name", event, "namespace", ns, "involvedObject", "kind", kind,
                            "namespace", ns, "name", name, "type", type, "reason", reason, "message", message, "firstTimestamp",
                            now, "lastTimestamp", now, "count", 1, "source", "component", "world"));
}

static char *base64(const char *text)
{
    size_t n = strlen(text);
    unsigned char *out = cm_alloc(4 * (n / 3 + 1) + 1);
    EVP_EncodeBlock(out, (const unsigned char *)text, (int)n);
    return (char *)out;
}

json_t *release_secret(const json_t *r)
{
    long long revision = (long long)cm_json_int(r, "revision", 0);
    cm_autofree char *name = cm_fmt("sh.helm.release.v1.%s.v%lld", cm_json_text(r, "name", ""), revision);
    cm_autofree char *version = cm_fmt("%lld", revision);
    int64_t modified = 0;
    cm_time_parse(cm_json_text(r, "modified", ""), &modified);
    cm_autofree char *seconds = cm_fmt("%lld", (long long)(modified / 1000));
    cm_autofree char *body = cm_fmt("{\"name\":\"%s\",\"version\":%lld}", cm_json_text(r, "name", ""), revision);
    cm_autofree char *data = base64(body);
    json_t *labels = json_deep_copy(json_object_get(r, "labels"));
    json_object_update_new(labels, json_pack("{s:s, s:s, s:s, s:s, s:s}", "owner", "helm", "name", cm_json_text(r, "name", ""),
                                             "status", cm_json_text(r, "status", ""), "version", version, "modifiedAt", seconds));
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:o, s:s}, s:{s:s}}", "apiVersion", "v1", "kind", "Secret", "type",
                     "helm.sh/release.v1", "metadata", "name", name, "namespace", cm_json_text(r, "namespace", ""), "labels",
                     labels, "creationTimestamp", cm_json_text(r, "created", ""), "data", "release", data);
}

static void put(struct world *w, const char *api, const char *kind, const char *ns, const char *name, json_t *rest_taken)
{
    json_t *o = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", api, "kind", kind, "metadata", "name", name);
    if (ns != NULL)
        json_object_set_new(json_object_get(o, "metadata"), "namespace", json_string(ns));
    if (rest_taken != NULL)
        json_object_update(o, rest_taken);
    json_decref(rest_taken);
    object_put(w, o);
}

/* The namespace as an administrator prepared it: claim, Secrets, service accounts. */
int objects_make(struct world *w, struct cm_err **err)
{
    cm_autofree char *password = base64(info_text(w, "database.password"));
    cm_autofree char *license = base64("-- world license --\n");
    put(w, "v1", "Namespace", NULL, WORLD_NAMESPACE, NULL);
    put(w, "v1", "Node", NULL, "worker-1",
        json_pack("{s:{s:[{s:s, s:s}], s:{s:s, s:s}, s:{s:s, s:s}}}", "status", "conditions", "type", "Ready", "status", "True",
                  "nodeInfo", "kubeletVersion", "v1.32.4", "osImage", "Debian GNU/Linux 12", "allocatable", "cpu", "8", "memory",
                  "32Gi"));
    put(w, "networking.k8s.io/v1", "IngressClass", NULL, "nginx",
        json_pack("{s:{s:s}}", "spec", "controller", "k8s.io/ingress-nginx"));
    put(w, "storage.k8s.io/v1", "StorageClass", NULL, "standard", json_pack("{s:s}", "provisioner", "rancher.io/local-path"));
    put(w, "v1", "PersistentVolume", NULL, "connect-data",
        json_pack("{s:{s:{s:s}, s:[s], s:s, s:{s:s, s:s}, s:{s:s, s:s}}, s:{s:s}}", "spec", "capacity", "storage", "100Gi",
                  "accessModes", "ReadWriteMany", "persistentVolumeReclaimPolicy", "Retain", "nfs", "server", "nfs.example.com",
                  "path", WORLD_EXPORT, "claimRef", "namespace", WORLD_NAMESPACE, "name", "connect-data", "status", "phase",
                  "Bound"));
    put(w, "v1", "PersistentVolumeClaim", WORLD_NAMESPACE, "connect-data",
        json_pack("{s:{s:[s], s:s, s:{s:{s:s}}}, s:{s:s, s:{s:s}, s:[s]}}", "spec", "accessModes", "ReadWriteMany", "volumeName",
                  "connect-data", "resources", "requests", "storage", "100Gi", "status", "phase", "Bound", "capacity", "storage",
                  "100Gi", "accessModes", "ReadWriteMany"));
    put(w, "v1", "ServiceAccount", WORLD_NAMESPACE, "default", NULL);
    put(w, "v1", "ServiceAccount", WORLD_NAMESPACE, "rstudio-connect-prod", NULL);
    json_t *made = object_find(w, "ServiceAccount", WORLD_NAMESPACE, "rstudio-connect-prod");
    json_object_set_new(object_meta(made, "labels"), "app.kubernetes.io/managed-by", json_string("Helm"));
    json_object_set_new(object_meta(made, "annotations"), "meta.helm.sh/release-name", json_string("rstudio-connect-prod"));
    json_object_set_new(object_meta(made, "annotations"), "meta.helm.sh/release-namespace", json_string(WORLD_NAMESPACE));
    put(w, "v1", "Secret", WORLD_NAMESPACE, "connect-database",
        json_pack("{s:s, s:{s:s}}", "type", "Opaque", "data", "password", password));
    cm_autofree char *smtp = base64("CANARY-SMTP # not a comment");
    cm_autofree char *oauth = base64("CANARY-OAUTH-with;semicolon");
    put(w, "v1", "Secret", WORLD_NAMESPACE, "connect-secrets",
        json_pack("{s:s, s:{s:s, s:s}}", "type", "Opaque", "data", "smtp", smtp, "oauth2", oauth));
    put(w, "v1", "Secret", WORLD_NAMESPACE, "connect-license",
        json_pack("{s:s, s:{s:s}}", "type", "Opaque", "data", "connect.lic", license));
    (void)err;
    return 0;
}
