/*
 * A form with a field of every kind, for the tests of filters: its fields as a caller of filter_parse knows
 * them, and random values as form/ stores them, or as a hand at the SQL prompt may have (blanks at the end,
 * lower case in a code, text that is not in normal form).
 */
#ifndef TIDEMARK_TESTS_FILTER_WORLD_H
#define TIDEMARK_TESTS_FILTER_WORLD_H

#include "base/clock.h"
#include "base/must.h"
#include "filter/filter.h"
#include "random.h"
#include "text/text.h"

#include <string.h>

enum {
    F_NAME,
    F_MEMO,
    F_CODE,
    F_STAGE,
    F_TAGS,
    F_AMOUNT,
    F_RATE,
    F_COUNT,
    F_SCORE,
    F_DAY,
    F_AT,
    F_OWNER,
    F_DEPT,
    F_NOTE,
    F_AGREED,
    N_FIELDS
};

#define WORLD_FIELD(key_text, kind_, index_, ...)                                                            \
    {                                                                                                        \
        .key = {(key_text), sizeof(key_text) - 1}, .kind = (kind_), .index = (index_),                       \
        .column = {"t.`" key_text "`", sizeof("t.`" key_text "`") - 1}, __VA_ARGS__                          \
    }
#define WORLD_FOLDED(key_text) .folded = {"t.`_f_" key_text "`", sizeof("t.`_f_" key_text "`") - 1}

static const struct filter_field FIELDS[N_FIELDS] = {
    WORLD_FIELD("name", FILTER_TEXT, F_NAME, WORLD_FOLDED("name")),
    WORLD_FIELD("memo", FILTER_TEXT, F_MEMO, WORLD_FOLDED("memo")),
    WORLD_FIELD("code", FILTER_CODE, F_CODE, .is_member = false),
    WORLD_FIELD("stage", FILTER_CHOICE, F_STAGE, .is_member = false),
    WORLD_FIELD("tags", FILTER_SEVERAL, F_TAGS, .is_member = false),
    WORLD_FIELD("amount", FILTER_DECIMAL, F_AMOUNT, .is_member = false),
    WORLD_FIELD("rate", FILTER_DECIMAL, F_RATE, .is_member = false),
    WORLD_FIELD("count", FILTER_INTEGER, F_COUNT, .is_member = false),
    WORLD_FIELD("score", FILTER_NUMBER, F_SCORE, .is_member = false),
    WORLD_FIELD("day", FILTER_DATE, F_DAY, .is_member = false),
    WORLD_FIELD("at", FILTER_INSTANT, F_AT, .is_member = false),
    WORLD_FIELD("owner", FILTER_REFERENCE, F_OWNER, .is_member = true),
    WORLD_FIELD("dept", FILTER_REFERENCE, F_DEPT, .is_department = true),
    WORLD_FIELD("note", FILTER_TEXT, F_NOTE, .is_member = false), /* not searchable */
    WORLD_FIELD("ok", FILTER_CHOICE, F_AGREED, .is_yes_no = true),
};

static inline bool world_find(void *arg, struct str key, struct filter_field *ret_field)
{
    (void)arg;
    for (size_t i = 0; i < N_FIELDS; i++)
        if (str_eq(FIELDS[i].key, key)) {
            *ret_field = FIELDS[i];
            return true;
        }
    return false;
}
static const struct filter_caller WORLD_CALLER = {.find = world_find};

static inline const struct json *world_json(struct arena *arena, struct str text)
{
    struct json *json = NULL;
    struct err err = {0};
    if (json_parse(arena, text, NULL, &json, &err) < 0) {
        (void)fprintf(stderr, "%.*s: %s\n", STR_ARGS(text), err.detail);
        never("the tests' own JSON");
    }
    return json;
}

