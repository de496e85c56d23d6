/*
 * Private to db/feed*: reading binary events piece by piece. A read past the end gives zeros and marks the
 * slice as bad for good, so a parser looks once at the end of each thing it reads and can never leave the
 * bytes it was given.
 */
#ifndef TIDEMARK_DB_FEED_BYTES_H
#define TIDEMARK_DB_FEED_BYTES_H

#include "base/str.h"

struct bytes {
    const uint8_t *p;
    size_t n;
    bool bad;
};

/* The next n bytes; NULL and bad where there are fewer. n may be 0. */
static inline const uint8_t *take(struct bytes *bytes, size_t n)
{
    const uint8_t *p = bytes->p;

    if (bytes->bad || n > bytes->n) {
        bytes->bad = true;
        bytes->n = 0;
        return NULL;
    }
    bytes->p += n;
    bytes->n -= n;
    return p;
}

/* Unsigned numbers of 1 to 8 bytes, the lowest byte first or the highest. */
static inline uint64_t take_le(struct bytes *bytes, size_t n)
{
    const uint8_t *p = take(bytes, n);
    uint64_t value = 0;

    for (size_t i = n; p != NULL && i > 0; i--) {
        value = value << 8 | p[i - 1];
    }
    return value;
}
static inline uint64_t take_be(struct bytes *bytes, size_t n)
{
    const uint8_t *p = take(bytes, n);
    uint64_t value = 0;

    for (size_t i = 0; p != NULL && i < n; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

/* MariaDB's numbers that carry their length: one byte up to 250, else 2, 3 or 8 more. */
static inline uint64_t take_packed(struct bytes *bytes)
{
    const uint64_t first = take_le(bytes, 1);

    if (first <= 250) {
        return first;
    }
    if (first == 251 || first == 255) {
        bytes->bad = true;
        return 0;
    }
    return take_le(bytes, first == 252 ? 2 : first == 253 ? 3 : 8);
}

/* A slice of its own; bad if there are not so many bytes. */
static inline struct bytes take_slice(struct bytes *bytes, uint64_t n)
{
    const uint8_t *p = n <= bytes->n ? take(bytes, (size_t)n) : take(bytes, SIZE_MAX);

    return (struct bytes){.p = p, .n = bytes->bad ? 0 : (size_t)n, .bad = bytes->bad};
}

static inline struct str take_str(struct bytes *bytes, uint64_t n)
{
    const struct bytes slice = take_slice(bytes, n);

    return (struct str){(const char *)slice.p, slice.n};
}

#endif
