/* Records: list, one, create, change. All rights and all audit are record/'s. */
#include "api/api_int.h"
#include "base/id.h"

struct fields_body {
    const struct json *fields;
};
static const struct json_field FIELDS_MEMBERS[] = {
    {"fields", JSON_READ_ANY, offsetof(struct fields_body, fields), JSON_REQUIRED, 0, 0},
};

static int read_filter(struct call *call, struct record_query *query, struct err *err)
{
    struct str text = STR("");
    struct json *filter = NULL;
    const struct conf *conf = call->api->house->conf;
    int rc = call_query(call, "filter", &text, err);
    if (rc < 0 || text.n == 0)
        return rc;
    struct json_limits limits = {
        .max_bytes = (size_t)conf->records_filter_bytes, .max_depth = (int)conf->limits_json_depth};
    rc = json_parse(task_arena(), text, &limits, &filter, err);
    if (rc == 0)
        query->filter = filter;
    return rc;
}

/* "?<name>=1" */
static int read_switch(struct call *call, const char *name, bool *ret_on, struct err *err)
{
    struct str text = STR("");
    int rc = call_query(call, name, &text, err);
    if (rc == 0 && text.n && !str_eq(text, STR("1")) && !str_eq(text, STR("0")))
        rc = err_add(err, task_arena(), str_of(name), FAULT_BAD_VALUE, STR_NULL);
    *ret_on = str_eq(text, STR("1"));
    return rc;
}

static int read_query(struct call *call, struct record_query *query, struct err *err)
{
    int rc = call_query(call, "q", &query->q, err);
    if (rc == 0)
        rc = read_filter(call, query, err);
    if (rc == 0)
        rc = call_query(call, "sort", &query->sort, err);
    if (rc == 0)
        rc = call_query(call, "fields", &query->fields, err);
    if (rc == 0)
        rc = call_query(call, "after", &query->after, err);
    if (rc == 0)
        rc = call_query(call, "before", &query->before, err);
    if (rc == 0)
        rc = call_query_int(call, "limit", call->api->house->conf->records_page_default, &query->limit, err);
    if (rc == 0 && query->limit == 0)
        rc = err_add(err, task_arena(), STR("limit"), FAULT_TOO_SMALL, STR("1"));
    if (rc == 0)
        rc = read_switch(call, "count", &query->count, err);
    if (rc == 0)
        rc = read_switch(call, "pos", &query->pos, err);
    if (rc == 0)
        rc = read_switch(call, "deleted", &query->deleted, err);
    return rc;
}

/* Who put it into the recycle bin, and when. */
static void print_deleted(struct call *call, const struct record_deleted *deleted)
{
    const struct user *by = deleted->by ? directory_user(call->caller.world->directory, deleted->by) : NULL;
    json_out_member_instant(&call->out, "deleted_at", deleted->at_us);
    print_titled(&call->out, "deleted_by", deleted->by, by ? by->name : STR(""));
}

static void print_cursor(struct json_out *out, const char *name, struct str cursor)
{
    json_out_key(out, str_of(name));
    if (cursor.n)
        json_out_str(out, cursor);
    else
        json_out_null(out);
}

