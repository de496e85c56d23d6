/*
 * The index of subscriptions against a slow oracle that asks every entry: random adds, removes and probes
 * over all kinds of fields. Nothing that matches may be missing, nothing comes twice, and where keys tell
 * values apart nothing else comes either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/list.h"
#include "live/index_int.h"

#include "dies.h"
#include "random.h"

#include <string.h>

enum { KINDS = FILTER_REFERENCE + 1, ACCESSES_MAX = 4, VALUES_MAX = 5 };
static const enum filter_kind ALL_KINDS[KINDS] = {FILTER_TEXT, FILTER_CODE, FILTER_CHOICE, FILTER_SEVERAL,
    FILTER_DECIMAL, FILTER_INTEGER, FILTER_NUMBER, FILTER_DATE, FILTER_INSTANT, FILTER_REFERENCE};

#define REAL(x) ((struct db_val){.kind = DB_REAL, .real = (x)})

/* ---- random values ------------------------------------------------------------------------------------- */

static struct db_val random_text(struct arena *arena, const char *const *pieces, size_t n_pieces, size_t most)
{
    struct str text = STR("");
    for (size_t n = random_below(most + 1); n > 0; n--)
        text = arena_printf(arena, "%.*s%s", STR_ARGS(text), pieces[random_below(n_pieces)]);
    return DB_S(text);
}

static struct db_val random_decimal(struct arena *arena)
{
    static const char *const ENDS[] = {"", ".0", ".5", ".50", ".25", ".000001", ".0000001", ".999999999"};
    const char *sign = random_below(2) ? "-" : "";
    const char *end = ENDS[random_below(sizeof ENDS / sizeof ENDS[0])];
    if (random_below(20) == 0)
        return DB_S(arena_printf(arena, "%s9999999999999999999999999%zu", sign, random_below(10)));
    if (random_below(10) == 0)
        return DB_I((int64_t)random_below(41) - 20);
    return DB_S(arena_printf(arena, "%s%zu%s", sign, random_below(21), end));
}

static struct db_val random_value(enum filter_kind kind, struct arena *arena)
{
    static const char *const TEXTS[] = {
        "a", "b", "ab", " ", "客", "\x01", "\t", "sixteen bytes...", "\xf0\x9f\x98\x80"};
    static const char *const CODES[] = {"C", "0", "1", "000000", " ", "-", "\x01"};
    static const char *const CHOICES[] = {"lead", "won", "lost", "open"};
    static const double REALS[] = {0, -0.0, 1, -1, 0.1, 0.30000000000000004, 5e-324, -5e-324, 1e300, -1e300};
    static const char *const TIMES[] = {"", ".000000", ".000008", ".5", ".999999"};
    switch (kind) {
    case FILTER_TEXT:
        return random_text(arena, TEXTS, sizeof TEXTS / sizeof TEXTS[0], 4);
    case FILTER_CODE:
        return random_text(arena, CODES, sizeof CODES / sizeof CODES[0], 5);
    case FILTER_CHOICE:
        return random_text(arena, CHOICES, sizeof CHOICES / sizeof CHOICES[0], 1);
    case FILTER_SEVERAL:
        return random_below(2) ? DB_S(STR("[\"a\"]")) : DB_S(STR("[\"a\",\"b\"]"));
    case FILTER_DECIMAL:
        return random_decimal(arena);
    case FILTER_DATE:
        return DB_S(arena_printf(
            arena, "20%02zu-%02zu-%02zu", 20 + random_below(3), 1 + random_below(12), 1 + random_below(28)));
    case FILTER_INSTANT:
        return DB_S(arena_printf(
            arena, "2026-11-22 %02zu:00:0%zu%s", random_below(4), random_below(3), TIMES[random_below(5)]));
    case FILTER_NUMBER:
        return (struct db_val){.kind = DB_REAL, .real = REALS[random_below(sizeof REALS / sizeof REALS[0])]};
    case FILTER_INTEGER:
    case FILTER_REFERENCE:
        return DB_I(random_below(50) ? (int64_t)random_below(30) : random_below(2) ? INT64_MIN : INT64_MAX);
    }
    abort();
}

static struct db_val value_or_null(enum filter_kind kind, struct arena *arena, size_t one_in)
{
    return random_below(one_in) ? random_value(kind, arena) : DB_N;
}

/* ---- entries and the oracle ---------------------------------------------------------------------------- */

