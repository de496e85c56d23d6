/*
 * The predicate by hand: tests/cases/filter/eval.json holds rows (stored values; "masked" names what is not
 * clear) and filters with an answer for each row, T, F or U. And stored values: their order, their one form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/id.h"
#include "filter_cases.h"

static struct arena *arena;

struct row {
    struct db_val values[N_FIELDS];
    bool clear[N_FIELDS];
};

static void read_row(const struct json *json, struct row *row)
{
    const struct json *masked = json_get(json, STR("masked"));
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct json *value = json_get(json, FIELDS[i].key);
        row->values[i] = !value ? DB_N : value->kind == JSON_INT ? DB_I(value->integer) : DB_S(value->str);
        row->clear[i] = true;
        for (size_t j = 0; masked && j < masked->array.n; j++)
            if (str_eq(masked->array.at[j].str, FIELDS[i].key))
                row->clear[i] = false;
    }
}

static int64_t id_of(const struct json *json)
{
    int64_t id = 0;
    must(id_parse(json->str, &id));
    return id;
}

static struct filter_env read_env(const struct json *file)
{
    const struct json *subtree = json_get(file, STR("subtree"));
    int64_t *ids = arena_new_array(arena, int64_t, subtree->array.n);
    struct filter_env env = {.zone = json_get(file, STR("zone"))->str, .subtree = ids};
    for (; env.n_subtree < subtree->array.n; env.n_subtree++)
        ids[env.n_subtree] = id_of(&subtree->array.at[env.n_subtree]);
    env.me = id_of(json_get(file, STR("me")));
    must(clock_parse_rfc3339(json_get(file, STR("now"))->str, &env.now_us));
    return env;
}

static void test_cases(void **state)
{
    const struct json *file = cases_read(arena, "eval.json");
    const struct json *rows = json_get(file, STR("rows")), *cases = json_get(file, STR("cases"));
    const struct filter_env env = read_env(file);
    size_t n_failed = 0;
    (void)state;
    for (size_t i = 0; i < cases->array.n; i++) {
        const struct json *expected = &cases->array.at[i].array.at[0];
        struct str text = cases_print(arena, &cases->array.at[i].array.at[1]);
        const struct filter *filter = world_parse(arena, text);
        assert_int_equal(expected->str.n, rows->array.n);
        for (size_t j = 0; j < rows->array.n; j++) {
            struct row row;
            read_row(&rows->array.at[j], &row);
            char got = "FTU"[filter_eval(filter, &env, row.values, row.clear, arena)];
            if (got == expected->str.p[j])
                continue;
            print_error("%.*s on row %zu: %c, not %c\n", STR_ARGS(text), j, got, expected->str.p[j]);
            n_failed++;
        }
    }
    assert_int_equal(n_failed, 0);
    assert_true(cases->array.n > 50);
}

static void expect_order(enum filter_kind kind, const char *a, const char *b, int expected)
{
    const struct db_val x = DB_S(str_of(a)), y = DB_S(str_of(b));
    int order = filter_compare(kind, &x, &y), back = filter_compare(kind, &y, &x);
    if ((order > 0) - (order < 0) != expected || (back > 0) - (back < 0) != -expected)
        fail_msg("kind %d: \"%s\" and \"%s\" are ordered %d", (int)kind, a, b, order);
    struct db_val one = filter_normal(kind, &x, arena), other = filter_normal(kind, &y, arena);
    assert_int_equal(str_eq(one.s, other.s), expected == 0);
    assert_int_equal(filter_compare(kind, &one, &x), 0);
}

static void test_order(void **state)
{
    (void)state;
    expect_order(FILTER_TEXT, "a", "a ", -1);
    expect_order(FILTER_TEXT, "Z", "a", -1);
    expect_order(FILTER_TEXT, "\xef\xbf\xbd", "😀", -1);
    expect_order(FILTER_TEXT, "", "", 0);
    expect_order(FILTER_CODE, "A", "A ", 0);
    expect_order(FILTER_CODE, "A", "A\t", 1);
    expect_order(FILTER_CODE, "A", "A!", -1);
    expect_order(FILTER_CODE, "", "  ", 0);
    expect_order(FILTER_CODE, "AB", "B", -1);
    expect_order(FILTER_CHOICE, "won", "won", 0);
    expect_order(FILTER_DECIMAL, "9", "10", -1);
    expect_order(FILTER_DECIMAL, "1.0", "1.00", 0);
    expect_order(FILTER_DECIMAL, "-1", "-2", 1);
    expect_order(FILTER_DECIMAL, "0", "0.00000001", -1);
    expect_order(FILTER_DATE, "0999-12-31", "1000-01-01", -1);
    expect_order(FILTER_INSTANT, "2026-11-22 00:00:00", "2026-11-22 00:00:00.000000", 0);
    expect_order(FILTER_INSTANT, "2026-11-22 00:00:00", "2026-11-22 00:00:00.000001", -1);
    expect_order(FILTER_INSTANT, "2026-11-22 00:00:00.1", "2026-11-22 00:00:00.100000", 0);
    expect_order(FILTER_INSTANT, "2026-11-22 00:00:10", "2026-11-22 00:00:01", 1);
}

/* Random values: an order of all, and one form for each class of equal values. */
static void test_order_at_random(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t field = random_below(N_FIELDS);
        enum filter_kind kind = FIELDS[field].kind;
        struct db_val v[3];
        for (int j = 0; j < 3; j++)
            do {
                v[j] = random_value(field, arena);
            } while (v[j].kind == DB_NULL);
        int ab = filter_compare(kind, &v[0], &v[1]), bc = filter_compare(kind, &v[1], &v[2]);
        int ac = filter_compare(kind, &v[0], &v[2]);
        assert_true((ab > 0) == (filter_compare(kind, &v[1], &v[0]) < 0));
        assert_true(!(ab <= 0 && bc <= 0) || ac <= 0);
        struct db_val a = filter_normal(kind, &v[0], arena), b = filter_normal(kind, &v[1], arena);
        bool same = a.kind == DB_INT    ? a.i == b.i
                    : a.kind == DB_REAL ? memcmp(&a.real, &b.real, sizeof(a.real)) == 0
                                        : str_eq(a.s, b.s);
        assert_int_equal(same, ab == 0);
    }
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
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_at_random),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
