/*
 * A plan binds the caller's policy to a form: which columns are read at all, which rows, and, row by row,
 * which grants hold. Rows on which the same grants hold are seen in the same way, so their view is made once
 * (a permission class).
 */
#include "record/plan_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <stdlib.h>

enum { SEES = 1u << ACTION_LIST | 1u << ACTION_READ };

struct str plan_columns(const struct plan *plan)
{
    struct buf sql = {0};
    buf_init(&sql, 0);
    const struct form *form = plan->form;
    buf_add_text(&sql, "r._id, r._rev, r._owner, r._department, ");
    if (form->parent >= 0 && plan->best[form->parent] != LEVEL_HIDDEN)
        buf_printf(&sql, "r.`_t_%.*s`", STR_ARGS(form->fields[form->parent].column));
    else
        buf_add_text(&sql, "NULL");
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        if (!plan->needed[i])
            buf_add_text(&sql, ", NULL"); /* what is hidden is not even read */
        else
            buf_printf(&sql, ", r.`%.*s`", STR_ARGS(plan->form->fields[i].column));
    }
    for (size_t k = 0; k < form->n_references; k++) {
        struct str name = form->fields[form->references[k]].column;
        if (plan->best[form->references[k]] == LEVEL_HIDDEN)
            buf_add_text(&sql, ", NULL, NULL, NULL, NULL");
        else
            buf_printf(&sql, ", r.`_t_%.*s`, r.`_o_%.*s`, r.`_d_%.*s`, r.`_l_%.*s`", STR_ARGS(name),
                STR_ARGS(name), STR_ARGS(name), STR_ARGS(name));
    }
    struct str columns = arena_copy(task_arena(), buf_str(&sql));
    buf_done(&sql);
    return columns;
}

size_t plan_n_columns(const struct plan *plan)
{
    return COLUMN_FIELDS + plan->form->n_fields + COPY_COLUMNS * plan->form->n_references;
}

static void set_env(struct plan *plan)
{
    const struct policy *policy = plan->caller->policy;
    plan->env = (struct filter_env){.me = policy->user->id,
        .my_department = policy->user->department_id,
        .subtree = policy->subtree,
        .n_subtree = policy->n_subtree,
        .now_us = clock_utc_us(),
        .zone = plan->caller->house->conf->server_time_zone};
}

static void find_conditions(struct plan *plan)
{
    const struct world *world = plan->caller->world;
    const struct directory *directory = world->directory;
    plan->conditions = arena_new_array(plan->arena, const struct filter *, plan->grants->n_grants + 1);
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        const struct grant *grant = plan->grants->grants[g];
        if (grant->row_rule != ROW_CONDITION || grant->broken)
            continue;
        plan->conditions[g] = world->conditions[grant - directory->grants];
        must(plan->conditions[g]); /* compiled with the world */
        plan->has_conditions = true;
        size_t n;
        const size_t *fields = filter_fields(plan->conditions[g], &n);
        for (size_t i = 0; i < n; i++)
            plan->needed[fields[i]] = true;
    }
}

static int make(
    struct arena *arena, struct caller *caller, struct str form_key, struct plan **ret_plan, struct err *err)
{
    const struct form *form = catalog_form(caller->world->catalog, form_key);
    const struct policy_form *grants = form ? policy_for_form(caller->policy, form->key) : NULL;
    if (!grants)
        return err_set(err, ERR_NOT_FOUND, "no such form, or no grant for it");
    if (grants->n_grants > POLICY_GRANTS_MAX)
        return err_set(err, ERR_INTERNAL, "more than %d grants for one user and form", POLICY_GRANTS_MAX);
    struct plan *plan = arena_new_one(arena, struct plan);
    *plan = (struct plan){.arena = arena, .caller = caller, .form = form, .grants = grants};
    plan->owner_column = STR("r.`_owner`");
    plan->department_column = STR("r.`_department`");
    plan->best = arena_new_array(arena, enum access_level, form->n_fields);
    plan->needed = arena_new_array(arena, bool, form->n_fields);
    plan->scopes = arena_new_array(arena, struct plan *, form->n_fields);
    for (size_t i = 0; i < form->n_fields; i++) {
        plan->best[i] = policy_best_level(grants, form->fields[i].key);
        plan->needed[i] = plan->best[i] != LEVEL_HIDDEN;
    }
    set_env(plan);
    find_conditions(plan);
    *ret_plan = plan;
    return 0;
}

