/*
 * Transactions: trips, retries, and that nothing is lost or applied twice when connections, the server, or
 * the reply to a COMMIT go away. Every write of these tests adds one to a counter and inserts one event; at
 * the end the two must agree, and each acknowledged event must be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/tx.h"
#include "db_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CHECKED(name)                                                                                        \
    static void name##_body(void *arg);                                                                      \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        task_run(name##_body, NULL);                                                                         \
    }                                                                                                        \
    static void name##_body(void *arg)

static const char SQL_PROOF[] = "SELECT 1 FROM event WHERE id=?";
static const char SQL_LOCK_COUNTER[] = "SELECT n FROM counter WHERE id=? FOR UPDATE";
static const char SQL_SET_COUNTER[] = "UPDATE counter SET n=? WHERE id=?";
static const char SQL_INSERT_EVENT[] = "INSERT INTO event (id, note) VALUES (?,?)";

static int64_t last_event_id;

static void make_tables(void)
{
    (void)fixture_query(fixture.owner,
        "CREATE OR REPLACE TABLE counter (id INT PRIMARY KEY, n BIGINT NOT NULL)", DB_NO_PARAMS);
    (void)fixture_query(fixture.owner,
        "CREATE OR REPLACE TABLE event (id BIGINT PRIMARY KEY, note VARCHAR(64))", DB_NO_PARAMS);
    (void)fixture_query(fixture.app, "INSERT INTO counter VALUES (1,0),(2,0)", DB_NO_PARAMS);
}

static void must_agree(void)
{
    const int64_t counted = fixture_number(fixture.app, "SELECT CAST(SUM(n) AS SIGNED) FROM counter");

    must(counted == fixture_number(fixture.app, "SELECT COUNT(*) FROM event"));
}

/* Nobody holds a lock: so no transaction is open. */
static void must_be_free(void)
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

static task_fn int add_one(struct tx *tx, void *arg, struct err *err)
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

static int run_write(struct db *db, struct write *write, struct tx_done *done, struct err *err)
{
    struct tx_opts opts = {.proof_sql = SQL_PROOF};

    write->event_id = ++last_event_id;
    opts.request_id = write->event_id;
    return tx_run(db, &opts, add_one, write, done, err);
}

static bool event_is_there(int64_t id)
{
    return fixture_query(fixture.app, SQL_PROOF, DB_PARAMS(DB_I(id))).n_rows == 1;
}

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

