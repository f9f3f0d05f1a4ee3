/* How long it will take, as ranges: what was seen makes them narrower or wider, what is not known is assumed and said. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actions/estimate.h"
#include "base/mem.h"
#include "base/time.h"

enum { S = 1000, MIN = 60 * S, H = 60 * MIN };

static struct cm_estimate_in usual(void)
{
    return (struct cm_estimate_in){.files = 1000,
                                   .other_owners = 0,
                                   .bundles = 20,
                                   .used_bytes = 1000000000,
                                   .has_server = true,
                                   .backup = true,
                                   .parallel = 3,
                                   .now_ms = 1000 * (int64_t)H};
}

static struct cm_estimate of(struct cm_estimate_in in)
{
    struct cm_estimate e;
    cm_estimate(&in, &e);
    return e;
}

static bool says(struct cm_estimate_in in, const char *words)
{
    struct cm_estimate e = of(in);
    bool found = strstr(e.basis, words) != NULL;
    if (!found)
        print_message("%s\n", e.basis);
    cm_estimate_fini(&e);
    return found;
}

static struct cm_span service(struct cm_estimate_in in)
{
    struct cm_estimate e = of(in);
    cm_estimate_fini(&e);
    return e.service;
}

static struct cm_span build(struct cm_estimate_in in)
{
    struct cm_estimate e = of(in);
    cm_estimate_fini(&e);
    return e.build;
}

static void users_are_out_longer_than_the_service_is_down(void **state)
{
    (void)state;
    struct cm_estimate e = of(usual());
    assert_true(e.service.low_ms > 0 && e.service.low_ms < e.service.high_ms);
    assert_true(e.users.low_ms > e.service.low_ms && e.users.high_ms > e.service.high_ms);
    assert_true(e.back.low_ms > 0 && e.back.high_ms < e.users.high_ms);
    cm_estimate_fini(&e);
}

static void more_files_and_foreign_owners_make_the_start_longer(void **state)
{
    (void)state;
    struct cm_estimate_in few = usual(), many = usual(), foreign = usual();
    many.files = 300000;
    foreign.files = foreign.other_owners = 300000;
    assert_true(service(many).high_ms > service(few).high_ms);
    assert_true(service(foreign).high_ms > service(many).high_ms);
    assert_true(service(foreign).low_ms > service(many).low_ms);
    assert_true(says(foreign, "300000 files, most with owners that the image does not have"));
}

static void a_count_that_was_cut_off_is_said_and_widens(void **state)
{
    (void)state;
    struct cm_estimate_in whole = usual(), cut = usual();
    whole.files = cut.files = 3000000;
    cut.files_at_least = true;
    assert_true(service(cut).high_ms > service(whole).high_ms);
    assert_true(says(cut, "at least 3000000 files"));
}

static void what_is_not_known_is_assumed_and_said(void **state)
{
    (void)state;
    struct cm_estimate_in in = usual();
    in.files = in.other_owners = in.bundles = in.used_bytes = -1;
    assert_true(service(in).high_ms > service(usual()).high_ms);
    assert_true(says(in, "a number of files that is not known"));
    assert_true(says(in, "backup, of a size that is not known"));
    assert_true(says(in, "assumed: "));
}

static void images_pulled_ahead_and_no_backup_shorten_it(void **state)
{
    (void)state;
    struct cm_estimate_in in = usual();
    in.images_ahead = true;
    assert_true(service(in).high_ms < service(usual()).high_ms);
    in.backup = false;
    assert_true(service(in).low_ms < service(usual()).low_ms);
}

static void building_follows_the_last_builds_and_how_many_run_at_once(void **state)
{
    (void)state;
    static const int64_t builds[] = {60 * S, 120 * S, 180 * S};
    struct cm_estimate_in in = usual(), narrow;
    in.priority = 30;
    in.build_ms = builds;
    in.builds = 3;
    struct cm_span three = build(in);
    /* 10 waves of 120 s: half to twice of that */
    assert_int_equal(three.low_ms, 10 * MIN);
    assert_int_equal(three.high_ms, 40 * MIN);
    narrow = in;
    narrow.parallel = 1;
    assert_true(build(narrow).high_ms > 2 * three.high_ms);
    assert_true(says(in, "building 30 items, 3 at a time; the last builds of 3 of them took"));
    in.builds = 0;
    assert_true(build(in).high_ms > three.high_ms);
    assert_true(says(in, "no earlier build of them is on record"));
}

static void one_long_build_is_not_averaged_away(void **state)
{
    (void)state;
    static const int64_t builds[] = {10 * S, 10 * S, 40 * MIN};
    struct cm_estimate_in in = usual();
    in.priority = 3;
    in.build_ms = builds;
    in.builds = 3;
    assert_true(build(in).high_ms >= 80 * MIN);
}

static void revert_by_ends_the_building(void **state)
{
    (void)state;
    struct cm_estimate_in in = usual();
    in.priority = 500;
    in.revert_by_ms = in.now_ms + 30 * MIN;
    assert_int_equal(build(in).high_ms, 30 * MIN);
}

