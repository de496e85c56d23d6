/*
 * MariaDB for tasks: a pool of connections of one account, prepared statements, results in the task's arena.
 * Non-blocking Connector/C on the loop; no MariaDB type leaves this room. All statements are prepared and all
 * values bound; a statement's text is a literal or made from catalog names, never from input.
 */
#ifndef TIDEMARK_DB_DB_H
#define TIDEMARK_DB_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "loop/task.h"

enum db_kind { DB_NULL, DB_INT, DB_TEXT, DB_BYTES, DB_REAL };
struct db_val {
    enum db_kind kind;
    int64_t i; /* DB_INT */
    double real;
    struct str s; /* DB_TEXT, DB_BYTES; DECIMAL, DATE and DATETIME travel as DB_TEXT in SQL's form */
};
#define DB_I(x) ((struct db_val){.kind = DB_INT, .i = (int64_t)(x)})
#define DB_S(x) ((struct db_val){.kind = DB_TEXT, .s = (x)})
#define DB_B(x) ((struct db_val){.kind = DB_BYTES, .s = (x)})
#define DB_N ((struct db_val){.kind = DB_NULL})

struct db_rows {
    size_t n_rows, n_cols;
    struct str *names;    /* n_cols */
    struct db_val *cells; /* n_rows * n_cols; NULL where the statement returns no rows */
    int64_t affected;     /* rows matched, changed or not */
};
static inline const struct db_val *db_cell(const struct db_rows *rows, size_t row, size_t col)
{
    return &rows->cells[row * rows->n_cols + col];
}

/* All that the rows say, so that equal texts mean equal rows: for fingerprints. */
struct buf;
void db_rows_print(const struct db_rows *rows, struct buf *to);

/* How to reach a server; strings are copied. */
struct db_address {
    struct str socket; /* Unix socket, or */
    struct str host;   /* TCP, TLS with verified certificate only */
    int64_t port;
    struct str ca_file;
    struct str user, password;
    struct str database;
};
struct db_limits {
    unsigned connections;
    uint64_t wait_ms, statement_ms;
    unsigned statements_cached;
    size_t max_result_bytes; /* 0: 64 MiB; past it ERR_TOO_LARGE */
};

struct db; /* a pool */
/* Connects lazily. Every connection is set up alike: utf8mb4, +00:00, strict SQL mode, READ COMMITTED,
 * autocommit on, tracking of last_gtid, no multi statements, no local infile. */
struct db *db_open(const struct db_address *address, const struct db_limits *limits);
/* No new work; closes when what runs has ended. Call on a task. */
task_fn void db_close(struct db *db);

/* One statement on any connection, outside a transaction. Not retried. Rows live in the task's arena. */
task_fn int db_query(struct db *db, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err);
#define DB_PARAMS(...)                                                                                       \
    ((const struct db_val[]){__VA_ARGS__}),                                                                  \
        sizeof((const struct db_val[]){__VA_ARGS__}) / sizeof(struct db_val)
#define DB_NO_PARAMS NULL, 0

/* Whether the last attempts reached the server; for /readyz. */
bool db_is_up(const struct db *db);
struct db_stats {
    unsigned open, busy, waiting;
    uint64_t statements, prepared, reconnects, transactions, retries;
};
struct db_stats db_stats_now(const struct db *db);

/* Name of the unique key in a 1062 error ("uk_credit_code"), from err->detail as this room fills it:
 * "duplicate key=NAME". */
bool db_duplicate_key(const struct err *err, struct str *ret_key);

#endif
