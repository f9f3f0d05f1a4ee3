/* values/launcher.c: Launcher values to the direct Kubernetes runner's. Looks what the file says, has each part moved or told
 * (launcher_*.c), puts the changes together and has them proved (edit.h).
 *
 * Sources: Posit's guide "Upgrading to the direct Kubernetes runner"; the chart's NEWS for what an absent launcher.enabled meant
 * (true from 0.8.0 to 0.20.0, else false) and for values that are gone (image.tagPrefix). Does not: write files. */
#include <config.h>

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "values/check_work.h"
#include "values/launcher_work.h"

bool cm_launcher_move(struct cm_launcher_work *w, struct cm_piece *in, const char *key, const struct cm_yaml *map, size_t i,
                      const char *setting, const char *target, const char *below)
{
    if (cm_piece_has(in, key)) {
        cm_launcher_row_below(w, map->keys[i], setting, NULL, below, CM_DROP,
                              cm_arena_fmt(w->arena, "%s%s%s is given by another of these values already, which had precedence",
                                           target, below ? "." : "", below ? below : ""));
        return false;
    }
    cm_piece_pair(w, in, key, map, i);
    cm_launcher_row_below(w, map->keys[i], setting, target, below, CM_CHANGE, "moved");
    return true;
}

void cm_launcher_keep_doc(struct cm_launcher_work *w, struct cm_yaml_doc *taken) { w->read[w->read[0] ? 1 : 0] = taken; }

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

struct cm_piece *cm_launcher_backend(struct cm_launcher_work *w) { return cm_piece_path(w, w->top, "backends.kubernetes"); }
struct cm_piece *cm_launcher_job(struct cm_launcher_work *w)
{
    return cm_piece_map(w, cm_launcher_backend(w), "defaultResourceJobBase");
}
struct cm_piece *cm_launcher_service(struct cm_launcher_work *w)
{
    return cm_piece_map(w, cm_launcher_backend(w), "defaultResourceServiceBase");
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
    if (w->wish->was == CM_LAUNCHER_MEANT)
        cm_launcher_finding(
            w, at, "warning", "values.launcher-meant",
            "launcher.enabled is not said (true by default from chart 0.8.0 to 0.20.0, false since): these values of the "
            "Launcher are converted, and hold for content from now on",
            "If they are to do nothing, remove them, or set launcher.enabled to false.");
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
        cm_autostr rest = CM_STR(CM_STR_BIG);
        cm_flow_pruned(w, launcher, "enabled", "false", &rest);
        cm_edit_replace(w->edits, cm_yaml_body(launcher), launcher->end, cm_str_text(&rest));
        return 0;
    }
    json_object_set_new(cm_edit_open_key(w->expected, "launcher", launcher), "enabled", json_false());
    if (enabled) {
        cm_edit_value(w->edits, enabled, "false");
        return 0;
    }
    size_t at = cm_edit_line_end(w->doc, key->end);
    size_t indent = launcher->keys[0]->begin - cm_edit_line_begin(w->doc, launcher->keys[0]->begin);
    cm_autofree char *line = cm_fmt("%*senabled: false\n", (int)indent, "");
    cm_edit_insert_lines(w->edits, at, (long)indent * 2, line);
    return 0;
}

