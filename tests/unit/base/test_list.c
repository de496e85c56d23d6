/* Intrusive lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/list.h"

struct thing {
    int number;
    struct list link;
};

static void check(struct list *head, const int *numbers, size_t n)
{
    size_t i = 0;
    list_for_each (it, head) {
        assert_true(i < n);
        assert_int_equal(list_entry(it, struct thing, link)->number, numbers[i++]);
        assert_ptr_equal(it->next->prev, it);
    }
    assert_int_equal(i, n);
    assert_int_equal(list_is_empty(head), n == 0);
}

static void test_list(void **state)
{
    (void)state;
    struct list head;
    struct thing things[5];
    list_init(&head);
    check(&head, NULL, 0);
    for (int i = 0; i < 5; i++) {
        things[i].number = i;
        if (i % 2)
            list_prepend(&head, &things[i].link);
        else
            list_append(&head, &things[i].link);
    }
    check(&head, (int[]){3, 1, 0, 2, 4}, 5);
    list_remove(&things[0].link);
    list_remove(&things[0].link); /* harmless */
    check(&head, (int[]){3, 1, 2, 4}, 4);
    list_for_each_safe (it, &head) {
        struct thing *thing = list_entry(it, struct thing, link);
        if (thing->number % 2)
            list_remove(&thing->link);
    }
    check(&head, (int[]){2, 4}, 2);
    list_for_each_safe (it, &head)
        list_remove(it);
    check(&head, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
