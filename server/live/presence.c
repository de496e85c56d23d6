/*
 * Who is at a record, and in which field. Written as a row when somebody comes, changes the field or goes,
 * never on a renewal (DECISIONS B2), so that every process hears it by the feed; the rows are bookkeeping and
 * have no events. A field that a viewer may not see is left out of what he is told.
 */
#include "live/live_int.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SQL_ENTER[] =
    "INSERT INTO presence (id, user_id, form, record, field, at) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE form = VALUES(form), record = VALUES(record), field = VALUES(field), at = VALUES(at)";
static const char SQL_HERE[] = "SELECT id, user_id, record, form, field FROM presence";
static const char SQL_LEAVE[] = "DELETE FROM presence WHERE id = ?";

enum { RETRY_MS = 1000 };

struct here {
    struct list in_live;
    int64_t id, user_id, record;
    char form[FORM_KEY_MAX + 1], field[FORM_KEY_MAX + 1];
};

/* ---- what is written
 * ---------------------------------------------------------------------------------------------- */

/* One row a socket, written by one task at a time: it writes what is so now until nothing has moved. */
static task_fn int write_row(const struct socket *socket, struct err *err)
{
    struct arena *arena = task_arena();
    struct db_rows rows;
    struct db_val field = DB_N;
    if (socket->presence_record == 0)
        return db_query(
            socket->live->house->app, SQL_LEAVE, DB_PARAMS(DB_I(socket->presence_id)), &rows, err);
    if (socket->presence_field[0])
        field = DB_S(arena_copy(arena, str_of(socket->presence_field)));
    return db_query(socket->live->house->app, SQL_ENTER,
        DB_PARAMS(DB_I(socket->presence_id), DB_I(socket->user_id),
            DB_S(arena_copy(arena, str_of(socket->presence_form))), DB_I(socket->presence_record), field),
        &rows, err);
}

static task_fn void write_presence(void *arg)
{
    struct socket *socket = arg;
    struct live *live = socket->live;
    while (socket->presence_stale) {
        struct err err = {0};
        socket->presence_stale = false;
        if (write_row(socket, &err) < 0) {
            if (live->ending || task_sleep(RETRY_MS, &err) < 0)
                break;
            socket->presence_stale = true;
        }
        arena_clear(task_arena());
    }
    socket->presence_busy = false;
    live->tasks--;
    socket_unref(socket);
}

static void start_writing(struct socket *socket)
{
    socket->presence_stale = true;
    if (socket->presence_busy)
        return;
    socket->presence_busy = true;
    (void)socket_ref(socket);
    socket->live->tasks++;
    (void)task_spawn("live-presence", write_presence, socket);
}

void presence_leave(struct socket *socket)
{
    if (socket->presence_record == 0)
        return;
    socket->presence_record = 0;
    start_writing(socket);
}

/* Only where this socket watches the record, and sees it now. */
static const struct channel *watched(const struct socket *socket, struct str form, int64_t record)
{
    for (struct list *it = socket->viewers.next; it != &socket->viewers; it = it->next) {
        const struct channel *channel = list_entry(it, struct viewer, in_socket)->channel;
        if (channel && channel->kind == CHANNEL_RECORD && channel->record_id == record &&
            channel->n_rows == 1 && str_eq(plan_form(select_plan(channel->select))->key, form))
            return channel;
    }
    return NULL;
}

/* Gone is who watches the record no more, sees it no more, or has said nothing for a while. */
void presence_check(struct socket *socket, int64_t now_us)
{
    if (socket->presence_record == 0)
        return;
    for (struct list *it = socket->viewers.next; it != &socket->viewers; it = it->next)
        if (list_entry(it, struct viewer, in_socket)->opening)
            return; /* perhaps this very record, under new rights */
    if (now_us >= socket->presence_until_us ||
        !watched(socket, str_of(socket->presence_form), socket->presence_record))
        presence_leave(socket);
}

void presence_enter(struct socket *socket, struct str form, int64_t record, struct str field)
{
    const struct channel *channel = watched(socket, form, record);
    if (!channel)
        return;
    socket->presence_until_us = clock_monotonic_us() + LIVE_PRESENCE_MS * INT64_C(1000);
    const struct field *known = form_field_find(plan_form(select_plan(channel->select)), field);
    if (!known || plan_field_level(select_plan(channel->select), known) == LEVEL_HIDDEN)
        field = STR("");
    if (socket->presence_record == record && str_eq(str_of(socket->presence_form), form) &&
        str_eq(str_of(socket->presence_field), field))
        return; /* a renewal */
    if (socket->presence_id == 0)
        socket->presence_id = id_new();
    socket->presence_record = record;
    (void)snprintf(socket->presence_form, sizeof(socket->presence_form), "%.*s", STR_ARGS(form));
    (void)snprintf(socket->presence_field, sizeof(socket->presence_field), "%.*s", STR_ARGS(field));
    start_writing(socket);
}

/* ---- what is heard
 * ------------------------------------------------------------------------------------------------- */

static const struct db_val *cell(
    const struct feed_table *table, const struct db_val *cells, const char *column)
{
    static const struct db_val NONE = {.kind = DB_NULL};
    for (size_t i = 0; i < table->n_columns; i++)
        if (str_eq(table->columns[i].name, str_of(column)))
            return &cells[i];
    return &NONE;
}

static void copy_text(char *to, size_t size, const struct db_val *value)
{
    (void)snprintf(to, size, "%.*s", value->kind == DB_TEXT ? (int)value->s.n : 0,
        value->kind == DB_TEXT ? value->s.p : "");
}

