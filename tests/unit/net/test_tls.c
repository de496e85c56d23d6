/*
 * TLS: what can be negotiated and what cannot, and certificates that change while the server runs.
 */
#include "server.h"

#include <openssl/err.h>

static void with_tls(struct conf *conf)
{
    conf->tls_certificate_file = STR("cert.pem");
    conf->tls_key_file = STR("key.pem");
    conf->limits_header_ms = 400;
}

static struct server server;

static int set_up(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    write_pair("cert.pem", "key.pem", "first", 30);
    server = server_start((struct server_setup){.tune = with_tls});
    return atomic_load(&server.shared->port) > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    server_stop(&server);
    return leave_folder(state);
}

/* A handshake with a context of the caller's; NULL if refused. */
static SSL *handshake(SSL_CTX *ctx, int *ret_fd)
{
    SSL *ssl = SSL_new(ctx);
    assert_non_null(ssl);
    *ret_fd = dial(&server);
    assert_int_equal(SSL_set_fd(ssl, *ret_fd), 1);
    if (SSL_connect(ssl) == 1)
        return ssl;
    ERR_clear_error();
    SSL_free(ssl);
    (void)close(*ret_fd);
    return NULL;
}

static void end(SSL *ssl, int fd)
{
    SSL_free(ssl);
    (void)close(fd);
}

/* Asks something over an established connection. */
static int status_over(SSL *ssl, int fd)
{
    struct client client = {.fd = fd, .ssl = ssl};
    struct buf store = {0};
    int status = ask(&client, GET("/api/echo"), &store).status;
    buf_done(&store);
    return status;
}

static void test_versions(void **state)
{
    static const struct {
        int version;
        bool good;
    } tried[] = {
        {TLS1_VERSION, false}, {TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
    (void)state;
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        int fd;
        SSL_CTX_set_security_level(ctx, 0);
        assert_int_equal(SSL_CTX_set_min_proto_version(ctx, tried[i].version), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(ctx, tried[i].version), 1);
        SSL *ssl = handshake(ctx, &fd);
        assert_int_equal(ssl != NULL, tried[i].good);
        if (ssl != NULL) {
            assert_int_equal(SSL_version(ssl), tried[i].version);
            assert_int_equal(status_over(ssl, fd), 200);
            end(ssl, fd);
        }
        SSL_CTX_free(ctx);
    }
}

static void test_forward_secrecy_only(void **state)
{
    static const struct {
        const char *suites;
        bool good;
    } tried[] = {
        {"ECDHE-ECDSA-AES128-GCM-SHA256", true},
        {"ECDHE-ECDSA-CHACHA20-POLY1305", true},
        {"AES128-GCM-SHA256", false},
        {"ECDHE-ECDSA-AES128-SHA", false},
        {"DHE-RSA-AES128-GCM-SHA256", false},
        {"aNULL", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        int fd;
        SSL_CTX_set_security_level(ctx, 0);
        (void)SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, tried[i].suites), 1);
        SSL *ssl = handshake(ctx, &fd);
        assert_int_equal(ssl != NULL, tried[i].good);
        if (ssl != NULL)
            end(ssl, fd);
        SSL_CTX_free(ctx);
    }
}

static void test_alpn(void **state)
{
    static const struct {
        const char *offered, *chosen;
    } tried[] = {{"\x02h2\x08http/1.1", "http/1.1"}, {"\x02h2", ""}, {"\x08http/1.0", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        const unsigned char *chosen;
        unsigned n;
        int fd;
        assert_int_equal(SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)tried[i].offered,
                             (unsigned)strlen(tried[i].offered)),
            0);
        SSL *ssl = handshake(ctx, &fd);
        assert_non_null(ssl);
        SSL_get0_alpn_selected(ssl, &chosen, &n);
        assert_int_equal(n, strlen(tried[i].chosen));
        if (n > 0)
            assert_memory_equal(chosen, tried[i].chosen, n);
        end(ssl, fd);
        SSL_CTX_free(ctx);
    }
}

static void test_no_tickets_no_renegotiation(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        int fd;
        (void)SSL_CTX_set_max_proto_version(ctx, version);
        SSL *ssl = handshake(ctx, &fd);
        assert_non_null(ssl);
        assert_int_equal(status_over(ssl, fd), 200);
        assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(ssl)), 0);
        SSL_SESSION *session = SSL_get1_session(ssl);
        if (version == TLS1_2_VERSION) {
            assert_int_equal(SSL_renegotiate(ssl), 1);
            assert_int_not_equal(SSL_do_handshake(ssl), 1);
            ERR_clear_error();
        }
        end(ssl, fd);
        ssl = SSL_new(ctx);
        fd = dial(&server);
        assert_int_equal(SSL_set_fd(ssl, fd), 1);
        (void)SSL_set_session(ssl, session);
        assert_int_equal(SSL_connect(ssl), 1);
        assert_int_equal(SSL_session_reused(ssl), 0);
        end(ssl, fd);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
    }
}

