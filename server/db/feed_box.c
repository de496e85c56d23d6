/*
 * The memory of a transaction: one arena for rows and texts, two growing arrays, and references to the tables
 * that its rows name. It is filled by the feed's thread and given up by whoever drops the last reference.
 */
#include "base/must.h"
#include "db/feed_stream.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BOX_BYTES_LEAST ((size_t)9 << 10) /* the arena's first block, and the box */

struct feed_box *feed_box_new(enum feed_kind kind, struct feed_gtid gtid, int64_t at_us)
{
    struct feed_box *box = must_alloc(sizeof *box);

    box->tx = (struct feed_tx){.kind = kind,
        .domain = gtid.domain,
        .server = gtid.server,
        .sequence = (int64_t)gtid.sequence,
        .at_us = at_us,
        .first = true,
        .last = true};
    box->refs = 1;
    list_init(&box->link);
    box->arena = arena_new();
    return box;
}

/* One more place at the end of a growing array. */
static void *grow(void *array, size_t n, size_t *max, size_t size)
{
    if (n < *max) {
        return array;
    }
    *max = *max == 0 ? 4 : *max * 2;
    return must_realloc(array, *max * size);
}

static void keep_map(struct feed_box *box, struct feed_map *map)
{
    if (box->n_maps > 0 && box->maps[box->n_maps - 1] == map) {
        return; /* rows of one table come together */
    }
    for (size_t i = 0; i < box->n_maps && box->n_maps < 64; i++) {
        if (box->maps[i] == map) {
            return;
        }
    }
    box->maps = grow(box->maps, box->n_maps, &box->max_maps, sizeof(struct feed_map *));
    box->maps[box->n_maps++] = feed_map_ref(map);
}

void feed_box_add_change(struct feed_box *box, struct feed_map *map, struct feed_change change)
{
    keep_map(box, map);
    box->tx.changes = grow(box->tx.changes, box->tx.n_changes, &box->max_changes, sizeof change);
    box->tx.changes[box->tx.n_changes] = change;
    box->tx.changes[box->tx.n_changes++].table = &map->table;
}

void feed_box_add_statement(struct feed_box *box, struct str schema, struct str text)
{
    box->tx.statements =
        grow(box->tx.statements, box->tx.n_statements, &box->max_statements, sizeof(struct feed_statement));
    box->tx.statements[box->tx.n_statements++] = (struct feed_statement){
        .schema = arena_copy(box->arena, schema), .text = arena_copy(box->arena, text)};
}

size_t feed_box_bytes(const struct feed_box *box)
{
    const size_t used = arena_used(box->arena);

    return BOX_BYTES_LEAST + used + used / 8 + box->max_changes * sizeof(struct feed_change) +
           box->max_statements * sizeof(struct feed_statement) + box->max_maps * sizeof(struct feed_map *);
}

struct feed_tx *feed_tx_ref(struct feed_tx *tx)
{
    struct feed_box *box = (struct feed_box *)tx;

    atomic_fetch_add(&box->refs, 1);
    return tx;
}

void feed_tx_unref(struct feed_tx *tx)
{
    struct feed_box *box = (struct feed_box *)tx;

    if (box == NULL || atomic_fetch_sub(&box->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < box->n_maps; i++) {
        feed_map_unref(box->maps[i]);
    }
    free(box->maps);
    free(box->tx.changes);
    free(box->tx.statements);
    arena_free(box->arena);
    free(box);
}
