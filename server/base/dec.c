/*
 * Exact decimals. All arithmetic runs on magnitudes in unsigned 128-bit integers, the sign apart: 38 digits
 * need 127 bits, and a sum of two such numbers, one of them brought to a larger scale, still fits.
 */
#include "base/dec.h"

#include "base/must.h"

typedef unsigned __int128 u128;

static u128 power_of_ten(int n)
{
    static const uint64_t SMALL[] = {1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u,
        1000000000u, 10000000000u, 100000000000u, 1000000000000u, 10000000000000u, 100000000000000u,
        1000000000000000u, 10000000000000000u, 100000000000000000u, 1000000000000000000u,
        10000000000000000000u};
    return n <= 19 ? (u128)SMALL[n] : (u128)SMALL[19] * SMALL[n - 19];
}

static u128 magnitude(struct dec value)
{
    u128 units = value.units < 0 ? 0 - (u128)value.units : (u128)value.units;
    must(value.scale >= 0 && value.scale <= DEC_MAX_DIGITS && units < power_of_ten(DEC_MAX_DIGITS));
    return units;
}

static bool make(bool negative, u128 units, int scale, struct dec *ret_value)
{
    if (scale > DEC_MAX_DIGITS || units >= power_of_ten(DEC_MAX_DIGITS))
        return false;
    __int128 magnitude_units = (__int128)units;
    *ret_value = (struct dec){.units = negative ? -magnitude_units : magnitude_units, .scale = scale};
    return true;
}

bool dec_parse(struct str text, struct dec *ret_value)
{
    bool negative = text.n && text.p[0] == '-';
    u128 units = 0;
    size_t digits_before = 0, digits_after = 0;
    bool point = false;
    for (size_t i = negative; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        units *= 10;
        units += (unsigned char)(c - '0');
        if (units >= power_of_ten(DEC_MAX_DIGITS))
            return false;
        *(point ? &digits_after : &digits_before) += 1;
    }
    if (digits_before == 0 || (point && digits_after == 0) || digits_after > DEC_MAX_DIGITS)
        return false;
    return make(negative, units, (int)digits_after, ret_value);
}

size_t dec_print(struct dec value, char text[DEC_TEXT_MAX])
{
    u128 units = magnitude(value);
    char reversed[DEC_TEXT_MAX];
    size_t n = 0;
    for (int digit = 0; digit <= value.scale || units > 0; digit++) {
        if (digit == value.scale && digit > 0)
            reversed[n++] = '.';
        reversed[n++] = (char)('0' + (int)(units % 10));
        units /= 10;
    }
    if (value.units < 0)
        reversed[n++] = '-';
    for (size_t i = 0; i < n; i++)
        text[i] = reversed[n - 1 - i];
    text[n] = '\0';
    return n;
}

int dec_cmp(struct dec a, struct dec b)
{
    if ((a.units < 0) != (b.units < 0))
        return a.units < 0 ? -1 : 1;
    int sign = a.units < 0 ? -1 : 1, scale = a.scale > b.scale ? a.scale : b.scale;
    u128 x = magnitude(a), y = magnitude(b), one_x = power_of_ten(a.scale), one_y = power_of_ten(b.scale);
    /* Whole parts first; parts after the point fit 38 digits at any scale. */
    if (x / one_x != y / one_y)
        return x / one_x < y / one_y ? -sign : sign;
    x = x % one_x * power_of_ten(scale - a.scale);
    y = y % one_y * power_of_ten(scale - b.scale);
    return x == y ? 0 : x < y ? -sign : sign;
}

/* units times 10^n if that stays under twice 10^38: the most that another number can bring back in range. */
static bool scale_up(u128 units, int n, u128 *ret_units)
{
    u128 limit = 2 * power_of_ten(DEC_MAX_DIGITS), factor = power_of_ten(n);
    if (units > limit / factor)
        return false;
    *ret_units = units * factor;
    return true;
}

bool dec_add(struct dec a, struct dec b, struct dec *ret_sum)
{
    int scale = a.scale > b.scale ? a.scale : b.scale;
    u128 x = magnitude(a), y = magnitude(b);
    if (!scale_up(x, scale - a.scale, &x) || !scale_up(y, scale - b.scale, &y))
        return false;
    if ((a.units < 0) == (b.units < 0))
        return make(a.units < 0, x + y, scale, ret_sum);
    return x >= y ? make(a.units < 0, x - y, scale, ret_sum) : make(b.units < 0, y - x, scale, ret_sum);
}

bool dec_sub(struct dec a, struct dec b, struct dec *ret_difference)
{
    b.units = -b.units;
    return dec_add(a, b, ret_difference);
}

bool dec_mul(struct dec a, struct dec b, struct dec *ret_product)
{
    u128 product;
    if (__builtin_mul_overflow(magnitude(a), magnitude(b), &product))
        return false;
    return make((a.units < 0) != (b.units < 0), product, a.scale + b.scale, ret_product);
}

static bool change_scale(struct dec value, int scale, bool round, struct dec *ret_value)
{
    must(scale >= 0 && scale <= DEC_MAX_DIGITS);
    u128 units = magnitude(value);
    if (scale >= value.scale)
        return scale_up(units, scale - value.scale, &units) && make(value.units < 0, units, scale, ret_value);
    u128 factor = power_of_ten(value.scale - scale), lost = units % factor;
    if (lost != 0 && !round)
        return false;
    return make(value.units < 0, units / factor + (lost >= factor / 2), scale, ret_value);
}

bool dec_rescale(struct dec value, int scale, struct dec *ret_value)
{
    return change_scale(value, scale, false, ret_value);
}

bool dec_round(struct dec value, int scale, struct dec *ret_value)
{
    return change_scale(value, scale, true, ret_value);
}
