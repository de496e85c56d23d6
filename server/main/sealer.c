/*
 * A listener and a task. The listener turns each event that the feed hands over into a leaf and keeps it; it
 * waits only where too much is kept, and not for long: what the task has not sealed by then is dropped, as if
 * the feed had lost its place, for everything else hangs on the feed, too. The task takes the lease when
 * nobody has it, and while it holds it writes what waits: once in audit.seal_ms, or as soon as
 * audit.seal_events wait. A process without the lease sees in the feed how far the holder has come, and
 * forgets what is sealed; so it can go on at any time, from the place that stands in the database.
 *
 * Events that the feed did not tell of (from before the first start, or lost with the binlog) or that were
 * dropped are looked for in the table, in the order of their ids, and sealed as leaves without a position;
 * the seals over them say so.
 */
#include "main/sealer.h"

#include "audit/seal_store.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/must.h"
#include "main/main_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEALER_MAGIC 0x5ea1e200u
#define PLACE_EVERY_US INT64_C(10000000) /* a place that moved without events is written so often */
enum {
    WAITING_MAX = 200000,           /* leaves; past it the feed waits for room, */
    ROOM_MS = 3000,                 /* … so long: a feed that is silent for 5 s is a dead one */
    WAITING_MUCH = WAITING_MAX / 2, /* before that happens something is done */
    PAUSE_MS = 1000,                /* after an error, and between looks at the lease */
    FIND_PAUSE_MS = 5,              /* between windows of found events: others want the database, too */
    FEED_WAIT_MS = 10000,
    CONNECTIONS = 2,
    HEAD_COLUMNS = 3
};

static const char SECRET[] = "seal_key", SECRET_NEXT[] = "seal_key_next";

struct sealer {
    unsigned magic;
    const struct conf *conf;
    struct house *house;
    struct db *db; /* of its own: requests and seals do not wait for each other */
    struct str data;
    struct arena *arena;
    /* Heard and not sealed, in the order of commits. */
    struct seal_pending *waiting;
    size_t n_waiting, cap_waiting;
    int64_t done_pos, done_n; /* sealed up to here, as far as is known */
    int64_t heard, heard_server;
    int64_t n_in_tx; /* events of the running transaction so far */
    bool lost;       /* the feed has lost its place: to be declared */
    bool dropped;    /* what waited up to done_pos: to be declared, unless another has sealed it */
    uint64_t losses; /* of the feed's place */
    char lost_gtid[SEAL_GTID_MAX];
    bool deaf; /* at the end: an event found no room, and nothing after it may be heard */
    /* How an event is read. */
    const struct feed_table *table;
    size_t columns[SEAL_COLUMN_COUNT];
    struct crypto_digest *digest;
    struct seal_event event;
    struct buf scratch;
    /* Of the holder. */
    struct lease lease;
    struct seal_state *state;
    bool is_loaded, has_next;
    unsigned char seed[CRYPTO_KEY_BYTES], next_seed[CRYPTO_KEY_BYTES];
    int64_t placed_us;
    struct task *task;
    struct task_cond wake, room, moved, ended;
    bool stop;
    uint64_t errors;
};

/* ---- keys ---------------------------------------------------------------------------------------------- */

static int read_seed(struct str text, unsigned char seed[CRYPTO_KEY_BYTES], struct err *err)
{
    if (crypto_hex_decode(text, seed, CRYPTO_KEY_BYTES))
        return 0;
    return err_set(err, ERR_CONFIG, "the seals' key is not 64 lower-case hex digits");
}

static struct str secret_path(const struct sealer *sealer, struct arena *arena, const char *name)
{
    return arena_printf(arena, "%.*s/secrets/%s", STR_ARGS(sealer->data), name);
}

