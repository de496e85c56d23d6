/*
 * The tree as SQL. Every value is bound. Columns stand free, without a function around them, so that an index
 * can serve; what is compared with them is brought to the column's type instead: text for ASCII columns is
 * converted (a utf8mb4 parameter would be an illegal mix of collations in a function), decimals, dates and
 * instants are cast.
 *
 * A field that is not clear on every row: exactly it is IF(clear, condition, NULL), which no index serves; in
 * a WHERE `condition AND clear` is TRUE on the same rows. Since `not` stands at the leaves only, and AND and
 * OR never make TRUE of a FALSE in place of an unknown, the whole is then TRUE on the same rows as well.
 */
#include "filter/filter_int.h"

#include "base/must.h"
#include "text/text.h"

#include <string.h>

struct printer {
    const struct filter_sql *to;
    const struct filter_env *env;
    size_t n_binds;
};

static void text(struct printer *printer, const char *sql)
{
    buf_add_text(printer->to->sql, sql);
}

static void bind(struct printer *printer, const char *param, struct db_val value)
{
    text(printer, param);
    if (printer->n_binds++ < FILTER_BINDS_MAX)
        printer->to->bind(printer->to->arg, value);
}

/* How a bound value of the kind is compared with its column. */
static const char *param_of(enum filter_kind kind)
{
    switch (kind) {
    case FILTER_CODE:
    case FILTER_CHOICE:
    case FILTER_SEVERAL:
        return "CONVERT(? USING ascii)";
    case FILTER_DECIMAL:
        return "CAST(? AS DECIMAL(38,8))";
    case FILTER_DATE:
        return "CAST(? AS DATE)";
    case FILTER_INSTANT:
        return "CAST(? AS DATETIME(6))";
    case FILTER_TEXT:
    case FILTER_INTEGER:
    case FILTER_NUMBER:
    case FILTER_REFERENCE:
        return "?";
    }
    never("all kinds are above");
}

static void column(struct printer *printer, const struct leaf *leaf)
{
    const struct filter_sql *to = printer->to;
    buf_add_str(to->sql, to->column ? to->column(to->arg, &leaf->field) : leaf->field.column);
}

/* FALSE or TRUE for every value, unknown for null: what a comparison with nothing comes to. */
static void print_nothing(struct printer *printer, const struct leaf *leaf, bool truth)
{
    text(printer, "(");
    column(printer, leaf);
    text(printer, truth ? " IS NOT NULL OR NULL)" : " IS NULL AND NULL)");
}

static void print_set(struct printer *printer, const struct leaf *leaf)
{
    const struct filter_env *env = printer->env;
    const char *param = param_of(leaf->field.kind), *between = "";
    size_t n = leaf->n_operands + leaf->has_me + (leaf->has_department ? env->n_subtree : 0);
    if (n + leaf->has_null == 0) {
        print_nothing(printer, leaf, leaf->negated);
        return;
    }
    column(printer, leaf);
    text(printer, leaf->negated ? " NOT IN (" : " IN (");
    for (size_t i = 0; i < leaf->n_operands; i++, between = ",") {
        text(printer, between);
        bind(printer, param, leaf->operands[i].value);
    }
    if (leaf->has_me) {
        text(printer, between);
        bind(printer, param, DB_I(env->me));
        between = ",";
    }
    for (size_t i = 0; leaf->has_department && i < env->n_subtree; i++, between = ",") {
        text(printer, between);
        bind(printer, param, DB_I(env->subtree[i]));
    }
    if (leaf->has_null) {
        text(printer, between);
        text(printer, "NULL");
    }
    text(printer, ")");
}

static void print_compare(struct printer *printer, const struct leaf *leaf, const char *op)
{
    column(printer, leaf);
    text(printer, op);
    bind(printer, param_of(leaf->field.kind), leaf->operands[0].value);
}

