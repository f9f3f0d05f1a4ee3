/* world/values.c: values files as helm reads them: YAML 1.1 typing of plain scalars, maps merged and the rest replaced, a null
 * takes a key of the chart away but stays where the chart has none, numbers are doubles when printed. The printing of `config`
 * is rstudio-library's template "config.gcfg" (rstudio/helm): sorted, verbatim, one line per list item. */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/yaml.h"
#include "world/world.h"

/* The chart's values.yaml, as far as the world renders it. */
static const char defaults[] =
    "versionOverride: ''\n"
    "nameOverride: ''\n"
    "fullnameOverride: ''\n"
    "image: {repository: posit/connect, os: ubuntu-24.04, tag: '', imagePullPolicy: IfNotPresent, imagePullSecrets: []}\n"
    "replicas: 1\n"
    "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}\n"
    "sharedStorage: {create: false, mount: false, mountContent: true, name: '', path: /var/lib/rstudio-connect, subPath: '',\n"
    "  volumeName: '', storageClassName: false, accessModes: [ReadWriteMany], selector: {}, requests: {storage: 10Gi},\n"
    "  annotations: {helm.sh/resource-policy: keep}}\n"
    "rbac: {create: true, clusterRoleCreate: false, serviceAccount: {create: true, name: '', annotations: {}, labels: {}}}\n"
    "license: {key: null, server: false, file: {contents: false, secret: false, secretKey: license.lic,\n"
    "  mountPath: /etc/rstudio-licensing, mountSubPath: false}}\n"
    "service: {type: ClusterIP, port: 80, targetPort: 3939, nodePort: false, clusterIP: '', loadBalancerIP: '', annotations: {}}\n"
    "ingress: {enabled: false, ingressClassName: '', annotations: {}, hosts: [], tls: []}\n"
    "pod: {haste: true, env: [], volumes: [], volumeMounts: [], annotations: {}, labels: {}, sidecar: false, affinity: {},\n"
    "  port: 3939, terminationGracePeriodSeconds: 120, hostAliases: [], securityContext: {}}\n"
    "securityContext: {}\n"
    "nodeSelector: {}\n"
    "prometheus: {enabled: true, port: 3232}\n"
    "readinessProbe: {enabled: true, httpGet: {path: /__ping__, port: 3939}, initialDelaySeconds: 3, periodSeconds: 3,\n"
    "  timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3}\n"
    "backends:\n"
    "  kubernetes:\n"
    "    enabled: true\n"
    "    namespace: ''\n"
    "    defaultInitContainer: {enabled: true, repository: posit/connect-content-init, tag: '', imagePullPolicy: '',\n"
    "      resources: {}, securityContext: {}}\n"
    "    defaultResourceJobBase: {}\n"
    "    defaultResourceServiceBase: {}\n"
    "launcher: {enabled: false, namespace: '', useTemplates: true, includeDefaultTemplates: true, includeTemplateValues: true,\n"
    "  extraTemplates: {}, launcherKubernetesProfilesConf: {}, templateValues: {}, defaultInitContainer: {}}\n"
    "executionEnvironments: []\n"
    "extraObjects: []\n"
    "config:\n"
    "  HTTP: {Listen: ':3939'}\n"
    "  Authentication: {Provider: password}\n"
    "  'RPackageRepository \"CRAN\"': {URL: 'https://packagemanager.rstudio.com/cran/__linux__/jammy/latest'}\n"
    "  'RPackageRepository \"RSPM\"': {URL: 'https://packagemanager.rstudio.com/cran/__linux__/jammy/latest'}\n"
    "  Server: {Address: 'http://localhost:3939', DataDir: /var/lib/rstudio-connect}\n"
    "  Python: {Enabled: true, Executable: [/opt/python/3.14.7/bin/python]}\n"
    "  Quarto: {Enabled: true, Executable: [/opt/quarto/1.9.38/bin/quarto]}\n"
    "  TensorFlow: {Enabled: true, Executable: [/usr/bin/tensorflow_model_server]}\n"
    "  Scheduler: {InitTimeout: 5m}\n"
    "  Logging: {ServiceLog: STDOUT, ServiceLogFormat: TEXT, ServiceLogLevel: INFO, AccessLog: STDOUT, AccessLogFormat: COMMON,\n"
    "    AuditLog: STDOUT, AuditLogFormat: TEXT}\n"
    "  Launcher: {}\n"
    "  Kubernetes: {}\n"
    "  Chronicle: {Enabled: false}\n";

