/*
 * Private to the WebSocket files: one upgraded connection. ws.c is its life and its incoming frames,
 * ws_write.c what goes out.
 */
#ifndef TIDEMARK_NET_WS_INT_H
#define TIDEMARK_NET_WS_INT_H

#include "net/net_int.h"

/* Pieces that the kernel has not taken whole, in order; the first one from `offset` on. */
struct ws_held {
    size_t n, at, offset;
    struct ws_bytes *pieces[];
};

#define WS_MAGIC 0x77736f63u
struct ws {
    uint32_t magic;
    struct conn *conn;
    void *data;
    uint64_t number;
    char peer[INET6_ADDRSTRLEN]; /* the client's address, by a trusted proxy's word if there is one */
    struct frame_reader reader;
    struct list ping_link, silence_link;
    int64_t ping_at_us, silent_at_us;
    int64_t rate_us; /* the moment up to which the messages so far use up the allowance */
    struct ws_held *held;
    struct ws_bytes *pong, *close; /* to go out behind what is held */
    bool ping_due;
    bool closing;  /* no more messages to its owner, no more frames of its owner */
    bool deaf;     /* nothing more is wanted from the other side: ends when the close frame is out */
    int last_code; /* sent with the close frame; for the log */
};

/* ws_write.c */
struct ws_bytes *ws_frame_of(enum frame_opcode opcode, struct str payload);
void ws_flush(struct ws *ws); /* control frames that are due, if nothing is held; may end the socket */
void ws_drop_output(struct ws *ws);
/* Starts the end: a close frame with this code (none if 0) goes out behind what is held. */
void ws_start_close(struct ws *ws, int code, struct str reason);

#endif
