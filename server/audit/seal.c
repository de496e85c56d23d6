/*
 * The seal: a few lines of text that say how large the tree is and what its root is, signed. The first line
 * says what the text is for, so that the signature can mean nothing else.
 */
#include "audit/seal.h"

#include "base/clock.h"
#include "base/must.h"

#include <string.h>

enum { SEAL_PREFIX = 0x02 };

static const char *const GAP_NAMES[SEAL_GAPS] = {
    [SEAL_GAP_BEGIN] = "begin", [SEAL_GAP_FEED] = "feed", [SEAL_GAP_KEY] = "key"};

const char *seal_gap_name(enum seal_gap gap)
{
    must((unsigned)gap < SEAL_GAPS);
    return GAP_NAMES[gap];
}

bool seal_gap_parse(struct str text, enum seal_gap *ret_gap)
{
    for (int i = 0; i < SEAL_GAPS; i++) {
        if (!GAP_NAMES[i] || !str_eq(text, str_of(GAP_NAMES[i])))
            continue;
        *ret_gap = (enum seal_gap)i;
        return true;
    }
    return false;
}

static void add_text(struct buf *to, const char *name, struct str text)
{
    buf_add_text(to, name);
    buf_add_char(to, ' ');
    buf_add_str(to, text.n ? text : STR("-"));
    buf_add_char(to, '\n');
}

static void add_number(struct buf *to, const char *name, int64_t number)
{
    buf_add_text(to, name);
    buf_add_char(to, ' ');
    buf_add_i64(to, number);
    buf_add_char(to, '\n');
}

static void add_bytes(struct buf *to, const char *name, const unsigned char *bytes, bool is_there)
{
    static const char HEX[] = "0123456789abcdef";
    char text[2 * SEAL_HASH_BYTES];
    for (size_t i = 0; i < SEAL_HASH_BYTES; i++) {
        text[2 * i] = HEX[bytes[i] >> 4];
        text[2 * i + 1] = HEX[bytes[i] & 15];
    }
    add_text(to, name, (struct str){text, is_there ? sizeof text : 0});
}

void seal_message(const struct seal *seal, struct str log, struct buf *to)
{
    char at[CLOCK_TEXT_MAX];
    size_t at_n = clock_print_rfc3339(seal->at_us, at);
    buf_add_text(to, "tidemark seal 1\n");
    add_text(to, "log", log);
    add_number(to, "seal", seal->number);
    add_number(to, "size", seal->size);
    add_bytes(to, "root", seal->root, true);
    add_bytes(to, "prev", seal->prev, seal->has_prev);
    add_text(to, "at", (struct str){at, at_n});
    add_number(to, "term", seal->term);
    add_text(to, "pos", str_of(seal->pos));
    add_number(to, "found", seal->found);
    add_text(to, "gap", str_of(seal_gap_name(seal->gap)));
    add_bytes(to, "key", seal->key, true);
    add_bytes(to, "next", seal->next, seal->has_next);
}

void seal_sign(struct seal *seal, struct str log, const unsigned char seed[CRYPTO_KEY_BYTES])
{
    struct buf message;
    buf_init(&message, 0);
    crypto_public_key(seed, seal->key);
    seal_message(seal, log, &message);
    crypto_sign(seed, buf_str(&message), seal->signature);
    buf_done(&message);
}

bool seal_is_signed(const struct seal *seal, struct str log)
{
    struct buf message;
    buf_init(&message, 0);
    seal_message(seal, log, &message);
    bool good = crypto_signature_is_good(seal->key, buf_str(&message), seal->signature);
    buf_done(&message);
    return good;
}

void seal_hash(const struct seal *seal, struct str log, unsigned char hash[SEAL_HASH_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, 0);
    buf_add_char(&bytes, SEAL_PREFIX);
    seal_message(seal, log, &bytes);
    buf_add(&bytes, seal->signature, sizeof seal->signature);
    crypto_sha256(buf_str(&bytes), hash);
    buf_done(&bytes);
}
