/* report/content.c: all content: what it is and whose, what was chosen and why, what became of its build, and how it answers now against
 * before. Its sources are the artifacts inventory.jsonl, runtimes.csv, priority.csv, baseline.json and validation.json, and the builds on
 * record. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "report/csv.h"
#include "report/items.h"
#include "report/parts.h"

enum { ARTIFACT_MAX_BYTES = 64 << 20 };

static char *artifact_text(const struct cm_source_of_report *s, const char *name)
{
    char *text = NULL;
    size_t n;
    bool named = false;
    for (size_t i = 0; i < s->m->artifact_count; i++)
        named |= strcmp(s->m->artifacts[i].name, name) == 0;
    if (!named || s->run_dir == NULL)
        return NULL;
    cm_autofree char *dir = cm_path_join(s->run_dir, "artifacts");
    cm_autofree char *path = cm_path_join(dir, name);
    return cm_file_read(path, ARTIFACT_MAX_BYTES, &text, &n, NULL) == 0 ? text : NULL;
}

json_t *cm_part_artifact_json(const struct cm_source_of_report *s, const char *name)
{
    cm_autofree char *text = artifact_text(s, name);
    return text == NULL ? NULL : cm_json_parse(text, strlen(text), name, NULL);
}

/* ---- builds on record ---- */

/* The last lines of a failed build; null: none are on record. */
static json_t *log_of(const json_t *result)
{
    cm_autostr s = CM_STR(CM_STR_PAGE);
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(result, "log"), i, line) if (json_is_string(line))
        cm_str_addf(&s, "%s%s", s.len > 0 ? "\n" : "", json_string_value(line));
    return s.len > 0 ? json_string(cm_str_text(&s)) : json_null();
}

/* Of each GUID the newest intent of the newest walk forward; a try that failed and was repeated counts as a try. */
json_t *cm_part_builds(const struct cm_model *m)
{
    json_t *builds = json_object();
    const struct cm_m_attempt *a = m == NULL ? NULL : cm_model_forward(m);
    for (size_t k = 0; a != NULL && k < m->intent_count; k++) {
        const struct cm_m_intent *i = &m->intents[k];
        if (i->attempt != a->number || strcmp(i->effect, "content.build") != 0 || i->life == CM_NOT_HAPPENED)
            continue;
        cm_autofree char *guid = cm_key_plain(i->key);
        bool settled = i->life == CM_HAPPENED || i->life == CM_GIVEN_UP;
        int64_t tries = cm_json_int(json_object_get(builds, guid), "tries", 0) + 1;
        json_object_set_new(
            builds, guid,
            json_pack("{s:s, s:o, s:o, s:I, s:o}", "state",
                      settled ? cm_json_text(i->result, "state", i->life == CM_GIVEN_UP ? "failed" : "built") : "running", "why",
                      cm_word_text(cm_json_text(i->result, "error", NULL)), "log", log_of(i->result), "tries", (json_int_t)tries,
                      "seconds", settled && i->closed_ms >= i->at_ms ? cm_word_seconds(i->closed_ms - i->at_ms) : json_null()));
    }
    return builds;
}

/* ---- one item ---- */

struct tables {
    json_t *built, *baseline, *validation, *inventory, *runtimes;
};

/* An HTTP status; null where nothing was asked. */
static json_t *status_of(const json_t *item, const char *member)
{
    const json_t *status = json_object_get(item, member);
    return json_is_integer(status) ? json_integer(json_integer_value(status)) : json_null();
}

static void set(json_t *item, const char *name, json_t *taken) { json_object_set_new(item, name, taken); }

static void set_text(json_t *item, const char *name, const char *text)
{
    set(item, name, cm_word_text(text != NULL && *text != '\0' ? text : NULL));
}

/* Only addresses that a browser opens as pages: what a server calls an address becomes a link in somebody's browser. */
static const char *web_address(const char *url)
{
    return url != NULL && (cm_starts(url, "https://") || cm_starts(url, "http://")) ? url : NULL;
}

/* Who it belongs to and what it is: from the inventory. */
static void add_nature(json_t *item, const char *guid, const json_t *row, const struct tables *t)
{
    const json_t *of = json_object_get(t->inventory, guid), *runtime = json_object_get(t->runtimes, guid);
    const json_t *before = json_object_get(t->baseline, guid);
    const char *title = cm_json_text(row, "title", cm_json_text(of, "title", cm_json_text(before, "title", NULL)));
    set_text(item, "title", title != NULL && *title != '\0' ? title : cm_json_text(of, "name", NULL));
    set_text(item, "path", cm_json_text(row, "path", NULL));
    set_text(item, "url", web_address(cm_json_text(of, "content_url", NULL)));
    set_text(item, "owner", cm_json_text(of, "owner", cm_json_text(of, "owner_guid", NULL)));
    set_text(item, "app_mode", cm_json_text(of, "app_mode", NULL));
    set_text(item, "kind", cm_item_kind(cm_json_text(of, "app_mode", NULL)));
    set_text(item, "r", cm_json_text(of, "r_version", NULL));
    set_text(item, "python", cm_json_text(of, "py_version", NULL));
    set_text(item, "quarto", cm_json_text(of, "quarto_version", NULL));
    set_text(item, "image_found", cm_json_text(runtime, "image_found", NULL));
    set_text(item, "image", cm_json_text(runtime, "image", NULL));
    set_text(item, "r_given", cm_json_text(runtime, "r_given", NULL));
    set_text(item, "python_given", cm_json_text(runtime, "python_given", NULL));
    set_text(item, "quarto_given", cm_json_text(runtime, "quarto_given", NULL));
}

