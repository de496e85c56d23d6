/*
 * The life of a session. Started in the log-in's transaction; found again at each request, from memory or,
 * after a restart or on another process, from the database; over when its person logs out, when another
 * process ends it, after idling, or after its absolute time.
 *
 * Whether it is over is always judged at use, from the times of the session; writing the end down comes after
 * (poll.c). Idling is judged by the database's last_seen_at too, since the person may have worked through
 * another process meanwhile.
 */
#include "access/session_int.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define AGENT_CHARS 255
#define ADDRESS_CHARS 64
#define MINUTE_US INT64_C(60000000)

/* Serialises the log-ins of one person, so that the count of their sessions holds; and a person disabled
 * since the password was checked gets none. */
static const char SQL_LOCK_USER[] =
    "SELECT password_until IS NOT NULL FROM app_user WHERE id=? AND disabled_at IS NULL FOR UPDATE";
static const char SQL_OPEN[] = "SELECT id FROM session WHERE user_id=? AND ended_at IS NULL AND ends_at>? "
                               "ORDER BY started_at DESC,id DESC LIMIT 1000 OFFSET ?";
static const char SQL_START[] =
    "INSERT INTO session (id,token_hash,user_id,started_at,last_seen_at,ends_at,address,agent,must_change) "
    "VALUES (?,?,?,?,?,?,?,?,?)";
static const char SQL_FIND[] = "SELECT id,user_id,started_at,last_seen_at,ends_at,must_change FROM session "
                               "WHERE token_hash=? AND ended_at IS NULL";
static const char SQL_END[] = "UPDATE session SET ended_at=?,end_reason=? WHERE id=? AND ended_at IS NULL";
static const char SQL_END_ALL[] =
    "UPDATE session SET ended_at=?,end_reason=? WHERE user_id=? AND ended_at IS NULL";

/* ---- the room's state ---------------------------------------------------------------------------------- */

static struct str own(struct str text)
{
    char *copy = must_alloc(text.n + 1);
    if (text.n)
        memcpy(copy, text.p, text.n);
    return (struct str){copy, text.n};
}

static void disown(struct str *text)
{
    if (!text->p)
        return;
    union {
        const char *borrowed;
        char *owned;
    } bytes = {.borrowed = text->p};
    crypto_wipe(bytes.owned, text->n);
    free(bytes.owned);
    *text = STR_NULL;
}

struct sessions *sessions_new(struct db *app, const struct conf *conf, struct str server_key)
{
    must(server_key.n > 0);
    struct sessions *sessions = must_alloc(sizeof *sessions);
    sessions->magic = SESSIONS_MAGIC;
    sessions->app = app;
    sessions->conf = conf;
    sessions->server_key = own(server_key);
    sessions->by_hash = map_new();
    sessions->by_id = map_new();
    list_init(&sessions->by_use);
    list_init(&sessions->ended);
    sessions->argon2 = (struct work_lane)WORK_LANE("argon2", 2, 64, 5000);
    sessions->ended_read_us = clock_utc_us();
    guard_init(sessions);
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    CHECK(sessions, SESSIONS_MAGIC);
    session_cache_done(sessions);
    guard_done(sessions);
    disown(&sessions->server_key);
    disown(&sessions->pepper);
    sessions->magic = 0;
    free(sessions);
}

void sessions_set_pepper(struct sessions *sessions, struct str pepper)
{
    CHECK(sessions, SESSIONS_MAGIC);
    disown(&sessions->pepper);
    sessions->pepper = own(pepper);
}

int64_t sessions_idle_us(const struct sessions *sessions)
{
    return sessions->conf->session_idle_minutes * MINUTE_US;
}

struct db_val session_bind_time(int64_t utc_us)
{
    char *text = arena_alloc(task_arena(), CLOCK_TEXT_MAX);
    size_t n = clock_print_sql(utc_us < 0 ? 0 : utc_us, text);
    return DB_S(((struct str){text, n}));
}

bool session_read_time(const struct db_val *cell, int64_t *ret_utc_us)
{
    return (cell->kind == DB_TEXT || cell->kind == DB_BYTES) && clock_parse_sql(cell->s, ret_utc_us);
}

/* ---- the cookie and the page token --------------------------------------------------------------------- */

static struct str page_token(const struct sessions *sessions, struct str cookie)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct str pieces[] = {STR("csrf"), cookie};
    crypto_hmac_pieces(sessions->server_key, pieces, 2, digest);
    return crypto_base64url(task_arena(), digest, sizeof digest);
}

