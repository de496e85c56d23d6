/*
 * The operators of the contract: a row says what one asks, what it takes, and which kinds of field it fits.
 *
 * To add one: a row here, its test in filter_int.h, and the test's three meanings: eval.c, sql.c, access.c.
 * The differential test of tests/unit/filter draws from this list's names and has to learn its SQL too.
 */
#include "filter/filter_int.h"

#include "base/must.h"

#define KIND(kind) (1u << (kind))

enum {
    ORDERED = KIND(FILTER_TEXT) | KIND(FILTER_CODE) | KIND(FILTER_DECIMAL) | KIND(FILTER_INTEGER) |
              KIND(FILTER_NUMBER) | KIND(FILTER_DATE) | KIND(FILTER_INSTANT),
    SINGLE = ORDERED | KIND(FILTER_CHOICE) | KIND(FILTER_REFERENCE),
    TEXTS = KIND(FILTER_TEXT) | KIND(FILTER_CODE),
    TIMES = KIND(FILTER_DATE) | KIND(FILTER_INSTANT),
    ANYTHING = SINGLE | KIND(FILTER_SEVERAL)
};

static const struct op OPS[] = {
    {"eq", TEST_SET, false, TAKES_ONE, SINGLE},
    {"ne", TEST_SET, true, TAKES_ONE, SINGLE},
    {"in", TEST_SET, false, TAKES_MANY, SINGLE},
    {"nin", TEST_SET, true, TAKES_MANY, SINGLE},
    {"lt", TEST_LT, false, TAKES_ONE, ORDERED},
    {"le", TEST_LE, false, TAKES_ONE, ORDERED},
    {"gt", TEST_GT, false, TAKES_ONE, ORDERED},
    {"ge", TEST_GE, false, TAKES_ONE, ORDERED},
    {"contains", TEST_CONTAINS, false, TAKES_ONE, TEXTS},
    {"starts", TEST_STARTS, false, TAKES_ONE, TEXTS},
    {"empty", TEST_EMPTY, false, TAKES_NONE, ANYTHING},
    {"within", TEST_WITHIN, false, TAKES_PERIOD, TIMES},
    {"has", TEST_ANY, false, TAKES_ONE, KIND(FILTER_SEVERAL)},
    {"any", TEST_ANY, false, TAKES_MANY, KIND(FILTER_SEVERAL)},
    {"none", TEST_ANY, true, TAKES_MANY, KIND(FILTER_SEVERAL)},
    {"all", TEST_ALL, false, TAKES_MANY, KIND(FILTER_SEVERAL)},
};
enum { N_OPS = sizeof(OPS) / sizeof(OPS[0]) };

const struct op *op_find(struct str name)
{
    for (size_t i = 0; i < N_OPS; i++)
        if (str_eq(str_of(OPS[i].name), name))
            return &OPS[i];
    return NULL;
}

bool op_fits(const struct op *op, const struct filter_field *field)
{
    bool folded = op->test == TEST_CONTAINS || op->test == TEST_STARTS;
    if (folded && field->kind == FILTER_TEXT && field->folded.n == 0)
        return false; /* nothing to search in */
    return (op->kinds & KIND(field->kind)) != 0;
}

const char *filter_op_at(enum filter_kind kind, size_t i)
{
    for (size_t row = 0; row < N_OPS; row++)
        if ((OPS[row].kinds & KIND(kind)) != 0 && i-- == 0)
            return OPS[row].name;
    return NULL;
}

/* The row of a test; of several one that takes as many values as wanted, else any. */
static const struct op *op_for(enum test test, bool negated, bool many)
{
    const struct op *found = NULL;
    for (size_t i = 0; i < N_OPS; i++) {
        if (OPS[i].test != test || OPS[i].negated != negated)
            continue;
        if ((OPS[i].takes == TAKES_MANY) == many)
            return &OPS[i];
        found = &OPS[i];
    }
    return found;
}

const struct op *op_of_leaf(const struct leaf *leaf, bool *ret_not)
{
    bool many = leaf->n_operands + leaf->has_null + leaf->has_me + leaf->has_department != 1;
    const struct op *op = op_for(leaf->test, leaf->negated, many);
    *ret_not = op == NULL;
    if (!op)
        op = op_for(leaf->test, !leaf->negated, many);
    must(op != NULL);
    return op;
}
