/* world/kube_change.c: kubectl's changing verbs: label, annotate, delete, create, apply, patch, scale. Each real change is an effect,
 * a request that changed nothing a noop. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

static const char *ns_of(const struct args *a) { return arg(a, "namespace", "default"); }

/* "kind name rest…" or "kind/name rest…": *rest is the index of the first word behind. */
static const struct kind *target(struct call *c, const struct args *a, const char **name, size_t *rest)
{
    char word[64];
    const char *said = a->count > 1 ? a->words[1] : "", *slash = strchr(said, '/');
    size_t n = slash != NULL ? (size_t)(slash - said) : strlen(said);
    snprintf(word, sizeof word, "%.*s", (int)n, said);
    *name = slash != NULL ? slash + 1 : a->count > 2 ? a->words[2] : NULL;
    *rest = slash != NULL ? 2 : 3;
    const struct kind *k = kind_named(word);
    if (k == NULL)
        call_fail(c, "error: the server doesn't have a resource type \"%s\"", word);
    else if (*name == NULL)
        call_fail(c, "error: resource name may not be empty");
    return *name != NULL ? k : NULL;
}

static int not_found(struct call *c, const struct kind *k, const char *name)
{
    size_t n = strchr(k->api, '/') != NULL ? strcspn(k->api, "/") : 0;
    return call_fail(c, "Error from server (NotFound): %s%s%.*s \"%s\" not found", k->plural, n > 0 ? "." : "", (int)n, k->api,
                     name);
}

