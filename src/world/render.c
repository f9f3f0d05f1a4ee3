/* world/render.c: the chart rstudio-connect as far as a migration needs it: names, labels, the ConfigMap with
 * rstudio-connect.gcfg and job.yaml, Deployment, Service, ServiceAccount, PVC, license Secret, and the chart's own refusals.
 * Source of the rules: rstudio/helm, charts/rstudio-connect 0.21.0 (templates/_helpers.tpl, NOTES.txt). */
#include <config.h>

#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "world/world.h"

#define RUNTIME_DIR "/opt/rstudio-connect-runtime"
#define INIT_DIR "/mnt/rstudio-connect-runtime/"

static bool truth(const json_t *v)
{
    if (v == NULL || json_is_null(v) || json_is_false(v))
        return false;
    if (json_is_string(v))
        return json_string_length(v) > 0;
    if (json_is_number(v))
        return json_number_value(v) != 0;
    if (json_is_array(v))
        return json_array_size(v) > 0;
    return !json_is_object(v) || json_object_size(v) > 0;
}

static bool on(const json_t *values, const char *path) { return truth(cm_json_at(values, path)); }

static const char *text_or(const json_t *values, const char *path, const char *otherwise)
{
    const char *s = cm_json_text(values, path, "");
    return s[0] != '\0' ? s : otherwise;
}

char *chart_fullname(const char *release, const json_t *values)
{
    const char *override = cm_json_text(values, "fullnameOverride", "");
    const char *name = text_or(values, "nameOverride", WORLD_CHART);
    char *full = override[0] != '\0'             ? cm_strdup(override)
                 : strstr(release, name) != NULL ? cm_strdup(release)
                                                 : cm_fmt("%s-%s", release, name);
    if (strlen(full) > 63)
        full[63] = '\0';
    for (size_t n = strlen(full); n > 0 && full[n - 1] == '-'; n--)
        full[n - 1] = '\0';
    return full;
}

static const char *app_version(const json_t *values) { return text_or(values, "versionOverride", WORLD_CONNECT_VERSION); }

struct chart {
    const char *release, *ns;
    const json_t *values;
    char *full;
    json_t *manifests;
};

static json_t *selector(const struct chart *c)
{
    return json_pack("{s:s, s:s}", "app.kubernetes.io/name", text_or(c->values, "nameOverride", WORLD_CHART),
                     "app.kubernetes.io/instance", c->release);
}

static json_t *labels(const struct chart *c)
{
    json_t *l = selector(c);
    json_object_set_new(l, "helm.sh/chart", json_string(WORLD_CHART "-" WORLD_CHART_VERSION));
    json_object_set_new(l, "app.kubernetes.io/version", json_string(WORLD_CONNECT_VERSION));
    json_object_set_new(l, "app.kubernetes.io/managed-by", json_string("Helm"));
    return l;
}

static void add(struct chart *c, const char *file, json_t *taken)
{
    cm_autofree char *source = cm_fmt(WORLD_CHART "/templates/%s", file);
    json_array_append_new(c->manifests, json_pack("{s:s, s:o}", "source", source, "object", taken));
}

static json_t *object(const struct chart *c, const char *api, const char *kind, const char *suffix, bool labelled)
{
    cm_autofree char *name = cm_fmt("%s%s", c->full, suffix);
    json_t *o =
        json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", api, "kind", kind, "metadata", "name", name, "namespace", c->ns);
    if (labelled)
        json_object_set_new(json_object_get(o, "metadata"), "labels", labels(c));
    return o;
}

static int refuse(struct cm_err **err, const char *why)
{
    return cm_fail(err, CM_E_FAILED, "execution error at (rstudio-connect/templates/NOTES.txt): %s", why);
}

static const json_t *container_named(const json_t *base, const char *list, const char *name)
{
    const json_t *all = cm_json_at(cm_json_at(base, "spec.template.spec"), list);
    size_t i;
    json_t *one;
    json_array_foreach(all, i, one) if (strcmp(cm_json_text(one, "name", ""), name) == 0) return one;
    return NULL;
}

