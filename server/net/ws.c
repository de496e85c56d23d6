/*
 * WebSockets. The gate has checked the upgrade; here its Origin is compared and the 101 made, which goes out
 * as any other answer does. From then on the connection's bytes go to the frame reader (frame.h) and its
 * frames out beside libwebsockets (ws_write.c), which is left in the belief that the answer is not complete:
 * it polls the socket, reads through the tap and finds nothing, for as long as the WebSocket lives.
 */
#include "net/ws_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define UNSENT_BYTES 16384 /* let pile up in the kernel: what is there can no longer be merged with newer */

void ws_serve(
    struct net *net, const char *path, const char *protocol, const struct ws_events *events, void *arg)
{
    net->rules.upgrade_path = arena_copy(net->arena, str_of(path));
    net->rules.upgrade_protocol = arena_copy(net->arena, str_of(protocol));
    net->ws.rules = (struct frame_rules){.message_bytes = (size_t)net->conf->limits_ws_message_bytes,
        .fragments = (size_t)net->conf->limits_ws_fragments};
    net->ws.events = events;
    net->ws.arg = arg;
}

/* scheme://Host of this very request, to the letter. */
static bool is_own_origin(const struct net_request *request)
{
    struct str origin = request->origin;
    struct str scheme = request->tls ? STR("https://") : STR("http://");
    if (!str_starts(origin, scheme))
        return false;
    return str_eq((struct str){origin.p + scheme.n, origin.n - scheme.n}, request->host);
}

static void add_accept(struct exchange *exchange, struct str key)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char text[24 + sizeof(magic) - 1], digest[20];
    char accept[32];
    must(key.n == 24);
    memcpy(text, key.p, 24);
    memcpy(text + 24, magic, sizeof(magic) - 1);
    lws_SHA1(text, sizeof(text), digest);
    must(lws_b64_encode_string((const char *)digest, sizeof(digest), accept, sizeof(accept)) == 28);
    reply_header(exchange, "Sec-WebSocket-Accept", (struct str){accept, 28});
}

