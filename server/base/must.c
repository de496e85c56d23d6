/*
 * The end of the process, in one place. What is printed must work without memory and from any thread, so the
 * line is built on the stack and leaves in one write(2).
 */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void must_fail(const char *what, const char *file, int line, const char *function)
{
    char text[512];
    int n = snprintf(text, sizeof text, "tidemark: must failed: %s (%s:%d %s)\n", what, file, line, function);
    if (n > 0) {
        size_t length = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        /* Nothing can be done about a standard error that is gone. */
        ssize_t written = write(STDERR_FILENO, text, length);
        (void)written;
    }
    abort();
}

void *must_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (p == NULL)
        must_fail("out of memory", __FILE__, __LINE__, __func__);
    return p;
}

void *must_realloc(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);
    if (grown == NULL)
        must_fail("out of memory", __FILE__, __LINE__, __func__);
    return grown;
}
