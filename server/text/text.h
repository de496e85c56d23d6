/*
 * ICU: folding for search, pinyin order, normal forms, time zones. No ICU type leaves this room.
 */
#ifndef TIDEMARK_TEXT_TEXT_H
#define TIDEMARK_TEXT_TEXT_H

#include "base/err.h"

int text_init(struct err *err); /* opens the collator once; the process needs ICU's data */
void text_done(void);
/* Names the collation data ("icu-72-..."): stored beside keys, a change means they are rebuilt. */
const char *text_collation_version(void);

#define TEXT_SORT_KEY_MAX 300
/* Sort key in pinyin order (locale zh, 重庆 under chong), cut at TEXT_SORT_KEY_MAX bytes; compares by bytes.
 */
struct str text_sort_key(struct arena *arena, struct str text);
/* Letter case and width folded (NFKC case fold), runs of blanks to one: what `contains`, `starts` and `q`
 * compare. */
struct str text_fold(struct arena *arena, struct str text);
/* NFC, blanks at the ends cut. */
struct str text_normalize(struct arena *arena, struct str text);
/* False if it holds control characters (newline and tab allowed where multiline), bidi overrides or
 * unassigned points. */
bool text_is_printable(struct str text, bool multiline);
/* A log-in name's key for uniqueness: NFKC, case fold, default-ignorables (zero-width) removed. */
struct str text_login_key(struct arena *arena, struct str login);

/* ---- pinyin, for search (pinyin.c) ----------------------------------------------------------------------
 */

#define TEXT_PINYIN_WORD_MAX 10        /* bytes */
const char *text_pinyin_version(void); /* of the readings: a change means that what is kept is made anew */
struct text_pinyin {
    struct str text; /* readings, one choice a line, each syllable with a capital: "ZhongGuoYinHang" */
    /* From each syllable on, all letters and the initials, cut; ascending, without doubles. */
    struct str *words;
    size_t n_words;
};
/* Of folded text. */
void text_pinyin(struct arena *arena, struct str folded, struct text_pinyin *ret_pinyin);
/* One word of a search, folded, without blanks: it is in a text if one of the text's words begins with
 * `begins` and `pattern` (PCRE) holds for its readings. What is not ASCII should be looked for in the text
 * itself, too. */
struct text_pinyin_word {
    struct str begins, pattern;
    bool is_ascii;
};
void text_pinyin_word(struct arena *arena, struct str word, struct text_pinyin_word *ret_word);

bool text_zone_is_known(struct str zone);
/* Calendar day of an instant in the zone. */
int text_zone_day(
    struct str zone, int64_t utc_us, int *ret_year, int *ret_month, int *ret_day, struct err *err);

#endif
