/*
 * Names and numbers of the demo bank's customers.
 *
 * What must not repeat (credit codes, phones, the first two characters of a firm's brand) comes from a
 * permutation of the customer's number, not from dice: a small Feistel network, walked until it lands inside
 * the range. The rest is drawn from the lists of demo_names.def and demo_places.def.
 */
#include "main/demo_int.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct demo_place PLACES[] = {
#define PLACE(region, province, city, code, district) {region, province, city, code, district},
#include "main/demo_places.def"
#undef PLACE
};

static const char *const SURNAMES[] = {
#define SURNAME(weight, text) text,
#include "main/demo_names.def"
};
static const unsigned SURNAME_WEIGHTS[] = {
#define SURNAME(weight, text) weight,
#include "main/demo_names.def"
};

static const struct {
    enum { SEX_m, SEX_f } sex;
    const char *text;
} GIVEN_NAMES[] = {
#define GIVEN(sex, text) {SEX_##sex, text},
#include "main/demo_names.def"
};

static const struct {
    enum demo_kind kind;
    const char *industry, *text;
} TRADES[] = {
#define TRADE(kind, industry, text) {KIND_##kind, industry, text},
#include "main/demo_names.def"
};

static const struct {
    enum demo_kind kind;
    const char *text;
} NOTES[] = {
#define NOTE(kind, text) {KIND_##kind, text},
#include "main/demo_names.def"
};
static const char *const NEXT_STEPS[] = {
#define NEXT(text) text,
#include "main/demo_names.def"
};

/* A brand is one character of each line, sometimes one of the third. Each is three bytes of UTF-8. */
static const char BRAND_FIRST[] =
    "恒华盛鼎宏嘉金信康正天海云立景锦东新广和永富凯振百远中联国亿万千兆启晨旭朗明星辰德博诚卓越优佳美益顺"
    "鑫汇聚合众同共友善仁义智慧文翰墨雅兰竹松柏梅桂凌腾飞跃龙凤麒麟鸿鹏雁蓝青翠碧紫玉珠宝瑶琪久昊君擎拓冠";
static const char BRAND_SECOND[] =
    "瑞创璟利安丰裕颂琛川楷源榕隆昌发展旺茂林森木泽沃田禾稼苗成功业基石磐岩峰岭山峻岳江河湛港波涛澜浪潮涌"
    "泉溪元亨贞吉祥福禄寿喜庆乐悦欣怡然昭煌耀灿光亮晖升帆璞舟桥路程途驰骏骐骋翼羽翔凡岱屹巍崇尊享悠谐颐宁";
static const char BRAND_THIRD[] = "科邦宇城维尔诺特思捷力高佰晟";
#define BRANDS ((sizeof(BRAND_FIRST) / 3) * (sizeof(BRAND_SECOND) / 3))

/* ---- dice ---- */

uint64_t demo_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t dice_roll(struct dice *dice)
{
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    return demo_mix(dice->state);
}

size_t dice_below(struct dice *dice, size_t n)
{
    return (size_t)(((unsigned __int128)dice_roll(dice) * n) >> 64);
}

bool dice_percent(struct dice *dice, unsigned percent)
{
    return dice_below(dice, 100) < percent;
}

size_t dice_weighted(struct dice *dice, const unsigned *weights, size_t n)
{
    size_t total = 0, i = 0;
    for (size_t k = 0; k < n; k++)
        total += weights[k];
    size_t left = dice_below(dice, total);
    while (left >= weights[i])
        left -= weights[i++];
    return i;
}

/* A permutation of 0 to size - 1, another one for each key. x is below size. */
static uint64_t shuffle(uint64_t x, uint64_t size, uint64_t key)
{
    unsigned half = 1;
    while ((UINT64_C(1) << (2 * half)) < size)
        half++;
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t mixed = left ^ (demo_mix(right + (key << 32) + (round << 56)) & mask);
            left = right;
            right = mixed;
        }
        x = left << half | right;
    } while (x >= size);
    return x;
}

/* ---- names ---- */

static bool place_fits(const struct demo_place *place, const char *home, size_t prefix)
{
    return strncmp(place->region, home, prefix) == 0;
}

