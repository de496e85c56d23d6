/*
 * Reads at a position: what belongs to one answer is read in one snapshot, whose place in the binlog the feed
 * turns into the position of the last transaction that the snapshot has seen.
 */
#include "record/select_int.h"

enum { FEED_WAIT_MS = 3000 };

static const char SQL_PLACE[] = "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.SESSION_STATUS "
                                "WHERE VARIABLE_NAME IN ('BINLOG_SNAPSHOT_FILE', 'BINLOG_SNAPSHOT_POSITION')";

task_fn int snapshot_place(struct tx *tx, struct str *ret_file, int64_t *ret_offset, struct err *err)
{
    struct db_rows rows;
    int rc = tx_query(tx, SQL_PLACE, DB_NO_PARAMS, &rows, err);
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        if (str_eq_nocase(db_cell(&rows, i, 0)->s, STR("BINLOG_SNAPSHOT_FILE")))
            *ret_file = db_cell(&rows, i, 1)->s;
        else
            (void)str_to_i64(db_cell(&rows, i, 1)->s, ret_offset);
    }
    return rc;
}

struct reading {
    struct caller *caller;
    task_fn int (*read)(void *arg, struct err *err);
    void *arg;
    struct str file;
    int64_t offset;
};

static task_fn int read_in(struct tx *tx, void *arg, struct err *err)
{
    struct reading *reading = arg;
    int rc = snapshot_place(tx, &reading->file, &reading->offset, err);
    if (rc < 0)
        return rc;
    reading->caller->reading = tx;
    rc = reading->read(reading->arg, err);
    reading->caller->reading = NULL;
    return rc;
}

task_fn int caller_read(struct caller *caller, struct str *ret_pos,
    task_fn int (*read)(void *arg, struct err *err), void *arg, struct err *err)
{
    struct reading reading = {.caller = caller, .read = read, .arg = arg};
    const struct tx_opts opts = {.snapshot_read = true};
    const struct house *house = caller->house;
    int64_t sequence = 0;
    if (!ret_pos)
        return read(arg, err);
    if (!house->feed)
        return err_set(err, ERR_UNAVAILABLE, "the feed is not listened to");
    int rc = tx_run(house->app, &opts, read_in, &reading, NULL, err);
    if (rc < 0)
        return rc;
    rc = feed_sequence_at(house->feed, reading.file, reading.offset, FEED_WAIT_MS, &sequence, err);
    if (rc == -ERR_NOT_FOUND || rc == -ERR_TIMEOUT) {
        err_clear(err);
        return err_set(err, ERR_UNAVAILABLE, "the position of a snapshot is not known");
    }
    if (rc == 0)
        *ret_pos =
            arena_printf(task_arena(), "%.*s.%lld", STR_ARGS(house->position_epoch), (long long)sequence);
    return rc;
}

task_fn int caller_query(
    const struct caller *caller, const struct statement *statement, struct db_rows *ret_rows, struct err *err)
{
    const char *sql = buf_cstr(statement->sql);
    if (caller->reading)
        return tx_query(caller->reading, sql, statement->params, statement->n_params, ret_rows, err);
    return db_query(caller->house->app, sql, statement->params, statement->n_params, ret_rows, err);
}