static bool one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* Integers of YAML 1.1 as the Go reader types them; false: not one. */
static bool whole_number(const char *text, double *out)
{
    char digits[72];
    size_t n = 0;
    const char *p = text;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    int base = 10;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'o' || p[1] == 'b')) {
        base = p[1] == 'x' ? 16 : p[1] == 'o' ? 8 : 2;
        p += 2;
    } else if (p[0] == '0' && p[1] != '\0' && strspn(p, "01234567_") == strlen(p)) {
        base = 8;
    }
    for (; *p != '\0' && n + 1 < sizeof digits; p++) {
        if (*p == '_')
            continue;
        if (!isxdigit((unsigned char)*p))
            return false;
        digits[n++] = *p;
    }
    digits[n] = '\0';
    char *end = digits;
    errno = 0;
    unsigned long long value = n > 0 ? strtoull(digits, &end, base) : 0;
    if (n == 0 || *end != '\0' || *p != '\0')
        return false;
    double wide = errno == ERANGE ? strtod(digits, NULL) : (double)value;
    *out = negative ? -wide : wide;
    return true;
}

static json_t *typed(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE", NULL};
    static const char *const no[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE", NULL};
    double number = 0;
    if (one_of(text, nulls))
        return json_null();
    if (one_of(text, yes) || one_of(text, no))
        return json_boolean(one_of(text, yes));
    if (whole_number(text, &number))
        return fabs(number) < 9007199254740992.0 ? json_integer((json_int_t)number) : json_real(number);
    bool floats =
        strspn(text, "0123456789.eE+-_") == strlen(text) && strpbrk(text, "0123456789") != NULL && !isalpha((unsigned char)text[0]);
    if (floats) {
        char *end = NULL;
        number = strtod(text, &end);
        if (*end == '\0')
            return json_real(number);
    }
    return json_string(text);
}

static json_t *node_value(const struct cm_yaml_doc *doc, const struct cm_yaml *n)
{
    if (n == NULL)
        return json_null();
    if (n->type == CM_YAML_ALIAS)
        return cm_yaml_json(doc, n);
    if (n->type == CM_YAML_SCALAR)
        return n->plain && cm_yaml_tag(n) == NULL ? typed(n->text) : json_string(n->text);
    json_t *out = n->type == CM_YAML_MAP ? json_object() : json_array();
    for (size_t i = 0; i < n->count; i++) {
        if (n->type == CM_YAML_LIST) {
            json_array_append_new(out, node_value(doc, n->items[i]));
            continue;
        }
        /* A key is typed too, and printed again: `on:` becomes "true". */
        cm_autojson key = n->keys[i]->plain ? typed(n->keys[i]->text) : json_string(n->keys[i]->text);
        const char *name = json_is_true(key) ? "true" : json_is_false(key) ? "false" : n->keys[i]->text;
        json_object_set_new(out, name, node_value(doc, n->items[i]));
    }
    return out;
}

json_t *yaml_value(const char *text, size_t n, const char *name, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_parse(text, n, name, err);
    if (doc == NULL)
        return NULL;
    const struct cm_yaml *root = cm_yaml_root(doc);
    return root != NULL ? node_value(doc, root) : json_object();
}

json_t *values_defaults(void)
{
    cm_autoerr err = NULL;
    json_t *j = yaml_value(defaults, sizeof defaults - 1, "values.yaml", &err);
    if (j == NULL)
        fprintf(stderr, "connect-migrate-world: %s\n", cm_err_message(err));
    return j != NULL ? j : json_object();
}

static void merge_over(json_t *into, const json_t *from)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        json_t *there = json_object_get(into, key);
        if (json_is_object(there) && json_is_object(value))
            merge_over(there, value);
        else
            json_object_set_new(into, key, json_deep_copy(value));
    }
}

