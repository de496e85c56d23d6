/* Sessions on a real database, with the clock moved; two `struct sessions` on it are two processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/session_int.h"
#include "base/clock.h"
#include "base/must.h"
#include "schema_fixture.h"

#include <string.h>

#define MINUTE_US INT64_C(60000000)
#define USER 7
#define OTHER 8

static struct sessions *here, *there;
static int64_t offset_us;

static void pass(int64_t minutes)
{
    offset_us += minutes * MINUTE_US;
    clock_set_offset(offset_us);
}

static void exec(const char *sql)
{
    (void)fixture_query(fixture.app, sql, DB_NO_PARAMS);
}

static void begin(void)
{
    exec("DELETE FROM session");
    exec("DELETE FROM app_user");
    exec(
        "INSERT INTO app_user (id,login,login_key,name,created_at) VALUES (7,'a','a','A',NOW(6)),(8,'b','b','B',NOW(6))");
    fixture.conf->session_idle_minutes = 30;
    fixture.conf->session_absolute_hours = 12;
    fixture.conf->session_per_user = 16;
    here = sessions_new(fixture.app, fixture.conf, STR("server key"));
    there = sessions_new(fixture.app, fixture.conf, STR("server key"));
}

static void end(void)
{
    sessions_free(here);
    sessions_free(there);
}

struct starting {
    struct sessions *sessions;
    int64_t user;
    struct str agent;
    struct session session;
    struct str cookie;
};

static task_fn int start_body(struct tx *tx, void *arg, struct err *err)
{
    struct starting *s = arg;
    return session_start(s->sessions, tx, s->user, STR("192.0.2.1"), s->agent, &s->session, &s->cookie, err);
}

static task_fn struct starting start(struct sessions *sessions, int64_t user)
{
    struct err err = {0};
    struct starting s = {.sessions = sessions, .user = user, .agent = STR("browser")};
    fixture_report(tx_run(fixture.app, NULL, start_body, &s, NULL, &err), &err, "start");
    session_started(sessions, &s.session, s.cookie);
    return s;
}

static task_fn bool finds(struct sessions *sessions, struct str cookie)
{
    struct err err = {0};
    struct session session;
    int r = session_find(sessions, cookie, &session, &err);
    must(r == 0 || (r == -ERR_LOGIN_NEEDED && err.code == ERR_LOGIN_NEEDED));
    return r == 0;
}

static task_fn void poll(struct sessions *sessions)
{
    struct err err = {0};
    fixture_report(session_poll(sessions, &err), &err, "poll");
}

static uint64_t statements(void)
{
    return db_stats_now(fixture.app).statements;
}

#define ON_TASK(name)                                                                                        \
    static task_fn void name##_body(void *arg);                                                              \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        task_run(name##_body, NULL);                                                                         \
    }                                                                                                        \
    static task_fn void name##_body(void *arg)

ON_TASK(test_found_here_there_and_after_a_restart)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    struct session session;
    struct err err = {0};
    must(s.cookie.n == 43 && s.session.user_id == USER);
    must(session_find(here, s.cookie, &session, &err) == 0);
    must(session.id == s.session.id && session.user_id == USER && session.ends_at_us == s.session.ends_at_us);
    must(str_eq(session.csrf, s.session.csrf) && session_csrf_is(&session, s.session.csrf));
    must(!session_csrf_is(&session, STR("")) && !session_csrf_is(&session, s.cookie));
    must(finds(there, s.cookie)); /* another process, the same server key: the same page token */
    must(session_find(there, s.cookie, &session, &err) == 0 && session_csrf_is(&session, s.session.csrf));
    struct sessions *again = sessions_new(fixture.app, fixture.conf, STR("another key"));
    must(session_find(again, s.cookie, &session, &err) == 0 && !session_csrf_is(&session, s.session.csrf));
    sessions_free(again);
    end();
}

