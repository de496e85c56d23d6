/*
 * Private to db/feed*: from events to transactions. The stream is fed one event after the other, as they
 * stand in the binlog, and hands whole transactions (or parts of large ones) to its sink. It knows neither
 * connection nor thread.
 */
#ifndef TIDEMARK_DB_FEED_STREAM_H
#define TIDEMARK_DB_FEED_STREAM_H

#include "db/feed_decode.h"

#include "base/list.h"
#include "base/map.h"

/* ---- positions ---- */

struct feed_gtid {
    uint32_t domain, server;
    uint64_t sequence;
};
/* The last transaction of each domain, "0-1-42,7-2-9". */
struct feed_position {
    struct feed_gtid *gtids;
    size_t n;
};
/* Empty text is an empty position. False, and nothing changed, if the text is none. */
bool feed_position_parse(struct str text, struct feed_position *position);
void feed_position_print(const struct feed_position *position, struct buf *buf);
void feed_position_set(struct feed_position *position, struct feed_gtid gtid);
uint64_t feed_position_sequence(const struct feed_position *position, uint32_t domain); /* 0: none */
void feed_position_done(struct feed_position *position);

/* A place in the binlog: the number that the file's name ends in, and an offset. */
struct feed_place {
    int64_t file;
    uint64_t offset;
};
int feed_place_cmp(struct feed_place a, struct feed_place b);
bool feed_place_file(struct str name, int64_t *ret_file);

/* ---- transactions in memory ---- */

/* A feed_tx with what it owns. Made by one thread, then handed over; counted. */
struct feed_box {
    struct feed_tx tx; /* first */
    struct list link;
    struct arena *arena;
    struct feed_map **maps; /* counted */
    size_t n_maps, max_maps, max_changes, max_statements;
    size_t bytes; /* settled when it is handed over */
    _Atomic unsigned refs;
};
struct feed_box *feed_box_new(enum feed_kind kind, struct feed_gtid gtid, int64_t at_us);
void feed_box_add_change(struct feed_box *box, struct feed_map *map, struct feed_change change);
void feed_box_add_statement(struct feed_box *box, struct str schema, struct str text);
size_t feed_box_bytes(const struct feed_box *box);

/* ---- events ---- */

struct feed_event {
    uint32_t at_s, length, end; /* end: of the event in its file, low 32 bits; 0: it is in none */
    uint16_t flags;
    uint8_t type;
    struct bytes body; /* without header and checksum */
};
/* `raw` begins at the header. -ERR_IO: the checksum differs. -ERR_INTERNAL: malformed. */
int feed_event_parse(struct bytes raw, bool has_checksum, struct feed_event *ret_event, struct err *err);
/* FORMAT_DESCRIPTION: whether events from now on carry a checksum; the event always has room for one. */
bool feed_event_format(struct bytes raw, bool *ret_has_checksum);

struct feed_query {
    struct str schema, text;
};
/* QUERY, its compressed form, or EXECUTE_LOAD_QUERY; `inflated` holds the text of the compressed form. */
int feed_event_query(
    const struct feed_event *event, struct buf *inflated, struct feed_query *ret_query, struct err *err);

/* A rows event of any version; `rows` may point into `inflated`. */
struct feed_rows {
    uint64_t table_id;
    enum feed_op op;
    uint64_t n_columns;
    bool whole; /* all columns are in all images */
    struct bytes rows;
};
bool feed_event_is_rows(uint8_t type);
/* Without unpacking; then feed_event_inflate where the rows are wanted. */
bool feed_event_rows(const struct feed_event *event, struct feed_rows *ret_rows);
int feed_event_inflate(
    const struct feed_event *event, struct feed_rows *rows, struct buf *inflated, struct err *err);

/* ---- the stream ---- */

struct feed_sink {
    /* Takes the box. False: the feed is being stopped. May wait for room. */
    bool (*take)(void *arg, struct feed_box *box);
    /* Every transaction that ends at or before this place is known; `sequence` is the last one of the clock's
     * domain (commit: which ended exactly here). */
    void (*reach)(void *arg, struct feed_place place, bool commit, uint64_t sequence);
    void *arg;
};

struct feed_savepoint {
    struct str name; /* in the group's arena */
    uint64_t n_changes, n_statements;
};

/* The transaction that is being read. */
struct feed_group {
    bool open;
    uint8_t flags;
    struct feed_gtid gtid;
    int64_t at_us;
    struct feed_box *part;
    uint64_t n_changes, n_statements;           /* seen */
    uint64_t handed_changes, handed_statements; /* of them in parts already handed over, or skipped */
    bool handed;
    struct feed_savepoint *savepoints;
    size_t n_savepoints, max_savepoints;
    struct arena *names;
};

struct feed_stream {
    const char *const *schemas; /* NULL-terminated */
    const struct feed_lookup *lookup;
    struct feed_sink sink;
    size_t part_bytes;

    struct feed_position position; /* whole transactions */
    struct feed_place place;
    bool has_checksum;
    bool fresh; /* no transaction of the clock's domain has come on this connection */
    struct feed_group group;
    /* What was handed over of a transaction that the connection broke in; its next coming skips so much. */
    struct feed_gtid cut;
    uint64_t cut_changes, cut_statements;
    bool is_cut;

    struct map *maps; /* table id -> struct feed_map, or &feed_foreign */
    struct feed_row_scratch scratch;
    struct arena *spare; /* for rows that are skipped */
    struct buf inflated;
    uint64_t n_transactions, n_rows; /* decoded */
};
#define FEED_CLOCK_DOMAIN 0

void feed_stream_init(struct feed_stream *stream, const char *const *schemas,
    const struct feed_lookup *lookup, const struct feed_sink *sink, size_t part_bytes);
void feed_stream_done(struct feed_stream *stream);
/* A new connection: what was open is read again from its beginning. */
void feed_stream_restart(struct feed_stream *stream, bool has_checksum);
/* A new history: nothing that was open is known any more. */
void feed_stream_forget(struct feed_stream *stream);
/* `raw` begins at the event's header. -ERR_INTERNAL: cannot be understood; -ERR_IO: damaged on the way;
 * -ERR_CANCELLED: the sink wants no more. */
int feed_stream_event(struct feed_stream *stream, struct bytes raw, struct err *err);

#endif
