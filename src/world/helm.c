/* world/helm.c: the stand-in for helm. An upgrade has helm's two phases across the client's life: the revision is recorded as
 * pending, the client works on for a moment, then the manifests are applied, the old revision is superseded and the new one
 * deployed. Killed in between it stays pending; after SIGTERM it is failed. Texts are helm's. */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

#define PAUSE_MS "4"

static const char *const valued[] = {
    "namespace",    "n=namespace",  "kube-context", "kubeconfig",  "version",     "values",        "f=values",
    "labels",       "l=labels",     "timeout",      "history-max", "output",      "o=output",      "description",
    "template",     "revision",     "max",          "filter",      "selector",    "show-only",     "s=show-only",
    "api-versions", "kube-version", "repo",         "cascade",     "destination", "d=destination", NULL};
static const char *const bare[] = {"install",
                                   "i=install",
                                   "create-namespace",
                                   "no-headers",
                                   "short",
                                   "q=short",
                                   "all",
                                   "a=all",
                                   "debug",
                                   "wait",
                                   "atomic",
                                   "skip-crds",
                                   "include-crds",
                                   "no-hooks",
                                   "dry-run",
                                   "all-namespaces",
                                   "A=all-namespaces",
                                   "keep-history",
                                   "show-labels",
                                   "pending",
                                   "failed",
                                   "deployed",
                                   "reset-values",
                                   "ignore-not-found",
                                   "hide-notes",
                                   "skip-schema-validation",
                                   "is-upgrade",
                                   "disable-openapi-validation",
                                   NULL};

static int fail(struct call *c, const struct cm_err *err) { return call_fail(c, "Error: %s", cm_err_message(err)); }

json_t *release_current(struct world *w, const char *ns, const char *name)
{
    size_t i;
    json_t *r, *found = NULL;
    json_array_foreach(w->releases, i, r) if (strcmp(cm_json_text(r, "name", ""), name) == 0 &&
                                              strcmp(cm_json_text(r, "namespace", ""), ns) == 0) found = r;
    return found;
}

json_t *release_deployed(struct world *w, const char *ns, const char *name)
{
    size_t i;
    json_t *r, *found = NULL;
    json_array_foreach(w->releases, i, r) if (strcmp(cm_json_text(r, "name", ""), name) == 0 &&
                                              strcmp(cm_json_text(r, "namespace", ""), ns) == 0 &&
                                              strcmp(cm_json_text(r, "status", ""), "deployed") == 0) found = r;
    return found;
}

static const char *ns_of(const struct args *a) { return arg(a, "namespace", "default"); }

static int check_chart(struct call *c, const struct args *a, const char *chart)
{
    const char *version = arg(a, "version", "");
    if (!cm_ends(chart, WORLD_CHART) && !cm_ends(chart, WORLD_CHART "-" WORLD_CHART_VERSION ".tgz"))
        return call_fail(c, "Error: chart \"%s\" not found in https://helm.rstudio.com repository", cm_path_base(chart));
    if (version[0] != '\0' && strcmp(version, WORLD_CHART_VERSION) != 0)
        return call_fail(c,
                         "Error: chart \"" WORLD_CHART
                         "\" matching %s not found in rstudio index. (try 'helm repo update'): no chart version "
                         "found for " WORLD_CHART "-%s",
                         version, version);
    return 0;
}

/* The user's values, as given; NULL with err. */
static json_t *given_values(struct call *c, const struct args *a, struct cm_err **err)
{
    const json_t *files = json_object_get(a->options, "values");
    const char **paths = cm_alloc((json_array_size(files) + 1) * sizeof *paths);
    size_t n = 0, i;
    json_t *list;
    json_array_foreach(files, i, list)
    {
        cm_autofree char *copy = cm_strdup(json_string_value(list));
        paths[n++] = cm_path_join(c->cwd, copy);
    }
    json_t *values = values_files(paths, n, err);
    for (i = 0; i < n; i++)
        free((char *)(uintptr_t)paths[i]);
    free(paths);
    return values;
}

static json_t *render(struct call *c, const struct args *a, const char *release, json_t **given, struct cm_err **err)
{
    cm_autojson chart = values_defaults();
    *given = given_values(c, a, err);
    if (*given == NULL)
        return NULL;
    cm_autojson values = values_coalesce(json_deep_copy(*given), chart);
    return chart_render(release, ns_of(a), values, err);
}

