/*
 * From the JSON of a request to the tree. All that is wrong is named at once, each fault with its path
 * ("filter.and[1].value"). A `not` is not kept: it is carried down and turns each operator into its opposite.
 *
 * Nesting is limited before anything descends (groups count, conditions do not), conditions and bytes while
 * reading.
 */
#include "filter/filter_int.h"

#include "base/must.h"

#include <stdlib.h>

struct parser {
    const struct filter_caller *caller;
    struct arena *arena;
    struct err *err;
    size_t n_conditions, n_bytes;
};

static const struct node *parse_node(
    struct parser *parser, const struct json *json, struct str path, int depth, bool negated);

static void fault(struct parser *parser, struct str path, enum fault_code code)
{
    (void)err_add(parser->err, parser->arena, path, code, STR_NULL);
}

static void fault_limit(struct parser *parser, struct str path, enum fault_code code, int limit)
{
    (void)err_add(parser->err, parser->arena, path, code, arena_printf(parser->arena, "%d", limit));
}

static struct str under(struct parser *parser, struct str path, const char *name)
{
    return arena_printf(parser->arena, "%.*s.%s", STR_ARGS(path), name);
}

static struct str element(struct parser *parser, struct str path, size_t i)
{
    return arena_printf(parser->arena, "%.*s[%zu]", STR_ARGS(path), i);
}

/* ---- conditions ---------------------------------------------------------------------------------------- */

struct condition {
    struct str field, op;
    const struct json *value;
};
static const struct json_field CONDITION[] = {
    {"field", JSON_READ_STR, offsetof(struct condition, field), JSON_REQUIRED, 0, 0},
    {"op", JSON_READ_STR, offsetof(struct condition, op), JSON_REQUIRED, 0, 0},
    {"value", JSON_READ_ANY, offsetof(struct condition, value), 0, 0, 0},
};

/* Lives as long as the filter, whatever becomes of the caller's. */
static struct filter_field copy_field(const struct filter_field *field, struct arena *arena)
{
    struct filter_field copy = *field;
    copy.key = arena_copy(arena, field->key);
    copy.column = arena_copy(arena, field->column);
    copy.folded = field->folded.n ? arena_copy(arena, field->folded) : STR_NULL;
    return copy;
}

static bool count_bytes(struct parser *parser, const struct json *value)
{
    size_t before = parser->n_bytes;
    if (value->kind == JSON_STR)
        parser->n_bytes += value->str.n;
    if (before <= FILTER_BYTES_MAX && parser->n_bytes > FILTER_BYTES_MAX)
        fault_limit(parser, STR("filter"), FAULT_TOO_LONG, FILTER_BYTES_MAX);
    return parser->n_bytes <= FILTER_BYTES_MAX;
}

static int read_many(struct parser *parser, struct leaf *leaf, const struct json *value, struct str path)
{
    int rc = 0;
    if (value->kind != JSON_ARRAY)
        return err_add(parser->err, parser->arena, path, FAULT_WRONG_TYPE, STR("array"));
    if (value->array.n > FILTER_VALUES_MAX) {
        fault_limit(parser, path, FAULT_TOO_MANY, FILTER_VALUES_MAX);
        return -1;
    }
    leaf->operands = arena_new_array(parser->arena, struct operand, value->array.n + 1);
    for (size_t i = 0; i < value->array.n; i++) {
        const struct json *one = &value->array.at[i];
        if (!count_bytes(parser, one))
            return -1;
        if (operand_read(leaf, one, element(parser, path, i), parser->arena, parser->err) < 0)
            rc = -1;
    }
    operand_sort(leaf);
    return rc;
}

