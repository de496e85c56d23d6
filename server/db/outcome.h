/*
 * Private to db/: what became of a transaction whose connection was lost during COMMIT.
 */
#ifndef TIDEMARK_DB_OUTCOME_H
#define TIDEMARK_DB_OUTCOME_H

#include "db/pool.h"

struct lost_conn {
    unsigned long thread_id;
    int64_t connected_us; /* monotonic */
};

/*
 * Makes sure that the lost connection's thread is away from the server (lost NULL: known), then asks
 * proof_sql. 0: committed; *ret_gtid is then a position at or after the commit. -ERR_DB_LOST: not committed,
 * and never will be. -ERR_UNAVAILABLE: not known, because there is no proof_sql or the server does not answer
 * in time. Waits firmly.
 */
task_fn int outcome_find(struct db *db, const struct lost_conn *lost, const char *proof_sql,
    int64_t request_id, struct str *ret_gtid, struct err *err);

#endif
