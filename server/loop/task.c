/*
 * Tasks: their life, parking, waking, cancelling.
 *
 * A task is READY (in the list of those to run in the next turn), RUNNING (there is one at most), or PARKED.
 * An idle handle is active exactly while somebody is ready, so the loop does not sleep then; its callback
 * runs all who were ready when it began. Who becomes ready meanwhile runs in the next turn, after I/O has
 * been looked at: tasks that keep waking each other cannot starve the sockets.
 *
 * Task, stack, arena and timer are one thing and are pooled as one.
 */
#include "loop/task.h"

#include "base/must.h"
#include "loop/fiber.h"
#include "loop/task_int.h"

#include <stdlib.h>
#include <uv.h>

#define TASK_MAGIC 0x7461736bu
#define POOL_MAX 256 /* stacks kept for reuse; a burst beyond goes back to the system */

enum task_state { TASK_FREE, TASK_READY, TASK_RUNNING, TASK_PARKED };

struct task {
    unsigned magic;
    enum task_state state;
    struct list link;     /* of runtime.ready, or of the pool */
    struct list everyone; /* of runtime.alive */
    struct fiber fiber;
    struct arena *arena;
    uv_timer_t timer;

    uint64_t number;
    const char *name, *stage;
    task_main_fn *fn;
    void *arg;

    bool started, firm, woken, cancelled;
    int result; /* of the park that is ending */
    unsigned waits;
    unsigned fail_at; /* value of `waits` at which the torture strikes; 0: off */
    bool fail_fired;
};

static struct {
    uv_loop_t *loop;
    uv_idle_t idle;
    struct list ready, running_now, alive, pool;
    struct task *current;
    uint64_t last_number, n_alive, switches;
    size_t n_pooled, high_water_bytes;
} runtime;

static void run_ready(uv_idle_t *idle);

void task_runtime_open(uv_loop_t *loop)
{
    must(runtime.loop == NULL);
    runtime.loop = loop;
    list_init(&runtime.ready);
    list_init(&runtime.running_now);
    list_init(&runtime.alive);
    list_init(&runtime.pool);
    must(uv_idle_init(loop, &runtime.idle) == 0);
}

static void free_task(uv_handle_t *timer)
{
    struct task *task = timer->data;

    arena_free(task->arena);
    fiber_done(&task->fiber);
    free(task);
}

/* The stack's depth is read when the stack goes; those in the pool are read when somebody asks. */
static void discard_task(struct task *task)
{
    const size_t depth = fiber_touched(&task->fiber);

    if (depth > runtime.high_water_bytes) {
        runtime.high_water_bytes = depth;
    }
    uv_close((uv_handle_t *)&task->timer, free_task);
}

void task_runtime_close(void)
{
    must(runtime.n_alive == 0);
    list_for_each_safe (it, &runtime.pool) {
        struct task *task = list_entry(it, struct task, link);

        list_remove(&task->link);
        runtime.n_pooled--;
        discard_task(task);
    }
    uv_close((uv_handle_t *)&runtime.idle, NULL);
    runtime.loop = NULL;
}

/* One run of a task, on its own stack. */
static void task_body(void *arg)
{
    struct task *task = arg;

    task->fn(task->arg);
    arena_clear(task->arena);
}

static struct task *take_or_make_task(void)
{
    struct task *task;

    if (!list_is_empty(&runtime.pool)) {
        task = list_entry(runtime.pool.next, struct task, link); /* the last one used: its pages are warm */
        list_remove(&task->link);
        runtime.n_pooled--;
        return task;
    }
    task = must_alloc(sizeof *task);
    list_init(&task->link);
    list_init(&task->everyone);
    fiber_init(&task->fiber, task_body, task);
    task->arena = arena_new();
    must(uv_timer_init(runtime.loop, &task->timer) == 0);
    task->timer.data = task;
    return task;
}

static void make_ready(struct task *task, int result)
{
    task->state = TASK_READY;
    task->result = result;
    if (list_is_empty(&runtime.ready)) {
        must(uv_idle_start(&runtime.idle, run_ready) == 0);
    }
    list_append(&runtime.ready, &task->link);
}

struct task *task_spawn(const char *name, task_main_fn *fn, void *arg)
{
    struct task *task;

    must(runtime.loop != NULL && name != NULL && fn != NULL);
    task = take_or_make_task();
    task->magic = TASK_MAGIC;
    task->number = ++runtime.last_number;
    task->name = name;
    task->stage = "";
    task->fn = fn;
    task->arg = arg;
    task->started = task->firm = task->woken = task->cancelled = task->fail_fired = false;
    task->waits = task->fail_at = 0;
    list_append(&runtime.alive, &task->everyone);
    runtime.n_alive++;
    make_ready(task, 0);
    return task;
}

static void finish_task(struct task *task)
{
    list_remove(&task->everyone);
    runtime.n_alive--;
    task->magic = 0; /* a pointer kept too long fails its check */
    task->state = TASK_FREE;
    if (runtime.n_pooled == POOL_MAX) {
        discard_task(task);
        return;
    }
    list_prepend(&runtime.pool, &task->link);
    runtime.n_pooled++;
}

static void resume(struct task *task)
{
    bool over;

    task->state = TASK_RUNNING;
    task->started = true;
    runtime.current = task;
    runtime.switches++;
    over = fiber_enter(&task->fiber);
    runtime.current = NULL;
    if (over) {
        finish_task(task);
    }
}

static void run_ready(uv_idle_t *idle)
{
    while (!list_is_empty(&runtime.ready)) {
        struct list *first = runtime.ready.next;

        list_remove(first);
        list_append(&runtime.running_now, first);
    }
    while (!list_is_empty(&runtime.running_now)) {
        struct task *task = list_entry(runtime.running_now.next, struct task, link);

        list_remove(&task->link);
        resume(task);
    }
    if (list_is_empty(&runtime.ready)) {
        (void)uv_idle_stop(idle);
    }
}

