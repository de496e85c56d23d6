/*
 * Private to the room: a server, its connections, and one request with its answer on the way.
 *
 * A connection reads one request at a time. Bytes come through the tap (tap.h) into the gate (gate.h); a
 * request that is whole becomes an exchange: static files and refusals are answered at once, everything else
 * runs as a task. When the answer stands, libwebsockets is handed a short request of our own making, and in
 * its callback to that the answer is written. What a client wrote never reaches libwebsockets' parser.
 */
#ifndef TIDEMARK_NET_NET_INT_H
#define TIDEMARK_NET_NET_INT_H

#include "base/list.h"
#include "base/map.h"
#include "loop/loop.h"
#include "net/frame.h"
#include "net/gate.h"
#include "net/net.h"
#include "net/ws.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#define PIPELINE_BYTES ((size_t)64 << 10) /* read ahead behind a request that is worked on */
#define CLOSE_MS 2000                     /* for the other side of a WebSocket to close in its turn */
#define LINGER_MS 1000                    /* for the client to read a last answer before the socket goes */
#define LINGER_BYTES ((size_t)16 << 20)   /* read over meanwhile */
#define WRITE_BYTES ((size_t)64 << 10)    /* of a body, handed to libwebsockets at once */
#define BODY_LOOK_MS 1000                 /* how often the progress of a body is looked at */
#define BODY_GRACE_MS 5000                /* before its rate counts */

/* What a connection waits for. All waits of a kind last equally long, so one queue a kind is in order. */
enum wait_kind {
    WAIT_HEAD,   /* the end of a head, from connecting or its first byte; the TLS handshake is inside */
    WAIT_BODY,   /* the next look at the progress of a body */
    WAIT_IDLE,   /* the next request */
    WAIT_WORK,   /* the task's answer */
    WAIT_WRITE,  /* the reader of an answer */
    WAIT_CLOSE,  /* the end of a WebSocket, which has been told to close */
    WAIT_LINGER, /* the client's end of a connection that we have ended */
    WAIT_KIND_COUNT
};

enum conn_state {
    CONN_READING,   /* a head or a body, or between requests */
    CONN_WORKING,   /* a task has the exchange */
    CONN_READY,     /* the answer stands, libwebsockets does not know yet */
    CONN_GRANTED,   /* our own request is with libwebsockets */
    CONN_WRITING,   /* the answer is on its way */
    CONN_UPGRADED,  /* a WebSocket; libwebsockets only polls for it */
    CONN_LINGERING, /* our side is shut; what comes is read over */
    CONN_CLOSING    /* libwebsockets has let go of it */
};

/* Connections of one client address (of one /64 with IPv6). */
struct peer {
    char key[INET6_ADDRSTRLEN];
    size_t n;
    bool trusted;
};

#define CONN_MAGIC 0x636f6e6eu
struct conn {
    uint32_t magic;
    enum conn_state state;
    struct net *net;
    struct lws *wsi;
    SSL *ssl; /* NULL on plain sockets */
    int fd;
    struct list link;       /* in net->conns */
    struct list ready_link; /* in net->ready, or alone */
    struct list wait_link;  /* in net->waits[wait_kind], or alone */
    enum wait_kind wait_kind;
    int64_t wait_until_us;
    struct peer *peer;
    char address[INET6_ADDRSTRLEN];
    struct gate gate;
    struct buf ahead; /* bytes behind the present request */
    struct exchange *exchange;
    struct ws *ws;   /* while upgraded, until `closed` has been called */
    size_t written;  /* of the exchange's answer */
    size_t lingered; /* bytes read over */
    int64_t body_since_us;
    bool heard;    /* a byte has come, so the TLS handshake is over */
    bool kill;     /* to be closed without another word */
    bool overrun;  /* too much came ahead: closed after the present answer */
    bool overdue;  /* its task has been told to end */
    bool in_read;  /* inside conn_read */
    bool deferred; /* libwebsockets waits for the socket before it reads again */
};

/* One request and its answer. Outlives its connection while its task runs. */
struct exchange {
    struct list link; /* in net->exchanges */
    struct net *net;
    struct conn *conn; /* NULL: the client has gone */
    struct task *task;
    struct buf head_bytes, body;
    char address[INET6_ADDRSTRLEN];
    struct net_request request;
    struct str accept_encoding;
    struct net_reply reply;
    struct buf out;  /* the answer's head, and its body if that is small */
    struct str tail; /* the rest of it: in reply.body or in a static file */
    bool close_after, counted;
    bool upgrade; /* the answer is a 101, and a WebSocket follows it */
};

