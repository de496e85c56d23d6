/* Private to record/: the plan of a request, and what list, read and write share. */
#ifndef TIDEMARK_RECORD_PLAN_INT_H
#define TIDEMARK_RECORD_PLAN_INT_H

#include "base/buf.h"
#include "filter/filter.h"
#include "record/record.h"

#define RECORD_WRITE_TRIES 5

/* What one combination of grants shows of a row: grants combine per row, so rows are told apart by which of
 * them hold. */
struct record_view {
    uint32_t grants; /* bit i: the plan's i-th grant holds */
    uint32_t actions;
    enum access_level *levels;        /* by field */
    struct str *masks;                /* by field: of those that are masked; NULL: none is */
    const struct record_view *parent; /* what the scope gives of the record it belongs to; NULL: no parent */
    /* By form->references: what the scope gives of the record named; NULL: none is named, or not one that is
     * seen (then its bit is set in `unseen`). */
    const struct record_view **named;
    uint32_t unseen;
    struct record_view *next;
};

struct plan {
    struct arena *arena;
    struct caller *caller;
    const struct form *form;
    const struct policy_form *grants;
    const struct filter **conditions; /* by grant; NULL: a fixed rule, or broken */
    bool has_conditions;
    struct filter_env env;   /* what conditions and filters count from */
    enum access_level *best; /* by field, over all grants that let rows be seen */
    /* By field: its value is read. A hidden one is only where a condition looks at it; nothing else may. */
    bool *needed;
    struct record_view *views;
    /* By field: of a reference, the viewer's plan for the form that it names, asked over the owner and the
     * department that the row holds of it. NULL: no reference, or nothing of that form is the viewer's. */
    struct plan **scopes;
    struct plan *parent; /* the one of the parent; NULL: no parent, or likewise */
    bool is_scope;       /* this is such a plan: of a row only owner and department are known */
    struct str owner_column, department_column;
    struct target *targets; /* records that rows name or are to name, as far as they were read */
};
enum { COLUMN_ID, COLUMN_REV, COLUMN_OWNER, COLUMN_DEPARTMENT, COLUMN_PARENT_TITLE, COLUMN_FIELDS };
/* After the fields: what the row holds of each record that it names. */
enum { COPY_TITLE, COPY_OWNER, COPY_DEPARTMENT, COPY_LIVE, COPY_COLUMNS };

struct statement;
/* A record that a field names, as the caller sees it. */
struct target {
    struct target *next;
    const struct field *field;
    int64_t id, rev, owner, department;
    struct db_val title; /* as it is stored */
    bool seen;           /* it is there, and the caller may list or read it */
    struct str shown;    /* of its title; NULL: nothing */
};
/* Of those that were read already; NULL: it was not. */
const struct target *target_find(const struct plan *plan, const struct field *field, int64_t id);
/* Reads those of the ids that were not read yet. `tx`: inside of it, locked in share mode; else NULL. One
 * that is absent is kept as one that is not seen. */
task_fn int targets_read(struct plan *plan, struct tx *tx, const struct field *field, const int64_t *ids,
    size_t n, struct err *err);
/* Those that the requests name, by all references of the form. */
task_fn int targets_read_named(
    struct plan *plan, struct tx *tx, const struct json *const *requests, size_t n, struct err *err);
/* Locks those that were read; ERR_EPOCH_MOVED if one is not what it was: all is to be planned anew. */
task_fn int targets_hold(struct plan *plan, struct tx *tx, struct err *err);
/* The id that the request names in the field; 0: none, or not an id. */
int64_t target_named(const struct field *field, const struct json *fields);
/* What the row is to hold of the record that its k-th reference names: none, or one that was read and is
 * seen. */
struct record_copy target_copy(const struct plan *plan, size_t k, const struct db_val *value);
/* What the viewer is shown of the title of the record that the field names now; NULL: nothing. */
struct str target_title_shown(const struct record *record, const struct field *field);
/* The columns that a row copies from its parent, as write_column writes them. */
void write_scope(const struct form *form, const struct record *record, bool but_title, const char *before,
    const char *after, struct statement *to);
/* … and from the record that its k-th reference names. */
void write_copy(const struct form *form, size_t k, const struct record_copy *copy, const char *before,
    const char *after, struct statement *to);
void write_derived(struct str prefix, struct str column, struct db_val value, const char *before,
    const char *after, struct statement *to);

int64_t id_or_none(const struct db_val *cell); /* 0: NULL */
/* "_id, _rev, _owner, _department, …", in the task's arena: what is not needed is NULL in its place. */
struct str plan_columns(const struct plan *plan);
size_t plan_n_columns(const struct plan *plan);

/* The view of a row by its owner, department, values (by field; those that are needed) and copies; one object
 * a combination, kept by the plan. */
const struct record_view *plan_view(struct plan *plan, const struct record *record);
/* The same of a record of which only these are known: one that another names. */
const struct record_view *plan_scope_view(struct plan *scope, int64_t owner, int64_t department);
/* A field of the form as filters take it. */
bool plan_filter_field(
    const struct form *form, struct str key, struct arena *arena, struct filter_field *ret_field);
