/*
 * JSON in. json_parse puts a strict check (SECURITY 1.8) in front of json-c and returns a tree that lives in
 * the arena: no json-c type leaves this room. Refused, beside what RFC 8259 refuses: duplicate keys, a NUL in
 * a key or text (escaped or raw), NaN and Infinity, integers past 2^53 - 1 either way (browsers lose them;
 * ids and money travel as text), numbers of more than 64 characters or too large for a double, more than
 * json_limits allow, invalid UTF-8, lone surrogates, a byte-order mark, anything after the value.
 *
 * json_read fills a struct from an object by a table of descriptors; unknown members are refused.
 */
#ifndef TIDEMARK_JSON_JSON_H
#define TIDEMARK_JSON_JSON_H

#include "base/arena.h"
#include "base/err.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STR, JSON_ARRAY, JSON_OBJECT };

struct json_member;
struct json {
    enum json_kind kind;
    union {
        bool boolean;
        int64_t integer;
        struct {
            double value;
            struct str text; /* as written */
        } real;
        struct str str;
        struct {
            struct json *at;
            size_t n;
        } array;
        struct {
            struct json_member *at;
            size_t n;
        } object;
    };
};
struct json_member {
    struct str key;
    struct json value;
};

#define JSON_DEPTH_MAX 64

struct json_limits {
    size_t max_bytes; /* 0: 1 MiB */
    int max_depth;    /* 0: 32; the outermost array or object is depth 1; at most JSON_DEPTH_MAX */
    size_t max_nodes; /* 0: 100,000 */
};

/* limits NULL: the defaults. On failure ERR_BAD_JSON (ERR_TOO_LARGE past max_bytes), detail with the byte
 * offset. */
int json_parse(struct arena *arena, struct str text, const struct json_limits *limits,
    struct json **ret_value, struct err *err);
/* NULL when absent. */
const struct json *json_get(const struct json *object, struct str key);

enum json_read_kind {
    JSON_READ_STR,  /* struct str; `min` to `max` code points, max 0: no limit */
    JSON_READ_BOOL, /* bool */
    JSON_READ_INT,  /* int64_t; from min to max if max != 0 */
    JSON_READ_ID,   /* int64_t from a string of digits */
    JSON_READ_ANY   /* const struct json *; a null is a value like others unless there are flags */
};
/* JSON_REQUIRED: absent is a fault, and so is null unless JSON_NULLABLE, with which null leaves the target as
 * it was. */
enum { JSON_REQUIRED = 1, JSON_NULLABLE = 2 };

struct json_field {
    const char *name;
    enum json_read_kind kind;
    size_t offset; /* in the target */
    unsigned flags;
    int64_t min, max;
};

/* Every fault of the object is added to err (ERR_INVALID) with `path` and a dot before the member's name, if
 * not empty. Good members are stored even then, so that the caller may look for faults inside them; the
 * others leave the target as it was. Texts and trees are those of the parsed value, not copies. */
int json_read(const struct json *object, const struct json_field *fields, size_t n_fields, struct str path,
    void *target, struct arena *arena, struct err *err);
#define JSON_FIELDS(a) (a), sizeof(a) / sizeof((a)[0])

#endif
