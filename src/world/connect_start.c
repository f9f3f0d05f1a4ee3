/* world/connect_start.c: what Connect looks at when it starts in a pod, and the words it dies with: configuration, secret key, paths,
 * database. The words are those that the vendor's support pages and public threads quote. */
#include <config.h>

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

static char *decode(const char *base64)
{
    size_t n = strlen(base64);
    unsigned char *out = cm_alloc(n + 4);
    int got = EVP_DecodeBlock(out, (const unsigned char *)base64, (int)n);
    if (got < 0)
        got = 0;
    for (size_t i = n; i > 0 && base64[i - 1] == '=' && got > 0; i--)
        got--;
    out[got] = '\0';
    return (char *)out;
}

static const json_t *spec_of(const struct pod *p) { return cm_json_at(object_find(p->w, "Pod", p->ns, p->name), "spec"); }

static const json_t *container(const struct pod *p) { return json_array_get(json_object_get(spec_of(p), "containers"), 0); }

/* An environment variable of the container; caller frees; NULL: not set. */
static char *environment(const struct pod *p, const char *name)
{
    size_t i;
    json_t *e;
    char *found = NULL;
    json_array_foreach(json_object_get(container(p), "env"), i, e)
    {
        if (strcmp(cm_json_text(e, "name", ""), name) != 0)
            continue;
        free(found);
        const json_t *ref = cm_json_at(e, "valueFrom.secretKeyRef");
        const json_t *secret = ref != NULL ? object_find(p->w, "Secret", p->ns, cm_json_text(ref, "name", "")) : NULL;
        const char *data = json_string_value(json_object_get(json_object_get(secret, "data"), cm_json_text(ref, "key", "")));
        found = ref != NULL ? decode(data != NULL ? data : "") : cm_strdup(cm_json_text(e, "value", ""));
    }
    return found;
}

static char *missing_secret(const struct pod *p)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(container(p), "env"), i, e)
    {
        const json_t *ref = cm_json_at(e, "valueFrom.secretKeyRef");
        const char *name = cm_json_text(ref, "name", ""), *key = cm_json_text(ref, "key", "");
        const json_t *secret = ref != NULL ? object_find(p->w, "Secret", p->ns, name) : NULL;
        if (ref != NULL && secret == NULL)
            return cm_fmt("secret \"%s\" not found", name);
        if (ref != NULL && json_object_get(json_object_get(secret, "data"), key) == NULL)
            return cm_fmt("couldn't find key %s in Secret %s/%s", key, p->ns, name);
    }
    return NULL;
}

static char *missing_volume(const struct pod *p)
{
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(spec_of(p), "volumes"), i, v)
    {
        const char *name = cm_json_text(v, "name", "");
        const char *secret = cm_json_text(v, "secret.secretName", NULL), *map = cm_json_text(v, "configMap.name", NULL);
        const char *claim = cm_json_text(v, "persistentVolumeClaim.claimName", NULL);
        if (secret != NULL && object_find(p->w, "Secret", p->ns, secret) == NULL)
            return cm_fmt("MountVolume.SetUp failed for volume \"%s\" : secret \"%s\" not found", name, secret);
        if (map != NULL && object_find(p->w, "ConfigMap", p->ns, map) == NULL)
            return cm_fmt("MountVolume.SetUp failed for volume \"%s\" : configmap \"%s\" not found", name, map);
        if (claim != NULL && object_find(p->w, "PersistentVolumeClaim", p->ns, claim) == NULL)
            return cm_fmt("persistentvolumeclaim \"%s\" not found", claim);
    }
    return NULL;
}

static char *read_gcfg(struct pod *p)
{
    size_t i;
    json_t *v;
    const char *text = NULL;
    json_array_foreach(json_object_get(spec_of(p), "volumes"), i, v)
    {
        if (strcmp(cm_json_text(v, "name", ""), "rstudio-connect-config") == 0) {
            const json_t *map = object_find(p->w, "ConfigMap", p->ns, cm_json_text(v, "configMap.name", ""));
            text = json_string_value(json_object_get(json_object_get(map, "data"), "rstudio-connect.gcfg"));
        }
    }
    char *problem = NULL;
    free(p->gcfg);
    p->gcfg = cm_strdup(text != NULL ? text : "");
    json_decref(p->settings);
    p->settings = gcfg_read(p->gcfg, &problem);
    if (problem == NULL)
        return NULL;
    char *why = cm_fmt(
        "Error: Unable to load configuration: failed to parse gcfg data: /etc/rstudio-connect/rstudio-connect.gcfg:%s", problem);
    free(problem);
    return why;
}

