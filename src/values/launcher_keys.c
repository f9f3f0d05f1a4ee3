/* values/launcher_keys.c: what stands below `launcher` and `config.Launcher`: each key moved, told, or handed to the file that knows its
 * part. Sources: Posit's guide "Upgrading to the direct Kubernetes runner"; the chart's NEWS for keys that are gone. Does not: edit. */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

/* ---- launcher.* ---- */

static void move_init_container(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    static const char target[] = "backends.kubernetes.defaultInitContainer";
    struct cm_yaml *init = launcher->items[i];
    const char *name = launcher->keys[i]->text;
    if (init->type != CM_YAML_MAP || !init->count) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, launcher->keys[i], cm_arena_fmt(w->arena, "launcher.%s", name), NULL, CM_DROP, "empty");
        return;
    }
    struct cm_piece *backend = cm_launcher_backend(w), *in = cm_piece_kid(backend, "defaultInitContainer");
    bool whole = !in && !launcher->flow && !cm_yaml_get(init, "tagPrefix") && !cm_yaml_get(init, "os");
    if (whole) {
        cm_take_out(w, launcher, i);
        cm_piece_pair(w, backend, "defaultInitContainer", launcher, i);
    } else {
        w->pending = cm_comments_of(w, launcher, i);
    }
    if (in)
        cm_piece_open(w, in);
    const char *setting = cm_arena_fmt(w->arena, "launcher.%s", name);
    for (size_t k = 0; k < init->count; k++) {
        const char *key = init->keys[k]->text;
        cm_take_out(w, init, k);
        if (strcmp(key, "tagPrefix") == 0 || strcmp(key, "os") == 0) {
            cm_launcher_row_below(w, init->keys[k], setting, NULL, key, CM_DROP,
                                  "removed from the chart: the tag is the chart's appVersion, or `tag`");
            continue;
        }
        if (strcmp(key, "repository") == 0 && init->items[k]->type == CM_YAML_SCALAR &&
            strstr(init->items[k]->text, "rstudio-connect-content-init"))
            cm_launcher_finding(
                w, init->keys[k], "warning", "values.init-image",
                cm_arena_fmt(w->arena, "%s.%s names the image of the old chart; its tags are other ones", setting, key),
                "Use posit/connect-content-init, or set `tag` to one that this repository has for your version.");
        if (whole)
            cm_launcher_row_below(w, init->keys[k], setting, target, key, CM_CHANGE, "moved");
        else
            cm_launcher_move(w, cm_piece_map(w, backend, "defaultInitContainer"), key, init, k, setting, target, key);
    }
    w->pending = NULL;
}

static void move_namespace(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    bool empty = cm_yaml_is_empty(launcher->items[i]);
    cm_take_out(w, launcher, i);
    if (empty) {
        cm_launcher_row(w, launcher->keys[i], "launcher.namespace", NULL, CM_DROP, "empty");
        return;
    }
    if (cm_launcher_move(w, cm_launcher_backend(w), "namespace", launcher, i, "launcher.namespace",
                         "backends.kubernetes.namespace", NULL))
        w->namespace = cm_launcher_name(launcher->items[i]); /* else config.Launcher.KubernetesNamespace had precedence */
}

/* Without templates the Launcher never saw these values. */
static void tell_unused(struct cm_launcher_work *w, const struct cm_yaml *launcher, const struct cm_yaml *key)
{
    const struct cm_yaml *values = cm_yaml_get(launcher, "templateValues");
    if (values && !cm_yaml_is_empty(values))
        cm_launcher_finding(w, key, "warning", "values.templates-off",
                            "launcher.useTemplates is false: launcher.templateValues did nothing so far",
                            "Look whether you want what they say; from now on it holds.");
}

/* Switches of the Launcher's templates: their defaults go, what somebody changed needs a person. */
static void drop_switch(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    const char *key = launcher->keys[i]->text, *setting = cm_arena_fmt(w->arena, "launcher.%s", key);
    bool templates = strcmp(key, "extraTemplates") == 0;
    bool plain =
        templates ? cm_yaml_is_empty(launcher->items[i]) : !strcmp(key, "useTemplates") || cm_yaml_is_true(launcher->items[i]);
    if (strcmp(key, "useTemplates") == 0 && cm_yaml_is_false(launcher->items[i]))
        tell_unused(w, launcher, launcher->keys[i]);
    if (plain) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, launcher->keys[i], setting, NULL, CM_DROP, "the direct runner has no templates");
        return;
    }
    cm_launcher_row(w, launcher->keys[i], setting, NULL, CM_ASK, "own templates have no equivalent; it stays and does nothing");
    cm_launcher_finding(w, launcher->keys[i], "warning", "values.templates",
                        cm_arena_fmt(w->arena, "%s: templates of your own have no equivalent in the direct runner", setting),
                        "Write what they did into backends.kubernetes.defaultResourceJobBase and defaultResourceServiceBase.");
}

