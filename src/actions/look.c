/* actions/look.c: what the check actions share. See the header. */
#include <config.h>

#include "actions/look.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"

bool cm_part_next(const char **at, const char *end, struct cm_part *out)
{
    while (*at < end) {
        const char *line = *at, *eol = memchr(line, '\n', (size_t)(end - line));
        size_t n = eol ? (size_t)(eol - line) : (size_t)(end - line);
        char head[64];
        unsigned long bytes = 0;
        int used = 0;
        *at = eol ? eol + 1 : end;
        if (!eol || n >= sizeof head)
            continue;
        memcpy(head, line, n);
        head[n] = '\0';
        if (sscanf(head, "@@ %23[a-z0-9-] %lu%n", out->name, &bytes, &used) != 2 || (size_t)used != n)
            continue;
        if (bytes > (unsigned long)(end - *at))
            return false; /* the answer was cut off */
        out->body = *at;
        out->bytes = bytes;
        *at += bytes;
        if (*at < end && **at == '\n')
            (*at)++;
        return true;
    }
    return false;
}

char *cm_part_text(const char *output, size_t bytes, const char *name)
{
    const char *at = output;
    struct cm_part part;
    while (output && cm_part_next(&at, output + bytes, &part)) {
        if (strcmp(part.name, name) != 0)
            continue;
        while (part.bytes && part.body[part.bytes - 1] == '\n')
            part.bytes--;
        return cm_strndup(part.body, part.bytes);
    }
    return NULL;
}

bool cm_look_ends(struct cm_err **seen, struct cm_err **err)
{
    enum cm_code code = cm_err_code(*seen);
    if (code != CM_E_INTERRUPTED && code != CM_E_TERMINATED && code != CM_E_INTERNAL)
        return false;
    struct cm_err *moved = *seen;
    *seen = NULL;
    cm_err_move(err, moved);
    return true;
}

char *cm_look_words(const struct cm_err *seen)
{
    const char *evidence = cm_err_evidence(seen), *message = cm_err_message(seen);
    cm_autofree char *last = evidence ? cm_last_lines(evidence, 1) : NULL;
    size_t n = last ? strlen(last) : 0;
    while (n && last[n - 1] == '\n')
        last[--n] = '\0';
    if (n == 0 || strstr(message, last))
        return cm_strdup(message);
    return cm_fmt("%s (%s)", message, last);
}

/* The limit of the step is what ended the look, or came with it. */
static bool out_of_time(struct cm_step *step)
{
    int64_t deadline = cm_step_deadline(step);
    return deadline != CM_NEVER && cm_loop_now_ms(cm_step_loop(step)) >= deadline;
}

int cm_look_failed(struct cm_step *step, const char *id, const char *what, const char *remedy, struct cm_err **seen,
                   struct cm_err **err)
{
    if (cm_look_ends(seen, err))
        return -1;
    cm_autofree char *words = cm_look_words(*seen);
    const char *hint = cm_err_hint(*seen);
    const char *advice = hint ? hint : remedy;
    bool more = out_of_time(step) && !strstr(advice, "timeout: ");
    cm_autofree char *longer = more ? cm_fmt("%s " CM_GIVE_LONGER, advice, cm_step_id(step)) : NULL;
    cm_finding(step, CM_UNKNOWN, id, longer ? longer : advice, "%s: %s", what, words);
    cm_err_clear(seen);
    return 0;
}

const json_t *cm_look_member(const json_t *object, const char *name)
{
    const char *best = NULL, *key;
    const json_t *found = NULL;
    json_t *value;
    if (!json_is_object(object))
        return NULL;
    json_object_foreach(cm_json_loose(object), key, value)
    {
        if (strcasecmp(key, name) != 0 || (best && strcmp(key, best) < 0))
            continue;
        best = key;
        found = value;
    }
    return found;
}

const json_t *cm_look_config(const json_t *values, const char *section, const char *key)
{
    return cm_look_member(cm_look_member(json_object_get(values, "config"), section), key);
}

const json_t *cm_look_values(struct cm_step *step)
{
    const json_t *values = NULL;
    cm_autoerr none = NULL;
    if (cm_target_base_json(step, &values, &none) < 0)
        return NULL;
    return values;
}

static void one_document(const char *text, size_t n, void (*each)(void *ctx, const json_t *object), void *ctx)
{
    cm_autoyaml doc = cm_yaml_parse(text, n, "manifest", NULL);
    const struct cm_yaml *root = doc ? cm_yaml_root(doc) : NULL;
    if (!root || !cm_yaml_get(root, "kind"))
        return;
    cm_autojson object = cm_yaml_json(doc, root);
    each(ctx, object);
}

void cm_look_manifests(const char *manifests, void (*each)(void *ctx, const json_t *object), void *ctx)
{
    for (const char *at = manifests; *at;) {
        if (cm_starts(at, "---"))
            at += strcspn(at, "\n");
        const char *next = strstr(at, "\n---");
        size_t n = next ? (size_t)(next - at + 1) : strlen(at);
        one_document(at, n, each, ctx);
        at += n;
    }
}

bool cm_look_inside(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (strcmp(folder, "/") == 0)
        return *path == '/';
    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

void cm_look_list(struct cm_str *list, const char *fmt, ...)
{
    va_list ap;
    if (list->len)
        cm_str_add(list, ", ");
    va_start(ap, fmt);
    cm_str_vaddf(list, fmt, ap);
    va_end(ap);
}

char *cm_look_url_host(const char *url)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 : url;
    size_t n = strcspn(at, "/?#");
    for (size_t i = 0; i < n; i++)
        if (at[i] == '@') {
            at += i + 1;
            n -= i + 1;
            i = 0;
        }
    if (*at == '[') {
        at++;
        n = strcspn(at, "]");
    } else {
        for (size_t i = 0; i < n; i++)
            if (at[i] == ':')
                n = i;
    }
    if (n == 0)
        return NULL;
    char *host = cm_strndup(at, n);
    for (char *p = host; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return host;
}
