/*
 * One frame to many WebSockets: ours beside bare libwebsockets sending the same from its writable callbacks.
 * Each has a process of its own with the same number of sockets, and they take turns, round by round.
 *
 *   bench_broadcast plain|tls SOCKETS ROUNDS
 *
 * A round is timed in the server, from its start until the kernel has every byte; the client reads only
 * afterwards, so that its work is in neither number. Prints medians, what one idle socket costs in resident
 * memory (taken over the first 2,000), and what one of ours costs more while its reader takes nothing.
 */
#include "base/clock.h"
#include "base/must.h"
#include "conf/conf.h"
#include "loop/loop.h"
#include "net/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAYLOAD_BYTES = 300,
    FRAME_BYTES = PAYLOAD_BYTES + 4,
    RECORD_BYTES = 22, /* around each record of TLS 1.3 */
    MAX_SOCKETS = 9000,
    MAX_ROUNDS = 1000,
    PER_ADDRESS = 900, /* of the client's: below limits.connections_per_address */
    MEMORY_SOCKETS = 2000,
    STALLED_SOCKETS = 200,
    STALL_BYTES = 8 << 20 /* more than the kernel takes for a reader that reads nothing */
};

static const char CERTIFICATE[] = "cert.pem", KEY[] = "key.pem";
static char folder[] = "/tmp/tidemark-bench-XXXXXX";
static bool tls;
static size_t n_sockets, n_rounds;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_broadcast: %s: %s\n", what, strerror(errno));
    exit(3);
}

/* --- both servers: told over a pipe what to do, and answering with a number --- */

#define COMMAND_COUNT 'n'  /* how many sockets are open */
#define COMMAND_MEMORY 'm' /* resident bytes */
#define COMMAND_SEND 's'   /* one round; microseconds of wall and of processor time, in that order */

#define COMMAND_STALL 'h' /* ours only: resident bytes that stalled sockets cost, and how many they are */

struct answer {
    int64_t first, second;
};

static struct {
    int in, out;
    int64_t began_us, began_cpu_us;
    size_t n_open, n_left;
    void (*send)(void), (*stall)(void);
} side;

