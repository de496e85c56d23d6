/*
 * What is done to one record besides changing it: its history, and the reveal of a masked value. Both look at
 * the row as it is now, under the rights of now.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "record/shown_int.h"
#include "text/text.h"

enum { HISTORY_MAX = 200, BATCH = 200, REASON_CHARS_MAX = 200, TRIES = 5 };

/* The row, with the epoch at which it stood. ERR_NOT_FOUND: absent or not visible. */
static task_fn int read_now(struct plan *plan, int64_t id, struct record *ret_record, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    const struct str columns = plan_columns(plan);
    buf_printf(select->sql,
        "SELECT (SELECT epoch FROM catalog_epoch WHERE id = 1), %.*s FROM `%.*s` r WHERE r._id = ? AND r._live = 1",
        STR_ARGS(columns), STR_ARGS(plan->form->table));
    statement_bind(select, DB_I(id));
    int rc = db_query(
        plan->caller->house->app, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    if (rows.n_rows == 0)
        return err_set(err, ERR_NOT_FOUND, "no such record");
    if (!epoch_is(db_cell(&rows, 0, 0), plan->caller, err))
        return -ERR_EPOCH_MOVED;
    plan_read_row(plan, &rows, 0, 1, ret_record);
    return view_is_visible(ret_record->view) ? 0 : err_set(err, ERR_NOT_FOUND, "not visible");
}

task_fn int shown_record(struct caller *caller, struct str form_key, int64_t id, struct plan **ret_plan,
    struct record *ret_record, struct err *err)
{
    for (int i = 0;; i++) {
        int rc = plan_make(task_arena(), caller, form_key, ret_plan, err);
        if (rc == 0)
            rc = read_now(*ret_plan, id, ret_record, err);
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

/* ---- history ------------------------------------------------------------------------------------------- */

/* One side of a change as it is shown; false: nothing of it is (no value). */
static struct str side_json(
    const struct plan *plan, const struct record *record, const struct field *field, const struct json *value)
{
    const struct record_view *view = record->view;
    struct buf buf = {0};
    struct json_out out;
    struct db_val stored = {0};
    bool known = value_of_json(field, value, &stored);
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    if (!value || value->kind == JSON_NULL)
        json_out_null(&out);
    else if (view->levels[field->index] == LEVEL_MASKED && field->type->reference == REFERENCE_RECORD) {
        json_out_raw(&out, STR("{\"id\":null,\"title\":null}"));
    } else if (view->levels[field->index] == LEVEL_MASKED) {
        const struct db_val text = known && stored.kind != DB_NULL ? stored
                                   : value->kind == JSON_STR       ? DB_S(value->str)
                                                                   : DB_I(0);
        json_out_str(&out, masked_text(view->masks[field->index], &text));
    } else if (known)
        record_print_value(plan, record, field, &stored, &out);
    else
        json_out_tree(&out, value); /* as it was then */
    json_out_end(&out);
    struct str json = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return json;
}

/* The records that a value names, now or earlier, are looked at: each is shown as the caller may see it. */
static task_fn int read_named(
    struct plan *plan, const struct field *field, const struct json *change, struct err *err)
{
    const struct json *sides[] = {json_get(change, STR("before")), json_get(change, STR("after"))};
    int64_t ids[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        struct db_val stored = {0};
        if (value_of_json(field, sides[i], &stored) && stored.kind == DB_INT)
            ids[i] = stored.i;
    }
    return targets_read(plan, NULL, field, ids, 2, err);
}

task_fn int shown_changes(struct plan *plan, const struct record *record, const struct audit_row *event,
    struct shown_change **ret_changes, size_t *ret_n, struct err *err)
{
    const struct record_view *view = record->view;
    struct json *changes = NULL;
    struct err ignored = {0};
    struct json_limits limits = {.max_bytes = 16 << 20, .max_nodes = 1000000};
    size_t n = 0;
    if (event->changes.n == 0 || json_parse(task_arena(), event->changes, &limits, &changes, &ignored) < 0 ||
        changes->kind != JSON_ARRAY) {
        *ret_n = 0;
        return 0;
    }
    *ret_changes = arena_new_array(task_arena(), struct shown_change, changes->array.n + 1);
    for (size_t i = 0; i < changes->array.n; i++) {
        const struct json *change = &changes->array.at[i];
        const struct json *key = change->kind == JSON_OBJECT ? json_get(change, STR("field")) : NULL;
        const struct field *field =
            key && key->kind == JSON_STR ? form_field_find(plan->form, key->str) : NULL;
        if (!field || view->levels[field->index] == LEVEL_HIDDEN)
            continue;
        if (field->type->reference == REFERENCE_RECORD && view->levels[field->index] >= LEVEL_READ) {
            int rc = read_named(plan, field, change, err);
            if (rc < 0)
                return rc;
        }
        struct shown_change shown = {field->key,
            side_json(plan, record, field, json_get(change, STR("before"))),
            side_json(plan, record, field, json_get(change, STR("after")))};
        /* That a masked value is another one is not told, if its mask does not tell. */
        if (view->levels[field->index] == LEVEL_MASKED && str_eq(shown.before, shown.after))
            continue;
        (*ret_changes)[n++] = shown;
    }
    *ret_n = n;
    return 0;
}

bool shown_is_nothing(const struct audit_row *event, size_t n_changes)
{
    return n_changes == 0 && (str_eq(event->action, STR("update")) || str_eq(event->action, STR("derive")));
}

void shown_print(const struct plan *plan, const struct audit_row *event, const struct shown_change *changes,
    size_t n, struct json_out *out)
{
    const struct user *actor =
        event->actor_id ? directory_user(plan->caller->world->directory, event->actor_id) : NULL;
    json_out_member_instant(out, "at", event->at_us);
    json_out_key(out, STR("actor"));
    if (event->actor_id) {
        json_out_object(out);
        json_out_member_id(out, "id", event->actor_id);
        json_out_member_str(out, "title", actor ? actor->name : event->login);
        json_out_object_end(out);
    } else {
        json_out_null(out);
    }
    json_out_member_str(out, "action", event->action);
    json_out_key(out, STR("changes"));
    json_out_array(out);
    for (size_t i = 0; i < n; i++) {
        json_out_object(out);
        json_out_member_str(out, "field", changes[i].field);
        json_out_key(out, STR("before"));
        json_out_raw(out, changes[i].before);
        json_out_key(out, STR("after"));
        json_out_raw(out, changes[i].after);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

struct history {
    struct plan *plan;
    const struct record *record;
    int64_t id, limit, printed, last;
    bool more;
    struct json_out *out;
};

/* Events of which nothing is seen are passed by, so that a page is as long as what there is to see allows. */
static task_fn int print_events(struct history *history, int64_t before_id, struct err *err)
{
    struct plan *plan = history->plan;
    for (size_t n = BATCH; n == BATCH;) {
        struct audit_row *events;
        int rc = audit_of_record(
            plan->caller->house->app, plan->form->key, history->id, before_id, BATCH, &events, &n, err);
        if (rc < 0)
            return rc;
        for (size_t e = 0; e < n; e++) {
            struct shown_change *changes = NULL;
            size_t n_changes = 0;
            rc = shown_changes(plan, history->record, &events[e], &changes, &n_changes, err);
            if (rc < 0)
                return rc;
            before_id = events[e].id;
            if (shown_is_nothing(&events[e], n_changes))
                continue;
            if (history->printed == history->limit) {
                history->more = true;
                return 0;
            }
            json_out_object(history->out);
            shown_print(plan, &events[e], changes, n_changes, history->out);
            json_out_object_end(history->out);
            history->printed++;
            history->last = events[e].id;
        }
    }
    return 0;
}

task_fn int record_history(struct caller *caller, struct str form_key, int64_t id, int64_t before_id,
    int64_t limit, struct json_out *out, struct err *err)
{
    struct record record;
    struct history history = {.id = id, .limit = limit, .out = out};
    if (limit < 1 || limit > HISTORY_MAX)
        return err_add(err, task_arena(), STR("limit"), limit < 1 ? FAULT_TOO_SMALL : FAULT_TOO_LARGE,
            limit < 1 ? STR("1") : arena_printf(task_arena(), "%d", HISTORY_MAX));
    task_stage("read");
    int rc = shown_record(caller, form_key, id, &history.plan, &record, err);
    if (rc < 0)
        return rc;
    if (!(record.view->actions & 1u << ACTION_HISTORY))
        return err_set(err, ERR_FORBIDDEN, "no grant gives the history of this row");
    history.record = &record;
    task_stage("log");
    struct audit_event event = caller_event(caller, AUDIT_READ, history.plan->form->key, id);
    event.detail = STR("{\"what\":\"history\"}");
    rc = audit_read(caller->house->reader, &event, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    rc = print_events(&history, before_id, err);
    if (rc < 0)
        return rc;
    json_out_array_end(out);
    json_out_member_id(out, "next", history.more ? history.last : 0);
    json_out_object_end(out);
    return 0;
}

/* ---- reveal -------------------------------------------------------------------------------------------- */

static const char SQL_REVEALED[] =
    "SELECT COUNT(*) FROM tidemark_log.event WHERE login = ? AND id >= ? AND action = 'reveal'";

static struct str reveal_detail(const struct field *field, struct str reason)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_str(&out, "field", field->key);
    json_out_member_str(&out, "reason", reason);
    json_out_object_end(&out);
    json_out_end(&out);
    struct str text = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return text;
}

/* Past the limit it is refused, and the refusal is logged: many reveals are what a thief would need. */
static task_fn int check_rate(struct caller *caller, struct str form, int64_t id, struct err *err)
{
    const int64_t hour_us = INT64_C(3600000000);
    struct db_rows rows;
    int rc = db_query(caller->house->app, SQL_REVEALED,
        DB_PARAMS(DB_S(caller->login), DB_I(id_from(clock_utc_us() - hour_us))), &rows, err);
    if (rc < 0)
        return rc;
    must(rows.n_rows == 1);
    if (db_cell(&rows, 0, 0)->i < caller->house->conf->reveal_per_hour)
        return 0;
    struct audit_event event = caller_event(caller, AUDIT_REFUSE, form, id);
    event.detail = STR("{\"what\":\"reveal\",\"why\":\"too_many\"}");
    rc = audit_read(caller->house->reader, &event, err);
    if (rc < 0)
        return rc;
    err->retry_after_s = 60;
    return err_set(err, ERR_TOO_MANY, "more reveals than an hour may have");
}

/* The event is committed before anything is shown. */
static task_fn int log_reveal(
    struct plan *plan, int64_t id, const struct field *field, struct str reason, struct err *err)
{
    struct house *house = plan->caller->house;
    int rc = task_lock_take(&house->revealing, 0, err);
    if (rc < 0)
        return rc;
    rc = check_rate(plan->caller, plan->form->key, id, err);
    if (rc == 0) {
        struct audit_event event = caller_event(plan->caller, AUDIT_REVEAL, plan->form->key, id);
        event.detail = reveal_detail(field, reason);
        rc = audit_read(house->reader, &event, err);
    }
    task_lock_give(&house->revealing);
    return rc;
}

static int check_reveal(const struct plan *plan, const struct record *record, struct str key,
    struct str reason, const struct field **ret_field, struct err *err)
{
    struct arena *arena = task_arena();
    const struct field *field = form_field_find(plan->form, key);
    if (!(record->view->actions & 1u << ACTION_REVEAL))
        return err_set(err, ERR_FORBIDDEN, "no grant reveals values of this row");
    if (!field || record->view->levels[field->index] == LEVEL_HIDDEN)
        (void)err_add(err, arena, STR("field"), FAULT_UNKNOWN, STR_NULL);
    else if (record->view->levels[field->index] != LEVEL_MASKED ||
             field->type->reference == REFERENCE_RECORD) /* who may not see a record may not reveal its id */
        (void)err_add(
            err, arena, STR("field"), FAULT_BAD_VALUE, STR_NULL); /* it is clear: nothing to reveal */
    if (reason.n == 0)
        (void)err_add(err, arena, STR("reason"), FAULT_REQUIRED, STR_NULL);
    else if (!text_is_printable(reason, false))
        (void)err_add(err, arena, STR("reason"), FAULT_NOT_TEXT, STR_NULL);
    else if (str_utf8_length(reason) > REASON_CHARS_MAX)
        (void)err_add(err, arena, STR("reason"), FAULT_TOO_LONG, arena_printf(arena, "%d", REASON_CHARS_MAX));
    *ret_field = field;
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

task_fn int record_reveal(struct caller *caller, struct str form_key, int64_t id, struct str key,
    struct str reason, struct json_out *out, struct err *err)
{
    struct plan *plan;
    struct record record;
    const struct field *field;
    reason = str_trim(reason);
    task_stage("read");
    int rc = shown_record(caller, form_key, id, &plan, &record, err);
    if (rc == 0)
        rc = check_reveal(plan, &record, key, reason, &field, err);
    if (rc < 0)
        return rc;
    task_stage("log");
    rc = log_reveal(plan, id, field, reason, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_member_id(out, "id", id);
    json_out_member_str(out, "field", field->key);
    json_out_key(out, STR("value"));
    record_print_value(plan, &record, field, &record.values[field->index], out);
    json_out_member_instant(
        out, "until", clock_utc_us() + caller->house->conf->reveal_show_s * INT64_C(1000000));
    json_out_object_end(out);
    return 0;
}