static struct task *current_task(void)
{
    CHECK(runtime.current, TASK_MAGIC);
    return runtime.current;
}

struct task *task_self(void)
{
    return runtime.current;
}

struct arena *task_arena(void)
{
    return current_task()->arena;
}

const char *task_name(const struct task *task)
{
    CHECK(task, TASK_MAGIC);
    return task->name;
}

uint64_t task_number(const struct task *task)
{
    CHECK(task, TASK_MAGIC);
    return task->number;
}

void task_stage(const char *stage)
{
    current_task()->stage = stage;
}

const char *task_stage_now(void)
{
    return current_task()->stage;
}

/* Leaves the stack until make_ready has been called and the task's turn has come. */
static void switch_away(struct task *task)
{
    fiber_leave(&task->fiber);
    must(runtime.current == task && task->state == TASK_RUNNING);
}

static void on_timeout(uv_timer_t *timer)
{
    struct task *task = timer->data;

    if (task->state == TASK_PARKED) {
        make_ready(task, -ERR_TIMEOUT);
    }
}

static int park(struct task *task, uint64_t timeout_ms, bool firm)
{
    if (task->woken) {
        task->woken = false;
        return 0;
    }
    task->state = TASK_PARKED;
    task->firm = firm;
    if (timeout_ms > 0) {
        uv_update_time(runtime.loop); /* a long turn must not make the wait shorter */
        must(uv_timer_start(&task->timer, on_timeout, timeout_ms, 0) == 0);
    }
    switch_away(task);
    if (timeout_ms > 0) {
        (void)uv_timer_stop(&task->timer);
    }
    return task->result;
}

int task_checkpoint(struct err *err)
{
    struct task *task = current_task();

    task->waits++;
#ifdef TIDEMARK_TORTURE
    if (task->fail_at != 0 && task->waits == task->fail_at) {
        task->fail_fired = true;
        return err_set(err, ERR_TORTURE, "wait %u of task %s failed on purpose", task->waits, task->name);
    }
#endif
    if (task->cancelled) {
        return err_set(err, ERR_CANCELLED, "task %s was cancelled", task->name);
    }
    return 0;
}

int task_park(uint64_t timeout_ms, struct err *err)
{
    struct task *task = current_task();
    int status = task_checkpoint(err);

    if (status == 0) {
        status = park(task, timeout_ms, false);
        if (status == -ERR_CANCELLED) {
            (void)err_set(err, ERR_CANCELLED, "task %s was cancelled", task->name);
        } else if (status == -ERR_TIMEOUT) {
            (void)err_set(
                err, ERR_TIMEOUT, "task %s waited %llu ms", task->name, (unsigned long long)timeout_ms);
        }
    }
    return status;
}

void task_park_firmly(void)
{
    (void)park(current_task(), 0, true);
}

bool task_park_firmly_for(uint64_t timeout_ms)
{
    must(timeout_ms > 0);
    return park(current_task(), timeout_ms, true) == 0;
}

void task_wake(struct task *task)
{
    CHECK(task, TASK_MAGIC);
    if (task->state == TASK_PARKED) {
        make_ready(task, 0);
    } else if (task->state == TASK_READY && task->started) {
        task->result = 0; /* it has not seen its time-out or its cancellation yet: the event came in time */
    } else {
        task->woken = true;
    }
}

void task_cancel(struct task *task)
{
    CHECK(task, TASK_MAGIC);
    task->cancelled = true;
    if (task->state == TASK_PARKED && !task->firm) {
        make_ready(task, -ERR_CANCELLED);
    }
}

bool task_is_cancelled(void)
{
    return current_task()->cancelled;
}

int task_sleep(uint64_t ms, struct err *err)
{
    const uint64_t end_ns = uv_hrtime() + ms * 1000000u;
    struct task *task = current_task();
    int status;

    if (ms == 0) { /* let the others run */
        status = task_checkpoint(err);
        if (status == 0) {
            make_ready(task, 0);
            switch_away(task);
        }
        return status;
    }
    do { /* a wake meant for something else does not shorten it */
        const uint64_t now_ns = uv_hrtime();
        struct err timeout = {0};

        status = task_park(now_ns < end_ns ? (end_ns - now_ns + 999999u) / 1000000u : 1, &timeout);
        if (status != 0 && status != -ERR_TIMEOUT) {
            return err_set(err, timeout.code, "%s", timeout.detail);
        }
    } while (uv_hrtime() < end_ns);
    return 0;
}

void task_fail_wait(unsigned nth)
{
    struct task *task = current_task();

    task->fail_at = nth == 0 ? 0 : task->waits + nth;
    task->fail_fired = false;
}

unsigned task_waits(void)
{
    return current_task()->waits;
}

bool task_fail_wait_fired(void)
{
    return current_task()->fail_fired;
}

struct task_stats task_stats_now(void)
{
    struct task_stats stats = {.spawned = runtime.last_number,
        .alive = runtime.n_alive,
        .switches = runtime.switches,
        .stacks_pooled = runtime.n_pooled};

    list_for_each (it, &runtime.pool) {
        const size_t depth = fiber_touched(&list_entry(it, struct task, link)->fiber);

        if (depth > runtime.high_water_bytes) {
            runtime.high_water_bytes = depth;
        }
    }
    stats.stack_high_water_bytes = runtime.high_water_bytes;
    return stats;
}

bool task_each(bool (*fn)(struct task *task, void *arg), void *arg)
{
    list_for_each_safe (it, &runtime.alive) {
        if (!fn(list_entry(it, struct task, everyone), arg)) {
            return false;
        }
    }
    return true;
}
