/*
 * Answers: their headers, bodies of every size, files from memory, what a handler is told of a request.
 */
#include "server.h"

static struct server server;

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    if (enter_folder(state) != 0 || mkdir("web", 0700) != 0 || mkdir("web/assets", 0700) != 0 ||
        mkdir("web/.git", 0700) != 0)
        return -1;
    put_file("web/index.html", "<html>the page");
    put_file("web/index.html.gz", "gz of the page");
    put_file("web/index.html.br", "br of the page");
    put_file("web/assets/app-Ab_12345.js", "let hashed;");
    put_file("web/assets/app.js", "let plain;");
    put_file("web/assets/only.svg.br", "a form without its file");
    put_file("web/logo.svg", "<svg/>");
    put_file("web/.git/config", "secret");
    put_file("secret.txt", "secret");
    if (symlink("../secret.txt", "web/link.txt") != 0)
        return -1;
    server = server_start((struct server_setup){.web_dir = "web"});
    return 0;
}

static int tear_down(void **state)
{
    server_stop(&server);
    return leave_folder(state);
}

static void assert_str(struct str text, const char *expected)
{
    if (!str_eq(text, str_of(expected)))
        fail_msg("'%.*s' is not '%s'", STR_ARGS(text), expected);
}

static const char *const STRICT[][2] = {
    {"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static void test_strict_headers(void **state)
{
    static const struct {
        const char *request;
        int status;
    } asked[] = {
        {GET("/"), 200},
        {GET("/api/echo"), 200},
        {GET("/api/empty"), 500},
        {GET("/assets/none.js"), 404},
        {"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n", 304},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"TRACE / HTTP/1.1\r\n\r\n", 405},
        {"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n", 413},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct client client = client_open(&server, false);
        struct buf store = {0};
        struct reply reply = ask(&client, asked[i].request, &store);
        assert_int_equal(reply.status, asked[i].status);
        for (size_t h = 0; h < sizeof(STRICT) / sizeof(STRICT[0]); h++)
            assert_str(reply_get(&reply, STRICT[h][0]), STRICT[h][1]);
        assert_true(reply_get(&reply, "Permissions-Policy").n > 0);
        assert_int_equal(reply_get(&reply, "X-Request-Id").n, 20);
        assert_int_equal(reply_get(&reply, "Date").n, 29);
        assert_int_equal(reply_get(&reply, "Server").n, 0);
        assert_int_equal(reply_get(&reply, "Strict-Transport-Security").n, 0);
        if (reply.status >= 400) {
            assert_str(reply_get(&reply, "Content-Type"), "application/problem+json");
            assert_str(reply_get(&reply, "Cache-Control"), "no-store");
            assert_true(str_find(reply.body, reply_get(&reply, "X-Request-Id")) != SIZE_MAX);
        }
        if (reply.status == 405)
            assert_true(reply_get(&reply, "Allow").n > 0);
        buf_done(&store);
        client_close(&client);
    }
}

static void test_handler_headers(void **state)
{
    struct client client = client_open(&server, false);
    struct buf store = {0};
    struct reply reply = ask(&client, GET("/api/cookie"), &store);
    (void)state;
    assert_int_equal(reply.status, 201);
    assert_str(reply_get(&reply, "Set-Cookie"), "sid=1; HttpOnly; SameSite=Strict; Path=/");
    assert_str(reply_get(&reply, "Location"), "/api/v1/x/1");
    assert_str(reply_get(&reply, "ETag"), "\"7\"");
    assert_str(reply_get(&reply, "Retry-After"), "3");
    assert_str(reply_get(&reply, "X-Tidemark-Fail-Wait"), "fired");
    assert_str(reply_get(&reply, "Cache-Control"), "no-store");
    assert_str(reply_get(&reply, "Content-Type"), "application/json");
    buf_done(&store);
    client_close(&client);
}

static void test_request_fields(void **state)
{
    struct client client = client_open(&server, false);
    struct buf store = {0};
    struct reply reply = ask(&client,
        "PUT /api/%E5%AE%A2%20a+b?x=%20%zz HTTP/1.1\r\nHost: localhost\r\nCookie: sid=9\r\n"
        "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\nContent-Length: 3\r\n\r\nabc",
        &store);
    (void)state;
    /* The word of a stranger about where he comes from counts for nothing. */
    assert_str(reply.body, "PUT /api/\xe5\xae\xa2 a+b|x=%20%zz|127.0.0.1|sid=9|01|abc");
    buf_done(&store);
    client_close(&client);
}

static void test_keep_alive(void **state)
{
    struct client client = client_open(&server, false);
    struct buf store = {0};
    char first_id[21] = {0};
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct reply reply = ask(&client, GET("/api/echo"), &store);
        struct str id = reply_get(&reply, "X-Request-Id");
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply_get(&reply, "Connection").n, 0);
        assert_false(str_eq(id, str_of(first_id)));
        memcpy(first_id, id.p, 20);
        reply = ask(&client, i % 2 ? GET("/") : GET("/logo.svg"), &store);
        assert_int_equal(reply.status, 200);
    }
    buf_done(&store);
    client_close(&client);
}

