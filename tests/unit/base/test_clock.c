/* Instants and dates: against the C library's calendar, and strict in what is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

#include "dies.h"
#include "random.h"

#include <string.h>

static void test_reading(void **state)
{
    (void)state;
    int64_t a = clock_utc_us(), b = clock_utc_us(), c = clock_monotonic_us(), d = clock_monotonic_us();
    assert_true(a > INT64_C(1700000000000000) && b >= a && d >= c);
    clock_set_offset(INT64_C(3600000000));
    assert_true(clock_utc_us() - a >= INT64_C(3600000000));
    assert_true(clock_monotonic_us() - c >= INT64_C(3600000000));
    int64_t later = clock_monotonic_us();
    clock_set_offset(INT64_C(-3600000000));
    assert_true(clock_utc_us() < a);
    assert_true(clock_monotonic_us() >= later); /* never back */
    clock_set_offset(0);
}

static int64_t rfc(const char *text)
{
    int64_t us;
    if (!clock_parse_rfc3339(str_of(text), &us))
        fail_msg("\"%s\" was refused", text);
    return us;
}

static void test_known_instants(void **state)
{
    (void)state;
    assert_true(rfc("1970-01-01T00:00:00Z") == 0);
    assert_true(rfc("1969-12-31T23:59:59.999999Z") == -1);
    assert_true(rfc("2026-11-22T01:02:03.000004Z") == INT64_C(1795309323000004));
    assert_true(rfc("2026-11-22T09:02:03.000004+08:00") == INT64_C(1795309323000004));
    assert_true(rfc("2026-11-21T19:32:03.000004-05:30") == INT64_C(1795309323000004));
    assert_true(rfc("2026-11-22T01:02:03.1Z") - rfc("2026-11-22T01:02:03Z") == 100000);
    assert_true(rfc("2026-11-22T01:02:03.123456Z") - rfc("2026-11-22T01:02:03Z") == 123456);
    assert_true(rfc("0001-01-01T00:00:00Z") == INT64_C(-62135596800000000));
    assert_true(rfc("9999-12-31T23:59:59.999999Z") == INT64_C(253402300799999999));
    assert_true(rfc("2000-02-29T00:00:00Z") == INT64_C(951782400000000));
    char text[CLOCK_TEXT_MAX];
    assert_int_equal(clock_print_rfc3339(INT64_C(1795309323000004), text), 27);
    assert_string_equal(text, "2026-11-22T01:02:03.000004Z");
    assert_int_equal(clock_print_sql(-1, text), 26);
    assert_string_equal(text, "1969-12-31 23:59:59.999999");
}

static void test_refused_instants(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "2026-11-22", "2026-11-22T01:02:03", "2026-11-22 01:02:03Z",
        "2026-11-22t01:02:03Z", "2026-11-22T01:02:03z", "2026-11-22T01:02:03.Z",
        "2026-11-22T01:02:03.1234567Z", "2026-11-22T24:00:00Z", "2026-11-22T23:60:00Z",
        "2026-11-22T23:59:60Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
        "2026-1-1T00:00:00Z", "2026-11-22T01:02Z", "2026-11-22T01:02:03+0800", "2026-11-22T01:02:03+08",
        "2026-11-22T01:02:03+24:00", "2026-11-22T01:02:03+08:60", "2026-11-22T01:02:03Z ",
        " 2026-11-22T01:02:03Z", "2026-11-22T01:02:03ZZ", "2026-11-22T01:02:03,5Z", "2026-11-22T01:02:0３Z",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-22T+1:02:03Z"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int64_t us = 7;
        if (clock_parse_rfc3339(str_of(BAD[i]), &us))
            fail_msg("\"%s\" was taken", BAD[i]);
        assert_int_equal(us, 7);
    }
    int64_t us;
    assert_false(clock_parse_rfc3339(STR_NULL, &us));
    assert_true(clock_parse_sql(STR("2026-11-22 01:02:03"), &us));
    assert_true(clock_parse_sql(STR("2026-11-22 01:02:03.000004"), &us));
    assert_true(us == INT64_C(1795309323000004));
    assert_false(clock_parse_sql(STR("2026-11-22T01:02:03"), &us));
    assert_false(clock_parse_sql(STR("2026-11-22 01:02:03Z"), &us));
    assert_false(clock_parse_sql(STR("0000-00-00 00:00:00"), &us));
}

