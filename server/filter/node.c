/*
 * Nodes in normal form, each with its text: JSON that reads as the same filter. Filters that differ only in
 * the order of conditions, in doubles, in nesting or in where a `not` stands have one text; a subscription is
 * shared by it. Each law used here holds for three truth values (Kleene): a AND FALSE is FALSE even where a
 * is unknown, and a AND a is a. `x OR not x` is not TRUE, and nothing here says so.
 */
#include "filter/filter_int.h"

#include "base/must.h"
#include "json/out.h"

#include <stdio.h>
#include <stdlib.h>

static struct str keep_text(struct buf *buf, struct arena *arena)
{
    must(!buf->overflow);
    struct str text = arena_copy(arena, buf_str(buf));
    buf_done(buf);
    return text;
}

const struct node *node_constant(bool truth, struct arena *arena)
{
    struct node *node = arena_new_one(arena, struct node);
    node->kind = truth ? NODE_TRUE : NODE_FALSE;
    node->text = truth ? STR("{\"and\":[]}") : STR("{\"or\":[]}");
    return node;
}

/* ---- leaves -------------------------------------------------------------------------------------------- */

static void print_operand(const struct leaf *leaf, const struct operand *operand, struct json_out *out)
{
    struct str text = operand->value.s;
    int64_t utc_us;
    char printed[CLOCK_TEXT_MAX];
    if (leaf->field.kind == FILTER_REFERENCE) {
        json_out_id(out, operand->value.i);
    } else if (leaf->field.kind == FILTER_INTEGER) {
        int n = snprintf(printed, sizeof(printed), "%lld", (long long)operand->value.i);
        json_out_str(out, (struct str){printed, (size_t)n});
    } else if (leaf->field.kind == FILTER_NUMBER) {
        json_out_real(out, operand->value.real);
    } else if (leaf->field.kind == FILTER_SEVERAL) {
        json_out_str(out, (struct str){text.p + 1, text.n - 2});
    } else if (leaf->field.kind == FILTER_INSTANT) {
        must(clock_parse_sql(text, &utc_us));
        size_t n = clock_print_rfc3339(utc_us, printed);
        json_out_str(out, (struct str){printed, n});
    } else {
        json_out_str(out, text);
    }
}

static void print_operands(const struct leaf *leaf, struct json_out *out)
{
    for (size_t i = 0; i < leaf->n_operands; i++)
        print_operand(leaf, &leaf->operands[i], out);
    if (leaf->has_me)
        json_out_str(out, STR("@me"));
    if (leaf->has_department)
        json_out_str(out, STR("@my_department"));
    if (leaf->has_null)
        json_out_null(out);
}

static struct str print_leaf(const struct leaf *leaf, struct arena *arena)
{
    struct buf buf = {0};
    struct json_out out;
    bool inverse;
    const struct op *op = op_of_leaf(leaf, &inverse);
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    if (inverse) {
        json_out_key(&out, STR("not"));
        json_out_object(&out);
    }
    json_out_member_str(&out, "field", leaf->field.key);
    json_out_member_text(&out, "op", op->name);
    if (op->takes != TAKES_NONE)
        json_out_key(&out, STR("value"));
    if (op->takes == TAKES_PERIOD)
        json_out_str(&out, leaf->period.name);
    else if (op->takes == TAKES_MANY)
        json_out_array(&out);
    print_operands(leaf, &out);
    if (op->takes == TAKES_MANY)
        json_out_array_end(&out);
    if (inverse)
        json_out_object_end(&out);
    json_out_object_end(&out);
    json_out_end(&out);
    return keep_text(&buf, arena);
}

const struct node *node_leaf(struct leaf *leaf, struct arena *arena)
{
    struct node *node = arena_new_one(arena, struct node);
    size_t n = leaf->n_operands + leaf->has_me + leaf->has_department;
    bool ordered = leaf->test == TEST_LT || leaf->test == TEST_LE || leaf->test == TEST_GT ||
                   leaf->test == TEST_GE || leaf->test == TEST_CONTAINS || leaf->test == TEST_STARTS;
    if (leaf->test == TEST_ALL && n + leaf->has_null == 1)
        leaf->test = TEST_ANY;
    /* Compared with null and with nothing else: unknown for every value, whatever was asked. */
    if (n == 0 && leaf->has_null) {
        leaf->test = ordered ? TEST_SET : leaf->test == TEST_ALL ? TEST_ANY : leaf->test;
        leaf->negated = false;
    }
    node->kind = NODE_LEAF;
    node->leaf = leaf;
    node->text = print_leaf(leaf, arena);
    return node;
}

/* ---- groups -------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return str_cmp((*(const struct node *const *)a)->text, (*(const struct node *const *)b)->text);
}

/* The children without those of the same kind, in whose place stand theirs, and without the constant that
 * decides nothing. Returns false if one decides all. */
static bool flatten(enum node_kind kind, const struct node **children, size_t n_children, struct arena *arena,
    const struct node ***ret_flat, size_t *ret_n)
{
    enum node_kind neutral = kind == NODE_AND ? NODE_TRUE : NODE_FALSE;
    size_t n = 0, most = 0;
    for (size_t i = 0; i < n_children; i++)
        most += children[i]->kind == kind ? children[i]->n_children : 1;
    const struct node **flat = arena_new_array(arena, const struct node *, most + 1);
    for (size_t i = 0; i < n_children; i++) {
        const struct node *child = children[i];
        if (child->kind == neutral)
            continue;
        if (child->kind == NODE_TRUE || child->kind == NODE_FALSE)
            return false;
        if (child->kind != kind)
            flat[n++] = child;
        for (size_t j = 0; child->kind == kind && j < child->n_children; j++)
            flat[n++] = child->children[j];
    }
    *ret_flat = flat;
    *ret_n = n;
    return true;
}

static struct str print_group(const struct node *node, struct arena *arena)
{
    struct buf buf = {0};
    buf_init(&buf, 0);
    buf_add_text(&buf, node->kind == NODE_AND ? "{\"and\":[" : "{\"or\":[");
    for (size_t i = 0; i < node->n_children; i++) {
        buf_add_text(&buf, i ? "," : "");
        buf_add_str(&buf, node->children[i]->text);
    }
    buf_add_text(&buf, "]}");
    return keep_text(&buf, arena);
}

const struct node *node_group(
    enum node_kind kind, const struct node **children, size_t n_children, struct arena *arena)
{
    const struct node **flat;
    size_t n, kept = 0;
    if (!flatten(kind, children, n_children, arena, &flat, &n))
        return node_constant(kind == NODE_OR, arena);
    if (n == 0)
        return node_constant(kind == NODE_AND, arena);
    qsort(flat, n, sizeof(*flat), by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(flat[kept - 1]->text, flat[i]->text))
            flat[kept++] = flat[i];
    if (kept == 1)
        return flat[0];
    struct node *node = arena_new_one(arena, struct node);
    node->kind = kind;
    node->children = flat;
    node->n_children = kept;
    node->text = print_group(node, arena);
    return node;
}

struct str filter_print(const struct filter *filter, struct arena *arena)
{
    return arena_copy(arena, filter->root->text);
}
