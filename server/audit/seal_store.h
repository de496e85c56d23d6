/*
 * Seals and their leaves in the database (schema tidemark_log; where the sealer stands: tidemark.seal_head).
 * Every write is one transaction under the sealer's lease: leaves, the seal over them, the place.
 */
#ifndef TIDEMARK_AUDIT_SEAL_STORE_H
#define TIDEMARK_AUDIT_SEAL_STORE_H

#include "audit/audit.h"
#include "audit/seal.h"
#include "db/lease.h"

#define SEAL_GTID_MAX 80
#define SEAL_EPOCH_CHARS 8
#define SEAL_LEASE "seal"

/* A leaf that has a place is waiting for its seal. */
struct seal_pending {
    int64_t event, pos, n; /* pos 0: its place is not known */
    int32_t server;        /* of the GTID */
    char epoch[SEAL_EPOCH_CHARS];
    unsigned char hash[SEAL_HASH_BYTES];
};

/* Where the sealer stands, all of it in the database. */
struct seal_place {
    char gtid[SEAL_GTID_MAX]; /* the feed begins again after this one; empty: at the present end */
    int64_t pos, n;           /* the last event sealed in commit order */
    int64_t found_after, found_to;
    enum seal_gap gap; /* why there are such events */
};
struct seal_state {
    char log[SEAL_LOG_CHARS + 1];
    struct seal_place place;
    struct seal_tree tree;
    bool has_last;
    struct seal last;
};
/* The row of the place, if there is none yet: sealing begins at the present end, and what is in the log so
 * far (ids up to found_to) is found. */
task_fn int seal_begin(struct db *db, int64_t found_to, struct err *err);
task_fn int seal_place_load(struct db *db, struct seal_place *ret_place, struct err *err);
/* Everything; the tree from its edge if that gives the last seal's root, else from all leaves. ERR_INTERNAL:
 * the leaves do not give it either. */
task_fn int seal_load(struct db *db, struct seal_state *ret_state, struct err *err);

struct seal_work {
    struct lease *lease;
    const unsigned char *seed;      /* signs */
    const unsigned char *next_seed; /* NULL: the key stays */
    bool key_is_lost;               /* the last seal was under another key, which did not name this one */
    const struct seal_pending *leaves;
    size_t n;
    struct seal_place place; /* after it */
};
/* Leaves, one seal over them, the place. lease->held is false afterwards if the lease is another's: nothing
 * was written then. After an error the state is not known: load it again. */
task_fn int seal_write(
    struct db *db, struct seal_state *state, const struct seal_work *work, struct err *err);
/* The place alone, where nothing was to be sealed. */
task_fn int seal_move(struct db *db, struct lease *lease, const struct seal_place *place, struct err *err);

/* Events with ids in (after, to] that are no leaves, lowest first, at most `limit`, as leaves without a
 * place. Looks at no more than SEAL_FIND_EVENTS of the log: *ret_last is the id up to which it has looked,
 * `to` at the end, whether or not there were any. *ret_sequence: of the binlog's end after they were read;
 * those that came by the feed up to there are not found ones. */
#define SEAL_FIND_EVENTS 20000
task_fn int seal_find(struct db *db, int64_t after, int64_t to, size_t limit,
    struct seal_pending **ret_leaves, size_t *ret_n, int64_t *ret_last, int64_t *ret_sequence,
    struct err *err);

/* ---- for readers --------------------------------------------------------------------------------------- */

/* Newest first, of numbers below `before` (0: from the newest); in the task's arena. */
task_fn int seal_newest(
    struct db *db, int64_t before, size_t limit, struct seal **ret_seals, size_t *ret_n, struct err *err);
task_fn int seal_log_name(struct db *db, struct str *ret_log, struct err *err);
/* How many of the newest events have no seal yet; at most SEAL_UNSEALED_MAX are looked at. */
#define SEAL_UNSEALED_MAX 5000
task_fn int seal_count_unsealed(struct db *db, int64_t *ret_n, struct err *err);
/* Fills in the position of each event that is sealed. */
task_fn int audit_positions(struct db *db, struct audit_row *rows, size_t n, struct err *err);

/*
 * The export, in pieces, to `sink` (false: stop, ERR_IO). By the time of sealing: from the last seal before
 * from_us to the first at or after to_us; 0: open. Clears the task's arena again and again.
 */
struct seal_export {
    int64_t from_us, to_us;
    bool (*sink)(void *arg, struct str bytes);
    void *arg;
    uint64_t leaves, seals, missing; /* what was written */
};
task_fn int seal_export(struct db *db, struct seal_export *export, struct err *err);
/* The lowest event that should be sealed by now and is not: written past the feed. *ret_id 0: none. Clears
 * the task's arena again and again. */
task_fn int seal_find_unsealed(struct db *db, int64_t *ret_id, struct err *err);

#endif
