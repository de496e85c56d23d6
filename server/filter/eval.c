/*
 * The predicate. Three truth values as in SQL: a comparison with null is unknown, a value that is not clear
 * makes its condition unknown, `empty` included; AND, OR and the negation of a leaf follow Kleene. Each case
 * here has its twin in sql.c, and the differential test compares the two on random trees and rows.
 */
#include "filter/filter_int.h"

#include "base/must.h"
#include "text/text.h"

static enum filter_truth truth_of(bool holds)
{
    return holds ? FILTER_TRUE : FILTER_FALSE;
}

static enum filter_truth negation(enum filter_truth truth)
{
    return truth == FILTER_UNKNOWN ? truth : truth_of(truth == FILTER_FALSE);
}

/* Operands are in order. */
static bool is_operand(const struct leaf *leaf, const struct db_val *value)
{
    size_t from = 0, to = leaf->n_operands;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare_operand(leaf->field.kind, value, &leaf->operands[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return false;
}

static bool is_in_subtree(const struct filter_env *env, int64_t department)
{
    size_t from = 0, to = env->n_subtree;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (env->subtree[middle] == department)
            return true;
        if (env->subtree[middle] > department)
            to = middle;
        else
            from = middle + 1;
    }
    return false;
}

static enum filter_truth eval_set(
    const struct leaf *leaf, const struct filter_env *env, const struct db_val *value)
{
    if (is_operand(leaf, value) || (leaf->has_me && value->i == env->me) ||
        (leaf->has_department && is_in_subtree(env, value->i)))
        return FILTER_TRUE;
    return leaf->has_null ? FILTER_UNKNOWN : FILTER_FALSE;
}

/* Keys stand in quotes, in the column and in the operands. */
static enum filter_truth eval_keys(const struct leaf *leaf, const struct db_val *value)
{
    bool all = leaf->test == TEST_ALL;
    for (size_t i = 0; i < leaf->n_operands; i++) {
        bool has = str_find(value->s, leaf->operands[i].value.s) != SIZE_MAX;
        if (has != all)
            return truth_of(has); /* one of any is there, or one of all is not */
    }
    return leaf->has_null ? FILTER_UNKNOWN : truth_of(all);
}

static enum filter_truth eval_folded(
    const struct leaf *leaf, const struct db_val *value, struct arena *scratch)
{
    struct str operand = leaf->operands[0].value.s;
    struct str text = leaf->field.kind == FILTER_TEXT ? text_fold(scratch, value->s) : value->s;
    if (leaf->test == TEST_STARTS)
        return truth_of(str_starts(text, operand));
    return truth_of(str_find(text, operand) != SIZE_MAX);
}

static enum filter_truth eval_within(
    const struct leaf *leaf, const struct filter_env *env, const struct db_val *value)
{
    const struct bounds *bounds = period_bounds(leaf, env);
    return truth_of(compare_texts(leaf->field.kind, value->s, bounds->low) >= 0 &&
                    compare_texts(leaf->field.kind, value->s, bounds->high) < 0);
}

static enum filter_truth eval_value(
    const struct leaf *leaf, const struct filter_env *env, const struct db_val *value, struct arena *scratch)
{
    enum filter_kind kind = leaf->field.kind;
    switch (leaf->test) {
    case TEST_SET:
        return eval_set(leaf, env, value);
    case TEST_LT:
        return truth_of(compare_operand(kind, value, &leaf->operands[0]) < 0);
    case TEST_LE:
        return truth_of(compare_operand(kind, value, &leaf->operands[0]) <= 0);
    case TEST_GT:
        return truth_of(compare_operand(kind, value, &leaf->operands[0]) > 0);
    case TEST_GE:
        return truth_of(compare_operand(kind, value, &leaf->operands[0]) >= 0);
    case TEST_CONTAINS:
    case TEST_STARTS:
        return eval_folded(leaf, value, scratch);
    case TEST_WITHIN:
        return eval_within(leaf, env, value);
    case TEST_ANY:
    case TEST_ALL:
        return eval_keys(leaf, value);
    case TEST_EMPTY:
        break;
    }
    never("all tests but empty are above");
}

static enum filter_truth eval_leaf(const struct leaf *leaf, const struct filter_env *env,
    const struct db_val *values, const bool *clear, struct arena *scratch)
{
    const struct db_val *value = &values[leaf->field.index];
    bool is_null = value->kind == DB_NULL;
    enum filter_truth truth = FILTER_UNKNOWN;
    if (clear && !clear[leaf->field.index])
        return FILTER_UNKNOWN;
    if (leaf->test == TEST_EMPTY)
        truth = truth_of(is_null);
    else if (!is_null)
        truth = eval_value(leaf, env, value, scratch);
    return leaf->negated ? negation(truth) : truth;
}

static enum filter_truth eval_node(const struct node *node, const struct filter_env *env,
    const struct db_val *values, const bool *clear, struct arena *scratch)
{
    if (node->kind == NODE_LEAF)
        return eval_leaf(node->leaf, env, values, clear, scratch);
    bool all = node->kind == NODE_TRUE || node->kind == NODE_AND;
    enum filter_truth result = truth_of(all);
    for (size_t i = 0; i < node->n_children; i++) {
        enum filter_truth truth = eval_node(node->children[i], env, values, clear, scratch);
        if (truth == truth_of(!all))
            return truth;
        if (truth == FILTER_UNKNOWN)
            result = truth;
    }
    return result;
}

enum filter_truth filter_eval(const struct filter *filter, const struct filter_env *env,
    const struct db_val *values, const bool *clear, struct arena *scratch)
{
    return eval_node(filter->root, env, values, clear, scratch);
}
