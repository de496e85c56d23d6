/*
 * Folding and normal forms. Much of what a bank types is ASCII (codes, numbers, log-in names), for which
 * every normal form is the text itself and case folding is A to a: that road never leaves UTF-8.
 */
#include "text/text_int.h"

#include "base/must.h"

#include <unicode/uchar.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

static bool is_ascii(struct str text)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < text.n; i++)
        seen |= (unsigned char)text.p[i];
    return seen < 0x80;
}

static bool is_ascii_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Normal form of units; in the arena if it is not theirs already. */
static const UChar *normalize(
    struct arena *arena, const UNormalizer2 *form, const struct utf16 *units, int32_t *ret_n)
{
    UErrorCode status = U_ZERO_ERROR;
    if (unorm2_spanQuickCheckYes(form, units->p, units->n, &status) == units->n && U_SUCCESS(status)) {
        *ret_n = units->n;
        return units->p;
    }
    int32_t room = units->n * 2 + 32;
    for (;;) {
        UChar *p = arena_new_array(arena, UChar, (size_t)room);
        status = U_ZERO_ERROR;
        int32_t n = unorm2_normalize(form, units->p, units->n, p, room, &status);
        if (status == U_BUFFER_OVERFLOW_ERROR) {
            room = n + 1;
            continue;
        }
        must(U_SUCCESS(status));
        *ret_n = n;
        return p;
    }
}

static struct str fold_ascii(struct arena *arena, struct str text, bool squeeze)
{
    char *p = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (squeeze && is_ascii_blank(c)) {
            if (n == 0 || p[n - 1] != ' ')
                p[n++] = ' ';
        } else {
            p[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
    }
    return (struct str){p, n};
}

static struct str fold(struct arena *arena, struct str text, bool squeeze)
{
    if (is_ascii(text))
        return fold_ascii(arena, text, squeeze);
    struct utf16 units;
    utf16_of(&units, arena, text);
    int32_t n;
    const UChar *folded = normalize(arena, text_nfkc_casefold(), &units, &n);
    if (!squeeze)
        return utf16_to_str(arena, folded, n);
    UChar *kept = arena_new_array(arena, UChar, (size_t)n + 1);
    int32_t n_kept = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!u_isUWhiteSpace(folded[i])) /* no white space lies outside the basic plane */
            kept[n_kept++] = folded[i];
        else if (n_kept == 0 || kept[n_kept - 1] != ' ')
            kept[n_kept++] = ' ';
    }
    return utf16_to_str(arena, kept, n_kept);
}

struct str text_fold(struct arena *arena, struct str text)
{
    return fold(arena, text, true);
}

struct str text_login_key(struct arena *arena, struct str login)
{
    return fold(arena, login, false);
}

struct str text_normalize(struct arena *arena, struct str text)
{
    if (is_ascii(text))
        return arena_copy(arena, str_trim(text));
    struct utf16 units;
    utf16_of(&units, arena, text);
    int32_t n;
    const UChar *p = normalize(arena, text_nfc(), &units, &n);
    while (n > 0 && u_isUWhiteSpace(p[n - 1]))
        n--;
    while (n > 0 && u_isUWhiteSpace(p[0])) {
        p++;
        n--;
    }
    return utf16_to_str(arena, p, n);
}

static bool is_direction_override(UChar32 point)
{
    return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

static bool point_is_printable(UChar32 point, bool multiline)
{
    if (point == '\n' || point == '\t' || point == 0x2028 || point == 0x2029)
        return multiline;
    if (point < 0x80)
        return point >= 0x20 && point != 0x7F;
    int8_t category = u_charType(point);
    return category != U_CONTROL_CHAR && category != U_UNASSIGNED && category != U_SURROGATE &&
           !is_direction_override(point);
}

bool text_is_printable(struct str text, bool multiline)
{
    if (text.n > INT32_MAX)
        return false;
    const uint8_t *p = (const uint8_t *)text.p;
    int32_t n = (int32_t)text.n;
    for (int32_t i = 0; i < n;) {
        UChar32 point;
        U8_NEXT(p, i, n, point);
        if (point < 0 || !point_is_printable(point, multiline))
            return false;
    }
    return true;
}
