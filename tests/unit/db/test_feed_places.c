/*
 * Snapshots and the feed joined without a gap: the place that a consistent snapshot names, turned into a
 * transaction by the feed's own table, must be exactly what the snapshot has seen, while others write. And
 * how long a commit takes to come out of the feed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/feed_int.h"
#include "db/tx.h"
#include "feed_dba.h"
#include "random.h"

#define WRITERS 4
#define COUNTERS 8
#define SNAPSHOTS 200
#define SEQUENCES_MAX 400000

/* ---- exact snapshots ---- */

struct world {
    struct feed *feed;
    int64_t first, last;       /* sequences that the consumer has seen */
    int64_t (*sums)[COUNTERS]; /* the counters as of each sequence, from `first` on */
    int64_t now[COUNTERS];
    unsigned n_running;
    bool ends;
    struct task *waiter;
};

static void leave(struct world *world)
{
    world->n_running--;
    task_wake(world->waiter);
}

static int bump(struct tx *tx, void *arg, struct err *err)
{
    const int64_t *which = arg;

    (void)err;
    tx_add(tx, "UPDATE counter SET n=n+1 WHERE id=?", DB_PARAMS(DB_I(*which % COUNTERS)));
    if (*which % 3 == 0) { /* and another one, so that a torn snapshot would show */
        tx_add(tx, "UPDATE counter SET n=n+1 WHERE id=?", DB_PARAMS(DB_I((*which + 1) % COUNTERS)));
    }
    return 0;
}

static void write_on(void *arg)
{
    struct world *world = arg;
    int64_t which = (int64_t)random_below(1000);

    while (!world->ends) {
        struct err err = {0};

        which++;
        fixture_report(tx_run(fixture.app, NULL, bump, &which, NULL, &err), &err, "bump");
    }
    leave(world);
}

static void consume(void *arg)
{
    struct world *world = arg;

    for (;;) {
        struct feed_tx *tx = NULL;
        struct err err = {0};

        if (feed_next(world->feed, &tx, &err) != 0) {
            must(err.code == ERR_CANCELLED);
            break;
        }
        must(tx->kind == FEED_TX && tx->first && tx->last);
        must(tx->sequence == world->last + 1);
        for (size_t i = 0; i < tx->n_changes; i++) {
            world->now[tx->changes[i].after[0].i] = tx->changes[i].after[1].i;
        }
        world->last = tx->sequence;
        must(world->last - world->first < SEQUENCES_MAX);
        memcpy(world->sums[world->last - world->first], world->now, sizeof world->now);
        feed_tx_unref(tx);
        task_wake(world->waiter);
    }
    leave(world);
}

struct snapshot {
    char file[64];
    int64_t offset, n[COUNTERS];
};

static int take_snapshot(struct tx *tx, void *arg, struct err *err)
{
    struct snapshot *snapshot = arg;
    struct db_rows rows = {0};
    int status = tx_query(tx, "SHOW STATUS LIKE 'Binlog_snapshot_%'", DB_NO_PARAMS, &rows, err);

    for (size_t i = 0; status == 0 && i < rows.n_rows; i++) {
        const struct str value = db_cell(&rows, i, 1)->s;

        if (str_eq(db_cell(&rows, i, 0)->s, STR("Binlog_snapshot_file"))) {
            (void)snprintf(snapshot->file, sizeof snapshot->file, "%.*s", STR_ARGS(value));
        } else {
            must(str_to_i64(value, &snapshot->offset) || !str_ends(db_cell(&rows, i, 0)->s, STR("position")));
        }
    }
    if (status == 0) {
        status = tx_query(tx, "SELECT n FROM counter ORDER BY id", DB_NO_PARAMS, &rows, err);
    }
    for (size_t i = 0; status == 0 && i < COUNTERS; i++) {
        snapshot->n[i] = db_cell(&rows, i, 0)->i;
    }
    return status;
}

static void compare_snapshot(struct world *world)
{
    const struct tx_opts opts = {.snapshot_read = true};
    struct snapshot snapshot = {0};
    int64_t sequence = 0;
    struct err err = {0};

    fixture_report(tx_run(fixture.owner, &opts, take_snapshot, &snapshot, NULL, &err), &err, "snapshot");
    fixture_report(
        feed_sequence_at(world->feed, str_of(snapshot.file), snapshot.offset, 5000, &sequence, &err), &err,
        "feed_sequence_at");
    must(sequence >= world->first);
    while (world->last < sequence) { /* it is known, but perhaps not taken yet */
        task_park_firmly();
    }
    if (memcmp(world->sums[sequence - world->first], snapshot.n, sizeof snapshot.n) != 0) {
        (void)fprintf(
            stderr, "%s:%lld is not %lld\n", snapshot.file, (long long)snapshot.offset, (long long)sequence);
    }
    must(memcmp(world->sums[sequence - world->first], snapshot.n, sizeof snapshot.n) == 0);
}

