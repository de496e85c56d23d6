/*
 * Broken connections, a killed or frozen server, purged and foreign binlogs, full queues, and stopping at any
 * time: nothing may be lost or doubled, and what cannot be continued has to be said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "feed_dba.h"

static void pause_ms(uint64_t ms)
{
    struct err err = {0};

    must(task_sleep(ms, &err) == 0);
}

static struct feed *begin(const struct feed_limits *limits)
{
    dba_connect();
    (void)dba_run("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, a BIGINT, c VARCHAR(200))");
    return feed_open(STR_NULL, limits);
}

static void end(struct feed *feed)
{
    feed_stop(feed);
    dba_close();
}

/* ---- the connection breaks ---- */

/* Counts what comes: parts of a transaction must join without a gap or a double. */
struct counting {
    int64_t next, sequence;
    bool inside;
};

static void count_changes(struct counting *counting, const struct feed_tx *tx)
{
    must(tx->kind == FEED_TX && tx->first == !counting->inside);
    must(counting->inside ? tx->sequence == counting->sequence : tx->sequence == counting->sequence + 1);
    for (size_t i = 0; i < tx->n_changes; i++) {
        must(tx->changes[i].after[0].i == counting->next++);
    }
    counting->sequence = tx->sequence;
    counting->inside = !tx->last;
}

CHECKED(test_connection_broken_inside_of_transactions)
{
    const struct feed_limits limits = {.queue_bytes = 128 << 10, .part_bytes = 32 << 10};
    struct feed *feed = begin(&limits);
    struct counting counting = {.next = 1, .sequence = feed_stats_now(feed).sequence};
    unsigned n_parts = 0, n_kills = 0;
    (void)arg;

    for (int i = 0; i < 5; i++) {
        (void)dba_run("INSERT INTO t SELECT seq, %d, REPEAT('x',100) FROM seq_%d_to_%d", i, i * 4000 + 1,
            i * 4000 + 4000);
    }
    while (counting.next <= 20000 || counting.inside) {
        struct feed_tx *tx = feed_take(feed);

        count_changes(&counting, tx);
        feed_tx_unref(tx);
        /* At another place of a transaction each time; the reader is waiting for room or has just begun. */
        if (++n_parts % 23 == 0) {
            n_kills += dba_kill_dump() ? 1 : 0;
        }
    }
    must(counting.next == 20001 && n_kills >= 5);
    must(feed_stats_now(feed).reconnects >= 3);
    must(counting.sequence == dba_sequence());
    end(feed);
}

CHECKED(test_connection_broken_between_small_transactions)
{
    struct feed *feed = begin(NULL);
    struct counting counting = {.next = 1, .sequence = feed_stats_now(feed).sequence};
    (void)arg;

    for (int i = 1; i <= 300; i++) {
        (void)dba_run("INSERT INTO t VALUES (%d,%d,'')", i, i);
        if (i % 60 == 0) {
            (void)dba_kill_dump();
        }
    }
    while (counting.next <= 300) {
        struct feed_tx *tx = feed_take(feed);

        count_changes(&counting, tx);
        feed_tx_unref(tx);
    }
    must(counting.sequence == dba_sequence());
    end(feed);
}

/* ---- the server dies under writers ---- */

struct writing {
    struct db *db;
    int64_t next;     /* to be written */
    bool ends, ended; /* asked to, and has */
    struct task *waiter;
};

static void write_on(void *arg)
{
    struct writing *writing = arg;
    struct err err;

    while (!writing->ends) {
        struct db_rows rows = {0};

        err = (struct err){0};
        /* What was not acknowledged may be there all the same: asked before it is written again. */
        if (db_query(writing->db, "INSERT IGNORE INTO t VALUES (?,0,'')", DB_PARAMS(DB_I(writing->next)),
                &rows, &err) == 0) {
            writing->next++;
        } else {
            err = (struct err){0};
            must(task_sleep(20, &err) == 0);
        }
    }
    writing->ended = true;
    if (writing->waiter != NULL) {
        task_wake(writing->waiter);
    }
}

CHECKED(test_server_killed_under_writes)
{
    struct feed *feed = begin(NULL);
    struct writing writing = {.db = fixture.app, .next = 1};
    struct counting counting = {.next = 1, .sequence = feed_stats_now(feed).sequence};
    (void)arg;

    dba_close();
    (void)task_spawn("writer", write_on, &writing);
    for (unsigned round = 0; round < 4; round++) {
        const int64_t goal = counting.next + 40;

        while (counting.next < goal || feed_stats_now(feed).reconnects < round) {
            struct feed_tx *tx = feed_take(feed);

            count_changes(&counting, tx);
            feed_tx_unref(tx);
        }
        if (round < 3) {
            must(fixture_signal_servers(fixture.folder, SIGKILL) > 0);
        }
    }
    while (counting.next < writing.next) {
        struct feed_tx *tx = feed_take(feed);

        count_changes(&counting, tx);
        feed_tx_unref(tx);
    }
    writing.waiter = task_self();
    writing.ends = true;
    while (!writing.ended) {
        task_park_firmly();
    }
    while (counting.next < writing.next) {
        struct feed_tx *tx = feed_take(feed);

        count_changes(&counting, tx);
        feed_tx_unref(tx);
    }
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM t") == counting.next - 1);
    must(feed_stats_now(feed).reconnects >= 3);
    feed_stop(feed);
}

