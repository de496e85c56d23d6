/*
 * Random bytes, SHA-256 and HMAC, through OpenSSL's EVP interface. The algorithm objects are fetched once,
 * and each HMAC is a copy of one that knows its digest: a fetch looks through all providers and costs more
 * than hashing a cookie. A failure here means that OpenSSL is broken or has no memory, and ends the process.
 */
#include "crypto/crypto.h"

#include "base/must.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static EVP_MD *sha256;
static EVP_MAC_CTX *hmac_model; /* with the digest set and no key */

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    must(sha256 != NULL && hmac != NULL);
    hmac_model = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the model holds its own reference */
    /* OSSL_PARAM wants a pointer that it may write to, which it does not do when setting. */
    char name[] = "SHA2-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
    must(hmac_model != NULL && EVP_MAC_CTX_set_params(hmac_model, params) == 1);
}

static void fetch_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
}

void crypto_random(void *p, size_t n)
{
    unsigned char *at = p;
    while (n > 0) {
        int piece = n > INT_MAX ? INT_MAX : (int)n;
        must(RAND_bytes(at, piece) == 1);
        at += piece;
        n -= (size_t)piece;
    }
}

void crypto_sha256(struct str data, unsigned char digest[CRYPTO_SHA256_BYTES])
{
    fetch_once();
    unsigned n = 0;
    must(EVP_Digest(data.n ? data.p : "", data.n, digest, &n, sha256, NULL) == 1 && n == CRYPTO_SHA256_BYTES);
}

struct crypto_digest {
    EVP_MD_CTX *context;
};

struct crypto_digest *crypto_digest_new(void)
{
    fetch_once();
    struct crypto_digest *digest = must_alloc(sizeof *digest);
    digest->context = EVP_MD_CTX_new();
    must(digest->context != NULL && EVP_DigestInit_ex2(digest->context, sha256, NULL) == 1);
    return digest;
}

void crypto_digest_free(struct crypto_digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void crypto_digest_of(struct crypto_digest *digest, struct str data, unsigned char out[CRYPTO_SHA256_BYTES])
{
    must(EVP_DigestInit_ex2(digest->context, NULL, NULL) == 1 &&
         EVP_DigestUpdate(digest->context, data.n ? data.p : "", data.n) == 1 &&
         EVP_DigestFinal_ex(digest->context, out, NULL) == 1);
}

static EVP_MAC_CTX *hmac_begin(struct str key)
{
    fetch_once();
    EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(hmac_model);
    must(mac != NULL);
    /* A NULL key would mean "the key of before". */
    must(EVP_MAC_init(mac, (const unsigned char *)(key.p ? key.p : ""), key.n, NULL) == 1);
    return mac;
}

static void hmac_add(EVP_MAC_CTX *mac, struct str data)
{
    if (data.n)
        must(EVP_MAC_update(mac, (const unsigned char *)data.p, data.n) == 1);
}

static void hmac_end(EVP_MAC_CTX *mac, unsigned char digest[CRYPTO_SHA256_BYTES])
{
    size_t n = 0;
    must(EVP_MAC_final(mac, digest, &n, CRYPTO_SHA256_BYTES) == 1 && n == CRYPTO_SHA256_BYTES);
    EVP_MAC_CTX_free(mac);
}

void crypto_hmac_sha256(struct str key, struct str data, unsigned char digest[CRYPTO_SHA256_BYTES])
{
    EVP_MAC_CTX *mac = hmac_begin(key);
    hmac_add(mac, data);
    hmac_end(mac, digest);
}

void crypto_hmac_pieces(
    struct str key, const struct str *pieces, size_t n, unsigned char digest[CRYPTO_SHA256_BYTES])
{
    EVP_MAC_CTX *mac = hmac_begin(key);
    for (size_t i = 0; i < n; i++) {
        char length[8];
        for (size_t j = 0; j < sizeof length; j++)
            length[j] = (char)((uint64_t)pieces[i].n >> (56 - 8 * j));
        hmac_add(mac, (struct str){length, sizeof length});
        hmac_add(mac, pieces[i]);
    }
    hmac_end(mac, digest);
}

void crypto_wipe(void *p, size_t n)
{
    if (n)
        OPENSSL_cleanse(p, n);
}
