/*
 * Events of reads, written in groups. There is no timer: an event that comes while nothing is being written
 * is written at once, with whatever came in the same turn of the loop; while a group is at the disk the next
 * one collects, so that groups grow with the load by themselves. At most two groups are in flight: one at the
 * disk, one on its way there.
 *
 * An entry of the queue lives on the stack of the task that waits for it. A task that is cancelled while its
 * entry still waits takes it out of the queue; once a writer has taken it the task waits the write out, since
 * the statement points into its memory. No answer leaves before its event is committed, so every failure is
 * the failure of the read (SECURITY AU-04).
 */
#include "audit/audit_int.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define READER_MAGIC 0x61756472u
#define WRITERS_MAX 2
#define QUEUE_WAIT_MS 5000 /* longest time in the queue: past it the log is too slow to go on reading */
#define WRITE_TRIES 3
#define RETRY_PAUSE_MS 20
#define RETRY_WITHIN_US 1000000 /* a try that took longer is the last: the waiting reads have limits too */

struct audit_reader {
    unsigned magic;
    struct db *app;
    size_t group_max, queue_max;
    struct list queue; /* of struct waiting */
    size_t n_waiting;
    unsigned writers; /* tasks, the one that is starting among them */
    bool starting;    /* a writer is spawned and has not taken its group yet */
    bool closing;
    struct task *closer;
    uint64_t events, groups;
};

struct waiting {
    struct list link;
    struct task *task;
    bool taken, done;
    bool failed;
    char why[ERR_DETAIL_MAX];
    struct db_val values[AUDIT_COLUMNS];
};

static task_fn void write_group(void *arg);

struct audit_reader *audit_reader_new(struct db *app, const struct conf *conf)
{
    struct audit_reader *reader = must_alloc(sizeof *reader);
    reader->magic = READER_MAGIC;
    reader->app = app;
    reader->group_max = (size_t)conf->audit_read_batch;
    if (reader->group_max > AUDIT_GROUP_MAX)
        reader->group_max = AUDIT_GROUP_MAX;
    reader->queue_max = (size_t)conf->audit_read_queue;
    list_init(&reader->queue);
    return reader;
}

static void start_writer(struct audit_reader *reader)
{
    if (reader->starting || reader->writers >= WRITERS_MAX || list_is_empty(&reader->queue))
        return;
    reader->starting = true;
    reader->writers++;
    (void)task_spawn("audit writer", write_group, reader);
}

static void leave_queue(struct audit_reader *reader, struct waiting *entry)
{
    list_remove(&entry->link);
    reader->n_waiting--;
}

/* The largest power of two that waits: few sizes, few statements. */
static size_t take_group(struct audit_reader *reader, struct waiting *group[AUDIT_GROUP_MAX])
{
    size_t n = 1, taken = 0;
    while (n * 2 <= reader->n_waiting && n * 2 <= reader->group_max)
        n *= 2;
    while (taken < n && !list_is_empty(&reader->queue)) {
        struct waiting *entry = list_entry(reader->queue.next, struct waiting, link);
        leave_queue(reader, entry);
        entry->taken = true;
        group[taken++] = entry;
    }
    return taken;
}

static task_fn int is_there(struct db *app, int64_t id, bool *ret_there, struct err *err)
{
    struct db_rows rows;
    int r = db_query(app, AUDIT_PROOF_SQL, DB_PARAMS(DB_I(id)), &rows, err);
    if (r == 0)
        *ret_there = rows.n_rows > 0;
    return r;
}

/* A duplicate key after a lost connection: our own rows, or an id that somebody used before? An insert is
 * whole or not at all, so its first and its last row tell. */
static task_fn int was_committed(
    struct db *app, const struct db_val *values, size_t n, bool *ret_committed, struct err *err)
{
    bool first = false, last = false;
    int r = is_there(app, values[0].i, &first, err);
    if (r == 0)
        r = is_there(app, values[(n - 1) * AUDIT_COLUMNS].i, &last, err);
    *ret_committed = first && last;
    return r;
}

/*
 * A connection lost under the insert leaves open whether it was committed: it is tried again, and a duplicate
 * key then says that it was. While the server is away for longer the reads are refused, not held.
 */
