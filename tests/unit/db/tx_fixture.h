/*
 * The write that the tests of transactions do: it adds one to a counter and inserts one event. At the end of
 * each the two must agree.
 */
#ifndef TIDEMARK_TESTS_TX_FIXTURE_H
#define TIDEMARK_TESTS_TX_FIXTURE_H

#include "db/tx.h"
#include "db_fixture.h"

static const char SQL_PROOF[] = "SELECT 1 FROM event WHERE id=?";
static const char SQL_LOCK_COUNTER[] = "SELECT n FROM counter WHERE id=? FOR UPDATE";
static const char SQL_SET_COUNTER[] = "UPDATE counter SET n=? WHERE id=?";
static const char SQL_INSERT_EVENT[] = "INSERT INTO event (id, note) VALUES (?,?)";

static int64_t last_event_id;

static inline void make_tables(void)
{
    (void)fixture_query(fixture.owner,
        "CREATE OR REPLACE TABLE counter (id INT PRIMARY KEY, n BIGINT NOT NULL)", DB_NO_PARAMS);
    (void)fixture_query(fixture.owner,
        "CREATE OR REPLACE TABLE event (id BIGINT PRIMARY KEY, note VARCHAR(64))", DB_NO_PARAMS);
    (void)fixture_query(fixture.app, "INSERT INTO counter VALUES (1,0),(2,0)", DB_NO_PARAMS);
}

static inline void must_agree(void)
{
    const int64_t counted = fixture_number(fixture.app, "SELECT CAST(SUM(n) AS SIGNED) FROM counter");

    must(counted == fixture_number(fixture.app, "SELECT COUNT(*) FROM event"));
}

/* Nobody holds a lock: so no transaction is open. */
static inline void must_be_free(void)
{
    (void)fixture_query(fixture.app, "SELECT n FROM counter FOR UPDATE NOWAIT", DB_NO_PARAMS);
    (void)fixture_query(fixture.app, "SELECT id FROM event FOR UPDATE NOWAIT", DB_NO_PARAMS);
}

/* The write that everything here does. */
struct write {
    int64_t event_id;
    int row;
    void (*before_commit)(struct write *write);
    int fail_with; /* status that the function returns after queueing */
    unsigned runs;
};

static inline task_fn int add_one(struct tx *tx, void *arg, struct err *err)
{
    struct write *write = arg;
    struct db_rows rows = {0};
    const int row = write->row != 0 ? write->row : 1;
    int status = tx_query(tx, SQL_LOCK_COUNTER, DB_PARAMS(DB_I(row)), &rows, err);

    write->runs++;
    if (status != 0) {
        return status;
    }
    tx_add(tx, SQL_SET_COUNTER, DB_PARAMS(DB_I(db_cell(&rows, 0, 0)->i + 1), DB_I(row)));
    tx_add(tx, SQL_INSERT_EVENT, DB_PARAMS(DB_I(write->event_id), DB_S(STR("one"))));
    if (write->before_commit != NULL) {
        write->before_commit(write);
    }
    return write->fail_with != 0 ? err_set(err, (enum err_code) - write->fail_with, "on purpose") : 0;
}

static inline int run_write(struct db *db, struct write *write, struct tx_done *done, struct err *err)
{
    struct tx_opts opts = {.proof_sql = SQL_PROOF};

    write->event_id = ++last_event_id;
    opts.request_id = write->event_id;
    return tx_run(db, &opts, add_one, write, done, err);
}

static inline bool event_is_there(int64_t id)
{
    return fixture_query(fixture.app, SQL_PROOF, DB_PARAMS(DB_I(id))).n_rows == 1;
}

static inline void check_free(void *arg)
{
    (void)arg;
    must_agree();
    must_be_free();
}

static inline void make_tables_task(void *arg)
{
    (void)arg;
    make_tables();
}

#endif
