/*
 * Every call of the room that waits, with its n-th wait failing, for each n until it passes untouched: an
 * error and nothing else. No transaction stays open, no connection is lost, and the next call is as if
 * nothing had been.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/session_int.h"
#include "base/clock.h"
#include "base/must.h"
#include "schema_fixture.h"

#include <string.h>

static struct sessions *sessions;
static struct str stored, cookie;

typedef task_fn int call_fn(struct err *err);

/* Returns how many waits were made to fail. */
static task_fn unsigned torture(const char *name, call_fn *call)
{
    for (unsigned nth = 1;; nth++) {
        struct err err = {0};
        task_fail_wait(nth);
        int r = call(&err);
        bool fired = task_fail_wait_fired();
        task_fail_wait(0);
        if ((r != 0 && r != -ERR_TORTURE) || (r != 0 && err.code != ERR_TORTURE) || (!fired && r != 0))
            (void)fprintf(stderr, "%s, wait %u: %d %s\n", name, nth, r, err.detail);
        must(r == 0 || (r == -ERR_TORTURE && err.code == ERR_TORTURE));
        must(fired || r == 0);
        must(db_stats_now(fixture.app).busy == 0);
        if (!fired)
            return nth - 1;
        must(nth < 100);
    }
}

/* ---- the calls ---- */

static task_fn int load_body(struct tx *tx, void *arg, struct err *err)
{
    return directory_load(tx, arg, err);
}

static task_fn int call_load(struct err *err)
{
    struct tx_opts opts = {.snapshot_read = true};
    struct directory *directory = NULL;
    int r = tx_run(fixture.app, &opts, load_body, &directory, NULL, err);
    directory_unref(directory); /* loaded, or never made, or made and the transaction's end failed */
    return r;
}

static task_fn int start_body(struct tx *tx, void *arg, struct err *err)
{
    struct session session;
    (void)arg;
    login_guard_passed(sessions, tx, STR("a"), STR("192.0.2.1"));
    int r = session_start(sessions, tx, 1, STR("192.0.2.1"), STR("browser"), &session, &cookie, err);
    if (r == 0)
        session_end(tx, 999, "logout");
    return r;
}

static task_fn int call_start(struct err *err)
{
    return tx_run(fixture.app, NULL, start_body, NULL, NULL, err);
}

static task_fn int call_find(struct err *err)
{
    struct session session;
    return session_find(sessions, cookie, &session, err);
}

static task_fn int call_poll(struct err *err)
{
    return session_poll(sessions, err);
}

static task_fn int call_guard(struct err *err)
{
    bool allowed;
    int r = login_guard_check(sessions, STR("a"), STR("192.0.2.1"), &allowed, err);
    if (r == 0)
        login_guard_abandoned(sessions, STR("a"), STR("192.0.2.1"));
    return r;
}

static task_fn int call_check(struct err *err)
{
    struct password_checked checked;
    int r = password_check(sessions, STR("a"), STR("right"), &checked, err);
    must(r != 0 || checked.user_id == 1);
    return r;
}

static task_fn int call_hash(struct err *err)
{
    return password_hash(sessions, STR("right"), &stored, err);
}

static void run_all(void *arg)
{
    (void)arg;
    sessions = sessions_new(fixture.app, fixture.conf, STR("server key"));
    sessions_set_pepper(sessions, STR("pepper"));
    must(torture("hash", call_hash) >= 1);
    (void)fixture_query(fixture.app,
        "INSERT INTO app_user (id,login,login_key,name,password,created_at) VALUES (1,'a','a','A',?,NOW(6))",
        DB_PARAMS(DB_S(stored)));
    must(torture("check", call_check) >= 2);
    must(torture("guard", call_guard) >= 1);
    must(torture("load", call_load) >= 5);
    must(torture("start", call_start) >= 2);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session") == 1); /* the one that passed */
    must(torture("find", call_find) >= 1);
    clock_set_offset(INT64_C(5) * 60 * 1000000);
    struct err err = {0};
    fixture_report(call_find(&err), &err, "find");
    struct cached_session expired = {.id = 77};
    session_note_end(sessions, &expired, clock_utc_us(), "idle");
    must(torture("poll", call_poll) >= 4); /* hear, write uses, write ends, sweep */
    sessions_free(sessions);
}

static void test_every_wait_may_fail(void **state)
{
    (void)state;
    task_run(run_all, NULL);
}

/* More ends than one statement takes are written by the next polls, each once. */
static void run_many_ends(void *arg)
{
    (void)arg;
    struct err err = {0};
    sessions = sessions_new(fixture.app, fixture.conf, STR("server key"));
    (void)fixture_query(fixture.app,
        "INSERT INTO session (id,token_hash,user_id,started_at,last_seen_at,ends_at,address,agent) "
        "SELECT 1000000+seq,seq,1,NOW(6),NOW(6)-INTERVAL 3 HOUR,NOW(6)+INTERVAL 9 HOUR,'','' FROM seq_1_to_2500",
        DB_NO_PARAMS);
    for (int i = 1; i <= 2500; i++) {
        struct cached_session expired = {.id = 1000000 + i};
        session_note_end(sessions, &expired, clock_utc_us(), "idle");
    }
    sessions->swept_mono_us = clock_monotonic_us(); /* the sweep would end them too */
    for (int i = 1; i <= 3; i++) {
        fixture_report(session_poll(sessions, &err), &err, "poll");
        must(fixture_number(fixture.app,
                 "SELECT COUNT(*) FROM session WHERE id>1000000 AND id<=1002500 AND end_reason='idle'") ==
             (i < 3 ? i * 1000 : 2500));
    }
    must(list_is_empty(&sessions->ended) && sessions->n_ended == 0);
    sessions_free(sessions);
}

static void test_many_ends_at_once(void **state)
{
    (void)state;
    task_run(run_many_ends, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wait_may_fail),
        cmocka_unit_test(test_many_ends_at_once),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
