/*
 * A server from start to stop. Stopping follows what libwebsockets 4.1.6 needs on a foreign loop: its context
 * is destroyed inside the loop, its handles are given turns of the loop to close, and only then it is
 * destroyed a second time, which frees it.
 */
#include "net/net_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define FDS_RESERVED 256 /* for everything that is no client */
/* libwebsockets' own time-outs are past every limit of ours (a WebSocket stays for ever in what it takes for
 * an unread head), and all alike: so each new one is the last of its list, where tap.c looks first. */
#define LWS_TIMEOUT_S (10u * 365 * 86400)

static bool is_wildcard(struct str listen)
{
    return str_eq(listen, STR("0.0.0.0")) || str_eq(listen, STR("::"));
}

static int check_listen(const struct conf *conf, struct err *err)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr any;
    struct str listen = conf->server_listen;
    if (listen.n == 0 || listen.n >= sizeof(text))
        return err_set(err, ERR_CONFIG, "server.listen: not an IP address");
    memcpy(text, listen.p, listen.n);
    text[listen.n] = '\0';
    if (inet_pton(AF_INET, text, &any) != 1 && inet_pton(AF_INET6, text, &any) != 1)
        return err_set(err, ERR_CONFIG, "server.listen: '%s' is no IP address", text);
    bool tls = conf->tls_certificate_file.n > 0;
    if (tls != (conf->tls_key_file.n > 0))
        return err_set(err, ERR_CONFIG, "tls.certificate_file and tls.key_file go together");
    if (!tls && !peer_is_loopback(text))
        return err_set(err, ERR_CONFIG, "server.listen: '%s' needs TLS; without it only loopback", text);
    return 0;
}

static void make_rules(struct net *net)
{
    const struct conf *conf = net->conf;
    struct str names = conf->server_name;
    size_t most = 5;
    for (size_t i = 0; i < names.n; i++)
        most += names.p[i] == ',';
    struct str *hosts = arena_new_array(net->arena, struct str, most);
    size_t n = 0;
    while (names.n > 0) {
        struct str name = str_trim(str_cut(&names, ','));
        if (name.n > 0)
            hosts[n++] = name;
    }
    if (n == 0) {
        hosts[n++] = STR("localhost");
        if (!is_wildcard(conf->server_listen))
            hosts[n++] = conf->server_listen;
        hosts[n++] = STR("127.0.0.1");
        hosts[n++] = STR("::1");
    }
    net->rules = (struct gate_rules){.head_bytes = (size_t)conf->limits_header_bytes,
        .head_lines = (size_t)conf->limits_header_count,
        .target_bytes = (size_t)conf->limits_uri_bytes,
        .body_bytes = (uint64_t)conf->limits_body_bytes,
        .hosts = hosts,
        .n_hosts = n};
}

/* As many descriptors as the system lets us have, and no more connections than that. */
static void size_connections(struct net *net)
{
    struct rlimit limit;
    net->max_connections = (size_t)net->conf->limits_connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = net->max_connections + FDS_RESERVED;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= wanted)
        return;
    net->max_connections = limit.rlim_cur > 2 * FDS_RESERVED ? limit.rlim_cur - FDS_RESERVED : FDS_RESERVED;
    log_event(LOG_INFO, "net", "fewer connections than limits.connections: too few file descriptors",
        LOG_I("connections", net->max_connections));
}

static struct net *net_new(const struct conf *conf, net_handler_fn *handler, void *arg)
{
    struct net *net = must_alloc(sizeof(*net));
    net->conf = conf;
    net->handler = handler;
    net->arg = arg;
    net->arena = arena_new();
    net->peers = map_new();
    list_init(&net->conns);
    list_init(&net->exchanges);
    list_init(&net->ws.pings);
    list_init(&net->ws.silences);
    return net;
}

static void net_free(struct net *net)
{
    static_free(net->files);
    tls_free(net->tls);
    map_free(net->peers, NULL);
    arena_free(net->arena);
    free(net);
}

struct walk {
    struct net *net;
    size_t n_found;
};

static bool is_known(const struct net *net, const uv_handle_t *handle)
{
    for (size_t i = 0; i < net->n_lws_handles; i++)
        if (net->lws_handles[i] == handle)
            return true;
    return false;
}

struct handles {
    uv_handle_t *list[256];
    size_t n;
};

static void collect(uv_handle_t *handle, void *arg)
{
    struct handles *handles = arg;
    must(handles->n < sizeof(handles->list) / sizeof(handles->list[0]));
    handles->list[handles->n++] = handle;
}

/* libwebsockets does not tell when its handles on our loop are closed: those that its context has added are
 * remembered, and looked for at the end. */
static void remember_handles(struct net *net, const struct handles *before)
{
    struct handles after = {.n = 0};
    uv_walk(loop_uv(), collect, &after);
    for (size_t i = 0; i < after.n; i++) {
        bool old = false;
        for (size_t j = 0; j < before->n && !old; j++)
            old = before->list[j] == after.list[i];
        if (old)
            continue;
        uv_os_fd_t fd;
        if (uv_fileno(after.list[i], &fd) == 0)
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* not for the database server that we start */
        must(net->n_lws_handles < sizeof(net->lws_handles) / sizeof(net->lws_handles[0]));
        net->lws_handles[net->n_lws_handles++] = after.list[i];
    }
}

static void count_known(uv_handle_t *handle, void *arg)
{
    struct walk *walk = arg;
    if (is_known(walk->net, handle))
        walk->n_found++;
}

static bool lws_handles_gone(struct net *net)
{
    struct walk walk = {.net = net};
    uv_walk(loop_uv(), count_known, &walk);
    return walk.n_found == 0;
}

