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

struct live_part;
/* All registrations of one entry. */
struct live_parts {
    void *owner;
    uint64_t probe; /* the last one that gave the owner */
    size_t n;
    struct live_part *at;
};
/* One registration; those under the same key are a list. */
struct live_part {
    struct live_part *next;
    struct live_parts *of;
    struct live_part *prev;
    uint32_t field;
    enum live_part_kind { LIVE_RESIDUAL, LIVE_EQUAL, LIVE_RANGE } kind;
    union {
        uint64_t hash; /* LIVE_EQUAL */
        struct {
            uint64_t low, high; /* LIVE_RANGE, inclusive */
        } range;
    };
};
static inline void live_part_push(struct live_part **first, struct live_part *part)
{
    part->prev = NULL;
    part->next = *first;
    if (*first)
        (*first)->prev = part;
    *first = part;
}
/* For a part that is not the first one. */
static inline void live_part_unlink(struct live_part *part)
{
    part->prev->next = part->next;
    if (part->next)
        part->next->prev = part->prev;
}

/* What a probe has still to look at. */
struct live_look {
    struct live_part **hits; /* lists of parts */
    size_t n_hits, max_hits;
    struct live_visit {
        const struct live_range_node *node;
        uint64_t at;
    } * visits;
    size_t n_visits, max_visits;
};
void live_look_done(struct live_look *look);
void live_look_hit(struct live_look *look, struct live_part *first);
void live_look_visit(struct live_look *look, const struct live_range_node *node, uint64_t at);

/* ---- equality (index_equal.c): hash to parts ----------------------------------------------------------- */

struct live_equal;
struct live_equal *live_equal_new(void);
void live_equal_free(struct live_equal *equal); /* an empty one, or NULL */
void live_equal_add(struct live_equal *equal, struct live_part *part);
void live_equal_remove(struct live_equal *equal, struct live_part *part);
/* Asks for the memory that live_equal_find will look at. */
void live_equal_prefetch(const struct live_equal *equal, uint64_t hash);
struct live_part *live_equal_find(const struct live_equal *equal, uint64_t hash); /* NULL: none */
void live_equal_all(const struct live_equal *equal, struct live_look *look);
size_t live_equal_count(const struct live_equal *equal); /* different hashes */

/* ---- ranges (index_range.c): a tree of intervals ------------------------------------------------------- */

struct live_range_node;
struct live_ranges {
    struct live_range_node *root; /* NULL: empty */
    size_t n;                     /* different ranges */
};
void live_ranges_add(struct live_ranges *ranges, struct live_part *part);
void live_ranges_remove(struct live_ranges *ranges, struct live_part *part);
/* The ranges that hold `at` are among what is to be looked at; live_ranges_search finds them, of all fields.
 */
void live_ranges_stab(const struct live_ranges *ranges, uint64_t at, struct live_look *look);
void live_ranges_search(struct live_look *look);
void live_ranges_all(const struct live_ranges *ranges, struct live_look *look);

#endif
