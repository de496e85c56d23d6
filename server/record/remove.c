/*
 * Into the recycle bin and out of it (DECISIONS A29). A deleted record keeps its values and its rights;
 * `_live` is NULL, so that it stands in no list and no unique key, and in the feed it is a leave. What
 * belongs to it goes and comes back with it (children.c).
 *
 * The bin is seen under the grants that give `restore`: whoever may not bring a record back does not see that
 * it is there.
 */
#include "base/clock.h"
#include "base/must.h"
#include "record/change_int.h"

struct removal {
    struct plan *plan;
    int64_t id;
    struct str version; /* of a deletion; empty or "*": whatever it is */
    bool back;          /* out of the bin */
    bool was_there;     /* it was not in the bin */
    int64_t event_id, at_us;
    struct record record;
    struct children_move move;
};

int removal_check(const struct plan *plan, const struct locked *row, struct str version, struct err *err)
{
    if (row->record.id == 0 || !view_is_visible(row->record.view))
        return err_set(err, ERR_NOT_FOUND, "no such record, or not visible");
    if (!(row->record.view->actions & 1u << ACTION_DELETE))
        return err_set(err, ERR_FORBIDDEN, "no grant deletes this row");
    if (version.n && !str_eq(version, STR("*")) && !str_eq(version, record_version(plan, &row->record)))
        return err_set(err, ERR_STALE, "the version is not the present one");
    return 0;
}

int return_check(const struct locked *row, struct err *err)
{
    const struct record_view *view = row->record.view;
    bool may = row->record.id != 0 && view->actions & 1u << ACTION_RESTORE;
    if (row->record.id == 0 || !view_is_visible(view) || (row->deleted && !may))
        return err_set(err, ERR_NOT_FOUND, "no such record, or not visible");
    return may ? 0 : err_set(err, ERR_FORBIDDEN, "no grant restores this row");
}

/* A record does not come back alone where the one that it belongs to is in the bin. */
task_fn int return_hold_parent(
    struct tx *tx, const struct plan *plan, const struct record *record, struct err *err)
{
    const struct form *form = plan->form;
    struct statement *select = statement_new();
    struct db_rows rows;
    if (form->parent < 0)
        return 0;
    const struct field *field = &form->fields[form->parent];
    buf_printf(select->sql,
        "SELECT p._id FROM `%.*s` r JOIN `%.*s` p ON p._id = r.`%.*s` AND p._live = 1 WHERE r._id = ? "
        "LOCK IN SHARE MODE",
        STR_ARGS(form->table), STR_ARGS(form->parent_form->table), STR_ARGS(field->column));
    statement_bind(select, DB_I(record->id));
    int rc = tx_query(tx, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0 || rows.n_rows == 1)
        return rc;
    struct arena *arena = task_arena();
    (void)err_set(err, ERR_CONFLICT, "the record it belongs to is in the recycle bin");
    if (record->view->levels[field->index] != LEVEL_HIDDEN)
        (void)err_add(
            err, arena, arena_printf(arena, "fields.%.*s", STR_ARGS(field->key)), FAULT_DELETED, STR_NULL);
    return -ERR_CONFLICT;
}

static void add_row(struct tx *tx, int64_t id, struct statement *sql)
{
    buf_add_text(sql->sql, " WHERE _id = ?");
    statement_bind(sql, DB_I(id));
    tx_add(tx, buf_cstr(sql->sql), sql->params, sql->n_params);
}

void removal_row(struct tx *tx, const struct plan *plan, int64_t id, int64_t at_us)
{
    struct statement *sql = statement_new();
    buf_printf(sql->sql, "UPDATE `%.*s` SET _rev = _rev + 1", STR_ARGS(plan->form->table));
    write_deleted(at_us, plan->caller->user_id, sql);
    add_row(tx, id, sql);
}

void return_row(struct tx *tx, const struct plan *plan, int64_t id)
{
    struct statement *sql = statement_new();
    buf_printf(sql->sql, "UPDATE `%.*s` SET _rev = _rev + 1", STR_ARGS(plan->form->table));
    write_restored(sql);
    add_row(tx, id, sql);
}

