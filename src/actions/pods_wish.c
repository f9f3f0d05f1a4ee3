/* actions/pods_wish.c: what pods.check tries: the chart's job.yaml, the images of the values, every host that the configuration names (with
 * TLS where its address says so) and Server.Address, and what of the server is compared with a pod. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "actions/look.h"
#include "actions/pods_check.h"
#include "actions/source_inventory.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml.h"
#include "plan/plan.h"

enum { HOSTS_MOST = 20 };

static void take_config_map(void *ctx, const json_t *object)
{
    struct trial *t = ctx;
    const char *text = json_string_value(json_object_get(json_object_get(object, "data"), "job.yaml"));
    if (!text || t->base || strcmp(cm_json_text(object, "kind", ""), "ConfigMap") != 0)
        return;
    cm_autoyaml doc = cm_yaml_parse(text, strlen(text), "job.yaml", NULL);
    if (doc && cm_yaml_root(doc))
        t->base = cm_yaml_json(doc, cm_yaml_root(doc));
}

static void add_paths(struct cm_str *paths, const json_t *environment)
{
    static const char *const languages[] = {"r", "python", "quarto", "tensorflow", "nodejs"};
    const json_t *one;
    size_t i;
    for (size_t k = 0; k < sizeof languages / sizeof *languages; k++) {
        json_array_foreach(json_object_get(json_object_get(environment, languages[k]), "installations"), i, one)
        {
            const char *path = cm_json_text(one, "path", "");
            if (*path == '/' && strcmp(languages[k], "tensorflow") != 0)
                cm_str_addf(paths, "%s%s", paths->len ? " " : "", path);
        }
    }
}

static void read_images(struct trial *t, const json_t *values)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(values, "executionEnvironments"), i, one)
    {
        const char *image = cm_json_text(one, "name", "");
        cm_autostr paths = CM_STR(CM_STR_LINE);
        if (!*image || json_object_size(t->images) >= CM_PODS_IMAGES_MOST)
            continue;
        add_paths(&paths, one);
        json_object_set_new(t->images, image, json_string(cm_str_text(&paths)));
    }
}

static void add_host(struct trial *t, const char *host, const char *port, bool database, bool tls)
{
    cm_autofree char *word = cm_fmt("%s:%s%s", host, port, tls ? ":tls" : "");
    for (const char *p = word; *p; p++)
        if (strchr(" \t'\"`$\\", *p))
            return;
    if (strstr(cm_str_text(&t->hosts), word))
        return;
    cm_str_addf(&t->hosts, "%s%s", t->hosts.len ? " " : "", word);
    if (database)
        cm_str_addf(&t->databases, " %s ", word);
}

/* "https://sso.example.com/realm" → host and port; other texts are left out. */
static void add_url(struct trial *t, const char *url)
{
    static const struct {
        const char *scheme, *port;
        bool tls;
    } known[] = {{"https://", "443", true}, {"http://", "80", false}, {"ldaps://", "636", true}, {"ldap://", "389", false}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!cm_starts(url, known[i].scheme))
            continue;
        cm_autofree char *host = cm_look_url_host(url);
        const char *authority = url + strlen(known[i].scheme), *end = authority + strcspn(authority, "/?#");
        const char *colon = memchr(authority, ':', (size_t)(end - authority));
        cm_autofree char *port = colon ? cm_strndup(colon + 1, (size_t)(end - colon - 1)) : cm_strdup(known[i].port);
        if (host && !cm_pg_host_is_local(host))
            add_host(t, host, port, false, known[i].tls);
        return;
    }
}

/* LDAP.ServerAddress is "host:port", with a name of the server between the section's brackets; URLs stand in many settings. */
static void add_setting(struct trial *t, const struct cm_gcfg_setting *one)
{
    const char *value = one->value, *colon = value ? strrchr(value, ':') : NULL;
    if (!value || t->hosts.len > HOSTS_MOST * 40)
        return;
    if (strcasecmp(one->in->section, "LDAP") == 0 && strcasecmp(one->key, "ServerAddress") == 0 && colon && !strstr(value, "://")) {
        cm_autofree char *host = cm_strndup(value, (size_t)(colon - value));
        add_host(t, host, colon + 1, false, false);
    } else {
        add_url(t, value);
    }
}

