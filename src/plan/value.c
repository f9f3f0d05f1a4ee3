/* plan/value.c: one value of the plan by its type in the table: checked, and brought into normal form (durations in ms, paths
 * absolute). The message says what was expected; what was found is shown unless it could be a secret. */
#include <config.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/internal.h"

enum { SHOWN_MAX = 60 };

bool cm_plan_word_in(const char *word, const char *values)
{
    size_t n = strlen(word);
    for (const char *v = values; v && n; v = strchr(v, '|'), v = v ? v + 1 : NULL) {
        if (strncmp(v, word, n) == 0 && (v[n] == '|' || v[n] == '\0'))
            return true;
    }
    return false;
}

char *cm_plan_words(const char *values, const char *last)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    for (const char *v = values; *v;) {
        size_t n = strcspn(v, "|");
        bool final = v[n] == '\0';
        if (out.len)
            cm_str_add(&out, final ? last : ", ");
        cm_str_add_bytes(&out, v, n);
        v += n + (final ? 0 : 1);
    }
    return cm_str_take(&out);
}

/* "a|b|c" as a list for cm_nearest. */
static const char *nearest_word(const char *word, const char *values, char **hold)
{
    const char *list[16] = {NULL};
    size_t n = 0;
    *hold = cm_strdup(values);
    for (char *p = *hold; p && n + 1 < sizeof list / sizeof *list;) {
        list[n++] = p;
        p = strchr(p, '|');
        if (p)
            *p++ = '\0';
    }
    return cm_nearest(word, list);
}

static char *found(const struct cm_yaml *n)
{
    switch (n->type) {
    case CM_YAML_MAP: return cm_strdup("a mapping");
    case CM_YAML_LIST: return cm_strdup("a list");
    case CM_YAML_ALIAS: return cm_fmt("the alias *%s", n->text);
    case CM_YAML_SCALAR: break;
    }
    if (n->plain && n->text_bytes == 0)
        return cm_strdup("nothing");
    return strlen(n->text) > SHOWN_MAX ? cm_strdup("a long text") : cm_fmt("\"%s\"", n->text);
}

static json_t *expected(struct cm_reading *r, const char *path, const struct cm_yaml *n, const char *what)
{
    cm_autofree char *seen = found(n);
    cm_problem(r->problems, r->doc, n, "%s: expected %s, found %s", path, what, seen);
    return NULL;
}

/* The text of a scalar that is text also for every other YAML reader; NULL: a problem was added. */
static const char *text_of(struct cm_reading *r, const char *path, const struct cm_yaml *n, const char *what)
{
    if (n->type != CM_YAML_SCALAR) {
        expected(r, path, n, what);
        return NULL;
    }
    cm_autojson typed = cm_yaml_json(r->doc, n);
    if (!json_is_string(typed)) {
        if (n->text_bytes == 0)
            expected(r, path, n, what);
        else
            cm_problem(r->problems, r->doc, n, "%s: expected %s; %s without quotes is not text, write \"%s\"", path, what, n->text,
                       n->text);
        return NULL;
    }
    if (strlen(n->text) != n->text_bytes) {
        cm_problem(r->problems, r->doc, n, "%s: the text holds a NUL character", path);
        return NULL;
    }
    if (!*n->text) {
        cm_problem(r->problems, r->doc, n, "%s: expected %s, found an empty text", path, what);
        return NULL;
    }
    return n->text;
}

static char *absolute(const struct cm_reading *r, const char *path)
{
    const char *home = getenv("HOME");
    if (cm_starts(path, "~/") && home && *home == '/')
        return cm_path_join(home, path + 2);
    return cm_path_join(r->plan->dir, path);
}

static json_t *taken_text(char *text)
{
    json_t *j = json_string(text);
    free(text);
    return j;
}

/* ---- scalars ---- */

static json_t *duration(struct cm_reading *r, const char *path, const struct cm_yaml *n)
{
    int64_t ms = 0;
    if (n->type != CM_YAML_SCALAR || !cm_duration_parse(n->text, &ms))
        return expected(r, path, n, "a duration like 90s, 10m, 2h30m or 7d");
    return json_integer(ms);
}

static json_t *integer(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    cm_autojson typed = cm_yaml_json(r->doc, n);
    if (!json_is_integer(typed))
        return expected(r, path, n, "a whole number");
    json_int_t v = json_integer_value(typed);
    if ((k->min || k->max) && (v < k->min || v > k->max)) {
        cm_problem(r->problems, r->doc, n, "%s: %lld is not between %lld and %lld", path, (long long)v, (long long)k->min,
                   (long long)k->max);
        return NULL;
    }
    return json_incref(typed);
}

