/* world/make.c: a new world laid out in DIR: the old server's files (real ones), Secrets, values.yaml, plan.yaml and DIR/bin. The
 * configuration is of the kind that years leave behind: many sections, comments of both kinds, quotes, lists, a lower-case section,
 * secrets in clear (all of them canaries: none may ever show up elsewhere). */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

enum { FIRST_PORT = 18000, PORTS = 14000 }; /* below the range from which the kernel gives ports out */

static int random_hex(char *out, size_t bytes, struct cm_err **err)
{
    unsigned char raw[512];
    if (bytes > sizeof raw || getrandom(raw, bytes, 0) != (ssize_t)bytes)
        return cm_fail_errno(err, CM_E_FAILED, "no random bytes");
    cm_hex(raw, bytes, out);
    return 0;
}

static bool is_free(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool free_one = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return free_one;
}

static int free_port(int not_this, int nor_this)
{
    unsigned seed = 0;
    for (int i = 0; i < 1000; i++) {
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
            break;
        int port = FIRST_PORT + (int)(seed % PORTS);
        if (port != not_this && port != nor_this && is_free(port))
            return port;
    }
    return 0;
}

static json_t *database_info(struct world *w, int port, const char *random)
{
    json_t *d = json_object();
    const char *names[] = {"connect", "connect_metrics"};
    cm_autofree char *first = NULL;
    cm_autofree char *second = NULL;
    cm_autofree char *password = cm_fmt("CANARY-DB-%.24s", random + 40);
    if (w->options.postgres != NULL) {
        char host[128], user[64], number[16];
        if (sscanf(w->options.postgres, "%127[^:]:%15[0-9]:%63s", host, number, user) != 3) {
            json_decref(d);
            return NULL;
        }
        json_object_update_new(d, json_pack("{s:s, s:s, s:s, s:s}", "host", strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                                            "port", number, "superuser", user, "superuser_password", ""));
        first = cm_fmt("connect_%.10s", random);
        second = cm_fmt("connect_%.10s_metrics", random);
        names[0] = first;
        names[1] = second;
    } else {
        cm_autofree char *number = cm_fmt("%d", port);
        cm_autofree char *super = cm_fmt("%.32s", random + 80);
        json_object_update_new(d, json_pack("{s:s, s:s, s:s, s:s}", "host", "127.0.0.1", "port", number, "superuser", "postgres",
                                            "superuser_password", super));
    }
    json_object_update_new(d, json_pack("{s:s, s:s, s:s, s:s}", "core", names[0], "instrumentation", names[1], "role", names[0],
                                        "password", password));
    return d;
}

static int make_info(struct world *w, struct cm_err **err)
{
    char random[513], key[1025], sum_hex[65];
    unsigned char sum[32];
    int vm = free_port(0, 0), public = free_port(vm, 0), postgres = free_port(vm, public);
    if (random_hex(random, 256, err) != 0 || random_hex(key, 512, err) != 0)
        return -1;
    if (vm == 0 || public == 0 || postgres == 0)
        return cm_fail(err, CM_E_FAILED, "no free ports between %d and %d", FIRST_PORT, FIRST_PORT + PORTS);
    json_t *database = database_info(w, postgres, random);
    if (database == NULL)
        return cm_fail(err, CM_E_USAGE, "--postgres wants HOST:PORT:SUPERUSER");
    cm_sha256(key, strlen(key), sum);
    cm_hex(sum, sizeof sum, sum_hex);
    cm_autofree char *now = world_now();
    cm_autofree char *seed = cm_fmt("%llu", (unsigned long long)w->options.seed);
    cm_autofree char *admin = cm_fmt("%.32s", random + 120);
    cm_autofree char *publisher = cm_fmt("%.32s", random + 160);
    cm_autofree char *hook = cm_fmt("%.20s", random + 200);
    cm_autofree char *begin = cm_fmt("%.4s", key);
    json_object_update_new(w->state[STATE_INFO],
                           json_pack("{s:s, s:s, s:I, s:I, s:{s:i, s:i}, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "made", now,
                                     "seed", seed, "content", (json_int_t)w->options.content, "nodes", (json_int_t)w->options.nodes,
                                     "ports", "vm", vm, "public", public, "database", database, "api_key", admin,
                                     "api_key_publisher", publisher, "webhook_secret", hook, "secret_sha256", sum_hex,
                                     "secret_begin", begin, "product_key", "CANA-RYPK-0000-1111-2222-3333-4444", "postgres_data",
                                     ""));
    state_changed(w, STATE_INFO);
    cm_autofree char *path = world_path(w, "vm" WORLD_DATA_DIR "/db/secret.key");
    world_put_file(path, key, strlen(key), 0600);
    return 0;
}