const struct demo_place *demo_place_near(struct dice *dice, const char *home)
{
    static const struct {
        unsigned weight;
        size_t prefix; /* digits of the region's number that must agree */
    } RINGS[] = {{80, 6}, {13, 2}, {7, 0}};
    const unsigned weights[] = {RINGS[0].weight, RINGS[1].weight, RINGS[2].weight};
    size_t prefix = home ? RINGS[dice_weighted(dice, weights, COUNT(weights))].prefix : 0;
    size_t fitting = 0;
    for (size_t i = 0; i < COUNT(PLACES); i++)
        fitting += prefix == 0 || place_fits(&PLACES[i], home, prefix);
    if (fitting == 0)
        return &PLACES[dice_below(dice, COUNT(PLACES))];
    size_t left = dice_below(dice, fitting), i = 0;
    for (;; i++)
        if ((prefix == 0 || place_fits(&PLACES[i], home, prefix)) && left-- == 0)
            return &PLACES[i];
}

void demo_person_name(struct dice *dice, bool female, char *ret_name, size_t size)
{
    const char *surname = SURNAMES[dice_weighted(dice, SURNAME_WEIGHTS, COUNT(SURNAMES))];
    size_t i;
    do
        i = dice_below(dice, COUNT(GIVEN_NAMES));
    while (GIVEN_NAMES[i].sex != (female ? SEX_f : SEX_m));
    must((size_t)snprintf(ret_name, size, "%s%s", surname, GIVEN_NAMES[i].text) < size);
}

static void brand_make(struct dice *dice, uint64_t n, char ret_brand[10])
{
    _Static_assert(BRANDS >= 10000, "the demo's 10,000 customers have brands of their own");
    uint64_t pair = shuffle(n % BRANDS, BRANDS, 1);
    size_t second = sizeof(BRAND_SECOND) / 3;
    memcpy(ret_brand, BRAND_FIRST + pair / second * 3, 3);
    memcpy(ret_brand + 3, BRAND_SECOND + pair % second * 3, 3);
    size_t length = 6;
    if (dice_percent(dice, 35)) {
        memcpy(ret_brand + length, BRAND_THIRD + dice_below(dice, sizeof(BRAND_THIRD) / 3) * 3, 3);
        length += 3;
    }
    ret_brand[length] = '\0';
}

static const char *legal_form(struct dice *dice)
{
    static const char *const FORMS[] = {"有限公司", "有限责任公司", "股份有限公司", "集团有限公司"};
    static const unsigned WEIGHTS[] = {84, 8, 5, 3};
    return FORMS[dice_weighted(dice, WEIGHTS, COUNT(WEIGHTS))];
}

void demo_firm_name(struct dice *dice, uint64_t n, enum demo_kind kind, const struct demo_place *place,
    char *ret_name, size_t size, const char **ret_industry)
{
    char brand[10];
    brand_make(dice, n, brand);
    size_t i;
    do
        i = dice_below(dice, COUNT(TRADES));
    while (TRADES[i].kind != kind);
    const char *trade = TRADES[i].text;
    int length;
    if (kind == KIND_sole_trader) {
        length = snprintf(ret_name, size, "%s%s%s%s", place->city, place->district, brand, trade);
    } else if (kind == KIND_institution) {
        length = snprintf(ret_name, size, "%s%s%s", place->city, brand, trade);
    } else if (dice_percent(dice, 14)) {
        const char *form = legal_form(dice);
        length = snprintf(ret_name, size, "%s%s（%s）%s", brand, trade, place->city, form);
    } else {
        const char *where = dice_percent(dice, 22) ? place->province : place->city;
        length = snprintf(ret_name, size, "%s%s%s%s", where, brand, trade, legal_form(dice));
    }
    must(length > 0 && (size_t)length < size);
    *ret_industry = TRADES[i].industry;
}

void demo_notes(struct dice *dice, enum demo_kind kind, char *ret_notes, size_t size)
{
    size_t i;
    do
        i = dice_below(dice, COUNT(NOTES));
    while (NOTES[i].kind != kind);
    const char *next = dice_percent(dice, 60) ? NEXT_STEPS[dice_below(dice, COUNT(NEXT_STEPS))] : "";
    must((size_t)snprintf(ret_notes, size, "%s%s", NOTES[i].text, next) < size);
}

