/* Transactions: trips, the queue, errors, retries, cancellation, the torture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tx_fixture.h"

/* ---- in quiet ---- */

CHECKED(test_write_takes_two_trips_and_tells_its_gtid)
{
    static const char QUESTIONS[] =
        "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS"
        " WHERE VARIABLE_NAME='QUESTIONS'";
    struct tx_done done = {0};
    struct err err = {0};
    int64_t before, sequence = 0;
    (void)arg;

    make_tables();
    must(run_write(fixture.app, &(struct write){0}, &done, &err) == 0); /* connects, prepares */
    before = fixture_number(fixture.owner, QUESTIONS);
    for (int i = 0; i < 10; i++) {
        must(run_write(fixture.app, &(struct write){0}, &done, &err) == 0);
        must(done.runs == 1 && done.gtid_server == 1 && done.gtid_sequence > sequence);
        sequence = done.gtid_sequence;
    }
    must(fixture_number(fixture.owner, QUESTIONS) - before == 10 * 2 + 1); /* and the question itself */
    must_agree();
    must_be_free();
}

static task_fn int only_read(struct tx *tx, void *arg, struct err *err)
{
    struct db_rows rows = {0};

    (void)arg;
    return tx_query(tx, SQL_LOCK_COUNTER, DB_PARAMS(DB_I(1)), &rows, err);
}

static task_fn int do_nothing(struct tx *tx, void *arg, struct err *err)
{
    (void)tx;
    (void)arg;
    (void)err;
    return 0;
}

CHECKED(test_transaction_that_writes_nothing)
{
    struct tx_done done = {.gtid_sequence = 5};
    struct err err = {0};
    uint64_t statements;
    (void)arg;

    make_tables();
    must(tx_run(fixture.app, NULL, only_read, NULL, &done, &err) == 0);
    must(done.gtid_sequence == 0 && done.runs == 1);
    must_be_free();
    statements = db_stats_now(fixture.app).statements;
    must(tx_run(fixture.app, NULL, do_nothing, NULL, NULL, &err) == 0);
    must(db_stats_now(fixture.app).statements == statements);
}

CHECKED(test_error_of_the_function_rolls_back)
{
    struct write write = {.fail_with = -ERR_CONFLICT};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(fixture.app, &write, NULL, &err) == -ERR_CONFLICT);
    must(err.code == ERR_CONFLICT && strcmp(err.detail, "on purpose") == 0 && write.runs == 1);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM event") == 0);
    must_agree();
    must_be_free();
}

static task_fn int clash(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    tx_add(tx, "UPDATE counter SET n=n+1 WHERE id=1", DB_NO_PARAMS);
    tx_add(tx, SQL_INSERT_EVENT, DB_PARAMS(DB_I(7), DB_S(STR("first"))));
    tx_add(tx, SQL_INSERT_EVENT, DB_PARAMS(DB_I(7), DB_S(STR("again"))));
    return 0;
}

CHECKED(test_error_inside_the_queue_rolls_all_back)
{
    struct err err = {0};
    struct str key;
    (void)arg;

    make_tables();
    must(tx_run(fixture.app, NULL, clash, NULL, NULL, &err) == -ERR_DB_DUPLICATE);
    must(db_duplicate_key(&err, &key) && str_eq(key, STR("PRIMARY")));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM event") == 0);
    must_agree();
    must_be_free();
}

/* Overlooks that its lock was refused; must not be able to commit all the same. */
static task_fn int overlook(struct tx *tx, void *arg, struct err *err)
{
    struct err ignored = {0};

    ++*(unsigned *)arg;
    (void)err;
    tx_add(tx, "UPDATE counter SET n=n+1 WHERE id=2", DB_NO_PARAMS);
    (void)tx_query(tx, "SELECT n FROM counter WHERE id=1 FOR UPDATE NOWAIT", DB_NO_PARAMS, NULL, &ignored);
    return 0;
}