/* The viewer's plan for the form that the field names. Of a row only that record's owner and department are
 * known, so a condition over anything else cannot be asked: a grant with one gives nothing through it, and
 * takes all. */
static int make_scope(struct plan *plan, const struct field *field, struct err *err)
{
    struct plan *scope;
    if (!field->target_form || !policy_for_form(plan->caller->policy, field->target_form->key))
        return 0;
    int rc = make(plan->arena, plan->caller, field->target_form->key, &scope, err);
    if (rc < 0)
        return rc;
    scope->is_scope = true;
    plan->scopes[field->index] = scope;
    if (field->role == FIELD_PARENT) {
        plan->parent = scope; /* whose owner and department are the row's own */
        return 0;
    }
    scope->owner_column = arena_printf(plan->arena, "r.`_o_%.*s`", STR_ARGS(field->column));
    scope->department_column = arena_printf(plan->arena, "r.`_d_%.*s`", STR_ARGS(field->column));
    return 0;
}

int plan_make(
    struct arena *arena, struct caller *caller, struct str form_key, struct plan **ret_plan, struct err *err)
{
    int rc = make(arena, caller, form_key, ret_plan, err);
    for (size_t i = 0; rc == 0 && i < (*ret_plan)->form->n_fields; i++)
        rc = make_scope(*ret_plan, &(*ret_plan)->form->fields[i], err);
    return rc;
}

bool plan_filter_field(
    const struct form *form, struct str key, struct arena *arena, struct filter_field *ret_field)
{
    const struct field *field = form_field_find(form, key);
    if (!field)
        return false;
    *ret_field = (struct filter_field){.key = field->key,
        .kind = field->type->filter,
        .index = field->index,
        .column = arena_printf(arena, "r.`%.*s`", STR_ARGS(field->column)),
        .is_member = field->type->reference == REFERENCE_MEMBER,
        .is_department = field->type->reference == REFERENCE_DEPARTMENT,
        .is_yes_no = field->type->is_yes_no};
    if (field->type->search == SEARCH_FOLDED)
        ret_field->folded = arena_printf(arena, "r.`_f_%.*s`", STR_ARGS(field->column));
    return true;
}

int64_t plan_valid_until(const struct plan *plan)
{
    int64_t until = 0;
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        int64_t one = plan->conditions[g] ? filter_valid_until(plan->conditions[g], &plan->env) : 0;
        if (one && (!until || one < until))
            until = one;
    }
    return until;
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

/* Whether a condition of a scope can be asked of a row that belongs to the record. */
static bool scope_knows(const struct plan *plan, const struct filter *condition)
{
    size_t n;
    const size_t *fields = filter_fields(condition, &n);
    for (size_t i = 0; i < n; i++)
        if ((ptrdiff_t)fields[i] != plan->form->owner && (ptrdiff_t)fields[i] != plan->form->department)
            return false;
    return true;
}

static bool condition_holds(const struct plan *plan, size_t g, const struct db_val *values)
{
    if (plan->is_scope && !scope_knows(plan, plan->conditions[g]))
        return plan->grants->grants[g]->deny;
    return filter_eval(plan->conditions[g], &plan->env, values, NULL, task_arena()) == FILTER_TRUE;
}

static uint32_t grants_that_hold(const struct plan *plan, const struct record *record, bool parent_seen)
{
    uint32_t holds = policy_holds(plan->caller->policy, plan->grants, record->owner, record->department);
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        bool parent = plan->grants->grants[g]->row_rule == ROW_PARENT && parent_seen;
        if (parent || (plan->conditions[g] && condition_holds(plan, g, record->values)))
            holds |= UINT32_C(1) << g;
    }
    return holds;
}

const struct record_view *plan_scope_view(struct plan *scope, int64_t owner, int64_t department)
{
    const struct form *form = scope->form;
    struct record record = {.owner = owner, .department = department};
    if (scope->has_conditions) {
        record.values = arena_new_array(task_arena(), struct db_val, form->n_fields);
        record.values[form->owner] = owner ? DB_I(owner) : DB_N;
        record.values[form->department] = department ? DB_I(department) : DB_N;
    }
    return plan_view(scope, &record);
}

