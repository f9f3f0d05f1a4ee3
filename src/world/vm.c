/* world/vm.c: the old server's nodes: systemctl, pgrep, findmnt, license-manager, connect, and the world's own access (who reaches
 * Connect by its public name) and backup. Unit state lies in vm/state.json, per node; files under DIR/vm are real. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "world/world.h"

enum { STOP_MS = 5, COMES_BACK_MS = 40 };

static json_t *unit_of(const struct world *w, const char *host)
{
    return json_object_get(json_object_get(w->state[STATE_VM], "units"), host);
}

bool vm_node_up(const struct world *w, const char *host)
{
    const char *active = cm_json_text(unit_of(w, host), "active", "");
    return strcmp(active, "active") == 0 || strcmp(active, "deactivating") == 0;
}

bool vm_up(const struct world *w)
{
    const char *host;
    json_t *unit;
    json_object_foreach(json_object_get(w->state[STATE_VM], "units"), host, unit) if (vm_node_up(w, host)) return true;
    return false;
}

static void open_sessions(struct world *w, const char *host)
{
    cm_autofree char *owner = cm_fmt("vm:%s", host);
    cm_autofree char *problem = sessions_open(w, owner, info_text(w, "database.role"), info_text(w, "database.password"),
                                              info_text(w, "database.core"), info_text(w, "database.instrumentation"));
    if (problem != NULL)
        fprintf(stderr, "connect-migrate-world: %s: %s\n", host, problem);
}

int vm_start_all(struct world *w, struct cm_err **err)
{
    const char *host;
    json_t *unit;
    int port = (int)info_int(w, "ports.vm");
    json_object_foreach(json_object_get(w->state[STATE_VM], "units"), host, unit)
    {
        if (strcmp(cm_json_text(unit, "active", ""), "deactivating") == 0) { /* its stop ends now */
            json_object_set_new(unit, "active", json_string("inactive"));
            state_changed(w, STATE_VM);
            effect(w, "service.stop", json_pack("{s:s}", "host", host));
        }
        if (vm_node_up(w, host))
            open_sessions(w, host);
    }
    if (vm_up(w) && w->vm_listener == NULL) {
        w->vm_listener = listener_open(w, FACE_VM, NULL, &port, err);
        return w->vm_listener != NULL ? 0 : -1;
    }
    return 0;
}

static void up(struct world *w, const char *host)
{
    cm_autoerr err = NULL;
    int port = (int)info_int(w, "ports.vm");
    json_t *unit = unit_of(w, host);
    json_object_set_new(unit, "active", json_string("active"));
    json_object_set_new(unit, "pid", json_integer(4300 + 7 * world_count(w, "pid")));
    state_changed(w, STATE_VM);
    effect(w, "service.start", json_pack("{s:s}", "host", host));
    open_sessions(w, host);
    if (w->vm_listener == NULL)
        w->vm_listener = listener_open(w, FACE_VM, NULL, &port, &err);
    if (err != NULL)
        fprintf(stderr, "connect-migrate-world: %s\n", cm_err_message(err));
    violation_check(w);
}

static void down(struct world *w, const char *host)
{
    cm_autofree char *owner = cm_fmt("vm:%s", host);
    json_object_set_new(unit_of(w, host), "active", json_string("inactive"));
    state_changed(w, STATE_VM);
    sessions_close(w, owner);
    if (!vm_up(w)) {
        tasks_forget(w, "vm");
        listener_close(w->vm_listener);
        w->vm_listener = NULL;
    }
    effect(w, "service.stop", json_pack("{s:s}", "host", host));
    violation_check(w);
}

/* Stopping takes a moment; it goes on when the one who asked is gone. */
struct stopping {
    struct world *w;
    char *host;
    struct call *call;
};

struct back {
    struct world *w;
    char *host;
};

static void comes_back(void *ctx)
{
    struct back *b = ctx;
    if (drill_is(b->w, "service-comes-back") && !vm_node_up(b->w, b->host)) {
        json_t *unit = unit_of(b->w, b->host);
        if (strcmp(cm_json_text(unit, "enabled", ""), "masked") == 0) {
            json_object_set_new(unit, "enabled", json_string("enabled"));
            effect(b->w, "service.unmask", json_pack("{s:s, s:s}", "host", b->host, "by", "automation"));
        }
        up(b->w, b->host);
        state_flush(b->w);
    }
    free(b->host);
    free(b);
}

