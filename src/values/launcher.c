/* values/launcher.c: Launcher values to the direct Kubernetes runner's. Looks what the file says, has each part moved or told
 * (launcher_*.c), puts the changes together and has them proved (edit.h).
 *
 * Sources: Posit's guide "Upgrading to the direct Kubernetes runner"; the chart's NEWS for what an absent launcher.enabled meant
 * (true from 0.8.0 to 0.20.0, else false) and for values that are gone (image.tagPrefix). Does not: write files. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "values/launcher_work.h"

/* ---- saying ---- */

static const char *place_of(struct cm_launcher_work *w, const struct cm_yaml *at, bool column)
{
    return column ? cm_arena_fmt(w->arena, "%s:%zu:%zu", w->wish->name, at->line, at->column)
                  : cm_arena_fmt(w->arena, "%s:%zu", w->wish->name, at->line);
}

void cm_launcher_row(struct cm_launcher_work *w, const struct cm_yaml *at, const char *setting, const char *target,
                     enum cm_fate fate, const char *reason)
{
    json_array_append_new(w->out->account, json_pack("{s:s, s:I, s:s, s:s?, s:s, s:s}", "source", place_of(w, at, false), "line",
                                                     (json_int_t)at->line, "setting", setting, "target", target, "disposition",
                                                     cm_fate_word(fate), "reason", reason));
}

void cm_launcher_finding(struct cm_launcher_work *w, const struct cm_yaml *at, const char *verdict, const char *id,
                         const char *seen, const char *remedy)
{
    const char *text = cm_arena_fmt(w->arena, "%s: %s", place_of(w, at, true), seen);
    json_array_append_new(w->out->findings,
                          json_pack("{s:s, s:s, s:s, s:s}", "id", id, "verdict", verdict, "seen", text, "remedy", remedy));
}

/* ---- looking ---- */

bool cm_yaml_is_empty(const struct cm_yaml *node)
{
    if (node->type != CM_YAML_SCALAR)
        return node->type != CM_YAML_ALIAS && node->count == 0;
    return node->text_bytes == 0 || (node->plain && (!strcmp(node->text, "~") || !strcasecmp(node->text, "null")));
}

bool cm_yaml_is_false(const struct cm_yaml *node)
{
    bool value = true;
    return node->type == CM_YAML_SCALAR && node->plain && strcmp(node->text, "0") != 0 &&
           ((cm_gcfg_bool_word(node->text, &value) && !value) || !strcasecmp(node->text, "n"));
}

bool cm_yaml_is_true(const struct cm_yaml *node)
{
    bool value = false;
    return node->type == CM_YAML_SCALAR && node->plain && strcmp(node->text, "1") != 0 &&
           ((cm_gcfg_bool_word(node->text, &value) && value) || !strcasecmp(node->text, "y"));
}

static void add_comment(struct cm_str *out, const char *s, size_t from, size_t to)
{
    while (from < to && strchr(" \t", s[from]))
        from++;
    while (to > from && strchr(" \t\r\n", s[to - 1]))
        to--;
    if (from < to && s[from] == '#') {
        cm_str_add_bytes(out, s + from, to - from);
        cm_str_add(out, "\n");
    }
}

const char *cm_comment_behind(struct cm_launcher_work *w, const struct cm_yaml *key, const struct cm_yaml *value)
{
    size_t bytes, from = key->end;
    const char *s = cm_yaml_source(w->doc, &bytes);
    struct cm_str out = CM_STR(CM_STR_LINE);
    bool on_its_line = cm_edit_line_begin(w->doc, value->begin) == cm_edit_line_begin(w->doc, key->begin);
    if (on_its_line && value->end > from)
        from = value->end;
    while (from < bytes && strchr(": \t", s[from]))
        from++;
    add_comment(&out, s, from, cm_edit_line_end(w->doc, from));
    char *text = out.len ? cm_arena_strdup(w->arena, cm_str_text(&out)) : NULL;
    if (text)
        text[strlen(text) - 1] = '\0';
    cm_str_fini(&out);
    return text;
}

