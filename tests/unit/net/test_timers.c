/* The sorted list of libwebsockets' timers, searched from its end: the same place as from its front. */
#include "net/tap.h"

#include "random.h"

#include <dlfcn.h>
#include <libwebsockets.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct timer {
    struct lws_dll2 link;
    int at, number;
};

static int compare(const struct lws_dll2 *there, const struct lws_dll2 *added)
{
    const struct timer *a = lws_container_of(there, struct timer, link),
                       *b = lws_container_of(added, struct timer, link);
    return (a->at > b->at) - (a->at < b->at);
}

/* As the library does it. */
static void add_from_front(struct lws_dll2 *added, struct lws_dll2_owner *owner)
{
    for (struct lws_dll2 *it = owner->head; it != NULL; it = it->next)
        if (compare(it, added) >= 0) {
            lws_dll2_add_before(added, it);
            return;
        }
    lws_dll2_add_tail(added, owner);
}

static void test_same_place(void **state)
{
    enum { N = 40, ROUNDS = 500 };
    (void)state;
    random_begin();
    for (int round = 0; round < ROUNDS; round++) {
        struct timer ours[N] = {0}, theirs[N] = {0};
        struct lws_dll2_owner back = {0}, front = {0};
        for (int i = 0; i < N; i++) {
            ours[i].at = theirs[i].at = (int)random_below(1 + (size_t)round % 30);
            ours[i].number = theirs[i].number = i;
            lws_dll2_add_sorted(&ours[i].link, &back, compare);
            add_from_front(&theirs[i].link, &front);
        }
        const struct lws_dll2 *a = back.head, *b = front.head;
        for (int i = 0; i < N; i++, a = a->next, b = b->next) {
            assert_int_equal(lws_container_of(a, struct timer, link)->number,
                lws_container_of(b, struct timer, link)->number);
            assert_ptr_equal(a->next ? a->next->prev : back.tail, a);
        }
        assert_null(a);
        assert_int_equal(back.count, N);
    }
}

/* The library must find ours first, else it is slow with thousands of sockets. */
static void test_found_first(void **state)
{
    void *found = dlsym(RTLD_DEFAULT, "lws_dll2_add_sorted");
    Dl_info where;
    (void)state;
    assert_true(tap_is_wired());
    assert_non_null(found);
    assert_int_not_equal(dladdr(found, &where), 0);
    assert_null(strstr(where.dli_fname, "libwebsockets"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_place), cmocka_unit_test(test_found_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