struct subscriber {
    struct live_entry entry;
    bool registered;
    struct arena *arena;
    struct filter_access accesses[ACCESSES_MAX];
    size_t n;
    size_t given; /* times in the running probe */
};

static void make_access(struct filter_access *access, struct arena *arena)
{
    size_t what = random_below(40);
    *access = (struct filter_access){
        .kind = FILTER_ACCESS_NONE, .field = random_below(KINDS), .low = DB_N, .high = DB_N};
    if (what == 0)
        return;
    if (ALL_KINDS[access->field] == FILTER_SEVERAL && random_below(10))
        access->field = KINDS - 1;
    enum filter_kind kind = ALL_KINDS[access->field];
    if (what < 20) {
        struct db_val *values = arena_new_array(arena, struct db_val, VALUES_MAX);
        access->kind = FILTER_ACCESS_EQUAL;
        access->n_values = random_below(VALUES_MAX + 1);
        access->values = values;
        for (size_t i = 0; i < access->n_values; i++)
            values[i] = value_or_null(kind, arena, 10);
        return;
    }
    access->kind = FILTER_ACCESS_RANGE;
    access->low = value_or_null(kind, arena, 4);
    access->high = value_or_null(kind, arena, 4);
}

static void make_subscriber(struct subscriber *subscriber)
{
    arena_clear(subscriber->arena);
    subscriber->n = random_below(40) ? 1 + random_below(ACCESSES_MAX) : 0;
    for (size_t i = 0; i < subscriber->n; i++)
        make_access(&subscriber->accesses[i], subscriber->arena);
}

static bool meets(const struct filter_access *access, const struct db_val *row)
{
    enum filter_kind kind = ALL_KINDS[access->field];
    const struct db_val *value = &row[access->field];
    if (access->kind == FILTER_ACCESS_NONE || kind == FILTER_SEVERAL)
        return true;
    if (value->kind == DB_NULL)
        return false;
    if (access->kind == FILTER_ACCESS_RANGE)
        return (access->low.kind == DB_NULL || filter_compare(kind, &access->low, value) <= 0) &&
               (access->high.kind == DB_NULL || filter_compare(kind, value, &access->high) <= 0);
    for (size_t i = 0; i < access->n_values; i++)
        if (access->values[i].kind != DB_NULL && filter_compare(kind, &access->values[i], value) == 0)
            return true;
    return false;
}

static bool is_residual(const struct subscriber *subscriber)
{
    bool residual = subscriber->n == 0;
    for (size_t i = 0; i < subscriber->n; i++)
        residual = residual || subscriber->accesses[i].kind == FILTER_ACCESS_NONE ||
                   ALL_KINDS[subscriber->accesses[i].field] == FILTER_SEVERAL;
    return residual;
}

static bool matches(const struct subscriber *subscriber, const struct db_val *row)
{
    if (is_residual(subscriber))
        return true;
    for (size_t i = 0; i < subscriber->n; i++)
        if (meets(&subscriber->accesses[i], row))
            return true;
    return false;
}

/* Whether its keys tell all values of this test apart: not ranges of texts, not decimals. */
static bool is_exact(const struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->n; i++) {
        const struct filter_access *access = &subscriber->accesses[i];
        enum filter_kind kind = ALL_KINDS[access->field];
        if (kind == FILTER_DECIMAL || (access->kind == FILTER_ACCESS_RANGE && kind <= FILTER_CHOICE))
            return false;
    }
    return true;
}

static void count_given(struct live_entry *entry, void *arg)
{
    struct subscriber *subscriber = list_entry(entry, struct subscriber, entry);
    assert_true(subscriber->registered);
    subscriber->given++;
    ++*(size_t *)arg;
}

/* ---- the property -------------------------------------------------------------------------------------- */

enum { SUBSCRIBERS = 1500, STEPS = 40000 };

static void random_row(struct db_val *row, struct arena *arena)
{
    for (size_t i = 0; i < KINDS; i++)
        row[i] = value_or_null(ALL_KINDS[i], arena, 6);
}