static void stopped(void *ctx)
{
    struct stopping *s = ctx;
    s->w->acting = s->call != NULL ? s->call->pid : 0;
    down(s->w, s->host);
    s->w->acting = 0;
    if (drill_is(s->w, "service-comes-back")) {
        struct back *b = cm_alloc(sizeof *b);
        *b = (struct back){s->w, cm_strdup(s->host)};
        cm_loop_timer(s->w->loop, cm_loop_now_ms(s->w->loop) + COMES_BACK_MS, 0, comes_back, b);
    }
    state_flush(s->w);
    if (s->call != NULL)
        call_done(s->call, 0);
    free(s->host);
    free(s);
}

static int stop(struct call *c, const char *host)
{
    struct world *w = c->w;
    if (strcmp(cm_json_text(unit_of(w, host), "active", ""), "active") != 0) {
        effect_noop(w, "service.stop", json_pack("{s:s}", "host", host));
        return 0;
    }
    json_object_set_new(unit_of(w, host), "active", json_string("deactivating"));
    state_changed(w, STATE_VM);
    struct stopping *s = cm_alloc(sizeof *s);
    *s = (struct stopping){w, cm_strdup(host), c};
    c->deferred = true;
    cm_loop_timer(w->loop, cm_loop_now_ms(w->loop) + STOP_MS, 0, stopped, s);
    return 0;
}

static int start(struct call *c, const char *host)
{
    if (strcmp(cm_json_text(unit_of(c->w, host), "enabled", ""), "masked") == 0)
        return call_fail(c, "Failed to start " WORLD_UNIT ": Unit " WORLD_UNIT " is masked.");
    if (vm_node_up(c->w, host))
        effect_noop(c->w, "service.start", json_pack("{s:s}", "host", host));
    else
        up(c->w, host);
    return 0;
}

static int mask(struct call *c, const char *host, bool masked, bool now)
{
    json_t *unit = unit_of(c->w, host);
    bool is = strcmp(cm_json_text(unit, "enabled", ""), "masked") == 0;
    const char *name = masked ? "service.mask" : "service.unmask";
    if (is == masked) {
        effect_noop(c->w, name, json_pack("{s:s}", "host", host));
    } else {
        if (masked)
            json_object_set(unit, "before", json_object_get(unit, "enabled"));
        json_object_set_new(unit, "enabled", json_string(masked ? "masked" : cm_json_text(unit, "before", "enabled")));
        state_changed(c->w, STATE_VM);
        effect(c->w, name, json_pack("{s:s}", "host", host));
        cm_str_addf(&c->errout, masked ? "Created symlink /etc/systemd/system/" WORLD_UNIT " → /dev/null.\n"
                                       : "Removed \"/etc/systemd/system/" WORLD_UNIT "\".\n");
    }
    return masked && now ? stop(c, host) : 0;
}

static const char *property(struct world *w, const char *host, const char *name, char *number, size_t size)
{
    const json_t *unit = unit_of(w, host);
    const char *active = cm_json_text(unit, "active", "inactive"), *enabled = cm_json_text(unit, "enabled", "enabled");
    bool masked = strcmp(enabled, "masked") == 0, runs = vm_node_up(w, host);
    if (strcmp(name, "MainPID") == 0) {
        snprintf(number, size, "%lld", runs ? (long long)cm_json_int(unit, "pid", 0) : 0LL);
        return number;
    }
    if (strcmp(name, "ActiveState") == 0)
        return active;
    if (strcmp(name, "SubState") == 0)
        return strcmp(active, "active") == 0 ? "running" : strcmp(active, "deactivating") == 0 ? "stop-sigterm" : "dead";
    if (strcmp(name, "UnitFileState") == 0)
        return enabled;
    if (strcmp(name, "LoadState") == 0)
        return masked ? "masked" : "loaded";
    if (strcmp(name, "FragmentPath") == 0)
        return masked ? "/etc/systemd/system/" WORLD_UNIT : "/lib/systemd/system/" WORLD_UNIT;
    if (strcmp(name, "Environment") == 0)
        return "LANG=en_US.UTF-8 TZ=Europe/Berlin";
    if (strcmp(name, "ConditionResult") == 0)
        return "yes";
    if (strcmp(name, "NRestarts") == 0)
        return "0";
    if (strcmp(name, "Names") == 0 || strcmp(name, "Id") == 0)
        return WORLD_UNIT;
    if (strcmp(name, "EnvironmentFiles") == 0 || strcmp(name, "DropInPaths") == 0 || strcmp(name, "Conditions") == 0 ||
        strcmp(name, "User") == 0 || strcmp(name, "Restart") == 0)
        return strcmp(name, "Restart") == 0 ? "on-failure" : "";
    return NULL; /* systemctl leaves out what it does not know */
}