static task_fn int hold_and_overlook(struct tx *tx, void *arg, struct err *err)
{
    struct db_rows rows = {0};
    struct tx_opts opts = {.tries = 3};
    unsigned runs = 0;
    int status = tx_query(tx, SQL_LOCK_COUNTER, DB_PARAMS(DB_I(1)), &rows, err);

    (void)arg;
    if (status == 0) {
        struct err inner = {0};

        must(tx_run(fixture.app, &opts, overlook, &runs, NULL, &inner) ==
             -ERR_UNAVAILABLE); /* 1205, three times */
        must(runs == 3 && inner.retry_after_s == 1);
    }
    return status;
}

CHECKED(test_overlooked_error_cannot_commit)
{
    struct err err = {0};
    (void)arg;

    make_tables();
    must(tx_run(fixture.app, NULL, hold_and_overlook, NULL, NULL, &err) == 0);
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=2") == 0);
    must_be_free();
}

static task_fn int write_then_look(struct tx *tx, void *arg, struct err *err)
{
    struct db_rows rows = {0};
    int status;

    (void)arg;
    tx_add(tx, "UPDATE counter SET n=41 WHERE id=1", DB_NO_PARAMS);
    tx_add(tx, "UPDATE counter SET n=n+1 WHERE id=1", DB_NO_PARAMS);
    status = tx_query(tx, SQL_LOCK_COUNTER, DB_PARAMS(DB_I(1)), &rows, err);
    must(status != 0 || db_cell(&rows, 0, 0)->i == 42);
    return status;
}

CHECKED(test_query_sees_what_was_queued_before_it)
{
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(tx_run(fixture.app, NULL, write_then_look, NULL, &done, &err) == 0);
    must(done.gtid_sequence > 0); /* by the COMMIT of its own */
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 42);
}

#define BULK 14000

static task_fn int write_much(struct tx *tx, void *arg, struct err *err)
{
    const struct str note = *(struct str *)arg;

    (void)err;
    for (int i = 0; i < BULK; i++) {
        tx_add(tx, "INSERT INTO bulk (id,a,b,c,d) VALUES (?,?,?,?,?)",
            DB_PARAMS(DB_I(i), DB_I(i), DB_I(i), DB_I(i), DB_S(note)));
    }
    return 0;
}

CHECKED(test_queue_past_all_limits_is_one_transaction)
{
    static char note[1000];
    struct str text = {note, sizeof note};
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    memset(note, 'n', sizeof note);
    (void)fixture_query(fixture.owner,
        "CREATE OR REPLACE TABLE bulk (id INT PRIMARY KEY, a INT, b INT, c INT, d TEXT)", DB_NO_PARAMS);
    must(tx_run(fixture.app, NULL, write_much, &text, &done, &err) == 0); /* 70,000 values, 14 MB */
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM bulk") == BULK && done.runs == 1);
    err_clear(&err);
    (void)fixture_query(fixture.app, "DELETE FROM bulk WHERE id < ?", DB_PARAMS(DB_I(BULK - 1)));
    must(tx_run(fixture.app, NULL, write_much, &text, NULL, &err) ==
         -ERR_DB_DUPLICATE); /* in the last piece */
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM bulk") == 1);
}

CHECKED(test_cached_compound_meets_a_changed_table)
{
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(fixture.app, &(struct write){0}, NULL, &err) == 0);
    (void)fixture_query(
        fixture.owner, "ALTER TABLE event ADD COLUMN extra INT DEFAULT 5, ALGORITHM=INSTANT", DB_NO_PARAMS);
    must(run_write(fixture.app, &(struct write){0}, NULL, &err) == 0);
    (void)fixture_query(fixture.owner,
        "ALTER TABLE event DROP COLUMN extra, ADD COLUMN front INT DEFAULT 6 FIRST", DB_NO_PARAMS);
    must(run_write(fixture.app, &(struct write){0}, NULL, &err) == 0);
    (void)fixture_query(fixture.owner, "ALTER TABLE counter MODIFY n INT NOT NULL", DB_NO_PARAMS);
    must(run_write(fixture.app, &(struct write){0}, NULL, &err) == 0);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM event WHERE front=6") == 4);
    must_agree();
}

