/* Private to record/: what the ways in share: create, update, remove, batch. */
#ifndef TIDEMARK_RECORD_CHANGE_INT_H
#define TIDEMARK_RECORD_CHANGE_INT_H

#include "record/search_int.h"

/* ---- locking
 * ----------------------------------------------------------------------------------------------- */

enum row_state { ROW_LIVE, ROW_DELETED, ROW_EITHER };
struct locked {
    struct record record; /* id 0: there is no such row */
    bool deleted;
};
/* The first statement of a transaction that changes records: the epoch in share mode (ERR_EPOCH_MOVED), and
 * the rows of these ids, locked in the order of their ids, whoever may see them. ids: ascending, each once.
 */
task_fn int rows_lock(struct tx *tx, struct plan *plan, enum row_state state, const int64_t *ids, size_t n,
    struct locked *ret_rows, struct err *err);

/* ---- children
 * ---------------------------------------------------------------------------------------------- */

/* A record that others belong to changes, goes or comes back: its children with it; and those that only name
 * it hold so from then on. In the same transaction, each named by an event that points to the cause. Refused
 * past CHILDREN_MAX in all: our writers commit no more at once (DECISIONS B11). Locked first; then events are
 * queued, and rows after them. */
#define CHILDREN_MAX 2000
enum children_kind {
    CHILDREN_FOLLOW, /* owner, department, title */
    CHILDREN_LEAVE,  /* into the recycle bin */
    CHILDREN_RETURN  /* those that went with it */
};
struct children_move {
    const struct plan *plan; /* of the parent's form */
    enum children_kind kind;
    struct str path; /* in front of what a fault names, in a batch: "update[3]." */
    int64_t cause;   /* its event */
    int64_t at_us;
    const struct record *before, *after; /* the parent's; the same where it goes or comes back */
    struct children_of_form {            /* filled by children_lock; none where nothing moves */
        const struct form *form;
        const struct field *field; /* which names the record */
        struct child {
            int64_t id, rev;
        } * at;
        size_t n, cap;
    } * forms;
    size_t n_forms;
};
/* moves: of one form, ascending by the record's id. */
task_fn int children_lock(struct tx *tx, struct children_move *moves, size_t n, struct err *err);
void children_events(struct tx *tx, const struct children_move *move);
void children_rows(struct tx *tx, const struct children_move *move);

/* ---- one record that is there
 * ------------------------------------------------------------------------------ */

struct update {
    struct plan *plan;
    int64_t id;
    struct str version;
    const struct json *fields;
    int64_t event_id, at_us;
    bool base_known; /* base is the state that `version` names, found when the record stood at base_rev */
    int64_t base_rev;
    struct db_val *base;
    struct record before, after;
    struct children_move move;
    bool touched; /* the change shows in _changed_at and _changed_by */
    bool stale;   /* stale: the version is not the present one, and its base is not known yet */
    struct record_conflict *conflicts;
    size_t n_conflicts;
};
/* Whether the caller's version is good for this state; false with `stale` where its base must be looked for
 * first. */
bool update_version_is_good(struct update *update);
/* Outside of a transaction, for it takes other connections: which earlier state does the version name? */
task_fn int update_find_base(struct update *update, struct err *err);
/* From `before` and the request to `after`, under the row's rights. Parents that the request names were read.
 * ERR_STALE: conflicts. */
int update_judge(struct update *update, struct err *err);
bool update_differs(const struct update *update);
void update_event(const struct update *update, struct audit_event *ret_event);
void update_row(struct tx *tx, const struct update *update, struct search_batch *search);

/* Names the records in the log whose values an answer shows though nothing of them was written: an update
 * that changes nothing ("unchanged"), a conflict. Before the answer leaves; nothing where n is 0. */
task_fn int change_shown(
    const struct plan *plan, const char *what, const int64_t *ids, size_t n, struct err *err);

/* ---- new records
 * ------------------------------------------------------------------------------------------- */

/* A new record from the request, with its number drawn. Parents that are named were read. */
task_fn int creation_prepare(
    struct plan *plan, const struct json *fields, int64_t at_us, struct record *record, struct err *err);
void creation_event(
    struct plan *plan, const struct record *record, int64_t at_us, struct audit_event *ret_event);
void creation_row(struct tx *tx, const struct plan *plan, const struct record *record, int64_t at_us,
    struct search_batch *search);

/* Remembers what the caller's request did, if he gave a key; after the events. A second one fails by its key.
 */
void once_add(struct tx *tx, const struct caller *caller, const struct once_records *records);

/* ---- the recycle bin
 * --------------------------------------------------------------------------------------- */

/* Append ", col = …". by 0: nobody by itself, with the record that it belongs to. */
void write_deleted(int64_t at_us, int64_t by, struct statement *to);
void write_restored(struct statement *to);
/* Whether the caller may do it with this row: ERR_NOT_FOUND, ERR_FORBIDDEN, ERR_STALE. */
int removal_check(const struct plan *plan, const struct locked *row, struct str version, struct err *err);
int return_check(const struct locked *row, struct err *err);
/* ERR_CONFLICT where the record that it belongs to is in the bin; that one is held. */
task_fn int return_hold_parent(
    struct tx *tx, const struct plan *plan, const struct record *record, struct err *err);
void removal_row(struct tx *tx, const struct plan *plan, int64_t id, int64_t at_us);
void return_row(struct tx *tx, const struct plan *plan, int64_t id);

#endif
