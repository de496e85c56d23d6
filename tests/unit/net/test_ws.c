/*
 * WebSockets from the handshake to the frames, over plain sockets and TLS: what is upgraded and what is not,
 * and the families of the Autobahn suite as a client sees them (test_frame.c has them byte by byte).
 */
#include "ws_client.h"

static struct server servers[2]; /* plain, TLS */

static void with_tls(struct conf *conf)
{
    conf->tls_certificate_file = STR("cert.pem");
    conf->tls_key_file = STR("key.pem");
    conf->limits_ws_messages_per_s = 100000; /* test_ws_flow.c is about the rate */
}

static void without_tls(struct conf *conf)
{
    conf->limits_ws_messages_per_s = 100000;
}

/* --- the handshake --- */

static int status_of(bool tls, struct handshake h)
{
    struct ws_client ws = ws_dial(&servers[tls], tls);
    int status = ws_shake(&ws, h, STR_NULL);
    if (status != 101) { /* a refusal ends the connection */
        struct buf rest = {0};
        client_receive_all(&ws.client, &rest);
        buf_done(&rest);
    }
    ws_hang_up(&ws);
    return status;
}

/* What stands for 101 in the whole file; anything that differs is refused. */
static void test_good_handshakes(void **state)
{
    static const struct handshake good[] = {
        {0},
        {.upgrade = "WebSocket", .connection = "keep-alive, Upgrade"},
        {.connection = "upgrade"},
        {.more = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"},
        {.line = "GET " LIVE_PATH "?from=here"},
        {.line = "GET /api/v1/l%69ve"},
    };
    (void)state;
    for (int tls = 0; tls < 2; tls++)
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
            assert_int_equal(status_of(tls, good[i]), 101);
}

static void test_bad_handshakes(void **state)
{
    static const struct handshake bad[] = {
        {.line = "POST " LIVE_PATH, .more = "Content-Length: 0\r\n"},
        {.line = "HEAD " LIVE_PATH},
        {.line = "GET " LIVE_PATH "/"},
        {.line = "GET /api/v1/other"},
        {.line = "GET /"},
        {.upgrade = ""},
        {.upgrade = "h2c"},
        {.upgrade = "websocket, h2c"},
        {.connection = ""},
        {.connection = "keep-alive"},
        {.connection = "close, Upgrade"},
        {.connection = "Upgrade, HTTP2-Settings"},
        {.version = ""},
        {.version = "8"},
        {.version = "013"},
        {.version = "13, 8"},
        {.key = ""},
        {.key = "dGhlIHNhbXBsZSBub25jZQ="},
        {.key = "dGhlIHNhbXBsZSBub25jZQ==="},
        {.key = "dGhlIHNhbXBsZSBub25jZR=="}, /* bits behind the 16 bytes */
        {.key = "dGhlIHNhbXBsZSBub25j_Q=="},
        {.key = "dGhlIHNhbXBsZSBub25jZQAA"},
        {.protocol = ""},
        {.protocol = "tidemark.v2"},
        {.protocol = "Tidemark.v1"},
        {.protocol = "tidemark.v1, chat"},
        {.more = "Sec-WebSocket-Protocol: tidemark.v1\r\n"},
        {.more = "Sec-WebSocket-Key: " LIVE_KEY "\r\n"},
        {.more = "Sec-WebSocket-Version: 13\r\n"},
        {.more = "Upgrade: websocket\r\n"},
        {.more = "Content-Length: 0\r\n"},
        {.more = "Content-Length: 5\r\n"},
        {.more = "Transfer-Encoding: chunked\r\n"},
        {.more = "Expect: 100-continue\r\n"},
        {.host = "elsewhere"},
    };
    (void)state;
    for (int tls = 0; tls < 2; tls++)
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            int status = status_of(tls, bad[i]);
            if (status != 400)
                fail_msg("handshake %zu, tls %d: %d", i, tls, status);
        }
}

