/* Pinyin for search: syllables, readings, what is kept of a text and what a word asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "text/text.h"

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

static void assert_reading(const char *text, const char *expected)
{
    struct text_pinyin pinyin;
    text_pinyin(arena, str_of(text), &pinyin);
    if (!str_eq(pinyin.text, str_of(expected)))
        fail_msg("\"%s\" reads \"%.*s\", not \"%s\"", text, STR_ARGS(pinyin.text), expected);
}

static void test_readings(void **state)
{
    (void)state;
    assert_reading("", "");
    assert_reading("中国", "ZhongGuo");
    assert_reading("银行", "YinXing\nYinHang");
    assert_reading("吕女", "LvNv\nLuNv\nLvNu\nLuNu");
    assert_reading("abc贸易 2号", "ABCMaoYi2Hao");
    assert_reading("kohler贸", "KohlerMao"); /* a longer run of letters is one syllable */
    assert_reading("köln-中", "KöLN-Zhong");
    assert_reading("行行行行", "XingXingXingXing\nHangXingXingXing\nXingHangXingXing\nHangHangXingXing\n"
                               "XingXingHangXing\nHangXingHangXing\nXingHangHangXing\nHangHangHangXing");
    assert_reading("𠮷田", "𠮷Tian"); /* past the basic plane there is no reading */
}

static bool has_word(const struct text_pinyin *pinyin, const char *word)
{
    for (size_t i = 0; i < pinyin->n_words; i++)
        if (str_eq(pinyin->words[i], str_of(word)))
            return true;
    return false;
}

static void test_words(void **state)
{
    (void)state;
    static const char *const WORDS[] = {
        "zhongguoyi", "zgyh", "zgyx", "guoyinhang", "gyh", "yinhang", "yh", "hang", "xing"};
    struct text_pinyin pinyin;
    text_pinyin(arena, STR("中国银行"), &pinyin);
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (!has_word(&pinyin, WORDS[i]))
            fail_msg("no word \"%s\"", WORDS[i]);
    for (size_t i = 0; i < pinyin.n_words; i++) {
        assert_true(pinyin.words[i].n > 0 && pinyin.words[i].n <= TEXT_PINYIN_WORD_MAX);
        assert_true(i == 0 || str_cmp(pinyin.words[i - 1], pinyin.words[i]) < 0);
    }
    assert_false(has_word(&pinyin, "h"));
}

static void test_searched_words(void **state)
{
    (void)state;
    struct text_pinyin_word word;
    text_pinyin_word(arena, STR("zg"), &word);
    assert_true(word.is_ascii);
    assert_true(str_eq(word.begins, STR("zg")));
    assert_true(str_eq(word.pattern, STR("Z[gG]|Z[a-z]*G")));
    text_pinyin_word(arena, STR("国a."), &word);
    assert_false(word.is_ascii);
    assert_true(str_eq(word.begins, STR("guoa.")));
    assert_true(str_eq(word.pattern, STR("G[uU][oO][aA]\\x2e")));
    text_pinyin_word(arena, STR("中国银行总行"), &word);
    assert_int_equal(word.begins.n, TEXT_PINYIN_WORD_MAX);
}

/* Whatever stands in a text from a syllable on, written as there, begins one of its words: else a search
 * would miss it. */
static void test_random_parts_are_found(void **state)
{
    (void)state;
    static const char *const PARTS[] = {"中", "国", "行", "重", "吕", "長", "é", "𠮷", "1", "-", "ｱ", "乐"};
    random_begin();
    for (int i = 0; i < 3000; i++) {
        char text[200] = "";
        size_t n = 1 + random_below(12), starts[13], from = random_below(n);
        for (size_t p = 0; p < n; p++) {
            starts[p] = strlen(text);
            strcat(text, PARTS[random_below(sizeof PARTS / sizeof PARTS[0])]);
        }
        starts[n] = strlen(text);
        size_t to = from + 1 + random_below(n - from);
        struct str part = {text + starts[from], starts[to] - starts[from]};
        struct text_pinyin pinyin;
        struct text_pinyin_word word;
        bool found = false;
        text_pinyin(arena, str_of(text), &pinyin);
        text_pinyin_word(arena, part, &word);
        for (size_t w = 0; w < pinyin.n_words; w++)
            found = found || str_starts(pinyin.words[w], word.begins);
        if (!found)
            fail_msg("\"%.*s\" of \"%s\" begins no word", STR_ARGS(part), text);
        arena_clear(arena);
    }
}

/* However long a text, its readings fit their column, and what comes after a run of letters is read. */
static void test_long_runs(void **state)
{
    (void)state;
    enum { LETTERS = 20000 };
    static const size_t APART[] = {LETTERS, 1000, 64, 5};
    for (size_t a = 0; a < sizeof APART / sizeof APART[0]; a++) {
        struct text_pinyin pinyin;
        char *text = arena_alloc(arena, 2 * LETTERS + 32);
        size_t n = strlen("行行行行");
        memcpy(text, "行行行行", n);
        for (size_t i = 0; i < LETTERS; i++) {
            if (i > 0 && i % APART[a] == 0)
                text[n++] = ' ';
            text[n++] = (char)('a' + i % 26);
        }
        memcpy(text + n, "重庆", strlen("重庆"));
        text_pinyin(arena, (struct str){text, n + strlen("重庆")}, &pinyin);
        assert_true(pinyin.text.n > strlen("XingXingXingXing") + 64 && pinyin.text.n < 65535);
        assert_true(str_starts(pinyin.text, STR("XingXingXingXingA")));
        assert_true(has_word(&pinyin, "abcdefghij"));
        assert_true(APART[a] != LETTERS || has_word(&pinyin, "zhongqing"));
    }
    struct text_pinyin_word word;
    char letters[101] = "", pattern[64 * 4 + 1] = "A";
    memset(letters, 'a', 100);
    for (size_t i = 1; i < 64; i++)
        strcat(pattern, "[aA]");
    text_pinyin_word(arena, str_of(letters), &word);
    assert_true(str_starts(word.pattern, str_of(pattern)));
    assert_int_equal(word.pattern.p[strlen(pattern)], '|'); /* the initials */
}

static void test_any_bytes(void **state)
{
    (void)state;
    struct text_pinyin pinyin;
    struct text_pinyin_word word;
    struct str bytes = {"\xff\xe4\xb8 \x80", 5};
    text_pinyin(arena, bytes, &pinyin);
    text_pinyin_word(arena, bytes, &word);
    assert_true(pinyin.n_words > 0 && word.pattern.n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readings), cmocka_unit_test(test_words),
        cmocka_unit_test(test_searched_words), cmocka_unit_test(test_random_parts_are_found),
        cmocka_unit_test(test_long_runs), cmocka_unit_test(test_any_bytes)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
