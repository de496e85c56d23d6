/*
 * The lines of an export, written and read. There is one way to write each, and the reader takes no other:
 * members in their order, no blanks, one escape for each character that needs one. So every byte of the file
 * counts, and a change of any of them is found.
 */
#include "audit/seal.h"

#include "base/clock.h"
#include "base/must.h"

#include <string.h>

enum { LENGTH_BYTES = 4, HEX_CHARS = 2 * SEAL_HASH_BYTES, EDGE_MAX = 64 };

static const char *const MEMBER_KEYS[SEAL_MEMBERS] = {
#define M(name, key) [SEAL_##name] = ",\"" key "\":",
#include "audit/seal_members.def"
#undef M
};

/* ---- writing ------------------------------------------------------------------------------------------- */

static void add_escape(struct buf *to, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add_text(to, "\\\"");
        break;
    case '\\':
        buf_add_text(to, "\\\\");
        break;
    case '\n':
        buf_add_text(to, "\\n");
        break;
    case '\r':
        buf_add_text(to, "\\r");
        break;
    case '\t':
        buf_add_text(to, "\\t");
        break;
    default:
        buf_printf(to, "\\u%04x", c);
    }
}

static void add_quoted(struct buf *to, struct str text)
{
    size_t done = 0;
    buf_add_char(to, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(to, text.p + done, i - done);
        add_escape(to, c);
        done = i + 1;
    }
    buf_add(to, text.p + done, text.n - done);
    buf_add_char(to, '"');
}

static void add_text(struct buf *to, const char *key, struct str text)
{
    buf_add_text(to, key);
    if (text.p)
        add_quoted(to, text);
    else
        buf_add_text(to, "null");
}

static void add_number(struct buf *to, const char *key, int64_t number)
{
    buf_add_text(to, key);
    buf_add_char(to, '"');
    buf_add_i64(to, number);
    buf_add_char(to, '"');
}

static void add_bytes(struct buf *to, const char *key, const unsigned char *bytes, size_t n)
{
    static const char HEX[] = "0123456789abcdef";
    char text[2 * CRYPTO_SIGNATURE_BYTES];
    must(n * 2 <= sizeof text);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = HEX[bytes[i] >> 4];
        text[2 * i + 1] = HEX[bytes[i] & 15];
    }
    add_text(to, key, (struct str){text, n * 2});
}

static void add_bytes_or_null(struct buf *to, const char *key, const unsigned char *bytes, bool is_there)
{
    if (is_there)
        add_bytes(to, key, bytes, SEAL_HASH_BYTES);
    else
        add_text(to, key, STR_NULL);
}

void seal_line_head(struct buf *to, struct str log, const struct seal_tree *tree)
{
    const char *separator = "";
    add_text(to, "{\"tidemark\":\"audit 1\",\"log\":", log);
    add_number(to, ",\"from\":", (int64_t)tree->size);
    buf_add_text(to, ",\"edge\":[");
    for (int level = EDGE_MAX - 1; level >= 0; level--) {
        if (!(tree->size >> level & 1))
            continue;
        add_bytes(to, separator, tree->at[level], SEAL_HASH_BYTES);
        separator = ",";
    }
    buf_add_text(to, "]}");
}

void seal_line_leaf(struct buf *to, uint64_t leaf, const struct seal_event *event, const unsigned char *hash)
{
    add_number(to, "{\"leaf\":", (int64_t)leaf);
    for (size_t i = 0; i < SEAL_MEMBERS; i++)
        add_text(to, MEMBER_KEYS[i], event->member[i]);
    add_bytes(to, ",\"hash\":", hash, SEAL_HASH_BYTES);
    buf_add_char(to, '}');
}

void seal_line_missing(struct buf *to, uint64_t leaf, struct str id, const unsigned char *hash)
{
    add_number(to, "{\"leaf\":", (int64_t)leaf);
    add_text(to, ",\"missing\":", id);
    add_bytes(to, ",\"hash\":", hash, SEAL_HASH_BYTES);
    buf_add_char(to, '}');
}

