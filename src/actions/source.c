/* actions/source.c: the old server's configuration, read in one command per process and kept in memory.
 *
 * Files and places: Connect's documents (appendix/configuration): the main file, rstudio-connect-migration.gcfg beside it, which
 * is read after it, and CONNECT_SECTION_KEY variables, which win. Does not convert, judge or change anything. */
#include <config.h>

#include "actions/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cm/str.h>

#include "actions/look.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "adapters/secrets.h"
#include "adapters/tunnel.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "plan/plan.h"
#include "values/variables.h"

#define SOURCE_LABEL "the configuration of the old server"
#define DEFAULT_CONFIG "/etc/rstudio-connect/rstudio-connect.gcfg"
#define MIGRATION_FILE "rstudio-connect-migration.gcfg"
enum { FILE_MAX_BYTES = 4 << 20, DATABASE_TIMEOUT_MS = 10000, TUNNEL_TIMEOUT_MS = 20000 };

/* What lives with the outside: the configuration, the plan's password, and a client, which belongs to one process. */
struct slot {
    bool read;
    struct cm_source source;
    struct cm_secret *password; /* database.password of the plan, once resolved */
    bool password_resolved;
    struct cm_connect *client;
    pid_t client_of;
    struct cm_tunnel *tunnel[2]; /* database.via: source; to the core and the instrumentation database's server */
    pid_t tunnel_of;
};

static void source_fini(struct cm_source *s)
{
    cm_gcfg_free(s->gcfg);
    free(s->config_file);
    free(s->data_dir);
    free(s->database_dir);
    free(s->provider);
    free(s->address);
    for (size_t i = 0; s->unit_environment && s->unit_environment[i]; i++) {
        cm_wipe(s->unit_environment[i], strlen(s->unit_environment[i]));
        free(s->unit_environment[i]);
    }
    free(s->unit_environment);
    cm_pg_url_fini(&s->core);
    cm_pg_url_fini(&s->instrumentation);
    memset(s, 0, sizeof *s);
}

static void slot_free(void *p)
{
    struct slot *slot = p;
    source_fini(&slot->source);
    cm_secret_free(slot->password);
    if (slot->client_of == getpid())
        cm_connect_free(slot->client);
    for (size_t i = 0; slot->tunnel_of == getpid() && i < 2; i++)
        cm_tunnel_close(slot->tunnel[i]);
    free(slot);
}

static struct slot *slot_of(struct cm_step *step)
{
    struct cm_outside *o = cm_step_outside(step);
    struct slot *slot = cm_outside_source(o);
    if (!slot) {
        slot = cm_alloc(sizeof *slot);
        cm_outside_source_set(o, slot, slot_free);
    }
    return slot;
}

/* ---- fetching ---- */

/* $1 main file, $2 migration file, $3 unit. Without systemd there is no unit environment to read. */
static const char script[] =
    CM_LOOK_SHELL "if [ ! -e \"$1\" ] && [ -x \"${1%/*}\" ]; then text absent ''; elif [ ! -r \"$1\" ]; then text unreadable ''; "
                  "else file main \"$1\"; fi\n"
                  "[ -r \"$2\" ] && file migration \"$2\"\n"
                  "u=$(systemctl show \"$3\" -p Environment,EnvironmentFiles 2>/dev/null) || u=\n"
                  "text unit \"$u\"\n"
                  "case $u in *EnvironmentFiles=[-/]*) printf '%s\\n' \"$u\" | sed -n 's/^EnvironmentFiles=//p' |\n"
                  "sed 's/ (ignore_errors=[a-z]*)//g' | tr ' ' '\\n' |\n"
                  "while IFS= read -r f; do f=${f#-}; [ -n \"$f\" ] && [ -r \"$f\" ] && file environment \"$f\"; done;; esac\n"
                  "text end ''\n";

struct text {
    char *bytes;
    size_t n;
};
struct fetched {
    struct text main, migration, unit;
    struct cm_str environment; /* the environment files, one behind the other */
    bool absent, unreadable, whole;
};

static void text_fini(struct text *t)
{
    if (t->bytes)
        cm_wipe(t->bytes, t->n);
    free(t->bytes);
}

