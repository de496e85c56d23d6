/*
 * What a viewer asks for of one form (filter, sort, fields), compiled under his policy: to SQL for a page or
 * a window, and to predicates and orders over row images for a live view. Both give the same rows in the same
 * order.
 *
 * A select lives in the arena given to it and may outlive its task (a live channel keeps one); the caller it
 * was made for must too.
 */
#ifndef TIDEMARK_RECORD_SELECT_H
#define TIDEMARK_RECORD_SELECT_H

#include "db/feed.h"
#include "filter/filter.h"
#include "record/record.h"

struct select;

struct select_query {
    struct str q, sort, fields; /* as in struct record_query; q is for pages only */
    const struct json *filter;  /* NULL: none */
    bool deleted;               /* the recycle bin, for pages only */
};
/* ERR_NOT_FOUND: no such form or no grant; ERR_FORBIDDEN: not to be listed; else all faults of the query at
 * once. */
int select_make(struct arena *arena, struct caller *caller, struct str form_key,
    const struct select_query *query, struct select **ret_select, struct err *err);
/* One record by its id: the right to read it decides, not the one to list it. query: fields only. */
int select_make_one(struct arena *arena, struct caller *caller, struct str form_key, int64_t id,
    const struct select_query *query, struct select **ret_select, struct err *err);
struct plan *select_plan(const struct select *select);
const struct filter *select_filter(const struct select *select);

/* The row's place in the order: the sort values and its id; what is unknown is null. Values point to where
 * they came from. */
#define SELECT_KEY_MAX 4
struct select_key {
    struct db_val values[SELECT_KEY_MAX];
    int64_t id;
};
struct select_row {
    struct record record;
    struct select_key key;
};
/* Rows from rank `start` on in the select's order, at most n, inside the caller's transaction. In the task's
 * arena. */
/* Where a snapshot stands in the binlog, for feed_sequence_at; the first query of its transaction. */
task_fn int snapshot_place(struct tx *tx, struct str *ret_file, int64_t *ret_offset, struct err *err);
task_fn int select_window(struct tx *tx, struct select *select, int64_t start, int64_t n,
    struct select_row **ret_rows, size_t *ret_n, struct err *err);
task_fn int select_count(struct tx *tx, struct select *select, int64_t *ret_total, struct err *err);

/* ---- over images
 * ------------------------------------------------------------------------------------------------ */

/* Where a form's fields stand in the images of its table; made once a table map. NULL if the table is not the
 * form's. */
struct image_map;
/* The record's id, and its values by field as the row holds them (for the index; no rights are looked at). */
int64_t image_id(const struct image_map *map, const struct db_val *cells);
void image_values(const struct image_map *map, const struct db_val *cells, struct db_val *ret_values);
struct image_map *image_map_new(struct arena *arena, const struct form *form, const struct feed_table *table);
/* The image as a record (values point into the image; the sort keys are kept beside). False: the row is in
 * the recycle bin. */
struct image {
    struct record record;
    const struct db_val *cells; /* of the image, for derived columns */
    const struct image_map *map;
};
bool image_read(struct select *select, const struct image_map *map, const struct db_val *cells,
    struct arena *arena, struct image *ret_image);

/* Whether the viewer's list holds the row. */
bool select_holds(struct select *select, const struct image *image, struct arena *scratch);
void select_key_of(struct select *select, const struct image *image, struct select_key *ret_key);
int select_key_compare(const struct select *select, const struct select_key *a, const struct select_key *b);

/* Its filter names fields of other records: no image says which rows it holds (select_holds is not to be
 * asked), it is read again where select_concerns. */
bool select_has_paths(const struct select *select);
/* Whether a change (of any table; map: of the form's own images, NULL where it is of another) may change what
 * such a list holds. */
bool select_concerns(struct select *select, const struct image_map *map, const struct feed_change *change,
    struct arena *scratch);

/* Alternatives for the index of subscriptions: filter and row rules together. False: none can be given. */
bool select_accesses(
    struct select *select, struct arena *arena, const struct filter_access **ret_accesses, size_t *ret_n);
/* Text that is equal for two callers exactly if they see the same of every row: form, version, grants, what
 * is bound in them. */
struct str select_signature(const struct select *select, struct arena *arena);
/* What relative dates count from; select_make takes the clock, a live channel the beat. */
void select_set_now(struct select *select, int64_t now_us);
/* Until when (UTC microseconds) relative dates of the filter stand; 0: for ever. */
int64_t select_valid_until(const struct select *select);

/* The item's JSON, whole; and the difference between two states of a row as seen ("id","version" and what
 * changed), false if nothing that is seen has changed. */
void select_print(const struct select *select, const struct record *record, struct json_out *out);
bool select_print_change(const struct select *select, const struct record *before, const struct record *after,
    struct json_out *out);

#endif
