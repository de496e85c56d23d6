/* Checking passwords on the worker pool: who is let in, that all cost the same, that the queue has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/session_int.h"
#include "base/clock.h"
#include "base/must.h"
#include "schema_fixture.h"

#include <stdlib.h>
#include <string.h>

#define PASSWORD STR("correct horse 电池")

static struct sessions *sessions;

#define ON_TASK(name)                                                                                        \
    static task_fn void name##_body(void *arg);                                                              \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        task_run(name##_body, NULL);                                                                         \
    }                                                                                                        \
    static task_fn void name##_body(void *arg)

static void begin(void)
{
    fixture.conf->login_argon2_passes = 2;
    sessions = sessions_new(fixture.app, fixture.conf, STR("server key"));
    sessions_set_pepper(sessions, STR("pepper"));
}

static task_fn struct str hash(struct str password)
{
    struct err err = {0};
    struct str stored = STR_NULL;
    fixture_report(password_hash(sessions, password, &stored, &err), &err, "hash");
    return stored;
}

static task_fn void make_people(void)
{
    static const char SQL[] =
        "INSERT INTO app_user (id,login,login_key,name,password,disabled_at,created_at) "
        "VALUES (?,?,?,?,?,?,NOW(6))";
    struct str stored = hash(PASSWORD);
    (void)fixture_query(fixture.app, "DELETE FROM app_user", DB_NO_PARAMS);
    struct db_val day = DB_S(STR("2026-01-01 00:00:00"));
    (void)fixture_query(fixture.app, SQL,
        DB_PARAMS(DB_I(1), DB_S(STR("a")), DB_S(STR("active")), DB_S(STR("A")), DB_S(stored), DB_N));
    (void)fixture_query(fixture.app, SQL,
        DB_PARAMS(DB_I(2), DB_S(STR("d")), DB_S(STR("disabled")), DB_S(STR("D")), DB_S(stored), day));
    (void)fixture_query(
        fixture.app, SQL, DB_PARAMS(DB_I(3), DB_S(STR("n")), DB_S(STR("none")), DB_S(STR("N")), DB_N, DB_N));
    (void)fixture_query(fixture.app, SQL,
        DB_PARAMS(
            DB_I(4), DB_S(STR("x")), DB_S(STR("broken")), DB_S(STR("X")), DB_S(STR("plain text")), DB_N));
}

static task_fn int64_t check(struct str login_key, struct str password, bool *ret_weak)
{
    struct err err = {0};
    struct password_checked checked = {.user_id = 99};
    fixture_report(password_check(sessions, login_key, password, &checked, &err), &err, "check");
    *ret_weak = checked.weak;
    return checked.user_id;
}

ON_TASK(test_who_is_let_in)
{
    bool weak = true;
    (void)arg;
    begin();
    make_people();
    must(check(STR("active"), PASSWORD, &weak) == 1 && !weak);
    must(check(STR("active"), STR("correct horse 电池 "), &weak) == 0);
    must(check(STR("active"), STR("correct horse 电"), &weak) == 0);
    must(check(STR("active"), STR("Correct horse 电池"), &weak) == 0);
    must(check(STR("active"), STR("plain text"), &weak) == 0);
    must(check(STR("ACTIVE"), PASSWORD, &weak) == 0); /* the caller folds */
    must(check(STR("active "), PASSWORD, &weak) == 0);
    must(check(STR("disabled"), PASSWORD, &weak) == 0);
    must(check(STR("none"), PASSWORD, &weak) == 0);
    must(check(STR("none"), STR("x"), &weak) == 0);
    must(check(STR("broken"), STR("plain text"), &weak) == 0);
    must(check(STR("nobody"), PASSWORD, &weak) == 0 && !weak);
    must(check(STR(""), PASSWORD, &weak) == 0);
    must(check(STR("' OR 1=1 -- "), PASSWORD, &weak) == 0);
    sessions_free(sessions);
}

ON_TASK(test_a_first_password_past_its_time_lets_nobody_in)
{
    static const char SQL_UNTIL[] = "UPDATE app_user SET password_until=NOW(6)+INTERVAL ? SECOND WHERE id=1";
    bool weak;
    (void)arg;
    begin();
    make_people();
    (void)fixture_query(fixture.app, SQL_UNTIL, DB_PARAMS(DB_I(3600)));
    must(check(STR("active"), PASSWORD, &weak) == 1);
    (void)fixture_query(fixture.app, SQL_UNTIL, DB_PARAMS(DB_I(-1)));
    must(check(STR("active"), PASSWORD, &weak) == 0);
    sessions_free(sessions);
}

