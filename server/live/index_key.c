/*
 * From values to keys. Each kind has its way to a 64-bit number that never falls where filter_compare rises:
 *
 * - ids and whole numbers: the number itself, moved above zero;
 * - dates and instants: their digits, YYYYMMDDhhmmss, then the fraction in steps of eight microseconds;
 * - doubles: their bits;
 * - decimals: the value times ten thousand, digits past that cut off; past nine hundred million millions all
 *   alike;
 * - texts: the first eight bytes, codes the first ten (six bits each do for capital letters and digits),
 * filled up with blanks. MariaDB compares ASCII columns as if filled up with blanks and others not, and only
 * bytes below the blank tell the difference: a text is cut at the first of them, so that one rule serves
 * both.
 *
 * The hash covers the whole text (without the blanks that do not count), else the order. It is seeded: a user
 * who chooses filters cannot know which of them fall together.
 */
#include "live/index_int.h"

#include <string.h>

enum { TIME_DIGITS = 14, TIME_FRACTION_BITS = 17, DECIMAL_PLACES = 4 };
#define MIDDLE ((uint64_t)1 << 63) /* the order of zero */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_order(uint64_t order, const uint64_t seed[2])
{
    return mix(mix(order ^ seed[0], seed[1]) ^ seed[0], seed[1]);
}

static uint64_t hash_text(struct str text, const uint64_t seed[2])
{
    uint64_t hash = seed[0] ^ text.n;
    for (size_t i = 0; i < text.n; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, text.p + i, text.n - i < sizeof word ? text.n - i : sizeof word);
        hash = mix(word ^ seed[1], hash ^ seed[0]);
    }
    return mix(hash ^ seed[0], seed[1]);
}

/* With that many bits for a byte; one that is past them is as high as can be, whatever follows. */
static uint64_t order_of_text(struct str text, unsigned bits)
{
    const unsigned highest = (1u << bits) - 1;
    unsigned places = 64 / bits, fill = 0;
    uint64_t order = 0;
    for (size_t i = 0; i < text.n && places > 0; i++, places--) {
        const unsigned char c = (unsigned char)text.p[i];
        fill = c >= ' ' + highest ? highest : 0;
        if (c < ' ' || fill)
            break;
        order = order << bits | (c - (unsigned)' ');
    }
    for (; places > 0; places--)
        order = order << bits | fill;
    return order;
}

/* "2026-11-22", "2026-11-22 01:02:03.000004" */
static uint64_t order_of_time(struct str text)
{
    uint64_t whole = 0, millionths = 0;
    size_t i = 0, n = 0;
    for (; i < text.n && text.p[i] != '.' && n < TIME_DIGITS; i++)
        if (text.p[i] >= '0' && text.p[i] <= '9') {
            whole = whole * 10 + (uint64_t)(text.p[i] - '0');
            n++;
        }
    for (; n < TIME_DIGITS; n++)
        whole *= 10;
    i++; /* the point */
    for (n = 0; n < 6; n++, i++)
        millionths = millionths * 10 +
                     (i < text.n && text.p[i] >= '0' && text.p[i] <= '9' ? (uint64_t)(text.p[i] - '0') : 0);
    return whole << TIME_FRACTION_BITS | millionths >> 3;
}

static bool take_digit(struct str text, size_t *i, uint64_t *ret_digit)
{
    if (*i >= text.n || text.p[*i] < '0' || text.p[*i] > '9')
        return false;
    *ret_digit = (uint64_t)(text.p[(*i)++] - '0');
    return true;
}

/* At most MIDDLE - 1. */
static uint64_t append_digit(uint64_t number, uint64_t digit)
{
    return number > (MIDDLE - 10) / 10 ? MIDDLE - 1 : number * 10 + digit;
}

static bool order_of_decimal(struct str text, uint64_t *ret_order)
{
    const bool negative = text.n > 0 && text.p[0] == '-';
    uint64_t magnitude = 0, digit;
    size_t i = negative, places = 0;
    while (take_digit(text, &i, &digit))
        magnitude = append_digit(magnitude, digit);
    if (i == negative)
        return false;
    i += i < text.n && text.p[i] == '.';
    while (take_digit(text, &i, &digit))
        if (places < DECIMAL_PLACES) {
            magnitude = append_digit(magnitude, digit);
            places++;
        }
    for (; places < DECIMAL_PLACES; places++)
        magnitude = append_digit(magnitude, 0);
    *ret_order = negative ? MIDDLE - magnitude : MIDDLE + magnitude;
    return i == text.n;
}

static uint64_t order_of_whole(int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (magnitude >= MIDDLE)
        magnitude = MIDDLE - 1;
    for (int i = 0; i < DECIMAL_PLACES; i++)
        magnitude = append_digit(magnitude, 0);
    return value < 0 ? MIDDLE - magnitude : MIDDLE + magnitude;
}

/* Doubles compare as their bits do, those below zero the other way round; both zeros are one. */
static uint64_t order_of_real(double value)
{
    uint64_t bits;
    if (!(value < 0 || value > 0))
        return MIDDLE;
    memcpy(&bits, &value, sizeof bits);
    return bits & MIDDLE ? ~bits : bits | MIDDLE;
}

static struct str without_blanks(struct str text)
{
    while (text.n > 0 && text.p[text.n - 1] == ' ')
        text.n--;
    return text;
}

static bool key_of_text(
    enum filter_kind kind, const struct db_val *value, const uint64_t seed[2], struct live_key *ret_key)
{
    if (value->kind != DB_TEXT && value->kind != DB_BYTES)
        return false;
    ret_key->order = order_of_text(value->s, kind == FILTER_CODE ? 6 : 8);
    ret_key->hash = hash_text(kind == FILTER_TEXT ? value->s : without_blanks(value->s), seed);
    return true;
}

bool live_key_make(
    enum filter_kind kind, const struct db_val *value, const uint64_t seed[2], struct live_key *ret_key)
{
    bool good = false;
    switch (kind) {
    case FILTER_TEXT:
    case FILTER_CODE:
    case FILTER_CHOICE:
        return key_of_text(kind, value, seed, ret_key);
    case FILTER_DATE:
    case FILTER_INSTANT:
        good = value->kind == DB_TEXT;
        if (good)
            ret_key->order = order_of_time(value->s);
        break;
    case FILTER_DECIMAL:
        good =
            value->kind == DB_INT || (value->kind == DB_TEXT && order_of_decimal(value->s, &ret_key->order));
        if (value->kind == DB_INT)
            ret_key->order = order_of_whole(value->i);
        break;
    case FILTER_NUMBER:
        good = value->kind == DB_REAL;
        ret_key->order = order_of_real(value->real);
        break;
    case FILTER_INTEGER:
    case FILTER_REFERENCE:
        good = value->kind == DB_INT;
        ret_key->order = (uint64_t)value->i ^ MIDDLE;
        break;
    case FILTER_SEVERAL: /* conditions on it ask for a part of it */
        break;
    }
    if (good)
        ret_key->hash = hash_order(ret_key->order, seed);
    return good;
}
