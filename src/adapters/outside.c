/* adapters/outside.c: the outside as one value (adapters/outside.h). Building it touches nothing. */
#include <config.h>

#include "adapters/outside.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/host.h"
#include "adapters/http.h"
#include "base/mem.h"
#include "plan/plan.h"

struct slot {
    struct slot *next;
    const char *key;
    void *value;
    void (*free_it)(void *);
};

struct cm_outside {
    struct cm_loop *loop;
    const struct cm_plan *plan;
    struct cm_http *http;
    struct cm_host **hosts;
    size_t host_count;
    void *source;
    void (*free_source)(void *);
    struct slot *slots; /* the newest first */
};

struct cm_outside *cm_outside_new(struct cm_loop *loop, const struct cm_plan *plan, struct cm_err **err)
{
    struct cm_outside *o = cm_alloc(sizeof *o);
    o->loop = loop;
    o->plan = plan;
    const json_t *names = cm_plan_get(plan, "source.hosts");
    size_t n = json_array_size(names);
    o->hosts = cm_alloc((n + 1) * sizeof *o->hosts);
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name == NULL || *name == '\0' || *name == '-') {
            cm_fail(err, CM_E_USAGE, "source.hosts: entry %zu is not the name of a machine; a name that ssh knows is expected",
                    i + 1);
            cm_outside_free(o);
            return NULL;
        }
        o->hosts[o->host_count++] = cm_host_new(plan, name);
    }
    return o;
}

static void free_slot(struct slot *s)
{
    if (s->value != NULL && s->free_it != NULL)
        s->free_it(s->value);
    free(s);
}

void cm_outside_free(struct cm_outside *o)
{
    if (o == NULL)
        return;
    while (o->slots != NULL) {
        struct slot *s = o->slots;
        o->slots = s->next;
        free_slot(s);
    }
    cm_outside_source_set(o, NULL, NULL);
    cm_http_free(o->http);
    for (size_t i = 0; i < o->host_count; i++)
        cm_host_free(o->hosts[i]);
    free(o->hosts);
    free(o);
}

void cm_outside_after_fork(struct cm_outside *o)
{
    if (o->http != NULL)
        cm_http_after_fork(o->http);
}

const struct cm_plan *cm_outside_plan(const struct cm_outside *o) { return o->plan; }

struct cm_loop *cm_outside_loop(const struct cm_outside *o) { return o->loop; }

struct cm_http *cm_outside_http(struct cm_outside *o)
{
    if (o->http == NULL)
        o->http = cm_http_new(o->loop);
    return o->http;
}

size_t cm_outside_hosts(const struct cm_outside *o) { return o->host_count; }

struct cm_host *cm_outside_host(struct cm_outside *o, size_t i) { return i < o->host_count ? o->hosts[i] : NULL; }

void *cm_outside_source(struct cm_outside *o) { return o->source; }

void cm_outside_source_set(struct cm_outside *o, void *taken, void (*free_it)(void *))
{
    if (o->source != NULL && o->free_source != NULL)
        o->free_source(o->source);
    o->source = taken;
    o->free_source = free_it;
}

void *cm_outside_slot(const struct cm_outside *o, const char *key)
{
    for (const struct slot *s = o->slots; s != NULL; s = s->next)
        if (strcmp(s->key, key) == 0)
            return s->value;
    return NULL;
}

void cm_outside_slot_set(struct cm_outside *o, const char *key, void *taken, void (*free_it)(void *))
{
    for (struct slot **p = &o->slots; *p != NULL; p = &(*p)->next) {
        struct slot *old = *p;
        if (strcmp(old->key, key) != 0)
            continue;
        *p = old->next;
        free_slot(old);
        break;
    }
    struct slot *s = cm_alloc(sizeof *s);
    *s = (struct slot){o->slots, key, taken, free_it};
    o->slots = s;
}