/* What a map that dissolves has above its key and behind it, and above the maps around it that dissolve with it. */
const char *cm_comments_above(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i)
{
    struct cm_extent at;
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    if (map->flow || cm_edit_pair(w->doc, map, i, &at, NULL) != 0)
        return w->pending;
    struct cm_str out = CM_STR(CM_STR_PAGE);
    cm_str_add(&out, w->pending ? w->pending : "");
    for (size_t p = at.begin; p < at.line; p = cm_edit_line_end(w->doc, p))
        add_comment(&out, s, p, cm_edit_line_end(w->doc, p));
    const char *text = out.len ? cm_arena_strdup(w->arena, cm_str_text(&out)) : NULL;
    cm_str_fini(&out);
    return text;
}

struct cm_piece *cm_launcher_backend(struct cm_launcher_work *w) { return cm_piece_path(w, w->top, "backends.kubernetes"); }
struct cm_piece *cm_launcher_job(struct cm_launcher_work *w)
{
    return cm_piece_map(w, cm_launcher_backend(w), "defaultResourceJobBase");
}
struct cm_piece *cm_launcher_service(struct cm_launcher_work *w)
{
    return cm_piece_map(w, cm_launcher_backend(w), "defaultResourceServiceBase");
}

/* ---- launcher.* ---- */

static void move_init_container(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    struct cm_yaml *init = launcher->items[i];
    const char *name = launcher->keys[i]->text;
    if (init->type != CM_YAML_MAP || !init->count) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, launcher->keys[i], cm_arena_fmt(w->arena, "launcher.%s", name), NULL, CM_DROP, "empty");
        return;
    }
    w->pending = cm_comments_above(w, launcher, i);
    for (size_t k = 0; k < init->count; k++) {
        const char *key = init->keys[k]->text, *setting = cm_arena_fmt(w->arena, "launcher.%s.%s", name, key);
        cm_take_out(w, init, k);
        if (strcmp(key, "tagPrefix") == 0 || strcmp(key, "os") == 0) {
            cm_launcher_row(w, init->keys[k], setting, NULL, CM_DROP,
                            "removed from the chart: the tag is the chart's appVersion, or `tag`");
            continue;
        }
        if (strcmp(key, "repository") == 0 &&
            strstr(init->items[k]->text ? init->items[k]->text : "", "rstudio-connect-content-init"))
            cm_launcher_finding(w, init->keys[k], "warning", "values.init-image",
                                cm_arena_fmt(w->arena, "%s names the image of the old chart; its tags are other ones", setting),
                                "Use posit/connect-content-init, or set `tag` to one that this repository has for your version.");
        cm_piece_pair(w, cm_piece_map(w, cm_launcher_backend(w), "defaultInitContainer"), key, init, k);
        cm_launcher_row(w, init->keys[k], setting, cm_arena_fmt(w->arena, "backends.kubernetes.defaultInitContainer.%s", key),
                        CM_CHANGE, "moved");
    }
    w->pending = NULL;
}

static void move_namespace(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    bool empty = cm_yaml_is_empty(launcher->items[i]);
    cm_take_out(w, launcher, i);
    if (!empty) {
        cm_piece_pair(w, cm_launcher_backend(w), "namespace", launcher, i);
        w->namespace = launcher->items[i]->text;
    }
    cm_launcher_row(w, launcher->keys[i], "launcher.namespace", empty ? NULL : "backends.kubernetes.namespace",
                    empty ? CM_DROP : CM_CHANGE, empty ? "empty" : "moved");
}

