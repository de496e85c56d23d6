/*
 * What belongs to the customers of the demo bank: contacts and follow-ups, a pure function of the customer's
 * number and the item's, like the customers themselves (demo_data.h). Follow-ups agree with their customer:
 * none before the first contact, the last one at its last_follow_up_at with its next_follow_up_on.
 */
#ifndef TIDEMARK_MAIN_DEMO_RELATED_H
#define TIDEMARK_MAIN_DEMO_RELATED_H

#include "main/demo_data.h"
#include "json/json.h"

/* A bank of more customers has them for its first ones only: loading is to take minutes, not hours. */
#define DEMO_RELATED_CUSTOMERS_MAX 10000

/* How many items each of n customers has: contacts three for two, follow-ups six for one, all of them with
 * customers that somebody has spoken to. In the arena. */
unsigned *demo_contact_counts(size_t n, struct arena *arena);
unsigned *demo_follow_up_counts(size_t n, const struct demo_org *org, int64_t today_us, struct arena *arena);

/* The `fields` of a request that creates the i-th contact, or the i-th of `count` follow-ups, of customer n,
 * whose record is `id`. */
struct json *demo_contact_fields(
    uint64_t n, unsigned i, int64_t id, const struct demo_org *org, int64_t today_us, struct arena *arena);
struct json *demo_follow_up_fields(uint64_t n, unsigned i, unsigned count, int64_t id,
    const struct demo_org *org, int64_t today_us, struct arena *arena);

#endif
