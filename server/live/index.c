/*
 * The index itself: registrations of entries, and probes. Only fields that somebody asks about cost anything:
 * they are kept in a list of their own, and a field whose value is the same in both images of a change is
 * looked up once.
 *
 * A probe works in two passes, keys first: so the memory of all the hash slots is under way while the ranges
 * are searched.
 */
#include "live/index.h"

#include "base/must.h"
#include "crypto/crypto.h"
#include "live/index_int.h"

#include <stdlib.h>

#define INDEX_MAGIC 0x11DE0001u

struct live_field {
    uint32_t index;
    enum filter_kind kind;
    size_t n_parts; /* 0: not in the list of active fields */
    size_t active;  /* place there */
    struct live_equal *equal;
    struct live_ranges ranges;
    /* Of the running probe. */
    const struct db_val *value; /* NULL: nothing to look for */
    bool has_key;
    uint64_t probe; /* of `key`, if has_key */
    struct live_key key;
};
struct live_index {
    unsigned magic;
    bool probing;
    uint64_t probe, residual_probe; /* residual_probe: the last one that has given the residual ones */
    uint64_t seed[2];
    struct live_part *residual;
    size_t n_entries, n_residual;
    struct live_field **active;
    size_t n_active, n_fields;
    struct live_field fields[];
};
struct parts {
    size_t n;
    struct live_part at[];
};

struct live_index *live_index_new(const enum filter_kind *kinds, size_t n_fields)
{
    struct live_index *index = must_alloc(sizeof(*index) + n_fields * sizeof(struct live_field));
    index->magic = INDEX_MAGIC;
    index->n_fields = n_fields;
    index->active = must_alloc((n_fields + 1) * sizeof(*index->active));
    crypto_random(index->seed, sizeof index->seed);
    for (size_t i = 0; i < n_fields; i++) {
        index->fields[i].index = (uint32_t)i;
        index->fields[i].kind = kinds[i];
    }
    return index;
}

void live_index_free(struct live_index *index)
{
    if (!index)
        return;
    CHECK(index, INDEX_MAGIC);
    must(index->n_entries == 0 && !index->probing);
    for (size_t i = 0; i < index->n_fields; i++)
        live_equal_free(index->fields[i].equal);
    free(index->active);
    index->magic = 0;
    free(index);
}

/* ---- registering --------------------------------------------------------------------------------------- */

static void put_part(struct live_index *index, struct live_part *part)
{
    if (part->kind == LIVE_RESIDUAL) {
        live_part_push(&index->residual, part);
        index->n_residual++;
        return;
    }
    struct live_field *field = &index->fields[part->field];
    if (part->kind == LIVE_RANGE) {
        live_ranges_add(&field->ranges, part);
    } else {
        if (!field->equal)
            field->equal = live_equal_new();
        live_equal_add(field->equal, part);
    }
    if (field->n_parts++ == 0) {
        field->active = index->n_active;
        index->active[index->n_active++] = field;
    }
}

static void remove_residual(struct live_index *index, struct live_part *part)
{
    index->n_residual--;
    if (part->prev) {
        live_part_unlink(part);
        return;
    }
    must(index->residual == part);
    index->residual = part->next;
    if (part->next)
        part->next->prev = NULL;
}

static void take_part(struct live_index *index, struct live_part *part)
{
    if (part->kind == LIVE_RESIDUAL) {
        remove_residual(index, part);
        return;
    }
    struct live_field *field = &index->fields[part->field];
    if (part->kind == LIVE_RANGE)
        live_ranges_remove(&field->ranges, part);
    else
        live_equal_remove(field->equal, part);
    if (--field->n_parts == 0) {
        struct live_field *last = index->active[--index->n_active];
        index->active[field->active] = last;
        last->active = field->active;
    }
}

/* A bound's key; an open end is the end of all keys. False: it has none. */
static bool bound(const struct live_index *index, const struct live_field *field, const struct db_val *value,
    live_order open, live_order *ret_order)
{
    struct live_key key = {.order = open};
    if (value->kind != DB_NULL && !live_key_make(field->kind, value, index->seed, &key))
        return false;
    *ret_order = key.order;
    return true;
}

/* Adds the parts of one access to ret_parts, or only counts them. False: it has no key here. */
static bool make_parts(struct live_index *index, const struct filter_access *access, struct parts *parts)
{
    if (access->kind == FILTER_ACCESS_NONE)
        return false;
    must(access->field < index->n_fields);
    const struct live_field *field = &index->fields[access->field];
    struct live_part part = {.field = field->index};
    if (field->kind == FILTER_SEVERAL)
        return false;
    if (access->kind == FILTER_ACCESS_RANGE) {
        part.kind = LIVE_RANGE;
        if (!bound(index, field, &access->low, 0, &part.range.low) ||
            !bound(index, field, &access->high, LIVE_ORDER_MAX, &part.range.high))
            return false;
        if (part.range.low <= part.range.high)
            parts->at[parts->n++] = part;
        return true;
    }
    part.kind = LIVE_EQUAL;
    for (size_t i = 0; i < access->n_values; i++) {
        struct live_key key;
        if (access->values[i].kind == DB_NULL)
            continue;
        if (!live_key_make(field->kind, &access->values[i], index->seed, &key))
            return false;
        part.hash = key.hash;
        parts->at[parts->n++] = part;
    }
    return true;
}

