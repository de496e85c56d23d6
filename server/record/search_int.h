/* Private to record/: the search, `q`. What is kept for it stands in side tables (idx_search_…), written in
 * the record's own transaction; which rows are meant is said by one condition over the row, whatever has been
 * used to find candidates. */
#ifndef TIDEMARK_RECORD_SEARCH_INT_H
#define TIDEMARK_RECORD_SEARCH_INT_H

#include "record/plan_int.h"

/* ---- what is kept (search_keep.c) ---------------------------------------------------------------------- */

/* What a transaction keeps of its records, sent as a few statements whatever their number. */
struct search_batch {
    struct buf *words, *readings; /* JSON arrays without their ends, of what has not been sent yet */
};
struct search_batch *search_batch_new(void); /* in the task's arena */
/* The record's values were `before` (NULL: it is new) and are `after`. Only what has changed is touched. */
void search_add(struct search_batch *batch, struct tx *tx, const struct form *form, int64_t id,
    const struct db_val *before, const struct db_val *after);
/* The record goes for good, with the values that it has had last. */
void search_remove(struct tx *tx, const struct form *form, int64_t id, const struct db_val *values);
/* ", `a`, `b`, …": what is searched, NULL in place of every other field, for a SELECT. */
void search_columns(const struct form *form, struct buf *sql);
void search_flush(const struct search_batch *batch, struct tx *tx);
/* A form that is new, and so has nothing to be filled. */
void search_is_filled(struct tx *tx, const struct form *form);
/* Of the text of searched fields, and of the readings: what a state must be equal to. */
struct str search_version(const struct form *form);

/* The bytes of a field that its words begin with; of a code read from its end others. */
struct str search_tag(const struct field *field, bool from_end);
/* Whether the field's words are kept; one that is too long for that is looked through. */
bool search_keeps(const struct field *field);

/* ---- which rows are meant (search.c) ------------------------------------------------------------------- */

struct search;
/* NULL: nothing is searched. */
struct search *search_new(struct plan *plan, struct str q);
/* How the rows are best found; asks the database how common the words are. */
task_fn int search_choose(struct search *search, struct err *err);
/* " FROM … r": candidates first, if there are few. */
void search_from(const struct search *search, const struct form *form, struct statement *to);
/* " AND (…)" for each word. */
void search_where(const struct search *search, struct statement *to);

#endif
