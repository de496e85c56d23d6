/*
 * The decoder against SELECT (REALTIME E1): for every column type, null and its edges and thousands of random
 * values, the image in the binlog must be what db_query returns for the same row, before and after an UPDATE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "db/feed_decode.h"
#include "feed_fixture.h"
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

static void make_hex(struct buf *sql, size_t max)
{
    const size_t n = random_below(8) == 0 ? max : random_below(max + 1);

    buf_add_text(sql, "X'");
    for (size_t i = 0; i < n; i++) {
        buf_printf(sql, "%02x", random_below(4) == 0 ? 0u : (unsigned)random_below(256));
    }
    buf_add_char(sql, '\'');
}

static void make_text(struct buf *sql, size_t max, const char *const *pieces, size_t n_pieces)
{
    const size_t n = random_below(8) == 0 ? max : random_below(max + 1);

    buf_add_char(sql, '\'');
    for (size_t i = 0; i < n; i++) {
        buf_add_text(sql, pieces[random_below(n_pieces)]);
    }
    buf_add_char(sql, '\'');
}

static void make_digits(struct buf *sql, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_char(sql, (char)('0' + random_below(10)));
    }
}

static void make_number(struct buf *sql, const struct spec *spec)
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

static void make_time(struct buf *sql, const struct spec *spec)
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

static void make_string(struct buf *sql, const struct spec *spec)
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

static void make_value(struct buf *sql, const struct spec *spec)
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

/* ---- the comparison ---- */

static struct db *loose; /* one connection that lets zero dates and cut values pass */
static unsigned n_compared;

static struct db_rows select_all(size_t nth)
{
    char sql[80];

    (void)snprintf(sql, sizeof sql, "SELECT * FROM v%zu ORDER BY id", nth);
    return fixture_query(loose, sql, DB_NO_PARAMS);
}

static void insert_all(const struct spec *spec, size_t nth, struct feed *feed)
{
    struct buf sql;
    struct feed_tx *tx;
    struct db_rows rows;

    buf_init(&sql, 0);
    buf_printf(&sql, "INSERT INTO v%zu (id,v) VALUES (0,NULL)", nth);
    for (int i = 0; i < 20 && spec->edges[i] != NULL; i++) {
        buf_printf(&sql, ",(%d,%s)", i + 1, spec->edges[i]);
    }
    for (int i = 0; i < RANDOM_ROWS; i++) {
        buf_printf(&sql, ",(%d,", 100 + i);
        make_value(&sql, spec);
        buf_add_char(&sql, ')');
    }
    (void)fixture_query(loose, buf_cstr(&sql), DB_NO_PARAMS);
    buf_done(&sql);
    rows = select_all(nth);
    tx = feed_take_rows(feed);
    must(tx->first && tx->last && tx->n_changes == rows.n_rows);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const struct feed_change *change = &tx->changes[i];

        must(change->op == FEED_INSERT && change->before == NULL);
        must(same_row(change->table, change->after, &rows, i, spec->type));
        n_compared++;
    }
    feed_tx_unref(tx);
}

static size_t row_of(const struct db_rows *rows, int64_t id)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (db_cell(rows, i, 0)->i == id) {
            return i;
        }
    }
    never("a row that the feed tells is not in the table");
}

/* Each row takes the value of the next one: both images of the change are known. */
static void rotate_all(const struct spec *spec, size_t nth, struct feed *feed)
{
    char sql[200];
    struct db_rows before = select_all(nth), after;
    struct feed_tx *tx;

    (void)snprintf(sql, sizeof sql,
        "UPDATE v%zu a JOIN (SELECT id, LEAD(v) OVER (ORDER BY id) AS v FROM v%zu) b ON b.id=a.id"
        " SET a.v=b.v, a.w=a.id",
        nth, nth);
    (void)fixture_query(loose, sql, DB_NO_PARAMS);
    after = select_all(nth);
    tx = feed_take_rows(feed);
    must(tx->n_changes == after.n_rows);
    for (size_t i = 0; i < after.n_rows; i++) {
        const struct feed_change *change = &tx->changes[i];

        const size_t row = row_of(&after, change->after[0].i); /* a join has an order of its own */

        must(change->op == FEED_UPDATE);
        must(same_row(change->table, change->before, &before, row, spec->type));
        must(same_row(change->table, change->after, &after, row, spec->type));
        n_compared += 2;
    }
    feed_tx_unref(tx);
}