/* New keys of the root stand behind `launcher`, or at the end, each with a blank line above it. */
static int add_to_root(struct cm_launcher_work *w, size_t launcher)
{
    for (size_t k = 0; k < w->top->count; k++) {
        struct cm_piece *p = w->top->kids[k];
        struct cm_piece one = {.kind = CM_PIECE_MAP, .kids = &p, .count = 1};
        if (cm_yaml_get(w->root, p->key)) {
            cm_piece_open(w, p);
            if (cm_place_fits(w, p, cm_yaml_get(w->root, p->key), p->key) != 0 || cm_place(w, &one, w->root, w->expected, "") != 0)
                return -1;
            continue;
        }
        struct cm_extent at;
        if (cm_edit_pair(w->doc, w->root, launcher < w->root->count ? launcher : (size_t)w->root->count - 1, &at, w->err) != 0)
            return -1;
        struct cm_str lines = CM_STR(CM_STR_BIG);
        cm_str_add(&lines, "\n");
        cm_piece_write(w, p, (long)w->root->keys[0]->column - 1, &lines);
        cm_edit_insert_lines(w->edits, at.end, ((long)w->root->keys[0]->column - 1) * 2, cm_str_text(&lines));
        cm_str_fini(&lines);
        json_object_set_new(w->expected, p->key, cm_piece_expected(w, p));
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

/* A config in flow style is written anew, the section renamed in it. */
static void rewrite_config(struct cm_launcher_work *w, const struct cm_yaml *config)
{
    json_t *stays = cm_pruned(w, config);
    json_object_set_new(w->expected, "config", stays);
    cm_edit_rename_key(stays, w->renamed, "Kubernetes");
    cm_autostr rest = CM_STR(CM_STR_BIG);
    cm_flow_pruned(w, config, NULL, NULL, &rest);
    cm_edit_replace(w->edits, cm_yaml_body(config), config->end, cm_str_text(&rest));
}

/* Where the chart's values stand below a key and none of them stays, the key is left with an empty map: with nothing it would be null. */
static int leave_empty(struct cm_launcher_work *w)
{
    const struct cm_yaml *in = w->root->parent, *key = in->keys[0];
    size_t bytes;
    const char *s = cm_yaml_source(w->doc, &bytes);
    for (size_t i = 0; i < in->count; i++)
        key = in->items[i] == w->root ? in->keys[i] : key;
    size_t colon = key->end + strspn(s + key->end, " ");
    if (s[colon] != ':' || w->root->begin != w->root->keys[0]->begin) { /* an anchor or a tag stands before the map */
        cm_fail(w->err, CM_E_USAGE,
                "%s:%u:%u: none of the values below %s would stay, and how it is written leaves no place for {}", w->wish->name,
                key->line, key->column, key->text);
        cm_hint(w->err, "Write `%s: {}` in its place by hand. Nothing was changed.", key->text);
        return -1;
    }
    cm_edit_insert(w->edits, colon + 1, LONG_MAX, " {}");
    return 0;
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
            cm_edit_replace(w->edits, at.begin, at.end, cm_comments_left(w, w->root, i, &at));
            if (w->below)
                cm_edit_drop_key(w->expected, key);
            else
                json_object_set_new(w->expected, key, json_null()); /* gone (values/edit.h) */
        } else if (cm_remove(w, value, w->expected, key) != 0) {
            return -1;
        } else if (config && w->renamed) {
            cm_edit_rename_key(cm_edit_open_key(w->expected, key, value), w->renamed, "Kubernetes");
        }
    }
    bool nothing_stays = w->below && !w->top->count && cm_all_gone(w, w->root);
    return nothing_stays ? leave_empty(w) : 0;
}

/* [Launcher] and [launcher] are one section to Connect, and two keys to helm. */
static int check_once(struct cm_launcher_work *w, const struct cm_yaml *config, size_t first)
{
    for (size_t i = first + 1; i < config->count; i++)
        if (cm_gcfg_same_name(config->keys[i]->text, "Launcher")) {
            cm_fail(w->err, CM_E_USAGE, "%s:%u:%u: config has this section twice, in two spellings; the first is at line %u",
                    w->wish->name, config->keys[i]->line, config->keys[i]->column, config->keys[first]->line);
            cm_hint(w->err, "Put both into one section, then start again. Nothing was changed.");
            return -1;
        }
    return 0;
}

/* The tree that is expected, from the file's root down to the chart's values. */
static json_t *open_below(struct cm_launcher_work *w)
{
    json_t *in = w->whole;
    const struct cm_yaml *node = cm_yaml_root(w->doc);
    if (!w->said)
        return cm_edit_open_key(in, w->below, w->root);
    for (const char *key = w->below; *key;) {
        size_t n = strcspn(key, ".");
        cm_autofree char *one = cm_strndup(key, n);
        node = cm_yaml_get(node, one);
        in = cm_edit_open_key(in, one, node);
        key += n + (key[n] == '.');
    }
    return in;
}

