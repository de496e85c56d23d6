/*
 * Field types by data: tests/cases/form/types.json holds a form's fields and, line by line, a field, the JSON
 * that a request gives, and the JSON that it comes back as, or "!" and the fault. And the definition reader,
 * the table's DDL, auto numbers.
 */
#include "base/map.h"
#include "form/form.h"
#include "text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static struct str read_cases(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), SOURCE_DIR "/tests/cases/form/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = arena_alloc(arena, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, file);
    (void)fclose(file);
    return (struct str){text, n};
}

static const struct json *parse(struct str text)
{
    struct json *json = NULL;
    struct err err = {0};
    if (json_parse(arena, text, NULL, &json, &err) < 0)
        fail_msg("%.*s: %s", STR_ARGS(text), err.detail);
    return json;
}

static struct str with_fields(struct str fields)
{
    return arena_printf(arena,
        "{\"v\":1,\"key\":\"thing\",\"label\":{\"zh\":\"物\",\"en\":\"Thing\"},\"title_field\":\"name\","
        "\"groups\":[{\"key\":\"g\",\"label\":{\"zh\":\"组\",\"en\":\"Group\"}}],\"fields\":%.*s}",
        STR_ARGS(fields));
}

static struct str printed(const struct json *json)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_tree(&out, json);
    json_out_end(&out);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

static struct str answer_of(const struct form *form, struct str key, struct str input)
{
    const struct field *field = form_field_find(form, key);
    struct db_val value = DB_N;
    struct err err = {0};
    if (!field)
        fail_msg("no field %.*s", STR_ARGS(key));
    if (field_parse(field, parse(input), NULL, STR("fields.x"), arena, &value, &err) < 0) {
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(err.n_items, 1);
        return arena_printf(arena, "!%s", fault_key(err.items->fault));
    }
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    field_print(field, &value, &out);
    json_out_end(&out);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

static void cases(void **state)
{
    const struct json *all = parse(read_cases("types.json"));
    const struct json *list = json_get(all, STR("cases"));
    struct form form;
    struct err err = {0};
    (void)state;
    int rc = form_parse(arena, parse(with_fields(printed(json_get(all, STR("fields"))))), &form, &err);
    if (rc < 0)
        fail_msg("%.*s: %s", STR_ARGS(err.items->field), fault_key(err.items->fault));
    assert_true(list->array.n > 100);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *row = &list->array.at[i];
        struct str key = row->array.at[0].str, input = row->array.at[1].str, wanted = row->array.at[2].str;
        struct str got = answer_of(&form, key, input);
        if (!str_eq(got, wanted))
            fail_msg("%.*s %.*s: got %.*s, wanted %.*s", STR_ARGS(key), STR_ARGS(input), STR_ARGS(got),
                STR_ARGS(wanted));
        /* What comes back as a value is itself accepted and stays as it is. */
        if (wanted.p[0] != '!' && !str_eq(wanted, STR("null")))
            assert_true(str_eq(answer_of(&form, key, wanted), wanted));
    }
}

static enum fault_code fault_of(
    const struct form *form, const char *key, const char *input, const char *before)
{
    const struct field *field = form_field_find(form, str_of(key));
    struct err err = {0}, ignored = {0};
    struct db_val value, held = DB_N;
    if (before)
        assert_int_equal(
            field->type->parse(field, parse(str_of(before)), STR("x"), arena, &held, &ignored), 0);
    if (field_parse(field, parse(str_of(input)), before ? &held : NULL, STR("x"), arena, &value, &err) == 0)
        return FAULT_CODE_COUNT; /* none */
    return err.items->fault;
}

