/*
 * Who hears what of the change feed, in which order: the one table. A task takes transaction after
 * transaction and lets each listener hear it before the next one is taken; a listener may park (the catalog
 * is read anew before the feed goes on, DECISIONS A13).
 *
 * And the beat: a row written once a second tells a quiet feed from a dead one, and carries the time that
 * listeners use.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/must.h"
#include "crypto/crypto.h"
#include "db/migrate.h"
#include "main/main_int.h"

#include <string.h>

enum {
    BEAT_MS = 1000,
    BEAT_DEAD_US = 5000000,
    HEAR_US = 3000, /* of transactions that wait, before what they tell goes out */
    SLICE_US = 20000,
    PARKED_US = 500,
    EPOCH_BYTES = 4,
    SESSIONS_ASKED = 100000
};

static const char SQL_BEAT[] =
    "UPDATE beat SET at = UTC_TIMESTAMP(6) WHERE id = 1 AND at < UTC_TIMESTAMP(6) - INTERVAL 900000 MICROSECOND";

static const char SQL_EPOCH[] = "UPDATE instance SET epoch = ? WHERE id = 1";
static const char SQL_OVER[] = "SELECT s.id FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) AS j "
                               "JOIN session AS s ON s.id = j.id WHERE s.ended_at IS NOT NULL";

static bool table_is(const struct feed_change *change, const char *schema, const char *table)
{
    return str_eq(change->table->name, str_of(table)) && str_eq(change->table->schema, str_of(schema));
}

static const struct db_val *value_of(
    const struct feed_change *change, const struct db_val *cells, const char *column)
{
    for (size_t i = 0; cells && i < change->table->n_columns; i++)
        if (str_eq(change->table->columns[i].name, str_of(column)))
            return &cells[i];
    return NULL;
}

/* ---- the listeners
 * ----------------------------------------------------------------------------------------------- */

/* Forms, people, rights: every change of theirs raises the epoch in its transaction. */
static task_fn void hear_epoch(struct listening *listening, const struct feed_tx *tx)
{
    bool moved = false;
    struct err err = {0};
    for (size_t i = 0; i < tx->n_changes; i++)
        moved = moved || table_is(&tx->changes[i], "tidemark", "catalog_epoch");
    if (!moved)
        return;
    /* Nothing that was encoded under the old rights leaves once the feed has passed their end. */
    live_fence(listening->live, true);
    while (world_refresh(listening->house, &err) < 0 && !listening->stop) {
        log_event(LOG_ERR, "main", "rights not read", LOG_C("cause", err.detail));
        err_clear(&err);
        if (task_sleep(BEAT_MS, &err) < 0)
            return;
    }
    if (listening->told_epoch != listening->house->world->epoch)
        live_world_changed(listening->live);
    listening->told_epoch = listening->house->world->epoch;
    live_fence(listening->live, false);
}

static void hear_sessions(struct listening *listening, const struct feed_tx *tx)
{
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];
        if (!change->after || !table_is(change, "tidemark", "session"))
            continue;
        const struct db_val *id = value_of(change, change->after, "id"),
                            *ended = value_of(change, change->after, "ended_at");
        if (!id || !ended || ended->kind == DB_NULL)
            continue;
        session_ended(listening->house->sessions, id->i);
        live_session_ended(listening->live, id->i);
    }
}

static void hear_beat(struct listening *listening, const struct feed_tx *tx)
{
    int64_t at_us;
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];
        const struct db_val *at = change->after ? value_of(change, change->after, "at") : NULL;
        if (!at || !table_is(change, "tidemark", "beat") || !clock_parse_sql(at->s, &at_us))
            continue;
        listening->beat_heard_us = clock_monotonic_us();
        live_tick(listening->live, at_us);
    }
}

static void hear_live(struct listening *listening, const struct feed_tx *tx)
{
    live_hear(listening->live, tx);
}

static task_fn void hear_unaudited(struct listening *listening, const struct feed_tx *tx)
{
    unaudited_hear(listening, tx);
}

static task_fn void hear_sealer(struct listening *listening, const struct feed_tx *tx)
{
    sealer_hear(listening->sealer, tx);
}

static const struct listener {
    const char *name;
    task_fn void (*hear)(struct listening *listening, const struct feed_tx *tx);
} LISTENERS[] = {
    {"epoch", hear_epoch},         /* the world, before anybody judges rows by it */
    {"sessions", hear_sessions},   /* who is out hears nothing more */
    {"beat", hear_beat},           /* the time of this transaction */
    {"live", hear_live},           /* screens */
    {"sealer", hear_sealer},       /* the log, leaf by leaf */
    {"unaudited", hear_unaudited}, /* changes without their events */
};

