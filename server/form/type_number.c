/*
 * Numbers. Money, decimals and percentages are exact, of the field's scale: a digit too many is an error,
 * never a rounding; a percentage is stored as people say it ("62.50" is 62.5 %). Integers have 64 bits. Both
 * travel as text. A number is a double and travels as JSON's own: for what is measured, not for what is
 * counted or owed.
 */
#include "base/dec.h"
#include "form/types_int.h"

#include <stdio.h>

enum { DECIMAL_DIGITS = 20 };

/* Past it, JSON's readers in browsers lose units, and our own reader refuses the whole request. */
static const double NUMBER_MAX = 9007199254740991.0;

void decimal_column(const struct field *field, struct buf *ddl)
{
    buf_printf(ddl, "DECIMAL(%d,%lld)", DECIMAL_DIGITS, (long long)field->scale);
}

/* The limit that is told: the field's own where it has one. */
static int past_limit(const struct field *field, bool below, struct str limit, struct str path,
    struct arena *arena, struct err *err)
{
    struct str own = below ? field->min : field->max;
    return err_add(err, arena, path, below ? FAULT_TOO_SMALL : FAULT_TOO_LARGE, own.n ? own : limit);
}

static int past_column(
    const struct field *field, bool below, struct str path, struct arena *arena, struct err *err)
{
    struct str limit = arena_printf(arena, "%s10^%d", below ? "-" : "", DECIMAL_DIGITS - (int)field->scale);
    return past_limit(field, below, limit, path, arena, err);
}

/* A decimal out of text. Blank: *ret_blank. */
static int parse_dec(const struct json *value, struct str path, struct arena *arena, struct dec *ret_dec,
    bool *ret_blank, struct err *err)
{
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    text = str_trim(text);
    *ret_blank = text.n == 0;
    if (text.n != 0 && !dec_parse(text, ret_dec))
        return err_add(err, arena, path, FAULT_NOT_A_NUMBER, STR_NULL);
    return 0;
}

/* The column holds so many digits. */
static bool fits_column(struct dec value)
{
    __int128 limit = 1;
    for (int i = 0; i < DECIMAL_DIGITS; i++)
        limit *= 10;
    return value.units < limit && value.units > -limit;
}

PARSE(decimal_parse)
{
    struct dec amount, exact;
    bool blank;
    int rc = parse_dec(value, path, arena, &amount, &blank, err);
    if (rc < 0)
        return rc;
    if (blank) {
        *ret_value = DB_N;
        return 0;
    }
    if (!dec_rescale(amount, (int)field->scale, &exact)) {
        struct dec rounded;
        if (!dec_round(amount, (int)field->scale, &rounded))
            return past_column(field, amount.units < 0, path, arena, err);
        return err_add(
            err, arena, path, FAULT_TOO_PRECISE, arena_printf(arena, "%lld", (long long)field->scale));
    }
    if (!fits_column(exact))
        return past_column(field, exact.units < 0, path, arena, err);
    char printed[DEC_TEXT_MAX];
    size_t n = dec_print(exact, printed);
    *ret_value = DB_S(arena_copy(arena, ((struct str){printed, n})));
    return 0;
}

void integer_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "BIGINT");
}

PARSE(integer_parse)
{
    struct dec given, whole;
    bool blank;
    int rc = parse_dec(value, path, arena, &given, &blank, err);
    if (rc < 0)
        return rc;
    if (blank) {
        *ret_value = DB_N;
        return 0;
    }
    if (!dec_rescale(given, 0, &whole))
        return err_add(err, arena, path, FAULT_TOO_PRECISE, STR("0"));
    if (whole.units > INT64_MAX || whole.units < INT64_MIN) {
        int64_t limit = whole.units < 0 ? INT64_MIN : INT64_MAX;
        return past_limit(
            field, whole.units < 0, arena_printf(arena, "%lld", (long long)limit), path, arena, err);
    }
    *ret_value = DB_I(whole.units);
    return 0;
}

void integer_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)value->i);
    json_out_str(out, (struct str){text, (size_t)n});
}

void number_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "DOUBLE");
}

PARSE(number_parse)
{
    if (value->kind != JSON_INT && value->kind != JSON_REAL)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("number"));
    const struct db_val real = {
        .kind = DB_REAL, .real = value->kind == JSON_INT ? (double)value->integer : value->real.value};
    if (real.real > NUMBER_MAX || real.real < -NUMBER_MAX)
        return past_limit(field, real.real < 0,
            real.real < 0 ? STR("-9007199254740991") : STR("9007199254740991"), path, arena, err);
    *ret_value = filter_normal(FILTER_NUMBER, &real, arena); /* there is one zero */
    return 0;
}

void number_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    json_out_real(out, value->real);
}
