/*
 * Views in the log: what somebody sees on an open screen. The opening is an event with the rows of the first
 * state and its position, committed before the first byte leaves; every few minutes a digest names the rows
 * that were told since; the end names those after the last digest, and the position where it ended. With the
 * history of changes that is exact. The opening's event is the view's name in all of them. A view of a
 * process that was killed is closed by another one (main/orphans.c): it has an opening or a digest in the
 * last minutes before that, which is why one to which nothing was told has its digests, too.
 *
 * What was told is noted once for a channel, not for each viewer: the newest frame that put each row. A
 * viewer that fell behind and got the state instead may so be said to have seen a row that came and went
 * meanwhile; never is one left out.
 */
#include "live/live_int.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"

#include <stdlib.h>

enum { WRITERS = 128, RETRY_MS = 1000 };

/* ---- rows that were told
 * -------------------------------------------------------------------------------------- */

void views_put(struct channel *channel, int64_t record)
{
    if (!channel->put_places)
        channel->put_places = map_new();
    size_t place = (size_t)(uintptr_t)map_get_id(channel->put_places, record);
    if (place == 0) {
        if (channel->n_puts == channel->cap_puts) {
            channel->cap_puts = channel->cap_puts * 2 + 8;
            channel->puts = must_realloc(channel->puts, channel->cap_puts * sizeof(channel->puts[0]));
        }
        place = ++channel->n_puts;
        map_put_id(channel->put_places, record, (void *)(uintptr_t)place);
    }
    channel->puts[place - 1] = (struct put){.record = record, .at = channel->head};
}

/* The ids of the rows that frames from `from` on have put; shared by viewers who stand at the same place. */
struct put_ids {
    unsigned refs;
    size_t n;
    int64_t ids[];
};

static void ids_unref(struct put_ids *ids)
{
    if (ids && --ids->refs == 0)
        free(ids);
}

static struct put_ids *ids_since(struct channel *channel, uint64_t from)
{
    if (!channel->put_ids || channel->put_ids_from != from || channel->put_ids_head != channel->head) {
        ids_unref(channel->put_ids);
        struct put_ids *ids = must_alloc(sizeof(*ids) + channel->n_puts * sizeof(ids->ids[0]));
        ids->refs = 1;
        for (size_t i = 0; i < channel->n_puts; i++)
            if (channel->puts[i].at >= from)
                ids->ids[ids->n++] = channel->puts[i].record;
        channel->put_ids = ids;
        channel->put_ids_from = from;
        channel->put_ids_head = channel->head;
    }
    channel->put_ids->refs++;
    return channel->put_ids;
}

/* After a digest of all viewers: what the ring still holds may be told to one who resumes. */
static void forget_old_puts(struct channel *channel)
{
    size_t kept = 0;
    map_free(channel->put_places, NULL);
    channel->put_places = NULL;
    ids_unref(channel->put_ids);
    channel->put_ids = NULL;
    for (size_t i = 0; i < channel->n_puts; i++)
        if (channel->puts[i].at >= channel->tail)
            channel->puts[kept++] = channel->puts[i];
    channel->n_puts = kept;
    if (kept == 0) {
        free(channel->puts);
        channel->puts = NULL;
        channel->cap_puts = 0;
        return;
    }
    channel->put_places = map_new();
    for (size_t i = 0; i < kept; i++)
        map_put_id(channel->put_places, channel->puts[i].record, (void *)(uintptr_t)(i + 1));
}

void views_forget(struct channel *channel)
{
    map_free(channel->put_places, NULL);
    ids_unref(channel->put_ids);
    free(channel->puts);
}

/* ---- events
 * --------------------------------------------------------------------------------------------------- */

/* The event of an opening, a digest or an end; its texts are in the arena. */
static struct audit_event event_of(const struct viewer *viewer, const char *what, struct arena *arena)
{
    const struct channel *channel = viewer->channel;
    const struct socket *socket = viewer->socket;
    const struct user *user = directory_user(channel->caller.world->directory, socket->user_id);
    const struct caller caller = {.user_id = socket->user_id,
        .session = socket->session,
        .login = arena_copy(arena, user ? user->login : STR("")),
        .address = arena_copy(arena, socket->address),
        .request = arena_copy(arena, str_of(socket->request))};
    struct str form =
        channel->kind == CHANNEL_LOG ? STR("_log") : plan_form(select_plan(channel->select))->key;
    struct audit_event event =
        caller_event(&caller, channel->kind == CHANNEL_RECORD ? AUDIT_READ : AUDIT_LIST,
            arena_copy(arena, form), channel->record_id);
    event.detail = arena_printf(arena, "{\"live\":\"%s\",\"view\":\"%lld\",\"chan\":\"%s\",\"pos\":\"%.*s\"}",
        what, (long long)viewer->view, channel->name, STR_ARGS(live_position(channel->live, arena)));
    return event;
}

