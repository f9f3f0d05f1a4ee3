/* values/check.c: every rule by which the chart's templates fail, before helm is asked, with the place in the user's file. Source:
 * chart 0.21.0, templates/NOTES.txt, _helpers.tpl, configmap*.yaml, deployment.yaml, nameservice-secret.yaml. Does not: render. */
#include <config.h>

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "values/check_work.h"
#include "values/config.h"
#include "values/quote.h"
#include "values/rendered.h"

/* ---- looking ---- */

static const struct cm_yaml *follow(const struct cm_yaml *node, const char *path)
{
    while (node && *path) {
        size_t n = strcspn(path, ".");
        cm_autofree char *key = cm_strndup(path, n);
        node = cm_yaml_reach(node, key);
        path += n + (path[n] ? 1 : 0);
    }
    return node && node->type == CM_YAML_ALIAS ? node->target : node;
}

const struct cm_yaml *cm_look_at(const struct cm_values_look *l, const char *path, const struct cm_yaml_doc **doc)
{
    for (size_t i = l->count; i > 0; i--) {
        const struct cm_yaml *root = cm_values_root(l->docs[i - 1]), *node = root ? follow(root, path) : NULL;
        if (node) {
            if (doc)
                *doc = l->docs[i - 1];
            return node;
        }
    }
    return NULL;
}

static bool is_true(const struct cm_yaml_doc *doc, const struct cm_yaml *node)
{
    if (node->type != CM_YAML_SCALAR)
        return node->count > 0;
    cm_autojson value = cm_yaml_json(doc, node);
    if (json_is_string(value))
        return *json_string_value(value);
    return json_is_true(value) || (json_is_number(value) && json_number_value(value) != 0);
}

bool cm_look_true(const struct cm_values_look *l, const char *path, bool otherwise)
{
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *node = cm_look_at(l, path, &doc);
    return node ? is_true(doc, node) : otherwise;
}

const char *cm_look_text(const struct cm_values_look *l, const char *path)
{
    const struct cm_yaml *node = cm_look_at(l, path, NULL);
    return node && node->type == CM_YAML_SCALAR ? node->text : NULL;
}

void cm_look_finding(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *node, const char *verdict,
                     const char *id, const char *remedy, const char *fmt, ...)
{
    enum { MOST = 1000 };     /* so many are named one by one; the others are counted */
    struct cm_str s = CM_STR(CM_STR_LINE);
    va_list ap;
    if (json_array_size(l->findings) >= MOST && strcmp(verdict, "warning") == 0) {
        l->more_warnings++;
        return;
    }
    if (node)
        cm_str_addf(&s, "%s:%u:%u: ", cm_yaml_name(doc), node->line, node->column);
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    json_array_append_new(
        l->findings, json_pack("{s:s, s:s, s:s, s:s}", "id", id, "verdict", verdict, "seen", cm_str_text(&s), "remedy", remedy));
    cm_str_fini(&s);
}

static void blocker(struct cm_values_look *l, const char *path, const char *id, const char *seen, const char *remedy)
{
    const struct cm_yaml_doc *doc = NULL;
    const struct cm_yaml *node = path ? cm_look_at(l, path, &doc) : NULL;
    cm_look_finding(l, doc, node, "blocker", id, remedy, "%s", seen);
}

/* ---- values that are gone ---- */

static void check_gone(struct cm_values_look *l)
{
    static const struct {
        const char *path, *id, *instead;
    } gone[] = {
        {"launcher.contentInitContainer", "values.content-init-container", "Move it to backends.kubernetes.defaultInitContainer."},
        {"launcher.customRuntimeYaml", "values.custom-runtime", "List the images under executionEnvironments."},
        {"launcher.additionalRuntimeImages", "values.additional-images", "List the images under executionEnvironments."},
        {"image.tagPrefix", "values.tag-prefix", "Use image.os, or image.tag for an image of your own."},
        {"launcher.defaultInitContainer.tagPrefix", "values.init-tag-prefix", "Use launcher.defaultInitContainer.tag."},
        {"backends.kubernetes.defaultInitContainer.tagPrefix", "values.init-tag-prefix",
         "Use backends.kubernetes.defaultInitContainer.tag."},
        {"pod.serviceAccountName", "values.service-account", "Use rbac.serviceAccount.name."},
        {"pod.nodeSelector", "values.node-selector", "Use the top-level nodeSelector."},
    };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (cm_look_true(l, gone[i].path, false)) {
            cm_autofree char *seen = cm_fmt("%s is gone from the chart, and helm fails on it", gone[i].path);
            blocker(l, gone[i].path, gone[i].id, seen, gone[i].instead);
        }
}

