/* Assertions stay on, and tell what and where; memory comes zeroed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/must.h"

#include "dies.h"

#include <string.h>

struct tagged {
    unsigned magic;
};

static struct tagged good = {7}, bad = {8};
static struct tagged *volatile absent;

static void hold(void)
{
    must(1 + 1 == 2);
    CHECK(&good, 7u);
}
static void fail_must(void)
{
    must(good.magic == 8);
}
static void fail_check(void)
{
    CHECK(&bad, 7u);
}
static void fail_check_null(void)
{
    struct tagged *p = absent;
    CHECK(p, 7u);
}
static void fail_never(void)
{
    never("reached");
}
static void fail_alloc(void)
{
    volatile size_t much = SIZE_MAX / 2;
    void *volatile p = must_alloc(much);
    (void)p;
}

static void test_assertions(void **state)
{
    (void)state;
    assert_false(dies(hold));
    assert_true(dies(fail_must));
    assert_true(dies(fail_check));
    assert_true(dies(fail_check_null));
    assert_true(dies(fail_never));
    assert_true(dies(fail_alloc));
}

static void test_message(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        fail_must();
        _exit(0);
    }
    close(ends[1]);
    char text[1024] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "good.magic == 8"));
    assert_non_null(strstr(text, "test_must.c:"));
    assert_non_null(strstr(text, "fail_must"));
}

static void test_memory(void **state)
{
    (void)state;
    char *p = must_alloc(1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 'x', 1000);
    p = must_realloc(p, 100000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 'x');
    free(p);
    void *nothing = must_alloc(0);
    assert_non_null(nothing);
    free(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assertions),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