static void print_property(struct call *c, const char *host, const char *name, bool bare)
{
    char number[32];
    const char *value = property(c->w, host, name, number, sizeof number);
    if (value != NULL)
        cm_str_addf(&c->out, "%s%s%s\n", bare ? "" : name, bare ? "" : "=", value);
}

static int show(struct call *c, const char *host, const json_t *names, bool bare)
{
    static const char all[] = "Id,Names,LoadState,ActiveState,SubState,FragmentPath,UnitFileState,MainPID,Environment,NRestarts";
    size_t i;
    json_t *list;
    bool some = false;
    json_array_foreach(names, i, list)
    {
        cm_autofree char *copy = cm_strdup(json_string_value(list));
        char *rest = copy;
        for (char *name; (name = strsep(&rest, ",")) != NULL;)
            print_property(c, host, name, bare);
        some = true;
    }
    if (!some) {
        cm_autofree char *copy = cm_strdup(all);
        char *rest = copy;
        for (char *name; (name = strsep(&rest, ",")) != NULL;)
            print_property(c, host, name, bare);
    }
    return 0;
}

static int show_unknown(struct call *c, const char *verb, const char *unit)
{
    if (strcmp(verb, "show") == 0) {
        cm_str_add(&c->out, "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nMainPID=0\n");
        return 0;
    }
    if (strcmp(verb, "is-active") == 0) {
        cm_str_add(&c->out, "inactive\n");
        return 3;
    }
    call_fail(c, "Failed to %s %s: Unit %s not found.", verb, unit, unit);
    return strcmp(verb, "is-enabled") == 0 ? 1 : 5;
}

static int is_state(struct call *c, const char *host, bool active)
{
    const char *state = cm_json_text(unit_of(c->w, host), active ? "active" : "enabled", "");
    cm_str_addf(&c->out, "%s\n", state);
    if (active)
        return strcmp(state, "active") == 0 ? 0 : 3;
    return strcmp(state, "enabled") == 0 ? 0 : 1;
}

static int status_of(struct call *c, const char *host)
{
    const char *active = cm_json_text(unit_of(c->w, host), "active", "");
    cm_str_addf(&c->out, "%s - Posit Connect\n     Loaded: %s\n     Active: %s\n", WORLD_UNIT,
                cm_json_text(unit_of(c->w, host), "enabled", ""), active);
    return strcmp(active, "active") == 0 ? 0 : 3;
}

static const char *host_of(const struct call *c) { return c->host[0] != '\0' ? c->host : "connect1"; }

static int run_verb(struct call *c, const char *host, const char *verb, const struct args *a)
{
    if (strcmp(verb, "show") == 0)
        return show(c, host, json_object_get(a->options, "property"), arg(a, "value", NULL) != NULL);
    if (strcmp(verb, "is-active") == 0 || strcmp(verb, "is-enabled") == 0)
        return is_state(c, host, strcmp(verb, "is-active") == 0);
    if (strcmp(verb, "stop") == 0)
        return stop(c, host);
    if (strcmp(verb, "start") == 0)
        return start(c, host);
    if (strcmp(verb, "mask") == 0 || strcmp(verb, "unmask") == 0)
        return mask(c, host, verb[0] == 'm', arg(a, "now", NULL) != NULL);
    if (strcmp(verb, "status") == 0)
        return status_of(c, host);
    if (strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0) {
        if (strcmp(cm_json_text(unit_of(c->w, host), "enabled", ""), "masked") == 0)
            return call_fail(c, "Failed to %s unit: Unit file /etc/systemd/system/" WORLD_UNIT " is masked.", verb);
        json_object_set_new(unit_of(c->w, host), "enabled", json_string(verb[0] == 'e' ? "enabled" : "disabled"));
        state_changed(c->w, STATE_VM);
        return arg(a, "now", NULL) == NULL ? 0 : verb[0] == 'e' ? start(c, host) : stop(c, host);
    }
    return call_fail(c, "Unknown command verb %s.", verb);
}

