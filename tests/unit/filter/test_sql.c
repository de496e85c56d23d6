/*
 * The SQL itself: what stands where, what is bound in which order, and the limits. What it means is the
 * matter of test_differential.c; that an index can serve it too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "filter_world.h"

static struct arena *arena;

struct printed {
    struct buf sql;
    struct str binds; /* in their order, a blank after each */
    size_t n_binds;
    bool masked;
};

static void keep_bind(void *arg, struct db_val value)
{
    struct printed *printed = arg;
    printed->n_binds++;
    if (printed->n_binds > 100)
        return;
    struct str text = value.kind == DB_INT ? arena_printf(arena, "%lld", (long long)value.i) : value.s;
    printed->binds = arena_printf(arena, "%.*s%.*s ", STR_ARGS(printed->binds), STR_ARGS(text));
}

static bool mask(void *arg, const struct filter_field *field)
{
    struct printed *printed = arg;
    if (!printed->masked)
        return false;
    buf_printf(&printed->sql, "t.own = ? /* %.*s */", STR_ARGS(field->key));
    keep_bind(printed, DB_I(7));
    return true;
}

static int print(
    const char *filter, const struct filter_env *env, bool as_where, struct printed *printed, struct err *err)
{
    struct filter_sql to = {.sql = &printed->sql,
        .arena = arena,
        .as_where = as_where,
        .arg = printed,
        .bind = keep_bind,
        .clear = mask};
    buf_init(&printed->sql, 0);
    return filter_to_sql(world_parse(arena, str_of(filter)), env, &to, err);
}

static void expect(const char *filter, bool masked, bool as_where, const char *sql, const char *binds)
{
    static const int64_t SUBTREE[] = {5, 6};
    struct filter_env env = {.me = 3, .subtree = SUBTREE, .n_subtree = 2, .zone = STR("Asia/Shanghai")};
    struct printed printed = {.masked = masked};
    struct err err = {0};
    must(clock_parse_rfc3339(STR("2026-11-22T04:00:00Z"), &env.now_us));
    assert_int_equal(print(filter, &env, as_where, &printed, &err), 0);
    if (!str_eq(buf_str(&printed.sql), str_of(sql)) || !str_eq(printed.binds, str_of(binds)))
        fail_msg("%s\n  gives %.*s\n  with  %.*s", filter, STR_ARGS(buf_str(&printed.sql)),
            STR_ARGS(printed.binds));
    buf_done(&printed.sql);
}

#define C(field, op, value) "{\"field\":\"" field "\",\"op\":\"" op "\",\"value\":" value "}"

static void test_conditions(void **state)
{
    (void)state;
    expect("{\"and\":[]}", true, false, "TRUE", "");
    expect("{\"or\":[]}", true, false, "FALSE", "");
    expect(C("name", "eq", "\"a\""), false, false, "(t.`name` IN (?))", "a ");
    expect(C("name", "nin", "[\"b\",\"a\",null]"), false, false, "(t.`name` NOT IN (?,?,NULL))", "a b ");
    expect(C("code", "eq", "\"a\""), false, false, "(t.`code` IN (CONVERT(? USING ascii)))", "A ");
    expect(C("amount", "ge", "\"1.50\""), false, false, "(t.`amount`>=CAST(? AS DECIMAL(38,8)))", "1.5 ");
    expect(C("day", "lt", "\"2026-11-22\""), false, false, "(t.`day`<CAST(? AS DATE))", "2026-11-22 ");
    expect(C("at", "within", "\"today\""), false, false,
        "((t.`at`>=CAST(? AS DATETIME(6)) AND t.`at`<CAST(? AS DATETIME(6))))",
        "2026-11-21 16:00:00.000000 2026-11-22 16:00:00.000000 ");
    expect(C("dept", "in", "[\"@my_department\",\"9\"]"), false, false, "(t.`dept` IN (?,?,?))", "9 5 6 ");
    expect(C("owner", "ne", "\"@me\""), false, false, "(t.`owner` NOT IN (?))", "3 ");
    expect(C("name", "contains", "\"AB\""), false, false, "((LOCATE(?,t.`_f_name`)>0))", "ab ");
    expect(C("tags", "all", "[\"b\",\"a\"]"), false, false,
        "((LOCATE(CONVERT(? USING ascii),t.`tags`)>0 AND LOCATE(CONVERT(? USING ascii),t.`tags`)>0))",
        "\"a\" \"b\" ");
    expect(C("code", "starts", "\"a%_!\""), false, false,
        "((t.`code` LIKE CONVERT(? USING ascii) ESCAPE '!'))", "A!%!_!!% ");
}

