/* json_parse: the vectors of tests/cases/json/parse.txt, limits, and what the tree holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/out.h"

#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json *parse(struct arena *arena, struct str text)
{
    struct err err = {0};
    struct json *value = NULL;
    if (json_parse(arena, text, NULL, &value, &err) != 0)
        fail_msg("refused: %s", err.detail);
    return value;
}

static void write_tree(struct buf *buf, const struct json *value)
{
    struct json_out out;
    buf_clear(buf);
    json_out_init(&out, buf);
    json_out_tree(&out, value);
    json_out_end(&out);
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* "%xx" to bytes, in place. */
static struct str decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%') {
            *to++ = (char)(hex_digit(from[1]) << 4 | hex_digit(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    return (struct str){text, (size_t)(to - text)};
}

struct vectors {
    struct arena *arena;
    struct buf written;
    size_t n_taken, n_refused, n_failed, n_compared;
};

/* The input stands at the very end of a block of its own, so that one byte too far is seen by the sanitizer.
 */
static struct str tight_copy(struct str text)
{
    char *p = malloc(text.n ? text.n : 1);
    if (text.n)
        memcpy(p, text.p, text.n);
    return (struct str){p, text.n};
}

static void run_row(struct vectors *vectors, char verdict, const char *name, struct str input)
{
    struct err err = {0};
    struct json *untouched = (struct json *)(void *)vectors, *value = untouched;
    struct str copy = tight_copy(input);
    int rc = json_parse(vectors->arena, copy, NULL, &value, &err);
    free((void *)(uintptr_t)copy.p);
    /* Our own check must be the one that refuses; json-c behind it would hide its mistakes. */
    bool good = verdict == 'y' ? rc == 0
                               : rc == -ERR_BAD_JSON && value == untouched && err.detail[0] != '\0' &&
                                     strstr(err.detail, "json-c") == NULL;
    if (!good) {
        print_error("%c %s: %d %s\n", verdict, name, rc, err.detail);
        vectors->n_failed++;
        return;
    }
    vectors->n_taken += rc == 0;
    vectors->n_refused += rc != 0;
    if (rc != 0)
        return;
    write_tree(&vectors->written, value);
    /* What we write, we read back to the same bytes. */
    struct buf again;
    buf_init(&again, 0);
    write_tree(&again, parse(vectors->arena, buf_str(&vectors->written)));
    assert_true(str_eq(buf_str(&again), buf_str(&vectors->written)));
    buf_done(&again);
}

static void test_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(SOURCE_DIR "/tests/cases/json/parse.txt", "r");
    assert_non_null(file);
    struct vectors vectors = {.arena = arena_new()};
    buf_init(&vectors.written, 0);
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, file)) > 0; arena_clear(vectors.arena)) {
        line[n - 1] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (line[0] == '=') {
            struct str expected = decode(line + 2), written = buf_str(&vectors.written);
            vectors.n_compared++;
            if (!str_eq(written, expected)) {
                print_error("wrote %.*s, not %.*s\n", STR_ARGS(written), STR_ARGS(expected));
                vectors.n_failed++;
            }
            continue;
        }
        assert_true((line[0] == 'y' || line[0] == 'n') && line[1] == ' ');
        char *name = line + 2, *input = strchr(name, ' ');
        assert_non_null(input);
        *input++ = '\0';
        run_row(&vectors, line[0], name, decode(input));
    }
    free(line);
    fclose(file);
    print_message(
        "%zu taken, %zu refused, %zu compared\n", vectors.n_taken, vectors.n_refused, vectors.n_compared);
    assert_int_equal(vectors.n_failed, 0);
    assert_true(vectors.n_taken >= 100 && vectors.n_refused >= 300 && vectors.n_compared >= 80);
    buf_done(&vectors.written);
    arena_free(vectors.arena);
}

