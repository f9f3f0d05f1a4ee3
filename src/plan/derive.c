/* plan/derive.c: what the plan does not say: defaults of the table, values from the environment and the kubeconfig, the short
 * forms, each with its origin; then what can be judged only on the whole: required keys, contradictions, the window. What is missing
 * then is said. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/internal.h"
#include "plan/kubeconfig.h"

static const struct {
    const char *said, *step;
} short_forms[] = {
    {"backup", "backup.take"},
    {"access.close", "access.close"},
    {"access.open", "access.open"},
};
enum { SHORT_FORMS = sizeof short_forms / sizeof *short_forms };

static const json_t *normal_at(const struct cm_reading *r, const char *path) { return cm_plan_get(r->plan, path); }

/* ---- defaults ---- */

static void one_default(struct cm_reading *r, const struct cm_plan_key *k)
{
    cm_autoyaml doc = cm_yaml_parse(k->def, strlen(k->def), "default", NULL);
    const struct cm_yaml *n = doc ? cm_yaml_root(doc) : NULL;
    if (!n)
        return;
    struct cm_reading inner = *r;
    inner.doc = doc;
    inner.origin = "default";
    json_t *value;
    if (k->type == CM_P_MAP) {
        value = json_object();
        cm_plan_walk(&inner, n, k->path, k->path, value);
    } else {
        value = cm_plan_value(&inner, k, k->path, n);
    }
    if (value)
        cm_plan_put(r->plan, k->path, value, "default");
}

static void defaults(struct cm_reading *r)
{
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        bool short_form = cm_starts(k->path, "backup") || cm_starts(k->path, "access");
        if (k->def && !strchr(k->path, '*') && !short_form && !normal_at(r, k->path) && !cm_plan_node(r, k->path))
            one_default(r, k);
    }
}

/* ---- the environment ---- */

static void from_environment(struct cm_reading *r)
{
    const char *config = getenv("KUBECONFIG"), *server = getenv("CONNECT_SERVER");
    if (config && *config && !strchr(config, ':') && !cm_plan_node(r, "target.kubeconfig")) {
        char *path = cm_path_absolute(config);
        cm_plan_put(r->plan, "target.kubeconfig", json_string(path), "derived: KUBECONFIG");
        free(path);
    }
    if (server && *server && !cm_plan_node(r, "connect.url")) {
        size_t n = strlen(server);
        while (n && server[n - 1] == '/')
            n--;
        cm_autofree char *url = cm_strndup(server, n);
        if (cm_plan_url_ok(url))
            cm_plan_put(r->plan, "connect.url", json_string(url), "derived: CONNECT_SERVER");
        else
            cm_problem(r->problems, r->doc, NULL, "connect.url: CONNECT_SERVER is not an address like https://connect.example.com");
    }
    if (!cm_plan_node(r, "connect.api_key") && getenv("CONNECT_API_KEY"))
        json_object_set_new(r->plan->origins, "connect.api_key", json_string("derived: CONNECT_API_KEY"));
}

/* Inside of a pod kubectl and helm use the account that Kubernetes mounts there (client-go, rest.InClusterConfig): it has no context. */
#define POD_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"

static bool in_a_pod(void)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    return host && *host && cm_file_exists(POD_ACCOUNT "token");
}

static void from_pod(struct cm_reading *r)
{
    char *text = NULL;
    size_t n = 0;
    if (!in_a_pod() || cm_plan_text(r->plan, "target.namespace") || cm_file_read(POD_ACCOUNT "namespace", 256, &text, &n, NULL) < 0)
        return;
    text[strcspn(text, "\r\n")] = '\0';
    cm_plan_put(r->plan, "target.namespace", json_string(text), "derived: the namespace of this pod's account");
    free(text);
}

static void from_kubeconfig(struct cm_reading *r)
{
    bool wants_context = !cm_plan_node(r, "target.context"), wants_namespace = !cm_plan_node(r, "target.namespace");
    if (!wants_context && !wants_namespace)
        return;
    cm_autokubeconfig k = {0};
    cm_kubeconfig_read(&k, cm_plan_text(r->plan, "target.kubeconfig"));
    if (wants_context && k.current) {
        cm_autofree char *origin = cm_fmt("derived: current context of %s", k.current_file);
        cm_plan_put(r->plan, "target.context", json_string(k.current), origin);
    }
    const char *name = cm_plan_text(r->plan, "target.context");
    const struct cm_kube_context *context = cm_kubeconfig_context(&k, name);
    if (wants_namespace && context && context->namespace) {
        cm_autofree char *origin = cm_fmt("derived: namespace of the context %s in the kubeconfig", name);
        cm_plan_put(r->plan, "target.namespace", json_string(context->namespace), origin);
    }
    if (!name && wants_namespace)
        from_pod(r);
}