static int convert(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t launcher_at, struct cm_yaml *config,
                   size_t settings_at, bool on)
{
    struct cm_yaml *settings = config ? config->items[settings_at] : NULL;
    if (cm_launcher_safe(w, launcher, settings) != 0 || (config && check_once(w, config, settings_at) != 0))
        return -1;
    w->edits = cm_edits_new(w->doc);
    w->whole = w->expected = json_object();
    if (w->root != cm_yaml_root(w->doc))
        w->expected = open_below(w);
    if (on) {
        struct cm_piece *enabled = cm_piece_value(w, cm_launcher_backend(w), "enabled", json_true());
        enabled->wins = true;
        drop_tag_prefix(w);
    }
    if (config && cm_launcher_settings(w, config, settings_at) != 0)
        return -1;
    if (on && launcher && cm_launcher_keys(w, launcher) != 0)
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
    cm_arena_free(w->pieces);
    w->pieces = NULL;
    w->top = NULL;
    if (cm_edits_apply(w->edits, w->whole, &w->out->text, &w->out->bytes, w->err) != 0)
        return -1;
    /* where the file says itself already what it was taken to be (wish->was), an edit may set what is there */
    w->out->changed = w->out->bytes != w->wish->bytes || memcmp(w->out->text, w->wish->text, w->out->bytes) != 0;
    if (w->out->changed)
        say_commands(w);
    return 0;
}

/* A file that says only that the Launcher is off means something else since the chart's default changed (0.20.1). */
static void say_local(struct cm_launcher_work *w, const struct cm_yaml *at)
{
    if (cm_yaml_get(w->root, "backends") || w->wish->was != CM_LAUNCHER_NOT_KNOWN)
        return;
    cm_launcher_finding(
        w, at, "warning", "values.local",
        "the Launcher is off and nothing is said of backends.kubernetes: since chart 0.20.1 content then runs in pods "
        "of its own, no longer in the server's",
        "Set backends.kubernetes.enabled to false if it is to stay there; else label the service accounts (kubectl "
        "label sa NAME connect.posit.co/service-account=true) and give executionEnvironments.");
}

/* Values below a Launcher that is off do nothing; some of them still make the chart fail (values.check tells those). */
static void say_off(struct cm_launcher_work *w, const struct cm_yaml *launcher)
{
    if (launcher->count > (cm_yaml_get(launcher, "enabled") ? 1 : 0))
        cm_launcher_finding(w, launcher->keys[0], "warning", "values.launcher-off",
                            "the Launcher is off already: the other values below launcher do nothing and are left as they are",
                            "Remove them, or set launcher.enabled to true and convert again if they were in use.");
}

static void keep_key(struct cm_launcher_work *w, const struct cm_yaml *key)
{
    const char *below = cm_arena_strdup(w->arena, w->below);
    cm_launcher_row(w, key, below, below, CM_KEEP,
                    "the values of Connect's chart stand below this key, for a chart that has it as a dependency");
}

/* Where somebody said what they stand below; false: nothing is there. */
static bool take_root_at(struct cm_launcher_work *w, struct cm_yaml *root)
{
    const struct cm_yaml *key = NULL;
    for (const char *at = w->wish->at; root && *at && root->type != CM_YAML_ALIAS;) {
        size_t n = strcspn(at, ".");
        cm_autofree char *one = cm_strndup(at, n);
        key = cm_yaml_key(root, one);
        root = cm_yaml_get(root, one);
        at += n + (at[n] == '.');
    }
    if (key && root && root->type == CM_YAML_ALIAS)
        cm_launcher_finding(w, key, "unknown", "values.alias",
                            "Write the values of Connect's chart out below this key, and convert again.",
                            "an alias stands where the values of Connect's chart are to be; nothing was converted");
    if (!root || root->type != CM_YAML_MAP || !root->count)
        return false;
    w->root = root;
    w->below = w->wish->at;
    w->said = true;
    keep_key(w, key);
    return true;
}

