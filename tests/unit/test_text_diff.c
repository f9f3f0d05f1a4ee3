/* The difference of two texts: GNU's unified form, which patch(1) reads. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text_diff.h"

static void same(const char *before, const char *after, const char *expected)
{
    cm_autofree char *diff = cm_text_diff("a", before, "b", after);
    assert_string_equal(diff, expected);
}

static void equal_texts_have_no_difference(void **state)
{
    (void)state;
    same("", "", "");
    same("a\nb\n", "a\nb\n", "");
    same("no newline", "no newline", "");
}

static void shows_three_lines_around(void **state)
{
    (void)state;
    same("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
         "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

static void empty_sides_are_named_as_gnu_does(void **state)
{
    (void)state;
    same("", "1\n2\n", "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+1\n+2\n");
    same("1\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-1\n");
}

static void a_missing_last_newline_is_said(void **state)
{
    (void)state;
    same("1\n2", "1\n2\n", "--- a\n+++ b\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n");
}

static void near_changes_share_a_hunk_and_far_ones_do_not(void **state)
{
    (void)state;
    cm_autofree char *near = cm_text_diff("a", "1\n2\n3\n4\n5\n6\n7\n8\n", "b", "x\n2\n3\n4\n5\n6\n7\ny\n");
    cm_autofree char *far = cm_text_diff("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "b", "x\n2\n3\n4\n5\n6\n7\n8\ny\n");
    assert_null(strstr(strstr(near, "@@ -") + 1, "@@ -"));
    assert_non_null(strstr(strstr(far, "@@ -") + 1, "@@ -"));
}

/* Long texts are compared by the lines that stand once in each; what was put in between them is all that shows. */
static void few_changes_in_a_long_text_are_few_lines(void **state)
{
    cm_autostr a = CM_STR(CM_STR_BIG), b = CM_STR(CM_STR_BIG);
    size_t added = 0, removed = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        cm_str_addf(&a, "line %d\n# the same\n", i);
        cm_str_addf(&b, "%s%s %d\n# the same\n", i % 1000 == 500 ? "put in\n" : "", i % 1000 == 700 ? "other" : "line", i);
    }
    cm_autofree char *diff = cm_text_diff("a", cm_str_text(&a), "b", cm_str_text(&b));
    for (const char *p = strchr(strstr(diff, "+++"), '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
        added += p[1] == '+';
        removed += p[1] == '-';
    }
    assert_int_equal(added, 40);
    assert_int_equal(removed, 20);
}

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 16; }

/* Some lines out of a few, so that there is much in common. */
static char *some_text(uint32_t *seed)
{
    cm_autostr out = CM_STR(CM_STR_PAGE);
    uint32_t most = next(seed) % 3 ? 40 : 700,
             kinds = next(seed) % 3 ? 8 : 500; /* long enough for the pieces between common lines */
    for (uint32_t n = next(seed) % most; n > 0; n--)
        cm_str_addf(&out, "line %u\n", (unsigned)(next(seed) % kinds));
    if (out.len && next(seed) % 4 == 0)
        out.data[--out.len] = '\0';
    return cm_str_take(&out);
}

static void patch_makes_the_second_text_of_the_first(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_text_diff.XXXXXX";
    uint32_t seed = 20261205;
    if (system("patch --version >/dev/null 2>&1") != 0) {
        print_message("skipped: patch(1) is not installed\n");
        skip();
    }
    assert_non_null(mkdtemp(folder));
    cm_autofree char *file = cm_path_join(folder, "file"), *patch = cm_path_join(folder, "patch");
    cm_autofree char *command = cm_fmt("patch -s -E %s %s && [ -e %s ] || : >%s", file, patch, file, file);
    for (int i = 0; i < 60; i++) {
        cm_autofree char *a = some_text(&seed), *b = some_text(&seed), *diff = cm_text_diff("file", a, "file", b), *got = NULL;
        assert_int_equal(cm_file_write(file, a, strlen(a), 0600, NULL), 0);
        assert_int_equal(cm_file_write(patch, diff, strlen(diff), 0600, NULL), 0);
        assert_int_equal(system(command), 0);
        assert_int_equal(cm_file_read(file, 1 << 20, &got, &(size_t){0}, NULL), 0);
        assert_string_equal(got, b);
    }
    cm_autofree char *clean = cm_fmt("rm -r %s", folder);
    assert_int_equal(system(clean), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_no_difference),
        cmocka_unit_test(shows_three_lines_around),
        cmocka_unit_test(empty_sides_are_named_as_gnu_does),
        cmocka_unit_test(a_missing_last_newline_is_said),
        cmocka_unit_test(near_changes_share_a_hunk_and_far_ones_do_not),
        cmocka_unit_test(few_changes_in_a_long_text_are_few_lines),
        cmocka_unit_test(patch_makes_the_second_text_of_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