static inline const struct filter *world_parse(struct arena *arena, struct str text)
{
    const struct filter *filter = NULL;
    struct err err = {0};
    if (filter_parse(world_json(arena, text), &WORLD_CALLER, arena, &filter, &err) < 0) {
        (void)fprintf(stderr, "%.*s: %s\n", STR_ARGS(text), err.detail);
        never("the tests' own filter");
    }
    return filter;
}

/* ---- random values ------------------------------------------------------------------------------------- */

#define ONE_OF(array) ((array)[random_below(sizeof(array) / sizeof((array)[0]))])
static inline bool chance(size_t percent)
{
    return random_below(100) < percent;
}

static const int64_t WORLD_IDS[] = {1, 2, 3, 4, 5, 6, 7, 8, 9007199254740993, INT64_MAX};
static const int64_t WORLD_SUBTREE[] = {3, 5, 6, 9007199254740993};
static const char *const WORLD_KEYS[] = {
    "lead", "won", "lost", "vip", "new", "a", "b", "ab", "a_b", "330100"};
static const char *const WORLD_PIECES[] = {"张", "三", "张三", "中国银行", "重庆", "ABC", "abc", "ＡＢＣ",
    "a", "Z", "１２３", "123", " ", "  ", "\xe3\x80\x80", "é", "e\xcc\x81", "É", "ß", "ss", "ﬁ", "Ⅷ", "😀",
    "%", "_", "!", "'", "\\", "\"", "İ", "ς", "Σ", "㎏", "ｱｲ", "アイ", "𠮷"};
static const char *const WORLD_ZONES[] = {"Asia/Shanghai", "America/New_York", "Asia/Kathmandu"};
enum { N_ZONES = 3 };
/* Days around which dates lie: ends of months, quarters and years, a leap day, both changes of New York's
 * clocks. */
static const int WORLD_DAYS[][3] = {
    {2026, 1, 1}, {2026, 3, 31}, {2024, 2, 29}, {2026, 3, 8}, {2026, 11, 1}, {2025, 12, 29}, {2026, 6, 15}};

static inline struct str random_text(struct arena *arena)
{
    struct str text = STR("");
    for (size_t n = random_below(4) + 1; n > 0; n--)
        text = arena_printf(arena, "%.*s%s", STR_ARGS(text), ONE_OF(WORLD_PIECES));
    return text;
}

static inline struct str random_code(struct arena *arena)
{
    static const char LETTERS[] = "0011AAB%_!";
    struct str text = STR("");
    for (size_t n = random_below(5) + 1; n > 0; n--)
        text = arena_printf(arena, "%.*s%c", STR_ARGS(text), LETTERS[random_below(sizeof(LETTERS) - 1)]);
    return text;
}

static inline int64_t random_day(void)
{
    static const int STEPS[] = {0, 0, 1, -1, 2, -2, 6, -6, 7, -7, 8, 13, -13, 29, -29, 30, -30, 31, -31, 59,
        89, 90, -90, 92, -92, 364, -365, 366, -366, 500, -800};
    const int *base = ONE_OF(WORLD_DAYS);
    return clock_days_of_date(base[0], base[1], base[2]) + ONE_OF(STEPS);
}

static inline struct str random_date(struct arena *arena)
{
    static const char *const ENDS[] = {"0001-01-01", "0999-12-31", "1000-01-01", "9999-12-31"};
    int year, month, day;
    if (chance(3))
        return str_of(ONE_OF(ENDS));
    clock_date_of_days(random_day(), &year, &month, &day);
    return arena_printf(arena, "%04d-%02d-%02d", year, month, day);
}

/* Around midnight of some zone, more often than not. */
static inline int64_t random_instant(void)
{
    static const int64_t OFFSETS_S[] = {0, 8 * 3600, -5 * 3600, -4 * 3600, 20700};
    static const int64_t STEPS_US[] = {0, -1, 1, 1000000, -1000000, 3600000000, -3600000000, 43200000000};
    return (random_day() * 86400 - ONE_OF(OFFSETS_S)) * 1000000 + ONE_OF(STEPS_US);
}