static void test_transport_header(void **state)
{
    struct client client = client_open(&server, true);
    struct buf store = {0};
    struct reply reply = ask(&client, GET("/api/echo"), &store);
    (void)state;
    assert_true(str_starts(reply_get(&reply, "Strict-Transport-Security"), STR("max-age=31536000")));
    assert_true(str_find(reply.body, STR("|11|")) != SIZE_MAX);
    buf_done(&store);
    client_close(&client);
}

/* Large both ways, so that many TLS records wait inside OpenSSL. */
static void test_large_both_ways(void **state)
{
    struct client client = client_open(&server, true);
    struct buf request, store = {0};
    (void)state;
    buf_init(&request, 0);
    buf_add_text(&request, "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    while (request.n < 1000000 + 72)
        buf_add_char(&request, 'b');
    size_t head = str_find(buf_str(&request), STR("\r\n\r\n")) + 4;
    request.n = head + 1000000;
    struct reply reply = ask(&client, buf_cstr(&request), &store);
    assert_int_equal(reply.status, 200);
    assert_true(reply.body.n > 1000000);
    reply = ask(&client, GET("/api/big"), &store);
    assert_int_equal(reply.body.n, 6000000);
    buf_done(&request);
    buf_done(&store);
    client_close(&client);
}

/* Not TLS, nothing at all, a hello and then silence: closed in bounded time, and nothing reaches a handler.
 */
static void test_handshakes_that_are_none(void **state)
{
    static const struct str sent[] = {
        {"", 0}, {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35}, {"\x16\x03\x01\x02", 4}};
    int handled = atomic_load(&server.shared->handled);
    (void)state;
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        struct client client = {.fd = dial(&server)};
        struct buf all;
        buf_init(&all, 0);
        assert_true(client_send(&client, sent[i]));
        client_receive_all(&client, &all);
        assert_true(str_find(buf_str(&all), STR("HTTP")) == SIZE_MAX);
        buf_done(&all);
        client_close(&client);
    }
    wait_until(atomic_load(&server.shared->open) == 0);
    assert_int_equal(atomic_load(&server.shared->handled), handled);
}

static void check_name(const char *expected)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char name[64];
    int fd;
    SSL *ssl = handshake(ctx, &fd);
    assert_non_null(ssl);
    X509 *x509 = SSL_get1_peer_certificate(ssl);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, sizeof(name));
    assert_string_equal(name, expected);
    X509_free(x509);
    end(ssl, fd);
    SSL_CTX_free(ctx);
}

static void reload(int expected)
{
    server_command(&server, COMMAND_RELOAD);
    wait_until(abs(atomic_load(&server.shared->reloaded)) == abs(expected));
    assert_int_equal(atomic_load(&server.shared->reloaded), expected);
}

static void test_reload(void **state)
{
    struct client before = client_open(&server, true);
    struct buf store = {0};
    (void)state;
    assert_int_equal(ask(&before, GET("/api/echo"), &store).status, 200);
    check_name("first");
    write_pair("cert.pem", "key.pem", "second", 30);
    check_name("first"); /* files alone change nothing */
    reload(1);
    check_name("second");
    assert_int_equal(ask(&before, GET("/api/echo"), &store).status, 200); /* old connections go on */
    write_pair("cert.pem", "other.pem", "third", 30);                     /* a key that does not belong */
    reload(-2);
    check_name("second");
    write_pair("cert.pem", "key.pem", "expired", -1);
    reload(-3);
    check_name("second");
    FILE *file = fopen("cert.pem", "w");
    assert_non_null(file);
    assert_true(fputs("no certificate", file) >= 0);
    (void)fclose(file);
    reload(-4);
    check_name("second");
    assert_int_equal(unlink("key.pem"), 0);
    reload(-5);
    check_name("second");
    buf_done(&store);
    client_close(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_forward_secrecy_only),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_no_tickets_no_renegotiation),
        cmocka_unit_test(test_transport_header),
        cmocka_unit_test(test_large_both_ways),
        cmocka_unit_test(test_handshakes_that_are_none),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
