/*
 * Transactions as functions. A transaction's connection is not in autocommit mode, so its first statement
 * begins it; what it writes is queued and leaves, with the COMMIT, as one prepared compound statement. A
 * write costs two trips: read and lock, then change and commit.
 *
 * What may end a run early, and what then happens:
 *   1213, 1205, 1020 on any statement      rolled back, a short pause, run again
 *   the connection is lost before COMMIT    nothing was applied: run again on another
 *   the connection is lost in COMMIT        see outcome.c: committed, or run again, or unknown
 *   an error of the function, cancelled     rolled back
 * The first error that breaks the transaction is kept in `broken`: a function that overlooks it cannot
 * commit.
 */
#include "db/tx.h"

#include "base/must.h"
#include "db/outcome.h"
#include "db/pool.h"

#include <string.h>

#define TRIES_DEFAULT 10
#define LOST_TRIES 3      /* runs that end because the connection was lost */
#define VALUES_MAX 60000u /* of one compound statement; the protocol has 65,535 */
#define BYTES_MAX ((size_t)8 << 20)
#define PAUSE_MS_MAX 64u

static const char SQL_SNAPSHOT[] = "BEGIN NOT ATOMIC SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; "
                                   "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; END";

struct queued {
    struct queued *next;
    const char *sql;
    struct db_val *params;
    size_t n_params, n_bytes;
};

struct tx {
    struct db *db;
    const struct tx_opts *opts;
    struct conn *conn; /* taken with the first statement */
    struct queued *first, *last;
    int broken; /* status that forbids a commit, with its cause */
    struct err cause;
    bool dirty; /* something may be open on the connection: an error's reply does not tell */
    bool lost_in_commit;
    struct lost_conn lost;
    struct str gtid;
};

static int keep_broken(struct tx *tx, int status, const struct err *cause, struct err *err)
{
    if (status != 0 && status != -ERR_DB_DUPLICATE && tx->broken == 0) {
        tx->broken = status;
        tx->cause = *cause;
    }
    if (status != 0) {
        (void)conn_pass_error(err, cause);
    }
    return status;
}

/* One statement on the transaction's connection, which is taken (and its snapshot opened) if need be. */
static task_fn int run(struct tx *tx, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err)
{
    struct err cause = {0};
    int status = tx->broken;

    if (status != 0) {
        return conn_pass_error(err, &tx->cause);
    }
    status = task_checkpoint(&cause);
    if (status == 0 && tx->conn == NULL) {
        status = db_take(tx->db, tx->opts->snapshot_read, false, &tx->conn, &cause);
        tx->dirty = status == 0;
        if (status == 0 && tx->opts->snapshot_read) {
            status = conn_run(tx->conn, SQL_SNAPSHOT, DB_NO_PARAMS, NULL, &cause);
        }
    }
    if (status == 0) {
        status = conn_run(tx->conn, sql, params, n_params, ret_rows, &cause);
    }
    return keep_broken(tx, status, &cause, err);
}

/* ---- the queue ---- */

void tx_add(struct tx *tx, const char *sql, const struct db_val *params, size_t n_params)
{
    struct queued *queued = arena_new_one(task_arena(), struct queued);

    must(!tx->opts->snapshot_read && n_params <= VALUES_MAX);
    queued->sql = arena_cstr(task_arena(), str_of(sql));
    queued->params = arena_new_array(task_arena(), struct db_val, n_params);
    queued->n_params = n_params;
    for (size_t i = 0; i < n_params; i++) {
        queued->params[i] = params[i];
        if (params[i].kind == DB_TEXT || params[i].kind == DB_BYTES) {
            queued->params[i].s = arena_copy(task_arena(), params[i].s);
            queued->n_bytes += params[i].s.n;
        }
    }
    if (tx->last != NULL) {
        tx->last->next = queued;
    } else {
        tx->first = queued;
    }
    tx->last = queued;
}

