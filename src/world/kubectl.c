/* world/kubectl.c: the stand-in for kubectl: reading (get, logs, auth can-i, version), exec, port-forward, rollout. Changing verbs are
 * in kube_change.c. Texts are kubectl's and the API server's. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

static const char *const valued[] = {"context",
                                     "kubeconfig",
                                     "namespace",
                                     "n=namespace",
                                     "output",
                                     "o=output",
                                     "selector",
                                     "l=selector",
                                     "tail",
                                     "container",
                                     "c=container",
                                     "filename",
                                     "f=filename",
                                     "address",
                                     "request-timeout",
                                     "timeout",
                                     "as",
                                     "field-selector",
                                     "sort-by",
                                     "type",
                                     "patch",
                                     "p=patch",
                                     "replicas",
                                     "for",
                                     "dry-run",
                                     "cascade",
                                     "grace-period",
                                     "since",
                                     "field-manager",
                                     "subresource",
                                     "cluster",
                                     "user",
                                     "server",
                                     NULL};
static const char *const bare[] = {"all-namespaces",
                                   "A=all-namespaces",
                                   "overwrite",
                                   "ignore-not-found",
                                   "wait",
                                   "previous",
                                   "no-headers",
                                   "quiet",
                                   "q=quiet",
                                   "client",
                                   "server-side",
                                   "force-conflicts",
                                   "force",
                                   "stdin",
                                   "i=stdin",
                                   "tty",
                                   "t=tty",
                                   "now",
                                   "all",
                                   "show-labels",
                                   "list",
                                   "all-containers",
                                   "timestamps",
                                   "ignore-errors",
                                   "watch",
                                   "w=watch",
                                   "show-managed-fields",
                                   "raw",
                                   "validate",
                                   NULL};

static const char *ns_of(const struct args *a) { return arg(a, "namespace", "default"); }

/* "a.b=c" of --field-selector */
static bool fields_match(const char *selector, const json_t *o)
{
    cm_autofree char *copy = cm_strdup(selector);
    char *rest = copy;
    for (char *term; (term = strsep(&rest, ",")) != NULL;) {
        char *equals = strchr(term, '=');
        if (equals == NULL)
            continue;
        bool negative = equals > term && equals[-1] == '!';
        const char *value = equals + 1 + (equals[1] == '=');
        equals[negative ? -1 : 0] = '\0';
        if ((strcmp(cm_json_text(o, term, ""), value) == 0) == negative)
            return false;
    }
    return true;
}

json_t *kube_list(struct world *w, const struct kind *k, const char *ns, const char *selector)
{
    json_t *all = json_array(), *o;
    size_t i;
    if (strcmp(k->kind, "Secret") == 0) {
        json_array_foreach(w->releases, i, o) json_array_append_new(all, release_secret(o));
        for (i = json_array_size(all); i-- > 0;) {
            o = json_array_get(all, i);
            bool keep =
                (ns == NULL || strcmp(object_ns(o), ns) == 0) && selector_matches(selector, cm_json_at(o, "metadata.labels"));
            if (!keep)
                json_array_remove(all, i);
        }
    }
    json_array_foreach(w->state[STATE_OBJECTS], i, o) if (strcmp(cm_json_text(o, "kind", ""), k->kind) == 0 &&
                                                          (!k->namespaced || ns == NULL || strcmp(object_ns(o), ns) == 0) &&
                                                          selector_matches(selector, cm_json_at(o, "metadata.labels")))
        json_array_append_new(all, json_deep_copy(o));
    return all;
}

static int not_found(struct call *c, const struct kind *k, const char *name)
{
    const char *group = strchr(k->api, '/') != NULL ? k->api : "";
    size_t n = strcspn(group, "/");
    return call_fail(c, "Error from server (NotFound): %s%s%.*s \"%s\" not found", k->plural, n > 0 ? "." : "", (int)n, group,
                     name);
}

static void print_json(struct call *c, json_t *taken)
{
    cm_autofree char *text = json_dumps(taken, JSON_INDENT(4));
    cm_str_addf(&c->out, "%s\n", text);
    json_decref(taken);
}

static void print_table(struct call *c, const json_t *items)
{
    size_t i;
    json_t *o;
    cm_str_add(&c->out, "NAME   KIND   STATUS   AGE\n");
    json_array_foreach(items, i, o)
        cm_str_addf(&c->out, "%s   %s   %s   %s\n", object_name(o), cm_json_text(o, "kind", ""),
                    cm_json_text(o, "status.phase", "-"), cm_json_text(o, "metadata.creationTimestamp", ""));
}

