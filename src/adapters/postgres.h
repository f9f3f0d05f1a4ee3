/* adapters/postgres.h: libpq on the loop, and what the program asks of Connect's database. Every session of ours has an
 * application_name that begins with "connect-migrate". Queries read, but for the advisory lock; each has a time limit. */
#ifndef CM_ADAPTERS_POSTGRES_H
#define CM_ADAPTERS_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/err.h>
#include <cm/loop.h>

#include "base/secret.h"

struct cm_step;

enum cm_pg_why { CM_PG_OK, CM_PG_UNREACHABLE, CM_PG_SILENT, CM_PG_PASSWORD, CM_PG_NO_DATABASE, CM_PG_NO_ROLE, CM_PG_TLS,
                 CM_PG_HBA, CM_PG_RIGHT, CM_PG_FULL, CM_PG_LOST, CM_PG_QUERY, CM_PG_OTHER };

/* A postgres:// URL as Connect reads it, taken apart. */
struct cm_pg_url { char *host, *port, *user, *database, *sslmode; struct cm_secret *password; char *options; json_t *parameters; };
int cm_pg_url_parse(const char *url, struct cm_pg_url *out, struct cm_err **err);
void cm_pg_url_fini(struct cm_pg_url *u);
bool cm_pg_host_is_local(const char *host);          /* localhost, loopback, socket, empty: no pod can resolve it */

struct cm_pg_target {                                /* borrowed */
    const struct cm_pg_url *url;
    const char *hostaddr, *port;                     /* how it is reached from here instead; NULL: as in the URL */
    const struct cm_secret *password;                /* NULL: the URL's, else PG*, .pgpass */
    const char *role;                                /* suffix of application_name: "check", "lock RUN ann@laptop 4711" */
    int64_t timeout_ms;                              /* to connect and for each query */
};
struct cm_pg;
struct cm_pg *cm_pg_open(struct cm_loop *loop, const struct cm_pg_target *t, enum cm_pg_why *why, struct cm_err **err);
void cm_pg_close(struct cm_pg *p);
bool cm_pg_alive(struct cm_pg *p);                   /* one short round trip */
int cm_pg_backend(const struct cm_pg *p);            /* pid of our backend */
const char *cm_pg_role(const struct cm_pg *p);       /* the URL's: Connect's own */
/* A pooler stands in between: sessions seen there are the pooler's, what is set or locked is another's in the next moment. */
bool cm_pg_pooled(const struct cm_pg *p);
/* Rows as an array of objects, all values strings or null. Parameters are text, NULL-ended list of values (NULL: none). */
int cm_pg_query(struct cm_pg *p, const char *sql, const char *const *params, json_t **rows, struct cm_err **err);

/* From now on each query goes into this step's log, with its rows and its time; NULL: no longer. Never the parameters' values. */
void cm_pg_log_to(struct cm_pg *p, struct cm_step *step);

struct cm_pg_session { int pid; char *user, *application, *address, *started, *state; bool hidden; bool ours; };
struct cm_pg_sessions { struct cm_pg_session *list; size_t count; bool all_visible; /* Connect's role or pg_read_all_stats */ };
/* Sessions on this database but our own connection. Rows whose backend_type is hidden count as client sessions. */
int cm_pg_sessions(struct cm_pg *p, struct cm_pg_sessions *out, struct cm_err **err);
void cm_pg_sessions_fini(struct cm_pg_sessions *s);

/* The advisory lock of all connect-migrate runs on this database. *holder: application_name of who has it (caller frees), when
 * not got; NULL: it has no name, as a session that is just ending. */
int cm_pg_lock(struct cm_pg *p, bool *got, char **holder, struct cm_err **err);
bool cm_pg_lock_held(struct cm_pg *p);               /* asks the server (pg_locks) */
/* The same for a callback of the loop, where nothing may wait: `done` is called once, from the loop; false also when the
 * server does not answer within the limit. One at a time: while one is under way a second is not sent. */
void cm_pg_lock_held_soon(struct cm_pg *p, void (*done)(void *ctx, bool held), void *ctx);
/* Is the connection known to be gone? Looks at what has arrived, asks nobody, never waits. */
bool cm_pg_lost(struct cm_pg *p);

#endif
