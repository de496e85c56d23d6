/*
 * What the feed hands over and what it does not: whole transactions, statements, other schemas and domains,
 * large transactions in parts, and everything that has to end in FEED_LOST.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "feed_dba.h"

/* A feed and the administrator, with an empty table t (id, a). */
static struct feed *begin(const struct feed_limits *limits)
{
    dba_connect();
    (void)dba_run("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, a BIGINT)");
    return feed_open(STR_NULL, limits);
}

static void end(struct feed *feed)
{
    feed_stop(feed);
    dba_close();
}

/* The next transaction, which must be whole, of the clock's domain, and have so many changes. */
static struct feed_tx *take_whole(struct feed *feed, size_t n_changes)
{
    struct feed_tx *tx = feed_take(feed);

    must(tx->kind == FEED_TX && tx->first && tx->last && tx->domain == 0);
    must(tx->n_changes == n_changes);
    return tx;
}

static void take_empty(struct feed *feed)
{
    struct feed_tx *tx = take_whole(feed, 0);

    must(tx->n_statements == 0);
    feed_tx_unref(tx);
}

static bool is_text(struct str value, const char *text)
{
    return str_eq(value, str_of(text));
}

/* ---- transactions ---- */

CHECKED(test_whole_transactions_in_order)
{
    struct feed *feed = begin(NULL);
    const int64_t before = feed_stats_now(feed).sequence;
    struct feed_tx *tx;
    (void)arg;

    must(before == dba_sequence());
    (void)dba_run("BEGIN; INSERT INTO t VALUES (1,10),(2,20); UPDATE t SET a=11 WHERE id=1;"
                  "DELETE FROM t WHERE id=2; COMMIT");
    (void)dba_run("BEGIN; INSERT INTO t VALUES (3,30); ROLLBACK");
    (void)dba_run("INSERT INTO t VALUES (4,40)");
    tx = take_whole(feed, 4);
    must(tx->sequence == before + 1 && tx->server == 1 && tx->n_statements == 0);
    must(tx->at_us % 1000000 == 0 && tx->at_us <= clock_utc_us() && tx->at_us > clock_utc_us() - 60000000);
    must(
        tx->changes[0].op == FEED_INSERT && tx->changes[0].before == NULL && tx->changes[0].after[1].i == 10);
    must(tx->changes[2].op == FEED_UPDATE && tx->changes[2].before[1].i == 10 &&
         tx->changes[2].after[1].i == 11);
    must(tx->changes[3].op == FEED_DELETE && tx->changes[3].after == NULL && tx->changes[3].before[0].i == 2);
    must(is_text(tx->changes[0].table->schema, "tidemark") && is_text(tx->changes[0].table->name, "t"));
    must(is_text(tx->changes[0].table->columns[1].name, "a"));
    feed_tx_unref(tx);
    tx = take_whole(feed, 1); /* what was rolled back is not there at all */
    must(tx->sequence == before + 2 && tx->changes[0].after[0].i == 4);
    must(feed_stats_now(feed).handed_over == before + 2);
    must(feed_stats_now(feed).transactions == 2 && feed_stats_now(feed).rows == 5);
    feed_tx_unref(feed_tx_ref(tx));
    feed_tx_unref(tx);
    end(feed);
}

