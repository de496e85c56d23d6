/* Locks, conditions, the worker pool's lanes and loop timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "task_run.h"

#include <pthread.h>
#include <string.h>

static int set_up(void **state)
{
    (void)state;
    loop_init();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_done();
    return 0;
}

/* ---- locks ---- */

#define QUEUE 50

struct lock_case {
    struct task_lock lock;
    unsigned inside, most_inside, n_done;
    unsigned order[QUEUE];
};

struct lock_user {
    struct lock_case *of;
    unsigned number;
};

static void use_lock(void *arg)
{
    struct lock_user *user = arg;
    struct lock_case *c = user->of;
    struct err err = {0};

    must(task_lock_take(&c->lock, 0, &err) == 0);
    c->inside++;
    if (c->inside > c->most_inside) {
        c->most_inside = c->inside;
    }
    must(task_sleep(user->number % 2, &err) == 0); /* hold it over a wait */
    c->inside--;
    c->order[c->n_done++] = user->number;
    task_lock_give(&c->lock);
    must(c->lock.holder != task_self()); /* handed on, not to be snatched back */
}

static void test_lock_is_first_come_first_served(void **state)
{
    struct lock_case c = {0};
    struct lock_user users[QUEUE];
    (void)state;

    task_lock_init(&c.lock);
    for (unsigned i = 0; i < QUEUE; i++) {
        users[i] = (struct lock_user){&c, i};
        (void)task_spawn("user", use_lock, &users[i]);
    }
    loop_run();
    assert_int_equal(c.n_done, QUEUE);
    assert_int_equal(c.most_inside, 1);
    for (unsigned i = 0; i < QUEUE; i++) {
        assert_int_equal(c.order[i], i);
    }
    assert_null(c.lock.holder);
}

struct time_out_case {
    struct task_lock lock;
    int first, second;
    struct err err;
};

static void wait_10_ms(void *arg)
{
    struct time_out_case *c = arg;
    struct err err = {0};

    c->first = task_lock_take(&c->lock, 10, &c->err);
    c->second = task_lock_take(&c->lock, 0, &err);
    if (c->second == 0) {
        task_lock_give(&c->lock);
    }
}

static void hold_40_ms(void *arg)
{
    struct time_out_case *c = arg;
    struct err err = {0};

    must(task_lock_take(&c->lock, 0, &err) == 0);
    (void)task_spawn("waiter", wait_10_ms, c);
    must(task_sleep(40, &err) == 0);
    task_lock_give(&c->lock);
}

static void test_lock_times_out_and_is_got_later(void **state)
{
    struct time_out_case c = {.first = 1, .second = 1};
    (void)state;

    task_lock_init(&c.lock);
    (void)task_spawn("holder", hold_40_ms, &c);
    loop_run();
    assert_int_equal(c.first, -ERR_TIMEOUT);
    assert_int_equal(c.err.code, ERR_TIMEOUT);
    assert_int_equal(c.second, 0);
    assert_null(c.lock.holder);
}

/* A waiter that is cancelled in the same turn in which the lock is handed to it keeps the lock. */
struct race_case {
    struct task_lock lock;
    struct task *waiter;
    int result;
    bool owned;
};

static void race_waiter(void *arg)
{
    struct race_case *c = arg;
    struct err err = {0};

    c->result = task_lock_take(&c->lock, 0, &err);
    c->owned = c->lock.holder == task_self();
    if (c->result == 0) {
        task_lock_give(&c->lock);
    }
}

static void race_holder(void *arg)
{
    struct race_case *c = arg;
    struct err err = {0};

    must(task_lock_take(&c->lock, 0, &err) == 0);
    c->waiter = task_spawn("waiter", race_waiter, c);
    must(task_sleep(0, &err) == 0);
    task_cancel(c->waiter);
    task_lock_give(&c->lock);
}

static void test_lock_handed_over_while_cancelled(void **state)
{
    struct race_case c = {.result = 1};
    (void)state;

    task_lock_init(&c.lock);
    (void)task_spawn("holder", race_holder, &c);
    loop_run();
    assert_int_equal(c.owned, c.result == 0);
    assert_null(c.lock.holder);
    assert_true(list_is_empty(&c.lock.waiters));
}

/* ---- conditions ---- */

struct cond_case {
    struct task_cond cond;
    char order[8];
    size_t n;
    int timed_out;
};

struct cond_user {
    struct cond_case *of;
    char name;
};

static void cond_waiter(void *arg)
{
    struct cond_user *user = arg;
    struct err err = {0};

    task_wake(task_self()); /* an early wake is not the condition */
    must(task_cond_wait(&user->of->cond, 0, &err) == 0);
    user->of->order[user->of->n++] = user->name;
}

static void cond_waker(void *arg)
{
    struct cond_case *c = arg;
    struct err err = {0};

    must(task_sleep(1, &err) == 0);
    must(c->n == 0);
    must(task_cond_wake_one(&c->cond));
    must(task_sleep(0, &err) == 0);
    must(c->n == 1);
    task_cond_wake_all(&c->cond);
    must(task_sleep(0, &err) == 0);
    must(c->n == 3 && !task_cond_wake_one(&c->cond));
    c->timed_out = task_cond_wait(&c->cond, 5, &err);
    must(list_is_empty(&c->cond.waiters));
}

