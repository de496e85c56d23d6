/*
 * For unit tests of rooms that need tasks: runs one function as a task and turns the loop until it has ended.
 * cmocka leaves a failed test by a jump to the main stack, which a task must not do: inside of tasks check
 * with must(), or note the outcome and assert it outside.
 */
#ifndef TIDEMARK_TESTS_TASK_RUN_H
#define TIDEMARK_TESTS_TASK_RUN_H

#include "base/must.h"
#include "loop/loop.h"
#include "loop/task.h"

struct task_run {
    task_main_fn *fn;
    void *arg;
    bool ended;
};

static inline void task_run_body(void *arg)
{
    struct task_run *run = arg;

    run->fn(run->arg);
    run->ended = true;
}

/* Needs loop_init. Other handles may stay on the loop. */
static inline void task_run(task_main_fn *fn, void *arg)
{
    struct task_run run = {.fn = fn, .arg = arg};

    (void)task_spawn("test", task_run_body, &run);
    while (!run.ended) {
        if (uv_run(loop_uv(), UV_RUN_ONCE) == 0 && !run.ended) {
            never("the task waits for something that will not come");
        }
    }
}

#endif
