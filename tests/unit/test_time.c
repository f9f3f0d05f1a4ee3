/* base: durations, times, zones. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "base/zone.h"

static void assert_duration(const char *text, int64_t expected)
{
    int64_t ms = -1;
    if (!cm_duration_parse(text, &ms))
        fail_msg("not taken: %s", text);
    assert_int_equal(ms, expected);
}

static void reads_durations(void **state)
{
    (void)state;
    assert_duration("90s", 90000);
    assert_duration("10m", 600000);
    assert_duration("2h30m", 9000000);
    assert_duration("1500ms", 1500);
    assert_duration("90d", INT64_C(90) * 86400000);
    assert_duration("45", 45000);
    assert_duration("0", 0);
    assert_duration("1m500ms", 60500);
}

static void refuses_what_is_no_duration(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "-5s", "5x",  "s", "5m2h", "5m5m", "5m 2s", "1.5h", "4000d", "99999999999999999999s",
                                        "5m3", " 5s", "10mm"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t ms = 77;
        if (cm_duration_parse(wrong[i], &ms))
            fail_msg("taken: \"%s\"", wrong[i]);
        assert_int_equal(ms, 77);
    }
}

static void says_durations_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } table[] = {{80, "80 ms"},           {4250, "4.2 s"},
                 {59990, "59.9 s"},       {123000, "2m 03s"},
                 {3723000, "1h 02m 03s"}, {INT64_C(93600000), "1d 02h 00m"},
                 {-80, "-80 ms"},         {0, "0 ms"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cm_autofree char *text = cm_duration_text(table[i].ms);
        assert_string_equal(text, table[i].text);
    }
}

static void writes_and_reads_rfc3339(void **state)
{
    (void)state;
    int64_t ms;
    assert_true(cm_time_parse("2026-12-05T21:00:00.123Z", &ms));
    cm_autofree char *text = cm_time_text(ms);
    assert_string_equal(text, "2026-12-05T21:00:00.123Z");
    int64_t same;
    assert_true(cm_time_parse("2026-12-05T22:00:00.123456+01:00", &same));
    assert_int_equal(same, ms);
    assert_true(cm_time_parse("1969-12-31T23:59:59.500Z", &ms));
    assert_int_equal(ms, -500);
    cm_autofree char *before = cm_time_text(-500);
    assert_string_equal(before, "1969-12-31T23:59:59.500Z");
    assert_false(cm_time_parse("2026-02-29T00:00:00Z", &ms));
    assert_false(cm_time_parse("2026-12-05T21:00:00", &ms));
    assert_false(cm_time_parse("2026-12-05T21:00:00Zx", &ms));
    assert_false(cm_time_parse("2026-12-05T24:00:00Z", &ms));
}

static int64_t in_zone(const char *text, const char *zone)
{
    int64_t ms = 0;
    struct cm_err *err = NULL;
    if (cm_time_in_zone(text, zone, &ms, &err) != 0)
        fail_msg("%s %s: %s", text, zone, cm_err_message(err));
    return ms;
}

static int64_t utc(const char *text)
{
    int64_t ms = 0;
    assert_true(cm_time_parse(text, &ms));
    return ms;
}

static void skip_without_zones(void)
{
    if (!cm_file_exists("/usr/share/zoneinfo/Europe/Berlin")) {
        print_message("no zone files here\n");
        skip();
    }
}

static void reads_a_time_in_a_zone_in_winter_and_in_summer(void **state)
{
    (void)state;
    skip_without_zones();
    assert_int_equal(in_zone("2026-12-05 22:00", "Europe/Berlin"), utc("2026-12-05T21:00:00Z"));
    assert_int_equal(in_zone("2026-07-05 22:00:30", "Europe/Berlin"), utc("2026-07-05T20:00:30Z"));
    assert_int_equal(in_zone("2026-07-05 22:00", "America/New_York"), utc("2026-07-06T02:00:00Z"));
    assert_int_equal(in_zone("2026-01-05 22:00", "Australia/Sydney"), utc("2026-01-05T11:00:00Z"));
    assert_int_equal(in_zone("2026-01-05 22:00", "Asia/Kolkata"), utc("2026-01-05T16:30:00Z"));
    assert_int_equal(in_zone("2026-12-05 22:00", "UTC"), utc("2026-12-05T22:00:00Z"));
    /* behind the last transition of a file: the footer's rule */
    assert_int_equal(in_zone("2061-07-05 22:00", "Europe/Berlin"), utc("2061-07-05T20:00:00Z"));
    assert_int_equal(in_zone("2061-12-05 22:00", "Europe/Berlin"), utc("2061-12-05T21:00:00Z"));
    assert_int_equal(in_zone("1985-07-05 22:00", "Europe/Berlin"), utc("1985-07-05T20:00:00Z"));
}

