/* adapters/outside.h: the outside as one value: what an action reaches through cm_step_outside(). Built by cli from the
 * plan, without touching anything yet: every connection is made when it is first used. Opaque to the engine. */
#ifndef CM_ADAPTERS_OUTSIDE_H
#define CM_ADAPTERS_OUTSIDE_H

#include <cm/action.h>
#include <cm/err.h>
#include <cm/loop.h>

struct cm_host;
struct cm_http;

struct cm_outside *cm_outside_new(struct cm_loop *loop, const struct cm_plan *plan, struct cm_err **err);
void cm_outside_free(struct cm_outside *o);
/* A forked worker calls this after cm_loop_after_fork: forgets inherited sockets without closing their protocols. */
void cm_outside_after_fork(struct cm_outside *o);

const struct cm_plan *cm_outside_plan(const struct cm_outside *o);
struct cm_loop *cm_outside_loop(const struct cm_outside *o);
struct cm_http *cm_outside_http(struct cm_outside *o);
size_t cm_outside_hosts(const struct cm_outside *o);
struct cm_host *cm_outside_host(struct cm_outside *o, size_t i);
/* One slot for what actions/source.c has read of the server's configuration, freed with `free_it`. Not shared with workers
 * once forked. */
void *cm_outside_source(struct cm_outside *o);
void cm_outside_source_set(struct cm_outside *o, void *taken, void (*free_it)(void *));
/* Further slots by key (a string that lives for ever): what actions/target.c and actions/interlock.c keep open. NULL: empty. They
 * are freed in the reverse order of their setting, before the hosts and HTTP. */
void *cm_outside_slot(const struct cm_outside *o, const char *key);
void cm_outside_slot_set(struct cm_outside *o, const char *key, void *taken, void (*free_it)(void *));

#endif
