/*
 * A real server in a child process, on a port of the system's choice, and plain blocking sockets to talk to
 * it. The child ends by itself when the parent closes a pipe, and its exit status tells whether it ended
 * clean (loop empty, nothing leaked in sanitizer builds).
 */
#ifndef TIDEMARK_TESTS_NET_SERVER_H
#define TIDEMARK_TESTS_NET_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/loop.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_HOST "localhost"
#define WAIT_MS 10000 /* the longest any of these tests waits for anything */

/* Seen by both processes. */
struct shared {
    _Atomic int port;
    _Atomic int handled;   /* handler calls begun */
    _Atomic int cancelled; /* of those, found cancelled */
    _Atomic int finished;
    _Atomic int reloaded; /* answers of net_reload_tls so far; negative: the last was an error */
    _Atomic int failed;   /* net_start's error code */
    _Atomic uint64_t cpu_us;
    _Atomic uint64_t open, refused, in_flight;
};

struct server {
    pid_t pid;
    int stop_fd;
    struct shared *shared;
};

struct server_setup {
    void (*tune)(struct conf *conf);
    const char *web_dir;
    uint64_t drain_ms;
    void (*started)(struct net *net); /* in the child, before the first client */
};

/* --- in the child --- */

static struct net *child_net;
static struct shared *child_shared;
static uint64_t child_drain_ms;
static int64_t child_offset_us;

/* Written into the server's pipe. */
#define COMMAND_RELOAD 'r' /* net_reload_tls */
#define COMMAND_CLOCK 'c'  /* CLOCK_STEP_US pass at once */
#define CLOCK_STEP_US (6 * 1000000)

/* Milliseconds that /api/sleep?ms=N waits. */
static inline uint64_t sleep_ms(const struct net_request *request)
{
    struct str text = STR_NULL;
    struct err err = {0};
    bool found = false;
    int64_t ms = 60000;
    if (net_query_get(request, STR("ms"), task_arena(), &found, &text, &err) == 0 && found)
        must(str_to_i64(text, &ms));
    return (uint64_t)ms;
}

/* /api/echo says what it was given, /api/sleep waits, /api/mid and /api/big are large, /api/empty gives
 * nothing. */
static inline void fill_reply(const struct net_request *request, struct net_reply *reply)
{
    buf_init(&reply->body, 0);
    if (str_starts(request->path, STR("/api/big"))) {
        for (int i = 0; i < 600000; i++)
            buf_printf(&reply->body, "%09d\n", i);
        return;
    }
    if (str_starts(request->path, STR("/api/mid"))) { /* still one write */
        for (int i = 0; i < 1000; i++)
            buf_printf(&reply->body, "%.*s %020d\n", STR_ARGS(request->query), i);
        return;
    }
    if (str_starts(request->path, STR("/api/bad-header")))
        reply->location = STR("/x\r\nSet-Cookie: a=b");
    if (str_starts(request->path, STR("/api/cookie"))) {
        reply->status = 201;
        reply->set_cookie = STR("sid=1; HttpOnly; SameSite=Strict; Path=/");
        reply->location = STR("/api/v1/x/1");
        reply->etag = STR("\"7\"");
        reply->retry_after_s = 3;
        reply->fail_wait = STR("fired");
    }
    buf_printf(&reply->body, "%s %.*s|%.*s|%.*s|%.*s|%d%d|%.*s", net_method_name(request->method),
        STR_ARGS(request->path), STR_ARGS(request->query), STR_ARGS(request->peer), STR_ARGS(request->cookie),
        request->tls, request->loopback, STR_ARGS(request->body));
}

static inline task_fn void child_handler(
    const struct net_request *request, struct net_reply *reply, void *arg)
{
    struct err err = {0};
    (void)arg;
    atomic_fetch_add(&child_shared->handled, 1);
    if (str_starts(request->path, STR("/api/sleep")) && task_sleep(sleep_ms(request), &err) != 0)
        atomic_fetch_add(&child_shared->cancelled, 1);
    if (!str_starts(request->path, STR("/api/empty"))) {
        reply->status = err.code == ERR_NONE ? 200 : 503;
        reply->store_nothing = true;
        fill_reply(request, reply);
    }
    atomic_fetch_add(&child_shared->finished, 1);
}

static inline task_fn void child_stop(void *arg)
{
    (void)arg;
    struct net *net = child_net;
    child_net = NULL; /* gone at the end of this; child_report must not look */
    net_stop(net, child_drain_ms);
}

static inline task_fn void child_reload(void *arg)
{
    struct err err = {0};
    int n = abs(atomic_load(&child_shared->reloaded)) + 1;
    (void)arg;
    atomic_store(&child_shared->reloaded, net_reload_tls(child_net, &err) == 0 ? n : -n);
}