/* Rules are tightened and options retired while records hold what was good: it may be sent back as it is. */
static void what_stands_may_stay(void **state)
{
    struct form form;
    struct err err = {0};
    (void)state;
    const struct json *all = parse(read_cases("types.json"));
    assert_int_equal(
        form_parse(arena, parse(with_fields(printed(json_get(all, STR("fields"))))), &form, &err), 0);
    assert_int_equal(fault_of(&form, "stage", "\"old\"", NULL), FAULT_NOT_AN_OPTION);
    assert_int_equal(fault_of(&form, "stage", "\"old\"", "\"lead\""), FAULT_NOT_AN_OPTION);
    assert_int_equal(fault_of(&form, "stage", "\"old\"", "\"old\""), FAULT_CODE_COUNT);
    assert_int_equal(fault_of(&form, "products", "[\"cheque\"]", "[\"fund\"]"), FAULT_NOT_AN_OPTION);
    assert_int_equal(fault_of(&form, "products", "[\"cheque\",\"card\"]", "[\"cheque\"]"), FAULT_CODE_COUNT);
    assert_int_equal(fault_of(&form, "products", "[\"card\"]", "[\"cheque\"]"), FAULT_CODE_COUNT);
    assert_int_equal(fault_of(&form, "pieces", "\"-7\"", "\"-7\""), FAULT_CODE_COUNT);
    assert_int_equal(fault_of(&form, "pieces", "\"-8\"", "\"-7\""), FAULT_TOO_SMALL);
    assert_int_equal(fault_of(&form, "deed", "\"x\"", "\"x\""), FAULT_CODE_COUNT);
    assert_int_equal(fault_of(&form, "deed", "\"y\"", "\"x\""), FAULT_PATTERN);
}

/* Each broken definition, and the path of its fault. */
static void broken_definitions(void **state)
{
    static const struct {
        const char *fields, *path;
    } BROKEN[] = {
        {"[]", "title_field"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"colour\":1}]",
            "fields[0].colour"},
        {"[{\"key\":\"name\",\"type\":\"txt\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"}]",
            "fields[0].type"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"h\"}]",
            "fields[0].group"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\"},\"group\":\"g\"}]",
            "fields[0].label.en"},
        {"[{\"key\":\"name`; DROP\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"}]",
            "fields[0].key"},
        {"[{\"key\":\"_name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"}]",
            "fields[0].key"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"options\":[]}]",
            "fields[0].options"},
        {"[{\"key\":\"name\",\"type\":\"choice\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"}]",
            "fields[0].options"},
        {"[{\"key\":\"name\",\"type\":\"money\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"min\":\"x\"}]",
            "fields[0].min"},
        {"[{\"key\":\"of\",\"type\":\"reference\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"required\":true,\"role\":\"parent\"}]",
            "fields[0].form"},
        {"[{\"key\":\"of\",\"type\":\"reference\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"mask\":\"name\",\"form\":\"customer\"}]",
            "fields[0].mask"},
        {"[{\"key\":\"of\",\"type\":\"reference\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"form\":\"customer\",\"role\":\"parent\"}]",
            "fields[0].required"},
        {"[{\"key\":\"of\",\"type\":\"reference\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"form\":\"Customer`\",\"required\":true,\"role\":\"parent\"}]",
            "fields[0].form"},
        {"[{\"key\":\"of\",\"type\":\"reference\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"form\":\"customer\",\"required\":true,\"unique\":true,\"role\":\"parent\"}]",
            "fields[0].unique"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"role\":\"owner\"}]",
            "fields[0].role"},
        {"[{\"key\":\"name\",\"type\":\"date\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"searchable\":true}]",
            "fields[0].searchable"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"},"
         "{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"}]",
            "fields[1].key"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"min\":\"1\"}]",
            "fields[0].min"},
        {"[{\"key\":\"name\",\"type\":\"tags\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"options\":[],\"sortable\":true}]",
            "fields[0].sortable"},
        {"[{\"key\":\"name\",\"type\":\"long_text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"sortable\":true}]",
            "fields[0].sortable"},
        {"[{\"key\":\"name\",\"type\":\"long_text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"unique\":true}]",
            "fields[0].unique"},
        {"[{\"key\":\"name\",\"type\":\"date\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"scale\":2}]",
            "fields[0].scale"},
        {"[{\"key\":\"name\",\"type\":\"date\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"max_length\":2}]",
            "fields[0].max_length"},
        {"[{\"key\":\"name\",\"type\":\"date\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"min\":\"soon\"}]",
            "fields[0].min"},
        {"[{\"key\":\"name\",\"type\":\"number\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"min\":\"x\"}]",
            "fields[0].min"},
        {"[{\"key\":\"name\",\"type\":\"integer\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"min\":\"2\",\"max\":\"1\"}]",
            "fields[0].max"},
        {"[{\"key\":\"name\",\"type\":\"money\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"pattern\":\"a\"}]",
            "fields[0].pattern"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"pattern\":\"(a\"}]",
            "fields[0].pattern"},
        {"[{\"key\":\"name\",\"type\":\"text\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"pattern_message\":{\"zh\":\"a\",\"en\":\"a\"}}]",
            "fields[0].pattern_message"},
        {"[{\"key\":\"name\",\"type\":\"url\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\",\"unique\":true}]",
            "fields[0].unique"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(BROKEN) / sizeof(BROKEN[0]); i++) {
        struct form form = {.id = 77};
        struct err err = {0};
        assert_true(form_parse(arena, parse(with_fields(str_of(BROKEN[i].fields))), &form, &err) < 0);
        bool told = false;
        for (const struct err_item *item = err.items; item; item = item->next)
            told = told || str_eq(item->field, str_of(BROKEN[i].path));
        if (!told)
            fail_msg(
                "%s: fault at %.*s, wanted %s", BROKEN[i].fields, STR_ARGS(err.items->field), BROKEN[i].path);
        assert_int_equal(form.id, 77); /* outputs stay untouched */
    }
}

