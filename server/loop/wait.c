/*
 * Locks and conditions for tasks. Everything runs on one thread, so these only keep order between waits:
 * first come, first served. A lock is handed to the next waiter by whoever gives it, so nobody can slip in
 * between, and a waiter that has been chosen has it even if its time-out or cancellation came in the same
 * turn.
 */
#include "base/must.h"
#include "loop/task.h"

#include <uv.h>

struct waiter {
    struct list link;
    struct task *task;
    bool chosen;
};

/* Not inline: gcc would take the list's pointer to the waiting stack frame for one that outlives it. */
static __attribute__((noinline)) void join_line(struct list *line, struct waiter *waiter)
{
    list_append(line, &waiter->link);
}

/* Waits in the list until it is chosen. Wakes meant for something else are slept through. */
static task_fn int wait_in_line(struct list *line, uint64_t timeout_ms, struct err *err)
{
    const uint64_t end_ns = uv_hrtime() + timeout_ms * 1000000u;
    struct waiter waiter = {.task = task_self()};
    uint64_t left_ms = timeout_ms;
    int status = 0;

    join_line(line, &waiter);
    while (!waiter.chosen && status == 0) {
        status = task_park(left_ms, err);
        if (timeout_ms > 0 && status == 0 && !waiter.chosen) {
            const uint64_t now_ns = uv_hrtime();

            left_ms = now_ns < end_ns ? (end_ns - now_ns) / 1000000u + 1 : 1;
        }
    }
    list_remove(&waiter.link);
    return waiter.chosen ? 0 : status;
}

/* The task at the head, chosen and woken; NULL if nobody waits. */
static struct task *choose_first(struct list *line)
{
    struct waiter *waiter;

    if (list_is_empty(line)) {
        return NULL;
    }
    waiter = list_entry(line->next, struct waiter, link);
    list_remove(&waiter->link);
    waiter->chosen = true;
    task_wake(waiter->task);
    return waiter->task;
}

void task_lock_init(struct task_lock *lock)
{
    list_init(&lock->waiters);
    lock->holder = NULL;
}

int task_lock_take(struct task_lock *lock, uint64_t timeout_ms, struct err *err)
{
    struct task *self = task_self();

    must(self != NULL && lock->holder != self);
    if (lock->holder == NULL) {
        lock->holder = self;
        return 0;
    }
    return wait_in_line(&lock->waiters, timeout_ms, err);
}

void task_lock_give(struct task_lock *lock)
{
    must(lock->holder != NULL && lock->holder == task_self());
    lock->holder = choose_first(&lock->waiters);
}

void task_cond_init(struct task_cond *cond)
{
    list_init(&cond->waiters);
}

int task_cond_wait(struct task_cond *cond, uint64_t timeout_ms, struct err *err)
{
    must(task_self() != NULL);
    return wait_in_line(&cond->waiters, timeout_ms, err);
}

bool task_cond_wake_one(struct task_cond *cond)
{
    return choose_first(&cond->waiters) != NULL;
}

void task_cond_wake_all(struct task_cond *cond)
{
    while (choose_first(&cond->waiters) != NULL) {
    }
}