static int read_keys(struct sealer *sealer, struct err *err)
{
    struct arena *arena = arena_new();
    struct str text;
    struct str file = sealer->conf->audit_seal_key_file;
    int rc = file.n ? conf_read_secret(arena, file, &text, err)
                    : instance_secret(sealer->data, SECRET, arena, &text, err);
    if (rc == 0)
        rc = read_seed(text, sealer->seed, err);
    const char *next = arena_cstr(arena, secret_path(sealer, arena, SECRET_NEXT));
    sealer->has_next = rc == 0 && file.n == 0 && access(next, F_OK) == 0;
    if (sealer->has_next)
        rc = conf_read_secret(arena, str_of(next), &text, err);
    if (sealer->has_next && rc == 0)
        rc = read_seed(text, sealer->next_seed, err);
    arena_free(arena);
    return rc;
}

/* The next key takes the place of the one before, once a seal has named it. */
static int turn_key(struct sealer *sealer, struct err *err)
{
    struct arena *arena = arena_new();
    const char *from = arena_cstr(arena, secret_path(sealer, arena, SECRET_NEXT));
    const char *to = arena_cstr(arena, secret_path(sealer, arena, SECRET));
    int rc = rename(from, to) == 0 ? 0 : err_set(err, ERR_IO, "%s cannot be renamed to %s", from, to);
    arena_free(arena);
    return rc == 0 ? read_keys(sealer, err) : rc;
}

static bool signs_as(const unsigned char seed[CRYPTO_KEY_BYTES], const unsigned char key[CRYPTO_KEY_BYTES])
{
    unsigned char ours[CRYPTO_KEY_BYTES];
    crypto_public_key(seed, ours);
    return memcmp(ours, key, sizeof ours) == 0;
}

/* Killed between the seal that names the next key and the change of the files. */
static int settle_key(struct sealer *sealer, struct err *err)
{
    const struct seal_state *state = sealer->state;
    int rc = read_keys(sealer, err);
    if (rc == 0 && state->has_last && state->last.has_next && sealer->has_next &&
        signs_as(sealer->next_seed, state->last.next))
        rc = turn_key(sealer, err);
    return rc;
}

static bool key_is_lost(const struct sealer *sealer)
{
    const struct seal *last = &sealer->state->last;
    if (!sealer->state->has_last)
        return false;
    return !signs_as(sealer->seed, last->has_next ? last->next : last->key);
}

/* ---- the listener -------------------------------------------------------------------------------------- */

static bool is_done(const struct sealer *sealer, int64_t pos, int64_t n)
{
    return pos < sealer->done_pos || (pos == sealer->done_pos && n <= sealer->done_n);
}

/* Forgets what is sealed. */
static void trim(struct sealer *sealer)
{
    size_t n = 0;
    while (n < sealer->n_waiting && is_done(sealer, sealer->waiting[n].pos, sealer->waiting[n].n))
        n++;
    if (n == 0)
        return;
    sealer->n_waiting -= n;
    memmove(sealer->waiting, sealer->waiting + n, sealer->n_waiting * sizeof *sealer->waiting);
    task_cond_wake_all(&sealer->room);
}

static void done_to(struct sealer *sealer, int64_t pos, int64_t n)
{
    if (is_done(sealer, pos, n))
        return;
    sealer->done_pos = pos;
    sealer->done_n = n;
    sealer->dropped = false; /* sealed further than what was dropped */
    trim(sealer);
}

static bool must_declare(const struct sealer *sealer)
{
    return sealer->lost || sealer->dropped;
}

static bool find_columns(struct sealer *sealer, const struct feed_table *table)
{
    for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++) {
        size_t i = 0;
        while (i < table->n_columns && !str_eq(table->columns[i].name, str_of(SEAL_COLUMNS[c])))
            i++;
        if (i == table->n_columns)
            return false; /* not the log's table as we know it: found later, or by `verify` */
        sealer->columns[c] = i;
    }
    sealer->table = table;
    return true;
}