/* The chart's values; false: there are none. */
static bool look_for_root(struct cm_launcher_work *w)
{
    struct cm_yaml *root = cm_yaml_root(w->doc);
    if (!root || root->type != CM_YAML_MAP || !root->count)
        return false;
    if (w->wish->at)
        return take_root_at(w, root);
    const struct cm_yaml *several = NULL;
    size_t at = cm_values_below(root, &several);
    if (several)
        cm_launcher_finding(w, several, "unknown", "values.several",
                            cm_arena_fmt(w->arena,
                                         "%s is the second key here with values of Connect's chart; nothing was converted",
                                         several->text),
                            "Convert each by itself: put what is below its key into a file of its own.");
    w->root = at < root->count ? root->items[at] : root;
    if (at < root->count) {
        w->below = root->keys[at]->text;
        keep_key(w, root->keys[at]);
    }
    return w->root->type == CM_YAML_MAP && w->root->count;
}

int cm_launcher_convert(const struct cm_launcher_wish *wish, struct cm_launcher_result *out, struct cm_err **err)
{
    *out = (struct cm_launcher_result){.account = json_array(), .findings = json_array(), .commands = json_array()};
    out->more = cm_launcher_more_new(wish->name);
    struct cm_arena *arena = cm_launcher_arena(out->more);
    cm_autoyaml doc = cm_yaml_parse(wish->text, wish->bytes, wish->name, err);
    struct cm_launcher_work w = {.wish = wish, .out = out, .arena = arena, .doc = doc, .err = err};
    int rc = doc ? 0 : -1;
    if (rc == 0 && look_for_root(&w)) {
        struct cm_yaml *config = cm_yaml_get(w.root, "config"), *launcher = cm_yaml_get(w.root, "launcher");
        size_t launcher_at = index_in(w.root, "launcher", true), settings_at = index_in(config, "Launcher", false);
        struct cm_yaml *enabled = launcher && launcher->type == CM_YAML_MAP ? cm_yaml_get(launcher, "enabled") : NULL;
        bool known = wish->was == CM_LAUNCHER_WAS_ON || wish->was == CM_LAUNCHER_WAS_OFF;
        bool off = known ? wish->was == CM_LAUNCHER_WAS_OFF : enabled && cm_yaml_is_false(enabled);
        if (launcher && (launcher->type != CM_YAML_MAP || !launcher->count))
            launcher = NULL;
        w.pieces = cm_arena_new();
        w.top = cm_arena_alloc(w.pieces, sizeof *w.top);
        bool settings = settings_at != (size_t)-1 && config->items[settings_at]->count;
        if (off && launcher)
            say_off(&w, launcher);
        if (off && enabled)
            say_local(&w, enabled);
        if ((launcher && !off) || settings)
            rc = convert(&w, launcher, launcher_at, settings ? config : NULL, settings_at, !off);
    }
    cm_arena_free(w.pieces);
    cm_edits_free(w.edits);
    json_decref(w.whole);
    cm_yaml_free(w.read[0]);
    cm_yaml_free(w.read[1]);
    free(w.gone);
    free(w.taken);
    free(w.moved);
    if (rc == 0 && !out->text) {
        out->text = cm_alloc(wish->bytes + 1);
        if (wish->bytes)
            memcpy(out->text, wish->text, wish->bytes);
        out->bytes = wish->bytes;
    }
    if (rc == 0)
        cm_launcher_account(out, wish->rows_only);
    else
        cm_launcher_result_fini(out);
    return rc;
}

void cm_launcher_result_fini(struct cm_launcher_result *r)
{
    free(r->text);
    json_decref(r->account);
    json_decref(r->findings);
    json_decref(r->commands);
    cm_launcher_more_free(r->more);
    *r = (struct cm_launcher_result){0};
}
