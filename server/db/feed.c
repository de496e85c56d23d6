/*
 * The life of a feed: a thread that connects, reads, decodes and queues; tasks that take from the queue. The
 * thread reconnects by itself, from the last whole transaction, as long as the server can go on from there.
 * When it cannot, or when something in the binlog is not understood, a transaction of kind FEED_LOST says so
 * and reading begins again at the server's present end.
 */
#include "db/feed.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "db/feed_int.h"
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define QUEUE_BYTES_DEFAULT ((size_t)64 << 20)
#define PART_BYTES_DEFAULT ((size_t)8 << 20)
#define PAUSE_FIRST_MS 100
#define PAUSE_MOST_MS 5000
#define HEARTBEATS_A_LOOK 2
#define DAMAGES_MOST 3 /* events that cannot be read, one after the other, at the same transaction */

struct feed {
    struct arena *arena; /* the address and the schemas */
    struct feed_queue queue;
    struct feed_conn conn;
    struct feed_stream stream;
    struct feed_lookup lookup;
    pthread_t thread;
    bool at_end;   /* where the next connection begins */
    bool say_lost; /* and says so first */
    unsigned damages;
    uv_async_t *async; /* lives until libuv gives it back */
    bool ended;        /* the thread has */
    struct task_cond news;
    unsigned n_inside; /* tasks in feed_next and feed_sequence_at */
    struct task *stopper;
};

/* ---- the thread ---- */

static bool take_box(void *arg, struct feed_box *box)
{
    struct feed *feed = arg;

    return feed_queue_put(&feed->queue, box);
}

static void reach_place(void *arg, struct feed_place place, bool commit, uint64_t sequence)
{
    struct feed *feed = arg;

    feed_queue_reach(&feed->queue, place, commit, sequence);
}

static void note_event(struct feed *feed, size_t n)
{
    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    feed->queue.stats.bytes += n;
    feed->queue.stats.last_event_us = clock_monotonic_us();
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
}

static void note_connected(struct feed *feed, bool connected)
{
    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    feed->queue.stats.reconnects += connected && feed->queue.begun ? 1 : 0;
    feed->queue.stats.connected = connected;
    if (connected) {
        feed->queue.begun = true;
        feed->queue.stats.last_event_us = clock_monotonic_us();
    }
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
    (void)uv_async_send(feed->async);
}

/* The consumer learns where the new beginning is before anything that comes after it. */
static int say_lost(struct feed *feed, struct err *err)
{
    struct feed_gtid gtid = {0};
    struct feed_box *box;

    for (size_t i = 0; i < feed->stream.position.n; i++) {
        if (feed->stream.position.gtids[i].domain == FEED_CLOCK_DOMAIN) {
            gtid = feed->stream.position.gtids[i];
        }
    }
    box = feed_box_new(FEED_LOST, gtid, clock_utc_us() / 1000000 * 1000000);
    box->bytes = feed_box_bytes(box);
    feed->say_lost = false;
    return feed_queue_put(&feed->queue, box) ? 0 : err_set(err, ERR_CANCELLED, "feed is stopping");
}

static int begin(struct feed *feed, struct err *err)
{
    struct feed_begin begin = {
        .at_end = feed->at_end, .first = !feed->queue.begun, .known = feed_queue_last_commit(&feed->queue)};
    int status;

    if (feed->at_end) {
        feed_position_done(&feed->stream.position);
    }
    status = feed_conn_open(&feed->conn, &feed->stream.position, &begin, err);
    if (status != 0) {
        return status;
    }
    if (feed->at_end) {
        feed_stream_forget(&feed->stream);
        feed_queue_forget_places(&feed->queue);
        feed->at_end = false;
    }
    feed_stream_restart(&feed->stream, begin.has_checksum);
    if (begin.placed) {
        feed_queue_reach(&feed->queue, begin.place, true,
            feed_position_sequence(&feed->stream.position, FEED_CLOCK_DOMAIN));
    }
    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    feed->queue.stats.sequence = (int64_t)feed_position_sequence(&feed->stream.position, FEED_CLOCK_DOMAIN);
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
    note_connected(feed, true);
    return feed->say_lost ? say_lost(feed, err) : 0;
}

