/*
 * Ranges of one field: a B+ tree of intervals in the order of (low, high), where an inner node knows of each
 * child the lowest low and the greatest high below it. Looking for the ranges that hold a value goes down
 * only where both admit it. Equal ranges are one slot ("this month" is asked for by
 * everybody).
 *
 * Why not a binary tree: at 200,000 ranges that is eighteen nodes deep, each a miss of the cache of its own;
 * here it is five, and the slots of a node lie in a row.
 *
 * A node with nothing left goes at once; one that is less than half full joins a neighbour if both fit into
 * three quarters of a node.
 */
#include "live/index_int.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

enum { FANOUT = 16, JOIN_MAX = FANOUT * 3 / 4 };
enum { LINE = 64, SLAB_MIN = 4, SLAB_MAX = 256 };

struct live_range_node {
    unsigned n, level; /* level 0: leaf */
    struct span {
        uint64_t low, high;
    } spans[FANOUT]; /* leaf: the range; inner: lowest and highest of the child */
    union link {
        struct live_who who;           /* leaf */
        struct live_range_node *child; /* inner */
    } links[FANOUT];
    uint64_t first_highs[]; /* inner: with the span's low it is the child's first key */
};

/* One slot taken out of a node. */
struct slot {
    struct span span;
    union link link;
    uint64_t first_high;
};

/* ---- nodes --------------------------------------------------------------------------------------------- */

static size_t node_bytes(unsigned level)
{
    size_t n = sizeof(struct live_range_node) + (level ? FANOUT * sizeof(uint64_t) : 0);
    return (n + LINE - 1) / LINE * LINE;
}

static struct live_pool *pool_of(struct live_ranges *ranges, unsigned level)
{
    return level ? &ranges->inners : &ranges->leaves;
}

/* Twice as many nodes as in the one before. */
static void add_slab(struct live_pool *pool, size_t bytes)
{
    pool->n_slab = pool->n_slab ? pool->n_slab * 2 : SLAB_MIN;
    if (pool->n_slab > SLAB_MAX)
        pool->n_slab = SLAB_MAX;
    char *slab = must_alloc((size_t)2 * LINE + pool->n_slab * bytes);
    *(void **)slab = pool->slabs;
    pool->slabs = slab;
    slab += (size_t)2 * LINE - (uintptr_t)slab % LINE; /* past the pointer, to the start of a line */
    for (size_t i = pool->n_slab; i > 0; i--) {
        void **node = (void **)(slab + (i - 1) * bytes);
        *node = pool->unused;
        pool->unused = node;
    }
}

static struct live_range_node *node_new(struct live_ranges *ranges, unsigned level)
{
    struct live_pool *pool = pool_of(ranges, level);
    if (!pool->unused)
        add_slab(pool, node_bytes(level));
    struct live_range_node *node = pool->unused;
    pool->unused = *(void **)node;
    memset(node, 0, node_bytes(level));
    node->level = level;
    return node;
}

static void node_free(struct live_ranges *ranges, struct live_range_node *node)
{
    struct live_pool *pool = pool_of(ranges, node->level);
    *(void **)node = pool->unused;
    pool->unused = node;
}

static void pool_done(struct live_pool *pool)
{
    while (pool->slabs) {
        void *next = *(void **)pool->slabs;
        free(pool->slabs);
        pool->slabs = next;
    }
    *pool = (struct live_pool){0};
}

/* ---- slots --------------------------------------------------------------------------------------------- */

static struct slot slot_of_child(struct live_range_node *child)
{
    struct slot slot = {.span = child->spans[0],
        .link.child = child,
        .first_high = child->level ? child->first_highs[0] : child->spans[0].high};
    for (unsigned i = 1; i < child->n; i++)
        if (child->spans[i].high > slot.span.high)
            slot.span.high = child->spans[i].high;
    return slot;
}

static void set_slot(struct live_range_node *node, unsigned i, struct slot slot)
{
    node->spans[i] = slot.span;
    node->links[i] = slot.link;
    if (node->level)
        node->first_highs[i] = slot.first_high;
}

static void refresh(struct live_range_node *node, unsigned i)
{
    set_slot(node, i, slot_of_child(node->links[i].child));
}

