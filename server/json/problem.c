/* Problem documents. */
#include "json/problem.h"

static void print_item(
    struct json_out *out, const struct err_item *item, enum err_lang lang, struct arena *arena)
{
    struct str field = item->field;
    /* Inside the engines a field of a record is "fields.<key>"; outside it is the field. */
    if (str_starts(field, STR("fields.")))
        field = (struct str){field.p + 7, field.n - 7};
    json_out_object(out);
    json_out_member_str(out, "field", field);
    json_out_member_text(out, "code", fault_key(item->fault));
    json_out_member_str(out, "message", fault_text(item, lang, arena));
    if (item->limit.n)
        json_out_member_str(out, "limit", item->limit);
    json_out_object_end(out);
}

void json_out_problem(
    struct json_out *out, const struct err *err, enum err_lang lang, struct str request, struct arena *arena)
{
    json_out_member_str(out, "type", arena_printf(arena, "/problems/%s", err_key(err->code)));
    json_out_member_text(out, "title", err_title(err->code, lang));
    json_out_member_int(out, "status", err_status(err->code));
    json_out_member_str(out, "request", request);
    if (!err->items)
        return;
    json_out_key(out, STR("errors"));
    json_out_array(out);
    for (const struct err_item *item = err->items; item; item = item->next)
        print_item(out, item, lang, arena);
    json_out_array_end(out);
}