static int make_folders(struct world *w, struct cm_err **err)
{
    static const char *const folders[] = {"",
                                          "bin",
                                          "bin/pod",
                                          "secrets",
                                          "vm",
                                          "vm/etc",
                                          "vm/etc/rstudio-connect",
                                          "vm/var",
                                          "vm/var/lib",
                                          "vm" WORLD_DATA_DIR,
                                          "vm" WORLD_DATA_DIR "/db",
                                          "vm" WORLD_DATA_DIR "/bundles",
                                          "vm" WORLD_DATA_DIR "/apps",
                                          "vm" WORLD_DATA_DIR "/packrat",
                                          "vm" WORLD_DATA_DIR "/python-environments",
                                          "vm" WORLD_DATA_DIR "/reports",
                                          "cluster",
                                          "cluster/releases",
                                          "cluster/pods",
                                          "cluster/volumes",
                                          "cluster/image"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        cm_autofree char *path = world_path(w, "%s", folders[i]);
        if (cm_dir_make(path, strcmp(folders[i], "secrets") == 0 || cm_ends(folders[i], "/db") ? 0700 : 0755, err) != 0)
            return -1;
    }
    return 0;
}

char *world_gcfg_text(const struct world *w)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    const char *role = info_text(w, "database.role"), *core = info_text(w, "database.core"),
               *extra = info_text(w, "database.instrumentation");
    cm_str_addf(
        &s,
        "; /etc/rstudio-connect/rstudio-connect.gcfg\n# Changes are made by Ansible, ask platform@example.com\n\n"
        "[Server]\nSenderEmail = connect@example.com\nAddress = https://connect.example.com\nDataDir = \"%s/vm" WORLD_DATA_DIR
        "\"\n"
        "EmailProvider = SMTP\nHideVersion = false ; seen by the monitoring\n"
        "LoggedInWarning = \"Maintenance on Sundays; see wiki # 42\"\n\n"
        "[HTTP]\nListen = :3939\n\n[Authentication]\nProvider = ldap\nInactivity = 8h\n\n",
        w->dir);
    cm_str_addf(
        &s,
        "[LDAP \"Example\"]\nServerAddress = ldap.example.com:636\nTLS = true\nBindDN = \"cn=connect,ou=service,dc=example,dc=com\"\n"
        "BindPassword = CANARY-LDAP-4711\nUserSearchBaseDN = \"ou=people,dc=example,dc=com\"\nUserObjectClass = person\n"
        "UniqueIdAttribute = objectGUID\nUsernameAttribute = sAMAccountName\nUserEmailAttribute = mail\n\n"
        "[OAuth2]\nClientSecret = \"CANARY-OAUTH-with;semicolon\"\nCustomScope = openid\nCustomScope = profile\n\n"
        "[SMTP]\nHost = mail.example.com\nPort = 587\nUser = connect\nPassword = \"CANARY-SMTP # not a comment\"\n\n"
        "[Database]\nProvider = postgres\n\n");
    cm_str_addf(&s,
                "[Postgres]\nURL = \"postgres://%s@db.example.com:5432/%s?sslmode=disable\"\nPassword = %s\n"
                "InstrumentationURL = \"postgres://%s@db.example.com:5432/%s?sslmode=disable\"\nInstrumentationPassword = %s\n\n",
                role, core, info_text(w, "database.password"), role, extra, info_text(w, "database.password"));
    cm_str_addf(
        &s,
        "[R]\nEnabled = true\nExecutable = /opt/R/4.4.3/bin/R\nExecutable = /opt/R/4.5.1/bin/R\n\n"
        "[Python]\nEnabled = true\nExecutable = /opt/python/3.12.11/bin/python\nExecutable = /opt/python/3.13.5/bin/python\n\n"
        "[Quarto]\nEnabled = true\nExecutable = /opt/quarto/1.6.42/bin/quarto\n\n"
        "[RPackageRepository \"CRAN\"]\nURL = https://packagemanager.example.com/cran/__linux__/noble/latest\n\n"
        "[RPackageRepository \"Internal\"]\nURL = https://packagemanager.example.com/internal/latest\n\n"
        "[Applications]\nRunAs = rstudio-connect\nRunAsCurrentUser = false\nScheduleConcurrency = 2\nMaxAppImageSize = 20971520\n"
        "BundleRetentionLimit = 5\n\n"
        "[scheduler]\nMaxProcesses = 3\nminprocesses = 0\nMaxConnsPerProcess = 20\n%s"
        "InitTimeout = 90s\n\n"
        "[Git]\nEnabled = true\nPollingFrequency = 15m\n\n"
        "[Metrics]\nDataPath = /var/lib/rstudio-connect-metrics\n\n"
        "[Logging]\nServiceLog = /var/log/rstudio/rstudio-connect/rstudio-connect.log\nServiceLogLevel = INFO\n"
        "AccessLogFormat = COMBINED\n\n"
        "[Jobs]\nMaxCompleted = 1000\n",
        w->options.seed % 2 == 0 ? "MinProcessesLimit = 5\n" : "");
    return cm_str_take(&s);
}