static void test_origins(void **state)
{
    static const char *const bad[2][14] = {
        {"", "null", "https://" TEST_HOST, "http://" TEST_HOST ":80", "http://" TEST_HOST ".",
            "http://LOCALHOST", "HTTP://" TEST_HOST, "http://" TEST_HOST "/", "http://a." TEST_HOST,
            "http://" TEST_HOST "@evil", "http://127.0.0.1", TEST_HOST, "http://",
            "http://" TEST_HOST " http://evil"},
        {"", "null", "http://" TEST_HOST, "https://" TEST_HOST ":444", "https://" TEST_HOST ".",
            "https://LOCALHOST", "HTTPS://" TEST_HOST, "https://" TEST_HOST "/", "https://a." TEST_HOST,
            "https://app.bank.evil", "https://127.0.0.1", TEST_HOST, "https://",
            "https://" TEST_HOST ", https://x"}};
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        for (size_t i = 0; i < 14; i++) {
            int status = status_of(tls, (struct handshake){.origin = bad[tls][i]});
            if (status != 403)
                fail_msg("origin '%s': %d", bad[tls][i], status);
        }
        const char *own = tls ? "https://127.0.0.1:8443" : "http://127.0.0.1:8443";
        assert_int_equal(status_of(tls, (struct handshake){.host = "127.0.0.1:8443", .origin = own}), 101);
        assert_int_equal(status_of(tls, (struct handshake){.host = "127.0.0.1:8444", .origin = own}), 403);
        assert_int_equal(status_of(tls, (struct handshake){.more = "Origin: http://x\r\n"}), 400);
    }
}

static void with_proxy(struct conf *conf)
{
    conf->server_trusted_proxy = STR("127.0.0.1");
}

/* Behind a proxy that speaks TLS for us, its word decides which origin is ours, and whose the socket is. */
static void test_proxy(void **state)
{
    static const char forwarded[] = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n";
    struct server server = ws_server_start((struct server_setup){.tune = with_proxy});
    (void)state;
    struct ws_client ws = ws_dial(&server, false);
    assert_int_equal(
        ws_shake(&ws, (struct handshake){.more = forwarded, .origin = "https://" TEST_HOST}, STR_NULL), 101);
    ws_put(&ws, 0x81, STR("peer"));
    expect_frame(&ws, 0x81, STR("203.0.113.9"));
    ws_hang_up(&ws);
    ws = ws_dial(&server, false);
    assert_int_equal(ws_shake(&ws, (struct handshake){.more = forwarded}, STR_NULL), 403);
    ws_hang_up(&ws);
    server_stop(&server);
    /* Without one, nobody's word counts. */
    struct handshake forged = {.more = forwarded, .origin = "https://" TEST_HOST};
    assert_int_equal(status_of(false, forged), 403);
    ws = ws_dial(&servers[0], false);
    forged.origin = NULL;
    assert_int_equal(ws_shake(&ws, forged, STR_NULL), 101);
    ws_put(&ws, 0x81, STR("peer"));
    expect_frame(&ws, 0x81, STR("127.0.0.1"));
    ws_hang_up(&ws);
}

/* An ordinary request of the live path goes to the handler; a connection that has served requests can still
 * be upgraded; and the answer to an upgrade carries what every answer carries. */
static void test_beside_requests(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_dial(&servers[tls], tls);
        struct buf store = {0};
        for (int i = 0; i < 3; i++) {
            struct reply reply = ask(&ws.client, GET(LIVE_PATH), &store);
            assert_int_equal(reply.status, 200);
            assert_true(str_starts(reply.body, STR("GET " LIVE_PATH)));
        }
        buf_done(&store);
        assert_int_equal(ws_shake(&ws, (struct handshake){0}, STR_NULL), 101);
        ws_put(&ws, 0x81, STR("hello"));
        expect_frame(&ws, 0x81, STR("hello"));
        ws_hang_up(&ws);
    }
}