static inline void child_on_pipe(uv_poll_t *poll, int status, int events)
{
    char c;
    (void)status, (void)events;
    if (read(*(int *)poll->data, &c, 1) == 1) {
        if (c == COMMAND_RELOAD)
            (void)task_spawn("reload", child_reload, NULL);
        else
            clock_set_offset(child_offset_us += CLOCK_STEP_US);
        return;
    }
    uv_close((uv_handle_t *)poll, NULL);
    (void)task_spawn("stop", child_stop, NULL);
}

static inline void child_report(uv_prepare_t *prepare)
{
    struct timespec cpu;
    (void)prepare;
    if (child_net == NULL)
        return;
    struct net_stats stats = net_stats_now(child_net);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    atomic_store(&child_shared->cpu_us, (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000);
    atomic_store(&child_shared->open, stats.connections_open);
    atomic_store(&child_shared->refused, stats.refused_total);
    atomic_store(&child_shared->in_flight, stats.requests_in_flight);
}

static inline void conf_defaults(struct conf *conf)
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
}

static inline int child_main(struct shared *shared, const struct server_setup *setup, int stop_fd)
{
    struct conf conf;
    struct err err = {0};
    uv_poll_t poll;
    uv_prepare_t prepare;
    conf_defaults(&conf);
    if (setup->tune != NULL)
        setup->tune(&conf);
    child_shared = shared;
    child_drain_ms = setup->drain_ms;
    log_set_level(LOG_WARN);
    loop_init();
    if (net_start(&conf, str_of(setup->web_dir), child_handler, NULL, &child_net, &err) != 0) {
        atomic_store(&shared->failed, (int)err.code);
        atomic_store(&shared->port, -1);
        loop_done();
        return 0;
    }
    if (setup->started != NULL)
        setup->started(child_net);
    must(uv_poll_init(loop_uv(), &poll, stop_fd) == 0);
    poll.data = &stop_fd;
    must(uv_poll_start(&poll, UV_READABLE, child_on_pipe) == 0);
    must(uv_prepare_init(loop_uv(), &prepare) == 0);
    must(uv_prepare_start(&prepare, child_report) == 0);
    uv_unref((uv_handle_t *)&prepare);
    atomic_store(&shared->port, net_port(child_net));
    loop_run();
    uv_close((uv_handle_t *)&prepare, NULL);
    loop_done();
    return 0;
}

/* --- in the test --- */

static inline void nap(void)
{
    (void)poll(NULL, 0, 2);
}

/* Until the condition holds; fails the test after WAIT_MS. */
#define wait_until(condition)                                                                                \
    do {                                                                                                     \
        int64_t wait_end_us = clock_monotonic_us() + WAIT_MS * 1000;                                         \
        while (!(condition)) {                                                                               \
            if (clock_monotonic_us() > wait_end_us)                                                          \
                fail_msg("waited in vain for: %s", #condition);                                              \
            nap();                                                                                           \
        }                                                                                                    \
    } while (0)

static inline struct server server_start(struct server_setup setup)
{
    int fds[2];
    struct server server = {0};
    if (setup.drain_ms == 0)
        setup.drain_ms = 200;
    server.shared =
        mmap(NULL, sizeof(*server.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(server.shared != MAP_FAILED);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)fflush(NULL);
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        (void)close(fds[1]);
        exit(child_main(server.shared, &setup, fds[0]));
    }
    (void)close(fds[0]);
    server.stop_fd = fds[1];
    wait_until(atomic_load(&server.shared->port) != 0 || waitpid(server.pid, NULL, WNOHANG) != 0);
    assert_int_not_equal(atomic_load(&server.shared->port), 0);
    return server;
}

/* Asks it to stop and checks that it ended clean. */
static inline void server_stop(struct server *server)
{
    int status = 0;
    pid_t ended = 0;
    (void)close(server->stop_fd);
    wait_until((ended = waitpid(server->pid, &status, WNOHANG)) != 0);
    assert_int_equal(ended, server->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    (void)munmap(server->shared, sizeof(*server->shared));
}

static inline void server_command(const struct server *server, char command)
{
    assert_int_equal(write(server->stop_fd, &command, 1), 1);
}

struct client {
    int fd;
    SSL *ssl;
};

static inline int dial(const struct server *server)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->shared->port)};
    struct timeval patience = {.tv_sec = WAIT_MS / 1000};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline SSL_CTX *client_tls(void)
{
    static SSL_CTX *ctx;
    if (ctx == NULL) {
        ctx = SSL_CTX_new(TLS_client_method());
        assert_non_null(ctx);
        SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    }
    return ctx;
}

