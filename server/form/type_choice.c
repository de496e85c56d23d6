/*
 * One choice of several, yes or no (a choice of two without options to name), several choices (tags and
 * choices), and regions, whose options are divisions by code. The value is the option's key; several are a
 * JSON array of sorted keys in one column (DECISIONS A17). That a retired option cannot be chosen is judged
 * in limits.c, which knows what the record holds already.
 */
#include "form/types_int.h"

#include <stdlib.h>

enum { SEVERAL_MAX = 20, SEVERAL_COLUMN = 1000 };

PARSE(choice_parse)
{
    struct str key = STR_NULL;
    int rc = parse_string(value, path, arena, &key, err);
    if (rc < 0)
        return rc;
    if (key.n == 0) {
        *ret_value = DB_N;
        return 0;
    }
    const struct field_option *option = field_option_find(field, key);
    if (!option)
        return err_add(err, arena, path, FAULT_NOT_AN_OPTION, STR_NULL);
    *ret_value = DB_S(option->key);
    return 0;
}

void several_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_printf(ddl, "VARCHAR(%d) CHARACTER SET ascii COLLATE ascii_bin", SEVERAL_COLUMN);
}

static int compare_keys(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

PARSE(several_parse)
{
    if (value->kind != JSON_ARRAY)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("array"));
    size_t n = value->array.n;
    if (n > SEVERAL_MAX)
        return err_add(err, arena, path, FAULT_TOO_MANY, arena_printf(arena, "%d", SEVERAL_MAX));
    struct str *keys = arena_new_array(arena, struct str, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct json *key = &value->array.at[i];
        if (key->kind != JSON_STR)
            return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("string"));
        const struct field_option *option = field_option_find(field, key->str);
        if (!option)
            return err_add(err, arena, path, FAULT_NOT_AN_OPTION, STR_NULL);
        keys[i] = option->key;
    }
    qsort(keys, n, sizeof(keys[0]), compare_keys);
    struct str text = STR("[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && str_eq(keys[i], keys[i - 1]))
            return err_add(err, arena, path, FAULT_DUPLICATE, STR_NULL);
        text = arena_printf(arena, "%.*s%s\"%.*s\"", STR_ARGS(text), i ? "," : "", STR_ARGS(keys[i]));
    }
    text = arena_printf(arena, "%.*s]", STR_ARGS(text));
    if (text.n > SEVERAL_COLUMN)
        return err_add(err, arena, path, FAULT_TOO_MANY, arena_printf(arena, "%d", SEVERAL_MAX));
    *ret_value = n == 0 ? DB_N : DB_S(text);
    return 0;
}

void several_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    json_out_raw(out, value->s);
}

void yes_no_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin");
}

PARSE(yes_no_parse)
{
    (void)field;
    if (value->kind != JSON_BOOL)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("boolean"));
    *ret_value = DB_S(value->boolean ? STR("true") : STR("false"));
    return 0;
}

/* It is stored as JSON says it. */
void yes_no_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    json_out_bool(out, str_eq(value->s, STR("true")));
}