/* Behind the handshake in the same packet; and a request ahead of both, which is still worked on. */
static void test_frames_behind_handshake(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_dial(&servers[tls], tls);
        struct buf behind, all, answer;
        struct str bytes;
        struct reply reply;
        buf_init(&behind, 0);
        put_frame(&behind, 0x81, STR("early"));
        put_frame(&behind, 0x89, STR("bird"));
        assert_int_equal(ws_shake(&ws, (struct handshake){0}, buf_str(&behind)), 101);
        expect_frame(&ws, 0x81, STR("early"));
        expect_frame(&ws, 0x8a, STR("bird"));
        ws_hang_up(&ws);

        ws = ws_dial(&servers[tls], tls);
        buf_init(&all, 0);
        buf_init(&answer, 0);
        buf_add_text(&all, GET("/api/sleep?ms=30"));
        put_handshake(&all, &ws.client, (struct handshake){0});
        buf_add_str(&all, buf_str(&behind));
        assert_true(client_send(&ws.client, buf_str(&all)));
        do {
            assert_true(client_receive(&ws.client, &answer));
            bytes = buf_str(&answer);
        } while (!reply_cut(&bytes, false, &reply) || str_find(bytes, STR("\r\n\r\n")) == SIZE_MAX);
        assert_int_equal(reply.status, 200);
        assert_true(str_starts(bytes, STR("HTTP/1.1 101 ")));
        size_t end = str_find(bytes, STR("\r\n\r\n")) + 4;
        buf_add(&ws.in, bytes.p + end, bytes.n - end);
        expect_frame(&ws, 0x81, STR("early"));
        expect_frame(&ws, 0x8a, STR("bird"));
        ws_hang_up(&ws);
        buf_done(&behind);
        buf_done(&all);
        buf_done(&answer);
    }
}

/* A refusal of what stood behind the handshake is the end, too: no request is read after it. */
static void test_bad_frame_behind_handshake(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_dial(&servers[tls], tls);
        int handled = atomic_load(&servers[tls].shared->handled);
        assert_int_equal(ws_shake(&ws, (struct handshake){0}, STR("\x81\x02hi")), 101);
        expect_close(&ws, 1002);
        (void)client_send(&ws.client, str_of(GET("/api/echo")));
        ws_hang_up(&ws);
        wait_until(atomic_load(&servers[tls].shared->open) == 0);
        assert_int_equal(atomic_load(&servers[tls].shared->handled), handled);
    }
}

/* --- frames --- */

static struct str letters_of(size_t n)
{
    static char text[70000];
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i % 26);
    return (struct str){text, n};
}

/* 1: every length form, whole and in pieces of odd sizes. */
static void test_lengths(void **state)
{
    static const size_t lengths[] = {0, 125, 126, 127, 128, 65535, 65536};
    static const size_t pieces[] = {1 << 20, 997, 1};
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_connect(&servers[tls], tls);
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
            for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
                struct buf out;
                if (lengths[i] > 1000 && pieces[j] == 1)
                    continue;
                buf_init(&out, 0);
                put_frame(&out, 0x81, letters_of(lengths[i]));
                for (size_t at = 0; at < out.n; at += pieces[j]) {
                    size_t n = out.n - at < pieces[j] ? out.n - at : pieces[j];
                    assert_true(client_send(&ws.client, (struct str){out.p + at, n}));
                }
                buf_done(&out);
                expect_frame(&ws, 0x81, letters_of(lengths[i]));
            }
        ws_hang_up(&ws);
    }
}