/* As much of the queue as goes into one statement: the piece's end, its values and the length of its text. */
static struct queued *cut_piece(struct queued *first, size_t *ret_values, size_t *ret_text)
{
    struct queued *it = first;
    size_t n_values = 0, n_bytes = 0, n_text = 0;

    do {
        n_values += it->n_params;
        n_bytes += it->n_bytes;
        n_text += strlen(it->sql) + 2;
        it = it->next;
    } while (it != NULL && n_values + it->n_params <= VALUES_MAX && n_bytes + it->n_bytes <= BYTES_MAX);
    *ret_values = n_values;
    *ret_text = n_text;
    return it;
}

static char *append(char *to, const char *text)
{
    const size_t n = strlen(text);

    memcpy(to, text, n);
    return to + n;
}

static const char *join_piece(
    const struct queued *first, const struct queued *end, size_t n_text, bool commit, struct db_val *values)
{
    char *text = arena_alloc(task_arena(), n_text + sizeof "BEGIN NOT ATOMIC COMMIT; END");
    char *to = append(text, "BEGIN NOT ATOMIC ");

    for (const struct queued *it = first; it != end; it = it->next) {
        to = append(append(to, it->sql), "; ");
        memcpy(values, it->params, it->n_params * sizeof *values);
        values += it->n_params;
    }
    (void)append(to, commit ? "COMMIT; END" : "END");
    return text;
}

/* Sends the queue, and with `commit` the COMMIT in its last piece. */
static task_fn int send_queue(struct tx *tx, bool commit, struct err *err)
{
    int status = 0;

    while (status == 0 && tx->first != NULL) {
        size_t n_values, n_text;
        struct queued *end = cut_piece(tx->first, &n_values, &n_text);
        const bool last = end == NULL;
        struct db_val *values = arena_new_array(task_arena(), struct db_val, n_values);
        const char *sql = tx->first->sql;

        if (tx->first->next == end && !(commit && last)) { /* one statement by itself */
            values = tx->first->params;
        } else {
            sql = join_piece(tx->first, end, n_text, commit && last, values);
        }
        status = run(tx, sql, values, n_values, NULL, err);
        tx->first = end;
        tx->last = end == NULL ? NULL : tx->last;
    }
    return status;
}

int tx_flush(struct tx *tx, struct err *err)
{
    return send_queue(tx, false, err);
}

int tx_query(struct tx *tx, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err)
{
    int status = send_queue(tx, false, err);

    if (status == 0) {
        status = run(tx, sql, params, n_params, ret_rows, err);
    }
    return status;
}

/* ---- one run ---- */

static task_fn int commit(struct tx *tx, struct err *err)
{
    int status = 0;

    if (tx->broken != 0) {
        return conn_pass_error(err, &tx->cause);
    }
    if (tx->first != NULL) {
        status = send_queue(tx, true, err);
    } else if (tx->conn != NULL && conn_in_transaction(tx->conn)) {
        struct err cause = {0};

        status = task_checkpoint(&cause);
        if (status == 0) {
            status = conn_control(tx->conn, "COMMIT", &cause);
        }
        status = keep_broken(tx, status, &cause, err);
    }
    if (status == 0 && tx->conn != NULL) {
        tx->dirty = conn_in_transaction(tx->conn);
        if (conn_last_gtid(tx->conn, &tx->gtid)) {
            tx->gtid = arena_copy(task_arena(), tx->gtid);
        }
    }
    if (status == -ERR_DB_LOST && !tx->opts->snapshot_read) {
        tx->lost_in_commit = true;
        tx->lost = (struct lost_conn){tx->conn->thread_id, tx->conn->connected_us};
    }
    return status;
}

/* Leaves no transaction open, whatever has happened, and gives the connection back. */
static task_fn void end(struct tx *tx)
{
    struct err ignored = {0};

    if (tx->conn == NULL) {
        return;
    }
    if (tx->dirty && !tx->conn->dead && conn_control(tx->conn, "ROLLBACK", &ignored) != 0) {
        conn_give_up(tx->conn);
    }
    db_give(tx->db, tx->conn);
    tx->conn = NULL;
}