static task_fn int write_removal(struct tx *tx, void *arg, struct err *err)
{
    struct removal *removal = arg;
    struct locked row;
    int rc = rows_lock(tx, removal->plan, removal->back ? ROW_EITHER : ROW_LIVE, &removal->id, 1, &row, err);
    if (rc == 0)
        rc = removal->back ? return_check(&row, err)
                           : removal_check(removal->plan, &row, removal->version, err);
    if (rc < 0)
        return rc;
    removal->record = row.record;
    removal->was_there = removal->back && !row.deleted;
    if (removal->was_there)
        return 0; /* somebody was faster */
    if (removal->back && (rc = return_hold_parent(tx, removal->plan, &removal->record, err)) < 0)
        return rc;
    removal->move = (struct children_move){.plan = removal->plan,
        .kind = removal->back ? CHILDREN_RETURN : CHILDREN_LEAVE,
        .cause = removal->event_id,
        .at_us = removal->at_us,
        .before = &removal->record,
        .after = &removal->record};
    rc = children_lock(tx, &removal->move, 1, err);
    if (rc < 0)
        return rc;
    struct audit_event event = caller_event(removal->plan->caller,
        removal->back ? AUDIT_RESTORE : AUDIT_DELETE, removal->plan->form->key, removal->id);
    event.id = removal->event_id;
    event.at_us = removal->at_us;
    event.rev = removal->record.rev + 1;
    (void)audit_add(tx, &event);
    children_events(tx, &removal->move);
    if (removal->back)
        once_add(
            tx, removal->plan->caller, &(struct once_records){.restored = &removal->id, .n_restored = 1});
    if (removal->back)
        return_row(tx, removal->plan, removal->id);
    else
        removal_row(tx, removal->plan, removal->id, removal->at_us);
    children_rows(tx, &removal->move);
    return 0;
}

/* A value that has gone to somebody else meanwhile: the field is named to who sees it on this record. */
static task_fn int clash(const struct removal *removal, struct err *err)
{
    struct str key;
    if (err->code != ERR_DB_DUPLICATE || !removal->back || !db_duplicate_key(err, &key))
        return -(int)err->code;
    const struct field *field = str_starts(key, STR("uk_"))
                                    ? form_field_find(removal->plan->form, (struct str){key.p + 3, key.n - 3})
                                    : NULL;
    if (field && removal->record.view->levels[field->index] >= LEVEL_READ)
        return clash_answer(removal->plan, removal->id, err);
    err_clear(err);
    return err_set(err, ERR_CONFLICT, "a unique value of the record or of what belongs to it is taken");
}

/* Planned anew under the newest world as long as it moves under our hands. */
static task_fn int run(struct caller *caller, struct str form_key, enum access_action action,
    struct removal *removal, struct record_done *ret_done, struct err *err)
{
    for (int i = 0;; i++) {
        struct tx_done done = {0};
        int rc = plan_make(task_arena(), caller, form_key, &removal->plan, err);
        if (rc == 0 && !(removal->plan->grants->actions & 1u << action))
            rc = err_set(err, ERR_FORBIDDEN, "no grant gives the action on any row of the form");
        if (rc < 0)
            return rc;
        removal->event_id = caller_event(caller, AUDIT_DELETE, removal->plan->form->key, removal->id).id;
        removal->at_us = clock_utc_us();
        struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = removal->event_id};
        task_stage("write");
        rc = tx_run(caller->house->app, &opts, write_removal, removal, &done, err);
        if (rc == 0 && removal->was_there &&
            (rc = change_shown(removal->plan, "unchanged", &removal->id, 1, err)) < 0)
            return rc;
        if (rc == 0) {
            *ret_done = (struct record_done){.plan = removal->plan,
                .record = removal->record,
                .pos = position_print(caller->house, &done, task_arena())};
            return 0;
        }
        if (rc != -ERR_EPOCH_MOVED || i == RECORD_WRITE_TRIES)
            return clash(removal, err);
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

task_fn int record_delete(struct caller *caller, struct str form_key, int64_t id, struct str version,
    struct record_done *ret_done, struct err *err)
{
    struct removal removal = {.id = id, .version = version};
    return run(caller, form_key, ACTION_DELETE, &removal, ret_done, err);
}

task_fn int record_restore(
    struct caller *caller, struct str form_key, int64_t id, struct record_done *ret_done, struct err *err)
{
    struct removal removal = {.id = id, .back = true};
    return run(caller, form_key, ACTION_RESTORE, &removal, ret_done, err);
}
