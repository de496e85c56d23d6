/*
 * Answers on their way out, and the ends of connections. Everything here that calls into libwebsockets runs
 * either inside one of its callbacks (conn_write) or from the idle handle (run_ready), never from a task:
 * libwebsockets is not entered twice.
 */
#include "net/net_int.h"

#include "base/must.h"

#include <openssl/err.h>
#include <sys/socket.h>

void conn_linger(struct conn *conn)
{
    ws_end(conn);
    conn->state = CONN_LINGERING;
    conn->lingered = 0;
    buf_done(&conn->ahead);
    if (conn->ssl != NULL && SSL_is_init_finished(conn->ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(conn->ssl); /* close_notify; the peer's is not waited for */
    }
    (void)shutdown(conn->fd, SHUT_WR);
    wait_set(conn, WAIT_LINGER);
}

/* The answer is with the system, and the socket takes more. */
static int finish(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    bool close_after = exchange->close_after || conn->overrun || conn->net->stopping;
    bool upgrade = exchange->upgrade && !close_after;
    conn->exchange = NULL;
    conn->written = 0;
    conn->overdue = false;
    gate_reset(&conn->gate);
    if (upgrade) {
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
        ws_open(conn, &exchange->request);
    }
    exchange_free(exchange);
    if (upgrade)
        return 0;
    if (close_after) {
        conn_linger(conn);
        return 0;
    }
    if (lws_http_transaction_completed(conn->wsi) != 0)
        return -1;
    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
    conn->state = CONN_READING;
    conn->deferred = true;
    wait_set(conn, WAIT_IDLE);
    if (conn->ahead.n > 0)
        conn_push_ready(conn);
    return 0;
}

int conn_write(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct str rest = {exchange->out.p, exchange->out.n};
    if (conn->written > 0) {
        size_t n_tail = conn->written - exchange->out.n;
        rest = (struct str){exchange->tail.p + n_tail, exchange->tail.n - n_tail};
    }
    conn->state = CONN_WRITING;
    if (rest.n > 0) {
        size_t n = rest.n;
        if (conn->written > 0 && n > WRITE_BYTES)
            n = WRITE_BYTES;
        /* Plain HTTP/1.1: libwebsockets needs no room in front of the bytes and does not change them. */
        if (lws_write(conn->wsi, (unsigned char *)(uintptr_t)rest.p, n, LWS_WRITE_HTTP) < 0)
            return -1;
        conn->written += n;
        conn->net->stats.bytes_out += n;
    }
    if (conn->written == exchange->out.n + exchange->tail.n && !lws_send_pipe_choked(conn->wsi))
        return finish(conn);
    wait_set(conn, WAIT_WRITE);
    lws_callback_on_writable(conn->wsi);
    return 0;
}

/* Lets libwebsockets believe that the socket has an event. May close the connection, never free it. */
static void service(struct conn *conn, short events)
{
    struct lws_pollfd fd = {.fd = conn->fd, .events = events, .revents = events};
    if (events == POLLHUP)
        fd.events = 0;
    (void)lws_service_fd(conn->net->context, &fd);
}

static void settle(struct conn *conn)
{
    if (!conn->deferred || conn->state != CONN_READING)
        return;
    conn->deferred = false;
    service(conn, POLLOUT);
}

static void run_one(struct conn *conn)
{
    if (conn->kill) {
        service(conn, POLLHUP);
        return;
    }
    settle(conn);
    if (conn->state == CONN_READY || (conn->state == CONN_READING && conn->ahead.n > 0))
        service(conn, POLLIN);
    settle(conn);
}

/* One round: what becomes ready meanwhile has its turn after the sockets. */
static void run_ready(uv_idle_t *idle)
{
    struct net *net = idle->data;
    struct list round;
    list_init(&round);
    while (!list_is_empty(&net->ready)) {
        struct list *item = net->ready.next;
        list_remove(item);
        list_append(&round, item);
    }
    while (!list_is_empty(&round)) {
        struct conn *conn = list_entry(round.next, struct conn, ready_link);
        list_remove(&conn->ready_link);
        run_one(conn);
    }
    if (list_is_empty(&net->ready))
        (void)uv_idle_stop(idle);
}

void conn_push_ready(struct conn *conn)
{
    list_remove(&conn->ready_link);
    list_append(&conn->net->ready, &conn->ready_link);
    (void)uv_idle_start(&conn->net->idle, run_ready);
}

void ready_init(struct net *net)
{
    list_init(&net->ready);
    must(uv_idle_init(loop_uv(), &net->idle) == 0);
    net->idle.data = net;
}

void ready_close(struct net *net)
{
    uv_close((uv_handle_t *)&net->idle, NULL);
}