static void delete_all(const struct spec *spec, size_t nth, struct feed *feed)
{
    char sql[80];
    const struct db_rows before = select_all(nth);
    struct feed_tx *tx;

    (void)snprintf(sql, sizeof sql, "DELETE FROM v%zu ORDER BY id", nth);
    (void)fixture_query(loose, sql, DB_NO_PARAMS);
    tx = feed_take_rows(feed);
    must(tx->n_changes == before.n_rows);
    for (size_t i = 0; i < before.n_rows; i++) {
        must(tx->changes[i].op == FEED_DELETE && tx->changes[i].after == NULL);
        must(same_row(tx->changes[i].table, tx->changes[i].before, &before, i, spec->type));
        n_compared++;
    }
    feed_tx_unref(tx);
}

static void make_table(const struct spec *spec, size_t nth)
{
    char sql[400];

    (void)snprintf(sql, sizeof sql, "CREATE OR REPLACE TABLE v%zu (id INT PRIMARY KEY, v %s NULL, w INT)",
        nth, spec->type);
    (void)fixture_query(loose, sql, DB_NO_PARAMS);
}

static void compare_spec(void *arg)
{
    const size_t nth = *(const size_t *)arg;
    struct feed *feed = feed_open(STR_NULL, NULL);

    make_table(&SPECS[nth], nth);
    insert_all(&SPECS[nth], nth, feed);
    if (SPECS[nth].maker != MAKE_POINT) {
        rotate_all(&SPECS[nth], nth, feed);
    }
    delete_all(&SPECS[nth], nth, feed);
    feed_stop(feed);
}

static void open_loose(void *arg)
{
    (void)arg;
    loose = fixture_open(INSTANCE_OWNER, 1, 60000);
    (void)fixture_query(loose, "SET SESSION sql_mode=''", DB_NO_PARAMS);
}

static void close_loose(void *arg)
{
    (void)arg;
    db_close(loose);
}

static void test_every_type_like_a_select(void **state)
{
    (void)state;
    task_run(open_loose, NULL);
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        task_run(compare_spec, &i);
    }
    task_run(close_loose, NULL);
    print_message("%zu types, %u images compared\n", SPEC_COUNT, n_compared);
    assert_true(n_compared > 10000);
}

/* ---- choices with many members ---- */

static void make_choice_table(const char *name, const char *kind, unsigned n)
{
    struct buf sql;

    buf_init(&sql, 0);
    buf_printf(&sql, "CREATE OR REPLACE TABLE %s (id INT PRIMARY KEY, v %s(", name, kind);
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&sql, "%s'选%u'", i > 0 ? "," : "", i);
    }
    buf_add_text(&sql, "))");
    (void)fixture_query(loose, buf_cstr(&sql), DB_NO_PARAMS);
    buf_done(&sql);
}

static void compare_next(struct feed *feed, const char *table)
{
    char sql[80];
    struct feed_tx *tx = feed_take_rows(feed);
    struct db_rows rows;

    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY id", table);
    rows = fixture_query(loose, sql, DB_NO_PARAMS);
    must(tx->n_changes == rows.n_rows);
    for (size_t i = 0; i < rows.n_rows; i++) {
        must(same_row(tx->changes[i].table, tx->changes[i].after, &rows, i, table));
    }
    feed_tx_unref(tx);
}

