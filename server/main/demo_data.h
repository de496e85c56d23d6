/*
 * The customers of the demo bank: a pure function of a number, so that a guide, a test or a newcomer may rely
 * on what `./run` loads (the same on every machine). No clock, no input, no state: `today_us` is a parameter,
 * and every date is an offset from its calendar day in Asia/Shanghai. The people and outlets are the
 * organisation's (config/templates/demo-bank/organisation.json), given by whoever loads it; the values are
 * meant for the road in (record/), as text in the form that a request has (CONTRACT 2). All people and firms
 * are invented.
 */
#ifndef TIDEMARK_MAIN_DEMO_DATA_H
#define TIDEMARK_MAIN_DEMO_DATA_H

#include "base/clock.h"

/* Credit codes are strictly unique below this number (31 to the power of 6). */
#define DEMO_CUSTOMERS_MAX UINT64_C(887503681)
#define DEMO_TAGS_MAX 4
#define DEMO_NAME_SIZE 128
#define DEMO_DATE_SIZE 11
#define DEMO_AMOUNT_SIZE 24
#define DEMO_NOTES_SIZE 512

/* Somebody who owns customers: the outlet is the customer's department, its prefecture (GB/T 2260, "330100",
 * or NULL) the place where most of them are. */
struct demo_owner {
    int64_t user_id, department_id;
    const char *region;
};

struct demo_org {
    const struct demo_owner *owners; /* each gets the same share */
    size_t n_owners;                 /* at least one */
};

/* The fields of the form `customer`, but for `no`, which record/ draws. No value: an empty array, or NULL.
 * What points does so to constants. */
struct demo_customer {
    char name[DEMO_NAME_SIZE];
    char credit_code[19];
    const char *kind, *industry, *region, *level, *source, *stage;
    int64_t owner_id, department_id;
    char phone[12];
    char legal_person[DEMO_NAME_SIZE];
    char id_no[19]; /* the person's own, or the legal representative's; `birthday` agrees with it */
    char registered_capital[DEMO_AMOUNT_SIZE], credit_line[DEMO_AMOUNT_SIZE]; /* yuan, two decimals */
    const char *risk_grade;
    const char *tags[DEMO_TAGS_MAX];
    size_t n_tags;
    char birthday[DEMO_DATE_SIZE], first_contact_on[DEMO_DATE_SIZE];
    char last_follow_up_at[CLOCK_TEXT_MAX]; /* RFC 3339, before today */
    char next_follow_up_on[DEMO_DATE_SIZE];
    char notes[DEMO_NOTES_SIZE];
};

/* Customer number n, from 0. n is below DEMO_CUSTOMERS_MAX and org has an owner: our own mistake if not. */
void demo_customer(
    uint64_t n, const struct demo_org *org, int64_t today_us, struct demo_customer *ret_customer);

#endif
