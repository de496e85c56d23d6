/*
 * Object to struct, by a table. A member that is good is stored even where another is not: a caller with
 * parts of its own to check (lists, trees) can look at them as well, and the user hears of all faults at
 * once.
 */
#include "json/json.h"

#include "base/id.h"
#include "base/must.h"

#include <inttypes.h>

static const char *const KIND_NAMES[] = {
    [JSON_READ_STR] = "string",
    [JSON_READ_BOOL] = "boolean",
    [JSON_READ_INT] = "integer",
    [JSON_READ_ID] = "string",
    [JSON_READ_ANY] = "any",
};

struct reading {
    const struct json_field *fields;
    size_t n_fields;
    struct str path;
    struct arena *arena;
    struct err *err;
    size_t n_faults;
};

/* Returns false, for the ways out of a check. */
static bool add_fault(struct reading *reading, struct str name, enum fault_code fault, struct str limit)
{
    struct str field = name;
    if (reading->path.n)
        field = arena_printf(reading->arena, "%.*s.%.*s", STR_ARGS(reading->path), STR_ARGS(name));
    err_add(reading->err, reading->arena, field, fault, limit);
    reading->n_faults++;
    return false;
}

static struct str print_limit(struct reading *reading, int64_t limit)
{
    return arena_printf(reading->arena, "%" PRId64, limit);
}

static bool check_text(struct reading *reading, const struct json_field *field, struct str text)
{
    int64_t length = (int64_t)str_utf8_length(text);
    if (field->max && length > field->max)
        return add_fault(reading, str_of(field->name), FAULT_TOO_LONG, print_limit(reading, field->max));
    if (length < field->min)
        return add_fault(reading, str_of(field->name), FAULT_TOO_SHORT, print_limit(reading, field->min));
    return true;
}

static bool check_integer(struct reading *reading, const struct json_field *field, int64_t value)
{
    if (field->max == 0)
        return true;
    if (value < field->min)
        return add_fault(reading, str_of(field->name), FAULT_TOO_SMALL, print_limit(reading, field->min));
    if (value > field->max)
        return add_fault(reading, str_of(field->name), FAULT_TOO_LARGE, print_limit(reading, field->max));
    return true;
}

static bool kind_fits(enum json_read_kind wanted, enum json_kind kind)
{
    switch (wanted) {
    case JSON_READ_STR:
    case JSON_READ_ID:
        return kind == JSON_STR;
    case JSON_READ_BOOL:
        return kind == JSON_BOOL;
    case JSON_READ_INT:
        return kind == JSON_INT;
    case JSON_READ_ANY:
        return true;
    }
    never("all kinds are above");
}

/* True if the value is good and to be stored. */
static bool check_field(struct reading *reading, const struct json_field *field, const struct json *value)
{
    struct str name = str_of(field->name);
    bool is_null = value != NULL && value->kind == JSON_NULL;
    if (is_null && (field->flags & JSON_NULLABLE))
        return false;
    if ((value == NULL || is_null) && (field->flags & JSON_REQUIRED))
        return add_fault(reading, name, FAULT_REQUIRED, STR_NULL);
    if (value == NULL)
        return false;
    if (!kind_fits(field->kind, value->kind))
        return add_fault(reading, name, FAULT_WRONG_TYPE, str_of(KIND_NAMES[field->kind]));
    int64_t id;
    if (field->kind == JSON_READ_STR)
        return check_text(reading, field, value->str);
    if (field->kind == JSON_READ_INT)
        return check_integer(reading, field, value->integer);
    if (field->kind == JSON_READ_ID && !id_parse(value->str, &id))
        return add_fault(reading, name, FAULT_NOT_AN_ID, STR_NULL);
    return true;
}

static bool is_known(const struct reading *reading, struct str key)
{
    for (size_t i = 0; i < reading->n_fields; i++)
        if (str_eq(key, str_of(reading->fields[i].name)))
            return true;
    return false;
}

static void store(const struct json_field *field, const struct json *value, void *target)
{
    void *at = (char *)target + field->offset;
    switch (field->kind) {
    case JSON_READ_STR:
        *(struct str *)at = value->str;
        break;
    case JSON_READ_BOOL:
        *(bool *)at = value->boolean;
        break;
    case JSON_READ_INT:
        *(int64_t *)at = value->integer;
        break;
    case JSON_READ_ID:
        must(id_parse(value->str, at));
        break;
    case JSON_READ_ANY:
        *(const struct json **)at = value;
        break;
    }
}

int json_read(const struct json *object, const struct json_field *fields, size_t n_fields, struct str path,
    void *target, struct arena *arena, struct err *err)
{
    if (object == NULL || object->kind != JSON_OBJECT)
        return err_add(err, arena, path, FAULT_WRONG_TYPE, STR("object"));
    struct reading reading = {fields, n_fields, path, arena, err, 0};
    for (size_t i = 0; i < n_fields; i++) {
        const struct json *value = json_get(object, str_of(fields[i].name));
        if (check_field(&reading, &fields[i], value))
            store(&fields[i], value, target);
    }
    for (size_t i = 0; i < object->object.n && reading.n_faults < ERR_ITEMS_MAX; i++)
        if (!is_known(&reading, object->object.at[i].key))
            add_fault(&reading, object->object.at[i].key, FAULT_UNKNOWN, STR_NULL);
    return reading.n_faults > 0 ? -ERR_INVALID : 0;
}
