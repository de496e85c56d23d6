/*
 * Assertions that stay on in release builds, and type tags for pointers that travel through void*.
 *
 * must(x)      our own mistake if x is false: report and abort. Never used for what a user or the network can
 * cause. never("why") a place that cannot be reached. CHECK(p, M)  p is not NULL and its first member `magic`
 * equals M.
 */
#ifndef TIDEMARK_BASE_MUST_H
#define TIDEMARK_BASE_MUST_H

#include <stddef.h>
#include <stdint.h>

_Noreturn void must_fail(const char *what, const char *file, int line, const char *function);

#define must(x) ((x) ? (void)0 : must_fail(#x, __FILE__, __LINE__, __func__))
#define never(why) must_fail("never: " why, __FILE__, __LINE__, __func__)
#define CHECK(p, m) must((p) != NULL && (p)->magic == (m))

/* Memory that cannot be had ends the process; every size that a user controls has a limit instead. must_alloc
 * zeroes; what must_realloc adds holds anything. */
void *must_alloc(size_t n);
void *must_realloc(void *p, size_t n);

#endif
