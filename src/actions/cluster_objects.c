/* actions/cluster_objects.c: the part of cluster.check on what must exist before helm is called: the claim of the shared storage,
 * the Secrets that the values name.
 *
 * Of a Secret only the names of its keys are looked at. A missing claim is no fault where the chart creates it, a missing TLS
 * Secret of an ingress none at all (cert-manager makes it when the ingress is there). */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "actions/cluster_check.h"
#include "actions/look.h"
#include "actions/target.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

/* ---- the claim ---- */

static void judge_claim(struct cm_step *step, const char *name, const json_t *claim)
{
    const char *phase = cm_json_text(claim, "status.phase", "Unknown"), *volume = cm_json_text(claim, "spec.volumeName", "");
    const char *class = cm_json_text(claim, "spec.storageClassName", "");
    if (strcmp(phase, "Bound") == 0)
        cm_finding(step, CM_OK, "cluster.pvc", NULL, "claim %s is bound to volume %s", name, volume);
    else if (strcmp(phase, "Lost") == 0)
        cm_finding(step, CM_BLOCKER, "cluster.pvc", "Make the volume again with the same name, or a new claim.",
                   "claim %s has lost its volume %s", name, volume);
    else
        cm_finding(step, CM_UNKNOWN, "cluster.pvc",
                   cm_arena_fmt(cm_step_arena(step),
                                "Look at `kubectl describe pvc %s`. A class that waits for its first pod is no "
                                "fault, but gives a new, empty volume; attest it only if a volume of the server's "
                                "export is bound to it by name.",
                                name),
                   "claim %s is %s%s%s", name, phase, *class ? ", storage class " : "", class);
}

int cm_cluster_claim(struct cm_step *step, struct cm_err **err)
{
    const json_t *values = cm_look_values(step), *shared = json_object_get(values, "sharedStorage");
    const char *name = cm_target_pvc(step), *content = cm_target_content_namespace(step);
    const char *ns = cm_plan_text(cm_step_plan(step), "target.namespace");
    cm_autojson claim = NULL;
    cm_autoerr seen = NULL;
    enum cm_seen what = CM_ABSENT;
    if (!values)
        return 0; /* values.check says why they cannot be read */
    bool create = cm_json_bool(shared, "create", false), mount = cm_json_bool(shared, "mount", false);
    if (!create && !mount)
        return 0; /* the chart refuses it: values.check */
    if (cm_kube_get(step, "pvc", name, NULL, &claim, &what, &seen) < 0)
        return cm_look_failed(step, "cluster.pvc", name, "Check again when the cluster answers.", &seen, err);
    if (what == CM_FORBIDDEN)
        cm_finding(step, CM_UNKNOWN, "cluster.pvc", "Ask who runs the cluster whether the claim is there and bound.",
                   "claim %s may not be looked at with these rights", name);
    else if (what == CM_SEEN)
        judge_claim(step, name, claim);
    else if (create)
        cm_finding(step, CM_OK, "cluster.pvc", NULL, "the chart will create claim %s", name);
    else
        cm_finding(step, CM_BLOCKER, "cluster.pvc",
                   "Create it, bound to a volume of the server's export, or correct sharedStorage.name in the values.",
                   "there is no claim %s in namespace %s; a pod that mounts it waits for ever", name, ns);
    if (!content || strcmp(content, ns) == 0 || !cm_json_bool(shared, "mountContent", true))
        return 0;
    cm_autojson other = NULL;
    if (cm_kube_get_in(step, content, "pvc", name, NULL, &other, &what, &seen) < 0)
        return cm_look_failed(step, "cluster.pvc-content", name, "Check again when the cluster answers.", &seen, err);
    if (what == CM_ABSENT)
        cm_finding(step, CM_BLOCKER, "cluster.pvc-content",
                   "Create a claim of the same name there, bound to a second volume of the same export.",
                   "content runs in namespace %s, and there is no claim %s", content, name);
    return 0;
}

/* ---- Secrets ---- */

/* {"NAMESPACE/NAME": {"keys": {KEY: true}, "soft": bool, "at": "pod.env"}} */
struct wanted {
    json_t *secrets;
    const char *release_ns, *content_ns;
};

