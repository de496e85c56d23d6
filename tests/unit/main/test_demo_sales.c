/*
 * Opportunities, contracts and payments of the demo bank: how many, the same in each run, in agreement with
 * their customer and with each other.
 */
#include "base/id.h"
#include "base/must.h"
#include "main/demo_sales.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CUSTOMERS = 400 };
#define TODAY "2026-11-23"
#define TODAY_US (INT64_C(1795392000) * 1000000) /* 2026-11-23 00:00 UTC */

static struct arena *arena;
static struct demo_sales sales;
static const struct demo_owner OWNERS[] = {{71, 81, "330100"}, {72, 82, "320100"}, {73, 83, NULL}};
static const struct demo_org ORG = {OWNERS, 3};

static struct str text_of(const struct json *fields, const char *key)
{
    const struct json *value = json_get(fields, str_of(key));
    return value && value->kind == JSON_STR ? value->str : STR("");
}

static bool is(const struct json *fields, const char *key, const char *text)
{
    return str_eq(text_of(fields, key), str_of(text));
}

static int64_t cents_of(const struct json *fields, const char *key)
{
    const char *text = arena_cstr(arena, text_of(fields, key)), *dot = strchr(text, '.');
    return dot ? strtoll(text, NULL, 10) * 100 + strtoll(dot + 1, NULL, 10) : 0;
}

static void they_are_as_many_as_the_contract_says(void **state)
{
    size_t opportunities = 0, contracts = 0, payments = 0;
    (void)state;
    for (size_t i = 0; i < CUSTOMERS; i++) {
        assert_true(sales.contracts[i] <= sales.opportunities[i]);
        assert_int_equal(sales.first_opportunity[i], opportunities);
        assert_int_equal(sales.first_contract[i], contracts);
        opportunities += sales.opportunities[i];
        contracts += sales.contracts[i];
        payments += sales.payments[i];
    }
    assert_int_equal(opportunities, CUSTOMERS * 6 / 5);
    assert_int_equal(contracts, CUSTOMERS * 3 / 10);
    assert_int_equal(payments, CUSTOMERS * 9 / 10);
}

static void opportunities_agree_with_their_customer(void **state)
{
    size_t open = 0;
    (void)state;
    for (size_t n = 0; n < CUSTOMERS; n++)
        for (unsigned i = 0; i < sales.opportunities[n]; i++) {
            struct demo_customer customer;
            struct json *one = demo_opportunity_fields(&sales, n, i, 1000, &ORG, TODAY_US, arena);
            struct json *again = demo_opportunity_fields(&sales, n, i, 1000, &ORG, TODAY_US, arena);
            demo_customer(n, &ORG, TODAY_US, &customer);
            bool won = i < sales.contracts[n];
            assert_true(str_eq(text_of(one, "name"), text_of(again, "name")));
            assert_true(str_eq(text_of(one, "amount"), text_of(again, "amount")));
            assert_true(customer.last_follow_up_at[0] != '\0' && cents_of(one, "amount") > 0);
            assert_int_equal(is(one, "stage", "won"), won);
            assert_int_equal(text_of(one, "won_at").n > 0, won);
            long probability = strtol(arena_cstr(arena, text_of(one, "probability")), NULL, 10);
            assert_true(won ? probability == 100 : probability >= 0 && probability < 100);
            if (won) {
                assert_string_equal(customer.stage, "won");
                assert_true(str_cmp(text_of(one, "won_at"), STR(TODAY)) < 0);
            }
            if (is(one, "stage", "lost"))
                assert_int_equal(probability, 0);
            open += !won && !is(one, "stage", "lost");
        }
    assert_true(open > CUSTOMERS / 2);
}

static void payments_add_up_to_their_contract_and_contracts_are_their_opportunity(void **state)
{
    size_t paid = 0, overdue = 0, later = 0;
    (void)state;
    for (size_t n = 0; n < CUSTOMERS; n++) {
        int64_t sums[32] = {0};
        assert_true(sales.contracts[n] < 32);
        for (unsigned i = 0; i < sales.payments[n]; i++) {
            unsigned place, own = demo_payment_contract(&sales, n, i, &place);
            struct json *one = demo_payment_fields(&sales, n, i, 3000, &ORG, TODAY_US, arena);
            struct json *contract = demo_contract_fields(&sales, n, own, 1000, 2000, &ORG, TODAY_US, arena);
            struct str due = text_of(one, "due_on"), on = text_of(one, "paid_on");
            assert_true(cents_of(one, "amount") > 0);
            assert_true(str_cmp(text_of(contract, "starts_on"), due) <= 0);
            assert_true(str_cmp(due, text_of(contract, "ends_on")) <= 0);
            assert_true(on.n == 0 || str_cmp(on, STR(TODAY)) <= 0);
            assert_int_equal(on.n > 0, cents_of(one, "paid_amount") > 0);
            assert_true(cents_of(one, "paid_amount") <= cents_of(one, "amount"));
            paid += on.n > 0;
            overdue += on.n == 0 && str_cmp(due, STR(TODAY)) < 0;
            later += on.n == 0 && str_cmp(due, STR(TODAY)) >= 0;
            sums[own] += cents_of(one, "amount");
        }
        for (unsigned c = 0; c < sales.contracts[n]; c++) {
            struct json *won = demo_opportunity_fields(&sales, n, c, 1000, &ORG, TODAY_US, arena);
            struct json *contract = demo_contract_fields(&sales, n, c, 1000, 2000, &ORG, TODAY_US, arena);
            assert_int_equal(sums[c], cents_of(contract, "amount"));
            assert_int_equal(sums[c], cents_of(won, "amount"));
            assert_true(str_cmp(text_of(contract, "signed_on"), STR(TODAY)) <= 0);
            assert_true(str_cmp(text_of(contract, "starts_on"), text_of(contract, "ends_on")) < 0);
        }
    }
    assert_true(paid > 50 && overdue > 2 && later > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_as_many_as_the_contract_says),
        cmocka_unit_test(opportunities_agree_with_their_customer),
        cmocka_unit_test(payments_add_up_to_their_contract_and_contracts_are_their_opportunity),
    };
    arena = arena_new();
    demo_sales_count(CUSTOMERS, &ORG, TODAY_US, arena, &sales);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
