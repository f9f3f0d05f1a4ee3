/* test_progress.c: how far the builds are: rate, what is left as a range, and what it rests on. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record_fixture.h"
#include "report/progress.h"

static struct record building(int total, int parallel)
{
    struct record r = record_new();
    begin_forward(&r);
    step_begin(&r, "content.build");
    char text[200];
    snprintf(text, sizeof text,
             "{'type':'fact','step':'content.build','name':'content.to-build','value':{'items':%d,'parallel':%d}}", total,
             parallel);
    say(&r, text);
    return r;
}

/* Build `id` from minute `from`, for `seconds`; 0: still running. */
static void build(struct record *r, int id, int from, int seconds)
{
    char key[20], detail[80];
    snprintf(key, sizeof key, "g%d", id);
    snprintf(detail, sizeof detail, ",'detail':{'title':'item %d','try':1}", id);
    r->at = TEN_PM + MINUTES(from);
    intent(r, id, "content.build", "content.build", key, detail);
    r->at += 1000 * seconds;
    if (seconds > 0)
        close_intent(r, id, "happened", "{'state':'built','try':1}");
}

static struct cm_progress at(const struct record *r, int64_t minutes)
{
    struct cm_progress p;
    cm_progress_of_builds(r->m, TEN_PM + MINUTES(minutes), &p);
    return p;
}

static void assert_left(const struct cm_progress *p, const char *left)
{
    cm_autofree char *text = cm_progress_left(p);
    assert_string_equal(text, left);
}

static void before_the_first_build_nothing_is_claimed(void **state)
{
    (void)state;
    struct record r = building(10, 2);
    struct cm_progress p = at(&r, 1);
    assert_int_equal(p.total, 10);
    assert_int_equal(p.ended + p.running, 0);
    assert_false(p.estimated);
    assert_left(&p, "not known yet");
    record_end(&r);
}

static void three_builds_are_the_least_that_an_estimate_rests_on(void **state)
{
    (void)state;
    struct record r = building(10, 1);
    build(&r, 1, 0, 60);
    build(&r, 2, 1, 60);
    struct cm_progress two = at(&r, 2);
    cm_autofree char *basis = cm_progress_basis(&two);
    assert_string_equal(basis, "2 of the first 3 builds have ended");
    assert_false(two.estimated);
    build(&r, 3, 2, 60);
    struct cm_progress three = at(&r, 3);
    assert_true(three.estimated);
    assert_int_equal(three.sample, 3);
    assert_int_equal(three.mean_ms, 60000);
    record_end(&r);
}

static void equal_builds_give_a_narrow_range_shared_by_those_side_by_side(void **state)
{
    (void)state;
    struct record r = building(23, 2);
    for (int i = 1; i <= 3; i++)
        build(&r, i, i - 1, 60);
    struct cm_progress p = at(&r, 3);
    /* 20 of a minute each, two at a time: 10 minutes, a tenth to each side */
    assert_int_equal(p.low_ms, MINUTES(9));
    assert_int_equal(p.high_ms, MINUTES(11));
    assert_left(&p, "9 to 11 min");
    cm_autofree char *basis = cm_progress_basis(&p);
    assert_string_equal(basis, "3 builds took 1 min on average, 2 at a time");
    record_end(&r);
}

static void the_more_builds_differ_the_wider_is_the_range(void **state)
{
    (void)state;
    struct record even = building(43, 1), uneven = building(43, 1);
    static const int spread[] = {10, 110, 60};
    for (int i = 1; i <= 3; i++) {
        build(&even, i, 2 * i, 60);
        build(&uneven, i, 2 * i, spread[i - 1]);
    }
    struct cm_progress narrow = at(&even, 8), wide = at(&uneven, 8);
    assert_int_equal(narrow.mean_ms, wide.mean_ms);
    assert_true(wide.high_ms - wide.low_ms > 2 * (narrow.high_ms - narrow.low_ms));
    record_end(&even);
    record_end(&uneven);
}

static void one_that_runs_longer_than_any_before_has_no_known_end(void **state)
{
    (void)state;
    struct record r = building(4, 1);
    for (int i = 1; i <= 3; i++)
        build(&r, i, i, 60);
    build(&r, 4, 5, 0);
    struct cm_progress p = at(&r, 15);
    assert_true(p.open_ended);
    assert_left(&p, "1 min or more");
    assert_string_equal(p.longest, "item 4");
    assert_int_equal(p.longest_ms, MINUTES(10));
    cm_autofree char *basis = cm_progress_basis(&p);
    assert_non_null(strstr(basis, "one runs longer than any before"));
    record_end(&r);
}

static void the_rate_is_that_of_the_last_ten_minutes(void **state)
{
    (void)state;
    struct record r = building(100, 1);
    for (int i = 1; i <= 6; i++)
        build(&r, i, i, 30);
    for (int i = 7; i <= 12; i++)
        build(&r, i, 60 + i, 30);
    struct cm_progress p = at(&r, 73);
    /* six in ten minutes, not twelve in 72 */
    assert_int_equal((int)(p.per_hour + 0.5), 36);
    record_end(&r);
}

static void an_item_that_was_tried_again_counts_once(void **state)
{
    (void)state;
    struct record r = building(3, 1);
    intent(&r, 1, "content.build", "content.build", "g1", ",'detail':{'title':'a','try':1}");
    close_intent(&r, 1, "given-up", "{'state':'failed'}");
    struct cm_progress failed = at(&r, 1);
    assert_int_equal(failed.failed, 1);
    intent(&r, 2, "content.build", "content.build", "g1", ",'detail':{'title':'a','try':2}");
    struct cm_progress again = at(&r, 1);
    assert_int_equal(again.ended, 0);
    assert_int_equal(again.running, 1);
    assert_int_equal(again.failed, 0);
    record_end(&r);
}

static void lengths_are_said_in_two_units_at_most(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } table[] = {{0, "0 s"},
                 {59999, "59 s"},
                 {60000, "1 min"},
                 {95000, "1 min 35 s"},
                 {MINUTES(12) + 30000, "12 min"},
                 {MINUTES(125), "2 h 05 min"},
                 {-5, "0 s"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cm_autofree char *text = cm_length_text(table[i].ms);
        assert_string_equal(text, table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_build_nothing_is_claimed),
        cmocka_unit_test(three_builds_are_the_least_that_an_estimate_rests_on),
        cmocka_unit_test(equal_builds_give_a_narrow_range_shared_by_those_side_by_side),
        cmocka_unit_test(the_more_builds_differ_the_wider_is_the_range),
        cmocka_unit_test(one_that_runs_longer_than_any_before_has_no_known_end),
        cmocka_unit_test(the_rate_is_that_of_the_last_ten_minutes),
        cmocka_unit_test(an_item_that_was_tried_again_counts_once),
        cmocka_unit_test(lengths_are_said_in_two_units_at_most),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
