/*
 * What is sold to the customers of the demo bank: opportunities, the contracts of those that were won, and
 * the payments that were agreed, a pure function of the customer's number and the item's (demo_data.h). They
 * agree with their customer and with each other: the stage of an opportunity follows the customer's, a
 * contract has the amount of its opportunity and was signed when that was won, the payments of a contract add
 * up to its amount.
 */
#ifndef TIDEMARK_MAIN_DEMO_SALES_H
#define TIDEMARK_MAIN_DEMO_SALES_H

#include "main/demo_data.h"
#include "json/json.h"

/* How many there are of n customers: six opportunities for five, all of them with customers that somebody has
 * spoken to; one in four is won, by customers who have been won. Of a customer's opportunities the won ones
 * come first, and each has one contract. Contracts have three payments on average. */
struct demo_sales {
    size_t n;
    unsigned *opportunities, *contracts, *payments; /* by customer */
    size_t *first_opportunity, *first_contract;     /* by customer: how many the customers before have */
};
void demo_sales_count(size_t n, const struct demo_org *org, int64_t today_us, struct arena *arena,
    struct demo_sales *ret_sales);
/* Of the customer's payments: which of its contracts the i-th belongs to, and which of that one's it is. */
unsigned demo_payment_contract(const struct demo_sales *sales, size_t n, unsigned i, unsigned *ret_place);

/* The `fields` of a request that creates the customer's i-th; ids: the records that it names. */
struct json *demo_opportunity_fields(const struct demo_sales *sales, size_t n, unsigned i, int64_t customer,
    const struct demo_org *org, int64_t today_us, struct arena *arena);
struct json *demo_contract_fields(const struct demo_sales *sales, size_t n, unsigned i, int64_t customer,
    int64_t opportunity, const struct demo_org *org, int64_t today_us, struct arena *arena);
struct json *demo_payment_fields(const struct demo_sales *sales, size_t n, unsigned i, int64_t contract,
    const struct demo_org *org, int64_t today_us, struct arena *arena);

#endif