static json_t *word(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    cm_autofree char *words = cm_plan_words(k->values, " or ");
    cm_autofree char *what = strchr(k->values, '|') ? cm_fmt("one of %s", words) : cm_strdup(words);
    const char *text = text_of(r, path, n, what);
    if (!text)
        return NULL;
    if (cm_plan_word_in(text, k->values))
        return json_string(text);
    cm_autofree char *hold = NULL;
    const char *near = nearest_word(text, k->values, &hold);
    cm_autofree char *seen = found(n);
    cm_problem(r->problems, r->doc, n, "%s: expected %s, found %s%s%s%s", path, what, seen, near ? "; did you mean " : "",
               near ? near : "", near ? "?" : "");
    return NULL;
}

bool cm_plan_url_ok(const char *url)
{
    const char *host = cm_starts(url, "http://") ? url + 7 : cm_starts(url, "https://") ? url + 8 : NULL;
    if (!host || !*host || *host == '/' || *host == ':')
        return false;
    size_t authority = strcspn(host, "/");
    if (memchr(host, '@', authority))
        return false;
    for (const char *p = host; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '?' || *p == '#')
            return false;
    return true;
}

static json_t *url(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    const char *text = text_of(r, path, n, "an address that begins with http:// or https://");
    if (!text)
        return NULL;
    if ((k->values && cm_plan_word_in(text, k->values)) || cm_plan_url_ok(text)) {
        size_t len = strlen(text);
        while (len && text[len - 1] == '/')
            len--;
        return json_stringn(text, len);
    }
    /* Not shown: people paste addresses with a password in them. */
    cm_problem(r->problems, r->doc, n, "%s: expected an address like https://connect.example.com, without user or query%s%s", path,
               k->values ? ", or " : "", k->values ? k->values : "");
    return NULL;
}

/* RFC 1123 as Kubernetes and helm apply it. */
static bool name_ok(const char *text, size_t max)
{
    size_t n = strlen(text);
    if (n == 0 || n > max)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9');
        bool joined = i > 0 && i + 1 < n && text[i - 1] != '.' && text[i + 1] != '.' && (text[i] == '-' || text[i] == '.');
        if (text[i] == '-' && i > 0 && i + 1 < n && text[i - 1] != '.' && text[i + 1] != '.')
            joined = true;
        if (text[i] == '.' && i > 0 && (text[i - 1] == '-' || (i + 1 < n && text[i + 1] == '-')))
            joined = false;
        if (!letter && !joined)
            return false;
    }
    return true;
}

/* A name in a repository, an address, or a path; the archive beside the plan is a path without a dot before it, too. */
static json_t *chart(struct cm_reading *r, const char *path, const struct cm_yaml *n, const char *text)
{
    const char *scheme = strstr(text, "://");
    if (scheme && memchr(scheme + 3, '@', strcspn(scheme + 3, "/?#"))) {
        /* Not shown: there may be a password in it, and helm would get it as an argument that everybody on this machine can see. */
        cm_problem(
            r->problems, r->doc, n,
            "%s: the address has a user in it; log in with `helm registry login` or `helm repo add`, and name the chart without",
            path);
        return NULL;
    }
    bool is_path = strchr("./~", *text) || (!scheme && cm_ends(text, ".tgz"));
    return is_path ? taken_text(absolute(r, text)) : json_string(text);
}

static json_t *text_value(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    const char *text = text_of(r, path, n, k->type == CM_P_TIME ? "a time like \"2026-12-05 22:00\"" : "a text");
    if (!text)
        return NULL;
    switch (k->type) {
    case CM_P_PATH: return taken_text(absolute(r, text));
    case CM_P_PROGRAM: return strchr(text, '/') ? taken_text(absolute(r, text)) : json_string(text);
    case CM_P_CHART: return chart(r, path, n, text);
    case CM_P_REMOTE_PATH: return *text == '/' ? json_string(text) : expected(r, path, n, "an absolute path on the old server");
    case CM_P_NAME:
        if (name_ok(text, (size_t)k->max))
            return json_string(text);
        cm_problem(r->problems, r->doc, n,
                   "%s: \"%.*s\" is no name for it: lower case letters, digits, '-' and '.', at most %lld "
                   "characters",
                   path, SHOWN_MAX, text, (long long)k->max);
        return NULL;
    default: return json_string(text);
    }
}

static json_t *scalar(struct cm_reading *r, const char *path, const struct cm_yaml *n)
{
    cm_autojson typed = n->type == CM_YAML_SCALAR ? cm_yaml_json(r->doc, n) : NULL;
    if (!typed || json_is_null(typed))
        return expected(r, path, n, "a number, a text, true or false");
    return json_incref(typed);
}

/* ---- lists ---- */

static json_t *list_item(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    if (k->type == CM_P_LIST_DURATION)
        return duration(r, path, n);
    if (k->type == CM_P_LIST_ENUM)
        return word(r, k, path, n);
    const char *text = text_of(r, path, n, "a text");
    if (!text)
        return NULL;
    if (k->type == CM_P_LIST_PATH)
        return taken_text(absolute(r, text));
    if (k->type == CM_P_HOSTS) {
        /* A name that begins with '-' would be an option of ssh. */
        if (*text == '-' || strpbrk(text, " \t\r\n/"))
            return expected(r, path, n, "a host name");
    }
    return json_string(text);
}

