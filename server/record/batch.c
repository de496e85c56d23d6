/*
 * Many changes of one form, all or nothing: one transaction with an event for each record, locked in the
 * order of their ids. What is wrong is told of every item at once, under its place in the request
 * ("update[3].fields.phone").
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/map.h"
#include "base/must.h"
#include "record/change_int.h"

#include <stdlib.h>

enum item_kind { ITEM_UPDATE, ITEM_DELETE, ITEM_RESTORE };
static const char *const LISTS[] = {
    [ITEM_UPDATE] = "update", [ITEM_DELETE] = "delete", [ITEM_RESTORE] = "restore"};

/* A record that is there: one of each id, ascending. */
struct item {
    enum item_kind kind;
    size_t place; /* in its list */
    int64_t id;
    struct str path; /* "update[3]" */
    struct update *update;
    struct locked row;
    bool writes;
    struct audit_event event;
};

struct batch {
    struct plan *plan;
    const struct record_batch *asked;
    int64_t at_us, first_event;
    struct record *created;
    struct audit_event *create_events;
    bool *sound; /* of each new one: nothing is wrong with it */
    struct err create_faults;
    struct item *items;
    size_t n_items;
    struct children_move *moves;
    size_t n_moves;
    bool stale, refused; /* versions whose bases are to be found; something is not allowed */
    struct record_conflict *conflicts;
    size_t n_conflicts, conflicts_room;
};

static struct str path_of(const char *list, size_t place)
{
    return arena_printf(task_arena(), "%s[%zu]", list, place);
}

/* ---- what is wrong with one item ----------------------------------------------------------------------- */

/* An error of one item becomes faults under its place; one that is of no item is the whole's. */
static int take(struct batch *batch, struct str path, const struct err *found, struct err *err)
{
    struct arena *arena = task_arena();
    if (found->code == ERR_NONE)
        return 0;
    if (found->code == ERR_NOT_FOUND) {
        (void)err_add(err, arena, path, FAULT_NOT_VISIBLE, STR_NULL);
        return 0;
    }
    if (found->code == ERR_FORBIDDEN) {
        batch->refused = true;
        (void)err_add(err, arena, path, FAULT_NOT_ALLOWED, STR_NULL);
        return 0;
    }
    if (found->items == NULL) {
        *err = *found;
        return -(int)found->code;
    }
    for (const struct err_item *item = found->items; item; item = item->next)
        (void)err_add(err, arena,
            item->field.n ? arena_printf(arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(item->field)) : path,
            item->fault, item->limit);
    return 0;
}

