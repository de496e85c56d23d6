/*
 * The life of a connection, from the read side. libwebsockets calls for bytes (conn_read, through the tap);
 * we read the socket, feed the gate, and answer "nothing yet" until an answer stands. Then it is given a
 * short request of our own making, completes it at once, and calls back for the answer (write.c).
 *
 * While a request is worked on, reading goes on, so that a client that leaves is noticed at once; what it
 * sends ahead is kept up to PIPELINE_BYTES.
 */
#include "net/net_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/tap.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK_BYTES 16384
#define CHUNKS_PER_CALL 8 /* then the other connections have their turn */

/* What libwebsockets sees of every request. The one byte of body keeps it in a state in which it goes on
 * reading while an answer is written. */
static const char GRANT[] = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\n.";

struct conn *conn_new(struct net *net, struct lws *wsi)
{
    struct conn *conn = must_alloc(sizeof(*conn));
    *conn = (struct conn){.magic = CONN_MAGIC, .net = net, .wsi = wsi, .fd = lws_get_socket_fd(wsi)};
    list_init(&conn->ready_link);
    list_init(&conn->wait_link);
    conn->ssl = lws_get_ssl(wsi);
    if (!peer_address(conn->fd, conn->address))
        conn->address[0] = '\0';
    conn->peer = peer_take(net, conn->address);
    gate_init(&conn->gate, &net->rules);
    buf_init(&conn->ahead, PIPELINE_BYTES);
    list_append(&net->conns, &conn->link);
    net->stats.connections_open++;
    net->stats.connections_total++;
    tap_add(conn->fd, conn->ssl != NULL, conn);
    wait_set(conn, WAIT_HEAD);
    return conn;
}

void conn_let_go(struct conn *conn)
{
    CHECK(conn, CONN_MAGIC);
    if (conn->state == CONN_CLOSING)
        return;
    conn->state = CONN_CLOSING;
    wait_clear(conn);
    list_remove(&conn->ready_link);
    ws_end(conn);
    if (conn->exchange != NULL)
        exchange_detach(conn->exchange);
    conn->exchange = NULL;
}

void conn_free(struct conn *conn)
{
    conn_let_go(conn);
    tap_remove(conn->fd);
    list_remove(&conn->link);
    peer_give(conn->net, conn->peer);
    gate_done(&conn->gate);
    buf_done(&conn->ahead);
    conn->net->stats.connections_open--;
    conn->magic = 0;
    free(conn);
}

void conn_kill(struct conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return;
    conn->kill = true;
    wait_clear(conn);
    conn_push_ready(conn);
}

void conn_answer(struct conn *conn)
{
    conn->state = CONN_READY;
    conn->written = 0;
    wait_clear(conn);
    if (!conn->in_read) /* conn_read itself sees to it otherwise */
        conn_push_ready(conn);
}

void conn_refuse(struct conn *conn, enum err_code code, const char *why)
{
    conn->net->stats.refused_total++;
    log_event(LOG_DEBUG, "net", "refused", LOG_C("peer", conn->address), LOG_C("code", err_key(code)),
        LOG_C("why", why));
    if (conn->exchange == NULL)
        conn->exchange = exchange_new(conn);
    conn->exchange->close_after = true;
    reply_build_problem(conn->exchange, code, NULL);
    conn_answer(conn);
}

/* Told directly: nothing else is under way on the connection, so these bytes cannot cut into an answer. */
static void send_continue(struct conn *conn)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    int n = (int)sizeof(line) - 1;
    ssize_t sent;
    if (conn->ssl != NULL) {
        ERR_clear_error();
        sent = SSL_write(conn->ssl, line, n);
    } else {
        sent = send(conn->fd, line, (size_t)n, MSG_NOSIGNAL);
    }
    if (sent != n)
        conn_kill(conn);
}

static void on_head(struct conn *conn)
{
    struct net *net = conn->net;
    conn->exchange = exchange_new(conn);
    exchange_read_head(conn->exchange, &conn->gate);
    if (conn->gate.head.upgrade) {
        ws_answer(conn);
        return;
    }
    if (!static_is_app_path(conn->exchange->request.path)) {
        if (conn->exchange->request.body.n > 0 || conn->gate.head.body_bytes > 0)
            conn_refuse(conn, ERR_METHOD, "body for a static file");
        return;
    }
    if (net->stats.requests_in_flight >= (uint64_t)net->conf->limits_requests_in_flight) {
        conn_refuse(conn, ERR_UNAVAILABLE, "too many requests in flight");
        return;
    }
    conn->exchange->counted = true;
    net->stats.requests_in_flight++;
    if (conn->gate.head.body_bytes == 0)
        return;
    conn->body_since_us = clock_monotonic_us();
    wait_set(conn, WAIT_BODY);
    if (conn->gate.head.expect_continue)
        send_continue(conn);
}

static void on_request(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    conn->net->stats.requests_total++;
    exchange->request.body = buf_str(&exchange->body);
    if (!static_is_app_path(exchange->request.path)) {
        static_answer(exchange);
        conn_answer(conn);
        return;
    }
    conn->state = CONN_WORKING;
    wait_set(conn, WAIT_WORK);
    exchange_spawn(exchange);
}

/* Feeds the gate until it wants more bytes or a request is whole. */
static void feed(struct conn *conn, struct str *bytes)
{
    while (conn->state == CONN_READING && !conn->kill) {
        struct str piece = STR_NULL;
        switch (gate_feed(&conn->gate, bytes, &piece)) {
        case GATE_MORE:
            if (gate_is_inside(&conn->gate) && conn->exchange == NULL && conn->wait_kind == WAIT_IDLE)
                wait_set(conn, WAIT_HEAD);
            return;
        case GATE_HEAD:
            on_head(conn);
            break;
        case GATE_BODY:
            buf_add_str(&conn->exchange->body, piece);
            break;
        case GATE_END:
            on_request(conn);
            break;
        case GATE_REFUSED:
            conn_refuse(conn, conn->gate.refusal, conn->gate.why);
            break;
        }
    }
}

