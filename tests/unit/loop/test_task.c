/* Tasks: many of them, parking, waking, cancelling, the torture, stacks and what a switch costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "task_run.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_up(void **state)
{
    (void)state;
    loop_init();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_done(); /* asserts that no task and no handle is left */
    return 0;
}

/* ---- many ---- */

#define MANY 5000

struct many {
    unsigned ended, turns;
    uint64_t alive_seen;
};

static void one_of_many(void *arg)
{
    struct many *many = arg;
    struct err err = {0};
    struct str text = arena_printf(task_arena(), "%llu", (unsigned long long)task_number(task_self()));
    char keep[64];

    (void)snprintf(keep, sizeof keep, "%.*s", STR_ARGS(text));
    if (task_stats_now().alive > many->alive_seen) {
        many->alive_seen = task_stats_now().alive;
    }
    for (int i = 0; i < 5; i++) {
        must(task_sleep((uint64_t)(i % 3), &err) == 0);
        many->turns++;
        must(str_eq(text, str_of(keep))); /* stack and arena are our own */
    }
    many->ended++;
}

static void test_thousands(void **state)
{
    struct many many = {0};
    (void)state;

    for (int round = 0; round < 2; round++) { /* the second round runs on pooled stacks */
        for (int i = 0; i < MANY; i++) {
            (void)task_spawn("many", one_of_many, &many);
        }
        loop_run();
    }
    assert_int_equal(many.ended, 2 * MANY);
    assert_int_equal(many.turns, 2 * MANY * 5);
    assert_int_equal(many.alive_seen, MANY);
    assert_int_equal(task_stats_now().alive, 0);
    assert_true(task_stats_now().stacks_pooled > 0);
    assert_true(task_stats_now().stacks_pooled <= 256);
    assert_true(task_stats_now().switches >= 2 * MANY * 6);
}

/* ---- order ---- */

struct order {
    char text[32];
    size_t n;
};

static struct order order;

static void note(char c)
{
    must(order.n + 1 < sizeof order.text);
    order.text[order.n++] = c;
}

static void yielder(void *arg)
{
    struct err err = {0};

    for (int i = 0; i < 3; i++) {
        note(*(const char *)arg);
        must(task_sleep(0, &err) == 0);
    }
}

static void test_spawn_starts_in_the_next_turn_and_in_order(void **state)
{
    static char names[] = "abc";
    (void)state;

    memset(&order, 0, sizeof order);
    for (int i = 0; i < 3; i++) {
        (void)task_spawn("yielder", yielder, &names[i]);
    }
    assert_int_equal(order.n, 0);
    assert_null(task_self());
    loop_run();
    assert_string_equal(order.text, "abcabcabc");
}

/* ---- early wake, time-out, sleep ---- */

struct parker {
    struct task *task;
    int results[4];
    struct err err;
    bool in_second;
};

static void early_woken(void *arg)
{
    struct parker *p = arg;
    struct err err = {0};

    task_wake(task_self()); /* before the park: kept */
    task_wake(task_self()); /* kept once, not counted */
    p->results[0] = task_park(0, &err);
    p->results[1] = task_park(20, &p->err);
}

static void test_early_wake_is_kept_once(void **state)
{
    struct parker p = {.results = {1, 1}};
    (void)state;

    task_run(early_woken, &p);
    assert_int_equal(p.results[0], 0);
    assert_int_equal(p.results[1], -ERR_TIMEOUT);
    assert_int_equal(p.err.code, ERR_TIMEOUT);
}

static void just_park(void *arg)
{
    struct parker *p = arg;

    p->results[0] = task_park(0, &p->err);
    p->in_second = true;
    p->results[1] = task_park(30, &p->err);
}

static void test_wake_before_the_first_run_is_kept(void **state)
{
    struct parker p = {.results = {1, 1}};
    (void)state;

    p.task = task_spawn("parker", just_park, &p);
    task_wake(p.task);
    loop_run();
    assert_int_equal(p.results[0], 0);
    assert_int_equal(p.results[1], -ERR_TIMEOUT);
}

static void wake_thrice(void *arg)
{
    struct parker *p = arg;

    must(!p->in_second);
    task_wake(p->task);
    task_wake(p->task); /* it has not run since: the same wake */
    task_wake(p->task);
}

static void test_wakes_of_one_turn_are_one(void **state)
{
    struct parker p = {.results = {1, 1}};
    (void)state;

    p.task = task_spawn("parker", just_park, &p);
    (void)task_spawn("waker", wake_thrice, &p);
    loop_run();
    assert_int_equal(p.results[0], 0);
    assert_int_equal(p.results[1], -ERR_TIMEOUT);
}

static void sleeper(void *arg)
{
    int64_t *us = arg;
    struct err err = {0};
    const int64_t begin = clock_monotonic_us();

    task_wake(task_self()); /* must not shorten it */
    must(task_sleep(30, &err) == 0);
    *us = clock_monotonic_us() - begin;
}