static struct str many_fields(size_t n, const char *type)
{
    struct str text = STR("[");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(arena,
            "%.*s%s{\"key\":\"%s%zu\",\"type\":\"%s\",\"label\":{\"zh\":\"a\",\"en\":\"a\"},\"group\":\"g\"}",
            STR_ARGS(text), i ? "," : "", i ? "f" : "name", i ? i : (size_t)0, type);
    return arena_printf(arena, "%.*s]", STR_ARGS(text));
}

static int ddl_of(struct str fields, struct buf *ddl)
{
    struct form form;
    struct err err = {0};
    struct str definition = with_fields(fields);
    /* many_fields names its first field name0 */
    struct json *json = NULL;
    assert_int_equal(json_parse(arena, definition, NULL, &json, &err), 0);
    for (size_t i = 0; i < json->object.n; i++)
        if (str_eq(json->object.at[i].key, STR("title_field")))
            json->object.at[i].value.str = STR("name0");
    assert_int_equal(form_parse(arena, json, &form, &err), 0);
    return form_table_ddl(&form, ddl, &err);
}

static void ddl_limits(void **state)
{
    struct buf ddl = {0};
    (void)state;
    buf_init(&ddl, 0);
    assert_int_equal(
        ddl_of(many_fields(60, "text"), &ddl), 0); /* 60 × VARCHAR(255) in utf8mb4: 61,320 bytes */
    assert_true(str_find(buf_str(&ddl), STR("CREATE TABLE IF NOT EXISTS `rec_thing`")) == 0);
    buf_clear(&ddl);
    assert_true(ddl_of(many_fields(65, "text"), &ddl) < 0); /* past 65,535 */
    buf_clear(&ddl);
    assert_int_equal(ddl_of(many_fields(200, "long_text"), &ddl), 0);
    buf_done(&ddl);
}

static void numbers(void **state)
{
    (void)state;
    assert_true(str_eq(numbers_print(STR("C{number:08}"), 7, arena), STR("C00000007")));
    assert_true(str_eq(numbers_print(STR("C{number:2}-x"), 1234, arena), STR("C1234-x")));
    assert_true(str_eq(numbers_print(STR("{number}"), 5, arena), STR("5")));
    assert_true(str_eq(numbers_print(STR("plain"), 5, arena), STR("plain5")));
    assert_true(str_eq(
        numbers_print(STR("{number:99999"), 5, arena), numbers_print(STR("{number:99999}"), 5, arena)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(what_stands_may_stay),
        cmocka_unit_test(broken_definitions),
        cmocka_unit_test(ddl_limits),
        cmocka_unit_test(numbers),
    };
    struct err err = {0};
    if (text_init(&err) < 0)
        return 1;
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    text_done();
    return failed;
}
