/* The log over HTTP. */
#include "api/api_int.h"

#include "base/clock.h"
#include "base/id.h"

enum { LOGIN_CHARS_MAX = 64 };

static int read_instant(struct call *call, const char *name, int64_t *ret_us, struct err *err)
{
    struct str text;
    int rc = call_query(call, name, &text, err);
    if (rc == 0 && text.n && !clock_parse_rfc3339(text, ret_us))
        return err_add(err, task_arena(), str_of(name), FAULT_NOT_AN_INSTANT, STR_NULL);
    return rc;
}

static int read_id(struct call *call, const char *name, int64_t *ret_id, struct err *err)
{
    struct str text;
    int rc = call_query(call, name, &text, err);
    if (rc == 0 && text.n && !id_parse(text, ret_id))
        return err_add(err, task_arena(), str_of(name), FAULT_NOT_AN_ID, STR_NULL);
    return rc;
}

static int read_filter(struct call *call, struct audit_filter *filter, struct err *err)
{
    struct str action;
    int64_t limit = 0;
    int rc = call_query(call, "actor", &filter->login, err);
    if (rc == 0)
        rc = call_query(call, "form", &filter->form, err);
    if (rc == 0)
        rc = call_query(call, "action", &action, err);
    if (rc == 0)
        rc = call_query_int(call, "limit", call->api->house->conf->records_page_default, &limit, err);
    if (rc < 0)
        return rc;
    /* From here on every fault is collected, so that all are told at once. */
    (void)read_id(call, "record", &filter->record, err);
    (void)read_id(call, "after", &filter->before_id, err);
    (void)read_instant(call, "from", &filter->from_us, err);
    (void)read_instant(call, "to", &filter->to_us, err);
    filter->has_action = action.n > 0;
    if (filter->has_action && !audit_action_parse(action, &filter->action))
        (void)err_add(err, task_arena(), STR("action"), FAULT_NOT_AN_OPTION, STR_NULL);
    if (!str_is_utf8(filter->login) || str_utf8_length(filter->login) > LOGIN_CHARS_MAX)
        (void)err_add(err, task_arena(), STR("actor"), FAULT_BAD_VALUE, STR_NULL);
    if (filter->form.n > FORM_KEY_MAX + 1)
        (void)err_add(err, task_arena(), STR("form"), FAULT_BAD_VALUE, STR_NULL);
    if (limit < 1)
        (void)err_add(err, task_arena(), STR("limit"), FAULT_TOO_SMALL, STR("1"));
    filter->limit = (size_t)limit;
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

task_fn int audit_list(struct call *call, struct err *err)
{
    struct audit_filter filter = {0};
    int rc = read_filter(call, &filter, err);
    if (rc == 0)
        rc = log_print(&call->caller, &filter, &call->out, err);
    if (rc == 0)
        json_out_end(&call->out);
    return rc;
}

task_fn int audit_seals(struct call *call, struct err *err)
{
    int64_t before = 0, limit = 0;
    int rc = call_query_int(call, "limit", call->api->house->conf->records_page_default, &limit, err);
    if (rc < 0)
        return rc;
    (void)read_id(call, "after", &before, err);
    if (limit < 1)
        (void)err_add(err, task_arena(), STR("limit"), FAULT_TOO_SMALL, STR("1"));
    if (err->code != ERR_NONE)
        return -(int)err->code;
    rc = log_print_seals(&call->caller, before, (size_t)limit, &call->out, err);
    if (rc == 0)
        json_out_end(&call->out);
    return rc;
}
