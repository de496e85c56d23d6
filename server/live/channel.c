/*
 * Channels: found by what is asked under which rights, made and loaded when nobody has asked for it yet, kept
 * for a while when the last viewer has gone (he may only have lost his connection).
 *
 * Loading joins snapshot and feed without a gap: while a consistent snapshot is read, the transactions that
 * the feed hands over are kept; the snapshot's place in the binlog gives its position P; what was kept up to
 * P is in the snapshot already, the rest is applied.
 */
#include "live/live_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACE_WAIT_MS = 3000,
    LOAD_TRIES = 5,
    TRY_MS_MAX = 1000,
    VISIBLE_TRIES = 500,
    VISIBLE_MS = 2,
    STATE_BYTES = 16
};

/* ---- forms
 * ----------------------------------------------------------------------------------------------------- */

static struct live_form *form_new(struct world *world, const struct form *form)
{
    struct live_form *live_form = must_alloc(sizeof(*live_form));
    enum filter_kind *kinds = must_alloc(form->n_fields * sizeof(kinds[0]) + 1);
    for (size_t i = 0; i < form->n_fields; i++)
        kinds[i] = form->fields[i].type->filter;
    live_form->id = form->id;
    live_form->world = world_ref(world);
    live_form->form = form;
    live_form->arena = arena_new();
    live_form->table = arena_copy(live_form->arena, form->table);
    live_form->index = live_index_new(kinds, form->n_fields);
    live_form->by_record = map_new();
    live_form->n_fields = form->n_fields;
    live_form->probe = must_alloc((2 * form->n_fields + 1) * sizeof(struct db_val));
    free(kinds);
    return live_form;
}

static struct live_form *form_of(const struct channel *channel)
{
    struct live *live = channel->live;
    const struct form *form = plan_form(select_plan(channel->select));
    struct live_form *known = map_get_id(live->forms, form->id);
    if (!known) {
        known = form_new(channel->caller.world, form);
        map_put_id(live->forms, form->id, known);
    }
    return known;
}

static bool columns_are(const struct live_form *live_form, const struct feed_table *table)
{
    bool same = live_form->map && live_form->n_columns == table->n_columns;
    for (size_t i = 0; same && i < table->n_columns; i++)
        same = str_eq(live_form->columns[i], table->columns[i].name);
    return same;
}

const struct image_map *form_map(struct live_form *live_form, const struct feed_table *table)
{
    if (columns_are(live_form, table))
        return live_form->map;
    arena_free(live_form->map_arena);
    live_form->map_arena = arena_new();
    live_form->n_columns = table->n_columns;
    live_form->columns = arena_new_array(live_form->map_arena, struct str, table->n_columns + 1);
    for (size_t i = 0; i < table->n_columns; i++)
        live_form->columns[i] = arena_copy(live_form->map_arena, table->columns[i].name);
    live_form->map = image_map_new(live_form->map_arena, live_form->form, table);
    return live_form->map;
}

/* ---- what is asked
 * --------------------------------------------------------------------------------------------- */

struct list_sub {
    struct str op, id, kind, form, sort, state, pos;
    const struct json *filter, *fields, *range;
    int64_t limit, record;
    bool count;
};

static const struct json_field SUB_MEMBERS[] = {
    {"op", JSON_READ_STR, offsetof(struct list_sub, op), JSON_REQUIRED, 0, 20},
    {"id", JSON_READ_STR, offsetof(struct list_sub, id), JSON_REQUIRED, 0, 64},
    {"kind", JSON_READ_STR, offsetof(struct list_sub, kind), JSON_REQUIRED, 0, 20},
    {"form", JSON_READ_STR, offsetof(struct list_sub, form), 0, 0, FORM_KEY_MAX},
    {"filter", JSON_READ_ANY, offsetof(struct list_sub, filter), JSON_NULLABLE, 0, 0},
    {"sort", JSON_READ_STR, offsetof(struct list_sub, sort), JSON_NULLABLE, 0, 400},
    {"fields", JSON_READ_ANY, offsetof(struct list_sub, fields), JSON_NULLABLE, 0, 0},
    {"limit", JSON_READ_INT, offsetof(struct list_sub, limit), 0, 1, 1000},
    {"range", JSON_READ_ANY, offsetof(struct list_sub, range), JSON_NULLABLE, 0, 0},
    {"count", JSON_READ_BOOL, offsetof(struct list_sub, count), 0, 0, 0},
    {"record", JSON_READ_ID, offsetof(struct list_sub, record), 0, 0, 0},
    {"pos", JSON_READ_STR, offsetof(struct list_sub, pos), JSON_NULLABLE, 0, 60},
    {"state", JSON_READ_STR, offsetof(struct list_sub, state), JSON_NULLABLE, 0, 60},
};