/* Switches of the Launcher's templates: their defaults go, what somebody changed needs a person. */
static void drop_switch(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    const char *key = launcher->keys[i]->text, *setting = cm_arena_fmt(w->arena, "launcher.%s", key);
    bool templates = strcmp(key, "extraTemplates") == 0;
    bool plain =
        templates ? cm_yaml_is_empty(launcher->items[i]) : !strcmp(key, "useTemplates") || cm_yaml_is_true(launcher->items[i]);
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
        w->pending = cm_comments_above(w, launcher, i);
        return cm_launcher_template_values(w, launcher->items[i]);
    } else if (strcmp(key, "launcherKubernetesProfilesConf") != 0) {
        cm_launcher_row(w, launcher->keys[i], cm_arena_fmt(w->arena, "launcher.%s", key), NULL, CM_ASK,
                        "not a value of the chart that is known; it stays and does nothing");
    }
    return 0;
}

static int convert_launcher(struct cm_launcher_work *w, struct cm_yaml *launcher)
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
    const char *setting = cm_arena_fmt(w->arena, "config.Launcher.%s", key->text);
    if (cm_gcfg_same_name(key->text, "DataDirPVCName")) {
        cm_launcher_row(w, key, setting, "config.Kubernetes.DataDirPVCName", CM_CHANGE, "moved");
        return true;
    }
    cm_take_out(w, settings, i);
    if (chart_sets(key->text)) {
        cm_launcher_row(w, key, setting, NULL, CM_DROP, "the chart sets what the direct runner needs");
    } else if (cm_gcfg_same_name(key->text, "KubernetesDefaultServiceAccount") && !cm_yaml_is_empty(value)) {
        w->service_account = value->text;
        cm_piece_pair(w, cm_piece_path(w, cm_launcher_job(w), "spec.template.spec"), "serviceAccountName", settings, i);
        cm_launcher_row(w, key, setting, "backends.kubernetes.defaultResourceJobBase.spec.template.spec.serviceAccountName",
                        CM_CHANGE, "moved");
    } else if (cm_gcfg_same_name(key->text, "KubernetesNamespace") && !cm_yaml_is_empty(value)) {
        w->namespace = value->text;
        cm_piece_pair(w, cm_launcher_backend(w), "namespace", settings, i);
        cm_launcher_row(w, key, setting, "backends.kubernetes.namespace", CM_CHANGE, "moved");
    } else {
        bool data_dir = cm_gcfg_same_name(key->text, "DataDir");
        cm_launcher_row(w, key, setting, NULL, data_dir ? CM_ASK : CM_DROP, "the direct runner has no such setting");
        if (data_dir)
            cm_launcher_finding(
                w, key, "warning", "values.data-dir", "config.Launcher.DataDir has no equivalent",
                "Give content the shared storage by sharedStorage.create or sharedStorage.mount, with mountContent: true.");
    }
    return false;
}

/* The section is renamed where it stands, or its settings join a [Kubernetes] that is there already. */
static int convert_config(struct cm_launcher_work *w, struct cm_yaml *config, size_t i)
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

/* ---- the whole file ---- */

static void drop_tag_prefix(struct cm_launcher_work *w)
{
    struct cm_yaml *image = cm_yaml_get(w->root, "image");
    for (size_t i = 0; image && image->type == CM_YAML_MAP && i < image->count; i++) {
        if (strcmp(image->keys[i]->text, "tagPrefix") != 0)
            continue;
        const struct cm_yaml *tag = cm_yaml_get(image, "tag");
        bool matters = !cm_yaml_is_empty(image->items[i]) && (!tag || cm_yaml_is_empty(tag));
        cm_take_out(w, image, i);
        cm_launcher_row(w, image->keys[i], "image.tagPrefix", NULL, matters ? CM_ASK : CM_DROP,
                        "removed from the chart: a tag is VERSION-OS now (image.os)");
        if (matters)
            cm_launcher_finding(w, image->keys[i], "warning", "values.image-tag",
                                "image.tagPrefix is gone; the chart asks the repository for the tag VERSION-OS now",
                                "Use the repository posit/connect, or set image.tag to one that your repository has.");
    }
}

