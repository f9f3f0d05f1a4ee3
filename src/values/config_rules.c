/* values/config_rules.c: the decision for one setting where its value matters: hosts that no pod reaches, files that the pod does not
 * have, secrets, the database, banners. The fates that hold for any value stand in values/settings.c. Does not: write.
 *
 * Sources: Connect's admin guide (pages are named in the table), the chart's values.yaml, and PostgreSQL's URL form. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/time.h"
#include "values/config_work.h"

static void decide(struct cm_config_group *g, enum cm_fate fate, enum cm_config_where where, const char *reason)
{
    g->fate = (unsigned)fate & 15u;
    g->where = (unsigned)where & 15u;
    g->reason = reason;
}

static void ask(struct cm_config_work *w, struct cm_config_group *g, const char *reason, const char *remedy)
{
    decide(g, CM_ASK, CM_TO_CONFIG, reason);
    g->note = reason;
    cm_config_finding(w, "warning", cm_config_id(w, "ask", g), remedy, "%s: %s", cm_config_label(w->m, g), reason);
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

const char *cm_config_path_problem(struct cm_config_work *w, const char *path, const char **covered)
{
    static const char *const everywhere[] = {"/dev", "/tmp", "/proc", "/etc/ssl/certs/ca-certificates.crt", NULL};
    *covered = cm_config_base_mount(w, path);
    if (*covered)
        return NULL;
    for (const char *const *p = everywhere; *p; p++)
        if (is_below(path, *p))
            return NULL;
    if (is_below(path, w->old_data_dir)) {
        if (strcmp(w->old_data_dir, w->data_path) == 0)
            return NULL;
        return cm_arena_fmt(w->m->arena, "%s lies in the old data folder %s, which is %s in the pod: change the path", path,
                            w->old_data_dir, w->data_path);
    }
    return cm_arena_fmt(w->m->arena, "%s is a file or folder of the old server; the pod needs it mounted at this path", path);
}

/* The setting names this path: keep it where the pod will have it, else ask. */
static void judge_path(struct cm_config_work *w, struct cm_config_group *g, const char *path, const char *why)
{
    const char *covered, *problem = cm_config_path_problem(w, path, &covered);
    if (problem)
        ask(w, g, problem,
            why ? why : "Mount it with pod.volumes and pod.volumeMounts in your values file, from a Secret or a ConfigMap.");
    else
        decide(g, CM_KEEP, CM_TO_CONFIG, covered ? cm_arena_fmt(w->m->arena, "mounted by %s", covered) : "the pod has this path");
}

static void judge_secret(struct cm_config_work *w, struct cm_config_group *g, const char *reason)
{
    if (w->m->sections[g->section].sub) {
        decide(g, CM_ASK, CM_TO_NOWHERE,
               "a secret in a named sub-section, which no environment variable can give and no ConfigMap should");
        cm_config_finding(w, "warning", cm_config_id(w, "secret-in-subsection", g),
                          "Encrypt it with `rscadmin encrypt-config-value` and add the encrypted value under config yourself.",
                          "%s holds a secret; it is left out of the values", cm_config_label(w->m, g));
        return;
    }
    decide(g, CM_TO_SECRET, CM_TO_ENV, reason);
    cm_config_env_secret(w, g, cm_config_env_name(w, g));
}

static void judge_address(struct cm_config_work *w, struct cm_config_group *g)
{
    struct cm_url_seen u;
    bool url = cm_url_look(g->value, &u);
    const char *why = !*g->value ? "empty: mails can have no links"
                      : !url     ? "this is no URL (https://NAME), so that links in mails lead nowhere"
                      : u.local  ? "links in mails would lead to localhost"
                                 : NULL;
    if (why)
        ask(w, g, why, "Set config.Server.Address to the public URL of Connect.");
    else
        decide(g, CM_KEEP, CM_TO_CONFIG, "right as long as the public URL stays the same");
    cm_url_seen_fini(&u);
}

static void judge_database_provider(struct cm_config_work *w, struct cm_config_group *g)
{
    if (strcasecmp(g->value, "postgres") == 0) {
        decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
        return;
    }
    decide(g, CM_BLOCK, CM_TO_NOWHERE, "Kubernetes needs PostgreSQL");
    cm_config_finding(w, "blocker", "config.database",
                      "Migrate the database to PostgreSQL first (admin guide, Database migration), then start again.",
                      "Database.Provider is %s; a server on Kubernetes needs PostgreSQL", g->value);
}