json_t *values_files(const char *const *paths, size_t n, struct cm_err **err)
{
    json_t *all = json_object();
    for (size_t i = 0; i < n; i++) {
        cm_autofree char *text = NULL;
        size_t bytes = 0;
        cm_autojson one = NULL;
        if (cm_file_read(paths[i], 64u << 20, &text, &bytes, NULL) != 0) {
            cm_fail(err, CM_E_FAILED, "open %s: no such file or directory", paths[i]);
        } else if ((one = yaml_value(text, bytes, paths[i], err)) != NULL && !json_is_object(one)) {
            cm_fail(err, CM_E_FAILED, "failed to parse %s: error unmarshaling JSON: cannot unmarshal into a map", paths[i]);
            json_decref(one);
            one = NULL;
        }
        if (one == NULL) {
            json_decref(all);
            return NULL;
        }
        merge_over(all, one);
    }
    return all;
}

json_t *values_coalesce(json_t *user_taken, const json_t *chart)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)chart, key, value)
    {
        json_t *said = json_object_get(user_taken, key);
        if (said == NULL)
            json_object_set_new(user_taken, key, json_deep_copy(value));
        else if (json_is_null(said))
            json_object_del(user_taken, key);
        else if (json_is_object(said) && json_is_object(value))
            values_coalesce(said, value);
    }
    return user_taken;
}

/* Go's %v of a float64: shortest digits that read back, exponent form from 1e6 up and below 1e-4. */
static void print_number(struct cm_str *out, double v)
{
    char text[64];
    int digits = 0;
    do {
        snprintf(text, sizeof text, "%.*e", digits, v);
    } while (digits++ < 17 && strtod(text, NULL) != v);
    const char *e = strchr(text, 'e');
    int exponent = e != NULL ? (int)strtol(e + 1, NULL, 10) : 0;
    if (e == NULL || (v != 0 && (exponent < -4 || exponent >= 6))) {
        cm_str_add(out, text);
        return;
    }
    int mantissa = (int)(e - text) - (v < 0 ? 1 : 0); /* "1.25" has 3 digits */
    int after = (mantissa > 1 ? mantissa - 2 : 0) - exponent;
    cm_str_addf(out, "%.*f", after > 0 ? after : 0, v);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static const char **sorted_keys(const json_t *object, size_t *n)
{
    const char **keys = cm_alloc((json_object_size(object) + 1) * sizeof *keys);
    const char *key;
    json_t *value;
    *n = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) keys[(*n)++] = key;
    qsort(keys, *n, sizeof *keys, by_bytes);
    return keys;
}

static void print_value(struct cm_str *out, const json_t *v)
{
    if (json_is_string(v)) {
        cm_str_add(out, strcmp(json_string_value(v), "<no value>") == 0 ? "" : json_string_value(v));
    } else if (json_is_boolean(v)) {
        cm_str_add(out, json_is_true(v) ? "true" : "false");
    } else if (json_is_number(v)) {
        print_number(out, json_number_value(v));
    } else if (json_is_object(v)) {
        cm_str_add(out, "map[");
        size_t n = 0;
        const char **keys = sorted_keys(v, &n);
        for (size_t i = 0; i < n; i++) {
            cm_str_addf(out, "%s%s:", i > 0 ? " " : "", keys[i]);
            print_value(out, json_object_get(v, keys[i]));
        }
        free(keys);
        cm_str_add(out, "]");
    }
}

static void print_section(struct cm_str *out, const json_t *section)
{
    size_t n = 0;
    const char **keys = sorted_keys(section, &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(section, keys[i]);
        size_t count = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t k = 0; k < count; k++) {
            cm_str_addf(out, "%s = ", keys[i]);
            print_value(out, json_is_array(value) ? json_array_get(value, k) : value);
            cm_str_add(out, "\n");
        }
    }
    free(keys);
}

char *gcfg_print(const json_t *config, struct cm_err **err)
{
    struct cm_str out = CM_STR(CM_STR_BIG);
    size_t n = 0;
    const char **keys = sorted_keys(config, &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *section = json_object_get(config, keys[i]);
        if (!json_is_object(section) && !json_is_null(section)) {
            cm_autostr shown = CM_STR(CM_STR_LINE);
            print_value(&shown, section);
            cm_fail(err, CM_E_FAILED,
                    "template: rstudio-connect/templates/configmap.yaml:19:6: executing \"rstudio-library.config.gcfg\""
                    ": range can't iterate over %s",
                    cm_str_text(&shown));
            free(keys);
            cm_str_fini(&out);
            return NULL;
        }
        cm_str_addf(&out, "[%s]\n", keys[i]);
        print_section(&out, section);
        cm_str_add(&out, "\n");
    }
    free(keys);
    return cm_str_take(&out);
}
