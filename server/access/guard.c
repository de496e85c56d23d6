/*
 * The guard of the log-in. Failures are counted in the database under a keyed hash of account and address, so
 * that a lock survives a restart, holds on every process, stops nobody at another address, and tells a reader
 * of the table nothing. Unknown accounts are counted alike.
 *
 * Two things are kept in memory. The rate of an address (one minute, sliding). And the log-ins under way:
 * checking a password takes long enough that many could be started before the first has failed, so those
 * count as failures until they have ended; the sixth guess is refused whether it comes after the fifth or
 * beside it.
 *
 * An IPv6 address counts as its /64: a single subscriber owns that many.
 */
#include "access/session_int.h"

#include "base/clock.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US INT64_C(60000000)

static const char SQL_CHECK[] =
    "SELECT failures,last_failure_at,locked_until FROM login_guard WHERE guard_key=?";
/* While a lock lasts nothing moves. After it, or after lock_minutes without a failure, the count begins anew.
 * Assignments run from left to right: locked_until sees the new count, last_failure_at comes last. */
static const char SQL_FAILED[] =
    "INSERT INTO login_guard (guard_key,failures,last_failure_at,locked_until) VALUES (?,1,?,IF(?<=1,?,NULL)) "
    "ON DUPLICATE KEY UPDATE "
    "failures=CASE WHEN locked_until>? THEN failures "
    "WHEN locked_until IS NOT NULL OR last_failure_at<? THEN 1 ELSE failures+1 END,"
    "locked_until=CASE WHEN locked_until>? THEN locked_until WHEN failures>=? THEN ? ELSE NULL END,"
    "last_failure_at=?";
static const char SQL_PASSED[] = "DELETE FROM login_guard WHERE guard_key=?";

struct address_rate {
    struct list by_use;
    struct str address; /* owned: behind the struct */
    int64_t minute;     /* the window that `now` counts */
    int64_t now, before;
};

struct attempts {
    struct list by_use;
    unsigned char key[CRYPTO_SHA256_BYTES];
    int n;
    int64_t started_us[GUARD_FAILURES_MAX]; /* monotonic, oldest first */
    int64_t read;                           /* failures that the database had when last asked */
    int64_t failed, failed_until_us;        /* what it must have once our failures are committed */
};

void guard_init(struct sessions *sessions)
{
    sessions->addresses = map_new();
    sessions->attempts = map_new();
    list_init(&sessions->addresses_by_use);
    list_init(&sessions->attempts_by_use);
}

void guard_done(struct sessions *sessions)
{
    map_free(sessions->addresses, free);
    map_free(sessions->attempts, free);
}

/* ---- who asks ------------------------------------------------------------------------------------------ */

static struct str source_of(struct str address)
{
    struct in6_addr v6;
    char text[INET6_ADDRSTRLEN];
    if (address.n >= sizeof text || inet_pton(AF_INET6, arena_cstr(task_arena(), address), &v6) != 1)
        return address;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        must(inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof text) != NULL);
    } else {
        memset(&v6.s6_addr[8], 0, 8);
        must(inet_ntop(AF_INET6, &v6, text, sizeof text) != NULL);
    }
    return arena_copy(task_arena(), str_of(text));
}

static struct str guard_key(struct sessions *sessions, struct str login_key, struct str address)
{
    unsigned char *digest = arena_alloc(task_arena(), CRYPTO_SHA256_BYTES);
    struct str pieces[] = {STR("login guard"), login_key, source_of(address)};
    crypto_hmac_pieces(sessions->server_key, pieces, 3, digest);
    return (struct str){(const char *)digest, CRYPTO_SHA256_BYTES};
}

/* ---- the rate of an address ---------------------------------------------------------------------------- */

