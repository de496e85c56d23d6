/*
 * Once a second: hears which sessions others have ended, and writes down what has gathered here (last uses,
 * ends by time). Each is one statement whose text is constant, with the rows as one JSON value, so that a
 * busy minute costs one commit and prepares nothing.
 *
 * Once a minute a sweep ends sessions that nobody will ask for again and clears old failures of the guard.
 * Both are bookkeeping by the clock: nobody did it, so it has no actor and no event.
 */
#include "access/session_int.h"

#include "base/clock.h"
#include "base/must.h"
#include "json/out.h"

#include <stdlib.h>

/* An end is committed at most so long after its time, differences of clocks included. */
#define OVERLAP_US INT64_C(20000000)
#define SWEEP_US INT64_C(60000000)
/* The sweep judges by the database alone, which learns of a use up to a minute later. */
#define SWEEP_GRACE_US INT64_C(120000000)
#define WRITES_MAX 1000 /* sessions in one statement */

static const char SQL_ENDED[] = "SELECT id FROM session WHERE ended_at>=?";
static const char SQL_SEEN[] =
    "UPDATE JSON_TABLE(?,'$[*]' COLUMNS (id BIGINT PATH '$.id',seen DATETIME(6) PATH '$.seen')) AS j "
    "STRAIGHT_JOIN session AS s ON s.id=j.id SET s.last_seen_at=j.seen "
    "WHERE s.ended_at IS NULL AND s.last_seen_at<j.seen";
static const char SQL_EXPIRED[] =
    "UPDATE JSON_TABLE(?,'$[*]' COLUMNS (id BIGINT PATH '$.id',at DATETIME(6) PATH '$.at',"
    "idle DATETIME(6) PATH '$.idle',reason VARCHAR(16) PATH '$.reason')) AS j "
    "STRAIGHT_JOIN session AS s ON s.id=j.id SET s.ended_at=j.at,s.end_reason=j.reason "
    "WHERE s.ended_at IS NULL AND (s.ends_at<=j.at OR s.last_seen_at<=j.idle)";
static const char SQL_SWEEP[] = "UPDATE session SET ended_at=?,end_reason=IF(ends_at<=?,'absolute','idle') "
                                "WHERE ended_at IS NULL AND (ends_at<=? OR last_seen_at<=?) LIMIT 1000";
static const char SQL_SWEEP_GUARD[] = "DELETE FROM login_guard WHERE last_failure_at<? LIMIT 1000";

static task_fn int hear_of_ends(struct sessions *sessions, struct err *err)
{
    int64_t mono = clock_monotonic_us(), now = clock_utc_us();
    struct db_rows rows;
    int r = db_query(sessions->app, SQL_ENDED,
        DB_PARAMS(session_bind_time(sessions->ended_read_us - OVERLAP_US)), &rows, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < rows.n_rows; i++) {
        int64_t id = db_cell(&rows, i, 0)->i;
        if (map_get_id(sessions->by_id, id))
            session_ended(sessions, id);
    }
    sessions->polled_mono_us = mono;
    sessions->ended_read_us = now;
    return 0;
}

static void out_time(struct json_out *out, const char *key, int64_t utc_us)
{
    char text[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(utc_us, text);
    json_out_key(out, str_of(key));
    json_out_str(out, (struct str){text, n});
}

/* The buffer's text in the task's arena; the buffer is given back. */
static struct str take_text(struct json_out *out, struct buf *buf)
{
    json_out_array_end(out);
    json_out_end(out);
    must(!buf->overflow);
    struct str text = arena_copy(task_arena(), buf_str(buf));
    buf_done(buf);
    return text;
}

struct seen {
    int64_t id, at_us;
};

/* Those whose last use the database does not know for a minute. They stand at the head of the list by use
 * only roughly, so all are looked at: 50,000 in a quarter of a millisecond. */
static size_t collect_seen(struct sessions *sessions, struct seen *seen)
{
    size_t n = 0;
    list_for_each (it, &sessions->by_use) {
        const struct cached_session *cached = list_entry(it, struct cached_session, by_use);
        if (n < WRITES_MAX && cached->last_seen_us - cached->written_us >= SESSION_SEEN_US)
            seen[n++] = (struct seen){cached->id, cached->last_seen_us};
    }
    return n;
}

static task_fn int write_seen(struct sessions *sessions, struct err *err)
{
    struct seen *seen = arena_new_array(task_arena(), struct seen, WRITES_MAX);
    size_t n = collect_seen(sessions, seen);
    if (!n)
        return 0;
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_array(&out);
    for (size_t i = 0; i < n; i++) {
        json_out_object(&out);
        json_out_member_id(&out, "id", seen[i].id);
        out_time(&out, "seen", seen[i].at_us);
        json_out_object_end(&out);
    }
    struct db_rows rows;
    int r = db_query(sessions->app, SQL_SEEN, DB_PARAMS(DB_S(take_text(&out, &buf))), &rows, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct cached_session *cached = map_get_id(sessions->by_id, seen[i].id);
        if (cached)
            cached->written_us = seen[i].at_us;
    }
    return r;
}

static task_fn int write_ends(struct sessions *sessions, struct err *err)
{
    if (list_is_empty(&sessions->ended))
        return 0;
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_array(&out);
    size_t n = 0;
    list_for_each (it, &sessions->ended) {
        const struct ended_session *ended = list_entry(it, struct ended_session, link);
        if (n++ == WRITES_MAX)
            break;
        json_out_object(&out);
        json_out_member_id(&out, "id", ended->id);
        out_time(&out, "at", ended->at_us);
        out_time(&out, "idle", ended->at_us - sessions_idle_us(sessions));
        json_out_member_text(&out, "reason", ended->reason);
        json_out_object_end(&out);
    }
    struct db_rows rows;
    int r = db_query(sessions->app, SQL_EXPIRED, DB_PARAMS(DB_S(take_text(&out, &buf))), &rows, err);
    /* New ones were appended meanwhile, at the end: the first are still those that were written. */
    for (size_t i = 0; r == 0 && i < WRITES_MAX && !list_is_empty(&sessions->ended); i++) {
        if (i == n)
            break;
        struct ended_session *ended = list_entry(sessions->ended.next, struct ended_session, link);
        list_remove(&ended->link);
        sessions->n_ended--;
        free(ended);
    }
    return r;
}

static task_fn int sweep(struct sessions *sessions, struct err *err)
{
    int64_t mono = clock_monotonic_us(), now = clock_utc_us();
    if (sessions->swept_mono_us && mono - sessions->swept_mono_us < SWEEP_US)
        return 0;
    sessions->swept_mono_us = mono;
    struct db_rows rows;
    struct db_val at = session_bind_time(now);
    struct db_val idle = session_bind_time(now - sessions_idle_us(sessions) - SWEEP_GRACE_US);
    int r = db_query(sessions->app, SQL_SWEEP, DB_PARAMS(at, at, at, idle), &rows, err);
    if (r < 0)
        return r;
    /* A row is of use as long as its lock, or its count, can still hold. */
    int64_t old_us = 2 * sessions->conf->login_lock_minutes * INT64_C(60000000);
    return db_query(sessions->app, SQL_SWEEP_GUARD, DB_PARAMS(session_bind_time(now - old_us)), &rows, err);
}

task_fn int session_poll(struct sessions *sessions, struct err *err)
{
    CHECK(sessions, SESSIONS_MAGIC);
    int r = hear_of_ends(sessions, err);
    if (r == 0)
        r = write_seen(sessions, err);
    if (r == 0)
        r = write_ends(sessions, err);
    return r < 0 ? r : sweep(sessions, err);
}
