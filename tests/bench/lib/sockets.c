/*
 * Thousands of WebSockets in one thread: dialling, TLS, upgrade and frames as steps of one machine on epoll.
 * It understands of the live protocol what a measurement needs: that a hello is to be answered by a
 * subscription, which change a frame tells of, and where to go on after a cut.
 */
#include "load.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 1 << 18,
    EVENTS = 512,
    HEAD_BYTES = 4096,
    RETRY_US = 500000,
    PATIENCE_US = 120000000,
    CHANGE_WAIT_US = 30000000
};

static const char CHANGE_MARK[] = "\"notes\":\"#";

void load_init(struct load *load, const struct api *api, size_t n_sockets)
{
    load->api = *api;
    load->n_sockets = n_sockets;
    load->poll = epoll_create1(EPOLL_CLOEXEC);
    load->sockets = calloc(n_sockets, sizeof(load->sockets[0]));
    if (load->poll < 0 || load->sockets == NULL)
        load_die("sockets", strerror(errno));
    for (size_t i = 0; i < n_sockets; i++)
        load->sockets[i] = (struct load_socket){.index = i, .fd = -1, .change = -1};
}

static void watch(struct load *load, struct load_socket *socket, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = socket};
    if (epoll_ctl(load->poll, how, socket->fd, &event) != 0)
        load_die("epoll", strerror(errno));
}

void load_dial(struct load *load, size_t index)
{
    struct load_socket *socket = &load->sockets[index];
    socket->fd = api_dial(&load->api, (uint32_t)(index / LOAD_PER_ADDRESS), true);
    socket->state = LOAD_DIALING;
    socket->retry_at_us = 0;
    socket->n_part = 0;
    watch(load, socket, EPOLL_CTL_ADD, EPOLLOUT);
}

static void hang_up(struct load *load, struct load_socket *socket)
{
    if (socket->state == LOAD_OPEN)
        load->n_open--;
    if (socket->subscribed)
        load->n_subscribed--;
    SSL_free(socket->ssl);
    (void)close(socket->fd);
    free(socket->part);
    socket->ssl = NULL;
    socket->part = NULL;
    socket->n_part = 0;
    socket->fd = -1;
    socket->state = LOAD_CLOSED;
    socket->subscribed = socket->paused = false;
}

/* Refused, or lost: dialled again soon, as a browser does. */
static void lose(struct load *load, struct load_socket *socket)
{
    if (socket->state == LOAD_OPEN)
        load->n_lost++;
    else
        load->n_refused++;
    hang_up(load, socket);
    socket->retry_at_us = clock_monotonic_us() + RETRY_US / 2 + rand() % RETRY_US;
}

