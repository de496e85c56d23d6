/*
 * What is told of a channel: a snapshot of its window, and after each transaction the difference to what was
 * told last. Each is encoded once, framed once, and shared by all viewers. A change that nobody may see makes
 * no frame at all.
 */
#include "live/live_int.h"

#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

struct ws_bytes *frame_of(const struct json_out *out)
{
    return ws_frame(buf_str(out->buf));
}

struct str frame_pos(const struct live *live, int64_t sequence)
{
    return arena_printf(
        task_arena(), "%.*s.%lld", STR_ARGS(live->house->position_epoch), (long long)sequence);
}

/* ---- the ring
 * -------------------------------------------------------------------------------------------------- */

const struct frame *frame_at(const struct channel *channel, uint64_t at)
{
    static const struct frame none;
    return channel->ring ? &channel->ring[at % LIVE_RING] : &none;
}

static void drop_oldest(struct channel *channel)
{
    struct frame *frame = &channel->ring[channel->tail++ % LIVE_RING];
    channel->ring_bytes -= frame->bytes->n;
    ws_bytes_unref(frame->bytes);
    *frame = (struct frame){0};
}

void frame_append(struct channel *channel, struct ws_bytes *bytes)
{
    if (!channel->ring)
        channel->ring = must_alloc(LIVE_RING * sizeof(channel->ring[0]));
    while (channel->tail < channel->head &&
           (channel->head - channel->tail == LIVE_RING || channel->ring_bytes + bytes->n > LIVE_RING_BYTES))
        drop_oldest(channel);
    channel->ring[channel->head++ % LIVE_RING] = (struct frame){.pos = channel->told_pos, .bytes = bytes};
    channel->ring_bytes += bytes->n;
    channel->live->stats.frames++;
}

void frames_clear(struct channel *channel)
{
    while (channel->tail < channel->head)
        drop_oldest(channel);
    free(channel->ring);
    channel->ring = NULL;
    ws_bytes_unref(channel->snapshot);
    channel->snapshot = NULL;
    channel->head += LIVE_RING + 1; /* every cursor is now behind what the ring holds */
    channel->tail = channel->head;
}

/* ---- the difference
 * ------------------------------------------------------------------------------------------- */

/* How the window stands to what was told last. */
struct difference {
    size_t n;
    size_t *was;   /* of each row of the window: its place when it was told; SIZE_MAX: it was not */
    bool *stays;   /* … whether its place need not be named */
    bool *is_here; /* of each row told: it is in the window still */
};

static size_t place_told(const struct channel *channel, int64_t id, size_t hint)
{
    if (hint < channel->n_told && channel->told[hint] == id)
        return hint;
    for (size_t i = 0; i < channel->n_told; i++)
        if (channel->told[i] == id)
            return i;
    return SIZE_MAX;
}

/* A longest run of rows that stand in the order in which they were told: who takes out all others and puts
 * them in at their places, has the order of now. */
static void find_staying(struct difference *difference)
{
    size_t n = difference->n, longest = 0;
    const size_t *was = difference->was;
    size_t *ends = arena_new_array(task_arena(), size_t, n + 1); /* of the best run of each length */
    size_t *before = arena_new_array(task_arena(), size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t low = 0, high = longest;
        if (was[i] == SIZE_MAX)
            continue;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (was[ends[middle]] < was[i])
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low > 0 ? ends[low - 1] : SIZE_MAX;
        ends[low] = i;
        longest += low == longest;
    }
    for (size_t i = longest > 0 ? ends[longest - 1] : SIZE_MAX; i != SIZE_MAX; i = before[i])
        difference->stays[i] = true;
}

static struct difference difference_of(const struct channel *channel)
{
    size_t n = band_window_length(channel), hint = 0;
    struct difference difference = {.n = n,
        .was = arena_new_array(task_arena(), size_t, n + 1),
        .stays = arena_new_array(task_arena(), bool, n + 1),
        .is_here = arena_new_array(task_arena(), bool, channel->n_told + 1)};
    for (size_t i = 0; i < n; i++) {
        size_t at = place_told(channel, band_window(channel, i)->record.id, hint);
        difference.was[i] = at;
        if (at == SIZE_MAX)
            continue;
        difference.is_here[at] = true;
        hint = at + 1;
    }
    find_staying(&difference);
    return difference;
}

static size_t print_put(struct channel *channel, const struct difference *difference, struct json_out *out)
{
    size_t printed = 0;
    json_out_key(out, STR("put"));
    json_out_array(out);
    for (size_t i = 0; i < difference->n; i++) {
        const struct row *row = band_window(channel, i);
        if (difference->was[i] == SIZE_MAX)
            select_print(channel->select, &row->record, out);
        else if (!row->was || !select_print_change(channel->select, &row->was->record, &row->record, out))
            continue;
        printed++;
        if (channel->kind == CHANNEL_LIST)
            views_put(channel, row->record.id);
    }
    json_out_array_end(out);
    return printed;
}

