/* Log lines: one write each, and nothing in them that a user could forge. Standard error is a pipe meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"

#include "base/clock.h"
#include "random.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char line[65536];
static int ends[2], kept_stderr;

static void catch_begin(void)
{
    /* Packets: each write(2) is one read(2), so a line in two pieces would show. */
    assert_int_equal(pipe2(ends, O_DIRECT | O_NONBLOCK), 0);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
}

static size_t catch_line(void)
{
    ssize_t n = read(ends[0], line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void catch_end(void)
{
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    close(ends[0]);
    close(ends[1]);
}

/* The line behind its time. */
static const char *logged(struct log_pair pair)
{
    log_write(LOG_INFO, "room", "text", &pair, 1);
    size_t n = catch_line();
    assert_true(n > 28 && line[n - 1] == '\n');
    line[n - 1] = '\0';
    assert_null(strchr(line, '\n'));
    int64_t us;
    assert_true(clock_parse_rfc3339((struct str){line, 27}, &us));
    return line + 28;
}

static void test_values(void **state)
{
    (void)state;
    catch_begin();
    assert_string_equal(logged(LOG_I("n", -42)), "info room msg=text n=-42");
    assert_string_equal(logged(LOG_C("k", "plain-1.2/x")), "info room msg=text k=plain-1.2/x");
    assert_string_equal(logged(LOG_C("k", "重庆")), "info room msg=text k=重庆");
    assert_string_equal(logged(LOG_C("k", "")), "info room msg=text k=\"\"");
    assert_string_equal(logged(LOG_C("k", NULL)), "info room msg=text k=\"\"");
    assert_string_equal(logged(LOG_C("k", "a b")), "info room msg=text k=\"a b\"");
    assert_string_equal(logged(LOG_C("k", "a=b")), "info room msg=text k=\"a=b\"");
    assert_string_equal(logged(LOG_C("k", "\"\\")), "info room msg=text k=\"\\\"\\\\\"");
    assert_string_equal(logged(LOG_C("k", "a\nb\r\t")), "info room msg=text k=\"a\\nb\\x0d\\x09\"");
    assert_string_equal(logged(LOG_S("k", STR("a\0\x7f\x1b"))), "info room msg=text k=\"a\\x00\\x7f\\x1b\"");
    assert_string_equal(logged(LOG_C("k", "\xff\xc3")), "info room msg=text k=\"\\xff\\xc3\"");
    assert_string_equal(logged(LOG_C("k", "\u202e\u2028\u2069\u061c\xc2\x85")),
        "info room msg=text k=\"\\u202e\\u2028\\u2069\\u061c\\u0085\"");
    static const char *const EDGES[] = {
        "\xc2\x80", "\u200b", "\u200f", "\u2028", "\u202e", "\u2060", "\u2069", "\ufeff"};
    for (size_t i = 0; i < sizeof EDGES / sizeof EDGES[0]; i++)
        assert_non_null(strstr(logged(LOG_C("k", EDGES[i])), "k=\"\\u"));
    assert_string_equal(logged(LOG_C("k", "\u00a0\u200a\u2010\u2027\u202f\u205f\u206a")),
        "info room msg=text k=\u00a0\u200a\u2010\u2027\u202f\u205f\u206a");
    catch_end();
}

static void test_event(void **state)
{
    (void)state;
    catch_begin();
    log_event(LOG_WARN, "net", "two words", LOG_I("port", 8080), LOG_C("peer", "::1"));
    assert_true(catch_line() > 0);
    assert_string_equal(line + 27, " warn net msg=\"two words\" port=8080 peer=::1\n");
    assert_int_equal(catch_line(), 0);
    log_write(LOG_ERR, "net", "bare", NULL, 0);
    catch_line();
    assert_string_equal(line + 27, " err net msg=bare\n");
    catch_end();
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"err", "warn", "info", "debug"};
    catch_begin();
    for (int shown = LOG_ERR; shown <= LOG_DEBUG; shown++) {
        enum log_level parsed;
        assert_true(log_level_parse(str_of(NAMES[shown]), &parsed));
        assert_int_equal(parsed, shown);
        log_set_level(parsed);
        for (int level = LOG_ERR; level <= LOG_DEBUG; level++) {
            log_write((enum log_level)level, "r", "m", NULL, 0);
            assert_int_equal(catch_line() > 0, level <= shown);
        }
    }
    log_set_level(LOG_INFO);
    enum log_level parsed = LOG_WARN;
    assert_false(log_level_parse(STR("INFO"), &parsed));
    assert_false(log_level_parse(STR(""), &parsed));
    assert_int_equal(parsed, LOG_WARN);
    catch_end();
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    catch_begin();
    struct log_pair pairs[20];
    for (size_t i = 0; i < 20; i++)
        pairs[i] = LOG_C("k", text);
    log_write(LOG_INFO, "r", "m", pairs, 1);
    size_t n = catch_line();
    assert_in_range(n, 2048, 2200);
    assert_non_null(strstr(line, "xxx...\"\n"));
    catch_end();

    /* More than a packet of the pipe holds: through a file. */
    int file = memfd_create("log", MFD_CLOEXEC);
    assert_true(file >= 0);
    kept_stderr = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    log_write(LOG_INFO, "r", "m", pairs, 20);
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    ssize_t length = pread(file, line, sizeof line, 0);
    close(file);
    assert_in_range(length, 8000, 17000);
    assert_int_equal(line[length - 1], '\n');
}

/* Whatever bytes come, one line leaves, and it is UTF-8 without control characters. */
static void test_random_bytes(void **state)
{
    (void)state;
    random_begin();
    catch_begin();
    for (int round = 0; round < 20000; round++) {
        char text[64];
        size_t n = random_below(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)random_below(256);
        const char *out = logged(LOG_S("k", ((struct str){text, n})));
        assert_true(str_is_utf8(str_of(out)));
        for (const char *p = out; *p; p++)
            assert_true((unsigned char)*p >= ' ' && *p != 0x7F);
        assert_true(strncmp(out, "info room msg=text k=", 21) == 0);
    }
    catch_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
