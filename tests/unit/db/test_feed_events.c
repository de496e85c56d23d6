/*
 * Events by themselves, without a server: damaged ones, broken groups, and transactions that a connection
 * breaks at every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/must.h"
#include "db/feed_stream.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { QUERY = 2, XID = 16, TABLE_MAP = 19, WRITE_ROWS = 23, GTID = 162 };
#define STANDALONE 1

/* ---- making events ---- */

static void add_le(struct buf *raw, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_char(raw, (char)(value >> (8 * i) & 255));
    }
}

static void make_event(struct buf *raw, uint8_t type, struct str body, bool has_checksum)
{
    const size_t n = 19 + body.n + (has_checksum ? 4 : 0);

    buf_clear(raw);
    add_le(raw, 1700000000, 4);
    add_le(raw, type, 1);
    add_le(raw, 1, 4);
    add_le(raw, n, 4);
    add_le(raw, 1000, 4);
    add_le(raw, 0, 2);
    buf_add_str(raw, body);
    if (has_checksum) {
        add_le(raw, crc32_z(0, (const Bytef *)raw->p, raw->n), 4);
    }
}

static struct bytes bytes_of(const struct buf *raw)
{
    return (struct bytes){.p = (const uint8_t *)raw->p, .n = raw->n};
}

/* ---- a stream with a sink that counts ---- */

struct world {
    struct feed_stream stream;
    int64_t n_first, n_last, next, sequence; /* next: the row that has to come */
    size_t n_statements;
    bool inside;
};

static bool take_box(void *arg, struct feed_box *box)
{
    struct world *world = arg;

    assert_int_equal(box->tx.first, !world->inside);
    world->n_first += box->tx.first ? 1 : 0;
    world->n_last += box->tx.last ? 1 : 0;
    for (size_t i = 0; i < box->tx.n_changes; i++) {
        assert_int_equal(box->tx.changes[i].after[0].i, world->next);
        world->next++;
    }
    world->n_statements += box->tx.n_statements;
    world->inside = !box->tx.last;
    world->sequence = box->tx.sequence;
    feed_tx_unref(&box->tx);
    return true;
}

static void reach(void *arg, struct feed_place place, bool commit, uint64_t sequence)
{
    (void)arg;
    (void)place;
    (void)commit;
    (void)sequence;
}

static const char *const SCHEMAS[] = {"tidemark", NULL};

static void world_init(struct world *world, size_t part_bytes)
{
    const struct feed_sink sink = {.take = take_box, .reach = reach, .arg = world};

    *world = (struct world){.next = 1};
    feed_stream_init(&world->stream, SCHEMAS, NULL, &sink, part_bytes);
}

static int send_event(struct world *world, uint8_t type, struct str body, struct err *err)
{
    struct buf raw;
    int status;

    buf_init(&raw, 0);
    make_event(&raw, type, body, false);
    status = feed_stream_event(&world->stream, bytes_of(&raw), err);
    buf_done(&raw);
    return status;
}

static int send_gtid(struct world *world, uint64_t sequence, uint8_t flags, struct err *err)
{
    struct buf body;
    int status;

    buf_init(&body, 0);
    add_le(&body, sequence, 8);
    add_le(&body, 0, 4);
    add_le(&body, flags, 1);
    add_le(&body, 0, 6);
    status = send_event(world, GTID, buf_str(&body), err);
    buf_done(&body);
    return status;
}

static int send_query(struct world *world, const char *text, struct err *err)
{
    struct buf body;
    int status;

    buf_init(&body, 0);
    add_le(&body, 0, 8);
    add_le(&body, 8, 1);
    add_le(&body, 0, 4);
    buf_add(&body, "tidemark", 9);
    buf_add_text(&body, text);
    status = send_event(world, QUERY, buf_str(&body), err);
    buf_done(&body);
    return status;
}

/* t (id INT NOT NULL), which is table 5 */
static int send_map(struct world *world, struct err *err)
{
    static const char body[] = "\5\0\0\0\0\0\1\0\10tidemark\0\1t\0\1\3\0\0\1\1\0\4\3\2id";

    return send_event(world, TABLE_MAP, (struct str){body, sizeof body - 1}, err);
}

static int send_rows(struct world *world, int64_t first, int64_t last, struct err *err)
{
    struct buf body;
    int status;

    buf_init(&body, 0);
    add_le(&body, 5, 6);
    add_le(&body, 1, 2);
    add_le(&body, 1, 1);
    add_le(&body, 1, 1);
    for (int64_t i = first; i <= last; i++) {
        add_le(&body, 0, 1);
        add_le(&body, (uint64_t)i, 4);
    }
    status = send_event(world, WRITE_ROWS, buf_str(&body), err);
    buf_done(&body);
    return status;
}

/* ---- damage ---- */

static void test_damaged_events(void **state)
{
    struct buf raw;
    struct feed_event event;
    struct err err = {0};

    (void)state;
    buf_init(&raw, 0);
    make_event(&raw, XID, STR("12345678"), true);
    assert_int_equal(feed_event_parse(bytes_of(&raw), true, &event, &err), 0);
    assert_int_equal(event.type, XID);
    assert_int_equal(event.body.n, 8);
    assert_memory_equal(event.body.p, "12345678", 8);
    for (size_t i = 0; i < raw.n; i++) { /* one bit anywhere */
        raw.p[i] ^= 4;
        err_clear(&err);
        assert_true(feed_event_parse(bytes_of(&raw), true, &event, &err) < 0);
        raw.p[i] ^= 4;
    }
    for (size_t n = 0; n < raw.n; n++) { /* cut short anywhere */
        const struct bytes part = {.p = (const uint8_t *)raw.p, .n = n};

        err_clear(&err);
        assert_int_equal(feed_event_parse(part, true, &event, &err), -ERR_INTERNAL);
    }
    raw.p[20] ^= 1;
    err_clear(&err);
    assert_int_equal(feed_event_parse(bytes_of(&raw), true, &event, &err), -ERR_IO);
    buf_done(&raw);
}

