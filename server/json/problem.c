/* Problem documents. */
#include "json/problem.h"

/* Inside the engines a field of a record is "fields.<key>"; outside it is the field. */
static struct str shown_field(const struct err_item *item)
{
    struct str field = item->field;
    if (str_starts(field, STR("fields.")))
        field = (struct str){field.p + 7, field.n - 7};
    return field;
}

void json_out_fault(
    struct json_out *out, const struct err_item *item, enum err_lang lang, struct arena *arena)
{
    json_out_object(out);
    json_out_member_str(out, "field", shown_field(item));
    json_out_member_text(out, "code", fault_key(item->fault));
    json_out_member_str(out, "message", fault_text(item, lang, arena));
    if (item->limit.n)
        json_out_member_str(out, "limit", item->limit);
    json_out_object_end(out);
}

/* What can be said of this very case without telling a cause from inside; at least the title again. The
 * number of the request is named only where somebody should ask for it: answers to what is absent and to what
 * is not visible are the same bytes. */
static struct str detail_text(
    const struct err *err, enum err_lang lang, struct str request, struct arena *arena)
{
    const bool en = lang == ERR_LANG_EN;
    if (err->items) {
        const struct err_item *item = err->items;
        const struct str message = fault_text(item, lang, arena), field = shown_field(item);
        return field.n == 0
                   ? message
                   : arena_printf(arena, "%.*s%s%.*s", STR_ARGS(field), en ? ": " : "：", STR_ARGS(message));
    }
    if (err->retry_after_s > 0)
        return arena_printf(arena, en ? "Try again in %d s" : "请在 %d 秒后重试", err->retry_after_s);
    if (err_status(err->code) == 500)
        return arena_printf(arena,
            en ? "Tell your administrator this number: %.*s" : "请将此编号告知管理员：%.*s",
            STR_ARGS(request));
    return str_of(err_title(err->code, lang));
}

void json_out_problem(
    struct json_out *out, const struct err *err, enum err_lang lang, struct str request, struct arena *arena)
{
    json_out_member_str(out, "type", arena_printf(arena, "/problems/%s", err_key(err->code)));
    json_out_member_text(out, "title", err_title(err->code, lang));
    json_out_member_int(out, "status", err_status(err->code));
    json_out_member_str(out, "detail", detail_text(err, lang, request, arena));
    json_out_member_str(out, "request", request);
    if (!err->items)
        return;
    json_out_key(out, STR("errors"));
    json_out_array(out);
    for (const struct err_item *item = err->items; item; item = item->next)
        json_out_fault(out, item, lang, arena);
    json_out_array_end(out);
}