/* "fields" as text with commas, or as an array of keys. */
static int read_fields(const struct json *fields, struct str *ret_text, struct err *err)
{
    struct str text = STR("");
    if (!fields || fields->kind == JSON_NULL)
        return 0;
    if (fields->kind == JSON_STR) {
        *ret_text = fields->str;
        return 0;
    }
    if (fields->kind != JSON_ARRAY || fields->array.n > FORM_FIELDS_MAX)
        return err_add(err, task_arena(), STR("fields"), FAULT_WRONG_TYPE, STR("array"));
    for (size_t i = 0; i < fields->array.n; i++) {
        if (fields->array.at[i].kind != JSON_STR)
            return err_add(err, task_arena(), STR("fields"), FAULT_WRONG_TYPE, STR("string"));
        text = arena_printf(
            task_arena(), "%.*s%s%.*s", STR_ARGS(text), i ? "," : "", STR_ARGS(fields->array.at[i].str));
    }
    *ret_text = text;
    return 0;
}

int channel_range(const struct live *live, const struct json *range, int64_t *ret_start, int64_t *ret_limit,
    struct err *err)
{
    int64_t most = live->house->conf->records_page_max, start = *ret_start, limit = *ret_limit;
    if (range) {
        if (range->kind != JSON_ARRAY || range->array.n != 2 || range->array.at[0].kind != JSON_INT ||
            range->array.at[1].kind != JSON_INT)
            return err_add(err, task_arena(), STR("range"), FAULT_WRONG_TYPE, STR("array"));
        start = range->array.at[0].integer;
        limit = range->array.at[1].integer;
    }
    if (start < 0 || start > INT64_C(1000000000))
        return err_add(err, task_arena(), STR("range"), FAULT_BAD_VALUE, STR_NULL);
    if (limit < 1)
        return err_add(err, task_arena(), str_of(range ? "range" : "limit"), FAULT_TOO_SMALL, STR("1"));
    if (limit > most)
        return err_add(err, task_arena(), str_of(range ? "range" : "limit"), FAULT_TOO_LARGE,
            arena_printf(task_arena(), "%lld", (long long)most));
    *ret_start = start;
    *ret_limit = limit;
    return 0;
}

static int read_range(const struct live *live, const struct viewer *viewer, const struct list_sub *sub,
    struct channel *channel, struct err *err)
{
    const struct json *range = sub->range && sub->range->kind != JSON_NULL ? sub->range : NULL;
    channel->limit = sub->limit ? sub->limit : live->house->conf->records_page_default;
    if (viewer->has_range) {
        range = NULL;
        channel->start = viewer->range_start;
        channel->limit = viewer->range_limit;
    }
    return channel_range(live, range, &channel->start, &channel->limit, err);
}

static int make_list(
    struct channel *channel, const struct viewer *viewer, const struct list_sub *sub, struct err *err)
{
    struct select_query query = {.sort = sub->sort};
    bool one = channel->kind == CHANNEL_RECORD;
    int rc = read_fields(sub->fields, &query.fields, err);
    if (rc < 0)
        return rc;
    query.filter = sub->filter && sub->filter->kind != JSON_NULL ? sub->filter : NULL;
    if (one && (query.filter || sub->sort.n || sub->range || sub->limit || sub->count || !sub->record))
        return err_add(err, task_arena(), STR("record"), FAULT_BAD_VALUE, STR_NULL);
    rc = one ? select_make_one(
                   channel->arena, &channel->caller, sub->form, sub->record, &query, &channel->select, err)
             : select_make(channel->arena, &channel->caller, sub->form, &query, &channel->select, err);
    if (rc < 0)
        return rc;
    channel->limit = 1;
    channel->record_id = one ? sub->record : 0;
    channel->counts = sub->count;
    if (!one && (rc = read_range(channel->live, viewer, sub, channel, err)) < 0)
        return rc;
    channel->key = arena_printf(channel->arena, "%d;%lld;%lld;%lld;%d;%d;%.*s", (int)channel->kind,
        (long long)channel->record_id, (long long)channel->start, (long long)channel->limit, channel->counts,
        (int)channel->caller.lang, STR_ARGS(select_signature(channel->select, channel->arena)));
    return 0;
}

