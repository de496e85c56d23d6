/*
 * What the room hears: transactions in commit order. Each change finds the channels that it may concern
 * through the index, with both its images; they apply it; and at the transaction's end each that was touched
 * tells the difference, once, to all its viewers.
 */
#include "live/live_int.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>

static void on_timer(void *arg);

struct live *live_new(struct house *house, struct feed *feed)
{
    struct live *live = must_alloc(sizeof(*live));
    live->magic = LIVE_MAGIC;
    live->house = house;
    live->feed = feed;
    live->by_key = map_new();
    live->forms = map_new();
    live->by_session = map_new();
    live->by_user = map_new();
    list_init(&live->here);
    live->pos = feed_stats_now(feed).handed_over;
    live->now_us = clock_utc_us();
    list_init(&live->sockets);
    list_init(&live->channels);
    list_init(&live->logs);
    list_init(&live->pathed);
    list_init(&live->sayings);
    list_init(&live->dirty);
    list_init(&live->touched);
    list_init(&live->loading);
    task_cond_init(&live->moved);
    loop_timer_start(&live->timer, LIVE_TICK_MS, LIVE_TICK_MS, on_timer, live);
    return live;
}

/* ---- a transaction
 * ------------------------------------------------------------------------------------------- */

static void add_candidate(struct live *live, struct channel *channel)
{
    if (live->n_candidates == live->cap_candidates) {
        live->cap_candidates = live->cap_candidates * 2 + 64;
        live->candidates = must_realloc(live->candidates, live->cap_candidates * sizeof(live->candidates[0]));
    }
    live->candidates[live->n_candidates++] = channel;
}

static void add_found(struct live_entry *entry, void *arg)
{
    add_candidate(arg, list_entry(entry, struct channel, entry));
}

static struct live_form *form_by_table(struct live *live, const struct feed_table *table)
{
    const struct catalog *catalog = live->house->world->catalog;
    for (size_t i = 0; i < catalog->n_forms; i++)
        if (str_eq(catalog->forms[i].table, table->name))
            return map_get_id(live->forms, catalog->forms[i].id); /* NULL: nobody has asked for it */
    return NULL;
}

static void add_watchers(struct live *live, const struct live_form *form, int64_t record)
{
    struct list *head = map_get_id(form->by_record, record);
    if (head)
        list_for_each (it, head)
            add_candidate(live, list_entry(it, struct channel, in_record));
}

static void find_candidates(
    struct live *live, struct live_form *form, const struct image_map *map, const struct feed_change *change)
{
    int64_t was = change->before ? image_id(map, change->before) : 0;
    int64_t is = change->after ? image_id(map, change->after) : was;
    struct db_val *before = change->before ? form->probe : NULL;
    struct db_val *after = change->after ? form->probe + form->n_fields : NULL;
    live->n_candidates = 0;
    if (before)
        image_values(map, change->before, before);
    if (after)
        image_values(map, change->after, after);
    live_index_probe(form->index, before, after, add_found, live);
    add_watchers(live, form, is);
    if (was != 0 && was != is) /* a hand has given it another id */
        add_watchers(live, form, was);
    live->stats.candidates += live->n_candidates;
}

static void apply_to(struct channel *channel, const struct feed_change *change)
{
    if (channel->phase != CHANNEL_OPEN || channel->loading)
        return; /* it is kept for when the load is there */
    if (!band_apply(channel, change))
        channel_reload(channel);
    if (channel->touched && list_is_empty(&channel->in_touched))
        list_append(&channel->live->touched, &channel->in_touched);
}

/* Lists whose filters look into other records cannot tell from an image: they are read again, each at most
 * once a second. One that is being read keeps what comes meanwhile, like every other. */
static void hear_pathed(struct live *live, const struct feed_change *change)
{
    list_for_each (it, &live->pathed) {
        struct channel *channel = list_entry(it, struct channel, in_pathed);
        if (channel->phase == CHANNEL_OPEN && !channel->loading && pathed_is_concerned(channel, change))
            channel_reload(channel);
    }
}

static void hear_change(struct live *live, const struct feed_change *change)
{
    hear_pathed(live, change);
    struct live_form *live_form = form_by_table(live, change->table);
    const struct image_map *map = live_form ? form_map(live_form, change->table) : NULL;
    if (!map)
        return;
    find_candidates(live, live_form, map, change);
    for (size_t i = 0; i < live->n_candidates; i++)
        apply_to(live->candidates[i], change);
}

/* Channels that are being read keep what comes meanwhile. */
static void keep_for_loading(struct live *live, const struct feed_tx *tx)
{
    list_for_each (it, &live->loading) {
        struct channel *channel = list_entry(it, struct channel, in_loading);
        if (channel->kind != CHANNEL_LOG)
            channel_keep(channel, tx);
    }
}