bool session_csrf_is(const struct session *session, struct str token)
{
    return session->csrf.n && str_eq_constant_time(session->csrf, token);
}

/* ---- starting ------------------------------------------------------------------------------------------ */

/* What the person's browser and proxy say of themselves must fit the columns, or the log-in would fail. */
static struct str fit(struct str text, size_t max_chars, bool ascii)
{
    bool good = str_is_utf8(text);
    char *copy = arena_alloc(task_arena(), text.n + 1);
    size_t n = 0, chars = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool later = good && !ascii && (c & 0xc0) == 0x80;
        if (!later && chars++ == max_chars)
            break;
        bool odd = c < 0x20 || c == 0x7f || (c >= 0x80 && (ascii || !good));
        copy[n++] = odd ? '?' : (char)c;
    }
    return (struct str){copy, n};
}

/* Ends the oldest, so that with the new one there are per_user. */
static task_fn int end_surplus(
    struct sessions *sessions, struct tx *tx, int64_t user_id, int64_t now_us, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_OPEN,
        DB_PARAMS(DB_I(user_id), session_bind_time(now_us), DB_I(sessions->conf->session_per_user - 1)),
        &rows, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < rows.n_rows; i++)
        session_end(tx, db_cell(&rows, i, 0)->i, "limit");
    return 0;
}

task_fn int session_start(struct sessions *sessions, struct tx *tx, int64_t user_id, struct str address,
    struct str agent, struct session *ret_session, struct str *ret_cookie, struct err *err)
{
    CHECK(sessions, SESSIONS_MAGIC);
    struct db_rows rows;
    int r = tx_query(tx, SQL_LOCK_USER, DB_PARAMS(DB_I(user_id)), &rows, err);
    if (r < 0)
        return r;
    if (!rows.n_rows)
        return err_set(err, ERR_LOGIN_FAILED, "user %lld is gone or disabled", (long long)user_id);
    bool must_change = db_cell(&rows, 0, 0)->i != 0;
    int64_t now = clock_utc_us();
    r = end_surplus(sessions, tx, user_id, now, err);
    if (r < 0)
        return r;
    unsigned char token[SESSION_TOKEN_BYTES], hash[CRYPTO_SHA256_BYTES];
    crypto_random(token, sizeof token);
    crypto_sha256((struct str){(const char *)token, sizeof token}, hash);
    struct str cookie = crypto_base64url(task_arena(), token, sizeof token);
    crypto_wipe(token, sizeof token);
    struct session session = {
        .id = id_new(),
        .user_id = user_id,
        .started_at_us = now,
        .last_seen_at_us = now,
        .ends_at_us = now + sessions->conf->session_absolute_hours * 60 * MINUTE_US,
        .must_change = must_change,
        .csrf = page_token(sessions, cookie),
    };
    tx_add(tx, SQL_START,
        DB_PARAMS(DB_I(session.id), DB_B(((struct str){(const char *)hash, sizeof hash})), DB_I(user_id),
            session_bind_time(now), session_bind_time(now), session_bind_time(session.ends_at_us),
            DB_S(fit(address, ADDRESS_CHARS, true)), DB_S(fit(agent, AGENT_CHARS, false)),
            DB_I(must_change)));
    *ret_session = session;
    *ret_cookie = cookie;
    return 0;
}

void session_started(struct sessions *sessions, const struct session *session, struct str cookie)
{
    CHECK(sessions, SESSIONS_MAGIC);
    struct cached_session cached = {
        .id = session->id,
        .user_id = session->user_id,
        .started_at_us = session->started_at_us,
        .ends_at_us = session->ends_at_us,
        .last_seen_us = session->last_seen_at_us,
        .written_us = session->last_seen_at_us,
        .must_change = session->must_change,
    };
    must(session_hash_cookie(cookie, cached.hash));
    session_cache_put(sessions, &cached);
}

/* ---- finding ------------------------------------------------------------------------------------------- */

static int not_logged_in(struct err *err)
{
    return err_set(err, ERR_LOGIN_NEEDED, "no such session, or it is over");
}

static const char *over_because(
    const struct sessions *sessions, const struct cached_session *cached, int64_t now_us)
{
    if (now_us >= cached->ends_at_us)
        return "absolute";
    return now_us - cached->last_seen_us >= sessions_idle_us(sessions) ? "idle" : NULL;
}

