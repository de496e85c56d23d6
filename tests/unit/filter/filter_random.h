/*
 * Random filters, each written twice: as the JSON of a request, and as SQL in the plainest words, with the
 * values in the text, NOT where the JSON says `not`, JSON functions for several choices, and MariaDB's own
 * calendar. The second writing shares nothing with server/filter but folding and normal forms.
 */
#ifndef TIDEMARK_TESTS_FILTER_RANDOM_H
#define TIDEMARK_TESTS_FILTER_RANDOM_H

#include "filter_world.h"
#include "json/out.h"

struct random_filter {
    struct arena *arena;
    struct buf json, sql;
    size_t n_conditions;
    size_t zone;
    bool masked[N_FIELDS];       /* not clear on every row: where `c_<key>` is 1 */
    const struct db_val *values; /* of all rows, N_FIELDS each: operands are drawn from them */
    size_t n_rows;
    struct str today; /* "2026-11-22" in the zone */
    bool only_starts; /* nothing but starts of the field that has an index on its folded text */
};

static inline void random_filter_json(struct random_filter *to, struct str text)
{
    struct json_out out;
    json_out_init(&out, &to->json);
    json_out_str(&out, text);
    json_out_end(&out);
}

static inline void random_filter_hex(struct random_filter *to, const char *charset, struct str text)
{
    buf_printf(&to->sql, "_%s x'", charset);
    for (size_t i = 0; i < text.n; i++)
        buf_printf(&to->sql, "%02x", (unsigned char)text.p[i]);
    buf_printf(&to->sql, "' COLLATE %s", charset[0] == 'a' ? "ascii_bin" : "utf8mb4_nopad_bin");
}

/* A value of some row, or a new one; never null. */
static inline struct db_val random_operand(struct random_filter *to, size_t field)
{
    for (;;) {
        struct db_val value = chance(75) && to->n_rows
                                  ? to->values[random_below(to->n_rows) * N_FIELDS + field]
                                  : random_value(field, to->arena);
        if (value.kind != DB_NULL)
            return value;
    }
}

/* What a person types for a code: full-width digits, lower case, blanks. *ret_stored: what is meant. */
static inline struct str untidy_code(struct arena *arena, struct str code, struct str *ret_stored)
{
    struct str text = STR(""), stored = STR("");
    for (size_t i = 0; i < code.n; i++) {
        char c = code.p[i];
        if (c == ' ')
            continue;
        stored = arena_printf(arena, "%.*s%c", STR_ARGS(stored), c);
        if (c >= '0' && c <= '9' && chance(20))
            text = arena_printf(arena, "%.*s\xef\xbc%c", STR_ARGS(text), 0x90 + c - '0');
        else
            text = arena_printf(arena, "%.*s%s%c", STR_ARGS(text), chance(15) ? " " : "",
                c >= 'A' && c <= 'Z' && chance(30) ? c + 32 : c);
    }
    *ret_stored = stored;
    return text;
}

/* Some characters out of the middle, or from the start. */
static inline struct str random_part(struct str text, bool start)
{
    struct str rest = text;
    size_t n = 0;
    while (!start && rest.n > 0 && chance(40)) {
        size_t step = str_utf8_next(rest);
        rest = (struct str){rest.p + step, rest.n - step};
    }
    while (n < rest.n && (n == 0 || chance(60)))
        n += str_utf8_next((struct str){rest.p + n, rest.n - n});
    return (struct str){rest.p, n};
}

