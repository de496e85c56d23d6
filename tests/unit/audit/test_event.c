/* The row of an event: every event can be written, whatever its text; what fits is not touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "audit/audit_int.h"
#include "base/must.h"
#include "json/json.h"

#include <string.h>

enum { ID, AT, ACTOR, LOGIN, ACTION, FORM, RECORD, REV, RECORDS, CHANGES, SESSION, ADDRESS, REQUEST, DETAIL };

static struct arena *arena;

static struct str repeat(const char *piece, size_t times)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (size_t i = 0; i < times; i++)
        buf_add_text(&buf, piece);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

static void assert_text(struct str text, struct str expected)
{
    assert_int_equal(text.n, expected.n);
    assert_memory_equal(text.p, expected.p, text.n);
}

static void test_action_names(void **state)
{
    (void)state;
    enum audit_action action = AUDIT_READ;
    for (int i = 0; i < AUDIT_ACTION_COUNT; i++) {
        assert_true(audit_action_parse(str_of(audit_action_name((enum audit_action)i)), &action));
        assert_int_equal(action, i);
    }
    assert_string_equal(audit_action_name(AUDIT_UNAUDITED), "unaudited");
    assert_false(audit_action_parse(STR("CREATE"), &action));
    assert_false(audit_action_parse(STR(""), &action));
    assert_false(audit_action_parse(STR("creat"), &action));
}

static void test_everything_that_fits(void **state)
{
    (void)state;
    const int64_t records[] = {1, 0x0102030405060708, INT64_MAX};
    const struct audit_change changes[] = {
        {STR("phone"), STR("\"1\""), STR("\"2\"")}, {STR("stage"), STR_NULL, STR("\"won\"")}};
    struct audit_event event = {.at_us = 1795309323000004,
        .actor_id = 7,
        .login = STR("客户经理"),
        .action = AUDIT_UPDATE,
        .form = STR("customer"),
        .record = 42,
        .rev = 3,
        .records = records,
        .n_records = 3,
        .changes = changes,
        .n_changes = 2,
        .session = 9,
        .address = STR("192.0.2.1"),
        .request = STR("r-1"),
        .detail = STR("{\"q\":1}")};
    struct db_val v[AUDIT_COLUMNS];
    audit_bind(&event, 12345, arena, v);
    assert_int_equal(v[ID].i, 12345);
    assert_text(v[AT].s, STR("2026-11-22 01:02:03.000004"));
    assert_int_equal(v[ACTOR].i, 7);
    assert_text(v[LOGIN].s, event.login);
    assert_text(v[ACTION].s, STR("update"));
    assert_text(v[FORM].s, event.form);
    assert_int_equal(v[RECORD].i, 42);
    assert_int_equal(v[REV].i, 3);
    assert_int_equal(v[RECORDS].kind, DB_BYTES);
    assert_int_equal(v[RECORDS].s.n, 24);
    assert_memory_equal(v[RECORDS].s.p + 8, "\1\2\3\4\5\6\7\10", 8);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(audit_get_id((const unsigned char *)v[RECORDS].s.p + 8 * i), records[i]);
    assert_text(v[CHANGES].s, STR("[{\"field\":\"phone\",\"before\":\"1\",\"after\":\"2\"},"
                                  "{\"field\":\"stage\",\"before\":null,\"after\":\"won\"}]"));
    assert_text(v[ADDRESS].s, event.address);
    assert_text(v[REQUEST].s, event.request);
    assert_text(v[DETAIL].s, event.detail);
}

static void test_nothing_is_null(void **state)
{
    (void)state;
    struct audit_event event = {.action = AUDIT_LOGIN};
    struct db_val v[AUDIT_COLUMNS];
    audit_bind(&event, 1, arena, v);
    static const int NULLS[] = {
        ACTOR, FORM, RECORD, REV, RECORDS, CHANGES, SESSION, ADDRESS, REQUEST, DETAIL};
    for (size_t i = 0; i < sizeof NULLS / sizeof NULLS[0]; i++)
        assert_int_equal(v[NULLS[i]].kind, DB_NULL);
    assert_int_equal(v[LOGIN].kind, DB_TEXT); /* not a nullable column */
    assert_int_equal(v[LOGIN].s.n, 0);
    assert_int_equal(v[AT].s.n, 26); /* now */
}

static void test_text_is_cut_to_its_column(void **state)
{
    (void)state;
    struct audit_event event = {.action = AUDIT_REFUSE,
        .login = repeat("锁", 65),
        .form = repeat("f", 42),
        .address = STR("1.2.3.4\r\nX: \xe4\xbd\xa0"),
        .request = repeat("r", 41)};
    struct db_val v[AUDIT_COLUMNS];
    audit_bind(&event, 1, arena, v);
    assert_text(v[LOGIN].s, repeat("锁", 64));
    assert_text(v[FORM].s, repeat("f", 41));
    assert_text(v[ADDRESS].s, STR("1.2.3.4??X: ???"));
    assert_text(v[REQUEST].s, repeat("r", 40));
    event.login = STR("a\xff\xe4\xbd");
    audit_bind(&event, 1, arena, v);
    assert_text(v[LOGIN].s, STR("a???"));
    event.login = repeat("\xff", 100);
    audit_bind(&event, 1, arena, v);
    assert_text(v[LOGIN].s, repeat("?", 64));
}

static void test_detail_too_long_leaves_a_digest(void **state)
{
    (void)state;
    struct audit_event event = {.action = AUDIT_LIST, .detail = repeat("x", 65535)};
    struct db_val v[AUDIT_COLUMNS];
    struct json *json;
    struct err err = {0};
    audit_bind(&event, 1, arena, v);
    assert_int_equal(v[DETAIL].s.n, 65535);
    event.detail = repeat("x", 65536);
    audit_bind(&event, 1, arena, v);
    assert_int_equal(json_parse(arena, v[DETAIL].s, NULL, &json, &err), 0);
    assert_text(json_get(json, STR("too_long"))->str, STR("65536"));
    assert_int_equal(json_get(json, STR("sha256"))->str.n, 64);
}

static void test_inserts_have_their_parameters(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 2, 4, 8, 16, 32, 50, 64, 128, 256};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        const char *sql = audit_insert_sql(SIZES[i]);
        size_t marks = 0;
        for (const char *p = sql; *p; p++)
            marks += *p == '?';
        assert_int_equal(marks, SIZES[i] * AUDIT_COLUMNS);
        assert_ptr_equal(audit_insert_sql(SIZES[i]), sql);
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
        cmocka_unit_test(test_action_names),
        cmocka_unit_test(test_everything_that_fits),
        cmocka_unit_test(test_nothing_is_null),
        cmocka_unit_test(test_text_is_cut_to_its_column),
        cmocka_unit_test(test_detail_too_long_leaves_a_digest),
        cmocka_unit_test(test_inserts_have_their_parameters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