static bool has_item(const json_t *list, const json_t *item)
{
    size_t i;
    const json_t *have;
    json_array_foreach(list, i, have)
    {
        if (json_equal(have, item))
            return true;
    }
    return false;
}

static json_t *list(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    if (n->type != CM_YAML_LIST)
        return expected(r, path, n, "a list like [a, b]");
    if ((int64_t)n->count < k->min || (k->max && (int64_t)n->count > k->max)) {
        cm_problem(r->problems, r->doc, n, "%s: a list of %lld to %lld entries is expected, found %u", path, (long long)k->min,
                   (long long)k->max, n->count);
        return NULL;
    }
    json_t *out = json_array();
    bool bad = false;
    for (size_t i = 0; i < n->count; i++) {
        json_t *item = list_item(r, k, path, n->items[i]);
        if (item && (k->type == CM_P_HOSTS || k->type == CM_P_LIST_ENUM) && has_item(out, item)) {
            cm_problem(r->problems, r->doc, n->items[i], "%s: %s is named twice", path, n->items[i]->text);
            json_decref(item);
            item = NULL;
        }
        bad = bad || !item;
        if (item)
            json_array_append_new(out, item);
    }
    if (bad) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* ---- secrets ---- */

static json_t *secret_command(struct cm_reading *r, const char *path, const struct cm_yaml *n)
{
    static const struct cm_plan_key argv = {.path = "command", .type = CM_P_COMMAND, .min = 1, .max = 256};
    cm_autofree char *full = cm_fmt("%s.command", path);
    return list(r, &argv, full, n);
}

static json_t *secret(struct cm_reading *r, const char *path, const struct cm_yaml *n)
{
    if (n->type != CM_YAML_MAP) {
        cm_problem(r->problems, r->doc, n,
                   "%s: a secret does not stand in a plan; expected {env: NAME}, {file: PATH} or {command: [PROGRAM, ARG]}", path);
        return NULL;
    }
    const char *name = n->count == 1 && n->keys[0]->type == CM_YAML_SCALAR ? n->keys[0]->text : "";
    json_t *value = NULL;
    if (strcmp(name, "command") == 0) {
        value = secret_command(r, path, n->items[0]);
    } else if (strcmp(name, "env") == 0 || strcmp(name, "file") == 0) {
        cm_autofree char *full = cm_fmt("%s.%s", path, name);
        const char *text = text_of(r, full, n->items[0], *name == 'e' ? "the name of an environment variable" : "a path");
        if (text && *name == 'e' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")]) {
            /* Not shown: it may be the value, put where its name belongs. */
            cm_problem(r->problems, r->doc, n->items[0], "%s: this is not the name of an environment variable", full);
            return NULL;
        }
        value = !text ? NULL : *name == 'e' ? json_string(text) : taken_text(absolute(r, text));
    } else {
        cm_problem(r->problems, r->doc, n, "%s: expected exactly one of {env: NAME}, {file: PATH} or {command: [PROGRAM, ARG]}",
                   path);
        return NULL;
    }
    return value ? json_pack("{s:o}", name, value) : NULL;
}

static json_t *free_map(struct cm_reading *r, const char *path, const struct cm_yaml *n)
{
    if (n->type != CM_YAML_MAP)
        return expected(r, path, n, "a mapping");
    return cm_yaml_json(r->doc, n);
}

json_t *cm_plan_value(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n)
{
    switch (k->type) {
    case CM_P_BOOL: {
        cm_autojson typed = cm_yaml_json(r->doc, n);
        return json_is_boolean(typed) ? json_incref(typed) : expected(r, path, n, "true or false");
    }
    case CM_P_INT: return integer(r, k, path, n);
    case CM_P_DURATION: return duration(r, path, n);
    case CM_P_SECRET: return secret(r, path, n);
    case CM_P_ENUM: return word(r, k, path, n);
    case CM_P_URL: return url(r, k, path, n);
    case CM_P_SCALAR: return scalar(r, path, n);
    case CM_P_FREE_MAP: return free_map(r, path, n);
    case CM_P_STRING_OR_LIST: return n->type == CM_YAML_LIST ? list(r, k, path, n) : text_value(r, k, path, n);
    case CM_P_LIST_STRING:
    case CM_P_LIST_PATH:
    case CM_P_LIST_DURATION:
    case CM_P_LIST_ENUM:
    case CM_P_COMMAND:
    case CM_P_HOSTS: return list(r, k, path, n);
    case CM_P_STRING:
    case CM_P_PATH:
    case CM_P_PROGRAM:
    case CM_P_CHART:
    case CM_P_REMOTE_PATH:
    case CM_P_NAME:
    case CM_P_TIME: return text_value(r, k, path, n);
    case CM_P_MAP: break;
    }
    return expected(r, path, n, "a mapping");
}
