/*
 * A bump allocator for everything that one task makes. Nothing is freed singly; arena_clear or arena_free
 * gives back the whole, after running the clean-ups registered with arena_on_free, newest first.
 *
 * In sanitizer builds memory that is not handed out is poisoned, so a pointer kept past arena_clear dies at
 * once.
 */
#ifndef TIDEMARK_BASE_ARENA_H
#define TIDEMARK_BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
struct arena *arena_new_small(void); /* for what lives long and is little: begins with 1.5 KiB instead of 8 */
void arena_free(struct arena *arena);  /* NULL is accepted */
void arena_clear(struct arena *arena); /* keeps the first block for reuse */

/* Zeroed, aligned to 16 bytes, never NULL. */
void *arena_alloc(struct arena *arena, size_t n);
#define arena_new_array(arena, type, n) ((type *)arena_alloc_array((arena), sizeof(type), (n)))
#define arena_new_one(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
void *arena_alloc_array(
    struct arena *arena, size_t size, size_t n); /* asserts that size * n does not overflow */

/* A copy that ends in a NUL byte which is not counted. */
struct str arena_copy(struct arena *arena, struct str s);
const char *arena_cstr(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Runs fn(arg) when the arena is cleared or freed: for files, statements, references held by a task. */
void arena_on_free(struct arena *arena, void (*fn)(void *arg), void *arg);

size_t arena_used(const struct arena *arena); /* bytes handed out */

#endif
