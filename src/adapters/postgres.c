/* adapters/postgres.c: one libpq connection on the loop: connecting, queries with a limit, the advisory lock.
 *
 * What it does not do: pool, repeat, write. Resolving a host name is libpq's and blocks (database.hostaddr avoids it). The
 * server's own statement_timeout ends a query a little before ours would, so that nothing of ours goes on running there. Behind a
 * pooler it is not set: it would stay on a session that Connect is given next. */
#include <config.h>

#include "adapters/postgres.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include <cm/action.h>
#include <cm/str.h>

#include "adapters/pg_why.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* "cmig" and 1: a number pair of ours (pg_advisory_lock(int, int)); advisory locks are one database's, so is Connect. */
#define LOCK_CLASS "1668115815"
#define LOCK_OBJECT "1"

enum { GRACE_MS = 1000 };

struct lock_question {
    struct cm_watch *watch;
    struct cm_timer *limit;
    void (*done)(void *ctx, bool held);
    void *ctx;
    bool held;
};

struct cm_pg {
    struct cm_loop *loop;
    PGconn *conn;
    struct cm_watch *watch;
    char *where; /* "db.example.com:5432/connect as connect" */
    char *role;  /* of the URL */
    bool pooled;
    int64_t timeout_ms;
    bool ready;  /* something happened on the socket */
    bool broken; /* a limit passed within a query: the connection is of no use any more */
    struct lock_question question;
    struct cm_step *log; /* whose log gets each query; NULL: none */
};

/* ---- connecting ---- */

static void came(void *ctx, int fd, short revents)
{
    (void)fd;
    (void)revents;
    ((struct cm_pg *)ctx)->ready = true;
}

static bool is_ready(void *ctx) { return ((struct cm_pg *)ctx)->ready; }

/* Wait for the socket. libpq may open another one for the next address: the watch is made anew each time. */
static enum cm_wait await(struct cm_pg *p, short events, int64_t deadline_ms)
{
    p->ready = false;
    p->watch = cm_loop_fd(p->loop, PQsocket(p->conn), events, came, p);
    enum cm_wait got = cm_loop_until(p->loop, is_ready, p, deadline_ms);
    cm_watch_drop(p->watch);
    p->watch = NULL;
    return got;
}

enum { KEYS_MAX = 16 };
struct keys {
    const char *name[KEYS_MAX], *value[KEYS_MAX];
    size_t n;
};

static void add_key(struct keys *k, const char *name, const char *value)
{
    if (value == NULL || *value == '\0' || k->n + 1 >= KEYS_MAX)
        return;
    k->name[k->n] = name;
    k->value[k->n++] = value;
}

/* Parameters of the URL that libpq knows by the same name and meaning. Files named there are the server's: used only where they
 * exist here too. */
static void add_parameters(struct keys *k, const struct cm_pg_url *u)
{
    static const char *const same[] = {"sslcert", "sslkey", "sslrootcert", "channel_binding"};

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const char *value = json_string_value(json_object_get(u->parameters, same[i]));
        if (value != NULL && (i == 3 || access(value, R_OK) == 0))
            add_key(k, same[i], value);
    }
}

static PGconn *start(const struct cm_pg_target *t)
{
    const struct cm_pg_url *u = t->url;
    const struct cm_secret *password = t->password != NULL ? t->password : u->password;
    cm_autofree char *name = cm_fmt("connect-migrate %s", t->role != NULL ? t->role : "");
    struct keys k = {.n = 0};

    if (strlen(name) > 63) /* NAMEDATALEN: the server would cut it with a notice */
        name[63] = '\0';
    add_key(&k, "host", u->host);
    add_key(&k, "hostaddr", t->hostaddr);
    add_key(&k, "port", t->port != NULL ? t->port : u->port);
    add_key(&k, "user", u->user);
    add_key(&k, "dbname", u->database);
    add_key(&k, "password", password != NULL ? cm_secret_reveal(password) : NULL);
    add_key(&k, "sslmode", u->sslmode);
    add_key(&k, "application_name", name);
    add_key(&k, "client_encoding", "UTF8");
    add_parameters(&k, u);
    return PQconnectStartParams(k.name, k.value, 0);
}

static char *describe(const struct cm_pg_target *t)
{
    const struct cm_pg_url *u = t->url;
    const char *port = t->port != NULL ? t->port : u->port;

    if (t->hostaddr != NULL)
        return cm_fmt("%s:%s/%s (%s) as %s", u->host, port, u->database, t->hostaddr, u->user);
    return cm_fmt("%s:%s/%s as %s", u->host, port, u->database, u->user);
}

