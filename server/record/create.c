/*
 * New records: one, or many in one transaction. The rights are those of a grant that gives `create` and holds
 * on the new row itself, so nobody can write a row that he may not see.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "record/change_int.h"

enum { MANY_MAX = 1000 };

struct creation {
    struct plan *plan;
    struct record *records;
    struct audit_event *events;
    size_t n;
    int64_t at_us;
};

/* Owner and department are the caller's own unless he names others. */
static void fill_roles(struct plan *plan, const struct json *fields, struct record *record)
{
    const struct form *form = plan->form;
    const struct user *user = plan->caller->policy->user;
    const ptrdiff_t roles[] = {form->owner, form->department};
    const int64_t own[] = {user->id, user->department_id};
    for (size_t i = 0; i < 2; i++)
        if (roles[i] >= 0 && own[i] != 0 &&
            (fields->kind != JSON_OBJECT || !json_get(fields, form->fields[roles[i]].key)))
            record->values[roles[i]] = DB_I(own[i]);
}

/* The row's owner and department before the policy is asked: what the request names, as far as there is such
 * a one. */
static int64_t named_id(const struct plan *plan, ptrdiff_t index, const struct json *fields,
    const struct db_val *values, int64_t own)
{
    if (index < 0)
        return 0;
    const struct field *field = &plan->form->fields[index];
    const struct json *given = fields->kind == JSON_OBJECT ? json_get(fields, field->key) : NULL;
    int64_t id = 0;
    if (!given)
        return values[index].kind == DB_INT ? values[index].i : 0;
    if (given->kind == JSON_STR && id_parse(given->str, &id) && reference_exists(plan, field, id))
        return id;
    return given->kind == JSON_NULL ? 0 : own; /* a fault, which is told of a row that would be his own */
}

static void check_required(struct plan *plan, const struct json *fields, const enum access_level *levels,
    const struct db_val *values, struct err *err)
{
    struct arena *arena = task_arena();
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        const struct json *given = json_get(fields, field->key);
        /* What was given has been judged; but of a record that is not seen, null says that it stays. */
        bool judged = given && (field->type->reference != REFERENCE_RECORD || given->kind != JSON_NULL ||
                                   levels[i] != LEVEL_MASKED);
        if (field->required && values[i].kind == DB_NULL && !field->type->is_automatic && !judged)
            (void)err_add(err, arena, arena_printf(arena, "fields.%.*s", STR_ARGS(field->key)),
                FAULT_REQUIRED, STR_NULL);
    }
}

static task_fn int draw_numbers(struct plan *plan, struct record *record, struct err *err)
{
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        int64_t number;
        if (!field->type->is_numbered)
            continue;
        int rc = numbers_next(plan->caller->house->numbers, field->id, &number, err);
        if (rc < 0)
            return rc;
        record->values[i] = DB_S(numbers_print(field->format, number, task_arena()));
    }
    return 0;
}

/* A row of a form with a parent is in its parent's scope. One whose parent is not seen is refused; what is
 * wrong with it is told of a row that would be the caller's own, whether there is such a record or not. */
static void copy_scope(const struct plan *plan, const struct json *fields, struct record *record)
{
    const struct user *user = plan->caller->policy->user;
    const struct field *field = &plan->form->fields[plan->form->parent];
    const struct target *parent = target_find(plan, field, target_named(field, fields));
    bool seen = parent && parent->seen;
    record->owner = seen ? parent->owner : user->id;
    record->department = seen ? parent->department : user->department_id;
    record->parent_title = seen ? parent->title : DB_N;
}

/* What the row is to hold of the records that it names. One that is not seen is refused; what is wrong with
 * it is told of a row that names none, whether there is such a record or not. */
static void copy_named(
    const struct plan *plan, const struct json *fields, struct record *record, struct db_val *values)
{
    const struct form *form = plan->form;
    if (form->n_references == 0)
        return;
    record->copies = arena_new_array(task_arena(), struct record_copy, form->n_references);
    for (size_t k = 0; k < form->n_references; k++) {
        const struct field *field = &form->fields[form->references[k]];
        int64_t id = target_named(field, fields);
        values[field->index] = id && reference_exists(plan, field, id) ? DB_I(id) : DB_N;
        record->copies[k] = target_copy(plan, k, &values[field->index]);
    }
}

/* Conditions look at the values of the row that is to be, before it is known which of them may be written;
 * what is wrong with them is told afterwards. */