static int read_value(
    struct parser *parser, struct leaf *leaf, const struct op *op, const struct json *value, struct str path)
{
    if (op->takes == TAKES_NONE) {
        bool nothing = !value || value->kind == JSON_NULL || (value->kind == JSON_BOOL && value->boolean);
        return nothing ? 0 : err_add(parser->err, parser->arena, path, FAULT_BAD_VALUE, STR_NULL);
    }
    if (!value)
        return err_add(parser->err, parser->arena, path, FAULT_REQUIRED, STR_NULL);
    if (op->takes == TAKES_MANY)
        return read_many(parser, leaf, value, path);
    if (op->takes == TAKES_PERIOD) {
        if (value->kind != JSON_STR)
            return err_add(parser->err, parser->arena, path, FAULT_WRONG_TYPE, STR("string"));
        if (!period_parse(value->str, parser->arena, &leaf->period))
            return err_add(parser->err, parser->arena, path, FAULT_BAD_VALUE, STR_NULL);
        return 0;
    }
    if (!count_bytes(parser, value))
        return -1;
    leaf->operands = arena_new_array(parser->arena, struct operand, 1);
    return operand_read(leaf, value, path, parser->arena, parser->err);
}

static void negate(struct leaf *leaf)
{
    switch (leaf->test) {
    case TEST_LT:
        leaf->test = TEST_GE;
        return;
    case TEST_LE:
        leaf->test = TEST_GT;
        return;
    case TEST_GT:
        leaf->test = TEST_LE;
        return;
    case TEST_GE:
        leaf->test = TEST_LT;
        return;
    case TEST_SET:
    case TEST_CONTAINS:
    case TEST_STARTS:
    case TEST_EMPTY:
    case TEST_WITHIN:
    case TEST_ANY:
    case TEST_ALL:
        leaf->negated = !leaf->negated;
        return;
    }
    never("all tests are above");
}

static bool is_text(const struct json *object, struct str key)
{
    const struct json *value = json_get(object, key);
    return value && value->kind == JSON_STR;
}

static const struct node *parse_condition(
    struct parser *parser, const struct json *json, struct str path, bool negated)
{
    struct condition condition = {0};
    struct filter_field field = {0};
    int rc = json_read(json, JSON_FIELDS(CONDITION), path, &condition, parser->arena, parser->err);
    bool has_field = is_text(json, STR("field"));
    bool found = has_field && parser->caller->find(parser->caller->arg, condition.field, &field);
    const struct op *op = op_find(condition.op);
    if (has_field && !found)
        fault(parser, under(parser, path, "field"), FAULT_UNKNOWN);
    if (is_text(json, STR("op")) && (!op || (found && !op_fits(op, &field))))
        fault(parser, under(parser, path, "op"), FAULT_BAD_VALUE);
    if (rc < 0 || !found || !op || !op_fits(op, &field))
        return NULL;
    struct leaf *leaf = arena_new_one(parser->arena, struct leaf);
    leaf->field = copy_field(&field, parser->arena);
    leaf->test = op->test;
    leaf->negated = op->negated;
    if (read_value(parser, leaf, op, condition.value, under(parser, path, "value")) < 0)
        return NULL;
    if (negated)
        negate(leaf);
    return node_leaf(leaf, parser->arena);
}

/* ---- groups -------------------------------------------------------------------------------------------- */

static const struct node *parse_list(struct parser *parser, const struct json *list, enum node_kind kind,
    struct str path, int depth, bool negated)
{
    if (list->kind != JSON_ARRAY) {
        (void)err_add(parser->err, parser->arena, path, FAULT_WRONG_TYPE, STR("array"));
        return NULL;
    }
    const struct node **children = arena_new_array(parser->arena, const struct node *, list->array.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < list->array.n && parser->n_conditions <= FILTER_CONDITIONS_MAX; i++) {
        struct str at = element(parser, path, i);
        children[n] = parse_node(parser, &list->array.at[i], at, depth, negated);
        n += children[n] != NULL;
    }
    if (negated)
        kind = kind == NODE_AND ? NODE_OR : NODE_AND;
    return node_group(kind, children, n, parser->arena);
}

/* The member that makes it a group; NULL for a condition. */
static const struct json_member *group_member(const struct json *json)
{
    for (size_t i = 0; i < json->object.n; i++) {
        struct str key = json->object.at[i].key;
        if (str_eq(key, STR("and")) || str_eq(key, STR("or")) || str_eq(key, STR("not")))
            return &json->object.at[i];
    }
    return NULL;
}