/* ---- steps ---- */

static void move_origins(struct cm_plan *p, const char *from, const char *to)
{
    cm_autojson moved = json_object();
    const char *path;
    json_t *origin;
    size_t n = strlen(from);
    json_object_foreach(p->origins, path, origin)
    {
        if (strncmp(path, from, n) == 0 && (path[n] == '\0' || path[n] == '.')) {
            cm_autofree char *there = cm_fmt("%s%s", to, path + n);
            json_object_set(moved, there, origin);
        }
    }
    json_object_update(p->origins, moved);
}

static void expand_short_forms(struct cm_reading *r)
{
    struct cm_plan *p = r->plan;
    for (size_t i = 0; i < SHORT_FORMS; i++) {
        const char *said = short_forms[i].said, *step = short_forms[i].step;
        const json_t *value = normal_at(r, said);
        const struct cm_yaml *node = cm_plan_node(r, said);
        if (!json_is_object(value) || !node)
            continue;
        const struct cm_yaml *steps = cm_plan_node(r, "steps"), *both = steps ? cm_yaml_key(steps, step) : NULL;
        if (both) {
            cm_problem(r->problems, r->doc, both, "steps.%s and %s (line %u) say the same step; keep one of them", step, said,
                       node->line);
            continue;
        }
        if (!json_object_get(p->normal, "steps"))
            json_object_set_new(p->normal, "steps", json_object());
        json_object_set_new(json_object_get(p->normal, "steps"), step, json_deep_copy(value));
        cm_autofree char *path = cm_fmt("steps.%s", step);
        move_origins(p, said, path);
        cm_autofree char *place = cm_fmt("%s:%u:%u", cm_yaml_name(r->doc), node->line, node->column);
        json_object_set_new(p->places, step, json_string(place));
    }
    json_object_del(p->normal, "backup");
    json_object_del(p->normal, "access");
}

static bool is_hands(const char *step)
{
    for (size_t i = 0; i < SHORT_FORMS; i++)
        if (strcmp(short_forms[i].step, step) == 0)
            return true;
    return false;
}

static void settle_by(struct cm_reading *r, const char *id, json_t *step)
{
    const char *by = json_string_value(json_object_get(step, "by"));
    const json_t *command = json_object_get(step, "command");
    const char *place = json_string_value(json_object_get(r->plan->places, id));
    cm_autofree char *path = cm_fmt("steps.%s.by", id);
    if (!by && (command || is_hands(id))) {
        json_object_set_new(step, "by", json_string(command ? "command" : "hand"));
        json_object_set_new(r->plan->origins, path, json_string(command ? "derived: a command is given" : "default"));
    } else if (by && strcmp(by, "command") == 0 && !command) {
        cm_problem(r->problems, r->doc, NULL, "%s: %s is done by a command, but no `command` is given", place, id);
    } else if (by && strcmp(by, "command") != 0 && command) {
        cm_problem(r->problems, r->doc, NULL, "%s: %s has a `command`, but says `by: %s`", place, id, by);
    } else if (by && strcmp(by, "tool") == 0 && is_hands(id)) {
        cm_problem(r->problems, r->doc, NULL, "%s: %s cannot be done by the tool; say `by: hand` or `by: command`", place, id);
    }
}

static void settle_steps(struct cm_reading *r)
{
    const char *id;
    json_t *step;
    json_object_foreach(json_object_get(r->plan->normal, "steps"), id, step) settle_by(r, id, step);
    for (size_t i = 0; i < SHORT_FORMS; i++)
        json_object_set_new(r->plan->by_hand, short_forms[i].step, json_pack("{s:s}", "by", "hand"));
}

void cm_plan_derive(struct cm_reading *r)
{
    from_environment(r);
    from_kubeconfig(r);
    defaults(r);
    cm_plan_derive_values_key(r);
    expand_short_forms(r);
    settle_steps(r);
    if (strcmp(cm_plan_text(r->plan, "window.zone") ? cm_plan_text(r->plan, "window.zone") : "", "local") == 0)
        json_object_del(json_object_get(r->plan->normal, "window"), "zone");
}

/* ---- the whole ---- */

