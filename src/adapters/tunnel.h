/* adapters/tunnel.h: a TCP connection made from a node of the old server, for what cannot be reached from here (database.via:
 * source): an `ssh -L` of its own, on loopback, which dies with us. Only for nodes that are reached by ssh. */
#ifndef CM_ADAPTERS_TUNNEL_H
#define CM_ADAPTERS_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <cm/err.h>
#include <cm/loop.h>

struct cm_host;
struct cm_tunnel;

/* Listens when it returns; whether host:port itself answers shows when it is used. NULL: not reached, refused, not by ssh. */
struct cm_tunnel *cm_tunnel_open(struct cm_loop *loop, struct cm_host *node, const char *host, const char *port, int64_t timeout_ms,
                                 struct cm_err **err);
const char *cm_tunnel_port(const struct cm_tunnel *t);      /* on 127.0.0.1; as text */
bool cm_tunnel_alive(const struct cm_tunnel *t);
void cm_tunnel_close(struct cm_tunnel *taken);

#endif
