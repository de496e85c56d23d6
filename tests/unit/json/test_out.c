/* The writer: exact bytes, and that a wrong order of calls ends the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "json/out.h"

#include "dies.h"
#include "random.h"

#include <math.h>
#include <string.h>

static struct buf buf;
static struct json_out out;

static void begin(void)
{
    buf_clear(&buf);
    json_out_init(&out, &buf);
}

static void assert_written(const char *expected)
{
    json_out_end(&out);
    assert_string_equal(buf_cstr(&buf), expected);
}

static void test_nesting_and_commas(void **state)
{
    (void)state;
    begin();
    json_out_object(&out);
    json_out_member_str(&out, "s", STR("x"));
    json_out_member_text(&out, "t", "y");
    json_out_member_text(&out, "n", NULL);
    json_out_member_id(&out, "id", INT64_MAX);
    json_out_member_id(&out, "none", 0);
    json_out_member_int(&out, "i", -7);
    json_out_member_bool(&out, "b", true);
    json_out_member_instant(&out, "at", INT64_C(1795309323000004));
    json_out_member_instant(&out, "never", 0);
    json_out_key(&out, STR("a"));
    json_out_array(&out);
    json_out_array(&out);
    json_out_array_end(&out);
    json_out_object(&out);
    json_out_object_end(&out);
    json_out_null(&out);
    json_out_bool(&out, false);
    json_out_raw(&out, STR("{\"raw\":1}"));
    json_out_array_end(&out);
    json_out_key(&out, STR("last"));
    json_out_int(&out, 0);
    json_out_object_end(&out);
    assert_written(
        "{\"s\":\"x\",\"t\":\"y\",\"n\":null,\"id\":\"9223372036854775807\",\"none\":null,\"i\":-7,\"b\":true,"
        "\"at\":\"2026-11-22T01:02:03.000004Z\",\"never\":null,\"a\":[[],{},null,false,{\"raw\":1}],\"last\":0}");
    begin();
    json_out_str(&out, STR_NULL);
    assert_written("\"\"");
}

static void test_escapes(void **state)
{
    (void)state;
    begin();
    json_out_array(&out);
    json_out_str(&out, STR("\"\\/\b\f\n\r\t\x01\x1f\x7f"));
    json_out_str(&out, STR("</script>&'"));
    json_out_str(&out, STR("a\u2027\u2028\u2029\u202a"));
    json_out_str(&out, STR("重庆\U0001F600"));
    json_out_str(&out, STR("a\0b"));
    json_out_array_end(&out);
    assert_written(
        "[\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\\u007f\","
        "\"\\u003c/script\\u003e\\u0026'\",\"a\u2027\\u2028\\u2029\u202a\",\"重庆\U0001F600\",\"a\\u0000b\"]");
}

static void test_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    begin();
    json_out_array(&out);
    json_out_str(&out, STR("a\xff"
                           "b"));
    json_out_str(&out, STR("\xe9\x87"));
    json_out_str(&out, STR("\xed\xa0\x80"));
    json_out_array_end(&out);
    assert_written("[\"a\uFFFDb\",\"\uFFFD\uFFFD\",\"\uFFFD\uFFFD\uFFFD\"]");
}

static void test_reals(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } CASES[] = {{0.1, "0.1"}, {-2.5, "-2.5"}, {3, "3"}, {1e21, "1e+21"}, {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"}, {5e-324, "4.94065645841247e-324"},
        {9007199254740992.0, "9007199254740992.0"}, {INFINITY, "null"}, {-INFINITY, "null"}, {NAN, "null"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        begin();
        json_out_real(&out, CASES[i].value);
        assert_written(CASES[i].text);
    }
}

/* Any bytes: what is written is JSON that the parser takes, with the same text where it was UTF-8. */
static void test_random_text_is_always_json(void **state)
{
    (void)state;
    random_begin();
    struct arena *arena = arena_new();
    for (int round = 0; round < 50000; round++) {
        char text[24];
        size_t n = random_below(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(random_below(2) ? 1 + random_below(127) : 1 + random_below(255));
        struct str value = {text, n};
        begin();
        json_out_str(&out, value);
        json_out_end(&out);
        struct json *tree;
        struct err err = {0};
        assert_int_equal(json_parse(arena, buf_str(&buf), NULL, &tree, &err), 0);
        assert_int_equal(tree->kind, JSON_STR);
        if (str_is_utf8(value))
            assert_true(str_eq(tree->str, value));
        for (size_t i = 0; i < buf.n; i++)
            assert_true(strchr("<>&", buf.p[i]) == NULL && (unsigned char)buf.p[i] >= ' ');
        arena_clear(arena);
    }
    arena_free(arena);
}

static void test_random_reals_come_back(void **state)
{
    (void)state;
    random_begin();
    struct arena *arena = arena_new();
    for (int round = 0; round < 50000; round++) {
        uint64_t bits = random_u64();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        begin();
        json_out_real(&out, value);
        struct json *tree;
        struct err err = {0};
        assert_int_equal(json_parse(arena, buf_str(&buf), NULL, &tree, &err), 0);
        double again = tree->kind == JSON_INT ? (double)tree->integer : tree->real.value;
        assert_true(memcmp(&again, &value, sizeof value) == 0);
        arena_clear(arena);
    }
    arena_free(arena);
}

static void test_deepest_tree(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char text[2 * JSON_DEPTH_MAX];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    struct json *tree;
    struct err err = {0};
    assert_int_equal(json_parse(arena, (struct str){text, sizeof text},
                         &(struct json_limits){.max_depth = JSON_DEPTH_MAX}, &tree, &err),
        0);
    begin();
    for (int i = 0; i < 15; i++)
        json_out_array(&out);
    json_out_tree(&out, tree);
    for (int i = 0; i < 15; i++)
        json_out_array_end(&out);
    json_out_end(&out);
    assert_int_equal(buf.n, 2 * (JSON_DEPTH_MAX + 15));
    arena_free(arena);
}

static void test_overflow_is_seen_once_at_the_end(void **state)
{
    (void)state;
    struct buf small;
    buf_init(&small, 8);
    json_out_init(&out, &small);
    json_out_array(&out);
    for (int i = 0; i < 1000; i++)
        json_out_int(&out, i);
    json_out_array_end(&out);
    json_out_end(&out);
    assert_true(small.overflow);
    assert_int_equal(small.n, 8);
    buf_done(&small);
}

static void end_open(void)
{
    begin();
    json_out_array(&out);
    json_out_end(&out);
}
static void end_empty(void)
{
    begin();
    json_out_end(&out);
}
static void two_values(void)
{
    begin();
    json_out_null(&out);
    json_out_null(&out);
}
static void value_without_key(void)
{
    begin();
    json_out_object(&out);
    json_out_null(&out);
}
static void key_in_array(void)
{
    begin();
    json_out_array(&out);
    json_out_key(&out, STR("a"));
}
static void key_after_key(void)
{
    begin();
    json_out_object(&out);
    json_out_key(&out, STR("a"));
    json_out_key(&out, STR("b"));
}
static void end_after_key(void)
{
    begin();
    json_out_object(&out);
    json_out_key(&out, STR("a"));
    json_out_object_end(&out);
}
static void wrong_end(void)
{
    begin();
    json_out_array(&out);
    json_out_object_end(&out);
}
static void end_too_often(void)
{
    begin();
    json_out_array(&out);
    json_out_array_end(&out);
    json_out_array_end(&out);
}
static void too_deep(void)
{
    begin();
    for (int i = 0; i < JSON_OUT_DEPTH; i++)
        json_out_array(&out);
}
static void empty_raw(void)
{
    begin();
    json_out_raw(&out, STR_NULL);
}
static void good_order(void)
{
    begin();
    json_out_array(&out);
    json_out_array_end(&out);
    json_out_end(&out);
}

static void test_wrong_order_is_asserted(void **state)
{
    (void)state;
    assert_false(dies(good_order));
    assert_true(dies(end_open));
    assert_true(dies(end_empty));
    assert_true(dies(two_values));
    assert_true(dies(value_without_key));
    assert_true(dies(key_in_array));
    assert_true(dies(key_after_key));
    assert_true(dies(end_after_key));
    assert_true(dies(wrong_end));
    assert_true(dies(end_too_often));
    assert_true(dies(too_deep));
    assert_true(dies(empty_raw));
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&buf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting_and_commas),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_bytes_that_are_not_utf8),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_random_text_is_always_json),
        cmocka_unit_test(test_random_reals_come_back),
        cmocka_unit_test(test_deepest_tree),
        cmocka_unit_test(test_overflow_is_seen_once_at_the_end),
        cmocka_unit_test(test_wrong_order_is_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