/* The condition of a grant for the form: all its fields, whoever looks. Faults name "filter…". */
int condition_compile(const struct form *form, const struct json *json, struct arena *arena,
    const struct filter **ret_filter, struct err *err);
/* Until when (UTC microseconds) the relative dates of the conditions stand; 0: for ever. */
int64_t plan_valid_until(const struct plan *plan);
bool view_is_visible(const struct record_view *view);
/* A row of SELECT <columns> (from column `first` on) as a record. */
void plan_read_row(
    struct plan *plan, const struct db_rows *rows, size_t row, size_t first, struct record *ret_record);

/* A growing statement: text, and the values bound to it. Lives as long as the task. */
struct statement {
    struct buf *sql;
    struct db_val *params;
    size_t n_params, cap_params;
};
struct statement *statement_new(void);
void statement_bind(struct statement *statement, struct db_val value);
/* Appends "?,?,…" and binds them. */
void statement_bind_ids(struct statement *statement, const int64_t *ids, size_t n);
/* Within caller_read that is asked for a position: in its snapshot. */
task_fn int caller_query(const struct caller *caller, const struct statement *statement,
    struct db_rows *ret_rows, struct err *err);
/* Calls read(arg), all of whose caller_query see one snapshot, and finds its position. It may be called more
 * than once. ret_pos NULL: simply calls it. What is read must not wait for another connection meanwhile: the
 * log of reads comes after it. */
task_fn int caller_read(struct caller *caller, struct str *ret_pos,
    task_fn int (*read)(void *arg, struct err *err), void *arg, struct err *err);

/* Appends a condition that holds for the rows on which one of the grants with `action` holds (FALSE if none).
 */
void plan_where_rows(const struct plan *plan, enum access_action action, struct statement *to);
/* A condition that holds for the rows of which the viewer may see the record that the scope stands for (FALSE
 * if it is NULL). */
void plan_where_seen(const struct plan *scope, struct statement *to);
/* The same for rows on which the field is clear (LEVEL_READ or better). *ret_always: it is on every row that
 * may be listed. */
void plan_where_clear(
    const struct plan *plan, const struct field *field, struct statement *to, bool *ret_always);

/* False sets ERR_EPOCH_MOVED: the world has changed since the plan was made. */
bool epoch_is(const struct db_val *cell, const struct caller *caller, struct err *err);

struct str position_print(const struct house *house, const struct tx_done *done, struct arena *arena);

/* A value of an event back into what is stored; false: it cannot be read by the form as it is now. */
bool value_of_json(const struct field *field, const struct json *json, struct db_val *ret_value);
/* What is shown of a value that is not null under a mask. */
struct str masked_text(struct str mask, const struct db_val *value);
/* A value as audit JSON. */
struct str value_json(const struct field *field, const struct db_val *value, struct arena *arena);

/* Reads the members of `fields` into values and given[]; all faults at once. Levels decide what may be
 * written. `before`: what the record holds and may keep; NULL: it is new. */
int write_parse(struct plan *plan, const struct json *fields, const enum access_level *levels,
    const struct db_val *before, struct db_val *values, bool *given, struct err *err);
/* The value of a column of ours that the field shows, for a write by the caller at that time. */
struct db_val write_own(const struct plan *plan, const struct field *field, int64_t at_us);
/* Whether everybody who may list the form's records reads the field: only a change of such a one moves when
 * and by whom the record was changed (DECISIONS A6). */
bool field_is_open(const struct plan *plan, const struct field *field);
/* A member who is not disabled, a department, or a record that was read and is seen, as the field refers to.
 */
bool reference_exists(const struct plan *plan, const struct field *field, int64_t id);
/* ERR_TOO_MANY where the caller gives a unique value and has met too many in an hour. items: objects of
 * fields. */
task_fn int clash_check(const struct plan *plan, const struct json *const *items, size_t n, struct err *err);
/* How many more he may meet; and one more that he has met, in the log before it is told. */
task_fn int clash_left(const struct plan *plan, int64_t *ret_left, struct err *err);
task_fn int clash_note(const struct plan *plan, int64_t id, const struct field *field, struct err *err);
/* A 1062 of the record's table as a fault of its field, once it is in the log; other errors as they are. `id`
 * is 0 for a new record. */
task_fn int clash_answer(const struct plan *plan, int64_t id, struct err *err);
/* Appends "`col`" or "`col` = ?" and binds the value and its derived columns, for an INSERT or UPDATE. */
void write_column(const struct field *field, const struct db_val *value, const char *before,
    const char *after, struct statement *to);

/* Finds the state that the version names among the record's earlier ones. false: not found within 100 events.
 */
task_fn int merge_find_base(struct plan *plan, const struct record *now, struct str version, bool *ret_found,
    struct db_val *ret_base, struct err *err);

/* What the log calls a table of ours (empty: none), its columns, and what their values say. */
struct str log_table_word(const struct caller *caller, struct str table);
struct str log_column_word(const struct caller *caller, struct str table, struct str column);
/* The form that a change of rights is about, from what it names; NULL: none. */
const struct form *log_subject(const struct caller *caller, const struct json *changes);
struct str log_value_text(const struct caller *caller, struct str table, struct str column,
    const struct form *subject, const struct json *value);

#endif