/* Writes one operand in both ways. */
static inline void random_filter_value(struct random_filter *to, size_t field, bool part, bool start)
{
    struct db_val value = random_operand(to, field);
    struct arena *arena = to->arena;
    struct str text = part ? random_part(value.s, start) : value.s, stored;
    switch (FIELDS[field].kind) {
    case FILTER_TEXT:
        if (!part && chance(10))
            text = arena_printf(arena, " %.*s ", STR_ARGS(text));
        random_filter_json(to, text);
        random_filter_hex(to, "utf8mb4", part ? text_fold(arena, text) : text_normalize(arena, text));
        return;
    case FILTER_CODE:
        random_filter_json(to, untidy_code(arena, text, &stored));
        random_filter_hex(to, "ascii", stored);
        return;
    case FILTER_CHOICE:
        if (FIELDS[field].is_yes_no)
            buf_add_str(&to->json, text);
        else
            random_filter_json(to, text);
        random_filter_hex(to, "ascii", text);
        return;
    case FILTER_DECIMAL:
        text = chance(70) ? text : random_decimal(arena, true);
        random_filter_json(to, text);
        buf_printf(&to->sql, "%.*s", STR_ARGS(text));
        return;
    case FILTER_INTEGER:
        random_filter_json(to, arena_printf(arena, "%lld%s", (long long)value.i, chance(10) ? ".0" : ""));
        buf_add_i64(&to->sql, value.i);
        return;
    case FILTER_NUMBER: /* all digits of it, in both ways of writing */
        buf_printf(&to->json, "%.17g%s", value.real, value.real >= 1e15 && value.real < 1e17 ? ".0" : "");
        buf_printf(&to->sql, "%.17e", value.real);
        return;
    case FILTER_DATE:
        random_filter_json(to, text);
        buf_printf(&to->sql, "DATE'%.*s'", STR_ARGS(text));
        return;
    case FILTER_INSTANT:
        random_filter_json(to, arena_printf(arena, "%.10sT%.15sZ", text.p, text.p + 11));
        buf_printf(&to->sql, "TIMESTAMP'%.*s'", STR_ARGS(text));
        return;
    case FILTER_REFERENCE:
        random_filter_json(to, arena_printf(arena, "%lld", (long long)value.i));
        buf_add_i64(&to->sql, value.i);
        return;
    case FILTER_SEVERAL:
        break;
    }
    never("several choices have operators of their own");
}

/* "@me" and "@my_department" are 3 and a subtree in the tests' world. */
static inline bool random_filter_word(struct random_filter *to, size_t field, const struct filter_env *env)
{
    if (field == F_OWNER && chance(20)) {
        random_filter_json(to, STR("@me"));
        buf_add_i64(&to->sql, env->me);
        return true;
    }
    if (field != F_DEPT || !chance(30))
        return false;
    random_filter_json(to, STR("@my_department"));
    for (size_t i = 0; i < env->n_subtree; i++)
        buf_printf(&to->sql, "%s%lld", i ? "," : "", (long long)env->subtree[i]);
    if (env->n_subtree == 0)
        buf_add_text(&to->sql, "-1"); /* the id of nothing */
    return true;
}

static inline void random_filter_set(struct random_filter *to, size_t field, const struct filter_env *env)
{
    bool negated = chance(40), many = chance(50);
    const char *op = many ? (negated ? "nin" : "in") : negated ? "ne" : "eq";
    size_t n = many ? random_below(5) : 1;
    struct str column = FIELDS[field].column;
    buf_printf(&to->json, "\"op\":\"%s\",\"value\":%s", op, many ? "[" : "");
    if (n == 0)
        buf_printf(&to->sql, "IF(%.*s IS NULL,NULL,%s)", STR_ARGS(column), negated ? "TRUE" : "FALSE");
    else
        buf_printf(&to->sql, "%.*s %sIN (", STR_ARGS(column), negated ? "NOT " : "");
    for (size_t i = 0; i < n; i++) {
        buf_add_text(&to->json, i ? "," : "");
        buf_add_text(&to->sql, i ? "," : "");
        if (chance(7)) {
            buf_add_text(&to->json, "null");
            buf_add_text(&to->sql, "NULL");
        } else if (!random_filter_word(to, field, env)) {
            random_filter_value(to, field, false, false);
        }
    }
    buf_add_text(&to->json, many ? "]" : "");
    buf_add_text(&to->sql, n ? ")" : "");
}

static inline void random_filter_compare(struct random_filter *to, size_t field)
{
    static const char *const OPS[][2] = {{"lt", "<"}, {"le", "<="}, {"gt", ">"}, {"ge", ">="}};
    const char *const *op = ONE_OF(OPS);
    buf_printf(&to->json, "\"op\":\"%s\",\"value\":", op[0]);
    buf_printf(&to->sql, "%.*s %s ", STR_ARGS(FIELDS[field].column), op[1]);
    if (chance(4)) {
        buf_add_text(&to->json, "null");
        buf_add_text(&to->sql, "NULL");
        return;
    }
    random_filter_value(to, field, false, false);
}

