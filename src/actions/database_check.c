/* actions/database_check.c: database.check: Connect's databases, asked with Connect's own role, from where the administrator sits.
 *
 * What a pod will use is judged from the server's own URL (or the new values', where they say another one); how it is reached
 * from here is the plan's affair and proves nothing about pods. Sends SELECTs only. The vendor's table of PostgreSQL versions
 * (docs: admin/database/postgres) is 13 to 17. Sessions are looked at in database_sessions.c. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actions/database_check.h"
#include "actions/look.h"
#include "actions/source.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "plan/plan.h"

enum { OLDEST_MAJOR = 13, NEWEST_MAJOR = 17 };

/* Ids of findings are fixed words: one for each of both databases. */
static const char *id_of(const struct cm_dbcheck *d, const char *word)
{
    return cm_arena_fmt(cm_step_arena(d->step), "database.%s%s", d->which ? "instrumentation-" : "", word);
}

/* "postgres.example.com:5432/connect" without anything secret; arena. */
static const char *identity(struct cm_step *step, const struct cm_pg_url *u)
{
    return cm_arena_fmt(cm_step_arena(step), "%s:%s/%s", u->host ? u->host : "", u->port && *u->port ? u->port : "5432",
                        u->database ? u->database : "");
}

static const char *place_of(struct cm_step *step, const struct cm_source *s, const char *section, const char *key)
{
    const struct cm_gcfg_setting *at = s->gcfg ? cm_gcfg_find(s->gcfg, section, NULL, key) : NULL;
    if (!at)
        return s->config_file;
    if (at->from_environment)
        return "the unit's environment";
    return cm_arena_fmt(cm_step_arena(step), "%s:%u:%u", at->in->file, at->line, at->column);
}

/* ---- from the configuration alone ---- */

static bool provider_is_postgres(struct cm_step *step, const struct cm_source *s)
{
    const char *said = cm_gcfg_get(s->gcfg, "Database", NULL, "Provider");
    if (cm_starts(s->provider, "postgres"))
        return true;
    const char *remedy = "Move Connect to PostgreSQL first: as root on the server run /opt/rstudio-connect/bin/migrate, then set "
                         "Database.Provider = Postgres and Postgres.URL, and start Connect (admin guide, database/migration).";
    if (!said)
        cm_finding(step, CM_BLOCKER, "database.sqlite", remedy,
                   "Database.Provider is not set in %s, so Connect keeps its data in SQLite on the server's disk", s->config_file);
    else if (strcmp(s->provider, "sqlite") == 0)
        cm_finding(step, CM_BLOCKER, "database.sqlite", remedy, "Database.Provider is %s (%s)", said,
                   place_of(step, s, "Database", "Provider"));
    else
        cm_finding(
            step, CM_UNKNOWN, "database.provider", "Set Database.Provider = Postgres, or attest that this spelling means it.",
            "Database.Provider is '%s' (%s), which this program does not know", said, place_of(step, s, "Database", "Provider"));
    return false;
}

/* The host in the new server's own values wins over the old server's for what a pod will use. */
static char *host_in_values(struct cm_step *step, const char *key)
{
    const char *url = json_string_value(cm_look_config(cm_look_values(step), "Postgres", key));
    return url && *url ? cm_look_url_host(url) : NULL;
}

static void judge_host(struct cm_dbcheck *d)
{
    const char *key = d->which ? "InstrumentationURL" : "URL", *host = d->url->host;
    cm_autofree char *in_values = host_in_values(d->step, key);
    const char *place = place_of(d->step, d->source, "Postgres", key);
    if (in_values && !cm_pg_host_is_local(in_values)) {
        if (cm_pg_host_is_local(host) && strcasecmp(in_values, host ? host : "") != 0)
            cm_finding(d->step, CM_WARNING, id_of(d, "address"),
                       "Make sure that both names lead to the same database; the run proves it before the old server is given up.",
                       "the server uses '%s' (%s), the values file says Postgres.%s on '%s'", host ? host : "a socket", place, key,
                       in_values);
        return;
    }
    if (cm_pg_host_is_local(host) || in_values) {
        const char *said = in_values ? in_values : host && *host ? host : "a socket";
        cm_finding(
            d->step, CM_BLOCKER, id_of(d, "localhost"),
            cm_arena_fmt(cm_step_arena(d->step),
                         "Give the database a name that the cluster can resolve, let it listen there, and set Postgres.%s to "
                         "it on the server (or config.Postgres.%s in the values file).",
                         key, key),
            "Postgres.%s names '%s' (%s): no pod can reach what listens for the server's own processes only", key, said,
            in_values ? "the values" : place);
        return;
    }
    if (!strchr(host, '.') && !strchr(host, ':'))
        cm_finding(d->step, CM_WARNING, id_of(d, "short-name"),
                   "Use the full name in Postgres.URL: a pod searches only the cluster's own domains.",
                   "Postgres.%s names '%s' (%s), a name without a domain", key, host, place);
}