/*
 * A server whose binlog is reset under us (RESET MASTER) goes on sending heartbeats from the file that it has
 * removed, and nothing else. So silence is looked into.
 */
static int look_into_silence(struct feed *feed, struct bytes raw, unsigned *n_heartbeats, struct err *err)
{
    if (raw.n <= 4 || raw.p[4] != HEARTBEAT_LOG_EVENT) {
        *n_heartbeats = 0;
        return 0;
    }
    if (++*n_heartbeats % HEARTBEATS_A_LOOK != 0) {
        return 0;
    }
    return feed_conn_check(&feed->conn, &feed->stream.position, feed_queue_last_commit(&feed->queue), err);
}

static int read_on(struct feed *feed, struct err *err)
{
    unsigned n_heartbeats = 0;
    struct bytes raw;
    int status = 0;

    while (status == 0) {
        status = feed_conn_fetch(&feed->conn, &raw, err);
        if (status == 0) {
            note_event(feed, raw.n);
            status = feed_stream_event(&feed->stream, raw, err);
        }
        if (status == 0) {
            status = look_into_silence(feed, raw, &n_heartbeats, err);
        }
    }
    return status;
}

static bool is_stopping(struct feed *feed)
{
    bool stopping;

    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    stopping = feed->queue.stopping;
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
    return stopping;
}

/* Whether there is a way on from our position. `moved`: transactions have come on this connection. */
static void judge(struct feed *feed, int status, bool moved, const struct err *err)
{
    const bool damaged = status == -ERR_IO;

    feed->damages = damaged && !moved ? feed->damages + 1 : damaged ? 1 : 0;
    if (status == -ERR_INTERNAL || (status == -ERR_NOT_FOUND && !moved) || feed->damages >= DAMAGES_MOST) {
        log_event(LOG_ERR, "db", "feed lost its place", LOG_C("cause", err->detail),
            LOG_I("sequence", feed_position_sequence(&feed->stream.position, FEED_CLOCK_DOMAIN)));
        feed->at_end = feed->say_lost = true;
        feed->damages = 0;
    } else {
        log_event(LOG_WARN, "db", "feed connects again", LOG_C("cause", err->detail));
    }
}

/* The first attempt failed: whoever waits in feed_start is told, and nothing is tried again. */
static void give_up(struct feed *feed, const struct err *err)
{
    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    feed->queue.failed = true;
    feed->queue.failure = *err;
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
}

static void run(struct feed *feed)
{
    uint64_t pause_ms = PAUSE_FIRST_MS;

    for (;;) {
        const uint64_t before = feed->stream.n_transactions;
        struct err err = {0};
        int status = begin(feed, &err);

        if (status != 0 && status != -ERR_NOT_FOUND && !feed->queue.begun) {
            give_up(feed, &err);
            return;
        }
        if (status == 0) {
            status = read_on(feed, &err);
        }
        feed_conn_close(&feed->conn);
        note_connected(feed, false);
        if (is_stopping(feed)) {
            return;
        }
        if (feed->stream.n_transactions > before) {
            pause_ms = PAUSE_FIRST_MS;
        }
        judge(feed, status, feed->stream.n_transactions > before, &err);
        if (!feed_queue_pause(&feed->queue, pause_ms)) {
            return;
        }
        pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
    }
}

static void *thread_main(void *arg)
{
    struct feed *feed = arg;

    (void)mysql_thread_init();
    run(feed);
    mysql_thread_end();
    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    feed->ended = true;
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
    (void)uv_async_send(feed->async);
    return NULL;
}

/* ---- the loop ---- */

