/*
 * One value of a row image, into exactly what a SELECT through stmt.c gives for it: numbers as numbers,
 * decimals and times in SQL's form, text in UTF-8. The formats are those of MariaDB's storage (Field::pack),
 * most with the highest byte first and the sign turned so that bytes compare like values.
 */
#include "base/clock.h"
#include "base/must.h"
#include "db/feed_decode.h"

#include <mysql.h>
#include <string.h>

/* ---- numbers ---- */

static bool take_integer(
    struct bytes *row, size_t n, bool is_unsigned, struct buf *text, struct db_val *ret_value)
{
    const uint64_t bits = take_le(row, n);
    const unsigned unused = (unsigned)(64 - 8 * n);

    if (!is_unsigned) {
        *ret_value = DB_I((int64_t)(bits << unused) >> unused);
    } else if (bits <= INT64_MAX) {
        *ret_value = DB_I(bits);
    } else {
        const size_t before = text->n;

        buf_printf(text, "%llu", (unsigned long long)bits);
        *ret_value = DB_S(((struct str){NULL, text->n - before}));
    }
    return !row->bad;
}

static bool take_real(struct bytes *row, size_t n, struct db_val *ret_value)
{
    const uint8_t *p = take(row, n);
    float small;

    *ret_value = (struct db_val){.kind = DB_REAL};
    if (p != NULL && n == sizeof small) {
        memcpy(&small, p, sizeof small);
        ret_value->real = (double)small;
    } else if (p != NULL) {
        memcpy(&ret_value->real, p, sizeof ret_value->real);
    }
    return p != NULL;
}

static bool take_bits(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const uint64_t bits = take_be(row, ((size_t)layout->width + 7) / 8);

    if (bits <= INT64_MAX) {
        *ret_value = DB_I(bits);
    } else {
        const size_t before = text->n;

        buf_printf(text, "%llu", (unsigned long long)bits);
        *ret_value = DB_S(((struct str){NULL, text->n - before}));
    }
    return !row->bad;
}