/* ---- the consumer
 * ------------------------------------------------------------------------------------------------ */

static task_fn int write_epoch(struct tx *tx, void *arg, struct err *err)
{
    const struct audit_change change = {
        .field = STR("epoch"), .after = arena_printf(task_arena(), "\"%s\"", (const char *)arg)};
    const struct audit_event event = {.login = STR("system"),
        .action = AUDIT_CONFIGURE,
        .form = STR("_instance"),
        .record = 1,
        .changes = &change,
        .n_changes = 1,
        .detail = STR("{\"what\":\"feed lost its place\"}")};
    (void)err;
    (void)audit_add(tx, &event);
    tx_add(tx, SQL_EPOCH, DB_PARAMS(DB_S(str_of(arg))));
    return 0;
}

/* Positions of the old epoch mean nothing any more: a new one, known to all who start later, too. */
static task_fn int begin_epoch(struct listening *listening, struct err *err)
{
    unsigned char random[EPOCH_BYTES];
    struct str text;
    crypto_random(random, sizeof(random));
    text = crypto_hex(task_arena(), random, sizeof(random));
    must(text.n < sizeof(listening->epoch));
    int rc = tx_run(listening->house->app, NULL, write_epoch,
        (void *)(uintptr_t)arena_cstr(task_arena(), text), NULL, err);
    if (rc < 0)
        return rc;
    memcpy(listening->epoch, text.p, text.n);
    listening->house->position_epoch = (struct str){listening->epoch, text.n};
    return 0;
}

/* Ends of sessions that stood in what was lost. */
static task_fn int hear_lost_ends(struct listening *listening, struct err *err)
{
    struct db_rows rows;
    struct buf buf;
    struct json_out out;
    int64_t *ids = arena_new_array(task_arena(), int64_t, SESSIONS_ASKED);
    size_t n = live_sessions(listening->live, ids, SESSIONS_ASKED);
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_array(&out);
    for (size_t i = 0; i < n; i++)
        json_out_int(&out, ids[i]);
    json_out_array_end(&out);
    json_out_end(&out);
    struct str list = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    int rc = db_query(listening->house->app, SQL_OVER, DB_PARAMS(DB_S(list)), &rows, err);
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        session_ended(listening->house->sessions, db_cell(&rows, i, 0)->i);
        live_session_ended(listening->live, db_cell(&rows, i, 0)->i);
    }
    return rc;
}

/* What came between is not known: rights, ends of sessions and rows are read anew, under a new epoch. */
static task_fn void hear_lost(struct listening *listening, const struct feed_tx *tx)
{
    log_event(LOG_ERR, "main", "the feed has lost its place: every screen is read anew");
    /* Nothing leaves until it is known what the rights are now, and at the end nothing at all. */
    live_fence(listening->live, true);
    for (;;) {
        struct err err = {0};
        int rc = world_refresh(listening->house, &err);
        if (rc == 0)
            rc = hear_lost_ends(listening, &err);
        if (rc == 0)
            rc = begin_epoch(listening, &err);
        if (rc == 0)
            break;
        log_event(LOG_ERR, "main", "not read anew", LOG_C("cause", err.detail));
        err_clear(&err);
        if (listening->stop || task_sleep(BEAT_MS, &err) < 0)
            return;
    }
    listening->told_epoch = listening->house->world->epoch;
    live_lost(listening->live);
    live_fence(listening->live, false);
    sealer_hear(listening->sealer, tx);
    unaudited_hear(listening, tx);
}

static task_fn void hear_one(struct listening *listening, const struct feed_tx *tx)
{
    if (tx->kind == FEED_LOST) {
        hear_lost(listening, tx);
        return;
    }
    for (size_t i = 0; i < sizeof(LISTENERS) / sizeof(LISTENERS[0]) && !listening->stop; i++)
        LISTENERS[i].hear(listening, tx);
}

/* A queue that is full (a large transaction in its parts, or many after an outage) is gone through in slices,
 * so that others are answered meanwhile. False: it is the end. */
static task_fn bool give_way(int64_t *since_us)
{
    struct err err = {0};
    if (clock_monotonic_us() - *since_us < SLICE_US)
        return true;
    bool goes_on = task_sleep(1, &err) == 0;
    *since_us = clock_monotonic_us();
    return goes_on;
}

/* What comes alone is told at once. Where transactions wait, some of them are heard and then told together: a
 * socket gets their frames in one write, and many sockets do not hold up the feed. */
static bool hears_more(const struct listening *listening, int64_t first_us)
{
    return !listening->stop && feed_stats_now(listening->feed).queued_bytes > 0 &&
           clock_monotonic_us() - first_us < HEAR_US;
}