static int print_items(struct call *c, const struct args *a, json_t *items_taken, bool single)
{
    const char *output = arg(a, "output", "");
    size_t i;
    json_t *o;
    if (strcmp(output, "json") == 0) {
        if (single)
            print_json(c, json_incref(json_array_get(items_taken, 0)));
        else
            print_json(c, json_pack("{s:s, s:s, s:O, s:{s:s}}", "apiVersion", "v1", "kind", "List", "items", items_taken,
                                    "metadata", "resourceVersion", ""));
    } else if (strcmp(output, "name") == 0) {
        json_array_foreach(items_taken, i, o) cm_str_addf(&c->out, "%s/%s\n", cm_json_text(o, "kind", ""), object_name(o));
    } else if (strcmp(output, "yaml") == 0) {
        json_array_foreach(items_taken, i, o)
        {
            cm_str_add(&c->out, i > 0 ? "---\n" : "");
            yaml_print(&c->out, o, 0);
        }
    } else if (output[0] == '\0' || strcmp(output, "wide") == 0) {
        print_table(c, items_taken);
    } else {
        json_decref(items_taken);
        return call_fail(c, "error: unable to match a printer suitable for the output format \"%s\"", output);
    }
    json_decref(items_taken);
    return 0;
}

/* "pods NAME", "pod/NAME", "pods". */
static const char *split_kind(const struct args *a, size_t at, char *kind, size_t size)
{
    const char *word = a->count > at ? a->words[at] : "", *slash = strchr(word, '/');
    size_t n = slash != NULL ? (size_t)(slash - word) : strlen(word);
    snprintf(kind, size, "%.*s", (int)n, word);
    return slash != NULL ? slash + 1 : a->count > at + 1 ? a->words[at + 1] : NULL;
}

/* The objects of a kind that are meant; NULL: said. */
static json_t *kube_got(struct call *c, const struct args *a, const char *word, const char *name)
{
    const struct kind *k = kind_named(word);
    if (k == NULL)
        return call_fail(c, "error: the server doesn't have a resource type \"%s\"", word), NULL;
    if (drill_is(c->w, "rights-missing") && (strcmp(k->kind, "PersistentVolume") == 0 || strcmp(k->kind, "Event") == 0))
        return call_fail(c,
                         "Error from server (Forbidden): %s is forbidden: User \"ann\" cannot list resource \"%s\" in API group \"\" %s",
                         k->plural, k->plural,
                         k->namespaced ? "in the namespace \"" WORLD_NAMESPACE "\"" : "at the cluster scope"),
               NULL;
    json_t *items = kube_list(c->w, k, arg(a, "all-namespaces", NULL) != NULL ? NULL : ns_of(a), arg(a, "selector", ""));
    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *o = json_array_get(items, i);
        if ((name != NULL && strcmp(object_name(o), name) != 0) || !fields_match(arg(a, "field-selector", ""), o))
            json_array_remove(items, i);
    }
    if (name == NULL || json_array_size(items) > 0 || arg(a, "ignore-not-found", NULL) != NULL)
        return items;
    json_decref(items);
    return not_found(c, k, name), NULL;
}

/* "deployments/NAME configmaps/NAME": what is there as a List; nothing at all where nothing is. */
static int kube_get_several(struct call *c, struct args *a)
{
    cm_autojson all = json_array();
    for (size_t i = 1; i < a->count; i++) {
        char word[64];
        const struct args one = {.words = {a->words[i]}, .count = 1};
        const char *name = split_kind(&one, 0, word, sizeof word);
        if (name == NULL)
            return call_fail(c, "error: there is no need to specify a resource type as a separate argument when passing "
                                "arguments in resource/name form");
        cm_autojson items = kube_got(c, a, word, name);
        if (items == NULL)
            return 1;
        json_array_extend(all, items);
    }
    return json_array_size(all) == 0 ? 0 : print_items(c, a, json_incref(all), false);
}

static int kube_get(struct call *c, struct args *a)
{
    char word[64];
    const char *name = split_kind(a, 1, word, sizeof word);
    if (a->count > 2 && strchr(a->words[1], '/') != NULL)
        return kube_get_several(c, a);
    json_t *items = kube_got(c, a, word, name);
    if (items == NULL)
        return 1;
    if (name != NULL && json_array_size(items) == 0) {
        json_decref(items);
        return 0;
    }
    if (name != NULL && arg(a, "watch", NULL) != NULL && strcmp(arg(a, "output", ""), "json") == 0) {
        json_decref(items);
        return kube_watch(c, kind_named(word), ns_of(a), name);
    }
    return print_items(c, a, items, name != NULL);
}