/* An engine without transactions keeps rolled back rows in the binlog, with the ROLLBACK behind them. */
CHECKED(test_savepoints_and_rollback_beside_another_engine)
{
    struct feed *feed = begin(NULL);
    struct feed_tx *tx;
    (void)arg;

    (void)dba_run("CREATE OR REPLACE TABLE other (id INT PRIMARY KEY) ENGINE=Aria TRANSACTIONAL=0");
    feed_tx_unref(feed_take(feed));
    (void)dba_run("BEGIN; INSERT INTO t VALUES (1,1); SAVEPOINT one; INSERT INTO t VALUES (2,2);"
                  "INSERT INTO other VALUES (1); SAVEPOINT two; INSERT INTO t VALUES (3,3); ROLLBACK TO two;"
                  "INSERT INTO t VALUES (4,4); ROLLBACK TO one; INSERT INTO t VALUES (5,5); COMMIT");
    tx = take_whole(feed, 1); /* the other engine's row is a transaction of its own */
    must(is_text(tx->changes[0].table->name, "other"));
    feed_tx_unref(tx);
    tx = take_whole(feed, 2);
    must(tx->changes[0].after[0].i == 1 && tx->changes[1].after[0].i == 5);
    feed_tx_unref(tx);
    (void)dba_run("BEGIN; INSERT INTO t VALUES (6,6); INSERT INTO other VALUES (2); ROLLBACK;"
                  "INSERT INTO t VALUES (7,7)");
    tx = feed_take_rows(feed);
    must(is_text(tx->changes[0].table->name, "other"));
    feed_tx_unref(tx);
    tx = feed_take_rows(feed);
    must(tx->n_changes == 1 && tx->changes[0].after[0].i == 7);
    feed_tx_unref(tx);
    end(feed);
}

/* ---- statements ---- */

CHECKED(test_statements)
{
    struct feed *feed = begin(NULL);
    struct feed_tx *tx;
    (void)arg;

    (void)dba_run("INSERT INTO t VALUES (1,1)");
    feed_tx_unref(take_whole(feed, 1));
    (void)dba_run("ALTER TABLE t ADD COLUMN b TEXT COMMENT '观澜'");
    tx = take_whole(feed, 0);
    must(tx->n_statements == 1 && is_text(tx->statements[0].schema, "tidemark"));
    must(is_text(tx->statements[0].text, "ALTER TABLE t ADD COLUMN b TEXT COMMENT '观澜'"));
    feed_tx_unref(tx);
    (void)dba_run("TRUNCATE TABLE t");
    tx = take_whole(feed, 0);
    must(tx->n_statements == 1 && str_starts(tx->statements[0].text, STR("TRUNCATE TABLE t")));
    feed_tx_unref(tx);
    (void)dba_run("CREATE OR REPLACE TABLE t2 AS SELECT 1 AS x");
    tx = feed_take(feed);
    must(tx->n_statements >= 1 && str_find(tx->statements[0].text, STR("t2")) != SIZE_MAX);
    while (tx->n_changes == 0) {
        feed_tx_unref(tx);
        tx = feed_take(feed);
    }
    must(tx->n_changes == 1 && tx->changes[0].after[0].i == 1);
    feed_tx_unref(tx);
    (void)dba_run(
        "SET SESSION binlog_format=STATEMENT, tx_isolation='REPEATABLE-READ'; INSERT INTO t (id,a) VALUES (9,9);"
        "SET SESSION binlog_format=ROW");
    tx = take_whole(feed, 0);
    must(tx->n_statements == 1 && is_text(tx->statements[0].text, "INSERT INTO t (id,a) VALUES (9,9)"));
    feed_tx_unref(tx);
    end(feed);
}

/* ---- what is not ours ---- */

CHECKED(test_other_schemas_stay_unread)
{
    struct feed *feed = begin(NULL);
    struct feed_tx *tx;
    (void)arg;

    (void)dba_run("CREATE DATABASE foreign_one; USE foreign_one");
    take_empty(feed);
    (void)dba_run("CREATE TABLE x (id INT PRIMARY KEY, c VARCHAR(9) COMPRESSED)"); /* of a type we refuse */
    (void)dba_run("INSERT INTO x VALUES (1,'a')");
    (void)dba_run("CREATE USER stranger@localhost IDENTIFIED BY 'secret'");
    take_empty(feed);
    take_empty(feed);
    take_empty(feed);
    (void)dba_run("CREATE TABLE tidemark.idx_x (c VARCHAR(9) COMPRESSED)"); /* ours, but an index */
    feed_tx_unref(take_whole(feed, 0));
    (void)dba_run(
        "BEGIN; INSERT INTO x VALUES (2,'b'); INSERT INTO tidemark.idx_x VALUES ('c'); INSERT INTO tidemark.t VALUES "
        "(1,1); COMMIT");
    tx = take_whole(feed, 1);
    must(is_text(tx->changes[0].table->name, "t"));
    feed_tx_unref(tx);
    (void)dba_run("ALTER TABLE tidemark.t ADD COLUMN z INT"); /* from there, but about us */
    tx = take_whole(feed, 0);
    must(tx->n_statements == 1 && is_text(tx->statements[0].schema, "foreign_one"));
    feed_tx_unref(tx);
    (void)dba_run("DROP DATABASE foreign_one; DROP USER stranger@localhost");
    end(feed);
}

