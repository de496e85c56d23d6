/*
 * Password hashes: Argon2id (libargon2) with a random salt of 16 bytes, then HMAC-SHA256 with the pepper over
 * its tag. Stored as
 *
 *   argon2id-p1$$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
 *
 * salt and hash in base64 without padding, as PHC strings have them; "p1" tells that the hash is the HMAC
 * under the first pepper. A stolen table without the pepper's file cannot be searched.
 *
 * What is read back is bounded: a forged row must not be able to ask for gigabytes or for minutes.
 */
#include "crypto/crypto.h"

#include "base/must.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "argon2id-p1$$argon2id$v=19$"
#define SALT_BYTES 16
#define TAG_BYTES 32
#define MEMORY_KIB_MIN 8u
#define MEMORY_KIB_MAX (1024u * 1024)
#define PASSES_MAX 20u
#define BASE64_MAX 48 /* 43 letters for 32 bytes */

struct stored {
    struct crypto_password_cost cost;
    unsigned char salt[SALT_BYTES], hash[CRYPTO_SHA256_BYTES];
};

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(const unsigned char *bytes, size_t n, char text[BASE64_MAX])
{
    size_t length = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t here = n - i < 3 ? n - i : 3;
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < here ? bytes[i + j] : 0u);
        for (size_t j = 0; j <= here; j++)
            text[length++] = ALPHABET[group >> (18 - 6 * j) & 63];
    }
    text[length] = '\0';
    return length;
}

/* Strict: exactly n bytes, in the one text that encode gives for them. */
static bool decode(struct str text, unsigned char *bytes, size_t n)
{
    uint32_t bits = 0;
    int n_bits = 0;
    size_t done = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *digit = text.p[i] ? strchr(ALPHABET, text.p[i]) : NULL;
        if (digit == NULL)
            return false;
        bits = (bits << 6 | (uint32_t)(digit - ALPHABET)) & 0xFFFF;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (done == n)
            return false;
        bytes[done++] = (unsigned char)(bits >> n_bits);
    }
    return done == n && n_bits < 6 && (bits & ((1u << n_bits) - 1)) == 0;
}

static bool cost_is_sane(struct crypto_password_cost cost)
{
    return cost.memory_kib >= MEMORY_KIB_MIN && cost.memory_kib <= MEMORY_KIB_MAX && cost.passes >= 1 &&
           cost.passes <= PASSES_MAX;
}

static int compute(struct str password, struct str pepper, struct crypto_password_cost cost,
    const unsigned char salt[SALT_BYTES], unsigned char hash[CRYPTO_SHA256_BYTES])
{
    unsigned char tag[TAG_BYTES];
    int rc = argon2id_hash_raw(cost.passes, cost.memory_kib, 1, password.n ? password.p : "", password.n,
        salt, SALT_BYTES, tag, sizeof tag);
    if (rc == ARGON2_OK)
        crypto_hmac_sha256(pepper, (struct str){(const char *)tag, sizeof tag}, hash);
    crypto_wipe(tag, sizeof tag);
    return rc;
}

int crypto_password_hash(struct str password, struct str pepper, struct crypto_password_cost cost,
    char ret_stored[CRYPTO_PASSWORD_MAX], struct err *err)
{
    if (!cost_is_sane(cost))
        return err_set(
            err, ERR_CRYPTO, "password cost out of range: %u KiB, %u passes", cost.memory_kib, cost.passes);
    struct stored made = {.cost = cost};
    crypto_random(made.salt, sizeof made.salt);
    int rc = compute(password, pepper, cost, made.salt, made.hash);
    if (rc != ARGON2_OK)
        return err_set(err, ERR_CRYPTO, "argon2: %s", argon2_error_message(rc));
    char salt[BASE64_MAX], hash[BASE64_MAX];
    encode(made.salt, sizeof made.salt, salt);
    encode(made.hash, sizeof made.hash, hash);
    int n = snprintf(ret_stored, CRYPTO_PASSWORD_MAX, PREFIX "m=%u,t=%u,p=1$%s$%s", cost.memory_kib,
        cost.passes, salt, hash);
    must(n > 0 && n < CRYPTO_PASSWORD_MAX);
    return 0;
}

/* "m=19456": a name, then a strict decimal up to the separator. */
static bool take_number(struct str *rest, struct str name, char separator, uint32_t *ret_value)
{
    if (!str_starts(*rest, name))
        return false;
    *rest = (struct str){rest->p + name.n, rest->n - name.n};
    int64_t value;
    if (!str_to_i64(str_cut(rest, separator), &value) || value < 0 || value > UINT32_MAX)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static bool parse(struct str text, struct stored *ret_stored)
{
    struct stored stored;
    uint32_t lanes;
    if (text.n >= CRYPTO_PASSWORD_MAX || !str_starts(text, STR(PREFIX)))
        return false;
    struct str rest = {text.p + sizeof PREFIX - 1, text.n - (sizeof PREFIX - 1)};
    if (!take_number(&rest, STR("m="), ',', &stored.cost.memory_kib) ||
        !take_number(&rest, STR("t="), ',', &stored.cost.passes) ||
        !take_number(&rest, STR("p="), '$', &lanes) || lanes != 1 || !cost_is_sane(stored.cost))
        return false;
    struct str salt = str_cut(&rest, '$');
    if (!decode(salt, stored.salt, sizeof stored.salt) || !decode(rest, stored.hash, sizeof stored.hash))
        return false;
    *ret_stored = stored;
    return true;
}

bool crypto_password_verify(struct str password, struct str pepper, struct str stored_text,
    struct crypto_password_cost cost, bool *ret_weak)
{
    struct stored stored;
    unsigned char hash[CRYPTO_SHA256_BYTES];
    if (!parse(stored_text, &stored) ||
        compute(password, pepper, stored.cost, stored.salt, hash) != ARGON2_OK)
        return false;
    bool is_same = str_eq_constant_time((struct str){(const char *)hash, sizeof hash},
        (struct str){(const char *)stored.hash, sizeof stored.hash});
    crypto_wipe(hash, sizeof hash);
    if (is_same)
        *ret_weak = stored.cost.memory_kib < cost.memory_kib || stored.cost.passes < cost.passes;
    return is_same;
}