static void judge_database_url(struct cm_config_work *w, struct cm_config_group *g)
{
    struct cm_url_seen u;
    if (!cm_url_look(g->value, &u)) {
        ask(w, g, "this is no URL", "Write it as postgres://USER@HOST:PORT/DATABASE.");
        return;
    }
    decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
    if (u.path)
        judge_path(w, g, u.path,
                   "Mount the file with pod.volumes and pod.volumeMounts at this path, or change the URL's parameter.");
    if (u.local) {
        decide(g, CM_BLOCK, CM_TO_CONFIG, "no pod reaches this host");
        cm_config_finding(w, "blocker", cm_config_id(w, "database-host", g),
                          "Make PostgreSQL reachable over the network and write its real host name in the URL, in your values.",
                          "%s names a host that only the old server itself reaches (localhost or a socket)",
                          cm_config_label(w->m, g));
    }
    if (u.had_password) {
        bool main_url = cm_gcfg_same_name(cm_config_key(w->m, g), "URL");
        const char *variable = main_url ? "CONNECT_POSTGRES_PASSWORD" : "CONNECT_POSTGRES_INSTRUMENTATIONPASSWORD";
        g->value = cm_arena_strdup(w->m->arena, u.stripped);
        if (g->fate != CM_BLOCK)
            decide(g, CM_TO_SECRET, CM_TO_CONFIG,
                   cm_arena_fmt(w->m->arena, "the password left the URL; %s gives it from a Secret", variable));
        cm_config_env_secret(w, g, variable);
    }
    cm_url_seen_fini(&u);
}

/* An announcement of a maintenance, of the very one we are in perhaps, would be the new server's first words. */
static void judge_banner(struct cm_config_group *g)
{
    static const char *const words[] = {"maintenance",  "migrat",    "downtime", "outage",    "unavailable",
                                        "offline",      "back soon", "down for", "read-only", "read only",
                                        "will be down", "be back",   NULL};
    for (const char *const *word = words; *word; word++) {
        if (strcasestr(g->value, *word)) {
            decide(g, CM_DROP, CM_TO_NOWHERE, "a maintenance message does not travel: the new server would show it");
            return;
        }
    }
    decide(g, CM_KEEP, CM_TO_CONFIG, "an announcement to users; look whether it still holds");
}

static void judge_init_timeout(struct cm_config_group *g)
{
    int64_t ms = 0;
    bool nanoseconds = g->value[0] && g->value[strspn(g->value, "0123456789")] == '\0';
    if (nanoseconds)
        ms = strtoll(g->value, NULL, 10) / 1000000;
    else if (!cm_duration_parse(g->value, &ms)) {
        decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
        return;
    }
    if (ms < 5 * 60 * 1000)
        decide(g, CM_CHANGE, CM_TO_NOWHERE, "shorter than the chart's 5m, which holds now: pods start slower than local processes");
    else
        decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
}

static void judge_repository(struct cm_config_work *w, struct cm_config_group *g)
{
    struct cm_url_seen u;
    decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
    if (!cm_url_look(g->value, &u))
        return;
    if (u.had_password)
        judge_secret(w, g, "the URL holds a password");
    else if (u.path)
        judge_path(w, g, u.path, NULL);
    else if (u.local)
        ask(w, g, "a repository on the old server itself; no pod reaches localhost", "Write the repository's network name.");
    else if (strstr(g->value, "/__linux__/")) {
        g->reason = "binary packages of one Linux distribution: the content images must be of the same";
        cm_config_finding(
            w, "warning", cm_config_id(w, "binary-packages", g),
            "Compare the distribution in the URL with the one of your content images, and change the URL where they differ.",
            "%s gives binary packages of one Linux distribution", cm_config_label(w->m, g));
    }
    cm_url_seen_fini(&u);
}

static void judge_log_target(const struct cm_config_work *w, struct cm_config_group *g)
{
    if (strcasecmp(g->value, "STDOUT") == 0 || strcasecmp(g->value, "STDERR") == 0) {
        decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
    } else if (cm_gcfg_same_name(cm_config_key(w->m, g), "AuditLog")) { /* the chart has no default for this one */
        decide(g, CM_CHANGE, CM_TO_CONFIG, "a file of the old server; logs of a pod go to its output");
        g->value = "STDOUT";
    } else {
        decide(g, CM_DROP, CM_TO_NOWHERE, "a file of the old server; the chart sends logs of a pod to its output");
    }
}

static void judge_authentication(struct cm_config_work *w, struct cm_config_group *g)
{
    if (strcasecmp(g->value, "pam") == 0)
        ask(w, g, "PAM needs the users of the old server's operating system",
            "Choose another provider, or give the users by the chart's nameService values and mount PAM's configuration.");
    else
        decide(g, CM_KEEP, CM_TO_CONFIG,
               "carried over always: without it the chart would make this a server with passwords of its own");
}

static void judge_database_dir(struct cm_config_work *w, struct cm_config_group *g)
{
    cm_autofree char *usual = cm_fmt("%s/db", w->old_data_dir);
    decide(g, CM_DROP, CM_TO_NOWHERE, g->known->reason);
    if (strcmp(g->value, usual) == 0)
        return;
    g->fate = CM_ASK;
    g->reason = "it holds secret.key outside of the data folder; the key has to be copied to db/ on the shared storage";
    cm_config_finding(w, "warning", "config.secret-key",
                      "Copy secret.key (mode 0600) to the folder db on the shared storage before the start.",
                      "Database.Dir is %s, not %s: secret.key does not travel with the data folder", g->value, usual);
}