static const struct record_view *view_of_draft(
    struct plan *plan, const struct json *fields, struct record *record)
{
    struct arena *arena = task_arena();
    size_t n = plan->form->n_fields;
    struct db_val *values = arena_new_array(arena, struct db_val, n);
    for (size_t i = 0; i < n; i++)
        values[i] = record->values[i];
    if (plan->has_conditions && fields->kind == JSON_OBJECT) {
        bool *given = arena_new_array(arena, bool, n);
        enum access_level *levels = arena_new_array(arena, enum access_level, n);
        struct err ignored = {0};
        for (size_t i = 0; i < n; i++)
            levels[i] = LEVEL_WRITE;
        (void)write_parse(plan, fields, levels, NULL, values, given, &ignored);
    }
    copy_named(plan, fields, record, values);
    struct record draft = *record;
    draft.values = values;
    return plan_view(plan, &draft);
}

task_fn int creation_prepare(
    struct plan *plan, const struct json *fields, int64_t at_us, struct record *record, struct err *err)
{
    const struct form *form = plan->form;
    const struct user *user = plan->caller->policy->user;
    bool *given = arena_new_array(task_arena(), bool, form->n_fields);
    record->values = arena_new_array(task_arena(), struct db_val, form->n_fields);
    fill_roles(plan, fields, record);
    for (size_t i = 0; i < form->n_fields; i++)
        if (form->fields[i].type->own_column)
            record->values[i] = write_own(plan, &form->fields[i], at_us);
    record->owner = named_id(plan, form->owner, fields, record->values, user->id);
    record->department = named_id(plan, form->department, fields, record->values, user->department_id);
    if (form->parent >= 0)
        copy_scope(plan, fields, record);
    record->view = view_of_draft(plan, fields, record);
    if (!(plan->grants->actions & 1u << ACTION_CREATE))
        return err_set(err, ERR_FORBIDDEN, "no grant creates records of the form");
    int rc = write_parse(plan, fields, record->view->levels, NULL, record->values, given, err);
    if (fields->kind == JSON_OBJECT)
        check_required(plan, fields, record->view->levels, record->values, err);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    if (!(record->view->actions & 1u << ACTION_CREATE) || !view_is_visible(record->view))
        return err_set(err, ERR_FORBIDDEN, "the new row is outside of what the caller may create");
    record->id = id_new();
    record->rev = 1;
    return rc < 0 ? rc : draw_numbers(plan, record, err);
}

void creation_event(
    struct plan *plan, const struct record *record, int64_t at_us, struct audit_event *ret_event)
{
    struct arena *arena = task_arena();
    struct audit_change *changes = arena_new_array(arena, struct audit_change, plan->form->n_fields);
    struct audit_event event = caller_event(plan->caller, AUDIT_CREATE, plan->form->key, record->id);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        if (record->values[i].kind != DB_NULL && !plan->form->fields[i].type->own_column)
            changes[event.n_changes++] = (struct audit_change){.field = plan->form->fields[i].key,
                .after = value_json(&plan->form->fields[i], &record->values[i], arena)};
    event.changes = changes;
    event.rev = record->rev;
    event.at_us = at_us;
    *ret_event = event;
}

