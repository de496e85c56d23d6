/*
 * Inside access/ only: what the sessions, the guard and the passwords of one process share.
 */
#ifndef TIDEMARK_ACCESS_SESSION_INT_H
#define TIDEMARK_ACCESS_SESSION_INT_H

#include "access/session.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/crypto.h"
#include "loop/task.h"

#define SESSIONS_MAGIC 0x73657373u
#define SESSIONS_CACHED_MAX 50000 /* past it the one used longest ago is dropped, to be read again */
#define SESSIONS_STALE_US 3000000 /* without a poll for so long the cache is not believed */
#define SESSION_SEEN_US 60000000  /* last_seen_at is written at most so often */
#define SESSION_TOKEN_BYTES 32
#define SESSION_COOKIE_CHARS 43 /* base64url of the token */

#define GUARD_ADDRESSES_MAX 20000 /* of which the rate is kept */
#define GUARD_ATTEMPTS_MAX 10000  /* log-ins under way */
#define GUARD_ATTEMPT_US 30000000 /* one that never ended is forgotten after */
#define GUARD_COMMIT_US 5000000   /* a failure is committed at most so long after it was counted */
#define GUARD_FAILURES_MAX 10     /* upper bound of login.max_failures */

#define PASSWORD_BYTES_MAX 1024

/* A session as the process knows it; keyed by the hash of its token. */
struct cached_session {
    struct list by_use; /* in sessions->by_use, the newest first */
    unsigned char hash[CRYPTO_SHA256_BYTES];
    int64_t id, user_id;
    int64_t started_at_us, ends_at_us;
    bool must_change;
    int64_t last_seen_us, written_us; /* the last request, and what of it the database knows */
};

/* One found to be over here: session_poll writes it down. */
struct ended_session {
    struct list link;
    int64_t id, at_us, last_seen_us;
    const char *reason;
};

struct sessions {
    unsigned magic;
    struct db *app;
    const struct conf *conf;
    struct str server_key, pepper; /* owned, wiped */

    struct map *by_hash, *by_id; /* struct cached_session */
    struct list by_use;
    struct list ended; /* struct ended_session */
    size_t n_ended;
    uint64_t ends;          /* grows with each session that is dropped: a read that waited sees it */
    int64_t polled_mono_us; /* last good poll; 0: none yet */
    int64_t ended_read_us;  /* ends up to here have been read */
    int64_t swept_mono_us;

    struct map *addresses, *attempts; /* guard.c */
    struct list addresses_by_use, attempts_by_use;

    struct work_lane argon2;
    bool has_dummy;
    char dummy[CRYPTO_PASSWORD_MAX]; /* what unknown and disabled accounts are checked against */
};

int64_t sessions_idle_us(const struct sessions *sessions);
/* A DATETIME(6) in the task's arena, and back. */
struct db_val session_bind_time(int64_t utc_us);
bool session_read_time(const struct db_val *cell, int64_t *ret_utc_us);

/* cache.c */
bool session_hash_cookie(struct str cookie, unsigned char ret_hash[CRYPTO_SHA256_BYTES]);
struct cached_session *session_cache_get(struct sessions *sessions, const unsigned char *hash);
void session_cache_put(struct sessions *sessions, const struct cached_session *values);
void session_cache_drop(struct sessions *sessions, struct cached_session *cached);
void session_cache_used(struct sessions *sessions, struct cached_session *cached, int64_t now_us);
void session_note_end(
    struct sessions *sessions, const struct cached_session *cached, int64_t now_us, const char *reason);
void session_cache_done(struct sessions *sessions);

/* guard.c */
void guard_init(struct sessions *sessions);
void guard_done(struct sessions *sessions);

#endif
