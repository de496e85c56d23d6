/*
 * Sessions and the guard of the log-in. The cookie is 32 random bytes (base64url); only its SHA-256 is
 * stored. The page token (CSRF) is an HMAC of the cookie with the instance's server key, so it is stored
 * nowhere.
 *
 * Sessions are cached in memory and re-read at most a second late (session_poll): a session ended by another
 * process dies here within that time. last_seen_at is written at most once a minute. Idle and absolute ends
 * are judged at each use.
 */
#ifndef TIDEMARK_ACCESS_SESSION_H
#define TIDEMARK_ACCESS_SESSION_H

#include "access/access.h"
#include "conf/conf.h"

struct sessions;

struct session {
    int64_t id, user_id;
    int64_t started_at_us, last_seen_at_us, ends_at_us;
    bool must_change; /* opened with a first password: good for choosing one's own, and nothing else */
    struct str csrf;  /* page token, in the arena of the task that asked */
};

struct sessions *sessions_new(struct db *app, const struct conf *conf, struct str server_key);
void sessions_free(struct sessions *sessions);

/* A new session, queued into tx (further ones of the user past session.per_user are ended in it). *ret_cookie
 * in the arena. session_started puts it into the cache after the commit. ERR_LOGIN_FAILED: the account has
 * gone or been disabled since its password was checked. */
task_fn int session_start(struct sessions *sessions, struct tx *tx, int64_t user_id, struct str address,
    struct str agent, struct session *ret_session, struct str *ret_cookie, struct err *err);
void session_started(struct sessions *sessions, const struct session *session, struct str cookie);

/* ERR_LOGIN_NEEDED for an unknown, ended, idle or expired one (all the same). Counts as activity of the
 * person. */
task_fn int session_find(
    struct sessions *sessions, struct str cookie, struct session *ret_session, struct err *err);
bool session_csrf_is(const struct session *session, struct str token);
/* Queued into tx; session_ended drops it from the cache after the commit. */
void session_end(struct tx *tx, int64_t session_id, const char *reason);
void session_ended(struct sessions *sessions, int64_t session_id);
/* All of a person, queued into tx; each process drops them with its next poll, a second at most. */
void session_end_all(struct tx *tx, int64_t user_id, const char *reason);
/* Called about once a second: drops what others ended, writes last_seen_at (a minute late at most) and ends
 * by time. Leaves rows in the task's arena: a short task each time. Without a good poll for 3 s each
 * session_find reads the database. */
task_fn int session_poll(struct sessions *sessions, struct err *err);

/*
 * The log-in guard. `login_allowed` false: this account is locked for this address; the caller goes on as if
 * the password were wrong, with the same work. ERR_TOO_MANY when the address asks too often. Failures are
 * counted in the database under account + address (a stranger cannot lock somebody out elsewhere), for
 * unknown accounts alike. Log-ins under way count as failures until they end, so each check that was allowed
 * is followed by _failed or _passed in the transaction of the log-in's event (forgotten after 30 s where it
 * is not). An IPv6 address counts as its /64. At most login.max_failures are evaluated before the lock.
 */
task_fn int login_guard_check(
    struct sessions *sessions, struct str login_key, struct str address, bool *ret_allowed, struct err *err);
void login_guard_failed(struct sessions *sessions, struct tx *tx, struct str login_key, struct str address);
void login_guard_passed(struct sessions *sessions, struct tx *tx, struct str login_key, struct str address);
/* The password was not looked at after all (too many waited, the request was cancelled): nothing is counted.
 */
void login_guard_abandoned(struct sessions *sessions, struct str login_key, struct str address);

/* user_id 0: it is not right. weak: store it anew at today's cost. stored: what it was compared with, in the
 * arena. */
struct password_checked {
    int64_t user_id;
    bool weak;
    struct str stored;
};
/* Checks a password against the stored one of login_key, on the worker pool; for an unknown or disabled
 * account the same work is done for nothing. ERR_TOO_MANY when too many wait. Passwords have 1 to 1,024
 * bytes: others are never right, and password_hash refuses them (ERR_INVALID). A first password past its time
 * is never right. */
task_fn int password_check(struct sessions *sessions, struct str login_key, struct str password,
    struct password_checked *ret_checked, struct err *err);
/* The first statement of what a right password opens: the account's row is held, and the password still the
 * one that was checked. ERR_LOGIN_FAILED: it was replaced meanwhile. */
task_fn int password_hold(struct tx *tx, const struct password_checked *checked, struct err *err);
task_fn int password_hash(
    struct sessions *sessions, struct str password, struct str *ret_stored, struct err *err);
/* A first password, for somebody else to use once: 12 random characters. */
struct str password_random(struct arena *arena);
/* Until when one that is made now is good (login.first_password_hours). */
int64_t password_first_until(const struct sessions *sessions);
/* The pepper is given once, before the first of the two above. */
void sessions_set_pepper(struct sessions *sessions, struct str pepper);

#endif