static task_fn int insert_group(struct db *app, const struct db_val *values, size_t n, struct err *err)
{
    bool lost = false;
    for (int tries = 1;; tries++) {
        int64_t began_us = clock_monotonic_us();
        bool committed = false;
        err_clear(err);
        int r = db_query(app, audit_insert_sql(n), values, n * AUDIT_COLUMNS, NULL, err);
        if (r == -ERR_DB_DUPLICATE && lost) {
            struct err why = {0};
            r = was_committed(app, values, n, &committed, &why) < 0 ? -ERR_UNAVAILABLE : r;
        }
        if (r == 0 || committed)
            return 0;
        bool away = r == -ERR_UNAVAILABLE || r == -ERR_DB_LOST;
        lost = lost || away;
        bool soon = clock_monotonic_us() - began_us < RETRY_WITHIN_US;
        if ((!away && r != -ERR_DB_RETRY) || !soon || tries == WRITE_TRIES)
            return r;
        struct err pause = {0};
        if (task_sleep(RETRY_PAUSE_MS * (uint64_t)tries, &pause) < 0)
            return r;
    }
}

static void finish_group(
    struct audit_reader *reader, struct waiting *const *group, size_t n, int r, const struct err *err)
{
    if (r == 0) {
        reader->events += n;
        reader->groups++;
    }
    for (size_t i = 0; i < n; i++) {
        struct waiting *entry = group[i];
        entry->failed = r < 0;
        memcpy(entry->why, err->detail, sizeof entry->why);
        entry->done = true;
        task_wake(entry->task);
    }
}

/* One group, one task: what the database leaves in the task's arena goes with it. */
static task_fn void write_group(void *arg)
{
    struct audit_reader *reader = arg;
    CHECK(reader, READER_MAGIC);
    struct waiting *group[AUDIT_GROUP_MAX];
    size_t n = take_group(reader, group);
    reader->starting = false;
    if (n) {
        struct db_val *values = arena_new_array(task_arena(), struct db_val, n * AUDIT_COLUMNS);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < AUDIT_COLUMNS; c++)
                values[i * AUDIT_COLUMNS + c] = group[i]->values[c];
        }
        start_writer(reader); /* for what did not fit */
        struct err err = {0};
        int r = insert_group(reader->app, values, n, &err);
        finish_group(reader, group, n, r, &err);
    }
    reader->writers--;
    start_writer(reader);
    if (reader->closer)
        task_wake(reader->closer);
}

static int refuse(struct err *err, const char *why)
{
    int r = err_set(err, ERR_UNAVAILABLE, "audit of reads: %s", why);
    if (err->code == ERR_UNAVAILABLE)
        err->retry_after_s = 1;
    return r;
}

/* The wait of one entry, until it is written or the task has to leave. Returns what ended the wait early. */
static task_fn int wait_written(struct audit_reader *reader, struct waiting *entry, struct err *err)
{
    while (!entry->done) {
        struct err why = {0};
        int r = task_park(entry->taken ? 0 : QUEUE_WAIT_MS, &why);
        if (r == 0 || entry->done || (r == -ERR_TIMEOUT && entry->taken))
            continue;
        if (entry->taken) {
            while (!entry->done)
                task_park_firmly();
        } else {
            leave_queue(reader, entry);
            if (reader->closer)
                task_wake(reader->closer);
        }
        if (r == -ERR_TIMEOUT)
            return refuse(err, "the log is too slow");
        return err_set(err, why.code, "%s", why.detail);
    }
    return 0;
}

task_fn int audit_read(struct audit_reader *reader, const struct audit_event *event, struct err *err)
{
    CHECK(reader, READER_MAGIC);
    if (reader->closing)
        return refuse(err, "the log is closing");
    if (reader->n_waiting >= reader->queue_max)
        return refuse(err, "too many wait");
    struct waiting entry = {.task = task_self()};
    audit_bind(event, event->id ? event->id : id_new(), task_arena(), entry.values);
    list_append(&reader->queue, &entry.link);
    reader->n_waiting++;
    start_writer(reader);
    int r = wait_written(reader, &entry, err);
    if (r < 0)
        return r;
    return entry.failed ? refuse(err, entry.why) : 0;
}

task_fn void audit_reader_free(struct audit_reader *reader)
{
    if (!reader)
        return;
    CHECK(reader, READER_MAGIC);
    reader->closing = true;
    while (reader->writers || !list_is_empty(&reader->queue)) {
        reader->closer = task_self();
        task_park_firmly();
    }
    reader->magic = 0;
    free(reader);
}

struct audit_stats audit_stats_now(const struct audit_reader *reader)
{
    CHECK(reader, READER_MAGIC);
    return (struct audit_stats){
        .events = reader->events, .groups = reader->groups, .waiting = reader->n_waiting};
}