/* 2: payloads come back, unsolicited pongs are read over, several in flight are answered in order. */
static void test_pings(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_connect(&servers[tls], tls);
        struct buf out;
        ws_put(&ws, 0x89, STR_NULL);
        expect_frame(&ws, 0x8a, STR_NULL);
        ws_put(&ws, 0x89, STR("\x00\xff\xfe binary"));
        expect_frame(&ws, 0x8a, STR("\x00\xff\xfe binary"));
        ws_put(&ws, 0x89, letters_of(125));
        expect_frame(&ws, 0x8a, letters_of(125));
        ws_put(&ws, 0x8a, STR("nobody asked"));
        buf_init(&out, 0);
        for (int i = 0; i < 10; i++) {
            char payload[] = {'p', (char)('0' + i)};
            put_frame(&out, 0x89, (struct str){payload, 2});
        }
        assert_true(client_send(&ws.client, buf_str(&out)));
        buf_done(&out);
        for (int i = 0; i < 10; i++) {
            char payload[] = {'p', (char)('0' + i)};
            expect_frame(&ws, 0x8a, (struct str){payload, 2});
        }
        ws_hang_up(&ws);
    }
}

/* What must end a connection, with the code; "before" is answered first, nothing behind is. */
static const struct {
    const char *what;
    struct str bytes;
    int code;
} endings[] = {
#define ENDING(what, bytes, code)                                                                            \
    {                                                                                                        \
        what, {bytes, sizeof(bytes) - 1}, code                                                               \
    }
    ENDING("unmasked", "\x81\x02hi", 1002),
    ENDING("reserved bit 1", "\xc1\x80\x00\x00\x00\x00", 1002),
    ENDING("reserved bit 2", "\xa1\x80\x00\x00\x00\x00", 1002),
    ENDING("reserved bit 3 of a ping", "\x99\x80\x00\x00\x00\x00", 1002),
    ENDING("opcode 3", "\x83\x80\x00\x00\x00\x00", 1002),
    ENDING("opcode 7", "\x87\x80\x00\x00\x00\x00", 1002),
    ENDING("opcode 11", "\x8b\x80\x00\x00\x00\x00", 1002),
    ENDING("opcode 15", "\x8f\x80\x00\x00\x00\x00", 1002),
    ENDING("fragmented ping", "\x09\x80\x00\x00\x00\x00", 1002),
    ENDING("long ping", "\x89\xfe\x00\x7e\x00\x00\x00\x00", 1002),
    ENDING("continuation of nothing", "\x80\x80\x00\x00\x00\x00", 1002),
    ENDING("text inside text", "\x01\x80\x00\x00\x00\x00\x81\x80\x00\x00\x00\x00", 1002),
    ENDING("length not in its shortest form", "\x81\xfe\x00\x05\x00\x00\x00\x00hello", 1002),
    ENDING("top bit of the length", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", 1002),
    ENDING("close payload of one byte", "\x88\x81\x00\x00\x00\x00\x03", 1002),
    ENDING("close code 1005", "\x88\x82\x00\x00\x00\x00\x03\xed", 1002),
    ENDING("close code 999", "\x88\x82\x00\x00\x00\x00\x03\xe7", 1002),
    ENDING("close reason not UTF-8", "\x88\x83\x00\x00\x00\x00\x03\xe8\xff", 1007),
    ENDING("binary", "\x82\x80\x00\x00\x00\x00", 1003),
    ENDING("text not UTF-8", "\x81\x81\x00\x00\x00\x00\xff", 1007),
    ENDING("text cut inside a character", "\x81\x82\x00\x00\x00\x00\xe5\xae", 1007),
    ENDING("surrogate in the middle of a large frame", "\x81\xfe\xff\x00\x00\x00\x00\x00\xed\xa0", 1007),
    ENDING("too long by its header", "\x81\xff\x00\x00\x00\x00\x00\x01\x00\x01", 1009),
#undef ENDING
};

static void test_endings(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++)
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
            for (size_t piece = 1; piece < 100; piece += 98) {
                struct ws_client ws = ws_connect(&servers[tls], tls);
                struct buf out;
                int messages = atomic_load(&ws_shared->messages);
                buf_init(&out, 0);
                put_frame(&out, 0x81, STR("before"));
                buf_add_str(&out, endings[i].bytes);
                for (size_t at = 0; at < out.n; at += piece)
                    (void)client_send(
                        &ws.client, (struct str){out.p + at, out.n - at < piece ? out.n - at : piece});
                buf_clear(&out);
                put_frame(&out, 0x81, STR("behind"));
                put_frame(&out, 0x89, STR("behind"));
                (void)client_send(&ws.client, buf_str(&out));
                expect_frame(&ws, 0x81, STR("before"));
                expect_close(&ws, endings[i].code);
                assert_int_equal(atomic_load(&ws_shared->messages), messages + 1);
                buf_done(&out);
                ws_hang_up(&ws);
            }
}

