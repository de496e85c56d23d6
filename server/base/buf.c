/*
 * A growing buffer. It always keeps one byte in hand past its content, so that buf_cstr never has to grow
 * (and can therefore not fail at the ceiling).
 */
#include "base/buf.h"

#include "base/must.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max ? max : BUF_MAX_DEFAULT};
}

void buf_done(struct buf *buf)
{
    if (buf == NULL)
        return;
    free(buf->p);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->n = 0;
    buf->overflow = false;
}

/* Room for n more bytes and a NUL; false past the ceiling. */
static bool reserve(struct buf *buf, size_t n)
{
    size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;
    if (buf->overflow || n > max - buf->n) {
        buf->overflow = true;
        return false;
    }
    size_t need = buf->n + n + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap * 2 : 256;
    while (cap < need)
        cap *= 2;
    if (cap > max + 1)
        cap = max + 1;
    buf->p = must_realloc(buf->p, cap);
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *p, size_t n)
{
    if (!reserve(buf, n) || n == 0)
        return;
    memcpy(buf->p + buf->n, p, n);
    buf->n += n;
}

void buf_add_str(struct buf *buf, struct str s)
{
    buf_add(buf, s.p, s.n);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add_str(buf, str_of(text));
}

void buf_add_char(struct buf *buf, char c)
{
    if (reserve(buf, 1))
        buf->p[buf->n++] = c;
}

void buf_add_i64(struct buf *buf, int64_t value)
{
    char digits[24];
    size_t i = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--i] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--i] = '-';
    buf_add(buf, digits + i, sizeof digits - i);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    must(n >= 0);
    if (reserve(buf, (size_t)n)) {
        vsnprintf(buf->p + buf->n, (size_t)n + 1, format, again);
        buf->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

const char *buf_cstr(struct buf *buf)
{
    if (buf->p == NULL) {
        buf->p = must_alloc(256);
        buf->cap = 256;
    }
    must(buf->n < buf->cap);
    buf->p[buf->n] = '\0';
    return buf->p;
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->p, buf->n};
}
