/*
 * Who is at a record, and in which field. Written as a row when somebody comes, changes the field or goes,
 * never on a renewal (DECISIONS B2), so that every process hears it by the feed; the rows are bookkeeping and
 * have no events. A field that a viewer may not see is left out of what he is told.
 */
#include "live/live_int.h"

#include "base/id.h"
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SQL_ENTER[] =
    "INSERT INTO presence (id, user_id, form, record, field, at) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
static const char SQL_FIELD[] = "UPDATE presence SET field = ?, at = UTC_TIMESTAMP(6) WHERE id = ?";
static const char SQL_LEAVE[] = "DELETE FROM presence WHERE id = ?";

struct here {
    struct list in_live;
    int64_t id, user_id, record;
    char form[FORM_KEY_MAX + 1], field[FORM_KEY_MAX + 1];
};

/* ---- what is written
 * ---------------------------------------------------------------------------------------------- */

struct writing {
    struct socket *socket;
    int64_t id, user_id, record; /* record 0: leaves */
    bool enters;
    char form[FORM_KEY_MAX + 1], field[FORM_KEY_MAX + 1];
};

static task_fn void write_presence(void *arg)
{
    struct writing *writing = arg;
    struct live *live = writing->socket->live;
    struct db *app = live->house->app;
    struct db_val field = writing->field[0] ? DB_S(str_of(writing->field)) : DB_N;
    struct db_rows rows;
    struct err err = {0};
    if (writing->record == 0)
        (void)db_query(app, SQL_LEAVE, DB_PARAMS(DB_I(writing->id)), &rows, &err);
    else if (writing->enters)
        (void)db_query(app, SQL_ENTER,
            DB_PARAMS(DB_I(writing->id), DB_I(writing->user_id), DB_S(str_of(writing->form)),
                DB_I(writing->record), field),
            &rows, &err);
    else
        (void)db_query(app, SQL_FIELD, DB_PARAMS(field, DB_I(writing->id)), &rows, &err);
    live->tasks--;
    socket_unref(writing->socket);
    free(writing);
}

static void start_writing(struct socket *socket, bool enters)
{
    struct writing *writing = must_alloc(sizeof(*writing));
    writing->socket = socket_ref(socket);
    writing->id = socket->presence_id;
    writing->user_id = socket->user_id;
    writing->record = socket->presence_record;
    writing->enters = enters;
    memcpy(writing->form, socket->presence_form, sizeof(writing->form));
    memcpy(writing->field, socket->presence_field, sizeof(writing->field));
    socket->live->tasks++;
    (void)task_spawn("live-presence", write_presence, writing);
}

void presence_leave(struct socket *socket)
{
    if (socket->presence_id == 0)
        return;
    socket->presence_record = 0;
    start_writing(socket, false);
    socket->presence_id = 0;
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

void presence_enter(struct socket *socket, struct str form, int64_t record, struct str field)
{
    const struct channel *channel = watched(socket, form, record);
    if (!channel)
        return;
    const struct field *known = form_field_find(plan_form(select_plan(channel->select)), field);
    if (!known || plan_field_level(select_plan(channel->select), known) == LEVEL_HIDDEN)
        field = STR("");
    bool elsewhere = socket->presence_id != 0 &&
                     (socket->presence_record != record || !str_eq(str_of(socket->presence_form), form));
    if (elsewhere)
        presence_leave(socket);
    bool enters = socket->presence_id == 0;
    if (!enters && str_eq(str_of(socket->presence_field), field))
        return; /* a renewal */
    if (enters)
        socket->presence_id = id_new();
    socket->presence_record = record;
    (void)snprintf(socket->presence_form, sizeof(socket->presence_form), "%.*s", STR_ARGS(form));
    (void)snprintf(socket->presence_field, sizeof(socket->presence_field), "%.*s", STR_ARGS(field));
    start_writing(socket, enters);
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
        list_for_each (v, &channel->viewers)
            socket_dirty(list_entry(v, struct viewer, in_channel)->socket);
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
    here->id = id;
    here->user_id = cell(change->table, cells, "user_id")->i;
    here->record = cell(change->table, cells, "record")->i;
    copy_text(here->form, sizeof(here->form), cell(change->table, cells, "form"));
    copy_text(here->field, sizeof(here->field), cell(change->table, cells, "field"));
    struct here told = *here;
    if (change->op == FEED_DELETE) {
        list_remove(&here->in_live);
        free(here);
    }
    tell_record(live, told.form, told.record);
}

void presence_hear(struct live *live, const struct feed_tx *tx)
{
    for (size_t i = 0; i < tx->n_changes; i++)
        if (str_eq(tx->changes[i].table->name, STR("presence")))
            hear_change(live, &tx->changes[i]);
}

static bool field_is_seen(const struct channel *channel, const char *key)
{
    const struct plan *plan = select_plan(channel->select);
    const struct field *field = form_field_find(plan_form(plan), str_of(key));
    return field && plan_field_level(plan, field) != LEVEL_HIDDEN;
}

/* Nobody is told of people at a record that he does not see: then the frame is empty. */
void presence_of(struct channel *channel)
{
    struct live *live = channel->live;
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
    list_for_each (it, &live->here) {
        const struct here *here = list_entry(it, struct here, in_live);
        const struct user *user = directory_user(live->house->world->directory, here->user_id);
        if (channel->n_rows != 1 || here->record != channel->record_id || !user)
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
    ws_bytes_unref(channel->presence);
    channel->presence = ws_frame(buf_str(&buf));
    channel->presence_turn++;
    buf_done(&buf);
}

void presence_free(struct live *live)
{
    list_for_each_safe (it, &live->here)
        free(list_entry(it, struct here, in_live));
    list_init(&live->here);
}