#define DIGITS_PER_GROUP 9
static const uint8_t BYTES_OF_DIGITS[DIGITS_PER_GROUP + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

/* One group of up to nine digits, as it stands in the image: all bits turned if the number is negative. */
static bool take_group(struct bytes *row, unsigned digits, bool negative, bool first, uint32_t *ret_group)
{
    static const uint32_t past[DIGITS_PER_GROUP + 1] = {
        1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
    const size_t n = BYTES_OF_DIGITS[digits];
    uint64_t group = take_be(row, n);

    if (first) {
        group ^= UINT64_C(0x80) << (8 * (n - 1)); /* the sign's bit */
    }
    if (negative) {
        group = ~group & ((UINT64_C(1) << (8 * n)) - 1);
    }
    *ret_group = (uint32_t)group;
    return !row->bad && group < past[digits];
}

static bool take_decimal(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t before = text->n;
    unsigned whole = (unsigned)(layout->precision - layout->scale), fraction = layout->scale;
    const bool negative = row->n > 0 && (row->p[0] & 0x80) == 0;
    bool first = true, started = false;
    uint32_t group;

    if (negative) {
        buf_add_char(text, '-');
    }
    while (whole > 0) { /* the odd digits come first */
        const unsigned digits = whole % DIGITS_PER_GROUP != 0 ? whole % DIGITS_PER_GROUP : DIGITS_PER_GROUP;

        if (!take_group(row, digits, negative, first, &group)) {
            return false;
        }
        if (started) {
            buf_printf(text, "%09u", group);
        } else if (group != 0) {
            buf_printf(text, "%u", group);
            started = true;
        }
        first = false;
        whole -= digits;
    }
    if (!started) {
        buf_add_char(text, '0');
    }
    if (fraction > 0) {
        buf_add_char(text, '.');
    }
    while (fraction > 0) { /* the odd digits come last */
        const unsigned digits = fraction < DIGITS_PER_GROUP ? fraction : DIGITS_PER_GROUP;

        if (!take_group(row, digits, negative, first, &group)) {
            return false;
        }
        buf_printf(text, "%0*u", (int)digits, group);
        first = false;
        fraction -= digits;
    }
    *ret_value = DB_S(((struct str){NULL, text->n - before}));
    return true;
}

/* ---- times ---- */

static const uint32_t UNIT_OF_BYTES[4] = {0, 10000, 100, 1}; /* microseconds of one unit of the fraction */

static size_t fraction_bytes(const struct feed_layout *layout)
{
    return ((size_t)layout->scale + 1) / 2;
}

static void add_fraction(struct buf *text, const struct feed_layout *layout, uint32_t us)
{
    static const uint32_t unit[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};

    if (layout->scale > 0) {
        buf_printf(text, ".%0*u", layout->scale, us / unit[layout->scale]);
    }
}

static struct db_val text_since(const struct buf *text, size_t before)
{
    return DB_S(((struct str){NULL, text->n - before}));
}

static bool take_date(struct bytes *row, struct buf *text, struct db_val *ret_value)
{
    const size_t before = text->n;
    const unsigned bits = (unsigned)take_le(row, 3);

    buf_printf(text, "%04u-%02u-%02u", bits >> 9, bits >> 5 & 15, bits & 31);
    *ret_value = text_since(text, before);
    return !row->bad;
}

static bool take_datetime(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t before = text->n, n = fraction_bytes(layout);
    const uint64_t bits = take_be(row, 5) ^ UINT64_C(0x8000000000);
    const uint32_t us = (uint32_t)take_be(row, n) * UNIT_OF_BYTES[n];
    const unsigned month = (unsigned)(bits >> 22 & 0x3FFFF), clock = (unsigned)(bits & 0x1FFFF);

    if (row->bad || bits >> 40 != 0 || us >= 1000000 || month / 13 > 9999) {
        return false;
    }
    buf_printf(text, "%04u-%02u-%02u %02u:%02u:%02u", month / 13, month % 13, (unsigned)(bits >> 17 & 31),
        clock >> 12, clock >> 6 & 63, clock & 63);
    add_fraction(text, layout, us);
    *ret_value = text_since(text, before);
    return true;
}

static bool take_timestamp(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t before = text->n, n = fraction_bytes(layout);
    const uint64_t seconds = take_be(row, 4);
    const uint32_t us = (uint32_t)take_be(row, n) * UNIT_OF_BYTES[n];
    char printed[CLOCK_TEXT_MAX];

    if (row->bad || us >= 1000000) {
        return false;
    }
    if (seconds == 0 && us == 0) { /* stands for no time at all */
        buf_add_text(text, "0000-00-00 00:00:00");
    } else {
        (void)clock_print_sql((int64_t)seconds * 1000000, printed);
        buf_add(text, printed, sizeof "0000-00-00 00:00:00" - 1);
    }
    add_fraction(text, layout, us);
    *ret_value = text_since(text, before);
    return true;
}

/* Whole and fraction are one signed number, so a negative time counts its fraction backwards. */
static bool take_time(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t before = text->n, n = fraction_bytes(layout);
    const unsigned fraction_bits = (unsigned)(8 * n);
    const int64_t offset = INT64_C(0x800000) << fraction_bits;
    const int64_t value = (int64_t)take_be(row, 3 + n) - offset;
    const uint64_t size = (uint64_t)(value < 0 ? -value : value);
    const uint32_t us = (uint32_t)((size & ((UINT64_C(1) << fraction_bits) - 1)) * UNIT_OF_BYTES[n]);
    const unsigned clock = (unsigned)(size >> fraction_bits);

    if (row->bad || us >= 1000000 || (n == 0 && us != 0)) {
        return false;
    }
    buf_printf(
        text, "%s%02u:%02u:%02u", value < 0 ? "-" : "", clock >> 12 & 1023, clock >> 6 & 63, clock & 63);
    add_fraction(text, layout, us);
    *ret_value = text_since(text, before);
    return true;
}

/* ---- text and bytes ---- */

/* What Windows' code page 1252 has between 0x80 and 0x9F; MariaDB keeps the five holes as controls. */
static const uint16_t LATIN1_HIGH[32] = {0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6,
    0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013,
    0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178};

static void add_latin1(struct buf *text, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned point = p[i] >= 0x80 && p[i] < 0xA0 ? LATIN1_HIGH[p[i] - 0x80] : p[i];

        if (point < 0x80) {
            buf_add_char(text, (char)point);
        } else if (point < 0x800) {
            buf_add_char(text, (char)(0xC0 | point >> 6));
            buf_add_char(text, (char)(0x80 | (point & 63)));
        } else {
            buf_add_char(text, (char)(0xE0 | point >> 12));
            buf_add_char(text, (char)(0x80 | (point >> 6 & 63)));
            buf_add_char(text, (char)(0x80 | (point & 63)));
        }
    }
}

static struct db_val add_string(
    struct buf *text, const struct feed_layout *layout, const uint8_t *p, size_t n)
{
    const size_t before = text->n;

    if (layout->charset == FEED_LATIN1) {
        add_latin1(text, p, n);
    } else if (n > 0) {
        buf_add(text, p, n);
    }
    return (struct db_val){
        .kind = layout->charset == FEED_BINARY ? DB_BYTES : DB_TEXT, .s = {NULL, text->n - before}};
}

static bool take_string(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t n = (size_t)take_le(row, layout->n_length);
    const uint8_t *p = take(row, n);

    if (row->bad) {
        return false;
    }
    *ret_value = add_string(text, layout, p, n);
    return true;
}

/* The record of a UUID of versions 1 to 5 stands with its parts turned round, so that time sorts. */
static void print_uuid(struct buf *text, const uint8_t stored[16])
{
    static const uint8_t turned[16] = {12, 13, 14, 15, 10, 11, 8, 9, 6, 7, 0, 1, 2, 3, 4, 5};
    const bool is_turned = (stored[6] & 0x80) != 0 && stored[8] > 0 && stored[8] < 0x60;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            buf_add_char(text, '-');
        }
        buf_printf(text, "%02x", stored[is_turned ? turned[i] : i]);
    }
}

