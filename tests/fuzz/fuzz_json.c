/*
 * The JSON reader. Whatever it takes must be UTF-8, must come out of the writer as JSON that it takes again,
 * to the same bytes, and must hold no key twice. What json-c refuses after our own check has passed it is a
 * disagreement of the two, and a finding.
 */
#include "base/must.h"
#include "json/out.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_tree(const struct json *value)
{
    if (value->kind == JSON_STR)
        must(str_is_utf8(value->str) &&
             memchr(value->str.p, '\0', value->str.n + 1) == value->str.p + value->str.n);
    for (size_t i = 0; value->kind == JSON_ARRAY && i < value->array.n; i++)
        check_tree(&value->array.at[i]);
    for (size_t i = 0; value->kind == JSON_OBJECT && i < value->object.n; i++) {
        const struct json_member *member = &value->object.at[i];
        must(json_get(value, member->key) == &member->value);
        check_tree(&member->value);
    }
}

static void write_tree(struct buf *buf, const struct json *value)
{
    struct json_out out;
    buf_init(buf, 0);
    json_out_init(&out, buf);
    json_out_tree(&out, value);
    json_out_end(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct json *value, *again;
    struct err err = {0};
    int rc = json_parse(arena, (struct str){(const char *)data, n}, NULL, &value, &err);
    must(rc == 0 || strstr(err.detail, "json-c") == NULL);
    if (rc == 0) {
        struct buf once, twice;
        check_tree(value);
        write_tree(&once, value);
        /* Escapes may make it longer than what came in. */
        struct json_limits limits = {.max_bytes = once.n};
        must(json_parse(arena, buf_str(&once), &limits, &again, &err) == 0);
        write_tree(&twice, again);
        must(str_eq(buf_str(&once), buf_str(&twice)));
        buf_done(&once);
        buf_done(&twice);
    }
    arena_free(arena);
    return 0;
}