/* ---- runners and storage ---- */

static bool has_storage(const struct cm_values_look *l)
{
    return cm_look_true(l, "sharedStorage.create", false) || cm_look_true(l, "sharedStorage.mount", false);
}

static void check_kubernetes_settings(struct cm_values_look *l)
{
    const char *enabled = cm_look_text(l, "config.Kubernetes.Enabled"), *ns = cm_look_text(l, "config.Kubernetes.Namespace");
    const char *chart_ns = cm_look_text(l, "backends.kubernetes.namespace");
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *node = cm_look_at(l, "config.Kubernetes.Enabled", &doc);
    cm_autojson value = node ? cm_yaml_json(doc, node) : NULL;
    if (enabled && (json_is_false(value) || !strcasecmp(enabled, "false") || !strcmp(enabled, "0")))
        blocker(l, "config.Kubernetes.Enabled", "values.kubernetes-enabled",
                "config.Kubernetes.Enabled is false while backends.kubernetes.enabled is true", "Remove it: the chart sets it.");
    if (ns && *ns && chart_ns && *chart_ns && strcmp(ns, chart_ns) != 0)
        blocker(l, "config.Kubernetes.Namespace", "values.kubernetes-namespace",
                "config.Kubernetes.Namespace differs from backends.kubernetes.namespace",
                "Remove it: the chart sets it from backends.kubernetes.namespace.");
    else if (ns && *ns && (!chart_ns || !*chart_ns) && (node = cm_look_at(l, "config.Kubernetes.Namespace", &doc)))
        cm_look_finding(l, doc, node, "warning", "values.kubernetes-namespace",
                        "Remove it, or say it as backends.kubernetes.namespace.",
                        "config.Kubernetes.Namespace is %s; helm fails unless that is the release's namespace", ns);
}

static void check_sub_path(struct cm_values_look *l)
{
    const char *path = cm_look_text(l, "sharedStorage.subPath"), *version = cm_look_text(l, "versionOverride");
    if (!path || !*path)
        return;
    if (!cm_look_true(l, "sharedStorage.mountContent", true))
        blocker(l, "sharedStorage.subPath", "values.sub-path",
                "sharedStorage.subPath does nothing for content while sharedStorage.mountContent is false",
                "Set sharedStorage.mountContent to true, or remove subPath.");
    version = version && *version ? version : l->app_version;
    if (version && cm_version_compare(version, "2026.8.0") < 0)
        blocker(l, "sharedStorage.subPath", "values.sub-path-version",
                "sharedStorage.subPath with the direct runner needs Connect 2026.08.0 or later",
                "Upgrade Connect first, or remove subPath.");
    if (path[0] == '/' || strstr(path, ".."))
        blocker(l, "sharedStorage.subPath", "values.sub-path-form", "sharedStorage.subPath must be relative and without \"..\"",
                "Write the folder's path inside of the volume.");
    const char *tag = cm_look_text(l, "image.tag");
    cm_autofree char *tagged = tag ? cm_version_find(tag) : NULL;
    if (tagged && cm_version_compare(tagged, "2026.8.0") < 0)
        cm_look_finding(l, NULL, NULL, "warning", "values.sub-path-image", "Use an image of 2026.08.0 or later.",
                        "image.tag is %s; the chart does not look at it, but this version refuses the setting that subPath makes",
                        tag);
}

/* A value other than nothing, and other than the chart's own for the kind of Service. */
static bool says_something(const struct cm_yaml *node)
{
    node = node && node->type == CM_YAML_ALIAS ? node->target : node;
    if (!node)
        return false;
    if (node->type == CM_YAML_SCALAR)
        return node->text_bytes > 0 && !(node->plain && (strcmp(node->text, "null") == 0 || strcmp(node->text, "~") == 0 ||
                                                         strcmp(node->text, "ClusterIP") == 0));
    for (size_t i = 0; i < node->count; i++)
        if (says_something(node->items[i]))
            return true;
    return false;
}

