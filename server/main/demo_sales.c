/*
 * Opportunities, contracts and payments, item by item. Each opportunity has dice of its own, and its contract
 * and payments follow from what they gave, so that none depends on what was drawn for another;
 * tests/unit/main/test_demo_sales.c holds their counts and what must agree.
 */
#include "main/demo_sales.h"

#include "base/must.h"
#include "main/demo_int.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEED_OPPORTUNITY UINT64_C(0x7469646d61726b34)
#define SEED_CONTRACT UINT64_C(0x7469646d61726b35)
#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)
#define ZONE_US (INT64_C(8) * 3600 * SECOND_US)

static const unsigned PAYMENTS[] = {3, 1, 4, 2, 6, 2}; /* of a contract, in turn */

/* ---- how many ---- */

/* Gives `due` of what has come up to the customer at `i`, or keeps it for the next one. */
static unsigned settle(bool can, size_t *given, size_t due)
{
    unsigned n = can ? (unsigned)(due - *given) : 0;
    *given += n;
    return n;
}

void demo_sales_count(
    size_t n, const struct demo_org *org, int64_t today_us, struct arena *arena, struct demo_sales *ret_sales)
{
    struct demo_sales sales = {.n = n};
    size_t open = 0, won = 0, last_spoken = SIZE_MAX, last_won = SIZE_MAX;
    sales.opportunities = arena_new_array(arena, unsigned, n + 1);
    sales.contracts = arena_new_array(arena, unsigned, n + 1);
    sales.payments = arena_new_array(arena, unsigned, n + 1);
    sales.first_opportunity = arena_new_array(arena, size_t, n + 1);
    sales.first_contract = arena_new_array(arena, size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct demo_customer customer;
        demo_customer(i, org, today_us, &customer);
        bool spoken = customer.last_follow_up_at[0], is_won = spoken && strcmp(customer.stage, "won") == 0;
        sales.contracts[i] = settle(is_won, &won, (i + 1) * 3 / 10);
        sales.opportunities[i] = sales.contracts[i] + settle(spoken, &open, (i + 1) * 9 / 10);
        last_spoken = spoken ? i : last_spoken;
        last_won = is_won ? i : last_won;
    }
    if (last_spoken != SIZE_MAX) /* what has come up since */
        sales.opportunities[last_spoken] += settle(true, &open, n * 9 / 10);
    if (last_won != SIZE_MAX) {
        unsigned more = settle(true, &won, n * 3 / 10);
        sales.contracts[last_won] += more;
        sales.opportunities[last_won] += more;
    }
    for (size_t i = 0, opportunities = 0, contracts = 0; i < n; i++) {
        sales.first_opportunity[i] = opportunities;
        sales.first_contract[i] = contracts;
        for (unsigned c = 0; c < sales.contracts[i]; c++)
            sales.payments[i] += PAYMENTS[(contracts + c) % COUNT(PAYMENTS)];
        opportunities += sales.opportunities[i];
        contracts += sales.contracts[i];
    }
    *ret_sales = sales;
}

unsigned demo_payment_contract(const struct demo_sales *sales, size_t n, unsigned i, unsigned *ret_place)
{
    for (unsigned c = 0;; c++) {
        unsigned own = PAYMENTS[(sales->first_contract[n] + c) % COUNT(PAYMENTS)];
        must(c < sales->contracts[n]);
        if (i < own) {
            *ret_place = i;
            return c;
        }
        i -= own;
    }
}

/* ---- what an opportunity is ---- */

struct product {
    const char *name;
    int64_t low, high; /* of the amount, in units of `unit` yuan */
    int64_t unit;
    unsigned months; /* of the contract, at most */
};
static const struct product FIRM_PRODUCTS[] = {{"流动资金贷款", 10, 300, 100000, 12},
    {"固定资产贷款", 20, 500, 100000, 36}, {"银行承兑汇票", 5, 150, 100000, 6},
    {"国内保理", 5, 120, 100000, 12}, {"供应链融资", 5, 200, 100000, 12}, {"国内信用证", 5, 150, 100000, 6},
    {"代发工资", 5, 80, 10000, 24}, {"现金管理", 5, 60, 10000, 24}, {"跨境结算", 5, 100, 10000, 12},
    {"对公结构性存款", 10, 200, 100000, 12}};
static const struct product PERSON_PRODUCTS[] = {{"个人经营贷款", 10, 200, 10000, 36},
    {"个人住房贷款", 30, 400, 10000, 36}, {"个人理财签约", 5, 100, 10000, 12},
    {"大额存单", 20, 200, 10000, 36}, {"家庭信托咨询", 100, 500, 10000, 36}};
static const char *const PURPOSES[] = {"新增", "续作", "扩额", "首笔", "项目配套", "年度授信内", "专项"};