static int kube_version(struct call *c, struct args *a)
{
    json_t *v = json_pack("{s:{s:s, s:s, s:s}, s:s}", "clientVersion", "major", "1", "minor", "32", "gitVersion", "v1.32.4",
                          "kustomizeVersion", "v5.5.0");
    if (arg(a, "client", NULL) == NULL)
        json_object_set_new(v, "serverVersion", json_pack("{s:s, s:s, s:s}", "major", "1", "minor", "32", "gitVersion", "v1.32.4"));
    print_json(c, v);
    return 0;
}

/* resource: "pods", "pods/exec", "deployments.apps" */
static bool is_allowed(const struct world *w, const char *verb, const char *resource)
{
    return !drill_is(w, "rights-missing") || (strcmp(resource, "persistentvolumes") != 0 && strcmp(resource, "events") != 0 &&
                                              (strcmp(verb, "create") != 0 || strcmp(resource, "pods/exec") != 0));
}

bool kube_is_review(const json_t *o) { return strcmp(cm_json_text(o, "kind", ""), "SelfSubjectAccessReview") == 0; }

void kube_review(struct call *c, const json_t *o)
{
    const char *sub = cm_json_text(o, "spec.resourceAttributes.subresource", ""),
               *resource = cm_json_text(o, "spec.resourceAttributes.resource", "");
    cm_autofree char *whole = cm_fmt("%s%s%s", resource, *sub != '\0' ? "/" : "", sub);
    json_t *answer = json_deep_copy(o);
    bool allowed = is_allowed(c->w, cm_json_text(o, "spec.resourceAttributes.verb", ""), whole);
    json_object_set_new(answer, "status", json_pack("{s:b}", "allowed", allowed));
    print_json(c, answer);
}

static int kube_auth(struct call *c, struct args *a)
{
    const char *what = a->count > 1 ? a->words[1] : "", *verb = a->count > 2 ? a->words[2] : "",
               *resource = a->count > 3 ? a->words[3] : "";
    if (strcmp(what, "whoami") == 0) {
        print_json(c, json_pack("{s:s, s:{s:{s:s}}}", "kind", "SelfSubjectReview", "status", "userInfo", "username", "ann"));
        return 0;
    }
    if (strcmp(what, "can-i") != 0)
        return call_fail(c, "error: unknown command \"auth %s\"", what);
    const char *sub = arg(a, "subresource", NULL);
    cm_autofree char *whole = sub != NULL ? cm_fmt("%s/%s", resource, sub) : cm_strdup(resource);
    bool yes = is_allowed(c->w, verb, whole);
    cm_str_add(&c->out, yes ? "yes\n" : "no\n");
    return yes ? 0 : 1;
}

static char *replace_all(const char *text, const char *from, const char *to)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (const char *hit; (hit = strstr(text, from)) != NULL; text = hit + strlen(from)) {
        cm_str_add_bytes(&s, text, (size_t)(hit - text));
        cm_str_add(&s, to);
    }
    cm_str_add(&s, text);
    return cm_str_take(&s);
}

/* Paths of the container as they lie here. */
static char *map_paths(struct world *w, const struct pod *p, const char *argument)
{
    cm_autofree char *folder = pod_folder(w, p);
    cm_autofree char *gcfg = world_path(w, "cluster/pods/%s.gcfg", p->name);
    cm_autofree char *bin = world_path(w, "bin/");
    cm_autofree char *vm = world_path(w, "vm");
    if (strstr(argument, vm) != NULL)
        return cm_strdup(argument);
    cm_autofree char *one = replace_all(argument, WORLD_DATA_DIR, folder != NULL ? folder : "/nonexistent");
    cm_autofree char *two = replace_all(one, "/etc/rstudio-connect/rstudio-connect.gcfg", gcfg);
    return replace_all(two, "/opt/rstudio-connect/bin/", bin);
}

