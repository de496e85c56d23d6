/*
 * Opening ICU once, and sort keys. The collator is used by many threads at once, which ICU allows as long as
 * nobody changes it; it is opened with all its settings and never touched again.
 *
 * Keys are compared by bytes in the database. A cut key still sorts right up to the cut: primary weights come
 * first, so two long texts that differ late fall together and the record's id decides.
 */
#include "text/text_int.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>
#include <unicode/uclean.h>
#include <unicode/ucol.h>
#include <unicode/uversion.h>

static struct {
    UCollator *collator;
    const UNormalizer2 *nfc, *nfkc_casefold;
    char version[64];
} state;

static void name_version(void)
{
    UVersionInfo icu, data;
    char icu_text[U_MAX_VERSION_STRING_LENGTH], data_text[U_MAX_VERSION_STRING_LENGTH];
    u_getVersion(icu);
    ucol_getVersion(state.collator, data);
    u_versionToString(icu, icu_text);
    u_versionToString(data, data_text);
    snprintf(state.version, sizeof state.version, "icu-%s-zh-%s", icu_text, data_text);
}

int text_init(struct err *err)
{
    if (state.collator != NULL)
        return 0;
    UErrorCode status = U_ZERO_ERROR;
    UCollator *collator = ucol_open("zh-u-co-pinyin", &status);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
    const UNormalizer2 *nfkc_casefold = unorm2_getNFKCCasefoldInstance(&status);
    /* Without ICU's Chinese data the root collation comes back, by code point order of ideographs. */
    bool has_chinese = false;
    if (U_SUCCESS(status)) {
        const char *locale = ucol_getLocaleByType(collator, ULOC_VALID_LOCALE, &status);
        has_chinese = U_SUCCESS(status) && locale != NULL && strncmp(locale, "zh", 2) == 0;
    }
    if (!has_chinese) {
        ucol_close(collator);
        return err_set(err, ERR_CONFIG, "ICU has no Chinese collation: %s", u_errorName(status));
    }
    state.collator = collator;
    state.nfc = nfc;
    state.nfkc_casefold = nfkc_casefold;
    name_version();
    return 0;
}

void text_done(void)
{
    text_zone_done();
    ucol_close(state.collator);
    memset(&state, 0, sizeof state);
    u_cleanup();
}

const UNormalizer2 *text_nfc(void)
{
    must(state.nfc != NULL);
    return state.nfc;
}

const UNormalizer2 *text_nfkc_casefold(void)
{
    must(state.nfkc_casefold != NULL);
    return state.nfkc_casefold;
}

const char *text_collation_version(void)
{
    must(state.collator != NULL);
    return state.version;
}

struct str text_sort_key(struct arena *arena, struct str text)
{
    must(state.collator != NULL);
    struct utf16 units;
    utf16_of(&units, arena, text);
    uint8_t key[TEXT_SORT_KEY_MAX + 1]; /* ICU ends its keys in a zero byte, which is not kept */
    int32_t n = ucol_getSortKey(state.collator, units.p, units.n, key, (int32_t)sizeof key);
    must(n > 0);
    size_t kept = (size_t)n - 1 < TEXT_SORT_KEY_MAX ? (size_t)n - 1 : TEXT_SORT_KEY_MAX;
    return arena_copy(arena, (struct str){(const char *)key, kept});
}