/* What the viewer sees of the records that the row names; a bit for each that he does not see. */
static uint32_t look_at_named(
    struct plan *plan, const struct record *record, const struct record_view **ret_named)
{
    const struct form *form = plan->form;
    uint32_t unseen = 0;
    for (size_t k = 0; k < form->n_references && !plan->is_scope; k++) {
        const struct record_copy *copy = record->copies ? &record->copies[k] : NULL;
        struct plan *scope = plan->scopes[form->references[k]];
        ret_named[k] = NULL;
        if (record->values[form->references[k]].kind == DB_NULL)
            continue;
        if (copy && copy->live && scope)
            ret_named[k] = plan_scope_view(scope, copy->owner, copy->department);
        if (ret_named[k] && !view_is_visible(ret_named[k]))
            ret_named[k] = NULL;
        if (!ret_named[k])
            unseen |= UINT32_C(1) << k;
    }
    return unseen;
}

static bool names_alike(const struct plan *plan, const struct record_view *view, uint32_t unseen,
    const struct record_view *const *named)
{
    bool alike = view->unseen == unseen;
    for (size_t k = 0; alike && view->named && k < plan->form->n_references; k++)
        alike = view->named[k] == named[k];
    return alike;
}

/* Which record it is, is unknown to who may not see that one. */
static bool is_unseen(const struct record_view *view, const struct field *field, bool parent_seen)
{
    if (field->type->reference != REFERENCE_RECORD)
        return false;
    return field->role == FIELD_PARENT ? !parent_seen : (view->unseen >> field->reference & 1) != 0;
}

static void set_levels(const struct plan *plan, struct record_view *view, bool parent_seen)
{
    const struct form *form = plan->form;
    view->levels = arena_new_array(plan->arena, enum access_level, form->n_fields);
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        view->levels[i] = policy_view_level(plan->grants, view->grants, field->key);
        if (view->levels[i] > LEVEL_MASKED && is_unseen(view, field, parent_seen))
            view->levels[i] = LEVEL_MASKED;
        if (view->levels[i] != LEVEL_MASKED)
            continue;
        if (!view->masks)
            view->masks = arena_new_array(plan->arena, struct str, form->n_fields);
        view->masks[i] = policy_view_mask(plan->grants, view->grants, field->key);
        if (!view->masks[i].n)
            view->masks[i] = field->mask.n ? field->mask : STR("text"); /* without one: stars only */
    }
}

