/*
 * Masks: what is shown of a value to somebody who may know that there is one. The number of stars is fixed
 * for each mask, so that the length of what is hidden is not told, and what is shown is never more than is
 * hidden: a value too short for the pattern is all stars.
 *
 *   name     a person's first character and two stars; of an organisation (five or more Chinese characters
 *            without a middle dot: minority names have one) the first two and four
 *   phone    3 + 4 digits of at least 11; country code 86, blanks, hyphens and an extension left out
 *   id_no    3 + 4 of 15 or more characters (GB 11643: 15 or 18), others all stars
 *   card     6 + 4 of 16 or more digits, the last 4 of 13 to 15
 *   email    the first character and the domain
 *   address  to the district: six characters, but not more than half
 *   amount, text, and every mask that is not known: three stars
 *   N+M      the first N and the last M characters around three stars, N and M at most 20; at least three
 * stay hidden
 *
 * Full-width digits and signs count as the ASCII ones. The golden table is tests/cases/access/masks.json.
 */
#include "access/access_int.h"

#include "base/must.h"

#define STARS "***"
#define DIGITS_MAX 64
#define KEPT_MAX 20
#define KEPT_HIDDEN_MIN 3 /* a value too short to hide that many is all stars */

/* ---- characters ---------------------------------------------------------------------------------------- */

/* Takes one character off the text, which is valid UTF-8. */
static uint32_t next_char(struct str *text)
{
    unsigned char first = (unsigned char)text->p[0];
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)text->p[i] & 0x3f);
    *text = (struct str){text->p + n, text->n - n};
    return c;
}