/* ---- a connection that failed ---- */

/* Values that rscadmin encrypted are one long word of hex or base64; a password people chose is hardly ever. */
static bool looks_encrypted(const struct cm_secret *secret)
{
    const char *text = secret ? cm_secret_reveal(secret) : "";
    size_t n = strlen(text);
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_";
    return n >= 54 && strspn(text, alphabet) == n;
}

static void password_refused(struct cm_dbcheck *d, const char *at, const char *words)
{
    bool from_plan = d->target.password != NULL;
    const char *give = "Say where Connect's own password is: `database: {password: {env: CONNECT_DB_PASSWORD}}` in the plan, "
                       "or put it into ~/.pgpass.";
    if (!from_plan && looks_encrypted(d->url->password))
        cm_finding(d->step, CM_UNKNOWN, id_of(d, "password"), give,
                   "the password in the server's configuration seems to be encrypted by rscadmin, so %s could not be asked", at);
    else if (!from_plan && !d->url->password)
        cm_finding(d->step, CM_UNKNOWN, id_of(d, "password"), give,
                   "%s wants a password for %s and the server's configuration holds none: %s", at, d->url->user, words);
    else
        cm_finding(d->step, CM_BLOCKER, id_of(d, "password"), give, "%s refused the password of %s from %s: %s", at, d->url->user,
                   from_plan ? "the plan" : "the server's configuration", words);
}

/* The server's words for an address without an entry name the encryption (auth.c: ", no encryption"; before PostgreSQL 14 "SSL off"):
 * they point at TLS where the URL forgoes it. */
static bool tls_may_be_missing(const struct cm_pg_url *u, const char *words)
{
    return u->sslmode && (strcmp(u->sslmode, "disable") == 0 || strcmp(u->sslmode, "allow") == 0) &&
           strstr(words, "no pg_hba.conf entry") && (strstr(words, "no encryption") || strstr(words, "SSL off"));
}

static void not_open(struct cm_dbcheck *d, enum cm_pg_why why, const struct cm_err *seen)
{
    cm_autofree char *words = cm_look_words(seen);
    const char *at = identity(d->step, d->url), *hint = cm_err_hint(seen);
    const char *way = d->target.hostaddr ? cm_arena_fmt(cm_step_arena(d->step), " (at %s)", d->target.hostaddr) : "";
    const char *reach = "If this machine cannot reach the database, say `database: {via: source}` in the plan, or give "
                        "`database: {hostaddr: ADDRESS}`.";
    switch (why) {
    case CM_PG_PASSWORD: password_refused(d, at, words); return;
    case CM_PG_NO_DATABASE:
        cm_finding(d->step, CM_BLOCKER, id_of(d, "missing"),
                   "Correct the name in Postgres.URL, or the address in database.hostaddr.",
                   "there is no such database at %s%s: %s", at, way, words);
        return;
    case CM_PG_NO_ROLE:
        cm_finding(d->step, CM_BLOCKER, id_of(d, "role"), "Correct the role in Postgres.URL, or the address in database.hostaddr.",
                   "%s%s refuses the role %s: %s", at, way, d->url->user, words);
        return;
    case CM_PG_RIGHT:
        cm_finding(d->step, CM_BLOCKER, id_of(d, "connect"),
                   cm_arena_fmt(cm_step_arena(d->step), "As the database's owner: GRANT CONNECT ON DATABASE \"%s\" TO \"%s\";",
                                d->url->database, d->url->user),
                   "%s%s does not let the role %s connect: %s", at, way, d->url->user, words);
        return;
    case CM_PG_TLS:
        cm_finding(d->step, CM_UNKNOWN, id_of(d, "tls"),
                   hint ? hint : "Compare sslmode in Postgres.URL with what the database allows.", "no TLS agreement with %s%s: %s",
                   at, way, words);
        return;
    case CM_PG_HBA:
        if (tls_may_be_missing(d->url, words)) {
            cm_finding(
                d->step, CM_UNKNOWN, id_of(d, "tls"),
                "If the database takes connections with TLS only, say sslmode=require (or verify-full) in Postgres.URL, here and for "
                "the pods; otherwise let pg_hba.conf admit this machine.",
                "%s%s admits nobody from this address without TLS, and the URL says sslmode=%s: %s", at, way, d->url->sslmode,
                words);
            return;
        }
        cm_finding(
            d->step, CM_UNKNOWN, id_of(d, "hba"),
            "Let pg_hba.conf admit this machine, or go through the server with `database: {via: source}`; the pods' addresses "
            "must be admitted too.",
            "%s%s admits nobody from this address: %s", at, way, words);
        return;
    case CM_PG_FULL:
        cm_finding(d->step, CM_UNKNOWN, id_of(d, "full"),
                   "Free connections or raise max_connections: during the rollout the new server needs its own.",
                   "%s%s has no free connection: %s", at, way, words);
        return;
    case CM_PG_OK:
    case CM_PG_UNREACHABLE:
    case CM_PG_SILENT:
    case CM_PG_LOST:
    case CM_PG_QUERY:
    case CM_PG_OTHER:
    default:
        cm_finding(d->step, CM_UNKNOWN, id_of(d, "unreachable"), hint ? hint : reach, "%s%s %s: %s", at, way,
                   why == CM_PG_SILENT ? "does not answer" : "could not be asked", words);
    }
}