static task_fn int look_twice(struct tx *tx, void *arg, struct err *err)
{
    struct db_rows first = {0}, second = {0};
    struct err inner = {0};
    int status = tx_query(tx, "SELECT n FROM counter WHERE id=1", DB_NO_PARAMS, &first, err);

    (void)arg;
    if (status == 0) {
        must(run_write(fixture.app, &(struct write){0}, NULL, &inner) == 0);
        status = tx_query(tx, "SELECT n, @@tx_isolation, @@in_transaction FROM counter WHERE id=1",
            DB_NO_PARAMS, &second, err);
    }
    if (status == 0) {
        must(db_cell(&first, 0, 0)->i == db_cell(&second, 0, 0)->i);
        must(db_cell(&second, 0, 2)->i == 1);
        must(tx_query(tx, "UPDATE counter SET n=9", DB_NO_PARAMS, NULL, &inner) ==
             -ERR_INTERNAL); /* read only */
    }
    return status;
}

CHECKED(test_snapshot_stands_still)
{
    const struct tx_opts opts = {.snapshot_read = true};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(tx_run(fixture.app, &opts, look_twice, NULL, NULL, &err) ==
         -ERR_INTERNAL); /* the refused UPDATE stands */
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 1);
    must(fixture_number(fixture.app,
             "SELECT @@tx_isolation='READ-COMMITTED' AND @@autocommit AND NOT @@in_transaction") == 1);
}

/* ---- others are at it too ---- */

struct pair {
    int first, second;
    unsigned ended;
};

static task_fn int lock_both(struct tx *tx, void *arg, struct err *err)
{
    const struct pair *pair = arg;
    struct db_rows rows = {0};
    int status = tx_query(tx, SQL_LOCK_COUNTER, DB_PARAMS(DB_I(pair->first)), &rows, err);

    if (status == 0) {
        status = task_sleep(2, err); /* so that the other has its first, too */
    }
    if (status == 0) {
        status = tx_query(tx, SQL_LOCK_COUNTER, DB_PARAMS(DB_I(pair->second)), &rows, err);
    }
    if (status == 0) {
        tx_add(tx, "UPDATE counter SET n=n+1", DB_NO_PARAMS);
    }
    return status;
}

static uint64_t n_pairs;

/* Until they have met at least once. */
static void run_pair(void *arg)
{
    struct pair *pair = arg;
    const struct tx_opts opts = {.tries = 100};
    const uint64_t retries = db_stats_now(fixture.app).retries;

    for (int i = 0; i < 10 || (i < 1000 && db_stats_now(fixture.app).retries == retries); i++) {
        struct err err = {0};

        must(tx_run(fixture.app, &opts, lock_both, pair, NULL, &err) == 0);
        n_pairs++;
    }
    pair->ended++;
}

CHECKED(test_deadlocks_are_run_again)
{
    struct pair there = {.first = 1, .second = 2}, back = {.first = 2, .second = 1};
    const uint64_t retries = db_stats_now(fixture.app).retries;
    struct err err = {0};
    (void)arg;

    make_tables();
    n_pairs = 0;
    (void)task_spawn("there", run_pair, &there);
    (void)task_spawn("back", run_pair, &back);
    while (there.ended + back.ended < 2) {
        must(task_sleep(5, &err) == 0);
    }
    must(fixture_number(fixture.app, "SELECT CAST(SUM(n) AS SIGNED) FROM counter") == (int64_t)(2 * n_pairs));
    must(db_stats_now(fixture.app).retries > retries);
    must_be_free();
}

struct repeatable {
    unsigned runs;
};