/* 5: fragments with control frames between them. */
static void test_fragments(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_connect(&servers[tls], tls);
        ws_put(&ws, 0x01, STR("客"));
        ws_put(&ws, 0x00, STR("\xe6"));
        ws_put(&ws, 0x89, STR("still there?"));
        expect_frame(&ws, 0x8a, STR("still there?"));
        ws_put(&ws, 0x00, STR("\x88"));
        ws_put(&ws, 0x80, STR("\xb7"));
        expect_frame(&ws, 0x81, STR("客户"));
        ws_put(&ws, 0x01, STR("a"));
        for (int i = 0; i < 99; i++)
            ws_put(&ws, 0x00, STR("b"));
        ws_put(&ws, 0x00, STR_NULL);
        expect_close(&ws, 1008);
        ws_hang_up(&ws);
    }
}

/* 9: the limit of a message in one frame, and in many. */
static void test_message_limit(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_connect(&servers[tls], tls);
        for (int i = 0; i < 64; i++)
            ws_put(&ws, i == 0 ? 0x01 : i == 63 ? 0x80 : 0x00, letters_of(1024));
        struct buf got;
        buf_init(&got, 0);
        assert_int_equal(ws_get(&ws, &got), 0x81);
        assert_int_equal(got.n, 65536);
        buf_done(&got);
        for (int i = 0; i < 64; i++)
            ws_put(&ws, i == 0 ? 0x01 : 0x00, letters_of(1024));
        ws_put(&ws, 0x80, STR("!"));
        expect_close(&ws, 1009);
        ws_hang_up(&ws);
    }
}

/* 7: who begins, with which payload, and what stands behind. */
static void test_close(void **state)
{
    static const int codes[] = {1000, 1001, 1003, 1007, 1011, 3000, 4401, 4999};
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
            struct ws_client ws = ws_connect(&servers[tls], tls);
            char payload[] = {(char)(codes[i] >> 8), (char)(codes[i] & 0xff), 'b', 'y', 'e'};
            struct buf out;
            buf_init(&out, 0);
            put_frame(&out, 0x88, (struct str){payload, sizeof(payload)});
            put_frame(&out, 0x89, STR("behind"));
            put_frame(&out, 0x88, STR("\x03\xe8"));
            assert_true(client_send(&ws.client, buf_str(&out)));
            expect_close(&ws, codes[i]);
            buf_done(&out);
            ws_hang_up(&ws);
        }
        struct ws_client ws = ws_connect(&servers[tls], tls);
        ws_put(&ws, 0x88, STR_NULL);
        expect_close(&ws, 0);
        ws_hang_up(&ws);
    }
}

static int set_up(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    write_pair("cert.pem", "key.pem", "first", 30);
    ws_shared_open();
    servers[0] = ws_server_start((struct server_setup){.tune = without_tls});
    servers[1] = ws_server_start((struct server_setup){.tune = with_tls});
    return 0;
}

static int tear_down(void **state)
{
    server_stop(&servers[1]); /* the younger first: it has the other's pipe, too */
    server_stop(&servers[0]);
    ws_shared_close();
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_handshakes),
        cmocka_unit_test(test_bad_handshakes),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_beside_requests),
        cmocka_unit_test(test_frames_behind_handshake),
        cmocka_unit_test(test_bad_frame_behind_handshake),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