static void tell_touched(struct live *live, int64_t sequence)
{
    list_for_each_safe (it, &live->touched) {
        struct channel *channel = list_entry(it, struct channel, in_touched);
        list_remove(&channel->in_touched);
        if (channel->loading || channel->phase != CHANNEL_OPEN)
            continue; /* a refill will tell */
        channel->pos = sequence;
        frame_delta(channel);
        presence_of(channel); /* who no longer sees the record, or a field of it, sees nobody there */
        band_trim(channel);
        channel_settled(channel);
    }
}

static int64_t int_of(const struct feed_change *change, const char *column)
{
    for (size_t i = 0; i < change->table->n_columns; i++)
        if (str_eq(change->table->columns[i].name, str_of(column)))
            return change->after && change->after[i].kind == DB_INT ? change->after[i].i : 0;
    return 0;
}

/* A transaction of events alone tells of reads. A part of a large one may be anything. */
static bool is_write(const struct feed_tx *tx)
{
    if (!tx->last)
        return true;
    for (size_t i = 0; i < tx->n_changes; i++)
        if (!str_eq(tx->changes[i].table->name, STR("event")))
            return true;
    return false;
}

/* Whoever wrote is told when his write has come round: the events name his session. */
static void note_writers(struct live *live, const struct feed_tx *tx)
{
    if (!is_write(tx))
        return;
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];
        if (change->op != FEED_INSERT || !str_eq(change->table->name, STR("event")))
            continue;
        struct list *writers = seats_of_session(live, int_of(change, "session"));
        if (!writers)
            continue;
        list_for_each (it, writers) {
            struct socket *socket = list_entry(it, struct socket, in_session);
            socket->owes_mark = true;
            (void)socket_dirty(socket);
        }
    }
}

void live_hear(struct live *live, const struct feed_tx *tx)
{
    CHECK(live, LIVE_MAGIC);
    live->in_parts = !tx->last;
    live->hearing = tx->sequence;
    keep_for_loading(live, tx);
    for (size_t i = 0; i < tx->n_changes; i++)
        hear_change(live, &tx->changes[i]);
    presence_hear(live, tx);
    log_hear(live, tx);
    note_writers(live, tx);
    if (!tx->last)
        return;
    live->stats.transactions++;
    live->pos = tx->sequence;
    tell_touched(live, tx->sequence);
    task_cond_wake_all(&live->moved);
}

/* ---- what else happens
 * --------------------------------------------------------------------------------------- */

static void drop_all_channels(struct live *live)
{
    list_for_each_safe (it, &live->channels) {
        struct channel *channel = list_entry(it, struct channel, in_live);
        list_for_each_safe (v, &channel->viewers)
            subscribe_again(list_entry(v, struct viewer, in_channel));
        channel_drop(channel);
    }
}

/* Nothing of what this person may has changed, whatever the form: what he is shown is still right, and so is
 * all that his browser knows of his rights. One who is just opening finds his channel anew. */
static bool sees_the_same(const struct viewer *viewer)
{
    const struct channel *channel = viewer->channel;
    int64_t user_id = viewer->socket->user_id;
    const struct policy *was = policy_of(channel->caller.world->directory, user_id),
                        *is = policy_of(channel->live->house->world->directory, user_id);
    return !viewer->opening && was && is && policy_is_same(was, is);
}

/* A channel goes on for those to whom it shows the same as before, under the world that it was made in: its
 * plan, compiled again, would be equal. All others leave it before anything more is sent. */
static bool keep_channel(struct channel *channel)
{
    const struct world *was = channel->caller.world, *is = channel->live->house->world;
    /* One that was made in the new world before the feed had come to it begins anew, too. */
    bool alike = channel->phase == CHANNEL_OPEN && was != is && world_is_alike(was, is);
    list_for_each_safe (it, &channel->viewers) {
        struct viewer *viewer = list_entry(it, struct viewer, in_channel);
        if (!alike || !sees_the_same(viewer))
            subscribe_again(viewer);
    }
    if (channel->n_viewers > 0)
        return true;
    channel_drop(channel);
    return false;
}

static void free_form(void *form)
{
    struct live_form *live_form = form;
    live_index_free(live_form->index);
    map_free(live_form->by_record, free);
    free(live_form->probe);
    arena_free(live_form->map_arena);
    arena_free(live_form->arena);
    world_unref(live_form->world);
    free(live_form);
}

static void close_socket(const struct socket *socket)
{
    if (socket->ws)
        ws_close(socket->ws, 4401, STR("log in again"));
}

/* People who are gone, or may not log in any more. */
static void close_strangers(struct live *live)
{
    struct directory *directory = live->house->world->directory;
    list_for_each_safe (it, &live->sockets) {
        const struct socket *socket = list_entry(it, struct socket, in_live);
        if (socket->is_open && !policy_of(directory, socket->user_id))
            close_socket(socket);
    }
}

static void forget_forms(struct live *live)
{
    map_free(live->forms, free_form);
    live->forms = map_new();
}

void live_fence(struct live *live, bool fenced)
{
    live->fenced = fenced;
}

