/* values/launcher_files.c: see the header. helm merges maps and replaces everything else, lists too. What is moved from two files into one
 * list (the containers of the job base) would so be lost by half, in silence: the merged result of the conversions is compared with the
 * conversion of the merged values, and where they differ nothing is guessed. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "values/check_work.h"
#include "values/gcfg.h"
#include "values/launcher_files.h"
#include "values/quote.h"

/* ---- what the files say ---- */

static const struct cm_yaml *root_of(struct cm_yaml_doc *doc, const char *at)
{
    if (!at)
        return cm_values_root(doc);
    cm_yaml_begin_at(doc, at);
    return cm_yaml_root(doc);
}

void cm_values_merge(json_t *into, const json_t *from)
{
    const char *key;
    json_t *value, *old;
    json_object_foreach(cm_json_loose(from), key, value)
    {
        old = json_object_get(into, key);
        if (json_is_object(old) && json_is_object(value))
            cm_values_merge(old, value);
        else
            json_object_set_new(into, key, json_deep_copy(value));
    }
}

static int add_text(json_t *merged, const char *text, size_t bytes, const char *name, const char *at, struct cm_err **err)
{
    cm_autoyaml doc = cm_yaml_parse(text, bytes, name, err);
    if (!doc)
        return -1;
    const struct cm_yaml *root = root_of(doc, at);
    cm_autojson said = root ? cm_yaml_json(doc, root) : NULL;
    if (json_is_object(said))
        cm_values_merge(merged, said);
    return 0;
}

/* New reference; as they are, or as they were converted. */
static json_t *merged_of(const struct cm_launcher_all *all, bool converted, struct cm_err **err)
{
    cm_autojson merged = json_object();
    for (size_t i = 0; i < all->count; i++) {
        const struct cm_launcher_file *f = &all->files[i];
        const char *text = converted ? f->result.text : f->text;
        if (add_text(merged, text, converted ? f->result.bytes : f->bytes, f->name, all->at, err) < 0)
            return NULL;
    }
    return json_incref(merged);
}

static void said_by(const json_t *merged, bool *said, bool *on)
{
    const json_t *enabled = cm_json_at(merged, "launcher.enabled");
    *said = enabled && !json_is_null(enabled);
    *on = json_is_true(enabled);
}

int cm_launcher_said(const struct cm_launcher_all *all, bool *said, bool *on, struct cm_err **err)
{
    cm_autojson merged = merged_of(all, false, err);
    if (!merged)
        return -1;
    said_by(merged, said, on);
    return 0;
}

/* ---- one by one, and together ---- */

/* The conversion of all that the files say, as if it stood in one. NULL: it has none. */
static json_t *converted_together(const json_t *merged, enum cm_launcher_was was, struct cm_err **err)
{
    cm_autostr text = CM_STR(CM_STR_BIG);
    struct cm_launcher_result r = {0};
    cm_autojson found = json_object();
    cm_str_add(&text, "values:");
    cm_yaml_add_value(&text, merged, 2);
    struct cm_launcher_wish w = {
        .text = cm_str_text(&text), .bytes = text.len, .name = "the files together", .was = was, .at = "values"};
    if (cm_launcher_convert(&w, &r, err) < 0)
        return NULL;
    int rc = add_text(found, r.text, r.bytes, w.name, w.at, err);
    cm_launcher_result_fini(&r);
    return rc < 0 ? NULL : json_incref(found);
}

/* The first place where two values differ. Caller frees; NULL: they do not. */
static char *differ(const json_t *a, const json_t *b, const char *path)
{
    const char *key;
    json_t *value;
    if ((!a && !b) || json_equal(a, b))
        return NULL;
    if (!json_is_object(a) || !json_is_object(b))
        return cm_strdup(path);
    for (int turn = 0; turn < 2; turn++)
        json_object_foreach(cm_json_loose(turn ? b : a), key, value)
        {
            cm_autofree char *deeper = cm_fmt("%s%s%s", path, *path ? "." : "", key);
            char *found = differ(value, json_object_get(turn ? a : b, key), deeper);
            if (found)
                return found;
        }
    return cm_strdup(path);
}

/* What the conversion reads or writes stands here. */
static const char *const ours[] = {"launcher", "backends", "config", "executionEnvironments"};

static char *first_difference(const json_t *a, const json_t *b)
{
    char *found = NULL;
    for (size_t i = 0; !found && i < sizeof ours / sizeof *ours; i++)
        found = differ(json_object_get(a, ours[i]), json_object_get(b, ours[i]), ours[i]);
    return found;
}

static const struct cm_yaml *key_in(const struct cm_yaml *root)
{
    const struct cm_yaml *config = cm_yaml_get(root, "config"), *key = cm_yaml_key(root, "launcher");
    for (size_t i = 0; !key && config && config->type == CM_YAML_MAP && i < config->count; i++)
        if (cm_gcfg_same_name(config->keys[i]->text, "Launcher"))
            key = config->keys[i];
    key = key ? key : cm_yaml_key(root, "backends");
    return key ? key : cm_yaml_key(root, "executionEnvironments");
}