/* 0 connected; -1 with *why. */
static int connect_until(struct cm_pg *p, int64_t deadline_ms, enum cm_pg_why *why, struct cm_err **err)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    if (PQstatus(p->conn) == CONNECTION_BAD)
        state = PGRES_POLLING_FAILED;
    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        enum cm_wait got = await(p, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms);
        if (got == CM_WAIT_CANCELLED) {
            *why = CM_PG_OTHER;
            return cm_fail(err, CM_E_INTERRUPTED, "interrupted while connecting to the database %s", p->where);
        }
        if (got == CM_WAIT_DEADLINE) {
            *why = CM_PG_SILENT;
            return cm_pg_fail(*why, p->where, "", p->timeout_ms, err);
        }
        state = PQconnectPoll(p->conn);
    }
    if (state == PGRES_POLLING_OK)
        return 0;
    *why = cm_pg_why_connect(PQerrorMessage(p->conn));
    return cm_pg_fail(*why, p->where, PQerrorMessage(p->conn), p->timeout_ms, err);
}

static void quiet(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
}

/* The process that answers is the one that let us in, unless a pooler lent us another's. */
static int greet(struct cm_pg *p, struct cm_err **err)
{
    static const char sql[] = "SELECT CASE WHEN pg_catalog.pg_backend_pid()::text = $1 THEN "
                              "pg_catalog.set_config('statement_timeout', $2, false) END AS limit";
    cm_autofree char *pid = cm_fmt("%d", PQbackendPID(p->conn)), *limit = cm_fmt("%lld", (long long)p->timeout_ms);
    const char *const params[] = {pid, limit, NULL};
    cm_autojson rows = NULL;

    if (cm_pg_query(p, sql, params, &rows, err) != 0)
        return -1;
    p->pooled = json_is_null(json_object_get(json_array_get(rows, 0), "limit"));
    return 0;
}

struct cm_pg *cm_pg_open(struct cm_loop *loop, const struct cm_pg_target *t, enum cm_pg_why *why, struct cm_err **err)
{
    struct cm_pg *p = cm_alloc(sizeof *p);
    enum cm_pg_why unused;
    why = why != NULL ? why : &unused;
    *why = CM_PG_OK;
    p->loop = loop;
    p->where = describe(t);
    p->role = cm_strdup(t->url->user);
    p->timeout_ms = t->timeout_ms;
    p->conn = start(t);
    if (p->conn != NULL) {
        (void)PQsetErrorVerbosity(p->conn, PQERRORS_VERBOSE);
        (void)PQsetNoticeReceiver(p->conn, quiet, NULL);
    }
    if (p->conn == NULL || connect_until(p, cm_loop_now_ms(loop) + t->timeout_ms, why, err) != 0 || greet(p, err) != 0) {
        if (*why == CM_PG_OK)
            *why = CM_PG_QUERY;
        cm_pg_close(p);
        return NULL;
    }
    return p;
}

void cm_pg_close(struct cm_pg *p)
{
    if (p == NULL)
        return;
    cm_timer_drop(p->question.limit);
    cm_watch_drop(p->question.watch);
    cm_watch_drop(p->watch);
    PQfinish(p->conn);
    free(p->where);
    free(p->role);
    free(p);
}

int cm_pg_backend(const struct cm_pg *p) { return PQbackendPID(p->conn); }

const char *cm_pg_role(const struct cm_pg *p) { return p->role; }

bool cm_pg_pooled(const struct cm_pg *p) { return p->pooled; }

/* ---- queries ---- */