static bool mounts_other(const json_t *container, const char *path, bool any)
{
    size_t i;
    json_t *m;
    json_array_foreach(cm_json_at(container, "volumeMounts"), i,
                       m) if (strcmp(cm_json_text(m, "mountPath", ""), path) == 0 &&
                              (any || strcmp(cm_json_text(m, "name", ""), "rsc-volume") != 0)) return true;
    return false;
}

static int refuse_storage(const json_t *v, struct cm_err **err)
{
    bool direct = on(v, "backends.kubernetes.enabled"), mounted = on(v, "sharedStorage.create") || on(v, "sharedStorage.mount");
    const char *sub = cm_json_text(v, "sharedStorage.subPath", "");
    if (on(v, "launcher.enabled") && !mounted && !on(v, "config.Launcher.DataDirPVCName"))
        return refuse(
            err,
            "\n\nLauncher is enabled, but there is no persistent storage. Set `sharedStorage.create` or `sharedStorage.mount`");
    if (!direct)
        return 0;
    if (!mounted && !on(v, "config.Kubernetes.DataDirPVCName"))
        return refuse(err, "\n\nbackends.kubernetes.enabled requires persistent storage. Set `sharedStorage.create` or "
                           "`sharedStorage.mount`, or `config.Kubernetes.DataDirPVCName`");
    if (sub[0] == '\0')
        return 0;
    if (!on(v, "sharedStorage.mountContent"))
        return refuse(err, "\n\nsharedStorage.subPath requires sharedStorage.mountContent with the Kubernetes backend");
    if (cm_version_compare(app_version(v), "2026.8.0") < 0)
        return refuse(err, "\n\nsharedStorage.subPath requires Connect 2026.08.0 or later with the Kubernetes backend");
    if (sub[0] == '/' || strstr(sub, "..") != NULL)
        return refuse(err, "\n\nsharedStorage.subPath must be a relative path without \"..\"");
    return 0;
}

static int refuse_backend(const struct chart *c, struct cm_err **err)
{
    const json_t *v = c->values, *enabled = cm_json_at(v, "config.Kubernetes.Enabled");
    const json_t *base = cm_json_at(v, "backends.kubernetes.defaultResourceJobBase");
    const char *ns = cm_json_text(v, "config.Kubernetes.Namespace", "");
    const char *wanted = text_or(v, "backends.kubernetes.namespace", c->ns);
    if (on(v, "launcher.enabled") && on(v, "backends.kubernetes.enabled"))
        return refuse(err, "\n\n`launcher.enabled` and `backends.kubernetes.enabled` cannot both be true");
    if (!on(v, "backends.kubernetes.enabled"))
        return 0;
    if (enabled != NULL && (!truth(enabled) || (json_is_string(enabled) && strcmp(json_string_value(enabled), "false") == 0)))
        return refuse(err, "\n\n`config.Kubernetes.Enabled` must not be false when `backends.kubernetes.enabled` is true");
    if (ns[0] != '\0' && strcmp(ns, wanted) != 0)
        return refuse(err, "\n\n`config.Kubernetes.Namespace` conflicts with `backends.kubernetes.namespace`");
    if (strcmp(text_or(base, "kind", "Job"), "Job") != 0)
        return refuse(err, "\n\n`backends.kubernetes.defaultResourceJobBase.kind` must be Job");
    if (strcmp(text_or(v, "backends.kubernetes.defaultResourceServiceBase.kind", "Service"), "Service") != 0)
        return refuse(err, "\n\n`backends.kubernetes.defaultResourceServiceBase.kind` must be Service");
    if (mounts_other(container_named(base, "initContainers", "connect-content-init"), INIT_DIR, false))
        return refuse(err, "\n\nthe init container connect-content-init must mount rsc-volume at " INIT_DIR);
    const json_t *content = container_named(base, "containers", "connect-content");
    if (mounts_other(content, RUNTIME_DIR, false) || mounts_other(content, "/opt/rstudio-connect", true))
        return refuse(err, "\n\nthe container connect-content must not mount a volume at /opt/rstudio-connect or " RUNTIME_DIR);
    return 0;
}

