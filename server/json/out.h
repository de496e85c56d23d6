/*
 * JSON out, as a stream into a buffer: no tree is built to answer a request. Depth and commas are kept here;
 * unbalanced calls are asserted. Text must be UTF-8 (bytes that are not are written as U+FFFD); '<', '>',
 * '&', U+2028 and U+2029 are escaped, so that an answer is inert wherever it lands.
 */
#ifndef TIDEMARK_JSON_OUT_H
#define TIDEMARK_JSON_OUT_H

#include "base/buf.h"
#include "json/json.h"

/* A parsed value of the greatest depth and 16 levels around it. */
#define JSON_OUT_DEPTH (JSON_DEPTH_MAX + 16)

struct json_out {
    struct buf *buf;
    int depth;
    bool has_item[JSON_OUT_DEPTH];
    bool after_key;
    char open[JSON_OUT_DEPTH];
};

void json_out_init(struct json_out *out, struct buf *buf);
void json_out_object(struct json_out *out); /* { */
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out); /* [ */
void json_out_array_end(struct json_out *out);
void json_out_key(struct json_out *out, struct str key);
void json_out_str(struct json_out *out, struct str value);
void json_out_text(struct json_out *out, const char *value); /* NULL: null */
void json_out_id(struct json_out *out, int64_t id);          /* as a string; 0: null */
void json_out_int(struct json_out *out, int64_t value);      /* as a number: small values only */
void json_out_real(struct json_out *out, double value);      /* shortest exact form; null if not finite */
void json_out_bool(struct json_out *out, bool value);
void json_out_null(struct json_out *out);
void json_out_instant(struct json_out *out, int64_t utc_us);        /* RFC 3339; 0: null */
void json_out_raw(struct json_out *out, struct str json);           /* one whole value, already JSON */
void json_out_tree(struct json_out *out, const struct json *value); /* a parsed value as it was */

/* key and value in one call: json_out_member_str(out, "name", s) */
#define json_out_member_str(out, key, value) (json_out_key((out), STR(key)), json_out_str((out), (value)))
#define json_out_member_text(out, key, value) (json_out_key((out), STR(key)), json_out_text((out), (value)))
#define json_out_member_id(out, key, value) (json_out_key((out), STR(key)), json_out_id((out), (value)))
#define json_out_member_int(out, key, value) (json_out_key((out), STR(key)), json_out_int((out), (value)))
#define json_out_member_bool(out, key, value) (json_out_key((out), STR(key)), json_out_bool((out), (value)))
#define json_out_member_instant(out, key, value)                                                             \
    (json_out_key((out), STR(key)), json_out_instant((out), (value)))

void json_out_end(struct json_out *out); /* asserts that everything is closed */

#endif
