/*
 * Query parameters and cookies as handlers read them.
 */
#include "server.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void test_get(void **state)
{
    static const struct {
        const char *query, *name;
        bool found;
        const char *value;
    } asked[] = {
        {"", "a", false, ""},
        {"a=1", "a", true, "1"},
        {"a=1", "b", false, ""},
        {"ab=1&a=2", "a", true, "2"},
        {"a", "a", true, ""},
        {"a=", "a", true, ""},
        {"a=b=c", "a", true, "b=c"},
        {"a=x%20y+z", "a", true, "x y z"},
        {"q=%E5%AE%A2%E6%88%B7", "q", true, "\xe5\xae\xa2\xe6\x88\xb7"},
        {"%61=1", "a", true, "1"},
        {"&&a=1&&", "a", true, "1"},
        {"a=%2B%26%3D", "a", true, "+&="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct net_request request = {.query = str_of(asked[i].query)};
        struct err err = {0};
        struct str value;
        bool found;
        assert_int_equal(net_query_get(&request, str_of(asked[i].name), arena, &found, &value, &err), 0);
        assert_int_equal(found, asked[i].found);
        assert_true(str_eq(value, str_of(asked[i].value)));
    }
}

static void test_get_refuses(void **state)
{
    static const char *const queries[] = {
        "a=1&a=2", "a=1&%61=2", "a=%", "a=%4", "a=%zz", "a=%00", "a=%ff", "a=%c0%af", "%zz=1&a=1"};
    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct net_request request = {.query = str_of(queries[i])};
        struct err err = {0};
        struct str value = STR("untouched");
        bool found = true;
        assert_int_equal(net_query_get(&request, STR("a"), arena, &found, &value, &err), -ERR_BAD_REQUEST);
        assert_true(found && str_eq(value, STR("untouched")));
    }
}

static void test_check(void **state)
{
    static const char *const known[] = {"limit", "after", NULL};
    static const struct {
        const char *query;
        enum err_code code;
        size_t n_items;
    } asked[] = {{"", ERR_NONE, 0}, {"limit=1&after=x", ERR_NONE, 0}, {"limit=1&", ERR_NONE, 0},
        {"limit=1&x=2", ERR_INVALID, 1}, {"x=1&limit=2&y=3", ERR_INVALID, 2}, {"=1", ERR_INVALID, 1},
        {"%=1", ERR_BAD_REQUEST, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct net_request request = {.query = str_of(asked[i].query)};
        struct err err = {0};
        assert_int_equal(net_query_check(&request, known, arena, &err), -(int)asked[i].code);
        assert_int_equal(err.code, asked[i].code);
        assert_int_equal(err.n_items, asked[i].n_items);
    }
}

static void test_cookies(void **state)
{
    static const struct {
        const char *cookie, *name, *value;
    } asked[] = {
        {"", "sid", ""},
        {"sid=1", "sid", "1"},
        {"a=b; sid=1; c=d", "sid", "1"},
        {"xsid=2; sid=1", "sid", "1"},
        {"sid=a=b", "sid", "a=b"},
        {"SID=1", "sid", ""},
        {"__Host-sid=x; sid=1", "__Host-sid", "x"},
        {"sid", "sid", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct net_request request = {.cookie = str_of(asked[i].cookie)};
        assert_true(str_eq(net_cookie(&request, str_of(asked[i].name)), str_of(asked[i].value)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_get_refuses),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_cookies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
