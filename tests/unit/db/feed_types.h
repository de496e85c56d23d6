/*
 * Every column type that the feed reads, with its edges as SQL and a maker of random values, for the
 * comparison of the decoder with SELECT.
 */
#ifndef TIDEMARK_TESTS_FEED_TYPES_H
#define TIDEMARK_TESTS_FEED_TYPES_H

#include "base/buf.h"
#include "base/must.h"
#include "random.h"

#include <arpa/inet.h>

enum maker {
    MAKE_NOTHING,
    MAKE_INT,     /* a bits; b: unsigned */
    MAKE_DECIMAL, /* a digits, b of them behind the point; */
    MAKE_FLOAT,
    MAKE_DOUBLE,
    MAKE_BITS, /* a */
    MAKE_DATE,
    MAKE_DATETIME, /* a digits of the second's fraction */
    MAKE_TIMESTAMP,
    MAKE_TIME,
    MAKE_YEAR,
    MAKE_TEXT, /* up to a characters */
    MAKE_ASCII,
    MAKE_LATIN1,
    MAKE_BYTES, /* up to a bytes */
    MAKE_UUID,
    MAKE_INET6,
    MAKE_INET4,
    MAKE_CHOICE, /* 1 to a */
    MAKE_SET,    /* a members */
    MAKE_POINT
};

struct spec {
    const char *type;
    enum maker maker;
    int a, b;
    const char *edges[20]; /* SQL */
};

#define INT_EDGES(lo, hi)                                                                                    \
    {                                                                                                        \
        "0", "1", "-1", "127", "-128", "100", lo, hi                                                         \
    }
#define UNSIGNED_EDGES(hi)                                                                                   \
    {                                                                                                        \
        "0", "1", "127", "128", "255", hi                                                                    \
    }
#define TEXT_EDGES                                                                                           \
    {                                                                                                        \
        "''", "'a'", "' a '", "'客户 😀 é'", "REPEAT('x',63)"                                                 \
    }
#define TIME_EDGES(f)                                                                                        \
    {                                                                                                        \
        "'00:00:00'", "'838:59:59'", "'-838:59:59'", "'00:00:00.999999'", "'-00:00:00.9'", "'-00:00:01'",    \
            "'-00:00:01.000001'", "'-00:00:00.000001'", "'-01:02:03.500000'", "'23:59:59.123456'",           \
            "'-838:59:58.999999'", "'838:59:58." f "'"                                                       \
    }
#define DATETIME_EDGES                                                                                       \
    {                                                                                                        \
        "'0000-00-00 00:00:00'", "'0001-01-01 00:00:00'", "'1000-01-01 00:00:00.000001'",                    \
            "'9999-12-31 23:59:59'", "'9999-12-31 23:59:58.999998'", "'2028-02-29 12:34:56.789012'",         \
            "'2026-00-00 00:00:00'", "'1969-12-31 23:59:59.9'", "'2026-11-22 01:02:03.000004'"               \
    }
#define TIMESTAMP_EDGES                                                                                      \
    {                                                                                                        \
        "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'",                           \
            "'2000-02-29 12:34:56.789'", "'2026-11-22 01:02:03.000004'", "'1999-12-31 23:59:59.5'"           \
    }

