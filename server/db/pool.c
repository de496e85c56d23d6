/*
 * The pool: connections are made when they are needed, up to the limit; then tasks wait in line. Whoever
 * gives a connection back hands it to the first in line. If it is broken, the first in line gets the place
 * instead and connects itself.
 */
#include "db/pool.h"

#include "base/buf.h"
#include "base/must.h"

#include <stdlib.h>

#define WAIT_MS_DEFAULT 5000

struct waiter {
    struct list link;
    struct task *task;
    struct conn *conn; /* handed over, or */
    bool place;        /* the right to connect */
};

struct db *db_open(const struct db_address *address, const struct db_limits *limits)
{
    struct db *db = must_alloc(sizeof *db);

    must(limits->connections > 0);
    must(mysql_library_init(0, NULL, NULL) == 0);
    db->arena = arena_new();
    db->address = (struct db_address){.socket = arena_copy(db->arena, address->socket),
        .host = arena_copy(db->arena, address->host),
        .port = address->port,
        .ca_file = arena_copy(db->arena, address->ca_file),
        .user = arena_copy(db->arena, address->user),
        .password = arena_copy(db->arena, address->password),
        .database = arena_copy(db->arena, address->database)};
    db->limits = *limits;
    if (db->limits.wait_ms == 0) {
        db->limits.wait_ms = WAIT_MS_DEFAULT;
    }
    list_init(&db->idle);
    list_init(&db->waiters);
    return db;
}

static int unavailable(struct err *err, const char *why)
{
    if (err->code == ERR_NONE) {
        err->retry_after_s = 1;
    }
    return err_set(err, ERR_UNAVAILABLE, "%s", why);
}

int db_hide_loss(int status, struct err *err)
{
    if (status == -ERR_DB_LOST && err->code == ERR_DB_LOST) {
        err->code = ERR_UNAVAILABLE;
        err->retry_after_s = 1;
        return -ERR_UNAVAILABLE;
    }
    return status;
}

/* The first in line gets the connection (NULL: the place to make one). False: nobody waits. */
static bool hand_over(struct db *db, struct conn *conn)
{
    struct waiter *waiter;

    if (list_is_empty(&db->waiters)) {
        return false;
    }
    waiter = list_entry(db->waiters.next, struct waiter, link);
    list_remove(&waiter->link);
    waiter->conn = conn;
    waiter->place = conn == NULL;
    task_wake(waiter->task);
    return true;
}

/* What it has done since it was taken. */
static void count_work(struct db *db, struct conn *conn)
{
    db->totals.statements += conn->n_executed;
    db->totals.prepared += conn->n_prepared;
    conn->n_executed = conn->n_prepared = 0;
}

static void close_conn(struct db *db, struct conn *conn)
{
    count_work(db, conn);
    conn_close(conn);
}

/* A connection, or a place that never became one, is no more. */
static void drop_place(struct db *db)
{
    if (!hand_over(db, NULL)) {
        db->n_open--;
    }
    if (db->closer != NULL && db->n_open == 0) {
        task_wake(db->closer);
    }
}

static void on_idle_death(struct conn *conn, void *arg)
{
    struct db *db = arg;

    db->n_idle--;
    db->up = db->up && db->n_open > 1; /* one may be killed; if the server goes, all do */
    close_conn(db, conn);
    drop_place(db);
}

void db_give(struct db *db, struct conn *conn)
{
    must(conn->waiter == NULL);
    if (conn_in_transaction(conn)) {
        conn_give_up(conn); /* the server rolls it back */
    }
    if (conn->dead) {
        close_conn(db, conn);
        drop_place(db);
        return;
    }
    count_work(db, conn);
    db->up = true;
    if (hand_over(db, conn)) {
        return;
    }
    if (db->closing) {
        close_conn(db, conn);
        drop_place(db);
        return;
    }
    conn->on_idle_death = on_idle_death;
    conn->on_idle_death_arg = db;
    list_prepend(&db->idle, &conn->link);
    db->n_idle++;
}

static struct conn *take_idle(struct db *db, bool autocommit)
{
    struct conn *found = NULL;

    list_for_each (it, &db->idle) {
        struct conn *conn = list_entry(it, struct conn, link);

        if (conn->autocommit == autocommit) {
            found = conn;
            break;
        }
    }
    if (found == NULL && !list_is_empty(&db->idle)) {
        found = list_entry(db->idle.next, struct conn, link);
    }
    if (found != NULL) {
        list_remove(&found->link);
        found->on_idle_death = NULL;
        db->n_idle--;
    }
    return found;
}

