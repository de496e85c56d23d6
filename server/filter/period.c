/*
 * Dates relative to today: names to spans of whole days, and days to instants in the zone of the deployment.
 * A week begins on Monday. last_N_days are the N days that end with today, next_N_days the N that begin with
 * it.
 *
 * A day begins at the first instant that the zone calls by its date or a later one; that is midnight, but for
 * zones that change their clocks then. It is found by asking the calendar, some twenty times; the days asked
 * for last are kept, because a filter is asked again for every row.
 */
#include "filter/filter_int.h"

#include "base/must.h"
#include "text/text.h"

#include <string.h>

enum { SPAN_DAYS_MAX = 3660, KEPT_DAYS = 64, KEPT_BOUNDS = 64, ZONE_MAX = 64 };
#define US_PER_S INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)
#define OFFSET_MAX_S INT64_C(57600) /* no zone was ever 16 hours away */

static const struct {
    const char *name;
    enum unit unit;
    int first;
} PERIODS[] = {
    {"today", UNIT_DAY, 0},
    {"yesterday", UNIT_DAY, -1},
    {"tomorrow", UNIT_DAY, 1},
    {"this_week", UNIT_WEEK, 0},
    {"last_week", UNIT_WEEK, -1},
    {"next_week", UNIT_WEEK, 1},
    {"this_month", UNIT_MONTH, 0},
    {"last_month", UNIT_MONTH, -1},
    {"next_month", UNIT_MONTH, 1},
    {"this_quarter", UNIT_QUARTER, 0},
    {"last_quarter", UNIT_QUARTER, -1},
    {"this_year", UNIT_YEAR, 0},
    {"last_year", UNIT_YEAR, -1},
};

/* The N of "last_N_days": 1 to SPAN_DAYS_MAX, no superfluous zeros. 0: it is not of that form. */
static int64_t days_of_name(struct str name, struct str prefix)
{
    int64_t n;
    struct str end = STR("_days");
    if (!str_starts(name, prefix) || !str_ends(name, end) || name.n <= prefix.n + end.n)
        return 0;
    struct str digits = {name.p + prefix.n, name.n - prefix.n - end.n};
    return str_to_i64(digits, &n) && n >= 1 && n <= SPAN_DAYS_MAX ? n : 0;
}

bool period_parse(struct str name, struct arena *arena, struct period *ret_period)
{
    struct period period = {.unit = UNIT_DAY};
    int64_t last = days_of_name(name, STR("last_")), next = days_of_name(name, STR("next_"));
    bool found = last > 0 || next > 0;
    if (last > 0)
        period = (struct period){.unit = UNIT_DAY, .first = 1 - last, .end = 1};
    else if (next > 0)
        period = (struct period){.unit = UNIT_DAY, .first = 0, .end = next};
    for (size_t i = 0; !found && i < sizeof(PERIODS) / sizeof(PERIODS[0]); i++)
        if (str_eq(str_of(PERIODS[i].name), name)) {
            int first = PERIODS[i].first;
            period = (struct period){.unit = PERIODS[i].unit, .first = first, .end = first + 1};
            found = true;
        }
    if (!found)
        return false;
    period.name = arena_copy(arena, name);
    *ret_period = period;
    return true;
}

/* ---- days ---------------------------------------------------------------------------------------------- */

/* The first day of the unit that lies n units after the one that `day` is in. */
static int64_t unit_start(enum unit unit, int64_t day, int64_t n)
{
    if (unit == UNIT_DAY)
        return day + n;
    if (unit == UNIT_WEEK) {
        int64_t since_monday = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        return day - since_monday + 7 * n;
    }
    int year, month, of_month;
    clock_date_of_days(day, &year, &month, &of_month);
    int64_t length = unit == UNIT_MONTH ? 1 : unit == UNIT_QUARTER ? 3 : 12;
    int64_t months = (int64_t)year * 12 + month - 1;
    months = (months / length + n) * length;
    return clock_days_of_date((int)(months / 12), (int)(months % 12) + 1, 1);
}

void period_days(
    const struct period *period, int64_t today, int64_t *ret_from, int64_t *ret_to, int64_t *ret_until)
{
    *ret_from = unit_start(period->unit, today, period->first);
    *ret_to = unit_start(period->unit, today, period->end);
    *ret_until = unit_start(period->unit, today, 1);
}

/* ---- instants ------------------------------------------------------------------------------------------ */

static _Thread_local struct {
    char zone[ZONE_MAX];
    size_t n_zone;
    struct {
        int64_t day, start_us;
        bool set;
    } days[KEPT_DAYS];
    int64_t today, today_us, tomorrow_us; /* tomorrow_us 0: not known */
    struct {
        enum filter_kind kind;
        enum unit unit;
        int64_t first, end, today;
        struct bounds bounds; /* low.p NULL: none */
    } bounds[KEPT_BOUNDS];
} kept;

