/*
 * Ed25519 through OpenSSL. The same key and message always give the same signature, so nothing here depends
 * on the random source.
 */
#include "crypto/crypto.h"

#include "base/must.h"

#include <openssl/evp.h>

void crypto_public_key(const unsigned char seed[CRYPTO_KEY_BYTES], unsigned char key[CRYPTO_KEY_BYTES])
{
    size_t n = CRYPTO_KEY_BYTES;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_KEY_BYTES);
    must(pair != NULL && EVP_PKEY_get_raw_public_key(pair, key, &n) == 1 && n == CRYPTO_KEY_BYTES);
    EVP_PKEY_free(pair);
}

void crypto_sign(const unsigned char seed[CRYPTO_KEY_BYTES], struct str message,
    unsigned char signature[CRYPTO_SIGNATURE_BYTES])
{
    size_t n = CRYPTO_SIGNATURE_BYTES;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(pair != NULL && context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1);
    must(EVP_DigestSign(context, signature, &n, (const unsigned char *)message.p, message.n) == 1 &&
         n == CRYPTO_SIGNATURE_BYTES);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
}

/* 32 bytes that are no point of the curve are no key: nothing is signed by them. */
bool crypto_signature_is_good(const unsigned char key[CRYPTO_KEY_BYTES], struct str message,
    const unsigned char signature[CRYPTO_SIGNATURE_BYTES])
{
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, CRYPTO_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    bool good = public != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
                EVP_DigestVerify(context, signature, CRYPTO_SIGNATURE_BYTES, (const unsigned char *)message.p,
                    message.n) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public);
    return good;
}