/* ---- what the server says of itself ---- */

/* The schema that Connect's URL asks for (admin guide, database/postgres): "search_path=x" as a parameter of its own or in "options=-c
 * search_path=x"; the first of several. "": none, or one that depends on the role. Caller frees. */
static char *schema_of_url(const struct cm_pg_url *u)
{
    const char *path = json_string_value(json_object_get(u->parameters, "search_path"));
    if (!path && u->options && (path = strstr(u->options, "search_path=")) != NULL)
        path += strlen("search_path=");
    size_t n = path ? strcspn(path, ", ") : 0;
    return n && *path != '$' && strncmp(path, "\"$", 2) != 0 ? cm_strndup(path, n) : cm_strdup("");
}

/* Everything in one row. $1: the schema that Connect's URL names; '': the search path's first. schema is NULL when there is no such
 * schema. */
static const char about_sql[] =
    "SELECT pg_is_in_recovery() AS recovery, current_setting('server_version_num') AS number,"
    " current_setting('server_version') AS version, s.schema::text AS schema,"
    " coalesce(has_schema_privilege(s.schema::oid, 'CREATE'), false) AS may_create,"
    " current_user AS role, pg_encoding_to_char(d.encoding) AS encoding, pg_database_size(d.oid) AS bytes,"
    " pg_size_pretty(pg_database_size(d.oid)) AS size,"
    " current_setting('default_transaction_read_only') AS read_only,"
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS slots,"
    " (SELECT sum(numbackends) FROM pg_stat_database) AS used, d.datconnlimit AS database_limit,"
    " (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role_limit,"
    " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls,"
    " (SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = s.schema::regnamespace"
    " AND NOT pg_has_role(current_user, c.relowner, 'USAGE')) AS foreign_tables"
    " FROM pg_database d, (SELECT to_regnamespace(coalesce(nullif($1, ''), quote_ident(current_schema()))) AS schema) s"
    " WHERE d.datname = current_database()";

static bool is_true(const json_t *row, const char *name)
{
    const char *v = cm_json_text(row, name, "f");
    return *v == 't' || strcmp(v, "on") == 0;
}

static long number(const json_t *row, const char *name, long otherwise)
{
    const char *text = json_string_value(json_object_get(row, name));
    char *end;
    if (!text || !*text)
        return otherwise;
    long n = strtol(text, &end, 10);
    return *end == '\0' ? n : otherwise;
}

static void judge_version(struct cm_dbcheck *d, const json_t *row)
{
    long major = number(row, "number", 0) / 10000;
    if (major >= OLDEST_MAJOR && major <= NEWEST_MAJOR)
        return;
    cm_finding(d->step, CM_WARNING, id_of(d, "version"),
               major < OLDEST_MAJOR ? "Plan an upgrade of the database; Connect's newer versions may refuse it."
                                    : "Compare with the list of supported versions in the admin guide of your Connect version.",
               "PostgreSQL %s at %s is outside the vendor's table (%d to %d)", cm_json_text(row, "version", "?"),
               identity(d->step, d->url), OLDEST_MAJOR, NEWEST_MAJOR);
}