ON_TASK(test_two_sessions_are_strangers)
{
    (void)arg;
    begin();
    struct starting a = start(here, USER), b = start(here, OTHER);
    must(!str_eq(a.cookie, b.cookie) && !str_eq(a.session.csrf, b.session.csrf));
    must(!session_csrf_is(&a.session, b.session.csrf) && a.session.id != b.session.id);
    end();
}

ON_TASK(test_no_other_cookie_is_let_in)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    char text[64];
    memcpy(text, s.cookie.p, s.cookie.n);
    must(!finds(here, STR("")) && !finds(here, STR("x")));
    for (size_t i = 0; i < s.cookie.n; i++) {
        text[i] = text[i] == 'A' ? 'B' : 'A';
        must(!finds(here, (struct str){text, s.cookie.n}));
        text[i] = s.cookie.p[i];
    }
    must(!finds(here, (struct str){text, s.cookie.n - 1}));
    text[43] = '=';
    must(!finds(here, (struct str){text, 44}));
    text[43] = 0;
    must(!finds(here, (struct str){text, 44}));
    /* The last character holds two bits too many: only one spelling of the cookie counts. */
    int spellings = 0;
    for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *c; c++) {
        text[42] = *c;
        spellings += finds(here, (struct str){text, 43});
    }
    must(spellings == 1);
    end();
}

ON_TASK(test_the_cookie_is_stored_nowhere)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    unsigned char hash[CRYPTO_SHA256_BYTES];
    struct str token;
    must(crypto_base64url_decode(task_arena(), s.cookie, &token) && token.n == 32);
    crypto_sha256(token, hash);
    const struct db_rows rows = fixture_query(fixture.app,
        "SELECT token_hash,address,agent FROM session WHERE id=?", DB_PARAMS(DB_I(s.session.id)));
    must(rows.n_rows == 1 && str_eq(db_cell(&rows, 0, 0)->s, ((struct str){(char *)hash, sizeof hash})));
    must(str_eq(db_cell(&rows, 0, 1)->s, STR("192.0.2.1")));
    end();
}

ON_TASK(test_the_cache_spares_the_database)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    must(finds(here, s.cookie)); /* never polled: read */
    poll(here);
    must(finds(here, s.cookie));
    uint64_t before = statements();
    for (int i = 0; i < 100; i++)
        must(finds(here, s.cookie));
    must(statements() == before);
    pass(1); /* nobody has polled for a minute: what others ended would not be known */
    must(finds(here, s.cookie) && statements() == before + 1);
    end();
}

ON_TASK(test_idle_and_absolute_ends)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    for (int i = 0; i < 3; i++) {
        pass(29);
        must(finds(here, s.cookie)); /* each use counts */
        poll(here);
    }
    pass(30);
    must(!finds(here, s.cookie) && !finds(there, s.cookie) && !finds(here, s.cookie));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE ended_at IS NULL") == 1);
    poll(here);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE end_reason='idle'") == 1);
    struct starting busy = start(here, USER);
    for (int i = 0; i < 12 * 60 / 20 - 1; i++) {
        pass(20);
        must(finds(here, busy.cookie));
        poll(here);
    }
    pass(20);
    must(!finds(here, busy.cookie) && !finds(there, busy.cookie));
    poll(here);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE end_reason='absolute'") == 1);
    end();
}

/* Worked through one process for an hour: the other, which remembers an hour ago, must not end it. */
ON_TASK(test_use_on_another_process_counts)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    must(finds(there, s.cookie));
    for (int i = 0; i < 4; i++) {
        pass(15);
        must(finds(here, s.cookie));
        poll(here);
        poll(there);
    }
    must(finds(there, s.cookie));
    poll(there);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE ended_at IS NOT NULL") == 0);
    end();
}

ON_TASK(test_last_use_is_written_once_a_minute)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    poll(here);
    must(finds(here, s.cookie));
    poll(here);
    must(fixture_number(fixture.app, "SELECT last_seen_at=started_at FROM session") == 1);
    pass(2);
    poll(here);
    must(finds(here, s.cookie));
    poll(here);
    must(fixture_number(fixture.app,
             "SELECT TIMESTAMPDIFF(SECOND,started_at,last_seen_at) BETWEEN 120 AND 130 FROM session") == 1);
    exec("UPDATE session SET last_seen_at=last_seen_at+INTERVAL 1 HOUR"); /* another process knows better */
    pass(2);
    poll(here);
    must(finds(here, s.cookie));
    poll(here);
    must(fixture_number(
             fixture.app, "SELECT TIMESTAMPDIFF(SECOND,started_at,last_seen_at)>3600 FROM session") == 1);
    end();
}

