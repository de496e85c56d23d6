/*
 * TLS 1.2 and 1.3 with forward secrecy, http/1.1 and nothing else. Certificate and key are read into a
 * context of their own, so that a bad pair never touches the one in use; a callback puts the current pair
 * into each handshake, which makes a reload one pointer.
 *
 * No session tickets and no session cache: nothing to rotate, nothing to steal, and connections here are
 * long.
 */
#include "net/net_int.h"

#include "base/must.h"

#include <openssl/err.h>
#include <stdlib.h>

struct tls {
    SSL_CTX *pair; /* only carries leaf, chain and key */
};

static int fail(struct err *err, const char *what, struct str path)
{
    char reason[120];
    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "%s %.*s: %s", what, STR_ARGS(path), reason);
}

static int load_pair(const struct conf *conf, SSL_CTX **ret_pair, struct err *err)
{
    struct arena *arena = arena_new();
    const char *certificate = arena_cstr(arena, conf->tls_certificate_file);
    const char *key = arena_cstr(arena, conf->tls_key_file);
    SSL_CTX *pair = SSL_CTX_new(TLS_server_method());
    int result = 0;

    must(pair != NULL);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(pair, certificate) != 1)
        result = fail(err, "tls.certificate_file", conf->tls_certificate_file);
    else if (SSL_CTX_use_PrivateKey_file(pair, key, SSL_FILETYPE_PEM) != 1)
        result = fail(err, "tls.key_file", conf->tls_key_file);
    else if (SSL_CTX_check_private_key(pair) != 1)
        result = fail(err, "the key does not belong to the certificate", conf->tls_certificate_file);
    else if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(pair))) < 0)
        result = err_set(
            err, ERR_CONFIG, "tls.certificate_file %.*s has expired", STR_ARGS(conf->tls_certificate_file));
    arena_free(arena);
    if (result != 0)
        SSL_CTX_free(pair);
    else
        *ret_pair = pair;
    return result;
}

int tls_new(const struct conf *conf, struct tls **ret_tls, struct err *err)
{
    SSL_CTX *pair;
    int result = load_pair(conf, &pair, err);
    if (result != 0)
        return result;
    struct tls *tls = must_alloc(sizeof(*tls));
    tls->pair = pair;
    *ret_tls = tls;
    return 0;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->pair);
    free(tls);
}

int tls_reload(struct tls *tls, const struct conf *conf, struct err *err)
{
    SSL_CTX *pair;
    int result = load_pair(conf, &pair, err);
    if (result != 0)
        return result;
    SSL_CTX_free(tls->pair);
    tls->pair = pair;
    return 0;
}

static int choose_pair(SSL *ssl, void *arg)
{
    const struct tls *tls = arg;
    STACK_OF(X509) *chain = NULL;
    SSL_certs_clear(ssl);
    if (SSL_CTX_get0_chain_certs(tls->pair, &chain) != 1)
        return 0;
    return SSL_use_cert_and_key(
        ssl, SSL_CTX_get0_certificate(tls->pair), SSL_CTX_get0_privatekey(tls->pair), chain, 1);
}

void tls_configure(struct tls *tls, SSL_CTX *ssl_ctx)
{
    char groups[] = "X25519:P-256:P-384"; /* OpenSSL's macro wants it writable */
    must(SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) == 1);
    must(SSL_CTX_set_cipher_list(ssl_ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1);
    must(SSL_CTX_set1_groups_list(ssl_ctx, groups) == 1);
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_num_tickets(ssl_ctx, 0);
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cert_cb(ssl_ctx, choose_pair, tls);
}