static int refuse_all(const struct chart *c, struct cm_err **err)
{
    static const char *const removed[][2] = {
        {"launcher.contentInitContainer", "`launcher.contentInitContainer` is now `launcher.defaultInitContainer`"},
        {"launcher.customRuntimeYaml", "`launcher.customRuntimeYaml` has been removed. Use `executionEnvironments`"},
        {"launcher.additionalRuntimeImages", "`launcher.additionalRuntimeImages` has been removed. Use `executionEnvironments`"},
        {"image.tagPrefix", "`image.tagPrefix` has been removed. Use `image.os`"},
        {"launcher.defaultInitContainer.tagPrefix", "`launcher.defaultInitContainer.tagPrefix` has been removed"},
        {"backends.kubernetes.defaultInitContainer.tagPrefix",
         "`backends.kubernetes.defaultInitContainer.tagPrefix` has been removed"},
        {"pod.serviceAccountName", "`pod.serviceAccountName` is now `rbac.serviceAccount.name`"},
        {"pod.nodeSelector", "`pod.nodeSelector` is now `nodeSelector`"},
    };
    size_t i;
    json_t *one;
    for (i = 0; i < sizeof removed / sizeof *removed; i++)
        if (on(c->values, removed[i][0])) {
            cm_autofree char *why = cm_fmt("\n\n%s", removed[i][1]);
            return refuse(err, why);
        }
    if (strchr(cm_json_text(c->values, "config.Launcher.DataDir", ""), ':') != NULL)
        return refuse(err, "\n\n`config.Launcher.DataDir` must not contain ':'");
    json_array_foreach(cm_json_at(c->values, "executionEnvironments"), i,
                       one) if (!on(one, "name")) return refuse(err, "\n\n`executionEnvironments[].name` is required");
    if (refuse_backend(c, err) != 0)
        return -1;
    return refuse_storage(c->values, err);
}

static char *claim_name(const struct chart *c)
{
    const char *said = cm_json_text(c->values, "sharedStorage.name", "");
    return said[0] != '\0' ? cm_strdup(said) : cm_fmt("%s-shared-storage", c->full);
}

static void set_text(json_t *o, const char *key, const char *value) { json_object_set_new(o, key, json_string(value)); }

static json_t *kubernetes_section(const struct chart *c)
{
    const json_t *v = c->values;
    json_t *k = json_pack("{s:b}", "Enabled", 1);
    set_text(k, "Namespace", text_or(v, "backends.kubernetes.namespace", c->ns));
    set_text(k, "DefaultResourceJobBase", "/etc/rstudio-connect/job.yaml");
    if (on(v, "backends.kubernetes.defaultResourceServiceBase"))
        set_text(k, "DefaultResourceServiceBase", "/etc/rstudio-connect/service.yaml");
    if (on(v, "backends.kubernetes.defaultInitContainer.enabled"))
        set_text(k, "ConnectRuntimeDir", RUNTIME_DIR);
    if ((on(v, "sharedStorage.create") || on(v, "sharedStorage.mount")) && on(v, "sharedStorage.mountContent")) {
        cm_autofree char *claim = claim_name(c);
        set_text(k, "DataDirPVCName", claim);
        if (on(v, "sharedStorage.subPath"))
            set_text(k, "DataDirPVCSubPath", cm_json_text(v, "sharedStorage.subPath", ""));
    }
    return k;
}

static json_t *launcher_section(const struct chart *c)
{
    const json_t *v = c->values;
    json_t *l =
        json_pack("{s:b, s:b, s:b}", "Enabled", 1, "Kubernetes", 1, "KubernetesUseTemplates", on(v, "launcher.useTemplates"));
    set_text(l, "KubernetesNamespace", text_or(v, "launcher.namespace", c->ns));
    set_text(l, "KubernetesProfilesConfig", "/etc/rstudio-connect/launcher/launcher.kubernetes.profiles.conf");
    set_text(l, "ScratchPath", text_or(v, "config.Launcher.KubernetesScratchPath", "/var/lib/rstudio-connect-launcher"));
    if ((on(v, "sharedStorage.create") || on(v, "sharedStorage.mount")) && on(v, "sharedStorage.mountContent")) {
        cm_autofree char *claim = claim_name(c);
        set_text(l, "DataDirPVCName", claim);
    }
    return l;
}

