/*
 * A browser's socket: who it is, what it asks for, and what is sent to it. Nothing is queued for it: its
 * viewers are cursors, and when the pipe is free it gets what its channels have told since, or, too far
 * behind, their state. A slow reader costs itself alone.
 */
#include "live/live_int.h"

#include "base/log.h"
#include "base/must.h"
#include "json/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLOSE_LOG_IN = 4401,
    CLOSE_REFUSED = 4403,
    CLOSE_TOO_MANY = 4408,
    CLOSE_COME_BACK = 4409,
    REQUEST_BYTES = 9,
    MARK_TURNS = LIVE_MARK_MS / LIVE_TICK_MS
};

char *copy_of(struct str text)
{
    char *copy = must_alloc(text.n + 1);
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    return copy;
}

struct socket *socket_ref(struct socket *socket)
{
    CHECK(socket, SOCKET_MAGIC);
    socket->refs++;
    return socket;
}

void socket_unref(struct socket *socket)
{
    CHECK(socket, SOCKET_MAGIC);
    if (--socket->refs > 0)
        return;
    must(list_is_empty(&socket->viewers));
    list_remove(&socket->in_live);
    list_remove(&socket->in_dirty);
    for (size_t i = 0; i < socket->n_said; i++)
        ws_bytes_unref(socket->said[i]);
    free(socket->said);
    free(socket->cookie);
    free(socket->address_text);
    socket->magic = 0;
    free(socket);
}

bool socket_dirty(struct socket *socket)
{
    if (socket->is_dirty || !socket->ws || !socket->is_open)
        return true;
    if (!ws_is_free(socket->ws))
        return false;
    socket->is_dirty = true;
    list_append(&socket->live->dirty, &socket->in_dirty);
    return true;
}

/* ---- what is sent
 * -------------------------------------------------------------------------------------------- */

struct pieces {
    struct ws_bytes *at[LIVE_PIECES + 2];
    bool owned[LIVE_PIECES + 2];
    size_t n, bytes;
    bool told; /* something that a mark must follow */
};

static void add_piece(struct pieces *pieces, struct ws_bytes *bytes, bool owned)
{
    must(pieces->n < LIVE_PIECES + 2);
    pieces->at[pieces->n] = bytes;
    pieces->owned[pieces->n++] = owned;
    pieces->bytes += bytes->n;
}

static struct ws_bytes *say(struct buf *buf, struct json_out *out)
{
    json_out_end(out);
    struct ws_bytes *bytes = ws_frame(buf_str(buf));
    buf_done(buf);
    return bytes;
}

static void say_begin(struct buf *buf, struct json_out *out, const char *op)
{
    *buf = (struct buf){0};
    buf_init(buf, 0);
    json_out_init(out, buf);
    json_out_object(out);
    json_out_member_text(out, "op", op);
}

static void add_subscribed(struct pieces *pieces, const struct viewer *viewer)
{
    struct buf buf;
    struct json_out out;
    say_begin(&buf, &out, "subscribed");
    json_out_member_text(&out, "id", viewer->id);
    json_out_member_text(&out, "chan", viewer->channel->name);
    json_out_object_end(&out);
    add_piece(pieces, say(&buf, &out), true);
}

static void add_schema(struct pieces *pieces, const struct viewer *viewer)
{
    struct buf buf;
    struct json_out out;
    if (viewer->channel->kind == CHANNEL_LOG)
        return;
    const struct form *form = plan_form(select_plan(viewer->channel->select));
    say_begin(&buf, &out, "schema");
    json_out_member_str(&out, "form", form->key);
    json_out_member_str(&out, "version", arena_printf(task_arena(), "%lld", (long long)form->version));
    json_out_object_end(&out);
    add_piece(pieces, say(&buf, &out), true);
}

/* Bytes that a viewer has not had; SIZE_MAX if the ring no longer holds them all. */
static size_t bytes_behind(const struct viewer *viewer)
{
    const struct channel *channel = viewer->channel;
    size_t bytes = 0;
    if (viewer->cursor < channel->tail)
        return SIZE_MAX;
    for (uint64_t at = viewer->cursor; at < channel->head; at++)
        bytes += frame_at(channel, at)->bytes->n;
    return bytes;
}