/* The log and notices: what every holder of the right sees alike. */
static int make_log(struct channel *channel, bool notices, struct err *err)
{
    if (!policy_has(channel->caller.policy, RIGHT_AUDIT_READ)) {
        if (!notices)
            return err_set(err, ERR_FORBIDDEN, "the log needs audit.read");
        channel->limit = 0; /* nobody has anything to tell this person yet */
    }
    channel->only = notices ? AUDIT_UNAUDITED : AUDIT_ACTION_COUNT;
    channel->key = arena_printf(channel->arena, "log;%d;%d;%lld", notices, (int)channel->caller.lang,
        notices ? (long long)channel->limit : 1LL);
    return 0;
}

static int kind_of(struct str kind, enum channel_kind *ret_kind, struct err *err)
{
    static const struct {
        const char *name;
        enum channel_kind kind;
    } KINDS[] = {{"records", CHANNEL_LIST}, {"record", CHANNEL_RECORD}, {"audit", CHANNEL_LOG},
        {"notice", CHANNEL_LOG}};
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        if (str_eq(str_of(KINDS[i].name), kind)) {
            *ret_kind = KINDS[i].kind;
            return 0;
        }
    return err_add(err, task_arena(), STR("kind"), FAULT_NOT_AN_OPTION, STR_NULL);
}

/* The state that a resume must still meet: everything that decides what is seen, under the instance's key. */
static void make_state(struct channel *channel)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    const struct str pieces[] = {STR("state"), channel->live->house->position_epoch, channel->key};
    crypto_hmac_pieces(channel->live->house->server_key, pieces, 3, digest);
    struct str hex = crypto_hex(task_arena(), digest, STATE_BYTES);
    memcpy(channel->state, hex.p, hex.n);
}

static void drop_pending(struct channel *channel)
{
    list_for_each_safe (it, &channel->pending) {
        struct pending_tx *pending = list_entry(it, struct pending_tx, in_channel);
        list_remove(&pending->in_channel);
        feed_tx_unref(pending->tx);
        free(pending);
    }
    channel->n_pending = 0;
}

static void channel_free(struct channel *channel)
{
    band_clear(channel);
    free(channel->rows);
    free(channel->told);
    free(channel->gone);
    frames_clear(channel);
    ws_bytes_unref(channel->presence);
    log_forget(channel);
    views_forget(channel);
    drop_pending(channel);
    caller_release(&channel->caller);
    arena_free(channel->arena);
    channel->magic = 0;
    free(channel);
}

static struct channel *channel_new(struct live *live)
{
    struct channel *channel = must_alloc(sizeof(*channel));
    channel->magic = CHANNEL_MAGIC;
    channel->live = live;
    channel->arena = arena_new_small();
    channel->limit = 1;
    channel->only = AUDIT_ACTION_COUNT;
    channel->empty_since_us = channel->digest_us = clock_monotonic_us();
    list_init(&channel->in_live);
    list_init(&channel->in_touched);
    list_init(&channel->in_loading);
    list_init(&channel->in_logs);
    list_init(&channel->in_pathed);
    list_init(&channel->in_record);
    list_init(&channel->pending);
    list_init(&channel->viewers);
    list_init(&channel->awake);
    list_init(&channel->events);
    task_cond_init(&channel->loaded);
    return channel;
}

/* ---- registration
 * ---------------------------------------------------------------------------------------------- */

static void join_record(struct channel *channel)
{
    struct list *head = map_get_id(channel->form->by_record, channel->record_id);
    if (!head) {
        head = must_alloc(sizeof(*head));
        list_init(head);
        map_put_id(channel->form->by_record, channel->record_id, head);
    }
    list_append(head, &channel->in_record);
}

static void register_channel(struct channel *channel)
{
    struct live *live = channel->live;
    const struct filter_access *accesses = NULL;
    size_t n = 0;
    (void)snprintf(channel->name, sizeof(channel->name), "c%llu", (unsigned long long)++live->names);
    make_state(channel);
    list_append(&live->channels, &channel->in_live);
    map_put(live->by_key, channel->key, channel);
    if (channel->kind == CHANNEL_LOG) {
        list_append(&live->logs, &channel->in_logs);
        return;
    }
    channel->form = form_of(channel);
    if (channel->kind == CHANNEL_RECORD) {
        join_record(channel);
    } else if (select_has_paths(channel->select)) {
        list_append(&live->pathed, &channel->in_pathed);
    } else {
        if (!select_accesses(channel->select, task_arena(), &accesses, &n))
            n = 0;
        live_index_add(channel->form->index, &channel->entry, accesses, n);
    }
}