static void read_hosts(struct trial *t, const struct cm_source *s)
{
    const struct cm_pg_url *urls[] = {s->has_core ? &s->core : NULL, s->has_instrumentation ? &s->instrumentation : NULL};
    const char *smtp = cm_gcfg_get(s->gcfg, "SMTP", NULL, "Host"), *port = cm_gcfg_get(s->gcfg, "SMTP", NULL, "Port");
    for (size_t i = 0; i < 2; i++)
        if (urls[i] && !cm_pg_host_is_local(urls[i]->host))
            add_host(t, urls[i]->host, urls[i]->port && *urls[i]->port ? urls[i]->port : "5432", true, false);
    if (smtp && *smtp && !cm_pg_host_is_local(smtp))
        add_host(t, smtp, port && *port ? port : "25", false, false);
    for (size_t i = 0; i < s->gcfg->count; i++)
        add_setting(t, &s->gcfg->list[i]);
}

/* $1 nonce, $2 Database.Dir, $3 folder above /etc, $4 user: the key hashed as the pod will, ODBC drivers, the user's id. */
static const char server_script[] = CM_LOOK_SHELL
    "[ -r \"$2/secret.key\" ] && text key \"$({ printf '%s\\n' \"$1\"; cat \"$2/secret.key\"; } | sha256sum | cut -c 1-64)\"\n"
    "text drivers \"$(sed -n 's/^\\[\\(.*\\)\\][[:space:]]*$/\\1/p' \"$3/etc/odbcinst.ini\" 2>/dev/null | grep -v '^ODBC')\"\n"
    "text user \"$(id -u \"$4\" 2>/dev/null)\"\n";

/* What is compared with pods; what is not known is left out of the comparison. */
static int read_server(struct trial *t, const struct cm_source *s, struct cm_err **err)
{
    const char *run_as = cm_gcfg_get(s->gcfg, "Applications", NULL, "RunAs");
    cm_autofree char *root = cm_inventory_root(s->config_file);
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    t->user = cm_strdup(run_as && *run_as ? run_as : "rstudio-connect");
    const char *const argv[] = {"sh", "-c", server_script, "sh", t->nonce, s->database_dir, root, t->user, NULL};
    if (cm_host_run(t->step, cm_outside_host(cm_step_outside(t->step), 0), true, argv, &out, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    t->key = cm_part_text(out.out, out.out_bytes, "key");
    t->drivers = cm_part_text(out.out, out.out_bytes, "drivers");
    t->user_id = cm_part_text(out.out, out.out_bytes, "user");
    return 0;
}

/* 0 ready, 1 there is nothing to try (said), -1. */
int cm_pods_prepare(struct trial *t, struct cm_err **err)
{
    const json_t *values = cm_look_values(t->step);
    const struct cm_source *s;
    cm_autofree char *manifests = NULL;
    cm_autoerr seen = NULL;
    const char *run = cm_run_id(t->step), *path = json_string_value(cm_look_config(values, "Server", "DataDir"));
    const char *planned = json_string_value(cm_look_config(values, "Server", "Address"));
    t->nonce = run && *run ? run : "connect-migrate";
    if (cm_helm_template(t->step, NULL, &manifests, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        cm_step_log(t->step, "no trial: %s", cm_err_message(seen)); /* values.check says why the chart does not render */
        return 1;
    }
    cm_look_manifests(manifests, take_config_map, t);
    read_images(t, values);
    if (!t->base || json_object_size(t->images) == 0) {
        cm_finding(t->step, CM_OK, "pods.nothing", NULL,
                   "nothing to try: the values name no execution environment for the direct runner");
        return 1;
    }
    bool mounted = cm_json_bool(values, "sharedStorage.create", false) || cm_json_bool(values, "sharedStorage.mount", false);
    t->claim = mounted ? cm_target_pvc(t->step) : NULL;
    t->mount_path = path && *path == '/' ? path : "/var/lib/rstudio-connect";
    t->sub_path = cm_json_text(values, "sharedStorage.subPath", NULL);
    if (cm_outside_hosts(cm_step_outside(t->step)) == 0)
        return 0;
    if (cm_source_read(t->step, &s, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    t->source = s;
    read_hosts(t, s);
    if (planned)
        add_url(t, planned);
    return read_server(t, s, err);
}
