/*
 * ICU's C interface speaks UTF-16. One UTF-8 byte never makes more than one UTF-16 unit, and one unit never
 * more than three bytes, so one pass into a buffer of the greatest size is enough.
 */
#include "text/text_int.h"

#include "base/must.h"

#include <unicode/ustring.h>

void utf16_of(struct utf16 *ret_units, struct arena *arena, struct str text)
{
    must(text.n < INT32_MAX / 4);
    bool fits = text.n < UTF16_INLINE;
    ret_units->p = fits ? ret_units->inline_units : arena_new_array(arena, UChar, text.n + 1);
    ret_units->n = 0;
    if (text.n == 0)
        return;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8WithSub(
        ret_units->p, (int32_t)text.n + 1, &ret_units->n, text.p, (int32_t)text.n, 0xFFFD, NULL, &status);
    must(U_SUCCESS(status));
}

struct str utf16_to_str(struct arena *arena, const UChar *p, int32_t n)
{
    int32_t length = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strToUTF8WithSub(NULL, 0, &length, p, n, 0xFFFD, NULL, &status);
    must(status == U_BUFFER_OVERFLOW_ERROR || U_SUCCESS(status));
    char *text = arena_alloc(arena, (size_t)length + 1);
    status = U_ZERO_ERROR;
    u_strToUTF8WithSub(text, length + 1, &length, p, n, 0xFFFD, NULL, &status);
    must(U_SUCCESS(status));
    return (struct str){text, (size_t)length};
}