static struct here *find_here(struct live *live, int64_t id)
{
    list_for_each (it, &live->here) {
        struct here *here = list_entry(it, struct here, in_live);
        if (here->id == id)
            return here;
    }
    return NULL;
}

static void tell_record(struct live *live, const char *form, int64_t record)
{
    list_for_each (it, &live->channels) {
        struct channel *channel = list_entry(it, struct channel, in_live);
        if (channel->kind != CHANNEL_RECORD || channel->record_id != record ||
            channel->phase != CHANNEL_OPEN ||
            !str_eq(plan_form(select_plan(channel->select))->key, str_of(form)))
            continue;
        presence_of(channel);
    }
}

static void hear_change(struct live *live, const struct feed_change *change)
{
    const struct db_val *cells = change->after ? change->after : change->before;
    int64_t id = cell(change->table, cells, "id")->i;
    struct here *here = find_here(live, id);
    if (!here && change->op == FEED_DELETE)
        return;
    if (!here) {
        here = must_alloc(sizeof(*here));
        list_append(&live->here, &here->in_live);
    }
    struct here before = *here;
    here->id = id;
    here->user_id = cell(change->table, cells, "user_id")->i;
    here->record = cell(change->table, cells, "record")->i;
    copy_text(here->form, sizeof(here->form), cell(change->table, cells, "form"));
    copy_text(here->field, sizeof(here->field), cell(change->table, cells, "field"));
    struct here now = *here;
    if (change->op == FEED_DELETE) {
        list_remove(&here->in_live);
        free(here);
    }
    if (before.record != 0 && (before.record != now.record || strcmp(before.form, now.form) != 0))
        tell_record(live, before.form, before.record); /* gone from there */
    tell_record(live, now.form, now.record);
}

/* Those who were here before this process was; what the feed says of them later comes on top. */
task_fn int presence_load(struct live *live, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(live->house->app, SQL_HERE, DB_NO_PARAMS, &rows, err);
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        struct here *here = must_alloc(sizeof(*here));
        here->id = db_cell(&rows, i, 0)->i;
        here->user_id = db_cell(&rows, i, 1)->i;
        here->record = db_cell(&rows, i, 2)->i;
        copy_text(here->form, sizeof(here->form), db_cell(&rows, i, 3));
        copy_text(here->field, sizeof(here->field), db_cell(&rows, i, 4));
        list_append(&live->here, &here->in_live);
    }
    return rc;
}

void presence_hear(struct live *live, const struct feed_tx *tx)
{
    for (size_t i = 0; i < tx->n_changes; i++)
        if (str_eq(tx->changes[i].table->name, STR("presence")))
            hear_change(live, &tx->changes[i]);
}

/* On this row, as it is: another may show more of it. */
static bool field_is_seen(const struct channel *channel, const char *key)
{
    const struct field *field = form_field_find(plan_form(select_plan(channel->select)), str_of(key));
    return field && record_field_is_seen(&band_window(channel, 0)->record, field);
}

static bool is_at(const struct channel *channel, const struct here *here)
{
    return channel->n_rows == 1 && here->record == channel->record_id &&
           str_eq(plan_form(select_plan(channel->select))->key, str_of(here->form));
}

static bool somebody_is_at(const struct channel *channel)
{
    for (struct list *it = channel->live->here.next; it != &channel->live->here; it = it->next)
        if (is_at(channel, list_entry(it, struct here, in_live)))
            return true;
    return false;
}

static struct ws_bytes *print_presence(const struct channel *channel)
{
    const struct live *live = channel->live;
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "op", "presence");
    json_out_member_str(&out, "form", plan_form(select_plan(channel->select))->key);
    json_out_member_id(&out, "record", channel->record_id);
    json_out_key(&out, STR("users"));
    json_out_array(&out);
    for (struct list *it = live->here.next; it != &live->here; it = it->next) {
        const struct here *here = list_entry(it, struct here, in_live);
        const struct user *user = directory_user(live->house->world->directory, here->user_id);
        if (!is_at(channel, here) || !user)
            continue;
        json_out_object(&out);
        json_out_member_id(&out, "id", user->id);
        json_out_member_str(&out, "title", user->name);
        json_out_key(&out, STR("field"));
        json_out_text(&out, field_is_seen(channel, here->field) ? here->field : NULL);
        json_out_object_end(&out);
    }
    json_out_array_end(&out);
    json_out_object_end(&out);
    json_out_end(&out);
    struct ws_bytes *bytes = ws_frame(buf_str(&buf));
    buf_done(&buf);
    return bytes;
}

/* Nobody is told of people at a record that he does not see, nor of a move between fields that he does not
 * see. */
void presence_of(struct channel *channel)
{
    if (channel->kind != CHANNEL_RECORD || (!channel->presence && !somebody_is_at(channel)))
        return;
    if (channel->n_rows != 1) {
        ws_bytes_unref(channel->presence);
        channel->presence = NULL;
        return;
    }
    struct ws_bytes *bytes = print_presence(channel);
    if (channel->presence && bytes->n == channel->presence->n &&
        memcmp(bytes->data, channel->presence->data, bytes->n) == 0) {
        ws_bytes_unref(bytes);
        return;
    }
    ws_bytes_unref(channel->presence);
    channel->presence = bytes;
    channel->presence_turn++;
    channel_tell(channel);
}

void presence_free(struct live *live)
{
    list_for_each_safe (it, &live->here)
        free(list_entry(it, struct here, in_live));
    list_init(&live->here);
}
