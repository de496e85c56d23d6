/*
 * The index of subscriptions: which channels may be concerned by a row, found without looking at the others.
 * A channel registers alternatives (filter/filter.h, filter_access), each one access predicate over one
 * field's value: equal to one of a few values, or within a range; a channel that can give none stands in the
 * residual list of its form. A probe with a row's values returns each candidate once; whether it really holds
 * the row is the caller's to judge (REALTIME C.3).
 *
 * Equality: a hash from (field, value) to channels. Ranges: an interval structure a field, ordered as
 * filter_compare orders.
 */
#ifndef TIDEMARK_LIVE_INDEX_H
#define TIDEMARK_LIVE_INDEX_H

#include "filter/filter.h"

struct live_index; /* of one form */

/* kinds: by field, how values of ranges are ordered; copied. */
struct live_index *live_index_new(const enum filter_kind *kinds, size_t n_fields);
void live_index_free(struct live_index *index);

/* What a channel embeds; zeroed at first. */
struct live_entry {
    void *owner;    /* the channel */
    void *parts;    /* private to the index */
    uint64_t probe; /* private: the last probe that gave it */
};
/* Values are copied. n 0 or accesses NULL: residual. */
void live_index_add(
    struct live_index *index, struct live_entry *entry, const struct filter_access *accesses, size_t n);
void live_index_remove(struct live_index *index, struct live_entry *entry);

/* One probe for a change: first with its before image, then with its after image; each candidate comes once.
 */
void live_index_begin(struct live_index *index);
/* Calls found(owner, arg) for each entry not yet given since live_index_begin that may hold a row with these
 * values (by field index). The index must not be changed meanwhile. */
void live_index_probe(
    struct live_index *index, const struct db_val *values, void (*found)(void *owner, void *arg), void *arg);

struct live_index_stats {
    size_t entries, residual, equal_keys, ranges;
};
struct live_index_stats live_index_stats_now(const struct live_index *index);

#endif
