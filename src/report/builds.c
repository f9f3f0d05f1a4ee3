/* report/builds.c: builds of content looked at together: how long they took, and failures of one cause in one group. See items.h. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/items.h"

/* ---- how long they took ---- */

/* Seconds; steps that people think in, so that a handful of bars shows both the quick and the slow. */
static const double edges[] = {0,  0.01, 0.02, 0.05, 0.1, 0.2, 0.5,  1,    2,    5,    10,
                               20, 30,   60,   120,  300, 600, 1200, 1800, 3600, 7200, 86400};
enum { EDGES = sizeof edges / sizeof edges[0] };

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static size_t bar_of(double seconds)
{
    size_t k = 0;
    while (k + 2 < EDGES && seconds >= edges[k + 1])
        k++;
    return k;
}

/* From the first bar that has something to the last; those between are kept, also when they are empty. */
static json_t *bars(const double *list, size_t n)
{
    size_t counts[EDGES] = {0}, first = bar_of(list[0]), last = bar_of(list[n - 1]);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        counts[bar_of(list[i])]++;
    for (size_t k = first; k <= last; k++)
        json_array_append_new(out,
                              json_pack("{s:f, s:f, s:I}", "from", edges[k], "to", edges[k + 1], "count", (json_int_t)counts[k]));
    return out;
}

json_t *cm_items_build_times(const json_t *items)
{
    double *list = cm_alloc((json_array_size(items) + 1) * sizeof *list), all = 0;
    size_t i, n = 0;
    json_t *item, *out = json_null();
    json_array_foreach(items, i, item)
    {
        const json_t *seconds = json_object_get(item, "build_seconds");
        if (json_is_number(seconds) && strcmp(cm_json_text(item, "build", ""), "built") == 0) {
            list[n] = json_number_value(seconds);
            all += list[n++];
        }
    }
    qsort(list, n, sizeof *list, by_size);
    if (n > 0)
        out = json_pack("{s:I, s:f, s:f, s:f, s:f, s:o}", "count", (json_int_t)n, "seconds", all, "median", list[(n - 1) / 2],
                        "p90", list[(n - 1) * 9 / 10], "longest", list[n - 1], "bars", bars(list, n));
    free(list);
    return out;
}

/* ---- failures by cause ---- */

static bool hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/* What names one item or one try is left out, so that the same cause reads the same: GUIDs, and numbers of five digits and more. */
static char *cause_of(const char *text)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (const char *p = text; *p != '\0';) {
        size_t n = 0, digits = strspn(p, "0123456789");
        while (hex(p[n]) || (n > 0 && p[n] == '-'))
            n++;
        if (n == 36 && p[8] == '-' && p[13] == '-' && p[18] == '-' && p[23] == '-') {
            cm_str_add(&s, "…");
            p += n;
        } else if (digits >= 5) {
            cm_str_add(&s, "…");
            p += digits;
        } else {
            n = digits > 0 ? digits : 1;
            cm_str_add_bytes(&s, p, n);
            p += n;
        }
    }
    return cm_str_take(&s);
}

static const char *failure_of(const json_t *item, const char **what)
{
    const char *build = cm_json_text(item, "build", ""), *result = cm_json_text(item, "result", "");
    *what = "build";
    if (strcmp(build, "failed") == 0)
        return cm_json_text(item, "build_error", "no cause is on record");
    *what = "gone";
    if (strcmp(build, "gone") == 0 || strcmp(result, "gone") == 0)
        return "it is not there any more";
    *what = "answer";
    return strcmp(result, "differs") == 0 ? cm_json_text(item, "how", "its page answers differently") : NULL;
}

static int by_count(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    size_t l = json_array_size(json_object_get(*left, "items")), r = json_array_size(json_object_get(*right, "items"));
    return l != r ? (l > r ? -1 : 1) : strcmp(cm_json_text(*left, "cause", ""), cm_json_text(*right, "cause", ""));
}

json_t *cm_items_failures(const json_t *items)
{
    cm_autojson groups = json_object();
    json_t *item, *g, *sorted = json_array();
    const char *what, *key;
    size_t i, n = 0;
    json_array_foreach(items, i, item)
    {
        const char *text = failure_of(item, &what);
        if (text == NULL)
            continue;
        cm_autofree char *cause = cause_of(text), *name = cm_fmt("%s %s", what, cause);
        g = json_object_get(groups, name);
        if (g == NULL) {
            g = json_pack("{s:s, s:s, s:[]}", "cause", cause, "what", what, "items");
            json_object_set_new(groups, name, g);
        }
        json_array_append(json_object_get(g, "items"), json_object_get(item, "guid"));
    }
    json_t **list = cm_alloc((json_object_size(groups) + 1) * sizeof *list);
    json_object_foreach(groups, key, g) list[n++] = g;
    qsort(list, n, sizeof *list, by_count);
    for (i = 0; i < n; i++)
        json_array_append(sorted, list[i]);
    free(list);
    return sorted;
}
