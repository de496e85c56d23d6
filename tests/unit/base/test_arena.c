/* The arena: contents, growth, clean-ups, and that what is not handed out is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"

#include "dies.h"

#include <stdint.h>
#include <string.h>

static void test_alloc(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char *blocks[2000];
    for (size_t i = 0; i < 2000; i++) {
        size_t n = i * 37 % 5000;
        blocks[i] = arena_alloc(arena, n);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(blocks[i][j], 0);
        memset(blocks[i], (int)i, n);
    }
    for (size_t i = 0; i < 2000; i++)
        for (size_t j = 0; j < i * 37 % 5000; j++)
            assert_int_equal((unsigned char)blocks[i][j], i & 255);
    arena_free(arena);
}

static void test_big_ones_stand_apart(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char *small = arena_alloc(arena, 16);
    char *big = arena_alloc(arena, (size_t)10 << 20);
    big[((size_t)10 << 20) - 1] = 'x';
    /* The block in use goes on being filled. */
    char *next = arena_alloc(arena, 16);
    assert_true(next > small && next - small <= 64);
    arena_free(arena);
}

static void test_used_and_clear(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_int_equal(arena_used(arena), 0);
    char *first = arena_alloc(arena, 100);
    memset(first, 'x', 100);
    arena_alloc(arena, 100000);
    assert_int_equal(arena_used(arena), 100100);
    arena_clear(arena);
    assert_int_equal(arena_used(arena), 0);
    char *again = arena_alloc(arena, 100);
    assert_ptr_equal(first, again);
    for (int i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    arena_free(arena);
    arena_free(NULL);
}

static void test_array(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    int64_t *numbers = arena_new_array(arena, int64_t, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], 0);
    assert_non_null(arena_new_array(arena, int64_t, 0));
    arena_free(arena);
}

static void alloc_overflowing_array(void)
{
    arena_alloc_array(arena_new(), SIZE_MAX / 2, 3);
}

static void test_array_overflow_is_asserted(void **state)
{
    (void)state;
    assert_true(dies(alloc_overflowing_array));
}

/* A small one holds as much as any other, also when it is used again. */
static void test_small_grows(void **state)
{
    (void)state;
    struct arena *arena = arena_new_small();
    for (int round = 0; round < 2; round++) {
        int *numbers[300];
        for (int i = 0; i < 300; i++) {
            numbers[i] = arena_new_array(arena, int, 10 + (size_t)i);
            numbers[i][9 + i] = i;
        }
        for (int i = 0; i < 300; i++)
            assert_int_equal(numbers[i][9 + i], i);
        arena_clear(arena);
    }
    arena_free(arena);
}

static void test_text(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char source[] = {'a', '\0', 'b', 'c'};
    struct str copy = arena_copy(arena, (struct str){source, 3});
    source[0] = 'x';
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 4);
    copy = arena_copy(arena, STR_NULL);
    assert_int_equal(copy.n, 0);
    assert_string_equal(copy.p, "");
    assert_string_equal(arena_cstr(arena, (struct str){"hello", 4}), "hell");

    struct str text = arena_printf(arena, "%d-%s", 42, "x");
    assert_int_equal(text.n, 4);
    assert_string_equal(text.p, "42-x");
    char *large = arena_alloc(arena, 50001);
    memset(large, 'y', 50000);
    text = arena_printf(arena, "<%s>", large);
    assert_int_equal(text.n, 50002);
    assert_int_equal(strlen(text.p), 50002);
    arena_free(arena);
}

static int order[3];
static int n_order;

static void note(void *arg)
{
    order[n_order++] = *(int *)arg;
}

static void test_clean_ups_run_once_newest_first(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (int i = 0; i < 3; i++) {
        int *number = arena_new_one(arena, int);
        *number = i;
        arena_on_free(arena, note, number); /* still readable when it runs */
    }
    arena_clear(arena);
    assert_int_equal(n_order, 3);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 0);
    int again = 7;
    n_order = 0;
    arena_on_free(arena, note, &again);
    arena_free(arena);
    assert_int_equal(n_order, 1);
    assert_int_equal(order[0], 7);
}

#if defined(__SANITIZE_ADDRESS__)
static struct arena *dead_arena;
static volatile char seen;

static void read_after_clear(void)
{
    const volatile char *p = arena_alloc(dead_arena, 8);
    arena_clear(dead_arena);
    seen = p[0];
}

static void read_past_end(void)
{
    const volatile char *p = arena_alloc(dead_arena, 8);
    arena_alloc(dead_arena, 8);
    seen = p[8];
}

static void read_gap_of_neighbour(void)
{
    const volatile char *p = arena_alloc(dead_arena, 16);
    arena_alloc(dead_arena, 16);
    seen = p[16];
}

static void read_what_is_handed_out(void)
{
    const volatile char *p = arena_alloc(dead_arena, 16);
    seen = p[15];
}

static void test_dead_memory_is_poisoned(void **state)
{
    (void)state;
    dead_arena = arena_new();
    assert_false(dies(read_what_is_handed_out));
    assert_true(dies(read_after_clear));
    assert_true(dies(read_past_end));
    assert_true(dies(read_gap_of_neighbour));
    arena_free(dead_arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_big_ones_stand_apart),
        cmocka_unit_test(test_used_and_clear),
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_small_grows),
        cmocka_unit_test(test_array_overflow_is_asserted),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_clean_ups_run_once_newest_first),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(test_dead_memory_is_poisoned),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