static void lower(char *out, size_t size, const char *kind)
{
    snprintf(out, size, "%s", kind);
    for (char *p = out; *p != '\0'; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
}

/* Annotations by which Argo CD and Flux leave an object alone. */
static bool suspends(const char *key)
{
    return strcmp(key, "argocd.argoproj.io/skip-reconcile") == 0 || strcmp(key, "kustomize.toolkit.fluxcd.io/reconcile") == 0 ||
           strcmp(key, "helm.toolkit.fluxcd.io/suspend") == 0;
}

static void tell(struct world *w, const struct kind *k, const char *name, const char *key, bool taken_away, bool label)
{
    if (label && strcmp(k->kind, "ServiceAccount") == 0)
        effect(w, taken_away ? "serviceaccount.unlabel" : "serviceaccount.label",
               json_pack("{s:s, s:s}", "name", name, "label", key));
    else if (!label && suspends(key))
        effect(w, taken_away ? "deployer.resume" : "deployer.suspend", json_pack("{s:s, s:s}", "kind", k->kind, "name", name));
    else
        effect(w, label ? "object.label" : "object.annotate",
               json_pack("{s:s, s:s, s:s}", "kind", k->kind, "name", name, "key", key));
}

/* One "key=value" or "key-". 1 changed, 0 not, -1 said. */
static int mark(struct call *c, const struct args *a, const char *term, json_t *marks, const char *what)
{
    cm_autofree char *key = cm_strdup(term);
    char *equals = strchr(key, '=');
    size_t n = strlen(key);
    if (equals == NULL && (n == 0 || key[n - 1] != '-')) {
        call_fail(c, "error: at least one %s update is required", what);
        return -1;
    }
    if (equals == NULL) {
        key[n - 1] = '\0';
        return json_object_del(marks, key) == 0 ? 1 : 0;
    }
    *equals = '\0';
    const char *has = json_string_value(json_object_get(marks, key));
    if (has != NULL && strcmp(has, equals + 1) == 0)
        return 0;
    if (has != NULL && arg(a, "overwrite", NULL) == NULL) {
        call_fail(c, "error: '%s' already has a value (%s), and --overwrite is false", key, has);
        return -1;
    }
    json_object_set_new(marks, key, json_string(equals + 1));
    return 1;
}

static int label(struct call *c, struct args *a, bool labels)
{
    const char *name;
    size_t rest;
    char kind[64];
    const struct kind *k = target(c, a, &name, &rest);
    if (k == NULL)
        return 1;
    json_t *o = object_find(c->w, k->kind, ns_of(a), name);
    if (o == NULL)
        return not_found(c, k, name);
    int changed = 0;
    for (size_t i = rest; i < a->count; i++) {
        int one = mark(c, a, a->words[i], object_meta(o, labels ? "labels" : "annotations"), labels ? "label" : "annotation");
        if (one < 0)
            return 1;
        changed += one;
        const char *end = strpbrk(a->words[i], "=");
        size_t n = end != NULL ? (size_t)(end - a->words[i]) : strlen(a->words[i]) - 1;
        cm_autofree char *key = cm_strndup(a->words[i], n);
        if (one > 0)
            tell(c->w, k, name, key, end == NULL, labels);
        else
            effect_noop(c->w, labels ? "serviceaccount.label" : "annotate", json_pack("{s:s, s:s}", "name", name, "label", key));
    }
    if (changed > 0)
        state_changed(c->w, STATE_OBJECTS);
    lower(kind, sizeof kind, k->kind);
    cm_str_addf(&c->out, "%s/%s %s%s\n", kind, name, changed > 0 ? "" : "not ", labels ? "labeled" : "annotated");
    return 0;
}

/* The Secret of a revision: taking it away is how a release left pending is freed. */
static bool delete_release(struct world *w, const char *ns, const char *name)
{
    size_t i;
    json_t *r;
    json_array_foreach(w->releases, i, r)
    {
        cm_autojson secret = release_secret(r);
        if (strcmp(object_name(secret), name) != 0 || strcmp(object_ns(secret), ns) != 0)
            continue;
        bool pending = cm_starts(cm_json_text(r, "status", ""), "pending");
        effect(
            w, pending ? "helm.unlock" : "secret.delete",
            json_pack("{s:s, s:I}", "release", cm_json_text(r, "name", ""), "revision", (json_int_t)cm_json_int(r, "revision", 0)));
        release_remove(w, r);
        return true;
    }
    return false;
}

static bool delete_object(struct world *w, const struct kind *k, const char *ns, const char *name)
{
    if (strcmp(k->kind, "Secret") == 0 && delete_release(w, ns, name))
        return true;
    struct pod *p = strcmp(k->kind, "Pod") == 0 ? pod_find(w, ns, name) : NULL;
    if (p != NULL) {
        pod_delete(w, p);
        reconcile(w, p->ns, p->deployment);
        return true;
    }
    if (!object_delete(w, k->kind, ns, name))
        return false;
    if (strcmp(k->kind, "Job") == 0) {
        effect(w, "job.delete", json_pack("{s:s}", "job", name));
        cm_autofree char *own = cm_fmt("job-name=%s", name);
        cm_autojson pods = kube_list(w, kind_named("pods"), ns, own);
        for (size_t i = 0; i < json_array_size(pods); i++)
            object_delete(w, "Pod", ns, object_name(json_array_get(pods, i)));
        return true;
    }
    effect(w, "object.delete", json_pack("{s:s, s:s}", "kind", k->kind, "name", name));
    if (strcmp(k->kind, "Deployment") == 0)
        reconcile(w, ns, name);
    return true;
}

static int kube_delete(struct call *c, struct args *a)
{
    const char *name;
    size_t rest;
    char kind[64];
    const struct kind *k = target(c, a, &name, &rest);
    if (k == NULL)
        return 1;
    lower(kind, sizeof kind, k->kind);
    for (size_t i = rest - 1; i < a->count || i == rest - 1; i++) {
        const char *one = i >= rest ? a->words[i] : name;
        if (delete_object(c->w, k, ns_of(a), one))
            cm_str_addf(&c->out, "%s \"%s\" deleted\n", kind, one);
        else if (arg(a, "ignore-not-found", NULL) == NULL)
            return not_found(c, k, one);
        else
            effect_noop(c->w, "delete", json_pack("{s:s, s:s}", "kind", k->kind, "name", one));
    }
    return 0;
}

static int read_documents(struct call *c, const struct args *a, json_t **out)
{
    cm_autoerr err = NULL;
    cm_autofree char *text = NULL;
    const char *file = arg(a, "filename", "");
    size_t n = c->input_bytes;
    if (strcmp(file, "-") == 0) {
        text = cm_strndup(c->input, n);
    } else {
        cm_autofree char *path = cm_path_join(c->cwd, file);
        if (cm_file_read(path, CM_STR_BIG, &text, &n, NULL) != 0)
            return call_fail(c, "error: the path \"%s\" does not exist", file);
    }
    *out = kube_documents(text, n, &err);
    if (*out == NULL)
        return call_fail(c, "error: error parsing STDIN: %s", cm_err_message(err));
    return 0;
}

static int check_document(struct call *c, const struct args *a, json_t *o)
{
    const struct kind *k = kind_named(cm_json_text(o, "kind", ""));
    json_t *meta = json_object_get(o, "metadata");
    const char *generate = cm_json_text(o, "metadata.generateName", "");
    if (k == NULL)
        return call_fail(
            c,
            "error: resource mapping not found for name: \"%s\" namespace: \"\" from \"STDIN\": no matches for kind \"%s\" in version \"%s\"",
            object_name(o), cm_json_text(o, "kind", ""), cm_json_text(o, "apiVersion", ""));
    if (object_name(o)[0] == '\0' && generate[0] != '\0') {
        cm_autofree char *name = cm_fmt(
            "%s%05lx", generate, (unsigned long)(world_hash(c->w->options.seed, (uint64_t)world_count(c->w, "name")) & 0xfffff));
        json_object_set_new(meta, "name", json_string(name));
    }
    if (object_name(o)[0] == '\0')
        return call_fail(c, "error: error when retrieving current configuration of: resource name may not be empty");
    if (k->namespaced && object_ns(o)[0] == '\0')
        json_object_set_new(meta, "namespace", json_string(ns_of(a)));
    if (drill_is(c->w, "admission-refuses") && (strcmp(k->kind, "Job") == 0 || strcmp(k->kind, "Deployment") == 0))
        return call_fail(
            c,
            "Error from server (Forbidden): error when creating \"STDIN\": admission webhook \"policy.example.com\" denied the request: "
            "images must come from registry.example.com");
    return 0;
}

static void created(struct world *w, json_t *o)
{
    const char *kind = cm_json_text(o, "kind", "");
    if (strcmp(kind, "Job") == 0) {
        effect(w, "job.create", json_pack("{s:s}", "job", object_name(o)));
        job_started(w, o);
    } else if (strcmp(kind, "Deployment") == 0) {
        reconcile(w, object_ns(o), object_name(o));
    } else {
        effect(w, "object.create", json_pack("{s:s, s:s}", "kind", kind, "name", object_name(o)));
    }
}

/* Reviews store nothing, and are no effect. */
static bool only_reviews(struct call *c, const json_t *documents)
{
    const json_t *o, *list = json_array_size(documents) == 1 ? json_object_get(json_array_get(documents, 0), "items") : NULL;
    size_t i;
    json_array_foreach(list != NULL ? list : documents, i, o)
    {
        if (!kube_is_review(o))
            return false;
        kube_review(c, o);
    }
    return true;
}

static int create(struct call *c, struct args *a, bool apply)
{
    cm_autojson all = NULL;
    json_t *o;
    size_t i;
    const char *dry = arg(a, "dry-run", "");
    bool dry_run = dry[0] != '\0' && strcmp(dry, "none") != 0;
    if (read_documents(c, a, &all) != 0)
        return 1;
    if (!apply && only_reviews(c, all))
        return 0;
    json_array_foreach(all, i, o)
    {
        char kind[64];
        if (check_document(c, a, o) != 0)
            return 1;
        bool there = object_find(c->w, cm_json_text(o, "kind", ""), object_ns(o), object_name(o)) != NULL;
        lower(kind, sizeof kind, cm_json_text(o, "kind", ""));
        if (there && !apply)
            return call_fail(c, "Error from server (AlreadyExists): error when creating \"STDIN\": %ss \"%s\" already exists", kind,
                             object_name(o));
        cm_str_addf(&c->out, "%s/%s %s%s\n", kind, object_name(o), there ? "configured" : "created",
                    dry_run ? " (server dry run)" : "");
        if (!dry_run)
            created(c->w, object_put(c->w, json_deep_copy(o)));
    }
    return 0;
}

static void merge_patch(json_t *into, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        json_t *there = json_object_get(into, key);
        if (json_is_null(value))
            json_object_del(into, key);
        else if (json_is_object(there) && json_is_object(value))
            merge_patch(there, value);
        else
            json_object_set(into, key, value);
    }
}