static void check_probe(struct live_index *index, struct subscriber *all, struct arena *arena)
{
    struct db_val before[KINDS], after[KINDS];
    size_t given = 0, counted = 0;
    arena_clear(arena);
    random_row(before, arena);
    memcpy(after, before, sizeof after);
    for (size_t n = random_below(4); n > 0; n--) {
        size_t i = random_below(KINDS);
        after[i] = value_or_null(ALL_KINDS[i], arena, 6);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        all[i].given = 0;
    bool no_before = random_below(8) == 0, no_after = random_below(8) == 0;
    live_index_probe(index, no_before ? NULL : before, no_after ? NULL : after, count_given, &given);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        bool expected =
            all[i].registered && ((is_residual(&all[i]) || (!no_before && matches(&all[i], before))) ||
                                     (!no_after && matches(&all[i], after)));
        assert_true(all[i].given <= 1);
        if (expected || (all[i].registered && is_exact(&all[i])))
            assert_int_equal(all[i].given, expected);
        counted += all[i].given;
    }
    assert_int_equal(counted, given);
}

static void test_against_the_oracle(void **state)
{
    (void)state;
    random_begin();
    struct subscriber *all = calloc(SUBSCRIBERS, sizeof *all);
    struct live_index *index = live_index_new(ALL_KINDS, KINDS);
    struct arena *arena = arena_new();
    size_t registered = 0, residual = 0;
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        all[i].arena = arena_new();
    for (size_t step = 0; step < STEPS; step++) {
        /* The crowd swells and shrinks in turns. */
        struct subscriber *one = &all[random_below(SUBSCRIBERS)];
        bool swell = step / (STEPS / 8) % 2 == 0;
        if (!one->registered && (swell || random_below(3) == 0)) {
            make_subscriber(one);
            live_index_add(index, &one->entry, one->n ? one->accesses : NULL, one->n);
            one->registered = true;
            registered++;
            residual += is_residual(one);
        } else if (one->registered && (!swell || random_below(3) == 0)) {
            live_index_remove(index, &one->entry);
            one->registered = false;
            registered--;
            residual -= is_residual(one);
        }
        if (random_below(40) == 0)
            check_probe(index, all, arena);
        struct live_index_stats stats = live_index_stats_now(index);
        assert_int_equal(stats.entries, registered);
        assert_int_equal(stats.residual, residual);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        live_index_remove(index, &all[i].entry);
        all[i].registered = false;
        arena_free(all[i].arena);
    }
    check_probe(index, all, arena); /* nobody is left to be found */
    struct live_index_stats stats = live_index_stats_now(index);
    assert_int_equal(stats.entries + stats.residual + stats.equal_keys + stats.ranges, 0);
    live_index_free(index);
    arena_free(arena);
    free(all);
}

/* ---- many ranges: a tree of several levels, filled and emptied ------------------------------------------
 */

enum { RANGES = 20000 };
struct interval {
    struct live_entry entry;
    int64_t low, high;
    size_t given;
};

static void count_interval(struct live_entry *entry, void *arg)
{
    (void)arg;
    list_entry(entry, struct interval, entry)->given++;
}

static void check_intervals(struct live_index *index, struct interval *all, const bool *registered)
{
    int64_t before = (int64_t)random_below(1100000) - 50000, after = before;
    if (random_below(2)) /* far away, or near by */
        after =
            random_below(2) ? (int64_t)random_below(1100000) - 50000 : before + (int64_t)random_below(300);
    const struct db_val rows[2] = {DB_I(before), DB_I(after)};
    for (size_t i = 0; i < RANGES; i++)
        all[i].given = 0;
    live_index_probe(index, &rows[0], after == before ? NULL : &rows[1], count_interval, NULL);
    for (size_t i = 0; i < RANGES; i++)
        assert_int_equal(all[i].given, registered[i] && ((all[i].low <= before && before <= all[i].high) ||
                                                            (all[i].low <= after && after <= all[i].high)));
}

static void add_interval(struct live_index *index, struct interval *interval)
{
    /* Narrow ones, a few wide ones, some open at one end, and few enough starts that many meet. */
    interval->low = (int64_t)random_below(100000) * 10;
    interval->high = interval->low + (int64_t)random_below(random_below(50) ? 200 : 500000);
    struct filter_access access = {
        .kind = FILTER_ACCESS_RANGE, .low = DB_I(interval->low), .high = DB_I(interval->high)};
    if (random_below(20) == 0) {
        access.low = DB_N;
        interval->low = INT64_MIN;
    } else if (random_below(20) == 0) {
        access.high = DB_N;
        interval->high = INT64_MAX;
    }
    live_index_add(index, &interval->entry, &access, 1);
}

