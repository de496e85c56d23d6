/*
 * The customers of the demo bank, one by one.
 *
 * demo_customer draws a customer in the order in which one would describe it: who looks after it and where it
 * is, what it is, how far the talks are, when somebody last spoke to it, what it is worth, and last the tags
 * that follow from all that. Later draws look at earlier ones, so that a list of customers makes sense: a
 * lost customer has no next date, a big one a high level, a signed one a risk grade.
 *
 * Everything is integer arithmetic: the same bytes on every machine. Changing the order of draws, a weight or
 * a list changes every customer; tests/unit/main/test_demo_data.c holds the hash of the first thousand.
 */
#include "main/demo_data.h"
#include "main/demo_int.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEED UINT64_C(0x7469646d61726b31)

#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)
#define ZONE_US (INT64_C(8) * 3600 * SECOND_US) /* Asia/Shanghai has had no summer time since 1991 */
#define NO_DAY INT64_MIN

enum stage { STAGE_LEAD, STAGE_CONTACTED, STAGE_QUOTED, STAGE_NEGOTIATING, STAGE_WON, STAGE_LOST };

/* How customers are spread over the funnel; ages and gaps in days before today. */
static const struct {
    const char *key;
    unsigned weight;
    unsigned youngest, oldest;  /* first contact */
    unsigned quiet;             /* usual time since the last follow-up, at most */
    unsigned planned;           /* per cent with a next date */
    int next_first, next_last;  /* the next date, from today */
    unsigned graded, with_line; /* per cent with a risk grade; of those, with a credit line */
} STAGES[] = {
    [STAGE_LEAD] = {"lead", 28, 1, 150, 60, 70, -7, 21, 4, 5},
    [STAGE_CONTACTED] = {"contacted", 24, 4, 365, 75, 80, -7, 30, 12, 15},
    [STAGE_QUOTED] = {"quoted", 16, 14, 420, 60, 85, -5, 30, 45, 35},
    [STAGE_NEGOTIATING] = {"negotiating", 10, 30, 500, 30, 90, -3, 21, 80, 60},
    [STAGE_WON] = {"won", 15, 60, 725, 120, 50, 1, 90, 100, 78},
    [STAGE_LOST] = {"lost", 7, 45, 725, 600, 0, 0, 0, 40, 0},
};

static const char *const KINDS[] = {[KIND_company] = "company",
    [KIND_sole_trader] = "sole_trader",
    [KIND_institution] = "institution",
    [KIND_person] = "person"};
static const unsigned KIND_WEIGHTS[] = {
    [KIND_company] = 61, [KIND_sole_trader] = 13, [KIND_institution] = 4, [KIND_person] = 22};

enum level { LEVEL_STANDARD, LEVEL_GROWTH, LEVEL_KEY, LEVEL_STRATEGIC };
static const char *const LEVELS[] = {[LEVEL_STANDARD] = "standard",
    [LEVEL_GROWTH] = "growth",
    [LEVEL_KEY] = "key",
    [LEVEL_STRATEGIC] = "strategic"};

/* What is known of a customer beyond its fields, while it is being made. */
struct draft {
    struct dice dice;
    uint64_t n;
    int64_t today; /* days since 1970 in Asia/Shanghai */
    const char *home;
    const struct demo_place *place;
    enum demo_kind kind;
    enum stage stage;
    enum level level;
    int64_t first_contact, last_follow_up; /* days, or NO_DAY */
    int64_t capital_yuan;                  /* 0: none */
    struct demo_customer *to;
};

/* ---- dates ---- */

static void print_date(int64_t day, char ret_date[DEMO_DATE_SIZE])
{
    char text[CLOCK_TEXT_MAX];
    must(clock_print_rfc3339(day * DAY_US, text) > 10);
    memcpy(ret_date, text, 10);
    ret_date[10] = '\0';
}

/* The day itself, or the Friday before. 1970-01-01 was a Thursday. */
static int64_t workday_before(int64_t day)
{
    int64_t weekday = (day + 4) % 7; /* 0: Sunday */
    return weekday == 0 ? day - 2 : weekday == 6 ? day - 1 : day;
}

