/*
 * Tasks: stackful coroutines on the loop (glibc ucontext). A request handler is straight-line C; each call
 * that has to wait parks its task, and the loop goes on. Single thread: between two waits nothing else runs.
 *
 * A function that may park is declared `task_fn`, so that a reader sees every place where the world may
 * change. After a wait, shared mutable state is read again.
 *
 * Stacks are mapped with a guard page, pooled, committed lazily (256 KiB; sanitizer builds 1 MiB). Sanitizers
 * are told of each switch.
 */
#ifndef TIDEMARK_LOOP_TASK_H
#define TIDEMARK_LOOP_TASK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#define task_fn /* marks functions that may park the calling task */

struct task;
typedef task_fn void task_main_fn(void *arg);

/* Makes a task with an arena of its own; it starts on the next turn of the loop. `name` must live as long (a
 * literal). */
struct task *task_spawn(const char *name, task_main_fn *fn, void *arg);
struct task *task_self(void); /* NULL outside of any task */
struct arena *task_arena(void);
const char *task_name(const struct task *task);
uint64_t task_number(const struct task *task); /* for logs: unique in the process */

/* The stage's name goes into the log line of a failure. */
void task_stage(const char *stage);
const char *task_stage_now(void);

/* Asks a task to end: its present wait, or else its next, returns -ERR_CANCELLED, and so does each one after
 * it. Never tears a running statement: waits made with task_park_firmly do not hear it. Safe on a task that
 * has been asked already. */
void task_cancel(struct task *task);
bool task_is_cancelled(void);

/*
 * Parks until task_wake, at most timeout_ms (0: for ever). Returns 0, -ERR_CANCELLED, -ERR_TIMEOUT or, in
 * builds with TIDEMARK_TORTURE, -ERR_TORTURE at the wait that task_fail_wait chose. A wake that comes before
 * the park is kept, and wakes say nothing of their cause: whoever parks does so in a loop around its own
 * condition. All higher waits (database, worker pool, locks, sleep) end in one of these.
 */
task_fn int task_park(uint64_t timeout_ms, struct err *err);
/* The same, but neither cancelled nor failed by the torture: for work that must be waited out, as a COMMIT.
 */
task_fn void task_park_firmly(void);
task_fn bool task_park_firmly_for(uint64_t timeout_ms); /* false: nobody woke it in that time */
/* Counts as a wait, and is cancelled or failed like one, but does not park: stands before what is then waited
 * out firmly (a statement, work on a thread), so that a cancelled task does not begin it. */
int task_checkpoint(struct err *err);
void task_wake(struct task *task); /* from the loop thread only */

task_fn int task_sleep(uint64_t ms, struct err *err);

/* Torture: the n-th task_park of the calling task from now on (1 = the next) fails. 0: off. */
void task_fail_wait(unsigned nth);
unsigned task_waits(void);       /* task_park calls of this task so far */
bool task_fail_wait_fired(void); /* whether the chosen wait was reached */

/* First come, first served. Waiting can be cancelled. */
struct task_lock {
    struct list waiters;
    struct task *holder;
};
void task_lock_init(struct task_lock *lock);
task_fn int task_lock_take(struct task_lock *lock, uint64_t timeout_ms, struct err *err);
void task_lock_give(struct task_lock *lock);

/* A condition: tasks wait, somebody wakes one or all. */
struct task_cond {
    struct list waiters;
};
void task_cond_init(struct task_cond *cond);
task_fn int task_cond_wait(struct task_cond *cond, uint64_t timeout_ms, struct err *err);
bool task_cond_wake_one(struct task_cond *cond); /* false: nobody waited */
void task_cond_wake_all(struct task_cond *cond);

/*
 * Runs fn(arg) on libuv's worker pool and parks until it is done. fn must not touch tasks, the loop or the
 * arena. Firm: once started it is waited out. `lane` bounds how many run and wait at once (argon2: two
 * running, 64 waiting, 5 s); past the bound -ERR_TOO_MANY at once.
 */
struct work_lane {
    const char *name;
    unsigned max_running, max_waiting;
    uint64_t max_wait_ms;
    unsigned running, waiting;
    struct task_cond room;
    bool ready;
};
#define WORK_LANE(n, run, wait, ms)                                                                          \
    {                                                                                                        \
        .name = (n), .max_running = (run), .max_waiting = (wait), .max_wait_ms = (ms)                        \
    }
task_fn int work_run(struct work_lane *lane, void (*fn)(void *arg), void *arg, struct err *err);

/* For /metrics and the tests. */
struct task_stats {
    uint64_t spawned, alive, switches;
    size_t stack_high_water_bytes; /* deepest stack seen so far, of finished tasks */
    size_t stacks_pooled;
};
struct task_stats task_stats_now(void);
bool task_each(bool (*fn)(struct task *task, void *arg), void *arg);

#endif
