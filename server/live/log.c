/*
 * The auditor's tail: events as they commit, from the feed, as log_print would print them. What is shown is
 * the same for all who hold the right and read one language, so it is encoded once. Events never change and
 * carry their own ids: a snapshot and the frames after it may overlap without harm, for the reader keeps one
 * of each id.
 */
#include "live/live_int.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>

enum { KEPT = 50 };

struct kept_event {
    struct list in_channel; /* newest first */
    size_t n;
    char json[];
};

static void keep(struct channel *channel, struct str json, bool newest)
{
    struct kept_event *event = must_alloc(sizeof(*event) + json.n + 1);
    event->n = json.n;
    for (size_t i = 0; i < json.n; i++)
        event->json[i] = json.p[i];
    if (newest)
        list_prepend(&channel->events, &event->in_channel);
    else
        list_append(&channel->events, &event->in_channel);
    if (++channel->n_events > KEPT) {
        struct list *oldest = channel->events.prev;
        list_remove(oldest);
        free(list_entry(oldest, struct kept_event, in_channel));
        channel->n_events--;
    }
}

void log_forget(struct channel *channel)
{
    list_for_each_safe (it, &channel->events) {
        list_remove(it);
        free(list_entry(it, struct kept_event, in_channel));
    }
    channel->n_events = 0;
}

static struct str print_event(const struct channel *channel, const struct audit_row *row, struct str pos)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    log_print_event(&channel->caller, row, pos, &out);
    json_out_end(&out);
    struct str json = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return json;
}

task_fn int log_load(struct channel *channel, struct err *err)
{
    struct audit_row *rows = NULL;
    size_t n = 0;
    int64_t pos = channel->live->pos;
    if (channel->limit > 0) {
        int rc = log_newest(&channel->caller, channel->only, KEPT, &rows, &n, err);
        if (rc < 0)
            return rc;
    }
    log_forget(channel);
    for (size_t i = 0; i < n; i++)
        keep(channel, print_event(channel, &rows[i], rows[i].pos), false);
    channel->pos = channel->told_pos = channel->first_pos = pos;
    channel->phase = CHANNEL_OPEN;
    channel->again = false;
    return 0;
}

struct ws_bytes *log_snapshot(struct channel *channel)
{
    struct buf buf = {0};
    struct json_out out;
    if (channel->snapshot && channel->snapshot_head == channel->head)
        return channel->snapshot;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "op", "snapshot");
    json_out_member_text(&out, "chan", channel->name);
    json_out_member_str(&out, "pos", frame_pos(channel->live, channel->told_pos));
    json_out_member_text(&out, "state", channel->state);
    json_out_key(&out, STR("items"));
    json_out_array(&out);
    list_for_each (it, &channel->events) {
        const struct kept_event *event = list_entry(it, struct kept_event, in_channel);
        json_out_raw(&out, (struct str){event->json, event->n});
    }
    json_out_array_end(&out);
    json_out_object_end(&out);
    json_out_end(&out);
    ws_bytes_unref(channel->snapshot);
    channel->snapshot = ws_frame(buf_str(&buf));
    channel->snapshot_head = channel->head;
    buf_done(&buf);
    return channel->snapshot;
}

/* ---- from the feed
 * ----------------------------------------------------------------------------------------------- */

static const struct db_val *cell(const struct feed_change *change, const char *column)
{
    static const struct db_val NONE = {.kind = DB_NULL};
    for (size_t i = 0; i < change->table->n_columns; i++)
        if (str_eq(change->table->columns[i].name, str_of(column)))
            return &change->after[i];
    return &NONE;
}

static int64_t int_cell(const struct feed_change *change, const char *column)
{
    const struct db_val *value = cell(change, column);
    return value->kind == DB_INT ? value->i : 0;
}

static struct str text_cell(const struct feed_change *change, const char *column)
{
    const struct db_val *value = cell(change, column);
    return value->kind == DB_TEXT || value->kind == DB_BYTES ? value->s : STR_NULL;
}

static void read_row(const struct feed_change *change, struct audit_row *row)
{
    struct str records = text_cell(change, "records");
    *row = (struct audit_row){.id = int_cell(change, "id"),
        .actor_id = int_cell(change, "actor_id"),
        .record = int_cell(change, "record"),
        .rev = int_cell(change, "rev"),
        .session = int_cell(change, "session"),
        .login = text_cell(change, "login"),
        .action = text_cell(change, "action"),
        .form = text_cell(change, "form"),
        .address = text_cell(change, "address"),
        .request = text_cell(change, "request"),
        .detail = text_cell(change, "detail"),
        .changes = text_cell(change, "changes")};
    (void)clock_parse_sql(text_cell(change, "at"), &row->at_us);
    row->n_records = records.n / 8;
    row->records = arena_new_array(task_arena(), int64_t, row->n_records + 1);
    for (size_t i = 0; i < row->n_records; i++)
        for (size_t b = 0; b < 8; b++)
            row->records[i] = (int64_t)((uint64_t)row->records[i] << 8 | (unsigned char)records.p[i * 8 + b]);
}

static void tell(struct channel *channel, const struct audit_row *row, int64_t sequence)
{
    struct buf buf = {0};
    struct json_out out;
    struct str pos = frame_pos(channel->live, sequence), json = print_event(channel, row, pos);
    keep(channel, json, true);
    channel->told_pos = sequence;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "op", "delta");
    json_out_member_text(&out, "chan", channel->name);
    json_out_member_str(&out, "pos", pos);
    json_out_key(&out, STR("put"));
    json_out_array(&out);
    json_out_raw(&out, json);
    json_out_array_end(&out);
    json_out_object_end(&out);
    json_out_end(&out);
    frame_append(channel, ws_frame(buf_str(&buf)));
    buf_done(&buf);
    channel_tell(channel);
}

void log_hear(struct live *live, const struct feed_tx *tx)
{
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];
        struct audit_row row;
        bool read = false;
        if (change->op != FEED_INSERT || !str_eq(change->table->name, STR("event")))
            continue;
        list_for_each (it, &live->logs) {
            struct channel *channel = list_entry(it, struct channel, in_logs);
            if (channel->phase != CHANNEL_OPEN || channel->limit == 0)
                continue;
            if (!read)
                read_row(change, &row);
            read = true;
            if (channel->only == AUDIT_ACTION_COUNT ||
                str_eq(row.action, str_of(audit_action_name(channel->only))))
                tell(channel, &row, tx->sequence);
        }
    }
}
