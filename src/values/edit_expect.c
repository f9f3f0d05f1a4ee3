/* values/edit_expect.c: what a changed file is expected to say, as JSON in which place holders stand for what stays as it was, so that a file
 * of a hundred thousand lines is not held a second time. Does not: prove (edit_prove.c). */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "values/edit.h"
#include "values/edit_work.h"

/* Bytes that no text in UTF-8 has, so that no value or key of a file is taken for one; behind the mark of a value an address. */
static const char moved_mark = '\xff', reading_mark = '\xfe', texts_mark = '\xfd', gone_mark = '\xfc', lines_mark = '\xfb';
static const char base_key[] = "\xff", lines_key[] = "\xfe";

static json_t *holder_of(char mark, const void *address)
{
    char holder[1 + sizeof address] = {mark};
    memcpy(holder + 1, &address, sizeof address);
    return json_stringn_nocheck(holder, sizeof holder);
}

static bool begins_with(const json_t *value, char mark)
{
    return json_is_string(value) && json_string_length(value) == 1 + sizeof(void *) && *json_string_value(value) == mark;
}

static const void *address_in(const json_t *value)
{
    const void *address;
    memcpy(&address, json_string_value(value) + 1, sizeof address);
    return address;
}

json_t *cm_edit_placeholder(const struct cm_yaml *node) { return holder_of(moved_mark, node); }
json_t *cm_edit_reading(const struct cm_yaml *node) { return holder_of(reading_mark, node); }
json_t *cm_edit_texts(const struct cm_yaml *node) { return holder_of(texts_mark, node); }

bool cm_edit_held_reading(const json_t *value) { return begins_with(value, reading_mark); }
const struct cm_yaml *cm_edit_held_texts(const json_t *value) { return begins_with(value, texts_mark) ? address_in(value) : NULL; }

bool cm_edit_is_gone(const json_t *value) { return begins_with(value, gone_mark); }

const struct cm_yaml *cm_edit_placeheld(const json_t *value)
{
    return begins_with(value, moved_mark) || begins_with(value, reading_mark) ? address_in(value) : NULL;
}

/* ---- opened maps and lists ---- */

const struct cm_yaml *cm_edit_base(const json_t *map) { return cm_edit_placeheld(json_object_get(map, base_key)); }

const char *cm_edit_lines(const json_t *map)
{
    const json_t *lines = json_object_get(map, lines_key);
    return lines ? address_in(lines) : NULL;
}

bool cm_edit_names_pair(const char *key) { return strcmp(key, base_key) != 0 && strcmp(key, lines_key) != 0; }

json_t *cm_edit_opened(const struct cm_yaml *node)
{
    if (node->type != CM_YAML_MAP && node->type != CM_YAML_LIST)
        return cm_edit_placeholder(node);
    json_t *j = node->type == CM_YAML_MAP ? json_object() : json_array();
    if (node->type == CM_YAML_MAP)
        json_object_set_new_nocheck(j, base_key, cm_edit_placeholder(node));
    for (size_t i = 0; node->type == CM_YAML_LIST && i < node->count; i++)
        json_array_append_new(j, cm_edit_placeholder(node->items[i]));
    return j;
}

json_t *cm_edit_open_key(json_t *in, const char *key, const struct cm_yaml *node)
{
    json_t *value = json_object_get(in, key);
    if (!value || cm_edit_placeheld(value))
        json_object_set_new(in, key, cm_edit_opened(node));
    return json_object_get(in, key);
}

json_t *cm_edit_open_item(json_t *in, size_t i, const struct cm_yaml *node)
{
    if (cm_edit_placeheld(json_array_get(in, i)))
        json_array_set_new(in, i, cm_edit_opened(node));
    return json_array_get(in, i);
}

void cm_edit_drop_key(json_t *in, const char *key)
{
    if (cm_edit_base(in))
        json_object_set_new(in, key, holder_of(gone_mark, NULL));
    else
        json_object_del(in, key);
}

void cm_edit_rename_key(json_t *in, const char *from, const char *to)
{
    json_t *value = json_object_get(in, from);
    const struct cm_yaml *base = cm_edit_base(in);
    if (value)
        json_object_set(in, to, value);
    else if (base)
        json_object_set_new(in, to, cm_edit_placeholder(cm_yaml_get(base, from)));
    cm_edit_drop_key(in, from);
}

void cm_edit_expect_lines(json_t *in, const char *lines)
{
    json_object_set_new_nocheck(in, lines_key, holder_of(lines_mark, lines));
}