static void fetched_fini(struct fetched *f)
{
    text_fini(&f->main);
    text_fini(&f->migration);
    text_fini(&f->unit);
    if (f->environment.data)
        cm_wipe(f->environment.data, f->environment.len);
    cm_str_fini(&f->environment);
}

static void keep_text(struct text *to, const char *from, size_t n)
{
    if (to->bytes)
        return;
    to->bytes = cm_strndup(from, n);
    to->n = n;
}

static void take_parts(struct fetched *f, const char *out, size_t bytes)
{
    const char *at = out;
    struct cm_part p;
    while (cm_part_next(&at, out + bytes, &p)) {
        if (strcmp(p.name, "main") == 0)
            keep_text(&f->main, p.body, p.bytes);
        else if (strcmp(p.name, "migration") == 0)
            keep_text(&f->migration, p.body, p.bytes);
        else if (strcmp(p.name, "unit") == 0)
            keep_text(&f->unit, p.body, p.bytes);
        else if (strcmp(p.name, "absent") == 0)
            f->absent = true;
        else if (strcmp(p.name, "unreadable") == 0)
            f->unreadable = true;
        else if (strcmp(p.name, "end") == 0)
            f->whole = true;
        else if (strcmp(p.name, "environment") == 0) {
            cm_str_add_bytes(&f->environment, p.body, p.bytes);
            cm_str_add(&f->environment, "\n");
        }
    }
}

static const char *config_path(struct cm_step *step)
{
    const char *path = cm_plan_text(cm_step_plan(step), "source.config");
    return path ? path : DEFAULT_CONFIG;
}

static int fetch_from(struct cm_step *step, struct cm_host *host, struct fetched *f, struct cm_err **err)
{
    const char *path = config_path(step), *unit = cm_plan_text(cm_step_plan(step), "source.service");
    cm_autofree char *dir = cm_path_dir(path);
    cm_autofree char *migration = cm_path_join(dir, MIGRATION_FILE);
    const char *const argv[] = {"sh", "-c", script, "sh", path, migration, unit ? unit : "rstudio-connect", NULL};
    cm_autoout out = {0};
    if (cm_host_run(step, host, true, argv, &out, err) < 0)
        return -1;
    take_parts(f, out.out, out.out_bytes);
    cm_wipe(out.out, out.out_bytes);
    if (f->absent) {
        cm_fail(err, CM_E_FAILED, "there is no %s on %s", path, cm_host_name(host));
        cm_hint(err, "Name the configuration file of the old server under source.config in the plan.");
        return -1;
    }
    if (f->unreadable) {
        cm_fail(err, CM_E_FAILED, "%s on %s may not be read by this user", path, cm_host_name(host));
        cm_hint(err, "The file belongs to root: say `become: [sudo, -n]` under source in the plan, and let this user run sudo "
                     "without a password there.");
        return -1;
    }
    if (f->main.n >= FILE_MAX_BYTES) {
        cm_fail(err, CM_E_FAILED, "%s on %s is larger than %d MiB", path, cm_host_name(host), FILE_MAX_BYTES >> 20);
        cm_hint(err, "Name Connect's configuration file under source.config in the plan.");
        return -1;
    }
    if (out.status == 0 && f->whole && f->main.bytes)
        return 0;
    cm_autofree char *last = cm_last_lines(out.errout ? out.errout : "", 3);
    cm_fail(err, CM_E_FAILED, "the configuration on %s could not be read: the command ended with status %d", cm_host_name(host),
            out.status);
    if (*last)
        cm_evidence(err, last);
    return -1;
}

static int fetch(struct cm_step *step, struct fetched *f, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    size_t n = cm_outside_hosts(o);
    if (n == 0) {
        cm_fail(err, CM_E_USAGE, "the plan names no old server");
        cm_hint(err, "Name the nodes under source.hosts in the plan.");
        return -1;
    }
    cm_autoerr first = NULL;
    for (size_t i = 0; i < n && !cm_cancelled(step); i++) {
        cm_autoerr one = NULL;
        if (fetch_from(step, cm_outside_host(o, i), f, &one) == 0)
            return 0;
        bool go_on = !f->absent && !f->unreadable; /* all nodes have the same configuration */
        if (!first)
            first = one, one = NULL;
        if (!go_on)
            break;
        fetched_fini(f);
        *f = (struct fetched){.environment = CM_STR(FILE_MAX_BYTES)};
    }
    if (!first)
        return cm_fail(err, CM_E_INTERRUPTED, "cancelled while the configuration was read");
    struct cm_err *cause = first;
    first = NULL;
    return cm_err_move(err, cause);
}