static task_fn int meet_1020(struct tx *tx, void *arg, struct err *err)
{
    struct repeatable *r = arg;
    struct db_rows rows = {0};
    struct err inner = {0};
    int status = tx_query(tx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", DB_NO_PARAMS, NULL, err);

    r->runs++;
    if (status == 0) {
        status = tx_query(tx, "SELECT n FROM counter WHERE id=1", DB_NO_PARAMS, &rows, err);
    }
    if (status == 0 && r->runs == 1) {
        must(run_write(fixture.app, &(struct write){0}, NULL, &inner) == 0);
    }
    if (status == 0) {
        tx_add(tx, SQL_SET_COUNTER, DB_PARAMS(DB_I(db_cell(&rows, 0, 0)->i + 10), DB_I(1)));
    }
    return status;
}

CHECKED(test_changed_since_the_snapshot_is_run_again)
{
    struct repeatable r = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(tx_run(fixture.app, NULL, meet_1020, &r, NULL, &err) == 0);
    must(r.runs == 2);
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 11);
}

/* The epoch row: writers share it, who moves it waits for them (DECISIONS A12). */
struct epoch {
    bool bumped;
    unsigned n_writers;
};
static struct epoch epoch;

static task_fn int bump_epoch(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    tx_add(tx, "UPDATE counter SET n=n+1 WHERE id=1", DB_NO_PARAMS);
    return 0;
}

static void bump(void *arg)
{
    struct err err = {0};

    (void)arg;
    must(tx_run(fixture.app, NULL, bump_epoch, NULL, NULL, &err) == 0);
    must(epoch.n_writers == 2);
    epoch.bumped = true;
}

static task_fn int read_epoch(struct tx *tx, void *arg, struct err *err)
{
    struct db_rows rows = {0};
    int status = tx_query(tx,
        "SELECT (SELECT n FROM counter WHERE id=1 LOCK IN SHARE MODE), c.* FROM counter c WHERE c.id=? FOR UPDATE",
        DB_PARAMS(DB_I(*(int *)arg)), &rows, err);

    must(status != 0 || (rows.n_rows == 1 && db_cell(&rows, 0, 0)->i == 0));
    if (status == 0 && *(int *)arg == 2) {
        static int other = 3;
        struct err inner = {0};

        (void)task_spawn("bump", bump, NULL);
        status = task_sleep(100, err);
        must(!epoch.bumped);
        must(tx_run(fixture.app, NULL, read_epoch, &other, NULL, &inner) == 0);
    }
    epoch.n_writers++;
    return status;
}

CHECKED(test_epoch_is_shared_by_writers_and_held_against_its_bump)
{
    int row = 2;
    struct err err = {0};
    (void)arg;

    make_tables();
    memset(&epoch, 0, sizeof epoch);
    (void)fixture_query(fixture.app, "INSERT INTO counter VALUES (3,0)", DB_NO_PARAMS);
    must(tx_run(fixture.app, NULL, read_epoch, &row, NULL, &err) == 0);
    while (!epoch.bumped) {
        must(task_sleep(1, &err) == 0);
    }
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 1);
}

/* ---- cancelled, tortured ---- */

static void cancel_self(struct write *write)
{
    (void)write;
    task_cancel(task_self());
}

static void be_cancelled(void *arg)
{
    struct write write = {.before_commit = cancel_self};
    struct err err = {0};

    *(int *)arg = run_write(fixture.app, &write, NULL, &err);
}

static void test_cancelled_leaves_nothing_open(void **state)
{
    int status = 1;
    (void)state;

    task_run(make_tables_task, NULL);
    task_run(be_cancelled, &status);
    assert_int_equal(status, -ERR_CANCELLED);
    task_run(check_free, NULL);
}

struct tortured {
    unsigned fail_at;
    bool fired;
};

static void write_tortured(void *arg)
{
    struct tortured *t = arg;
    struct write write = {0};
    struct err err = {0};
    int status;

    task_fail_wait(t->fail_at);
    status = run_write(fixture.app, &write, NULL, &err);
    t->fired = task_fail_wait_fired();
    task_fail_wait(0);
    must(status == (t->fired ? -ERR_TORTURE : 0));
    must(event_is_there(write.event_id) == !t->fired);
}

static void test_every_wait_may_fail(void **state)
{
    struct tortured t = {.fired = true};
    unsigned n = 0;
    (void)state;

    task_run(make_tables_task, NULL);
    while (t.fired) {
        t = (struct tortured){.fail_at = ++n};
        task_run(write_tortured, &t);
        task_run(check_free, NULL);
        assert_true(n < 20);
    }
    assert_true(n >= 3); /* the lock, the commit, and then none */
}
struct cancelled {
    struct task *task; /* NULL: ended */
    int status;
    struct write write;
};