struct ending {
    int64_t id;
};

static task_fn int end_body(struct tx *tx, void *arg, struct err *err)
{
    (void)err;
    session_end(tx, ((struct ending *)arg)->id, "logout");
    return 0;
}

ON_TASK(test_log_out_ends_it_everywhere)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER), stays = start(here, USER);
    must(finds(there, s.cookie) && finds(there, stays.cookie));
    poll(here);
    poll(there);
    struct ending ending = {s.session.id};
    struct err err = {0};
    fixture_report(tx_run(fixture.app, NULL, end_body, &ending, NULL, &err), &err, "end");
    session_ended(here, s.session.id);
    must(!finds(here, s.cookie) && finds(here, stays.cookie));
    poll(there); /* a second later, on the other process */
    must(!finds(there, s.cookie) && finds(there, stays.cookie));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE end_reason='logout'") == 1);
    end();
}

ON_TASK(test_too_many_sessions_end_the_oldest)
{
    (void)arg;
    begin();
    fixture.conf->session_per_user = 3;
    struct starting other = start(here, OTHER), s[5];
    poll(here);
    for (int i = 0; i < 5; i++) {
        s[i] = start(here, USER);
        pass(1);
    }
    poll(here);
    for (int i = 0; i < 5; i++)
        must(finds(here, s[i].cookie) == (i >= 2));
    must(finds(here, other.cookie));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE end_reason='limit'") == 2);
    end();
}

ON_TASK(test_disabled_since_the_password_was_checked)
{
    (void)arg;
    begin();
    exec("UPDATE app_user SET disabled_at=NOW(6) WHERE id=7");
    static const int64_t USERS[] = {USER, 99};
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        struct starting s = {.sessions = here, .user = USERS[i], .agent = STR("browser")};
        must(tx_run(fixture.app, NULL, start_body, &s, NULL, &err) == -ERR_LOGIN_FAILED);
    }
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session") == 0);
    end();
}

ON_TASK(test_any_agent_fits)
{
    (void)arg;
    begin();
    char wide[4000];
    memset(wide, 'w', sizeof wide);
    for (size_t i = 0; i + 3 <= sizeof wide / 2; i += 3)
        memcpy(wide + i, "浏", 3);
    const struct str agents[] = {STR(""), {wide, sizeof wide}, STR("\xff\xfe\r\n"), STR("a\0b"), {wide, 766}};
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++) {
        struct err err = {0};
        struct starting s = {.sessions = here, .user = USER, .agent = agents[i]};
        fixture_report(tx_run(fixture.app, NULL, start_body, &s, NULL, &err), &err, "agent");
    }
    must(fixture_number(fixture.app, "SELECT MAX(CHAR_LENGTH(agent)) FROM session") == 255);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE agent=REPEAT(CHAR(63),4)") == 1);
    end();
}

ON_TASK(test_the_sweep_ends_what_nobody_asks_for)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    poll(here);
    pass(31);
    poll(here); /* the database may be a minute behind: not yet */
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE ended_at IS NULL") == 1);
    pass(2);
    poll(here);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM session WHERE end_reason='idle'") == 1);
    must(!finds(here, s.cookie));
    end();
}

