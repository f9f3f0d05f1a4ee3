/* values/launcher_images.c: customRuntimeYaml and additionalRuntimeImages to executionEnvironments, whose entries have the same shape.
 * Forms of the old values: a preset's name, YAML in a string, a map {name, images}, a list. Sources: the chart's NEWS (0.8.35, 0.20.0)
 * and values.yaml. Does not: know what a preset held (Connect read it only into an empty database). */
#include <config.h>

#include <string.h>

#include "values/launcher_work.h"

static const char TARGET[] = "executionEnvironments";

/* The list is the i-th value of this map: its lines as they are, or one by one behind others. How many images they are; -1: no list. */
static long take_items(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i)
{
    const struct cm_yaml *images = i < map->count ? map->items[i] : NULL;
    if (!images || images->type != CM_YAML_LIST)
        return -1;
    if (images->count && !images->flow && !cm_piece_has(w->top, TARGET)) {
        cm_piece_pair(w, w->top, TARGET, map, i);
        return (long)images->count;
    }
    w->pending = cm_comments_of(w, map, i);
    struct cm_piece *list = images->count ? cm_piece_open_list(w, w->top, TARGET) : NULL;
    for (size_t k = 0; list && k < images->count; k++)
        cm_piece_item(w, list, images, k);
    return (long)images->count;
}

/* YAML in a string: its values are written anew, and all fields of an image are text. */
static long take_text(struct cm_launcher_work *w, const struct cm_yaml *scalar)
{
    struct cm_yaml_doc *doc = cm_yaml_parse_in_place(scalar->text, scalar->text_bytes, "", NULL);
    const struct cm_yaml *root = doc ? cm_yaml_root(doc) : NULL,
                         *images = root && root->type == CM_YAML_MAP ? cm_yaml_get(root, "images") : root;
    if (!images || images->type != CM_YAML_LIST) {
        cm_yaml_free(doc);
        return -1;
    }
    cm_launcher_keep_doc(w, doc);
    if (images->count && !cm_piece_has(w->top, TARGET)) {
        cm_piece_texts(w, w->top, TARGET, images);
        return (long)images->count;
    }
    struct cm_piece *list = images->count ? cm_piece_open_list(w, w->top, TARGET) : NULL;
    for (size_t i = 0; list && i < images->count; i++)
        cm_piece_texts(w, list, NULL, images->items[i]);
    return (long)images->count;
}

static bool is_preset(const struct cm_yaml *value)
{
    return value->type == CM_YAML_SCALAR && (strcmp(value->text, "base") == 0 || strcmp(value->text, "pro") == 0);
}

int cm_launcher_images(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i)
{
    const struct cm_yaml *key = launcher->keys[i], *value = launcher->items[i];
    const char *setting = cm_arena_fmt(w->arena, "launcher.%s", key->text);
    if (cm_yaml_is_empty(value) || cm_yaml_is_false(value)) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, key, setting, NULL, CM_DROP, "empty");
        return 0;
    }
    if (is_preset(value)) {
        cm_take_out(w, launcher, i);
        cm_launcher_row(w, key, setting, NULL, CM_DROP,
                        "a preset filled an empty database once; execution environments in the database stay");
        cm_launcher_finding(
            w, key, "warning", "values.preset",
            cm_arena_fmt(w->arena, "%s: %s was a preset of the old chart; the new one has no such value", setting, value->text),
            "Look at the execution environments in Connect; for a new database list images under executionEnvironments.");
        return 0;
    }
    if (value->type != CM_YAML_LIST)
        w->pending = cm_comments_of(w, launcher, i);
    long taken = value->type == CM_YAML_MAP    ? take_items(w, value, cm_yaml_index(value, "images"))
                 : value->type == CM_YAML_LIST ? take_items(w, launcher, i)
                                               : take_text(w, value);
    w->pending = NULL;
    if (taken < 0) {
        cm_fail(w->err, CM_E_USAGE, "%s:%u:%u: %s: expected a list of images", w->wish->name, key->line, key->column, setting);
        cm_hint(w->err, "Move its images to executionEnvironments by hand, then start again. Nothing was changed.");
        return -1;
    }
    cm_take_out(w, launcher, i);
    if (taken > 0)
        cm_launcher_row(w, key, setting, TARGET, CM_CHANGE,
                        "moved; they are applied at every deployment now, not only to an empty database");
    else
        cm_launcher_row(w, key, setting, NULL, CM_DROP, "it lists no images");
    return 0;
}