static void judge_rights(struct cm_dbcheck *d, const json_t *row)
{
    const char *at = identity(d->step, d->url), *role = cm_json_text(row, "role", "?"), *schema = cm_json_text(row, "schema", NULL);
    long foreign = number(row, "foreign_tables", 0);
    if (!is_true(row, "may_create"))
        cm_finding(d->step, CM_WARNING, id_of(d, "create"),
                   cm_arena_fmt(cm_step_arena(d->step), "As the database's owner: GRANT CREATE ON SCHEMA %s TO \"%s\";",
                                schema ? schema : "public", role),
                   "%s may not create tables in schema %s of %s; a newer Connect that has to change them would not start", role,
                   schema ? schema : "(none: no schema of the search path exists)", at);
    else if (foreign > 0)
        cm_finding(d->step, CM_WARNING, id_of(d, "owner"),
                   "Let Connect's role own its tables (ALTER TABLE … OWNER TO), or be a "
                   "member of the role that does.",
                   "%ld tables in schema %s of %s do not belong to %s, which cannot alter them then", foreign, schema, at, role);
}

static void judge_room(struct cm_dbcheck *d, const json_t *row)
{
    long slots = number(row, "slots", 0), used = number(row, "used", 0), role_limit = number(row, "role_limit", -1),
         database_limit = number(row, "database_limit", -1);
    long limit = slots;
    if (role_limit > 0 && role_limit < limit)
        limit = role_limit;
    if (database_limit > 0 && database_limit < limit)
        limit = database_limit;
    if (slots > 0 && used >= slots - slots / 10)
        cm_finding(d->step, CM_WARNING, id_of(d, "connections"), "Raise max_connections, or end what is not needed.",
                   "%ld of %ld connections of %s are in use", used, slots, identity(d->step, d->url));
    else if (limit > 0 && limit < 20)
        cm_finding(d->step, CM_WARNING, id_of(d, "connections"),
                   "Raise the limit: while a pod is replaced, two of them hold their connections.",
                   "only %ld connections are allowed at %s", limit, identity(d->step, d->url));
}

static void say_pooled(struct cm_dbcheck *d)
{
    cm_finding(d->step, CM_UNKNOWN, id_of(d, "pooler"),
               "Give the database server's own address: `database: {hostaddr: ADDRESS, port: 5432}` in the plan. Behind a pooler "
               "nobody can see whether Connect is still connected, and no lock can be held against a second run.",
               "a connection pooler stands between here and %s: the process that answers is not the one that let us in",
               identity(d->step, d->url));
}

static void judge(struct cm_dbcheck *d, const json_t *row)
{
    const char *at = identity(d->step, d->url);
    if (is_true(row, "recovery"))
        cm_finding(d->step, CM_BLOCKER, id_of(d, "recovery"),
                   "Name the primary in Postgres.URL, or promote this server; Connect cannot write to a standby.",
                   "%s is a standby in recovery", at);
    else if (is_true(row, "read_only"))
        cm_finding(d->step, CM_WARNING, id_of(d, "read-only"), "Take default_transaction_read_only away from the role or database.",
                   "sessions at %s begin read-only (default_transaction_read_only is on)", at);
    judge_version(d, row);
    if (!is_true(row, "recovery"))
        judge_rights(d, row);
    if (strcmp(cm_json_text(row, "encoding", "UTF8"), "UTF8") != 0)
        cm_finding(d->step, CM_WARNING, id_of(d, "encoding"), "Connect's documents ask for UTF8; plan a dump and restore.",
                   "%s is encoded in %s", at, cm_json_text(row, "encoding", "?"));
    judge_room(d, row);
    if (d->pooled)
        say_pooled(d);
    cm_finding(d->step, CM_OK, id_of(d, d->which ? "answers" : "core"), NULL,
               "PostgreSQL %s at %s as %s: %s, %s, %s, %ld of %ld connections in use", cm_json_text(row, "version", "?"), at,
               cm_json_text(row, "role", "?"), cm_json_text(row, "size", "?"), cm_json_text(row, "encoding", "?"),
               is_true(row, "tls") ? "TLS" : "no TLS", number(row, "used", 0), number(row, "slots", 0));
}

/* ---- one database ---- */

