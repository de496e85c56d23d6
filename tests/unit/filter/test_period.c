/*
 * Periods: spans by hand, days of zones against the C library's calendar (which has its own copy of the zone
 * database), and until when an answer holds, with the clock moved to it and past it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "filter/filter_int.h"
#include "filter_random.h"

static struct arena *arena;

static int64_t day_of(const char *date)
{
    int year, month, day;
    must(clock_parse_date(str_of(date), &year, &month, &day));
    return clock_days_of_date(year, month, day);
}

static void test_spans(void **state)
{
    /* name, today; first day, first day after, the day on which it is another */
    static const char *const SPANS[][5] = {
        {"today", "2026-11-22", "2026-11-22", "2026-11-23", "2026-11-23"},
        {"yesterday", "2026-01-01", "2025-12-31", "2026-01-01", "2026-01-02"},
        {"tomorrow", "2024-02-28", "2024-02-29", "2024-03-01", "2024-02-29"},
        {"this_week", "2026-11-22", "2026-11-16", "2026-11-23", "2026-11-23"}, /* a Sunday */
        {"this_week", "2026-11-23", "2026-11-23", "2026-11-30", "2026-11-30"}, /* a Monday */
        {"last_week", "2026-11-22", "2026-11-09", "2026-11-16", "2026-11-23"},
        {"next_week", "2026-12-28", "2027-01-04", "2027-01-11", "2027-01-04"},
        {"this_week", "1969-12-31", "1969-12-29", "1970-01-05", "1970-01-05"},
        {"this_month", "2024-02-29", "2024-02-01", "2024-03-01", "2024-03-01"},
        {"last_month", "2026-03-31", "2026-02-01", "2026-03-01", "2026-04-01"},
        {"last_month", "2026-01-15", "2025-12-01", "2026-01-01", "2026-02-01"},
        {"next_month", "2026-01-31", "2026-02-01", "2026-03-01", "2026-02-01"},
        {"next_month", "2026-12-31", "2027-01-01", "2027-02-01", "2027-01-01"},
        {"this_quarter", "2026-03-31", "2026-01-01", "2026-04-01", "2026-04-01"},
        {"this_quarter", "2026-12-01", "2026-10-01", "2027-01-01", "2027-01-01"},
        {"last_quarter", "2026-02-01", "2025-10-01", "2026-01-01", "2026-04-01"},
        {"this_year", "2026-12-31", "2026-01-01", "2027-01-01", "2027-01-01"},
        {"last_year", "2024-02-29", "2023-01-01", "2024-01-01", "2025-01-01"},
        {"last_1_days", "2026-11-22", "2026-11-22", "2026-11-23", "2026-11-23"},
        {"last_30_days", "2026-11-22", "2026-10-24", "2026-11-23", "2026-11-23"},
        {"next_1_days", "2026-11-22", "2026-11-22", "2026-11-23", "2026-11-23"},
        {"next_7_days", "2026-12-28", "2026-12-28", "2027-01-04", "2026-12-29"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(SPANS) / sizeof(SPANS[0]); i++) {
        struct period period;
        int64_t from, to, until;
        assert_true(period_parse(str_of(SPANS[i][0]), arena, &period));
        period_days(&period, day_of(SPANS[i][1]), &from, &to, &until);
        if (from != day_of(SPANS[i][2]) || to != day_of(SPANS[i][3]) || until != day_of(SPANS[i][4]))
            fail_msg("%s on %s", SPANS[i][0], SPANS[i][1]);
    }
}

/* ---- days of zones ------------------------------------------------------------------------------------- */

/* Among them clocks that change at midnight (Sao Paulo, Beirut), a minute past it (St. John's until 2011),
 * and a day that did not take place (Apia, 2011-12-30). */
static const char *const ZONES[] = {"Asia/Shanghai", "America/New_York", "Asia/Kathmandu",
    "America/Sao_Paulo", "Asia/Beirut", "America/St_Johns", "Pacific/Apia", "Pacific/Auckland",
    "Pacific/Kiritimati", "Etc/GMT+12", "UTC"};

