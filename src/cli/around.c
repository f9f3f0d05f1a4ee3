/* cli/around.c: keeping what was seen, and what the environment says (cli/around.h). */
#include <config.h>

#include "cli/around.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"
#include "values/quote.h"

static json_t *row(struct cm_around *a, const char *path)
{
    json_t *r = json_object_get(a->seen, path);
    if (!r)
        json_object_set_new(a->seen, path, r = json_object());
    return r;
}

static CM_PRINTF(1, 0) char *text_of(const char *fmt, va_list ap)
{
    cm_autostr s = CM_STR(CM_STR_LINE);
    cm_str_vaddf(&s, fmt, ap);
    char *text = cm_str_take(&s);
    for (char *p = text; *p && !cm_utf8_valid(p, strlen(p)); p++) {
        p += cm_utf8_span(p, strlen(p));
        *p = '?';
    }
    for (char *p = text; (p = strpbrk(p, "\r\n"));)
        *p = ' ';
    return text;
}

void cm_around_say(struct cm_around *a, const char *path, const char *yaml, const char *from, ...)
{
    va_list ap;
    va_start(ap, from);
    cm_autofree char *origin = text_of(from, ap);
    va_end(ap);
    if (cm_around_value(a, path))
        return;
    if (!yaml || !cm_plan_fits(path, yaml)) {
        cm_around_remark(a, path, "%s: what stands there is not taken, it cannot be %s of a plan", origin, path);
        return;
    }
    json_object_set_new(row(a, path), "value", json_string(yaml));
    json_object_set_new(row(a, path), "from", json_string(origin));
}

void cm_around_remark(struct cm_around *a, const char *path, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *text = text_of(fmt, ap);
    va_end(ap);
    json_t *remarks = json_object_get(row(a, path), "remarks");
    if (!remarks)
        json_object_set_new(row(a, path), "remarks", remarks = json_array());
    json_array_append_new(remarks, json_string(text));
}

const char *cm_around_value(const struct cm_around *a, const char *path)
{
    return json_string_value(json_object_get(json_object_get(a->seen, path), "value"));
}

char *cm_around_scalar(const char *text)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    if (!cm_utf8_valid(text, strlen(text)))
        return NULL;
    cm_yaml_add_key(&s, text);
    return cm_str_take(&s);
}

char *cm_around_list(const char *const *texts)
{
    cm_autostr s = CM_STR(CM_STR_PAGE);
    for (const char *const *t = texts; *t; t++) {
        cm_autofree char *one = cm_around_scalar(*t);
        if (!one)
            return NULL;
        cm_str_addf(&s, "%s%s", t == texts ? "[" : ", ", one);
    }
    cm_str_add(&s, *texts ? "]" : "[]");
    return cm_str_take(&s);
}

/* ---- the environment ---- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

void cm_around_environment(struct cm_around *a)
{
    const char *server = variable("CONNECT_SERVER"), *address = variable("PGHOSTADDR"), *host = variable("PGHOST");
    static const char *const used[] = {"PGPORT", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", NULL};
    if (server) {
        cm_autofree char *url = cm_around_scalar(server);
        cm_around_say(a, "connect.url", url, "CONNECT_SERVER");
    }
    cm_around_say(a, "connect.api_key", "{env: CONNECT_API_KEY}", "%s",
                  variable("CONNECT_API_KEY") ? "it is set here; the key itself stays there"
                                              : "an administrator's key; the variable is not set here now");
    if (address) {
        cm_autofree char *text = cm_around_scalar(address);
        cm_around_say(a, "database.hostaddr", text, "PGHOSTADDR");
    } else if (host) {
        cm_around_remark(a, "database", "PGHOST is %s: is that Connect's database? then say its IP address as database.hostaddr",
                         host);
    }
    for (const char *const *name = used; *name; name++)
        if (variable(*name))
            cm_around_remark(a, "database",
                             "%s is set here; libpq uses it where the server's configuration and the plan say nothing", *name);
}