const struct record_view *plan_view(struct plan *plan, const struct record *record)
{
    const struct form *form = plan->form;
    const struct record_view *named[FORM_REFERENCES_MAX] = {NULL};
    const struct record_view *parent =
        plan->parent ? plan_scope_view(plan->parent, record->owner, record->department) : NULL;
    bool parent_seen = parent && view_is_visible(parent);
    uint32_t holds = grants_that_hold(plan, record, parent_seen);
    uint32_t unseen = look_at_named(plan, record, named);
    for (struct record_view *view = plan->views; view; view = view->next)
        if (view->grants == holds && view->parent == parent && names_alike(plan, view, unseen, named))
            return view;
    struct record_view *view = arena_new_one(plan->arena, struct record_view);
    view->grants = holds;
    view->parent = parent;
    view->unseen = unseen;
    if (form->n_references > 0 && !plan->is_scope) {
        view->named = arena_new_array(plan->arena, const struct record_view *, form->n_references);
        for (size_t k = 0; k < form->n_references; k++)
            view->named[k] = named[k];
    }
    view->actions = policy_view_actions(plan->grants, holds);
    set_levels(plan, view, parent_seen);
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

bool record_field_is_seen(const struct record *record, const struct field *field)
{
    return record->view->levels[field->index] != LEVEL_HIDDEN;
}

int64_t id_or_none(const struct db_val *cell)
{
    return cell->kind == DB_INT ? cell->i : 0;
}

static void read_copies(const struct plan *plan, const struct db_val *cells, struct record *record)
{
    if (plan->form->n_references == 0)
        return;
    record->copies = arena_new_array(task_arena(), struct record_copy, plan->form->n_references);
    for (size_t k = 0; k < plan->form->n_references; k++, cells += COPY_COLUMNS)
        record->copies[k] = (struct record_copy){.owner = id_or_none(&cells[COPY_OWNER]),
            .department = id_or_none(&cells[COPY_DEPARTMENT]),
            .title = cells[COPY_TITLE],
            .live = cells[COPY_LIVE].kind != DB_NULL};
}

void plan_read_row(
    struct plan *plan, const struct db_rows *rows, size_t row, size_t first, struct record *ret_record)
{
    const struct db_val *cells = db_cell(rows, row, first);
    struct record record = {.id = cells[COLUMN_ID].i, .rev = cells[COLUMN_REV].i};
    record.owner = id_or_none(&cells[COLUMN_OWNER]);
    record.department = id_or_none(&cells[COLUMN_DEPARTMENT]);
    record.parent_title = cells[COLUMN_PARENT_TITLE];
    record.values = arena_new_array(task_arena(), struct db_val, plan->form->n_fields);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        record.values[i] = cells[COLUMN_FIELDS + i];
    read_copies(plan, cells + COLUMN_FIELDS + plan->form->n_fields, &record);
    record.view = plan_view(plan, &record);
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

void statement_bind_ids(struct statement *statement, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_text(statement->sql, i ? ",?" : "?");
        statement_bind(statement, DB_I(ids[i]));
    }
}

/* ---- rows
 * -------------------------------------------------------------------------------------------------- */

struct asked {
    const struct plan *plan;
    struct statement *to;
};

static void bind_value(void *arg, struct db_val value)
{
    const struct asked *asked = arg;
    statement_bind(asked->to, value);
}

/* Of a record that another names only owner and department are asked: where the row holds them. */
static struct str scope_column(void *arg, const struct filter_field *field)
{
    const struct plan *plan = ((const struct asked *)arg)->plan;
    if (!plan->is_scope)
        return field->column;
    return (ptrdiff_t)field->index == plan->form->owner ? plan->owner_column : plan->department_column;
}

static bool always_clear(void *arg, const struct filter_field *field)
{
    (void)arg;
    (void)field;
    return false; /* a rule looks at the row itself, not at what its viewer sees of it */
}

static void where_condition(
    const struct plan *plan, const struct filter *condition, bool deny, struct statement *to)
{
    struct err err = {0};
    struct asked asked = {plan, to};
    const struct filter_sql sql = {.sql = to->sql,
        .arena = task_arena(),
        .as_where = true,
        .arg = &asked,
        .bind = bind_value,
        .clear = always_clear,
        .column = scope_column};
    size_t before = to->sql->n, params = to->n_params;
    buf_add_text(to->sql, "(");
    if (filter_to_sql(condition, &plan->env, &sql, &err) == 0) {
        buf_add_text(to->sql, ")");
        return;
    }
    /* Too many departments for one statement: then it gives nothing, and takes everything. */
    log_event(LOG_ERR, "record", "a condition cannot be asked for", LOG_C("cause", err.detail));
    to->sql->n = before;
    to->n_params = params;
    buf_add_text(to->sql, deny ? "TRUE" : "FALSE");
}

static void where_grant(const struct plan *plan, size_t g, struct statement *to)
{
    const struct policy *policy = plan->caller->policy;
    const struct grant *grant = plan->grants->grants[g];
    if (grant->broken) { /* it fails closed */
        buf_add_text(to->sql, grant->deny ? "TRUE" : "FALSE");
        return;
    }
    switch (grant->row_rule) {
    case ROW_ALL:
        buf_add_text(to->sql, "TRUE");
        return;
    case ROW_OWNER:
        buf_printf(to->sql, "%.*s = ?", STR_ARGS(plan->owner_column));
        statement_bind(to, DB_I(policy->user->id));
        return;
    case ROW_DEPARTMENT:
        buf_printf(to->sql, "%.*s = ?", STR_ARGS(plan->department_column));
        statement_bind(to, DB_I(policy->user->department_id));
        return;
    case ROW_SUBTREE:
        if (policy->n_subtree == 0)
            buf_add_text(to->sql, "FALSE");
        else
            buf_printf(to->sql, "%.*s IN (", STR_ARGS(plan->department_column));
        for (size_t i = 0; i < policy->n_subtree; i++) {
            buf_add_text(to->sql, i ? ",?" : "?");
            statement_bind(to, DB_I(policy->subtree[i]));
        }
        buf_add_text(to->sql, policy->n_subtree == 0 ? "" : ")");
        return;
    case ROW_CONDITION:
        if (plan->is_scope && !scope_knows(plan, plan->conditions[g]))
            buf_add_text(to->sql, grant->deny ? "TRUE" : "FALSE");
        else
            where_condition(plan, plan->conditions[g], grant->deny, to);
        return;
    case ROW_PARENT:
        plan_where_seen(plan->parent, to);
        return;
    case ROW_RULE_COUNT:
        break;
    }
    never("row rule");
}

typedef bool choose_fn(const struct grant *grant, const void *arg);

/* One of the grants that give and are chosen holds, and none of those that take. */
static void where_any(
    const struct plan *plan, choose_fn *gives, choose_fn *takes, const void *arg, struct statement *to)
{
    const struct policy_form *form = plan->grants;
    const char *between = "((";
    for (size_t g = 0; g < form->n_grants; g++)
        if (!form->grants[g]->deny && gives(form->grants[g], arg)) {
            buf_add_text(to->sql, between);
            where_grant(plan, g, to);
            between = " OR ";
        }
    buf_add_text(to->sql, *between == '(' ? "(FALSE" : ")");
    for (size_t g = 0; g < form->n_grants; g++)
        if (form->grants[g]->deny && takes(form->grants[g], arg)) {
            buf_add_text(to->sql, " AND (");
            where_grant(plan, g, to);
            buf_add_text(to->sql, ") IS NOT TRUE");
        }
    buf_add_text(to->sql, ")");
}

static bool has_action(const struct grant *grant, const void *arg)
{
    return (grant->actions & 1u << *(const enum access_action *)arg) != 0;
}

void plan_where_rows(const struct plan *plan, enum access_action action, struct statement *to)
{
    where_any(plan, has_action, has_action, &action, to);
}

/* As a rule all grants that show a record let it be listed and read. */
static bool listing_is_reading(const struct plan *plan)
{
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        uint32_t sees = plan->grants->grants[g]->actions & SEES;
        if (sees != 0 && sees != SEES)
            return false;
    }
    return true;
}

