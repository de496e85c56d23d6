/*
 * The event loop (libuv) of the process: one, on the main thread. Timers, signals and the worker pool hang on
 * it.
 */
#ifndef TIDEMARK_LOOP_LOOP_H
#define TIDEMARK_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

void loop_init(void); /* the default loop of this process, blocked SIGPIPE, task runtime, worker pool */
struct uv_loop_s *loop_uv(void);
/* Runs until nothing is left on it. With libwebsockets on the loop uv_stop is never called (STYLE, pitfalls).
 */
void loop_run(void);
/* After loop_run: closes what the runtime holds; asserts that no task is alive. */
void loop_done(void);

/* Timers with a callback, for rooms that own long-lived things. Times in milliseconds. */
struct loop_timer {
    uv_timer_t uv;
    void (*fn)(void *arg);
    void *arg;
    bool open;
};
void loop_timer_start(
    struct loop_timer *timer, uint64_t after_ms, uint64_t repeat_ms, void (*fn)(void *arg), void *arg);
void loop_timer_stop(struct loop_timer *timer);
/* Stops it and gives the handle back to the loop; on_closed (may be NULL) runs when the memory may be reused.
 */
void loop_timer_close(struct loop_timer *timer, void (*on_closed)(void *arg));

#endif
