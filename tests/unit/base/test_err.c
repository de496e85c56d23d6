/* Errors: the first cause stands, faults are collected, texts come from the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/err.h"

#include "dies.h"

#include <string.h>

static void test_first_cause_wins(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_DB_LOST, "server %d gone", 7), -ERR_DB_LOST);
    assert_int_equal(err_set(&err, ERR_INTERNAL, "later"), -ERR_DB_LOST);
    assert_int_equal(err.code, ERR_DB_LOST);
    assert_string_equal(err.detail, "server 7 gone");
    err_clear(&err);
    assert_int_equal(err.code, ERR_NONE);
    assert_string_equal(err.detail, "");
}

static void test_detail_is_cut(void **state)
{
    (void)state;
    struct err err = {0};
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_IO, "%s", text);
    assert_int_equal(strlen(err.detail), ERR_DETAIL_MAX - 1);
}

static void test_items(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct err err = {0};
    char field[] = "phone";
    assert_int_equal(err_add(&err, arena, str_of(field), FAULT_NOT_A_PHONE, STR_NULL), -ERR_INVALID);
    memset(field, 'x', 5); /* copied */
    assert_int_equal(err_add(&err, arena, STR("name"), FAULT_TOO_LONG, STR("80")), -ERR_INVALID);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(err.n_items, 2);
    assert_true(str_eq(err.items->field, STR("phone")));
    assert_int_equal(err.items->fault, FAULT_NOT_A_PHONE);
    assert_true(str_eq(err.items->next->field, STR("name")));
    assert_ptr_equal(err.items->next, err.last_item);
    assert_null(err.last_item->next);
    assert_string_equal(fault_text(err.last_item, ERR_LANG_ZH, arena).p, "最多 80 个字符");
    assert_int_equal(fault_text(err.last_item, ERR_LANG_ZH, arena).n, strlen("最多 80 个字符"));
    assert_string_equal(fault_text(err.last_item, ERR_LANG_EN, arena).p, "may have at most 80 characters");
    assert_string_equal(fault_text(err.items, ERR_LANG_EN, arena).p, "is not a valid phone number");

    for (int i = 0; i < 1000; i++)
        err_add(&err, arena, STR("x"), FAULT_UNKNOWN, STR_NULL);
    assert_int_equal(err.n_items, ERR_ITEMS_MAX);
    size_t n = 0;
    for (const struct err_item *item = err.items; item; item = item->next)
        n++;
    assert_int_equal(n, ERR_ITEMS_MAX);
    arena_free(arena);
}

static void test_item_after_another_error(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct err err = {0};
    err_set(&err, ERR_STALE, "first");
    err_add(&err, arena, STR("x"), FAULT_REQUIRED, STR_NULL);
    assert_int_equal(err.code, ERR_STALE);
    arena_free(arena);
}

/* The page of codes that users and browsers see; each row must be complete. */
static void test_tables(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (int i = ERR_NONE + 1; i < ERR_CODE_COUNT; i++) {
        enum err_code code = (enum err_code)i;
        assert_in_range(err_status(code), 400, 599);
        assert_true(strspn(err_key(code), "abcdefghijklmnopqrstuvwxyz_") == strlen(err_key(code)));
        assert_true(strlen(err_key(code)) > 0);
        assert_true(strlen(err_title(code, ERR_LANG_ZH)) > 0);
        assert_true(strlen(err_title(code, ERR_LANG_EN)) > 0);
        assert_true(str_is_utf8(str_of(err_title(code, ERR_LANG_ZH))));
        assert_true((unsigned char)err_title(code, ERR_LANG_ZH)[0] >= 0x80);
        assert_true((unsigned char)err_title(code, ERR_LANG_EN)[0] < 0x80);
    }
    assert_int_equal(err_status(ERR_NONE), 200);
    assert_int_equal(err_status(ERR_NOT_FOUND), 404);
    assert_string_equal(err_key(ERR_BAD_JSON), "bad_json");
    assert_string_equal(err_title(ERR_FORBIDDEN, ERR_LANG_ZH), "您没有执行此操作的权限");
    assert_string_equal(fault_key(FAULT_TOO_LONG), "too_long");
    assert_string_equal(fault_key(FAULT_NOT_AN_ID_NO), "not_an_id_no");
    for (int i = 0; i < FAULT_CODE_COUNT; i++) {
        struct err_item item = {.fault = (enum fault_code)i, .limit = STR("7")};
        for (int lang = 0; lang < 2; lang++) {
            struct str text = fault_text(&item, (enum err_lang)lang, arena);
            assert_true(text.n > 0);
            assert_true(str_find(text, STR("{")) == SIZE_MAX);
        }
        assert_true(
            strspn(fault_key(item.fault), "abcdefghijklmnopqrstuvwxyz_") == strlen(fault_key(item.fault)));
    }
    arena_free(arena);
}

static void set_none(void)
{
    struct err err = {0};
    err_set(&err, ERR_NONE, "x");
}
static void set_past_the_end(void)
{
    struct err err = {0};
    err_set(&err, ERR_CODE_COUNT, "x");
}
static void set_nowhere(void)
{
    struct err *volatile err = NULL;
    err_set(err, ERR_IO, "x");
}

static void test_misuse_is_asserted(void **state)
{
    (void)state;
    assert_true(dies(set_none));
    assert_true(dies(set_past_the_end));
    assert_true(dies(set_nowhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_cause_wins),
        cmocka_unit_test(test_detail_is_cut),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_item_after_another_error),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_misuse_is_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