task_fn int records_list(struct call *call, struct err *err)
{
    struct record_query query = {0};
    struct record_list list;
    struct plan *plan;
    struct json_out *out = &call->out;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = read_query(call, &query, err);
    if (rc == 0)
        rc = record_list(&call->caller, call->form, &query, &list, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < list.n; i++) {
        json_out_object(out);
        record_print_selected(list.plan, &list.items[i], list.selected, out);
        if (list.deleted)
            print_deleted(call, &list.deleted[i]);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    print_cursor(out, "next", list.next);
    print_cursor(out, "previous", list.previous);
    if (list.total >= 0)
        json_out_member_str(out, "total", arena_printf(task_arena(), "%lld", (long long)list.total));
    if (list.pos.n)
        json_out_member_str(out, "pos", list.pos);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

static void print_item(
    struct call *call, const struct plan *plan, const struct record *record, struct str pos)
{
    struct json_out *out = &call->out;
    json_out_object(out);
    record_print(plan, record, out);
    if (pos.n)
        json_out_member_str(out, "pos", pos);
    json_out_object_end(out);
    json_out_end(out);
}

task_fn int records_show(struct call *call, struct err *err)
{
    struct plan *plan;
    struct record record;
    struct str pos = STR_NULL;
    bool wants_pos = false;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = read_switch(call, "pos", &wants_pos, err);
    if (rc == 0)
        rc = record_read(&call->caller, plan, call->id, &record, wants_pos ? &pos : NULL, err);
    if (rc < 0)
        return rc;
    print_item(call, plan, &record, pos);
    return 0;
}

/* The one record of a request that was done before, as it is now. */
static task_fn int show_again(
    struct call *call, const struct once_records *records, struct record_done *ret_done, struct err *err)
{
    struct record_batch_done done;
    int rc = once_show(&call->caller, call->form, records, &done, err);
    if (rc < 0)
        return rc;
    const struct record *record = records->n_created ? &done.created[0] : &done.restored[0];
    if (record->id == 0)
        return err_set(err, ERR_NOT_FOUND, "it has gone, or is not visible any more");
    *ret_done = (struct record_done){.plan = done.plan, .record = *record, .pos = done.pos};
    return 0;
}

task_fn int records_create(struct call *call, struct err *err)
{
    struct fields_body body = {0};
    struct record_done done;
    struct plan *plan;
    struct once_records records;
    bool again = false;
    /* The form first: who may not see it learns nothing from the faults of a body. */
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = call_once(call, &again, &records, err);
    if (rc == 0 && !again) {
        rc = call_read_body(call, JSON_FIELDS(FIELDS_MEMBERS), &body, err);
        if (rc == 0)
            rc = record_create(&call->caller, call->form, body.fields, &done, err);
        rc = call_once_after(call, rc, &again, &records, err);
    }
    if (rc == 0 && again)
        rc = show_again(call, &records, &done, err);
    if (rc < 0)
        return rc;
    call->reply->location = arena_printf(task_arena(), "/api/v1/forms/%.*s/records/%lld",
        STR_ARGS(plan_form(done.plan)->key), (long long)done.record.id);
    print_item(call, done.plan, &done.record, done.pos);
    return 0;
}

task_fn int records_update(struct call *call, struct err *err)
{
    struct fields_body body = {0};
    struct record_done *done = arena_new_one(task_arena(), struct record_done);
    struct plan *plan;
    struct str version = call_if_match(call);
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0 && version.n == 0)
        rc = err_set(err, ERR_PRECONDITION, "no If-Match");
    if (rc == 0)
        rc = call_read_body(call, JSON_FIELDS(FIELDS_MEMBERS), &body, err);
    if (rc == 0)
        rc = record_update(&call->caller, call->form, call->id, version, body.fields, done, err);
    if (rc == -ERR_STALE)
        call->stale = done;
    if (rc < 0)
        return rc;
    print_item(call, done->plan, &done->record, done->pos);
    return 0;
}

task_fn int records_delete(struct call *call, struct err *err)
{
    struct record_done done;
    struct json_out *out = &call->out;
    int rc = record_delete(&call->caller, call->form, call->id, call_if_match(call), &done, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_member_id(out, "id", done.record.id);
    json_out_member_str(out, "pos", done.pos);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

task_fn int records_restore(struct call *call, struct err *err)
{
    struct record_done done;
    struct once_records records;
    bool again = false;
    int rc = call_once(call, &again, &records, err);
    if (rc == 0 && !again) {
        rc = record_restore(&call->caller, call->form, call->id, &done, err);
        rc = call_once_after(call, rc, &again, &records, err);
    }
    if (rc == 0 && again)
        rc = show_again(call, &records, &done, err);
    if (rc < 0)
        return rc;
    print_item(call, done.plan, &done.record, done.pos);
    return 0;
}

enum { HISTORY_DEFAULT = 50 };

task_fn int records_history(struct call *call, struct err *err)
{
    struct str after = STR("");
    int64_t before_id = 0, limit = 0;
    struct plan *plan;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = call_query(call, "after", &after, err);
    if (rc == 0)
        rc = call_query_int(call, "limit", HISTORY_DEFAULT, &limit, err);
    if (rc == 0 && after.n && !id_parse(after, &before_id))
        rc = err_add(err, task_arena(), STR("after"), FAULT_BAD_VALUE, STR_NULL);
    if (rc == 0)
        rc = record_history(&call->caller, call->form, call->id, before_id, limit, &call->out, err);
    if (rc == 0)
        json_out_end(&call->out);
    return rc;
}

static int read_timeline_query(struct call *call, struct record_timeline_query *query, struct err *err)
{
    struct str after = STR(""), actor = STR("");
    int rc = call_query(call, "after", &after, err);
    if (rc == 0)
        rc = call_query(call, "actor", &actor, err);
    if (rc == 0)
        rc = call_query(call, "kind", &query->kind, err);
    if (rc == 0)
        rc = call_query_int(call, "limit", HISTORY_DEFAULT, &query->limit, err);
    if (rc < 0)
        return rc;
    if (after.n && !id_parse(after, &query->before_id))
        (void)err_add(err, task_arena(), STR("after"), FAULT_BAD_VALUE, STR_NULL);
    if (actor.n && !id_parse(actor, &query->actor_id))
        (void)err_add(err, task_arena(), STR("actor"), FAULT_NOT_AN_ID, STR_NULL);
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

task_fn int records_timeline(struct call *call, struct err *err)
{
    struct record_timeline_query query = {0};
    struct plan *plan;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = read_timeline_query(call, &query, err);
    if (rc == 0)
        rc = record_timeline(&call->caller, call->form, call->id, &query, &call->out, err);
    if (rc == 0)
        json_out_end(&call->out);
    return rc;
}

struct reveal_body {
    struct str field, reason;
};
static const struct json_field REVEAL_MEMBERS[] = {
    {"field", JSON_READ_STR, offsetof(struct reveal_body, field), JSON_REQUIRED, 0, 0},
    {"reason", JSON_READ_STR, offsetof(struct reveal_body, reason), JSON_REQUIRED, 0, 0},
};

task_fn int records_reveal(struct call *call, struct err *err)
{
    struct reveal_body body = {0};
    struct plan *plan;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = call_read_body(call, JSON_FIELDS(REVEAL_MEMBERS), &body, err);
    if (rc == 0)
        rc = record_reveal(&call->caller, call->form, call->id, body.field, body.reason, &call->out, err);
    if (rc == 0)
        json_out_end(&call->out);
    return rc;
}