static void test_cond_wakes_in_order(void **state)
{
    struct cond_case c = {0};
    struct cond_user users[3] = {{&c, 'a'}, {&c, 'b'}, {&c, 'c'}};
    (void)state;

    task_cond_init(&c.cond);
    for (int i = 0; i < 3; i++) {
        (void)task_spawn("waiter", cond_waiter, &users[i]);
    }
    (void)task_spawn("waker", cond_waker, &c);
    loop_run();
    assert_string_equal(c.order, "abc");
    assert_int_equal(c.timed_out, -ERR_TIMEOUT);
}

/* ---- worker pool ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct {
    unsigned running, most, done;
} threads;

static void on_thread(void *arg)
{
    pthread_t *loop_thread = arg;

    must(!pthread_equal(*loop_thread, pthread_self()));
    (void)pthread_mutex_lock(&gate);
    threads.running++;
    if (threads.running > threads.most) {
        threads.most = threads.running;
    }
    (void)pthread_mutex_unlock(&gate);
    for (volatile unsigned i = 0; i < 2000000; i++) {
    }
    (void)pthread_mutex_lock(&gate);
    threads.running--;
    threads.done++;
    (void)pthread_mutex_unlock(&gate);
}

struct lane_case {
    struct work_lane lane;
    pthread_t thread;
    unsigned ok, too_many, cancelled;
};

static void lane_user(void *arg)
{
    struct lane_case *c = arg;
    struct err err = {0};
    const int status = work_run(&c->lane, on_thread, &c->thread, &err);

    c->ok += status == 0;
    c->too_many += status == -ERR_TOO_MANY;
    c->cancelled += status == -ERR_CANCELLED;
    must(status != -ERR_TOO_MANY || err.retry_after_s > 0);
}

static void test_lane_bounds_running_and_waiting(void **state)
{
    struct lane_case c = {.lane = WORK_LANE("test", 2, 3, 60000), .thread = pthread_self()};
    struct task *last = NULL;
    (void)state;

    memset(&threads, 0, sizeof threads);
    for (int i = 0; i < 8; i++) {
        struct task *task = task_spawn("user", lane_user, &c);

        last = i == 4 ? task : last; /* the last that finds a place in the queue */
    }
    while (c.too_many < 3) {
        (void)uv_run(loop_uv(), UV_RUN_ONCE);
    }
    assert_int_equal(c.lane.waiting, 3);
    task_cancel(last);
    loop_run();
    assert_int_equal(c.ok, 4);
    assert_int_equal(c.too_many, 3);
    assert_int_equal(c.cancelled, 1);
    assert_int_equal(threads.done, 4);
    assert_true(threads.most <= 2);
    assert_int_equal(c.lane.running, 0);
    assert_int_equal(c.lane.waiting, 0);
}

static void test_lane_gives_up_waiting(void **state)
{
    struct lane_case c = {.lane = WORK_LANE("test", 1, 10, 1), .thread = pthread_self()};
    (void)state;

    for (int i = 0; i < 6; i++) {
        (void)task_spawn("user", lane_user, &c);
    }
    loop_run();
    assert_int_equal(c.ok + c.too_many, 6);
    assert_true(c.ok >= 1 && c.too_many >= 1);
    assert_int_equal(c.lane.running, 0);
    assert_int_equal(c.lane.waiting, 0);
}

struct firm_case {
    pthread_t thread;
    struct task *task;
    int result, after;
};

static void firm_user(void *arg)
{
    struct firm_case *c = arg;
    struct err err = {0};

    c->result = work_run(NULL, on_thread, &c->thread, &err);
    c->after = work_run(NULL, on_thread, &c->thread, &err);
}

static void cancel_other(void *arg)
{
    task_cancel(arg);
}

static void test_running_work_is_waited_out(void **state)
{
    struct firm_case c = {.thread = pthread_self(), .result = 1, .after = 1};
    (void)state;

    memset(&threads, 0, sizeof threads);
    c.task = task_spawn("user", firm_user, &c);
    (void)task_spawn("canceller", cancel_other, c.task);
    loop_run();
    assert_int_equal(c.result, 0);
    assert_int_equal(c.after, -ERR_CANCELLED); /* and the next is not begun */
    assert_int_equal(threads.done, 1);
}

/* ---- timers ---- */

struct timer_case {
    struct loop_timer timer;
    unsigned fired;
    bool closed;
};

static void on_closed(void *arg)
{
    ((struct timer_case *)arg)->closed = true;
}

static void on_fire(void *arg)
{
    struct timer_case *c = arg;

    if (++c->fired == 3) {
        loop_timer_close(&c->timer, on_closed);
    }
}

static void test_timer_repeats_stops_closes(void **state)
{
    struct timer_case c = {0}, never_opened = {0};
    (void)state;

    loop_timer_start(&c.timer, 1, 1, on_fire, &c);
    loop_run();
    assert_int_equal(c.fired, 3);
    assert_true(c.closed);

    loop_timer_start(&c.timer, 60000, 0, on_fire, &c); /* may be used again after closing */
    loop_timer_stop(&c.timer);
    loop_run();
    assert_int_equal(c.fired, 3);
    c.closed = false;
    loop_timer_close(&c.timer, on_closed);
    loop_run();
    assert_true(c.closed);

    never_opened.timer.arg = &never_opened;
    loop_timer_stop(&never_opened.timer);
    loop_timer_close(&never_opened.timer, on_closed);
    assert_true(never_opened.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lock_is_first_come_first_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock_times_out_and_is_got_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock_handed_over_while_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cond_wakes_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lane_bounds_running_and_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lane_gives_up_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_running_work_is_waited_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timer_repeats_stops_closes, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("loop/wait", tests, NULL, NULL);
}
