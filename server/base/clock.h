/*
 * The only place that asks the system for the time. Tests move it with clock_set_offset: the wall clock goes
 * where it is told, the monotonic clock follows forward moves only.
 */
#ifndef TIDEMARK_BASE_CLOCK_H
#define TIDEMARK_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

int64_t clock_utc_us(void);       /* microseconds since 1970-01-01T00:00:00Z */
int64_t clock_monotonic_us(void); /* never goes back; its zero means nothing */
void clock_set_offset(int64_t offset_us);

#define CLOCK_TEXT_MAX 40
/* RFC 3339 with microseconds, "2026-11-22T01:02:03.000004Z"; SQL form "2026-11-22 01:02:03.000004". For
 * instants of the years 0001 to 9999 (all that the parsers give); anything else is asserted. */
size_t clock_print_rfc3339(int64_t utc_us, char text[CLOCK_TEXT_MAX]);
size_t clock_print_sql(int64_t utc_us, char text[CLOCK_TEXT_MAX]);
/* Strict inverses, fraction of 0 to 6 digits; RFC 3339 takes an offset too ("+08:00"). False if not a real
 * instant. */
bool clock_parse_rfc3339(struct str text, int64_t *ret_utc_us);
bool clock_parse_sql(struct str text, int64_t *ret_utc_us);
/* "2026-02-29" is refused: a real date of the proleptic Gregorian calendar, years 0001 to 9999. */
bool clock_parse_date(struct str text, int *ret_year, int *ret_month, int *ret_day);

/* Days since 1970-01-01 of such a date, and back. */
int64_t clock_days_of_date(int year, int month, int day);
void clock_date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day);

#endif
