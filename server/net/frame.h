/*
 * The gate's second half: a pure, incremental reader of the frames that a browser sends after the upgrade
 * (RFC 6455, SECURITY WS-04, WS-05). No I/O, no clock, no allocation but the message under way. What it says
 * never depends on how the bytes were cut into pieces, and what is wrong is said at the first byte that makes
 * it so: a bad header before its payload, bad UTF-8 in the middle of a frame.
 */
#ifndef TIDEMARK_NET_FRAME_H
#define TIDEMARK_NET_FRAME_H

#include "base/buf.h"

/* Shared by all readers of a server; borrowed, must outlive them. */
struct frame_rules {
    size_t message_bytes; /* of one message, its fragments together */
    size_t fragments;     /* frames of one message */
};

enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xa
};

#define FRAME_CONTROL_MAX 125 /* payload of a control frame */

/* Close codes of RFC 6455, 7.4.1, as far as we use them. */
enum frame_code {
    FRAME_CODE_NONE = 0, /* a close frame without one; never on the wire */
    FRAME_CODE_NORMAL = 1000,
    FRAME_CODE_PROTOCOL = 1002,
    FRAME_CODE_UNSUPPORTED = 1003,
    FRAME_CODE_NOT_UTF8 = 1007,
    FRAME_CODE_POLICY = 1008,
    FRAME_CODE_TOO_BIG = 1009
};

enum frame_step {
    FRAME_STEP_MORE,    /* the input is used up; go on when more has come */
    FRAME_STEP_MESSAGE, /* one whole text message */
    FRAME_STEP_PING,    /* payload to be sent back */
    FRAME_STEP_PONG,
    FRAME_STEP_CLOSE,  /* reader->code (0: none given); the payload is the reason. Final */
    FRAME_STEP_REFUSED /* reader->code is what to close with, reader->why is for the log. Final */
};

/* How far a text is on its way through UTF-8. */
struct frame_utf8 {
    uint8_t left;      /* bytes that the present character still needs */
    uint8_t low, high; /* bounds of its next byte */
};

enum frame_state {
    FRAME_AT_FIRST,
    FRAME_AT_LENGTH,
    FRAME_AT_LONG_LENGTH,
    FRAME_AT_MASK,
    FRAME_AT_PAYLOAD,
    FRAME_AT_CLOSED,
    FRAME_AT_REFUSED
};

struct frame_reader {
    const struct frame_rules *rules;
    enum frame_state state;
    uint8_t opcode;
    bool fin, in_message, delivered;
    uint8_t n_length, n_length_due, n_mask;
    unsigned char mask[4];
    uint64_t length, at; /* of this frame's payload: whole, and read */
    size_t n_fragments;
    struct frame_utf8 utf8;
    struct buf message; /* empty, without memory, while none is under way */
    uint8_t n_control;
    unsigned char control[FRAME_CONTROL_MAX];
    int code;
    const char *why;
};

void frame_init(struct frame_reader *reader, const struct frame_rules *rules);
void frame_done(struct frame_reader *reader);
/* Reads from *input, which moves past what was used. The payload of a step lives until the next call; call
 * until FRAME_STEP_MORE, so that a delivered message's memory goes. */
enum frame_step frame_feed(struct frame_reader *reader, struct str *input, struct str *ret_payload);

/* Codes that a close frame may carry: what RFC 6455 and IANA define for the wire, and 3000 to 4999. */
bool frame_code_is_good(int code);

/* The unmasked header of one whole frame, as we send it. Returns its length, at most FRAME_HEADER_MAX. */
#define FRAME_HEADER_MAX 10
size_t frame_put_header(
    unsigned char header[FRAME_HEADER_MAX], enum frame_opcode opcode, size_t payload_bytes);

#endif