static void refuses_a_time_that_the_clocks_jump_over_and_takes_the_first_of_two(void **state)
{
    (void)state;
    skip_without_zones();
    int64_t ms;
    cm_autoerr err = NULL;
    assert_int_equal(cm_time_in_zone("2026-03-29 02:30", "Europe/Berlin", &ms, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "does not exist in Europe/Berlin"));
    assert_int_equal(in_zone("2026-10-25 02:30", "Europe/Berlin"), utc("2026-10-25T00:30:00Z"));
    assert_int_equal(in_zone("2026-10-25 03:00", "Europe/Berlin"), utc("2026-10-25T02:00:00Z"));
}

static void names_an_unknown_zone_and_a_wrong_time(void **state)
{
    (void)state;
    int64_t ms;
    cm_autoerr err = NULL;
    assert_int_equal(cm_time_in_zone("2026-12-05 22:00", "Europe/Berln", &ms, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "Europe/Berln"));
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    cm_autoerr wrong = NULL;
    assert_int_equal(cm_time_in_zone("5.12.2026 22:00", NULL, &ms, &wrong), -1);
    assert_non_null(cm_err_hint(wrong));
    assert_int_equal(cm_time_in_zone("2026-12-05 22:00", "../../etc/passwd", &ms, NULL), -1);
}

static void says_a_time_for_people_with_its_zone(void **state)
{
    (void)state;
    skip_without_zones();
    cm_autofree char *winter = cm_time_for_people(utc("2026-12-05T21:00:00Z"), "Europe/Berlin");
    cm_autofree char *summer = cm_time_for_people(utc("2026-07-05T20:00:00Z"), "Europe/Berlin");
    assert_string_equal(winter, "2026-12-05 22:00 CET");
    assert_string_equal(summer, "2026-07-05 22:00 CEST");
}

/* The C library reads the same files: it is the oracle. */
static void agrees_with_the_c_library(void **state)
{
    (void)state;
    skip_without_zones();
    static const char *const zones[] = {"Europe/Berlin",  "America/New_York",  "Australia/Lord_Howe",
                                        "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca",
                                        "Pacific/Apia",   "Europe/Dublin",     "UTC"};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        setenv("TZ", zones[i], 1);
        tzset();
        struct cm_zone *z = cm_zone_open(zones[i], NULL);
        assert_non_null(z);
        for (int64_t t = -86400; t < INT64_C(4000000000); t += 86400 * 37 + 3601) {
            time_t tt = (time_t)t;
            struct tm tm;
            localtime_r(&tt, &tm);
            int offset;
            char name[16];
            cm_zone_at(z, t, &offset, name);
            if (offset != tm.tm_gmtoff || strcmp(name, tm.tm_zone) != 0)
                fail_msg("%s at %lld: %d %s, the C library says %ld %s", zones[i], (long long)t, offset, name, tm.tm_gmtoff,
                         tm.tm_zone);
        }
        cm_zone_free(z);
    }
    unsetenv("TZ");
    tzset();
}

static void takes_a_posix_rule_as_the_local_zone(void **state)
{
    (void)state;
    setenv("TZ", "XST-2XDT,M3.5.0/3,M10.5.0/4", 1);
    int64_t winter = in_zone("2026-01-10 12:00", NULL), summer = in_zone("2026-06-10 12:00", NULL);
    unsetenv("TZ");
    assert_int_equal(winter, utc("2026-01-10T10:00:00Z"));
    assert_int_equal(summer, utc("2026-06-10T09:00:00Z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(refuses_what_is_no_duration),
        cmocka_unit_test(says_durations_for_people),
        cmocka_unit_test(writes_and_reads_rfc3339),
        cmocka_unit_test(reads_a_time_in_a_zone_in_winter_and_in_summer),
        cmocka_unit_test(refuses_a_time_that_the_clocks_jump_over_and_takes_the_first_of_two),
        cmocka_unit_test(names_an_unknown_zone_and_a_wrong_time),
        cmocka_unit_test(says_a_time_for_people_with_its_zone),
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(takes_a_posix_rule_as_the_local_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
