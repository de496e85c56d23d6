/*
 * The strict check. json-c, even in its strict mode, lets through duplicate keys, NaN, single quotes, raw
 * control characters and clamped integers, and ends a key at an escaped NUL. So each text is first read here,
 * by the letter of RFC 8259 and of the further limits in json.h, in one pass with a stack of our own: nothing
 * in this file calls itself.
 *
 * Keys of the objects that are still open stand on one stack, unescaped ("\u0061" is "a"); when an object
 * closes, its keys are looked through for doubles and dropped.
 */
#include "json/json_int.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX_CHARS 64
#define SAFE_INTEGER_MAX INT64_C(9007199254740991) /* 2^53 - 1 */
#define QUADRATIC_MAX 16

struct key {
    struct str text;
    size_t at;
};

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COMMA_OR_END };

struct reader {
    const char *p;
    size_t n, at;
    const struct json_limits *limits;
    struct json_check *check;
    struct arena *scratch;
    struct key *keys;
    size_t n_keys, cap_keys;
    int depth;
    struct {
        bool is_object;
        size_t first_key;
    } open[JSON_DEPTH_MAX];
};

static bool refuse_at(struct reader *r, size_t at, const char *reason)
{
    r->check->reason = reason;
    r->check->at = at;
    return false;
}

static bool refuse(struct reader *r, const char *reason)
{
    return refuse_at(r, r->at, reason);
}

/* The byte here, or NUL at the end: a NUL in the text is refused wherever it stands. */
static char here(const struct reader *r)
{
    return r->at < r->n ? r->p[r->at] : '\0';
}

static void skip_blanks(struct reader *r)
{
    while (here(r) == ' ' || here(r) == '\t' || here(r) == '\n' || here(r) == '\r')
        r->at++;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, size_t n)
{
    if (n < 4)
        return -1;
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The code point of "\uXXXX" or of a pair of them at p, and its length; 0 for NUL, lone halves and all else.
 */
static size_t read_u_escape(const char *p, size_t n, uint32_t *ret_point)
{
    int32_t unit = n > 2 ? hex4(p + 2, n - 2) : -1;
    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return 0;
    *ret_point = (uint32_t)unit;
    if (unit < 0xD800 || unit > 0xDBFF)
        return 6;
    int32_t low = n > 8 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, n - 8) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    *ret_point = 0x10000u + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return 12;
}

static bool check_escape(struct reader *r)
{
    char c = r->at + 1 < r->n ? r->p[r->at + 1] : '\0';
    if (c == 'u') {
        uint32_t point;
        size_t n = read_u_escape(r->p + r->at, r->n - r->at, &point);
        if (n == 0)
            return refuse(r, "bad \\u escape, a NUL or half a surrogate pair");
        r->at += n;
        return true;
    }
    if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
        return refuse(r, "bad escape");
    r->at += 2;
    return true;
}

/* From one quote past the other. The slice between them is still escaped. */
static bool check_string(struct reader *r, struct str *ret_raw, bool *ret_escaped)
{
    size_t start = ++r->at;
    *ret_escaped = false;
    for (;;) {
        if (r->at == r->n)
            return refuse(r, "text without an end");
        unsigned char c = (unsigned char)r->p[r->at];
        if (c == '"')
            break;
        if (c < 0x20)
            return refuse(r, "raw control character in a text");
        if (c == '\\') {
            *ret_escaped = true;
            if (!check_escape(r))
                return false;
            continue;
        }
        size_t n = c < 0x80 ? 1 : str_utf8_next((struct str){r->p + r->at, r->n - r->at});
        if (n == 0)
            return refuse(r, "not UTF-8");
        r->at += n;
    }
    *ret_raw = (struct str){r->p + start, r->at - start};
    r->at++;
    return true;
}

static size_t put_utf8(char *p, uint32_t point)
{
    if (point < 0x80) {
        p[0] = (char)point;
        return 1;
    }
    size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        p[i] = (char)(0x80 | (point & 0x3F));
    static const unsigned LEAD[] = {0, 0, 0xC0, 0xE0, 0xF0};
    p[0] = (char)(LEAD[n] | point);
    return n;
}

/* Only for texts that check_string has passed; the result is never longer than the source. */
static struct str unescape(struct arena *arena, struct str raw)
{
    static const char FROM[] = "bfnrt", TO[] = "\b\f\n\r\t";
    char *p = arena_alloc(arena, raw.n);
    size_t n = 0;
    for (size_t i = 0; i < raw.n;) {
        if (raw.p[i] != '\\') {
            p[n++] = raw.p[i++];
        } else if (raw.p[i + 1] == 'u') {
            uint32_t point = 0;
            i += read_u_escape(raw.p + i, raw.n - i, &point);
            n += put_utf8(p + n, point);
        } else {
            const char *letter = strchr(FROM, raw.p[i + 1]);
            p[n++] = letter ? TO[letter - FROM] : raw.p[i + 1];
            i += 2;
        }
    }
    return (struct str){p, n};
}

static size_t skip_digits(struct reader *r)
{
    size_t start = r->at;
    while (here(r) >= '0' && here(r) <= '9')
        r->at++;
    return r->at - start;
}

