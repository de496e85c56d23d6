/*
 * The index itself: registrations of entries, and probes. Only fields that somebody asks about cost anything:
 * they are kept in a list of their own, and a field whose value is the same in both images of a change is
 * looked up once.
 *
 * A probe collects what it has to look at before it looks (struct live_look).
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
};
/* A value to be looked for under equality; ranges go into the look at once. */
struct want {
    const struct live_equal *equal;
    uint64_t hash;
};
struct live_index {
    unsigned magic;
    bool probing;
    uint64_t probe; /* counted */
    uint64_t seed[2];
    struct live_who residual;
    size_t n_entries, n_residual;
    struct live_field **active;
    size_t n_active, n_fields;
    struct live_look look;
    struct want *wants; /* room for both images of all fields */
    size_t n_wants;
    struct live_field fields[];
};

struct live_index *live_index_new(const enum filter_kind *kinds, size_t n_fields)
{
    struct live_index *index = must_alloc(sizeof(*index) + n_fields * sizeof(struct live_field));
    must(n_fields <= UINT16_MAX);
    index->magic = INDEX_MAGIC;
    index->n_fields = n_fields;
    index->active = must_alloc((n_fields + 1) * sizeof(*index->active));
    index->wants = must_alloc((n_fields + 1) * 2 * sizeof(*index->wants));
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
    live_look_done(&index->look);
    free(index->active);
    free(index->wants);
    index->magic = 0;
    free(index);
}

/* ---- registering --------------------------------------------------------------------------------------- */