/* ---- the unit's environment ---- */

static void read_environment(struct cm_source *s, const struct fetched *f)
{
    struct cm_variables l = {0};
    const char *unit = f->unit.bytes ? f->unit.bytes : "";
    for (const char *at = unit; *at;) {
        size_t n = strcspn(at, "\n");
        if (strncmp(at, "Environment=", 12) == 0) {
            cm_autofree char *shown = cm_strndup(at + 12, n - 12);
            cm_variables_words(&l, shown);
            cm_wipe(shown, strlen(shown));
        }
        at += n + (at[n] ? 1 : 0);
    }
    cm_variables_file(&l, cm_str_text(&f->environment), NULL, NULL);
    if (!l.items)
        l.items = cm_alloc(sizeof *l.items);
    s->unit_environment = l.items;
}

/* ---- meaning ---- */

static char *setting(const struct cm_source *s, const char *section, const char *key, const char *otherwise)
{
    const char *value = cm_gcfg_get(s->gcfg, section, NULL, key);
    return cm_strdup(value && *value ? value : otherwise);
}

/* "true", "3600", "8h": settings about secrets ("PasswordMinimumLength"), whose words stand everywhere. */
static bool ordinary(const char *value)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "none", "required", "optional"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    size_t digits = strspn(value, "0123456789.");
    return *value == '/' || (digits > 0 && strlen(value + digits) <= 2 && digits < 10);
}

/* The value is masked everywhere from now on, also where it is not used as a password by us. */
static void mask_settings(const struct cm_gcfg *g)
{
    static const char *const words[] = {"password", "secret", "token", "encryptionkey", "apikey", "privatekey", NULL};
    for (size_t i = 0; i < g->count; i++) {
        const struct cm_gcfg_setting *one = &g->list[i];
        if (!one->value || ordinary(one->value))
            continue;
        for (size_t w = 0; words[w]; w++)
            if (strcasestr(one->key, words[w])) {
                cm_mask_add_encoded(one->value);
                break;
            }
    }
}

/* One URL of [Postgres]; a separate password setting is used when the URL itself has none. */
static int read_url(struct cm_source *s, const char *key, const char *password_key, struct cm_pg_url *out, bool *has,
                    struct cm_err **err)
{
    const char *url = cm_gcfg_get(s->gcfg, "Postgres", NULL, key);
    const char *password = cm_gcfg_get(s->gcfg, "Postgres", NULL, password_key);
    *has = url && *url;
    if (!*has)
        return 0;
    if (cm_pg_url_parse(url, out, err) < 0) {
        const struct cm_gcfg_setting *at = cm_gcfg_find(s->gcfg, "Postgres", NULL, key);
        if (!at || at->from_environment)
            return cm_wrap(err, "Postgres.%s in the unit's environment", key);
        return cm_wrap(err, "%s:%u:%u: Postgres.%s", at->in->file, at->line, at->column, key);
    }
    if (!out->password && password && *password)
        out->password = cm_secret_new(password);
    return 0;
}

static int read_databases(struct cm_source *s, struct cm_err **err)
{
    if (read_url(s, "URL", "Password", &s->core, &s->has_core, err) < 0 ||
        read_url(s, "InstrumentationURL", "InstrumentationPassword", &s->instrumentation, &s->has_instrumentation, err) < 0)
        return -1;
    bool same_user = s->has_core && s->has_instrumentation && s->core.user && s->instrumentation.user &&
                     strcmp(s->core.user, s->instrumentation.user) == 0;
    if (same_user && !s->instrumentation.password && s->core.password)
        s->instrumentation.password = cm_secret_new(cm_secret_reveal(s->core.password));
    return 0;
}

