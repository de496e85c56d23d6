/*
 * Time zones. A deployment has one zone that decides what a day is, asked for again and again, so the
 * calendar opened last is kept. A calendar is not for several threads at once: a lock stands before it.
 */
#include "text/text_int.h"

#include "base/must.h"

#include <pthread.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#define ZONE_MAX 64 /* the longest name of the zone database has 32 characters */

static struct {
    pthread_mutex_t lock;
    char zone[ZONE_MAX];
    UCalendar *calendar;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* False if it is no zone's name. */
static bool zone_units(struct str zone, UChar ret_units[ZONE_MAX], int32_t *ret_n)
{
    if (zone.n == 0 || zone.n >= ZONE_MAX)
        return false;
    for (size_t i = 0; i < zone.n; i++) {
        if (zone.p[i] <= ' ' || zone.p[i] > '~')
            return false;
        ret_units[i] = (UChar)zone.p[i];
    }
    ret_units[zone.n] = 0;
    *ret_n = (int32_t)zone.n;
    return true;
}

bool text_zone_is_known(struct str zone)
{
    UChar units[ZONE_MAX], canonical[ZONE_MAX];
    int32_t n;
    if (!zone_units(zone, units, &n))
        return false;
    UErrorCode status = U_ZERO_ERROR;
    UBool is_system = 0;
    ucal_getCanonicalTimeZoneID(units, n, canonical, ZONE_MAX, &is_system, &status);
    /* "Etc/Unknown" is ICU's own name for a zone that is none. */
    return U_SUCCESS(status) && is_system && !str_eq(zone, STR("Etc/Unknown"));
}

static UCalendar *open_calendar(struct str zone)
{
    UChar units[ZONE_MAX];
    int32_t n;
    if (!text_zone_is_known(zone) || !zone_units(zone, units, &n))
        return NULL;
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *calendar = ucal_open(units, n, "en", UCAL_GREGORIAN, &status);
    /* The proleptic calendar, as everywhere else: no Julian dates before 1582. */
    ucal_setGregorianChange(calendar, -8.64e15, &status);
    if (U_FAILURE(status)) {
        ucal_close(calendar);
        return NULL;
    }
    return calendar;
}

/* With the lock held. */
static bool take_calendar(struct str zone)
{
    if (last.calendar != NULL && str_eq(zone, str_of(last.zone)))
        return true;
    UCalendar *calendar = open_calendar(zone);
    if (calendar == NULL)
        return false;
    ucal_close(last.calendar);
    last.calendar = calendar;
    memcpy(last.zone, zone.p, zone.n);
    last.zone[zone.n] = '\0';
    return true;
}

int text_zone_day(
    struct str zone, int64_t utc_us, int *ret_year, int *ret_month, int *ret_day, struct err *err)
{
    int64_t ms = utc_us / 1000 - (utc_us % 1000 < 0);
    UErrorCode status = U_ZERO_ERROR;
    pthread_mutex_lock(&last.lock);
    if (!take_calendar(zone)) {
        pthread_mutex_unlock(&last.lock);
        return err_set(err, ERR_CONFIG, "unknown time zone \"%.*s\"", STR_ARGS(zone));
    }
    ucal_setMillis(last.calendar, (UDate)ms, &status);
    int year = ucal_get(last.calendar, UCAL_EXTENDED_YEAR, &status);
    int month = ucal_get(last.calendar, UCAL_MONTH, &status) + 1;
    int day = ucal_get(last.calendar, UCAL_DATE, &status);
    pthread_mutex_unlock(&last.lock);
    must(U_SUCCESS(status));
    *ret_year = year;
    *ret_month = month;
    *ret_day = day;
    return 0;
}

void text_zone_done(void)
{
    pthread_mutex_lock(&last.lock);
    ucal_close(last.calendar);
    last.calendar = NULL;
    last.zone[0] = '\0';
    pthread_mutex_unlock(&last.lock);
}
