/*
 * The log. Events are written in the transaction of the change they tell of (audit_add), or, for reads, in
 * groups before the answer leaves (audit_read). Nothing here is ever updated or deleted: the application
 * account could not.
 *
 * Values in `changes` are the API's JSON values of the fields. Who may see them is decided when the log is
 * read (record/).
 */
#ifndef TIDEMARK_AUDIT_AUDIT_H
#define TIDEMARK_AUDIT_AUDIT_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/tx.h"

enum audit_action {
#define A(name) AUDIT_##name,
#include "audit/actions.def"
#undef A
    AUDIT_ACTION_COUNT
};
const char *audit_action_name(enum audit_action action); /* "create", … as in the contract */
bool audit_action_parse(struct str text, enum audit_action *ret_action);

struct audit_change {
    struct str field;         /* key */
    struct str before, after; /* JSON values; empty: null */
};

#define AUDIT_RECORDS_MAX 8000 /* ids of one list: what the column can hold */

/*
 * One event, as written. All slices are borrowed for the call. id 0: audit_add makes one. No event is refused
 * for its text: a login, form, address or request longer than its column is cut, bytes that are not text
 * become '?', a detail past 65,535 bytes is replaced by its length and SHA-256.
 */
struct audit_event {
    int64_t id;
    int64_t at_us;    /* 0: now */
    int64_t actor_id; /* 0: nobody is logged in */
    struct str login;
    enum audit_action action;
    struct str form;        /* key of a form, or "_user" and the like for a table of ours; empty: none */
    int64_t record;         /* 0: none */
    int64_t rev;            /* of the row after the change; 0: none */
    const int64_t *records; /* of a list; at most AUDIT_RECORDS_MAX */
    size_t n_records;
    const struct audit_change *changes;
    size_t n_changes;
    int64_t session;
    struct str address, request;
    struct str detail; /* JSON object or empty */
};

/* "SELECT 1 FROM tidemark_log.event WHERE id=?": tx_opts.proof_sql for a transaction whose first event has
 * that id. */
extern const char AUDIT_PROOF_SQL[];

/* Queues the event into the transaction. Returns its id. Call before the rows are queued: then the proof
 * comes first. */
int64_t audit_add(struct tx *tx, const struct audit_event *event);
/* Many at once, in one statement for each 50: for batches. Ids must be set. */
void audit_add_many(struct tx *tx, const struct audit_event *events, size_t n);

/*
 * Read events: collected while a group is being written, then written by one insert with its own commit.
 * Returns when this event is committed; no answer may leave before. ERR_UNAVAILABLE when the queue is full,
 * has not moved for 5 s, or the log cannot be written. After an error (a cancelled wait as well) the event
 * may have been written all the same. The event's slices stay borrowed until the return.
 */
struct audit_reader;
struct audit_reader *audit_reader_new(struct db *app, const struct conf *conf);
task_fn void audit_reader_free(struct audit_reader *reader); /* writes what waits */
task_fn int audit_read(struct audit_reader *reader, const struct audit_event *event, struct err *err);
struct audit_stats {
    uint64_t events, groups;
    size_t waiting;
};
struct audit_stats audit_stats_now(const struct audit_reader *reader);

/*
 * Reading the log, newest first. A limit is brought into 1 to AUDIT_FIND_MAX. With `record` the lists that
 * showed it are found by walking the lists of the time span (from_us, to_us) backwards, some thousands a
 * statement, until the limit is full: give a span where the log is long.
 */
#define AUDIT_FIND_MAX 1000
struct audit_filter {
    struct str login, form;
    int64_t record; /* also finds lists that showed it */
    bool has_action;
    enum audit_action action;
    int64_t from_us, to_us; /* 0: open; from inclusive, to exclusive */
    int64_t before_id;      /* keyset: 0: from the newest */
    size_t limit;
};
struct audit_row {
    int64_t id, at_us, actor_id, record, rev, session;
    struct str login, action, form, address, request, detail;
    struct str changes; /* JSON array or empty */
    struct str pos;     /* of its commit; empty: not known (audit/seal_store.h fills it in) */
    int64_t *records;
    size_t n_records;
};
/* Rows live in the task's arena. *ret_more: there are older ones. */
task_fn int audit_find(struct db *app, const struct audit_filter *filter, struct audit_row **ret_rows,
    size_t *ret_n, bool *ret_more, struct err *err);
/*
 * Views of one process that have no end in the log, as their newest event (opening or digest) tells of them:
 * those with an event since from_us. `slot` is the process's, of the ids that it made. In the task's arena.
 */
struct audit_open_view {
    int64_t view; /* the id of its opening */
    struct str chan, pos;
    struct audit_row last;
};
task_fn int audit_open_views(struct db *app, int64_t slot, int64_t from_us,
    struct audit_open_view **ret_views, size_t *ret_n, struct err *err);
/* The events that changed one record (create, update, delete, restore, derive), newest first, at most limit:
 * for merge (DECISIONS A5) and history. before_id: keyset; 0: from the newest. */
task_fn int audit_of_record(struct db *app, struct str form, int64_t record, int64_t before_id, size_t limit,
    struct audit_row **ret_rows, size_t *ret_n, struct err *err);
/* The same of many records of any form at once, merged; actor_id 0: whoever did it. By the index of records:
 * what it reads is what there is of these records, not of the log. At most AUDIT_RECORDS_MAX records, at
 * least one. */
task_fn int audit_of_records(struct db *app, const int64_t *records, size_t n_records, int64_t actor_id,
    int64_t before_id, size_t limit, struct audit_row **ret_rows, size_t *ret_n, struct err *err);

#endif
