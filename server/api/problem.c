/*
 * Problem documents (RFC 9457). A user gets codes and texts from the tables, never a cause from inside: those
 * go to the log under the same request id.
 */
#include "json/problem.h"
#include "api/api_int.h"

static void print_conflicts(const struct call *call, struct json_out *out)
{
    const struct record_done *stale = call->stale;
    json_out_key(out, STR("conflicts"));
    json_out_array(out);
    for (size_t i = 0; i < stale->n_conflicts; i++) {
        const struct record_conflict *conflict = &stale->conflicts[i];
        const struct record *record = conflict->record ? conflict->record : &stale->record;
        json_out_object(out);
        if (conflict->item.n)
            json_out_member_str(out, "item", conflict->item);
        json_out_member_str(out, "field", conflict->field->key);
        if (conflict->has_base) {
            json_out_key(out, STR("base"));
            record_print_value(stale->plan, record, conflict->field, &conflict->base, out);
        }
        json_out_key(out, STR("theirs"));
        record_print_value(stale->plan, record, conflict->field, &conflict->theirs, out);
        json_out_key(out, STR("yours"));
        record_print_value(stale->plan, record, conflict->field, &conflict->yours, out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

void problem_print(const struct call *call, const struct err *err, struct json_out *out)
{
    json_out_object(out);
    json_out_problem(out, err, call->lang, str_of(call->request->id), task_arena());
    if (err->code == ERR_STALE && call->stale)
        print_conflicts(call, out);
    json_out_object_end(out);
    json_out_end(out);
}