static struct address_rate *rate_of(struct sessions *sessions, struct str address)
{
    struct address_rate *rate = map_get(sessions->addresses, address);
    if (rate) {
        list_remove(&rate->by_use);
    } else {
        if (map_count(sessions->addresses) >= GUARD_ADDRESSES_MAX) {
            struct address_rate *oldest =
                list_entry(sessions->addresses_by_use.prev, struct address_rate, by_use);
            list_remove(&oldest->by_use);
            (void)map_remove(sessions->addresses, oldest->address);
            free(oldest);
        }
        rate = must_alloc(sizeof *rate + address.n + 1);
        char *copy = (char *)(rate + 1);
        if (address.n)
            memcpy(copy, address.p, address.n);
        rate->address = (struct str){copy, address.n};
        (void)map_put(sessions->addresses, rate->address, rate);
    }
    list_prepend(&sessions->addresses_by_use, &rate->by_use);
    return rate;
}

/* The last 60 seconds, taken as the present minute and the fitting part of the one before. */
static int count_attempt(struct sessions *sessions, struct str address, struct err *err)
{
    struct address_rate *rate = rate_of(sessions, source_of(address));
    int64_t mono = clock_monotonic_us(), minute = mono / MINUTE_US, into = mono % MINUTE_US;
    if (minute != rate->minute) {
        rate->before = minute == rate->minute + 1 ? rate->now : 0;
        rate->now = 0;
        rate->minute = minute;
    }
    int64_t weighed = rate->now * MINUTE_US + rate->before * (MINUTE_US - into);
    if (weighed >= sessions->conf->login_per_address_per_minute * MINUTE_US) {
        int r = err_set(err, ERR_TOO_MANY, "log-ins of one address");
        if (err->code == ERR_TOO_MANY)
            err->retry_after_s = (int)((MINUTE_US - into) / 1000000) + 1;
        return r;
    }
    rate->now++;
    return 0;
}

/* ---- log-ins under way --------------------------------------------------------------------------------- */

static void forget_old(struct attempts *attempts)
{
    int64_t oldest = clock_monotonic_us() - GUARD_ATTEMPT_US;
    int old = 0;
    while (old < attempts->n && attempts->started_us[old] < oldest)
        old++;
    attempts->n -= old;
    memmove(attempts->started_us, attempts->started_us + old, sizeof(int64_t) * (size_t)attempts->n);
}

static void drop_attempts(struct sessions *sessions, struct attempts *attempts)
{
    list_remove(&attempts->by_use);
    (void)map_remove(sessions->attempts, (struct str){(const char *)attempts->key, sizeof attempts->key});
    free(attempts);
}

static struct attempts *attempts_of(struct sessions *sessions, struct str key)
{
    struct attempts *attempts = map_get(sessions->attempts, key);
    if (attempts) {
        list_remove(&attempts->by_use);
    } else {
        if (map_count(sessions->attempts) >= GUARD_ATTEMPTS_MAX)
            drop_attempts(sessions, list_entry(sessions->attempts_by_use.prev, struct attempts, by_use));
        attempts = must_alloc(sizeof *attempts);
        memcpy(attempts->key, key.p, sizeof attempts->key);
        (void)map_put(sessions->attempts, key, attempts);
    }
    list_prepend(&sessions->attempts_by_use, &attempts->by_use);
    forget_old(attempts);
    return attempts;
}

static void attempt_over(struct attempts *attempts)
{
    if (!attempts->n)
        return;
    attempts->n--;
    memmove(attempts->started_us, attempts->started_us + 1, sizeof(int64_t) * (size_t)attempts->n);
}

/* A failure is queued into a transaction that commits a moment later. Until then it is remembered here. */
static void attempt_failed(struct sessions *sessions, struct str key)
{
    struct attempts *attempts = attempts_of(sessions, key);
    attempt_over(attempts);
    int64_t mono = clock_monotonic_us();
    int64_t known = mono < attempts->failed_until_us ? attempts->failed : 0;
    attempts->failed = (known > attempts->read ? known : attempts->read) + 1;
    attempts->failed_until_us = mono + GUARD_COMMIT_US;
}

