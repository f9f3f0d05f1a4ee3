/* license-manager's answers in tests/data/license, and that no product key gets out. */
#include <config.h>

#include "data_file.h"

#include "adapters/license.h"

static const char *word(enum cm_tri t) { return t == CM_YES ? "yes" : t == CM_NO ? "no" : "not-said"; }

static void one_answer(const struct data_file *f)
{
    struct cm_license l;
    char days[32];

    cm_license_parse(f->body, &l);

    snprintf(days, sizeof days, "%ld", l.days_left);
    data_check(f, "understood", l.understood ? "yes" : "no");
    data_check(f, "good", l.good ? "yes" : "no");
    data_check(f, "off_host", word(l.off_host));
    data_check(f, "days", days);
    data_check(f, "status", l.status);
    data_check(f, "source", l.source);
    data_check(f, "expiration", l.expiration);
    data_check(f, "floating", l.floating_in_use ? "yes" : "no");
    if (l.floating_in_use && (l.floating_text == NULL || *l.floating_text == '\0'))
        fail_msg("%s: a floating license in use has no text to show", f->path);
    char *all = json_dumps(l.sections, 0);
    if (strstr(all, "C3D4") != NULL || (l.floating_text != NULL && strstr(l.floating_text, "C3D4") != NULL))
        fail_msg("%s: the product key got out: %s", f->path, all);
    free(all);
    cm_license_fini(&l);
}

static void reads_every_form_of_the_status(void **state)
{
    (void)state;
    data_each("license", ".txt", 20, one_answer);
}

static void keeps_keys_that_it_does_not_know(void **state)
{
    (void)state;
    struct cm_license l;

    cm_license_parse("-- License file status --\nStatus: Activated\nNew-Thing: 7\n", &l);

    const json_t *values = json_object_get(json_array_get(l.sections, 0), "values");
    assert_string_equal(json_string_value(json_object_get(values, "new-thing")), "7");
    cm_license_fini(&l);
}

static void masks_a_product_key_wherever_it_stands(void **state)
{
    (void)state;
    struct cm_license l;

    cm_license_parse("Status: Activated\nProduct-Key: SHORT-KEY\nNote: uses A1B2-C3D4-E5F6-G7H8-I9J0-K1L2-M3N4 now\n"
                     "-- Floating license status --\nlease of A1B2-C3D4-E5F6-G7H8-I9J0-K1L2-M3N4\n",
                     &l);

    char *all = json_dumps(l.sections, 0);
    assert_null(strstr(all, "SHORT"));
    assert_null(strstr(all, "C3D4"));
    assert_non_null(l.floating_text);
    assert_null(strstr(l.floating_text, "C3D4"));
    free(all);
    cm_license_fini(&l);
}

static void a_word_that_nobody_knows_is_neither_good_nor_bad(void **state)
{
    (void)state;
    assert_int_equal(cm_license_is_good("activated", -1), CM_YES);
    assert_int_equal(cm_license_is_good("evaluation", 0), CM_NO);
    assert_int_equal(cm_license_is_good("evaluation", 9), CM_YES);
    assert_int_equal(cm_license_is_good("expired", 9), CM_NO);
    assert_int_equal(cm_license_is_good("grace-period", 9), CM_NOT_SAID);
}

static void survives_text_of_any_kind(void **state)
{
    (void)state;
    static const char *const texts[] = {"--",    "----",   "-- --",        ":",      "Status:", "Status: \nStatus:",
                                        "\x1b[", "\x1b[3", "\xef\xbb\xbf", "-- x\n", "a:b\n",   "Status: Activated"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cm_license l;
        cm_license_parse(texts[i], &l);
        assert_int_equal(l.good, i + 1 == sizeof texts / sizeof *texts);
        cm_license_fini(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_of_the_status),
        cmocka_unit_test(keeps_keys_that_it_does_not_know),
        cmocka_unit_test(masks_a_product_key_wherever_it_stands),
        cmocka_unit_test(a_word_that_nobody_knows_is_neither_good_nor_bad),
        cmocka_unit_test(survives_text_of_any_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
