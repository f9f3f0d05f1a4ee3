/* values/launcher_map.c: where each field of launcher.templateValues goes. Source: Posit's guide "Upgrading to the direct Kubernetes
 * runner", its complete example, and the chart's files/job.tpl and files/service.tpl for what the guide leaves out
 * (enableServiceLinks, ttlSecondsAfterFinished). Does not: look into containers (launcher_podspec.c). */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

struct rule {
    const char *from;
    bool service;
    const char *path;
}; /* path below the base, the key at its end as well */

static const struct rule job_rules[] = {
    {"labels", false, "metadata"},
    {"annotations", false, "metadata"},
    {"ttlSecondsAfterFinished", false, "spec"},
    {NULL, false, NULL},
};
static const struct rule service_rules[] = {
    {"labels", true, "metadata"},
    {"annotations", true, "metadata"},
    {"type", true, "spec"},
    {NULL, false, NULL},
};

static const struct rule *rule_for(const struct rule *rules, const char *key)
{
    for (; rules->from; rules++)
        if (strcmp(rules->from, key) == 0)
            return rules;
    return NULL;
}

/* The Launcher's template asked whether it is true (files/job.tpl): 0 said nothing there, and would end each Job at once here. */
static bool said_nothing(const struct cm_yaml *key, const struct cm_yaml *value)
{
    return strcmp(key->text, "ttlSecondsAfterFinished") == 0 && value->type == CM_YAML_SCALAR && value->plain &&
           strspn(value->text, "0") == value->text_bytes;
}

static void map_fields(struct cm_launcher_work *w, const char *name, struct cm_yaml *fields, const struct rule *rules)
{
    const char *in = cm_arena_fmt(w->arena, "launcher.templateValues.%s", name);
    for (size_t i = 0; i < fields->count; i++) {
        const struct cm_yaml *key = fields->keys[i], *value = fields->items[i];
        const struct rule *r = rule_for(rules, key->text);
        bool empty = cm_yaml_is_empty(value) && !(value->type == CM_YAML_SCALAR && !value->plain);
        if (!r) {
            cm_launcher_row_below(w, key, in, NULL, key->text, CM_ASK,
                                  "not a field that the chart's templates know; it stays and does nothing");
            continue;
        }
        cm_take_out(w, fields, i);
        if (empty) {
            cm_launcher_row_below(w, key, in, NULL, key->text, CM_DROP, "empty");
            continue;
        }
        if (said_nothing(key, value)) {
            cm_launcher_row_below(w, key, in, NULL, key->text, CM_DROP,
                                  "0 said nothing to the Launcher; here it would remove each Job at once");
            continue;
        }
        struct cm_piece *base = r->service ? cm_launcher_service(w) : cm_launcher_job(w);
        cm_piece_pair(w, cm_piece_path(w, base, r->path), key->text, fields, i);
        const char *target =
            cm_arena_fmt(w->arena, "backends.kubernetes.defaultResource%sBase.%s", r->service ? "Service" : "Job", r->path);
        cm_launcher_row_below(w, key, in, target, key->text, CM_CHANGE, "moved");
    }
}

/* Is nothing said that differs from the chart's own values (all empty, service.type ClusterIP)? */
static bool is_default(const struct cm_yaml *node, const char *name)
{
    if (node->type == CM_YAML_MAP && node->count) {
        for (size_t i = 0; i < node->count; i++)
            if (!is_default(node->items[i], node->keys[i]->text))
                return false;
        return true;
    }
    return cm_yaml_is_empty(node) ||
           (strcmp(name, "type") == 0 && node->type == CM_YAML_SCALAR && strcmp(node->text, "ClusterIP") == 0);
}

static void map_part(struct cm_launcher_work *w, struct cm_yaml *values, size_t i)
{
    const char *name = values->keys[i]->text;
    struct cm_yaml *fields = values->items[i];
    const char *setting = cm_arena_fmt(w->arena, "launcher.templateValues.%s", name);
    if (strcmp(name, "sharedStorage") == 0) {
        cm_take_out(w, values, i);
        cm_launcher_row(w, values->keys[i], setting, NULL, CM_DROP,
                        "the chart fills it in; sharedStorage works the same in both modes");
        return;
    }
    if (cm_yaml_is_empty(fields)) {
        cm_take_out(w, values, i);
        cm_launcher_row(w, values->keys[i], setting, NULL, CM_DROP, "empty");
        return;
    }
    bool job = strcmp(name, "job") == 0, service = strcmp(name, "service") == 0, pod = strcmp(name, "pod") == 0;
    if (fields->type != CM_YAML_MAP || !(job || service || pod)) {
        cm_launcher_row(w, values->keys[i], setting, NULL, CM_ASK,
                        "not a part that the chart's templates know; it stays and does nothing");
        return;
    }
    w->pending = cm_comments_of(w, values, i);
    if (pod)
        cm_launcher_pod(w, fields);
    else
        map_fields(w, name, fields, job ? job_rules : service_rules);
    w->pending = NULL;
}

/* The chart put these values into a template that the Launcher rendered for each job; the direct runner takes them as they stand. */
static void tell_expressions(struct cm_launcher_work *w, const struct cm_yaml *n)
{
    if (n->type == CM_YAML_SCALAR && strstr(n->text, "{{"))
        cm_launcher_finding(w, n, "warning", "values.expression",
                            "\"{{\" begins an expression that the Launcher evaluated; the direct runner takes it as it stands",
                            "Write in its place what it gave.");
    for (size_t i = 0; n->type != CM_YAML_ALIAS && i < n->count; i++) {
        if (n->keys)
            tell_expressions(w, n->keys[i]);
        tell_expressions(w, n->items[i]);
    }
}

int cm_launcher_template_values(struct cm_launcher_work *w, struct cm_yaml *values)
{
    tell_expressions(w, values);
    if (is_default(values, "")) {
        for (size_t i = 0; i < values->count; i++) {
            cm_take_out(w, values, i);
            cm_launcher_row(w, values->keys[i], cm_arena_fmt(w->arena, "launcher.templateValues.%s", values->keys[i]->text), NULL,
                            CM_DROP, "only the chart's own defaults");
        }
        return 0;
    }
    for (size_t i = 0; i < values->count; i++)
        map_part(w, values, i);
    return 0;
}
