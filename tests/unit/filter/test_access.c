/*
 * Access predicates: by hand, and at random: every row on which a filter is TRUE meets one of its
 * alternatives, an equality by the bytes of the values' one form, as an index of subscriptions would look it
 * up. That this can fail is shown by taking an alternative away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "filter_random.h"

static struct arena *arena;

static struct str print_value(const struct db_val *value)
{
    if (value->kind == DB_NULL)
        return STR("");
    if (value->kind == DB_REAL)
        return arena_printf(arena, "%.17g", value->real);
    return value->kind == DB_INT ? arena_printf(arena, "%lld", (long long)value->i) : value->s;
}

/* "stage=lead,won | amount[1..5]"; "*" for none; "-" for no alternative; "?" where it can not be put so. */
static struct str print_accesses(const struct filter *filter, const struct filter_env *env)
{
    const struct filter_access *accesses;
    size_t n;
    struct str text = STR("");
    if (!filter_accesses(filter, env, arena, &accesses, &n))
        return STR("?");
    for (size_t i = 0; i < n; i++) {
        const struct filter_access *access = &accesses[i];
        const char *between = i ? " | " : "";
        struct str key = FIELDS[access->field].key, low = print_value(&access->low);
        struct str high = print_value(&access->high);
        if (access->kind == FILTER_ACCESS_NONE)
            text = arena_printf(arena, "%.*s%s*", STR_ARGS(text), between);
        else if (access->kind == FILTER_ACCESS_RANGE)
            text = arena_printf(arena, "%.*s%s%.*s[%.*s..%.*s]", STR_ARGS(text), between, STR_ARGS(key),
                STR_ARGS(low), STR_ARGS(high));
        for (size_t j = 0; access->kind == FILTER_ACCESS_EQUAL && j < access->n_values; j++) {
            struct str value = print_value(&access->values[j]);
            text = arena_printf(arena, "%.*s%s%.*s%s%.*s", STR_ARGS(text), j ? "" : between,
                STR_ARGS(j ? STR("") : key), j ? "," : "=", STR_ARGS(value));
        }
    }
    return n == 0 ? STR("-") : text;
}

#define C(field, op, value) "{\"field\":\"" field "\",\"op\":\"" op "\",\"value\":" value "}"

static void test_by_hand(void **state)
{
    static const char *const CASES[][2] = {
        {"{\"and\":[]}", "*"},
        {"{\"or\":[]}", "-"},
        {C("stage", "eq", "\"won\""), "stage=won"},
        {C("stage", "in", "[\"won\",\"lead\",null]"), "stage=lead,won"},
        {C("stage", "in", "[]"), "-"},
        {C("stage", "eq", "null"), "-"},
        {C("stage", "ne", "\"won\""), "*"},
        {C("stage", "nin", "[\"won\",null]"), "*"},
        {C("amount", "eq", "\"12.50\""), "amount=12.5"},
        {C("amount", "gt", "\"1\""), "amount[1..]"},
        {C("amount", "le", "\"5\""), "amount[..5]"},
        {"{\"and\":[" C("amount", "gt", "\"1\"") "," C("amount", "le", "\"5\"") "," C(
             "amount", "lt", "\"10\"") "]}",
            "amount[1..5]"},
        {"{\"and\":[" C("amount", "gt", "\"1\"") "," C("stage", "eq", "\"won\"") "," C(
             "name", "contains", "\"x\"") "]}",
            "stage=won"},
        {"{\"and\":[" C("name", "contains", "\"x\"") "," C("amount", "gt", "\"1\"") "]}", "amount[1..]"},
        {"{\"or\":[" C("stage", "eq", "\"won\"") "," C("stage", "eq", "\"lead\"") "," C(
             "amount", "gt", "\"1\"") "]}",
            "amount[1..] | stage=lead,won"},
        {"{\"or\":[" C("stage", "eq", "\"won\"") "," C("name", "contains", "\"x\"") "]}", "*"},
        {"{\"not\":{\"or\":[" C("stage", "ne", "\"won\"") "," C("amount", "lt", "\"1\"") "]}}", "stage=won"},
        {C("owner", "eq", "\"@me\""), "owner=3"},
        {C("dept", "in", "[\"4\",\"@my_department\"]"), "dept=4,5,6"},
        {C("day", "within", "\"this_week\""), "day[2026-11-16..2026-11-23]"},
        {C("at", "within", "\"today\""), "at[2026-11-21 16:00:00.000000..2026-11-22 16:00:00.000000]"},
        {"{\"not\":" C("day", "within", "\"this_week\"") "}", "*"},
        {C("code", "starts", "\"ab\""), "code[AA\x7f..AC]"},
        {C("code", "starts", "\"\""), "*"},
        {C("name", "starts", "\"a\""), "*"},
        {C("name", "empty", "true"), "*"},
        {C("tags", "has", "\"vip\""), "*"},
        {C("tags", "has", "null"), "-"},
    };
    static const int64_t SUBTREE[] = {5, 6};
    struct filter_env env = {.me = 3, .subtree = SUBTREE, .n_subtree = 2, .zone = STR("Asia/Shanghai")};
    (void)state;
    must(clock_parse_rfc3339(STR("2026-11-22T04:00:00Z"), &env.now_us));
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct str got = print_accesses(world_parse(arena, str_of(CASES[i][0])), &env);
        if (!str_eq(got, str_of(CASES[i][1])))
            fail_msg("%s\n  gives %.*s", CASES[i][0], STR_ARGS(got));
    }
}

