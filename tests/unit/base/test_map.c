/* Maps: against a plain array under random puts and removes, in both kinds of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/map.h"

#include "dies.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

static void test_text_keys(void **state)
{
    (void)state;
    struct map *map = map_new();
    int one = 1, two = 2;
    char key[] = "key";
    assert_null(map_get(map, STR("key")));
    assert_null(map_put(map, str_of(key), &one));
    memset(key, 'x', 3); /* the map has its own copy */
    assert_ptr_equal(map_get(map, STR("key")), &one);
    assert_null(map_get(map, STR("xxx")));
    assert_ptr_equal(map_put(map, STR("key"), &two), &one);
    assert_int_equal(map_count(map), 1);
    assert_null(map_put(map, STR(""), &one));
    assert_ptr_equal(map_get(map, STR_NULL), &one);
    assert_null(map_put(map, STR("a\0b"), &one));
    assert_null(map_get(map, STR("a\0c")));
    assert_null(map_get(map, STR("a")));
    assert_ptr_equal(map_remove(map, STR("key")), &two);
    assert_null(map_remove(map, STR("key")));
    assert_int_equal(map_count(map), 2);
    map_free(map, NULL);
    map_free(NULL, NULL);
}

static bool collect(struct str key, void *value, void *arg)
{
    (void)value;
    char *text = arg;
    strncat(text, key.p, key.n);
    return true;
}

static bool stop_at_once(struct str key, void *value, void *arg)
{
    (void)key;
    (void)value;
    ++*(int *)arg;
    return false;
}

static void test_order_of_insertion(void **state)
{
    (void)state;
    struct map *map = map_new();
    int value = 0;
    for (const char *p = "qwertyuiopasdfghjkl"; *p; p++)
        map_put(map, (struct str){p, 1}, &value);
    map_remove(map, STR("e"));
    map_put(map, STR("e"), &value);
    map_put(map, STR("q"), &value); /* keeps its place */
    char text[32] = "";
    assert_true(map_each(map, collect, text));
    assert_string_equal(text, "qwrtyuiopasdfghjkle");
    int calls = 0;
    assert_false(map_each(map, stop_at_once, &calls));
    assert_int_equal(calls, 1);
    map_free(map, NULL);
}

static int n_freed;
static void count_free(void *value)
{
    free(value);
    n_freed++;
}

#define KEYS 500
static void test_ids_against_an_array(void **state)
{
    (void)state;
    random_begin();
    struct map *map = map_new();
    int64_t *expected[KEYS] = {0};
    size_t count = 0;
    for (int round = 0; round < 200000; round++) {
        size_t i = random_below(KEYS);
        int64_t id = (int64_t)(i * 0x9E3779B97F4A7C15u); /* spread over the whole range, negative ones too */
        assert_ptr_equal(map_get_id(map, id), expected[i]);
        if (random_below(2)) {
            int64_t *value = malloc(sizeof *value);
            *value = id;
            int64_t *before = map_put_id(map, id, value);
            assert_ptr_equal(before, expected[i]);
            count += expected[i] == NULL;
            free(before);
            expected[i] = value;
        } else {
            int64_t *before = map_remove_id(map, id);
            assert_ptr_equal(before, expected[i]);
            count -= expected[i] != NULL;
            free(before);
            expected[i] = NULL;
        }
        assert_int_equal(map_count(map), count);
    }
    map_free(map, count_free);
    assert_int_equal(n_freed, count);
}

static void mix_keys(void)
{
    struct map *map = map_new();
    int value = 0;
    map_put_id(map, 1, &value);
    map_get(map, STR("1"));
}

static void test_kinds_of_keys_do_not_mix(void **state)
{
    (void)state;
    assert_true(dies(mix_keys));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_keys),
        cmocka_unit_test(test_order_of_insertion),
        cmocka_unit_test(test_ids_against_an_array),
        cmocka_unit_test(test_kinds_of_keys_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
