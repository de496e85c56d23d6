/*
 * What happens to the records that belong to another one when that one changes (DECISIONS A1): they follow
 * its owner, department and title, go into the recycle bin with it and come back with it, in the same
 * transaction, each with its event. Those that only name it hold its owner, department and title beside the
 * field that names it, and whether it is there (references.c): these follow likewise, in the bin as well.
 *
 * One that went with its record is marked by having no `_deleted_by`: nobody has deleted it by itself. So it
 * comes back with it, and those that somebody had deleted before do not.
 */
#include "base/clock.h"
#include "base/must.h"
#include "record/admin_int.h"
#include "record/change_int.h"

static bool title_moves(const struct children_move *move)
{
    size_t title = move->plan->form->title;
    return !db_val_equal(&move->before->values[title], &move->after->values[title]);
}

static bool scope_moves(const struct children_move *move)
{
    return move->before->owner != move->after->owner || move->before->department != move->after->department;
}

/* Whether there is anything to do for those that belong to it. */
static bool concerns(const struct children_move *move)
{
    return move->kind != CHILDREN_FOLLOW || scope_moves(move) || title_moves(move);
}

/* What is refused where too many rows would follow. */
static struct str moving_path(const struct children_move *move)
{
    const struct form *form = move->plan->form;
    ptrdiff_t index = move->before->department != move->after->department ? form->department
                      : move->before->owner != move->after->owner         ? form->owner
                                                                          : (ptrdiff_t)form->title;
    if (move->kind != CHILDREN_FOLLOW)
        return arena_printf(task_arena(), "%.*srelated", STR_ARGS(move->path));
    return arena_printf(
        task_arena(), "%.*sfields.%.*s", STR_ARGS(move->path), STR_ARGS(form->fields[index].key));
}

/* ---- locking ------------------------------------------------------------------------------------------- */

static const char *const CONCERNED[] = {
    [CHILDREN_FOLLOW] = "",
    [CHILDREN_LEAVE] = " AND _live = 1",
    [CHILDREN_RETURN] = " AND _live IS NULL AND _deleted_by IS NULL",
};

struct locking {
    struct children_move *moves; /* ascending by the record's id */
    size_t n_moves, total;
};

/* A row that names the record by several fields changes once for each. */
static int64_t times_before(const struct children_move *move, const struct form *form, int64_t id)
{
    int64_t times = 0;
    for (size_t f = 0; form->n_references > 1 && f < move->n_forms; f++)
        for (size_t i = 0; move->forms[f].form == form && i < move->forms[f].n; i++)
            times += move->forms[f].at[i].id == id;
    return times;
}

static void keep_child(
    struct children_move *move, const struct form *form, const struct field *field, int64_t id, int64_t rev)
{
    struct children_of_form *last = move->n_forms ? &move->forms[move->n_forms - 1] : NULL;
    rev += times_before(move, form, id);
    if (!last || last->field != field) {
        last = &move->forms[move->n_forms++];
        *last = (struct children_of_form){.form = form, .field = field};
    }
    if (last->n == last->cap) {
        size_t cap = last->cap ? last->cap * 2 : 8;
        struct child *grown = arena_new_array(task_arena(), struct child, cap);
        for (size_t i = 0; i < last->n; i++)
            grown[i] = last->at[i];
        last->at = grown;
        last->cap = cap;
    }
    last->at[last->n++] = (struct child){id, rev};
}

static struct children_move *move_of(struct locking *locking, int64_t parent)
{
    size_t low = 0, high = locking->n_moves;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (locking->moves[middle].before->id < parent)
            low = middle + 1;
        else
            high = middle;
    }
    must(low < locking->n_moves && locking->moves[low].before->id == parent);
    return &locking->moves[low];
}

/* In the order of the index: two transactions that lock children of the same records meet and do not cross.
 */