/* Alternatives on one field that are not equalities do not unite: past 32 there is no cover. */
static void test_too_many(void **state)
{
    const struct filter_env env = {.zone = STR("Asia/Shanghai")};
    (void)state;
    for (int n = 31; n <= 34; n++) {
        struct str text = STR("");
        for (int i = 0; i < n; i++)
            text = arena_printf(
                arena, "%.*s%s" C("amount", "gt", "\"%d\""), STR_ARGS(text), i ? "," : "", i * 10);
        const struct filter *filter =
            world_parse(arena, arena_printf(arena, "{\"or\":[%.*s]}", STR_ARGS(text)));
        assert_int_equal(str_eq(print_accesses(filter, &env), STR("?")), n > 32);
        /* A better condition beside it makes it one again. */
        filter = world_parse(
            arena, arena_printf(
                       arena, "{\"and\":[" C("stage", "eq", "\"won\"") ",{\"or\":[%.*s]}]}", STR_ARGS(text)));
        assert_true(str_eq(print_accesses(filter, &env), STR("stage=won")));
    }
}

/* ---- at random ----------------------------------------------------------------------------------------- */

static bool same_bytes(const struct db_val *a, const struct db_val *b)
{
    if (a->kind == DB_REAL)
        return b->kind == DB_REAL && filter_compare(FILTER_NUMBER, a, b) == 0;
    return a->kind == DB_INT ? b->kind == DB_INT && a->i == b->i : str_eq(a->s, b->s);
}

static bool meets(const struct filter_access *access, const struct db_val *row)
{
    const struct db_val *value = &row[access->field];
    if (access->kind == FILTER_ACCESS_NONE)
        return true;
    if (value->kind == DB_NULL)
        return false;
    must(access->field_kind == FIELDS[access->field].kind);
    if (access->kind == FILTER_ACCESS_RANGE)
        return (access->low.kind == DB_NULL ||
                   filter_compare(access->field_kind, value, &access->low) >= 0) &&
               (access->high.kind == DB_NULL ||
                   filter_compare(access->field_kind, value, &access->high) <= 0);
    struct db_val normal = filter_normal(access->field_kind, value, arena);
    for (size_t i = 0; i < access->n_values; i++)
        if (same_bytes(&normal, &access->values[i]))
            return true;
    return false;
}

struct tally {
    size_t n_true, n_missed, n_narrow, n_looked_up;
};

/* `without`: this alternative is taken away. */
static void check_filter(const struct filter *filter, const struct filter_env *env, const struct db_val *rows,
    size_t n_rows, size_t without, struct tally *tally)
{
    const struct filter_access *accesses;
    size_t n;
    if (!filter_accesses(filter, env, arena, &accesses, &n))
        return;
    assert_true(n <= 32);
    tally->n_narrow += n == 0 || accesses[0].kind != FILTER_ACCESS_NONE;
    for (size_t i = 0; i < n_rows; i++) {
        bool met = false;
        for (size_t j = 0; j < n; j++)
            met = met || (j != without && meets(&accesses[j], &rows[i * N_FIELDS]));
        bool is_true = filter_eval(filter, env, &rows[i * N_FIELDS], NULL, arena) == FILTER_TRUE;
        tally->n_true += is_true;
        tally->n_looked_up += met;
        tally->n_missed += is_true && !met;
    }
}

static struct tally check_at_random(size_t n_filters, size_t without)
{
    enum { N_ROWS = 200 };
    struct db_val *rows = arena_new_array(arena, struct db_val, N_ROWS * N_FIELDS);
    struct tally tally = {0};
    for (size_t i = 0; i < N_ROWS * N_FIELDS; i++)
        rows[i] = random_value(i % N_FIELDS, arena);
    for (size_t i = 0; i < n_filters; i++) {
        struct random_filter random = {
            .arena = arena, .values = rows, .n_rows = N_ROWS, .today = STR("2026-11-22")};
        struct filter_env env = random_env(random_below(N_ZONES));
        buf_init(&random.json, 0);
        buf_init(&random.sql, 0);
        random_filter_node(&random, &env, random_below(5));
        check_filter(world_parse(arena, buf_str(&random.json)), &env, rows, N_ROWS, without, &tally);
        buf_done(&random.json);
        buf_done(&random.sql);
    }
    return tally;
}

static void test_nothing_is_missed(void **state)
{
    struct tally tally = check_at_random(4000, SIZE_MAX);
    (void)state;
    print_message("%zu of 4000 filters narrow; %zu rows true, %zu looked up\n", tally.n_narrow, tally.n_true,
        tally.n_looked_up);
    assert_int_equal(tally.n_missed, 0);
    assert_true(tally.n_narrow > 1000 && tally.n_true > 10000);
    assert_true(check_at_random(500, 0).n_missed > 0);
}

/* Codes that a hand at the SQL prompt has put there: anything that starts so is found. */
static void test_starts_of_odd_codes(void **state)
{
    const struct filter_env env = {.zone = STR("Asia/Shanghai")};
    static const char *const TAILS[] = {"", " ", "\x01", "\x7f", "\x7f\x7f", "~", "0", "  x"};
    static const char *const HEADS[] = {"A", "!", "~", "AB", "A~", "A!"};
    struct tally tally = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(HEADS) / sizeof(HEADS[0]); i++) {
        struct str text = arena_printf(arena, C("code", "starts", "\"%s\""), HEADS[i]);
        for (size_t j = 0; j < sizeof(TAILS) / sizeof(TAILS[0]); j++) {
            struct db_val row[N_FIELDS] = {[F_CODE] = DB_S(arena_printf(arena, "%s%s", HEADS[i], TAILS[j]))};
            check_filter(world_parse(arena, text), &env, row, 1, SIZE_MAX, &tally);
        }
    }
    assert_int_equal(tally.n_missed, 0);
    assert_int_equal(tally.n_true, 48);
    assert_int_equal(tally.n_narrow, 48);
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
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_nothing_is_missed),
        cmocka_unit_test(test_starts_of_odd_codes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
