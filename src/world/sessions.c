/* world/sessions.c: the sessions a Connect holds while it is up: two on the core database, one on the instrumentation database, real
 * ones, with no application_name. Also those that the accidents need. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "world/world.h"

struct session {
    char *owner;
    PGconn *conn;
    struct session *next;
};

static PGconn *dial(struct world *w, const char *role, const char *password, const char *database, const char *application)
{
    const char *const names[] = {"hostaddr",         "port", "user", "password", "dbname", "connect_timeout", "sslmode",
                                 "application_name", NULL};
    const char *const values[] = {
        info_text(w, "database.host"), info_text(w, "database.port"), role, password, database, "5", "disable", application, NULL};
    return PQconnectdbParams(names, values, 0);
}

static char *last_words(PGconn *c)
{
    char *text = cm_strdup(PQerrorMessage(c));
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    char *fatal = strstr(text, "FATAL:");
    char *out = cm_strdup(fatal != NULL ? fatal : text);
    free(text);
    return out;
}

static void keep(struct world *w, const char *owner, PGconn *conn)
{
    struct session *s = cm_alloc(sizeof *s);
    *s = (struct session){cm_strdup(owner), conn, w->sessions};
    w->sessions = s;
}

char *sessions_open(struct world *w, const char *owner, const char *role, const char *password, const char *core,
                    const char *instrumentation)
{
    const char *databases[] = {core, core, instrumentation};
    for (size_t i = 0; i < 3; i++) {
        if (databases[i] == NULL || databases[i][0] == '\0')
            continue;
        PGconn *c = dial(w, role, password, databases[i], "");
        if (PQstatus(c) != CONNECTION_OK) {
            char *why = last_words(c);
            PQfinish(c);
            sessions_close(w, owner);
            return why;
        }
        keep(w, owner, c);
    }
    return NULL;
}

void sessions_close(struct world *w, const char *owner)
{
    for (struct session **at = &w->sessions; *at != NULL;) {
        struct session *s = *at;
        if (owner != NULL && strcmp(s->owner, owner) != 0) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        PQfinish(s->conn);
        free(s->owner);
        free(s);
    }
}

int session_lock(struct world *w, const char *owner, const char *application, const char *sql)
{
    PGconn *c =
        dial(w, info_text(w, "database.role"), info_text(w, "database.password"), info_text(w, "database.core"), application);
    PGresult *r = PQstatus(c) == CONNECTION_OK ? PQexec(c, sql) : NULL;
    bool got = r != NULL && PQresultStatus(r) == PGRES_TUPLES_OK;
    PQclear(r);
    if (!got) {
        PQfinish(c);
        return -1;
    }
    keep(w, owner, c);
    return 0;
}
