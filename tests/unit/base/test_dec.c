/* Decimals: single cases, and a million random ones against arithmetic on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/dec.h"

#include "dies.h"
#include "random.h"
#include "schoolbook.h"

static struct dec dec_of(const char *text)
{
    struct dec value;
    if (!dec_parse(str_of(text), &value))
        fail_msg("\"%s\" was refused", text);
    return value;
}

static void assert_dec(struct dec value, const char *expected)
{
    char text[DEC_TEXT_MAX];
    assert_int_equal(dec_print(value, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } GOOD[] = {{"0", "0"}, {"-0", "0"}, {"0.00", "0.00"}, {"-0.0", "0.0"}, {"12.50", "12.50"},
        {"-12.50", "-12.50"}, {"007", "7"}, {"0.5", "0.5"},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
        {"-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"},
        {"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"},
        {"-0.99999999999999999999999999999999999999", "-0.99999999999999999999999999999999999999"},
        {"1000000000000000.01", "1000000000000000.01"}};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_dec(dec_of(GOOD[i].in), GOOD[i].out);
    static const char *const BAD[] = {"", "-", ".", "-.", ".5", "5.", "-.5", "+1", "1e3", "1E3", " 1", "1 ",
        "1,000", "1.2.3", "--1", "1-", "0x1", "NaN", "Infinity", "１",
        "100000000000000000000000000000000000000", "1.00000000000000000000000000000000000000",
        "0.000000000000000000000000000000000000000", "1_0", "1.-5"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct dec value = {.units = 7, .scale = 3};
        if (dec_parse(str_of(BAD[i]), &value))
            fail_msg("\"%s\" was taken", BAD[i]);
        assert_true(value.units == 7 && value.scale == 3);
    }
    struct dec value;
    assert_false(dec_parse(STR_NULL, &value));
    assert_false(dec_parse(STR("1\0"), &value));
}

static void test_money(void **state)
{
    (void)state;
    struct dec sum, product;
    assert_true(dec_add(dec_of("0.1"), dec_of("0.2"), &sum));
    assert_dec(sum, "0.3");
    assert_true(dec_add(dec_of("1000000000000000"), dec_of("0.01"), &sum));
    assert_dec(sum, "1000000000000000.01");
    assert_true(dec_sub(dec_of("1.00"), dec_of("1"), &sum));
    assert_dec(sum, "0.00");
    assert_true(dec_mul(dec_of("19.99"), dec_of("-3"), &product));
    assert_dec(product, "-59.97");
    sum = dec_of("0");
    for (int i = 0; i < 1000; i++)
        assert_true(dec_add(sum, dec_of("0.001"), &sum));
    assert_int_equal(dec_cmp(sum, dec_of("1")), 0);
}

static void test_rounding(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int scale;
        const char *out;
    } CASES[] = {{"2.5", 0, "3"}, {"-2.5", 0, "-3"}, {"2.4", 0, "2"}, {"0.005", 2, "0.01"},
        {"0.0049", 2, "0.00"}, {"-0.005", 2, "-0.01"}, {"-0.004", 2, "0.00"}, {"9.995", 2, "10.00"},
        {"1", 2, "1.00"}, {"1.23", 2, "1.23"}, {"0.5", 0, "1"}, {"0.45", 0, "0"},
        {"0.99999999999999999999999999999999999999", 0, "1"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct dec rounded;
        assert_true(dec_round(dec_of(CASES[i].in), CASES[i].scale, &rounded));
        assert_dec(rounded, CASES[i].out);
    }
    struct dec value = {.units = 7, .scale = 3};
    assert_false(dec_rescale(dec_of("1.005"), 2, &value));
    assert_false(dec_rescale(dec_of("99999999999999999999999999999999999999"), 1, &value));
    assert_true(value.units == 7 && value.scale == 3);
    assert_true(dec_rescale(dec_of("1.500"), 1, &value));
    assert_dec(value, "1.5");
}

/* The intermediate value is past 38 digits, the sum is not. */
static void test_sum_that_comes_back_into_range(void **state)
{
    (void)state;
    struct dec sum, small = dec_of("-9999999999999999999999999999999999999.9");
    assert_true(dec_add(dec_of("10000000000000000000000000000000000000"), small, &sum));
    assert_dec(sum, "0.1");
    assert_true(dec_add(dec_of("19999999999999999999999999999999999999"), small, &sum));
    assert_dec(sum, "9999999999999999999999999999999999999.1");
    assert_false(dec_add(dec_of("20000000000000000000000000000000000000"), small, &sum));
    assert_false(dec_add(dec_of("99999999999999999999999999999999999999"), dec_of("1"), &sum));
    assert_dec(sum, "9999999999999999999999999999999999999.1");
}