/* The chart's own settings under the user's, as mergeOverwrite does: the user's win, also empty ones but for three. */
static json_t *config_of(const struct chart *c)
{
    static const char *const dropped[] = {"DefaultResourceJobBase", "DefaultResourceServiceBase", "ConnectRuntimeDir"};
    const json_t *v = c->values;
    json_t *config = json_object(), *user = json_deep_copy(cm_json_at(v, "config"));
    const char *section;
    json_t *settings;
    if (on(v, "backends.kubernetes.enabled")) {
        json_object_set_new(config, "Kubernetes", kubernetes_section(c));
        json_t *said = json_object_get(user, "Kubernetes");
        for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
            if (json_object_get(said, dropped[i]) != NULL && !truth(json_object_get(said, dropped[i])))
                json_object_del(said, dropped[i]);
    }
    if (on(v, "launcher.enabled"))
        json_object_set_new(config, "Launcher", launcher_section(c));
    if (on(v, "executionEnvironments"))
        json_object_set_new(config, "ExecutionEnvironments",
                            json_pack("{s:s}", "ConfigFilePath", "/etc/rstudio-connect/execution-environments/environments.yaml"));
    if (on(v, "license.server"))
        json_object_set_new(config, "Licensing", json_pack("{s:s}", "LicenseType", "Remote"));
    if (on(v, "prometheus.enabled"))
        json_object_set_new(config, "Metrics", json_pack("{s:s}", "PrometheusListen", ":3232"));
    json_object_foreach(user, section, settings)
    {
        json_t *there = json_object_get(config, section);
        if (there != NULL && json_is_object(settings))
            json_object_update(there, settings);
        else
            json_object_set(config, section, settings);
    }
    json_decref(user);
    return config;
}

static json_t *child(json_t *o, const char *key, bool array)
{
    json_t *c = json_object_get(o, key);
    if (c == NULL) {
        c = array ? json_array() : json_object();
        json_object_set_new(o, key, c);
    }
    return c;
}

static void ensure_container(json_t *list, const char *name, const char *image, const char *mount)
{
    size_t i;
    json_t *one, *found = NULL;
    json_array_foreach(list, i, one) if (strcmp(cm_json_text(one, "name", ""), name) == 0) found = one;
    if (found == NULL) {
        found = json_pack("{s:s}", "name", name);
        json_array_append_new(list, found);
    }
    if (image != NULL && json_object_get(found, "image") == NULL)
        set_text(found, "image", image);
    if (!mounts_other(found, mount, true))
        json_array_append_new(child(found, "volumeMounts", true),
                              json_pack("{s:s, s:s}", "name", "rsc-volume", "mountPath", mount));
}

static json_t *job_base(const struct chart *c)
{
    const json_t *v = c->values, *said = cm_json_at(v, "backends.kubernetes.defaultResourceJobBase");
    json_t *job = json_is_object(said) ? json_deep_copy(said) : json_object();
    set_text(job, "kind", "Job");
    if (json_object_get(job, "apiVersion") == NULL)
        set_text(job, "apiVersion", "batch/v1");
    if (!on(v, "backends.kubernetes.defaultInitContainer.enabled"))
        return job;
    json_t *spec = child(child(child(job, "spec", false), "template", false), "spec", false);
    cm_autofree char *image = cm_fmt("%s:%s", cm_json_text(v, "backends.kubernetes.defaultInitContainer.repository", ""),
                                     text_or(v, "backends.kubernetes.defaultInitContainer.tag", app_version(v)));
    ensure_container(child(spec, "initContainers", true), "connect-content-init", image, INIT_DIR);
    ensure_container(child(spec, "containers", true), "connect-content", NULL,
                     text_or(v, "config.Kubernetes.ConnectRuntimeDir", RUNTIME_DIR));
    json_t *volumes = child(spec, "volumes", true), *one;
    size_t i;
    bool there = false;
    json_array_foreach(volumes, i, one) there = there || strcmp(cm_json_text(one, "name", ""), "rsc-volume") == 0;
    if (!there)
        json_array_append_new(volumes, json_pack("{s:s, s:{}}", "name", "rsc-volume", "emptyDir"));
    return job;
}

