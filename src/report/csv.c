/* report/csv.c: a small reader for our own CSV tables. A person may have edited them, so nothing in here fails. */
#include <config.h>

#include "report/csv.h"

#include <stdbool.h>
#include <string.h>

#include <cm/str.h>

#include "base/mem.h"
#include "base/text.h"

/* One field from *at on; *at then stands behind it and its separator. True: it was the last of its record. */
static bool field(const char **at, struct cm_str *out)
{
    const char *p = *at;
    bool quoted = *p == '"', last;
    cm_str_reset(out);
    if (quoted)
        p++;
    while (*p != '\0' && (quoted || (*p != ',' && *p != '\n' && *p != '\r'))) {
        if (quoted && *p == '"') {
            if (p[1] != '"') {
                quoted = false;
                p++;
                continue;
            }
            p++;
        }
        cm_str_add_bytes(out, p++, 1);
    }
    last = *p != ',';
    if (*p == '\r')
        p++;
    if (*p == '\n' || *p == ',')
        p++;
    *at = p;
    return last;
}

static json_t *record(const char **at)
{
    json_t *list = json_array();
    cm_autostr text = CM_STR(CM_STR_PAGE);
    bool last;
    do {
        last = field(at, &text);
        const char *s = cm_str_text(&text);
        s += *s == '\'' && cm_csv_formula(s + 1);
        json_array_append_new(list, cm_utf8_valid(s, strlen(s)) ? json_string(s) : json_null());
    } while (!last);
    return list;
}

json_t *cm_csv_rows(const char *text)
{
    json_t *rows = json_array();
    if (text == NULL || *text == '\0')
        return rows;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3; /* a spreadsheet's mark */
    cm_autojson head = record(&text);
    while (*text != '\0') {
        cm_autojson values = record(&text);
        json_t *row = json_object();
        for (size_t i = 0; i < json_array_size(head) && i < json_array_size(values); i++) {
            const char *name = json_string_value(json_array_get(head, i));
            if (name != NULL)
                json_object_set(row, name, json_array_get(values, i));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}
