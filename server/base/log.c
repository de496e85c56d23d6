/*
 * A line is put together in memory and leaves in one write(2), so that lines of several threads and processes
 * on one pipe do not mix. Whatever could end a line, hide text or reorder it on a terminal is escaped.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)16 << 10)
#define VALUE_MAX_BYTES ((size_t)2 << 10)

static const char *const NAMES[] = {
    [LOG_ERR] = "err", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
static _Atomic int level_shown = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&level_shown, (int)level);
}

bool log_level_parse(struct str text, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_eq(text, str_of(NAMES[i]))) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Code points of a valid sequence of two or three bytes that are escaped: C1 controls, line and paragraph
 * separators, and marks that change the direction of text. */
static bool is_treacherous(uint32_t point)
{
    return (point >= 0x80 && point <= 0x9F) || (point >= 0x200B && point <= 0x200F) ||
           (point >= 0x2028 && point <= 0x202E) || (point >= 0x2060 && point <= 0x2069) || point == 0xFEFF ||
           point == 0x061C;
}

/* Length of the character at the front of s, and its code point; 1 and UINT32_MAX for a byte that is none. */
static size_t next_character(struct str s, uint32_t *ret_point)
{
    unsigned char lead = (unsigned char)s.p[0];
    size_t n = str_utf8_next(s);
    *ret_point = n == 0 ? UINT32_MAX : lead;
    if (n <= 1)
        return 1;
    uint32_t point = lead & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        point = point << 6 | ((unsigned char)s.p[i] & 0x3Fu);
    *ret_point = point;
    return n;
}

static bool needs_quotes(struct str s)
{
    if (s.n == 0 || s.n > VALUE_MAX_BYTES)
        return true;
    for (uint32_t point; s.n > 0;) {
        size_t n = next_character(s, &point);
        if (point <= ' ' || point == '"' || point == '\\' || point == '=' || point == 0x7F ||
            point == UINT32_MAX || is_treacherous(point))
            return true;
        s = (struct str){s.p + n, s.n - n};
    }
    return false;
}

static void add_escaped(struct buf *line, struct str s)
{
    size_t left = VALUE_MAX_BYTES;
    for (uint32_t point; s.n > 0;) {
        size_t n = next_character(s, &point);
        if (n > left) {
            buf_add_text(line, "...");
            break;
        }
        left -= n;
        if (point == '\n')
            buf_add_text(line, "\\n");
        else if (point == '"' || point == '\\')
            buf_printf(line, "\\%c", (char)point);
        else if (point < ' ' || point == 0x7F || point == UINT32_MAX)
            buf_printf(line, "\\x%02x", (unsigned)(unsigned char)s.p[0]);
        else if (is_treacherous(point))
            buf_printf(line, "\\u%04x", (unsigned)point);
        else
            buf_add(line, s.p, n);
        s = (struct str){s.p + n, s.n - n};
    }
}

static void add_value(struct buf *line, struct str s)
{
    if (!needs_quotes(s)) {
        buf_add_str(line, s);
        return;
    }
    buf_add_char(line, '"');
    add_escaped(line, s);
    buf_add_char(line, '"');
}

void log_write(
    enum log_level level, const char *room, const char *message, const struct log_pair *pairs, size_t n)
{
    if ((int)level > atomic_load(&level_shown))
        return;
    int saved_errno = errno; /* a call that logs must not change what its caller is about to look at */
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    char time[CLOCK_TEXT_MAX];
    clock_print_rfc3339(clock_utc_us(), time);
    buf_printf(&line, "%s %s %s msg=", time, NAMES[level], room);
    add_value(&line, str_of(message));
    for (size_t i = 0; i < n; i++) {
        buf_printf(&line, " %s=", pairs[i].key);
        if (pairs[i].kind == LOG_INT)
            buf_add_i64(&line, pairs[i].number);
        else
            add_value(&line, pairs[i].text);
    }
    /* Past its ceiling the buffer has dropped the rest of the line: end it all the same. */
    line.overflow = false;
    line.max++;
    buf_add_char(&line, '\n');
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line.p, line.n);
    } while (written < 0 && errno == EINTR);
    buf_done(&line);
    errno = saved_errno;
}