/* *answered: false when the other database on the same server would fail alike, and need not be tried. */
static int look_at(struct cm_dbcheck *d, bool *answered, struct cm_err **err)
{
    enum cm_pg_why why = CM_PG_OTHER;
    cm_autoerr seen = NULL;
    cm_autojson rows = NULL;
    *answered = false;
    struct cm_pg *p = cm_pg_open(cm_step_loop(d->step), &d->target, &why, &seen);
    if (!p) {
        if (cm_look_ends(&seen, err))
            return -1;
        const char *other = d->source->instrumentation.user;
        *answered = why == CM_PG_NO_DATABASE ||
                    ((why == CM_PG_PASSWORD || why == CM_PG_NO_ROLE) && other && d->url->user && strcmp(other, d->url->user) != 0);
        not_open(d, why, seen);
        return 0;
    }
    *answered = true;
    cm_pg_log_to(p, d->step);
    d->pooled = cm_pg_pooled(p);
    cm_autofree char *schema = schema_of_url(d->url);
    const char *const named[] = {schema, NULL};
    int rc = cm_pg_query(p, about_sql, named, &rows, &seen);
    if (rc == 0 && json_array_size(rows) == 1) {
        judge(d, json_array_get(rows, 0));
        rc = d->pooled ? 0 : cm_dbcheck_sessions(d, p, &seen);
    }
    cm_pg_close(p);
    if (rc == 0)
        return 0;
    return cm_look_failed(d->step, id_of(d, "query"), identity(d->step, d->url),
                          "Look at the database server's log for what refused the query.", &seen, err);
}

static int one_database(struct cm_step *step, const struct cm_source *s, int which, bool *answered, struct cm_err **err)
{
    struct cm_dbcheck d = {.step = step, .source = s, .which = which, .url = which ? &s->instrumentation : &s->core};
    cm_autoerr seen = NULL;
    bool none = false;
    d.id_sessions = which ? "database.instrumentation-sessions" : "database.sessions";
    d.id_rights = which ? "database.instrumentation-rights" : "database.rights";
    if (!which) {
        json_t *name = json_string(identity(step, d.url));
        if (cm_fact_set(step, "database.identity", name, err) < 0)
            return -1;
    }
    judge_host(&d);
    if (cm_source_database(step, which, "check", &d.target, &none, &seen) < 0)
        return cm_look_failed(step, id_of(&d, "password"), "the password of Connect's role could not be had",
                              "Correct database.password in the plan.", &seen, err);
    if (none)
        return 0;
    return look_at(&d, answered, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const struct cm_source *s;
    cm_autoerr seen = NULL;
    bool answered = false, second = false;
    if (cm_source_read(step, &s, &seen) < 0)
        return cm_look_failed(step, "database.unreachable", "what database Connect uses could not be read on the server",
                              "Make `ssh NODE` work from here without a password, then check again.", &seen, err);
    if (!provider_is_postgres(step, s))
        return 0;
    if (!s->has_core) {
        cm_finding(step, CM_UNKNOWN, "database.url", "Set Postgres.URL in the server's configuration.",
                   "Database.Provider is %s and %s has no Postgres.URL", s->provider, s->config_file);
        return 0;
    }
    if (one_database(step, s, 0, &answered, err) < 0)
        return -1;
    if (!s->has_instrumentation)
        return 0;
    bool same_server = s->core.host && s->instrumentation.host && strcasecmp(s->core.host, s->instrumentation.host) == 0;
    bool same = strcmp(identity(step, &s->core), identity(step, &s->instrumentation)) == 0;
    if (same || (same_server && !answered))
        return 0;
    return one_database(step, s, 1, &second, err);
}

static const char *const gives[] = {"database.identity", NULL};

const struct cm_action cm_action_database_check = {
    .name = "database.check",
    .summary = "Ask Connect's database what it is and who is connected",
    .page = "https://docs.posit.co/connect/admin/database/postgres/",
    .kind = CM_CHECK,
    .gives = gives,
    .apply = apply,
    .reads =
        "The server's configuration (main file, migration file, the unit's environment); pg_stat_activity, settings and rights "
        "in the core and the instrumentation database, as Connect's own role.",
    .does = "Sends SELECTs only.",
    .proves = "That the database is PostgreSQL, no standby, reachable, of a supported version, and whose sessions it serves; not "
              "that a pod can reach it (pods.check does).",
    .rights = "Connect's own role, or one with CONNECT and pg_read_all_stats.",
};
