/*
 * The Merkle tree of RFC 9162, 2.1: a leaf is H(0x00 ‖ bytes), a node H(0x01 ‖ left ‖ right), the left
 * subtree the largest power of two that is smaller than the whole. Only the right edge is kept: adding a leaf
 * joins full subtrees of equal size, as adding one to a binary number carries.
 */
#include "audit/seal.h"

#include "base/must.h"

#include <string.h>

enum { NODE_PREFIX = 0x01, LEVELS = 64 };

static void join(struct crypto_digest *digest, const unsigned char *left, const unsigned char *right,
    unsigned char out[SEAL_HASH_BYTES])
{
    char bytes[1 + 2 * SEAL_HASH_BYTES];
    bytes[0] = NODE_PREFIX;
    memcpy(bytes + 1, left, SEAL_HASH_BYTES);
    memcpy(bytes + 1 + SEAL_HASH_BYTES, right, SEAL_HASH_BYTES);
    crypto_digest_of(digest, (struct str){bytes, sizeof bytes}, out);
}

void seal_tree_add(struct seal_tree *tree, struct crypto_digest *digest, const unsigned char *hash)
{
    unsigned char carry[SEAL_HASH_BYTES];
    int level = 0;
    memcpy(carry, hash, sizeof carry);
    for (; tree->size >> level & 1; level++)
        join(digest, tree->at[level], carry, carry);
    memcpy(tree->at[level], carry, sizeof carry);
    tree->size++;
}

void seal_tree_root(
    const struct seal_tree *tree, struct crypto_digest *digest, unsigned char root[SEAL_HASH_BYTES])
{
    int level = 0;
    if (tree->size == 0) {
        crypto_digest_of(digest, STR_NULL, root);
        return;
    }
    while (!(tree->size >> level & 1))
        level++;
    memcpy(root, tree->at[level], SEAL_HASH_BYTES);
    for (level++; level < LEVELS && tree->size >> level; level++)
        if (tree->size >> level & 1)
            join(digest, tree->at[level], root, root);
}

void seal_tree_save(const struct seal_tree *tree, struct buf *to)
{
    for (int level = LEVELS - 1; level >= 0; level--)
        if (tree->size >> level & 1)
            buf_add(to, tree->at[level], SEAL_HASH_BYTES);
}

bool seal_tree_load(struct seal_tree *tree, uint64_t size, struct str edge)
{
    size_t n = 0;
    tree->size = size;
    for (int level = LEVELS - 1; level >= 0; level--) {
        if (!(size >> level & 1))
            continue;
        if (edge.n - n < SEAL_HASH_BYTES)
            return false;
        memcpy(tree->at[level], edge.p + n, SEAL_HASH_BYTES);
        n += SEAL_HASH_BYTES;
    }
    return n == edge.n;
}
