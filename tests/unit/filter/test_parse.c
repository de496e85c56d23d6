/*
 * Parsing and normal form: tests/cases/filter/parse.json holds filters and what they print as, or "!" with
 * path, fault and limit; and the limits, texts that must be alike, and what a filter keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "filter_cases.h"

static struct arena *arena;

static struct str answer_of(const struct json *json)
{
    const struct filter *filter = NULL;
    struct err err = {0};
    if (filter_parse(json, &WORLD_CALLER, arena, &filter, &err) == 0)
        return filter_print(filter, arena);
    must(err.code == ERR_INVALID && err.n_items > 0 && filter == NULL);
    struct str text = STR("");
    for (const struct err_item *item = err.items; item; item = item->next)
        text = arena_printf(arena, "%.*s!%.*s %s%s%.*s\n", STR_ARGS(text), STR_ARGS(item->field),
            fault_key(item->fault), item->limit.n ? " " : "", STR_ARGS(item->limit));
    return text;
}

static struct str expected_of(const struct json *row)
{
    const struct json *first = &row->array.at[1];
    struct str text = STR("");
    if (first->kind != JSON_STR)
        return cases_print(arena, first);
    for (size_t i = 1; i < row->array.n; i++)
        text = arena_printf(arena, "%.*s%.*s\n", STR_ARGS(text), STR_ARGS(row->array.at[i].str));
    return text;
}

static void test_cases(void **state)
{
    const struct json *cases = json_get(cases_read(arena, "parse.json"), STR("cases"));
    size_t n_failed = 0;
    (void)state;
    for (size_t i = 0; i < cases->array.n; i++) {
        const struct json *row = &cases->array.at[i];
        struct str got = answer_of(&row->array.at[0]), expected = expected_of(row);
        if (!str_eq(got, expected)) {
            print_error("%.*s\n  gives    %.*s\n  expected %.*s\n",
                STR_ARGS(cases_print(arena, &row->array.at[0])), STR_ARGS(got), STR_ARGS(expected));
            n_failed++;
        } else if (got.p[0] == '{' && !str_eq(answer_of(world_json(arena, got)), got)) {
            print_error("%.*s does not read as itself\n", STR_ARGS(got));
            n_failed++;
        }
    }
    print_message("%zu cases\n", cases->array.n);
    assert_int_equal(n_failed, 0);
    assert_true(cases->array.n > 100);
}

static struct str answer(struct str text)
{
    return answer_of(world_json(arena, text));
}

static struct str repeated(const char *piece, const char *between, size_t n)
{
    struct str text = STR("");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(arena, "%.*s%s%s", STR_ARGS(text), i ? between : "", piece);
    return text;
}

#define CONDITION_TEXT "{\"field\":\"name\",\"op\":\"eq\",\"value\":\"a\"}"

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = 0; depth <= 12; depth++) {
        struct str nots = arena_printf(arena, "%.*s" CONDITION_TEXT "%.*s",
            STR_ARGS(repeated("{\"not\":", "", depth)), STR_ARGS(repeated("}", "", depth)));
        struct str lists = arena_printf(arena, "%.*s" CONDITION_TEXT "%.*s",
            STR_ARGS(repeated("{\"or\":[", "", depth)), STR_ARGS(repeated("]}", "", depth)));
        assert_int_equal(str_find(answer(nots), STR("too_deep 8")) == SIZE_MAX, depth <= FILTER_DEPTH_MAX);
        assert_int_equal(str_find(answer(lists), STR("too_deep 8")) == SIZE_MAX, depth <= FILTER_DEPTH_MAX);
    }
}

static void test_numbers_of_conditions_and_values(void **state)
{
    (void)state;
    for (size_t n = 63; n <= 66; n++) {
        struct str text = arena_printf(arena, "{\"or\":[%.*s]}", STR_ARGS(repeated(CONDITION_TEXT, ",", n)));
        struct str expected = n <= FILTER_CONDITIONS_MAX ? STR(CONDITION_TEXT) : STR("!filter too_many 64\n");
        assert_true(str_eq(answer(text), expected));
    }
    for (size_t n = 199; n <= 202; n++) {
        struct str text = arena_printf(arena, "{\"field\":\"name\",\"op\":\"in\",\"value\":[%.*s]}",
            STR_ARGS(repeated("\"a\"", ",", n)));
        bool refused = str_eq(answer(text), STR("!filter.value too_many 200\n"));
        assert_int_equal(refused, n > FILTER_VALUES_MAX);
    }
}

static void test_sizes_of_values(void **state)
{
    (void)state;
    for (size_t n = 999; n <= 1002; n++) {
        struct str text = arena_printf(arena, "{\"field\":\"name\",\"op\":\"contains\",\"value\":\"%.*s\"}",
            STR_ARGS(repeated("张", "", n)));
        bool refused = str_eq(answer(text), STR("!filter.value too_long 1000\n"));
        assert_int_equal(refused, n > FILTER_TEXT_MAX);
    }
    struct str long_value = repeated("0123456789", "", 100);
    for (size_t n = 64; n <= 68; n++) {
        struct str condition = arena_printf(arena, "{\"field\":\"name\",\"op\":\"in\",\"value\":[%.*s]}",
            STR_ARGS(repeated(arena_printf(arena, "\"%.*s\"", STR_ARGS(long_value)).p, ",", n)));
        bool refused = str_eq(answer(condition), STR("!filter too_long 65536\n"));
        assert_int_equal(refused, n * 1000 > FILTER_BYTES_MAX);
    }
}

/* Many faults are all told, up to what an error holds. */
static void test_many_faults(void **state)
{
    struct err err = {0};
    const struct filter *filter = NULL;
    (void)state;
    struct str text = arena_printf(arena, "{\"and\":[%.*s]}", STR_ARGS(repeated("1", ",", 5000)));
    assert_int_equal(
        filter_parse(world_json(arena, text), &WORLD_CALLER, arena, &filter, &err), -ERR_INVALID);
    assert_int_equal(err.n_items, ERR_ITEMS_MAX);
    assert_null(filter);
}

