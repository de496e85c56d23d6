/* Rights, actions, levels and rules as text: known words both ways, unknown ones refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/access_int.h"
#include "base/must.h"

static struct arena *arena;

static void assert_text(struct str text, const char *expected)
{
    assert_int_equal(text.n, str_of(expected).n);
    assert_memory_equal(text.p, expected, text.n);
}

static void test_sets_both_ways(void **state)
{
    (void)state;
    uint32_t bits = 99;
    assert_true(access_actions_parse(STR(""), &bits));
    assert_int_equal(bits, 0);
    assert_true(access_actions_parse(STR("read  list update "), &bits));
    assert_int_equal(bits, 1u << ACTION_READ | 1u << ACTION_LIST | 1u << ACTION_UPDATE);
    assert_text(access_actions_print(bits, arena), "list read update");
    for (uint32_t all = 0; all < 1u << ACTION_COUNT; all++) {
        assert_true(access_actions_parse(access_actions_print(all, arena), &bits));
        assert_int_equal(bits, all);
    }
    for (uint32_t all = 0; all < 1u << RIGHT_COUNT; all++) {
        assert_true(access_rights_parse(access_rights_print(all, arena), &bits));
        assert_int_equal(bits, all);
    }
    for (int i = 0; i < RIGHT_COUNT; i++) {
        assert_true(access_rights_parse(str_of(access_right_key((enum access_right)i)), &bits));
        assert_int_equal(bits, 1u << i);
    }
    assert_string_equal(access_right_key(RIGHT_AUDIT_READ), "audit.read");
    assert_string_equal(access_action_key(ACTION_REVEAL), "reveal");
}

static void test_unknown_words_are_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"reads", "READ", "list,read", "list\tread", "lis", "all", "*"};
    uint32_t bits = 7;
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        assert_false(access_actions_parse(str_of(WRONG[i]), &bits));
        assert_false(access_rights_parse(str_of(WRONG[i]), &bits));
    }
    assert_false(access_actions_parse(STR("list read fly"), &bits));
    assert_false(access_rights_parse(STR("audit.read audit"), &bits));
    assert_int_equal(bits, 7); /* untouched */
    enum access_level level;
    enum row_rule rule;
    assert_false(access_level_parse(STR(""), &level));
    assert_false(access_level_parse(STR("readable"), &level));
    assert_false(row_rule_parse(STR("any"), &rule));
}

static void test_fields_both_ways(void **state)
{
    (void)state;
    struct grant grant = {.id = 5}, again = {0};
    struct err err = {0};
    struct str text =
        STR("{\"phone\":\"masked\",\"*\":\"read\",\"credit_line\":\"hidden\",\"id_no\":\"write\"}");
    assert_int_equal(access_fields_parse(text, arena, &grant, &err), 0);
    assert_int_equal(grant.default_level, LEVEL_READ);
    assert_int_equal(grant.n_fields, 3);
    assert_int_equal(grant_level(&grant, STR("phone")), LEVEL_MASKED);
    assert_int_equal(grant_level(&grant, STR("credit_line")), LEVEL_HIDDEN);
    assert_int_equal(grant_level(&grant, STR("id_no")), LEVEL_WRITE);
    assert_int_equal(grant_level(&grant, STR("name")), LEVEL_READ);
    assert_int_equal(grant_level(&grant, STR("phone2")), LEVEL_READ);
    assert_text(access_fields_print(&grant, arena),
        "{\"*\":\"read\",\"credit_line\":\"hidden\",\"id_no\":\"write\",\"phone\":\"masked\"}");
    assert_int_equal(access_fields_parse(access_fields_print(&grant, arena), arena, &again, &err), 0);
    assert_int_equal(again.n_fields, 3);
    assert_int_equal(access_fields_parse(STR("{}"), arena, &again, &err), 0);
    assert_int_equal(grant_level(&again, STR("name")), LEVEL_HIDDEN); /* nothing said: nothing given */
}

static void test_wrong_fields_are_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"", "[]", "null", "{\"*\":\"reads\"}", "{\"*\":1}",
        "{\"phone\":null}", "{\"phone\":\"read\",\"phone\":\"hidden\"}", "{\"Phone\":\"read\"}",
        "{\"\":\"read\"}", "{\"_owner\":\"read\"}", "{\"a b\":\"read\"}", "{\"*\":\"read\"} ",
        "{\"*\":\"read\"}x", "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":\"read\"}"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        struct grant grant = {.id = 5};
        struct err err = {0};
        int r = access_fields_parse(str_of(WRONG[i]), arena, &grant, &err);
        if (str_eq(str_of(WRONG[i]), STR("{\"*\":\"read\"} "))) /* a blank at the end is JSON */
            assert_int_equal(r, 0);
        else
            assert_int_equal(r, -ERR_CONFIG);
    }
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_both_ways),
        cmocka_unit_test(test_unknown_words_are_refused),
        cmocka_unit_test(test_fields_both_ways),
        cmocka_unit_test(test_wrong_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
