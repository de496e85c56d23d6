/*
 * The browser's messages: sub, unsub, move, edit.
 */
#include "live/live_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4 };

struct message {
    struct socket *socket;
    size_t n;
    char text[];
};

/* ---- viewers
 * ------------------------------------------------------------------------------------------------- */

static struct viewer *viewer_new(struct socket *socket, struct str request, struct str id)
{
    struct viewer *viewer = must_alloc(sizeof(*viewer));
    viewer->socket = socket_ref(socket);
    viewer->request = (struct str){copy_of(request), request.n};
    viewer->opening = true;
    viewer->resume_pos = -1;
    viewer->refs = 1;
    (void)snprintf(viewer->id, sizeof(viewer->id), "%.*s", STR_ARGS(id));
    list_init(&viewer->in_channel);
    list_init(&viewer->in_awake);
    list_append(&socket->viewers, &viewer->in_socket);
    socket->n_viewers++;
    return viewer;
}

static void viewer_unref(struct viewer *viewer)
{
    if (--viewer->refs > 0)
        return;
    struct socket *socket = viewer->socket;
    free((char *)(uintptr_t)viewer->request.p);
    free(viewer);
    socket_unref(socket);
}

void viewer_end(struct viewer *viewer)
{
    if (viewer->dead)
        return;
    views_end(viewer);
    viewer->dead = true;
    channel_detach(viewer);
    list_remove(&viewer->in_socket);
    viewer->socket->n_viewers--;
    viewer_unref(viewer);
}

void channel_fail(struct channel *channel)
{
    struct err err = channel->err;
    list_for_each_safe (it, &channel->viewers) {
        struct viewer *viewer = list_entry(it, struct viewer, in_channel);
        if (viewer->opening)
            continue; /* its own task tells it */
        socket_say_problem(viewer->socket, "chan", str_of(channel->name), &err);
        viewer_end(viewer);
    }
}

/* ---- opening
 * ------------------------------------------------------------------------------------------------- */

/* A place in the ring from which the viewer can go on, if nothing since his position is missing and his state
 * still stands. */
static void try_resume(struct viewer *viewer)
{
    struct channel *channel = viewer->channel;
    uint64_t lowest = channel->tail;
    if (viewer->resume_pos < 0 || strcmp(viewer->resume_state, channel->state) != 0 ||
        viewer->resume_pos > channel->live->pos)
        return;
    int64_t known_from =
        lowest == 0 || lowest == channel->head ? channel->first_pos : frame_at(channel, lowest)->pos;
    if (known_from > viewer->resume_pos)
        return;
    while (lowest < channel->head && frame_at(channel, lowest)->pos <= viewer->resume_pos)
        lowest++;
    viewer->cursor = lowest;
    viewer->needs_snapshot = false;
    if (lowest < viewer->logged)
        viewer->logged = lowest;
    channel->live->stats.resumes++;
}

static task_fn int wait_until_open(struct viewer *viewer, struct err *err)
{
    while (!viewer->dead && viewer->channel && viewer->channel->phase == CHANNEL_LOADING) {
        struct channel *channel = viewer->channel;
        int rc = task_cond_wait(&channel->loaded, 0, err);
        if (rc < 0)
            return rc;
    }
    if (viewer->dead)
        return err_set(err, ERR_CANCELLED, "the socket has gone");
    if (viewer->channel && viewer->channel->phase == CHANNEL_FAILED) {
        *err = viewer->channel->err;
        return -(int)err->code;
    }
    return 0;
}

