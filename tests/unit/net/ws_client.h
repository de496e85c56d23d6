/*
 * WebSockets for the tests: a server that answers them, in the child process of server.h, and a client that
 * can write any frame, good or bad.
 *
 * The server's side obeys what a text message begins with: "close CODE reason" closes, "flood N BYTES" sends
 * N frames of so many bytes, each as soon as the socket is free, "gather N BYTES" gives them to the socket
 * all at once; "peer" is answered with the client's address,
 * anything else is sent back.
 */
#ifndef TIDEMARK_TESTS_NET_WS_CLIENT_H
#define TIDEMARK_TESTS_NET_WS_CLIENT_H

#include "server.h"

#include "net/ws.h"

#define LIVE_PATH "/api/v1/live"
#define LIVE_PROTOCOL "tidemark.v1"
#define LIVE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define LIVE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* of that key, RFC 6455 1.3 */

/* Told by the child. */
struct ws_shared {
    _Atomic int opened, closed, drained, messages;
    _Atomic int holding; /* floods that have come to a halt at present */
    _Atomic size_t most_held;
};

static struct ws_shared *ws_shared;

/* What a socket of the server still has to send. */
struct flood {
    struct ws_bytes *frame;
    int64_t left;
    bool halted;
};

static inline void note_halt(struct flood *flood, bool halted)
{
    if (halted != flood->halted)
        atomic_fetch_add(&ws_shared->holding, halted ? 1 : -1);
    flood->halted = halted;
}

static inline void flood_on(struct ws *ws, struct flood *flood)
{
    while (flood->left > 0 && ws_is_free(ws)) {
        ws_send(ws, &flood->frame, 1);
        flood->left--;
        if (ws_held_bytes(ws) > atomic_load(&ws_shared->most_held))
            atomic_store(&ws_shared->most_held, ws_held_bytes(ws));
    }
    note_halt(flood, ws_held_bytes(ws) > 0);
}

static inline void on_opened(struct ws *ws, const struct net_request *request, void *arg)
{
    (void)arg, (void)request;
    ws_set_data(ws, must_alloc(sizeof(struct flood)));
    atomic_fetch_add(&ws_shared->opened, 1);
}

static inline void start_flood(struct ws *ws, struct str text, bool at_once)
{
    struct flood *flood = ws_data(ws);
    struct str n = str_cut(&text, ' ');
    int64_t n_bytes;
    struct buf filler;
    must(str_to_i64(n, &flood->left) && str_to_i64(text, &n_bytes));
    buf_init(&filler, 0);
    for (int64_t i = 0; i < n_bytes; i++)
        buf_add_char(&filler, (char)('a' + i % 26));
    ws_bytes_unref(flood->frame);
    flood->frame = ws_frame(buf_str(&filler));
    buf_done(&filler);
    if (at_once) {
        struct ws_bytes *pieces[1000];
        size_t n_pieces = 0;
        for (; flood->left > 0; flood->left--)
            pieces[n_pieces++] = flood->frame;
        ws_send(ws, pieces, n_pieces);
        return;
    }
    flood_on(ws, flood);
}

static inline void on_message(struct ws *ws, struct str text, void *arg)
{
    struct str rest = text, verb = str_cut(&rest, ' ');
    (void)arg;
    atomic_fetch_add(&ws_shared->messages, 1);
    if (str_eq(verb, STR("close"))) {
        int64_t code;
        must(str_to_i64(str_cut(&rest, ' '), &code));
        ws_close(ws, (int)code, rest);
        return;
    }
    bool at_once = str_eq(verb, STR("gather"));
    if (at_once || str_eq(verb, STR("flood"))) {
        start_flood(ws, rest, at_once);
        return;
    }
    struct ws_bytes *frame = ws_frame(str_eq(verb, STR("peer")) ? ws_peer(ws) : text);
    ws_send(ws, &frame, 1);
    ws_bytes_unref(frame);
}

static inline void on_drained(struct ws *ws, void *arg)
{
    (void)arg;
    must(ws_is_free(ws) && ws_held_bytes(ws) == 0);
    atomic_fetch_add(&ws_shared->drained, 1);
    flood_on(ws, ws_data(ws));
}

