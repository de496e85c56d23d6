/*
 * Inside the index only: keys, registrations, and the two stores.
 *
 * A key stands for a value: `order` grows with the value as filter_compare orders it, but may be the same for
 * values that lie close together (the first bytes of a text, four decimals of a number); `hash` is the same
 * for equal values. So whatever meets an access meets its keys, too, and what meets the keys alone is one
 * candidate more for the caller to judge. Comparing keys is one instruction where comparing values is a
 * parse.
 *
 * At a million subscriptions time is spent waiting for memory. So a probe collects what it wants to look at
 * and asks for it ahead (struct live_look): it waits for many places at once instead of one after the other.
 */
#ifndef TIDEMARK_LIVE_INDEX_INT_H
#define TIDEMARK_LIVE_INDEX_INT_H

#include "live/index.h"

struct live_key {
    uint64_t order, hash;
};
/* False: a value that cannot stand in a column of that kind, or a kind without keys (FILTER_SEVERAL). */
bool live_key_make(
    enum filter_kind kind, const struct db_val *value, const uint64_t seed[2], struct live_key *ret_key);

/* One registration. */
struct live_part {
    struct live_parts *of;
    uint32_t place; /* in its group, if it stands in one */
    uint16_t field;
    uint8_t kind;
    union {
        uint64_t hash; /* LIVE_EQUAL */
        struct {
            uint64_t low, high; /* LIVE_RANGE, inclusive */
        } range;
    };
};
enum live_part_kind { LIVE_RESIDUAL, LIVE_EQUAL, LIVE_RANGE };
/* All registrations of one entry. */
struct live_parts {
    struct live_entry *entry;
    uint64_t probe; /* the last one that gave the entry, if it has several parts */
    size_t n;
    struct live_part at[];
};

/* ---- who stands under one key (index_who.c) ------------------------------------------------------------ */

/* Nobody; or one entry that has no other part, so that a probe that finds it has nothing more to look at; or
 * a group. An entry with one part stands under one key of one field alone and is met once. */
struct live_who {
    uintptr_t word; /* 0; the entry's address and 1; the group's address */
};
struct live_group {
    uint32_t n, max;
    struct live_member {
        struct live_entry *entry;
        struct live_part *part; /* NULL: its only one */
    } at[];
};
void live_who_add(struct live_who *who, struct live_part *part);
void live_who_remove(struct live_who *who, const struct live_part *part);
static inline struct live_entry *live_who_sole(struct live_who who)
{
    return who.word & 1 ? (struct live_entry *)(who.word - 1) : NULL;
}
static inline struct live_group *live_who_group(struct live_who who)
{
    return who.word & 1 ? NULL : (struct live_group *)who.word;
}

/* ---- what a probe has still to look at ----------------------------------------------------------------- */

struct live_look {
    struct live_who *hits;
    size_t n_hits, max_hits;
    struct live_visit {
        const struct live_range_node *node;
        uint64_t low, high; /* values to be found, not what lies between */
    } * inners, *leaves;
    size_t n_inners, max_inners, n_leaves, max_leaves;
};
void live_look_done(struct live_look *look);
void live_look_hit(struct live_look *look, struct live_who who);

/* ---- equality (index_equal.c): hash to parts ----------------------------------------------------------- */

struct live_equal;
struct live_equal *live_equal_new(void);
void live_equal_free(struct live_equal *equal); /* an empty one, or NULL */
void live_equal_add(struct live_equal *equal, struct live_part *part);
void live_equal_remove(struct live_equal *equal, const struct live_part *part);
/* Asks for the memory that live_equal_find will look at. */
void live_equal_prefetch(const struct live_equal *equal, uint64_t hash);
struct live_who live_equal_find(const struct live_equal *equal, uint64_t hash);
void live_equal_all(const struct live_equal *equal, struct live_look *look);
size_t live_equal_count(const struct live_equal *equal); /* different hashes */

/* ---- ranges (index_range.c): a tree of intervals ------------------------------------------------------- */

struct live_range_node;
/* Nodes of one size, side by side: a tree that is strewn over all memory waits for the page tables, too. */
struct live_pool {
    void *slabs, *unused; /* each begins with a pointer to the next */
    size_t n_slab;        /* nodes of the newest slab */
};
struct live_ranges {
    struct live_range_node *root; /* NULL: empty, and then it holds no memory */
    size_t n;                     /* different ranges */
    struct live_pool leaves, inners;
};
void live_ranges_add(struct live_ranges *ranges, struct live_part *part);
void live_ranges_remove(struct live_ranges *ranges, const struct live_part *part);
/* The ranges that hold low or high are among what is to be looked at; of all fields side by side,
 * live_ranges_descend comes to the leaves and asks for them, and live_ranges_finish looks at them. */
void live_ranges_stab(const struct live_ranges *ranges, uint64_t low, uint64_t high, struct live_look *look);
void live_ranges_descend(struct live_look *look);
void live_ranges_finish(struct live_look *look);
void live_ranges_all(const struct live_ranges *ranges, struct live_look *look);

#endif