static const struct spec SPECS[] = {
    {"TINYINT", MAKE_INT, 8, 0, INT_EDGES("-127", "126")},
    {"TINYINT UNSIGNED", MAKE_INT, 8, 1, UNSIGNED_EDGES("254")},
    {"BOOLEAN", MAKE_NOTHING, 0, 0, {"TRUE", "FALSE"}},
    {"SMALLINT", MAKE_INT, 16, 0, INT_EDGES("-32768", "32767")},
    {"SMALLINT UNSIGNED", MAKE_INT, 16, 1, UNSIGNED_EDGES("65535")},
    {"MEDIUMINT", MAKE_INT, 24, 0, INT_EDGES("-8388608", "8388607")},
    {"MEDIUMINT UNSIGNED", MAKE_INT, 24, 1, UNSIGNED_EDGES("16777215")},
    {"INT", MAKE_INT, 32, 0, INT_EDGES("-2147483648", "2147483647")},
    {"INT UNSIGNED", MAKE_INT, 32, 1, UNSIGNED_EDGES("4294967295")},
    {"BIGINT", MAKE_INT, 64, 0, INT_EDGES("-9223372036854775808", "9223372036854775807")},
    {"BIGINT UNSIGNED", MAKE_INT, 64, 1,
        {"0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"}},
    {"DECIMAL(1,0)", MAKE_DECIMAL, 1, 0, {"0", "9", "-9", "-0"}},
    {"DECIMAL(5,2)", MAKE_DECIMAL, 5, 2, {"0", "0.5", "-0.01", "999.99", "-999.99", "-0.001", "10"}},
    {"DECIMAL(5,5)", MAKE_DECIMAL, 5, 5, {"0", "0.5", "-0.00001", "0.99999", "-0.99999"}},
    {"DECIMAL(9,0)", MAKE_DECIMAL, 9, 0, {"0", "999999999", "-999999999", "1"}},
    {"DECIMAL(10,1)", MAKE_DECIMAL, 10, 1, {"0", "999999999.9", "-999999999.9", "-1"}},
    {"DECIMAL(18,9)", MAKE_DECIMAL, 18, 9,
        {"0", "999999999.999999999", "-999999999.999999999", "1.000000001"}},
    {"DECIMAL(20,2)", MAKE_DECIMAL, 20, 2,
        {"0", "999999999999999999.99", "-999999999999999999.99", "1000000000"}},
    {"DECIMAL(38,10)", MAKE_DECIMAL, 38, 10, {"0", "-1234567890123456789.0000000001", "1000000000000000000"}},
    {"DECIMAL(38,38)", MAKE_DECIMAL, 38, 38, {"0", "0.00000000000000000000000000000000000001"}},
    {"DECIMAL(65,30)", MAKE_DECIMAL, 65, 30,
        {"0", "-99999999999999999999999999999999999.999999999999999999999999999999"}},
    {"DECIMAL(65,0)", MAKE_DECIMAL, 65, 0,
        {"0", "99999999999999999999999999999999999999999999999999999999999999999"}},
    {"DECIMAL(12,3) UNSIGNED", MAKE_NOTHING, 0, 0, {"0", "999999999.999", "0.001"}},
    {"FLOAT", MAKE_FLOAT, 0, 0,
        {"0", "-0e0", "1.5", "-1.1", "3.402823e38", "-3.402823e38", "1e-45", "0.1", "16777217"}},
    {"FLOAT(7,2)", MAKE_NOTHING, 0, 0, {"0", "1.25", "-99999.99", "0.1", "12345.67"}},
    {"FLOAT UNSIGNED", MAKE_NOTHING, 0, 0, {"0", "0.3", "1e30"}},
    {"DOUBLE", MAKE_DOUBLE, 0, 0,
        {"0", "-0e0", "0.1", "-1.7976931348623157e308", "1.7976931348623157e308", "2.2250738585072014e-308",
            "5e-324"}},
    {"DOUBLE(10,3)", MAKE_NOTHING, 0, 0, {"0", "0.1", "-1234567.891"}},
    {"BIT(1)", MAKE_BITS, 1, 0, {"b'0'", "b'1'"}},
    {"BIT(7)", MAKE_BITS, 7, 0, {"b'0'", "b'1111111'"}},
    {"BIT(8)", MAKE_BITS, 8, 0, {"b'0'", "b'10000000'"}},
    {"BIT(9)", MAKE_BITS, 9, 0, {"b'0'", "b'100000000'", "b'111111111'"}},
    {"BIT(63)", MAKE_BITS, 63, 0, {"0", "9223372036854775807"}},
    {"BIT(64)", MAKE_BITS, 64, 0, {"0", "18446744073709551615", "9223372036854775808"}},
    {"DATE", MAKE_DATE, 0, 0,
        {"'0000-00-00'", "'0001-01-01'", "'9999-12-31'", "'2028-02-29'", "'2026-00-00'"}},
    {"DATETIME", MAKE_DATETIME, 0, 0, DATETIME_EDGES},
    {"DATETIME(1)", MAKE_DATETIME, 1, 0, DATETIME_EDGES},
    {"DATETIME(2)", MAKE_DATETIME, 2, 0, DATETIME_EDGES},
    {"DATETIME(3)", MAKE_DATETIME, 3, 0, DATETIME_EDGES},
    {"DATETIME(4)", MAKE_DATETIME, 4, 0, DATETIME_EDGES},
    {"DATETIME(5)", MAKE_DATETIME, 5, 0, DATETIME_EDGES},
    {"DATETIME(6)", MAKE_DATETIME, 6, 0, DATETIME_EDGES},
    {"TIMESTAMP", MAKE_TIMESTAMP, 0, 0, TIMESTAMP_EDGES},
    {"TIMESTAMP(1)", MAKE_TIMESTAMP, 1, 0, TIMESTAMP_EDGES},
    {"TIMESTAMP(2)", MAKE_TIMESTAMP, 2, 0, TIMESTAMP_EDGES},
    {"TIMESTAMP(3)", MAKE_TIMESTAMP, 3, 0, TIMESTAMP_EDGES},
    {"TIMESTAMP(4)", MAKE_TIMESTAMP, 4, 0, TIMESTAMP_EDGES},
    {"TIMESTAMP(5)", MAKE_TIMESTAMP, 5, 0, TIMESTAMP_EDGES},
    {"TIMESTAMP(6)", MAKE_TIMESTAMP, 6, 0, TIMESTAMP_EDGES},
    {"TIME", MAKE_TIME, 0, 0, TIME_EDGES("0")},
    {"TIME(1)", MAKE_TIME, 1, 0, TIME_EDGES("9")},
    {"TIME(2)", MAKE_TIME, 2, 0, TIME_EDGES("99")},
    {"TIME(3)", MAKE_TIME, 3, 0, TIME_EDGES("999")},
    {"TIME(4)", MAKE_TIME, 4, 0, TIME_EDGES("9999")},
    {"TIME(5)", MAKE_TIME, 5, 0, TIME_EDGES("99999")},
    {"TIME(6)", MAKE_TIME, 6, 0, TIME_EDGES("999999")},
    {"YEAR", MAKE_YEAR, 0, 0, {"0", "1901", "2155", "2026"}},
    {"CHAR(1)", MAKE_TEXT, 1, 0, {"''", "'a'", "'观'", "'😀'"}},
    {"CHAR(32) CHARACTER SET ascii", MAKE_ASCII, 32, 0, {"''", "'abc'", "REPEAT('x',32)", "' a'"}},
    {"CHAR(63)", MAKE_TEXT, 63, 0, TEXT_EDGES},
    {"CHAR(64)", MAKE_TEXT, 64, 0, TEXT_EDGES},
    {"CHAR(255)", MAKE_TEXT, 255, 0,
        {"''", "'a'", "REPEAT('x',255)", "REPEAT('观',255)", "REPEAT('😀',255)", "' b '"}},
    {"CHAR(200) CHARACTER SET utf8mb3", MAKE_NOTHING, 0, 0, {"''", "REPEAT('观',200)"}},
    {"CHAR(20) CHARACTER SET latin1", MAKE_LATIN1, 20, 0, {"''", "'é€'", "X'8081828D8F909D9FA0FF'"}},
    {"VARCHAR(10) CHARACTER SET latin1", MAKE_LATIN1, 10, 0, {"''", "'ÿ'", "X'80FF'"}},
    {"TEXT CHARACTER SET latin1", MAKE_LATIN1, 300, 0, {"''", "REPEAT('é',1000)"}},
    {"VARCHAR(63)", MAKE_TEXT, 63, 0, TEXT_EDGES},
    {"VARCHAR(64)", MAKE_TEXT, 64, 0, TEXT_EDGES},
    {"VARCHAR(64) CHARACTER SET utf8mb3", MAKE_ASCII, 64, 0, TEXT_EDGES},
    {"VARCHAR(255) CHARACTER SET ascii", MAKE_ASCII, 255, 0,
        {"''", "'a'", "REPEAT('x',255)", "REPEAT('x',254)"}},
    {"VARCHAR(256) CHARACTER SET ascii", MAKE_ASCII, 256, 0,
        {"''", "'a'", "REPEAT('x',255)", "REPEAT('x',256)"}},
    {"VARCHAR(16000)", MAKE_TEXT, 600, 0, {"''", "REPEAT('😀',16000)", "REPEAT('x',255)", "REPEAT('x',256)"}},
    {"VARCHAR(64) COLLATE utf8mb4_general_ci", MAKE_TEXT, 64, 0, TEXT_EDGES},
    {"VARCHAR(64) COLLATE utf8mb4_unicode_520_ci", MAKE_TEXT, 64, 0, TEXT_EDGES},
    {"VARCHAR(64) COLLATE utf8mb4_uca1400_ai_ci", MAKE_TEXT, 64, 0, TEXT_EDGES},
    {"BINARY(1)", MAKE_BYTES, 1, 0, {"''", "X'00'", "X'FF'"}},
    {"BINARY(4)", MAKE_BYTES, 4, 0, {"''", "X'00'", "X'01000000'", "X'FFFFFFFF'", "'a b '"}},
    {"BINARY(16)", MAKE_BYTES, 16, 0, {"''", "X'00'", "REPEAT(X'FF',16)", "REPEAT(X'00',16)"}},
    {"BINARY(255)", MAKE_BYTES, 255, 0, {"''", "REPEAT(X'FF',255)", "X'0100'", "REPEAT(' ',255)"}},
    {"VARBINARY(255)", MAKE_BYTES, 255, 0, {"''", "X'00'", "X'0000'", "REPEAT(X'FF',255)"}},
    {"VARBINARY(256)", MAKE_BYTES, 256, 0, {"''", "X'00'", "REPEAT(X'FF',255)", "REPEAT(X'FF',256)"}},
    {"VARBINARY(65000)", MAKE_BYTES, 700, 0, {"''", "REPEAT(X'00',65000)"}},
    {"TINYTEXT", MAKE_TEXT, 60, 0, {"''", "'a'", "REPEAT('x',255)"}},
    {"TEXT", MAKE_TEXT, 300, 0, {"''", "'a'", "REPEAT('x',255)", "REPEAT('x',256)", "REPEAT('x',65535)"}},
    {"MEDIUMTEXT", MAKE_TEXT, 300, 0, {"''", "REPEAT('观',100000)"}},
    {"LONGTEXT", MAKE_TEXT, 300, 0, {"''", "REPEAT('x',65536)", "REPEAT('x',1000000)"}},
    {"TINYBLOB", MAKE_BYTES, 255, 0, {"''", "X'00'", "REPEAT(X'FF',255)"}},
    {"BLOB", MAKE_BYTES, 600, 0,
        {"''", "X'00'", "REPEAT(X'FF',255)", "REPEAT(X'FF',256)", "REPEAT(X'FF',65535)"}},
    {"MEDIUMBLOB", MAKE_BYTES, 600, 0, {"''", "REPEAT(X'00',65536)"}},
    {"LONGBLOB", MAKE_BYTES, 600, 0, {"''", "REPEAT(X'00',300000)"}},
    {"JSON", MAKE_NOTHING, 0, 0, {"'{}'", "'[1, \"观澜\", null]'", "'{\"a\": {\"b\": 1.50}}'"}},
    {"ENUM('x','y','观澜','')", MAKE_CHOICE, 4, 0, {"'x'", "'观澜'", "''", "0"}},
    {"ENUM('a','é') CHARACTER SET utf8mb3", MAKE_CHOICE, 2, 0, {"'a'", "'é'"}},
    {"ENUM('low','high') CHARACTER SET ascii", MAKE_CHOICE, 2, 0, {"'low'", "'high'"}},
    {"ENUM('low','high') CHARACTER SET latin1", MAKE_CHOICE, 2, 0, {"'low'", "'high'"}},
    {"SET('x','y','观澜')", MAKE_SET, 3, 0, {"''", "'x'", "'x,观澜'", "'x,y,观澜'"}},
    {"SET('1','2','3','4','5','6','7','8','9')", MAKE_SET, 9, 0, {"''", "'9'", "'1,9'"}},
    {"UUID", MAKE_UUID, 0, 0,
        {"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'123e4567-e89b-12d3-a456-426655440000'", "'123e4567-e89b-72d3-a456-426655440000'",
            "'6ccd780c-baba-1026-9564-5b8c656024db'", "'018f3a3e-1c2d-6abc-8def-0123456789ab'"}},
    {"INET6", MAKE_INET6, 0, 0,
        {"'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.128'", "'::192.0.2.128'", "'fe80::'",
            "'1:0:0:2:0:0:0:3'", "'1:2:3:4:5:6:7:8'", "'1:2:3:0:5:6:7:8'"}},
    {"INET4", MAKE_INET4, 0, 0, {"'0.0.0.0'", "'255.255.255.255'", "'10.0.0.1'"}},
    {"POINT", MAKE_POINT, 0, 0, {"ST_GeomFromText('POINT(1 2)')"}},
    {"GEOMETRY", MAKE_POINT, 0, 0,
        {"ST_GeomFromText('LINESTRING(0 0,1 1,2 2)')",
            "ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0))', 4326)"}},
    {"LINESTRING", MAKE_NOTHING, 0, 0, {"ST_GeomFromText('LINESTRING(0 0,1 1)')"}},
};
#define SPEC_COUNT (sizeof SPECS / sizeof SPECS[0])
#define RANDOM_ROWS 40