static void test_a_tall_tree_of_ranges(void **state)
{
    (void)state;
    random_begin();
    static const enum filter_kind KIND[] = {FILTER_REFERENCE};
    struct live_index *index = live_index_new(KIND, 1);
    struct interval *all = calloc(RANGES, sizeof *all);
    bool *registered = calloc(RANGES, sizeof *registered);
    size_t n = 0;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < RANGES; i++) {
            if (registered[i])
                continue;
            add_interval(index, &all[i]);
            registered[i] = true;
            n++;
        }
        for (int i = 0; i < 30; i++)
            check_intervals(index, all, registered);
        assert_true(live_index_stats_now(index).ranges > RANGES * 9 / 10);
        /* In the order of their places, or at random; down to nothing in the last round. */
        size_t left = round == 3 ? 0 : RANGES / 50;
        for (size_t next = 0; n > left;) {
            size_t i = round % 2 ? random_below(RANGES) : next++;
            if (!registered[i])
                continue;
            live_index_remove(index, &all[i].entry);
            registered[i] = false;
            if (--n % 1000 == 0)
                check_intervals(index, all, registered);
        }
    }
    assert_int_equal(live_index_stats_now(index).ranges, 0);
    live_index_free(index);
    free(all);
    free(registered);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void test_keys_keep_order_and_equality(void **state)
{
    (void)state;
    random_begin();
    struct arena *arena = arena_new();
    const uint64_t seed[2] = {random_u64(), random_u64()};
    for (int i = 0; i < 400000; i++) {
        enum filter_kind kind = ALL_KINDS[random_below(KINDS)];
        if (kind == FILTER_SEVERAL)
            continue;
        struct db_val a = random_value(kind, arena), b = random_value(kind, arena);
        struct live_key key_a, key_b;
        assert_true(live_key_make(kind, &a, seed, &key_a));
        assert_true(live_key_make(kind, &b, seed, &key_b));
        int order = filter_compare(kind, &a, &b);
        if (order == 0)
            assert_true(key_a.order == key_b.order && key_a.hash == key_b.hash);
        else if (order < 0)
            assert_true(key_a.order <= key_b.order);
        else
            assert_true(key_a.order >= key_b.order);
        if (i % 1000 == 0)
            arena_clear(arena);
    }
    arena_free(arena);
}

static void test_keys_tell_values_apart(void **state)
{
    (void)state;
    const struct {
        enum filter_kind kind;
        struct db_val low, high;
    } CASES[] = {
        {FILTER_TEXT, DB_S(STR("")), DB_S(STR("!"))},
        {FILTER_TEXT, DB_S(STR("1234567A")), DB_S(STR("1234567a"))},
        {FILTER_TEXT, DB_S(STR("\x7f")), DB_S(STR("\xf0"))},
        {FILTER_CODE, DB_S(STR("C000000009")), DB_S(STR("C000000010"))},
        {FILTER_CODE, DB_S(STR("ABC^")), DB_S(STR("ABC_"))},
        {FILTER_CODE, DB_S(STR("AB")), DB_S(STR("AB-"))},
        {FILTER_DECIMAL, DB_S(STR("-0.0001")), DB_S(STR("0"))},
        {FILTER_DECIMAL, DB_S(STR("899999999999999.99")), DB_S(STR("900000000000000"))},
        {FILTER_DECIMAL, DB_S(STR("-900000000000000")), DB_S(STR("-899999999999999.99"))},
        {FILTER_DECIMAL, DB_I(-3), DB_S(STR("-2.9999"))},
        {FILTER_NUMBER, REAL(-5e-324), REAL(0)},
        {FILTER_NUMBER, REAL(-0.0), REAL(5e-324)},
        {FILTER_NUMBER, REAL(-1e300), REAL(-1)},
        {FILTER_NUMBER, REAL(1), REAL(1e300)},
        {FILTER_INTEGER, DB_I(INT64_MIN), DB_I(INT64_MIN + 1)},
        {FILTER_DATE, DB_S(STR("1999-12-31")), DB_S(STR("2000-01-01"))},
        {FILTER_INSTANT, DB_S(STR("2026-11-22 01:02:03")), DB_S(STR("2026-11-22 01:02:03.000008"))},
        {FILTER_INSTANT, DB_S(STR("0000-00-00 00:00:00.000000")), DB_S(STR("0001-01-01 00:00:00"))},
        {FILTER_REFERENCE, DB_I(INT64_MIN), DB_I(-1)},
        {FILTER_REFERENCE, DB_I(-1), DB_I(INT64_MAX)},
    };
    const uint64_t seed[2] = {1, 2};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct live_key low, high;
        assert_true(live_key_make(CASES[i].kind, &CASES[i].low, seed, &low));
        assert_true(live_key_make(CASES[i].kind, &CASES[i].high, seed, &high));
        assert_true(low.order < high.order);
        assert_true(low.hash != high.hash);
    }
}

