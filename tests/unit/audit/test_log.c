/* The log on a real database: in transactions, in groups of reads, under cancellation and lost connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/id.h"
#include "base/must.h"
#include "schema_fixture.h"

#include <string.h>

static struct db *app;
static struct conf conf;

/* Reads one number. */
static int64_t ask(const char *sql, struct str login)
{
    struct db_rows rows;
    struct err err = {0};
    must(db_query(app, sql, DB_PARAMS(DB_S(login)), &rows, &err) == 0);
    must(rows.n_rows == 1 && db_cell(&rows, 0, 0)->kind == DB_INT);
    return db_cell(&rows, 0, 0)->i;
}

static int64_t count_of(struct str login)
{
    return ask("SELECT COUNT(*) FROM tidemark_log.event WHERE login=?", login);
}

/* ---- in transactions ---- */

struct change {
    struct str login;
    int64_t id;
    size_t n_many;
    bool fail;
};

static task_fn int write_change(struct tx *tx, void *arg, struct err *err)
{
    struct change *change = arg;
    struct audit_event *events = arena_new_array(task_arena(), struct audit_event, change->n_many + 1);
    for (size_t i = 0; i <= change->n_many; i++) {
        events[i] = (struct audit_event){.id = i ? id_new() : 0,
            .login = change->login,
            .action = AUDIT_CREATE,
            .form = STR("customer"),
            .record = (int64_t)i + 1};
    }
    change->id = audit_add(tx, &events[0]);
    audit_add_many(tx, events + 1, change->n_many);
    return change->fail ? err_set(err, ERR_CONFLICT, "on purpose") : 0;
}

static void run_transactions(void *arg)
{
    (void)arg;
    static const size_t SIZES[] = {0, 1, 49, 50, 51, 123};
    char name[] = "tx-0";
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        struct err err = {0};
        struct db_rows rows;
        struct change change = {.login = str_of(name), .n_many = SIZES[i]};
        must(tx_run(app, NULL, write_change, &change, NULL, &err) == 0);
        must(count_of(change.login) == (int64_t)SIZES[i] + 1);
        must(ask("SELECT SUM(record) DIV 1 FROM tidemark_log.event WHERE login=? AND record IS NOT NULL",
                 change.login) == (int64_t)((SIZES[i] + 1) * (SIZES[i] + 2) / 2));
        must(
            db_query(app, AUDIT_PROOF_SQL, DB_PARAMS(DB_I(change.id)), &rows, &err) == 0 && rows.n_rows == 1);
        name[3]++;
    }
    struct err err = {0};
    struct db_rows rows;
    struct change change = {.login = STR("tx-fails"), .n_many = 60, .fail = true};
    must(tx_run(app, NULL, write_change, &change, NULL, &err) == -ERR_CONFLICT);
    must(count_of(change.login) == 0);
    err_clear(&err);
    must(db_query(app, AUDIT_PROOF_SQL, DB_PARAMS(DB_I(change.id)), &rows, &err) == 0 && rows.n_rows == 0);
}

static void test_events_share_the_fate_of_their_transaction(void **state)
{
    (void)state;
    task_run(run_transactions, NULL);
}

/* ---- reads in groups ---- */

#define READERS 500

struct reads {
    struct audit_reader *reader;
    struct str login;
    int64_t id[READERS]; /* 0: the reader makes one */
    int r[READERS];
    enum err_code code[READERS];
    int retry_after_s[READERS];
    unsigned fail_wait[READERS];
    bool done[READERS];
    struct task *task[READERS];
    size_t n, started, ended;
    struct task *boss;
};

static void read_one(void *arg)
{
    struct reads *reads = arg;
    size_t i = reads->started++;
    struct err err = {0};
    int64_t records[] = {(int64_t)i, 77};
    struct audit_event event = {.id = reads->id[i],
        .login = reads->login,
        .action = AUDIT_LIST,
        .form = STR("customer"),
        .record = (int64_t)i + 1,
        .records = records,
        .n_records = 2,
        .request = STR("r")};
    task_fail_wait(reads->fail_wait[i]);
    reads->r[i] = audit_read(reads->reader, &event, &err);
    reads->code[i] = err.code;
    reads->retry_after_s[i] = err.retry_after_s;
    reads->done[i] = true;
    reads->ended++;
    task_wake(reads->boss);
}

static void start_reads(struct reads *reads, size_t n)
{
    reads->boss = task_self();
    reads->n = n;
    for (size_t i = 0; i < n; i++)
        reads->task[i] = task_spawn("reader", read_one, reads);
}

static task_fn void await_reads(struct reads *reads)
{
    while (reads->ended < reads->n)
        task_park_firmly();
}

static bool is_logged(struct str login, int64_t record)
{
    struct db_rows rows;
    struct err err = {0};
    must(db_query(app, "SELECT 1 FROM tidemark_log.event WHERE login=? AND record=?",
             DB_PARAMS(DB_S(login), DB_I(record)), &rows, &err) == 0);
    must(rows.n_rows <= 1); /* never twice */
    return rows.n_rows == 1;
}

