/* adapters/pg_url.c: Connect's database URL taken apart, as its Go driver reads it: postgres://user:password@host:port/database?…
 * or "key=value …".
 *
 * Not given to libpq's own URI reader, which refuses parameters it does not know and which Connect's driver does (search_path,
 * binary_parameters). Errors never quote the URL: it may hold a password. */
#include <config.h>

#include "adapters/postgres.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

void cm_pg_url_fini(struct cm_pg_url *u)
{
    if (u == NULL)
        return;
    free(u->host);
    free(u->port);
    free(u->user);
    free(u->database);
    free(u->sslmode);
    cm_secret_free(u->password);
    free(u->options);
    json_decref(u->parameters);
    memset(u, 0, sizeof *u);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded copy of n bytes; NULL on a torn or NUL escape. */
static char *decode(const char *from, size_t n)
{
    char *out = cm_alloc(n + 1);
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (from[i] != '%') {
            out[len++] = from[i];
            continue;
        }
        int high = i + 2 < n ? hex_digit(from[i + 1]) : -1;
        int low = i + 2 < n ? hex_digit(from[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            cm_wipe(out, n);
            free(out);
            return NULL;
        }
        out[len++] = (char)(high * 16 + low);
        i += 2;
    }
    return out;
}

static int bad_url(const char *what, struct cm_err **err)
{
    cm_fail(err, CM_E_FAILED, "the database URL cannot be read: %s", what);
    cm_hint(err, "Its form is postgres://USER@HOST:5432/DATABASE; special characters of a password are written as %%XX.");
    return -1;
}

static int take(char **slot, const char *from, size_t n, const char *what, struct cm_err **err)
{
    free(*slot);
    *slot = decode(from, n);
    return *slot != NULL ? 0 : bad_url(what, err);
}

static int read_user(struct cm_pg_url *u, const char *from, const char *end, struct cm_err **err)
{
    const char *colon = memchr(from, ':', (size_t)(end - from));
    const char *user_end = colon != NULL ? colon : end;

    if (take(&u->user, from, (size_t)(user_end - from), "a faulty escape in the user", err) != 0)
        return -1;
    if (colon == NULL || colon + 1 == end)
        return 0;
    char *clear = decode(colon + 1, (size_t)(end - colon - 1));
    if (clear == NULL)
        return bad_url("a faulty escape in the password", err);
    u->password = cm_secret_new(clear);
    cm_wipe(clear, strlen(clear));
    free(clear);
    return 0;
}

static bool is_port(const char *from, size_t n)
{
    long port = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)from[i]) || n > 5)
            return false;
        port = port * 10 + (from[i] - '0');
    }
    return n > 0 && port > 0 && port < 65536;
}

/* One host[:port] of a comma list, added to the lists libpq understands. */
static int read_host(struct cm_str *hosts, struct cm_str *ports, const char *from, const char *end, struct cm_err **err)
{
    const char *host = from, *host_end = end, *port = NULL;

    if (from < end && *from == '[') {
        host++;
        host_end = memchr(from, ']', (size_t)(end - from));
        if (host_end == NULL)
            return bad_url("an IPv6 address without its closing bracket", err);
        if (host_end + 1 < end && host_end[1] != ':')
            return bad_url("text behind an IPv6 address", err);
        port = host_end + 1 < end ? host_end + 2 : NULL;
    } else if ((port = memchr(from, ':', (size_t)(end - from))) != NULL) {
        host_end = port++;
    }
    if (port != NULL && port < end && !is_port(port, (size_t)(end - port)))
        return bad_url("a port that is no number from 1 to 65535", err);
    cm_autofree char *name = decode(host, (size_t)(host_end - host));
    if (name == NULL)
        return bad_url("a faulty escape in the host", err);
    cm_str_addf(hosts, "%s%s", hosts->len > 0 ? "," : "", name);
    cm_str_addf(ports, "%s%.*s", ports->len > 0 ? "," : "", port != NULL ? (int)(end - port) : 4, port != NULL ? port : "5432");
    return 0;
}

static int read_hosts(struct cm_pg_url *u, const char *from, const char *end, struct cm_err **err)
{
    cm_autostr hosts = CM_STR(CM_STR_LINE);
    cm_autostr ports = CM_STR(CM_STR_LINE);

    for (const char *at = from; at <= end;) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const char *stop = comma != NULL ? comma : end;
        if (read_host(&hosts, &ports, at, stop, err) != 0)
            return -1;
        at = stop + 1;
    }
    u->host = cm_str_take(&hosts);
    u->port = cm_str_take(&ports);
    return 0;
}

