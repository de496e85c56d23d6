/*
 * A plan binds the caller's policy to a form: which columns are read at all, which rows, and, row by row,
 * which grants hold. Rows on which the same grants hold are seen in the same way, so their view is made once
 * (a permission class).
 */
#include "record/plan_int.h"

#include "base/must.h"

#include <stdlib.h>

enum { SEES = 1u << ACTION_LIST | 1u << ACTION_READ };

static void make_columns(struct plan *plan)
{
    struct buf sql = {0};
    buf_init(&sql, 0);
    buf_add_text(&sql, "r._id, r._rev, r._owner, r._department");
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        if (plan->best[i] == LEVEL_HIDDEN)
            buf_add_text(&sql, ", NULL"); /* what is hidden is not even read */
        else
            buf_printf(&sql, ", r.`%.*s`", STR_ARGS(plan->form->fields[i].column));
    }
    plan->columns = arena_copy(plan->arena, buf_str(&sql));
    buf_done(&sql);
}

int plan_make(
    struct arena *arena, struct caller *caller, struct str form_key, struct plan **ret_plan, struct err *err)
{
    const struct form *form = catalog_form(caller->world->catalog, form_key);
    const struct policy_form *grants = form ? policy_for_form(caller->policy, form->key) : NULL;
    if (!grants)
        return err_set(err, ERR_NOT_FOUND, "no such form, or no grant for it");
    if (grants->n_grants > PLAN_GRANTS_MAX)
        return err_set(err, ERR_INTERNAL, "more than %d grants for one user and form", PLAN_GRANTS_MAX);
    struct plan *plan = arena_new_one(arena, struct plan);
    *plan = (struct plan){.arena = arena, .caller = caller, .form = form, .grants = grants};
    plan->best = arena_new_array(arena, enum access_level, form->n_fields);
    for (size_t g = 0; g < grants->n_grants; g++)
        for (size_t i = 0; i < form->n_fields; i++) {
            enum access_level level = grant_level(grants->grants[g], form->fields[i].key);
            if (level > plan->best[i])
                plan->best[i] = level;
        }
    make_columns(plan);
    *ret_plan = plan;
    return 0;
}

const struct form *plan_form(const struct plan *plan)
{
    return plan->form;
}

uint32_t plan_actions(const struct plan *plan)
{
    return plan->grants->actions;
}

enum access_level plan_field_level(const struct plan *plan, const struct field *field)
{
    return plan->best[field->index];
}

const struct record_view *plan_view(struct plan *plan, int64_t owner, int64_t department)
{
    const struct policy *policy = plan->caller->policy;
    uint32_t holds = 0;
    for (size_t g = 0; g < plan->grants->n_grants; g++)
        if (grant_matches(policy, plan->grants->grants[g], owner, department))
            holds |= 1u << g;
    for (struct record_view *view = plan->views; view; view = view->next)
        if (view->grants == holds)
            return view;
    struct arena *arena = plan->arena;
    struct record_view *view = arena_new_one(arena, struct record_view);
    view->grants = holds;
    view->actions = policy_row_actions(policy, plan->grants, owner, department);
    view->levels = arena_new_array(arena, enum access_level, plan->form->n_fields);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        view->levels[i] =
            policy_row_level(policy, plan->grants, plan->form->fields[i].key, owner, department);
    view->next = plan->views;
    plan->views = view;
    return view;
}

bool view_is_visible(const struct record_view *view)
{
    return (view->actions & SEES) != 0;
}

bool record_is_readable(const struct record *record)
{
    return (record->view->actions & 1u << ACTION_READ) != 0;
}

static int64_t id_or_none(const struct db_val *cell)
{
    return cell->kind == DB_INT ? cell->i : 0;
}

