/*
 * Sessions in memory: by the hash of the cookie for each request, by id for those that end. Bounded; the one
 * used longest ago goes first and comes back from the database. Nothing here can make a session valid: it
 * only spares the read.
 */
#include "access/session_int.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define ENDED_MAX 10000 /* waiting to be written down; past it the sweep of session_poll finds them */

static struct str hash_key(const unsigned char *hash)
{
    return (struct str){(const char *)hash, CRYPTO_SHA256_BYTES};
}

bool session_hash_cookie(struct str cookie, unsigned char ret_hash[CRYPTO_SHA256_BYTES])
{
    struct str token;
    if (cookie.n != SESSION_COOKIE_CHARS || !crypto_base64url_decode(task_arena(), cookie, &token) ||
        token.n != SESSION_TOKEN_BYTES)
        return false;
    crypto_sha256(token, ret_hash);
    return true;
}

struct cached_session *session_cache_get(struct sessions *sessions, const unsigned char *hash)
{
    return map_get(sessions->by_hash, hash_key(hash));
}

void session_cache_drop(struct sessions *sessions, struct cached_session *cached)
{
    (void)map_remove(sessions->by_hash, hash_key(cached->hash));
    (void)map_remove_id(sessions->by_id, cached->id);
    list_remove(&cached->by_use);
    free(cached);
}

void session_cache_put(struct sessions *sessions, const struct cached_session *values)
{
    struct cached_session *old = session_cache_get(sessions, values->hash);
    if (old)
        session_cache_drop(sessions, old);
    if (map_count(sessions->by_hash) >= SESSIONS_CACHED_MAX)
        session_cache_drop(sessions, list_entry(sessions->by_use.prev, struct cached_session, by_use));
    struct cached_session *cached = must_alloc(sizeof *cached);
    *cached = *values;
    list_init(&cached->by_use);
    list_prepend(&sessions->by_use, &cached->by_use);
    (void)map_put(sessions->by_hash, hash_key(cached->hash), cached);
    (void)map_put_id(sessions->by_id, cached->id, cached);
}

void session_cache_used(struct sessions *sessions, struct cached_session *cached, int64_t now_us)
{
    if (now_us > cached->last_seen_us)
        cached->last_seen_us = now_us;
    list_remove(&cached->by_use);
    list_prepend(&sessions->by_use, &cached->by_use);
}

void session_note_end(
    struct sessions *sessions, const struct cached_session *cached, int64_t now_us, const char *reason)
{
    if (sessions->n_ended >= ENDED_MAX)
        return;
    struct ended_session *ended = must_alloc(sizeof *ended);
    ended->id = cached->id;
    ended->at_us = now_us;
    ended->last_seen_us = cached->last_seen_us;
    ended->reason = reason;
    list_append(&sessions->ended, &ended->link);
    sessions->n_ended++;
}

void session_cache_done(struct sessions *sessions)
{
    list_for_each_safe (it, &sessions->by_use) {
        session_cache_drop(sessions, list_entry(it, struct cached_session, by_use));
    }
    list_for_each_safe (it, &sessions->ended) {
        struct ended_session *ended = list_entry(it, struct ended_session, link);
        list_remove(it);
        free(ended);
    }
    map_free(sessions->by_hash, NULL);
    map_free(sessions->by_id, NULL);
}
