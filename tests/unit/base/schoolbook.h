/*
 * Decimals the slow way, for comparison: digits in an array, added and multiplied as on paper, at any length.
 */
#ifndef TIDEMARK_TESTS_SCHOOLBOOK_H
#define TIDEMARK_TESTS_SCHOOLBOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PAPER_DIGITS 200

struct paper {
    bool negative;
    int scale;
    uint8_t digit[PAPER_DIGITS]; /* of the units, the least first */
};

/* text must be good: "-12.50" */
static inline struct paper paper_of(const char *text)
{
    struct paper value = {.negative = text[0] == '-'};
    const char *point = strchr(text, '.');
    value.scale = point ? (int)strlen(point + 1) : 0;
    int n = 0;
    for (const char *p = text + strlen(text); p-- > text;)
        if (*p >= '0' && *p <= '9')
            value.digit[n++] = (uint8_t)(*p - '0');
    return value;
}

static inline struct paper paper_scaled(struct paper value, int scale)
{
    int by = scale - value.scale;
    memmove(value.digit + by, value.digit, (size_t)(PAPER_DIGITS - by));
    memset(value.digit, 0, (size_t)by);
    value.scale = scale;
    return value;
}

static inline int paper_length(const struct paper *value)
{
    int n = PAPER_DIGITS;
    while (n > 0 && value->digit[n - 1] == 0)
        n--;
    return n;
}

/* Magnitudes at one scale. */
static inline int paper_cmp_digits(const struct paper *a, const struct paper *b)
{
    for (int i = PAPER_DIGITS; i-- > 0;)
        if (a->digit[i] != b->digit[i])
            return a->digit[i] < b->digit[i] ? -1 : 1;
    return 0;
}

static inline struct paper paper_add(struct paper a, struct paper b)
{
    int scale = a.scale > b.scale ? a.scale : b.scale;
    a = paper_scaled(a, scale);
    b = paper_scaled(b, scale);
    struct paper sum = {.negative = a.negative, .scale = scale};
    if (a.negative != b.negative) {
        bool swap = paper_cmp_digits(&a, &b) < 0;
        const struct paper *large = swap ? &b : &a, *small = swap ? &a : &b;
        sum.negative = large->negative;
        for (int i = 0, borrow = 0; i < PAPER_DIGITS; i++) {
            int digit = large->digit[i] - small->digit[i] - borrow;
            borrow = digit < 0;
            sum.digit[i] = (uint8_t)(digit + 10 * borrow);
        }
        return sum;
    }
    for (int i = 0, carry = 0; i < PAPER_DIGITS; i++) {
        int digit = a.digit[i] + b.digit[i] + carry;
        carry = digit > 9;
        sum.digit[i] = (uint8_t)(digit - 10 * carry);
    }
    return sum;
}

static inline struct paper paper_mul(struct paper a, struct paper b)
{
    struct paper product = {.negative = a.negative != b.negative, .scale = a.scale + b.scale};
    int na = paper_length(&a), nb = paper_length(&b);
    for (int i = 0; i < na; i++) {
        int carry = 0;
        for (int j = 0; i + j < PAPER_DIGITS && (j < nb || carry); j++) {
            int digit = product.digit[i + j] + a.digit[i] * (j < nb ? b.digit[j] : 0) + carry;
            product.digit[i + j] = (uint8_t)(digit % 10);
            carry = digit / 10;
        }
    }
    return product;
}

static inline int paper_cmp(struct paper a, struct paper b)
{
    b.negative = !b.negative;
    struct paper difference = paper_add(a, b);
    return paper_length(&difference) == 0 ? 0 : difference.negative ? -1 : 1;
}

/* At a smaller scale, half away from zero; *ret_lost tells whether a digit other than 0 went. */
static inline struct paper paper_rounded(struct paper value, int scale, bool *ret_lost)
{
    int by = value.scale - scale;
    *ret_lost = false;
    for (int i = 0; i < by; i++)
        *ret_lost = *ret_lost || value.digit[i] != 0;
    int carry = by > 0 && value.digit[by - 1] >= 5;
    struct paper result = {.negative = value.negative, .scale = scale};
    for (int i = 0; i + by < PAPER_DIGITS; i++) {
        int digit = value.digit[i + by] + carry;
        carry = digit > 9;
        result.digit[i] = (uint8_t)(digit - 10 * carry);
    }
    return result;
}

/* False if it has more digits than 38, or more than 38 behind the point. */
static inline bool paper_print(const struct paper *value, char text[PAPER_DIGITS + 4])
{
    int n = paper_length(value);
    if (n > 38 || value->scale > 38)
        return false;
    char *p = text;
    if (value->negative && n > 0)
        *p++ = '-';
    for (int i = n > value->scale + 1 ? n : value->scale + 1; i-- > 0;) {
        *p++ = (char)('0' + value->digit[i]);
        if (i == value->scale && i > 0)
            *p++ = '.';
    }
    *p = '\0';
    return true;
}

#endif
