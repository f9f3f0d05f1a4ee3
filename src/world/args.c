/* world/args.c: options as helm and kubectl take them: --name value, --name=value, -n value, anywhere, "--" ends them. What is not
 * known is refused in their words. */
#include <config.h>

#include <string.h>

#include "world/world.h"

static bool listed(const char *name, size_t n, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strlen(*list) == n && strncmp(name, *list, n) == 0)
            return true;
    return false;
}

/* "n=namespace" in a list: the short form and the name it stands for. */
static const char *long_name(char letter, const char *const *list)
{
    for (; *list != NULL; list++)
        if ((*list)[0] == letter && (*list)[1] == '=')
            return *list + 2;
    return NULL;
}

static void keep(struct args *a, const char *name, size_t n, const char *value)
{
    cm_autofree char *key = cm_strndup(name, n);
    json_t *list = json_object_get(a->options, key);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(a->options, key, list);
    }
    json_array_append_new(list, json_string(value));
}

static int long_option(struct args *a, struct call *c, int *i, const char *const *valued, const char *const *bare)
{
    const char *text = c->argv[*i] + 2, *equals = strchr(text, '=');
    size_t n = equals != NULL ? (size_t)(equals - text) : strlen(text);
    if (listed(text, n, bare)) {
        keep(a, text, n, equals != NULL ? equals + 1 : "true");
    } else if (!listed(text, n, valued)) {
        return call_fail(c, "%s: unknown flag: --%.*s", strcmp(c->name, "helm") == 0 ? "Error" : "error", (int)n, text);
    } else if (equals != NULL) {
        keep(a, text, n, equals + 1);
    } else if (*i + 1 < c->argc) {
        keep(a, text, n, c->argv[++*i]);
    } else {
        return call_fail(c, "%s: flag needs an argument: --%s", strcmp(c->name, "helm") == 0 ? "Error" : "error", text);
    }
    return 0;
}

static int short_option(struct args *a, struct call *c, int *i, const char *const *valued, const char *const *bare)
{
    const char *text = c->argv[*i];
    const char *name = long_name(text[1], valued);
    if (name != NULL) {
        const char *value = text[2] == '=' ? text + 3 : text[2] != '\0' ? text + 2 : *i + 1 < c->argc ? c->argv[++*i] : "";
        keep(a, name, strlen(name), value);
        return 0;
    }
    name = long_name(text[1], bare);
    if (name == NULL)
        return call_fail(c, "%s: unknown shorthand flag: '%c' in %s", strcmp(c->name, "helm") == 0 ? "Error" : "error", text[1],
                         text);
    keep(a, name, strlen(name), "true");
    return 0;
}

int args_read(struct args *a, struct call *c, const char *const *valued, const char *const *bare)
{
    *a = (struct args){.options = json_object()};
    for (int i = 0; i < c->argc; i++) {
        const char *text = c->argv[i];
        int status = 0;
        if (strcmp(text, "--") == 0) {
            a->rest = (const char *const *)&c->argv[i + 1];
            break;
        }
        if (text[0] == '-' && text[1] == '-')
            status = long_option(a, c, &i, valued, bare);
        else if (text[0] == '-' && text[1] != '\0')
            status = short_option(a, c, &i, valued, bare);
        else if (a->count < sizeof a->words / sizeof *a->words)
            a->words[a->count++] = text;
        if (status != 0) {
            args_fini(a);
            return -1;
        }
    }
    return 0;
}

const char *arg(const struct args *a, const char *name, const char *otherwise)
{
    const json_t *list = json_object_get(a->options, name);
    size_t n = json_array_size(list);
    return n > 0 ? json_string_value(json_array_get(list, n - 1)) : otherwise;
}

void args_fini(struct args *a)
{
    json_decref(a->options);
    a->options = NULL;
}
