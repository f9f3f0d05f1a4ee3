/* test_columns.c: how wide text stands on a terminal. */
#include <config.h>

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/columns.h"
#include "base/mem.h"
#include "cli/rows.h"

static size_t columns(const char *text) { return cm_columns(text, strlen(text)); }

static void assert_clipped(const char *text, size_t width, const char *want)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    cm_columns_clip(&out, text, width);
    assert_string_equal(cm_str_text(&out), want);
    assert_true(columns(cm_str_text(&out)) <= width);
}

static void wide_characters_take_two_columns_and_combining_ones_none(void **state)
{
    (void)state;
    assert_int_equal(columns("report"), 6);
    assert_int_equal(columns("Übersicht"), 9);
    assert_int_equal(columns("日本語"), 6);
    assert_int_equal(columns("e\u0301"), 1);
}

static void bytes_that_are_no_text_count_and_do_not_run_over(void **state)
{
    (void)state;
    assert_int_equal(columns("a\xff"
                             "b"),
                     3);
    assert_int_equal(columns("a\xe6\x97"), 3);
}

static void a_cut_never_halves_a_character(void **state)
{
    (void)state;
    assert_clipped("日本語ダッシュボード", 9, "日本語...");
    assert_clipped("日本語ダッシュボード", 8, "日本...");
    assert_clipped("short", 9, "short");
    assert_clipped("longer", 2, "..");
    assert_clipped("longer", 0, "");
}

static void control_characters_never_reach_the_terminal(void **state)
{
    (void)state;
    cm_autofree char *escape = cm_printable("a\033[2Jb\tc\nd\x7f\xc2\x9b", true);
    assert_string_equal(escape, "a?[2Jb\tc\nd??");
    cm_autofree char *ascii = cm_printable("Überblick 日", false);
    assert_string_equal(ascii, "?berblick ?");
}

static void rows_are_wrapped_at_blanks_and_long_words_are_cut(void **state)
{
    (void)state;
    CM_ROWS r = {0};
    cm_rows_wrap(&r, "- ", "  ", "one two three\nfour abcdefghijklmnop", 11);
    assert_int_equal(r.count, 5);
    assert_string_equal(r.list[0], "- one two");
    assert_string_equal(r.list[1], "  three");
    assert_string_equal(r.list[2], "  four");
    assert_string_equal(r.list[3], "  abcdefghi");
    assert_string_equal(r.list[4], "  jklmnop");
    assert_int_equal(cm_rows_shown(&r, 6), 9);
}

int main(void)
{
    if (setlocale(LC_ALL, "C.UTF-8") == NULL)
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_characters_take_two_columns_and_combining_ones_none),
        cmocka_unit_test(bytes_that_are_no_text_count_and_do_not_run_over),
        cmocka_unit_test(a_cut_never_halves_a_character),
        cmocka_unit_test(control_characters_never_reach_the_terminal),
        cmocka_unit_test(rows_are_wrapped_at_blanks_and_long_words_are_cut),
    };
    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
