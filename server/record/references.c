/*
 * Records that the fields of others name. A row holds copies of what decides whether a viewer sees the record
 * named, and of its title, so that every rule, filter and frame looks at the row alone: nothing is joined,
 * and no row is read because another one has changed. The copies are made under a lock of that record, and
 * move with it in one transaction (children.c).
 *
 * Which record it is, is unknown to whoever may not see that one: the reference is masked on such a row, like
 * any other masked value, and an id that is absent is answered as one that is not visible.
 */
#include "base/id.h"
#include "base/must.h"
#include "record/plan_int.h"

const struct target *target_find(const struct plan *plan, const struct field *field, int64_t id)
{
    for (const struct target *target = plan->targets; target; target = target->next)
        if (target->id == id && target->field == field)
            return target;
    return NULL;
}

int64_t target_named(const struct field *field, const struct json *fields)
{
    const struct json *given = fields->kind == JSON_OBJECT ? json_get(fields, field->key) : NULL;
    int64_t id = 0;
    return given && given->kind == JSON_STR && id_parse(given->str, &id) ? id : 0;
}

struct record_copy target_copy(const struct plan *plan, size_t k, const struct db_val *value)
{
    if (value->kind == DB_NULL)
        return (struct record_copy){0};
    const struct target *target = target_find(plan, &plan->form->fields[plan->form->references[k]], value->i);
    must(target && target->seen); /* it was looked at when the request was read */
    return (struct record_copy){target->owner, target->department, target->title, true};
}

static struct str title_shown(const struct record_view *view, size_t title, const struct db_val *value)
{
    if (value->kind == DB_NULL || value->kind == DB_INT || view->levels[title] == LEVEL_HIDDEN)
        return STR_NULL;
    return view->levels[title] == LEVEL_MASKED ? masked_text(view->masks[title], value) : value->s;
}

struct str target_title_shown(const struct record *record, const struct field *field)
{
    bool parent = field->role == FIELD_PARENT;
    const struct record_view *view = parent                ? record->view->parent
                                     : record->view->named ? record->view->named[field->reference]
                                                           : NULL;
    if (!view || (!parent && !record->copies))
        return STR_NULL;
    return title_shown(view, field->target_form->title,
        parent ? &record->parent_title : &record->copies[field->reference].title);
}

/* ---- reading them -------------------------------------------------------------------------------------- */

static task_fn int ask(
    struct plan *plan, struct tx *tx, struct statement *select, struct db_rows *ret_rows, struct err *err)
{
    const char *sql = buf_cstr(select->sql);
    return tx ? tx_query(tx, sql, select->params, select->n_params, ret_rows, err)
              : db_query(plan->caller->house->app, sql, select->params, select->n_params, ret_rows, err);
}

/* Those that are not there yet, each once; as records that nobody sees. */
static size_t add_unread(
    struct plan *plan, const struct field *field, const int64_t *ids, size_t n, int64_t *ret_ids)
{
    size_t unread = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == 0 || target_find(plan, field, ids[i]))
            continue;
        struct target *target = arena_new_one(plan->arena, struct target);
        *target = (struct target){.next = plan->targets, .id = ids[i], .field = field};
        plan->targets = target;
        ret_ids[unread++] = ids[i];
    }
    return unread;
}

static void keep(
    struct plan *plan, const struct field *field, struct plan *full, const struct db_rows *rows, size_t row)
{
    struct record record;
    const struct form *form = full->form;
    plan_read_row(full, rows, row, 0, &record);
    struct target *target = plan->targets;
    while (target->id != record.id || target->field != field) /* it was asked for, so it is there */
        target = target->next;
    target->rev = record.rev;
    target->owner = record.owner;
    target->department = record.department;
    target->title = *db_cell(rows, row, plan_n_columns(full));
    const struct record_view *scope =
        plan_scope_view(plan->scopes[field->index], record.owner, record.department);
    target->seen = view_is_visible(record.view) && view_is_visible(scope);
    if (target->seen)
        target->shown = title_shown(scope, form->title, &target->title);
}