static void wake(void *arg)
{
    task_wake(arg);
}

/* A pause that cannot be cancelled: stopping goes to its end. */
static task_fn void pause_ms(struct loop_timer *timer, uint64_t ms)
{
    loop_timer_start(timer, ms, 0, wake, task_self());
    task_park_firmly();
}

/* Twice, with turns of the loop between: see the top. Outside of a task the loop does not run yet. */
static task_fn void destroy_context(struct net *net)
{
    struct loop_timer timer = {0};
    if (net->context == NULL)
        return;
    lws_context_destroy(net->context);
    while (!lws_handles_gone(net)) {
        if (task_self() != NULL)
            pause_ms(&timer, 1);
        else
            (void)uv_run(loop_uv(), UV_RUN_NOWAIT);
    }
    lws_context_destroy(net->context);
    net->context = NULL;
    if (!timer.open)
        return;
    loop_timer_close(&timer, wake);
    task_park_firmly();
}

static int make_context(struct net *net, struct err *err)
{
    const struct conf *conf = net->conf;
    void *loops[1] = {loop_uv()};
    struct lws_context_creation_info info;
    struct handles before = {.n = 0};
    memset(&info, 0, sizeof(info));
    info.port = (int)conf->server_port;
    info.iface = is_wildcard(conf->server_listen) ? NULL : arena_cstr(net->arena, conf->server_listen);
    info.protocols = serve_protocols;
    info.vhost_name = "tidemark";
    info.user = net;
    info.foreign_loops = loops;
    info.gid = -1;
    info.uid = -1;
    info.alpn = "http/1.1";
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    if (memchr(conf->server_listen.p, ':', conf->server_listen.n) == NULL)
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    if (net->tls != NULL)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    info.timeout_secs = LWS_TIMEOUT_S;
    info.timeout_secs_ah_idle = LWS_TIMEOUT_S;
    info.keepalive_timeout = LWS_TIMEOUT_S;
    info.max_http_header_data = 512;
    uv_walk(loop_uv(), collect, &before);
    net->context = lws_create_context(&info);
    if (net->context == NULL)
        return err_set(err, ERR_IO, "libwebsockets does not start");
    net->vhost = lws_create_vhost(net->context, &info);
    remember_handles(net, &before);
    if (net->vhost != NULL)
        return 0;
    return err_set(err, ERR_IO, "cannot listen on %.*s port %d: is it in use?", STR_ARGS(conf->server_listen),
        (int)conf->server_port);
}

int net_start(const struct conf *conf, struct str web_dir, net_handler_fn *handler, void *arg,
    struct net **ret_net, struct err *err)
{
    int result = check_listen(conf, err);
    if (result != 0)
        return result;
    if (!tap_is_wired())
        return err_set(err, ERR_INTERNAL, "libwebsockets would not pass the gate: recv is not ours");
    struct net *net = net_new(conf, handler, arg);
    result = peer_read_trusted(net, err);
    if (result == 0 && conf->tls_certificate_file.n > 0)
        result = tls_new(conf, &net->tls, err);
    if (result == 0 && (net->files = static_load(web_dir, err)) == NULL)
        result = -(int)err->code;
    if (result != 0) {
        net_free(net);
        return result;
    }
    make_rules(net);
    size_connections(net);
    serve_log_init();
    tap_open(conn_read);
    result = make_context(net, err);
    if (result != 0) {
        destroy_context(net);
        tap_close();
        net_free(net);
        return result;
    }
    ready_init(net);
    wait_init(net);
    *ret_net = net;
    return 0;
}

int net_port(const struct net *net)
{
    return lws_get_vhost_listen_port(net->vhost);
}

int net_reload_tls(struct net *net, struct err *err)
{
    return net->tls == NULL ? 0 : tls_reload(net->tls, net->conf, err);
}

struct net_stats net_stats_now(const struct net *net)
{
    return net->stats;
}

/* Connections without a request end now; the others after their answer. */
static void end_idle(struct net *net)
{
    list_for_each_safe (item, &net->conns) {
        struct conn *conn = list_entry(item, struct conn, link);
        if (conn->state != CONN_READING || conn->exchange != NULL)
            continue;
        if (conn->heard)
            conn_linger(conn);
        else
            conn_kill(conn);
    }
}

static bool has_answers_due(struct net *net)
{
    list_for_each (item, &net->conns) {
        const struct conn *conn = list_entry(item, struct conn, link);
        if (conn->exchange != NULL || conn->state == CONN_UPGRADED)
            return true;
    }
    return false;
}

task_fn void net_stop(struct net *net, uint64_t drain_ms)
{
    struct loop_timer timer = {0};
    int64_t until_us = clock_monotonic_us() + (int64_t)drain_ms * 1000;
    net->stopping = true;
    end_idle(net);
    ws_close_all(net);
    while (has_answers_due(net) && clock_monotonic_us() < until_us)
        pause_ms(&timer, 5);
    list_for_each_safe (item, &net->conns) {
        conn_kill(list_entry(item, struct conn, link));
    }
    /* Tasks whose connection has gone are cancelled, but may be in a wait that is not (a COMMIT). */
    while (!list_is_empty(&net->exchanges) || !list_is_empty(&net->conns))
        pause_ms(&timer, 1);
    destroy_context(net);
    wait_close(net);
    ready_close(net);
    pause_ms(&timer, 1); /* the handles that net itself holds are closed within this turn */
    loop_timer_close(&timer, wake);
    task_park_firmly();
    tap_close();
    net_free(net);
}