static int64_t workday_after(int64_t day)
{
    int64_t weekday = (day + 4) % 7;
    return weekday == 0 ? day + 1 : weekday == 6 ? day + 2 : day;
}

static int64_t between(struct dice *dice, int64_t first, int64_t last)
{
    return first + (int64_t)dice_below(dice, (size_t)(last - first + 1));
}

/* A follow-up lies in office hours of a workday before today, and not before the first contact. */
static void draw_follow_up(struct draft *draft, int64_t age)
{
    struct dice *dice = &draft->dice;
    int64_t quiet = (int64_t)STAGES[draft->stage].quiet;
    bool forgotten = dice_percent(dice, 9);
    int64_t gap = between(dice, 1, forgotten || quiet > age ? age : quiet);
    int64_t second = between(dice, 30600, 64800); /* 8:30 to 18:00 */
    draft->last_follow_up = workday_before(draft->today - gap);
    clock_print_rfc3339(
        draft->last_follow_up * DAY_US + second * SECOND_US - ZONE_US, draft->to->last_follow_up_at);
}

static void draw_dates(struct draft *draft)
{
    struct dice *dice = &draft->dice;
    int64_t age = between(dice, STAGES[draft->stage].youngest, STAGES[draft->stage].oldest);
    draft->first_contact = draft->last_follow_up = NO_DAY;
    if (draft->stage != STAGE_LEAD || dice_percent(dice, 62)) {
        draft->first_contact = workday_before(draft->today - age);
        print_date(draft->first_contact, draft->to->first_contact_on);
        draw_follow_up(draft, age);
    }
    if (dice_percent(dice, STAGES[draft->stage].planned)) {
        int64_t next =
            draft->today + between(dice, STAGES[draft->stage].next_first, STAGES[draft->stage].next_last);
        if (next <= draft->last_follow_up)
            next = draft->last_follow_up + 1;
        print_date(workday_after(next), draft->to->next_follow_up_on);
    }
}

/* ---- amounts ---- */

/* Log-normal-ish: median times two to the power of a bell curve. `spread` is the curve's deviation in 1/16
 * bits. The bell is the sum of twelve even draws; two to a fraction is taken as a straight line. */
static int64_t draw_lognormal(struct dice *dice, int64_t median, int64_t spread)
{
    int64_t bell = -6 * 4096;
    for (int i = 0; i < 12; i++)
        bell += (int64_t)dice_below(dice, 4096);
    int64_t exponent = bell * spread / 16 + 64 * 4096; /* 64: so that the division below rounds down */
    int64_t whole = exponent / 4096 - 64, fraction = exponent % 4096;
    int64_t value = median * (4096 + fraction) / 4096;
    return whole >= 0 ? value << whole : value >> -whole;
}

