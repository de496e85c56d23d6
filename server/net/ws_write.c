/*
 * What goes out over an upgraded connection. Frames are made once, with their header, and shared; they are
 * written here straight to the kernel (plain: gathered by sendmsg; TLS: gathered into one record), beside
 * libwebsockets, which never holds a byte of such a connection. What the kernel does not take is kept as
 * references, and libwebsockets is only asked to tell when the socket takes more.
 */
#include "net/ws_int.h"

#include "base/must.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define GATHER_PIECES 64    /* given to one sendmsg */
#define GATHER_BYTES 16384u /* one TLS record */

struct ws_bytes *ws_frame_of(enum frame_opcode opcode, struct str payload)
{
    unsigned char header[FRAME_HEADER_MAX];
    size_t n_header = frame_put_header(header, opcode, payload.n);
    struct ws_bytes *bytes = must_alloc(sizeof(*bytes) + n_header + payload.n);
    bytes->refs = 1;
    bytes->n = n_header + payload.n;
    memcpy(bytes->data, header, n_header);
    if (payload.n > 0)
        memcpy(bytes->data + n_header, payload.p, payload.n);
    return bytes;
}

struct ws_bytes *ws_frame(struct str text)
{
    return ws_frame_of(FRAME_TEXT, text);
}

struct ws_bytes *ws_bytes_ref(struct ws_bytes *bytes)
{
    bytes->refs++;
    return bytes;
}

void ws_bytes_unref(struct ws_bytes *bytes)
{
    if (bytes == NULL)
        return;
    must(bytes->refs > 0);
    if (--bytes->refs == 0)
        free(bytes);
}

/* Where writing has got to in a row of pieces. */
struct place {
    size_t piece, offset;
};

static void advance(struct place *place, struct ws_bytes *const *pieces, size_t n)
{
    while (n > 0) {
        size_t left = pieces[place->piece]->n - place->offset;
        if (n < left) {
            place->offset += n;
            return;
        }
        n -= left;
        place->piece++;
        place->offset = 0;
    }
}

/* Bytes written, 0 if the socket takes none now, -1 if it is broken. */
static ssize_t put_plain(
    const struct conn *conn, struct ws_bytes *const *pieces, size_t n, const struct place *place)
{
    struct iovec parts[GATHER_PIECES];
    struct msghdr message = {.msg_iov = parts};
    for (size_t i = place->piece; i < n && message.msg_iovlen < GATHER_PIECES; i++) {
        size_t offset = i == place->piece ? place->offset : 0;
        parts[message.msg_iovlen++] =
            (struct iovec){.iov_base = pieces[i]->data + offset, .iov_len = pieces[i]->n - offset};
    }
    ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return sent;
}

/* One record at most. After 0 the same bytes must be offered again (they are encrypted already): they are,
 * since the pieces are kept and the cut below depends on them and the place alone. */