/* n slots of `from` from place i on, to place j of `to`; may be the same node. */
static void move_slots(
    struct live_range_node *to, unsigned j, const struct live_range_node *from, unsigned i, unsigned n)
{
    memmove(to->spans + j, from->spans + i, n * sizeof(to->spans[0]));
    memmove(to->links + j, from->links + i, n * sizeof(to->links[0]));
    if (to->level)
        memmove(to->first_highs + j, from->first_highs + i, n * sizeof(to->first_highs[0]));
}

static void drop_slot(struct live_range_node *node, unsigned i)
{
    move_slots(node, i, node, i + 1, node->n - i - 1);
    node->n--;
}

/* Returns the new right half if the node had to be split. */
static struct live_range_node *put_slot(
    struct live_ranges *ranges, struct live_range_node *node, unsigned i, struct slot slot)
{
    struct live_range_node *right = NULL;
    if (node->n == FANOUT) {
        right = node_new(ranges, node->level);
        right->n = FANOUT / 2;
        node->n -= right->n;
        move_slots(right, 0, node, node->n, right->n);
        if (i > node->n) {
            i -= node->n;
            node = right;
        }
    }
    move_slots(node, i + 1, node, i, node->n - i);
    set_slot(node, i, slot);
    node->n++;
    return right;
}

static bool is_before(uint64_t low, uint64_t high, uint64_t than_low, uint64_t than_high)
{
    return low < than_low || (low == than_low && high < than_high);
}

/* Leaf: the first slot that is not before the range. */
static unsigned place_of(const struct live_range_node *leaf, const struct live_part *part)
{
    unsigned from = 0, to = leaf->n;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (is_before(leaf->spans[middle].low, leaf->spans[middle].high, part->range.low, part->range.high))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const struct live_range_node *leaf, unsigned i, const struct live_part *part)
{
    return i < leaf->n && leaf->spans[i].low == part->range.low && leaf->spans[i].high == part->range.high;
}

/* Inner: the last child whose first key is not past the range, or the first child. */
static unsigned child_for(const struct live_range_node *node, const struct live_part *part)
{
    unsigned from = 1, to = node->n;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (is_before(part->range.low, part->range.high, node->spans[middle].low, node->first_highs[middle]))
            to = middle;
        else
            from = middle + 1;
    }
    return from - 1;
}

/* ---- adding -------------------------------------------------------------------------------------------- */

static struct live_range_node *add_below(
    struct live_ranges *ranges, struct live_range_node *node, struct live_part *part)
{
    if (node->level == 0) {
        unsigned i = place_of(node, part);
        if (is_at(node, i, part)) {
            live_who_add(&node->links[i].who, part);
            return NULL;
        }
        struct slot slot = {.span = {part->range.low, part->range.high}};
        live_who_add(&slot.link.who, part);
        ranges->n++;
        return put_slot(ranges, node, i, slot);
    }
    unsigned i = child_for(node, part);
    struct live_range_node *right = add_below(ranges, node->links[i].child, part);
    refresh(node, i);
    return right ? put_slot(ranges, node, i + 1, slot_of_child(right)) : NULL;
}

void live_ranges_add(struct live_ranges *ranges, struct live_part *part)
{
    must(part->range.low <= part->range.high);
    if (!ranges->root)
        ranges->root = node_new(ranges, 0);
    struct live_range_node *left = ranges->root, *right = add_below(ranges, left, part);
    if (!right)
        return;
    ranges->root = node_new(ranges, left->level + 1);
    set_slot(ranges->root, 0, slot_of_child(left));
    set_slot(ranges->root, 1, slot_of_child(right));
    ranges->root->n = 2;
}

/* ---- removing ------------------------------------------------------------------------------------------ */

static bool join(struct live_ranges *ranges, struct live_range_node *node, unsigned i)
{
    struct live_range_node *left = node->links[i].child, *right = node->links[i + 1].child;
    if (left->n + right->n > JOIN_MAX)
        return false;
    move_slots(left, left->n, right, 0, right->n);
    left->n += right->n;
    node_free(ranges, right);
    drop_slot(node, i + 1);
    refresh(node, i);
    return true;
}