static void test_head(void **state)
{
    static const char *const paths[] = {"/", "/api/echo", "/api/big"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct client client = client_open(&server, false);
        struct buf store = {0};
        char request[128], length[32];
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i]);
        struct reply reply = ask(&client, request, &store);
        struct str text = reply_get(&reply, "Content-Length");
        (void)snprintf(length, sizeof(length), "%.*s", STR_ARGS(text));
        (void)snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i]);
        reply = ask(&client, request, &store);
        assert_int_equal(reply.status, 200);
        if (i != 1) /* the echo names the method */
            assert_str(reply_get(&reply, "Content-Length"), length);
        reply = ask(&client, GET("/api/echo"), &store); /* nothing has stood between */
        assert_int_equal(reply.status, 200);
        buf_done(&store);
        client_close(&client);
    }
}

/* Six megabytes to a reader that lets them wait, with a second request behind. */
static void test_large_answer(void **state)
{
    struct client client = client_open(&server, false);
    struct buf store;
    struct reply reply;
    struct str bytes;
    int small = 262144;
    (void)state;
    (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_true(client_send(&client, STR(GET("/api/big") GET("/api/echo"))));
    wait_until(atomic_load(&server.shared->finished) > 0);
    buf_init(&store, 0);
    do {
        assert_true(client_receive(&client, &store));
        bytes = buf_str(&store);
    } while (!reply_cut(&bytes, false, &reply) || !reply_cut(&bytes, false, &reply));
    bytes = buf_str(&store);
    assert_true(reply_cut(&bytes, false, &reply));
    assert_int_equal(reply.body.n, 6000000);
    for (int i = 0; i < 600000; i++) {
        char line[16];
        (void)snprintf(line, sizeof(line), "%09d\n", i);
        assert_memory_equal(reply.body.p + (ptrdiff_t)i * 10, line, 10);
    }
    assert_true(reply_cut(&bytes, false, &reply));
    assert_int_equal(reply.status, 200);
    buf_done(&store);
    client_close(&client);
}

static void test_files(void **state)
{
    static const struct {
        const char *path, *accept;
        int status;
        const char *body, *type, *coding, *cache;
    } asked[] = {
        {"/", "", 200, "<html>the page", "text/html; charset=utf-8", "", "no-cache"},
        {"/index.html", "gzip", 200, "gz of the page", "text/html; charset=utf-8", "gzip", "no-cache"},
        {"/", "gzip, deflate, br", 200, "br of the page", "text/html; charset=utf-8", "br", "no-cache"},
        {"/", "br;q=0, gzip;q=0.5", 200, "gz of the page", "text/html; charset=utf-8", "gzip", "no-cache"},
        {"/", "br;q=0.0, gzip; q=0", 200, "<html>the page", "text/html; charset=utf-8", "", "no-cache"},
        {"/", "brotli", 200, "<html>the page", "text/html; charset=utf-8", "", "no-cache"},
        {"/customers/42", "br", 200, "br of the page", "text/html; charset=utf-8", "br", "no-cache"},
        {"/assets/app-Ab_12345.js", "br", 200, "let hashed;", "text/javascript; charset=utf-8", "",
            "public, max-age=31536000, immutable"},
        {"/assets/app.js", "", 200, "let plain;", "text/javascript; charset=utf-8", "", "no-cache"},
        {"/logo.svg?v=1", "", 200, "<svg/>", "image/svg+xml", "", "no-cache"},
        {"/assets/gone-12345678.js", "", 404, NULL, "application/problem+json", "", "no-store"},
        {"/assets/only.svg", "br", 404, NULL, "application/problem+json", "", "no-store"},
        /* Neither hidden files nor links are known: they are paths of the application in the browser. */
        {"/.git/config", "", 200, "<html>the page", "text/html; charset=utf-8", "", "no-cache"},
        {"/link.txt", "", 200, "<html>the page", "text/html; charset=utf-8", "", "no-cache"},
        {"/index.html.br", "", 200, "<html>the page", "text/html; charset=utf-8", "", "no-cache"},
    };
    struct client client = client_open(&server, false);
    struct buf store = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        char request[256];
        (void)snprintf(request, sizeof(request),
            "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\n\r\n", asked[i].path,
            asked[i].accept);
        struct reply reply = ask(&client, request, &store);
        assert_int_equal(reply.status, asked[i].status);
        if (asked[i].body != NULL)
            assert_str(reply.body, asked[i].body);
        assert_str(reply_get(&reply, "Content-Type"), asked[i].type);
        assert_str(reply_get(&reply, "Content-Encoding"), asked[i].coding);
        assert_str(reply_get(&reply, "Cache-Control"), asked[i].cache);
        if (reply.status == 200)
            assert_str(reply_get(&reply, "Vary"), "Accept-Encoding");
    }
    buf_done(&store);
    client_close(&client);
}