static void print_manifests(struct cm_str *out, const json_t *manifests)
{
    size_t i;
    json_t *m;
    json_array_foreach(manifests, i, m)
    {
        cm_str_addf(out, "---\n# Source: %s\n", cm_json_text(m, "source", ""));
        yaml_print(out, json_object_get(m, "object"), 0);
    }
}

static int helm_template(struct call *c, const struct args *a)
{
    cm_autoerr err = NULL;
    cm_autojson given = NULL;
    const char *release = a->count > 2 ? a->words[1] : "release-name", *chart = a->count > 2   ? a->words[2]
                                                                                : a->count > 1 ? a->words[1]
                                                                                               : "";
    if (check_chart(c, a, chart) != 0)
        return 1;
    cm_autojson manifests = render(c, a, release, &given, &err);
    if (manifests == NULL)
        return fail(c, err);
    print_manifests(&c->out, manifests);
    return 0;
}

static void set_text(json_t *o, const char *key, const char *value) { json_object_set_new(o, key, json_string(value)); }

static void set_status(struct world *w, json_t *r, const char *status, const char *description)
{
    cm_autofree char *now = world_now();
    set_text(r, "status", status);
    set_text(r, "description", description);
    set_text(r, "modified", now);
    release_save(w, r);
}

/* Labels of users are handed down to later revisions unless given again; "null" takes one away (helm upgrade --labels). */
static json_t *labels_for(const json_t *before, const struct args *a)
{
    json_t *labels =
        json_is_object(json_object_get(before, "labels")) ? json_deep_copy(json_object_get(before, "labels")) : json_object();
    size_t i;
    json_t *list;
    json_array_foreach(json_object_get(a->options, "labels"), i, list)
    {
        cm_autofree char *copy = cm_strdup(json_string_value(list));
        char *rest = copy;
        for (char *pair; (pair = strsep(&rest, ",")) != NULL;) {
            char *equals = strchr(pair, '=');
            if (equals == NULL)
                continue;
            *equals = '\0';
            if (strcmp(equals + 1, "null") == 0)
                json_object_del(labels, pair);
            else
                set_text(labels, pair, equals + 1);
        }
    }
    return labels;
}

static json_t *record(struct call *c, const struct args *a, const json_t *before, json_t *values_taken, json_t *manifests_taken)
{
    struct world *w = c->w;
    cm_autofree char *now = world_now();
    cm_autofree char *created = world_now_s();
    json_t *r = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "name", a->words[1], "namespace", ns_of(a),
                          "revision", (json_int_t)cm_json_int(before, "revision", 0) + 1, "status",
                          before != NULL ? "pending-upgrade" : "pending-install", "description",
                          before != NULL ? "Preparing upgrade" : "Initial install underway", "modified", now, "created", created,
                          "first_deployed", cm_json_text(before, "first_deployed", now), "labels", labels_for(before, a), "values",
                          values_taken, "manifests", manifests_taken);
    json_array_append_new(w->releases, r);
    release_save(w, r);
    return r;
}

static void note_effect(struct world *w, const json_t *r, const char *status)
{
    const json_t *labels = json_object_get(r, "labels");
    const char *purpose = json_string_value(json_object_get(labels, "connect-migrate/purpose"));
    json_t *e = json_pack("{s:s, s:I, s:s}", "release", cm_json_text(r, "name", ""), "revision",
                          (json_int_t)cm_json_int(r, "revision", 0), "purpose", purpose != NULL ? purpose : "");
    if (status != NULL)
        set_text(e, "status", status);
    effect(w, "helm.upgrade", e);
}

static void prune(struct world *w, const char *ns, const char *name, long most)
{
    long have = 0;
    size_t i;
    json_t *r;
    json_array_foreach(w->releases, i, r) have +=
        strcmp(cm_json_text(r, "name", ""), name) == 0 && strcmp(cm_json_text(r, "namespace", ""), ns) == 0;
    for (i = 0; most > 0 && have > most && i < json_array_size(w->releases);) {
        r = json_array_get(w->releases, i);
        bool ours = strcmp(cm_json_text(r, "name", ""), name) == 0 && strcmp(cm_json_text(r, "namespace", ""), ns) == 0;
        if (ours && strcmp(cm_json_text(r, "status", ""), "deployed") != 0) {
            release_remove(w, r);
            have--;
        } else {
            i++;
        }
    }
}