int tool_systemctl(struct call *c)
{
    static const char *const valued[] = {"property", "p=property", "type",   "t=type",   "state",     "output", "o=output",
                                         "lines",    "n=lines",    "signal", "s=signal", "kill-whom", NULL};
    static const char *const bare[] = {"value",           "now",     "no-pager",  "quiet",   "q=quiet", "all",       "a=all",
                                       "no-ask-password", "full",    "l=full",    "runtime", "plain",   "no-legend", "no-block",
                                       "force",           "f=force", "no-reload", NULL};
    struct args a;
    if (args_read(&a, c, valued, bare) != 0)
        return 1;
    const char *verb = a.count > 0 ? a.words[0] : "", *unit = a.count > 1 ? a.words[1] : "", *host = host_of(c);
    int status;
    if (unit_of(c->w, host) == NULL)
        status = call_fail(c, "Failed to connect to bus: no such host: %s", host);
    else if (strcmp(verb, "daemon-reload") == 0)
        status = 0;
    else if (strcmp(unit, "rstudio-connect") != 0 && strcmp(unit, WORLD_UNIT) != 0)
        status = show_unknown(c, verb, unit);
    else
        status = run_verb(c, host, verb, &a);
    args_fini(&a);
    return status;
}

int tool_pgrep(struct call *c)
{
    const char *host = host_of(c);
    bool count = false, list = false, found = vm_node_up(c->w, host);
    bool ours = false;
    for (int i = 0; i < c->argc; i++) {
        count = count || strcmp(c->argv[i], "-c") == 0;
        list = list || strcmp(c->argv[i], "-a") == 0 || strcmp(c->argv[i], "-l") == 0 || strcmp(c->argv[i], "-fa") == 0;
        ours = ours || strstr(c->argv[i], "connect") != NULL;
    }
    found = found && ours;
    if (count)
        cm_str_addf(&c->out, "%d\n", found ? 1 : 0);
    else if (found)
        cm_str_addf(&c->out, "%lld%s\n", (long long)cm_json_int(unit_of(c->w, host), "pid", 0),
                    list ? " /opt/rstudio-connect/bin/connect --config /etc/rstudio-connect/rstudio-connect.gcfg" : "");
    return found ? 0 : 1;
}

static void print_mount(struct call *c, const char *columns, bool as_json, const char *target, const char *source, const char *type,
                        const char *options)
{
    cm_autofree char *copy = cm_strdup(columns);
    cm_autojson one = json_object();
    char *rest = copy;
    bool first = true;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        const char *value = strcasecmp(name, "TARGET") == 0    ? target
                            : strcasecmp(name, "SOURCE") == 0  ? source
                            : strcasecmp(name, "FSTYPE") == 0  ? type
                            : strcasecmp(name, "OPTIONS") == 0 ? options
                                                               : "";
        for (char *p = name; *p != '\0'; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        json_object_set_new(one, name, json_string(value));
        if (!as_json)
            cm_str_addf(&c->out, "%s%s", first ? "" : " ", value);
        first = false;
    }
    if (as_json) {
        cm_autojson all = json_pack("{s:[O]}", "filesystems", one);
        cm_autofree char *text = json_dumps(all, JSON_INDENT(3));
        cm_str_add(&c->out, text);
    }
    cm_str_add(&c->out, "\n");
}

int tool_findmnt(struct call *c)
{
    const char *path = NULL, *columns = "TARGET,SOURCE,FSTYPE,OPTIONS";
    bool as_json = false, heading = true;
    for (int i = 0; i < c->argc; i++) {
        const char *a = c->argv[i];
        bool more = i + 1 < c->argc;
        if (a[0] != '-' || strcmp(a, "--") == 0) {
            path = a[0] != '-' ? a : path;
        } else if (a[1] == '-') {
            as_json = as_json || strcmp(a, "--json") == 0;
            heading = heading && strcmp(a, "--noheadings") != 0;
            if (strcmp(a, "--output") == 0 && more)
                columns = c->argv[++i];
            else if (strcmp(a, "--target") == 0 && more)
                path = c->argv[++i];
        } else {
            for (const char *p = a + 1; *p != '\0'; p++) {
                as_json = as_json || *p == 'J';
                heading = heading && *p != 'n';
                if (*p == 'o' && more)
                    columns = c->argv[++i];
                else if (*p == 'T' && more)
                    path = c->argv[++i];
            }
        }
    }
    cm_autofree char *data = world_path(c->w, "vm" WORLD_DATA_DIR);
    size_t n = strlen(data);
    if (!as_json && heading)
        cm_str_addf(&c->out, "%s\n", columns);
    if (path != NULL && strncmp(path, data, n) == 0 && (path[n] == '\0' || path[n] == '/') && !drill_is(c->w, "datadir-local"))
        print_mount(c, columns, as_json, data, "nfs.example.com:" WORLD_EXPORT, "nfs4",
                    "rw,relatime,vers=4.2,hard,proto=tcp,timeo=600");
    else
        print_mount(c, columns, as_json, "/", "/dev/sda1", "ext4", "rw,relatime");
    return 0;
}

