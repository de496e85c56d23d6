/*
 * The generated customers: the same everywhere, valid by checks written here from the standards (in the
 * "whole sum is congruent" form, while the generator works out the check digit), consistent in themselves,
 * and spread as a bank's customers are. Whether the form accepts them is asked in test_demo_bank.c.
 */
#include "main/demo_data.h"

#include "base/clock.h"
#include "base/dec.h"
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define N 10000
#define OWNERS 33
#define TODAY "2026-11-22"
#define TODAY_US INT64_C(1795276800000000) /* 2026-11-22T00:00+08:00 */
#define DAY_US INT64_C(86400000000)

static const char *const HOMES[] = {"330100", "330200", "320100", "320500", "510100", "510700"};
static struct demo_owner owners[OWNERS];
static const struct demo_org ORG = {owners, OWNERS};
static struct demo_customer *customers;

static int make_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < OWNERS; i++)
        owners[i] = (struct demo_owner){(int64_t)(1000 + i), (int64_t)(100 + i / 4), HOMES[i / 6]};
    customers = calloc(N, sizeof(*customers));
    assert_non_null(customers);
    for (uint64_t n = 0; n < N; n++)
        demo_customer(n, &ORG, TODAY_US, &customers[n]);
    return 0;
}

static int drop_all(void **state)
{
    (void)state;
    free(customers);
    return 0;
}

static bool is(const struct demo_customer *c, const char *kind)
{
    return strcmp(c->kind, kind) == 0;
}

static bool in_stage(const struct demo_customer *c, const char *stage)
{
    return strcmp(c->stage, stage) == 0;
}

/* ---- the same everywhere ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (const char *p = text ? text : "-"; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t hash_customer(uint64_t hash, const struct demo_customer *c)
{
    const char *texts[] = {c->name, c->credit_code, c->kind, c->industry, c->region, c->level, c->source,
        c->stage, c->phone, c->legal_person, c->id_no, c->registered_capital, c->credit_line, c->risk_grade,
        c->birthday, c->first_contact_on, c->last_follow_up_at, c->next_follow_up_on, c->notes};
    for (size_t i = 0; i < COUNT(texts); i++)
        hash = hash_text(hash, texts[i]);
    for (size_t i = 0; i < c->n_tags; i++)
        hash = hash_text(hash, c->tags[i]);
    char ids[64];
    snprintf(ids, sizeof(ids), "%lld %lld", (long long)c->owner_id, (long long)c->department_id);
    return hash_text(hash, ids);
}

/* A change of this number is a change of what every guide, test and newcomer sees: on purpose only. */
static void the_first_thousand_are_the_same_everywhere(void **state)
{
    (void)state;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t n = 0; n < 1000; n++)
        hash = hash_customer(hash, &customers[n]);
    assert_int_equal(hash, UINT64_C(0xbc15870b4541ba0c));
}

static void a_customer_depends_on_its_number_and_the_day_only(void **state)
{
    (void)state;
    static const uint64_t SOME[] = {0, 1, 7, 4711, N - 1};
    for (size_t i = COUNT(SOME); i-- > 0;) {
        struct demo_customer again;
        memset(&again, 0xa5, sizeof(again));
        demo_customer(SOME[i], &ORG, TODAY_US + DAY_US - 1, &again);
        assert_int_equal(hash_customer(1, &again), hash_customer(1, &customers[SOME[i]]));
        demo_customer(SOME[i], &ORG, TODAY_US + 21 * DAY_US, &again);
        assert_string_equal(again.name, customers[SOME[i]].name);
        assert_string_equal(again.credit_code, customers[SOME[i]].credit_code);
    }
    struct demo_customer other;
    demo_customer(4, &ORG, TODAY_US - 1, &other);
    assert_true(hash_customer(1, &other) != hash_customer(1, &customers[4]));
}

/* ---- valid ---- */