static void put_text(struct world *w, const char *name, const char *text, mode_t mode)
{
    cm_autofree char *path = world_path(w, "%s", name);
    world_put_file(path, text, strlen(text), mode);
}

static char *values_text(const struct world *w)
{
    const char *role = info_text(w, "database.role");
    return cm_fmt(
        "# Posit Connect on Kubernetes; base values, made with the vendor's guide.\n"
        "image:\n  repository: posit/connect\n\n"
        "license:\n  file:\n    secret: connect-license\n    secretKey: connect.lic\n\n"
        "# The folder of the old server, by NFS.\n"
        "sharedStorage:\n  create: false\n  mount: true\n  name: connect-data\n\n"
        "pod:\n  # the password never stands in a ConfigMap\n  env:\n"
        "    - name: CONNECT_POSTGRES_PASSWORD\n      valueFrom:\n        secretKeyRef:\n          name: connect-database\n          key: password\n"
        "    - name: CONNECT_POSTGRES_INSTRUMENTATIONPASSWORD\n      valueFrom:\n        secretKeyRef:\n          name: connect-database\n"
        "          key: password\n"
        "    - name: CONNECT_SMTP_PASSWORD\n      valueFrom: {secretKeyRef: {name: connect-secrets, key: smtp}}\n"
        "    - name: CONNECT_OAUTH2_CLIENTSECRET\n      valueFrom: {secretKeyRef: {name: connect-secrets, key: oauth2}}\n\n"
        "backends:\n  kubernetes:\n    enabled: true\n    defaultResourceJobBase:\n      spec:\n        ttlSecondsAfterFinished: 600\n        template:\n"
        "          spec:\n            containers:\n              - name: connect-content\n                resources:\n                  requests:\n"
        "                    cpu: 500m\n                    memory: 1Gi\n\n"
        "launcher:\n  enabled: false\n\n"
        "executionEnvironments:\n"
        "  - name: ghcr.io/example/connect-content:r4.5-py3.13\n    title: R 4.5, Python 3.13\n    matching: any\n"
        "    r: {installations: [{path: /opt/R/4.5.1/bin/R, version: \"4.5.1\"}]}\n"
        "    python: {installations: [{path: /opt/python/3.13.5/bin/python, version: \"3.13.5\"}]}\n"
        "    quarto: {installations: [{path: /opt/quarto/1.7.34/bin/quarto, version: \"1.7.34\"}]}\n"
        "  - name: ghcr.io/example/connect-content:r4.4-py3.12\n    title: R 4.4, Python 3.12\n    matching: any\n"
        "    r: {installations: [{path: /opt/R/4.4.3/bin/R, version: \"4.4.3\"}]}\n"
        "    python: {installations: [{path: /opt/python/3.12.11/bin/python, version: \"3.12.11\"}]}\n"
        "    quarto: {installations: [{path: /opt/quarto/1.6.42/bin/quarto, version: \"1.6.42\"}]}\n\n"
        "config:\n  Server:\n    Address: https://connect.example.com   # stays the same\n"
        "  Database:\n    Provider: Postgres\n"
        "  Postgres:\n    URL: \"postgres://%s@db.example.com:5432/%s?sslmode=disable\"\n"
        "    InstrumentationURL: \"postgres://%s@db.example.com:5432/%s?sslmode=disable\"\n",
        role, info_text(w, "database.core"), role, info_text(w, "database.instrumentation"));
}