static void digest(struct cm_source *s, const struct fetched *f)
{
    struct cm_sha *sha = cm_sha_new();
    const struct text *all[] = {&f->main, &f->migration, &f->unit};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char size[24];
        int n = snprintf(size, sizeof size, "%zu:", all[i]->n);
        cm_sha_add(sha, size, (size_t)n);
        if (all[i]->bytes)
            cm_sha_add(sha, all[i]->bytes, all[i]->n);
    }
    cm_sha_add(sha, cm_str_text(&f->environment), f->environment.len);
    cm_sha_end(sha, s->sha256);
}

static int understand(struct cm_source *s, const struct fetched *f, const char *path, struct cm_err **err)
{
    cm_autofree char *dir = cm_path_dir(path);
    cm_autofree char *migration = cm_path_join(dir, MIGRATION_FILE);
    s->config_file = cm_strdup(path);
    s->gcfg = cm_gcfg_new();
    s->has_migration_file = f->migration.bytes != NULL;
    read_environment(s, f);
    digest(s, f);
    if (cm_gcfg_add(s->gcfg, f->main.bytes, f->main.n, path, err) < 0)
        return -1;
    if (s->has_migration_file && cm_gcfg_add(s->gcfg, f->migration.bytes, f->migration.n, migration, err) < 0)
        return -1;
    if (cm_gcfg_add_environment(s->gcfg, (const char *const *)s->unit_environment, err) < 0)
        return -1;
    mask_settings(s->gcfg);
    s->data_dir = setting(s, "Server", "DataDir", "/var/lib/rstudio-connect");
    for (size_t n = strlen(s->data_dir); n > 1 && s->data_dir[n - 1] == '/'; n--)
        s->data_dir[n - 1] = '\0';
    cm_autofree char *beside = cm_path_join(s->data_dir, "db");
    s->database_dir = setting(s, "Database", "Dir", beside);
    s->provider = setting(s, "Database", "Provider", "sqlite");
    for (char *p = s->provider; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    s->address = setting(s, "Server", "Address", NULL);
    return read_databases(s, err);
}

int cm_source_read(struct cm_step *step, const struct cm_source **out, struct cm_err **err)
{
    struct slot *slot = slot_of(step);
    *out = &slot->source;
    if (slot->read) {
        cm_rests_on(step, SOURCE_LABEL, slot->source.sha256);
        return 0;
    }
    struct fetched f = {.environment = CM_STR(FILE_MAX_BYTES)};
    int rc = fetch(step, &f, err);
    if (rc == 0)
        rc = understand(&slot->source, &f, config_path(step), err);
    fetched_fini(&f);
    slot->read = rc == 0;
    if (rc < 0)
        source_fini(&slot->source);
    else
        cm_rests_on(step, SOURCE_LABEL, slot->source.sha256);
    return rc;
}

/* ---- reaching ---- */

static int plan_password(struct cm_step *step, struct slot *slot, struct cm_err **err)
{
    if (slot->password_resolved)
        return 0;
    const json_t *ref = cm_plan_get(cm_step_plan(step), "database.password");
    if (cm_secret_resolve(cm_step_loop(step), ref, "database.password", &slot->password, err) < 0)
        return -1;
    slot->password_resolved = true;
    return 0;
}

/* Through the old server: the host of the URL as the server sees it. A worker opens its own; its parent's is not its to watch. */
static int through_source(struct cm_step *step, struct slot *slot, int which, struct cm_pg_target *out, struct cm_err **err)
{
    const struct cm_pg_url *url = out->url;
    struct cm_host *node = cm_outside_host(cm_step_outside(step), 0);
    if (slot->tunnel_of != getpid()) {
        memset(slot->tunnel, 0, sizeof slot->tunnel);
        slot->tunnel_of = getpid();
    }
    if (slot->tunnel[which] && !cm_tunnel_alive(slot->tunnel[which])) {
        cm_tunnel_close(slot->tunnel[which]);
        slot->tunnel[which] = NULL;
    }
    if (!slot->tunnel[which])
        slot->tunnel[which] = cm_tunnel_open(cm_step_loop(step), node,
                                             out->hostaddr             ? out->hostaddr
                                             : url->host && *url->host ? url->host
                                                                       : "127.0.0.1",
                                             out->port                 ? out->port
                                             : url->port && *url->port ? url->port
                                                                       : "5432",
                                             TUNNEL_TIMEOUT_MS, err);
    if (!slot->tunnel[which])
        return cm_wrap(err, "the way to the database");
    out->hostaddr = "127.0.0.1";
    out->port = cm_tunnel_port(slot->tunnel[which]);
    return 0;
}

int cm_source_database(struct cm_step *step, int which, const char *role, struct cm_pg_target *out, bool *none, struct cm_err **err)
{
    const struct cm_source *s;
    const struct cm_plan *plan = cm_step_plan(step);
    struct slot *slot = slot_of(step);
    memset(out, 0, sizeof *out);
    *none = true;
    if (cm_source_read(step, &s, err) < 0)
        return -1;
    if (which == 0 ? !s->has_core : !s->has_instrumentation)
        return 0;
    if (plan_password(step, slot, err) < 0)
        return -1;
    *none = false;
    out->url = which == 0 ? &s->core : &s->instrumentation;
    /* What the plan says of the way to the database holds for the server of the core URL; the instrumentation database only
     * follows when it stands on that server too. */
    bool same_server =
        which == 0 || !s->has_core || !out->url->host || !s->core.host || strcasecmp(out->url->host, s->core.host) == 0;
    if (same_server) {
        out->hostaddr = cm_plan_text(plan, "database.hostaddr");
        const char *port = cm_plan_text(plan, "database.port");
        int64_t number = cm_plan_int(plan, "database.port", -1);
        out->port = port ? port : number > 0 ? cm_arena_fmt(cm_step_arena(step), "%lld", (long long)number) : NULL;
    }
    out->password = same_server ? slot->password : NULL;
    out->role = role;
    out->timeout_ms = DATABASE_TIMEOUT_MS;
    const char *via = cm_plan_text(plan, "database.via");
    return via && strcmp(via, "source") == 0 ? through_source(step, slot, which, out, err) : 0;
}

/* ":3939", "0.0.0.0:3939", "[::]:443", "3939" → the port's text. */
static const char *port_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    return colon ? colon + 1 : listen;
}