static bool is_int(const char *s)
{
    s += *s == '-' || *s == '+';
    return *s != '\0' && strspn(s, "0123456789") == strlen(s);
}

static bool is_bool(const char *s)
{
    static const char *const words[] = {"true", "yes", "on", "1", "false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    return false;
}

static char *wrong_type(const struct pod *p)
{
    static const struct {
        const char *key, *section, *name;
        bool number;
    } typed[] = {
        {"scheduler.minprocesseslimit", "Scheduler", "MinProcessesLimit", true},
        {"scheduler.maxprocesseslimit", "Scheduler", "MaxProcessesLimit", true},
        {"applications.scheduleconcurrency", "Applications", "ScheduleConcurrency", true},
        {"applications.pythonenvironmentreaping", "Applications", "PythonEnvironmentReaping", false},
        {"kubernetes.enabled", "Kubernetes", "Enabled", false},
    };
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        const json_t *all = json_object_get(p->settings, typed[i].key);
        for (size_t k = 0; k < json_array_size(all); k++) {
            const char *v = json_string_value(json_array_get(all, k));
            if (typed[i].number ? !is_int(v) : !is_bool(v))
                return cm_fmt(
                    "Error: Unable to load configuration: failed to parse \"%s\" as %s: can't store data at section \"%s\", "
                    "variable \"%s\"",
                    v, typed[i].number ? "int" : "bool", typed[i].section, typed[i].name);
        }
    }
    return NULL;
}

static char *wrong_executable(const struct pod *p)
{
    static const struct {
        const char *key, *name, *known, *also;
    } tools[] = {
        {"python.executable", "Python", "/opt/python/3.14.7/bin/python", ""},
        {"quarto.executable", "Quarto", "/opt/quarto/1.9.38/bin/quarto", "/usr/local/bin/quarto"},
        {"r.executable", "R", "/opt/R/4.5.1/bin/R", ""},
    };
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        const json_t *all = json_object_get(p->settings, tools[i].key);
        for (size_t k = 0; k < json_array_size(all); k++)
            if (strcmp(json_string_value(json_array_get(all, k)), tools[i].known) != 0 &&
                strcmp(json_string_value(json_array_get(all, k)), tools[i].also) != 0)
                return cm_fmt(
                    "Error: Unable to configure execution environments: unable to initialize local environment: Unable to use %s "
                    "on this system: %s: no such file or directory",
                    tools[i].name, json_string_value(json_array_get(all, k)));
    }
    return NULL;
}

static const char *data_mount(const struct pod *p)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(container(p), "volumeMounts"), i,
                       m) if (strcmp(cm_json_text(m, "name", ""), "rstudio-connect-data") == 0) return cm_json_text(m, "mountPath",
                                                                                                                    "");
    return "";
}

static char *wrong_key(struct pod *p)
{
    cm_autofree char *folder = pod_folder(p->w, p);
    cm_autofree char *path = folder != NULL ? cm_fmt("%s/db/secret.key", folder) : NULL;
    const char *data_dir = gcfg_last(p->settings, "server.datadir");
    unsigned char sum[32];
    char hex[65] = "";
    if (path != NULL && cm_sha256_file(path, sum, NULL) == 0)
        cm_hex(sum, sizeof sum, hex);
    bool elsewhere = data_dir == NULL || strcmp(data_dir, data_mount(p)) != 0;
    if (!elsewhere && strcmp(hex, info_text(p->w, "secret_sha256")) == 0 && !drill_is(p->w, "pod-crashes"))
        return NULL;
    return cm_fmt(
        "Error: Unable to initialize the database: Secret key mismatch between database and file; the database was previously used "
        "with a different secret key that began with: %.4s",
        info_text(p->w, "secret_begin"));
}