static void run_pair(void *arg)
{
    struct pair *pair = arg;
    const struct tx_opts opts = {.tries = 100};

    for (int i = 0; i < 10; i++) {
        struct err err = {0};

        must(tx_run(fixture.app, &opts, lock_both, pair, NULL, &err) == 0);
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
    (void)task_spawn("there", run_pair, &there);
    (void)task_spawn("back", run_pair, &back);
    while (there.ended + back.ended < 2) {
        must(task_sleep(5, &err) == 0);
    }
    must(fixture_number(fixture.app, "SELECT CAST(SUM(n) AS SIGNED) FROM counter") == 40);
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

static void check_free(void *arg)
{
    (void)arg;
    must_agree();
    must_be_free();
}

static void make_tables_task(void *arg)
{
    (void)arg;
    make_tables();
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

/* ---- a reply that never arrives ---- */

/*
 * A proxy between the pool and the server, on threads of its own. Armed, it spoils the next thing that a
 * client says: it forwards it and swallows the answer, or does not even forward it; then both sides are cut.
 */
enum spoil { SPOIL_NOTHING, SPOIL_REPLY, SPOIL_REQUEST };
static struct {
    char path[108], server_path[108];
    int listener;
    _Atomic enum spoil armed;
} proxy;

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool pump(int from, int to, char *buffer, size_t size)
{
    const ssize_t n = read(from, buffer, size);

    return n > 0 && write(to, buffer, (size_t)n) == n;
}

static void *serve_client(void *arg)
{
    const int client = (int)(intptr_t)arg;
    const int server = connect_to(proxy.server_path);
    char buffer[65536];
    bool going = server >= 0;

    while (going) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};

        (void)poll(fds, 2, -1);
        if (fds[0].revents != 0) {
            const enum spoil spoil = atomic_exchange(&proxy.armed, SPOIL_NOTHING);

            if (spoil == SPOIL_REQUEST) {
                break;
            }
            going = pump(client, server, buffer, sizeof buffer);
            if (spoil == SPOIL_REPLY) {
                (void)!read(server, buffer, sizeof buffer); /* so the server has done it */
                break;
            }
        } else if (fds[1].revents != 0) {
            going = pump(server, client, buffer, sizeof buffer);
        }
    }
    (void)close(client);
    if (server >= 0) {
        (void)close(server);
    }
    return NULL;
}

static void *accept_clients(void *arg)
{
    (void)arg;
    for (;;) {
        const int client = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;

        if (client < 0) {
            return NULL;
        }
        must(pthread_create(&thread, NULL, serve_client, (void *)(intptr_t)client) == 0);
        (void)pthread_detach(thread);
    }
}

static struct db *open_through_proxy(pthread_t *ret_thread)
{
    struct db_address address = instance_address(fixture.instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = 2};
    struct sockaddr_un here = {.sun_family = AF_UNIX};

    (void)snprintf(proxy.server_path, sizeof proxy.server_path, "%.*s", STR_ARGS(address.socket));
    (void)snprintf(proxy.path, sizeof proxy.path, "%s/proxy", fixture.folder);
    (void)snprintf(here.sun_path, sizeof here.sun_path, "%s/proxy", fixture.folder);
    proxy.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlink(proxy.path);
    must(bind(proxy.listener, (const struct sockaddr *)&here, sizeof here) == 0);
    must(listen(proxy.listener, 16) == 0);
    must(pthread_create(ret_thread, NULL, accept_clients, NULL) == 0);
    address.socket = str_of(proxy.path);
    return db_open(&address, &limits);
}

static void close_proxy(struct db *db, pthread_t thread)
{
    db_close(db);
    (void)shutdown(proxy.listener, SHUT_RDWR);
    must(pthread_join(thread, NULL) == 0);
    (void)close(proxy.listener);
}

static void spoil_reply_once(struct write *write)
{
    if (write->runs == 1) {
        proxy.armed = SPOIL_REPLY;
    }
}

static void spoil_request_once(struct write *write)
{
    if (write->runs == 1) {
        proxy.armed = SPOIL_REQUEST;
    }
}

CHECKED(test_reply_to_commit_is_lost)
{
    pthread_t thread;
    struct db *db = open_through_proxy(&thread);
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, &done, &err) == 0); /* so that the commit is one message */
    for (int i = 0; i < 5; i++) {
        struct write write = {.before_commit = spoil_reply_once};
        const int64_t before = done.gtid_sequence;

        must(run_write(db, &write, &done, &err) == 0);
        must(write.runs == 1 && done.runs == 1 && event_is_there(write.event_id));
        must(done.gtid_sequence > before); /* from the server's position */
        must(run_write(db, &(struct write){0}, &done, &err) == 0);
    }
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 11);
    must_agree();
    must_be_free();
    close_proxy(db, thread);
}

CHECKED(test_commit_itself_is_lost)
{
    pthread_t thread;
    struct db *db = open_through_proxy(&thread);
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, NULL, &err) == 0);
    for (int i = 0; i < 5; i++) {
        struct write write = {.before_commit = spoil_request_once};

        must(run_write(db, &write, &done, &err) == 0);
        must(write.runs == 2 && done.runs == 2 && event_is_there(write.event_id));
    }
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 6);
    must_agree();
    must_be_free();
    close_proxy(db, thread);
}

/* Without a proof nobody can know: it says so, and does not run again. */
CHECKED(test_lost_commit_without_proof_is_not_repeated)
{
    pthread_t thread;
    struct db *db = open_through_proxy(&thread);
    struct write write = {.before_commit = spoil_reply_once};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, NULL, &err) == 0);
    write.event_id = ++last_event_id;
    must(tx_run(db, NULL, add_one, &write, NULL, &err) == -ERR_UNAVAILABLE);
    must(err.retry_after_s == 1 && write.runs == 1);
    must_agree();
    close_proxy(db, thread);
}

/*
 * The server is slow, not dead: we give up on the connection while it is in the middle of the commit's
 * statement. It is ended before the transaction is run again, so it cannot commit afterwards.
 */
static task_fn int slow_once(struct tx *tx, void *arg, struct err *err)
{
    struct write *write = arg;
    int status = write->runs > 0 ? 0 : tx_query(tx, "SET max_statement_time=0", DB_NO_PARAMS, NULL, err);

    if (status == 0) {
        status = add_one(tx, write, err);
    }
    if (status == 0 && write->runs == 1) {
        tx_add(tx, "DO SLEEP(4)", DB_NO_PARAMS);
    }
    return status;
}

CHECKED(test_slow_commit_is_ended_before_it_is_repeated)
{
    struct db *db = fixture_open(INSTANCE_APP, 2, 100);
    struct write write = {.event_id = ++last_event_id};
    const struct tx_opts opts = {.proof_sql = SQL_PROOF, .request_id = write.event_id};
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(tx_run(db, &opts, slow_once, &write, &done, &err) == 0);
    must(done.runs == 2);
    must(task_sleep(2500, &err) == 0); /* past the end of its sleep, had it lived */
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 1);
    must_agree();
    must_be_free();
    db_close(db);
}

/* ---- storms ---- */