static bool check_number(struct reader *r)
{
    size_t start = r->at;
    r->at += here(r) == '-';
    bool zero_first = here(r) == '0', is_real = false;
    size_t digits = skip_digits(r);
    if (digits == 0 || (zero_first && digits > 1))
        return refuse(r, "bad number");
    if (here(r) == '.') {
        is_real = true;
        r->at++;
        if (skip_digits(r) == 0)
            return refuse(r, "bad number");
    }
    if (here(r) == 'e' || here(r) == 'E') {
        is_real = true;
        r->at++;
        r->at += here(r) == '+' || here(r) == '-';
        if (skip_digits(r) == 0)
            return refuse(r, "bad number");
    }
    struct str text = {r->p + start, r->at - start};
    if (text.n > NUMBER_MAX_CHARS)
        return refuse_at(r, start, "number too long");
    int64_t value = 0; /* "-0" is not decimal for str_to_i64, and in range */
    if (!is_real && !str_eq(text, STR("-0")) &&
        (!str_to_i64(text, &value) || value > SAFE_INTEGER_MAX || value < -SAFE_INTEGER_MAX))
        return refuse_at(r, start, "integer past 2^53 - 1");
    return true;
}

static bool check_word(struct reader *r, struct str word)
{
    if (!str_starts((struct str){r->p + r->at, r->n - r->at}, word))
        return refuse(r, "not a value");
    r->at += word.n;
    return true;
}

static void push_key(struct reader *r, struct str text, size_t at)
{
    if (r->n_keys == r->cap_keys) {
        size_t cap = r->cap_keys ? r->cap_keys * 2 : 32;
        struct key *keys = arena_new_array(r->scratch, struct key, cap);
        if (r->n_keys)
            memcpy(keys, r->keys, r->n_keys * sizeof *keys);
        r->keys = keys;
        r->cap_keys = cap;
    }
    r->keys[r->n_keys++] = (struct key){text, at};
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = str_cmp(x->text, y->text);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Drops the keys of the innermost object. Few are compared each with each; many are sorted, because a sender
 * chooses how many there are. */
static bool check_doubles(struct reader *r)
{
    size_t first = r->open[r->depth - 1].first_key, n = r->n_keys - first;
    struct key *keys = n ? r->keys + first : NULL;
    r->n_keys = first;
    if (n > QUADRATIC_MAX)
        qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        for (size_t j = n > QUADRATIC_MAX ? i - 1 : 0; j < i; j++)
            if (str_eq(keys[i].text, keys[j].text))
                return refuse_at(r, keys[i].at, "duplicate key");
    return true;
}

static bool open_container(struct reader *r, bool is_object)
{
    if (r->depth == r->limits->max_depth)
        return refuse(r, "nested too deep");
    r->open[r->depth].is_object = is_object;
    r->open[r->depth].first_key = r->n_keys;
    r->depth++;
    r->at++;
    return true;
}

static bool close_container(struct reader *r)
{
    if (r->open[r->depth - 1].is_object && !check_doubles(r))
        return false;
    r->depth--;
    r->at++;
    return true;
}

static bool check_key(struct reader *r)
{
    size_t at = r->at;
    struct str raw;
    bool escaped;
    if (here(r) != '"')
        return refuse(r, "a key was expected");
    if (!check_string(r, &raw, &escaped))
        return false;
    push_key(r, escaped ? unescape(r->scratch, raw) : raw, at);
    skip_blanks(r);
    if (here(r) != ':')
        return refuse(r, "a colon was expected");
    r->at++;
    return true;
}

static bool check_value(struct reader *r, enum expect *ret_expect)
{
    struct str raw;
    bool escaped;
    if (r->check->n_nodes == r->limits->max_nodes)
        return refuse(r, "too many values");
    r->check->n_nodes++;
    *ret_expect = COMMA_OR_END;
    switch (here(r)) {
    case '{':
        *ret_expect = KEY_OR_END;
        return open_container(r, true);
    case '[':
        *ret_expect = VALUE_OR_END;
        return open_container(r, false);
    case '"':
        return check_string(r, &raw, &escaped);
    case 't':
        return check_word(r, STR("true"));
    case 'f':
        return check_word(r, STR("false"));
    case 'n':
        return check_word(r, STR("null"));
    default:
        if (here(r) != '-' && (here(r) < '0' || here(r) > '9'))
            return refuse(r, "not a value");
        return check_number(r);
    }
}

/* One token: moves *expect on. */
static bool step(struct reader *r, enum expect *expect)
{
    char end = r->depth && r->open[r->depth - 1].is_object ? '}' : ']';
    bool may_end = *expect == VALUE_OR_END || *expect == KEY_OR_END || *expect == COMMA_OR_END;
    if (may_end && here(r) == end) {
        *expect = COMMA_OR_END;
        return close_container(r);
    }
    switch (*expect) {
    case KEY:
    case KEY_OR_END:
        *expect = VALUE;
        return check_key(r);
    case COMMA_OR_END:
        if (here(r) != ',')
            return refuse(r, "a comma or an end was expected");
        r->at++;
        *expect = end == '}' ? KEY : VALUE;
        return true;
    case VALUE:
    case VALUE_OR_END:
        return check_value(r, expect);
    }
    never("all cases are above");
}

static bool check_all(struct reader *r)
{
    enum expect expect = VALUE;
    skip_blanks(r);
    r->check->start = r->at;
    do {
        if (!step(r, &expect))
            return false;
        r->check->end = r->at;
        skip_blanks(r);
    } while (r->depth > 0);
    return r->at == r->n || refuse(r, "more than one value");
}

bool json_check_text(struct str text, const struct json_limits *limits, struct json_check *ret_check)
{
    must(limits->max_depth > 0 && limits->max_depth <= JSON_DEPTH_MAX);
    *ret_check = (struct json_check){0};
    struct reader r = {
        .p = text.p, .n = text.n, .limits = limits, .check = ret_check, .scratch = arena_new()};
    bool is_good = check_all(&r);
    arena_free(r.scratch);
    return is_good;
}