static void on_async(uv_async_t *async)
{
    struct feed *feed = async->data;

    task_cond_wake_all(&feed->news);
    if (feed->stopper != NULL) {
        task_wake(feed->stopper);
    }
}

static const char *keep(struct feed *feed, struct str text)
{
    return text.n > 0 ? arena_cstr(feed->arena, text) : NULL;
}

static const char *const *keep_schemas(struct feed *feed, const char *const *schemas)
{
    size_t n = 0;
    const char **kept;

    while (schemas[n] != NULL) {
        n++;
    }
    kept = arena_new_array(feed->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        kept[i] = arena_cstr(feed->arena, str_of(schemas[i]));
    }
    return kept;
}

/* Far from the small numbers that operators choose for their servers, and another one for each feed. */
static uint32_t choose_server_number(void)
{
    uint32_t number;

    must(getrandom(&number, sizeof number, 0) == sizeof number);
    return number | UINT32_C(0x40000000);
}

static struct feed *feed_new(
    const struct db_address *address, const struct feed_limits *limits, const char *const *schemas)
{
    const size_t queue_bytes = limits != NULL ? limits->queue_bytes : 0;
    const size_t part_bytes = limits != NULL ? limits->part_bytes : 0;
    struct feed *feed = must_alloc(sizeof *feed);
    const struct feed_sink sink = {.take = take_box, .reach = reach_place, .arg = feed};

    feed->arena = arena_new();
    feed->conn = (struct feed_conn){.socket = keep(feed, address->socket),
        .host = keep(feed, address->host),
        .ca_file = keep(feed, address->ca_file),
        .user = keep(feed, address->user),
        .password = keep(feed, address->password),
        .database = keep(feed, address->database),
        .port = (unsigned)address->port,
        .server = choose_server_number(),
        .queue = &feed->queue};
    feed->async = must_alloc(sizeof *feed->async);
    must(uv_async_init(loop_uv(), feed->async, on_async) == 0);
    feed->async->data = feed;
    task_cond_init(&feed->news);
    feed_queue_init(&feed->queue, queue_bytes != 0 ? queue_bytes : QUEUE_BYTES_DEFAULT, feed->async);
    feed->lookup = (struct feed_lookup){.fn = feed_conn_look_up, .arg = &feed->conn};
    feed_stream_init(&feed->stream, keep_schemas(feed, schemas), &feed->lookup, &sink,
        part_bytes != 0 ? part_bytes : PART_BYTES_DEFAULT);
    return feed;
}

static void free_async(uv_handle_t *handle)
{
    free(handle);
}

static void feed_free(struct feed *feed)
{
    uv_close((uv_handle_t *)feed->async, free_async);
    feed_stream_done(&feed->stream);
    feed_queue_done(&feed->queue);
    if (feed->conn.password != NULL) {
        union {
            const char *in;
            void *out;
        } unconst = {.in = feed->conn.password};

        explicit_bzero(unconst.out, strlen(feed->conn.password));
    }
    arena_free(feed->arena);
    free(feed);
}

static bool has_ended(struct feed *feed)
{
    bool ended;

    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    ended = feed->ended;
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
    return ended;
}

static bool has_begun(struct feed *feed)
{
    bool begun;

    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    begun = feed->queue.begun;
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
    return begun;
}

int feed_start(const struct db_address *address, const struct feed_limits *limits, struct str after,
    const char *const *schemas, struct feed **ret_feed, struct err *err)
{
    struct feed *feed;
    struct err failure;
    int status = 0;

    /* Once in the process, and before there are threads. */
    must(mysql_server_init(0, NULL, NULL) == 0);
    feed = feed_new(address, limits, schemas);
    if (!feed_position_parse(after, &feed->stream.position)) {
        feed_free(feed);
        return err_set(err, ERR_USAGE, "feed position %.60s cannot be read", after.p);
    }
    feed->at_end = after.n == 0;
    must(pthread_create(&feed->thread, NULL, thread_main, feed) == 0);
    while (status == 0 && !has_begun(feed) && !has_ended(feed)) {
        status = task_cond_wait(&feed->news, 0, err);
    }
    if (status == 0 && has_begun(feed)) {
        *ret_feed = feed;
        return 0;
    }
    failure = feed->queue.failure;
    feed_stop(feed);
    return status != 0 ? status : err_set(err, ERR_UNAVAILABLE, "%s", failure.detail);
}