/* Was the Launcher on? Where nothing says it, the chart's version decides. */
static void explain_absent_enabled(struct cm_launcher_work *w, const struct cm_yaml *at)
{
    const char *v = w->wish->chart_version;
    if (w->wish->was != CM_LAUNCHER_NOT_KNOWN)
        return;
    if (!v) {
        cm_launcher_finding(
            w, at, "unknown", "values.chart-version",
            "launcher.enabled is not said; from chart 0.8.0 to 0.20.0 the Launcher was on by default, in others off",
            "Say with --chart-version VERSION which chart the file was written for; it was converted as if the Launcher was on.");
    } else if (cm_version_compare(v, "0.8.0") < 0 || cm_version_compare(v, "0.20.0") > 0) {
        cm_launcher_finding(
            w, at, "warning", "values.launcher-off",
            cm_arena_fmt(w->arena, "launcher.enabled is not said, and with chart %s the Launcher was off: these values did nothing",
                         v),
            "Look whether you want what they say; from now on it holds.");
    }
}

static int set_enabled(struct cm_launcher_work *w, struct cm_yaml *launcher, const struct cm_yaml *key)
{
    struct cm_yaml *enabled = cm_yaml_get(launcher, "enabled");
    if (enabled)
        cm_launcher_row(w, cm_yaml_key(launcher, "enabled"), "launcher.enabled", "backends.kubernetes.enabled", CM_CHANGE,
                        "the Launcher is off, the direct runner on");
    else
        explain_absent_enabled(w, key);
    if (launcher->flow) {
        json_t *stays = cm_pruned(w, launcher);
        json_object_set_new(stays, "enabled", json_false());
        json_object_set_new(w->expected, "launcher", stays);
        cm_autofree char *rest = json_dumps(stays, JSON_ENCODE_ANY);
        cm_edit_replace(w->edits, launcher->body, launcher->end, rest);
        return 0;
    }
    json_object_set_new(cm_edit_open_key(w->edits, w->expected, "launcher", launcher), "enabled", json_false());
    if (enabled) {
        cm_edit_replace(w->edits, enabled->begin, enabled->end, "false");
        return 0;
    }
    size_t at = cm_edit_line_end(w->doc, key->end);
    size_t indent = launcher->keys[0]->begin - cm_edit_line_begin(w->doc, launcher->keys[0]->begin);
    cm_autofree char *line = cm_fmt("%*senabled: false\n", (int)indent, "");
    return cm_insert_lines(w, at, (long)indent * 2, line);
}

/* New keys of the root stand behind `launcher`, or at the end, each with a blank line above it. */
static int add_to_root(struct cm_launcher_work *w, size_t launcher)
{
    for (size_t k = 0; k < w->top->count; k++) {
        struct cm_piece *p = w->top->kids[k];
        struct cm_piece one = {.kind = CM_PIECE_MAP, .kids = &p, .count = 1};
        if (cm_yaml_get(w->root, p->key)) {
            if (cm_place(w, &one, w->root, w->expected, "") != 0)
                return -1;
            continue;
        }
        struct cm_extent at;
        if (cm_edit_pair(w->doc, w->root, launcher < w->root->count ? launcher : w->root->count - 1, &at, w->err) != 0)
            return -1;
        struct cm_str lines = CM_STR(CM_STR_BIG);
        cm_str_add(&lines, "\n");
        cm_piece_write(w, p, (long)w->root->keys[0]->column - 1, &lines);
        int rc = cm_insert_lines(w, at.end, 0, cm_str_text(&lines));
        cm_str_fini(&lines);
        json_object_set_new(w->expected, p->key, cm_piece_expected(w, p));
        if (rc != 0)
            return -1;
    }
    return 0;
}

