/* values/quote.c: gcfg values and YAML scalars as text.
 *
 * Sources: the chart prints values of `config` as they are, without quotes (rstudio-library, templates/_config.tpl), so gcfg's own
 * quoting has to stand inside the YAML string; helm removes the literal "<no value>" from what it renders; YAML 1.1 readers type plain
 * scalars such as `on`, `1e3` or `0644`. Does not: know settings. */
#include <config.h>

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "values/config.h"
#include "values/quote.h"

/* One code point of valid UTF-8; at least one byte is taken. */
static uint32_t next_point(const char **p)
{
    const unsigned char *s = (const unsigned char *)*p;
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
    size_t i = 1;
    for (; i < n && (s[i] & 0xc0) == 0x80; i++)
        c = c << 6 | (s[i] & 0x3fu);
    *p += i;
    return c;
}

/* Printable in YAML and no line break of it (YAML 1.1, 4.1 and 4.2; also no byte order mark). */
static bool is_tame(uint32_t c)
{
    if (c == 0x2028 || c == 0x2029 || c == 0xfeff)
        return false;
    return (c >= 0x20 && c <= 0x7e) || (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

bool cm_manifest_safe(const char *text)
{
    while (*text) {
        uint32_t c = next_point(&text);
        if (!is_tame(c) && c != '\t' && c != '\n')
            return false;
    }
    return true;
}

bool cm_env_safe(const char *text)
{
    if (strstr(text, "<no value>"))
        return false;
    while (*text) {
        uint32_t c = next_point(&text);
        if (!is_tame(c) && c >= 0x20 && c != 0xfeff)
            return false;
    }
    return true;
}

char *cm_gcfg_quote(const char *value)
{
    size_t n = strlen(value);
    bool quote = n == 0 || strpbrk(value, "\"\\;#\n") || strchr(" \t", value[0]) || strchr(" \t", value[n - 1]) ||
                 strstr(value, "<no value>");
    if (!quote)
        return cm_strdup(value);
    struct cm_str s = CM_STR(CM_STR_BIG);
    cm_str_add(&s, "\"");
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            cm_str_addf(&s, "\\%c", *p);
        else if (*p == '\n')
            cm_str_add(&s, "\\n");
        else if (strncmp(p, "<no value>", 10) == 0)
            cm_str_add(&s, "<\"\""); /* quotes that close and open again: nothing to gcfg, a barrier to helm */
        else
            cm_str_add_bytes(&s, p, 1);
    }
    cm_str_add(&s, "\"");
    return cm_str_take(&s);
}

static void add_double_quoted(struct cm_str *s, const char *text)
{
    cm_str_add(s, "\"");
    while (*text) {
        const char *from = text;
        uint32_t c = next_point(&text);
        if (c == '"' || c == '\\')
            cm_str_addf(s, "\\%c", (int)c);
        else if (is_tame(c))
            cm_str_add_bytes(s, from, (size_t)(text - from));
        else if (c == '\n' || c == '\t' || c == '\r')
            cm_str_addf(s, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else
            cm_str_addf(s, c > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)c);
    }
    cm_str_add(s, "\"");
}

char *cm_yaml_quote(const char *text)
{
    struct cm_str s = CM_STR(CM_STR_BIG);
    for (const char *p = text; *p;) {
        if (!is_tame(next_point(&p))) {
            add_double_quoted(&s, text);
            return cm_str_take(&s);
        }
    }
    cm_str_add(&s, "'");
    for (const char *p = text; *p; p++)
        cm_str_add_bytes(&s, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
    cm_str_add(&s, "'");
    return cm_str_take(&s);
}

bool cm_yaml_plain_safe(const char *text)
{
    static const char *const typed[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", NULL};
    if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z')))
        return false;
    for (const char *const *t = typed; *t; t++)
        if (strcasecmp(text, *t) == 0)
            return false;
    for (const char *p = text; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-_./", *p)))
            return false;
    return true;
}

void cm_yaml_add_key(struct cm_str *out, const char *key)
{
    cm_autofree char *quoted = cm_yaml_plain_safe(key) ? cm_strdup(key) : cm_yaml_quote(key);
    cm_str_add(out, quoted);
}

void cm_yaml_add_comment(struct cm_str *out, const char *comment, int indent)
{
    while (*comment) {
        const char *end = comment + strcspn(comment, "\n");
        while (comment < end && strchr(";# \t", *comment))
            comment++;
        cm_str_addf(out, "%*s#%s", indent, "", comment < end ? " " : "");
        while (comment < end) {
            const char *from = comment;
            uint32_t c = next_point(&comment);
            if (is_tame(c) || c == '\t')
                cm_str_add_bytes(out, from, (size_t)(comment - from));
            else
                cm_str_add(out, "?");
        }
        cm_str_add(out, "\n");
        comment = *end ? end + 1 : end;
    }
}

/* The fewest digits that read as this number again: 0.2 and not 0.20000000000000001; 5.0 and not 5, which would be another type. */
static char *shortest(double number)
{
    for (int digits = 15;; digits++) {
        cm_autofree char *text = cm_fmt("%.*g", digits, number);
        if (digits >= 17 || strtod(text, NULL) == number)
            return cm_fmt("%s%s", text, strpbrk(text, ".e") ? "" : ".0");
    }
}

static void add_scalar(struct cm_str *out, const json_t *value)
{
    if (json_is_string(value)) {
        cm_autofree char *text = cm_yaml_plain_safe(json_string_value(value)) ? cm_strdup(json_string_value(value))
                                                                              : cm_yaml_quote(json_string_value(value));
        cm_str_add(out, text);
        return;
    }
    cm_autofree char *text =
        json_is_real(value) ? shortest(json_real_value(value)) : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    cm_str_add(out, text ? text : "null");
}

/* Not as JSON, though that is YAML's flow style: it may hold characters that YAML takes for line breaks, or refuses. */
void cm_yaml_add_flow(struct cm_str *out, const json_t *value)
{
    const char *key;
    json_t *one, *own;
    size_t n = 0;
    memcpy(&own, &value, sizeof own); /* jansson's iteration takes no const object and changes none */
    if (!json_is_object(value) && !json_is_array(value)) {
        add_scalar(out, value);
        return;
    }
    cm_str_add(out, json_is_object(value) ? "{" : "[");
    json_object_foreach(own, key, one)
    {
        cm_str_add(out, n++ ? ", " : "");
        cm_yaml_add_key(out, key);
        cm_str_add(out, ": ");
        cm_yaml_add_flow(out, one);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        cm_str_add(out, i ? ", " : "");
        cm_yaml_add_flow(out, json_array_get(value, i));
    }
    cm_str_add(out, json_is_object(value) ? "}" : "]");
}

static void add_map(struct cm_str *out, const json_t *map, int indent, bool first_inline)
{
    const char *key;
    json_t *value, *own;
    memcpy(&own, &map, sizeof own); /* jansson's iteration takes no const object and changes none */
    json_object_foreach(own, key, value)
    {
        cm_str_addf(out, "%*s", first_inline ? 0 : indent, "");
        first_inline = false;
        cm_yaml_add_key(out, key);
        cm_str_add(out, ":");
        cm_yaml_add_value(out, value, indent + 2);
    }
}

void cm_yaml_add_value(struct cm_str *out, const json_t *value, int indent)
{
    if (json_is_object(value) && json_object_size(value)) {
        cm_str_add(out, "\n");
        add_map(out, value, indent, false);
    } else if (json_is_array(value) && json_array_size(value)) {
        cm_str_add(out, "\n");
        for (size_t i = 0; i < json_array_size(value); i++) {
            const json_t *item = json_array_get(value, i);
            cm_str_addf(out, "%*s- ", indent, "");
            if (json_is_object(item) && json_object_size(item)) {
                add_map(out, item, indent + 2, true);
            } else if (json_is_array(item) && json_array_size(item)) {
                cm_yaml_add_flow(out, item);
                cm_str_add(out, "\n");
            } else {
                add_scalar(out, item);
                cm_str_add(out, "\n");
            }
        }
    } else {
        cm_str_add(out, " ");
        add_scalar(out, value);
        cm_str_add(out, "\n");
    }
}
