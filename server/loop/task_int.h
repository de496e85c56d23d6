/*
 * Private to loop/: how loop.c opens and closes the task runtime.
 */
#ifndef TIDEMARK_LOOP_TASK_INT_H
#define TIDEMARK_LOOP_TASK_INT_H

#include <stdint.h>
#include <uv.h>

void task_runtime_open(uv_loop_t *loop);
void task_runtime_close(void); /* asserts that no task is alive; its handles close in the next turn */

#endif