static json_t *rows_of(const PGresult *result)
{
    json_t *rows = json_array();

    for (int i = 0; i < PQntuples(result); i++) {
        json_t *row = json_object();
        for (int k = 0; k < PQnfields(result); k++)
            (void)json_object_set_new(row, PQfname(result, k),
                                      PQgetisnull(result, i, k) ? json_null() : json_string(PQgetvalue(result, i, k)));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static int lost(struct cm_pg *p, struct cm_err **err)
{
    cm_autofree char *words = cm_pg_words(PQerrorMessage(p->conn));

    p->broken = true;
    return cm_fail_unreached(err, "the connection to the database %s is lost: %s", p->where, words);
}

static int limit_passed(struct cm_pg *p, enum cm_wait got, struct cm_err **err)
{
    p->broken = true;
    if (got == CM_WAIT_CANCELLED)
        return cm_fail(err, CM_E_INTERRUPTED, "interrupted while the database %s was asked", p->where);
    return cm_fail_passing(err, "the database %s does not answer a query within its limit", p->where);
}

/* Send all, then read until the whole result is here. */
static int exchange(struct cm_pg *p, int64_t deadline_ms, struct cm_err **err)
{
    int left;

    while ((left = PQflush(p->conn)) == 1) {
        enum cm_wait got = await(p, POLLIN | POLLOUT, deadline_ms);
        if (got != CM_WAIT_READY)
            return limit_passed(p, got, err);
        if (PQconsumeInput(p->conn) == 0)
            return lost(p, err);
    }
    if (left < 0)
        return lost(p, err);
    while (PQisBusy(p->conn)) {
        enum cm_wait got = await(p, POLLIN, deadline_ms);
        if (got != CM_WAIT_READY)
            return limit_passed(p, got, err);
        if (PQconsumeInput(p->conn) == 0)
            return lost(p, err);
    }
    return 0;
}

static int judge(struct cm_pg *p, PGresult *result, json_t **rows, struct cm_err **err)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        if (rows != NULL)
            *rows = rows_of(result);
        return 0;
    }
    if (PQstatus(p->conn) == CONNECTION_BAD)
        return lost(p, err);
    cm_autofree char *words = cm_pg_words(PQresultErrorMessage(result));
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state != NULL && strcmp(state, "57014") == 0) /* query_canceled: our statement_timeout, or the DBA */
        return cm_fail_passing(err, "the database %s ended a query of ours: %s", p->where, words);
    return cm_fail(err, CM_E_FAILED, "the database %s refuses a query of ours: %s (%s)", p->where, words,
                   state != NULL ? state : "no SQLSTATE");
}

static int send_query(struct cm_pg *p, const char *sql, const char *const *params, struct cm_err **err)
{
    int n = 0;

    while (params != NULL && params[n] != NULL)
        n++;
    if (p->broken || PQstatus(p->conn) != CONNECTION_OK)
        return lost(p, err);
    (void)PQsetnonblocking(p->conn, 1);
    if (PQsendQueryParams(p->conn, sql, n, NULL, params, NULL, NULL, 0) == 1)
        return 0;
    return lost(p, err);
}

/* A question of the lock that is under way has the connection for itself: its end comes first. */
static bool no_question(void *ctx) { return ((struct cm_pg *)ctx)->question.done == NULL; }

void cm_pg_log_to(struct cm_pg *p, struct cm_step *step) { p->log = step; }

/* The query on one line, with what it gave. */
static void log_query(const struct cm_pg *p, const char *sql, bool good, json_t *const *rows, int64_t took_ms)
{
    cm_autostr line = CM_STR(CM_STR_LINE);
    for (const char *at = sql; *at; at++)
        if (!isspace((unsigned char)*at))
            cm_str_add_bytes(&line, at, 1);
        else if (line.len && !isspace((unsigned char)at[-1]))
            cm_str_add(&line, " ");
    if (!good)
        cm_step_log(p->log, "SQL %s: failed, %lld ms", cm_str_text(&line), (long long)took_ms);
    else
        cm_step_log(p->log, "SQL %s: rows %zu, %lld ms", cm_str_text(&line), rows ? json_array_size(*rows) : 0, (long long)took_ms);
}

static int query(struct cm_pg *p, const char *sql, const char *const *params, json_t **rows, struct cm_err **err)
{
    int64_t deadline_ms = cm_loop_now_ms(p->loop) + p->timeout_ms + GRACE_MS;
    enum cm_wait got;

    if (rows != NULL)
        *rows = NULL;
    if ((got = cm_loop_until(p->loop, no_question, p, deadline_ms)) != CM_WAIT_READY)
        return limit_passed(p, got, err);
    if (send_query(p, sql, params, err) != 0 || exchange(p, deadline_ms, err) != 0)
        return -1;
    PGresult *result = PQgetResult(p->conn);
    int judged = result != NULL ? judge(p, result, rows, err) : lost(p, err);
    PQclear(result);
    while (!p->broken && (result = PQgetResult(p->conn)) != NULL)
        PQclear(result);
    return judged;
}

int cm_pg_query(struct cm_pg *p, const char *sql, const char *const *params, json_t **rows, struct cm_err **err)
{
    int64_t began = cm_loop_now_ms(p->loop);
    int rc = query(p, sql, params, rows, err);
    if (p->log)
        log_query(p, sql, rc == 0, rows, cm_loop_now_ms(p->loop) - began);
    return rc;
}