static char *yaml_text(json_t *taken)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    yaml_print(&s, taken, 0);
    json_decref(taken);
    return cm_str_take(&s);
}

static int add_config(struct chart *c, struct cm_err **err)
{
    cm_autojson config = config_of(c);
    cm_autofree char *gcfg = gcfg_print(config, err);
    if (gcfg == NULL)
        return -1;
    json_t *map = object(c, "v1", "ConfigMap", "-config", false);
    json_t *data = child(map, "data", false);
    set_text(data, "rstudio-connect.gcfg", gcfg);
    if (on(c->values, "backends.kubernetes.enabled")) {
        cm_autofree char *job = yaml_text(job_base(c));
        set_text(data, "job.yaml", job);
    }
    if (on(c->values, "backends.kubernetes.defaultResourceServiceBase")) {
        json_t *base = json_deep_copy(cm_json_at(c->values, "backends.kubernetes.defaultResourceServiceBase"));
        set_text(base, "kind", "Service");
        if (json_object_get(base, "apiVersion") == NULL)
            set_text(base, "apiVersion", "v1");
        cm_autofree char *service = yaml_text(base);
        set_text(data, "service.yaml", service);
    }
    add(c, "configmap.yaml", map);
    if (on(c->values, "executionEnvironments")) {
        json_t *environments = object(c, "v1", "ConfigMap", "-execution-environments", true);
        cm_autofree char *text = yaml_text(json_deep_copy(cm_json_at(c->values, "executionEnvironments")));
        set_text(child(environments, "data", false), "environments.yaml", text);
        add(c, "configmap-execution-environments.yaml", environments);
    }
    if (on(c->values, "backends.kubernetes.enabled")) {
        json_t *prestart = object(c, "v1", "ConfigMap", "-prestart", false);
        set_text(child(prestart, "data", false), "prestart.bash",
                 "#!/bin/bash\necho \"Checking kubernetes health\"\nexec \"$@\"\n");
        add(c, "configmap-prestart.yaml", prestart);
    }
    return 0;
}

static void add_license(struct chart *c)
{
    const json_t *contents = cm_json_at(c->values, "license.file.contents"), *key = cm_json_at(c->values, "license.key");
    if (truth(contents)) {
        json_t *s = object(c, "v1", "Secret", "-license-file", false);
        set_text(child(s, "stringData", false), cm_json_text(c->values, "license.file.secretKey", ""), json_string_value(contents));
        add(c, "license-secret.yaml", s);
    }
    if (truth(key)) {
        json_t *s = object(c, "v1", "Secret", "-license", false);
        set_text(child(s, "stringData", false), "rstudio-connect", json_string_value(key));
        add(c, "license-secret.yaml", s);
    }
}

static void add_claim(struct chart *c)
{
    if (!on(c->values, "sharedStorage.create"))
        return;
    cm_autofree char *claim = claim_name(c);
    json_t *o = object(c, "v1", "PersistentVolumeClaim", "", true);
    json_object_set_new(json_object_get(o, "metadata"), "name", json_string(claim));
    json_object_set(json_object_get(o, "metadata"), "annotations",
                    json_object_get(json_object_get(c->values, "sharedStorage"), "annotations"));
    json_object_set_new(o, "spec",
                        json_pack("{s:O, s:{s:{s:s}}}", "accessModes", cm_json_at(c->values, "sharedStorage.accessModes"),
                                  "resources", "requests", "storage",
                                  cm_json_text(c->values, "sharedStorage.requests.storage", "10Gi")));
    if (on(c->values, "sharedStorage.volumeName"))
        set_text(json_object_get(o, "spec"), "volumeName", cm_json_text(c->values, "sharedStorage.volumeName", ""));
    if (on(c->values, "sharedStorage.storageClassName"))
        set_text(json_object_get(o, "spec"), "storageClassName", cm_json_text(c->values, "sharedStorage.storageClassName", ""));
    add(c, "pvc.yaml", o);
}

