/*
 * Filters: from the JSON of a request to one checked tree, and from that tree to SQL and to a predicate over
 * a row's values, so that a list, a live view and a report mean the same rows. Knows no form and no policy:
 * the caller tells which fields there are (a hidden one is not there), and where a value is clear for the
 * viewer. A value that is not clear is unknown: each condition on it is neither true nor false (DECISIONS
 * A3), `empty` included, under `not` as well.
 */
#ifndef TIDEMARK_FILTER_FILTER_H
#define TIDEMARK_FILTER_FILTER_H

#include "base/buf.h"
#include "db/db.h"
#include "json/json.h"

#define FILTER_DEPTH_MAX 8 /* groups (and, or, not) inside of each other */
#define FILTER_CONDITIONS_MAX 64
#define FILTER_VALUES_MAX 200  /* of one in, nin, any, all or none */
#define FILTER_TEXT_MAX 1000   /* characters of one value */
#define FILTER_BYTES_MAX 65536 /* of all values together */
#define FILTER_BINDS_MAX 20000 /* of one statement: "@my_department" binds a value for each department */

enum filter_kind {
    FILTER_TEXT,     /* text with a folded column beside it */
    FILTER_CODE,     /* ASCII in upper case: numbers, phones */
    FILTER_CHOICE,   /* one key */
    FILTER_SEVERAL,  /* a JSON array of sorted keys */
    FILTER_DECIMAL,  /* exact */
    FILTER_INTEGER,  /* 64 bits */
    FILTER_NUMBER,   /* a double */
    FILTER_DATE,     /* "2026-11-22" */
    FILTER_INSTANT,  /* SQL form in UTC */
    FILTER_REFERENCE /* an id */
};
struct filter_field {
    struct str key;
    enum filter_kind kind;
    size_t index;                  /* of the row's value */
    struct str column;             /* quoted or qualified by the caller: "r.`name`" */
    struct str folded;             /* FILTER_TEXT: the column of the folded text; empty: none */
    bool is_member, is_department; /* FILTER_REFERENCE: what "@me" and "@my_department" may stand for */
    bool is_yes_no;                /* FILTER_CHOICE: true and false are its keys */
    /* The caller's own, as long-lived as the filter: the field is of another row, which SQL goes to (`enter`)
     * and a row's values do not hold: there its index is past theirs, and it is given as not clear. NULL: of
     * the row itself. */
    const void *path;
};

struct filter_caller {
    void *arg;
    /* The field of that key; false if there is none for this viewer. */
    bool (*find)(void *arg, struct str key, struct filter_field *ret_field);
};

struct filter; /* the tree; immutable, in the arena given */

/* All faults at once (ERR_INVALID, field "filter" and the path inside it). NULL json: no filter (true). */
int filter_parse(const struct json *json, const struct filter_caller *caller, struct arena *arena,
    const struct filter **ret_filter, struct err *err);

/* Who looks, and when: what "@me" and relative dates stand for. */
struct filter_env {
    int64_t me, my_department;
    const int64_t *subtree; /* my department and those below it, ascending */
    size_t n_subtree;
    int64_t now_us;
    struct str zone; /* decides what a day is */
};

/*
 * SQL, one term. `clear` appends a condition that holds where the field is clear for the viewer, and binds
 * its values; it returns false (and appends nothing) where the field is clear on every row that can come up.
 *
 * The result is TRUE, FALSE or NULL (unknown), exactly. With `as_where` it is TRUE on the same rows, and
 * FALSE or NULL, no matter which, on the others: conditions on fields that are not always clear then stand
 * free for an index to serve. For a WHERE; never to be negated or shown.
 *
 * ERR_TOO_LARGE past FILTER_BINDS_MAX, ERR_CONFIG for an unknown zone.
 */
struct filter_sql {
    struct buf *sql;
    struct arena *arena; /* holds bound texts that are not the filter's own */
    bool as_where;
    void *arg;
    void (*bind)(void *arg, struct db_val value);
    bool (*clear)(void *arg, const struct filter_field *field);
    /* The column that is asked instead of the field's own. NULL: its own. Not for texts. */
    struct str (*column)(void *arg, const struct filter_field *field);
    /* Where a field has a path, in a WHERE alone: what stands before the condition on it, and after it. */
    void (*enter)(void *arg, const struct filter_field *field);
    void (*leave)(void *arg, const struct filter_field *field);
};
int filter_to_sql(
    const struct filter *filter, const struct filter_env *env, const struct filter_sql *to, struct err *err);

enum filter_truth { FILTER_FALSE, FILTER_TRUE, FILTER_UNKNOWN };
/* Over a row's values, by index; clear[index] NULL: all are. The same answer as the SQL, to the last case (a
 * random test says so). */
enum filter_truth filter_eval(const struct filter *filter, const struct filter_env *env,
    const struct db_val *values, const bool *clear, struct arena *scratch);

/* Whether the answer can change with the clock alone (relative dates): until when (UTC microseconds) this
 * env's answers hold; 0: for ever. */
int64_t filter_valid_until(const struct filter *filter, const struct filter_env *env);
/* Indexes of the fields it looks at, ascending, without doubles. */
const size_t *filter_fields(const struct filter *filter, size_t *ret_n);

/*
 * For the index of subscriptions: the filter as alternatives (at most 32), each with ONE access predicate
 * that every matching row meets: equality of a field with one of a few values, a range of a field, or none.
 * False: it can not be put so (then it is a residual).
 */
struct filter_access {
    enum { FILTER_ACCESS_EQUAL, FILTER_ACCESS_RANGE, FILTER_ACCESS_NONE } kind;
    size_t field; /* index of the row's value */
    enum filter_kind field_kind;
    const struct db_val *values; /* EQUAL: n_values of them, as filter_normal gives them */
    size_t n_values;
    struct db_val low, high; /* RANGE, inclusive; DB_NULL: open; compared as filter_compare does */
};
/* Holds for as long as filter_valid_until says. No alternative at all: no row can match. */
bool filter_accesses(const struct filter *filter, const struct filter_env *env, struct arena *arena,
    const struct filter_access **ret_accesses, size_t *ret_n);
/* The order of stored values of one kind, as SQL orders them; neither may be null. */
int filter_compare(enum filter_kind kind, const struct db_val *a, const struct db_val *b);
/* One form for all stored values that are equal ("12.50" and "12.5"): a key for hashing. Not null. The text
 * is in the arena or a part of the value's own. */
struct db_val filter_normal(enum filter_kind kind, const struct db_val *value, struct arena *arena);

/* The i-th operator that fits fields of the kind, by the contract's name; NULL past the last. */
const char *filter_op_at(enum filter_kind kind, size_t i);

/* A normal form of the tree as text, JSON that reads as the same filter: filters that differ in the order of
 * their conditions, in doubles, in nesting or in where a `not` stands print alike. */
struct str filter_print(const struct filter *filter, struct arena *arena);

#endif