static void test_sleep_is_not_shortened(void **state)
{
    int64_t us = 0;
    (void)state;

    task_run(sleeper, &us);
    assert_true(us >= 30000);
}

static void cancelled_sleeper(void *arg)
{
    struct parker *p = arg;

    p->results[0] = task_sleep(60000, &p->err);
}

static void wake_then_cancel(void *arg)
{
    struct parker *p = arg;
    struct err err = {0};

    must(task_sleep(1, &err) == 0);
    task_wake(p->task); /* not what it waits for */
    must(task_sleep(1, &err) == 0);
    task_cancel(p->task);
}

static void test_woken_sleeper_still_hears_cancellation(void **state)
{
    struct parker p = {.results = {1}};
    (void)state;

    p.task = task_spawn("sleeper", cancelled_sleeper, &p);
    (void)task_spawn("canceller", wake_then_cancel, &p);
    loop_run();
    assert_int_equal(p.results[0], -ERR_CANCELLED);
    assert_int_equal(p.err.code, ERR_CANCELLED);
}

/* ---- cancelling ---- */

struct victim {
    struct task *task;
    struct task_lock lock;
    struct task_cond cond;
    int which;
    int result, second;
    struct err err, second_err;
    bool firm_ended, cancelled_seen;
};

static void be_cancelled(void *arg)
{
    struct victim *v = arg;

    switch (v->which) {
    case 0:
        v->result = task_park(0, &v->err);
        break;
    case 1:
        v->result = task_park(60000, &v->err);
        break;
    case 2:
        v->result = task_sleep(60000, &v->err);
        break;
    case 3:
        v->result = task_lock_take(&v->lock, 0, &v->err);
        break;
    case 4:
        v->result = task_cond_wait(&v->cond, 60000, &v->err);
        break;
    case 5:
        v->result = task_sleep(0, &v->err) == 0 ? task_checkpoint(&v->err) : 1;
        break;
    default:
        task_park_firmly();
        v->firm_ended = true;
        v->result = task_park(0, &v->err);
        break;
    }
    v->cancelled_seen = task_is_cancelled();
    v->second = task_sleep(1, &v->second_err); /* cancelled is cancelled: each later wait says so */
}

static void holder(void *arg)
{
    struct victim *v = arg;
    struct err err = {0};

    must(task_lock_take(&v->lock, 0, &err) == 0);
    v->task = task_spawn("victim", be_cancelled, v);
    must(task_sleep(0, &err) == 0); /* now the victim waits */
    task_cancel(v->task);
    task_cancel(v->task);
    if (v->which == 6) {
        must(task_sleep(0, &err) == 0);
        must(!v->firm_ended); /* a firm wait does not hear it */
        task_wake(v->task);
    }
    must(task_sleep(5, &err) == 0);
    task_lock_give(&v->lock);
    must(v->lock.holder == NULL);
}

static void test_cancel_at_each_wait(void **state)
{
    (void)state;
    for (int which = 0; which <= 6; which++) {
        struct victim v = {.which = which, .result = 1, .second = 1};

        task_lock_init(&v.lock);
        task_cond_init(&v.cond);
        (void)task_spawn("holder", holder, &v);
        loop_run();
        assert_int_equal(v.result, -ERR_CANCELLED);
        assert_int_equal(v.err.code, ERR_CANCELLED);
        assert_int_equal(v.second, -ERR_CANCELLED);
        assert_int_equal(v.second_err.code, ERR_CANCELLED);
        assert_true(v.cancelled_seen);
        assert_int_equal(v.firm_ended, which == 6);
    }
}

static void cancel_then_wake(void *arg)
{
    struct victim *v = arg;

    task_cancel(v->task);
    task_wake(v->task); /* in the same turn: the event came, the next wait hears the cancellation */
}

static void test_event_beats_cancel_of_the_same_turn(void **state)
{
    struct victim v = {.which = 0, .result = 1, .second = 1};
    (void)state;

    v.task = task_spawn("victim", be_cancelled, &v);
    (void)task_spawn("canceller", cancel_then_wake, &v);
    loop_run();
    assert_int_equal(v.result, 0);
    assert_int_equal(v.second, -ERR_CANCELLED);
}

static void firm_waiter(void *arg)
{
    bool *ret = arg;

    task_cancel(task_self());
    *ret = task_park_firmly_for(20);
}

static void test_firm_wait_with_a_limit(void **state)
{
    bool woken = true;
    (void)state;

    task_run(firm_waiter, &woken);
    assert_false(woken);
}

/* ---- torture ---- */

struct route {
    unsigned fail_at, reached, waits;
    bool fired;
    int result;
    struct err err;
};

