/* The guard of the log-in on a real database, with the clock moved; and what a burst of guesses gets. */
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
#define HOME STR("192.0.2.1")
#define AWAY STR("198.51.100.7")

static struct sessions *sessions;
static int64_t offset_us;

static void pass_s(int64_t seconds)
{
    offset_us += seconds * 1000000;
    clock_set_offset(offset_us);
}

static struct sessions *new_process(void)
{
    return sessions_new(fixture.app, fixture.conf, STR("server key"));
}

static void begin(void)
{
    (void)fixture_query(fixture.app, "DELETE FROM login_guard", DB_NO_PARAMS);
    fixture.conf->login_max_failures = 5;
    fixture.conf->login_lock_minutes = 30;
    fixture.conf->login_per_address_per_minute = 120;
    sessions = new_process();
    pass_s(120);
}

static task_fn bool allowed(struct str login, struct str address)
{
    struct err err = {0};
    bool is = false;
    fixture_report(login_guard_check(sessions, login, address, &is, &err), &err, "check");
    return is;
}

struct outcome {
    struct str login, address;
    bool passed;
};

static task_fn int outcome_body(struct tx *tx, void *arg, struct err *err)
{
    struct outcome *outcome = arg;
    (void)err;
    if (outcome->passed)
        login_guard_passed(sessions, tx, outcome->login, outcome->address);
    else
        login_guard_failed(sessions, tx, outcome->login, outcome->address);
    return 0;
}

static task_fn void ends(struct str login, struct str address, bool passed)
{
    struct err err = {0};
    struct outcome outcome = {login, address, passed};
    fixture_report(tx_run(fixture.app, NULL, outcome_body, &outcome, NULL, &err), &err, "outcome");
}

/* One attempt from start to end; returns whether it was looked at. */
static task_fn bool fails(struct str login, struct str address)
{
    bool is = allowed(login, address);
    ends(login, address, false);
    return is;
}

#define ON_TASK(name)                                                                                        \
    static task_fn void name##_body(void *arg);                                                              \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        task_run(name##_body, NULL);                                                                         \
    }                                                                                                        \
    static task_fn void name##_body(void *arg)

ON_TASK(test_five_failures_lock_for_thirty_minutes)
{
    (void)arg;
    begin();
    for (int i = 0; i < 5; i++)
        must(fails(STR("clerk"), HOME));
    must(!allowed(STR("clerk"), HOME)); /* the sixth, whatever its password */
    must(allowed(STR("clerk"), AWAY));  /* nobody is locked out elsewhere */
    must(allowed(STR("clerk2"), HOME));
    sessions_free(sessions);
    sessions = new_process(); /* a restart */
    must(!allowed(STR("clerk"), HOME));
    pass_s(29 * 60);
    must(!allowed(STR("clerk"), HOME));
    pass_s(2 * 60);
    for (int i = 0; i < 5; i++)
        must(fails(STR("clerk"), HOME)); /* anew */
    must(!allowed(STR("clerk"), HOME));
    sessions_free(sessions);
}

ON_TASK(test_trying_on_does_not_prolong_the_lock)
{
    (void)arg;
    begin();
    for (int i = 0; i < 5; i++)
        must(fails(STR("clerk"), HOME));
    for (int i = 0; i < 30; i++) {
        pass_s(58);
        must(!fails(STR("clerk"), HOME));
    }
    pass_s(120);
    must(allowed(STR("clerk"), HOME));
    sessions_free(sessions);
}

ON_TASK(test_a_good_log_in_clears_its_own_count_only)
{
    (void)arg;
    begin();
    for (int i = 0; i < 4; i++) {
        must(fails(STR("clerk"), HOME));
        must(fails(STR("victim"), HOME));
    }
    must(allowed(STR("clerk"), HOME));
    ends(STR("clerk"), HOME, true);
    for (int i = 0; i < 4; i++)
        must(fails(STR("clerk"), HOME));
    must(allowed(STR("clerk"), HOME));
    must(fails(STR("victim"), HOME)); /* its fifth: another account's success has reset nothing */
    must(!allowed(STR("victim"), HOME));
    sessions_free(sessions);
}