task_fn int targets_read(struct plan *plan, struct tx *tx, const struct field *field, const int64_t *ids,
    size_t n, struct err *err)
{
    struct plan *full;
    struct statement *select = statement_new();
    struct db_rows rows;
    int64_t *unread = arena_new_array(task_arena(), int64_t, n + 1);
    size_t n_unread = add_unread(plan, field, ids, n, unread);
    if (n_unread == 0 || !plan->scopes[field->index])
        return 0;
    int rc = plan_make(plan->arena, plan->caller, field->target_form->key, &full, err);
    if (rc < 0)
        return rc;
    const struct form *form = full->form;
    const struct str columns = plan_columns(full);
    buf_printf(select->sql, "SELECT %.*s, r.`%.*s` FROM `%.*s` r WHERE r._live = 1 AND r._id IN (",
        STR_ARGS(columns), STR_ARGS(form->fields[form->title].column), STR_ARGS(form->table));
    statement_bind_ids(select, unread, n_unread);
    buf_add_text(select->sql, tx ? ") ORDER BY r._id LOCK IN SHARE MODE" : ")");
    rc = ask(plan, tx, select, &rows, err);
    for (size_t row = 0; rc == 0 && row < rows.n_rows; row++)
        keep(plan, field, full, &rows, row);
    return rc;
}

task_fn int targets_read_named(
    struct plan *plan, struct tx *tx, const struct json *const *requests, size_t n, struct err *err)
{
    int64_t *ids = arena_new_array(task_arena(), int64_t, n + 1);
    int rc = 0;
    for (size_t f = 0; f < plan->form->n_fields && rc == 0; f++) {
        const struct field *field = &plan->form->fields[f];
        if (field->type->reference != REFERENCE_RECORD)
            continue;
        for (size_t i = 0; i < n; i++)
            ids[i] = target_named(field, requests[i]);
        rc = targets_read(plan, tx, field, ids, n, err);
    }
    return rc;
}

static bool is_same(
    const struct plan *plan, const struct field *field, const struct db_rows *rows, size_t row)
{
    const struct target *target = target_find(plan, field, db_cell(rows, row, 0)->i);
    return target && target->rev == db_cell(rows, row, 1)->i &&
           target->owner == id_or_none(db_cell(rows, row, 2)) &&
           target->department == id_or_none(db_cell(rows, row, 3)) &&
           db_val_equal(&target->title, db_cell(rows, row, 4));
}

static task_fn int hold(struct plan *plan, struct tx *tx, const struct field *field, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    size_t n = 0;
    const struct form *form = field->target_form;
    for (const struct target *target = plan->targets; target; target = target->next)
        n += target->seen && target->field == field;
    if (n == 0)
        return 0;
    int64_t *ids = arena_new_array(task_arena(), int64_t, n);
    n = 0;
    for (const struct target *target = plan->targets; target; target = target->next)
        if (target->seen && target->field == field)
            ids[n++] = target->id;
    buf_printf(select->sql,
        "SELECT r._id, r._rev, r._owner, r._department, r.`%.*s` FROM `%.*s` r WHERE r._live = 1 AND r._id IN (",
        STR_ARGS(form->fields[form->title].column), STR_ARGS(form->table));
    statement_bind_ids(select, ids, n);
    buf_add_text(select->sql, ") ORDER BY r._id LOCK IN SHARE MODE");
    int rc = ask(plan, tx, select, &rows, err);
    if (rc < 0)
        return rc;
    bool same = rows.n_rows == n;
    for (size_t row = 0; same && row < rows.n_rows; row++)
        same = is_same(plan, field, &rows, row);
    return same ? 0 : err_set(err, ERR_EPOCH_MOVED, "a record that is named has changed meanwhile");
}

task_fn int targets_hold(struct plan *plan, struct tx *tx, struct err *err)
{
    int rc = 0;
    for (size_t f = 0; f < plan->form->n_fields && rc == 0; f++)
        if (plan->form->fields[f].type->reference == REFERENCE_RECORD)
            rc = hold(plan, tx, &plan->form->fields[f], err);
    return rc;
}
