/* Pinyin order, folding, normal forms, zones; and enough speed that a page of records is nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "text/text.h"

#include "base/clock.h"
#include "dies.h"
#include "random.h"

#include <string.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    struct err err = {0};
    arena = arena_new();
    return text_init(&err);
}

static int tear_down(void **state)
{
    (void)state;
    text_done();
    arena_free(arena);
    return 0;
}

static struct str sort_key(const char *text)
{
    return text_sort_key(arena, str_of(text));
}

static void test_pinyin_order(void **state)
{
    (void)state;
    /* a bei cheng chi chong guang hang shang shen tian wu xi zhong zhong zhou zhu; then Latin, as CLDR has it
     * for zh. 重 alone is zhong, 重庆 chong. */
    static const char *const ORDER[] = {"", " ", "12", "2", "阿里", "北京", "成都", "吃", "重庆", "重庆市",
        "广州", "杭州", "上海", "深圳", "天津", "武汉", "西安", "中国", "重要", "周", "珠海", "ABC", "abd",
        "Zebra"};
    for (size_t i = 0; i + 1 < sizeof ORDER / sizeof ORDER[0]; i++)
        if (str_cmp(sort_key(ORDER[i]), sort_key(ORDER[i + 1])) >= 0)
            fail_msg("\"%s\" does not sort before \"%s\"", ORDER[i], ORDER[i + 1]);
    /* Letter case decides only where nothing else differs. */
    assert_true(str_cmp(sort_key("abc"), sort_key("ABC")) < 0);
    assert_true(str_cmp(sort_key("ABC"), sort_key("abd")) < 0);
    assert_true(str_eq(sort_key("abc"), sort_key("abc")));
}

static void test_sort_key_is_cut(void **state)
{
    (void)state;
    char text[3000];
    for (size_t i = 0; i < sizeof text; i += 3)
        memcpy(text + i, "重", 3);
    struct str key = text_sort_key(arena, (struct str){text, sizeof text});
    assert_int_equal(key.n, TEXT_SORT_KEY_MAX);
    struct str shorter = text_sort_key(arena, (struct str){text, sizeof text - 3});
    assert_true(str_eq(key, shorter));
    /* What differs within the cut still sorts. */
    memcpy(text + 30, "周", 3);
    assert_true(str_cmp(text_sort_key(arena, (struct str){text, sizeof text}), key) > 0);
    assert_true(text_sort_key(arena, STR("abc")).n < 20);
}

static void test_collation_version(void **state)
{
    (void)state;
    assert_true(strncmp(text_collation_version(), "icu-72.", 7) == 0);
    assert_non_null(strstr(text_collation_version(), "-zh-"));
}

static void assert_text(struct str text, const char *expected)
{
    if (!str_eq(text, str_of(expected)))
        fail_msg("\"%.*s\", not \"%s\"", STR_ARGS(text), expected);
}