enum stage { STAGE_LEAD, STAGE_CONTACTED, STAGE_QUOTED, STAGE_NEGOTIATING, STAGE_WON, STAGE_LOST };
static const char *const STAGES[] = {"lead", "contacted", "quoted", "negotiating", "won", "lost"};
static const int PROBABILITIES[] = {10, 20, 45, 70, 100, 0}; /* more or less */
/* By the customer's stage: that of its opportunities that are not won. */
static const unsigned STAGE_WEIGHTS[][6] = {[STAGE_LEAD] = {80, 20, 0, 0, 0, 0},
    [STAGE_CONTACTED] = {25, 65, 5, 0, 0, 5},
    [STAGE_QUOTED] = {5, 20, 65, 0, 0, 10},
    [STAGE_NEGOTIATING] = {0, 10, 15, 65, 0, 10},
    [STAGE_WON] = {15, 25, 20, 20, 0, 20},
    [STAGE_LOST] = {0, 0, 0, 0, 0, 100}};

struct draft {
    struct demo_customer customer;
    const struct product *product;
    const char *purpose;
    enum stage stage;
    int64_t yuan;
    int64_t today, first,
        last;          /* days in Asia/Shanghai: of the customer's first contact and last follow-up */
    int64_t won_at_us; /* 0: it is not */
    int64_t expected;
    int probability;
};

static int64_t day_of(int64_t at_us)
{
    return (at_us + ZONE_US) / DAY_US;
}

static int64_t between(struct dice *dice, int64_t low, int64_t high)
{
    return high <= low ? low : low + (int64_t)dice_below(dice, (size_t)(high - low + 1));
}

static enum stage stage_of(const char *key)
{
    size_t i = 0;
    while (strcmp(STAGES[i], key) != 0)
        i++;
    return (enum stage)i;
}

/* When it was won: on some day between the first talk and the last, in office hours. */
static void draw_win(struct dice *dice, struct draft *draft, unsigned i, unsigned count)
{
    int64_t span = (draft->last - draft->first) / count;
    int64_t day = draft->first + span * i + between(dice, 0, span > 0 ? span - 1 : 0);
    draft->won_at_us = day * DAY_US - ZONE_US + (34200 + between(dice, 0, 28800)) * SECOND_US;
    draft->expected = day + between(dice, -20, 20);
}

static void draw(const struct demo_sales *sales, size_t n, unsigned i, const struct demo_org *org,
    int64_t today_us, struct draft *ret_draft)
{
    struct dice dice = {demo_mix(demo_mix(SEED_OPPORTUNITY + n) + i)};
    struct draft draft = {.today = day_of(today_us)};
    int64_t first_us, last_us;
    demo_customer(n, org, today_us, &draft.customer);
    char first[DEMO_DATE_SIZE + 10];
    (void)memcpy(first, draft.customer.first_contact_on, 10);
    (void)memcpy(first + 10, "T01:00:00Z", 11);
    must(clock_parse_rfc3339(str_of(first), &first_us));
    must(clock_parse_rfc3339(str_of(draft.customer.last_follow_up_at), &last_us));
    draft.first = day_of(first_us);
    draft.last = day_of(last_us);
    bool person = strcmp(draft.customer.kind, "person") == 0;
    draft.product = person ? &PERSON_PRODUCTS[dice_below(&dice, COUNT(PERSON_PRODUCTS))]
                           : &FIRM_PRODUCTS[dice_below(&dice, COUNT(FIRM_PRODUCTS))];
    draft.purpose = PURPOSES[dice_below(&dice, COUNT(PURPOSES))];
    /* Small ones are more frequent. */
    int64_t high = between(&dice, draft.product->low, draft.product->high);
    draft.yuan = between(&dice, draft.product->low, high) * draft.product->unit;
    bool won = i < sales->contracts[n];
    const unsigned *weights = STAGE_WEIGHTS[stage_of(draft.customer.stage)];
    draft.stage = won ? STAGE_WON : (enum stage)dice_weighted(&dice, weights, COUNT(STAGES));
    draft.probability = PROBABILITIES[draft.stage];
    if (draft.stage != STAGE_WON && draft.stage != STAGE_LOST)
        draft.probability += (int)between(&dice, -1, 2) * 5;
    if (won)
        draw_win(&dice, &draft, i, sales->contracts[n]);
    else if (draft.stage == STAGE_LOST)
        draft.expected = between(&dice, draft.first, draft.last);
    else
        draft.expected = draft.today + between(&dice, -10, 150 - 35 * (int64_t)draft.stage);
    *ret_draft = draft;
}

/* ---- values ---- */

static void add_text(struct json *fields, const char *key, struct str text, struct arena *arena)
{
    demo_add_text(fields, key, arena_cstr(arena, text));
}

static void add_day(struct json *fields, const char *key, int64_t day, struct arena *arena)
{
    char text[CLOCK_TEXT_MAX];
    must(clock_print_rfc3339(day * DAY_US, text) > 10);
    add_text(fields, key, arena_copy(arena, (struct str){text, 10}), arena);
}

static void add_yuan(struct json *fields, const char *key, int64_t cents, struct arena *arena)
{
    add_text(fields, key,
        arena_printf(arena, "%lld.%02lld", (long long)(cents / 100), (long long)(cents % 100)), arena);
}

static void add_owner(struct json *fields, const struct demo_customer *customer, struct arena *arena)
{
    demo_add_id(fields, "owner", customer->owner_id, arena);
    demo_add_id(fields, "department", customer->department_id, arena);
}