void seal_line_seal(struct buf *to, const struct seal *seal)
{
    char at[CLOCK_TEXT_MAX];
    size_t at_n = clock_print_rfc3339(seal->at_us, at);
    const char *gap = seal_gap_name(seal->gap);
    add_number(to, "{\"seal\":", seal->number);
    add_number(to, ",\"size\":", seal->size);
    add_bytes(to, ",\"root\":", seal->root, SEAL_HASH_BYTES);
    add_bytes_or_null(to, ",\"prev\":", seal->prev, seal->has_prev);
    add_text(to, ",\"at\":", (struct str){at, at_n});
    add_number(to, ",\"term\":", seal->term);
    add_text(to, ",\"pos\":", seal->pos[0] ? str_of(seal->pos) : STR_NULL);
    add_number(to, ",\"found\":", seal->found);
    add_text(to, ",\"gap\":", gap ? str_of(gap) : STR_NULL);
    add_bytes(to, ",\"key\":", seal->key, CRYPTO_KEY_BYTES);
    add_bytes_or_null(to, ",\"next\":", seal->next, seal->has_next);
    add_bytes(to, ",\"signature\":", seal->signature, CRYPTO_SIGNATURE_BYTES);
    buf_add_char(to, '}');
}

void seal_line_end(struct buf *to, uint64_t leaves, uint64_t seals)
{
    add_number(to, "{\"end\":", (int64_t)leaves);
    add_number(to, ",\"seals\":", (int64_t)seals);
    buf_add_char(to, '}');
}

/* ---- reading ------------------------------------------------------------------------------------------- */

struct cursor {
    const char *p, *end;
};

static struct cursor cursor_of(struct str line)
{
    return (struct cursor){line.p, line.p + line.n};
}

static bool take(struct cursor *cursor, const char *literal)
{
    size_t n = strlen(literal);
    if ((size_t)(cursor->end - cursor->p) < n || memcmp(cursor->p, literal, n) != 0)
        return false;
    cursor->p += n;
    return true;
}

/* A text without escapes, and with nothing that needs one: numbers, times, hex. */
static bool take_plain(struct cursor *cursor, const char *key, struct str *ret_text)
{
    if (!take(cursor, key) || cursor->p == cursor->end || *cursor->p != '"')
        return false;
    const char *from = cursor->p + 1;
    const char *quote = memchr(from, '"', (size_t)(cursor->end - from));
    if (!quote)
        return false;
    for (const char *c = from; c < quote; c++)
        if ((unsigned char)*c < 0x20 || *c == '\\')
            return false;
    cursor->p = quote + 1;
    *ret_text = (struct str){from, (size_t)(quote - from)};
    return true;
}

static bool take_number(struct cursor *cursor, const char *key, int64_t *ret_number)
{
    struct str text;
    return take_plain(cursor, key, &text) && str_to_i64(text, ret_number) && *ret_number >= 0;
}

static bool take_bytes(struct cursor *cursor, const char *key, unsigned char *bytes, size_t n)
{
    struct str text;
    return take_plain(cursor, key, &text) && crypto_hex_decode(text, bytes, n);
}

/* A text or null: then ret_text->p is NULL. */
static bool take_plain_or_null(struct cursor *cursor, const char *key, struct str *ret_text)
{
    struct cursor at = *cursor;
    *ret_text = STR_NULL;
    if (!take(&at, key))
        return false;
    if (!take(&at, "null"))
        return take_plain(cursor, key, ret_text);
    *cursor = at;
    return true;
}

static bool take_bytes_or_null(
    struct cursor *cursor, const char *key, unsigned char *bytes, bool *ret_is_there)
{
    struct str text;
    if (!take_plain_or_null(cursor, key, &text))
        return false;
    *ret_is_there = text.p != NULL;
    return !text.p || crypto_hex_decode(text, bytes, SEAL_HASH_BYTES);
}