static void tune_socket(struct conn *conn)
{
    int on = 1, unsent = UNSENT_BYTES;
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    if (conn->ssl != NULL)
        (void)SSL_set_mode(conn->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void set_ping(struct ws *ws, int64_t now_us)
{
    struct net *net = ws->conn->net;
    list_remove(&ws->ping_link);
    ws->ping_at_us = now_us + net->conf->limits_ws_ping_s * 1000000;
    list_append(&net->ws.pings, &ws->ping_link);
}

static void set_heard(struct ws *ws, int64_t now_us)
{
    struct net *net = ws->conn->net;
    list_remove(&ws->silence_link);
    ws->silent_at_us = now_us + net->conf->limits_ws_silent_s * 1000000;
    list_append(&net->ws.silences, &ws->silence_link);
}

static struct ws *ws_new(struct conn *conn, struct str peer)
{
    struct ws *ws = must_alloc(sizeof(*ws));
    int64_t now_us = clock_monotonic_us();
    ws->magic = WS_MAGIC;
    ws->conn = conn;
    must(peer.n < sizeof(ws->peer));
    memcpy(ws->peer, peer.p, peer.n);
    ws->number = ++conn->net->ws.n_opened;
    frame_init(&ws->reader, &conn->net->ws.rules);
    list_init(&ws->ping_link);
    list_init(&ws->silence_link);
    set_ping(ws, now_us);
    set_heard(ws, now_us);
    return ws;
}

void ws_answer(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!is_own_origin(&exchange->request)) {
        conn_refuse(conn, ERR_FORBIDDEN, "upgrade from another origin");
        return;
    }
    if (conn->net->stopping) {
        conn_refuse(conn, ERR_UNAVAILABLE, "upgrade while stopping");
        return;
    }
    exchange->upgrade = true;
    reply_begin(exchange, 101, NULL, "no-store");
    reply_header(exchange, "Upgrade", STR("websocket"));
    reply_header(exchange, "Connection", STR("Upgrade"));
    reply_header(exchange, "Sec-WebSocket-Protocol", conn->net->rules.upgrade_protocol);
    add_accept(exchange, conn->gate.head.kept[GATE_WEBSOCKET_KEY]);
    buf_add_text(&exchange->out, "\r\n");
    conn->net->stats.requests_total++;
    conn_answer(conn);
}

void ws_open(struct conn *conn, const struct net_request *request)
{
    struct net *net = conn->net;
    struct buf early = conn->ahead;
    conn->ahead = (struct buf){.max = PIPELINE_BYTES};
    wait_clear(conn);
    tune_socket(conn);
    conn->state = CONN_UPGRADED;
    conn->ws = ws_new(conn, request->peer);
    log_event(LOG_DEBUG, "net", "socket opened", LOG_I("socket", conn->ws->number),
        LOG_C("peer", conn->ws->peer), LOG_C("req", request->id));
    net->ws.events->opened(conn->ws, request, net->ws.arg);
    if (early.n > 0)
        ws_take(conn, buf_str(&early));
    buf_done(&early);
}

void ws_end(struct conn *conn)
{
    struct ws *ws = conn->ws;
    if (ws == NULL)
        return;
    log_event(LOG_DEBUG, "net", "socket closed", LOG_I("socket", ws->number), LOG_I("code", ws->last_code));
    ws->closing = true;
    conn->net->ws.events->closed(ws, conn->net->ws.arg);
    conn->ws = NULL;
    list_remove(&ws->ping_link);
    list_remove(&ws->silence_link);
    ws_drop_output(ws);
    frame_done(&ws->reader);
    ws->magic = 0;
    free(ws);
}

/* Ends what the other side has no more say in. The close frame goes out behind what is held, and then it is
 * over; ws may be gone after this. */
static void fail(struct ws *ws, int code, const char *why)
{
    log_event(LOG_DEBUG, "net", "socket refused", LOG_I("socket", ws->number), LOG_C("peer", ws->peer),
        LOG_I("code", code), LOG_C("why", why));
    ws->conn->net->stats.refused_total++;
    ws->deaf = true;
    if (ws->closing)
        ws_flush(ws);
    else
        ws_start_close(ws, code, STR_NULL);
}

/* Each message uses up its share of a second; the sum may run one second ahead of the clock. */
static bool is_too_fast(struct ws *ws, int64_t now_us)
{
    if (ws->rate_us < now_us)
        ws->rate_us = now_us;
    ws->rate_us += 1000000 / ws->conn->net->conf->limits_ws_messages_per_s;
    return ws->rate_us > now_us + 1000000;
}

static void on_ping(struct ws *ws, struct str payload)
{
    if (ws->closing)
        return;
    ws_bytes_unref(ws->pong); /* of several that wait, the newest is answered (RFC 6455, 5.5.3) */
    ws->pong = ws_frame_of(FRAME_PONG, payload);
    ws_flush(ws);
}

static void on_close(struct ws *ws)
{
    ws->deaf = true;
    if (ws->closing)
        ws_flush(ws);
    else
        ws_start_close(ws, ws->reader.code, STR_NULL);
}

/* Returns false when there is nothing more to read: ws may be gone. */
static bool take_step(struct ws *ws, enum frame_step step, struct str payload)
{
    struct net *net = ws->conn->net;
    int64_t now_us = clock_monotonic_us();
    if (step == FRAME_STEP_REFUSED) {
        fail(ws, ws->reader.code, ws->reader.why);
        return false;
    }
    if (step == FRAME_STEP_CLOSE) {
        on_close(ws);
        return false;
    }
    set_heard(ws, now_us);
    if (is_too_fast(ws, now_us)) {
        fail(ws, FRAME_CODE_POLICY, "too many messages");
        return false;
    }
    if (step == FRAME_STEP_PING)
        on_ping(ws, payload);
    if (step == FRAME_STEP_MESSAGE && !ws->closing)
        net->ws.events->message(ws, payload, net->ws.arg);
    return true;
}

void ws_take(struct conn *conn, struct str bytes)
{
    struct ws *ws = conn->ws;
    CHECK(ws, WS_MAGIC);
    if (ws->deaf) {
        conn_read_over(conn, bytes.n);
        return;
    }
    while (!ws->deaf && !conn->kill) {
        struct str payload;
        enum frame_step step = frame_feed(&ws->reader, &bytes, &payload);
        if (step == FRAME_STEP_MORE || !take_step(ws, step, payload))
            return;
    }
}

void ws_look(struct net *net, int64_t now_us)
{
    while (!list_is_empty(&net->ws.silences)) {
        struct ws *ws = list_entry(net->ws.silences.next, struct ws, silence_link);
        if (ws->silent_at_us > now_us)
            break;
        list_remove(&ws->silence_link);
        log_event(LOG_DEBUG, "net", "socket silent", LOG_I("socket", ws->number));
        conn_kill(ws->conn);
    }
    while (!list_is_empty(&net->ws.pings)) {
        struct ws *ws = list_entry(net->ws.pings.next, struct ws, ping_link);
        if (ws->ping_at_us > now_us)
            break;
        set_ping(ws, now_us);
        ws->ping_due = true;
        if (!ws->conn->kill)
            ws_flush(ws);
    }
}

void ws_close_all(struct net *net)
{
    list_for_each_safe (item, &net->conns) {
        struct conn *conn = list_entry(item, struct conn, link);
        if (conn->ws != NULL)
            ws_close(conn->ws, 4409, STR("restart"));
    }
}

void ws_close(struct ws *ws, int code, struct str reason)
{
    CHECK(ws, WS_MAGIC);
    if (!ws->conn->kill)
        ws_start_close(ws, code, reason);
}

void ws_set_data(struct ws *ws, void *data)
{
    ws->data = data;
}

void *ws_data(const struct ws *ws)
{
    return ws->data;
}

struct str ws_peer(const struct ws *ws)
{
    return str_of(ws->peer);
}

uint64_t ws_number(const struct ws *ws)
{
    return ws->number;
}
