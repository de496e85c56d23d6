/* Many records in one request: read here with all faults at once, judged and written by record/. */
#include "api/api_int.h"
#include "base/id.h"

struct batch_body {
    const struct json *create, *update, *delete, *restore;
};
static const struct json_field BODY_MEMBERS[] = {
    {"create", JSON_READ_ANY, offsetof(struct batch_body, create), 0, 0, 0},
    {"update", JSON_READ_ANY, offsetof(struct batch_body, update), 0, 0, 0},
    {"delete", JSON_READ_ANY, offsetof(struct batch_body, delete), 0, 0, 0},
    {"restore", JSON_READ_ANY, offsetof(struct batch_body, restore), 0, 0, 0},
};

struct create_item {
    const struct json *fields;
};
static const struct json_field CREATE_MEMBERS[] = {
    {"fields", JSON_READ_ANY, offsetof(struct create_item, fields), JSON_REQUIRED, 0, 0},
};
static const struct json_field UPDATE_MEMBERS[] = {
    {"id", JSON_READ_ID, offsetof(struct record_batch_update, id), JSON_REQUIRED, 0, 0},
    {"version", JSON_READ_STR, offsetof(struct record_batch_update, version), JSON_REQUIRED, 1, 200},
    {"fields", JSON_READ_ANY, offsetof(struct record_batch_update, fields), JSON_REQUIRED, 0, 0},
};

static struct str place(const char *list, size_t i)
{
    return arena_printf(task_arena(), "%s[%zu]", list, i);
}

/* The length of a list; past what is left of the batch a fault. */
static size_t length_of(const struct json *list, const char *name, size_t *left, struct err *err)
{
    struct arena *arena = task_arena();
    if (!list)
        return 0;
    if (list->kind != JSON_ARRAY) {
        (void)err_add(err, arena, str_of(name), FAULT_WRONG_TYPE, STR("array"));
        return 0;
    }
    if (list->array.n > *left) {
        (void)err_add(err, arena, str_of(name), FAULT_TOO_MANY, arena_printf(arena, "%d", RECORD_BATCH_MAX));
        return 0;
    }
    *left -= list->array.n;
    return list->array.n;
}

static int64_t *read_ids(const struct json *list, const char *name, size_t n, struct err *err)
{
    int64_t *ids = arena_new_array(task_arena(), int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct json *id = &list->array.at[i];
        if (id->kind != JSON_STR)
            (void)err_add(err, task_arena(), place(name, i), FAULT_WRONG_TYPE, STR("string"));
        else if (!id_parse(id->str, &ids[i]))
            (void)err_add(err, task_arena(), place(name, i), FAULT_NOT_AN_ID, STR_NULL);
    }
    return ids;
}

static int read_batch(struct call *call, struct record_batch *ret_batch, struct err *err)
{
    struct arena *arena = task_arena();
    struct batch_body body = {0};
    struct record_batch batch = {0};
    size_t left = RECORD_BATCH_MAX;
    int rc = call_read_body(call, JSON_FIELDS(BODY_MEMBERS), &body, err);
    if (rc < 0 && rc != -ERR_INVALID)
        return rc;
    batch.n_create = length_of(body.create, "create", &left, err);
    batch.n_update = length_of(body.update, "update", &left, err);
    batch.n_delete = length_of(body.delete, "delete", &left, err);
    batch.n_restore = length_of(body.restore, "restore", &left, err);
    const struct json **create = arena_new_array(arena, const struct json *, batch.n_create + 1);
    batch.update = arena_new_array(arena, struct record_batch_update, batch.n_update + 1);
    for (size_t i = 0; i < batch.n_create; i++) {
        struct create_item item = {0};
        (void)json_read(
            &body.create->array.at[i], JSON_FIELDS(CREATE_MEMBERS), place("create", i), &item, arena, err);
        create[i] = item.fields;
    }
    for (size_t i = 0; i < batch.n_update; i++)
        (void)json_read(&body.update->array.at[i], JSON_FIELDS(UPDATE_MEMBERS), place("update", i),
            &batch.update[i], arena, err);
    batch.create = create;
    batch.delete = read_ids(body.delete, "delete", batch.n_delete, err);
    batch.restore = read_ids(body.restore, "restore", batch.n_restore, err);
    *ret_batch = batch;
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

static void print_items(
    struct call *call, const char *name, const struct plan *plan, const struct record *records, size_t n)
{
    struct json_out *out = &call->out;
    json_out_key(out, str_of(name));
    json_out_array(out);
    for (size_t i = 0; i < n; i++) {
        if (records[i].id == 0) { /* of a batch that was done before: it has gone, or is not seen any more */
            json_out_null(out);
            continue;
        }
        json_out_object(out);
        record_print(plan, &records[i], out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

task_fn int records_batch(struct call *call, struct err *err)
{
    struct record_batch batch;
    struct record_batch_done done;
    struct record_done *stale = arena_new_one(task_arena(), struct record_done);
    struct plan *plan;
    struct once_records records;
    bool again = false;
    struct json_out *out = &call->out;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc == 0)
        rc = call_once(call, &again, &records, err);
    if (rc == 0)
        rc = read_batch(call, &batch, err);
    if (rc == 0 && !again) {
        rc = record_batch(&call->caller, call->form, &batch, &done, stale, err);
        rc = call_once_after(call, rc, &again, &records, err);
    }
    if (rc == 0 && again)
        rc = once_show(&call->caller, call->form, &records, &done, err);
    if (rc == -ERR_STALE)
        call->stale = stale;
    if (rc < 0)
        return rc;
    json_out_object(out);
    print_items(call, "create", done.plan, done.created, batch.n_create);
    print_items(call, "update", done.plan, done.updated, batch.n_update);
    json_out_key(out, STR("delete"));
    json_out_array(out);
    for (size_t i = 0; i < batch.n_delete; i++)
        json_out_str(out, arena_printf(task_arena(), "%lld", (long long)batch.delete[i]));
    json_out_array_end(out);
    print_items(call, "restore", done.plan, done.restored, batch.n_restore);
    json_out_member_str(out, "pos", done.pos);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}
