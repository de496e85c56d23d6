/*
 * Values of a request, strictly by the kind of their field, to what is stored and bound: text in its normal
 * form, codes as form/ stores them (width folded, without blanks, upper case), decimals that any column can
 * be compared with exactly, dates and instants that exist. Of several choices an operand is the key in its
 * quotes, as it stands in the column; keys hold nothing that could be taken for a quote or a comma.
 */
#include "filter/filter_int.h"

#include "base/id.h"
#include "base/must.h"
#include "text/text.h"

#include <stdlib.h>

enum { SCALE_MAX = 8, DIGITS_MAX = 30, KEY_MAX = 64 }; /* CAST(? AS DECIMAL(38,8)) */

static int fault(struct err *err, struct arena *arena, struct str path, enum fault_code code)
{
    return err_add(err, arena, path, code, STR_NULL);
}

static int read_text(struct leaf *leaf, struct str text, struct operand *operand, struct arena *arena)
{
    bool folded = leaf->test == TEST_CONTAINS || leaf->test == TEST_STARTS;
    operand->value = DB_S(folded ? text_fold(arena, text) : text_normalize(arena, text));
    return 0;
}

static bool read_code(struct str text, struct operand *operand, struct arena *arena)
{
    struct str folded = text_fold(arena, text);
    char *code = arena_alloc(arena, folded.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < folded.n; i++) {
        char c = folded.p[i];
        if (c == ' ')
            continue;
        if (c < '!' || c > '~')
            return false;
        code[n++] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    operand->value = DB_S(((struct str){code, n}));
    return true;
}

static bool read_key(struct leaf *leaf, struct str text, struct operand *operand, struct arena *arena)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '_' && c != '-' && c != '.')
            return false;
    }
    if (text.n == 0 || text.n > KEY_MAX)
        return false;
    operand->value = DB_S(leaf->field.kind == FILTER_SEVERAL ? arena_printf(arena, "\"%.*s\"", STR_ARGS(text))
                                                             : arena_copy(arena, text));
    return true;
}

static int read_decimal(
    struct str text, struct operand *operand, struct str path, struct arena *arena, struct err *err)
{
    struct dec dec, whole;
    if (!dec_parse(text, &dec))
        return fault(err, arena, path, FAULT_NOT_A_NUMBER);
    while (dec.scale > 0 && dec.units % 10 == 0) {
        dec.units /= 10;
        dec.scale--;
    }
    if (dec.scale > SCALE_MAX)
        return err_add(err, arena, path, FAULT_TOO_PRECISE, arena_printf(arena, "%d", SCALE_MAX));
    if (!dec_rescale(dec, SCALE_MAX, &whole))
        return err_add(err, arena, path, FAULT_TOO_LARGE, arena_printf(arena, "10^%d", DIGITS_MAX));
    char printed[DEC_TEXT_MAX];
    size_t n = dec_print(dec, printed);
    operand->dec = dec;
    operand->value = DB_S(arena_copy(arena, ((struct str){printed, n})));
    return 0;
}

static int read_integer(
    struct str text, struct operand *operand, struct str path, struct arena *arena, struct err *err)
{
    struct dec dec, whole;
    if (!dec_parse(text, &dec))
        return fault(err, arena, path, FAULT_NOT_A_NUMBER);
    if (!dec_rescale(dec, 0, &whole))
        return err_add(err, arena, path, FAULT_TOO_PRECISE, STR("0"));
    if (whole.units > INT64_MAX || whole.units < INT64_MIN)
        return err_add(err, arena, path, whole.units > 0 ? FAULT_TOO_LARGE : FAULT_TOO_SMALL,
            arena_printf(arena, "%lld", (long long)(whole.units > 0 ? INT64_MAX : INT64_MIN)));
    operand->value = DB_I(whole.units);
    return 0;
}

/* JSON's number as it is, the only kind whose values are not text. */
static int read_number(
    const struct json *value, struct operand *operand, struct str path, struct arena *arena, struct err *err)
{
    if (value->kind != JSON_INT && value->kind != JSON_REAL)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("number"));
    struct db_val real = {
        .kind = DB_REAL, .real = value->kind == JSON_INT ? (double)value->integer : value->real.value};
    operand->value = filter_normal(FILTER_NUMBER, &real, arena);
    return 0;
}

static bool read_date(struct str text, struct operand *operand, struct arena *arena)
{
    int year, month, day;
    if (!clock_parse_date(text, &year, &month, &day))
        return false;
    operand->value = DB_S(arena_copy(arena, text));
    return true;
}

static bool read_instant(struct str text, struct operand *operand, struct arena *arena)
{
    int64_t utc_us;
    char printed[CLOCK_TEXT_MAX];
    if (!clock_parse_rfc3339(text, &utc_us))
        return false;
    size_t n = clock_print_sql(utc_us, printed);
    operand->value = DB_S(arena_copy(arena, ((struct str){printed, n})));
    return true;
}

