/* The ceiling: libwebsockets alone on the same loop, sending from its writable callbacks. */
#include "load.h"

#include "loop/loop.h"

#include <libwebsockets.h>
#include <string.h>

enum { FRAME_BYTES_MAX = 16384 };

static unsigned char text[LWS_PRE + FRAME_BYTES_MAX]; /* libwebsockets puts the header in front */
static struct lws_context *context;
static struct lws_vhost *vhost;
static const struct lws_protocols *bare_protocol;

static size_t payload_bytes(void)
{
    size_t header = side_server.n_bytes > 127 ? 4 : 2;
    return side_server.n_bytes - header;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    (void)in, (void)n;
    switch ((int)reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        SSL_CTX_set_mode(user, SSL_MODE_RELEASE_BUFFERS);
        (void)SSL_CTX_set_num_tickets(user, 0); /* a client may count bytes only, after the handshake */
        return 0;
    case LWS_CALLBACK_ESTABLISHED:
        bare_protocol = lws_get_protocol(wsi);
        side_server.n_open++;
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (lws_write(wsi, text + LWS_PRE, payload_bytes(), LWS_WRITE_TEXT) != (int)payload_bytes())
            return -1;
        side_sent_one();
        return 0;
    default:
        return 0;
    }
}

static void send_all(void)
{
    if (side_server.n_bytes > FRAME_BYTES_MAX)
        load_die("bare", "a frame too large");
    (void)lws_callback_on_writable_all_protocol_vhost(vhost, bare_protocol);
}

int bare_start(const char *certificate, const char *key)
{
    static const struct lws_protocols protocols[] = {
        {.name = "tidemark.v1", .callback = on_event, .rx_buffer_size = 512}, {0}};
    static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};
    struct lws_context_creation_info info;
    void *loops[1] = {loop_uv()};
    memset(&info, 0, sizeof(info));
    memset(text + LWS_PRE, 'x', FRAME_BYTES_MAX);
    lws_set_log_level(LLL_ERR, NULL);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.foreign_loops = loops;
    info.gid = -1;
    info.uid = -1;
    info.retry_and_idle_policy = &no_pings;
    info.options =
        LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6;
    if (certificate != NULL) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = certificate;
        info.ssl_private_key_filepath = key;
    }
    context = lws_create_context(&info);
    vhost = context ? lws_create_vhost(context, &info) : NULL;
    if (vhost == NULL)
        load_die("bare", "libwebsockets does not start");
    side_server.send = send_all;
    return lws_get_vhost_listen_port(vhost);
}
