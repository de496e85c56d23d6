/*
 * Borrowed slices of bytes. A `struct str` owns nothing; whoever made the bytes says how long they live.
 * Bytes may hold NUL and need not end in one, unless the maker says so (arena_copy does end them).
 */
#ifndef TIDEMARK_BASE_STR_H
#define TIDEMARK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NULL ((struct str){0})
/* For "%.*s" of printf. */
#define STR_ARGS(s) (int)(s).n, (s).p ? (s).p : ""

struct str str_of(const char *text); /* NULL gives an empty slice */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII letters only */
int str_cmp(struct str a, struct str b);        /* by bytes; <0, 0, >0 */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                    /* ASCII blanks at both ends */
struct str str_cut(struct str *rest, char separator); /* the part before the separator; rest moves past it */
/* The offset of `needle`, or SIZE_MAX. An empty needle is at 0. */
size_t str_find(struct str s, struct str needle);

/* Strict decimal: an optional '-', then digits without superfluous zeros or blanks. False on anything else.
 */
bool str_to_i64(struct str s, int64_t *ret_value);

/* Valid UTF-8 in shortest form, no surrogates, no code point past U+10FFFF. */
bool str_is_utf8(struct str s);
/* Length in bytes of the character that s begins with, 1 to 4; 0 if s is empty or begins with none. */
size_t str_utf8_next(struct str s);
/* Number of code points; the text must be valid UTF-8. */
size_t str_utf8_length(struct str s);

/* Equal in a time that depends on the lengths only. */
bool str_eq_constant_time(struct str a, struct str b);

#endif
