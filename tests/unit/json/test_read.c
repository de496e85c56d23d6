/* json_read: every fault of every kind of member, all at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/json.h"

#include <stdio.h>
#include <string.h>

struct target {
    struct str name, note;
    bool active;
    int64_t count, id;
    const struct json *any, *must_any;
};

static const struct json_field FIELDS[] = {
    {"name", JSON_READ_STR, offsetof(struct target, name), JSON_REQUIRED, 2, 5},
    {"note", JSON_READ_STR, offsetof(struct target, note), JSON_NULLABLE, 0, 0},
    {"active", JSON_READ_BOOL, offsetof(struct target, active), 0, 0, 0},
    {"count", JSON_READ_INT, offsetof(struct target, count), 0, -5, 10},
    {"id", JSON_READ_ID, offsetof(struct target, id), JSON_REQUIRED | JSON_NULLABLE, 0, 0},
    {"any", JSON_READ_ANY, offsetof(struct target, any), 0, 0, 0},
    {"must_any", JSON_READ_ANY, offsetof(struct target, must_any), JSON_REQUIRED, 0, 0},
};

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int read_from(const char *text, struct str path, struct target *target, struct err *err)
{
    struct json *value;
    assert_int_equal(json_parse(arena, str_of(text), NULL, &value, err), 0);
    return json_read(value, JSON_FIELDS(FIELDS), path, target, arena, err);
}

static void test_all_good(void **state)
{
    (void)state;
    struct err err = {0};
    struct target target = {0};
    assert_int_equal(
        read_from("{\"must_any\":{},\"any\":null,\"id\":\"9223372036854775807\",\"count\":-5,\"active\":true,"
                  "\"note\":\"n\",\"name\":\"重庆分行北\"}",
            STR_NULL, &target, &err),
        0);
    assert_true(str_eq(target.name, STR("重庆分行北"))); /* 5 characters, 15 bytes */
    assert_true(str_eq(target.note, STR("n")));
    assert_true(target.active);
    assert_int_equal(target.count, -5);
    assert_true(target.id == INT64_MAX);
    assert_int_equal(target.any->kind, JSON_NULL);
    assert_int_equal(target.must_any->kind, JSON_OBJECT);
    assert_int_equal(err.code, ERR_NONE);
}

static void test_absent_and_null_leave_the_target(void **state)
{
    (void)state;
    struct err err = {0};
    struct target target = {.note = STR("kept"), .active = true, .count = 77, .id = 42};
    assert_int_equal(
        read_from("{\"name\":\"ab\",\"id\":null,\"note\":null,\"must_any\":0}", STR_NULL, &target, &err), 0);
    assert_true(str_eq(target.note, STR("kept")));
    assert_true(target.active);
    assert_int_equal(target.count, 77);
    assert_int_equal(target.id, 42);
    assert_null(target.any);
}

/* "field:fault:limit", one a row. */
static const char *faults_of(const struct err *err)
{
    static char text[4096];
    size_t n = 0;
    for (const struct err_item *item = err->items; item; item = item->next)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s:%s:%.*s", n ? " " : "",
            STR_ARGS(item->field), fault_key(item->fault), STR_ARGS(item->limit));
    text[n] = '\0';
    return text;
}

static void assert_faults(const char *text, struct str path, const char *expected)
{
    struct err err = {0};
    struct target target = {0};
    assert_int_equal(read_from(text, path, &target, &err), -ERR_INVALID);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(faults_of(&err), expected);
}

static void test_faults(void **state)
{
    (void)state;
    assert_faults("{}", STR_NULL, "name:required: id:required: must_any:required:");
    assert_faults(
        "{\"name\":null,\"id\":\"1\",\"must_any\":null}", STR_NULL, "name:required: must_any:required:");
    assert_faults("{\"name\":1,\"note\":[],\"active\":0,\"count\":\"1\",\"id\":1,\"must_any\":1}", STR_NULL,
        "name:wrong_type:string note:wrong_type:string active:wrong_type:boolean count:wrong_type:integer "
        "id:wrong_type:string");
    assert_faults("{\"name\":\"abcdef\",\"count\":11,\"id\":\"x\",\"must_any\":1}", STR("fields"),
        "fields.name:too_long:5 fields.count:too_large:10 fields.id:not_an_id:");
    assert_faults("{\"name\":\"a\",\"count\":-6,\"id\":\"0\",\"must_any\":1,\"extra\":1,\"Name\":2}",
        STR("a.b"),
        "a.b.name:too_short:2 a.b.count:too_small:-5 a.b.id:not_an_id: a.b.extra:unknown: a.b.Name:unknown:");
    assert_faults("{\"name\":\"ab\",\"active\":null,\"count\":1.0,\"id\":\"01\",\"must_any\":1}", STR_NULL,
        "active:wrong_type:boolean count:wrong_type:integer id:not_an_id:");
    assert_faults("{\"name\":\"ab\",\"id\":\"1\",\"must_any\":1,\"one\":0}", STR_NULL, "one:unknown:");
    assert_faults("{\"name\":\"ab\",\"id\":\"1\"}", STR_NULL, "must_any:required:");
    assert_faults("[]", STR("fields"), "fields:wrong_type:object");
    assert_faults("null", STR_NULL, ":wrong_type:object");
}

static void test_good_members_are_stored_beside_bad_ones(void **state)
{
    (void)state;
    struct err err = {0};
    struct target target = {.count = 3};
    assert_int_equal(read_from("{\"name\":\"abc\",\"count\":99,\"must_any\":[1],\"extra\":0,\"id\":\"5\"}",
                         STR_NULL, &target, &err),
        -ERR_INVALID);
    assert_true(str_eq(target.name, STR("abc")));
    assert_int_equal(target.count, 3);
    assert_int_equal(target.id, 5);
    assert_int_equal(target.must_any->array.n, 1);
}

static void test_many_unknown_members(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 0);
    buf_add_char(&text, '{');
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "\"x%d\":0,", i);
    buf_add_text(&text, "\"y\":0}");
    struct err err = {0};
    struct target target = {0};
    assert_int_equal(read_from(buf_cstr(&text), STR_NULL, &target, &err), -ERR_INVALID);
    assert_int_equal(err.n_items, ERR_ITEMS_MAX);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_good),
        cmocka_unit_test(test_absent_and_null_leave_the_target),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_good_members_are_stored_beside_bad_ones),
        cmocka_unit_test(test_many_unknown_members),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
