/* Ids: unique and growing in one process, whatever the clock does; strict in text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/id.h"

#include "base/clock.h"
#include "dies.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOT 1023

static int64_t ms_of(int64_t id)
{
    return (id >> 22) + INT64_C(1704067200000);
}

static void test_parts(void **state)
{
    (void)state;
    int64_t before_ms = clock_utc_us() / 1000, id = id_new(), after_ms = clock_utc_us() / 1000;
    assert_true(id > 0);
    assert_true(ms_of(id) >= before_ms && ms_of(id) <= after_ms);
    assert_int_equal(id >> 12 & 1023, SLOT);
}

static void test_growing_fast(void **state)
{
    (void)state;
    int64_t last = id_new();
    for (int i = 0; i < 1000000; i++) {
        int64_t id = id_new();
        assert_true(id > last);
        last = id;
    }
}

static void test_clock_steps_back(void **state)
{
    (void)state;
    int64_t last = id_new();
    static const int64_t HOUR_US = INT64_C(3600000000);
    for (int i = 0; i < 5; i++) {
        clock_set_offset(-HOUR_US * i);
        for (int j = 0; j < 10000; j++) {
            int64_t id = id_new();
            assert_true(id > last);
            last = id;
        }
    }
    clock_set_offset(HOUR_US);
    int64_t id = id_new();
    assert_true(ms_of(id) - ms_of(last) > 3500 * 1000);
    clock_set_offset(0);
}

static void test_start_is_random(void **state)
{
    (void)state;
    /* Each on a millisecond of its own. The chance that 64 starts in 2,048 are all one is none. */
    int64_t first = -1;
    bool differs = false;
    for (int i = 1; i <= 64; i++) {
        clock_set_offset(INT64_C(7200000000) + i * INT64_C(10000000));
        int64_t counter = id_new() & 4095;
        assert_true(counter < 2048);
        differs = differs || (first >= 0 && counter != first);
        first = counter;
    }
    clock_set_offset(0);
    assert_true(differs);
}

#define THREADS 4
#define EACH 50000
static int64_t made[THREADS * EACH];

static void *make_ids(void *arg)
{
    int64_t *at = arg;
    for (int i = 0; i < EACH; i++)
        at[i] = id_new();
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, made + i * EACH), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(made, THREADS * EACH, sizeof made[0], compare);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_true(made[i] > made[i - 1]);
}

static void test_text(void **state)
{
    (void)state;
    char text[ID_TEXT_MAX];
    int64_t id;
    assert_int_equal(id_print(INT64_MAX, text), 19);
    assert_string_equal(text, "9223372036854775807");
    assert_true(id_parse(str_of(text), &id));
    assert_true(id == INT64_MAX);
    assert_int_equal(id_print(1, text), 1);
    assert_string_equal(text, "1");
    static const char *const BAD[] = {"", "0", "-1", "01", "+1", " 1", "1 ", "1.0", "1e1", "0x1",
        "9223372036854775808", "18446744073709551617", "abc", "-9223372036854775808"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        id = 7;
        if (id_parse(str_of(BAD[i]), &id))
            fail_msg("\"%s\" was taken", BAD[i]);
        assert_int_equal(id, 7);
    }
    for (int i = 0; i < 1000; i++) {
        int64_t made_id = id_new();
        size_t n = id_print(made_id, text);
        assert_true(id_parse((struct str){text, n}, &id));
        assert_true(id == made_id);
    }
}

static void take_other_slot(void)
{
    id_set_slot(SLOT - 1);
}

static void print_zero(void)
{
    char text[ID_TEXT_MAX];
    id_print(0, text);
}

static void test_the_least_of_a_time(void **state)
{
    (void)state;
    int64_t before = clock_utc_us(), id = id_new(), after = clock_utc_us();
    assert_true(id_from(before) <= id);
    assert_true(id_from(after + 60000000) > id);
    assert_int_equal(id_from(0), 0); /* before there were any */
}

static void test_misuse_is_asserted(void **state)
{
    (void)state;
    assert_true(dies(take_other_slot));
    assert_true(dies(print_zero));
}

static void make_without_slot(void)
{
    id_new();
}
static void take_slot_below(void)
{
    id_set_slot(-1);
}
static void take_slot_above(void)
{
    id_set_slot(ID_SLOTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_least_of_a_time), /* first: others move the clock */
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_growing_fast),
        cmocka_unit_test(test_clock_steps_back),
        cmocka_unit_test(test_start_is_random),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_misuse_is_asserted),
    };
    if (!dies(make_without_slot) || !dies(take_slot_below) || !dies(take_slot_above))
        return 1;
    id_set_slot(SLOT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
