/* values/config_url.c: what a URL in a setting says about secrets, hosts and files. Does not: reach anything.
 *
 * Passwords stand before the host (user:password@) or in a parameter `password`; files stand in libpq's ssl parameters; a host that
 * is a folder is a Unix socket (PostgreSQL's documentation, 34.1.1.2). */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "values/config_work.h"

static bool is_scheme(const char *from, const char *to)
{
    if (from == to)
        return false;
    for (; from < to; from++)
        if (!((*from >= 'a' && *from <= 'z') || (*from >= 'A' && *from <= 'Z') || strchr("+-.0123456789", *from)))
            return false;
    return true;
}

static bool host_is_local(const char *host, size_t n)
{
    static const char *const names[] = {"localhost", "127.", "[::1]", "::1", "0.0.0.0", "localhost.localdomain"};
    if (n == 0 || host[0] == '/' || (n >= 3 && strncasecmp(host, "%2f", 3) == 0))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        if (i == 1 ? n > len && strncmp(host, names[i], len) == 0 : n == len && strncasecmp(host, names[i], len) == 0)
            return true;
    }
    return false;
}

static void look_at_parameter(struct cm_url_seen *u, const char *name, size_t name_n, const char *value, size_t value_n)
{
    if (name_n == 4 && strncmp(name, "host", 4) == 0)
        u->local = host_is_local(value, value_n);
    bool folder = value_n && (value[0] == '/' || (value_n > 3 && strncasecmp(value, "%2f", 3) == 0));
    bool host = name_n == 4 && strncmp(name, "host", 4) == 0;
    if (folder && !host && !u->path) {
        struct cm_str s = CM_STR(CM_STR_LINE);
        for (size_t i = 0; i < value_n; i++) {
            bool slash = value_n - i >= 3 && strncasecmp(value + i, "%2f", 3) == 0;
            cm_str_add_bytes(&s, slash ? "/" : value + i, 1);
            i += slash ? 2 : 0;
        }
        u->path = cm_str_take(&s);
    }
}

/* The parameters behind '?'; those that are a password are left out. */
static void look_at_query(struct cm_url_seen *u, const char *query, struct cm_str *stripped)
{
    char between = '?';
    while (*query) {
        size_t n = strcspn(query, "&"), name = strcspn(query, "=&");
        bool password =
            (name == 8 && strncasecmp(query, "password", 8) == 0) || (name == 11 && strncasecmp(query, "sslpassword", 11) == 0);
        if (password) {
            u->had_password = true;
            if (!u->password && name < n)
                u->password = cm_strndup(query + name + 1, n - name - 1);
        } else {
            cm_str_add_bytes(stripped, &between, 1);
            cm_str_add_bytes(stripped, query, n);
            between = '&';
        }
        if (name < n)
            look_at_parameter(u, query, name, query + name + 1, n - name - 1);
        query += n + (query[n] ? 1 : 0);
    }
}

/* The '@' behind user and password; NULL: neither is there. */
static const char *find_at(const char *authority, const char *end)
{
    for (const char *p = end; p > authority; p--)
        if (p[-1] == '@')
            return p - 1;
    const char *colon = memchr(authority, ':', (size_t)(end - authority));
    if (!colon || colon + 1 + strspn(colon + 1, "0123456789") == end)
        return NULL;
    return strrchr(end, '@'); /* no port: a password with '/' or '?' in it that nobody escaped */
}

bool cm_url_look(const char *text, struct cm_url_seen *u)
{
    *u = (struct cm_url_seen){0};
    const char *authority = strstr(text, "://");
    if (!authority || !is_scheme(text, authority))
        return false;
    authority += 3;
    const char *at = find_at(authority, authority + strcspn(authority, "/?"));
    const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL, *host = at ? at + 1 : authority;
    struct cm_str s = CM_STR(CM_STR_BIG);
    cm_str_add_bytes(&s, text, (size_t)(authority - text));
    u->had_password = colon && colon + 1 < at;
    u->password = u->had_password ? cm_strndup(colon + 1, (size_t)(at - colon - 1)) : NULL;
    if (at) {
        cm_str_add_bytes(&s, authority, (size_t)((u->had_password ? colon : at) - authority));
        cm_str_add(&s, "@");
    }
    const char *query = host + strcspn(host, "?");
    cm_str_add_bytes(&s, host, (size_t)(query - host));
    size_t host_n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?");
    u->local = strncasecmp(text, "file:", 5) != 0 && host_is_local(host, host_n);
    if (strncasecmp(text, "file:", 5) == 0)
        u->path = cm_strndup(host, (size_t)(query - host));
    if (*query)
        look_at_query(u, query + 1, &s);
    u->stripped = cm_str_take(&s);
    return true;
}

void cm_url_seen_fini(struct cm_url_seen *u)
{
    if (u->password)
        cm_wipe(u->password, strlen(u->password));
    free(u->password);
    free(u->stripped);
    free(u->path);
}
