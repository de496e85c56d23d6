/*
 * Filters. Whatever JSON is taken prints to a text that reads as the same filter, keeps the limits, and can
 * be asked in every way: its SQL has as many marks as values, the predicate answers on rows of values and of
 * nulls, nothing is TRUE where nothing is clear unless it is TRUE everywhere, and what is TRUE meets an
 * access predicate.
 */
#include "base/must.h"
#include "filter/filter.h"
#include "text/text.h"
#include "json/out.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { N_FIELDS = 8 };
static const struct filter_field FIELDS[N_FIELDS] = {
    {.key = {"name", 4}, .kind = FILTER_TEXT, .index = 0, .column = {"`a`", 3}, .folded = {"`b`", 3}},
    {.key = {"code", 4}, .kind = FILTER_CODE, .index = 1, .column = {"`c`", 3}},
    {.key = {"stage", 5}, .kind = FILTER_CHOICE, .index = 2, .column = {"`d`", 3}},
    {.key = {"tags", 4}, .kind = FILTER_SEVERAL, .index = 3, .column = {"`e`", 3}},
    {.key = {"amount", 6}, .kind = FILTER_DECIMAL, .index = 4, .column = {"`f`", 3}},
    {.key = {"day", 3}, .kind = FILTER_DATE, .index = 5, .column = {"`g`", 3}},
    {.key = {"at", 2}, .kind = FILTER_INSTANT, .index = 6, .column = {"`h`", 3}},
    {.key = {"owner", 5},
        .kind = FILTER_REFERENCE,
        .index = 7,
        .column = {"`i`", 3},
        .is_member = true,
        .is_department = true},
};
static const int64_t SUBTREE[] = {2, 3};
static const struct filter_env ENV = {.me = 3,
    .subtree = SUBTREE,
    .n_subtree = 2,
    .now_us = INT64_C(1795320000000000),
    .zone = {"Asia/Shanghai", 13}};

static bool find_field(void *arg, struct str key, struct filter_field *ret_field)
{
    (void)arg;
    for (size_t i = 0; i < N_FIELDS; i++)
        if (str_eq(FIELDS[i].key, key)) {
            *ret_field = FIELDS[i];
            return true;
        }
    return false;
}
static const struct filter_caller CALLER = {.find = find_field};

static void count_bind(void *arg, struct db_val value)
{
    must(value.kind == DB_INT || (value.kind == DB_TEXT && str_is_utf8(value.s)));
    ++*(size_t *)arg;
}

static bool never_clear(void *arg, const struct filter_field *field)
{
    (void)arg;
    (void)field;
    return false;
}

static void check_sql(const struct filter *filter, bool as_where, struct arena *arena)
{
    struct buf sql;
    size_t n_binds = 0, n_marks = 0, depth = 0;
    struct err err = {0};
    buf_init(&sql, 0);
    struct filter_sql to = {.sql = &sql,
        .arena = arena,
        .as_where = as_where,
        .arg = &n_binds,
        .bind = count_bind,
        .clear = never_clear};
    must(filter_to_sql(filter, &ENV, &to, &err) == 0);
    for (size_t i = 0; i < sql.n; i++) {
        n_marks += sql.p[i] == '?';
        depth += sql.p[i] == '(';
        must(sql.p[i] != ')' || depth-- > 0);
    }
    must(depth == 0 && n_marks == n_binds);
    must(n_binds <= FILTER_CONDITIONS_MAX * (FILTER_VALUES_MAX + 2));
    buf_done(&sql);
}

static bool meets(const struct filter_access *access, const struct db_val *row, struct arena *arena)
{
    const struct db_val *value = &row[access->field];
    if (access->kind == FILTER_ACCESS_NONE)
        return true;
    if (value->kind == DB_NULL)
        return false;
    if (access->kind == FILTER_ACCESS_RANGE)
        return (access->low.kind == DB_NULL ||
                   filter_compare(access->field_kind, value, &access->low) >= 0) &&
               (access->high.kind == DB_NULL ||
                   filter_compare(access->field_kind, value, &access->high) <= 0);
    struct db_val normal = filter_normal(access->field_kind, value, arena);
    for (size_t i = 0; i < access->n_values; i++)
        if (normal.kind == DB_INT ? normal.i == access->values[i].i : str_eq(normal.s, access->values[i].s))
            return true;
    return false;
}

static void check_row(const struct filter *filter, const struct db_val *row, struct arena *arena)
{
    static const bool UNCLEAR[N_FIELDS] = {false};
    const struct filter_access *accesses;
    size_t n;
    enum filter_truth truth = filter_eval(filter, &ENV, row, NULL, arena);
    enum filter_truth hidden = filter_eval(filter, &ENV, row, UNCLEAR, arena);
    must(hidden == FILTER_UNKNOWN || hidden == truth);
    if (truth != FILTER_TRUE || !filter_accesses(filter, &ENV, arena, &accesses, &n))
        return;
    bool met = false;
    for (size_t i = 0; i < n; i++)
        met = met || meets(&accesses[i], row, arena);
    must(met);
}

static void check_filter(const struct filter *filter, struct arena *arena)
{
    static const struct db_val NULLS[N_FIELDS];
    static const struct db_val ROWS[][N_FIELDS] = {
        {DB_S(STR("张三 ABC")), DB_S(STR("C0001")), DB_S(STR("lead")), DB_S(STR("[\"new\",\"vip\"]")),
            DB_S(STR("100.00")), DB_S(STR("2026-11-22")), DB_S(STR("2026-11-21 16:00:00.000000")), DB_I(3)},
        {DB_S(STR("ａｂｃ")), DB_S(STR("A ")), DB_S(STR("won")), DB_S(STR("[\"a\"]")), DB_S(STR("-0.50")),
            DB_S(STR("2026-11-16")), DB_S(STR("2026-11-15 15:59:59.999999")), DB_I(4)},
    };
    check_row(filter, NULLS, arena);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        check_row(filter, ROWS[i], arena);
    check_sql(filter, true, arena);
    check_sql(filter, false, arena);
    int64_t until = filter_valid_until(filter, &ENV);
    must(until == 0 || until > ENV.now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool ready;
    struct arena *arena = arena_new();
    struct json *json;
    const struct filter *filter = NULL, *again = NULL;
    struct err err = {0};
    if (!ready)
        must(text_init(&err) == 0);
    ready = true;
    if (json_parse(arena, (struct str){(const char *)data, n}, NULL, &json, &err) == 0) {
        int rc = filter_parse(json, &CALLER, arena, &filter, &err);
        must(rc == 0 ? err.code == ERR_NONE : err.code == ERR_INVALID && err.n_items > 0 && filter == NULL);
        if (rc == 0) {
            struct str printed = filter_print(filter, arena);
            must(json_parse(arena, printed, NULL, &json, &err) == 0);
            must(filter_parse(json, &CALLER, arena, &again, &err) == 0);
            must(str_eq(filter_print(again, arena), printed));
            check_filter(filter, arena);
        }
    }
    arena_free(arena);
    return 0;
}