static void add_source(const struct world *w, struct cm_str *s)
{
    cm_str_add(s, "source:\n  hosts: [");
    for (long i = 1; i <= info_int(w, "nodes"); i++)
        cm_str_addf(s, "%sconnect%ld", i > 1 ? ", " : "", i);
    cm_str_addf(
        s,
        "]\n  shell: [\"%s/bin/node-shell\", \"{host}\"]\n  become: []\n  config: \"%s/vm/etc/rstudio-connect/rstudio-connect.gcfg\"\n"
        "  url: \"http://127.0.0.1:%ld\"\n",
        w->dir, w->dir, info_int(w, "ports.vm"));
}

/* What people do, or attest: backup, the way of the users, a login. */
static void add_people(const struct world *w, struct cm_str *s)
{
    cm_str_addf(
        s,
        "backup: {by: command, command: [\"%s/bin/backup\", take]}\naccess:\n  close: {by: command, command: [\"%s/bin/access\", close]}\n"
        "  open: {by: command, command: [\"%s/bin/access\", open]}\nnotify: {webhook: {file: \"%s/secrets/webhook\"}}\n",
        w->dir, w->dir, w->dir, w->dir);
    cm_str_add(s, "gates:\n  license.activations: {note: \"a license file is not counted by activations\"}\n"
                  "  pods.not-tried: {note: \"the world's images are known\"}\n"
                  "  gate.login: {note: \"the world's people logged in\"}\n");
}

int world_write_plan(struct world *w, struct cm_err **err)
{
    cm_autostr s = CM_STR(CM_STR_PAGE);
    cm_autofree char *path = world_path(w, "plan.yaml");
    (void)err;
    if (cm_file_exists(path)) /* a person may have changed it */
        return 0;
    cm_str_addf(&s, "# Written by the rehearsal's world; needs nothing from the environment.\nrunbook: %s\n",
                launcher_world(w) ? "launcher-to-kubernetes-runner" : "vm-to-kubernetes");
    if (!launcher_world(w))
        add_source(w, &s);
    cm_str_addf(
        &s,
        "connect:\n  url: \"http://127.0.0.1:%ld\"\n  api_key: {file: \"%s/secrets/api-key\"}\n  doubt: [20ms, 50ms, 100ms]\n"
        "tools: {helm: \"%s/bin/helm\", kubectl: \"%s/bin/kubectl\"}\n",
        info_int(w, "ports.public"), w->dir, w->dir, w->dir);
    if (!launcher_world(w))
        cm_str_addf(&s, "database: {hostaddr: %s, port: %s}\n", info_text(w, "database.host"), info_text(w, "database.port"));
    cm_str_addf(
        &s,
        "target:\n  context: world\n  namespace: " WORLD_NAMESPACE
        "\n  release: rstudio-connect-prod\n  chart: rstudio/rstudio-connect\n"
        "  chart_version: \"" WORLD_CHART_VERSION "\"\n  values: [values.yaml]\n  url: port-forward\nlicense: {mode: file}\n"
        "content:\n  priority: {top: 50, since: 90d}\n  build: {parallel: 3, retries: 2, timeout: 30m}\n  caches: {clear: kubernetes}\n");
    if (launcher_world(w))
        cm_str_addf(&s, "notify: {webhook: {file: \"%s/secrets/webhook\"}}\n", w->dir);
    else
        add_people(w, &s);
    put_text(w, "plan.yaml", cm_str_text(&s), 0644);
    return 0;
}