static void say_deployed(struct call *c, const json_t *r)
{
    long long revision = (long long)cm_json_int(r, "revision", 0);
    const char *name = cm_json_text(r, "name", ""), *ns = cm_json_text(r, "namespace", "");
    cm_autojson chart = values_defaults();
    cm_autojson values = values_coalesce(json_deep_copy(json_object_get(r, "values")), chart);
    cm_autofree char *notes = chart_notes(name, ns, values);
    if (revision > 1)
        cm_str_addf(&c->out, "Release \"%s\" has been upgraded. Happy Helming!\n", name);
    cm_str_addf(&c->out, "NAME: %s\nLAST DEPLOYED: %s\nNAMESPACE: %s\nSTATUS: %s\nREVISION: %lld\nTEST SUITE: None\nNOTES:\n%s",
                name, cm_json_text(r, "modified", ""), ns, cm_json_text(r, "status", ""), revision, notes);
}

/* What the second phase needs of the first; lives with the call. */
struct upgrade {
    char *ns, *name;
    long long revision;
    long history;
};

static void upgrade_free(struct upgrade *u)
{
    free(u->ns);
    free(u->name);
    free(u);
}

static json_t *find_revision(struct world *w, const struct upgrade *u)
{
    size_t i;
    json_t *r;
    json_array_foreach(w->releases, i, r) if (strcmp(cm_json_text(r, "name", ""), u->name) == 0 &&
                                              strcmp(cm_json_text(r, "namespace", ""), u->ns) == 0 &&
                                              cm_json_int(r, "revision", 0) == u->revision) return r;
    return NULL;
}

/* Somebody else upgrades right behind us, without labels: helm hands ours down to their revision. */
static void others_upgrade(struct world *w, json_t *ours)
{
    json_t *r = json_deep_copy(ours);
    cm_autofree char *created = world_now_s();
    json_object_set_new(r, "revision", json_integer(cm_json_int(ours, "revision", 0) + 1));
    set_text(r, "created", created);
    set_text(r, "by", "somebody else");
    json_array_append_new(w->releases, r);
    set_status(w, ours, "superseded", "Upgrade complete");
    set_status(w, r, "deployed", "Upgrade complete");
    effect(w, "helm.upgrade",
           json_pack("{s:s, s:I, s:s, s:s}", "release", cm_json_text(r, "name", ""), "revision",
                     (json_int_t)cm_json_int(r, "revision", 0), "purpose", "", "by", "somebody else"));
}

void helm_others_withdraw(struct world *w)
{
    for (size_t i = json_array_size(w->releases); i-- > 0;) {
        json_t *r = json_array_get(w->releases, i);
        if (json_object_get(r, "by") == NULL)
            continue;
        cm_autofree char *ns = cm_strdup(cm_json_text(r, "namespace", ""));
        cm_autofree char *name = cm_strdup(cm_json_text(r, "name", ""));
        effect(w, "secret.delete",
               json_pack("{s:s, s:I, s:s}", "release", name, "revision", (json_int_t)cm_json_int(r, "revision", 0), "by",
                         "somebody else"));
        release_remove(w, r);
        json_t *ours = release_current(w, ns, name);
        if (ours != NULL)
            set_status(w, ours, "deployed", "Upgrade complete");
    }
}

static int finish(struct call *c, const struct upgrade *u, json_t *r)
{
    struct world *w = c->w;
    json_t *old = release_deployed(w, u->ns, u->name);
    if (drill_is(w, "helm-fails")) {
        set_status(w, r, "failed", "Upgrade \"rstudio-connect-prod\" failed: admission webhook denied the request");
        note_effect(w, r, "failed");
        return call_fail(
            c,
            "Error: %s FAILED: cannot patch \"%s\" with kind Deployment: admission webhook \"policy.example.com\" denied the "
            "request: images must come from registry.example.com",
            u->revision > 1 ? "UPGRADE" : "INSTALLATION", u->name);
    }
    kube_apply(w, r, json_object_get(old, "manifests"), json_object_get(r, "manifests"));
    if (old != NULL)
        set_status(w, old, "superseded", cm_json_text(old, "description", ""));
    set_status(w, r, "deployed", u->revision > 1 ? "Upgrade complete" : "Install complete");
    note_effect(w, r, NULL);
    prune(w, u->ns, u->name, u->history);
    say_deployed(c, r);
    if (drill_once(w, "foreign-helm", "first"))
        others_upgrade(w, r);
    return 0;
}

