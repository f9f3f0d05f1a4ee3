/* adapters/json_split.c: the splitter behind cm_connect_each. It finds the borders of the items by strings and brackets
 * alone and leaves judging each item to jansson; what stands between items is judged here (RFC 8259, section 5). */
#include <config.h>

#include "adapters/json_split.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

enum where { BEFORE_ARRAY, BEFORE_FIRST, BEFORE_ITEM, IN_ITEM, BEHIND_ARRAY };
enum { DEPTH_MAX = 128, ITEM_MAX_DEFAULT = 4 << 20 };

struct cm_json_split {
    int (*each)(void *ctx, const json_t *item, struct cm_err **err);
    void *ctx;
    enum where where;
    bool in_string, escaped;
    int depth; /* of brackets within the item */
    char *item;
    size_t len, cap, max;
    uint64_t count, offset;
};

struct cm_json_split *cm_json_split_new(int (*each)(void *ctx, const json_t *item, struct cm_err **err), void *ctx,
                                        size_t item_max_bytes)
{
    struct cm_json_split *s = cm_alloc(sizeof *s);

    s->each = each;
    s->ctx = ctx;
    s->max = item_max_bytes != 0 ? item_max_bytes : ITEM_MAX_DEFAULT;
    return s;
}

void cm_json_split_free(struct cm_json_split *s)
{
    if (s == NULL)
        return;
    free(s->item);
    free(s);
}

uint64_t cm_json_split_count(const struct cm_json_split *s) { return s->count; }

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static int bad(const struct cm_json_split *s, const char *what, struct cm_err **err)
{
    return cm_fail(err, CM_E_FAILED, "the answer is not a JSON array as expected: %s at byte %llu", what,
                   (unsigned long long)s->offset);
}

static int keep(struct cm_json_split *s, char c, struct cm_err **err)
{
    if (s->len >= s->max)
        return cm_fail(err, CM_E_FAILED, "an item of the answer is larger than %zu bytes", s->max);
    if (s->len == s->cap)
        s->item = cm_grow(s->item, &s->cap, s->len + 1, 1);
    s->item[s->len++] = c;
    return 0;
}

static int hand_out(struct cm_json_split *s, struct cm_err **err)
{
    json_error_t fault;
    cm_autojson item = json_loadb(s->item, s->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);

    s->len = 0;
    if (item == NULL)
        return cm_fail(err, CM_E_FAILED, "item %llu of the answer is not valid JSON: %s", (unsigned long long)s->count + 1,
                       fault.text);
    s->count++;
    return s->each(s->ctx, item, err);
}

/* One byte of an item, outside of strings, that may end it or change the depth. */
static int structure(struct cm_json_split *s, char c, struct cm_err **err)
{
    if (s->depth == 0 && (c == ',' || c == ']')) {
        s->where = c == ',' ? BEFORE_ITEM : BEHIND_ARRAY;
        return hand_out(s, err);
    }
    if (c == '"')
        s->in_string = true;
    else if ((c == '[' || c == '{') && ++s->depth > DEPTH_MAX)
        return bad(s, "nested too deeply", err);
    else if ((c == ']' || c == '}') && --s->depth < 0)
        return bad(s, "a bracket too many", err);
    return keep(s, c, err);
}

static int in_string(struct cm_json_split *s, char c, struct cm_err **err)
{
    if (s->escaped)
        s->escaped = false;
    else if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->in_string = false;
    return keep(s, c, err);
}

static int begin_item(struct cm_json_split *s, char c, struct cm_err **err)
{
    if (c == ']' && s->where == BEFORE_FIRST) {
        s->where = BEHIND_ARRAY;
        return 0;
    }
    if (c == ',' || c == ']')
        return bad(s, "an item is missing", err);
    s->where = IN_ITEM;
    s->depth = 0;
    return structure(s, c, err);
}

static int one_byte(struct cm_json_split *s, char c, struct cm_err **err)
{
    if (s->where == IN_ITEM)
        return s->in_string ? in_string(s, c, err) : structure(s, c, err);
    if (is_space(c))
        return 0;
    switch (s->where) {
    case BEFORE_ARRAY:
        if (c != '[')
            return bad(s, "it does not begin with a bracket", err);
        s->where = BEFORE_FIRST;
        return 0;
    case BEFORE_FIRST:
    case BEFORE_ITEM: return begin_item(s, c, err);
    default: return bad(s, "text behind the array", err);
    }
}

int cm_json_split_feed(struct cm_json_split *s, const char *bytes, size_t n, struct cm_err **err)
{
    for (size_t i = 0; i < n; i++, s->offset++)
        if (one_byte(s, bytes[i], err) != 0)
            return -1;
    return 0;
}

int cm_json_split_end(struct cm_json_split *s, struct cm_err **err)
{
    if (s->where == BEHIND_ARRAY)
        return 0;
    return bad(s, "it ends too early", err);
}
