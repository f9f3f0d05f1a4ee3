/* world/rollout.c: manifests into the cluster: what helm applies and takes away (live labels and annotations of others stay, as in a
 * three-way merge), and reading several documents of a stdin. */
#include <config.h>

#include <string.h>

#include "base/text.h"
#include "world/world.h"

static const json_t *manifest_of(const json_t *manifests, const json_t *like)
{
    size_t i;
    json_t *m;
    json_array_foreach(manifests, i, m)
    {
        const json_t *o = json_object_get(m, "object");
        if (strcmp(cm_json_text(o, "kind", ""), cm_json_text(like, "kind", "")) == 0 &&
            strcmp(object_name(o), object_name(like)) == 0)
            return o;
    }
    return NULL;
}

static void merge_meta(json_t *o, json_t *live, const json_t *old, const char *member)
{
    const char *key;
    json_t *value;
    json_t *to = object_meta(o, member), *from = object_meta(live, member);
    const json_t *before = json_object_get(json_object_get(old, "metadata"), member);
    json_object_foreach(from, key, value) if (json_object_get(to, key) == NULL && json_object_get(before, key) == NULL)
        json_object_set(to, key, value);
}

static void apply_one(struct world *w, const json_t *release, const json_t *old, const json_t *manifest)
{
    json_t *o = json_deep_copy(manifest);
    json_t *live = object_find(w, cm_json_text(o, "kind", ""), object_ns(o), object_name(o));
    json_object_set_new(object_meta(o, "annotations"), "meta.helm.sh/release-name", json_string(cm_json_text(release, "name", "")));
    json_object_set_new(object_meta(o, "annotations"), "meta.helm.sh/release-namespace",
                        json_string(cm_json_text(release, "namespace", "")));
    json_object_set_new(object_meta(o, "labels"), "app.kubernetes.io/managed-by", json_string("Helm"));
    if (live != NULL) {
        merge_meta(o, live, old, "labels");
        merge_meta(o, live, old, "annotations");
        if (cm_json_at(live, "spec.paused") != NULL && cm_json_at(o, "spec.paused") == NULL) /* in nobody's manifest: it stays */
            json_object_set(json_object_get(o, "spec"), "paused", cm_json_loose(cm_json_at(live, "spec.paused")));
        if (json_object_get(live, "status") != NULL)
            json_object_set(o, "status", json_object_get(live, "status"));
        json_int_t generation = (json_int_t)cm_json_int(live, "metadata.generation", 1);
        bool same = json_equal(json_object_get(live, "spec"), json_object_get(o, "spec"));
        json_object_set_new(json_object_get(o, "metadata"), "generation", json_integer(generation + !same));
    } else {
        json_object_set_new(json_object_get(o, "metadata"), "generation", json_integer(1));
    }
    object_put(w, o);
    if (strcmp(cm_json_text(o, "kind", ""), "Deployment") == 0)
        reconcile(w, object_ns(o), object_name(o));
}

static void delete_one(struct world *w, const json_t *o)
{
    const char *policy = json_string_value(json_object_get(cm_json_at(o, "metadata.annotations"), "helm.sh/resource-policy"));
    if (policy != NULL && strcmp(policy, "keep") == 0)
        return;
    cm_autofree char *ns = cm_strdup(object_ns(o));
    cm_autofree char *name = cm_strdup(object_name(o));
    bool deployment = strcmp(cm_json_text(o, "kind", ""), "Deployment") == 0;
    object_delete(w, cm_json_text(o, "kind", ""), ns, name);
    if (deployment)
        reconcile(w, ns, name);
}

void kube_apply(struct world *w, const json_t *release, const json_t *old_manifests, const json_t *manifests)
{
    size_t i;
    json_t *m;
    json_array_foreach(manifests, i, m)
    {
        const json_t *o = json_object_get(m, "object");
        apply_one(w, release, manifest_of(old_manifests, o), o);
    }
    json_array_foreach(old_manifests, i, m)
    {
        const json_t *o = json_object_get(m, "object");
        if (manifest_of(manifests, o) == NULL)
            delete_one(w, o);
    }
}

void kube_delete_manifests(struct world *w, const json_t *manifests)
{
    for (size_t i = json_array_size(manifests); i-- > 0;)
        delete_one(w, json_object_get(json_array_get(manifests, i), "object"));
}

json_t *kube_documents(const char *text, size_t n, struct cm_err **err)
{
    cm_autofree char *copy = cm_strndup(text, n);
    json_t *all = json_array();
    for (char *at = copy; at != NULL && *at != '\0';) {
        char *end = cm_starts(at, "---\n") || cm_starts(at, "--- ") ? at - 1 : strstr(at, "\n---");
        if (end == at - 1) { /* a separator: its line is no part of the document */
            at = strchr(at, '\n');
            at += at != NULL;
            if (at == NULL)
                break;
            end = strstr(at, "\n---");
        }
        size_t length = end != NULL ? (size_t)(end + 1 - at) : strlen(at);
        json_t *one = yaml_value(at, length, "STDIN", err);
        if (one == NULL) {
            json_decref(all);
            return NULL;
        }
        if (json_is_object(one) && strcmp(cm_json_text(one, "kind", ""), "List") == 0)
            json_array_extend(all, json_object_get(one, "items"));
        else if (json_is_object(one) && json_object_size(one) > 0)
            json_array_append(all, one);
        json_decref(one);
        at = end != NULL ? end + 1 : NULL;
    }
    return all;
}
