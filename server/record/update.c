/*
 * Updates: lock and read (with the epoch, in one statement), judge, then change and event as one compound
 * statement. Two people who edit different fields of a record both succeed; on the same field the second is
 * told, with three values, and loses nothing.
 */
#include "base/clock.h"
#include "base/must.h"
#include "record/change_int.h"

static task_fn int lock_record(struct tx *tx, struct update *update, struct err *err)
{
    struct locked row;
    int rc = rows_lock(tx, update->plan, ROW_LIVE, &update->id, 1, &row, err);
    if (rc < 0)
        return rc;
    if (row.record.id == 0 || !view_is_visible(row.record.view))
        return err_set(err, ERR_NOT_FOUND, "no such record, or not visible");
    update->before = row.record;
    if (!(update->before.view->actions & 1u << ACTION_UPDATE))
        return err_set(err, ERR_FORBIDDEN, "no grant updates this row");
    return 0;
}

bool update_version_is_good(struct update *update)
{
    if (str_eq(update->version, STR("*")) ||
        str_eq(update->version, record_version(update->plan, &update->before)))
        return true;
    if (update->base_known && update->base_rev == update->before.rev)
        return true;
    update->stale = true;
    return false;
}

/* Fields that the caller changes and somebody else has changed since the caller's base, to another value. */
static void find_conflicts(struct update *update, const struct db_val *values, const bool *given)
{
    struct plan *plan = update->plan;
    if (!update->base_known)
        return;
    update->conflicts = arena_new_array(task_arena(), struct record_conflict, plan->form->n_fields);
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct db_val *theirs = &update->before.values[i];
        bool has_base = update->base != NULL;
        if (!given[i] || db_val_equal(theirs, &values[i]) ||
            (has_base && db_val_equal(theirs, &update->base[i])))
            continue;
        update->conflicts[update->n_conflicts++] = (struct record_conflict){.field = &plan->form->fields[i],
            .base = has_base ? update->base[i] : DB_N,
            .has_base = has_base,
            .theirs = *theirs,
            .yours = values[i]};
    }
}

/* The row's owner or department: what the request names. Otherwise it stays; the field itself may not even
 * have been read, for one who does not see it. */
static int64_t role_id(ptrdiff_t index, const struct db_val *values, const bool *given, int64_t otherwise)
{
    if (index < 0 || !given[index])
        return otherwise;
    return id_or_none(&values[index]);
}

static bool parent_changes(const struct update *update)
{
    ptrdiff_t parent = update->plan->form->parent;
    return parent >= 0 && !db_val_equal(&update->before.values[parent], &update->after.values[parent]);
}

/* It belongs to another record now. */
static void copy_scope(struct update *update)
{
    const struct form *form = update->plan->form;
    const struct target *parent =
        target_find(update->plan, &form->fields[form->parent], update->after.values[form->parent].i);
    must(parent && parent->seen); /* it was looked at when the request was read */
    update->after.owner = parent->owner;
    update->after.department = parent->department;
    update->after.parent_title = parent->title;
}

static bool names_another(const struct update *update, size_t k)
{
    size_t i = update->plan->form->references[k];
    return !db_val_equal(&update->before.values[i], &update->after.values[i]);
}

static void copy_named(struct update *update)
{
    size_t n = update->plan->form->n_references;
    if (n == 0)
        return;
    update->after.copies = arena_new_array(task_arena(), struct record_copy, n);
    for (size_t k = 0; k < n; k++)
        update->after.copies[k] =
            names_another(update, k)
                ? target_copy(update->plan, k, &update->after.values[update->plan->form->references[k]])
                : update->before.copies[k];
}

/* Columns of ours follow and do not count. */
static bool field_differs(const struct update *update, size_t i)
{
    return !update->plan->form->fields[i].type->own_column &&
           !db_val_equal(&update->before.values[i], &update->after.values[i]);
}

bool update_differs(const struct update *update)
{
    for (size_t i = 0; i < update->plan->form->n_fields; i++)
        if (field_differs(update, i))
            return true;
    return false;
}

/* When and by whom it was changed, where something changes that everybody who lists it reads. */
static void touch(struct update *update)
{
    const struct form *form = update->plan->form;
    update->touched = false;
    for (size_t i = 0; i < form->n_fields && !update->touched; i++)
        update->touched = field_differs(update, i) && field_is_open(update->plan, &form->fields[i]);
    for (size_t i = 0; i < form->n_fields && update->touched; i++) {
        const char *own = form->fields[i].type->own_column;
        if (own && str_starts(str_of(own), STR("_changed")))
            update->after.values[i] = write_own(update->plan, &form->fields[i], update->at_us);
    }
}

