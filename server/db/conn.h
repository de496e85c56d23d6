/*
 * Private to db/: one connection to MariaDB, its prepared statements, and the mapping of its errors. Used by
 * one task at a time; the pool (pool.c) decides which.
 */
#ifndef TIDEMARK_DB_CONN_H
#define TIDEMARK_DB_CONN_H

#include "base/map.h"
#include "db/db.h"

#include <mysql.h>
#include <uv.h>

struct conn_poll;

struct conn {
    struct list link; /* the pool's */
    MYSQL mysql;
    bool opened, connecting;
    struct conn_poll *poll;
    struct task *waiter; /* the task inside conn_wait */
    int ready;           /* MYSQL_WAIT_… that have come */
    int64_t deadline_us; /* of the running call, monotonic; 0: none */
    uint64_t statement_ms;
    bool dead;      /* nothing more can be sent; the server rolls back what was open */
    bool timed_out; /* it is dead because we gave up waiting */
    bool autocommit;
    bool refused_for_count; /* the last prepare, since the server has too many statements already */
    int64_t connected_us;   /* monotonic, before the connect: to tell the server's incarnations apart */
    unsigned long thread_id;
    void (*on_idle_death)(struct conn *conn, void *arg); /* set while nobody uses it */
    void *on_idle_death_arg;

    struct map *by_text; /* struct cached_stmt */
    struct list lru;     /* the least recently used first */
    unsigned n_cached, max_cached;
    size_t max_result_bytes;
    uint64_t n_executed, n_prepared;

    MYSQL_BIND *binds; /* scratch for one execution */
    size_t n_binds;
    struct column *columns;
    size_t n_columns;
    struct db_val *cells;
    size_t n_cells;
};

/* Connects and sets the session up: two round trips. Returns -ERR_DB_LOST if the server cannot be reached,
 * -ERR_INTERNAL if it refuses us. */
task_fn int conn_open(const struct db_address *address, const struct db_limits *limits,
    struct conn **ret_conn, struct err *err);
/* Never waits. Whatever was open on it is rolled back by the server. */
void conn_close(struct conn *conn);

/* Prepared, with bound values; rows go into the task's arena; ret_rows may be NULL. After an error the
 * connection may be `dead`. */
task_fn int conn_run(struct conn *conn, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err);
/* A literal without values and without rows ("COMMIT"), unprepared. */
task_fn int conn_control(struct conn *conn, const char *sql, struct err *err);
bool conn_in_transaction(const struct conn *conn);
/* The value of last_gtid in the last reply, if it came with it. */
bool conn_last_gtid(struct conn *conn, struct str *ret_gtid);

/* Waits for what a mysql_…_start or _cont asked for. Past the deadline the socket is shut down, so that the
 * library ends its call with an error instead of being torn out of it. */
task_fn int conn_wait(struct conn *conn, int wanted);
void conn_begin_call(struct conn *conn); /* sets the deadline */
/* Runs a non-blocking call of Connector/C to its end. A _start may end at once. */
#define CONN_AWAIT(conn, start_call, cont_call)                                                              \
    do {                                                                                                     \
        conn_begin_call(conn);                                                                               \
        for (int wanted_ = (start_call), ready_; wanted_ != 0; wanted_ = (cont_call)) {                      \
            ready_ = conn_wait((conn), wanted_);                                                             \
            (void)ready_;                                                                                    \
        }                                                                                                    \
    } while (0)

/* Gives the connection up: what is still running ends with an error, and nothing more can be sent. */
void conn_give_up(struct conn *conn);
/* After a call: watches for the server's farewell again. */
void conn_settle(struct conn *conn);

/* Forgets the prepared statements; the connection is closed already. */
void conn_free_statements(struct conn *conn);

/* Turns an error of the server or of the client library into ours. Never puts a value into err->detail. */
int conn_pass_error(struct err *err, const struct err *cause); /* copies code, detail and retry_after_s */
int conn_error(struct conn *conn, unsigned number, const char *message, const char *sql, struct err *err);

#endif