static inline struct client client_open(const struct server *server, bool tls)
{
    struct client client = {.fd = dial(server)};
    if (tls) {
        client.ssl = SSL_new(client_tls());
        assert_non_null(client.ssl);
        assert_int_equal(SSL_set_fd(client.ssl, client.fd), 1);
        assert_int_equal(SSL_connect(client.ssl), 1);
    }
    return client;
}

static inline void client_close(struct client *client)
{
    SSL_free(client->ssl);
    (void)close(client->fd);
    *client = (struct client){.fd = -1};
}

/* False if the server has closed meanwhile: allowed wherever a refusal is expected. */
static inline bool client_send(struct client *client, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = client->ssl != NULL ? SSL_write(client->ssl, bytes.p, (int)bytes.n)
                                        : send(client->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes = (struct str){bytes.p + n, bytes.n - (size_t)n};
    }
    return true;
}

/* Adds what has come to *all; false at the end of the stream (a reset is one, too). */
static inline bool client_receive(struct client *client, struct buf *all)
{
    char chunk[16384];
    errno = 0;
    ssize_t n = client->ssl != NULL ? SSL_read(client->ssl, chunk, sizeof(chunk))
                                    : recv(client->fd, chunk, sizeof(chunk), 0);
    if (n < 0 && errno == EAGAIN)
        fail_msg("the server neither answered nor closed");
    if (n <= 0)
        return false;
    buf_add(all, chunk, (size_t)n);
    return true;
}

static inline void client_receive_all(struct client *client, struct buf *all)
{
    while (client_receive(client, all)) {
    }
}

struct reply {
    int status;
    struct str head, body;
};

/* Value of a header of the reply, or empty. */
static inline struct str reply_get(const struct reply *reply, const char *name)
{
    struct str rest = reply->head;
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        struct str found = str_cut(&line, ':');
        if (str_eq_nocase(found, str_of(name)))
            return str_trim(line);
    }
    return STR_NULL;
}

/* Cuts one whole reply off the front of *bytes; false if it is not whole. */
static inline bool reply_cut(struct str *bytes, bool head_only, struct reply *ret_reply)
{
    size_t end = str_find(*bytes, STR("\r\n\r\n"));
    struct reply reply = {0};
    int64_t length = 0;
    if (end == SIZE_MAX || !str_starts(*bytes, STR("HTTP/1.1 ")))
        return false;
    reply.head = (struct str){bytes->p, end + 2};
    reply.status = atoi(bytes->p + 9);
    struct str text = reply_get(&reply, "Content-Length");
    bool bodiless = head_only || reply.status == 304 || reply.status == 204 || reply.status == 100;
    if (!bodiless) {
        assert_true(str_to_i64(text, &length));
    }
    if (bytes->n < end + 4 + (size_t)length)
        return false;
    reply.body = (struct str){bytes->p + end + 4, (size_t)length};
    *bytes = (struct str){reply.body.p + length, bytes->n - end - 4 - (size_t)length};
    *ret_reply = reply;
    return true;
}

/* Sends and reads one reply; its slices point into *store. */
static inline struct reply ask(struct client *client, const char *request, struct buf *store)
{
    struct reply reply = {0};
    struct str bytes;
    buf_done(store);
    buf_init(store, 0);
    assert_true(client_send(client, str_of(request)));
    do {
        assert_true(client_receive(client, store));
        bytes = buf_str(store);
    } while (!reply_cut(&bytes, strncmp(request, "HEAD ", 5) == 0, &reply));
    assert_int_equal(bytes.n, 0);
    return reply;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: " TEST_HOST "\r\n\r\n"

/* --- certificates --- */

static inline void write_pair(const char *certificate, const char *key_file, const char *name, long days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    FILE *file;
    assert_true(key != NULL && x509 != NULL);
    (void)X509_set_version(x509, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(x509), -3600L * 24 * 30);
    (void)X509_gmtime_adj(X509_getm_notAfter(x509), 3600L * 24 * days);
    (void)X509_set_pubkey(x509, key);
    X509_NAME *subject = X509_get_subject_name(x509);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_issuer_name(x509, subject);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    file = fopen(certificate, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, x509), 1);
    (void)fclose(file);
    file = fopen(key_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

/* A folder of this test's own, removed by leave_folder. */
static char test_folder[64];

static inline int enter_folder(void **state)
{
    (void)state;
    (void)snprintf(test_folder, sizeof(test_folder), "/tmp/tidemark-net-XXXXXX");
    return mkdtemp(test_folder) == NULL ? -1 : chdir(test_folder);
}

static inline int leave_folder(void **state)
{
    char command[128];
    (void)state;
    SSL_CTX_free(client_tls());
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", test_folder);
    return chdir("/") != 0 || system(command) != 0 ? -1 : 0;
}

#endif