struct json *demo_opportunity_fields(const struct demo_sales *sales, size_t n, unsigned i, int64_t customer,
    const struct demo_org *org, int64_t today_us, struct arena *arena)
{
    struct draft draft;
    struct json *fields = demo_fields_new(arena);
    char text[CLOCK_TEXT_MAX];
    draw(sales, n, i, org, today_us, &draft);
    demo_add_id(fields, "customer", customer, arena);
    add_text(fields, "name", arena_printf(arena, "%s（%s）", draft.product->name, draft.purpose), arena);
    demo_add_text(fields, "stage", STAGES[draft.stage]);
    add_yuan(fields, "amount", draft.yuan * 100, arena);
    add_text(fields, "probability", arena_printf(arena, "%d", draft.probability), arena);
    add_day(fields, "expected_on", draft.expected, arena);
    add_owner(fields, &draft.customer, arena);
    if (draft.won_at_us) {
        size_t length = clock_print_rfc3339(draft.won_at_us, text);
        add_text(fields, "won_at", arena_copy(arena, (struct str){text, length}), arena);
    }
    return fields;
}

/* ---- contracts and payments ---- */

struct term {
    int64_t signed_on, starts, ends;
    const char *status;
    bool terminated;
};

static struct term term_of(const struct draft *draft, size_t n, unsigned i)
{
    struct dice dice = {demo_mix(demo_mix(SEED_CONTRACT + n) + i)};
    struct term term = {.signed_on = day_of(draft->won_at_us) + between(&dice, 0, 6)};
    if (term.signed_on > draft->today)
        term.signed_on = draft->today;
    term.starts = term.signed_on + between(&dice, 0, 10);
    int64_t halves = between(&dice, 1, (int64_t)draft->product->months / 6);
    term.ends = term.starts + halves * 365 / 2 - 1;
    term.terminated = dice_percent(&dice, 3);
    term.status = term.terminated              ? "terminated"
                  : term.starts > draft->today ? "signed"
                  : term.ends < draft->today   ? "completed"
                                               : "active";
    return term;
}

struct json *demo_contract_fields(const struct demo_sales *sales, size_t n, unsigned i, int64_t customer,
    int64_t opportunity, const struct demo_org *org, int64_t today_us, struct arena *arena)
{
    struct draft draft;
    struct json *fields = demo_fields_new(arena);
    must(i < sales->contracts[n]);
    draw(sales, n, i, org, today_us, &draft);
    struct term term = term_of(&draft, n, i);
    demo_add_id(fields, "customer", customer, arena);
    demo_add_id(fields, "opportunity", opportunity, arena);
    add_yuan(fields, "amount", draft.yuan * 100, arena);
    add_day(fields, "signed_on", term.signed_on, arena);
    add_day(fields, "starts_on", term.starts, arena);
    add_day(fields, "ends_on", term.ends, arena);
    demo_add_text(fields, "status", term.status);
    add_owner(fields, &draft.customer, arena);
    return fields;
}

/* Most pay about when it is due, some later, some a part of it; what is due today or later is open, as a
 * rule. */
static void add_paid(struct dice *dice, const struct draft *draft, const struct term *term, int64_t due,
    int64_t cents, struct json *fields, struct arena *arena)
{
    int64_t paid_on = due + (dice_percent(dice, 80) ? between(dice, -4, 2) : between(dice, 3, 40));
    bool part = dice_percent(dice, 4), never_paid = dice_percent(dice, 4);
    if (paid_on > draft->today || never_paid || (term->terminated && due > draft->today - 120))
        return;
    add_day(fields, "paid_on", paid_on < term->signed_on ? term->signed_on : paid_on, arena);
    add_yuan(fields, "paid_amount", part ? cents * between(dice, 2, 8) / 10 / 100 * 100 : cents, arena);
}

struct json *demo_payment_fields(const struct demo_sales *sales, size_t n, unsigned i, int64_t contract,
    const struct demo_org *org, int64_t today_us, struct arena *arena)
{
    struct draft draft;
    unsigned place, own = demo_payment_contract(sales, n, i, &place);
    unsigned count = PAYMENTS[(sales->first_contract[n] + own) % COUNT(PAYMENTS)];
    struct dice dice = {demo_mix(demo_mix(SEED_CONTRACT + n) + 1000 + i)};
    struct json *fields = demo_fields_new(arena);
    draw(sales, n, own, org, today_us, &draft);
    struct term term = term_of(&draft, n, own);
    /* Even parts in whole hundreds of yuan; the last one is what is left. */
    int64_t whole = draft.yuan * 100, part = whole / count / 10000 * 10000;
    int64_t cents = place + 1 == count ? whole - part * (count - 1) : part;
    int64_t due = term.starts + (term.ends - term.starts) * (place + 1) / count;
    demo_add_id(fields, "contract", contract, arena);
    add_day(fields, "due_on", due, arena);
    add_yuan(fields, "amount", cents, arena);
    add_paid(&dice, &draft, &term, due, cents, fields, arena);
    return fields;
}
