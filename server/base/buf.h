/*
 * An owned, growing byte buffer with a ceiling. Past the ceiling nothing more is written and `overflow` is
 * set: the writer looks once at the end instead of after each piece.
 */
#ifndef TIDEMARK_BASE_BUF_H
#define TIDEMARK_BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool overflow;
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)

void buf_init(struct buf *buf, size_t max); /* max 0: BUF_MAX_DEFAULT */
void buf_done(struct buf *buf);             /* frees; NULL and an all-zero buffer are accepted */
void buf_clear(struct buf *buf);            /* empties for reuse */
void buf_add(struct buf *buf, const void *p, size_t n);
void buf_add_str(struct buf *buf, struct str s);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the bytes with an uncounted NUL and returns them; valid until the next change. */
const char *buf_cstr(struct buf *buf);
struct str buf_str(const struct buf *buf);

#endif
