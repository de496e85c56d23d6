/*
 * The worker pool: libuv's threads, awaited by tasks. A lane bounds one kind of work, so that a flood of
 * log-ins can fill neither the threads nor the memory. A task that leaves a lane hands its place to the first
 * that waits.
 */
#include "base/must.h"
#include "loop/loop.h"
#include "loop/task.h"

struct work {
    uv_work_t uv;
    void (*fn)(void *arg);
    void *arg;
    struct task *task;
    bool done;
};

static void on_thread(uv_work_t *uv)
{
    struct work *work = uv->data;

    work->fn(work->arg);
}

static void on_done(uv_work_t *uv, int status)
{
    struct work *work = uv->data;

    must(status == 0); /* nobody calls uv_cancel */
    work->done = true;
    task_wake(work->task);
}

static task_fn int enter_lane(struct work_lane *lane, struct err *err)
{
    int status;

    if (!lane->ready) {
        must(lane->max_running > 0);
        task_cond_init(&lane->room);
        lane->ready = true;
    }
    if (lane->running < lane->max_running) {
        lane->running++;
        return 0;
    }
    if (lane->waiting >= lane->max_waiting) {
        err->retry_after_s = 1;
        return err_set(
            err, ERR_TOO_MANY, "lane %s: %u running, %u waiting", lane->name, lane->running, lane->waiting);
    }
    lane->waiting++;
    struct err cause = {0};
    status = task_cond_wait(&lane->room, lane->max_wait_ms, &cause); /* 0: a place was handed to us */
    lane->waiting--;
    if (status == -ERR_TIMEOUT) {
        err->retry_after_s = 1;
        return err_set(
            err, ERR_TOO_MANY, "lane %s: waited %llu ms", lane->name, (unsigned long long)lane->max_wait_ms);
    }
    return status == 0 ? 0 : err_set(err, cause.code, "%s", cause.detail);
}

static void leave_lane(struct work_lane *lane)
{
    if (!task_cond_wake_one(&lane->room)) {
        lane->running--;
    }
}

int work_run(struct work_lane *lane, void (*fn)(void *arg), void *arg, struct err *err)
{
    struct work work = {.fn = fn, .arg = arg, .task = task_self()};
    int status = task_checkpoint(err);

    if (status == 0 && lane != NULL) {
        status = enter_lane(lane, err);
    }
    if (status != 0) {
        return status;
    }
    work.uv.data = &work;
    must(uv_queue_work(loop_uv(), &work.uv, on_thread, on_done) == 0);
    while (!work.done) { /* `work` lives on this stack: it has to be waited out */
        task_park_firmly();
    }
    if (lane != NULL) {
        leave_lane(lane);
    }
    return 0;
}