/* The first text after all that begin with it: the last character that has a next one, raised. */
static void test_starts_of_text(void **state)
{
    static const char SQL[] = "((t.`_f_name`>=? AND t.`_f_name`<?))";
    (void)state;
    expect(C("name", "starts", "\"A\""), false, false, SQL, "a b ");
    expect(C("name", "starts", "\"\x7f\""), false, false, SQL, "\x7f \xc2\x80 ");
    expect(C("name", "starts", "\"張\""), false, false, SQL, "張 弶 ");
    expect(C("name", "starts", "\"a\xef\xbf\xbd\""), false, false, SQL, "a\xef\xbf\xbd a\xef\xbf\xbe ");
    expect(C("name", "starts", "\"\xed\x9f\xbf\""), false, false, SQL, "\xed\x9f\xbf \xee\x80\x80 ");
    expect(C("name", "starts", "\"\xef\xbf\xbf\""), false, false, SQL, "\xef\xbf\xbf \xf0\x90\x80\x80 ");
    expect(C("name", "starts", "\"a\xf4\x8f\xbf\xbf\""), false, false, SQL, "a\xf4\x8f\xbf\xbf b ");
    expect(
        C("name", "starts", "\"\xf4\x8f\xbf\xbf\""), false, false, "((t.`_f_name`>=?))", "\xf4\x8f\xbf\xbf ");
    expect(C("name", "starts", "\"\""), false, false, "((t.`_f_name`>=?))", " ");
}

/* Bound in the order of the marks. */
static void test_masks(void **state)
{
    (void)state;
    expect(
        C("name", "eq", "\"a\""), true, false, "IF((t.own = ? /* name */),(t.`name` IN (?)),NULL)", "7 a ");
    expect(C("name", "eq", "\"a\""), true, true, "((t.own = ? /* name */) AND (t.`name` IN (?)))", "7 a ");
    expect("{\"not\":{\"or\":[{\"field\":\"name\",\"op\":\"empty\"}," C("amount", "lt", "\"1\"") "]}}", true,
        true,
        "(((t.own = ? /* amount */) AND (t.`amount`>=CAST(? AS DECIMAL(38,8)))) AND "
        "((t.own = ? /* name */) AND (t.`name` IS NOT NULL)))",
        "7 1 7 ");
}

static void test_limits(void **state)
{
    enum { MANY = FILTER_BINDS_MAX };
    int64_t *subtree = arena_new_array(arena, int64_t, MANY + 1);
    (void)state;
    for (int i = 0; i <= MANY; i++)
        subtree[i] = i + 1;
    for (size_t n = MANY - 1; n <= MANY + 1; n++) {
        struct filter_env env = {.subtree = subtree, .n_subtree = n, .zone = STR("Asia/Shanghai")};
        struct printed printed = {0};
        struct err err = {0};
        int rc = print(C("dept", "eq", "\"@my_department\""), &env, true, &printed, &err);
        assert_int_equal(rc, n > MANY ? -ERR_TOO_LARGE : 0);
        assert_int_equal(printed.n_binds, n > MANY ? MANY : n);
        buf_done(&printed.sql);
    }
    struct printed printed = {0};
    struct err err = {0};
    struct filter_env env = {.zone = STR("Nowhere/Else")};
    assert_int_equal(print(C("day", "within", "\"today\""), &env, true, &printed, &err), -ERR_CONFIG);
    assert_int_equal(printed.sql.n, 0);
    buf_done(&printed.sql);
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
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_starts_of_text),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
