/* plan/diff.c: the differences between two normal forms, a line each, as a person would say them. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "plan/plan.h"
#include "plan/schema.h"

/* Durations are ms in the normal form; people wrote "30m". */
static bool is_duration(const struct cm_plan_key *k) { return k && (k->type == CM_P_DURATION || k->type == CM_P_LIST_DURATION); }

static char *value_text(const json_t *v, const struct cm_plan_key *k)
{
    if (!v)
        return cm_strdup("(not said)");
    if (json_is_string(v))
        return cm_strdup(json_string_value(v));
    if (json_is_integer(v) && is_duration(k))
        return cm_duration_text(json_integer_value(v));
    if (json_is_array(v)) {
        cm_autostr out = CM_STR(CM_STR_PAGE);
        size_t i;
        json_t *item;
        cm_str_add(&out, "[");
        json_array_foreach(v, i, item)
        {
            cm_autofree char *text = value_text(item, k);
            cm_str_addf(&out, "%s%s", i ? ", " : "", text);
        }
        cm_str_add(&out, "]");
        return cm_str_take(&out);
    }
    return cm_json_canonical(v);
}

static void differ(struct cm_str *out, const json_t *a, const json_t *b, const struct cm_plan_key *k, const char *pattern,
                   const char *path);

static void differ_member(struct cm_str *out, const json_t *a, const json_t *b, const char *pattern, const char *path,
                          const char *name)
{
    const struct cm_plan_key *k = pattern ? cm_plan_key_under(pattern, name) : NULL;
    cm_autofree char *full = *path ? cm_fmt("%s.%s", path, name) : cm_strdup(name);
    differ(out, json_object_get(a, name), json_object_get(b, name), k, k && k->type == CM_P_MAP ? k->path : NULL, full);
}

/* A runbook's stages and steps: objects with an id each. */
static const json_t *by_id(const json_t *list, const json_t *like)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (json_equal(json_object_get(item, "id"), json_object_get(like, "id")))
            return item;
    }
    return NULL;
}

static bool has_ids(const json_t *list) { return json_is_string(json_object_get(json_array_get(list, 0), "id")); }

static void differ_by_id(struct cm_str *out, const json_t *a, const json_t *b, const char *path)
{
    size_t i;
    json_t *item;
    json_array_foreach(a, i, item)
    {
        cm_autofree char *full = cm_fmt("%s.%s", path, json_string_value(json_object_get(item, "id")));
        const json_t *other = by_id(b, item);
        if (other)
            differ(out, item, other, NULL, NULL, full);
        else
            cm_str_addf(out, "%s: taken out\n", full);
    }
    json_array_foreach(b, i, item)
    {
        if (!by_id(a, item))
            cm_str_addf(out, "%s.%s: put in\n", path, json_string_value(json_object_get(item, "id")));
        else if (!json_equal(json_object_get(json_array_get(a, i), "id"), json_object_get(item, "id")))
            cm_str_addf(out, "%s.%s: at another place\n", path, json_string_value(json_object_get(item, "id")));
    }
}

static void differ(struct cm_str *out, const json_t *a, const json_t *b, const struct cm_plan_key *k, const char *pattern,
                   const char *path)
{
    if ((a && b && json_equal(a, b)) || (!a && !b))
        return;
    if (has_ids(a) && has_ids(b)) {
        differ_by_id(out, a, b, path);
        return;
    }
    if ((a && !json_is_object(a)) || (b && !json_is_object(b))) {
        cm_autofree char *before = value_text(a, k), *after = value_text(b, k);
        cm_str_addf(out, "%s: %s → %s\n", path, before, after);
        return;
    }
    const char *name;
    json_t *ignored;
    json_object_foreach(cm_json_loose(a), name, ignored) differ_member(out, a, b, pattern, path, name);
    json_object_foreach(cm_json_loose(b), name, ignored)
    {
        if (!json_object_get(a, name))
            differ_member(out, a, b, pattern, path, name);
    }
    (void)ignored;
}

char *cm_plan_diff(const json_t *before, const json_t *after)
{
    cm_autostr out = CM_STR(CM_STR_PAGE);
    differ(&out, before, after, NULL, "", "");
    return cm_str_take(&out);
}