static void second_phase(struct call *c, char byte)
{
    struct upgrade *u = c->ctx;
    json_t *r = find_revision(c->w, u);
    int status = 1;
    c->ctx = NULL;
    c->deferred = byte != 0; /* 0: the client is gone; the revision stays pending */
    if (byte == 'T' && r != NULL) {
        set_status(c->w, r, "failed", "Release interrupted");
        call_fail(c, "Release %s has been cancelled.\nError: %s FAILED: context canceled", u->name,
                  u->revision > 1 ? "UPGRADE" : "INSTALLATION");
    } else if (byte == 'C' && r != NULL) {
        status = finish(c, u, r);
    } else if (byte == 'C') {
        call_fail(c, "Error: UPGRADE FAILED: release: not found");
    }
    upgrade_free(u);
    if (byte != 0)
        call_done(c, status);
}

static int owned_by_others(struct call *c, const char *release, const char *ns, const json_t *manifests)
{
    size_t i;
    json_t *m;
    json_array_foreach(manifests, i, m)
    {
        const json_t *o = json_object_get(m, "object");
        const json_t *live = object_find(c->w, cm_json_text(o, "kind", ""), ns, object_name(o));
        const char *owner =
            json_string_value(json_object_get(cm_json_at(live, "metadata.annotations"), "meta.helm.sh/release-name"));
        if (live != NULL && (owner == NULL || strcmp(owner, release) != 0))
            return call_fail(
                c,
                "Error: Unable to continue with install: %s \"%s\" in namespace \"%s\" exists and cannot be imported into the current "
                "release: invalid ownership metadata; annotation validation error: missing key \"meta.helm.sh/release-name\": must be "
                "set to \"%s\"",
                cm_json_text(o, "kind", ""), object_name(o), ns, release);
    }
    return 0;
}

static int helm_upgrade(struct call *c, const struct args *a)
{
    struct world *w = c->w;
    cm_autoerr err = NULL;
    json_t *given = NULL;
    if (a->count < 3)
        return call_fail(c, "Error: \"helm upgrade\" requires 2 arguments");
    json_t *before = release_current(w, ns_of(a), a->words[1]);
    if (check_chart(c, a, a->words[2]) != 0)
        return 1;
    if (before == NULL && arg(a, "install", NULL) == NULL)
        return call_fail(c, "Error: UPGRADE FAILED: \"%s\" has no deployed releases", a->words[1]);
    if (before != NULL && cm_starts(cm_json_text(before, "status", ""), "pending"))
        return call_fail(c, "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress");
    json_t *manifests = render(c, a, a->words[1], &given, &err);
    if (manifests == NULL) {
        json_decref(given);
        return call_fail(c, "Error: %s%s", before != NULL ? "UPGRADE FAILED: " : "", cm_err_message(err));
    }
    if (owned_by_others(c, a->words[1], ns_of(a), manifests) != 0) {
        json_decref(given);
        json_decref(manifests);
        return 1;
    }
    drill_before_helm(w);
    const json_t *r = record(c, a, before, given, manifests);
    struct upgrade *u = cm_alloc(sizeof *u);
    *u = (struct upgrade){cm_strdup(ns_of(a)), cm_strdup(a->words[1]), (long long)cm_json_int(r, "revision", 0),
                          strtol(arg(a, "history-max", "10"), NULL, 10)};
    c->ctx = u;
    c->on_byte = second_phase;
    c->deferred = true;
    if (before == NULL)
        cm_str_addf(&c->out, "Release \"%s\" does not exist. Installing it now.\n", a->words[1]);
    if (drill_is(w, "helm-killed"))
        kill(c->pid, SIGKILL);
    const char *pause = drill_is(w, "helm-slow") ? "5000" : PAUSE_MS;
    call_frame(c, 'P', pause, strlen(pause) + 1);
    return 0;
}