/* ---- numbers ---- */

/* The alphabet of GB 32100: no I, O, S, V, Z. */
static const char CODE_ALPHABET[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
#define CODE_BASE 31

static unsigned code_value(char c)
{
    return (unsigned)(strchr(CODE_ALPHABET, c) - CODE_ALPHABET);
}

/* GB 11714: the ninth character of an organisation code; letters count from A = 10 without gaps. */
static char organisation_check(const char code[8])
{
    static const unsigned WEIGHTS[8] = {3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (size_t i = 0; i < 8; i++) {
        char c = code[i];
        sum += WEIGHTS[i] * (unsigned)(c >= 'A' ? c - 'A' + 10 : c - '0');
    }
    return "0X987654321"[sum % 11];
}

/* Authority and class (companies 91, sole traders 92, social organisations 52), county, organisation, check.
 */
void demo_credit_code(uint64_t n, enum demo_kind kind, const char *place_code, char ret_code[19])
{
    must(n < DEMO_CUSTOMERS_MAX && kind != KIND_person && strlen(place_code) == 6);
    static const char *const CLASSES[] = {
        [KIND_company] = "91", [KIND_sole_trader] = "92", [KIND_institution] = "52"};
    memcpy(ret_code, CLASSES[kind], 2);
    memcpy(ret_code + 2, place_code, 6);
    memcpy(ret_code + 8, "MA", 2);
    uint64_t x = shuffle(n, DEMO_CUSTOMERS_MAX, 2);
    for (size_t i = 15; i >= 10; i--, x /= CODE_BASE)
        ret_code[i] = CODE_ALPHABET[x % CODE_BASE];
    ret_code[16] = organisation_check(ret_code + 8);
    unsigned sum = 0, weight = 1;
    for (size_t i = 0; i < 17; i++, weight = weight * 3 % CODE_BASE)
        sum += code_value(ret_code[i]) * weight;
    ret_code[17] = CODE_ALPHABET[(CODE_BASE - sum % CODE_BASE) % CODE_BASE];
    ret_code[18] = '\0';
}

void demo_id_no(
    struct dice *dice, const char *place_code, const char *birthday, bool female, char ret_id_no[19])
{
    static const unsigned WEIGHTS[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    must(strlen(place_code) == 6 && strlen(birthday) == 10);
    size_t serial = dice_below(dice, 499) * 2 + (female ? 2 : 1); /* odd for men */
    memcpy(ret_id_no, place_code, 6);
    memcpy(ret_id_no + 6, birthday, 4);
    memcpy(ret_id_no + 10, birthday + 5, 2);
    memcpy(ret_id_no + 12, birthday + 8, 2);
    ret_id_no[14] = (char)('0' + serial / 100);
    ret_id_no[15] = (char)('0' + serial / 10 % 10);
    ret_id_no[16] = (char)('0' + serial % 10);
    unsigned sum = 0;
    for (size_t i = 0; i < 17; i++)
        sum += WEIGHTS[i] * (unsigned)(ret_id_no[i] - '0');
    ret_id_no[17] = "10X98765432"[sum % 11];
    ret_id_no[18] = '\0';
}

void demo_phone(struct dice *dice, uint64_t n, char ret_phone[12])
{
    static const char SEGMENTS[][4] = {"130", "131", "132", "133", "135", "136", "137", "138", "139", "147",
        "150", "151", "152", "153", "155", "156", "157", "158", "159", "166", "173", "175", "176", "177",
        "178", "180", "181", "182", "183", "185", "186", "187", "188", "189", "191", "193", "195", "198",
        "199"};
    const uint64_t numbers = 100000000;
    uint64_t rest = shuffle(n % numbers, numbers, 3);
    memcpy(ret_phone, SEGMENTS[dice_below(dice, COUNT(SEGMENTS))], 3);
    for (size_t i = 10; i >= 3; i--, rest /= 10)
        ret_phone[i] = (char)('0' + rest % 10);
    ret_phone[11] = '\0';
}