int tool_license_manager(struct call *c)
{
    if (c->argc < 1 || (strcmp(c->argv[0], "status") != 0 && strcmp(c->argv[0], "status-offline") != 0)) {
        if (c->argc > 0 && strcmp(c->argv[0], "deactivate") == 0)
            return 0;
        return call_fail(c, "usage: license-manager status|status-offline|deactivate");
    }
    cm_str_addf(
        &c->out,
        "RStudio License Manager 2026.08.0\n\n-- License file status --\n\nStatus: Activated\nProduct-Key: %s\nHas-Key: Yes\n"
        "Has-Trial: No\nTier: Advanced\nSKU-Year: 2026\nEnable-Launcher: %d\nUsers: 0\nUser-Activity-Days: 365\nShiny-Users: 0\n"
        "Allow-APIs: 1\nAnonymous-Servers: 0\nUnrestricted-Servers: 0\nLicensee: World of Example\n"
        "License-File: /var/lib/rstudio-connect/connect.lic\nExpiration: 2035-06-09 00:00:00\nDays-Left: 550\n"
        "License-Engine: 1.0.0.0\nLicense-Scope: System\n\n-- Local license status --\n\nTrial-Type: Verified\nStatus: Expired\n"
        "Has-Key: No\nHas-Trial: Yes\nLicense-Scope: System\nLicense-Engine: 4.4.3.0\n\n-- Floating license status --\n\n"
        "License server not in use.\n",
        info_text(c->w, "product_key"), drill_is(c->w, "license-no-offhost") ? 0 : 1);
    return 0;
}

int tool_connect(struct call *c)
{
    cm_str_addf(&c->out, "Posit Connect v%s\n", drill_is(c->w, "versions-differ") ? "2026.07.0" : WORLD_CONNECT_VERSION);
    return 0;
}

int tool_access(struct call *c)
{
    struct world *w = c->w;
    const char *verb = c->argc > 0 ? c->argv[0] : "", *now = cm_json_text(w->state[STATE_VM], "access", "vm");
    if (strcmp(verb, "status") == 0) {
        cm_str_addf(&c->out, "%s\n", now);
        return 0;
    }
    if (strcmp(verb, "close") != 0 && strcmp(verb, "open") != 0)
        return call_fail(c, "usage: access close|open|status");
    const char *to = verb[0] == 'c' ? "closed" : pod_serving(w) != NULL ? "pod" : "vm";
    cm_autofree char *name = cm_fmt("access.%s", verb);
    if (strcmp(to, now) == 0) {
        effect_noop(w, name, NULL);
    } else {
        effect(w, name, verb[0] == 'o' ? json_pack("{s:s}", "to", to) : NULL);
        json_object_set_new(w->state[STATE_VM], "access", json_string(to));
        state_changed(w, STATE_VM);
    }
    cm_str_addf(&c->out, "%s\n", to);
    return 0;
}

int tool_backup(struct call *c)
{
    const char *verb = c->argc > 0 ? c->argv[0] : "";
    if (strcmp(verb, "status") == 0) {
        cm_str_addf(&c->out, "%s\n", cm_json_text(c->w->state[STATE_VM], "backup", "none"));
        return 0;
    }
    if (strcmp(verb, "take") != 0)
        return call_fail(c, "usage: backup take|status");
    if (vm_up(c->w) || c->w->pods != NULL)
        return call_fail(c, "backup: Connect is running; stop it first");
    cm_autofree char *reference = cm_fmt("restore-point-%ld", world_count(c->w, "backup"));
    json_object_set_new(c->w->state[STATE_VM], "backup", json_string(reference));
    state_changed(c->w, STATE_VM);
    effect(c->w, "backup.take", json_pack("{s:s}", "reference", reference));
    cm_str_addf(&c->out, "%s\n", reference);
    return 0;
}
