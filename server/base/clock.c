/*
 * Time and the calendar. The conversions are our own: gmtime and timegm depend on the C library's idea of a
 * range and take a lock, and a strict parser has to know what a real date is anyway. Days are counted in eras
 * of 400 years that begin on 1 March, so that the leap day is the last of its year.
 */
#include "base/clock.h"

#include "base/must.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)
#define FIRST_US (INT64_C(-62135596800) * US_PER_S)         /* 0001-01-01T00:00:00Z */
#define LAST_US (INT64_C(253402300799) * US_PER_S + 999999) /* 9999-12-31T23:59:59.999999Z */

static _Atomic int64_t utc_offset_us, monotonic_offset_us;

static int64_t read_clock(clockid_t which)
{
    struct timespec now;
    must(clock_gettime(which, &now) == 0);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_utc_us(void)
{
    return read_clock(CLOCK_REALTIME) + atomic_load(&utc_offset_us);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC) + atomic_load(&monotonic_offset_us);
}

void clock_set_offset(int64_t offset_us)
{
    atomic_store(&utc_offset_us, offset_us);
    if (offset_us > atomic_load(&monotonic_offset_us))
        atomic_store(&monotonic_offset_us, offset_us);
}

/* Years from 1 and their days: nothing below is negative once counted from the first era. */
int64_t clock_days_of_date(int year, int month, int day)
{
    int64_t y = year - (month <= 2), era = y / 400, of_era = y % 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void clock_date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = days / 146097, day_of_era = days % 146097;
    int64_t of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
    *ret_month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *ret_year = (int)(of_era + era * 400 + (*ret_month <= 2));
}

static size_t print(int64_t utc_us, char separator, const char *end, char text[CLOCK_TEXT_MAX])
{
    must(utc_us >= FIRST_US && utc_us <= LAST_US);
    int64_t us = utc_us % US_PER_S, seconds = utc_us / US_PER_S;
    if (us < 0) {
        us += US_PER_S;
        seconds--;
    }
    int64_t days = seconds / S_PER_DAY, of_day = seconds % S_PER_DAY;
    if (of_day < 0) {
        of_day += S_PER_DAY;
        days--;
    }
    int year, month, day;
    clock_date_of_days(days, &year, &month, &day);
    int n = snprintf(text, CLOCK_TEXT_MAX, "%04d-%02d-%02d%c%02d:%02d:%02d.%06d%s", year, month, day,
        separator, (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), (int)us, end);
    must(n > 0 && n < CLOCK_TEXT_MAX);
    return (size_t)n;
}

size_t clock_print_rfc3339(int64_t utc_us, char text[CLOCK_TEXT_MAX])
{
    return print(utc_us, 'T', "Z", text);
}

size_t clock_print_sql(int64_t utc_us, char text[CLOCK_TEXT_MAX])
{
    return print(utc_us, ' ', "", text);
}

/* Takes exactly n digits off the front of *rest. */
static bool take_digits(struct str *rest, size_t n, int *ret_value)
{
    if (rest->n < n)
        return false;
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (rest->p[i] < '0' || rest->p[i] > '9')
            return false;
        value = value * 10 + (rest->p[i] - '0');
    }
    *rest = (struct str){rest->p + n, rest->n - n};
    *ret_value = value;
    return true;
}

static bool take_char(struct str *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = (struct str){rest->p + 1, rest->n - 1};
    return true;
}

static int days_of_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap);
}

static bool take_date(struct str *rest, int *ret_year, int *ret_month, int *ret_day)
{
    return take_digits(rest, 4, ret_year) && take_char(rest, '-') && take_digits(rest, 2, ret_month) &&
           take_char(rest, '-') && take_digits(rest, 2, ret_day) && *ret_year >= 1 && *ret_month >= 1 &&
           *ret_month <= 12 && *ret_day >= 1 && *ret_day <= days_of_month(*ret_year, *ret_month);
}

static bool take_clock_time(struct str *rest, int64_t *ret_us)
{
    int hour, minute, second;
    if (!take_digits(rest, 2, &hour) || !take_char(rest, ':') || !take_digits(rest, 2, &minute) ||
        !take_char(rest, ':') || !take_digits(rest, 2, &second) || hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t us = 0, weight = US_PER_S / 10;
    if (take_char(rest, '.')) {
        int digit;
        if (!take_digits(rest, 1, &digit))
            return false;
        do {
            us += digit * weight;
            weight /= 10;
        } while (weight > 0 && take_digits(rest, 1, &digit));
    }
    *ret_us = (hour * 3600 + minute * 60 + second) * US_PER_S + us;
    return true;
}

/* "Z", "+08:00" or "-08:00": microseconds to take from the local time. */
static bool take_zone(struct str *rest, int64_t *ret_us)
{
    *ret_us = 0;
    if (take_char(rest, 'Z'))
        return true;
    bool west = rest->n && rest->p[0] == '-';
    int hour, minute;
    if (!take_char(rest, west ? '-' : '+') || !take_digits(rest, 2, &hour) || !take_char(rest, ':') ||
        !take_digits(rest, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ret_us = (hour * 60 + minute) * 60 * US_PER_S;
    if (west)
        *ret_us = -*ret_us;
    return true;
}

static bool parse(struct str text, char separator, bool with_zone, int64_t *ret_utc_us)
{
    int year, month, day;
    int64_t of_day, zone = 0;
    if (!take_date(&text, &year, &month, &day) || !take_char(&text, separator) ||
        !take_clock_time(&text, &of_day) || (with_zone && !take_zone(&text, &zone)) || text.n != 0)
        return false;
    int64_t utc_us = clock_days_of_date(year, month, day) * S_PER_DAY * US_PER_S + of_day - zone;
    if (utc_us < FIRST_US || utc_us > LAST_US)
        return false;
    *ret_utc_us = utc_us;
    return true;
}

bool clock_parse_rfc3339(struct str text, int64_t *ret_utc_us)
{
    return parse(text, 'T', true, ret_utc_us);
}

bool clock_parse_sql(struct str text, int64_t *ret_utc_us)
{
    return parse(text, ' ', false, ret_utc_us);
}

bool clock_parse_date(struct str text, int *ret_year, int *ret_month, int *ret_day)
{
    int year, month, day;
    if (!take_date(&text, &year, &month, &day) || text.n != 0)
        return false;
    *ret_year = year;
    *ret_month = month;
    *ret_day = day;
    return true;
}
