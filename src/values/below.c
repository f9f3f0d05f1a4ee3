/* values/below.c: our own values files, moved below a key. Two columns more a level change nothing else in block style: the indentation of
 * a literal block is told from its first line. */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "values/below.h"
#include "values/quote.h"

#include <cm/str.h>

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

static int open_keys(struct cm_str *out, const char *key)
{
    int depth = 0;
    for (; *key; depth++) {
        size_t n = strcspn(key, ".");
        cm_autofree char *one = cm_strndup(key, n);
        cm_str_addf(out, "%*s", 2 * depth, "");
        cm_yaml_add_key(out, one);
        cm_str_add(out, ":\n");
        key += n + (key[n] == '.');
    }
    return depth;
}

char *cm_values_put_below(const char *text, const char *key)
{
    if (!key)
        return cm_strdup(text);
    struct cm_str out = CM_STR(CM_STR_BIG);
    const char *line = text;
    while (*line == '#' || *line == '\n')
        line = next_line(line);
    cm_str_add_bytes(&out, text, (size_t)(line - text));
    int depth = open_keys(&out, key);
    for (; *line; line = next_line(line)) {
        if (*line != '\n')
            cm_str_addf(&out, "%*s", 2 * depth, "");
        cm_str_add_bytes(&out, line, (size_t)(next_line(line) - line));
    }
    return cm_str_take(&out);
}
