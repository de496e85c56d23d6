/*
 * Random numbers for property tests. The seed is new in each run and printed; TEST_SEED=n repeats one.
 */
#ifndef TIDEMARK_TESTS_RANDOM_H
#define TIDEMARK_TESTS_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

static inline void random_begin(void)
{
    const char *given = getenv("TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    random_state =
        given ? strtoull(given, NULL, 10) : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
    printf("TEST_SEED=%" PRIu64 "\n", random_state);
    random_state |= 1;
}

/* xorshift64* */
static inline uint64_t random_u64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545F4914F6CDD1Du;
}

/* From 0 to end - 1. */
static inline size_t random_below(size_t end)
{
    return (size_t)((random_u64() >> 16) % end);
}

#endif