static int patch(struct call *c, struct args *a)
{
    const char *name;
    size_t rest;
    char kind[64];
    const struct kind *k = target(c, a, &name, &rest);
    json_t *o = k != NULL ? object_find(c->w, k->kind, ns_of(a), name) : NULL;
    if (k == NULL)
        return 1;
    if (o == NULL)
        return not_found(c, k, name);
    cm_autojson change = json_loads(arg(a, "patch", "{}"), 0, NULL);
    cm_autojson before = json_deep_copy(o);
    if (!json_is_object(change))
        return call_fail(c, "error: unable to parse \"%s\" as a patch", arg(a, "patch", ""));
    merge_patch(o, change);
    lower(kind, sizeof kind, k->kind);
    bool same = json_equal(before, o);
    cm_str_addf(&c->out, "%s/%s patched%s\n", kind, name, same ? " (no change)" : "");
    if (same) {
        effect_noop(c->w, "patch", json_pack("{s:s, s:s}", "kind", k->kind, "name", name));
        return 0;
    }
    state_changed(c->w, STATE_OBJECTS);
    effect(c->w, "object.patch", json_pack("{s:s, s:s}", "kind", k->kind, "name", name));
    if (strcmp(k->kind, "Deployment") == 0)
        reconcile(c->w, ns_of(a), name);
    return 0;
}

