/*
 * Single events: the header that all have, the checksum, and the parts of the few kinds that matter here.
 * Texts and rows may be packed by zlib (log_bin_compress), behind a first byte that tells the algorithm and
 * the size of the length that follows, highest byte first.
 */
#include "base/must.h"
#include "db/feed_stream.h"

#include <mysql.h>
#include <zlib.h>

#include <mariadb_rpl.h> /* needs mysql.h before it */

#define HEADER_BYTES 19
#define CHECKSUM_BYTES 4
#define INFLATED_MAX ((size_t)1 << 30)

int feed_event_parse(struct bytes raw, bool has_checksum, struct feed_event *ret_event, struct err *err)
{
    const struct bytes whole = raw;
    const size_t tail = has_checksum ? CHECKSUM_BYTES : 0;
    struct feed_event event = {.at_s = (uint32_t)take_le(&raw, 4), .type = (uint8_t)take_le(&raw, 1)};

    (void)take_le(&raw, 4); /* the server's number */
    event.length = (uint32_t)take_le(&raw, 4);
    event.end = (uint32_t)take_le(&raw, 4);
    event.flags = (uint16_t)take_le(&raw, 2);
    if (raw.bad || event.length != whole.n || raw.n < tail) {
        return err_set(err, ERR_INTERNAL, "feed malformed event of %zu bytes, type %u", whole.n, event.type);
    }
    event.body = take_slice(&raw, raw.n - tail);
    if (has_checksum) {
        const uint32_t told = (uint32_t)take_le(&raw, CHECKSUM_BYTES);
        const uint32_t counted = (uint32_t)crc32_z(0, whole.p, whole.n - CHECKSUM_BYTES);

        if (told != counted) {
            return err_set(err, ERR_IO, "feed checksum of an event of type %u, %zu bytes: %08x, not %08x",
                event.type, whole.n, counted, told);
        }
    }
    *ret_event = event;
    return 0;
}

bool feed_event_format(struct bytes raw, bool *ret_has_checksum)
{
    uint64_t algorithm;

    if (raw.n < HEADER_BYTES + 57 + 1 + CHECKSUM_BYTES) {
        return false;
    }
    (void)take(&raw, raw.n - CHECKSUM_BYTES - 1);
    algorithm = take_le(&raw, 1);
    *ret_has_checksum = algorithm == 1;
    return algorithm <= 1;
}

static int inflate_into(struct bytes packed, struct buf *inflated, struct err *err)
{
    const unsigned head = (unsigned)take_le(&packed, 1), n_length = head & 7;
    const uint64_t length = n_length >= 1 && n_length <= 4 ? take_be(&packed, n_length) : 0;
    uLongf got = (uLongf)length;

    if (packed.bad || (head & 0xF0) != 0x80 || length == 0 || length > INFLATED_MAX ||
        length / 1100 > packed.n) { /* zlib packs a thousand to one at best */
        return err_set(err, ERR_INTERNAL, "feed malformed compressed event");
    }
    if (inflated->max == 0) {
        buf_init(inflated, INFLATED_MAX);
    }
    buf_clear(inflated);
    if (inflated->cap <= length) {
        inflated->p = must_realloc(inflated->p, (size_t)length + 1);
        inflated->cap = (size_t)length + 1;
    }
    if (uncompress((Bytef *)inflated->p, &got, packed.p, (uLong)packed.n) != Z_OK || got != length) {
        return err_set(err, ERR_INTERNAL, "feed compressed event does not unpack");
    }
    inflated->n = (size_t)length;
    return 0;
}

int feed_event_query(
    const struct feed_event *event, struct buf *inflated, struct feed_query *ret_query, struct err *err)
{
    struct bytes body = event->body;
    struct feed_query query;
    uint64_t n_schema, n_status;

    (void)take_slice(&body, 8); /* thread, duration */
    n_schema = take_le(&body, 1);
    (void)take_le(&body, 2);
    n_status = take_le(&body, 2);
    if (event->type == EXECUTE_LOAD_QUERY_EVENT) {
        (void)take_slice(&body, 13);
    }
    (void)take_slice(&body, n_status);
    query.schema = take_str(&body, n_schema);
    (void)take_le(&body, 1);
    if (body.bad) {
        return err_set(err, ERR_INTERNAL, "feed malformed query event");
    }
    query.text = (struct str){(const char *)body.p, body.n};
    if (event->type == QUERY_COMPRESSED_EVENT) {
        const int status = inflate_into(body, inflated, err);

        if (status != 0) {
            return status;
        }
        query.text = buf_str(inflated);
    }
    *ret_query = query;
    return 0;
}

static bool is_packed(uint8_t type)
{
    return type >= WRITE_ROWS_COMPRESSED_EVENT_V1 && type <= DELETE_ROWS_COMPRESSED_EVENT;
}

bool feed_event_is_rows(uint8_t type)
{
    return (type >= WRITE_ROWS_EVENT_V1 && type <= DELETE_ROWS_EVENT_V1) ||
           (type >= WRITE_ROWS_EVENT && type <= DELETE_ROWS_EVENT) || is_packed(type);
}

static bool all_set(struct bytes bits, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if ((bits.p[i / 8] >> i % 8 & 1) == 0) {
            return false;
        }
    }
    return true;
}

bool feed_event_rows(const struct feed_event *event, struct feed_rows *ret_rows)
{
    static const enum feed_op ops[3] = {FEED_INSERT, FEED_UPDATE, FEED_DELETE};
    const uint8_t first = event->type >= WRITE_ROWS_COMPRESSED_EVENT      ? WRITE_ROWS_COMPRESSED_EVENT
                          : event->type >= WRITE_ROWS_COMPRESSED_EVENT_V1 ? WRITE_ROWS_COMPRESSED_EVENT_V1
                          : event->type >= WRITE_ROWS_EVENT               ? WRITE_ROWS_EVENT
                                                                          : WRITE_ROWS_EVENT_V1;
    struct feed_rows rows = {.op = ops[(event->type - first) % 3], .whole = true};
    struct bytes body = event->body, bits;

    rows.table_id = take_le(&body, 6);
    (void)take_le(&body, 2);
    if (first == WRITE_ROWS_EVENT || first == WRITE_ROWS_COMPRESSED_EVENT) { /* extra data, itself counted */
        const uint64_t n_extra = take_le(&body, 2);

        (void)take_slice(&body, n_extra >= 2 ? n_extra - 2 : UINT64_MAX);
    }
    rows.n_columns = take_packed(&body);
    for (int i = 0; i < (rows.op == FEED_UPDATE ? 2 : 1); i++) {
        bits = take_slice(&body, rows.n_columns <= UINT32_MAX ? (rows.n_columns + 7) / 8 : UINT64_MAX);
        rows.whole = rows.whole && !body.bad && all_set(bits, rows.n_columns);
    }
    rows.rows = body;
    if (body.bad) {
        return false;
    }
    *ret_rows = rows;
    return true;
}

int feed_event_inflate(
    const struct feed_event *event, struct feed_rows *rows, struct buf *inflated, struct err *err)
{
    if (is_packed(event->type)) {
        const int status = inflate_into(rows->rows, inflated, err);

        if (status != 0) {
            return status;
        }
        rows->rows = (struct bytes){.p = (const uint8_t *)inflated->p, .n = inflated->n};
    }
    return 0;
}
