/*
 * Work that one process does at a time, of all that share the database (DECISIONS A23): a row that says who,
 * until when by the database's clock, and in which term. Every transaction of such work locks the row in
 * share mode and looks whether the term is still its own; so a holder that slept past its time changes
 * nothing more.
 */
#ifndef TIDEMARK_DB_LEASE_H
#define TIDEMARK_DB_LEASE_H

#include "db/tx.h"

#define LEASE_HOLDER_CHARS 32

struct lease {
    const char *name; /* of a row of the table `lease` */
    char holder[LEASE_HOLDER_CHARS + 1];
    int64_t term;
    bool held; /* as far as is known: only lease_lock says it for sure */
};
void lease_init(struct lease *lease, const char *name); /* a holder of its own */
/* Takes it if nobody has it: lease->held tells. */
task_fn int lease_take(struct db *db, struct lease *lease, struct err *err);
/* Queues that it is held for some seconds from now; at least once a second, while it is held. */
void lease_keep(struct tx *tx, const struct lease *lease);
/* First in each transaction: lease->held is false if it is another's by now, and nothing may be written.
 * *ret_now_us: the database's clock. */
task_fn int lease_lock(struct tx *tx, struct lease *lease, int64_t *ret_now_us, struct err *err);
/* So that others need not wait for its end. */
task_fn void lease_release(struct db *db, struct lease *lease);

#endif
