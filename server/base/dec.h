/*
 * Exact decimals: a 128-bit integer and a scale (digits after the point). Money is this, never a double.
 * Operations that would lose a digit or leave 38 digits return false and leave the result untouched.
 */
#ifndef TIDEMARK_BASE_DEC_H
#define TIDEMARK_BASE_DEC_H

#include "base/str.h"

#define DEC_MAX_DIGITS 38
#define DEC_TEXT_MAX 48

struct dec {
    __int128 units; /* value times ten to the power of scale */
    int scale;      /* 0 to 38 */
};

/* "-12.50": digits, at most one point with digits on both sides, no exponent, no blanks, no plus sign. */
bool dec_parse(struct str text, struct dec *ret_value);
/* Writes at most DEC_TEXT_MAX bytes with a NUL; keeps the scale ("12.50"). Returns the length. */
size_t dec_print(struct dec value, char text[DEC_TEXT_MAX]);
int dec_cmp(struct dec a, struct dec b); /* 1.0 equals 1.00 */
bool dec_add(struct dec a, struct dec b, struct dec *ret_sum);
bool dec_sub(struct dec a, struct dec b, struct dec *ret_difference);
bool dec_mul(struct dec a, struct dec b, struct dec *ret_product);
/* The same value at another scale; false where a digit that is not zero would be lost. */
bool dec_rescale(struct dec value, int scale, struct dec *ret_value);
/* The same at another scale, half away from zero (四舍五入). */
bool dec_round(struct dec value, int scale, struct dec *ret_value);

#endif
