/*
 * Private to db/: taking connections out of a pool. A connection is in autocommit mode (db_query) or not
 * (transactions, which so begin with their first statement and need no START TRANSACTION). A connection keeps
 * its mode, and the pool hands out one of the wanted mode where it has one, so switching is rare.
 */
#ifndef TIDEMARK_DB_POOL_H
#define TIDEMARK_DB_POOL_H

#include "db/conn.h"

struct db {
    struct arena *arena; /* the address */
    struct db_address address;
    struct db_limits limits;
    struct list idle;    /* struct conn, the last used first */
    struct list waiters; /* first come, first served */
    unsigned n_open;     /* connections, and places given to tasks that are connecting */
    unsigned n_idle, n_waiting;
    bool closing, up, seen;
    struct task *closer;
    struct db_stats totals;
};

/* firm: neither cancelled nor failed by the torture. Errors: -ERR_UNAVAILABLE (no server, no connection free
 * in time, closing), -ERR_CANCELLED, -ERR_INTERNAL (refused). */
task_fn int db_take(struct db *db, bool autocommit, bool firm, struct conn **ret_conn, struct err *err);
/* The connection must be outside of a transaction; one that is not, or is dead, is closed. */
void db_give(struct db *db, struct conn *conn);
/* A lost connection is this room's business only: leaves as -ERR_UNAVAILABLE. Returns the status to return.
 */
int db_hide_loss(int status, struct err *err);

#endif