/* ---- silence ---- */

CHECKED(test_heartbeats)
{
    struct feed *feed = begin(NULL);
    int64_t last_us = feed_stats_now(feed).last_event_us;
    (void)arg;

    for (int i = 0; i < 3; i++) { /* nobody writes, and yet something comes each second */
        const int64_t begin_us = clock_monotonic_us();

        while (feed_stats_now(feed).last_event_us == last_us) {
            must(clock_monotonic_us() - begin_us < 4000000);
            pause_ms(10);
        }
        last_us = feed_stats_now(feed).last_event_us;
    }
    must(feed_stats_now(feed).connected && feed_stats_now(feed).reconnects == 0);
    end(feed);
}

CHECKED(test_frozen_server)
{
    struct feed *feed = begin(NULL);
    const int64_t begin_us = clock_monotonic_us();
    struct feed_tx *tx;
    (void)arg;

    must(fixture_signal_servers(fixture.folder, SIGSTOP) == 1);
    while (feed_stats_now(feed).connected) { /* it has not closed the connection: we notice the silence */
        must(clock_monotonic_us() - begin_us < 12000000);
        pause_ms(20);
    }
    must(clock_monotonic_us() - begin_us > 3500000);
    must(fixture_signal_servers(fixture.folder, SIGCONT) == 1);
    (void)dba_run("INSERT INTO t VALUES (1,1,'')");
    tx = feed_take_rows(feed);
    must(tx->changes[0].after[0].i == 1);
    feed_tx_unref(tx);
    end(feed);
}

/* ---- the server cannot go on ---- */

static void expect_lost(struct feed *feed, const char *why)
{
    static int n = 5000;
    struct feed_tx *tx = feed_take(feed);

    if (tx->kind != FEED_LOST) {
        (void)fprintf(stderr, "%s: not lost\n", why);
    }
    must(tx->kind == FEED_LOST && tx->sequence == dba_sequence());
    feed_tx_unref(tx);
    (void)dba_run("INSERT INTO t VALUES (%d,1,'')", ++n);
    tx = feed_take(feed);
    must(tx->kind == FEED_TX && tx->n_changes == 1 && tx->changes[0].after[0].i == n);
    must(tx->sequence == dba_sequence());
    feed_tx_unref(tx);
}

CHECKED(test_purged_binlog)
{
    struct feed *feed = begin(NULL);
    char after[40], file[80];
    MYSQL_RES *result;
    (void)arg;

    (void)snprintf(after, sizeof after, "0-1-%lld", (long long)dba_sequence());
    feed_stop(feed);
    (void)dba_run("INSERT INTO t VALUES (1,1,''); FLUSH BINARY LOGS; INSERT INTO t VALUES (2,1,'');"
                  "FLUSH BINARY LOGS");
    must(mysql_query(&dba, "SHOW MASTER STATUS") == 0 && (result = mysql_store_result(&dba)) != NULL);
    (void)snprintf(file, sizeof file, "%s", mysql_fetch_row(result)[0]);
    mysql_free_result(result);
    (void)dba_run("PURGE BINARY LOGS TO '%s'", file);
    feed = feed_open(str_of(after), NULL);
    expect_lost(feed, "purged");
    end(feed);
}

CHECKED(test_position_of_another_history)
{
    struct feed *feed = begin(NULL);
    char after[40];
    (void)arg;

    feed_stop(feed);
    (void)snprintf(after, sizeof after, "0-1-%lld", (long long)dba_sequence() + 1000);
    feed = feed_open(str_of(after), NULL); /* ahead of the server */
    expect_lost(feed, "ahead");
    feed_stop(feed);
    (void)snprintf(after, sizeof after, "0-77-%lld", (long long)dba_sequence() - 1);
    feed = feed_open(str_of(after), NULL); /* of a server that has never been here */
    expect_lost(feed, "another server");
    end(feed);
}

CHECKED(test_binlog_reset_under_the_feed)
{
    struct feed *feed = begin(NULL);
    (void)arg;

    (void)dba_run("INSERT INTO t VALUES (1,1,'')");
    feed_tx_unref(feed_take_rows(feed));
    (void)dba_kill_dump();
    (void)dba_run("RESET MASTER; INSERT INTO t VALUES (2,1,'')");
    expect_lost(feed, "reset");
    (void)dba_run("RESET MASTER; INSERT INTO t VALUES (3,1,'')"); /* with the feed connected */
    expect_lost(feed, "reset while it reads");
    end(feed);
}

