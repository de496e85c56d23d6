/*
 * Contacts and follow-ups, item by item. Each has dice of its own, so that none depends on what was drawn for
 * another; tests/unit/main/test_demo_related.c holds their counts and what must agree.
 */
#include "main/demo_related.h"

#include "base/must.h"
#include "main/demo_int.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEED_CONTACT UINT64_C(0x7469646d61726b32)
#define SEED_FOLLOW_UP UINT64_C(0x7469646d61726b33)
#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)
#define ZONE_US (INT64_C(8) * 3600 * SECOND_US)

static struct dice dice_of(uint64_t seed, uint64_t n, unsigned i)
{
    return (struct dice){demo_mix(demo_mix(seed + n) + i)};
}

/* ---- how many ---- */

unsigned *demo_contact_counts(size_t n, struct arena *arena)
{
    static const unsigned COUNTS[] = {1, 2, 1, 2, 3, 1, 1, 1};
    unsigned *counts = arena_new_array(arena, unsigned, n + 1);
    for (size_t i = 0; i < n; i++)
        counts[i] = COUNTS[i % COUNT(COUNTS)];
    return counts;
}

/* Whoever has not been spoken to has none: they go to the next one who has, the last ones to the last. */
unsigned *demo_follow_up_counts(size_t n, const struct demo_org *org, int64_t today_us, struct arena *arena)
{
    static const unsigned COUNTS[] = {2, 3, 9, 6, 12, 4, 7, 5};
    unsigned *counts = arena_new_array(arena, unsigned, n + 1), waiting = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        struct demo_customer customer;
        demo_customer(i, org, today_us, &customer);
        waiting += COUNTS[i % COUNT(COUNTS)];
        if (!customer.last_follow_up_at[0])
            continue;
        counts[i] = waiting;
        waiting = 0;
        last = i;
    }
    if (last != SIZE_MAX)
        counts[last] += waiting;
    return counts;
}

/* ---- contacts ---- */

static const char *const FIRM_TITLES[] = {"总经理", "财务总监", "财务经理", "出纳", "采购经理", "办公室主任",
    "人力资源经理", "董事长助理", "项目经理", "法务专员"};
static const char *const PERSON_TITLES[] = {"配偶", "子女", "父母", "兄弟姐妹", "合伙人"};
static const char *const MAIL_DOMAINS[] = {"example.com", "example.net", "example.org"};

struct json *demo_contact_fields(
    uint64_t n, unsigned i, int64_t id, const struct demo_org *org, int64_t today_us, struct arena *arena)
{
    struct dice dice = dice_of(SEED_CONTACT, n, i);
    struct demo_customer customer;
    struct json *fields = demo_fields_new(arena);
    char *name = arena_alloc(arena, DEMO_NAME_SIZE), *phone = arena_alloc(arena, 12), text[CLOCK_TEXT_MAX];
    demo_customer(n, org, today_us, &customer);
    bool person = strcmp(customer.kind, "person") == 0;
    demo_person_name(&dice, dice_percent(&dice, 48), name, DEMO_NAME_SIZE);
    demo_add_id(fields, "customer", id, arena);
    demo_add_text(fields, "name", name);
    size_t title = dice_below(&dice, person ? COUNT(PERSON_TITLES) : COUNT(FIRM_TITLES));
    demo_add_text(fields, "title", person ? PERSON_TITLES[title] : FIRM_TITLES[title]);
    if (dice_percent(&dice, 92)) {
        demo_phone(&dice, n * 8 + i + 1, phone);
        demo_add_text(fields, "phone", phone);
    }
    if (dice_percent(&dice, 55)) {
        const char *domain = MAIL_DOMAINS[dice_below(&dice, COUNT(MAIL_DOMAINS))];
        struct str mail = arena_printf(arena, "c%llu.%u@%s", (unsigned long long)n + 1, i + 1, domain);
        demo_add_text(fields, "email", arena_cstr(arena, mail));
    }
    if (dice_percent(&dice, 40)) {
        int64_t days = 24 * 365 + (int64_t)dice_below(&dice, 36 * 365);
        (void)clock_print_rfc3339((today_us + ZONE_US) / DAY_US * DAY_US - days * DAY_US, text);
        demo_add_value(fields, "birthday",
            (struct json){.kind = JSON_STR, .str = arena_copy(arena, (struct str){text, 10})});
    }
    bool decides = i == 0 ? dice_percent(&dice, 45) : dice_percent(&dice, 8);
    demo_add_value(fields, "decision_maker", (struct json){.kind = JSON_BOOL, .boolean = decides});
    return fields;
}