static void wait_for_sequence(struct world *world, int64_t sequence)
{
    while (world->last < sequence) {
        task_park_firmly();
    }
}

CHECKED(test_snapshots_are_exact)
{
    static struct world world;
    int64_t begin_us;
    (void)arg;

    dba_connect();
    (void)fixture_query(
        fixture.owner, "CREATE OR REPLACE TABLE counter (id INT PRIMARY KEY, n BIGINT)", DB_NO_PARAMS);
    (void)fixture_query(fixture.owner, "INSERT INTO counter SELECT seq-1, 0 FROM seq_1_to_8", DB_NO_PARAMS);
    world = (struct world){.feed = feed_open(STR_NULL, NULL), .waiter = task_self()};
    world.first = world.last = feed_stats_now(world.feed).sequence;
    world.sums = calloc(SEQUENCES_MAX, sizeof *world.sums);
    must(world.sums != NULL);
    compare_snapshot(&world); /* before anything has come: the place that the feed began at */
    (void)task_spawn("consumer", consume, &world);
    for (int i = 0; i < WRITERS; i++) {
        (void)task_spawn("writer", write_on, &world);
    }
    world.n_running = WRITERS + 1;
    begin_us = clock_monotonic_us();
    for (int i = 0; i < SNAPSHOTS; i++) {
        wait_for_sequence(&world, world.first + 10 + i * 3); /* some writes between any two */
        if (i % 25 == 0) {
            (void)dba_run("FLUSH BINARY LOGS"); /* a new file */
        }
        compare_snapshot(&world);
    }
    print_message("%d snapshots exact among %lld transactions in %lld ms\n", SNAPSHOTS,
        (long long)(world.last - world.first), (long long)(clock_monotonic_us() - begin_us) / 1000);
    world.ends = true;
    while (world.n_running > 1) { /* the writers; the consumer waits in feed_next */
        task_park_firmly();
    }
    compare_snapshot(&world); /* all quiet: the last place */
    feed_stop(world.feed);
    while (world.n_running > 0) {
        task_park_firmly();
    }
    free(world.sums);
    dba_close();
}

/* ---- places ---- */

CHECKED(test_places_across_files)
{
    struct feed *feed = feed_open(STR_NULL, NULL);
    const int64_t before = feed_stats_now(feed).sequence;
    int64_t sequence = 0;
    struct err err = {0};
    struct db_rows rows;
    struct feed_tx *tx;
    (void)arg;

    rows = fixture_query(fixture.app, "SHOW STATUS LIKE 'Binlog_snapshot_file'", DB_NO_PARAMS);
    must(rows.n_rows == 1);
    /* Older than where the feed began; never; not a place; not there yet. */
    must(feed_sequence_at(feed, db_cell(&rows, 0, 1)->s, 4, 100, &sequence, &err) == -ERR_NOT_FOUND);
    err_clear(&err);
    must(feed_sequence_at(feed, STR("binlog.000000"), 4, 100, &sequence, &err) == -ERR_NOT_FOUND);
    err_clear(&err);
    must(feed_sequence_at(feed, STR("binlog"), 4, 100, &sequence, &err) == -ERR_NOT_FOUND);
    err_clear(&err);
    must(feed_sequence_at(feed, STR("binlog.999999"), 4, 30, &sequence, &err) == -ERR_TIMEOUT);
    err_clear(&err);
    (void)fixture_query(fixture.owner, "CREATE OR REPLACE TABLE place (id INT PRIMARY KEY)", DB_NO_PARAMS);
    tx = feed_take(feed);
    must(tx->sequence == before + 1);
    feed_tx_unref(tx);
    rows = fixture_query(fixture.app, "SHOW STATUS LIKE 'Binlog_snapshot_position'", DB_NO_PARAMS);
    must(str_to_i64(db_cell(&rows, 0, 1)->s, &sequence));
    feed_stop(feed);
}

