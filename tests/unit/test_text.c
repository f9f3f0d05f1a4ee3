/* base: errors, strings, memory, text, JSON, digests. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cm/err.h>
#include <cm/str.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- errors ---- */

static void keeps_the_first_cause_and_wraps_it(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    assert_int_equal(cm_fail(&err, CM_E_LOCKED, "first %d", 1), -1);
    cm_fail(&err, CM_E_USAGE, "second");
    cm_wrap(&err, "while %s", "testing");
    assert_string_equal(cm_err_message(err), "while testing: first 1");
    assert_int_equal(cm_err_code(err), CM_E_LOCKED);
    assert_false(cm_err_is_passing(err));
}

static void only_a_passing_error_is_passing(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    cm_fail_passing(&err, "502");
    assert_true(cm_err_is_passing(err));
    assert_int_equal(cm_err_code(err), CM_E_FAILED);
}

static void keeps_the_first_hint_and_collects_evidence(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    cm_hint(&err, "nothing to hint at yet");
    cm_fail(&err, CM_E_FAILED, "x");
    cm_hint(&err, "Type this.");
    cm_hint(&err, "Type that.");
    cm_evidence(&err, "one\n");
    cm_evidence(&err, "two");
    cm_evidence(&err, "three");
    assert_string_equal(cm_err_hint(err), "Type this.");
    assert_string_equal(cm_err_evidence(err), "one\ntwo\nthree");
}

static void moves_an_error_only_where_none_is(void **state)
{
    (void)state;
    cm_autoerr to = NULL;
    struct cm_err *a = NULL, *b = NULL;
    cm_fail(&a, CM_E_FAILED, "a");
    cm_fail(&b, CM_E_FAILED, "b");
    cm_err_move(&to, a);
    cm_err_move(&to, b);
    assert_string_equal(cm_err_message(to), "a");
}

static void an_error_may_be_of_no_interest(void **state)
{
    (void)state;
    assert_int_equal(cm_fail(NULL, CM_E_FAILED, "x"), -1);
    assert_int_equal(cm_wrap(NULL, "x"), -1);
    cm_hint(NULL, "x");
    assert_int_equal(cm_err_code(NULL), CM_E_OK);
    assert_string_equal(cm_code_word(4), "locked");
    assert_null(cm_code_word(77));
}

/* ---- strings and memory ---- */

static void a_string_stops_at_its_bound_and_says_so(void **state)
{
    (void)state;
    cm_autostr s = CM_STR(5);
    assert_true(cm_str_add(&s, "abc"));
    assert_false(cm_str_addf(&s, "%s", "defg"));
    assert_string_equal(cm_str_text(&s), "abcde");
    assert_true(s.full);
    cm_str_reset(&s);
    assert_false(s.full);
    assert_string_equal(cm_str_text(&s), "");
}

static void formats_longer_than_its_first_try(void **state)
{
    (void)state;
    char word[2001];
    memset(word, 'x', 2000);
    word[2000] = '\0';
    cm_autofree char *text = cm_fmt("<%s>", word);
    assert_int_equal(strlen(text), 2002);
    assert_int_equal(text[2001], '>');
}

static void takes_an_empty_string_never_null(void **state)
{
    (void)state;
    struct cm_str s = CM_STR(10);
    char *text = cm_str_take(&s);
    assert_string_equal(text, "");
    free(text);
}

static void grows_with_zeroed_room(void **state)
{
    (void)state;
    size_t cap = 0;
    int *a = cm_grow(NULL, &cap, 3, sizeof *a);
    for (size_t i = 0; i < cap; i++)
        a[i] = 7;
    size_t old = cap;
    a = cm_grow(a, &cap, old + 1, sizeof *a);
    assert_true(cap > old);
    assert_int_equal(a[old - 1], 7);
    for (size_t i = old; i < cap; i++)
        assert_int_equal(a[i], 0);
    free(a);
}

