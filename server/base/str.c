/*
 * Slices of bytes. Every function accepts an empty slice whose pointer is NULL: the C library's memcpy and
 * memcmp do not, which is why they are called behind a look at the length.
 */
#include "base/str.h"

#include <string.h>

struct str str_of(const char *text)
{
    return text ? (struct str){text, strlen(text)} : STR_NULL;
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char to_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (to_lower(a.p[i]) != to_lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

struct str str_cut(struct str *rest, char separator)
{
    struct str part = *rest;
    const char *at = part.n ? memchr(part.p, separator, part.n) : NULL;
    if (at == NULL) {
        *rest = STR_NULL;
        return part;
    }
    part.n = (size_t)(at - part.p);
    *rest = (struct str){at + 1, rest->n - part.n - 1};
    return part;
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    if (s.n < needle.n)
        return SIZE_MAX;
    const char *at = memmem(s.p, s.n, needle.p, needle.n);
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

bool str_to_i64(struct str s, int64_t *ret_value)
{
    bool negative = s.n && s.p[0] == '-';
    size_t i = negative, digits = s.n - i;
    if (digits == 0 || digits > 19 || (s.p[i] == '0' && s.n > 1))
        return false;
    uint64_t value = 0; /* 19 digits fit */
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(s.p[i] - '0');
    }
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    /* Through unsigned arithmetic, for INT64_MIN has no positive twin. */
    *ret_value = (int64_t)(negative ? 0 - value : value);
    return true;
}

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Unicode 15, table 3-7. */
size_t str_utf8_next(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n == 0)
        return 0;
    unsigned char lead = p[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    if (lead < 0xE0)
        return s.n >= 2 && is_continuation(p[1]) ? 2 : 0;
    if (lead < 0xF0) {
        if (s.n < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
            return 0;
        bool overlong = lead == 0xE0 && p[1] < 0xA0, surrogate = lead == 0xED && p[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (s.n < 4 || !is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3]))
        return 0;
    bool overlong = lead == 0xF0 && p[1] < 0x90, past_end = lead == 0xF4 && p[1] > 0x8F;
    return overlong || past_end ? 0 : 4;
}

bool str_is_utf8(struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        if (s.n - i >= sizeof word) { /* most text is ASCII: eight bytes at once */
            memcpy(&word, s.p + i, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t n = str_utf8_next((struct str){s.p + i, s.n - i});
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t str_utf8_length(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += !is_continuation((unsigned char)s.p[i]);
    return n;
}

bool str_eq_constant_time(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    unsigned char difference = 0;
    for (size_t i = 0; i < a.n; i++) {
        difference |= (unsigned char)(a.p[i] ^ b.p[i]);
        /* Keeps the compiler from leaving the loop early once a difference is known. */
        __asm__ volatile("" : "+r"(difference));
    }
    return difference == 0;
}