/* The table itself, past its size. */
static void test_table_of_offsets_forgets_the_oldest(void **state)
{
    const int64_t n = FEED_OFFSETS_KEPT + 1000;
    struct feed_queue queue;
    uint64_t sequence = 0;
    struct err err = {0};

    (void)state;
    feed_queue_init(&queue, 1 << 20, NULL);
    assert_int_equal(
        feed_queue_sequence_at(&queue, (struct feed_place){1, 100}, &sequence, &err), -ERR_UNAVAILABLE);
    for (int64_t i = 1; i <= n; i++) {
        feed_queue_reach(
            &queue, (struct feed_place){1 + i / 1000, (uint64_t)(100 + i % 1000 * 50)}, true, (uint64_t)i);
    }
    for (int64_t i = n - FEED_OFFSETS_KEPT + 1; i <= n; i += i < n - 50 ? 37 : 1) {
        const struct feed_place end = {1 + i / 1000, (uint64_t)(100 + i % 1000 * 50)};
        const struct feed_place behind = {end.file, end.offset + 49}; /* the next one ends past it */

        err_clear(&err);
        assert_int_equal(feed_queue_sequence_at(&queue, end, &sequence, &err), 0);
        assert_int_equal(sequence, i);
        if (i < n) {
            assert_int_equal(feed_queue_sequence_at(&queue, behind, &sequence, &err), 0);
            assert_int_equal(sequence, i);
        }
    }
    err_clear(&err);
    assert_int_equal(
        feed_queue_sequence_at(&queue, (struct feed_place){1, (uint64_t)(100 + 999 * 50)}, &sequence, &err),
        -ERR_NOT_FOUND);
    err_clear(&err);
    assert_int_equal(
        feed_queue_sequence_at(&queue, (struct feed_place){1 + n / 1000 + 1, 4}, &sequence, &err),
        -ERR_UNAVAILABLE);
    feed_queue_reach(&queue, (struct feed_place){1 + n / 1000 + 2, 4}, false, (uint64_t)n); /* only read on */
    assert_int_equal(
        feed_queue_sequence_at(&queue, (struct feed_place){1 + n / 1000 + 1, 4}, &sequence, &err), 0);
    assert_int_equal(sequence, n);
    feed_queue_forget_places(&queue);
    err_clear(&err);
    assert_int_equal(
        feed_queue_sequence_at(&queue, (struct feed_place){5, 100}, &sequence, &err), -ERR_UNAVAILABLE);
    feed_queue_done(&queue);
}

static void test_positions_as_text(void **state)
{
    static const char *const good[] = {
        "", "0-1-42", "0-1-42,7-2-9223372036854775807", "4294967295-4294967295-0"};
    static const char *const bad[] = {"0", "0-1", "0-1-", "-1-1-1", "0-1-x", "0-1-42,", "0-1-42,,1-1-1",
        "4294967296-1-1", "0-1-9223372036854775808", "0-1-42 x", "a-b-c"};
    struct feed_position position = {0};
    struct buf buf;
    int64_t file = 0;

    (void)state;
    buf_init(&buf, 0);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(feed_position_parse(str_of(good[i]), &position));
        buf_clear(&buf);
        feed_position_print(&position, &buf);
        assert_string_equal(buf_cstr(&buf), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(feed_position_parse(str_of(bad[i]), &position));
    }
    assert_int_equal(position.n, 1); /* left as it was */
    assert_true(feed_place_file(STR("binlog.000042"), &file) && file == 42);
    assert_true(feed_place_file(STR("a.b.1234567"), &file) && file == 1234567);
    assert_false(feed_place_file(STR("binlog."), &file) || feed_place_file(STR("42"), &file) ||
                 feed_place_file(STR(""), &file) || feed_place_file(STR("b.1234567890123456789"), &file));
    feed_position_done(&position);
    buf_done(&buf);
}

/* ---- how fast ---- */

#define COMMITS 300

struct latency {
    struct feed *feed;
    int64_t committed_us[COMMITS], came_us[COMMITS];
    unsigned n_came;
    struct task *waiter;
};

static void note_arrivals(void *arg)
{
    struct latency *latency = arg;

    while (latency->n_came < COMMITS) {
        struct feed_tx *tx = feed_take_rows(latency->feed);

        latency->came_us[latency->n_came++] = clock_monotonic_us();
        feed_tx_unref(tx);
        task_wake(latency->waiter);
    }
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

CHECKED(test_how_fast)
{
    static struct latency latency;
    int64_t later_us[COMMITS];
    (void)arg;

    (void)fixture_query(
        fixture.owner, "CREATE OR REPLACE TABLE quick (id INT PRIMARY KEY, c TEXT)", DB_NO_PARAMS);
    latency = (struct latency){.feed = feed_open(STR_NULL, NULL), .waiter = task_self()};
    (void)task_spawn("arrivals", note_arrivals, &latency);
    for (int i = 0; i < COMMITS; i++) {
        (void)fixture_query(fixture.app, "INSERT INTO quick VALUES (?,'x')", DB_PARAMS(DB_I(i)));
        latency.committed_us[i] = clock_monotonic_us();
        while (latency.n_came <= (unsigned)i) {
            task_park_firmly();
        }
    }
    for (int i = 0; i < COMMITS; i++) {
        later_us[i] = latency.came_us[i] - latency.committed_us[i];
    }
    qsort(later_us, COMMITS, sizeof later_us[0], by_size);
    print_message("from the commit's return to feed_next: p50 %lld us, p99 %lld us (negative: before it)\n",
        (long long)later_us[COMMITS / 2], (long long)later_us[COMMITS * 99 / 100]);
    feed_stop(latency.feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions_as_text),
        cmocka_unit_test(test_table_of_offsets_forgets_the_oldest),
        cmocka_unit_test(test_places_across_files),
        cmocka_unit_test(test_snapshots_are_exact),
        cmocka_unit_test(test_how_fast),
    };

    random_begin();
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern; none runs all */
    return cmocka_run_group_tests(tests, dba_set_up, fixture_tear_down);
}