static void run_groups(void *arg)
{
    (void)arg;
    struct reads *reads = arena_new_one(task_arena(), struct reads);
    reads->login = STR("groups");
    reads->reader = audit_reader_new(app, &conf);
    start_reads(reads, READERS);
    await_reads(reads);
    for (size_t i = 0; i < READERS; i++)
        must(reads->r[i] == 0);
    must(count_of(reads->login) == READERS);
    must(ask("SELECT COUNT(*) FROM tidemark_log.event WHERE login=? AND LENGTH(records)=16", reads->login) ==
         READERS);
    struct audit_stats stats = audit_stats_now(reads->reader);
    must(stats.events == READERS && stats.waiting == 0);
    must(stats.groups <= 12); /* 256, 128, 64, … : not one for each read */
    audit_reader_free(reads->reader);
}

static void test_reads_are_written_in_groups(void **state)
{
    (void)state;
    task_run(run_groups, NULL);
}

static void run_full_queue(void *arg)
{
    (void)arg;
    struct conf small = conf;
    small.audit_read_queue = 16;
    struct reads *reads = arena_new_one(task_arena(), struct reads);
    reads->login = STR("full");
    reads->reader = audit_reader_new(app, &small);
    start_reads(reads, 40);
    await_reads(reads);
    size_t good = 0;
    for (size_t i = 0; i < 40; i++) {
        must(reads->r[i] == 0 || (reads->r[i] == -ERR_UNAVAILABLE && reads->retry_after_s[i] == 1));
        good += reads->r[i] == 0;
    }
    must(good == 16 && count_of(reads->login) == 16);
    audit_reader_free(reads->reader);
}

static void test_a_full_queue_refuses(void **state)
{
    (void)state;
    task_run(run_full_queue, NULL);
}

/* Whatever becomes of the others, a read that returned 0 is in the log, and the queue ends empty. */
static void check_after_losses(struct reads *reads, size_t *ret_good)
{
    *ret_good = 0;
    for (size_t i = 0; i < reads->n; i++) {
        bool logged = is_logged(reads->login, (int64_t)i + 1);
        must(reads->r[i] != 0 || logged);
        *ret_good += reads->r[i] == 0;
    }
    must(audit_stats_now(reads->reader).waiting == 0);
}

static void run_cancelled(void *arg)
{
    (void)arg;
    struct reads *reads = arena_new_one(task_arena(), struct reads);
    reads->login = STR("cancelled");
    reads->reader = audit_reader_new(app, &conf);
    start_reads(reads, 300);
    while (reads->started < 300) {
        struct err err = {0};
        must(task_sleep(0, &err) == 0);
    }
    for (size_t i = 0; i < 300; i += 3) { /* some are being written by now, some still wait */
        if (!reads->done[i])
            task_cancel(reads->task[i]);
    }
    await_reads(reads);
    size_t good;
    check_after_losses(reads, &good);
    must(good >= 200 && good < 300);
    for (size_t i = 0; i < 300; i++)
        must(reads->r[i] == 0 || (i % 3 == 0 && reads->r[i] == -ERR_CANCELLED));
    audit_reader_free(reads->reader);
}

static void test_cancelled_readers_leave_the_queue(void **state)
{
    (void)state;
    task_run(run_cancelled, NULL);
}

static void run_torture(void *arg)
{
    (void)arg;
    struct reads *reads = arena_new_one(task_arena(), struct reads);
    reads->login = STR("torture");
    reads->reader = audit_reader_new(app, &conf);
    for (size_t i = 0; i < 100; i++)
        reads->fail_wait[i] = i % 2;
    start_reads(reads, 100);
    await_reads(reads);
    for (size_t i = 0; i < 100; i++)
        must(reads->r[i] == (i % 2 ? -ERR_TORTURE : 0));
    size_t good;
    check_after_losses(reads, &good);
    must(good == 50);
    audit_reader_free(reads->reader);
}

static void test_failed_waits_hurt_nobody_else(void **state)
{
    (void)state;
    task_run(run_torture, NULL);
}

/* The insert fails (an id that is there already): the whole group is refused, nothing is half-written. */
static void run_fail_closed(void *arg)
{
    (void)arg;
    struct reads *first = arena_new_one(task_arena(), struct reads);
    struct reads *second = arena_new_one(task_arena(), struct reads);
    struct audit_reader *reader = audit_reader_new(app, &conf);
    *first = (struct reads){.login = STR("closed-1"), .reader = reader, .id = {id_new()}};
    start_reads(first, 1);
    await_reads(first);
    must(first->r[0] == 0);
    *second = (struct reads){.login = STR("closed-2"), .reader = reader, .id = {first->id[0]}};
    start_reads(second, 64);
    await_reads(second);
    for (size_t i = 0; i < 64; i++)
        must(second->r[i] == -ERR_UNAVAILABLE && second->retry_after_s[i] == 1);
    must(count_of(second->login) == 0);
    must(audit_stats_now(reader).events == 1);
    audit_reader_free(reader);
}