static inline void random_filter_folded(struct random_filter *to, size_t field)
{
    bool start = to->only_starts || chance(50);
    struct str column = FIELDS[field].kind == FILTER_TEXT ? FIELDS[field].folded : FIELDS[field].column;
    buf_printf(&to->json, "\"op\":\"%s\",\"value\":", start ? "starts" : "contains");
    buf_printf(&to->sql, "(INSTR(%.*s, ", STR_ARGS(column));
    random_filter_value(to, field, true, start);
    buf_add_text(&to->sql, start ? ") = 1)" : ") > 0)");
}

static inline void random_filter_keys(struct random_filter *to)
{
    static const char *const OPS[] = {"has", "any", "all", "none"};
    const char *op = ONE_OF(OPS);
    bool one = op[0] == 'h', all = strcmp(op, "all") == 0, none = op[0] == 'n';
    size_t n = one ? 1 : random_below(4);
    buf_printf(&to->json, "\"op\":\"%s\",\"value\":%s", op, one ? "" : "[");
    if (n == 0)
        buf_printf(&to->sql, "IF(t.`tags` IS NULL,NULL,%s)", all || none ? "TRUE" : "FALSE");
    else
        buf_add_text(&to->sql, none ? "NOT (" : "(");
    for (size_t i = 0; i < n; i++) {
        const char *key = chance(92) ? ONE_OF(WORLD_KEYS) : NULL;
        buf_add_text(&to->json, i ? "," : "");
        buf_add_text(&to->sql, i == 0 ? "" : all ? " AND " : " OR ");
        if (key) {
            random_filter_json(to, str_of(key));
            buf_printf(&to->sql, "JSON_CONTAINS(t.`tags`, '\"%s\"')", key);
        } else {
            buf_add_text(&to->json, "null");
            buf_add_text(&to->sql, "NULL");
        }
    }
    buf_add_text(&to->json, one ? "" : "]");
    buf_add_text(&to->sql, n ? ")" : "");
}

/* %1$s the day, %2$s today. For an instant the day is a column that the C library's calendar has filled. */
static const char *const RANDOM_PERIODS[][2] = {
    {"today", "%1$s = %2$s"},
    {"yesterday", "%1$s = %2$s - INTERVAL 1 DAY"},
    {"tomorrow", "%1$s = %2$s + INTERVAL 1 DAY"},
    {"this_week", "YEARWEEK(%1$s, 3) = YEARWEEK(%2$s, 3)"},
    {"last_week", "YEARWEEK(%1$s, 3) = YEARWEEK(%2$s - INTERVAL 7 DAY, 3)"},
    {"next_week", "YEARWEEK(%1$s, 3) = YEARWEEK(%2$s + INTERVAL 7 DAY, 3)"},
    {"this_month", "EXTRACT(YEAR_MONTH FROM %1$s) = EXTRACT(YEAR_MONTH FROM %2$s)"},
    {"last_month",
        "EXTRACT(YEAR_MONTH FROM %1$s) = EXTRACT(YEAR_MONTH FROM LAST_DAY(%2$s) - INTERVAL 1 MONTH)"},
    {"next_month", "EXTRACT(YEAR_MONTH FROM %1$s) = EXTRACT(YEAR_MONTH FROM %2$s + INTERVAL 1 MONTH)"},
    {"this_quarter", "YEAR(%1$s) * 4 + QUARTER(%1$s) = YEAR(%2$s) * 4 + QUARTER(%2$s)"},
    {"last_quarter", "YEAR(%1$s) * 4 + QUARTER(%1$s) = YEAR(%2$s) * 4 + QUARTER(%2$s) - 1"},
    {"this_year", "YEAR(%1$s) = YEAR(%2$s)"},
    {"last_year", "YEAR(%1$s) = YEAR(%2$s) - 1"},
    {"last_1_days", "DATEDIFF(%2$s, %1$s) BETWEEN 0 AND 0"},
    {"last_7_days", "DATEDIFF(%2$s, %1$s) BETWEEN 0 AND 6"},
    {"last_31_days", "DATEDIFF(%2$s, %1$s) BETWEEN 0 AND 30"},
    {"next_1_days", "DATEDIFF(%1$s, %2$s) BETWEEN 0 AND 0"},
    {"next_30_days", "DATEDIFF(%1$s, %2$s) BETWEEN 0 AND 29"},
    {"next_366_days", "DATEDIFF(%1$s, %2$s) BETWEEN 0 AND 365"},
};

