/*
 * Query parameters and cookies, read from the request's raw text when asked for.
 */
#include "net/net.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* %XX and '+' as forms write them. The result is UTF-8 without NUL. */
static int decode(struct str text, struct arena *arena, struct str *ret_text, struct err *err)
{
    char *out = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(err, ERR_BAD_REQUEST, "bad escape in the query");
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    struct str decoded = {out, n};
    if (memchr(out, '\0', n) != NULL || !str_is_utf8(decoded))
        return err_set(err, ERR_BAD_REQUEST, "query is not UTF-8 text");
    *ret_text = decoded;
    return 0;
}

/* The next "name=value" of the query, its name decoded. *rest moves on. */
static int next(
    struct str *rest, struct arena *arena, struct str *ret_name, struct str *ret_raw, struct err *err)
{
    struct str pair = str_cut(rest, '&');
    struct str name = str_cut(&pair, '=');
    *ret_raw = pair;
    return decode(name, arena, ret_name, err);
}

int net_query_get(const struct net_request *request, struct str name, struct arena *arena, bool *ret_found,
    struct str *ret_value, struct err *err)
{
    struct str rest = request->query, found_raw = STR_NULL, value = STR_NULL;
    bool found = false;
    while (rest.n > 0) {
        struct str found_name, raw;
        int result = next(&rest, arena, &found_name, &raw, err);
        if (result != 0)
            return result;
        if (!str_eq(found_name, name))
            continue;
        if (found)
            return err_set(err, ERR_BAD_REQUEST, "query parameter %.*s twice", STR_ARGS(name));
        found = true;
        found_raw = raw;
    }
    if (found) {
        int result = decode(found_raw, arena, &value, err);
        if (result != 0)
            return result;
    }
    *ret_found = found;
    *ret_value = value;
    return 0;
}

int net_query_check(
    const struct net_request *request, const char *const *known, struct arena *arena, struct err *err)
{
    struct str rest = request->query;
    int result = 0;
    while (rest.n > 0) {
        struct str name, raw;
        int failed = next(&rest, arena, &name, &raw, err);
        if (failed != 0)
            return failed;
        bool is_known = name.n == 0 && raw.n == 0; /* "a=1&&b=2" */
        for (size_t i = 0; known[i] != NULL && !is_known; i++)
            is_known = str_eq(name, str_of(known[i]));
        if (!is_known)
            result = err_add(err, arena, name, FAULT_UNKNOWN, STR_NULL);
    }
    return result;
}

struct str net_cookie(const struct net_request *request, struct str name)
{
    struct str rest = request->cookie;
    while (rest.n > 0) {
        struct str value = str_trim(str_cut(&rest, ';'));
        struct str found = str_cut(&value, '=');
        if (str_eq(found, name))
            return value;
    }
    return STR_NULL;
}