void live_world_changed(struct live *live)
{
    size_t kept = 0;
    live->world++;
    list_for_each_safe (it, &live->channels)
        kept += keep_channel(list_entry(it, struct channel, in_live));
    if (kept == 0) /* else all forms are as they were */
        forget_forms(live);
    close_strangers(live);
    task_cond_wake_all(&live->moved);
}

static void begin_anew(struct live *live)
{
    live->world++;
    drop_all_channels(live);
    forget_forms(live);
    close_strangers(live);
    task_cond_wake_all(&live->moved);
}

void live_lost(struct live *live)
{
    live->in_parts = false;
    live->pos = live->hearing = feed_stats_now(live->feed).handed_over;
    list_for_each (it, &live->sockets)
        list_entry(it, struct socket, in_live)->mark_pos = 0; /* another history */
    begin_anew(live);
}

void live_session_ended(struct live *live, int64_t session)
{
    struct list *sockets = seats_of_session(live, session);
    if (sockets)
        list_for_each_safe (it, sockets)
            close_socket(list_entry(it, struct socket, in_session));
}

size_t live_sessions(const struct live *live, int64_t *ret_ids, size_t max)
{
    size_t n = 0;
    list_for_each (it, &live->sockets) {
        const struct socket *socket = list_entry(it, struct socket, in_live);
        if (socket->is_open && n < max)
            ret_ids[n++] = socket->session;
    }
    return n;
}

/* The absolute end of a session needs nobody to tell it. */
static void close_expired(struct live *live)
{
    int64_t now_us = clock_utc_us();
    list_for_each_safe (it, &live->sockets) {
        const struct socket *socket = list_entry(it, struct socket, in_live);
        if (socket->is_open && now_us >= socket->ends_at_us)
            close_socket(socket);
    }
}

void live_tick(struct live *live, int64_t now_us)
{
    live->now_us = now_us;
    list_for_each (it, &live->channels) {
        struct channel *channel = list_entry(it, struct channel, in_live);
        if (channel->valid_until_us != 0 && now_us >= channel->valid_until_us &&
            channel->phase == CHANNEL_OPEN && !channel->loading)
            channel_reload(channel);
    }
}

struct str live_position(const struct live *live, struct arena *arena)
{
    return arena_printf(arena, "%.*s.%lld", STR_ARGS(live->house->position_epoch), (long long)live->pos);
}

void live_flush(struct live *live)
{
    while (!live->fenced &&
           !list_is_empty(&live->dirty)) { /* one that has more to say stands at the end again */
        struct socket *socket = list_entry(live->dirty.next, struct socket, in_dirty);
        list_remove(&socket->in_dirty);
        socket->is_dirty = false;
        socket_send(socket);
    }
}

static void tend_channel(struct channel *channel, int64_t now_us)
{
    frame_forget_snapshot(channel);
    views_digest(channel, now_us);
}

/* A list with paths that nobody looks at would be read again and again while things change: its load, which
 * is told by the drop, frees it. */
static bool is_over(const struct channel *channel, int64_t now_us)
{
    return channel->n_viewers == 0 && (!channel->loading || pathed_is(channel)) &&
           now_us - channel->empty_since_us > LIVE_LINGER_MS * INT64_C(1000);
}

static void on_timer(void *arg)
{
    struct live *live = arg;
    int64_t now_us = clock_monotonic_us();
    live->turn++;
    list_for_each_safe (it, &live->channels) {
        struct channel *channel = list_entry(it, struct channel, in_live);
        if (is_over(channel, now_us))
            channel_drop(channel);
        else
            tend_channel(channel, now_us);
    }
    close_expired(live);
    list_for_each (it, &live->sockets)
        presence_check(list_entry(it, struct socket, in_live), now_us);
    live->tasks++;
    (void)task_spawn("live-mark", mark_all, live);
}

static void free_live(void *live)
{
    free(live);
}

task_fn void live_free(struct live *live)
{
    struct err err = {0};
    if (!live)
        return;
    live->ending = true;
    begin_anew(live);
    loop_timer_stop(&live->timer);
    while (live->tasks > 0 && task_sleep(5, &err) == 0)
        task_cond_wake_all(&live->moved);
    list_for_each_safe (it, &live->sockets)
        socket_unref(list_entry(it, struct socket, in_live));
    drop_all_channels(live);
    presence_free(live);
    map_free(live->by_key, NULL);
    map_free(live->forms, free_form);
    map_free(live->by_session, free);
    map_free(live->by_user, free);
    ws_bytes_unref(live->mark);
    free(live->candidates);
    live->magic = 0;
    loop_timer_close(&live->timer, free_live);
}

struct live_stats live_stats_now(const struct live *live)
{
    struct live_stats stats = live->stats;
    list_for_each (it, &live->sockets)
        stats.sockets++;
    list_for_each (it, &live->channels) {
        const struct channel *channel = list_entry(it, struct channel, in_live);
        stats.channels++;
        stats.viewers += channel->n_viewers;
        stats.rows += channel->n_rows;
    }
    return stats;
}