static unsigned weighted(
    const char *text, const char *alphabet, const unsigned *weights, size_t n, unsigned modulus)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(alphabet, text[i]);
        assert_true(at != NULL && text[i] != '\0');
        sum += (unsigned)(at - alphabet) * weights[i];
    }
    return sum % modulus;
}

static bool credit_code_adds_up(const char *code)
{
    static const unsigned WHOLE[] = {1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1};
    return strlen(code) == 18 && weighted(code, "0123456789ABCDEFGHJKLMNPQRTUWXY", WHOLE, 18, 31) == 0;
}

static bool organisation_adds_up(const char *code)
{
    static const unsigned WEIGHTS[] = {3, 7, 9, 10, 5, 8, 4, 2};
    unsigned check = code[8] == 'X' ? 10 : (unsigned)(code[8] - '0');
    return (weighted(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", WEIGHTS, 8, 11) + check) % 11 == 0;
}

static bool id_no_adds_up(const char *id_no)
{
    static const unsigned WEIGHTS[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1};
    return strlen(id_no) == 18 && strspn(id_no, "0123456789") >= 17 &&
           weighted(id_no, "0123456789X", WEIGHTS, 18, 11) == 1;
}

/* The checks themselves, against numbers that are printed elsewhere. */
static void the_checks_know_good_from_bad(void **state)
{
    (void)state;
    assert_true(credit_code_adds_up("914403001922038216"));
    assert_true(credit_code_adds_up("91330100799655058B"));
    assert_false(credit_code_adds_up("914403001922038217"));
    assert_true(organisation_adds_up("192203821"));
    assert_true(organisation_adds_up("D2143569X")); /* the standard's own example */
    assert_false(organisation_adds_up("D21435690"));
    assert_true(id_no_adds_up("11010519491231002X"));
    assert_true(id_no_adds_up("440524188001010014"));
    assert_false(id_no_adds_up("440524188001010015"));
}

static bool county_is_known(const char *code)
{
    static const char *const CODES[] = {
#define PLACE(region, province, city, code, district) code,
#include "main/demo_places.def"
#undef PLACE
    };
    for (size_t i = 0; i < COUNT(CODES); i++)
        if (strncmp(CODES[i], code, 6) == 0)
            return true;
    return false;
}

static void places_are_where_their_numbers_say(void **state)
{
    (void)state;
    static const struct {
        const char *region, *code, *district;
    } PLACES[] = {
#define PLACE(region, province, city, code, district) {region, code, district},
#include "main/demo_places.def"
#undef PLACE
    };
    for (size_t i = 0; i < COUNT(PLACES); i++) {
        assert_int_equal(strspn(PLACES[i].code, "0123456789"), 6);
        assert_int_equal(strspn(PLACES[i].region, "0123456789"), 6);
        bool province = strcmp(PLACES[i].region + 2, "0000") == 0;
        assert_memory_equal(PLACES[i].region, PLACES[i].code, province ? 2 : 4);
        assert_string_not_equal(PLACES[i].code + 4, "00");
        assert_true(i == 0 || strcmp(PLACES[i - 1].code, PLACES[i].code) < 0);
    }
}

static void codes_are_valid_and_never_twice(void **state)
{
    (void)state;
    struct map *seen = map_new();
    for (size_t n = 0; n < N; n++) {
        const struct demo_customer *c = &customers[n];
        if (!c->credit_code[0])
            continue;
        assert_true(credit_code_adds_up(c->credit_code));
        assert_true(organisation_adds_up(c->credit_code + 8));
        assert_memory_equal(c->credit_code, is(c, "company") ? "91" : is(c, "sole_trader") ? "92" : "52", 2);
        assert_true(county_is_known(c->credit_code + 2));
        assert_memory_equal(c->credit_code + 2, c->region, strcmp(c->region + 2, "0000") == 0 ? 2 : 4);
        assert_null(map_put(seen, str_of(c->credit_code), customers));
    }
    assert_in_range(map_count(seen), 7000, 7800);
    map_free(seen, NULL);
}

static void id_numbers_are_valid_and_agree_with_birthdays(void **state)
{
    (void)state;
    size_t found = 0;
    for (size_t n = 0; n < N; n++) {
        const struct demo_customer *c = &customers[n];
        assert_int_equal(c->id_no[0] == '\0', c->birthday[0] == '\0');
        if (!c->id_no[0])
            continue;
        found++;
        int year, month, day;
        assert_true(clock_parse_date(str_of(c->birthday), &year, &month, &day));
        char digits[16];
        snprintf(digits, sizeof(digits), "%04d%02d%02d", year, month, day);
        assert_memory_equal(c->id_no + 6, digits, 8);
        assert_true(id_no_adds_up(c->id_no));
        assert_true(county_is_known(c->id_no));
        assert_in_range(year, 2026 - 75, 2026 - 20);
    }
    assert_in_range(found, 5000, 8000);
}

static void phones_are_mobile_numbers_and_never_twice(void **state)
{
    (void)state;
    struct map *seen = map_new();
    for (size_t n = 0; n < N; n++) {
        const char *phone = customers[n].phone;
        if (!phone[0])
            continue;
        assert_int_equal(strlen(phone), 11);
        assert_int_equal(strspn(phone, "0123456789"), 11);
        assert_true(phone[0] == '1' && phone[1] >= '3');
        assert_null(map_put(seen, str_of(phone), customers));
    }
    assert_in_range(map_count(seen), N * 94 / 100, N * 98 / 100);
    map_free(seen, NULL);
}

static void names_are_text_and_firms_have_their_own(void **state)
{
    (void)state;
    struct map *seen = map_new();
    for (size_t n = 0; n < N; n++) {
        struct str name = str_of(customers[n].name);
        assert_true(str_is_utf8(name));
        bool person = is(&customers[n], "person");
        assert_in_range(str_utf8_length(name), person ? 2 : 6, person ? 4 : 30);
        assert_true(str_is_utf8(str_of(customers[n].legal_person)));
        assert_true(str_is_utf8(str_of(customers[n].notes)));
        if (!person)
            assert_null(map_put(seen, name, customers));
    }
    map_free(seen, NULL);
}

/* ---- consistent ---- */

static void kinds_have_the_fields_that_fit_them(void **state)
{
    (void)state;
    for (size_t n = 0; n < N; n++) {
        const struct demo_customer *c = &customers[n];
        assert_true(c->region && c->level && c->source && c->stage);
        if (is(c, "person")) {
            assert_true(
                !c->credit_code[0] && !c->industry && !c->legal_person[0] && !c->registered_capital[0]);
        } else {
            assert_non_null(c->industry);
            assert_true(!c->id_no[0] || c->legal_person[0]);
        }
        assert_true(!c->credit_line[0] || c->risk_grade);
        assert_true(!in_stage(c, "won") || c->risk_grade);
        assert_true(!in_stage(c, "lost") || (!c->next_follow_up_on[0] && !c->credit_line[0]));
        for (size_t i = 0; i < c->n_tags; i++)
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(c->tags[i], c->tags[k]);
        size_t owner = (size_t)(c->owner_id - 1000);
        assert_in_range(owner, 0, OWNERS - 1);
        assert_int_equal(c->department_id, owners[owner].department_id);
    }
}

static void amounts_are_exact_decimals(void **state)
{
    (void)state;
    for (size_t n = 0; n < N; n++) {
        const char *amounts[] = {customers[n].registered_capital, customers[n].credit_line};
        for (size_t i = 0; i < COUNT(amounts); i++) {
            struct dec amount;
            if (!amounts[i][0])
                continue;
            assert_true(dec_parse(str_of(amounts[i]), &amount));
            assert_int_equal(amount.scale, 2);
            assert_true(amount.units >= 500000 && amount.units <= (__int128)500000000000);
        }
    }
}

/* Sakamoto's way, which the generator does not go; 0 is a Sunday. */
static int weekday(const char *date)
{
    static const int SHIFT[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int year, month, day;
    assert_true(clock_parse_date(str_of(date), &year, &month, &day));
    year -= month < 3;
    return (year + year / 4 - year / 100 + year / 400 + SHIFT[month - 1] + day) % 7;
}

static void dates_follow_each_other_on_workdays(void **state)
{
    (void)state;
    size_t spoken = 0, planned = 0, overdue = 0;
    for (size_t n = 0; n < N; n++) {
        const struct demo_customer *c = &customers[n];
        assert_int_equal(c->first_contact_on[0] == '\0', c->last_follow_up_at[0] == '\0');
        char follow_up[11] = "";
        if (c->first_contact_on[0]) {
            int64_t at = 0;
            assert_true(clock_parse_rfc3339(str_of(c->last_follow_up_at), &at));
            int64_t local = (at + 8 * 3600 * INT64_C(1000000)) % DAY_US / INT64_C(60000000);
            assert_in_range(local, 8 * 60 + 30, 18 * 60);
            /* Office hours in Shanghai lie within one day of UTC. */
            memcpy(follow_up, c->last_follow_up_at, 10);
            assert_true(strcmp(c->first_contact_on, follow_up) <= 0 && strcmp(follow_up, TODAY) < 0);
            assert_true(strcmp(c->first_contact_on, "2024-11-22") >= 0);
            assert_in_range(weekday(c->first_contact_on), 1, 5);
            assert_in_range(weekday(follow_up), 1, 5);
            spoken++;
        }
        if (c->next_follow_up_on[0]) {
            assert_in_range(weekday(c->next_follow_up_on), 1, 5);
            assert_true(strcmp(c->next_follow_up_on, follow_up) > 0);
            assert_true(strcmp(c->next_follow_up_on, "2027-02-23") < 0);
            overdue += strcmp(c->next_follow_up_on, TODAY) < 0;
            planned++;
        }
    }
    assert_in_range(spoken, N * 85 / 100, N * 93 / 100);
    assert_in_range(planned, N * 60 / 100, N * 80 / 100);
    assert_in_range(overdue, N * 5 / 100, N * 20 / 100);
}

/* ---- spread ---- */

static size_t count_stage(const char *stage)
{
    size_t n = 0;
    for (size_t i = 0; i < N; i++)
        n += in_stage(&customers[i], stage);
    return n;
}

static void stages_are_a_funnel(void **state)
{
    (void)state;
    size_t lead = count_stage("lead"), contacted = count_stage("contacted"), quoted = count_stage("quoted");
    size_t negotiating = count_stage("negotiating"), won = count_stage("won"), lost = count_stage("lost");
    assert_int_equal(lead + contacted + quoted + negotiating + won + lost, N);
    assert_true(lead > contacted && contacted > quoted && quoted > negotiating);
    assert_in_range(won, N * 13 / 100, N * 17 / 100);
    assert_in_range(lost, N * 5 / 100, N * 9 / 100);
}

static void owners_share_alike_also_in_a_small_load(void **state)
{
    (void)state;
    size_t owned[OWNERS] = {0}, early[OWNERS] = {0}, near_home = 0;
    for (size_t n = 0; n < N; n++) {
        size_t owner = (size_t)(customers[n].owner_id - 1000);
        owned[owner]++;
        early[owner] += n < 300;
        near_home += strcmp(customers[n].region, owners[owner].region) == 0;
    }
    for (size_t i = 0; i < OWNERS; i++) {
        assert_in_range(owned[i], N * 23 / 1000, N * 38 / 1000);
        assert_true(early[i] >= 2);
    }
    assert_in_range(near_home, N * 78 / 100, N * 86 / 100);
}

static int by_value(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return x < y ? -1 : x > y;
}

/* Log-normal: the middle far below the mean, orders of magnitude between the tails. */
static void capital_is_skewed_as_capital_is(void **state)
{
    (void)state;
    long long *yuan = calloc(N, sizeof(*yuan)), sum = 0;
    assert_non_null(yuan);
    size_t n = 0;
    for (size_t i = 0; i < N; i++)
        if (is(&customers[i], "company") && customers[i].registered_capital[0])
            sum += yuan[n++] = strtoll(customers[i].registered_capital, NULL, 10);
    assert_in_range(n, N * 55 / 100, N * 65 / 100);
    qsort(yuan, n, sizeof(*yuan), by_value);
    assert_in_range(yuan[n / 2], 3000000, 7000000);
    assert_true(sum / (long long)n > yuan[n / 2] * 2);
    assert_true(yuan[n * 95 / 100] > yuan[n * 5 / 100] * 50);
    free(yuan);
}

static void credit_lines_belong_to_a_minority(void **state)
{
    (void)state;
    size_t lines = 0, graded = 0, noted = 0, tagged = 0;
    for (size_t i = 0; i < N; i++) {
        lines += customers[i].credit_line[0] != '\0';
        graded += customers[i].risk_grade != NULL;
        noted += customers[i].notes[0] != '\0';
        tagged += customers[i].n_tags > 0;
    }
    assert_in_range(lines, N * 14 / 100, N * 24 / 100);
    assert_in_range(graded, N * 30 / 100, N * 42 / 100);
    assert_in_range(noted, N * 42 / 100, N * 48 / 100);
    assert_in_range(tagged, N * 35 / 100, N * 65 / 100);
}

static void codes_stay_unique_far_above_the_demo(void **state)
{
    (void)state;
    struct map *seen = map_new();
    for (uint64_t n = DEMO_CUSTOMERS_MAX - 3000; n < DEMO_CUSTOMERS_MAX; n++) {
        struct demo_customer c;
        demo_customer(n, &ORG, TODAY_US, &c);
        if (!c.credit_code[0])
            continue;
        assert_true(credit_code_adds_up(c.credit_code));
        assert_null(map_put(seen, str_of(c.credit_code), customers));
    }
    for (size_t n = 0; n < N; n++)
        assert_null(map_get(seen, str_of(customers[n].credit_code)));
    assert_true(map_count(seen) > 2000);
    map_free(seen, NULL);
}

static void an_outlet_without_a_place_has_customers_everywhere(void **state)
{
    (void)state;
    const struct demo_owner nowhere[] = {{1, 2, NULL}, {1, 2, "999999"}};
    for (size_t i = 0; i < COUNT(nowhere); i++) {
        const struct demo_org org = {&nowhere[i], 1};
        struct map *regions = map_new();
        for (uint64_t n = 0; n < 500; n++) {
            struct demo_customer c;
            demo_customer(n, &org, TODAY_US, &c);
            map_put(regions, str_of(c.region), customers);
        }
        assert_true(map_count(regions) > 40);
        map_free(regions, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_thousand_are_the_same_everywhere),
        cmocka_unit_test(a_customer_depends_on_its_number_and_the_day_only),
        cmocka_unit_test(the_checks_know_good_from_bad),
        cmocka_unit_test(places_are_where_their_numbers_say),
        cmocka_unit_test(codes_are_valid_and_never_twice),
        cmocka_unit_test(id_numbers_are_valid_and_agree_with_birthdays),
        cmocka_unit_test(phones_are_mobile_numbers_and_never_twice),
        cmocka_unit_test(names_are_text_and_firms_have_their_own),
        cmocka_unit_test(kinds_have_the_fields_that_fit_them),
        cmocka_unit_test(amounts_are_exact_decimals),
        cmocka_unit_test(dates_follow_each_other_on_workdays),
        cmocka_unit_test(stages_are_a_funnel),
        cmocka_unit_test(owners_share_alike_also_in_a_small_load),
        cmocka_unit_test(capital_is_skewed_as_capital_is),
        cmocka_unit_test(credit_lines_belong_to_a_minority),
        cmocka_unit_test(codes_stay_unique_far_above_the_demo),
        cmocka_unit_test(an_outlet_without_a_place_has_customers_everywhere),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