/* Rounds down to so many leading digits, as people do: 3,717,204 becomes 3,700,000. */
static int64_t round_leading(int64_t value, int digits)
{
    int64_t unit = 1, limit = digits == 1 ? 10 : 100;
    while (value / unit >= limit)
        unit *= 10;
    return value / unit * unit;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void print_amount(int64_t yuan, unsigned cents, char ret_amount[DEMO_AMOUNT_SIZE])
{
    snprintf(ret_amount, DEMO_AMOUNT_SIZE, "%lld.%02u", (long long)yuan, cents);
}

static void draw_capital(struct draft *draft)
{
    static const struct {
        int64_t median, spread, low, high; /* yuan; spread in 1/16 bits */
    } CAPITAL[] = {
        [KIND_company] = {5000000, 34, 30000, 5000000000},
        [KIND_sole_trader] = {80000, 20, 5000, 2000000},
        [KIND_institution] = {300000, 24, 30000, 20000000},
        [KIND_person] = {0, 0, 0, 0},
    };
    struct dice *dice = &draft->dice;
    if (draft->kind == KIND_person || dice_percent(dice, 4))
        return;
    int64_t yuan = draw_lognormal(dice, CAPITAL[draft->kind].median, CAPITAL[draft->kind].spread);
    yuan = clamp(yuan, CAPITAL[draft->kind].low, CAPITAL[draft->kind].high);
    unsigned cents = 0;
    /* Most put up a round sum; capital paid in foreign money is not round in yuan. */
    if (draft->kind == KIND_company && dice_percent(dice, 4))
        cents = (unsigned)dice_below(dice, 100);
    else
        yuan = round_leading(yuan, dice_percent(dice, 65) ? 1 : 2);
    draft->capital_yuan = yuan;
    print_amount(yuan, cents, draft->to->registered_capital);
}

static void draw_credit(struct draft *draft)
{
    static const char *const GRADES[] = {"low", "medium_low", "medium", "medium_high", "high"};
    static const unsigned WEIGHTS[] = {24, 33, 27, 12, 4};
    struct dice *dice = &draft->dice;
    if (!dice_percent(dice, STAGES[draft->stage].graded))
        return;
    size_t grade = dice_weighted(dice, WEIGHTS, COUNT(WEIGHTS));
    draft->to->risk_grade = GRADES[grade];
    if (grade == COUNT(GRADES) - 1 || !dice_percent(dice, STAGES[draft->stage].with_line))
        return;
    int64_t yuan;
    if (draft->kind == KIND_company && draft->capital_yuan > 0)
        yuan = draft->capital_yuan * between(dice, 10, 45) / 100;
    else
        yuan = draw_lognormal(dice, draft->kind == KIND_company ? 1000000 : 200000, 18);
    print_amount(round_leading(clamp(yuan, 10000, 500000000), 2), 0, draft->to->credit_line);
}

/* A firm's level follows its capital, a person's is drawn; one in seven is a step away from that. */
static void draw_level(struct draft *draft)
{
    static const unsigned PERSON_WEIGHTS[] = {58, 29, 11, 2};
    struct dice *dice = &draft->dice;
    size_t level;
    if (draft->kind == KIND_person)
        level = dice_weighted(dice, PERSON_WEIGHTS, COUNT(PERSON_WEIGHTS));
    else
        level = (size_t)(draft->capital_yuan >= 2000000) + (size_t)(draft->capital_yuan >= 15000000) +
                (size_t)(draft->capital_yuan >= 80000000);
    if (dice_percent(dice, 14)) {
        bool up = dice_percent(dice, 50);
        level = up && level < LEVEL_STRATEGIC ? level + 1 : !up && level > LEVEL_STANDARD ? level - 1 : level;
    }
    draft->level = (enum level)level;
    draft->to->level = LEVELS[level];
}

/* ---- who it is ---- */

/* An ID number of somebody of that age, and the birthday in it. */
static void draw_identity(struct draft *draft, bool female, int youngest, int oldest)
{
    struct dice *dice = &draft->dice;
    int64_t days = between(dice, (int64_t)youngest * 1461 / 4, (int64_t)oldest * 1461 / 4);
    print_date(draft->today - days, draft->to->birthday);
    const struct demo_place *born = demo_place_near(dice, draft->home);
    demo_id_no(dice, born->code, draft->to->birthday, female, draft->to->id_no);
}

static void draw_person(struct draft *draft)
{
    struct dice *dice = &draft->dice;
    bool female = dice_percent(dice, 50);
    demo_person_name(dice, female, draft->to->name, sizeof(draft->to->name));
    if (dice_percent(dice, 93))
        draw_identity(draft, female, 20, 74);
}

static void draw_firm(struct draft *draft)
{
    struct dice *dice = &draft->dice;
    struct demo_customer *to = draft->to;
    demo_firm_name(dice, draft->n, draft->kind, draft->place, to->name, sizeof(to->name), &to->industry);
    /* A few are known by name only; more so while they are new. */
    if (!dice_percent(dice, draft->stage == STAGE_LEAD ? 12 : 2))
        demo_credit_code(draft->n, draft->kind, draft->place->code, to->credit_code);
    if (!dice_percent(dice, 95))
        return;
    bool female = dice_percent(dice, 34);
    demo_person_name(dice, female, to->legal_person, sizeof(to->legal_person));
    if (dice_percent(dice, draft->stage == STAGE_LEAD ? 25 : 64))
        draw_identity(draft, female, 24, 68);
}

static void draw_source(struct draft *draft)
{
    static const char *const SOURCES[] = {"branch", "referral", "phone", "website", "expo"};
    static const unsigned FIRM[] = {28, 27, 16, 15, 14}, PERSON[] = {46, 30, 12, 12, 0};
    const unsigned *weights = draft->kind == KIND_person ? PERSON : FIRM;
    draft->to->source = SOURCES[dice_weighted(&draft->dice, weights, COUNT(SOURCES))];
}

/* ---- tags ---- */

static void add_tag(struct draft *draft, bool holds, const char *tag)
{
    if (holds && draft->to->n_tags < DEMO_TAGS_MAX)
        draft->to->tags[draft->to->n_tags++] = tag;
}

static void draw_tags(struct draft *draft)
{
    struct dice *dice = &draft->dice;
    bool won = draft->stage == STAGE_WON, firm = draft->kind != KIND_person;
    bool spoken = draft->last_follow_up != NO_DAY;
    bool offered = draft->stage == STAGE_QUOTED || draft->stage == STAGE_NEGOTIATING;
    add_tag(draft, draft->level >= LEVEL_KEY && dice_percent(dice, 85), "high_value");
    add_tag(draft, draft->first_contact > draft->today - 60 && dice_percent(dice, 80), "new_customer");
    add_tag(draft, spoken && draft->last_follow_up < draft->today - 150, "dormant");
    add_tag(draft, draft->stage == STAGE_QUOTED, "quoted");
    add_tag(draft, offered && dice_percent(dice, 40), "high_intent");
    add_tag(draft, firm && spoken && dice_percent(dice, 14), "decision_maker");
    add_tag(draft, won && draft->to->credit_line[0] && dice_percent(dice, 75), "loan");
    add_tag(draft, won && firm && dice_percent(dice, 55), "settlement");
    add_tag(draft, won && firm && dice_percent(dice, 30), "payroll");
    add_tag(draft, won && dice_percent(dice, 45), "deposit");
    add_tag(draft, won && dice_percent(dice, firm ? 10 : 45), "wealth");
    add_tag(draft, draft->kind == KIND_company && dice_percent(dice, 5), "cross_border");
}

void demo_customer(
    uint64_t n, const struct demo_org *org, int64_t today_us, struct demo_customer *ret_customer)
{
    must(n < DEMO_CUSTOMERS_MAX && org->n_owners > 0 && today_us > 0);
    *ret_customer = (struct demo_customer){0};
    struct draft draft = {
        .dice = {demo_mix(SEED + n)}, .n = n, .today = (today_us + ZONE_US) / DAY_US, .to = ret_customer};
    struct dice *dice = &draft.dice;
    const struct demo_owner *owner = &org->owners[dice_below(dice, org->n_owners)];
    ret_customer->owner_id = owner->user_id;
    ret_customer->department_id = owner->department_id;
    draft.home = owner->region;
    draft.place = demo_place_near(dice, draft.home);
    ret_customer->region = draft.place->region;
    draft.kind = (enum demo_kind)dice_weighted(dice, KIND_WEIGHTS, COUNT(KIND_WEIGHTS));
    ret_customer->kind = KINDS[draft.kind];
    unsigned weights[COUNT(STAGES)];
    for (size_t i = 0; i < COUNT(STAGES); i++)
        weights[i] = STAGES[i].weight;
    draft.stage = (enum stage)dice_weighted(dice, weights, COUNT(weights));
    ret_customer->stage = STAGES[draft.stage].key;
    draw_source(&draft);
    if (draft.kind == KIND_person)
        draw_person(&draft);
    else
        draw_firm(&draft);
    if (dice_percent(dice, 96))
        demo_phone(dice, n, ret_customer->phone);
    draw_dates(&draft);
    draw_capital(&draft);
    draw_level(&draft);
    draw_credit(&draft);
    draw_tags(&draft);
    if (dice_percent(dice, 45))
        demo_notes(dice, draft.kind, ret_customer->notes, sizeof(ret_customer->notes));
}
