/* values/variables.h: a unit's variables as systemd reads them. */
#include <config.h>

#include "values/variables.h"
#include "values_helpers.h"

static void a_backslash_quotes_and_a_line_that_goes_on(void **state)
{
    struct cm_variables v = {0};
    (void)state;
    cm_variables_words(&v, "A=1 \"B=b \\\"c\\\\\" b 1=2 \"D E=f\" =g $'C=\\n'");
    assert_int_equal(cm_variables_file(&v, "# c\nD=\"d\\\"e\nf\" \nE=e\\\n f\n1=2\n", NULL, NULL), 0);
    static const char *const items[] = {"A=1", "B=b \"c\\", "C=\n", "D=d\"e\nf", "E=e f"};
    assert_int_equal(v.count, sizeof items / sizeof *items);
    for (size_t i = 0; i < v.count; i++)
        assert_string_equal(v.items[i], items[i]);
    cm_variables_fini(&v);
}

static void what_is_no_text_is_passed_over_as_systemd_does(void **state)
{
    struct cm_variables v = {0};
    (void)state;
    cm_variables_words(&v, "A=\xff B=b");
    assert_int_equal(cm_variables_file(&v, "C=\xe9t\xe9\nD=d\n", NULL, NULL), 0);
    assert_int_equal(v.count, 2);
    assert_string_equal(v.items[0], "B=b");
    assert_string_equal(v.items[1], "D=d");
    cm_variables_fini(&v);
}

static void a_file_that_was_named_is_told_what_is_no_text_with_its_line(void **state)
{
    static const char *const files[] = {"# caf\xe9\nA=a\nB=\"b\nc\xe9\"\n", "\nA=a\nEnvironment=B=\xe9\n"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct cm_variables v = {0};
        cm_autoerr err = NULL;
        assert_int_equal(cm_variables_file(&v, files[i], "unit.env", &err), -1);
        assert_string_equal(cm_err_message(err), "unit.env:3:1: the variable that begins here is not valid UTF-8");
        cm_variables_fini(&v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backslash_quotes_and_a_line_that_goes_on),
        cmocka_unit_test(what_is_no_text_is_passed_over_as_systemd_does),
        cmocka_unit_test(a_file_that_was_named_is_told_what_is_no_text_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
