/*
 * The index of subscriptions: which channels may be concerned by a row, found without looking at the others.
 * A channel registers alternatives (filter/filter.h, filter_access), each one access predicate over one
 * field's value: equal to one of a few values, or within a range; a channel that can give none stands in the
 * residual list of its form. A probe with a row's values returns each candidate once; whether it really holds
 * the row is the caller's to judge (REALTIME C.3).
 *
 * Equality: a hash from a field's value to channels. Ranges: a tree of intervals a field, ordered as
 * filter_compare orders. Both keep keys made from the values (index_int.h), not the values: a candidate too
 * many is lawful, one too few never is.
 */
#ifndef TIDEMARK_LIVE_INDEX_H
#define TIDEMARK_LIVE_INDEX_H

#include "filter/filter.h"

struct live_index; /* of one form */

/* kinds: by field, how values of ranges are ordered; copied. */
struct live_index *live_index_new(const enum filter_kind *kinds, size_t n_fields);
/* All entries have been removed by then. NULL is accepted. */
void live_index_free(struct live_index *index);

/* What a channel embeds; zeroed at first. Stays where it is while it is registered. */
struct live_entry {
    void *parts; /* private to the index; NULL: not registered */
};
/* What is needed of the accesses is copied. n 0 or accesses NULL: residual; likewise where one alternative
 * has no access, or one that has no key here: a field with several choices, whose rows hold an array. A null
 * equals nothing, and no range holds it; a range open at both ends holds every other value. */
void live_index_add(
    struct live_index *index, struct live_entry *entry, const struct filter_access *accesses, size_t n);
/* An entry that is not registered is left alone. */
void live_index_remove(struct live_index *index, struct live_entry *entry);

/* For a change: calls found(entry, arg) once for each entry that may hold a row with the values of the image
 * before or of the one after (by field index; NULL: there is none). Both at once, for they cost little more
 * than one. Most entries are found without a look at their memory. The index must not be changed meanwhile.
 */
void live_index_probe(struct live_index *index, const struct db_val *before, const struct db_val *after,
    void (*found)(struct live_entry *entry, void *arg), void *arg);

struct live_index_stats {
    size_t entries, residual;  /* residual ones are entries, too */
    size_t equal_keys, ranges; /* different ones */
};
struct live_index_stats live_index_stats_now(const struct live_index *index);

#endif