/* The chart renders them for the Launcher alone, and says nothing otherwise: mounts, accounts and limits of content would be lost. */
static void check_ignored(struct cm_values_look *l)
{
    static const char *const paths[] = {"launcher.templateValues.pod",
                                        "launcher.templateValues.job",
                                        "launcher.templateValues.service",
                                        "launcher.templateValues.sharedStorage",
                                        "launcher.launcherKubernetesProfilesConf",
                                        "launcher.extraTemplates"};
    struct cm_str names = CM_STR(CM_STR_LINE);
    const struct cm_yaml_doc *doc = NULL, *first_doc = NULL;
    const struct cm_yaml *first = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct cm_yaml *node = cm_look_at(l, paths[i], &doc);
        if (!says_something(node))
            continue;
        cm_str_addf(&names, "%s%s", first ? ", " : "", paths[i]);
        first_doc = first ? first_doc : doc;
        first = first ? first : node;
    }
    if (first)
        cm_look_finding(
            l, first_doc, first, "warning", "values.launcher-ignored",
            "Where content shall have it, write a converted file with `connect-migrate-run convert values --output NEW FILE` and name "
            "NEW in target.values; else remove it.",
            "written for the Launcher, which is off, and given to nothing: %s", cm_str_text(&names));
    cm_str_fini(&names);
}

static void check_runners(struct cm_values_look *l)
{
    bool launcher = cm_look_true(l, "launcher.enabled", false), backend = cm_look_true(l, "backends.kubernetes.enabled", true);
    const char *data_dir = cm_look_text(l, "config.Launcher.DataDir");
    const char *pvc = cm_look_text(l, "config.Kubernetes.DataDirPVCName");
    if (data_dir && strchr(data_dir, ':'))
        blocker(l, "config.Launcher.DataDir", "values.launcher-data-dir",
                "config.Launcher.DataDir has a ':', which the chart refuses", "Use sharedStorage and remove it.");
    if (launcher && backend)
        blocker(
            l, "launcher.enabled", "values.both-runners",
            "launcher.enabled and backends.kubernetes.enabled are both true (the latter is the chart's default)",
            "Write a converted file with `connect-migrate-run convert values --output NEW FILE` and name NEW in target.values, or set one of "
            "them to false.");
    if (launcher && !has_storage(l) && !data_dir && !cm_look_at(l, "config.Launcher.DataDirPVCName", NULL))
        blocker(l, NULL, "values.storage", "the Launcher needs persistent storage, and nothing gives it",
                "Set sharedStorage.create or sharedStorage.mount to true.");
    if (!backend)
        return;
    if (!launcher)
        check_ignored(l);
    check_kubernetes_settings(l);
    if (!has_storage(l) && !(pvc && *pvc))
        blocker(l, NULL, "values.storage", "the direct runner needs persistent storage, and nothing gives it",
                "Set sharedStorage.mount: true and sharedStorage.name to the claim of the data folder (or sharedStorage.create).");
    check_sub_path(l);
    if (cm_look_at(l, "config.Launcher", NULL) && cm_look_true(l, "config.Launcher", false) && !launcher) {
        const struct cm_yaml_doc *doc;
        const struct cm_yaml *node = cm_look_at(l, "config.Launcher", &doc);
        cm_look_finding(l, doc, node, "warning", "values.launcher-settings",
                        "Remove it, or convert the file with `convert values`.",
                        "config.Launcher is left; the chart prints it beside [Kubernetes]");
    }
}

/* 2026.04.0 is the first release with the direct runner; the chart looks at no tag. */
static void check_versions(struct cm_values_look *l)
{
    static const char *const paths[] = {"image.tag", "versionOverride", "backends.kubernetes.defaultInitContainer.tag", NULL};
    for (const char *const *path = paths; *path && cm_look_true(l, "backends.kubernetes.enabled", true); path++) {
        const struct cm_yaml_doc *doc;
        const struct cm_yaml *node = cm_look_at(l, *path, &doc);
        cm_autofree char *version = node && node->type == CM_YAML_SCALAR ? cm_version_find(node->text) : NULL;
        if (version && cm_version_compare(version, "2026.4.0") < 0)
            cm_look_finding(l, doc, node, "warning", "values.version",
                            "Take an image of 2026.04.0 or later, the same for server and content.",
                            "%s is %s; the direct runner needs Connect 2026.04.0 or later", *path, node->text);
    }
}