static int64_t cpu_us(void)
{
    struct timespec spent;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

static void tell(int64_t first, int64_t second)
{
    struct answer answer = {first, second};
    if (write(side.out, &answer, sizeof(answer)) != sizeof(answer))
        die("answer");
}

static void sent_one(void)
{
    if (--side.n_left == 0)
        tell(clock_monotonic_us() - side.began_us, cpu_us() - side.began_cpu_us);
}

static int64_t resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        die("/proc/self/statm");
    (void)fclose(file);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static void on_command(uv_poll_t *handle, int status, int events)
{
    char command;
    (void)handle, (void)status, (void)events;
    if (read(side.in, &command, 1) != 1)
        _exit(0);
    if (command == COMMAND_COUNT) {
        tell((int64_t)side.n_open, 0);
    } else if (command == COMMAND_MEMORY) {
        tell(resident_bytes(), 0);
    } else if (command == COMMAND_STALL) {
        side.stall();
    } else {
        side.n_left = side.n_open;
        side.began_us = clock_monotonic_us();
        side.began_cpu_us = cpu_us();
        side.send();
    }
}

/* --- ours --- */

static struct ws *sockets[MAX_SOCKETS];
static struct ws_bytes *frame;

static void on_opened(struct ws *ws, const struct net_request *request, void *arg)
{
    (void)request, (void)arg;
    must(side.n_open < MAX_SOCKETS);
    sockets[side.n_open++] = ws;
}

static void on_message(struct ws *ws, struct str text, void *arg)
{
    (void)ws, (void)text, (void)arg;
}

static void on_drained(struct ws *ws, void *arg)
{
    (void)ws, (void)arg;
    sent_one();
}

static void on_closed(struct ws *ws, void *arg)
{
    (void)ws, (void)arg;
}

static void send_ours(void)
{
    for (size_t i = 0; i < side.n_open; i++) {
        must(ws_is_free(sockets[i]));
        ws_send(sockets[i], &frame, 1);
        if (ws_is_free(sockets[i]))
            sent_one();
    }
}

/* One large frame to each; all share its bytes, and each is left with the rest of it. */
static void stall_ours(void)
{
    char *text = must_alloc(STALL_BYTES);
    memset(text, 'x', STALL_BYTES);
    struct ws_bytes *large = ws_frame((struct str){text, STALL_BYTES});
    free(text);
    size_t n = side.n_open < STALLED_SOCKETS ? side.n_open : STALLED_SOCKETS;
    int64_t before = resident_bytes();
    for (size_t i = 0; i < n; i++) {
        ws_send(sockets[i], &large, 1);
        must(!ws_is_free(sockets[i]));
    }
    ws_bytes_unref(large);
    tell(resident_bytes() - before, (int64_t)n);
}

static task_fn void handle(const struct net_request *request, struct net_reply *reply, void *arg)
{
    (void)request, (void)arg;
    reply->status = 404;
}

static void read_defaults(struct conf *conf)
{
    *conf = (struct conf){.arena = NULL};
#define S_STR(section, key, def, help) conf->section##_##key = str_of(def);
#define S_INT(section, key, def, lo, hi, unit, help) conf->section##_##key = def;
#define S_BOOL(section, key, def, help) conf->section##_##key = def;
#include "conf/settings.def"
#undef S_STR
#undef S_INT
#undef S_BOOL
    conf->server_port = 0;
    if (!tls)
        return;
    conf->tls_certificate_file = str_of(CERTIFICATE);
    conf->tls_key_file = str_of(KEY);
}

static const char *payload(void)
{
    static char text[PAYLOAD_BYTES + 1];
    memset(text, 'x', PAYLOAD_BYTES);
    return text;
}

static int start_ours(void)
{
    static const struct ws_events events = {
        .opened = on_opened, .message = on_message, .drained = on_drained, .closed = on_closed};
    static struct conf conf;
    struct net *net;
    struct err err = {0};
    read_defaults(&conf);
    if (net_start(&conf, STR("/nonexistent"), handle, NULL, &net, &err) != 0)
        die(err.detail);
    ws_serve(net, "/api/v1/live", "tidemark.v1", &events, NULL);
    frame = ws_frame(str_of(payload()));
    side.send = send_ours;
    side.stall = stall_ours;
    return net_port(net);
}

/* --- bare libwebsockets on the same loop --- */

static struct lws_context *context;
static struct lws_vhost *vhost;
static const struct lws_protocols *bare_protocol;

static int on_bare(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    static unsigned char text[LWS_PRE + PAYLOAD_BYTES];
    (void)in, (void)n;
    switch ((int)reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        SSL_CTX_set_mode(user, SSL_MODE_RELEASE_BUFFERS);
        (void)SSL_CTX_set_num_tickets(user, 0); /* the client only counts bytes after the handshake */
        return 0;
    case LWS_CALLBACK_ESTABLISHED:
        bare_protocol = lws_get_protocol(wsi);
        side.n_open++;
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        memset(text + LWS_PRE, 'x', PAYLOAD_BYTES);
        if (lws_write(wsi, text + LWS_PRE, PAYLOAD_BYTES, LWS_WRITE_TEXT) != PAYLOAD_BYTES)
            return -1;
        sent_one();
        return 0;
    default:
        return 0;
    }
}

static void send_bare(void)
{
    (void)lws_callback_on_writable_all_protocol_vhost(vhost, bare_protocol);
}

static int start_bare(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "tidemark.v1", .callback = on_bare, .rx_buffer_size = 512}, {0}};
    static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};
    struct lws_context_creation_info info;
    void *loops[1] = {loop_uv()};
    memset(&info, 0, sizeof(info));
    lws_set_log_level(LLL_ERR, NULL);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.foreign_loops = loops;
    info.gid = -1;
    info.uid = -1;
    info.retry_and_idle_policy = &no_pings;
    info.options =
        LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6;
    if (tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = CERTIFICATE;
        info.ssl_private_key_filepath = KEY;
    }
    context = lws_create_context(&info);
    vhost = context ? lws_create_vhost(context, &info) : NULL;
    if (vhost == NULL)
        die("libwebsockets");
    side.send = send_bare;
    return lws_get_vhost_listen_port(vhost);
}

/* --- the client --- */

struct server {
    const char *name;
    int (*start)(void);
    int to, from, port;
    int *fds;
    int64_t wall_us[MAX_ROUNDS], cpu_us[MAX_ROUNDS];
};

static void start(struct server *server)
{
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0)
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        uv_poll_t commands;
        (void)close(to[1]);
        (void)close(from[0]);
        side.in = to[0];
        side.out = from[1];
        loop_init();
        tell(server->start(), 0);
        must(uv_poll_init(loop_uv(), &commands, side.in) == 0);
        must(uv_poll_start(&commands, UV_READABLE, on_command) == 0);
        loop_run();
        _exit(0);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    server->to = to[1];
    server->from = from[0];
    server->fds = must_alloc(n_sockets * sizeof(int));
}

static struct answer hear(const struct server *server)
{
    struct answer answer;
    if (read(server->from, &answer, sizeof(answer)) != sizeof(answer))
        die(server->name);
    return answer;
}

static struct answer ask(const struct server *server, char command)
{
    if (write(server->to, &command, 1) != 1)
        die(server->name);
    return hear(server);
}

static int dial(const struct server *server, size_t i)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in me = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    me.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i / PER_ADDRESS));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)server->port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* The handshake; afterwards only the number of bytes on the wire matters, and the TLS state goes. */
static int open_socket(const struct server *server, size_t i, SSL_CTX *ssl_ctx)
{
    static const char request[] =
        "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: tidemark.v1\r\nOrigin: %s://localhost\r\n\r\n";
    char text[512], answer[4096];
    int fd = dial(server, i), n = snprintf(text, sizeof(text), request, tls ? "https" : "http");
    size_t have = 0;
    SSL *ssl = NULL;
    if (tls) {
        ssl = SSL_new(ssl_ctx);
        if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
            die("TLS handshake");
    }
    if ((tls ? SSL_write(ssl, text, n) : (int)write(fd, text, (size_t)n)) != n)
        die("request");
    do {
        size_t room = sizeof(answer) - 1 - have;
        ssize_t got = tls ? SSL_read(ssl, answer + have, (int)room) : read(fd, answer + have, room);
        if (got <= 0)
            die("answer");
        have += (size_t)got;
        answer[have] = '\0';
    } while (strstr(answer, "\r\n\r\n") == NULL);
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0)
        die(answer);
    if (ssl != NULL)
        SSL_set_fd(ssl, -1);
    SSL_free(ssl);
    return fd;
}