static int kube_exec(struct call *c, struct args *a)
{
    struct world *w = c->w;
    const char *name = a->count > 1 ? a->words[1] : "", *slash = strchr(name, '/');
    if (slash != NULL)
        name = slash + 1;
    const struct pod *p = pod_find(w, ns_of(a), name);
    if (p == NULL)
        return call_fail(c, "Error from server (NotFound): pods \"%s\" not found", name);
    if (!p->started)
        return call_fail(c, "error: unable to upgrade connection: container not found (\"connect\")");
    if (a->rest == NULL || a->rest[0] == NULL)
        return call_fail(c, "error: you must specify at least one command for the container");
    cm_autofree char *gcfg = world_path(w, "cluster/pods/%s.gcfg", name);
    world_put_file(gcfg, p->gcfg, strlen(p->gcfg), 0600);
    cm_autostr words = CM_STR(CM_STR_PAGE);
    cm_str_addf(&words, "CONNECT_MIGRATE_POD=%s", name);
    cm_str_add_bytes(&words, "", 1);
    cm_str_addf(&words, "PATH=%s/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", w->dir);
    cm_str_add_bytes(&words, "\0", 2);
    for (const char *const *word = a->rest; *word != NULL; word++) {
        cm_autofree char *mapped = map_paths(w, p, *word);
        cm_str_add_bytes(&words, mapped, strlen(mapped) + 1);
    }
    call_frame(c, 'R', words.data, words.len);
    return 0;
}

static int kube_logs(struct call *c, struct args *a)
{
    const char *name = a->count > 1 ? a->words[1] : "", *slash = strchr(name, '/');
    cm_autofree char *path = world_path(c->w, "cluster/pods/%s.log", slash != NULL ? slash + 1 : name);
    cm_autofree char *text = NULL;
    size_t n = 0;
    const struct pod *p = pod_find(c->w, ns_of(a), slash != NULL ? slash + 1 : name);
    if (p == NULL && cm_file_read(path, CM_STR_PAGE, &text, &n, NULL) != 0)
        return call_fail(c, "Error from server (NotFound): pods \"%s\" not found", name);
    const char *all = p != NULL ? cm_str_text(&p->log) : text;
    long tail = strtol(arg(a, "tail", "-1"), NULL, 10);
    const char *from = all + strlen(all);
    for (long lines = 0; from > all && tail >= 0 && lines <= tail; from--)
        if (from[-1] == '\n' && ++lines > tail)
            break;
    cm_str_add(&c->out, tail < 0 ? all : from);
    return 0;
}

/* The pod behind a service, a deployment or its own name: a ready one first. */
static struct pod *forward_to(struct call *c, const struct args *a, const char *word, int *status)
{
    char kind[64];
    const struct args one = {.words = {word}, .count = 1};
    const char *name = split_kind(&one, 0, kind, sizeof kind);
    const struct kind *k = kind_named(name != NULL ? kind : "pods");
    struct pod *best = NULL;
    *status = 1;
    if (name == NULL)
        name = word;
    if (k == NULL || (strcmp(k->kind, "Pod") != 0 && object_find(c->w, k->kind, ns_of(a), name) == NULL)) {
        if (k != NULL)
            not_found(c, k, name);
        return NULL;
    }
    const json_t *object = object_find(c->w, k->kind, ns_of(a), name);
    const json_t *wanted = cm_json_at(object, strcmp(k->kind, "Service") == 0 ? "spec.selector" : "spec.selector.matchLabels");
    for (struct pod *p = c->w->pods; p != NULL; p = p->next) {
        const json_t *labels = cm_json_at(object_find(c->w, "Pod", p->ns, p->name), "metadata.labels");
        const char *key;
        json_t *value;
        bool fits = strcmp(p->ns, ns_of(a)) == 0 && !p->ending && (strcmp(k->kind, "Pod") != 0 || strcmp(p->name, name) == 0);
        json_object_foreach((json_t *)(uintptr_t)wanted, key, value) fits = fits && json_equal(json_object_get(labels, key), value);
        if (fits && (best == NULL || (p->ready && !best->ready) || (p->ready == best->ready && p->started)))
            best = p;
    }
    if (best == NULL && strcmp(k->kind, "Pod") == 0)
        not_found(c, k, name);
    else if (best == NULL)
        call_fail(c, "error: timed out waiting for the condition");
    else if (!best->started || best->listener == NULL)
        call_fail(c, "error: unable to forward port because pod is not running. Current status=Pending");
    else
        *status = 0;
    return best;
}