/* More sessions than are kept in memory: the oldest leave it and come back from the database. */
ON_TASK(test_the_cache_is_bounded)
{
    (void)arg;
    begin();
    struct starting first = start(here, USER);
    poll(here);
    struct session session = first.session;
    for (int i = 0; i < SESSIONS_CACHED_MAX; i++) {
        unsigned char token[SESSION_TOKEN_BYTES] = {(unsigned char)i, (unsigned char)(i >> 8), 1};
        struct arena *arena = arena_new();
        session.id++;
        session_started(here, &session, crypto_base64url(arena, token, sizeof token));
        arena_free(arena);
    }
    must(map_count(here->by_hash) == SESSIONS_CACHED_MAX && map_count(here->by_id) == SESSIONS_CACHED_MAX);
    uint64_t before = statements();
    must(finds(here, first.cookie) && statements() == before + 1);
    end();
}

/* ---- several at once ---- */

#define FINDERS 50

struct finding {
    struct str cookie;
    bool asked; /* the find has begun */
    unsigned good, running;
    struct task *boss;
};

static void find_one(void *arg)
{
    struct finding *finding = arg;
    finding->asked = true;
    finding->good += finds(there, finding->cookie);
    finding->running--;
    task_wake(finding->boss);
}

ON_TASK(test_many_requests_of_one_session_at_once)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    poll(there);
    struct finding finding = {.cookie = s.cookie, .running = FINDERS, .boss = task_self()};
    for (int i = 0; i < FINDERS; i++)
        (void)task_spawn("find", find_one, &finding);
    while (finding.running)
        task_park_firmly();
    must(finding.good == FINDERS && map_count(there->by_hash) == 1 && map_count(there->by_id) == 1);
    end();
}

/* It ends while its row is being read: the request that was under way may pass, but it must not be kept. */
ON_TASK(test_an_end_during_the_read)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    poll(there);
    /* The answer may come in the very turn of its question; then there was no "during", and it is asked anew.
     */
    bool during = false;
    for (int i = 0; i < 1000 && !during; i++) {
        struct finding finding = {.cookie = s.cookie, .running = 1, .boss = task_self()};
        session_ended(there, s.session.id); /* forgets what an earlier try has kept */
        (void)task_spawn("find", find_one, &finding);
        while (finding.running) {
            struct err err = {0};
            during = during || finding.asked;
            session_ended(there, s.session.id);
            must(task_sleep(0, &err) == 0);
        }
        must(finding.good == 1 && (!during || map_count(there->by_hash) == 0));
    }
    must(during);
    end();
}

/* Each wait of a find and of a poll fails once: an error and no more; the next try is as if nothing had been.
 */
ON_TASK(test_torture)
{
    (void)arg;
    begin();
    struct starting s = start(here, USER);
    for (unsigned nth = 1;; nth++) {
        struct err err = {0};
        struct session session;
        struct sessions *fresh = sessions_new(fixture.app, fixture.conf, STR("server key"));
        task_fail_wait(nth);
        int r = session_find(fresh, s.cookie, &session, &err);
        if (r == 0)
            r = session_poll(fresh, &err);
        bool fired = task_fail_wait_fired();
        task_fail_wait(0);
        must(r == 0 || r == -ERR_TORTURE);
        must(finds(fresh, s.cookie));
        poll(fresh);
        sessions_free(fresh);
        if (!fired)
            break;
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_here_there_and_after_a_restart),
        cmocka_unit_test(test_two_sessions_are_strangers),
        cmocka_unit_test(test_no_other_cookie_is_let_in),
        cmocka_unit_test(test_the_cookie_is_stored_nowhere),
        cmocka_unit_test(test_the_cache_spares_the_database),
        cmocka_unit_test(test_idle_and_absolute_ends),
        cmocka_unit_test(test_use_on_another_process_counts),
        cmocka_unit_test(test_last_use_is_written_once_a_minute),
        cmocka_unit_test(test_log_out_ends_it_everywhere),
        cmocka_unit_test(test_too_many_sessions_end_the_oldest),
        cmocka_unit_test(test_disabled_since_the_password_was_checked),
        cmocka_unit_test(test_any_agent_fits),
        cmocka_unit_test(test_the_sweep_ends_what_nobody_asks_for),
        cmocka_unit_test(test_the_cache_is_bounded),
        cmocka_unit_test(test_many_requests_of_one_session_at_once),
        cmocka_unit_test(test_an_end_during_the_read),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