/* One try: under one world. -ERR_EPOCH_MOVED: the world has changed on the way. */
static task_fn int open_once(struct viewer *viewer, const struct json *message, struct err *err)
{
    struct live *live = viewer->socket->live;
    struct channel *channel = NULL;
    int64_t world = live->world;
    int rc = channel_find(live, viewer, message, &channel, err);
    if (rc < 0)
        return rc;
    channel_attach(channel, viewer);
    rc = wait_until_open(viewer, err);
    if (rc == 0 && live->world == world && viewer->channel)
        rc = views_open(viewer, err);
    if (live->world != world || (!viewer->dead && !viewer->channel))
        return -ERR_EPOCH_MOVED;
    if (rc == 0) /* while the log was written */
        rc = wait_until_open(viewer, err);
    if (rc < 0)
        return rc;
    if (viewer->dead)
        return err_set(err, ERR_CANCELLED, "the socket has gone");
    viewer->needs_snapshot = true;
    try_resume(viewer);
    viewer->opening = false;
    (void)socket_dirty(viewer->socket);
    return 0;
}

static task_fn void open_viewer(void *arg)
{
    struct viewer *viewer = arg;
    struct live *live = viewer->socket->live;
    struct json *message = NULL;
    struct err err = {0};
    int rc = json_parse(task_arena(), viewer->request, NULL, &message, &err);
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        rc = live->ending || viewer->dead ? -ERR_CANCELLED : open_once(viewer, message, &err);
        if (rc != -ERR_EPOCH_MOVED)
            break;
        err_clear(&err);
        views_end(viewer);
        channel_detach(viewer);
        rc = 0;
    }
    if (viewer->opening && !viewer->dead) {
        if (rc == 0 || err.code == ERR_NONE)
            (void)err_set(&err, ERR_UNAVAILABLE, "rights change too fast");
        if (err_status(err.code) >= 500 && !live->ending)
            log_event(LOG_WARN, "live", "subscription not opened", LOG_C("req", viewer->socket->request),
                LOG_C("cause", err.detail));
        viewer->socket->owes_mark = viewer->socket->owes_mark || viewer->socket->held_back;
        socket_say_problem(viewer->socket, "id", str_of(viewer->id), &err);
        viewer->opening = true;
        viewer_end(viewer);
    }
    viewer_unref(viewer);
    live_flush(live);
    live->tasks--;
}

static void start_opening(struct viewer *viewer)
{
    viewer->refs++;
    viewer->socket->live->tasks++;
    (void)task_spawn("live-sub", open_viewer, viewer);
}

void subscribe_again(struct viewer *viewer)
{
    views_end(viewer);
    channel_detach(viewer);
    if (viewer->opening || viewer->dead)
        return; /* its task notices */
    viewer->opening = true;
    viewer->told = false;
    if (!viewer->needs_schema)
        viewer->held_pos = viewer->socket->live->pos; /* that of the transaction before the one in hand */
    viewer->needs_schema = true;
    viewer->resume_pos = -1;
    start_opening(viewer);
}

/* ---- messages
 * ------------------------------------------------------------------------------------------------ */

static struct str text_of(const struct json *message, struct str key)
{
    const struct json *value = json_get(message, key);
    return value && value->kind == JSON_STR ? value->str : STR("");
}

/* Whom a message means: by its channel and, where two subscriptions that ask the same share one, by the
 * subscription's id. */
static struct viewer *viewer_of(struct socket *socket, const struct json *message)
{
    struct str name = text_of(message, STR("chan")), id = text_of(message, STR("id"));
    list_for_each (it, &socket->viewers) {
        struct viewer *viewer = list_entry(it, struct viewer, in_socket);
        if (viewer->channel && str_eq(str_of(viewer->channel->name), name) &&
            (id.n == 0 || str_eq(str_of(viewer->id), id)))
            return viewer;
    }
    return NULL;
}

static void read_resume(struct viewer *viewer, const struct json *message)
{
    struct str pos = text_of(message, STR("pos")), state = text_of(message, STR("state"));
    struct str epoch = str_cut(&pos, '.');
    int64_t sequence;
    if (!str_eq(epoch, viewer->socket->live->house->position_epoch) || !str_to_i64(pos, &sequence) ||
        sequence < 0 || state.n >= LIVE_STATE_MAX)
        return;
    viewer->resume_pos = sequence;
    (void)snprintf(viewer->resume_state, sizeof(viewer->resume_state), "%.*s", STR_ARGS(state));
}