static void check_overrides(struct cm_values_look *l)
{
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *conf = cm_look_at(l, "launcher.launcherKubernetesProfilesConf", &doc);
    if (!conf || !cm_look_true(l, "launcher.enabled", false) || !cm_look_true(l, "launcher.useTemplates", true))
        return;
    for (size_t i = 0; conf->type == CM_YAML_MAP && i < conf->count; i++) {
        const struct cm_yaml *key = cm_yaml_key(conf->items[i], "job-json-overrides");
        if (key)
            cm_look_finding(l, doc, key, "blocker", "values.overrides",
                            "Move them to launcher.templateValues, or convert the file with `convert values`.",
                            "job-json-overrides cannot be used while launcher.useTemplates is true");
    }
}

/* ---- the rest ---- */

static void check_nameservice(struct cm_values_look *l)
{
    static const char *const providers[] = {"oauth2", "saml", "ldap", NULL};
    if (!cm_look_true(l, "nameservice.enabled", false))
        return;
    const char *provider = cm_look_text(l, "config.Authentication.Provider");
    bool known = false;
    for (const char *const *p = providers; *p; p++)
        known |= provider && strcasecmp(provider, *p) == 0;
    bool secret = cm_look_true(l, "nameservice.secretName", false), key = cm_look_true(l, "nameservice.apiKey", false);
    if (!known)
        blocker(l, "nameservice.enabled", "values.nameservice-provider",
                "nameservice.enabled needs Authentication.Provider oauth2, saml or ldap",
                "Set config.Authentication.Provider, or nameservice.enabled to false.");
    if (secret == key)
        blocker(l, "nameservice.enabled", "values.nameservice-key",
                secret ? "nameservice.secretName and nameservice.apiKey are both given"
                       : "nameservice.enabled needs nameservice.secretName or nameservice.apiKey",
                "Give nameservice.secretName alone.");
}

/* One such character, and the chart prints nothing of the list at all, without any error. */
static void check_env(struct cm_values_look *l)
{
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *list = cm_look_at(l, "pod.env", &doc);
    for (size_t i = 0; list && list->type == CM_YAML_LIST && i < list->count; i++) {
        const struct cm_yaml *value = cm_yaml_get(list->items[i], "value");
        if (value && value->type == CM_YAML_SCALAR && !cm_env_safe(value->text))
            cm_look_finding(l, doc, value, "blocker", "values.env-character", "Take the character out of it.",
                            "a control character or Unicode line break; the chart would lose or break the whole of pod.env");
    }
}

/* A version is text; without quotes it is a number to helm, which prints 3.10 as 3.1. */
static void check_installed(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *image)
{
    for (size_t i = 0; image->type == CM_YAML_MAP && i < image->count; i++) {
        const struct cm_yaml *list = cm_yaml_get(image->items[i], "installations");
        for (size_t k = 0; list && list->type == CM_YAML_LIST && k < list->count; k++) {
            const struct cm_yaml *version = cm_yaml_get(list->items[k], "version");
            cm_autojson value = version && version->type == CM_YAML_SCALAR ? cm_yaml_json(doc, version) : NULL;
            cm_autofree char *printed = json_is_number(value) ? cm_rendered_text(value) : NULL;
            if (printed && strcmp(printed, version->text) != 0)
                cm_look_finding(l, doc, version, "warning", "values.environment-version", "Write the version in quotes.",
                                "%s is a number without quotes, and helm prints it as %s", version->text, printed);
        }
    }
}

static void check_environments(struct cm_values_look *l)
{
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *list = cm_look_at(l, "executionEnvironments", &doc);
    for (size_t i = 0; list && list->type == CM_YAML_LIST && i < list->count; i++) {
        const struct cm_yaml *name = cm_yaml_get(list->items[i], "name");
        if (!name || name->type != CM_YAML_SCALAR || !name->text_bytes)
            cm_look_finding(l, doc, list->items[i], "blocker", "values.environment-name", "Give it the image's name.",
                            "executionEnvironments[%zu] has no name", i);
        check_installed(l, doc, list->items[i]);
    }
    if ((!list || !list->count) && cm_look_true(l, "backends.kubernetes.enabled", true))
        cm_look_finding(l, list ? doc : NULL, list, "warning", "values.environments",
                        "List your content images under executionEnvironments, or see to it that the database has them.",
                        "no executionEnvironments: content runs only if the database holds execution environments");
}

