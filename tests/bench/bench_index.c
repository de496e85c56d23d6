/*
 * The index of subscriptions beside its ceiling, the linear scan that it saves: processor microseconds for
 * one change, both of its images, at 10,000, 100,000 and 1,000,000 subscriptions.
 *
 *   bench_index [SUBSCRIPTIONS…]
 *
 * A form of customers: four of five subscribe by equality (my own customers, one number, an outlet), one in
 * five by a range (amounts, a span of hours, more than an amount). A change is an update that moves the
 * amount, and now and then the date or the owner. Owners and outlets grow with the crowd, so that a change
 * concerns about as many subscriptions in each line; how many is printed beside it. The scan asks each
 * subscription about both images by comparing numbers that were parsed beforehand, the cheapest one possible,
 * and must find the same. line_us is what one look at memory costs at that moment: the index's number is some
 * of those.
 *
 * One line of name=value a size, as the other programs here print.
 */
#include "base/must.h"
#include "live/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { OWNER, NUMBER, OUTLET, AMOUNT, DUE, FIELDS };
#define CENTS ((size_t)1000000000) /* amounts are below */
#define HOURS ((size_t)806400)     /* of a hundred years */
enum { LINES = 1 << 21, LOOKS = 1000000 };
enum { CHANGES = 4096, TEXT_BYTES = 32 };

static const enum filter_kind KINDS[FIELDS] = {
    FILTER_REFERENCE, FILTER_CODE, FILTER_REFERENCE, FILTER_DECIMAL, FILTER_INSTANT};

/* What a subscription asks for, and what a row holds, as numbers: for the scan. */
struct wish {
    int field;
    bool is_range;
    int64_t low, high;
};
struct row {
    int64_t at[FIELDS];
};
struct subscription {
    struct live_entry entry;
    struct wish wish;
};

static uint64_t state = 88172645463325252u;
static size_t below(size_t end)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (size_t)((state * 0x2545F4914F6CDD1Du >> 16) % end);
}

/* ---- a number of the scan as the value of a column ----------------------------------------------------- */

static struct db_val value_of(int field, int64_t number, char text[TEXT_BYTES])
{
    int n = 0;
    switch (field) {
    case NUMBER:
        n = snprintf(text, TEXT_BYTES, "C%08lld", (long long)number);
        break;
    case AMOUNT:
        n = snprintf(text, TEXT_BYTES, "%lld.%02lld", (long long)number / 100, (long long)number % 100);
        break;
    case DUE: /* hours; 336 days a year are enough here */
        n = snprintf(text, TEXT_BYTES, "%04lld-%02lld-%02lld %02lld:00:00", 2000 + (long long)number / 8064,
            (long long)number / 672 % 12 + 1, (long long)number / 24 % 28 + 1, (long long)number % 24);
        break;
    default:
        return DB_I(number);
    }
    return DB_S(((struct str){text, (size_t)n}));
}

static struct wish make_wish(size_t crowd)
{
    size_t what = below(100);
    struct wish wish = {.field = OWNER, .low = (int64_t)below(crowd / 2)};
    if (what >= 40)
        wish = (struct wish){.field = NUMBER, .low = (int64_t)below(crowd)};
    if (what >= 75)
        wish = (struct wish){.field = OUTLET, .low = (int64_t)below(crowd / 20)};
    wish.high = wish.low;
    if (what >= 80) { /* a span of amounts, as narrow as the crowd is large */
        wish = (struct wish){.field = AMOUNT, .is_range = true, .low = (int64_t)below(CENTS)};
        wish.high = wish.low + (int64_t)below(CENTS * 8 / crowd);
    }
    if (what >= 92) { /* some hours of a century */
        wish = (struct wish){.field = DUE, .is_range = true, .low = (int64_t)below(HOURS)};
        wish.high = wish.low + (int64_t)below(HOURS * 10 / crowd);
    }
    if (what >= 98) { /* "more than": few changes are so large */
        wish = (struct wish){
            .field = AMOUNT, .is_range = true, .low = (int64_t)(CENTS - below(CENTS * 10 / crowd))};
        wish.high = INT64_MAX;
    }
    return wish;
}