/* Many zeros and nines, because carries and edges are there. */
static void random_decimal(char text[DEC_TEXT_MAX])
{
    size_t digits = 1 + random_below(38), scale = random_below(digits + 1), n = 0;
    if (scale == 38)
        digits = 38;
    if (random_below(2))
        text[n++] = '-';
    if (scale == digits)
        text[n++] = '0';
    size_t style = random_below(4);
    for (size_t i = 0; i < digits; i++) {
        if (i == digits - scale)
            text[n++] = '.';
        text[n++] = (char)('0' + (style == 0 ? 9 : style == 1 ? random_below(2) * 9 : random_below(10)));
    }
    text[n] = '\0';
}

static void check_against_paper(
    bool good, struct dec result, const struct paper *paper, const char *what, const char *a, const char *b)
{
    char expected[PAPER_DIGITS + 4], text[DEC_TEXT_MAX];
    bool fits = paper_print(paper, expected);
    if (good != fits)
        fail_msg("%s of %s and %s: %s", what, a, b, fits ? "refused" : "taken");
    if (!good)
        return;
    dec_print(result, text);
    if (strcmp(text, expected) != 0)
        fail_msg("%s of %s and %s: %s, not %s", what, a, b, text, expected);
}

static void test_against_paper(void **state)
{
    (void)state;
    random_begin();
    size_t n_sums = 0, n_products = 0;
    for (int round = 0; round < 150000; round++) {
        char ta[DEC_TEXT_MAX], tb[DEC_TEXT_MAX];
        random_decimal(ta);
        random_decimal(tb);
        struct dec a = dec_of(ta), b = dec_of(tb), result = {0};
        struct paper pa = paper_of(ta), pb = paper_of(tb), paper = paper_add(pa, pb);
        bool good = dec_add(a, b, &result);
        n_sums += good;
        check_against_paper(good, result, &paper, "sum", ta, tb);
        struct paper minus_b = pb;
        minus_b.negative = !minus_b.negative;
        paper = paper_add(pa, minus_b);
        good = dec_sub(a, b, &result);
        check_against_paper(good, result, &paper, "difference", ta, tb);
        paper = paper_mul(pa, pb);
        good = dec_mul(a, b, &result);
        n_products += good;
        check_against_paper(good, result, &paper, "product", ta, tb);
        assert_int_equal(dec_cmp(a, b), paper_cmp(pa, pb));
        assert_int_equal(dec_cmp(b, a), -dec_cmp(a, b));
        assert_int_equal(dec_cmp(a, a), 0);
    }
    assert_true(n_sums > 10000 && n_products > 5000);
}

static void test_scales_against_paper(void **state)
{
    (void)state;
    random_begin();
    for (int round = 0; round < 150000; round++) {
        char text[DEC_TEXT_MAX];
        random_decimal(text);
        int scale = (int)random_below(DEC_MAX_DIGITS + 1);
        struct dec value = dec_of(text), rounded = {0}, rescaled = {0};
        struct paper paper = paper_of(text);
        bool lost = false;
        paper = scale >= paper.scale ? paper_scaled(paper, scale) : paper_rounded(paper, scale, &lost);
        bool good = dec_round(value, scale, &rounded);
        check_against_paper(good, rounded, &paper, "rounding", text, "");
        assert_int_equal(dec_rescale(value, scale, &rescaled), good && !lost);
        if (good && !lost)
            assert_true(rescaled.units == rounded.units && rescaled.scale == scale);
        else
            assert_true(rescaled.units == 0 && rescaled.scale == 0);
    }
}

static void test_print_and_parse_are_inverse(void **state)
{
    (void)state;
    random_begin();
    for (int round = 0; round < 100000; round++) {
        char text[DEC_TEXT_MAX], again[DEC_TEXT_MAX];
        random_decimal(text);
        struct dec value = dec_of(text), same;
        size_t n = dec_print(value, again);
        assert_true(dec_parse((struct str){again, n}, &same));
        assert_true(same.units == value.units && same.scale == value.scale);
    }
}

static void scale_too_far(void)
{
    struct dec value;
    dec_rescale((struct dec){.units = 1}, 39, &value);
}

static void print_39_digits(void)
{
    char text[DEC_TEXT_MAX];
    __int128 units = (__int128)10000000000000000000u * 10000000000000000000u;
    dec_print((struct dec){.units = units}, text);
}

static void test_misuse_is_asserted(void **state)
{
    (void)state;
    assert_true(dies(scale_too_far));
    assert_true(dies(print_39_digits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_sum_that_comes_back_into_range),
        cmocka_unit_test(test_against_paper),
        cmocka_unit_test(test_scales_against_paper),
        cmocka_unit_test(test_print_and_parse_are_inverse),
        cmocka_unit_test(test_misuse_is_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
