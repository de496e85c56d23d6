/* Inside audit/ only: what the stores of seals share. */
#ifndef TIDEMARK_AUDIT_SEAL_INT_H
#define TIDEMARK_AUDIT_SEAL_INT_H

#include "audit/seal_store.h"

#define SEAL_EVENT_BYTES_MAX ((size_t)1 << 30) /* more than one packet of the database can hold */

#define SEAL_ROW "number,size,root,prev,at,term,pos,found,gap,signer,next_signer,signature"
int seal_read_row(const struct db_rows *rows, size_t row, struct seal *ret_seal, struct err *err);

/* The tree over the first `size` leaves, from their hashes. */
task_fn int seal_tree_of_leaves(
    struct db *db, int64_t size, struct seal_tree *tree, struct crypto_digest *digest, struct err *err);

#endif
