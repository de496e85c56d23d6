/*
 * Access predicates, for the index of subscriptions (REALTIME C.3): a few conditions of which every matching
 * row meets at least one, each on one field, so that a changed row finds the filters that may match it by
 * looking up its values. What is found is then checked by filter_eval; what is not found must not match, so
 * each step here may only widen.
 *
 * A group AND is covered by its best child, a group OR by all of its children together.
 */
#include "filter/filter_int.h"

#include "base/must.h"

enum { ALTERNATIVES_MAX = 32, VALUES_MAX = 1000 };
/* What it costs to look up one: a hash, a closed range, a half-open one, everything; more than all. */
enum { COST_EQUAL = 1, COST_RANGE = 100, COST_OPEN = 1000, COST_NONE = 1000000, COST_TOO_MANY = 100000000 };

struct cover {
    struct filter_access *items; /* room for ALTERNATIVES_MAX */
    size_t n;
    bool too_many;
};

struct covering {
    const struct filter_env *env;
    struct arena *arena;
};

static struct cover cover_node(const struct covering *covering, const struct node *node);

static int64_t cost_of(const struct cover *cover)
{
    int64_t cost = 0;
    if (cover->too_many)
        return COST_TOO_MANY;
    for (size_t i = 0; i < cover->n; i++) {
        const struct filter_access *item = &cover->items[i];
        if (item->kind == FILTER_ACCESS_EQUAL)
            cost += COST_EQUAL;
        else if (item->kind == FILTER_ACCESS_NONE)
            cost += COST_NONE;
        else
            cost += item->low.kind == DB_NULL || item->high.kind == DB_NULL ? COST_OPEN : COST_RANGE;
    }
    return cost;
}

static struct cover cover_none(const struct covering *covering)
{
    struct cover cover = {.n = 1};
    cover.items = arena_new_array(covering->arena, struct filter_access, ALTERNATIVES_MAX);
    cover.items[0].kind = FILTER_ACCESS_NONE;
    return cover;
}

static struct cover cover_never(const struct covering *covering)
{
    struct cover cover = {0};
    cover.items = arena_new_array(covering->arena, struct filter_access, ALTERNATIVES_MAX);
    return cover;
}

/* ---- leaves -------------------------------------------------------------------------------------------- */

static struct cover cover_set(const struct covering *covering, const struct leaf *leaf)
{
    const struct filter_env *env = covering->env;
    size_t n = leaf->n_operands + leaf->has_me + (leaf->has_department ? env->n_subtree : 0);
    if (n == 0)
        return cover_never(covering);
    if (n > VALUES_MAX)
        return cover_none(covering);
    struct cover cover = cover_none(covering);
    struct db_val *values = arena_new_array(covering->arena, struct db_val, n);
    n = 0;
    for (size_t i = 0; i < leaf->n_operands; i++)
        values[n++] = filter_normal(leaf->field.kind, &leaf->operands[i].value, covering->arena);
    if (leaf->has_me)
        values[n++] = DB_I(env->me);
    for (size_t i = 0; leaf->has_department && i < env->n_subtree; i++)
        values[n++] = DB_I(env->subtree[i]);
    cover.items[0] = (struct filter_access){.kind = FILTER_ACCESS_EQUAL,
        .field = leaf->field.index,
        .field_kind = leaf->field.kind,
        .values = values,
        .n_values = n};
    return cover;
}

static struct cover cover_range(
    const struct covering *covering, const struct leaf *leaf, struct db_val low, struct db_val high)
{
    struct cover cover = cover_none(covering);
    cover.items[0] = (struct filter_access){.kind = FILTER_ACCESS_RANGE,
        .field = leaf->field.index,
        .field_kind = leaf->field.kind,
        .low = low,
        .high = high};
    return cover;
}

static struct cover cover_within(const struct covering *covering, const struct leaf *leaf)
{
    const struct bounds *bounds = period_bounds(leaf, covering->env);
    return cover_range(covering, leaf, DB_S(arena_copy(covering->arena, bounds->low)),
        DB_S(arena_copy(covering->arena, bounds->high)));
}

/* Codes that start so lie between the prefix with its last character one less, and then the last there is,
 * and the prefix with it one more. Not from the prefix itself: a control character behind it, which only a
 * hand at the SQL prompt could have put there, would come before it in a column that pads. */
static struct cover cover_starts(const struct covering *covering, const struct leaf *leaf)
{
    struct str prefix = leaf->operands[0].value.s;
    if (leaf->field.kind != FILTER_CODE || prefix.n == 0)
        return cover_none(covering);
    char last = prefix.p[prefix.n - 1];
    struct str head = {prefix.p, prefix.n - 1};
    struct arena *arena = covering->arena;
    return cover_range(covering, leaf, DB_S(arena_printf(arena, "%.*s%c\x7f", STR_ARGS(head), last - 1)),
        DB_S(arena_printf(arena, "%.*s%c", STR_ARGS(head), last + 1)));
}