static void test_dates(void **state)
{
    (void)state;
    int year, month, day;
    assert_true(clock_parse_date(STR("2024-02-29"), &year, &month, &day));
    assert_true(year == 2024 && month == 2 && day == 29);
    assert_true(clock_parse_date(STR("0001-01-01"), &year, &month, &day));
    assert_true(clock_parse_date(STR("9999-12-31"), &year, &month, &day));
    year = month = day = 7;
    static const char *const BAD[] = {"2026-02-29", "2026-02-30", "0000-01-01", "2026-11-31", "20261122",
        "2026/11/22", "2026-11-22 ", "26-11-22", "2026-11-2", "2026-11-022", "", "abcd-ef-gh", "+026-11-22"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (clock_parse_date(str_of(BAD[i]), &year, &month, &day))
            fail_msg("\"%s\" was taken", BAD[i]);
    assert_true(year == 7 && month == 7 && day == 7);
}

/* The C library has its own calendar: they must tell the same. */
static void check_against_library(int64_t us)
{
    char text[CLOCK_TEXT_MAX], expected[64];
    int64_t seconds = us / 1000000 - (us % 1000000 < 0), fraction = us - seconds * 1000000;
    time_t time = (time_t)seconds;
    struct tm parts;
    assert_non_null(gmtime_r(&time, &parts));
    snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (int)fraction);
    size_t n = clock_print_rfc3339(us, text);
    assert_string_equal(text, expected);
    int64_t again;
    assert_true(clock_parse_rfc3339((struct str){text, n}, &again));
    assert_true(again == us);
    n = clock_print_sql(us, text);
    assert_true(clock_parse_sql((struct str){text, n}, &again));
    assert_true(again == us);
}

static void test_all_years_against_the_library(void **state)
{
    (void)state;
    /* Steps of 61 days and some: each month, leap years and both ends of each century are met. */
    for (int64_t us = INT64_C(-62135596800000000); us < INT64_C(253402300800000000);
         us += INT64_C(5270461000001))
        check_against_library(us);
    random_begin();
    for (int i = 0; i < 100000; i++)
        check_against_library(
            (int64_t)(random_u64() % UINT64_C(315537897600000000)) - INT64_C(62135596800000000));
}

/* Every day of the calendar, counted by hand from the first. */
static void test_days_of_dates(void **state)
{
    (void)state;
    assert_true(clock_days_of_date(1970, 1, 1) == 0);
    assert_true(clock_days_of_date(2000, 3, 1) == 11017);
    int64_t days = clock_days_of_date(1, 1, 1);
    assert_true(days == -719162);
    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            char text[16];
            int y, m, d;
            for (int day = 1; day <= 31; day++) {
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                if (!clock_parse_date(str_of(text), &y, &m, &d))
                    continue;
                if (clock_days_of_date(year, month, day) != days)
                    fail_msg("%s is not day %lld", text, (long long)days);
                clock_date_of_days(days++, &y, &m, &d);
                if (y != year || m != month || d != day)
                    fail_msg("%s comes back as %d-%d-%d", text, y, m, d);
            }
        }
    }
    assert_true(days == 2932897);
}

static void print_past_the_end(void)
{
    char text[CLOCK_TEXT_MAX];
    clock_print_rfc3339(INT64_C(253402300800000000), text);
}

static void test_misuse_is_asserted(void **state)
{
    (void)state;
    assert_true(dies(print_past_the_end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_known_instants),
        cmocka_unit_test(test_refused_instants),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_all_years_against_the_library),
        cmocka_unit_test(test_days_of_dates),
        cmocka_unit_test(test_misuse_is_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