static void test_unchanged(void **state)
{
    static const char *const accepts[] = {"identity", "gzip", "br"};
    char etags[3][64];
    struct client client = client_open(&server, false);
    struct buf store = {0};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char request[256];
        (void)snprintf(request, sizeof(request),
            "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\n\r\n", accepts[i]);
        struct reply reply = ask(&client, request, &store);
        struct str etag = reply_get(&reply, "ETag");
        assert_true(etag.n > 10 && etag.p[0] == '"');
        (void)snprintf(etags[i], sizeof(etags[i]), "%.*s", STR_ARGS(etag));
        (void)snprintf(request, sizeof(request),
            "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\nIf-None-Match: \"x\", W/%s\r\n\r\n",
            accepts[i], etags[i]);
        reply = ask(&client, request, &store);
        assert_int_equal(reply.status, 304);
        assert_str(reply_get(&reply, "ETag"), etags[i]);
        (void)snprintf(request, sizeof(request),
            "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\nIf-None-Match: \"x\"\r\n\r\n",
            accepts[i]);
        reply = ask(&client, request, &store);
        assert_int_equal(reply.status, 200);
    }
    assert_string_not_equal(etags[0], etags[1]);
    assert_string_not_equal(etags[0], etags[2]);
    assert_string_not_equal(etags[1], etags[2]);
    buf_done(&store);
    client_close(&client);
}

static void trust_us(struct conf *conf)
{
    conf->server_trusted_proxy = STR("10.0.0.1, 127.0.0.1");
}

static void test_proxy(void **state)
{
    static const struct {
        const char *header, *peer;
    } asked[] = {
        {"", "127.0.0.1"},
        {"X-Forwarded-For: 8.8.8.8\r\n", "8.8.8.8"},
        {"X-Forwarded-For: 6.6.6.6, 8.8.8.8\r\n", "8.8.8.8"},
        {"X-Forwarded-For: 6.6.6.6, 8.8.8.8, 10.0.0.1 , 127.0.0.1\r\n", "8.8.8.8"},
        {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
        {"X-Forwarded-For: unknown\r\n", "127.0.0.1"},
        {"X-Forwarded-For: 8.8.8.8, <script>\r\n", "127.0.0.1"},
        {"X-Forwarded-For: 10.0.0.1\r\n", "127.0.0.1"},
        {"X-Forwarded-For: ,\r\n", "127.0.0.1"},
    };
    struct server behind = server_start((struct server_setup){.tune = trust_us});
    struct client client = client_open(&behind, false);
    struct buf store = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        char request[256], body[128];
        (void)snprintf(request, sizeof(request),
            "GET /api/echo HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: %s\r\n%s\r\n",
            i % 2 ? "https" : "http", asked[i].header);
        (void)snprintf(body, sizeof(body), "GET /api/echo||%s||%d0|", asked[i].peer, (int)(i % 2));
        struct reply reply = ask(&client, request, &store);
        assert_str(reply.body, body);
        assert_int_equal(reply_get(&reply, "Strict-Transport-Security").n > 0, i % 2);
    }
    buf_done(&store);
    client_close(&client);
    server_stop(&behind);
}

static void test_without_web(void **state)
{
    struct server bare = server_start((struct server_setup){.web_dir = "no-such-folder"});
    struct client client = client_open(&bare, false);
    struct buf store = {0};
    struct reply reply = ask(&client, GET("/"), &store);
    (void)state;
    assert_int_equal(reply.status, 200);
    assert_true(str_find(reply.body, STR("./run")) != SIZE_MAX);
    buf_done(&store);
    client_close(&client);
    server_stop(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict_headers),
        cmocka_unit_test(test_handler_headers),
        cmocka_unit_test(test_request_fields),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_large_answer),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_without_web),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
