/*
 * The road out: MariaDB's row binlog, tailed by GTID on a thread of its own and handed to the loop as whole
 * transactions in commit order, with the before and after image of each row. Connector/C carries the bytes
 * (mariadb_rpl_*); the row images are decoded here, into the same values that a SELECT by db_query gives, and
 * a test proves that for every column type (REALTIME 0.5).
 *
 * Nothing is handed over before its commit event. The reader survives DDL, rotation, lost connections and a
 * restart of MariaDB; when the server no longer has what follows our position, or tells another history,
 * feed_next returns a transaction of kind FEED_LOST and the consumer begins anew (a new epoch). A full queue
 * stops the reader: the binlog keeps the rest.
 */
#ifndef TIDEMARK_DB_FEED_H
#define TIDEMARK_DB_FEED_H

#include "db/db.h"

struct feed_column {
    struct str name;
    uint8_t type; /* of the protocol, for error texts */
    bool is_unsigned, is_binary;
};
/* A table as it stood when its rows were written: counted, shared by the transactions that name it. */
struct feed_table {
    struct str schema, name;
    struct feed_column *columns;
    size_t n_columns;
};
enum feed_op { FEED_INSERT, FEED_UPDATE, FEED_DELETE };
struct feed_change {
    enum feed_op op;
    const struct feed_table *table;
    /* n_columns values each, as db_query returns them; NULL where there is none. Not known from the binlog
     * and so left out: the zeros of ZEROFILL. */
    struct db_val *before, *after;
};
/*
 * A statement event: DDL, TRUNCATE, or a change that was logged as text. Handed over if it ran in one of the
 * schemas named or its text mentions one; `schema` is the one it ran in. The text is as the client sent it.
 */
struct feed_statement {
    struct str schema, text;
};

enum feed_kind {
    FEED_TX,
    /* What came between is not known, and positions before this one mean nothing any more. The GTID is where
     * the feed goes on; a transaction of which only parts had come stays without its end. Causes, which the
     * log names: purged or foreign binlogs, images that are not full, columns that are not read (compressed
     * ones, character sets other than utf8mb4, utf8mb3, ascii, latin1), XA COMMIT. */
    FEED_LOST
};
/*
 * A transaction, or a part of a large one: parts follow each other with the same sequence, `first` and `last`
 * mark the ends (a group stands in the binlog only once it has committed, so handing over parts is lawful).
 * Counted; everything in it lives as long.
 */
struct feed_tx {
    enum feed_kind kind;
    int64_t domain, server, sequence; /* GTID */
    int64_t at_us;                    /* the server's clock at commit, whole seconds */
    bool first, last;
    struct feed_change *changes;
    size_t n_changes;
    struct feed_statement *statements;
    size_t n_statements;
};
struct feed_tx *feed_tx_ref(struct feed_tx *tx);
void feed_tx_unref(struct feed_tx *tx); /* NULL accepted */

struct feed_limits {
    size_t queue_bytes; /* decoded, waiting for the loop; 0: 64 MiB */
    size_t part_bytes;  /* a transaction past this comes in parts; 0: 8 MiB */
};
struct feed;
/*
 * Begins after the GTID position `after` ("0-1-42"; empty: at the server's present end, whose sequence
 * feed_stats_now then tells). Only tables of the schemas named (NULL-terminated) are decoded; table maps of
 * others are dropped unread (DECISIONS B5). Returns once the server has been reached: -ERR_USAGE if `after`
 * is no position, -ERR_UNAVAILABLE if the server cannot be reached or refuses the account; later losses are
 * healed without end. Everything given is copied.
 *
 * Every transaction of domain 0, the clock, is handed over, also one with nothing of ours in it; of another
 * domain only what has changes or statements of ours.
 */
task_fn int feed_start(const struct db_address *address, const struct feed_limits *limits, struct str after,
    const char *const *schemas, struct feed **ret_feed, struct err *err);
/* Parks until the next one is there. The caller owns a reference. -ERR_CANCELLED after feed_stop. */
task_fn int feed_next(struct feed *feed, struct feed_tx **ret_tx, struct err *err);
/* Ends the thread and waits for it. */
task_fn void feed_stop(struct feed *feed);

/*
 * The sequence of the last transaction that a snapshot taken at this place of the binlog
 * (Binlog_snapshot_file and _position) has seen: from the feed's own table of recent commit offsets; waits up
 * to wait_ms until the feed has come that far. -ERR_NOT_FOUND when the place is older than the table,
 * -ERR_TIMEOUT, -ERR_CANCELLED after feed_stop. The transaction itself may still be in the queue.
 */
task_fn int feed_sequence_at(struct feed *feed, struct str file, int64_t offset, uint64_t wait_ms,
    int64_t *ret_sequence, struct err *err);

struct feed_stats {
    uint64_t transactions, rows, bytes, reconnects, waits_for_room;
    size_t queued_bytes;
    int64_t sequence;      /* the last one decoded */
    int64_t handed_over;   /* the last one returned by feed_next */
    int64_t last_event_us; /* monotonic; a heartbeat counts */
    bool connected;
};
struct feed_stats feed_stats_now(const struct feed *feed);

#endif
