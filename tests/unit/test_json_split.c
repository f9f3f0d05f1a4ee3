/* A JSON array taken apart while it streams in, also from hostile input. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cm/str.h>

#include "adapters/json_split.h"
#include "base/mem.h"

struct got {
    json_t *items;
    int refuse_at;
};

static int take(void *ctx, const json_t *item, struct cm_err **err)
{
    struct got *g = ctx;

    json_array_append(g->items, (json_t *)(uintptr_t)item);
    if (g->refuse_at != 0 && (int)json_array_size(g->items) == g->refuse_at)
        return cm_fail(err, CM_E_FAILED, "enough");
    return 0;
}

/* The items as one compact array, or the error's message; `step` bytes at a time. Caller frees. */
static char *split(const char *text, size_t bytes, size_t step, size_t item_max, int refuse_at)
{
    struct got g = {json_array(), refuse_at};
    struct cm_json_split *s = cm_json_split_new(take, &g, item_max);
    cm_autoerr err = NULL;
    int rc = 0;

    for (size_t at = 0; at < bytes && rc == 0; at += step)
        rc = cm_json_split_feed(s, text + at, bytes - at < step ? bytes - at : step, &err);
    if (rc == 0)
        rc = cm_json_split_end(s, &err);
    char *out = rc == 0 ? json_dumps(g.items, JSON_COMPACT) : cm_strdup(cm_err_message(err));
    if (rc == 0)
        assert_int_equal(cm_json_split_count(s), json_array_size(g.items));
    json_decref(g.items);
    cm_json_split_free(s);
    return out;
}

static void assert_split(const char *text, const char *want)
{
    for (size_t step = 1; step < 9; step++) {
        cm_autofree char *got = split(text, strlen(text), step, 0, 0);
        assert_string_equal(got, want);
    }
}

static void assert_refused(const char *text, const char *words)
{
    cm_autofree char *got = split(text, strlen(text), 3, 0, 0);

    if (strstr(got, words) == NULL)
        fail_msg("\"%s\" gave \"%s\", not \"%s\"", text, got, words);
}

static void takes_items_apart_wherever_the_pieces_end(void **state)
{
    (void)state;
    assert_split("[{\"a\":1},{\"b\":[1,2,{\"c\":\"d\"}]}]", "[{\"a\":1},{\"b\":[1,2,{\"c\":\"d\"}]}]");
    assert_split(" \n[ 1 , \"x\" ,\ttrue, null ]\r\n", "[1,\"x\",true,null]");
}

static void an_empty_array_has_no_items(void **state)
{
    (void)state;
    assert_split("[]", "[]");
    assert_split(" [ ] ", "[]");
}

static void is_not_misled_by_brackets_and_quotes_in_strings(void **state)
{
    (void)state;
    assert_split("[\"]},[\",{\"a\\\"]\":\"\\\\\"},\"\\u005d\"]", "[\"]},[\",{\"a\\\"]\":\"\\\\\"},\"]\"]");
}

static void refuses_what_is_no_array(void **state)
{
    (void)state;
    assert_refused("{\"code\":1}", "does not begin with a bracket");
    assert_refused("<html>", "does not begin with a bracket");
    assert_refused("", "ends too early");
}

static void refuses_an_array_that_is_cut_off(void **state)
{
    static const char whole[] = "[{\"a\":\"b\"},{\"c\":[1]}]";
    (void)state;

    for (size_t n = 0; n + 1 < sizeof whole - 1; n++) {
        cm_autofree char *got = split(whole, n, 2, 0, 0);
        assert_non_null(strstr(got, "ends too early"));
    }
}

static void refuses_missing_and_torn_items(void **state)
{
    (void)state;
    assert_refused("[1,]", "an item is missing");
    assert_refused("[,1]", "an item is missing");
    assert_refused("[1,,2]", "an item is missing");
    assert_refused("[{]", "ends too early");
    assert_refused("[{\"a\":1],2}]", "not valid JSON");
    assert_refused("[}]", "a bracket too many");
    assert_refused("[nul]", "not valid JSON");
    assert_refused("[1 2]", "not valid JSON");
    assert_refused("[\"\xff\xfe\"]", "not valid JSON");
}

static void refuses_text_behind_the_array(void **state)
{
    (void)state;
    assert_refused("[1]x", "text behind the array");
    assert_refused("[1][2]", "text behind the array");
}

static void refuses_endless_nesting(void **state)
{
    char text[2002];
    (void)state;
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    assert_refused(text, "nested too deeply");
}

static void refuses_an_item_over_its_bound(void **state)
{
    cm_autofree char *text = cm_alloc(3000);
    (void)state;
    memset(text, 'a', 2999);
    memcpy(text, "[1,\"", 4);

    cm_autofree char *got = split(text, 2999, 100, 1000, 0);

    assert_string_equal(got, "an item of the answer is larger than 1000 bytes");
}

static void ends_when_the_taker_refuses(void **state)
{
    (void)state;

    cm_autofree char *got = split("[1,2,3,4]", 9, 9, 0, 2);

    assert_string_equal(got, "enough");
}

static void says_where_the_fault_is(void **state)
{
    (void)state;
    assert_refused("[1,2]  x", "at byte 7");
    assert_refused("[1,2,tru]", "item 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_items_apart_wherever_the_pieces_end),
        cmocka_unit_test(an_empty_array_has_no_items),
        cmocka_unit_test(is_not_misled_by_brackets_and_quotes_in_strings),
        cmocka_unit_test(refuses_what_is_no_array),
        cmocka_unit_test(refuses_an_array_that_is_cut_off),
        cmocka_unit_test(refuses_missing_and_torn_items),
        cmocka_unit_test(refuses_text_behind_the_array),
        cmocka_unit_test(refuses_endless_nesting),
        cmocka_unit_test(refuses_an_item_over_its_bound),
        cmocka_unit_test(ends_when_the_taker_refuses),
        cmocka_unit_test(says_where_the_fault_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
