/* world/kube_watch.c: `kubectl get KIND NAME -o json --watch`: the object as it is, and again each time that it has changed, until nobody
 * listens any more. */
#include <config.h>

#include <string.h>

#include "world/world.h"

enum { LOOK_MS = 5 };

struct watching {
    struct call *call;
    const struct kind *kind;
    char *ns, *name;
    json_t *last; /* as it was printed */
};

static void over(struct watching *w)
{
    struct call *c = w->call;
    free(w->ns);
    free(w->name);
    json_decref(w->last);
    free(w);
    call_done(c, 0);
}

static void look_again(void *ctx)
{
    struct watching *w = ctx;
    struct call *c = w->call;
    if (c->orphan) {
        over(w);
        return;
    }
    const json_t *now = object_find(c->w, w->kind->kind, w->ns, w->name);
    if (now != NULL && !json_equal(now, w->last)) {
        cm_autofree char *text = json_dumps(now, JSON_INDENT(4)), *line = cm_fmt("%s\n", text);
        json_decref(w->last);
        w->last = json_deep_copy(now);
        call_frame(c, 'O', line, strlen(line));
        cm_watch_events(c->watch, POLLIN | POLLOUT);
    }
    cm_loop_timer(c->w->loop, cm_loop_now_ms(c->w->loop) + LOOK_MS, 0, look_again, w);
}

int kube_watch(struct call *c, const struct kind *k, const char *ns, const char *name)
{
    struct watching *w = cm_alloc(sizeof *w);
    *w = (struct watching){.call = c, .kind = k, .ns = cm_strdup(ns), .name = cm_strdup(name)};
    c->deferred = true;
    cm_loop_timer(c->w->loop, cm_loop_now_ms(c->w->loop), 0, look_again, w);
    return 0;
}
