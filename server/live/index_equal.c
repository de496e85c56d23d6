/*
 * From the hash of a value to who is registered under it: open addressing, a slot of 16 bytes a hash, so
 * that a probe touches one line of memory where there is no candidate or one. Two values of one hash share a
 * slot; whoever is found judges for himself.
 *
 * The table is cut in shards that grow and shrink each by itself: with a million keys the one insert that
 * makes a shard grow moves some thousands of slots, not all of them.
 */
#include "live/index_int.h"

#include "base/must.h"

#include <stdlib.h>

enum { SHARD_BITS = 5, SHARDS = 1 << SHARD_BITS, SLOTS_MIN = 4 };

struct slot {
    uint64_t hash;
    struct live_who who; /* nobody: free */
};
struct shard {
    struct slot *slots;
    size_t mask, n; /* mask: slots - 1 */
};
struct live_equal {
    size_t n;
    struct shard shards[SHARDS];
};

struct live_equal *live_equal_new(void)
{
    return must_alloc(sizeof(struct live_equal));
}

void live_equal_free(struct live_equal *equal)
{
    if (!equal)
        return;
    must(equal->n == 0);
    for (size_t i = 0; i < SHARDS; i++)
        free(equal->shards[i].slots);
    free(equal);
}

size_t live_equal_count(const struct live_equal *equal)
{
    return equal->n;
}

static bool is_free(const struct slot *slot)
{
    return slot->who.word == 0;
}

static const struct shard *shard_of(const struct live_equal *equal, uint64_t hash)
{
    return &equal->shards[hash >> (64 - SHARD_BITS)];
}

/* The slot of that hash, or the free one where it would stand. At least one slot is free. */
static struct slot *slot_of(const struct shard *shard, uint64_t hash)
{
    size_t i = hash & shard->mask;
    while (!is_free(&shard->slots[i]) && shard->slots[i].hash != hash)
        i = (i + 1) & shard->mask;
    return &shard->slots[i];
}

static void resize(struct shard *shard, size_t n_slots)
{
    struct shard old = *shard;
    shard->slots = must_alloc(n_slots * sizeof(struct slot));
    shard->mask = n_slots - 1;
    for (size_t i = 0; old.slots && i <= old.mask; i++)
        if (!is_free(&old.slots[i]))
            *slot_of(shard, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

void live_equal_add(struct live_equal *equal, struct live_part *part)
{
    struct shard *shard = &equal->shards[part->hash >> (64 - SHARD_BITS)];
    if (!shard->slots)
        resize(shard, SLOTS_MIN);
    else if ((shard->n + 1) * 2 > shard->mask)
        resize(shard, (shard->mask + 1) * 2);
    struct slot *slot = slot_of(shard, part->hash);
    if (is_free(slot)) {
        slot->hash = part->hash;
        shard->n++;
        equal->n++;
    }
    live_who_add(&slot->who, part);
}

/* Moves up what stands behind the slot and would not be found any more past a gap. */
static void close_gap(struct shard *shard, struct slot *slot)
{
    size_t gap = (size_t)(slot - shard->slots);
    for (size_t i = (gap + 1) & shard->mask; !is_free(&shard->slots[i]); i = (i + 1) & shard->mask) {
        size_t home = shard->slots[i].hash & shard->mask;
        if (((i - home) & shard->mask) >= ((i - gap) & shard->mask)) {
            shard->slots[gap] = shard->slots[i];
            gap = i;
        }
    }
    shard->slots[gap] = (struct slot){0};
}

void live_equal_remove(struct live_equal *equal, const struct live_part *part)
{
    struct shard *shard = &equal->shards[part->hash >> (64 - SHARD_BITS)];
    must(shard->n > 0);
    struct slot *slot = slot_of(shard, part->hash);
    live_who_remove(&slot->who, part);
    if (!is_free(slot))
        return;
    close_gap(shard, slot);
    shard->n--;
    equal->n--;
    if (shard->mask + 1 > SLOTS_MIN && shard->n * 8 < shard->mask)
        resize(shard, (shard->mask + 1) / 2);
}

struct live_who live_equal_find(const struct live_equal *equal, uint64_t hash)
{
    const struct shard *shard = shard_of(equal, hash);
    return shard->n ? slot_of(shard, hash)->who : (struct live_who){0};
}

void live_equal_prefetch(const struct live_equal *equal, uint64_t hash)
{
    const struct shard *shard = shard_of(equal, hash);
    if (shard->n)
        __builtin_prefetch(&shard->slots[hash & shard->mask]);
}

void live_equal_all(const struct live_equal *equal, struct live_look *look)
{
    for (size_t s = 0; s < SHARDS; s++)
        for (size_t i = 0; equal->shards[s].n && i <= equal->shards[s].mask; i++)
            if (!is_free(&equal->shards[s].slots[i]))
                live_look_hit(look, equal->shards[s].slots[i].who);
}
