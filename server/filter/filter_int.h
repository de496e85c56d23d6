/*
 * Private to filter/: the checked tree, and what its parts share. The tree is in normal form from the start:
 * `not` stands only at the leaves (three-valued logic keeps De Morgan's laws), groups hold no group of their
 * own kind, no constant and nothing twice, and are in the order of their text.
 */
#ifndef TIDEMARK_FILTER_FILTER_INT_H
#define TIDEMARK_FILTER_FILTER_INT_H

#include "base/clock.h"
#include "base/dec.h"
#include "filter/filter.h"

/* What a leaf asks of its field's value. Names and kinds: ops.c. */
enum test {
    TEST_SET, /* one of the operands: eq, in */
    TEST_LT,
    TEST_LE,
    TEST_GT,
    TEST_GE,
    TEST_CONTAINS,
    TEST_STARTS,
    TEST_EMPTY,
    TEST_WITHIN,
    TEST_ANY, /* several choices: one of the operands is among them */
    TEST_ALL
};

enum unit { UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR };
/* [first, end) in units around today; in days for last_N_days and next_N_days. */
struct period {
    enum unit unit;
    int64_t first, end;
    struct str name;
};

struct operand {
    struct db_val value; /* as bound and compared; of several choices the key in its quotes */
    struct dec dec;      /* FILTER_DECIMAL */
};

struct leaf {
    struct filter_field field;
    enum test test;
    bool negated;             /* never with lt, le, gt, ge, which have opposites */
    struct operand *operands; /* of a set: in their order, without doubles */
    size_t n_operands;
    bool has_null;               /* a null among the operands: unknown where no other decides */
    bool has_me, has_department; /* "@me", "@my_department" */
    struct period period;
};

enum node_kind { NODE_TRUE, NODE_FALSE, NODE_AND, NODE_OR, NODE_LEAF };
struct node {
    enum node_kind kind;
    const struct node **children; /* AND, OR: at least two */
    size_t n_children;
    const struct leaf *leaf;
    struct str text; /* its normal form */
};

struct filter {
    const struct node *root;
    size_t *fields;
    size_t n_fields;
    bool has_period;
};

/* ---- ops.c: the operators ------------------------------------------------------------------------------ */

enum op_takes { TAKES_ONE, TAKES_MANY, TAKES_NONE, TAKES_PERIOD };
struct op {
    const char *name;
    enum test test;
    bool negated;
    enum op_takes takes;
    unsigned kinds; /* bits of enum filter_kind */
};
const struct op *op_find(struct str name); /* NULL: none */
bool op_fits(const struct op *op, const struct filter_field *field);
/* The operator that a leaf is printed with; *ret_not: inside of a `not`. */
const struct op *op_of_leaf(const struct leaf *leaf, bool *ret_not);

/* ---- operand.c: values of a request -------------------------------------------------------------------- */

/* A JSON text as an operand of the leaf, or one of its flags. Adds to err what is wrong, under `path`. */
int operand_read(
    struct leaf *leaf, const struct json *value, struct str path, struct arena *arena, struct err *err);
/* Puts the operands in order and drops doubles. */
void operand_sort(struct leaf *leaf);

/* ---- node.c: normal form ------------------------------------------------------------------------------- */

const struct node *node_constant(bool truth, struct arena *arena);
const struct node *node_leaf(struct leaf *leaf, struct arena *arena);
const struct node *node_group(
    enum node_kind kind, const struct node **children, size_t n_children, struct arena *arena);

/* ---- period.c: dates relative to today ----------------------------------------------------------------- */

bool period_parse(struct str name, struct arena *arena, struct period *ret_period);
/* The period as days since 1970-01-01, [*ret_from, *ret_to), and the day on which it will be another. */
void period_days(
    const struct period *period, int64_t today, int64_t *ret_from, int64_t *ret_to, int64_t *ret_until);
int64_t period_today(const struct filter_env *env);
/* The first instant of a day in the zone. */
int64_t period_day_start_us(const struct filter_env *env, int64_t day);
/* As the field's values are stored: the first day or instant, and the first one after it. */
struct bounds {
    char low_text[CLOCK_TEXT_MAX], high_text[CLOCK_TEXT_MAX];
    struct str low, high;
};
/* Valid until the next call on this thread. */
const struct bounds *period_bounds(const struct leaf *leaf, const struct filter_env *env);

/* ---- compare.c ----------------------------------------------------------------------------------------- */

/* A stored value against an operand, as filter_compare. */
int compare_operand(enum filter_kind kind, const struct db_val *value, const struct operand *operand);
int compare_texts(enum filter_kind kind, struct str a, struct str b);
int compare_reals(double a, double b);

#endif