static bool needed(const struct cm_reading *r, const struct cm_plan_key *k)
{
    if (!k->required)
        return false;
    if (strcmp(k->path, "target.context") == 0 && in_a_pod() && !cm_plan_text(r->plan, "target.kubeconfig"))
        return false;
    /* The one runbook without an old server. Others say `hosts: []` when they have none. */
    const char *runbook = cm_plan_text(r->plan, "runbook");
    return strcmp(k->path, "source.hosts") != 0 || !runbook || strcmp(runbook, "launcher-to-kubernetes-runner") != 0;
}

static void check_required(struct cm_reading *r)
{
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        if (!needed(r, k) || strchr(k->path, '*') || normal_at(r, k->path) || cm_plan_node(r, k->path))
            continue;
        cm_autofree char *parent = cm_strndup(k->path, (size_t)(strrchr(k->path, '.') - k->path));
        const struct cm_yaml *map = cm_plan_node(r, parent), *at = map ? cm_yaml_key(map->parent, parent) : NULL;
        cm_problem(r->problems, r->doc, at, "%s is missing: %s%s%s", k->path, k->required,
                   k->derived ? "; it was not found in " : "", k->derived ? k->derived : "");
    }
}

/* gates.*.note and stages.*.skip: each entry needs it. */
static void check_entries(struct cm_reading *r, const char *map, const char *member, const char *why)
{
    const struct cm_yaml *entries = cm_plan_node(r, map);
    for (size_t i = 0; entries && entries->type == CM_YAML_MAP && i < entries->count; i++) {
        const struct cm_yaml *entry = entries->items[i];
        if (entry->type == CM_YAML_MAP && !cm_yaml_get(entry, member))
            cm_problem(r->problems, r->doc, entries->keys[i], "%s.%s.%s is missing: %s", map, entries->keys[i]->text, member, why);
    }
}

static void check_source(struct cm_reading *r)
{
    const json_t *hosts = normal_at(r, "source.hosts"), *shell = normal_at(r, "source.shell");
    const char *runbook = cm_plan_text(r->plan, "runbook");
    if (hosts && json_array_size(hosts) == 0 && runbook && strcmp(runbook, "vm-to-kubernetes") == 0)
        cm_problem(r->problems, r->doc, cm_plan_node(r, "source.hosts"), "source.hosts: the old server has at least one machine");
    if (json_is_array(shell) && json_array_size(hosts) > 1) {
        bool told = false;
        size_t i;
        json_t *word;
        json_array_foreach(shell, i, word) told = told || strstr(json_string_value(word), "{host}");
        if (!told)
            cm_problem(r->problems, r->doc, cm_plan_node(r, "source.shell"),
                       "source.shell: no word of it holds {host}, but there are %zu hosts", json_array_size(hosts));
    }
    if (json_is_string(shell) && strpbrk(json_string_value(shell), " \t"))
        cm_problem(r->problems, r->doc, cm_plan_node(r, "source.shell"),
                   "source.shell: a command with arguments is written as a list, like [ssh, -F, my.conf, \"{host}\"]");
}

static bool check_time(struct cm_reading *r, const char *path, int64_t *ms)
{
    if (!cm_plan_text(r->plan, path))
        return false;
    if (cm_plan_time(r->plan, path, ms))
        return true;
    cm_problem(r->problems, r->doc, cm_plan_node(r, path),
               "%s: expected a time like \"2026-12-05 22:00\" or RFC 3339, found \"%s\"", path, cm_plan_text(r->plan, path));
    return false;
}

static void check_window(struct cm_reading *r)
{
    int64_t start = 0, end = 0, by = 0, any = 0;
    const char *zone = cm_plan_text(r->plan, "window.zone");
    cm_autoerr why = NULL;
    if (zone && cm_time_in_zone("2026-01-01 00:00", zone, &any, &why) < 0) {
        cm_problem(r->problems, r->doc, cm_plan_node(r, "window.zone"), "window.zone: %s", cm_err_message(why));
        return;
    }
    bool has_start = check_time(r, "window.start", &start), has_end = check_time(r, "window.end", &end);
    if (has_start && has_end && end <= start)
        cm_problem(r->problems, r->doc, cm_plan_node(r, "window.end"), "window.end: the window ends before it begins");
    if (check_time(r, "content.build.revert_by", &by) && has_start && by <= start)
        cm_problem(r->problems, r->doc, cm_plan_node(r, "content.build.revert_by"),
                   "content.build.revert_by: this is before the window begins");
}

void cm_plan_check_whole(struct cm_reading *r)
{
    check_required(r);
    check_entries(r, "gates", "note", "who attests what; it stands in the report");
    check_entries(r, "stages", "skip", "the reason; it stands in the report");
    check_source(r);
    check_window(r);
}