void conn_read_over(struct conn *conn, size_t n)
{
    conn->lingered += n;
    if (conn->lingered > LINGER_BYTES)
        conn_kill(conn);
}

/* What cannot be used now is kept; past the limit it is read over, and the connection ends after its answer.
 */
static void keep_ahead(struct conn *conn, struct str bytes)
{
    if (conn->state != CONN_LINGERING && !conn->overrun && bytes.n <= PIPELINE_BYTES - conn->ahead.n) {
        buf_add_str(&conn->ahead, bytes);
        return;
    }
    conn->overrun = true;
    buf_done(&conn->ahead);
    conn_read_over(conn, bytes.n);
}

static void take(struct conn *conn, struct str bytes)
{
    conn->heard = true;
    conn->net->stats.bytes_in += bytes.n;
    if (conn->state == CONN_READING)
        feed(conn, &bytes);
    if (bytes.n == 0)
        return;
    if (conn->state == CONN_UPGRADED)
        ws_take(conn, bytes);
    else
        keep_ahead(conn, bytes);
}

static void take_ahead(struct conn *conn)
{
    if (conn->ahead.n == 0 || conn->state != CONN_READING)
        return;
    struct str bytes = buf_str(&conn->ahead);
    feed(conn, &bytes);
    if (bytes.n > 0)
        memmove(conn->ahead.p, bytes.p, bytes.n);
    conn->ahead.n = bytes.n;
    if (bytes.n == 0)
        buf_done(&conn->ahead);
}

/* Reads until the socket has no more: with TLS that is a must, since OpenSSL keeps bytes that no poll tells
 * of. Returns what the last read returned, or -1 with EAGAIN where it stopped by itself. */
static ssize_t pump(struct conn *conn)
{
    static char chunk[CHUNK_BYTES];

    take_ahead(conn);
    for (int i = 0; (i < CHUNKS_PER_CALL || conn->ssl != NULL) && !conn->kill; i++) {
        if (conn->ssl != NULL)
            ERR_clear_error();
        ssize_t got = tap_read_really(conn->fd, conn->ssl, chunk, sizeof(chunk));
        if (got <= 0)
            return got;
        take(conn, (struct str){chunk, (size_t)got});
        if (conn->ssl == NULL && (size_t)got < sizeof(chunk))
            break;
    }
    errno = EAGAIN;
    return -1;
}

/* A client that ends its side while it is being answered: libwebsockets would go round in circles until its
 * buffer is empty. */
static bool is_over(const struct conn *conn, ssize_t result)
{
    if (result > 0)
        return false;
    if (conn->ssl == NULL)
        return result == 0 || (errno != EAGAIN && errno != EINTR);
    int error = SSL_get_error(conn->ssl, (int)result);
    return error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
}

ssize_t conn_read(void *owner, void *p, size_t n)
{
    struct conn *conn = owner;
    CHECK(conn, CONN_MAGIC);

    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
    ssize_t result = -1;
    conn->in_read = true;
    if (conn->state == CONN_CLOSING || conn->kill)
        errno = EAGAIN;
    else if (conn->state != CONN_READY)
        result = pump(conn);
    conn->in_read = false;
    if (conn->state == CONN_WRITING && is_over(conn, result))
        conn_kill(conn);
    if (conn->state != CONN_READY || conn->kill)
        return result;
    must(n >= sizeof(GRANT) - 1);
    memcpy(p, GRANT, sizeof(GRANT) - 1);
    conn->state = CONN_GRANTED;
    list_remove(&conn->ready_link);
    return sizeof(GRANT) - 1;
}

static void body_wait_over(struct conn *conn)
{
    const struct conf *conf = conn->net->conf;
    int64_t since_ms = (clock_monotonic_us() - conn->body_since_us) / 1000;
    int64_t least = conf->limits_body_min_bytes_per_s * since_ms / 1000;
    if (since_ms >= conf->limits_body_ms)
        conn_refuse(conn, ERR_TIMEOUT, "body took too long");
    else if (since_ms >= BODY_GRACE_MS && (int64_t)conn->exchange->body.n < least)
        conn_refuse(conn, ERR_TIMEOUT, "body too slow");
    else
        wait_set(conn, WAIT_BODY);
}

/* A task that does not answer is asked to end and given the same time again, for it may be in a COMMIT. */
static void work_wait_over(struct conn *conn)
{
    if (conn->overdue) {
        conn_kill(conn);
        return;
    }
    conn->overdue = true;
    task_cancel(conn->exchange->task);
    wait_set(conn, WAIT_WORK);
}

void conn_wait_over(struct conn *conn)
{
    switch (conn->wait_kind) {
    case WAIT_HEAD:
        if (conn->heard && gate_is_inside(&conn->gate))
            conn_refuse(conn, ERR_TIMEOUT, "head took too long");
        else
            conn_kill(conn);
        return;
    case WAIT_BODY:
        body_wait_over(conn);
        return;
    case WAIT_IDLE:
        conn_linger(conn);
        return;
    case WAIT_WORK:
        work_wait_over(conn);
        return;
    case WAIT_WRITE:
    case WAIT_CLOSE:
    case WAIT_LINGER:
        conn_kill(conn);
        return;
    case WAIT_KIND_COUNT:
        break;
    }
    never("wait of no kind");
}
