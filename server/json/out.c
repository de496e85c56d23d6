/*
 * The writer. Level 0 is outside of everything; each object or array is one level more. Our own callers keep
 * the order of calls, so a wrong one is asserted; how long an answer gets is the buffer's business.
 */
#include "json/out.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_out_init(struct json_out *out, struct buf *buf)
{
    *out = (struct json_out){.buf = buf};
}

/* What stands between the last value or key and the next value. */
static void before_value(struct json_out *out)
{
    if (out->after_key) {
        out->after_key = false;
        return;
    }
    must(out->depth > 0 ? out->open[out->depth] == '[' : !out->has_item[0]);
    if (out->has_item[out->depth])
        buf_add_char(out->buf, ',');
    out->has_item[out->depth] = true;
}

static void open_level(struct json_out *out, char bracket)
{
    before_value(out);
    must(out->depth + 1 < JSON_OUT_DEPTH);
    out->depth++;
    out->open[out->depth] = bracket;
    out->has_item[out->depth] = false;
    buf_add_char(out->buf, bracket);
}

static void close_level(struct json_out *out, char opened, char bracket)
{
    must(out->depth > 0 && out->open[out->depth] == opened && !out->after_key);
    out->depth--;
    buf_add_char(out->buf, bracket);
}

void json_out_object(struct json_out *out)
{
    open_level(out, '{');
}

void json_out_object_end(struct json_out *out)
{
    close_level(out, '{', '}');
}

void json_out_array(struct json_out *out)
{
    open_level(out, '[');
}

void json_out_array_end(struct json_out *out)
{
    close_level(out, '[', ']');
}

static void add_escape(struct buf *buf, unsigned point)
{
    static const char HEX[] = "0123456789abcdef";
    char text[6] = {
        '\\', 'u', HEX[point >> 12 & 15], HEX[point >> 8 & 15], HEX[point >> 4 & 15], HEX[point & 15]};
    buf_add(buf, text, sizeof text);
}

static void add_special(struct buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add_text(buf, "\\\"");
        break;
    case '\\':
        buf_add_text(buf, "\\\\");
        break;
    case '\n':
        buf_add_text(buf, "\\n");
        break;
    case '\r':
        buf_add_text(buf, "\\r");
        break;
    case '\t':
        buf_add_text(buf, "\\t");
        break;
    default:
        add_escape(buf, c);
    }
}

static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7F;
}

static void add_quoted(struct buf *buf, struct str s)
{
    size_t done = 0, i = 0; /* what stands between done and i needs no change and is added in one piece */
    buf_add_char(buf, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        size_t n = c < 0x80 ? 1 : str_utf8_next((struct str){s.p + i, s.n - i});
        /* U+2028 and U+2029 are E2 80 A8 and E2 80 A9. */
        bool is_separator = n == 3 && c == 0xE2 && (unsigned char)s.p[i + 1] == 0x80 &&
                            ((unsigned char)s.p[i + 2] & 0xFE) == 0xA8;
        if (n != 0 && !is_separator && !(n == 1 && is_special(c))) {
            i += n;
            continue;
        }
        buf_add(buf, s.p + done, i - done);
        if (n == 0)
            buf_add_text(buf, "\xEF\xBF\xBD"); /* U+FFFD */
        else if (is_separator)
            add_escape(buf, 0x2000u | (unsigned char)((unsigned char)s.p[i + 2] - 0x80));
        else
            add_special(buf, c);
        i += n ? n : 1;
        done = i;
    }
    if (i > done)
        buf_add(buf, s.p + done, i - done);
    buf_add_char(buf, '"');
}

void json_out_key(struct json_out *out, struct str key)
{
    must(out->depth > 0 && out->open[out->depth] == '{' && !out->after_key);
    if (out->has_item[out->depth])
        buf_add_char(out->buf, ',');
    out->has_item[out->depth] = true;
    add_quoted(out->buf, key);
    buf_add_char(out->buf, ':');
    out->after_key = true;
}

void json_out_str(struct json_out *out, struct str value)
{
    before_value(out);
    add_quoted(out->buf, value);
}

void json_out_text(struct json_out *out, const char *value)
{
    if (value == NULL)
        json_out_null(out);
    else
        json_out_str(out, str_of(value));
}

void json_out_id(struct json_out *out, int64_t id)
{
    if (id == 0) {
        json_out_null(out);
        return;
    }
    char text[ID_TEXT_MAX];
    size_t n = id_print(id, text);
    json_out_str(out, (struct str){text, n});
}

void json_out_int(struct json_out *out, int64_t value)
{
    before_value(out);
    buf_add_i64(out->buf, value);
}

void json_out_real(struct json_out *out, double value)
{
    if (!isfinite(value)) {
        json_out_null(out);
        return;
    }
    before_value(out);
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_text(out->buf, text);
    /* Without a point this would be read as an integer, and refused as one. */
    bool is_whole =
        str_find(str_of(text), STR(".")) == SIZE_MAX && str_find(str_of(text), STR("e")) == SIZE_MAX;
    if (is_whole && fabs(value) >= 9007199254740992.0)
        buf_add_text(out->buf, ".0");
}

void json_out_bool(struct json_out *out, bool value)
{
    before_value(out);
    buf_add_text(out->buf, value ? "true" : "false");
}

void json_out_null(struct json_out *out)
{
    before_value(out);
    buf_add_text(out->buf, "null");
}

void json_out_instant(struct json_out *out, int64_t utc_us)
{
    if (utc_us == 0) {
        json_out_null(out);
        return;
    }
    char text[CLOCK_TEXT_MAX];
    size_t n = clock_print_rfc3339(utc_us, text);
    json_out_str(out, (struct str){text, n});
}

void json_out_raw(struct json_out *out, struct str json)
{
    must(json.n > 0);
    before_value(out);
    buf_add_str(out->buf, json);
}

/* As deep as the parser allowed, no deeper: it calls itself. */
void json_out_tree(struct json_out *out, const struct json *value)
{
    switch (value->kind) {
    case JSON_NULL:
        json_out_null(out);
        break;
    case JSON_BOOL:
        json_out_bool(out, value->boolean);
        break;
    case JSON_INT:
        json_out_int(out, value->integer);
        break;
    case JSON_REAL:
        if (value->real.text.n)
            json_out_raw(out, value->real.text);
        else
            json_out_real(out, value->real.value);
        break;
    case JSON_STR:
        json_out_str(out, value->str);
        break;
    case JSON_ARRAY:
        json_out_array(out);
        for (size_t i = 0; i < value->array.n; i++)
            json_out_tree(out, &value->array.at[i]);
        json_out_array_end(out);
        break;
    case JSON_OBJECT:
        json_out_object(out);
        for (size_t i = 0; i < value->object.n; i++) {
            json_out_key(out, value->object.at[i].key);
            json_out_tree(out, &value->object.at[i].value);
        }
        json_out_object_end(out);
        break;
    }
}

void json_out_end(struct json_out *out)
{
    must(out->depth == 0 && out->has_item[0] && !out->after_key);
}