static int scale(struct call *c, struct args *a)
{
    const char *name, *replicas = arg(a, "replicas", NULL);
    size_t rest;
    const struct kind *k = target(c, a, &name, &rest);
    json_t *o = k != NULL ? object_find(c->w, k->kind, ns_of(a), name) : NULL;
    if (k == NULL)
        return 1;
    if (o == NULL || replicas == NULL)
        return o == NULL ? not_found(c, k, name) : call_fail(c, "error: required flag(s) \"replicas\" not set");
    long n = strtol(replicas, NULL, 10);
    if (cm_json_int(o, "spec.replicas", 1) == n)
        effect_noop(c->w, "deployment.scale", json_pack("{s:s}", "name", name));
    else
        effect(c->w, "deployment.scale", json_pack("{s:s, s:I}", "name", name, "replicas", (json_int_t)n));
    json_object_set_new(json_object_get(o, "spec"), "replicas", json_integer(n));
    state_changed(c->w, STATE_OBJECTS);
    reconcile(c->w, ns_of(a), name);
    cm_str_addf(&c->out, "deployment.apps/%s scaled\n", name);
    return 0;
}

int kube_change(struct call *c, struct args *a)
{
    const char *verb = a->count > 0 ? a->words[0] : "";
    if (strcmp(verb, "label") == 0 || strcmp(verb, "annotate") == 0)
        return label(c, a, verb[0] == 'l');
    if (strcmp(verb, "delete") == 0)
        return kube_delete(c, a);
    if (strcmp(verb, "create") == 0 || strcmp(verb, "apply") == 0)
        return create(c, a, verb[0] == 'a');
    if (strcmp(verb, "patch") == 0)
        return patch(c, a);
    if (strcmp(verb, "scale") == 0)
        return scale(c, a);
    return call_fail(c, "error: unknown command \"%s\" for \"kubectl\"", verb);
}