static void put_part(struct live_index *index, struct live_part *part)
{
    if (part->kind == LIVE_RESIDUAL) {
        live_who_add(&index->residual, part);
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

static void take_part(struct live_index *index, const struct live_part *part)
{
    if (part->kind == LIVE_RESIDUAL) {
        live_who_remove(&index->residual, part);
        index->n_residual--;
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
    uint64_t open, uint64_t *ret_order)
{
    struct live_key key = {.order = open};
    if (value->kind != DB_NULL && !live_key_make(field->kind, value, index->seed, &key))
        return false;
    *ret_order = key.order;
    return true;
}

/* Adds the parts of one access to ret_parts, or only counts them. False: it has no key here. */
static bool make_parts(struct live_index *index, const struct filter_access *access, struct live_parts *parts)
{
    if (access->kind == FILTER_ACCESS_NONE)
        return false;
    must(access->field < index->n_fields);
    const struct live_field *field = &index->fields[access->field];
    struct live_part part = {.field = (uint16_t)field->index};
    if (field->kind == FILTER_SEVERAL)
        return false;
    if (access->kind == FILTER_ACCESS_RANGE) {
        part.kind = LIVE_RANGE;
        if (!bound(index, field, &access->low, 0, &part.range.low) ||
            !bound(index, field, &access->high, UINT64_MAX, &part.range.high))
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

static struct live_parts *make_all(struct live_index *index, const struct filter_access *accesses, size_t n)
{
    size_t max = 1;
    bool residual = n == 0 || !accesses;
    for (size_t i = 0; i < n && !residual; i++)
        max += accesses[i].kind == FILTER_ACCESS_EQUAL ? accesses[i].n_values : 1;
    struct live_parts *parts = must_alloc(sizeof(*parts) + max * sizeof(struct live_part));
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
    struct live_parts *parts = make_all(index, accesses, n);
    parts->entry = entry;
    entry->parts = parts;
    for (size_t i = 0; i < parts->n; i++) {
        parts->at[i].of = parts;
        put_part(index, &parts->at[i]);
    }
    index->n_entries++;
}

void live_index_remove(struct live_index *index, struct live_entry *entry)
{
    CHECK(index, INDEX_MAGIC);
    must(!index->probing);
    struct live_parts *parts = entry->parts;
    if (!parts)
        return;
    for (size_t i = 0; i < parts->n; i++)
        take_part(index, &parts->at[i]);
    free(parts);
    entry->parts = NULL;
    index->n_entries--;
}

/* ---- what a probe has to look at ----------------------------------------------------------------------- */

void live_look_done(struct live_look *look)
{
    free(look->hits);
    free(look->inners);
    free(look->leaves);
}

void live_look_hit(struct live_look *look, struct live_who who)
{
    if (look->n_hits == look->max_hits) {
        look->max_hits = look->max_hits ? look->max_hits * 2 : 64;
        look->hits = must_realloc(look->hits, look->max_hits * sizeof(look->hits[0]));
    }
    if (live_who_group(who))
        __builtin_prefetch(live_who_group(who));
    look->hits[look->n_hits++] = who;
}

/* ---- probing ------------------------------------------------------------------------------------------- */

/* Whatever it is: everybody who asks about the field judges for himself. */
static void want_all(struct live_index *index, const struct live_field *field)
{
    live_ranges_all(&field->ranges, &index->look);
    if (field->equal)
        live_equal_all(field->equal, &index->look);
}

static bool is_same(const struct db_val *a, const struct db_val *b)
{
    return a->kind == b->kind &&
           (a->kind == DB_INT ? a->i == b->i : a->kind != DB_REAL && str_eq(a->s, b->s));
}

static void want_hash(struct live_index *index, const struct live_field *field, uint64_t hash)
{
    live_equal_prefetch(field->equal, hash);
    index->wants[index->n_wants++] = (struct want){field->equal, hash};
}

/* Both of its values at once, so that nothing is met twice; NULL: there is none. */
static void prepare(struct live_index *index, const struct live_field *field, const struct db_val *old,
    const struct db_val *new)
{
    const struct db_val *values[2] = {old ? old : new, new &&old ? new : NULL};
    struct live_key keys[2];
    if (!values[0])
        return;
    if (!live_key_make(field->kind, values[0], index->seed, &keys[0]) ||
        (values[1] && !live_key_make(field->kind, values[1], index->seed, &keys[1]))) {
        want_all(index, field);
        return;
    }
    if (!values[1])
        keys[1] = keys[0];
    bool rises = keys[0].order <= keys[1].order;
    live_ranges_stab(&field->ranges, keys[!rises].order, keys[rises].order, &index->look);
    if (!field->equal)
        return;
    want_hash(index, field, keys[0].hash);
    if (keys[1].hash != keys[0].hash)
        want_hash(index, field, keys[1].hash);
}

static const struct db_val *value_at(const struct db_val *image, const struct live_field *field)
{
    return image && image[field->index].kind != DB_NULL ? &image[field->index] : NULL;
}

static void collect(struct live_index *index, const struct db_val *before, const struct db_val *after)
{
    struct live_look *look = &index->look;
    index->n_wants = 0;
    for (size_t i = 0; i < index->n_active; i++) {
        const struct live_field *field = index->active[i];
        const struct db_val *old = value_at(before, field), *new = value_at(after, field);
        prepare(index, field, old, new &&old &&is_same(old, new) ? NULL : new);
    }
    live_ranges_descend(look);                    /* the hash slots are on their way meanwhile */
    for (size_t i = 0; i < index->n_wants; i++) { /* … and then the leaves */
        struct live_who who = live_equal_find(index->wants[i].equal, index->wants[i].hash);
        if (who.word != 0)
            live_look_hit(look, who);
    }
    live_ranges_finish(look);
    if (index->residual.word != 0)
        live_look_hit(look, index->residual);
}

/* One that asks for several things may be met under each of them. */
static bool is_new(const struct live_member *member, uint64_t probe)
{
    if (!member->part)
        return true;
    struct live_parts *parts = member->part->of;
    bool met = parts->probe == probe;
    parts->probe = probe;
    return !met;
}

void live_index_probe(struct live_index *index, const struct db_val *before, const struct db_val *after,
    void (*found)(struct live_entry *entry, void *arg), void *arg)
{
    CHECK(index, INDEX_MAGIC);
    must(!index->probing);
    index->probing = true;
    index->probe++;
    collect(index, before, after);
    for (size_t i = 0; i < index->look.n_hits; i++) {
        const struct live_group *group = live_who_group(index->look.hits[i]);
        if (!group)
            found(live_who_sole(index->look.hits[i]), arg);
        for (size_t j = 0; group && j < group->n; j++)
            if (is_new(&group->at[j], index->probe))
                found(group->at[j].entry, arg);
    }
    index->look.n_hits = 0;
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