/* ---- random values, as SQL ---- */

static inline void make_hex(struct buf *sql, size_t max)
{
    const size_t n = random_below(8) == 0 ? max : random_below(max + 1);

    buf_add_text(sql, "X'");
    for (size_t i = 0; i < n; i++) {
        buf_printf(sql, "%02x", random_below(4) == 0 ? 0u : (unsigned)random_below(256));
    }
    buf_add_char(sql, '\'');
}

static inline void make_text(struct buf *sql, size_t max, const char *const *pieces, size_t n_pieces)
{
    const size_t n = random_below(8) == 0 ? max : random_below(max + 1);

    buf_add_char(sql, '\'');
    for (size_t i = 0; i < n; i++) {
        buf_add_text(sql, pieces[random_below(n_pieces)]);
    }
    buf_add_char(sql, '\'');
}

static inline void make_digits(struct buf *sql, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_char(sql, (char)('0' + random_below(10)));
    }
}

static inline void make_number(struct buf *sql, const struct spec *spec)
{
    const uint64_t bits = random_u64() >> random_below(64);

    switch ((int)spec->maker) {
    case MAKE_INT:
        if (spec->b != 0) {
            buf_printf(sql, "%llu", (unsigned long long)(bits >> (64 - spec->a)));
        } else {
            buf_printf(sql, "%lld", (long long)((int64_t)random_u64() >> (64 - spec->a)));
        }
        break;
    case MAKE_DECIMAL:
        buf_add_text(sql, random_below(2) == 0 ? "-" : "");
        make_digits(sql, random_below((size_t)(spec->a - spec->b) + 1));
        buf_add_text(sql, "0.");
        sql->p[sql->n - 2] = '.'; /* no digit of its own before the point */
        sql->n -= 1;
        make_digits(sql, (size_t)spec->b);
        buf_add_char(sql, '0');
        break;
    case MAKE_FLOAT:
        buf_printf(sql, "%.9g", ((double)random_u64() - 9e18) * (random_below(2) == 0 ? 1e-20 : 1e10));
        break;
    case MAKE_DOUBLE:
        buf_printf(sql, "%.17e", ((double)random_u64() - 9e18) * (random_below(2) == 0 ? 1e-200 : 1e100));
        break;
    default:
        buf_printf(sql, "%llu", (unsigned long long)(bits >> (64 - spec->a)));
        break;
    }
}