static int helm_uninstall(struct call *c, const struct args *a)
{
    struct world *w = c->w;
    const char *name = a->count > 1 ? a->words[1] : "";
    json_t *r = release_current(w, ns_of(a), name);
    if (r == NULL)
        return call_fail(c, "Error: uninstall: Release not loaded: %s: release: not found", name);
    json_t *deployed = release_deployed(w, ns_of(a), name);
    kube_delete_manifests(w, json_object_get(deployed != NULL ? deployed : r, "manifests"));
    while ((r = release_current(w, ns_of(a), name)) != NULL)
        release_remove(w, r);
    effect(w, "helm.uninstall", json_pack("{s:s}", "release", name));
    cm_str_addf(&c->out, "release \"%s\" uninstalled\n", name);
    return 0;
}

static void print_json(struct call *c, json_t *taken)
{
    cm_autofree char *text = json_dumps(taken, JSON_COMPACT);
    cm_str_addf(&c->out, "%s\n", text);
    json_decref(taken);
}

static json_t *listed(const json_t *r)
{
    cm_autofree char *revision = cm_fmt("%lld", (long long)cm_json_int(r, "revision", 0));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", cm_json_text(r, "name", ""), "namespace",
                     cm_json_text(r, "namespace", ""), "revision", revision, "updated", cm_json_text(r, "modified", ""), "status",
                     cm_json_text(r, "status", ""), "chart", WORLD_CHART "-" WORLD_CHART_VERSION, "app_version",
                     WORLD_CONNECT_VERSION);
}

static int helm_list(struct call *c, const struct args *a)
{
    json_t *all = json_array(), *r;
    size_t i;
    json_array_foreach(c->w->releases, i,
                       r) if (release_current(c->w, cm_json_text(r, "namespace", ""), cm_json_text(r, "name", "")) == r &&
                              (arg(a, "all-namespaces", NULL) != NULL || strcmp(cm_json_text(r, "namespace", ""), ns_of(a)) == 0))
        json_array_append_new(all, listed(r));
    print_json(c, all);
    return 0;
}

static int helm_history(struct call *c, const struct args *a)
{
    const char *name = a->count > 1 ? a->words[1] : "";
    json_t *all = json_array(), *r;
    size_t i;
    json_array_foreach(c->w->releases, i, r) if (strcmp(cm_json_text(r, "name", ""), name) == 0 &&
                                                 strcmp(cm_json_text(r, "namespace", ""), ns_of(a)) == 0)
        json_array_append_new(all,
                              json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "revision", (json_int_t)cm_json_int(r, "revision", 0),
                                        "updated", cm_json_text(r, "modified", ""), "status", cm_json_text(r, "status", ""),
                                        "chart", WORLD_CHART "-" WORLD_CHART_VERSION, "app_version", WORLD_CONNECT_VERSION,
                                        "description", cm_json_text(r, "description", "")));
    if (json_array_size(all) == 0) {
        json_decref(all);
        return call_fail(c, "Error: release: not found");
    }
    print_json(c, all);
    return 0;
}

static int helm_get(struct call *c, const struct args *a)
{
    const char *what = a->count > 1 ? a->words[1] : "", *name = a->count > 2 ? a->words[2] : "";
    const struct upgrade asked = {(char *)(uintptr_t)ns_of(a), (char *)(uintptr_t)name, strtoll(arg(a, "revision", "0"), NULL, 10),
                                  0};
    const json_t *r = asked.revision > 0 ? find_revision(c->w, &asked) : release_current(c->w, ns_of(a), name);
    if (r == NULL)
        return call_fail(c, "Error: release: not found");
    if (strcmp(what, "manifest") == 0) {
        print_manifests(&c->out, json_object_get(r, "manifests"));
    } else if (strcmp(what, "values") == 0) {
        json_t *values = json_deep_copy(json_object_get(r, "values"));
        if (arg(a, "all", NULL) != NULL) {
            cm_autojson chart = values_defaults();
            values = values_coalesce(values, chart);
        }
        if (strcmp(arg(a, "output", "yaml"), "json") == 0)
            print_json(c, values);
        else {
            yaml_print(&c->out, values, 0);
            json_decref(values);
        }
    } else if (strcmp(what, "metadata") == 0) {
        print_json(c, listed(r));
    } else if (strcmp(what, "notes") != 0) {
        return call_fail(c, "Error: unknown command \"%s\" for \"helm get\"", what);
    }
    return 0;
}

