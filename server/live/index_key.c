/*
 * From values to keys. Each kind has its way to a 128-bit number that never falls where filter_compare rises:
 *
 * - ids: the number itself, moved above zero; dates and instants: their digits, YYYYMMDDhhmmssffffff;
 * - decimals: the value times a million, digits past that cut off; past 32 digits before the point all alike;
 * - texts: the first 16 bytes, filled up with blanks. MariaDB compares ASCII columns as if filled up with
 *   blanks and others not, and only bytes below the blank tell the difference: a text is cut at the first of
 *   them, so that one rule serves both.
 *
 * The hash covers the whole text (without the blanks that do not count), else the order. It is seeded: a user
 * who chooses filters cannot know which of them fall together.
 */
#include "live/index_int.h"

#include <string.h>

enum { TEXT_BYTES = 16, FRACTION_DIGITS = 6, WHOLE_DIGITS = 32, TIME_DIGITS = 14 };

static uint64_t mix(uint64_t a, uint64_t b)
{
    live_order product = (live_order)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_order(live_order order, const uint64_t seed[2])
{
    return mix(mix((uint64_t)order ^ seed[0], (uint64_t)(order >> 64) ^ seed[1]) ^ seed[0], seed[1]);
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

static live_order order_of_text(struct str text)
{
    live_order order = 0;
    size_t n = 0;
    for (; n < text.n && n < TEXT_BYTES && (unsigned char)text.p[n] >= ' '; n++)
        order = order << 8 | (unsigned char)text.p[n];
    for (; n < TEXT_BYTES; n++)
        order = order << 8 | ' ';
    return order;
}

/* "2026-11-22", "2026-11-22 01:02:03.000004" */
static live_order order_of_time(struct str text)
{
    uint64_t whole = 0, fraction = 0;
    size_t i = 0, n = 0;
    for (; i < text.n && text.p[i] != '.' && n < TIME_DIGITS; i++)
        if (text.p[i] >= '0' && text.p[i] <= '9') {
            whole = whole * 10 + (uint64_t)(text.p[i] - '0');
            n++;
        }
    for (; n < TIME_DIGITS; n++)
        whole *= 10;
    i += i < text.n; /* the point */
    for (n = 0; n < FRACTION_DIGITS; n++, i++)
        fraction = fraction * 10 +
                   (i < text.n && text.p[i] >= '0' && text.p[i] <= '9' ? (uint64_t)(text.p[i] - '0') : 0);
    return (live_order)whole * 1000000 + fraction;
}

static bool take_digit(struct str text, size_t *i, unsigned *ret_digit)
{
    if (*i >= text.n || text.p[*i] < '0' || text.p[*i] > '9')
        return false;
    *ret_digit = (unsigned)(text.p[(*i)++] - '0');
    return true;
}

/* Millionths; saturates. False where the text is no decimal. */
static bool read_magnitude(struct str text, live_order *ret_magnitude)
{
    live_order magnitude = 0;
    size_t i = 0, digits = 0, kept = 0;
    unsigned digit;
    while (take_digit(text, &i, &digit)) {
        digits += digits > 0 || digit > 0;
        if (digits <= WHOLE_DIGITS)
            magnitude = magnitude * 10 + digit;
    }
    if (i < text.n && text.p[i] == '.')
        i++;
    while (take_digit(text, &i, &digit))
        if (kept < FRACTION_DIGITS) {
            magnitude = magnitude * 10 + digit;
            kept++;
        }
    for (; kept < FRACTION_DIGITS; kept++)
        magnitude *= 10;
    if (digits > WHOLE_DIGITS)
        magnitude = LIVE_ORDER_MAX >> 1;
    *ret_magnitude = magnitude;
    return text.n > 0 && i == text.n;
}

static bool order_of_decimal(struct str text, live_order *ret_order)
{
    const live_order zero = LIVE_ORDER_MAX / 2 + 1;
    live_order magnitude;
    bool negative = text.n > 0 && text.p[0] == '-';
    if (!read_magnitude(negative ? (struct str){text.p + 1, text.n - 1} : text, &magnitude))
        return false;
    *ret_order = negative ? zero - magnitude : zero + magnitude;
    return true;
}

static live_order order_of_int(int64_t value, unsigned scale)
{
    return LIVE_ORDER_MAX / 2 + 1 + (live_order)((__int128)value * scale);
}

static struct str without_blanks(struct str text)
{
    while (text.n > 0 && text.p[text.n - 1] == ' ')
        text.n--;
    return text;
}

bool live_key_make(
    enum filter_kind kind, const struct db_val *value, const uint64_t seed[2], struct live_key *ret_key)
{
    const bool is_text = value->kind == DB_TEXT || value->kind == DB_BYTES, is_int = value->kind == DB_INT;
    struct live_key key = {0};
    bool good = is_text;
    switch (kind) {
    case FILTER_TEXT:
    case FILTER_CODE:
    case FILTER_CHOICE:
        if (!is_text)
            return false;
        key.order = order_of_text(value->s);
        key.hash = hash_text(kind == FILTER_TEXT ? value->s : without_blanks(value->s), seed);
        break;
    case FILTER_DATE:
    case FILTER_INSTANT:
        if (is_text)
            key.order = order_of_time(value->s);
        break;
    case FILTER_DECIMAL:
        if (is_int)
            key.order = order_of_int(value->i, 1000000);
        good = is_int || (is_text && order_of_decimal(value->s, &key.order));
        break;
    case FILTER_REFERENCE:
        if (is_int)
            key.order = order_of_int(value->i, 1);
        good = is_int;
        break;
    case FILTER_SEVERAL: /* conditions on it ask for a part of it */
        return false;
    }
    if (key.hash == 0)
        key.hash = hash_order(key.order, seed);
    *ret_key = key;
    return good;
}