CHECKED(test_marked_to_be_skipped_is_told_all_the_same)
{
    struct feed *feed = begin(NULL);
    (void)arg;

    (void)dba_run("SET SESSION skip_replication=1; INSERT INTO t VALUES (1,1)");
    feed_tx_unref(take_whole(feed, 1));
    (void)dba_run("TRUNCATE TABLE t");
    feed_tx_unref(take_whole(feed, 0));
    end(feed);
}

CHECKED(test_other_domains)
{
    struct feed *feed = begin(NULL);
    const int64_t before = feed_stats_now(feed).sequence;
    struct feed_tx *tx;
    (void)arg;

    (void)dba_run(
        "SET SESSION gtid_domain_id=5; CREATE DATABASE foreign_two; USE foreign_two; CREATE TABLE x (id INT);"
        "INSERT INTO x VALUES (1); USE tidemark; INSERT INTO t VALUES (1,1)");
    tx = feed_take(feed);
    must(tx->domain == 5 && tx->n_changes == 1 && is_text(tx->changes[0].table->name, "t"));
    feed_tx_unref(tx);
    must(feed_stats_now(feed).sequence == before); /* not the clock */
    (void)dba_run("SET SESSION gtid_domain_id=0; INSERT INTO t VALUES (2,2)");
    tx = take_whole(feed, 1);
    must(tx->sequence == before + 1);
    feed_tx_unref(tx);
    must(dba_kill_dump()); /* both domains are gone on with where they were */
    (void)dba_run("INSERT INTO t VALUES (3,3); SET SESSION gtid_domain_id=5; INSERT INTO t VALUES (4,4)");
    tx = take_whole(feed, 1);
    must(tx->changes[0].after[0].i == 3);
    feed_tx_unref(tx);
    tx = feed_take(feed);
    must(tx->domain == 5 && tx->changes[0].after[0].i == 4);
    feed_tx_unref(tx);
    (void)dba_run("SET SESSION gtid_domain_id=0; DROP DATABASE foreign_two");
    end(feed);
}

/* ---- compression, checksums ---- */

CHECKED(test_compressed_events)
{
    struct feed *feed = begin(NULL);
    struct feed_tx *tx;
    char comment[600];
    (void)arg;

    (void)dba_run("SET GLOBAL log_bin_compress=ON, GLOBAL log_bin_compress_min_len=10");
    dba_close();
    dba_connect();
    memset(comment, 'x', sizeof comment - 1);
    comment[sizeof comment - 1] = '\0';
    (void)dba_run("CREATE OR REPLACE TABLE packed (id INT PRIMARY KEY, c TEXT) COMMENT '%s'", comment);
    tx = take_whole(feed, 0);
    must(tx->n_statements == 1 && str_find(tx->statements[0].text, str_of(comment)) != SIZE_MAX);
    feed_tx_unref(tx);
    (void)dba_run("INSERT INTO packed SELECT seq, REPEAT('观', seq * 2) FROM seq_1_to_1000");
    tx = take_whole(feed, 1000);
    for (size_t i = 0; i < tx->n_changes; i++) {
        must(tx->changes[i].after[0].i == (int64_t)i + 1 && tx->changes[i].after[1].s.n == (i + 1) * 6);
    }
    feed_tx_unref(tx);
    (void)dba_run("UPDATE packed SET c=CONCAT(c,'!') WHERE id=1000; DELETE FROM packed WHERE id=1000");
    tx = take_whole(feed, 1);
    must(tx->changes[0].before[1].s.n == 6000 && tx->changes[0].after[1].s.n == 6001);
    feed_tx_unref(tx);
    tx = take_whole(feed, 1);
    must(tx->changes[0].op == FEED_DELETE && tx->changes[0].before[1].s.n == 6001);
    feed_tx_unref(tx);
    (void)dba_run("SET GLOBAL log_bin_compress=OFF");
    end(feed);
}