static inline void random_filter_within(struct random_filter *to, size_t field)
{
    const char *const *period = ONE_OF(RANDOM_PERIODS);
    char day[32], today[32];
    (void)snprintf(today, sizeof(today), "DATE'%.10s'", to->today.p);
    if (field == F_DAY)
        (void)snprintf(day, sizeof(day), "t.`day`");
    else
        (void)snprintf(day, sizeof(day), "t.`at_%zu`", to->zone);
    buf_printf(&to->json, "\"op\":\"within\",\"value\":\"%s\"", period[0]);
    buf_add_text(&to->sql, "(");
    const char *at = period[1];
    for (const char *mark = strchr(at, '%'); mark; mark = strchr(at, '%')) {
        buf_add(&to->sql, at, (size_t)(mark - at));
        buf_add_text(&to->sql, mark[1] == '1' ? day : today);
        at = mark + sizeof("%1$s") - 1;
    }
    buf_add_text(&to->sql, at);
    buf_add_text(&to->sql, ")");
}

static inline void random_filter_condition(struct random_filter *to, const struct filter_env *env)
{
    size_t field = to->only_starts ? F_NAME : random_below(N_FIELDS);
    enum filter_kind kind = FIELDS[field].kind;
    bool ordered = kind != FILTER_CHOICE && kind != FILTER_REFERENCE;
    struct str key = FIELDS[field].key;
    buf_printf(&to->json, "{\"field\":\"%.*s\",", STR_ARGS(key));
    if (to->masked[field])
        buf_printf(&to->sql, "IF(t.`c_%.*s` = 1, ", STR_ARGS(key));
    if (to->only_starts) {
        random_filter_folded(to, field);
    } else if (chance(12)) {
        static const char *const EMPTY[] = {"\"op\":\"empty\"", "\"op\":\"empty\",\"value\":true"};
        buf_add_text(&to->json, ONE_OF(EMPTY));
        buf_printf(&to->sql, "%.*s IS NULL", STR_ARGS(FIELDS[field].column));
    } else if (kind == FILTER_SEVERAL) {
        random_filter_keys(to);
    } else if ((kind == FILTER_DATE || kind == FILTER_INSTANT) && chance(50)) {
        random_filter_within(to, field);
    } else if ((kind == FILTER_CODE || FIELDS[field].folded.n) && chance(50)) {
        random_filter_folded(to, field);
    } else if (ordered && chance(50)) {
        random_filter_compare(to, field);
    } else {
        random_filter_set(to, field, env);
    }
    buf_add_text(&to->json, "}");
    buf_add_text(&to->sql, to->masked[field] ? ", NULL)" : "");
    to->n_conditions++;
}

static inline void random_filter_node(struct random_filter *to, const struct filter_env *env, size_t depth)
{
    if (depth == 0 || chance(35) || to->n_conditions > 20) {
        random_filter_condition(to, env);
        return;
    }
    if (chance(30)) {
        buf_add_text(&to->json, "{\"not\":");
        buf_add_text(&to->sql, "(NOT ");
        random_filter_node(to, env, depth - 1);
        buf_add_text(&to->json, "}");
        buf_add_text(&to->sql, ")");
        return;
    }
    bool all = chance(50);
    size_t n = chance(5) ? 0 : random_below(3) + 1;
    buf_add_text(&to->json, all ? "{\"and\":[" : "{\"or\":[");
    buf_add_text(&to->sql, n == 0 ? (all ? "(TRUE" : "(FALSE") : "(");
    for (size_t i = 0; i < n; i++) {
        buf_add_text(&to->json, i ? "," : "");
        buf_add_text(&to->sql, i == 0 ? "" : all ? " AND " : " OR ");
        random_filter_node(to, env, depth - 1);
    }
    buf_add_text(&to->json, "]}");
    buf_add_text(&to->sql, ")");
}

#endif
