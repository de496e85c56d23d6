/*
 * Inside the index only: keys, registrations, and the two stores.
 *
 * A key stands for a value: `order` grows with the value as filter_compare orders it, but may be the same for
 * values that lie close together (16 bytes of a text, six decimals of a number); `hash` is the same for equal
 * values. So whatever meets an access meets its keys, too, and what meets the keys alone is one candidate
 * more for the caller to judge. Comparing keys costs two instructions where comparing values costs a parse.
 */
#ifndef TIDEMARK_LIVE_INDEX_INT_H
#define TIDEMARK_LIVE_INDEX_INT_H

#include "live/index.h"

typedef unsigned __int128 live_order;
#define LIVE_ORDER_MAX (~(live_order)0)

struct live_key {
    live_order order;
    uint64_t hash;
};
/* False: a value that cannot stand in a column of that kind, or a kind without keys (FILTER_SEVERAL). */
bool live_key_make(
    enum filter_kind kind, const struct db_val *value, const uint64_t seed[2], struct live_key *ret_key);

/* One registration of an entry; those under the same key are a list. */
struct live_part {
    struct live_part *next, *prev;
    struct live_entry *entry;
    uint32_t field;
    enum live_part_kind { LIVE_RESIDUAL, LIVE_EQUAL, LIVE_RANGE } kind;
    union {
        uint64_t hash; /* LIVE_EQUAL */
        struct {
            live_order low, high; /* LIVE_RANGE, inclusive */
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

typedef void live_hit_fn(struct live_part *first, void *arg); /* with each list of parts */

/* ---- equality (index_equal.c): hash to parts ----------------------------------------------------------- */

struct live_equal;
struct live_equal *live_equal_new(void);
void live_equal_free(struct live_equal *equal); /* an empty one, or NULL */
void live_equal_add(struct live_equal *equal, struct live_part *part);
void live_equal_remove(struct live_equal *equal, struct live_part *part);
struct live_part *live_equal_find(const struct live_equal *equal, uint64_t hash); /* NULL: none */
/* Asks for the memory that live_equal_find will look at. */
void live_equal_prefetch(const struct live_equal *equal, uint64_t hash);
void live_equal_each(const struct live_equal *equal, live_hit_fn *hit, void *arg);
size_t live_equal_count(const struct live_equal *equal); /* different hashes */

/* ---- ranges (index_range.c): a tree of intervals ------------------------------------------------------- */

struct live_range_node;
struct live_ranges {
    struct live_range_node *root; /* NULL: empty */
    size_t n;                     /* different ranges */
};
void live_ranges_add(struct live_ranges *ranges, struct live_part *part);
void live_ranges_remove(struct live_ranges *ranges, struct live_part *part);
/* The ranges that hold `at`. */
void live_ranges_stab(const struct live_ranges *ranges, live_order at, live_hit_fn *hit, void *arg);
void live_ranges_each(const struct live_ranges *ranges, live_hit_fn *hit, void *arg);

#endif
