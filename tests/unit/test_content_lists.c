/* priority.csv as people and spreadsheets leave it, and page titles. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actions/content.h"
#include "base/json.h"
#include "base/mem.h"

static void parse(const char *text, struct cm_items *out)
{
    cm_autoerr err = NULL;

    if (cm_items_parse(text, strlen(text), "priority.csv", out, &err) != 0)
        fail_msg("%s", cm_err_message(err));
}

static void assert_refused(const char *text, const char *words)
{
    struct cm_items items;
    cm_autoerr err = NULL;

    if (cm_items_parse(text, strlen(text), "priority.csv", &items, &err) == 0)
        fail_msg("taken: %s", text);
    if (strstr(cm_err_message(err), words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, cm_err_message(err));
    assert_non_null(cm_err_hint(err));
    assert_null(items.list);
}

static void reads_what_the_tool_wrote(void **state)
{
    CM_CLEANUP(cm_items_fini) struct cm_items items;
    (void)state;

    parse("guid,path,title,visits,why\nabcd-1,/content/abcd-1/,\"a, \"\"b\"\"\nc\",17,17 visits\nabcd-2,/x/,t,0,\n", &items);

    assert_int_equal(items.count, 2);
    assert_string_equal(items.list[0].guid, "abcd-1");
    assert_string_equal(items.list[0].path, "/content/abcd-1/");
    assert_string_equal(items.list[0].title, "a, \"b\"\nc");
    assert_int_equal(items.list[0].visits, 17);
    assert_string_equal(items.list[0].why, "17 visits");
    assert_string_equal(items.list[1].why, "");
}

static void reads_what_a_spreadsheet_made_of_it(void **state)
{
    CM_CLEANUP(cm_items_fini) struct cm_items items;
    (void)state;

    parse("\xef\xbb\xbfTitle;GUID;mine\r\n\"x; y\";abcd-1;1\r\n;;\r\n\r\nz;abcd-2", &items);

    assert_int_equal(items.count, 2);
    assert_string_equal(items.list[0].title, "x; y");
    assert_string_equal(items.list[1].guid, "abcd-2");
    assert_string_equal(items.list[1].path, "");
}

static void the_first_of_equal_guids_counts(void **state)
{
    CM_CLEANUP(cm_items_fini) struct cm_items items;
    (void)state;

    parse("guid,title\nabcd-1,first\nabcd-2,x\nabcd-1,second\n", &items);

    assert_int_equal(items.count, 2);
    assert_string_equal(items.list[0].title, "first");
    assert_string_equal(items.list[1].guid, "abcd-2");
}

static void an_empty_list_is_a_list(void **state)
{
    CM_CLEANUP(cm_items_fini) struct cm_items items;
    (void)state;

    parse("guid,path,title,visits,why\n", &items);

    assert_int_equal(items.count, 0);
}

static void refuses_faults_with_their_line(void **state)
{
    (void)state;
    assert_refused("", "names no column \"guid\"");
    assert_refused("id,title\n1,2\n", "names no column \"guid\"");
    assert_refused("guid\nabcd-1\n\n../../etc\n", "priority.csv:4: \"../../etc\" is no GUID");
    assert_refused("guid,title\nabcd-1,\"a\nb\"\nabcd 2,x\n", "priority.csv:4:");
    assert_refused("guid,title\nabcd-1,\"never closed\nabcd-2,x\n", "priority.csv:2: a quote is not closed");
    assert_refused("guid,title\n=HYPERLINK(1),x\n", "is no GUID");
}

static void fields_survive_a_round_trip(void **state)
{
    static const char *const texts[] = {"plain", "a,b", "a;b", "say \"x\"", "two\nlines", " leading", "", "trailing ", "\xc3\xa4",
                                        "=HYPERLINK(\"x\")", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''=1", "'quoted'", ("\xef\xbc\x9d" "1"), "a=1"};
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CM_CLEANUP(cm_items_fini) struct cm_items items;
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        fputs("guid,title,why\nabcd-1,", f);
        cm_csv_field(f, texts[i]);
        fputs(",", f);
        cm_csv_field(f, NULL);
        fputs("\n", f);
        fclose(f);
        parse(text, &items);
        assert_string_equal(items.list[0].title, texts[i]);
        free(text);
    }
}

/* A title is its author's word: a spreadsheet must not carry it out. */
static void no_field_begins_like_a_formula(void **state)
{
    static const struct {
        const char *text, *written;
    } rows[] = {{"=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""}, {"+1", "\"'+1\""}, {"-2", "\"'-2\""}, {"@a", "\"'@a\""}, {"\ta", "\"'\ta\""},
                {"'=1", "\"''=1\""}, {"1-2", "1-2"}, {"'a", "'a"}, {"", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        cm_csv_field(f, rows[i].text);
        fclose(f);
        assert_string_equal(text, rows[i].written);
        free(text);
    }
}

static void finds_the_title_of_a_page(void **state)
{
    (void)state;
    cm_autofree char *plain = cm_page_title("<html><head><TITLE lang=en>\n  Sales \t by\nregion </title>");
    cm_autofree char *none = cm_page_title("<html><title>never closed");
    cm_autofree char *json = cm_page_title("{\"a\": 1}");
    cm_autofree char *empty = cm_page_title("<title></title>");

    assert_string_equal(plain, "Sales by region");
    assert_null(none);
    assert_null(json);
    assert_string_equal(empty, "");
    assert_null(cm_page_title(NULL));
}

/* It goes into JSON, which takes UTF-8 only: left out there, it would differ from itself afterwards. */
static void a_title_in_another_encoding_or_cut_within_a_letter_can_be_kept(void **state)
{
    char page[700] = "<title>";
    (void)state;
    for (int i = 0; i < 151; i++)
        strcat(page, "\xd0\x96"); /* 302 bytes, and the limit is odd for it with one more letter in front */
    cm_autofree char *latin = cm_page_title("<title>\334bersicht</title>");
    memmove(page + 8, page + 7, strlen(page + 7) + 1);
    page[7] = 'x';
    strcat(page, "</title>");
    cm_autofree char *cut = cm_page_title(page);

    assert_string_equal(latin, "\xef\xbf\xbd"
                               "bersicht");
    cm_autojson kept = json_string(cut);
    assert_non_null(kept);
    assert_int_equal(strncmp(cut, "x\xd0\x96\xd0\x96", 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_tool_wrote),
        cmocka_unit_test(reads_what_a_spreadsheet_made_of_it),
        cmocka_unit_test(the_first_of_equal_guids_counts),
        cmocka_unit_test(an_empty_list_is_a_list),
        cmocka_unit_test(refuses_faults_with_their_line),
        cmocka_unit_test(fields_survive_a_round_trip),
        cmocka_unit_test(no_field_begins_like_a_formula),
        cmocka_unit_test(finds_the_title_of_a_page),
        cmocka_unit_test(a_title_in_another_encoding_or_cut_within_a_letter_can_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