void load_cut(struct load *load, size_t index)
{
    struct load_socket *socket = &load->sockets[index];
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (socket->state == LOAD_CLOSED)
        return;
    (void)setsockopt(socket->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    if (socket->ssl != NULL)
        SSL_set_shutdown(socket->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    hang_up(load, socket);
}

/* ---- out
 * ------------------------------------------------------------------------------------------------------ */

static void put(struct load *load, struct load_socket *socket, const void *bytes, size_t n)
{
    ssize_t sent = socket->ssl != NULL ? SSL_write(socket->ssl, bytes, (int)n) : write(socket->fd, bytes, n);
    if (sent != (ssize_t)n)
        lose(load, socket);
}

/* A masked frame, as a client must send it; the mask is zero. */
static void say(struct load *load, struct load_socket *socket, unsigned char opcode, struct str payload)
{
    unsigned char frame[2048];
    size_t at = 2;
    if (payload.n > sizeof(frame) - 8)
        load_die("message", "too long");
    frame[0] = 0x80 | opcode;
    if (payload.n < 126) {
        frame[1] = 0x80 | (unsigned char)payload.n;
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(payload.n >> 8);
        frame[3] = (unsigned char)payload.n;
        at = 4;
    }
    memset(frame + at, 0, 4);
    if (payload.n > 0)
        memcpy(frame + at + 4, payload.p, payload.n);
    put(load, socket, frame, at + 4 + payload.n);
}

static void ask_upgrade(struct load *load, struct load_socket *socket)
{
    char text[1024];
    char own[LOAD_COOKIE_MAX];
    const char *cookie = load->n_people > 0 ? load->cookies[socket->index % load->n_people] : "none=0";
    if (load->cookie != NULL) {
        load->cookie(socket->index, own, sizeof(own));
        cookie = own;
    }
    int n = snprintf(text, sizeof(text),
        "GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: tidemark.v1\r\nOrigin: %s://127.0.0.1:%d\r\nCookie: %s\r\n\r\n",
        load->api.port, load->api.ssl_ctx ? "https" : "http", load->api.port, cookie);
    socket->state = LOAD_ASKED;
    watch(load, socket, EPOLL_CTL_MOD, EPOLLIN);
    put(load, socket, text, (size_t)n);
}

static void subscribe(struct load *load, struct load_socket *socket)
{
    char text[1024];
    load->sub(socket->index, text, sizeof(text) - 160);
    size_t n = strlen(text);
    if (socket->state_text[0] != '\0')
        n += (size_t)snprintf(
            text + n, sizeof(text) - n, ",\"pos\":\"%s\",\"state\":\"%s\"", socket->pos, socket->state_text);
    text[n++] = '}';
    say(load, socket, 1, (struct str){text, n});
}

/* ---- in
 * ------------------------------------------------------------------------------------------------------- */

static void keep_member(struct str text, const char *name, char *to)
{
    size_t n = strlen(name);
    const char *at = memmem(text.p, text.n, name, n), *end;
    if (at == NULL)
        return;
    at += n;
    end = memchr(at, '"', (size_t)(text.p + text.n - at));
    if (end == NULL || (size_t)(end - at) >= LOAD_POS_MAX)
        load_die("odd frame", name);
    memcpy(to, at, (size_t)(end - at));
    to[end - at] = '\0';
}

/* The newest change that the frame tells of. */
static void find_change(struct load *load, struct load_socket *socket, struct str text, int64_t now_us)
{
    const size_t n_mark = sizeof(CHANGE_MARK) - 1;
    const char *at = text.p, *end = text.p + text.n;
    int64_t change = -1;
    while ((at = memmem(at, (size_t)(end - at), CHANGE_MARK, n_mark)) != NULL) {
        at += n_mark;
        int64_t number = strtoll(at, NULL, 10) - load->change_base; /* another run's is negative */
        change = number > change ? number : change;
    }
    if (change > socket->change) {
        socket->change = change;
        if (load->on_change != NULL)
            load->on_change(socket, change, now_us);
    }
}

static void hear_text(struct load *load, struct load_socket *socket, struct str text, int64_t now_us)
{
    static const struct str hello = STR("{\"op\":\"hello\""), subscribed = STR("{\"op\":\"subscribed\""),
                            snapshot = STR("{\"op\":\"snapshot\""), delta = STR("{\"op\":\"delta\""),
                            mark = STR("{\"op\":\"mark\""), error = STR("{\"op\":\"error\"");
    char refusal[1000];
    if (load->on_text != NULL)
        load->on_text(socket, text, now_us);
    if (str_starts(text, hello)) {
        subscribe(load, socket);
    } else if (str_starts(text, subscribed)) {
        if (!socket->subscribed)
            load->n_subscribed++;
        socket->subscribed = true;
    } else if (str_starts(text, snapshot) || str_starts(text, delta)) {
        load->n_snapshots += str_starts(text, snapshot);
        if (str_starts(text, snapshot))
            keep_member(text, "\"state\":\"", socket->state_text);
        keep_member(text, "\"pos\":\"", socket->pos);
        find_change(load, socket, text, now_us);
    } else if (str_starts(text, mark)) {
        load->n_marks++;
        keep_member(text, "\"pos\":\"", socket->pos);
    } else if (str_starts(text, error)) {
        (void)snprintf(refusal, sizeof(refusal), "%.*s", STR_ARGS(text));
        load_die("the server refuses", refusal);
    }
}

/* Header length and payload length of the frame at p; 0 while it is not whole. */
static size_t frame_size(const unsigned char *p, size_t n, size_t *ret_payload)
{
    size_t header = 2, payload = n >= 2 ? p[1] & 0x7f : 0;
    if (n < 2)
        return 0;
    if (payload == 126) {
        header = 4;
        payload = n >= 4 ? (size_t)p[2] << 8 | p[3] : 0;
    } else if (payload == 127) {
        header = 10;
        payload = 0;
        for (size_t i = 2; n >= 10 && i < 10; i++)
            payload = payload << 8 | p[i];
    }
    *ret_payload = payload;
    return n >= header && n - header >= payload ? header : 0;
}

/* Uses up whole frames; returns how many bytes. The socket may be closed by it. */
static size_t hear_frames(
    struct load *load, struct load_socket *socket, const unsigned char *p, size_t n, int64_t now_us)
{
    size_t at = 0, payload = 0, header;
    while (socket->state == LOAD_OPEN && (header = frame_size(p + at, n - at, &payload)) > 0) {
        struct str text = {(const char *)p + at + header, payload};
        unsigned char opcode = p[at] & 0xf;
        at += header + payload;
        if (opcode == 1) {
            socket->frames++;
            socket->bytes += header + payload;
            if (!load->server_is_bare)
                hear_text(load, socket, text, now_us);
        } else if (opcode == 9) {
            say(load, socket, 0xa, text);
        } else if (opcode == 8) {
            lose(load, socket);
        }
    }
    return at;
}

static size_t hear_answer(struct load *load, struct load_socket *socket, const unsigned char *p, size_t n)
{
    const unsigned char *end = memmem(p, n, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    if (memcmp(p, "HTTP/1.1 101", 12) != 0) {
        lose(load, socket);
        return 0;
    }
    socket->state = LOAD_OPEN;
    load->n_open++;
    return (size_t)(end - p) + 4;
}

static void keep_part(struct load_socket *socket, const unsigned char *p, size_t n)
{
    free(socket->part);
    socket->part = n > 0 ? malloc(n) : NULL;
    socket->n_part = n;
    if (n > 0)
        memcpy(socket->part, p, n);
}

static ssize_t take(struct load_socket *socket, unsigned char *to, size_t room)
{
    if (socket->ssl == NULL)
        return read(socket->fd, to, room);
    ERR_clear_error();
    int got = SSL_read(socket->ssl, to, (int)room);
    if (got <= 0 && SSL_get_error(socket->ssl, got) == SSL_ERROR_WANT_READ)
        errno = EAGAIN;
    else if (got <= 0)
        errno = ECONNRESET;
    return got;
}

static void read_socket(struct load *load, struct load_socket *socket)
{
    static unsigned char bytes[READ_BYTES];
    for (;;) {
        size_t n = socket->n_part, used = 0;
        if (n >= sizeof(bytes))
            load_die("frame", "larger than this program expects");
        memcpy(bytes, socket->part ? socket->part : bytes, n);
        ssize_t got = take(socket, bytes + n, sizeof(bytes) - n);
        if (got <= 0) {
            if (got == 0 || (errno != EAGAIN && errno != EINTR))
                lose(load, socket);
            return;
        }
        n += (size_t)got;
        int64_t now_us = clock_monotonic_us();
        if (socket->state == LOAD_ASKED)
            used = hear_answer(load, socket, bytes, n);
        if (socket->state == LOAD_OPEN)
            used += hear_frames(load, socket, bytes + used, n - used, now_us);
        if (socket->state == LOAD_CLOSED)
            return;
        keep_part(socket, bytes + used, n - used);
        if (socket->ssl == NULL && (size_t)got < sizeof(bytes) - (n - (size_t)got))
            return; /* that was all */
    }
}

static void shake_hands(struct load *load, struct load_socket *socket)
{
    ERR_clear_error();
    int done = SSL_connect(socket->ssl);
    if (done == 1) {
        ask_upgrade(load, socket);
        return;
    }
    int why = SSL_get_error(socket->ssl, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        watch(load, socket, EPOLL_CTL_MOD, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
    else
        lose(load, socket);
}

static void go_on(struct load *load, struct load_socket *socket)
{
    int error = 0;
    socklen_t size = sizeof(error);
    switch (socket->state) {
    case LOAD_CLOSED:
        break;
    case LOAD_DIALING:
        if (getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            lose(load, socket);
        } else if (load->api.ssl_ctx == NULL) {
            ask_upgrade(load, socket);
        } else {
            socket->ssl = SSL_new(load->api.ssl_ctx);
            if (socket->ssl == NULL || SSL_set_fd(socket->ssl, socket->fd) != 1)
                load_die("TLS", "no memory");
            socket->state = LOAD_SHAKING;
            shake_hands(load, socket);
        }
        break;
    case LOAD_SHAKING:
        shake_hands(load, socket);
        break;
    case LOAD_ASKED:
    case LOAD_OPEN:
        read_socket(load, socket);
        break;
    }
}

static void dial_again(struct load *load)
{
    static int64_t looked_us;
    int64_t now_us = clock_monotonic_us();
    if (now_us - looked_us < 20000)
        return;
    looked_us = now_us;
    for (size_t i = 0; i < load->n_sockets; i++)
        if (load->sockets[i].retry_at_us != 0 && load->sockets[i].retry_at_us < now_us)
            load_dial(load, i);
}

void load_turn(struct load *load, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(load->poll, events, EVENTS, timeout_ms);
    if (n < 0 && errno != EINTR)
        load_die("epoll", strerror(errno));
    for (int i = 0; i < n; i++)
        go_on(load, events[i].data.ptr);
    if (load->n_refused + load->n_lost > 0)
        dial_again(load);
}

void load_turn_for(struct load *load, int64_t us)
{
    const int64_t end_us = clock_monotonic_us() + us;
    for (int64_t left; (left = end_us - clock_monotonic_us()) > 0;)
        load_turn(load, (int)(left / 1000) + 1);
}

void load_wait_change(struct load *load, size_t from, size_t to, int64_t change)
{
    const int64_t end_us = clock_monotonic_us() + CHANGE_WAIT_US;
    for (size_t i = from; i < to;) {
        if (load->sockets[i].change >= change)
            i++;
        else
            load_turn(load, 20);
        if (clock_monotonic_us() > end_us)
            load_die("a change", "has not come to every socket in time");
    }
}

void load_pause(struct load *load, size_t index)
{
    struct load_socket *socket = &load->sockets[index];
    if (socket->state != LOAD_OPEN || socket->paused)
        return;
    socket->paused = true;
    watch(load, socket, EPOLL_CTL_MOD, 0);
}

void load_wake(struct load *load, size_t index)
{
    struct load_socket *socket = &load->sockets[index];
    if (!socket->paused)
        return;
    socket->paused = false;
    watch(load, socket, EPOLL_CTL_MOD, EPOLLIN);
}

void load_open(struct load *load, size_t from, size_t to, size_t at_once)
{
    const size_t before = load->server_is_bare ? load->n_open : load->n_subscribed;
    const int64_t end_us = clock_monotonic_us() + PATIENCE_US;
    size_t next = from, done = 0;
    while (done < to - from) {
        for (; next < to && next - from - done < at_once; next++)
            load_dial(load, next);
        load_turn(load, 100);
        done = (load->server_is_bare ? load->n_open : load->n_subscribed) - before;
        if (clock_monotonic_us() > end_us)
            load_die("opening", "sockets are not open in time");
    }
}