static inline void make_time(struct buf *sql, const struct spec *spec)
{
    const unsigned us = (unsigned)random_below(4) == 0 ? 0 : (unsigned)random_below(1000000);

    if (spec->maker == MAKE_TIME) {
        buf_printf(sql, "'%s%u:%02u:%02u.%06u'", random_below(2) == 0 ? "-" : "",
            (unsigned)random_below(random_below(2) == 0 ? 838 : 3), (unsigned)random_below(60),
            (unsigned)random_below(60), us);
        return;
    }
    buf_printf(sql, "'%04u-%02u-%02u",
        (unsigned)(spec->maker == MAKE_TIMESTAMP ? 1971 + random_below(66) : 1 + random_below(9998)),
        (unsigned)random_below(12) + 1, (unsigned)random_below(28) + 1);
    if (spec->maker != MAKE_DATE) {
        buf_printf(sql, " %02u:%02u:%02u.%06u", (unsigned)random_below(24), (unsigned)random_below(60),
            (unsigned)random_below(60), us);
    }
    buf_add_char(sql, '\'');
}

static inline void make_string(struct buf *sql, const struct spec *spec)
{
    static const char *const any[] = {"a", "Z", " ", "观", "澜", "é", "😀", "0", "-", "\\\\", "''"};
    static const char *const ascii[] = {"a", "Z", " ", "9", "~"};
    static const char *const latin1[] = {"a", "é", "ÿ", "€", " ", "œ"};
    static const char *const hex = "0123456789abcdef";
    char printed[INET6_ADDRSTRLEN];
    uint8_t bytes[16];

    switch ((int)spec->maker) {
    case MAKE_ASCII:
        make_text(sql, (size_t)spec->a, ascii, sizeof ascii / sizeof ascii[0]);
        break;
    case MAKE_LATIN1:
        make_text(sql, (size_t)spec->a, latin1, sizeof latin1 / sizeof latin1[0]);
        break;
    case MAKE_UUID: /* every version and variant */
        buf_add_char(sql, '\'');
        for (int i = 0; i < 32; i++) {
            buf_add_text(sql, i == 8 || i == 12 || i == 16 || i == 20 ? "-" : "");
            buf_add_char(sql, hex[random_below(random_below(8) == 0 ? 1 : 16)]);
        }
        buf_add_char(sql, '\'');
        break;
    case MAKE_INET6:
    case MAKE_INET4:
        for (int i = 0; i < 16; i++) {
            bytes[i] = random_below(2) == 0 ? 0 : (uint8_t)random_u64();
        }
        must(inet_ntop(spec->maker == MAKE_INET6 ? AF_INET6 : AF_INET, bytes, printed, sizeof printed));
        buf_printf(sql, "'%s'", printed);
        break;
    default:
        make_text(sql, (size_t)spec->a, any, sizeof any / sizeof any[0]);
        break;
    }
}