/* "postgres://user[:password]@host[:port]/database[?…]" cut apart in place; false: not of that form. */
struct url {
    char *text, *user, *password, *host, *database, *query;
};

static bool cut(struct url *u)
{
    char *p = strstr(u->text, "://");
    if (p == NULL || strncmp(u->text, "postgres", 8) != 0)
        return false;
    u->user = p + 3;
    char *at = strrchr(u->user, '@'), *slash = at != NULL ? strchr(at, '/') : NULL;
    if (slash == NULL)
        return false;
    *at = *slash = '\0';
    u->host = at + 1;
    u->host[strcspn(u->host, ":")] = '\0';
    u->password = strchr(u->user, ':');
    if (u->password != NULL)
        *u->password++ = '\0';
    u->database = slash + 1;
    u->query = strchr(u->database, '?');
    if (u->query != NULL)
        *u->query++ = '\0';
    return true;
}

static char *database_fault(const char *why) { return cm_fmt("Error: Unable to initialize the database: %s", why); }

/* One of the two databases by its settings. NULL: the URL leads to the world's server. */
static char *check_url(const struct pod *p, const char *key, const char *password_key, const char *variable, struct url *u,
                       char **password)
{
    const char *url = gcfg_last(p->settings, key), *said = gcfg_last(p->settings, password_key);
    u->text = cm_strdup(url != NULL ? url : "");
    if (!cut(u))
        return cm_fmt("Error: Unable to initialize the database: invalid value for setting \"%s\"", key);
    *password = environment(p, variable);
    if (*password == NULL)
        *password = cm_strdup(said != NULL ? said : u->password != NULL ? u->password : "");
    if (strcmp(u->host, "db.example.com") != 0) {
        cm_autofree char *why =
            cm_fmt("failed to connect to `host=%s user=%s database=%s`: hostname resolving error (lookup %s: no such host)",
                   u->host, u->user, u->database, u->host);
        return database_fault(why);
    }
    if (u->query == NULL || (strstr(u->query, "sslmode=disable") == NULL && strstr(u->query, "sslmode=prefer") == NULL))
        return database_fault("pq: SSL is not enabled on the server");
    return NULL;
}

static char *open_database(struct pod *p)
{
    struct url core = {0}, extra = {0};
    char *password = NULL, *other = NULL, *why;
    cm_autofree char *owner = cm_fmt("pod:%s", p->name);
    const char *provider = gcfg_last(p->settings, "database.provider");
    if (provider == NULL || strcasecmp(provider, "postgres") != 0)
        return database_fault("unable to open database file: SQLite on a networked file system: database is locked");
    why = check_url(p, "postgres.url", "postgres.password", "CONNECT_POSTGRES_PASSWORD", &core, &password);
    bool two = gcfg_last(p->settings, "postgres.instrumentationurl") != NULL;
    if (why == NULL && two)
        why = check_url(p, "postgres.instrumentationurl", "postgres.instrumentationpassword",
                        "CONNECT_POSTGRES_INSTRUMENTATIONPASSWORD", &extra, &other);
    if (why == NULL) {
        char *said = sessions_open(p->w, owner, core.user, password, core.database, NULL);
        if (said == NULL && two)
            said = sessions_open(p->w, owner, extra.user, other, NULL, extra.database);
        if (said != NULL) {
            why = database_fault(said);
            free(said);
        }
    }
    free(core.text);
    free(extra.text);
    free(password);
    free(other);
    return why;
}

char *connect_start(struct pod *p, const char **waiting)
{
    char *why = missing_volume(p);
    *waiting = "ContainerCreating";
    if (why != NULL)
        return why;
    *waiting = "CreateContainerConfigError";
    why = missing_secret(p);
    if (why != NULL)
        return why;
    *waiting = "CrashLoopBackOff";
    why = read_gcfg(p);
    if (why == NULL)
        why = wrong_type(p);
    if (why == NULL)
        why = wrong_executable(p);
    if (why == NULL)
        why = wrong_key(p);
    if (why == NULL)
        why = open_database(p);
    return why;
}