static int64_t library_day(int64_t utc_us)
{
    struct tm parts;
    time_t seconds = (time_t)(utc_us / 1000000 - (utc_us % 1000000 < 0));
    must(localtime_r(&seconds, &parts) != NULL);
    return clock_days_of_date(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

static void use_library_zone(const char *zone)
{
    must(setenv("TZ", zone, 1) == 0);
    tzset();
}

static void test_day_starts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ZONES) / sizeof(ZONES[0]); i++) {
        struct filter_env env = {.zone = str_of(ZONES[i])};
        use_library_zone(ZONES[i]);
        for (int64_t day = day_of("1995-01-01"); day < day_of("2030-01-01");
             day += 1 + (int64_t)random_below(5)) {
            int64_t start = period_day_start_us(&env, day);
            if (library_day(start) < day || library_day(start - 1) >= day)
                fail_msg("day %lld in %s", (long long)day, ZONES[i]);
            assert_true(period_day_start_us(&env, day + 1) >= start);
        }
    }
}

static void test_skipped_and_doubled_midnights(void **state)
{
    static const struct {
        const char *zone, *day, *start;
    } STARTS[] = {
        {"Asia/Shanghai", "2026-11-22", "2026-11-21T16:00:00Z"},
        {"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z"},
        {"America/New_York", "2026-03-09", "2026-03-09T04:00:00Z"},
        {"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, /* 00:00 was 01:00 */
        {"America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"}, /* 24:00 of the 17th was 23:00 */
        {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"}, /* did not take place: begins with the next */
        {"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
        struct filter_env env = {.zone = str_of(STARTS[i].zone)};
        int64_t expected;
        must(clock_parse_rfc3339(str_of(STARTS[i].start), &expected));
        if (period_day_start_us(&env, day_of(STARTS[i].day)) != expected)
            fail_msg("%s in %s", STARTS[i].day, STARTS[i].zone);
    }
}

static void test_today(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const char *zone = ONE_OF(ZONES);
        struct filter_env env = {.zone = str_of(zone)};
        use_library_zone(zone);
        int64_t day = day_of("1995-01-01") + (int64_t)random_below(12000);
        env.now_us =
            day * 86400000000 + (int64_t)random_below(86400) * 1000000 + (int64_t)random_below(3) - 1;
        int64_t today = period_today(&env);
        /* A clock set back over midnight shows the day before for a while; ours does not go back. */
        if (today != library_day(env.now_us) && today != library_day(env.now_us - 3600000000))
            fail_msg("today at %lld in %s", (long long)env.now_us, zone);
        assert_true(period_day_start_us(&env, today) <= env.now_us);
        assert_true(period_day_start_us(&env, today + 1) > env.now_us);
    }
}

/* ---- until when ---------------------------------------------------------------------------------------- */

static void expect_until(const char *filter, const char *now, const char *until)
{
    struct filter_env env = {.zone = STR("Asia/Shanghai")};
    int64_t expected = 0;
    must(clock_parse_rfc3339(str_of(now), &env.now_us));
    must(!until || clock_parse_rfc3339(str_of(until), &expected));
    if (filter_valid_until(world_parse(arena, str_of(filter)), &env) != expected)
        fail_msg("%s at %s", filter, now);
}

#define WITHIN(period) "{\"field\":\"at\",\"op\":\"within\",\"value\":\"" period "\"}"

static void test_until_by_hand(void **state)
{
    (void)state;
    expect_until("{\"field\":\"day\",\"op\":\"lt\",\"value\":\"2026-11-22\"}", "2026-11-22T04:00:00Z", NULL);
    expect_until("{\"or\":[{\"and\":[]}," WITHIN("today") "]}", "2026-11-22T04:00:00Z", NULL);
    expect_until(WITHIN("today"), "2026-11-22T04:00:00Z", "2026-11-22T16:00:00Z");
    expect_until(WITHIN("today"), "2026-11-22T15:59:59.999999Z", "2026-11-22T16:00:00Z");
    expect_until(WITHIN("today"), "2026-11-22T16:00:00Z", "2026-11-23T16:00:00Z");
    expect_until(WITHIN("last_7_days"), "2026-11-22T04:00:00Z", "2026-11-22T16:00:00Z");
    expect_until(WITHIN("last_week"), "2026-11-18T04:00:00Z", "2026-11-22T16:00:00Z");
    expect_until(WITHIN("this_month"), "2026-11-22T04:00:00Z", "2026-11-30T16:00:00Z");
    expect_until(WITHIN("next_month"), "2024-01-31T15:59:59Z", "2024-01-31T16:00:00Z");
    expect_until(WITHIN("this_quarter"), "2026-11-22T04:00:00Z", "2026-12-31T16:00:00Z");
    expect_until(WITHIN("last_year"), "2026-11-22T04:00:00Z", "2026-12-31T16:00:00Z");
    expect_until("{\"not\":{\"and\":[" WITHIN("last_year") "," WITHIN("this_month") "]}}",
        "2026-11-22T04:00:00Z", "2026-11-30T16:00:00Z");
}

static void make_rows(struct db_val *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < N_FIELDS; j++)
            rows[i * N_FIELDS + j] = random_value(j, arena);
}

/* The same answers from now to the last microsecond; the very next one may bring others, and must not have
 * been announced for nothing: some period is another then. */
static void check_until(const struct filter *filter, const struct filter_env *env, const struct db_val *rows,
    size_t n_rows, size_t *n_changed)
{
    int64_t until = filter_valid_until(filter, env);
    struct filter_env later = *env, last = *env, after = *env;
    if (until == 0)
        return;
    assert_true(until > env->now_us);
    last.now_us = until - 1;
    later.now_us = env->now_us + (int64_t)(random_u64() % (uint64_t)(until - env->now_us));
    after.now_us = until;
    assert_true(filter_valid_until(filter, &last) == until);
    assert_true(filter_valid_until(filter, &after) > until);
    for (size_t i = 0; i < n_rows; i++) {
        const struct db_val *row = &rows[i * N_FIELDS];
        enum filter_truth truth = filter_eval(filter, env, row, NULL, arena);
        assert_int_equal(filter_eval(filter, &later, row, NULL, arena), truth);
        assert_int_equal(filter_eval(filter, &last, row, NULL, arena), truth);
        *n_changed += filter_eval(filter, &after, row, NULL, arena) != truth;
    }
}

static void test_until_at_random(void **state)
{
    enum { N_ROWS = 200 };
    struct db_val *rows = arena_new_array(arena, struct db_val, N_ROWS * N_FIELDS);
    size_t n_changed = 0;
    (void)state;
    make_rows(rows, N_ROWS);
    for (int i = 0; i < 1500; i++) {
        struct random_filter random = {
            .arena = arena, .values = rows, .n_rows = N_ROWS, .today = STR("2026-11-22")};
        struct filter_env env = random_env(random_below(N_ZONES));
        buf_init(&random.json, 0);
        buf_init(&random.sql, 0);
        random_filter_node(&random, &env, 2);
        check_until(world_parse(arena, buf_str(&random.json)), &env, rows, N_ROWS, &n_changed);
        buf_done(&random.json);
        buf_done(&random.sql);
    }
    assert_true(n_changed > 100); /* time does move answers, so the test has looked at something */
}

static int set_up(void **state)
{
    struct err err = {0};
    (void)state;
    random_begin();
    arena = arena_new();
    return text_init(&err);
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    text_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_day_starts),
        cmocka_unit_test(test_skipped_and_doubled_midnights),
        cmocka_unit_test(test_today),
        cmocka_unit_test(test_until_by_hand),
        cmocka_unit_test(test_until_at_random),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
