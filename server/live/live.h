/*
 * Live views: subscriptions of browsers to lists, single records and the log, fed by the change feed alone.
 * Nobody tells this room that something was written; it hears transactions in commit order and works from
 * their row images.
 *
 * A channel is what viewers share who see the same thing: one query under one set of rights. It holds the
 * rows of its window (with a guard band around it), applies each transaction, and appends at most one frame
 * for it to a ring of shared bytes. A viewer is a cursor into that ring; one that falls behind gets the
 * newest state instead of what it missed.
 */
#ifndef TIDEMARK_LIVE_LIVE_H
#define TIDEMARK_LIVE_LIVE_H

#include "db/feed.h"
#include "net/ws.h"
#include "record/record.h"

struct live;
struct live *live_new(struct house *house, struct feed *feed);
/* Reads who is at which record; before the feed is listened to. */
task_fn int presence_load(struct live *live, struct err *err);
/* Ends every subscription's task; the sockets are closed by net_stop before. Call on a task. */
task_fn void live_free(struct live *live);

/* For ws_serve; their arg is the struct live. */
extern const struct ws_events LIVE_EVENTS;

/* ---- what the consumer of the feed tells, on its task, in this order for each transaction
 * ------------------- */

/* Forms, people or rights have changed, and what they are now is being found out: nothing is sent meanwhile,
 * by no task. Without the fence live_flush sends what is due. */
void live_fence(struct live *live, bool fenced);
/* Forms, people or rights have changed and the new world stands: every subscription begins anew under it, but
 * for those of people to whom nothing has changed. Nothing that was encoded under rights that are gone is
 * sent after this call (the fence). */
void live_world_changed(struct live *live);
/* A session has ended: its sockets are closed (4401). */
void live_session_ended(struct live *live, int64_t session);
/* The sessions of the open sockets, one each; at most max. */
size_t live_sessions(const struct live *live, int64_t *ret_ids, size_t max);
/* The transaction itself. */
void live_hear(struct live *live, const struct feed_tx *tx);
/* Positions before this mean nothing any more: everything is read anew. */
void live_lost(struct live *live);
/* Sends what is due; after each transaction, or after several that came at once. */
void live_flush(struct live *live);
/* The feed's time has moved (the beat): relative dates may mean other days. */
void live_tick(struct live *live, int64_t now_us);

/* How far it has come: "<epoch>.<n>". */
struct str live_position(const struct live *live, struct arena *arena);

struct live_stats {
    size_t sockets, viewers, channels, rows;
    uint64_t transactions, candidates, frames, bytes, snapshots, loads, refills, resyncs, resumes;
};
struct live_stats live_stats_now(const struct live *live);

#endif