static void add_state(struct pieces *pieces, struct viewer *viewer)
{
    struct channel *channel = viewer->channel;
    if (!viewer->told)
        add_subscribed(pieces, viewer);
    if (viewer->needs_schema)
        add_schema(pieces, viewer);
    viewer->told = true;
    viewer->needs_schema = false;
    if (viewer->needs_snapshot) {
        add_piece(
            pieces, channel->kind == CHANNEL_LOG ? log_snapshot(channel) : frame_snapshot(channel), false);
        viewer->cursor = channel->head;
        viewer->needs_snapshot = false;
        pieces->told = true;
    }
}

/* Who asks the same twice on one socket has one channel: its frames go over the wire once. */
static void bring_along(const struct viewer *viewer)
{
    list_for_each (it, &viewer->socket->viewers) {
        struct viewer *other = list_entry(it, struct viewer, in_socket);
        if (other == viewer || other->channel != viewer->channel || !other->told)
            continue;
        other->cursor = viewer->cursor;
        other->needs_snapshot = viewer->needs_snapshot;
        other->presence_turn = viewer->presence_turn;
    }
}

static bool is_shown_before(const struct viewer *viewer)
{
    for (struct list *it = viewer->socket->viewers.next; it != &viewer->in_socket; it = it->next) {
        const struct viewer *other = list_entry(it, struct viewer, in_socket);
        if (other->channel == viewer->channel && other->told)
            return true;
    }
    return false;
}

/* Joins others of its socket: they go on from one state. */
static void join_siblings(struct viewer *viewer)
{
    list_for_each (it, &viewer->socket->viewers) {
        const struct viewer *other = list_entry(it, struct viewer, in_socket);
        if (other != viewer && other->channel == viewer->channel && other->told)
            viewer->needs_snapshot = true;
    }
}

/* What one viewer is owed. False: the write is full, there is more. */
static bool add_viewer(struct pieces *pieces, struct viewer *viewer)
{
    struct channel *channel = viewer->channel;
    if (!channel || viewer->opening || viewer->dead || channel->phase != CHANNEL_OPEN)
        return true;
    if (pieces->n + 5 > LIVE_PIECES || pieces->bytes > LIVE_BEHIND_BYTES)
        return false;
    /* Who resumes may have waited for his pipe while the ring went on. */
    if (!viewer->needs_snapshot &&
        bytes_behind(viewer) > (viewer->told ? LIVE_BEHIND_BYTES : LIVE_RING_BYTES)) {
        viewer->needs_snapshot = true;
        channel->live->stats.resyncs++;
    }
    if (!viewer->told)
        join_siblings(viewer);
    if (viewer->needs_snapshot && !channel_is_settled(channel)) {
        channel->awaited = true; /* channel_settled comes back to it */
        return true;
    }
    add_state(pieces, viewer);
    for (; viewer->cursor < channel->head; viewer->cursor++) {
        if (pieces->n + 2 > LIVE_PIECES) {
            bring_along(viewer);
            return false;
        }
        add_piece(pieces, frame_at(channel, viewer->cursor)->bytes, false);
        pieces->told = true;
    }
    if (channel->presence && viewer->presence_turn != channel->presence_turn) {
        add_piece(pieces, channel->presence, false);
        viewer->presence_turn = channel->presence_turn;
    }
    bring_along(viewer);
    return true;
}

/* Everything up to here has been sent, but for channels whose window is being read anew, and for what shows
 * the rights of before until it begins anew. */
static int64_t settled_pos(const struct socket *socket)
{
    int64_t pos = socket->live->pos;
    for (struct list *it = socket->viewers.next; it != &socket->viewers; it = it->next) {
        const struct viewer *viewer = list_entry(it, struct viewer, in_socket);
        struct channel *channel = viewer->channel;
        if (viewer->needs_schema && viewer->held_pos < pos)
            pos = viewer->held_pos;
        if (!channel || channel->phase != CHANNEL_OPEN || !channel->loading || channel->held_pos >= pos)
            continue;
        pos = channel->held_pos;
        channel->awaited = true;
    }
    return pos;
}

static struct ws_bytes *mark_of(struct live *live, int64_t pos)
{
    struct buf buf;
    struct json_out out;
    if (live->mark && live->mark_pos == pos)
        return live->mark;
    say_begin(&buf, &out, "mark");
    json_out_member_str(&out, "pos", frame_pos(live, pos));
    json_out_object_end(&out);
    ws_bytes_unref(live->mark);
    live->mark = say(&buf, &out);
    live->mark_pos = pos;
    return live->mark;
}