static void use_zone(struct str zone)
{
    must(zone.n > 0 && zone.n <= ZONE_MAX);
    if (zone.n == kept.n_zone && memcmp(zone.p, kept.zone, zone.n) == 0)
        return;
    memset(&kept, 0, sizeof(kept));
    memcpy(kept.zone, zone.p, zone.n);
    kept.n_zone = zone.n;
}

static int64_t day_of(struct str zone, int64_t utc_us)
{
    int year, month, day;
    struct err err = {0};
    int rc = text_zone_day(zone, utc_us, &year, &month, &day, &err);
    must(rc == 0); /* the zone is the deployment's, checked when it was set */
    return clock_days_of_date(year, month, day);
}

static int64_t find_day_start_us(struct str zone, int64_t day)
{
    int64_t before = day * S_PER_DAY - OFFSET_MAX_S, from = day * S_PER_DAY + OFFSET_MAX_S;
    while (from - before > 1) {
        int64_t middle = before + (from - before) / 2;
        if (day_of(zone, middle * US_PER_S) >= day)
            from = middle;
        else
            before = middle;
    }
    return from * US_PER_S;
}

int64_t period_day_start_us(const struct filter_env *env, int64_t day)
{
    use_zone(env->zone);
    size_t place = (size_t)(((day % KEPT_DAYS) + KEPT_DAYS) % KEPT_DAYS);
    if (!kept.days[place].set || kept.days[place].day != day) {
        kept.days[place].start_us = find_day_start_us(env->zone, day);
        kept.days[place].day = day;
        kept.days[place].set = true;
    }
    return kept.days[place].start_us;
}

/* Clocks that have been set back over midnight show yesterday's date once more: the day goes by the first
 * instant of each, so that it never goes back. */
int64_t period_today(const struct filter_env *env)
{
    use_zone(env->zone);
    if (kept.tomorrow_us != 0 && env->now_us >= kept.today_us && env->now_us < kept.tomorrow_us)
        return kept.today;
    int64_t day = day_of(env->zone, env->now_us);
    while (env->now_us < period_day_start_us(env, day))
        day--;
    while (env->now_us >= period_day_start_us(env, day + 1))
        day++;
    kept.today = day;
    kept.today_us = period_day_start_us(env, day);
    kept.tomorrow_us = period_day_start_us(env, day + 1);
    return day;
}

static struct str print_day(int64_t day, char text[CLOCK_TEXT_MAX])
{
    size_t n = clock_print_sql(day * S_PER_DAY * US_PER_S, text);
    (void)n;
    return (struct str){text, sizeof("2026-11-22") - 1};
}

static void make_bounds(
    enum filter_kind kind, const struct filter_env *env, int64_t from, int64_t to, struct bounds *bounds)
{
    if (kind == FILTER_DATE) {
        bounds->low = print_day(from, bounds->low_text);
        bounds->high = print_day(to, bounds->high_text);
        return;
    }
    must(kind == FILTER_INSTANT);
    bounds->low.n = clock_print_sql(period_day_start_us(env, from), bounds->low_text);
    bounds->low.p = bounds->low_text;
    bounds->high.n = clock_print_sql(period_day_start_us(env, to), bounds->high_text);
    bounds->high.p = bounds->high_text;
}

const struct bounds *period_bounds(const struct leaf *leaf, const struct filter_env *env)
{
    const struct period *period = &leaf->period;
    enum filter_kind kind = leaf->field.kind;
    int64_t today = period_today(env), from, to, until;
    size_t place = ((size_t)period->first * 31 + (size_t)period->end * 7 + (size_t)period->unit * 5 + kind) %
                   KEPT_BOUNDS;
    struct bounds *bounds = &kept.bounds[place].bounds;
    if (bounds->low.p && kept.bounds[place].kind == kind && kept.bounds[place].unit == period->unit &&
        kept.bounds[place].first == period->first && kept.bounds[place].end == period->end &&
        kept.bounds[place].today == today)
        return bounds;
    period_days(period, today, &from, &to, &until);
    make_bounds(kind, env, from, to, bounds);
    kept.bounds[place].kind = kind;
    kept.bounds[place].unit = period->unit;
    kept.bounds[place].first = period->first;
    kept.bounds[place].end = period->end;
    kept.bounds[place].today = today;
    return bounds;
}

/* ---- how long it holds --------------------------------------------------------------------------------- */

static int64_t earliest_us(const struct node *node, const struct filter_env *env)
{
    int64_t earliest = 0, from, to, until;
    if (node->kind == NODE_LEAF && node->leaf->test == TEST_WITHIN) {
        period_days(&node->leaf->period, period_today(env), &from, &to, &until);
        return period_day_start_us(env, until);
    }
    for (size_t i = 0; i < node->n_children; i++) {
        int64_t us = earliest_us(node->children[i], env);
        if (us != 0 && (earliest == 0 || us < earliest))
            earliest = us;
    }
    return earliest;
}

int64_t filter_valid_until(const struct filter *filter, const struct filter_env *env)
{
    return filter->has_period ? earliest_us(filter->root, env) : 0;
}