static const struct node *parse_group(struct parser *parser, const struct json *json,
    const struct json_member *group, struct str path, int depth, bool negated)
{
    for (size_t i = 0; i < json->object.n; i++) {
        const struct json_member *member = &json->object.at[i];
        if (member != group)
            fault(parser, arena_printf(parser->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(member->key)),
                FAULT_UNKNOWN);
    }
    if (depth > FILTER_DEPTH_MAX) {
        fault_limit(parser, path, FAULT_TOO_DEEP, FILTER_DEPTH_MAX);
        return NULL;
    }
    struct str inside = arena_printf(parser->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(group->key));
    if (str_eq(group->key, STR("not")))
        return parse_node(parser, &group->value, inside, depth + 1, !negated);
    enum node_kind kind = str_eq(group->key, STR("and")) ? NODE_AND : NODE_OR;
    return parse_list(parser, &group->value, kind, inside, depth + 1, negated);
}

/* depth: which level of groups this one would be. NULL where something is wrong. */
static const struct node *parse_node(
    struct parser *parser, const struct json *json, struct str path, int depth, bool negated)
{
    if (json->kind != JSON_OBJECT) {
        (void)err_add(parser->err, parser->arena, path, FAULT_WRONG_TYPE, STR("object"));
        return NULL;
    }
    const struct json_member *group = group_member(json);
    if (group)
        return parse_group(parser, json, group, path, depth, negated);
    if (++parser->n_conditions > FILTER_CONDITIONS_MAX) {
        if (parser->n_conditions == FILTER_CONDITIONS_MAX + 1)
            fault_limit(parser, STR("filter"), FAULT_TOO_MANY, FILTER_CONDITIONS_MAX);
        return NULL;
    }
    return parse_condition(parser, json, path, negated);
}

/* ---- the filter ---------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void collect_fields(const struct node *node, struct filter *filter)
{
    if (node->kind == NODE_LEAF)
        filter->fields[filter->n_fields++] = node->leaf->field.index;
    for (size_t i = 0; i < node->n_children; i++)
        collect_fields(node->children[i], filter);
}

static void make_fields(struct filter *filter, struct arena *arena)
{
    size_t n = 0;
    filter->fields = arena_new_array(arena, size_t, FILTER_CONDITIONS_MAX);
    collect_fields(filter->root, filter);
    qsort(filter->fields, filter->n_fields, sizeof(filter->fields[0]), by_size);
    for (size_t i = 0; i < filter->n_fields; i++)
        if (i == 0 || filter->fields[n - 1] != filter->fields[i])
            filter->fields[n++] = filter->fields[i];
    filter->n_fields = n;
}

const size_t *filter_fields(const struct filter *filter, size_t *ret_n)
{
    *ret_n = filter->n_fields;
    return filter->fields;
}

static bool node_has_period(const struct node *node)
{
    bool has = node->kind == NODE_LEAF && node->leaf->test == TEST_WITHIN;
    for (size_t i = 0; i < node->n_children; i++)
        has = has || node_has_period(node->children[i]);
    return has;
}

int filter_parse(const struct json *json, const struct filter_caller *caller, struct arena *arena,
    const struct filter **ret_filter, struct err *err)
{
    struct err faults = {0};
    struct parser parser = {.caller = caller, .arena = arena, .err = &faults};
    const struct node *root =
        json ? parse_node(&parser, json, STR("filter"), 1, false) : node_constant(true, arena);
    if (faults.code != ERR_NONE) {
        for (const struct err_item *item = faults.items; item; item = item->next)
            (void)err_add(err, arena, item->field, item->fault, item->limit);
        return -ERR_INVALID;
    }
    must(root != NULL);
    struct filter *filter = arena_new_one(arena, struct filter);
    filter->root = root;
    filter->has_period = node_has_period(root);
    make_fields(filter, arena);
    *ret_filter = filter;
    return 0;
}