CHECKED(test_goes_on_from_a_given_position)
{
    struct feed *feed = begin(NULL);
    char after[40];
    struct feed_tx *tx;
    (void)arg;

    feed_stop(feed);
    (void)snprintf(after, sizeof after, "0-1-%lld", (long long)dba_sequence());
    (void)dba_run("INSERT INTO t VALUES (1,1,''); FLUSH BINARY LOGS; INSERT INTO t VALUES (2,1,'')");
    feed = feed_open(str_of(after), NULL);
    for (int i = 1; i <= 2; i++) {
        tx = feed_take(feed);
        must(tx->n_changes == 1 && tx->changes[0].after[0].i == i);
        feed_tx_unref(tx);
    }
    end(feed);
}

/* ---- starting and stopping ---- */

CHECKED(test_start_that_fails)
{
    struct db_address address = instance_address(fixture.instance, INSTANCE_FEED);
    struct feed *feed = NULL;
    struct err err = {0};
    (void)arg;

    must(feed_start(&address, NULL, STR("0-1"), FEED_SCHEMAS, &feed, &err) == -ERR_USAGE);
    address.password = STR("wrong");
    err_clear(&err);
    must(feed_start(&address, NULL, STR_NULL, FEED_SCHEMAS, &feed, &err) == -ERR_UNAVAILABLE);
    must(strstr(err.detail, "1045") != NULL && strstr(err.detail, "wrong") == NULL);
    address.socket = STR("/nonexistent/socket");
    err_clear(&err);
    must(feed_start(&address, NULL, STR_NULL, FEED_SCHEMAS, &feed, &err) == -ERR_UNAVAILABLE);
    must(feed == NULL);
}

struct waiting {
    struct feed *feed;
    int status;
    bool ended;
};

static void wait_for_next(void *arg)
{
    struct waiting *waiting = arg;
    struct feed_tx *tx = NULL;
    struct err err = {0};

    waiting->status = feed_next(waiting->feed, &tx, &err);
    waiting->ended = true;
}

static void wait_for_place(void *arg)
{
    struct waiting *waiting = arg;
    int64_t sequence;
    struct err err = {0};

    waiting->status = feed_sequence_at(waiting->feed, STR("binlog.999999"), 4, 60000, &sequence, &err);
    waiting->ended = true;
}

CHECKED(test_stop_wakes_who_waits)
{
    struct feed *feed = begin(NULL);
    struct waiting next = {.feed = feed}, place = {.feed = feed};
    int64_t begin_us;
    (void)arg;

    (void)task_spawn("next", wait_for_next, &next);
    (void)task_spawn("place", wait_for_place, &place);
    pause_ms(20);
    must(!next.ended && !place.ended);
    begin_us = clock_monotonic_us();
    end(feed);
    must(next.ended && next.status == -ERR_CANCELLED && place.ended && place.status == -ERR_CANCELLED);
    must(clock_monotonic_us() - begin_us < 1000000); /* not by waiting for a heartbeat */
}

CHECKED(test_stop_with_a_full_queue)
{
    const struct feed_limits limits = {.queue_bytes = 64 << 10, .part_bytes = 16 << 10};
    struct feed *feed = begin(&limits);
    (void)arg;

    (void)dba_run("INSERT INTO t SELECT seq, 1, REPEAT('x',100) FROM seq_1_to_5000");
    while (feed_stats_now(feed).waits_for_room == 0) {
        pause_ms(5);
    }
    end(feed);
}

CHECKED(test_stop_while_the_server_is_away)
{
    struct feed *feed = begin(NULL);
    int64_t begin_us;
    (void)arg;

    must(fixture_signal_servers(fixture.folder, SIGSTOP) == 1);
    begin_us = clock_monotonic_us();
    feed_stop(feed);
    must(clock_monotonic_us() - begin_us < 1000000);
    must(fixture_signal_servers(fixture.folder, SIGCONT) == 1);
    dba_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_broken_inside_of_transactions),
        cmocka_unit_test(test_connection_broken_between_small_transactions),
        cmocka_unit_test(test_heartbeats),
        cmocka_unit_test(test_goes_on_from_a_given_position),
        cmocka_unit_test(test_purged_binlog),
        cmocka_unit_test(test_position_of_another_history),
        cmocka_unit_test(test_binlog_reset_under_the_feed),
        cmocka_unit_test(test_start_that_fails),
        cmocka_unit_test(test_stop_wakes_who_waits),
        cmocka_unit_test(test_stop_with_a_full_queue),
        cmocka_unit_test(test_stop_while_the_server_is_away),
        cmocka_unit_test(test_frozen_server),
        cmocka_unit_test(test_server_killed_under_writes),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern; none runs all */
    return cmocka_run_group_tests(tests, dba_set_up, fixture_tear_down);
}