static const char *service_account(const struct chart *c) { return text_or(c->values, "rbac.serviceAccount.name", c->full); }

static void add_rbac(struct chart *c)
{
    static const char rules[] =
        "[{\"apiGroups\":[\"\"],\"resources\":[\"serviceaccounts\"],\"verbs\":[\"list\"]},"
        "{\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"],\"verbs\":[\"get\"]},"
        "{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\",\"list\",\"watch\"]},"
        "{\"apiGroups\":[\"\"],\"resources\":[\"events\"],\"verbs\":[\"list\"]},"
        "{\"apiGroups\":[\"\"],\"resources\":[\"pods/attach\",\"pods/exec\"],\"verbs\":[\"create\",\"get\"]},"
        "{\"apiGroups\":[\"\"],\"resources\":[\"services\"],\"verbs\":[\"create\",\"get\",\"list\",\"watch\"]},"
        "{\"apiGroups\":[\"batch\"],\"resources\":[\"jobs\"],\"verbs\":[\"create\",\"get\",\"delete\",\"list\",\"watch\"]}]";
    if (!on(c->values, "rbac.create"))
        return;
    if (on(c->values, "rbac.serviceAccount.create")) {
        json_t *sa = object(c, "v1", "ServiceAccount", "", false);
        json_object_set_new(json_object_get(sa, "metadata"), "name", json_string(service_account(c)));
        if (on(c->values, "rbac.serviceAccount.labels"))
            json_object_set_new(json_object_get(sa, "metadata"), "labels",
                                json_deep_copy(cm_json_at(c->values, "rbac.serviceAccount.labels")));
        add(c, "rbac.yaml", sa);
    }
    json_t *role = object(c, "rbac.authorization.k8s.io/v1", "Role", "", false);
    json_object_set_new(role, "rules", json_loads(rules, 0, NULL));
    add(c, "rbac.yaml", role);
    json_t *binding = object(c, "rbac.authorization.k8s.io/v1", "RoleBinding", "", false);
    json_object_set_new(binding, "roleRef",
                        json_pack("{s:s, s:s, s:s}", "apiGroup", "rbac.authorization.k8s.io", "kind", "Role", "name", c->full));
    json_object_set_new(binding, "subjects",
                        json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "name", service_account(c), "namespace", c->ns));
    add(c, "rbac.yaml", binding);
}

static void add_service(struct chart *c)
{
    json_t *s = object(c, "v1", "Service", "", true);
    json_object_set_new(s, "spec",
                        json_pack("{s:s, s:o, s:[{s:s, s:O, s:O, s:s}, {s:s, s:i, s:i, s:s}]}", "type",
                                  cm_json_text(c->values, "service.type", "ClusterIP"), "selector", selector(c), "ports", "name",
                                  "http", "port", cm_json_at(c->values, "service.port"), "targetPort",
                                  cm_json_at(c->values, "service.targetPort"), "protocol", "TCP", "name", "metrics", "port", 3232,
                                  "targetPort", 3232, "protocol", "TCP"));
    add(c, "svc.yaml", s);
}

static void add_ingress(struct chart *c)
{
    if (!on(c->values, "ingress.enabled"))
        return;
    json_t *o = object(c, "networking.k8s.io/v1", "Ingress", "", true), *rules = json_array(), *host;
    size_t i;
    json_array_foreach(cm_json_at(c->values, "ingress.hosts"), i, host) json_array_append_new(
        rules, json_pack("{s:s, s:{s:[{s:s, s:s, s:{s:{s:s, s:{s:s}}}}]}}", "host", cm_json_text(host, "host", ""), "http", "paths",
                         "path", "/", "pathType", "Prefix", "backend", "service", "name", c->full, "port", "name", "http"));
    json_object_set_new(o, "spec", json_pack("{s:o, s:O}", "rules", rules, "tls", cm_json_at(c->values, "ingress.tls")));
    add(c, "ingress.yaml", o);
}