/* What waits, and the rest of this transaction, is found in the table, like what was not heard. */
static void forget(struct sealer *sealer, const struct feed_tx *tx)
{
    sealer->n_waiting = 0;
    sealer->done_pos = tx->sequence;
    sealer->done_n = INT64_MAX;
    (void)snprintf(sealer->lost_gtid, sizeof sealer->lost_gtid, "%lld-%lld-%lld", (long long)tx->domain,
        (long long)tx->server, (long long)tx->sequence);
    task_cond_wake_all(&sealer->room);
    task_cond_wake_all(&sealer->wake);
    task_cond_wake_all(&sealer->moved);
}

/* Nothing of it is sealed for so long that the feed cannot wait. */
static void drop(struct sealer *sealer, const struct feed_tx *tx)
{
    log_event(LOG_ERR, "main", "too much waits for its seal: it will be looked for in the log",
        LOG_I("events", (int64_t)sealer->n_waiting));
    sealer->dropped = true;
    forget(sealer, tx);
}

/* What waits may be other than before. */
static task_fn void make_room(struct sealer *sealer, const struct feed_tx *tx)
{
    while (sealer->n_waiting >= WAITING_MAX && !sealer->stop) {
        struct err err = {0};
        task_cond_wake_all(&sealer->wake);
        int rc = task_cond_wait(&sealer->room, ROOM_MS, &err);
        if (rc == -ERR_TIMEOUT) {
            drop(sealer, tx);
        } else if (rc < 0) {
            sealer->deaf = true; /* it is the end: heard again at the next start */
            return;
        }
    }
}

static struct seal_pending *add_waiting(struct sealer *sealer)
{
    if (sealer->n_waiting == sealer->cap_waiting) {
        sealer->cap_waiting = sealer->cap_waiting ? sealer->cap_waiting * 2 : 1024;
        sealer->waiting = must_realloc(sealer->waiting, sealer->cap_waiting * sizeof *sealer->waiting);
    }
    return &sealer->waiting[sealer->n_waiting++];
}

static task_fn void hear_event(
    struct sealer *sealer, const struct feed_tx *tx, const struct feed_change *change)
{
    const struct db_val *cells[SEAL_COLUMN_COUNT];
    char text[SEAL_POS_MAX];
    struct str epoch = sealer->house->position_epoch;
    int64_t n = sealer->n_in_tx++;
    if (is_done(sealer, tx->sequence, n))
        return;
    if (sealer->table != change->table && !find_columns(sealer, change->table))
        return;
    make_room(sealer, tx);
    if (sealer->deaf || is_done(sealer, tx->sequence, n)) /* sealed or dropped meanwhile */
        return;
    struct seal_pending *leaf = add_waiting(sealer);
    for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++)
        cells[c] = &change->after[sealer->columns[c]];
    must(epoch.n == SEAL_EPOCH_CHARS);
    *leaf = (struct seal_pending){
        .event = cells[0]->i, .pos = tx->sequence, .n = n, .server = (int32_t)tx->server};
    memcpy(leaf->epoch, epoch.p, SEAL_EPOCH_CHARS);
    seal_event_read(&sealer->event, cells, seal_pos_print(text, epoch, tx->sequence), n);
    seal_leaf_hash(&sealer->event, sealer->digest, &sealer->scratch, leaf->hash);
}

/* What another process has sealed. */
static void hear_head(struct sealer *sealer, const struct feed_change *change)
{
    int64_t values[HEAD_COLUMNS] = {0};
    static const char *const NAMES[HEAD_COLUMNS] = {"pos", "n", "found_to"};
    for (size_t i = 0; i < change->table->n_columns; i++)
        for (size_t k = 0; k < HEAD_COLUMNS; k++)
            if (str_eq(change->table->columns[i].name, str_of(NAMES[k])) && change->after[i].kind == DB_INT)
                values[k] = change->after[i].i;
    if (sealer->lease.held)
        return;
    if (!sealer->lost)
        done_to(sealer, values[0], values[1]);
    if (values[2] > 0)
        sealer->lost = false; /* the holder has declared it */
}