/* What was done to it: the choice, the build, the comparison. */
static void add_fate(json_t *item, const char *guid, const json_t *row, const struct tables *t)
{
    const json_t *built = json_object_get(t->built, guid), *before = json_object_get(t->baseline, guid);
    const json_t *after = json_object_get(t->validation, guid), *seconds = json_object_get(built, "seconds");
    const char *visits = cm_json_text(row, "visits", NULL);
    set(item, "selected", json_boolean(row != NULL || built != NULL));
    set_text(item, "why", cm_json_text(row, "why", NULL));
    set(item, "visits", visits == NULL ? json_null() : json_integer(strtoll(visits, NULL, 10)));
    set_text(item, "build", cm_json_text(built, "state", NULL));
    set_text(item, "build_error", cm_json_text(built, "why", NULL));
    set_text(item, "build_log", cm_json_text(built, "log", NULL));
    set(item, "build_seconds", seconds == NULL ? json_null() : json_deep_copy(seconds));
    set(item, "build_tries", built == NULL ? json_null() : json_integer(cm_json_int(built, "tries", 1)));
    set(item, "before", status_of(before, "status"));
    set(item, "now", status_of(after, "now"));
    set_text(item, "result", cm_json_text(after, "result", NULL));
    set_text(item, "how", cm_json_text(after, "how", NULL));
    set_text(item, "cluster", cm_json_text(after, "job.cluster", NULL));
}

static json_t *item_json(const json_t *row, const char *guid, const struct tables *t)
{
    json_t *item = json_pack("{s:s}", "guid", guid);
    add_nature(item, guid, row, t);
    add_fate(item, guid, row, t);
    cm_item_judge(item);
    return item;
}

/* ---- the images that run content ---- */

/* The digest that a name is pinned to; NULL: it is named by a tag. */
static const char *pinned(const char *image)
{
    const char *at = strstr(image, "@sha256:");
    return at == NULL ? NULL : at + 1;
}

/* By image, what runs in it and what it gives: from the fact runtimes.compare. "versions" is missing in older records. */
json_t *cm_part_content_images(const struct cm_model *m)
{
    cm_autojson by_image = json_object();
    json_t *list = json_array(), *entry, *one;
    const char *wanted;
    json_object_foreach(cm_json_loose(cm_json_at(json_object_get(m->facts, "runtimes.compare"), "runtimes")), wanted, entry)
    {
        const char *image = cm_json_text(entry, "image", "");
        if (*image == '\0')
            continue;
        one = json_object_get(by_image, image);
        if (one == NULL) {
            one = json_pack("{s:s, s:o, s:i, s:[]}", "image", image, "digest", cm_word_text(pinned(image)), "items", 0, "runtimes");
            json_object_set_new(by_image, image, one);
            json_array_append(list, one);
        }
        json_object_set_new(one, "items", json_integer(cm_json_int(one, "items", 0) + cm_json_int(entry, "items", 0)));
        json_t *versions = json_object_get(entry, "versions");
        json_array_append_new(json_object_get(one, "runtimes"),
                              json_pack("{s:s, s:I, s:O}", "wanted", wanted, "items", (json_int_t)cm_json_int(entry, "items", 0),
                                        "given", versions != NULL ? versions : json_null()));
    }
    return list;
}

/* ---- the tables ---- */

/* {guid: item} of a list. New reference. */
static json_t *by_guid(const json_t *list)
{
    json_t *map = json_object(), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *guid = cm_json_text(item, "guid", NULL);
        if (guid != NULL)
            json_object_set(map, guid, item);
    }
    return map;
}

static json_t *items_of(const json_t *whole) { return whole == NULL ? json_object() : by_guid(json_object_get(whole, "items")); }

/* inventory.jsonl: an item a line. A line that cannot be read is left out. */
static json_t *inventory_of(char *text)
{
    json_t *map = json_object();
    for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        cm_autojson item = json_loads(line, JSON_ALLOW_NUL, NULL);
        const char *guid = cm_json_text(item, "guid", NULL);
        if (guid != NULL)
            json_object_set(map, guid, item);
    }
    return map;
}

static void append_missing(json_t *items, json_t *listed, const json_t *from, const struct tables *t)
{
    const char *guid;
    json_t *value;
    json_object_foreach(cm_json_loose(from), guid, value)
    {
        if (json_object_get(listed, guid) != NULL)
            continue;
        json_array_append_new(items, item_json(NULL, guid, t));
        json_object_set_new(listed, guid, json_true());
    }
}

/* The chosen ones in their order, then what else was built, then all others. */
json_t *cm_part_content_items(const struct cm_source_of_report *s)
{
    cm_autofree char *text = artifact_text(s, "priority.csv"), *runtimes_text = artifact_text(s, "runtimes.csv");
    cm_autofree char *inventory_text = artifact_text(s, "inventory.jsonl");
    cm_autojson rows = cm_csv_rows(text), *runtime_rows = cm_csv_rows(runtimes_text);
    cm_autojson baseline = cm_part_artifact_json(s, "baseline.json"), *validation = cm_part_artifact_json(s, "validation.json");
    cm_autojson built = cm_part_builds(s->m), *before = items_of(baseline), *after = items_of(validation);
    cm_autojson inventory = inventory_of(inventory_text), *runtimes = by_guid(runtime_rows), *listed = json_object();
    const struct tables t = {built, before, after, inventory, runtimes};
    json_t *items = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *guid = cm_json_text(row, "guid", "");
        if (*guid == '\0' || json_object_get(listed, guid) != NULL)
            continue;
        json_array_append_new(items, item_json(row, guid, &t));
        json_object_set_new(listed, guid, json_true());
    }
    append_missing(items, listed, built, &t);
    append_missing(items, listed, inventory, &t);
    return items;
}
