/*
 * Text to tree: our strict check, then json-c, then a copy into the caller's arena. Both readers have to
 * agree, down to the number of values; where they do not, the text is refused, so that a mistake in either
 * one shows as a refusal and never as a value that somebody else reads differently.
 */
#include "json/json_int.h"

#include "base/must.h"

#include <json-c/json.h>
#include <limits.h>
#include <math.h>

#define DEFAULT_BYTES ((size_t)1 << 20)
#define DEFAULT_DEPTH 32
#define DEFAULT_NODES ((size_t)100000)

struct copier {
    struct arena *arena;
    size_t n_nodes;
    bool failed; /* a number that no double holds */
};

static struct str copy_text(struct copier *copier, const char *p, size_t n)
{
    return arena_copy(copier->arena, (struct str){p, n});
}

static void copy_real(struct copier *copier, json_object *from, struct json *to)
{
    to->kind = JSON_REAL;
    to->real.value = json_object_get_double(from);
    /* The tokener keeps the number as it was written beside the double. */
    to->real.text = arena_copy(copier->arena, str_of(json_object_get_userdata(from)));
    if (!isfinite(to->real.value) || to->real.text.n == 0)
        copier->failed = true;
}

static void copy_value(struct copier *copier, json_object *from, struct json *to);

static void copy_array(struct copier *copier, json_object *from, struct json *to)
{
    to->kind = JSON_ARRAY;
    to->array.n = json_object_array_length(from);
    to->array.at = arena_new_array(copier->arena, struct json, to->array.n);
    for (size_t i = 0; i < to->array.n; i++)
        copy_value(copier, json_object_array_get_idx(from, i), &to->array.at[i]);
}

static void copy_object(struct copier *copier, json_object *from, struct json *to)
{
    to->kind = JSON_OBJECT;
    to->object.n = (size_t)json_object_object_length(from);
    to->object.at = arena_new_array(copier->arena, struct json_member, to->object.n);
    struct json_member *member = to->object.at;
    struct json_object_iterator it = json_object_iter_begin(from), end = json_object_iter_end(from);
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it), member++) {
        member->key = arena_copy(copier->arena, str_of(json_object_iter_peek_name(&it)));
        copy_value(copier, json_object_iter_peek_value(&it), &member->value);
    }
}

/* Calls itself at most max_depth deep: the check has seen to that. */
static void copy_value(struct copier *copier, json_object *from, struct json *to)
{
    copier->n_nodes++;
    switch (json_object_get_type(from)) {
    case json_type_null:
        to->kind = JSON_NULL;
        break;
    case json_type_boolean:
        to->kind = JSON_BOOL;
        to->boolean = json_object_get_boolean(from);
        break;
    case json_type_int:
        to->kind = JSON_INT;
        to->integer = json_object_get_int64(from);
        break;
    case json_type_double:
        copy_real(copier, from, to);
        break;
    case json_type_string:
        to->kind = JSON_STR;
        to->str = copy_text(copier, json_object_get_string(from), (size_t)json_object_get_string_len(from));
        break;
    case json_type_array:
        copy_array(copier, from, to);
        break;
    case json_type_object:
        copy_object(copier, from, to);
        break;
    }
}

/* The value between start and end, by json-c; null is NULL as well, so success is told apart. */
static bool tokenize(struct str text, int max_depth, json_object **ret_object)
{
    /* json-c counts the scalar inside the deepest container as a level of its own. */
    json_tokener *tokener = json_tokener_new_ex(max_depth + 2);
    must(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object *object = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    if (json_tokener_get_error(tokener) ==
        json_tokener_continue) /* a number or word ends where the text does */
        object = json_tokener_parse_ex(tokener, "", 1);
    bool is_good = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    if (!is_good) {
        json_object_put(object);
        return false;
    }
    *ret_object = object;
    return true;
}

int json_parse(struct arena *arena, struct str text, const struct json_limits *limits,
    struct json **ret_value, struct err *err)
{
    struct json_limits full = limits ? *limits : (struct json_limits){0};
    full.max_bytes = full.max_bytes ? full.max_bytes : DEFAULT_BYTES;
    full.max_depth = full.max_depth ? full.max_depth : DEFAULT_DEPTH;
    full.max_nodes = full.max_nodes ? full.max_nodes : DEFAULT_NODES;
    if (text.n > full.max_bytes || text.n > INT_MAX)
        return err_set(err, ERR_TOO_LARGE, "JSON of %zu bytes, %zu allowed", text.n, full.max_bytes);
    struct json_check check;
    if (!json_check_text(text, &full, &check))
        return err_set(err, ERR_BAD_JSON, "JSON at byte %zu: %s", check.at, check.reason);

    json_object *object = NULL;
    struct str value_text = {text.p + check.start, check.end - check.start};
    if (!tokenize(value_text, full.max_depth, &object))
        return err_set(err, ERR_BAD_JSON, "JSON refused by json-c after the check had passed it");
    struct copier copier = {.arena = arena};
    struct json *value = arena_new_one(arena, struct json);
    copy_value(&copier, object, value);
    json_object_put(object);
    if (copier.failed)
        return err_set(err, ERR_BAD_JSON, "JSON with a number out of range");
    if (copier.n_nodes != check.n_nodes)
        return err_set(err, ERR_BAD_JSON, "JSON read differently by json-c");
    *ret_value = value;
    return 0;
}

const struct json *json_get(const struct json *object, struct str key)
{
    if (object == NULL || object->kind != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->object.n; i++)
        if (str_eq(object->object.at[i].key, key))
            return &object->object.at[i].value;
    return NULL;
}
