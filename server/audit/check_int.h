/*
 * Inside the check only: what a changed row needs so that it is explained, and what a statement is.
 */
#ifndef TIDEMARK_AUDIT_CHECK_INT_H
#define TIDEMARK_AUDIT_CHECK_INT_H

#include "audit/audit.h"
#include "audit/check.h"

/* An event that would explain a row: one of these actions on this thing. Things of the log's `form` and
 * `record`, and two that are no forms: */
#define CHECK_LOGIN "@login"     /* a log-in; record: the user */
#define CHECK_SESSION "@session" /* a log-out; record: the session */
struct check_need {
    struct str form;
    int64_t record;
    unsigned actions; /* bits of enum audit_action */
};
#define CHECK_NEEDS_MAX 3
struct check_row {
    enum feed_op op;
    struct str schema, table; /* borrowed from the change until kept */
    int64_t record;
    enum check_verdict {
        CHECK_FREE,    /* needs no event */
        CHECK_NEEDS,   /* one of the needs */
        CHECK_REFUSED, /* nothing explains it: `what` says why */
        CHECK_EVENT    /* it is an event itself, newly written */
    } verdict;
    enum audit_what what;
    struct check_need needs[CHECK_NEEDS_MAX];
    size_t n_needs;
    struct str *columns; /* that the event must name as fields; in the arena given */
    size_t n_columns;
};
/* Schemas of others: CHECK_FREE. */
void check_row_read(const struct feed_change *change, struct arena *arena, struct check_row *ret_row);
/* The value of a column in the image, NULL if there is no such column. */
const struct db_val *check_column(
    const struct feed_table *table, const struct db_val *image, const char *name);
int64_t check_int(const struct feed_table *table, const struct db_val *image, const char *name); /* or 0 */

enum check_statement { CHECK_HARMLESS, CHECK_DDL, CHECK_TRUNCATE, CHECK_CHANGE };
enum check_statement check_statement_kind(struct str text);
struct str check_statement_trim(struct str text); /* without blanks and ';' at its ends */
/* Past blanks and comments; one that the server runs ("/" "*!", "*M!") is no comment. */
struct str check_statement_skip(struct str text);
/* How it begins, up to the first value: a statement may hold passwords. */
struct str check_statement_head(struct str text);

#endif