bool cm_pg_alive(struct cm_pg *p) { return cm_pg_query(p, "SELECT 1", NULL, NULL, NULL) == 0; }

bool cm_pg_lost(struct cm_pg *p)
{
    if (p->broken || PQstatus(p->conn) != CONNECTION_OK)
        return true;
    if (p->question.done == NULL && PQconsumeInput(p->conn) == 0)
        p->broken = true;
    return p->broken || PQstatus(p->conn) != CONNECTION_OK;
}

/* ---- the lock ---- */

#define HELD_SQL                                                                                                                   \
    "SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND granted "             \
    "AND classid = " LOCK_CLASS " AND objid = " LOCK_OBJECT " AND objsubid = 2 AND database = "                                    \
    "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"

static int holder_of(struct cm_pg *p, char **holder, struct cm_err **err)
{
    static const char sql[] =
        "SELECT coalesce(a.application_name, '') AS name FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a "
        "ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.classid = " LOCK_CLASS " AND l.objid = " LOCK_OBJECT
        " AND l.objsubid = 2 AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = "
        "pg_catalog.current_database())";
    cm_autojson rows = NULL;

    if (cm_pg_query(p, sql, NULL, &rows, err) != 0)
        return -1;
    const char *name = json_string_value(json_object_get(json_array_get(rows, 0), "name"));
    *holder = name != NULL && *name != '\0' ? cm_strdup(name) : NULL;
    return 0;
}

int cm_pg_lock(struct cm_pg *p, bool *got, char **holder, struct cm_err **err)
{
    cm_autojson rows = NULL;

    *got = false;
    *holder = NULL;
    if (cm_pg_lock_held(p)) { /* a second pg_try_advisory_lock would only count up */
        *got = true;
        return 0;
    }
    if (cm_pg_query(p, "SELECT pg_catalog.pg_try_advisory_lock(" LOCK_CLASS ", " LOCK_OBJECT ") AS got", NULL, &rows, err) != 0)
        return -1;
    const char *answer = json_string_value(json_object_get(json_array_get(rows, 0), "got"));
    *got = answer != NULL && strcmp(answer, "t") == 0;
    return *got ? 0 : holder_of(p, holder, err);
}

bool cm_pg_lock_held(struct cm_pg *p)
{
    cm_autojson rows = NULL;

    return cm_pg_query(p, HELD_SQL, NULL, &rows, NULL) == 0 && json_array_size(rows) == 1;
}

static void question_end(struct cm_pg *p)
{
    struct lock_question q = p->question;

    cm_timer_drop(q.limit);
    cm_watch_drop(q.watch);
    memset(&p->question, 0, sizeof p->question);
    q.done(q.ctx, q.held);
}

static void question_limit(void *ctx)
{
    struct cm_pg *p = ctx;

    p->question.limit = NULL;
    p->question.held = false;
    p->broken = true;
    question_end(p);
}

static void question_came(void *ctx, int fd, short revents)
{
    struct cm_pg *p = ctx;
    PGresult *result;

    (void)fd;
    (void)revents;
    int left = PQflush(p->conn);
    if (left < 0 || PQconsumeInput(p->conn) == 0) {
        p->broken = true;
        p->question.held = false;
        question_end(p);
        return;
    }
    if (left == 0)
        cm_watch_events(p->question.watch, POLLIN);
    while (!PQisBusy(p->conn)) {
        if ((result = PQgetResult(p->conn)) == NULL) {
            question_end(p);
            return;
        }
        p->question.held = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
        PQclear(result);
    }
}

static void question_answered(void *ctx)
{
    struct cm_pg *p = ctx;

    p->question.limit = NULL;
    question_end(p);
}

void cm_pg_lock_held_soon(struct cm_pg *p, void (*done)(void *ctx, bool held), void *ctx)
{
    int64_t now = cm_loop_now_ms(p->loop);

    if (p->question.done != NULL)
        return;
    p->question = (struct lock_question){.done = done, .ctx = ctx};
    /* While a query is under way the session lives, and the lock with it. */
    p->question.held = p->watch != NULL && !p->broken;
    if (p->watch != NULL || send_query(p, HELD_SQL, NULL, NULL) != 0) {
        p->question.limit = cm_loop_timer(p->loop, now, 0, question_answered, p);
        return;
    }
    p->question.watch = cm_loop_fd(p->loop, PQsocket(p->conn), POLLIN | POLLOUT, question_came, p);
    p->question.limit = cm_loop_timer(p->loop, now + p->timeout_ms + GRACE_MS, 0, question_limit, p);
}