/* The last one out lets the stopper go on. */
static void leave(struct feed *feed)
{
    feed->n_inside--;
    if (feed->stopper != NULL && feed->n_inside == 0) {
        task_wake(feed->stopper);
    }
}

int feed_next(struct feed *feed, struct feed_tx **ret_tx, struct err *err)
{
    int status = 0;

    feed->n_inside++;
    while (status == 0) {
        struct feed_box *box = feed->stopper == NULL ? feed_queue_get(&feed->queue) : NULL;

        if (box != NULL) {
            *ret_tx = &box->tx;
            break;
        }
        status = feed->stopper != NULL ? err_set(err, ERR_CANCELLED, "feed is stopping")
                                       : task_cond_wait(&feed->news, 0, err);
    }
    leave(feed);
    return status;
}

static void count_place_waiter(struct feed *feed, bool comes)
{
    must(pthread_mutex_lock(&feed->queue.lock) == 0);
    feed->queue.n_place_waiters += comes ? 1 : -1u;
    must(pthread_mutex_unlock(&feed->queue.lock) == 0);
}

int feed_sequence_at(struct feed *feed, struct str file, int64_t offset, uint64_t wait_ms,
    int64_t *ret_sequence, struct err *err)
{
    const int64_t end_us = clock_monotonic_us() + (int64_t)wait_ms * 1000;
    struct feed_place place = {.offset = (uint64_t)offset};
    uint64_t sequence = 0;
    int status;

    if (offset < 0 || !feed_place_file(file, &place.file)) {
        return err_set(err, ERR_NOT_FOUND, "feed %.*s:%lld is no place", STR_ARGS(file), (long long)offset);
    }
    feed->n_inside++;
    count_place_waiter(feed, true);
    for (;;) {
        struct err cause = {0};
        const int64_t left_us = end_us - clock_monotonic_us();

        status = feed->stopper != NULL ? err_set(&cause, ERR_CANCELLED, "feed is stopping")
                                       : feed_queue_sequence_at(&feed->queue, place, &sequence, &cause);
        if (status == -ERR_UNAVAILABLE && left_us > 0) {
            status = task_cond_wait(&feed->news, (uint64_t)(left_us + 999) / 1000, &cause);
            if (status == 0 || status == -ERR_TIMEOUT) {
                continue;
            }
        }
        if (status == -ERR_UNAVAILABLE) {
            status = err_set(err, ERR_TIMEOUT, "%s", cause.detail);
        } else if (status != 0) {
            status = err_set(err, (enum err_code) - status, "%s", cause.detail);
        }
        break;
    }
    count_place_waiter(feed, false);
    leave(feed);
    if (status == 0) {
        *ret_sequence = (int64_t)sequence;
    }
    return status;
}

void feed_stop(struct feed *feed)
{
    must(feed->stopper == NULL);
    feed->stopper = task_self();
    feed_queue_stop(&feed->queue);
    task_cond_wake_all(&feed->news);
    while (!has_ended(feed) || feed->n_inside > 0) {
        task_park_firmly();
    }
    must(pthread_join(feed->thread, NULL) == 0);
    feed_free(feed);
}

struct feed_stats feed_stats_now(const struct feed *feed)
{
    union {
        const struct feed *in;
        struct feed *out;
    } unconst = {.in = feed}; /* only to lock it */
    struct feed_stats stats;

    must(pthread_mutex_lock(&unconst.out->queue.lock) == 0);
    stats = feed->queue.stats;
    must(pthread_mutex_unlock(&unconst.out->queue.lock) == 0);
    return stats;
}