struct storm {
    struct db *db;
    unsigned n_running, n_acknowledged, n_refused;
    bool stop;
    int64_t acknowledged[200000];
};
static struct storm storm;

static void storm_writer(void *arg)
{
    (void)arg;
    while (!storm.stop) {
        struct write write = {.row = 1 + (int)(last_event_id % 2)};
        struct err err = {0};
        const int status = run_write(storm.db, &write, NULL, &err);

        if (status == 0) {
            must(storm.n_acknowledged < sizeof storm.acknowledged / sizeof storm.acknowledged[0]);
            storm.acknowledged[storm.n_acknowledged++] = write.event_id;
        } else {
            must(status == -ERR_UNAVAILABLE && err.retry_after_s > 0);
            storm.n_refused++;
            must(task_sleep(5, &err) == 0 || true);
        }
        arena_clear(task_arena());
    }
    storm.n_running--;
}

static void check_storm(void)
{
    const struct db_rows rows = fixture_query(fixture.app, "SELECT id FROM event ORDER BY id", DB_NO_PARAMS);
    size_t at = 0;

    for (int64_t id = 1; id <= last_event_id; id++) { /* acknowledged ones, in order of their ids */
        const bool there = at < rows.n_rows && db_cell(&rows, at, 0)->i == id;

        at += there;
        for (size_t i = 0; !there && i < storm.n_acknowledged; i++) {
            must(storm.acknowledged[i] != id);
        }
    }
    must(at == rows.n_rows);
    must_agree();
    must_be_free();
}

static void begin_storm(unsigned n_writers)
{
    make_tables();
    last_event_id = 0;
    memset(&storm, 0, sizeof storm);
    storm.db = fixture_open(INSTANCE_APP, 6, 15000);
    storm.n_running = n_writers;
    for (unsigned i = 0; i < n_writers; i++) {
        (void)task_spawn("writer", storm_writer, NULL);
    }
}

static void end_storm(void)
{
    struct err err = {0};

    storm.stop = true;
    while (storm.n_running > 0) {
        must(task_sleep(5, &err) == 0);
    }
    db_close(storm.db);
}

CHECKED(test_storm_while_connections_are_killed)
{
    struct err err = {0};
    unsigned n_killed = 0;
    (void)arg;

    begin_storm(8);
    while (n_killed < 200) {
        const struct db_rows rows = fixture_query(fixture.app,
            "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER='tidemark_app'"
            " ORDER BY RAND() LIMIT 2",
            DB_NO_PARAMS);

        for (size_t i = 0; i < rows.n_rows; i++) {
            struct err ignored = {0};
            char sql[64];

            (void)snprintf(sql, sizeof sql, "KILL CONNECTION %lld", (long long)db_cell(&rows, i, 0)->i);
            n_killed += db_query(fixture.app, sql, DB_NO_PARAMS, NULL, &ignored) == 0;
        }
        must(task_sleep(3, &err) == 0);
    }
    end_storm();
    must(storm.n_acknowledged > 50);
    print_message("killed %u connections: %u acknowledged, %u refused\n", n_killed, storm.n_acknowledged,
        storm.n_refused);
    check_storm();
}

CHECKED(test_storm_while_the_server_is_killed)
{
    struct err err = {0};
    (void)arg;

    begin_storm(8);
    for (unsigned round = 0; round < 3; round++) {
        const unsigned before = storm.n_acknowledged;
        int64_t killed_us;

        while (storm.n_acknowledged < before + 100) {
            must(task_sleep(1, &err) == 0);
        }
        must(fixture_signal_servers(fixture.folder, SIGKILL) == 1);
        killed_us = clock_monotonic_us();
        while (instance_restarts(fixture.instance) <= round || !instance_is_up(fixture.instance)) {
            must(task_sleep(5, &err) == 0);
        }
        must(clock_monotonic_us() - killed_us < 5000000); /* serving again within 5 s */
        print_message(
            "server killed: up again after %lld ms\n", (long long)(clock_monotonic_us() - killed_us) / 1000);
    }
    end_storm();
    print_message("%u acknowledged, %u refused\n", storm.n_acknowledged, storm.n_refused);
    check_storm();
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
        cmocka_unit_test(test_reply_to_commit_is_lost),
        cmocka_unit_test(test_commit_itself_is_lost),
        cmocka_unit_test(test_lost_commit_without_proof_is_not_repeated),
        cmocka_unit_test(test_slow_commit_is_ended_before_it_is_repeated),
        cmocka_unit_test(test_storm_while_connections_are_killed),
        cmocka_unit_test(test_storm_while_the_server_is_killed),
        cmocka_unit_test(test_price_of_a_write),
    };

    return cmocka_run_group_tests_name("db/tx", tests, fixture_set_up, fixture_tear_down);
}