int update_judge(struct update *update, struct err *err)
{
    struct plan *plan = update->plan;
    const struct form *form = plan->form;
    struct db_val *values = arena_new_array(task_arena(), struct db_val, form->n_fields);
    bool *given = arena_new_array(task_arena(), bool, form->n_fields);
    int rc = write_parse(
        plan, update->fields, update->before.view->levels, update->before.values, values, given, err);
    if (rc < 0)
        return rc;
    find_conflicts(update, values, given);
    if (update->n_conflicts > 0)
        return err_set(err, ERR_STALE, "%zu fields were changed by others", update->n_conflicts);
    update->after = update->before;
    update->after.values = arena_new_array(task_arena(), struct db_val, form->n_fields);
    for (size_t i = 0; i < form->n_fields; i++)
        update->after.values[i] = given[i] ? values[i] : update->before.values[i];
    update->after.owner = role_id(form->owner, values, given, update->before.owner);
    update->after.department = role_id(form->department, values, given, update->before.department);
    if (parent_changes(update))
        copy_scope(update);
    copy_named(update);
    touch(update);
    update->after.view = plan_view(plan, &update->after);
    if (!view_is_visible(update->after.view))
        return err_set(err, ERR_FORBIDDEN, "the row would leave what the caller may see");
    return 0;
}

void update_event(const struct update *update, struct audit_event *ret_event)
{
    struct plan *plan = update->plan;
    struct arena *arena = task_arena();
    struct audit_change *changes = arena_new_array(arena, struct audit_change, plan->form->n_fields);
    struct audit_event event = caller_event(plan->caller, AUDIT_UPDATE, plan->form->key, update->id);
    event.id = update->event_id;
    event.at_us = update->at_us;
    event.rev = update->after.rev;
    event.changes = changes;
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        if (field_differs(update, i))
            changes[event.n_changes++] = (struct audit_change){.field = field->key,
                .before = value_json(field, &update->before.values[i], arena),
                .after = value_json(field, &update->after.values[i], arena)};
    }
    *ret_event = event;
}

void update_row(struct tx *tx, const struct update *update, struct search_batch *search)
{
    struct statement *sql = statement_new();
    char at[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(update->at_us, at);
    buf_printf(sql->sql, "UPDATE `%.*s` SET _rev = ?", STR_ARGS(update->plan->form->table));
    statement_bind(sql, DB_I(update->after.rev));
    if (update->touched) {
        buf_add_text(sql->sql, ", _changed_at = ?, _changed_by = ?");
        statement_bind(sql, DB_S(arena_copy(task_arena(), ((struct str){at, n}))));
        statement_bind(sql, DB_I(update->plan->caller->user_id));
    }
    for (size_t i = 0; i < update->plan->form->n_fields; i++)
        if (!db_val_equal(&update->before.values[i], &update->after.values[i]))
            write_column(&update->plan->form->fields[i], &update->after.values[i], ", ", " = ?", sql);
    if (parent_changes(update))
        write_scope(update->plan->form, &update->after, false, ", ", " = ?", sql);
    for (size_t k = 0; k < update->plan->form->n_references; k++)
        if (names_another(update, k))
            write_copy(update->plan->form, k, &update->after.copies[k], ", ", " = ?", sql);
    buf_add_text(sql->sql, " WHERE _id = ?");
    statement_bind(sql, DB_I(update->id));
    tx_add(tx, buf_cstr(sql->sql), sql->params, sql->n_params);
    search_add(search, tx, update->plan->form, update->id, update->before.values, update->after.values);
}

static task_fn int write_update(struct tx *tx, void *arg, struct err *err)
{
    struct update *update = arg;
    struct audit_event event;
    update->stale = false;
    update->n_conflicts = 0;
    update->plan->targets = NULL; /* of a run that was begun again: they are not locked any more */
    int rc = lock_record(tx, update, err);
    if (rc < 0)
        return rc;
    if (!update_version_is_good(update))
        return err_set(err, ERR_STALE, "the version is not the present one");
    rc = targets_read_named(update->plan, tx, &update->fields, 1, err);
    if (rc < 0)
        return rc;
    rc = update_judge(update, err);
    if (rc < 0 || !update_differs(update))
        return rc;
    update->after.rev = update->before.rev + 1;
    update_event(update, &event);
    update->move = (struct children_move){.plan = update->plan,
        .cause = update->event_id,
        .at_us = update->at_us,
        .before = &update->before,
        .after = &update->after};
    rc = children_lock(tx, &update->move, 1, err);
    if (rc < 0)
        return rc;
    (void)audit_add(tx, &event);
    children_events(tx, &update->move);
    struct search_batch *search = search_batch_new();
    update_row(tx, update, search);
    children_rows(tx, &update->move);
    search_flush(search, tx);
    return 0;
}

task_fn int update_find_base(struct update *update, struct err *err)
{
    bool found = false;
    struct db_val *base = arena_new_array(task_arena(), struct db_val, update->plan->form->n_fields);
    task_stage("merge");
    int rc = merge_find_base(update->plan, &update->before, update->version, &found, base, err);
    if (rc < 0)
        return rc;
    update->base_known = true;
    update->base_rev = update->before.rev;
    update->base = found ? base : NULL;
    return 0;
}

static task_fn int update_once(struct update *update, struct tx_done *ret_done, struct err *err)
{
    struct audit_event event =
        caller_event(update->plan->caller, AUDIT_UPDATE, update->plan->form->key, update->id);
    update->event_id = event.id;
    update->at_us = clock_utc_us();
    struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = update->event_id};
    task_stage("write");
    int rc = clash_check(update->plan, &update->fields, 1, err);
    if (rc < 0)
        return rc;
    rc = tx_run(update->plan->caller->house->app, &opts, write_update, update, ret_done, err);
    if (rc != -ERR_STALE || !update->stale)
        return rc < 0 ? clash_answer(update->plan, update->id, err) : 0;
    err_clear(err);
    rc = update_find_base(update, err);
    return rc < 0 ? rc : -ERR_DB_RETRY;
}