void channel_drop(struct channel *channel)
{
    struct live *live = channel->live;
    CHECK(channel, CHANNEL_MAGIC);
    must(list_is_empty(&channel->viewers));
    if (map_get(live->by_key, channel->key) == channel)
        map_remove(live->by_key, channel->key);
    list_remove(&channel->in_live);
    list_remove(&channel->in_touched);
    list_remove(&channel->in_logs);
    list_remove(&channel->in_pathed);
    if (channel->kind == CHANNEL_LIST && channel->form && !pathed_is(channel))
        live_index_remove(channel->form->index, &channel->entry);
    if (channel->kind == CHANNEL_RECORD && channel->form) {
        struct list *head = map_get_id(channel->form->by_record, channel->record_id);
        list_remove(&channel->in_record);
        if (head && list_is_empty(head)) {
            map_remove_id(channel->form->by_record, channel->record_id);
            free(head);
        }
    }
    channel->form = NULL;
    channel->phase = CHANNEL_FAILED;
    if (!channel->loading) /* else its load frees it */
        channel_free(channel);
}

/* ---- loading
 * --------------------------------------------------------------------------------------------------- */

struct load {
    struct channel *channel;
    struct select_row *rows;
    size_t n;
    int64_t from, total;
    struct str file;
    int64_t place;
};

static task_fn int read_snapshot(struct tx *tx, void *arg, struct err *err)
{
    struct load *load = arg;
    struct channel *channel = load->channel;
    int64_t asked = channel->limit + 2 * LIVE_GUARD;
    load->from = channel->start > LIVE_GUARD ? channel->start - LIVE_GUARD : 0;
    int rc = snapshot_place(tx, &load->file, &load->place, err);
    if (rc == 0)
        rc = select_window(tx, channel->select, load->from, asked, &load->rows, &load->n, err);
    if (rc == 0 && channel->counts)
        rc = select_count(tx, channel->select, &load->total, err);
    return rc;
}

/* What the feed has handed over since the snapshot was begun, from its position on. */
static void apply_pending(struct channel *channel)
{
    list_for_each (it, &channel->pending) {
        const struct pending_tx *pending = list_entry(it, struct pending_tx, in_channel);
        if (channel->phase == CHANNEL_OPEN && pending->tx->sequence > channel->pos)
            for (size_t i = 0; i < pending->tx->n_changes; i++)
                if (str_eq(pending->tx->changes[i].table->name, channel->form->table) &&
                    form_map(channel->form, pending->tx->changes[i].table) &&
                    !band_apply(channel, &pending->tx->changes[i]))
                    channel->again = true;
    }
    if (channel->phase == CHANNEL_OPEN && channel->pos < channel->live->pos)
        channel->pos = channel->live->pos;
}

/* Past a limit (a large transaction, a slow read) nothing more is kept: what is read must then hold this one,
 * too. */
void channel_keep(struct channel *channel, const struct feed_tx *tx)
{
    struct pending_tx *pending = must_alloc(sizeof(*pending));
    pending->tx = feed_tx_ref((struct feed_tx *)(uintptr_t)tx);
    list_append(&channel->pending, &pending->in_channel);
    channel->n_pending += tx->n_changes + 1;
    if (channel->n_pending <= LIVE_PENDING)
        return;
    drop_pending(channel);
    channel->load_from = tx->sequence;
}

/* Waits until the feed has come as far as the snapshot: the world that it was planned with is then known to
 * be the right one. */