static void test_what_has_no_key(void **state)
{
    (void)state;
    const struct {
        enum filter_kind kind;
        struct db_val value;
    } CASES[] = {{FILTER_SEVERAL, DB_S(STR("[]"))}, {FILTER_TEXT, DB_I(1)}, {FILTER_DATE, DB_I(20261122)},
        {FILTER_DECIMAL, DB_S(STR("1e3"))}, {FILTER_DECIMAL, DB_S(STR(""))},
        {FILTER_DECIMAL, {.kind = DB_REAL, .real = 1}}, {FILTER_REFERENCE, DB_S(STR("1"))},
        {FILTER_INTEGER, DB_S(STR("1"))}, {FILTER_NUMBER, DB_I(1)}};
    const uint64_t seed[2] = {1, 2};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct live_key key;
        assert_false(live_key_make(CASES[i].kind, &CASES[i].value, seed, &key));
    }
}

/* ---- single cases -------------------------------------------------------------------------------------- */

static const enum filter_kind TWO_KINDS[] = {FILTER_CHOICE, FILTER_DECIMAL};

static void count_calls(struct live_entry *entry, void *arg)
{
    (void)entry;
    ++*(int *)arg;
}

static int probe(struct live_index *index, struct db_val choice, struct db_val amount)
{
    const struct db_val row[2] = {choice, amount};
    int calls = 0;
    live_index_probe(index, row, row, count_calls, &calls);
    return calls;
}

static void test_nulls_and_open_ranges(void **state)
{
    (void)state;
    struct live_index *index = live_index_new(TWO_KINDS, 2);
    struct live_entry in = {0}, any = {0}, impossible = {0};
    const struct db_val values[] = {DB_N, DB_S(STR("won"))};
    const struct filter_access of_in = {
        .kind = FILTER_ACCESS_EQUAL, .field = 0, .values = values, .n_values = 2};
    const struct filter_access of_any = {.kind = FILTER_ACCESS_RANGE, .field = 1, .low = DB_N, .high = DB_N};
    const struct filter_access of_impossible[] = {
        {.kind = FILTER_ACCESS_RANGE, .field = 1, .low = DB_S(STR("2")), .high = DB_S(STR("1"))},
        {.kind = FILTER_ACCESS_EQUAL, .field = 0}};
    live_index_add(index, &in, &of_in, 1);
    live_index_add(index, &any, &of_any, 1);
    live_index_add(index, &impossible, of_impossible, 2);
    assert_int_equal(probe(index, DB_N, DB_N), 0);
    assert_int_equal(probe(index, DB_S(STR("won")), DB_N), 1);
    assert_int_equal(probe(index, DB_S(STR("won  ")), DB_N), 1); /* as the column compares */
    assert_int_equal(probe(index, DB_S(STR("wo")), DB_S(STR("-99999999999999999999.99"))), 1);
    assert_int_equal(probe(index, DB_S(STR("won")), DB_S(STR("0.00"))), 2);
    struct live_index_stats stats = live_index_stats_now(index);
    assert_int_equal(stats.entries, 3);
    assert_int_equal(stats.residual, 0);
    assert_int_equal(stats.equal_keys, 1);
    assert_int_equal(stats.ranges, 1);
    live_index_remove(index, &in);
    live_index_remove(index, &any);
    live_index_remove(index, &impossible);
    live_index_remove(index, &impossible); /* harmless */
    live_index_free(index);
    live_index_free(NULL);
}