static inline void make_value(struct buf *sql, const struct spec *spec)
{
    if (random_below(10) == 0) {
        buf_add_text(sql, "NULL");
        return;
    }
    switch ((int)spec->maker) {
    case MAKE_NOTHING:
        buf_add_text(sql, spec->edges[0]);
        break;
    case MAKE_INT:
    case MAKE_DECIMAL:
    case MAKE_FLOAT:
    case MAKE_DOUBLE:
    case MAKE_BITS:
        make_number(sql, spec);
        break;
    case MAKE_DATE:
    case MAKE_DATETIME:
    case MAKE_TIMESTAMP:
    case MAKE_TIME:
        make_time(sql, spec);
        break;
    case MAKE_YEAR:
        buf_printf(sql, "%u", 1901 + (unsigned)random_below(255));
        break;
    case MAKE_BYTES:
        make_hex(sql, (size_t)spec->a);
        break;
    case MAKE_CHOICE:
        buf_printf(sql, "%u", 1 + (unsigned)random_below((size_t)spec->a));
        break;
    case MAKE_SET:
        buf_printf(sql, "%u", (unsigned)random_below((size_t)1 << spec->a));
        break;
    case MAKE_POINT:
        buf_printf(
            sql, "ST_GeomFromText('POINT(%d %d)')", (int)random_below(1000) - 500, (int)random_below(1000));
        break;
    case MAKE_TEXT:
    case MAKE_ASCII:
    case MAKE_LATIN1:
    case MAKE_UUID:
    case MAKE_INET6:
    case MAKE_INET4:
    default:
        make_string(sql, spec);
        break;
    }
}

#endif