void creation_row(struct tx *tx, const struct plan *plan, const struct record *record, int64_t at_us,
    struct search_batch *search)
{
    struct statement *insert = statement_new();
    char at[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(at_us, at);
    buf_printf(insert->sql,
        "INSERT INTO `%.*s` (_id, _rev, _created_at, _created_by, _changed_at, _changed_by",
        STR_ARGS(plan->form->table));
    const struct db_val when = DB_S(arena_copy(task_arena(), ((struct str){at, n}))),
                        who = DB_I(plan->caller->user_id);
    const struct db_val own[] = {DB_I(record->id), DB_I(record->rev), when, who, when, who};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        statement_bind(insert, own[i]);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        write_column(&plan->form->fields[i], &record->values[i], ", ", "", insert);
    if (plan->form->parent >= 0)
        write_scope(plan->form, record, false, ", ", "", insert);
    for (size_t k = 0; k < plan->form->n_references; k++)
        write_copy(plan->form, k, &record->copies[k], ", ", "", insert);
    buf_add_text(insert->sql, ") VALUES (?");
    for (size_t i = 1; i < insert->n_params; i++)
        buf_add_text(insert->sql, ",?");
    buf_add_text(insert->sql, ")");
    tx_add(tx, buf_cstr(insert->sql), insert->params, insert->n_params);
    search_add(search, tx, plan->form, record->id, NULL, record->values);
}

static task_fn int write_all(struct tx *tx, void *arg, struct err *err)
{
    struct creation *creation = arg;
    struct db_rows rows;
    int rc = tx_query(tx, EPOCH_SHARE_SQL, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    must(rows.n_rows == 1);
    if (!epoch_is(db_cell(&rows, 0, 0), creation->plan->caller, err))
        return -ERR_EPOCH_MOVED;
    rc = targets_hold(creation->plan, tx, err);
    if (rc < 0)
        return rc;
    if (creation->n == 1)
        (void)audit_add(tx, &creation->events[0]);
    else
        audit_add_many(tx, creation->events, creation->n);
    if (creation->plan->caller->once) {
        struct once_records records = {.n_created = creation->n};
        records.created = arena_new_array(task_arena(), int64_t, creation->n);
        for (size_t i = 0; i < creation->n; i++)
            records.created[i] = creation->records[i].id;
        once_add(tx, creation->plan->caller, &records);
    }
    struct search_batch *search = search_batch_new();
    for (size_t i = 0; i < creation->n; i++)
        creation_row(tx, creation->plan, &creation->records[i], creation->at_us, search);
    search_flush(search, tx);
    return 0;
}

static task_fn int create_once(struct caller *caller, struct str form_key, const struct json *const *items,
    size_t n, struct creation *creation, struct tx_done *ret_done, struct err *err)
{
    int rc = plan_make(task_arena(), caller, form_key, &creation->plan, err);
    if (rc < 0)
        return rc;
    creation->n = n;
    creation->at_us = clock_utc_us();
    creation->records = arena_new_array(task_arena(), struct record, n);
    creation->events = arena_new_array(task_arena(), struct audit_event, n);
    rc = targets_read_named(creation->plan, NULL, items, n, err);
    if (rc < 0)
        return rc;
    task_stage("validate");
    for (size_t i = 0; i < n; i++) {
        rc = creation_prepare(creation->plan, items[i], creation->at_us, &creation->records[i], err);
        if (rc < 0)
            return rc;
        creation_event(creation->plan, &creation->records[i], creation->at_us, &creation->events[i]);
    }
    rc = clash_check(creation->plan, items, n, err);
    if (rc < 0)
        return rc;
    struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = creation->events[0].id};
    task_stage("write");
    rc = tx_run(caller->house->app, &opts, write_all, creation, ret_done, err);
    return rc < 0 ? clash_answer(creation->plan, 0, err) : 0;
}

/* Planned anew under the newest world as long as it moves under our hands. */
static task_fn int create_records(struct caller *caller, struct str form_key, const struct json *const *items,
    size_t n, struct creation *creation, struct tx_done *ret_done, struct err *err)
{
    for (int i = 0;; i++) {
        int rc = create_once(caller, form_key, items, n, creation, ret_done, err);
        if (rc != -ERR_EPOCH_MOVED || i == RECORD_WRITE_TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

task_fn int record_create(struct caller *caller, struct str form_key, const struct json *fields,
    struct record_done *ret_done, struct err *err)
{
    struct creation creation = {0};
    struct tx_done done = {0};
    int rc = create_records(caller, form_key, &fields, 1, &creation, &done, err);
    if (rc == 0)
        *ret_done = (struct record_done){.plan = creation.plan,
            .record = creation.records[0],
            .pos = position_print(caller->house, &done, task_arena())};
    return rc;
}

task_fn int record_create_many(
    struct caller *caller, struct str form_key, const struct json *const *items, size_t n, struct err *err)
{
    struct creation creation = {0};
    if (n == 0)
        return 0;
    if (n > MANY_MAX)
        return err_add(
            err, task_arena(), STR("items"), FAULT_TOO_MANY, arena_printf(task_arena(), "%d", MANY_MAX));
    return create_records(caller, form_key, items, n, &creation, NULL, err);
}

task_fn int record_count_all(struct caller *caller, struct str form_key, int64_t *ret_count, struct err *err)
{
    const struct form *form = catalog_form(caller->world->catalog, form_key);
    struct statement *count = statement_new();
    struct db_rows rows;
    must(form != NULL);
    buf_printf(count->sql, "SELECT COUNT(*) FROM `%.*s`", STR_ARGS(form->table));
    int rc = db_query(caller->house->app, buf_cstr(count->sql), DB_NO_PARAMS, &rows, err);
    if (rc == 0)
        *ret_count = db_cell(&rows, 0, 0)->i;
    return rc;
}

task_fn int record_ids_all(struct caller *caller, struct str form_key, struct arena *arena, int64_t **ret_ids,
    size_t *ret_n, struct err *err)
{
    const struct form *form = catalog_form(caller->world->catalog, form_key);
    struct statement *select = statement_new();
    struct db_rows rows;
    must(form != NULL);
    buf_printf(
        select->sql, "SELECT _id FROM `%.*s` WHERE _live = 1 ORDER BY _id LIMIT ?", STR_ARGS(form->table));
    statement_bind(select, DB_I(*ret_n));
    int rc =
        db_query(caller->house->app, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    *ret_ids = arena_new_array(arena, int64_t, rows.n_rows + 1);
    for (size_t i = 0; i < rows.n_rows; i++)
        (*ret_ids)[i] = db_cell(&rows, i, 0)->i;
    *ret_n = rows.n_rows;
    return 0;
}