static void an_earlier_run_takes_the_place_of_assumptions(void **state)
{
    (void)state;
    json_t *earlier =
        json_pack("{s:s, s:s, s:i, s:{s:i, s:i, s:i}, s:{s:i}}", "from", "staging.run", "at", "2026-11-02", "built", 10, "forward",
                  "backup.take", 100 * S, "pods.wait", 40 * S, "content.build", 10 * MIN, "back", "service.start", 20 * S);
    struct cm_estimate_in in = usual();
    in.earlier = earlier;
    in.priority = 20;
    assert_true(service(in).high_ms < service(usual()).high_ms);
    assert_true(says(in, "measured in staging.run"));
    /* twice the items of that run: 20 min, give or take */
    assert_int_equal(build(in).low_ms, 14 * MIN);
    assert_int_equal(build(in).high_ms, 30 * MIN);
    struct cm_estimate with = of(in), without = of(usual());
    assert_true(with.back.high_ms < without.back.high_ms);
    cm_estimate_fini(&with);
    cm_estimate_fini(&without);
    json_decref(earlier);
}

static void the_window_fits_may_not_or_does_not(void **state)
{
    (void)state;
    static const struct {
        int64_t length;
        enum cm_fit fit;
    } rows[] = {{12 * (int64_t)H, CM_FIT_YES}, {30 * MIN, CM_FIT_MAYBE_NOT}, {2 * MIN, CM_FIT_NO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cm_estimate_in in = usual();
        in.window_start_ms = in.now_ms + 24 * (int64_t)H;
        in.window_end_ms = in.window_start_ms + rows[i].length;
        struct cm_estimate e = of(in);
        assert_int_equal(e.fit, rows[i].fit);
        assert_int_equal(e.room_ms, rows[i].length);
        assert_int_equal(e.back_by_ms, in.window_end_ms - e.back.high_ms);
        cm_estimate_fini(&e);
    }
    struct cm_estimate none = of(usual());
    assert_int_equal(none.fit, CM_FIT_NO_WINDOW);
    assert_int_equal(none.back_by_ms, 0);
    cm_estimate_fini(&none);
}

static void inside_the_window_only_what_is_left_of_it_counts(void **state)
{
    (void)state;
    struct cm_estimate_in in = usual();
    in.window_start_ms = in.now_ms - 5 * (int64_t)H;
    in.window_end_ms = in.now_ms + MIN;
    struct cm_estimate e = of(in);
    assert_int_equal(e.room_ms, MIN);
    assert_int_equal(e.fit, CM_FIT_NO);
    cm_estimate_fini(&e);
    in.window_end_ms = in.now_ms - MIN;
    e = of(in);
    assert_int_equal(e.room_ms, 0);
    cm_estimate_fini(&e);
}

static void without_an_old_server_there_is_no_stop_no_backup_and_no_way_back(void **state)
{
    (void)state;
    struct cm_estimate_in in = usual();
    in.has_server = in.backup = false;
    struct cm_estimate e = of(in);
    assert_int_equal(e.back.high_ms, 0);
    assert_null(strstr(e.basis, "backup"));
    assert_null(strstr(e.basis, "old server"));
    cm_estimate_fini(&e);
}

static void ranges_are_said_in_round_numbers(void **state)
{
    (void)state;
    static const struct {
        struct cm_span span;
        const char *text;
    } rows[] = {
        {{41 * S, 41 * S}, "40 s to 50 s"},
        {{0, 61 * S}, "up to 70 s"},
        {{4 * MIN + 59 * S, 31 * MIN + 1}, "4 min to 32 min"},
        {{5 * MIN, 5 * MIN}, "about 5 min"},
        {{H + 4 * MIN, 3 * H + MIN}, "60 min to 3 h 05 min"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cm_autofree char *text = cm_span_text(rows[i].span);
        assert_string_equal(text, rows[i].text);
    }
}

static void a_range_that_hardly_moved_is_the_same(void **state)
{
    (void)state;
    struct cm_span a = {10 * MIN, 40 * MIN};
    assert_true(cm_span_near(a, (struct cm_span){9 * MIN, 44 * MIN}));
    assert_false(cm_span_near(a, (struct cm_span){10 * MIN, 80 * MIN}));
    assert_false(cm_span_near(a, (struct cm_span){5 * MIN, 40 * MIN}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_out_longer_than_the_service_is_down),
        cmocka_unit_test(more_files_and_foreign_owners_make_the_start_longer),
        cmocka_unit_test(a_count_that_was_cut_off_is_said_and_widens),
        cmocka_unit_test(what_is_not_known_is_assumed_and_said),
        cmocka_unit_test(images_pulled_ahead_and_no_backup_shorten_it),
        cmocka_unit_test(building_follows_the_last_builds_and_how_many_run_at_once),
        cmocka_unit_test(one_long_build_is_not_averaged_away),
        cmocka_unit_test(revert_by_ends_the_building),
        cmocka_unit_test(an_earlier_run_takes_the_place_of_assumptions),
        cmocka_unit_test(the_window_fits_may_not_or_does_not),
        cmocka_unit_test(inside_the_window_only_what_is_left_of_it_counts),
        cmocka_unit_test(without_an_old_server_there_is_no_stop_no_backup_and_no_way_back),
        cmocka_unit_test(ranges_are_said_in_round_numbers),
        cmocka_unit_test(a_range_that_hardly_moved_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