task_fn int change_shown(
    const struct plan *plan, const char *what, const int64_t *ids, size_t n, struct err *err)
{
    if (n == 0)
        return 0;
    struct audit_event event =
        caller_event(plan->caller, n == 1 ? AUDIT_READ : AUDIT_LIST, plan->form->key, n == 1 ? ids[0] : 0);
    event.records = n == 1 ? NULL : ids;
    event.n_records = n == 1 ? 0 : n;
    event.detail = arena_printf(task_arena(), "{\"what\":\"%s\"}", what);
    task_stage("log");
    return audit_read(plan->caller->house->reader, &event, err);
}

/* The records that the values of a conflict name. */
static task_fn int read_named(struct update *update, struct err *err)
{
    for (size_t i = 0; i < update->n_conflicts; i++) {
        const struct record_conflict *conflict = &update->conflicts[i];
        const int64_t ids[] = {conflict->base.kind == DB_INT ? conflict->base.i : 0,
            conflict->theirs.kind == DB_INT ? conflict->theirs.i : 0};
        struct err why = {0};
        if (conflict->field->type->reference != REFERENCE_RECORD)
            continue;
        int rc = targets_read(update->plan, NULL, conflict->field, ids, 2, &why);
        if (rc < 0) {
            *err = why;
            return rc;
        }
    }
    return 0;
}

task_fn int record_update(struct caller *caller, struct str form_key, int64_t id, struct str version,
    const struct json *fields, struct record_done *ret_done, struct err *err)
{
    struct update update = {.id = id, .version = version, .fields = fields};
    struct tx_done done = {0};
    int rc = plan_make(task_arena(), caller, form_key, &update.plan, err);
    for (int i = 0; rc == 0; i++) {
        rc = update_once(&update, &done, err);
        if (i == RECORD_WRITE_TRIES || (rc != -ERR_EPOCH_MOVED && rc != -ERR_DB_RETRY))
            break;
        bool moved = rc == -ERR_EPOCH_MOVED;
        err_clear(err);
        rc = moved ? caller_renew(caller, err) : 0;
        if (rc == 0 && moved)
            rc = plan_make(task_arena(), caller, form_key, &update.plan, err);
    }
    if (rc == -ERR_STALE && read_named(&update, err) < 0)
        return -(int)err->code;
    bool unchanged = rc == 0 && !update_differs(&update);
    if (unchanged || (rc == -ERR_STALE && update.n_conflicts > 0)) {
        struct err why = {0};
        if (change_shown(update.plan, unchanged ? "unchanged" : "conflict", &id, 1, &why) < 0) {
            *err = why;
            return -(int)why.code;
        }
    }
    if (rc == 0 || rc == -ERR_STALE)
        *ret_done = (struct record_done){.plan = update.plan,
            .record = rc == 0 ? update.after : update.before,
            .pos = position_print(caller->house, &done, task_arena()),
            .conflicts = update.conflicts,
            .n_conflicts = update.n_conflicts};
    if (rc == -ERR_DB_RETRY && err->code == ERR_NONE)
        return err_set(err, ERR_STALE, "the record changes faster than it can be merged");
    return rc;
}