CHECKED(test_checksums_switched_off_and_on)
{
    struct feed *feed = begin(NULL);
    (void)arg;

    for (int i = 0; i < 3; i++) {
        (void)dba_run(
            "SET GLOBAL binlog_checksum=%s; INSERT INTO t VALUES (%d,1)", i % 2 == 0 ? "NONE" : "CRC32", i);
        feed_tx_unref(take_whole(feed, 1));
    }
    must(dba_kill_dump());
    (void)dba_run("INSERT INTO t VALUES (10,1)");
    feed_tx_unref(take_whole(feed, 1));
    (void)dba_run("SET GLOBAL binlog_checksum=CRC32; INSERT INTO t VALUES (11,1)");
    feed_tx_unref(take_whole(feed, 1));
    end(feed);
}

CHECKED(test_rotation)
{
    struct feed *feed = begin(NULL);
    (void)arg;

    for (int i = 0; i < 10; i++) {
        (void)dba_run("FLUSH BINARY LOGS; INSERT INTO t VALUES (%d,1)", i);
        feed_tx_unref(take_whole(feed, 1));
    }
    must(feed_stats_now(feed).reconnects == 0);
    end(feed);
}

/* ---- large transactions ---- */

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    must(file != NULL && fscanf(file, "%*u %lu", &pages) == 1);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

CHECKED(test_large_transaction_in_parts)
{
    const struct feed_limits limits = {.queue_bytes = 1 << 20, .part_bytes = 256 << 10};
    struct feed *feed = begin(&limits);
    size_t n = 0, n_parts = 0, most_queued = 0, before, most = 0;
    uint64_t n_waits = 0;
    int64_t sequence = 0;
    struct feed_tx *tx;
    struct err err = {0};
    bool last;
    (void)arg;

    (void)dba_run("CREATE OR REPLACE TABLE large (id INT PRIMARY KEY, c VARCHAR(200))");
    feed_tx_unref(feed_take(feed));
    for (int i = 0; i < 2; i++) {
        (void)dba_run(i == 0 ? "INSERT INTO large SELECT seq, REPEAT('a',150) FROM seq_1_to_100000"
                             : "UPDATE large SET c=REPEAT('b',150) ORDER BY id");
        while (feed_stats_now(feed).waits_for_room == n_waits) { /* the queue is full, and the reader waits */
            must(task_sleep(1, &err) == 0);
        }
        before = resident_bytes();
        n = n_parts = most = 0;
        do {
            tx = feed_take(feed);
            must(tx->kind == FEED_TX && tx->first == (n == 0) && tx->n_statements == 0);
            must(n == 0 || tx->sequence == sequence);
            for (size_t j = 0; j < tx->n_changes; j++) {
                const struct feed_change *change = &tx->changes[j];

                must(
                    change->op == (i == 0 ? FEED_INSERT : FEED_UPDATE) && change->after[0].i == (int64_t)++n);
                must(change->after[1].s.n == 150 && change->after[1].s.p[0] == (i == 0 ? 'a' : 'b'));
            }
            sequence = tx->sequence;
            last = tx->last;
            n_parts++;
            feed_tx_unref(tx);
            if (feed_stats_now(feed).queued_bytes > most_queued) {
                most_queued = feed_stats_now(feed).queued_bytes;
            }
            if (resident_bytes() > before + most) {
                most = resident_bytes() - before;
            }
        } while (!last);
        n_waits = feed_stats_now(feed).waits_for_room;
        must(n == 100000 && n_parts > 20);
        must(most_queued <= limits.queue_bytes);
        print_message("%zu parts, queue at most %zu KiB, memory %zu KiB more\n", n_parts, most_queued >> 10,
            most >> 10);
#if !defined(__SANITIZE_ADDRESS__) /* which keeps what is freed for a while */
        must(most < ((size_t)8 << 20));
#endif
    }
    end(feed);
}

/* ---- what ends in FEED_LOST ---- */