CHECKED(test_choices_with_many_members)
{
    struct feed *feed = feed_open(STR_NULL, NULL);

    open_loose(arg);
    make_choice_table("many_enum", "ENUM", 300);
    (void)fixture_query(loose, "INSERT INTO many_enum SELECT seq, seq FROM seq_1_to_300", DB_NO_PARAMS);
    compare_next(feed, "many_enum");
    make_choice_table("many_set", "SET", 64);
    (void)fixture_query(loose,
        "INSERT INTO many_set VALUES (1,0),(2,1),(3,9223372036854775808),(4,18446744073709551615)",
        DB_NO_PARAMS);
    compare_next(feed, "many_set");
    make_choice_table("some_set", "SET", 33);
    (void)fixture_query(loose, "INSERT INTO some_set VALUES (1,8589934591),(2,4294967296)", DB_NO_PARAMS);
    compare_next(feed, "some_set");
    close_loose(arg);
    feed_stop(feed);
}

/* ---- a wide table, tables that change, several tables at once ---- */

CHECKED(test_wide_table)
{
    struct feed *feed = feed_open(STR_NULL, NULL);
    struct buf sql;

    open_loose(arg);
    buf_init(&sql, 0);
    buf_add_text(&sql, "CREATE OR REPLACE TABLE wide (id INT PRIMARY KEY");
    for (int i = 0; i < 300; i++) {
        buf_printf(&sql, ", c%d %s", i,
            i % 5 == 0   ? "BIGINT UNSIGNED"
            : i % 5 == 1 ? "TEXT"
            : i % 5 == 2 ? "DATE"
            : i % 5 == 3 ? "VARBINARY(20)"
                         : "TINYINT");
    }
    buf_add_text(&sql, ")");
    (void)fixture_query(loose, buf_cstr(&sql), DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO wide (id) VALUES (1)", DB_NO_PARAMS);
    compare_next(feed, "wide");
    (void)fixture_query(loose, "DELETE FROM wide", DB_NO_PARAMS);
    feed_tx_unref(feed_take_rows(feed));
    (void)fixture_query(loose,
        "INSERT INTO wide (id,c0,c1,c2,c3,c4,c295,c296,c297,c298,c299) VALUES"
        " (1,18446744073709551615,'观','2026-11-22','b',-5,1,'z','2028-02-29','y',7)",
        DB_NO_PARAMS);
    compare_next(feed, "wide");
    buf_done(&sql);
    close_loose(arg);
    feed_stop(feed);
}

CHECKED(test_tables_change_under_the_feed)
{
    static const char *const alters[] = {"ALTER TABLE moving ADD COLUMN b INT DEFAULT 7, ALGORITHM=INSTANT",
        "ALTER TABLE moving ADD COLUMN c VARCHAR(20) AFTER id, ALGORITHM=INSTANT",
        "ALTER TABLE moving DROP COLUMN b", "ALTER TABLE moving MODIFY a BIGINT UNSIGNED",
        "ALTER TABLE moving MODIFY c TEXT", "ALTER TABLE moving RENAME COLUMN a TO z",
        "ALTER TABLE moving ADD COLUMN u UUID", "ALTER TABLE moving ADD COLUMN v INT AS (id*2) VIRTUAL",
        "ALTER TABLE moving ADD COLUMN p INT AS (id*3) PERSISTENT",
        "ALTER TABLE moving CONVERT TO CHARACTER SET utf8mb3"};
    struct feed *feed = feed_open(STR_NULL, NULL);

    open_loose(arg);
    (void)fixture_query(loose, "CREATE OR REPLACE TABLE moving (id INT PRIMARY KEY, a INT)", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO moving VALUES (1,-1),(2,2)", DB_NO_PARAMS);
    compare_next(feed, "moving");
    for (size_t i = 0; i < sizeof alters / sizeof alters[0]; i++) {
        (void)fixture_query(loose, "UPDATE moving SET a=ABS(a)", DB_NO_PARAMS);
        (void)fixture_query(loose, alters[i], DB_NO_PARAMS);
        if (i == 5) {
            (void)fixture_query(loose, "ALTER TABLE moving RENAME COLUMN z TO a", DB_NO_PARAMS);
        }
        (void)fixture_query(loose, "UPDATE moving SET a=a+1000 ORDER BY id", DB_NO_PARAMS);
        do { /* the first of the two updates may have changed nothing */
            struct feed_tx *tx = feed_take_rows(feed);
            const bool is_second = tx->changes[0].after[0].i == 1 && tx->n_changes == 2;

            if (is_second) {
                const struct db_rows rows =
                    fixture_query(loose, "SELECT * FROM moving ORDER BY id", DB_NO_PARAMS);

                must(same_row(tx->changes[0].table, tx->changes[0].after, &rows, 0, alters[i]));
                must(same_row(tx->changes[1].table, tx->changes[1].after, &rows, 1, alters[i]));
                feed_tx_unref(tx);
                break;
            }
            feed_tx_unref(tx);
        } while (true);
    }
    close_loose(arg);
    feed_stop(feed);
}

CHECKED(test_one_statement_on_two_tables)
{
    struct feed *feed = feed_open(STR_NULL, NULL);
    struct feed_tx *tx;
    size_t n_first = 0, n_second = 0;

    open_loose(arg);
    (void)fixture_query(loose, "CREATE OR REPLACE TABLE first_one (id INT PRIMARY KEY, a INT)", DB_NO_PARAMS);
    (void)fixture_query(
        loose, "CREATE OR REPLACE TABLE second_one (id INT PRIMARY KEY, b TEXT)", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO first_one SELECT seq, 0 FROM seq_1_to_50", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO second_one SELECT seq, 'x' FROM seq_1_to_50", DB_NO_PARAMS);
    feed_tx_unref(feed_take_rows(feed));
    feed_tx_unref(feed_take_rows(feed));
    (void)fixture_query(
        loose, "UPDATE first_one f JOIN second_one s USING (id) SET f.a=1, s.b='y'", DB_NO_PARAMS);
    tx = feed_take_rows(feed);
    must(tx->n_changes == 100);
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];

        if (str_eq(change->table->name, STR("first_one"))) {
            must(change->before[1].i == 0 && change->after[1].i == 1);
            n_first++;
        } else {
            must(str_eq(change->before[1].s, STR("x")) && str_eq(change->after[1].s, STR("y")));
            n_second++;
        }
    }
    must(n_first == 50 && n_second == 50);
    feed_tx_unref(tx);
    close_loose(arg);
    feed_stop(feed);
}