/* What the server gives its content beside R, Python and Quarto; lies where a server's own /etc would. */
static const struct {
    const char *folders[6], *name, *text;
} server_files[] = {
    {{"vm/etc"}, "vm/etc/hosts", "127.0.0.1 localhost\n10.20.0.7 db.example.com db\n10.20.0.9 warehouse.example.com\n"},
    {{"vm/etc"},
     "vm/etc/odbcinst.ini",
     "[PostgreSQL]\nDriver = /opt/rstudio-drivers/postgresql/bin/lib/libpostgresqlodbc_sb64.so\n"
     "[Oracle]\nDriver = /opt/rstudio-drivers/oracle/bin/lib/liboracleodbc_sb64.so\n"},
    {{"vm/etc"},
     "vm/etc/odbc.ini",
     "[warehouse]\nDriver = PostgreSQL\nServer = warehouse.example.com\nPassword = CANARY-ODBC-warehouse\n"},
    {{"vm/etc"}, "vm/etc/pip.conf", "[global]\nindex-url = https://ann:CANARY-PIP@packagemanager.example.com/pypi/latest/simple\n"},
    {{"vm/usr", "vm/usr/local", "vm/usr/local/share", "vm/usr/local/share/ca-certificates"},
     "vm/usr/local/share/ca-certificates/example-root.crt",
     "-----BEGIN CERTIFICATE-----\nnot a real one\n-----END CERTIFICATE-----\n"},
    {{"vm/opt", "vm/opt/R", "vm/opt/R/4.4.3", "vm/opt/R/4.4.3/lib", "vm/opt/R/4.4.3/lib/R", "vm/opt/R/4.4.3/lib/R/etc"},
     "vm/opt/R/4.4.3/lib/R/etc/Renviron.site",
     "http_proxy=http://proxy.example.com:3128\nno_proxy=.example.com\n"},
};

static void write_server_files(struct world *w)
{
    for (size_t i = 0; i < sizeof server_files / sizeof *server_files; i++) {
        for (size_t k = 0; k < 6 && server_files[i].folders[k] != NULL; k++) {
            cm_autofree char *dir = world_path(w, "%s", server_files[i].folders[k]);
            cm_dir_make(dir, 0755, NULL);
        }
        put_text(w, server_files[i].name, server_files[i].text, 0644);
    }
}

/* The content images' runtimes, so that a trial in a pod finds them. */
static void write_image_files(struct world *w)
{
    static const char *const paths[] = {"opt/R/4.5.1/bin/R",
                                        "opt/R/4.4.3/bin/R",
                                        "opt/python/3.13.5/bin/python",
                                        "opt/python/3.12.11/bin/python",
                                        "opt/quarto/1.7.34/bin/quarto",
                                        "opt/quarto/1.6.42/bin/quarto"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cm_autofree char *path = cm_strdup(paths[i]);
        for (char *slash = path; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
            *slash = '\0';
            cm_autofree char *dir = world_path(w, "cluster/image/%s", path);
            cm_dir_make(dir, 0755, NULL);
        }
        cm_autofree char *name = cm_fmt("cluster/image/%s", paths[i]);
        put_text(w, name, "#!/bin/sh\nexit 0\n", 0755);
    }
}

