/*
 * libwebsockets on our loop: connections, the gate (SECURITY 3.3), TLS, requests, replies, static files. No
 * libwebsockets type leaves this room. Each request that passed the gate becomes a task that runs the one
 * handler.
 */
#ifndef TIDEMARK_NET_NET_H
#define TIDEMARK_NET_NET_H

#include "base/buf.h"
#include "conf/conf.h"
#include "loop/task.h"

enum net_method { NET_GET, NET_HEAD, NET_POST, NET_PUT, NET_PATCH, NET_DELETE, NET_METHOD_COUNT };
const char *net_method_name(enum net_method method);

struct net_request {
    enum net_method method;
    struct str path;  /* percent-decoded once, valid UTF-8 without control characters, begins with '/' */
    struct str query; /* raw, without '?' */
    struct str body;  /* whole; at most limits.body_bytes */
    struct str peer;  /* client address as text: the socket's, or the trusted proxy's word */
    bool tls;
    bool loopback; /* the peer is this machine and no trusted proxy is configured */
    /* headers the application uses; empty where absent */
    struct str host, origin, content_type, cookie, authorization, if_match, if_none_match, csrf_token,
        accept_language, idempotency_key, user_agent, sec_fetch_site, fail_wait;
    char id[24]; /* for logs, problem documents and audit events; random, not a counter */
};

/* Decodes %XX and '+' of one query parameter; false if absent. A parameter that appears twice is
 * ERR_BAD_REQUEST. */
int net_query_get(const struct net_request *request, struct str name, struct arena *arena, bool *ret_found,
    struct str *ret_value, struct err *err);
/* Every parameter's name must be in the list (NULL-terminated), else ERR_INVALID naming it. */
int net_query_check(
    const struct net_request *request, const char *const *known, struct arena *arena, struct err *err);
/* One cookie's value; empty if absent. */
struct str net_cookie(const struct net_request *request, struct str name);

struct net_reply {
    int status;
    const char *content_type;                     /* NULL: application/json */
    struct buf body;                              /* taken over by net */
    struct str set_cookie, location, allow, etag; /* optional; copied */
    struct str fail_wait;                         /* X-Tidemark-Fail-Wait of the torture tests; copied */
    int retry_after_s;
    bool store_nothing; /* Cache-Control: no-store (data); false: as the static files say */
};

/* Runs on the request's task and fills the reply. What it leaves empty is answered 500. */
typedef task_fn void net_handler_fn(const struct net_request *request, struct net_reply *reply, void *arg);

struct net;
/* Listens; static files under conf->server_web_dir are loaded into memory with their .br and .gz forms, ETag
 * and strict headers; paths that are no file and do not begin with /api/, /healthz, /readyz or /metrics get
 * index.html. */
int net_start(const struct conf *conf, struct str web_dir, net_handler_fn *handler, void *arg,
    struct net **ret_net, struct err *err);
int net_port(const struct net *net);
/* Reads certificate and key again; the old ones stay in use if the new ones are not good. */
int net_reload_tls(struct net *net, struct err *err);
/* Stops listening, lets requests in flight end (at most drain_ms), closes the rest. Call on a task. */
task_fn void net_stop(struct net *net, uint64_t drain_ms);

struct net_stats {
    uint64_t connections_open, connections_total, requests_total, refused_total, requests_in_flight;
    uint64_t bytes_in, bytes_out;
};
struct net_stats net_stats_now(const struct net *net);

#endif