static int64_t failures_known(const struct attempts *attempts)
{
    bool fresh = clock_monotonic_us() < attempts->failed_until_us;
    return fresh && attempts->failed > attempts->read ? attempts->failed : attempts->read;
}

/* ---- the calls ----------------------------------------------------------------------------------------- */

/* Failures that count now; *ret_locked: a lock holds. */
static task_fn int read_failures(
    struct sessions *sessions, struct str key, int64_t *ret_failures, bool *ret_locked, struct err *err)
{
    struct db_rows rows;
    int64_t now = clock_utc_us(), last, until;
    int r = db_query(sessions->app, SQL_CHECK, DB_PARAMS(DB_B(key)), &rows, err);
    if (r < 0)
        return r;
    *ret_failures = 0;
    *ret_locked = false;
    if (!rows.n_rows)
        return 0;
    const struct db_val *cells = db_cell(&rows, 0, 0);
    bool was_locked = cells[2].kind != DB_NULL;
    if (!session_read_time(&cells[1], &last) || (was_locked && !session_read_time(&cells[2], &until)))
        return err_set(err, ERR_INTERNAL, "login_guard: a time cannot be read");
    if (was_locked)
        *ret_locked = until > now;
    else if (last >= now - sessions->conf->login_lock_minutes * MINUTE_US)
        *ret_failures = cells[0].i;
    return 0;
}

task_fn int login_guard_check(
    struct sessions *sessions, struct str login_key, struct str address, bool *ret_allowed, struct err *err)
{
    CHECK(sessions, SESSIONS_MAGIC);
    int r = count_attempt(sessions, address, err);
    if (r < 0)
        return r;
    struct str key = guard_key(sessions, login_key, address);
    int64_t failures;
    bool locked;
    r = read_failures(sessions, key, &failures, &locked, err);
    if (r < 0)
        return r;
    struct attempts *attempts =
        attempts_of(sessions, key); /* after the wait: others may have begun meanwhile */
    attempts->read = failures;
    bool allowed = !locked && attempts->n < GUARD_FAILURES_MAX &&
                   failures_known(attempts) + attempts->n < sessions->conf->login_max_failures;
    if (allowed)
        attempts->started_us[attempts->n++] = clock_monotonic_us();
    *ret_allowed = allowed;
    return 0;
}

void login_guard_failed(struct sessions *sessions, struct tx *tx, struct str login_key, struct str address)
{
    CHECK(sessions, SESSIONS_MAGIC);
    int64_t now_us = clock_utc_us(), lock_us = sessions->conf->login_lock_minutes * MINUTE_US;
    struct str key = guard_key(sessions, login_key, address);
    struct db_val now = session_bind_time(now_us), until = session_bind_time(now_us + lock_us);
    struct db_val window = session_bind_time(now_us - lock_us);
    struct db_val max = DB_I(sessions->conf->login_max_failures);
    tx_add(tx, SQL_FAILED, DB_PARAMS(DB_B(key), now, max, until, now, window, now, max, until, now));
    attempt_failed(sessions, key);
}

void login_guard_passed(struct sessions *sessions, struct tx *tx, struct str login_key, struct str address)
{
    CHECK(sessions, SESSIONS_MAGIC);
    struct str key = guard_key(sessions, login_key, address);
    tx_add(tx, SQL_PASSED, DB_PARAMS(DB_B(key)));
    struct attempts *attempts = map_get(sessions->attempts, key);
    if (attempts)
        drop_attempts(sessions, attempts);
}

void login_guard_abandoned(struct sessions *sessions, struct str login_key, struct str address)
{
    CHECK(sessions, SESSIONS_MAGIC);
    struct attempts *attempts = map_get(sessions->attempts, guard_key(sessions, login_key, address));
    if (attempts)
        attempt_over(attempts);
}