/* ---- the request --------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct item *one = a, *other = b;
    if (one->id != other->id)
        return one->id < other->id ? -1 : 1;
    return one->kind != other->kind ? (int)one->kind - (int)other->kind
                                    : (one->place > other->place) - (one->place < other->place);
}

static void add_items(struct batch *batch, enum item_kind kind, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        batch->items[batch->n_items++] =
            (struct item){.kind = kind, .place = i, .id = ids[i], .path = path_of(LISTS[kind], i)};
}

/* Each record once: two changes of one would have no order. */
static int sort_items(struct batch *batch, struct err *err)
{
    const struct record_batch *asked = batch->asked;
    size_t n = asked->n_update + asked->n_delete + asked->n_restore;
    int64_t *ids = arena_new_array(task_arena(), int64_t, asked->n_update + 1);
    batch->items = arena_new_array(task_arena(), struct item, n + 1);
    for (size_t i = 0; i < asked->n_update; i++)
        ids[i] = asked->update[i].id;
    add_items(batch, ITEM_UPDATE, ids, asked->n_update);
    add_items(batch, ITEM_DELETE, asked->delete, asked->n_delete);
    add_items(batch, ITEM_RESTORE, asked->restore, asked->n_restore);
    if (n > 1)
        qsort(batch->items, n, sizeof(*batch->items), by_id);
    for (size_t i = 1; i < n; i++)
        if (batch->items[i].id == batch->items[i - 1].id)
            (void)err_add(err, task_arena(), batch->items[i].path, FAULT_DUPLICATE, STR_NULL);
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

/* Form first, then all that can be known without a lock: what is wrong with the new ones. */
static task_fn int prepare_created(struct batch *batch, struct err *err)
{
    const struct record_batch *asked = batch->asked;
    batch->created = arena_new_array(task_arena(), struct record, asked->n_create + 1);
    batch->create_events = arena_new_array(task_arena(), struct audit_event, asked->n_create + 1);
    batch->sound = arena_new_array(task_arena(), bool, asked->n_create + 1);
    for (size_t i = 0; i < asked->n_create; i++) {
        struct err found = {0};
        int rc = creation_prepare(batch->plan, asked->create[i], batch->at_us, &batch->created[i], &found);
        batch->sound[i] = rc == 0;
        if (rc < 0)
            rc = take(batch, path_of("create", i), &found, &batch->create_faults);
        if (rc < 0) {
            *err = batch->create_faults;
            return rc;
        }
        if (batch->sound[i])
            creation_event(batch->plan, &batch->created[i], batch->at_us, &batch->create_events[i]);
        if (i == 0)
            batch->create_events[i].id = batch->first_event;
    }
    return 0;
}

/* The records that new and changed ones are to name. */
static task_fn int read_targets(struct batch *batch, struct err *err)
{
    const struct record_batch *asked = batch->asked;
    size_t n = 0;
    const struct json **requests =
        arena_new_array(task_arena(), const struct json *, asked->n_create + asked->n_update + 1);
    for (size_t i = 0; i < asked->n_create; i++)
        requests[n++] = asked->create[i];
    for (size_t i = 0; i < asked->n_update; i++)
        requests[n++] = asked->update[i].fields;
    return targets_read_named(batch->plan, NULL, requests, n, err);
}

/* ---- unique values ------------------------------------------------------------------------------------- */

/* A value that an item gives the field, or brings back with it. */
struct given {
    struct str path;
    int64_t id;
    const struct db_val *value;
};

static void keep_given(struct given *list, size_t *n, struct str path, const struct field *field, int64_t id,
    const struct db_val *value)
{
    if (value->kind != DB_NULL)
        list[(*n)++] = (struct given){
            arena_printf(task_arena(), "%.*s.fields.%.*s", STR_ARGS(path), STR_ARGS(field->key)), id, value};
}

static struct given *given_of(const struct batch *batch, const struct field *field, size_t *ret_n)
{
    size_t n = 0, f = field->index;
    struct given *list =
        arena_new_array(task_arena(), struct given, batch->asked->n_create + batch->n_items + 1);
    for (size_t i = 0; i < batch->asked->n_create; i++)
        if (batch->sound[i])
            keep_given(list, &n, path_of("create", i), field, 0, &batch->created[i].values[f]);
    for (size_t i = 0; i < batch->n_items; i++) {
        const struct item *item = &batch->items[i];
        if (!item->writes)
            continue;
        if (item->kind == ITEM_UPDATE &&
            !db_val_equal(&item->update->before.values[f], &item->update->after.values[f]))
            keep_given(list, &n, item->path, field, item->id, &item->update->after.values[f]);
        else if (item->kind == ITEM_RESTORE && item->row.record.view->levels[f] >= LEVEL_READ)
            keep_given(list, &n, item->path, field, item->id, &item->row.record.values[f]);
    }
    *ret_n = n;
    return list;
}

/* One value for two records of the same batch. */
static void clash_within(struct batch *batch, struct err *err)
{
    const struct form *form = batch->plan->form;
    for (size_t f = 0; f < form->n_fields; f++) {
        const struct field *field = &form->fields[f];
        size_t n;
        if (!field->unique || field->type->is_automatic)
            continue;
        struct given *list = given_of(batch, field, &n);
        struct map *seen = map_new();
        for (size_t i = 0; i < n; i++) {
            struct str text = value_json(field, list[i].value, task_arena());
            if (map_get(seen, text))
                (void)err_add(err, task_arena(), list[i].path, FAULT_DUPLICATE, STR_NULL);
            else
                (void)map_put(seen, text, &list[i]);
        }
        map_free(seen, NULL);
    }
}

/* Of those that are given, the ones that somebody else has: as their own column compares them. */
static task_fn int name_clashes(
    const struct batch *batch, const struct field *field, const struct given *list, size_t n, struct err *err)
{
    const struct form *form = batch->plan->form;
    struct err none = {0};
    int64_t left = 0;
    int rc = clash_left(batch->plan, &left, &none);
    for (size_t i = 0; rc == 0 && i < n && left > 0; i++) {
        struct statement *select = statement_new();
        struct db_rows rows;
        buf_printf(select->sql, "SELECT _id FROM `%.*s` WHERE `%.*s` = ? AND _live = 1 AND _id <> ?",
            STR_ARGS(form->table), STR_ARGS(field->column));
        statement_bind(select, *list[i].value);
        statement_bind(select, DB_I(list[i].id));
        rc = db_query(batch->plan->caller->house->app, buf_cstr(select->sql), select->params,
            select->n_params, &rows, &none);
        if (rc < 0 || rows.n_rows == 0)
            continue;
        rc = clash_note(batch->plan, list[i].id, field, &none);
        (void)err_set(err, ERR_CONFLICT, "unique key of field %.*s", STR_ARGS(field->key));
        (void)err_add(err, task_arena(), list[i].path, FAULT_NOT_UNIQUE, STR_NULL);
        left--;
    }
    if (rc < 0)
        *err = none;
    return rc;
}

static task_fn int answer_clash(const struct batch *batch, struct err *err)
{
    struct str key;
    size_t n;
    if (err->code != ERR_DB_DUPLICATE || !db_duplicate_key(err, &key) || !str_starts(key, STR("uk_")))
        return -(int)err->code;
    const struct field *field = form_field_find(batch->plan->form, (struct str){key.p + 3, key.n - 3});
    if (!field)
        return -(int)err->code;
    const struct given *list = given_of(batch, field, &n);
    err_clear(err);
    int rc = name_clashes(batch, field, list, n, err);
    /* None is named: it has gone meanwhile, is of a record whose field is not seen, or there were too many
     * this hour. It counts all the same. */
    if (rc == 0 && err->code == ERR_NONE)
        rc = clash_note(batch->plan, 0, field, err);
    return rc < 0 ? rc : err_set(err, ERR_CONFLICT, "a unique value is taken");
}

static task_fn int check_unique_updates(const struct batch *batch, struct err *err)
{
    size_t n = batch->asked->n_update;
    const struct json **fields = arena_new_array(task_arena(), const struct json *, n + 1);
    for (size_t i = 0; i < n; i++)
        fields[i] = batch->asked->update[i].fields;
    return clash_check(batch->plan, fields, n, err);
}

/* ---- inside of the transaction ------------------------------------------------------------------------- */

static task_fn int lock_items(struct tx *tx, struct batch *batch, struct err *err)
{
    size_t n = batch->n_items;
    struct db_rows rows;
    if (n == 0) {
        int rc = tx_query(tx, EPOCH_SHARE_SQL, DB_NO_PARAMS, &rows, err);
        if (rc < 0)
            return rc;
        must(rows.n_rows == 1);
        return epoch_is(db_cell(&rows, 0, 0), batch->plan->caller, err) ? 0 : -ERR_EPOCH_MOVED;
    }
    int64_t *ids = arena_new_array(task_arena(), int64_t, n);
    struct locked *locked = arena_new_array(task_arena(), struct locked, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = batch->items[i].id;
    int rc = rows_lock(tx, batch->plan, batch->asked->n_restore ? ROW_EITHER : ROW_LIVE, ids, n, locked, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        batch->items[i].row = locked[i];
    return rc;
}

static void keep_conflicts(struct batch *batch, const struct item *item)
{
    const struct update *update = item->update;
    size_t n = batch->n_conflicts + update->n_conflicts;
    if (n > batch->conflicts_room) {
        batch->conflicts_room = 2 * n;
        struct record_conflict *more = arena_new_array(task_arena(), struct record_conflict, 2 * n);
        for (size_t i = 0; i < batch->n_conflicts; i++)
            more[i] = batch->conflicts[i];
        batch->conflicts = more;
    }
    for (size_t i = 0; i < update->n_conflicts; i++) {
        struct record_conflict *conflict = &batch->conflicts[batch->n_conflicts + i];
        *conflict = update->conflicts[i];
        conflict->item = item->path;
        conflict->record = &update->before;
    }
    batch->n_conflicts = n;
}

static int judge_update(struct batch *batch, struct item *item, struct err *err)
{
    struct update *update = item->update;
    const struct record *row = &item->row.record;
    update->stale = false;
    update->n_conflicts = 0;
    if (row->id == 0 || item->row.deleted || !view_is_visible(row->view))
        return err_set(err, ERR_NOT_FOUND, "no such record, or not visible");
    if (!(row->view->actions & 1u << ACTION_UPDATE))
        return err_set(err, ERR_FORBIDDEN, "no grant updates this row");
    update->plan = batch->plan;
    update->before = *row;
    if (!update_version_is_good(update)) {
        batch->stale = true;
        return 0;
    }
    int rc = update_judge(update, err);
    if (rc == -ERR_STALE) {
        keep_conflicts(batch, item);
        err_clear(err);
        return 0;
    }
    if (rc < 0)
        return rc;
    item->writes = update_differs(update);
    update->at_us = batch->at_us;
    update->after.rev = update->before.rev + item->writes;
    return 0;
}

static task_fn int judge_item(struct tx *tx, struct batch *batch, struct item *item, struct err *err)
{
    int rc;
    item->writes = false;
    switch (item->kind) {
    case ITEM_UPDATE:
        return judge_update(batch, item, err);
    case ITEM_DELETE:
        if (item->row.deleted)
            return err_set(err, ERR_NOT_FOUND, "it is in the bin already");
        rc = removal_check(batch->plan, &item->row, STR_NULL, err);
        item->writes = rc == 0;
        return rc;
    case ITEM_RESTORE:
        rc = return_check(&item->row, err);
        if (rc < 0 || !item->row.deleted)
            return rc;
        item->writes = true;
        return return_hold_parent(tx, batch->plan, &item->row.record, err);
    }
    never("kinds of items");
}

static task_fn int judge_all(struct tx *tx, struct batch *batch, struct err *err)
{
    batch->stale = batch->refused = false;
    batch->n_conflicts = 0;
    for (size_t i = 0; i < batch->n_items; i++) {
        struct err found = {0};
        int rc = judge_item(tx, batch, &batch->items[i], &found);
        if (rc < 0)
            rc = take(batch, batch->items[i].path, &found, err);
        if (rc < 0)
            return rc;
    }
    for (const struct err_item *item = batch->create_faults.items; item; item = item->next) {
        batch->refused = batch->refused || item->fault == FAULT_NOT_ALLOWED;
        (void)err_add(err, task_arena(), item->field, item->fault, item->limit);
    }
    clash_within(batch, err);
    if (err->code == ERR_NONE && batch->n_conflicts > 0)
        return err_set(err, ERR_STALE, "%zu fields were changed by others", batch->n_conflicts);
    if (err->code == ERR_NONE && batch->stale)
        return err_set(err, ERR_STALE, "a version is not the present one");
    if (err->code != ERR_NONE && batch->refused)
        err->code = ERR_FORBIDDEN; /* more than a slip: it stands over the rest, and is logged */
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

static void make_moves(struct batch *batch)
{
    batch->moves = arena_new_array(task_arena(), struct children_move, batch->n_items + 1);
    batch->n_moves = 0;
    for (size_t i = 0; i < batch->n_items; i++) {
        struct item *item = &batch->items[i];
        struct record *row = &item->row.record;
        if (!item->writes)
            continue;
        bool first = batch->asked->n_create == 0 && batch->n_moves == 0;
        int64_t event_id = first ? batch->first_event : id_new();
        if (item->kind == ITEM_UPDATE) {
            item->update->event_id = event_id;
            update_event(item->update, &item->event);
        } else {
            item->event = caller_event(batch->plan->caller,
                item->kind == ITEM_DELETE ? AUDIT_DELETE : AUDIT_RESTORE, batch->plan->form->key, item->id);
            item->event.id = event_id;
            item->event.at_us = batch->at_us;
            item->event.rev = row->rev + 1;
        }
        batch->moves[batch->n_moves++] = (struct children_move){.plan = batch->plan,
            .kind = item->kind == ITEM_UPDATE   ? CHILDREN_FOLLOW
                    : item->kind == ITEM_DELETE ? CHILDREN_LEAVE
                                                : CHILDREN_RETURN,
            .path = arena_printf(task_arena(), "%.*s.", STR_ARGS(item->path)),
            .cause = item->event.id,
            .at_us = batch->at_us,
            .before = item->update ? &item->update->before : row,
            .after = item->update ? &item->update->after : row};
    }
}

static size_t add_events(struct tx *tx, const struct batch *batch)
{
    size_t n = 0;
    struct audit_event *events =
        arena_new_array(task_arena(), struct audit_event, batch->asked->n_create + batch->n_items + 1);
    for (size_t i = 0; i < batch->asked->n_create; i++)
        events[n++] = batch->create_events[i];
    for (size_t i = 0; i < batch->n_items; i++)
        if (batch->items[i].writes)
            events[n++] = batch->items[i].event;
    audit_add_many(tx, events, n);
    for (size_t i = 0; i < batch->n_moves; i++)
        children_events(tx, &batch->moves[i]);
    return n;
}

static void remember(struct tx *tx, const struct batch *batch)
{
    const struct record_batch *asked = batch->asked;
    struct once_records records = {.deleted = asked->delete,
        .n_deleted = asked->n_delete,
        .restored = asked->restore,
        .n_restored = asked->n_restore,
        .n_created = asked->n_create,
        .n_updated = asked->n_update};
    if (!batch->plan->caller->once)
        return;
    records.created = arena_new_array(task_arena(), int64_t, asked->n_create + 1);
    records.updated = arena_new_array(task_arena(), int64_t, asked->n_update + 1);
    for (size_t i = 0; i < asked->n_create; i++)
        records.created[i] = batch->created[i].id;
    for (size_t i = 0; i < asked->n_update; i++)
        records.updated[i] = asked->update[i].id;
    once_add(tx, batch->plan->caller, &records);
}

/* What goes makes room for unique values first. */
static void add_rows(struct tx *tx, const struct batch *batch)
{
    struct search_batch *search = search_batch_new();
    static const enum item_kind ORDER[] = {ITEM_DELETE, ITEM_UPDATE, ITEM_RESTORE};
    for (size_t o = 0; o < sizeof(ORDER) / sizeof(ORDER[0]); o++)
        for (size_t i = 0; i < batch->n_items; i++) {
            const struct item *item = &batch->items[i];
            if (!item->writes || item->kind != ORDER[o])
                continue;
            if (item->kind == ITEM_UPDATE)
                update_row(tx, item->update, search);
            else if (item->kind == ITEM_DELETE)
                removal_row(tx, batch->plan, item->id, batch->at_us);
            else
                return_row(tx, batch->plan, item->id);
        }
    for (size_t i = 0; i < batch->asked->n_create; i++)
        creation_row(tx, batch->plan, &batch->created[i], batch->at_us, search);
    search_flush(search, tx);
    for (size_t i = 0; i < batch->n_moves; i++)
        children_rows(tx, &batch->moves[i]);
}

static task_fn int write_batch(struct tx *tx, void *arg, struct err *err)
{
    struct batch *batch = arg;
    int rc = lock_items(tx, batch, err);
    if (rc == 0)
        rc = targets_hold(batch->plan, tx, err);
    if (rc == 0)
        rc = judge_all(tx, batch, err);
    if (rc < 0)
        return rc;
    make_moves(batch);
    rc = children_lock(tx, batch->moves, batch->n_moves, err);
    if (rc < 0)
        return rc;
    if (add_events(tx, batch) == 0)
        return 0;
    remember(tx, batch);
    add_rows(tx, batch);
    return 0;
}

/* ---- again and again ----------------------------------------------------------------------------------- */

static task_fn int find_bases(struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->n_items; i++) {
        struct update *update = batch->items[i].update;
        int rc = update && update->stale ? update_find_base(update, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The records that the values of conflicts name. */
static task_fn int read_named(struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->n_conflicts; i++) {
        const struct record_conflict *conflict = &batch->conflicts[i];
        const int64_t ids[] = {conflict->base.kind == DB_INT ? conflict->base.i : 0,
            conflict->theirs.kind == DB_INT ? conflict->theirs.i : 0};
        int rc = conflict->field->type->reference == REFERENCE_RECORD
                     ? targets_read(batch->plan, NULL, conflict->field, ids, 2, err)
                     : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static task_fn int batch_once(struct caller *caller, struct str form_key, struct batch *batch,
    struct tx_done *ret_done, struct err *err)
{
    const struct record_batch *asked = batch->asked;
    int rc = plan_make(task_arena(), caller, form_key, &batch->plan, err);
    batch->at_us = clock_utc_us();
    batch->first_event = id_new();
    batch->create_faults = (struct err){0};
    batch->refused = false;
    task_stage("validate");
    if (rc == 0)
        rc = clash_check(batch->plan, asked->create, asked->n_create, err);
    if (rc == 0)
        rc = check_unique_updates(batch, err);
    if (rc == 0)
        rc = read_targets(batch, err);
    if (rc == 0)
        rc = prepare_created(batch, err);
    if (rc < 0)
        return rc;
    struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = batch->first_event};
    task_stage("write");
    return tx_run(caller->house->app, &opts, write_batch, batch, ret_done, err);
}

static void bind_updates(struct batch *batch)
{
    struct update *updates = arena_new_array(task_arena(), struct update, batch->asked->n_update + 1);
    for (size_t i = 0; i < batch->n_items; i++) {
        struct item *item = &batch->items[i];
        if (item->kind != ITEM_UPDATE)
            continue;
        item->update = &updates[item->place];
        *item->update = (struct update){.id = item->id,
            .version = batch->asked->update[item->place].version,
            .fields = batch->asked->update[item->place].fields};
    }
}

/* Those that the answer shows though they did not change, or whose present values stand in conflicts. */
static task_fn int log_shown(const struct batch *batch, bool is_stale, struct err *err)
{
    size_t n = 0;
    int64_t *ids = arena_new_array(task_arena(), int64_t, batch->n_items + batch->n_conflicts + 1);
    for (size_t i = 0; !is_stale && i < batch->n_items; i++)
        if (!batch->items[i].writes && batch->items[i].kind != ITEM_DELETE)
            ids[n++] = batch->items[i].id;
    for (size_t i = 0; is_stale && i < batch->n_conflicts; i++)
        if (n == 0 || ids[n - 1] != batch->conflicts[i].record->id)
            ids[n++] = batch->conflicts[i].record->id;
    return change_shown(batch->plan, is_stale ? "conflict" : "unchanged", ids, n, err);
}

static void give(const struct batch *batch, struct str pos, struct record_batch_done *ret_done)
{
    const struct record_batch *asked = batch->asked;
    struct record_batch_done done = {.plan = batch->plan, .created = batch->created, .pos = pos};
    done.updated = arena_new_array(task_arena(), struct record, asked->n_update + 1);
    done.restored = arena_new_array(task_arena(), struct record, asked->n_restore + 1);
    for (size_t i = 0; i < batch->n_items; i++) {
        const struct item *item = &batch->items[i];
        if (item->kind == ITEM_UPDATE)
            done.updated[item->place] = item->update->after;
        else if (item->kind == ITEM_RESTORE)
            done.restored[item->place] = item->row.record;
    }
    *ret_done = done;
}

task_fn int record_batch(struct caller *caller, struct str form_key, const struct record_batch *asked,
    struct record_batch_done *ret_done, struct record_done *ret_stale, struct err *err)
{
    struct batch batch = {.asked = asked};
    struct tx_done done = {0};
    int rc = sort_items(&batch, err);
    if (rc < 0)
        return rc;
    bind_updates(&batch);
    for (int i = 0;; i++) {
        rc = batch_once(caller, form_key, &batch, &done, err);
        bool bases = rc == -ERR_STALE && batch.n_conflicts == 0;
        if (i == RECORD_WRITE_TRIES || (rc != -ERR_EPOCH_MOVED && !bases))
            break;
        err_clear(err);
        rc = bases ? find_bases(&batch, err) : caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
    if (rc == 0) {
        give(&batch, position_print(caller->house, &done, task_arena()), ret_done);
        rc = log_shown(&batch, false, err);
    }
    if (rc == -ERR_STALE) {
        struct err why = {0};
        if (read_named(&batch, &why) < 0 || log_shown(&batch, true, &why) < 0) {
            *err = why;
            return -(int)why.code;
        }
        *ret_stale = (struct record_done){
            .plan = batch.plan, .conflicts = batch.conflicts, .n_conflicts = batch.n_conflicts};
    }
    return rc < 0 ? answer_clash(&batch, err) : 0;
}
