/*
 * One libuv loop for the process, on the main thread, and timers with a callback on it. The task runtime
 * hangs its own handles on the same loop (task.c) and is opened and closed from here.
 */
#include "loop/loop.h"

#include "base/must.h"
#include "loop/task_int.h"

#include <signal.h>

static uv_loop_t *the_loop;

void loop_init(void)
{
    must(the_loop == NULL);
    /* A peer that has gone is an error of the write, not a signal. uv_spawn gives children the default back.
     */
    must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    the_loop = uv_default_loop();
    must(the_loop != NULL);
    task_runtime_open(the_loop);
}

struct uv_loop_s *loop_uv(void)
{
    must(the_loop != NULL);
    return the_loop;
}

void loop_run(void)
{
    (void)uv_run(loop_uv(), UV_RUN_DEFAULT);
}

void loop_done(void)
{
    task_runtime_close();
    (void)uv_run(loop_uv(), UV_RUN_DEFAULT); /* the close callbacks */
    /* Not 0: somebody has left a handle open, which is a leak and a pointer into freed memory. */
    must(uv_loop_close(the_loop) == 0);
    the_loop = NULL;
}

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *timer = uv->data;

    timer->fn(timer->arg);
}

void loop_timer_start(
    struct loop_timer *timer, uint64_t after_ms, uint64_t repeat_ms, void (*fn)(void *arg), void *arg)
{
    must(fn != NULL);
    if (!timer->open) {
        must(uv_timer_init(loop_uv(), &timer->uv) == 0);
        timer->uv.data = timer;
        timer->open = true;
    }
    timer->fn = fn;
    timer->arg = arg;
    uv_update_time(loop_uv()); /* a long turn must not make the time shorter */
    must(uv_timer_start(&timer->uv, on_timer, after_ms, repeat_ms) == 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (timer->open) {
        (void)uv_timer_stop(&timer->uv);
    }
}

static void on_timer_closed(uv_handle_t *uv)
{
    struct loop_timer *timer = uv->data;

    if (timer->fn != NULL) {
        timer->fn(timer->arg);
    }
}

void loop_timer_close(struct loop_timer *timer, void (*on_closed)(void *arg))
{
    if (!timer->open) {
        if (on_closed != NULL) {
            on_closed(timer->arg);
        }
        return;
    }
    timer->open = false;
    timer->fn = on_closed; /* the timer itself will not fire again */
    uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}
