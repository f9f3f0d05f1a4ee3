/* world/kubelet.c: Connect behind the pods of a real cluster. Somebody who watches that cluster says here that a pod was created or has
 * to end, looks what becomes of it, and shows that to the cluster: `kubelet create NAME` (stdin: {"pod": , "objects": [what it refers
 * to]}), `kubelet look NAME`, `kubelet end NAME`. Pods of Deployments hold Connect as those of the world's own cluster do; others run
 * their command. */
#include <config.h>

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

static void take_objects(struct world *w, const json_t *objects)
{
    size_t i;
    json_t *o;
    json_array_foreach(objects, i, o) object_put(w, json_deep_copy(o));
}

static json_t *find(struct world *w, const char *kind, const char *name)
{
    size_t i;
    json_t *o;
    json_array_foreach(w->state[STATE_OBJECTS], i,
                       o) if (strcmp(cm_json_text(o, "kind", ""), kind) == 0 && strcmp(object_name(o), name) == 0) return o;
    return NULL;
}

static struct pod *pod_named(struct world *w, const char *name)
{
    for (struct pod *p = w->pods; p != NULL; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static int create(struct call *c, const char *name)
{
    struct world *w = c->w;
    cm_autoerr err = NULL;
    cm_autojson said = cm_json_parse(c->input, c->input_bytes, "stdin", &err);
    const json_t *pod = cm_json_at(said, "pod");
    if (pod == NULL || strcmp(object_name(pod), name) != 0)
        return call_fail(c, "kubelet: no pod \"%s\" on stdin", name);
    take_objects(w, cm_json_at(said, "objects"));
    if (find(w, "Pod", name) != NULL)
        return 0;
    json_t *taken = object_put(w, json_deep_copy(pod));
    const char *owner = cm_json_text(json_array_get(cm_json_at(pod, "metadata.ownerReferences"), 0), "kind", "");
    if (strcmp(owner, "ReplicaSet") == 0) {
        pod_begin(w, taken);
    } else {
        json_object_set_new(taken, "status", json_pack("{s:s}", "phase", "Running"));
        pod_command(w, taken, "");
    }
    return 0;
}

static json_t *events_of(struct world *w, const char *name)
{
    json_t *all = json_array(), *o;
    size_t i;
    json_array_foreach(w->state[STATE_OBJECTS], i, o) if (strcmp(cm_json_text(o, "kind", ""), "Event") == 0 &&
                                                          strcmp(cm_json_text(o, "involvedObject.name", ""), name) == 0)
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:I}", "type", cm_json_text(o, "type", ""), "reason",
                                             cm_json_text(o, "reason", ""), "message", cm_json_text(o, "message", ""), "count",
                                             cm_json_int(o, "count", 1)));
    return all;
}

/* {"status": the pod's, "log", "port": of its Connect or 0, "events"}; {} once it is gone. */
static int look(struct call *c, const char *name)
{
    const json_t *o = find(c->w, "Pod", name);
    const struct pod *p = pod_named(c->w, name);
    cm_autojson said = json_object();
    if (o != NULL) {
        cm_autofree char *path = world_path(c->w, "cluster/pods/%s.log", name);
        cm_autofree char *file = NULL;
        size_t n = 0;
        if (p == NULL && cm_file_read(path, CM_STR_PAGE, &file, &n, NULL) != 0)
            file = NULL;
        json_object_set(said, "status", json_object_get(o, "status"));
        json_object_set_new(said, "log", json_string(p != NULL ? cm_str_text(&p->log) : file != NULL ? file : ""));
        json_object_set_new(said, "port", json_integer(p != NULL && p->listener != NULL ? listener_port(p->listener) : 0));
        json_object_set_new(said, "events", events_of(c->w, name));
    }
    cm_autofree char *text = json_dumps(said, JSON_COMPACT);
    cm_str_add(&c->out, text);
    return 0;
}

static int end(struct call *c, const char *name)
{
    const json_t *o = find(c->w, "Pod", name);
    struct pod *p = pod_named(c->w, name);
    if (p != NULL) {
        pod_delete(c->w, p);
    } else if (o != NULL) {
        cm_autofree char *ns = cm_strdup(object_ns(o));
        object_delete(c->w, "Pod", ns, name);
    }
    return 0;
}

int tool_kubelet(struct call *c)
{
    const char *verb = c->argc > 0 ? c->argv[0] : "", *name = c->argc > 1 ? c->argv[1] : "";
    if (strcmp(verb, "create") == 0)
        return create(c, name);
    if (strcmp(verb, "look") == 0)
        return look(c, name);
    if (strcmp(verb, "end") == 0)
        return end(c, name);
    return call_fail(c, "kubelet: create, look or end");
}