static void test_fields_come_and_go(void **state)
{
    (void)state;
    static const enum filter_kind KINDS_OF_FOUR[] = {
        FILTER_REFERENCE, FILTER_REFERENCE, FILTER_REFERENCE, FILTER_REFERENCE};
    const struct db_val row[4] = {DB_I(7), DB_I(7), DB_I(7), DB_I(7)}, seven = DB_I(7);
    struct live_index *index = live_index_new(KINDS_OF_FOUR, 4);
    struct live_entry entries[4] = {0};
    bool registered[4] = {0};
    random_begin();
    for (int step = 0; step < 2000; step++) {
        size_t i = random_below(4);
        struct filter_access access = {
            .kind = FILTER_ACCESS_EQUAL, .field = i, .values = &seven, .n_values = 1};
        if (registered[i])
            live_index_remove(index, &entries[i]);
        else
            live_index_add(index, &entries[i], &access, 1);
        registered[i] = !registered[i];
        int calls = 0;
        live_index_probe(index, NULL, row, count_calls, &calls);
        assert_int_equal(calls, registered[0] + registered[1] + registered[2] + registered[3]);
    }
    for (size_t i = 0; i < 4; i++)
        live_index_remove(index, &entries[i]);
    live_index_free(index);
}

static void test_an_odd_value_hides_nobody(void **state)
{
    (void)state;
    struct live_index *index = live_index_new(TWO_KINDS, 2);
    struct live_entry equal = {0}, range = {0}, other = {0}, odd = {0};
    const struct db_val two = DB_S(STR("2")), won = DB_S(STR("won")), real = {.kind = DB_REAL, .real = 2};
    const struct filter_access of_equal = {
        .kind = FILTER_ACCESS_EQUAL, .field = 1, .values = &two, .n_values = 1};
    const struct filter_access of_range = {.kind = FILTER_ACCESS_RANGE, .field = 1, .low = two, .high = DB_N};
    const struct filter_access of_other = {
        .kind = FILTER_ACCESS_EQUAL, .field = 0, .values = &won, .n_values = 1};
    const struct filter_access of_odd = {.kind = FILTER_ACCESS_RANGE, .field = 1, .low = real, .high = DB_N};
    live_index_add(index, &equal, &of_equal, 1);
    live_index_add(index, &range, &of_range, 1);
    live_index_add(index, &other, &of_other, 1);
    assert_int_equal(probe(index, DB_S(STR("lost")), real), 2);
    assert_int_equal(live_index_stats_now(index).residual, 0);
    live_index_add(index, &odd, &of_odd, 1);
    assert_int_equal(live_index_stats_now(index).residual, 1);
    assert_int_equal(probe(index, DB_S(STR("lost")), DB_S(STR("1"))), 1);
    live_index_remove(index, &equal);
    live_index_remove(index, &range);
    live_index_remove(index, &other);
    live_index_remove(index, &odd);
    live_index_free(index);
}

static struct live_index *in_use;
static struct live_entry newcomer;

static void join_at_once(struct live_entry *entry, void *arg)
{
    (void)entry;
    (void)arg;
    live_index_add(in_use, &newcomer, NULL, 0);
}

static void change_while_probing(void)
{
    static const struct db_val row[2] = {{.kind = DB_NULL}, {.kind = DB_NULL}};
    struct live_entry entry = {0};
    in_use = live_index_new(TWO_KINDS, 2);
    live_index_add(in_use, &entry, NULL, 0);
    live_index_probe(in_use, row, NULL, join_at_once, NULL);
}

static void free_in_use(void)
{
    struct live_entry entry = {0};
    struct live_index *index = live_index_new(TWO_KINDS, 2);
    live_index_add(index, &entry, NULL, 0);
    live_index_free(index);
}

static void add_twice(void)
{
    struct live_entry entry = {0};
    struct live_index *index = live_index_new(TWO_KINDS, 2);
    live_index_add(index, &entry, NULL, 0);
    live_index_add(index, &entry, NULL, 0);
}

static void test_misuse_dies(void **state)
{
    (void)state;
    assert_true(dies(change_while_probing));
    assert_true(dies(free_in_use));
    assert_true(dies(add_twice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_oracle),
        cmocka_unit_test(test_a_tall_tree_of_ranges),
        cmocka_unit_test(test_keys_keep_order_and_equality),
        cmocka_unit_test(test_keys_tell_values_apart),
        cmocka_unit_test(test_what_has_no_key),
        cmocka_unit_test(test_nulls_and_open_ranges),
        cmocka_unit_test(test_fields_come_and_go),
        cmocka_unit_test(test_an_odd_value_hides_nobody),
        cmocka_unit_test(test_misuse_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