static void test_tree(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char text[] =
        "{\"s\":\"重\\n\",\"i\":-42,\"r\":2.50,\"t\":true,\"f\":false,\"z\":null,\"a\":[1,\"x\"],\"o\":{\"k\":[]}}";
    struct json *value = parse(arena, str_of(text));
    memset(text, 'x', sizeof text); /* the tree is the arena's own */
    assert_int_equal(value->kind, JSON_OBJECT);
    assert_int_equal(value->object.n, 8);
    assert_true(str_eq(value->object.at[0].key, STR("s")));
    const struct json *s = json_get(value, STR("s")), *r = json_get(value, STR("r")),
                      *a = json_get(value, STR("a"));
    assert_int_equal(s->kind, JSON_STR);
    assert_true(str_eq(s->str, STR("重\n")));
    assert_int_equal(json_get(value, STR("i"))->kind, JSON_INT);
    assert_int_equal(json_get(value, STR("i"))->integer, -42);
    assert_int_equal(r->kind, JSON_REAL);
    assert_true(r->real.value > 2.4999 && r->real.value < 2.5001);
    assert_true(str_eq(r->real.text, STR("2.50")));
    assert_true(json_get(value, STR("t"))->boolean);
    assert_false(json_get(value, STR("f"))->boolean);
    assert_int_equal(json_get(value, STR("z"))->kind, JSON_NULL);
    assert_int_equal(a->array.n, 2);
    assert_int_equal(a->array.at[0].integer, 1);
    assert_true(str_eq(a->array.at[1].str, STR("x")));
    assert_int_equal(json_get(json_get(value, STR("o")), STR("k"))->array.n, 0);
    assert_null(json_get(value, STR("absent")));
    assert_null(json_get(s, STR("s")));
    assert_null(json_get(NULL, STR("s")));
    arena_free(arena);
}

static int parse_with(struct str text, struct json_limits limits, char *ret_detail)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct json *value;
    int rc = json_parse(arena, text, &limits, &value, &err);
    strcpy(ret_detail, err.detail);
    arena_free(arena);
    return rc;
}

static void test_limits(void **state)
{
    (void)state;
    char detail[ERR_DETAIL_MAX];
    assert_int_equal(parse_with(STR("[1,2]"), (struct json_limits){.max_bytes = 5}, detail), 0);
    assert_int_equal(parse_with(STR("[1,2]"), (struct json_limits){.max_bytes = 4}, detail), -ERR_TOO_LARGE);
    assert_int_equal(parse_with(STR("[[1]]"), (struct json_limits){.max_depth = 2}, detail), 0);
    assert_int_equal(parse_with(STR("[[1]]"), (struct json_limits){.max_depth = 1}, detail), -ERR_BAD_JSON);
    assert_non_null(strstr(detail, "byte 1:"));
    assert_int_equal(parse_with(STR("[1,{\"a\":2}]"), (struct json_limits){.max_nodes = 4}, detail), 0);
    assert_int_equal(
        parse_with(STR("[1,{\"a\":2}]"), (struct json_limits){.max_nodes = 3}, detail), -ERR_BAD_JSON);
    char deep[2 * JSON_DEPTH_MAX + 2];
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    struct json_limits deepest = {.max_depth = JSON_DEPTH_MAX};
    assert_int_equal(parse_with((struct str){deep, 2 * JSON_DEPTH_MAX}, deepest, detail), 0);
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(parse_with((struct str){deep, sizeof deep}, deepest, detail), -ERR_BAD_JSON);
}

static struct str array_of_zeros(char *text, size_t n)
{
    size_t length = 0;
    text[length++] = '[';
    for (size_t i = 0; i < n; i++) {
        text[length++] = '0';
        text[length++] = i + 1 < n ? ',' : ']';
    }
    return (struct str){text, length};
}

static void test_default_limits(void **state)
{
    (void)state;
    char detail[ERR_DETAIL_MAX];
    size_t n = ((size_t)1 << 20) + 1;
    char *text = malloc(n);
    memset(text, ' ', n);
    text[0] = '0';
    assert_int_equal(parse_with((struct str){text, n - 1}, (struct json_limits){0}, detail), 0);
    assert_int_equal(parse_with((struct str){text, n}, (struct json_limits){0}, detail), -ERR_TOO_LARGE);
    /* The array is a value too. */
    assert_int_equal(parse_with(array_of_zeros(text, 99999), (struct json_limits){0}, detail), 0);
    assert_int_equal(
        parse_with(array_of_zeros(text, 100000), (struct json_limits){0}, detail), -ERR_BAD_JSON);
    free(text);
}

