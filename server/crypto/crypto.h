/*
 * OpenSSL and libargon2: random bytes, SHA-256, HMAC, password hashes, and the text forms of bytes. Blocking
 * calls; password hashing belongs on the worker pool (loop/task.h, work_run).
 */
#ifndef TIDEMARK_CRYPTO_CRYPTO_H
#define TIDEMARK_CRYPTO_CRYPTO_H

#include "base/err.h"

#define CRYPTO_SHA256_BYTES 32

void crypto_random(void *p, size_t n); /* ends the process if the system has none */
void crypto_sha256(struct str data, unsigned char digest[CRYPTO_SHA256_BYTES]);
void crypto_hmac_sha256(struct str key, struct str data, unsigned char digest[CRYPTO_SHA256_BYTES]);
/* HMAC over several pieces, each preceded by its length (8 bytes, big-endian), so that pieces cannot run
 * together. */
void crypto_hmac_pieces(
    struct str key, const struct str *pieces, size_t n, unsigned char digest[CRYPTO_SHA256_BYTES]);

/* SHA-256 many times over: one object, no look-up for each digest. Not shared between threads. */
struct crypto_digest;
struct crypto_digest *crypto_digest_new(void);
void crypto_digest_free(struct crypto_digest *digest); /* NULL is accepted */
void crypto_digest_of(struct crypto_digest *digest, struct str data, unsigned char out[CRYPTO_SHA256_BYTES]);

/* Ed25519 (RFC 8032): a private key is its 32 bytes of seed. */
#define CRYPTO_KEY_BYTES 32
#define CRYPTO_SIGNATURE_BYTES 64
void crypto_public_key(const unsigned char seed[CRYPTO_KEY_BYTES], unsigned char key[CRYPTO_KEY_BYTES]);
void crypto_sign(const unsigned char seed[CRYPTO_KEY_BYTES], struct str message,
    unsigned char signature[CRYPTO_SIGNATURE_BYTES]);
bool crypto_signature_is_good(const unsigned char key[CRYPTO_KEY_BYTES], struct str message,
    const unsigned char signature[CRYPTO_SIGNATURE_BYTES]);

/* Lower-case hex only; false if the text is not exactly that of n bytes. */
bool crypto_hex_decode(struct str text, unsigned char *bytes, size_t n);
struct str crypto_hex(struct arena *arena, const void *p, size_t n);
struct str crypto_base64url(struct arena *arena, const void *p, size_t n); /* without padding */
bool crypto_base64url_decode(
    struct arena *arena, struct str text, struct str *ret_bytes); /* strict: one text per value */
void crypto_wipe(void *p, size_t n);

/* Argon2id, then HMAC-SHA256 with the pepper: "argon2id-p1$" and the PHC string with the HMAC in the hash's
 * place. */
struct crypto_password_cost {
    uint32_t memory_kib, passes;
};
#define CRYPTO_PASSWORD_MAX 256 /* bytes of a stored hash */
int crypto_password_hash(struct str password, struct str pepper, struct crypto_password_cost cost,
    char ret_stored[CRYPTO_PASSWORD_MAX], struct err *err);
/* False for a wrong password and for a stored text that is none. *ret_weak: stored at a lower cost than
 * `cost`. */
bool crypto_password_verify(struct str password, struct str pepper, struct str stored,
    struct crypto_password_cost cost, bool *ret_weak);

#endif
