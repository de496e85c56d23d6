/* Private to record/: sorting and keyset paging. */
#ifndef TIDEMARK_RECORD_CURSOR_INT_H
#define TIDEMARK_RECORD_CURSOR_INT_H

#include "record/plan_int.h"

#define SORT_TERMS_MAX 4

struct sort_term {
    const struct field *field;
    bool descending;
};
struct sort {
    struct sort_term terms[SORT_TERMS_MAX];
    size_t n;
    bool id_descending; /* ties by id, in the direction of the first term */
};
/* The place after which a page begins, or before which it ends: the sort values of a row, as the database
 * gave them, and its id. */
struct cursor {
    struct db_val values[SORT_TERMS_MAX];
    int64_t id;
};

/* Appends the term's expression; null where the field is not clear for the viewer on that row. */
void sort_expression(const struct plan *plan, const struct sort_term *term, struct statement *to);
/* The rows of an order in two parts, so that an index can serve each: those whose first value is known, then
 * those where it is null. Where no index serves (the first term is no plain column for this viewer), all at
 * once. */
enum sort_part { SORT_ALL, SORT_KNOWN, SORT_NULL };
bool sort_has_parts(const struct plan *plan, const struct sort *sort);
/* " AND …": the rows of the part. */
void sort_where(const struct plan *plan, const struct sort *sort, enum sort_part part, struct statement *to);
/* " ORDER BY …", nulls last; backwards: all of it turned round, nulls first. */
void sort_order(const struct plan *plan, const struct sort *sort, enum sort_part part, bool backwards,
    struct statement *to);
/* " AND (…)": the rows of the part after the cursor, which stands in it (backwards: before it), spelt out
 * (never a row comparison: DECISIONS A28). */
void cursor_where(const struct plan *plan, const struct sort *sort, const struct cursor *cursor,
    enum sort_part part, bool backwards, struct statement *to);

/* Opaque text, bound to user, form and sort by a keyed hash; cursor_parse refuses every other with a fault on
 * the parameter. */
struct str cursor_print(const struct plan *plan, const struct sort *sort, const struct cursor *cursor);
int cursor_parse(const struct plan *plan, const struct sort *sort, const char *parameter, struct str text,
    struct cursor *ret_cursor, struct err *err);

#endif
