/*
 * Transactions as functions (DECISIONS A10, A11). tx_run calls fn, which reads (and locks) with tx_query and
 * queues its changes with tx_add; when fn returns 0 the queue is sent as ONE prepared compound statement
 * (BEGIN NOT ATOMIC …; COMMIT; END), so that a write costs two round trips, and the reply carries the GTID.
 *
 * fn is run again from the top on 1213, 1205 and 1020 (any statement, COMMIT too), at most tries times with a
 * short random pause: it may have no effect outside the database, and must take all it needs from `arg`. If
 * it returns an error all is rolled back.
 *
 * Lost connections: tx_opts.request_id is the id of the first audit event (its primary key is the proof).
 * After a connection lost in COMMIT the outcome is looked up before anything is run again; a transaction is
 * never applied twice and an acknowledged one never lost.
 */
#ifndef TIDEMARK_DB_TX_H
#define TIDEMARK_DB_TX_H

#include "db/db.h"

struct tx;
typedef task_fn int tx_body_fn(struct tx *tx, void *arg, struct err *err);

struct tx_opts {
    /* Says whether the transaction with this id has committed: "SELECT 1 FROM … WHERE id=?". NULL: such a
     * loss is reported as ERR_UNAVAILABLE and not retried. */
    const char *proof_sql;
    int64_t request_id;
    unsigned tries;     /* 0: 10 */
    bool snapshot_read; /* REPEATABLE READ, WITH CONSISTENT SNAPSHOT, READ ONLY; tx_add is refused */
};

struct tx_done {
    int64_t gtid_domain, gtid_server, gtid_sequence; /* 0 where nothing was written */
    unsigned runs;                                   /* times fn was called */
};

/* opts may be NULL, ret_done too. */
task_fn int tx_run(struct db *db, const struct tx_opts *opts, tx_body_fn *fn, void *arg,
    struct tx_done *ret_done, struct err *err);
/* Now, inside the transaction; flushes what is queued first, so that it sees it. */
task_fn int tx_query(struct tx *tx, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err);
/* Queues a statement that returns no rows; sql and values are copied into the task's arena. Order is kept. */
void tx_add(struct tx *tx, const char *sql, const struct db_val *params, size_t n_params);
/* Sends the queue now, without COMMIT: for long transactions. The queue flushes itself past 60,000 values. */
task_fn int tx_flush(struct tx *tx, struct err *err);

#endif