static inline struct str random_decimal(struct arena *arena, bool fine)
{
    static const char *const WHOLE[] = {"0", "0", "1", "9", "10", "99", "100", "12345678901234567"};
    static const char *const PARTS[] = {"", ".5", ".50", ".05", ".99", ".10"};
    static const char *const FINE[] = {".00000001", ".12345678", ".50000000", ".5"};
    const char *whole = fine ? WHOLE[random_below(7)] : ONE_OF(WHOLE);
    return arena_printf(
        arena, "%s%s%s", chance(30) ? "-" : "", whole, fine && chance(50) ? ONE_OF(FINE) : ONE_OF(PARTS));
}

/* Neighbours at the ends and around zero, which a comparison by doubles takes for one. */
static inline int64_t random_integer(void)
{
    static const int64_t ENDS[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 9007199254740992,
        9007199254740993, -1, 0, 1, 2, 10};
    return ONE_OF(ENDS);
}

/* Neighbours too, and values that decimal text does not give back unless all of its digits are there. */
static inline double random_real(void)
{
    static const double REALS[] = {0, 0.1, 0.1 + 0.2, 0.3, 1.0 / 3, -1.0 / 3, 1, -1, 1e-300, 5e-324, 1e15,
        9007199254740991.0, 9007199254740990.0, 1.7976931348623157e308, -2.5, 1e22, 123456789012345680.0};
    return ONE_OF(REALS);
}

static inline int compare_key_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline struct str random_tags(struct arena *arena)
{
    const char *keys[4];
    size_t n = random_below(4) + 1;
    struct str text = STR("[");
    for (size_t i = 0; i < n; i++)
        keys[i] = ONE_OF(WORLD_KEYS);
    qsort(keys, n, sizeof(keys[0]), compare_key_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(keys[i], keys[i - 1]) != 0)
            text = arena_printf(arena, "%.*s%s\"%s\"", STR_ARGS(text), i ? "," : "", keys[i]);
    return arena_printf(arena, "%.*s]", STR_ARGS(text));
}

static inline struct db_val random_value(size_t field, struct arena *arena)
{
    char text[CLOCK_TEXT_MAX];
    size_t n;
    if (chance(15))
        return DB_N;
    switch (FIELDS[field].kind) {
    case FILTER_TEXT: {
        struct str raw = random_text(arena);
        return DB_S(chance(80) ? text_normalize(arena, raw) : raw);
    }
    case FILTER_CODE: {
        struct str code = random_code(arena);
        return DB_S(chance(85) ? code : arena_printf(arena, "%.*s ", STR_ARGS(code)));
    }
    case FILTER_CHOICE:
        if (FIELDS[field].is_yes_no)
            return DB_S(chance(50) ? STR("true") : STR("false"));
        return DB_S(str_of(ONE_OF(WORLD_KEYS)));
    case FILTER_SEVERAL:
        return DB_S(random_tags(arena));
    case FILTER_DECIMAL:
        return DB_S(random_decimal(arena, field == F_RATE));
    case FILTER_INTEGER:
        return DB_I(random_integer());
    case FILTER_NUMBER:
        return (struct db_val){.kind = DB_REAL, .real = random_real()};
    case FILTER_DATE:
        return DB_S(random_date(arena));
    case FILTER_INSTANT:
        n = clock_print_sql(random_instant(), text);
        return DB_S(arena_copy(arena, ((struct str){text, n})));
    case FILTER_REFERENCE:
        return DB_I(ONE_OF(WORLD_IDS));
    }
    never("all kinds are above");
}

/* A moment near one of the days, in one of the zones. */
static inline struct filter_env random_env(size_t zone)
{
    return (struct filter_env){.me = 3,
        .my_department = 3,
        .subtree = WORLD_SUBTREE,
        .n_subtree = chance(90) ? sizeof(WORLD_SUBTREE) / sizeof(WORLD_SUBTREE[0]) : 0,
        .now_us = random_instant(),
        .zone = str_of(WORLD_ZONES[zone])};
}

#endif
