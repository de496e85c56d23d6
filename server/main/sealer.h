/*
 * The sealer: what the change feed tells of the log, made leaves of a tree, and the tree signed again and
 * again (audit/seal.h). Every process hears and keeps what is not sealed yet; the one that holds the lease
 * writes.
 */
#ifndef TIDEMARK_MAIN_SEALER_H
#define TIDEMARK_MAIN_SEALER_H

#include "db/feed.h"
#include "record/record.h"

struct sealer;
struct boot;
/* Reads the key (or makes it) and where sealing stands. *gtid: the position that the feed must begin at, or
 * before; when it is later, it is moved there. */
task_fn int sealer_start(struct boot *boot, struct str *gtid, struct sealer **ret_sealer, struct err *err);
/* The task that writes; after the feed has been started. */
void sealer_run(struct sealer *sealer);
/* From the feed's consumer, one after the other, a loss as well. Parks while too much waits, for some seconds
 * at most. */
task_fn void sealer_hear(struct sealer *sealer, const struct feed_tx *tx);
void sealer_keep(struct sealer *sealer, struct tx *tx); /* once a second: the lease */
task_fn void sealer_stop(struct sealer *sealer);        /* NULL is accepted; nothing is heard any more */

struct sealer_stats {
    uint64_t leaves, seals, errors; /* of the log as far as this process knows; errors of this process */
    size_t waiting;
    bool holds; /* the lease */
};
struct sealer_stats sealer_stats_now(const struct sealer *sealer);

#endif