static inline void on_closed(struct ws *ws, void *arg)
{
    struct flood *flood = ws_data(ws);
    (void)arg;
    must(!ws_is_free(ws));
    note_halt(flood, false);
    ws_bytes_unref(flood->frame);
    free(flood);
    atomic_fetch_add(&ws_shared->closed, 1);
}

static inline void serve_ws(struct net *net)
{
    static const struct ws_events events = {
        .opened = on_opened, .message = on_message, .drained = on_drained, .closed = on_closed};
    ws_serve(net, LIVE_PATH, LIVE_PROTOCOL, &events, NULL);
}

/* Before the first server of a test. */
static inline void ws_shared_open(void)
{
    ws_shared = mmap(NULL, sizeof(*ws_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(ws_shared != MAP_FAILED);
}

/* When all servers have stopped: each socket that was opened has been closed, once. */
static inline void ws_shared_close(void)
{
    assert_true(atomic_load(&ws_shared->opened) > 0);
    assert_int_equal(atomic_load(&ws_shared->opened), atomic_load(&ws_shared->closed));
    (void)munmap(ws_shared, sizeof(*ws_shared));
}

static inline struct server ws_server_start(struct server_setup setup)
{
    setup.started = serve_ws;
    return server_start(setup);
}

/* --- the client --- */

struct ws_client {
    struct client client;
    struct buf in; /* received and not yet looked at */
};

static inline const char *own_origin(const struct client *client)
{
    return client->ssl != NULL ? "https://" TEST_HOST : "http://" TEST_HOST;
}

/* The handshake with one part of it replaced or left out; NULL stands for the good one. */
struct handshake {
    const char *line, *host, *upgrade, *connection, *version, *key, *protocol, *origin, *more;
};

static inline void add_line(struct buf *out, const char *name, const char *given, const char *good)
{
    const char *value = given != NULL ? given : good;
    if (value[0] != '\0')
        buf_printf(out, "%s: %s\r\n", name, value);
}

static inline void put_handshake(struct buf *out, const struct client *client, struct handshake h)
{
    buf_printf(out, "%s HTTP/1.1\r\n", h.line != NULL ? h.line : "GET " LIVE_PATH);
    add_line(out, "Host", h.host, TEST_HOST);
    add_line(out, "Upgrade", h.upgrade, "websocket");
    add_line(out, "Connection", h.connection, "Upgrade");
    add_line(out, "Sec-WebSocket-Version", h.version, "13");
    add_line(out, "Sec-WebSocket-Key", h.key, LIVE_KEY);
    add_line(out, "Sec-WebSocket-Protocol", h.protocol, LIVE_PROTOCOL);
    add_line(out, "Origin", h.origin, own_origin(client));
    if (h.more != NULL)
        buf_add_text(out, h.more);
    buf_add_text(out, "\r\n");
}

/* Sends the handshake with whatever stands behind it; returns the status. */
static inline int ws_shake(struct ws_client *ws, struct handshake h, struct str behind)
{
    struct buf out;
    size_t end = SIZE_MAX;
    buf_init(&out, 0);
    put_handshake(&out, &ws->client, h);
    buf_add_str(&out, behind);
    assert_true(client_send(&ws->client, buf_str(&out)));
    buf_done(&out);
    while ((end = str_find(buf_str(&ws->in), STR("\r\n\r\n"))) == SIZE_MAX)
        assert_true(client_receive(&ws->client, &ws->in));
    int status = atoi(ws->in.p + 9);
    if (status == 101) {
        struct reply reply = {.head = {ws->in.p, end + 2}};
        assert_true(str_eq(reply_get(&reply, "Sec-WebSocket-Accept"), STR(LIVE_ACCEPT)));
        assert_true(str_eq(reply_get(&reply, "Sec-WebSocket-Protocol"), STR(LIVE_PROTOCOL)));
        assert_true(str_eq_nocase(reply_get(&reply, "Upgrade"), STR("websocket")));
        assert_true(str_eq_nocase(reply_get(&reply, "Connection"), STR("Upgrade")));
        assert_int_equal(reply_get(&reply, "Sec-WebSocket-Extensions").n, 0);
        assert_int_equal(reply_get(&reply, "Content-Length").n, 0);
    }
    memmove(ws->in.p, ws->in.p + end + 4, ws->in.n - end - 4);
    ws->in.n -= end + 4;
    return status;
}

static inline struct ws_client ws_dial(const struct server *server, bool tls)
{
    struct ws_client ws = {.client = client_open(server, tls)};
    buf_init(&ws.in, 0);
    return ws;
}

static inline struct ws_client ws_connect(const struct server *server, bool tls)
{
    struct ws_client ws = ws_dial(server, tls);
    assert_int_equal(ws_shake(&ws, (struct handshake){0}, STR_NULL), 101);
    return ws;
}

static inline void ws_hang_up(struct ws_client *ws)
{
    client_close(&ws->client);
    buf_done(&ws->in);
}

/* A frame as bytes: first is FIN, reserved bits and opcode together; masked with a fixed key. */
static inline void put_frame(struct buf *out, unsigned first, struct str payload)
{
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    buf_add_char(out, (char)first);
    if (payload.n <= 125) {
        buf_add_char(out, (char)(0x80 | payload.n));
    } else {
        size_t n = payload.n <= 0xffff ? 2 : 8;
        buf_add_char(out, (char)(0x80 | (n == 2 ? 126 : 127)));
        for (size_t i = n; i-- > 0;)
            buf_add_char(out, (char)((uint64_t)payload.n >> (8 * i)));
    }
    buf_add(out, mask, 4);
    for (size_t i = 0; i < payload.n; i++)
        buf_add_char(out, (char)((unsigned char)payload.p[i] ^ mask[i & 3]));
}

static inline void ws_put(struct ws_client *ws, unsigned first, struct str payload)
{
    struct buf out;
    buf_init(&out, 0);
    put_frame(&out, first, payload);
    assert_true(client_send(&ws->client, buf_str(&out)));
    buf_done(&out);
}

struct ws_got {
    unsigned first;
    struct str payload;
};

/* Cuts one frame of the server's off the front; false if it is not whole. */
static inline bool cut_frame(struct str *bytes, struct ws_got *ret_got)
{
    const unsigned char *p = (const unsigned char *)bytes->p;
    size_t n_header = 2;
    uint64_t n = 0;
    if (bytes->n < 2)
        return false;
    assert_int_equal(p[1] & 0x80, 0);
    n = p[1];
    if (n >= 126) {
        size_t n_length = n == 126 ? 2 : 8;
        n_header += n_length;
        if (bytes->n < n_header)
            return false;
        n = 0;
        for (size_t i = 0; i < n_length; i++)
            n = n << 8 | p[2 + i];
        assert_true(n > (n_length == 2 ? 125u : 0xffffu));
    }
    if (bytes->n - n_header < n)
        return false;
    *ret_got = (struct ws_got){p[0], {bytes->p + n_header, (size_t)n}};
    *bytes = (struct str){bytes->p + n_header + n, bytes->n - n_header - (size_t)n};
    return true;
}

/* The next frame, its payload added to *store; first is 0 at the end of the stream. */
static inline unsigned ws_get(struct ws_client *ws, struct buf *store)
{
    struct ws_got got;
    struct str bytes = buf_str(&ws->in);
    while (!cut_frame(&bytes, &got)) {
        if (!client_receive(&ws->client, &ws->in)) {
            assert_int_equal(ws->in.n, 0);
            return 0;
        }
        bytes = buf_str(&ws->in);
    }
    buf_clear(store);
    buf_add_str(store, got.payload);
    if (bytes.n > 0)
        memmove(ws->in.p, bytes.p, bytes.n);
    ws->in.n = bytes.n;
    return got.first;
}

static inline void expect_frame(struct ws_client *ws, unsigned first, struct str payload)
{
    struct buf got;
    buf_init(&got, 0);
    unsigned got_first = ws_get(ws, &got);
    if (got_first != first || !str_eq(buf_str(&got), payload))
        fail_msg("expected %02x with %zu bytes, got %02x with %zu", first, payload.n, got_first, got.n);
    buf_done(&got);
}

/* A close frame with that code (0: none) and then the end, with nothing between. */
static inline void expect_close(struct ws_client *ws, int code)
{
    struct buf got;
    buf_init(&got, 0);
    unsigned first = ws_get(ws, &got);
    int got_code = got.n >= 2 ? (unsigned char)got.p[0] << 8 | (unsigned char)got.p[1] : 0;
    if (first != 0x88 || got_code != code)
        fail_msg("expected close %d, got %02x, code %d", code, first, got_code);
    assert_int_equal(ws_get(ws, &got), 0);
    buf_done(&got);
}

#endif