static bool take_instant(struct cursor *cursor, const char *key, int64_t *ret_us)
{
    struct str text;
    char again[CLOCK_TEXT_MAX];
    return take_plain(cursor, key, &text) && clock_parse_rfc3339(text, ret_us) &&
           str_eq(text, (struct str){again, clock_print_rfc3339(*ret_us, again)});
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* After a backslash. -1: not an escape that we write. */
static int take_escape(struct cursor *cursor)
{
    char c = cursor->p < cursor->end ? *cursor->p++ : '\0';
    switch (c) {
    case '"':
    case '\\':
        return c;
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return -1;
    }
    if (!take(cursor, "00") || cursor->end - cursor->p < 2)
        return -1;
    unsigned value = hex_digit(cursor->p[0]) << 4 | hex_digit(cursor->p[1]);
    cursor->p += 2;
    return value < 0x20 && value != '\n' && value != '\r' && value != '\t' ? (int)value : -1;
}

/* Whether one of eight bytes is a quote, a backslash or below 0x20. */
static bool has_special(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\');
    uint64_t found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((eight - ones * 0x20) & ~eight);
    return (found & tops) != 0;
}

/* The text's bytes at `to`, which has room for as many as the line has; SIZE_MAX: not a text. */
static size_t take_text(struct cursor *cursor, char *to)
{
    char *at = to;
    const char *p = cursor->p + 1;
    if (cursor->p == cursor->end || *cursor->p != '"')
        return SIZE_MAX;
    while (p < cursor->end) {
        uint64_t eight;
        while (cursor->end - p >= (ptrdiff_t)sizeof eight) {
            memcpy(&eight, p, sizeof eight);
            if (has_special(eight))
                break;
            memcpy(at, p, sizeof eight);
            p += sizeof eight;
            at += sizeof eight;
        }
        while (p < cursor->end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
            *at++ = *p++;
        if (p == cursor->end || (unsigned char)*p < 0x20)
            return SIZE_MAX;
        cursor->p = p + 1;
        if (*p == '"')
            return (size_t)(at - to);
        int c = take_escape(cursor);
        if (c < 0)
            return SIZE_MAX;
        *at++ = (char)c;
        p = cursor->p;
    }
    return SIZE_MAX;
}

static void put_length(char *to, uint32_t length)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        to[i] = (char)(length >> (24 - 8 * i));
}

/* The members' bytes as they are sealed, after the 0x00 of a leaf. */
static bool take_members(struct cursor *cursor, struct buf *scratch, struct seal_leaf *leaf)
{
    size_t room = (size_t)(cursor->end - cursor->p) + SEAL_MEMBERS * LENGTH_BYTES + 1;
    buf_clear(scratch);
    if (scratch->cap < room) { /* grown once and kept; what it held is of no use */
        scratch->p = must_realloc(scratch->p, room * 2);
        scratch->cap = room * 2;
    }
    char *to = scratch->p;
    *to++ = 0;
    for (size_t i = 0; i < SEAL_MEMBERS; i++) {
        if (!take(cursor, MEMBER_KEYS[i]))
            return false;
        if (take(cursor, "null")) {
            put_length(to, UINT32_MAX);
            to += LENGTH_BYTES;
            continue;
        }
        size_t n = take_text(cursor, to + LENGTH_BYTES);
        if (n == SIZE_MAX)
            return false;
        put_length(to, (uint32_t)n);
        struct str text = {to + LENGTH_BYTES, n};
        if (i == SEAL_ID)
            leaf->id = text;
        else if (i == SEAL_POS)
            leaf->pos = text;
        else if (i == SEAL_N && (!str_to_i64(text, &leaf->n) || leaf->n < 0))
            return false;
        to += LENGTH_BYTES + n;
    }
    scratch->n = (size_t)(to - scratch->p);
    return leaf->id.n > 0;
}

bool seal_leaf_parse(
    struct str line, struct crypto_digest *digest, struct buf *scratch, struct seal_leaf *ret_leaf)
{
    struct cursor cursor = cursor_of(line);
    *ret_leaf = (struct seal_leaf){.id = STR_NULL, .pos = STR_NULL, .n = -1};
    if (!take_number(&cursor, "{\"leaf\":", &ret_leaf->leaf))
        return false;
    struct cursor members = cursor;
    if (take_plain(&cursor, ",\"missing\":", &ret_leaf->id)) {
        ret_leaf->is_missing = true;
    } else {
        cursor = members;
        if (!take_members(&cursor, scratch, ret_leaf))
            return false;
    }
    if (!take_bytes(&cursor, ",\"hash\":", ret_leaf->hash, SEAL_HASH_BYTES) || !take(&cursor, "}") ||
        cursor.p != cursor.end)
        return false;
    if (!ret_leaf->is_missing)
        crypto_digest_of(digest, buf_str(scratch), ret_leaf->computed);
    return true;
}

bool seal_head_parse(struct str line, struct seal_head *ret_head)
{
    struct cursor cursor = cursor_of(line);
    int64_t size;
    const char *separator = "";
    if (!take_plain(&cursor, "{\"tidemark\":\"audit 1\",\"log\":", &ret_head->log) ||
        !take_number(&cursor, ",\"from\":", &size) || !take(&cursor, ",\"edge\":["))
        return false;
    ret_head->tree.size = (uint64_t)size;
    for (int level = EDGE_MAX - 1; level >= 0; level--) {
        if (!(ret_head->tree.size >> level & 1))
            continue;
        if (!take_bytes(&cursor, separator, ret_head->tree.at[level], SEAL_HASH_BYTES))
            return false;
        separator = ",";
    }
    return take(&cursor, "]}") && cursor.p == cursor.end;
}

bool seal_parse(struct str line, struct seal *ret_seal)
{
    struct cursor cursor = cursor_of(line);
    struct seal *seal = ret_seal;
    struct str pos, gap;
    *seal = (struct seal){0};
    if (!take_number(&cursor, "{\"seal\":", &seal->number) ||
        !take_number(&cursor, ",\"size\":", &seal->size) ||
        !take_bytes(&cursor, ",\"root\":", seal->root, SEAL_HASH_BYTES) ||
        !take_bytes_or_null(&cursor, ",\"prev\":", seal->prev, &seal->has_prev) ||
        !take_instant(&cursor, ",\"at\":", &seal->at_us) ||
        !take_number(&cursor, ",\"term\":", &seal->term) || !take_plain_or_null(&cursor, ",\"pos\":", &pos) ||
        !take_number(&cursor, ",\"found\":", &seal->found) ||
        !take_plain_or_null(&cursor, ",\"gap\":", &gap) ||
        !take_bytes(&cursor, ",\"key\":", seal->key, CRYPTO_KEY_BYTES) ||
        !take_bytes_or_null(&cursor, ",\"next\":", seal->next, &seal->has_next) ||
        !take_bytes(&cursor, ",\"signature\":", seal->signature, CRYPTO_SIGNATURE_BYTES) ||
        !take(&cursor, "}") || cursor.p != cursor.end)
        return false;
    if (pos.n >= sizeof seal->pos || (pos.p && pos.n == 0) || (gap.p && !seal_gap_parse(gap, &seal->gap)))
        return false;
    memcpy(seal->pos, pos.n ? pos.p : "", pos.n);
    return true;
}

bool seal_end_parse(struct str line, int64_t *ret_leaves, int64_t *ret_seals)
{
    struct cursor cursor = cursor_of(line);
    return take_number(&cursor, "{\"end\":", ret_leaves) && take_number(&cursor, ",\"seals\":", ret_seals) &&
           take(&cursor, "}") && cursor.p == cursor.end;
}