static void open_until(const struct server *server, size_t from, size_t n, SSL_CTX *ssl_ctx)
{
    for (size_t i = from; i < n; i++)
        server->fds[i] = open_socket(server, i, ssl_ctx);
    while (ask(server, COMMAND_COUNT).first < (int64_t)n)
        (void)poll(NULL, 0, 1);
}

/* Exactly one frame from each socket. */
static void drain(const struct server *server)
{
    static char bytes[FRAME_BYTES + RECORD_BYTES];
    size_t wanted = FRAME_BYTES + (tls ? RECORD_BYTES : 0);
    for (size_t i = 0; i < n_sockets; i++)
        if (recv(server->fds[i], bytes, wanted, MSG_WAITALL) != (ssize_t)wanted)
            die("frame");
}

static void run_round(struct server *server, size_t round)
{
    struct answer answer = ask(server, COMMAND_SEND);
    server->wall_us[round] = answer.first;
    server->cpu_us[round] = answer.second;
    drain(server);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median(int64_t *values)
{
    qsort(values, n_rounds, sizeof(values[0]), by_size);
    return (double)values[n_rounds / 2];
}

static void write_pair(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    must(key != NULL && x509 != NULL);
    (void)X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600L);
    (void)X509_set_pubkey(x509, key);
    must(X509_sign(x509, key, EVP_sha256()) > 0);
    FILE *certificate = fopen(CERTIFICATE, "w"), *secret = fopen(KEY, "w");
    if (certificate == NULL || secret == NULL || PEM_write_X509(certificate, x509) != 1 ||
        PEM_write_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1)
        die("certificate");
    (void)fclose(certificate);
    (void)fclose(secret);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void remove_folder(void)
{
    (void)unlink(CERTIFICATE);
    (void)unlink(KEY);
    if (chdir("/") == 0)
        (void)rmdir(folder);
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("limit of descriptors");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * n_sockets + 256)
        die("too few descriptors for so many sockets");
}

static double socket_kb(struct server *server, SSL_CTX *ssl_ctx)
{
    size_t n = n_sockets < MEMORY_SOCKETS ? n_sockets : MEMORY_SOCKETS;
    size_t warm = n / 10; /* what is made once is made for these */
    open_until(server, 0, warm, ssl_ctx);
    int64_t before = ask(server, COMMAND_MEMORY).first;
    open_until(server, warm, n, ssl_ctx);
    int64_t after = ask(server, COMMAND_MEMORY).first;
    open_until(server, n, n_sockets, ssl_ctx);
    return (double)(after - before) / 1024 / (double)(n - warm);
}

int main(int argc, char **argv)
{
    static struct server ours = {.name = "ours", .start = start_ours},
                         bare = {.name = "bare", .start = start_bare};
    n_sockets = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    n_rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (n_sockets < 10 || n_sockets > MAX_SOCKETS || n_rounds < 1 || n_rounds > MAX_ROUNDS) {
        fprintf(stderr, "bench_broadcast plain|tls SOCKETS ROUNDS\n");
        return 2;
    }
    tls = strcmp(argv[1], "tls") == 0;
    allow_descriptors();
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        die(folder);
    write_pair();
    start(&ours);
    start(&bare);
    ours.port = (int)hear(&ours).first;
    bare.port = (int)hear(&bare).first;
    remove_folder();
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());
    must(ssl_ctx != NULL && SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_3_VERSION) == 1);
    double kb = socket_kb(&ours, ssl_ctx), bare_kb = socket_kb(&bare, ssl_ctx);
    for (size_t round = 0; round < n_rounds; round++) {
        run_round(&ours, round);
        run_round(&bare, round);
    }
    struct answer stalled = ask(&ours, COMMAND_STALL);
    double stalled_kb = (double)stalled.first / 1024 / (double)stalled.second;
    double bytes = (double)(n_sockets * FRAME_BYTES);
    double our_us = median(ours.wall_us), bare_us = median(bare.wall_us);
    printf(
        "sockets=%zu frame_bytes=%d ours_mb_s=%.1f bare_mb_s=%.1f ratio=%.3f cpu_ratio=%.3f kb_socket=%.2f bare_kb_socket=%.2f stalled_kb_more=%.2f\n",
        n_sockets, (int)FRAME_BYTES, bytes / our_us, bytes / bare_us, bare_us / our_us,
        median(bare.cpu_us) / median(ours.cpu_us), kb, bare_kb, stalled_kb);
    return 0;
}