static int convert_key(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    static const char *const switches[] = {"useTemplates", "extraTemplates", "includeDefaultTemplates", "includeTemplateValues",
                                           NULL};
    const char *key = launcher->keys[i]->text;
    for (const char *const *s = switches; *s; s++)
        if (strcmp(key, *s) == 0) {
            drop_switch(w, launcher, i);
            return 0;
        }
    if (strcmp(key, "enabled") == 0)
        return 0;
    if (strcmp(key, "namespace") == 0)
        move_namespace(w, launcher, i);
    else if (strcmp(key, "defaultInitContainer") == 0 || strcmp(key, "contentInitContainer") == 0)
        move_init_container(w, launcher, i);
    else if (strcmp(key, "customRuntimeYaml") == 0 || strcmp(key, "additionalRuntimeImages") == 0)
        return cm_launcher_images(w, launcher, i);
    else if (strcmp(key, "templateValues") == 0 && cm_yaml_is_empty(launcher->items[i])) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, launcher->keys[i], "launcher.templateValues", NULL, CM_DROP, "empty");
    } else if (strcmp(key, "templateValues") == 0 && launcher->items[i]->type == CM_YAML_MAP) {
        w->pending = cm_comments_of(w, launcher, i);
        return cm_launcher_template_values(w, launcher->items[i]);
    } else if (strcmp(key, "launcherKubernetesProfilesConf") != 0) {
        cm_launcher_row_below(w, launcher->keys[i], "launcher", NULL, key, CM_ASK,
                              "not a value of the chart that is known; it stays and does nothing");
    }
    return 0;
}

int cm_launcher_keys(struct cm_launcher_work *w, struct cm_yaml *launcher)
{
    for (size_t i = 0; i < launcher->count; i++)
        if (convert_key(w, launcher, i) != 0)
            return -1;
    w->pending = NULL;
    for (size_t i = 0; i < launcher->count; i++) /* last: overrides go over what was moved */
        if (strcmp(launcher->keys[i]->text, "launcherKubernetesProfilesConf") == 0)
            return cm_launcher_profiles(w, launcher, i);
    return 0;
}

/* ---- config.Launcher ---- */

static bool chart_sets(const char *key)
{
    static const char *const keys[] = {"Enabled", "Kubernetes", "KubernetesProfilesConfig", "KubernetesUseTemplates", NULL};
    for (const char *const *k = keys; *k; k++)
        if (cm_gcfg_same_name(*k, key))
            return true;
    return false;
}

/* Settings of the Launcher that mean something to the direct runner are kept (true); the others leave and are told. */
static bool convert_setting(struct cm_launcher_work *w, struct cm_yaml *settings, size_t i)
{
    const struct cm_yaml *key = settings->keys[i], *value = settings->items[i];
    static const char in[] = "config.Launcher";
    if (cm_gcfg_same_name(key->text, "DataDirPVCName")) {
        cm_launcher_row(w, key, cm_arena_fmt(w->arena, "%s.%s", in, key->text), "config.Kubernetes.DataDirPVCName", CM_CHANGE,
                        "moved");
        return true;
    }
    cm_take_out(w, settings, i);
    if (chart_sets(key->text)) {
        cm_launcher_row_below(w, key, in, NULL, key->text, CM_DROP, "the chart sets what the direct runner needs");
    } else if (cm_gcfg_same_name(key->text, "KubernetesDefaultServiceAccount") && !cm_yaml_is_empty(value)) {
        if (cm_launcher_move(w, cm_piece_path(w, cm_launcher_job(w), "spec.template.spec"), "serviceAccountName", settings, i,
                             cm_arena_fmt(w->arena, "%s.%s", in, key->text),
                             "backends.kubernetes.defaultResourceJobBase.spec.template.spec.serviceAccountName", NULL))
            w->service_account = cm_launcher_name(value);
        w->account_moved = true;
    } else if (cm_gcfg_same_name(key->text, "KubernetesNamespace") && !cm_yaml_is_empty(value)) {
        if (cm_launcher_move(w, cm_launcher_backend(w), "namespace", settings, i, cm_arena_fmt(w->arena, "%s.%s", in, key->text),
                             "backends.kubernetes.namespace", NULL))
            w->namespace = cm_launcher_name(value);
    } else {
        bool data_dir = cm_gcfg_same_name(key->text, "DataDir");
        cm_launcher_row_below(w, key, in, NULL, key->text, data_dir ? CM_ASK : CM_DROP, "the direct runner has no such setting");
        if (data_dir)
            cm_launcher_finding(
                w, key, "warning", "values.data-dir", "config.Launcher.DataDir has no equivalent",
                "Give content the shared storage by sharedStorage.create or sharedStorage.mount, with mountContent: true.");
    }
    return false;
}

/* The section is renamed where it stands, or its settings join a [Kubernetes] that is there already. */
int cm_launcher_settings(struct cm_launcher_work *w, struct cm_yaml *config, size_t i)
{
    struct cm_yaml *settings = config->items[i], *there = cm_yaml_get(config, "Kubernetes");
    bool kept = false;
    for (size_t k = 0; settings->type == CM_YAML_MAP && k < settings->count; k++) {
        if (!convert_setting(w, settings, k))
            continue;
        kept = true;
        if (there) {
            cm_piece_pair(w, cm_piece_path(w, w->top, "config.Kubernetes"), settings->keys[k]->text, settings, k);
            cm_take_out(w, settings, k);
        }
    }
    if (!kept || there) {
        if (!settings->count)
            cm_launcher_row(w, config->keys[i], "config.Launcher", NULL, CM_DROP, "empty");
        cm_take_out(w, config, i);
        return 0;
    }
    if (!config->flow)
        cm_edit_replace(w->edits, config->keys[i]->begin, config->keys[i]->end, "Kubernetes");
    w->renamed = config->keys[i]->text;
    return 0;
}
