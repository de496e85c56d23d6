/*
 * The gate: a pure, incremental reader of HTTP/1.1 requests (SECURITY 3.3). It is fed every plaintext byte of
 * a connection before libwebsockets sees one, and says pass or refuse. No I/O, no clock, no allocation but
 * its own head buffer. What it says never depends on how the bytes were cut into pieces.
 *
 * It accepts one thing only: METHOD SP origin-form SP HTTP/1.1 CRLF, headers in their plain form, exactly one
 * Host that is ours, a length instead of an encoding; and the one way out of HTTP, a WebSocket upgrade of the
 * one path in its one good form. Everything else is refused, and a refusal is final.
 */
#ifndef TIDEMARK_NET_GATE_H
#define TIDEMARK_NET_GATE_H

#include "net/net.h"

/* Headers whose value is kept. */
enum gate_header {
    GATE_HOST,
    GATE_ORIGIN,
    GATE_CONTENT_TYPE,
    GATE_COOKIE,
    GATE_AUTHORIZATION,
    GATE_IF_MATCH,
    GATE_IF_NONE_MATCH,
    GATE_CSRF_TOKEN,
    GATE_ACCEPT_LANGUAGE,
    GATE_ACCEPT_ENCODING,
    GATE_IDEMPOTENCY_KEY,
    GATE_USER_AGENT,
    GATE_SEC_FETCH_SITE,
    GATE_FAIL_WAIT,
    GATE_FORWARDED_FOR,
    GATE_FORWARDED_PROTO,
    GATE_WEBSOCKET_KEY,
    GATE_WEBSOCKET_VERSION,
    GATE_WEBSOCKET_PROTOCOL,
    GATE_HEADER_COUNT
};

/* Shared by all gates of a server; borrowed, must outlive them. */
struct gate_rules {
    size_t head_bytes;   /* request line and headers, every byte */
    size_t head_lines;   /* header lines */
    size_t target_bytes; /* request target */
    uint64_t body_bytes;
    const struct str *hosts; /* names a Host may carry, without port, IPv6 without brackets */
    size_t n_hosts;
    struct str upgrade_path, upgrade_protocol; /* of the live path; empty: there is none */
};

struct gate_head {
    enum net_method method;
    struct str path;  /* decoded once, as net_request promises */
    struct str query; /* raw, without '?' */
    uint64_t body_bytes;
    bool close;           /* the client asked for Connection: close */
    bool expect_continue; /* the client waits for 100 before it sends the body */
    bool upgrade; /* a WebSocket upgrade, good in all but its Origin (net_request tells whether TLS counts) */
    struct str kept[GATE_HEADER_COUNT];
};

enum gate_step {
    GATE_MORE,   /* the input is used up; go on when more has come */
    GATE_HEAD,   /* head complete: gate->head is filled; its slices point into gate->bytes */
    GATE_BODY,   /* *ret_body is a piece of the body (inside the input) */
    GATE_END,    /* the request is complete; call gate_reset before the next */
    GATE_REFUSED /* gate->refusal and gate->why say what and why; final */
};

enum gate_state {
    GATE_AT_METHOD,
    GATE_AT_TARGET,
    GATE_AT_VERSION,
    GATE_AT_LINE,
    GATE_AT_NAME,
    GATE_AT_VALUE,
    GATE_AT_VALUE_LF,
    GATE_AT_END_LF,
    GATE_AT_BODY,
    GATE_AT_END,
    GATE_AT_REFUSED
};

#define GATE_METHOD_MAX 16

struct gate {
    const struct gate_rules *rules;
    enum gate_state state;
    struct buf bytes; /* of the head */
    size_t n_method, n_target, n_version, n_lines;
    char method_text[GATE_METHOD_MAX];
    uint64_t body_left;
    struct gate_head head;
    enum err_code refusal;
    const char *why; /* literal, for the log only */
};

void gate_init(struct gate *gate, const struct gate_rules *rules);
void gate_done(struct gate *gate);
/* Ready for the next request; frees the head's bytes unless they were taken. */
void gate_reset(struct gate *gate);
/* Hands the head's bytes to the caller (buf_done them); the slices of gate->head stay valid with them. */
struct buf gate_take_bytes(struct gate *gate);
/* Whether a request has begun and is not complete. */
bool gate_is_inside(const struct gate *gate);

/* Reads from *input, which moves past what was used. */
enum gate_step gate_feed(struct gate *gate, struct str *input, struct str *ret_body);

/* Private to the gate's two files: the meaning of a head whose form is good. */
void gate_read_head(struct gate *gate);
enum gate_step gate_refuse(struct gate *gate, enum err_code refusal, const char *why);

#endif