static void add_mount(json_t *mounts, json_t *volumes, const char *name, const char *path, const char *sub, json_t *volume_taken)
{
    json_t *m = json_pack("{s:s, s:s}", "name", name, "mountPath", path);
    if (sub != NULL)
        set_text(m, "subPath", sub);
    json_array_append_new(mounts, m);
    if (volume_taken != NULL) {
        set_text(volume_taken, "name", name);
        json_array_append_new(volumes, volume_taken);
    }
}

static void pod_volumes(const struct chart *c, json_t *mounts, json_t *volumes)
{
    const json_t *v = c->values;
    cm_autofree char *config = cm_fmt("%s-config", c->full);
    cm_autofree char *claim = claim_name(c);
    const char *sub = cm_json_text(v, "sharedStorage.subPath", "");
    if (on(v, "sharedStorage.create") || on(v, "sharedStorage.mount"))
        add_mount(mounts, volumes, "rstudio-connect-data", cm_json_text(v, "sharedStorage.path", WORLD_DATA_DIR),
                  sub[0] != '\0' ? sub : NULL, json_pack("{s:{s:s}}", "persistentVolumeClaim", "claimName", claim));
    add_mount(mounts, volumes, "rstudio-connect-config", "/etc/rstudio-connect/rstudio-connect.gcfg", "rstudio-connect.gcfg",
              json_pack("{s:{s:s}}", "configMap", "name", config));
    if (on(v, "backends.kubernetes.enabled"))
        add_mount(mounts, volumes, "rstudio-connect-config", "/etc/rstudio-connect/job.yaml", "job.yaml", NULL);
    if (on(v, "executionEnvironments")) {
        cm_autofree char *environments = cm_fmt("%s-execution-environments", c->full);
        add_mount(mounts, volumes, "execution-environments", "/etc/rstudio-connect/execution-environments", NULL,
                  json_pack("{s:{s:s}}", "configMap", "name", environments));
    }
    if (on(v, "license.file.secret"))
        add_mount(mounts, volumes, "license-file", cm_json_text(v, "license.file.mountPath", ""), NULL,
                  json_pack("{s:{s:s}}", "secret", "secretName", cm_json_text(v, "license.file.secret", "")));
    size_t i;
    json_t *one;
    json_array_foreach(cm_json_at(v, "pod.volumes"), i, one) json_array_append(volumes, one);
    json_array_foreach(cm_json_at(v, "pod.volumeMounts"), i, one) json_array_append(mounts, one);
}

static json_t *pod_env(const struct chart *c)
{
    json_t *env = json_pack("[{s:s, s:s}]", "name", "RSTUDIO_CONNECT_HASTE", "value", "enabled"), *one;
    size_t i;
    if (on(c->values, "license.file.secret") || on(c->values, "license.file.contents")) {
        cm_autofree char *path = cm_fmt("%s/%s", cm_json_text(c->values, "license.file.mountPath", ""),
                                        cm_json_text(c->values, "license.file.secretKey", ""));
        json_array_append_new(env, json_pack("{s:s, s:s}", "name", "RSC_LICENSE_FILE_PATH", "value", path));
    }
    json_array_foreach(cm_json_at(c->values, "pod.env"), i, one) json_array_append(env, one);
    return env;
}