static void want(struct wanted *w, const char *name, const char *key, bool soft, bool content, const char *at)
{
    if (!name || !*name || strstr(name, "{{"))
        return;
    cm_autofree char *id = cm_fmt("%s/%s", content ? w->content_ns : w->release_ns, name);
    json_t *one = json_object_get(w->secrets, id);
    if (!one) {
        one = json_pack("{s:{}, s:b, s:s}", "keys", "soft", soft, "at", at);
        json_object_set_new(w->secrets, id, one);
    }
    if (!soft)
        json_object_set_new(one, "soft", json_false());
    if (key && *key)
        json_object_set_new(json_object_get(one, "keys"), key, json_true());
}

static void want_items(struct wanted *w, const json_t *secret, const char *name, bool soft, bool content, const char *at)
{
    const json_t *item;
    size_t i;
    want(w, name, NULL, soft, content, at);
    json_array_foreach(json_object_get(secret, "items"), i, item)
    {
        want(w, name, cm_json_text(item, "key", NULL), soft, content, at);
    }
}

/* The forms in which a pod's description names a Secret (Kubernetes API: EnvVarSource, EnvFromSource, SecretVolumeSource,
 * SecretProjection, LocalObjectReference). */
static void want_member(struct wanted *w, const char *key, const json_t *value, bool soft, bool content, const char *at)
{
    bool optional = soft || cm_json_bool(value, "optional", false);
    const json_t *one;
    size_t i;
    if (strcmp(key, "secretKeyRef") == 0)
        want(w, cm_json_text(value, "name", NULL), cm_json_text(value, "key", NULL), optional, content, at);
    else if (strcmp(key, "secretRef") == 0)
        want(w, cm_json_text(value, "name", NULL), NULL, optional, content, at);
    else if (strcmp(key, "secret") == 0 && json_is_object(value))
        want_items(w, value, cm_json_text(value, "secretName", cm_json_text(value, "name", NULL)), optional, content, at);
    else if (strcmp(key, "secretName") == 0 && json_is_string(value))
        want(w, json_string_value(value), NULL, soft, content, at);
    else if (strcmp(key, "imagePullSecrets") == 0) {
        json_array_foreach(value, i, one)
        {
            want(w, json_is_string(one) ? json_string_value(one) : cm_json_text(one, "name", NULL), NULL, soft, content, at);
        }
    }
}

static void walk(struct wanted *w, const json_t *node, const char *at, bool soft, bool content, int depth)
{
    const char *key;
    json_t *value;
    size_t i;
    if (depth > 40)
        return;
    if (json_is_array(node)) {
        json_array_foreach(node, i, value)
        {
            const char *name = cm_json_text(value, "name", NULL);
            cm_autofree char *deeper = name ? cm_fmt("%s %s", at, name) : cm_fmt("%s[%zu]", at, i);
            walk(w, value, deeper, soft, content, depth + 1);
        }
        return;
    }
    if (!json_is_object(node))
        return;
    json_object_foreach(cm_json_loose(node), key, value)
    {
        bool top = depth == 0;
        /* Connect's own settings are no Kubernetes objects; extraObjects bring theirs along; Launcher's values count when it is on. */
        bool unused = strcmp(key, "launcher") == 0 && !cm_json_bool(value, "enabled", false);
        if (top && (strcmp(key, "config") == 0 || strcmp(key, "extraObjects") == 0 || unused))
            continue;
        cm_autofree char *deeper = top ? cm_strdup(key) : cm_fmt("%s.%s", at, key);
        want_member(w, key, value, soft, content, at);
        walk(w, value, deeper, soft || (top && strcmp(key, "ingress") == 0), content || (top && strcmp(key, "backends") == 0),
             depth + 1);
    }
}

static void drop_made_by_the_chart(struct wanted *w, const json_t *values)
{
    const json_t *object;
    size_t i;
    json_array_foreach(json_object_get(values, "extraObjects"), i, object)
    {
        if (strcmp(cm_json_text(object, "kind", ""), "Secret") != 0)
            continue;
        cm_autofree char *id =
            cm_fmt("%s/%s", cm_json_text(object, "metadata.namespace", w->release_ns), cm_json_text(object, "metadata.name", ""));
        json_object_del(w->secrets, id);
    }
}

