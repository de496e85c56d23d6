/*
 * Lists whose filters look into other records (paths). An image does not hold those, so nothing is applied:
 * such a list is read again when a change may concern it, at most once a second. What has been read is told
 * as it stood at its position; marks wait at that position while another reading is due.
 */
#include "live/live_int.h"

#include "base/clock.h"

bool pathed_is(const struct channel *channel)
{
    return channel->kind == CHANNEL_LIST && select_has_paths(channel->select);
}

bool pathed_is_concerned(struct channel *channel, const struct feed_change *change)
{
    bool own = str_eq(change->table->name, channel->form->table);
    const struct image_map *map = own ? form_map(channel->form, change->table) : NULL;
    return select_concerns(channel->select, map, change, task_arena());
}

/* A list with paths: what was read is told as it is at its position; what concerns it since then has it read
 * again. */
void pathed_look(struct channel *channel)
{
    list_for_each (it, &channel->pending) {
        const struct pending_tx *pending = list_entry(it, struct pending_tx, in_channel);
        for (size_t i = 0;
             pending->tx->sequence > channel->pos && !channel->again && i < pending->tx->n_changes; i++)
            channel->again = pathed_is_concerned(channel, &pending->tx->changes[i]);
    }
    if (!channel->again && channel->pos < channel->live->pos)
        channel->pos = channel->live->pos;
}

/* A list with paths is read once a second at most, however fast things change. */
task_fn void pathed_pace(struct channel *channel)
{
    enum { SLICE_MS = 50 };
    struct err err = {0};
    if (!pathed_is(channel))
        return;
    while (channel->read_us && clock_monotonic_us() - channel->read_us < LIVE_PATH_MS * INT64_C(1000) &&
           channel->phase == CHANNEL_OPEN && !channel->live->ending && task_sleep(SLICE_MS, &err) == 0)
        ;
    channel->read_us = clock_monotonic_us();
}
