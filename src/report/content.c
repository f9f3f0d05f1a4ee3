/* report/content.c: the content table: what was chosen and why, what became of its build, and how it answers now against before. Its
 * sources are the artifacts priority.csv, baseline.json and validation.json, and the builds on record. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/csv.h"
#include "report/parts.h"

enum { ARTIFACT_MAX_BYTES = 64 << 20 };

char *cm_part_artifact_text(const struct cm_source_of_report *s, const char *name)
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
    cm_autofree char *text = cm_part_artifact_text(s, name);
    return text == NULL ? NULL : cm_json_parse(text, strlen(text), name, NULL);
}

/* {guid: item} of a list; borrowed items. New reference. */
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

struct tables {
    json_t *built, *baseline, *validation;
};

/* An HTTP status; null where nothing was asked. */
static json_t *status_of(const json_t *item, const char *member)
{
    const json_t *status = json_object_get(item, member);
    return json_is_integer(status) ? json_integer(json_integer_value(status)) : json_null();
}

static json_t *item_json(const json_t *row, const char *guid, const struct tables *t)
{
    const json_t *built = json_object_get(t->built, guid), *before = json_object_get(t->baseline, guid);
    const json_t *after = json_object_get(t->validation, guid);
    const char *visits = cm_json_text(row, "visits", NULL);
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "guid", guid, "title",
        cm_word_text(cm_json_text(row, "title", cm_json_text(before, "title", NULL))), "path",
        cm_word_text(cm_json_text(row, "path", NULL)), "why", cm_word_text(cm_json_text(row, "why", NULL)), "visits",
        visits == NULL ? json_null() : json_integer(strtoll(visits, NULL, 10)), "build",
        cm_word_text(cm_json_text(built, "state", NULL)), "build_error", cm_word_text(cm_json_text(built, "why", NULL)), "before",
        status_of(before, "status"), "now", status_of(after, "now"), "result", cm_word_text(cm_json_text(after, "result", NULL)),
        "how", cm_word_text(cm_json_text(after, "how", NULL)), "cluster", cm_word_text(cm_json_text(after, "job.cluster", NULL)));
}

static json_t *items_of(const json_t *whole) { return whole == NULL ? json_object() : by_guid(json_object_get(whole, "items")); }

json_t *cm_part_content_items(const struct cm_source_of_report *s)
{
    cm_autofree char *text = cm_part_artifact_text(s, "priority.csv");
    cm_autojson rows = cm_csv_rows(text);
    cm_autojson baseline = cm_part_artifact_json(s, "baseline.json");
    cm_autojson validation = cm_part_artifact_json(s, "validation.json");
    cm_autojson built = cm_part_built(s->m);
    cm_autojson before = items_of(baseline);
    cm_autojson after = items_of(validation);
    cm_autojson listed = json_object();
    const struct tables t = {built, before, after};
    json_t *items = json_array(), *row, *value;
    const char *guid;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        guid = cm_json_text(row, "guid", "");
        if (*guid == '\0' || json_object_get(listed, guid) != NULL)
            continue;
        json_array_append_new(items, item_json(row, guid, &t));
        json_object_set_new(listed, guid, json_true());
    }
    json_object_foreach(built, guid, value) if (json_object_get(listed, guid) == NULL)
        json_array_append_new(items, item_json(NULL, guid, &t));
    return items;
}