static void print_keys(struct printer *printer, const struct leaf *leaf)
{
    const char *between = leaf->test == TEST_ALL ? " AND " : " OR ";
    if (leaf->n_operands + leaf->has_null == 0) {
        print_nothing(printer, leaf, (leaf->test == TEST_ALL) != leaf->negated);
        return;
    }
    text(printer, leaf->negated ? "NOT (" : "(");
    for (size_t i = 0; i < leaf->n_operands; i++) {
        text(printer, i ? between : "");
        text(printer, "LOCATE(");
        bind(printer, param_of(leaf->field.kind), leaf->operands[i].value);
        text(printer, ",");
        column(printer, leaf);
        text(printer, ")>0");
    }
    if (leaf->has_null) {
        text(printer, leaf->n_operands ? between : "");
        text(printer, "NULL");
    }
    text(printer, ")");
}

/* A pattern for LIKE … ESCAPE '!'. */
static struct str prefix_pattern(struct str prefix, struct arena *arena)
{
    char *p = arena_alloc(arena, prefix.n * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < prefix.n; i++) {
        if (memchr("%_!", prefix.p[i], 3))
            p[n++] = '!';
        p[n++] = prefix.p[i];
    }
    p[n++] = '%';
    return (struct str){p, n};
}

static uint32_t point_of(struct str one)
{
    uint32_t point = (unsigned char)one.p[0];
    if (one.n > 1)
        point &= 0x7fu >> one.n;
    for (size_t i = 1; i < one.n; i++)
        point = point << 6 | ((unsigned char)one.p[i] & 0x3f);
    return point;
}