static struct parts *make_all(struct live_index *index, const struct filter_access *accesses, size_t n)
{
    size_t max = 1;
    bool residual = n == 0 || !accesses;
    for (size_t i = 0; i < n && !residual; i++)
        max += accesses[i].kind == FILTER_ACCESS_EQUAL ? accesses[i].n_values : 1;
    struct parts *parts = must_alloc(sizeof(*parts) + max * sizeof(struct live_part));
    for (size_t i = 0; i < n && !residual; i++)
        residual = !make_parts(index, &accesses[i], parts);
    if (residual) {
        parts->n = 1;
        parts->at[0] = (struct live_part){.kind = LIVE_RESIDUAL};
    }
    return must_realloc(parts, sizeof(*parts) + parts->n * sizeof(struct live_part));
}

void live_index_add(
    struct live_index *index, struct live_entry *entry, const struct filter_access *accesses, size_t n)
{
    CHECK(index, INDEX_MAGIC);
    must(!index->probing && !entry->parts);
    struct parts *parts = make_all(index, accesses, n);
    for (size_t i = 0; i < parts->n; i++) {
        parts->at[i].entry = entry;
        put_part(index, &parts->at[i]);
    }
    entry->parts = parts;
    entry->probe = 0;
    index->n_entries++;
}

void live_index_remove(struct live_index *index, struct live_entry *entry)
{
    CHECK(index, INDEX_MAGIC);
    must(!index->probing);
    struct parts *parts = entry->parts;
    if (!parts)
        return;
    for (size_t i = 0; i < parts->n; i++)
        take_part(index, &parts->at[i]);
    free(parts);
    entry->parts = NULL;
    index->n_entries--;
}

/* ---- probing ------------------------------------------------------------------------------------------- */

struct giving {
    uint64_t probe;
    void (*found)(void *owner, void *arg);
    void *arg;
};

static void give(struct live_part *first, void *arg)
{
    const struct giving *giving = arg;
    for (struct live_part *part = first; part; part = part->next) {
        struct live_entry *entry = part->entry;
        if (entry->probe == giving->probe)
            continue;
        entry->probe = giving->probe;
        giving->found(entry->owner, giving->arg);
    }
}

void live_index_begin(struct live_index *index)
{
    CHECK(index, INDEX_MAGIC);
    index->probe++;
}

/* What is to be looked for in the field, and its memory asked for. */
static void prepare(const struct live_index *index, struct live_field *field, const struct db_val *value)
{
    struct live_key key;
    field->value = NULL;
    if (value->kind == DB_NULL)
        return;
    bool has_key = live_key_make(field->kind, value, index->seed, &key);
    if (has_key && field->has_key && field->probe == index->probe && field->key.hash == key.hash &&
        field->key.order == key.order)
        return; /* given with the other image */
    field->value = value;
    field->has_key = has_key;
    field->probe = index->probe;
    if (!has_key)
        return;
    field->key = key;
    if (field->equal)
        live_equal_prefetch(field->equal, key.hash);
}

static void look(struct live_field *field, struct giving *giving)
{
    if (!field->has_key) { /* whatever it is: everybody who asks about the field judges for himself */
        live_ranges_each(&field->ranges, give, giving);
        if (field->equal)
            live_equal_each(field->equal, give, giving);
        return;
    }
    live_ranges_stab(&field->ranges, field->key.order, give, giving);
    if (field->equal)
        give(live_equal_find(field->equal, field->key.hash), giving);
}

void live_index_probe(
    struct live_index *index, const struct db_val *values, void (*found)(void *owner, void *arg), void *arg)
{
    CHECK(index, INDEX_MAGIC);
    must(index->probe > 0 && !index->probing);
    struct giving giving = {.probe = index->probe, .found = found, .arg = arg};
    index->probing = true;
    for (size_t i = 0; i < index->n_active; i++)
        prepare(index, index->active[i], &values[index->active[i]->index]);
    if (index->residual_probe != index->probe)
        give(index->residual, &giving);
    index->residual_probe = index->probe;
    for (size_t i = 0; i < index->n_active; i++)
        if (index->active[i]->value)
            look(index->active[i], &giving);
    index->probing = false;
}

struct live_index_stats live_index_stats_now(const struct live_index *index)
{
    CHECK(index, INDEX_MAGIC);
    struct live_index_stats stats = {.entries = index->n_entries, .residual = index->n_residual};
    for (size_t i = 0; i < index->n_active; i++) {
        const struct live_field *field = index->active[i];
        stats.equal_keys += field->equal ? live_equal_count(field->equal) : 0;
        stats.ranges += field->ranges.n;
    }
    return stats;
}