/* "a.yaml:3:1 and b.yaml:1:1": where each of the files speaks of it. */
static void add_places(const struct cm_launcher_all *all, struct cm_str *out)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct cm_launcher_file *f = &all->files[i];
        cm_autoyaml doc = cm_yaml_parse(f->text, f->bytes, f->name, NULL);
        const struct cm_yaml *root = doc ? root_of(doc, all->at) : NULL, *key = root ? key_in(root) : NULL;
        if (key)
            cm_str_addf(out, "%s%s:%u:%u", out->len ? " and " : "", f->name, key->line, key->column);
    }
}

static int compare(struct cm_launcher_all *all, const json_t *merged, enum cm_launcher_was was, struct cm_err **err)
{
    cm_autoerr why = NULL;
    cm_autostr places = CM_STR(CM_STR_PAGE);
    cm_autojson apart = merged_of(all, true, err);
    if (!apart)
        return -1;
    cm_autojson together = converted_together(merged, was, &why);
    cm_autofree char *where = together ? first_difference(apart, together) : cm_strdup(cm_err_message(why));
    if (!where)
        return 0;
    add_places(all, &places);
    cm_autofree char *seen =
        cm_fmt("%s: values of the Launcher in several files: helm would not put them together, converted, as it does now (%s)",
               cm_str_text(&places), where);
    json_array_append_new(all->findings,
                          json_pack("{s:s, s:s, s:s, s:s}", "id", "values.launcher-spread", "verdict", "blocker", "seen", seen,
                                    "remedy",
                                    "Put into one of these files what they say below launcher, config.Launcher, backends and "
                                    "executionEnvironments, then start again."));
    return 0;
}

static bool is_kept(const json_t *merged)
{
    return json_is_true(cm_json_at(merged, "launcher.enabled")) && json_is_false(cm_json_at(merged, "backends.kubernetes.enabled"));
}

/* A setting that speaks against the conversion is a person's word, and said, since it may be one of before. */
static void say_kept(struct cm_launcher_all *all)
{
    cm_autostr place = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < all->count; i++) {
        const struct cm_launcher_file *f = &all->files[i];
        cm_autoyaml doc = cm_yaml_parse(f->text, f->bytes, f->name, NULL);
        const struct cm_yaml *root = doc ? root_of(doc, all->at) : NULL;
        const struct cm_yaml *key = root ? cm_yaml_key(cm_yaml_get(cm_yaml_get(root, "backends"), "kubernetes"), "enabled") : NULL;
        cm_str_reset(&place);
        if (key)
            cm_str_addf(&place, "%s:%u:%u: ", f->name, key->line, key->column);
        if (key)
            break;
    }
    cm_autofree char *seen =
        cm_fmt("%sbackends.kubernetes.enabled is false and launcher.enabled true: content is to run by the Launcher, and "
               "its values are not converted",
               cm_str_text(&place));
    json_array_append_new(all->findings,
                          json_pack("{s:s, s:s, s:s, s:s}", "id", "values.launcher-kept", "verdict", "warning", "seen", seen,
                                    "remedy", "For the direct runner, take backends.kubernetes.enabled out, and check again."));
}

static void leave_as_they_are(struct cm_launcher_all *all)
{
    say_kept(all);
    for (size_t i = 0; i < all->count; i++) {
        struct cm_launcher_file *f = &all->files[i];
        f->result = (struct cm_launcher_result){.text = cm_strndup(f->text, f->bytes),
                                                .bytes = f->bytes,
                                                .account = json_array(),
                                                .findings = json_array(),
                                                .commands = json_array()};
    }
}

int cm_launcher_convert_all(struct cm_launcher_all *all, struct cm_err **err)
{
    bool said = false, on = false;
    all->changed = false;
    all->findings = json_array();
    cm_autojson merged = merged_of(all, false, err);
    if (!merged)
        return -1;
    if (all->may_keep && is_kept(merged)) {
        leave_as_they_are(all);
        return 0;
    }
    said_by(merged, &said, &on);
    enum cm_launcher_was was = !said ? all->was : on ? CM_LAUNCHER_WAS_ON : CM_LAUNCHER_WAS_OFF;
    if (was == CM_LAUNCHER_MEANT && json_is_true(cm_json_at(merged, "backends.kubernetes.enabled")))
        was = CM_LAUNCHER_WAS_OFF; /* who says that has moved already: what is left of the Launcher's is left over */
    for (size_t i = 0; i < all->count; i++) {
        struct cm_launcher_file *f = &all->files[i];
        struct cm_launcher_wish w = {.text = f->text, .bytes = f->bytes, .name = f->name, .was = was, .at = all->at};
        if (cm_launcher_convert(&w, &f->result, err) < 0)
            return -1;
        json_array_extend(all->findings, f->result.findings);
        all->changed = all->changed || f->result.changed;
    }
    return all->changed && all->count > 1 ? compare(all, merged, was, err) : 0;
}

void cm_launcher_all_fini(struct cm_launcher_all *all)
{
    for (size_t i = 0; i < all->count; i++)
        cm_launcher_result_fini(&all->files[i].result);
    json_decref(all->findings);
    all->findings = NULL;
}