void plan_read_row(
    struct plan *plan, const struct db_rows *rows, size_t row, size_t first, struct record *ret_record)
{
    const struct db_val *cells = db_cell(rows, row, first);
    struct record record = {.id = cells[COLUMN_ID].i, .rev = cells[COLUMN_REV].i};
    record.owner = id_or_none(&cells[COLUMN_OWNER]);
    record.department = id_or_none(&cells[COLUMN_DEPARTMENT]);
    record.values = arena_new_array(task_arena(), struct db_val, plan->form->n_fields);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        record.values[i] = cells[COLUMN_FIELDS + i];
    record.view = plan_view(plan, record.owner, record.department);
    *ret_record = record;
}

/* ---- statements
 * -------------------------------------------------------------------------------------------- */

static void drop_text(void *buf)
{
    buf_done(buf);
    free(buf);
}

struct statement *statement_new(void)
{
    struct statement *statement = arena_new_one(task_arena(), struct statement);
    statement->cap_params = 16;
    statement->params = arena_new_array(task_arena(), struct db_val, statement->cap_params);
    statement->sql = must_alloc(sizeof(*statement->sql));
    buf_init(statement->sql, 0);
    arena_on_free(task_arena(), drop_text, statement->sql);
    return statement;
}

void statement_bind(struct statement *statement, struct db_val value)
{
    if (statement->n_params == statement->cap_params) {
        struct db_val *grown = arena_new_array(task_arena(), struct db_val, statement->cap_params * 2);
        for (size_t i = 0; i < statement->n_params; i++)
            grown[i] = statement->params[i];
        statement->params = grown;
        statement->cap_params *= 2;
    }
    statement->params[statement->n_params++] = value;
}

/* ---- rows
 * -------------------------------------------------------------------------------------------------- */

static void where_grant(const struct policy *policy, const struct grant *grant, struct statement *to)
{
    switch (grant->row_rule) {
    case ROW_ALL:
        buf_add_text(to->sql, "TRUE");
        return;
    case ROW_OWNER:
        buf_add_text(to->sql, "r._owner = ?");
        statement_bind(to, DB_I(policy->user->id));
        return;
    case ROW_DEPARTMENT:
        buf_add_text(to->sql, "r._department = ?");
        statement_bind(to, DB_I(policy->user->department_id));
        return;
    case ROW_SUBTREE:
        buf_add_text(to->sql, policy->n_subtree == 0 ? "FALSE" : "r._department IN (");
        for (size_t i = 0; i < policy->n_subtree; i++) {
            buf_add_text(to->sql, i ? ",?" : "?");
            statement_bind(to, DB_I(policy->subtree[i]));
        }
        buf_add_text(to->sql, policy->n_subtree == 0 ? "" : ")");
        return;
    default:
        never("row rule");
    }
}

typedef bool choose_fn(const struct grant *grant, const void *arg);

static void where_any(const struct plan *plan, choose_fn *choose, const void *arg, struct statement *to)
{
    const char *between = "(";
    for (size_t g = 0; g < plan->grants->n_grants; g++)
        if (choose(plan->grants->grants[g], arg)) {
            buf_add_text(to->sql, between);
            where_grant(plan->caller->policy, plan->grants->grants[g], to);
            between = " OR ";
        }
    buf_add_text(to->sql, *between == '(' ? "FALSE" : ")");
}

static bool gives_action(const struct grant *grant, const void *arg)
{
    return (grant->actions & 1u << *(const enum access_action *)arg) != 0;
}

void plan_where_rows(const struct plan *plan, enum access_action action, struct statement *to)
{
    where_any(plan, gives_action, &action, to);
}

static bool shows_clear(const struct grant *grant, const void *arg)
{
    const struct field *field = arg;
    return (grant->actions & SEES) != 0 && grant_level(grant, field->key) >= LEVEL_READ;
}

void plan_where_clear(
    const struct plan *plan, const struct field *field, struct statement *to, bool *ret_always)
{
    *ret_always = true;
    for (size_t g = 0; g < plan->grants->n_grants; g++)
        if (gives_action(plan->grants->grants[g], &(enum access_action){ACTION_LIST}) &&
            !shows_clear(plan->grants->grants[g], field))
            *ret_always = false;
    if (!*ret_always)
        where_any(plan, shows_clear, field, to);
}
