/* world/yaml_out.c: JSON as YAML in block style with sorted keys, the way helm prints manifests. Texts that YAML 1.1 would type
 * otherwise are quoted; texts of several lines become literal blocks. */
#include <config.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "world/world.h"

static bool plain_is_safe(const char *s)
{
    static const char *const typed[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~", NULL};
    if (*s == '\0' || s[strlen(s) - 1] == ' ' || s[strlen(s) - 1] == ':')
        return false;
    if (!isalpha((unsigned char)s[0]) && s[0] != '/' && s[0] != '_')
        return false;
    for (const char *const *t = typed; *t != NULL; t++)
        if (strcasecmp(s, *t) == 0)
            return false;
    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || strchr("{}[],&*?|<>=!%@`\"'#\\", *p) != NULL || (*p == ':' && p[1] == ' '))
            return false;
    return true;
}

static bool block_is_safe(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || strchr(s, '\n') == NULL || s[0] == ' ' || s[0] == '\n' || s[0] == '\t')
        return false;
    for (const char *p = s; *p != '\0'; p++)
        if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || (*p == ' ' && p[1] == '\n'))
            return false;
    return true;
}

static void indent_by(struct cm_str *out, int n) { cm_str_addf(out, "%*s", n, ""); }

static void print_text(struct cm_str *out, const char *s, int indent)
{
    if (plain_is_safe(s)) {
        cm_str_addf(out, "%s\n", s);
        return;
    }
    if (!block_is_safe(s)) {
        cm_autojson holder = json_string(s);
        cm_autofree char *quoted = json_dumps(holder, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        cm_str_addf(out, "%s\n", quoted);
        return;
    }
    size_t n = strlen(s), ends = 0;
    while (ends < n && s[n - 1 - ends] == '\n')
        ends++;
    cm_str_add(out, ends == 0 ? "|-\n" : ends == 1 ? "|\n" : "|+\n");
    for (const char *line = s; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length > 0) {
            indent_by(out, indent);
            cm_str_add_bytes(out, line, length);
        }
        cm_str_add(out, "\n");
        line += length + (line[length] == '\n' ? 1 : 0);
    }
}

static void print_scalar(struct cm_str *out, const json_t *j, int indent)
{
    if (json_is_string(j)) {
        print_text(out, json_string_value(j), indent);
        return;
    }
    cm_autofree char *text = json_dumps(j, JSON_ENCODE_ANY);
    cm_str_addf(out, "%s\n", text);
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void print_map(struct cm_str *out, const json_t *j, int indent, bool first_in_place)
{
    const char **keys = cm_alloc(json_object_size(j) * sizeof *keys);
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)j, key, value) keys[n++] = key;
    qsort(keys, n, sizeof *keys, by_name);
    for (size_t i = 0; i < n; i++) {
        value = json_object_get(j, keys[i]);
        if (i > 0 || !first_in_place)
            indent_by(out, indent);
        if (plain_is_safe(keys[i]))
            cm_str_add(out, keys[i]);
        else {
            cm_autojson holder = json_string(keys[i]);
            cm_autofree char *quoted = json_dumps(holder, JSON_ENCODE_ANY);
            cm_str_add(out, quoted);
        }
        bool nested =
            (json_is_object(value) && json_object_size(value) > 0) || (json_is_array(value) && json_array_size(value) > 0);
        cm_str_add(out, nested ? ":\n" : ": ");
        if (nested)
            yaml_print(out, value, json_is_array(value) ? indent : indent + 2);
        else
            print_scalar(out, value, indent + 2);
    }
    free(keys);
}

void yaml_print(struct cm_str *out, const json_t *j, int indent)
{
    if (json_is_object(j) && json_object_size(j) > 0) {
        print_map(out, j, indent, false);
    } else if (json_is_array(j) && json_array_size(j) > 0) {
        size_t i;
        json_t *item;
        json_array_foreach(j, i, item)
        {
            indent_by(out, indent);
            cm_str_add(out, "- ");
            if (json_is_object(item) && json_object_size(item) > 0) {
                print_map(out, item, indent + 2, true);
            } else if (json_is_array(item) && json_array_size(item) > 0) {
                cm_str_add(out, "\n");
                yaml_print(out, item, indent + 2);
            } else {
                print_scalar(out, item, indent + 2);
            }
        }
    } else {
        print_scalar(out, j, indent);
    }
}
