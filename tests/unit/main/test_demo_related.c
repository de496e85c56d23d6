/*
 * Contacts and follow-ups of the demo bank: how many, the same in each run, and in agreement with their
 * customer.
 */
#include "base/id.h"
#include "base/must.h"
#include "main/demo_related.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CUSTOMERS = 400 };
#define TODAY_US (INT64_C(1795392000) * 1000000) /* 2026-11-23 00:00 UTC */

static struct arena *arena;
static const struct demo_owner OWNERS[] = {{71, 81, "330100"}, {72, 82, "320100"}, {73, 83, NULL}};
static const struct demo_org ORG = {OWNERS, 3};

static struct str text_of(const struct json *fields, const char *key)
{
    const struct json *value = json_get(fields, str_of(key));
    return value && value->kind == JSON_STR ? value->str : STR("");
}

static void contacts_are_three_for_two_customers(void **state)
{
    unsigned *counts = demo_contact_counts(CUSTOMERS, arena), total = 0, deciders = 0;
    (void)state;
    for (unsigned n = 0; n < CUSTOMERS; n++)
        for (unsigned i = 0; i < counts[n]; i++, total++) {
            struct json *one = demo_contact_fields(n, i, 1000 + n, &ORG, TODAY_US, arena);
            struct json *again = demo_contact_fields(n, i, 1000 + n, &ORG, TODAY_US, arena);
            int64_t id;
            assert_true(id_parse(text_of(one, "customer"), &id) && id == 1000 + n);
            assert_true(text_of(one, "name").n > 0 && text_of(one, "title").n > 0);
            assert_true(str_eq(text_of(one, "name"), text_of(again, "name")));
            assert_true(str_eq(text_of(one, "phone"), text_of(again, "phone")));
            deciders += json_get(one, STR("decision_maker"))->boolean;
        }
    assert_int_equal(total, CUSTOMERS * 3 / 2);
    assert_true(deciders > total / 10 && deciders < total / 2);
}

static void follow_ups_are_six_a_customer_and_agree_with_it(void **state)
{
    unsigned *counts = demo_follow_up_counts(CUSTOMERS, &ORG, TODAY_US, arena), total = 0;
    (void)state;
    for (unsigned n = 0; n < CUSTOMERS; n++) {
        struct demo_customer customer;
        struct str before = STR("");
        demo_customer(n, &ORG, TODAY_US, &customer);
        total += counts[n];
        if (!customer.last_follow_up_at[0])
            assert_int_equal(counts[n], 0);
        for (unsigned i = 0; i < counts[n]; i++) {
            struct json *one = demo_follow_up_fields(n, i, counts[n], 1000 + n, &ORG, TODAY_US, arena);
            struct str at = text_of(one, "at");
            assert_true(str_cmp(str_of(customer.first_contact_on), (struct str){at.p, 10}) <= 0);
            assert_true(str_cmp(at, str_of(customer.last_follow_up_at)) <= 0);
            assert_true(text_of(one, "content").n > 0 && text_of(one, "by").n > 0);
            bool last = i + 1 == counts[n];
            assert_true(str_eq(text_of(one, "next_on"), last ? str_of(customer.next_follow_up_on) : STR("")));
            if (last)
                assert_true(str_eq(at, str_of(customer.last_follow_up_at)));
            assert_true(str_cmp(before, at) <= 0);
            before = at;
        }
    }
    assert_int_equal(total, CUSTOMERS * 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contacts_are_three_for_two_customers),
        cmocka_unit_test(follow_ups_are_six_a_customer_and_agree_with_it),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