/* ---- follow-ups ---- */

static const struct {
    const char *kind;
    unsigned weight;
} KINDS[] = {{"phone", 42}, {"visit", 26}, {"message", 20}, {"meeting", 10}, {"other", 2}};

static const char *const OPENINGS[] = {"与客户沟通近期资金安排，", "介绍对公结算和代发工资方案，",
    "了解客户上下游和回款周期，", "回访存款到期情况，", "说明授信所需的资料清单，",
    "就贷款利率与期限交换意见，", "推介理财和结构性存款，", "核实企业用款计划，", "讨论票据贴现业务，",
    "跟进开户资料的补充，"};
static const char *const OUTCOMES[] = {"客户表示需要内部讨论。", "客户有明确意向，约定再谈。",
    "客户暂无需求，保持联系。", "已发送方案，等待答复。", "对价格较为关注，需要比较同业报价。",
    "资料已收齐，进入下一步。", "负责人外出，改日再约。", "客户认可，准备提交审批。"};

/* An instant in office hours, in even steps from the first contact to the last follow-up. */
static int64_t moment(struct dice *dice, const struct demo_customer *customer, unsigned i, unsigned count)
{
    int64_t first, last;
    must(clock_parse_rfc3339(str_of(customer->last_follow_up_at), &last));
    char text[DEMO_DATE_SIZE + 10];
    (void)snprintf(text, sizeof(text), "%sT01:00:00Z", customer->first_contact_on);
    must(clock_parse_rfc3339(str_of(text), &first));
    if (i + 1 == count || last <= first)
        return last;
    int64_t step = (last - first) / count, at = first + step * i;
    if (step >= DAY_US) /* each on a day of its own: at some time of its office hours */
        at = (at + ZONE_US) / DAY_US * DAY_US - ZONE_US +
             (30600 + (int64_t)dice_below(dice, 34200)) * SECOND_US;
    return at < first ? first : at > last ? last : at;
}

struct json *demo_follow_up_fields(uint64_t n, unsigned i, unsigned count, int64_t id,
    const struct demo_org *org, int64_t today_us, struct arena *arena)
{
    struct dice dice = dice_of(SEED_FOLLOW_UP, n, i);
    struct demo_customer *customer = arena_new_one(arena, struct demo_customer);
    struct json *fields = demo_fields_new(arena);
    unsigned weights[COUNT(KINDS)];
    char *at = arena_alloc(arena, CLOCK_TEXT_MAX);
    for (size_t k = 0; k < COUNT(KINDS); k++)
        weights[k] = KINDS[k].weight;
    demo_customer(n, org, today_us, customer);
    must(customer->last_follow_up_at[0] && i < count);
    demo_add_id(fields, "customer", id, arena);
    demo_add_text(fields, "kind", KINDS[dice_weighted(&dice, weights, COUNT(weights))].kind);
    (void)clock_print_rfc3339(moment(&dice, customer, i, count), at);
    demo_add_text(fields, "at", at);
    const char *opening = OPENINGS[dice_below(&dice, COUNT(OPENINGS))];
    struct str content = arena_printf(arena, "%s%s", opening, OUTCOMES[dice_below(&dice, COUNT(OUTCOMES))]);
    demo_add_text(fields, "content", arena_cstr(arena, content));
    if (i + 1 == count)
        demo_add_text(fields, "next_on", customer->next_follow_up_on);
    demo_add_id(fields, "by", customer->owner_id, arena);
    return fields;
}