static ssize_t put_tls(
    const struct conn *conn, struct ws_bytes *const *pieces, size_t n, const struct place *place)
{
    static unsigned char record[GATHER_BYTES];
    const struct ws_bytes *first = pieces[place->piece];
    const unsigned char *from = first->data + place->offset;
    size_t n_bytes = first->n - place->offset;
    if (n_bytes < GATHER_BYTES && place->piece + 1 < n) {
        memcpy(record, from, n_bytes);
        for (size_t i = place->piece + 1; i < n && n_bytes < GATHER_BYTES; i++) {
            size_t room = GATHER_BYTES - n_bytes;
            size_t part = pieces[i]->n < room ? pieces[i]->n : room;
            memcpy(record + n_bytes, pieces[i]->data, part);
            n_bytes += part;
        }
        from = record;
    }
    if (n_bytes > GATHER_BYTES)
        n_bytes = GATHER_BYTES;
    ERR_clear_error();
    int sent = SSL_write(conn->ssl, from, (int)n_bytes);
    if (sent > 0)
        return sent;
    return SSL_get_error(conn->ssl, sent) == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Writes as much as goes. False if the socket is broken; it is killed then. */
static bool put(struct ws *ws, struct ws_bytes *const *pieces, size_t n, struct place *place)
{
    struct conn *conn = ws->conn;
    while (place->piece < n) {
        ssize_t sent =
            conn->ssl != NULL ? put_tls(conn, pieces, n, place) : put_plain(conn, pieces, n, place);
        if (sent < 0) {
            conn_kill(conn);
            return false;
        }
        if (sent == 0)
            return true;
        conn->net->stats.bytes_out += (uint64_t)sent;
        advance(place, pieces, (size_t)sent);
    }
    return true;
}

static void hold(struct ws *ws, struct ws_bytes *const *pieces, size_t n, size_t offset)
{
    struct ws_held *held = must_alloc(sizeof(*held) + n * sizeof(held->pieces[0]));
    held->n = n;
    held->offset = offset;
    for (size_t i = 0; i < n; i++)
        held->pieces[i] = ws_bytes_ref(pieces[i]);
    ws->held = held;
    lws_callback_on_writable(ws->conn->wsi);
}

static void drop_held(struct ws *ws)
{
    struct ws_held *held = ws->held;
    ws->held = NULL;
    if (held == NULL)
        return;
    for (size_t i = held->at; i < held->n; i++)
        ws_bytes_unref(held->pieces[i]);
    free(held);
}

/* Nothing is held: writes, and keeps what is left. */
static void send_pieces(struct ws *ws, struct ws_bytes *const *pieces, size_t n)
{
    struct place place = {0};
    if (put(ws, pieces, n, &place) && place.piece < n)
        hold(ws, pieces + place.piece, n - place.piece, place.offset);
}

static void send_own(struct ws *ws, struct ws_bytes *bytes)
{
    send_pieces(ws, &bytes, 1);
    ws_bytes_unref(bytes);
}

void ws_flush(struct ws *ws)
{
    struct ws_bytes *bytes;
    if (ws->held == NULL && (bytes = ws->pong) != NULL) {
        ws->pong = NULL;
        send_own(ws, bytes);
    }
    if (ws->held == NULL && ws->ping_due && !ws->closing) {
        ws->ping_due = false;
        send_own(ws, ws_frame_of(FRAME_PING, STR_NULL));
    }
    if (ws->held == NULL && (bytes = ws->close) != NULL) {
        ws->close = NULL;
        send_own(ws, bytes);
    }
    if (ws->deaf && ws->held == NULL && ws->close == NULL && !ws->conn->kill)
        conn_linger(ws->conn); /* the memory of ws goes */
}

void ws_writable(struct conn *conn)
{
    struct ws *ws = conn->ws;
    CHECK(ws, WS_MAGIC);
    struct ws_held *held = ws->held;
    if (conn->kill)
        return;
    if (held != NULL) {
        struct place place = {.piece = held->at, .offset = held->offset};
        if (!put(ws, held->pieces, held->n, &place))
            return;
        while (held->at < place.piece)
            ws_bytes_unref(held->pieces[held->at++]);
        held->offset = place.offset;
        if (held->at < held->n) {
            lws_callback_on_writable(conn->wsi);
            return;
        }
        drop_held(ws);
    }
    ws_flush(ws);
    if (conn->ws == ws && ws_is_free(ws))
        conn->net->ws.events->drained(ws, conn->net->ws.arg);
}

void ws_drop_output(struct ws *ws)
{
    drop_held(ws);
    ws_bytes_unref(ws->pong);
    ws_bytes_unref(ws->close);
    ws->pong = ws->close = NULL;
}

void ws_start_close(struct ws *ws, int code, struct str reason)
{
    char payload[FRAME_CONTROL_MAX] = {(char)(code >> 8), (char)(code & 0xff)};
    size_t n = 0;
    if (ws->closing)
        return;
    if (code != FRAME_CODE_NONE) {
        must(frame_code_is_good(code) && reason.n <= sizeof(payload) - 2 && str_is_utf8(reason));
        if (reason.n > 0)
            memcpy(payload + 2, reason.p, reason.n);
        n = 2 + reason.n;
    }
    ws->closing = true;
    ws->last_code = code;
    ws->close = ws_frame_of(FRAME_CLOSE, (struct str){payload, n});
    wait_set(ws->conn, WAIT_CLOSE);
    ws_flush(ws);
}

bool ws_is_free(const struct ws *ws)
{
    return ws->held == NULL && !ws->closing && !ws->conn->kill;
}

size_t ws_held_bytes(const struct ws *ws)
{
    size_t n = 0;
    if (ws->held == NULL)
        return 0;
    for (size_t i = ws->held->at; i < ws->held->n; i++)
        n += ws->held->pieces[i]->n;
    return n - ws->held->offset;
}

void ws_send(struct ws *ws, struct ws_bytes *const *pieces, size_t n)
{
    CHECK(ws, WS_MAGIC);
    if (ws_is_free(ws) && n > 0)
        send_pieces(ws, pieces, n);
}