ON_TASK(test_old_failures_are_forgotten)
{
    (void)arg;
    begin();
    for (int i = 0; i < 4; i++)
        must(fails(STR("clerk"), HOME));
    pass_s(31 * 60);
    for (int i = 0; i < 5; i++)
        must(fails(STR("clerk"), HOME));
    must(!allowed(STR("clerk"), HOME));
    sessions_free(sessions);
}

ON_TASK(test_the_table_tells_nothing)
{
    (void)arg;
    begin();
    must(fails(STR("clerk"), HOME));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM login_guard WHERE LENGTH(guard_key)=32") == 1);
    must(fixture_number(fixture.app,
             "SELECT COUNT(*) FROM login_guard WHERE LOCATE('clerk',guard_key) OR LOCATE('192',guard_key)") ==
         0);
    struct sessions *first = sessions;
    sessions = sessions_new(fixture.app, fixture.conf, STR("another key"));
    must(fails(STR("clerk"), HOME));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM login_guard") == 2);
    sessions_free(sessions);
    sessions_free(first);
}

ON_TASK(test_max_failures_of_one)
{
    (void)arg;
    begin();
    fixture.conf->login_max_failures = 1;
    must(fails(STR("clerk"), HOME));
    must(!allowed(STR("clerk"), HOME));
    pass_s(31 * 60);
    must(fails(STR("clerk"), HOME));
    must(!allowed(STR("clerk"), HOME));
    sessions_free(sessions);
}

ON_TASK(test_ipv6_counts_by_network)
{
    (void)arg;
    static const char *const SAME[] = {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:0DB8:0001:0002::3",
        "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"};
    begin();
    for (size_t i = 0; i < 5; i++)
        must(fails(STR("clerk"), str_of(SAME[i])));
    must(!allowed(STR("clerk"), STR("2001:db8:1:2:aaaa::1")));
    must(allowed(STR("clerk"), STR("2001:db8:1:3::1")));
    for (int i = 0; i < 5; i++)
        must(fails(STR("boss"), i % 2 ? STR("::ffff:192.0.2.1") : HOME));
    must(!allowed(STR("boss"), HOME) && !allowed(STR("boss"), STR("::ffff:192.0.2.1")));
    must(allowed(STR("boss"), STR("not an address")) && allowed(STR("boss"), STR("")));
    sessions_free(sessions);
}

/* ---- the rate of an address ---- */

ON_TASK(test_an_address_that_asks_too_often)
{
    (void)arg;
    begin();
    fixture.conf->login_per_address_per_minute = 20;
    struct err err = {0};
    bool is;
    char name[] = "user-00";
    for (int i = 0; i < 20; i++) {
        name[5] = (char)('0' + i / 10);
        name[6] = (char)('0' + i % 10);
        must(allowed(str_of(name), HOME));
    }
    must(login_guard_check(sessions, STR("one more"), HOME, &is, &err) == -ERR_TOO_MANY);
    must(err.retry_after_s >= 1 && err.retry_after_s <= 61);
    must(allowed(STR("one more"), AWAY));
    pass_s(120);
    must(allowed(STR("one more"), HOME));
    sessions_free(sessions);
}

/* Never more than the limit in any sixty seconds, whatever the moment at which they begin. */
ON_TASK(test_the_minute_slides)
{
    (void)arg;
    begin();
    fixture.conf->login_per_address_per_minute = 30;
    int64_t taken[400], n = 0;
    for (int i = 0; i < 400; i++) {
        struct err err = {0};
        bool is;
        pass_s(1);
        if (login_guard_check(sessions, STR("x"), HOME, &is, &err) == 0)
            taken[n++] = clock_monotonic_us();
    }
    must(n >= 400 / 60 * 30 * 8 / 10); /* and not much fewer */
    int64_t most = 0;
    for (int64_t i = 0, j = 0; i < n; i++) {
        while (taken[i] - taken[j] >= MINUTE_US)
            j++;
        most = i - j + 1 > most ? i - j + 1 : most;
    }
    must(most <= 30 * 3 / 2); /* the weighing is exact for an even flow only */
    sessions_free(sessions);
}

