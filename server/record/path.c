/*
 * Filters along references. In SQL a path is a semi-join: the row's reference is among the ids of the records
 * that the viewer may list, on which the next reference (or the field) is clear, and for which the condition
 * holds. The inner plans are the viewer's own for those forms, denials and masks included.
 *
 * A row image does not hold the other record, so a live list with a path is read again when a change may
 * concern it (path_concerns, select_concerns); which changes may is decided generously.
 */
#include "record/path.h"

static const struct form *target_of(const struct plan *plan, const struct field *reference)
{
    if (reference->type->reference != REFERENCE_RECORD || plan->best[reference->index] == LEVEL_HIDDEN)
        return NULL;
    return catalog_form(plan->caller->world->catalog, reference->target);
}

/* Follows one reference. False: it is not there for this viewer, or what it names is not. */
static bool follow(struct plan *plan, struct str key, struct path *path)
{
    struct err ignored = {0};
    const struct field *reference = form_field_find(plan->form, key);
    const struct form *form = reference ? target_of(plan, reference) : NULL;
    if (!form || path->n_hops == PATH_HOPS_MAX)
        return false;
    struct hop *hop = &path->hops[path->n_hops];
    if (plan_make(plan->arena, plan->caller, form->key, &hop->plan, &ignored) < 0 ||
        !(hop->plan->grants->actions & 1u << ACTION_LIST))
        return false;
    hop->reference = reference;
    path->n_hops++;
    return true;
}

static bool name_field(struct plan *plan, struct path *path, struct str key, struct filter_field *ret_field)
{
    if (!plan_filter_field(plan->form, key, plan->arena, ret_field) ||
        plan->best[ret_field->index] == LEVEL_HIDDEN)
        return false;
    path->field = &plan->form->fields[ret_field->index];
    ret_field->key = path->key;
    ret_field->index = path->index;
    ret_field->path = path;
    return true;
}

const struct path *path_find(
    struct plan *plan, struct path **paths, struct str key, struct filter_field *ret_field)
{
    size_t index = plan->form->n_fields;
    struct path *path = *paths;
    for (; path && !str_eq(path->key, key); path = path->next)
        index = path->index >= index ? path->index + 1 : index;
    if (path) {
        struct plan *last = path->hops[path->n_hops - 1].plan;
        return name_field(last, path, path->field->key, ret_field) ? path : NULL;
    }
    path = arena_new_one(plan->arena, struct path);
    *path = (struct path){.next = *paths, .key = arena_copy(plan->arena, key), .index = index};
    struct str rest = key;
    struct plan *at = plan;
    while (str_find(rest, STR(".")) != SIZE_MAX) {
        if (!follow(at, str_cut(&rest, '.'), path))
            return NULL;
        at = path->hops[path->n_hops - 1].plan;
    }
    if (path->n_hops == 0 || !name_field(at, path, rest, ret_field))
        return NULL;
    *paths = path;
    return path;
}

static void where_clear(const struct plan *plan, const struct field *field, struct statement *to)
{
    bool always;
    plan_where_clear(plan, field, to, &always);
    buf_add_text(to->sql, always ? "" : " AND ");
}

void path_enter(const struct plan *plan, const struct path *path, struct statement *to)
{
    for (size_t i = 0; i < path->n_hops; i++) {
        const struct hop *hop = &path->hops[i];
        where_clear(plan, hop->reference, to);
        buf_printf(to->sql, "r.`%.*s` IN (SELECT r._id FROM `%.*s` r WHERE r._live = 1 AND ",
            STR_ARGS(hop->reference->column), STR_ARGS(hop->plan->form->table));
        plan_where_rows(hop->plan, ACTION_LIST, to);
        buf_add_text(to->sql, " AND ");
        plan = hop->plan;
    }
    where_clear(plan, path->field, to);
}

void path_leave(const struct path *path, struct statement *to)
{
    for (size_t i = 0; i < path->n_hops; i++)
        buf_add_text(to->sql, ")");
}

static bool differs(const struct feed_change *change, struct str column)
{
    for (size_t i = 0; i < change->table->n_columns; i++)
        if (str_eq(change->table->columns[i].name, column))
            return !db_val_equal(&change->before[i], &change->after[i]);
    return false;
}

/* Of ours: what is not bookkeeping, a key or a title may be what a rule or a reference is judged by. */
static bool is_judged(struct str column)
{
    static const char *const NOT[] = {"_rev", "_changed_", "_created_", "_f_", "_k_", "_t_"};
    for (size_t i = 0; i < sizeof(NOT) / sizeof(NOT[0]); i++)
        if (str_starts(column, str_of(NOT[i])))
            return false;
    return str_starts(column, STR("_"));
}

/* A column by which a rule of the plan tells rows apart has changed. */
static bool rules_differ(const struct plan *plan, const struct feed_change *change)
{
    for (size_t i = 0; i < change->table->n_columns; i++)
        if (is_judged(change->table->columns[i].name) && !db_val_equal(&change->before[i], &change->after[i]))
            return true;
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        size_t n = 0;
        const size_t *fields = plan->conditions[g] ? filter_fields(plan->conditions[g], &n) : NULL;
        for (size_t i = 0; i < n; i++)
            if (differs(change, plan->form->fields[fields[i]].column))
                return true;
    }
    return false;
}

bool path_concerns(const struct path *path, const struct feed_change *change)
{
    for (size_t i = 0; i < path->n_hops; i++) {
        const struct plan *plan = path->hops[i].plan;
        const struct field *next = i + 1 < path->n_hops ? path->hops[i + 1].reference : path->field;
        if (!str_eq(plan->form->table, change->table->name))
            continue;
        if (change->op != FEED_UPDATE || differs(change, STR("_id")) || differs(change, next->column) ||
            rules_differ(plan, change))
            return true;
    }
    return false;
}