static void test_fold(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {{"", ""}, {"ABC xyz", "abc xyz"}, {"ＡＢＣ１２３", "abc123"},
        {"a  b\t\n c", "a b c"}, {"  a ", " a "}, {"重　庆", "重 庆"}, {"Straße", "strasse"}, {"ﬁ", "fi"},
        {"É", "é"}, {"E\u0301", "é"}, {"ΑΣ", "ασ"}, {"①", "1"}, {"㈱", "(株)"}, {"a\u00a0\u3000b", "a b"},
        {"zh\u200bang", "zhang"}, {"ｶﾞ", "ガ"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_text(text_fold(arena, str_of(CASES[i][0])), CASES[i][1]);
}

static void test_login_key(void **state)
{
    (void)state;
    assert_text(text_login_key(arena, STR("ZhangSan")), "zhangsan");
    assert_text(text_login_key(arena, STR("zhang\u200bsan\u00ad\ufeff")), "zhangsan");
    assert_text(text_login_key(arena, STR("ｚｈａｎｇ")), "zhang");
    assert_text(text_login_key(arena, STR("张三")), "张三");
    assert_text(text_login_key(arena, STR("a  b")), "a  b");
}

static void test_normalize(void **state)
{
    (void)state;
    assert_text(text_normalize(arena, STR("  abc\n")), "abc");
    assert_text(text_normalize(arena, STR("e\u0301")), "é");
    assert_text(text_normalize(arena, STR("　重 庆\u00a0 ")), "重 庆");
    assert_text(text_normalize(arena, STR("ＡＢＣ")), "ＡＢＣ"); /* NFC keeps width */
    assert_text(text_normalize(arena, STR("\u3000")), "");
    assert_text(text_normalize(arena, STR_NULL), "");
    assert_text(text_normalize(arena, STR("\U0002F800")), "\U00004E3D"); /* a compatibility ideograph */
}

static void test_printable(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"", "abc", "重庆 é 😀", "a\u200db", "\u00a0", "\ue000"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        assert_true(text_is_printable(str_of(GOOD[i]), false));
        assert_true(text_is_printable(str_of(GOOD[i]), true));
    }
    static const char *const BAD[] = {"\x01", "a\x1f", "\x7f", "\r", "\xc2\x85", "\u202e", "\u202a", "\u2066",
        "\u2069", "\u0378", "\uffff", "\U0010ffff", "\xff", "\xe9\x87", "\xed\xa0\x80", "a\v", "\f"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (text_is_printable(str_of(BAD[i]), true) || text_is_printable(str_of(BAD[i]), false))
            fail_msg("row %zu was taken", i);
    static const char *const LINES[] = {"a\nb", "a\tb", "\u2028", "\u2029"};
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        assert_true(text_is_printable(str_of(LINES[i]), true));
        assert_false(text_is_printable(str_of(LINES[i]), false));
    }
    assert_false(text_is_printable(STR("a\0b"), true));
}

/* Folding twice is folding once, both ways of ASCII and ICU agree, and nothing reads past its input. */
static void test_random_text(void **state)
{
    (void)state;
    static const char *const PIECES[] = {"a", "Z", " ", "\t", "重", "Ａ", "e\u0301", "\u3000", "ß", "\u200b",
        "😀", "ｶﾞ", "\u0130", "ﷺ", "\xff", "\u0345", "\u1e9e"};
    random_begin();
    struct arena *own = arena_new();
    for (int round = 0; round < 30000; round++) {
        struct str text = STR("");
        for (size_t n = random_below(400) < 2 ? 300 : random_below(12); n > 0; n--)
            text = arena_printf(
                own, "%.*s%s", STR_ARGS(text), PIECES[random_below(sizeof PIECES / sizeof PIECES[0])]);
        struct str folded = text_fold(own, text), key = text_login_key(own, text),
                   normal = text_normalize(own, text);
        assert_true(str_is_utf8(folded) && str_is_utf8(key) && str_is_utf8(normal));
        assert_true(str_eq(text_fold(own, folded), folded));
        assert_true(str_eq(text_login_key(own, key), key));
        assert_true(str_eq(text_normalize(own, normal), normal));
        assert_true(str_eq(text_fold(own, text_normalize(own, normal)), text_fold(own, normal)));
        /* The same text by the way that is not ASCII's. */
        struct str longer = arena_printf(own, "%.*s重", STR_ARGS(folded));
        struct str both = text_fold(own, arena_printf(own, "%.*s重", STR_ARGS(text)));
        if (str_is_utf8(text))
            assert_true(str_eq(both, longer));
        assert_true(text_sort_key(own, text).n <= TEXT_SORT_KEY_MAX);
        arena_clear(own);
    }
    arena_free(own);
}

static void test_zones(void **state)
{
    (void)state;
    static const char *const GOOD[] = {
        "Asia/Shanghai", "UTC", "Asia/Urumqi", "America/New_York", "Europe/London"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_true(text_zone_is_known(str_of(GOOD[i])));
    static const char *const BAD[] = {"", "Asia", "Asia/Nowhere", "GMT+8", "GMT+08:00", "Etc/Unknown",
        " Asia/Shanghai", "Asia/Shanghai ", "重庆", "Asia/Shanghai/x", "../etc/passwd"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (text_zone_is_known(str_of(BAD[i])))
            fail_msg("\"%s\" was taken", BAD[i]);
    char endless[500];
    memset(endless, 'A', sizeof endless);
    assert_false(text_zone_is_known((struct str){endless, sizeof endless}));
}

static void assert_day(const char *zone, const char *instant, int year, int month, int day)
{
    int64_t us;
    struct err err = {0};
    int y = 0, m = 0, d = 0;
    assert_true(clock_parse_rfc3339(str_of(instant), &us));
    assert_int_equal(text_zone_day(str_of(zone), us, &y, &m, &d, &err), 0);
    if (y != year || m != month || d != day)
        fail_msg("%s in %s: %d-%d-%d", instant, zone, y, m, d);
}

static void test_days(void **state)
{
    (void)state;
    assert_day("Asia/Shanghai", "2026-11-21T15:59:59.999999Z", 2026, 11, 21);
    assert_day("Asia/Shanghai", "2026-11-21T16:00:00Z", 2026, 11, 22);
    assert_day("UTC", "2026-11-21T23:59:59.999999Z", 2026, 11, 21);
    assert_day("UTC", "1969-12-31T23:59:59.999999Z", 1969, 12, 31);
    assert_day("America/New_York", "2026-07-01T03:59:59Z", 2026, 6, 30); /* summer time */
    assert_day("America/New_York", "2026-01-01T04:59:59Z", 2025, 12, 31);
    assert_day("UTC", "1500-03-01T00:00:00Z", 1500, 3, 1); /* no Julian dates */
    assert_day("UTC", "1500-02-28T00:00:00Z", 1500, 2, 28);
    assert_day("UTC", "0001-01-01T00:00:00Z", 1, 1, 1);
    assert_day("UTC", "9999-12-31T23:59:59Z", 9999, 12, 31);
    struct err err = {0};
    int y = 7, m = 7, d = 7;
    assert_int_equal(text_zone_day(STR("Asia/Nowhere"), 0, &y, &m, &d, &err), -ERR_CONFIG);
    assert_true(y == 7 && m == 7 && d == 7);
}

/* In UTC the day is the date that the clock prints. */
static void test_days_against_the_clock(void **state)
{
    (void)state;
    random_begin();
    for (int i = 0; i < 20000; i++) {
        int64_t us = (int64_t)(random_u64() % UINT64_C(315537897600000000)) - INT64_C(62135596800000000);
        char text[CLOCK_TEXT_MAX];
        clock_print_rfc3339(us, text);
        int year, month, day, y = 0, m = 0, d = 0;
        struct err err = {0};
        assert_true(clock_parse_date((struct str){text, 10}, &year, &month, &day));
        assert_int_equal(text_zone_day(STR("UTC"), us, &y, &m, &d, &err), 0);
        assert_true(y == year && m == month && d == day);
    }
}

/* The floor that a page of 200 records with five such fields needs, far below what is measured (1 to 2 µs).
 */
static void test_speed(void **state)
{
    (void)state;
    struct arena *own = arena_new();
    struct str text = STR("重庆市江北区某某有限责任公司 Ltd");
    int64_t started_us = clock_monotonic_us();
    for (int i = 0; i < 20000; i++) {
        text_sort_key(own, text);
        text_fold(own, text);
        text_normalize(own, text);
        if (i % 100 == 0)
            arena_clear(own);
    }
    int64_t taken_us = clock_monotonic_us() - started_us;
    print_message("%.2f us for sort key, fold and normal form\n", (double)taken_us / 20000);
    assert_true(taken_us < 20000 * INT64_C(100));
    arena_free(own);
}

static void key_before_init(void)
{
    struct arena *own = arena_new();
    text_sort_key(own, STR("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinyin_order),
        cmocka_unit_test(test_sort_key_is_cut),
        cmocka_unit_test(test_collation_version),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_login_key),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_random_text),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_days_against_the_clock),
        cmocka_unit_test(test_speed),
    };
    if (!dies(key_before_init))
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