static struct cover cover_leaf(const struct covering *covering, const struct leaf *leaf)
{
    bool compared_with_null =
        leaf->n_operands == 0 && leaf->has_null && !leaf->has_me && !leaf->has_department;
    if (compared_with_null)
        return cover_never(covering); /* unknown on every row */
    if (leaf->negated || leaf->field.path)
        return cover_none(covering);
    switch (leaf->test) {
    case TEST_SET:
        return cover_set(covering, leaf);
    case TEST_LT:
    case TEST_LE:
        return cover_range(covering, leaf, DB_N, leaf->operands[0].value);
    case TEST_GT:
    case TEST_GE:
        return cover_range(covering, leaf, leaf->operands[0].value, DB_N);
    case TEST_WITHIN:
        return cover_within(covering, leaf);
    case TEST_STARTS:
        return cover_starts(covering, leaf);
    case TEST_CONTAINS:
    case TEST_EMPTY:
    case TEST_ANY:
    case TEST_ALL:
        return cover_none(covering);
    }
    never("all tests are above");
}

/* ---- groups -------------------------------------------------------------------------------------------- */

static void narrow(struct filter_access *range, const struct filter_access *other)
{
    enum filter_kind kind = range->field_kind;
    if (range->low.kind == DB_NULL ||
        (other->low.kind != DB_NULL && filter_compare(kind, &other->low, &range->low) > 0))
        range->low = other->low;
    if (range->high.kind == DB_NULL ||
        (other->high.kind != DB_NULL && filter_compare(kind, &other->high, &range->high) < 0))
        range->high = other->high;
}

static bool is_one_range(const struct cover *cover)
{
    return !cover->too_many && cover->n == 1 && cover->items[0].kind == FILTER_ACCESS_RANGE;
}

/* Every matching row meets all children: ranges of one field are one range, then the cheapest is taken. */
static struct cover cover_and(const struct covering *covering, const struct node *node)
{
    struct cover *covers = arena_new_array(covering->arena, struct cover, node->n_children);
    for (size_t i = 0; i < node->n_children; i++) {
        covers[i] = cover_node(covering, node->children[i]);
        for (size_t j = 0; is_one_range(&covers[i]) && j < i; j++)
            if (is_one_range(&covers[j]) && covers[j].items[0].field == covers[i].items[0].field) {
                narrow(&covers[j].items[0], &covers[i].items[0]);
                covers[i] = covers[j];
            }
    }
    size_t best = 0;
    for (size_t i = 1; i < node->n_children; i++)
        if (cost_of(&covers[i]) < cost_of(&covers[best]))
            best = i;
    return covers[best];
}

/* Two sets of values of one field are one alternative. */
static bool unite(const struct covering *covering, struct cover *cover, const struct filter_access *other)
{
    for (size_t i = 0; other->kind == FILTER_ACCESS_EQUAL && i < cover->n; i++) {
        struct filter_access *item = &cover->items[i];
        size_t n = item->n_values + other->n_values;
        if (item->kind != FILTER_ACCESS_EQUAL || item->field != other->field || n > VALUES_MAX)
            continue;
        struct db_val *values = arena_new_array(covering->arena, struct db_val, n);
        for (size_t j = 0; j < n; j++)
            values[j] = j < item->n_values ? item->values[j] : other->values[j - item->n_values];
        item->values = values;
        item->n_values = n;
        return true;
    }
    return false;
}

static struct cover cover_or(const struct covering *covering, const struct node *node)
{
    struct cover all = cover_never(covering);
    for (size_t i = 0; i < node->n_children; i++) {
        struct cover cover = cover_node(covering, node->children[i]);
        all.too_many = all.too_many || cover.too_many;
        for (size_t j = 0; j < cover.n && !all.too_many; j++) {
            if (cover.items[j].kind == FILTER_ACCESS_NONE)
                return cover_none(covering); /* any row may meet it, so nothing else need be looked up */
            if (unite(covering, &all, &cover.items[j]))
                continue;
            all.too_many = all.n == ALTERNATIVES_MAX;
            if (!all.too_many)
                all.items[all.n++] = cover.items[j];
        }
    }
    return all;
}

static struct cover cover_node(const struct covering *covering, const struct node *node)
{
    switch (node->kind) {
    case NODE_TRUE:
        return cover_none(covering);
    case NODE_FALSE:
        return cover_never(covering);
    case NODE_LEAF:
        return cover_leaf(covering, node->leaf);
    case NODE_AND:
        return cover_and(covering, node);
    case NODE_OR:
        return cover_or(covering, node);
    }
    never("all nodes are above");
}

bool filter_accesses(const struct filter *filter, const struct filter_env *env, struct arena *arena,
    const struct filter_access **ret_accesses, size_t *ret_n)
{
    struct covering covering = {.env = env, .arena = arena};
    struct cover cover = cover_node(&covering, filter->root);
    if (cover.too_many)
        return false;
    *ret_accesses = cover.items;
    *ret_n = cover.n;
    return true;
}
