/*
 * Blocks of growing size, filled from the front, newest first in a list. An allocation that would waste much
 * of a block gets one of its own, behind the current block, so that the current one goes on being filled. The
 * first block lives as long as the arena: a task that needs 8 KiB or less never calls malloc after its first
 * run.
 *
 * Under AddressSanitizer all that is not handed out is poisoned, and a gap stays between neighbours: reading
 * past an allocation, or after arena_clear, ends the test.
 */
#include "base/arena.h"

#include "base/must.h"

#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAGIC 0xA7E4A001u
#define ALIGNMENT ((size_t)16)
#define FIRST_BLOCK ((size_t)8 << 10)
#define SMALL_BLOCK ((size_t)1536)
#define LARGEST_BLOCK ((size_t)256 << 10)

#if defined(__SANITIZE_ADDRESS__)
#define GAP ALIGNMENT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GAP ALIGNMENT
#endif
#endif
#ifndef GAP
#define GAP ((size_t)0)
#endif

struct block {
    struct block *next; /* older */
    size_t size, used;  /* of bytes */
    alignas(16) char bytes[];
};

struct cleanup {
    struct cleanup *next; /* registered before this one */
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    unsigned magic;
    struct block *current;
    struct block *first; /* the oldest, kept by arena_clear */
    struct cleanup *cleanups;
    size_t used, next_size;
};

static struct block *block_new(size_t size)
{
    must(size <= SIZE_MAX / 2);
    struct block *block = must_realloc(NULL, sizeof *block + size);
    *block = (struct block){.size = size};
    ASAN_POISON_MEMORY_REGION(block->bytes, size);
    return block;
}

static void block_free(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
    free(block);
}

static struct arena *begin(size_t first_size)
{
    struct arena *arena = must_alloc(sizeof *arena);
    arena->magic = ARENA_MAGIC;
    arena->current = arena->first = block_new(first_size);
    arena->next_size = first_size * 2;
    return arena;
}

struct arena *arena_new(void)
{
    return begin(FIRST_BLOCK);
}

struct arena *arena_new_small(void)
{
    return begin(SMALL_BLOCK);
}

static void run_cleanups(struct arena *arena)
{
    while (arena->cleanups != NULL) {
        struct cleanup *cleanup = arena->cleanups;
        arena->cleanups = cleanup->next;
        cleanup->fn(cleanup->arg);
    }
}

void arena_clear(struct arena *arena)
{
    CHECK(arena, ARENA_MAGIC);
    run_cleanups(arena);
    for (struct block *block = arena->current, *next; block != NULL; block = next) {
        next = block->next;
        if (block != arena->first)
            block_free(block);
    }
    arena->first->next = NULL;
    arena->first->used = 0;
    ASAN_POISON_MEMORY_REGION(arena->first->bytes, arena->first->size);
    arena->current = arena->first;
    arena->used = 0;
    arena->next_size = arena->first->size * 2;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    arena_clear(arena);
    block_free(arena->first);
    arena->magic = 0;
    free(arena);
}

static struct block *block_for(struct arena *arena, size_t need)
{
    struct block *block = arena->current;
    if (need <= block->size - block->used)
        return block;
    if (need > arena->next_size / 4) { /* apart, behind the current block */
        struct block *apart = block_new(need);
        apart->next = block->next;
        block->next = apart;
        return apart;
    }
    struct block *fresh = block_new(arena->next_size);
    fresh->next = block;
    arena->current = fresh;
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
    return fresh;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    CHECK(arena, ARENA_MAGIC);
    must(n <= SIZE_MAX / 4);
    size_t need = ((n ? n : 1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + GAP;
    struct block *block = block_for(arena, need);
    char *p = block->bytes + block->used;
    block->used += need;
    arena->used += n;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    memset(p, 0, n);
    return p;
}

void *arena_alloc_array(struct arena *arena, size_t size, size_t n)
{
    size_t bytes;
    must(!__builtin_mul_overflow(size, n, &bytes));
    return arena_alloc(arena, bytes);
}

struct str arena_copy(struct arena *arena, struct str s)
{
    char *p = arena_alloc(arena, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

const char *arena_cstr(struct arena *arena, struct str s)
{
    return arena_copy(arena, s).p;
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    must(n >= 0);
    char *p = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return (struct str){p, (size_t)n};
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void arena_on_free(struct arena *arena, void (*fn)(void *arg), void *arg)
{
    struct cleanup *cleanup = arena_new_one(arena, struct cleanup);
    *cleanup = (struct cleanup){.next = arena->cleanups, .fn = fn, .arg = arg};
    arena->cleanups = cleanup;
}

size_t arena_used(const struct arena *arena)
{
    CHECK(arena, ARENA_MAGIC);
    return arena->used;
}