static task_fn int run_once(struct tx *tx, tx_body_fn *fn, void *arg, struct err *err)
{
    int status = fn(tx, arg, err);

    if (status == 0 || tx->broken != 0) {
        struct err commit_err = {0};
        const int commit_status = commit(tx, &commit_err);

        if (commit_status != 0) { /* the cause stands over what the function made of it */
            status = commit_status;
            *err = commit_err;
        }
    }
    end(tx);
    return status;
}

/* ---- again and again ---- */

static void parse_gtid(struct str gtid, struct tx_done *done)
{
    int64_t domain, server, sequence;
    struct str one = str_cut(&gtid, ','), d = str_cut(&one, '-'), s = str_cut(&one, '-');

    if (str_to_i64(d, &domain) && str_to_i64(s, &server) && str_to_i64(one, &sequence)) {
        done->gtid_domain = domain;
        done->gtid_server = server;
        done->gtid_sequence = sequence;
    }
}

/* Short and uneven, so that two that met do not meet again; longer from run to run. */
static task_fn int pause_before_run(unsigned runs, struct err *err)
{
    const unsigned limit_ms = runs < 6 ? 2u << runs : PAUSE_MS_MAX;

    return task_sleep(1 + uv_hrtime() / 1000 % limit_ms, err);
}

/* Whether to run again after `status`; *ret_status is what to return if not. */
static task_fn bool is_to_run_again(
    struct tx *tx, unsigned runs, unsigned *losses, bool *ever_lost, int *status, struct err *err)
{
    const unsigned tries = tx->opts->tries != 0 ? tx->opts->tries : TRIES_DEFAULT;

    if (tx->lost_in_commit) {
        *ever_lost = true;
        *status = outcome_find(tx->db, &tx->lost, tx->opts->proof_sql, tx->opts->request_id, &tx->gtid, err);
        if (*status != -ERR_DB_LOST) {
            return false; /* committed, or nobody knows */
        }
    } else if (*status == -ERR_DB_DUPLICATE && *ever_lost) {
        struct err ignored = {0};

        if (outcome_find(tx->db, NULL, tx->opts->proof_sql, tx->opts->request_id, &tx->gtid, &ignored) == 0) {
            err_clear(err);
            *status = 0; /* what we met was our own first run */
        }
        return false;
    }
    if (*status == -ERR_DB_LOST) {
        return ++*losses < LOST_TRIES;
    }
    return *status == -ERR_DB_RETRY && runs < tries;
}

int tx_run(struct db *db, const struct tx_opts *opts, tx_body_fn *fn, void *arg, struct tx_done *ret_done,
    struct err *err)
{
    static const struct tx_opts no_opts;
    struct tx_done done = {0};
    unsigned losses = 0;
    bool ever_lost = false;
    struct err cause;
    struct tx tx;
    int status;

    for (;;) {
        err_clear(&cause);
        tx = (struct tx){.db = db, .opts = opts != NULL ? opts : &no_opts};
        done.runs++;
        status = run_once(&tx, fn, arg, &cause);
        if (status == 0 || !is_to_run_again(&tx, done.runs, &losses, &ever_lost, &status, &cause)) {
            break;
        }
        db->totals.retries++;
        if (status == -ERR_DB_RETRY) {
            err_clear(&cause);
            status = pause_before_run(done.runs, &cause);
            if (status != 0) {
                break;
            }
        }
    }
    if (status == 0) {
        db->totals.transactions++;
        parse_gtid(tx.gtid, &done);
        if (ret_done != NULL) {
            *ret_done = done;
        }
        return 0;
    }
    if (status == -ERR_DB_RETRY &&
        cause.code == ERR_DB_RETRY) { /* too busy a row, not a fault of the request */
        cause.code = ERR_UNAVAILABLE;
        cause.retry_after_s = 1;
        status = -ERR_UNAVAILABLE;
    }
    status = db_hide_loss(status, &cause);
    if (err->code == ERR_NONE) {
        *err = cause;
    }
    return status;
}
