/*
 * The proof of an exported log, in one pass over its bytes and in bounded memory: every leaf from its
 * members, the tree, every seal's root, chain, declared gaps and signature. It stops at the first place that
 * is not as it was sealed. Needs nothing but the bytes and, to know whose log it is, a key or seals that were
 * kept elsewhere.
 */
#ifndef TIDEMARK_AUDIT_VERIFY_H
#define TIDEMARK_AUDIT_VERIFY_H

#include "audit/seal.h"

struct audit_verify_opts {
    /* Public keys known from elsewhere: the last seal must be under one of them, or under one that a seal
     * under a known key has named. None: whose keys they are is not proved. */
    const unsigned char (*keys)[CRYPTO_KEY_BYTES];
    size_t n_keys;
    /* Seals that were kept elsewhere, ascending by number: the log must hold each that its range reaches, as
     * it is, must reach the last one, and may not begin after all of them. Of one number there may be
     * several. */
    const struct seal *kept;
    size_t n_kept;
};
struct audit_verdict {
    bool good;
    /* What was proved, or how far it was good. */
    uint64_t from, leaves, seals; /* the first leaf; leaves and seals that were read */
    uint64_t found;               /* leaves whose place in the order of commits nobody knows, as declared */
    size_t compared;              /* seals that were kept elsewhere and are the log's own */
    bool has_seal, key_is_known;
    struct seal last; /* the last good seal */
    /* The first bad place, where not good. Numbers are -1 and texts empty where it has none. */
    uint64_t line; /* of the file, from 1 */
    int64_t leaf, seal;
    char event[24], pos[SEAL_POS_MAX];
    char what[160];
};

struct audit_verify;
struct audit_verify *audit_verify_new(
    const struct audit_verify_opts *opts);           /* what it points to is borrowed */
void audit_verify_free(struct audit_verify *verify); /* NULL is accepted */
/* The next bytes, however they are cut. False: a bad place has been found, the rest need not come. */
bool audit_verify_push(struct audit_verify *verify, struct str bytes);
/* After the last byte. */
void audit_verify_end(struct audit_verify *verify, struct audit_verdict *ret_verdict);
/* The bad place in one line of text. */
void audit_verdict_print(const struct audit_verdict *verdict, struct buf *to);

#endif
