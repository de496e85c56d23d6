/* Private to the room text: between UTF-8 slices and ICU's UTF-16. */
#ifndef TIDEMARK_TEXT_TEXT_INT_H
#define TIDEMARK_TEXT_TEXT_INT_H

#include "text/text.h"

#include <unicode/unorm2.h>
#include <unicode/utypes.h>

/* Most texts of a form are short: those need no allocation. */
#define UTF16_INLINE 256

struct utf16 {
    UChar *p;
    int32_t n;
    UChar inline_units[UTF16_INLINE];
};

/* Bytes that are not UTF-8 become U+FFFD. The result stands in the struct itself or in the arena. */
void utf16_of(struct utf16 *ret_units, struct arena *arena, struct str text);
struct str utf16_to_str(struct arena *arena, const UChar *p, int32_t n);

/* Set by text_init; asserts that it was called. */
const UNormalizer2 *text_nfc(void);
const UNormalizer2 *text_nfkc_casefold(void);

void text_zone_done(void);

#endif