static void an_arena_gives_zeroed_memory_aligned_for_what_has_its_size(void **state)
{
    (void)state;
    cm_autoarena a = cm_arena_new();
    for (size_t n = 1; n < 100000; n = n * 2 + n % 3) {
        unsigned char *p = cm_arena_alloc(a, n);
        for (size_t align = 1; align <= sizeof(long double); align *= 2)
            if (n % align == 0)
                assert_int_equal((uintptr_t)p % align, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    json_t *j = json_string("kept");
    json_incref(j);
    assert_ptr_equal(cm_arena_json(a, j), j);
    assert_string_equal(cm_arena_fmt(a, "%s-%d", "x", 3), "x-3");
    json_decref(j);
    assert_string_equal(json_string_value(j), "kept");
}

/* ---- text ---- */

static void names_the_nearest_known_word_and_nothing_far(void **state)
{
    (void)state;
    const char *const known[] = {"namespace", "release", "values", "chart_version", NULL};
    assert_string_equal(cm_nearest("namspace", known), "namespace");
    assert_string_equal(cm_nearest("NAMESAPCE", known), "namespace");
    assert_string_equal(cm_nearest("relaese", known), "release");
    assert_string_equal(cm_nearest("chart-version", known), "chart_version");
    assert_null(cm_nearest("window", known));
    assert_null(cm_nearest("x", known));
}

static void quotes_for_a_posix_shell(void **state)
{
    (void)state;
    const char *const argv[] = {"echo", "a b", "it's", "", "$HOME;`x`", "plain-1.2/x@y", "~", NULL};
    cm_autofree char *line = cm_shell_join(argv);
    assert_string_equal(line, "echo 'a b' 'it'\\''s' '' '$HOME;`x`' plain-1.2/x@y '~'");
}

static void gives_the_last_lines_that_say_something(void **state)
{
    (void)state;
    cm_autofree char *two = cm_last_lines("one\n\ntwo\r\n   \nthree\n\n", 2);
    assert_string_equal(two, "two\nthree");
    cm_autofree char *all = cm_last_lines("one", 5);
    assert_string_equal(all, "one");
    cm_autofree char *none = cm_last_lines("\n\n", 5);
    assert_string_equal(none, "");
}

static void compares_versions_by_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(cm_version_compare("2026.04.0", "2026.4.0"), 0);
    assert_int_equal(cm_version_compare("2026.04", "2026.04.0"), 0);
    assert_true(cm_version_compare("2025.12.1", "2026.04.0") < 0);
    assert_true(cm_version_compare("v3.13.2", "3.9.9") > 0);
    assert_int_equal(cm_version_compare("3.14.0+g3b0e7a2", "3.14.0"), 0);
    assert_int_equal(cm_version_compare("2026.04.0-dev+123", "2026.04.0"), 0);
}

static void finds_a_connect_version_in_a_line(void **state)
{
    (void)state;
    cm_autofree char *v = cm_version_find("Posit Connect v2026.04.1-17 (built 2026-04-02)");
    assert_string_equal(v, "2026.04.1");
    assert_null(cm_version_find("10.2026.04 12345.04.1 2026.4.1"));
}

static void knows_valid_utf8(void **state)
{
    (void)state;
    assert_true(cm_utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
    assert_int_equal(cm_utf8_span("ab\xc0\xaf", 4), 2);        /* overlong */
    assert_int_equal(cm_utf8_span("\xed\xa0\x80", 3), 0);      /* a surrogate */
    assert_int_equal(cm_utf8_span("x\xf4\x90\x80\x80", 5), 1); /* above U+10FFFF */
    assert_int_equal(cm_utf8_span("x\xe2\x82", 3), 1);         /* cut */
}

/* ---- JSON, digests ---- */

static void reads_json_by_dotted_path(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    const char text[] = "{\"a\": {\"b\": [1], \"n\": 5, \"t\": \"x\", \"yes\": \"1\", \"f\": 2.5, \"no\": false}}";
    cm_autojson j = cm_json_parse(text, sizeof text - 1, "answer", &err);
    assert_non_null(j);
    assert_true(json_is_array(cm_json_at(j, "a.b")));
    assert_int_equal(cm_json_int(j, "a.n", 0), 5);
    assert_int_equal(cm_json_int(j, "a.f", 0), 2);
    assert_int_equal(cm_json_int(j, "a.t", 9), 9);
    assert_string_equal(cm_json_text(j, "a.t", "-"), "x");
    assert_string_equal(cm_json_text(j, "a.x.y", "-"), "-");
    assert_true(cm_json_bool(j, "a.yes", false));
    assert_false(cm_json_bool(j, "a.no", true));
    assert_true(cm_json_bool(NULL, "a", true));
}

static void says_where_json_is_wrong(void **state)
{
    (void)state;
    cm_autoerr err = NULL;
    assert_null(cm_json_parse("{\"a\":\n !}", 9, "answer", &err));
    assert_true(cm_starts(cm_err_message(err), "answer:2:"));
}

static void canonical_json_does_not_depend_on_order(void **state)
{
    (void)state;
    cm_autojson a = json_pack("{s:i, s:{s:i, s:i}}", "b", 1, "a", "y", 2, "x", 3);
    cm_autojson b = json_pack("{s:{s:i, s:i}, s:i}", "a", "x", 3, "y", 2, "b", 1);
    cm_autofree char *text = cm_json_canonical(a);
    assert_string_equal(text, "{\"a\":{\"x\":3,\"y\":2},\"b\":1}");
    unsigned char x[32], y[32];
    cm_sha256_json(a, x);
    cm_sha256_json(b, y);
    assert_memory_equal(x, y, 32);
}

static void digests_are_the_known_ones(void **state)
{
    (void)state;
    unsigned char one[32], parts[32];
    char hex[65];
    cm_sha256("abc", 3, one);
    cm_hex(one, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180 */
    struct cm_sha *s = cm_sha_new();
    cm_sha_add(s, "a", 1);
    cm_sha_add(s, "bc", 2);
    cm_sha_end(s, parts);
    assert_memory_equal(one, parts, 32);
    assert_int_equal(cm_crc32(0, "123456789", 9), 0xcbf43926); /* the check value of CRC-32 */
    assert_int_equal(cm_crc32(cm_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_first_cause_and_wraps_it),
        cmocka_unit_test(only_a_passing_error_is_passing),
        cmocka_unit_test(keeps_the_first_hint_and_collects_evidence),
        cmocka_unit_test(moves_an_error_only_where_none_is),
        cmocka_unit_test(an_error_may_be_of_no_interest),
        cmocka_unit_test(a_string_stops_at_its_bound_and_says_so),
        cmocka_unit_test(formats_longer_than_its_first_try),
        cmocka_unit_test(takes_an_empty_string_never_null),
        cmocka_unit_test(grows_with_zeroed_room),
        cmocka_unit_test(an_arena_gives_zeroed_memory_aligned_for_what_has_its_size),
        cmocka_unit_test(names_the_nearest_known_word_and_nothing_far),
        cmocka_unit_test(quotes_for_a_posix_shell),
        cmocka_unit_test(gives_the_last_lines_that_say_something),
        cmocka_unit_test(compares_versions_by_their_numbers),
        cmocka_unit_test(finds_a_connect_version_in_a_line),
        cmocka_unit_test(knows_valid_utf8),
        cmocka_unit_test(reads_json_by_dotted_path),
        cmocka_unit_test(says_where_json_is_wrong),
        cmocka_unit_test(canonical_json_does_not_depend_on_order),
        cmocka_unit_test(digests_are_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