/* ---- every collation of the server ---- */

CHECKED(test_character_sets_of_all_collations)
{
    const struct db_rows rows = fixture_query(fixture.app,
        "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
        " WHERE ID IS NOT NULL",
        DB_NO_PARAMS);
    (void)arg;

    must(rows.n_rows > 300);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const struct str name = db_cell(&rows, i, 1)->s;
        const enum feed_charset charset = feed_charset_of((uint64_t)db_cell(&rows, i, 0)->i);
        const bool is_utf8 =
            str_eq(name, STR("utf8mb4")) || str_eq(name, STR("utf8mb3")) || str_eq(name, STR("ascii"));
        const enum feed_charset wanted = is_utf8                       ? FEED_UTF8
                                         : str_eq(name, STR("latin1")) ? FEED_LATIN1
                                         : str_eq(name, STR("binary")) ? FEED_BINARY
                                                                       : FEED_OTHER;

        if (charset != wanted) {
            (void)fprintf(stderr, "collation %lld of %.*s: %d\n", (long long)db_cell(&rows, i, 0)->i,
                STR_ARGS(name), (int)charset);
        }
        must(charset == wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_character_sets_of_all_collations),
        cmocka_unit_test(test_every_type_like_a_select),
        cmocka_unit_test(test_choices_with_many_members),
        cmocka_unit_test(test_wide_table),
        cmocka_unit_test(test_tables_change_under_the_feed),
        cmocka_unit_test(test_one_statement_on_two_tables),
    };

    random_begin();
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern; none runs all */
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
