/* Masks against the golden table tests/cases/access/masks.json (SECURITY PI-03), and what holds for all
 * values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/access.h"
#include "base/buf.h"
#include "base/must.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const MASKS[] = {"name", "phone", "id_no", "card", "email", "address", "amount", "text"};
#define N_MASKS (sizeof MASKS / sizeof MASKS[0])

static struct str read_all(const char *path, struct arena *arena)
{
    struct buf buf;
    char piece[4096];
    FILE *file = fopen(path, "rb");
    must(file != NULL);
    buf_init(&buf, 0);
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        buf_add(&buf, piece, n);
    (void)fclose(file);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

static struct str member(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, str_of(key));
    must(value && value->kind == JSON_STR);
    return value->str;
}

static void test_golden_table(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct json *table;
    struct err err = {0};
    struct str text = read_all(SOURCE_DIR "/tests/cases/access/masks.json", arena);
    assert_int_equal(json_parse(arena, text, NULL, &table, &err), 0);
    assert_int_equal(table->kind, JSON_ARRAY);
    assert_true(table->array.n >= 60);
    size_t wrong = 0;
    for (size_t i = 0; i < table->array.n; i++) {
        const struct json *row = &table->array.at[i];
        struct str masked = mask_apply(member(row, "mask"), member(row, "value"), arena);
        if (str_eq(masked, member(row, "masked")))
            continue;
        wrong++;
        print_error("%.*s of \"%.*s\" (%.*s): \"%.*s\", should be \"%.*s\"\n", STR_ARGS(member(row, "mask")),
            STR_ARGS(member(row, "value")), STR_ARGS(member(row, "why")), STR_ARGS(masked),
            STR_ARGS(member(row, "masked")));
    }
    assert_int_equal(wrong, 0);
    arena_free(arena);
}

static void test_known_masks(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MASKS; i++)
        assert_true(mask_is_known(str_of(MASKS[i])));
    assert_false(mask_is_known(STR("")));
    assert_false(mask_is_known(STR("Phone")));
    assert_false(mask_is_known(STR("phon")));
}

static size_t count_stars(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '*';
    return n;
}

/* Random text of letters, digits, signs, Chinese and broken bytes. */
static struct str random_value(struct arena *arena, unsigned *seed)
{
    static const char *const PIECES[] = {"1", "7", "０", "9", "a", "Z", "张", "公司", "·", "@", "＠", " ",
        "　", "-", "+86", "x", "Ｘ", "𠮷", "。", "\xff"};
    struct buf buf;
    buf_init(&buf, 0);
    for (int n = rand_r(seed) % 30; n > 0; n--) {
        /* broken bytes now and then only, or little else would be tried */
        size_t count = sizeof PIECES / sizeof PIECES[0] - (rand_r(seed) % 50 != 0);
        buf_add_text(&buf, PIECES[(size_t)rand_r(seed) % count]);
    }
    struct str value = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return value;
}

/* Whatever the value: UTF-8, at least two stars, at most ten characters of the value but for a mail's domain,
 * and never the value itself. */
static void test_any_value(void **state)
{
    (void)state;
    unsigned seed = 20261122;
    struct arena *arena = arena_new();
    for (int round = 0; round < 20000; round++) {
        arena_clear(arena);
        struct str value = random_value(arena, &seed);
        for (size_t i = 0; i < N_MASKS; i++) {
            struct str masked = mask_apply(str_of(MASKS[i]), value, arena);
            assert_true(str_is_utf8(masked));
            assert_true(count_stars(masked) >= 2);
            assert_false(str_eq(masked, value));
            if (strcmp(MASKS[i], "email"))
                assert_true(str_utf8_length(masked) - count_stars(masked) <= 10);
        }
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_table),
        cmocka_unit_test(test_known_masks),
        cmocka_unit_test(test_any_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