static task_fn int wait_in_line(struct db *db, bool firm, struct conn **ret_conn, struct err *err)
{
    const uint64_t end_ns = uv_hrtime() + db->limits.wait_ms * 1000000u;
    struct waiter *waiter = must_alloc(sizeof *waiter);
    struct err cause = {0};
    int status = 0;

    waiter->task = task_self();
    list_append(&db->waiters, &waiter->link);
    db->n_waiting++;
    while (waiter->conn == NULL && !waiter->place && status == 0) {
        const uint64_t now_ns = uv_hrtime();
        const uint64_t left_ms = now_ns < end_ns ? (end_ns - now_ns) / 1000000u + 1 : 0;

        if (db->closing) {
            status = unavailable(&cause, "the pool is closing");
        } else if (left_ms == 0) {
            status = unavailable(&cause, "no database connection became free in time");
        } else if (firm) {
            (void)task_park_firmly_for(left_ms);
        } else {
            status = task_park(left_ms, &cause);
            if (status == -ERR_TIMEOUT) {
                err_clear(&cause);
                status = 0; /* the loop finds out by the clock */
            }
        }
    }
    db->n_waiting--;
    list_remove(&waiter->link);
    *ret_conn = waiter->conn;
    status = waiter->conn != NULL || waiter->place ? 0 : conn_pass_error(err, &cause);
    free(waiter);
    return status;
}

/* We hold a place. */
static task_fn int connect_in_place(struct db *db, struct conn **ret_conn, struct err *err)
{
    const int status = conn_open(&db->address, &db->limits, ret_conn, err);

    if (status != 0) {
        db->up = false;
        drop_place(db);
        return db_hide_loss(status, err);
    }
    db->up = true;
    db->totals.reconnects += db->seen;
    db->seen = true;
    return 0;
}

static task_fn int set_mode(struct conn *conn, bool autocommit, struct err *err)
{
    int status = 0;

    if (conn->autocommit != autocommit) {
        status = conn_control(conn, autocommit ? "SET autocommit=1" : "SET autocommit=0", err);
        conn->autocommit = status == 0 ? autocommit : conn->autocommit;
    }
    return status;
}

int db_take(struct db *db, bool autocommit, bool firm, struct conn **ret_conn, struct err *err)
{
    for (;;) { /* once more where a connection of the pool turns out to be gone */
        struct conn *conn = NULL;
        struct err cause = {0};
        bool fresh = false;
        int status = 0;

        if (db->closing) {
            return unavailable(err, "the pool is closing");
        }
        if (list_is_empty(&db->waiters)) {
            conn = take_idle(db, autocommit);
        }
        if (conn == NULL) {
            if (db->n_open < db->limits.connections) {
                db->n_open++;
            } else {
                status = wait_in_line(db, firm, &conn, err);
            }
            if (status == 0 && conn == NULL) {
                fresh = true;
                status = connect_in_place(db, &conn, err);
            }
            if (status != 0) {
                return status;
            }
        }
        status = set_mode(conn, autocommit, &cause);
        if (status == 0) {
            *ret_conn = conn;
            return 0;
        }
        db_give(db, conn);
        if (status != -ERR_DB_LOST || fresh) {
            (void)db_hide_loss(status, &cause);
            return conn_pass_error(err, &cause);
        }
    }
}

int db_query(struct db *db, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err)
{
    struct conn *conn = NULL;
    int status = task_checkpoint(err);

    if (status == 0) {
        status = db_take(db, true, false, &conn, err);
    }
    if (status != 0) {
        return status;
    }
    status = conn_run(conn, sql, params, n_params, ret_rows, err);
    db->up = db->up && status != -ERR_DB_LOST;
    db_give(db, conn);
    return db_hide_loss(status, err);
}

void db_close(struct db *db)
{
    if (db == NULL) {
        return;
    }
    db->closing = true;
    list_for_each (it, &db->waiters) {
        task_wake(list_entry(it, struct waiter, link)->task); /* finds out by itself */
    }
    while (!list_is_empty(&db->idle)) {
        close_conn(db, take_idle(db, true));
        drop_place(db);
    }
    db->closer = task_self();
    while (db->n_open > 0 || db->n_waiting > 0) {
        (void)task_park_firmly_for(50);
    }
    arena_free(db->arena);
    free(db);
}

bool db_is_up(const struct db *db)
{
    return db->up;
}

struct db_stats db_stats_now(const struct db *db)
{
    struct db_stats stats = db->totals;

    stats.open = db->n_open;
    stats.busy = db->n_open - db->n_idle;
    stats.waiting = db->n_waiting;
    return stats;
}

void db_rows_print(const struct db_rows *rows, struct buf *to)
{
    buf_printf(to, "%zu*%zu:", rows->n_rows, rows->n_cols);
    for (size_t i = 0; i < rows->n_rows * rows->n_cols; i++) {
        const struct db_val *cell = &rows->cells[i];
        switch (cell->kind) {
        case DB_NULL:
            buf_add_char(to, 'n');
            break;
        case DB_INT:
            buf_printf(to, "i%lld ", (long long)cell->i);
            break;
        case DB_REAL:
            buf_printf(to, "r%a ", cell->real);
            break;
        case DB_TEXT:
        case DB_BYTES:
            buf_printf(to, "t%zu:", cell->s.n);
            buf_add_str(to, cell->s);
            break;
        }
    }
}