task_fn int views_open(struct viewer *viewer, struct err *err)
{
    struct channel *channel = viewer->channel;
    viewer->view = id_new();
    viewer->logged = channel->head;
    struct audit_event event = event_of(viewer, "open", task_arena());
    size_t n = channel->kind == CHANNEL_LIST ? band_window_length(channel) : 0;
    int64_t *ids = arena_new_array(task_arena(), int64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        ids[i] = band_window(channel, i)->record.id;
    event.id = viewer->view;
    event.records = ids;
    event.n_records = n;
    return audit_read(channel->live->house->reader, &event, err);
}

/* An event that waits to be written. */
struct saying {
    struct list in_live;
    struct audit_event event;
    struct put_ids *ids; /* that event.records points into; NULL: none */
    struct arena *arena;
};

static void saying_free(struct saying *saying)
{
    ids_unref(saying->ids);
    arena_free(saying->arena);
    free(saying);
}

/* Some tasks for any number of events: thousands of sockets may go at once. Nobody waits for one, but each is
 * tried until the log can be written, or we end. */
static task_fn void write_sayings(void *arg)
{
    struct live *live = arg;
    while (!list_is_empty(&live->sayings)) {
        struct saying *saying = list_entry(live->sayings.next, struct saying, in_live);
        struct err err = {0};
        list_remove(&saying->in_live);
        while (audit_read(live->house->reader, &saying->event, &err) < 0 && !live->ending) {
            err_clear(&err);
            arena_clear(task_arena());
            if (task_sleep(RETRY_MS, &err) < 0)
                break;
        }
        saying_free(saying);
        arena_clear(task_arena());
    }
    live->n_sayers--;
    live->tasks--;
}

static void say_later(struct live *live, struct saying *saying)
{
    list_append(&live->sayings, &saying->in_live);
    if (live->n_sayers == WRITERS)
        return;
    live->n_sayers++;
    live->tasks++;
    (void)task_spawn("live-view", write_sayings, live);
}

/* Says what was told since the last word; more rows than an event holds make several. */
static void say(struct viewer *viewer, const char *what)
{
    struct channel *channel = viewer->channel;
    bool lists = channel->kind == CHANNEL_LIST && !viewer->opening;
    struct put_ids *ids = lists ? ids_since(channel, viewer->logged) : NULL;
    size_t n = ids ? ids->n : 0, at = 0;
    do {
        struct saying *saying = must_alloc(sizeof(*saying));
        size_t part = n - at > AUDIT_RECORDS_MAX ? AUDIT_RECORDS_MAX : n - at;
        saying->arena = arena_new_small();
        saying->event = event_of(viewer, at + part < n ? "digest" : what, saying->arena);
        saying->event.at_us = clock_utc_us();
        saying->event.records = part > 0 ? ids->ids + at : NULL;
        saying->event.n_records = part;
        saying->ids = ids;
        if (ids)
            ids->refs++;
        say_later(channel->live, saying);
        at += part;
    } while (at < n);
    ids_unref(ids);
    viewer->logged = channel->head;
}

/* The end is written by tasks of its own: who closes a socket waits for nothing. One whose opening is on its
 * way into the log has an end, too. */
void views_end(struct viewer *viewer)
{
    const struct channel *channel = viewer->channel;
    if (!channel || viewer->view == 0 || channel->live->ending)
        return;
    say(viewer, "close");
    viewer->view = 0;
}

void views_digest(struct channel *channel, int64_t now_us)
{
    int64_t every_us = channel->live->house->conf->audit_live_digest_s * INT64_C(1000000);
    if (now_us - channel->digest_us < every_us && channel->n_puts < AUDIT_RECORDS_MAX)
        return;
    channel->digest_us = now_us;
    list_for_each (it, &channel->viewers) {
        struct viewer *viewer = list_entry(it, struct viewer, in_channel);
        if (!viewer->opening && !viewer->dead)
            say(viewer, "digest");
    }
    forget_old_puts(channel);
}