static void say_commands(struct cm_launcher_work *w)
{
    const char *ns = w->namespace ? w->namespace : "<namespace>";
    const char *names[] = {w->service_account, "default"};
    for (int i = 0; i < 2; i++)
        if (names[i] && *names[i])
            json_array_append_new(w->out->commands,
                                  json_string(cm_arena_fmt(
                                      w->arena, "kubectl label sa %s connect.posit.co/service-account=true -n %s", names[i], ns)));
}

/* exactly: as helm finds it; else as Connect would, without case. */
static size_t index_in(const struct cm_yaml *map, const char *key, bool exactly)
{
    size_t i = 0;
    while (map && map->type == CM_YAML_MAP && i < map->count &&
           (exactly ? strcmp(map->keys[i]->text, key) != 0 : !cm_gcfg_same_name(map->keys[i]->text, key)))
        i++;
    return map && map->type == CM_YAML_MAP && i < map->count ? i : (size_t)-1;
}

static int check_safe(struct cm_launcher_work *w, const struct cm_yaml *launcher, const struct cm_yaml *settings)
{
    const struct cm_yaml *backends = cm_yaml_get(w->root, "backends");
    if (w->root->flow) {
        cm_fail(w->err, CM_E_USAGE, "%s:%zu:%zu: a whole file in flow style cannot be edited safely", w->wish->name, w->root->line,
                w->root->column);
        cm_hint(w->err, "Write the file in block style, then start again. Nothing was changed.");
        return -1;
    }
    if ((launcher && cm_edit_safe(w->doc, launcher, w->err) != 0) || (settings && cm_edit_safe(w->doc, settings, w->err) != 0))
        return -1;
    return backends ? cm_edit_safe(w->doc, backends, w->err) : 0;
}

static void rename_section(const struct cm_launcher_work *w, json_t *config)
{
    json_object_set(config, "Kubernetes", json_object_get(config, w->renamed));
    json_object_del(config, w->renamed);
}

/* A config in flow style is written anew, the section renamed in it. */
static void rewrite_config(struct cm_launcher_work *w, const struct cm_yaml *config)
{
    json_t *stays = cm_pruned(w, config);
    json_object_set_new(w->expected, "config", stays);
    rename_section(w, stays);
    cm_autofree char *rest = json_dumps(stays, JSON_ENCODE_ANY);
    cm_edit_replace(w->edits, config->body, config->end, rest);
}

/* All that was noted to leave; a map that nothing stays of goes whole (`config:` with nothing below would be null to helm). */
static int take_out_all(struct cm_launcher_work *w)
{
    for (size_t i = 0; i < w->root->count; i++) {
        const char *key = w->root->keys[i]->text;
        struct cm_yaml *value = w->root->items[i];
        bool launcher = strcmp(key, "launcher") == 0, config = strcmp(key, "config") == 0, image = strcmp(key, "image") == 0;
        struct cm_extent at;
        if (value->type != CM_YAML_MAP || !value->count || !(config || image || (launcher && !value->flow)))
            continue;
        if (config && w->renamed && value->flow) {
            rewrite_config(w, value);
        } else if (!launcher && !(config && w->renamed) && cm_all_gone(w, value)) {
            if (cm_edit_pair(w->doc, w->root, i, &at, w->err) != 0)
                return -1;
            cm_edit_replace(w->edits, at.begin, at.end, "");
            json_object_set_new(w->expected, key, json_null());
        } else if (cm_remove(w, value, w->expected, key) != 0) {
            return -1;
        } else if (config && w->renamed) {
            rename_section(w, cm_edit_open_key(w->edits, w->expected, key, value));
        }
    }
    return 0;
}