/* Parameters that name the place or the sign-in override what stands before the '?'. */
static void apply_parameter(struct cm_pg_url *u, const char *name, const char *value)
{
    char **slot = strcmp(name, "host") == 0                                      ? &u->host
                  : strcmp(name, "port") == 0                                    ? &u->port
                  : strcmp(name, "user") == 0                                    ? &u->user
                  : strcmp(name, "dbname") == 0 || strcmp(name, "database") == 0 ? &u->database
                  : strcmp(name, "sslmode") == 0                                 ? &u->sslmode
                  : strcmp(name, "options") == 0                                 ? &u->options
                                                                                 : NULL;
    if (slot != NULL) {
        free(*slot);
        *slot = cm_strdup(value);
    } else if (strcmp(name, "password") == 0) {
        cm_secret_free(u->password);
        u->password = cm_secret_new(value);
    } else {
        (void)json_object_set_new(u->parameters, name, json_string(value));
    }
}

static int read_parameters(struct cm_pg_url *u, const char *from, struct cm_err **err)
{
    while (*from != '\0') {
        size_t n = strcspn(from, "&");
        const char *equal = memchr(from, '=', n);
        size_t name_bytes = equal != NULL ? (size_t)(equal - from) : n;
        cm_autofree char *name = decode(from, name_bytes);
        char *value = equal != NULL ? decode(equal + 1, n - name_bytes - 1) : cm_strdup("");
        if (name == NULL || value == NULL) {
            free(value);
            return bad_url("a faulty escape in a parameter", err);
        }
        if (*name != '\0')
            apply_parameter(u, name, value);
        cm_wipe(value, strlen(value));
        free(value);
        from += n;
        from += *from == '&';
    }
    return 0;
}

static int read_url(const char *rest, struct cm_pg_url *u, struct cm_err **err)
{
    size_t authority = strcspn(rest, "/?");
    const char *end = rest + authority, *at = NULL;

    for (const char *p = rest; p < end; p++)
        if (*p == '@')
            at = p;
    if (at != NULL && read_user(u, rest, at, err) != 0)
        return -1;
    if (read_hosts(u, at != NULL ? at + 1 : rest, end, err) != 0)
        return -1;
    const char *path = *end == '/' ? end + 1 : end;
    size_t path_bytes = strcspn(path, "?");
    if (take(&u->database, path, path_bytes, "a faulty escape in the database's name", err) != 0)
        return -1;
    return path[path_bytes] == '?' ? read_parameters(u, path + path_bytes + 1, err) : 0;
}

/* "host=db user=connect …", with quotes as libpq and Connect's driver read them. */
static int read_pairs(const char *text, struct cm_pg_url *u, struct cm_err **err)
{
    const char *p = text;

    for (;;) {
        p += strspn(p, " \t\r\n");
        if (*p == '\0')
            return 0;
        size_t name_bytes = strcspn(p, " \t\r\n=");
        cm_autofree char *name = cm_strndup(p, name_bytes);
        p += name_bytes;
        p += strspn(p, " \t\r\n");
        if (*p++ != '=')
            return bad_url("neither a URL nor key=value pairs", err);
        p += strspn(p, " \t\r\n");
        bool quoted = *p == '\'';
        char *value = cm_alloc(strlen(p) + 1);
        size_t n = 0;
        for (p += quoted; *p != '\0' && (quoted ? *p != '\'' : strchr(" \t\r\n", *p) == NULL); p++) {
            if (*p == '\\' && p[1] != '\0')
                p++;
            value[n++] = *p;
        }
        bool torn = quoted && *p != '\'';
        if (!torn)
            apply_parameter(u, name, value);
        p += quoted && !torn;
        cm_wipe(value, n);
        free(value);
        if (torn)
            return bad_url("a quote that is not closed", err);
    }
}

int cm_pg_url_parse(const char *url, struct cm_pg_url *out, struct cm_err **err)
{
    int got;

    memset(out, 0, sizeof *out);
    out->parameters = json_object();
    if (strncasecmp(url, "postgres://", 11) == 0)
        got = read_url(url + 11, out, err);
    else if (strncasecmp(url, "postgresql://", 13) == 0)
        got = read_url(url + 13, out, err);
    else
        got = read_pairs(url, out, err);
    if (got == 0 && (out->database == NULL || *out->database == '\0')) {
        free(out->database); /* as libpq: the user's own */
        out->database = cm_strdup(out->user);
    }
    if (got == 0 && out->host == NULL)
        out->host = cm_strdup("");
    if (got == 0 && out->port == NULL)
        out->port = cm_strdup("5432");
    if (got == 0 && (out->user == NULL || *out->user == '\0' || out->database == NULL))
        got = bad_url("it names no user", err);
    if (got != 0)
        cm_pg_url_fini(out);
    return got;
}

static bool one_is_local(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (*host == '\0' || *host == '/' || *host == '@' || strcasecmp(host, "localhost") == 0 ||
        strcasecmp(host, "localhost.localdomain") == 0 || cm_ends(host, ".localhost"))
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127 || v4.s_addr == 0;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return false;
}

bool cm_pg_host_is_local(const char *host)
{
    if (host == NULL)
        return true;
    for (const char *p = host;; p++) {
        size_t n = strcspn(p, ",");
        cm_autofree char *one = cm_strndup(p, n);
        if (one_is_local(one))
            return true;
        p += n;
        if (*p == '\0')
            return false;
    }
}