static void write_files(struct world *w)
{
    write_server_files(w);
    write_image_files(w);
    cm_autofree char *gcfg = world_gcfg_text(w);
    cm_autofree char *direct = values_text(w);
    cm_autofree char *values = launcher_world(w) ? launcher_values(direct) : cm_strdup(direct);
    cm_autofree char *hook =
        cm_fmt("http://127.0.0.1:%ld/__world__/hook/%s\n", info_int(w, "ports.public"), info_text(w, "webhook_secret"));
    cm_autofree char *lic =
        cm_fmt("-----BEGIN LICENSE-----\nProduct-Key: %s\n-----END LICENSE-----\n", info_text(w, "product_key"));
    cm_autofree char *admin = cm_fmt("%s\n", info_text(w, "api_key"));
    cm_autofree char *publisher = cm_fmt("%s\n", info_text(w, "api_key_publisher"));
    put_text(w, "vm/etc/rstudio-connect/rstudio-connect.gcfg", gcfg, 0600);
    put_text(w, "vm" WORLD_DATA_DIR "/connect.lic", lic, 0600);
    put_text(w, "values.yaml", values, 0644);
    put_text(w, "secrets/api-key", admin, 0600);
    put_text(w, "secrets/api-key-publisher", publisher, 0600);
    put_text(w, "secrets/webhook", hook, 0600);
    for (size_t i = 0; i < w->item_count && i < 50; i++) {
        cm_autofree char *dir = world_path(w, "vm" WORLD_DATA_DIR "/bundles/%zu", w->items[i].index + 10);
        cm_dir_make(dir, 0755, NULL);
    }
}

/* The client is copied, so that DIR/bin works when the program's own folder moves; the tools are links to it. */
int world_bins(struct world *w, struct cm_err **err)
{
    static const char *const names[] = {"helm",    "kubectl", "node-shell", "systemctl", "pgrep",    "findmnt", "license-manager",
                                        "connect", "access",  "backup",     "sudo",      "hostname", "id"};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    cm_autofree char *to = world_path(w, "bin/world-client");
    cm_autofree char *data = NULL;
    size_t bytes = 0;
    self[n > 0 ? n : 0] = '\0';
    cm_autofree char *from = cm_fmt("%s-client", self);
    if (cm_file_read(from, CM_STR_BIG, &data, &bytes, err) != 0)
        return cm_wrap(err, "the world's client");
    world_put_file(to, data, bytes, 0755);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cm_autofree char *link = world_path(w, "bin/%s", names[i]);
        if (symlink("world-client", link) != 0 && errno != EEXIST)
            return cm_fail_errno(err, CM_E_FAILED, "cannot make %s", link);
    }
    /* what a pod's container has of its own */
    static const char *const in_pods[] = {"getent", "timeout", "id", "curl"};
    for (size_t i = 0; i < sizeof in_pods / sizeof *in_pods; i++) {
        cm_autofree char *link = world_path(w, "bin/pod/%s", in_pods[i]);
        if (symlink("../world-client", link) != 0 && errno != EEXIST)
            return cm_fail_errno(err, CM_E_FAILED, "cannot make %s", link);
    }
    return 0;
}

int world_make(struct world *w, struct cm_err **err)
{
    cm_autofree char *plan = world_path(w, "plan.yaml");
    unlink(plan); /* of a world that was killed while it was made: other ports */
    if (make_folders(w, err) != 0 || make_info(w, err) != 0)
        return -1;
    json_t *units = json_object();
    for (long i = 1; i <= w->options.nodes && !w->options.launcher; i++) {
        cm_autofree char *host = cm_fmt("connect%ld", i);
        json_object_set_new(units, host,
                            json_pack("{s:s, s:s, s:i}", "active", "active", "enabled", "enabled", "pid", (int)(4200 + i)));
    }
    json_object_set_new(w->state[STATE_INFO], "launcher", json_boolean(w->options.launcher));
    json_object_update_new(w->state[STATE_VM], json_pack("{s:o, s:s, s:n}", "units", units, "access",
                                                         w->options.launcher ? "cluster" : "vm", "marker"));
    state_changed(w, STATE_VM);
    content_make(w);
    caches_make(w);
    write_files(w);
    return objects_make(w, err);
}