static json_t *connect_container(const struct chart *c, json_t *mounts_taken)
{
    const json_t *v = c->values;
    cm_autofree char *tag = on(v, "image.tag") ? cm_strdup(cm_json_text(v, "image.tag", ""))
                                               : cm_fmt("%s-%s", app_version(v), cm_json_text(v, "image.os", ""));
    cm_autofree char *image = cm_fmt("%s:%s", cm_json_text(v, "image.repository", ""), tag);
    json_t *box = json_pack("{s:s, s:s, s:s, s:o, s:o, s:[{s:s, s:i}, {s:s, s:i}], s:O}", "name", "connect", "image", image,
                            "imagePullPolicy", cm_json_text(v, "image.imagePullPolicy", "IfNotPresent"), "env", pod_env(c),
                            "volumeMounts", mounts_taken, "ports", "name", "http", "containerPort", 3939, "name", "metrics",
                            "containerPort", 3232, "securityContext", cm_json_at(v, "securityContext"));
    if (on(v, "backends.kubernetes.enabled"))
        json_object_set_new(box, "args", json_pack("[s, s]", "/scripts/prestart.bash", "/usr/local/bin/startup.sh"));
    if (on(v, "resources.requests.enabled"))
        json_object_set_new(box, "resources",
                            json_pack("{s:{s:O*, s:O*}}", "requests", "cpu", cm_json_at(v, "resources.requests.cpu"), "memory",
                                      cm_json_at(v, "resources.requests.memory")));
    if (on(v, "readinessProbe.enabled")) {
        json_t *probe = json_deep_copy(cm_json_at(v, "readinessProbe"));
        json_object_del(probe, "enabled");
        json_object_set_new(box, "readinessProbe", probe);
    }
    return box;
}

static void add_deployment(struct chart *c)
{
    const json_t *v = c->values;
    unsigned char sum[32];
    char hex[65];
    cm_autojson config = json_array_get(c->manifests, 0) != NULL ? json_string(chart_gcfg(c->manifests)) : json_string("");
    json_t *mounts = json_array(), *volumes = json_array(), *template_labels = selector(c);
    pod_volumes(c, mounts, volumes);
    cm_sha256(json_string_value(config), json_string_length(config), sum);
    cm_hex(sum, sizeof sum, hex);
    json_object_update(template_labels, json_object_get(json_object_get(v, "pod"), "labels"));
    json_t *annotations =
        json_pack("{s:s, s:s, s:s}", "checksum/config", hex, "prometheus.io/scrape", "true", "prometheus.io/port", "3232");
    json_object_update(annotations, json_object_get(json_object_get(v, "pod"), "annotations"));
    json_t *spec =
        json_pack("{s:s, s:[o], s:o, s:O}", "serviceAccountName", service_account(c), "containers", connect_container(c, mounts),
                  "volumes", volumes, "terminationGracePeriodSeconds", cm_json_at(v, "pod.terminationGracePeriodSeconds"));
    json_t *d = object(c, "apps/v1", "Deployment", "", false);
    if (json_object_size(cm_json_at(v, "nodeSelector")) > 0)
        json_object_set(spec, "nodeSelector", json_object_get(v, "nodeSelector"));
    json_object_set_new(d, "spec",
                        json_pack("{s:O, s:O, s:{s:o}, s:{s:{s:o, s:o}, s:o}}", "replicas", cm_json_at(v, "replicas"), "strategy",
                                  cm_json_at(v, "strategy"), "selector", "matchLabels", selector(c), "template", "metadata",
                                  "labels", template_labels, "annotations", annotations, "spec", spec));
    add(c, "deployment.yaml", d);
}

const char *chart_gcfg(const json_t *manifests)
{
    size_t i;
    json_t *m;
    json_array_foreach(manifests, i, m)
    {
        const json_t *data = json_object_get(json_object_get(m, "object"), "data");
        const json_t *text = json_object_get(data, "rstudio-connect.gcfg");
        if (text != NULL)
            return json_string_value(text);
    }
    return "";
}

char *chart_notes(const char *release, const char *ns, const json_t *values)
{
    cm_autofree char *full = chart_fullname(release, values);
    return cm_fmt("%s successfully deployed to namespace %s\n", full, ns);
}

json_t *chart_render(const char *release, const char *ns, const json_t *values, struct cm_err **err)
{
    struct chart c = {release, ns, values, chart_fullname(release, values), json_array()};
    if (refuse_all(&c, err) != 0 || add_config(&c, err) != 0) {
        free(c.full);
        json_decref(c.manifests);
        return NULL;
    }
    add_license(&c);
    add_rbac(&c);
    add_claim(&c);
    add_service(&c);
    add_deployment(&c);
    add_ingress(&c);
    free(c.full);
    return c.manifests;
}