void plan_where_seen(const struct plan *scope, struct statement *to)
{
    if (!scope) {
        buf_add_text(to->sql, "FALSE");
        return;
    }
    buf_add_text(to->sql, "(");
    plan_where_rows(scope, ACTION_LIST, to);
    if (!listing_is_reading(scope)) {
        buf_add_text(to->sql, " OR ");
        plan_where_rows(scope, ACTION_READ, to);
    }
    buf_add_text(to->sql, ")");
}

/* … that the record named is seen, or none is named. */
static void where_named_is_seen(const struct plan *plan, const struct field *field, struct statement *to)
{
    if (field->role == FIELD_PARENT) {
        buf_add_text(to->sql, " AND ");
        plan_where_seen(plan->scopes[field->index], to);
        return;
    }
    buf_printf(to->sql, " AND (r.`%.*s` IS NULL OR (r.`_l_%.*s` = 1 AND ", STR_ARGS(field->column),
        STR_ARGS(field->column));
    plan_where_seen(plan->scopes[field->index], to);
    buf_add_text(to->sql, "))");
}

static bool shows_clear(const struct grant *grant, const void *arg)
{
    const struct field *field = arg;
    return (grant->actions & SEES) != 0 && grant_level(grant, field->key) >= LEVEL_READ;
}

static bool takes_clear(const struct grant *grant, const void *arg)
{
    const struct field *field = arg;
    return grant_level(grant, field->key) < LEVEL_READ;
}

void plan_where_clear(
    const struct plan *plan, const struct field *field, struct statement *to, bool *ret_always)
{
    const enum access_action list = ACTION_LIST;
    bool names = field->type->reference == REFERENCE_RECORD;
    *ret_always = !names || field->role == FIELD_PARENT; /* another may be in the recycle bin, at least */
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        const struct grant *grant = plan->grants->grants[g];
        if (grant->deny ? takes_clear(grant, field) : has_action(grant, &list) && !shows_clear(grant, field))
            *ret_always = false;
        if (field->role == FIELD_PARENT && !grant->deny && has_action(grant, &list) &&
            grant->row_rule != ROW_PARENT)
            *ret_always = false; /* a row may be listed whose parent is not seen */
    }
    if (*ret_always)
        return;
    buf_add_text(to->sql, "(");
    where_any(plan, shows_clear, takes_clear, field, to);
    if (names)
        where_named_is_seen(plan, field, to);
    buf_add_text(to->sql, ")");
}
