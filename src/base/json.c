/* base/json.c: reading jansson values without ceremony (base/json.h). */
#include <config.h>

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const json_t *cm_json_at(const json_t *j, const char *path)
{
    while (j != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");
        cm_autofree char *key = cm_strndup(path, n);
        j = json_object_get(j, key);
        path += n;
        if (*path == '.')
            path++;
    }
    return j;
}

const char *cm_json_text(const json_t *j, const char *path, const char *otherwise)
{
    const char *text = json_string_value(cm_json_at(j, path));
    return text == NULL ? otherwise : text;
}

int64_t cm_json_int(const json_t *j, const char *path, int64_t otherwise)
{
    const json_t *v = cm_json_at(j, path);
    if (json_is_integer(v))
        return json_integer_value(v);
    if (json_is_real(v)) {
        double d = json_real_value(v);
        if (d > -9e18 && d < 9e18)
            return (int64_t)d;
    }
    return otherwise;
}

bool cm_json_bool(const json_t *j, const char *path, bool otherwise)
{
    const json_t *v = cm_json_at(j, path);
    if (json_is_boolean(v))
        return json_is_true(v);
    if (json_is_string(v)) {
        const char *text = json_string_value(v);
        return strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    }
    if (json_is_integer(v))
        return json_integer_value(v) == 1;
    return otherwise;
}

char *cm_json_canonical(const json_t *j)
{
    if (j == NULL)
        return cm_strdup("null");
    char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    return text == NULL ? cm_strdup("null") : text;
}

json_t *cm_json_parse(const char *text, size_t n, const char *what, struct cm_err **err)
{
    json_error_t e;
    json_t *j = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (j == NULL)
        cm_fail(err, CM_E_FAILED, "%s:%d:%d: not JSON: %s", what, e.line, e.column, e.text);
    return j;
}

json_t *cm_json_strings(const char *const *list)
{
    json_t *array = json_array();
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}
