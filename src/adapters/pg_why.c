/* adapters/pg_why.c: the reasons of PostgreSQL, and what to do about each. SQLSTATEs: PostgreSQL manual, appendix A; the client's
 * own messages (refused, TLS) are libpq's and untranslated, since the program sets no message locale. */
#include <config.h>

#include "adapters/pg_why.h"

#include <ctype.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"

static bool is_state(const char *s)
{
    for (int i = 0; i < 5; i++)
        if (!isdigit((unsigned char)s[i]) && !(s[i] >= 'A' && s[i] <= 'Z'))
            return false;
    return s[5] == ':' && s[6] == ' ';
}

/* Behind "SEVERITY:  ", the severity itself may be translated. NULL: no SQLSTATE in there. */
static const char *find_state(const char *message)
{
    for (const char *p = message; (p = strstr(p, ":  ")) != NULL; p += 3)
        if (strnlen(p + 3, 7) == 7 && is_state(p + 3))
            return p + 3;
    return NULL;
}

static enum cm_pg_why why_of_state(const char *state, const char *message)
{
    if (strncmp(state, "28P01", 5) == 0)
        return CM_PG_PASSWORD;
    if (strncmp(state, "28000", 5) == 0)
        return strstr(message, "pg_hba.conf") != NULL ? CM_PG_HBA : CM_PG_NO_ROLE;
    if (strncmp(state, "42501", 5) == 0)
        return CM_PG_RIGHT;
    if (strncmp(state, "3D000", 5) == 0)
        return CM_PG_NO_DATABASE;
    if (strncmp(state, "53300", 5) == 0)
        return CM_PG_FULL;
    if (strncmp(state, "57P03", 5) == 0)
        return CM_PG_SILENT;
    if (strncmp(state, "57P01", 5) == 0 || strncmp(state, "57P02", 5) == 0 || strncmp(state, "08", 2) == 0)
        return CM_PG_LOST;
    return CM_PG_OTHER;
}

enum cm_pg_why cm_pg_why_connect(const char *message)
{
    static const struct {
        const char *words;
        enum cm_pg_why why;
    } known[] = {
        {"no password supplied", CM_PG_PASSWORD},
        {"does not support SSL", CM_PG_TLS},
        {"SSL", CM_PG_TLS},
        {"certificate", CM_PG_TLS},
        {"Connection refused", CM_PG_UNREACHABLE},
        {"could not translate host name", CM_PG_UNREACHABLE},
        {"No route to host", CM_PG_UNREACHABLE},
        {"unreachable", CM_PG_UNREACHABLE},
        {"No such file or directory", CM_PG_UNREACHABLE},
        {"timed out", CM_PG_SILENT},
        {"timeout expired", CM_PG_SILENT},
        {"server closed the connection", CM_PG_LOST},
        {"Connection reset", CM_PG_LOST},
    };
    const char *state = find_state(message);

    if (state != NULL)
        return why_of_state(state, message);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(message, known[i].words) != NULL)
            return known[i].why;
    return CM_PG_OTHER;
}

char *cm_pg_words(const char *message)
{
    const char *state = find_state(message);
    const char *from = state != NULL ? state + 7 : message;
    size_t n = strcspn(from, "\n");

    while (n > 0 && (isspace((unsigned char)from[n - 1]) || from[n - 1] == '.'))
        n--;
    return n > 0 ? cm_strndup(from, n) : cm_strdup("no reason given");
}

static void hint(enum cm_pg_why why, struct cm_err **err)
{
    switch (why) {
    case CM_PG_UNREACHABLE:
        cm_hint(err, "If this machine reaches the database by another name or port, say so: database: {hostaddr: …, port: …}.");
        break;
    case CM_PG_SILENT:
        cm_hint(err, "A firewall may drop the packets; if it must be reached through the server, say database: {via: source}.");
        break;
    case CM_PG_PASSWORD:
        cm_hint(err, "Say where the password is: database: {password: {env: CONNECT_POSTGRES_PASSWORD}}, or use ~/.pgpass.");
        break;
    case CM_PG_NO_DATABASE:
    case CM_PG_NO_ROLE: cm_hint(err, "Compare Postgres.URL of the server's configuration with what `psql -l` shows there."); break;
    case CM_PG_TLS:
        cm_hint(err,
                "Compare sslmode in Postgres.URL with the server's `ssl` setting; a CA file of the server's must exist here too.");
        break;
    case CM_PG_HBA:
        cm_hint(err, "Ask the DBA for a line in pg_hba.conf that lets this machine in, or say database: {via: source}.");
        break;
    case CM_PG_RIGHT: cm_hint(err, "As the database's owner: GRANT CONNECT ON DATABASE … TO the role in Connect's URL."); break;
    case CM_PG_FULL: cm_hint(err, "All connections of the database are taken; the DBA can see by whom in pg_stat_activity."); break;
    default: break;
    }
}

int cm_pg_fail(enum cm_pg_why why, const char *where, const char *message, int64_t timeout_ms, struct cm_err **err)
{
    cm_autofree char *words = cm_pg_words(message);

    if (why == CM_PG_SILENT && *message == '\0') {
        cm_autofree char *limit = cm_duration_text(timeout_ms);
        cm_fail_unreached(err, "the database %s does not answer within %s", where, limit);
    } else if (why == CM_PG_SILENT || why == CM_PG_LOST || why == CM_PG_FULL || why == CM_PG_UNREACHABLE) {
        cm_fail_unreached(err, "the database %s cannot be reached: %s", where, words);
    } else {
        cm_fail(err, CM_E_FAILED, "the database %s does not let us in: %s", where, words);
    }
    hint(why, err);
    return -1;
}