static task_fn int lock_field(struct tx *tx, struct locking *locking, const struct form *form,
    const struct field *field, enum children_kind kind, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    struct str column = field->column;
    size_t n = 0;
    buf_printf(select->sql, "SELECT _id, _rev, `%.*s` FROM `%.*s` WHERE `%.*s` IN (", STR_ARGS(column),
        STR_ARGS(form->table), STR_ARGS(column));
    for (size_t i = 0; i < locking->n_moves; i++) {
        const struct children_move *move = &locking->moves[i];
        if (move->kind != kind || !concerns(move))
            continue;
        buf_add_text(select->sql, n++ ? ",?" : "?");
        statement_bind(select, DB_I(move->before->id));
    }
    if (n == 0)
        return 0;
    buf_printf(select->sql, ")%s ORDER BY `%.*s`, _id LIMIT ? FOR UPDATE",
        field->role == FIELD_PARENT ? CONCERNED[kind] : "", STR_ARGS(column));
    statement_bind(select, DB_I(CHILDREN_MAX + 1));
    int rc = tx_query(tx, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        struct children_move *move = move_of(locking, db_cell(&rows, i, 2)->i);
        if (++locking->total > CHILDREN_MAX)
            return err_add(err, task_arena(), moving_path(move), FAULT_TOO_MANY,
                arena_printf(task_arena(), "%d", CHILDREN_MAX));
        keep_child(move, form, field, db_cell(&rows, i, 0)->i, db_cell(&rows, i, 1)->i);
    }
    return rc;
}

static size_t count_references(const struct catalog *catalog)
{
    size_t n = 0;
    for (size_t i = 0; i < catalog->n_forms; i++)
        n += catalog->forms[i].n_references + (catalog->forms[i].parent >= 0);
    return n;
}