static void test_no_filter_is_true(void **state)
{
    const struct filter *filter = NULL;
    struct err err = {0};
    size_t n;
    (void)state;
    assert_int_equal(filter_parse(NULL, &WORLD_CALLER, arena, &filter, &err), 0);
    assert_true(str_eq(filter_print(filter, arena), STR("{\"and\":[]}")));
    (void)filter_fields(filter, &n);
    assert_int_equal(n, 0);
}

static void test_fields(void **state)
{
    size_t n;
    (void)state;
    const struct filter *filter = world_parse(arena,
        STR("{\"and\":[{\"field\":\"dept\",\"op\":\"empty\"},{\"field\":\"name\",\"op\":\"empty\"},{\"or\":["
            "{\"field\":\"dept\",\"op\":\"eq\",\"value\":\"1\"},{\"field\":\"code\",\"op\":\"eq\",\"value\":"
            "\"1\"}]}]}"));
    const size_t *fields = filter_fields(filter, &n);
    assert_int_equal(n, 3);
    assert_true(fields[0] == F_NAME && fields[1] == F_CODE && fields[2] == F_DEPT);
}

static bool find_own(void *arg, struct str key, struct filter_field *ret_field)
{
    (void)key;
    *ret_field = *(struct filter_field *)arg;
    return true;
}

/* The caller's texts and the JSON may be gone by the time the filter is used. */
static void test_keeps_nothing_of_the_caller(void **state)
{
    char key[] = "name", column[] = "r.`name`",
         value[] = "{\"field\":\"name\",\"op\":\"eq\",\"value\":\"a\"}";
    struct arena *own = arena_new();
    struct filter_field field = {
        .key = {key, 4}, .kind = FILTER_TEXT, .column = {column, 8}, .folded = {column, 8}};
    struct filter_caller caller = {.arg = &field, .find = find_own};
    const struct filter *filter = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(filter_parse(world_json(own, str_of(value)), &caller, arena, &filter, &err), 0);
    arena_free(own);
    memset(key, 'x', 4);
    memset(column, 'x', 8);
    memset(&field, 0xff, sizeof(field));
    struct db_val row = DB_S(STR("a"));
    assert_int_equal(filter_eval(filter, &(struct filter_env){0}, &row, NULL, arena), FILTER_TRUE);
    assert_true(str_eq(filter_print(filter, arena), str_of(value)));
}

static int set_up(void **state)
{
    struct err err = {0};
    (void)state;
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
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_numbers_of_conditions_and_values),
        cmocka_unit_test(test_sizes_of_values),
        cmocka_unit_test(test_many_faults),
        cmocka_unit_test(test_no_filter_is_true),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_keeps_nothing_of_the_caller),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