static task_fn int wait_for_feed(struct live *live, int64_t sequence, struct err *err)
{
    while (live->pos < sequence || live->in_parts) {
        int rc = live->ending ? err_set(err, ERR_CANCELLED, "the end")
                              : task_cond_wait(&live->moved, PLACE_WAIT_MS, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The binlog tells of a transaction before its rows can be seen: a snapshot taken in between lacks what has
 * been heard already, and is taken once more; so is one that lacks what could not be kept. */
static task_fn int load_once(struct channel *channel, struct load *load, int64_t *ret_pos, struct err *err)
{
    struct live *live = channel->live;
    struct tx_opts opts = {.snapshot_read = true};
    int rc = 0;
    *ret_pos = -1;
    for (int i = 0; rc == 0 && *ret_pos < channel->load_from; i++) {
        if (i > 0)
            rc = i > VISIBLE_TRIES ? err_set(err, ERR_TIMEOUT, "a transaction that the feed told is not seen")
                                   : task_sleep(VISIBLE_MS, err);
        *load = (struct load){.channel = channel};
        live->stats.loads++;
        if (rc == 0)
            rc = tx_run(live->house->app, &opts, read_snapshot, load, NULL, err);
        if (rc == 0)
            rc = feed_sequence_at(live->feed, load->file, load->place, PLACE_WAIT_MS, ret_pos, err);
        if (rc == 0)
            rc = wait_for_feed(live, *ret_pos, err);
    }
    return rc;
}

static void take_load(struct channel *channel, const struct load *load, int64_t pos)
{
    bool first = channel->phase != CHANNEL_OPEN;
    band_take(channel, load->rows, load->n);
    channel->base = load->from;
    channel->is_whole = (int64_t)load->n < channel->limit + 2 * LIVE_GUARD;
    if (load->n == 0 && load->from > 0) {
        channel->is_whole = false; /* past the end: how far is not known */
        channel->base = channel->start;
    }
    channel->total = load->total;
    channel->pos = pos;
    channel->phase = CHANNEL_OPEN;
    channel->valid_until_us = select_valid_until(channel->select);
    channel->again = false;
    if (pathed_is(channel))
        pathed_look(channel);
    else
        apply_pending(channel);
    drop_pending(channel);
    if (first) {
        channel->told_pos = channel->first_pos = channel->pos;
        frame_told(channel);
        presence_of(channel);
    } else if (!channel->again || pathed_is(channel)) {
        channel->live->stats.refills++;
        frame_delta(channel);
        presence_of(channel);
    }
}

bool channel_is_settled(const struct channel *channel)
{
    /* Of a list with paths the band is always what was told. */
    return pathed_is(channel) || (!channel->loading && !channel->touched);
}

/* Snapshots that waited, and marks that had to stop short of this window, whether or not it has changed. */
void channel_settled(struct channel *channel)
{
    if (!channel->awaited)
        return;
    channel->awaited = false;
    list_for_each (it, &channel->viewers) {
        struct viewer *viewer = list_entry(it, struct viewer, in_channel);
        struct socket *socket = viewer->socket;
        socket->owes_mark = socket->owes_mark || socket->held_back;
        if (socket->held_back || viewer->needs_snapshot)
            (void)socket_dirty(socket);
    }
}

void channel_tell(struct channel *channel)
{
    list_for_each_safe (it, &channel->awake) {
        struct viewer *viewer = list_entry(it, struct viewer, in_awake);
        if (!socket_dirty(viewer->socket))
            list_remove(&viewer->in_awake);
    }
}

void channel_wake(struct viewer *viewer)
{
    if (viewer->channel && list_is_empty(&viewer->in_awake))
        list_append(&viewer->channel->awake, &viewer->in_awake);
}

/* After a try that did not do: whether there is another. Who waits for a first state is soon told that there
 * is none; a view that is open goes on as soon as it can be read again. */
static task_fn bool tries_again(const struct channel *channel, int rc, int n)
{
    struct err err = {0};
    bool passes = rc == 0 || rc == -ERR_UNAVAILABLE || rc == -ERR_TIMEOUT;
    bool is_open = channel->phase == CHANNEL_OPEN && channel->n_viewers > 0;
    if (channel->phase == CHANNEL_FAILED || channel->live->ending ||
        (n >= LOAD_TRIES && !(is_open && passes)))
        return false;
    arena_clear(task_arena());
    return n < 2 || task_sleep(n < 7 ? 10u << n : TRY_MS_MAX, &err) == 0;
}

static task_fn int try_load(struct channel *channel)
{
    struct load load;
    int64_t pos = 0;
    err_clear(&channel->err);
    if (channel->select)
        select_set_now(channel->select, channel->live->now_us);
    if (channel->kind == CHANNEL_LOG)
        return log_load(channel, &channel->err);
    int rc = load_once(channel, &load, &pos, &channel->err);
    if (rc == 0 && channel->phase != CHANNEL_FAILED)
        take_load(channel, &load, pos);
    return rc;
}

/* It cannot be read: whoever asks the same later begins anew. */
static void give_up(struct channel *channel, int rc)
{
    if (rc == 0)
        (void)err_set(&channel->err, ERR_UNAVAILABLE, "the window changes faster than it can be read");
    log_event(LOG_WARN, "live", "channel not loaded", LOG_C("chan", channel->name),
        LOG_C("cause", channel->err.detail));
    channel->err.items = NULL;
    channel->phase = CHANNEL_FAILED;
    if (map_get(channel->live->by_key, channel->key) == channel)
        map_remove(channel->live->by_key, channel->key);
}

static task_fn void load_task(void *arg)
{
    struct channel *channel = arg;
    struct live *live = channel->live;
    bool pathed = pathed_is(channel);
    pathed_pace(channel);
    int n = 0, rc = try_load(channel);
    while ((rc < 0 || (channel->again && !pathed)) && tries_again(channel, rc, ++n))
        rc = try_load(channel);
    live->tasks--;
    channel->loading = false;
    list_remove(&channel->in_loading);
    if (channel->phase == CHANNEL_FAILED) { /* dropped meanwhile */
        task_cond_wake_all(&channel->loaded);
        channel_free(channel);
        return;
    }
    if (rc < 0 || (channel->again && !pathed)) {
        give_up(channel, rc);
    } else if (channel->again) {
        channel_reload(channel);
        channel->held_pos = channel->pos; /* it has been told as far as this */
    }
    task_cond_wake_all(&channel->loaded);
    channel_settled(channel);
    if (channel->phase == CHANNEL_FAILED)
        channel_fail(channel);
    live_flush(live);
}

void channel_reload(struct channel *channel)
{
    channel->again = true;
    if (channel->loading)
        return;
    channel->loading = true;
    channel->held_pos = channel->live->pos; /* that of the transaction before the one in hand */
    channel->load_from =
        channel->live->hearing > channel->live->pos ? channel->live->hearing : channel->live->pos;
    list_append(&channel->live->loading, &channel->in_loading);
    channel->live->tasks++;
    (void)task_spawn("live-load", load_task, channel);
}

/* ---- finding
 * --------------------------------------------------------------------------------------------------- */

static int make_channel(
    struct channel *channel, const struct viewer *viewer, const struct list_sub *sub, struct err *err)
{
    const struct socket *socket = viewer->socket;
    int rc = kind_of(sub->kind, &channel->kind, err);
    channel->caller =
        (struct caller){.session = socket->session, .address = socket->address, .lang = socket->lang};
    channel->caller.request = arena_copy(channel->arena, str_of(socket->request));
    channel->caller.address = arena_copy(channel->arena, socket->address);
    if (rc == 0 && caller_hold(&channel->caller, channel->live->house, socket->user_id) < 0)
        rc = err_set(err, ERR_LOGIN_NEEDED, "the user is gone");
    if (rc < 0)
        return rc;
    if (channel->kind == CHANNEL_LOG)
        return make_log(channel, str_eq(sub->kind, STR("notice")), err);
    return make_list(channel, viewer, sub, err);
}

task_fn int channel_find(struct live *live, struct viewer *viewer, const struct json *message,
    struct channel **ret_channel, struct err *err)
{
    struct list_sub sub = {0};
    int rc = json_read(message, JSON_FIELDS(SUB_MEMBERS), STR(""), &sub, task_arena(), err);
    if (rc < 0)
        return rc;
    struct channel *channel = channel_new(live);
    rc = make_channel(channel, viewer, &sub, err);
    struct channel *known = rc == 0 ? map_get(live->by_key, channel->key) : NULL;
    if (rc < 0 || known) {
        err_keep(err, task_arena()); /* faults were noted in the channel's arena */
        channel_free(channel);
        channel = known;
    } else {
        register_channel(channel);
        channel_reload(channel);
    }
    if (rc < 0)
        return rc;
    *ret_channel = channel;
    return 0;
}

void channel_attach(struct channel *channel, struct viewer *viewer)
{
    viewer->channel = channel;
    list_append(&channel->viewers, &viewer->in_channel);
    channel_wake(viewer);
    channel->n_viewers++;
}

void channel_detach(struct viewer *viewer)
{
    struct channel *channel = viewer->channel;
    if (!channel)
        return;
    list_remove(&viewer->in_channel);
    list_remove(&viewer->in_awake);
    viewer->channel = NULL;
    if (--channel->n_viewers == 0)
        channel->empty_since_us = clock_monotonic_us();
}
