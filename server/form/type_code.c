/*
 * Codes: phone numbers, ID numbers, unified social credit codes. All are stored normalised in upper-case
 * ASCII, so that equality and uniqueness mean what people mean: full-width digits, blanks and +86 make no
 * difference.
 */
#include "base/clock.h"
#include "form/types_int.h"
#include "text/text.h"

enum { CODE_COLUMN = 32, CREDIT_CODE_LENGTH = 18, ID_NO_LENGTH = 18, CODE_INPUT_MAX = 128 };

void code_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_printf(ddl, "VARCHAR(%d) CHARACTER SET ascii COLLATE ascii_bin", CODE_COLUMN);
}

/* Width folded, blanks out, ASCII upper case. Empty text for a blank value; what is not ASCII stays and fails
 * later. */
static int read_code(
    const struct json *value, struct str path, struct arena *arena, struct str *ret_code, struct err *err)
{
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    if (text.n > CODE_INPUT_MAX)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%d", CODE_COLUMN));
    struct str folded = text_fold(arena, text);
    char *code = arena_alloc(arena, folded.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < folded.n; i++) {
        char c = folded.p[i];
        if (c == ' ' || c == '\t')
            continue;
        code[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    *ret_code = (struct str){code, n};
    return 0;
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* Mobile: 11 digits from 13 to 19. Others: area code 0 and 2 or 3 digits, 7 or 8 digits, an extension of up
 * to 6 digits; 400 and 800 service numbers. (《电信网编号计划》; area codes and lengths as in use.) */
static bool phone_is_valid(struct str phone)
{
    if (phone.n == 11 && all_digits(phone) && phone.p[0] == '1')
        return phone.p[1] >= '3';
    if (phone.n == 10 && all_digits(phone) &&
        (str_starts(phone, STR("400")) || str_starts(phone, STR("800"))))
        return true;
    struct str rest = phone, area = str_cut(&rest, '-'), number = str_cut(&rest, '-'), extension = rest;
    if (!all_digits(area) || area.p[0] != '0' || area.n < 3 || area.n > 4)
        return false;
    if (!all_digits(number) || number.p[0] == '0' || number.n < 7 || number.n > 8)
        return false;
    return extension.n == 0 || (extension.n <= 6 && all_digits(extension));
}

PARSE(phone_parse)
{
    (void)field;
    struct str phone = STR_NULL;
    int rc = read_code(value, path, arena, &phone, err);
    if (rc < 0)
        return rc;
    if (phone.n == 0) {
        *ret_value = DB_N;
        return 0;
    }
    if (str_starts(phone, STR("+86")))
        phone = (struct str){phone.p + 3, phone.n - 3};
    /* People write mobile numbers in groups: 138-0013-8000. */
    if (phone.n == 13 && phone.p[0] == '1' && phone.p[3] == '-' && phone.p[8] == '-')
        phone = arena_printf(arena, "%.3s%.4s%.4s", phone.p, phone.p + 4, phone.p + 9);
    if (!phone_is_valid(phone))
        return err_add(err, arena, path, FAULT_NOT_A_PHONE, STR_NULL);
    *ret_value = DB_S(phone);
    return 0;
}

/* GB 32100-2015: 17 characters of an alphabet without I, O, S, V, Z, weights 3^i mod 31, check 31 - sum
 * mod 31. */
static bool credit_code_is_valid(struct str code)
{
    static const char ALPHABET[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    if (code.n != CREDIT_CODE_LENGTH)
        return false;
    int sum = 0, weight = 1, last = -1;
    for (size_t i = 0; i < code.n; i++) {
        size_t at = str_find(str_of(ALPHABET), (struct str){code.p + i, 1});
        if (at == SIZE_MAX || (i >= 2 && i < 8 && at > 9))
            return false;
        last = (int)at;
        if (i + 1 < code.n) {
            sum += last * weight;
            weight = weight * 3 % 31;
        }
    }
    return last == (31 - sum % 31) % 31;
}

PARSE(credit_code_parse)
{
    (void)field;
    struct str code = STR_NULL;
    int rc = read_code(value, path, arena, &code, err);
    if (rc < 0)
        return rc;
    if (code.n != 0 && !credit_code_is_valid(code))
        return err_add(err, arena, path, FAULT_NOT_A_CREDIT_CODE, STR_NULL);
    *ret_value = code.n == 0 ? DB_N : DB_S(code);
    return 0;
}

/* GB 11643-1999: six digits of a division, a real birthday, three of order, ISO 7064 MOD 11-2. */
static bool id_no_is_valid(struct str id)
{
    static const int WEIGHTS[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    static const char CHECKS[] = "10X98765432";
    if (id.n != ID_NO_LENGTH || !all_digits((struct str){id.p, ID_NO_LENGTH - 1}) || id.p[0] == '0')
        return false;
    const char *p = id.p + 6;
    const char birthday[] = {p[0], p[1], p[2], p[3], '-', p[4], p[5], '-', p[6], p[7], 0};
    int year, month, day, sum = 0;
    if (!clock_parse_date(str_of(birthday), &year, &month, &day) || year < 1880)
        return false;
    for (int i = 0; i < ID_NO_LENGTH - 1; i++)
        sum += (id.p[i] - '0') * WEIGHTS[i];
    return id.p[ID_NO_LENGTH - 1] == CHECKS[sum % 11];
}

PARSE(id_no_parse)
{
    (void)field;
    struct str id = STR_NULL;
    int rc = read_code(value, path, arena, &id, err);
    if (rc < 0)
        return rc;
    if (id.n != 0 && !id_no_is_valid(id))
        return err_add(err, arena, path, FAULT_NOT_AN_ID_NO, STR_NULL);
    *ret_value = id.n == 0 ? DB_N : DB_S(id);
    return 0;
}