/* The ASCII character that a full-width one stands for. */
static uint32_t narrow(uint32_t c)
{
    if (c == 0x3000)
        return ' ';
    return c >= 0xff01 && c <= 0xff5e ? c - 0xfee0 : c;
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ideograph(uint32_t c)
{
    return (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

static bool is_middle_dot(uint32_t c)
{
    return c == 0xb7 || c == 0x2022 || c == 0x2027 || c == 0x22c5 || c == 0x30fb || c == 0xff65;
}

/* Blanks at both ends off, the ideographic one (U+3000) as well. */
static struct str trim(struct str value)
{
    struct str wide = STR("\xe3\x80\x80"), before;
    do {
        before = value = str_trim(value);
        if (str_starts(value, wide))
            value = (struct str){value.p + wide.n, value.n - wide.n};
        if (str_ends(value, wide))
            value.n -= wide.n;
    } while (value.n != before.n);
    return value;
}

/* The first n characters. */
static struct str head(struct str text, size_t n)
{
    struct str rest = text;
    while (n-- && rest.n)
        (void)next_char(&rest);
    return (struct str){text.p, text.n - rest.n};
}

/* ---- the masks ----------------------------------------------------------------------------------------- */

static struct str mask_name(struct str value, struct arena *arena)
{
    size_t n = 0;
    bool person = false;
    for (struct str rest = value; rest.n; n++) {
        uint32_t c = next_char(&rest);
        person = person || is_middle_dot(c) || !(is_ideograph(c) || narrow(c) < 0x80);
        if (n == 0)
            person = person || !is_ideograph(c);
    }
    if (n < 2)
        return STR("**");
    if (n >= 5 && !person)
        return arena_printf(arena, "%.*s****", STR_ARGS(head(value, 2)));
    return arena_printf(arena, "%.*s**", STR_ARGS(head(value, 1)));
}

/* The digits of a telephone or card number, up to the first character that belongs to neither (an extension,
 * a second number). */
static size_t collect_digits(struct str value, char digits[DIGITS_MAX])
{
    size_t n = 0;
    while (value.n) {
        uint32_t c = narrow(next_char(&value));
        if (is_digit(c)) {
            if (n == DIGITS_MAX)
                return 0;
            digits[n++] = (char)c;
        } else if (c != ' ' && c != '-' && c != '(' && c != ')' && c != '.' && c != '+' && c != 0x2013 &&
                   c != 0x2014 && c != 0xa0) {
            break;
        }
    }
    return n;
}

static struct str mask_phone(struct str value, struct arena *arena)
{
    char digits[DIGITS_MAX];
    struct str d = {digits, collect_digits(value, digits)};
    bool international = value.n && (value.p[0] == '+' || str_starts(value, STR("\xef\xbc\x8b")));
    if (str_starts(d, STR("0086")))
        d = (struct str){d.p + 4, d.n - 4};
    else if (str_starts(d, STR("86")) && (international || d.n == 13))
        d = (struct str){d.p + 2, d.n - 2};
    if (d.n < 11)
        return STR("****");
    return arena_printf(arena, "%.3s****%.4s", d.p, d.p + d.n - 4);
}

static struct str mask_id_no(struct str value, struct arena *arena)
{
    char kept[DIGITS_MAX];
    size_t n = 0;
    while (value.n) {
        uint32_t c = narrow(next_char(&value));
        if (c == ' ' || c == '-')
            continue;
        if ((!is_digit(c) && !is_letter(c)) || n == DIGITS_MAX)
            return STR("***********");
        kept[n++] = (char)(c == 'x' ? 'X' : c);
    }
    if (n < 15)
        return STR("***********");
    return arena_printf(arena, "%.3s***********%.4s", kept, kept + n - 4);
}

static struct str mask_card(struct str value, struct arena *arena)
{
    char digits[DIGITS_MAX];
    size_t n = collect_digits(value, digits);
    if (n < 13)
        return STR("******");
    if (n < 16)
        return arena_printf(arena, "******%.4s", digits + n - 4);
    return arena_printf(arena, "%.6s******%.4s", digits, digits + n - 4);
}

/* Where the last '@' (full-width as well) begins and ends; false if there is none. */
static bool find_at(struct str value, size_t *ret_begin, size_t *ret_end)
{
    bool found = false;
    for (struct str rest = value; rest.n;) {
        size_t begin = value.n - rest.n;
        if (narrow(next_char(&rest)) != '@')
            continue;
        *ret_begin = begin;
        *ret_end = value.n - rest.n;
        found = true;
    }
    return found;
}

static struct str mask_email(struct str value, struct arena *arena)
{
    size_t begin = 0, end = 0;
    if (!find_at(value, &begin, &end) || begin == 0 || end == value.n)
        return STR(STARS);
    struct str domain = {value.p + end, value.n - end};
    return arena_printf(arena, "%.*s***@%.*s", STR_ARGS(head(value, 1)), STR_ARGS(domain));
}

static struct str mask_address(struct str value, struct arena *arena)
{
    size_t shown = str_utf8_length(value) / 2;
    if (shown > 6)
        shown = 6;
    return arena_printf(arena, "%.*s****", STR_ARGS(head(value, shown)));
}

static struct str mask_all(struct str value, struct arena *arena)
{
    (void)value;
    (void)arena;
    return STR(STARS);
}

static const struct {
    const char *name;
    struct str (*apply)(struct str value, struct arena *arena);
} MASKS[] = {
    {"name", mask_name},
    {"phone", mask_phone},
    {"id_no", mask_id_no},
    {"card", mask_card},
    {"email", mask_email},
    {"address", mask_address},
    {"amount", mask_all},
    {"text", mask_all},
};
#define N_MASKS (sizeof MASKS / sizeof MASKS[0])

static size_t find_mask(struct str mask)
{
    size_t i = 0;
    while (i < N_MASKS && !str_eq(mask, str_of(MASKS[i].name)))
        i++;
    return i;
}

const char *mask_name_at(size_t i)
{
    return i < N_MASKS ? MASKS[i].name : NULL;
}

/* "3+4" */
static bool parse_kept(struct str mask, size_t *ret_first, size_t *ret_last)
{
    size_t *const to[] = {ret_first, ret_last};
    struct str rest = mask, piece;
    size_t plus = str_find(mask, STR("+"));
    if (plus == SIZE_MAX)
        return false;
    for (size_t i = 0; i < 2; i++) {
        int64_t n;
        piece = i == 0 ? (struct str){rest.p, plus} : (struct str){rest.p + plus + 1, rest.n - plus - 1};
        if (piece.n < 1 || piece.n > 2 || !str_to_i64(piece, &n) || n < 0 || n > KEPT_MAX ||
            !is_digit((unsigned char)piece.p[0]) || (piece.n == 2 && piece.p[0] == '0'))
            return false; /* one way to write each */
        *to[i] = (size_t)n;
    }
    return true;
}

static struct str mask_kept(struct str value, size_t first, size_t last, struct arena *arena)
{
    size_t n = str_utf8_length(value);
    if (first + last + KEPT_HIDDEN_MIN > n)
        return STR(STARS);
    struct str before = head(value, first), but_end = head(value, n - last);
    struct str after = {value.p + but_end.n, value.n - but_end.n};
    return arena_printf(arena, "%.*s" STARS "%.*s", STR_ARGS(before), STR_ARGS(after));
}

bool mask_is_known(struct str mask)
{
    size_t first, last;
    return find_mask(mask) < N_MASKS || parse_kept(mask, &first, &last);
}

struct str mask_apply(struct str mask, struct str value, struct arena *arena)
{
    size_t i = find_mask(mask), first, last;
    if (i == N_MASKS && str_is_utf8(value) && parse_kept(mask, &first, &last))
        return mask_kept(trim(value), first, last, arena);
    /* What is not text, or under a mask that nobody knows, is hidden whole rather than shown. */
    if (i == N_MASKS || !str_is_utf8(value))
        return STR(STARS);
    return MASKS[i].apply(trim(value), arena);
}
