/* base/yaml_value.c: a YAML node as JSON (base/yaml.h), typed as helm's reader types it.
 *
 * The rules are those of go-yaml's resolver, which helm reads values with: YAML 1.1 booleans and null, integers in Go's
 * spellings (0x, 0b, 0o, leading 0 is octal, "_" between digits), floats; dates stay text; "<<" merges; a key that would
 * be typed becomes the text of its value ("on" is the key "true"). */
#include <config.h>

#include "base/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* Digits of one base; ends at the NUL. False: no digits, another character, or too large. */
static bool read_digits(const char *s, unsigned base, uint64_t *value)
{
    *value = 0;
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        unsigned d = isdigit((unsigned char)*s)   ? (unsigned)(*s - '0')
                     : isalpha((unsigned char)*s) ? (unsigned)(tolower((unsigned char)*s) - 'a') + 10
                                                  : 99;
        if (d >= base || *value > (UINT64_MAX - d) / base)
            return false;
        *value = *value * base + d;
    }
    return true;
}

/* Go's ParseInt with base 0. */
static bool read_int(const char *s, bool *minus, uint64_t *value)
{
    *minus = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (s[0] == '0' && s[1] != '\0') {
        char c = (char)tolower((unsigned char)s[1]);
        if (c == 'x')
            return read_digits(s + 2, 16, value);
        if (c == 'b')
            return read_digits(s + 2, 2, value);
        return read_digits(c == 'o' ? s + 2 : s + 1, 8, value);
    }
    return read_digits(s, 10, value);
}

/* go-yaml: ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool looks_like_float(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    size_t whole = strspn(s, "0123456789"), part = 0;
    s += whole;
    if (*s == '.') {
        s++;
        part = strspn(s, "0123456789");
        s += part;
    }
    if (whole == 0 && part == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '-' || *s == '+')
            s++;
        size_t n = strspn(s, "0123456789");
        if (n == 0)
            return false;
        s += n;
    }
    return *s == '\0';
}

static json_t *number_json(const char *text)
{
    cm_autofree char *plain = cm_strdup(text);
    char *to = plain;
    for (const char *from = text; *from != '\0'; from++)
        if (*from != '_')
            *to++ = *from;
    *to = '\0';
    bool minus = false;
    uint64_t n = 0;
    if (read_int(plain, &minus, &n)) {
        /* Readers of JSON have doubles; what a double cannot hold exactly stays as it is written. */
        if (n <= INT64_MAX && (uint64_t)(double)n == n)
            return json_integer(minus ? -(json_int_t)n : (json_int_t)n);
        return json_string(plain);
    }
    if (!looks_like_float(plain))
        return NULL;
    double d = strtod(plain, NULL); /* the program runs in the C locale for numbers */
    return isfinite(d) ? json_real(d) : NULL;
}

/* NULL: text. */
static json_t *typed(const char *text)
{
    static const char *const yes[] = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const no[] = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    if (isdigit((unsigned char)*text) || *text == '-' || *text == '+' || *text == '.')
        return number_json(text);
    if (one_of(text, yes))
        return json_true();
    if (one_of(text, no))
        return json_false();
    return one_of(text, null) ? json_null() : NULL;
}

static json_t *scalar_json(const struct cm_yaml *y)
{
    bool typable = y->plain && cm_yaml_tag(y) == NULL;
    if (cm_yaml_tag(y) != NULL)
        typable = strcmp(cm_yaml_tag(y), "tag:yaml.org,2002:int") == 0 || strcmp(cm_yaml_tag(y), "tag:yaml.org,2002:float") == 0 ||
                  strcmp(cm_yaml_tag(y), "tag:yaml.org,2002:bool") == 0 || strcmp(cm_yaml_tag(y), "tag:yaml.org,2002:null") == 0;
    json_t *j = typable && strlen(y->text) == y->text_bytes ? typed(y->text) : NULL;
    return j != NULL ? j : json_stringn_nocheck(y->text, y->text_bytes);
}

/* The text of a key; caller frees. */
static char *key_text(const struct cm_yaml *key)
{
    cm_autojson j = scalar_json(key);
    if (json_is_string(j))
        return cm_strdup(json_string_value(j));
    return json_is_real(j) ? cm_fmt("%.15g", json_real_value(j)) : json_dumps(j, JSON_ENCODE_ANY);
}

static json_t *value_json(const struct cm_yaml *y);

static bool is_merge(const struct cm_yaml *key) { return key->plain && cm_yaml_tag(key) == NULL && strcmp(key->text, "<<") == 0; }

/* Own keys win over merged ones, an earlier merged map over a later one (YAML 1.1 merge type). */
static void merge_into(json_t *object, const struct cm_yaml *value)
{
    if (value->type == CM_YAML_ALIAS)
        value = value->target;
    if (value->type == CM_YAML_LIST) {
        for (size_t i = 0; i < value->count; i++)
            merge_into(object, value->items[i]);
    } else if (value->type == CM_YAML_MAP) {
        cm_autojson more = value_json(value);
        json_object_update_missing(object, more);
    }
}

static json_t *map_json(const struct cm_yaml *y)
{
    json_t *object = json_object();
    for (size_t i = 0; i < y->count; i++) {
        if (is_merge(y->keys[i]))
            continue;
        cm_autofree char *key = key_text(y->keys[i]);
        json_object_set_new_nocheck(object, key, value_json(y->items[i]));
    }
    for (size_t i = 0; i < y->count; i++)
        if (is_merge(y->keys[i]))
            merge_into(object, y->items[i]);
    return object;
}

/* Depth is at most 64, aliases written out included: the parser saw to it. */
static json_t *value_json(const struct cm_yaml *y)
{
    if (y->type == CM_YAML_ALIAS)
        y = y->target;
    if (y->type == CM_YAML_SCALAR)
        return scalar_json(y);
    if (y->type == CM_YAML_MAP)
        return map_json(y);
    json_t *array = json_array();
    for (size_t i = 0; i < y->count; i++)
        json_array_append_new(array, value_json(y->items[i]));
    return array;
}

json_t *cm_yaml_texts(const struct cm_yaml *node)
{
    if (node->type == CM_YAML_MAP || node->type == CM_YAML_LIST) {
        json_t *j = node->type == CM_YAML_MAP ? json_object() : json_array();
        for (size_t i = 0; i < node->count; i++)
            node->type == CM_YAML_MAP ? json_object_set_new(j, node->keys[i]->text, cm_yaml_texts(node->items[i]))
                                      : json_array_append_new(j, cm_yaml_texts(node->items[i]));
        return j;
    }
    json_t *j = value_json(node);
    if (!json_is_number(j) || node->type != CM_YAML_SCALAR)
        return j;
    json_decref(j);
    return json_string(node->text);
}

json_t *cm_yaml_json(const struct cm_yaml_doc *doc, const struct cm_yaml *node)
{
    (void)doc;
    return node == NULL ? json_null() : value_json(node);
}
