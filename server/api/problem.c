/*
 * Problem documents (RFC 9457). A user gets codes and texts from the tables, never a cause from inside: those
 * go to the log under the same request id.
 */
#include "api/api_int.h"

static void print_items(const struct call *call, const struct err *err, struct json_out *out)
{
    json_out_key(out, STR("errors"));
    json_out_array(out);
    for (const struct err_item *item = err->items; item; item = item->next) {
        struct str field = item->field;
        /* Inside the engines a field of a record is "fields.<key>"; outside it is the field. */
        if (str_starts(field, STR("fields.")))
            field = (struct str){field.p + 7, field.n - 7};
        json_out_object(out);
        json_out_member_str(out, "field", field);
        json_out_member_text(out, "code", fault_key(item->fault));
        json_out_member_str(out, "message", fault_text(item, call->lang, task_arena()));
        if (item->limit.n)
            json_out_member_str(out, "limit", item->limit);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void print_conflicts(const struct call *call, struct json_out *out)
{
    const struct record_done *stale = call->stale;
    json_out_key(out, STR("conflicts"));
    json_out_array(out);
    for (size_t i = 0; i < stale->n_conflicts; i++) {
        const struct record_conflict *conflict = &stale->conflicts[i];
        json_out_object(out);
        json_out_member_str(out, "field", conflict->field->key);
        if (conflict->has_base) {
            json_out_key(out, STR("base"));
            record_print_value(&call->caller, conflict->field, &conflict->base, out);
        }
        json_out_key(out, STR("theirs"));
        record_print_value(&call->caller, conflict->field, &conflict->theirs, out);
        json_out_key(out, STR("yours"));
        record_print_value(&call->caller, conflict->field, &conflict->yours, out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

void problem_print(const struct call *call, const struct err *err, struct json_out *out)
{
    json_out_object(out);
    json_out_member_str(out, "type", arena_printf(task_arena(), "/problems/%s", err_key(err->code)));
    json_out_member_text(out, "title", err_title(err->code, call->lang));
    json_out_member_int(out, "status", err_status(err->code));
    json_out_member_text(out, "request", call->request->id);
    if (err->items)
        print_items(call, err, out);
    if (err->code == ERR_STALE && call->stale)
        print_conflicts(call, out);
    json_out_object_end(out);
    json_out_end(out);
}