static void judge_if_true(struct cm_config_work *w, struct cm_config_group *g)
{
    bool on = false;
    if (cm_gcfg_bool_word(g->value, &on) && !on)
        decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
    else
        ask(w, g, g->known->reason, "Decide how this works on Kubernetes, and leave it out of config if it does not.");
}

static void judge_email(struct cm_config_work *w, struct cm_config_group *g)
{
    bool host = g->known->rule == CM_RULE_MAIL_HOST;
    bool local = !strcasecmp(g->value, "localhost") || !strncmp(g->value, "127.", 4) || !strcmp(g->value, "::1");
    if (host && local)
        ask(w, g, "a mail relay on the old server itself; no pod reaches localhost", "Write the network name of a mail relay.");
    else if (!host && strcasecmp(g->value, "sendmail") == 0)
        ask(w, g, "the image has no sendmail", "Set config.Server.EmailProvider to SMTP and give config.SMTP.");
    else
        decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
}

static void judge_by_rule(struct cm_config_work *w, struct cm_config_group *g)
{
    switch (g->known->rule) {
    case CM_RULE_ADDRESS: judge_address(w, g); break;
    case CM_RULE_DATA_DIR:
        decide(g, CM_DROP, CM_TO_NOWHERE, cm_arena_fmt(w->m->arena, "%s; it was %s", g->known->reason, g->value));
        break;
    case CM_RULE_DATABASE_DIR: judge_database_dir(w, g); break;
    case CM_RULE_DATABASE_PROVIDER: judge_database_provider(w, g); break;
    case CM_RULE_DATABASE_URL: judge_database_url(w, g); break;
    case CM_RULE_BANNER: judge_banner(g); break;
    case CM_RULE_INIT_TIMEOUT: judge_init_timeout(g); break;
    case CM_RULE_REPOSITORY: judge_repository(w, g); break;
    case CM_RULE_EMAIL_PROVIDER:
    case CM_RULE_MAIL_HOST: judge_email(w, g); break;
    case CM_RULE_LOG_TARGET: judge_log_target(w, g); break;
    case CM_RULE_RUN_AS:
        if (strcmp(g->value, "rstudio-connect") == 0)
            decide(g, CM_KEEP, CM_TO_CONFIG, NULL);
        else
            ask(w, g, "the user has to exist in the images", "Use rstudio-connect, or build images that have this user.");
        break;
    case CM_RULE_IF_TRUE: judge_if_true(w, g); break;
    case CM_RULE_AUTHENTICATION: judge_authentication(w, g); break;
    case CM_RULE_YAML_BOOL:
    case CM_RULE_NONE: decide(g, CM_KEEP, CM_TO_CONFIG, NULL); break;
    }
}

/* Settings without a rule of their own: files, URLs with passwords, and what the table does not know. */
static void judge_plainly(struct cm_config_work *w, struct cm_config_group *g)
{
    struct cm_url_seen u = {0};
    bool url = g->value && cm_url_look(g->value, &u), file = g->value && g->value[0] == '/';
    bool may_be_file = !g->exact || g->known->type == CM_V_PATH;
    decide(g, CM_KEEP, CM_TO_CONFIG, g->exact ? NULL : "not in the table of known settings: kept as it is");
    if (url && u.had_password)
        judge_secret(w, g, "the URL holds a password");
    else if (url && u.path)
        judge_path(w, g, u.path, NULL);
    else if (file && may_be_file)
        judge_path(w, g, g->value, NULL);
    else if (g->exact && g->known->fate == CM_ASK && g->known->type != CM_V_PATH)
        ask(w, g, g->known->reason, "See to it that the images have it, or leave it out.");
    cm_url_seen_fini(&u);
}

void cm_config_judge(struct cm_config_work *w, struct cm_config_group *g)
{
    enum cm_fate fate = g->known ? g->known->fate : CM_KEEP;
    bool named_secret = cm_setting_sounds_secret(cm_config_key(w->m, g)) && (!g->exact || g->known->type == CM_V_STRING);
    if (fate == CM_DROP && g->known->rule == CM_RULE_NONE) {
        decide(g, CM_DROP, CM_TO_NOWHERE, g->known->reason);
    } else if (fate == CM_TO_SECRET || named_secret) {
        judge_secret(w, g, fate == CM_TO_SECRET ? g->known->reason : "its name says that it holds a secret");
    } else if (g->exact && g->known->rule != CM_RULE_NONE && g->value) {
        judge_by_rule(w, g);
    } else if (g->known && !g->exact && fate == CM_ASK) {
        ask(w, g, g->known->reason, "Decide how this works on Kubernetes, and leave it out of config if it does not.");
    } else {
        judge_plainly(w, g);
    }
}