static int three_waits(struct route *r)
{
    struct err *err = &r->err;
    int status;

    if ((status = task_sleep(0, err)) != 0) {
        return status;
    }
    r->reached = 1;
    if ((status = task_sleep(1, err)) != 0) {
        return status;
    }
    r->reached = 2;
    task_wake(task_self());
    if ((status = task_park(0, err)) != 0) {
        return status;
    }
    r->reached = 3;
    return 0;
}

static void tortured(void *arg)
{
    struct route *r = arg;

    task_fail_wait(r->fail_at);
    r->result = three_waits(r);
    r->fired = task_fail_wait_fired();
    r->waits = task_waits();
}

static void test_torture_fails_each_wait_once(void **state)
{
    unsigned n;
    (void)state;

    for (n = 1; n < 10; n++) {
        struct route r = {.fail_at = n};

        task_run(tortured, &r);
        if (!r.fired) {
            assert_int_equal(r.result, 0);
            assert_int_equal(r.reached, 3);
            break;
        }
        assert_int_equal(r.result, -ERR_TORTURE);
        assert_int_equal(r.err.code, ERR_TORTURE);
        assert_int_equal(r.reached, n - 1);
        assert_int_equal(r.waits, n);
    }
    assert_int_equal(n, 4);
}

/* ---- stacks ---- */

static __attribute__((noinline)) unsigned dig(unsigned depth, const volatile char *above)
{
    volatile char page[4096];

    page[0] = (char)depth;
    page[sizeof page - 1] = above[0];
    return depth == 0 ? (unsigned)page[0] : dig(depth - 1, page) + (unsigned)(page[0] != 0);
}

static void digger(void *arg)
{
    const volatile char top[1] = {0};

    *(unsigned *)arg = dig(40, top); /* 160 KiB of 256 */
}

static void test_deep_stack_and_its_mark(void **state)
{
    unsigned depth = 0;
    (void)state;

    task_run(digger, &depth);
    assert_int_equal(depth, 40);
    assert_true(task_stats_now().stack_high_water_bytes >= 40 * 4096);
    assert_true(task_stats_now().stack_high_water_bytes <= (size_t)1 << 20);
}

static void overflow(void *arg)
{
    const volatile char top[1] = {0};

    *(unsigned *)arg = dig(4000, top); /* 16 MB */
}

static void test_overflow_hits_the_guard_page(void **state)
{
    pid_t pid;
    int status;
    (void)state;

    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        unsigned depth = 0;
        const struct rlimit no_core = {0};

        (void)setrlimit(RLIMIT_CORE, &no_core);
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(0);
        }
        task_run(overflow, &depth);
        _exit(0); /* it ran on into foreign memory */
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0));
}

static bool count_task(struct task *task, void *arg)
{
    assert_string_equal(task_name(task), "parker");
    ++*(unsigned *)arg;
    return true;
}

static void test_each_sees_the_living(void **state)
{
    struct parker p[3] = {0};
    unsigned n = 0;
    (void)state;

    for (int i = 0; i < 3; i++) {
        p[i].task = task_spawn("parker", just_park, &p[i]);
    }
    assert_true(task_each(count_task, &n));
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        task_wake(p[i].task);
    }
    loop_run();
}

/* ---- what a switch costs ---- */

#define SWITCHES 200000

static void pinger(void *arg)
{
    int64_t *ns = arg;
    struct err err = {0};
    const int64_t begin_us = clock_monotonic_us();

    for (int i = 0; i < SWITCHES; i++) {
        task_wake(task_self());
        must(task_park(0, &err) == 0); /* no switch: the kept wake */
    }
    ns[0] = (clock_monotonic_us() - begin_us) * 1000 / SWITCHES;
}

static void turner(void *arg)
{
    const int *n = arg;
    struct err err = {0};

    for (int i = 0; i < *n; i++) {
        must(task_sleep(0, &err) == 0);
    }
}

static void test_price_of_a_switch(void **state)
{
    int64_t ns = 0, begin_us;
    int turns = SWITCHES / 100;
    (void)state;

    task_run(pinger, &ns);
    begin_us = clock_monotonic_us();
    for (int i = 0; i < 100; i++) {
        (void)task_spawn("turner", turner, &turns);
    }
    loop_run();
    print_message("park with a kept wake %lld ns; away and back through the scheduler %lld ns\n",
        (long long)ns, (long long)((clock_monotonic_us() - begin_us) * 1000 / SWITCHES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_thousands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spawn_starts_in_the_next_turn_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_early_wake_is_kept_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wake_before_the_first_run_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wakes_of_one_turn_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sleep_is_not_shortened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_woken_sleeper_still_hears_cancellation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_at_each_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_event_beats_cancel_of_the_same_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_firm_wait_with_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torture_fails_each_wait_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deep_stack_and_its_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overflow_hits_the_guard_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_sees_the_living, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_price_of_a_switch, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("loop/task", tests, NULL, NULL);
}