/* Whatever comes first may be transactions of before; then FEED_LOST, and what is written after it. */
static void expect_lost(struct feed *feed)
{
    static int n = 1000;
    struct feed_tx *tx = feed_take(feed);

    while (tx->kind != FEED_LOST) {
        feed_tx_unref(tx);
        tx = feed_take(feed);
    }
    must(tx->domain == 0 && tx->n_changes == 0 && tx->sequence == dba_sequence());
    feed_tx_unref(tx);
    (void)dba_run("INSERT INTO t VALUES (%d,1)", ++n);
    tx = take_whole(feed, 1);
    must(tx->sequence == dba_sequence() && tx->changes[0].after[0].i == n);
    feed_tx_unref(tx);
}

CHECKED(test_images_that_are_not_whole)
{
    struct feed *feed = begin(NULL);
    (void)arg;

    (void)dba_run("INSERT INTO t VALUES (1,1); SET SESSION binlog_row_image=MINIMAL; UPDATE t SET a=2;"
                  "SET SESSION binlog_row_image=FULL");
    expect_lost(feed);
    (void)dba_run(
        "CREATE OR REPLACE TABLE blobs (id INT PRIMARY KEY, b BLOB, a INT); INSERT INTO blobs VALUES"
        " (1,'x',1); SET SESSION binlog_row_image=NOBLOB; UPDATE blobs SET a=2;"
        "SET SESSION binlog_row_image=FULL");
    expect_lost(feed);
    end(feed);
}

CHECKED(test_metadata_that_is_not_full)
{
    struct feed *feed = begin(NULL);
    (void)arg;

    (void)dba_run("SET GLOBAL binlog_row_metadata=MINIMAL; CREATE OR REPLACE TABLE bare (id INT);"
                  "INSERT INTO bare VALUES (1); SET GLOBAL binlog_row_metadata=FULL");
    expect_lost(feed);
    end(feed);
}

CHECKED(test_columns_that_are_not_read)
{
    static const char *const columns[] = {"VARCHAR(100) COMPRESSED", "BLOB COMPRESSED",
        "VARCHAR(10) CHARACTER SET gbk", "ENUM('a','é') CHARACTER SET latin1"};
    (void)arg;

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct feed *feed = begin(NULL);

        (void)dba_run(
            "CREATE OR REPLACE TABLE odd (id INT, c %s); INSERT INTO odd (id) VALUES (1)", columns[i]);
        expect_lost(feed);
        end(feed);
    }
}

CHECKED(test_prepared_transactions_of_others)
{
    struct feed *feed = begin(NULL);
    struct feed_tx *tx;
    (void)arg;

    (void)dba_run("XA START 'one'; INSERT INTO t VALUES (1,1); XA END 'one'; XA COMMIT 'one' ONE PHASE");
    feed_tx_unref(take_whole(feed, 1));
    (void)dba_run("XA START 'two'; INSERT INTO t VALUES (2,2); XA END 'two'; XA PREPARE 'two'");
    take_empty(feed); /* not committed */
    (void)dba_run("XA ROLLBACK 'two'");
    tx = take_whole(feed, 0);
    feed_tx_unref(tx);
    (void)dba_run("XA START 'three'; INSERT INTO t VALUES (3,3); XA END 'three'; XA PREPARE 'three';"
                  "XA COMMIT 'three'");
    expect_lost(feed); /* its rows came when nobody could know that they would count */
    end(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_transactions_in_order),
        cmocka_unit_test(test_savepoints_and_rollback_beside_another_engine),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_other_schemas_stay_unread),
        cmocka_unit_test(test_marked_to_be_skipped_is_told_all_the_same),
        cmocka_unit_test(test_other_domains),
        cmocka_unit_test(test_compressed_events),
        cmocka_unit_test(test_checksums_switched_off_and_on),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_large_transaction_in_parts),
        cmocka_unit_test(test_images_that_are_not_whole),
        cmocka_unit_test(test_metadata_that_is_not_full),
        cmocka_unit_test(test_columns_that_are_not_read),
        cmocka_unit_test(test_prepared_transactions_of_others),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern; none runs all */
    return cmocka_run_group_tests(tests, dba_set_up, fixture_tear_down);
}