static void subscribe(struct live_index *index, struct subscription *subscription)
{
    char low[TEXT_BYTES], high[TEXT_BYTES];
    const struct wish *wish = &subscription->wish;
    struct db_val first = value_of(wish->field, wish->low, low);
    struct filter_access access = {.field = (size_t)wish->field};
    if (wish->is_range) {
        access.kind = FILTER_ACCESS_RANGE;
        access.low = first;
        access.high = wish->high == INT64_MAX ? DB_N : value_of(wish->field, wish->high, high);
    } else {
        access.kind = FILTER_ACCESS_EQUAL;
        access.values = &first;
        access.n_values = 1;
    }
    live_index_add(index, &subscription->entry, &access, 1);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

struct change {
    struct row rows[2];
    struct db_val values[2][FIELDS];
    char texts[2][FIELDS][TEXT_BYTES];
};

static void move_field(struct row *row, int field, size_t crowd)
{
    const size_t ends[FIELDS] = {crowd / 2, crowd, crowd / 20, CENTS, HOURS};
    row->at[field] = (int64_t)below(ends[field]);
}

static void make_change(struct change *change, size_t crowd)
{
    for (int i = 0; i < FIELDS; i++)
        move_field(&change->rows[0], i, crowd);
    change->rows[1] = change->rows[0];
    move_field(&change->rows[1], AMOUNT, crowd);
    if (below(4) == 0)
        move_field(&change->rows[1], DUE, crowd);
    if (below(10) == 0)
        move_field(&change->rows[1], OWNER, crowd);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < FIELDS; i++)
            change->values[side][i] = value_of(i, change->rows[side].at[i], change->texts[side][i]);
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

static void count(struct live_entry *entry, void *arg)
{
    (void)entry;
    ++*(size_t *)arg;
}

static size_t by_index(struct live_index *index, const struct change *change)
{
    size_t found = 0;
    live_index_probe(index, change->values[0], change->values[1], count, &found);
    return found;
}

static bool holds(const struct wish *wish, const struct row *row)
{
    return wish->low <= row->at[wish->field] && row->at[wish->field] <= wish->high;
}

static size_t by_scan(const struct subscription *all, size_t n, const struct change *change)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += holds(&all[i].wish, &change->rows[0]) || holds(&all[i].wish, &change->rows[1]);
    return found;
}

/* Of this program alone: others on the machine do not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of five rounds, in microseconds for one change. */
static double measure_index(struct live_index *index, const struct change *changes, size_t *ret_found)
{
    double rounds[5];
    for (int round = 0; round < 5; round++) {
        int64_t started = cpu_us();
        *ret_found = 0;
        for (int times = 0; times < 25; times++)
            for (size_t i = 0; i < CHANGES; i++)
                *ret_found += by_index(index, &changes[i]);
        rounds[round] = (double)(cpu_us() - started) / (25.0 * CHANGES);
        *ret_found /= 25;
    }
    qsort(rounds, 5, sizeof rounds[0], compare_doubles);
    return rounds[2];
}

/* As many changes as a second allows; the index must have found the same. */
static double measure_scan(
    struct live_index *index, const struct subscription *all, size_t n, const struct change *changes)
{
    int64_t spent = 0;
    size_t i = 0;
    for (; i < CHANGES && spent < 1000000; i++) {
        int64_t started = cpu_us();
        size_t found = by_scan(all, n, &changes[i]);
        spent += cpu_us() - started;
        must(found == by_index(index, &changes[i]));
    }
    return (double)spent / (double)i;
}

/* What one look at a place of memory that no cache holds costs here and now: an index of a million is made of
 * such looks, and on a shared machine they cost four times as much in one minute as in the next. */
static double measure_line(void)
{
    struct line {
        size_t next;
        char rest[56];
    } *lines = must_alloc(LINES * sizeof *lines);
    for (size_t i = 0; i < LINES; i++)
        lines[i].next = i;
    for (size_t i = LINES - 1; i > 0; i--) { /* one circle through all of them (Sattolo) */
        size_t other = below(i), next = lines[i].next;
        lines[i].next = lines[other].next;
        lines[other].next = next;
    }
    volatile size_t at = 0;
    int64_t started = cpu_us();
    for (size_t i = 0; i < LOOKS; i++)
        at = lines[at].next;
    double us = (double)(cpu_us() - started) / LOOKS;
    free(lines);
    return us;
}

static void run(size_t n)
{
    struct live_index *index = live_index_new(KINDS, FIELDS);
    struct subscription *all = must_alloc(n * sizeof *all);
    struct change *changes = must_alloc(CHANGES * sizeof *changes);
    size_t found = 0;
    int64_t started = cpu_us();
    for (size_t i = 0; i < n; i++) {
        all[i].wish = make_wish(n);
        subscribe(index, &all[i]);
    }
    double add_us = (double)(cpu_us() - started) / (double)n;
    for (size_t i = 0; i < CHANGES; i++)
        make_change(&changes[i], n);
    double index_us = measure_index(index, changes, &found);
    double scan_us = measure_scan(index, all, n, changes);
    started = cpu_us();
    for (size_t i = 0; i < n; i++)
        live_index_remove(index, &all[i].entry);
    double remove_us = (double)(cpu_us() - started) / (double)n;
    printf(
        "subscriptions=%zu index_us=%.3f scan_us=%.1f line_us=%.3f found=%.2f add_us=%.2f remove_us=%.2f\n",
        n, index_us, scan_us, measure_line(), (double)found / CHANGES, add_us, remove_us);
    live_index_free(index);
    free(changes);
    free(all);
}

int main(int argc, char **argv)
{
    static const size_t SIZES[] = {10000, 100000, 1000000};
    for (int i = 1; i < argc; i++)
        run(strtoull(argv[i], NULL, 10));
    for (size_t i = 0; argc == 1 && i < sizeof SIZES / sizeof SIZES[0]; i++)
        run(SIZES[i]);
    return 0;
}