static void mend_child(struct live_ranges *ranges, struct live_range_node *node, unsigned i)
{
    struct live_range_node *child = node->links[i].child;
    if (child->n == 0) {
        node_free(ranges, child);
        drop_slot(node, i);
        return;
    }
    refresh(node, i);
    if (child->n >= FANOUT / 2 || (i + 1 < node->n && join(ranges, node, i)))
        return;
    if (i > 0)
        (void)join(ranges, node, i - 1);
}

static void remove_below(
    struct live_ranges *ranges, struct live_range_node *node, const struct live_part *part)
{
    if (node->level) {
        unsigned i = child_for(node, part);
        remove_below(ranges, node->links[i].child, part);
        mend_child(ranges, node, i);
        return;
    }
    unsigned i = place_of(node, part);
    must(is_at(node, i, part));
    live_who_remove(&node->links[i].who, part);
    if (node->links[i].who.word != 0)
        return;
    drop_slot(node, i);
    ranges->n--;
}

void live_ranges_remove(struct live_ranges *ranges, const struct live_part *part)
{
    must(ranges->root != NULL);
    remove_below(ranges, ranges->root, part);
    while (ranges->root && (ranges->root->n == 0 || (ranges->root->level && ranges->root->n == 1))) {
        struct live_range_node *old = ranges->root;
        ranges->root = old->n ? old->links[0].child : NULL;
        node_free(ranges, old);
    }
    if (!ranges->root) {
        pool_done(&ranges->leaves);
        pool_done(&ranges->inners);
    }
}

/* ---- looking ------------------------------------------------------------------------------------------- */

/* All lines of a node at once: they are waited for together. */
static void ask_for(const struct live_range_node *node, unsigned level)
{
    for (size_t offset = 0; offset < node_bytes(level); offset += LINE)
        __builtin_prefetch((const char *)node + offset);
}

static void add_visit(struct live_visit **visits, size_t *n, size_t *max, struct live_visit visit)
{
    if (*n == *max) {
        *max = *max ? *max * 2 : 64;
        *visits = must_realloc(*visits, *max * sizeof(visit));
    }
    (*visits)[(*n)++] = visit;
}

static void visit_later(
    struct live_look *look, const struct live_range_node *node, unsigned level, uint64_t low, uint64_t high)
{
    const struct live_visit visit = {node, low, high};
    ask_for(node, level);
    if (level)
        add_visit(&look->inners, &look->n_inners, &look->max_inners, visit);
    else
        add_visit(&look->leaves, &look->n_leaves, &look->max_leaves, visit);
}

void live_ranges_stab(const struct live_ranges *ranges, uint64_t low, uint64_t high, struct live_look *look)
{
    if (ranges->root)
        visit_later(look, ranges->root, ranges->root->level, low, high);
}

/* Of a span that begins at or below the higher value. */
static bool holds(const struct span *span, const struct live_visit *visit)
{
    return span->high >= visit->high || (span->low <= visit->low && span->high >= visit->low);
}

/* Level by level, all trees and branches side by side. */
void live_ranges_descend(struct live_look *look)
{
    for (size_t i = 0; i < look->n_inners; i++) {
        const struct live_visit visit = look->inners[i]; /* the array may move */
        const struct live_range_node *node = visit.node;
        for (unsigned j = 0; j < node->n && node->spans[j].low <= visit.high; j++)
            if (holds(&node->spans[j], &visit))
                visit_later(look, node->links[j].child, node->level - 1, visit.low, visit.high);
    }
    look->n_inners = 0;
}

void live_ranges_finish(struct live_look *look)
{
    for (size_t i = 0; i < look->n_leaves; i++) {
        const struct live_visit *visit = &look->leaves[i];
        const struct live_range_node *node = visit->node;
        for (unsigned j = 0; j < node->n && node->spans[j].low <= visit->high; j++)
            if (holds(&node->spans[j], visit))
                live_look_hit(look, node->links[j].who);
    }
    look->n_leaves = 0;
}

static void all_below(const struct live_range_node *node, struct live_look *look)
{
    for (unsigned i = 0; i < node->n; i++) {
        if (node->level)
            all_below(node->links[i].child, look);
        else
            live_look_hit(look, node->links[i].who);
    }
}

void live_ranges_all(const struct live_ranges *ranges, struct live_look *look)
{
    if (ranges->root)
        all_below(ranges->root, look);
}
