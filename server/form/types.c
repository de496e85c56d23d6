/*
 * The field types: one row of functions each, in one table at the end. To add a type: write its functions in
 * type_<kind>.c, declare them in types_int.h, add a row here, a folder in web/src/fields, and its cases under
 * tests/cases/form. Nothing else asks which type a field has.
 */
#include "form/types_int.h"

#include "base/must.h"

#define DECIMAL_TYPE(name)                                                                                   \
    {                                                                                                        \
        .key = (name), .rules = RULE_RANGE | RULE_SCALE | RULE_SORTED | RULE_UNIQUE,                         \
        .filter = FILTER_DECIMAL, .sort_param = "CAST(? AS DECIMAL(38,8))", .column = decimal_column,        \
        .parse = decimal_parse, .print = print_text                                                          \
    }
#define SEVERAL_TYPE(name)                                                                                   \
    {                                                                                                        \
        .key = (name), .filter = FILTER_SEVERAL, .has_options = true, .column = several_column,              \
        .parse = several_parse, .print = several_print                                                       \
    }
#define CHOICE_TYPE(name)                                                                                    \
    {                                                                                                        \
        .key = (name), .rules = RULE_SORTED | RULE_UNIQUE, .filter = FILTER_CHOICE, .has_options = true,     \
        .column = code_column, .parse = choice_parse, .print = print_text                                    \
    }
#define CODE_TYPE(name, parse_)                                                                              \
    {                                                                                                        \
        .key = (name), .rules = RULE_PATTERN | RULE_SORTED | RULE_UNIQUE, .filter = FILTER_CODE,             \
        .search = SEARCH_CODE, .column = code_column, .parse = (parse_), .print = print_text                 \
    }
#define REFERENCE_TYPE(name, to)                                                                             \
    {                                                                                                        \
        .key = (name), .rules = RULE_SORTED | RULE_UNIQUE, .filter = FILTER_REFERENCE, .reference = (to),    \
        .column = reference_column, .parse = reference_parse, .print = reference_print                       \
    }

#define OWN_TYPE(name, kind, to, print_)                                                                     \
    {                                                                                                        \
        .key = (name), .rules = RULE_SORTED, .filter = (kind), .reference = (to), .is_automatic = true,      \
        .own_column = "_" name, .parse = automatic_parse, .print = (print_)                                  \
    }

static const struct field_type TYPES[] = {
    {.key = "text",
        .rules = RULE_LENGTH | RULE_PATTERN | RULE_SORTED | RULE_UNIQUE,
        .filter = FILTER_TEXT,
        .search = SEARCH_FOLDED,
        .is_text = true,
        .column = text_column,
        .parse = text_parse,
        .print = print_text},
    {.key = "long_text",
        .rules = RULE_LENGTH | RULE_PATTERN,
        .filter = FILTER_TEXT,
        .search = SEARCH_FOLDED,
        .is_long = true,
        .column = long_text_column,
        .parse = long_text_parse,
        .print = print_text},
    {.key = "auto_number",
        .rules = RULE_SORTED | RULE_UNIQUE,
        .filter = FILTER_CODE,
        .search = SEARCH_CODE,
        .is_automatic = true,
        .is_numbered = true,
        .column = code_column,
        .parse = automatic_parse,
        .print = print_text},
    CHOICE_TYPE("choice"),
    CHOICE_TYPE("region"),
    SEVERAL_TYPE("choices"),
    SEVERAL_TYPE("tags"),
    CODE_TYPE("phone", phone_parse),
    CODE_TYPE("credit_code", credit_code_parse),
    CODE_TYPE("id_no", id_no_parse),
    {.key = "email",
        .rules = RULE_PATTERN | RULE_SORTED | RULE_UNIQUE,
        .filter = FILTER_TEXT,
        .search = SEARCH_FOLDED,
        .column = email_column,
        .parse = email_parse,
        .print = print_text},
    {.key = "url",
        .rules = RULE_LENGTH | RULE_PATTERN | RULE_SORTED,
        .filter = FILTER_TEXT,
        .search = SEARCH_FOLDED,
        .is_text = true,
        .column = url_column,
        .parse = url_parse,
        .print = print_text},
    {.key = "yes_no",
        .rules = RULE_SORTED,
        .filter = FILTER_CHOICE,
        .is_yes_no = true,
        .column = yes_no_column,
        .parse = yes_no_parse,
        .print = yes_no_print},
    DECIMAL_TYPE("money"),
    DECIMAL_TYPE("decimal"),
    DECIMAL_TYPE("percent"),
    {.key = "integer",
        .rules = RULE_RANGE | RULE_SORTED | RULE_UNIQUE,
        .filter = FILTER_INTEGER,
        .column = integer_column,
        .parse = integer_parse,
        .print = integer_print},
    {.key = "number",
        .rules = RULE_RANGE | RULE_SORTED,
        .filter = FILTER_NUMBER,
        .column = number_column,
        .parse = number_parse,
        .print = number_print},
    {.key = "date",
        .rules = RULE_RANGE | RULE_SORTED | RULE_UNIQUE,
        .filter = FILTER_DATE,
        .column = date_column,
        .parse = date_parse,
        .print = print_text},
    {.key = "datetime",
        .rules = RULE_RANGE | RULE_SORTED | RULE_UNIQUE,
        .filter = FILTER_INSTANT,
        .column = datetime_column,
        .parse = datetime_parse,
        .print = datetime_print},
    REFERENCE_TYPE("member", REFERENCE_MEMBER),
    REFERENCE_TYPE("department", REFERENCE_DEPARTMENT),
    REFERENCE_TYPE("reference", REFERENCE_RECORD),
    OWN_TYPE("created_at", FILTER_INSTANT, REFERENCE_NONE, datetime_print),
    OWN_TYPE("created_by", FILTER_REFERENCE, REFERENCE_MEMBER, reference_print),
    OWN_TYPE("changed_at", FILTER_INSTANT, REFERENCE_NONE, datetime_print),
    OWN_TYPE("changed_by", FILTER_REFERENCE, REFERENCE_MEMBER, reference_print),
};