static task_fn void consume(void *arg)
{
    struct listening *listening = arg;
    int64_t since_us = clock_monotonic_us(), first_us = 0; /* first_us: 0 when everything has been told */
    while (!listening->stop) {
        struct feed_tx *tx = NULL;
        struct err err = {0};
        int64_t asked_us = clock_monotonic_us();
        if (feed_next(listening->feed, &tx, &err) < 0)
            break;
        if (clock_monotonic_us() - asked_us > PARKED_US)
            since_us = clock_monotonic_us(); /* the queue was empty, and others had their turn */
        first_us = first_us ? first_us : clock_monotonic_us();
        hear_one(listening, tx);
        feed_tx_unref(tx);
        arena_clear(task_arena());
        if (hears_more(listening, first_us))
            continue;
        first_us = 0;
        live_flush(listening->live);
        arena_clear(task_arena());
        if (!give_way(&since_us))
            break;
    }
    listening->running--;
    listening->consumer = NULL;
    task_cond_wake_all(&listening->ended);
}

/* One commit: the common beat, and that this process lives. */
static task_fn int write_beat(struct tx *tx, void *arg, struct err *err)
{
    const struct listening *listening = arg;
    (void)err;
    tx_add(tx, SQL_BEAT, DB_NO_PARAMS);
    slot_live(tx, live_position(listening->live, task_arena()));
    sealer_keep(listening->sealer, tx);
    return 0;
}

static task_fn void beat(void *arg)
{
    struct listening *listening = arg;
    while (!listening->stop) {
        struct err err = {0};
        /* A missing beat is told by its absence. */
        (void)tx_run(listening->house->app, NULL, write_beat, listening, NULL, &err);
        unaudited_save(listening);
        err_clear(&err);
        if (task_sleep(BEAT_MS, &err) < 0)
            break;
        arena_clear(task_arena());
    }
    listening->running--;
    listening->beater = NULL;
    task_cond_wake_all(&listening->ended);
}

/* Beside the beat: what a process has left behind may take longer than one may be silent. */
static task_fn void look_around(void *arg)
{
    struct listening *listening = arg;
    while (!listening->stop) {
        struct err err = {0};
        if (orphans_look(listening->house->app, &err) < 0)
            log_event(LOG_WARN, "main", "other processes not looked at", LOG_C("cause", err.detail));
        err_clear(&err);
        if (task_sleep(BEAT_MS, &err) < 0)
            break;
        arena_clear(task_arena());
    }
    listening->running--;
    listening->looker = NULL;
    task_cond_wake_all(&listening->ended);
}

bool listening_is_alive(const struct listening *listening)
{
    return listening->feed && clock_monotonic_us() - listening->beat_heard_us < BEAT_DEAD_US;
}

task_fn int listening_start(struct listening *listening, struct boot *boot, struct err *err)
{
    static const char *const SCHEMAS[] = {"tidemark", "tidemark_log", NULL};
    struct str after = STR("");
    struct house *house = &boot->house;
    struct db_address feed_account = instance_address(boot->instance, INSTANCE_FEED);
    listening->house = house;
    listening->told_epoch = house->world->epoch;
    task_cond_init(&listening->ended);
    int rc = unaudited_start(listening, boot->share, &after, err);
    if (rc == 0)
        rc = sealer_start(boot, &after, &listening->sealer, err);
    if (rc == 0)
        rc = feed_start(&feed_account, NULL, after, SCHEMAS, &listening->feed, err);
    if (rc < 0)
        return rc;
    house->feed = listening->feed;
    listening->live = live_new(house, listening->feed);
    rc = presence_load(listening->live, err);
    if (rc < 0)
        return rc;
    listening->beat_heard_us = clock_monotonic_us();
    listening->running = 3;
    listening->consumer = task_spawn("feed", consume, listening);
    listening->beater = task_spawn("beat", beat, listening);
    listening->looker = task_spawn("orphans", look_around, listening);
    sealer_run(listening->sealer);
    return 0;
}

task_fn void listening_stop(struct listening *listening)
{
    struct err err = {0};
    listening->stop = true;
    if (listening->beater)
        task_cancel(listening->beater);
    if (listening->looker)
        task_cancel(listening->looker);
    if (listening->consumer)
        task_cancel(listening->consumer);
    while (listening->running > 0 && task_cond_wait(&listening->ended, 0, &err) == 0)
        ;
    live_free(listening->live);
    sealer_stop(listening->sealer);
    if (listening->feed) {
        listening->house->feed = NULL;
        feed_stop(listening->feed);
    }
    unaudited_stop(listening);
    listening->feed = NULL;
}