static task_fn int lock_form(
    struct tx *tx, struct locking *locking, const struct plan *plan, const struct form *form, struct err *err)
{
    for (size_t f = 0; f < form->n_fields; f++) {
        if (form->fields[f].target_form != plan->form)
            continue;
        for (enum children_kind kind = CHILDREN_FOLLOW; kind <= CHILDREN_RETURN; kind++) {
            int rc = lock_field(tx, locking, form, &form->fields[f], kind, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

task_fn int children_lock(struct tx *tx, struct children_move *moves, size_t n, struct err *err)
{
    struct locking locking = {.moves = moves, .n_moves = n};
    if (n == 0)
        return 0;
    const struct plan *plan = moves[0].plan;
    const struct catalog *catalog = plan->caller->world->catalog;
    for (size_t i = 0; i < n; i++) {
        moves[i].n_forms = 0;
        if (concerns(&moves[i]))
            moves[i].forms =
                arena_new_array(task_arena(), struct children_of_form, count_references(catalog) + 1);
    }
    for (size_t i = 0; i < catalog->n_forms; i++) {
        int rc = lock_form(tx, &locking, plan, &catalog->forms[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* Owner and department are named; the title may be masked for who reads the log, and stands in the cause. */
static struct str column_of(const struct field *field, char what)
{
    if (field->role == FIELD_PARENT)
        return what == 'o' ? STR("_owner") : STR("_department");
    return arena_printf(task_arena(), "_%c_%.*s", what, STR_ARGS(field->key));
}

static size_t changes_of(
    const struct children_move *move, const struct field *field, struct audit_change *ret_changes)
{
    size_t n = 0;
    bool leaves = move->kind == CHILDREN_LEAVE;
    if (move->kind != CHILDREN_FOLLOW && field->role == FIELD_PARENT)
        return 0;
    if (move->kind != CHILDREN_FOLLOW)
        ret_changes[n++] =
            (struct audit_change){column_of(field, 'l'), json_of_bool(leaves), json_of_bool(!leaves)};
    if (move->before->owner != move->after->owner)
        ret_changes[n++] = (struct audit_change){
            column_of(field, 'o'), json_of_id(move->before->owner), json_of_id(move->after->owner)};
    if (move->before->department != move->after->department)
        ret_changes[n++] = (struct audit_change){
            column_of(field, 'd'), json_of_id(move->before->department), json_of_id(move->after->department)};
    return n;
}

void children_events(struct tx *tx, const struct children_move *move)
{
    static const enum audit_action ACTIONS[] = {
        [CHILDREN_FOLLOW] = AUDIT_DERIVE, [CHILDREN_LEAVE] = AUDIT_DELETE, [CHILDREN_RETURN] = AUDIT_RESTORE};
    struct str detail =
        arena_printf(task_arena(), "{\"cause\":\"%lld\",\"form\":\"%.*s\",\"record\":\"%lld\"}",
            (long long)move->cause, STR_ARGS(move->plan->form->key), (long long)move->after->id);
    for (size_t f = 0; f < move->n_forms; f++) {
        const struct children_of_form *children = &move->forms[f];
        struct audit_event *events = arena_new_array(task_arena(), struct audit_event, children->n + 1);
        struct audit_change *changes = arena_new_array(task_arena(), struct audit_change, 3);
        size_t n_changes = changes_of(move, children->field, changes);
        bool belongs = children->field->role == FIELD_PARENT;
        for (size_t i = 0; i < children->n; i++) {
            events[i] = caller_event(move->plan->caller, belongs ? ACTIONS[move->kind] : AUDIT_DERIVE,
                children->form->key, children->at[i].id);
            events[i].at_us = move->at_us;
            events[i].rev = children->at[i].rev + 1;
            events[i].changes = changes;
            events[i].n_changes = n_changes;
            events[i].detail = detail;
        }
        audit_add_many(tx, events, children->n);
    }
}

static void set_what_moves(const struct children_move *move, const struct form *form, struct statement *sql)
{
    if (move->kind == CHILDREN_LEAVE)
        write_deleted(move->at_us, 0, sql);
    else if (move->kind == CHILDREN_RETURN)
        write_restored(sql);
    else {
        struct record copy = {.owner = move->after->owner,
            .department = move->after->department,
            .parent_title = move->after->values[move->plan->form->title]};
        write_scope(form, &copy, !title_moves(move), ", ", " = ?", sql);
    }
}

static void set_what_is_held(
    const struct children_move *move, const struct field *field, struct statement *sql)
{
    const struct record *now = move->after;
    struct str column = field->column;
    write_derived(STR("_o_"), column, now->owner ? DB_I(now->owner) : DB_N, ", ", " = ?", sql);
    write_derived(STR("_d_"), column, now->department ? DB_I(now->department) : DB_N, ", ", " = ?", sql);
    if (title_moves(move))
        write_derived(STR("_t_"), column, now->values[move->plan->form->title], ", ", " = ?", sql);
    if (move->kind != CHILDREN_FOLLOW)
        write_derived(STR("_l_"), column, move->kind == CHILDREN_RETURN ? DB_I(1) : DB_N, ", ", " = ?", sql);
}

void children_rows(struct tx *tx, const struct children_move *move)
{
    for (size_t f = 0; f < move->n_forms; f++) {
        const struct form *form = move->forms[f].form;
        const struct field *field = move->forms[f].field;
        bool belongs = field->role == FIELD_PARENT;
        struct statement *sql = statement_new();
        buf_printf(sql->sql, "UPDATE `%.*s` SET _rev = _rev + 1", STR_ARGS(form->table));
        if (belongs)
            set_what_moves(move, form, sql);
        else
            set_what_is_held(move, field, sql);
        buf_printf(
            sql->sql, " WHERE `%.*s` = ?%s", STR_ARGS(field->column), belongs ? CONCERNED[move->kind] : "");
        statement_bind(sql, DB_I(move->after->id));
        tx_add(tx, buf_cstr(sql->sql), sql->params, sql->n_params);
    }
}
