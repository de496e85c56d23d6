/*
 * A connection lost during COMMIT leaves two questions. Is the server still at it? A thread that is slow, not
 * dead, may commit after we have looked; so it is killed and waited for until it has gone from the process
 * list. A server that was started after we had connected has no such thread: its recovery has decided. Then:
 * did it commit? The first audit event of the transaction is there, or it is not.
 */
#include "db/outcome.h"

#include "base/clock.h"

#include <stdio.h>

#define PATIENCE_US ((int64_t)20 * 1000 * 1000)
#define PAUSE_MS 20

static const char SQL_IS_THERE[] =
    "SELECT (SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS"
    " WHERE VARIABLE_NAME='UPTIME'),"
    " (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID=?)";
static const char SQL_POSITION[] = "SELECT @@global.gtid_binlog_pos";

/* Uptime is in whole seconds, rounded down: the server has started before now - uptime, and after a second
 * earlier than that. */
static bool started_later(int64_t uptime_s, int64_t connected_us)
{
    return clock_monotonic_us() - (uptime_s + 1) * 1000000 > connected_us;
}

/* One look; asks the server to end the thread if it is there. */
static task_fn int thread_is_away(
    struct conn *conn, const struct lost_conn *lost, bool *ret_away, struct err *err)
{
    struct db_rows rows = {0};
    struct err ignored = {0};
    char sql[64];
    int status = conn_run(conn, SQL_IS_THERE, DB_PARAMS(DB_I(lost->thread_id)), &rows, err);

    if (status != 0) {
        return status;
    }
    *ret_away = started_later(db_cell(&rows, 0, 0)->i, lost->connected_us) || db_cell(&rows, 0, 1)->i == 0;
    if (!*ret_away) {
        (void)snprintf(sql, sizeof sql, "KILL CONNECTION %lu", lost->thread_id);
        (void)conn_control(conn, sql, &ignored); /* it may have gone in between */
    }
    return conn->dead ? err_set(err, ERR_DB_LOST, "db connection lost") : 0;
}

static task_fn int ask_proof(struct conn *conn, const char *proof_sql, int64_t request_id,
    bool *ret_committed, struct str *ret_gtid, struct err *err)
{
    struct db_rows rows = {0};
    int status = conn_run(conn, proof_sql, DB_PARAMS(DB_I(request_id)), &rows, err);

    if (status == 0) {
        *ret_committed = rows.n_rows > 0;
    }
    if (status == 0 && *ret_committed) {
        status = conn_run(conn, SQL_POSITION, DB_NO_PARAMS, &rows, err);
        if (status == 0 && db_cell(&rows, 0, 0)->kind != DB_NULL) {
            *ret_gtid = db_cell(&rows, 0, 0)->s;
        }
    }
    return status;
}

int outcome_find(struct db *db, const struct lost_conn *lost, const char *proof_sql, int64_t request_id,
    struct str *ret_gtid, struct err *err)
{
    const int64_t end_us = clock_monotonic_us() + PATIENCE_US;
    bool away = lost == NULL, committed = false;

    err_clear(err);
    while (proof_sql != NULL && clock_monotonic_us() < end_us) {
        struct conn *conn = NULL;
        struct err cause = {0};
        int status = db_take(db, true, true, &conn, &cause);

        if (status == 0) {
            if (!away) {
                status = thread_is_away(conn, lost, &away, &cause);
            }
            if (status == 0 && away) {
                status = ask_proof(conn, proof_sql, request_id, &committed, ret_gtid, &cause);
            }
            db_give(db, conn);
        }
        if (status == 0 && away) {
            return committed ? 0
                             : err_set(err, ERR_DB_LOST, "db connection lost in COMMIT; it was not applied");
        }
        (void)task_park_firmly_for(PAUSE_MS); /* the server is starting, or the thread is ending */
    }
    err->retry_after_s = 1;
    return err_set(err, ERR_UNAVAILABLE, "db connection lost in COMMIT; its outcome is not known");
}