struct verdicts {
    struct cm_str missing, forbidden, soft;
    size_t there;
};

static int look_for(struct cm_step *step, const char *id, const json_t *one, struct verdicts *v, struct cm_err **err)
{
    const char *slash = strchr(id, '/'), *at = cm_json_text(one, "at", ""), *key;
    cm_autofree char *ns = cm_strndup(id, (size_t)(slash - id));
    cm_autojson found = NULL;
    enum cm_seen what = CM_ABSENT;
    bool soft = cm_json_bool(one, "soft", false);
    json_t *ignored;
    if (cm_kube_get_in(step, ns, "secret", slash + 1, NULL, &found, &what, err) < 0)
        return -1;
    struct cm_str *list = soft ? &v->soft : &v->missing;
    if (what == CM_FORBIDDEN)
        cm_look_list(&v->forbidden, "%s (%s)", slash + 1, at);
    else if (what == CM_ABSENT)
        cm_look_list(list, "%s (%s)", slash + 1, at);
    else
        v->there++;
    if (what != CM_SEEN)
        return 0;
    json_object_foreach(json_object_get(one, "keys"), key, ignored)
    {
        if (!json_object_get(json_object_get(found, "data"), key))
            cm_look_list(list, "key %s of %s (%s)", key, slash + 1, at);
    }
    return 0;
}

static void say_secrets(struct cm_step *step, const struct verdicts *v)
{
    const char *ns = cm_plan_text(cm_step_plan(step), "target.namespace");
    if (v->missing.len)
        cm_finding(step, CM_BLOCKER, "cluster.secret",
                   cm_arena_fmt(cm_step_arena(step),
                                "Create what is missing: kubectl -n %s create secret generic NAME --from-file=KEY=FILE "
                                "(the chart's README shows license and database).",
                                ns),
                   "the values name Secrets that are not there: %s", cm_str_text(&v->missing));
    if (v->forbidden.len)
        cm_finding(step, CM_UNKNOWN, "cluster.secret-forbidden", "Ask who may look whether they are there, with these keys.",
                   "Secrets that the values name may not be looked at: %s", cm_str_text(&v->forbidden));
    if (v->soft.len)
        cm_finding(step, CM_WARNING, "cluster.secret-optional",
                   "Create them if nothing else does (cert-manager makes an ingress's).",
                   "optional Secrets that the values name are not there: %s", cm_str_text(&v->soft));
    if (!v->missing.len && !v->forbidden.len)
        cm_finding(step, CM_OK, "cluster.secret", NULL, "the %zu Secrets that the values name are there", v->there);
}

int cm_cluster_secrets(struct cm_step *step, struct cm_err **err)
{
    const json_t *values = cm_look_values(step);
    if (!values)
        return 0;
    cm_autojson secrets = json_object();
    const char *ns = cm_plan_text(cm_step_plan(step), "target.namespace"), *content = cm_target_content_namespace(step);
    struct wanted w = {.secrets = secrets, .release_ns = ns, .content_ns = content ? content : ns};
    struct verdicts v = {.missing = CM_STR(2048), .forbidden = CM_STR(2048), .soft = CM_STR(2048)};
    cm_autoerr seen = NULL;
    const char *id;
    json_t *one;
    int rc = 0;
    walk(&w, values, "", false, false, 0);
    want(&w, cm_json_text(values, "license.file.secret", NULL), cm_json_text(values, "license.file.secretKey", "license.lic"),
         false, false, "license.file");
    drop_made_by_the_chart(&w, values);
    json_object_foreach(secrets, id, one)
    {
        if (rc == 0)
            rc = look_for(step, id, one, &v, &seen);
    }
    if (rc == 0)
        say_secrets(step, &v);
    else
        rc = cm_look_failed(step, "cluster.secret", "the Secrets that the values name", "Check again when the cluster answers.",
                            &seen, err);
    cm_str_fini(&v.missing);
    cm_str_fini(&v.forbidden);
    cm_str_fini(&v.soft);
    return rc;
}
