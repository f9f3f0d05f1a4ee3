/* values/config_env.c: what goes to the pod's environment: secrets (from a Secret whose template we give), the unit's proxies and
 * other variables, and single settings that no ConfigMap can hold. helm replaces lists, so pod.env is written whole: the base's
 * entries first. Source of the variables' form CONNECT_SECTION_KEY: Connect's admin guide, appendix/configuration. */
#include <config.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "values/config_work.h"
#include "values/quote.h"

void cm_config_env_add(struct cm_config_work *w, const char *name, const char *value, const char *secret_key, const char *note)
{
    struct cm_config_more *m = w->m;
    size_t at;
    if (cm_index_get(w->env_index, name, &at))
        return;
    cm_index_put(w->env_index, name, m->env_count);
    m->env = cm_grow(m->env, &m->env_cap, m->env_count + 1, sizeof *m->env);
    m->env[m->env_count++] = (struct cm_config_env){cm_arena_strdup(m->arena, name), cm_arena_strdup(m->arena, value ? value : ""),
                                                    cm_arena_strdup(m->arena, secret_key ? secret_key : ""),
                                                    note ? cm_arena_strdup(m->arena, note) : NULL};
}

const char *cm_config_env_name(struct cm_config_work *w, const struct cm_config_group *g)
{
    char *name = cm_arena_fmt(w->m->arena, "CONNECT_%s_%s", w->m->sections[g->section].name, cm_config_key(w->m, g));
    for (char *p = name; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return name;
}

/* "CONNECT_POSTGRES_PASSWORD" → "postgres-password". Of two names that differ in case alone the second gets a number. */
static char *key_for(struct cm_config_work *w, const char *variable)
{
    char *key = cm_arena_strdup(w->m->arena, cm_starts(variable, "CONNECT_") ? variable + 8 : variable);
    for (char *p = key; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '-';
    cm_autofree char *taken = cm_fmt("\x1f%s", key); /* no variable's name */
    size_t times = 0;
    cm_index_get(w->env_index, taken, &times);
    cm_index_put(w->env_index, taken, times + 1);
    return times ? cm_arena_fmt(w->m->arena, "%s.%zu", key, times + 1) : key; /* a key has no dot of its own */
}

/* A variable from our Secret, unless the base gives it already. True: the base does. */
static bool secret_variable(struct cm_config_work *w, const char *variable, const char *setting, const char *id)
{
    if (cm_config_base_has_env(w, variable))
        return true;
    size_t at;
    if (cm_index_get(w->env_index, variable, &at))
        return false;
    const char *key = key_for(w, variable);
    cm_config_env_add(w, variable, NULL, key, NULL);
    json_array_append_new(w->m->secrets, json_pack("{s:s, s:s, s:s, s:s}", "name", w->m->secret_name, "key", key, "setting",
                                                   setting, "variable", variable));
    cm_autofree char *remedy =
        cm_fmt("Fill the template in and apply it with `kubectl apply -f`, or give %s in pod.env of your values "
               "from a Secret of yours.",
               variable);
    cm_config_finding(w, "warning", id, remedy,
                      "%s is a secret: pod.env takes it from the Secret %s, key %s, which has to be there", setting,
                      w->m->secret_name, key);
    return false;
}

void cm_config_env_secret(struct cm_config_work *w, struct cm_config_group *g, const char *variable)
{
    bool url = g->exact && g->known->type == CM_V_URL;
    const char *what = url ? cm_arena_fmt(w->m->arena, "the password of %s", cm_config_label(w->m, g)) : cm_config_label(w->m, g);
    bool there = secret_variable(w, variable, what, cm_config_id(w, "secret", g));
    if (g->where == CM_TO_ENV) {
        g->target = cm_arena_fmt(w->m->arena, "pod.env %s", variable);
        if (there)
            g->reason = cm_arena_fmt(w->m->arena, "%s; pod.env in %s gives %s already", g->reason, w->env_file, variable);
    }
}

/* What systemd and a login give any process; a container has its own. */
static bool belongs_to_the_host(const char *name)
{
    static const char *const names[] = {
        "PATH",          "HOME",    "USER",       "LOGNAME",      "SHELL",         "PWD",        "INVOCATION_ID", "JOURNAL_STREAM",
        "NOTIFY_SOCKET", "MAINPID", "MANAGERPID", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID",    "TERM",
        "SHLVL",         "_",       NULL};
    for (const char *const *n = names; *n; n++)
        if (strcmp(name, *n) == 0)
            return true;
    return cm_starts(name, "SYSTEMD_");
}

static bool is_setting(const char *name)
{
    const char *rest = cm_starts(name, "CONNECT_") ? name + 8 : NULL;
    return rest && strchr(rest, '_') && strchr(rest, '_') == strrchr(rest, '_') && strcmp(name, "CONNECT_API_KEY") != 0;
}

static bool lists(const char *text, const char *item)
{
    size_t n = strlen(item);
    for (const char *p = text; (p = strstr(p, item)); p++)
        if ((p == text || p[-1] == ',' || p[-1] == ' ') && (p[n] == '\0' || p[n] == ',' || p[n] == ' '))
            return true;
    return false;
}

/* Without the cluster's own addresses in NO_PROXY the pod's first look at the API server goes to the proxy, and it dies. */
static char *extended_no_proxy(struct cm_config_work *w, const char *value)
{
    const char *const more[] = {w->wish->service_network ? w->wish->service_network : "localhost", ".svc", ".cluster.local", NULL};
    struct cm_str s = CM_STR(CM_STR_PAGE);
    cm_str_add(&s, value);
    for (const char *const *m = more; *m; m++)
        if (!lists(cm_str_text(&s), *m))
            cm_str_addf(&s, "%s%s", s.len ? "," : "", *m);
    return cm_str_take(&s);
}

static void add_row(struct cm_config_work *w, const char *name, enum cm_fate fate, const char *target, const char *reason)
{
    struct cm_config_row row = {.file = "the unit's environment",
                                .setting = cm_arena_strdup(w->m->arena, name),
                                .fate = fate,
                                .target = target ? cm_arena_fmt(w->m->arena, "pod.env %s", target) : NULL,
                                .reason = reason};
    cm_config_add_row(w, &row);
}

static void take_no_proxy(struct cm_config_work *w, const char *name, const char *value)
{
    cm_autofree char *longer = extended_no_proxy(w, value);
    cm_config_env_add(w, name, longer, NULL, NULL);
    add_row(w, name, CM_CHANGE, name, "the cluster's own addresses were added");
    if (!w->wish->service_network)
        cm_config_finding(w, "warning", "config.no-proxy",
                          "Add the network of the cluster's Services (for instance 10.96.0.0/12) to it.",
                          "the network of the cluster's Services is not known; %s may lack it, and then the pod asks the proxy for "
                          "the API server",
                          name);
}

static void take_variable(struct cm_config_work *w, const char *name, const char *value)
{
    struct cm_url_seen u = {0};
    bool url = cm_url_look(value, &u);
    const char *covered, *problem = value[0] == '/' ? cm_config_path_problem(w, value, &covered) : NULL;
    cm_autofree char *id = cm_fmt("config.environment.%s", name);
    if (belongs_to_the_host(name)) {
        add_row(w, name, CM_DROP, NULL, "belongs to the old server's host; a container has its own");
    } else if (cm_config_base_has_env(w, name)) {
        add_row(w, name, CM_KEEP, name, "your values give it already; they win");
    } else if (cm_setting_sounds_secret(name) || (url && u.had_password)) {
        secret_variable(w, name, name, id);
        add_row(w, name, CM_TO_SECRET, name, "it seems to hold a secret");
    } else if (!cm_env_safe(value)) {
        add_row(w, name, CM_ASK, NULL, "a character in it cannot stand in pod.env: the chart would lose the whole list");
        cm_config_finding(w, "warning", id,
                          "Take the control character or Unicode line break out of it, and add it to pod.env yourself.",
                          "%s holds a character that cannot stand in pod.env; it is left out", name);
    } else if (strcasecmp(name, "NO_PROXY") == 0) {
        take_no_proxy(w, name, value);
    } else if (problem) {
        cm_config_env_add(w, name, value, NULL, problem);
        add_row(w, name, CM_ASK, name, problem);
        cm_config_finding(w, "warning", id, "Mount it with pod.volumes and pod.volumeMounts, or leave the variable out.", "%s: %s",
                          name, problem);
    } else {
        cm_config_env_add(w, name, value, NULL, NULL);
        add_row(w, name, CM_KEEP, name, "a variable of the unit");
    }
    cm_url_seen_fini(&u);
}

static bool proxied_without_no_proxy(const char *const *variables)
{
    bool proxy = false;
    for (; *variables; variables++) {
        proxy |= strncasecmp(*variables, "http_proxy=", 11) == 0 || strncasecmp(*variables, "https_proxy=", 12) == 0;
        if (strncasecmp(*variables, "no_proxy=", 9) == 0)
            return false;
    }
    return proxy;
}

static char *name_of(const char *variable) { return cm_strndup(variable, strcspn(variable, "=")); }

void cm_config_env_unit(struct cm_config_work *w)
{
    const char *const *variables = w->wish->unit_environment;
    struct cm_index *last = cm_index_new(); /* of one name the last counts: a file's goes before the unit's own (systemd.exec(5)) */
    size_t counts;
    for (size_t i = 0; variables && variables[i]; i++) {
        cm_autofree char *name = name_of(variables[i]);
        cm_index_put(last, name, i);
    }
    for (size_t i = 0; variables && variables[i]; i++) {
        cm_autofree char *name = name_of(variables[i]);
        if (!strchr(variables[i], '=') || is_setting(name))
            continue;
        if (cm_index_get(last, name, &counts) && counts != i)
            add_row(w, name, CM_DROP, NULL, "it is given again behind this, and that one counts");
        else
            take_variable(w, name, variables[i] + strlen(name) + 1);
    }
    cm_index_free(last);
    if (variables && proxied_without_no_proxy(variables) && !cm_config_base_has_env(w, "NO_PROXY"))
        take_no_proxy(w, "NO_PROXY", "");
}
