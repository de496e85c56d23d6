/*
 * Records that belong to another record (DECISIONS A1). A child's row holds its parent's owner, department
 * and title, so that every rule, filter and frame looks at the row alone: nothing is joined, and no row is
 * read because another one has changed. The copies are made under a lock of the parent, and move with it in
 * one transaction.
 *
 * Which record a child belongs to is unknown to whoever may not see that one: the reference is masked on such
 * a row, like any other masked value, and an id that is absent is answered as one that is not visible.
 */
#include "base/id.h"
#include "base/must.h"
#include "record/plan_int.h"

const struct parent *parent_find(const struct plan *plan, int64_t id)
{
    for (const struct parent *parent = plan->parents; parent; parent = parent->next)
        if (parent->id == id)
            return parent;
    return NULL;
}

int64_t parent_named(const struct plan *plan, const struct json *fields)
{
    const struct json *given = plan->form->parent >= 0 && fields->kind == JSON_OBJECT
                                   ? json_get(fields, plan->form->fields[plan->form->parent].key)
                                   : NULL;
    int64_t id = 0;
    return given && given->kind == JSON_STR && id_parse(given->str, &id) ? id : 0;
}

static struct str title_shown(const struct record_view *view, size_t title, const struct db_val *value)
{
    if (value->kind == DB_NULL || value->kind == DB_INT || view->levels[title] == LEVEL_HIDDEN)
        return STR_NULL;
    return view->levels[title] == LEVEL_MASKED ? masked_text(view->masks[title], value) : value->s;
}

struct str parent_title_shown(
    const struct plan *plan, const struct record_view *view, const struct db_val *title)
{
    return view->parent ? title_shown(view->parent, plan->form->parent_form->title, title) : STR_NULL;
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
static size_t add_unread(struct plan *plan, const int64_t *ids, size_t n, int64_t *ret_ids)
{
    size_t unread = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == 0 || parent_find(plan, ids[i]))
            continue;
        struct parent *parent = arena_new_one(plan->arena, struct parent);
        *parent = (struct parent){.next = plan->parents, .id = ids[i]};
        plan->parents = parent;
        ret_ids[unread++] = ids[i];
    }
    return unread;
}

static void keep(struct plan *plan, struct plan *full, const struct db_rows *rows, size_t row)
{
    struct record record;
    const struct form *form = full->form;
    plan_read_row(full, rows, row, 0, &record);
    struct parent *parent = plan->parents;
    while (parent->id != record.id) /* it was asked for, so it is there */
        parent = parent->next;
    parent->rev = record.rev;
    parent->owner = record.owner;
    parent->department = record.department;
    parent->title = *db_cell(rows, row, COLUMN_FIELDS + form->n_fields);
    const struct record_view *scope = plan_scope_view(plan, record.owner, record.department);
    parent->seen = view_is_visible(record.view) && view_is_visible(scope);
    if (parent->seen)
        parent->shown = title_shown(scope, form->title, &parent->title);
}

task_fn int parents_read(struct plan *plan, struct tx *tx, const int64_t *ids, size_t n, struct err *err)
{
    struct plan *full;
    struct statement *select = statement_new();
    struct db_rows rows;
    int64_t *unread = arena_new_array(task_arena(), int64_t, n + 1);
    size_t n_unread = add_unread(plan, ids, n, unread);
    if (n_unread == 0 || !plan->parent)
        return 0;
    int rc = plan_make(plan->arena, plan->caller, plan->parent->form->key, &full, err);
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
        keep(plan, full, &rows, row);
    return rc;
}

task_fn int parents_hold(struct plan *plan, struct tx *tx, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    size_t n = 0;
    const struct form *form = plan->form->parent_form;
    for (const struct parent *parent = plan->parents; parent; parent = parent->next)
        n += parent->seen;
    if (n == 0)
        return 0;
    int64_t *ids = arena_new_array(task_arena(), int64_t, n);
    n = 0;
    for (const struct parent *parent = plan->parents; parent; parent = parent->next)
        if (parent->seen)
            ids[n++] = parent->id;
    buf_printf(select->sql,
        "SELECT r._id, r._rev, r._owner, r._department, r.`%.*s` FROM `%.*s` r WHERE r._live = 1 AND r._id IN (",
        STR_ARGS(form->fields[form->title].column), STR_ARGS(form->table));
    statement_bind_ids(select, ids, n);
    buf_add_text(select->sql, ") ORDER BY r._id LOCK IN SHARE MODE");
    int rc = ask(plan, tx, select, &rows, err);
    if (rc < 0)
        return rc;
    bool same = rows.n_rows == n;
    for (size_t row = 0; same && row < rows.n_rows; row++) {
        const struct parent *parent = parent_find(plan, db_cell(&rows, row, 0)->i);
        same = parent && parent->rev == db_cell(&rows, row, 1)->i &&
               parent->owner == id_or_none(db_cell(&rows, row, 2)) &&
               parent->department == id_or_none(db_cell(&rows, row, 3)) &&
               db_val_equal(&parent->title, db_cell(&rows, row, 4));
    }
    return same ? 0 : err_set(err, ERR_EPOCH_MOVED, "the record it belongs to has changed meanwhile");
}
