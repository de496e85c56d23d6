/*
 * Private to loop/: stacks and the switch between them. A fiber is a stack with a place to go on; it knows
 * nothing of scheduling. Only the loop's own stack ("home") enters a fiber, and a fiber only leaves to home.
 */
#ifndef TIDEMARK_LOOP_FIBER_H
#define TIDEMARK_LOOP_FIBER_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct fiber {
    void *map; /* guard page first, then the stack */
    size_t map_bytes;
    void *stack; /* lowest usable byte */
    size_t stack_bytes;
    jmp_buf place;
    void *fake_stack; /* of AddressSanitizer */
    unsigned valgrind_id;
    bool started;
    void (*fn)(void *arg); /* called for each run; when it returns the run is over */
    void *arg;
};

/* Maps a stack; memory that cannot be had ends the process. */
void fiber_init(struct fiber *fiber, void (*fn)(void *arg), void *arg);
void fiber_done(struct fiber *fiber); /* not while a run is unfinished */
/* Runs it until it leaves or fn returns; true when fn has returned (the next enter starts a new run). */
bool fiber_enter(struct fiber *fiber);
void fiber_leave(struct fiber *fiber); /* on the fiber: back to whoever entered */
/* Bytes of the stack that have ever been touched, in whole pages. */
size_t fiber_touched(const struct fiber *fiber);

#endif