static struct ws_bytes *hashed_mark(struct socket *socket, int64_t pos)
{
    struct buf buf;
    struct json_out out;
    say_begin(&buf, &out, "mark");
    json_out_member_str(&out, "pos", frame_pos(socket->live, pos));
    json_out_key(&out, STR("hash"));
    json_out_object(&out);
    list_for_each (it, &socket->viewers) {
        struct viewer *viewer = list_entry(it, struct viewer, in_socket);
        struct channel *channel = viewer->channel;
        if (!channel || !viewer->told || viewer->needs_snapshot || channel->kind == CHANNEL_LOG ||
            channel->phase != CHANNEL_OPEN || !channel_is_settled(channel) || is_shown_before(viewer))
            continue;
        json_out_key(&out, str_of(channel->name));
        json_out_text(&out, frame_hash(channel));
    }
    json_out_object_end(&out);
    json_out_object_end(&out);
    return say(&buf, &out);
}

/* A viewer that has just joined a window that is being read anew may stand behind the last mark: then there
 * is none until it has been read. */
static void add_mark(struct pieces *pieces, struct socket *socket)
{
    int64_t pos = settled_pos(socket);
    socket->held_back = pos < socket->live->pos;
    if (pos < socket->mark_pos)
        return;
    if (socket->owes_hash)
        add_piece(pieces, hashed_mark(socket, pos), true);
    else
        add_piece(pieces, mark_of(socket->live, pos), false);
    socket->owes_mark = socket->owes_hash = false;
    socket->mark_pos = pos;
}

void socket_send(struct socket *socket)
{
    struct pieces pieces = {0};
    if (!socket->ws || !socket->is_open || !ws_is_free(socket->ws))
        return; /* `drained` comes back to it */
    if (socket->live->fenced) {
        (void)socket_dirty(socket);
        return;
    }
    bool all = true;
    for (size_t i = 0; i < socket->n_said; i++)
        add_piece(&pieces, socket->said[i], true);
    socket->n_said = 0;
    free(socket->said);
    socket->said = NULL;
    list_for_each (it, &socket->viewers)
        all = all && add_viewer(&pieces, list_entry(it, struct viewer, in_socket));
    if (all && (pieces.told || socket->owes_mark || socket->owes_hash))
        add_mark(&pieces, socket);
    if (!all)
        (void)socket_dirty(socket);
    if (pieces.n > 0)
        ws_send(socket->ws, pieces.at, pieces.n);
    socket->live->stats.bytes += pieces.bytes;
    for (size_t i = 0; i < pieces.n; i++)
        if (pieces.owned[i])
            ws_bytes_unref(pieces.at[i]);
}

/* A part of all each second, so that nobody waits long behind them. */
task_fn void mark_all(void *arg)
{
    struct live *live = arg;
    list_for_each_safe (it, &live->sockets) {
        struct socket *socket = list_entry(it, struct socket, in_live);
        if (!socket->is_open || !socket->ws || socket->number % MARK_TURNS != live->turn % MARK_TURNS)
            continue;
        socket->owes_hash = true;
        socket_send(socket);
    }
    live->tasks--;
}

/* A problem about one subscription: with the next bytes that leave; who reads none of many is too slow. */
void socket_say_problem(struct socket *socket, const char *member, struct str value, const struct err *err)
{
    socket_say_refusal(socket, member, value, false, err);
}

void socket_say_refusal(
    struct socket *socket, const char *member, struct str value, bool goes_on, const struct err *err)
{
    struct buf buf;
    struct json_out out;
    say_begin(&buf, &out, "error");
    json_out_key(&out, str_of(member));
    json_out_str(&out, value);
    if (goes_on)
        json_out_member_bool(&out, "open", true);
    json_out_key(&out, STR("problem"));
    json_out_object(&out);
    json_out_problem(&out, err, socket->lang, str_of(socket->request), task_arena());
    json_out_object_end(&out);
    json_out_object_end(&out);
    struct ws_bytes *bytes = say(&buf, &out);
    if (socket->ws && socket->n_said < LIVE_SAID) {
        if (!socket->said)
            socket->said = must_alloc(LIVE_SAID * sizeof(socket->said[0]));
        socket->said[socket->n_said++] = bytes;
        (void)socket_dirty(socket);
        return;
    }
    if (socket->ws)
        ws_close(socket->ws, CLOSE_TOO_MANY, STR("too slow"));
    ws_bytes_unref(bytes);
}

/* ---- opening
 * ------------------------------------------------------------------------------------------------- */