static int helm_status(struct call *c, const struct args *a)
{
    const json_t *r = a->count > 1 ? release_current(c->w, ns_of(a), a->words[1]) : NULL;
    if (r == NULL)
        return call_fail(c, "Error: release: not found");
    if (strcmp(arg(a, "output", "table"), "json") != 0) {
        say_deployed(c, r);
        return 0;
    }
    print_json(c, json_pack("{s:s, s:s, s:I, s:{s:s, s:s, s:s, s:s}, s:O}", "name", cm_json_text(r, "name", ""), "namespace",
                            cm_json_text(r, "namespace", ""), "version", (json_int_t)cm_json_int(r, "revision", 0), "info",
                            "status", cm_json_text(r, "status", ""), "description", cm_json_text(r, "description", ""),
                            "first_deployed", cm_json_text(r, "first_deployed", ""), "last_deployed",
                            cm_json_text(r, "modified", ""), "config", json_object_get(r, "values")));
    return 0;
}

static int helm_show(struct call *c, const struct args *a)
{
    const char *what = a->count > 1 ? a->words[1] : "", *chart = a->count > 2 ? a->words[2] : "";
    if (check_chart(c, a, chart) != 0)
        return 1;
    if (strcmp(what, "values") == 0) {
        cm_autojson values = values_defaults();
        yaml_print(&c->out, values, 0);
        return 0;
    }
    cm_str_add(&c->out,
               "apiVersion: v2\nappVersion: " WORLD_CONNECT_VERSION "\ndependencies:\n- name: rstudio-library\n"
               "  repository: https://helm.rstudio.com\n  version: 0.1.36\ndescription: Official Helm chart for Posit Connect\n"
               "home: https://www.rstudio.com\nname: " WORLD_CHART "\nversion: " WORLD_CHART_VERSION "\n");
    return 0;
}

/* No archive that anybody unpacks: the world knows its chart by the name. */
static int helm_pull(struct call *c, const struct args *a)
{
    cm_autoerr err = NULL;
    static const char text[] = "the world's chart\n";
    if (check_chart(c, a, a->count > 1 ? a->words[1] : "") != 0)
        return 1;
    cm_autofree char *folder = cm_path_join(c->cwd, arg(a, "destination", "."));
    cm_autofree char *path = cm_path_join(folder, WORLD_CHART "-" WORLD_CHART_VERSION ".tgz");
    return cm_file_write(path, text, strlen(text), 0644, &err) < 0 ? fail(c, err) : 0;
}

static int helm_version(struct call *c, const struct args *a)
{
    if (arg(a, "template", NULL) != NULL)
        cm_str_add(&c->out, "v3.19.0");
    else if (arg(a, "short", NULL) != NULL)
        cm_str_add(&c->out, "v3.19.0+g3d8990f\n");
    else
        cm_str_add(
            &c->out,
            "version.BuildInfo{Version:\"v3.19.0\", GitCommit:\"3d8990f\", GitTreeState:\"clean\", GoVersion:\"go1.24.7\"}\n");
    return 0;
}

int tool_helm(struct call *c)
{
    static const struct {
        const char *verb;
        int (*run)(struct call *, const struct args *);
        bool offline;
    } verbs[] = {
        {"version", helm_version, true},
        {"template", helm_template, true},
        {"show", helm_show, true},
        {"upgrade", helm_upgrade, false},
        {"uninstall", helm_uninstall, false},
        {"list", helm_list, false},
        {"ls", helm_list, false},
        {"history", helm_history, false},
        {"get", helm_get, false},
        {"status", helm_status, false},
        {"pull", helm_pull, true},
    };
    struct args a;
    int status = -1;
    if (args_read(&a, c, valued, bare) != 0)
        return 1;
    const char *verb = a.count > 0 ? a.words[0] : "", *context = arg(&a, "kube-context", "world");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].verb) != 0)
            continue;
        status = !verbs[i].offline && strcmp(context, "world") != 0
                     ? call_fail(c, "Error: Kubernetes cluster unreachable: context \"%s\" does not exist", context)
                     : verbs[i].run(c, &a);
        break;
    }
    if (status < 0)
        status = call_fail(c, "Error: unknown command \"%s\" for \"helm\"", verb);
    args_fini(&a);
    return status;
}
