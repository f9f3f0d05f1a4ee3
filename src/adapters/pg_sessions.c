/* adapters/pg_sessions.c: who has sessions on this database: what the interlock rests on.
 *
 * PostgreSQL shows a role without rights other roles' rows with backend_type, client_addr, backend_start and state NULL; a
 * filter on backend_type = 'client backend' alone would drop exactly those and find nobody (measured on PostgreSQL 15). Such
 * rows are kept and marked hidden. pid, usename and application_name stay visible. */
#include <config.h>

#include "adapters/postgres.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* backend_type exists from PostgreSQL 10. */
static const char sessions_sql[] =
    "SELECT a.pid::text AS pid, a.usename::text AS user, a.application_name AS application, "
    "pg_catalog.host(a.client_addr) AS address, a.state AS state, a.backend_type IS NULL AS hidden, "
    "pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS started "
    "FROM pg_catalog.pg_stat_activity a WHERE a.datname = pg_catalog.current_database() "
    "AND a.pid <> pg_catalog.pg_backend_pid() AND (a.backend_type = 'client backend' OR a.backend_type IS NULL) "
    "ORDER BY a.usename, a.pid";

/* Whoever has the rights of a role sees its sessions; pg_read_all_stats sees all (superusers have its rights). The role that counts is
 * the one Connect's URL names: who we are may be another one, by a pooler's map, pg_ident.conf or ALTER ROLE … SET role. */
static const char rights_sql[] =
    "SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS all_stats, coalesce((SELECT "
    "pg_catalog.pg_has_role(current_user, r.oid, 'USAGE') FROM pg_catalog.pg_roles r WHERE r.rolname = $1), false) AS own";

static char *text_of(const json_t *row, const char *name) { return cm_strdup(json_string_value(json_object_get(row, name))); }

static bool true_of(const json_t *row, const char *name)
{
    const char *value = json_string_value(json_object_get(row, name));

    return value != NULL && strcmp(value, "t") == 0;
}

static void read_session(const json_t *row, struct cm_pg_session *s)
{
    const char *pid = json_string_value(json_object_get(row, "pid"));

    s->pid = pid != NULL ? (int)strtol(pid, NULL, 10) : 0;
    s->user = text_of(row, "user");
    s->application = text_of(row, "application");
    s->address = text_of(row, "address");
    s->started = text_of(row, "started");
    s->state = text_of(row, "state");
    s->hidden = true_of(row, "hidden");
    s->ours = s->application != NULL && cm_starts(s->application, "connect-migrate");
}

int cm_pg_sessions(struct cm_pg *p, struct cm_pg_sessions *out, struct cm_err **err)
{
    cm_autojson rows = NULL;
    cm_autojson rights = NULL;

    const char *const role[] = {cm_pg_role(p), NULL};

    memset(out, 0, sizeof *out);
    if (cm_pg_query(p, rights_sql, role, &rights, err) != 0 || cm_pg_query(p, sessions_sql, NULL, &rows, err) != 0)
        return cm_wrap(err, "sessions on the database");
    const json_t *right = json_array_get(rights, 0);
    out->all_visible = true_of(right, "all_stats") || true_of(right, "own");
    out->count = json_array_size(rows);
    out->list = cm_alloc((out->count + 1) * sizeof *out->list);
    for (size_t i = 0; i < out->count; i++)
        read_session(json_array_get(rows, i), &out->list[i]);
    return 0;
}

void cm_pg_sessions_fini(struct cm_pg_sessions *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        free(s->list[i].user);
        free(s->list[i].application);
        free(s->list[i].address);
        free(s->list[i].started);
        free(s->list[i].state);
    }
    free(s->list);
    memset(s, 0, sizeof *s);
}