static void write_until_cancelled(void *arg)
{
    struct cancelled *c = arg;
    struct err err = {0};

    c->status = run_write(fixture.app, &c->write, NULL, &err);
    c->task = NULL;
}

static void cancel_at_random(void *arg)
{
    struct cancelled all[40];
    unsigned n_cancelled = 0, n_done = 0;
    struct err err = {0};

    for (unsigned round = 0; round < 10; round++) {
        unsigned n_alive = 0;

        for (size_t i = 0; i < 40; i++) {
            all[i] = (struct cancelled){.write = {.row = 1 + (int)(i % 2)}};
            all[i].task = task_spawn("cancelled", write_until_cancelled, &all[i]);
        }
        do { /* eight connections and two rows: they are waiting for both */
            const unsigned turn = (unsigned)uv_hrtime() / 64;

            must(task_sleep(turn % 3, &err) == 0);
            if (all[turn % 40].task != NULL) {
                task_cancel(all[turn % 40].task);
            }
            n_alive = 0;
            for (size_t i = 0; i < 40; i++) {
                n_alive += all[i].task != NULL;
            }
        } while (n_alive > 0);
        for (size_t i = 0; i < 40; i++) {
            must(all[i].status == 0 || all[i].status == -ERR_CANCELLED);
            must(event_is_there(all[i].write.event_id) == (all[i].status == 0));
            n_cancelled += all[i].status != 0;
            n_done += all[i].status == 0;
        }
        must(db_stats_now(fixture.app).busy == 0 && db_stats_now(fixture.app).waiting == 0);
    }
    must(n_cancelled > 10 && n_done > 10);
    *(unsigned *)arg = n_cancelled;
}

static void test_cancelled_at_random(void **state)
{
    unsigned n_cancelled = 0;
    (void)state;

    task_run(make_tables_task, NULL);
    task_run(cancel_at_random, &n_cancelled);
    task_run(check_free, NULL);
    print_message("cancelled %u of 400\n", n_cancelled);
}

/* ---- what it costs ---- */

CHECKED(test_price_of_a_write)
{
    const int n = 300;
    struct err err = {0};
    int64_t begin_us;
    (void)arg;

    make_tables();
    must(run_write(fixture.app, &(struct write){0}, NULL, &err) == 0);
    begin_us = clock_monotonic_us();
    for (int i = 0; i < n; i++) {
        must(run_write(fixture.app, &(struct write){0}, NULL, &err) == 0);
    }
    print_message(
        "one write after the other: %lld us each\n", (long long)(clock_monotonic_us() - begin_us) / n);
    must_agree();
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_takes_two_trips_and_tells_its_gtid),
        cmocka_unit_test(test_transaction_that_writes_nothing),
        cmocka_unit_test(test_error_of_the_function_rolls_back),
        cmocka_unit_test(test_error_inside_the_queue_rolls_all_back),
        cmocka_unit_test(test_overlooked_error_cannot_commit),
        cmocka_unit_test(test_query_sees_what_was_queued_before_it),
        cmocka_unit_test(test_queue_past_all_limits_is_one_transaction),
        cmocka_unit_test(test_cached_compound_meets_a_changed_table),
        cmocka_unit_test(test_snapshot_stands_still),
        cmocka_unit_test(test_deadlocks_are_run_again),
        cmocka_unit_test(test_changed_since_the_snapshot_is_run_again),
        cmocka_unit_test(test_epoch_is_shared_by_writers_and_held_against_its_bump),
        cmocka_unit_test(test_cancelled_leaves_nothing_open),
        cmocka_unit_test(test_every_wait_may_fail),
        cmocka_unit_test(test_cancelled_at_random),
        cmocka_unit_test(test_price_of_a_write),
    };

    return cmocka_run_group_tests_name("db/tx", tests, fixture_set_up, fixture_tear_down);
}
