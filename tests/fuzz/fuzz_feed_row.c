/*
 * The binlog's decoder against any bytes. The input is a run of events, each a type, a length of two bytes
 * and a body: headers are made here, so that the fuzzer need not find them. Whatever comes: no crash, nothing
 * read outside, every value in what is handed over whole, and parts that join. A table of ours is always
 * there, with columns that have to be looked up.
 */
#include "base/must.h"
#include "db/feed_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define HEADER_BYTES 19
#define EVENTS_MAX 64

struct world {
    struct feed_stream stream;
    bool inside;
    int64_t sequence;
    uint64_t sum; /* of every byte handed over, so that reading them is not left out */
};

static void read_values(struct world *world, const struct feed_table *table, const struct db_val *values)
{
    for (size_t i = 0; values != NULL && i < table->n_columns; i++) {
        const struct db_val *value = &values[i];

        must(value->kind >= DB_NULL && value->kind <= DB_REAL);
        if (value->kind == DB_TEXT || value->kind == DB_BYTES) {
            for (size_t j = 0; j <= value->s.n; j++) {
                world->sum += (unsigned char)value->s.p[j];
            }
            must(value->s.p[value->s.n] == '\0');
        }
    }
}

static bool take_box(void *arg, struct feed_box *box)
{
    struct world *world = arg;
    const struct feed_tx *tx = &box->tx;

    must(tx->kind == FEED_TX && tx->first == !world->inside);
    must(!world->inside || tx->sequence == world->sequence);
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];

        must((change->before != NULL) == (change->op != FEED_INSERT));
        must((change->after != NULL) == (change->op != FEED_DELETE));
        must(str_eq(change->table->schema, STR("tidemark")) && change->table->n_columns > 0);
        for (size_t j = 0; j < change->table->n_columns; j++) {
            world->sum += change->table->columns[j].name.n;
        }
        read_values(world, change->table, change->before);
        read_values(world, change->table, change->after);
    }
    for (size_t i = 0; i < tx->n_statements; i++) {
        world->sum += tx->statements[i].text.n + (unsigned char)tx->statements[i].text.p[0];
    }
    world->inside = !tx->last;
    world->sequence = tx->sequence;
    feed_tx_unref(&box->tx);
    return true;
}

static void reach(void *arg, struct feed_place place, bool commit, uint64_t sequence)
{
    struct world *world = arg;

    world->sum += (uint64_t)place.file + place.offset + sequence + (commit ? 1 : 0);
}

static int look_up(void *arg, struct str schema, struct str table,
    void (*found)(void *map, struct str column, enum feed_fixed fixed), void *map, struct err *err)
{
    static const struct str names[] = {{"v", 1}, {"u", 1}, {"a", 1}};

    (void)arg;
    (void)schema;
    (void)err;
    for (size_t i = 0; i < 3; i++) {
        found(map, names[i], (enum feed_fixed)(1 + (table.n + i) % 3));
    }
    return 0;
}

static void add_le(struct buf *raw, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_char(raw, (char)(value >> (8 * i) & 255));
    }
}

/* In memory of its own, so that a read past the end is seen. */
static int send_event(struct world *world, uint8_t type, struct bytes body)
{
    const size_t n = HEADER_BYTES + body.n;
    struct err err = {0};
    struct buf raw;
    uint8_t *copy;
    int status;

    buf_init(&raw, 0);
    add_le(&raw, 1, 4);
    add_le(&raw, type, 1);
    add_le(&raw, 1, 4);
    add_le(&raw, n, 4);
    add_le(&raw, (world->stream.place.offset + n) & UINT32_MAX, 4);
    add_le(&raw, 0, 2);
    if (body.n > 0) {
        buf_add(&raw, body.p, body.n);
    }
    copy = malloc(n);
    must(copy != NULL);
    memcpy(copy, raw.p, n);
    status = feed_stream_event(&world->stream, (struct bytes){.p = copy, .n = n}, &err);
    must(status == 0 || err.code != ERR_NONE);
    free(copy);
    buf_done(&raw);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const schemas[] = {"tidemark", NULL};
    static struct world world;
    const struct feed_lookup lookup = {.fn = look_up};
    const struct feed_sink sink = {.take = take_box, .reach = reach, .arg = &world};
    struct bytes input = {.p = data, .n = n};
    const size_t part_bytes = 12000 + (size_t)take_le(&input, 1) * 64;
    int status = 0;

    world = (struct world){0};
    feed_stream_init(&world.stream, schemas, &lookup, &sink, part_bytes);
    for (int i = 0; i < EVENTS_MAX && status == 0 && input.n > 2; i++) {
        const uint8_t type = (uint8_t)take_le(&input, 1);
        const uint64_t length = take_le(&input, 2);

        if (type == 0) { /* the connection breaks */
            feed_stream_restart(&world.stream, false);
            world.inside = world.stream.is_cut;
            continue;
        }
        status = send_event(&world, type, take_slice(&input, length < input.n ? length : input.n));
    }
    feed_stream_done(&world.stream);
    return 0;
}
