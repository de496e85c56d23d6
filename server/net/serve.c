/*
 * What libwebsockets calls back for. It only ever sees the requests that conn_read makes up, so most of what
 * is checked here cannot happen: it is the second line behind the gate (SECURITY 3.3), and closes the
 * connection whenever anything else than our own request arrives.
 * Of WebSockets it knows nothing: it polls their sockets, and finds nothing to read.
 */
#include "net/net_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <fcntl.h>
#include <string.h>

#define LOG_LINES_PER_SECOND 10

static struct net *net_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* Before anything is allocated for it. A refused connection is closed at once by libwebsockets. */
static int on_connect(struct net *net, int fd)
{
    char address[INET6_ADDRSTRLEN];
    if (!peer_address(fd, address))
        return -1;
    if (!peer_admit(net, address)) {
        net->stats.refused_total++;
        log_event(LOG_DEBUG, "net", "connection refused: too many", LOG_C("peer", address));
        return -1;
    }
    return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int on_adopt(struct net *net, struct lws *wsi)
{
    struct conn *conn = conn_new(net, wsi);
    lws_set_opaque_user_data(wsi, conn);
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    return 0;
}

static bool header_is(struct lws *wsi, enum lws_token_indexes token, const char *expected)
{
    char value[8];
    int n = lws_hdr_copy(wsi, value, sizeof(value), token);
    return n == (int)strlen(expected) && strcmp(value, expected) == 0;
}

/* Nothing but the request that conn_read has just granted. */
static int check_granted(struct conn *conn, struct lws *wsi)
{
    static const enum lws_token_indexes never_there[] = {WSI_TOKEN_GET_URI, WSI_TOKEN_CONNECT,
        WSI_TOKEN_UPGRADE, WSI_TOKEN_HTTP2_SETTINGS, WSI_TOKEN_HTTP_TRANSFER_ENCODING, WSI_TOKEN_CONNECTION};
    if (conn == NULL || conn->state != CONN_GRANTED)
        return -1;
    for (size_t i = 0; i < sizeof(never_there) / sizeof(never_there[0]); i++)
        if (lws_hdr_total_length(wsi, never_there[i]) > 0)
            return -1;
    if (!header_is(wsi, WSI_TOKEN_POST_URI, "/") || !header_is(wsi, WSI_TOKEN_HOST, "t") ||
        !header_is(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, "1"))
        return -1;
    return 0;
}

/* SSL_CTX of the vhost, which libwebsockets has just made. */
static int on_tls_context(struct lws *wsi, SSL_CTX *ssl_ctx)
{
    struct net *net = net_of(wsi);
    must(net->tls != NULL);
    tls_configure(net->tls, ssl_ctx);
    return 0;
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct conn *conn = NULL;
    (void)n;
    switch ((int)reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return on_tls_context(wsi, user);
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return on_connect(net_of(wsi), (int)(intptr_t)in);
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        return on_adopt(net_of(wsi), wsi);
    case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
    case LWS_CALLBACK_HTTP:
        return check_granted(lws_get_opaque_user_data(wsi), wsi);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        conn = lws_get_opaque_user_data(wsi);
        return conn != NULL && conn->state == CONN_GRANTED ? conn_write(conn) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        conn = lws_get_opaque_user_data(wsi);
        if (conn != NULL && conn->state == CONN_UPGRADED)
            ws_writable(conn);
        return conn != NULL && conn->state == CONN_WRITING ? conn_write(conn) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
        conn = lws_get_opaque_user_data(wsi);
        if (conn != NULL)
            conn_let_go(conn);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        conn = lws_get_opaque_user_data(wsi);
        if (conn != NULL)
            conn_free(conn);
        lws_set_opaque_user_data(wsi, NULL);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_RAW_WRITEABLE:
        return -1;
    default:
        return 0;
    }
}

const struct lws_protocols serve_protocols[] = {
    {.name = "http", .callback = serve, .rx_buffer_size = 0, .tx_packet_size = 4 * WRITE_BYTES},
    {0},
};

/* The library's own complaints, at most a few a second: some can be caused from outside. */
static void on_log(int level, const char *line)
{
    static int64_t second;
    static int n_lines;
    int64_t now = clock_monotonic_us() / 1000000;
    if (now != second) {
        second = now;
        n_lines = 0;
    }
    if (n_lines++ >= LOG_LINES_PER_SECOND)
        return;
    struct str text = str_trim(str_of(line));
    if (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    log_event(LOG_WARN, "net", "libwebsockets", LOG_I("level", level), LOG_S("text", text));
}

void serve_log_init(void)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
}
