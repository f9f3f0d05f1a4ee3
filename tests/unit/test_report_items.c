/* test_report_items.c: what becomes of items of content and what their owners are told; the tables that the report reads. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/csv.h"
#include "report/items.h"

/* ---- items, and whose they are ---- */

static void an_owners_file_is_one_name_whatever_the_owner_is_called(void **state)
{
    (void)state;
    static const char *const names[] = {"../../etc/passwd", "a b", "a_b", "Ann", "ann", ".hidden", "j\xC3\xBCrgen", "a/b"};
    enum { COUNT = sizeof names / sizeof names[0] };
    cm_autojson items = json_array(), *seen = json_object();
    for (size_t i = 0; i < COUNT; i++)
        json_array_append_new(items, json_pack("{s:s, s:s}", "owner", names[i], "attention", i == 0 ? "act" : "none"));
    cm_autojson owners = cm_items_owners(items);
    assert_int_equal(json_array_size(owners), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const char *file = cm_json_text(json_array_get(owners, i), "file", "");
        cm_autofree char *small = cm_strdup(file);
        for (char *p = small; *p != '\0'; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
        assert_null(strchr(file, '/'));
        assert_int_not_equal(*file, '.');
        assert_null(json_object_get(seen, small));
        json_object_set_new(seen, small, json_true());
    }
}

static const char *judged(const char *item, const char *member)
{
    static char text[300];
    cm_autojson j = json_loads(item, 0, NULL);
    cm_item_judge(j);
    snprintf(text, sizeof text, "%s", cm_json_text(j, member, "(null)"));
    return text;
}

static void what_an_owner_has_to_do_is_the_worst_of_what_is_known(void **state)
{
    (void)state;
    assert_string_equal(judged("{\"build\":\"failed\",\"result\":\"same\",\"image_found\":\"other version\"}", "attention"), "act");
    assert_string_equal(judged("{\"build\":\"built\",\"result\":\"differs\"}", "attention"), "act");
    assert_string_equal(judged("{\"image_found\":\"none\",\"r\":\"3.6.0\"}", "changed"),
                        "The new server has nothing to run it with: it needs R 3.6.0.");
    assert_string_equal(judged("{\"build\":\"built\",\"result\":\"same\",\"image_found\":\"other version\"}", "attention"), "look");
    assert_string_equal(judged("{\"result\":\"not-visible\"}", "attention"), "look");
    assert_string_equal(judged("{\"build\":\"built\",\"result\":\"same\"}", "attention"), "none");
    assert_string_equal(judged("{}", "to_do"), "(null)");
}

static void every_reason_stands_with_what_to_do_about_it(void **state)
{
    (void)state;
    const char *two = "{\"build\":\"failed\",\"build_error\":\"no such R\",\"image_found\":\"other version\",\"r\":\"4.4.1\"}";
    assert_string_equal(judged(two, "changed"), "It could not be prepared on the new server: no such R. It ran on R 4.4.1; the new "
                                                "server runs it on the nearest version that it has.");
    assert_string_equal(judged(two, "to_do"),
                        "Publish it again from your own machine. If that fails in the same way, send the "
                        "administrators this page. Open it once and compare what it shows with what you expect.");
    assert_string_equal(judged("{\"build\":\"gone\",\"image_found\":\"none\"}", "changed"),
                        "It was there before the move and is not there any more.");
}

static void other_versions_are_named(void **state)
{
    (void)state;
    assert_string_equal(judged("{\"image_found\":\"other version\",\"r\":\"4.4.1\",\"r_given\":\"4.4.3\",\"quarto\":\"1.6.42\","
                               "\"quarto_given\":\"1.6.42\",\"image\":\"x/y:1\"}",
                               "changed"),
                        "It runs on other versions than before: R 4.4.1 becomes R 4.4.3; Quarto stays 1.6.42 (container x/y:1).");
}

static void an_item_is_tried_out_as_its_kind_is_used(void **state)
{
    (void)state;
#define OTHER(mode) "{\"image_found\":\"other version\",\"r\":\"4.4.1\",\"app_mode\":\"" mode "\"}"
    assert_string_equal(judged(OTHER("shiny"), "to_do"), "Open it once and compare what it shows with what you expect.");
    assert_string_equal(judged(OTHER("rmd-static"), "to_do"),
                        "Run it once (Refresh) and compare the new version with the last one.");
    assert_string_equal(judged(OTHER("python-fastapi"), "to_do"),
                        "Call one endpoint once and compare the answer with what you expect.");
}

static void failures_of_one_cause_are_one_group(void **state)
{
    (void)state;
    cm_autojson items =
        json_loads("[{\"guid\":\"1\",\"build\":\"failed\",\"build_error\":\"no 0f88080b-10a3-46b2-aa05-e11ab2715945 at 123456\"},"
                   "{\"guid\":\"2\",\"build\":\"failed\",\"build_error\":\"no eeb89ff1-bf8e-41aa-91f2-d44dcc35e834 at 654321\"},"
                   "{\"guid\":\"3\",\"build\":\"failed\",\"build_error\":\"R 4.4 is missing\"},"
                   "{\"guid\":\"4\",\"build\":\"failed\",\"build_error\":\"R 4.5 is missing\"}]",
                   0, NULL);
    cm_autojson groups = cm_items_failures(items);
    assert_int_equal(json_array_size(groups), 3);
    assert_int_equal(json_array_size(json_object_get(json_array_get(groups, 0), "items")), 2);
    assert_string_equal(cm_json_text(json_array_get(groups, 0), "cause", ""), "no … at …");
    assert_string_equal(cm_json_text(json_array_get(groups, 1), "cause", ""), "R 4.4 is missing");
}

/* ---- the tables it reads ---- */

static void csv_is_read_as_people_and_spreadsheets_write_it(void **state)
{
    (void)state;
    cm_autojson rows = cm_csv_rows("\xEF\xBB\xBF"
                                   "a,b\r\n1,\"x\ny\"\r\n\"\"\"q\"\"\",\r\n3\r\n4,5,6");
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(cm_json_text(json_array_get(rows, 0), "a", ""), "1");
    assert_string_equal(cm_json_text(json_array_get(rows, 0), "b", ""), "x\ny");
    assert_string_equal(cm_json_text(json_array_get(rows, 1), "a", ""), "\"q\"");
    assert_string_equal(cm_json_text(json_array_get(rows, 1), "b", "?"), "");
    assert_null(json_object_get(json_array_get(rows, 2), "b"));
    cm_autojson guarded = cm_csv_rows("a,b\n\"'=1\",'x\n");
    assert_string_equal(cm_json_text(json_array_get(guarded, 0), "a", ""), "=1");
    assert_string_equal(cm_json_text(json_array_get(guarded, 0), "b", ""), "'x");
    assert_string_equal(cm_json_text(json_array_get(rows, 3), "b", ""), "5");
}

static void csv_that_is_broken_still_ends(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "a", "a,b\n\"open", "a\n\xff\xfe\n", ",,,\n,,,", "\n\n\n"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cm_autojson rows = cm_csv_rows(cases[i]);
        assert_true(json_is_array(rows));
    }
    cm_autojson none = cm_csv_rows(NULL);
    assert_int_equal(json_array_size(none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owners_file_is_one_name_whatever_the_owner_is_called),
        cmocka_unit_test(what_an_owner_has_to_do_is_the_worst_of_what_is_known),
        cmocka_unit_test(every_reason_stands_with_what_to_do_about_it),
        cmocka_unit_test(other_versions_are_named),
        cmocka_unit_test(an_item_is_tried_out_as_its_kind_is_used),
        cmocka_unit_test(failures_of_one_cause_are_one_group),
        cmocka_unit_test(csv_is_read_as_people_and_spreadsheets_write_it),
        cmocka_unit_test(csv_that_is_broken_still_ends),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
