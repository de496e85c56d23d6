/*
 * WebSockets: upgraded connections of the one live path. No libwebsockets type leaves this room. Frames to
 * the browser are built once, with their header, counted and shared by all who get the same bytes; nothing is
 * copied per socket. Only what the kernel has not taken of the last ws_send is held for a socket: what comes
 * after waits where its owner keeps it (a cursor, not a queue).
 *
 * Pings, pongs, the close handshake (at most 2 s), limits and silence are this room's affair.
 */
#ifndef TIDEMARK_NET_WS_H
#define TIDEMARK_NET_WS_H

#include "net/net.h"

/* A text frame with its header, as it goes over the wire. */
struct ws_bytes {
    unsigned refs;
    size_t n;
    unsigned char data[];
};
/* One whole text message. The text must be UTF-8. The caller owns the reference. */
struct ws_bytes *ws_frame(struct str text);
struct ws_bytes *ws_bytes_ref(struct ws_bytes *bytes);
void ws_bytes_unref(struct ws_bytes *bytes);

struct ws;
/* All are called on the loop, outside of any task. */
struct ws_events {
    /* The upgrade has been answered. The request's slices live for the call only. */
    void (*opened)(struct ws *ws, const struct net_request *request, void *arg);
    /* One whole text message, valid UTF-8, at most limits.ws_message_bytes; binary messages are refused
     * before (1003). None comes after ws_close. */
    void (*message)(struct ws *ws, struct str text, void *arg);
    /* Everything given so far has gone to the kernel: give more if there is more. */
    void (*drained)(struct ws *ws, void *arg);
    /* The last call for this socket; the memory goes afterwards. Never from inside a ws_send or ws_close. */
    void (*closed)(struct ws *ws, void *arg);
};
/* Upgrades of `path` (GET, version 13, exactly the sub-protocol, an Origin that is this very host) are
 * accepted from now on; before that, and for every other path, none is. */
void ws_serve(
    struct net *net, const char *path, const char *protocol, const struct ws_events *events, void *arg);

void ws_set_data(struct ws *ws, void *data);
void *ws_data(const struct ws *ws);
/* True while nothing waits in this socket: a ws_send now goes straight to the kernel. */
bool ws_is_free(const struct ws *ws);
/* Sends the pieces, in order, as few writes as possible (they are shared bytes: gathered, not copied). The
 * socket takes references of its own. To be called only while ws_is_free, else nothing is sent; what the
 * kernel does not take is kept and `drained` is called when it has gone: give few pieces at a time. */
void ws_send(struct ws *ws, struct ws_bytes *const *pieces, size_t n);
/* Says why (code 4401, 4403, 4408, 4409, 1008, 1009 …; reason: UTF-8, at most 123 bytes) and ends; `closed`
 * follows, within 2 s if the browser does not answer. What is held goes out first. */
void ws_close(struct ws *ws, int code, struct str reason);
struct str ws_peer(const struct ws *ws);   /* address of the client, by a trusted proxy's word if any */
uint64_t ws_number(const struct ws *ws);   /* for logs: unique in the process */
size_t ws_held_bytes(const struct ws *ws); /* not yet with the kernel */

#endif
