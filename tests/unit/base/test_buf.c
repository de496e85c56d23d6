/* The growing buffer and its ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"

#include <string.h>

static void test_adding(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    assert_string_equal(buf_cstr(&buf), "");
    buf_add(&buf, "ab", 2);
    buf_add_str(&buf, STR_NULL);
    buf_add_text(&buf, "cd");
    buf_add_char(&buf, '-');
    buf_add_i64(&buf, 0);
    buf_add_i64(&buf, INT64_MIN);
    buf_add_i64(&buf, INT64_MAX);
    buf_printf(&buf, "[%s%d]", "x", 7);
    assert_string_equal(buf_cstr(&buf), "abcd-0-92233720368547758089223372036854775807[x7]");
    assert_true(str_eq(buf_str(&buf), str_of(buf_cstr(&buf))));
    buf_clear(&buf);
    assert_int_equal(buf.n, 0);
    buf_add_text(&buf, "again");
    assert_string_equal(buf_cstr(&buf), "again");
    buf_done(&buf);
}

static void test_growing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    for (int i = 0; i < 100000; i++)
        buf_add_i64(&buf, i % 10);
    assert_int_equal(buf.n, 100000);
    for (size_t i = 0; i < buf.n; i++)
        assert_int_equal(buf.p[i], '0' + (int)(i % 10));
    assert_false(buf.overflow);
    buf_done(&buf);
}

static void test_ceiling(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 10);
    buf_add_text(&buf, "0123456789");
    assert_false(buf.overflow);
    assert_string_equal(buf_cstr(&buf), "0123456789");
    buf_add_text(&buf, "");
    assert_false(buf.overflow);
    buf_add_char(&buf, 'x');
    assert_true(buf.overflow);
    assert_int_equal(buf.n, 10);
    buf_clear(&buf);
    assert_false(buf.overflow);

    buf_add_text(&buf, "01234567");
    buf_printf(&buf, "%s", "abc"); /* all or nothing */
    assert_true(buf.overflow);
    assert_string_equal(buf_cstr(&buf), "01234567");
    buf_add_char(&buf, 'x'); /* would fit, but what came before it is missing */
    assert_string_equal(buf_cstr(&buf), "01234567");
    buf_done(&buf);
}

static void test_done(void **state)
{
    (void)state;
    struct buf zero = {0};
    buf_done(NULL);
    buf_done(&zero);
    buf_add_text(&zero, "works with the default ceiling");
    assert_int_equal(zero.n, 30);
    buf_done(&zero);
    assert_null(zero.p);
    assert_int_equal(zero.n, 0);
    buf_done(&zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
