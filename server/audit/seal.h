/*
 * The log made provable: the bytes of a sealed event, the Merkle tree over them (RFC 9162's, over SHA-256),
 * the signed seal, and the lines of an export. Pure functions: no database, no clock, no loop. All of it is
 * written down for others in docs/audit-format.md; what changes here changes there, under a new version.
 */
#ifndef TIDEMARK_AUDIT_SEAL_H
#define TIDEMARK_AUDIT_SEAL_H

#include "base/buf.h"
#include "crypto/crypto.h"
#include "db/db.h"

#define SEAL_HASH_BYTES CRYPTO_SHA256_BYTES
#define SEAL_LOG_CHARS 32 /* the log's name: the instance's uuid */
#define SEAL_POS_MAX 48   /* "<epoch>.<n>", with an ending NUL */

/* ---- an event, sealed ---------------------------------------------------------------------------------- */

/* Its members in the order of the bytes and of the export's line. */
enum seal_member {
#define M(name, key) SEAL_##name,
#include "audit/seal_members.def"
#undef M
    SEAL_MEMBERS
};
/* Every member as a text; p NULL: null. Borrowed, but for what had to be made: numbers, time, ids of a list.
 */
struct seal_event {
    struct str member[SEAL_MEMBERS];
    char pos[SEAL_POS_MAX], n[24], at[40];
    struct buf numbers; /* clear it with seal_event_done */
};
/* The columns of tidemark_log.event, in the order that seal_event_read takes them in; NULL-terminated. */
extern const char *const SEAL_COLUMNS[];
#define SEAL_COLUMN_COUNT 14
#define SEAL_SELECT                                                                                          \
    "e.id,e.at,e.actor_id,e.login,e.action,e.form,e.record,e.rev,e.records,e.changes,e.session,e.address,"   \
    "e.request,e.detail"
/* From a row's values; `pos` empty: its place in the order of commits is not known. The event's buffer is
 * used again from one call to the next. */
void seal_event_read(
    struct seal_event *event, const struct db_val *cells[SEAL_COLUMN_COUNT], struct str pos, int64_t n);
void seal_event_done(struct seal_event *event);
/* "<epoch>.<number>"; empty where number is 0. */
struct str seal_pos_print(char text[SEAL_POS_MAX], struct str epoch, int64_t number);

/* The leaf's hash: of 0x00 and the bytes of the members. `scratch` is overwritten. */
void seal_leaf_hash(const struct seal_event *event, struct crypto_digest *digest, struct buf *scratch,
    unsigned char hash[SEAL_HASH_BYTES]);

/* ---- the tree ------------------------------------------------------------------------------------------ */

/* Its right edge: at[i] is the root of a full subtree of 2^i leaves, there where bit i of size is set. */
struct seal_tree {
    uint64_t size;
    unsigned char at[64][SEAL_HASH_BYTES];
};
void seal_tree_add(struct seal_tree *tree, struct crypto_digest *digest, const unsigned char *hash);
void seal_tree_root(
    const struct seal_tree *tree, struct crypto_digest *digest, unsigned char root[SEAL_HASH_BYTES]);
/* The edge as bytes, largest subtree first, and back; false: not the right number of hashes for the size. */
void seal_tree_save(const struct seal_tree *tree, struct buf *to);
bool seal_tree_load(struct seal_tree *tree, uint64_t size, struct str edge);

/* ---- the seal ------------------------------------------------------------------------------------------ */

/* What a seal declares to be unknown. */
enum seal_gap {
    SEAL_NO_GAP,
    SEAL_GAP_BEGIN, /* events from before sealing began: their order is that of their ids */
    SEAL_GAP_FEED,  /* the binlog was lost in between; likewise */
    SEAL_GAP_KEY,   /* the key of before is gone, and did not name this one */
    SEAL_GAPS
};
const char *seal_gap_name(enum seal_gap gap); /* NULL: none */
bool seal_gap_parse(struct str text, enum seal_gap *ret_gap);

struct seal {
    int64_t number; /* from 1 */
    int64_t size;   /* leaves of the tree */
    unsigned char root[SEAL_HASH_BYTES];
    bool has_prev; /* all but the first */
    unsigned char prev[SEAL_HASH_BYTES];
    int64_t at_us, term;
    char pos[SEAL_POS_MAX]; /* of the last leaf that has one; empty: none has */
    int64_t found;          /* of the leaves since the seal before: how many have no position */
    enum seal_gap gap;
    unsigned char key[CRYPTO_KEY_BYTES]; /* that signed it */
    bool has_next;
    unsigned char next[CRYPTO_KEY_BYTES]; /* the key of all seals from the next one on */
    unsigned char signature[CRYPTO_SIGNATURE_BYTES];
};
/* What is signed. */
void seal_message(const struct seal *seal, struct str log, struct buf *to);
void seal_sign(struct seal *seal, struct str log, const unsigned char seed[CRYPTO_KEY_BYTES]); /* fills key */
bool seal_is_signed(const struct seal *seal, struct str log);
/* `prev` of the next one: over 0x02, the message and the signature. */
void seal_hash(const struct seal *seal, struct str log, unsigned char hash[SEAL_HASH_BYTES]);

/* ---- the lines of an export, without the newline ------------------------------------------------------- */

void seal_line_head(
    struct buf *to, struct str log, const struct seal_tree *tree); /* tree: what comes before the range */
void seal_line_leaf(struct buf *to, uint64_t leaf, const struct seal_event *event, const unsigned char *hash);
/* A leaf whose event is not in the log any more. */
void seal_line_missing(struct buf *to, uint64_t leaf, struct str id, const unsigned char *hash);
void seal_line_seal(struct buf *to, const struct seal *seal);
void seal_line_end(struct buf *to, uint64_t leaves, uint64_t seals);

struct seal_head {
    struct str log;
    struct seal_tree tree;
};
struct seal_leaf {
    int64_t leaf, n;
    struct str id, pos;
    unsigned char hash[SEAL_HASH_BYTES];     /* as the line says */
    unsigned char computed[SEAL_HASH_BYTES]; /* as its members give */
    bool is_missing;
};
/* Strict: exactly what the functions above write, byte for byte, or false. What they give lives in `scratch`
 * or in the line. */
bool seal_head_parse(struct str line, struct seal_head *ret_head);
bool seal_leaf_parse(
    struct str line, struct crypto_digest *digest, struct buf *scratch, struct seal_leaf *ret_leaf);
bool seal_parse(struct str line, struct seal *ret_seal);
bool seal_end_parse(struct str line, int64_t *ret_leaves, int64_t *ret_seals);

#endif