ON_TASK(test_memory_is_bounded)
{
    (void)arg;
    begin();
    struct err err = {0};
    bool is;
    for (int i = 0; i < GUARD_ADDRESSES_MAX + 500; i++) {
        char address[32];
        (void)snprintf(address, sizeof address, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        if (i < 300) {
            fixture_report(login_guard_check(sessions, STR("x"), str_of(address), &is, &err), &err, "check");
            continue;
        }
        fixture.conf->login_per_address_per_minute = 0; /* refused before the database is asked */
        must(login_guard_check(sessions, STR("x"), str_of(address), &is, &err) == -ERR_TOO_MANY);
        err_clear(&err);
    }
    must(map_count(sessions->addresses) == GUARD_ADDRESSES_MAX);
    must(map_count(sessions->attempts) == 300);
    sessions_free(sessions);
}

/* ---- a burst ---- */

/* Half of them are all asked before the first hash is through; the others come at any moment. */
#define BURST 100

struct burst {
    unsigned running, asked, looked_at, most_at_once, at_once;
    struct task_cond half_asked;
    struct task *boss;
};

static void guess(void *arg)
{
    struct burst *burst = arg;
    struct err err = {0};
    bool is = allowed(STR("clerk"), HOME);
    if (++burst->asked == BURST / 2)
        task_cond_wake_all(&burst->half_asked);
    if (is) {
        burst->looked_at++;
        burst->most_at_once = ++burst->at_once > burst->most_at_once ? burst->at_once : burst->most_at_once;
        while (burst->asked < BURST / 2) /* the hash takes its time */
            must(task_cond_wait(&burst->half_asked, 0, &err) == 0);
        burst->at_once--;
    }
    ends(STR("clerk"), HOME, false);
    burst->running--;
    task_wake(burst->boss);
}

ON_TASK(test_a_burst_gets_no_more_guesses)
{
    (void)arg;
    begin();
    struct burst burst = {.running = BURST, .boss = task_self()};
    task_cond_init(&burst.half_asked);
    for (int i = 0; i < BURST; i++)
        (void)task_spawn("guess", guess, &burst);
    while (burst.running)
        task_park_firmly();
    must(burst.looked_at == 5 && burst.most_at_once == 5);
    must(!allowed(STR("clerk"), HOME));
    sessions_free(sessions);
}

ON_TASK(test_abandoned_and_lost_attempts)
{
    (void)arg;
    begin();
    for (int i = 0; i < 40; i++) {
        must(allowed(STR("clerk"), HOME));
        login_guard_abandoned(sessions, STR("clerk"), HOME);
    }
    for (int i = 0; i < 5; i++)
        must(allowed(STR("clerk"), HOME)); /* five whose end is never told */
    must(!allowed(STR("clerk"), HOME));
    pass_s(31);
    must(allowed(STR("clerk"), HOME));
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM login_guard") == 0);
    sessions_free(sessions);
}

ON_TASK(test_the_sweep_clears_old_rows)
{
    (void)arg;
    begin();
    struct err err = {0};
    must(fails(STR("clerk"), HOME));
    fixture_report(session_poll(sessions, &err), &err, "poll");
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM login_guard") == 1);
    pass_s(61 * 60);
    fixture_report(session_poll(sessions, &err), &err, "poll");
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM login_guard") == 0);
    sessions_free(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_failures_lock_for_thirty_minutes),
        cmocka_unit_test(test_trying_on_does_not_prolong_the_lock),
        cmocka_unit_test(test_a_good_log_in_clears_its_own_count_only),
        cmocka_unit_test(test_old_failures_are_forgotten),
        cmocka_unit_test(test_the_table_tells_nothing),
        cmocka_unit_test(test_max_failures_of_one),
        cmocka_unit_test(test_ipv6_counts_by_network),
        cmocka_unit_test(test_an_address_that_asks_too_often),
        cmocka_unit_test(test_the_minute_slides),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_a_burst_gets_no_more_guesses),
        cmocka_unit_test(test_abandoned_and_lost_attempts),
        cmocka_unit_test(test_the_sweep_clears_old_rows),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