/* A name for ssh may carry a user: "ann@connect1". */
static const char *address_of(const char *node)
{
    const char *at = strrchr(node, '@');
    return at ? at + 1 : node;
}

char *cm_source_url(struct cm_step *step, struct cm_err **err)
{
    const char *said = cm_plan_text(cm_step_plan(step), "source.url");
    const struct cm_source *s;
    if (said)
        return cm_strdup(said);
    if (cm_source_read(step, &s, err) < 0)
        return NULL;
    const char *node = address_of(cm_host_name(cm_outside_host(cm_step_outside(step), 0)));
    const char *http = cm_gcfg_get(s->gcfg, "HTTP", NULL, "Listen"), *https = cm_gcfg_get(s->gcfg, "HTTPS", NULL, "Listen");
    bool tls = https && *https && !(http && *http);
    const char *listen = tls ? https : http && *http ? http : ":3939";
    if (strcmp(node, "localhost") == 0)
        node = "127.0.0.1";
    return cm_fmt("%s://%s:%s", tls ? "https" : "http", node, port_of(listen));
}

char *cm_source_public_url(struct cm_step *step, struct cm_err **err)
{
    const char *said = cm_plan_text(cm_step_plan(step), "connect.url");
    const char *usual = getenv("CONNECT_SERVER");
    const struct cm_source *s;
    if (!said && usual && *usual)
        said = usual;
    if (!said) {
        if (cm_source_read(step, &s, err) < 0)
            return NULL;
        said = s->address;
    }
    if (!said || !*said) {
        cm_fail(err, CM_E_FAILED, "the public address of Connect is not known: Server.Address is not set");
        cm_hint(err, "Say `connect: {url: https://connect.example.com}` in the plan.");
        return NULL;
    }
    size_t n = strlen(said);
    while (n > 1 && said[n - 1] == '/')
        n--;
    return cm_strndup(said, n);
}

int cm_source_connect(struct cm_step *step, struct cm_connect **out, struct cm_err **err)
{
    struct slot *slot = slot_of(step);
    if (!slot->client || slot->client_of != getpid()) {
        cm_autofree char *url = cm_source_url(step, err);
        if (!url)
            return -1;
        slot->client = cm_connect_new(cm_step_outside(step), url, false);
        slot->client_of = getpid();
    }
    *out = slot->client;
    return 0;
}