static int read_reference(struct leaf *leaf, struct str text, struct operand *operand, bool *ret_is_flag)
{
    if (str_eq(text, STR("@me")) && leaf->field.is_member)
        leaf->has_me = *ret_is_flag = true;
    else if (str_eq(text, STR("@my_department")) && leaf->field.is_department)
        leaf->has_department = *ret_is_flag = true;
    else if (id_parse(text, &operand->value.i))
        operand->value.kind = DB_INT;
    else
        return -1;
    return 0;
}

static int read_by_kind(struct leaf *leaf, struct str text, struct str path, struct arena *arena,
    struct operand *operand, bool *ret_is_flag, struct err *err)
{
    switch (leaf->field.kind) {
    case FILTER_TEXT:
        return read_text(leaf, text, operand, arena);
    case FILTER_CODE:
        return read_code(text, operand, arena) ? 0 : fault(err, arena, path, FAULT_BAD_VALUE);
    case FILTER_CHOICE:
    case FILTER_SEVERAL:
        return read_key(leaf, text, operand, arena) ? 0 : fault(err, arena, path, FAULT_NOT_AN_OPTION);
    case FILTER_DECIMAL:
        return read_decimal(text, operand, path, arena, err);
    case FILTER_INTEGER:
        return read_integer(text, operand, path, arena, err);
    case FILTER_DATE:
        return read_date(text, operand, arena) ? 0 : fault(err, arena, path, FAULT_NOT_A_DATE);
    case FILTER_INSTANT:
        return read_instant(text, operand, arena) ? 0 : fault(err, arena, path, FAULT_NOT_AN_INSTANT);
    case FILTER_REFERENCE:
        if (read_reference(leaf, text, operand, ret_is_flag) == 0)
            return 0;
        return fault(err, arena, path, FAULT_NOT_AN_ID);
    case FILTER_NUMBER:
        break;
    }
    never("numbers are no texts, all other kinds are above");
}

int operand_read(
    struct leaf *leaf, const struct json *value, struct str path, struct arena *arena, struct err *err)
{
    struct operand operand = {0};
    bool is_flag = false;
    if (value->kind == JSON_NULL) {
        leaf->has_null = true;
        return 0;
    }
    if (leaf->field.kind == FILTER_NUMBER) {
        int rc = read_number(value, &operand, path, arena, err);
        if (rc == 0)
            leaf->operands[leaf->n_operands++] = operand;
        return rc;
    }
    struct str text = value->kind == JSON_STR ? value->str : STR_NULL;
    if (value->kind == JSON_BOOL && leaf->field.is_yes_no)
        text = value->boolean ? STR("true") : STR("false");
    else if (value->kind != JSON_STR)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("string"));
    if (str_utf8_length(text) > FILTER_TEXT_MAX)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%d", FILTER_TEXT_MAX));
    int rc = read_by_kind(leaf, text, path, arena, &operand, &is_flag, err);
    if (rc == 0 && !is_flag)
        leaf->operands[leaf->n_operands++] = operand;
    return rc;
}

/* qsort has no argument, and the order of numbers is not that of their texts: one comparison a kind. */
static int by_decimal(const void *a, const void *b)
{
    return dec_cmp(((const struct operand *)a)->dec, ((const struct operand *)b)->dec);
}
static int by_whole(const void *a, const void *b)
{
    int64_t x = ((const struct operand *)a)->value.i, y = ((const struct operand *)b)->value.i;
    return x < y ? -1 : x > y ? 1 : 0;
}
static int by_real(const void *a, const void *b)
{
    return compare_reals(((const struct operand *)a)->value.real, ((const struct operand *)b)->value.real);
}
/* Operands have no blanks at their ends where a column pads, and all instants have six digits. */
static int by_text(const void *a, const void *b)
{
    return str_cmp(((const struct operand *)a)->value.s, ((const struct operand *)b)->value.s);
}

void operand_sort(struct leaf *leaf)
{
    enum filter_kind kind = leaf->field.kind;
    int (*order)(const void *, const void *) = kind == FILTER_DECIMAL  ? by_decimal
                                               : kind == FILTER_NUMBER ? by_real
                                               : kind == FILTER_REFERENCE || kind == FILTER_INTEGER ? by_whole
                                                                                                    : by_text;
    size_t n = 0;
    if (leaf->n_operands == 0)
        return;
    qsort(leaf->operands, leaf->n_operands, sizeof(leaf->operands[0]), order);
    for (size_t i = 0; i < leaf->n_operands; i++)
        if (i == 0 || order(&leaf->operands[n - 1], &leaf->operands[i]) != 0)
            leaf->operands[n++] = leaf->operands[i];
    leaf->n_operands = n;
}