static void test_offset_in_detail(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct json *value;
    struct err err = {0};
    json_parse(arena, STR("{\"a\":1,\"b\":x}"), NULL, &value, &err);
    assert_string_equal(err.detail, "JSON at byte 11: not a value");
    err_clear(&err);
    json_parse(arena, STR("{\"a\":1,\"b\":2,\"a\":3}"), NULL, &value, &err);
    assert_string_equal(err.detail, "JSON at byte 13: duplicate key");
    /* The second of two in a large object too, though keys are sorted there. */
    struct buf text;
    buf_init(&text, 0);
    buf_add_text(&text, "{\"k5\":0");
    for (int i = 10; i < 40; i++)
        buf_printf(&text, ",\"k%d\":0", i);
    size_t at = text.n + 1;
    buf_add_text(&text, ",\"k5\":0}");
    err_clear(&err);
    json_parse(arena, buf_str(&text), NULL, &value, &err);
    char expected[64];
    snprintf(expected, sizeof expected, "JSON at byte %zu: duplicate key", at);
    assert_string_equal(err.detail, expected);
    buf_done(&text);
    arena_free(arena);
}

/* A random tree, written, read, written: the same bytes. */
static void random_text(struct buf *buf)
{
    static const char *const PIECES[] = {
        "a", "重", "\xf0\x9f\x98\x80", "\\n", "\\u0001", "\\\"", "/", "<", "\u2028", " "};
    buf_add_char(buf, '"');
    for (size_t n = random_below(6); n > 0; n--)
        buf_add_text(buf, PIECES[random_below(sizeof PIECES / sizeof PIECES[0])]);
    buf_add_char(buf, '"');
}

static void random_value(struct buf *buf, int depth)
{
    static const char *const SCALARS[] = {
        "null", "true", "false", "0", "-1", "9007199254740991", "0.10", "1e5", "-2.5E-3"};
    size_t kind = random_below(depth < 8 ? 6 : 4);
    if (kind < 2) {
        buf_add_text(buf, SCALARS[random_below(sizeof SCALARS / sizeof SCALARS[0])]);
    } else if (kind < 4) {
        random_text(buf);
    } else {
        size_t n = random_below(5);
        buf_add_char(buf, kind == 4 ? '[' : '{');
        for (size_t i = 0; i < n; i++) {
            if (i)
                buf_add_text(buf, random_below(2) ? "," : " ,\n");
            if (kind == 5)
                buf_printf(buf, "\"k%zu\" : ", i);
            random_value(buf, depth + 1);
        }
        buf_add_char(buf, kind == 4 ? ']' : '}');
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    random_begin();
    struct arena *arena = arena_new();
    struct buf text, once, twice;
    buf_init(&text, 0);
    buf_init(&once, 0);
    buf_init(&twice, 0);
    for (int round = 0; round < 20000; round++) {
        buf_clear(&text);
        random_value(&text, 0);
        write_tree(&once, parse(arena, buf_str(&text)));
        write_tree(&twice, parse(arena, buf_str(&once)));
        assert_true(str_eq(buf_str(&once), buf_str(&twice)));
        arena_clear(arena);
    }
    buf_done(&text);
    buf_done(&once);
    buf_done(&twice);
    arena_free(arena);
}

/* One byte changed in a good text: taken or refused, never read past the end (the sanitizer looks on). */
static void test_changed_bytes(void **state)
{
    (void)state;
    random_begin();
    struct arena *arena = arena_new();
    struct buf text, written;
    buf_init(&text, 0);
    buf_init(&written, 0);
    size_t n_taken = 0, n_refused = 0;
    for (int round = 0; round < 40000; round++) {
        buf_clear(&text);
        random_value(&text, 0);
        text.p[random_below(text.n)] = (char)random_below(256);
        struct str copy = tight_copy((struct str){text.p, text.n - random_below(2)});
        struct err err = {0};
        struct json *value;
        int rc = json_parse(arena, copy, NULL, &value, &err);
        if (rc == 0)
            write_tree(&written, value);
        else
            assert_int_equal(rc, -ERR_BAD_JSON);
        n_taken += rc == 0;
        n_refused += rc != 0;
        free((void *)(uintptr_t)copy.p);
        arena_clear(arena);
    }
    assert_true(n_taken > 100 && n_refused > 100);
    buf_done(&text);
    buf_done(&written);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_offset_in_detail),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