static void check_chronicle(struct cm_values_look *l)
{
    const char *user = cm_look_text(l, "pod.securityContext.runAsUser");
    if (cm_look_true(l, "chronicle.localConfig", false) &&
        (cm_look_true(l, "pod.securityContext.runAsNonRoot", false) || (user && *user && strcmp(user, "0") != 0)))
        blocker(l, "chronicle.localConfig", "values.chronicle", "chronicle.localConfig needs a pod that runs as root",
                "Remove pod.securityContext.runAsNonRoot and runAsUser, or chronicle.localConfig.");
    if (!cm_look_true(l, "chronicleAgent.enabled", false))
        return;
    if (!cm_look_true(l, "chronicleAgent.image.registry", true) || !cm_look_true(l, "chronicleAgent.image.repository", true))
        blocker(l, "chronicleAgent.image", "values.chronicle-agent", "chronicleAgent.image needs registry and repository",
                "Give both.");
    if (!cm_look_true(l, "chronicleAgent.autoDiscovery", true) && !cm_look_true(l, "chronicleAgent.serverAddress", false))
        blocker(l, "chronicleAgent.autoDiscovery", "values.chronicle-server",
                "chronicleAgent.serverAddress is needed when autoDiscovery is off", "Give the address of the Chronicle server.");
}

void cm_check_rules(struct cm_values_look *l)
{
    const struct cm_yaml_doc *doc;
    const struct cm_yaml *affinity = cm_look_at(l, "affinity", &doc), *create = cm_look_at(l, "rbac.serviceAccount.create", &doc);
    check_gone(l);
    check_runners(l);
    check_versions(l);
    check_overrides(l);
    check_nameservice(l);
    check_environments(l);
    check_env(l);
    check_chronicle(l);
    if (create && create->type == CM_YAML_SCALAR) {
        cm_autojson value = cm_yaml_json(doc, create);
        if (!json_is_boolean(value))
            blocker(l, "rbac.serviceAccount.create", "values.rbac-create", "rbac.serviceAccount.create must be true or false",
                    "Write it without quotes.");
    }
    if (affinity && affinity->count)
        cm_look_finding(l, doc, cm_look_at(l, "affinity", &doc), "warning", "values.affinity", "Use pod.affinity.",
                        "no template uses the top-level affinity");
}

json_t *cm_values_check(const char *const *names, const char *const *texts, const char *at, const char *app_version,
                        struct cm_err **err)
{
    cm_autoarena arena = cm_arena_new();
    struct cm_values_look l = {.app_version = app_version, .findings = json_array(), .arena = arena};
    size_t n = 0;
    bool good = true;
    while (texts[n])
        n++;
    l.docs = cm_arena_alloc(arena, (n + 1) * sizeof *l.docs);
    for (; good && l.count < n; l.count++)
        good = (l.docs[l.count] = cm_yaml_parse(texts[l.count], strlen(texts[l.count]), names[l.count], err)) != NULL;
    for (size_t i = 0; good && at && i < n; i++)
        cm_yaml_begin_at(l.docs[i], at);
    if (good) {
        cm_check_rules(&l);
        cm_check_job_base(&l);
        cm_check_config(&l);
        cm_check_keys(&l);
    }
    if (l.more_warnings) {
        cm_autofree char *seen = cm_fmt("%zu more warnings; the first ones are named one by one", l.more_warnings);
        json_array_append_new(l.findings, json_pack("{s:s, s:s, s:s, s:s}", "id", "values.more", "verdict", "warning", "seen", seen,
                                                    "remedy", "Mend those that are named, then look again."));
    }
    for (size_t i = 0; i < l.count; i++)
        cm_yaml_free(l.docs[i]);
    if (good)
        return l.findings;
    json_decref(l.findings);
    return NULL;
}