/* The longest run of zeros, the first of equals, becomes "::", even if it is a single one; what is an IPv4
 * address inside is printed like one. This is MariaDB's own form: inet_ntop's differs for single zeros. */
static void print_inet6(struct buf *text, const uint8_t stored[16])
{
    unsigned words[8], gap = 8, n_gap = 0, run = 0;

    for (unsigned i = 0; i < 8; i++) {
        words[i] = (unsigned)stored[2 * i] << 8 | stored[2 * i + 1];
        run = words[i] == 0 ? run + 1 : 0;
        if (run > n_gap) {
            n_gap = run;
            gap = i + 1 - run;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap) {
            buf_add_text(text, i == 0 ? "::" : ":");
            i += n_gap - 1;
        } else if (i == 6 && gap == 0 && (n_gap == 6 || (n_gap == 5 && words[5] == 0xFFFF))) {
            buf_printf(text, "%u.%u.%u.%u", stored[12], stored[13], stored[14], stored[15]);
            return;
        } else {
            buf_printf(text, i < 7 ? "%x:" : "%x", words[i]);
        }
    }
}

static void print_fixed(struct buf *text, enum feed_fixed fixed, const uint8_t stored[16])
{
    if (fixed == FEED_FIXED_UUID) {
        print_uuid(text, stored);
    } else if (fixed == FEED_FIXED_INET6) {
        print_inet6(text, stored);
    } else {
        buf_printf(text, "%u.%u.%u.%u", stored[0], stored[1], stored[2], stored[3]);
    }
}

/* CHAR and BINARY: what fills them at the end is not logged; a SELECT shows it for BINARY only. */
static bool take_fixed_string(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t n = (size_t)take_le(row, layout->n_length), before = text->n;
    const uint8_t *p = take(row, n);
    uint8_t filled[16] = {0};

    if (row->bad || n > layout->width) {
        return false;
    }
    if (layout->fixed != FEED_FIXED_NONE) {
        memcpy(filled, p, n);
        print_fixed(text, layout->fixed, filled);
        *ret_value = text_since(text, before);
        return true;
    }
    *ret_value = add_string(text, layout, p, n);
    if (layout->charset == FEED_BINARY) {
        for (size_t i = n; i < layout->width; i++) {
            buf_add_char(text, '\0');
        }
        ret_value->s.n = layout->width;
    }
    return true;
}

static bool take_choice(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    const size_t before = text->n;
    const uint64_t number = take_le(row, layout->n_length);
    bool several = false;

    if (row->bad || (layout->type == MYSQL_TYPE_ENUM && number > layout->n_labels) ||
        (layout->type == MYSQL_TYPE_SET && layout->n_labels < 64 && number >> layout->n_labels != 0)) {
        return false;
    }
    if (layout->type == MYSQL_TYPE_ENUM) {
        buf_add_str(text, number == 0 ? STR("") : layout->labels[number - 1]); /* 0: a value refused */
    }
    for (size_t i = 0; layout->type == MYSQL_TYPE_SET && i < layout->n_labels; i++) {
        if ((number >> i & 1) != 0) {
            if (several) {
                buf_add_char(text, ',');
            }
            buf_add_str(text, layout->labels[i]);
            several = true;
        }
    }
    *ret_value = text_since(text, before);
    return true;
}

bool feed_value_take(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value)
{
    switch (layout->type) {
    case MYSQL_TYPE_TINY:
        return take_integer(row, 1, layout->is_unsigned, text, ret_value);
    case MYSQL_TYPE_SHORT:
        return take_integer(row, 2, layout->is_unsigned, text, ret_value);
    case MYSQL_TYPE_INT24:
        return take_integer(row, 3, layout->is_unsigned, text, ret_value);
    case MYSQL_TYPE_LONG:
        return take_integer(row, 4, layout->is_unsigned, text, ret_value);
    case MYSQL_TYPE_LONGLONG:
        return take_integer(row, 8, layout->is_unsigned, text, ret_value);
    case MYSQL_TYPE_YEAR:
        *ret_value = DB_I(take_le(row, 1));
        ret_value->i += ret_value->i > 0 ? 1900 : 0;
        return !row->bad;
    case MYSQL_TYPE_FLOAT:
        return take_real(row, 4, ret_value);
    case MYSQL_TYPE_DOUBLE:
        return take_real(row, 8, ret_value);
    case MYSQL_TYPE_NEWDECIMAL:
        return take_decimal(row, layout, text, ret_value);
    case MYSQL_TYPE_BIT:
        return take_bits(row, layout, text, ret_value);
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        return take_date(row, text, ret_value);
    case MYSQL_TYPE_DATETIME2:
        return take_datetime(row, layout, text, ret_value);
    case MYSQL_TYPE_TIMESTAMP2:
        return take_timestamp(row, layout, text, ret_value);
    case MYSQL_TYPE_TIME2:
        return take_time(row, layout, text, ret_value);
    case MYSQL_TYPE_STRING:
        return take_fixed_string(row, layout, text, ret_value);
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
        return take_string(row, layout, text, ret_value);
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
        return take_choice(row, layout, text, ret_value);
    default:
        return false;
    }
}