static size_t print_del(
    const struct channel *channel, const struct difference *difference, struct json_out *out)
{
    size_t printed = 0;
    json_out_key(out, STR("del"));
    json_out_array(out);
    for (size_t i = 0; i < channel->n_told; i++)
        if (!difference->is_here[i]) {
            json_out_id(out, channel->told[i]);
            printed++;
        }
    json_out_array_end(out);
    return printed;
}

/* Entered and moved rows with their places: take them out, then put them in in the order of their places. */
static size_t print_order(
    const struct channel *channel, const struct difference *difference, struct json_out *out)
{
    size_t printed = 0;
    json_out_key(out, STR("order"));
    json_out_object(out);
    for (size_t i = 0; i < difference->n; i++) {
        if (difference->stays[i])
            continue;
        json_out_key(out, arena_printf(task_arena(), "%lld", (long long)band_window(channel, i)->record.id));
        json_out_int(out, (int64_t)i);
        printed++;
    }
    json_out_object_end(out);
    return printed;
}

void frame_told(struct channel *channel)
{
    size_t n = band_window_length(channel);
    channel->told = must_realloc(channel->told, (n + 1) * sizeof(channel->told[0]));
    for (size_t i = 0; i < n; i++)
        channel->told[i] = band_window(channel, i)->record.id;
    channel->n_told = n;
    channel->told_total = channel->total;
    channel->touched = false;
    for (size_t i = 0; i < channel->n_rows; i++) {
        row_free(channel->rows[i]->was);
        channel->rows[i]->was = NULL;
    }
    band_forget_gone(channel);
}

void frame_delta(struct channel *channel)
{
    struct buf buf = {0};
    struct json_out out;
    struct difference difference = difference_of(channel);
    bool total = channel->counts && channel->total != channel->told_total;
    channel->told_pos = channel->pos;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "op", "delta");
    json_out_member_text(&out, "chan", channel->name);
    json_out_member_str(&out, "pos", frame_pos(channel->live, channel->pos));
    size_t changes = print_put(channel, &difference, &out);
    changes += print_del(channel, &difference, &out);
    changes += print_order(channel, &difference, &out);
    if (total)
        json_out_member_str(&out, "total", arena_printf(task_arena(), "%lld", (long long)channel->total));
    json_out_object_end(&out);
    json_out_end(&out);
    if (changes > 0 || total) {
        struct ws_bytes *bytes = frame_of(&out);
        frame_append(channel, bytes);
        channel_tell(channel);
    }
    buf_done(&buf);
    frame_told(channel);
}

struct ws_bytes *frame_snapshot(struct channel *channel)
{
    struct buf buf = {0};
    struct json_out out;
    channel->snapshot_turn = channel->live->turn;
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
    for (size_t i = 0, n = band_window_length(channel); i < n; i++)
        select_print(channel->select, &band_window(channel, i)->record, &out);
    json_out_array_end(&out);
    if (channel->counts)
        json_out_member_str(&out, "total", arena_printf(task_arena(), "%lld", (long long)channel->total));
    json_out_object_end(&out);
    json_out_end(&out);
    ws_bytes_unref(channel->snapshot);
    channel->snapshot = frame_of(&out);
    channel->snapshot_head = channel->head;
    channel->live->stats.snapshots++;
    buf_done(&buf);
    return channel->snapshot;
}

/* Made for those who came at once; as large as the window, and seldom wanted again. */
void frame_forget_snapshot(struct channel *channel)
{
    if (channel->live->turn - channel->snapshot_turn < 2)
        return;
    ws_bytes_unref(channel->snapshot);
    channel->snapshot = NULL;
}

/* ---- the state hash
 * ------------------------------------------------------------------------------------------- */

/* FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv), from two offsets: its own basis and a second,
 * arbitrary one. */
#define FNV_PRIME 16777619u
#define FNV_BASIS_1 2166136261u
#define FNV_BASIS_2 0x9b6d3f21u

static uint32_t fnv(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
    return hash;
}

const char *frame_hash(struct channel *channel)
{
    uint32_t sums[2] = {0, 0};
    if (channel->hash[0] && channel->hash_head == channel->head)
        return channel->hash;
    for (size_t i = 0, n = band_window_length(channel); i < n; i++) {
        const struct row *row = band_window(channel, i);
        char text[64];
        (void)snprintf(text, sizeof(text), "%lld|%s", (long long)row->record.id, row->version);
        sums[0] += fnv(FNV_BASIS_1, text);
        sums[1] += fnv(FNV_BASIS_2, text);
    }
    (void)snprintf(channel->hash, sizeof(channel->hash), "%08x%08x", sums[0], sums[1]);
    channel->hash_head = channel->head;
    return channel->hash;
}