ON_TASK(test_lengths)
{
    static char text[PASSWORD_BYTES_MAX + 1];
    bool weak;
    (void)arg;
    begin();
    make_people();
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    static const size_t GOOD[] = {1, 73, 255, 256, PASSWORD_BYTES_MAX};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct str password = {text, GOOD[i]};
        (void)fixture_query(
            fixture.app, "UPDATE app_user SET password=? WHERE id=1", DB_PARAMS(DB_S(hash(password))));
        must(check(STR("active"), password, &weak) == 1);
        must(check(STR("active"), (struct str){text, GOOD[i] - 1}, &weak) == 0); /* every byte counts */
        must(check(STR("active"), (struct str){text, GOOD[i] + 1}, &weak) == 0);
    }
    static const size_t BAD[] = {0, PASSWORD_BYTES_MAX + 1};
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        struct str stored = STR("untouched");
        must(password_hash(sessions, (struct str){text, BAD[i]}, &stored, &err) == -ERR_INVALID);
        must(str_eq(stored, STR("untouched")));
        must(check(STR("active"), (struct str){text, BAD[i]}, &weak) == 0);
    }
    sessions_free(sessions);
}

ON_TASK(test_a_password_with_nul_bytes)
{
    bool weak;
    (void)arg;
    begin();
    make_people();
    (void)fixture_query(
        fixture.app, "UPDATE app_user SET password=? WHERE id=1", DB_PARAMS(DB_S(hash(STR("ab\0cd")))));
    must(check(STR("active"), STR("ab\0cd"), &weak) == 1);
    must(check(STR("active"), STR("ab"), &weak) == 0);
    must(check(STR("active"), STR("ab\0ce"), &weak) == 0);
    sessions_free(sessions);
}

ON_TASK(test_a_lower_cost_is_weak)
{
    bool weak = false;
    (void)arg;
    begin();
    make_people();
    fixture.conf->login_argon2_passes = 3;
    must(check(STR("active"), PASSWORD, &weak) == 1 && weak);
    must(check(STR("active"), STR("wrong"), &weak) == 0 && !weak);
    (void)fixture_query(
        fixture.app, "UPDATE app_user SET password=? WHERE id=1", DB_PARAMS(DB_S(hash(PASSWORD))));
    must(check(STR("active"), PASSWORD, &weak) == 1 && !weak);
    sessions_free(sessions);
}

ON_TASK(test_another_pepper_lets_nobody_in)
{
    bool weak;
    (void)arg;
    begin();
    make_people();
    sessions_set_pepper(sessions, STR("another"));
    must(check(STR("active"), PASSWORD, &weak) == 0);
    sessions_set_pepper(sessions, STR("pepper"));
    must(check(STR("active"), PASSWORD, &weak) == 1);
    sessions_free(sessions);
}

/* ---- the same work ---- */

#define ROUNDS 15

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t median(int64_t *times)
{
    qsort(times, ROUNDS, sizeof *times, by_size);
    return times[ROUNDS / 2];
}

/* Without the dummy hash an unknown account would take a hundredth of the time. */
ON_TASK(test_all_accounts_cost_the_same)
{
    static const char *const LOGINS[] = {"active", "nobody", "disabled", "none"};
    int64_t times[4][ROUNDS], known;
    bool weak;
    (void)arg;
    begin();
    make_people();
    (void)check(STR("nobody"), STR("warm up"), &weak);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < 4; k++) {
            int64_t began = clock_monotonic_us();
            must(check(str_of(LOGINS[k]), STR("wrong"), &weak) == 0);
            times[k][i] = clock_monotonic_us() - began;
        }
    }
    known = median(times[0]);
    for (int k = 1; k < 4; k++) {
        int64_t other = median(times[k]);
        print_message("%s: %lld us beside %lld us\n", LOGINS[k], (long long)other, (long long)known);
        must(other > known / 2 && other < known * 2);
    }
    sessions_free(sessions);
}

/* ---- the queue ---- */

struct flood {
    unsigned running, good, refused;
    struct task *boss;
};

static void log_in(void *arg)
{
    struct flood *flood = arg;
    struct err err = {0};
    struct password_checked checked;
    int r = password_check(sessions, STR("active"), PASSWORD, &checked, &err);
    must((r == 0 && checked.user_id == 1) || (r == -ERR_TOO_MANY && err.retry_after_s > 0));
    flood->good += r == 0;
    flood->refused += r != 0;
    flood->running--;
    task_wake(flood->boss);
}

/* 300 at once: two run, 64 wait, the rest are told to come again; the loop turns meanwhile. */
ON_TASK(test_a_flood_is_refused)
{
    bool weak;
    (void)arg;
    begin();
    make_people();
    (void)check(STR("nobody"), STR("warm up"), &weak);
    struct flood flood = {.running = 300, .boss = task_self()};
    for (int i = 0; i < 300; i++)
        (void)task_spawn("log in", log_in, &flood);
    while (flood.running)
        task_park_firmly();
    print_message("%u let in, %u refused\n", flood.good, flood.refused);
    must(flood.good >= 2 && flood.refused >= 300 - 66 - 64 && flood.good + flood.refused == 300);
    must(check(STR("active"), PASSWORD, &weak) == 1);
    sessions_free(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_let_in),
        cmocka_unit_test(test_a_first_password_past_its_time_lets_nobody_in),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_a_password_with_nul_bytes),
        cmocka_unit_test(test_a_lower_cost_is_weak),
        cmocka_unit_test(test_another_pepper_lets_nobody_in),
        cmocka_unit_test(test_all_accounts_cost_the_same),
        cmocka_unit_test(test_a_flood_is_refused),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