static int kube_port_forward(struct call *c, struct args *a)
{
    int status = 1;
    const char *word = a->count > 1 ? a->words[1] : "", *ports = a->count > 2 ? a->words[2] : "80";
    struct pod *p = forward_to(c, a, word, &status);
    if (status != 0 || p == NULL)
        return 1;
    unsigned local = (unsigned)strtoul(ports, NULL, 10);
    int target = listener_port(p->listener);
    cm_autofree char *text = cm_fmt("%u %d 3939", local, target);
    c->pod = cm_strdup(p->name);
    c->deferred = true;
    call_frame(c, 'F', text, strlen(text));
    return 0;
}

struct rollout {
    struct call *call;
    char *ns, *name;
};

static bool rolled_out(struct world *w, const char *ns, const char *name)
{
    const json_t *d = object_find(w, "Deployment", ns, name);
    json_int_t replicas = cm_json_int(d, "spec.replicas", 1);
    return cm_json_int(d, "status.updatedReplicas", 0) >= replicas && cm_json_int(d, "status.readyReplicas", 0) >= replicas &&
           cm_json_int(d, "status.replicas", 0) <= replicas;
}

static void look_again(void *ctx)
{
    struct rollout *r = ctx;
    struct call *c = r->call;
    struct world *w = c->w;
    bool done = c->orphan || rolled_out(w, r->ns, r->name);
    if (!done) {
        cm_loop_timer(w->loop, cm_loop_now_ms(w->loop) + 5, 0, look_again, r);
        return;
    }
    cm_str_addf(&c->out, "deployment \"%s\" successfully rolled out\n", r->name);
    free(r->ns);
    free(r->name);
    free(r);
    call_done(c, 0);
}

static int kube_rollout(struct call *c, struct args *a)
{
    char kind[64];
    const char *verb = a->count > 1 ? a->words[1] : "", *name = split_kind(a, 2, kind, sizeof kind);
    json_t *d = name != NULL ? object_find(c->w, "Deployment", ns_of(a), name) : NULL;
    if (d == NULL)
        return call_fail(c, "Error from server (NotFound): deployments.apps \"%s\" not found", name != NULL ? name : "");
    if (strcmp(verb, "status") == 0) {
        struct rollout *r = cm_alloc(sizeof *r);
        *r = (struct rollout){c, cm_strdup(ns_of(a)), cm_strdup(name)};
        c->deferred = true;
        look_again(r);
        return 0;
    }
    if (strcmp(verb, "restart") != 0)
        return call_fail(c, "error: unknown command \"rollout %s\"", verb);
    cm_autofree char *now = world_now();
    json_t *template = json_object_get(json_object_get(d, "spec"), "template");
    json_object_set_new(object_meta(template, "annotations"), "kubectl.kubernetes.io/restartedAt", json_string(now));
    state_changed(c->w, STATE_OBJECTS);
    reconcile(c->w, ns_of(a), name);
    cm_str_addf(&c->out, "deployment.apps/%s restarted\n", name);
    return 0;
}

static int kube_config(struct call *c, struct args *a)
{
    const char *what = a->count > 1 ? a->words[1] : "";
    if (strcmp(what, "current-context") == 0)
        cm_str_add(&c->out, "world\n");
    else if (strcmp(what, "get-contexts") == 0)
        cm_str_add(&c->out, "world\n");
    else if (strcmp(what, "view") == 0)
        print_json(c, json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}], s:[{s:s, s:{s:s}}]}", "current-context", "world", "contexts",
                                "name", "world", "context", "cluster", "world", "namespace", WORLD_NAMESPACE, "clusters", "name",
                                "world", "cluster", "server", "https://127.0.0.1:6443"));
    else
        return call_fail(c, "error: unknown command \"config %s\"", what);
    return 0;
}

int tool_kubectl(struct call *c)
{
    static const struct {
        const char *verb;
        int (*run)(struct call *, struct args *);
    } verbs[] = {
        {"get", kube_get},   {"version", kube_version},           {"auth", kube_auth},       {"exec", kube_exec},
        {"logs", kube_logs}, {"port-forward", kube_port_forward}, {"rollout", kube_rollout}, {"config", kube_config},
    };
    struct args a;
    int status = -1;
    if (args_read(&a, c, valued, bare) != 0)
        return 1;
    const char *verb = a.count > 0 ? a.words[0] : "", *context = arg(&a, "context", "world");
    if (strcmp(context, "world") != 0) {
        status = call_fail(c, "error: context \"%s\" does not exist", context);
    } else {
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs && status < 0; i++)
            if (strcmp(verb, verbs[i].verb) == 0)
                status = verbs[i].run(c, &a);
        if (status < 0)
            status = kube_change(c, &a);
    }
    args_fini(&a);
    return status;
}
