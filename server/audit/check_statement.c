/*
 * What a statement of the binlog is, by its first words. Whatever is not known to be harmless has to be
 * explained; what changes rows by its text never can be.
 */
#include "audit/check_int.h"

#include <string.h>

enum { HEAD_BYTES = 120 };

static const struct {
    const char *word;
    enum check_statement kind;
} WORDS[] = {
    {"TRUNCATE", CHECK_TRUNCATE},
    {"INSERT", CHECK_CHANGE},
    {"UPDATE", CHECK_CHANGE},
    {"DELETE", CHECK_CHANGE},
    {"REPLACE", CHECK_CHANGE},
    {"LOAD", CHECK_CHANGE},
    {"CALL", CHECK_CHANGE},
    {"WITH", CHECK_CHANGE},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static struct str from(struct str text, size_t n)
{
    n = n < text.n ? n : text.n;
    return (struct str){text.p + n, text.n - n};
}

struct str check_statement_skip(struct str text)
{
    for (;;) {
        while (text.n > 0 && is_blank(text.p[0]))
            text = from(text, 1);
        size_t end;
        if (str_starts(text, STR("/*")) && !str_starts(text, STR("/*!")) && !str_starts(text, STR("/*M!"))) {
            end = str_find(from(text, 2), STR("*/"));
            text = end == SIZE_MAX ? STR("") : from(text, end + 4);
        } else if (str_starts(text, STR("#")) || str_starts(text, STR("--"))) {
            end = str_find(text, STR("\n"));
            text = end == SIZE_MAX ? STR("") : from(text, end + 1);
        } else {
            return text;
        }
    }
}

static struct str take_word(struct str *text)
{
    size_t n = 0;
    *text = check_statement_skip(*text);
    while (n < text->n && (text->p[n] | 0x20) >= 'a' && (text->p[n] | 0x20) <= 'z')
        n++;
    struct str word = {text->p, n};
    *text = from(*text, n);
    return word;
}

enum check_statement check_statement_kind(struct str text)
{
    struct str word = take_word(&text);
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (str_eq_nocase(word, str_of(WORDS[i].word)))
            return WORDS[i].kind;
    if (str_eq_nocase(word, STR("FLUSH")))
        return CHECK_HARMLESS;
    /* Statistics and room on the disk; "ANALYZE UPDATE …" changes rows. */
    if (str_eq_nocase(word, STR("ANALYZE")) || str_eq_nocase(word, STR("OPTIMIZE")))
        return str_eq_nocase(take_word(&text), STR("TABLE")) ? CHECK_HARMLESS : CHECK_CHANGE;
    return CHECK_DDL;
}

struct str check_statement_trim(struct str text)
{
    text = str_trim(text);
    while (str_ends(text, STR(";")))
        text = str_trim((struct str){text.p, text.n - 1});
    return text;
}

struct str check_statement_head(struct str text)
{
    size_t n = 0;
    text = check_statement_skip(text);
    while (n < text.n && n < HEAD_BYTES && !memchr("'\"(=", text.p[n], 4))
        n++;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--; /* no half of a character */
    return str_trim((struct str){text.p, n});
}