static struct str text_of_point(uint32_t point, struct arena *arena)
{
    static const unsigned char LEADS[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    char *p = arena_alloc(arena, n);
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        p[i] = (char)(0x80 | (point & 0x3f));
    p[0] = (char)(LEADS[n] | point);
    return (struct str){p, n};
}

/* The first text, in the order of code points, after all that begin with the prefix. Empty: there is none. */
static struct str after_prefix(struct str prefix, struct arena *arena)
{
    enum { LAST_POINT = 0x10ffff, BEFORE_SURROGATES = 0xd7ff, AFTER_SURROGATES = 0xe000 };
    while (prefix.n > 0) {
        size_t at = prefix.n - 1;
        while (((unsigned char)prefix.p[at] & 0xc0) == 0x80)
            at--;
        uint32_t point = point_of((struct str){prefix.p + at, prefix.n - at});
        struct str head = {prefix.p, at};
        if (point < LAST_POINT) {
            point = point == BEFORE_SURROGATES ? AFTER_SURROGATES : point + 1;
            struct str last = text_of_point(point, arena);
            return arena_printf(arena, "%.*s%.*s", STR_ARGS(head), STR_ARGS(last));
        }
        prefix = head;
    }
    return STR_NULL;
}

/* Text is searched between the prefix and what comes after it, not by LIKE: through an index, LIKE 'x%' of
 * MariaDB 10.11 loses the values whose next character lies past U+FFFF (a rare Han character, an emoji). */
static void print_starts_text(struct printer *printer, const struct leaf *leaf, struct str prefix)
{
    struct str end = after_prefix(prefix, printer->to->arena);
    buf_add_str(printer->to->sql, leaf->field.folded);
    bind(printer, ">=?", DB_S(prefix));
    if (end.n == 0)
        return;
    text(printer, " AND ");
    buf_add_str(printer->to->sql, leaf->field.folded);
    bind(printer, "<?", DB_S(end));
}

static void print_folded(struct printer *printer, const struct leaf *leaf)
{
    struct str operand = leaf->operands[0].value.s;
    bool is_text = leaf->field.kind == FILTER_TEXT;
    const char *param = param_of(leaf->field.kind);
    text(printer, leaf->negated ? "NOT (" : "(");
    if (leaf->test == TEST_STARTS && is_text) {
        print_starts_text(printer, leaf, operand);
    } else if (leaf->test == TEST_STARTS) {
        column(printer, leaf);
        text(printer, " LIKE ");
        bind(printer, param, DB_S(prefix_pattern(operand, printer->to->arena)));
        text(printer, " ESCAPE '!'");
    } else {
        text(printer, "LOCATE(");
        bind(printer, param, DB_S(operand));
        text(printer, ",");
        buf_add_str(printer->to->sql, is_text ? leaf->field.folded : leaf->field.column);
        text(printer, ")>0");
    }
    text(printer, ")");
}

static void print_within(struct printer *printer, const struct leaf *leaf)
{
    const char *param = param_of(leaf->field.kind);
    const struct bounds *bounds = period_bounds(leaf, printer->env);
    text(printer, leaf->negated ? "NOT (" : "(");
    column(printer, leaf);
    text(printer, ">=");
    bind(printer, param, DB_S(arena_copy(printer->to->arena, bounds->low)));
    text(printer, " AND ");
    column(printer, leaf);
    text(printer, "<");
    bind(printer, param, DB_S(arena_copy(printer->to->arena, bounds->high)));
    text(printer, ")");
}

static void print_condition(struct printer *printer, const struct leaf *leaf)
{
    switch (leaf->test) {
    case TEST_SET:
        print_set(printer, leaf);
        return;
    case TEST_LT:
        print_compare(printer, leaf, "<");
        return;
    case TEST_LE:
        print_compare(printer, leaf, "<=");
        return;
    case TEST_GT:
        print_compare(printer, leaf, ">");
        return;
    case TEST_GE:
        print_compare(printer, leaf, ">=");
        return;
    case TEST_CONTAINS:
    case TEST_STARTS:
        print_folded(printer, leaf);
        return;
    case TEST_EMPTY:
        column(printer, leaf);
        text(printer, leaf->negated ? " IS NOT NULL" : " IS NULL");
        return;
    case TEST_WITHIN:
        print_within(printer, leaf);
        return;
    case TEST_ANY:
    case TEST_ALL:
        print_keys(printer, leaf);
        return;
    }
    never("all tests are above");
}

static void print_leaf(struct printer *printer, const struct leaf *leaf)
{
    const struct filter_sql *to = printer->to;
    size_t mark = to->sql->n;
    if (leaf->field.path) {
        must(to->as_where);
        text(printer, "(");
        to->enter(to->arg, &leaf->field);
        print_condition(printer, leaf);
        to->leave(to->arg, &leaf->field);
        text(printer, ")");
        return;
    }
    text(printer, to->as_where ? "((" : "IF((");
    if (!to->clear(to->arg, &leaf->field)) {
        to->sql->n = mark;
        text(printer, "(");
        print_condition(printer, leaf);
        text(printer, ")");
        return;
    }
    text(printer, to->as_where ? ") AND (" : "),(");
    print_condition(printer, leaf);
    text(printer, to->as_where ? "))" : "),NULL)");
}

static void print_node(struct printer *printer, const struct node *node)
{
    switch (node->kind) {
    case NODE_TRUE:
        text(printer, "TRUE");
        return;
    case NODE_FALSE:
        text(printer, "FALSE");
        return;
    case NODE_LEAF:
        print_leaf(printer, node->leaf);
        return;
    case NODE_AND:
    case NODE_OR:
        text(printer, "(");
        for (size_t i = 0; i < node->n_children; i++) {
            text(printer, i == 0 ? "" : node->kind == NODE_AND ? " AND " : " OR ");
            print_node(printer, node->children[i]);
        }
        text(printer, ")");
        return;
    }
    never("all nodes are above");
}

int filter_to_sql(
    const struct filter *filter, const struct filter_env *env, const struct filter_sql *to, struct err *err)
{
    struct printer printer = {.to = to, .env = env};
    if (filter->has_period && !text_zone_is_known(env->zone))
        return err_set(err, ERR_CONFIG, "unknown time zone \"%.*s\"", STR_ARGS(env->zone));
    print_node(&printer, filter->root);
    if (printer.n_binds > FILTER_BINDS_MAX)
        return err_set(err, ERR_TOO_LARGE, "a filter of %zu values", printer.n_binds);
    return 0;
}
