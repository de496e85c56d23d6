/*
 * What a definition asks of a value beside its type: a range, a pattern, an option that is still in use. It
 * is judged on what would be stored, by the order that filters know, so that one rule serves all types; and
 * against what the record holds now: a value that stands there already may stay, when rules are tightened and
 * when options are retired.
 */
#include "base/must.h"
#include "form/form.h"
#include "form/types_int.h"
#include "text/pattern.h"

static bool is_time(const struct field *field)
{
    return field->type->filter == FILTER_DATE || field->type->filter == FILTER_INSTANT;
}

static int check_range(const struct field *field, const struct db_val *value, struct str path,
    struct arena *arena, struct err *err)
{
    enum filter_kind kind = field->type->filter;
    if (field->low.kind != DB_NULL && filter_compare(kind, value, &field->low) < 0)
        return err_add(err, arena, path, is_time(field) ? FAULT_TOO_EARLY : FAULT_TOO_SMALL, field->min);
    if (field->high.kind != DB_NULL && filter_compare(kind, value, &field->high) > 0)
        return err_add(err, arena, path, is_time(field) ? FAULT_TOO_LATE : FAULT_TOO_LARGE, field->max);
    return 0;
}

/* Keys are the value itself, or stand in it in quotes; they hold no quote themselves. */
static bool has_option(
    const struct field *field, const struct db_val *value, struct str key, struct arena *arena)
{
    if (!value || value->kind == DB_NULL)
        return false;
    if (field->type->filter != FILTER_SEVERAL)
        return str_eq(value->s, key);
    return str_find(value->s, arena_printf(arena, "\"%.*s\"", STR_ARGS(key))) != SIZE_MAX;
}

static int check_options(const struct field *field, const struct db_val *value, const struct db_val *before,
    struct str path, struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < field->n_options; i++) {
        struct str key = field->options[i].key;
        if (field->options[i].retired && has_option(field, value, key, arena) &&
            !has_option(field, before, key, arena))
            return err_add(err, arena, path, FAULT_NOT_AN_OPTION, STR_NULL);
    }
    return 0;
}

int field_check(const struct field *field, const struct db_val *value, const struct db_val *before,
    struct str path, struct arena *arena, struct err *err)
{
    if (value->kind == DB_NULL || (before && db_val_equal(value, before)))
        return 0;
    int rc = check_range(field, value, path, arena, err);
    if (rc == 0)
        rc = check_options(field, value, before, path, arena, err);
    if (rc == 0 && field->pattern && !text_pattern_matches(field->pattern, value->s))
        rc = err_add_said(err, arena, path, FAULT_PATTERN, field->pattern_zh, field->pattern_en);
    return rc;
}

/* A bound is written as a value of the type would be, as text; a number's is a number. */
static int parse_bound(const struct field *field, struct str text, struct str path, struct arena *arena,
    struct db_val *ret_bound, struct err *err)
{
    struct json string = {.kind = JSON_STR, .str = text}, *json = &string;
    struct err ignored = {0};
    if (field->type->filter == FILTER_NUMBER && json_parse(arena, text, NULL, &json, &ignored) < 0)
        return err_add(err, arena, path, FAULT_NOT_A_NUMBER, STR_NULL);
    return field->type->parse(field, json, path, arena, ret_bound, err);
}

void field_set_range(struct field *field, struct str path, struct arena *arena, struct err *err)
{
    struct str of_min = arena_printf(arena, "%.*s.min", STR_ARGS(path)),
               of_max = arena_printf(arena, "%.*s.max", STR_ARGS(path));
    struct str min = field->min, max = field->max;
    field->low = field->high = DB_N;
    field->min = field->max = STR_NULL; /* a bound has none itself */
    if (!(field->type->rules & RULE_RANGE) && (min.n || max.n)) {
        (void)err_add(err, arena, min.n ? of_min : of_max, FAULT_BAD_VALUE, STR_NULL);
        return;
    }
    int rc = min.n ? parse_bound(field, min, of_min, arena, &field->low, err) : 0;
    if (max.n && parse_bound(field, max, of_max, arena, &field->high, err) == 0 && rc == 0 &&
        field->low.kind != DB_NULL && field->high.kind != DB_NULL &&
        filter_compare(field->type->filter, &field->low, &field->high) > 0)
        (void)err_add(err, arena, of_max, FAULT_TOO_SMALL, min);
    field->min = min;
    field->max = max;
}
