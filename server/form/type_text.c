/*
 * Text and long text: NFC, blanks at the ends cut, no control characters; blank is null. Short text is
 * VARCHAR(64) or wider (InnoDB keeps narrower utf8mb4 columns in the page at full width, DECISIONS A18); past
 * 255 characters it is TEXT.
 */
#include "form/types_int.h"
#include "text/text.h"

enum { TEXT_DEFAULT = 255, TEXT_MIN_COLUMN = 64, LONG_TEXT_DEFAULT = 10000 };

int parse_string(
    const struct json *value, struct str path, struct arena *arena, struct str *ret_text, struct err *err)
{
    if (value->kind != JSON_STR)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("string"));
    *ret_text = value->str;
    return 0;
}

void print_text(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    json_out_str(out, value->s);
}

static int parse_any_text(const struct field *field, const struct json *value, struct str path,
    int64_t default_max, bool multiline, struct arena *arena, struct db_val *ret_value, struct err *err)
{
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    int64_t most = field->max_length > 0 ? field->max_length : default_max;
    /* Before normalising: a text far too long is not worth the work. */
    if (text.n > (size_t)most * 8)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%lld", (long long)most));
    if (!text_is_printable(text, multiline))
        return err_add(err, arena, path, FAULT_NOT_TEXT, STR_NULL);
    text = text_normalize(arena, text);
    if (str_utf8_length(text) > (size_t)most)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%lld", (long long)most));
    *ret_value = text.n == 0 ? DB_N : DB_S(text);
    return 0;
}

PARSE(text_parse)
{
    return parse_any_text(field, value, path, TEXT_DEFAULT, false, arena, ret_value, err);
}

PARSE(long_text_parse)
{
    return parse_any_text(field, value, path, LONG_TEXT_DEFAULT, true, arena, ret_value, err);
}

PARSE(automatic_parse)
{
    (void)field;
    (void)value;
    (void)ret_value;
    return err_add(err, arena, path, FAULT_READ_ONLY, STR_NULL);
}

void text_column(const struct field *field, struct buf *ddl)
{
    int64_t n = field->max_length > 0 ? field->max_length : TEXT_DEFAULT;
    if (n > TEXT_DEFAULT)
        buf_add_text(ddl, "TEXT");
    else
        buf_printf(ddl, "VARCHAR(%lld)", (long long)(n < TEXT_MIN_COLUMN ? TEXT_MIN_COLUMN : n));
}

void long_text_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "TEXT");
}
