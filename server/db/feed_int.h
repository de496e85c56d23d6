/*
 * Private to db/feed*: the queue between the feed's thread and the loop, the feed's connection, and the feed
 * itself.
 */
#ifndef TIDEMARK_DB_FEED_INT_H
#define TIDEMARK_DB_FEED_INT_H

#include "db/feed_stream.h"

#include <mysql.h>
#include <pthread.h>
#include <uv.h>

#include <mariadb_rpl.h> /* needs mysql.h before it */

/* ---- feed_queue.c: shared by both threads ---- */

#define FEED_OFFSETS_KEPT 65536

struct feed_offset {
    struct feed_place end;
    uint64_t sequence;
};

struct feed_queue {
    pthread_mutex_t lock; /* over everything below */
    pthread_cond_t room;  /* the reader waits here: for room, or for the next attempt */
    struct list boxes;
    size_t max_bytes;
    bool stopping, failed, begun;
    struct err failure; /* of the first attempt */
    struct feed_stats stats;
    struct feed_offset *offsets; /* a ring, oldest first */
    size_t first_offset, n_offsets, max_offsets;
    struct feed_place reached;
    unsigned n_place_waiters;
    int fd; /* of the connection, to end its read from the other thread; -1 */
    uv_async_t *async;
};
void feed_queue_init(struct feed_queue *queue, size_t max_bytes, uv_async_t *async);
void feed_queue_done(struct feed_queue *queue);
/* Takes the box. Waits while the queue is full; false when the feed is being stopped. */
bool feed_queue_put(struct feed_queue *queue, struct feed_box *box);
/* NULL: nothing there. */
struct feed_box *feed_queue_get(struct feed_queue *queue);
/* Where the last transaction known ends; zeros: none is. */
struct feed_place feed_queue_last_commit(struct feed_queue *queue);
void feed_queue_reach(struct feed_queue *queue, struct feed_place place, bool commit, uint64_t sequence);
/* What is known of places belongs to another history. */
void feed_queue_forget_places(struct feed_queue *queue);
/* 0: *ret_sequence is right. -ERR_UNAVAILABLE: not come so far yet. -ERR_NOT_FOUND: too old. */
int feed_queue_sequence_at(
    struct feed_queue *queue, struct feed_place place, uint64_t *ret_sequence, struct err *err);
/* For the reader: sleeps; false when the feed is being stopped. */
bool feed_queue_pause(struct feed_queue *queue, uint64_t ms);
void feed_queue_stop(struct feed_queue *queue);

/* ---- feed_conn.c: used by the feed's thread ---- */

struct feed_conn {
    const char *socket, *host, *ca_file, *user, *password, *database; /* NULL where there is none */
    unsigned port;
    uint32_t server; /* our number among the server's replicas */
    struct feed_queue *queue;
    MYSQL mysql;
    MARIADB_RPL *rpl;
    MARIADB_RPL_EVENT *event;
    bool open;
};
struct feed_begin {
    bool at_end;             /* in: begin at the server's present end; out: `position` is there */
    bool first;              /* in: look where we stand, complete `position` with other domains */
    struct feed_place known; /* in: how far the binlog was at least; zeros: not known */
    bool placed;             /* out: `place` is exactly where `position` ends */
    struct feed_place place; /* out */
    bool has_checksum;       /* out */
};
/* Connects and asks for the binlog after `position`. -ERR_DB_LOST: cannot be reached or refuses.
 * -ERR_NOT_FOUND: its binlog ends before that, so it is another one. */
int feed_conn_open(
    struct feed_conn *conn, struct feed_position *position, struct feed_begin *begin, struct err *err);
void feed_conn_close(struct feed_conn *conn);
/* The next event, from its header; valid until the next call. -ERR_DB_LOST: the connection is gone.
 * -ERR_NOT_FOUND: the server cannot continue from our position. -ERR_IO: what came cannot be read. */
int feed_conn_fetch(struct feed_conn *conn, struct bytes *ret_raw, struct err *err);
/* Whether our position is still one of the server's: 0, -ERR_NOT_FOUND, -ERR_DB_LOST. Uses a connection of
 * its own. */
int feed_conn_check(
    struct feed_conn *conn, const struct feed_position *position, struct feed_place known, struct err *err);
/* For struct feed_lookup; arg is the feed_conn. Uses a connection of its own. */
int feed_conn_look_up(void *arg, struct str schema, struct str table,
    void (*found)(void *map, struct str column, enum feed_fixed fixed), void *map, struct err *err);

#endif