static int convert(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t launcher_at, struct cm_yaml *config,
                   size_t settings_at, bool on)
{
    struct cm_yaml *settings = config ? config->items[settings_at] : NULL;
    if (check_safe(w, launcher, settings) != 0)
        return -1;
    w->expected = json_object();
    w->edits = cm_edits_new(w->doc);
    if (on) {
        struct cm_piece *enabled = cm_piece_value(w, cm_launcher_backend(w), "enabled", json_true());
        enabled->wins = true;
        drop_tag_prefix(w);
    }
    if (config && convert_config(w, config, settings_at) != 0)
        return -1;
    if (on && launcher && convert_launcher(w, launcher) != 0)
        return -1;
    if (on && launcher && set_enabled(w, launcher, w->root->keys[launcher_at]) != 0)
        return -1;
    if (on && !launcher) {
        cm_piece_value(w, cm_piece_map(w, w->top, "launcher"), "enabled", json_false());
        explain_absent_enabled(w, w->root->keys[0]);
    }
    if (add_to_root(w, launcher_at) != 0)
        return -1;
    if (take_out_all(w) != 0)
        return -1;
    if (cm_edits_none(w->edits))
        return 0;
    if (cm_edits_apply(w->edits, w->expected, &w->out->text, &w->out->bytes, w->err) != 0)
        return -1;
    w->out->changed = true;
    say_commands(w);
    return 0;
}

/* Values below a Launcher that is off do nothing; some of them still make the chart fail (values.check tells those). */
static void say_off(struct cm_launcher_work *w, const struct cm_yaml *launcher)
{
    if (launcher->count > (cm_yaml_get(launcher, "enabled") ? 1 : 0))
        cm_launcher_finding(w, launcher->keys[0], "warning", "values.launcher-off",
                            "the Launcher is off already: the other values below launcher do nothing and are left as they are",
                            "Remove them, or set launcher.enabled to true and convert again if they were in use.");
}

int cm_launcher_convert(const struct cm_launcher_wish *wish, struct cm_launcher_result *out, struct cm_err **err)
{
    *out = (struct cm_launcher_result){.account = json_array(), .findings = json_array(), .commands = json_array()};
    cm_autoarena arena = cm_arena_new();
    cm_autoyaml doc = cm_yaml_parse(wish->text, wish->bytes, wish->name, err);
    struct cm_launcher_work w = {.wish = wish, .out = out, .arena = arena, .doc = doc, .err = err};
    int rc = doc ? 0 : -1;
    if (rc == 0 && (w.root = cm_yaml_root(doc)) && w.root->type == CM_YAML_MAP && w.root->count) {
        struct cm_yaml *config = cm_yaml_get(w.root, "config"), *launcher = cm_yaml_get(w.root, "launcher");
        size_t launcher_at = index_in(w.root, "launcher", true), settings_at = index_in(config, "Launcher", false);
        struct cm_yaml *enabled = launcher && launcher->type == CM_YAML_MAP ? cm_yaml_get(launcher, "enabled") : NULL;
        bool off = enabled ? cm_yaml_is_false(enabled) : wish->was == CM_LAUNCHER_WAS_OFF;
        if (launcher && (launcher->type != CM_YAML_MAP || !launcher->count))
            launcher = NULL;
        w.top = cm_arena_alloc(arena, sizeof *w.top);
        bool settings = settings_at != (size_t)-1 && config->items[settings_at]->count;
        if (off && launcher)
            say_off(&w, launcher);
        if ((launcher && !off) || settings)
            rc = convert(&w, launcher, launcher_at, settings ? config : NULL, settings_at, !off);
    }
    cm_edits_free(w.edits);
    json_decref(w.expected);
    free(w.gone);
    if (rc == 0 && !out->text) {
        out->text = cm_alloc(wish->bytes + 1);
        memcpy(out->text, wish->text, wish->bytes);
        out->bytes = wish->bytes;
    }
    if (rc != 0)
        cm_launcher_result_fini(out);
    return rc;
}

void cm_launcher_result_fini(struct cm_launcher_result *r)
{
    free(r->text);
    json_decref(r->account);
    json_decref(r->findings);
    json_decref(r->commands);
    *r = (struct cm_launcher_result){0};
}