static void on_sub(struct socket *socket, const struct json *message, struct str text)
{
    struct str id = text_of(message, STR("id"));
    struct err err = {0};
    if (id.n == 0 || id.n > 64 ||
        socket->n_viewers >= (size_t)socket->live->house->conf->limits_ws_subscriptions) {
        (void)err_set(
            &err, id.n == 0 || id.n > 64 ? ERR_BAD_REQUEST : ERR_TOO_MANY, "id or number of subscriptions");
        socket_say_problem(socket, "id", id, &err);
        return;
    }
    struct viewer *viewer = viewer_new(socket, text, id);
    read_resume(viewer, message);
    start_opening(viewer);
}

static void on_unsub(struct socket *socket, const struct json *message)
{
    struct viewer *viewer = viewer_of(socket, message);
    if (viewer)
        viewer_end(viewer);
    presence_check(socket, clock_monotonic_us());
}

/* Another window of the same list: the viewer leaves this channel for the one that shows it. */
static void on_move(struct socket *socket, const struct json *message)
{
    struct str name = text_of(message, STR("chan"));
    struct viewer *viewer = viewer_of(socket, message);
    const struct json *range = json_get(message, STR("range"));
    struct err err = {0};
    int64_t start = 0, limit = 0;
    if (!viewer || viewer->channel->kind != CHANNEL_LIST)
        (void)err_set(&err, ERR_BAD_REQUEST, "no such channel");
    else
        (void)channel_range(socket->live, range, &start, &limit, &err);
    if (err.code != ERR_NONE) {
        socket_say_refusal(socket, "chan", name, viewer != NULL, &err);
        return;
    }
    viewer->has_range = true;
    viewer->range_start = start;
    viewer->range_limit = limit;
    if (viewer->opening)
        return;
    views_end(viewer);
    channel_detach(viewer);
    viewer->opening = true;
    viewer->told = false;
    viewer->resume_pos = -1;
    start_opening(viewer);
}

static void on_edit(struct socket *socket, const struct json *message)
{
    int64_t record = 0;
    struct str id = text_of(message, STR("record"));
    if (str_to_i64(id, &record) && record > 0)
        presence_enter(socket, text_of(message, STR("form")), record, text_of(message, STR("field")));
}

static void on_op(struct socket *socket, const struct json *message, struct str text)
{
    struct str op = text_of(message, STR("op"));
    struct err err = {0};
    if (str_eq(op, STR("sub"))) {
        on_sub(socket, message, text);
    } else if (str_eq(op, STR("unsub"))) {
        on_unsub(socket, message);
    } else if (str_eq(op, STR("move"))) {
        on_move(socket, message);
    } else if (str_eq(op, STR("edit"))) {
        on_edit(socket, message);
    } else {
        (void)err_set(&err, ERR_BAD_REQUEST, "unknown op");
        socket_say_problem(socket, "id", text_of(message, STR("id")), &err);
    }
}

static task_fn void read_message(void *arg)
{
    struct message *message = arg;
    struct socket *socket = message->socket;
    struct live *live = socket->live;
    struct json *json = NULL;
    struct err err = {0};
    struct str text = {message->text, message->n};
    if (socket->is_open && socket->ws) {
        if (json_parse(task_arena(), text, NULL, &json, &err) < 0 || json->kind != JSON_OBJECT)
            ws_close(socket->ws, 1008, STR("not a JSON object"));
        else
            on_op(socket, json, text);
    }
    socket_unref(socket);
    free(message);
    live_flush(live); /* problems */
    live->tasks--;
}

void subscribe_message(struct socket *socket, struct str text)
{
    struct message *message = must_alloc(sizeof(*message) + text.n + 1);
    message->socket = socket_ref(socket);
    message->n = text.n;
    memcpy(message->text, text.p, text.n);
    socket->live->tasks++;
    (void)task_spawn("live-message", read_message, message);
}
