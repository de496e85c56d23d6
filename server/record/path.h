/* Private to record/: fields of records that a record refers to, as filters name them ("customer.region"). */
#ifndef TIDEMARK_RECORD_PATH_H
#define TIDEMARK_RECORD_PATH_H

#include "record/plan_int.h"
#include "record/select.h"

#define PATH_HOPS_MAX 2 /* references that a path may follow */

/* A condition on it holds only where each reference and the field are clear for the viewer, and each record
 * on the way is in his list of its form: else a filter would tell of records that he may not see. */
struct path {
    struct path *next;
    struct str key;
    struct hop {
        const struct field *reference; /* of the form before */
        struct plan *plan;             /* the viewer's, for the form that it names */
    } hops[PATH_HOPS_MAX];
    size_t n_hops;
    const struct field *field; /* of the last form */
    size_t index;              /* of its value: after those of the row itself */
};
/* The path of that key, known already or found now; NULL: there is none for this viewer. */
const struct path *path_find(
    struct plan *plan, struct path **paths, struct str key, struct filter_field *ret_field);
/* What stands before the condition on the field, and after it: a semi-join for each reference. The row is `r`
 * inside as well as outside. */
void path_enter(const struct plan *plan, const struct path *path, struct statement *to);
void path_leave(const struct path *path, struct statement *to);
/* Whether a change of a row of another form may change what the path says of any row. */
bool path_concerns(const struct path *path, const struct feed_change *change);

#endif