struct net {
    const struct conf *conf;
    net_handler_fn *handler;
    void *arg;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct arena *arena;
    struct gate_rules rules;
    struct str *trusted;
    size_t n_trusted;
    struct static_files *files;
    struct {
        const struct ws_events *events; /* NULL: no upgrades */
        void *arg;
        struct frame_rules rules;
        struct list pings, silences; /* sockets in the order of their next ping, and of their last frame */
        uint64_t n_opened;
    } ws;
    struct tls *tls; /* NULL: plain */
    struct list conns, exchanges, ready, waits[WAIT_KIND_COUNT];
    int64_t wait_us[WAIT_KIND_COUNT];
    struct loop_timer tick;
    uv_idle_t idle; /* runs while something is ready */
    bool stopping;
    struct map *peers;
    size_t max_connections;
    struct net_stats stats;
    struct uv_handle_s *lws_handles[16]; /* those that stay as long as the context */
    size_t n_lws_handles;
};

/* conn.c: the life of a connection. */
struct conn *conn_new(struct net *net, struct lws *wsi);
void conn_let_go(struct conn *conn); /* the client has gone: no callback after this but conn_free */
void conn_free(struct conn *conn);
ssize_t conn_read(void *owner, void *p, size_t n); /* the tap's callback */
void conn_refuse(struct conn *conn, enum err_code code, const char *why);
void conn_answer(struct conn *conn); /* the exchange's answer stands */
void conn_kill(struct conn *conn);
void conn_read_over(struct conn *conn, size_t n); /* bytes that nobody wants: only so many */
void conn_wait_over(struct conn *conn);           /* what wait_kind names did not come */

/* write.c: answers on their way, and the ends of connections. */
int conn_write(struct conn *conn); /* -1: libwebsockets is to close it */
void conn_linger(struct conn *conn);
void conn_push_ready(struct conn *conn);
void ready_init(struct net *net);
void ready_close(struct net *net);

/* ws.c: upgraded connections. */
void ws_answer(struct conn *conn); /* to the checked upgrade that conn->exchange holds */
void ws_open(struct conn *conn, const struct net_request *request); /* the 101 is out */
void ws_take(struct conn *conn, struct str bytes);
void ws_writable(struct conn *conn);
void ws_end(struct conn *conn); /* `closed` is called, the memory goes */
void ws_close_all(struct net *net);
void ws_look(struct net *net, int64_t now_us); /* pings that are due, sockets that are silent */

/* wait.c: the timers. */
void wait_init(struct net *net);
void wait_close(struct net *net);
void wait_set(struct conn *conn, enum wait_kind kind);
void wait_clear(struct conn *conn);

/* exchange.c: from a head to a task. */
struct exchange *exchange_new(struct conn *conn);
void exchange_free(struct exchange *exchange);
void exchange_read_head(struct exchange *exchange, struct gate *gate);
void exchange_spawn(struct exchange *exchange);
void exchange_detach(struct exchange *exchange); /* its connection has gone */

/* reply.c: the bytes of an answer. */
void reply_build(struct exchange *exchange);
void reply_build_problem(struct exchange *exchange, enum err_code code, const char *detail);
/* Starts exchange->out: status line and the headers that every answer has. */
void reply_begin(struct exchange *exchange, int status, const char *content_type, const char *cache);
void reply_header(struct exchange *exchange, const char *name, struct str value);
void reply_end(struct exchange *exchange, struct str body);

/* static.c: files in memory. */
struct static_files *static_load(struct str web_dir, struct err *err); /* NULL with err set */
void static_free(struct static_files *files);
bool static_is_app_path(struct str path); /* goes to the handler */
void static_answer(struct exchange *exchange);

/* peer.c: who is at the other end. */
bool peer_address(int fd, char ret_text[INET6_ADDRSTRLEN]);
bool peer_is_loopback(const char *address);
/* False: one connection too many. */
bool peer_admit(struct net *net, const char *address);
struct peer *peer_take(struct net *net, const char *address);
void peer_give(struct net *net, struct peer *peer);
int peer_read_trusted(struct net *net, struct err *err);
bool peer_is_trusted(const struct net *net, struct str address);
/* The client that a trusted proxy names: the last hop that is not trusted itself. Empty if none. */
struct str peer_forwarded(const struct net *net, struct str header);

/* tls.c */
int tls_new(const struct conf *conf, struct tls **ret_tls, struct err *err);
void tls_free(struct tls *tls);
int tls_reload(struct tls *tls, const struct conf *conf, struct err *err);
void tls_configure(struct tls *tls, SSL_CTX *ssl_ctx); /* the vhost's, as libwebsockets made it */

/* serve.c: the callbacks. */
extern const struct lws_protocols serve_protocols[];
void serve_log_init(void);

#endif