const struct field_type *field_type_at(size_t i)
{
    return i < sizeof(TYPES) / sizeof(TYPES[0]) ? &TYPES[i] : NULL;
}

const struct field_type *field_type_find(struct str key)
{
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
        if (str_eq(str_of(TYPES[i].key), key))
            return &TYPES[i];
    return NULL;
}

const struct field_option *field_option_find(const struct field *field, struct str key)
{
    for (size_t i = 0; i < field->n_options; i++)
        if (str_eq(field->options[i].key, key))
            return &field->options[i];
    return NULL;
}

void field_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    if (value->kind == DB_NULL)
        json_out_null(out);
    else
        field->type->print(field, value, out);
}

int field_parse(const struct field *field, const struct json *value, const struct db_val *before,
    struct str path, struct arena *arena, struct db_val *ret_value, struct err *err)
{
    struct db_val parsed = DB_N;
    if (value->kind != JSON_NULL) {
        int rc = field->type->parse(field, value, path, arena, &parsed, err);
        if (rc < 0)
            return rc;
    }
    if (parsed.kind == DB_NULL && field->required)
        return err_add(err, arena, path, FAULT_REQUIRED, STR_NULL);
    int rc = field_check(field, &parsed, before, path, arena, err);
    if (rc < 0)
        return rc;
    *ret_value = parsed;
    return 0;
}

bool db_val_equal(const struct db_val *a, const struct db_val *b)
{
    if (a->kind == DB_NULL || b->kind == DB_NULL)
        return a->kind == b->kind;
    if (a->kind == DB_INT && b->kind == DB_INT)
        return a->i == b->i;
    if (a->kind == DB_REAL && b->kind == DB_REAL)
        return filter_compare(FILTER_NUMBER, a, b) == 0;
    must(a->kind != DB_INT && b->kind != DB_INT && a->kind != DB_REAL && b->kind != DB_REAL);
    return str_eq(a->s, b->s);
}

/* Keys of several choices as their labels, with the separator of the language. */
static struct str display_tags(
    const struct field *field, struct str keys, enum err_lang lang, struct arena *arena)
{
    struct json *list = NULL;
    struct err ignored = {0};
    if (json_parse(arena, keys, NULL, &list, &ignored) < 0 || list->kind != JSON_ARRAY)
        return keys;
    struct str text = STR("");
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *key = &list->array.at[i];
        if (key->kind != JSON_STR)
            continue;
        const struct field_option *option = field_option_find(field, key->str);
        struct str label = !option ? key->str : lang == ERR_LANG_EN ? option->label_en : option->label_zh;
        const char *separator = i == 0 ? "" : lang == ERR_LANG_EN ? ", " : "、";
        text = arena_printf(arena, "%.*s%s%.*s", STR_ARGS(text), separator, STR_ARGS(label));
    }
    return text;
}

static struct str printed(const struct field *field, const struct db_val *value, struct arena *arena)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    field->type->print(field, value, &out);
    json_out_end(&out);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

struct str field_display(
    const struct field *field, const struct db_val *value, enum err_lang lang, struct arena *arena)
{
    if (value->kind == DB_NULL)
        return STR_NULL;
    if (value->kind == DB_INT)
        return arena_printf(arena, "%lld", (long long)value->i);
    if (value->kind == DB_REAL)
        return printed(field, value, arena);
    if (field->type->is_yes_no)
        return str_eq(value->s, STR("true")) ? (lang == ERR_LANG_EN ? STR("yes") : STR("是"))
                                             : (lang == ERR_LANG_EN ? STR("no") : STR("否"));
    if (field->type->filter == FILTER_SEVERAL)
        return display_tags(field, value->s, lang, arena);
    const struct field_option *option = field_option_find(field, value->s);
    if (!option)
        return value->s;
    return lang == ERR_LANG_EN ? option->label_en : option->label_zh;
}
