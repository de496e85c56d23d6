/* Slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"

#include "random.h"

#include <string.h>

static void test_equal_and_order(void **state)
{
    (void)state;
    assert_true(str_eq(STR("abc"), str_of("abc")));
    assert_true(str_eq(STR_NULL, STR("")));
    assert_true(str_eq(str_of(NULL), STR("")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_eq_nocase(STR("a["), STR("A{")));
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4"))); /* ASCII only */
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\x7f"), STR("\x80")) < 0);
    assert_int_equal(str_cmp(STR_NULL, STR("")), 0);
    assert_true(str_cmp(STR("a"), STR_NULL) > 0);
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR_NULL));
    assert_true(str_starts(STR_NULL, STR_NULL));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_true(str_ends(STR_NULL, STR("")));
    assert_false(str_ends(STR("c"), STR("bc")));
    assert_true(str_eq(str_trim(STR(" \t\r\n\v\fa b\n ")), STR("a b")));
    assert_int_equal(str_trim(STR(" \n ")).n, 0);
    assert_int_equal(str_trim(STR_NULL).n, 0);
}

static void test_cut(void **state)
{
    (void)state;
    struct str rest = STR("a,,bc");
    assert_true(str_eq(str_cut(&rest, ','), STR("a")));
    assert_true(str_eq(str_cut(&rest, ','), STR("")));
    assert_true(str_eq(str_cut(&rest, ','), STR("bc")));
    assert_int_equal(rest.n, 0);
    assert_int_equal(str_cut(&rest, ',').n, 0);
    rest = STR("x,");
    assert_true(str_eq(str_cut(&rest, ','), STR("x")));
    assert_int_equal(rest.n, 0);
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("hello"), STR("l")), 2);
    assert_int_equal(str_find(STR("hello"), STR("lo")), 3);
    assert_int_equal(str_find(STR("hello"), STR("")), 0);
    assert_int_equal(str_find(STR_NULL, STR_NULL), 0);
    assert_true(str_find(STR("hello"), STR("x")) == SIZE_MAX);
    assert_true(str_find(STR("he"), STR("hel")) == SIZE_MAX);
    assert_true(str_find(STR_NULL, STR("x")) == SIZE_MAX);
    assert_int_equal(str_find(STR("a\0b"), STR("\0b")), 1);
}

static void test_to_i64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } GOOD[] = {{"0", 0}, {"7", 7}, {"-1", -1}, {"10", 10}, {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN}, {"-9223372036854775807", -INT64_MAX}};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        int64_t value = 99;
        assert_true(str_to_i64(str_of(GOOD[i].text), &value));
        assert_true(value == GOOD[i].value);
    }
    static const char *const BAD[] = {"", "-", "+1", "01", "-0", "-01", "00", " 1", "1 ", "1.0", "1e3", "0x1",
        "a", "1a", "9223372036854775808", "-9223372036854775809", "99999999999999999999",
        "18446744073709551616", "--1"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int64_t value = 99;
        if (str_to_i64(str_of(BAD[i]), &value))
            fail_msg("\"%s\" was taken", BAD[i]);
        assert_int_equal(value, 99);
    }
    int64_t value;
    assert_false(str_to_i64(STR("1\0"), &value));
    assert_false(str_to_i64(STR_NULL, &value));
}

/* Slow and plain: decode by the bit patterns, then look at the code point. */
static bool is_utf8_by_the_book(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = p[i] < 0x80 ? 1 : p[i] >> 5 == 6 ? 2 : p[i] >> 4 == 14 ? 3 : p[i] >> 3 == 30 ? 4 : 0;
        if (length == 0 || length > n - i)
            return false;
        uint32_t point = length == 1 ? p[i] : p[i] & (0xFFu >> (length + 1));
        for (size_t j = 1; j < length; j++) {
            if (p[i + j] >> 6 != 2)
                return false;
            point = point << 6 | (p[i + j] & 0x3Fu);
        }
        static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < LEAST[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return false;
        i += length;
    }
    return true;
}

static void test_utf8_against_the_book(void **state)
{
    (void)state;
    random_begin();
    size_t n_good = 0;
    static const unsigned char EDGES[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1,
        0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    for (int round = 0; round < 400000; round++) {
        unsigned char text[20];
        size_t n = random_below(6), blank = random_below(2) ? 0 : random_below(14);
        memset(text, 'x', blank);
        for (size_t i = 0; i < n; i++)
            text[blank + i] = EDGES[random_below(sizeof EDGES)];
        bool expected = is_utf8_by_the_book(text, blank + n);
        assert_int_equal(str_is_utf8((struct str){(const char *)text, blank + n}), expected);
        n_good += expected && n > 0;
    }
    assert_true(n_good > 1000);
    assert_true(str_is_utf8(STR_NULL));
}

static void test_utf8_of_every_code_point(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x110000; point++) {
        char p[4];
        size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const unsigned LEAD[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t rest = point;
        for (size_t i = n; i-- > 1; rest >>= 6)
            p[i] = (char)(0x80 | (rest & 0x3F));
        p[0] = (char)(LEAD[n] | rest);
        bool expected = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
        assert_int_equal(str_is_utf8((struct str){p, n}), expected);
        assert_int_equal(str_utf8_next((struct str){p, n}), expected ? n : 0);
        assert_int_equal(str_utf8_next((struct str){p, n - 1}), 0);
    }
}

static void test_utf8_length(void **state)
{
    (void)state;
    assert_int_equal(str_utf8_length(STR_NULL), 0);
    assert_int_equal(str_utf8_length(STR("abc")), 3);
    assert_int_equal(str_utf8_length(STR("重庆😀é")), 4);
}

static void test_constant_time(void **state)
{
    (void)state;
    assert_true(str_eq_constant_time(STR("secret"), STR("secret")));
    assert_false(str_eq_constant_time(STR("secret"), STR("secreT")));
    assert_false(str_eq_constant_time(STR("secret"), STR("Xecret")));
    assert_false(str_eq_constant_time(STR("secret"), STR("secre")));
    assert_true(str_eq_constant_time(STR_NULL, STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_and_order),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_to_i64),
        cmocka_unit_test(test_utf8_against_the_book),
        cmocka_unit_test(test_utf8_of_every_code_point),
        cmocka_unit_test(test_utf8_length),
        cmocka_unit_test(test_constant_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
