/*
 * The check for changes without their events (DECISIONS A15). Fed with what the change feed hands over, it
 * tells what in a transaction Tidemark cannot have done: a changed row that no event of the same transaction
 * names, a changed field that the event does not name, an event without its row, a touched log, a statement
 * that nobody announced. Which tables need which event stands in one table (check_rules.c).
 *
 * It reads nothing but the transaction and the two questions below, and it alarms nobody: whoever holds the
 * lease writes the `unaudited` events. Bulk steps (one event with count and digest) are not known yet.
 */
#ifndef TIDEMARK_AUDIT_CHECK_H
#define TIDEMARK_AUDIT_CHECK_H

#include "base/str.h"
#include "db/feed.h"

enum audit_what {
    AUDIT_NO_EVENT,      /* a changed row that no event names */
    AUDIT_FIELD_UNNAMED, /* its event does not name all fields that changed; detail: the columns */
    AUDIT_NO_ROW,        /* an event whose row did not change; detail: its action */
    AUDIT_NO_RULE,       /* a table that is none of ours */
    AUDIT_LOG_CHANGED,   /* an event was changed or deleted */
    AUDIT_DDL,       /* a definition that no event announced and no migration holds; detail: how it begins */
    AUDIT_TRUNCATE,  /* always; detail likewise */
    AUDIT_STATEMENT, /* a change that was logged as text, always; detail likewise */
    AUDIT_OTHER_DOMAIN, /* a transaction outside of the one GTID domain (DECISIONS A7) */
    AUDIT_GAP,          /* FEED_LOST: what came before this place has not been seen */
    AUDIT_WHAT_COUNT
};
const char *audit_what_name(enum audit_what what); /* "no_event", … */

struct audit_finding {
    enum audit_what what;
    bool is_row; /* op and record are of a row; table is empty for statements */
    enum feed_op op;
    struct str schema, table;
    int64_t record; /* 0: none, or not known */
    struct str detail;
    int64_t sequence, at_us;
};
#define AUDIT_FINDINGS_MAX 20 /* of one transaction; the others are counted */
struct audit_findings {
    const struct audit_finding *at;
    size_t n;
    uint64_t total; /* n and those beyond */
};

struct audit_checker_opts {
    int64_t domain; /* the GTID domain that is ours, 0 unless the server was told otherwise; -1: any */
    void *arg;
    /* Whether a configure event from before this checker's time names this SHA-256 (in hex) as `ddl_sha256`.
     * NULL: there was none. May park. */
    task_fn bool (*known_hash)(void *arg, struct str sha256);
    /* Whether a shipped migration holds this statement (its text without comments in front, and without
     * blanks and ';' at its ends). NULL: none does. May park. */
    task_fn bool (*known_ddl)(void *arg, struct str text);
};
struct audit_checker;
struct audit_checker *audit_checker_new(const struct audit_checker_opts *opts); /* copied */
void audit_checker_free(struct audit_checker *checker);                         /* NULL is accepted */

/* Takes the next transaction, or the next part of one; the feed's order is kept. What is found comes with the
 * last part (before it: nothing) and lives until the next call. One caller at a time. */
task_fn void audit_check(
    struct audit_checker *checker, const struct feed_tx *tx, struct audit_findings *ret_findings);

#endif