static void test_a_failed_insert_refuses_its_group(void **state)
{
    (void)state;
    task_run(run_fail_closed, NULL);
}

/* Connections die under the inserts. What was acknowledged is there, once. */
static void run_lost_connections(void *arg)
{
    (void)arg;
    size_t all_good = 0;
    for (int round = 0; round < 12; round++) {
        char name[] = "lost-a";
        name[5] = (char)('a' + round);
        struct reads *reads = arena_new_one(task_arena(), struct reads);
        reads->login = str_of(name);
        reads->reader = audit_reader_new(app, &conf);
        start_reads(reads, 200);
        for (int i = 0; i <= round; i++) {
            struct err err = {0};
            must(task_sleep(0, &err) == 0);
        }
        struct db_rows rows;
        struct err err = {0};
        must(db_query(app,
                 "SELECT ID FROM information_schema.PROCESSLIST WHERE ID<>CONNECTION_ID() AND USER="
                 "SUBSTRING_INDEX(CURRENT_USER(),'@',1)",
                 DB_NO_PARAMS, &rows, &err) == 0);
        for (size_t i = 0; i < rows.n_rows; i++) {
            err_clear(&err); /* it may be gone already */
            (void)db_query(app, "KILL CONNECTION ?", DB_PARAMS(DB_I(db_cell(&rows, i, 0)->i)), NULL, &err);
        }
        await_reads(reads);
        size_t good;
        check_after_losses(reads, &good);
        all_good += good;
        audit_reader_free(reads->reader);
    }
    must(all_good > 12 * 200 / 2); /* most are tried again and succeed */
}

static void test_lost_connections_lose_and_double_nothing(void **state)
{
    (void)state;
    task_run(run_lost_connections, NULL);
}

/* The whole server dies under the inserts and comes back: reads are refused or in the log, never neither. */
static void run_dead_server(void *arg)
{
    (void)arg;
    struct reads *reads = arena_new_one(task_arena(), struct reads);
    reads->login = STR("dead");
    reads->reader = audit_reader_new(app, &conf);
    start_reads(reads, READERS);
    while (reads->started < READERS) {
        struct err err = {0};
        must(task_sleep(0, &err) == 0);
    }
    must(fixture_signal_servers(fixture.folder, SIGKILL) > 0);
    await_reads(reads);
    for (size_t i = 0; i < READERS; i++)
        must(reads->r[i] == 0 || (reads->r[i] == -ERR_UNAVAILABLE && reads->retry_after_s[i] == 1));
    for (bool up = false; !up;) { /* the instance is watched and started again */
        struct err err = {0}, pause = {0};
        up = db_query(app, "SELECT 1", DB_NO_PARAMS, NULL, &err) == 0;
        must(up || task_sleep(50, &pause) == 0);
    }
    size_t good;
    check_after_losses(reads, &good);
    struct reads *after = arena_new_one(task_arena(), struct reads);
    *after = (struct reads){.login = STR("dead-after"), .reader = reads->reader};
    start_reads(after, 10);
    await_reads(after);
    must(after->r[0] == 0 && count_of(after->login) == 10);
    audit_reader_free(reads->reader);
}

static void test_a_dead_server_loses_nothing(void **state)
{
    (void)state;
    task_run(run_dead_server, NULL);
}

/* Freed while reads wait: they are written first; later ones are refused. */
static void run_free(void *arg)
{
    (void)arg;
    struct reads *reads = arena_new_one(task_arena(), struct reads);
    reads->login = STR("freed");
    reads->reader = audit_reader_new(app, &conf);
    start_reads(reads, 100);
    while (reads->started < 100) {
        struct err err = {0};
        must(task_sleep(0, &err) == 0);
    }
    audit_reader_free(reads->reader);
    await_reads(reads);
    for (size_t i = 0; i < 100; i++)
        must(reads->r[i] == 0);
    must(count_of(reads->login) == 100);
    audit_reader_free(NULL);
}

static void test_free_writes_what_waits(void **state)
{
    (void)state;
    task_run(run_free, NULL);
}

static int set_up(void **state)
{
    (void)schema_set_up(state);
    app = fixture.app;
    conf.audit_read_batch = 256;
    conf.audit_read_queue = 20000;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_share_the_fate_of_their_transaction),
        cmocka_unit_test(test_reads_are_written_in_groups),
        cmocka_unit_test(test_a_full_queue_refuses),
        cmocka_unit_test(test_cancelled_readers_leave_the_queue),
        cmocka_unit_test(test_failed_waits_hurt_nobody_else),
        cmocka_unit_test(test_a_failed_insert_refuses_its_group),
        cmocka_unit_test(test_lost_connections_lose_and_double_nothing),
        cmocka_unit_test(test_a_dead_server_loses_nothing),
        cmocka_unit_test(test_free_writes_what_waits),
    };
    return cmocka_run_group_tests(tests, set_up, schema_tear_down);
}