static void hear_lost(struct sealer *sealer, const struct feed_tx *tx)
{
    sealer->lost = true;
    sealer->dropped = false; /* declared with it */
    sealer->losses++;
    sealer->heard = tx->sequence;
    sealer->heard_server = tx->server;
    sealer->table = NULL;
    forget(sealer, tx);
}

task_fn void sealer_hear(struct sealer *sealer, const struct feed_tx *tx)
{
    CHECK(sealer, SEALER_MAGIC);
    if (sealer->deaf)
        return;
    if (tx->kind == FEED_LOST) {
        hear_lost(sealer, tx);
        return;
    }
    if (tx->domain != 0)
        return; /* an alarm is raised over it; its events have no place in the one order */
    if (tx->first)
        sealer->n_in_tx = 0;
    sealer->table = NULL; /* tables are counted, and another may stand in the same place */
    for (size_t i = 0; i < tx->n_changes && !sealer->deaf; i++) {
        const struct feed_change *change = &tx->changes[i];
        if (!change->after)
            continue;
        if (change->op == FEED_INSERT && str_eq(change->table->name, STR("event")) &&
            str_eq(change->table->schema, STR("tidemark_log")))
            hear_event(sealer, tx, change);
        else if (str_eq(change->table->name, STR("seal_head")) &&
                 str_eq(change->table->schema, STR("tidemark")))
            hear_head(sealer, change);
    }
    if (tx->last && !sealer->deaf) {
        sealer->heard = tx->sequence;
        sealer->heard_server = tx->server;
        task_cond_wake_all(&sealer->moved);
    }
    if (sealer->n_waiting >= (size_t)sealer->conf->audit_seal_events)
        task_cond_wake_all(&sealer->wake);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void print_gtid(char gtid[SEAL_GTID_MAX], int64_t server, int64_t sequence)
{
    (void)snprintf(gtid, SEAL_GTID_MAX, "0-%lld-%lld", (long long)server, (long long)sequence);
}

static task_fn int write_work(struct sealer *sealer, struct seal_work *work, struct err *err)
{
    work->lease = &sealer->lease;
    work->seed = sealer->seed;
    work->next_seed = sealer->has_next ? sealer->next_seed : NULL;
    work->key_is_lost = key_is_lost(sealer);
    bool turns = sealer->has_next;
    int rc = seal_write(sealer->db, sealer->state, work, err);
    if (rc < 0 || !sealer->lease.held)
        return rc;
    if (work->key_is_lost)
        log_event(LOG_ERR, "main", "the seals' key is another than that of the last seal",
            LOG_I("seal", sealer->state->last.number));
    return turns ? turn_key(sealer, err) : read_keys(sealer, err);
}

/* The oldest that wait, as many as one seal takes. */
static task_fn int write_waiting(struct sealer *sealer, struct err *err)
{
    size_t n = sealer->n_waiting, most = (size_t)sealer->conf->audit_seal_events;
    struct seal_work work = {.leaves = NULL, .place = sealer->state->place};
    if (n > most)
        n = most;
    /* The listener goes on adding meanwhile, and what waits may move. */
    struct seal_pending *leaves = arena_new_array(task_arena(), struct seal_pending, n);
    memcpy(leaves, sealer->waiting, n * sizeof *leaves);
    const struct seal_pending *last = &leaves[n - 1];
    bool is_whole = n < sealer->n_waiting ? sealer->waiting[n].pos != last->pos : sealer->heard >= last->pos;
    work.leaves = leaves;
    work.n = n;
    work.place.pos = last->pos;
    work.place.n = last->n;
    if (is_whole)
        print_gtid(work.place.gtid, last->server, last->pos);
    int rc = write_work(sealer, &work, err);
    if (rc == 0 && sealer->lease.held && !sealer->lost)
        done_to(sealer, last->pos, last->n);
    return rc;
}

/* Positions of before mean nothing any more; what was not heard is looked for in the table. */
static task_fn int write_lost(struct sealer *sealer, struct err *err)
{
    struct seal_work work = {.place = sealer->state->place};
    memcpy(work.place.gtid, sealer->lost_gtid, sizeof work.place.gtid);
    work.place.pos = sealer->done_pos;
    work.place.n = sealer->done_n;
    work.place.found_after = 0;
    work.place.found_to = id_new();
    work.place.gap = SEAL_GAP_FEED;
    int rc = write_work(sealer, &work, err);
    /* It may have been lost once more meanwhile. */
    if (rc == 0 && sealer->lease.held && strcmp(work.place.gtid, sealer->lost_gtid) == 0)
        sealer->lost = sealer->dropped = false;
    return rc;
}

/* Until the feed has handed over all that was committed by then. */
static task_fn int wait_heard(struct sealer *sealer, int64_t sequence, struct err *err)
{
    int64_t began_us = clock_monotonic_us();
    while (sealer->heard < sequence && !must_declare(sealer)) {
        int rc = task_cond_wait(&sealer->moved, PAUSE_MS, err);
        if (rc == -ERR_TIMEOUT)
            err_clear(err);
        else if (rc < 0)
            return rc;
        if (clock_monotonic_us() - began_us > FEED_WAIT_MS * INT64_C(1000))
            return err_set(err, ERR_TIMEOUT, "the feed is far behind");
    }
    return 0;
}

/* A window of the log: its events without a place; those that wait with one are none of them. */
static task_fn int write_found(struct sealer *sealer, struct err *err)
{
    struct seal_place *place = &sealer->state->place;
    struct seal_work work = {.place = *place};
    struct seal_pending *leaves = NULL;
    size_t n = 0;
    int64_t last = 0, sequence = 0;
    int rc = seal_find(sealer->db, place->found_after, place->found_to,
        (size_t)sealer->conf->audit_seal_events, &leaves, &n, &last, &sequence, err);
    if (rc == 0)
        rc = wait_heard(sealer, sequence, err);
    if (rc < 0 || must_declare(sealer))
        return rc;
    struct map *waiting = map_new();
    for (size_t i = 0; i < sealer->n_waiting; i++)
        (void)map_put_id(waiting, sealer->waiting[i].event, sealer);
    if (last < place->found_to) {
        work.place.found_after = last;
    } else {
        work.place.found_after = work.place.found_to = 0;
        work.place.gap = SEAL_NO_GAP;
    }
    for (size_t i = 0; i < n; i++)
        if (!map_get_id(waiting, leaves[i].event))
            leaves[work.n++] = leaves[i];
    map_free(waiting, NULL);
    work.leaves = leaves;
    if (work.n > 0)
        return write_work(sealer, &work, err);
    rc = seal_move(sealer->db, &sealer->lease, &work.place, err);
    if (rc == 0 && sealer->lease.held)
        *place = work.place;
    return rc;
}

/* So that a start after a quiet night need not read it all again. */
static task_fn int write_place(struct sealer *sealer, struct err *err)
{
    struct seal_place place = sealer->state->place;
    int64_t now_us = clock_monotonic_us();
    if (sealer->heard == 0 || (sealer->placed_us > 0 && now_us - sealer->placed_us < PLACE_EVERY_US) ||
        sealer->heard <= place.pos)
        return 0;
    print_gtid(place.gtid, sealer->heard_server, sealer->heard);
    if (strcmp(place.gtid, sealer->state->place.gtid) == 0)
        return 0;
    int rc = seal_move(sealer->db, &sealer->lease, &place, err);
    if (rc == 0 && sealer->lease.held)
        sealer->state->place = place;
    sealer->placed_us = now_us;
    return rc;
}

/* ---- the task ------------------------------------------------------------------------------------------ */

static task_fn int become_holder(struct sealer *sealer, struct err *err)
{
    int rc = lease_take(sealer->db, &sealer->lease, err);
    sealer->is_loaded = false;
    if (rc == 0 && sealer->lease.held)
        log_event(LOG_INFO, "main", "this process seals the log", LOG_I("term", sealer->lease.term));
    return rc;
}

static task_fn int load(struct sealer *sealer, struct err *err)
{
    int rc = seal_load(sealer->db, sealer->state, err);
    if (rc == 0)
        rc = settle_key(sealer, err);
    if (rc < 0)
        return rc;
    sealer->is_loaded = true;
    if (!sealer->lost)
        done_to(sealer, sealer->state->place.pos, sealer->state->place.n);
    return 0;
}

/* Much waits, and another seals: that it is sealed may stand in the feed behind what finds no room here. */
static task_fn int look_at_place(struct sealer *sealer, struct err *err)
{
    struct seal_place place;
    uint64_t losses = sealer->losses;
    int rc = seal_place_load(sealer->db, &place, err);
    if (rc == 0 && !sealer->lost && losses == sealer->losses)
        done_to(sealer, place.pos, place.n);
    return rc;
}

/* *ret_more: there is more to do at once. */
static task_fn int turn(struct sealer *sealer, bool *ret_more, struct err *err)
{
    int rc = 0;
    *ret_more = false;
    if (!sealer->lease.held)
        rc = become_holder(sealer, err);
    if (rc == 0 && sealer->lease.held && !sealer->is_loaded)
        rc = load(sealer, err);
    if (rc == 0 && !sealer->lease.held && sealer->n_waiting >= WAITING_MUCH)
        rc = look_at_place(sealer, err);
    if (rc < 0 || !sealer->lease.held)
        return rc;
    if (must_declare(sealer))
        rc = write_lost(sealer, err);
    else if (sealer->n_waiting > 0)
        rc = write_waiting(sealer, err);
    else
        rc = write_place(sealer, err);
    /* That waits for the feed, which must not wait for room meanwhile. */
    if (rc == 0 && sealer->lease.held && sealer->state->place.found_to > 0 &&
        sealer->n_waiting < WAITING_MUCH)
        rc = write_found(sealer, err);
    *ret_more = sealer->lease.held && (sealer->state->place.found_to > 0 || must_declare(sealer) ||
                                          sealer->n_waiting >= (size_t)sealer->conf->audit_seal_events);
    return rc;
}

static task_fn bool rest(struct sealer *sealer, uint64_t ms)
{
    struct err err = {0};
    int rc = task_cond_wait(&sealer->wake, ms, &err);
    return (rc == 0 || rc == -ERR_TIMEOUT) && !sealer->stop;
}

static task_fn void seal(void *arg)
{
    struct sealer *sealer = arg;
    bool goes_on = true;
    while (goes_on && !sealer->stop) {
        struct err err = {0};
        bool more = false;
        int rc = turn(sealer, &more, &err);
        arena_clear(task_arena());
        if (rc < 0) {
            if (!sealer->stop)
                log_event(LOG_ERR, "main", "the log is not sealed", LOG_C("cause", err.detail));
            sealer->errors++;
            sealer->is_loaded = false; /* what has been written is not known */
            err_clear(&err);
            goes_on = task_sleep(PAUSE_MS, &err) == 0;
        } else if (more) {
            goes_on = task_sleep(FIND_PAUSE_MS, &err) == 0;
        } else {
            goes_on = rest(sealer, sealer->lease.held ? (uint64_t)sealer->conf->audit_seal_ms : PAUSE_MS);
        }
    }
    sealer->task = NULL;
    task_cond_wake_all(&sealer->ended);
}

/* ---- up and down --------------------------------------------------------------------------------------- */

static bool sequence_of(struct str gtid, int64_t *ret_sequence)
{
    (void)str_cut(&gtid, '-');
    (void)str_cut(&gtid, '-');
    return str_to_i64(gtid, ret_sequence);
}

task_fn int sealer_start(struct boot *boot, struct str *gtid, struct sealer **ret_sealer, struct err *err)
{
    struct db_address address = instance_address(boot->instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = CONNECTIONS,
        .wait_ms = (uint64_t)boot->conf->db_wait_ms,
        .statement_ms = (uint64_t)boot->conf->db_statement_ms,
        .statements_cached = 32};
    struct sealer *sealer = must_alloc(sizeof *sealer);
    struct seal_place place;
    int64_t ours, theirs;
    *ret_sealer = sealer;
    sealer->magic = SEALER_MAGIC;
    sealer->conf = boot->conf;
    sealer->house = &boot->house;
    sealer->data = boot->data;
    sealer->arena = arena_new();
    sealer->digest = crypto_digest_new();
    sealer->state = must_alloc(sizeof *sealer->state);
    sealer->db = db_open(&address, &limits);
    buf_init(&sealer->scratch, SIZE_MAX / 2);
    lease_init(&sealer->lease, SEAL_LEASE);
    task_cond_init(&sealer->wake);
    task_cond_init(&sealer->room);
    task_cond_init(&sealer->moved);
    task_cond_init(&sealer->ended);
    int rc = read_keys(sealer, err);
    if (rc == 0)
        rc = seal_begin(sealer->db, id_new(), err);
    if (rc == 0)
        rc = seal_place_load(sealer->db, &place, err);
    if (rc < 0)
        return rc;
    done_to(sealer, place.pos, place.n);
    bool earlier = sequence_of(str_of(place.gtid), &ours) && sequence_of(*gtid, &theirs) && ours < theirs;
    if (earlier)
        *gtid = arena_copy(sealer->arena, str_of(place.gtid));
    return 0;
}

void sealer_run(struct sealer *sealer)
{
    CHECK(sealer, SEALER_MAGIC);
    sealer->task = task_spawn("sealer", seal, sealer);
}

void sealer_keep(struct sealer *sealer, struct tx *tx)
{
    if (sealer->lease.held)
        lease_keep(tx, &sealer->lease);
}

/* What was heard is sealed before the end, so that an export of a service that was stopped is whole. */
static task_fn void finish(struct sealer *sealer)
{
    struct err err = {0};
    int rc = 0;
    if (!db_is_up(sealer->db))
        return; /* the next start goes on */
    while (
        rc == 0 && sealer->lease.held && sealer->is_loaded && !must_declare(sealer) && sealer->n_waiting > 0)
        rc = write_waiting(sealer, &err);
    sealer->placed_us = 0;
    if (rc == 0 && sealer->lease.held && sealer->is_loaded && !must_declare(sealer))
        (void)write_place(sealer, &err);
    lease_release(sealer->db, &sealer->lease);
}

task_fn void sealer_stop(struct sealer *sealer)
{
    struct err err = {0};
    if (!sealer)
        return;
    CHECK(sealer, SEALER_MAGIC);
    sealer->stop = true;
    if (sealer->task)
        task_cancel(sealer->task);
    while (sealer->task && task_cond_wait(&sealer->ended, 0, &err) == 0)
        ;
    finish(sealer); /* here, for the task was told to end */
    db_close(sealer->db);
    crypto_digest_free(sealer->digest);
    seal_event_done(&sealer->event);
    buf_done(&sealer->scratch);
    crypto_wipe(sealer->seed, sizeof sealer->seed);
    crypto_wipe(sealer->next_seed, sizeof sealer->next_seed);
    arena_free(sealer->arena);
    free(sealer->waiting);
    free(sealer->state);
    sealer->magic = 0;
    free(sealer);
}

struct sealer_stats sealer_stats_now(const struct sealer *sealer)
{
    CHECK(sealer, SEALER_MAGIC);
    return (struct sealer_stats){.leaves = sealer->state->tree.size,
        .seals = (uint64_t)sealer->state->last.number,
        .errors = sealer->errors,
        .waiting = sealer->n_waiting,
        .holds = sealer->lease.held};
}