/* Reads the session into *ret_values; *ret_found false: it is not there or has ended. */
static task_fn int read_session(struct sessions *sessions, const unsigned char *hash,
    struct cached_session *ret_values, bool *ret_found, struct err *err)
{
    struct db_rows rows;
    struct cached_session values = {0};
    struct str key = {(const char *)hash, CRYPTO_SHA256_BYTES};
    int r = db_query(sessions->app, SQL_FIND, DB_PARAMS(DB_B(key)), &rows, err);
    if (r < 0)
        return r;
    *ret_found = rows.n_rows > 0;
    if (!rows.n_rows)
        return 0;
    const struct db_val *cells = db_cell(&rows, 0, 0);
    values.id = cells[0].i;
    values.user_id = cells[1].i;
    values.must_change = cells[5].i != 0;
    if (!session_read_time(&cells[2], &values.started_at_us) ||
        !session_read_time(&cells[3], &values.last_seen_us) ||
        !session_read_time(&cells[4], &values.ends_at_us))
        return err_set(err, ERR_INTERNAL, "session %lld: its times cannot be read", (long long)values.id);
    values.written_us = values.last_seen_us;
    memcpy(values.hash, hash, sizeof values.hash);
    *ret_values = values;
    return 0;
}

static bool is_polled(const struct sessions *sessions)
{
    return sessions->polled_mono_us && clock_monotonic_us() - sessions->polled_mono_us < SESSIONS_STALE_US;
}

/* From the database into the cache. Sets *ret_cached to NULL where there is none that is still open. */
static task_fn int refresh(struct sessions *sessions, const unsigned char *hash,
    struct cached_session *ret_values, bool *ret_open, struct err *err)
{
    uint64_t ends = sessions->ends;
    struct cached_session values;
    bool found;
    int r = read_session(sessions, hash, &values, &found, err);
    if (r < 0)
        return r;
    struct cached_session *known = session_cache_get(sessions, hash);
    if (!found && known)
        session_cache_drop(sessions, known);
    if (found) {
        if (known && known->last_seen_us > values.last_seen_us)
            values.last_seen_us = known->last_seen_us;
        /* One that ended while we were reading must not come back into the cache. */
        if (known || sessions->ends == ends)
            session_cache_put(sessions, &values);
        *ret_values = values;
    }
    *ret_open = found;
    return 0;
}

task_fn int session_find(
    struct sessions *sessions, struct str cookie, struct session *ret_session, struct err *err)
{
    CHECK(sessions, SESSIONS_MAGIC);
    unsigned char hash[CRYPTO_SHA256_BYTES];
    if (!session_hash_cookie(cookie, hash))
        return not_logged_in(err);
    struct cached_session *cached = session_cache_get(sessions, hash), values;
    int64_t now = clock_utc_us();
    if (cached && is_polled(sessions) && !over_because(sessions, cached, now)) {
        values = *cached;
    } else {
        bool open;
        int r = refresh(sessions, hash, &values, &open, err);
        if (r < 0)
            return r;
        if (!open)
            return not_logged_in(err);
    }
    cached = session_cache_get(sessions, hash);
    const char *over = over_because(sessions, &values, now);
    if (over) {
        session_note_end(sessions, &values, now, over);
        if (cached)
            session_cache_drop(sessions, cached);
        return not_logged_in(err);
    }
    if (cached)
        session_cache_used(sessions, cached, now);
    *ret_session = (struct session){
        .id = values.id,
        .user_id = values.user_id,
        .started_at_us = values.started_at_us,
        .last_seen_at_us = values.last_seen_us > now ? values.last_seen_us : now,
        .ends_at_us = values.ends_at_us,
        .must_change = values.must_change,
        .csrf = page_token(sessions, cookie),
    };
    return 0;
}

/* ---- ending -------------------------------------------------------------------------------------------- */

void session_end(struct tx *tx, int64_t session_id, const char *reason)
{
    tx_add(tx, SQL_END, DB_PARAMS(session_bind_time(clock_utc_us()), DB_S(str_of(reason)), DB_I(session_id)));
}

void session_end_all(struct tx *tx, int64_t user_id, const char *reason)
{
    tx_add(
        tx, SQL_END_ALL, DB_PARAMS(session_bind_time(clock_utc_us()), DB_S(str_of(reason)), DB_I(user_id)));
}

void session_ended(struct sessions *sessions, int64_t session_id)
{
    CHECK(sessions, SESSIONS_MAGIC);
    sessions->ends++;
    struct cached_session *cached = map_get_id(sessions->by_id, session_id);
    if (cached)
        session_cache_drop(sessions, cached);
}