static void say_hello(struct socket *socket)
{
    struct buf buf;
    struct json_out out;
    say_begin(&buf, &out, "hello");
    json_out_member_str(&out, "pos", frame_pos(socket->live, socket->live->pos));
    json_out_member_int(&out, "heartbeat", socket->live->house->conf->limits_ws_ping_s);
    json_out_object_end(&out);
    struct ws_bytes *bytes = say(&buf, &out);
    ws_send(socket->ws, &bytes, 1);
    ws_bytes_unref(bytes);
}

static task_fn void open_socket(void *arg)
{
    struct socket *socket = arg;
    struct live *live = socket->live;
    struct session session;
    struct err err = {0};
    int rc = session_find(live->house->sessions, str_of(socket->cookie), &session, &err);
    free(socket->cookie);
    socket->cookie = NULL;
    if (rc < 0 && err.code != ERR_LOGIN_NEEDED) /* nobody knows whether the session stands */
        log_event(
            LOG_WARN, "live", "socket not opened", LOG_C("req", socket->request), LOG_C("cause", err.detail));
    if (socket->ws && rc < 0 && err.code != ERR_LOGIN_NEEDED)
        ws_close(socket->ws, CLOSE_COME_BACK, STR("come back"));
    else if (socket->ws && rc < 0)
        ws_close(socket->ws, CLOSE_LOG_IN, STR("log in again"));
    if (socket->ws && rc == 0 && session.must_change) {
        ws_close(socket->ws, CLOSE_REFUSED, STR("choose a password first"));
    } else if (socket->ws && rc == 0) {
        socket->session = session.id;
        socket->user_id = session.user_id;
        socket->ends_at_us = session.ends_at_us;
        if (seats_of_user(live, session.user_id) >= (size_t)live->house->conf->limits_ws_per_user) {
            ws_close(socket->ws, CLOSE_TOO_MANY, STR("too many sockets"));
        } else {
            socket->is_open = true;
            seats_take(socket);
            say_hello(socket);
        }
    }
    live->tasks--;
    socket_unref(socket);
}

static void on_opened(struct ws *ws, const struct net_request *request, void *arg)
{
    struct live *live = arg;
    struct str cookie = net_cookie(request, request->tls ? STR("__Host-sid") : STR("sid"));
    struct socket *socket = must_alloc(sizeof(*socket));
    socket->magic = SOCKET_MAGIC;
    socket->refs = 2; /* the connection's, the opening task's */
    socket->live = live;
    socket->ws = ws;
    socket->cookie = copy_of(cookie);
    socket->address_text = copy_of(request->peer);
    socket->address = str_of(socket->address_text);
    (void)snprintf(socket->request, sizeof(socket->request), "%s", request->id);
    socket->lang = str_starts(request->accept_language, STR("en")) ? ERR_LANG_EN : ERR_LANG_ZH;
    list_init(&socket->viewers);
    list_init(&socket->in_dirty);
    list_init(&socket->in_session);
    list_init(&socket->in_user);
    socket->number = live->n_opened++;
    list_append(&live->sockets, &socket->in_live);
    ws_set_data(ws, socket);
    live->tasks++;
    (void)task_spawn("live-open", open_socket, socket);
}

static void on_message(struct ws *ws, struct str text, void *arg)
{
    struct socket *socket = ws_data(ws);
    (void)arg;
    if (socket && socket->is_open)
        subscribe_message(socket, text);
    else if (socket)
        ws_close(ws, 1008, STR("wait for hello"));
}

/* Sending needs a task's arena; many sockets drain in one turn of the loop. */
static task_fn void flush_later(void *arg)
{
    struct live *live = arg;
    live->flushing = false;
    live_flush(live);
    live->tasks--;
}

static void on_drained(struct ws *ws, void *arg)
{
    struct live *live = arg;
    struct socket *socket = ws_data(ws);
    if (!socket || !socket->is_open)
        return;
    (void)socket_dirty(socket);
    list_for_each (it, &socket->viewers)
        channel_wake(list_entry(it, struct viewer, in_socket));
    if (!live->flushing) {
        live->flushing = true;
        live->tasks++;
        (void)task_spawn("live-flush", flush_later, live);
    }
}

static void on_closed(struct ws *ws, void *arg)
{
    struct socket *socket = ws_data(ws);
    (void)arg;
    if (!socket)
        return;
    socket->ws = NULL;
    socket->is_open = false;
    seats_leave(socket);
    presence_leave(socket);
    list_for_each_safe (it, &socket->viewers)
        viewer_end(list_entry(it, struct viewer, in_socket));
    socket_unref(socket);
}

const struct ws_events LIVE_EVENTS = {
    .opened = on_opened, .message = on_message, .drained = on_drained, .closed = on_closed};