/* ---- groups that are not as they should be ---- */

static void test_groups_out_of_order(void **state)
{
    struct world world;
    struct err err = {0};

    (void)state;
    world_init(&world, 1 << 20);
    assert_int_equal(send_gtid(&world, 7, 0, &err), 0);
    assert_int_equal(send_gtid(&world, 8, 0, &err), -ERR_INTERNAL); /* the one before has no end */
    err_clear(&err);
    assert_int_equal(send_query(&world, "COMMIT", &err), 0);
    assert_int_equal(world.sequence, 7);
    assert_int_equal(send_gtid(&world, 7, 0, &err), -ERR_INTERNAL); /* again */
    err_clear(&err);
    assert_int_equal(send_gtid(&world, 6, 0, &err), -ERR_INTERNAL); /* backwards */
    err_clear(&err);
    assert_int_equal(send_query(&world, "ALTER TABLE t", &err), -ERR_INTERNAL); /* outside */
    err_clear(&err);
    assert_int_equal(send_event(&world, XID, STR("12345678"), &err), -ERR_INTERNAL);
    err_clear(&err);
    assert_int_equal(send_map(&world, &err), 0);
    assert_int_equal(send_rows(&world, 1, 1, &err), -ERR_INTERNAL);
    err_clear(&err);
    assert_int_equal(send_gtid(&world, 8, STANDALONE, &err), 0);
    assert_int_equal(send_query(&world, "ALTER TABLE t", &err), 0);
    assert_int_equal(world.n_statements, 1);
    assert_int_equal(world.n_last, 2);
    assert_int_equal(send_event(&world, 77, STR(""), &err), -ERR_INTERNAL); /* an event that nobody knows */
    feed_stream_done(&world.stream);
}

static void test_rolled_back(void **state)
{
    struct world world;
    struct err err = {0};

    (void)state;
    world_init(&world, 1 << 20);
    assert_int_equal(send_gtid(&world, 1, 0, &err), 0);
    assert_int_equal(send_map(&world, &err), 0);
    assert_int_equal(send_rows(&world, 1, 100, &err), 0);
    assert_int_equal(send_query(&world, "ROLLBACK", &err), 0);
    assert_int_equal(world.n_last, 1);
    assert_int_equal(world.next, 1); /* an empty one stands for it */
    feed_stream_done(&world.stream);

    world_init(&world, 16384); /* parts are out before the ROLLBACK comes */
    assert_int_equal(send_gtid(&world, 1, 0, &err), 0);
    assert_int_equal(send_map(&world, &err), 0);
    assert_int_equal(send_rows(&world, 1, 1000, &err), 0);
    assert_true(world.inside);
    assert_int_equal(send_query(&world, "ROLLBACK", &err), -ERR_INTERNAL);
    feed_stream_done(&world.stream);
}

/* ---- breaking at every place ---- */

#define ROWS 60
#define CHUNK 5

static int send_step(struct world *world, int step, struct err *err)
{
    const int n_chunks = ROWS / CHUNK;

    if (step == 0) {
        return send_gtid(world, 1, 0, err);
    }
    if (step == 1) {
        return send_map(world, err);
    }
    if (step == 2 + n_chunks / 2) {
        return send_query(world, "INSERT INTO t VALUES (0)", err); /* a statement among the rows */
    }
    if (step == 3 + n_chunks) {
        return send_event(world, XID, STR("12345678"), err);
    }
    step -= step > 2 + n_chunks / 2 ? 3 : 2;
    return send_rows(world, step * CHUNK + 1, step * CHUNK + CHUNK, err);
}

static void test_connection_breaks_everywhere(void **state)
{
    const int n_steps = 4 + ROWS / CHUNK;

    (void)state;
    for (int first = 0; first < n_steps; first++) {
        for (int second = 0; second < n_steps; second++) {
            struct world world;
            struct err err = {0};

            world_init(&world, 10800); /* a part for every few rows */
            for (int step = 0; step < first; step++) {
                assert_int_equal(send_step(&world, step, &err), 0);
            }
            feed_stream_restart(&world.stream, false);
            for (int step = 0; step < second; step++) {
                assert_int_equal(send_step(&world, step, &err), 0);
            }
            feed_stream_restart(&world.stream, false);
            for (int step = 0; step < n_steps; step++) {
                assert_int_equal(send_step(&world, step, &err), 0);
            }
            assert_int_equal(world.next, ROWS + 1);
            assert_int_equal(world.n_statements, 1);
            assert_int_equal(world.n_first, 1);
            assert_int_equal(world.n_last, 1);
            feed_stream_done(&world.stream);
        }
    }
}

static void test_half_of_a_transaction_that_is_gone(void **state)
{
    struct world world;
    struct err err = {0};

    (void)state;
    world_init(&world, 10800);
    for (int step = 0; step < 10; step++) {
        assert_int_equal(send_step(&world, step, &err), 0);
    }
    assert_true(world.inside);
    feed_stream_restart(&world.stream, false);
    assert_int_equal(send_gtid(&world, 2, 0, &err), -ERR_INTERNAL);
    feed_stream_forget(&world.stream);
    err_clear(&err);
    assert_int_equal(send_gtid(&world, 2, 0, &err), 0); /* a new beginning */
    feed_stream_done(&world.stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_events),
        cmocka_unit_test(test_groups_out_of_order),
        cmocka_unit_test(test_rolled_back),
        cmocka_unit_test(test_connection_breaks_everywhere),
        cmocka_unit_test(test_half_of_a_transaction_that_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
